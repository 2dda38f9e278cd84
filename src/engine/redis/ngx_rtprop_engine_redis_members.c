/*
 * Who is in a presence set; who came into one, or went, while Redis was away.
 */

#include "engine/redis/ngx_rtprop_engine_redis.h"


#define NGX_RTPROP_ER_BACK     2000        /* ms; others are back, too */
#define NGX_RTPROP_ER_TOLD     256         /* members of one tick */


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


/* ------------------------------------------------------ told afterwards */

/* A reply that was lost may have told that the user came: he has no other. */

void
ngx_rtprop_er_member_came(ngx_rtprop_er_t *er, ngx_rtprop_er_member_t *m,
    redisReply *reply)
{
    ngx_uint_t  coming;

    coming = (m->state == NGX_RTPROP_ER_COMING);
    m->state = NGX_RTPROP_ER_IN;

    if (ngx_rtprop_er_get_number(reply, 3) == 1
        || (coming && ngx_rtprop_er_get_number(reply, 1) == 1))
    {
        m->state = NGX_RTPROP_ER_CAME;
        m->users = ngx_rtprop_er_get_number(reply, 2);
        er->ncame++;
    }
}


/* ncame may be too high, by those who left since. */

void
ngx_rtprop_er_members_came(ngx_rtprop_er_t *er)
{
    ngx_str_t                set, user, info;
    ngx_uint_t               n;
    ngx_queue_t             *q;
    ngx_rtprop_er_member_t  *m;

    if (er->ncame == 0 || !er->up
        || ngx_current_msec - er->since < NGX_RTPROP_ER_BACK)
    {
        return;
    }

    n = 0;

    for (q = ngx_queue_head(&er->said);
         q != ngx_queue_sentinel(&er->said);
         q = ngx_queue_next(q))
    {
        m = ngx_queue_data(q, ngx_rtprop_er_member_t, queue);

        if (m->state != NGX_RTPROP_ER_CAME) {
            continue;
        }

        if (n++ == NGX_RTPROP_ER_TOLD) {
            return;
        }

        m->state = NGX_RTPROP_ER_IN;

        set.len = m->set;
        set.data = m->name + 2;
        user.len = m->user;
        user.data = m->name + 4 + m->set;
        info.len = m->info;
        info.data = m->name + m->node.str.len;

        if (er->handler->presence_came) {
            er->handler->presence_came(er->hub, &set, &user, &info, m->users);
        }
    }

    er->ncame = 0;
}


void
ngx_rtprop_er_member_lost(ngx_rtprop_er_t *er, ngx_str_t *name,
    redisReply *reply)
{
    size_t     len;
    ngx_str_t  set, user, info;

    len = name->data[0] << 8 | name->data[1];
    set.len = len;
    set.data = name->data + 2;
    user.len = name->len - 4 - len - NGX_RTPROP_SESSION_ID;
    user.data = name->data + 4 + len;
    ngx_rtprop_er_get_text(reply, 4, &info);

    er->handler->presence_lost(er->hub, &set, &user, &info,
                               ngx_rtprop_er_get_number(reply, 2));
}
