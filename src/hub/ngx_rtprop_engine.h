/*
 * The engine: what keeps workers (and machines) in step.
 *
 * Declared here, implemented by engine/shm (one machine, shared memory) and
 * engine/redis (many).  Guarantees, the same for all:
 *
 *  - One total order per channel for every worker and machine: the engine
 *    assigns the offset in the step that makes the event durable.
 *  - A worker, the publishing one too, delivers only what comes back through
 *    the handler's deliver(), in order of offsets.
 *  - Every operation calls its done() exactly once, maybe before the call
 *    returns, and does nothing with the operation afterwards: call it last.
 *    The operation's memory (and what the caller pointed it at) must stay
 *    until then.  Results are allocated from op.pool.
 *  - rc is NGX_OK, or NGX_DECLINED where said, or NGX_BUSY (no room: to the
 *    client "unavailable"), or NGX_ERROR (engine away: "unavailable").
 *  - Nothing here blocks.
 */

#ifndef _NGX_RTPROP_ENGINE_H_INCLUDED_
#define _NGX_RTPROP_ENGINE_H_INCLUDED_


#include "ngx_rtprop.h"


/* ------------------------------------------------------------- events --- */

/*
 * Kinds of subscription, one bit each; an event names those that hear it.  A
 * subscription with several bits hears an event once.
 */

#define NGX_RTPROP_SUB_MEMBER    0x01      /* joined, or a viewer */
#define NGX_RTPROP_SUB_WATCHER   0x02      /* property:subscribe */
#define NGX_RTPROP_SUB_ALL       0xff

#define NGX_RTPROP_EV_VOLATILE   0x01      /* no offset, not in history */
#define NGX_RTPROP_EV_CONTROL    0x02      /* for the hub, not for clients */
#define NGX_RTPROP_EV_HIDDEN     0x04      /* kept in history, not delivered */
#define NGX_RTPROP_EV_RECEIPT    0x08      /* kind wants to know of delivery */
#define NGX_RTPROP_EV_POSITION   0x10      /* carried: no event, see publish */
#define NGX_RTPROP_EV_QUIET      0x20      /* carried: kept, see publish */


struct ngx_rtprop_event_s {
    ngx_str_t                  channel;
    ngx_str_t                  type;       /* "chat:new_message" */
    ngx_str_t                  payload;    /* JSON text, keys in snake_case */

    uint64_t                   id;         /* of what the event is about */
    uint64_t                   epoch;      /* set by the engine */
    uint64_t                   offset;     /* set by the engine; 0: volatile */
    int64_t                    time;       /* ms; set by the engine */

    ngx_uint_t                 flags;      /* NGX_RTPROP_EV_* */
    ngx_uint_t                 kinds;      /* NGX_RTPROP_SUB_*; 0 means all */

    ngx_str_t                  user;           /* who caused it, or empty */
    ngx_str_t                  skip_user;      /* not to this user */
    ngx_str_t                  skip_session;   /* nor to this one; 16 octets */

    ngx_str_t                  alt_user;       /* to this user instead ... */
    ngx_str_t                  alt_payload;    /* ... this payload */

    /*
     * Volatile only: a newer event with the same channel, type and key takes
     * the place of one that is still queued for a slow reader.
     */
    ngx_str_t                  replace;

    uint64_t                   arrived;    /* usec, monotonic: for latency */
    void                      *data;       /* of who publishes; see durable */
};


/* --------------------------------------------------------- operations --- */

typedef struct ngx_rtprop_op_s  ngx_rtprop_op_t;
typedef void (*ngx_rtprop_op_pt)(ngx_rtprop_op_t *op);

struct ngx_rtprop_op_s {
    ngx_rtprop_op_pt           done;
    void                      *data;
    ngx_pool_t                *pool;
    ngx_int_t                  rc;
};


/*
 * Publishes n events, each to its channel.  Reliable ones get epoch, offset
 * and a place in history; all or none of them.  NGX_BUSY: zone full even
 * after old history went.
 *
 * NGX_DONE, of a durable engine: the only event was published before, by
 * another operation; its id, time, epoch and offset are those of that one.
 * NGX_DECLINED, of such a one: the only event's id is that of another, nothing
 * was done; it may be tried with another id.
 *
 * carried: reliable ones have epoch, offset and time already, by an authority
 * that counts without gaps; the engine follows it.  Of each event, in their
 * order:
 *
 *   the channel has another epoch,   it takes the event's epoch, its history
 *   or does not exist                is emptied, its offset is the event's
 *                                    less one; then as below
 *   offset <= the channel's          was there before: skipped
 *   offset == the channel's + 1      kept and delivered as ever
 *   offset is greater                NGX_DECLINED, nothing was done: failed is
 *                                    the event's index, position the offset of
 *                                    its channel (with what would have been
 *                                    published ahead of it by this operation)
 *
 * With NGX_RTPROP_EV_QUIET it is kept, without that flag, and not delivered, if
 * its channel begins by this operation: who listens to one that goes on has not
 * heard it.
 * NGX_RTPROP_EV_POSITION is no event: a channel of another epoch, or none,
 * takes epoch and offset, with an empty history; one of this epoch stays as it
 * is.  Volatile ones go out as ever.
 */
typedef struct {
    ngx_rtprop_op_t            op;
    ngx_rtprop_event_t        *events;
    ngx_uint_t                 nevents;
    unsigned                   carried:1;

    ngx_uint_t                 failed;     /* out, with carried */
    uint64_t                   position;
} ngx_rtprop_publish_t;


/*
 * The history of one channel.  Reads what lies after "since" if epoch fits
 * (both 0: no claim), at most limit, oldest first; with tail set the newest
 * limit instead.
 *
 * recovered: 1 when epoch was known and everything after since is still there
 * (and was within limit).  epoch, offset: the channel's position now; a channel
 * that does not exist has offset 0 and an epoch that can be resumed from.
 * Volatile events are never here; hidden ones are, with their flag.
 *
 * flags: only events that have all of these NGX_RTPROP_EV_*; before: with tail,
 * only those ahead of the event with this id, or, where it is not there, with
 * an id below it (0: any; not kept).  Neither has a bearing on recovered.
 * more: there are older ones that fit.  partial: these are some of the newest,
 * there may be others; where they are kept could not be read.
 *
 * subscribe: from now on this worker hears the channel, until it unsubscribes.
 * lazy: many subscribe to channels of which most stay empty ("user:{id}"); an
 * engine that delivers to this worker anyway may leave it uncounted, and the
 * channel unmade: it then clears subscribe, and no unsubscribe follows.  It may
 * also subscribe while the position is not to be had: then epoch is 0.
 */
typedef struct {
    ngx_rtprop_op_t            op;
    ngx_str_t                  channel;
    uint64_t                   epoch;
    uint64_t                   since;
    ngx_uint_t                 limit;      /* 0: position only */
    unsigned                   tail:1;
    unsigned                   subscribe:1;    /* count one subscriber in */
    unsigned                   lazy:1;         /* or not, see above */
    ngx_uint_t                 flags;
    uint64_t                   before;

    /* out */
    unsigned                   recovered:1;
    unsigned                   more:1;
    unsigned                   partial:1;
    ngx_rtprop_event_t        *events;
    ngx_uint_t                 nevents;
    uint64_t                   offset;
    uint64_t                   first;      /* oldest offset kept; 0: none */
} ngx_rtprop_history_t;


/*
 * Presence: sets of users.  A user counts once, however many sessions, workers,
 * machines.  presence_remove gives back the info of a user's last session.  A
 * dead worker's sessions are taken out by the engine, which calls the handler's
 * presence_lost() in one of the other workers.
 *
 * later, with presence_add: an engine that is away takes the session in when it
 * is back, without max, and calls presence_came() then, a little later; NGX_OK,
 * and unknown is set: the counts are not.
 */
typedef struct {
    ngx_rtprop_op_t            op;
    ngx_str_t                  set;        /* "property:42", "$users" */
    ngx_str_t                  user;
    u_char                     session[NGX_RTPROP_SESSION_ID];
    ngx_str_t                  info;       /* JSON text, kept per session */
    ngx_uint_t                 max;        /* sessions of this user; 0: any */
    unsigned                   later:1;

    /* out */
    ngx_uint_t                 sessions;   /* of this user in the set, now */
    ngx_uint_t                 users;      /* distinct, in the set, now */
    unsigned                   changed:1;  /* the user came, or went */
    unsigned                   unknown:1;
} ngx_rtprop_presence_t;


typedef struct {
    ngx_str_t                  user;
    ngx_str_t                  info;
    u_char                     session[NGX_RTPROP_SESSION_ID];
    ngx_uint_t                 sessions;
} ngx_rtprop_member_t;


/*
 * Lists a set: with user empty its distinct users (info: of the newest
 * session), else that user's sessions.  At most limit; users and sessions are
 * counted in any case (limit 0: count only).
 */
typedef struct {
    ngx_rtprop_op_t            op;
    ngx_str_t                  set;
    ngx_str_t                  user;
    ngx_uint_t                 limit;

    /* out */
    ngx_rtprop_member_t       *members;
    ngx_uint_t                 nmembers;
    ngx_uint_t                 users;
    ngx_uint_t                 sessions;
} ngx_rtprop_members_t;


/*
 * A versioned document.  get: NGX_OK, or NGX_DECLINED when there is none
 * (version 0).
 *
 * put: writes value if the version kept is still the expected one (0: there is
 * none), raises it by step (0: by one), and publishes the events in the same
 * step.
 * value.data NULL deletes.  NGX_OK: version is the new one, the events have
 * their offsets.  NGX_DECLINED: a conflict, value and version are the current
 * ones.  NGX_ABORT: the engine's clock is at or past not_after (ms; 0: none);
 * nothing was written.  ttl (ms): it vanishes that long after its last put; 0:
 * never.  An id of the events that a database has already is a conflict, too.
 *
 * held: both in one step, with nobody else between them: judge() is called with
 * value, version and now as they are, sets what a put takes, leaves version,
 * and returns NGX_OK; NGX_DONE: nothing is to be written, and that is op.rc;
 * NGX_ERROR.  It has no effects: it may be called again.  Who waits for a
 * document so comes in his turn, whereas a put may lose for ever to one who is
 * quicker; yet it takes longer, and done() may tell of a conflict all the same.
 */
typedef struct ngx_rtprop_state_s  ngx_rtprop_state_t;

struct ngx_rtprop_state_s {
    ngx_rtprop_op_t            op;
    ngx_str_t                  key;        /* "auction:7" */
    ngx_str_t                  value;
    uint64_t                   version;
    ngx_uint_t                 step;
    int64_t                    not_after;
    ngx_msec_t                 ttl;
    ngx_rtprop_event_t        *events;
    ngx_uint_t                 nevents;
    ngx_int_t                (*judge)(ngx_rtprop_state_t *op);  /* held */

    int64_t                    now;        /* out: the engine's clock, ms */
};


/*
 * A lease: one holder at a time, for ttl (ms) from the last acquire.  acquire:
 * NGX_OK with a fence that grows with every new holding, or NGX_DECLINED when
 * another holds it (fence given by the holder renews).  release: with the
 * fence.  A dead worker's leases are free at once when it is reaped.
 */
typedef struct {
    ngx_rtprop_op_t            op;
    ngx_str_t                  name;
    ngx_msec_t                 ttl;
    uint64_t                   fence;
} ngx_rtprop_lease_t;


/*
 * Something to be done at a time, once, by any worker: when it is due the
 * engine claims it for one worker and calls the handler's job().  The worker
 * that does not finish it (schedule_done) within 10 s loses it to another.  The
 * same key replaces.  due in ms since the epoch; due 0 takes it off.
 */
typedef struct {
    ngx_rtprop_op_t            op;
    ngx_str_t                  key;        /* "auction:7" */
    ngx_str_t                  payload;
    int64_t                    due;
} ngx_rtprop_schedule_t;


/* A counter for all: adds delta, gives the value; ttl as in state. */

typedef struct {
    ngx_rtprop_op_t            op;
    ngx_str_t                  name;
    int64_t                    delta;
    int64_t                    value;      /* out */
    ngx_msec_t                 ttl;
} ngx_rtprop_counter_t;


/* The channels whose names start with prefix, at most limit, in any order. */

typedef struct {
    ngx_str_t                  name;
    uint64_t                   epoch;
    uint64_t                   offset;
    ngx_uint_t                 subscribers;
} ngx_rtprop_channel_info_t;

typedef struct {
    ngx_rtprop_op_t            op;
    ngx_str_t                  prefix;
    unsigned                   exact:1;    /* prefix is the whole name */
    ngx_uint_t                 limit;

    /* out */
    ngx_rtprop_channel_info_t *channels;
    ngx_uint_t                 nchannels;
} ngx_rtprop_channels_t;


/*
 * A number that this instance alone has, for as long as it is said again: for
 * ids.  It counts until that time (as ngx_rtprop_usec() has it; 0: there is
 * none); ids with it are of a later time than after.  sure: no other instance
 * can still have it.
 */
#define NGX_RTPROP_NUMBERS  128

typedef struct {
    ngx_uint_t                 n;
    uint64_t                   until;
    uint64_t                   after;
    unsigned                   sure:1;
} ngx_rtprop_number_t;


/* ------------------------------------------------- engine and handler --- */

/* What the engine calls in the hub. */

typedef struct {
    /*
     * Events in the order of their channels' offsets; called once per batch.
     * They are valid during the call only.
     */
    void      (*deliver)(ngx_rtprop_hub_t *hub, ngx_rtprop_event_t *events,
                  ngx_uint_t n);

    /* Something may be missing (ring overrun, connection lost): re-read. */
    void      (*lost)(ngx_rtprop_hub_t *hub);

    /* The user's last session in the set was on a worker that died. */
    void      (*presence_lost)(ngx_rtprop_hub_t *hub, ngx_str_t *set,
                  ngx_str_t *user, ngx_str_t *info, ngx_uint_t users);

    /* A job is due and claimed for this worker. */
    void      (*job)(ngx_rtprop_hub_t *hub, ngx_str_t *key,
                  ngx_str_t *payload, uint64_t fence);

    /*
     * As lost(), of one channel, which stands there now; NULL: lost() will be
     * called instead.
     */
    void      (*behind)(ngx_rtprop_hub_t *hub, ngx_str_t *channel,
                  uint64_t epoch, uint64_t offset);

    /*
     * The time of the highest id so far, in 1/64 ms since 2020, and the number
     * of this instance, of an engine that has several.  NULL: no matter.
     */
    uint64_t  (*id_time)(ngx_rtprop_hub_t *hub);
    void      (*numbered)(ngx_rtprop_hub_t *hub, ngx_rtprop_number_t *number);

    /*
     * A user came into the set by a session of this worker while the engine was
     * away; users: how many there are.  NULL: no matter.
     */
    void      (*presence_came)(ngx_rtprop_hub_t *hub, ngx_str_t *set,
                  ngx_str_t *user, ngx_str_t *info, ngx_uint_t users);
} ngx_rtprop_engine_handler_t;


struct ngx_rtprop_engine_s {
    ngx_str_t                      name;   /* "shm", "redis" */
    ngx_rtprop_worker_t           *worker;
    ngx_rtprop_hub_t              *hub;
    ngx_rtprop_engine_handler_t   *handler;
    void                          *data;   /* of the implementation */
    unsigned                       durable:1;  /* kept in a database */

    void  (*publish)(ngx_rtprop_engine_t *e, ngx_rtprop_publish_t *op);
    void  (*history)(ngx_rtprop_engine_t *e, ngx_rtprop_history_t *op);
    /* counts n subscribers of this worker out again; nothing to wait for */
    void  (*unsubscribe)(ngx_rtprop_engine_t *e, ngx_str_t *channel,
              ngx_uint_t n);
    void  (*presence_add)(ngx_rtprop_engine_t *e, ngx_rtprop_presence_t *op);
    void  (*presence_remove)(ngx_rtprop_engine_t *e,
              ngx_rtprop_presence_t *op);
    void  (*members)(ngx_rtprop_engine_t *e, ngx_rtprop_members_t *op);
    void  (*state_get)(ngx_rtprop_engine_t *e, ngx_rtprop_state_t *op);
    void  (*state_put)(ngx_rtprop_engine_t *e, ngx_rtprop_state_t *op);
    /* NULL, or NGX_DECLINED, and done() is not called: there is no such way */
    ngx_int_t (*state_held)(ngx_rtprop_engine_t *e, ngx_rtprop_state_t *op);
    void  (*lease)(ngx_rtprop_engine_t *e, ngx_rtprop_lease_t *op);
    void  (*release)(ngx_rtprop_engine_t *e, ngx_rtprop_lease_t *op);
    void  (*schedule)(ngx_rtprop_engine_t *e, ngx_rtprop_schedule_t *op);
    /* the job is done: forgets it unless it was scheduled anew meanwhile */
    void  (*schedule_done)(ngx_rtprop_engine_t *e, ngx_str_t *key,
              uint64_t fence);
    void  (*counter)(ngx_rtprop_engine_t *e, ngx_rtprop_counter_t *op);
    void  (*channels)(ngx_rtprop_engine_t *e, ngx_rtprop_channels_t *op);

    /* "ok", "degraded" and why, for health; never NULL */
    const char *(*status)(ngx_rtprop_engine_t *e);

    /* NULL, or the worker exits: what others need to know goes out now */
    void  (*close)(ngx_rtprop_engine_t *e);
};


/* Registers the engine's counters; called by the core's preconfiguration. */
ngx_int_t ngx_rtprop_engine_shm_preconfiguration(ngx_conf_t *cf);

/* The embedded engine over worker->zone; NULL on an error, which is logged. */
ngx_rtprop_engine_t *ngx_rtprop_engine_shm_create(ngx_rtprop_worker_t *worker,
    ngx_rtprop_hub_t *hub, ngx_rtprop_engine_handler_t *handler);

/* The same on Redis, over worker->conf->redis. */
ngx_int_t ngx_rtprop_engine_redis_preconfiguration(ngx_conf_t *cf);
ngx_rtprop_engine_t *ngx_rtprop_engine_redis_create(
    ngx_rtprop_worker_t *worker, ngx_rtprop_hub_t *hub,
    ngx_rtprop_engine_handler_t *handler);

/*
 * An engine in front of another one that keeps in worker->store what must last
 * (store/ngx_rtprop_durable.h).  NULL on an error.
 */
ngx_rtprop_engine_t *ngx_rtprop_engine_durable_create(
    ngx_rtprop_worker_t *worker, ngx_rtprop_engine_t *inner);


#endif /* _NGX_RTPROP_ENGINE_H_INCLUDED_ */
