/*
 * Jobs put on the engine's schedule.
 */

#include "hub/ngx_rtprop_hub.h"


typedef struct {
    ngx_rtprop_schedule_t       schedule;
    ngx_rtprop_hub_t           *hub;
} ngx_rtprop_hub_schedule_t;


static void ngx_rtprop_hub_scheduled(ngx_rtprop_op_t *op);


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
