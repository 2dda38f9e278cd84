/*
 * Carried events: another authority has counted them, the zone follows.
 */

#include "engine/shm/ngx_rtprop_shm.h"


static void ngx_rtprop_shm_carry_empty(ngx_rtprop_shm_t *shm,
    ngx_rtprop_event_t *ev, ngx_rtprop_shm_out_t *out);
static ngx_int_t ngx_rtprop_shm_carry_one(ngx_rtprop_shm_t *shm,
    ngx_rtprop_publish_t *op, ngx_uint_t i);
static ngx_int_t ngx_rtprop_shm_carry_keep(ngx_rtprop_shm_t *shm,
    ngx_rtprop_event_t *ev, ngx_rtprop_shm_out_t *out);


static inline void
ngx_rtprop_shm_carry_key(ngx_rtprop_shm_key_t *key, ngx_rtprop_event_t *ev,
    ngx_rtprop_shm_out_t *out)
{
    key->kind = NGX_RTPROP_SHM_CHANNEL;
    key->owner = 0;
    key->name = &ev->channel;
    key->hash = out->hash;
}


/*
 * What channels kept under another epoch goes first, in transactions of its
 * own: it may be more than one transaction has room for.
 */

ngx_int_t
ngx_rtprop_shm_carry_step(ngx_rtprop_shm_t *shm, void *data)
{
    ngx_rtprop_publish_t *op = data;

    ngx_int_t   rc;
    ngx_uint_t  i;

    shm->written = 0;
    shm->begun = 0;

    for (i = 0; i < op->nevents; i++) {
        ngx_rtprop_shm_carry_empty(shm, &op->events[i], &shm->outs[i]);
    }

    for (i = 0; i < op->nevents; i++) {
        rc = ngx_rtprop_shm_log_room(shm, &shm->outs[i]);

        if (rc == NGX_OK) {
            rc = ngx_rtprop_shm_carry_one(shm, op, i);
        }

        if (rc == NGX_DECLINED) {
            ngx_rtprop_zone_rollback(shm->zone);
            return rc;
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    shm->written = op->nevents;

    return NGX_OK;
}


static void
ngx_rtprop_shm_carry_empty(ngx_rtprop_shm_t *shm, ngx_rtprop_event_t *ev,
    ngx_rtprop_shm_out_t *out)
{
    ngx_rtprop_ref_t           ref;
    ngx_rtprop_shm_key_t       key;
    ngx_rtprop_shm_channel_t  *ch;

    if (ev->flags & NGX_RTPROP_EV_VOLATILE) {
        return;
    }

    ngx_rtprop_shm_carry_key(&key, ev, out);

    ref = ngx_rtprop_shm_find(shm, &key);
    ch = ngx_rtprop_shm_ptr(shm, ref);

    while (ch && ch->epoch != ev->epoch && ch->count) {
        ngx_rtprop_shm_log_shift(shm, ref);
        ngx_rtprop_zone_commit(shm->zone);
    }
}


static ngx_int_t
ngx_rtprop_shm_carry_one(ngx_rtprop_shm_t *shm, ngx_rtprop_publish_t *op,
    ngx_uint_t i)
{
    ngx_rtprop_ref_t           ref;
    ngx_rtprop_event_t        *ev;
    ngx_rtprop_shm_key_t       key;
    ngx_rtprop_shm_channel_t  *ch;

    ev = &op->events[i];

    if (ev->flags & NGX_RTPROP_EV_VOLATILE) {
        return ngx_rtprop_shm_log_one(shm, ev, &shm->outs[i]);
    }

    ngx_rtprop_shm_carry_key(&key, ev, &shm->outs[i]);

    ref = ngx_rtprop_shm_channel(shm, &key);
    shm->outs[i].channel = 0;

    if (ref == 0) {
        return NGX_BUSY;
    }

    ch = ngx_rtprop_shm_ptr(shm, ref);

    if (ch->epoch != ev->epoch) {
        ngx_rtprop_shm_log(shm, &ch->epoch, 16);
        shm->begun = ref;

        ch->epoch = ev->epoch;
        ch->offset = ev->offset
                     - ((ev->flags & NGX_RTPROP_EV_POSITION) ? 0 : 1);
    }

    if ((ev->flags & NGX_RTPROP_EV_POSITION) || ev->offset <= ch->offset) {
        return NGX_OK;
    }

    if (ev->offset > ch->offset + 1) {
        op->failed = i;
        op->position = ch->offset;
        return NGX_DECLINED;
    }

    shm->outs[i].channel = ref;

    return ngx_rtprop_shm_carry_keep(shm, ev, &shm->outs[i]);
}


static ngx_int_t
ngx_rtprop_shm_carry_keep(ngx_rtprop_shm_t *shm, ngx_rtprop_event_t *ev,
    ngx_rtprop_shm_out_t *out)
{
    ngx_int_t                 rc;
    ngx_rtprop_shm_record_t  *rec;

    rec = (ngx_rtprop_shm_record_t *) (shm->out + out->pos);
    rec->time = ev->time;
    rec->flags = ev->flags & ~NGX_RTPROP_EV_QUIET;

    rc = ngx_rtprop_shm_log_keep(shm, out->channel, rec);

    if (rc != NGX_OK
        || ((ev->flags & NGX_RTPROP_EV_QUIET) && out->channel == shm->begun))
    {
        return rc;
    }

    return ngx_rtprop_shm_log_announce(shm, rec);
}
