/*
 * Jobs while the inner engine, and with it its schedule, is away for long: one
 * worker of all, by a lease in the database, runs what is due there.
 *
 * The lease is taken at all times, so that somebody holds it when the inner
 * engine goes.  A job is run again when it was not finished within the time
 * that the inner engine would give, so it may run twice; so may what the inner
 * engine still has on its schedule when it is back.
 */

#include "store/ngx_rtprop_durable_in.h"
#include "store/ngx_rtprop_failover.h"
#include <openssl/rand.h>


#define NGX_RTPROP_JOBS_AWAY_TICK     1000     /* ms */
#define NGX_RTPROP_JOBS_AWAY_LEASE    6000     /* ms */
#define NGX_RTPROP_JOBS_AWAY_RENEW    2000     /* ms */
#define NGX_RTPROP_JOBS_AWAY_AHEAD    1500     /* ms; is read ahead */
#define NGX_RTPROP_JOBS_AWAY_CLAIMED  10000    /* ms; then it is run again */
#define NGX_RTPROP_JOBS_AWAY_SETTLE   3000     /* ms; till it is seen as done */

/* The inner engine's fences do not come that far. */
#define NGX_RTPROP_JOBS_AWAY_FENCE    ((uint64_t) 1 << 62)


typedef enum {
    NGX_RTPROP_JOB_WAITS = 0,
    NGX_RTPROP_JOB_RUNS,
    NGX_RTPROP_JOB_DONE
} ngx_rtprop_job_state_e;


typedef struct {
    ngx_str_node_t             node;       /* by key */
    ngx_queue_t                queue;
    ngx_event_t                timer;      /* due; then the end of the claim */
    ngx_rtprop_jobs_away_t    *away;
    ngx_str_t                  payload;
    int64_t                    due;
    uint64_t                   fence;
    ngx_uint_t                 state;      /* ngx_rtprop_job_state_e */
} ngx_rtprop_job_away_t;


struct ngx_rtprop_jobs_away_s {
    ngx_rtprop_durable_t      *d;
    ngx_event_t                tick;
    int64_t                    holder;     /* random, this worker's */
    ngx_msec_t                 renew;      /* when the lease is due */
    uint64_t                   fence;

    ngx_rtprop_work_t          work;       /* one at a time */
    ngx_rtprop_statement_t     statements[NGX_RTPROP_DURABLE_QUERIES];
    ngx_rtprop_param_t         params[3];

    ngx_rbtree_t               jobs;       /* ngx_rtprop_job_away_t */
    ngx_rbtree_node_t          sentinel;
    ngx_queue_t                queue;

    unsigned                   busy:1;     /* the work is under way */
    unsigned                   held:1;
};


static void ngx_rtprop_jobs_away_tick(ngx_event_t *ev);
static void ngx_rtprop_jobs_away_lease(ngx_rtprop_jobs_away_t *away,
    ngx_msec_t ttl);
static void ngx_rtprop_jobs_away_leased(ngx_rtprop_work_t *work);
static void ngx_rtprop_jobs_away_look(ngx_rtprop_jobs_away_t *away);
static void ngx_rtprop_jobs_away_looked(ngx_rtprop_work_t *work);
static void ngx_rtprop_job_away(ngx_rtprop_jobs_away_t *away,
    ngx_rtprop_result_t *result, ngx_uint_t row);
static void ngx_rtprop_job_away_timer(ngx_event_t *ev);
static ngx_rtprop_job_away_t *ngx_rtprop_job_away_find(
    ngx_rtprop_jobs_away_t *away, ngx_str_t *key);
static void ngx_rtprop_jobs_away_forget(ngx_rtprop_jobs_away_t *away);
static void ngx_rtprop_job_away_free(ngx_rtprop_job_away_t *job);


/* Shared memory is never away. */

ngx_int_t
ngx_rtprop_jobs_away_init(ngx_rtprop_durable_t *d)
{
    ngx_rtprop_jobs_away_t  *away;

    if (d->failover == NULL) {
        return NGX_OK;
    }

    away = ngx_pcalloc(d->worker->pool, sizeof(ngx_rtprop_jobs_away_t));

    if (away == NULL
        || RAND_bytes((u_char *) &away->holder, sizeof(int64_t)) != 1)
    {
        return NGX_ERROR;
    }

    away->holder &= 0x7fffffffffffffffLL;
    away->d = d;
    away->renew = ngx_current_msec;
    away->fence = NGX_RTPROP_JOBS_AWAY_FENCE;

    ngx_rbtree_init(&away->jobs, &away->sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_queue_init(&away->queue);

    away->tick.handler = ngx_rtprop_jobs_away_tick;
    away->tick.data = away;
    away->tick.log = d->worker->log;
    away->tick.cancelable = 1;

    ngx_add_timer(&away->tick, NGX_RTPROP_JOBS_AWAY_TICK / 10);

    d->away = away;

    return NGX_OK;
}


/* A worker that drains gives the lease back, if there is time for it. */

static void
ngx_rtprop_jobs_away_tick(ngx_event_t *ev)
{
    ngx_uint_t               ending;
    ngx_rtprop_jobs_away_t  *away;

    away = ev->data;
    ending = away->d->worker->draining || ngx_exiting || ngx_quit
             || ngx_terminate;

    if (ending && !away->held) {
        return;
    }

    ngx_add_timer(ev, NGX_RTPROP_JOBS_AWAY_TICK);

    if (away->busy || !ngx_rtprop_store_up(away->d->store)) {
        return;
    }

    if (ending) {
        ngx_rtprop_jobs_away_lease(away, 0);
        return;
    }

    if ((ngx_msec_int_t) (ngx_current_msec - away->renew) >= 0) {
        away->renew = ngx_current_msec + NGX_RTPROP_JOBS_AWAY_RENEW;
        ngx_rtprop_jobs_away_lease(away, NGX_RTPROP_JOBS_AWAY_LEASE);
        return;
    }

    ngx_rtprop_jobs_away_look(away);
}


static void
ngx_rtprop_jobs_away_lease(ngx_rtprop_jobs_away_t *away, ngx_msec_t ttl)
{
    ngx_memzero(&away->work, sizeof(ngx_rtprop_work_t));

    away->params[0] = ngx_rtprop_param_number(away->holder);
    away->params[1] = ngx_rtprop_param_number(ttl);

    away->statements[0].query = away->d->conf->job_lease;
    away->statements[0].params = away->params;
    away->work.statements = away->statements;
    away->work.n = 1;
    away->work.write = 1;
    away->work.done = ngx_rtprop_jobs_away_leased;
    away->work.data = away;
    away->busy = 1;

    if (ttl == 0) {
        away->held = 0;
    }

    ngx_rtprop_store_do(away->d->store, &away->work);
}


static void
ngx_rtprop_jobs_away_leased(ngx_rtprop_work_t *work)
{
    ngx_rtprop_jobs_away_t *away = work->data;

    ngx_rtprop_result_t  *result;

    away->busy = 0;
    result = away->statements[0].result;

    away->held = away->params[1].number
                 && work->rc == NGX_OK
                 && ngx_rtprop_result_rows(result) == 1
                 && ngx_rtprop_result_number(result, 0, 0);

    ngx_rtprop_jobs_away_look(away);
}


/* ------------------------------------------------------------------- due */

static void
ngx_rtprop_jobs_away_look(ngx_rtprop_jobs_away_t *away)
{
    ngx_rtprop_durable_t  *d;

    d = away->d;

    if (!away->held || !ngx_rtprop_failover_active(d)) {
        ngx_rtprop_jobs_away_forget(away);
        return;
    }

    ngx_memzero(&away->work, sizeof(ngx_rtprop_work_t));

    away->params[0] = ngx_rtprop_param_number(INT64_MIN);
    away->params[1] = ngx_rtprop_param_number(ngx_rtprop_now()
                                              + NGX_RTPROP_JOBS_AWAY_AHEAD);
    away->params[2] = ngx_rtprop_param_number(NGX_RTPROP_DURABLE_JOBS);

    away->work.statements = away->statements;
    away->work.n = ngx_rtprop_durable_due_queries(d, away->statements,
                                                  away->params);
    away->work.done = ngx_rtprop_jobs_away_looked;
    away->work.data = away;
    away->busy = 1;

    ngx_rtprop_store_do(d->store, &away->work);
}


static void
ngx_rtprop_jobs_away_looked(ngx_rtprop_work_t *work)
{
    ngx_rtprop_jobs_away_t *away = work->data;

    ngx_uint_t  i, row, rows;

    away->busy = 0;

    if (work->rc != NGX_OK || !ngx_rtprop_failover_active(away->d)) {
        return;
    }

    /* what is not due any more is not among them */

    ngx_rtprop_jobs_away_forget(away);

    for (i = 0; i < work->n; i++) {
        rows = ngx_rtprop_result_rows(away->statements[i].result);

        for (row = 0; row < rows; row++) {
            ngx_rtprop_job_away(away, away->statements[i].result, row);
        }
    }
}


/* What was just done may be read once more, until that is committed. */

static void
ngx_rtprop_job_away(ngx_rtprop_jobs_away_t *away, ngx_rtprop_result_t *result,
    ngx_uint_t row)
{
    u_char                 *p;
    int64_t                 due;
    ngx_str_t               key, payload;
    ngx_rtprop_job_away_t  *job;

    key = ngx_rtprop_result_text(result, row, 0);
    due = ngx_rtprop_result_number(result, row, 1);
    payload = ngx_rtprop_result_text(result, row, 2);

    job = ngx_rtprop_job_away_find(away, &key);

    if (job && (job->state == NGX_RTPROP_JOB_RUNS || due <= job->due)) {
        return;
    }

    if (job) {
        ngx_rtprop_job_away_free(job);
    }

    job = ngx_calloc(sizeof(ngx_rtprop_job_away_t) + key.len + payload.len,
                     away->d->worker->log);

    if (job == NULL) {
        return;
    }

    p = (u_char *) (job + 1);
    job->node.str.len = key.len;
    job->node.str.data = p;
    p = ngx_cpymem(p, key.data, key.len);
    job->payload.len = payload.len;
    job->payload.data = p;

    if (payload.len) {
        ngx_memcpy(p, payload.data, payload.len);
    }

    job->away = away;
    job->due = due;
    job->node.node.key = ngx_crc32_long(key.data, key.len);
    ngx_rbtree_insert(&away->jobs, &job->node.node);
    ngx_queue_insert_tail(&away->queue, &job->queue);

    job->timer.handler = ngx_rtprop_job_away_timer;
    job->timer.data = job;
    job->timer.log = away->d->worker->log;
    job->timer.cancelable = 1;

    ngx_add_timer(&job->timer, ngx_max(due - ngx_rtprop_now(), 1));
}


static void
ngx_rtprop_job_away_timer(ngx_event_t *ev)
{
    ngx_rtprop_durable_t    *d;
    ngx_rtprop_job_away_t   *job;
    ngx_rtprop_jobs_away_t  *away;

    job = ev->data;
    away = job->away;
    d = away->d;

    if (job->state != NGX_RTPROP_JOB_WAITS
        || !ngx_rtprop_failover_active(d))
    {
        ngx_rtprop_job_away_free(job);
        return;
    }

    job->state = NGX_RTPROP_JOB_RUNS;
    job->fence = ++away->fence;
    ngx_add_timer(&job->timer, NGX_RTPROP_JOBS_AWAY_CLAIMED);

    ngx_rtprop_durable_bump(d, NGX_RTPROP_DURABLE_RAN, 1);

    d->engine.handler->job(d->hub, &job->node.str, &job->payload, job->fence);
}


ngx_uint_t
ngx_rtprop_jobs_away_done(ngx_rtprop_durable_t *d, ngx_str_t *key,
    uint64_t fence)
{
    ngx_rtprop_job_away_t  *job;

    if (fence < NGX_RTPROP_JOBS_AWAY_FENCE || d->away == NULL) {
        return 0;
    }

    job = ngx_rtprop_job_away_find(d->away, key);

    if (job && job->fence == fence) {
        job->state = NGX_RTPROP_JOB_DONE;
        ngx_add_timer(&job->timer, NGX_RTPROP_JOBS_AWAY_SETTLE);
    }

    return 1;
}


/* ----------------------------------------------------------------- table */

static ngx_rtprop_job_away_t *
ngx_rtprop_job_away_find(ngx_rtprop_jobs_away_t *away, ngx_str_t *key)
{
    return (ngx_rtprop_job_away_t *)
           ngx_str_rbtree_lookup(&away->jobs, key,
                                 ngx_crc32_long(key->data, key->len));
}


/* Those that wait; what runs goes on. */

static void
ngx_rtprop_jobs_away_forget(ngx_rtprop_jobs_away_t *away)
{
    ngx_queue_t            *q, *next;
    ngx_rtprop_job_away_t  *job;

    for (q = ngx_queue_head(&away->queue); q != &away->queue; q = next) {
        next = ngx_queue_next(q);
        job = ngx_queue_data(q, ngx_rtprop_job_away_t, queue);

        if (job->state == NGX_RTPROP_JOB_WAITS) {
            ngx_rtprop_job_away_free(job);
        }
    }
}


static void
ngx_rtprop_job_away_free(ngx_rtprop_job_away_t *job)
{
    if (job->timer.timer_set) {
        ngx_del_timer(&job->timer);
    }

    ngx_rbtree_delete(&job->away->jobs, &job->node.node);
    ngx_queue_remove(&job->queue);
    ngx_free(job);
}
