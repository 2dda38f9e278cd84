-- What all features stand on: channels that count, their events, documents
-- with versions, jobs.
--
-- A channel's events have no gaps: whoever adds one holds the channel's row
-- until the commit, so positions come to be seen in their order.

CREATE TABLE rtprop.meta (
    name        text PRIMARY KEY,
    value       text NOT NULL
);

COMMENT ON TABLE rtprop.meta IS
    'epoch: of all channels, anew by rtprop.new_epoch() after a restore';

CREATE FUNCTION rtprop.new_epoch() RETURNS text
LANGUAGE sql AS $$
    INSERT INTO rtprop.meta (name, value)
    VALUES ('epoch', substr(replace(gen_random_uuid()::text, '-', ''), 1, 15)
                     || '1')
    ON CONFLICT (name) DO UPDATE SET value = excluded.value
    RETURNING value
$$;

SELECT rtprop.new_epoch();


-- Channels and events ---------------------------------------------------------

CREATE TABLE rtprop.channel (
    name        text PRIMARY KEY,
    position    bigint NOT NULL DEFAULT 0,
    changed     timestamptz NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX channel_changed ON rtprop.channel (changed);

COMMENT ON TABLE rtprop.channel IS
    'The position of the newest event of each channel';
COMMENT ON COLUMN rtprop.channel.changed IS
    'To eight seconds, so that an update rarely touches the index';

CREATE TABLE rtprop.event (
    channel     text NOT NULL,
    position    bigint NOT NULL,
    id          bigint NOT NULL,
    type        text NOT NULL,
    payload     text NOT NULL,
    user_id     text,
    flags       bigint NOT NULL DEFAULT 0,
    kinds       bigint NOT NULL DEFAULT 0,
    extra       text,
    op          bigint NOT NULL DEFAULT 0,
    at          timestamptz NOT NULL,
    PRIMARY KEY (channel, position)
);

COMMENT ON TABLE rtprop.event IS
    'Events of channels; messages and bids have tables of their own';
COMMENT ON COLUMN rtprop.event.op IS
    'Of whoever wrote it: what is sent twice is known by it';
COMMENT ON COLUMN rtprop.event.extra IS
    'Who must not hear it, or hears something else: JSON';

-- The next position of a channel: once per event, in its transaction.

CREATE FUNCTION rtprop.next_position(p_channel text) RETURNS bigint
LANGUAGE sql AS $$
    INSERT INTO rtprop.channel AS c (name, position, changed)
    VALUES (p_channel, 1,
        date_bin('8 seconds', clock_timestamp(), timestamptz 'epoch'))
    ON CONFLICT (name) DO UPDATE
        SET position = c.position + 1, changed = excluded.changed
    RETURNING position
$$;

-- Channels that were changed lately; p_all: since somebody last said, by
-- channel_looked(), that he had looked.

CREATE FUNCTION rtprop.channel_changed(p_all boolean, p_count bigint)
RETURNS TABLE (name text, "position" bigint)
LANGUAGE plpgsql STABLE ROWS 100 AS $$
DECLARE
    since timestamptz := clock_timestamp();
BEGIN
    IF p_all THEN
        SELECT coalesce(max(m.value::timestamptz), '-infinity') INTO since
        FROM rtprop.meta m WHERE m.name = 'looked';
    END IF;

    RETURN QUERY
    SELECT c.name, c.position FROM rtprop.channel c
    WHERE c.changed >= since - interval '24 seconds'
    ORDER BY c.changed DESC LIMIT p_count;
END
$$;

CREATE FUNCTION rtprop.channel_looked() RETURNS void
LANGUAGE sql AS $$
    INSERT INTO rtprop.meta (name, value)
    VALUES ('looked', clock_timestamp()::text)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value
$$;

-- What an operation that may have been committed before has written.

CREATE FUNCTION rtprop.event_find(p_channel text, p_op bigint, p_id bigint)
RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT e.position
    FROM (SELECT position, op, id FROM rtprop.event
          WHERE channel = p_channel
          ORDER BY position DESC LIMIT 10000) e
    WHERE e.op = p_op AND e.id = p_id
    LIMIT 1
$$;

-- Adds events, each to its channel, if p_run; one row for each: its place in
-- the arrays and its position.  Bids go where bids are kept.

CREATE FUNCTION rtprop.append(p_run boolean, p_channels text[],
    p_types text[], p_payloads text[], p_ids bigint[], p_users text[],
    p_flags bigint[], p_kinds bigint[], p_extras text[], p_op bigint,
    p_retried boolean)
RETURNS TABLE (n bigint, "position" bigint)
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT coalesce(p_run, false) THEN
        RETURN;
    END IF;

    FOR i IN 1 .. cardinality(p_channels) LOOP
        n := i;
        position := NULL;

        IF p_types[i] = 'auction:bid'
           AND starts_with(p_channels[i], 'auction-bids:')
        THEN
            position := rtprop.auction_bid_accept(p_channels[i], p_ids[i],
                                                  p_payloads[i], p_retried);
            RETURN NEXT;
            CONTINUE;
        END IF;

        IF p_retried THEN
            position := rtprop.event_find(p_channels[i], p_op, p_ids[i]);
        END IF;

        IF position IS NULL THEN
            position := rtprop.next_position(p_channels[i]);

            INSERT INTO rtprop.event (channel, position, id, type, payload,
                user_id, flags, kinds, extra, op, at)
            VALUES (p_channels[i], append.position, p_ids[i], p_types[i],
                p_payloads[i], nullif(p_users[i], ''), p_flags[i], p_kinds[i],
                nullif(p_extras[i], ''), p_op, clock_timestamp());
        END IF;

        RETURN NEXT;
    END LOOP;
END
$$;

-- Up to p_count events after p_after and up to p_upto, the oldest or, with
-- p_newest, the newest, that have all of p_flags; with p_before, ahead of the
-- event with that id, or, where there is none, with an id below it.  The
-- channel's position is in each row; without events there is one row with it.

CREATE FUNCTION rtprop.event_history(p_channel text, p_after bigint,
    p_upto bigint, p_before bigint, p_flags bigint, p_count bigint,
    p_newest boolean)
RETURNS TABLE (top bigint, "position" bigint, id bigint, type text,
    payload text, user_id text, flags bigint, kinds bigint, extra text,
    at timestamptz)
LANGUAGE plpgsql STABLE ROWS 50 AS $$
DECLARE
    here bigint;
BEGIN
    SELECT c.position INTO top FROM rtprop.channel c WHERE c.name = p_channel;
    top := coalesce(top, 0);
    p_upto := least(p_upto, top);

    IF p_before > 0 THEN
        SELECT e.position INTO here FROM rtprop.event e
        WHERE e.channel = p_channel AND e.id = p_before
          AND e.flags & p_flags = p_flags
        LIMIT 1;

        IF FOUND THEN
            p_upto := least(p_upto, here - 1);
            p_before := 0;
        END IF;
    END IF;

    IF p_newest THEN
        RETURN QUERY
        SELECT event_history.top, e.position, e.id, e.type, e.payload,
            e.user_id, e.flags, e.kinds, e.extra, e.at
        FROM rtprop.event e
        WHERE e.channel = p_channel AND e.position > p_after
          AND e.position <= p_upto AND e.flags & p_flags = p_flags
          AND (p_before = 0 OR e.id < p_before)
        ORDER BY e.position DESC LIMIT p_count;

    ELSE
        RETURN QUERY
        SELECT event_history.top, e.position, e.id, e.type, e.payload,
            e.user_id, e.flags, e.kinds, e.extra, e.at
        FROM rtprop.event e
        WHERE e.channel = p_channel AND e.position > p_after
          AND e.position <= p_upto AND e.flags & p_flags = p_flags
        ORDER BY e.position LIMIT p_count;
    END IF;

    IF NOT FOUND THEN
        RETURN NEXT;
    END IF;
END
$$;

-- Forgets events older than that; messages and bids stay.

CREATE FUNCTION rtprop.event_purge(p_before timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    DELETE FROM rtprop.event WHERE at < p_before;
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END
$$;


-- Documents -------------------------------------------------------------------
--
-- Tables of documents have id, version, value and ops: the operations that
-- wrote last, by which one that is sent twice is known.

CREATE TABLE rtprop.document (
    id          text PRIMARY KEY,
    version     bigint NOT NULL,
    value       text NOT NULL,
    expires     timestamptz,
    ops         bigint[] NOT NULL,
    changed     timestamptz NOT NULL
) WITH (fillfactor = 70);

COMMENT ON TABLE rtprop.document IS
    'Documents that have no table of their own, by prefix:id';

CREATE TYPE rtprop.put_result AS (
    done        boolean,
    version     bigint,
    value       text,
    at          timestamptz
);

-- Makes TABLE_get and TABLE_put for a table of documents.
--
-- put: writes value if the version is still the expected one (0: there is
-- none) and the clock has not come to not_after, and raises it by step; value
-- NULL deletes.  done, with the new version; or not done, with the current
-- version and value, which are those expected if it was too late.  ttl: ms, or
-- NULL: it is kept for ever.

CREATE FUNCTION rtprop.make_document(p_table text)
RETURNS void
LANGUAGE plpgsql AS $make$
BEGIN
    EXECUTE replace($template$

CREATE FUNCTION rtprop.{table}_get(p_id text)
RETURNS TABLE (version bigint, value text, at timestamptz)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT d.version, d.value, clock_timestamp()
    FROM rtprop.{table} d
    WHERE d.id = p_id
      AND (d.expires IS NULL OR d.expires > clock_timestamp())
$$;

CREATE FUNCTION rtprop.{table}_put(p_id text, p_version bigint, p_value text,
    p_step bigint, p_not_after timestamptz, p_ttl bigint, p_op bigint,
    p_retried boolean)
RETURNS rtprop.put_result
LANGUAGE plpgsql AS $$
DECLARE
    r    rtprop.put_result;
    ops  bigint[];
BEGIN
    IF p_version > 0 AND p_value IS NOT NULL AND NOT p_retried THEN
        UPDATE rtprop.{table} d
        SET version = d.version + p_step, value = p_value,
            ops = (p_op || d.ops)[1:8], changed = clock_timestamp(),
            expires = clock_timestamp() + p_ttl * interval '1 ms'
        WHERE d.id = p_id AND d.version = p_version
          AND (d.expires IS NULL OR d.expires > clock_timestamp())
          AND (p_not_after IS NULL OR clock_timestamp() < p_not_after)
        RETURNING true, d.version, NULL, d.changed INTO r;

        IF FOUND THEN
            RETURN r;
        END IF;
    END IF;

    SELECT false, d.version, d.value, clock_timestamp(), d.ops
    INTO r.done, r.version, r.value, r.at, ops
    FROM rtprop.{table} d WHERE d.id = p_id
      AND (d.expires IS NULL OR d.expires > clock_timestamp())
    FOR UPDATE;

    r.done := false;
    r.version := coalesce(r.version, 0);
    r.at := clock_timestamp();

    IF p_retried AND p_op = ANY (ops) THEN
        r.done := true;
        RETURN r;
    END IF;

    IF r.version <> p_version
       OR (p_not_after IS NOT NULL AND r.at >= p_not_after)
    THEN
        RETURN r;
    END IF;

    IF p_value IS NULL THEN
        DELETE FROM rtprop.{table} d WHERE d.id = p_id;

        r.done := true;
        r.version := 0;
        r.value := NULL;
        RETURN r;
    END IF;

    INSERT INTO rtprop.{table} AS d (id, version, value, ops, changed,
        expires)
    VALUES (p_id, p_step, p_value, ARRAY[p_op], clock_timestamp(),
        clock_timestamp() + p_ttl * interval '1 ms')
    ON CONFLICT (id) DO UPDATE
    SET version = r.version + p_step, value = excluded.value,
        ops = (p_op || d.ops)[1:8], changed = clock_timestamp(),
        expires = excluded.expires
    WHERE d.version = r.version OR d.expires <= clock_timestamp()
    RETURNING true, d.version, NULL, d.changed INTO r;

    IF FOUND THEN
        RETURN r;
    END IF;

    SELECT false, d.version, d.value, clock_timestamp() INTO r
    FROM rtprop.{table} d WHERE d.id = p_id
      AND (d.expires IS NULL OR d.expires > clock_timestamp());

    RETURN r;
END
$$;

    $template$, '{table}', p_table);
END
$make$;

SELECT rtprop.make_document('document');

CREATE FUNCTION rtprop.document_purge() RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    DELETE FROM rtprop.document WHERE expires < clock_timestamp();
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END
$$;


-- Jobs ------------------------------------------------------------------------

CREATE TABLE rtprop.job (
    key         text PRIMARY KEY,
    due         timestamptz NOT NULL,
    payload     text NOT NULL
);

CREATE INDEX job_due ON rtprop.job (due);

COMMENT ON TABLE rtprop.job IS 'What is to be done at a time';

CREATE FUNCTION rtprop.job_put(p_key text, p_due timestamptz, p_payload text)
RETURNS void
LANGUAGE sql AS $$
    INSERT INTO rtprop.job (key, due, payload)
    VALUES (p_key, p_due, p_payload)
    ON CONFLICT (key) DO UPDATE
        SET due = excluded.due, payload = excluded.payload
$$;

-- Forgets a job that is done, or with p_any whenever it is due.

CREATE FUNCTION rtprop.job_remove(p_key text, p_any boolean) RETURNS void
LANGUAGE sql AS $$
    DELETE FROM rtprop.job
    WHERE key = p_key AND (p_any OR due <= clock_timestamp())
$$;

CREATE FUNCTION rtprop.job_due(p_from timestamptz, p_to timestamptz,
    p_count bigint)
RETURNS TABLE (key text, due timestamptz, payload text)
LANGUAGE sql STABLE AS $$
    SELECT j.key, j.due, j.payload FROM rtprop.job j
    WHERE j.due >= p_from AND j.due < p_to
    ORDER BY j.due LIMIT p_count
$$;
