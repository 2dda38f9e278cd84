-- Properties: what is kept and shown of them.

CREATE TABLE rtprop.property (
    id          text PRIMARY KEY,
    version     bigint NOT NULL,
    value       text NOT NULL,
    title       text GENERATED ALWAYS AS ((value::json)->>'title') STORED,
    status      text GENERATED ALWAYS AS ((value::json)->>'status') STORED,
    price       text GENERATED ALWAYS AS ((value::json)->>'price') STORED,
    ops         bigint[] NOT NULL,
    changed     timestamptz NOT NULL,
    expires     timestamptz
) WITH (fillfactor = 70);

SELECT rtprop.make_document('property');
