/*
 * The shared memory zone: its making and taking over, its lock, its roots.
 */

#include "base/ngx_rtprop_zone.h"
#include "base/ngx_rtprop_zone_sh.h"
#include "base/rtprop_hash.h"

#include <openssl/rand.h>


#define NGX_RTPROP_ZONE_MIN    (1024 * 1024)
#define NGX_RTPROP_ZONE_MAX    ((size_t) 32 * 1024 * 1024 * 1024)
#define NGX_RTPROP_SPIN        1024


static ngx_int_t ngx_rtprop_zone_init(ngx_shm_zone_t *shm_zone, void *data);
static ngx_int_t ngx_rtprop_zone_create(ngx_rtprop_zone_t *zone);
static void ngx_rtprop_zone_lock_wait(ngx_rtprop_zone_t *zone);


ngx_int_t
ngx_rtprop_zone_add(ngx_conf_t *cf, ngx_str_t *name, size_t size)
{
    ngx_shm_zone_t          *shm_zone;
    ngx_rtprop_zone_t       *zone;
    ngx_rtprop_main_conf_t  *rmcf;

    if (size < NGX_RTPROP_ZONE_MIN || size > NGX_RTPROP_ZONE_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid size in \"rtprop_zone\", it must be "
                           "between 1m and 32g");
        return NGX_ERROR;
    }

    zone = ngx_pcalloc(cf->pool, sizeof(ngx_rtprop_zone_t));

    if (zone == NULL) {
        return NGX_ERROR;
    }

    shm_zone = ngx_shared_memory_add(cf, name, ngx_align(size, ngx_pagesize),
                                     &ngx_rtprop_module);

    if (shm_zone == NULL) {
        return NGX_ERROR;
    }

    if (shm_zone->data) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the zone \"%V\" of \"rtprop_zone\" is already "
                           "in use", name);
        return NGX_ERROR;
    }

    rmcf = ngx_rtprop_main_conf(cf);

    zone->conf = rmcf;
    zone->log = cf->log;
    zone->shm_zone = shm_zone;

    shm_zone->init = ngx_rtprop_zone_init;
    shm_zone->data = zone;

    rmcf->shm_zone = shm_zone;
    rmcf->zone = zone;

    return NGX_OK;
}


/* data: the zone of the configuration before, when its memory is kept. */

static ngx_int_t
ngx_rtprop_zone_init(ngx_shm_zone_t *shm_zone, void *data)
{
    ngx_rtprop_zone_t  *zone, *ozone;

    zone = shm_zone->data;
    ozone = data;

    zone->shpool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (ozone) {
        zone->sh = ozone->sh;

    } else if (shm_zone->shm.exists) {
        zone->sh = zone->shpool->data;

    } else {
        return ngx_rtprop_zone_create(zone);
    }

    zone->base = (u_char *) zone->sh;

    if (zone->sh->magic != NGX_RTPROP_ZONE_MAGIC
        || zone->sh->layout != NGX_RTPROP_ZONE_LAYOUT)
    {
        ngx_log_error(NGX_LOG_EMERG, shm_zone->shm.log, 0,
                      "the zone \"%V\" has another layout; restart instead "
                      "of reloading", &shm_zone->shm.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * nginx's slab gives all of its pages at once and is not asked again: it is
 * not made to survive a death in the middle.
 */

static ngx_int_t
ngx_rtprop_zone_create(ngx_rtprop_zone_t *zone)
{
    size_t                 size;
    ngx_uint_t             i;
    ngx_rtprop_zone_sh_t  *sh;

    size = zone->shpool->pfree * ngx_pagesize;
    sh = ngx_slab_alloc(zone->shpool, size);

    if (sh == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(sh, sizeof(ngx_rtprop_zone_sh_t));

    if (RAND_bytes(sh->key, sizeof(sh->key)) != 1) {
        ngx_log_error(NGX_LOG_EMERG, zone->shm_zone->shm.log, 0,
                      "rtprop: no random bytes from OpenSSL");
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_RTPROP_SLOTS; i++) {
        sh->fds[i] = -1;
    }

    zone->sh = sh;
    zone->base = (u_char *) sh;

    sh->size = size;
    sh->layout = NGX_RTPROP_ZONE_LAYOUT;
    ngx_rtprop_block_init(zone);
    sh->magic = NGX_RTPROP_ZONE_MAGIC;

    zone->shpool->data = sh;

    if (!ngx_test_config) {
        ngx_log_error(NGX_LOG_NOTICE, zone->shm_zone->shm.log, 0,
                      "rtprop: the zone \"%V\" of %uz octets starts empty",
                      &zone->shm_zone->shm.name, zone->shm_zone->shm.size);
    }

    return NGX_OK;
}


void
ngx_rtprop_zone_lock(ngx_rtprop_zone_t *zone)
{
    if (!ngx_shmtx_trylock(&zone->shpool->mutex)) {
        ngx_rtprop_zone_lock_wait(zone);
    }

    zone->freed = 0;

    if (zone->sh->undos) {
        zone->undone = zone->sh->undos;
        ngx_rtprop_journal_undo(zone);
    }
}


/*
 * Held for a microsecond or so; a holder that is not running is let run.  The
 * master unlocks for a dead one, but there may be no master: so nobody sleeps
 * here until somebody wakes him.
 */

static void
ngx_rtprop_zone_lock_wait(ngx_rtprop_zone_t *zone)
{
    ngx_uint_t            i, n;
    ngx_shmtx_t          *mtx;
    ngx_atomic_uint_t     pid;

    mtx = &zone->shpool->mutex;

    for (n = 0; /* void */ ; n++) {

        for (i = 0; ngx_ncpu > 1 && i < NGX_RTPROP_SPIN; i++) {
            if (ngx_shmtx_trylock(mtx)) {
                return;
            }

            ngx_cpu_pause();
        }

        if (ngx_shmtx_trylock(mtx)) {
            return;
        }

        if (n % 64 == 63) {
            pid = *mtx->lock;

            if (pid && kill((ngx_pid_t) pid, 0) == -1
                && ngx_errno == NGX_ESRCH)
            {
                (void) ngx_shmtx_force_unlock(mtx, (ngx_pid_t) pid);
            }
        }

        ngx_sched_yield();
    }
}


void
ngx_rtprop_zone_unlock(ngx_rtprop_zone_t *zone)
{
    ngx_rtprop_zone_commit(zone);
    ngx_shmtx_unlock(&zone->shpool->mutex);

    if (zone->undone) {
        ngx_log_error(NGX_LOG_NOTICE, zone->log, 0,
                      "rtprop: a worker died inside of the zone, %ui words "
                      "of it were put back", zone->undone);
        zone->undone = 0;
    }
}


ngx_rtprop_ref_t
ngx_rtprop_zone_root(ngx_rtprop_zone_t *zone, ngx_rtprop_root_e root)
{
    return zone->sh->root[root];
}


void
ngx_rtprop_zone_set_root(ngx_rtprop_zone_t *zone, ngx_rtprop_root_e root,
    ngx_rtprop_ref_t ref)
{
    ngx_rtprop_zone_log_field(zone, &zone->sh->root[root]);

    zone->sh->root[root] = ref;
}


uint64_t
ngx_rtprop_zone_hash(ngx_rtprop_zone_t *zone, const void *data, size_t len)
{
    return rtprop_hash(zone->sh->key, data, len);
}


int64_t
ngx_rtprop_zone_clock(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (int64_t) ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}


void
ngx_rtprop_zone_usage(ngx_rtprop_zone_t *zone, size_t *used, size_t *total)
{
    *used = zone->sh->used;
    *total = (size_t) zone->sh->npages * NGX_RTPROP_PAGE;
}


size_t
ngx_rtprop_zone_spare(ngx_rtprop_zone_t *zone)
{
    return (size_t) zone->sh->free * NGX_RTPROP_PAGE;
}
