/*
 * Users coming online and going offline, told in their conversations.
 */

#include "features/chat/ngx_rtprop_chat.h"


#define NGX_RTPROP_CHAT_INDEX_MAX  1000
#define NGX_RTPROP_CHAT_SEEN_MS    (30 * 24 * 60 * 60 * (ngx_msec_t) 1000)


/* An operation on a user's list of conversations. */

typedef struct {
    ngx_rtprop_update_t         update;
    ngx_rtprop_state_t          state;
    ngx_rtprop_members_t        members;
    ngx_rtprop_hub_t           *hub;
    ngx_str_t                   user;
    ngx_str_t                   id;
    ngx_str_t                   name;
    json_t                     *label;      /* to be written, or NULL: out */
    int64_t                     seen;       /* ms; 0: came online */
} ngx_rtprop_chat_index_t;


static ngx_rtprop_chat_index_t *ngx_rtprop_chat_index_create(
    ngx_rtprop_hub_t *hub, ngx_str_t *user, ngx_str_t *more);
static ngx_int_t ngx_rtprop_chat_index_apply(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now);
static void ngx_rtprop_chat_index_done(ngx_rtprop_update_t *update);
static void ngx_rtprop_chat_status(ngx_rtprop_chat_index_t *x);
static void ngx_rtprop_chat_status_read(ngx_rtprop_op_t *op);
static void ngx_rtprop_chat_status_left(ngx_rtprop_op_t *op);
static void ngx_rtprop_chat_status_told(ngx_rtprop_chat_index_t *x);
static void ngx_rtprop_chat_status_tell(ngx_rtprop_chat_index_t *x,
    json_t *id, json_t *label);
static void ngx_rtprop_chat_see(ngx_rtprop_chat_index_t *x);
static ngx_int_t ngx_rtprop_chat_see_apply(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now);
static void ngx_rtprop_chat_seen(ngx_rtprop_update_t *update);


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


void
ngx_rtprop_chat_online(ngx_rtprop_session_t *s, void *data)
{
    ngx_str_t                 user, name;
    ngx_rtprop_chat_index_t  *x;

    user = ngx_rtprop_user_id(s->user);
    name = ngx_rtprop_user_name(s->user);

    x = ngx_rtprop_chat_index_create(s->worker->hub, &user, &name);

    if (x) {
        ngx_rtprop_chat_status(x);
    }
}


/*
 * info is the session's: {"name": ..., ...}.  When he was last seen is written
 * down before others are told: they may ask at once.
 */

void
ngx_rtprop_chat_offline(ngx_rtprop_hub_t *hub, ngx_str_t *user,
    ngx_str_t *info, void *data)
{
    json_t                   *session, *value;
    ngx_str_t                 name;
    ngx_rtprop_chat_index_t  *x;

    ngx_str_null(&name);

    session = json_loadb((char *) info->data, info->len, 0, NULL);
    value = json_object_get(session, "name");

    if (json_string_length(value)) {
        name.data = (u_char *) json_string_value(value);
        name.len = json_string_length(value);
    }

    x = ngx_rtprop_chat_index_create(hub, user, &name);

    json_decref(session);

    if (x) {
        x->seen = ngx_rtprop_now();
        ngx_rtprop_chat_see(x);
    }
}


static void
ngx_rtprop_chat_status(ngx_rtprop_chat_index_t *x)
{
    x->state.op.done = ngx_rtprop_chat_status_read;
    x->state.op.data = x;

    x->hub->engine->state_get(x->hub->engine, &x->state);
}


static void
ngx_rtprop_chat_status_read(ngx_rtprop_op_t *op)
{
    ngx_rtprop_chat_index_t *x = op->data;

    if (op->rc != NGX_OK || x->seen == 0) {
        ngx_rtprop_chat_status_told(x);
        return;
    }

    x->members.op.done = ngx_rtprop_chat_status_left;
    x->members.op.data = x;
    x->members.op.pool = op->pool;
    x->members.user = x->user;
    ngx_str_set(&x->members.set, NGX_RTPROP_USERS);

    x->hub->engine->members(x->hub->engine, &x->members);
}


/* Who has come back meanwhile has been told of, and has not gone. */

static void
ngx_rtprop_chat_status_left(ngx_rtprop_op_t *op)
{
    ngx_rtprop_chat_index_t *x = op->data;

    if (op->rc == NGX_OK && x->members.sessions) {
        ngx_rtprop_hub_free_pool(x->hub, op->pool);
        return;
    }

    ngx_rtprop_chat_status_told(x);
}


static void
ngx_rtprop_chat_status_told(ngx_rtprop_chat_index_t *x)
{
    json_t      *ids, *label;
    const char  *id;

    ids = (x->state.op.rc == NGX_OK)
          ? json_loadb((char *) x->state.value.data, x->state.value.len, 0,
                       NULL)
          : NULL;

    json_object_foreach(ids, id, label) {
        ngx_rtprop_chat_status_tell(x, json_string(id), label);
    }

    json_decref(ids);

    ngx_rtprop_hub_free_pool(x->hub, x->state.op.pool);
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
ngx_rtprop_chat_see(ngx_rtprop_chat_index_t *x)
{
    x->update.state.ttl = NGX_RTPROP_CHAT_SEEN_MS;
    x->update.apply = ngx_rtprop_chat_see_apply;
    x->update.done = ngx_rtprop_chat_seen;

    if (ngx_rtprop_hub_channel_name(x->state.op.pool, NGX_RTPROP_CHAT_SEEN,
                                    &x->user, &x->update.state.key)
        != NGX_OK)
    {
        ngx_rtprop_chat_status(x);
        return;
    }

    ngx_rtprop_hub_update(x->hub, &x->update);
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


static void
ngx_rtprop_chat_seen(ngx_rtprop_update_t *update)
{
    ngx_rtprop_chat_status(update->data);
}
