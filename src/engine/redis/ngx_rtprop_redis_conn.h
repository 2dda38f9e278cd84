/*
 * Within the Redis client: one connection, one node, the client.
 */

#ifndef _NGX_RTPROP_REDIS_CONN_H_INCLUDED_
#define _NGX_RTPROP_REDIS_CONN_H_INCLUDED_


#include "engine/redis/ngx_rtprop_redis.h"
#include "engine/redis/rtprop_redis.h"
#include "base/ngx_rtprop_stat.h"


#define NGX_RTPROP_REDIS_READ      16384     /* octets a read() */
#define NGX_RTPROP_REDIS_READS     64        /* reads in one turn */
#define NGX_RTPROP_REDIS_ELEMENTS  1048576   /* of one reply, nested ones too */
#define NGX_RTPROP_REDIS_NAMES     256       /* of one SUBSCRIBE */
#define NGX_RTPROP_REDIS_UNCONFIRMED  16384  /* names at a time */
#define NGX_RTPROP_REDIS_KEPT      65536     /* of an empty output buffer */
#define NGX_RTPROP_REDIS_HOST      255       /* octets of a host's name */
#define NGX_RTPROP_REDIS_WHY       160       /* octets of a status */


#if (HIREDIS_MAJOR >= 1)
typedef size_t  ngx_rtprop_redis_elements_t;
#else
typedef int  ngx_rtprop_redis_elements_t;
#endif

typedef void *(*ngx_rtprop_redis_array_pt)(const redisReadTask *task,
    ngx_rtprop_redis_elements_t n);

typedef struct ngx_rtprop_redis_conn_s  ngx_rtprop_redis_conn_t;
typedef struct ngx_rtprop_redis_node_s  ngx_rtprop_redis_node_t;
typedef struct ngx_rtprop_redis_sentinel_s  ngx_rtprop_redis_sentinel_t;
typedef struct ngx_rtprop_redis_cluster_s   ngx_rtprop_redis_cluster_t;


/* ------------------------------------------------------- configuration --- */

/* Where a Redis is; addrs is empty where the resolver is asked each time. */

typedef struct {
    ngx_str_t                   name;      /* "host:port" or "unix:/path" */
    ngx_str_t                   host;
    in_port_t                   port;
    ngx_addr_t                 *addrs;
    ngx_uint_t                  naddrs;
} ngx_rtprop_redis_addr_t;


struct ngx_rtprop_redis_conf_s {
    rtprop_redis_scheme_e       scheme;
    ngx_rtprop_redis_addr_t    *addrs;
    ngx_uint_t                  naddrs;

    ngx_str_t                   user;
    ngx_str_t                   password;
    ngx_str_t                   master;
    ngx_str_t                   sentinel_user;
    ngx_str_t                   sentinel_password;
    ngx_str_t                   prefix;
    ngx_uint_t                  db;

    ngx_msec_t                  timeout;
    ngx_msec_t                  connect_timeout;
    ngx_msec_t                  retry;
    ngx_uint_t                  queue;     /* commands under way */
    size_t                      buffer;    /* octets not yet sent, a node */
    size_t                      max_reply;

    ngx_resolver_t             *resolver;  /* NULL: names were looked up */
};


/* Sets name, host and port, copied into the pool; no addrs. */
ngx_int_t ngx_rtprop_redis_addr_set(ngx_rtprop_redis_addr_t *addr,
    ngx_pool_t *pool, rtprop_redis_host_t *host);

/* Sets addrs where host is a number; NGX_DECLINED where it is a name. */
ngx_int_t ngx_rtprop_redis_addr_numeric(ngx_rtprop_redis_addr_t *addr,
    ngx_pool_t *pool);


/* ---------------------------------------------------------- connection --- */

/* What a connection tells its owner; the owner may close it within. */

typedef struct {
    /* Logged in, to a master: commands may be sent. */
    void  (*ready)(ngx_rtprop_redis_conn_t *conn);

    /*
     * A reply after that, and the command that awaited it (NULL where messages
     * come); it is freed when this returns.
     */
    void  (*reply)(ngx_rtprop_redis_conn_t *conn,
              ngx_rtprop_redis_cmd_t *cmd, redisReply *reply);

    /*
     * It is closed, for the reason in conn->why; never called for
     * ngx_rtprop_redis_conn_close().
     */
    void  (*lost)(ngx_rtprop_redis_conn_t *conn);
} ngx_rtprop_redis_owner_t;


typedef enum {
    NGX_RTPROP_REDIS_CLOSED = 0,
    NGX_RTPROP_REDIS_CONNECTING,
    NGX_RTPROP_REDIS_LOGIN,
    NGX_RTPROP_REDIS_READY
} ngx_rtprop_redis_state_e;


/* Replies that the login awaits, in the order of what was sent. */

typedef enum {
    NGX_RTPROP_REDIS_STEP_AUTH = 0,
    NGX_RTPROP_REDIS_STEP_SELECT,
    NGX_RTPROP_REDIS_STEP_NAME,
    NGX_RTPROP_REDIS_STEP_ROLE,
    NGX_RTPROP_REDIS_STEP_PING,
    NGX_RTPROP_REDIS_STEPS
} ngx_rtprop_redis_step_e;


/* What a connection is for; decides the login. */

typedef enum {
    NGX_RTPROP_REDIS_COMMANDS = 0,
    NGX_RTPROP_REDIS_MESSAGES,
    NGX_RTPROP_REDIS_DISCOVER,             /* of any node of a cluster */
    NGX_RTPROP_REDIS_ASK,                  /* commands for a Sentinel */
    NGX_RTPROP_REDIS_WATCH                 /* messages of a Sentinel */
} ngx_rtprop_redis_use_e;


struct ngx_rtprop_redis_conn_s {
    ngx_rtprop_redis_t         *redis;
    void                       *data;      /* the owner's */
    ngx_rtprop_redis_owner_t   *owner;
    ngx_rtprop_redis_use_e      use;
    ngx_rtprop_redis_state_e    state;

    ngx_connection_t           *c;         /* NULL: none */
    ngx_rtprop_redis_addr_t    *addr;
    ngx_uint_t                  turn;
    ngx_resolver_ctx_t         *resolving;
    redisReader                *reader;
    size_t                      unread;    /* octets of a reply not whole */
    ngx_uint_t                  elements;  /* of the reply being read */
    ngx_uint_t                  serial;    /* of connects */

    u_char                     *out;
    size_t                      out_pos;
    size_t                      out_last;
    size_t                      out_size;
    ngx_event_t                 flush;

    ngx_queue_t                 inflight;  /* ngx_rtprop_redis_cmd_t */
    ngx_event_t                 timer;
    ngx_msec_t                  heard;     /* ngx_current_msec */
    ngx_rtprop_redis_cmd_t      ping;
    ngx_str_t                   ping_argv;

    uint8_t                     steps[NGX_RTPROP_REDIS_STEPS];
    ngx_uint_t                  nsteps;
    ngx_uint_t                  step;

    unsigned                    pinging:1;
    char                        why[NGX_RTPROP_REDIS_WHY];
};


void ngx_rtprop_redis_conn_init(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_t *redis, ngx_rtprop_redis_use_e use);

static inline ngx_uint_t
ngx_rtprop_redis_conn_listens(ngx_rtprop_redis_conn_t *conn)
{
    return conn->use == NGX_RTPROP_REDIS_MESSAGES
           || conn->use == NGX_RTPROP_REDIS_WATCH;
}


static inline ngx_uint_t
ngx_rtprop_redis_conn_sentinel(ngx_rtprop_redis_conn_t *conn)
{
    return conn->use == NGX_RTPROP_REDIS_ASK
           || conn->use == NGX_RTPROP_REDIS_WATCH;
}


/*
 * Connects to one of addr's addresses, the next one with the next turn, and
 * logs in; ready() or lost() follows, never before it returns.  addr must stay.
 */
void ngx_rtprop_redis_conn_open(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_addr_t *addr, ngx_uint_t turn);

/* Closes it if it is open; what is in flight ends with NGX_ERROR. */
void ngx_rtprop_redis_conn_close(ngx_rtprop_redis_conn_t *conn);

/* Closes it, logs why and calls lost(). */
void ngx_rtprop_redis_conn_fail(ngx_rtprop_redis_conn_t *conn,
    const char *fmt, ...);

/*
 * Sends a request of n arguments; the reply goes to the owner.  NGX_BUSY: the
 * output buffer is full; NGX_ERROR: no memory.
 */
ngx_int_t ngx_rtprop_redis_conn_write(ngx_rtprop_redis_conn_t *conn,
    ngx_str_t *argv, ngx_uint_t n);

/* Room for size octets at the end of the output; NULL: see above. */
u_char *ngx_rtprop_redis_conn_room(ngx_rtprop_redis_conn_t *conn, size_t size,
    ngx_int_t *rc);

/* Takes what was written at that room, up to last, and posts the flush. */
void ngx_rtprop_redis_conn_written(ngx_rtprop_redis_conn_t *conn,
    u_char *last);

/* A command went out (or would not): its place in the queue of replies. */
void ngx_rtprop_redis_conn_await(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_cmd_t *cmd);

/* Handlers of its events, for one another only. */
void ngx_rtprop_redis_conn_flush(ngx_event_t *ev);
void ngx_rtprop_redis_conn_read(ngx_event_t *rev);
void ngx_rtprop_redis_conn_writable(ngx_event_t *wev);

/* A new reader of replies. */
ngx_int_t ngx_rtprop_redis_conn_reader(ngx_rtprop_redis_conn_t *conn);

/* Sends the login; takes its replies, up to ready() or lost(). */
ngx_int_t ngx_rtprop_redis_login(ngx_rtprop_redis_conn_t *conn);
void ngx_rtprop_redis_login_reply(ngx_rtprop_redis_conn_t *conn,
    redisReply *reply);


/* ---------------------------------------------------------------- node --- */

typedef enum {
    NGX_RTPROP_REDIS_NODE_DOWN = 0,        /* waits for the next attempt */
    NGX_RTPROP_REDIS_NODE_FIRST,           /* first attempt under way */
    NGX_RTPROP_REDIS_NODE_TRYING,          /* a later one is */
    NGX_RTPROP_REDIS_NODE_UP
} ngx_rtprop_redis_node_state_e;


/* One Redis: its address, two connections, what is subscribed there. */

struct ngx_rtprop_redis_node_s {
    ngx_queue_t                 queue;     /* of the client's nodes */
    ngx_rtprop_redis_t         *redis;
    ngx_rtprop_redis_addr_t     addr;
    ngx_rtprop_redis_node_state_e  state;

    ngx_rtprop_redis_conn_t     commands;
    ngx_rtprop_redis_conn_t     messages;
    ngx_event_t                 retry;
    ngx_uint_t                  failures;
    ngx_queue_t                 waiting;   /* commands, for the first attempt */

    ngx_queue_t                 subs;      /* ngx_rtprop_redis_sub_t */
    ngx_queue_t                 asked;     /* those not yet sent */
    ngx_event_t                 ask;
    uint64_t                    sent;      /* names of (un)subscriptions */
    uint64_t                    confirmed;
    uint64_t                    barrier;   /* confirmed then: all are back */

    /* in a cluster */
    ngx_uint_t                  nslots;
    ngx_msec_t                  used;      /* told of, ngx_current_msec */
    unsigned                    stopped:1; /* at no address */
    unsigned                    leaving:1; /* is stopped next */

    unsigned                    drained:1; /* all was sent, barrier is set */
    unsigned                    synced:1;  /* all that was subscribed is */
    unsigned                    listens:1; /* messages are wanted */
    unsigned                    was_up:1;
    char                        why[NGX_RTPROP_REDIS_WHY];

    /* of an address that was learned */
    ngx_addr_t                  learned;
    ngx_sockaddr_t              sockaddr;
    u_char                      text[NGX_RTPROP_REDIS_HOST + 16];
};


/*
 * Adds a node to the client's; its addr is to be set before it is started.
 * NULL without memory.
 */
ngx_rtprop_redis_node_t *ngx_rtprop_redis_node_create(
    ngx_rtprop_redis_t *redis);

/* Begins to connect; the retry timer does so again for ever. */
void ngx_rtprop_redis_node_start(ngx_rtprop_redis_node_t *node);

/*
 * Gives it an address that was learned, other than the one that it has; what
 * is open stays so.  NGX_DECLINED: it is too long.
 */
ngx_int_t ngx_rtprop_redis_node_learn(ngx_rtprop_redis_node_t *node,
    rtprop_redis_host_t *host);

/* Whether its address is this one. */
ngx_uint_t ngx_rtprop_redis_node_is(ngx_rtprop_redis_node_t *node,
    rtprop_redis_host_t *host);

/* Opens those of its connections that are closed. */
void ngx_rtprop_redis_node_open(ngx_rtprop_redis_node_t *node);

/* It is up once both connections are and all is subscribed. */
void ngx_rtprop_redis_node_check(ngx_rtprop_redis_node_t *node);

/*
 * Closes its connections, since it is at another address now; what is in
 * flight ends with NGX_ERROR.  It is not up until it is opened again.
 */
void ngx_rtprop_redis_node_leave(ngx_rtprop_redis_node_t *node);

/* Closes all, ends what waits with NGX_ERROR, takes its timers off. */
void ngx_rtprop_redis_node_stop(ngx_rtprop_redis_node_t *node);

/* An attempt failed, or Redis turned out to be unfit: again after a pause. */
void ngx_rtprop_redis_node_fail(ngx_rtprop_redis_node_t *node,
    const char *why);

/* Takes a command: sends it, lets it wait, or ends it. */
void ngx_rtprop_redis_node_send(ngx_rtprop_redis_node_t *node,
    ngx_rtprop_redis_cmd_t *cmd);

void ngx_rtprop_redis_node_subscribe(ngx_rtprop_redis_node_t *node,
    ngx_rtprop_redis_sub_t *sub);
void ngx_rtprop_redis_node_unsubscribe(ngx_rtprop_redis_node_t *node,
    ngx_rtprop_redis_sub_t *sub);

void ngx_rtprop_redis_subs_init(ngx_rtprop_redis_node_t *node);
void ngx_rtprop_redis_subs_again(ngx_rtprop_redis_node_t *node);
void ngx_rtprop_redis_subs_lost(ngx_rtprop_redis_node_t *node);
void ngx_rtprop_redis_subs_push(ngx_rtprop_redis_node_t *node,
    redisReply *reply);


/* ------------------------------------------------------------ Sentinel --- */

/* Watches the Sentinels of the configuration; NULL without memory. */
ngx_rtprop_redis_sentinel_t *ngx_rtprop_redis_sentinel_create(
    ngx_rtprop_redis_t *redis);
void ngx_rtprop_redis_sentinel_close(ngx_rtprop_redis_sentinel_t *sentinel);

/*
 * Asks for the master; redis->node learns its address and is opened, or has
 * failed when no Sentinel knows it.
 */
void ngx_rtprop_redis_sentinel_find(ngx_rtprop_redis_sentinel_t *sentinel);


/* ------------------------------------------------------------- cluster --- */

/* Knows no slots before the first refresh; NULL without memory. */
ngx_rtprop_redis_cluster_t *ngx_rtprop_redis_cluster_create(
    ngx_rtprop_redis_t *redis);

/* Ends what waits with NGX_ERROR; the client is closing. */
void ngx_rtprop_redis_cluster_close(ngx_rtprop_redis_cluster_t *cluster);

/* Asks for the slots, soon; nodes and subscriptions follow. */
void ngx_rtprop_redis_cluster_refresh(ngx_rtprop_redis_cluster_t *cluster);

/* Asks in pause ms at the latest. */
void ngx_rtprop_redis_cluster_later(ngx_rtprop_redis_cluster_t *cluster,
    ngx_msec_t pause);

/* Takes a command to the node of its key's slot. */
void ngx_rtprop_redis_cluster_send(ngx_rtprop_redis_cluster_t *cluster,
    ngx_rtprop_redis_cmd_t *cmd);

/* NGX_OK: the error was a direction, and is followed. */
ngx_int_t ngx_rtprop_redis_cluster_redirect(ngx_rtprop_redis_node_t *node,
    ngx_rtprop_redis_cmd_t *cmd, redisReply *reply,
    rtprop_redis_error_e error);

void ngx_rtprop_redis_cluster_subscribe(ngx_rtprop_redis_cluster_t *cluster,
    ngx_rtprop_redis_sub_t *sub);

/* The node has ended a subscription, since its slot has gone. */
void ngx_rtprop_redis_cluster_evicted(ngx_rtprop_redis_node_t *node,
    ngx_rtprop_redis_sub_t *sub);

/* The node has refused one, by MOVED. */
void ngx_rtprop_redis_cluster_moved(ngx_rtprop_redis_node_t *node,
    redisReply *reply);

/* Why it does not serve all slots, for people; NULL: it does. */
const char *ngx_rtprop_redis_cluster_fault(
    ngx_rtprop_redis_cluster_t *cluster);


/* -------------------------------------------------------------- client --- */

struct ngx_rtprop_redis_s {
    ngx_rtprop_worker_t        *worker;
    ngx_rtprop_redis_conf_t    *conf;
    ngx_rtprop_redis_handler_t *handler;
    void                       *data;

    ngx_queue_t                 nodes;
    ngx_rtprop_redis_node_t    *node;      /* the only one, but in a cluster */
    ngx_rtprop_redis_sentinel_t  *sentinel;
    ngx_rtprop_redis_cluster_t   *cluster;

    ngx_rbtree_t                subs;      /* ngx_rtprop_redis_sub_t */
    ngx_rbtree_node_t           sentinel_sub;

    ngx_uint_t                  under_way;
    ngx_event_t                 news;      /* to tell up() and down() */

    rtprop_redis_error_e        trouble;   /* of the last refusal */
    ngx_msec_t                  trouble_time;
    ngx_msec_t                  trouble_told;

    redisReplyObjectFunctions   functions; /* of the readers */
    ngx_rtprop_redis_array_pt   create_array;     /* hiredis' own */
    u_char                      buffer[NGX_RTPROP_REDIS_READ];

    unsigned                    up:1;      /* what was told */
    unsigned                    missed:1;  /* not up since that was told */
    unsigned                    failed:1;  /* an attempt, since it was up */
    unsigned                    told:1;    /* down() */
    unsigned                    closing:1;
};


/* A node's ability to serve may have changed; NULL: all may have. */
void ngx_rtprop_redis_changed(ngx_rtprop_redis_t *redis,
    ngx_rtprop_redis_node_t *node);

/* Ends a command with its reply, or sends it once more. */
void ngx_rtprop_redis_finish(ngx_rtprop_redis_node_t *node,
    ngx_rtprop_redis_cmd_t *cmd, redisReply *reply);

/* Ends a command without a reply. */
void ngx_rtprop_redis_end(ngx_rtprop_redis_t *redis,
    ngx_rtprop_redis_cmd_t *cmd, ngx_int_t rc);


/* --------------------------------------------------------------- stats --- */

typedef enum {
    NGX_RTPROP_REDIS_STAT_COMMANDS = 0,
    NGX_RTPROP_REDIS_STAT_FAILED,
    NGX_RTPROP_REDIS_STAT_REFUSED,
    NGX_RTPROP_REDIS_STAT_OOM,
    NGX_RTPROP_REDIS_STAT_MESSAGES,
    NGX_RTPROP_REDIS_STAT_CONNECTS,
    NGX_RTPROP_REDIS_STAT_LOST,
    NGX_RTPROP_REDIS_STAT_TIMEOUTS,
    NGX_RTPROP_REDIS_STAT_MALFORMED,
    NGX_RTPROP_REDIS_STAT_SCRIPTS,
    NGX_RTPROP_REDIS_STAT_REDIRECTS,
    NGX_RTPROP_REDIS_STAT_UP,
    NGX_RTPROP_REDIS_STAT_UNDER_WAY,
    NGX_RTPROP_REDIS_STAT_SUBSCRIPTIONS,
    NGX_RTPROP_REDIS_STAT_LATENCY
} ngx_rtprop_redis_stat_e;


void ngx_rtprop_redis_stat(ngx_rtprop_redis_t *redis,
    ngx_rtprop_redis_stat_e stat, int64_t delta);
void ngx_rtprop_redis_stat_latency(ngx_rtprop_redis_t *redis, uint64_t usec);


#endif /* _NGX_RTPROP_REDIS_CONN_H_INCLUDED_ */
