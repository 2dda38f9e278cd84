/*
 * Who is subscribed where; the list of channels.
 */

#include "engine/shm/ngx_rtprop_shm.h"
#include "hub/ngx_rtprop_hub.h"


#define NGX_RTPROP_SHM_SLICE   256         /* buckets walked under one lock */


typedef struct {
    ngx_rtprop_shm_key_t        key;
    ngx_uint_t                  slot;
    ngx_uint_t                  n;
} ngx_rtprop_shm_leaving_t;


static ngx_int_t ngx_rtprop_shm_unsubscribe_step(ngx_rtprop_shm_t *shm,
    void *data);
static void ngx_rtprop_shm_sub_free(ngx_rtprop_shm_t *shm,
    ngx_rtprop_ref_t ref);


static ngx_rtprop_shm_sub_t *
ngx_rtprop_shm_sub(ngx_rtprop_shm_t *shm, ngx_rtprop_shm_channel_t *ch,
    ngx_uint_t slot)
{
    ngx_rtprop_ref_t       ref;
    ngx_rtprop_shm_sub_t  *sub;

    for (ref = ch->subs; ref; ref = sub->next) {
        sub = ngx_rtprop_shm_ptr(shm, ref);

        if (sub->slot == slot) {
            return sub;
        }
    }

    return NULL;
}


ngx_int_t
ngx_rtprop_shm_subscribe(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t channel)
{
    ngx_rtprop_ref_t           ref;
    ngx_rtprop_shm_sub_t      *sub;
    ngx_rtprop_shm_channel_t  *ch;

    ch = ngx_rtprop_shm_ptr(shm, channel);
    sub = ngx_rtprop_shm_sub(shm, ch, shm->slot);

    if (sub) {
        ngx_rtprop_shm_change(shm, sub);

    } else {
        ref = ngx_rtprop_zone_alloc(shm->zone, sizeof(ngx_rtprop_shm_sub_t));

        if (ref == 0) {
            return NGX_BUSY;
        }

        sub = ngx_rtprop_shm_ptr(shm, ref);
        sub->channel = channel;
        sub->next = ch->subs;
        sub->count = 0;
        sub->slot = shm->slot;

        ngx_rtprop_shm_push(shm, &shm->root->slots[shm->slot].subs, ref,
                            offsetof(ngx_rtprop_shm_sub_t, link));

        ngx_rtprop_shm_channel_leave(shm, channel);

        ngx_rtprop_zone_log_field(shm->zone, &ch->subs);
        ch->subs = ref;

        ngx_rtprop_shm_channel_enter(shm, channel);
    }

    ngx_rtprop_zone_log_field(shm->zone, &ch->subscribers);

    sub->count++;
    ch->subscribers++;

    return NGX_OK;
}


void
ngx_rtprop_shm_unsubscribe(ngx_rtprop_engine_t *e, ngx_str_t *channel,
    ngx_uint_t n)
{
    ngx_rtprop_shm_t          *shm;
    ngx_rtprop_shm_leaving_t   leaving;

    shm = e->data;
    leaving.n = n;
    leaving.slot = shm->slot;

    ngx_rtprop_shm_key(shm, &leaving.key, NGX_RTPROP_SHM_CHANNEL, channel);

    (void) ngx_rtprop_shm_transact(shm, ngx_rtprop_shm_unsubscribe_step,
                                   &leaving);
}


/* A channel without any event goes with its last subscriber. */

static ngx_int_t
ngx_rtprop_shm_unsubscribe_step(ngx_rtprop_shm_t *shm, void *data)
{
    ngx_rtprop_shm_leaving_t *leaving = data;

    ngx_uint_t                 n;
    ngx_rtprop_ref_t           ref;
    ngx_rtprop_shm_sub_t      *sub;
    ngx_rtprop_shm_channel_t  *ch;

    ref = ngx_rtprop_shm_find(shm, &leaving->key);
    ch = ngx_rtprop_shm_ptr(shm, ref);
    sub = ch ? ngx_rtprop_shm_sub(shm, ch, leaving->slot) : NULL;

    if (sub == NULL) {
        return NGX_OK;
    }

    n = ngx_min(leaving->n, sub->count);

    ngx_rtprop_shm_change(shm, sub);
    ngx_rtprop_zone_log_field(shm->zone, &ch->subscribers);

    sub->count -= n;
    ch->subscribers -= n;

    if (sub->count) {
        return NGX_OK;
    }

    ngx_rtprop_shm_sub_free(shm, ngx_rtprop_zone_ref(shm->zone, sub));

    if (ch->offset == 0) {
        ngx_rtprop_zone_commit(shm->zone);
        ngx_rtprop_shm_channel_drop(shm, ref);
    }

    return NGX_OK;
}


static void
ngx_rtprop_shm_sub_free(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref)
{
    ngx_rtprop_ref_t          *p;
    ngx_rtprop_shm_sub_t      *sub, *other;
    ngx_rtprop_shm_channel_t  *ch;

    sub = ngx_rtprop_shm_ptr(shm, ref);
    ch = ngx_rtprop_shm_ptr(shm, sub->channel);

    for (p = &ch->subs; *p != ref; p = &other->next) {
        other = ngx_rtprop_shm_ptr(shm, *p);
    }

    ngx_rtprop_shm_channel_leave(shm, sub->channel);

    ngx_rtprop_zone_log_field(shm->zone, p);
    *p = sub->next;

    ngx_rtprop_shm_channel_enter(shm, sub->channel);

    ngx_rtprop_shm_remove(shm, &shm->root->slots[sub->slot].subs, ref,
                          offsetof(ngx_rtprop_shm_sub_t, link));

    ngx_rtprop_zone_free(shm->zone, ref);
}


ngx_int_t
ngx_rtprop_shm_subs_reap(ngx_rtprop_shm_t *shm, ngx_uint_t slot)
{
    ngx_uint_t                 i;
    ngx_rtprop_ref_t           ref, channel;
    ngx_rtprop_shm_sub_t      *sub;
    ngx_rtprop_shm_channel_t  *ch;

    for (i = 0; i < NGX_RTPROP_SHM_REAP; i++) {
        ngx_rtprop_zone_lock(shm->zone);

        ref = shm->root->slots[slot].subs.first;

        if (ref == 0) {
            ngx_rtprop_zone_unlock(shm->zone);
            return NGX_OK;
        }

        sub = ngx_rtprop_shm_ptr(shm, ref);
        channel = sub->channel;
        ch = ngx_rtprop_shm_ptr(shm, channel);

        ngx_rtprop_zone_log_field(shm->zone, &ch->subscribers);
        ch->subscribers -= sub->count;

        ngx_rtprop_shm_sub_free(shm, ref);

        if (ch->offset == 0) {
            ngx_rtprop_zone_commit(shm->zone);
            ngx_rtprop_shm_channel_drop(shm, channel);
        }

        ngx_rtprop_zone_unlock(shm->zone);
    }

    return NGX_AGAIN;
}


/* ------------------------------------------------------------- listing --- */

/* "user:{id}" is not counted: its subscribers are the user's sessions. */

static ngx_uint_t
ngx_rtprop_shm_channel_sessions(ngx_rtprop_shm_t *shm, ngx_str_t *name)
{
    ngx_str_t               users, id;
    ngx_rtprop_shm_key_t    key;
    ngx_rtprop_shm_user_t  *user;

    if (name->len <= 5 || ngx_memcmp(name->data, "user:", 5) != 0) {
        return 0;
    }

    ngx_str_set(&users, NGX_RTPROP_USERS);
    id.len = name->len - 5;
    id.data = name->data + 5;

    ngx_rtprop_shm_key(shm, &key, NGX_RTPROP_SHM_SET, &users);
    key.owner = ngx_rtprop_shm_find(shm, &key);

    if (key.owner == 0) {
        return 0;
    }

    key.kind = NGX_RTPROP_SHM_USER;
    key.name = &id;
    key.hash = ngx_rtprop_zone_hash(shm->zone, id.data, id.len);
    user = ngx_rtprop_shm_ptr(shm, ngx_rtprop_shm_find(shm, &key));

    return user ? user->nsessions : 0;
}


/* ch: NULL if it does not exist, but has subscribers that were not counted. */

static ngx_int_t
ngx_rtprop_shm_channel_info(ngx_rtprop_shm_t *shm, ngx_rtprop_channels_t *op,
    ngx_str_t *name, ngx_rtprop_shm_channel_t *ch)
{
    ngx_rtprop_channel_info_t  *info;

    info = &op->channels[op->nchannels];

    info->name.len = name->len;
    info->name.data = ngx_pstrdup(op->op.pool, name);

    if (info->name.data == NULL) {
        return NGX_ERROR;
    }

    info->subscribers = ngx_rtprop_shm_channel_sessions(shm, name);

    if (ch) {
        info->epoch = ch->epoch;
        info->offset = ch->offset;
        info->subscribers += ch->subscribers;

    } else {
        info->epoch = ngx_rtprop_shm_epoch(shm,
                     ngx_rtprop_zone_hash(shm->zone, name->data, name->len));
        info->offset = 0;
    }

    op->nchannels++;

    return NGX_OK;
}


/* Unlocked between slices: a channel stays in its bucket. */

static ngx_int_t
ngx_rtprop_shm_channels_slice(ngx_rtprop_shm_t *shm, ngx_rtprop_channels_t *op,
    uint64_t first)
{
    uint64_t                   i;
    ngx_str_t                  name;
    ngx_rtprop_ref_t           ref, *buckets;
    ngx_rtprop_shm_channel_t  *ch;

    buckets = ngx_rtprop_shm_ptr(shm, shm->root->buckets);

    for (i = first; i < first + NGX_RTPROP_SHM_SLICE; i++) {

        for (ref = buckets[i & shm->root->mask]; ref; ref = ch->node.next) {
            ch = ngx_rtprop_shm_ptr(shm, ref);

            if (ch->node.kind != NGX_RTPROP_SHM_CHANNEL) {
                continue;
            }

            ngx_rtprop_shm_name(&ch->node, &name);

            if (op->prefix.len
                && (name.len < op->prefix.len
                    || ngx_memcmp(name.data, op->prefix.data, op->prefix.len)
                       != 0))
            {
                continue;
            }

            if (op->nchannels == op->limit) {
                return NGX_DONE;
            }

            if (ngx_rtprop_shm_channel_info(shm, op, &name, ch) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_shm_channels_all(ngx_rtprop_shm_t *shm, ngx_rtprop_channels_t *op)
{
    uint64_t   i;
    ngx_int_t  rc;

    for (i = 0; i <= shm->root->mask; i += NGX_RTPROP_SHM_SLICE) {
        ngx_rtprop_zone_lock(shm->zone);
        rc = ngx_rtprop_shm_channels_slice(shm, op, i);
        ngx_rtprop_zone_unlock(shm->zone);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_DONE) {
            break;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_shm_channels_one(ngx_rtprop_shm_t *shm, ngx_rtprop_channels_t *op)
{
    ngx_int_t                  rc;
    ngx_rtprop_shm_key_t       key;
    ngx_rtprop_shm_channel_t  *ch;

    rc = NGX_OK;
    ngx_rtprop_shm_key(shm, &key, NGX_RTPROP_SHM_CHANNEL, &op->prefix);

    ngx_rtprop_zone_lock(shm->zone);

    ch = ngx_rtprop_shm_ptr(shm, ngx_rtprop_shm_find(shm, &key));

    if (op->limit
        && (ch || ngx_rtprop_shm_channel_sessions(shm, &op->prefix)))
    {
        rc = ngx_rtprop_shm_channel_info(shm, op, &op->prefix, ch);
    }

    ngx_rtprop_zone_unlock(shm->zone);

    return rc;
}


void
ngx_rtprop_shm_channels(ngx_rtprop_engine_t *e, ngx_rtprop_channels_t *op)
{
    ngx_rtprop_shm_t  *shm;

    shm = e->data;

    op->nchannels = 0;
    op->channels = ngx_palloc(op->op.pool,
                              (op->limit + 1)
                              * sizeof(ngx_rtprop_channel_info_t));

    if (op->channels == NULL) {
        op->op.rc = NGX_ERROR;

    } else if (op->exact) {
        op->op.rc = ngx_rtprop_shm_channels_one(shm, op);

    } else {
        op->op.rc = ngx_rtprop_shm_channels_all(shm, op);
    }

    op->op.done(&op->op);
}
