/*
 * The ring: what one worker published comes to all.
 *
 * Positions are octets since the ring began.  Writers, one at a time under the
 * lock, raise "reserved" before they write over old octets, write, and raise
 * "head" after the transaction is committed.  Readers take no lock: they copy
 * what lies between their cursor and the head, then see by "reserved" whether
 * it was written over meanwhile.  "written" is the head to be, part of the
 * transaction; the next holder of the lock shows it if its writer died.
 */

#include "engine/shm/ngx_rtprop_shm.h"


#define NGX_RTPROP_SHM_RESERVE     4096
#define NGX_RTPROP_SHM_RING_BIG    (16 * 1024 * 1024)
#define NGX_RTPROP_SHM_IN_BIG      (1024 * 1024)
#define NGX_RTPROP_SHM_RECORD_BIG  (256 * 1024)
#define NGX_RTPROP_SHM_TURN        (2 * 1024 * 1024)    /* octets at a time */


static ngx_int_t ngx_rtprop_shm_ipc_read(ngx_rtprop_shm_t *shm, size_t *len);
static size_t ngx_rtprop_shm_ipc_parse(ngx_rtprop_shm_t *shm, size_t len);
static void ngx_rtprop_shm_ipc_look_up(ngx_rtprop_shm_t *shm,
    ngx_rtprop_event_t *ev);
static void ngx_rtprop_shm_ipc_lost(ngx_rtprop_shm_t *shm);


ngx_int_t
ngx_rtprop_shm_ipc_init(ngx_rtprop_shm_t *shm)
{
    size_t  ring;

    ring = shm->root->ring_size;

    shm->in_max = ngx_min(ring / 4, NGX_RTPROP_SHM_RECORD_BIG);
    shm->in_size = ngx_min(ring / 2, NGX_RTPROP_SHM_IN_BIG);
    shm->in = ngx_palloc(shm->worker->pool, shm->in_size);

    if (shm->in == NULL) {
        return NGX_ERROR;
    }

    shm->cursor = __atomic_load_n(&shm->root->head, __ATOMIC_ACQUIRE);

    return NGX_OK;
}


/* One transaction fills half of the ring at most. */

ngx_int_t
ngx_rtprop_shm_ipc_write(ngx_rtprop_shm_t *shm, u_char *p, size_t size)
{
    u_char                 *ring;
    size_t                  at, n;
    uint64_t                end;
    ngx_rtprop_shm_root_t  *root;

    root = shm->root;
    end = root->written + size;

    if (size > shm->in_max || end - root->head > root->ring_size / 2) {
        return NGX_DECLINED;
    }

    if (end > root->reserved) {
        __atomic_store_n(&root->reserved,
                         ngx_align(end, NGX_RTPROP_SHM_RESERVE),
                         __ATOMIC_RELAXED);
        ngx_memory_barrier();
    }

    ring = ngx_rtprop_shm_ptr(shm, root->ring);
    at = root->written & (root->ring_size - 1);
    n = ngx_min(size, root->ring_size - at);

    ngx_memcpy(ring + at, p, n);
    ngx_memcpy(ring, p + n, size - n);

    ngx_rtprop_shm_log(shm, &root->written, 8);
    root->written = end;

    return NGX_OK;
}


void
ngx_rtprop_shm_ipc_show(ngx_rtprop_shm_t *shm)
{
    ngx_rtprop_shm_root_t  *root;

    root = shm->root;

    if (root->head != root->written) {
        __atomic_store_n(&root->head, root->written, __ATOMIC_RELEASE);
    }
}


/*
 * Who publishes without end does not keep the worker from its connections: the
 * rest comes in the next turn of the loop.
 */

void
ngx_rtprop_shm_ipc_drain(ngx_rtprop_shm_t *shm)
{
    size_t  len, done;

    ngx_rtprop_zone_awake(shm->zone);

    for (done = 0; done < NGX_RTPROP_SHM_TURN; done += len) {

        if (ngx_rtprop_shm_ipc_read(shm, &len) != NGX_OK) {
            ngx_rtprop_shm_ipc_lost(shm);
            len = 0;
            continue;
        }

        if (len) {
            len = ngx_rtprop_shm_ipc_parse(shm, len);
            shm->cursor += len;
            ngx_rtprop_zone_slot(shm->zone, shm->slot)->cursor = shm->cursor;
            continue;
        }

        ngx_rtprop_zone_sleep(shm->zone);

        if (shm->root->head == shm->cursor) {
            return;
        }

        ngx_rtprop_zone_awake(shm->zone);
    }

    ngx_post_event(&shm->posted, &ngx_posted_next_events);
}


static ngx_int_t
ngx_rtprop_shm_ipc_read(ngx_rtprop_shm_t *shm, size_t *len)
{
    u_char                 *ring;
    size_t                  at, n, m;
    uint64_t                head;
    ngx_rtprop_shm_root_t  *root;

    root = shm->root;
    head = __atomic_load_n(&root->head, __ATOMIC_ACQUIRE);

    if (head - shm->cursor > root->ring_size) {
        return NGX_DECLINED;
    }

    ring = ngx_rtprop_shm_ptr(shm, root->ring);
    n = ngx_min(head - shm->cursor, shm->in_size);
    at = shm->cursor & (root->ring_size - 1);
    m = ngx_min(n, root->ring_size - at);

    ngx_memcpy(shm->in, ring + at, m);
    ngx_memcpy(shm->in + m, ring, n - m);

    ngx_memory_barrier();

    if (n && root->reserved - shm->cursor > root->ring_size) {
        return NGX_DECLINED;
    }

    *len = n;

    return NGX_OK;
}


/* Returns the octets of whole records that were delivered. */

static size_t
ngx_rtprop_shm_ipc_parse(ngx_rtprop_shm_t *shm, size_t len)
{
    size_t                    done;
    ngx_uint_t                n;
    ngx_rtprop_event_t       *ev;
    ngx_rtprop_shm_record_t  *rec;

    n = 0;
    done = 0;

    while (len - done >= sizeof(ngx_rtprop_shm_record_t)) {
        rec = (ngx_rtprop_shm_record_t *) (shm->in + done);
        ev = &shm->events[n];

        if (rec->size > len - done) {
            break;
        }

        if (ngx_rtprop_shm_record_decode(shm->in + done, rec->size, ev)
            != NGX_OK)
        {
            ngx_log_error(NGX_LOG_ALERT, shm->worker->log, 0,
                          "rtprop: a record of the ring is broken");
            ngx_rtprop_shm_ipc_lost(shm);
            return 0;
        }

        done += rec->size;

        if (rec->type == NGX_RTPROP_SHM_EVENT) {
            n++;

            if (n < NGX_RTPROP_SHM_EVENTS) {
                continue;
            }
        }

        if (n) {
            ngx_rtprop_shm_bump(shm, NGX_RTPROP_SHM_STAT_DELIVERED, n);
            shm->handler->deliver(shm->hub, shm->events, n);
        }

        if (rec->type == NGX_RTPROP_SHM_REFERENCE) {
            ngx_rtprop_shm_ipc_look_up(shm, ev);
        }

        n = 0;
    }

    if (n) {
        ngx_rtprop_shm_bump(shm, NGX_RTPROP_SHM_STAT_DELIVERED, n);
        shm->handler->deliver(shm->hub, shm->events, n);
    }

    return done;
}


static void
ngx_rtprop_shm_ipc_look_up(ngx_rtprop_shm_t *shm, ngx_rtprop_event_t *ev)
{
    ngx_pool_t          *pool;
    ngx_rtprop_event_t   event;

    event = *ev;
    pool = ngx_create_pool(4096, shm->worker->log);

    if (pool == NULL
        || ngx_rtprop_shm_log_fetch(shm, pool, &event) != NGX_OK)
    {
        shm->handler->lost(shm->hub);

    } else {
        ngx_rtprop_shm_bump(shm, NGX_RTPROP_SHM_STAT_DELIVERED, 1);
        shm->handler->deliver(shm->hub, &event, 1);
    }

    if (pool) {
        ngx_destroy_pool(pool);
    }
}


/* The cursor moves first: what comes from now on is delivered. */

static void
ngx_rtprop_shm_ipc_lost(ngx_rtprop_shm_t *shm)
{
    shm->cursor = __atomic_load_n(&shm->root->head, __ATOMIC_ACQUIRE);

    ngx_log_error(NGX_LOG_WARN, shm->worker->log, 0,
                  "rtprop: this worker was too slow for the ring, "
                  "it reads again what it missed");

    ngx_rtprop_shm_bump(shm, NGX_RTPROP_SHM_STAT_OVERRUNS, 1);
    shm->handler->lost(shm->hub);
}
