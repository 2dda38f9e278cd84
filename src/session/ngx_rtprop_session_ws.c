/*
 * Sessions over WebSocket: the content handler of a location with such a
 * dialect, and the transport.
 *
 * The handshake is judged whole before the upgrade: its form, draining, the
 * origin, the user, the number of the user's connections.  The last may be
 * answered later, so the request is held from then on.
 */

#include "session/ngx_rtprop_session.h"
#include "session/ngx_rtprop_auth.h"
#include "base/rtprop_json.h"


#define NGX_RTPROP_PING_MAX      (5 * 60 * 1000)     /* ms, for ?ping= */
#define NGX_RTPROP_ADDRESS_MAX   128


/* A session and its connection, one block for the connection's life. */

typedef struct {
    ngx_rtprop_session_t     session;
    ngx_rtprop_ws_t          ws;
    char                     address[];
} ngx_rtprop_session_ws_t;


/* Each idle connection has one: docs/operations.md says what it takes. */

typedef char  ngx_rtprop_session_ws_size_t[
    sizeof(ngx_rtprop_session_ws_t) <= 360 ? 1 : -1];


/* A handshake while it is judged; in r->pool. */

typedef struct {
    ngx_http_request_t      *request;
    ngx_rtprop_worker_t     *worker;
    ngx_rtprop_loc_conf_t   *conf;
    rtprop_ws_handshake_t    hs;
    rtprop_identity_t       *user;      /* freed with r->pool, unless NULL */
    int64_t                  expires;
    ngx_rtprop_admit_t       admit;
} ngx_rtprop_handshake_t;


static ngx_int_t ngx_rtprop_session_ws_judge(ngx_http_request_t *r,
    ngx_rtprop_handshake_t *h);
static ngx_int_t ngx_rtprop_session_ws_unauthorized(ngx_http_request_t *r,
    const char *error);
static ngx_int_t ngx_rtprop_session_ws_refuse(ngx_http_request_t *r,
    ngx_uint_t status, const char *code, const char *message);
static void ngx_rtprop_session_ws_forget(void *data);
static ngx_int_t ngx_rtprop_session_ws_admit(ngx_rtprop_handshake_t *h);
static ngx_int_t ngx_rtprop_session_ws_info(ngx_rtprop_handshake_t *h,
    ngx_str_t *info);
static ngx_int_t ngx_rtprop_session_ws_member(rtprop_json_buf_t *buf,
    const char *key, ngx_str_t value);
static void ngx_rtprop_session_ws_admitted(ngx_rtprop_admit_t *admit);
static ngx_int_t ngx_rtprop_session_ws_excluded(ngx_rtprop_handshake_t *h,
    ngx_int_t rc);
static ngx_int_t ngx_rtprop_session_ws_upgrade(ngx_rtprop_handshake_t *h);
static ngx_rtprop_session_ws_t *ngx_rtprop_session_ws_create(
    ngx_rtprop_handshake_t *h);
static void ngx_rtprop_session_ws_free(void *data);
static void ngx_rtprop_session_ws_arguments(ngx_http_request_t *r,
    ngx_rtprop_session_ws_t *sws);
static void ngx_rtprop_session_ws_opened(ngx_rtprop_ws_t *ws);
static void ngx_rtprop_session_ws_message(ngx_rtprop_ws_t *ws,
    ngx_str_t *text, ngx_uint_t binary);
static void ngx_rtprop_session_ws_closed(ngx_rtprop_ws_t *ws,
    ngx_uint_t code);
static void ngx_rtprop_session_ws_drain(ngx_rtprop_ws_t *ws);
static ngx_int_t ngx_rtprop_session_ws_send(ngx_rtprop_session_t *s,
    ngx_rtprop_frame_t *f);
static void ngx_rtprop_session_ws_close(ngx_rtprop_session_t *s,
    ngx_uint_t code, const char *reason);
static ngx_uint_t ngx_rtprop_session_ws_backlog(ngx_rtprop_session_t *s);


static const ngx_rtprop_ws_handler_t  ngx_rtprop_session_ws_events = {
    ngx_rtprop_session_ws_opened,
    ngx_rtprop_session_ws_message,
    ngx_rtprop_session_ws_closed,
    ngx_rtprop_session_ws_drain,
    0
};


static ngx_rtprop_transport_t  ngx_rtprop_session_ws_transport = {
    ngx_string("websocket"),
    ngx_rtprop_session_ws_send,
    ngx_rtprop_session_ws_close,
    ngx_rtprop_session_ws_backlog
};


ngx_int_t
ngx_rtprop_session_ws_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_pool_cleanup_t      *cln;
    ngx_rtprop_handshake_t  *h;

    h = ngx_pcalloc(r->pool, sizeof(ngx_rtprop_handshake_t));
    cln = ngx_pool_cleanup_add(r->pool, 0);

    if (h == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_rtprop_session_ws_forget;
    cln->data = h;

    h->request = r;
    h->conf = ngx_http_get_module_loc_conf(r, ngx_rtprop_module);
    h->worker = h->conf->main->worker;

    rc = ngx_rtprop_ws_check(r, &h->hs);

    if (rc != NGX_OK) {
        ngx_rtprop_session_stat(h->worker, NGX_RTPROP_STAT_REFUSED, 1);
        return rc;
    }

    rc = ngx_rtprop_session_ws_judge(r, h);

    return (rc == NGX_DECLINED) ? ngx_rtprop_session_ws_admit(h) : rc;
}


static void
ngx_rtprop_session_ws_forget(void *data)
{
    ngx_rtprop_handshake_t  *h = data;

    rtprop_identity_free(h->user);
}


/*
 * NGX_DECLINED: nothing against it.  Else what the content handler is to
 * return, which is NGX_OK, too, when a refusal has been sent.
 */

static ngx_int_t
ngx_rtprop_session_ws_judge(ngx_http_request_t *r, ngx_rtprop_handshake_t *h)
{
    ngx_int_t    rc;
    const char  *error;

    if (h->worker->draining || ngx_exiting || ngx_quit || ngx_terminate) {
        return ngx_rtprop_session_ws_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                   "unavailable", "this server is closing");
    }

    if (ngx_rtprop_auth_origin_check(r) != NGX_OK) {
        return ngx_rtprop_session_ws_refuse(r, NGX_HTTP_FORBIDDEN,
                                   "not_authorized",
                                   "this origin is not allowed");
    }

    rc = ngx_rtprop_auth_identify(r, &h->user, &h->expires, &error);

    if (rc == NGX_HTTP_UNAUTHORIZED) {
        return ngx_rtprop_session_ws_unauthorized(r, error);
    }

    return (rc == NGX_OK) ? NGX_DECLINED : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/* RFC 6750, 3; the texts have neither quotes nor backslashes. */

static ngx_int_t
ngx_rtprop_session_ws_unauthorized(ngx_http_request_t *r, const char *error)
{
    u_char           *p;
    size_t            len;
    ngx_table_elt_t  *h;

    len = sizeof("Bearer error=\"invalid_token\", error_description=\"\"")
          + ngx_strlen(error);

    h = ngx_list_push(&r->headers_out.headers);
    p = ngx_pnalloc(r->pool, len);

    if (h == NULL || p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    ngx_str_set(&h->key, "WWW-Authenticate");
    h->value.data = p;
    h->value.len = ngx_sprintf(p, "Bearer error=\"invalid_token\", "
                               "error_description=\"%s\"", error)
                   - p;
    r->headers_out.www_authenticate = h;

    return ngx_rtprop_session_ws_refuse(r, NGX_HTTP_UNAUTHORIZED,
                                        "not_authorized", error);
}


static ngx_int_t
ngx_rtprop_session_ws_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const char *code, const char *message)
{
    ngx_rtprop_loc_conf_t  *conf;

    conf = ngx_http_get_module_loc_conf(r, ngx_rtprop_module);

    ngx_rtprop_session_stat(conf->main->worker, NGX_RTPROP_STAT_REFUSED, 1);

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "rtprop handshake refused: %ui, %s", status, message);

    return ngx_rtprop_ws_refuse(r, status, code, message);
}


/* Asks whether the user may have one more; the answer may come later. */

static ngx_int_t
ngx_rtprop_session_ws_admit(ngx_rtprop_handshake_t *h)
{
    ngx_str_t            user;
    ngx_http_request_t  *r;

    r = h->request;

    if (ngx_rtprop_session_id_make(h->worker, h->admit.session) != NGX_OK
        || ngx_rtprop_session_ws_info(h, &h->admit.info) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* a copy: a session that failed to open may be gone at the withdrawal */

    user = ngx_rtprop_user_id(h->user);
    h->admit.user.len = user.len;
    h->admit.user.data = ngx_pstrdup(r->pool, &user);

    if (h->admit.user.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h->admit.pool = r->pool;
    h->admit.max = h->conf->user_connections;
    h->admit.done = ngx_rtprop_session_ws_admitted;
    h->admit.data = h;

    r->main->count++;

    h->worker->sessions->admit(h->worker, &h->admit);

    return NGX_DONE;
}


/*
 * {"since", "name", "avatar", "role", "address", "protocol"}; kept in the zone
 * for each session, so what is empty is left out.
 */

static ngx_int_t
ngx_rtprop_session_ws_info(ngx_rtprop_handshake_t *h, ngx_str_t *info)
{
    size_t              len;
    u_char              text[sizeof("{\"since\":") + NGX_INT64_LEN];
    ngx_str_t           address;
    rtprop_json_buf_t   buf;

    ngx_memzero(&buf, sizeof(rtprop_json_buf_t));

    len = ngx_sprintf(text, "{\"since\":%L", ngx_rtprop_now()) - text;
    address = h->request->connection->addr_text;
    info->data = NULL;

    if (rtprop_json_buf_add(&buf, text, len) == RTPROP_OK
        && ngx_rtprop_session_ws_member(&buf, ",\"name\":",
                    ngx_rtprop_user_name(h->user)) == NGX_OK
        && ngx_rtprop_session_ws_member(&buf, ",\"avatar\":",
                    ngx_rtprop_user_avatar(h->user)) == NGX_OK
        && ngx_rtprop_session_ws_member(&buf, ",\"role\":",
                    ngx_rtprop_user_role(h->user)) == NGX_OK
        && ngx_rtprop_session_ws_member(&buf, ",\"address\":",
                    address) == NGX_OK
        && ngx_rtprop_session_ws_member(&buf, ",\"protocol\":",
                    h->conf->location->name) == NGX_OK
        && rtprop_json_buf_add(&buf, "}", 1) == RTPROP_OK)
    {
        info->len = buf.len;
        info->data = ngx_pnalloc(h->request->pool, buf.len);
    }

    if (info->data) {
        ngx_memcpy(info->data, buf.data, buf.len);
    }

    free(buf.data);

    return info->data ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_rtprop_session_ws_member(rtprop_json_buf_t *buf, const char *key,
    ngx_str_t value)
{
    if (value.len == 0) {
        return NGX_OK;
    }

    if (rtprop_json_buf_add(buf, key, ngx_strlen(key)) != RTPROP_OK
        || rtprop_json_buf_string(buf, value.data, value.len) != RTPROP_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_rtprop_session_ws_admitted(ngx_rtprop_admit_t *admit)
{
    ngx_int_t                rc;
    ngx_connection_t        *c;
    ngx_http_request_t      *r;
    ngx_rtprop_handshake_t  *h;

    h = admit->data;
    r = h->request;
    c = r->connection;

    rc = admit->rc;

    if (rc == NGX_OK) {
        rc = ngx_rtprop_session_ws_upgrade(h);

        if (rc == NGX_OK) {
            return;
        }

        h->worker->sessions->withdraw(h->worker, &admit->user,
                                      admit->session);
    }

    rc = ngx_rtprop_session_ws_excluded(h, rc);

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


/* Of "no room" and "nobody to ask" the second is not this machine's. */

static ngx_int_t
ngx_rtprop_session_ws_excluded(ngx_rtprop_handshake_t *h, ngx_int_t rc)
{
    const char  *why;

    if (rc == NGX_DECLINED) {
        return ngx_rtprop_session_ws_refuse(h->request,
                                 NGX_HTTP_TOO_MANY_REQUESTS, "rate_limited",
                                 "this user has too many connections");
    }

    why = h->worker->draining ? "the server restarts, come again"
          : (rc == NGX_BUSY) ? "there is no room now"
          : "the server cannot reach what it needs now, come again";

    return ngx_rtprop_session_ws_refuse(h->request,
                                        NGX_HTTP_SERVICE_UNAVAILABLE,
                                        "unavailable", why);
}


/* NGX_OK: hands off the request.  Else nothing has been sent. */

static ngx_int_t
ngx_rtprop_session_ws_upgrade(ngx_rtprop_handshake_t *h)
{
    ngx_str_t                 echo;
    ngx_rtprop_protocol_t    *protocol;
    ngx_rtprop_session_ws_t  *sws;

    if (h->worker->draining) {
        return NGX_BUSY;
    }

    sws = ngx_rtprop_session_ws_create(h);

    if (sws == NULL) {
        return NGX_ERROR;
    }

    protocol = sws->session.protocol;
    ngx_str_null(&echo);

    if (rtprop_ws_handshake_protocol(&h->hs, (char *) protocol->name.data,
                                     protocol->name.len))
    {
        echo = protocol->name;
    }

    ngx_rtprop_session_ws_arguments(h->request, sws);

    if (ngx_rtprop_ws_upgrade(h->request, &sws->ws, &h->hs, &echo) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_rtprop_session_ws_t *
ngx_rtprop_session_ws_create(ngx_rtprop_handshake_t *h)
{
    size_t                    len;
    ngx_connection_t         *c;
    ngx_pool_cleanup_t       *cln;
    ngx_rtprop_session_t     *s;
    ngx_rtprop_session_ws_t  *sws;

    c = h->request->connection;

    cln = ngx_pool_cleanup_add(c->pool, 0);

    if (cln == NULL) {
        return NULL;
    }

    /* realip's address goes with the request; the exact size, see malloc */

    len = ngx_min(c->addr_text.len, NGX_RTPROP_ADDRESS_MAX);
    sws = ngx_calloc(sizeof(ngx_rtprop_session_ws_t) + len + 1, c->log);

    if (sws == NULL) {
        return NULL;
    }

    cln->handler = ngx_rtprop_session_ws_free;
    cln->data = sws;

    ngx_memcpy(sws->address, c->addr_text.data, len);

    s = &sws->session;

    s->conf = h->conf;
    s->transport = &ngx_rtprop_session_ws_transport;
    s->protocol = h->conf->location->protocol;
    s->connection = c;
    s->address = sws->address;
    s->expires = h->expires;
    s->user = h->user;
    s->admitted = 1;
    s->first = h->admit.first;
    ngx_memcpy(s->id, h->admit.session, NGX_RTPROP_SESSION_ID);

    h->user = NULL;

    if (ngx_rtprop_session_init(h->worker, s) != NGX_OK) {
        return NULL;
    }

    sws->ws.worker = h->worker->ws;
    sws->ws.conf = h->conf->ws;
    sws->ws.handler = &ngx_rtprop_session_ws_events;
    sws->ws.data = s;

    return sws;
}


static void
ngx_rtprop_session_ws_free(void *data)
{
    ngx_rtprop_session_ws_t  *sws = data;

    ngx_free(sws);
}


/* "?ping=120" (seconds) and "?batch=1" */

static void
ngx_rtprop_session_ws_arguments(ngx_http_request_t *r,
    ngx_rtprop_session_ws_t *sws)
{
    ngx_int_t               n;
    ngx_str_t               value;
    ngx_msec_t              interval;
    ngx_rtprop_loc_conf_t  *conf;

    conf = sws->session.conf;
    sws->session.ping = conf->ping_interval;

    if (ngx_http_arg(r, (u_char *) "ping", 4, &value) == NGX_OK) {
        n = ngx_atoi(value.data, value.len);

        if (n > 0) {
            interval = ngx_min(n, NGX_RTPROP_PING_MAX / 1000) * 1000;

            if (interval > conf->ping_interval) {
                ngx_rtprop_ws_ping_interval(&sws->ws, interval);
                sws->session.ping = interval;
            }
        }
    }

    if (conf->batch
        && ngx_http_arg(r, (u_char *) "batch", 5, &value) == NGX_OK
        && value.len == 1 && value.data[0] == '1')
    {
        sws->session.batch = 1;
    }
}


/* ------------------------------------------- what the connection tells of */

static void
ngx_rtprop_session_ws_opened(ngx_rtprop_ws_t *ws)
{
    ngx_rtprop_session_opened(ws->data);
}


static void
ngx_rtprop_session_ws_message(ngx_rtprop_ws_t *ws, ngx_str_t *text,
    ngx_uint_t binary)
{
    ngx_rtprop_session_message(ws->data, text, binary);
}


static void
ngx_rtprop_session_ws_closed(ngx_rtprop_ws_t *ws, ngx_uint_t code)
{
    ngx_rtprop_session_closed(ws->data, code);
}


static void
ngx_rtprop_session_ws_drain(ngx_rtprop_ws_t *ws)
{
    ngx_rtprop_session_t  *s = ws->data;

    ngx_rtprop_sessions_drain(s->worker);
}


/* -------------------------------------------------------- the transport */

static ngx_int_t
ngx_rtprop_session_ws_send(ngx_rtprop_session_t *s, ngx_rtprop_frame_t *f)
{
    ngx_rtprop_session_ws_t  *sws = (ngx_rtprop_session_ws_t *) s;

    if (ngx_rtprop_ws_send(&sws->ws, f) != NGX_OK) {
        return NGX_ERROR;
    }

    s->sent++;
    ngx_rtprop_session_stat(s->worker, NGX_RTPROP_STAT_SENT, 1);

    return NGX_OK;
}


static void
ngx_rtprop_session_ws_close(ngx_rtprop_session_t *s, ngx_uint_t code,
    const char *reason)
{
    ngx_rtprop_session_ws_t  *sws = (ngx_rtprop_session_ws_t *) s;

    ngx_rtprop_ws_close(&sws->ws, code, reason);
}


static ngx_uint_t
ngx_rtprop_session_ws_backlog(ngx_rtprop_session_t *s)
{
    ngx_rtprop_session_ws_t  *sws = (ngx_rtprop_session_ws_t *) s;

    /* what was queued in this turn of the loop is no backlog */

    return ngx_rtprop_ws_waiting(&sws->ws) && !s->connection->write->ready;
}
