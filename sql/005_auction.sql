-- Auctions and all bids ever made.  The version of an auction's row is the
-- referee of what happened first, this database's clock the judge of its end.

CREATE TABLE rtprop.auction (
    id          text PRIMARY KEY,
    version     bigint NOT NULL,
    value       text NOT NULL,
    status      text GENERATED ALWAYS AS
        ((split_part(value, E'\n', 1)::json)->>'status') STORED,
    price       bigint GENERATED ALWAYS AS
        (((split_part(value, E'\n', 1)::json)->>'price')::bigint) STORED,
    starts_at_ms bigint GENERATED ALWAYS AS
        (((split_part(value, E'\n', 1)::json)->>'starts_at')::bigint) STORED,
    ends_at_ms  bigint GENERATED ALWAYS AS
        (((split_part(value, E'\n', 1)::json)->>'ends_at')::bigint) STORED,
    ops         bigint[] NOT NULL,
    changed     timestamptz NOT NULL,
    expires     timestamptz
) WITH (fillfactor = 50);

CREATE INDEX auction_open ON rtprop.auction (id)
    WHERE status IN ('scheduled', 'live', 'paused');

COMMENT ON COLUMN rtprop.auction.value IS
    'A line of JSON, then a line with the user id of each bidder';

SELECT rtprop.make_document('auction');


-- Bids: what was accepted and what was refused; nothing of it ever changes.

CREATE TABLE rtprop.bid (
    auction_id  text NOT NULL,
    id          bigint NOT NULL,
    position    bigint,
    user_id     text NOT NULL,
    bidder_number bigint,
    amount      bigint,
    client_bid_id text,
    accepted    boolean NOT NULL,
    code        text,
    version     bigint,
    at          timestamptz NOT NULL,
    PRIMARY KEY (auction_id, id)
);

CREATE UNIQUE INDEX bid_position ON rtprop.bid (auction_id, position)
    WHERE position IS NOT NULL;

COMMENT ON TABLE rtprop.bid IS 'Every bid, for ever';
COMMENT ON COLUMN rtprop.bid.position IS
    'In the channel auction-bids:{id}; of accepted ones only';
COMMENT ON COLUMN rtprop.bid.code IS 'Why it was refused';
COMMENT ON COLUMN rtprop.bid.version IS
    'Of the auction on which it was judged, where it was refused';

CREATE FUNCTION rtprop.bid_kept() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'bids are kept as they are: % is not allowed', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER bid_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON rtprop.bid
    FOR EACH STATEMENT EXECUTE FUNCTION rtprop.bid_kept();
ALTER TABLE rtprop.bid ENABLE ALWAYS TRIGGER bid_kept;

-- An accepted bid, as the event of auction-bids:{id} tells of it; in the
-- transaction that writes the auction.

CREATE FUNCTION rtprop.auction_bid_accept(p_channel text, p_id bigint,
    p_payload text, p_retried boolean)
RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    auction text := substr(p_channel, 14);
    bid     json := p_payload;
    place   bigint;
BEGIN
    IF p_retried THEN
        SELECT b.position INTO place FROM rtprop.bid b
        WHERE b.auction_id = auction AND b.id = p_id;

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

-- Refused bids, several at once; what was written before is left out.

CREATE FUNCTION rtprop.auction_bid_refuse(p_auctions text[], p_ids bigint[],
    p_users text[], p_amounts bigint[], p_client_ids text[], p_codes text[],
    p_versions bigint[], p_times bigint[])
RETURNS void
LANGUAGE sql AS $$
    INSERT INTO rtprop.bid (auction_id, id, user_id, amount, client_bid_id,
        accepted, code, version, at)
    SELECT u.auction, u.id, u.usr, nullif(u.amount, -1),
        nullif(u.client_id, ''), false, u.code, nullif(u.version, 0),
        to_timestamp(u.ms / 1000.0)
    FROM unnest(p_auctions, p_ids, p_users, p_amounts, p_client_ids, p_codes,
                p_versions, p_times)
         AS u (auction, id, usr, amount, client_id, code, version, ms)
    ON CONFLICT (auction_id, id) DO NOTHING
$$;

-- Accepted bids, as chat_history has messages.

CREATE FUNCTION rtprop.auction_bids(p_auction text, p_after bigint,
    p_upto bigint, p_before bigint, p_count bigint, p_newest boolean)
RETURNS TABLE ("position" bigint, id bigint, user_id text,
    bidder_number bigint, amount bigint, created_at timestamptz)
LANGUAGE plpgsql STABLE ROWS 50 AS $$
BEGIN
    IF p_before > 0 THEN
        SELECT least(p_upto, b.position - (b.id = p_before)::int) INTO p_upto
        FROM rtprop.bid b
        WHERE b.auction_id = p_auction AND b.id <= p_before AND b.accepted
        ORDER BY b.id DESC LIMIT 1;

        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;

    IF p_newest THEN
        RETURN QUERY
        SELECT b.position, b.id, b.user_id, b.bidder_number, b.amount, b.at
        FROM rtprop.bid b
        WHERE b.auction_id = p_auction AND b.position > p_after
          AND b.position <= p_upto
        ORDER BY b.position DESC LIMIT p_count;

    ELSE
        RETURN QUERY
        SELECT b.position, b.id, b.user_id, b.bidder_number, b.amount, b.at
        FROM rtprop.bid b
        WHERE b.auction_id = p_auction AND b.position > p_after
          AND b.position <= p_upto
        ORDER BY b.position LIMIT p_count;
    END IF;
END
$$;

-- The clocks of auctions that are not over, each when it is due; with p_to
-- infinity all of them, the running ones at once, so that they tick again.

CREATE FUNCTION rtprop.auction_due(p_from timestamptz, p_to timestamptz,
    p_count bigint)
RETURNS TABLE (key text, due timestamptz, payload text)
LANGUAGE sql STABLE AS $$
    SELECT 'auction:' || a.id,
        CASE WHEN p_to = 'infinity' AND a.status <> 'scheduled'
             THEN clock_timestamp() ELSE t.due END,
        ''::text
    FROM rtprop.auction a, LATERAL (
        SELECT CASE a.status
            WHEN 'scheduled' THEN to_timestamp(a.starts_at_ms / 1000.0)
            WHEN 'live' THEN to_timestamp(a.ends_at_ms / 1000.0) END AS due) t
    WHERE a.status IN ('scheduled', 'live', 'paused')
      AND (p_to = 'infinity' OR (t.due >= p_from AND t.due < p_to))
    ORDER BY t.due LIMIT p_count
$$;
