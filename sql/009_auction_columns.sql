-- What follows from an auction's document is found in its text.  Reading all of
-- it as JSON, once for each column, took most of the time of a bid: it grows
-- with the number of bidders.  Names and values stand without spaces, and a
-- quote inside a text is escaped, so none of these can be part of one.

DROP INDEX rtprop.auction_open;

ALTER TABLE rtprop.auction
    DROP COLUMN status,
    DROP COLUMN price,
    DROP COLUMN starts_at_ms,
    DROP COLUMN ends_at_ms;

ALTER TABLE rtprop.auction
    ADD COLUMN status text GENERATED ALWAYS AS
        (substring(split_part(value, '"recent":', 1)
            FROM '"status":"([a-z]+)"')) STORED,
    ADD COLUMN price bigint GENERATED ALWAYS AS
        (substring(split_part(value, '"recent":', 1)
            FROM '"price":([0-9]+)')::bigint) STORED,
    ADD COLUMN starts_at_ms bigint GENERATED ALWAYS AS
        (substring(split_part(value, '"recent":', 1)
            FROM '"starts_at":([0-9]+)')::bigint) STORED,
    ADD COLUMN ends_at_ms bigint GENERATED ALWAYS AS
        (substring(split_part(value, '"recent":', 1)
            FROM '"ends_at":([0-9]+)')::bigint) STORED;

CREATE INDEX auction_open ON rtprop.auction (id)
    WHERE status IN ('scheduled', 'live', 'paused');
