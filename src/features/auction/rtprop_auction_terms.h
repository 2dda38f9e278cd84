/*
 * rtprop_auction_terms: what the host sends about an auction, its terms and
 * its orders, read and checked.
 */

#ifndef _RTPROP_AUCTION_TERMS_H_INCLUDED_
#define _RTPROP_AUCTION_TERMS_H_INCLUDED_


#include <jansson.h>

#include "base/rtprop_base.h"
#include "features/auction/rtprop_auction.h"


/*
 * Reads the body of a PUT: property_id, property_title, starting_price (or
 * current_price), bid_increment, starts_at, ends_at, extend_window_ms,
 * extend_by_ms, anonymous, in either spelling; other members are passed over.
 * Times are RFC 3339 texts or integers of ms.  An increment is at least 1, and
 * price and increment leave room for two bids below 2^53; window and step are
 * up to 30 days, 0 turns the soft close off.
 *
 * Returns RTPROP_OK with terms that the caller gives to
 * rtprop_auction_terms_free(); RTPROP_ERROR with "why" (422), or with
 * why->field NULL when there is no memory, and nothing to free.
 */
int rtprop_auction_terms_parse(rtprop_auction_terms_t *t, const json_t *body,
    rtprop_invalid_t *why);

/*
 * Reads an action from the last part of its path and the request's body, which
 * may be NULL; only "extend" looks at it: by_ms or else ends_at.
 *
 * Returns RTPROP_OK with "what" and "arg" for rtprop_auction_act();
 * RTPROP_DECLINED for an unknown name (404); RTPROP_ERROR with "why" (422).
 */
int rtprop_auction_action_parse(const rtprop_str_t *name, const json_t *body,
    rtprop_auction_action_e *what, int64_t *arg,
    rtprop_invalid_t *why);

/*
 * Reads a broadcast: the name of its event, from which "auction:" is cut off,
 * and its data.
 *
 * Returns RTPROP_OK for "ended" and "time_extended", which are orders, with
 * "what" and "arg" for rtprop_auction_act(); RTPROP_DECLINED for any other
 * name: an event that goes out as it is, unless it is the server's own;
 * RTPROP_ERROR with "why" (422).
 */
int rtprop_auction_broadcast_parse(rtprop_str_t *name, const json_t *data,
    rtprop_auction_action_e *what, int64_t *arg, rtprop_invalid_t *why);


#endif /* _RTPROP_AUCTION_TERMS_H_INCLUDED_ */
