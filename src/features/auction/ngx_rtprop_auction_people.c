/*
 * Who is in the room: leaving, and telling of it.
 */

#include "features/auction/ngx_rtprop_auction.h"
#include "features/auction/rtprop_auction_doc.h"


/* Somebody leaves; the operation has a pool of its own. */

typedef struct {
    ngx_rtprop_presence_t       presence;
    ngx_rtprop_state_t          state;
    ngx_rtprop_hub_t           *hub;
    ngx_str_t                   id;
} ngx_rtprop_auction_going_t;


static void ngx_rtprop_auction_gone(ngx_rtprop_op_t *op);
static void ngx_rtprop_auction_gone_number(ngx_rtprop_op_t *op);


void
ngx_rtprop_auction_leave(ngx_rtprop_cmd_t *cmd)
{
    ngx_str_t  id, user, channel;

    id = ngx_rtprop_auction_str(cmd->args[0].str);
    user = ngx_rtprop_user_id(cmd->user);

    if (ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_AUCTION_PREFIX, &id,
                                    &channel)
        != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    if (ngx_rtprop_hub_leave(cmd->worker->hub, cmd->session, &channel,
                             NGX_RTPROP_SUB_MEMBER)
        != NGX_OK)
    {
        ngx_rtprop_refuse(cmd, "not_joined", "the auction was not joined",
                          NULL);
        return;
    }

    ngx_rtprop_auction_go(cmd->worker->hub, &id, &user, cmd->session_id);

    ngx_rtprop_ack(cmd, NULL);
}


void
ngx_rtprop_auction_left(ngx_rtprop_session_t *s, ngx_rtprop_sub_t *sub,
    ngx_str_t *id, void *data)
{
    ngx_str_t  user;

    user = ngx_rtprop_user_id(s->user);

    ngx_rtprop_auction_go(s->worker->hub, id, &user, s->id);
}


/* info is the bidder number, as text. */

void
ngx_rtprop_auction_lost(ngx_rtprop_hub_t *hub, ngx_str_t *id, ngx_str_t *user,
    ngx_str_t *info, ngx_uint_t users, void *data)
{
    ngx_int_t  number;

    number = ngx_atoi(info->data, info->len);

    ngx_rtprop_auction_tell_people(hub, "auction:bidder_left", id, user,
                                   number > 0 ? number : 0, users);
}


void
ngx_rtprop_auction_came(ngx_rtprop_hub_t *hub, ngx_str_t *id, ngx_str_t *user,
    ngx_str_t *info, ngx_uint_t users, void *data)
{
    ngx_int_t  number;

    number = ngx_atoi(info->data, info->len);

    ngx_rtprop_auction_tell_people(hub, "auction:bidder_joined", id, user,
                                   number > 0 ? number : 0, users);
}


void
ngx_rtprop_auction_go(ngx_rtprop_hub_t *hub, ngx_str_t *id, ngx_str_t *user,
    u_char *session)
{
    ngx_pool_t                  *pool;
    ngx_rtprop_auction_going_t  *g;

    pool = ngx_rtprop_hub_pool(hub);

    if (pool == NULL) {
        return;
    }

    g = ngx_pcalloc(pool, sizeof(ngx_rtprop_auction_going_t));

    if (g == NULL
        || ngx_rtprop_hub_channel_name(pool, NGX_RTPROP_AUCTION_PREFIX, id,
                                       &g->presence.set)
           != NGX_OK)
    {
        goto failed;
    }

    g->presence.user.len = user->len;
    g->presence.user.data = ngx_pstrdup(pool, user);

    if (g->presence.user.data == NULL) {
        goto failed;
    }

    ngx_memcpy(g->presence.session, session, NGX_RTPROP_SESSION_ID);
    ngx_rtprop_hub_channel_id(&g->presence.set, &g->id);

    g->hub = hub;
    g->presence.op.done = ngx_rtprop_auction_gone;
    g->presence.op.data = g;
    g->presence.op.pool = pool;

    hub->engine->presence_remove(hub->engine, &g->presence);

    return;

failed:

    ngx_rtprop_hub_free_pool(hub, pool);
}


/* The user's other connections may still be there. */

static void
ngx_rtprop_auction_gone(ngx_rtprop_op_t *op)
{
    ngx_rtprop_auction_going_t *g = op->data;

    ngx_rtprop_engine_t  *e;

    if (op->rc != NGX_OK || !g->presence.changed) {
        ngx_rtprop_hub_free_pool(g->hub, op->pool);
        return;
    }

    g->state.op.done = ngx_rtprop_auction_gone_number;
    g->state.op.data = g;
    g->state.op.pool = op->pool;
    g->state.key = g->presence.set;

    e = g->hub->engine;
    e->state_get(e, &g->state);
}


static void
ngx_rtprop_auction_gone_number(ngx_rtprop_op_t *op)
{
    ngx_rtprop_auction_going_t *g = op->data;

    unsigned           number;
    rtprop_str_t       user;
    rtprop_auction_t  *a;

    a = (op->rc == NGX_OK) ? rtprop_auction_parse((char *) g->state.value.data,
                                                  g->state.value.len)
                           : NULL;

    user = ngx_rtprop_auction_pure(&g->presence.user);
    number = a ? rtprop_auction_number(a, &user) : 0;

    rtprop_auction_destroy(a);

    ngx_rtprop_auction_tell_people(g->hub, "auction:bidder_left", &g->id,
                                   &g->presence.user, number,
                                   g->presence.users);

    ngx_rtprop_hub_free_pool(g->hub, op->pool);
}


/* The user knows already; the count is for all. */

void
ngx_rtprop_auction_tell_people(ngx_rtprop_hub_t *hub, const char *type,
    ngx_str_t *id, ngx_str_t *user, unsigned number, ngx_uint_t users)
{
    u_char                  channel[NGX_RTPROP_CHANNEL_MAX];
    ngx_rtprop_event_t      ev;
    rtprop_auction_view_t   view;

    ngx_memzero(&ev, sizeof(ngx_rtprop_event_t));
    ngx_memzero(&view, sizeof(rtprop_auction_view_t));

    view.id = ngx_rtprop_auction_pure(id);

    ev.channel.data = channel;
    ev.channel.len = ngx_snprintf(channel, sizeof(channel),
                                  NGX_RTPROP_AUCTION_PREFIX ":%V", id)
                     - channel;
    ev.type.data = (u_char *) type;
    ev.type.len = ngx_strlen(type);
    ev.flags = NGX_RTPROP_EV_VOLATILE;
    ev.skip_user = *user;

    (void) ngx_rtprop_hub_publish(hub, &ev,
                          rtprop_auction_bidder_payload(&view, number, users));

    ngx_rtprop_auction_tell_count(hub, id, users);
}
