#include "features/auction/rtprop_auction_json.h"

#include "base/rtprop_payload.h"


static json_int_t rtprop_auction_seconds(const rtprop_auction_t *a,
    int64_t now);


json_t *
rtprop_auction_json(const rtprop_auction_t *a,
    const rtprop_auction_view_t *view)
{
    json_int_t  minimum;

    minimum = rtprop_auction_minimum(a);

    return json_pack("{so, so, ss?, ss?, ss, sI, sI, sI, sI, so, so, sb, sI}",
                     "id", rtprop_payload_str(&view->id),
                     "auction_id", rtprop_payload_str(&view->id),
                     "property_id", a->terms.property_id,
                     "property_title", a->terms.property_title,
                     "status", rtprop_auction_status_word(a->status),
                     "current_price", (json_int_t) a->price,
                     "minimum_bid", minimum,
                     "minimum_next_bid", minimum,
                     "bid_increment", (json_int_t) a->terms.bid_increment,
                     "starts_at", rtprop_payload_time(a->starts_at),
                     "ends_at", rtprop_payload_time(a->ends_at),
                     "reserve_met", rtprop_auction_reserve_met(a),
                     "version", (json_int_t) view->version);
}


json_t *
rtprop_auction_resource_json(const rtprop_auction_t *a,
    const rtprop_auction_view_t *view, int host)
{
    json_t    *json, *more;
    unsigned   winner;

    winner = rtprop_auction_winner(a);

    more = json_pack("{sI, sI, sI, sb, sI, si, so, so}",
                     "starting_price", (json_int_t) a->terms.starting_price,
                     "extend_window_ms",
                     (json_int_t) a->terms.extend_window_ms,
                     "extend_by_ms", (json_int_t) a->terms.extend_by_ms,
                     "anonymous", (int) a->terms.anonymous,
                     "bid_count", (json_int_t) a->bid_count,
                     "bidder_count", (int) a->nbidders,
                     "winner_bidder_number", rtprop_payload_number(winner),
                     "ended_at",
                     rtprop_payload_time(a->ended_at ? a->ended_at : -1));

    json = rtprop_auction_json(a, view);

    if (json == NULL || json_object_update(json, more) != 0
        || (host && json_object_set_new(json, "winner_id",
                        json_pack("s?", rtprop_auction_user(a, winner))) != 0))
    {
        json_decref(json);
        json_decref(more);
        return NULL;
    }

    json_decref(more);

    return json;
}


json_t *
rtprop_auction_bid_json(const rtprop_auction_bid_t *bid)
{
    return json_pack("{ss, ss, sI, si, so}",
                     "id", bid->id,
                     "bid_id", bid->id,
                     "amount", (json_int_t) bid->amount,
                     "bidder_number", (int) bid->bidder,
                     "created_at", rtprop_payload_time(bid->created_at));
}


json_t *
rtprop_auction_recent_json(const rtprop_auction_t *a)
{
    json_t    *list, *bid;
    unsigned   i;

    list = json_array();

    for (i = 0; list && i < a->nrecent; i++) {
        bid = rtprop_auction_bid_json(&a->recent[i]);

        if (bid) {
            json_object_del(bid, "bid_id");
        }

        if (json_array_append_new(list, bid) != 0) {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


json_t *
rtprop_auction_state_payload(const rtprop_auction_t *a,
    const rtprop_auction_view_t *view, unsigned number, int active)
{
    return json_pack("{so, so, so, so, so, so, so, sn, so, sI}",
                     "auction_id", rtprop_payload_str(&view->id),
                     "auction", rtprop_auction_json(a, view),
                     "recent_bids", rtprop_auction_recent_json(a),
                     "your_bidder_number", rtprop_payload_number(number),
                     "bidder_number", rtprop_payload_number(number),
                     "active_bidders", active < 0 ? json_null()
                                                  : json_integer(active),
                     "current_bidder_number",
                     rtprop_payload_number(a->highest),
                     "your_max_amount",
                     "server_time", rtprop_payload_time(view->now),
                     "remaining_seconds", rtprop_auction_seconds(a, view->now));
}


/* Rounded up, so that a running auction never shows 0. */

static json_int_t
rtprop_auction_seconds(const rtprop_auction_t *a, int64_t now)
{
    return (rtprop_auction_remaining(a, now) + 999) / 1000;
}


json_t *
rtprop_auction_count_payload(const rtprop_auction_view_t *view,
    unsigned active)
{
    return json_pack("{so, si, si, si}",
                     "auction_id", rtprop_payload_str(&view->id),
                     "count", (int) active,
                     "bidder_count", (int) active,
                     "active_bidders", (int) active);
}


json_t *
rtprop_auction_bidder_payload(const rtprop_auction_view_t *view,
    unsigned number, unsigned active)
{
    return json_pack("{so, so, si}",
                     "auction_id", rtprop_payload_str(&view->id),
                     "bidder_number", rtprop_payload_number(number),
                     "bidder_count", (int) active);
}


json_t *
rtprop_auction_new_bid_payload(const rtprop_auction_t *a,
    const rtprop_auction_view_t *view, const rtprop_auction_verdict_t *v)
{
    return json_pack("{so, so, so, so}",
                     "auction_id", rtprop_payload_str(&view->id),
                     "bid", rtprop_auction_bid_json(&v->bid),
                     "auction", rtprop_auction_json(a, view),
                     "auction_state", rtprop_auction_json(a, view));
}


json_t *
rtprop_auction_accepted_payload(const rtprop_auction_t *a,
    const rtprop_auction_view_t *view, const rtprop_auction_verdict_t *v)
{
    return json_pack("{so, ss, sI, ss?, si, so}",
                     "auction_id", rtprop_payload_str(&view->id),
                     "bid_id", v->bid.id,
                     "amount", (json_int_t) v->bid.amount,
                     "bidder_id", rtprop_auction_user(a, v->bid.bidder),
                     "bidder_number", (int) v->bid.bidder,
                     "timestamp", rtprop_payload_time(v->bid.created_at));
}


json_t *
rtprop_auction_rejected_payload(const rtprop_auction_view_t *view,
    const rtprop_auction_verdict_t *v, json_t *amount)
{
    int  known;

    known = (v->minimum != 0);

    return json_pack("{so, ss, ss, so, so, so}",
                     "auction_id", rtprop_payload_str(&view->id),
                     "code", rtprop_auction_code_word(v->code),
                     "reason", v->reason,
                     "amount", rtprop_payload_value(amount),
                     "minimum_bid", rtprop_payload_number(v->minimum),
                     "current_price",
                     known ? json_integer(v->price) : json_null());
}


json_t *
rtprop_auction_outbid_payload(const rtprop_auction_t *a,
    const rtprop_auction_view_t *view, const rtprop_auction_verdict_t *v)
{
    return json_pack("{so, ss?, sI, sI, sI}",
                     "auction_id", rtprop_payload_str(&view->id),
                     "property_title", a->terms.property_title,
                     "your_bid", (json_int_t) v->outbid_amount,
                     "new_high_bid", (json_int_t) v->price,
                     "minimum_to_win", (json_int_t) v->minimum);
}


json_t *
rtprop_auction_timer_payload(const rtprop_auction_t *a,
    const rtprop_auction_view_t *view)
{
    return json_pack("{so, ss, so, so, sI, sI}",
                     "auction_id", rtprop_payload_str(&view->id),
                     "status", rtprop_auction_status_word(a->status),
                     "ends_at", rtprop_payload_time(a->ends_at),
                     "server_time", rtprop_payload_time(view->now),
                     "remaining_seconds", rtprop_auction_seconds(a, view->now),
                     "version", (json_int_t) view->version);
}


json_t *
rtprop_auction_extended_payload(const rtprop_auction_t *a,
    const rtprop_auction_view_t *view, const char *reason)
{
    return json_pack("{so, so, so, ss, so, sI}",
                     "auction_id", rtprop_payload_str(&view->id),
                     "new_end_time", rtprop_payload_time(a->ends_at),
                     "ends_at", rtprop_payload_time(a->ends_at),
                     "reason", reason,
                     "server_time", rtprop_payload_time(view->now),
                     "remaining_seconds",
                     rtprop_auction_seconds(a, view->now));
}


json_t *
rtprop_auction_ended_payload(const rtprop_auction_t *a,
    const rtprop_auction_view_t *view, int winner)
{
    unsigned     number;
    json_int_t   price;
    const char  *id;

    number = rtprop_auction_winner(a);
    price = number ? a->price : 0;
    id = rtprop_auction_user(a, number);

    if (a->terms.anonymous && !winner) {
        id = NULL;
    }

    return json_pack("{so, ss?, so, so, so, sb, so}",
                     "auction_id", rtprop_payload_str(&view->id),
                     "winner_id", id,
                     "winner_bidder_number", rtprop_payload_number(number),
                     "final_price", rtprop_payload_number(price),
                     "winning_bid", rtprop_payload_number(price),
                     "reserve_met", rtprop_auction_reserve_met(a),
                     "ended_at", rtprop_payload_time(a->ended_at));
}
