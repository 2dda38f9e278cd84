/*
 * ngx_rtprop_ws_worker: what the files of src/ws share among themselves.  Not
 * for the layers above.
 */

#ifndef _NGX_RTPROP_WS_WORKER_H_INCLUDED_
#define _NGX_RTPROP_WS_WORKER_H_INCLUDED_


#include "ws/ngx_rtprop_ws.h"
#include "base/ngx_rtprop_stat.h"


#define NGX_RTPROP_WS_TICK    250       /* ms */
#define NGX_RTPROP_WS_SLOTS   128       /* power of 2; 32 s round */
#define NGX_RTPROP_WS_BUFFER  65536


struct ngx_rtprop_ws_node_s {
    ngx_rtprop_ws_node_t           *next;
    ngx_rtprop_frame_t             *frame;
};


struct ngx_rtprop_ws_worker_s {
    ngx_rtprop_worker_t            *worker;
    u_char                         *buffer;     /* of whoever reads */
    ngx_rtprop_ws_node_t           *free;       /* nodes to use again */
    ngx_rtprop_frame_t             *ping;
    ngx_event_t                     timer;
    ngx_msec_t                      ticked;     /* when slot was due */
    ngx_uint_t                      slot;
    ngx_uint_t                      count;      /* connections */
    ngx_queue_t                     slots[NGX_RTPROP_WS_SLOTS];
};


/* Indices into ngx_rtprop_ws_stats. */

enum {
    NGX_RTPROP_WS_STAT_CONNECTIONS = 0,
    NGX_RTPROP_WS_STAT_UPGRADES,
    NGX_RTPROP_WS_STAT_RECEIVED,
    NGX_RTPROP_WS_STAT_SENT,
    NGX_RTPROP_WS_STAT_SLOW,
    NGX_RTPROP_WS_STAT_SILENT,
    NGX_RTPROP_WS_STAT_FAULTS,
    NGX_RTPROP_WS_STAT_REPLACED
};


extern ngx_rtprop_stat_desc_t  ngx_rtprop_ws_stats[];


static inline void
ngx_rtprop_ws_bump(ngx_rtprop_ws_worker_t *w, ngx_uint_t stat, int64_t delta)
{
    ngx_rtprop_stat_bump(w->worker, &ngx_rtprop_ws_stats[stat], delta);
}


/* The clock of deadlines; wraps after 49 days, so compare differences. */

static inline uint32_t
ngx_rtprop_ws_now(void)
{
    return (uint32_t) ngx_current_msec;
}


/* ---------------------------------------------- ngx_rtprop_ws_wheel.c --- */

ngx_int_t ngx_rtprop_ws_wheel_init(ngx_rtprop_ws_worker_t *w);

/* Adds to the wheel, and takes out; the timer runs while anybody is in. */
void ngx_rtprop_ws_wheel_add(ngx_rtprop_ws_t *ws);
void ngx_rtprop_ws_wheel_remove(ngx_rtprop_ws_t *ws);

/* Moves to the slot of the deadline; call it when the deadline came nearer. */
void ngx_rtprop_ws_wheel_move(ngx_rtprop_ws_t *ws);

/* From now on the worker stays alive for what is in the wheel. */
void ngx_rtprop_ws_wheel_hold(ngx_rtprop_ws_worker_t *w);


/* ----------------------------------------------- ngx_rtprop_ws_conn.c --- */

/*
 * The connection is ours: sets the handlers, calls opened() and takes the
 * octets that came with the request.  Frees nothing.
 */
void ngx_rtprop_ws_start(ngx_rtprop_ws_t *ws, u_char *pos, u_char *last);

/*
 * The deadline has passed: pings, closes or destroys.  Returns NGX_DONE when
 * the connection is gone, else NGX_OK.
 */
ngx_int_t ngx_rtprop_ws_expired(ngx_rtprop_ws_t *ws);


/* ------------------------------------------------ ngx_rtprop_ws_out.c --- */

/* Queues past all limits, e.g. a close frame; NULL frame or node: dropped. */
void ngx_rtprop_ws_queue(ngx_rtprop_ws_t *ws, ngx_rtprop_frame_t *f);

/*
 * Writes what waits as far as the socket takes it.  NGX_OK: nothing waits,
 * NGX_AGAIN: something does, NGX_ERROR: the connection is lost.  Calls nobody.
 */
ngx_int_t ngx_rtprop_ws_flush(ngx_rtprop_ws_t *ws);

/* Drops what waits; with keep the frame that is partly sent stays. */
void ngx_rtprop_ws_drop(ngx_rtprop_ws_t *ws, ngx_uint_t keep);


#endif /* _NGX_RTPROP_WS_WORKER_H_INCLUDED_ */
