/*
 * ngx_rtprop_ws: live WebSocket connections in a worker (RFC 6455).
 *
 * A request is checked, then upgraded: the connection is taken over, the
 * request is freed.  What comes in goes to the handler table of the layer
 * above; what goes out is a counted frame that any number of connections may
 * have in their queues.  Nothing here knows of sessions.
 */

#ifndef _NGX_RTPROP_WS_H_INCLUDED_
#define _NGX_RTPROP_WS_H_INCLUDED_


#include "ngx_rtprop.h"
#include "ws/rtprop_ws_handshake.h"
#include "ws/rtprop_ws_message.h"


typedef struct ngx_rtprop_ws_s       ngx_rtprop_ws_t;
typedef struct ngx_rtprop_ws_node_s  ngx_rtprop_ws_node_t;


/* -------------------------------------------------------------- limits --- */

#define NGX_RTPROP_WS_CLOSE_TIMEOUT  5000

/* Lives as long as the configuration cycle; times are in ms. */

typedef struct {
    size_t                          max_message;     /* octets */
    ngx_msec_t                      ping_interval;   /* of silence */
    ngx_msec_t                      ping_timeout;    /* after a ping */
    size_t                          queue_hard;      /* octets waiting */
    size_t                          queue_soft;      /* octets ... */
    ngx_msec_t                      queue_soft_time; /* ... for this long */
    ngx_msec_t                      close_timeout;   /* handshake and linger */

    size_t                          threshold;       /* octets, compression */
    uint8_t                         level;           /* 1 to 9 */
    uint8_t                         window;          /* 9 to 15; 0: off */
} ngx_rtprop_ws_conf_t;


/* -------------------------------------------------------------- frames --- */

/*
 * One encoded message with its WebSocket header before it, or several of them,
 * shared by all queues that it waits in.  Never changed once it is sealed; what
 * goes to clients that agreed on compression is made of it when first needed.
 */

typedef struct ngx_rtprop_frame_s  ngx_rtprop_frame_t;

struct ngx_rtprop_frame_s {
    uint32_t                        refs;
    uint32_t                        len;    /* of wire */
    u_char                         *wire;   /* header and text */
    ngx_str_t                       text;   /* the message alone */
    uint64_t                        replace; /* key of a volatile frame */
    ngx_rtprop_frame_t             *packed; /* see ngx_rtprop_ws_deflate.c */
    uint32_t                        packing; /* of a packed one: how */
    uint32_t                        room;   /* of its list, see home */
    ngx_rtprop_ws_worker_t         *home;   /* where it is used again */
    u_char                          data[];
};


/*
 * Makes a frame with room for size octets at f->text.data and one reference,
 * the caller's.  Fill it and seal it.  NULL: no memory.
 */
ngx_rtprop_frame_t *ngx_rtprop_frame_create(size_t size);

/*
 * The same, for a frame that is soon gone: one of the usual size has more room
 * than it needs, and is used again.
 */
ngx_rtprop_frame_t *ngx_rtprop_frame_take(ngx_rtprop_ws_worker_t *w,
    size_t size);

/*
 * Sets the length of the message (at most size) and writes the header.
 * opcode is RTPROP_WS_TEXT, _BINARY, _CLOSE, _PING or _PONG; bits of the first
 * octet other than FIN may be in it.
 */
void ngx_rtprop_frame_seal(ngx_rtprop_frame_t *f, ngx_uint_t opcode,
    size_t len);

/* Creates and seals a frame that holds a copy.  NULL: no memory. */
ngx_rtprop_frame_t *ngx_rtprop_frame_copy(ngx_uint_t opcode,
    const u_char *data, size_t len);

/* For ngx_rtprop_frame_unref() alone. */
void ngx_rtprop_frame_free(ngx_rtprop_frame_t *f);

/* Takes and gives back one reference; the last one frees the frame. */

static inline ngx_rtprop_frame_t *
ngx_rtprop_frame_ref(ngx_rtprop_frame_t *f)
{
    f->refs++;

    return f;
}


static inline void
ngx_rtprop_frame_unref(ngx_rtprop_frame_t *f)
{
    if (--f->refs == 0) {
        ngx_rtprop_frame_free(f);
    }
}


/* ------------------------------------------------------------- handler --- */

/*
 * What the layer above does.  All are called by an event of the connection
 * itself, never from within ngx_rtprop_ws_send() or ngx_rtprop_ws_close().
 * Each may send on, and close, this and any other connection.
 */

typedef struct {
    /* The request is gone, the first frames may be sent.  May be NULL. */
    void  (*opened)(ngx_rtprop_ws_t *ws);

    /*
     * One whole message, valid during the call only; text is UTF-8.  Not
     * called after closed().
     */
    void  (*message)(ngx_rtprop_ws_t *ws, ngx_str_t *text, ngx_uint_t binary);

    /*
     * No message comes any more, nothing can be sent any more: the close
     * handshake began on either side (code is what was sent or received, 1005
     * if the client gave none) or the connection is lost (1006).  Called
     * exactly once for each ngx_rtprop_ws_upgrade() that returned NGX_OK, even
     * if opened() was not.  The struct stays until the pool of the connection
     * goes; register a cleanup there for memory of your own.
     */
    void  (*closed)(ngx_rtprop_ws_t *ws, ngx_uint_t code);

    /*
     * The worker is going to exit; called from outside the event loop's turn:
     * close now or from a timer of your own (the worker lives on while there
     * are connections).  NULL: closed with 1012 at once.
     */
    void  (*drain)(ngx_rtprop_ws_t *ws);

    /*
     * What is sent answers what was read: stop reading while queue_soft waits,
     * instead of closing at queue_hard.
     */
    unsigned  backpressure:1;
} ngx_rtprop_ws_handler_t;


/* ---------------------------------------------------------- connection --- */

typedef enum {
    NGX_RTPROP_WS_UPGRADING = 0,    /* 101 not yet out */
    NGX_RTPROP_WS_OPEN,
    NGX_RTPROP_WS_CLOSING,          /* close frame queued or sent */
    NGX_RTPROP_WS_LINGERING,        /* all sent, waits for the client's FIN */
    NGX_RTPROP_WS_DEAD              /* freed when its event ends */
} ngx_rtprop_ws_state_e;


/*
 * Embed it as first member or allocate it alone, from the pool of the
 * connection (r->connection->pool, not r->pool), zeroed.  The caller sets the
 * first four; the others belong to src/ws.
 */

struct ngx_rtprop_ws_s {
    ngx_rtprop_ws_worker_t         *worker;
    const ngx_rtprop_ws_conf_t     *conf;
    const ngx_rtprop_ws_handler_t  *handler;
    void                           *data;

    ngx_connection_t               *connection;
    rtprop_ws_message_t             message;

    ngx_queue_t                     queue;      /* slot of the wheel */
    ngx_rtprop_ws_node_t           *first;      /* frames that wait */
    ngx_rtprop_ws_node_t           *last;
    uint32_t                        waiting;    /* octets of them */
    uint32_t                        sent;       /* octets of the first */

    uint32_t                        ping;       /* interval, ms */
    uint32_t                        heard;      /* ms, last octet came */
    uint32_t                        since;      /* ms, of ping or closing */
    uint32_t                        soft;       /* ms, over queue_soft */

    uint16_t                        code;       /* for closed() */
    uint16_t                        replaceable; /* frames with a key wait */

    unsigned                        state:3;
    unsigned                        pinged:1;
    unsigned                        over_soft:1;
    unsigned                        told:1;     /* closed() was called */
    unsigned                        close_sent:1;
    unsigned                        close_seen:1;
    unsigned                        head:1;     /* first is the 101 */
    unsigned                        paused:1;   /* reading, backpressure */
    unsigned                        deflate:4;  /* window bits; 0: plain */
};


/*
 * The handshake's checks.  NGX_OK: *hs is filled in (allocate it from r->pool;
 * its strings are the request's).  Else a refusal has been sent; return what
 * was returned from the content handler.  400, 405, and 426 with
 * Sec-WebSocket-Version: 13 (RFC 6455, 4.4).
 */
ngx_int_t ngx_rtprop_ws_check(ngx_http_request_t *r,
    rtprop_ws_handshake_t *hs);

/*
 * Refuses a request: {"code":"...","message":"..."}, both plain ASCII without
 * quotes or backslashes.  Further headers may have been pushed before.  Returns
 * what a content handler returns; one that returned NGX_DONE before passes it
 * to ngx_http_finalize_request().
 */
ngx_int_t ngx_rtprop_ws_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const char *code, const char *message);

/*
 * Sends the 101 and takes the connection over as soon as it is out.
 * subprotocol is echoed unless it is empty or NULL; permessage-deflate is
 * agreed on if ws->conf has a window and the client offers it (RFC 7692).
 *
 * Call it from the content handler or later.  The caller has done
 * r->main->count++ once and returns, or has returned, NGX_DONE from the
 * content handler.  NGX_OK: hands off the request; closed() will be called.
 * NGX_ERROR: nothing was sent, the caller finalizes the request.
 */
ngx_int_t ngx_rtprop_ws_upgrade(ngx_http_request_t *r, ngx_rtprop_ws_t *ws,
    const rtprop_ws_handshake_t *hs, ngx_str_t *subprotocol);

/*
 * Queues a reference of its own to the frame; it goes out when this turn of
 * the loop ends.  A frame with a replace key drops the one with the same key
 * that still waits.  NGX_ERROR: not queued, the connection is being
 * closed, perhaps right now with 1013 because queue_hard was reached.  A frame
 * is always taken when nothing waits.
 */
ngx_int_t ngx_rtprop_ws_send(ngx_rtprop_ws_t *ws, ngx_rtprop_frame_t *f);

/*
 * Starts the close handshake; what waits goes out before, except with 1013.
 * reason: NULL or UTF-8, cut at 123 octets.  Does nothing if closing already.
 * closed() follows in this turn of the loop.  Times out after close_timeout.
 */
void ngx_rtprop_ws_close(ngx_rtprop_ws_t *ws, ngx_uint_t code,
    const char *reason);

/* A longer (or shorter) ping interval for this one, in ms; before or after. */
void ngx_rtprop_ws_ping_interval(ngx_rtprop_ws_t *ws, ngx_msec_t interval);

/* Octets that wait for the client to read. */

static inline size_t
ngx_rtprop_ws_waiting(ngx_rtprop_ws_t *ws)
{
    return ws->waiting;
}


/* -------------------------------------------------------------- worker --- */

/* The counters.  For preconfiguration. */
ngx_int_t ngx_rtprop_ws_preconfiguration(ngx_conf_t *cf);

/* Makes worker->ws: read buffer, timer wheel.  For init_process. */
ngx_int_t ngx_rtprop_ws_init_worker(ngx_rtprop_worker_t *worker);

/*
 * For exit_process: a fast stop.  Each open connection is sent Close(1001) as
 * far as its socket takes it without waiting; no handler is called.
 */
void ngx_rtprop_ws_exit_worker(ngx_rtprop_worker_t *worker);

/* Live connections of this worker, closing ones included. */
ngx_uint_t ngx_rtprop_ws_count(ngx_rtprop_ws_worker_t *w);

/*
 * The content handler of "rtprop echo": returns each message as it came.
 * Limits are the location's.
 */
ngx_int_t ngx_rtprop_ws_echo_handler(ngx_http_request_t *r);


#endif /* _NGX_RTPROP_WS_H_INCLUDED_ */
