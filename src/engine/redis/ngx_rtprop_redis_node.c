/*
 * One Redis: finds its address, keeps a connection for commands and one for
 * messages, tries again for ever, re-does the subscriptions.
 */

#include "engine/redis/ngx_rtprop_redis_conn.h"


#define NGX_RTPROP_REDIS_PAUSE   50      /* ms, doubled with each failure */


static ngx_int_t ngx_rtprop_redis_node_numeric(ngx_rtprop_redis_node_t *node,
    ngx_str_t *h);
static void ngx_rtprop_redis_node_retry(ngx_event_t *ev);
static void ngx_rtprop_redis_node_ready(ngx_rtprop_redis_conn_t *conn);
static void ngx_rtprop_redis_node_lost(ngx_rtprop_redis_conn_t *conn);
static void ngx_rtprop_redis_node_reply(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_cmd_t *cmd, redisReply *reply);
static void ngx_rtprop_redis_node_refuse(ngx_rtprop_redis_node_t *node);
static ngx_msec_t ngx_rtprop_redis_node_pause(ngx_rtprop_redis_node_t *node);
static ngx_int_t ngx_rtprop_redis_node_write(ngx_rtprop_redis_node_t *node,
    ngx_rtprop_redis_cmd_t *cmd);
static u_char *ngx_rtprop_redis_node_script(u_char *p,
    ngx_rtprop_redis_cmd_t *cmd);


static ngx_rtprop_redis_owner_t  ngx_rtprop_redis_node_owner = {
    ngx_rtprop_redis_node_ready,
    ngx_rtprop_redis_node_reply,
    ngx_rtprop_redis_node_lost
};


ngx_rtprop_redis_node_t *
ngx_rtprop_redis_node_create(ngx_rtprop_redis_t *redis)
{
    ngx_log_t                *log;
    ngx_rtprop_redis_node_t  *node;

    log = redis->worker->log;
    node = ngx_calloc(sizeof(ngx_rtprop_redis_node_t), log);

    if (node == NULL) {
        return NULL;
    }

    node->redis = redis;
    node->listens = 1;

    ngx_rtprop_redis_conn_init(&node->commands, redis,
                               NGX_RTPROP_REDIS_COMMANDS);
    ngx_rtprop_redis_conn_init(&node->messages, redis,
                               NGX_RTPROP_REDIS_MESSAGES);

    node->commands.owner = &ngx_rtprop_redis_node_owner;
    node->commands.data = node;
    node->messages.owner = &ngx_rtprop_redis_node_owner;
    node->messages.data = node;

    ngx_queue_init(&node->waiting);
    ngx_rtprop_redis_subs_init(node);

    node->retry.handler = ngx_rtprop_redis_node_retry;
    node->retry.data = node;
    node->retry.log = log;
    node->retry.cancelable = 1;

    ngx_queue_insert_tail(&redis->nodes, &node->queue);

    return node;
}


void
ngx_rtprop_redis_node_start(ngx_rtprop_redis_node_t *node)
{
    if (node->state == NGX_RTPROP_REDIS_NODE_UP) {
        return;
    }

    if (node->state != NGX_RTPROP_REDIS_NODE_FIRST) {
        node->state = (node->failures || node->was_up)
                      ? NGX_RTPROP_REDIS_NODE_TRYING
                      : NGX_RTPROP_REDIS_NODE_FIRST;
    }

    if (node->redis->sentinel) {
        ngx_rtprop_redis_sentinel_find(node->redis->sentinel);
        return;
    }

    ngx_rtprop_redis_node_open(node);
}


static void
ngx_rtprop_redis_node_retry(ngx_event_t *ev)
{
    ngx_rtprop_redis_node_start(ev->data);
}


void
ngx_rtprop_redis_node_open(ngx_rtprop_redis_node_t *node)
{
    if (node->commands.state == NGX_RTPROP_REDIS_CLOSED) {
        ngx_rtprop_redis_conn_open(&node->commands, &node->addr,
                                   node->failures);
    }

    if (node->listens && node->messages.state == NGX_RTPROP_REDIS_CLOSED) {
        ngx_rtprop_redis_conn_open(&node->messages, &node->addr,
                                   node->failures);
    }
}


ngx_int_t
ngx_rtprop_redis_node_learn(ngx_rtprop_redis_node_t *node,
    rtprop_redis_host_t *host)
{
    u_char                   *p;
    ngx_str_t                 h;
    ngx_uint_t                v6;
    ngx_rtprop_redis_addr_t  *addr;

    addr = &node->addr;
    h.len = host->host.len;
    h.data = host->host.data;

    if (h.len == 0 || h.len > NGX_RTPROP_REDIS_HOST) {
        return NGX_DECLINED;
    }

    v6 = (ngx_strlchr(h.data, h.data + h.len, ':') != NULL);
    p = ngx_sprintf(node->text, v6 ? "[%V]:%ui" : "%V:%ui", &h,
                    (ngx_uint_t) host->port);

    addr->name.data = node->text;
    addr->name.len = p - node->text;
    addr->host.data = v6 ? node->text + 1 : node->text;
    addr->host.len = h.len;
    addr->port = (in_port_t) host->port;
    addr->addrs = &node->learned;

    ngx_memzero(&node->sockaddr, sizeof(ngx_sockaddr_t));
    node->learned.name = addr->name;
    node->learned.sockaddr = &node->sockaddr.sockaddr;

    /* a name is for the resolver */

    addr->naddrs = (ngx_rtprop_redis_node_numeric(node, &h) == NGX_OK) ? 1 : 0;

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_redis_node_numeric(ngx_rtprop_redis_node_t *node, ngx_str_t *h)
{
    in_addr_t             v4;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    v4 = ngx_inet_addr(h->data, h->len);

    if (v4 != INADDR_NONE) {
        node->sockaddr.sockaddr_in.sin_family = AF_INET;
        node->sockaddr.sockaddr_in.sin_addr.s_addr = v4;
        node->learned.socklen = sizeof(struct sockaddr_in);
        ngx_inet_set_port(node->learned.sockaddr, node->addr.port);
        return NGX_OK;
    }

#if (NGX_HAVE_INET6)

    sin6 = &node->sockaddr.sockaddr_in6;

    if (ngx_inet6_addr(h->data, h->len, sin6->sin6_addr.s6_addr) == NGX_OK) {
        sin6->sin6_family = AF_INET6;
        node->learned.socklen = sizeof(struct sockaddr_in6);
        ngx_inet_set_port(node->learned.sockaddr, node->addr.port);
        return NGX_OK;
    }

#endif

    return NGX_DECLINED;
}


ngx_uint_t
ngx_rtprop_redis_node_is(ngx_rtprop_redis_node_t *node,
    rtprop_redis_host_t *host)
{
    return node->addr.port == host->port
           && node->addr.host.len == host->host.len
           && ngx_memcmp(node->addr.host.data, host->host.data,
                         host->host.len)
              == 0;
}


/* ------------------------------------------------------- up and down --- */

static void
ngx_rtprop_redis_node_ready(ngx_rtprop_redis_conn_t *conn)
{
    ngx_rtprop_redis_node_t  *node;

    node = conn->data;

    if (conn == &node->messages) {
        ngx_rtprop_redis_subs_again(node);
    }

    ngx_rtprop_redis_node_check(node);
}


void
ngx_rtprop_redis_node_check(ngx_rtprop_redis_node_t *node)
{
    ngx_queue_t             *q;
    ngx_rtprop_redis_cmd_t  *cmd;

    if (node->state == NGX_RTPROP_REDIS_NODE_UP
        || node->commands.state != NGX_RTPROP_REDIS_READY
        || (node->listens && (node->messages.state != NGX_RTPROP_REDIS_READY
                              || !node->synced)))
    {
        return;
    }

    node->state = NGX_RTPROP_REDIS_NODE_UP;
    node->failures = 0;
    node->was_up = 1;
    node->why[0] = '\0';

    ngx_log_error(NGX_LOG_NOTICE, node->redis->worker->log, 0,
                  "rtprop: connected to Redis \"%V\"", &node->addr.name);

    while (!ngx_queue_empty(&node->waiting)) {
        q = ngx_queue_head(&node->waiting);
        ngx_queue_remove(q);
        cmd = ngx_queue_data(q, ngx_rtprop_redis_cmd_t, queue);
        ngx_rtprop_redis_node_send(node, cmd);
    }

    ngx_rtprop_redis_changed(node->redis, node);
}


static void
ngx_rtprop_redis_node_lost(ngx_rtprop_redis_conn_t *conn)
{
    ngx_rtprop_redis_node_t  *node;

    node = conn->data;

    if (conn == &node->messages) {
        ngx_rtprop_redis_subs_lost(node);
    }

    ngx_rtprop_redis_node_fail(node, conn->why);
}


void
ngx_rtprop_redis_node_fail(ngx_rtprop_redis_node_t *node, const char *why)
{
    ngx_uint_t  level;

    /* a reason is told once, not with each attempt */

    level = ngx_strcmp(node->why, why) ? NGX_LOG_ERR : NGX_LOG_INFO;

    ngx_log_error(level, node->redis->worker->log, 0,
                  "rtprop: Redis \"%V\" is away: %s", &node->addr.name, why);

    *ngx_cpystrn((u_char *) node->why, (u_char *) why, NGX_RTPROP_REDIS_WHY)
        = '\0';

    node->state = NGX_RTPROP_REDIS_NODE_DOWN;

    if (!node->retry.timer_set && !node->redis->closing && !node->stopped) {
        node->failures++;
        ngx_add_timer(&node->retry, ngx_rtprop_redis_node_pause(node));
    }

    ngx_rtprop_redis_node_refuse(node);
    ngx_rtprop_redis_changed(node->redis, node);
}


/* Doubled with each failure up to the bound; from half of that to all. */

static ngx_msec_t
ngx_rtprop_redis_node_pause(ngx_rtprop_redis_node_t *node)
{
    ngx_uint_t  shift;
    ngx_msec_t  pause;

    shift = ngx_min(node->failures, 12) - 1;
    pause = ngx_min((ngx_msec_t) NGX_RTPROP_REDIS_PAUSE << shift,
                    node->redis->conf->retry);

    return pause / 2 + (ngx_msec_t) ngx_random() % (pause / 2 + 1);
}


static void
ngx_rtprop_redis_node_refuse(ngx_rtprop_redis_node_t *node)
{
    ngx_queue_t             *q;
    ngx_rtprop_redis_cmd_t  *cmd;

    while (!ngx_queue_empty(&node->waiting)) {
        q = ngx_queue_head(&node->waiting);
        ngx_queue_remove(q);
        cmd = ngx_queue_data(q, ngx_rtprop_redis_cmd_t, queue);
        ngx_rtprop_redis_end(node->redis, cmd, NGX_ERROR);
    }
}


void
ngx_rtprop_redis_node_leave(ngx_rtprop_redis_node_t *node)
{
    if (node->state == NGX_RTPROP_REDIS_NODE_UP) {
        node->state = NGX_RTPROP_REDIS_NODE_TRYING;
        ngx_cpystrn((u_char *) node->why, (u_char *) "the master has changed",
                    NGX_RTPROP_REDIS_WHY);
    }

    ngx_rtprop_redis_conn_close(&node->commands);
    ngx_rtprop_redis_conn_close(&node->messages);
    ngx_rtprop_redis_subs_lost(node);
    ngx_rtprop_redis_changed(node->redis, node);
}


void
ngx_rtprop_redis_node_stop(ngx_rtprop_redis_node_t *node)
{
    node->state = NGX_RTPROP_REDIS_NODE_DOWN;

    if (node->retry.timer_set) {
        ngx_del_timer(&node->retry);
    }

    ngx_rtprop_redis_conn_close(&node->commands);
    ngx_rtprop_redis_conn_close(&node->messages);
    ngx_rtprop_redis_subs_lost(node);
    ngx_rtprop_redis_node_refuse(node);
}


/* ----------------------------------------------------------- commands --- */

void
ngx_rtprop_redis_node_send(ngx_rtprop_redis_node_t *node,
    ngx_rtprop_redis_cmd_t *cmd)
{
    ngx_int_t  rc;

    if (node->state == NGX_RTPROP_REDIS_NODE_FIRST) {
        ngx_queue_insert_tail(&node->waiting, &cmd->queue);
        return;
    }

    if (node->commands.state != NGX_RTPROP_REDIS_READY) {
        ngx_rtprop_redis_end(node->redis, cmd, NGX_ERROR);
        return;
    }

    rc = ngx_rtprop_redis_node_write(node, cmd);

    if (rc != NGX_OK) {
        ngx_rtprop_redis_end(node->redis, cmd, rc);
        return;
    }

    cmd->sent = 1;
    ngx_rtprop_redis_conn_await(&node->commands, cmd);
}


static ngx_int_t
ngx_rtprop_redis_node_write(ngx_rtprop_redis_node_t *node,
    ngx_rtprop_redis_cmd_t *cmd)
{
    size_t      size;
    u_char     *p;
    ngx_int_t   rc;
    ngx_uint_t  i;

    size = 2 * RTPROP_REDIS_HEAD + rtprop_redis_arg_size(sizeof("ASKING"));

    for (i = 0; i < cmd->argc; i++) {
        size += rtprop_redis_arg_size(cmd->argv[i].len);
    }

    if (cmd->script) {
        size += rtprop_redis_arg_size(sizeof("EVALSHA"))
                + rtprop_redis_arg_size(cmd->text ? cmd->script->text.len
                                                  : NGX_RTPROP_REDIS_SHA)
                + rtprop_redis_arg_size(NGX_INT_T_LEN)
                + rtprop_redis_arg_size(cmd->key.len);
    }

    p = ngx_rtprop_redis_conn_room(&node->commands, size, &rc);

    if (p == NULL) {
        return rc;
    }

    if (cmd->asking) {
        p = rtprop_redis_head(p, 1);
        p = rtprop_redis_arg(p, "ASKING", 6);
    }

    if (cmd->script) {
        p = ngx_rtprop_redis_node_script(p, cmd);

    } else {
        p = rtprop_redis_head(p, cmd->argc);
    }

    for (i = 0; i < cmd->argc; i++) {
        p = rtprop_redis_arg(p, cmd->argv[i].data, cmd->argv[i].len);
    }

    ngx_rtprop_redis_conn_written(&node->commands, p);

    return NGX_OK;
}


/* What comes ahead of the arguments. */

static u_char *
ngx_rtprop_redis_node_script(u_char *p, ngx_rtprop_redis_cmd_t *cmd)
{
    u_char      n[NGX_INT_T_LEN], *last;
    ngx_uint_t  keys;

    keys = cmd->nkeys + (cmd->key.len ? 1 : 0);
    last = ngx_sprintf(n, "%ui", keys);

    p = rtprop_redis_head(p, 3 + cmd->argc + (cmd->key.len ? 1 : 0));

    if (cmd->text) {
        p = rtprop_redis_arg(p, "EVAL", 4);
        p = rtprop_redis_arg(p, cmd->script->text.data,
                             cmd->script->text.len);

    } else {
        p = rtprop_redis_arg(p, "EVALSHA", 7);
        p = rtprop_redis_arg(p, cmd->script->sha, NGX_RTPROP_REDIS_SHA);
    }

    p = rtprop_redis_arg(p, n, last - n);

    return cmd->key.len ? rtprop_redis_arg(p, cmd->key.data, cmd->key.len) : p;
}


static void
ngx_rtprop_redis_node_reply(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_cmd_t *cmd, redisReply *reply)
{
    if (cmd) {
        ngx_rtprop_redis_finish(conn->data, cmd, reply);
        return;
    }

    ngx_rtprop_redis_subs_push(conn->data, reply);
}
