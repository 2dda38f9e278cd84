/*
 * Slots of workers: who is there, wake-ups, and cleaning up after the dead.
 */

#include "base/ngx_rtprop_zone.h"
#include "base/ngx_rtprop_zone_sh.h"

#include <sys/eventfd.h>


#define NGX_RTPROP_TICK    1000    /* ms */
#define NGX_RTPROP_AGAIN   2       /* ms; when a dead worker left much */


typedef struct {
    ngx_rtprop_reap_pt    handler;
    void                 *data;
} ngx_rtprop_reaper_t;


static void ngx_rtprop_slot_close_old(ngx_cycle_t *cycle,
    ngx_rtprop_zone_t *zone);
static ngx_int_t ngx_rtprop_slot_claim(ngx_rtprop_zone_t *zone);
static ngx_int_t ngx_rtprop_slot_listen(ngx_rtprop_zone_t *zone);
static void ngx_rtprop_slot_woken(ngx_event_t *ev);
static void ngx_rtprop_slot_tick(ngx_event_t *ev);
static ngx_int_t ngx_rtprop_slot_check(ngx_rtprop_zone_t *zone);
static ngx_int_t ngx_rtprop_slot_reap(ngx_rtprop_zone_t *zone, ngx_uint_t n,
    ngx_atomic_uint_t pid);
static ngx_uint_t ngx_rtprop_slot_reap_claim(ngx_rtprop_slot_t *slot,
    ngx_atomic_uint_t pid);


/*
 * The descriptors are made by the master, so that each worker, forked now or
 * after some reloads, has all of them under the same numbers.
 */

ngx_int_t
ngx_rtprop_zone_init_module(ngx_cycle_t *cycle, ngx_rtprop_main_conf_t *rmcf)
{
    int                    fd;
    ngx_uint_t             i;
    ngx_rtprop_zone_t     *zone;
    ngx_rtprop_zone_sh_t  *sh;

    zone = rmcf->zone;
    sh = zone->sh;

    if (ngx_test_config || sh->fds[0] != -1) {
        return NGX_OK;
    }

    ngx_rtprop_slot_close_old(cycle, zone);

    for (i = 0; i < NGX_RTPROP_SLOTS; i++) {
        fd = eventfd(0, EFD_NONBLOCK|EFD_CLOEXEC);

        if (fd == -1) {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, ngx_errno,
                          "eventfd() failed");
            return NGX_ERROR;
        }

        sh->fds[i] = fd;
    }

    return NGX_OK;
}


/* A zone that is not kept leaves descriptors in the master. */

static void
ngx_rtprop_slot_close_old(ngx_cycle_t *cycle, ngx_rtprop_zone_t *zone)
{
    ngx_uint_t          i, n;
    ngx_list_part_t    *part;
    ngx_shm_zone_t     *shm_zone;
    ngx_rtprop_zone_t  *ozone;

    if (cycle->old_cycle == NULL || cycle->old_cycle->conf_ctx == NULL) {
        return;
    }

    for (part = &cycle->old_cycle->shared_memory.part; part; part = part->next)
    {
        shm_zone = part->elts;

        for (i = 0; i < part->nelts; i++) {
            ozone = shm_zone[i].data;

            if (shm_zone[i].tag != zone->shm_zone->tag || ozone == NULL
                || ozone->sh == NULL || ozone->sh == zone->sh)
            {
                continue;
            }

            for (n = 0; n < NGX_RTPROP_SLOTS; n++) {
                if (ozone->sh->fds[n] != -1) {
                    (void) close(ozone->sh->fds[n]);
                }
            }
        }
    }
}


ngx_int_t
ngx_rtprop_zone_init_worker(ngx_rtprop_worker_t *worker)
{
    ngx_rtprop_zone_t  *zone;

    zone = worker->zone;
    zone->log = worker->log;

    if (ngx_array_init(&zone->reapers, worker->pool, 4,
                       sizeof(ngx_rtprop_reaper_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_rtprop_slot_claim(zone) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, worker->log, 0,
                      "rtprop: the zone has no slot for one more worker, "
                      "there are %d", NGX_RTPROP_SLOTS);
        return NGX_ERROR;
    }

    worker->slot = zone->slot;

    if (ngx_rtprop_slot_listen(zone) != NGX_OK) {
        return NGX_ERROR;
    }

    zone->tick.handler = ngx_rtprop_slot_tick;
    zone->tick.data = zone;
    zone->tick.log = worker->log;
    zone->tick.cancelable = 1;

    /* the first look comes as soon as all parts have registered */

    ngx_add_timer(&zone->tick, 1);

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_slot_claim(ngx_rtprop_zone_t *zone)
{
    ngx_uint_t          i;
    ngx_rtprop_slot_t  *slot;

    for (i = 0; i < NGX_RTPROP_SLOTS; i++) {

        /* of a dead one whose number came round again */

        (void) ngx_atomic_cmp_set(&zone->sh->slots[i].pid, ngx_pid,
                                  NGX_RTPROP_SLOT_GONE);
    }

    for (i = 0; i < NGX_RTPROP_SLOTS; i++) {
        slot = &zone->sh->slots[i];

        if (slot->pid == 0 && ngx_atomic_cmp_set(&slot->pid, 0, ngx_pid)) {
            slot->generation++;
            slot->sleeping = 0;
            slot->draining = 0;
            slot->reaper = 0;
            slot->cursor = 0;

            zone->slot = i;

            return NGX_OK;
        }
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_rtprop_slot_listen(ngx_rtprop_zone_t *zone)
{
    ngx_int_t          flags;
    ngx_connection_t  *c;

    c = ngx_get_connection(zone->sh->fds[zone->slot], zone->log);

    if (c == NULL) {
        return NGX_ERROR;
    }

    c->data = zone;
    c->read->handler = ngx_rtprop_slot_woken;
    c->read->log = zone->log;
    c->write->log = zone->log;

    /* not a socket that was left open when the worker exits */

    c->read->channel = 1;

    flags = (ngx_event_flags & NGX_USE_CLEAR_EVENT) ? NGX_CLEAR_EVENT
                                                    : NGX_LEVEL_EVENT;

    if (ngx_add_event(c->read, NGX_READ_EVENT, flags) != NGX_OK) {
        return NGX_ERROR;
    }

    zone->connection = c;

    return NGX_OK;
}


/* The others take out what this worker had put in: they go on, it does not. */

void
ngx_rtprop_zone_exit_worker(ngx_rtprop_worker_t *worker)
{
    ngx_rtprop_zone_t  *zone;

    zone = worker->zone;

    if (zone->connection == NULL) {
        return;
    }

    zone->sh->slots[zone->slot].pid = NGX_RTPROP_SLOT_GONE;
    zone->sh->gone = 1;

    ngx_rtprop_zone_wake(zone);
}


void
ngx_rtprop_zone_on_wake(ngx_rtprop_zone_t *zone, ngx_rtprop_wake_pt handler,
    void *data)
{
    zone->wake = handler;
    zone->wake_data = data;
}


ngx_int_t
ngx_rtprop_zone_on_reap(ngx_rtprop_zone_t *zone, ngx_rtprop_reap_pt handler,
    void *data)
{
    ngx_rtprop_reaper_t  *reaper;

    reaper = ngx_array_push(&zone->reapers);

    if (reaper == NULL) {
        return NGX_ERROR;
    }

    reaper->handler = handler;
    reaper->data = data;

    return NGX_OK;
}


void
ngx_rtprop_zone_wake(ngx_rtprop_zone_t *zone)
{
    uint64_t               one;
    ngx_uint_t             i;
    ngx_rtprop_slot_t     *slot;
    ngx_rtprop_zone_sh_t  *sh;

    sh = zone->sh;
    one = 1;

    /* what is announced comes before the look at who sleeps */

    ngx_memory_barrier();

    for (i = 0; i < NGX_RTPROP_SLOTS; i++) {
        slot = &sh->slots[i];

        if (slot->pid == 0 || i == zone->slot || !slot->sleeping
            || !ngx_atomic_cmp_set(&slot->sleeping, 1, 0))
        {
            continue;
        }

        if (write(sh->fds[i], &one, sizeof(uint64_t)) == -1
            && ngx_errno != NGX_EAGAIN)
        {
            ngx_log_error(NGX_LOG_ALERT, zone->log, ngx_errno,
                          "write() to eventfd of slot %ui failed", i);
        }
    }
}


void
ngx_rtprop_zone_sleep(ngx_rtprop_zone_t *zone)
{
    zone->sh->slots[zone->slot].sleeping = 1;

    ngx_memory_barrier();
}


void
ngx_rtprop_zone_awake(ngx_rtprop_zone_t *zone)
{
    zone->sh->slots[zone->slot].sleeping = 0;
}


static void
ngx_rtprop_slot_woken(ngx_event_t *ev)
{
    uint64_t            n;
    ngx_connection_t   *c;
    ngx_rtprop_zone_t  *zone;

    c = ev->data;
    zone = c->data;

    if (read(c->fd, &n, sizeof(uint64_t)) == -1 && ngx_errno != NGX_EAGAIN) {
        ngx_log_error(NGX_LOG_ALERT, zone->log, ngx_errno,
                      "read() from eventfd failed");
    }

    if (zone->sh->gone) {
        zone->sh->gone = 0;

        if (ngx_rtprop_slot_check(zone) == NGX_AGAIN) {
            ngx_add_timer(&zone->tick, NGX_RTPROP_AGAIN);
        }
    }

    if (zone->wake) {
        zone->wake(zone->wake_data);
    }
}


static void
ngx_rtprop_slot_tick(ngx_event_t *ev)
{
    ngx_int_t           rc;
    ngx_rtprop_zone_t  *zone;

    zone = ev->data;
    rc = ngx_rtprop_slot_check(zone);

    ngx_add_timer(ev, rc == NGX_AGAIN ? NGX_RTPROP_AGAIN : NGX_RTPROP_TICK);
}


static ngx_uint_t
ngx_rtprop_slot_pid_alive(ngx_atomic_uint_t pid)
{
    if (pid == 0 || pid == NGX_RTPROP_SLOT_GONE) {
        return 0;
    }

    return kill((ngx_pid_t) pid, 0) == 0 || ngx_errno != NGX_ESRCH;
}


ngx_uint_t
ngx_rtprop_zone_alive(ngx_rtprop_slot_t *slot)
{
    return ngx_rtprop_slot_pid_alive(slot->pid);
}


static ngx_int_t
ngx_rtprop_slot_check(ngx_rtprop_zone_t *zone)
{
    ngx_int_t          rc;
    ngx_uint_t         i;
    ngx_atomic_uint_t  pid;

    rc = NGX_OK;

    for (i = 0; i < NGX_RTPROP_SLOTS; i++) {
        pid = zone->sh->slots[i].pid;

        if (pid && !ngx_rtprop_slot_pid_alive(pid)
            && ngx_rtprop_slot_reap(zone, i, pid) == NGX_AGAIN)
        {
            rc = NGX_AGAIN;
        }
    }

    return rc;
}


/*
 * The slot is free by the store of its pid; whoever claims it resets the
 * reaper.
 */

static ngx_int_t
ngx_rtprop_slot_reap(ngx_rtprop_zone_t *zone, ngx_uint_t n,
    ngx_atomic_uint_t pid)
{
    ngx_uint_t            i;
    ngx_rtprop_slot_t    *slot;
    ngx_rtprop_reaper_t  *reaper;

    slot = &zone->sh->slots[n];

    if (!ngx_rtprop_slot_reap_claim(slot, pid)) {
        return NGX_OK;
    }

    reaper = zone->reapers.elts;

    for (i = 0; i < zone->reapers.nelts; i++) {
        if (reaper[i].handler(reaper[i].data, n) == NGX_AGAIN) {
            return NGX_AGAIN;
        }
    }

    ngx_log_error(NGX_LOG_NOTICE, zone->log, 0,
                  "rtprop: a worker is gone, slot %ui is cleared", n);

    ngx_memory_barrier();

    (void) ngx_atomic_cmp_set(&slot->pid, pid, 0);
    (void) ngx_atomic_cmp_set(&slot->reaper, ngx_pid, 0);

    return NGX_OK;
}


/* One at a time, unless that one died too. */

static ngx_uint_t
ngx_rtprop_slot_reap_claim(ngx_rtprop_slot_t *slot, ngx_atomic_uint_t pid)
{
    ngx_atomic_uint_t  other;

    other = slot->reaper;

    if (other != (ngx_atomic_uint_t) ngx_pid) {

        if (ngx_rtprop_slot_pid_alive(other)
            || !ngx_atomic_cmp_set(&slot->reaper, other, ngx_pid))
        {
            return 0;
        }
    }

    if (slot->pid != pid) {
        (void) ngx_atomic_cmp_set(&slot->reaper, ngx_pid, 0);
        return 0;
    }

    return 1;
}


ngx_rtprop_slot_t *
ngx_rtprop_zone_slot(ngx_rtprop_zone_t *zone, ngx_uint_t slot)
{
    return &zone->sh->slots[slot];
}
