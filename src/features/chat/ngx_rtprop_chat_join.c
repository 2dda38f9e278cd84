/*
 * chat:join and resume, one after the other:
 *
 *     right       the document says who takes part; whom the token names joins
 *     place       the hub subscribes and reads what was missed, or the newest
 *     present     the session is counted in; the others hear of the user
 *     known       what the state frame says beside: who is online, what is new
 *     answer      chat:joined, then the messages, then what came meanwhile
 */

#include "features/chat/ngx_rtprop_chat.h"
#include "features/chat/ngx_rtprop_chat_join.h"


static ngx_rtprop_chat_join_t *ngx_rtprop_chat_join_create(
    ngx_rtprop_cmd_t *cmd, ngx_str_t *id);
static void ngx_rtprop_chat_join_cleanup(void *data);
static ngx_int_t ngx_rtprop_chat_join_right(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now);
static ngx_int_t ngx_rtprop_chat_join_admit(ngx_rtprop_chat_join_t *j);
static void ngx_rtprop_chat_join_place(ngx_rtprop_update_t *update);
static void ngx_rtprop_chat_join_placed(ngx_rtprop_join_t *join);
static json_t *ngx_rtprop_chat_join_self(ngx_rtprop_chat_join_t *j);
static void ngx_rtprop_chat_join_snapshot(ngx_rtprop_op_t *op);
static void ngx_rtprop_chat_join_present(ngx_rtprop_chat_join_t *j);
static void ngx_rtprop_chat_join_came(ngx_rtprop_op_t *op);
static void ngx_rtprop_chat_join_go(ngx_rtprop_chat_join_t *j);
static void ngx_rtprop_chat_join_finish(ngx_rtprop_chat_join_t *j);
static json_t *ngx_rtprop_chat_joined(ngx_rtprop_chat_join_t *j);
static void ngx_rtprop_chat_join_failed(ngx_rtprop_chat_join_t *j,
    ngx_int_t rc);


void
ngx_rtprop_chat_join(ngx_rtprop_cmd_t *cmd)
{
    ngx_str_t                epoch, id;
    ngx_rtprop_chat_join_t  *j;

    id = ngx_rtprop_chat_str(cmd->args[0].str);
    j = ngx_rtprop_chat_join_create(cmd, &id);

    if (j == NULL) {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    j->state = 1;

    if (cmd->args[3].set) {
        j->limit = cmd->args[3].i;
    }

    if (cmd->args[1].set && cmd->args[2].set) {
        epoch = ngx_rtprop_chat_str(cmd->args[2].str);
        j->join.history.epoch = ngx_rtprop_hub_epoch_parse(&epoch);
        j->join.history.since = cmd->args[1].i;
        j->join.history.limit = NGX_RTPROP_CHAT_KEEP;

    } else {
        j->join.history.tail = 1;
        j->join.history.flags = NGX_RTPROP_EV_RECEIPT;
        j->join.history.limit = j->limit;
    }

    ngx_rtprop_hub_update(cmd->worker->hub, &j->update);
}


void
ngx_rtprop_chat_resume(ngx_rtprop_resume_t *resume)
{
    ngx_rtprop_chat_join_t  *j;

    j = ngx_rtprop_chat_join_create(resume->cmd, &resume->id);

    if (j == NULL) {
        ngx_rtprop_resume_done(resume, NULL, "unavailable");
        return;
    }

    j->resume = resume;
    j->join.resume = 1;
    j->join.history.epoch = resume->epoch;
    j->join.history.since = resume->offset;
    j->join.history.limit = NGX_RTPROP_CHAT_KEEP;

    ngx_rtprop_hub_update(resume->cmd->worker->hub, &j->update);
}


static ngx_rtprop_chat_join_t *
ngx_rtprop_chat_join_create(ngx_rtprop_cmd_t *cmd, ngx_str_t *id)
{
    ngx_pool_cleanup_t      *cln;
    ngx_rtprop_chat_join_t  *j;

    j = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_chat_join_t));
    cln = ngx_pool_cleanup_add(cmd->pool, 0);

    if (j == NULL || cln == NULL
        || ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_CHAT_PREFIX, id,
                                       &j->join.history.channel)
           != NGX_OK)
    {
        return NULL;
    }

    cln->handler = ngx_rtprop_chat_join_cleanup;
    cln->data = j;

    j->cmd = cmd;
    j->id = *id;
    j->limit = NGX_RTPROP_CHAT_LIMIT;

    j->join.cmd = cmd;
    j->join.kinds = NGX_RTPROP_SUB_MEMBER;
    j->join.replay = 1;
    j->join.done = ngx_rtprop_chat_join_placed;
    j->join.data = j;

    j->update.state.op.pool = cmd->pool;
    j->update.state.key = j->join.history.channel;
    j->update.apply = ngx_rtprop_chat_join_right;
    j->update.done = ngx_rtprop_chat_join_place;
    j->update.data = j;

    return j;
}


static void
ngx_rtprop_chat_join_cleanup(void *data)
{
    ngx_rtprop_chat_join_t *j = data;

    json_decref(j->doc);
    json_decref(j->participants);
}


/* ----------------------------------------------------------------- right */

static ngx_int_t
ngx_rtprop_chat_join_right(ngx_rtprop_update_t *update, ngx_str_t *text,
    uint64_t version, int64_t now)
{
    rtprop_str_t             user, id;
    ngx_rtprop_chat_join_t  *j;

    j = update->data;

    json_decref(j->doc);
    j->doc = version ? rtprop_chat_parse(text->data, text->len) : NULL;
    j->code = NULL;

    if (version && j->doc == NULL) {
        return ngx_rtprop_hub_unreadable(j->cmd->worker->hub,
                                         &update->state.key, text);
    }

    user = rtprop_identity_id(j->cmd->user);
    id = ngx_rtprop_chat_pure(&j->id);

    switch (rtprop_chat_right(j->doc, &user,
                              rtprop_identity_has_conversation(j->cmd->user,
                                                               &id)))
    {

    case RTPROP_CHAT_PARTICIPANT:
        return NGX_DONE;

    case RTPROP_CHAT_CLAIMED:
        return ngx_rtprop_chat_join_admit(j);

    case RTPROP_CHAT_STRANGER:
        j->code = "not_authorized";
        return NGX_DECLINED;

    default:
        j->code = "not_found";
        return NGX_DECLINED;
    }
}


static ngx_int_t
ngx_rtprop_chat_join_admit(ngx_rtprop_chat_join_t *j)
{
    int                    rc;
    ngx_str_t              user;
    rtprop_chat_person_t   person;

    if (j->doc == NULL) {
        j->doc = rtprop_chat_create();

        if (j->doc == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_rtprop_chat_person(j->cmd->user, NULL, &person);

    rc = rtprop_chat_admit(j->doc, &person);

    if (rc == RTPROP_DECLINED) {
        j->code = "conflict";
        return NGX_DECLINED;
    }

    if (rc != RTPROP_OK) {
        return NGX_ERROR;
    }

    user = ngx_rtprop_chat_str(person.id);
    ngx_rtprop_chat_index(j->cmd->worker->hub, &user, &j->id,
                          json_object_get(rtprop_chat_participant(j->doc,
                                                                  &person.id),
                                          "name"));

    return ngx_rtprop_hub_dump(j->cmd->pool, json_incref(j->doc),
                               &j->update.value);
}


/* ----------------------------------------------------------------- place */

static void
ngx_rtprop_chat_join_place(ngx_rtprop_update_t *update)
{
    ngx_rtprop_chat_join_t *j = update->data;

    if (update->rc != NGX_OK) {
        ngx_rtprop_chat_join_failed(j, update->rc);
        return;
    }

    ngx_rtprop_hub_join(j->cmd->worker->hub, &j->join);
}


static void
ngx_rtprop_chat_join_placed(ngx_rtprop_join_t *join)
{
    ngx_rtprop_engine_t     *e;
    ngx_rtprop_chat_join_t  *j;

    j = join->data;

    if (join->history.op.rc != NGX_OK) {
        ngx_rtprop_chat_join_failed(j, join->history.op.rc);
        return;
    }

    if (join->history.partial) {
        ngx_rtprop_chat_join_undo(j, NGX_ERROR);
        return;
    }

    if (join->sub->data == NULL) {
        join->sub->data = ngx_rtprop_chat_join_self(j);
    }

    if (join->history.tail || join->history.recovered
        || (join->had && j->resume == NULL))
    {
        ngx_rtprop_chat_join_present(j);
        return;
    }

    /* the place is lost: the newest messages in its stead */

    j->state = 1;

    j->newest.op.done = ngx_rtprop_chat_join_snapshot;
    j->newest.op.data = j;
    j->newest.op.pool = j->cmd->pool;
    j->newest.channel = join->history.channel;
    j->newest.tail = 1;
    j->newest.flags = NGX_RTPROP_EV_RECEIPT;
    j->newest.limit = j->limit;

    e = j->cmd->worker->engine;
    e->history(e, &j->newest);
}


/* What the conversation knows of the user beyond the token, or NULL. */

static json_t *
ngx_rtprop_chat_join_self(ngx_rtprop_chat_join_t *j)
{
    rtprop_str_t  user;

    if (rtprop_identity_name(j->cmd->user).len
        && rtprop_identity_avatar(j->cmd->user).len)
    {
        return NULL;
    }

    user = rtprop_identity_id(j->cmd->user);

    return json_incref(rtprop_chat_participant(j->doc, &user));
}


/* What was published since the place was taken comes live. */

static void
ngx_rtprop_chat_join_snapshot(ngx_rtprop_op_t *op)
{
    ngx_rtprop_chat_join_t *j = op->data;

    ngx_uint_t  n;

    if (op->rc != NGX_OK || j->newest.partial) {
        ngx_rtprop_chat_join_undo(j, op->rc == NGX_OK ? NGX_ERROR : op->rc);
        return;
    }

    n = j->newest.nevents;

    while (n && j->newest.events[n - 1].offset > j->join.history.offset) {
        n--;
    }

    j->join.history.events = j->newest.events;
    j->join.history.nevents = n;

    ngx_rtprop_chat_join_present(j);
}


/* --------------------------------------------------------------- present */

static void
ngx_rtprop_chat_join_present(ngx_rtprop_chat_join_t *j)
{
    ngx_rtprop_engine_t   *e;
    rtprop_chat_person_t   person;

    if (j->join.had) {

        if (j->state) {
            ngx_rtprop_chat_join_mark(j);

        } else {
            ngx_rtprop_chat_join_answer(j);
        }

        return;
    }

    ngx_rtprop_chat_person(j->cmd->user,
                           j->cmd->session ? j->join.sub : NULL, &person);

    j->presence.op.done = ngx_rtprop_chat_join_came;
    j->presence.op.data = j;
    j->presence.op.pool = j->cmd->pool;
    j->presence.set = j->join.history.channel;
    j->presence.user = ngx_rtprop_chat_str(rtprop_identity_id(j->cmd->user));
    j->presence.info = ngx_rtprop_chat_str(person.name);
    ngx_memcpy(j->presence.session, j->cmd->session_id,
               NGX_RTPROP_SESSION_ID);

    e = j->cmd->worker->engine;
    e->presence_add(e, &j->presence);
}


static void
ngx_rtprop_chat_join_came(ngx_rtprop_op_t *op)
{
    ngx_rtprop_chat_join_t *j = op->data;

    rtprop_str_t  name;

    name = ngx_rtprop_chat_pure(&j->presence.info);

    if (op->rc == NGX_OK && j->presence.changed) {
        ngx_rtprop_chat_tell(j->cmd->worker->hub, "chat:user_joined", &j->id,
                             &j->presence.user, &name);
    }

    j->came = 1;

    if (!j->state) {
        ngx_rtprop_chat_join_answer(j);
        return;
    }

    ngx_rtprop_chat_join_mark(j);
}


/* ---------------------------------------------------------------- answer */

void
ngx_rtprop_chat_join_answer(ngx_rtprop_chat_join_t *j)
{
    ngx_str_t               type, id;
    json_t                 *payload;
    ngx_rtprop_session_t   *s;
    ngx_rtprop_position_t   pos;

    s = j->cmd->session;

    if (s == NULL) {

        /* it went while it was being counted in */

        ngx_rtprop_chat_join_go(j);
    }

    ngx_rtprop_hub_position(&j->join, &pos);

    if (j->resume == NULL) {
        ngx_rtprop_cmd_send(j->cmd, "chat:joined", ngx_rtprop_chat_joined(j),
                            &pos);

        ngx_rtprop_chat_join_finish(j);
        ngx_rtprop_cmd_done(j->cmd);
        return;
    }

    if (j->state && s) {
        ngx_str_set(&type, "chat:joined");
        ngx_str_null(&id);
        payload = ngx_rtprop_chat_joined(j);

        (void) s->protocol->send(s, &id, &type, payload, &pos);
        json_decref(payload);
    }

    ngx_rtprop_chat_join_finish(j);
    ngx_rtprop_resume_done(j->resume, &j->join, NULL);
}


void
ngx_rtprop_chat_join_undo(ngx_rtprop_chat_join_t *j, ngx_int_t rc)
{
    ngx_rtprop_hub_join_cancel(j->cmd->worker->hub, &j->join);
    ngx_rtprop_chat_join_go(j);
    ngx_rtprop_chat_join_failed(j, rc);
}


static void
ngx_rtprop_chat_join_go(ngx_rtprop_chat_join_t *j)
{
    rtprop_str_t  name;

    if (!j->came) {
        return;
    }

    name = ngx_rtprop_chat_pure(&j->presence.info);

    ngx_rtprop_chat_go(j->cmd->worker->hub, &j->id, &j->presence.user, &name,
                       j->cmd->session_id);
}


static void
ngx_rtprop_chat_join_finish(ngx_rtprop_chat_join_t *j)
{
    ngx_rtprop_hub_t      *hub;
    ngx_rtprop_session_t  *s;

    hub = j->cmd->worker->hub;
    s = j->cmd->session;

    ngx_rtprop_hub_join_finish(hub, &j->join);

    if (j->join.replayed && s && s->state == NGX_RTPROP_SESSION_OPEN) {
        ngx_rtprop_chat_receipts(hub, &j->join.history.channel, j->cmd->user,
                                 j->join.history.events,
                                 j->join.history.nevents);
    }
}


static json_t *
ngx_rtprop_chat_joined(ngx_rtprop_chat_join_t *j)
{
    u_char   id[NGX_INT64_LEN];
    json_t  *last;

    last = j->last ? json_stringn((char *) id,
                                  ngx_sprintf(id, "%uL", j->last) - id)
                   : json_null();

    return json_pack("{s:s%, s:O, s:I, s:o, s:I}",
                     "conversation_id", (char *) j->id.data, j->id.len,
                     "participants", j->participants,
                     "participant_count",
                     (json_int_t) json_array_size(
                                        rtprop_chat_participants(j->doc)),
                     "last_message_id", last,
                     "unread_count", (json_int_t) j->unread);
}


static void
ngx_rtprop_chat_join_failed(ngx_rtprop_chat_join_t *j, ngx_int_t rc)
{
    const char  *message;

    if (j->resume) {
        ngx_rtprop_resume_done(j->resume, NULL,
                               j->code ? j->code : "unavailable");
        return;
    }

    if (j->code == NULL) {
        ngx_rtprop_refuse_rc(j->cmd, rc);
        return;
    }

    switch (j->code[4]) {

    case 'a':
        message = "you do not take part in this conversation";
        break;

    case 'f':
        message = "there is no such conversation";
        break;

    default:
        message = "the conversation has no room for more participants";
    }

    ngx_rtprop_refuse(j->cmd, j->code, message, NULL);
}
