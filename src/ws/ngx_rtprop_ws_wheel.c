/*
 * Deadlines of all connections of a worker: one timer, one wheel of slots.
 *
 * A connection stands in the slot of its deadline, or of the end of the round
 * if that comes first.  Traffic only writes the time down (ws->heard); whether
 * the deadline has moved is looked up when the slot comes round.
 */

#include "ws/ngx_rtprop_ws_worker.h"


static void ngx_rtprop_ws_wheel_turn(ngx_event_t *ev);
static void ngx_rtprop_ws_wheel_slot(ngx_rtprop_ws_worker_t *w);
static void ngx_rtprop_ws_wheel_insert(ngx_rtprop_ws_t *ws);
static int32_t ngx_rtprop_ws_wheel_left(ngx_rtprop_ws_t *ws);


ngx_int_t
ngx_rtprop_ws_wheel_init(ngx_rtprop_ws_worker_t *w)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_RTPROP_WS_SLOTS; i++) {
        ngx_queue_init(&w->slots[i]);
    }

    w->timer.handler = ngx_rtprop_ws_wheel_turn;
    w->timer.data = w;
    w->timer.log = w->worker->log;
    w->timer.cancelable = 1;

    return NGX_OK;
}


void
ngx_rtprop_ws_wheel_add(ngx_rtprop_ws_t *ws)
{
    ngx_rtprop_ws_worker_t  *w;

    w = ws->worker;

    if (w->count++ == 0) {
        w->ticked = ngx_current_msec;
        ngx_add_timer(&w->timer, NGX_RTPROP_WS_TICK);
    }

    ngx_rtprop_ws_wheel_insert(ws);
}


void
ngx_rtprop_ws_wheel_remove(ngx_rtprop_ws_t *ws)
{
    ngx_rtprop_ws_worker_t  *w;

    w = ws->worker;

    ngx_queue_remove(&ws->queue);

    if (--w->count == 0 && w->timer.timer_set) {
        ngx_del_timer(&w->timer);
    }
}


void
ngx_rtprop_ws_wheel_move(ngx_rtprop_ws_t *ws)
{
    ngx_queue_remove(&ws->queue);
    ngx_rtprop_ws_wheel_insert(ws);
}


void
ngx_rtprop_ws_wheel_hold(ngx_rtprop_ws_worker_t *w)
{
    w->timer.cancelable = 0;
}


static void
ngx_rtprop_ws_wheel_turn(ngx_event_t *ev)
{
    ngx_rtprop_ws_worker_t  *w;

    w = ev->data;

    while (ngx_current_msec - w->ticked >= NGX_RTPROP_WS_TICK) {
        w->ticked += NGX_RTPROP_WS_TICK;
        w->slot = (w->slot + 1) % NGX_RTPROP_WS_SLOTS;

        ngx_rtprop_ws_wheel_slot(w);
    }

    if (w->count && !ev->timer_set) {
        ngx_add_timer(ev, NGX_RTPROP_WS_TICK);
    }
}


static void
ngx_rtprop_ws_wheel_slot(ngx_rtprop_ws_worker_t *w)
{
    ngx_queue_t      due, *slot;
    ngx_rtprop_ws_t  *ws;

    slot = &w->slots[w->slot];

    ngx_queue_init(&due);

    if (!ngx_queue_empty(slot)) {
        ngx_queue_add(&due, slot);
        ngx_queue_init(slot);
    }

    while (!ngx_queue_empty(&due)) {
        ws = ngx_queue_data(ngx_queue_head(&due), ngx_rtprop_ws_t, queue);

        if (ngx_rtprop_ws_wheel_left(ws) > 0
            || ngx_rtprop_ws_expired(ws) == NGX_OK)
        {
            ngx_rtprop_ws_wheel_move(ws);
        }
    }
}


static void
ngx_rtprop_ws_wheel_insert(ngx_rtprop_ws_t *ws)
{
    int32_t                  left, ticks;
    ngx_rtprop_ws_worker_t  *w;

    w = ws->worker;
    left = ngx_rtprop_ws_wheel_left(ws);

    /* one more, as the tick under way has partly gone */

    ticks = (left > 0 ? left / NGX_RTPROP_WS_TICK : 0) + 1;

    if (ticks > NGX_RTPROP_WS_SLOTS - 1) {
        ticks = NGX_RTPROP_WS_SLOTS - 1;
    }

    ngx_queue_insert_tail(&w->slots[(w->slot + ticks) % NGX_RTPROP_WS_SLOTS],
                          &ws->queue);
}


/* Milliseconds until something is to be done; may be in the past. */

static int32_t
ngx_rtprop_ws_wheel_left(ngx_rtprop_ws_t *ws)
{
    int32_t   left, soft;
    uint32_t  now;

    now = ngx_rtprop_ws_now();

    if (ws->state > NGX_RTPROP_WS_OPEN) {
        return (int32_t) (ws->since + (uint32_t) ws->conf->close_timeout
                          - now);
    }

    if (ws->pinged) {
        left = (int32_t) (ws->since + (uint32_t) ws->conf->ping_timeout - now);

    } else {
        left = (int32_t) (ws->heard + ws->ping - now);
    }

    if (ws->over_soft) {
        soft = (int32_t) (ws->soft + (uint32_t) ws->conf->queue_soft_time
                          - now);
        left = ngx_min(left, soft);
    }

    return left;
}
