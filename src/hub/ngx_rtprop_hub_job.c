/*
 * Jobs put on the engine's schedule.
 */

#include "hub/ngx_rtprop_hub.h"
#include "hub/ngx_rtprop_hub_channel.h"


#define NGX_RTPROP_HUB_UNSCHEDULED  4096    /* jobs that wait for the engine */
#define NGX_RTPROP_HUB_RESCHEDULE   1000    /* ms */


typedef struct {
    ngx_queue_t                 queue;      /* hub->unscheduled */
    ngx_rtprop_schedule_t       schedule;
    ngx_rtprop_hub_t           *hub;
} ngx_rtprop_hub_schedule_t;


static void ngx_rtprop_hub_scheduled(ngx_rtprop_op_t *op);
static void ngx_rtprop_hub_reschedule(ngx_event_t *ev);
static void ngx_rtprop_hub_superseded(ngx_rtprop_hub_t *hub, ngx_str_t *key);


void
ngx_rtprop_hub_jobs_init(ngx_rtprop_hub_t *hub)
{
    ngx_queue_init(&hub->unscheduled);

    hub->reschedule.handler = ngx_rtprop_hub_reschedule;
    hub->reschedule.data = hub;
    hub->reschedule.log = hub->worker->log;
    hub->reschedule.cancelable = 1;
}


void
ngx_rtprop_hub_schedule(ngx_rtprop_hub_t *hub, ngx_str_t *key, int64_t due,
    ngx_str_t *payload)
{
    ngx_pool_t                 *pool;
    ngx_rtprop_hub_schedule_t  *s;

    ngx_rtprop_hub_superseded(hub, key);

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

    ngx_rtprop_hub_t  *hub;

    hub = s->hub;

    if (op->rc == NGX_OK) {
        ngx_rtprop_hub_free_pool(hub, op->pool);
        return;
    }

    if (hub->nunscheduled == NGX_RTPROP_HUB_UNSCHEDULED) {
        ngx_log_error(NGX_LOG_ERR, hub->worker->log, 0,
                      "rtprop: \"%V\" could not be scheduled, and too many "
                      "others wait for it", &s->schedule.key);
        ngx_rtprop_hub_free_pool(hub, op->pool);
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, hub->worker->log, 0,
                  "rtprop: \"%V\" will be scheduled later: %s",
                  &s->schedule.key,
                  op->rc == NGX_BUSY ? "no room" : "engine away");

    ngx_queue_insert_tail(&hub->unscheduled, &s->queue);
    hub->nunscheduled++;

    if (!hub->reschedule.timer_set) {
        ngx_add_timer(&hub->reschedule, NGX_RTPROP_HUB_RESCHEDULE);
    }
}


/* Those that fail again come back to the queue, behind these. */

static void
ngx_rtprop_hub_reschedule(ngx_event_t *ev)
{
    ngx_uint_t                  n;
    ngx_queue_t                *q;
    ngx_rtprop_hub_t           *hub;
    ngx_rtprop_hub_schedule_t  *s;

    hub = ev->data;

    for (n = hub->nunscheduled; n && !ngx_queue_empty(&hub->unscheduled); n--) {
        q = ngx_queue_head(&hub->unscheduled);
        ngx_queue_remove(q);
        hub->nunscheduled--;

        s = ngx_queue_data(q, ngx_rtprop_hub_schedule_t, queue);
        hub->engine->schedule(hub->engine, &s->schedule);
    }
}


/* What waits is older than what is asked for now. */

static void
ngx_rtprop_hub_superseded(ngx_rtprop_hub_t *hub, ngx_str_t *key)
{
    ngx_queue_t                *q;
    ngx_rtprop_hub_schedule_t  *s;

    for (q = ngx_queue_head(&hub->unscheduled);
         q != ngx_queue_sentinel(&hub->unscheduled);
         q = ngx_queue_next(q))
    {
        s = ngx_queue_data(q, ngx_rtprop_hub_schedule_t, queue);

        if (s->schedule.key.len == key->len
            && ngx_memcmp(s->schedule.key.data, key->data, key->len) == 0)
        {
            ngx_queue_remove(q);
            hub->nunscheduled--;
            ngx_rtprop_hub_free_pool(hub, s->schedule.op.pool);
            return;
        }
    }
}


void
ngx_rtprop_hub_job_done(ngx_rtprop_hub_t *hub, ngx_str_t *key, uint64_t fence)
{
    hub->engine->schedule_done(hub->engine, key, fence);
}
