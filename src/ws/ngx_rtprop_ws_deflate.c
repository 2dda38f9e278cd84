/*
 * permessage-deflate in a worker (RFC 7692).
 *
 * No side keeps a context, so a connection holds nothing for it, and what is
 * compressed serves all receivers that have agreed on the same window.  A frame
 * keeps its packed forms, frames themselves, in a list; a queue cannot tell
 * them from others.  One without a wire says that packing did not pay.
 */

#include "ws/ngx_rtprop_ws_worker.h"
#include "base/rtprop_utf8.h"


static ngx_rtprop_frame_t *ngx_rtprop_ws_pack(ngx_rtprop_ws_t *ws,
    ngx_rtprop_frame_t *f);
static u_char *ngx_rtprop_ws_pack_message(ngx_rtprop_ws_t *ws, u_char *dst,
    u_char **pos);
static size_t ngx_rtprop_ws_pack_head(u_char *p, size_t *len);


ngx_int_t
ngx_rtprop_ws_deflate_agree(ngx_http_request_t *r, ngx_rtprop_ws_t *ws,
    const rtprop_ws_handshake_t *hs, ngx_str_t *answer)
{
    rtprop_ws_extension_t  x;

    ngx_str_null(answer);

    if (ws->conf->window == 0
        || rtprop_ws_extension_negotiate(&x, hs->extensions, hs->nextensions,
                                         ws->conf->window)
           != RTPROP_OK)
    {
        return NGX_OK;
    }

    answer->data = ngx_pnalloc(r->pool, RTPROP_WS_EXTENSION_LEN);

    if (answer->data == NULL) {
        return NGX_ERROR;
    }

    answer->len = rtprop_ws_extension_answer(answer->data, &x);
    ws->deflate = x.server_bits;

    return NGX_OK;
}


void
ngx_rtprop_ws_deflate_begin(ngx_rtprop_ws_t *ws)
{
    if (ws->deflate) {
        ws->worker->ndeflate++;
        ngx_rtprop_ws_bump(ws->worker, NGX_RTPROP_WS_STAT_COMPRESSING, 1);
    }
}


void
ngx_rtprop_ws_deflate_end(ngx_rtprop_ws_t *ws)
{
    ngx_rtprop_ws_worker_t  *w;

    w = ws->worker;

    if (ws->deflate) {
        ngx_rtprop_ws_bump(w, NGX_RTPROP_WS_STAT_COMPRESSING, -1);

        if (--w->ndeflate == 0) {
            rtprop_ws_deflate_free(&w->deflate);
        }
    }
}


ngx_uint_t
ngx_rtprop_ws_inflate(ngx_rtprop_ws_t *ws, rtprop_ws_event_t *ev)
{
    ngx_uint_t               code;
    rtprop_str_t             out;
    ngx_rtprop_ws_worker_t  *w;

    w = ws->worker;

    code = rtprop_ws_inflate(&w->deflate, &ev->data, ws->conf->max_message,
                             &out);

    if (code == 0 && ev->type == RTPROP_WS_EVENT_TEXT
        && !rtprop_utf8_valid(out.data, out.len))
    {
        code = RTPROP_WS_INVALID_DATA;
    }

    if (code) {
        rtprop_ws_inflate_trim(&w->deflate);
        ngx_rtprop_ws_bump(w, NGX_RTPROP_WS_STAT_INFLATE_REFUSED, 1);
        return code;
    }

    ngx_rtprop_ws_bump(w, NGX_RTPROP_WS_STAT_INFLATE_IN, ev->data.len);
    ngx_rtprop_ws_bump(w, NGX_RTPROP_WS_STAT_INFLATE_OUT, out.len);

    ev->data = out;

    return 0;
}


ngx_rtprop_frame_t *
ngx_rtprop_ws_deflate(ngx_rtprop_ws_t *ws, ngx_rtprop_frame_t *f)
{
    uint32_t             packing;
    ngx_rtprop_frame_t  *packed;

    packing = (uint32_t) ws->conf->threshold << 8 | ws->deflate << 4
              | ws->conf->level;

    for (packed = f->packed; packed; packed = packed->packed) {
        if (packed->packing == packing) {
            break;
        }
    }

    if (packed == NULL) {
        packed = ngx_rtprop_ws_pack(ws, f);

        if (packed == NULL) {
            return f;
        }

        packed->packing = packing;
        packed->packed = f->packed;
        f->packed = packed;
    }

    if (packed->len == 0) {
        return f;
    }

    packed->replace = f->replace;

    return packed;
}


/* What a joined frame holds is packed message by message. */

static ngx_rtprop_frame_t *
ngx_rtprop_ws_pack(ngx_rtprop_ws_t *ws, ngx_rtprop_frame_t *f)
{
    u_char              *p, *dst, *last;
    ngx_rtprop_frame_t  *packed;

    if (f->len > RTPROP_WS_DEFLATE_MAX) {
        return ngx_rtprop_frame_create(0);
    }

    /* the tail of a message stands there for a moment */

    packed = ngx_rtprop_frame_create(f->len + 4);

    if (packed == NULL) {
        return NULL;
    }

    packed->wire = packed->text.data;

    p = f->wire;
    last = p + f->len;
    dst = packed->wire;

    while (p < last) {
        dst = ngx_rtprop_ws_pack_message(ws, dst, &p);
    }

    if ((size_t) (dst - packed->wire) < f->len) {
        packed->len = (uint32_t) (dst - packed->wire);
        return packed;
    }

    ngx_rtprop_frame_unref(packed);

    return ngx_rtprop_frame_create(0);
}


/* dst is never further in its frame than *pos is in the plain one. */

static u_char *
ngx_rtprop_ws_pack_message(ngx_rtprop_ws_t *ws, u_char *dst, u_char **pos)
{
    u_char                  *p;
    size_t                   len, head, plain;
    rtprop_str_t             text;
    ngx_rtprop_ws_worker_t  *w;

    w = ws->worker;
    p = *pos;

    plain = ngx_rtprop_ws_pack_head(p, &text.len);
    text.data = p + plain;
    *pos = text.data + text.len;

    len = 0;

    if ((p[0] & RTPROP_WS_CLOSE) == 0 && text.len >= ws->conf->threshold) {
        len = rtprop_ws_deflate(&w->deflate, ws->deflate, ws->conf->level,
                                &text, dst + plain);
    }

    if (len == 0) {
        return ngx_cpymem(dst, p, plain + text.len);
    }

    ngx_rtprop_ws_bump(w, NGX_RTPROP_WS_STAT_DEFLATE_IN, text.len);
    ngx_rtprop_ws_bump(w, NGX_RTPROP_WS_STAT_DEFLATE_OUT, len);

    head = rtprop_ws_frame_head(dst, p[0] | RTPROP_WS_RSV1, len);

    if (head != plain) {
        ngx_memmove(dst + head, dst + plain, len);
    }

    return dst + head + len;
}


/* Octets of the header of a server's frame at p (RFC 6455, 5.2). */

static size_t
ngx_rtprop_ws_pack_head(u_char *p, size_t *len)
{
    size_t  i, head;

    *len = p[1];

    if (*len < 126) {
        return 2;
    }

    head = (*len == 126) ? 4 : 10;

    for (*len = 0, i = 2; i < head; i++) {
        *len = *len << 8 | p[i];
    }

    return head;
}
