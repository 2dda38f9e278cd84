/*
 * Channels of this worker: a hash of those that somebody is subscribed to, and
 * their subscriptions.
 */

#include "hub/ngx_rtprop_hub.h"
#include "hub/ngx_rtprop_hub_channel.h"
#include "hub/ngx_rtprop_hub_deliver.h"
#include "base/rtprop_hash.h"


#define NGX_RTPROP_HUB_BUCKETS  1024


/* One is in every idle connection for each channel that it has joined. */

typedef char  ngx_rtprop_sub_size_t[sizeof(ngx_rtprop_sub_t) <= 72 ? 1 : -1];


static uint32_t ngx_rtprop_hub_hash(ngx_rtprop_hub_t *hub, ngx_str_t *name);
static void ngx_rtprop_hub_grow(ngx_rtprop_hub_t *hub);


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


ngx_rtprop_channel_t *
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


ngx_rtprop_sub_t *
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

    sub = ngx_rtprop_hub_sub_attach(hub, s, ch);

    if (sub == NULL) {
        ngx_rtprop_hub_channel_release(hub, ch);
    }

    return sub;
}


ngx_rtprop_sub_t *
ngx_rtprop_hub_sub_attach(ngx_rtprop_hub_t *hub, ngx_rtprop_session_t *s,
    ngx_rtprop_channel_t *ch)
{
    ngx_rtprop_sub_t  *sub;

    sub = ngx_calloc(sizeof(ngx_rtprop_sub_t), hub->worker->log);

    if (sub == NULL) {
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

    if (kind && kind->left && sub->stands) {
        name.len = sub->channel->name_len;
        name.data = sub->channel->name;
        ngx_rtprop_hub_channel_id(&name, &id);

        kind->left(sub->session, sub, &id, kind->data);
    }

    ngx_rtprop_hub_sub_remove(hub, sub);
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
