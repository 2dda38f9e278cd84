/*
 * Scheduled jobs.  Each worker claims what is due: by a timer for the earliest
 * one that it has heard of, and each second for those of others.
 */

#include "engine/redis/ngx_rtprop_engine_redis.h"


#define NGX_RTPROP_ER_CLAIMED   10000      /* ms */
#define NGX_RTPROP_ER_SOON      2000       /* ms; the tick looks again before */
#define NGX_RTPROP_ER_AT_ONCE   16         /* jobs of one claim */
#define NGX_RTPROP_ER_IS_LATE   1000       /* ms */


static void ngx_rtprop_er_job_keys(ngx_rtprop_er_call_t *call);
static void ngx_rtprop_er_scheduled(ngx_rtprop_er_call_t *call);
static void ngx_rtprop_er_schedule_arm(ngx_rtprop_er_t *er, int64_t left);
static void ngx_rtprop_er_claimed(ngx_rtprop_er_call_t *call);


static void
ngx_rtprop_er_job_keys(ngx_rtprop_er_call_t *call)
{
    ngx_str_t  jobs;

    ngx_str_set(&jobs, "$jobs");

    ngx_rtprop_er_key(call, &jobs, ":z");
    ngx_rtprop_er_key(call, &jobs, ":j");
    ngx_rtprop_er_key(call, &jobs, ":i");
}


void
ngx_rtprop_er_schedule(ngx_rtprop_engine_t *e, ngx_rtprop_schedule_t *op)
{
    ngx_rtprop_er_call_t  *call;

    if (op->payload.len > NGX_RTPROP_ER_OP_MAX
        || op->key.len > NGX_RTPROP_ER_NAME_MAX)
    {
        ngx_rtprop_er_end(&op->op, NGX_BUSY);
        return;
    }

    call = ngx_rtprop_er_call(e->data, NGX_RTPROP_ER_SCHEDULE, 5, 64);

    if (call == NULL) {
        ngx_rtprop_er_end(&op->op, NGX_ERROR);
        return;
    }

    ngx_rtprop_er_job_keys(call);
    ngx_rtprop_er_text(call, &op->key);
    ngx_rtprop_er_text(call, &op->payload);
    ngx_rtprop_er_number(call, op->due);
    ngx_rtprop_er_send(call, ngx_rtprop_er_scheduled, op);
}


/* This worker, at least, is there in time. */

static void
ngx_rtprop_er_scheduled(ngx_rtprop_er_call_t *call)
{
    ngx_rtprop_schedule_t  *op;

    op = call->data;

    if (call->cmd.rc == NGX_OK && op->due) {
        ngx_rtprop_er_schedule_arm(call->er, op->due - ngx_rtprop_now());
    }

    ngx_rtprop_er_end(&op->op, call->cmd.rc);
}


void
ngx_rtprop_er_schedule_done(ngx_rtprop_engine_t *e, ngx_str_t *key,
    uint64_t fence)
{
    ngx_rtprop_er_call_t  *call;

    call = ngx_rtprop_er_call(e->data, NGX_RTPROP_ER_FINISH, 4,
                              key->len + 64);

    if (call) {
        ngx_rtprop_er_job_keys(call);
        ngx_rtprop_er_copy(call, key);
        ngx_rtprop_er_number(call, fence);
        ngx_rtprop_er_send(call, ngx_rtprop_er_ignore, NULL);
    }
}


/* --------------------------------------------------------------- running */

static void
ngx_rtprop_er_schedule_arm(ngx_rtprop_er_t *er, int64_t left)
{
    ngx_msec_t  at;

    if (left > NGX_RTPROP_ER_SOON || ngx_rtprop_er_draining(er)) {
        return;
    }

    at = (ngx_msec_t) ngx_max(left, 1);

    if (er->due.timer_set
        && (ngx_msec_int_t) (er->due.timer.key - (ngx_current_msec + at)) <= 0)
    {
        return;
    }

    ngx_add_timer(&er->due, at);
}


void
ngx_rtprop_er_schedule_due(ngx_event_t *ev)
{
    ngx_str_t              jobs;
    ngx_rtprop_er_t       *er;
    ngx_rtprop_er_call_t  *call;

    er = ev->data;

    if (er->claiming || er->away || ngx_rtprop_er_draining(er)) {
        return;
    }

    call = ngx_rtprop_er_call(er, NGX_RTPROP_ER_CLAIM, 6,
                              er->id.len + 64);

    if (call == NULL) {
        return;
    }

    ngx_rtprop_er_job_keys(call);
    ngx_str_set(&jobs, "$jobs");
    ngx_rtprop_er_key(call, &jobs, ":f");

    ngx_rtprop_er_copy(call, &er->id);
    ngx_rtprop_er_number(call, NGX_RTPROP_ER_AT_ONCE);
    ngx_rtprop_er_number(call, NGX_RTPROP_ER_CLAIMED);

    er->claiming = 1;
    ngx_rtprop_er_send(call, ngx_rtprop_er_claimed, NULL);
}


static void
ngx_rtprop_er_claimed(ngx_rtprop_er_call_t *call)
{
    int64_t           now, next;
    redisReply       *reply;
    ngx_str_t         key, payload;
    ngx_uint_t        i;
    ngx_rtprop_er_t  *er;

    er = call->er;
    er->claiming = 0;

    reply = ngx_rtprop_er_array(call, 2);

    if (reply == NULL) {
        return;
    }

    now = ngx_rtprop_er_get_number(reply, 0);
    next = ngx_rtprop_er_get_number(reply, 1);

    if (next) {
        ngx_rtprop_er_schedule_arm(er, next - now);
    }

    for (i = 2; i + 3 < reply->elements; i += 4) {
        ngx_rtprop_er_get_text(reply, i, &key);
        ngx_rtprop_er_get_text(reply, i + 1, &payload);

        ngx_rtprop_er_bump(er, NGX_RTPROP_ER_STAT_JOBS, 1);

        if (now - ngx_rtprop_er_get_number(reply, i + 3)
            > NGX_RTPROP_ER_IS_LATE)
        {
            ngx_rtprop_er_bump(er, NGX_RTPROP_ER_STAT_LATE, 1);
        }

        er->handler->job(er->hub, &key, &payload,
                         ngx_rtprop_er_get_number(reply, i + 2));
    }
}
