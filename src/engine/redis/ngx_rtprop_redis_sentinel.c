/*
 * Sentinels: which Redis is the master?
 *
 * One connection asks, whenever the master is to be found, one Sentinel after
 * the other.  Another one stays and hears "+switch-master", so that a master
 * that lives on cut off from the rest is left at once; when that connection
 * was lost, the master is asked for again.
 */

#include "engine/redis/ngx_rtprop_redis_conn.h"


struct ngx_rtprop_redis_sentinel_s {
    ngx_rtprop_redis_t         *redis;
    ngx_rtprop_redis_conn_t     ask;
    ngx_rtprop_redis_conn_t     watch;
    ngx_uint_t                  asked;     /* the Sentinel, of conf->addrs */
    ngx_uint_t                  watched;
    ngx_uint_t                  tried;     /* Sentinels, for this question */
    ngx_uint_t                  failures;  /* of watching */
    ngx_event_t                 retry;
    ngx_rtprop_redis_cmd_t      cmd;
    ngx_str_t                   argv[3];
};


static void ngx_rtprop_redis_sentinel_next(
    ngx_rtprop_redis_sentinel_t *sentinel);
static void ngx_rtprop_redis_sentinel_ready(ngx_rtprop_redis_conn_t *conn);
static void ngx_rtprop_redis_sentinel_reply(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_cmd_t *cmd, redisReply *reply);
static void ngx_rtprop_redis_sentinel_lost(ngx_rtprop_redis_conn_t *conn);
static void ngx_rtprop_redis_sentinel_done(ngx_rtprop_redis_cmd_t *cmd);
static ngx_int_t ngx_rtprop_redis_sentinel_address(redisReply *reply,
    rtprop_redis_host_t *host);
static void ngx_rtprop_redis_sentinel_found(
    ngx_rtprop_redis_sentinel_t *sentinel, rtprop_redis_host_t *host);
static void ngx_rtprop_redis_sentinel_unknown(
    ngx_rtprop_redis_sentinel_t *sentinel, const char *why);
static void ngx_rtprop_redis_sentinel_watch(ngx_event_t *ev);
static void ngx_rtprop_redis_sentinel_watching(ngx_rtprop_redis_conn_t *conn);
static void ngx_rtprop_redis_sentinel_heard(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_cmd_t *cmd, redisReply *reply);
static void ngx_rtprop_redis_sentinel_deaf(ngx_rtprop_redis_conn_t *conn);


static ngx_rtprop_redis_owner_t  ngx_rtprop_redis_sentinel_asks = {
    ngx_rtprop_redis_sentinel_ready,
    ngx_rtprop_redis_sentinel_reply,
    ngx_rtprop_redis_sentinel_lost
};


static ngx_rtprop_redis_owner_t  ngx_rtprop_redis_sentinel_watches = {
    ngx_rtprop_redis_sentinel_watching,
    ngx_rtprop_redis_sentinel_heard,
    ngx_rtprop_redis_sentinel_deaf
};


ngx_rtprop_redis_sentinel_t *
ngx_rtprop_redis_sentinel_create(ngx_rtprop_redis_t *redis)
{
    ngx_rtprop_redis_sentinel_t  *sentinel;

    sentinel = ngx_pcalloc(redis->worker->pool,
                           sizeof(ngx_rtprop_redis_sentinel_t));

    if (sentinel == NULL) {
        return NULL;
    }

    sentinel->redis = redis;

    /* workers spread over the Sentinels */

    sentinel->asked = (ngx_uint_t) ngx_random() % redis->conf->naddrs;
    sentinel->watched = sentinel->asked;

    ngx_rtprop_redis_conn_init(&sentinel->ask, redis, NGX_RTPROP_REDIS_ASK);
    sentinel->ask.owner = &ngx_rtprop_redis_sentinel_asks;
    sentinel->ask.data = sentinel;

    ngx_rtprop_redis_conn_init(&sentinel->watch, redis,
                               NGX_RTPROP_REDIS_WATCH);
    sentinel->watch.owner = &ngx_rtprop_redis_sentinel_watches;
    sentinel->watch.data = sentinel;

    ngx_str_set(&sentinel->argv[0], "SENTINEL");
    ngx_str_set(&sentinel->argv[1], "GET-MASTER-ADDR-BY-NAME");
    sentinel->argv[2] = redis->conf->master;
    sentinel->cmd.done = ngx_rtprop_redis_sentinel_done;
    sentinel->cmd.data = sentinel;
    sentinel->cmd.argv = sentinel->argv;
    sentinel->cmd.argc = 3;
    sentinel->cmd.internal = 1;

    sentinel->retry.handler = ngx_rtprop_redis_sentinel_watch;
    sentinel->retry.data = sentinel;
    sentinel->retry.log = redis->worker->log;
    sentinel->retry.cancelable = 1;

    ngx_rtprop_redis_sentinel_watch(&sentinel->retry);

    return sentinel;
}


void
ngx_rtprop_redis_sentinel_close(ngx_rtprop_redis_sentinel_t *sentinel)
{
    if (sentinel->retry.timer_set) {
        ngx_del_timer(&sentinel->retry);
    }

    ngx_rtprop_redis_conn_close(&sentinel->ask);
    ngx_rtprop_redis_conn_close(&sentinel->watch);
}


/* ------------------------------------------------------- the question --- */

void
ngx_rtprop_redis_sentinel_find(ngx_rtprop_redis_sentinel_t *sentinel)
{
    if (sentinel->ask.state != NGX_RTPROP_REDIS_CLOSED) {
        return;
    }

    sentinel->tried = 0;
    ngx_rtprop_redis_sentinel_next(sentinel);
}


static void
ngx_rtprop_redis_sentinel_next(ngx_rtprop_redis_sentinel_t *sentinel)
{
    ngx_rtprop_redis_conf_t  *conf;

    conf = sentinel->redis->conf;
    sentinel->tried++;

    ngx_rtprop_redis_conn_open(&sentinel->ask,
                               &conf->addrs[sentinel->asked % conf->naddrs],
                               sentinel->asked / conf->naddrs);
}


static void
ngx_rtprop_redis_sentinel_ready(ngx_rtprop_redis_conn_t *conn)
{
    ngx_rtprop_redis_sentinel_t  *sentinel;

    sentinel = conn->data;

    if (ngx_rtprop_redis_conn_write(conn, sentinel->argv, 3) != NGX_OK) {
        ngx_rtprop_redis_conn_fail(conn, "no memory");
        return;
    }

    ngx_rtprop_redis_conn_await(conn, &sentinel->cmd);
}


static void
ngx_rtprop_redis_sentinel_reply(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_cmd_t *cmd, redisReply *reply)
{
    rtprop_redis_host_t           host;
    ngx_rtprop_redis_sentinel_t  *sentinel;

    sentinel = conn->data;

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_rtprop_redis_conn_fail(conn, "the Sentinel refuses: %*s",
                                   (size_t) ngx_min(reply->len, 80),
                                   reply->str);
        return;
    }

    if (ngx_rtprop_redis_sentinel_address(reply, &host) != NGX_OK) {
        ngx_rtprop_redis_conn_fail(conn, "a Sentinel does not know \"%V\"",
                                   &sentinel->redis->conf->master);
        return;
    }

    ngx_rtprop_redis_sentinel_found(sentinel, &host);
    ngx_rtprop_redis_conn_close(conn);
}


static ngx_int_t
ngx_rtprop_redis_sentinel_address(redisReply *reply, rtprop_redis_host_t *host)
{
    ngx_int_t     port;
    redisReply  **e;

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
        return NGX_ERROR;
    }

    e = reply->element;

    if (e[0]->type != REDIS_REPLY_STRING || e[1]->type != REDIS_REPLY_STRING) {
        return NGX_ERROR;
    }

    port = ngx_atoi((u_char *) e[1]->str, e[1]->len);

    if (port < 1 || port > 65535 || e[0]->len == 0) {
        return NGX_ERROR;
    }

    host->host.data = (u_char *) e[0]->str;
    host->host.len = e[0]->len;
    host->port = (unsigned) port;

    return NGX_OK;
}


static void
ngx_rtprop_redis_sentinel_found(ngx_rtprop_redis_sentinel_t *sentinel,
    rtprop_redis_host_t *host)
{
    ngx_rtprop_redis_node_t  *node;

    node = sentinel->redis->node;

    if (!ngx_rtprop_redis_node_is(node, host)) {

        /* of the old master nothing more is wanted */

        ngx_rtprop_redis_node_leave(node);

        if (ngx_rtprop_redis_node_learn(node, host) != NGX_OK) {
            ngx_rtprop_redis_node_fail(node, "the master's name is too long");
            return;
        }

        ngx_log_error(NGX_LOG_NOTICE, sentinel->redis->worker->log, 0,
                      "rtprop: Sentinel says that \"%V\" is \"%V\"",
                      &sentinel->redis->conf->master, &node->addr.name);
    }

    if (node->state == NGX_RTPROP_REDIS_NODE_DOWN) {
        node->state = NGX_RTPROP_REDIS_NODE_TRYING;
    }

    ngx_rtprop_redis_node_open(node);
}


/* A Sentinel that did not answer: the next one, each once. */

static void
ngx_rtprop_redis_sentinel_lost(ngx_rtprop_redis_conn_t *conn)
{
    ngx_rtprop_redis_sentinel_t  *sentinel;

    sentinel = conn->data;
    sentinel->asked++;

    if (sentinel->tried < sentinel->redis->conf->naddrs) {
        ngx_rtprop_redis_sentinel_next(sentinel);
        return;
    }

    ngx_rtprop_redis_sentinel_unknown(sentinel, conn->why);
}


static void
ngx_rtprop_redis_sentinel_unknown(ngx_rtprop_redis_sentinel_t *sentinel,
    const char *why)
{
    u_char                    text[NGX_RTPROP_REDIS_WHY];
    ngx_rtprop_redis_node_t  *node;

    node = sentinel->redis->node;

    /* what is connected may go on without Sentinels */

    if (node->state == NGX_RTPROP_REDIS_NODE_UP) {
        return;
    }

    *ngx_snprintf(text, sizeof(text) - 1, "no Sentinel helps: %s", why)
        = '\0';
    ngx_rtprop_redis_node_fail(node, (char *) text);
}


/* The connection was lost ahead of the answer, or closed after it. */

static void
ngx_rtprop_redis_sentinel_done(ngx_rtprop_redis_cmd_t *cmd)
{
    /* void */
}


/* ------------------------------------------------------- the listener --- */

static void
ngx_rtprop_redis_sentinel_watch(ngx_event_t *ev)
{
    ngx_rtprop_redis_conf_t      *conf;
    ngx_rtprop_redis_sentinel_t  *sentinel;

    sentinel = ev->data;
    conf = sentinel->redis->conf;

    ngx_rtprop_redis_conn_open(&sentinel->watch,
                               &conf->addrs[sentinel->watched % conf->naddrs],
                               sentinel->watched / conf->naddrs);
}


static void
ngx_rtprop_redis_sentinel_watching(ngx_rtprop_redis_conn_t *conn)
{
    ngx_str_t                     argv[2];
    ngx_rtprop_redis_sentinel_t  *sentinel;

    sentinel = conn->data;
    ngx_str_set(&argv[0], "SUBSCRIBE");
    ngx_str_set(&argv[1], "+switch-master");

    if (ngx_rtprop_redis_conn_write(conn, argv, 2) != NGX_OK) {
        ngx_rtprop_redis_conn_fail(conn, "no memory");
        return;
    }

    sentinel->failures = 0;
}


/* Confirmed, or switched: ask, whoever says so. */

static void
ngx_rtprop_redis_sentinel_heard(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_cmd_t *cmd, redisReply *reply)
{
    ngx_str_t                    *master;
    redisReply                   *text;
    ngx_rtprop_redis_sentinel_t  *sentinel;

    sentinel = conn->data;
    master = &sentinel->redis->conf->master;

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_rtprop_redis_conn_fail(conn, "the Sentinel refuses: %*s",
                                   (size_t) ngx_min(reply->len, 80),
                                   reply->str);
        return;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3) {
        return;
    }

    text = reply->element[2];

    /* "name old-host old-port host port" */

    if (text->type == REDIS_REPLY_STRING
        && (text->len <= master->len || text->str[master->len] != ' '
            || ngx_memcmp(text->str, master->data, master->len) != 0))
    {
        return;
    }

    ngx_rtprop_redis_sentinel_find(sentinel);
}


static void
ngx_rtprop_redis_sentinel_deaf(ngx_rtprop_redis_conn_t *conn)
{
    ngx_uint_t                    level;
    ngx_msec_t                    pause;
    ngx_rtprop_redis_sentinel_t  *sentinel;

    sentinel = conn->data;
    sentinel->watched++;

    level = (sentinel->failures == 0) ? NGX_LOG_WARN : NGX_LOG_INFO;

    ngx_log_error(level, conn->redis->worker->log, 0,
                  "rtprop: Sentinel \"%V\" is away: %s", &conn->addr->name,
                  conn->why);

    sentinel->failures++;
    pause = conn->redis->conf->retry;
    ngx_add_timer(&sentinel->retry,
                  pause / 2 + (ngx_msec_t) ngx_random() % (pause / 2 + 1));
}
