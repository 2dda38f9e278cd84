/*
 * Publishing, and what it takes: copies, texts, pools.
 */

#include "hub/ngx_rtprop_hub.h"
#include "hub/ngx_rtprop_hub_deliver.h"
#include "base/ngx_rtprop_pool.h"


typedef struct {
    ngx_rtprop_publish_t        publish;
    ngx_rtprop_event_t          event;
    ngx_rtprop_hub_t           *hub;
} ngx_rtprop_hub_publish_t;


static void ngx_rtprop_hub_published(ngx_rtprop_op_t *op);


ngx_int_t
ngx_rtprop_hub_publish(ngx_rtprop_hub_t *hub, ngx_rtprop_event_t *ev,
    json_t *payload)
{
    ngx_pool_t                *pool;
    ngx_rtprop_hub_publish_t  *p;

    pool = ngx_rtprop_hub_pool(hub);

    if (pool == NULL) {
        json_decref(payload);
        return NGX_ERROR;
    }

    p = ngx_pcalloc(pool, sizeof(ngx_rtprop_hub_publish_t));

    if (p == NULL || ngx_rtprop_hub_event_copy(pool, &p->event, ev) != NGX_OK) {
        json_decref(payload);
        goto failed;
    }

    if (ngx_rtprop_hub_dump(pool, payload, &p->event.payload) != NGX_OK) {
        goto failed;
    }

    p->hub = hub;
    p->publish.op.done = ngx_rtprop_hub_published;
    p->publish.op.data = p;
    p->publish.op.pool = pool;
    p->publish.events = &p->event;
    p->publish.nevents = 1;

    hub->engine->publish(hub->engine, &p->publish);

    return NGX_OK;

failed:

    ngx_log_error(NGX_LOG_ERR, hub->worker->log, 0,
                  "rtprop: no memory for an event of \"%V\"", &ev->channel);

    ngx_rtprop_hub_free_pool(hub, pool);

    return NGX_ERROR;
}


static void
ngx_rtprop_hub_published(ngx_rtprop_op_t *op)
{
    ngx_rtprop_hub_publish_t  *p = op->data;

    if (op->rc != NGX_OK) {
        ngx_log_error(NGX_LOG_WARN, p->hub->worker->log, 0,
                      "rtprop: event \"%V\" of \"%V\" was not published: %s",
                      &p->event.type, &p->event.channel,
                      op->rc == NGX_BUSY ? "zone full" : "engine away");
    }

    ngx_rtprop_hub_free_pool(p->hub, op->pool);
}


void
ngx_rtprop_hub_publish_op(ngx_rtprop_hub_t *hub, ngx_rtprop_publish_t *op)
{
    hub->engine->publish(hub->engine, op);
}


ngx_int_t
ngx_rtprop_hub_event_copy(ngx_pool_t *pool, ngx_rtprop_event_t *dst,
    ngx_rtprop_event_t *src)
{
    u_char      *p;
    size_t       len;
    ngx_str_t   *from[7], *to[7];
    ngx_uint_t   i;

    *dst = *src;
    ngx_str_null(&dst->payload);

    from[0] = &src->channel;        to[0] = &dst->channel;
    from[1] = &src->type;           to[1] = &dst->type;
    from[2] = &src->user;           to[2] = &dst->user;
    from[3] = &src->skip_user;      to[3] = &dst->skip_user;
    from[4] = &src->skip_session;   to[4] = &dst->skip_session;
    from[5] = &src->alt_user;       to[5] = &dst->alt_user;
    from[6] = &src->replace;        to[6] = &dst->replace;

    len = src->alt_payload.len;

    for (i = 0; i < 7; i++) {
        len += from[i]->len;
    }

    p = ngx_pnalloc(pool, len + 1);

    if (p == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < 7; i++) {
        to[i]->data = p;

        if (from[i]->len) {
            p = ngx_cpymem(p, from[i]->data, from[i]->len);
        }
    }

    dst->alt_payload.data = p;

    if (src->alt_payload.len) {
        ngx_memcpy(p, src->alt_payload.data, src->alt_payload.len);
    }

    return NGX_OK;
}


ngx_int_t
ngx_rtprop_hub_dump(ngx_pool_t *pool, json_t *payload, ngx_str_t *text)
{
    size_t  n;
    char    buf[2048];

    if (payload == NULL) {
        return NGX_ERROR;
    }

    n = json_dumpb(payload, buf, sizeof(buf), JSON_COMPACT);

    if (n == 0) {
        json_decref(payload);
        return NGX_ERROR;
    }

    text->len = n;
    text->data = ngx_pnalloc(pool, n);

    if (text->data) {
        if (n <= sizeof(buf)) {
            ngx_memcpy(text->data, buf, n);

        } else {
            (void) json_dumpb(payload, (char *) text->data, n, JSON_COMPACT);
        }
    }

    json_decref(payload);

    return text->data ? NGX_OK : NGX_ERROR;
}


ngx_pool_t *
ngx_rtprop_hub_pool(ngx_rtprop_hub_t *hub)
{
    return ngx_rtprop_pool_get(hub->worker);
}


void
ngx_rtprop_hub_free_pool(ngx_rtprop_hub_t *hub, ngx_pool_t *pool)
{
    ngx_pool_t  **p;

    p = ngx_array_push(&hub->dead);

    if (p == NULL) {
        ngx_log_error(NGX_LOG_ALERT, hub->worker->log, 0,
                      "rtprop: no memory, a pool is lost");
        return;
    }

    *p = pool;

    if (!hub->sweep.posted) {
        ngx_post_event(&hub->sweep, &ngx_posted_events);
    }
}


void
ngx_rtprop_hub_sweep(ngx_event_t *ev)
{
    ngx_uint_t         i;
    ngx_pool_t       **pool;
    ngx_rtprop_hub_t  *hub;

    hub = ev->data;
    pool = hub->dead.elts;

    for (i = 0; i < hub->dead.nelts; i++) {
        ngx_rtprop_pool_put(hub->worker, pool[i]);
    }

    hub->dead.nelts = 0;
}
