/*
 * The hub's life: registration, sessions coming and going, what the engine
 * tells of users and jobs.
 */

#include "hub/ngx_rtprop_hub.h"
#include "hub/ngx_rtprop_hub_channel.h"
#include "hub/ngx_rtprop_hub_deliver.h"


#define NGX_RTPROP_HUB_2020  1577836800     /* s */


typedef struct {
    ngx_rtprop_presence_t       presence;
    ngx_rtprop_hub_t           *hub;
    ngx_rtprop_admit_t         *admit;
} ngx_rtprop_hub_admit_t;


typedef struct {
    ngx_rtprop_publish_t        publish;
    ngx_rtprop_event_t          event;
    ngx_rtprop_hub_t           *hub;
} ngx_rtprop_hub_publish_t;


static ngx_int_t ngx_rtprop_hub_protocols(ngx_rtprop_hub_t *hub);
static void ngx_rtprop_hub_admit(ngx_rtprop_worker_t *worker,
    ngx_rtprop_admit_t *admit);
static void ngx_rtprop_hub_admitted(ngx_rtprop_op_t *op);
static void ngx_rtprop_hub_withdraw(ngx_rtprop_worker_t *worker,
    ngx_str_t *user, u_char *session);
static void ngx_rtprop_hub_withdrawn(ngx_rtprop_op_t *op);
static void ngx_rtprop_hub_opened(ngx_rtprop_session_t *s);
static void ngx_rtprop_hub_closed(ngx_rtprop_session_t *s);
static void ngx_rtprop_hub_presence_lost(ngx_rtprop_hub_t *hub, ngx_str_t *set,
    ngx_str_t *user, ngx_str_t *info, ngx_uint_t users);
static void ngx_rtprop_hub_offline(ngx_rtprop_hub_t *hub, ngx_str_t *user,
    ngx_str_t *info);
static void ngx_rtprop_hub_job(ngx_rtprop_hub_t *hub, ngx_str_t *key,
    ngx_str_t *payload, uint64_t fence);
static void ngx_rtprop_hub_control_send(ngx_rtprop_hub_t *hub,
    ngx_str_t *channel, const char *type, json_t *payload);
static void ngx_rtprop_hub_published(ngx_rtprop_op_t *op);
static void ngx_rtprop_hub_sweep(ngx_event_t *ev);
static ngx_int_t ngx_rtprop_hub_push(ngx_conf_t *cf, ngx_array_t *array,
    void *elt, size_t size);


static ngx_rtprop_engine_handler_t  ngx_rtprop_hub_handler = {
    ngx_rtprop_hub_deliver,
    ngx_rtprop_hub_lost,
    ngx_rtprop_hub_presence_lost,
    ngx_rtprop_hub_job
};


ngx_int_t
ngx_rtprop_kind_add(ngx_conf_t *cf, ngx_rtprop_kind_t *kind)
{
    return ngx_rtprop_hub_push(cf, &ngx_rtprop_main_conf(cf)->kinds, kind,
                               sizeof(ngx_rtprop_kind_t));
}


ngx_int_t
ngx_rtprop_job_add(ngx_conf_t *cf, ngx_rtprop_job_t *job)
{
    return ngx_rtprop_hub_push(cf, &ngx_rtprop_main_conf(cf)->jobs, job,
                               sizeof(ngx_rtprop_job_t));
}


ngx_int_t
ngx_rtprop_observer_add(ngx_conf_t *cf, ngx_rtprop_observer_t *observer)
{
    return ngx_rtprop_hub_push(cf, &ngx_rtprop_main_conf(cf)->observers,
                               observer, sizeof(ngx_rtprop_observer_t));
}


ngx_int_t
ngx_rtprop_fact_add(ngx_conf_t *cf, ngx_rtprop_fact_t *fact)
{
    return ngx_rtprop_hub_push(cf, &ngx_rtprop_main_conf(cf)->facts, fact,
                               sizeof(ngx_rtprop_fact_t));
}


/*
 * A copy, since data belongs to this configuration: one that fails to load
 * must not change what the running workers' successors see.
 */

static ngx_int_t
ngx_rtprop_hub_push(ngx_conf_t *cf, ngx_array_t *array, void *elt, size_t size)
{
    void  **p, *copy;

    p = ngx_array_push(array);
    copy = ngx_palloc(cf->pool, size);

    if (p == NULL || copy == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy, elt, size);
    *p = copy;

    return NGX_OK;
}


ngx_int_t
ngx_rtprop_hub_init_worker(ngx_rtprop_worker_t *worker)
{
    ngx_uint_t               i;
    ngx_rtprop_hub_t        *hub;
    ngx_rtprop_observer_t  **observer;

    hub = ngx_pcalloc(worker->pool, sizeof(ngx_rtprop_hub_t));

    if (hub == NULL) {
        return NGX_ERROR;
    }

    hub->worker = worker;
    ngx_queue_init(&hub->updates);

    hub->sweep.handler = ngx_rtprop_hub_sweep;
    hub->sweep.data = hub;
    hub->sweep.log = worker->log;

    if (ngx_array_init(&hub->dead, worker->pool, 64, sizeof(ngx_pool_t *))
        != NGX_OK
        || ngx_rtprop_hub_channels_init(hub) != NGX_OK
        || ngx_rtprop_hub_protocols(hub) != NGX_OK)
    {
        return NGX_ERROR;
    }

    worker->hub = hub;
    worker->sessions->admit = ngx_rtprop_hub_admit;
    worker->sessions->withdraw = ngx_rtprop_hub_withdraw;
    worker->sessions->opened = ngx_rtprop_hub_opened;
    worker->sessions->closed = ngx_rtprop_hub_closed;

    hub->engine = ngx_rtprop_engine_shm_create(worker, hub,
                                               &ngx_rtprop_hub_handler);

    if (hub->engine == NULL) {
        return NGX_ERROR;
    }

    worker->engine = hub->engine;

    observer = worker->conf->observers.elts;

    for (i = 0; i < worker->conf->observers.nelts; i++) {
        if (observer[i]->started) {
            observer[i]->started(worker, observer[i]->data);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_hub_protocols(ngx_rtprop_hub_t *hub)
{
    ngx_uint_t                i, n;
    ngx_rtprop_protocol_t   **protocol;
    ngx_rtprop_main_conf_t   *rmcf;

    rmcf = hub->worker->conf;
    protocol = rmcf->protocols.elts;

    for (i = 0; i < rmcf->protocols.nelts; i++) {
        for (n = 0; n < protocol[i]->nvariants; n++) {
            hub->protocols[protocol[i]->base + n] = protocol[i];
        }
    }

    return NGX_OK;
}


/* -------------------------------------------------------------- sessions */

static void
ngx_rtprop_hub_admit(ngx_rtprop_worker_t *worker, ngx_rtprop_admit_t *admit)
{
    ngx_rtprop_hub_admit_t  *a;

    a = ngx_pcalloc(admit->pool, sizeof(ngx_rtprop_hub_admit_t));

    if (a == NULL) {
        admit->rc = NGX_ERROR;
        admit->done(admit);
        return;
    }

    a->hub = worker->hub;
    a->admit = admit;

    a->presence.op.done = ngx_rtprop_hub_admitted;
    a->presence.op.data = a;
    a->presence.op.pool = admit->pool;
    a->presence.user = admit->user;
    a->presence.info = admit->info;
    a->presence.max = admit->max;
    ngx_str_set(&a->presence.set, NGX_RTPROP_USERS);
    ngx_memcpy(a->presence.session, admit->session, NGX_RTPROP_SESSION_ID);

    worker->engine->presence_add(worker->engine, &a->presence);
}


static void
ngx_rtprop_hub_admitted(ngx_rtprop_op_t *op)
{
    ngx_rtprop_hub_admit_t  *a = op->data;

    a->admit->rc = op->rc;
    a->admit->first = a->presence.changed;

    a->admit->done(a->admit);
}


static void
ngx_rtprop_hub_withdraw(ngx_rtprop_worker_t *worker, ngx_str_t *user,
    u_char *session)
{
    ngx_pool_t              *pool;
    ngx_rtprop_hub_admit_t  *a;

    pool = ngx_rtprop_hub_pool(worker->hub);

    if (pool == NULL) {
        return;
    }

    a = ngx_pcalloc(pool, sizeof(ngx_rtprop_hub_admit_t));

    if (a == NULL) {
        goto failed;
    }

    a->hub = worker->hub;
    a->presence.op.done = ngx_rtprop_hub_withdrawn;
    a->presence.op.data = a;
    a->presence.op.pool = pool;
    ngx_str_set(&a->presence.set, NGX_RTPROP_USERS);
    ngx_memcpy(a->presence.session, session, NGX_RTPROP_SESSION_ID);

    a->presence.user.len = user->len;
    a->presence.user.data = ngx_pstrdup(pool, user);

    if (a->presence.user.data == NULL) {
        goto failed;
    }

    worker->engine->presence_remove(worker->engine, &a->presence);

    return;

failed:

    ngx_rtprop_hub_free_pool(worker->hub, pool);
}


static void
ngx_rtprop_hub_withdrawn(ngx_rtprop_op_t *op)
{
    ngx_rtprop_hub_admit_t  *a = op->data;

    if (op->rc == NGX_OK && a->presence.changed) {
        ngx_rtprop_hub_offline(a->hub, &a->presence.user, &a->presence.info);
    }

    ngx_rtprop_hub_free_pool(a->hub, op->pool);
}


static void
ngx_rtprop_hub_opened(ngx_rtprop_session_t *s)
{
    ngx_uint_t               i;
    ngx_rtprop_hub_t        *hub;
    ngx_rtprop_observer_t  **observer;

    hub = s->worker->hub;

    ngx_rtprop_hub_user_join(hub, s);

    observer = s->worker->conf->observers.elts;

    for (i = 0; i < s->worker->conf->observers.nelts; i++) {
        if (observer[i]->opened) {
            observer[i]->opened(s, observer[i]->data);
        }

        if (s->first && observer[i]->online) {
            observer[i]->online(s, observer[i]->data);
        }
    }
}


/* What the kinds do in left() may still ask for the session's subscriptions. */

static void
ngx_rtprop_hub_closed(ngx_rtprop_session_t *s)
{
    ngx_str_t                id;
    ngx_uint_t               i;
    ngx_queue_t             *q;
    ngx_rtprop_hub_t        *hub;
    ngx_rtprop_sub_t        *sub;
    ngx_rtprop_observer_t  **observer;

    hub = s->worker->hub;

    while (!ngx_queue_empty(&s->subs)) {
        q = ngx_queue_head(&s->subs);
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, link);

        ngx_rtprop_hub_sub_leave(hub, sub);
    }

    observer = s->worker->conf->observers.elts;

    for (i = 0; i < s->worker->conf->observers.nelts; i++) {
        if (observer[i]->closed) {
            observer[i]->closed(s, observer[i]->data);
        }
    }

    if (s->admitted) {
        id.len = s->user->id_len;
        id.data = s->user->data;

        ngx_rtprop_hub_withdraw(s->worker, &id, s->id);
    }
}


/* ---------------------------------------------- what the engine tells of */

static void
ngx_rtprop_hub_presence_lost(ngx_rtprop_hub_t *hub, ngx_str_t *set,
    ngx_str_t *user, ngx_str_t *info, ngx_uint_t users)
{
    ngx_str_t           id;
    ngx_rtprop_kind_t  *kind;

    if (set->len == sizeof(NGX_RTPROP_USERS) - 1
        && ngx_memcmp(set->data, NGX_RTPROP_USERS, set->len) == 0)
    {
        ngx_rtprop_hub_offline(hub, user, info);
        return;
    }

    kind = ngx_rtprop_hub_kind(hub->worker->conf, set);

    if (kind && kind->lost) {
        ngx_rtprop_hub_channel_id(set, &id);
        kind->lost(hub, &id, user, info, users, kind->data);
    }
}


static void
ngx_rtprop_hub_offline(ngx_rtprop_hub_t *hub, ngx_str_t *user, ngx_str_t *info)
{
    ngx_uint_t               i;
    ngx_rtprop_observer_t  **observer;

    observer = hub->worker->conf->observers.elts;

    for (i = 0; i < hub->worker->conf->observers.nelts; i++) {
        if (observer[i]->offline) {
            observer[i]->offline(hub, user, info, observer[i]->data);
        }
    }
}


static void
ngx_rtprop_hub_job(ngx_rtprop_hub_t *hub, ngx_str_t *key, ngx_str_t *payload,
    uint64_t fence)
{
    ngx_uint_t          i;
    ngx_rtprop_job_t  **job;

    job = hub->worker->conf->jobs.elts;

    for (i = 0; i < hub->worker->conf->jobs.nelts; i++) {

        if (key->len > job[i]->prefix.len
            && key->data[job[i]->prefix.len] == ':'
            && ngx_memcmp(key->data, job[i]->prefix.data, job[i]->prefix.len)
               == 0)
        {
            job[i]->handler(hub, key, payload, fence, job[i]->data);
            return;
        }
    }

    ngx_log_error(NGX_LOG_WARN, hub->worker->log, 0,
                  "rtprop: a job \"%V\" that no feature knows is dropped", key);

    ngx_rtprop_hub_job_done(hub, key, fence);
}


/* ------------------------------------------------------ between features */

void
ngx_rtprop_hub_replied(ngx_rtprop_hub_t *hub, ngx_str_t *user, int64_t waited)
{
    ngx_uint_t               i;
    ngx_rtprop_observer_t  **observer;

    observer = hub->worker->conf->observers.elts;

    for (i = 0; i < hub->worker->conf->observers.nelts; i++) {
        if (observer[i]->replied) {
            observer[i]->replied(hub, user, waited, observer[i]->data);
        }
    }
}


void
ngx_rtprop_hub_assigned(ngx_rtprop_hub_t *hub, ngx_str_t *agent,
    ngx_str_t *property, ngx_uint_t yes)
{
    ngx_uint_t               i;
    ngx_rtprop_observer_t  **observer;

    observer = hub->worker->conf->observers.elts;

    for (i = 0; i < hub->worker->conf->observers.nelts; i++) {
        if (observer[i]->assigned) {
            observer[i]->assigned(hub, agent, property, yes,
                                  observer[i]->data);
        }
    }
}


void
ngx_rtprop_hub_ask(ngx_rtprop_hub_t *hub, const char *name,
    ngx_rtprop_ask_t *ask)
{
    ngx_uint_t           i;
    ngx_rtprop_fact_t  **fact;

    ask->answer = NULL;
    fact = hub->worker->conf->facts.elts;

    for (i = 0; i < hub->worker->conf->facts.nelts; i++) {

        if (fact[i]->name.len == ngx_strlen(name)
            && ngx_memcmp(fact[i]->name.data, name, fact[i]->name.len) == 0)
        {
            fact[i]->handler(hub, ask, fact[i]->data);
            return;
        }
    }

    ask->done(ask);
}


/* --------------------------------------------------------------- publish */

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


void
ngx_rtprop_hub_kick(ngx_rtprop_hub_t *hub, ngx_str_t *user, const char *reason)
{
    u_char     buf[NGX_RTPROP_CHANNEL_MAX];
    ngx_str_t  name;

    if (user->len > NGX_RTPROP_NAME_MAX) {
        return;
    }

    name.data = buf;
    name.len = ngx_sprintf(buf, "user:%V", user) - buf;

    ngx_rtprop_hub_control_send(hub, &name, NGX_RTPROP_CONTROL_KICK,
                                json_pack("{s:s}", "reason", reason));
}


void
ngx_rtprop_hub_expel(ngx_rtprop_hub_t *hub, ngx_str_t *channel, json_t *users)
{
    ngx_rtprop_hub_control_send(hub, channel, NGX_RTPROP_CONTROL_EXPEL,
                                json_pack("{s:o}", "users", users));
}


static void
ngx_rtprop_hub_control_send(ngx_rtprop_hub_t *hub, ngx_str_t *channel,
    const char *type, json_t *payload)
{
    ngx_rtprop_event_t  ev;

    ngx_memzero(&ev, sizeof(ngx_rtprop_event_t));

    ev.channel = *channel;
    ev.type.data = (u_char *) type;
    ev.type.len = ngx_strlen(type);
    ev.flags = NGX_RTPROP_EV_VOLATILE|NGX_RTPROP_EV_CONTROL;

    (void) ngx_rtprop_hub_publish(hub, &ev, payload);
}


/* ----------------------------------------------------------- small things */

/*
 * 51 bits of time since 2020 in 1/1024 ms, 7 of the worker's slot, 5 that
 * count: text for clients, so 63 bits are no burden.  The clock is read anew,
 * so that ids of several workers are in the order in which they were made.
 */

uint64_t
ngx_rtprop_hub_id(ngx_rtprop_hub_t *hub)
{
    uint64_t        now;
    struct timeval  tv;

    ngx_gettimeofday(&tv);

    now = ((uint64_t) tv.tv_sec - NGX_RTPROP_HUB_2020) * 1000;
    now = (now << 10) + ((uint64_t) tv.tv_usec << 10) / 1000;

    if (now > hub->id_time) {
        hub->id_time = now;
        hub->id_count = 0;

    } else if (++hub->id_count == 0x20) {
        hub->id_time++;
        hub->id_count = 0;
    }

    return hub->id_time << 12
           | (uint64_t) (hub->worker->slot & 0x7f) << 5
           | hub->id_count;
}


void
ngx_rtprop_hub_id_seen(ngx_rtprop_hub_t *hub, uint64_t id)
{
    if (id >> 12 >= hub->id_time) {
        hub->id_time = (id >> 12) + 1;
        hub->id_count = 0;
    }
}


/* Another worker's clock may be a little ahead: then ours follows it. */

uint64_t
ngx_rtprop_hub_id_after(ngx_rtprop_hub_t *hub, uint64_t last)
{
    ngx_rtprop_hub_id_seen(hub, last);

    return ngx_rtprop_hub_id(hub);
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
    return ngx_create_pool(1024, hub->worker->log);
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


static void
ngx_rtprop_hub_sweep(ngx_event_t *ev)
{
    ngx_uint_t         i;
    ngx_pool_t       **pool;
    ngx_rtprop_hub_t  *hub;

    hub = ev->data;
    pool = hub->dead.elts;

    for (i = 0; i < hub->dead.nelts; i++) {
        ngx_destroy_pool(pool[i]);
    }

    hub->dead.nelts = 0;
}
