/*
 * Messages, marked as read.
 */

#include "features/chat/ngx_rtprop_chat.h"
#include "base/rtprop_json.h"


#define NGX_RTPROP_CHAT_NEAR  32        /* messages whose ids may be crossed */


typedef struct {
    ngx_rtprop_history_t        found;
    ngx_rtprop_update_t         update;
    ngx_rtprop_event_t          event;
    ngx_rtprop_cmd_t           *cmd;
    ngx_str_t                   id;         /* of the conversation */
    ngx_str_t                   message;
    uint64_t                    message_id;
} ngx_rtprop_chat_read_t;


static void ngx_rtprop_chat_read_find(ngx_rtprop_chat_read_t *r,
    ngx_uint_t limit);
static void ngx_rtprop_chat_read_found(ngx_rtprop_op_t *op);
static ngx_int_t ngx_rtprop_chat_read_known(ngx_rtprop_chat_read_t *r);
static ngx_int_t ngx_rtprop_chat_read_apply(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now);
static ngx_int_t ngx_rtprop_chat_read_event(ngx_rtprop_chat_read_t *r,
    int64_t now);
static void ngx_rtprop_chat_read_done(ngx_rtprop_update_t *update);


void
ngx_rtprop_chat_mark_read(ngx_rtprop_cmd_t *cmd)
{
    ngx_str_t                user;
    ngx_rtprop_hub_t        *hub;
    ngx_rtprop_chat_read_t  *r;

    hub = cmd->worker->hub;
    r = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_chat_read_t));

    if (r == NULL) {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    r->cmd = cmd;
    r->id = ngx_rtprop_chat_str(cmd->args[0].str);
    r->message = ngx_rtprop_chat_str(cmd->args[1].str);

    if (ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_CHAT_PREFIX, &r->id,
                                    &r->event.channel)
        != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    if (ngx_rtprop_hub_sub(hub, cmd->session, &r->event.channel) == NULL) {
        ngx_rtprop_refuse(cmd, "not_joined", "join the conversation first",
                          NULL);
        return;
    }

    if (rtprop_chat_message_id(&cmd->args[1].str, &r->message_id) != RTPROP_OK
        || r->message_id > ngx_rtprop_hub_id(hub))
    {
        ngx_rtprop_refuse(cmd, "not_found", "there is no such message", NULL);
        return;
    }

    user = ngx_rtprop_user_id(cmd->user);

    if (ngx_rtprop_chat_key(cmd->pool, NGX_RTPROP_CHAT_MARK, &user,
                            &r->event.channel, &r->update.state.key)
        != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    /* what is older than the history counts as unread, marked or not */

    r->update.state.ttl = cmd->worker->conf->history_age * 1000;
    r->update.state.op.pool = cmd->pool;
    r->update.apply = ngx_rtprop_chat_read_apply;
    r->update.done = ngx_rtprop_chat_read_done;
    r->update.data = r;

    ngx_rtprop_chat_read_find(r, 1);
}


/* The newest messages up to that id: most often it is the very last. */

static void
ngx_rtprop_chat_read_find(ngx_rtprop_chat_read_t *r, ngx_uint_t limit)
{
    ngx_rtprop_engine_t  *e;

    r->found.op.done = ngx_rtprop_chat_read_found;
    r->found.op.data = r;
    r->found.op.pool = r->cmd->pool;
    r->found.channel = r->event.channel;
    r->found.tail = 1;
    r->found.flags = NGX_RTPROP_EV_RECEIPT;
    r->found.before = r->message_id + 1;
    r->found.limit = limit;

    e = r->cmd->worker->engine;
    e->history(e, &r->found);
}


static void
ngx_rtprop_chat_read_found(ngx_rtprop_op_t *op)
{
    ngx_rtprop_chat_read_t *r = op->data;

    ngx_int_t  rc;

    rc = (op->rc == NGX_OK) ? ngx_rtprop_chat_read_known(r) : op->rc;

    switch (rc) {

    case NGX_OK:
        ngx_rtprop_hub_update(r->cmd->worker->hub, &r->update);
        return;

    case NGX_AGAIN:
        ngx_rtprop_chat_read_find(r, NGX_RTPROP_CHAT_NEAR);
        return;

    case NGX_DECLINED:
        ngx_rtprop_refuse(r->cmd, "not_found", "there is no such message",
                          NULL);
        return;

    default:
        ngx_rtprop_refuse_rc(r->cmd, rc);
    }
}


/*
 * Whether the message is there.  Ids of one moment may be in another order than
 * their messages, so it is looked for among some.  What is older than all that
 * memory has kept may have been one; a database has kept all.
 */

static ngx_int_t
ngx_rtprop_chat_read_known(ngx_rtprop_chat_read_t *r)
{
    ngx_uint_t             i;
    ngx_rtprop_history_t  *found;

    found = &r->found;

    for (i = 0; i < found->nevents; i++) {
        if (found->events[i].id == r->message_id) {
            return NGX_OK;
        }
    }

    if (found->more && found->limit < NGX_RTPROP_CHAT_NEAR) {
        return NGX_AGAIN;
    }

    if (found->partial) {
        return NGX_ERROR;
    }

    if (found->nevents == 0 && !r->cmd->worker->engine->durable
        && found->offset && found->first != 1)
    {
        return NGX_OK;
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_rtprop_chat_read_apply(ngx_rtprop_update_t *update, ngx_str_t *text,
    uint64_t version, int64_t now)
{
    rtprop_str_t             mark;
    ngx_rtprop_chat_read_t  *r;

    r = update->data;
    mark = ngx_rtprop_chat_pure(text);

    if (rtprop_chat_read(&mark, r->message_id) != RTPROP_OK) {
        return NGX_DONE;
    }

    if (ngx_rtprop_chat_read_event(r, now) != NGX_OK) {
        return NGX_ERROR;
    }

    update->value = r->message;
    update->events = &r->event;
    update->nevents = 1;

    return NGX_OK;
}


/* To the others, and to the reader's other connections. */

static ngx_int_t
ngx_rtprop_chat_read_event(ngx_rtprop_chat_read_t *r, int64_t now)
{
    json_t        *payload, *message;
    rtprop_str_t   user;

    user = rtprop_identity_id(r->cmd->user);
    message = json_stringn((char *) r->message.data, r->message.len);

    payload = json_pack("{s:s%, s:O, s:O, s:o, s:o, s:o, s:o}",
                        "conversation_id", (char *) r->id.data, r->id.len,
                        "message_id", message,
                        "up_to_message_id", message,
                        "last_message_id", message,
                        "read_by", rtprop_payload_str(&user),
                        "user_id", rtprop_payload_str(&user),
                        "read_at", rtprop_payload_time(now));

    ngx_str_set(&r->event.type, "chat:messages_read");
    r->event.id = r->message_id;
    r->event.user = ngx_rtprop_chat_str(user);
    r->event.skip_session.len = NGX_RTPROP_SESSION_ID;
    r->event.skip_session.data = r->cmd->session_id;
    r->event.arrived = r->cmd->arrived;

    return ngx_rtprop_hub_dump(r->cmd->pool, payload, &r->event.payload);
}


static void
ngx_rtprop_chat_read_done(ngx_rtprop_update_t *update)
{
    ngx_rtprop_chat_read_t *r = update->data;

    if (update->rc != NGX_OK) {
        ngx_rtprop_refuse_rc(r->cmd, update->rc);
        return;
    }

    ngx_rtprop_ack(r->cmd, NULL);
}
