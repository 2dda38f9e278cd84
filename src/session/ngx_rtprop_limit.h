/*
 * Rates per user and class, over all workers of this machine (zone).
 */

#ifndef _NGX_RTPROP_LIMIT_H_INCLUDED_
#define _NGX_RTPROP_LIMIT_H_INCLUDED_


#include "ngx_rtprop.h"


/*
 * Takes one token of the user's bucket of a class.  NGX_OK, or NGX_DECLINED
 * with *retry_after in ms.  With the zone full the least recently used user
 * goes; if even that fails the answer is NGX_OK.
 */
ngx_int_t ngx_rtprop_limit_rate(ngx_rtprop_worker_t *worker, ngx_str_t *user,
    ngx_rtprop_rate_class_e class, ngx_rtprop_rate_t *rate,
    ngx_msec_t *retry_after);


#endif /* _NGX_RTPROP_LIMIT_H_INCLUDED_ */
