/*
 * Messages, sent.
 */

#include "features/chat/ngx_rtprop_chat.h"
#include "base/rtprop_json.h"


#define NGX_RTPROP_CHAT_SMALL  4096     /* octets that are written at once */
#define NGX_RTPROP_CHAT_IDS    3        /* tried, if others have the first */


/* A message under way; lives in the command's pool. */

typedef struct {
    ngx_rtprop_publish_t        publish;
    ngx_rtprop_update_t         once;       /* with a client_message_id */
    ngx_rtprop_event_t          event;
    ngx_rtprop_cmd_t           *cmd;
    rtprop_chat_message_t       message;
    ngx_uint_t                  doubled;    /* ids that others have */
    unsigned                    known:1;    /* was sent before */
} ngx_rtprop_chat_send_t;


static void ngx_rtprop_chat_send_publish(ngx_rtprop_chat_send_t *m);
static ngx_int_t ngx_rtprop_chat_send_event(ngx_rtprop_chat_send_t *m);
static ngx_int_t ngx_rtprop_chat_send_payload(ngx_rtprop_chat_send_t *m);
static ngx_int_t ngx_rtprop_chat_send_anew(ngx_rtprop_chat_send_t *m);
static void ngx_rtprop_chat_sent(ngx_rtprop_op_t *op);
static ngx_int_t ngx_rtprop_chat_send_once(ngx_rtprop_chat_send_t *m);
static ngx_int_t ngx_rtprop_chat_once_apply(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now);
static void ngx_rtprop_chat_once_done(ngx_rtprop_update_t *update);
static void ngx_rtprop_chat_ack(ngx_rtprop_chat_send_t *m);


void
ngx_rtprop_chat_person(rtprop_identity_t *user, ngx_rtprop_sub_t *sub,
    rtprop_chat_person_t *person)
{
    rtprop_str_t  s;

    person->id = rtprop_identity_id(user);
    person->name = rtprop_identity_name(user);

    s = rtprop_identity_avatar(user);
    person->avatar.len = s.len;
    person->avatar.data = s.len ? s.data : NULL;

    s = rtprop_identity_role(user);
    person->role.len = s.len;
    person->role.data = s.len ? s.data : NULL;

    rtprop_chat_complete(person, sub ? sub->data : NULL);
}


ngx_int_t
ngx_rtprop_chat_key(ngx_pool_t *pool, const char *what, ngx_str_t *user,
    ngx_str_t *channel, ngx_str_t *key)
{
    key->data = ngx_pnalloc(pool, ngx_strlen(what) + 3 + NGX_INT_T_LEN
                                  + user->len + channel->len);
    if (key->data == NULL) {
        return NGX_ERROR;
    }

    /* the length, since ids may have colons */

    key->len = ngx_sprintf(key->data, "%s:%uz:%V:%V", what, user->len, user,
                           channel)
               - key->data;

    return NGX_OK;
}


/* ------------------------------------------------------------------ send */

void
ngx_rtprop_chat_send(ngx_rtprop_cmd_t *cmd)
{
    ngx_str_t                id;
    rtprop_invalid_t         why;
    ngx_rtprop_sub_t        *sub;
    ngx_rtprop_chat_send_t  *m;

    m = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_chat_send_t));
    id = ngx_rtprop_chat_str(cmd->args[0].str);

    if (m == NULL
        || ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_CHAT_PREFIX, &id,
                                       &m->event.channel)
           != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    sub = ngx_rtprop_hub_sub(cmd->worker->hub, cmd->session,
                             &m->event.channel);

    if (sub == NULL) {
        ngx_rtprop_refuse(cmd, "not_joined", "join the conversation first",
                          NULL);
        return;
    }

    if (rtprop_chat_check(&cmd->args[1].str, cmd->args[2].json, &why)
        != RTPROP_OK)
    {
        ngx_rtprop_refuse(cmd, "invalid_payload", why.message,
                          json_pack("{s:s}", "field", why.field));
        return;
    }

    ngx_rtprop_chat_stop_typing(cmd->data, cmd->session, &id);

    m->cmd = cmd;
    ngx_rtprop_chat_person(cmd->user, sub, &m->message.from);

    if (ngx_rtprop_chat_send_event(m) != NGX_OK) {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    /* a database knows by itself what it has */

    if (m->message.client_message_id.len
        && !cmd->worker->engine->durable)
    {
        if (ngx_rtprop_chat_send_once(m) != NGX_OK) {
            ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        }

        return;
    }

    ngx_rtprop_chat_send_publish(m);
}


static void
ngx_rtprop_chat_send_publish(ngx_rtprop_chat_send_t *m)
{
    m->publish.op.done = ngx_rtprop_chat_sent;
    m->publish.op.data = m;
    m->publish.op.pool = m->cmd->pool;
    m->publish.events = &m->event;
    m->publish.nevents = 1;

    ngx_rtprop_hub_publish_op(m->cmd->worker->hub, &m->publish);
}


static ngx_int_t
ngx_rtprop_chat_send_event(ngx_rtprop_chat_send_t *m)
{
    ngx_str_t          attachments;
    ngx_rtprop_cmd_t  *cmd;

    cmd = m->cmd;

    m->message.id = ngx_rtprop_hub_id(cmd->worker->hub);
    m->message.created_at = ngx_rtprop_now();
    m->message.conversation_id = cmd->args[0].str;
    m->message.content = cmd->args[1].str;
    m->message.client_message_id = cmd->args[3].str;

    ngx_str_set(&m->event.type, "chat:new_message");
    m->event.id = m->message.id;
    m->event.user = ngx_rtprop_chat_str(m->message.from.id);
    m->event.flags = NGX_RTPROP_EV_RECEIPT;
    m->event.arrived = cmd->arrived;
    m->event.data = &m->message;

    if (json_array_size(cmd->args[2].json)) {

        if (ngx_rtprop_hub_dump(cmd->pool, json_incref(cmd->args[2].json),
                                &attachments)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        m->message.attachments = ngx_rtprop_chat_pure(&attachments);
    }

    return ngx_rtprop_chat_send_payload(m);
}


static ngx_int_t
ngx_rtprop_chat_send_payload(ngx_rtprop_chat_send_t *m)
{
    size_t      max;
    u_char     *p, buf[NGX_RTPROP_CHAT_SMALL];
    ngx_str_t  *payload;

    payload = &m->event.payload;
    max = rtprop_chat_message_max(&m->message);

    p = (max > sizeof(buf)) ? ngx_pnalloc(m->cmd->pool, max) : buf;

    if (p == NULL) {
        return NGX_ERROR;
    }

    payload->len = rtprop_chat_message(&m->message, p);
    payload->data = (p == buf) ? ngx_pnalloc(m->cmd->pool, payload->len) : p;

    if (payload->data == NULL) {
        return NGX_ERROR;
    }

    if (p == buf) {
        ngx_memcpy(payload->data, buf, payload->len);
    }

    return NGX_OK;
}


/* Another message has the id: it is tried with the next one. */

static ngx_int_t
ngx_rtprop_chat_send_anew(ngx_rtprop_chat_send_t *m)
{
    if (++m->doubled == NGX_RTPROP_CHAT_IDS) {
        return NGX_ERROR;
    }

    m->message.id = ngx_rtprop_hub_id(m->cmd->worker->hub);
    m->event.id = m->message.id;

    return ngx_rtprop_chat_send_payload(m);
}


static void
ngx_rtprop_chat_sent(ngx_rtprop_op_t *op)
{
    ngx_rtprop_chat_send_t *m = op->data;

    if (op->rc == NGX_DECLINED) {
        op->rc = ngx_rtprop_chat_send_anew(m);

        if (op->rc == NGX_OK) {
            ngx_rtprop_chat_send_publish(m);
            return;
        }
    }

    if (op->rc == NGX_DONE) {
        m->message.id = m->event.id;
        m->message.created_at = m->event.time;
        m->known = 1;

    } else if (op->rc != NGX_OK) {
        ngx_rtprop_refuse_rc(m->cmd, op->rc);
        return;
    }

    ngx_rtprop_chat_ack(m);
}


/*
 * The message goes out in the step that writes down its client_message_id, so
 * a client that sends it again, over whatever connection, gets the first one's
 * acknowledgement and nobody hears it twice.
 */

static ngx_int_t
ngx_rtprop_chat_send_once(ngx_rtprop_chat_send_t *m)
{
    ngx_str_t          user;
    ngx_rtprop_cmd_t  *cmd;

    cmd = m->cmd;
    user = ngx_rtprop_chat_str(m->message.from.id);

    if (ngx_rtprop_chat_key(cmd->pool, NGX_RTPROP_CHAT_SENT, &user,
                            &m->event.channel, &m->once.state.key)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    m->once.state.op.pool = cmd->pool;
    m->once.state.ttl = RTPROP_CHAT_SENT_MS;
    m->once.apply = ngx_rtprop_chat_once_apply;
    m->once.done = ngx_rtprop_chat_once_done;
    m->once.data = m;

    ngx_rtprop_hub_update(cmd->worker->hub, &m->once);

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_chat_once_apply(ngx_rtprop_update_t *update, ngx_str_t *text,
    uint64_t version, int64_t now)
{
    u_char                   buf[RTPROP_CHAT_SENT_LEN];
    rtprop_str_t             sent;
    ngx_rtprop_chat_send_t  *m;

    m = update->data;
    sent = ngx_rtprop_chat_pure(text);

    if (rtprop_chat_sent_find(&sent, &m->message, now)) {
        return NGX_DONE;
    }

    update->value.len = rtprop_chat_sent_add(&sent, &m->message, buf);
    update->value.data = ngx_pnalloc(m->cmd->pool, update->value.len);

    if (update->value.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(update->value.data, buf, update->value.len);

    update->events = &m->event;
    update->nevents = 1;

    return NGX_OK;
}


static void
ngx_rtprop_chat_once_done(ngx_rtprop_update_t *update)
{
    ngx_rtprop_chat_send_t *m = update->data;

    if (update->rc != NGX_OK) {
        ngx_rtprop_refuse_rc(m->cmd, update->rc);
        return;
    }

    ngx_rtprop_chat_ack(m);
}


static void
ngx_rtprop_chat_ack(ngx_rtprop_chat_send_t *m)
{
    u_char  id[NGX_INT64_LEN];

    if (m->message.id == m->event.id && !m->known) {
        ngx_rtprop_chat_reply(m->cmd, &m->event.channel, &m->message);
    }

    if (m->cmd->id.len == 0) {
        ngx_rtprop_cmd_done(m->cmd);
        return;
    }

    ngx_rtprop_ack(m->cmd, json_pack("{s:s%, s:o, s:o}",
                                     "message_id", (char *) id,
                                     (size_t) (ngx_sprintf(id, "%uL",
                                                           m->message.id)
                                               - id),
                                     "client_message_id",
                                     m->message.client_message_id.len
                                     ? rtprop_payload_str(
                                             &m->message.client_message_id)
                                     : json_null(),
                                     "created_at",
                                     rtprop_payload_time(
                                             m->message.created_at)));
}
