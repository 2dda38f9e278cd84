/*
 * Exchanging through the database while the inner engine is away.  For
 * src/store/ only.
 */

#ifndef _NGX_RTPROP_FAILOVER_H_INCLUDED_
#define _NGX_RTPROP_FAILOVER_H_INCLUDED_


#include "store/ngx_rtprop_durable_in.h"


/* Registers counters and the query; the durable preconfiguration's last. */
ngx_int_t ngx_rtprop_failover_preconfiguration(ngx_conf_t *cf);

/* Looks after the inner engine from now on, where it is Redis. */
ngx_int_t ngx_rtprop_failover_init(ngx_rtprop_durable_t *d);

/* Whether the inner engine is not to be asked. */
ngx_uint_t ngx_rtprop_failover_active(ngx_rtprop_durable_t *d);

/* Tells of committed events, if it is active. */
void ngx_rtprop_failover_tell(ngx_rtprop_durable_t *d,
    ngx_rtprop_event_t *events, ngx_uint_t n);

/*
 * Counts a subscriber that the inner engine does not know of; leave: gives
 * back how many of n it does.
 */
void ngx_rtprop_failover_join(ngx_rtprop_durable_t *d, ngx_str_t *channel);
ngx_uint_t ngx_rtprop_failover_leave(ngx_rtprop_durable_t *d,
    ngx_str_t *channel, ngx_uint_t n);


#endif /* _NGX_RTPROP_FAILOVER_H_INCLUDED_ */
