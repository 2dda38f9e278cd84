/*
 * A module for tests only: the engine's operations over HTTP, one URL each.
 * It takes the place of the real ngx_rtprop_module, so that the engine's
 * objects are linked as they are.
 */

#ifndef _OPS_H_INCLUDED_
#define _OPS_H_INCLUDED_


#include "base/ngx_rtprop_stat.h"
#include "base/ngx_rtprop_zone.h"
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

void ops_say(ops_answer_t *a, const char *fmt, ...);
void ops_note(ops_t *ops, const char *fmt, ...);

void ops_storm(ngx_event_t *ev);

/* Walks all that is in the zone; says "ok" or what is wrong. */
void ops_check(ops_answer_t *a);


#endif /* _OPS_H_INCLUDED_ */
