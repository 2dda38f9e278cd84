/*
 * From an HTTP request to a connection of our own: the handshake's checks and
 * refusals, the 101, and the handover.
 *
 * The handover runs from a posted event, because a request is never freed
 * inside its own handler.  The 101, which nginx holds back for more to come,
 * becomes the first frame in the queue, so that it and what the session says
 * at once leave together.
 */

#include "ws/ngx_rtprop_ws_worker.h"


static ngx_int_t ngx_rtprop_ws_judge(ngx_http_request_t *r,
    rtprop_ws_handshake_t *hs);
static ngx_int_t ngx_rtprop_ws_required(ngx_http_request_t *r,
    rtprop_ws_handshake_e e);
static ngx_int_t ngx_rtprop_ws_push(ngx_http_request_t *r, const char *name,
    u_char *value, size_t len);
static ngx_int_t ngx_rtprop_ws_headers(ngx_http_request_t *r,
    const rtprop_ws_handshake_t *hs, ngx_str_t *subprotocol);
static void ngx_rtprop_ws_switch(ngx_http_request_t *r);
static void ngx_rtprop_ws_forget(void *data);
static ngx_http_cleanup_t *ngx_rtprop_ws_of_request(ngx_http_request_t *r);
static void ngx_rtprop_ws_handover(ngx_event_t *wev);
static ngx_int_t ngx_rtprop_ws_sent(ngx_http_request_t *r, ngx_event_t *wev);
static ngx_int_t ngx_rtprop_ws_collect(ngx_http_request_t *r,
    ngx_rtprop_ws_t *ws, size_t *len);
static void ngx_rtprop_ws_take_over(ngx_http_request_t *r,
    ngx_rtprop_ws_t *ws, size_t len);
static void ngx_rtprop_ws_free_buffers(ngx_connection_t *c,
    ngx_http_connection_t *hc);


ngx_int_t
ngx_rtprop_ws_check(ngx_http_request_t *r, rtprop_ws_handshake_t *hs)
{
    ngx_int_t         rc;
    ngx_uint_t        i;
    rtprop_str_t      name, value;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    ngx_memzero(hs, sizeof(rtprop_ws_handshake_t));

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        name.len = h[i].key.len;
        name.data = h[i].key.data;
        value.len = h[i].value.len;
        value.data = h[i].value.data;

        rtprop_ws_handshake_header(hs, &name, &value);
    }

    if (r != r->main) {
        rc = ngx_rtprop_ws_refuse(r, NGX_HTTP_BAD_REQUEST, "bad_handshake",
                                  "a subrequest cannot be upgraded");

    } else {
        rc = ngx_rtprop_ws_judge(r, hs);
    }

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    /* NGX_OK is what a refusal that was sent gives, too */

    r->main->count++;
    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


/* NGX_DECLINED: nothing to refuse. */

static ngx_int_t
ngx_rtprop_ws_judge(ngx_http_request_t *r, rtprop_ws_handshake_t *hs)
{
    rtprop_str_t           method;
    rtprop_ws_handshake_e  e;

    method.len = r->method_name.len;
    method.data = r->method_name.data;

    e = rtprop_ws_handshake_check(hs, &method,
                                  r->http_version == NGX_HTTP_VERSION_11);
    switch (e) {

    case RTPROP_WS_HANDSHAKE_OK:
        break;

    case RTPROP_WS_HANDSHAKE_METHOD:
        if (ngx_rtprop_ws_push(r, "Allow", (u_char *) "GET", 3) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_rtprop_ws_refuse(r, NGX_HTTP_NOT_ALLOWED,
                                    "method_not_allowed",
                                    rtprop_ws_handshake_reason(e));

    case RTPROP_WS_HANDSHAKE_UPGRADE:
    case RTPROP_WS_HANDSHAKE_VERSION:
        return ngx_rtprop_ws_required(r, e);

    default:
        return ngx_rtprop_ws_refuse(r, NGX_HTTP_BAD_REQUEST, "bad_handshake",
                                    rtprop_ws_handshake_reason(e));
    }

    if (r->headers_in.content_length_n > 0 || r->headers_in.chunked) {
        return ngx_rtprop_ws_refuse(r, NGX_HTTP_BAD_REQUEST, "bad_handshake",
                                    "a websocket handshake has no body");
    }

    return NGX_DECLINED;
}


/*
 * What must be spoken here (RFC 9110, 15.5.22 and 7.8), and in which version
 * (RFC 6455, 4.4).
 */

static ngx_int_t
ngx_rtprop_ws_required(ngx_http_request_t *r, rtprop_ws_handshake_e e)
{
    if (ngx_rtprop_ws_push(r, "Upgrade", (u_char *) "websocket", 9) != NGX_OK
        || ngx_rtprop_ws_push(r, "Connection", (u_char *) "upgrade", 7)
           != NGX_OK
        || ngx_rtprop_ws_push(r, "Sec-WebSocket-Version", (u_char *) "13", 2)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_rtprop_ws_refuse(r, 426, "upgrade_required",
                                rtprop_ws_handshake_reason(e));
}


ngx_int_t
ngx_rtprop_ws_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const char *code, const char *message)
{
    u_char       *p;
    size_t        size;
    ngx_buf_t    *b;
    ngx_int_t     rc;
    ngx_chain_t   out;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    size = sizeof("{\"code\":\"\",\"message\":\"\"}") + ngx_strlen(code)
           + ngx_strlen(message);

    b = ngx_create_temp_buf(r->pool, size);

    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_snprintf(b->pos, size, "{\"code\":\"%s\",\"message\":\"%s\"}",
                     code, message);
    b->last = p;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    r->headers_out.status = status;
    r->headers_out.content_length_n = b->last - b->pos;
    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    if (status == 426) {
        ngx_str_set(&r->headers_out.status_line, "426 Upgrade Required");
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
ngx_rtprop_ws_push(ngx_http_request_t *r, const char *name, u_char *value,
    size_t len)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);

    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value.data = value;
    h->value.len = len;

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return NGX_OK;
}


ngx_int_t
ngx_rtprop_ws_upgrade(ngx_http_request_t *r, ngx_rtprop_ws_t *ws,
    const rtprop_ws_handshake_t *hs, ngx_str_t *subprotocol)
{
    ngx_str_t            extensions;
    ngx_event_t         *wev;
    ngx_http_cleanup_t  *cln;

    ws->connection = r->connection;
    ws->state = NGX_RTPROP_WS_UPGRADING;

    cln = ngx_http_cleanup_add(r, 0);

    if (cln == NULL
        || ngx_rtprop_ws_headers(r, hs, subprotocol) != NGX_OK
        || ngx_rtprop_ws_deflate_agree(r, ws, hs, &extensions) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (extensions.len
        && ngx_rtprop_ws_push(r, "Sec-WebSocket-Extensions", extensions.data,
                              extensions.len) != NGX_OK)
    {
        return NGX_ERROR;
    }

    cln->handler = ngx_rtprop_ws_forget;
    cln->data = ws;

    /* c->data stays the request, which nginx is still to finish with */

    r->read_event_handler = ngx_http_block_reading;

    wev = r->connection->write;
    wev->handler = ngx_rtprop_ws_handover;

    ngx_rtprop_ws_switch(r);

    ngx_post_event(wev, &ngx_posted_events);

    return NGX_OK;
}


/* RFC 6455, 4.2.2; the header filter adds "Connection: upgrade" to a 101. */

static ngx_int_t
ngx_rtprop_ws_headers(ngx_http_request_t *r, const rtprop_ws_handshake_t *hs,
    ngx_str_t *subprotocol)
{
    u_char  *accept;

    accept = ngx_pnalloc(r->pool, RTPROP_WS_ACCEPT_LEN);

    if (accept == NULL) {
        return NGX_ERROR;
    }

    rtprop_ws_handshake_accept(accept, &hs->key);

    if (ngx_rtprop_ws_push(r, "Upgrade", (u_char *) "websocket", 9) != NGX_OK
        || ngx_rtprop_ws_push(r, "Sec-WebSocket-Accept", accept,
                              RTPROP_WS_ACCEPT_LEN) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (subprotocol && subprotocol->len
        && ngx_rtprop_ws_push(r, "Sec-WebSocket-Protocol", subprotocol->data,
                              subprotocol->len) != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->headers_out.status = NGX_HTTP_SWITCHING_PROTOCOLS;
    ngx_str_set(&r->headers_out.status_line, "101 Switching Protocols");
    r->keepalive = 0;
    r->limit_rate = 0;
    r->limit_rate_set = 1;

    return NGX_OK;
}


/* What goes wrong is found by the handover. */

static void
ngx_rtprop_ws_switch(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        r->connection->error = 1;
    }
}


/* The request ended before the handover. */

static void
ngx_rtprop_ws_forget(void *data)
{
    ngx_rtprop_ws_t *ws = data;

    ws->state = NGX_RTPROP_WS_DEAD;
    ws->told = 1;
    ws->handler->closed(ws, RTPROP_WS_ABNORMAL);
}


/* The request's cleanup that holds the connection. */

static ngx_http_cleanup_t *
ngx_rtprop_ws_of_request(ngx_http_request_t *r)
{
    ngx_http_cleanup_t  *cln;

    cln = r->cleanup;

    while (cln->handler != ngx_rtprop_ws_forget) {
        cln = cln->next;
    }

    return cln;
}


static void
ngx_rtprop_ws_handover(ngx_event_t *wev)
{
    size_t               len;
    ngx_int_t            rc;
    ngx_connection_t    *c;
    ngx_http_cleanup_t  *cln;
    ngx_http_request_t  *r;

    c = wev->data;
    r = c->data;
    cln = ngx_rtprop_ws_of_request(r);
    len = 0;

    rc = ngx_rtprop_ws_sent(r, wev);

    if (rc == NGX_AGAIN) {
        return;
    }

    if (rc == NGX_OK && (r->count != 1 || r->blocked)) {
        ngx_log_error(NGX_LOG_ERR, c->log, 0,
                      "request is still in use after the upgrade, "
                      "count:%d blk:%d", r->count, r->blocked);
        rc = NGX_ERROR;
    }

    if (rc == NGX_OK) {
        rc = ngx_rtprop_ws_collect(r, cln->data, &len);
    }

    if (rc == NGX_ERROR) {
        wev->handler = c->read->handler;
        ngx_http_finalize_request(r, NGX_ERROR);
        ngx_http_run_posted_requests(c);
        return;
    }

    cln->handler = NULL;

    ngx_rtprop_ws_take_over(r, cln->data, len);
}


/*
 * NGX_AGAIN: part of the 101 waits for the socket; NGX_OK: all of it is out, or
 * all of it is held back.
 */

static ngx_int_t
ngx_rtprop_ws_sent(ngx_http_request_t *r, ngx_event_t *wev)
{
    ngx_connection_t          *c;
    ngx_http_core_loc_conf_t  *clcf;

    c = r->connection;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;
        return NGX_ERROR;
    }

    if (c->error) {
        return NGX_ERROR;
    }

    if (c->buffered && ngx_http_output_filter(r, NULL) == NGX_ERROR) {
        return NGX_ERROR;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (c->buffered) {
        if (!wev->timer_set) {
            ngx_add_timer(wev, clcf->send_timeout);
        }

        return ngx_handle_write_event(wev, clcf->send_lowat) == NGX_OK
               ? NGX_AGAIN : NGX_ERROR;
    }

    if (wev->timer_set) {
        ngx_del_timer(wev);
    }

    return NGX_OK;
}


/* Queues what nginx has held back; *len octets. */

static ngx_int_t
ngx_rtprop_ws_collect(ngx_http_request_t *r, ngx_rtprop_ws_t *ws, size_t *len)
{
    u_char              *p;
    ngx_chain_t         *cl;
    ngx_rtprop_frame_t  *f;

    *len = 0;

    for (cl = r->out; cl; cl = cl->next) {
        *len += ngx_buf_size(cl->buf);
    }

    if (*len == 0) {
        return NGX_OK;
    }

    f = ngx_rtprop_frame_create(*len);

    if (f == NULL) {
        return NGX_ERROR;
    }

    p = f->text.data;

    for (cl = r->out; cl; cl = cl->next) {
        p = ngx_cpymem(p, cl->buf->pos, ngx_buf_size(cl->buf));
    }

    f->len = (uint32_t) *len;
    r->out = NULL;

    return ngx_rtprop_ws_queue_head(ws, f);
}


static void
ngx_rtprop_ws_take_over(ngx_http_request_t *r, ngx_rtprop_ws_t *ws, size_t len)
{
    ngx_buf_t              *b;
    ngx_event_t            *rev;
    ngx_connection_t       *c;
    ngx_http_connection_t  *hc;

    c = r->connection;
    b = r->header_in;
    hc = r->http_connection;
    rev = c->read;

    /* runs the cleanups and writes the access log, with $bytes_sent */

    c->sent += len;

    ngx_http_free_request(r, 0);

    c->sent -= len;
    c->destroyed = 0;

    if (rev->timer_set) {
        ngx_del_timer(rev);
    }

    if (ngx_tcp_nodelay(c) != NGX_OK) {
        ngx_log_error(NGX_LOG_INFO, c->log, 0, "connection without nodelay");
    }

    /* frames that came with the request are in the header buffer */

    ngx_rtprop_ws_start(ws, b->pos, b->last);
    ngx_rtprop_ws_free_buffers(c, hc);

    /* reads what has come meanwhile, or finds that nothing has */

    ngx_post_event(rev, &ngx_posted_events);
}


/* As ngx_http_set_keepalive() does. */

static void
ngx_rtprop_ws_free_buffers(ngx_connection_t *c, ngx_http_connection_t *hc)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl, *ln;

    b = c->buffer;

    if (b && ngx_pfree(c->pool, b->start) == NGX_OK) {
        b->pos = NULL;
    }

    for (cl = hc->free; cl; /* void */) {
        ln = cl;
        cl = cl->next;
        ngx_pfree(c->pool, ln->buf->start);
        ngx_free_chain(c->pool, ln);
    }

    for (cl = hc->busy; cl; /* void */) {
        ln = cl;
        cl = cl->next;
        ngx_pfree(c->pool, ln->buf->start);
        ngx_free_chain(c->pool, ln);
    }

    hc->free = NULL;
    hc->busy = NULL;
    hc->nbusy = 0;

#if (NGX_HTTP_SSL)

    if (c->ssl) {
        ngx_ssl_free_buffer(c);
    }

#endif
}
