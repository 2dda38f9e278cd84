/*
 * Sockets beyond what nginx does with them.
 */

#include "base/ngx_rtprop_socket.h"


void
ngx_rtprop_socket_abort(ngx_socket_t s, ngx_log_t *log)
{
    struct linger  linger;

    linger.l_onoff = 1;
    linger.l_linger = 0;

    if (setsockopt(s, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_socket_errno,
                      "setsockopt(SO_LINGER) failed");
    }
}
