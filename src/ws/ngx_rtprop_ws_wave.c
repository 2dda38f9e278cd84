/*
 * When connections write.  All that a turn of the loop has for one leaves in
 * one system call, at the end of the turn; or at the end of a wave, when
 * so much was published that what it touches would not stay in the processor's
 * cache until then.
 */

#include "ws/ngx_rtprop_ws_worker.h"


static void ngx_rtprop_ws_wave_flush(ngx_event_t *ev);


void
ngx_rtprop_ws_wave_init(ngx_rtprop_ws_worker_t *w)
{
    ngx_queue_init(&w->writes);

    w->flush.handler = ngx_rtprop_ws_wave_flush;
    w->flush.data = w;
    w->flush.log = w->worker->log;
}


void
ngx_rtprop_ws_post(ngx_rtprop_ws_t *ws)
{
    ngx_rtprop_ws_worker_t  *w;

    w = ws->worker;

    ngx_post_event(ws->connection->write, &w->writes);
    ngx_post_event(&w->flush, &ngx_posted_events);
}


void
ngx_rtprop_ws_wave(ngx_rtprop_ws_worker_t *w)
{
    ngx_event_t  *ev;

    ev = w->worker->early;

    if (ev == NULL) {
        return;
    }

    w->worker->early = NULL;

    if (ev->posted) {
        ngx_delete_posted_event(ev);
    }

    ngx_rtprop_ws_bump(w, NGX_RTPROP_WS_STAT_WAVES, 1);

    ev->handler(ev);

    ngx_rtprop_ws_wave_flush(&w->flush);
}


static void
ngx_rtprop_ws_wave_flush(ngx_event_t *ev)
{
    ngx_rtprop_ws_worker_t  *w = ev->data;

    ngx_event_process_posted(w->worker->cycle, &w->writes);
}
