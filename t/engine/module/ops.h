/*
 * A module for tests only: the engine's operations over HTTP, one URL each.
 * It takes the place of the real ngx_rtprop_module, so that the engine's
 * objects are linked as they are.
 */

#ifndef _OPS_H_INCLUDED_
#define _OPS_H_INCLUDED_


#include "base/ngx_rtprop_stat.h"
#include "base/ngx_rtprop_zone.h"
#include "engine/redis/ngx_rtprop_redis.h"
#include "engine/shm/ngx_rtprop_shm.h"
#include "hub/ngx_rtprop_engine.h"
#include "session/ngx_rtprop_limit.h"


#define OPS_CHANNELS    8              /* of the storm */
#define OPS_TEXT        (512 * 1024)   /* of an answer */


/* What a worker has seen; it stands in the hub's place. */

typedef struct {
    ngx_rtprop_worker_t   *worker;
    ngx_rtprop_engine_t   *engine;

    uint64_t               delivered;
    uint64_t               batches;
    uint64_t               lost;
    uint64_t               broken;     /* out of order, torn */
    uint64_t               last[OPS_CHANNELS];
    uint64_t               refused;    /* of the storm's operations */

    u_char                *notes;      /* lines: lost users, jobs, events */
    size_t                 notes_len;

    ngx_event_t            storm;
    ngx_msec_t             storm_end;
    ngx_uint_t             storm_die;  /* us */
    unsigned               listen:1;   /* note each event */
} ops_t;


/* A request's answer, text grown at p. */

typedef struct {
    ngx_http_request_t    *r;
    ops_t                 *ops;
    u_char                *start;
    u_char                *p;
    u_char                *end;
    ngx_rtprop_op_pt       said;       /* says the result of the operation */
    unsigned               waiting:1;  /* for the operation's end */
    unsigned               later:1;    /* the request waits with it */
} ops_answer_t;


typedef void (*ops_pt)(ops_answer_t *a);

typedef struct {
    ngx_str_t              name;
    ops_pt                 handler;
} ops_op_t;

extern ops_op_t                ops_list[];
extern ngx_rtprop_stat_desc_t  ops_stats[];


/* Arguments of the request, unescaped; empty or 0 when absent. */
ngx_str_t ops_arg(ops_answer_t *a, char *name);
int64_t ops_int(ops_answer_t *a, char *name);
uint64_t ops_hex(ops_answer_t *a, char *name);

/* n events as the request's arguments say. */
ngx_int_t ops_events(ops_answer_t *a, ngx_rtprop_event_t *ev, ngx_uint_t n);

/* The end of an operation: says its result, and answers if that is late. */
void ops_done(ngx_rtprop_op_t *op);

/* Operations of the engine, in ops_engine.c. */
void ops_publish(ops_answer_t *a);
void ops_carry(ops_answer_t *a);
void ops_history(ops_answer_t *a);
void ops_unsubscribe(ops_answer_t *a);
void ops_add(ops_answer_t *a);
void ops_remove(ops_answer_t *a);
void ops_members(ops_answer_t *a);
void ops_get(ops_answer_t *a);
void ops_put(ops_answer_t *a);
void ops_counter(ops_answer_t *a);
void ops_lease(ops_answer_t *a);
void ops_release(ops_answer_t *a);
void ops_schedule(ops_answer_t *a);
void ops_schedule_done(ops_answer_t *a);
void ops_channels(ops_answer_t *a);

void ops_say(ops_answer_t *a, const char *fmt, ...);
void ops_note(ops_t *ops, const char *fmt, ...);

void ops_storm(ngx_event_t *ev);

/* Walks all that is in the zone; says "ok" or what is wrong. */
void ops_check(ops_answer_t *a);


#endif /* _OPS_H_INCLUDED_ */
