/*
 * Who is in a presence set.
 */

#include "engine/redis/ngx_rtprop_engine_redis.h"


static void ngx_rtprop_er_members_done(ngx_rtprop_er_call_t *call);


void
ngx_rtprop_er_members(ngx_rtprop_engine_t *e, ngx_rtprop_members_t *op)
{
    ngx_rtprop_er_t       *er;
    ngx_rtprop_er_call_t  *call;

    er = e->data;

    op->members = NULL;
    op->nmembers = 0;
    op->users = 0;
    op->sessions = 0;

    call = (op->set.len > NGX_RTPROP_ER_NAME_MAX)
           ? NULL
           : ngx_rtprop_er_call(er, NGX_RTPROP_ER_MEMBERS, 2, op->set.len);

    if (call == NULL) {
        ngx_rtprop_er_end(&op->op, NGX_ERROR);
        return;
    }

    ngx_rtprop_er_key(call, &op->set, ":p");
    ngx_rtprop_er_text(call, &op->user);
    ngx_rtprop_er_number(call, op->limit);
    ngx_rtprop_er_send(call, ngx_rtprop_er_members_done, op);
}


static ngx_int_t
ngx_rtprop_er_members_read(redisReply *reply, ngx_rtprop_members_t *op)
{
    ngx_str_t             text;
    ngx_uint_t            i, n;
    ngx_rtprop_member_t  *member;

    op->users = ngx_rtprop_er_get_number(reply, 0);
    op->sessions = ngx_rtprop_er_get_number(reply, 1);

    n = ngx_min((reply->elements - 2) / 4, op->limit);

    if (n == 0) {
        return NGX_OK;
    }

    op->members = ngx_palloc(op->op.pool, n * sizeof(ngx_rtprop_member_t));

    if (op->members == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        member = &op->members[i];
        member->sessions = ngx_rtprop_er_get_number(reply, 4 * i + 4);

        ngx_rtprop_er_get_text(reply, 4 * i + 5, &text);

        if (text.len != NGX_RTPROP_SESSION_ID) {
            return NGX_ERROR;
        }

        ngx_memcpy(member->session, text.data, NGX_RTPROP_SESSION_ID);

        ngx_rtprop_er_get_text(reply, 4 * i + 2, &text);

        if (ngx_rtprop_er_dup(op->op.pool, &member->user, &text) != NGX_OK) {
            return NGX_ERROR;
        }

        ngx_rtprop_er_get_text(reply, 4 * i + 3, &text);

        if (ngx_rtprop_er_dup(op->op.pool, &member->info, &text) != NGX_OK) {
            return NGX_ERROR;
        }

        op->nmembers++;
    }

    return NGX_OK;
}


static void
ngx_rtprop_er_members_done(ngx_rtprop_er_call_t *call)
{
    redisReply            *reply;
    ngx_rtprop_members_t  *op;

    op = call->data;
    reply = ngx_rtprop_er_array(call, 2);

    op->op.rc = reply ? ngx_rtprop_er_members_read(reply, op) : call->cmd.rc;
    op->op.done(&op->op);
}
