/*
 * Versioned documents and counters.
 */

#include "engine/shm/ngx_rtprop_shm.h"


typedef struct {
    ngx_rtprop_state_t         *op;
    ngx_rtprop_shm_key_t        key;
} ngx_rtprop_shm_document_t;


typedef struct {
    ngx_rtprop_counter_t       *op;
    ngx_rtprop_shm_key_t        key;
} ngx_rtprop_shm_count_t;


static ngx_int_t ngx_rtprop_shm_state_get_step(ngx_rtprop_shm_t *shm,
    void *data);
static ngx_int_t ngx_rtprop_shm_state_put_step(ngx_rtprop_shm_t *shm,
    void *data);
static ngx_int_t ngx_rtprop_shm_state_write(ngx_rtprop_shm_t *shm,
    ngx_rtprop_shm_document_t *document, ngx_rtprop_ref_t ref,
    uint64_t version);
static ngx_int_t ngx_rtprop_shm_state_room(ngx_rtprop_shm_t *shm,
    ngx_rtprop_shm_document_t *document, ngx_rtprop_ref_t *ref,
    ngx_rtprop_ref_t *text);
static ngx_int_t ngx_rtprop_shm_counter_step(ngx_rtprop_shm_t *shm,
    void *data);


/* Whose time is over is not there, though it was not swept out yet. */

static inline ngx_uint_t
ngx_rtprop_shm_item_live(ngx_rtprop_shm_item_t *item)
{
    return item->expires == 0 || item->expires > ngx_rtprop_zone_clock();
}


ngx_int_t
ngx_rtprop_shm_text(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref,
    ngx_pool_t *pool, ngx_str_t *text)
{
    text->len = ref ? ngx_rtprop_zone_chain_len(shm->zone, ref) : 0;
    text->data = ngx_pnalloc(pool, text->len + 1);

    if (text->data == NULL) {
        return NGX_ERROR;
    }

    if (text->len) {
        ngx_rtprop_zone_chain_read(shm->zone, ref, 0, text->data);
    }

    return NGX_OK;
}


void
ngx_rtprop_shm_item_free(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref)
{
    ngx_rtprop_shm_item_t  *item;

    item = ngx_rtprop_shm_ptr(shm, ref);

    ngx_rtprop_shm_delete(shm, ref);

    if (item->node.kind == NGX_RTPROP_SHM_LEASE) {
        ngx_rtprop_shm_remove(shm, &shm->root->slots[item->node.slot].leases,
                              ref, offsetof(ngx_rtprop_shm_item_t, link));
    }

    ngx_rtprop_zone_chain_free(shm->zone, item->text);
    ngx_rtprop_zone_free(shm->zone, ref);
}


/* ----------------------------------------------------------- documents --- */

void
ngx_rtprop_shm_state_get(ngx_rtprop_engine_t *e, ngx_rtprop_state_t *op)
{
    ngx_rtprop_shm_t           *shm;
    ngx_rtprop_shm_document_t   document;

    shm = e->data;
    document.op = op;

    ngx_rtprop_shm_key(shm, &document.key, NGX_RTPROP_SHM_DOCUMENT, &op->key);

    op->op.rc = ngx_rtprop_shm_transact(shm, ngx_rtprop_shm_state_get_step,
                                        &document);
    op->op.done(&op->op);
}


static ngx_int_t
ngx_rtprop_shm_state_get_step(ngx_rtprop_shm_t *shm, void *data)
{
    ngx_rtprop_shm_document_t *document = data;

    ngx_rtprop_state_t     *op;
    ngx_rtprop_shm_item_t  *item;

    op = document->op;
    op->now = ngx_rtprop_shm_time();

    item = ngx_rtprop_shm_ptr(shm, ngx_rtprop_shm_find(shm, &document->key));

    if (item == NULL || !ngx_rtprop_shm_item_live(item)) {
        op->version = 0;
        ngx_str_null(&op->value);
        return NGX_DECLINED;
    }

    op->version = item->value;

    return ngx_rtprop_shm_text(shm, item->text, op->op.pool, &op->value);
}


void
ngx_rtprop_shm_state_put(ngx_rtprop_engine_t *e, ngx_rtprop_state_t *op)
{
    ngx_int_t                   rc;
    ngx_rtprop_shm_t           *shm;
    ngx_rtprop_shm_document_t   document;

    shm = e->data;
    document.op = op;

    ngx_rtprop_shm_key(shm, &document.key, NGX_RTPROP_SHM_DOCUMENT, &op->key);

    rc = (op->value.len > shm->out_max)
         ? NGX_BUSY
         : ngx_rtprop_shm_log_prepare(shm, op->events, op->nevents);

    if (rc == NGX_OK) {
        rc = ngx_rtprop_shm_transact(shm, ngx_rtprop_shm_state_put_step,
                                     &document);
    }

    if (rc == NGX_OK && op->nevents) {
        ngx_rtprop_shm_published(shm, op->nevents);
    }

    op->op.rc = rc;
    op->op.done(&op->op);
}


static ngx_int_t
ngx_rtprop_shm_state_put_step(ngx_rtprop_shm_t *shm, void *data)
{
    ngx_rtprop_shm_document_t *document = data;

    uint64_t                version;
    ngx_rtprop_ref_t        ref;
    ngx_rtprop_state_t     *op;
    ngx_rtprop_shm_item_t  *item;

    op = document->op;
    op->now = ngx_rtprop_shm_time();

    ref = ngx_rtprop_shm_find(shm, &document->key);
    item = ngx_rtprop_shm_ptr(shm, ref);

    version = (item && ngx_rtprop_shm_item_live(item)) ? item->value : 0;

    if (version == op->version) {

        if (op->not_after && op->now >= op->not_after) {
            return NGX_ABORT;
        }

        return ngx_rtprop_shm_state_write(shm, document, ref, version);
    }

    op->version = version;

    if (version == 0) {
        ngx_str_null(&op->value);
        return NGX_DECLINED;
    }

    if (ngx_rtprop_shm_text(shm, item->text, op->op.pool, &op->value)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


/* What is needed is allocated first, what was there is freed last. */

static ngx_int_t
ngx_rtprop_shm_state_write(ngx_rtprop_shm_t *shm,
    ngx_rtprop_shm_document_t *document, ngx_rtprop_ref_t ref,
    uint64_t version)
{
    ngx_int_t               rc;
    ngx_rtprop_ref_t        text, old;
    ngx_rtprop_state_t     *op;
    ngx_rtprop_shm_item_t  *item;

    op = document->op;
    text = 0;

    if (op->value.data
        && ngx_rtprop_shm_state_room(shm, document, &ref, &text) != NGX_OK)
    {
        return NGX_BUSY;
    }

    rc = ngx_rtprop_shm_log_write(shm, op->events, op->nevents);

    if (rc != NGX_OK) {
        return rc;
    }

    if (op->value.data == NULL) {
        if (ref) {
            ngx_rtprop_shm_item_free(shm, ref);
        }

        op->version = 0;
        return NGX_OK;
    }

    item = ngx_rtprop_shm_ptr(shm, ref);
    old = item->text;

    ngx_rtprop_shm_change(shm, item);

    version += op->step ? op->step : 1;

    item->value = version;
    item->text = text;
    item->expires = op->ttl ? ngx_rtprop_zone_clock() + (int64_t) op->ttl : 0;

    if (old) {
        ngx_rtprop_zone_chain_free(shm->zone, old);
    }

    op->version = version;

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_shm_state_room(ngx_rtprop_shm_t *shm,
    ngx_rtprop_shm_document_t *document, ngx_rtprop_ref_t *ref,
    ngx_rtprop_ref_t *text)
{
    ngx_str_t   *value;
    ngx_uint_t   made;

    value = &document->op->value;
    made = (*ref == 0);

    *text = ngx_rtprop_zone_chain_alloc(shm->zone, 0, value->data, value->len);

    if (*text && made) {
        *ref = ngx_rtprop_shm_insert(shm, &document->key);
    }

    if (*text == 0 || *ref == 0
        || (made && ngx_rtprop_shm_admit(shm) != NGX_OK))
    {
        return NGX_BUSY;
    }

    return NGX_OK;
}


/* ------------------------------------------------------------ counters --- */

void
ngx_rtprop_shm_counter(ngx_rtprop_engine_t *e, ngx_rtprop_counter_t *op)
{
    ngx_rtprop_shm_t        *shm;
    ngx_rtprop_shm_count_t   count;

    shm = e->data;
    count.op = op;

    ngx_rtprop_shm_key(shm, &count.key, NGX_RTPROP_SHM_COUNTER, &op->name);

    op->op.rc = ngx_rtprop_shm_transact(shm, ngx_rtprop_shm_counter_step,
                                        &count);
    op->op.done(&op->op);
}


/* Reading (delta 0) makes none. */

static ngx_int_t
ngx_rtprop_shm_counter_step(ngx_rtprop_shm_t *shm, void *data)
{
    ngx_rtprop_shm_count_t *count = data;

    ngx_rtprop_ref_t        ref;
    ngx_rtprop_counter_t   *op;
    ngx_rtprop_shm_item_t  *item;

    op = count->op;
    ref = ngx_rtprop_shm_find(shm, &count->key);
    item = ngx_rtprop_shm_ptr(shm, ref);

    op->value = (item && ngx_rtprop_shm_item_live(item))
                ? (int64_t) item->value : 0;

    if (op->delta == 0) {
        return NGX_OK;
    }

    if (ref == 0) {
        ref = ngx_rtprop_shm_insert(shm, &count->key);

        if (ref == 0) {
            return NGX_BUSY;
        }

        item = ngx_rtprop_shm_ptr(shm, ref);
    }

    op->value += op->delta;

    ngx_rtprop_shm_change(shm, item);

    item->value = (uint64_t) op->value;
    item->expires = op->ttl ? ngx_rtprop_zone_clock() + (int64_t) op->ttl : 0;

    return NGX_OK;
}
