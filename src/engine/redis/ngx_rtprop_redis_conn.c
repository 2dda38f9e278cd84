/*
 * One connection to a Redis: connect, log in, write what was queued once per
 * turn of the loop, read replies.
 *
 * Of hiredis only its reader is used.  Its bounds are set here: the depth is
 * its own (8), a reply's octets and elements are ours.  A reply is taken while
 * its connection is the one that it came from: each open and close is a new
 * serial, so that what is called may close the connection.
 */

#include "engine/redis/ngx_rtprop_redis_conn.h"


static void ngx_rtprop_redis_conn_resolve(ngx_rtprop_redis_conn_t *conn);
static void ngx_rtprop_redis_conn_resolved(ngx_resolver_ctx_t *ctx);
static void ngx_rtprop_redis_conn_soon(ngx_rtprop_redis_conn_t *conn,
    const char *why);
static void ngx_rtprop_redis_conn_connect(ngx_rtprop_redis_conn_t *conn,
    ngx_addr_t *addr);
static ngx_int_t ngx_rtprop_redis_conn_events(ngx_connection_t *c,
    ngx_int_t rc);
static void ngx_rtprop_redis_conn_writable(ngx_event_t *wev);
static ngx_int_t ngx_rtprop_redis_conn_reader(ngx_rtprop_redis_conn_t *conn);
static void *ngx_rtprop_redis_conn_array(const redisReadTask *task,
    ngx_rtprop_redis_elements_t n);
static void ngx_rtprop_redis_conn_flush(ngx_event_t *ev);
static void ngx_rtprop_redis_conn_read(ngx_event_t *rev);
static ngx_int_t ngx_rtprop_redis_conn_feed(ngx_rtprop_redis_conn_t *conn,
    size_t n);
static void ngx_rtprop_redis_conn_malformed(ngx_rtprop_redis_conn_t *conn);
static void ngx_rtprop_redis_conn_take(ngx_rtprop_redis_conn_t *conn,
    redisReply *reply);
static void ngx_rtprop_redis_conn_timer(ngx_event_t *ev);
static void ngx_rtprop_redis_conn_idle(ngx_rtprop_redis_conn_t *conn);
static void ngx_rtprop_redis_conn_pinged(ngx_rtprop_redis_cmd_t *cmd);


void
ngx_rtprop_redis_conn_init(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_t *redis, ngx_rtprop_redis_use_e use)
{
    conn->redis = redis;
    conn->use = use;

    ngx_queue_init(&conn->inflight);

    conn->flush.handler = ngx_rtprop_redis_conn_flush;
    conn->flush.data = conn;
    conn->flush.log = redis->worker->log;

    conn->timer.handler = ngx_rtprop_redis_conn_timer;
    conn->timer.data = conn;
    conn->timer.log = redis->worker->log;
    conn->timer.cancelable = 1;

    ngx_str_set(&conn->ping_argv, "PING");
    conn->ping.done = ngx_rtprop_redis_conn_pinged;
    conn->ping.data = conn;
    conn->ping.argv = &conn->ping_argv;
    conn->ping.argc = 1;
    conn->ping.internal = 1;
}


void
ngx_rtprop_redis_conn_open(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_addr_t *addr, ngx_uint_t turn)
{
    ngx_msec_t  timeout;

    conn->serial++;
    conn->addr = addr;
    conn->turn = turn;
    conn->state = NGX_RTPROP_REDIS_CONNECTING;
    conn->error = RTPROP_REDIS_E_OTHER;
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
    ngx_log_t         *log;
    ngx_socket_t       fd;
    ngx_connection_t  *c;

    log = conn->redis->worker->log;
    fd = ngx_socket(addr->sockaddr->sa_family, SOCK_STREAM, 0);

    if (fd == (ngx_socket_t) -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_socket_errno,
                      ngx_socket_n " failed");
        ngx_rtprop_redis_conn_soon(conn, "no socket left");
        return;
    }

    c = ngx_get_connection(fd, log);

    if (c == NULL) {
        (void) ngx_close_socket(fd);
        ngx_rtprop_redis_conn_soon(conn, "no connection left");
        return;
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

    err = 0;

    if (ngx_nonblocking(fd) == -1
        || (ngx_add_conn && ngx_add_conn(c) != NGX_OK)
        || ngx_rtprop_redis_conn_reader(conn) != NGX_OK)
    {
        goto failed;
    }

    if (connect(fd, addr->sockaddr, addr->socklen) == -1) {
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


static void
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


/* ------------------------------------------------------------- the end --- */

void
ngx_rtprop_redis_conn_close(ngx_rtprop_redis_conn_t *conn)
{
    ngx_queue_t             *q;
    ngx_rtprop_redis_cmd_t  *cmd;

    conn->serial++;
    conn->state = NGX_RTPROP_REDIS_CLOSED;

    if (conn->timer.timer_set) {
        ngx_del_timer(&conn->timer);
    }

    if (conn->flush.posted) {
        ngx_delete_posted_event(&conn->flush);
    }

    if (conn->resolving) {
        ngx_resolve_name_done(conn->resolving);
        conn->resolving = NULL;
    }

    if (conn->c) {
        ngx_close_connection(conn->c);
        conn->c = NULL;
    }

    if (conn->reader) {
        redisReaderFree(conn->reader);
        conn->reader = NULL;
    }

    if (conn->out) {
        ngx_free(conn->out);
        conn->out = NULL;
    }

    conn->out_pos = conn->out_last = conn->out_size = 0;

    while (!ngx_queue_empty(&conn->inflight)) {
        q = ngx_queue_head(&conn->inflight);
        ngx_queue_remove(q);
        cmd = ngx_queue_data(q, ngx_rtprop_redis_cmd_t, queue);
        ngx_rtprop_redis_end(conn->redis, cmd, NGX_ERROR);
    }
}


void
ngx_rtprop_redis_conn_fail(ngx_rtprop_redis_conn_t *conn, const char *fmt, ...)
{
    u_char   *p, why[NGX_RTPROP_REDIS_WHY];
    va_list   args;

    /* the text may be made of what it replaces */

    va_start(args, fmt);
    p = ngx_vslprintf(why, why + sizeof(why) - 1, fmt, args);
    va_end(args);

    *p = '\0';

    /* what comes from Redis may be anything */

    for (p = why; *p; p++) {
        *p = (*p < ' ' || *p >= 0x7f) ? '?' : *p;
    }

    ngx_memcpy(conn->why, why, p - why + 1);

    if (conn->state == NGX_RTPROP_REDIS_READY) {
        ngx_rtprop_redis_stat(conn->redis, NGX_RTPROP_REDIS_STAT_LOST, 1);
    }

    ngx_rtprop_redis_conn_close(conn);

    conn->owner->lost(conn);
}


/* ------------------------------------------------------------- writing --- */

u_char *
ngx_rtprop_redis_conn_room(ngx_rtprop_redis_conn_t *conn, size_t size,
    ngx_int_t *rc)
{
    size_t   used, wanted;
    u_char  *p;

    used = conn->out_last - conn->out_pos;

    if (used + size > conn->redis->conf->buffer) {
        *rc = NGX_BUSY;
        return NULL;
    }

    if (conn->out_size - conn->out_last >= size) {
        return conn->out + conn->out_last;
    }

    for (wanted = 4096; wanted < used + size; wanted *= 2) { /* void */ }

    p = conn->out;

    if (wanted > conn->out_size) {
        p = ngx_alloc(wanted, conn->redis->worker->log);

        if (p == NULL) {
            *rc = NGX_ERROR;
            return NULL;
        }
    }

    if (used) {
        ngx_memmove(p, conn->out + conn->out_pos, used);
    }

    if (p != conn->out) {
        if (conn->out) {
            ngx_free(conn->out);
        }

        conn->out = p;
        conn->out_size = wanted;
    }

    conn->out_pos = 0;
    conn->out_last = used;

    return p + used;
}


void
ngx_rtprop_redis_conn_written(ngx_rtprop_redis_conn_t *conn, u_char *last)
{
    conn->out_last = last - conn->out;

    ngx_post_event(&conn->flush, &ngx_posted_events);
}


ngx_int_t
ngx_rtprop_redis_conn_write(ngx_rtprop_redis_conn_t *conn, ngx_str_t *argv,
    ngx_uint_t n)
{
    size_t      size;
    u_char     *p;
    ngx_int_t   rc;
    ngx_uint_t  i;

    size = RTPROP_REDIS_HEAD;

    for (i = 0; i < n; i++) {
        size += rtprop_redis_arg_size(argv[i].len);
    }

    p = ngx_rtprop_redis_conn_room(conn, size, &rc);

    if (p == NULL) {
        return rc;
    }

    p = rtprop_redis_head(p, n);

    for (i = 0; i < n; i++) {
        p = rtprop_redis_arg(p, argv[i].data, argv[i].len);
    }

    ngx_rtprop_redis_conn_written(conn, p);

    return NGX_OK;
}


void
ngx_rtprop_redis_conn_await(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_cmd_t *cmd)
{
    ngx_msec_t  left, timeout;

    cmd->start = ngx_rtprop_usec();
    ngx_queue_insert_tail(&conn->inflight, &cmd->queue);

    if (ngx_queue_head(&conn->inflight) != &cmd->queue) {
        return;
    }

    /* a worker that exits waits for the reply, not for the next ping */

    conn->timer.cancelable = 0;
    timeout = conn->redis->conf->timeout;
    left = conn->timer.timer_set ? conn->timer.timer.key - ngx_current_msec
                                 : timeout + 1;

    if (left > timeout) {
        ngx_add_timer(&conn->timer, timeout);
    }
}


static void
ngx_rtprop_redis_conn_flush(ngx_event_t *ev)
{
    ssize_t                   n;
    ngx_connection_t         *c;
    ngx_rtprop_redis_conn_t  *conn;

    conn = ev->data;
    c = conn->c;

    if (c == NULL || conn->state == NGX_RTPROP_REDIS_CONNECTING) {
        return;
    }

    while (conn->out_pos < conn->out_last && c->write->ready) {
        n = c->send(c, conn->out + conn->out_pos,
                    conn->out_last - conn->out_pos);

        if (n == NGX_ERROR) {
            ngx_rtprop_redis_conn_fail(conn, "connection lost");
            return;
        }

        if (n == NGX_AGAIN) {
            break;
        }

        conn->out_pos += n;
    }

    if (conn->out_pos == conn->out_last) {
        conn->out_pos = conn->out_last = 0;

        if (conn->out_size > NGX_RTPROP_REDIS_KEPT) {
            ngx_free(conn->out);
            conn->out = NULL;
            conn->out_size = 0;
        }
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_rtprop_redis_conn_fail(conn, "event loop refused it");
    }
}


/* ------------------------------------------------------------- reading --- */

static ngx_int_t
ngx_rtprop_redis_conn_reader(ngx_rtprop_redis_conn_t *conn)
{
    redisReader         *reader;
    ngx_rtprop_redis_t  *redis;

    redis = conn->redis;

    if (redis->create_array == NULL) {
        reader = redisReaderCreate();

        if (reader == NULL) {
            return NGX_ERROR;
        }

        redis->functions = *reader->fn;
        redis->create_array = redis->functions.createArray;
        redis->functions.createArray = ngx_rtprop_redis_conn_array;
        redisReaderFree(reader);
    }

    if (conn->reader) {
        redisReaderFree(conn->reader);
    }

    conn->reader = redisReaderCreateWithFunctions(&redis->functions);

    if (conn->reader == NULL) {
        return NGX_ERROR;
    }

    conn->reader->privdata = conn;

    return NGX_OK;
}


/* NULL is taken for a lack of memory, and ends the reader. */

static void *
ngx_rtprop_redis_conn_array(const redisReadTask *task,
    ngx_rtprop_redis_elements_t n)
{
    ngx_rtprop_redis_conn_t  *conn;

    conn = task->privdata;

    if (n > 0) {
        conn->elements += (ngx_uint_t) n;
    }

    if (conn->elements > NGX_RTPROP_REDIS_ELEMENTS) {
        return NULL;
    }

    return conn->redis->create_array(task, n);
}


static void
ngx_rtprop_redis_conn_read(ngx_event_t *rev)
{
    ssize_t                   n;
    ngx_uint_t                i;
    ngx_connection_t         *c;
    ngx_rtprop_redis_conn_t  *conn;

    c = rev->data;
    conn = c->data;

    if (conn->state == NGX_RTPROP_REDIS_CONNECTING) {
        ngx_rtprop_redis_conn_writable(c->write);

        if (conn->c != c) {
            return;
        }
    }

    for (i = 0; i < NGX_RTPROP_REDIS_READS; i++) {
        n = c->recv(c, conn->redis->buffer, NGX_RTPROP_REDIS_READ);

        if (n == NGX_AGAIN) {
            if (ngx_handle_read_event(rev, 0) != NGX_OK) {
                ngx_rtprop_redis_conn_fail(conn, "event loop refused it");
            }

            return;
        }

        if (n <= 0) {
            ngx_rtprop_redis_conn_fail(conn, n ? "connection lost"
                                               : "connection closed by Redis");
            return;
        }

        conn->heard = ngx_current_msec;

        if (ngx_rtprop_redis_conn_feed(conn, n) != NGX_OK) {
            return;
        }
    }

    /* others first */

    ngx_post_event(rev, &ngx_posted_next_events);
}


/* NGX_ERROR: the connection is not what it was any more. */

static ngx_int_t
ngx_rtprop_redis_conn_feed(ngx_rtprop_redis_conn_t *conn, size_t n)
{
    void         *reply;
    ngx_uint_t    serial;
    redisReader  *reader;

    reader = conn->reader;
    serial = conn->serial;
    conn->unread += n;

    if (redisReaderFeed(reader, (char *) conn->redis->buffer, n) != REDIS_OK) {
        ngx_rtprop_redis_conn_malformed(conn);
        return NGX_ERROR;
    }

    for ( ;; ) {
        reply = NULL;

        if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
            ngx_rtprop_redis_conn_malformed(conn);
            return NGX_ERROR;
        }

        if (reply == NULL) {
            break;
        }

        conn->elements = 0;
        conn->unread = reader->len - reader->pos;

        ngx_rtprop_redis_conn_take(conn, reply);
        freeReplyObject(reply);

        if (conn->serial != serial) {
            return NGX_ERROR;
        }
    }

    if (conn->unread > conn->redis->conf->max_reply) {
        ngx_rtprop_redis_stat(conn->redis, NGX_RTPROP_REDIS_STAT_MALFORMED, 1);
        ngx_rtprop_redis_conn_fail(conn, "a reply of more than %uz octets",
                                   conn->redis->conf->max_reply);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_rtprop_redis_conn_malformed(ngx_rtprop_redis_conn_t *conn)
{
    ngx_rtprop_redis_stat(conn->redis, NGX_RTPROP_REDIS_STAT_MALFORMED, 1);

    if (conn->elements > NGX_RTPROP_REDIS_ELEMENTS) {
        ngx_rtprop_redis_conn_fail(conn, "a reply of more than %d elements",
                                   NGX_RTPROP_REDIS_ELEMENTS);
        return;
    }

    ngx_rtprop_redis_conn_fail(conn, "a malformed reply: %s",
                               conn->reader->errstr);
}


static void
ngx_rtprop_redis_conn_take(ngx_rtprop_redis_conn_t *conn, redisReply *reply)
{
    ngx_queue_t             *q;
    ngx_rtprop_redis_cmd_t  *cmd;

    if (conn->state == NGX_RTPROP_REDIS_LOGIN) {
        ngx_rtprop_redis_login_reply(conn, reply);
        return;
    }

    if (ngx_rtprop_redis_conn_listens(conn)) {
        conn->pinging = 0;
        conn->owner->reply(conn, NULL, reply);
        return;
    }

    if (ngx_queue_empty(&conn->inflight)) {
        ngx_rtprop_redis_stat(conn->redis, NGX_RTPROP_REDIS_STAT_MALFORMED, 1);
        ngx_rtprop_redis_conn_fail(conn, "a reply that nobody awaits");
        return;
    }

    q = ngx_queue_head(&conn->inflight);
    cmd = ngx_queue_data(q, ngx_rtprop_redis_cmd_t, queue);

    if (cmd->asking) {

        /* of the ASKING ahead of it */

        cmd->asking = 0;
        return;
    }

    ngx_queue_remove(q);

    if (ngx_queue_empty(&conn->inflight)) {
        conn->timer.cancelable = 1;
    }

    if (cmd == &conn->ping) {
        conn->pinging = 0;
        return;
    }

    conn->owner->reply(conn, cmd, reply);
}


/* -------------------------------------------------------------- timing --- */

static void
ngx_rtprop_redis_conn_timer(ngx_event_t *ev)
{
    uint64_t                  waited, timeout;
    ngx_queue_t              *q;
    ngx_rtprop_redis_cmd_t   *cmd;
    ngx_rtprop_redis_conn_t  *conn;

    conn = ev->data;

    if (conn->state != NGX_RTPROP_REDIS_READY) {
        if (conn->why[0]) {
            ngx_rtprop_redis_conn_fail(conn, "%s", conn->why);
            return;
        }

        ngx_rtprop_redis_stat(conn->redis, NGX_RTPROP_REDIS_STAT_TIMEOUTS, 1);
        ngx_rtprop_redis_conn_fail(conn, "connecting timed out");
        return;
    }

    if (ngx_queue_empty(&conn->inflight)) {
        ngx_rtprop_redis_conn_idle(conn);
        return;
    }

    q = ngx_queue_head(&conn->inflight);
    cmd = ngx_queue_data(q, ngx_rtprop_redis_cmd_t, queue);
    timeout = (uint64_t) conn->redis->conf->timeout * 1000;
    waited = ngx_rtprop_usec() - cmd->start;

    if (waited >= timeout) {
        ngx_rtprop_redis_stat(conn->redis, NGX_RTPROP_REDIS_STAT_TIMEOUTS, 1);
        ngx_rtprop_redis_conn_fail(conn, "no reply in %M ms",
                                   conn->redis->conf->timeout);
        return;
    }

    ngx_add_timer(ev, (timeout - waited) / 1000 + 1);
}


/* Nothing is awaited: a ping, unless something came lately. */

static void
ngx_rtprop_redis_conn_idle(ngx_rtprop_redis_conn_t *conn)
{
    ngx_msec_t  silent, timeout;

    silent = ngx_current_msec - conn->heard;
    timeout = conn->redis->conf->timeout;

    if (conn->pinging && silent >= timeout) {
        ngx_rtprop_redis_stat(conn->redis, NGX_RTPROP_REDIS_STAT_TIMEOUTS, 1);
        ngx_rtprop_redis_conn_fail(conn, "no reply in %M ms", timeout);
        return;
    }

    if (silent < timeout) {
        ngx_add_timer(&conn->timer, timeout - silent);
        return;
    }

    if (ngx_rtprop_redis_conn_write(conn, &conn->ping_argv, 1) == NGX_OK) {
        conn->pinging = 1;

        if (!ngx_rtprop_redis_conn_listens(conn)) {
            ngx_rtprop_redis_conn_await(conn, &conn->ping);
            conn->timer.cancelable = 1;
        }
    }

    ngx_add_timer(&conn->timer, timeout);
}



static void
ngx_rtprop_redis_conn_pinged(ngx_rtprop_redis_cmd_t *cmd)
{
    ngx_rtprop_redis_conn_t  *conn;

    conn = cmd->data;
    conn->pinging = 0;
}
