/*
 * rtprop_auction: the rules of an English auction with a soft close.
 *
 * The state is a plain struct that stands for one version of the auction's
 * document in the engine.  A function that is refused leaves it unchanged; one
 * that succeeds turns it into the next state, which counts only once the
 * engine's compare-and-set has accepted it.  After a lost compare-and-set the
 * struct is thrown away and the current document parsed.
 *
 * Times are milliseconds since the epoch, money is in the smallest unit, both
 * 0..2^53-1.  A bidder number counts from 1 in the order of joining and never
 * changes; 0 stands for "none".
 *
 * rtprop_auction_doc.h turns states and terms from and into JSON,
 * rtprop_auction_json.h makes what clients see.
 */

#ifndef _RTPROP_AUCTION_H_INCLUDED_
#define _RTPROP_AUCTION_H_INCLUDED_


#include "base/rtprop_base.h"


#define RTPROP_AUCTION_BIDDERS_MAX   10000
#define RTPROP_AUCTION_RECENT        20
#define RTPROP_AUCTION_CLAIMS        2
#define RTPROP_AUCTION_ID_LEN        64      /* of a bid id, client_bid_id */
#define RTPROP_AUCTION_USER_LEN      128
#define RTPROP_AUCTION_TITLE_LEN     1000    /* bytes; of property_id too */
#define RTPROP_AUCTION_REASON_LEN    64
#define RTPROP_AUCTION_EVENT_LEN     48      /* of a broadcast's name */

#define RTPROP_AUCTION_WINDOW        120000  /* default of both, ms */
#define RTPROP_AUCTION_SPAN_MAX      2592000000LL     /* 30 days, ms */
#define RTPROP_AUCTION_TIME_MAX      253402300799999LL /* the year 9999 */


typedef enum {
    RTPROP_AUCTION_SCHEDULED = 0,
    RTPROP_AUCTION_LIVE,
    RTPROP_AUCTION_PAUSED,
    RTPROP_AUCTION_ENDED,
    RTPROP_AUCTION_CANCELLED
} rtprop_auction_status_e;


/* The answer to a bid; the words are those of bid_rejected. */

typedef enum {
    RTPROP_AUCTION_ACCEPTED = 0,
    RTPROP_AUCTION_BELOW_MINIMUM,
    RTPROP_AUCTION_OVER,                     /* auction_ended */
    RTPROP_AUCTION_NOT_STARTED,
    RTPROP_AUCTION_IS_PAUSED,                /* paused */
    RTPROP_AUCTION_NOT_JOINED,
    RTPROP_AUCTION_NOT_REGISTERED,
    RTPROP_AUCTION_ALREADY_HIGHEST,
    RTPROP_AUCTION_INVALID_AMOUNT,
    RTPROP_AUCTION_RATE_LIMITED,             /* the handler's finding */
    RTPROP_AUCTION_UNAVAILABLE               /* no memory, or no commit */
} rtprop_auction_code_e;


typedef enum {
    RTPROP_AUCTION_NOTHING = 0,
    RTPROP_AUCTION_STARTED,
    RTPROP_AUCTION_CLOSED
} rtprop_auction_event_e;


typedef enum {
    RTPROP_AUCTION_START = 0,
    RTPROP_AUCTION_PAUSE,
    RTPROP_AUCTION_RESUME,
    RTPROP_AUCTION_EXTEND_BY,
    RTPROP_AUCTION_EXTEND_TO,
    RTPROP_AUCTION_CANCEL,
    RTPROP_AUCTION_END
} rtprop_auction_action_e;


/* What the host fixes.  The strings are the struct's own, NULL when absent. */

typedef struct {
    char                    *property_id;
    char                    *property_title;
    int64_t                  starting_price;
    int64_t                  bid_increment;
    int64_t                  starts_at;
    int64_t                  ends_at;
    int64_t                  extend_window_ms;
    int64_t                  extend_by_ms;

    unsigned                 anonymous:1;

    /* named in the terms, not left to its default */
    unsigned                 starts_at_given:1;
    unsigned                 extend_window_given:1;
    unsigned                 extend_by_given:1;
    unsigned                 anonymous_given:1;
} rtprop_auction_terms_t;


typedef struct {
    char                     id[RTPROP_AUCTION_ID_LEN + 1];
    int64_t                  amount;
    int64_t                  created_at;
    unsigned                 bidder;         /* number */
} rtprop_auction_bid_t;


/* An accepted bid that carried a client_bid_id, kept to answer retries. */

typedef struct {
    char                     client_bid_id[RTPROP_AUCTION_ID_LEN + 1];
    rtprop_auction_bid_t     bid;
} rtprop_auction_claim_t;


typedef struct {
    char                    *user;
    rtprop_auction_claim_t  *claims;         /* newest first, NULL when none */
    unsigned                 nclaims;
} rtprop_auction_bidder_t;


typedef struct {
    rtprop_auction_terms_t   terms;
    rtprop_auction_status_e  status;

    int64_t                  starts_at;      /* as it came to be */
    int64_t                  ends_at;        /* with all extensions */
    int64_t                  paused_at;      /* while paused */
    int64_t                  ended_at;       /* when ended or cancelled */

    int64_t                  price;          /* starting price at first */
    int64_t                  bid_count;
    unsigned                 highest;        /* bidder number */

    unsigned                 nrecent;
    rtprop_auction_bid_t     recent[RTPROP_AUCTION_RECENT]; /* newest first */

    unsigned                 nbidders;
    unsigned                 nalloc;
    rtprop_auction_bidder_t *bidders;        /* number 1 is bidders[0] */
} rtprop_auction_t;


typedef struct {
    rtprop_str_t             user;
    rtprop_str_t             client_bid_id;  /* empty: none */
    rtprop_str_t             bid_id;         /* new, unique, for this bid */
    int64_t                  amount;
    unsigned                 absent:1;       /* has not joined, or has left */
} rtprop_auction_offer_t;


typedef struct {
    rtprop_auction_code_e    code;
    char                     reason[RTPROP_AUCTION_REASON_LEN];

    int64_t                  price;          /* after the verdict */
    int64_t                  minimum;        /* of the next bid */

    /* an accepted bid */
    rtprop_auction_bid_t     bid;
    int64_t                  not_after;      /* commit it before this */

    unsigned                 outbid;         /* number of who was highest */
    const char              *outbid_user;    /* the state's, or NULL */
    int64_t                  outbid_amount;

    int64_t                  old_end;
    int64_t                  new_end;

    unsigned                 duplicate:1;    /* a retry: nothing has changed */
    unsigned                 started:1;      /* this bid found the start due */
    unsigned                 extended:1;
} rtprop_auction_verdict_t;


/* rtprop_auction_state.c: the life of a state, its terms, its bidders */

/*
 * Makes the state of a new auction: scheduled, price at the starting price, no
 * bidders.  Terms without starts_at start at "now"; the next tick then starts
 * the auction.  The terms are copied.
 *
 * Returns NULL with "why" filled in when the terms make no auction (an end not
 * after the start or not after "now"), NULL with why->field NULL when there is
 * no memory.  The caller owns the state and gives it to
 * rtprop_auction_destroy().
 */
rtprop_auction_t *rtprop_auction_create(const rtprop_auction_terms_t *t,
    int64_t now, rtprop_invalid_t *why);

/* Frees a state and all that it holds; NULL is allowed. */
void rtprop_auction_destroy(rtprop_auction_t *a);

/* Frees the strings of terms, not the struct; may be called twice. */
void rtprop_auction_terms_free(rtprop_auction_terms_t *t);

/*
 * Replaces the terms (PUT on an existing auction).  While scheduled anything
 * may change; bidders keep their numbers.  Later only property_id and
 * property_title may: bidders rely on the rest.  There a field left out means
 * "as it is", and both the terms' own end and the extended one are "as it is".
 * A start that is due is to be ticked first.
 *
 * Returns RTPROP_OK; RTPROP_DECLINED for a change that comes too late (409);
 * RTPROP_ERROR with "why" for an end not after the start or "now" (422), or
 * with why->field NULL when there is no memory.
 */
int rtprop_auction_change(rtprop_auction_t *a, const rtprop_auction_terms_t *t,
    int64_t now, rtprop_invalid_t *why);

/*
 * Gives the user a bidder number at the first join, and the same one ever
 * after.  "added" is set when the state has changed and must be committed.
 *
 * Returns the number; 0 when there is none to give: the auction is over
 * (who comes then may look only), RTPROP_AUCTION_BIDDERS_MAX have one, the
 * user id is none that rtprop_json_id_valid() knows, or there is no memory.
 */
unsigned rtprop_auction_register(rtprop_auction_t *a, const rtprop_str_t *user,
    int *added);

/*
 * Gives the next number to a user who has none; for reading a document.
 * Returns it, or 0 as above.
 */
unsigned rtprop_auction_append(rtprop_auction_t *a, const rtprop_str_t *user);

/* Returns the user's bidder number, 0 when the user never joined. */
unsigned rtprop_auction_number(const rtprop_auction_t *a,
    const rtprop_str_t *user);

/* Returns the user id behind a number, NULL for 0 and unknown numbers. */
const char *rtprop_auction_user(const rtprop_auction_t *a, unsigned number);

/* rtprop_auction.c: bidding, and what may be asked of a state */

/*
 * Judges a bid made at "now" and, if it is accepted, makes the next state.
 * Refused, in this order: an absent user, an amount that is no amount (below 1,
 * or so high that no further bid could be expressed), an auction that is not
 * running at "now" (a bid counts only before ends_at), a user without a number,
 * the highest bidder, an amount below price + increment.
 *
 * A bid with less than extend_window_ms to go moves the end on by
 * extend_by_ms, counted from the old end.  A scheduled auction whose start is
 * due is started by its first accepted bid.
 *
 * A client_bid_id under which this user has had a bid accepted (the newest
 * RTPROP_AUCTION_CLAIMS are known) gives that acceptance again, at any time
 * and whatever the amount; nothing changes then.
 *
 * Never fails otherwise than by v->code; "outbid_user" lives as long as the
 * state.  The commit counts only before v->not_after, the end before this bid;
 * of several bids committed in one step the first one's holds for all.
 */
void rtprop_auction_bid(rtprop_auction_t *a, const rtprop_auction_offer_t *o,
    int64_t now, rtprop_auction_verdict_t *v);

/*
 * Fills in a refusal that the handler found (rate limited, unavailable, over),
 * with price and minimum of the state, which may be NULL when it is not known
 * (both are 0 then).
 */
void rtprop_auction_refuse(rtprop_auction_verdict_t *v,
    const rtprop_auction_t *a, rtprop_auction_code_e code);

/* The newest bid's id as a number; 0: no bid, or its id is no number. */
uint64_t rtprop_auction_last_id(const rtprop_auction_t *a);

/* The least amount that the next bid must have. */
int64_t rtprop_auction_minimum(const rtprop_auction_t *a);

/* Whether it is ended or cancelled: nothing will happen to it any more. */
int rtprop_auction_over(const rtprop_auction_t *a);

/* The winner's number; 0 before the end, without bids, and when cancelled. */
unsigned rtprop_auction_winner(const rtprop_auction_t *a);

/*
 * The interface knows no reserve price beside the starting price, so it is met
 * by the first bid.
 */
int rtprop_auction_reserve_met(const rtprop_auction_t *a);

/* The word of the interface for a status or a code; constants. */
const char *rtprop_auction_status_word(rtprop_auction_status_e status);
const char *rtprop_auction_code_word(rtprop_auction_code_e code);


/* rtprop_auction_course.c: orders and the clock */

/*
 * Carries out what an agent orders.
 *
 *     START      scheduled, before its end; an early start is a new starts_at
 *     PAUSE      live, before its end; the clock stops
 *     RESUME     paused; the end moves on by the length of the pause
 *     EXTEND_BY  live before its end, or paused; "arg" is ms, 1..30 days
 *     EXTEND_TO  the same; "arg" is the new end, later than the old one
 *     CANCEL     scheduled, live, paused; there is no winner
 *     END        live, paused; the highest bidder has won
 *
 * Returns RTPROP_OK; RTPROP_DECLINED in the wrong state (409); RTPROP_ERROR
 * with "why" for a wrong "arg" (422).
 */
int rtprop_auction_act(rtprop_auction_t *a, rtprop_auction_action_e what,
    int64_t arg, int64_t now, rtprop_invalid_t *why);

/*
 * The next time at which the clock has something to do: the start of a
 * scheduled auction, the end of a live one; -1 when nothing is due.
 */
int64_t rtprop_auction_next_due(const rtprop_auction_t *a);

/*
 * Does the one next thing that is due at "now" and tells what it was.  To be
 * called until it returns RTPROP_AUCTION_NOTHING: an auction that slept
 * through start and end does both.  An end by the clock is dated ends_at,
 * however late the tick.
 */
rtprop_auction_event_e rtprop_auction_tick(rtprop_auction_t *a, int64_t now);

/*
 * Milliseconds on the auction's clock: to the end; while paused, what was left
 * then; 0 when it is over.
 */
int64_t rtprop_auction_remaining(const rtprop_auction_t *a, int64_t now);


#endif /* _RTPROP_AUCTION_H_INCLUDED_ */
