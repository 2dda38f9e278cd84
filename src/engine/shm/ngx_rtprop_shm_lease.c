/*
 * Leases: one holder at a time, with a fencing number.
 */

#include "engine/shm/ngx_rtprop_shm.h"


typedef struct {
    ngx_rtprop_lease_t         *op;
    ngx_rtprop_shm_key_t        key;
} ngx_rtprop_shm_holding_t;


static ngx_int_t ngx_rtprop_shm_lease_step(ngx_rtprop_shm_t *shm, void *data);
static ngx_int_t ngx_rtprop_shm_release_step(ngx_rtprop_shm_t *shm,
    void *data);


void
ngx_rtprop_shm_lease(ngx_rtprop_engine_t *e, ngx_rtprop_lease_t *op)
{
    ngx_rtprop_shm_t          *shm;
    ngx_rtprop_shm_holding_t   holding;

    shm = e->data;
    holding.op = op;

    ngx_rtprop_shm_key(shm, &holding.key, NGX_RTPROP_SHM_LEASE, &op->name);

    op->op.rc = ngx_rtprop_shm_transact(shm, ngx_rtprop_shm_lease_step,
                                        &holding);
    op->op.done(&op->op);
}


/* The holder renews, whichever worker it asks through. */

static ngx_int_t
ngx_rtprop_shm_lease_step(ngx_rtprop_shm_t *shm, void *data)
{
    ngx_rtprop_shm_holding_t *holding = data;

    int64_t                 now;
    ngx_uint_t              renewed;
    ngx_rtprop_ref_t        ref;
    ngx_rtprop_lease_t     *op;
    ngx_rtprop_shm_item_t  *item;
    ngx_rtprop_shm_root_t  *root;

    op = holding->op;
    root = shm->root;
    now = ngx_rtprop_zone_clock();

    ref = ngx_rtprop_shm_find(shm, &holding->key);
    item = ngx_rtprop_shm_ptr(shm, ref);
    renewed = (item && op->fence && item->value == op->fence);

    if (!renewed
        && ((item && item->expires > now) || ngx_rtprop_shm_draining(shm)))
    {
        return NGX_DECLINED;
    }

    if (item == NULL) {
        ref = ngx_rtprop_shm_insert(shm, &holding->key);

        if (ref == 0) {
            return NGX_BUSY;
        }

        item = ngx_rtprop_shm_ptr(shm, ref);

    } else {
        ngx_rtprop_shm_change(shm, item);
        ngx_rtprop_shm_remove(shm, &root->slots[item->node.slot].leases, ref,
                              offsetof(ngx_rtprop_shm_item_t, link));
    }

    item->node.slot = shm->slot;
    item->expires = now + (int64_t) op->ttl;

    ngx_rtprop_shm_push(shm, &root->slots[shm->slot].leases, ref,
                        offsetof(ngx_rtprop_shm_item_t, link));

    if (!renewed) {
        ngx_rtprop_shm_log(shm, &root->fence, 8);
        item->value = ++root->fence;
    }

    op->fence = item->value;

    return NGX_OK;
}


void
ngx_rtprop_shm_release(ngx_rtprop_engine_t *e, ngx_rtprop_lease_t *op)
{
    ngx_rtprop_shm_t          *shm;
    ngx_rtprop_shm_holding_t   holding;

    shm = e->data;
    holding.op = op;

    ngx_rtprop_shm_key(shm, &holding.key, NGX_RTPROP_SHM_LEASE, &op->name);

    op->op.rc = ngx_rtprop_shm_transact(shm, ngx_rtprop_shm_release_step,
                                        &holding);
    op->op.done(&op->op);
}


static ngx_int_t
ngx_rtprop_shm_release_step(ngx_rtprop_shm_t *shm, void *data)
{
    ngx_rtprop_shm_holding_t *holding = data;

    ngx_rtprop_ref_t        ref;
    ngx_rtprop_shm_item_t  *item;

    ref = ngx_rtprop_shm_find(shm, &holding->key);
    item = ngx_rtprop_shm_ptr(shm, ref);

    if (item == NULL || item->value != holding->op->fence) {
        return NGX_DECLINED;
    }

    ngx_rtprop_shm_item_free(shm, ref);

    return NGX_OK;
}


ngx_int_t
ngx_rtprop_shm_lease_reap(ngx_rtprop_shm_t *shm, ngx_uint_t slot)
{
    ngx_uint_t        i;
    ngx_rtprop_ref_t  ref;

    for (i = 0; i < NGX_RTPROP_SHM_REAP; i++) {
        ngx_rtprop_zone_lock(shm->zone);

        ref = shm->root->slots[slot].leases.first;

        if (ref) {
            ngx_rtprop_shm_item_free(shm, ref);
        }

        ngx_rtprop_zone_unlock(shm->zone);

        if (ref == 0) {
            return NGX_OK;
        }
    }

    return NGX_AGAIN;
}
