/*
 * Who is there: typing, leaving, online and offline.
 */

#include "features/chat/ngx_rtprop_chat.h"


/* Somebody who types, in this worker. */

typedef struct {
    ngx_queue_t                 queue;
    ngx_rtprop_session_t       *session;
    rtprop_chat_typing_t        state;
    ngx_str_t                   id;         /* of the conversation */
} ngx_rtprop_chat_typist_t;


typedef struct {
    ngx_rtprop_presence_t       presence;
    ngx_rtprop_hub_t           *hub;
    ngx_str_t                   id;
    ngx_str_t                   name;
} ngx_rtprop_chat_going_t;


/* An operation on a user's list of conversations. */

typedef struct {
    ngx_rtprop_update_t         update;
    ngx_rtprop_state_t          state;
    ngx_rtprop_hub_t           *hub;
    ngx_str_t                   user;
    ngx_str_t                   id;
    ngx_str_t                   name;
    json_t                     *label;      /* to be written, or NULL: out */
    int64_t                     seen;       /* ms; 0: came online */
} ngx_rtprop_chat_index_t;


#define NGX_RTPROP_CHAT_INDEX      "chats"
#define NGX_RTPROP_CHAT_INDEX_MAX  1000
#define NGX_RTPROP_CHAT_SEEN_MS    (30 * 24 * 60 * 60 * (ngx_msec_t) 1000)


static ngx_rtprop_chat_typist_t *ngx_rtprop_chat_typist(
    ngx_rtprop_chat_conf_t *conf, ngx_rtprop_session_t *s, ngx_str_t *id);
static ngx_rtprop_chat_typist_t *ngx_rtprop_chat_typist_add(
    ngx_rtprop_chat_conf_t *conf, ngx_rtprop_session_t *s, ngx_str_t *id);
static void ngx_rtprop_chat_typist_remove(ngx_rtprop_chat_conf_t *conf,
    ngx_rtprop_chat_typist_t *t);
static void ngx_rtprop_chat_typing_tell(ngx_rtprop_chat_typist_t *t,
    rtprop_chat_typing_e what);
static void ngx_rtprop_chat_timer(ngx_event_t *ev);
static void ngx_rtprop_chat_go_session(ngx_rtprop_session_t *s,
    ngx_rtprop_sub_t *sub, ngx_str_t *id);
static void ngx_rtprop_chat_gone(ngx_rtprop_op_t *op);
static ngx_rtprop_chat_index_t *ngx_rtprop_chat_index_create(
    ngx_rtprop_hub_t *hub, ngx_str_t *user, ngx_str_t *more);
static ngx_int_t ngx_rtprop_chat_index_apply(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now);
static void ngx_rtprop_chat_index_done(ngx_rtprop_update_t *update);
static void ngx_rtprop_chat_status(ngx_rtprop_hub_t *hub, ngx_str_t *user,
    ngx_str_t *name, int64_t seen);
static void ngx_rtprop_chat_status_read(ngx_rtprop_op_t *op);
static void ngx_rtprop_chat_status_tell(ngx_rtprop_chat_index_t *x,
    json_t *id, json_t *label);
static void ngx_rtprop_chat_see(ngx_rtprop_hub_t *hub, ngx_str_t *user,
    int64_t now);
static ngx_int_t ngx_rtprop_chat_see_apply(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now);


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


/* ---------------------------------------------------------------- typing */

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

    if (sub == NULL || sub->pending) {
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


/* ------------------------------------------------ a user's conversations */

/*
 * The document "chats:{user}" lists them, with the user's name there or null,
 * {id: name, ...}, so that coming and going can be told where it matters.
 */

void
ngx_rtprop_chat_index(ngx_rtprop_hub_t *hub, ngx_str_t *user, ngx_str_t *id,
    json_t *name)
{
    ngx_rtprop_chat_index_t  *x;

    x = ngx_rtprop_chat_index_create(hub, user, id);

    if (x == NULL) {
        return;
    }

    x->id = x->name;
    x->label = json_incref(name);
    x->update.state.key = x->state.key;
    x->update.apply = ngx_rtprop_chat_index_apply;
    x->update.done = ngx_rtprop_chat_index_done;

    ngx_rtprop_hub_update(hub, &x->update);
}


static ngx_rtprop_chat_index_t *
ngx_rtprop_chat_index_create(ngx_rtprop_hub_t *hub, ngx_str_t *user,
    ngx_str_t *more)
{
    ngx_pool_t               *pool;
    ngx_rtprop_chat_index_t  *x;

    pool = ngx_rtprop_hub_pool(hub);

    if (pool == NULL) {
        return NULL;
    }

    x = ngx_pcalloc(pool, sizeof(ngx_rtprop_chat_index_t));

    if (x) {
        x->hub = hub;
        x->user.len = user->len;
        x->user.data = ngx_pstrdup(pool, user);
        x->name.len = more->len;
        x->name.data = ngx_pnalloc(pool, more->len + 1);
        x->state.op.pool = pool;
        x->update.state.op.pool = pool;
        x->update.data = x;
    }

    if (x == NULL || x->user.data == NULL || x->name.data == NULL
        || ngx_rtprop_hub_channel_name(pool, NGX_RTPROP_CHAT_INDEX, user,
                                       &x->state.key)
           != NGX_OK)
    {
        ngx_rtprop_hub_free_pool(hub, pool);
        return NULL;
    }

    if (more->len) {
        ngx_memcpy(x->name.data, more->data, more->len);
    }

    return x;
}


static ngx_int_t
ngx_rtprop_chat_index_apply(ngx_rtprop_update_t *update, ngx_str_t *text,
    uint64_t version, int64_t now)
{
    json_t                   *ids, *known;
    ngx_rtprop_chat_index_t  *x;

    x = update->data;

    ids = version ? json_loadb((char *) text->data, text->len, 0, NULL)
                  : json_object();

    known = json_object_getn(ids, (char *) x->id.data, x->id.len);

    if (ids == NULL || (known == NULL && x->label == NULL)
        || json_equal(known, x->label)
        || (known == NULL
            && json_object_size(ids) >= NGX_RTPROP_CHAT_INDEX_MAX))
    {
        json_decref(ids);
        return NGX_DONE;
    }

    if (x->label) {
        (void) json_object_setn(ids, (char *) x->id.data, x->id.len,
                                x->label);

    } else {
        (void) json_object_deln(ids, (char *) x->id.data, x->id.len);
    }

    return ngx_rtprop_hub_dump(update->state.op.pool, ids, &update->value);
}


static void
ngx_rtprop_chat_index_done(ngx_rtprop_update_t *update)
{
    ngx_rtprop_chat_index_t *x = update->data;

    json_decref(x->label);

    ngx_rtprop_hub_free_pool(x->hub, update->state.op.pool);
}


/* --------------------------------------------------- online and offline */

void
ngx_rtprop_chat_online(ngx_rtprop_session_t *s, void *data)
{
    ngx_str_t  user, name;

    user = ngx_rtprop_user_id(s->user);
    name = ngx_rtprop_user_name(s->user);

    ngx_rtprop_chat_status(s->worker->hub, &user, &name, 0);
}


/* info is the session's: {"name": ..., ...} */

void
ngx_rtprop_chat_offline(ngx_rtprop_hub_t *hub, ngx_str_t *user,
    ngx_str_t *info, void *data)
{
    json_t     *session, *value;
    int64_t     now;
    ngx_str_t   name;

    now = ngx_rtprop_now();
    ngx_str_null(&name);

    session = json_loadb((char *) info->data, info->len, 0, NULL);
    value = json_object_get(session, "name");

    if (json_string_length(value)) {
        name.data = (u_char *) json_string_value(value);
        name.len = json_string_length(value);
    }

    ngx_rtprop_chat_see(hub, user, now);
    ngx_rtprop_chat_status(hub, user, &name, now);

    json_decref(session);
}


static void
ngx_rtprop_chat_status(ngx_rtprop_hub_t *hub, ngx_str_t *user, ngx_str_t *name,
    int64_t seen)
{
    ngx_rtprop_chat_index_t  *x;

    x = ngx_rtprop_chat_index_create(hub, user, name);

    if (x == NULL) {
        return;
    }

    x->seen = seen;
    x->state.op.done = ngx_rtprop_chat_status_read;
    x->state.op.data = x;

    hub->engine->state_get(hub->engine, &x->state);
}


static void
ngx_rtprop_chat_status_read(ngx_rtprop_op_t *op)
{
    ngx_rtprop_chat_index_t *x = op->data;

    json_t      *ids, *label;
    const char  *id;

    ids = (op->rc == NGX_OK)
          ? json_loadb((char *) x->state.value.data, x->state.value.len, 0,
                       NULL)
          : NULL;

    json_object_foreach(ids, id, label) {
        ngx_rtprop_chat_status_tell(x, json_string(id), label);
    }

    json_decref(ids);

    ngx_rtprop_hub_free_pool(x->hub, op->pool);
}


static void
ngx_rtprop_chat_status_tell(ngx_rtprop_chat_index_t *x, json_t *id,
    json_t *label)
{
    ngx_str_t           name, user;
    ngx_rtprop_event_t  ev;

    ngx_memzero(&ev, sizeof(ngx_rtprop_event_t));

    user = x->name.len ? x->name : x->user;

    if (x->name.len == 0 && json_string_length(label)) {
        user.data = (u_char *) json_string_value(label);
        user.len = json_string_length(label);
    }

    name.data = (u_char *) json_string_value(id);
    name.len = json_string_length(id);

    if (name.data == NULL
        || ngx_rtprop_hub_channel_name(x->state.op.pool,
                                       NGX_RTPROP_CHAT_PREFIX, &name,
                                       &ev.channel)
           != NGX_OK)
    {
        json_decref(id);
        return;
    }

    if (x->seen) {
        ngx_str_set(&ev.type, "presence:user_offline");

    } else {
        ngx_str_set(&ev.type, "presence:user_online");
    }

    ev.flags = NGX_RTPROP_EV_VOLATILE;
    ev.user = x->user;
    ev.skip_user = x->user;
    ev.replace = x->user;

    (void) ngx_rtprop_hub_publish(x->hub, &ev,
                          json_pack("{s:s%, s:s%, s:o, s:o}",
                                    "user_id", (char *) x->user.data,
                                    x->user.len,
                                    "user_name", (char *) user.data,
                                    user.len,
                                    "conversation_id", id,
                                    "last_seen", x->seen
                                    ? rtprop_payload_time(x->seen)
                                    : json_null()));
}


static void
ngx_rtprop_chat_see(ngx_rtprop_hub_t *hub, ngx_str_t *user, int64_t now)
{
    ngx_str_t                 none = ngx_null_string;
    ngx_rtprop_chat_index_t  *x;

    x = ngx_rtprop_chat_index_create(hub, user, &none);

    if (x == NULL) {
        return;
    }

    x->seen = now;
    x->update.state.ttl = NGX_RTPROP_CHAT_SEEN_MS;
    x->update.apply = ngx_rtprop_chat_see_apply;
    x->update.done = ngx_rtprop_chat_index_done;

    if (ngx_rtprop_hub_channel_name(x->state.op.pool, NGX_RTPROP_CHAT_SEEN,
                                    user, &x->update.state.key)
        != NGX_OK)
    {
        ngx_rtprop_hub_free_pool(hub, x->state.op.pool);
        return;
    }

    ngx_rtprop_hub_update(hub, &x->update);
}


static ngx_int_t
ngx_rtprop_chat_see_apply(ngx_rtprop_update_t *update, ngx_str_t *text,
    uint64_t version, int64_t now)
{
    ngx_rtprop_chat_index_t *x = update->data;

    update->value.data = ngx_pnalloc(update->state.op.pool, NGX_INT64_LEN);

    if (update->value.data == NULL) {
        return NGX_ERROR;
    }

    update->value.len = ngx_sprintf(update->value.data, "%L", x->seen)
                        - update->value.data;

    return NGX_OK;
}
