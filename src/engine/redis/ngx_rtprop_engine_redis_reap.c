/*
 * A dead worker's members.  One living worker takes them out, part by part:
 * each session out of its set, then announced if it was its user's last, then
 * off the dead one's list.  Who does this may die too: another one begins with
 * what the list still has, and finds who was not announced yet among the lost.
 */

#include "engine/redis/ngx_rtprop_engine_redis.h"


#define NGX_RTPROP_ER_REAP_PART  100       /* sessions */


static void ngx_rtprop_er_reap_next(ngx_rtprop_er_t *er);
static void ngx_rtprop_er_reap_listed(ngx_rtprop_er_call_t *call);
static void ngx_rtprop_er_reap_one(ngx_rtprop_er_t *er, ngx_str_t *name);
static void ngx_rtprop_er_reaped(ngx_rtprop_er_call_t *call);
static void ngx_rtprop_er_reap_forget(ngx_rtprop_er_t *er, ngx_str_t *name,
    ngx_str_t *set, ngx_str_t *user);
static void ngx_rtprop_er_reap_part_end(ngx_rtprop_er_t *er);
static void ngx_rtprop_er_reap_end(ngx_rtprop_er_t *er);


void
ngx_rtprop_er_reap(ngx_rtprop_er_t *er, ngx_str_t *id)
{
    if (er->reaping.len) {
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, er->worker->log, 0,
                  "rtprop: worker \"%V\" is dead, its presence ends", id);

    ngx_rtprop_er_bump(er, NGX_RTPROP_ER_STAT_REAPED, 1);

    er->reaping.data = er->reaping_text;
    er->reaping.len = id->len;
    ngx_memcpy(er->reaping_text, id->data, id->len);

    ngx_rtprop_er_reap_next(er);
}


/* "$worker:<worker>" in buf. */

static ngx_str_t
ngx_rtprop_er_reap_list(ngx_rtprop_er_t *er, u_char *buf)
{
    ngx_str_t  list;

    list.data = buf;
    list.len = ngx_snprintf(buf, NGX_RTPROP_ER_ID_MAX + 16, "$worker:%V",
                            &er->reaping)
               - buf;

    return list;
}


static void
ngx_rtprop_er_reap_next(ngx_rtprop_er_t *er)
{
    u_char                 buf[NGX_RTPROP_ER_ID_MAX + 16];
    ngx_str_t              list;
    ngx_rtprop_er_call_t  *call;

    list = ngx_rtprop_er_reap_list(er, buf);
    call = ngx_rtprop_er_call(er, NGX_RTPROP_ER_PLAIN, 3, list.len);

    if (call == NULL) {
        er->reaping.len = 0;
        return;
    }

    ngx_rtprop_er_word(call, "SRANDMEMBER");
    ngx_rtprop_er_key(call, &list, ":m");
    ngx_rtprop_er_number(call, NGX_RTPROP_ER_REAP_PART);
    ngx_rtprop_er_send(call, ngx_rtprop_er_reap_listed, NULL);
}


static void
ngx_rtprop_er_reap_listed(ngx_rtprop_er_call_t *call)
{
    redisReply       *reply;
    ngx_str_t         name;
    ngx_uint_t        i;
    ngx_rtprop_er_t  *er;

    er = call->er;
    reply = ngx_rtprop_er_array(call, 0);

    if (reply == NULL) {

        /* its lease as reaper ends, and who comes next goes on */

        er->reaping.len = 0;
        return;
    }

    if (reply->elements == 0) {
        ngx_rtprop_er_reap_end(er);
        return;
    }

    /* one more, so that the part does not end within the loop */

    er->reaps = 1;

    for (i = 0; i < reply->elements; i++) {
        ngx_rtprop_er_get_text(reply, i, &name);
        ngx_rtprop_er_reap_one(er, &name);
    }

    ngx_rtprop_er_reap_part_end(er);
}


/* Set and user of a session in the list; NGX_ERROR: it is none. */

static ngx_int_t
ngx_rtprop_er_reap_parse(ngx_str_t *name, ngx_str_t *set, ngx_str_t *user)
{
    u_char  *p, *last;

    p = name->data;
    last = p + name->len;

    if (last - p < 4 + NGX_RTPROP_SESSION_ID) {
        return NGX_ERROR;
    }

    set->len = p[0] << 8 | p[1];
    set->data = p + 2;

    if (set->len > (size_t) (last - p) - 4 - NGX_RTPROP_SESSION_ID) {
        return NGX_ERROR;
    }

    p = set->data + set->len;
    user->len = p[0] << 8 | p[1];
    user->data = p + 2;

    return (user->len == (size_t) (last - user->data) - NGX_RTPROP_SESSION_ID)
           ? NGX_OK : NGX_ERROR;
}


static void
ngx_rtprop_er_reap_one(ngx_rtprop_er_t *er, ngx_str_t *name)
{
    ngx_str_t              set, user, session;
    ngx_rtprop_er_call_t  *call;

    if (ngx_rtprop_er_reap_parse(name, &set, &user) != NGX_OK) {
        ngx_rtprop_er_reap_forget(er, name, NULL, NULL);
        return;
    }

    call = ngx_rtprop_er_call(er, NGX_RTPROP_ER_REAP, 4,
                              2 * set.len + name->len + er->reaping.len);

    if (call == NULL) {
        return;
    }

    session.len = NGX_RTPROP_SESSION_ID;
    session.data = user.data + user.len;

    call->more = call->p;
    call->number = name->len;
    call->p = ngx_cpymem(call->p, name->data, name->len);

    /* from here on the copy */

    name->data = call->more;
    (void) ngx_rtprop_er_reap_parse(name, &set, &user);
    session.data = user.data + user.len;

    ngx_rtprop_er_key(call, &set, ":p");
    ngx_rtprop_er_key(call, &set, ":x");
    ngx_rtprop_er_text(call, &user);
    ngx_rtprop_er_text(call, &session);
    ngx_rtprop_er_copy(call, &er->reaping);

    er->reaps++;
    ngx_rtprop_er_send(call, ngx_rtprop_er_reaped, NULL);
}


static void
ngx_rtprop_er_reaped(ngx_rtprop_er_call_t *call)
{
    redisReply       *reply;
    ngx_str_t         name, set, user, info;
    ngx_rtprop_er_t  *er;

    er = call->er;
    reply = ngx_rtprop_er_array(call, 3);

    name.data = call->more;
    name.len = call->number;

    if (reply == NULL) {
        er->reaping.len = 0;

    } else if (ngx_rtprop_er_reap_parse(&name, &set, &user) == NGX_OK) {

        if (ngx_rtprop_er_get_number(reply, 0) == 1) {
            ngx_rtprop_er_get_text(reply, 2, &info);
            ngx_rtprop_er_bump(er, NGX_RTPROP_ER_STAT_LOST, 1);

            er->handler->presence_lost(er->hub, &set, &user, &info,
                                       ngx_rtprop_er_get_number(reply, 1));

            ngx_rtprop_er_reap_forget(er, &name, &set, &user);

        } else {
            ngx_rtprop_er_reap_forget(er, &name, NULL, NULL);
        }
    }

    ngx_rtprop_er_reap_part_end(er);
}


/* Off the list, and off the lost where it was announced. */

static void
ngx_rtprop_er_reap_forget(ngx_rtprop_er_t *er, ngx_str_t *name,
    ngx_str_t *set, ngx_str_t *user)
{
    u_char                 buf[NGX_RTPROP_ER_ID_MAX + 16];
    ngx_str_t              list;
    ngx_rtprop_er_call_t  *call;

    if (er->reaping.len == 0) {
        return;
    }

    if (set) {
        call = ngx_rtprop_er_call(er, NGX_RTPROP_ER_PLAIN, 3,
                                  set->len + user->len);

        if (call) {
            ngx_rtprop_er_word(call, "HDEL");
            ngx_rtprop_er_key(call, set, ":x");
            ngx_rtprop_er_copy(call, user);
            ngx_rtprop_er_send(call, ngx_rtprop_er_ignore, NULL);
        }
    }

    list = ngx_rtprop_er_reap_list(er, buf);
    call = ngx_rtprop_er_call(er, NGX_RTPROP_ER_PLAIN, 3,
                              list.len + name->len);

    if (call) {
        ngx_rtprop_er_word(call, "SREM");
        ngx_rtprop_er_key(call, &list, ":m");
        ngx_rtprop_er_copy(call, name);
        ngx_rtprop_er_send(call, ngx_rtprop_er_ignore, NULL);
    }
}


static void
ngx_rtprop_er_reap_part_end(ngx_rtprop_er_t *er)
{
    if (--er->reaps == 0 && er->reaping.len) {
        ngx_rtprop_er_reap_next(er);
    }
}


static void
ngx_rtprop_er_reap_end(ngx_rtprop_er_t *er)
{
    ngx_str_t              workers, jobs;
    ngx_rtprop_er_call_t  *call;

    call = ngx_rtprop_er_call(er, NGX_RTPROP_ER_UNCLAIM, 4,
                              64 + er->reaping.len);

    if (call) {
        ngx_str_set(&jobs, "$jobs");
        ngx_rtprop_er_key(call, &jobs, ":z");
        ngx_rtprop_er_key(call, &jobs, ":j");
        ngx_rtprop_er_key(call, &jobs, ":i");
        ngx_rtprop_er_copy(call, &er->reaping);
        ngx_rtprop_er_send(call, ngx_rtprop_er_ignore, NULL);
    }

    call = ngx_rtprop_er_call(er, NGX_RTPROP_ER_GONE, 3,
                              64 + er->reaping.len);

    if (call) {
        ngx_str_set(&workers, "$workers");
        ngx_rtprop_er_key(call, &workers, ":z");
        ngx_rtprop_er_key(call, &workers, ":r");
        ngx_rtprop_er_copy(call, &er->reaping);
        ngx_rtprop_er_send(call, ngx_rtprop_er_ignore, NULL);
    }

    er->reaping.len = 0;

    /* its jobs, and the next one */

    ngx_rtprop_er_schedule_due(&er->due);
    ngx_rtprop_er_lives(er);
}
