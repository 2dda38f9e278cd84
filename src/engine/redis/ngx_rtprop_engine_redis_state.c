/*
 * Documents read, counters, leases.  (Documents are written together with
 * events, see ngx_rtprop_engine_redis_publish.c.)
 */

#include "engine/redis/ngx_rtprop_engine_redis.h"


static void ngx_rtprop_er_state_got(ngx_rtprop_er_call_t *call);
static void ngx_rtprop_er_counted(ngx_rtprop_er_call_t *call);
static void ngx_rtprop_er_leased(ngx_rtprop_er_call_t *call);
static void ngx_rtprop_er_released(ngx_rtprop_er_call_t *call);


/* A script with one key; NULL and the operation's end if it can't be. */

static ngx_rtprop_er_call_t *
ngx_rtprop_er_simple(ngx_rtprop_er_t *er, ngx_rtprop_op_t *op,
    ngx_uint_t script, ngx_str_t *name)
{
    ngx_rtprop_er_call_t  *call;

    call = NULL;

    if (name->len > NGX_RTPROP_ER_NAME_MAX) {
        ngx_rtprop_er_end(op, NGX_BUSY);
        return NULL;
    }

    call = ngx_rtprop_er_call(er, script, 6,
                              name->len + sizeof("$workers") * 2 + er->id.len);

    if (call == NULL) {
        ngx_rtprop_er_end(op, NGX_ERROR);
    }

    return call;
}


void
ngx_rtprop_er_state_get(ngx_rtprop_engine_t *e, ngx_rtprop_state_t *op)
{
    ngx_rtprop_er_call_t  *call;

    call = ngx_rtprop_er_simple(e->data, &op->op, NGX_RTPROP_ER_GET, &op->key);

    if (call) {
        ngx_rtprop_er_key(call, &op->key, ":d");
        ngx_rtprop_er_send(call, ngx_rtprop_er_state_got, op);
    }
}


static void
ngx_rtprop_er_state_got(ngx_rtprop_er_call_t *call)
{
    ngx_str_t            text;
    redisReply          *reply;
    ngx_rtprop_state_t  *op;

    op = call->data;
    op->version = 0;
    ngx_str_null(&op->value);

    reply = ngx_rtprop_er_array(call, 3);

    if (reply == NULL) {
        ngx_rtprop_er_end(&op->op, call->cmd.rc);
        return;
    }

    op->version = ngx_rtprop_er_get_number(reply, 0);
    op->now = ngx_rtprop_er_get_number(reply, 2);

    if (op->version == 0) {
        ngx_rtprop_er_end(&op->op, NGX_DECLINED);
        return;
    }

    ngx_rtprop_er_get_text(reply, 1, &text);

    ngx_rtprop_er_end(&op->op,
                      ngx_rtprop_er_dup(op->op.pool, &op->value, &text));
}


/* -------------------------------------------------------------- counters */

void
ngx_rtprop_er_counter(ngx_rtprop_engine_t *e, ngx_rtprop_counter_t *op)
{
    ngx_rtprop_er_call_t  *call;

    call = ngx_rtprop_er_simple(e->data, &op->op, NGX_RTPROP_ER_COUNTER,
                                &op->name);

    if (call) {
        ngx_rtprop_er_key(call, &op->name, ":n");
        ngx_rtprop_er_number(call, op->delta);
        ngx_rtprop_er_number(call, op->ttl);
        ngx_rtprop_er_send(call, ngx_rtprop_er_counted, op);
    }
}


static void
ngx_rtprop_er_counted(ngx_rtprop_er_call_t *call)
{
    ngx_int_t              rc;
    ngx_rtprop_counter_t  *op;

    op = call->data;
    rc = call->cmd.rc;

    if (rc == NGX_OK) {
        if (call->cmd.reply->type == REDIS_REPLY_INTEGER) {
            op->value = call->cmd.reply->integer;

        } else {
            rc = NGX_ERROR;
        }
    }

    ngx_rtprop_er_end(&op->op, rc);
}


/* ---------------------------------------------------------------- leases */

void
ngx_rtprop_er_lease(ngx_rtprop_engine_t *e, ngx_rtprop_lease_t *op)
{
    ngx_str_t              workers;
    ngx_rtprop_er_t       *er;
    ngx_rtprop_er_call_t  *call;

    er = e->data;
    call = ngx_rtprop_er_simple(er, &op->op, NGX_RTPROP_ER_LEASE, &op->name);

    if (call == NULL) {
        return;
    }

    ngx_rtprop_er_key(call, &op->name, ":l");

    if (!ngx_rtprop_redis_sharded(er->redis)) {
        ngx_str_set(&workers, "$workers");
        ngx_rtprop_er_key(call, &workers, ":z");
        ngx_rtprop_er_key(call, &workers, ":r");
    }

    ngx_rtprop_er_copy(call, &er->id);
    ngx_rtprop_er_number(call, op->ttl);
    ngx_rtprop_er_number(call, op->fence);
    ngx_rtprop_er_number(call, ngx_rtprop_er_draining(er));
    ngx_rtprop_er_send(call, ngx_rtprop_er_leased, op);
}


static void
ngx_rtprop_er_leased(ngx_rtprop_er_call_t *call)
{
    ngx_int_t            rc;
    redisReply          *reply;
    ngx_rtprop_lease_t  *op;

    op = call->data;
    reply = ngx_rtprop_er_array(call, 2);
    rc = call->cmd.rc;

    if (reply) {
        rc = ngx_rtprop_er_get_number(reply, 0);

        if (rc == NGX_OK) {
            op->fence = ngx_rtprop_er_get_number(reply, 1);

        } else if (rc != NGX_DECLINED) {
            rc = NGX_ERROR;
        }
    }

    ngx_rtprop_er_end(&op->op, rc);
}


void
ngx_rtprop_er_release(ngx_rtprop_engine_t *e, ngx_rtprop_lease_t *op)
{
    ngx_rtprop_er_call_t  *call;

    call = ngx_rtprop_er_simple(e->data, &op->op, NGX_RTPROP_ER_RELEASE,
                                &op->name);

    if (call) {
        ngx_rtprop_er_key(call, &op->name, ":l");
        ngx_rtprop_er_number(call, op->fence);
        ngx_rtprop_er_send(call, ngx_rtprop_er_released, op);
    }
}


static void
ngx_rtprop_er_released(ngx_rtprop_er_call_t *call)
{
    ngx_int_t            rc;
    ngx_rtprop_lease_t  *op;

    op = call->data;
    rc = call->cmd.rc;

    if (rc == NGX_OK) {
        rc = (call->cmd.reply->type == REDIS_REPLY_INTEGER
              && call->cmd.reply->integer == 0) ? NGX_OK : NGX_DECLINED;
    }

    ngx_rtprop_er_end(&op->op, rc);
}
