/*
 * The relay: tells what the platform's transactions said by rtprop.emit().
 *
 * One worker of all machines relays at a time, by a lease in the database.  It
 * listens, and looks every second, too.  A row of the outbox becomes an event
 * in the transaction that removes it; the event is then told like any other
 * that is committed.
 */

#ifndef _NGX_RTPROP_RELAY_H_INCLUDED_
#define _NGX_RTPROP_RELAY_H_INCLUDED_


#include "ngx_rtprop.h"


/* Registers queries and counters; called by the core's preconfiguration. */
ngx_int_t ngx_rtprop_relay_preconfiguration(ngx_conf_t *cf);

/* Begins to relay, where there is a database; after the hub's init. */
ngx_int_t ngx_rtprop_relay_init_worker(ngx_rtprop_worker_t *worker);


#endif /* _NGX_RTPROP_RELAY_H_INCLUDED_ */
