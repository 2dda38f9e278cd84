/*
 * A worker's Redis client: commands, scripts, subscriptions.
 *
 * Declared here, used by the engine above it (ngx_rtprop_engine_redis*.c).  It
 * knows nothing of channels, events or documents.  Behind it stand one Redis
 * (by address or unix socket), the master that a Sentinel names, or a cluster;
 * per worker and Redis one connection for commands and one for subscriptions.
 *
 *  - Nothing here blocks.  Commands of one turn of the loop leave in one
 *    write, replies come in the order in which one Redis got the commands.
 *  - What is away is tried again for ever, with a bounded and jittered pause.
 *  - Whatever comes from Redis is untrusted: a reply that is malformed, too
 *    long or too deep costs the connection, and a line in the log.
 */

#ifndef _NGX_RTPROP_REDIS_H_INCLUDED_
#define _NGX_RTPROP_REDIS_H_INCLUDED_


#include "ngx_rtprop.h"
#include <hiredis/hiredis.h>


#define NGX_RTPROP_REDIS_SHA  40       /* hex digits of a script's SHA-1 */


typedef struct ngx_rtprop_redis_s         ngx_rtprop_redis_t;
typedef struct ngx_rtprop_redis_conf_s    ngx_rtprop_redis_conf_t;
typedef struct ngx_rtprop_redis_cmd_s     ngx_rtprop_redis_cmd_t;
typedef struct ngx_rtprop_redis_sub_s     ngx_rtprop_redis_sub_t;
typedef struct ngx_rtprop_redis_script_s  ngx_rtprop_redis_script_t;


/* A Lua script; name and text are the caller's, for as long as the client. */

struct ngx_rtprop_redis_script_s {
    ngx_str_t                   name;      /* for the log */
    ngx_str_t                   text;
    u_char                      sha[NGX_RTPROP_REDIS_SHA];
};


/*
 * One command under way.  The caller fills it in (what is not named here is
 * zero) and leaves it, and all it points at, alone until done(), which is
 * called exactly once, maybe before ngx_rtprop_redis_send() returns.
 *
 * Without a script argv is the whole command, its name first.  With one:
 * EVALSHA, KEYS[1] is key (KEYS is empty where key is), the first nkeys of argv
 * are further keys, the rest is ARGV; a Redis that does not know the script
 * gets its text.
 *
 * rc:
 *   NGX_OK     reply is Redis' reply; it may be an error (REDIS_REPLY_ERROR)
 *              other than those below
 *   NGX_BUSY   the queue is full, or Redis is out of memory (OOM)
 *   NGX_ERROR  Redis is away, was lost, did not answer in time, or cannot
 *              serve (loading, a read-only replica, ...); logged here
 * reply is set whenever there is one, and valid during done() only.
 */

struct ngx_rtprop_redis_cmd_s {
    ngx_queue_t                 queue;     /* the client's */
    void                      (*done)(ngx_rtprop_redis_cmd_t *cmd);
    void                       *data;

    ngx_str_t                   key;       /* decides the node of a cluster;
                                              empty: any node, or this one: */
    void                       *node;      /* set to the one it went to */
    ngx_rtprop_redis_script_t  *script;
    ngx_uint_t                  argc;
    ngx_str_t                  *argv;
    ngx_uint_t                  nkeys;     /* with a script */

    /* out */
    ngx_int_t                   rc;
    redisReply                 *reply;
    unsigned                    sent:1;    /* octets have left: with NGX_ERROR
                                              it may have been executed */

    /* the client's */
    unsigned                    text:1;    /* EVAL, not EVALSHA */
    unsigned                    asking:1;
    unsigned                    internal:1;
    unsigned                    tries:6;
    uint64_t                    start;     /* usec, monotonic */
};


/*
 * A subscription.  The caller sets node.str, the whole name as it is on the
 * wire (prefix and all), and data, zeroes the rest, and leaves it alone until
 * it has unsubscribed; one at a time per name.
 */

struct ngx_rtprop_redis_sub_s {
    ngx_str_node_t              node;
    void                       *data;

    /* the client's */
    ngx_queue_t                 queue;
    void                       *home;      /* the node it is subscribed at */
    uint64_t                    ticket;
    unsigned                    active:1;  /* confirmed by Redis */
};


/* What the client calls; none of them before create() has returned. */

typedef struct {
    /*
     * All that is subscribed is confirmed and commands are taken, after the
     * first connect or after a loss.  Messages may have been missed: re-read.
     * In a cluster it may follow another up() without a down() between.
     */
    void  (*up)(void *data);

    /*
     * Messages, or commands too, are cut off, or never came about; why is a
     * text for people.  In a cluster that is so when a node of it is away:
     * subscriptions elsewhere stay active, and are not confirmed anew.
     */
    void  (*down)(void *data, const char *why);

    /* Confirmed: what is published from now on comes.  Again after a loss. */
    void  (*subscribed)(void *data, ngx_rtprop_redis_sub_t *sub);

    /* payload is valid during the call, which may unsubscribe. */
    void  (*message)(void *data, ngx_rtprop_redis_sub_t *sub,
              ngx_str_t *payload);
} ngx_rtprop_redis_handler_t;


/* "rtprop_redis url [option=value ...]"; conf is main's. */
char *ngx_rtprop_redis_directive(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* Registers the client's counters; called in preconfiguration. */
ngx_int_t ngx_rtprop_redis_preconfiguration(ngx_conf_t *cf);

/*
 * Resolves what needs no resolver; called in postconfiguration when the engine
 * is redis.  Refuses a configuration without rtprop_redis.
 */
ngx_int_t ngx_rtprop_redis_postconfiguration(ngx_conf_t *cf);

/*
 * The client of this worker, over worker->conf->redis; starts to connect.  NULL
 * without memory.  The handler and data must stay.
 */
ngx_rtprop_redis_t *ngx_rtprop_redis_create(ngx_rtprop_worker_t *worker,
    ngx_rtprop_redis_handler_t *handler, void *data);

/*
 * Closes the connections, ends what is under way with NGX_ERROR; at exit.
 * What was sent just before goes out, as far as the socket takes it.
 */
void ngx_rtprop_redis_close(ngx_rtprop_redis_t *redis);

/* Fills in the script's sha from its text; once, before it is used. */
void ngx_rtprop_redis_script_init(ngx_rtprop_redis_script_t *script);

/*
 * Takes a command.  Commands wait while the first attempt to connect is under
 * way; after it has failed, and until Redis is back, they end at once.
 */
void ngx_rtprop_redis_send(ngx_rtprop_redis_t *redis,
    ngx_rtprop_redis_cmd_t *cmd);

/*
 * Subscribes (SUBSCRIBE; SSUBSCRIBE in a cluster) and keeps it over
 * reconnects; handler->subscribed() follows, never before it returns.
 * Unsubscribing ends message() for it at once.
 */
void ngx_rtprop_redis_subscribe(ngx_rtprop_redis_t *redis,
    ngx_rtprop_redis_sub_t *sub);
void ngx_rtprop_redis_unsubscribe(ngx_rtprop_redis_t *redis,
    ngx_rtprop_redis_sub_t *sub);

/* The subscription to a channel, by its whole name; NULL when there is none. */
ngx_rtprop_redis_sub_t *ngx_rtprop_redis_find(ngx_rtprop_redis_t *redis,
    ngx_str_t *name);

/*
 * The master of a cluster that follows node, for commands that go to each of
 * them; round and round, NULL when that is first, and where there is no
 * cluster.
 */
void *ngx_rtprop_redis_master(ngx_rtprop_redis_t *redis, void *node,
    void *first);

/* Whether commands are taken now. */
ngx_uint_t ngx_rtprop_redis_ready(ngx_rtprop_redis_t *redis);

/* "ok", "connecting", "wrong password", "read-only replica", ... */
const char *ngx_rtprop_redis_status(ngx_rtprop_redis_t *redis);

/* What all keys and channels begin with, "rtprop:" by default. */
ngx_str_t *ngx_rtprop_redis_prefix(ngx_rtprop_redis_t *redis);

/*
 * Whether it is a cluster: keys of one script must share a hash tag, and
 * publishing is SPUBLISH to a channel with that tag, too.
 */
ngx_uint_t ngx_rtprop_redis_sharded(ngx_rtprop_redis_t *redis);


#endif /* _NGX_RTPROP_REDIS_H_INCLUDED_ */
