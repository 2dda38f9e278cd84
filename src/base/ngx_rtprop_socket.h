/*
 * Sockets beyond what nginx does with them.
 */

#ifndef _NGX_RTPROP_SOCKET_H_INCLUDED_
#define _NGX_RTPROP_SOCKET_H_INCLUDED_


#include "ngx_rtprop.h"


/*
 * To be called ahead of the close of a connection that was given up: what was
 * written and did not arrive is forgotten, rather than that it arrives after
 * what is said by another connection.  RFC 9293, 3.10.5 (ABORT).
 */
void ngx_rtprop_socket_abort(ngx_socket_t s, ngx_log_t *log);


#endif /* _NGX_RTPROP_SOCKET_H_INCLUDED_ */
