/*
 * One Redis: finds its address, keeps a connection for commands and one for
 * messages, tries again for ever, re-does the subscriptions.
 */

#include "engine/redis/ngx_rtprop_redis_conn.h"


#define NGX_RTPROP_REDIS_PAUSE   50      /* ms, doubled with each failure */


static void ngx_rtprop_redis_node_retry(ngx_event_t *ev);
static void ngx_rtprop_redis_node_resolve(ngx_rtprop_redis_node_t *node);
static void ngx_rtprop_redis_node_resolved(ngx_resolver_ctx_t *ctx);
static void ngx_rtprop_redis_node_open(ngx_rtprop_redis_node_t *node,
    ngx_addr_t *addr);
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
    ngx_addr_t  *addr;

    if (node->state == NGX_RTPROP_REDIS_NODE_UP || node->resolving) {
        return;
    }

    if (node->state != NGX_RTPROP_REDIS_NODE_FIRST) {
        node->state = (node->failures || node->was_up)
                      ? NGX_RTPROP_REDIS_NODE_TRYING
                      : NGX_RTPROP_REDIS_NODE_FIRST;
    }

    if (node->addr.naddrs == 0) {
        ngx_rtprop_redis_node_resolve(node);
        return;
    }

    addr = &node->addr.addrs[node->failures % node->addr.naddrs];

    ngx_rtprop_redis_node_open(node, addr);
}


static void
ngx_rtprop_redis_node_retry(ngx_event_t *ev)
{
    ngx_rtprop_redis_node_start(ev->data);
}


static void
ngx_rtprop_redis_node_resolve(ngx_rtprop_redis_node_t *node)
{
    ngx_resolver_ctx_t       *ctx, temp;
    ngx_rtprop_redis_conf_t  *conf;

    conf = node->redis->conf;

    if (conf->resolver == NULL) {
        ngx_rtprop_redis_node_fail(node, "its name needs a \"resolver\"");
        return;
    }

    temp.name = node->addr.host;
    ctx = ngx_resolve_start(conf->resolver, &temp);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        ngx_rtprop_redis_node_fail(node, "no resolver for its name");
        return;
    }

    ctx->name = node->addr.host;
    ctx->handler = ngx_rtprop_redis_node_resolved;
    ctx->data = node;
    ctx->timeout = conf->connect_timeout;
    node->resolving = ctx;

    if (ngx_resolve_name(ctx) != NGX_OK) {
        node->resolving = NULL;
        ngx_rtprop_redis_node_fail(node, "its name was not resolved");
    }
}


static void
ngx_rtprop_redis_node_resolved(ngx_resolver_ctx_t *ctx)
{
    ngx_addr_t                addr;
    ngx_sockaddr_t            sockaddr;
    ngx_resolver_addr_t      *found;
    ngx_rtprop_redis_node_t  *node;

    node = ctx->data;
    node->resolving = NULL;

    if (ctx->state || ctx->naddrs == 0) {
        ngx_resolve_name_done(ctx);
        ngx_rtprop_redis_node_fail(node, "its name was not found");
        return;
    }

    found = &ctx->addrs[node->failures % ctx->naddrs];

    addr.name = node->addr.name;
    addr.sockaddr = &sockaddr.sockaddr;
    addr.socklen = found->socklen;
    ngx_memcpy(&sockaddr, found->sockaddr, found->socklen);
    ngx_inet_set_port(addr.sockaddr, node->addr.port);

    ngx_resolve_name_done(ctx);
    ngx_rtprop_redis_node_open(node, &addr);
}


static void
ngx_rtprop_redis_node_open(ngx_rtprop_redis_node_t *node, ngx_addr_t *addr)
{
    if (node->commands.state == NGX_RTPROP_REDIS_CLOSED) {
        ngx_rtprop_redis_conn_open(&node->commands, addr, &node->addr.name);
    }

    if (node->listens && node->messages.state == NGX_RTPROP_REDIS_CLOSED) {
        ngx_rtprop_redis_conn_open(&node->messages, addr, &node->addr.name);
    }
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

    if (!node->retry.timer_set && !node->redis->closing) {
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
ngx_rtprop_redis_node_stop(ngx_rtprop_redis_node_t *node)
{
    node->state = NGX_RTPROP_REDIS_NODE_DOWN;

    if (node->resolving) {
        ngx_resolve_name_done(node->resolving);
        node->resolving = NULL;
    }

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
