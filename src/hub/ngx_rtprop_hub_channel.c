/*
 * Channels of this worker: a hash of those that somebody is subscribed to, and
 * the way in and out.
 */

#include "hub/ngx_rtprop_hub.h"
#include "hub/ngx_rtprop_hub_channel.h"
#include "hub/ngx_rtprop_hub_deliver.h"
#include "base/rtprop_hash.h"


#define NGX_RTPROP_HUB_BUCKETS  1024


typedef struct {
    ngx_rtprop_history_t        history;
    ngx_rtprop_hub_t           *hub;
    u_char                      session[NGX_RTPROP_SESSION_ID];
} ngx_rtprop_hub_open_t;


static uint32_t ngx_rtprop_hub_hash(ngx_rtprop_hub_t *hub, ngx_str_t *name);
static ngx_rtprop_channel_t *ngx_rtprop_hub_channel_create(
    ngx_rtprop_hub_t *hub, ngx_str_t *name);
static void ngx_rtprop_hub_grow(ngx_rtprop_hub_t *hub);
static ngx_uint_t ngx_rtprop_hub_sub_full(ngx_rtprop_session_t *s);
static ngx_rtprop_sub_t *ngx_rtprop_hub_sub_create(ngx_rtprop_hub_t *hub,
    ngx_rtprop_session_t *s, ngx_str_t *name);
static void ngx_rtprop_hub_joined(ngx_rtprop_op_t *op);
static void ngx_rtprop_hub_rejoined(ngx_rtprop_join_t *join);
static void ngx_rtprop_hub_placed(ngx_rtprop_sub_t *sub,
    ngx_rtprop_history_t *history);
static void ngx_rtprop_hub_listen(ngx_rtprop_hub_t *hub,
    ngx_rtprop_sub_t *sub);
static void ngx_rtprop_hub_user_joined(ngx_rtprop_op_t *op);
static ngx_rtprop_session_t *ngx_rtprop_hub_session(ngx_rtprop_hub_t *hub,
    ngx_str_t *channel, u_char *id, ngx_rtprop_sub_t **sub);


ngx_int_t
ngx_rtprop_hub_channels_init(ngx_rtprop_hub_t *hub)
{
    hub->nbuckets = NGX_RTPROP_HUB_BUCKETS;
    hub->buckets = ngx_calloc(hub->nbuckets * sizeof(ngx_rtprop_channel_t *),
                              hub->worker->log);

    return hub->buckets ? NGX_OK : NGX_ERROR;
}


static uint32_t
ngx_rtprop_hub_hash(ngx_rtprop_hub_t *hub, ngx_str_t *name)
{
    return (uint32_t) rtprop_hash(hub->worker->key, name->data, name->len);
}


ngx_rtprop_channel_t *
ngx_rtprop_hub_channel(ngx_rtprop_hub_t *hub, ngx_str_t *name)
{
    uint32_t               hash;
    ngx_rtprop_channel_t  *ch;

    hash = ngx_rtprop_hub_hash(hub, name);

    for (ch = hub->buckets[hash & (hub->nbuckets - 1)]; ch; ch = ch->next) {

        if (ch->hash == hash && ch->name_len == name->len
            && ngx_memcmp(ch->name, name->data, name->len) == 0)
        {
            return ch;
        }
    }

    return NULL;
}


static ngx_rtprop_channel_t *
ngx_rtprop_hub_channel_create(ngx_rtprop_hub_t *hub, ngx_str_t *name)
{
    ngx_rtprop_channel_t  *ch, **bucket;

    if (name->len == 0 || name->len > NGX_RTPROP_CHANNEL_MAX) {
        return NULL;
    }

    ch = ngx_calloc(offsetof(ngx_rtprop_channel_t, name) + name->len,
                    hub->worker->log);

    if (ch == NULL) {
        return NULL;
    }

    ngx_queue_init(&ch->subs);
    ch->kind = ngx_rtprop_hub_kind(hub->worker->conf, name);
    ch->hash = ngx_rtprop_hub_hash(hub, name);
    ch->first = -1;
    ch->last = -1;
    ch->name_len = name->len;
    ngx_memcpy(ch->name, name->data, name->len);

    if (hub->nchannels >= hub->nbuckets) {
        ngx_rtprop_hub_grow(hub);
    }

    bucket = &hub->buckets[ch->hash & (hub->nbuckets - 1)];
    ch->next = *bucket;
    *bucket = ch;
    hub->nchannels++;

    return ch;
}


/* Doubles the table; with no memory for it the chains just grow longer. */

static void
ngx_rtprop_hub_grow(ngx_rtprop_hub_t *hub)
{
    ngx_uint_t              i, n;
    ngx_rtprop_channel_t   *ch, *next, **buckets, **bucket;

    n = hub->nbuckets * 2;
    buckets = ngx_calloc(n * sizeof(ngx_rtprop_channel_t *), hub->worker->log);

    if (buckets == NULL) {
        return;
    }

    for (i = 0; i < hub->nbuckets; i++) {
        for (ch = hub->buckets[i]; ch; ch = next) {
            next = ch->next;
            bucket = &buckets[ch->hash & (n - 1)];
            ch->next = *bucket;
            *bucket = ch;
        }
    }

    ngx_free(hub->buckets);
    hub->buckets = buckets;
    hub->nbuckets = n;
}


void
ngx_rtprop_hub_channel_release(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch)
{
    ngx_rtprop_channel_t  **p;

    if (ch->nsubs || ch->reading || ch->first != -1) {
        return;
    }

    p = &hub->buckets[ch->hash & (hub->nbuckets - 1)];

    while (*p != ch) {
        p = &(*p)->next;
    }

    *p = ch->next;
    hub->nchannels--;

    ngx_free(ch);
}


ngx_rtprop_kind_t *
ngx_rtprop_hub_kind(ngx_rtprop_main_conf_t *rmcf, ngx_str_t *name)
{
    ngx_uint_t           i;
    ngx_rtprop_kind_t  **kind;

    kind = rmcf->kinds.elts;

    for (i = 0; i < rmcf->kinds.nelts; i++) {

        if (name->len > kind[i]->prefix.len + 1
            && name->data[kind[i]->prefix.len] == ':'
            && ngx_memcmp(name->data, kind[i]->prefix.data,
                          kind[i]->prefix.len) == 0)
        {
            return kind[i];
        }
    }

    return NULL;
}


/* --------------------------------------------------------- subscriptions */

ngx_rtprop_sub_t *
ngx_rtprop_hub_sub(ngx_rtprop_hub_t *hub, ngx_rtprop_session_t *s,
    ngx_str_t *channel)
{
    ngx_queue_t           *q;
    ngx_rtprop_sub_t      *sub;
    ngx_rtprop_channel_t  *ch;

    ch = ngx_rtprop_hub_channel(hub, channel);

    if (ch == NULL) {
        return NULL;
    }

    for (q = ngx_queue_head(&s->subs);
         q != ngx_queue_sentinel(&s->subs);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, link);

        if (sub->channel == ch) {
            return sub;
        }
    }

    return NULL;
}


/* Whether the session has all the subscriptions that it may have. */

static ngx_uint_t
ngx_rtprop_hub_sub_full(ngx_rtprop_session_t *s)
{
    ngx_uint_t    n;
    ngx_queue_t  *q;

    n = 0;

    for (q = ngx_queue_head(&s->subs);
         q != ngx_queue_sentinel(&s->subs);
         q = ngx_queue_next(q))
    {
        n++;
    }

    return n >= NGX_RTPROP_SUBS_MAX;
}


static ngx_rtprop_sub_t *
ngx_rtprop_hub_sub_create(ngx_rtprop_hub_t *hub, ngx_rtprop_session_t *s,
    ngx_str_t *name)
{
    ngx_rtprop_sub_t      *sub;
    ngx_rtprop_channel_t  *ch;

    ch = ngx_rtprop_hub_channel(hub, name);

    if (ch == NULL) {
        ch = ngx_rtprop_hub_channel_create(hub, name);

        if (ch == NULL) {
            return NULL;
        }
    }

    sub = ngx_calloc(sizeof(ngx_rtprop_sub_t), hub->worker->log);

    if (sub == NULL) {
        ngx_rtprop_hub_channel_release(hub, ch);
        return NULL;
    }

    sub->session = s;
    sub->channel = ch;
    sub->pending = 1;

    ngx_queue_insert_tail(&ch->subs, &sub->queue);
    ngx_queue_insert_tail(&s->subs, &sub->link);
    ch->nsubs++;

    return sub;
}


void
ngx_rtprop_hub_sub_remove(ngx_rtprop_hub_t *hub, ngx_rtprop_sub_t *sub)
{
    ngx_str_t              name;
    ngx_rtprop_channel_t  *ch;

    ch = sub->channel;

    if (sub->counted) {
        name.len = ch->name_len;
        name.data = ch->name;
        hub->engine->unsubscribe(hub->engine, &name, 1);
    }

    ngx_queue_remove(&sub->queue);
    ngx_queue_remove(&sub->link);
    json_decref(sub->data);
    ngx_free(sub);

    ch->nsubs--;
    ngx_rtprop_hub_channel_release(hub, ch);
}


void
ngx_rtprop_hub_sub_leave(ngx_rtprop_hub_t *hub, ngx_rtprop_sub_t *sub)
{
    ngx_str_t           name, id;
    ngx_rtprop_kind_t  *kind;

    kind = sub->channel->kind;

    if (kind && kind->left && !sub->pending) {
        name.len = sub->channel->name_len;
        name.data = sub->channel->name;
        ngx_rtprop_hub_channel_id(&name, &id);

        kind->left(sub->session, sub, &id, kind->data);
    }

    ngx_rtprop_hub_sub_remove(hub, sub);
}


/*
 * The subscription stands from now on, but hears nothing until its place in
 * the channel is known; what is published meanwhile has a higher offset than
 * the place that the engine names, or is part of the history it gives.
 */

void
ngx_rtprop_hub_join(ngx_rtprop_hub_t *hub, ngx_rtprop_join_t *join)
{
    ngx_rtprop_session_t  *s;

    s = join->cmd->session;

    join->history.op.done = ngx_rtprop_hub_joined;
    join->history.op.data = join;
    join->history.op.pool = join->cmd->pool;
    join->had = 0;
    join->replayed = 0;
    join->sub = NULL;

    if (s == NULL || s->state != NGX_RTPROP_SESSION_OPEN) {
        join->history.op.rc = NGX_ABORT;
        join->done(join);
        return;
    }

    join->sub = ngx_rtprop_hub_sub(hub, s, &join->history.channel);

    if (join->sub) {
        join->had = join->sub->kinds;
        join->sub->kinds |= join->kinds;
        join->history.subscribe = 0;
        join->history.limit = 0;

    } else if (ngx_rtprop_hub_sub_full(s)) {
        join->history.op.rc = NGX_BUSY;
        join->done(join);
        return;

    } else {
        join->sub = ngx_rtprop_hub_sub_create(hub, s, &join->history.channel);

        if (join->sub == NULL) {
            join->history.op.rc = NGX_ERROR;
            join->done(join);
            return;
        }

        join->sub->kinds = join->kinds;
        join->history.subscribe = 1;
    }

    hub->engine->history(hub->engine, &join->history);
}


/* What was joined before may have been left, or expelled, meanwhile. */

static void
ngx_rtprop_hub_joined(ngx_rtprop_op_t *op)
{
    ngx_rtprop_join_t *join = op->data;

    ngx_rtprop_hub_t  *hub;

    hub = join->cmd->worker->hub;

    if (join->cmd->session == NULL) {

        /* the session took its subscription with it */

        if (op->rc == NGX_OK && join->history.subscribe) {
            hub->engine->unsubscribe(hub->engine, &join->history.channel, 1);
        }

        join->sub = NULL;
        op->rc = NGX_ABORT;
        join->done(join);
        return;
    }

    if (join->had) {
        join->sub = ngx_rtprop_hub_sub(hub, join->cmd->session,
                                       &join->history.channel);
        ngx_rtprop_hub_rejoined(join);

    } else if (op->rc == NGX_OK) {
        ngx_rtprop_hub_placed(join->sub, &join->history);

    } else {
        ngx_rtprop_hub_sub_remove(hub, join->sub);
        join->sub = NULL;
    }

    join->done(join);
}


/* What the session was sent is where it stands, not where the channel is. */

static void
ngx_rtprop_hub_rejoined(ngx_rtprop_join_t *join)
{
    ngx_rtprop_sub_t  *sub;

    sub = join->sub;

    if (sub == NULL) {
        join->history.op.rc = (join->history.op.rc == NGX_OK)
                              ? NGX_BUSY : join->history.op.rc;

    } else if (join->history.op.rc != NGX_OK) {
        sub->kinds = join->had;

    } else if (!sub->pending && sub->channel->epoch) {
        join->history.epoch = sub->channel->epoch;
        join->history.offset = sub->offset;
    }
}


/* The position of a new subscription, and of its channel if it is new here. */

static void
ngx_rtprop_hub_placed(ngx_rtprop_sub_t *sub, ngx_rtprop_history_t *history)
{
    ngx_rtprop_channel_t  *ch;

    ch = sub->channel;

    sub->counted = 1;
    sub->start = history->offset;
    sub->offset = history->offset;

    if (ch->nsubs == 1) {
        ch->epoch = history->epoch;
        ch->offset = history->offset;
    }
}


void
ngx_rtprop_hub_join_finish(ngx_rtprop_hub_t *hub, ngx_rtprop_join_t *join)
{
    ngx_uint_t         i;
    ngx_rtprop_sub_t  *sub;

    sub = join->sub;

    if (join->cmd->session == NULL || sub == NULL || join->had) {
        return;
    }

    if (join->replay) {
        for (i = 0; i < join->history.nevents; i++) {
            join->replayed += ngx_rtprop_hub_send_event(hub, sub,
                                                  &join->history.events[i]);
        }
    }

    ngx_rtprop_hub_listen(hub, sub);
}


/* From now on it hears what comes, after what came while it was pending. */

static void
ngx_rtprop_hub_listen(ngx_rtprop_hub_t *hub, ngx_rtprop_sub_t *sub)
{
    sub->pending = 0;

    if (sub->expelled) {
        ngx_rtprop_hub_sub_leave(hub, sub);
        return;
    }

    if (sub->channel->offset > sub->offset) {
        ngx_rtprop_hub_reread(hub, sub->channel, sub->offset);
    }
}


void
ngx_rtprop_hub_position(ngx_rtprop_join_t *join, ngx_rtprop_position_t *pos)
{
    pos->channel = join->history.channel;
    pos->epoch = join->history.epoch;
    pos->offset = join->history.offset;
}


ngx_int_t
ngx_rtprop_hub_leave(ngx_rtprop_hub_t *hub, ngx_rtprop_session_t *s,
    ngx_str_t *channel, ngx_uint_t kinds)
{
    ngx_rtprop_sub_t  *sub;

    sub = ngx_rtprop_hub_sub(hub, s, channel);

    if (sub == NULL || sub->pending || !(sub->kinds & kinds)) {
        return NGX_DECLINED;
    }

    sub->kinds &= ~kinds;

    if (sub->kinds == 0) {
        ngx_rtprop_hub_sub_remove(hub, sub);
    }

    return NGX_OK;
}


/* ------------------------------------------------- the session's own one */

void
ngx_rtprop_hub_user_join(ngx_rtprop_hub_t *hub, ngx_rtprop_session_t *s)
{
    ngx_str_t               id;
    ngx_pool_t             *pool;
    ngx_rtprop_sub_t       *sub;
    ngx_rtprop_hub_open_t  *o;

    pool = ngx_rtprop_hub_pool(hub);

    if (pool == NULL) {
        ngx_rtprop_session_close(s, NGX_RTPROP_CLOSE_INTERNAL, "no memory");
        return;
    }

    o = ngx_pcalloc(pool, sizeof(ngx_rtprop_hub_open_t));
    id.len = s->user->id_len;
    id.data = s->user->data;

    if (o == NULL
        || ngx_rtprop_hub_channel_name(pool, "user", &id, &o->history.channel)
           != NGX_OK)
    {
        goto failed;
    }

    sub = ngx_rtprop_hub_sub_create(hub, s, &o->history.channel);

    if (sub == NULL) {
        goto failed;
    }

    sub->kinds = NGX_RTPROP_SUB_ALL;

    /* counted, so that the channel keeps its epoch for as long */

    o->history.subscribe = 1;
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

    ngx_rtprop_sub_t       *sub;
    ngx_rtprop_session_t   *s;
    ngx_rtprop_position_t   pos;

    s = ngx_rtprop_hub_session(o->hub, &o->history.channel, o->session, &sub);

    if (s == NULL) {
        if (op->rc == NGX_OK) {
            o->hub->engine->unsubscribe(o->hub->engine, &o->history.channel,
                                        1);
        }

        ngx_rtprop_hub_free_pool(o->hub, op->pool);
        return;
    }

    /* with the engine away the session opens all the same, without a place */

    if (op->rc == NGX_OK) {
        ngx_rtprop_hub_placed(sub, &o->history);
    }

    if (s->state != NGX_RTPROP_SESSION_OPEN) {
        ngx_rtprop_hub_free_pool(o->hub, op->pool);
        return;
    }

    pos.channel = o->history.channel;
    pos.epoch = o->history.epoch;
    pos.offset = o->history.offset;

    s->protocol->open(s, &pos);

    ngx_rtprop_hub_listen(o->hub, sub);
    ngx_rtprop_hub_free_pool(o->hub, op->pool);
}


static ngx_rtprop_session_t *
ngx_rtprop_hub_session(ngx_rtprop_hub_t *hub, ngx_str_t *channel, u_char *id,
    ngx_rtprop_sub_t **sub)
{
    ngx_queue_t           *q;
    ngx_rtprop_channel_t  *ch;

    ch = ngx_rtprop_hub_channel(hub, channel);

    if (ch == NULL) {
        return NULL;
    }

    for (q = ngx_queue_head(&ch->subs);
         q != ngx_queue_sentinel(&ch->subs);
         q = ngx_queue_next(q))
    {
        *sub = ngx_queue_data(q, ngx_rtprop_sub_t, queue);

        if (ngx_memcmp((*sub)->session->id, id, NGX_RTPROP_SESSION_ID) == 0) {
            return (*sub)->session;
        }
    }

    return NULL;
}


/* ----------------------------------------------------------------- names */

ngx_int_t
ngx_rtprop_hub_channel_name(ngx_pool_t *pool, const char *prefix,
    ngx_str_t *id, ngx_str_t *name)
{
    size_t  len;

    len = ngx_strlen(prefix);

    name->len = len + 1 + id->len;
    name->data = ngx_pnalloc(pool, name->len);

    if (name->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(name->data, prefix, len);
    name->data[len] = ':';
    ngx_memcpy(name->data + len + 1, id->data, id->len);

    return NGX_OK;
}


void
ngx_rtprop_hub_channel_id(ngx_str_t *channel, ngx_str_t *id)
{
    u_char  *p;

    p = ngx_strlchr(channel->data, channel->data + channel->len, ':');

    id->data = p ? p + 1 : channel->data + channel->len;
    id->len = channel->data + channel->len - id->data;
}


void
ngx_rtprop_hub_epoch_text(uint64_t epoch, u_char *buf)
{
    (void) ngx_sprintf(buf, "%016xL", epoch);
}


uint64_t
ngx_rtprop_hub_epoch_parse(ngx_str_t *text)
{
    u_char      c;
    uint64_t    epoch;
    ngx_uint_t  i;

    if (text->len != 16) {
        return 0;
    }

    epoch = 0;

    for (i = 0; i < 16; i++) {
        c = ngx_tolower(text->data[i]);

        if (c >= '0' && c <= '9') {
            c -= '0';

        } else if (c >= 'a' && c <= 'f') {
            c -= 'a' - 10;

        } else {
            return 0;
        }

        epoch = (epoch << 4) | c;
    }

    return epoch;
}
