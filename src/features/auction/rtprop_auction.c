/*
 * The rules of bidding; the only place where they stand.
 */


#include "features/auction/rtprop_auction.h"

#include <stdlib.h>


typedef struct {
    const char                 *word;
    const char                 *text;
} rtprop_auction_refusal_t;


static rtprop_auction_code_e rtprop_auction_judge(const rtprop_auction_t *a,
    const rtprop_auction_offer_t *o, unsigned number, int64_t now);
static rtprop_auction_code_e rtprop_auction_open(const rtprop_auction_t *a,
    int64_t now);
static const rtprop_auction_claim_t *rtprop_auction_claim_find(
    const rtprop_auction_t *a, unsigned number, const rtprop_str_t *id);
static rtprop_auction_code_e rtprop_auction_accept(rtprop_auction_t *a,
    const rtprop_auction_offer_t *o, int64_t now, rtprop_auction_verdict_t *v);
static int rtprop_auction_claim_add(rtprop_auction_bidder_t *b,
    const rtprop_str_t *id, const rtprop_auction_bid_t *bid);
static void rtprop_auction_soft_close(rtprop_auction_t *a, int64_t now,
    rtprop_auction_verdict_t *v);
static void rtprop_auction_reason(rtprop_auction_verdict_t *v);


static const char  *rtprop_auction_statuses[] = {
    "scheduled", "live", "paused", "ended", "cancelled"
};


/* In the order of rtprop_auction_code_e; "%" stands for the minimum. */

static const rtprop_auction_refusal_t  rtprop_auction_refusals[] = {
    { "accepted",        "" },
    { "below_minimum",   "Minimum bid is %" },
    { "auction_ended",   "Auction has ended" },
    { "not_started",     "Auction is not active" },
    { "paused",          "Auction is not active" },
    { "not_joined",      "Join the auction before bidding" },
    { "not_registered",  "You are not registered for this auction" },
    { "already_highest", "You are already the highest bidder" },
    { "invalid_amount",  "Bid amount is not valid" },
    { "rate_limited",    "Too many bids, please wait a moment" },
    { "unavailable",     "Failed to place bid" }
};


void
rtprop_auction_bid(rtprop_auction_t *a, const rtprop_auction_offer_t *o,
    int64_t now, rtprop_auction_verdict_t *v)
{
    unsigned                       number;
    const rtprop_auction_claim_t  *claim;

    memset(v, 0, sizeof(rtprop_auction_verdict_t));

    v->old_end = a->ends_at;

    number = rtprop_auction_number(a, &o->user);
    claim = rtprop_auction_claim_find(a, number, &o->client_bid_id);

    if (claim) {
        v->bid = claim->bid;
        v->duplicate = 1;

    } else {
        v->code = rtprop_auction_judge(a, o, number, now);

        if (v->code == RTPROP_AUCTION_ACCEPTED) {
            v->bid.bidder = number;
            v->code = rtprop_auction_accept(a, o, now, v);
        }
    }

    v->new_end = a->ends_at;
    v->price = a->price;
    v->minimum = rtprop_auction_minimum(a);

    rtprop_auction_reason(v);
}


static rtprop_auction_code_e
rtprop_auction_judge(const rtprop_auction_t *a,
    const rtprop_auction_offer_t *o, unsigned number, int64_t now)
{
    rtprop_auction_code_e  code;

    if (o->absent) {
        return RTPROP_AUCTION_NOT_JOINED;
    }

    /* the bid after this one must have an amount, too */

    if (o->amount < 1 || o->amount > RTPROP_INT_MAX - a->terms.bid_increment) {
        return RTPROP_AUCTION_INVALID_AMOUNT;
    }

    code = rtprop_auction_open(a, now);

    if (code != RTPROP_AUCTION_ACCEPTED) {
        return code;
    }

    if (number == 0) {
        return RTPROP_AUCTION_NOT_REGISTERED;
    }

    if (number == a->highest) {
        return RTPROP_AUCTION_ALREADY_HIGHEST;
    }

    if (o->amount < rtprop_auction_minimum(a)) {
        return RTPROP_AUCTION_BELOW_MINIMUM;
    }

    return RTPROP_AUCTION_ACCEPTED;
}


static rtprop_auction_code_e
rtprop_auction_open(const rtprop_auction_t *a, int64_t now)
{
    switch (a->status) {

    case RTPROP_AUCTION_SCHEDULED:
        if (now < a->starts_at) {
            return RTPROP_AUCTION_NOT_STARTED;
        }

        /* fall through */

    case RTPROP_AUCTION_LIVE:
        return now < a->ends_at ? RTPROP_AUCTION_ACCEPTED
                                : RTPROP_AUCTION_OVER;

    case RTPROP_AUCTION_PAUSED:
        return RTPROP_AUCTION_IS_PAUSED;

    case RTPROP_AUCTION_ENDED:
    case RTPROP_AUCTION_CANCELLED:
        break;
    }

    return RTPROP_AUCTION_OVER;
}


static const rtprop_auction_claim_t *
rtprop_auction_claim_find(const rtprop_auction_t *a, unsigned number,
    const rtprop_str_t *id)
{
    unsigned                        i;
    const rtprop_auction_bidder_t  *b;

    if (number == 0 || id->len == 0) {
        return NULL;
    }

    b = &a->bidders[number - 1];

    for (i = 0; i < b->nclaims; i++) {
        if (rtprop_str_eq(id, b->claims[i].client_bid_id,
                          strlen(b->claims[i].client_bid_id)))
        {
            return &b->claims[i];
        }
    }

    return NULL;
}


static rtprop_auction_code_e
rtprop_auction_accept(rtprop_auction_t *a, const rtprop_auction_offer_t *o,
    int64_t now, rtprop_auction_verdict_t *v)
{
    size_t                 n;
    rtprop_auction_bid_t  *bid;

    bid = &v->bid;

    n = o->bid_id.len;

    if (n == 0 || n > RTPROP_AUCTION_ID_LEN) {
        return RTPROP_AUCTION_UNAVAILABLE;
    }

    memcpy(bid->id, o->bid_id.data, n);
    bid->amount = o->amount;
    bid->created_at = now;

    if (rtprop_auction_claim_add(&a->bidders[bid->bidder - 1],
                                 &o->client_bid_id, bid)
        != RTPROP_OK)
    {
        return RTPROP_AUCTION_UNAVAILABLE;
    }

    v->started = (a->status == RTPROP_AUCTION_SCHEDULED);
    a->status = RTPROP_AUCTION_LIVE;

    v->not_after = a->ends_at;
    v->outbid = a->highest;
    v->outbid_user = rtprop_auction_user(a, a->highest);
    v->outbid_amount = a->highest ? a->price : 0;

    a->price = bid->amount;
    a->highest = bid->bidder;
    a->bid_count++;

    if (a->nrecent < RTPROP_AUCTION_RECENT) {
        a->nrecent++;
    }

    memmove(&a->recent[1], &a->recent[0],
            (a->nrecent - 1) * sizeof(rtprop_auction_bid_t));
    a->recent[0] = *bid;

    rtprop_auction_soft_close(a, now, v);

    return RTPROP_AUCTION_ACCEPTED;
}


static int
rtprop_auction_claim_add(rtprop_auction_bidder_t *b, const rtprop_str_t *id,
    const rtprop_auction_bid_t *bid)
{
    rtprop_auction_claim_t  *claim;

    if (id->len == 0) {
        return RTPROP_OK;
    }

    if (id->len > RTPROP_AUCTION_ID_LEN) {
        return RTPROP_ERROR;
    }

    if (b->claims == NULL) {
        b->claims = calloc(RTPROP_AUCTION_CLAIMS,
                           sizeof(rtprop_auction_claim_t));
        if (b->claims == NULL) {
            return RTPROP_ERROR;
        }
    }

    if (b->nclaims < RTPROP_AUCTION_CLAIMS) {
        b->nclaims++;
    }

    memmove(&b->claims[1], &b->claims[0],
            (b->nclaims - 1) * sizeof(rtprop_auction_claim_t));

    claim = &b->claims[0];

    memset(claim->client_bid_id, 0, sizeof(claim->client_bid_id));
    memcpy(claim->client_bid_id, id->data, id->len);
    claim->bid = *bid;

    return RTPROP_OK;
}


static void
rtprop_auction_soft_close(rtprop_auction_t *a, int64_t now,
    rtprop_auction_verdict_t *v)
{
    if (a->ends_at - now >= a->terms.extend_window_ms
        || a->terms.extend_by_ms == 0)
    {
        return;
    }

    if (a->ends_at > RTPROP_AUCTION_TIME_MAX - a->terms.extend_by_ms) {
        return;
    }

    a->ends_at += a->terms.extend_by_ms;
    v->extended = 1;
}


void
rtprop_auction_refuse(rtprop_auction_verdict_t *v, const rtprop_auction_t *a,
    rtprop_auction_code_e code)
{
    memset(v, 0, sizeof(rtprop_auction_verdict_t));

    v->code = code;

    if (a) {
        v->price = a->price;
        v->minimum = rtprop_auction_minimum(a);
        v->old_end = a->ends_at;
        v->new_end = a->ends_at;
    }

    rtprop_auction_reason(v);
}


/*
 * Writes the text for people; separators are set here, since the locale's
 * would differ between machines.
 */

static void
rtprop_auction_reason(rtprop_auction_verdict_t *v)
{
    char         digits[32], *d, *p;
    int64_t      n;
    unsigned     i;
    const char  *text;

    d = digits + sizeof(digits) - 1;
    *d = '\0';
    n = v->minimum;
    i = 0;

    do {
        if (i && i % 3 == 0) {
            *--d = ',';
        }

        *--d = (char) ('0' + n % 10);
        n /= 10;
        i++;
    } while (n);

    p = v->reason;

    for (text = rtprop_auction_refusals[v->code].text; *text; text++) {
        if (*text == '%') {
            p = stpcpy(p, d);
        } else {
            *p++ = *text;
        }
    }

    *p = '\0';
}


uint64_t
rtprop_auction_last_id(const rtprop_auction_t *a)
{
    uint64_t     n;
    const char  *p;

    if (a->nrecent == 0) {
        return 0;
    }

    for (n = 0, p = a->recent[0].id; *p; p++) {
        if (*p < '0' || *p > '9' || n > INT64_MAX / 10 - 1) {
            return 0;
        }

        n = n * 10 + (uint64_t) (*p - '0');
    }

    return n;
}


int64_t
rtprop_auction_minimum(const rtprop_auction_t *a)
{
    return a->price + a->terms.bid_increment;
}


int
rtprop_auction_over(const rtprop_auction_t *a)
{
    return a->status == RTPROP_AUCTION_ENDED
           || a->status == RTPROP_AUCTION_CANCELLED;
}


unsigned
rtprop_auction_winner(const rtprop_auction_t *a)
{
    return a->status == RTPROP_AUCTION_ENDED ? a->highest : 0;
}


int
rtprop_auction_reserve_met(const rtprop_auction_t *a)
{
    return a->highest != 0;
}


const char *
rtprop_auction_status_word(rtprop_auction_status_e status)
{
    return rtprop_auction_statuses[status];
}


const char *
rtprop_auction_code_word(rtprop_auction_code_e code)
{
    return rtprop_auction_refusals[code].word;
}
