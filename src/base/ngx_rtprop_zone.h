/*
 * The shared memory zone of rtprop_zone: lock, blocks, worker slots.
 *
 * One zone, one lock: the zone's own shpool->mutex, which nginx's master
 * unlocks when a worker dies holding it.  It is never held across I/O.  A
 * worker may die between any two stores, so whoever links blocks builds a
 * block apart first and publishes it by one store; a crash in the middle
 * leaves the old state or the new, and at worst a lost block, which the sweep
 * after each death finds.
 *
 * Addresses in the zone are offsets (ngx_rtprop_ref_t) from its start, so that
 * what is there stays valid over reloads, wherever it is mapped.
 */

#ifndef _NGX_RTPROP_ZONE_H_INCLUDED_
#define _NGX_RTPROP_ZONE_H_INCLUDED_


#include "ngx_rtprop.h"


typedef uint32_t  ngx_rtprop_ref_t;        /* in units of 16 octets; 0: none */


#define NGX_RTPROP_SLOTS      128          /* workers, old and new together */


/* A worker's slot. */

typedef struct {
    ngx_atomic_t      pid;                 /* 0: free */
    ngx_atomic_t      generation;          /* raised with each claim */
    ngx_atomic_t      sleeping;            /* 1: wants a wake-up */
    ngx_atomic_t      draining;            /* 1: no new jobs or leases */
    uint64_t          cursor;              /* next octet of the ring to read */
} ngx_rtprop_slot_t;


/* Parts of the zone have a root each, kept over reloads. */

typedef enum {
    NGX_RTPROP_ROOT_STAT = 0,
    NGX_RTPROP_ROOT_LIMIT,
    NGX_RTPROP_ROOT_ENGINE,
    NGX_RTPROP_ROOTS
} ngx_rtprop_root_e;


/*
 * Adds the zone to the configuration (size in octets, at least 1m).  On reload
 * a zone of the same name and size is taken over as it is.
 */
ngx_int_t ngx_rtprop_zone_add(ngx_conf_t *cf, ngx_str_t *name, size_t size);

/* Makes the pool of eventfds; called from init_module, once per master. */
ngx_int_t ngx_rtprop_zone_init_module(ngx_cycle_t *cycle,
    ngx_rtprop_main_conf_t *rmcf);

/*
 * Claims a slot for this worker (worker->slot) and starts to listen to its
 * eventfd.  The handler set by ngx_rtprop_zone_on_wake() is called, in the
 * worker, once per batch of wake-ups.  NGX_ERROR when no slot is free.
 */
ngx_int_t ngx_rtprop_zone_init_worker(ngx_rtprop_worker_t *worker);
void ngx_rtprop_zone_exit_worker(ngx_rtprop_worker_t *worker);

typedef void (*ngx_rtprop_wake_pt)(void *data);
void ngx_rtprop_zone_on_wake(ngx_rtprop_zone_t *zone,
    ngx_rtprop_wake_pt handler, void *data);

/* Wakes the workers that sleep, all but this one; call it unlocked. */
void ngx_rtprop_zone_wake(ngx_rtprop_zone_t *zone);

/*
 * A dead worker's slot is noticed by a timer of every worker (each second) and
 * by a successor at its start.  The one that notices calls all registered
 * handlers, unlocked, in order of registration, before the slot is freed; each
 * takes out of the zone what the slot had put there.  Handlers must be
 * idempotent: the one that runs them may die too.
 */
typedef void (*ngx_rtprop_reap_pt)(void *data, ngx_uint_t slot);
ngx_int_t ngx_rtprop_zone_on_reap(ngx_rtprop_zone_t *zone,
    ngx_rtprop_reap_pt handler, void *data);

void ngx_rtprop_zone_lock(ngx_rtprop_zone_t *zone);
void ngx_rtprop_zone_unlock(ngx_rtprop_zone_t *zone);

/*
 * Blocks of a few size classes; call them locked.  Returns 0 when the zone is
 * full (the caller frees old history first, then refuses with "unavailable").
 */
ngx_rtprop_ref_t ngx_rtprop_zone_alloc(ngx_rtprop_zone_t *zone, size_t size);
void ngx_rtprop_zone_free(ngx_rtprop_zone_t *zone, ngx_rtprop_ref_t ref);
void *ngx_rtprop_zone_ptr(ngx_rtprop_zone_t *zone, ngx_rtprop_ref_t ref);

/* The root of a part: 0 until it is set.  Call them locked. */
ngx_rtprop_ref_t ngx_rtprop_zone_root(ngx_rtprop_zone_t *zone,
    ngx_rtprop_root_e root);
void ngx_rtprop_zone_set_root(ngx_rtprop_zone_t *zone, ngx_rtprop_root_e root,
    ngx_rtprop_ref_t ref);

ngx_rtprop_slot_t *ngx_rtprop_zone_slot(ngx_rtprop_zone_t *zone,
    ngx_uint_t slot);

/* Octets in use and in all, for metrics and health. */
void ngx_rtprop_zone_usage(ngx_rtprop_zone_t *zone, size_t *used,
    size_t *total);


#endif /* _NGX_RTPROP_ZONE_H_INCLUDED_ */
