/*
 * Documents read, judged, written; jobs put on the engine's schedule.
 */

#include "hub/ngx_rtprop_hub.h"


#define NGX_RTPROP_HUB_TRIES  32        /* conflicts before giving up */


typedef struct {
    ngx_rtprop_schedule_t       schedule;
    ngx_rtprop_hub_t           *hub;
} ngx_rtprop_hub_schedule_t;


static void ngx_rtprop_hub_update_start(ngx_rtprop_update_t *update);
static void ngx_rtprop_hub_update_got(ngx_rtprop_op_t *op);
static void ngx_rtprop_hub_update_judge(ngx_rtprop_update_t *update);
static void ngx_rtprop_hub_update_put(ngx_rtprop_op_t *op);
static void ngx_rtprop_hub_update_end(ngx_rtprop_update_t *update,
    ngx_int_t rc);
static void ngx_rtprop_hub_scheduled(ngx_rtprop_op_t *op);


/* Updates of one document stand in line behind the one that is under way. */

void
ngx_rtprop_hub_update(ngx_rtprop_hub_t *hub, ngx_rtprop_update_t *update)
{
    ngx_queue_t          *q;
    ngx_rtprop_update_t  *u;

    update->hub = hub;
    update->tries = 0;
    ngx_queue_init(&update->waiting);

    for (q = ngx_queue_head(&hub->updates);
         q != ngx_queue_sentinel(&hub->updates);
         q = ngx_queue_next(q))
    {
        u = ngx_queue_data(q, ngx_rtprop_update_t, queue);

        if (u->state.key.len == update->state.key.len
            && ngx_memcmp(u->state.key.data, update->state.key.data,
                          u->state.key.len) == 0)
        {
            ngx_queue_insert_tail(&u->waiting, &update->queue);
            return;
        }
    }

    ngx_queue_insert_tail(&hub->updates, &update->queue);

    ngx_rtprop_hub_update_start(update);
}


static void
ngx_rtprop_hub_update_start(ngx_rtprop_update_t *update)
{
    ngx_rtprop_engine_t  *e;

    e = update->hub->engine;

    update->state.op.done = ngx_rtprop_hub_update_got;
    update->state.op.data = update;
    update->state.events = NULL;
    update->state.nevents = 0;

    e->state_get(e, &update->state);
}


static void
ngx_rtprop_hub_update_got(ngx_rtprop_op_t *op)
{
    ngx_rtprop_update_t *update = op->data;

    switch (op->rc) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        update->state.version = 0;
        ngx_str_null(&update->state.value);
        break;

    default:
        ngx_rtprop_hub_update_end(update, op->rc);
        return;
    }

    ngx_rtprop_hub_update_judge(update);
}


static void
ngx_rtprop_hub_update_judge(ngx_rtprop_update_t *update)
{
    ngx_int_t             rc;
    ngx_rtprop_engine_t  *e;

    if (update->tries++ == NGX_RTPROP_HUB_TRIES) {
        ngx_rtprop_hub_update_end(update, NGX_BUSY);
        return;
    }

    update->events = NULL;
    update->nevents = 0;
    update->not_after = 0;
    update->remove = 0;

    rc = update->apply(update, &update->state.value, update->state.version,
                       update->state.now ? update->state.now
                                         : ngx_rtprop_now());

    if (rc != NGX_OK) {
        ngx_rtprop_hub_update_end(update, rc == NGX_DONE ? NGX_OK : rc);
        return;
    }

    e = update->hub->engine;

    update->state.op.done = ngx_rtprop_hub_update_put;
    update->state.value = update->value;
    update->state.events = update->events;
    update->state.nevents = update->nevents;
    update->state.not_after = update->not_after;

    if (update->remove) {
        ngx_str_null(&update->state.value);
    }

    e->state_put(e, &update->state);
}


static void
ngx_rtprop_hub_update_put(ngx_rtprop_op_t *op)
{
    ngx_rtprop_update_t *update = op->data;

    if (op->rc == NGX_DECLINED) {

        /* another was quicker: value and version are now what it wrote */

        ngx_rtprop_hub_update_judge(update);
        return;
    }

    ngx_rtprop_hub_update_end(update, op->rc);
}


/* The next in line starts before done(), which may free this one. */

static void
ngx_rtprop_hub_update_end(ngx_rtprop_update_t *update, ngx_int_t rc)
{
    ngx_queue_t          *q;
    ngx_rtprop_hub_t     *hub;
    ngx_rtprop_update_t  *next;

    hub = update->hub;
    next = NULL;

    ngx_queue_remove(&update->queue);

    if (!ngx_queue_empty(&update->waiting)) {
        q = ngx_queue_head(&update->waiting);
        ngx_queue_remove(q);
        next = ngx_queue_data(q, ngx_rtprop_update_t, queue);

        if (!ngx_queue_empty(&update->waiting)) {
            ngx_queue_add(&next->waiting, &update->waiting);
        }

        ngx_queue_insert_tail(&hub->updates, &next->queue);
    }

    update->rc = rc;
    update->state.op.rc = rc;
    update->done(update);

    if (next) {
        ngx_rtprop_hub_update_start(next);
    }
}


/* ------------------------------------------------------------------ jobs */

void
ngx_rtprop_hub_schedule(ngx_rtprop_hub_t *hub, ngx_str_t *key, int64_t due,
    ngx_str_t *payload)
{
    ngx_pool_t                 *pool;
    ngx_rtprop_hub_schedule_t  *s;

    pool = ngx_rtprop_hub_pool(hub);

    if (pool == NULL) {
        goto failed;
    }

    s = ngx_pcalloc(pool, sizeof(ngx_rtprop_hub_schedule_t));

    if (s == NULL) {
        goto failed;
    }

    s->hub = hub;
    s->schedule.op.done = ngx_rtprop_hub_scheduled;
    s->schedule.op.data = s;
    s->schedule.op.pool = pool;
    s->schedule.due = due;
    s->schedule.key.len = key->len;
    s->schedule.key.data = ngx_pstrdup(pool, key);

    if (s->schedule.key.data == NULL) {
        goto failed;
    }

    if (payload && payload->len) {
        s->schedule.payload.len = payload->len;
        s->schedule.payload.data = ngx_pstrdup(pool, payload);

        if (s->schedule.payload.data == NULL) {
            goto failed;
        }
    }

    hub->engine->schedule(hub->engine, &s->schedule);

    return;

failed:

    ngx_log_error(NGX_LOG_ERR, hub->worker->log, 0,
                  "rtprop: no memory to schedule \"%V\"", key);

    if (pool) {
        ngx_rtprop_hub_free_pool(hub, pool);
    }
}


static void
ngx_rtprop_hub_scheduled(ngx_rtprop_op_t *op)
{
    ngx_rtprop_hub_schedule_t *s = op->data;

    if (op->rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, s->hub->worker->log, 0,
                      "rtprop: \"%V\" could not be scheduled",
                      &s->schedule.key);
    }

    ngx_rtprop_hub_free_pool(s->hub, op->pool);
}


void
ngx_rtprop_hub_job_done(ngx_rtprop_hub_t *hub, ngx_str_t *key, uint64_t fence)
{
    hub->engine->schedule_done(hub->engine, key, fence);
}
