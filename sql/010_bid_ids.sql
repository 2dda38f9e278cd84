-- Refused bids, several at once; what was written before is left out.  One
-- whose id another bid has, of a machine that knows nothing of this one, takes
-- the next id: nobody has been told it.

CREATE OR REPLACE FUNCTION rtprop.auction_bid_refuse(p_auctions text[],
    p_ids bigint[], p_users text[], p_amounts bigint[], p_client_ids text[],
    p_codes text[], p_versions bigint[], p_times bigint[])
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
    ON CONFLICT (auction_id, id) DO NOTHING;

    INSERT INTO rtprop.bid (auction_id, id, user_id, amount, client_bid_id,
        accepted, code, version, at)
    SELECT u.auction, u.id + 1, u.usr, nullif(u.amount, -1),
        nullif(u.client_id, ''), false, u.code, nullif(u.version, 0),
        to_timestamp(u.ms / 1000.0)
    FROM unnest(p_auctions, p_ids, p_users, p_amounts, p_client_ids, p_codes,
                p_versions, p_times)
         AS u (auction, id, usr, amount, client_id, code, version, ms)
    JOIN rtprop.bid b ON b.auction_id = u.auction AND b.id = u.id
    WHERE (b.user_id, b.amount, b.client_bid_id, b.code)
          IS DISTINCT FROM (u.usr, nullif(u.amount, -1),
                            nullif(u.client_id, ''), u.code)
    ON CONFLICT (auction_id, id) DO NOTHING
$$;
