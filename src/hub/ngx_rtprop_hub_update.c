/*
 * Documents read, judged, written.
 *
 * Updates of one document that wait in this worker are a group: each is judged
 * on what the ones before it have made, and all are written by one
 * compare-and-set, which raises the version by as many.  Who was refused, or
 * had nothing to write, hears it when that on which it was judged is known to
 * be so: with the group's commit, or after reading once more, which need not
 * wait for a commit; see ngx_rtprop_hub_update_look.c.
 *
 * What this worker wrote last, or was told in a conflict, is remembered, so
 * that the next group need not read it first; where it was outdated, the
 * conflict says so.
 */

#include "hub/ngx_rtprop_hub_update.h"
#include "hub/ngx_rtprop_hub_channel.h"


#define NGX_RTPROP_HUB_DOCS        256      /* buckets */
#define NGX_RTPROP_HUB_REMEMBERED  64       /* documents */
#define NGX_RTPROP_HUB_TEXT        262144   /* octets of one of them */


static ngx_rtprop_hub_doc_t *ngx_rtprop_hub_doc(ngx_rtprop_hub_t *hub,
    ngx_str_t *key);
static void ngx_rtprop_hub_doc_release(ngx_rtprop_hub_doc_t *doc);


void
ngx_rtprop_hub_update(ngx_rtprop_hub_t *hub, ngx_rtprop_update_t *update)
{
    ngx_rtprop_hub_doc_t  *doc;

    update->hub = hub;
    update->tries = 0;
    update->writes = 0;
    update->late = 0;
    update->looked = 0;
    update->looking = 0;

    doc = ngx_rtprop_hub_doc(hub, &update->state.key);

    if (doc == NULL) {
        update->rc = NGX_ERROR;
        update->state.op.rc = NGX_ERROR;
        update->done(update);
        return;
    }

    ngx_queue_insert_tail(&doc->waiting, &update->queue);

    if (!doc->busy) {
        ngx_rtprop_hub_doc_next(doc);

    } else {
        ngx_rtprop_hub_look(doc);
    }
}


/* ------------------------------------------------------------- documents */

ngx_int_t
ngx_rtprop_hub_updates_init(ngx_rtprop_hub_t *hub)
{
    ngx_uint_t  i;

    hub->docs = ngx_palloc(hub->worker->pool,
                           NGX_RTPROP_HUB_DOCS * sizeof(ngx_queue_t));

    if (hub->docs == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_RTPROP_HUB_DOCS; i++) {
        ngx_queue_init(&hub->docs[i]);
    }

    ngx_queue_init(&hub->remembered);

    return NGX_OK;
}


static ngx_rtprop_hub_doc_t *
ngx_rtprop_hub_doc(ngx_rtprop_hub_t *hub, ngx_str_t *key)
{
    uint32_t               hash;
    ngx_queue_t           *q, *bucket;
    ngx_rtprop_hub_doc_t  *doc;

    hash = ngx_murmur_hash2(key->data, key->len);
    bucket = &hub->docs[hash % NGX_RTPROP_HUB_DOCS];

    for (q = ngx_queue_head(bucket);
         q != ngx_queue_sentinel(bucket);
         q = ngx_queue_next(q))
    {
        doc = ngx_queue_data(q, ngx_rtprop_hub_doc_t, queue);

        if (doc->hash == hash && doc->state.key.len == key->len
            && ngx_memcmp(doc->key, key->data, key->len) == 0)
        {
            return doc;
        }
    }

    doc = ngx_alloc(sizeof(ngx_rtprop_hub_doc_t) + key->len,
                    hub->worker->log);

    if (doc == NULL) {
        return NULL;
    }

    ngx_memzero(doc, sizeof(ngx_rtprop_hub_doc_t));
    ngx_memcpy(doc->key, key->data, key->len);

    doc->hub = hub;
    doc->hash = hash;
    doc->state.key.len = key->len;
    doc->state.key.data = doc->key;

    ngx_queue_init(&doc->waiting);
    ngx_queue_init(&doc->group);
    ngx_queue_insert_tail(bucket, &doc->queue);

    return doc;
}


/* A group may end before its first operation returns: then the loop goes on. */

void
ngx_rtprop_hub_doc_next(ngx_rtprop_hub_doc_t *doc)
{
    if (doc->looping) {
        doc->again = 1;
        return;
    }

    doc->looping = 1;

    do {
        doc->again = 0;
        doc->busy = !ngx_queue_empty(&doc->waiting);

        if (doc->busy) {
            ngx_rtprop_hub_group_begin(doc);
        }

    } while (doc->again);

    doc->looping = 0;

    if (!doc->busy) {
        ngx_rtprop_hub_doc_release(doc);
    }
}


ngx_uint_t
ngx_rtprop_hub_doc_hold(ngx_rtprop_hub_doc_t *doc)
{
    ngx_uint_t  held;

    held = doc->looping;
    doc->looping = 1;
    doc->at_once = 1;

    return held;
}


void
ngx_rtprop_hub_doc_let(ngx_rtprop_hub_doc_t *doc, ngx_uint_t held)
{
    doc->at_once = 0;

    if (!held) {
        doc->looping = 0;

        if (doc->again) {
            ngx_rtprop_hub_doc_next(doc);
        }
    }
}


static void
ngx_rtprop_hub_doc_release(ngx_rtprop_hub_doc_t *doc)
{
    if (doc->known) {
        return;
    }

    ngx_queue_remove(&doc->queue);
    ngx_free(doc);
}


void
ngx_rtprop_hub_doc_forget(ngx_rtprop_hub_doc_t *doc)
{
    if (doc->known) {
        doc->known = 0;
        doc->hub->nremembered--;
        ngx_queue_remove(&doc->used);
        ngx_free(doc->memory.data);
        ngx_str_null(&doc->memory);
    }
}


/* The least recently used one goes, unless it is in use. */

void
ngx_rtprop_hub_doc_remember(ngx_rtprop_hub_doc_t *doc)
{
    u_char                *p;
    ngx_queue_t           *q;
    ngx_rtprop_hub_t      *hub;
    ngx_rtprop_hub_doc_t  *old;

    hub = doc->hub;
    p = NULL;

    if (doc->version && doc->text.len <= NGX_RTPROP_HUB_TEXT) {
        p = ngx_alloc(doc->text.len + 1, hub->worker->log);
    }

    if (p == NULL) {
        ngx_rtprop_hub_doc_forget(doc);
        return;
    }

    ngx_memcpy(p, doc->text.data, doc->text.len);
    ngx_rtprop_hub_doc_forget(doc);

    doc->known = 1;
    doc->memory.len = doc->text.len;
    doc->memory.data = p;
    doc->text = doc->memory;

    ngx_queue_insert_head(&hub->remembered, &doc->used);

    if (++hub->nremembered <= NGX_RTPROP_HUB_REMEMBERED) {
        return;
    }

    q = ngx_queue_last(&hub->remembered);
    old = ngx_queue_data(q, ngx_rtprop_hub_doc_t, used);

    if (!old->busy) {
        ngx_rtprop_hub_doc_forget(old);
        ngx_rtprop_hub_doc_release(old);
    }
}
