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


typedef struct {
    ngx_rtprop_members_t        members;
    ngx_rtprop_state_t          seen;
    void                       *join;
    json_t                     *person;     /* of the answer, borrowed */
    unsigned                    unnamed:1;
} ngx_rtprop_chat_peer_t;


typedef struct {
    ngx_rtprop_join_t           join;
    ngx_rtprop_update_t         update;
    ngx_rtprop_history_t        newest;
    ngx_rtprop_presence_t       presence;
    ngx_rtprop_state_t          marked;
    ngx_rtprop_cmd_t           *cmd;
    ngx_rtprop_resume_t        *resume;     /* NULL: chat:join */
    ngx_str_t                   id;
    ngx_uint_t                  limit;
    const char                 *code;

    json_t                     *doc;
    json_t                     *participants;   /* of the answer */
    ngx_uint_t                  peers;      /* that are being asked about */
    uint64_t                    mark;       /* read up to this message */
    uint64_t                    last;
    ngx_uint_t                  unread;
    unsigned                    state:1;    /* chat:joined is to be sent */
} ngx_rtprop_chat_join_t;


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
static void ngx_rtprop_chat_join_mark(ngx_rtprop_chat_join_t *j);
static void ngx_rtprop_chat_join_marked(ngx_rtprop_op_t *op);
static void ngx_rtprop_chat_join_count(ngx_rtprop_chat_join_t *j);
static void ngx_rtprop_chat_join_counted(ngx_rtprop_op_t *op);
static void ngx_rtprop_chat_join_tally(ngx_rtprop_chat_join_t *j,
    ngx_rtprop_event_t *events, ngx_uint_t n);
static void ngx_rtprop_chat_join_peers(ngx_rtprop_chat_join_t *j);
static ngx_int_t ngx_rtprop_chat_join_peer(ngx_rtprop_chat_join_t *j,
    json_t *person);
static void ngx_rtprop_chat_join_online(ngx_rtprop_op_t *op);
static void ngx_rtprop_chat_join_name(ngx_rtprop_chat_peer_t *peer);
static void ngx_rtprop_chat_join_seen(ngx_rtprop_op_t *op);
static void ngx_rtprop_chat_join_known(ngx_rtprop_chat_join_t *j);
static void ngx_rtprop_chat_join_answer(ngx_rtprop_chat_join_t *j);
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

    if (join->sub->data == NULL) {
        join->sub->data = ngx_rtprop_chat_join_self(j);
    }

    if (join->had || join->history.tail || join->history.recovered) {
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

    n = (op->rc == NGX_OK) ? j->newest.nevents : 0;

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
        ngx_rtprop_chat_join_mark(j);
        return;
    }

    ngx_rtprop_chat_person(j->cmd->user, j->join.sub, &person);

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


/* Whose connection went away meanwhile has left already. */

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

    if (op->rc == NGX_OK && j->cmd->session == NULL) {
        ngx_rtprop_chat_go(j->cmd->worker->hub, &j->id, &j->presence.user,
                           &name, j->cmd->session_id);
    }

    if (!j->state) {
        ngx_rtprop_chat_join_answer(j);
        return;
    }

    ngx_rtprop_chat_join_mark(j);
}


/* ----------------------------------------------------------------- known */

static void
ngx_rtprop_chat_join_mark(ngx_rtprop_chat_join_t *j)
{
    ngx_str_t             user;
    ngx_rtprop_engine_t  *e;

    user = ngx_rtprop_user_id(j->cmd->user);

    j->marked.op.done = ngx_rtprop_chat_join_marked;
    j->marked.op.data = j;
    j->marked.op.pool = j->cmd->pool;

    if (ngx_rtprop_chat_key(j->cmd->pool, NGX_RTPROP_CHAT_MARK, &user,
                            &j->join.history.channel, &j->marked.key)
        != NGX_OK)
    {
        ngx_rtprop_chat_join_count(j);
        return;
    }

    e = j->cmd->worker->engine;
    e->state_get(e, &j->marked);
}


static void
ngx_rtprop_chat_join_marked(ngx_rtprop_op_t *op)
{
    ngx_rtprop_chat_join_t *j = op->data;

    rtprop_str_t  mark;

    if (op->rc == NGX_OK) {
        mark = ngx_rtprop_chat_pure(&j->marked.value);
        j->mark = rtprop_chat_mark(&mark);
    }

    ngx_rtprop_chat_join_count(j);
}


/* Unread messages are counted among those at hand, if they are enough. */

static void
ngx_rtprop_chat_join_count(ngx_rtprop_chat_join_t *j)
{
    ngx_rtprop_event_t    *ev;
    ngx_rtprop_engine_t   *e;
    ngx_rtprop_history_t  *at_hand;

    at_hand = j->newest.op.done ? &j->newest : &j->join.history;
    ev = at_hand->events;

    if (!j->join.had && at_hand->tail
        && (at_hand->nevents < at_hand->limit || ev[0].id <= j->mark))
    {
        ngx_rtprop_chat_join_tally(j, ev, at_hand->nevents);
        ngx_rtprop_chat_join_peers(j);
        return;
    }

    ngx_memzero(&j->newest, sizeof(ngx_rtprop_history_t));

    j->newest.op.done = ngx_rtprop_chat_join_counted;
    j->newest.op.data = j;
    j->newest.op.pool = j->cmd->pool;
    j->newest.channel = j->join.history.channel;
    j->newest.tail = 1;
    j->newest.flags = NGX_RTPROP_EV_RECEIPT;
    j->newest.limit = NGX_RTPROP_CHAT_KEEP;

    e = j->cmd->worker->engine;
    e->history(e, &j->newest);
}


static void
ngx_rtprop_chat_join_counted(ngx_rtprop_op_t *op)
{
    ngx_rtprop_chat_join_t *j = op->data;

    if (op->rc == NGX_OK) {
        ngx_rtprop_chat_join_tally(j, j->newest.events, j->newest.nevents);
    }

    ngx_rtprop_chat_join_peers(j);
}


/* Ids of one millisecond may be out of order: the marked one ends it. */

static void
ngx_rtprop_chat_join_tally(ngx_rtprop_chat_join_t *j,
    ngx_rtprop_event_t *events, ngx_uint_t n)
{
    rtprop_str_t  user;

    user = rtprop_identity_id(j->cmd->user);

    if (n) {
        j->last = events[n - 1].id;
    }

    while (n-- && events[n].id != j->mark) {
        if (events[n].id > j->mark
            && !rtprop_str_eq(&user, (char *) events[n].user.data,
                              events[n].user.len))
        {
            j->unread++;
        }
    }
}


static void
ngx_rtprop_chat_join_peers(ngx_rtprop_chat_join_t *j)
{
    size_t   i;
    json_t  *people, *person;

    j->participants = json_array();
    j->peers = 1;

    people = rtprop_chat_participants(j->doc);

    json_array_foreach(people, i, person) {

        if (i == RTPROP_CHAT_SHOWN) {
            break;
        }

        if (ngx_rtprop_chat_join_peer(j, person) != NGX_OK) {
            break;
        }
    }

    ngx_rtprop_chat_join_known(j);
}


static ngx_int_t
ngx_rtprop_chat_join_peer(ngx_rtprop_chat_join_t *j, json_t *person)
{
    json_t                  *shown, *id, *name;
    ngx_str_t                user;
    ngx_rtprop_engine_t     *e;
    ngx_rtprop_chat_peer_t  *peer;

    id = json_object_get(person, "id");
    name = json_object_get(person, "name");

    peer = ngx_pcalloc(j->cmd->pool, sizeof(ngx_rtprop_chat_peer_t));
    shown = json_pack("{s:O, s:O, s:b, s:n}", "id", id,
                      "name", json_string_length(name) ? name : id,
                      "online", 0, "last_seen");

    if (peer == NULL || json_array_append_new(j->participants, shown) != 0) {
        return NGX_ERROR;
    }

    user.data = (u_char *) json_string_value(id);
    user.len = json_string_length(id);

    peer->join = j;
    peer->person = shown;
    peer->unnamed = (json_string_length(name) == 0);

    peer->members.op.done = ngx_rtprop_chat_join_online;
    peer->members.op.data = peer;
    peer->members.op.pool = j->cmd->pool;
    peer->members.user = user;
    peer->members.limit = peer->unnamed;
    ngx_str_set(&peer->members.set, NGX_RTPROP_USERS);

    if (ngx_rtprop_hub_channel_name(j->cmd->pool, NGX_RTPROP_CHAT_SEEN, &user,
                                    &peer->seen.key)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    j->peers++;

    e = j->cmd->worker->engine;
    e->members(e, &peer->members);

    return NGX_OK;
}


static void
ngx_rtprop_chat_join_online(ngx_rtprop_op_t *op)
{
    ngx_rtprop_chat_peer_t *peer = op->data;

    ngx_rtprop_engine_t     *e;
    ngx_rtprop_chat_join_t  *j;

    j = peer->join;

    if (op->rc == NGX_OK && peer->members.sessions) {
        (void) json_object_set_new(peer->person, "online", json_true());

        if (peer->members.nmembers) {
            ngx_rtprop_chat_join_name(peer);
        }
    }

    peer->seen.op.done = ngx_rtprop_chat_join_seen;
    peer->seen.op.data = peer;
    peer->seen.op.pool = j->cmd->pool;

    e = j->cmd->worker->engine;
    e->state_get(e, &peer->seen);
}


/* Who is online has a name by the token. */

static void
ngx_rtprop_chat_join_name(ngx_rtprop_chat_peer_t *peer)
{
    json_t     *session, *name;
    ngx_str_t  *info;

    info = &peer->members.members[0].info;
    session = json_loadb((char *) info->data, info->len, 0, NULL);
    name = json_object_get(session, "name");

    if (json_string_length(name)) {
        (void) json_object_set(peer->person, "name", name);
    }

    json_decref(session);
}


static void
ngx_rtprop_chat_join_seen(ngx_rtprop_op_t *op)
{
    ngx_rtprop_chat_peer_t *peer = op->data;

    int64_t  ms;

    if (op->rc == NGX_OK) {
        ms = ngx_atoof(peer->seen.value.data, peer->seen.value.len);

        (void) json_object_set_new(peer->person, "last_seen",
                                   rtprop_payload_time(ms));
    }

    ngx_rtprop_chat_join_known(peer->join);
}


static void
ngx_rtprop_chat_join_known(ngx_rtprop_chat_join_t *j)
{
    if (--j->peers == 0) {
        ngx_rtprop_chat_join_answer(j);
    }
}


/* ---------------------------------------------------------------- answer */

static void
ngx_rtprop_chat_join_answer(ngx_rtprop_chat_join_t *j)
{
    ngx_str_t               type, id;
    json_t                 *payload;
    ngx_rtprop_session_t   *s;
    ngx_rtprop_position_t   pos;

    s = j->cmd->session;

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
