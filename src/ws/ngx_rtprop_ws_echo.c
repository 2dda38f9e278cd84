/*
 * "rtprop echo": returns each message as it came.  For trying a connection out
 * and for conformance tests.  Reading pauses while answers wait, so a message
 * may be larger than the send queue.
 */

#include "ws/ngx_rtprop_ws.h"


static void ngx_rtprop_ws_echo_message(ngx_rtprop_ws_t *ws, ngx_str_t *text,
    ngx_uint_t binary);
static void ngx_rtprop_ws_echo_closed(ngx_rtprop_ws_t *ws, ngx_uint_t code);


static const ngx_rtprop_ws_handler_t  ngx_rtprop_ws_echo = {
    NULL,
    ngx_rtprop_ws_echo_message,
    ngx_rtprop_ws_echo_closed,
    NULL,
    1
};


ngx_int_t
ngx_rtprop_ws_echo_handler(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_rtprop_ws_t        *ws;
    ngx_rtprop_loc_conf_t  *lcf;
    rtprop_ws_handshake_t   hs;

    rc = ngx_rtprop_ws_check(r, &hs);

    if (rc != NGX_OK) {
        return rc;
    }

    ws = ngx_pcalloc(r->connection->pool, sizeof(ngx_rtprop_ws_t));

    if (ws == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_rtprop_module);

    ws->worker = lcf->main->worker->ws;
    ws->conf = lcf->ws;
    ws->handler = &ngx_rtprop_ws_echo;

    r->main->count++;

    if (ngx_rtprop_ws_upgrade(r, ws, &hs, NULL) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
    }

    return NGX_DONE;
}


static void
ngx_rtprop_ws_echo_message(ngx_rtprop_ws_t *ws, ngx_str_t *text,
    ngx_uint_t binary)
{
    ngx_rtprop_frame_t  *f;

    f = ngx_rtprop_frame_take(ws->worker, text->len);

    if (f == NULL) {
        ngx_rtprop_ws_close(ws, RTPROP_WS_INTERNAL, NULL);
        return;
    }

    ngx_memcpy(f->text.data, text->data, text->len);
    ngx_rtprop_frame_seal(f, binary ? RTPROP_WS_BINARY : RTPROP_WS_TEXT,
                          text->len);

    (void) ngx_rtprop_ws_send(ws, f);

    ngx_rtprop_frame_unref(f);
}


static void
ngx_rtprop_ws_echo_closed(ngx_rtprop_ws_t *ws, ngx_uint_t code)
{
    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, ws->connection->log, 0,
                   "rtprop echo closed with %ui", code);
}
