/*
 * Auctions in a worker.
 *
 *     ngx_rtprop_auction_module.c    what is registered
 *     ngx_rtprop_auction.c           one change of an auction's document
 *     ngx_rtprop_auction_bid.c       auction:bid
 *     ngx_rtprop_auction_bids.c      bids read again
 *     ngx_rtprop_auction_join.c      auction:join, resume
 *     ngx_rtprop_auction_people.c    leaving, and who is told
 *     ngx_rtprop_auction_count.c     how many are there
 *     ngx_rtprop_auction_clock.c     start, end and countdown by themselves
 *     ngx_rtprop_auction_http.c      the resource and its actions
 *     ngx_rtprop_auction_post.c      broadcast/auction
 *     ngx_rtprop_auction_store.c     what the database keeps
 *     rtprop_auction*.c              the rules
 *
 * The document "auction:{id}" is the whole truth, and each change of it is
 * written in one step together with the events that tell of it.  What the
 * clock has to do is on the engine's schedule: "auction:{id}" when the document
 * says that something is due, "auction-sync:{id}" every ten seconds while
 * there is a countdown.  Both jobs do what is due and put themselves on the
 * schedule anew, so a job that comes early, late or twice does no harm; the
 * second also mends the first, should a worker die between its commit and its
 * call for the schedule.
 */

#ifndef _NGX_RTPROP_AUCTION_H_INCLUDED_
#define _NGX_RTPROP_AUCTION_H_INCLUDED_


#include "hub/ngx_rtprop_hub.h"
#include "store/ngx_rtprop_store.h"
#include "features/auction/rtprop_auction.h"
#include "features/auction/rtprop_auction_json.h"


#define NGX_RTPROP_AUCTION_PREFIX  "auction"
#define NGX_RTPROP_AUCTION_SYNC    "auction-sync"
#define NGX_RTPROP_AUCTION_BIDS    "auction-bids"

#define NGX_RTPROP_AUCTION_EVERY   10000    /* ms between two timer_sync */
#define NGX_RTPROP_AUCTION_CHECK   1000     /* ms; looks again after a change */
#define NGX_RTPROP_AUCTION_KEEP    2592000000ULL   /* ms, once it is over */
#define NGX_RTPROP_AUCTION_MISSED  1000     /* events that resume may send */
#define NGX_RTPROP_AUCTION_EVENTS  8        /* of one change */
#define NGX_RTPROP_AUCTION_LIMIT   50       /* bids of one page */


/* The module's main configuration; what a worker keeps. */

typedef struct {
    ngx_queue_t                 paces;      /* see ngx_rtprop_auction_count.c */
    ngx_uint_t                  npaces;

    /* see ngx_rtprop_auction_store.c */
    ngx_rtprop_query_t         *refuse;
    ngx_rtprop_worker_t        *worker;
    ngx_queue_t                 refused;    /* bids to be written down */
    ngx_uint_t                  nrefused;   /* with those under way */
    ngx_event_t                 audit;
    unsigned                    auditing:1;

    /* see ngx_rtprop_auction_keep() */
    rtprop_auction_t           *kept;       /* or NULL */
    ngx_str_t                   kept_text;  /* that it was, or is, parsed of */
    size_t                      kept_size;  /* there is room for */
} ngx_rtprop_auction_conf_t;


extern ngx_module_t  ngx_rtprop_auction_module;


/* -------------------------------------------------------------- change --- */

/*
 * An update of an auction's document, with what its apply() makes of it.  Lives
 * in op.pool; the feature's own struct starts with it.
 */

typedef struct {
    ngx_rtprop_update_t         update;     /* data is the struct itself */
    ngx_rtprop_hub_t           *hub;
    ngx_str_t                   id;
    uint64_t                    arrived;    /* of the command; 0: none */
    ngx_rtprop_schedule_t       look;       /* see auction_update() */
    int64_t                     due;        /* after it; -1: nothing is due */
    ngx_rtprop_event_t          events[NGX_RTPROP_AUCTION_EVENTS];
    unsigned                    ticked:1;   /* the clock has done something */
    unsigned                    running:1;  /* live or paused after it */
    unsigned                    extended:1; /* the end has moved */
    unsigned                    closed:1;   /* and this change has ended it */
} ngx_rtprop_auction_change_t;


/* Sets key and id (copied to pool) and the callbacks.  NGX_ERROR: no memory. */
ngx_int_t ngx_rtprop_auction_change_init(ngx_rtprop_auction_change_t *change,
    ngx_rtprop_hub_t *hub, ngx_pool_t *pool, ngx_str_t *id);

/*
 * First in apply(): reads the document, which is there, forgets what an earlier
 * try has left, and sets the view for events of the next version.  The caller
 * destroys the state.  NULL: not readable (logged).
 */
rtprop_auction_t *ngx_rtprop_auction_open(ngx_rtprop_auction_change_t *change,
    ngx_str_t *text, uint64_t version, int64_t now,
    rtprop_auction_view_t *view);

/*
 * Takes over an auction that was opened of text and has not been changed since:
 * whoever opens the same text next gets it, so that a row of bids that are too
 * low costs one reading of the document.
 */
void ngx_rtprop_auction_keep(ngx_rtprop_auction_change_t *change,
    ngx_str_t *text, rtprop_auction_t *a);

/*
 * Does what is due at view->now, with its events.  NGX_OK, NGX_ERROR: no
 * memory.
 */
ngx_int_t ngx_rtprop_auction_tick(ngx_rtprop_auction_change_t *change,
    rtprop_auction_t *a, rtprop_auction_view_t *view);

/*
 * Adds a reliable event of the auction's channel to the change; payload's
 * reference is taken over.  The caller may alter it.  NULL: no memory.
 */
ngx_rtprop_event_t *ngx_rtprop_auction_event(
    ngx_rtprop_auction_change_t *change, const char *type, json_t *payload);

/* Adds what is told when an auction has ended or its clock has changed. */
ngx_int_t ngx_rtprop_auction_tell_end(ngx_rtprop_auction_change_t *change,
    rtprop_auction_t *a, rtprop_auction_view_t *view);
ngx_int_t ngx_rtprop_auction_tell_time(ngx_rtprop_auction_change_t *change,
    rtprop_auction_t *a, rtprop_auction_view_t *view);

/* Last in apply(): the state becomes what is written.  NGX_OK, NGX_ERROR. */
ngx_int_t ngx_rtprop_auction_write(ngx_rtprop_auction_change_t *change,
    rtprop_auction_t *a);

/* Notes for the schedule what the state has due; part of the above. */
void ngx_rtprop_auction_plan(ngx_rtprop_auction_change_t *change,
    rtprop_auction_t *a);

/* In done(), after a commit: puts on the schedule what the state has due. */
void ngx_rtprop_auction_committed(ngx_rtprop_auction_change_t *change);

/* The same when nothing due has changed: only counts. */
void ngx_rtprop_auction_counted(ngx_rtprop_auction_change_t *change);


/* {success, epoch, offset} of a published event; null for a volatile one. */
json_t *ngx_rtprop_auction_place(ngx_rtprop_event_t *ev);


/* --------------------------------------------------------------- clock --- */

/* Handler of both kinds of jobs. */
void ngx_rtprop_auction_job(ngx_rtprop_hub_t *hub, ngx_str_t *key,
    ngx_str_t *payload, uint64_t fence, void *data);

/*
 * hub_update() of a change that may make something due earlier than it was:
 * once the schedule has taken it that the auction is looked at in a second.  If
 * it does not take it nothing is changed, and update.rc says why.
 */
void ngx_rtprop_auction_update(ngx_rtprop_auction_change_t *change);


/* -------------------------------------------------------------- people --- */

/*
 * Tells the room who came or went (number 0: not known) and how many there are
 * now.  type is auction:bidder_joined or auction:bidder_left.
 */
void ngx_rtprop_auction_tell_people(ngx_rtprop_hub_t *hub, const char *type,
    ngx_str_t *id, ngx_str_t *user, unsigned number, ngx_uint_t users);

/* Tells the room how many there are, now or within 250 ms. */
void ngx_rtprop_auction_tell_count(ngx_rtprop_hub_t *hub, ngx_str_t *id,
    ngx_uint_t users);

/* Observer: the worker starts. */
void ngx_rtprop_auction_started(ngx_rtprop_worker_t *worker, void *data);

/* Takes a session out of the auction's presence set, and tells. */
void ngx_rtprop_auction_go(ngx_rtprop_hub_t *hub, ngx_str_t *id,
    ngx_str_t *user, u_char *session);


/* --------------------------------------------------------------- store --- */

/* Says where auctions are kept; part of preconfiguration. */
ngx_int_t ngx_rtprop_auction_store(ngx_conf_t *cf,
    ngx_rtprop_auction_conf_t *conf);

/*
 * Writes down in the database, which there must be, that a bid was refused: the
 * command, the auction, its version on which it was judged (0: none), and why.
 * Then answers with payload, whose reference is taken over; where the refusal
 * could not be written, the answer is "unavailable".
 */
void ngx_rtprop_auction_audit(ngx_rtprop_cmd_t *cmd, ngx_str_t *auction,
    uint64_t version, rtprop_auction_code_e code, json_t *payload);

/* The same where there is a database, as far as it can be; answers nothing. */
void ngx_rtprop_auction_note(ngx_rtprop_cmd_t *cmd, ngx_str_t *auction,
    uint64_t version, rtprop_auction_code_e code);

/* Answers, and counts, that a bid was refused; payload is taken over. */
void ngx_rtprop_auction_bid_rejected(ngx_rtprop_cmd_t *cmd,
    rtprop_auction_code_e code, json_t *payload);

/* Answers that a bid can't be judged now, since nobody could write it down. */
void ngx_rtprop_auction_bid_unaudited(ngx_rtprop_cmd_t *cmd, ngx_str_t *id);


/* ------------------------------------------------------------ handlers --- */

void ngx_rtprop_auction_join(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_auction_leave(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_auction_bid(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_auction_bid_refused(ngx_rtprop_cmd_t *cmd, const char *code,
    const char *message, json_t *extra);
void ngx_rtprop_auction_history(ngx_rtprop_cmd_t *cmd);

void ngx_rtprop_auction_http_put(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_auction_http_get(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_auction_http_bids(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_auction_http_act(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_auction_http_post(ngx_rtprop_cmd_t *cmd);

void ngx_rtprop_auction_resume(ngx_rtprop_resume_t *resume);
void ngx_rtprop_auction_left(ngx_rtprop_session_t *s, ngx_rtprop_sub_t *sub,
    ngx_str_t *id, void *data);
void ngx_rtprop_auction_lost(ngx_rtprop_hub_t *hub, ngx_str_t *id,
    ngx_str_t *user, ngx_str_t *info, ngx_uint_t users, void *data);
void ngx_rtprop_auction_came(ngx_rtprop_hub_t *hub, ngx_str_t *id,
    ngx_str_t *user, ngx_str_t *info, ngx_uint_t users, void *data);

/*
 * Carries out an order and ends cmd: with the resource, or for a broadcast with
 * the event's place.
 */
void ngx_rtprop_auction_order(ngx_rtprop_cmd_t *cmd, ngx_str_t *id,
    rtprop_auction_action_e what, int64_t arg, ngx_uint_t broadcast);


/* ------------------------------------------------------------ counters --- */

/* Bids are counted by rtprop_auction_code_e, then these. */

typedef enum {
    NGX_RTPROP_AUCTION_STAT_REPEATED = RTPROP_AUCTION_UNAVAILABLE + 1,
    NGX_RTPROP_AUCTION_STAT_EXTENDED,
    NGX_RTPROP_AUCTION_STAT_CLOSED,
    NGX_RTPROP_AUCTION_STAT_CONFLICTS,
    NGX_RTPROP_AUCTION_STAT_UNAUDITED
} ngx_rtprop_auction_stat_e;

void ngx_rtprop_auction_count(ngx_rtprop_worker_t *worker, ngx_uint_t which,
    ngx_uint_t n);


static inline ngx_str_t
ngx_rtprop_auction_str(rtprop_str_t s)
{
    ngx_str_t  n;

    n.len = s.len;
    n.data = s.data;

    return n;
}


static inline rtprop_str_t
ngx_rtprop_auction_pure(ngx_str_t *n)
{
    rtprop_str_t  s;

    s.len = n->len;
    s.data = n->data;

    return s;
}


#endif /* _NGX_RTPROP_AUCTION_H_INCLUDED_ */
