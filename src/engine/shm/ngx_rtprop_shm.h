/*
 * The embedded engine's things in the zone, and what its files share.
 *
 * One hash table holds everything that has a name: channels, presence sets and
 * their users, documents, leases, counters, jobs.  All in the zone is changed
 * by steps: functions that run locked, in one transaction, and that are run
 * again after old history went when they return NGX_BUSY.
 */

#ifndef _NGX_RTPROP_SHM_H_INCLUDED_
#define _NGX_RTPROP_SHM_H_INCLUDED_


#include "base/ngx_rtprop_stat.h"
#include "base/ngx_rtprop_zone.h"
#include "hub/ngx_rtprop_engine.h"


#define NGX_RTPROP_SHM_EVENTS      256     /* of one publish, of one batch */
#define NGX_RTPROP_SHM_WAVE        32      /* events, see _shm_published() */
#define NGX_RTPROP_SHM_HEAP        64      /* chunks of the heap of jobs */
#define NGX_RTPROP_SHM_CHUNK       1024    /* jobs in a chunk */
#define NGX_RTPROP_SHM_NO_SLOT     0xff
#define NGX_RTPROP_SHM_REAP        512     /* things of a dead one at a time */


typedef enum {
    NGX_RTPROP_SHM_CHANNEL = 1,
    NGX_RTPROP_SHM_SET,
    NGX_RTPROP_SHM_USER,
    NGX_RTPROP_SHM_DOCUMENT,
    NGX_RTPROP_SHM_LEASE,
    NGX_RTPROP_SHM_COUNTER,
    NGX_RTPROP_SHM_JOB
} ngx_rtprop_shm_kind_e;


/* --------------------------------------------------------- in the zone --- */

typedef struct {
    ngx_rtprop_ref_t          next;
    ngx_rtprop_ref_t          prev;
} ngx_rtprop_shm_link_t;


typedef struct {
    ngx_rtprop_ref_t          first;
    ngx_rtprop_ref_t          last;
} ngx_rtprop_shm_list_t;


/* First in all that the hash table holds. */

typedef struct {
    ngx_rtprop_ref_t          next;        /* in its bucket */
    uint32_t                  hash;
    ngx_rtprop_ref_t          owner;       /* of a user: its set */
    uint16_t                  len;         /* of the name */
    uint8_t                   kind;
    uint8_t                   slot;        /* of a lease, of a claimed job */
} ngx_rtprop_shm_node_t;


typedef struct {
    ngx_rtprop_shm_node_t     node;
    ngx_rtprop_shm_link_t     link;        /* of kept or bare channels, ... */
    ngx_rtprop_shm_list_t     events;      /* oldest first */
    uint64_t                  epoch;
    uint64_t                  offset;      /* of the newest event ever */
    uint32_t                  count;       /* events kept */
    uint32_t                  bytes;       /* of them */
    uint32_t                  touched;     /* s, monotonic */
    uint32_t                  subscribers;
    ngx_rtprop_ref_t          subs;        /* one for each worker */
    uint32_t                  pad;
    u_char                    name[8];
} ngx_rtprop_shm_channel_t;


/* A worker's subscribers to one channel. */

typedef struct {
    ngx_rtprop_shm_link_t     link;        /* of the slot */
    ngx_rtprop_ref_t          channel;
    ngx_rtprop_ref_t          next;        /* of the channel */
    uint32_t                  count;
    uint32_t                  slot;
} ngx_rtprop_shm_sub_t;


/* An event as it is in the ring and, as a chain, in history. */

typedef struct {
    uint32_t                  size;        /* of all, a multiple of 8 */
    uint8_t                   type;
    uint8_t                   flags;
    uint8_t                   kinds;
    uint8_t                   skip_session;
    uint16_t                  channel;     /* lengths of the texts ... */
    uint16_t                  event;
    uint16_t                  user;
    uint16_t                  skip_user;
    uint16_t                  alt_user;
    uint32_t                  payload;
    uint32_t                  alt_payload;
    uint16_t                  replace;
    uint16_t                  pad[2];
    uint64_t                  id;
    uint64_t                  epoch;
    uint64_t                  offset;
    int64_t                   time;
    uint64_t                  arrived;
    /* ... which follow, in the order of the lengths */
} ngx_rtprop_shm_record_t;


typedef enum {
    NGX_RTPROP_SHM_EVENT = 0,
    NGX_RTPROP_SHM_REFERENCE               /* too big for the ring: look up */
} ngx_rtprop_shm_record_e;


typedef struct {
    ngx_rtprop_shm_node_t     node;
    ngx_rtprop_shm_list_t     users;
    uint32_t                  nusers;
    uint32_t                  nsessions;
    uint32_t                  lost;        /* users not yet announced */
    u_char                    name[4];
} ngx_rtprop_shm_set_t;


typedef struct {
    ngx_rtprop_shm_node_t     node;        /* owner: the set */
    ngx_rtprop_shm_link_t     link;        /* of the set, or of the lost */
    ngx_rtprop_ref_t          sessions;    /* newest first */
    uint32_t                  nsessions;
    u_char                    name[8];
} ngx_rtprop_shm_user_t;


typedef struct {
    ngx_rtprop_shm_link_t     link;        /* of the slot */
    ngx_rtprop_ref_t          user;
    ngx_rtprop_ref_t          next;        /* of the user */
    u_char                    id[NGX_RTPROP_SESSION_ID];
    uint16_t                  len;         /* of the info */
    uint8_t                   slot;
    uint8_t                   pad;
    u_char                    info[4];
} ngx_rtprop_shm_session_t;


/* A document, a lease, a counter. */

typedef struct {
    ngx_rtprop_shm_node_t     node;
    int64_t                   expires;     /* ms, monotonic; 0: never */
    uint64_t                  value;       /* version, fence, count */
    ngx_rtprop_shm_link_t     link;        /* of a lease: of the slot */
    ngx_rtprop_ref_t          text;
    uint32_t                  pad;
    u_char                    name[8];
} ngx_rtprop_shm_item_t;


typedef struct {
    ngx_rtprop_shm_node_t     node;        /* slot: of who has claimed it */
    int64_t                   due;         /* ms since the epoch */
    int64_t                   when;        /* due, or the end of the claim */
    uint64_t                  fence;       /* of the claim; 0: none */
    uint32_t                  index;       /* in the heap */
    ngx_rtprop_ref_t          text;
    u_char                    name[8];
} ngx_rtprop_shm_job_t;


typedef struct {
    ngx_rtprop_shm_list_t     subs;
    ngx_rtprop_shm_list_t     sessions;
    ngx_rtprop_shm_list_t     leases;
    ngx_rtprop_shm_list_t     lost;        /* users to be announced */
} ngx_rtprop_shm_owned_t;


typedef struct {
    uint64_t                  epoch;       /* random */
    uint64_t                  mask;        /* of the buckets' numbers */
    ngx_rtprop_ref_t          buckets;
    ngx_rtprop_ref_t          evictions;   /* of channels, per bucket */
    ngx_rtprop_ref_t          ring;
    uint32_t                  sweep;       /* bucket to look at next */
    int64_t                   swept;       /* ms, monotonic: when */
    uint64_t                  fence;

    /* octets since the ring began; see ngx_rtprop_shm_ipc.c */
    uint64_t                  ring_size;
    uint64_t                  written;
    volatile int64_t          full;        /* ms, monotonic; 0: never */
    int64_t                   claimed;     /* ms: the last end of a claim */
    u_char                    pad[48];
    volatile uint64_t         head;
    volatile uint64_t         reserved;
    u_char                    pad2[64];

    ngx_rtprop_shm_list_t     kept;        /* channels with history ... */
    ngx_rtprop_shm_list_t     bare;        /* with nothing; newest first */
    uint64_t                  channels;
    uint64_t                  events;
    uint64_t                  octets;      /* of their records */

    volatile int64_t          next_due;    /* ms; 0: no job */
    uint64_t                  jobs;
    ngx_rtprop_ref_t          heap[NGX_RTPROP_SHM_HEAP];

    ngx_rtprop_shm_owned_t    slots[NGX_RTPROP_SLOTS];
} ngx_rtprop_shm_root_t;


/* ------------------------------------------------------- in the worker --- */

/* An event on its way into the zone. */

typedef struct {
    size_t                    pos;         /* of its record in the buffer */
    size_t                    size;
    uint64_t                  hash;        /* of the channel's name */
    ngx_rtprop_ref_t          channel;
} ngx_rtprop_shm_out_t;


typedef struct {
    ngx_rtprop_engine_t       engine;
    ngx_rtprop_worker_t      *worker;
    ngx_rtprop_zone_t        *zone;
    ngx_rtprop_shm_root_t    *root;
    ngx_uint_t                slot;

    ngx_rtprop_engine_handler_t  *handler;
    ngx_rtprop_hub_t         *hub;

    u_char                   *out;         /* records to be published */
    size_t                    out_size;
    size_t                    out_max;
    size_t                    reserve;     /* octets, see _shm_admit() */
    ngx_rtprop_shm_out_t      outs[NGX_RTPROP_SHM_EVENTS];

    u_char                   *in;          /* what was copied from the ring */
    size_t                    in_size;
    size_t                    in_max;      /* biggest record in the ring */
    uint64_t                  cursor;
    ngx_rtprop_event_t        events[NGX_RTPROP_SHM_EVENTS];

    ngx_event_t               posted;      /* wake others, deliver here */
    ngx_uint_t                fresh;       /* events published since then */
    ngx_event_t               tick;
    ngx_event_t               due;

    size_t                    spare;       /* octets, before that step */
    ngx_uint_t                written;     /* events, in the step under way */
    ngx_rtprop_ref_t          begun;       /* channel, by that step; 0: none */
    const char               *error;       /* of the step, to be logged */
    int64_t                   full;        /* when that was logged, same */
    unsigned                  refused:1;   /* no room will help */
} ngx_rtprop_shm_t;


/* NGX_OK and the like: commit; NGX_BUSY: evict and again; NGX_ERROR: undo. */

typedef ngx_int_t (*ngx_rtprop_shm_step_pt)(ngx_rtprop_shm_t *shm, void *data);

ngx_int_t ngx_rtprop_shm_transact(ngx_rtprop_shm_t *shm,
    ngx_rtprop_shm_step_pt step, void *data);

/* After a step that wrote n events: they will be delivered, here and there. */
void ngx_rtprop_shm_published(ngx_rtprop_shm_t *shm, ngx_uint_t n);

#define NGX_RTPROP_SHM_FULL   10000   /* ms, between lines in the log, too */

/* Room was missing a moment ago. */

static inline ngx_uint_t
ngx_rtprop_shm_pressed(ngx_rtprop_shm_t *shm)
{
    int64_t  full;

    full = shm->root->full;

    return full && ngx_rtprop_zone_clock() - full < NGX_RTPROP_SHM_FULL;
}


/* New jobs and leases are for others. */
ngx_uint_t ngx_rtprop_shm_draining(ngx_rtprop_shm_t *shm);

/* Milliseconds since the epoch, read from the clock. */
int64_t ngx_rtprop_shm_time(void);


static inline void *
ngx_rtprop_shm_ptr(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref)
{
    return ngx_rtprop_zone_ptr(shm->zone, ref);
}


static inline void
ngx_rtprop_shm_log(ngx_rtprop_shm_t *shm, void *p, size_t size)
{
    if (size == 8) {
        ngx_rtprop_zone_log_word(shm->zone, p);
        return;
    }

    ngx_rtprop_zone_log(shm->zone, p, size);
}


/* Logs a whole struct before it is changed. */

#define ngx_rtprop_shm_change(shm, p)                                        \
    ngx_rtprop_zone_log((shm)->zone, p, sizeof(*(p)))


/* ------------------------------------------ ngx_rtprop_shm_table.c (locked) */

/* What names a node: a kind, a name, and for a user its set. */

typedef struct {
    ngx_rtprop_shm_kind_e     kind;
    ngx_rtprop_ref_t          owner;
    ngx_str_t                *name;
    uint64_t                  hash;
} ngx_rtprop_shm_key_t;


/* Hashes; call it before locking.  The name must stay. */
void ngx_rtprop_shm_key(ngx_rtprop_shm_t *shm, ngx_rtprop_shm_key_t *key,
    ngx_rtprop_shm_kind_e kind, ngx_str_t *name);

/* The name of a node, in the zone. */
void ngx_rtprop_shm_name(ngx_rtprop_shm_node_t *node, ngx_str_t *name);

/* 0 when there is none. */
ngx_rtprop_ref_t ngx_rtprop_shm_find(ngx_rtprop_shm_t *shm,
    ngx_rtprop_shm_key_t *key);

/*
 * Makes a node of the kind's size, zeroed but for its name, and puts it in.
 * Returns 0 when the zone is full, or the name is too long (shm->refused).
 */
ngx_rtprop_ref_t ngx_rtprop_shm_insert(ngx_rtprop_shm_t *shm,
    ngx_rtprop_shm_key_t *key);

/* Takes it out of the table; the block stays. */
void ngx_rtprop_shm_delete(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref);

/* Lists through links at an offset; push puts first, append last. */
void ngx_rtprop_shm_push(ngx_rtprop_shm_t *shm, ngx_rtprop_shm_list_t *list,
    ngx_rtprop_ref_t ref, size_t offset);
void ngx_rtprop_shm_append(ngx_rtprop_shm_t *shm, ngx_rtprop_shm_list_t *list,
    ngx_rtprop_ref_t ref, size_t offset);
void ngx_rtprop_shm_remove(ngx_rtprop_shm_t *shm, ngx_rtprop_shm_list_t *list,
    ngx_rtprop_ref_t ref, size_t offset);


/* ------------------------------------------------- ngx_rtprop_shm_record.c */

/* Octets of an event's record; 0 when a text is too long for it. */
size_t ngx_rtprop_shm_record_size(ngx_rtprop_event_t *ev);

/* Writes the record; p has room for its size and is aligned to 8. */
void ngx_rtprop_shm_record_encode(u_char *p, size_t size,
    ngx_rtprop_event_t *ev);

/* Texts of ev point into the record.  NGX_ERROR when lengths don't fit. */
ngx_int_t ngx_rtprop_shm_record_decode(u_char *p, size_t size,
    ngx_rtprop_event_t *ev);


/* ---------------------------------------------------- ngx_rtprop_shm_log.c */

/* Encodes events; before locking.  NGX_BUSY: more than one publish may have. */
ngx_int_t ngx_rtprop_shm_log_prepare(ngx_rtprop_shm_t *shm,
    ngx_rtprop_event_t *events, ngx_uint_t n);

/* Step: what was prepared goes into history and ring; sets epoch, offset. */
ngx_int_t ngx_rtprop_shm_log_write(ngx_rtprop_shm_t *shm,
    ngx_rtprop_event_t *events, ngx_uint_t n);

/*
 * Parts of that step.  NGX_ERROR: too much for one transaction.  keep: the
 * record goes into the channel's history, with the epoch and the offset that
 * are next.  announce: to the ring.
 */
ngx_int_t ngx_rtprop_shm_log_room(ngx_rtprop_shm_t *shm,
    ngx_rtprop_shm_out_t *out);
ngx_int_t ngx_rtprop_shm_log_one(ngx_rtprop_shm_t *shm,
    ngx_rtprop_event_t *ev, ngx_rtprop_shm_out_t *out);
ngx_int_t ngx_rtprop_shm_log_keep(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref,
    ngx_rtprop_shm_record_t *rec);
ngx_int_t ngx_rtprop_shm_log_announce(ngx_rtprop_shm_t *shm,
    ngx_rtprop_shm_record_t *rec);

/*
 * Bounds the histories that the last step wrote to; locked, in transactions of
 * its own.
 */
void ngx_rtprop_shm_log_trim(ngx_rtprop_shm_t *shm);

/*
 * A channel's list follows from what it has: events, or neither events nor
 * subscribers; NULL when it has subscribers only.  leave before that changes,
 * enter after it has.
 */
void ngx_rtprop_shm_channel_leave(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref);
void ngx_rtprop_shm_channel_enter(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref);

/* Finds or makes a channel; 0 when the zone is full. */
ngx_rtprop_ref_t ngx_rtprop_shm_channel(ngx_rtprop_shm_t *shm,
    ngx_rtprop_shm_key_t *key);

/* The epoch that a channel has that does not exist (any more). */
uint64_t ngx_rtprop_shm_epoch(ngx_rtprop_shm_t *shm, uint64_t hash);

/* Takes the oldest event of a channel out, not committed; locked. */
void ngx_rtprop_shm_log_shift(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref);

/* One event by its offset, copied to pool. */
ngx_int_t ngx_rtprop_shm_log_fetch(ngx_rtprop_shm_t *shm, ngx_pool_t *pool,
    ngx_rtprop_event_t *ev);

static inline ngx_rtprop_shm_record_t *
ngx_rtprop_shm_event_record(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref)
{
    return (ngx_rtprop_shm_record_t *)
           ((u_char *) ngx_rtprop_zone_chain_head(shm->zone, ref)
            + sizeof(ngx_rtprop_shm_link_t));
}


static inline ngx_rtprop_shm_link_t *
ngx_rtprop_shm_event_link(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref)
{
    return ngx_rtprop_zone_chain_head(shm->zone, ref);
}


#define NGX_RTPROP_SHM_EVENT_LINK   8      /* offset of a chain's head */


/* -------------------------------------------------- ngx_rtprop_shm_carry.c */

/* The step of a carried publish; data is the operation. */
ngx_int_t ngx_rtprop_shm_carry_step(ngx_rtprop_shm_t *shm, void *data);


/* -------------------------------------------------- ngx_rtprop_shm_evict.c */

/* Frees some of the oldest history; locked.  0: there is nothing left. */
ngx_uint_t ngx_rtprop_shm_evict(ngx_rtprop_shm_t *shm);

/*
 * At the end of a step that made something new, a document or a member, which
 * leaves the last pages (shm->reserve) to events, changes of documents, leases
 * and jobs.  NGX_BUSY (shm->refused): it took one of these pages.
 */
ngx_int_t ngx_rtprop_shm_admit(ngx_rtprop_shm_t *shm);

/* Takes a channel out if nobody needs it, committed; locked. */
void ngx_rtprop_shm_channel_drop(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref);

/* Each second: what is too old goes, a bounded part of it. */
void ngx_rtprop_shm_sweep(ngx_rtprop_shm_t *shm);


/* ------------------------------------------------ ngx_rtprop_shm_history.c */

void ngx_rtprop_shm_history(ngx_rtprop_engine_t *e,
    ngx_rtprop_history_t *op);


/* --------------------------------------------------- ngx_rtprop_shm_subs.c */

/* Step: counts one subscriber of this worker in. */
ngx_int_t ngx_rtprop_shm_subscribe(ngx_rtprop_shm_t *shm,
    ngx_rtprop_ref_t channel);

void ngx_rtprop_shm_unsubscribe(ngx_rtprop_engine_t *e, ngx_str_t *channel,
    ngx_uint_t n);
void ngx_rtprop_shm_channels(ngx_rtprop_engine_t *e,
    ngx_rtprop_channels_t *op);

/* Each takes a part of what a dead worker left; NGX_AGAIN: there is more. */
ngx_int_t ngx_rtprop_shm_subs_reap(ngx_rtprop_shm_t *shm, ngx_uint_t slot);


/* ---------------------------------------------------- ngx_rtprop_shm_ipc.c */

/* Step: puts a record into the ring.  NGX_DECLINED: too big for it. */
ngx_int_t ngx_rtprop_shm_ipc_write(ngx_rtprop_shm_t *shm, u_char *p,
    size_t size);

/* Shows what was committed to the readers; locked. */
void ngx_rtprop_shm_ipc_show(ngx_rtprop_shm_t *shm);

/* Delivers what is there to the handler, then sleeps. */
void ngx_rtprop_shm_ipc_drain(ngx_rtprop_shm_t *shm);

ngx_int_t ngx_rtprop_shm_ipc_init(ngx_rtprop_shm_t *shm);


/* ----------------------------------------------- ngx_rtprop_shm_presence.c */

void ngx_rtprop_shm_presence_add(ngx_rtprop_engine_t *e,
    ngx_rtprop_presence_t *op);
void ngx_rtprop_shm_presence_remove(ngx_rtprop_engine_t *e,
    ngx_rtprop_presence_t *op);
void ngx_rtprop_shm_members(ngx_rtprop_engine_t *e,
    ngx_rtprop_members_t *op);
ngx_int_t ngx_rtprop_shm_presence_reap(ngx_rtprop_shm_t *shm, ngx_uint_t slot);

/* Step parts, for ngx_rtprop_shm_lost.c. */
void ngx_rtprop_shm_session_free(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref);
void ngx_rtprop_shm_set_drop(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref);


/* -------------------------------------------------- ngx_rtprop_shm_state.c */

void ngx_rtprop_shm_state_get(ngx_rtprop_engine_t *e,
    ngx_rtprop_state_t *op);
void ngx_rtprop_shm_state_put(ngx_rtprop_engine_t *e,
    ngx_rtprop_state_t *op);
void ngx_rtprop_shm_counter(ngx_rtprop_engine_t *e,
    ngx_rtprop_counter_t *op);
void ngx_rtprop_shm_lease(ngx_rtprop_engine_t *e, ngx_rtprop_lease_t *op);
void ngx_rtprop_shm_release(ngx_rtprop_engine_t *e, ngx_rtprop_lease_t *op);
ngx_int_t ngx_rtprop_shm_lease_reap(ngx_rtprop_shm_t *shm, ngx_uint_t slot);

/* Takes an item out and frees it; locked, not committed. */
void ngx_rtprop_shm_item_free(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref);

/* Copies the text of a chain to pool. */
ngx_int_t ngx_rtprop_shm_text(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref,
    ngx_pool_t *pool, ngx_str_t *text);


/* ----------------------------------------------- ngx_rtprop_shm_schedule.c */

void ngx_rtprop_shm_schedule(ngx_rtprop_engine_t *e,
    ngx_rtprop_schedule_t *op);
void ngx_rtprop_shm_schedule_done(ngx_rtprop_engine_t *e, ngx_str_t *key,
    uint64_t fence);
ngx_int_t ngx_rtprop_shm_schedule_reap(ngx_rtprop_shm_t *shm, ngx_uint_t slot);

/* Sets the timer for the earliest job, if it is soon. */
void ngx_rtprop_shm_schedule_arm(ngx_rtprop_shm_t *shm);

/* Each second: ends claims that were made while the clock was ahead, too. */
void ngx_rtprop_shm_schedule_tick(ngx_rtprop_shm_t *shm);

/* The timer's handler: runs what is due. */
void ngx_rtprop_shm_schedule_due(ngx_event_t *ev);


/* --------------------------------------------------- ngx_rtprop_shm_stat.c */

extern ngx_rtprop_stat_desc_t  ngx_rtprop_shm_stats[];

typedef enum {
    NGX_RTPROP_SHM_STAT_PUBLISHED = 0,
    NGX_RTPROP_SHM_STAT_DELIVERED,
    NGX_RTPROP_SHM_STAT_OVERRUNS,
    NGX_RTPROP_SHM_STAT_EVICTED,
    NGX_RTPROP_SHM_STAT_FULL,
    NGX_RTPROP_SHM_STAT_JOBS,
    NGX_RTPROP_SHM_STAT_LATE,
    NGX_RTPROP_SHM_STAT_CHANNELS,
    NGX_RTPROP_SHM_STAT_EVENTS,
    NGX_RTPROP_SHM_STAT_WAITING
} ngx_rtprop_shm_stat_e;

/* Says where the zone's gauges come from; in init_process. */
void ngx_rtprop_shm_stat_sources(ngx_rtprop_shm_t *shm);


static inline void
ngx_rtprop_shm_bump(ngx_rtprop_shm_t *shm, ngx_rtprop_shm_stat_e stat,
    int64_t n)
{
    ngx_rtprop_stat_bump(shm->worker, &ngx_rtprop_shm_stats[stat], n);
}


#endif /* _NGX_RTPROP_SHM_H_INCLUDED_ */
