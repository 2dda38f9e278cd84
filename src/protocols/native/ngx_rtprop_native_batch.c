/*
 * rtprop_batch: events to a session that asked for it ("?batch=1") are
 * collected for a while and leave in one frame of type "batch".  Answers go
 * out at once, behind what was collected before them.
 *
 * A transport of its own stands before the session's, so that nobody else
 * needs to know.
 */

#include "protocols/native/ngx_rtprop_native.h"


#define NGX_RTPROP_NATIVE_BATCH_MAX   (64 * 1024)    /* octets, then it goes */
#define NGX_RTPROP_NATIVE_BATCH_HEAD  "{\"type\":\"batch\",\"payload\":["
#define NGX_RTPROP_NATIVE_BATCH_TAIL  "]}"


typedef struct {
    ngx_rtprop_transport_t  *transport;     /* the session's own */
    ngx_event_t              timer;
    rtprop_json_buf_t        buf;           /* texts with commas between */
} ngx_rtprop_native_batch_t;


static ngx_int_t ngx_rtprop_native_batch_send(ngx_rtprop_session_t *s,
    ngx_rtprop_frame_t *f);
static u_char *ngx_rtprop_native_batch_text(u_char *p, u_char *last,
    ngx_str_t *text);
static ngx_int_t ngx_rtprop_native_batch_add(ngx_rtprop_session_t *s,
    ngx_str_t *text);
static void ngx_rtprop_native_batch_close(ngx_rtprop_session_t *s,
    ngx_uint_t code, const char *reason);
static ngx_uint_t ngx_rtprop_native_batch_backlog(ngx_rtprop_session_t *s);
static void ngx_rtprop_native_batch_handler(ngx_event_t *ev);


static ngx_rtprop_transport_t  ngx_rtprop_native_batch_transport = {
    ngx_string("batch"),
    ngx_rtprop_native_batch_send,
    ngx_rtprop_native_batch_close,
    ngx_rtprop_native_batch_backlog
};


void
ngx_rtprop_native_batch_start(ngx_rtprop_session_t *s)
{
    ngx_rtprop_native_batch_t  *b;

    b = ngx_calloc(sizeof(ngx_rtprop_native_batch_t), s->worker->log);

    if (b == NULL) {
        return;
    }

    b->transport = s->transport;
    b->timer.handler = ngx_rtprop_native_batch_handler;
    b->timer.data = s;
    b->timer.log = s->worker->log;
    b->timer.cancelable = 1;

    s->ctx = b;
    s->transport = &ngx_rtprop_native_batch_transport;
}


void
ngx_rtprop_native_batch_free(ngx_rtprop_session_t *s)
{
    ngx_rtprop_native_batch_t  *b;

    b = s->ctx;

    if (b == NULL) {
        return;
    }

    s->ctx = NULL;
    s->transport = b->transport;

    if (b->timer.timer_set) {
        ngx_del_timer(&b->timer);
    }

    free(b->buf.data);
    ngx_free(b);
}


/* A frame may hold several messages: what a channel got in one turn. */

static ngx_int_t
ngx_rtprop_native_batch_send(ngx_rtprop_session_t *s, ngx_rtprop_frame_t *f)
{
    u_char     *p, *last;
    ngx_str_t   text;

    if (s->state != NGX_RTPROP_SESSION_OPEN) {
        return NGX_ERROR;
    }

    p = f->wire;
    last = p + f->len;

    while (p < last) {
        p = ngx_rtprop_native_batch_text(p, last, &text);

        if (p == NULL || ngx_rtprop_native_batch_add(s, &text) != NGX_OK) {
            ngx_rtprop_session_close(s, NGX_RTPROP_CLOSE_INTERNAL,
                                     "no memory");
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* The text of the server's frame at p; returns its end (RFC 6455, 5.2). */

static u_char *
ngx_rtprop_native_batch_text(u_char *p, u_char *last, ngx_str_t *text)
{
    uint64_t    len;
    ngx_uint_t  n;

    len = p[1];
    n = (len < 126) ? 0 : (len == 126) ? 2 : 8;
    p += 2;

    if (n) {
        for (len = 0; n; n--) {
            len = len << 8 | *p++;
        }
    }

    if (len > (uint64_t) (last - p)) {
        return NULL;
    }

    text->len = (size_t) len;
    text->data = p;

    return p + len;
}


static ngx_int_t
ngx_rtprop_native_batch_add(ngx_rtprop_session_t *s, ngx_str_t *text)
{
    ngx_rtprop_native_batch_t  *b;

    b = s->ctx;

    if (b->buf.len && b->buf.len + text->len > NGX_RTPROP_NATIVE_BATCH_MAX) {
        ngx_rtprop_native_batch_flush(s);
    }

    if (b->buf.len && rtprop_json_buf_add(&b->buf, ",", 1) != RTPROP_OK) {
        return NGX_ERROR;
    }

    if (rtprop_json_buf_add(&b->buf, text->data, text->len) != RTPROP_OK) {
        return NGX_ERROR;
    }

    if (!b->timer.timer_set) {
        ngx_add_timer(&b->timer, s->conf->batch);
    }

    return NGX_OK;
}


static void
ngx_rtprop_native_batch_handler(ngx_event_t *ev)
{
    ngx_rtprop_native_batch_flush(ev->data);
}


void
ngx_rtprop_native_batch_flush(ngx_rtprop_session_t *s)
{
    u_char                     *p;
    ngx_rtprop_frame_t         *f;
    ngx_rtprop_native_batch_t  *b;

    b = s->ctx;

    if (b == NULL || b->buf.len == 0) {
        return;
    }

    f = ngx_rtprop_frame_create(sizeof(NGX_RTPROP_NATIVE_BATCH_HEAD)
                                + sizeof(NGX_RTPROP_NATIVE_BATCH_TAIL)
                                + b->buf.len);

    if (f == NULL) {
        ngx_rtprop_session_close(s, NGX_RTPROP_CLOSE_INTERNAL, "no memory");
        return;
    }

    p = ngx_cpymem(f->text.data, NGX_RTPROP_NATIVE_BATCH_HEAD,
                   sizeof(NGX_RTPROP_NATIVE_BATCH_HEAD) - 1);
    p = ngx_cpymem(p, b->buf.data, b->buf.len);
    p = ngx_cpymem(p, NGX_RTPROP_NATIVE_BATCH_TAIL,
                   sizeof(NGX_RTPROP_NATIVE_BATCH_TAIL) - 1);

    ngx_rtprop_frame_seal(f, RTPROP_WS_TEXT, p - f->text.data);

    /* an idle session holds no buffer */

    free(b->buf.data);
    ngx_memzero(&b->buf, sizeof(rtprop_json_buf_t));

    if (b->timer.timer_set) {
        ngx_del_timer(&b->timer);
    }

    (void) b->transport->send(s, f);

    ngx_rtprop_frame_unref(f);
}


ngx_int_t
ngx_rtprop_native_batch_pass(ngx_rtprop_session_t *s, ngx_rtprop_frame_t *f)
{
    ngx_rtprop_native_batch_t  *b;

    b = s->ctx;

    if (b == NULL) {
        return s->transport->send(s, f);
    }

    ngx_rtprop_native_batch_flush(s);

    return b->transport->send(s, f);
}


/* What was collected goes out before the close frame. */

static void
ngx_rtprop_native_batch_close(ngx_rtprop_session_t *s, ngx_uint_t code,
    const char *reason)
{
    ngx_rtprop_native_batch_t  *b;

    b = s->ctx;

    if (code != NGX_RTPROP_CLOSE_SLOW && code != NGX_RTPROP_CLOSE_INTERNAL) {
        ngx_rtprop_native_batch_flush(s);
    }

    b->transport->close(s, code, reason);
}


static ngx_uint_t
ngx_rtprop_native_batch_backlog(ngx_rtprop_session_t *s)
{
    ngx_rtprop_native_batch_t  *b;

    b = s->ctx;

    return b->transport->backlog(s);
}
