/*
 * property:viewer_count, at most four a second per property, whatever number of
 * workers has viewers that come and go.
 *
 * Each change adds one to the property's counter and asks for its lease.  Who
 * gets the lease publishes the count, at once, and looks at the counter again
 * every 250 ms: if it has grown, the count goes out anew; if not, the lease is
 * given back.  Who does not get it need do nothing, since the holder looks at
 * the counter once more after it gave the lease back.
 */

#include "features/property/ngx_rtprop_property.h"


#define NGX_RTPROP_PROPERTY_PACE   251      /* ms; a timer's tick above 250 */
#define NGX_RTPROP_PROPERTY_HOLD   2000     /* ms; of the lease */
#define NGX_RTPROP_PROPERTY_KEEP   10000    /* ms; of the counter */


typedef struct {
    ngx_event_t                 timer;
    ngx_rtprop_counter_t        counter;
    ngx_rtprop_lease_t          lease;
    ngx_rtprop_members_t        members;
    ngx_rtprop_hub_t           *hub;
    ngx_pool_t                 *pool;
    int64_t                     seen;       /* the counter, when published */
} ngx_rtprop_property_viewers_t;


static ngx_rtprop_property_viewers_t *ngx_rtprop_property_viewers_create(
    ngx_rtprop_hub_t *hub, ngx_str_t *id);
static void ngx_rtprop_property_viewers_free(
    ngx_rtprop_property_viewers_t *v);
static void ngx_rtprop_property_counter(ngx_rtprop_property_viewers_t *v,
    int64_t delta, ngx_rtprop_op_pt done);
static void ngx_rtprop_property_lease(ngx_rtprop_property_viewers_t *v);
static void ngx_rtprop_property_marked(ngx_rtprop_op_t *op);
static void ngx_rtprop_property_leased(ngx_rtprop_op_t *op);
static void ngx_rtprop_property_publish(ngx_rtprop_op_t *op);
static void ngx_rtprop_property_tick(ngx_event_t *ev);
static void ngx_rtprop_property_looked(ngx_rtprop_op_t *op);
static void ngx_rtprop_property_released(ngx_rtprop_op_t *op);
static void ngx_rtprop_property_last_look(ngx_rtprop_op_t *op);
static void ngx_rtprop_property_pass_on(ngx_rtprop_hub_t *hub, ngx_str_t *id);


void
ngx_rtprop_property_count(ngx_rtprop_hub_t *hub, ngx_str_t *id)
{
    ngx_rtprop_property_viewers_t  *v;

    if (hub->worker->draining || ngx_exiting) {
        ngx_rtprop_property_pass_on(hub, id);
        return;
    }

    v = ngx_rtprop_property_viewers_create(hub, id);

    if (v) {
        ngx_rtprop_property_counter(v, 1, ngx_rtprop_property_marked);
    }
}


static ngx_rtprop_property_viewers_t *
ngx_rtprop_property_viewers_create(ngx_rtprop_hub_t *hub, ngx_str_t *id)
{
    ngx_pool_t                     *pool;
    ngx_rtprop_property_viewers_t  *v;

    pool = ngx_rtprop_hub_pool(hub);

    if (pool == NULL) {
        return NULL;
    }

    v = ngx_pcalloc(pool, sizeof(ngx_rtprop_property_viewers_t));

    if (v == NULL
        || ngx_rtprop_hub_channel_name(pool, NGX_RTPROP_PROPERTY_VIEWERS, id,
                                       &v->lease.name)
           != NGX_OK
        || ngx_rtprop_hub_channel_name(pool, NGX_RTPROP_PROPERTY_PREFIX, id,
                                       &v->members.set)
           != NGX_OK)
    {
        ngx_rtprop_hub_free_pool(hub, pool);
        return NULL;
    }

    v->hub = hub;
    v->pool = pool;

    v->counter.name = v->lease.name;
    v->counter.ttl = NGX_RTPROP_PROPERTY_KEEP;
    v->counter.op.data = v;
    v->counter.op.pool = pool;

    v->lease.ttl = NGX_RTPROP_PROPERTY_HOLD;
    v->lease.op.data = v;
    v->lease.op.pool = pool;

    v->members.op.done = ngx_rtprop_property_publish;
    v->members.op.data = v;
    v->members.op.pool = pool;

    v->timer.handler = ngx_rtprop_property_tick;
    v->timer.data = v;
    v->timer.log = hub->worker->log;

    return v;
}


static void
ngx_rtprop_property_viewers_free(ngx_rtprop_property_viewers_t *v)
{
    ngx_rtprop_hub_free_pool(v->hub, v->pool);
}


static void
ngx_rtprop_property_counter(ngx_rtprop_property_viewers_t *v, int64_t delta,
    ngx_rtprop_op_pt done)
{
    ngx_rtprop_engine_t  *e;

    v->counter.delta = delta;
    v->counter.op.done = done;

    e = v->hub->engine;
    e->counter(e, &v->counter);
}


static void
ngx_rtprop_property_lease(ngx_rtprop_property_viewers_t *v)
{
    ngx_rtprop_engine_t  *e;

    v->lease.op.done = ngx_rtprop_property_leased;

    e = v->hub->engine;
    e->lease(e, &v->lease);
}


static void
ngx_rtprop_property_marked(ngx_rtprop_op_t *op)
{
    ngx_rtprop_property_viewers_t *v = op->data;

    if (op->rc != NGX_OK) {
        ngx_rtprop_property_viewers_free(v);
        return;
    }

    v->seen = v->counter.value;

    ngx_rtprop_property_lease(v);
}


static void
ngx_rtprop_property_leased(ngx_rtprop_op_t *op)
{
    ngx_rtprop_property_viewers_t *v = op->data;

    ngx_rtprop_engine_t  *e;

    if (op->rc != NGX_OK) {
        ngx_rtprop_property_viewers_free(v);
        return;
    }

    e = v->hub->engine;
    e->members(e, &v->members);
}


static void
ngx_rtprop_property_publish(ngx_rtprop_op_t *op)
{
    ngx_rtprop_property_viewers_t *v = op->data;

    ngx_str_t            name;
    rtprop_str_t         id;
    ngx_rtprop_event_t   ev;

    if (op->rc == NGX_OK) {
        ngx_memzero(&ev, sizeof(ngx_rtprop_event_t));

        ngx_str_set(&ev.type, "property:viewer_count");
        ev.channel = v->members.set;
        ev.flags = NGX_RTPROP_EV_VOLATILE;
        ev.kinds = NGX_RTPROP_SUB_MEMBER;
        ev.replace = v->members.set;

        ngx_rtprop_hub_channel_id(&v->members.set, &name);
        id = ngx_rtprop_property_pure(&name);

        (void) ngx_rtprop_hub_publish(v->hub, &ev,
                    rtprop_property_viewers_payload(&id, v->members.users));

        ngx_rtprop_property_stat(v->hub->worker, NGX_RTPROP_PROPERTY_COUNTS,
                                 1);
    }

    ngx_add_timer(&v->timer, NGX_RTPROP_PROPERTY_PACE);
}


static void
ngx_rtprop_property_tick(ngx_event_t *ev)
{
    ngx_rtprop_property_counter(ev->data, 0, ngx_rtprop_property_looked);
}


static void
ngx_rtprop_property_looked(ngx_rtprop_op_t *op)
{
    ngx_rtprop_property_viewers_t *v = op->data;

    ngx_rtprop_engine_t  *e;

    if (op->rc == NGX_OK && v->counter.value != v->seen) {
        v->seen = v->counter.value;
        ngx_rtprop_property_lease(v);
        return;
    }

    v->lease.op.done = ngx_rtprop_property_released;

    e = v->hub->engine;
    e->release(e, &v->lease);
}


static void
ngx_rtprop_property_released(ngx_rtprop_op_t *op)
{
    ngx_rtprop_property_counter(op->data, 0, ngx_rtprop_property_last_look);
}


static void
ngx_rtprop_property_last_look(ngx_rtprop_op_t *op)
{
    ngx_rtprop_property_viewers_t *v = op->data;

    if (op->rc != NGX_OK || v->counter.value == v->seen) {
        ngx_rtprop_property_viewers_free(v);
        return;
    }

    v->seen = v->counter.value;
    v->lease.fence = 0;

    ngx_rtprop_property_lease(v);
}


/* -------------------------------------------------------------- draining */

/* A worker that drains gets no lease: another one takes its changes over. */

static void
ngx_rtprop_property_pass_on(ngx_rtprop_hub_t *hub, ngx_str_t *id)
{
    u_char     buf[NGX_RTPROP_CHANNEL_MAX];
    ngx_str_t  key;

    if (id->len > NGX_RTPROP_NAME_MAX) {
        return;
    }

    key.data = buf;
    key.len = ngx_sprintf(buf, NGX_RTPROP_PROPERTY_VIEWERS ":%V", id) - buf;

    ngx_rtprop_hub_schedule(hub, &key, ngx_rtprop_now(), NULL);
}


void
ngx_rtprop_property_count_job(ngx_rtprop_hub_t *hub, ngx_str_t *key,
    ngx_str_t *payload, uint64_t fence, void *data)
{
    ngx_str_t  id;

    ngx_rtprop_hub_channel_id(key, &id);

    ngx_rtprop_property_count(hub, &id);
    ngx_rtprop_hub_job_done(hub, key, fence);
}
