-- The outbox: what transactions of the platform say, told if they commit.
--
-- A relay (one at a time, by rtprop.lease) makes events of its rows in
-- transactions of its own: in the order of their numbers among those that are
-- committed.  A row is removed in the transaction that makes its event.

CREATE TABLE rtprop.lease (
    name        text PRIMARY KEY,
    holder      bigint NOT NULL,
    until       timestamptz NOT NULL
);

COMMENT ON TABLE rtprop.lease IS 'Who does what only one may do';

CREATE TABLE rtprop.outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    channel     text NOT NULL,
    type        text NOT NULL,
    payload     text NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (autovacuum_vacuum_scale_factor = 0.01,
        autovacuum_vacuum_threshold = 1000);

COMMENT ON TABLE rtprop.outbox IS
    'What rtprop.emit() said and the relay has not told yet';

-- An event for all who hear the channel, if and only if the calling
-- transaction commits.  Returns its number, which the payload carries as
-- event_id.  What no channel or type can be is an error (22023).

CREATE FUNCTION rtprop.emit(channel text, type text, payload jsonb)
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

-- Takes or renews the lease for p_ttl ms; whether it is held.

CREATE FUNCTION rtprop.lease_take(p_name text, p_holder bigint, p_ttl bigint)
RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM rtprop.lease WHERE name = p_name
               AND holder <> p_holder AND until > clock_timestamp())
    THEN
        RETURN false;
    END IF;

    INSERT INTO rtprop.lease AS l (name, holder, until)
    VALUES (p_name, p_holder, clock_timestamp() + p_ttl * interval '1 ms')
    ON CONFLICT (name) DO UPDATE
        SET holder = excluded.holder, until = excluded.until
        WHERE l.holder = p_holder OR l.until <= clock_timestamp();

    RETURN FOUND;
END
$$;

-- The channels of the first p_count rows, and the oldest one's age in ms.

CREATE FUNCTION rtprop.outbox_peek(p_count bigint)
RETURNS TABLE (channel text, age bigint)
LANGUAGE sql STABLE AS $$
    SELECT o.channel,
           (extract(epoch FROM clock_timestamp() - min(o.at)) * 1000)::bigint
    FROM (SELECT * FROM rtprop.outbox ORDER BY id LIMIT p_count) o
    GROUP BY o.channel
$$;

-- Makes events of up to p_count rows of these channels, whose locks are held.

CREATE FUNCTION rtprop.outbox_take(p_holder bigint, p_channels text[],
    p_count bigint)
RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    r record;
    n bigint := 0;
BEGIN
    PERFORM FROM rtprop.lease WHERE name = 'relay' AND holder = p_holder
    FOR SHARE;

    IF NOT FOUND THEN
        RETURN 0;
    END IF;

    FOR r IN
        WITH gone AS (
            DELETE FROM rtprop.outbox WHERE id IN (
                SELECT id FROM rtprop.outbox WHERE channel = ANY (p_channels)
                ORDER BY id LIMIT p_count)
            RETURNING *)
        SELECT * FROM gone ORDER BY id
    LOOP
        INSERT INTO rtprop.event (channel, position, id, type, payload, at)
        VALUES (r.channel, rtprop.next_position(r.channel), r.id, r.type,
                r.payload, clock_timestamp());
        n := n + 1;
    END LOOP;

    RETURN n;
END
$$;
