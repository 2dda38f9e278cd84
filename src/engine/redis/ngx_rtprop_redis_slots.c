/*
 * A Redis cluster: commands and subscriptions go where their slot is, and
 * follow it.
 */

#include "engine/redis/ngx_rtprop_redis_cluster.h"


#define NGX_RTPROP_REDIS_REDIRECTS  16      /* of one command */
#define NGX_RTPROP_REDIS_TRYAGAIN   20      /* ms */


static ngx_int_t ngx_rtprop_redis_slots_moved(ngx_rtprop_redis_node_t *node,
    ngx_rtprop_redis_cmd_t *cmd, redisReply *reply,
    rtprop_redis_error_e error);
static void ngx_rtprop_redis_slots_rehome(ngx_rtprop_redis_cluster_t *cluster,
    ngx_rtprop_redis_node_t *node, ngx_queue_t *list);
static void ngx_rtprop_redis_slots_ask(ngx_rtprop_redis_node_t *node);


static ngx_rtprop_redis_node_t **
ngx_rtprop_redis_slots_at(ngx_rtprop_redis_cluster_t *cluster, ngx_str_t *key)
{
    return &cluster->slots[rtprop_redis_slot(key->data, key->len)];
}


/* ------------------------------------------------------------ commands --- */

void
ngx_rtprop_redis_cluster_send(ngx_rtprop_redis_cluster_t *cluster,
    ngx_rtprop_redis_cmd_t *cmd)
{
    ngx_queue_t              *q;
    ngx_rtprop_redis_t       *redis;
    ngx_rtprop_redis_node_t  *node, *any;

    redis = cluster->redis;

    if (!cluster->known && !cluster->failed) {
        ngx_queue_insert_tail(&cluster->waiting, &cmd->queue);
        return;
    }

    node = NULL;

    if (cmd->key.len) {
        node = *ngx_rtprop_redis_slots_at(cluster, &cmd->key);

    } else if (cmd->node) {

        /* one without slots has left the cluster */

        any = cmd->node;
        node = any->nslots ? any : NULL;

    } else {
        for (q = ngx_queue_head(&redis->nodes);
             q != ngx_queue_sentinel(&redis->nodes);
             q = ngx_queue_next(q))
        {
            any = ngx_queue_data(q, ngx_rtprop_redis_node_t, queue);

            if (any->nslots && (node == NULL
                                || any->state == NGX_RTPROP_REDIS_NODE_UP))
            {
                node = any;
            }
        }
    }

    if (node == NULL) {
        ngx_rtprop_redis_end(redis, cmd, NGX_ERROR);
        return;
    }

    cmd->node = node;
    ngx_rtprop_redis_node_send(node, cmd);
}


void *
ngx_rtprop_redis_master(ngx_rtprop_redis_t *redis, void *node, void *first)
{
    ngx_queue_t              *q;
    ngx_rtprop_redis_node_t  *next;

    if (redis->cluster == NULL) {
        return NULL;
    }

    next = node;
    q = &next->queue;

    do {
        q = ngx_queue_next(q);

        if (q == ngx_queue_sentinel(&redis->nodes)) {
            q = ngx_queue_next(q);
        }

        next = ngx_queue_data(q, ngx_rtprop_redis_node_t, queue);

        if (next == first || next == node) {
            return NULL;
        }

    } while (next->nslots == 0);

    return next;
}


ngx_int_t
ngx_rtprop_redis_cluster_redirect(ngx_rtprop_redis_node_t *node,
    ngx_rtprop_redis_cmd_t *cmd, redisReply *reply, rtprop_redis_error_e error)
{
    ngx_rtprop_redis_cluster_t  *cluster;

    cluster = node->redis->cluster;

    switch (error) {

    case RTPROP_REDIS_E_MOVED:
    case RTPROP_REDIS_E_ASK:
    case RTPROP_REDIS_E_TRYAGAIN:
        break;

    case RTPROP_REDIS_E_CLUSTERDOWN:
        ngx_rtprop_redis_cluster_refresh(cluster);
        return NGX_DECLINED;

    default:
        return NGX_DECLINED;
    }

    if (cmd->tries == NGX_RTPROP_REDIS_REDIRECTS || node->redis->closing) {
        return NGX_DECLINED;
    }

    cmd->tries++;
    cmd->text = 0;
    ngx_rtprop_redis_stat(node->redis, NGX_RTPROP_REDIS_STAT_REDIRECTS, 1);

    if (error != RTPROP_REDIS_E_TRYAGAIN) {
        return ngx_rtprop_redis_slots_moved(node, cmd, reply, error);
    }

    ngx_queue_insert_tail(&cluster->delayed, &cmd->queue);

    if (!cluster->delay.timer_set) {
        ngx_add_timer(&cluster->delay, NGX_RTPROP_REDIS_TRYAGAIN);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_redis_slots_moved(ngx_rtprop_redis_node_t *node,
    ngx_rtprop_redis_cmd_t *cmd, redisReply *reply, rtprop_redis_error_e error)
{
    unsigned                     slot;
    rtprop_redis_host_t          host;
    ngx_rtprop_redis_node_t     *to;
    ngx_rtprop_redis_cluster_t  *cluster;

    cluster = node->redis->cluster;

    if (rtprop_redis_moved(reply->str, reply->len, &slot, &host) != RTPROP_OK)
    {
        return NGX_DECLINED;
    }

    to = ngx_rtprop_redis_cluster_node(cluster, &node->commands, &host);

    if (to == NULL) {
        return NGX_DECLINED;
    }

    if (error == RTPROP_REDIS_E_MOVED) {
        cluster->slots[slot] = to;
        ngx_rtprop_redis_cluster_refresh(cluster);
    }

    cmd->asking = (error == RTPROP_REDIS_E_ASK);
    ngx_rtprop_redis_node_send(to, cmd);

    return NGX_OK;
}


void
ngx_rtprop_redis_cluster_again(ngx_event_t *ev)
{
    ngx_queue_t                  delayed, *q;
    ngx_rtprop_redis_cmd_t      *cmd;
    ngx_rtprop_redis_cluster_t  *cluster;

    cluster = ev->data;
    ngx_queue_init(&delayed);

    if (!ngx_queue_empty(&cluster->delayed)) {
        ngx_queue_add(&delayed, &cluster->delayed);
        ngx_queue_init(&cluster->delayed);
    }

    while (!ngx_queue_empty(&delayed)) {
        q = ngx_queue_head(&delayed);
        ngx_queue_remove(q);
        cmd = ngx_queue_data(q, ngx_rtprop_redis_cmd_t, queue);

        if (cluster->redis->closing) {
            ngx_rtprop_redis_end(cluster->redis, cmd, NGX_ERROR);

        } else {
            ngx_rtprop_redis_cluster_send(cluster, cmd);
        }
    }
}


/* ------------------------------------------------------- subscriptions --- */

void
ngx_rtprop_redis_cluster_subscribe(ngx_rtprop_redis_cluster_t *cluster,
    ngx_rtprop_redis_sub_t *sub)
{
    ngx_rtprop_redis_node_t  *node;

    node = *ngx_rtprop_redis_slots_at(cluster, &sub->node.str);

    if (node) {
        ngx_rtprop_redis_node_subscribe(node, sub);
        return;
    }

    sub->home = NULL;
    sub->active = 0;
    sub->ticket = 0;
    ngx_queue_insert_tail(&cluster->homeless, &sub->queue);
}


/* A channel that a node does not serve any more: asked for where it is now. */

void
ngx_rtprop_redis_cluster_evicted(ngx_rtprop_redis_node_t *node,
    ngx_rtprop_redis_sub_t *sub)
{
    sub->active = 0;
    sub->ticket = 0;
    ngx_queue_remove(&sub->queue);
    ngx_queue_insert_tail(&node->redis->cluster->homeless, &sub->queue);
    sub->home = NULL;

    node->redis->missed = 1;
    ngx_rtprop_redis_cluster_refresh(node->redis->cluster);
    ngx_rtprop_redis_changed(node->redis, NULL);
}


/* "MOVED slot host" instead of a confirmation. */

void
ngx_rtprop_redis_cluster_moved(ngx_rtprop_redis_node_t *node,
    redisReply *reply)
{
    unsigned                     slot;
    rtprop_redis_host_t          host;
    ngx_rtprop_redis_node_t     *to;
    ngx_rtprop_redis_cluster_t  *cluster;

    cluster = node->redis->cluster;

    if (rtprop_redis_moved(reply->str, reply->len, &slot, &host) == RTPROP_OK)
    {
        to = ngx_rtprop_redis_cluster_node(cluster, &node->messages, &host);

        if (to) {
            cluster->slots[slot] = to;
        }
    }

    /* subscriptions of the slot go there, the others follow the answer */

    ngx_rtprop_redis_stat(node->redis, NGX_RTPROP_REDIS_STAT_REDIRECTS, 1);
    ngx_rtprop_redis_cluster_rehome(cluster);
    ngx_rtprop_redis_cluster_refresh(cluster);
}


void
ngx_rtprop_redis_cluster_rehome(ngx_rtprop_redis_cluster_t *cluster)
{
    ngx_queue_t              *q;
    ngx_rtprop_redis_t       *redis;
    ngx_rtprop_redis_node_t  *node;

    redis = cluster->redis;

    for (q = ngx_queue_head(&redis->nodes);
         q != ngx_queue_sentinel(&redis->nodes);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ngx_rtprop_redis_node_t, queue);
        ngx_rtprop_redis_slots_rehome(cluster, node, &node->subs);
        ngx_rtprop_redis_slots_rehome(cluster, node, &node->asked);
    }

    ngx_rtprop_redis_slots_rehome(cluster, NULL, &cluster->homeless);

    for (q = ngx_queue_head(&redis->nodes);
         q != ngx_queue_sentinel(&redis->nodes);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ngx_rtprop_redis_node_t, queue);

        if (node->leaving) {
            node->leaving = 0;
            node->stopped = 1;
            ngx_rtprop_redis_node_stop(node);

        } else {
            ngx_rtprop_redis_slots_ask(node);
        }
    }
}


static void
ngx_rtprop_redis_slots_rehome(ngx_rtprop_redis_cluster_t *cluster,
    ngx_rtprop_redis_node_t *node, ngx_queue_t *list)
{
    ngx_queue_t              *q, *next;
    ngx_rtprop_redis_sub_t   *sub;
    ngx_rtprop_redis_node_t  *to;

    for (q = ngx_queue_head(list); q != ngx_queue_sentinel(list); q = next) {
        next = ngx_queue_next(q);
        sub = ngx_queue_data(q, ngx_rtprop_redis_sub_t, queue);
        to = *ngx_rtprop_redis_slots_at(cluster, &sub->node.str);

        if (to == node) {
            continue;
        }

        ngx_queue_remove(q);
        sub->home = to;
        sub->active = 0;
        sub->ticket = 0;
        ngx_queue_insert_tail(to ? &to->asked : &cluster->homeless, q);
    }
}


/* A node that has got channels of another one is up once it has them. */

static void
ngx_rtprop_redis_slots_ask(ngx_rtprop_redis_node_t *node)
{
    if (ngx_queue_empty(&node->asked)
        || node->messages.state != NGX_RTPROP_REDIS_READY)
    {
        return;
    }

    node->synced = 0;
    node->drained = 0;

    if (node->state == NGX_RTPROP_REDIS_NODE_UP) {
        node->state = NGX_RTPROP_REDIS_NODE_TRYING;
        ngx_cpystrn((u_char *) node->why, (u_char *) "a slot has moved",
                    NGX_RTPROP_REDIS_WHY);
        ngx_rtprop_redis_changed(node->redis, node);
    }

    ngx_post_event(&node->ask, &ngx_posted_events);
}
