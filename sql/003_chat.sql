-- Conversations, who takes part, messages, how far each has read.

CREATE TABLE rtprop.conversation (
    id          text PRIMARY KEY,
    version     bigint NOT NULL,
    property_id text,
    title       text,
    ops         bigint[] NOT NULL,
    changed     timestamptz NOT NULL
);

CREATE TABLE rtprop.participant (
    conversation_id text NOT NULL
        REFERENCES rtprop.conversation (id) ON DELETE CASCADE,
    user_id     text NOT NULL,
    name        text,
    avatar      text,
    role        text,
    place       bigint NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
);

CREATE INDEX participant_user ON rtprop.participant (user_id);

CREATE TABLE rtprop.message (
    conversation_id text NOT NULL,
    position    bigint NOT NULL,
    id          bigint NOT NULL,
    sender_id   text NOT NULL,
    sender_name text,
    sender_avatar text,
    content     text NOT NULL,
    attachments json,
    client_message_id text,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (conversation_id, position)
);

CREATE UNIQUE INDEX message_id ON rtprop.message (conversation_id, id);

CREATE UNIQUE INDEX message_once
    ON rtprop.message (conversation_id, sender_id, client_message_id)
    WHERE client_message_id IS NOT NULL;

COMMENT ON TABLE rtprop.message IS
    'Chat messages; position is that in the channel conversation:{id}';

CREATE TABLE rtprop.receipt (
    conversation_id text NOT NULL,
    user_id     text NOT NULL,
    message_id  bigint NOT NULL,
    version     bigint NOT NULL,
    read_at     timestamptz NOT NULL,
    PRIMARY KEY (conversation_id, user_id)
) WITH (fillfactor = 70);

COMMENT ON TABLE rtprop.receipt IS 'Up to which message a user has read';


-- The conversation's document: {"format", "property_id", "title",
-- "participants": [{"id", "name", "avatar", "role"}, ...]}

CREATE FUNCTION rtprop.conversation_get(p_id text)
RETURNS TABLE (version bigint, value text, at timestamptz)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT c.version, json_build_object('format', 1,
            'property_id', c.property_id, 'title', c.title,
            'participants', coalesce((
                SELECT json_agg(json_build_object('id', p.user_id,
                    'name', p.name, 'avatar', p.avatar, 'role', p.role)
                    ORDER BY p.place)
                FROM rtprop.participant p
                WHERE p.conversation_id = p_id), '[]'))::text,
        clock_timestamp()
    FROM rtprop.conversation c WHERE c.id = p_id
$$;

CREATE FUNCTION rtprop.conversation_put(p_id text, p_version bigint,
    p_value text, p_step bigint, p_not_after timestamptz, p_ttl bigint,
    p_op bigint, p_retried boolean)
RETURNS rtprop.put_result
LANGUAGE plpgsql AS $$
DECLARE
    r    rtprop.put_result;
    doc  json := p_value;
    done bigint[];
BEGIN
    r.at := clock_timestamp();
    r.done := false;

    SELECT c.version, c.ops INTO r.version, done
    FROM rtprop.conversation c WHERE c.id = p_id FOR UPDATE;

    r.version := coalesce(r.version, 0);

    IF p_retried AND p_op = ANY (done) THEN
        r.done := true;
        RETURN r;
    END IF;

    IF r.version = p_version AND p_value IS NULL THEN
        DELETE FROM rtprop.conversation c WHERE c.id = p_id;
        r.done := true;
        r.version := 0;
        RETURN r;
    END IF;

    IF r.version = p_version THEN
        INSERT INTO rtprop.conversation AS c (id, version, property_id, title,
            ops, changed)
        VALUES (p_id, p_step, doc->>'property_id', doc->>'title',
            ARRAY[p_op], r.at)
        ON CONFLICT (id) DO UPDATE
        SET version = c.version + p_step, property_id = excluded.property_id,
            title = excluded.title, ops = (p_op || c.ops)[1:8],
            changed = excluded.changed
        WHERE c.version = p_version
        RETURNING true, c.version INTO r.done, r.version;

        IF NOT FOUND THEN
            r.done := false;
        END IF;
    END IF;

    IF NOT r.done THEN
        SELECT g.version, g.value INTO r.version, r.value
        FROM rtprop.conversation_get(p_id) g;
        r.version := coalesce(r.version, 0);
        RETURN r;
    END IF;

    DELETE FROM rtprop.participant p
    WHERE p.conversation_id = p_id
      AND p.user_id NOT IN (
          SELECT e->>'id' FROM json_array_elements(doc->'participants') e);

    INSERT INTO rtprop.participant AS p (conversation_id, user_id, name,
        avatar, role, place)
    SELECT p_id, e.item->>'id', e.item->>'name', e.item->>'avatar',
        e.item->>'role', e.place
    FROM json_array_elements(doc->'participants')
         WITH ORDINALITY AS e (item, place)
    ON CONFLICT (conversation_id, user_id) DO UPDATE
    SET name = excluded.name, avatar = excluded.avatar,
        role = excluded.role, place = excluded.place
    WHERE (p.name, p.avatar, p.role, p.place) IS DISTINCT FROM
          (excluded.name, excluded.avatar, excluded.role, excluded.place);

    RETURN r;
END
$$;


-- A message: its position, or where the one with the same client_message_id of
-- the same sender is (known).

CREATE FUNCTION rtprop.chat_message_add(p_conversation text, p_id bigint,
    p_sender text, p_name text, p_avatar text, p_content text,
    p_attachments json, p_client_id text, p_created timestamptz,
    p_retried boolean)
RETURNS TABLE ("position" bigint, id bigint, created_at timestamptz,
    known boolean)
LANGUAGE plpgsql ROWS 1 AS $$
BEGIN
    IF p_client_id IS NOT NULL THEN
        SELECT m.position, m.id, m.created_at, m.id <> p_id
        INTO position, id, created_at, known
        FROM rtprop.message m
        WHERE m.conversation_id = p_conversation AND m.sender_id = p_sender
          AND m.client_message_id = p_client_id;

    ELSIF p_retried THEN
        SELECT m.position, m.id, m.created_at, false
        INTO position, id, created_at, known
        FROM rtprop.message m
        WHERE m.conversation_id = p_conversation AND m.id = p_id;
    END IF;

    IF position IS NULL THEN
        position := rtprop.next_position('conversation:' || p_conversation);
        id := p_id;
        created_at := p_created;
        known := false;

        INSERT INTO rtprop.message (conversation_id, position, id, sender_id,
            sender_name, sender_avatar, content, attachments,
            client_message_id, created_at)
        VALUES (p_conversation, chat_message_add.position, p_id, p_sender,
            p_name, p_avatar, p_content, p_attachments, p_client_id,
            p_created);
    END IF;

    RETURN NEXT;
END
$$;

-- Messages after p_after and up to p_upto, the oldest or newest p_count; with
-- p_before those ahead of the message with that id.

CREATE FUNCTION rtprop.chat_history(p_conversation text, p_after bigint,
    p_upto bigint, p_before bigint, p_count bigint, p_newest boolean)
RETURNS TABLE ("position" bigint, id bigint, sender_id text, sender_name text,
    sender_avatar text, content text, attachments json,
    client_message_id text, created_at timestamptz)
LANGUAGE plpgsql STABLE ROWS 50 AS $$
BEGIN
    IF p_before > 0 THEN
        SELECT least(p_upto, m.position - (m.id = p_before)::int) INTO p_upto
        FROM rtprop.message m
        WHERE m.conversation_id = p_conversation AND m.id <= p_before
        ORDER BY m.id DESC LIMIT 1;

        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;

    IF p_newest THEN
        RETURN QUERY
        SELECT m.position, m.id, m.sender_id, m.sender_name, m.sender_avatar,
            m.content, m.attachments, m.client_message_id, m.created_at
        FROM rtprop.message m
        WHERE m.conversation_id = p_conversation AND m.position > p_after
          AND m.position <= p_upto
        ORDER BY m.position DESC LIMIT p_count;

    ELSE
        RETURN QUERY
        SELECT m.position, m.id, m.sender_id, m.sender_name, m.sender_avatar,
            m.content, m.attachments, m.client_message_id, m.created_at
        FROM rtprop.message m
        WHERE m.conversation_id = p_conversation AND m.position > p_after
          AND m.position <= p_upto
        ORDER BY m.position LIMIT p_count;
    END IF;
END
$$;


-- Read marks: the document is the id of a message, as text.

CREATE FUNCTION rtprop.receipt_get(p_user text, p_channel text)
RETURNS TABLE (version bigint, value text, at timestamptz)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT r.version, r.message_id::text, clock_timestamp()
    FROM rtprop.receipt r
    WHERE r.conversation_id = substr(p_channel, 14) AND r.user_id = p_user
$$;

CREATE FUNCTION rtprop.receipt_put(p_user text, p_channel text,
    p_version bigint, p_value text, p_step bigint, p_not_after timestamptz,
    p_ttl bigint, p_op bigint, p_retried boolean)
RETURNS rtprop.put_result
LANGUAGE plpgsql AS $$
DECLARE
    r rtprop.put_result;
BEGIN
    INSERT INTO rtprop.receipt AS t (conversation_id, user_id, message_id,
        version, read_at)
    VALUES (substr(p_channel, 14), p_user, p_value::bigint, p_step,
        clock_timestamp())
    ON CONFLICT (conversation_id, user_id) DO UPDATE
    SET message_id = excluded.message_id, version = t.version + p_step,
        read_at = excluded.read_at
    WHERE t.version = p_version
       OR (p_retried AND t.message_id = excluded.message_id)
    RETURNING true, t.version, NULL, t.read_at INTO r;

    IF FOUND THEN
        RETURN r;
    END IF;

    SELECT false, t.version, t.message_id::text, clock_timestamp() INTO r
    FROM rtprop.receipt t
    WHERE t.conversation_id = substr(p_channel, 14) AND t.user_id = p_user;

    RETURN r;
END
$$;


-- When users were last seen: the document is a time in ms, as text.

CREATE TABLE rtprop.last_seen (
    user_id     text PRIMARY KEY,
    seen_at     timestamptz NOT NULL,
    version     bigint NOT NULL
) WITH (fillfactor = 70);

CREATE FUNCTION rtprop.last_seen_get(p_user text)
RETURNS TABLE (version bigint, value text, at timestamptz)
LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT s.version,
        round(extract(epoch FROM s.seen_at) * 1000)::bigint::text,
        clock_timestamp()
    FROM rtprop.last_seen s WHERE s.user_id = p_user
$$;

CREATE FUNCTION rtprop.last_seen_put(p_user text, p_version bigint,
    p_value text, p_step bigint, p_not_after timestamptz, p_ttl bigint,
    p_op bigint, p_retried boolean)
RETURNS rtprop.put_result
LANGUAGE sql AS $$
    INSERT INTO rtprop.last_seen AS s (user_id, seen_at, version)
    VALUES (p_user, to_timestamp(p_value::bigint / 1000.0), p_step)
    ON CONFLICT (user_id) DO UPDATE
    SET seen_at = greatest(s.seen_at, excluded.seen_at),
        version = s.version + p_step
    RETURNING true, version, NULL::text, clock_timestamp()
$$;
