/*
 * rtprop_auction_json: what clients and hosts see of an auction.
 *
 * Each function returns a new reference that the caller owns, NULL without
 * memory.  Keys are in snake_case.  No user id goes out but those named below.
 * A payload shows the state as it is at the call: of several bids judged in a
 * row each is shown before the next is judged.
 */

#ifndef _RTPROP_AUCTION_JSON_H_INCLUDED_
#define _RTPROP_AUCTION_JSON_H_INCLUDED_


#include <jansson.h>

#include "base/rtprop_base.h"
#include "features/auction/rtprop_auction.h"


/* The keys of all payloads that can be spelled in two ways. */

#define RTPROP_AUCTION_KEYS                                                   \
    "auction_id property_id property_title current_price minimum_bid "        \
    "minimum_next_bid bid_increment starts_at ends_at reserve_met "           \
    "recent_bids bidder_number created_at your_bidder_number "                \
    "active_bidders current_bidder_number your_max_amount server_time "       \
    "remaining_seconds bidder_count bid_id auction_state bidder_id "          \
    "your_bid new_high_bid minimum_to_win new_end_time winner_id "            \
    "winner_bidder_number final_price winning_bid ended_at starting_price "   \
    "extend_window_ms extend_by_ms bid_count"


/* Why an end has moved, for time_extended. */

#define RTPROP_AUCTION_BY_BID      "late_bid"
#define RTPROP_AUCTION_BY_ACTION   "extended"
#define RTPROP_AUCTION_BY_RESUME   "resumed"


/* Which auction is shown, in which version of its document, and when. */

typedef struct {
    rtprop_str_t   id;
    uint64_t       version;
    int64_t        now;
} rtprop_auction_view_t;


/* The object "auction{…}" of the events. */
json_t *rtprop_auction_json(const rtprop_auction_t *a,
    const rtprop_auction_view_t *view);

/*
 * The resource of the HTTP interface: the same with the terms, bid_count,
 * bidder_count (who ever joined), winner_bidder_number and ended_at; with
 * "host" set winner_id too, which browsers are not shown.
 */
json_t *rtprop_auction_resource_json(const rtprop_auction_t *a,
    const rtprop_auction_view_t *view, int host);

/* {id, bid_id, amount, bidder_number, created_at} */
json_t *rtprop_auction_bid_json(const rtprop_auction_bid_t *bid);

/* The newest bids first, without bid_id; never NULL for "none". */
json_t *rtprop_auction_recent_json(const rtprop_auction_t *a);

/*
 * auction:state for one who joins: "number" is his or hers (0: none), "active"
 * how many users are in the auction now (-1: not known, null).
 */
json_t *rtprop_auction_state_payload(const rtprop_auction_t *a,
    const rtprop_auction_view_t *view, unsigned number, int active);

/* auction:bidder_count */
json_t *rtprop_auction_count_payload(const rtprop_auction_view_t *view,
    unsigned active);

/* auction:bidder_joined, auction:bidder_left; number 0 is null */
json_t *rtprop_auction_bidder_payload(const rtprop_auction_view_t *view,
    unsigned number, unsigned active);

/* auction:new_bid, to all */
json_t *rtprop_auction_new_bid_payload(const rtprop_auction_t *a,
    const rtprop_auction_view_t *view, const rtprop_auction_verdict_t *v);

/* auction:bid_accepted, to the bidder, whose id it has; for a retry too */
json_t *rtprop_auction_accepted_payload(const rtprop_auction_t *a,
    const rtprop_auction_view_t *view, const rtprop_auction_verdict_t *v);

/*
 * auction:bid_rejected, to the bidder.  "amount" is what was sent, borrowed,
 * NULL for nothing.  Price and minimum are null when they are not known.
 */
json_t *rtprop_auction_rejected_payload(const rtprop_auction_view_t *view,
    const rtprop_auction_verdict_t *v, json_t *amount);

/* auction:outbid, to v->outbid_user */
json_t *rtprop_auction_outbid_payload(const rtprop_auction_t *a,
    const rtprop_auction_view_t *view, const rtprop_auction_verdict_t *v);

/* auction:timer_sync */
json_t *rtprop_auction_timer_payload(const rtprop_auction_t *a,
    const rtprop_auction_view_t *view);

/* auction:time_extended; "reason" is one of RTPROP_AUCTION_BY_* */
json_t *rtprop_auction_extended_payload(const rtprop_auction_t *a,
    const rtprop_auction_view_t *view, const char *reason);

/*
 * auction:ended.  Without a winner (no bids, cancelled) winner and prices are
 * null.  winner_id is null where the terms say anonymous, unless "winner" is
 * set: this is the winner's own copy.
 */
json_t *rtprop_auction_ended_payload(const rtprop_auction_t *a,
    const rtprop_auction_view_t *view, int winner);


#endif /* _RTPROP_AUCTION_JSON_H_INCLUDED_ */
