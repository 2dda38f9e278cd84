/*
 * The engine: what goes where, and what is known of the database.
 */

#include "store/ngx_rtprop_durable_in.h"
#include "store/ngx_rtprop_failover.h"
#include <openssl/rand.h>


typedef struct {
    ngx_rtprop_work_t          work;
    ngx_rtprop_statement_t     statement;
    ngx_rtprop_durable_t      *d;
} ngx_rtprop_durable_ask_t;


typedef struct {
    ngx_rtprop_durable_t      *d;
    ngx_pool_t                *pool;
} ngx_rtprop_durable_forgotten_t;


static void ngx_rtprop_durable_engine(ngx_rtprop_durable_t *d);
static void ngx_rtprop_durable_up(void *data);
static void ngx_rtprop_durable_ask(ngx_rtprop_durable_t *d);
static void ngx_rtprop_durable_asked(ngx_rtprop_work_t *work);
static void ngx_rtprop_durable_known(ngx_rtprop_durable_t *d, uint64_t epoch);
static void ngx_rtprop_durable_forgotten(ngx_rtprop_work_t *work);
static void ngx_rtprop_durable_unsubscribe(ngx_rtprop_engine_t *e,
    ngx_str_t *channel, ngx_uint_t n);
static void ngx_rtprop_durable_presence_add(ngx_rtprop_engine_t *e,
    ngx_rtprop_presence_t *op);
static void ngx_rtprop_durable_presence_remove(ngx_rtprop_engine_t *e,
    ngx_rtprop_presence_t *op);
static void ngx_rtprop_durable_members(ngx_rtprop_engine_t *e,
    ngx_rtprop_members_t *op);
static void ngx_rtprop_durable_lease(ngx_rtprop_engine_t *e,
    ngx_rtprop_lease_t *op);
static void ngx_rtprop_durable_release(ngx_rtprop_engine_t *e,
    ngx_rtprop_lease_t *op);
static void ngx_rtprop_durable_counter(ngx_rtprop_engine_t *e,
    ngx_rtprop_counter_t *op);
static void ngx_rtprop_durable_channels(ngx_rtprop_engine_t *e,
    ngx_rtprop_channels_t *op);
static const char *ngx_rtprop_durable_status(ngx_rtprop_engine_t *e);
static void ngx_rtprop_durable_close(ngx_rtprop_engine_t *e);


ngx_rtprop_engine_t *
ngx_rtprop_engine_durable_create(ngx_rtprop_worker_t *worker,
    ngx_rtprop_engine_t *inner)
{
    ngx_uint_t             i;
    ngx_rtprop_durable_t  *d;

    d = ngx_pcalloc(worker->pool, sizeof(ngx_rtprop_durable_t));

    if (d == NULL
        || RAND_bytes((u_char *) &d->op, sizeof(d->op)) != 1)
    {
        return NULL;
    }

    d->op >>= 2;
    d->inner = inner;
    d->worker = worker;
    d->hub = inner->hub;
    d->store = worker->store;
    d->conf = ngx_rtprop_durable_conf(worker->conf);

    ngx_queue_init(&d->early);

    for (i = 0; i < NGX_RTPROP_DURABLE_BUCKETS; i++) {
        ngx_queue_init(&d->seeds[i]);
    }

    ngx_rtprop_durable_engine(d);

    d->watcher.data = d;
    d->watcher.up = ngx_rtprop_durable_up;

    if (ngx_rtprop_store_watch(d->store, &d->watcher) != NGX_OK) {
        return NULL;
    }

    if (ngx_rtprop_failover_init(d) != NGX_OK) {
        return NULL;
    }

    if (ngx_rtprop_jobs_away_init(d) != NGX_OK) {
        return NULL;
    }

    ngx_rtprop_durable_jobs_init(d);

    return &d->engine;
}


/* What the hub sees. */

static void
ngx_rtprop_durable_engine(ngx_rtprop_durable_t *d)
{
    ngx_rtprop_engine_t  *e;

    e = &d->engine;
    e->name = d->inner->name;
    e->worker = d->worker;
    e->hub = d->inner->hub;
    e->handler = d->inner->handler;
    e->data = d;
    e->durable = 1;
    e->publish = ngx_rtprop_durable_publish;
    e->history = ngx_rtprop_durable_history;
    e->unsubscribe = ngx_rtprop_durable_unsubscribe;
    e->presence_add = ngx_rtprop_durable_presence_add;
    e->presence_remove = ngx_rtprop_durable_presence_remove;
    e->members = ngx_rtprop_durable_members;
    e->state_get = ngx_rtprop_durable_state_get;
    e->state_put = ngx_rtprop_durable_state_put;
    e->state_held = ngx_rtprop_durable_state_held;
    e->lease = ngx_rtprop_durable_lease;
    e->release = ngx_rtprop_durable_release;
    e->schedule = ngx_rtprop_durable_schedule;
    e->schedule_done = ngx_rtprop_durable_schedule_done;
    e->counter = ngx_rtprop_durable_counter;
    e->channels = ngx_rtprop_durable_channels;
    e->status = ngx_rtprop_durable_status;
    e->close = ngx_rtprop_durable_close;
}


ngx_rtprop_durable_t *
ngx_rtprop_durable(ngx_rtprop_worker_t *worker)
{
    return worker->engine->durable ? worker->engine->data : NULL;
}


/* ----------------------------------------------------------------- epoch */

/* The epoch is read again each time: somebody may have restored a backup. */

static void
ngx_rtprop_durable_up(void *data)
{
    ngx_rtprop_durable_ask(data);
}


void
ngx_rtprop_durable_when(ngx_rtprop_durable_t *d,
    ngx_rtprop_durable_early_t *early)
{
    if (d->epoch) {
        early->run(early);
        return;
    }

    ngx_queue_insert_tail(&d->early, &early->queue);

    ngx_rtprop_durable_ask(d);
}


static void
ngx_rtprop_durable_ask(ngx_rtprop_durable_t *d)
{
    ngx_pool_t                *pool;
    ngx_rtprop_durable_ask_t  *ask;

    if (d->asking) {
        return;
    }

    pool = ngx_rtprop_hub_pool(d->hub);
    ask = pool ? ngx_pcalloc(pool, sizeof(ngx_rtprop_durable_ask_t)) : NULL;

    if (ask == NULL) {
        if (pool) {
            ngx_rtprop_hub_free_pool(d->hub, pool);
        }

        ngx_rtprop_durable_known(d, d->epoch);
        return;
    }

    d->asking = 1;

    ask->d = d;
    ask->statement.query = d->conf->epoch;
    ask->work.statements = &ask->statement;
    ask->work.n = 1;
    ask->work.done = ngx_rtprop_durable_asked;
    ask->work.data = pool;

    ngx_rtprop_store_do(d->store, &ask->work);
}


static void
ngx_rtprop_durable_asked(ngx_rtprop_work_t *work)
{
    uint64_t                   epoch;
    ngx_str_t                  text;
    ngx_rtprop_durable_t      *d;
    ngx_rtprop_durable_ask_t  *ask;

    ask = (ngx_rtprop_durable_ask_t *) work;
    d = ask->d;
    d->asking = 0;
    epoch = d->epoch;

    if (work->rc == NGX_OK
        && ngx_rtprop_result_rows(ask->statement.result) == 1)
    {
        text = ngx_rtprop_result_text(ask->statement.result, 0, 0);
        epoch = ngx_rtprop_hub_epoch_parse(&text);

        if (epoch == 0) {
            ngx_log_error(NGX_LOG_ERR, d->worker->log, 0,
                          "rtprop: the database has no epoch, it must be "
                          "made by \"SELECT rtprop.new_epoch()\"");
        }
    }

    ngx_rtprop_hub_free_pool(d->hub, work->data);

    ngx_rtprop_durable_known(d, epoch);
}


/* Another database, or a restored one: what was heard says nothing there. */

static void
ngx_rtprop_durable_known(ngx_rtprop_durable_t *d, uint64_t epoch)
{
    ngx_uint_t                   other;
    ngx_queue_t                 *q, early;
    ngx_rtprop_durable_early_t  *e;

    other = epoch && d->epoch && d->epoch != epoch;
    d->epoch = epoch;

    ngx_queue_init(&early);

    if (!ngx_queue_empty(&d->early)) {
        ngx_queue_add(&early, &d->early);
        ngx_queue_init(&d->early);
    }

    while (!ngx_queue_empty(&early)) {
        q = ngx_queue_head(&early);
        ngx_queue_remove(q);

        e = ngx_queue_data(q, ngx_rtprop_durable_early_t, queue);
        e->run(e);
    }

    if (other) {
        d->engine.handler->lost(d->hub);
    }
}


/* ----------------------------------------------------- works of their own */

void
ngx_rtprop_durable_forget(ngx_rtprop_durable_t *d, ngx_pool_t *pool,
    ngx_rtprop_work_t *work)
{
    ngx_rtprop_durable_forgotten_t  *f;

    f = ngx_palloc(pool, sizeof(ngx_rtprop_durable_forgotten_t));

    if (f == NULL) {
        ngx_rtprop_hub_free_pool(d->hub, pool);
        return;
    }

    f->d = d;
    f->pool = pool;
    work->done = ngx_rtprop_durable_forgotten;
    work->data = f;

    ngx_rtprop_store_do(d->store, work);
}


static void
ngx_rtprop_durable_forgotten(ngx_rtprop_work_t *work)
{
    ngx_rtprop_durable_forgotten_t *f = work->data;

    if (work->rc != NGX_OK) {
        ngx_log_error(NGX_LOG_WARN, f->d->worker->log, 0,
                      "rtprop: \"%s\" was not written to the database",
                      work->statements->query->name);
    }

    ngx_rtprop_hub_free_pool(f->d->hub, f->pool);
}


/* ------------------------------------------- what is the inner engine's */

static inline ngx_rtprop_engine_t *
ngx_rtprop_durable_inner(ngx_rtprop_engine_t *e)
{
    ngx_rtprop_durable_t *d = e->data;

    return d->inner;
}


static void
ngx_rtprop_durable_unsubscribe(ngx_rtprop_engine_t *e, ngx_str_t *channel,
    ngx_uint_t n)
{
    n = ngx_rtprop_failover_leave(e->data, channel, n);

    if (n) {
        e = ngx_rtprop_durable_inner(e);
        e->unsubscribe(e, channel, n);
    }
}


static void
ngx_rtprop_durable_presence_add(ngx_rtprop_engine_t *e,
    ngx_rtprop_presence_t *op)
{
    op->later = ngx_rtprop_failover_active(e->data);

    e = ngx_rtprop_durable_inner(e);
    e->presence_add(e, op);
}


static void
ngx_rtprop_durable_presence_remove(ngx_rtprop_engine_t *e,
    ngx_rtprop_presence_t *op)
{
    e = ngx_rtprop_durable_inner(e);
    e->presence_remove(e, op);
}


static void
ngx_rtprop_durable_members(ngx_rtprop_engine_t *e, ngx_rtprop_members_t *op)
{
    e = ngx_rtprop_durable_inner(e);
    e->members(e, op);
}


static void
ngx_rtprop_durable_lease(ngx_rtprop_engine_t *e, ngx_rtprop_lease_t *op)
{
    e = ngx_rtprop_durable_inner(e);
    e->lease(e, op);
}


static void
ngx_rtprop_durable_release(ngx_rtprop_engine_t *e, ngx_rtprop_lease_t *op)
{
    e = ngx_rtprop_durable_inner(e);
    e->release(e, op);
}


static void
ngx_rtprop_durable_counter(ngx_rtprop_engine_t *e, ngx_rtprop_counter_t *op)
{
    e = ngx_rtprop_durable_inner(e);
    e->counter(e, op);
}


static void
ngx_rtprop_durable_channels(ngx_rtprop_engine_t *e, ngx_rtprop_channels_t *op)
{
    e = ngx_rtprop_durable_inner(e);
    e->channels(e, op);
}


static const char *
ngx_rtprop_durable_status(ngx_rtprop_engine_t *e)
{
    ngx_rtprop_durable_t  *d;

    d = e->data;

    if (ngx_rtprop_failover_active(d) && ngx_rtprop_store_up(d->store)) {
        return "away, exchange by database";
    }

    e = ngx_rtprop_durable_inner(e);

    return e->status(e);
}


static void
ngx_rtprop_durable_close(ngx_rtprop_engine_t *e)
{
    e = ngx_rtprop_durable_inner(e);

    if (e->close) {
        e->close(e);
    }
}
