/*
 * Users of this worker, and their channels "user:{id}".
 *
 * Each session hears its user's channel, but most of the time there is nothing
 * to hear.  So a session keeps its place there, and hangs in a table by its
 * user's id; a channel with subscriptions is made of them when the first event
 * comes.
 *
 * A session may open while its place is not to be had: then it gets one that
 * nobody knows, so that to resume from there will not do, and is told as soon
 * as the place is found.
 */

#include "hub/ngx_rtprop_hub.h"
#include "hub/ngx_rtprop_hub_channel.h"
#include "hub/ngx_rtprop_hub_deliver.h"
#include "base/rtprop_hash.h"


#define NGX_RTPROP_HUB_USERS  1024      /* buckets at the start */


typedef struct {
    ngx_rtprop_history_t        history;
    ngx_rtprop_hub_t           *hub;
    u_char                      session[NGX_RTPROP_SESSION_ID];
} ngx_rtprop_hub_open_t;


static ngx_uint_t ngx_rtprop_hub_user_id(ngx_str_t *channel, ngx_str_t *id);
static ngx_rtprop_session_t **ngx_rtprop_hub_user_bucket(
    ngx_rtprop_hub_t *hub, ngx_str_t *id);
static void ngx_rtprop_hub_users_grow(ngx_rtprop_hub_t *hub);
static void ngx_rtprop_hub_user_add(ngx_rtprop_hub_t *hub,
    ngx_rtprop_session_t *s);
static void ngx_rtprop_hub_user_remove(ngx_rtprop_hub_t *hub,
    ngx_rtprop_session_t *s);
static void ngx_rtprop_hub_user_joined(ngx_rtprop_op_t *op);
static void ngx_rtprop_hub_user_open(ngx_rtprop_hub_t *hub,
    ngx_rtprop_session_t *s, ngx_rtprop_sub_t *sub, ngx_str_t *name);
static uint64_t ngx_rtprop_hub_user_nowhere(void);
static void ngx_rtprop_hub_user_find(ngx_rtprop_hub_t *hub, ngx_str_t *name);
static ngx_rtprop_session_t *ngx_rtprop_hub_user_session(
    ngx_rtprop_hub_open_t *o);
static void ngx_rtprop_hub_user_attach(ngx_rtprop_hub_t *hub,
    ngx_rtprop_channel_t *ch, ngx_rtprop_session_t *s);


ngx_int_t
ngx_rtprop_hub_users_init(ngx_rtprop_hub_t *hub)
{
    hub->nusers = 0;
    hub->user_mask = NGX_RTPROP_HUB_USERS - 1;
    hub->users = ngx_calloc(NGX_RTPROP_HUB_USERS
                            * sizeof(ngx_rtprop_session_t *),
                            hub->worker->log);

    return hub->users ? NGX_OK : NGX_ERROR;
}


/* ----------------------------------------------------------------- table */

/* Whether a channel is a user's, and whose. */

static ngx_uint_t
ngx_rtprop_hub_user_id(ngx_str_t *channel, ngx_str_t *id)
{
    if (channel->len <= 5 || ngx_memcmp(channel->data, "user:", 5) != 0) {
        return 0;
    }

    id->len = channel->len - 5;
    id->data = channel->data + 5;

    return 1;
}


static ngx_rtprop_session_t **
ngx_rtprop_hub_user_bucket(ngx_rtprop_hub_t *hub, ngx_str_t *id)
{
    uint64_t  hash;

    hash = rtprop_hash(hub->worker->key, id->data, id->len);

    return &hub->users[hash & hub->user_mask];
}


/* Doubles the table; with no memory for it the chains just grow longer. */

static void
ngx_rtprop_hub_users_grow(ngx_rtprop_hub_t *hub)
{
    ngx_str_t               id;
    ngx_uint_t              i, n;
    ngx_rtprop_session_t   *s, *next, **old, **bucket;

    n = hub->user_mask + 1;
    old = hub->users;
    hub->users = ngx_calloc(2 * n * sizeof(ngx_rtprop_session_t *),
                            hub->worker->log);

    if (hub->users == NULL) {
        hub->users = old;
        return;
    }

    hub->user_mask = 2 * n - 1;

    for (i = 0; i < n; i++) {
        for (s = old[i]; s; s = next) {
            next = s->own.next;
            id = ngx_rtprop_user_id(s->user);
            bucket = ngx_rtprop_hub_user_bucket(hub, &id);
            s->own.next = *bucket;
            *bucket = s;
        }
    }

    ngx_free(old);
}


static void
ngx_rtprop_hub_user_add(ngx_rtprop_hub_t *hub, ngx_rtprop_session_t *s)
{
    ngx_str_t               id;
    ngx_rtprop_session_t  **bucket;

    if (hub->nusers > hub->user_mask) {
        ngx_rtprop_hub_users_grow(hub);
    }

    id = ngx_rtprop_user_id(s->user);
    bucket = ngx_rtprop_hub_user_bucket(hub, &id);

    s->own.next = *bucket;
    *bucket = s;
    hub->nusers++;
}


static void
ngx_rtprop_hub_user_remove(ngx_rtprop_hub_t *hub, ngx_rtprop_session_t *s)
{
    ngx_str_t               id;
    ngx_rtprop_session_t  **p;

    id = ngx_rtprop_user_id(s->user);

    for (p = ngx_rtprop_hub_user_bucket(hub, &id); *p; p = &(*p)->own.next) {
        if (*p == s) {
            *p = s->own.next;
            hub->nusers--;
            return;
        }
    }
}


ngx_rtprop_session_t *
ngx_rtprop_hub_user_here(ngx_rtprop_hub_t *hub, ngx_str_t *id)
{
    ngx_rtprop_session_t  *s;

    for (s = *ngx_rtprop_hub_user_bucket(hub, id); s; s = s->own.next) {
        if (ngx_rtprop_hub_is_user(id, s)
            && s->state == NGX_RTPROP_SESSION_OPEN)
        {
            return s;
        }
    }

    return NULL;
}


ngx_uint_t
ngx_rtprop_hub_user_sessions(ngx_rtprop_hub_t *hub, ngx_str_t *id)
{
    ngx_uint_t             n;
    ngx_rtprop_session_t  *s;

    n = 0;

    for (s = *ngx_rtprop_hub_user_bucket(hub, id); s; s = s->own.next) {
        n += ngx_rtprop_hub_is_user(id, s);
    }

    return n;
}


/* --------------------------------------------------------------- opening */

void
ngx_rtprop_hub_user_join(ngx_rtprop_hub_t *hub, ngx_rtprop_session_t *s)
{
    ngx_str_t               id;
    ngx_pool_t             *pool;
    ngx_rtprop_hub_open_t  *o;

    pool = ngx_rtprop_hub_pool(hub);

    if (pool == NULL) {
        ngx_rtprop_session_close(s, NGX_RTPROP_CLOSE_INTERNAL, "no memory");
        return;
    }

    o = ngx_pcalloc(pool, sizeof(ngx_rtprop_hub_open_t));
    id = ngx_rtprop_user_id(s->user);

    if (o == NULL
        || ngx_rtprop_hub_channel_name(pool, "user", &id, &o->history.channel)
           != NGX_OK)
    {
        goto failed;
    }

    ngx_rtprop_hub_user_add(hub, s);

    if (ngx_rtprop_hub_channel(hub, &o->history.channel)
        && ngx_rtprop_hub_sub_create(hub, s, &o->history.channel) == NULL)
    {
        goto failed;
    }

    o->history.subscribe = 1;
    o->history.lazy = 1;
    o->hub = hub;
    o->history.op.done = ngx_rtprop_hub_user_joined;
    o->history.op.data = o;
    o->history.op.pool = pool;
    ngx_memcpy(o->session, s->id, NGX_RTPROP_SESSION_ID);

    hub->engine->history(hub->engine, &o->history);

    return;

failed:

    ngx_rtprop_hub_free_pool(hub, pool);
    ngx_rtprop_session_close(s, NGX_RTPROP_CLOSE_INTERNAL, "no memory");
}


static void
ngx_rtprop_hub_user_joined(ngx_rtprop_op_t *op)
{
    ngx_rtprop_hub_open_t *o = op->data;

    ngx_rtprop_hub_t      *hub;
    ngx_rtprop_sub_t      *sub;
    ngx_rtprop_session_t  *s;

    hub = o->hub;
    s = ngx_rtprop_hub_user_session(o);

    if (s == NULL) {
        if (op->rc == NGX_OK && o->history.subscribe) {
            hub->engine->unsubscribe(hub->engine, &o->history.channel, 1);
        }

        ngx_rtprop_hub_free_pool(hub, op->pool);
        return;
    }

    /* nothing of what is said to him would be heard */

    if (op->rc != NGX_OK) {
        ngx_rtprop_session_close(s, NGX_RTPROP_CLOSE_SLOW, "come again");
        ngx_rtprop_hub_free_pool(hub, op->pool);
        return;
    }

    sub = ngx_rtprop_hub_sub(hub, s, &o->history.channel);

    s->placed = 1;
    s->counted = o->history.subscribe;
    s->own.epoch = o->history.epoch;
    s->own.offset = o->history.offset;
    s->own.start = o->history.offset;

    if (sub && s->own.epoch) {
        ngx_rtprop_hub_placed(sub, &o->history);
        sub->counted = 0;

        ngx_rtprop_hub_user_found(hub, sub->channel, sub->channel->epoch,
                                  sub->channel->offset);
    }

    if (s->state == NGX_RTPROP_SESSION_OPEN) {
        ngx_rtprop_hub_user_open(hub, s, sub, &o->history.channel);
    }

    ngx_rtprop_hub_free_pool(hub, op->pool);
}


static void
ngx_rtprop_hub_user_open(ngx_rtprop_hub_t *hub, ngx_rtprop_session_t *s,
    ngx_rtprop_sub_t *sub, ngx_str_t *name)
{
    ngx_rtprop_position_t  pos;

    pos.channel = *name;
    pos.epoch = s->own.epoch ? s->own.epoch : ngx_rtprop_hub_user_nowhere();
    pos.offset = s->own.offset;

    s->protocol->open(s, &pos);

    if (sub) {
        ngx_rtprop_hub_listen(hub, sub);
    }

    if (s->own.epoch == 0) {
        ngx_rtprop_hub_user_find(hub, name);
    }
}


/* An epoch that no channel has. */

static uint64_t
ngx_rtprop_hub_user_nowhere(void)
{
    return (uint64_t) ngx_random() << 32 | (uint32_t) ngx_random() | 1;
}


/* Where a user's channel is that has a session without a place. */

static void
ngx_rtprop_hub_user_find(ngx_rtprop_hub_t *hub, ngx_str_t *name)
{
    ngx_rtprop_channel_t  *ch;

    ch = ngx_rtprop_hub_channel(hub, name);

    if (ch == NULL) {
        ch = ngx_rtprop_hub_user_channel(hub, name);
    }

    if (ch == NULL) {
        return;
    }

    if (ch->epoch == 0) {
        ngx_rtprop_hub_reread(hub, ch, 0);

    } else {
        ngx_rtprop_hub_user_found(hub, ch, ch->epoch, ch->offset);
    }
}


/* The session may have gone meanwhile. */

static ngx_rtprop_session_t *
ngx_rtprop_hub_user_session(ngx_rtprop_hub_open_t *o)
{
    ngx_str_t              id;
    ngx_rtprop_session_t  *s;

    ngx_rtprop_hub_channel_id(&o->history.channel, &id);

    for (s = *ngx_rtprop_hub_user_bucket(o->hub, &id); s; s = s->own.next) {
        if (ngx_memcmp(s->id, o->session, NGX_RTPROP_SESSION_ID) == 0) {
            return s;
        }
    }

    return NULL;
}


void
ngx_rtprop_hub_user_leave(ngx_rtprop_hub_t *hub, ngx_rtprop_session_t *s)
{
    u_char     buf[NGX_RTPROP_CHANNEL_MAX];
    ngx_str_t  id, name;

    ngx_rtprop_hub_user_remove(hub, s);

    if (s->counted) {
        s->counted = 0;

        id = ngx_rtprop_user_id(s->user);
        name.data = buf;
        name.len = ngx_snprintf(buf, sizeof(buf), "user:%V", &id) - buf;

        hub->engine->unsubscribe(hub->engine, &name, 1);
    }
}


void
ngx_rtprop_hub_user_position(ngx_rtprop_hub_t *hub, ngx_rtprop_session_t *s,
    ngx_rtprop_position_t *pos)
{
    ngx_rtprop_sub_t  *sub;

    sub = ngx_rtprop_hub_sub(hub, s, &pos->channel);

    if (sub && !sub->pending) {
        pos->epoch = sub->channel->epoch;
        pos->offset = sub->offset;
        return;
    }

    pos->epoch = s->own.epoch;
    pos->offset = s->own.offset;
}


/* ------------------------------------------------------------- an event */

/*
 * The channel's place is the least of those of its sessions: each hears what
 * lies after its own.  The newest session, first in the table, knows the
 * epoch; one with another had heard all of that, and nothing came since.
 */

ngx_rtprop_channel_t *
ngx_rtprop_hub_user_channel(ngx_rtprop_hub_t *hub, ngx_str_t *name)
{
    ngx_str_t              id;
    ngx_rtprop_channel_t  *ch;
    ngx_rtprop_session_t  *s;

    ch = NULL;

    if (!ngx_rtprop_hub_user_id(name, &id)) {
        return NULL;
    }

    for (s = *ngx_rtprop_hub_user_bucket(hub, &id); s; s = s->own.next) {

        if (!ngx_rtprop_hub_is_user(&id, s)) {
            continue;
        }

        if (ch == NULL) {
            ch = ngx_rtprop_hub_channel_create(hub, name);

            if (ch == NULL) {
                return NULL;
            }
        }

        if (s->own.epoch && ch->epoch == 0) {
            ch->epoch = s->own.epoch;
            ch->offset = s->own.offset;
        }

        if (s->own.epoch == ch->epoch) {
            ch->offset = ngx_min(ch->offset, s->own.offset);
        }

        ngx_rtprop_hub_user_attach(hub, ch, s);
    }

    if (ch && ch->nsubs == 0) {
        ngx_rtprop_hub_channel_release(hub, ch);
        return NULL;
    }

    if (ch && ch->epoch) {
        ngx_rtprop_hub_user_found(hub, ch, ch->epoch, ch->offset);
    }

    return ch;
}


static void
ngx_rtprop_hub_user_attach(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch,
    ngx_rtprop_session_t *s)
{
    ngx_rtprop_sub_t  *sub;

    sub = ngx_rtprop_hub_sub_attach(hub, s, ch);

    if (sub == NULL) {
        ngx_rtprop_session_close(s, NGX_RTPROP_CLOSE_INTERNAL, "no memory");
        return;
    }

    sub->pending = !s->placed;
    sub->offset = (s->own.epoch == ch->epoch) ? s->own.offset : ch->offset;
}


ngx_uint_t
ngx_rtprop_hub_user_anew(ngx_rtprop_hub_t *hub, ngx_str_t *name,
    uint64_t epoch)
{
    ngx_str_t              id;
    ngx_rtprop_session_t  *s;

    if (!ngx_rtprop_hub_user_id(name, &id)) {
        return 0;
    }

    for (s = *ngx_rtprop_hub_user_bucket(hub, &id); s; s = s->own.next) {
        if (ngx_rtprop_hub_is_user(&id, s) && s->placed && s->own.offset) {
            return 0;
        }
    }

    for (s = *ngx_rtprop_hub_user_bucket(hub, &id); s; s = s->own.next) {
        if (ngx_rtprop_hub_is_user(&id, s) && s->placed) {
            s->own.epoch = epoch;
        }
    }

    return 1;
}


/* All of them, to be read again. */

void
ngx_rtprop_hub_user_channels(ngx_rtprop_hub_t *hub)
{
    u_char                 buf[NGX_RTPROP_CHANNEL_MAX];
    ngx_str_t              id, name;
    ngx_uint_t             i;
    ngx_rtprop_session_t  *s;

    name.data = buf;

    for (i = 0; i <= hub->user_mask; i++) {
        for (s = hub->users[i]; s; s = s->own.next) {
            id = ngx_rtprop_user_id(s->user);
            name.len = ngx_snprintf(buf, sizeof(buf), "user:%V", &id) - buf;

            if (ngx_rtprop_hub_channel(hub, &name) == NULL) {
                (void) ngx_rtprop_hub_user_channel(hub, &name);
            }
        }
    }
}


void
ngx_rtprop_hub_user_fold(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch)
{
    ngx_queue_t       *q;
    ngx_rtprop_sub_t  *sub;

    if (ch->kind || ch->reading || ch->first != -1) {
        return;
    }

    for (q = ngx_queue_head(&ch->subs);
         q != ngx_queue_sentinel(&ch->subs);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, queue);

        if (sub->pending || sub->lost) {
            return;
        }
    }

    ch->nsubs++;

    while (!ngx_queue_empty(&ch->subs)) {
        q = ngx_queue_head(&ch->subs);
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, queue);

        sub->session->own.epoch = ch->epoch;
        sub->session->own.offset = sub->offset;

        ngx_rtprop_hub_sub_remove(hub, sub);
    }

    ch->nsubs--;
}
