/*
 * A Redis cluster: which node has which slot, and which nodes there are.
 *
 * One connection asks for CLUSTER SLOTS, of the configured nodes and of those
 * that are known, one after the other; at the start, when a node was lost, for
 * as long as one is, and when a reply says that a slot is elsewhere.  Each
 * master has a node of its own here.  Nodes are never freed: one that has no
 * slots any more is stopped, and used again for another address.
 */

#include "engine/redis/ngx_rtprop_redis_cluster.h"


#define NGX_RTPROP_REDIS_REFRESH   100     /* ms between two questions */
#define NGX_RTPROP_REDIS_NODES     1024
#define NGX_RTPROP_REDIS_LINGER    10000   /* ms without slots and use */


static void ngx_rtprop_redis_cluster_timer(ngx_event_t *ev);
static void ngx_rtprop_redis_cluster_next(ngx_rtprop_redis_cluster_t *cluster);
static ngx_rtprop_redis_addr_t *ngx_rtprop_redis_cluster_addr(
    ngx_rtprop_redis_cluster_t *cluster, ngx_uint_t n);
static void ngx_rtprop_redis_cluster_ready(ngx_rtprop_redis_conn_t *conn);
static void ngx_rtprop_redis_cluster_reply(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_cmd_t *cmd, redisReply *reply);
static void ngx_rtprop_redis_cluster_lost(ngx_rtprop_redis_conn_t *conn);
static void ngx_rtprop_redis_cluster_asked(ngx_rtprop_redis_cmd_t *cmd);
static ngx_int_t ngx_rtprop_redis_cluster_range(
    ngx_rtprop_redis_cluster_t *cluster, redisReply *range);
static ngx_int_t ngx_rtprop_redis_cluster_host(redisReply *master,
    rtprop_redis_host_t *host);
static void ngx_rtprop_redis_cluster_count(
    ngx_rtprop_redis_cluster_t *cluster);
static void ngx_rtprop_redis_cluster_waiting(
    ngx_rtprop_redis_cluster_t *cluster, ngx_uint_t known);


static ngx_rtprop_redis_owner_t  ngx_rtprop_redis_cluster_owner = {
    ngx_rtprop_redis_cluster_ready,
    ngx_rtprop_redis_cluster_reply,
    ngx_rtprop_redis_cluster_lost
};


ngx_rtprop_redis_cluster_t *
ngx_rtprop_redis_cluster_create(ngx_rtprop_redis_t *redis)
{
    ngx_rtprop_redis_cluster_t  *cluster;

    cluster = ngx_pcalloc(redis->worker->pool,
                          sizeof(ngx_rtprop_redis_cluster_t));

    if (cluster == NULL) {
        return NULL;
    }

    cluster->redis = redis;
    cluster->turn = (ngx_uint_t) ngx_random() % redis->conf->naddrs;

    ngx_queue_init(&cluster->waiting);
    ngx_queue_init(&cluster->delayed);
    ngx_queue_init(&cluster->homeless);

    ngx_rtprop_redis_conn_init(&cluster->ask, redis,
                               NGX_RTPROP_REDIS_DISCOVER);
    cluster->ask.owner = &ngx_rtprop_redis_cluster_owner;
    cluster->ask.data = cluster;

    ngx_str_set(&cluster->argv[0], "CLUSTER");
    ngx_str_set(&cluster->argv[1], "SLOTS");
    cluster->cmd.done = ngx_rtprop_redis_cluster_asked;
    cluster->cmd.argv = cluster->argv;
    cluster->cmd.argc = 2;
    cluster->cmd.internal = 1;

    cluster->refresh.handler = ngx_rtprop_redis_cluster_timer;
    cluster->refresh.data = cluster;
    cluster->refresh.log = redis->worker->log;
    cluster->refresh.cancelable = 1;

    cluster->delay.handler = ngx_rtprop_redis_cluster_again;
    cluster->delay.data = cluster;
    cluster->delay.log = redis->worker->log;

    return cluster;
}


void
ngx_rtprop_redis_cluster_close(ngx_rtprop_redis_cluster_t *cluster)
{
    if (cluster->refresh.timer_set) {
        ngx_del_timer(&cluster->refresh);
    }

    if (cluster->delay.timer_set) {
        ngx_del_timer(&cluster->delay);
    }

    ngx_rtprop_redis_conn_close(&cluster->ask);
    ngx_rtprop_redis_cluster_waiting(cluster, 0);
    ngx_rtprop_redis_cluster_again(&cluster->delay);
}


/* ------------------------------------------------------- the question --- */

void
ngx_rtprop_redis_cluster_refresh(ngx_rtprop_redis_cluster_t *cluster)
{
    ngx_msec_t  since;

    if (cluster->ask.state != NGX_RTPROP_REDIS_CLOSED
        || cluster->redis->closing)
    {
        return;
    }

    since = ngx_current_msec - cluster->last;

    if (cluster->known && since < NGX_RTPROP_REDIS_REFRESH) {
        ngx_rtprop_redis_cluster_later(cluster,
                                       NGX_RTPROP_REDIS_REFRESH - since);
        return;
    }

    if (cluster->refresh.timer_set) {
        ngx_del_timer(&cluster->refresh);
    }

    cluster->tried = 0;
    ngx_rtprop_redis_cluster_next(cluster);
}


void
ngx_rtprop_redis_cluster_later(ngx_rtprop_redis_cluster_t *cluster,
    ngx_msec_t pause)
{
    if (!cluster->redis->closing && !cluster->refresh.timer_set) {
        ngx_add_timer(&cluster->refresh, pause);
    }
}


static void
ngx_rtprop_redis_cluster_timer(ngx_event_t *ev)
{
    ngx_rtprop_redis_cluster_refresh(ev->data);
}


static void
ngx_rtprop_redis_cluster_next(ngx_rtprop_redis_cluster_t *cluster)
{
    ngx_uint_t  n;

    n = cluster->turn + cluster->tried++;

    ngx_rtprop_redis_conn_open(&cluster->ask,
                               ngx_rtprop_redis_cluster_addr(cluster, n),
                               n / cluster->redis->conf->naddrs);
}


/* The n-th, round and round, of the configured ones and of the known ones. */

static ngx_rtprop_redis_addr_t *
ngx_rtprop_redis_cluster_addr(ngx_rtprop_redis_cluster_t *cluster,
    ngx_uint_t n)
{
    ngx_queue_t              *q;
    ngx_rtprop_redis_node_t  *node;
    ngx_rtprop_redis_conf_t  *conf;

    conf = cluster->redis->conf;
    n %= conf->naddrs + cluster->masters;

    if (n < conf->naddrs) {
        return &conf->addrs[n];
    }

    n -= conf->naddrs;

    for (q = ngx_queue_head(&cluster->redis->nodes);
         q != ngx_queue_sentinel(&cluster->redis->nodes);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ngx_rtprop_redis_node_t, queue);

        if (node->nslots && n-- == 0) {
            return &node->addr;
        }
    }

    return &conf->addrs[0];
}


static void
ngx_rtprop_redis_cluster_ready(ngx_rtprop_redis_conn_t *conn)
{
    ngx_rtprop_redis_cluster_t  *cluster;

    cluster = conn->data;

    if (ngx_rtprop_redis_conn_write(conn, cluster->argv, 2) != NGX_OK) {
        ngx_rtprop_redis_conn_fail(conn, "no memory");
        return;
    }

    ngx_rtprop_redis_conn_await(conn, &cluster->cmd);
}


/* Ended with its connection, whose lost() follows. */

static void
ngx_rtprop_redis_cluster_asked(ngx_rtprop_redis_cmd_t *cmd)
{
    /* void */
}


static void
ngx_rtprop_redis_cluster_lost(ngx_rtprop_redis_conn_t *conn)
{
    ngx_uint_t                   level;
    ngx_rtprop_redis_t          *redis;
    ngx_rtprop_redis_cluster_t  *cluster;

    cluster = conn->data;
    redis = cluster->redis;

    if (cluster->tried < redis->conf->naddrs + cluster->masters) {
        ngx_rtprop_redis_cluster_next(cluster);
        return;
    }

    level = ngx_strcmp(cluster->why, conn->why) ? NGX_LOG_ERR : NGX_LOG_INFO;
    ngx_cpystrn((u_char *) cluster->why, (u_char *) conn->why,
                NGX_RTPROP_REDIS_WHY);

    ngx_log_error(level, redis->worker->log, 0,
                  "rtprop: no node of the Redis cluster answers, "
                  "\"%V\" the last one: %s", &conn->addr->name, conn->why);

    cluster->turn += cluster->tried;
    cluster->failed = 1;
    redis->failed = 1;
    ngx_rtprop_redis_cluster_waiting(cluster, 0);
    ngx_rtprop_redis_cluster_later(cluster, redis->conf->retry);
    ngx_rtprop_redis_changed(redis, NULL);
}


/* --------------------------------------------------------- the answer --- */

static void
ngx_rtprop_redis_cluster_reply(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_cmd_t *cmd, redisReply *reply)
{
    size_t                       i;
    ngx_rtprop_redis_cluster_t  *cluster;

    cluster = conn->data;

    if (reply->type == REDIS_REPLY_ERROR) {
        ngx_rtprop_redis_conn_fail(conn, "CLUSTER SLOTS is refused: %*s",
                                   (size_t) ngx_min(reply->len, 80),
                                   reply->str);
        return;
    }

    if (reply->type != REDIS_REPLY_ARRAY || reply->elements == 0) {
        ngx_rtprop_redis_conn_fail(conn, "it has no slots");
        return;
    }

    ngx_memzero(cluster->next, sizeof(cluster->next));

    for (i = 0; i < reply->elements; i++) {
        if (ngx_rtprop_redis_cluster_range(cluster, reply->element[i])
            != NGX_OK)
        {
            ngx_rtprop_redis_stat(cluster->redis,
                                  NGX_RTPROP_REDIS_STAT_MALFORMED, 1);
            ngx_rtprop_redis_conn_fail(conn, "odd CLUSTER SLOTS");
            return;
        }
    }

    ngx_memcpy(cluster->slots, cluster->next, sizeof(cluster->slots));
    cluster->last = ngx_current_msec;
    cluster->known = 1;
    cluster->why[0] = '\0';

    ngx_rtprop_redis_conn_close(conn);
    ngx_rtprop_redis_cluster_count(cluster);
    ngx_rtprop_redis_cluster_rehome(cluster);
    ngx_rtprop_redis_cluster_waiting(cluster, 1);
    ngx_rtprop_redis_changed(cluster->redis, NULL);
}


/* [first, last, [host, port, ...], replicas ...] */

static ngx_int_t
ngx_rtprop_redis_cluster_range(ngx_rtprop_redis_cluster_t *cluster,
    redisReply *range)
{
    long long                 first, last;
    redisReply              **e;
    rtprop_redis_host_t       host;
    ngx_rtprop_redis_node_t  *node;

    if (range->type != REDIS_REPLY_ARRAY || range->elements < 3) {
        return NGX_ERROR;
    }

    e = range->element;

    if (e[0]->type != REDIS_REPLY_INTEGER || e[1]->type != REDIS_REPLY_INTEGER
        || ngx_rtprop_redis_cluster_host(e[2], &host) != NGX_OK)
    {
        return NGX_ERROR;
    }

    first = e[0]->integer;
    last = e[1]->integer;

    if (first < 0 || last < first || last >= RTPROP_REDIS_SLOTS) {
        return NGX_ERROR;
    }

    node = ngx_rtprop_redis_cluster_node(cluster, &cluster->ask, &host);

    if (node == NULL) {
        return NGX_ERROR;
    }

    for ( /* void */ ; first <= last; first++) {
        cluster->next[first] = node;
    }

    return NGX_OK;
}


/* A host that is not told, nil or "?", is the one that was asked. */

static ngx_int_t
ngx_rtprop_redis_cluster_host(redisReply *master, rtprop_redis_host_t *host)
{
    redisReply  **e;

    if (master->type != REDIS_REPLY_ARRAY || master->elements < 2) {
        return NGX_ERROR;
    }

    e = master->element;

    if (e[1]->type != REDIS_REPLY_INTEGER || e[1]->integer < 1
        || e[1]->integer > 65535
        || (e[0]->type != REDIS_REPLY_STRING
            && e[0]->type != REDIS_REPLY_NIL))
    {
        return NGX_ERROR;
    }

    host->port = (unsigned) e[1]->integer;
    host->host.data = (u_char *) e[0]->str;
    host->host.len = (e[0]->type == REDIS_REPLY_NIL) ? 0 : e[0]->len;

    if (host->host.len == 1 && host->host.data[0] == '?') {
        host->host.len = 0;
    }

    return NGX_OK;
}


ngx_rtprop_redis_node_t *
ngx_rtprop_redis_cluster_node(ngx_rtprop_redis_cluster_t *cluster,
    ngx_rtprop_redis_conn_t *conn, rtprop_redis_host_t *host)
{
    ngx_uint_t                n;
    ngx_queue_t              *q;
    ngx_rtprop_redis_t       *redis;
    ngx_rtprop_redis_node_t  *node, *spare;

    redis = cluster->redis;
    spare = NULL;
    n = 0;

    if (host->host.len == 0) {
        host->host.data = conn->addr->host.data;
        host->host.len = conn->addr->host.len;
    }

    for (q = ngx_queue_head(&redis->nodes);
         q != ngx_queue_sentinel(&redis->nodes);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ngx_rtprop_redis_node_t, queue);
        n++;

        if (node->stopped) {
            spare = node;

        } else if (ngx_rtprop_redis_node_is(node, host)) {
            node->used = ngx_current_msec;
            return node;
        }
    }

    node = spare ? spare
                 : (n < NGX_RTPROP_REDIS_NODES)
                   ? ngx_rtprop_redis_node_create(redis) : NULL;

    if (node == NULL || ngx_rtprop_redis_node_learn(node, host) != NGX_OK) {
        return NULL;
    }

    node->stopped = 0;
    node->failures = 0;
    node->was_up = 0;
    node->nslots = 0;
    node->why[0] = '\0';
    node->used = ngx_current_msec;
    ngx_rtprop_redis_node_start(node);

    return node;
}


/* Who has slots; the others are stopped once nobody was sent to them. */

static void
ngx_rtprop_redis_cluster_count(ngx_rtprop_redis_cluster_t *cluster)
{
    ngx_uint_t                i;
    ngx_queue_t              *q;
    ngx_rtprop_redis_node_t  *node;

    for (q = ngx_queue_head(&cluster->redis->nodes);
         q != ngx_queue_sentinel(&cluster->redis->nodes);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ngx_rtprop_redis_node_t, queue);
        node->nslots = 0;
    }

    cluster->masters = 0;

    for (i = 0; i < RTPROP_REDIS_SLOTS; i++) {
        node = cluster->slots[i];

        if (node && node->nslots++ == 0) {
            cluster->masters++;
        }
    }

    for (q = ngx_queue_head(&cluster->redis->nodes);
         q != ngx_queue_sentinel(&cluster->redis->nodes);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ngx_rtprop_redis_node_t, queue);

        if (node->nslots == 0 && !node->stopped
            && (node->state == NGX_RTPROP_REDIS_NODE_DOWN
                || ngx_current_msec - node->used > NGX_RTPROP_REDIS_LINGER))
        {
            node->leaving = 1;
        }
    }
}


/* Commands that came before the slots were known. */

static void
ngx_rtprop_redis_cluster_waiting(ngx_rtprop_redis_cluster_t *cluster,
    ngx_uint_t known)
{
    ngx_queue_t             *q;
    ngx_rtprop_redis_cmd_t  *cmd;

    while (!ngx_queue_empty(&cluster->waiting)) {
        q = ngx_queue_head(&cluster->waiting);
        ngx_queue_remove(q);
        cmd = ngx_queue_data(q, ngx_rtprop_redis_cmd_t, queue);

        if (known) {
            ngx_rtprop_redis_cluster_send(cluster, cmd);

        } else {
            ngx_rtprop_redis_end(cluster->redis, cmd, NGX_ERROR);
        }
    }
}


/* -------------------------------------------------------------- status --- */

const char *
ngx_rtprop_redis_cluster_fault(ngx_rtprop_redis_cluster_t *cluster)
{
    ngx_queue_t              *q;
    ngx_rtprop_redis_node_t  *node;

    if (!cluster->known) {
        return cluster->why[0] ? cluster->why : "connecting";
    }

    for (q = ngx_queue_head(&cluster->redis->nodes);
         q != ngx_queue_sentinel(&cluster->redis->nodes);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ngx_rtprop_redis_node_t, queue);

        if (node->nslots && node->state != NGX_RTPROP_REDIS_NODE_UP) {
            return node->why[0] ? node->why : "connecting";
        }
    }

    return ngx_queue_empty(&cluster->homeless) ? NULL : "slots without a node";
}
