/*
 * What the durable engine's files share.  For src/store/ only.
 *
 *     ngx_rtprop_durable_conf.c      what features have registered
 *     ngx_rtprop_durable.c           the engine: what goes where
 *     ngx_rtprop_durable_state.c     documents
 *     ngx_rtprop_durable_publish.c   events
 *     ngx_rtprop_durable_carry.c     committed ones told; gaps filled
 *     ngx_rtprop_durable_read.c      events read from the database
 *     ngx_rtprop_durable_seed.c      channels of the inner engine brought up
 *     ngx_rtprop_durable_history.c   history
 *     ngx_rtprop_durable_jobs.c      jobs
 *     ngx_rtprop_durable_jobs_away.c jobs, the inner engine away
 *     ngx_rtprop_durable_watch.c     what nobody has told
 */

#ifndef _NGX_RTPROP_DURABLE_IN_H_INCLUDED_
#define _NGX_RTPROP_DURABLE_IN_H_INCLUDED_


#include "store/ngx_rtprop_durable.h"
#include "store/ngx_rtprop_pg.h"
#include "base/ngx_rtprop_stat.h"


#define NGX_RTPROP_DURABLE_SEED     100    /* events of a channel brought up */
#define NGX_RTPROP_DURABLE_HEAL     100    /* events read at a time */
#define NGX_RTPROP_DURABLE_BUCKETS  256
#define NGX_RTPROP_DURABLE_PUT      8      /* parameters of a put, id aside */
#define NGX_RTPROP_DURABLE_APPEND   8      /* and of the events with it */
#define NGX_RTPROP_DURABLE_JOBS     1000   /* of one query */
#define NGX_RTPROP_DURABLE_QUERIES  16     /* for jobs that are due */


typedef struct {
    ngx_array_t                documents;  /* ngx_rtprop_durable_document_t * */
    ngx_array_t                feeds;      /* ngx_rtprop_durable_feed_t * */
    ngx_array_t                sources;    /* ngx_rtprop_durable_source_t * */
    ngx_array_t                jobs;       /* ngx_rtprop_durable_job_t * */

    ngx_rtprop_durable_document_t  *general;

    ngx_rtprop_query_t        *epoch;
    ngx_rtprop_query_t        *told;
    ngx_rtprop_query_t        *append;
    ngx_rtprop_query_t        *history;
    ngx_rtprop_query_t        *changed;
    ngx_rtprop_query_t        *looked;
    ngx_rtprop_query_t        *job_put;
    ngx_rtprop_query_t        *job_remove;
    ngx_rtprop_query_t        *job_due;
    ngx_rtprop_query_t        *job_lease;
} ngx_rtprop_durable_conf_t;


typedef struct ngx_rtprop_failover_s   ngx_rtprop_failover_t;
typedef struct ngx_rtprop_jobs_away_s  ngx_rtprop_jobs_away_t;


struct ngx_rtprop_durable_s {
    ngx_rtprop_engine_t        engine;
    ngx_rtprop_engine_t       *inner;
    ngx_rtprop_worker_t       *worker;
    ngx_rtprop_hub_t          *hub;
    ngx_rtprop_store_t        *store;
    ngx_rtprop_durable_conf_t *conf;
    ngx_rtprop_watcher_t       watcher;
    ngx_rtprop_failover_t     *failover;   /* NULL: not of this engine */
    ngx_rtprop_jobs_away_t    *away;       /* the same */

    uint64_t                   epoch;      /* 0: not known yet */
    uint64_t                   op;         /* of the last operation */
    ngx_queue_t                early;      /* till the epoch is known */
    ngx_queue_t                seeds[NGX_RTPROP_DURABLE_BUCKETS];

    ngx_event_t                tick;       /* of the jobs */
    uint64_t                   fence;      /* of the lease; 0: not held */
    ngx_msec_t                 armed;      /* when jobs were last armed */
    ngx_msec_t                 looked;     /* when that was written down */

    unsigned                   asking:1;   /* for the epoch */
    unsigned                   watching:1;
    unsigned                   watch_again:1;
    unsigned                   rearm:1;    /* all jobs, the engine is back */
};


/* What waits until the epoch is known; run() with it known, or 0. */

typedef struct ngx_rtprop_durable_early_s  ngx_rtprop_durable_early_t;

struct ngx_rtprop_durable_early_s {
    ngx_queue_t                queue;
    void                     (*run)(ngx_rtprop_durable_early_t *early);
    void                      *data;
};

/* Runs it, at once where the epoch is known. */
void ngx_rtprop_durable_when(ngx_rtprop_durable_t *d,
    ngx_rtprop_durable_early_t *early);


/* ------------------------------------------------ ngx_rtprop_durable_conf.c */

ngx_rtprop_durable_conf_t *ngx_rtprop_durable_conf(
    ngx_rtprop_main_conf_t *rmcf);

/* By the part of a name before its colon; NULL: none. */
ngx_rtprop_durable_document_t *ngx_rtprop_durable_document(
    ngx_rtprop_durable_conf_t *conf, ngx_str_t *key);
ngx_rtprop_durable_source_t *ngx_rtprop_durable_source(
    ngx_rtprop_durable_conf_t *conf, ngx_str_t *channel);
ngx_rtprop_durable_job_t *ngx_rtprop_durable_job(
    ngx_rtprop_durable_conf_t *conf, ngx_str_t *key);
ngx_rtprop_durable_feed_t *ngx_rtprop_durable_feed(
    ngx_rtprop_durable_conf_t *conf, ngx_rtprop_event_t *ev);


/* ----------------------------------------------- ngx_rtprop_durable_state.c */

void ngx_rtprop_durable_state_get(ngx_rtprop_engine_t *e,
    ngx_rtprop_state_t *op);
void ngx_rtprop_durable_state_put(ngx_rtprop_engine_t *e,
    ngx_rtprop_state_t *op);
ngx_int_t ngx_rtprop_durable_state_held(ngx_rtprop_engine_t *e,
    ngx_rtprop_state_t *op);


/* --------------------------------------------- ngx_rtprop_durable_publish.c */

void ngx_rtprop_durable_publish(ngx_rtprop_engine_t *e,
    ngx_rtprop_publish_t *op);

static inline ngx_uint_t
ngx_rtprop_durable_reliable(ngx_rtprop_event_t *ev)
{
    return !(ev->flags & (NGX_RTPROP_EV_VOLATILE|NGX_RTPROP_EV_CONTROL));
}


/* How many of the events are reliable. */
ngx_uint_t ngx_rtprop_durable_count(ngx_rtprop_event_t *events, ngx_uint_t n);

/* Whether the work was refused for an id that is there already; counts it. */
ngx_uint_t ngx_rtprop_durable_doubled(ngx_rtprop_durable_t *d,
    ngx_rtprop_work_t *work);

/* The channels of reliable events, to locks, which has room; their number. */
ngx_uint_t ngx_rtprop_durable_locks(ngx_rtprop_event_t *events, ngx_uint_t n,
    ngx_str_t *locks);

/*
 * The parameters of reliable events, NGX_RTPROP_DURABLE_APPEND of them; "many"
 * of the n events are reliable.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_rtprop_durable_append_params(ngx_pool_t *pool,
    ngx_rtprop_event_t *events, ngx_uint_t n, ngx_uint_t many,
    ngx_rtprop_param_t *params);

/*
 * Sets epoch, offset and time of reliable events by rows (n, position), whose
 * columns begin with "column".  NGX_ERROR: one has no row.
 */
ngx_int_t ngx_rtprop_durable_placed(ngx_rtprop_durable_t *d,
    ngx_rtprop_event_t *events, ngx_uint_t n, ngx_rtprop_result_t *result,
    ngx_uint_t column);


/* ----------------------------------------------- ngx_rtprop_durable_carry.c */

/*
 * Tells of events that are committed, with those between them that are not
 * reliable, then calls done(), once.
 */
typedef struct ngx_rtprop_durable_carry_s  ngx_rtprop_durable_carry_t;

struct ngx_rtprop_durable_carry_s {
    ngx_rtprop_publish_t       publish;
    ngx_rtprop_durable_t      *d;
    ngx_pool_t                *pool;
    ngx_rtprop_event_t        *events;
    ngx_uint_t                 n;
    void                     (*done)(ngx_rtprop_durable_carry_t *carry);
    void                      *data;
};

void ngx_rtprop_durable_carry(ngx_rtprop_durable_carry_t *carry);

/*
 * Tells of all that is committed after an offset.  done() with NGX_OK, or
 * NGX_ERROR; what it allocates is in pool.
 */
void ngx_rtprop_durable_fill(ngx_rtprop_durable_t *d, ngx_pool_t *pool,
    ngx_str_t *channel, uint64_t after, void (*done)(void *data, ngx_int_t rc),
    void *data);


/* ------------------------------------------------ ngx_rtprop_durable_read.c */

/*
 * Reads up to count events of a channel, after < offset <= upto, the oldest or
 * the newest of them, that have all flags, and, with before, are ahead of the
 * event of that id.  In done(): rc, events in order of offsets, carried, in
 * pool; more: there are others like them; top: the channel's offset (asked for
 * by "place", or 0).
 */
typedef struct ngx_rtprop_durable_read_s  ngx_rtprop_durable_read_t;

struct ngx_rtprop_durable_read_s {
    ngx_rtprop_durable_t      *d;
    ngx_pool_t                *pool;
    ngx_str_t                  channel;
    uint64_t                   after;
    uint64_t                   upto;
    uint64_t                   before;
    ngx_uint_t                 flags;
    ngx_uint_t                 count;
    unsigned                   newest:1;
    unsigned                   place:1;
    void                     (*done)(ngx_rtprop_durable_read_t *read);
    void                      *data;

    /* out */
    ngx_int_t                  rc;
    ngx_rtprop_event_t        *events;
    ngx_uint_t                 nevents;
    uint64_t                   top;
    unsigned                   more:1;

    ngx_rtprop_durable_source_t  *source;
    ngx_rtprop_work_t          work;
    ngx_rtprop_statement_t     statements[2];
    ngx_rtprop_param_t         params[13];
};

#define NGX_RTPROP_DURABLE_MAX  (INT64_MAX - 1)    /* upto: no bound */

void ngx_rtprop_durable_read(ngx_rtprop_durable_read_t *read);


/* ------------------------------------------------ ngx_rtprop_durable_seed.c */

/*
 * Has a channel that the inner engine does not know, or knows under another
 * epoch, begin there with its newest events, quietly.  done() with NGX_OK, or
 * NGX_ERROR.
 */
typedef struct {
    ngx_queue_t                queue;
    void                     (*done)(void *data, ngx_int_t rc);
    void                      *data;
} ngx_rtprop_durable_waiter_t;

void ngx_rtprop_durable_seed(ngx_rtprop_durable_t *d, ngx_str_t *channel,
    ngx_rtprop_durable_waiter_t *waiter);


/* --------------------------------------------- ngx_rtprop_durable_history.c */

void ngx_rtprop_durable_history(ngx_rtprop_engine_t *e,
    ngx_rtprop_history_t *op);


/* ------------------------------------------------ ngx_rtprop_durable_jobs.c */

void ngx_rtprop_durable_schedule(ngx_rtprop_engine_t *e,
    ngx_rtprop_schedule_t *op);
void ngx_rtprop_durable_schedule_done(ngx_rtprop_engine_t *e, ngx_str_t *key,
    uint64_t fence);
void ngx_rtprop_durable_jobs_init(ngx_rtprop_durable_t *d);

/*
 * The queries for jobs that are due, to statements, which has room for
 * NGX_RTPROP_DURABLE_QUERIES; params: from, to, count.  Gives their number.
 */
ngx_uint_t ngx_rtprop_durable_due_queries(ngx_rtprop_durable_t *d,
    ngx_rtprop_statement_t *statements, ngx_rtprop_param_t *params);


/* ------------------------------------------- ngx_rtprop_durable_jobs_away.c */

ngx_int_t ngx_rtprop_jobs_away_init(ngx_rtprop_durable_t *d);

/* Whether a finished job was run from the database. */
ngx_uint_t ngx_rtprop_jobs_away_done(ngx_rtprop_durable_t *d, ngx_str_t *key,
    uint64_t fence);


/* ----------------------------------------------- ngx_rtprop_durable_watch.c */

/*
 * Has a look at the channels that changed lately; all: since anybody had.  The
 * caller holds the lease, and calls it about each second.
 */
void ngx_rtprop_durable_watch(ngx_rtprop_durable_t *d, ngx_uint_t all);


/* ------------------------------------------------------------- metrics --- */

typedef enum {
    NGX_RTPROP_DURABLE_SEEDED = 0,
    NGX_RTPROP_DURABLE_HEALED,
    NGX_RTPROP_DURABLE_HISTORY,
    NGX_RTPROP_DURABLE_KNOWN,
    NGX_RTPROP_DURABLE_DOUBLED,
    NGX_RTPROP_DURABLE_CONFLICTS,
    NGX_RTPROP_DURABLE_HELD,
    NGX_RTPROP_DURABLE_ARMED,
    NGX_RTPROP_DURABLE_RAN,
    NGX_RTPROP_DURABLE_ANEW
} ngx_rtprop_durable_stat_e;

extern ngx_rtprop_stat_desc_t  ngx_rtprop_durable_stats[];

static inline void
ngx_rtprop_durable_bump(ngx_rtprop_durable_t *d,
    ngx_rtprop_durable_stat_e stat, int64_t n)
{
    ngx_rtprop_stat_bump(d->worker, &ngx_rtprop_durable_stats[stat], n);
}


#endif /* _NGX_RTPROP_DURABLE_IN_H_INCLUDED_ */
