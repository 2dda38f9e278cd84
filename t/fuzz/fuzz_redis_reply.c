/*
 * What a Redis, a Sentinel, a node of a cluster sends: whatever it is, a
 * command that was awaited ends once, texts stay within their room, nothing is
 * read that is not there.
 *
 * The files under test are the worker's; of nginx there are headers, and
 * below, in the simplest form, the functions that they call.  Connections are
 * not made, what is written goes nowhere.
 *
 * Input: what the connection is for; the octets that each read brings (0: 64);
 * then what comes.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>

#undef ngx_add_timer
#undef ngx_del_timer
#define ngx_add_timer(ev, ms)  ((ev)->timer_set = 1, (void) (ms))
#define ngx_del_timer(ev)      ((ev)->timer_set = 0)

#include "engine/redis/rtprop_redis_slot.c"
#include "engine/redis/rtprop_redis_url.c"
#include "engine/redis/rtprop_redis_wire.c"
#include "engine/redis/ngx_rtprop_redis_client.c"
#include "engine/redis/ngx_rtprop_redis_cluster.c"
#include "base/ngx_rtprop_socket.c"
#include "engine/redis/ngx_rtprop_redis_conn.c"
#include "engine/redis/ngx_rtprop_redis_login.c"
#include "engine/redis/ngx_rtprop_redis_node.c"
#include "engine/redis/ngx_rtprop_redis_read.c"
#include "engine/redis/ngx_rtprop_redis_sentinel.c"
#include "engine/redis/ngx_rtprop_redis_slots.c"
#include "engine/redis/ngx_rtprop_redis_subs.c"

#include "t/fuzz/fuzz.h"


#define COMMANDS  8
#define SUBS      4


typedef enum {
    LOGIN = 0,
    REPLIES,
    MESSAGES,
    SLOTS,
    CLUSTER_REPLIES,
    CLUSTER_MESSAGES,
    SENTINEL,
    SWITCHES,
    USES
} use_e;


static ngx_rtprop_redis_t         redis;
static ngx_rtprop_redis_conf_t    conf;
static ngx_rtprop_redis_addr_t    addrs[2];
static ngx_addr_t                 addr;
static ngx_rtprop_worker_t        worker;
static ngx_log_t                  worker_log;
static ngx_rtprop_redis_sub_t     subs[SUBS];
static ngx_rtprop_redis_cmd_t     cmds[COMMANDS];
static unsigned                   done[COMMANDS];
static unsigned                   sum;


/* ------------------------------------------------------ nginx, in short --- */

volatile ngx_msec_t     ngx_current_msec = 1000;
ngx_queue_t             ngx_posted_events;
ngx_queue_t             ngx_posted_next_events;
ngx_event_actions_t     ngx_event_actions;
ngx_uint_t              ngx_event_flags = NGX_USE_LEVEL_EVENT;
uint32_t               *ngx_crc32_table_short;
static uint32_t         crc_table[16];


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
}


u_char *
ngx_vslprintf(u_char *buf, u_char *last, const char *fmt, va_list args)
{
    size_t       len;
    char         number[32];
    const char  *p;
    ngx_str_t   *v;

    for ( /* void */ ; *fmt && buf < last; fmt++) {

        if (*fmt != '%') {
            *buf++ = (u_char) *fmt;
            continue;
        }

        fmt++;
        p = number;

        switch (*fmt) {

        case '*':
            len = va_arg(args, size_t);
            p = va_arg(args, char *);
            fmt++;
            break;

        case 'V':
            v = va_arg(args, ngx_str_t *);
            p = (char *) v->data;
            len = v->len;
            break;

        case 's':
            p = va_arg(args, char *);
            len = strlen(p);
            break;

        case 'd':
            len = (size_t) sprintf(number, "%d", va_arg(args, int));
            break;

        default:
            len = (size_t) sprintf(number, "%zu", va_arg(args, size_t));
            fmt += (*fmt == 'u');
            break;
        }

        len = ngx_min(len, (size_t) (last - buf));
        buf = ngx_cpymem(buf, p, len);
    }

    return buf;
}


u_char *
ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, (u_char *) (uintptr_t) -1, fmt, args);
    va_end(args);

    return p;
}


u_char *
ngx_snprintf(u_char *buf, size_t max, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(buf, buf + max, fmt, args);
    va_end(args);

    return p;
}


u_char *
ngx_cpystrn(u_char *dst, u_char *src, size_t n)
{
    for ( /* void */ ; n > 1 && *src; n--) {
        *dst++ = *src++;
    }

    *dst = '\0';

    return dst;
}


u_char *
ngx_hex_dump(u_char *dst, u_char *src, size_t len)
{
    memset(dst, '0', 2 * len);

    return dst + 2 * len;
}


ngx_int_t
ngx_atoi(u_char *line, size_t n)
{
    ngx_int_t  value;

    for (value = 0; n; n--, line++) {
        if (*line < '0' || *line > '9' || value > 100000000) {
            return NGX_ERROR;
        }

        value = value * 10 + (*line - '0');
    }

    return value;
}


in_addr_t
ngx_inet_addr(u_char *text, size_t len)
{
    return (len && text[0] == '1') ? 1 : INADDR_NONE;
}


ngx_int_t
ngx_inet6_addr(u_char *p, size_t len, u_char *addr)
{
    memset(addr, 0, 16);

    return memchr(p, ':', len) ? NGX_OK : NGX_ERROR;
}


void
ngx_inet_set_port(struct sockaddr *sa, in_port_t port)
{
    ((struct sockaddr_in *) sa)->sin_port = htons(port);
}


void
ngx_close_connection(ngx_connection_t *c)
{
}


void
ngx_resolve_name_done(ngx_resolver_ctx_t *ctx)
{
}


ngx_int_t
ngx_handle_read_event(ngx_event_t *rev, ngx_uint_t flags)
{
    return NGX_OK;
}


ngx_int_t
ngx_handle_write_event(ngx_event_t *wev, size_t lowat)
{
    return NGX_OK;
}


void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    return fuzz_malloc(size);
}


/* Nodes are never freed. */

void *
ngx_calloc(size_t size, ngx_log_t *log)
{
    return fuzz_fails() ? NULL : memset(fuzz_room(size), 0, size);
}


void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    return fuzz_fails() ? NULL : memset(fuzz_room(size), 0, size);
}


/* A tree of a few: a list to the right. */

void
ngx_rbtree_insert(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    node->left = tree->sentinel;
    node->right = tree->root;
    tree->root = node;
}


void
ngx_rbtree_delete(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    ngx_rbtree_node_t  **p;

    for (p = &tree->root; *p != node; p = &(*p)->right) { /* void */ }

    *p = node->right;
}


ngx_str_node_t *
ngx_str_rbtree_lookup(ngx_rbtree_t *tree, ngx_str_t *name, uint32_t hash)
{
    ngx_str_node_t     *n;
    ngx_rbtree_node_t  *node;

    for (node = tree->root; node != tree->sentinel; node = node->right) {
        n = (ngx_str_node_t *) node;

        if (n->str.len == name->len
            && memcmp(n->str.data, name->data, name->len) == 0)
        {
            return n;
        }
    }

    return NULL;
}


void
ngx_str_rbtree_insert_value(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
}


/* ---------------------------------------------------- around the client --- */

void
ngx_rtprop_redis_stat(ngx_rtprop_redis_t *r, ngx_rtprop_redis_stat_e stat,
    int64_t delta)
{
}


void
ngx_rtprop_redis_stat_latency(ngx_rtprop_redis_t *r, uint64_t usec)
{
}


void
ngx_rtprop_redis_conn_open(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_addr_t *address, ngx_uint_t turn)
{
    conn->serial++;
    conn->addr = address;
    conn->state = NGX_RTPROP_REDIS_CONNECTING;
    conn->unread = 0;
    conn->elements = 0;
    conn->why[0] = '\0';
}


void
ngx_rtprop_redis_conn_writable(ngx_event_t *wev)
{
}


static void
up(void *data)
{
    must(redis.up, "up is up");
}


static void
down(void *data, const char *why)
{
    must(!redis.up && why && strlen(why) < NGX_RTPROP_REDIS_WHY,
         "down has a reason");
}


static void
subscribed(void *data, ngx_rtprop_redis_sub_t *sub)
{
    must(sub->active, "what is confirmed is active");
}


static void
message(void *data, ngx_rtprop_redis_sub_t *sub, ngx_str_t *payload)
{
    size_t  i;

    for (i = 0; i < payload->len; i++) {
        sum += payload->data[i];
    }

    if (payload->len == 1) {
        ngx_rtprop_redis_unsubscribe(&redis, sub);
        sub->home = sub;
    }
}


static ngx_rtprop_redis_handler_t  handler = { up, down, subscribed, message };


static void
walk(redisReply *reply)
{
    size_t  i;

    switch (reply->type) {

    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
        for (i = 0; i <= reply->len; i++) {
            sum += (unsigned char) reply->str[i];
        }

        break;

    case REDIS_REPLY_ARRAY:
        for (i = 0; i < reply->elements; i++) {
            walk(reply->element[i]);
        }

        break;

    default:
        break;
    }
}


static void
command_done(ngx_rtprop_redis_cmd_t *cmd)
{
    done[cmd - cmds]++;

    must(cmd->rc != NGX_OK || cmd->reply, "a command that is done has a reply");

    if (cmd->reply) {
        walk(cmd->reply);
    }
}


/* ------------------------------------------------------------- one run --- */

static void
prepare(void)
{
    static u_char  names[SUBS][2] = { "c", "d", "e", "f" };

    unsigned  i;

    memset(&redis, 0, sizeof(redis));
    memset(&conf, 0, sizeof(conf));
    memset(&worker, 0, sizeof(worker));
    memset(subs, 0, sizeof(subs));
    memset(cmds, 0, sizeof(cmds));
    memset(done, 0, sizeof(done));

    ngx_queue_init(&ngx_posted_events);
    ngx_queue_init(&ngx_posted_next_events);
    ngx_crc32_table_short = crc_table;

    worker.log = &worker_log;
    worker.conf = NULL;

    addr.sockaddr = NULL;
    ngx_str_set(&addrs[0].name, "seed:1");
    ngx_str_set(&addrs[0].host, "seed");
    addrs[0].port = 1;
    addrs[0].addrs = &addr;
    addrs[0].naddrs = 1;

    conf.addrs = addrs;
    conf.naddrs = 1;
    ngx_str_set(&conf.master, "main");
    ngx_str_set(&conf.password, "x");
    ngx_str_set(&conf.sentinel_password, "y");
    conf.timeout = conf.connect_timeout = conf.retry = 1000;
    conf.queue = 100;
    conf.buffer = 1024 * 1024;
    conf.max_reply = 4096;
    conf.db = 1;

    redis.worker = &worker;
    redis.conf = &conf;
    redis.handler = &handler;
    ngx_queue_init(&redis.nodes);
    ngx_rbtree_init(&redis.subs, &redis.sentinel_sub,
                    ngx_str_rbtree_insert_value);
    redis.subs.root = redis.subs.sentinel;
    redis.news.handler = ngx_rtprop_redis_news;
    redis.news.data = &redis;
    redis.news.log = &worker_log;

    for (i = 0; i < SUBS; i++) {
        subs[i].node.str.data = names[i];
        subs[i].node.str.len = 1;
    }
}


/* Posted events, of which the flush has nowhere to write to. */

static void
turn(void)
{
    unsigned      n;
    ngx_event_t  *ev;

    for (n = 0; n < 100 && !ngx_queue_empty(&ngx_posted_events); n++) {
        ev = ngx_queue_data(ngx_queue_head(&ngx_posted_events), ngx_event_t,
                            queue);
        ngx_delete_posted_event(ev);
        ev->handler(ev);
    }
}


static void
ready(ngx_rtprop_redis_conn_t *conn)
{
    if (ngx_rtprop_redis_conn_reader(conn) != NGX_OK) {
        return;
    }

    conn->serial++;
    conn->addr = &addrs[0];
    conn->state = NGX_RTPROP_REDIS_READY;
}


/* The connection that what follows comes from; NULL without memory. */

static ngx_rtprop_redis_conn_t *
connection(use_e use)
{
    unsigned                  i;
    ngx_rtprop_redis_node_t  *node;

    if (use == SLOTS || use == CLUSTER_REPLIES || use == CLUSTER_MESSAGES) {
        conf.scheme = RTPROP_REDIS_CLUSTER;
        conf.db = 0;
        redis.cluster = ngx_rtprop_redis_cluster_create(&redis);

        if (redis.cluster == NULL) {
            return NULL;
        }
    }

    node = ngx_rtprop_redis_node_create(&redis);

    if (node == NULL) {
        return NULL;
    }

    node->addr = addrs[0];
    node->state = NGX_RTPROP_REDIS_NODE_TRYING;
    redis.node = redis.cluster ? NULL : node;

    if (use == SENTINEL || use == SWITCHES) {
        conf.scheme = RTPROP_REDIS_SENTINEL;
        redis.sentinel = ngx_rtprop_redis_sentinel_create(&redis);

        if (redis.sentinel == NULL) {
            return NULL;
        }
    }

    if (redis.cluster) {
        for (i = 0; i < RTPROP_REDIS_SLOTS; i++) {
            redis.cluster->slots[i] = node;
        }

        node->nslots = RTPROP_REDIS_SLOTS;
        redis.cluster->masters = 1;
        redis.cluster->known = 1;
    }

    ready(&node->commands);
    ready(&node->messages);

    for (i = 0; i < SUBS; i++) {
        ngx_rtprop_redis_subscribe(&redis, &subs[i]);
    }

    turn();

    switch (use) {

    case LOGIN:
        node->commands.state = NGX_RTPROP_REDIS_LOGIN;
        return (ngx_rtprop_redis_login(&node->commands) == NGX_OK)
               ? &node->commands : NULL;

    case MESSAGES:
    case CLUSTER_MESSAGES:
        return &node->messages;

    case SLOTS:
        ready(&redis.cluster->ask);
        ngx_rtprop_redis_cluster_ready(&redis.cluster->ask);
        return &redis.cluster->ask;

    case SENTINEL:
        ready(&redis.sentinel->ask);
        ngx_rtprop_redis_sentinel_ready(&redis.sentinel->ask);
        return &redis.sentinel->ask;

    case SWITCHES:
        ready(&redis.sentinel->watch);
        return &redis.sentinel->watch;

    default:
        return &node->commands;
    }
}


static void
command(unsigned i)
{
    static ngx_str_t                  argv[2] = { ngx_string("a"),
                                                  ngx_string("b") };
    static ngx_rtprop_redis_script_t  script = { ngx_string("s"),
                                                 ngx_string("return 1"), "" };

    cmds[i].done = command_done;
    cmds[i].argv = argv;
    cmds[i].argc = 2;
    cmds[i].script = (i & 1) ? &script : NULL;
    cmds[i].key = argv[i / 4];

    ngx_rtprop_redis_send(&redis, &cmds[i]);
}


static void
feed(ngx_rtprop_redis_conn_t *conn, fuzz_input_t *in)
{
    size_t      n, most;
    ngx_uint_t  serial;

    most = fuzz_byte(in);
    most = most ? most : 64;
    serial = conn->serial;

    while (fuzz_left(in) && conn->serial == serial
           && conn->state >= NGX_RTPROP_REDIS_LOGIN && conn->reader)
    {
        n = ngx_min(most, fuzz_left(in));
        memcpy(redis.buffer, in->pos, n);
        in->pos += n;

        (void) ngx_rtprop_redis_conn_feed(conn, n);
        turn();
    }
}


static void
fuzz_one(fuzz_input_t *in)
{
    use_e                     use;
    unsigned                  i, sent;
    ngx_queue_t              *q;
    ngx_rtprop_redis_node_t  *node;
    ngx_rtprop_redis_conn_t  *conn;

    prepare();
    sent = 0;

    use = fuzz_byte(in) % USES;
    conn = connection(use);

    if (conn && conn->reader) {
        sent = 1;

        for (i = 0; i < COMMANDS; i++) {
            command(i);
        }

        feed(conn, in);
        (void) ngx_rtprop_redis_status(&redis);
        must(strlen(ngx_rtprop_redis_status(&redis)) < NGX_RTPROP_REDIS_WHY,
             "a status has its bound");
    }

    ngx_rtprop_redis_close(&redis);

    for (q = ngx_queue_head(&redis.nodes);
         q != ngx_queue_sentinel(&redis.nodes);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ngx_rtprop_redis_node_t, queue);

        must(ngx_queue_empty(&node->waiting)
             && ngx_queue_empty(&node->commands.inflight),
             "nothing waits after closing");
    }

    for (i = 0; i < COMMANDS; i++) {
        must(done[i] == sent, "a command ends once");
    }

    must(redis.under_way == 0, "all that was sent has ended");
}
