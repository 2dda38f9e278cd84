-- What only the server tells: emit() refuses it, and a row of the outbox that
-- came by another way is set aside, with the reason, and holds up no other.

CREATE TABLE rtprop.own_type (
    type        text PRIMARY KEY
);

COMMENT ON TABLE rtprop.own_type IS
    'Types of events that only the server tells, as the relay said';

CREATE TABLE rtprop.outbox_refused (
    id          bigint PRIMARY KEY,
    channel     text NOT NULL,
    type        text NOT NULL,
    payload     text NOT NULL,
    at          timestamptz NOT NULL,
    reason      text NOT NULL
);

COMMENT ON TABLE rtprop.outbox_refused IS
    'Rows of the outbox that were not told, and why; to be deleted by hand';

-- The relay says which they are, whenever it begins.

CREATE FUNCTION rtprop.own_types(p_types text[]) RETURNS void
LANGUAGE sql AS $$
    DELETE FROM rtprop.own_type WHERE type <> ALL (p_types);
    INSERT INTO rtprop.own_type SELECT unnest(p_types)
    ON CONFLICT DO NOTHING;
$$;

CREATE OR REPLACE FUNCTION rtprop.emit(channel text, type text, payload jsonb)
RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n bigint;
BEGIN
    IF coalesce(channel, '')
           !~ '^(conversation|property|auction|user):[^[:cntrl:]]+$'
       OR octet_length(channel) > 140
    THEN
        RAISE EXCEPTION 'rtprop.emit: "%" is no channel that keeps events',
            channel USING ERRCODE = '22023',
            HINT = 'conversation:{id}, property:{id}, auction:{id}, user:{id}';
    END IF;

    IF coalesce(type, '') !~ '^[A-Za-z][A-Za-z0-9_.:-]{0,63}$' THEN
        RAISE EXCEPTION 'rtprop.emit: "%" is no type of an event', type
            USING ERRCODE = '22023';
    END IF;

    IF EXISTS (SELECT FROM rtprop.own_type o WHERE o.type = emit.type) THEN
        RAISE EXCEPTION 'rtprop.emit: "%" is told by the server alone', type
            USING ERRCODE = '22023';
    END IF;

    IF coalesce(jsonb_typeof(payload), '') <> 'object'
       OR octet_length(payload::text) > 65536
    THEN
        RAISE EXCEPTION 'rtprop.emit: a payload is an object of at most 64 kB'
            USING ERRCODE = '22023';
    END IF;

    n := nextval(pg_get_serial_sequence('rtprop.outbox', 'id'));

    INSERT INTO rtprop.outbox (id, channel, type, payload)
    OVERRIDING SYSTEM VALUE
    VALUES (n, emit.channel, emit.type,
            (emit.payload || jsonb_build_object('event_id', n::text))::text);

    PERFORM pg_notify('rtprop_outbox', '');

    RETURN n;
END
$$;

-- Makes events of up to p_count rows of these channels, whose locks are held;
-- what is the server's own is refused.

CREATE FUNCTION rtprop.outbox_tell(p_holder bigint, p_channels text[],
    p_count bigint, OUT events bigint, OUT refused bigint)
LANGUAGE plpgsql AS $$
DECLARE
    r record;
BEGIN
    events := 0;
    refused := 0;

    PERFORM FROM rtprop.lease WHERE name = 'relay' AND holder = p_holder
    FOR SHARE;

    IF NOT FOUND THEN
        RETURN;
    END IF;

    FOR r IN
        WITH gone AS (
            DELETE FROM rtprop.outbox WHERE id IN (
                SELECT id FROM rtprop.outbox WHERE channel = ANY (p_channels)
                ORDER BY id LIMIT p_count)
            RETURNING *)
        SELECT g.*, o.type IS NOT NULL AS own
        FROM gone g LEFT JOIN rtprop.own_type o USING (type)
        ORDER BY g.id
    LOOP
        IF r.own THEN
            INSERT INTO rtprop.outbox_refused (id, channel, type, payload, at,
                reason)
            VALUES (r.id, r.channel, r.type, r.payload, r.at,
                'told by the server alone');
            refused := refused + 1;
            CONTINUE;
        END IF;

        INSERT INTO rtprop.event (channel, position, id, type, payload, at)
        VALUES (r.channel, rtprop.next_position(r.channel), r.id, r.type,
                r.payload, clock_timestamp());
        events := events + 1;
    END LOOP;
END
$$;

-- As modules ask that are older than this.

CREATE OR REPLACE FUNCTION rtprop.outbox_take(p_holder bigint,
    p_channels text[], p_count bigint)
RETURNS bigint
LANGUAGE sql AS $$
    SELECT t.events + t.refused
    FROM rtprop.outbox_tell(p_holder, p_channels, p_count) t
$$;
