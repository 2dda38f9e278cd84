-- The schema, and which migrations were applied.

CREATE SCHEMA rtprop;

CREATE TABLE rtprop.migration (
    version  int PRIMARY KEY,
    name     text NOT NULL,
    -- a module that does not know this version must not use the schema
    breaking boolean NOT NULL DEFAULT false,
    time     timestamptz NOT NULL DEFAULT clock_timestamp()
);

COMMENT ON SCHEMA rtprop IS 'rtprop: what is acknowledged and must last';
COMMENT ON TABLE rtprop.migration IS 'sql/NNN_name.sql that were applied';
