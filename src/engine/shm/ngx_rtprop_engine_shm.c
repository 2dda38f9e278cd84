/*
 * The embedded engine: all workers of one machine meet in the zone.
 */

#include "engine/shm/ngx_rtprop_shm.h"

#include <openssl/rand.h>


#define NGX_RTPROP_SHM_TICK        1000    /* ms */
#define NGX_RTPROP_SHM_EVICTIONS   256     /* tries to make room */
#define NGX_RTPROP_SHM_RESERVE     (1024 * 1024)
#define NGX_RTPROP_SHM_RING_MIN    (64 * 1024)
#define NGX_RTPROP_SHM_RING_MAX    (16 * 1024 * 1024)
#define NGX_RTPROP_SHM_BUCKETS_MIN 1024
#define NGX_RTPROP_SHM_BUCKETS_MAX (1024 * 1024)


static ngx_int_t ngx_rtprop_shm_open(ngx_rtprop_shm_t *shm);
static ngx_rtprop_ref_t ngx_rtprop_shm_make(ngx_rtprop_shm_t *shm);
static void ngx_rtprop_shm_table(ngx_rtprop_shm_t *shm);
static ngx_int_t ngx_rtprop_shm_start(ngx_rtprop_shm_t *shm);
static void ngx_rtprop_shm_full(ngx_rtprop_shm_t *shm);
static void ngx_rtprop_shm_publish(ngx_rtprop_engine_t *e,
    ngx_rtprop_publish_t *op);
static ngx_int_t ngx_rtprop_shm_publish_step(ngx_rtprop_shm_t *shm,
    void *data);
static const char *ngx_rtprop_shm_status(ngx_rtprop_engine_t *e);
static void ngx_rtprop_shm_woken(void *data);
static void ngx_rtprop_shm_posted(ngx_event_t *ev);
static void ngx_rtprop_shm_tick(ngx_event_t *ev);
static ngx_int_t ngx_rtprop_shm_reap(void *data, ngx_uint_t slot);


ngx_rtprop_engine_t *
ngx_rtprop_engine_shm_create(ngx_rtprop_worker_t *worker,
    ngx_rtprop_hub_t *hub, ngx_rtprop_engine_handler_t *handler)
{
    ngx_rtprop_shm_t  *shm;

    shm = ngx_pcalloc(worker->pool, sizeof(ngx_rtprop_shm_t));

    if (shm == NULL) {
        return NULL;
    }

    shm->worker = worker;
    shm->zone = worker->zone;
    shm->slot = worker->slot;
    shm->handler = handler;
    shm->hub = hub;

    ngx_rtprop_shm_table(shm);

    if (ngx_rtprop_shm_open(shm) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, worker->log, 0,
                      "rtprop: the zone is too small for the engine");
        return NULL;
    }

    if (ngx_rtprop_shm_ipc_init(shm) != NGX_OK
        || ngx_rtprop_shm_start(shm) != NGX_OK)
    {
        return NULL;
    }

    return &shm->engine;
}


/* The first worker makes what all will share. */

static ngx_int_t
ngx_rtprop_shm_open(ngx_rtprop_shm_t *shm)
{
    size_t            used, total;
    ngx_rtprop_ref_t  ref;

    ngx_rtprop_zone_lock(shm->zone);

    ref = ngx_rtprop_zone_root(shm->zone, NGX_RTPROP_ROOT_ENGINE);

    if (ref == 0) {
        ref = ngx_rtprop_shm_make(shm);

        if (ref) {
            ngx_rtprop_zone_set_root(shm->zone, NGX_RTPROP_ROOT_ENGINE, ref);

        } else {
            ngx_rtprop_zone_rollback(shm->zone);
        }
    }

    ngx_rtprop_zone_unlock(shm->zone);

    if (ref == 0) {
        return NGX_ERROR;
    }

    shm->root = ngx_rtprop_shm_ptr(shm, ref);

    ngx_rtprop_zone_usage(shm->zone, &used, &total);
    shm->out_max = total / 8;
    shm->reserve = ngx_min(total / 16, NGX_RTPROP_SHM_RESERVE);

    return NGX_OK;
}


static size_t
ngx_rtprop_shm_power(size_t size, size_t min, size_t max)
{
    size_t  n;

    for (n = min; n < max && n * 2 <= size; n *= 2) { /* void */ }

    return n;
}


static ngx_rtprop_ref_t
ngx_rtprop_shm_make(ngx_rtprop_shm_t *shm)
{
    size_t                  used, total, buckets;
    ngx_rtprop_ref_t        ref;
    ngx_rtprop_zone_t      *zone;
    ngx_rtprop_shm_root_t  *root;

    zone = shm->zone;
    ngx_rtprop_zone_usage(zone, &used, &total);

    ref = ngx_rtprop_zone_alloc(zone, sizeof(ngx_rtprop_shm_root_t));

    if (ref == 0) {
        return 0;
    }

    root = ngx_rtprop_zone_ptr(zone, ref);
    ngx_memzero(root, sizeof(ngx_rtprop_shm_root_t));

    if (RAND_bytes((u_char *) &root->epoch, sizeof(uint64_t)) != 1) {
        return 0;
    }

    buckets = ngx_rtprop_shm_power(total / 512, NGX_RTPROP_SHM_BUCKETS_MIN,
                                   NGX_RTPROP_SHM_BUCKETS_MAX);
    root->mask = buckets - 1;
    buckets *= sizeof(ngx_rtprop_ref_t);

    root->ring_size = ngx_rtprop_shm_power(total / 8, NGX_RTPROP_SHM_RING_MIN,
                                           NGX_RTPROP_SHM_RING_MAX);

    root->buckets = ngx_rtprop_zone_alloc(zone, buckets);
    root->evictions = ngx_rtprop_zone_alloc(zone, buckets);
    root->ring = ngx_rtprop_zone_alloc(zone, root->ring_size);

    if (root->buckets == 0 || root->evictions == 0 || root->ring == 0) {
        return 0;
    }

    ngx_memzero(ngx_rtprop_zone_ptr(zone, root->buckets), buckets);
    ngx_memzero(ngx_rtprop_zone_ptr(zone, root->evictions), buckets);

    return ref;
}


static void
ngx_rtprop_shm_table(ngx_rtprop_shm_t *shm)
{
    ngx_rtprop_engine_t  *e;

    e = &shm->engine;

    ngx_str_set(&e->name, "shm");
    e->worker = shm->worker;
    e->hub = shm->hub;
    e->handler = shm->handler;
    e->data = shm;

    e->publish = ngx_rtprop_shm_publish;
    e->history = ngx_rtprop_shm_history;
    e->unsubscribe = ngx_rtprop_shm_unsubscribe;
    e->presence_add = ngx_rtprop_shm_presence_add;
    e->presence_remove = ngx_rtprop_shm_presence_remove;
    e->members = ngx_rtprop_shm_members;
    e->state_get = ngx_rtprop_shm_state_get;
    e->state_put = ngx_rtprop_shm_state_put;
    e->lease = ngx_rtprop_shm_lease;
    e->release = ngx_rtprop_shm_release;
    e->schedule = ngx_rtprop_shm_schedule;
    e->schedule_done = ngx_rtprop_shm_schedule_done;
    e->counter = ngx_rtprop_shm_counter;
    e->channels = ngx_rtprop_shm_channels;
    e->status = ngx_rtprop_shm_status;
}


static void
ngx_rtprop_shm_event(ngx_rtprop_shm_t *shm, ngx_event_t *ev,
    ngx_event_handler_pt handler)
{
    ev->handler = handler;
    ev->data = shm;
    ev->log = shm->worker->log;
    ev->cancelable = 1;
}


/*
 * The ring is gone through again and again, so its pages become this worker's
 * at once: its memory does not grow with the events of the first minutes.
 */

static void
ngx_rtprop_shm_touch(ngx_rtprop_shm_t *shm)
{
    size_t            i;
    volatile u_char  *ring;

    ring = ngx_rtprop_shm_ptr(shm, shm->root->ring);

    for (i = 0; i < shm->root->ring_size; i += ngx_pagesize) {
        (void) ring[i];
    }
}


static ngx_int_t
ngx_rtprop_shm_start(ngx_rtprop_shm_t *shm)
{
    ngx_rtprop_shm_touch(shm);
    ngx_rtprop_shm_stat_sources(shm);

    ngx_rtprop_shm_event(shm, &shm->posted, ngx_rtprop_shm_posted);
    ngx_rtprop_shm_event(shm, &shm->tick, ngx_rtprop_shm_tick);
    ngx_rtprop_shm_event(shm, &shm->due, ngx_rtprop_shm_schedule_due);

    if (ngx_rtprop_zone_on_reap(shm->zone, ngx_rtprop_shm_reap, shm)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_rtprop_zone_on_wake(shm->zone, ngx_rtprop_shm_woken, shm);
    ngx_rtprop_zone_sleep(shm->zone);

    ngx_add_timer(&shm->tick, 1);

    return NGX_OK;
}


/* --------------------------------------------------------------- steps --- */

/*
 * A step that finds no room is undone and run again after some of the oldest
 * history went, a bounded number of times.
 */

ngx_int_t
ngx_rtprop_shm_transact(ngx_rtprop_shm_t *shm, ngx_rtprop_shm_step_pt step,
    void *data)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    shm->error = NULL;
    shm->refused = 0;
    shm->written = 0;

    ngx_rtprop_zone_lock(shm->zone);

    for (i = 0; /* void */ ; i++) {
        shm->spare = ngx_rtprop_zone_spare(shm->zone);

        rc = step(shm, data);

        if (rc != NGX_BUSY && rc != NGX_ERROR) {
            break;
        }

        ngx_rtprop_zone_rollback(shm->zone);

        if (rc == NGX_ERROR || shm->refused || i == NGX_RTPROP_SHM_EVICTIONS
            || !ngx_rtprop_shm_evict(shm))
        {
            break;
        }
    }

    ngx_rtprop_zone_commit(shm->zone);
    ngx_rtprop_shm_ipc_show(shm);

    if (rc == NGX_OK && shm->written) {
        ngx_rtprop_shm_log_trim(shm);
    }

    ngx_rtprop_zone_unlock(shm->zone);

    if (rc == NGX_BUSY) {
        ngx_rtprop_shm_full(shm);
    }

    if (shm->error) {
        ngx_log_error(NGX_LOG_ERR, shm->worker->log, 0, "rtprop: %s",
                      shm->error);
    }

    return rc;
}


/* Logged once in a while: it may stay so, and many will ask. */

static void
ngx_rtprop_shm_full(ngx_rtprop_shm_t *shm)
{
    int64_t  now;

    now = ngx_rtprop_zone_clock();

    ngx_rtprop_shm_bump(shm, NGX_RTPROP_SHM_STAT_FULL, 1);

    shm->root->full = now;

    if (shm->full && now - shm->full < NGX_RTPROP_SHM_FULL) {
        return;
    }

    shm->full = now;

    ngx_log_error(NGX_LOG_WARN, shm->worker->log, 0,
                  "rtprop: the zone is full");
}


ngx_uint_t
ngx_rtprop_shm_draining(ngx_rtprop_shm_t *shm)
{
    return shm->worker->draining || ngx_exiting || ngx_terminate || ngx_quit;
}


int64_t
ngx_rtprop_shm_time(void)
{
    struct timeval  tv;

    ngx_gettimeofday(&tv);

    return (int64_t) tv.tv_sec * 1000 + tv.tv_usec / 1000;
}


/* ------------------------------------------------------------- publish --- */

static void
ngx_rtprop_shm_publish(ngx_rtprop_engine_t *e, ngx_rtprop_publish_t *op)
{
    ngx_int_t          rc;
    ngx_rtprop_shm_t  *shm;

    shm = e->data;

    rc = ngx_rtprop_shm_log_prepare(shm, op->events, op->nevents);

    if (rc == NGX_OK) {
        rc = ngx_rtprop_shm_transact(shm, op->carried
                                          ? ngx_rtprop_shm_carry_step
                                          : ngx_rtprop_shm_publish_step, op);
    }

    if (rc == NGX_OK) {
        ngx_rtprop_shm_published(shm, op->nevents);
    }

    op->op.rc = rc;
    op->op.done(&op->op);
}


static ngx_int_t
ngx_rtprop_shm_publish_step(ngx_rtprop_shm_t *shm, void *data)
{
    ngx_rtprop_publish_t *op = data;

    return ngx_rtprop_shm_log_write(shm, op->events, op->nevents);
}


/*
 * Others are woken, and events delivered here, at the end of the turn, or when
 * they are a wave.
 */

void
ngx_rtprop_shm_published(ngx_rtprop_shm_t *shm, ngx_uint_t n)
{
    ngx_rtprop_shm_bump(shm, NGX_RTPROP_SHM_STAT_PUBLISHED, n);

    ngx_rtprop_zone_awake(shm->zone);

    ngx_post_event(&shm->posted, &ngx_posted_events);

    shm->fresh += n;

    if (shm->fresh >= NGX_RTPROP_SHM_WAVE) {
        shm->worker->early = &shm->posted;
    }
}


static const char *
ngx_rtprop_shm_status(ngx_rtprop_engine_t *e)
{
    ngx_rtprop_shm_t *shm = e->data;

    return ngx_rtprop_shm_pressed(shm) ? "full" : "ok";
}


/* -------------------------------------------------------------- events --- */

static void
ngx_rtprop_shm_woken(void *data)
{
    ngx_rtprop_shm_t  *shm;

    shm = data;

    ngx_rtprop_shm_ipc_drain(shm);
    ngx_rtprop_shm_schedule_arm(shm);
}


static void
ngx_rtprop_shm_posted(ngx_event_t *ev)
{
    ngx_rtprop_shm_t  *shm;

    shm = ev->data;

    ngx_rtprop_zone_wake(shm->zone);
    ngx_rtprop_shm_ipc_drain(shm);

    shm->fresh = 0;
    shm->worker->early = NULL;
}


/* The drain is for what a worker published that died before waking others. */

static void
ngx_rtprop_shm_tick(ngx_event_t *ev)
{
    ngx_rtprop_shm_t  *shm;

    shm = ev->data;

    if (ngx_rtprop_shm_draining(shm)) {
        ngx_rtprop_zone_slot(shm->zone, shm->slot)->draining = 1;
    }

    ngx_rtprop_shm_sweep(shm);
    ngx_rtprop_shm_ipc_drain(shm);
    ngx_rtprop_shm_schedule_tick(shm);

    ngx_add_timer(ev, NGX_RTPROP_SHM_TICK);
}


static ngx_int_t
ngx_rtprop_shm_reap(void *data, ngx_uint_t slot)
{
    ngx_rtprop_shm_t  *shm;

    shm = data;

    ngx_rtprop_zone_lock(shm->zone);
    ngx_rtprop_shm_ipc_show(shm);
    ngx_rtprop_zone_unlock(shm->zone);

    ngx_post_event(&shm->posted, &ngx_posted_events);

    if (ngx_rtprop_shm_schedule_reap(shm, slot) == NGX_AGAIN
        || ngx_rtprop_shm_lease_reap(shm, slot) == NGX_AGAIN
        || ngx_rtprop_shm_presence_reap(shm, slot) == NGX_AGAIN
        || ngx_rtprop_shm_subs_reap(shm, slot) == NGX_AGAIN)
    {
        return NGX_AGAIN;
    }

    return NGX_OK;
}
