/*
 * Pools of short lives: of a command, of an operation.  Those that were of the
 * usual size are kept, a few, and used again.
 */

#ifndef _NGX_RTPROP_POOL_H_INCLUDED_
#define _NGX_RTPROP_POOL_H_INCLUDED_


#include "ngx_rtprop.h"


/* A sanitizer is to see who uses what was freed. */

#if defined(__SANITIZE_ADDRESS__)
#define NGX_RTPROP_REUSE  0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NGX_RTPROP_REUSE  0
#endif
#endif

#ifndef NGX_RTPROP_REUSE
#define NGX_RTPROP_REUSE  1
#endif


/* An empty pool that logs to the worker's log; NULL without memory. */
ngx_pool_t *ngx_rtprop_pool_get(ngx_rtprop_worker_t *worker);

/* Ends a pool of ngx_rtprop_pool_get(), which runs its cleanups. */
void ngx_rtprop_pool_put(ngx_rtprop_worker_t *worker, ngx_pool_t *pool);


#endif /* _NGX_RTPROP_POOL_H_INCLUDED_ */
