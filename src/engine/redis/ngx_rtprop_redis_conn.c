/*
 * One connection to a Redis: what was queued is written once per turn of the
 * loop; what is awaited, and an idle connection, has its time.
 */

#include "engine/redis/ngx_rtprop_redis_conn.h"
#include "base/ngx_rtprop_socket.h"


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

    if (conn->c) {
        ngx_rtprop_socket_abort(conn->c->fd, conn->c->log);
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


void
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
