/*
 * What comes back from the engine, to the sessions; for the hub's own files.
 */

#ifndef _NGX_RTPROP_HUB_DELIVER_H_INCLUDED_
#define _NGX_RTPROP_HUB_DELIVER_H_INCLUDED_


#include "base/ngx_rtprop_stat.h"
#include "hub/ngx_rtprop_hub.h"


/* Registers counters; called by the hub's preconfiguration. */
ngx_int_t ngx_rtprop_hub_deliver_preconfiguration(ngx_conf_t *cf);

/* The engine's handler, see ngx_rtprop_engine_handler_t. */
void ngx_rtprop_hub_deliver(ngx_rtprop_hub_t *hub, ngx_rtprop_event_t *events,
    ngx_uint_t n);
void ngx_rtprop_hub_lost(ngx_rtprop_hub_t *hub);

/*
 * Reads what the channel published after since and sends it to those of its
 * subscriptions that have not had it.
 */
void ngx_rtprop_hub_reread(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch,
    uint64_t since);

/* Sends one event of history; 1 if it was for this subscription. */
ngx_uint_t ngx_rtprop_hub_send_event(ngx_rtprop_hub_t *hub,
    ngx_rtprop_sub_t *sub, ngx_rtprop_event_t *ev);

/* Copies an event without its payload; all strings into pool. */
ngx_int_t ngx_rtprop_hub_event_copy(ngx_pool_t *pool, ngx_rtprop_event_t *dst,
    ngx_rtprop_event_t *src);


#endif /* _NGX_RTPROP_HUB_DELIVER_H_INCLUDED_ */
