/*
 * How long an agent lets people wait for an answer: noticed here, kept and
 * shown elsewhere.
 */

#include "features/chat/ngx_rtprop_chat.h"


#define NGX_RTPROP_CHAT_WAITING  50     /* messages looked at */
#define NGX_RTPROP_CHAT_AGENT    "agent"


typedef struct {
    ngx_rtprop_history_t        history;
    ngx_rtprop_hub_t           *hub;
    ngx_str_t                   user;
    int64_t                     at;
} ngx_rtprop_chat_reply_t;


static void ngx_rtprop_chat_reply_read(ngx_rtprop_op_t *op);


void
ngx_rtprop_chat_reply(ngx_rtprop_cmd_t *cmd, ngx_str_t *channel,
    rtprop_chat_message_t *message)
{
    ngx_str_t                 role, user;
    ngx_pool_t               *pool;
    ngx_rtprop_hub_t         *hub;
    ngx_rtprop_chat_reply_t  *r;

    role = ngx_rtprop_user_role(cmd->user);

    if (role.len != sizeof(NGX_RTPROP_CHAT_AGENT) - 1
        || ngx_memcmp(role.data, NGX_RTPROP_CHAT_AGENT, role.len) != 0)
    {
        return;
    }

    hub = cmd->worker->hub;
    pool = ngx_rtprop_hub_pool(hub);

    if (pool == NULL) {
        return;
    }

    user = ngx_rtprop_user_id(cmd->user);
    r = ngx_pcalloc(pool, sizeof(ngx_rtprop_chat_reply_t));

    if (r) {
        r->hub = hub;
        r->at = message->created_at;
        r->user.len = user.len;
        r->user.data = ngx_pstrdup(pool, &user);

        r->history.op.done = ngx_rtprop_chat_reply_read;
        r->history.op.data = r;
        r->history.op.pool = pool;
        r->history.channel.len = channel->len;
        r->history.channel.data = ngx_pstrdup(pool, channel);
        r->history.tail = 1;
        r->history.flags = NGX_RTPROP_EV_RECEIPT;
        r->history.before = message->id;
        r->history.limit = NGX_RTPROP_CHAT_WAITING;
    }

    if (r == NULL || r->user.data == NULL || r->history.channel.data == NULL) {
        ngx_rtprop_hub_free_pool(hub, pool);
        return;
    }

    hub->engine->history(hub->engine, &r->history);
}


/* The wait began with the first message after the agent's own last one. */

static void
ngx_rtprop_chat_reply_read(ngx_rtprop_op_t *op)
{
    ngx_rtprop_chat_reply_t *r = op->data;

    int64_t              since;
    ngx_uint_t           n;
    ngx_rtprop_event_t  *ev;

    since = 0;
    n = (op->rc == NGX_OK) ? r->history.nevents : 0;

    while (n--) {
        ev = &r->history.events[n];

        if (ev->user.len == r->user.len
            && ngx_memcmp(ev->user.data, r->user.data, r->user.len) == 0)
        {
            break;
        }

        since = ev->time;
    }

    /* a turn's clock may be a little behind the engine's */

    if (since) {
        ngx_rtprop_hub_replied(r->hub, &r->user, ngx_max(r->at - since, 0));
    }

    ngx_rtprop_hub_free_pool(r->hub, op->pool);
}
