/*
 * ngx_rtprop_ws_worker: what the files of src/ws share among themselves.  Not
 * for the layers above.
 */

#ifndef _NGX_RTPROP_WS_WORKER_H_INCLUDED_
#define _NGX_RTPROP_WS_WORKER_H_INCLUDED_


#include "ws/ngx_rtprop_ws.h"
#include "ws/rtprop_ws_deflate.h"
#include "base/ngx_rtprop_stat.h"


#define NGX_RTPROP_WS_TICK    250       /* ms */
#define NGX_RTPROP_WS_SLOTS   128       /* power of 2; 32 s round */
#define NGX_RTPROP_WS_BUFFER  65536
#define NGX_RTPROP_WS_ROOMS   2         /* sizes of frames used again */
#define NGX_RTPROP_WS_SPARES  64        /* of each */


struct ngx_rtprop_ws_node_s {
    ngx_rtprop_ws_node_t           *next;
    ngx_rtprop_frame_t             *frame;
};


struct ngx_rtprop_ws_worker_s {
    ngx_rtprop_worker_t            *worker;
    u_char                         *buffer;     /* of whoever reads */
    ngx_rtprop_ws_node_t           *free;       /* nodes to use again */
    ngx_rtprop_frame_t             *ping;
    ngx_rtprop_frame_t             *spares[NGX_RTPROP_WS_ROOMS];
    ngx_uint_t                      nspares[NGX_RTPROP_WS_ROOMS];
    ngx_uint_t                      spare_max;  /* of each room */
    rtprop_ws_deflate_t             deflate;    /* of all connections */
    ngx_uint_t                      ndeflate;   /* that agreed on it */
    ngx_event_t                     timer;
    ngx_msec_t                      ticked;     /* when slot was due */
    ngx_uint_t                      slot;
    ngx_uint_t                      count;      /* connections */
    ngx_queue_t                     slots[NGX_RTPROP_WS_SLOTS];
    ngx_queue_t                     writes;     /* of write events, posted */
    ngx_event_t                     flush;      /* all of them */
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
    NGX_RTPROP_WS_STAT_REPLACED,
    NGX_RTPROP_WS_STAT_COMPRESSING,
    NGX_RTPROP_WS_STAT_DEFLATE_IN,
    NGX_RTPROP_WS_STAT_DEFLATE_OUT,
    NGX_RTPROP_WS_STAT_INFLATE_IN,
    NGX_RTPROP_WS_STAT_INFLATE_OUT,
    NGX_RTPROP_WS_STAT_INFLATE_REFUSED,
    NGX_RTPROP_WS_STAT_WAVES
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


/* -------------------------------------------- ngx_rtprop_ws_deflate.c --- */

/*
 * Agrees on permessage-deflate if it is on and offered: sets ws->deflate and
 * *answer, in r->pool; else its length is 0.  NGX_ERROR: no memory.
 */
ngx_int_t ngx_rtprop_ws_deflate_agree(ngx_http_request_t *r,
    ngx_rtprop_ws_t *ws, const rtprop_ws_handshake_t *hs, ngx_str_t *answer);

/*
 * A connection that agreed begins, ends; with the last one the worker's states
 * of zlib are freed.
 */
void ngx_rtprop_ws_deflate_begin(ngx_rtprop_ws_t *ws);
void ngx_rtprop_ws_deflate_end(ngx_rtprop_ws_t *ws);

/*
 * Decompresses the message of ev in its place; good until
 * rtprop_ws_inflate_trim().  Returns 0 or a close code.
 */
ngx_uint_t ngx_rtprop_ws_inflate(ngx_rtprop_ws_t *ws, rtprop_ws_event_t *ev);

/*
 * What this connection is to be sent for the frame f: its compressed form,
 * made if need be and kept with f, or f itself.  No reference is added.
 */
ngx_rtprop_frame_t *ngx_rtprop_ws_deflate(ngx_rtprop_ws_t *ws,
    ngx_rtprop_frame_t *f);


/* ------------------------------------------------ ngx_rtprop_ws_out.c --- */

/* Queues past all limits, e.g. a close frame; NULL frame or node: dropped. */
void ngx_rtprop_ws_queue(ngx_rtprop_ws_t *ws, ngx_rtprop_frame_t *f);

/*
 * Queues the 101 of a connection that is not open yet; the reference is taken
 * over.  Nothing drops it.
 */
ngx_int_t ngx_rtprop_ws_queue_head(ngx_rtprop_ws_t *ws,
    ngx_rtprop_frame_t *f);

/*
 * Writes what waits as far as the socket takes it.  NGX_OK: nothing waits,
 * NGX_AGAIN: something does, NGX_ERROR: the connection is lost.  Calls nobody.
 */
ngx_int_t ngx_rtprop_ws_flush(ngx_rtprop_ws_t *ws);

/* The worker ends: no frame is kept any more. */
void ngx_rtprop_frame_free_spares(ngx_rtprop_ws_worker_t *w);

/* Drops what waits; with keep the frame that is partly sent stays. */
void ngx_rtprop_ws_drop(ngx_rtprop_ws_t *ws, ngx_uint_t keep);


/* ----------------------------------------------- ngx_rtprop_ws_wave.c --- */

void ngx_rtprop_ws_wave_init(ngx_rtprop_ws_worker_t *w);

/* Something waits: this connection writes at the end of the turn or wave. */
void ngx_rtprop_ws_post(ngx_rtprop_ws_t *ws);

/*
 * What was published and is enough to be a wave is delivered and written now,
 * while the connections that it comes to are in the processor's cache and the
 * frames few, instead of at the end of the turn.  Call it last: any connection
 * may be gone afterwards.
 */
void ngx_rtprop_ws_wave(ngx_rtprop_ws_worker_t *w);


#endif /* _NGX_RTPROP_WS_WORKER_H_INCLUDED_ */
