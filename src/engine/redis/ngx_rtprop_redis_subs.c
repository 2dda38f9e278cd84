/*
 * Subscriptions of a node: asked for in batches, confirmed one by one in the
 * order in which they were asked for, done again on a new connection.
 */

#include "engine/redis/ngx_rtprop_redis_conn.h"


static void ngx_rtprop_redis_subs_ask(ngx_event_t *ev);
static ngx_int_t ngx_rtprop_redis_subs_batch(ngx_rtprop_redis_node_t *node);
static void ngx_rtprop_redis_subs_confirm(ngx_rtprop_redis_node_t *node,
    ngx_str_t *name, ngx_uint_t subscribed);
static void ngx_rtprop_redis_subs_proceed(ngx_rtprop_redis_node_t *node);
static ngx_uint_t ngx_rtprop_redis_subs_word(redisReply *reply,
    const char *word);
static void ngx_rtprop_redis_subs_failed(ngx_rtprop_redis_node_t *node,
    redisReply *reply);


void
ngx_rtprop_redis_subs_init(ngx_rtprop_redis_node_t *node)
{
    ngx_queue_init(&node->subs);
    ngx_queue_init(&node->asked);

    node->ask.handler = ngx_rtprop_redis_subs_ask;
    node->ask.data = node;
    node->ask.log = node->redis->worker->log;
}


void
ngx_rtprop_redis_node_subscribe(ngx_rtprop_redis_node_t *node,
    ngx_rtprop_redis_sub_t *sub)
{
    sub->home = node;
    sub->active = 0;
    sub->ticket = 0;

    ngx_queue_insert_tail(&node->asked, &sub->queue);

    if (node->messages.state == NGX_RTPROP_REDIS_READY) {
        ngx_post_event(&node->ask, &ngx_posted_events);
    }
}


void
ngx_rtprop_redis_node_unsubscribe(ngx_rtprop_redis_node_t *node,
    ngx_rtprop_redis_sub_t *sub)
{
    ngx_str_t  argv[2];

    ngx_queue_remove(&sub->queue);
    sub->home = NULL;
    sub->active = 0;

    if (sub->ticket == 0 || node->messages.state != NGX_RTPROP_REDIS_READY) {
        return;
    }

    if (node->redis->cluster) {
        ngx_str_set(&argv[0], "SUNSUBSCRIBE");

    } else {
        ngx_str_set(&argv[0], "UNSUBSCRIBE");
    }

    argv[1] = sub->node.str;

    if (ngx_rtprop_redis_conn_write(&node->messages, argv, 2) == NGX_OK) {
        node->sent++;
        return;
    }

    /* a subscription too many costs bandwidth for ever: begin anew */

    ngx_rtprop_redis_conn_fail(&node->messages, "output buffer is full");
}


/* On a new connection. */

void
ngx_rtprop_redis_subs_again(ngx_rtprop_redis_node_t *node)
{
    node->sent = 0;
    node->confirmed = 0;
    node->barrier = 0;
    node->synced = 0;
    node->drained = 0;

    ngx_rtprop_redis_subs_ask(&node->ask);
}


void
ngx_rtprop_redis_subs_lost(ngx_rtprop_redis_node_t *node)
{
    ngx_queue_t             *q;
    ngx_rtprop_redis_sub_t  *sub;

    node->synced = 0;

    if (node->ask.posted) {
        ngx_delete_posted_event(&node->ask);
    }

    while (!ngx_queue_empty(&node->subs)) {
        q = ngx_queue_head(&node->subs);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&node->asked, q);

        sub = ngx_queue_data(q, ngx_rtprop_redis_sub_t, queue);
        sub->active = 0;
        sub->ticket = 0;
    }
}


static void
ngx_rtprop_redis_subs_ask(ngx_event_t *ev)
{
    ngx_rtprop_redis_node_t  *node;

    node = ev->data;

    if (node->messages.state != NGX_RTPROP_REDIS_READY) {
        return;
    }

    while (!ngx_queue_empty(&node->asked)
           && node->sent - node->confirmed < NGX_RTPROP_REDIS_UNCONFIRMED)
    {
        if (ngx_rtprop_redis_subs_batch(node) != NGX_OK) {
            ngx_rtprop_redis_conn_fail(&node->messages,
                                       "output buffer is full");
            return;
        }
    }

    if (!node->drained && ngx_queue_empty(&node->asked)) {
        node->drained = 1;
        node->barrier = node->sent;
        node->synced = (node->confirmed >= node->barrier);

        if (node->synced) {
            ngx_rtprop_redis_node_check(node);
        }
    }
}


/* One SUBSCRIBE of many names; of one where names differ in their slots. */

static ngx_int_t
ngx_rtprop_redis_subs_batch(ngx_rtprop_redis_node_t *node)
{
    u_char                  *p;
    size_t                   size;
    ngx_int_t                rc;
    ngx_uint_t               n, max;
    ngx_queue_t             *q;
    ngx_rtprop_redis_sub_t  *sub;

    max = node->redis->cluster ? 1 : NGX_RTPROP_REDIS_NAMES;
    size = RTPROP_REDIS_HEAD + rtprop_redis_arg_size(sizeof("SSUBSCRIBE"));
    n = 0;

    for (q = ngx_queue_head(&node->asked);
         q != ngx_queue_sentinel(&node->asked) && n < max;
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_rtprop_redis_sub_t, queue);
        size += rtprop_redis_arg_size(sub->node.str.len);
        n++;
    }

    p = ngx_rtprop_redis_conn_room(&node->messages, size, &rc);

    if (p == NULL) {
        return rc;
    }

    p = rtprop_redis_head(p, n + 1);
    p = node->redis->cluster ? rtprop_redis_arg(p, "SSUBSCRIBE", 10)
                             : rtprop_redis_arg(p, "SUBSCRIBE", 9);

    while (n--) {
        q = ngx_queue_head(&node->asked);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&node->subs, q);

        sub = ngx_queue_data(q, ngx_rtprop_redis_sub_t, queue);
        sub->ticket = ++node->sent;
        p = rtprop_redis_arg(p, sub->node.str.data, sub->node.str.len);
    }

    ngx_rtprop_redis_conn_written(&node->messages, p);

    return NGX_OK;
}


/* ------------------------------------------------------ what Redis says --- */

void
ngx_rtprop_redis_subs_push(ngx_rtprop_redis_node_t *node, redisReply *reply)
{
    ngx_str_t                name, payload;
    ngx_rtprop_redis_sub_t  *sub;

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_rtprop_redis_subs_failed(node, reply);
        return;
    }

    if (reply->type != REDIS_REPLY_ARRAY) {
        return;                                /* PONG */
    }

    if (reply->elements == 2 && ngx_rtprop_redis_subs_word(reply, "pong")) {
        return;
    }

    if (reply->elements != 3 || reply->element[1]->type != REDIS_REPLY_STRING)
    {
        ngx_rtprop_redis_stat(node->redis, NGX_RTPROP_REDIS_STAT_MALFORMED, 1);
        ngx_rtprop_redis_conn_fail(&node->messages, "an unknown message");
        return;
    }

    name.data = (u_char *) reply->element[1]->str;
    name.len = reply->element[1]->len;

    if (ngx_rtprop_redis_subs_word(reply, "message")) {
        sub = ngx_rtprop_redis_find(node->redis, &name);

        if (sub == NULL || sub->home != node
            || reply->element[2]->type != REDIS_REPLY_STRING)
        {
            return;
        }

        payload.data = (u_char *) reply->element[2]->str;
        payload.len = reply->element[2]->len;

        ngx_rtprop_redis_stat(node->redis, NGX_RTPROP_REDIS_STAT_MESSAGES, 1);
        node->redis->handler->message(node->redis->data, sub, &payload);
        return;
    }

    if (ngx_rtprop_redis_subs_word(reply, "subscribe")) {
        ngx_rtprop_redis_subs_confirm(node, &name, 1);
        return;
    }

    if (ngx_rtprop_redis_subs_word(reply, "unsubscribe")) {
        ngx_rtprop_redis_subs_confirm(node, &name, 0);
        return;
    }

    ngx_rtprop_redis_stat(node->redis, NGX_RTPROP_REDIS_STAT_MALFORMED, 1);
    ngx_rtprop_redis_conn_fail(&node->messages, "an unknown message");
}


/* The first element, with or without the "s" of sharded channels. */

static ngx_uint_t
ngx_rtprop_redis_subs_word(redisReply *reply, const char *word)
{
    size_t       len, n;
    const char  *s;
    redisReply  *first;

    first = reply->element[0];
    n = ngx_strlen(word);

    if (first->type != REDIS_REPLY_STRING) {
        return 0;
    }

    s = first->str;
    len = first->len;

    if (len == n + 1 && s[0] == 's') {
        s++;
        len--;
    }

    return len == n && ngx_memcmp(s, word, n) == 0;
}


static void
ngx_rtprop_redis_subs_confirm(ngx_rtprop_redis_node_t *node, ngx_str_t *name,
    ngx_uint_t subscribed)
{
    ngx_rtprop_redis_sub_t  *sub;

    sub = ngx_rtprop_redis_find(node->redis, name);

    if (!subscribed && sub && sub->home == node && sub->active) {

        /* it was not asked for: a cluster's slot has gone elsewhere */

        if (node->redis->cluster) {
            ngx_rtprop_redis_cluster_evicted(node, sub);
            return;
        }
    }

    if (node->confirmed == node->sent) {
        ngx_rtprop_redis_stat(node->redis, NGX_RTPROP_REDIS_STAT_MALFORMED, 1);
        ngx_rtprop_redis_conn_fail(&node->messages,
                                   "a confirmation that nobody awaits");
        return;
    }

    node->confirmed++;

    if (subscribed && sub && sub->home == node
        && sub->ticket && sub->ticket <= node->confirmed)
    {
        sub->active = 1;
        node->redis->handler->subscribed(node->redis->data, sub);
    }

    ngx_rtprop_redis_subs_proceed(node);
}


/* One more was answered. */

static void
ngx_rtprop_redis_subs_proceed(ngx_rtprop_redis_node_t *node)
{
    if (node->messages.state != NGX_RTPROP_REDIS_READY) {
        return;
    }

    if (!ngx_queue_empty(&node->asked)) {
        ngx_rtprop_redis_subs_ask(&node->ask);
    }

    if (node->drained && !node->synced && node->confirmed >= node->barrier) {
        node->synced = 1;
        ngx_rtprop_redis_node_check(node);
    }
}


static void
ngx_rtprop_redis_subs_failed(ngx_rtprop_redis_node_t *node, redisReply *reply)
{
    size_t                len;
    rtprop_redis_error_e  error;

    error = rtprop_redis_error(reply->str, reply->len);
    len = ngx_min(reply->len, 100);

    if (error == RTPROP_REDIS_E_MOVED && node->redis->cluster
        && node->confirmed < node->sent)
    {
        node->confirmed++;
        ngx_rtprop_redis_cluster_moved(node, reply);
        ngx_rtprop_redis_subs_proceed(node);
        return;
    }

    if (error == RTPROP_REDIS_E_OTHER) {
        ngx_rtprop_redis_conn_fail(&node->messages,
                                   "subscribing was refused: %*s", len,
                                   reply->str);
        return;
    }

    ngx_rtprop_redis_conn_fail(&node->messages, "%s",
                               rtprop_redis_error_text(error));
}
