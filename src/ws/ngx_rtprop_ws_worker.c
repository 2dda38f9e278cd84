/*
 * The part of src/ws in a worker's life: what it registers, makes and ends.
 */

#include "ws/ngx_rtprop_ws_worker.h"
#include "base/ngx_rtprop_pool.h"


ngx_rtprop_stat_desc_t  ngx_rtprop_ws_stats[] = {
    { ngx_string("rtprop_ws_connections"),
      ngx_string("WebSocket connections, closing ones included."),
      NGX_RTPROP_STAT_GAUGE, ngx_null_string, 0 },
    { ngx_string("rtprop_ws_upgrades_total"),
      ngx_string("WebSocket connections opened."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },
    { ngx_string("rtprop_ws_messages_received_total"),
      ngx_string("Whole messages read from WebSocket clients."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },
    { ngx_string("rtprop_ws_frames_sent_total"),
      ngx_string("Frames queued to WebSocket clients."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },
    { ngx_string("rtprop_ws_slow_total"),
      ngx_string("Connections closed because the client read too slowly."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },
    { ngx_string("rtprop_ws_silent_total"),
      ngx_string("Connections dropped because a ping got no answer."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },
    { ngx_string("rtprop_ws_faults_total"),
      ngx_string("Connections closed for breaking the WebSocket protocol."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },
    { ngx_string("rtprop_ws_replaced_total"),
      ngx_string("Waiting volatile frames replaced by newer ones."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },
    { ngx_string("rtprop_ws_compressed_connections"),
      ngx_string("WebSocket connections that agreed on permessage-deflate."),
      NGX_RTPROP_STAT_GAUGE, ngx_null_string, 0 },
    { ngx_string("rtprop_ws_compressed_out_plain_bytes_total"),
      ngx_string("Octets of messages that were compressed, before it."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },
    { ngx_string("rtprop_ws_compressed_out_bytes_total"),
      ngx_string("Octets of messages that were compressed, after it."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },
    { ngx_string("rtprop_ws_compressed_in_bytes_total"),
      ngx_string("Octets of compressed messages from clients, as they came."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },
    { ngx_string("rtprop_ws_compressed_in_plain_bytes_total"),
      ngx_string("Octets of compressed messages from clients, decompressed."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },
    { ngx_string("rtprop_ws_compressed_refused_total"),
      ngx_string("Compressed messages refused as too large or damaged."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },
    { ngx_string("rtprop_ws_waves_total"),
      ngx_string("Times that so much was to be sent that it was sent at once."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },
    { ngx_null_string, ngx_null_string, 0, ngx_null_string, 0 }
};


ngx_int_t
ngx_rtprop_ws_preconfiguration(ngx_conf_t *cf)
{
    return ngx_rtprop_stat_add(cf, ngx_rtprop_ws_stats);
}


ngx_int_t
ngx_rtprop_ws_init_worker(ngx_rtprop_worker_t *worker)
{
    ngx_rtprop_ws_worker_t  *w;

    w = ngx_pcalloc(worker->pool, sizeof(ngx_rtprop_ws_worker_t));

    if (w == NULL) {
        return NGX_ERROR;
    }

    w->worker = worker;
    w->spare_max = NGX_RTPROP_WS_SPARES * NGX_RTPROP_REUSE;
    w->buffer = ngx_palloc(worker->pool, NGX_RTPROP_WS_BUFFER);
    w->ping = ngx_rtprop_frame_copy(RTPROP_WS_PING, (u_char *) "", 0);

    if (w->buffer == NULL || w->ping == NULL) {
        return NGX_ERROR;
    }

    ngx_rtprop_ws_wave_init(w);

    worker->ws = w;

    return ngx_rtprop_ws_wheel_init(w);
}


void
ngx_rtprop_ws_exit_worker(ngx_rtprop_worker_t *worker)
{
    ngx_uint_t               i;
    ngx_queue_t             *q;
    ngx_rtprop_ws_t         *ws;
    ngx_rtprop_ws_worker_t  *w;

    w = worker->ws;

    if (w == NULL) {
        return;
    }

    for (i = 0; i < NGX_RTPROP_WS_SLOTS; i++) {
        for (q = ngx_queue_head(&w->slots[i]);
             q != ngx_queue_sentinel(&w->slots[i]);
             q = ngx_queue_next(q))
        {
            ws = ngx_queue_data(q, ngx_rtprop_ws_t, queue);

            if (ws->state == NGX_RTPROP_WS_OPEN && !ws->close_sent) {
                ws->close_sent = 1;
                ngx_rtprop_ws_queue(ws,
                    ngx_rtprop_frame_copy(RTPROP_WS_CLOSE,
                                          (u_char *) "\x03\xe9", 2));
            }

            if (ws->state <= NGX_RTPROP_WS_CLOSING) {
                (void) ngx_rtprop_ws_flush(ws);
            }
        }
    }

    rtprop_ws_deflate_free(&w->deflate);
    ngx_rtprop_frame_free_spares(w);
}


ngx_uint_t
ngx_rtprop_ws_count(ngx_rtprop_ws_worker_t *w)
{
    return w->count;
}
