/*
 * Updates that are judged one after the other and written together.
 */

#include "hub/ngx_rtprop_hub_update.h"


#define NGX_RTPROP_HUB_LOST    1        /* conflicts before it is held ... */
#define NGX_RTPROP_HUB_TRIES   32       /* ... and before giving up */
#define NGX_RTPROP_HUB_GROUP   64       /* updates of one group */
#define NGX_RTPROP_HUB_EVENTS  128      /* after which it is full */


static void ngx_rtprop_hub_group_ask(ngx_rtprop_hub_doc_t *doc);
static void ngx_rtprop_hub_group_got(ngx_rtprop_op_t *op);
static void ngx_rtprop_hub_group_judge(ngx_rtprop_hub_doc_t *doc);
static ngx_uint_t ngx_rtprop_hub_group_one(ngx_rtprop_hub_doc_t *doc,
    ngx_rtprop_update_t *update, ngx_str_t *text);
static void ngx_rtprop_hub_group_split(ngx_rtprop_hub_doc_t *doc,
    ngx_queue_t *q);
static void ngx_rtprop_hub_group_put(ngx_rtprop_hub_doc_t *doc,
    ngx_str_t *text);
static ngx_int_t ngx_rtprop_hub_group_events(ngx_rtprop_hub_doc_t *doc);
static void ngx_rtprop_hub_group_committed(ngx_rtprop_hub_doc_t *doc);
static void ngx_rtprop_hub_group_late(ngx_rtprop_hub_doc_t *doc);


void
ngx_rtprop_hub_group_begin(ngx_rtprop_hub_doc_t *doc)
{
    ngx_uint_t            n;
    ngx_queue_t          *q;
    ngx_rtprop_update_t  *update;

    n = 0;

    while (n < NGX_RTPROP_HUB_GROUP && !ngx_queue_empty(&doc->waiting)) {
        q = ngx_queue_head(&doc->waiting);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&doc->group, q);
        n++;
    }

    update = ngx_rtprop_hub_update_of(ngx_queue_head(&doc->group));

    doc->pool = (n > 1) ? ngx_rtprop_hub_pool(doc->hub) : NULL;
    doc->state.op.data = doc;
    doc->state.op.pool = doc->pool ? doc->pool : update->state.op.pool;
    doc->conflicts = 0;
    doc->judged = 0;

    if (doc->known) {
        doc->sure = 0;
        ngx_rtprop_hub_group_judge(doc);
        return;
    }

    ngx_rtprop_hub_group_ask(doc);
}


static void
ngx_rtprop_hub_group_ask(ngx_rtprop_hub_doc_t *doc)
{
    ngx_uint_t            held;
    ngx_rtprop_engine_t  *e;

    e = doc->hub->engine;

    doc->writing = 0;
    doc->state.op.done = ngx_rtprop_hub_group_got;
    doc->state.events = NULL;
    doc->state.nevents = 0;
    doc->state.now = 0;

    held = ngx_rtprop_hub_doc_hold(doc);
    e->state_get(e, &doc->state);
    ngx_rtprop_hub_doc_let(doc, held);
}


static void
ngx_rtprop_hub_group_got(ngx_rtprop_op_t *op)
{
    ngx_uint_t             same;
    ngx_rtprop_hub_doc_t  *doc;

    doc = op->data;

    if (op->rc != NGX_OK && op->rc != NGX_DECLINED) {
        ngx_rtprop_hub_group_fail(doc, op->rc);
        return;
    }

    if (op->rc == NGX_DECLINED) {
        doc->state.version = 0;
        ngx_str_null(&doc->state.value);
    }

    same = (doc->judged && doc->version == doc->state.version);

    doc->sure = 1;
    doc->version = doc->state.version;
    doc->text = doc->state.value;

    if (doc->state.now) {
        doc->ahead = doc->state.now - ngx_rtprop_now();
    }

    if (doc->known) {
        ngx_rtprop_hub_doc_remember(doc);
    }

    if (same) {
        ngx_rtprop_hub_group_end(doc);
        return;
    }

    ngx_rtprop_hub_group_judge(doc);
}


static void
ngx_rtprop_hub_group_judge(ngx_rtprop_hub_doc_t *doc)
{
    ngx_str_t  text;

    if (doc->conflicts == NGX_RTPROP_HUB_TRIES) {
        ngx_rtprop_hub_group_fail(doc, NGX_BUSY);
        return;
    }

    if (doc->conflicts >= NGX_RTPROP_HUB_LOST
        && ngx_rtprop_hub_group_hold(doc))
    {
        return;
    }

    text = doc->text;
    ngx_rtprop_hub_group_apply(doc, &text);

    if (doc->writes) {
        ngx_rtprop_hub_group_put(doc, &text);

    } else if (doc->sure) {
        ngx_rtprop_hub_group_end(doc);

    } else {
        doc->judged = 1;
        ngx_rtprop_hub_group_ask(doc);
    }
}


/* Each on what the ones before it have made of the document. */

void
ngx_rtprop_hub_group_apply(ngx_rtprop_hub_doc_t *doc, ngx_str_t *text)
{
    ngx_queue_t          *q;
    ngx_rtprop_update_t  *update;

    doc->writes = 0;
    doc->nevents = 0;

    for (q = ngx_queue_head(&doc->group);
         q != ngx_queue_sentinel(&doc->group);
         q = ngx_queue_next(q))
    {
        update = ngx_rtprop_hub_update_of(q);

        if (update->late) {
            continue;
        }

        if (ngx_rtprop_hub_group_one(doc, update, text)
            && ngx_queue_next(q) != ngx_queue_sentinel(&doc->group))
        {
            ngx_rtprop_hub_group_split(doc, ngx_queue_next(q));
            return;
        }
    }
}


/* Returns 1 when none may come after it in this group. */

static ngx_uint_t
ngx_rtprop_hub_group_one(ngx_rtprop_hub_doc_t *doc,
    ngx_rtprop_update_t *update, ngx_str_t *text)
{
    uint64_t  version;

    version = doc->version + doc->writes;

    update->tries++;
    ngx_rtprop_hub_update_judge(doc, update, text, version);

    if (update->rc != NGX_OK) {
        return 0;
    }

    update->writes = 1;
    doc->writes++;
    doc->nevents += update->nevents;

    if (update->remove) {
        ngx_str_null(&update->value);
    }

    *text = update->value;
    update->state.version = update->remove ? 0 : version + 1;

    return update->remove || doc->nevents >= NGX_RTPROP_HUB_EVENTS;
}


void
ngx_rtprop_hub_update_judge(ngx_rtprop_hub_doc_t *doc,
    ngx_rtprop_update_t *update, ngx_str_t *text, uint64_t version)
{
    update->events = NULL;
    update->nevents = 0;
    update->not_after = 0;
    update->remove = 0;
    update->writes = 0;

    update->state.version = version;
    update->state.now = ngx_rtprop_now() + doc->ahead;
    update->state.value = *text;

    update->rc = update->apply(update, text, version, update->state.now);
}


/* Those from q on are for the next group. */

static void
ngx_rtprop_hub_group_split(ngx_rtprop_hub_doc_t *doc, ngx_queue_t *q)
{
    ngx_queue_t  *last;

    do {
        last = ngx_queue_last(&doc->group);

        ngx_queue_remove(last);
        ngx_queue_insert_head(&doc->waiting, last);

    } while (last != q);
}


static void
ngx_rtprop_hub_group_put(ngx_rtprop_hub_doc_t *doc, ngx_str_t *text)
{
    ngx_uint_t            held;
    ngx_rtprop_engine_t  *e;

    e = doc->hub->engine;

    if (ngx_rtprop_hub_group_fill(doc, text) != NGX_OK) {
        ngx_rtprop_hub_group_fail(doc, NGX_ERROR);
        return;
    }

    doc->state.op.done = ngx_rtprop_hub_group_was_put;
    doc->state.version = doc->version;
    doc->writing = 1;

    ngx_rtprop_hub_group_shed(doc);
    ngx_rtprop_hub_look(doc);

    held = ngx_rtprop_hub_doc_hold(doc);
    e->state_put(e, &doc->state);
    ngx_rtprop_hub_doc_let(doc, held);
}


ngx_int_t
ngx_rtprop_hub_group_fill(ngx_rtprop_hub_doc_t *doc, ngx_str_t *text)
{
    int64_t               not_after;
    ngx_queue_t          *q;
    ngx_rtprop_update_t  *update;

    not_after = 0;

    for (q = ngx_queue_head(&doc->group);
         q != ngx_queue_sentinel(&doc->group);
         q = ngx_queue_next(q))
    {
        update = ngx_rtprop_hub_update_of(q);

        if (!update->writes) {
            continue;
        }

        doc->state.ttl = update->state.ttl;

        if (update->not_after
            && (not_after == 0 || update->not_after < not_after))
        {
            not_after = update->not_after;
        }
    }

    doc->state.step = doc->writes;
    doc->state.value = *text;
    doc->state.not_after = not_after;
    doc->made = *text;

    return ngx_rtprop_hub_group_events(doc);
}


/* Those of one update are published where they are. */

static ngx_int_t
ngx_rtprop_hub_group_events(ngx_rtprop_hub_doc_t *doc)
{
    ngx_uint_t            n;
    ngx_queue_t          *q;
    ngx_rtprop_event_t   *events;
    ngx_rtprop_update_t  *update;

    n = 0;
    events = NULL;

    if (doc->writes > 1 && doc->nevents) {
        events = ngx_palloc(doc->state.op.pool,
                            doc->nevents * sizeof(ngx_rtprop_event_t));

        if (events == NULL) {
            return NGX_ERROR;
        }
    }

    doc->state.events = events;
    doc->state.nevents = doc->nevents;

    for (q = ngx_queue_head(&doc->group);
         q != ngx_queue_sentinel(&doc->group);
         q = ngx_queue_next(q))
    {
        update = ngx_rtprop_hub_update_of(q);

        if (!update->writes || update->nevents == 0) {
            continue;
        }

        if (events == NULL) {
            doc->state.events = update->events;
            break;
        }

        ngx_memcpy(&events[n], update->events,
                   update->nevents * sizeof(ngx_rtprop_event_t));
        n += update->nevents;
    }

    return NGX_OK;
}


void
ngx_rtprop_hub_group_was_put(ngx_rtprop_op_t *op)
{
    ngx_rtprop_hub_doc_t  *doc;

    doc = op->data;

    switch (op->rc) {

    case NGX_OK:
        ngx_rtprop_hub_group_committed(doc);
        return;

    case NGX_DECLINED:

        /* another was quicker: value and version are now what it wrote */

        doc->conflicts++;
        doc->sure = 1;
        doc->version = doc->state.version;
        doc->text = doc->state.value;

        if (doc->state.now) {
            doc->ahead = doc->state.now - ngx_rtprop_now();
        }

        if (!doc->at_once) {
            ngx_rtprop_hub_doc_remember(doc);
        }

        ngx_rtprop_hub_group_judge(doc);
        return;

    case NGX_ABORT:
        ngx_rtprop_hub_group_late(doc);
        return;
    }

    ngx_rtprop_hub_group_fail(doc, op->rc);
}


static void
ngx_rtprop_hub_group_committed(ngx_rtprop_hub_doc_t *doc)
{
    ngx_uint_t            i, n;
    ngx_queue_t          *q;
    ngx_rtprop_event_t   *events;
    ngx_rtprop_update_t  *update;

    n = 0;
    events = doc->state.events;

    for (q = ngx_queue_head(&doc->group);
         doc->writes > 1 && q != ngx_queue_sentinel(&doc->group);
         q = ngx_queue_next(q))
    {
        update = ngx_rtprop_hub_update_of(q);

        for (i = 0; update->writes && i < update->nevents; i++, n++) {
            update->events[i].epoch = events[n].epoch;
            update->events[i].offset = events[n].offset;
            update->events[i].time = events[n].time;
        }
    }

    doc->version = doc->state.version;
    doc->text = doc->made;

    if (doc->state.now) {
        doc->ahead = doc->state.now - ngx_rtprop_now();
    }

    /* reading costs nothing where the engine answers at once */

    if (doc->at_once || doc->text.data == NULL) {
        ngx_rtprop_hub_doc_forget(doc);

    } else {
        ngx_rtprop_hub_doc_remember(doc);
    }

    ngx_rtprop_hub_group_end(doc);
}


/*
 * Those whose time was over hear it; the others are judged once more.  The
 * engine's clock says who: if nobody, then all.
 */

static void
ngx_rtprop_hub_group_late(ngx_rtprop_hub_doc_t *doc)
{
    ngx_uint_t            late;
    ngx_queue_t          *q;
    ngx_rtprop_update_t  *update;

    late = 0;

    for (q = ngx_queue_head(&doc->group);
         q != ngx_queue_sentinel(&doc->group);
         q = ngx_queue_next(q))
    {
        update = ngx_rtprop_hub_update_of(q);

        if (update->writes && update->not_after
            && update->not_after <= doc->state.now)
        {
            update->rc = NGX_ABORT;
            update->writes = 0;
            update->late = 1;
            late = 1;
        }
    }

    if (!late) {
        ngx_rtprop_hub_group_fail(doc, NGX_ABORT);
        return;
    }

    doc->conflicts++;
    doc->ahead = doc->state.now - ngx_rtprop_now();

    ngx_rtprop_hub_group_judge(doc);
}


/* What was judged on something that nobody wrote is not said. */

void
ngx_rtprop_hub_group_fail(ngx_rtprop_hub_doc_t *doc, ngx_int_t rc)
{
    ngx_queue_t          *q;
    ngx_rtprop_update_t  *update;

    for (q = ngx_queue_head(&doc->group);
         q != ngx_queue_sentinel(&doc->group);
         q = ngx_queue_next(q))
    {
        update = ngx_rtprop_hub_update_of(q);

        if (!update->late) {
            update->rc = rc;
        }
    }

    ngx_rtprop_hub_doc_forget(doc);
    ngx_rtprop_hub_group_end(doc);
}


/* done() may free its update, and have others wait for the document. */

void
ngx_rtprop_hub_group_end(ngx_rtprop_hub_doc_t *doc)
{
    ngx_queue_t  *q, group;
    ngx_pool_t   *pool;

    ngx_queue_init(&group);
    ngx_queue_add(&group, &doc->group);
    ngx_queue_init(&doc->group);

    pool = doc->pool;
    doc->pool = NULL;
    doc->writing = 0;

    while (!ngx_queue_empty(&group)) {
        q = ngx_queue_head(&group);
        ngx_queue_remove(q);
        ngx_rtprop_hub_update_end(ngx_rtprop_hub_update_of(q));
    }

    if (pool) {
        ngx_rtprop_hub_free_pool(doc->hub, pool);
    }

    /* those that are looked at now may be of the next group */

    if (doc->look_pool == NULL) {
        ngx_rtprop_hub_doc_next(doc);
    }
}


void
ngx_rtprop_hub_update_end(ngx_rtprop_update_t *update)
{
    update->late = 0;
    update->rc = (update->rc == NGX_DONE) ? NGX_OK : update->rc;
    update->state.op.rc = update->rc;
    update->done(update);
}
