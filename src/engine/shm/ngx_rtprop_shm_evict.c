/*
 * Making room: old history goes first, a bounded part of it at a time.
 */

#include "engine/shm/ngx_rtprop_shm.h"


#define NGX_RTPROP_SHM_EVICT_LOOK    8      /* channels to choose among */
#define NGX_RTPROP_SHM_EVICT         16     /* events or channels at a time */
#define NGX_RTPROP_SHM_SWEEP         64     /* events or channels a second */
#define NGX_RTPROP_SHM_SWEEP_PARTS   64     /* seconds for the whole table */
#define NGX_RTPROP_SHM_SWEEP_SLICE   256    /* buckets under one lock */


static ngx_rtprop_ref_t ngx_rtprop_shm_evict_kept(ngx_rtprop_shm_t *shm);
static void ngx_rtprop_shm_sweep_events(ngx_rtprop_shm_t *shm);
static void ngx_rtprop_shm_sweep_bare(ngx_rtprop_shm_t *shm);
static void ngx_rtprop_shm_sweep_slice(ngx_rtprop_shm_t *shm, uint64_t n,
    int64_t now);


/*
 * Channels without anything first: nothing is lost but their epoch.  Then the
 * oldest event of a channel that was not used for long, and so on, so that
 * whole pages come free.
 */

ngx_uint_t
ngx_rtprop_shm_evict(ngx_rtprop_shm_t *shm)
{
    ngx_uint_t                 i;
    ngx_rtprop_ref_t           ref;
    ngx_rtprop_shm_channel_t  *ch;

    for (i = 0; i < NGX_RTPROP_SHM_EVICT; i++) {
        ref = shm->root->bare.last;

        if (ref) {
            ngx_rtprop_shm_channel_drop(shm, ref);
            continue;
        }

        ref = ngx_rtprop_shm_evict_kept(shm);

        if (ref == 0) {
            break;
        }

        ngx_rtprop_shm_log_shift(shm, ref);
        ngx_rtprop_zone_commit(shm->zone);
        ngx_rtprop_shm_bump(shm, NGX_RTPROP_SHM_STAT_EVICTED, 1);

        ch = ngx_rtprop_shm_ptr(shm, ref);

        if (ch->count == 0) {
            ngx_rtprop_shm_channel_drop(shm, ref);
        }
    }

    return i;
}


/* What history holds gives way to what has the reserve. */

ngx_int_t
ngx_rtprop_shm_admit(ngx_rtprop_shm_t *shm)
{
    size_t  spare;

    spare = ngx_rtprop_zone_spare(shm->zone);

    if (spare == shm->spare || spare + shm->root->octets >= shm->reserve) {
        return NGX_OK;
    }

    shm->refused = 1;

    return NGX_BUSY;
}


/* The least recently used one, or one of the next that is much bigger. */

static ngx_rtprop_ref_t
ngx_rtprop_shm_evict_kept(ngx_rtprop_shm_t *shm)
{
    uint32_t                   most;
    ngx_uint_t                 i;
    ngx_rtprop_ref_t           ref, found;
    ngx_rtprop_shm_channel_t  *ch;

    found = 0;
    most = 0;
    ref = shm->root->kept.last;

    for (i = 0; ref && i < NGX_RTPROP_SHM_EVICT_LOOK; i++) {
        ch = ngx_rtprop_shm_ptr(shm, ref);

        if (found == 0 || ch->bytes / 2 > most) {
            found = ref;
            most = ch->bytes;
        }

        ref = ch->link.prev;
    }

    return found;
}


/* An offset once given must not be given again under the same epoch. */

void
ngx_rtprop_shm_channel_drop(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref)
{
    uint32_t                  *evictions;
    ngx_str_t                  name;
    ngx_rtprop_shm_key_t       key;
    ngx_rtprop_shm_root_t     *root;
    ngx_rtprop_shm_channel_t  *ch;

    root = shm->root;
    ch = ngx_rtprop_shm_ptr(shm, ref);

    if (ch->subs || ch->count) {
        return;
    }

    if (ch->offset) {
        ngx_rtprop_shm_name(&ch->node, &name);
        ngx_rtprop_shm_key(shm, &key, NGX_RTPROP_SHM_CHANNEL, &name);

        evictions = ngx_rtprop_shm_ptr(shm, root->evictions);
        evictions += key.hash & root->mask;

        ngx_rtprop_zone_log_field(shm->zone, evictions);
        (*evictions)++;
    }

    ngx_rtprop_shm_delete(shm, ref);
    ngx_rtprop_shm_remove(shm, &root->bare, ref,
                          offsetof(ngx_rtprop_shm_channel_t, link));

    ngx_rtprop_shm_log(shm, &root->channels, 8);
    root->channels--;

    ngx_rtprop_zone_free(shm->zone, ref);
    ngx_rtprop_zone_commit(shm->zone);
}


/* One worker a second, whichever comes first. */

void
ngx_rtprop_shm_sweep(ngx_rtprop_shm_t *shm)
{
    int64_t                 now;
    uint64_t                left, n;
    ngx_rtprop_shm_root_t  *root;

    root = shm->root;
    now = ngx_rtprop_zone_clock();

    if (now - root->swept < 900) {
        return;
    }

    ngx_rtprop_zone_lock(shm->zone);

    if (now - root->swept < 900) {
        ngx_rtprop_zone_unlock(shm->zone);
        return;
    }

    ngx_rtprop_shm_log(shm, &root->swept, 8);
    root->swept = now;
    ngx_rtprop_zone_commit(shm->zone);

    ngx_rtprop_shm_sweep_events(shm);
    ngx_rtprop_shm_sweep_bare(shm);

    ngx_rtprop_zone_unlock(shm->zone);

    /* where room is missing, what is over is looked for everywhere */

    left = root->mask + 1;

    if (!ngx_rtprop_shm_pressed(shm)) {
        left /= NGX_RTPROP_SHM_SWEEP_PARTS;
    }

    for ( /* void */ ; left; left -= n) {
        n = ngx_min(left, NGX_RTPROP_SHM_SWEEP_SLICE);

        ngx_rtprop_zone_lock(shm->zone);
        ngx_rtprop_shm_sweep_slice(shm, n, now);
        ngx_rtprop_zone_unlock(shm->zone);
    }
}


/* Histories to which nothing was added for so long that all is too old. */

static void
ngx_rtprop_shm_sweep_events(ngx_rtprop_shm_t *shm)
{
    int64_t                    oldest;
    ngx_uint_t                 i;
    ngx_rtprop_ref_t           ref;
    ngx_rtprop_shm_channel_t  *ch;

    oldest = ngx_rtprop_shm_time()
             - (int64_t) shm->worker->conf->history_age * 1000;

    for (i = 0; i < NGX_RTPROP_SHM_SWEEP; i++) {
        ref = shm->root->kept.last;

        if (ref == 0) {
            return;
        }

        ch = ngx_rtprop_shm_ptr(shm, ref);

        if (ngx_rtprop_shm_event_record(shm, ch->events.last)->time >= oldest)
        {
            return;
        }

        ngx_rtprop_shm_log_shift(shm, ref);
        ngx_rtprop_zone_commit(shm->zone);
    }
}


/* Channels that had no event and no subscriber for as long. */

static void
ngx_rtprop_shm_sweep_bare(ngx_rtprop_shm_t *shm)
{
    uint32_t                   oldest;
    ngx_uint_t                 i;
    ngx_rtprop_ref_t           ref;
    ngx_rtprop_shm_channel_t  *ch;

    oldest = ngx_rtprop_zone_clock() / 1000;

    if (oldest <= (uint32_t) shm->worker->conf->history_age) {
        return;
    }

    oldest -= shm->worker->conf->history_age;

    for (i = 0; i < NGX_RTPROP_SHM_SWEEP; i++) {
        ref = shm->root->bare.last;
        ch = ngx_rtprop_shm_ptr(shm, ref);

        if (ch == NULL || ch->touched >= oldest) {
            return;
        }

        ngx_rtprop_shm_channel_drop(shm, ref);
    }
}


/* Items whose time is over; the whole table once a minute. */

static void
ngx_rtprop_shm_sweep_slice(ngx_rtprop_shm_t *shm, uint64_t n, int64_t now)
{
    ngx_rtprop_ref_t         ref, next, *buckets;
    ngx_rtprop_shm_item_t   *item;
    ngx_rtprop_shm_root_t   *root;

    root = shm->root;
    buckets = ngx_rtprop_shm_ptr(shm, root->buckets);

    for ( /* void */ ; n; n--) {

        for (ref = buckets[root->sweep & root->mask]; ref; ref = next) {
            item = ngx_rtprop_shm_ptr(shm, ref);
            next = item->node.next;

            if (item->node.kind != NGX_RTPROP_SHM_DOCUMENT
                && item->node.kind != NGX_RTPROP_SHM_LEASE
                && item->node.kind != NGX_RTPROP_SHM_COUNTER)
            {
                continue;
            }

            if (item->expires && item->expires <= now) {
                ngx_rtprop_shm_item_free(shm, ref);
                ngx_rtprop_zone_commit(shm->zone);
            }
        }

        /* where it went on is no matter after a death */

        root->sweep++;
    }
}
