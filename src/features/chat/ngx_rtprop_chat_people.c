/*
 * Who has come into a conversation, and who has left.
 */

#include "features/chat/ngx_rtprop_chat.h"


typedef struct {
    ngx_rtprop_presence_t       presence;
    ngx_rtprop_hub_t           *hub;
    ngx_str_t                   id;
    ngx_str_t                   name;
} ngx_rtprop_chat_going_t;


static void ngx_rtprop_chat_go_session(ngx_rtprop_session_t *s,
    ngx_rtprop_sub_t *sub, ngx_str_t *id);
static void ngx_rtprop_chat_gone(ngx_rtprop_op_t *op);


void
ngx_rtprop_chat_tell(ngx_rtprop_hub_t *hub, const char *type, ngx_str_t *id,
    ngx_str_t *user, rtprop_str_t *name)
{
    u_char              channel[NGX_RTPROP_CHANNEL_MAX];
    ngx_rtprop_event_t  ev;

    ngx_memzero(&ev, sizeof(ngx_rtprop_event_t));

    ev.channel.data = channel;
    ev.channel.len = ngx_snprintf(channel, sizeof(channel),
                                  NGX_RTPROP_CHAT_PREFIX ":%V", id)
                     - channel;
    ev.type.data = (u_char *) type;
    ev.type.len = ngx_strlen(type);
    ev.flags = NGX_RTPROP_EV_VOLATILE;
    ev.user = *user;
    ev.skip_user = *user;

    (void) ngx_rtprop_hub_publish(hub, &ev,
                          json_pack("{s:s%, s:s%, s:o}",
                                    "conversation_id", (char *) id->data,
                                    id->len,
                                    "user_id", (char *) user->data, user->len,
                                    "user_name", rtprop_payload_str(name)));
}


/* --------------------------------------------------------------- leaving */

void
ngx_rtprop_chat_leave(ngx_rtprop_cmd_t *cmd)
{
    ngx_str_t          id, channel;
    ngx_rtprop_hub_t  *hub;
    ngx_rtprop_sub_t  *sub;

    hub = cmd->worker->hub;
    id = ngx_rtprop_chat_str(cmd->args[0].str);

    if (ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_CHAT_PREFIX, &id,
                                    &channel)
        != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    sub = ngx_rtprop_hub_sub(hub, cmd->session, &channel);

    if (sub == NULL || !sub->stands) {
        ngx_rtprop_refuse(cmd, "not_joined",
                          "the conversation was not joined", NULL);
        return;
    }

    ngx_rtprop_chat_left(cmd->session, sub, &id, cmd->data);
    (void) ngx_rtprop_hub_leave(hub, cmd->session, &channel,
                                NGX_RTPROP_SUB_ALL);

    ngx_rtprop_ack(cmd, NULL);
}


void
ngx_rtprop_chat_left(ngx_rtprop_session_t *s, ngx_rtprop_sub_t *sub,
    ngx_str_t *id, void *data)
{
    ngx_rtprop_chat_stop_typing(data, s, id);
    ngx_rtprop_chat_go_session(s, sub, id);
}


void
ngx_rtprop_chat_lost(ngx_rtprop_hub_t *hub, ngx_str_t *id, ngx_str_t *user,
    ngx_str_t *info, ngx_uint_t users, void *data)
{
    rtprop_str_t  name;

    name = ngx_rtprop_chat_pure(info->len ? info : user);

    ngx_rtprop_chat_tell(hub, "chat:user_left", id, user, &name);
}


void
ngx_rtprop_chat_came(ngx_rtprop_hub_t *hub, ngx_str_t *id, ngx_str_t *user,
    ngx_str_t *info, ngx_uint_t users, void *data)
{
    rtprop_str_t  name;

    name = ngx_rtprop_chat_pure(info->len ? info : user);

    ngx_rtprop_chat_tell(hub, "chat:user_joined", id, user, &name);
}


static void
ngx_rtprop_chat_go_session(ngx_rtprop_session_t *s, ngx_rtprop_sub_t *sub,
    ngx_str_t *id)
{
    ngx_str_t             user;
    rtprop_chat_person_t  person;

    ngx_rtprop_chat_person(s->user, sub, &person);
    user = ngx_rtprop_chat_str(person.id);

    ngx_rtprop_chat_go(s->worker->hub, id, &user, &person.name, s->id);
}


void
ngx_rtprop_chat_go(ngx_rtprop_hub_t *hub, ngx_str_t *id, ngx_str_t *user,
    rtprop_str_t *name, u_char *session)
{
    ngx_str_t                 info;
    ngx_pool_t               *pool;
    ngx_rtprop_chat_going_t  *g;

    pool = ngx_rtprop_hub_pool(hub);

    if (pool == NULL) {
        return;
    }

    g = ngx_pcalloc(pool, sizeof(ngx_rtprop_chat_going_t));

    if (g == NULL
        || ngx_rtprop_hub_channel_name(pool, NGX_RTPROP_CHAT_PREFIX, id,
                                       &g->presence.set)
           != NGX_OK)
    {
        goto failed;
    }

    info = ngx_rtprop_chat_str(*name);

    g->presence.user.len = user->len;
    g->presence.user.data = ngx_pstrdup(pool, user);
    g->name.len = info.len;
    g->name.data = ngx_pstrdup(pool, &info);

    if (g->presence.user.data == NULL || g->name.data == NULL) {
        goto failed;
    }

    ngx_memcpy(g->presence.session, session, NGX_RTPROP_SESSION_ID);
    ngx_rtprop_hub_channel_id(&g->presence.set, &g->id);

    g->hub = hub;
    g->presence.op.done = ngx_rtprop_chat_gone;
    g->presence.op.data = g;
    g->presence.op.pool = pool;

    hub->engine->presence_remove(hub->engine, &g->presence);

    return;

failed:

    ngx_rtprop_hub_free_pool(hub, pool);
}


static void
ngx_rtprop_chat_gone(ngx_rtprop_op_t *op)
{
    ngx_rtprop_chat_going_t *g = op->data;

    rtprop_str_t  name;

    if (op->rc == NGX_OK && g->presence.changed) {
        name = ngx_rtprop_chat_pure(&g->name);
        ngx_rtprop_chat_tell(g->hub, "chat:user_left", &g->id,
                             &g->presence.user, &name);
    }

    ngx_rtprop_hub_free_pool(g->hub, op->pool);
}
