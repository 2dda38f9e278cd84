/*
 * The hub's life: registration, sessions coming and going, what the engine
 * tells of users and jobs.
 */

#include "hub/ngx_rtprop_hub.h"
#include "hub/ngx_rtprop_hub_channel.h"
#include "hub/ngx_rtprop_hub_deliver.h"


typedef struct {
    ngx_rtprop_presence_t       presence;
    ngx_rtprop_hub_t           *hub;
    ngx_rtprop_admit_t         *admit;
} ngx_rtprop_hub_admit_t;


static ngx_int_t ngx_rtprop_hub_engine(ngx_rtprop_hub_t *hub);
static ngx_int_t ngx_rtprop_hub_protocols(ngx_rtprop_hub_t *hub);
static void ngx_rtprop_hub_admit(ngx_rtprop_worker_t *worker,
    ngx_rtprop_admit_t *admit);
static void ngx_rtprop_hub_admitted(ngx_rtprop_op_t *op);
static void ngx_rtprop_hub_withdraw(ngx_rtprop_worker_t *worker,
    ngx_str_t *user, u_char *session);
static void ngx_rtprop_hub_withdrawn(ngx_rtprop_op_t *op);
static void ngx_rtprop_hub_opened(ngx_rtprop_session_t *s);
static void ngx_rtprop_hub_closed(ngx_rtprop_session_t *s);
static void ngx_rtprop_hub_opened_tell(ngx_rtprop_session_t *s);
static void ngx_rtprop_hub_presence_came(ngx_rtprop_hub_t *hub, ngx_str_t *set,
    ngx_str_t *user, ngx_str_t *info, ngx_uint_t users);
static void ngx_rtprop_hub_presence_lost(ngx_rtprop_hub_t *hub, ngx_str_t *set,
    ngx_str_t *user, ngx_str_t *info, ngx_uint_t users);
static void ngx_rtprop_hub_offline(ngx_rtprop_hub_t *hub, ngx_str_t *user,
    ngx_str_t *info);
static void ngx_rtprop_hub_job(ngx_rtprop_hub_t *hub, ngx_str_t *key,
    ngx_str_t *payload, uint64_t fence);
static ngx_int_t ngx_rtprop_hub_push(ngx_conf_t *cf, ngx_array_t *array,
    void *elt, size_t size);


static ngx_rtprop_engine_handler_t  ngx_rtprop_hub_handler = {
    ngx_rtprop_hub_deliver,
    ngx_rtprop_hub_lost,
    ngx_rtprop_hub_presence_lost,
    ngx_rtprop_hub_job,
    ngx_rtprop_hub_behind,
    ngx_rtprop_hub_id_time,
    ngx_rtprop_hub_id_numbered,
    ngx_rtprop_hub_presence_came
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

    ngx_rtprop_hub_id_init(hub);

    hub->sweep.handler = ngx_rtprop_hub_sweep;
    hub->sweep.data = hub;
    hub->sweep.log = worker->log;

    hub->retry.handler = ngx_rtprop_hub_retry;
    hub->retry.data = hub;
    hub->retry.log = worker->log;
    hub->retry.cancelable = 1;

    hub->anew.handler = ngx_rtprop_hub_anew;
    hub->anew.data = hub;
    hub->anew.log = worker->log;
    hub->anew.cancelable = 1;

    if (ngx_array_init(&hub->dead, worker->pool, 64, sizeof(ngx_pool_t *))
        != NGX_OK
        || ngx_rtprop_hub_jobs_init(hub) != NGX_OK
        || ngx_rtprop_hub_channels_init(hub) != NGX_OK
        || ngx_rtprop_hub_updates_init(hub) != NGX_OK
        || ngx_rtprop_hub_users_init(hub) != NGX_OK
        || ngx_rtprop_hub_protocols(hub) != NGX_OK)
    {
        return NGX_ERROR;
    }

    worker->hub = hub;
    worker->sessions->admit = ngx_rtprop_hub_admit;
    worker->sessions->withdraw = ngx_rtprop_hub_withdraw;
    worker->sessions->opened = ngx_rtprop_hub_opened;
    worker->sessions->closed = ngx_rtprop_hub_closed;

    if (ngx_rtprop_hub_engine(hub) != NGX_OK) {
        return NGX_ERROR;
    }

    observer = worker->conf->observers.elts;

    for (i = 0; i < worker->conf->observers.nelts; i++) {
        if (observer[i]->started) {
            observer[i]->started(worker, observer[i]->data);
        }
    }

    return NGX_OK;
}


/* The configured one, and above it the durable one where there is a store. */

static ngx_int_t
ngx_rtprop_hub_engine(ngx_rtprop_hub_t *hub)
{
    ngx_rtprop_worker_t  *worker;

    worker = hub->worker;

    hub->engine = (worker->conf->engine == NGX_RTPROP_ENGINE_REDIS)
                  ? ngx_rtprop_engine_redis_create(worker, hub,
                                                   &ngx_rtprop_hub_handler)
                  : ngx_rtprop_engine_shm_create(worker, hub,
                                                 &ngx_rtprop_hub_handler);

    if (hub->engine && worker->store) {
        hub->engine = ngx_rtprop_engine_durable_create(worker, hub->engine);
    }

    worker->engine = hub->engine;

    return hub->engine ? NGX_OK : NGX_ERROR;
}


void
ngx_rtprop_hub_exit_worker(ngx_rtprop_worker_t *worker)
{
    if (worker->hub) {
        ngx_rtprop_hub_jobs_exit(worker->hub);
    }

    if (worker->engine && worker->engine->close) {
        worker->engine->close(worker->engine);
    }
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


/* With the engine away a worker knows of its own sessions. */

static void
ngx_rtprop_hub_admitted(ngx_rtprop_op_t *op)
{
    ngx_rtprop_hub_admit_t  *a = op->data;

    ngx_rtprop_admit_t  *admit;

    admit = a->admit;
    admit->rc = op->rc;
    admit->first = a->presence.changed;

    if (op->rc == NGX_OK && a->presence.unknown && admit->max
        && ngx_rtprop_hub_user_sessions(a->hub, &admit->user) >= admit->max)
    {
        ngx_rtprop_hub_withdraw(a->hub->worker, &admit->user, admit->session);
        admit->rc = NGX_DECLINED;
    }

    admit->done(admit);
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
    ngx_rtprop_hub_user_join(s->worker->hub, s);
    ngx_rtprop_hub_opened_tell(s);
}


static void
ngx_rtprop_hub_opened_tell(ngx_rtprop_session_t *s)
{
    ngx_uint_t               i;
    ngx_rtprop_observer_t  **observer;

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

    ngx_rtprop_hub_user_leave(hub, s);

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
ngx_rtprop_hub_presence_came(ngx_rtprop_hub_t *hub, ngx_str_t *set,
    ngx_str_t *user, ngx_str_t *info, ngx_uint_t users)
{
    ngx_str_t              id;
    ngx_rtprop_kind_t     *kind;
    ngx_rtprop_session_t  *s;

    if (set->len == sizeof(NGX_RTPROP_USERS) - 1
        && ngx_memcmp(set->data, NGX_RTPROP_USERS, set->len) == 0)
    {
        s = ngx_rtprop_hub_user_here(hub, user);

        if (s) {
            s->first = 1;
            ngx_rtprop_hub_opened_tell(s);
        }

        return;
    }

    kind = ngx_rtprop_hub_kind(hub->worker->conf, set);

    if (kind && kind->came) {
        ngx_rtprop_hub_channel_id(set, &id);
        kind->came(hub, &id, user, info, users, kind->data);
    }
}


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
    ask->rc = NGX_OK;
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
