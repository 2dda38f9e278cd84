/*
 * How a connection to a Redis comes about: its name resolved, connected, handed
 * to the login.
 */

#include "engine/redis/ngx_rtprop_redis_conn.h"


static void ngx_rtprop_redis_conn_resolve(ngx_rtprop_redis_conn_t *conn);
static void ngx_rtprop_redis_conn_resolved(ngx_resolver_ctx_t *ctx);
static void ngx_rtprop_redis_conn_soon(ngx_rtprop_redis_conn_t *conn,
    const char *why);
static void ngx_rtprop_redis_conn_connect(ngx_rtprop_redis_conn_t *conn,
    ngx_addr_t *addr);
static ngx_connection_t *ngx_rtprop_redis_conn_socket(
    ngx_rtprop_redis_conn_t *conn, int family);
static ngx_int_t ngx_rtprop_redis_conn_events(ngx_connection_t *c,
    ngx_int_t rc);


void
ngx_rtprop_redis_conn_open(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_addr_t *addr, ngx_uint_t turn)
{
    ngx_msec_t  timeout;

    conn->serial++;
    conn->addr = addr;
    conn->turn = turn;
    conn->state = NGX_RTPROP_REDIS_CONNECTING;
    conn->pinging = 0;
    conn->unread = 0;
    conn->elements = 0;
    conn->why[0] = '\0';

    timeout = conn->redis->conf->connect_timeout;
    conn->timer.cancelable = 1;
    ngx_add_timer(&conn->timer, timeout);

    if (addr->naddrs) {
        ngx_rtprop_redis_conn_connect(conn, &addr->addrs[turn % addr->naddrs]);
        return;
    }

    ngx_rtprop_redis_conn_resolve(conn);
}


static void
ngx_rtprop_redis_conn_resolve(ngx_rtprop_redis_conn_t *conn)
{
    ngx_resolver_ctx_t       *ctx, temp;
    ngx_rtprop_redis_conf_t  *conf;

    conf = conn->redis->conf;
    temp.name = conn->addr->host;

    ctx = conf->resolver ? ngx_resolve_start(conf->resolver, &temp) : NULL;

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_rtprop_redis_conn_soon(conn, "its name needs a \"resolver\"");
        return;
    }

    ctx->name = conn->addr->host;
    ctx->handler = ngx_rtprop_redis_conn_resolved;
    ctx->data = conn;
    ctx->timeout = conf->connect_timeout;
    ctx->cancelable = 1;
    conn->resolving = ctx;

    if (ngx_resolve_name(ctx) != NGX_OK) {
        conn->resolving = NULL;
        ngx_rtprop_redis_conn_soon(conn, "its name was not resolved");
    }
}


static void
ngx_rtprop_redis_conn_resolved(ngx_resolver_ctx_t *ctx)
{
    ngx_addr_t                addr;
    ngx_sockaddr_t            sockaddr;
    ngx_resolver_addr_t      *found;
    ngx_rtprop_redis_conn_t  *conn;

    conn = ctx->data;
    conn->resolving = NULL;

    if (ctx->state || ctx->naddrs == 0) {
        ngx_resolve_name_done(ctx);
        ngx_rtprop_redis_conn_soon(conn, "its name was not found");
        return;
    }

    found = &ctx->addrs[conn->turn % ctx->naddrs];

    ngx_memcpy(&sockaddr, found->sockaddr, found->socklen);
    addr.sockaddr = &sockaddr.sockaddr;
    addr.socklen = found->socklen;
    ngx_inet_set_port(addr.sockaddr, conn->addr->port);

    ngx_resolve_name_done(ctx);
    ngx_rtprop_redis_conn_connect(conn, &addr);
}


/* It fails, but not within the caller's call. */

static void
ngx_rtprop_redis_conn_soon(ngx_rtprop_redis_conn_t *conn, const char *why)
{
    ngx_cpystrn((u_char *) conn->why, (u_char *) why, NGX_RTPROP_REDIS_WHY);
    ngx_add_timer(&conn->timer, 1);
}


static void
ngx_rtprop_redis_conn_connect(ngx_rtprop_redis_conn_t *conn, ngx_addr_t *addr)
{
    u_char             text[NGX_RTPROP_REDIS_WHY];
    ngx_err_t          err;
    ngx_connection_t  *c;

    c = ngx_rtprop_redis_conn_socket(conn, addr->sockaddr->sa_family);

    if (c == NULL) {
        return;
    }

    err = 0;

    if (ngx_nonblocking(c->fd) == -1
        || (ngx_add_conn && ngx_add_conn(c) != NGX_OK)
        || ngx_rtprop_redis_conn_reader(conn) != NGX_OK)
    {
        goto failed;
    }

    if (connect(c->fd, addr->sockaddr, addr->socklen) == -1) {
        err = ngx_socket_errno;
    }

    if ((err && err != NGX_EINPROGRESS)
        || ngx_rtprop_redis_conn_events(c, err ? NGX_AGAIN : NGX_OK) != NGX_OK)
    {
        goto failed;
    }

    if (addr->sockaddr->sa_family != AF_UNIX) {
        (void) ngx_tcp_nodelay(c);
    }

    conn->c = c;

    if (err == 0) {
        ngx_post_event(c->write, &ngx_posted_events);
    }

    return;

failed:

    ngx_close_connection(c);

    *ngx_strerror(err ? err : NGX_ENOMEM, text, sizeof(text) - 1) = '\0';
    ngx_rtprop_redis_conn_soon(conn, (char *) text);
}


/* NULL: the reason is said, the attempt fails soon. */

static ngx_connection_t *
ngx_rtprop_redis_conn_socket(ngx_rtprop_redis_conn_t *conn, int family)
{
    ngx_log_t         *log;
    ngx_socket_t       fd;
    ngx_connection_t  *c;

    log = conn->redis->worker->log;
    fd = ngx_socket(family, SOCK_STREAM, 0);

    if (fd == (ngx_socket_t) -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_socket_errno,
                      ngx_socket_n " failed");
        ngx_rtprop_redis_conn_soon(conn, "no socket left");
        return NULL;
    }

    c = ngx_get_connection(fd, log);

    if (c == NULL) {
        (void) ngx_close_socket(fd);
        ngx_rtprop_redis_conn_soon(conn, "no connection left");
        return NULL;
    }

    c->data = conn;
    c->recv = ngx_recv;
    c->send = ngx_send;
    c->log_error = NGX_ERROR_INFO;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);
    c->start_time = ngx_current_msec;
    c->read->log = log;
    c->write->log = log;
    c->read->handler = ngx_rtprop_redis_conn_read;
    c->write->handler = ngx_rtprop_redis_conn_writable;

    return c;
}


/* As ngx_event_connect_peer() does. */

static ngx_int_t
ngx_rtprop_redis_conn_events(ngx_connection_t *c, ngx_int_t rc)
{
    ngx_uint_t  event;

    if (ngx_add_conn == NULL) {
        event = (ngx_event_flags & NGX_USE_CLEAR_EVENT) ? NGX_CLEAR_EVENT
                                                        : NGX_LEVEL_EVENT;

        if (ngx_add_event(c->read, NGX_READ_EVENT, event) != NGX_OK
            || (rc == NGX_AGAIN
                && ngx_add_event(c->write, NGX_WRITE_EVENT, event) != NGX_OK))
        {
            return NGX_ERROR;
        }
    }

    c->write->ready = (rc == NGX_OK);

    return NGX_OK;
}


void
ngx_rtprop_redis_conn_writable(ngx_event_t *wev)
{
    int                       err;
    u_char                    text[NGX_RTPROP_REDIS_WHY];
    socklen_t                 len;
    ngx_connection_t         *c;
    ngx_rtprop_redis_conn_t  *conn;

    c = wev->data;
    conn = c->data;

    if (conn->state != NGX_RTPROP_REDIS_CONNECTING) {
        ngx_rtprop_redis_conn_flush(&conn->flush);
        return;
    }

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        *ngx_strerror(err, text, sizeof(text) - 1) = '\0';
        ngx_rtprop_redis_conn_fail(conn, "%s", text);
        return;
    }

    conn->state = NGX_RTPROP_REDIS_LOGIN;

    if (ngx_rtprop_redis_login(conn) != NGX_OK) {
        ngx_rtprop_redis_conn_fail(conn, "no memory");
    }
}
