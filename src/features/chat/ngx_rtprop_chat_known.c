/*
 * What the answer to a join says beside: who is online, what is new.
 */

#include "features/chat/ngx_rtprop_chat.h"
#include "features/chat/ngx_rtprop_chat_join.h"


#define NGX_RTPROP_CHAT_PEERS  8        /* asked about at a time */


typedef struct {
    ngx_rtprop_members_t        members;
    ngx_rtprop_state_t          seen;
    void                       *join;
    json_t                     *person;     /* of the answer, borrowed */
    unsigned                    unnamed:1;
} ngx_rtprop_chat_peer_t;


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


void
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
        ngx_rtprop_chat_join_undo(j, NGX_ERROR);
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

    } else if (op->rc != NGX_DECLINED) {
        ngx_rtprop_chat_join_undo(j, op->rc);
        return;
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

    if (op->rc != NGX_OK || j->newest.partial) {
        ngx_rtprop_chat_join_undo(j, op->rc == NGX_OK ? NGX_ERROR : op->rc);
        return;
    }

    ngx_rtprop_chat_join_tally(j, j->newest.events, j->newest.nevents);
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


/*
 * Some at a time: a big conversation that many join at once is not to fill the
 * engine's queue.
 */

static void
ngx_rtprop_chat_join_peers(ngx_rtprop_chat_join_t *j)
{
    json_t  *person;

    if (j->stepping) {
        return;
    }

    j->stepping = 1;

    if (j->participants == NULL) {
        j->participants = json_array();
    }

    while (j->peers < NGX_RTPROP_CHAT_PEERS && j->peer < RTPROP_CHAT_SHOWN) {
        person = json_array_get(rtprop_chat_participants(j->doc), j->peer++);

        if (person == NULL || ngx_rtprop_chat_join_peer(j, person) != NGX_OK) {
            j->peer = RTPROP_CHAT_SHOWN;
        }
    }

    j->stepping = 0;

    if (j->peers) {
        return;
    }

    if (j->rc != NGX_OK) {
        ngx_rtprop_chat_join_undo(j, j->rc);
        return;
    }

    ngx_rtprop_chat_join_answer(j);
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

    } else if (op->rc != NGX_OK && op->rc != NGX_DECLINED) {
        (void) json_object_set_new(peer->person, "online", json_null());
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

    int64_t                  ms;
    ngx_rtprop_chat_join_t  *j;

    if (op->rc == NGX_OK) {
        ms = ngx_atoof(peer->seen.value.data, peer->seen.value.len);

        (void) json_object_set_new(peer->person, "last_seen",
                                   rtprop_payload_time(ms));

    } else if (op->rc != NGX_DECLINED) {
        j = peer->join;
        j->rc = op->rc;
        j->peer = RTPROP_CHAT_SHOWN;
    }

    ngx_rtprop_chat_join_known(peer->join);
}


static void
ngx_rtprop_chat_join_known(ngx_rtprop_chat_join_t *j)
{
    j->peers--;
    ngx_rtprop_chat_join_peers(j);
}
