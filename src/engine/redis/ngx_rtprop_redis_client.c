/*
 * The client of a worker: takes commands and subscriptions, finds the node for
 * each, judges replies, tells the engine when Redis comes and goes.
 */

#include "engine/redis/ngx_rtprop_redis_conn.h"
#include <openssl/evp.h>


#define NGX_RTPROP_REDIS_TROUBLE   5000      /* ms in the status */
#define NGX_RTPROP_REDIS_REPEAT    60000     /* ms between equal log lines */


static ngx_int_t ngx_rtprop_redis_begin(ngx_rtprop_redis_t *redis);
static const char *ngx_rtprop_redis_fault(ngx_rtprop_redis_t *redis);
static void ngx_rtprop_redis_error(ngx_rtprop_redis_node_t *node,
    ngx_rtprop_redis_cmd_t *cmd, redisReply *reply);
static void ngx_rtprop_redis_done(ngx_rtprop_redis_t *redis,
    ngx_rtprop_redis_cmd_t *cmd);
static void ngx_rtprop_redis_trouble(ngx_rtprop_redis_node_t *node,
    rtprop_redis_error_e error, redisReply *reply);
static void ngx_rtprop_redis_news(ngx_event_t *ev);


ngx_rtprop_redis_t *
ngx_rtprop_redis_create(ngx_rtprop_worker_t *worker,
    ngx_rtprop_redis_handler_t *handler, void *data)
{
    ngx_rtprop_redis_t  *redis;

    redis = ngx_pcalloc(worker->pool, sizeof(ngx_rtprop_redis_t));

    if (redis == NULL) {
        return NULL;
    }

    redis->worker = worker;
    redis->conf = worker->conf->redis;
    redis->handler = handler;
    redis->data = data;

    ngx_queue_init(&redis->nodes);
    ngx_rbtree_init(&redis->subs, &redis->sentinel_sub,
                    ngx_str_rbtree_insert_value);

    redis->news.handler = ngx_rtprop_redis_news;
    redis->news.data = redis;
    redis->news.log = worker->log;

    return (ngx_rtprop_redis_begin(redis) == NGX_OK) ? redis : NULL;
}


static ngx_int_t
ngx_rtprop_redis_begin(ngx_rtprop_redis_t *redis)
{
    if (redis->conf->scheme == RTPROP_REDIS_CLUSTER) {
        redis->cluster = ngx_rtprop_redis_cluster_create(redis);

        if (redis->cluster == NULL) {
            return NGX_ERROR;
        }

        ngx_rtprop_redis_cluster_refresh(redis->cluster);
        return NGX_OK;
    }

    redis->node = ngx_rtprop_redis_node_create(redis);

    if (redis->node == NULL) {
        return NGX_ERROR;
    }

    if (redis->conf->scheme == RTPROP_REDIS_SENTINEL) {
        redis->sentinel = ngx_rtprop_redis_sentinel_create(redis);

        if (redis->sentinel == NULL) {
            return NGX_ERROR;
        }

        redis->node->addr.name = redis->conf->master;

    } else {
        redis->node->addr = redis->conf->addrs[0];
    }

    ngx_rtprop_redis_node_start(redis->node);

    return NGX_OK;
}


void
ngx_rtprop_redis_close(ngx_rtprop_redis_t *redis)
{
    ngx_queue_t              *q;
    ngx_rtprop_redis_node_t  *node;

    redis->closing = 1;

    if (redis->sentinel) {
        ngx_rtprop_redis_sentinel_close(redis->sentinel);
    }

    if (redis->cluster) {
        ngx_rtprop_redis_cluster_close(redis->cluster);
    }

    for (q = ngx_queue_head(&redis->nodes);
         q != ngx_queue_sentinel(&redis->nodes);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ngx_rtprop_redis_node_t, queue);

        /* what was sent in this turn still goes out, if it does so at once */

        if (node->commands.state == NGX_RTPROP_REDIS_READY) {
            ngx_rtprop_redis_conn_flush(&node->commands.flush);
        }

        ngx_rtprop_redis_node_stop(node);
    }

    if (redis->news.posted) {
        ngx_delete_posted_event(&redis->news);
    }
}


void
ngx_rtprop_redis_script_init(ngx_rtprop_redis_script_t *script)
{
    u_char        digest[EVP_MAX_MD_SIZE];
    unsigned int  len;

    len = 0;

    (void) EVP_Digest(script->text.data, script->text.len, digest, &len,
                      EVP_sha1(), NULL);

    (void) ngx_hex_dump(script->sha, digest, NGX_RTPROP_REDIS_SHA / 2);
}


/* ------------------------------------------------------------ commands --- */

void
ngx_rtprop_redis_send(ngx_rtprop_redis_t *redis, ngx_rtprop_redis_cmd_t *cmd)
{
    cmd->rc = NGX_ERROR;
    cmd->reply = NULL;
    cmd->sent = 0;
    cmd->text = 0;
    cmd->asking = 0;
    cmd->internal = 0;
    cmd->tries = 0;

    redis->under_way++;
    ngx_rtprop_redis_stat(redis, NGX_RTPROP_REDIS_STAT_COMMANDS, 1);
    ngx_rtprop_redis_stat(redis, NGX_RTPROP_REDIS_STAT_UNDER_WAY, 1);

    if (redis->under_way > redis->conf->queue) {
        ngx_rtprop_redis_end(redis, cmd, NGX_BUSY);
        return;
    }

    if (redis->closing) {
        ngx_rtprop_redis_end(redis, cmd, NGX_ERROR);

    } else if (redis->cluster) {
        ngx_rtprop_redis_cluster_send(redis->cluster, cmd);

    } else {
        ngx_rtprop_redis_node_send(redis->node, cmd);
    }
}


void
ngx_rtprop_redis_finish(ngx_rtprop_redis_node_t *node,
    ngx_rtprop_redis_cmd_t *cmd, redisReply *reply)
{
    ngx_rtprop_redis_stat_latency(node->redis,
                                  ngx_rtprop_usec() - cmd->start);

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_rtprop_redis_error(node, cmd, reply);
        return;
    }

    cmd->rc = NGX_OK;
    cmd->reply = reply;
    ngx_rtprop_redis_done(node->redis, cmd);
}


static void
ngx_rtprop_redis_error(ngx_rtprop_redis_node_t *node,
    ngx_rtprop_redis_cmd_t *cmd, redisReply *reply)
{
    ngx_uint_t             serial;
    ngx_rtprop_redis_t    *redis;
    rtprop_redis_error_e   error;

    redis = node->redis;
    error = rtprop_redis_error(reply->str, reply->len);

    if (error == RTPROP_REDIS_E_NOSCRIPT && cmd->script && !cmd->text) {
        ngx_rtprop_redis_stat(redis, NGX_RTPROP_REDIS_STAT_SCRIPTS, 1);
        cmd->text = 1;
        ngx_rtprop_redis_node_send(node, cmd);
        return;
    }

    if (redis->cluster
        && ngx_rtprop_redis_cluster_redirect(node, cmd, reply, error)
           == NGX_OK)
    {
        return;
    }

    serial = node->commands.serial;

    if (error != RTPROP_REDIS_E_OTHER) {
        ngx_rtprop_redis_trouble(node, error, reply);
    }

    cmd->reply = reply;
    cmd->rc = (error == RTPROP_REDIS_E_OTHER) ? NGX_OK
              : (error == RTPROP_REDIS_E_OOM) ? NGX_BUSY : NGX_ERROR;

    ngx_rtprop_redis_done(redis, cmd);

    if (serial != node->commands.serial) {
        return;
    }

    switch (error) {

    case RTPROP_REDIS_E_LOADING:
    case RTPROP_REDIS_E_READONLY:
    case RTPROP_REDIS_E_MASTERDOWN:
    case RTPROP_REDIS_E_NOAUTH:

        /* not what it was when we logged in */

        ngx_rtprop_redis_conn_fail(&node->commands, "%s",
                                   rtprop_redis_error_text(error));
        break;

    default:
        break;
    }
}


void
ngx_rtprop_redis_end(ngx_rtprop_redis_t *redis, ngx_rtprop_redis_cmd_t *cmd,
    ngx_int_t rc)
{
    cmd->rc = rc;
    cmd->reply = NULL;

    if (rc == NGX_BUSY) {
        ngx_rtprop_redis_stat(redis, NGX_RTPROP_REDIS_STAT_REFUSED, 1);
    }

    ngx_rtprop_redis_done(redis, cmd);
}


static void
ngx_rtprop_redis_done(ngx_rtprop_redis_t *redis, ngx_rtprop_redis_cmd_t *cmd)
{
    if (cmd->internal) {
        cmd->done(cmd);
        return;
    }

    redis->under_way--;
    ngx_rtprop_redis_stat(redis, NGX_RTPROP_REDIS_STAT_UNDER_WAY, -1);

    if (cmd->rc == NGX_ERROR) {
        ngx_rtprop_redis_stat(redis, NGX_RTPROP_REDIS_STAT_FAILED, 1);
    }

    cmd->done(cmd);
}


/* Redis answers, and cannot serve: told once a minute, and in the status. */

static void
ngx_rtprop_redis_trouble(ngx_rtprop_redis_node_t *node,
    rtprop_redis_error_e error, redisReply *reply)
{
    u_char              *p, text[NGX_RTPROP_REDIS_WHY];
    size_t               i, len;
    ngx_rtprop_redis_t  *redis;

    redis = node->redis;

    if (error == RTPROP_REDIS_E_OOM) {
        ngx_rtprop_redis_stat(redis, NGX_RTPROP_REDIS_STAT_OOM, 1);
    }

    if (redis->trouble != error
        || ngx_current_msec - redis->trouble_told >= NGX_RTPROP_REDIS_REPEAT)
    {
        len = ngx_min(reply->len, sizeof(text));
        p = ngx_cpymem(text, reply->str, len);

        for (i = 0; i < len; i++) {
            text[i] = (text[i] < ' ' || text[i] >= 0x7f) ? '?' : text[i];
        }

        ngx_log_error(NGX_LOG_ERR, redis->worker->log, 0,
                      "rtprop: Redis \"%V\" refuses commands: %s (%*s)",
                      &node->addr.name, rtprop_redis_error_text(error),
                      (size_t) (p - text), text);
        redis->trouble_told = ngx_current_msec;
    }

    redis->trouble = error;
    redis->trouble_time = ngx_current_msec;
}


/* ------------------------------------------------------- subscriptions --- */

void
ngx_rtprop_redis_subscribe(ngx_rtprop_redis_t *redis,
    ngx_rtprop_redis_sub_t *sub)
{
    sub->node.node.key = ngx_crc32_short(sub->node.str.data,
                                         sub->node.str.len);
    ngx_rbtree_insert(&redis->subs, &sub->node.node);
    ngx_rtprop_redis_stat(redis, NGX_RTPROP_REDIS_STAT_SUBSCRIPTIONS, 1);

    if (redis->cluster) {
        ngx_rtprop_redis_cluster_subscribe(redis->cluster, sub);

    } else {
        ngx_rtprop_redis_node_subscribe(redis->node, sub);
    }
}


void
ngx_rtprop_redis_unsubscribe(ngx_rtprop_redis_t *redis,
    ngx_rtprop_redis_sub_t *sub)
{
    ngx_rbtree_delete(&redis->subs, &sub->node.node);
    ngx_rtprop_redis_stat(redis, NGX_RTPROP_REDIS_STAT_SUBSCRIPTIONS, -1);

    if (sub->home) {
        ngx_rtprop_redis_node_unsubscribe(sub->home, sub);

    } else {
        ngx_queue_remove(&sub->queue);
    }
}


ngx_rtprop_redis_sub_t *
ngx_rtprop_redis_find(ngx_rtprop_redis_t *redis, ngx_str_t *name)
{
    uint32_t  hash;

    hash = ngx_crc32_short(name->data, name->len);

    /* the node is a subscription's first member */

    return (ngx_rtprop_redis_sub_t *)
               ngx_str_rbtree_lookup(&redis->subs, name, hash);
}


/* ------------------------------------------------------------- status --- */

void
ngx_rtprop_redis_changed(ngx_rtprop_redis_t *redis,
    ngx_rtprop_redis_node_t *node)
{
    if (redis->closing) {
        return;
    }

    if (node && node->state != NGX_RTPROP_REDIS_NODE_UP
        && (node == redis->node || node->nslots))
    {
        redis->missed = 1;
        redis->failed |= (node->state == NGX_RTPROP_REDIS_NODE_DOWN);

        if (redis->cluster) {
            ngx_rtprop_redis_cluster_refresh(redis->cluster);
        }
    }

    ngx_post_event(&redis->news, &ngx_posted_events);
}


/* Why it does not serve; NULL: it does. */

static const char *
ngx_rtprop_redis_fault(ngx_rtprop_redis_t *redis)
{
    ngx_rtprop_redis_node_t  *node;

    if (redis->cluster) {
        return ngx_rtprop_redis_cluster_fault(redis->cluster);
    }

    node = redis->node;

    if (node->state == NGX_RTPROP_REDIS_NODE_UP) {
        return NULL;
    }

    return node->why[0] ? node->why : "connecting";
}


static void
ngx_rtprop_redis_news(ngx_event_t *ev)
{
    const char          *fault;
    ngx_rtprop_redis_t  *redis;

    redis = ev->data;
    fault = ngx_rtprop_redis_fault(redis);

    if (redis->up && (fault || redis->missed)) {
        redis->up = 0;
        redis->failed = 1;
        redis->told = 0;
        ngx_rtprop_redis_stat(redis, NGX_RTPROP_REDIS_STAT_UP, -1);
    }

    if (!redis->up && redis->failed && !redis->told) {
        redis->told = 1;
        redis->handler->down(redis->data, fault ? fault : "connection lost");
    }

    if (fault == NULL && !redis->up) {
        redis->up = 1;
        redis->missed = 0;
        redis->failed = 0;
        redis->trouble = RTPROP_REDIS_E_OTHER;
        ngx_rtprop_redis_stat(redis, NGX_RTPROP_REDIS_STAT_UP, 1);
        redis->handler->up(redis->data);
    }

    if (fault && redis->cluster) {
        ngx_rtprop_redis_cluster_later(redis->cluster, redis->conf->retry);
    }
}


ngx_uint_t
ngx_rtprop_redis_ready(ngx_rtprop_redis_t *redis)
{
    if (redis->cluster) {
        return ngx_rtprop_redis_fault(redis) == NULL;
    }

    return redis->node->state != NGX_RTPROP_REDIS_NODE_FIRST
           && redis->node->commands.state == NGX_RTPROP_REDIS_READY;
}


const char *
ngx_rtprop_redis_status(ngx_rtprop_redis_t *redis)
{
    const char  *fault;

    fault = ngx_rtprop_redis_fault(redis);

    if (fault) {
        return fault;
    }

    if (redis->trouble
        && ngx_current_msec - redis->trouble_time < NGX_RTPROP_REDIS_TROUBLE)
    {
        return rtprop_redis_error_text(redis->trouble);
    }

    return "ok";
}


ngx_str_t *
ngx_rtprop_redis_prefix(ngx_rtprop_redis_t *redis)
{
    return &redis->conf->prefix;
}


ngx_uint_t
ngx_rtprop_redis_sharded(ngx_rtprop_redis_t *redis)
{
    return redis->conf->scheme == RTPROP_REDIS_CLUSTER;
}
