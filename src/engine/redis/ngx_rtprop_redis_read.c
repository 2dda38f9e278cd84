/*
 * What a Redis sends: octets, made replies by hiredis' reader, of which
 * nothing else is used.
 *
 * The depth is the reader's own bound (8); a reply's octets and elements are
 * bounded here.  Each open and close of a connection is a new serial, by which
 * a reply's taking is seen to have closed it.
 */

#include "engine/redis/ngx_rtprop_redis_conn.h"


static void *ngx_rtprop_redis_conn_array(const redisReadTask *task,
    ngx_rtprop_redis_elements_t n);
static ngx_int_t ngx_rtprop_redis_conn_feed(ngx_rtprop_redis_conn_t *conn,
    size_t n);
static void ngx_rtprop_redis_conn_malformed(ngx_rtprop_redis_conn_t *conn);
static void ngx_rtprop_redis_conn_take(ngx_rtprop_redis_conn_t *conn,
    redisReply *reply);


ngx_int_t
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


void
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
