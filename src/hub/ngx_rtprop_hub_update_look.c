/*
 * Updates that are refused while others are being written.
 *
 * A group that writes takes a commit, or some when others are quicker.  Who is
 * going to be refused need not wait for that: those that allow it are judged
 * on the document as it is read after they came, beside the write under way.
 * Who turns out to have something to write goes on waiting, in its place.
 *
 * Nobody overtakes his own: an update of the owner of one that is being
 * written, or that waits before it, waits, too.
 */

#include "hub/ngx_rtprop_hub_update.h"


#define NGX_RTPROP_HUB_LOOKS  64        /* updates judged on one reading */


static ngx_uint_t ngx_rtprop_hub_look_pick(ngx_rtprop_hub_doc_t *doc);
static ngx_uint_t ngx_rtprop_hub_look_owned(ngx_queue_t *from,
    ngx_queue_t *to, ngx_rtprop_update_t *update);
static void ngx_rtprop_hub_looked(ngx_rtprop_op_t *op);
static ngx_uint_t ngx_rtprop_hub_look_judge(ngx_rtprop_hub_doc_t *doc,
    ngx_rtprop_update_t *update);


void
ngx_rtprop_hub_look(ngx_rtprop_hub_doc_t *doc)
{
    ngx_rtprop_engine_t  *e;

    e = doc->hub->engine;

    /* an engine without a database reads no sooner than it writes */

    if (!doc->writing || doc->look_pool || !e->durable) {
        return;
    }

    if (ngx_rtprop_hub_look_pick(doc) == 0) {
        return;
    }

    doc->look_pool = ngx_rtprop_hub_pool(doc->hub);

    if (doc->look_pool == NULL) {
        return;
    }

    ngx_memzero(&doc->look, sizeof(ngx_rtprop_state_t));
    doc->look.key = doc->state.key;
    doc->look.op.pool = doc->look_pool;
    doc->look.op.done = ngx_rtprop_hub_looked;
    doc->look.op.data = doc;

    e->state_get(e, &doc->look);
}


/* Each is looked at once. */

static ngx_uint_t
ngx_rtprop_hub_look_pick(ngx_rtprop_hub_doc_t *doc)
{
    ngx_uint_t            n, kept;
    ngx_queue_t          *q;
    ngx_rtprop_update_t  *update;

    n = 0;
    kept = 0;

    for (q = ngx_queue_head(&doc->waiting);
         q != ngx_queue_sentinel(&doc->waiting)
         && n < NGX_RTPROP_HUB_LOOKS && kept < NGX_RTPROP_HUB_LOOKS;
         q = ngx_queue_next(q))
    {
        update = ngx_rtprop_hub_update_of(q);

        if (!update->aside || update->looked
            || ngx_rtprop_hub_look_owned(ngx_queue_head(&doc->group),
                                         &doc->group, update)
            || ngx_rtprop_hub_look_owned(ngx_queue_head(&doc->waiting), q,
                                         update))
        {
            kept++;
            continue;
        }

        update->looked = 1;
        update->looking = 1;
        n++;
    }

    return n;
}


/* Those that are looked at, too, are refused in their turn, or all wait. */

static ngx_uint_t
ngx_rtprop_hub_look_owned(ngx_queue_t *from, ngx_queue_t *to,
    ngx_rtprop_update_t *update)
{
    ngx_queue_t          *q;
    ngx_rtprop_update_t  *other;

    for (q = from; update->owner && q != to; q = ngx_queue_next(q)) {
        other = ngx_rtprop_hub_update_of(q);

        if (other != update && other->owner == update->owner) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_rtprop_hub_looked(ngx_rtprop_op_t *op)
{
    ngx_pool_t            *pool;
    ngx_queue_t           *q, *next, ended;
    ngx_rtprop_update_t   *update;
    ngx_rtprop_hub_doc_t  *doc;

    doc = op->data;
    ngx_queue_init(&ended);

    if (op->rc == NGX_OK && doc->look.now) {
        doc->ahead = doc->look.now - ngx_rtprop_now();
    }

    for (q = ngx_queue_head(&doc->waiting);
         q != ngx_queue_sentinel(&doc->waiting);
         q = next)
    {
        next = ngx_queue_next(q);
        update = ngx_rtprop_hub_update_of(q);

        if (!update->looking) {
            continue;
        }

        update->looking = 0;

        if (op->rc == NGX_OK && ngx_rtprop_hub_look_judge(doc, update)) {
            ngx_queue_remove(q);
            ngx_queue_insert_tail(&ended, q);
        }
    }

    pool = doc->look_pool;

    while (!ngx_queue_empty(&ended)) {
        q = ngx_queue_head(&ended);
        ngx_queue_remove(q);
        ngx_rtprop_hub_update_end(ngx_rtprop_hub_update_of(q));
    }

    doc->look_pool = NULL;
    ngx_rtprop_hub_free_pool(doc->hub, pool);

    if (ngx_queue_empty(&doc->group)) {
        ngx_rtprop_hub_doc_next(doc);

    } else {
        ngx_rtprop_hub_look(doc);
    }
}


/* Returns 1 when that is its end; else it is as if it had not been judged. */

static ngx_uint_t
ngx_rtprop_hub_look_judge(ngx_rtprop_hub_doc_t *doc,
    ngx_rtprop_update_t *update)
{
    ngx_rtprop_hub_update_judge(doc, update, &doc->look.value,
                                doc->look.version);

    if (update->rc != NGX_OK) {
        return 1;
    }

    update->events = NULL;
    update->nevents = 0;
    ngx_str_null(&update->state.value);

    return 0;
}


/*
 * Of a group that is about to write: what is not to be written.  Who was judged
 * on what has just been read hears it; the others wait to be looked at.
 */

void
ngx_rtprop_hub_group_shed(ngx_rtprop_hub_doc_t *doc)
{
    ngx_uint_t            sure;
    ngx_queue_t          *q, *next, *last, ended;
    ngx_rtprop_update_t  *update;

    /* it is alone, or there was no memory and the first one lent its pool */

    if (doc->pool == NULL || !doc->hub->engine->durable) {
        return;
    }

    ngx_queue_init(&ended);
    sure = doc->sure;
    last = &doc->waiting;

    for (q = ngx_queue_head(&doc->group);
         q != ngx_queue_sentinel(&doc->group);
         q = next)
    {
        next = ngx_queue_next(q);
        update = ngx_rtprop_hub_update_of(q);
        sure = sure && !update->writes;

        if (update->writes || update->late || !update->aside
            || ngx_rtprop_hub_look_owned(ngx_queue_head(&doc->group),
                                         &doc->group, update))
        {
            continue;
        }

        if (sure) {
            ngx_queue_remove(q);
            ngx_queue_insert_tail(&ended, q);

        } else if (!update->looked) {
            update->tries = 0;
            ngx_queue_remove(q);
            ngx_queue_insert_after(last, q);
            last = q;
        }
    }

    while (!ngx_queue_empty(&ended)) {
        q = ngx_queue_head(&ended);
        ngx_queue_remove(q);
        ngx_rtprop_hub_update_end(ngx_rtprop_hub_update_of(q));
    }
}
