/*
 * Channels and their history: writing, bounding, fetching.
 */

#include "engine/shm/ngx_rtprop_shm.h"


#define NGX_RTPROP_SHM_TRIM         64      /* events after one publish */
#define NGX_RTPROP_SHM_OUT_KEEP     (256 * 1024)

/* Words of the journal that an event and each of its blocks may need. */

#define NGX_RTPROP_SHM_EVENT_WORDS  96
#define NGX_RTPROP_SHM_BLOCK_WORDS  24


static ngx_int_t ngx_rtprop_shm_log_reserve(ngx_rtprop_shm_t *shm,
    size_t size);


ngx_int_t
ngx_rtprop_shm_log_prepare(ngx_rtprop_shm_t *shm, ngx_rtprop_event_t *events,
    ngx_uint_t n)
{
    size_t      size, total;
    ngx_uint_t  i;

    if (n > NGX_RTPROP_SHM_EVENTS) {
        return NGX_BUSY;
    }

    total = 0;

    for (i = 0; i < n; i++) {
        size = ngx_rtprop_shm_record_size(&events[i]);

        if (size == 0 || size > shm->out_max - total) {
            return NGX_BUSY;
        }

        shm->outs[i].pos = total;
        shm->outs[i].size = size;
        shm->outs[i].hash = ngx_rtprop_zone_hash(shm->zone,
                                                 events[i].channel.data,
                                                 events[i].channel.len);
        total += size;
    }

    if (ngx_rtprop_shm_log_reserve(shm, total) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        ngx_rtprop_shm_record_encode(shm->out + shm->outs[i].pos,
                                     shm->outs[i].size, &events[i]);
    }

    return NGX_OK;
}


/* A buffer that was once needed big is not kept big. */

static ngx_int_t
ngx_rtprop_shm_log_reserve(ngx_rtprop_shm_t *shm, size_t size)
{
    u_char  *p;

    if (size <= shm->out_size
        && (shm->out_size <= NGX_RTPROP_SHM_OUT_KEEP
            || size > NGX_RTPROP_SHM_OUT_KEEP))
    {
        return NGX_OK;
    }

    size = ngx_align(size, 4096);
    p = ngx_alloc(size, shm->worker->log);

    if (p == NULL) {
        return NGX_ERROR;
    }

    if (shm->out) {
        ngx_free(shm->out);
    }

    shm->out = p;
    shm->out_size = size;

    return NGX_OK;
}


ngx_int_t
ngx_rtprop_shm_log_write(ngx_rtprop_shm_t *shm, ngx_rtprop_event_t *events,
    ngx_uint_t n)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        rc = ngx_rtprop_shm_log_room(shm, &shm->outs[i]);

        if (rc == NGX_OK) {
            rc = ngx_rtprop_shm_log_one(shm, &events[i], &shm->outs[i]);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    shm->written = n;

    return NGX_OK;
}


ngx_int_t
ngx_rtprop_shm_log_room(ngx_rtprop_shm_t *shm, ngx_rtprop_shm_out_t *out)
{
    ngx_uint_t  words;

    words = NGX_RTPROP_SHM_EVENT_WORDS
            + out->size / 4000 * NGX_RTPROP_SHM_BLOCK_WORDS;

    if (ngx_rtprop_zone_room(shm->zone) < words) {
        shm->error = "too many events are published at once";
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* A volatile event makes no channel; it tells the epoch that there is. */

ngx_int_t
ngx_rtprop_shm_log_one(ngx_rtprop_shm_t *shm, ngx_rtprop_event_t *ev,
    ngx_rtprop_shm_out_t *out)
{
    ngx_int_t                  rc;
    ngx_rtprop_shm_key_t       key;
    ngx_rtprop_shm_record_t   *rec;
    ngx_rtprop_shm_channel_t  *ch;

    key.kind = NGX_RTPROP_SHM_CHANNEL;
    key.owner = 0;
    key.name = &ev->channel;
    key.hash = out->hash;

    rec = (ngx_rtprop_shm_record_t *) (shm->out + out->pos);
    rec->time = ngx_rtprop_shm_time();
    rec->offset = 0;
    out->channel = 0;

    if (ev->flags & NGX_RTPROP_EV_VOLATILE) {
        ch = ngx_rtprop_shm_ptr(shm, ngx_rtprop_shm_find(shm, &key));
        rec->epoch = ch ? ch->epoch : ngx_rtprop_shm_epoch(shm, key.hash);

    } else {
        out->channel = ngx_rtprop_shm_channel(shm, &key);

        if (out->channel == 0) {
            return NGX_BUSY;
        }

        rc = ngx_rtprop_shm_log_keep(shm, out->channel, rec);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    ev->epoch = rec->epoch;
    ev->offset = rec->offset;
    ev->time = rec->time;

    return ngx_rtprop_shm_log_announce(shm, rec);
}


ngx_int_t
ngx_rtprop_shm_log_keep(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref,
    ngx_rtprop_shm_record_t *rec)
{
    ngx_rtprop_ref_t           event;
    ngx_rtprop_shm_root_t     *root;
    ngx_rtprop_shm_channel_t  *ch;

    root = shm->root;
    ch = ngx_rtprop_shm_ptr(shm, ref);

    rec->epoch = ch->epoch;
    rec->offset = ch->offset + 1;

    event = ngx_rtprop_zone_chain_alloc(shm->zone,
                                        sizeof(ngx_rtprop_shm_link_t),
                                        (u_char *) rec, rec->size);
    if (event == 0) {
        return NGX_BUSY;
    }

    ngx_rtprop_shm_append(shm, &ch->events, event, NGX_RTPROP_SHM_EVENT_LINK);

    if (root->kept.first != ref) {
        ngx_rtprop_shm_channel_leave(shm, ref);
    }

    ngx_rtprop_shm_log(shm, &ch->offset, 16);

    ch->offset++;
    ch->count++;
    ch->bytes += rec->size;

    if (root->kept.first != ref) {
        ngx_rtprop_shm_channel_enter(shm, ref);
    }

    ngx_rtprop_shm_log(shm, &root->events, 16);
    root->events++;
    root->octets += rec->size;

    return NGX_OK;
}


/* What the ring has no room for is kept in history only, and looked up. */

ngx_int_t
ngx_rtprop_shm_log_announce(ngx_rtprop_shm_t *shm,
    ngx_rtprop_shm_record_t *rec)
{
    ngx_int_t                 rc;
    ngx_rtprop_shm_record_t  *small;
    u_char                    buf[sizeof(ngx_rtprop_shm_record_t)
                                  + NGX_RTPROP_CHANNEL_MAX + 8]
                                  __attribute__((aligned(8)));

    rc = ngx_rtprop_shm_ipc_write(shm, (u_char *) rec, rec->size);

    if (rc == NGX_OK) {
        return NGX_OK;
    }

    if (rec->offset == 0 || rec->channel > NGX_RTPROP_CHANNEL_MAX) {
        return NGX_ERROR;
    }

    ngx_memzero(buf, sizeof(buf));
    ngx_memcpy(buf, rec, sizeof(ngx_rtprop_shm_record_t) + rec->channel);

    small = (ngx_rtprop_shm_record_t *) buf;
    small->type = NGX_RTPROP_SHM_REFERENCE;
    small->size = ngx_align(sizeof(ngx_rtprop_shm_record_t) + rec->channel, 8);
    small->event = 0;
    small->user = 0;
    small->skip_user = 0;
    small->alt_user = 0;
    small->payload = 0;
    small->alt_payload = 0;
    small->replace = 0;
    small->skip_session = 0;

    return ngx_rtprop_shm_ipc_write(shm, buf, small->size);
}


/* ------------------------------------------------------------ channels --- */

static ngx_rtprop_shm_list_t *
ngx_rtprop_shm_channel_list(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref)
{
    ngx_rtprop_shm_channel_t  *ch;

    ch = ngx_rtprop_shm_ptr(shm, ref);

    if (ch->count) {
        return &shm->root->kept;
    }

    return ch->subs ? NULL : &shm->root->bare;
}


void
ngx_rtprop_shm_channel_leave(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref)
{
    ngx_rtprop_shm_list_t  *list;

    list = ngx_rtprop_shm_channel_list(shm, ref);

    if (list) {
        ngx_rtprop_shm_remove(shm, list, ref,
                              offsetof(ngx_rtprop_shm_channel_t, link));
    }
}


void
ngx_rtprop_shm_channel_enter(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref)
{
    ngx_rtprop_shm_list_t     *list;
    ngx_rtprop_shm_channel_t  *ch;

    list = ngx_rtprop_shm_channel_list(shm, ref);

    if (list) {
        ch = ngx_rtprop_shm_ptr(shm, ref);

        ngx_rtprop_zone_log_field(shm->zone, &ch->touched);
        ch->touched = ngx_rtprop_zone_clock() / 1000;

        ngx_rtprop_shm_push(shm, list, ref,
                            offsetof(ngx_rtprop_shm_channel_t, link));
    }
}


/*
 * A channel's epoch follows from its name and from how often channels of its
 * bucket lost their history: so one that does not exist has an epoch already,
 * which stays when it comes to be, and changes when events are forgotten.
 */

uint64_t
ngx_rtprop_shm_epoch(ngx_rtprop_shm_t *shm, uint64_t hash)
{
    uint64_t   x;
    uint32_t  *evictions;

    evictions = ngx_rtprop_shm_ptr(shm, shm->root->evictions);

    x = hash ^ (shm->root->epoch
                + evictions[hash & shm->root->mask] * 0x9e3779b97f4a7c15ULL);

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;

    return (x ^ (x >> 31)) | 1;
}


ngx_rtprop_ref_t
ngx_rtprop_shm_channel(ngx_rtprop_shm_t *shm, ngx_rtprop_shm_key_t *key)
{
    ngx_rtprop_ref_t           ref;
    ngx_rtprop_shm_channel_t  *ch;

    ref = ngx_rtprop_shm_find(shm, key);

    if (ref) {
        return ref;
    }

    ref = ngx_rtprop_shm_insert(shm, key);

    if (ref == 0) {
        return 0;
    }

    ch = ngx_rtprop_shm_ptr(shm, ref);
    ch->epoch = ngx_rtprop_shm_epoch(shm, key->hash);

    ngx_rtprop_shm_channel_enter(shm, ref);

    ngx_rtprop_shm_log(shm, &shm->root->channels, 8);
    shm->root->channels++;

    return ref;
}


void
ngx_rtprop_shm_log_shift(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref)
{
    uint32_t                   size;
    ngx_rtprop_ref_t           event;
    ngx_rtprop_shm_root_t     *root;
    ngx_rtprop_shm_channel_t  *ch;

    root = shm->root;
    ch = ngx_rtprop_shm_ptr(shm, ref);
    event = ch->events.first;

    ngx_rtprop_shm_remove(shm, &ch->events, event, NGX_RTPROP_SHM_EVENT_LINK);

    if (ch->count == 1) {
        ngx_rtprop_shm_channel_leave(shm, ref);
    }

    ngx_rtprop_shm_log(shm, &ch->count, 8);
    ngx_rtprop_shm_log(shm, &root->events, 16);

    size = ngx_rtprop_shm_event_record(shm, event)->size;
    ch->bytes -= size;
    root->octets -= size;
    root->events--;
    ch->count--;

    if (ch->count == 0) {
        ngx_rtprop_shm_channel_enter(shm, ref);
    }

    ngx_rtprop_zone_chain_free(shm->zone, event);
}


/*
 * More than came, so that a history over its bounds comes back; the newest
 * stays, for those to whom the ring only refers.
 */

void
ngx_rtprop_shm_log_trim(ngx_rtprop_shm_t *shm)
{
    int64_t                    oldest;
    ngx_uint_t                 i, k;
    ngx_rtprop_main_conf_t    *conf;
    ngx_rtprop_shm_channel_t  *ch;

    conf = shm->worker->conf;
    oldest = ngx_rtprop_shm_time() - (int64_t) conf->history_age * 1000;

    for (i = 0; i < shm->written; i++) {
        if (shm->outs[i].channel == 0) {
            continue;
        }

        ch = ngx_rtprop_shm_ptr(shm, shm->outs[i].channel);

        for (k = 0; k < NGX_RTPROP_SHM_TRIM && ch->count > 1; k++) {

            if (ch->count <= conf->history_messages
                && ch->bytes <= conf->history_bytes
                && ngx_rtprop_shm_event_record(shm, ch->events.first)->time
                   >= oldest)
            {
                break;
            }

            ngx_rtprop_shm_log_shift(shm, shm->outs[i].channel);
            ngx_rtprop_zone_commit(shm->zone);
        }
    }
}


/* From the newest: what the ring refers to is new. */

ngx_int_t
ngx_rtprop_shm_log_fetch(ngx_rtprop_shm_t *shm, ngx_pool_t *pool,
    ngx_rtprop_event_t *ev)
{
    size_t                     size;
    u_char                    *p;
    ngx_int_t                  rc;
    ngx_rtprop_ref_t           ref;
    ngx_rtprop_shm_key_t       key;
    ngx_rtprop_shm_record_t   *rec;
    ngx_rtprop_shm_channel_t  *ch;

    rc = NGX_DECLINED;
    rec = NULL;
    ngx_rtprop_shm_key(shm, &key, NGX_RTPROP_SHM_CHANNEL, &ev->channel);

    ngx_rtprop_zone_lock(shm->zone);

    ch = ngx_rtprop_shm_ptr(shm, ngx_rtprop_shm_find(shm, &key));
    ref = (ch && ch->epoch == ev->epoch) ? ch->events.last : 0;

    while (ref) {
        rec = ngx_rtprop_shm_event_record(shm, ref);

        if (rec->offset <= ev->offset) {
            break;
        }

        ref = ngx_rtprop_shm_event_link(shm, ref)->prev;
    }

    if (ref && rec->offset == ev->offset) {
        size = ngx_rtprop_zone_chain_len(shm->zone, ref);
        p = ngx_palloc(pool, size);

        if (p) {
            ngx_rtprop_zone_chain_read(shm->zone, ref,
                                       sizeof(ngx_rtprop_shm_link_t), p);
            rc = ngx_rtprop_shm_record_decode(p, size, ev);
        }
    }

    ngx_rtprop_zone_unlock(shm->zone);

    return rc;
}
