/*
 * Pools that are used again.
 */

#include "base/ngx_rtprop_pool.h"


#define NGX_RTPROP_POOL_SIZE   2048


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
    if (worker->npools == NGX_RTPROP_POOLS * NGX_RTPROP_REUSE || pool->d.next
        || pool->cleanup)
    {
        ngx_destroy_pool(pool);
        return;
    }

    ngx_reset_pool(pool);

    worker->pools[worker->npools++] = pool;
}
