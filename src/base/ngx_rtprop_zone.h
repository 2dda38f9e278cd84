/*
 * The shared memory zone of rtprop_zone: lock, journal, blocks, worker slots.
 *
 * One zone, one lock: the zone's own shpool->mutex, which nginx's master
 * unlocks when a worker dies holding it.  It is never held across I/O.
 *
 * A worker may die between any two stores.  So what is done under the lock is
 * a transaction: ngx_rtprop_zone_log() keeps the old octets of whatever is
 * about to change, unlocking forgets them, and who finds them when it locks
 * puts them back.  A death leaves the old state or the new, nothing between,
 * and no lost block.
 *
 *  - Everything that was there before the transaction is logged before it is
 *    written; blocks allocated in it are not.
 *  - A transaction allocates first and frees last: a block freed in it can't
 *    be allocated again in it.  ngx_rtprop_zone_commit() begins another one.
 *  - It logs at most ngx_rtprop_zone_room() words of 8 octets.
 *
 * Addresses in the zone are offsets (ngx_rtprop_ref_t) from its start, so that
 * what is there stays valid over reloads, wherever it is mapped.
 */

#ifndef _NGX_RTPROP_ZONE_H_INCLUDED_
#define _NGX_RTPROP_ZONE_H_INCLUDED_


#include "ngx_rtprop.h"


typedef uint32_t  ngx_rtprop_ref_t;        /* in units of 16 octets; 0: none */


#define NGX_RTPROP_SLOTS      128          /* workers, old and new together */
#define NGX_RTPROP_BLOCK_MAX  4096         /* octets; above: whole pages */
#define NGX_RTPROP_HEAD_MAX   64           /* octets of a chain's head */


/* A worker's slot. */

typedef struct {
    ngx_atomic_t      pid;                 /* 0: free */
    ngx_atomic_t      generation;          /* raised with each claim */
    ngx_atomic_t      sleeping;            /* 1: wants a wake-up */
    ngx_atomic_t      draining;            /* 1: no new jobs or leases */
    ngx_atomic_t      reaper;              /* pid of who cleans up after it */
    uint64_t          cursor;              /* next octet of the ring to read */
    uint64_t          id;                  /* time of its last id; it stays */
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
 * From now on others wake this worker when they have something.  Look again
 * for work after it: what came before is not announced.
 */
void ngx_rtprop_zone_sleep(ngx_rtprop_zone_t *zone);

/* The opposite: wake-ups are not needed, there is a look to come anyway. */
void ngx_rtprop_zone_awake(ngx_rtprop_zone_t *zone);

/*
 * A dead worker's slot is noticed by a timer of every worker (each second) and
 * by a successor at its start.  The one that notices calls all registered
 * handlers, unlocked, in order of registration, before the slot is freed; each
 * takes out of the zone what the slot had put there.  One that has much to do
 * does a part, returns NGX_AGAIN, and is called again some turns later; NGX_OK
 * when all is done.  Handlers must be idempotent: the one that runs them may
 * die too.
 */
typedef ngx_int_t (*ngx_rtprop_reap_pt)(void *data, ngx_uint_t slot);
ngx_int_t ngx_rtprop_zone_on_reap(ngx_rtprop_zone_t *zone,
    ngx_rtprop_reap_pt handler, void *data);

/*
 * Locks, and puts back what a dead holder left half done; commits and unlocks.
 * Locking spins, yields the processor, and takes the lock from a dead process.
 */
void ngx_rtprop_zone_lock(ngx_rtprop_zone_t *zone);
void ngx_rtprop_zone_unlock(ngx_rtprop_zone_t *zone);

/*
 * The transaction; call these locked.  log: keeps size octets at p, which is
 * in the zone and aligned to 8, as they are now; log_word: eight of them.
 * commit: what was done stays, a new transaction begins.  rollback: what was
 * done since locking or the last commit is undone.
 */
void ngx_rtprop_zone_log(ngx_rtprop_zone_t *zone, void *p, size_t size);
void ngx_rtprop_zone_log_word(ngx_rtprop_zone_t *zone, void *p);
void ngx_rtprop_zone_commit(ngx_rtprop_zone_t *zone);
void ngx_rtprop_zone_rollback(ngx_rtprop_zone_t *zone);

/* Words that the transaction may still log. */
ngx_uint_t ngx_rtprop_zone_room(ngx_rtprop_zone_t *zone);

/* Logs the aligned word around a field of up to 8 octets. */

static inline void
ngx_rtprop_zone_log_field(ngx_rtprop_zone_t *zone, void *p)
{
    ngx_rtprop_zone_log_word(zone, (void *) ((uintptr_t) p & ~(uintptr_t) 7));
}

/*
 * Blocks, aligned to 16 octets, of a few size classes up to 4 KB; bigger ones
 * are runs of whole pages (for tables that stay: runs fragment).  Call them
 * locked.  alloc returns 0 when the zone is full (the caller rolls back, frees
 * old history, and refuses with "unavailable" if even that fails).  The
 * octets are what they were.
 */
ngx_rtprop_ref_t ngx_rtprop_zone_alloc(ngx_rtprop_zone_t *zone, size_t size);
void ngx_rtprop_zone_free(ngx_rtprop_zone_t *zone, ngx_rtprop_ref_t ref);

/*
 * Chains of blocks for texts of any length: a head of a fixed size for the
 * caller at the start (up to NGX_RTPROP_HEAD_MAX octets, aligned to 8), then
 * len octets.  What is longer than a block goes on in others, so that long
 * texts need no contiguous pages.  alloc returns 0 when the zone is full.
 * read copies len octets to dst; call them locked.
 */
ngx_rtprop_ref_t ngx_rtprop_zone_chain_alloc(ngx_rtprop_zone_t *zone,
    size_t head, const u_char *text, size_t len);
void ngx_rtprop_zone_chain_free(ngx_rtprop_zone_t *zone,
    ngx_rtprop_ref_t ref);
size_t ngx_rtprop_zone_chain_len(ngx_rtprop_zone_t *zone,
    ngx_rtprop_ref_t ref);
void *ngx_rtprop_zone_chain_head(ngx_rtprop_zone_t *zone,
    ngx_rtprop_ref_t ref);
void ngx_rtprop_zone_chain_read(ngx_rtprop_zone_t *zone, ngx_rtprop_ref_t ref,
    size_t head, u_char *dst);

/* SipHash under the zone's own random key, the same in all workers. */
uint64_t ngx_rtprop_zone_hash(ngx_rtprop_zone_t *zone, const void *data,
    size_t len);

/* The root of a part: 0 until it is set.  Call them locked. */
ngx_rtprop_ref_t ngx_rtprop_zone_root(ngx_rtprop_zone_t *zone,
    ngx_rtprop_root_e root);
void ngx_rtprop_zone_set_root(ngx_rtprop_zone_t *zone, ngx_rtprop_root_e root,
    ngx_rtprop_ref_t ref);

ngx_rtprop_slot_t *ngx_rtprop_zone_slot(ngx_rtprop_zone_t *zone,
    ngx_uint_t slot);

/* The slot's worker is alive (or nobody has noticed yet). */
ngx_uint_t ngx_rtprop_zone_alive(ngx_rtprop_slot_t *slot);

/* Monotonic milliseconds, the same in all processes; reads the clock. */
int64_t ngx_rtprop_zone_clock(void);

/* Octets in use and in all, for metrics and health. */
void ngx_rtprop_zone_usage(ngx_rtprop_zone_t *zone, size_t *used,
    size_t *total);

/* Octets in pages of which nothing is in use. */
size_t ngx_rtprop_zone_spare(ngx_rtprop_zone_t *zone);


/*
 * What is in the zone, laid out as in memory: for the parts in base/ and for
 * the two functions below only.
 */

typedef struct ngx_rtprop_zone_sh_s  ngx_rtprop_zone_sh_t;

struct ngx_rtprop_zone_s {
    u_char                   *base;        /* octet of ref 0 */
    ngx_rtprop_zone_sh_t     *sh;          /* at base */
    ngx_slab_pool_t          *shpool;
    ngx_shm_zone_t           *shm_zone;
    ngx_rtprop_main_conf_t   *conf;
    ngx_log_t                *log;

    /* of the worker */
    ngx_uint_t                slot;
    ngx_connection_t         *connection;  /* of its eventfd */
    ngx_event_t               tick;
    ngx_rtprop_wake_pt        wake;
    void                     *wake_data;
    ngx_array_t               reapers;
    ngx_uint_t                undone;      /* words, to be logged */
    unsigned                  freed:1;     /* in this transaction */
};


static inline void *
ngx_rtprop_zone_ptr(ngx_rtprop_zone_t *zone, ngx_rtprop_ref_t ref)
{
    return ref ? zone->base + ((size_t) ref << 4) : NULL;
}


static inline ngx_rtprop_ref_t
ngx_rtprop_zone_ref(ngx_rtprop_zone_t *zone, void *p)
{
    return (ngx_rtprop_ref_t) (((u_char *) p - zone->base) >> 4);
}


#endif /* _NGX_RTPROP_ZONE_H_INCLUDED_ */
