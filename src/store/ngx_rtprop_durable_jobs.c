/*
 * Jobs: in the database until they are done, on the inner engine's schedule
 * shortly before they are due.
 *
 * One worker of all, by a lease of the inner engine, looks after them: once the
 * inner engine has nothing (a document that would be there is not), all are put
 * on its schedule, those of the near future again from time to time, and those
 * that should be done by now.  With the inner engine away for long they are run
 * from the database (ngx_rtprop_durable_jobs_away.c); when it is back all are
 * put on its schedule.
 */

#include "store/ngx_rtprop_durable_in.h"
#include "store/ngx_rtprop_failover.h"


#define NGX_RTPROP_DURABLE_TICK     1000   /* ms */
#define NGX_RTPROP_DURABLE_LEASE    10000  /* ms */
#define NGX_RTPROP_DURABLE_EVERY    20000  /* ms; the near future, again */
#define NGX_RTPROP_DURABLE_AHEAD    60000  /* ms; is that far */
#define NGX_RTPROP_DURABLE_LATE     15000  /* ms; then it was forgotten */


typedef struct {
    ngx_rtprop_work_t           work;
    ngx_rtprop_statement_t      statement;
    ngx_rtprop_param_t          params[3];
    ngx_rtprop_durable_t       *d;
    ngx_rtprop_schedule_t      *op;
} ngx_rtprop_durable_scheduling_t;


typedef struct {
    ngx_rtprop_lease_t          lease;
    ngx_rtprop_state_t          armed;
    ngx_rtprop_work_t           work;
    ngx_rtprop_statement_t      statements[2 * NGX_RTPROP_DURABLE_QUERIES];
    ngx_rtprop_param_t          params[2][3];
    ngx_rtprop_durable_t       *d;
    ngx_pool_t                 *pool;
} ngx_rtprop_durable_arming_t;


static void ngx_rtprop_durable_scheduled(ngx_rtprop_work_t *work);
static void ngx_rtprop_durable_tick(ngx_event_t *ev);
static void ngx_rtprop_durable_leased(ngx_rtprop_op_t *op);
static void ngx_rtprop_durable_armed(ngx_rtprop_op_t *op);
static void ngx_rtprop_durable_due(ngx_rtprop_durable_arming_t *a,
    ngx_uint_t all);
static void ngx_rtprop_durable_due_read(ngx_rtprop_work_t *work);
static void ngx_rtprop_durable_arm(ngx_rtprop_durable_t *d,
    ngx_rtprop_result_t *result, ngx_uint_t row);
static void ngx_rtprop_durable_arm_one(ngx_rtprop_op_t *op);
static void ngx_rtprop_durable_arm_done(ngx_rtprop_op_t *op);
static void ngx_rtprop_durable_arming_end(ngx_rtprop_durable_arming_t *a);


/* What is to be done is in the database before anybody counts on it. */

void
ngx_rtprop_durable_schedule(ngx_rtprop_engine_t *e, ngx_rtprop_schedule_t *op)
{
    ngx_rtprop_durable_t             *d;
    ngx_rtprop_durable_job_t         *job;
    ngx_rtprop_durable_scheduling_t  *s;

    d = e->data;
    job = ngx_rtprop_durable_job(d->conf, &op->key);

    if (job && job->due && ngx_rtprop_failover_active(d)) {
        op->op.rc = NGX_OK;     /* the database tells when it is due */
        op->op.done(&op->op);
        return;
    }

    if (job == NULL || job->due) {
        d->inner->schedule(d->inner, op);
        return;
    }

    s = ngx_pcalloc(op->op.pool, sizeof(ngx_rtprop_durable_scheduling_t));

    if (s == NULL) {
        op->op.rc = NGX_ERROR;
        op->op.done(&op->op);
        return;
    }

    s->d = d;
    s->op = op;
    s->params[0].text = op->key;

    if (op->due) {
        s->statement.query = d->conf->job_put;
        s->params[1].number = op->due;
        s->params[2].text = op->payload;

        if (op->payload.data == NULL) {
            ngx_str_set(&s->params[2].text, "");
        }

    } else {
        s->statement.query = d->conf->job_remove;
        s->params[1].number = 1;
    }

    s->statement.params = s->params;
    s->work.statements = &s->statement;
    s->work.n = 1;
    s->work.locks = &op->key;
    s->work.nlocks = 1;
    s->work.write = 1;
    s->work.done = ngx_rtprop_durable_scheduled;
    s->work.data = s;

    ngx_rtprop_store_do(d->store, &s->work);
}


static void
ngx_rtprop_durable_scheduled(ngx_rtprop_work_t *work)
{
    ngx_rtprop_durable_scheduling_t *s = work->data;

    ngx_rtprop_engine_t    *inner;
    ngx_rtprop_schedule_t  *op;

    op = s->op;
    inner = s->d->inner;

    if (work->rc != NGX_OK || ngx_rtprop_failover_active(s->d)) {
        op->op.rc = (work->rc == NGX_OK || work->rc == NGX_BUSY) ? work->rc
                                                                 : NGX_ERROR;
        op->op.done(&op->op);
        return;
    }

    inner->schedule(inner, op);
}


/* What was scheduled anew meanwhile is due later. */

void
ngx_rtprop_durable_schedule_done(ngx_rtprop_engine_t *e, ngx_str_t *key,
    uint64_t fence)
{
    ngx_pool_t                       *pool;
    ngx_rtprop_durable_t             *d;
    ngx_rtprop_durable_job_t         *job;
    ngx_rtprop_durable_scheduling_t  *s;

    d = e->data;
    job = ngx_rtprop_durable_job(d->conf, key);

    if (job && job->due == NULL) {
        pool = ngx_rtprop_hub_pool(d->hub);
        s = pool ? ngx_pcalloc(pool, sizeof(ngx_rtprop_durable_scheduling_t))
                 : NULL;

        if (s) {
            s->params[0].text.len = key->len;
            s->params[0].text.data = ngx_pstrdup(pool, key);
        }

        if (s && s->params[0].text.data) {
            s->statement.query = d->conf->job_remove;
            s->statement.params = s->params;
            s->work.statements = &s->statement;
            s->work.n = 1;
            s->work.locks = &s->params[0].text;
            s->work.nlocks = 1;
            s->work.write = 1;

            ngx_rtprop_durable_forget(d, pool, &s->work);

        } else if (pool) {
            ngx_rtprop_hub_free_pool(d->hub, pool);
        }
    }

    if (!ngx_rtprop_jobs_away_done(d, key, fence)) {
        d->inner->schedule_done(d->inner, key, fence);
    }
}


/* ---------------------------------------------------------------- arming */

void
ngx_rtprop_durable_jobs_init(ngx_rtprop_durable_t *d)
{
    d->tick.handler = ngx_rtprop_durable_tick;
    d->tick.data = d;
    d->tick.log = d->worker->log;
    d->tick.cancelable = 1;

    ngx_add_timer(&d->tick, 1);
}


static void
ngx_rtprop_durable_tick(ngx_event_t *ev)
{
    ngx_pool_t                   *pool;
    ngx_rtprop_durable_t         *d;
    ngx_rtprop_durable_arming_t  *a;

    d = ev->data;

    if (d->worker->draining || ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    pool = ngx_rtprop_store_up(d->store) ? ngx_rtprop_hub_pool(d->hub) : NULL;
    a = pool ? ngx_pcalloc(pool, sizeof(ngx_rtprop_durable_arming_t)) : NULL;

    if (a == NULL) {
        if (pool) {
            ngx_rtprop_hub_free_pool(d->hub, pool);
        }

        ngx_add_timer(ev, NGX_RTPROP_DURABLE_TICK / 10);
        return;
    }

    a->d = d;
    a->pool = pool;
    a->lease.op.done = ngx_rtprop_durable_leased;
    a->lease.op.data = a;
    a->lease.op.pool = pool;
    a->lease.ttl = NGX_RTPROP_DURABLE_LEASE;
    a->lease.fence = d->fence;
    ngx_str_set(&a->lease.name, "durable-jobs");

    d->inner->lease(d->inner, &a->lease);
}


static void
ngx_rtprop_durable_leased(ngx_rtprop_op_t *op)
{
    ngx_rtprop_durable_arming_t *a = op->data;

    ngx_rtprop_durable_t  *d;

    d = a->d;

    if (op->rc != NGX_OK) {
        d->fence = 0;
        ngx_rtprop_durable_arming_end(a);
        return;
    }

    ngx_rtprop_durable_watch(d, d->fence != a->lease.fence);

    d->fence = a->lease.fence;

    a->armed.op.done = ngx_rtprop_durable_armed;
    a->armed.op.data = a;
    a->armed.op.pool = a->pool;
    ngx_str_set(&a->armed.key, "durable-armed");

    d->inner->state_get(d->inner, &a->armed);
}


static void
ngx_rtprop_durable_armed(ngx_rtprop_op_t *op)
{
    ngx_rtprop_durable_arming_t *a = op->data;

    ngx_rtprop_durable_t  *d;

    d = a->d;

    if (op->rc == NGX_DECLINED || (op->rc == NGX_OK && d->rearm)) {
        ngx_rtprop_durable_due(a, 1);
        return;
    }

    if (op->rc == NGX_OK
        && (d->armed == 0
            || ngx_current_msec - d->armed >= NGX_RTPROP_DURABLE_EVERY))
    {
        ngx_rtprop_durable_due(a, 0);
        return;
    }

    ngx_rtprop_durable_arming_end(a);
}


static void
ngx_rtprop_durable_due(ngx_rtprop_durable_arming_t *a, ngx_uint_t all)
{
    int64_t                now;
    ngx_uint_t             k, n;
    ngx_rtprop_durable_t  *d;

    d = a->d;
    now = ngx_rtprop_now();
    n = 0;

    a->params[0][0].number = all ? INT64_MIN
                                 : now + NGX_RTPROP_DURABLE_TICK / 2;
    a->params[0][1].number = all ? INT64_MAX : now + NGX_RTPROP_DURABLE_AHEAD;
    a->params[1][0].number = INT64_MIN;
    a->params[1][1].number = now - NGX_RTPROP_DURABLE_LATE;

    for (k = 0; k < (all ? 1 : 2); k++) {
        a->params[k][2].number = NGX_RTPROP_DURABLE_JOBS;

        n += ngx_rtprop_durable_due_queries(d, &a->statements[n],
                                            a->params[k]);
    }

    a->armed.version = all;
    a->work.statements = a->statements;
    a->work.n = n;
    a->work.done = ngx_rtprop_durable_due_read;
    a->work.data = a;

    ngx_rtprop_store_do(d->store, &a->work);
}


ngx_uint_t
ngx_rtprop_durable_due_queries(ngx_rtprop_durable_t *d,
    ngx_rtprop_statement_t *statements, ngx_rtprop_param_t *params)
{
    ngx_uint_t                  i, n;
    ngx_rtprop_durable_job_t  **job;

    job = d->conf->jobs.elts;
    n = 0;

    statements[n].query = d->conf->job_due;
    statements[n++].params = params;

    for (i = 0; i < d->conf->jobs.nelts
                && n < NGX_RTPROP_DURABLE_QUERIES; i++)
    {
        if (job[i]->due) {
            statements[n].query = job[i]->due;
            statements[n++].params = params;
        }
    }

    return n;
}


static void
ngx_rtprop_durable_due_read(ngx_rtprop_work_t *work)
{
    ngx_rtprop_durable_arming_t *a = work->data;

    ngx_uint_t             i, row, rows;
    ngx_rtprop_durable_t  *d;

    d = a->d;

    if (work->rc != NGX_OK) {
        ngx_rtprop_durable_arming_end(a);
        return;
    }

    for (i = 0; i < work->n; i++) {
        rows = ngx_rtprop_result_rows(a->statements[i].result);

        for (row = 0; row < rows; row++) {
            ngx_rtprop_durable_arm(d, a->statements[i].result, row);
        }
    }

    d->armed = ngx_current_msec;

    if (a->armed.version == 0) {
        ngx_rtprop_durable_arming_end(a);
        return;
    }

    d->rearm = 0;

    /* put last: who dies before it leaves it to be done again */

    ngx_memzero(&a->armed, sizeof(ngx_rtprop_state_t));

    a->armed.op.done = ngx_rtprop_durable_arm_done;
    a->armed.op.data = a;
    a->armed.op.pool = a->pool;
    ngx_str_set(&a->armed.key, "durable-armed");
    ngx_str_set(&a->armed.value, "1");

    d->inner->state_put(d->inner, &a->armed);
}


static void
ngx_rtprop_durable_arm(ngx_rtprop_durable_t *d, ngx_rtprop_result_t *result,
    ngx_uint_t row)
{
    ngx_str_t               key, payload;
    ngx_pool_t             *pool;
    ngx_rtprop_schedule_t  *op;

    key = ngx_rtprop_result_text(result, row, 0);
    payload = ngx_rtprop_result_text(result, row, 2);

    pool = ngx_rtprop_hub_pool(d->hub);

    if (pool == NULL) {
        return;
    }

    op = ngx_pcalloc(pool, sizeof(ngx_rtprop_schedule_t));

    if (op) {
        op->op.done = ngx_rtprop_durable_arm_one;
        op->op.data = d;
        op->op.pool = pool;
        op->due = ngx_max(ngx_rtprop_result_number(result, row, 1), 1);
        op->key.len = key.len;
        op->key.data = ngx_pstrdup(pool, &key);
        op->payload.len = payload.len;
        op->payload.data = ngx_pstrdup(pool, &payload);
    }

    if (op == NULL || op->key.data == NULL || op->payload.data == NULL) {
        ngx_rtprop_hub_free_pool(d->hub, pool);
        return;
    }

    ngx_rtprop_durable_bump(d, NGX_RTPROP_DURABLE_ARMED, 1);

    d->inner->schedule(d->inner, op);
}


static void
ngx_rtprop_durable_arm_one(ngx_rtprop_op_t *op)
{
    ngx_rtprop_durable_t *d = op->data;

    if (op->rc != NGX_OK) {
        ngx_log_error(NGX_LOG_WARN, d->worker->log, 0,
                      "rtprop: a job of the database was not scheduled");
    }

    ngx_rtprop_hub_free_pool(d->hub, op->pool);
}


static void
ngx_rtprop_durable_arm_done(ngx_rtprop_op_t *op)
{
    ngx_rtprop_durable_arming_end(op->data);
}


static void
ngx_rtprop_durable_arming_end(ngx_rtprop_durable_arming_t *a)
{
    ngx_rtprop_durable_t  *d;

    d = a->d;

    if (!ngx_exiting && !d->worker->draining) {
        ngx_add_timer(&d->tick, NGX_RTPROP_DURABLE_TICK);
    }

    ngx_rtprop_hub_free_pool(d->hub, a->pool);
}
