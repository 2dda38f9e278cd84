-- Ids that two machines have made, since one of them has no number: what a query
-- finds under its id may be another's.  Something sent once more is known by all
-- that it consists of; what is not the same is refused as a duplicate (23505),
-- and comes again under another id.

CREATE OR REPLACE FUNCTION rtprop.chat_message_add(p_conversation text,
    p_id bigint, p_sender text, p_name text, p_avatar text, p_content text,
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
        WHERE m.conversation_id = p_conversation AND m.id = p_id
          AND m.sender_id = p_sender AND m.created_at = p_created
          AND m.content IS NOT DISTINCT FROM p_content
          AND m.client_message_id IS NULL;
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

CREATE OR REPLACE FUNCTION rtprop.auction_bid_accept(p_channel text,
    p_id bigint, p_payload text, p_retried boolean)
RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    auction text := substr(p_channel, 14);
    bid     json := p_payload;
    place   bigint;
BEGIN
    IF p_retried THEN
        SELECT b.position INTO place FROM rtprop.bid b
        WHERE b.auction_id = auction AND b.id = p_id AND b.accepted
          AND b.user_id = bid->>'user_id'
          AND b.amount = (bid->>'amount')::bigint
          AND b.at = (bid->>'created_at')::timestamptz;

        IF FOUND THEN
            RETURN place;
        END IF;
    END IF;

    place := rtprop.next_position(p_channel);

    INSERT INTO rtprop.bid (auction_id, id, position, user_id, bidder_number,
        amount, accepted, at)
    VALUES (auction, p_id, place, bid->>'user_id',
        (bid->>'bidder_number')::bigint, (bid->>'amount')::bigint, true,
        (bid->>'created_at')::timestamptz);

    RETURN place;
END
$$;

-- Refused bids, several at once; what was written before is left out.  One whose
-- id another bid has takes the next that is free: nobody has been told it.  None
-- is left out silently.

CREATE OR REPLACE FUNCTION rtprop.auction_bid_refuse(p_auctions text[],
    p_ids bigint[], p_users text[], p_amounts bigint[], p_client_ids text[],
    p_codes text[], p_versions bigint[], p_times bigint[])
RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    r     rtprop.bid;
    step  int;
BEGIN
    INSERT INTO rtprop.bid (auction_id, id, user_id, amount, client_bid_id,
        accepted, code, version, at)
    SELECT u.auction, u.id, u.usr, nullif(u.amount, -1),
        nullif(u.client_id, ''), false, u.code, nullif(u.version, 0),
        to_timestamp(u.ms / 1000.0)
    FROM unnest(p_auctions, p_ids, p_users, p_amounts, p_client_ids, p_codes,
                p_versions, p_times)
         AS u (auction, id, usr, amount, client_id, code, version, ms)
    ON CONFLICT (auction_id, id) DO NOTHING;

    GET DIAGNOSTICS step = ROW_COUNT;

    IF step = cardinality(p_ids) THEN
        RETURN;
    END IF;

    FOR r.auction_id, r.id, r.user_id, r.amount, r.client_bid_id, r.code,
        r.version, r.at
    IN
        SELECT u.auction, u.id, u.usr, nullif(u.amount, -1),
            nullif(u.client_id, ''), u.code, nullif(u.version, 0),
            to_timestamp(u.ms / 1000.0)
        FROM unnest(p_auctions, p_ids, p_users, p_amounts, p_client_ids,
                    p_codes, p_versions, p_times)
             AS u (auction, id, usr, amount, client_id, code, version, ms)
    LOOP
        FOR step IN 0 .. 64 LOOP

            -- it is there

            EXIT WHEN EXISTS (
                SELECT FROM rtprop.bid b
                WHERE b.auction_id = r.auction_id AND b.id = r.id + step
                  AND (b.accepted, b.user_id, b.amount, b.client_bid_id,
                       b.code, b.version, b.at)
                      IS NOT DISTINCT FROM (false, r.user_id, r.amount,
                          r.client_bid_id, r.code, r.version, r.at));

            INSERT INTO rtprop.bid (auction_id, id, user_id, amount,
                client_bid_id, accepted, code, version, at)
            VALUES (r.auction_id, r.id + step, r.user_id, r.amount,
                r.client_bid_id, false, r.code, r.version, r.at)
            ON CONFLICT (auction_id, id) DO NOTHING;

            EXIT WHEN FOUND;

            IF step = 64 THEN
                RAISE unique_violation
                    USING MESSAGE = 'rtprop: no id for a refused bid';
            END IF;
        END LOOP;
    END LOOP;
END
$$;
