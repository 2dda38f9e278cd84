/*
 * What goes out: counted frames, and per connection a queue of references that
 * exists only while something waits.
 *
 * Writes are posted, so that what is sent in one turn of the loop leaves in
 * one system call per connection.  A lone frame, the common case of a fan-out,
 * is one send() of the shared octets; its node comes from the worker's list.
 */

#include "ws/ngx_rtprop_ws_worker.h"


#define NGX_RTPROP_WS_IOVS       64
#define NGX_RTPROP_WS_GATHER     8192   /* octets that are sent as one piece */
#define NGX_RTPROP_WS_NODES      256    /* taken from the pool at once */


static void ngx_rtprop_frame_init(ngx_rtprop_frame_t *f);
static void ngx_rtprop_ws_replace(ngx_rtprop_ws_t *ws,
    ngx_rtprop_frame_t *f);
static ngx_uint_t ngx_rtprop_ws_is_full(ngx_rtprop_ws_t *ws, size_t len);
static ngx_int_t ngx_rtprop_ws_append(ngx_rtprop_ws_t *ws,
    ngx_rtprop_frame_t *f);
static ngx_rtprop_ws_node_t *ngx_rtprop_ws_node(ngx_rtprop_ws_worker_t *w);
static ssize_t ngx_rtprop_ws_write(ngx_rtprop_ws_t *ws);
static ssize_t ngx_rtprop_ws_gather(ngx_rtprop_ws_t *ws);
static ssize_t ngx_rtprop_ws_writev(ngx_rtprop_ws_t *ws);
static void ngx_rtprop_ws_shift(ngx_rtprop_ws_t *ws);
static void ngx_rtprop_ws_release(ngx_rtprop_ws_t *ws,
    ngx_rtprop_ws_node_t *node);


/* Octets of a message, and of the messages of a turn. */

static const size_t  ngx_rtprop_frame_rooms[NGX_RTPROP_WS_ROOMS] = {
    480, 2016
};


ngx_rtprop_frame_t *
ngx_rtprop_frame_create(size_t size)
{
    ngx_rtprop_frame_t  *f;

    if (size > RTPROP_WS_MESSAGE_MAX) {
        return NULL;
    }

    f = ngx_alloc(sizeof(ngx_rtprop_frame_t) + RTPROP_WS_SERVER_HEAD_MAX
                  + size, ngx_cycle->log);
    if (f == NULL) {
        return NULL;
    }

    f->home = NULL;
    f->room = 0;

    ngx_rtprop_frame_init(f);

    return f;
}


static void
ngx_rtprop_frame_init(ngx_rtprop_frame_t *f)
{
    f->refs = 1;
    f->len = 0;
    f->replace = 0;
    f->packed = NULL;
    f->packing = 0;
    f->text.data = f->data + RTPROP_WS_SERVER_HEAD_MAX;
    f->text.len = 0;
    f->wire = f->text.data;
}


/* In a list of spare ones "packed" is the next. */

ngx_rtprop_frame_t *
ngx_rtprop_frame_take(ngx_rtprop_ws_worker_t *w, size_t size)
{
    ngx_uint_t           i;
    ngx_rtprop_frame_t  *f;

    for (i = 0; size > ngx_rtprop_frame_rooms[i]; i++) {
        if (i == NGX_RTPROP_WS_ROOMS - 1) {
            return ngx_rtprop_frame_create(size);
        }
    }

    f = w->spares[i];

    if (f) {
        w->spares[i] = f->packed;
        w->nspares[i]--;

        ngx_rtprop_frame_init(f);

        return f;
    }

    f = ngx_rtprop_frame_create(ngx_rtprop_frame_rooms[i]);

    if (f) {
        f->home = w;
        f->room = (uint32_t) i;
    }

    return f;
}


void
ngx_rtprop_frame_seal(ngx_rtprop_frame_t *f, ngx_uint_t opcode, size_t len)
{
    size_t  head;

    head = rtprop_ws_frame_head_len(len);

    f->text.len = len;
    f->wire = f->text.data - head;
    f->len = (uint32_t) (head + len);

    (void) rtprop_ws_frame_head(f->wire, RTPROP_WS_FIN | opcode, len);
}


ngx_rtprop_frame_t *
ngx_rtprop_frame_copy(ngx_uint_t opcode, const u_char *data, size_t len)
{
    ngx_rtprop_frame_t  *f;

    f = ngx_rtprop_frame_create(len);

    if (f) {
        ngx_memcpy(f->text.data, data, len);
        ngx_rtprop_frame_seal(f, opcode, len);
    }

    return f;
}


/* The packed ones may be in queues still. */

void
ngx_rtprop_frame_free(ngx_rtprop_frame_t *f)
{
    ngx_rtprop_frame_t      *packed, *next;
    ngx_rtprop_ws_worker_t  *w;

    for (packed = f->packed; packed; packed = next) {
        next = packed->packed;
        packed->packed = NULL;

        ngx_rtprop_frame_unref(packed);
    }

    w = f->home;

    if (w && w->nspares[f->room] < w->spare_max) {
        f->packed = w->spares[f->room];
        w->spares[f->room] = f;
        w->nspares[f->room]++;
        return;
    }

    ngx_free(f);
}


void
ngx_rtprop_frame_free_spares(ngx_rtprop_ws_worker_t *w)
{
    ngx_uint_t           i;
    ngx_rtprop_frame_t  *f;

    w->spare_max = 0;

    for (i = 0; i < NGX_RTPROP_WS_ROOMS; i++) {
        while (w->spares[i]) {
            f = w->spares[i];
            w->spares[i] = f->packed;

            ngx_free(f);
        }
    }
}


ngx_int_t
ngx_rtprop_ws_send(ngx_rtprop_ws_t *ws, ngx_rtprop_frame_t *f)
{
    if (ws->state != NGX_RTPROP_WS_OPEN) {
        return NGX_ERROR;
    }

    if (ws->deflate && f->len > ws->conf->threshold) {
        f = ngx_rtprop_ws_deflate(ws, f);
    }

    if (f->replace && ws->replaceable) {
        ngx_rtprop_ws_replace(ws, f);
    }

    if (ws->first && ngx_rtprop_ws_is_full(ws, f->len)) {
        ngx_log_error(NGX_LOG_INFO, ws->connection->log, 0,
                      "client reads too slowly, %uD octets wait",
                      ws->waiting);

        ngx_rtprop_ws_bump(ws->worker, NGX_RTPROP_WS_STAT_SLOW, 1);
        ngx_rtprop_ws_close(ws, RTPROP_WS_TRY_LATER, "too slow");

        return NGX_ERROR;
    }

    if (ngx_rtprop_ws_append(ws, f) != NGX_OK) {
        ngx_rtprop_ws_close(ws, RTPROP_WS_INTERNAL, NULL);
        return NGX_ERROR;
    }

    ngx_rtprop_ws_bump(ws->worker, NGX_RTPROP_WS_STAT_SENT, 1);

    if (ws->waiting <= ws->conf->queue_soft) {
        return NGX_OK;
    }

    if (ws->handler->backpressure) {
        ws->paused = 1;
    }

    if (!ws->over_soft) {
        ws->over_soft = 1;
        ws->soft = ngx_rtprop_ws_now();
        ngx_rtprop_ws_wheel_move(ws);
    }

    return NGX_OK;
}


/*
 * Drops the elder of a volatile frame.  The newer one goes to the end, not to
 * its place, so that what is sent keeps its order.
 */

static void
ngx_rtprop_ws_replace(ngx_rtprop_ws_t *ws, ngx_rtprop_frame_t *f)
{
    ngx_rtprop_ws_node_t  *node, *prev;

    prev = NULL;
    node = ws->first;

    /* the first may be half sent */

    if (node && (ws->sent || ws->connection->ssl)) {
        prev = node;
        node = node->next;
    }

    for ( /* void */ ; node; prev = node, node = node->next) {
        if (node->frame->replace == f->replace) {
            break;
        }
    }

    if (node == NULL) {
        return;
    }

    if (prev) {
        prev->next = node->next;

    } else {
        ws->first = node->next;
    }

    if (ws->last == node) {
        ws->last = prev;
    }

    ws->waiting -= node->frame->len;

    ngx_rtprop_ws_release(ws, node);
    ngx_rtprop_ws_bump(ws->worker, NGX_RTPROP_WS_STAT_REPLACED, 1);
}


/*
 * A burst of one turn is no slowness: before the limit strikes the socket is
 * asked.  A lost connection is left to the posted write.
 */

static ngx_uint_t
ngx_rtprop_ws_is_full(ngx_rtprop_ws_t *ws, size_t len)
{
    size_t  hard;

    hard = ws->handler->backpressure ? RTPROP_WS_MESSAGE_MAX
                                     : ws->conf->queue_hard;

    if (ws->waiting + len <= hard) {
        return 0;
    }

    (void) ngx_rtprop_ws_flush(ws);

    return ws->first && ws->waiting + len > hard;
}


void
ngx_rtprop_ws_queue(ngx_rtprop_ws_t *ws, ngx_rtprop_frame_t *f)
{
    if (f) {
        (void) ngx_rtprop_ws_append(ws, f);
        ngx_rtprop_frame_unref(f);
    }
}


ngx_int_t
ngx_rtprop_ws_queue_head(ngx_rtprop_ws_t *ws, ngx_rtprop_frame_t *f)
{
    ngx_int_t  rc;

    rc = ngx_rtprop_ws_append(ws, f);
    ws->head = (rc == NGX_OK);

    ngx_rtprop_frame_unref(f);

    return rc;
}


static ngx_int_t
ngx_rtprop_ws_append(ngx_rtprop_ws_t *ws, ngx_rtprop_frame_t *f)
{
    ngx_rtprop_ws_node_t  *node;

    node = ngx_rtprop_ws_node(ws->worker);

    if (node == NULL) {
        return NGX_ERROR;
    }

    node->next = NULL;
    node->frame = ngx_rtprop_frame_ref(f);

    if (ws->first == NULL) {
        ws->first = node;

    } else {
        ws->last->next = node;
    }

    ws->last = node;
    ws->waiting += f->len;
    ws->replaceable += (f->replace != 0 && ws->replaceable < 0xffff);

    if (ws->connection->write->ready) {
        ngx_rtprop_ws_post(ws);
    }

    return NGX_OK;
}


static ngx_rtprop_ws_node_t *
ngx_rtprop_ws_node(ngx_rtprop_ws_worker_t *w)
{
    ngx_uint_t             i;
    ngx_rtprop_ws_node_t  *node;

    if (w->free == NULL) {
        node = ngx_palloc(w->worker->pool, NGX_RTPROP_WS_NODES
                                           * sizeof(ngx_rtprop_ws_node_t));
        if (node == NULL) {
            return NULL;
        }

        for (i = 0; i < NGX_RTPROP_WS_NODES; i++) {
            node[i].next = w->free;
            w->free = &node[i];
        }
    }

    node = w->free;
    w->free = node->next;

    return node;
}


ngx_int_t
ngx_rtprop_ws_flush(ngx_rtprop_ws_t *ws)
{
    ssize_t       n;
    ngx_event_t  *wev;

    wev = ws->connection->write;

    while (ws->first && wev->ready) {

        n = ngx_rtprop_ws_write(ws);

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (n == NGX_AGAIN || n == 0) {
            wev->ready = 0;
            break;
        }

        ws->sent += (uint32_t) n;
        ws->waiting -= (uint32_t) n;

        while (ws->first && ws->sent >= ws->first->frame->len) {
            ws->sent -= ws->first->frame->len;
            ngx_rtprop_ws_shift(ws);
        }
    }

    return ws->first ? NGX_AGAIN : NGX_OK;
}


/*
 * Under TLS each frame is written by itself: OpenSSL wants the very same octets
 * again after a write that would have blocked.
 */

static ssize_t
ngx_rtprop_ws_write(ngx_rtprop_ws_t *ws)
{
    ngx_connection_t    *c;
    ngx_rtprop_frame_t  *f;

    c = ws->connection;

    if (ws->first->next && c->ssl == NULL) {
        return (ws->waiting <= NGX_RTPROP_WS_GATHER)
               ? ngx_rtprop_ws_gather(ws) : ngx_rtprop_ws_writev(ws);
    }

    f = ws->first->frame;

    return c->send(c, f->wire + ws->sent, f->len - ws->sent);
}


/* To copy a few small frames costs less than the kernel's list of pieces. */

static ssize_t
ngx_rtprop_ws_gather(ngx_rtprop_ws_t *ws)
{
    u_char                *p, buf[NGX_RTPROP_WS_GATHER];
    ngx_rtprop_ws_node_t  *node;

    node = ws->first;
    p = ngx_cpymem(buf, node->frame->wire + ws->sent,
                   node->frame->len - ws->sent);

    for (node = node->next; node; node = node->next) {
        p = ngx_cpymem(p, node->frame->wire, node->frame->len);
    }

    return ws->connection->send(ws->connection, buf, p - buf);
}


static ssize_t
ngx_rtprop_ws_writev(ngx_rtprop_ws_t *ws)
{
    ssize_t                n;
    ngx_uint_t             i;
    ngx_iovec_t            vec;
    struct iovec           iovs[NGX_RTPROP_WS_IOVS];
    ngx_connection_t      *c;
    ngx_rtprop_ws_node_t  *node;

    c = ws->connection;
    vec.iovs = iovs;
    vec.nalloc = NGX_RTPROP_WS_IOVS;
    vec.size = 0;

    node = ws->first;

    for (i = 0; node && i < NGX_RTPROP_WS_IOVS; i++, node = node->next) {
        iovs[i].iov_base = node->frame->wire;
        iovs[i].iov_len = node->frame->len;
        vec.size += node->frame->len;
    }

    iovs[0].iov_base = ws->first->frame->wire + ws->sent;
    iovs[0].iov_len -= ws->sent;
    vec.size -= ws->sent;
    vec.count = i;

    n = ngx_writev(c, &vec);

    if (n > 0) {
        c->sent += n;

        if ((size_t) n < vec.size) {
            c->write->ready = 0;
        }
    }

    return n;
}


void
ngx_rtprop_ws_drop(ngx_rtprop_ws_t *ws, ngx_uint_t keep)
{
    ngx_rtprop_ws_node_t  *first;

    first = NULL;

    if (keep && ws->first && (ws->sent || ws->head || ws->connection->ssl)) {
        first = ws->first;
        ws->first = first->next;
    }

    while (ws->first) {
        ngx_rtprop_ws_shift(ws);
    }

    ws->last = first;
    ws->waiting = 0;
    ws->replaceable = 0;

    if (first) {
        first->next = NULL;
        ws->first = first;
        ws->waiting = first->frame->len - ws->sent;
        return;
    }

    ws->sent = 0;
}


static void
ngx_rtprop_ws_shift(ngx_rtprop_ws_t *ws)
{
    ngx_rtprop_ws_node_t  *node;

    node = ws->first;
    ws->first = node->next;
    ws->head = 0;

    ngx_rtprop_ws_release(ws, node);
}


static void
ngx_rtprop_ws_release(ngx_rtprop_ws_t *ws, ngx_rtprop_ws_node_t *node)
{
    if (node->frame->replace && ws->replaceable) {
        ws->replaceable--;
    }

    ngx_rtprop_frame_unref(node->frame);

    node->next = ws->worker->free;
    ws->worker->free = node;
}
