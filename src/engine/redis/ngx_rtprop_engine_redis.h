/*
 * The engine on Redis, for its own files.
 *
 * Keys, behind the prefix; all of one name share its hash tag:
 *
 *   {channel}:c     hash: e epoch (8 octets), o offset, b octets of history,
 *                   s<worker> its subscribers; also the pub/sub channel
 *   {channel}:h     list: the history's records, without gaps
 *   {key}:d         hash: v version, t text
 *   {set}:p         hash: sessions by user; {set}:x lost users
 *   {name}:l        hash: f fence, x end, w worker
 *   {name}:n        counter
 *   {$jobs}:z :j :i :f          jobs by time, payloads, claims, last fence
 *   {$workers}:z :r :n          workers' leases, those that are being reaped,
 *                               numbers of instances
 *   {$worker:<worker>}:m        set: the worker's sessions in presence sets
 *
 * What must be one step is one script (scripts/ *.lua, compiled in).  In a
 * cluster a script reaches one hash tag only: what goes beyond it follows in
 * scripts of their own, in an order in which a death between them is mended.
 */

#ifndef _NGX_RTPROP_ENGINE_REDIS_H_INCLUDED_
#define _NGX_RTPROP_ENGINE_REDIS_H_INCLUDED_


#include "ngx_rtprop.h"
#include "base/ngx_rtprop_stat.h"
#include "hub/ngx_rtprop_engine.h"
#include "engine/redis/ngx_rtprop_redis.h"
#include "engine/redis/rtprop_redis_record.h"


#define NGX_RTPROP_ER_ID_MAX     64        /* octets of a worker's name */
#define NGX_RTPROP_ER_EVENTS     64        /* delivered at a time */
#define NGX_RTPROP_ER_OP_MAX     (16 * 1024 * 1024)  /* octets of events */
#define NGX_RTPROP_ER_INFO_MAX   4000      /* octets of a member's info */
#define NGX_RTPROP_ER_NAME_MAX   4000      /* octets of a key's name */


typedef enum {
    NGX_RTPROP_ER_COMMIT = 0,
    NGX_RTPROP_ER_HISTORY,
    NGX_RTPROP_ER_PLACES,
    NGX_RTPROP_ER_COUNT,
    NGX_RTPROP_ER_CHANNELS,
    NGX_RTPROP_ER_ADD,
    NGX_RTPROP_ER_REMOVE,
    NGX_RTPROP_ER_REAP,
    NGX_RTPROP_ER_MEMBERS,
    NGX_RTPROP_ER_TICK,
    NGX_RTPROP_ER_GONE,
    NGX_RTPROP_ER_GET,
    NGX_RTPROP_ER_COUNTER,
    NGX_RTPROP_ER_LEASE,
    NGX_RTPROP_ER_RELEASE,
    NGX_RTPROP_ER_SCHEDULE,
    NGX_RTPROP_ER_CLAIM,
    NGX_RTPROP_ER_FINISH,
    NGX_RTPROP_ER_UNCLAIM,
    NGX_RTPROP_ER_SCRIPTS,
    NGX_RTPROP_ER_PLAIN = NGX_RTPROP_ER_SCRIPTS    /* a command */
} ngx_rtprop_er_script_e;


typedef enum {
    NGX_RTPROP_ER_STAT_PUBLISHED = 0,
    NGX_RTPROP_ER_STAT_DELIVERED,
    NGX_RTPROP_ER_STAT_JOBS,
    NGX_RTPROP_ER_STAT_LATE,
    NGX_RTPROP_ER_STAT_CHANNELS,
    NGX_RTPROP_ER_STAT_REAPED,
    NGX_RTPROP_ER_STAT_LOST,
    NGX_RTPROP_ER_STAT_AWAY,
    NGX_RTPROP_ER_STAT_UNNUMBERED,
    NGX_RTPROP_ER_STATS
} ngx_rtprop_er_stat_e;


typedef struct ngx_rtprop_er_s          ngx_rtprop_er_t;
typedef struct ngx_rtprop_er_call_s     ngx_rtprop_er_call_t;
typedef struct ngx_rtprop_er_channel_s  ngx_rtprop_er_channel_t;

typedef void (*ngx_rtprop_er_call_pt)(ngx_rtprop_er_call_t *call);


/* The engine of a worker. */

struct ngx_rtprop_er_s {
    ngx_rtprop_engine_t            engine;
    ngx_rtprop_worker_t           *worker;
    ngx_rtprop_hub_t              *hub;
    ngx_rtprop_engine_handler_t   *handler;
    ngx_rtprop_redis_t            *redis;

    ngx_str_t                      id;      /* this worker's name ... */
    ngx_str_t                      list;    /* ... and of its sessions' list */
    u_char                         id_text[NGX_RTPROP_ER_ID_MAX];
    uint64_t                       machine;
    uint32_t                       boot;    /* whose monotonic clock */
    ngx_uint_t                     generation;
    ngx_msec_t                     renamed;
    ngx_event_t                    tick;

    ngx_rbtree_t                   channels;
    ngx_rbtree_node_t              channels_end;
    ngx_queue_t                    stale;   /* channels whose place is asked */
    ngx_queue_t                    fresh;   /* the others, oldest first */
    ngx_uint_t                     asking;  /* commands under way for them */

    ngx_rbtree_t                   members; /* of this worker, in all sets */
    ngx_rbtree_node_t              members_end;
    ngx_queue_t                    unsaid;  /* of them: Redis must be told */
    ngx_queue_t                    said;
    ngx_uint_t                     telling; /* commands under way for them */
    ngx_uint_t                     ncame;   /* whom nobody has heard of yet */
    ngx_msec_t                     since;   /* it is up, or has a new name */
    int64_t                        born;    /* Redis' data, by its clock, ms */
    int64_t                        answered;   /* the last tick, by it */

    ngx_str_t                      reaping; /* name of a dead worker, or none */
    u_char                         reaping_text[NGX_RTPROP_ER_ID_MAX];
    ngx_uint_t                     reaps;   /* commands under way for it */

    ngx_rtprop_number_t            number;  /* of this instance, in ids */
    uint64_t                       told;    /* usec, the tick under way */

    ngx_event_t                    due;
    unsigned                       claiming:1;

    unsigned                       up:1;
    unsigned                       away:1;  /* it was tried */
    unsigned                       known:1; /* has had its first tick */
    unsigned                       ticking:1;
    unsigned                       tick_again:1;
    unsigned                       unnumbered:1;   /* no number is left */

    ngx_rtprop_stat_desc_t        *stats[NGX_RTPROP_ER_STATS];
    ngx_rtprop_redis_script_t      scripts[NGX_RTPROP_ER_SCRIPTS];
    ngx_rtprop_event_t             events[NGX_RTPROP_ER_EVENTS];
};


/* A channel that this worker is subscribed to. */

struct ngx_rtprop_er_channel_s {
    ngx_rtprop_redis_sub_t         sub;
    ngx_str_node_t                 node;    /* of er->channels; its name */
    ngx_queue_t                    queue;   /* er->stale or er->fresh */
    ngx_queue_t                    waiting; /* reads, till it is confirmed */
    uint64_t                       epoch;   /* last event here; 0: none yet */
    uint64_t                       offset;
    ngx_msec_t                     asked;   /* when its place was */
    ngx_uint_t                     count;   /* subscribers */
    ngx_uint_t                     held;    /* by those who point at it */
    unsigned                       active:1;
    unsigned                       gone:1;
    unsigned                       all:1;   /* channel "all", for ever */
};


/* ---------------------------------------- ngx_rtprop_engine_redis_call.c */

/*
 * One command or script under way, with room for its arguments.  done() is
 * called once, then it is freed; call->cmd.rc is NGX_OK only if there is a
 * reply that is no error.
 */
struct ngx_rtprop_er_call_s {
    ngx_rtprop_redis_cmd_t         cmd;
    ngx_rtprop_er_t               *er;
    ngx_rtprop_er_call_pt          done;
    void                          *data;
    void                          *more;
    uint64_t                       number;
    ngx_uint_t                     max;     /* room in argv */
    u_char                        *p;       /* room for texts */
    u_char                        *end;
    ngx_str_t                      argv[1];
};

/*
 * script: or NGX_RTPROP_ER_PLAIN; nargs: keys but the first, and arguments;
 * size: octets of all keys' names and of what is copied.  NULL: no memory.
 */
ngx_rtprop_er_call_t *ngx_rtprop_er_call(ngx_rtprop_er_t *er,
    ngx_uint_t script, ngx_uint_t nargs, size_t size);

/* The key {name}suffix: the first one decides the node. */
void ngx_rtprop_er_key(ngx_rtprop_er_call_t *call, ngx_str_t *name,
    const char *suffix);

/* Arguments: a text that stays, one that is copied, numbers, 8 octets. */
void ngx_rtprop_er_text(ngx_rtprop_er_call_t *call, ngx_str_t *text);
void ngx_rtprop_er_copy(ngx_rtprop_er_call_t *call, ngx_str_t *text);
void ngx_rtprop_er_word(ngx_rtprop_er_call_t *call, const char *word);
void ngx_rtprop_er_number(ngx_rtprop_er_call_t *call, int64_t n);
void ngx_rtprop_er_octets(ngx_rtprop_er_call_t *call, uint64_t n);

/* Room for len octets that become the next argument. */
u_char *ngx_rtprop_er_room(ngx_rtprop_er_call_t *call, size_t len);

void ngx_rtprop_er_send(ngx_rtprop_er_call_t *call,
    ngx_rtprop_er_call_pt done, void *data);

/*
 * The reply, if it is an array of at least n elements; else NULL, and rc is
 * NGX_ERROR, logged if Redis is to blame.
 */
redisReply *ngx_rtprop_er_array(ngx_rtprop_er_call_t *call, ngx_uint_t n);

/* Its elements: numbers (0 where there is none), texts, 8 octets. */
int64_t ngx_rtprop_er_get_number(redisReply *reply, ngx_uint_t i);
void ngx_rtprop_er_get_text(redisReply *reply, ngx_uint_t i, ngx_str_t *text);
uint64_t ngx_rtprop_er_get_octets(redisReply *reply, ngx_uint_t i);
ngx_int_t ngx_rtprop_er_dup(ngx_pool_t *pool, ngx_str_t *dst, ngx_str_t *src);

/* Whatever comes back, nobody waits for it. */
void ngx_rtprop_er_ignore(ngx_rtprop_er_call_t *call);

/* A fresh epoch, never 0. */
uint64_t ngx_rtprop_er_epoch(ngx_rtprop_er_t *er);

/* Life of a channel's hash after it was last used, ms. */
int64_t ngx_rtprop_er_life(ngx_rtprop_er_t *er);

/* Why an operation ended, for those that have neither result nor conflict. */
void ngx_rtprop_er_end(ngx_rtprop_op_t *op, ngx_int_t rc);

/* No new jobs, leases, dead workers. */
ngx_uint_t ngx_rtprop_er_draining(ngx_rtprop_er_t *er);


/* -------------------------------------------------------- the operations */

void ngx_rtprop_er_publish(ngx_rtprop_engine_t *e, ngx_rtprop_publish_t *op);
void ngx_rtprop_er_state_put(ngx_rtprop_engine_t *e, ngx_rtprop_state_t *op);

/* An event, from what Redis gave; NGX_ERROR: it is none. */
ngx_int_t ngx_rtprop_er_decode(ngx_rtprop_er_t *er, u_char **p, u_char *end,
    ngx_rtprop_event_t *ev);

void ngx_rtprop_er_history(ngx_rtprop_engine_t *e, ngx_rtprop_history_t *op);

void ngx_rtprop_er_unsubscribe(ngx_rtprop_engine_t *e, ngx_str_t *channel,
    ngx_uint_t n);
void ngx_rtprop_er_channels(ngx_rtprop_engine_t *e,
    ngx_rtprop_channels_t *op);

void ngx_rtprop_er_presence_add(ngx_rtprop_engine_t *e,
    ngx_rtprop_presence_t *op);
void ngx_rtprop_er_presence_remove(ngx_rtprop_engine_t *e,
    ngx_rtprop_presence_t *op);
void ngx_rtprop_er_members(ngx_rtprop_engine_t *e, ngx_rtprop_members_t *op);

void ngx_rtprop_er_state_get(ngx_rtprop_engine_t *e, ngx_rtprop_state_t *op);
void ngx_rtprop_er_counter(ngx_rtprop_engine_t *e, ngx_rtprop_counter_t *op);
void ngx_rtprop_er_lease(ngx_rtprop_engine_t *e, ngx_rtprop_lease_t *op);
void ngx_rtprop_er_release(ngx_rtprop_engine_t *e, ngx_rtprop_lease_t *op);

void ngx_rtprop_er_schedule(ngx_rtprop_engine_t *e,
    ngx_rtprop_schedule_t *op);
void ngx_rtprop_er_schedule_done(ngx_rtprop_engine_t *e, ngx_str_t *key,
    uint64_t fence);


/* ---------------------------------------- ngx_rtprop_engine_redis_subs.c */

void ngx_rtprop_er_subs_init(ngx_rtprop_er_t *er);

/* The channel if it is subscribed; with make set it will be.  NULL: no. */
ngx_rtprop_er_channel_t *ngx_rtprop_er_channel(ngx_rtprop_er_t *er,
    ngx_str_t *name, ngx_uint_t make);

/* Counts subscribers out; the subscription ends with the last. */
void ngx_rtprop_er_leave(ngx_rtprop_er_t *er, ngx_rtprop_er_channel_t *ch,
    ngx_uint_t n);

/* Who holds it keeps it from being freed. */
void ngx_rtprop_er_let_go(ngx_rtprop_er_t *er, ngx_rtprop_er_channel_t *ch);

/* All places, or those not asked for long, are asked for; by parts. */
void ngx_rtprop_er_places(ngx_rtprop_er_t *er, ngx_uint_t all);

/* The client's. */
void ngx_rtprop_er_subscribed(void *data, ngx_rtprop_redis_sub_t *sub);
void ngx_rtprop_er_message(void *data, ngx_rtprop_redis_sub_t *sub,
    ngx_str_t *payload);

/* Ends what waits for subscriptions. */
void ngx_rtprop_er_subs_down(ngx_rtprop_er_t *er);

/* What waited for the channel's subscription is read, or ended with rc. */
void ngx_rtprop_er_read_waiting(ngx_rtprop_er_t *er,
    ngx_rtprop_er_channel_t *ch, ngx_int_t rc);


/* ------------------------------------ ngx_rtprop_engine_redis_presence.c */

typedef enum {
    NGX_RTPROP_ER_IN = 0,          /* Redis has it */
    NGX_RTPROP_ER_AGAIN,           /* this worker was taken for dead */
    NGX_RTPROP_ER_COMING,          /* came while Redis was away */
    NGX_RTPROP_ER_CAME,            /* Redis has it, others have not heard */
    NGX_RTPROP_ER_LEAVING,         /* is being told that it leaves */
    NGX_RTPROP_ER_OUT              /* must be told */
} ngx_rtprop_er_member_e;


/*
 * A session in a set; name is set, user, session, as the worker's list of them
 * in Redis has it: lengths of two octets ahead of set and user.
 */

typedef struct {
    ngx_str_node_t                 node;
    ngx_queue_t                    queue;   /* er->unsaid or er->said */
    uint32_t                       users;   /* in the set, when it came */
    uint16_t                       set;     /* octets */
    uint16_t                       user;
    uint16_t                       info;
    uint8_t                        state;   /* ngx_rtprop_er_member_e */
    u_char                         name[1]; /* and the info */
} ngx_rtprop_er_member_t;


void ngx_rtprop_er_members_init(ngx_rtprop_er_t *er);

typedef enum {
    NGX_RTPROP_ER_AGAIN_UNSAID,    /* what it was not told yet */
    NGX_RTPROP_ER_AGAIN_ALL,       /* it has lost its data */
    NGX_RTPROP_ER_AGAIN_REAPED     /* the former name's may be gone */
} ngx_rtprop_er_again_e;

/* This worker has a new name, or Redis is back: tells it its members. */
void ngx_rtprop_er_members_again(ngx_rtprop_er_t *er,
    ngx_rtprop_er_again_e which);


/* ------------------------------------- ngx_rtprop_engine_redis_members.c */

/*
 * Redis has a session that came while it was away.  If its user came with it
 * the others hear so when they have had time to come back, too.
 */
void ngx_rtprop_er_member_came(ngx_rtprop_er_t *er, ngx_rtprop_er_member_t *m,
    redisReply *reply);

/* Those who came, if it is time. */
void ngx_rtprop_er_members_came(ngx_rtprop_er_t *er);

/*
 * The last session of a user, taken out so late that nobody was told: that is
 * how a dead worker's are announced, too.
 */
void ngx_rtprop_er_member_lost(ngx_rtprop_er_t *er, ngx_str_t *name,
    redisReply *reply);


/* ---------------------------------------- ngx_rtprop_engine_redis_tick.c */

ngx_int_t ngx_rtprop_er_tick_init(ngx_rtprop_er_t *er);
void ngx_rtprop_er_tick(ngx_event_t *ev);

/* Says so now, not at the next tick. */
void ngx_rtprop_er_lives(ngx_rtprop_er_t *er);

/* A name of its own ends: others need not wait for the end of its lease. */
void ngx_rtprop_er_dies(ngx_rtprop_er_t *er, ngx_uint_t generation);

/* Whether a worker of this name was this machine's and is no more. */
ngx_uint_t ngx_rtprop_er_is_dead(ngx_rtprop_er_t *er, ngx_str_t *id);


/* -------------------------------------- ngx_rtprop_engine_redis_number.c */

/* What a tick says of this instance's number; what its reply says. */
void ngx_rtprop_er_number_ask(ngx_rtprop_er_t *er, ngx_rtprop_er_call_t *call);
void ngx_rtprop_er_numbered(ngx_rtprop_er_t *er, redisReply *reply);


/* ---------------------------------------- ngx_rtprop_engine_redis_reap.c */

/* Takes a dead worker's members out, and unclaims its jobs; by parts. */
void ngx_rtprop_er_reap(ngx_rtprop_er_t *er, ngx_str_t *id);


/* ------------------------------------ ngx_rtprop_engine_redis_schedule.c */

void ngx_rtprop_er_schedule_due(ngx_event_t *ev);


/* ---------------------------------------- ngx_rtprop_engine_redis_stat.c */

void ngx_rtprop_er_stats(ngx_rtprop_er_t *er);
void ngx_rtprop_er_bump(ngx_rtprop_er_t *er, ngx_rtprop_er_stat_e stat,
    int64_t delta);


#endif /* _NGX_RTPROP_ENGINE_REDIS_H_INCLUDED_ */
