/*
 * Who types, in this worker.
 */

#include "features/chat/ngx_rtprop_chat.h"


/* Somebody who types, in this worker. */

typedef struct {
    ngx_queue_t                 queue;
    ngx_rtprop_session_t       *session;
    rtprop_chat_typing_t        state;
    ngx_str_t                   id;         /* of the conversation */
} ngx_rtprop_chat_typist_t;


static ngx_rtprop_chat_typist_t *ngx_rtprop_chat_typist(
    ngx_rtprop_chat_conf_t *conf, ngx_rtprop_session_t *s, ngx_str_t *id);
static ngx_rtprop_chat_typist_t *ngx_rtprop_chat_typist_add(
    ngx_rtprop_chat_conf_t *conf, ngx_rtprop_session_t *s, ngx_str_t *id);
static void ngx_rtprop_chat_typist_remove(ngx_rtprop_chat_conf_t *conf,
    ngx_rtprop_chat_typist_t *t);
static void ngx_rtprop_chat_typing_tell(ngx_rtprop_chat_typist_t *t,
    rtprop_chat_typing_e what);
static void ngx_rtprop_chat_timer(ngx_event_t *ev);


void
ngx_rtprop_chat_started(ngx_rtprop_worker_t *worker, void *data)
{
    ngx_rtprop_chat_conf_t *conf = data;

    conf->worker = worker;
    ngx_queue_init(&conf->typing);

    conf->timer.handler = ngx_rtprop_chat_timer;
    conf->timer.data = conf;
    conf->timer.log = worker->log;
    conf->timer.cancelable = 1;
}


/* "chat:typing_start" and "chat:typing_stop" are this with a fixed answer. */

void
ngx_rtprop_chat_type(ngx_rtprop_cmd_t *cmd)
{
    ngx_str_t                  id, channel;
    ngx_uint_t                 typing;
    rtprop_chat_typing_e       what;
    ngx_rtprop_chat_conf_t    *conf;
    ngx_rtprop_chat_typist_t  *t;

    conf = cmd->data;
    id = ngx_rtprop_chat_str(cmd->args[0].str);

    if (ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_CHAT_PREFIX, &id,
                                    &channel)
        != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    if (ngx_rtprop_hub_sub(cmd->worker->hub, cmd->session, &channel) == NULL) {
        ngx_rtprop_refuse(cmd, "not_joined", "join the conversation first",
                          NULL);
        return;
    }

    typing = cmd->args[1].set ? cmd->args[1].b : 1;

    if (cmd->event.len == sizeof("chat:typing_stop") - 1
        && ngx_memcmp(cmd->event.data, "chat:typing_stop", cmd->event.len)
           == 0)
    {
        typing = 0;
    }

    t = ngx_rtprop_chat_typist(conf, cmd->session, &id);

    if (t == NULL && typing) {
        t = ngx_rtprop_chat_typist_add(conf, cmd->session, &id);
    }

    if (t) {
        what = rtprop_chat_typing(&t->state, typing, ngx_rtprop_now());
        ngx_rtprop_chat_typing_tell(t, what);

        if (!typing) {
            ngx_rtprop_chat_typist_remove(conf, t);
        }
    }

    ngx_rtprop_ack(cmd, NULL);
}


void
ngx_rtprop_chat_stop_typing(ngx_rtprop_chat_conf_t *conf,
    ngx_rtprop_session_t *s, ngx_str_t *id)
{
    rtprop_chat_typing_e       what;
    ngx_rtprop_chat_typist_t  *t;

    t = ngx_rtprop_chat_typist(conf, s, id);

    if (t) {
        what = rtprop_chat_typing(&t->state, 0, ngx_rtprop_now());
        ngx_rtprop_chat_typing_tell(t, what);
        ngx_rtprop_chat_typist_remove(conf, t);
    }
}


static ngx_rtprop_chat_typist_t *
ngx_rtprop_chat_typist(ngx_rtprop_chat_conf_t *conf, ngx_rtprop_session_t *s,
    ngx_str_t *id)
{
    ngx_queue_t               *q;
    ngx_rtprop_chat_typist_t  *t;

    for (q = ngx_queue_head(&conf->typing);
         q != ngx_queue_sentinel(&conf->typing);
         q = ngx_queue_next(q))
    {
        t = ngx_queue_data(q, ngx_rtprop_chat_typist_t, queue);

        if (t->session == s && t->id.len == id->len
            && ngx_memcmp(t->id.data, id->data, id->len) == 0)
        {
            return t;
        }
    }

    return NULL;
}


static ngx_rtprop_chat_typist_t *
ngx_rtprop_chat_typist_add(ngx_rtprop_chat_conf_t *conf,
    ngx_rtprop_session_t *s, ngx_str_t *id)
{
    ngx_rtprop_chat_typist_t  *t;

    if (conf->ntyping == NGX_RTPROP_CHAT_TYPISTS) {
        return NULL;
    }

    t = ngx_calloc(sizeof(ngx_rtprop_chat_typist_t) + id->len,
                   conf->worker->log);

    if (t == NULL) {
        return NULL;
    }

    t->session = s;
    t->id.len = id->len;
    t->id.data = (u_char *) t + sizeof(ngx_rtprop_chat_typist_t);
    ngx_memcpy(t->id.data, id->data, id->len);

    ngx_queue_insert_tail(&conf->typing, &t->queue);
    conf->ntyping++;

    if (!conf->timer.timer_set) {
        ngx_add_timer(&conf->timer, RTPROP_CHAT_TYPING_MS);
    }

    return t;
}


static void
ngx_rtprop_chat_typist_remove(ngx_rtprop_chat_conf_t *conf,
    ngx_rtprop_chat_typist_t *t)
{
    ngx_queue_remove(&t->queue);
    conf->ntyping--;
    ngx_free(t);
}


static void
ngx_rtprop_chat_typing_tell(ngx_rtprop_chat_typist_t *t,
    rtprop_chat_typing_e what)
{
    u_char                 channel[NGX_RTPROP_CHANNEL_MAX];
    ngx_rtprop_hub_t      *hub;
    ngx_rtprop_event_t     ev;
    rtprop_chat_person_t   person;

    if (what == RTPROP_CHAT_SILENT) {
        return;
    }

    hub = t->session->worker->hub;
    ngx_memzero(&ev, sizeof(ngx_rtprop_event_t));

    ev.channel.data = channel;
    ev.channel.len = ngx_snprintf(channel, sizeof(channel),
                                  NGX_RTPROP_CHAT_PREFIX ":%V", &t->id)
                     - channel;

    ngx_rtprop_chat_person(t->session->user,
                           ngx_rtprop_hub_sub(hub, t->session, &ev.channel),
                           &person);

    if (what == RTPROP_CHAT_TYPES) {
        ngx_str_set(&ev.type, "chat:user_typing");

    } else {
        ngx_str_set(&ev.type, "chat:user_stopped_typing");
    }

    ev.flags = NGX_RTPROP_EV_VOLATILE;
    ev.user = ngx_rtprop_chat_str(person.id);
    ev.skip_user = ev.user;
    ev.replace = ev.user;

    (void) ngx_rtprop_hub_publish(hub, &ev,
                          json_pack("{s:s%, s:o, s:o, s:b}",
                                    "conversation_id", (char *) t->id.data,
                                    t->id.len,
                                    "user_id", rtprop_payload_str(&person.id),
                                    "user_name",
                                    rtprop_payload_str(&person.name),
                                    "is_typing", what == RTPROP_CHAT_TYPES));
}


/* Ends what is over and sleeps until the next may be. */

static void
ngx_rtprop_chat_timer(ngx_event_t *ev)
{
    int64_t                    now, next;
    ngx_queue_t               *q;
    rtprop_chat_typing_e       what;
    ngx_rtprop_chat_conf_t    *conf;
    ngx_rtprop_chat_typist_t  *t;

    conf = ev->data;
    now = ngx_rtprop_now();
    next = now + RTPROP_CHAT_TYPING_MS;

    q = ngx_queue_head(&conf->typing);

    while (q != ngx_queue_sentinel(&conf->typing)) {
        t = ngx_queue_data(q, ngx_rtprop_chat_typist_t, queue);
        q = ngx_queue_next(q);

        what = rtprop_chat_typing_tick(&t->state, now);
        ngx_rtprop_chat_typing_tell(t, what);

        if (t->state.until == 0) {
            ngx_rtprop_chat_typist_remove(conf, t);

        } else {
            next = ngx_min(next, t->state.until);
        }
    }

    if (conf->ntyping) {
        ngx_add_timer(&conf->timer, ngx_max(next - now, 10));
    }
}
