/*
 * Pools that are used again.
 */

#include "base/ngx_rtprop_pool.h"


#define NGX_RTPROP_POOL_SIZE   2048

/* The sanitizer is to see who uses what was freed. */

#if defined(__SANITIZE_ADDRESS__)
#define NGX_RTPROP_POOL_SPARE  0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NGX_RTPROP_POOL_SPARE  0
#endif
#endif

#ifndef NGX_RTPROP_POOL_SPARE
#define NGX_RTPROP_POOL_SPARE  NGX_RTPROP_POOLS
#endif


ngx_pool_t *
ngx_rtprop_pool_get(ngx_rtprop_worker_t *worker)
{
    if (worker->npools) {
        return worker->pools[--worker->npools];
    }

    return ngx_create_pool(NGX_RTPROP_POOL_SIZE, worker->log);
}


void
ngx_rtprop_pool_put(ngx_rtprop_worker_t *worker, ngx_pool_t *pool)
{
    if (worker->npools == NGX_RTPROP_POOL_SPARE || pool->d.next
        || pool->cleanup)
    {
        ngx_destroy_pool(pool);
        return;
    }

    ngx_reset_pool(pool);

    worker->pools[worker->npools++] = pool;
}
