/*
 * History: the inner engine's, and before it the database's, by one cursor.
 */

#include "store/ngx_rtprop_durable_in.h"
#include "store/ngx_rtprop_failover.h"


/* Lives in the operation's pool; the operation is lent to the inner engine. */

typedef struct {
    ngx_rtprop_durable_early_t   early;
    ngx_rtprop_durable_waiter_t  waiter;
    ngx_rtprop_durable_read_t    read;
    ngx_rtprop_durable_t        *d;
    ngx_rtprop_history_t        *op;
    ngx_event_t                  limit;    /* of a lazy subscriber's wait */

    ngx_rtprop_op_pt             done;     /* what the caller gave */
    void                        *data;
    uint64_t                     epoch;
    uint64_t                     since;
    uint64_t                     before;
    unsigned                     subscribe:1;
    unsigned                     lazy:1;
    unsigned                     seeded:1;
    unsigned                     counted:1;    /* as a subscriber */
} ngx_rtprop_durable_reading_t;


static void ngx_rtprop_durable_history_inner(
    ngx_rtprop_durable_reading_t *r);
static void ngx_rtprop_durable_history_got(ngx_rtprop_op_t *op);
static void ngx_rtprop_durable_history_seed(ngx_rtprop_durable_early_t *early);
static void ngx_rtprop_durable_history_seeded(void *data, ngx_int_t rc);
static void ngx_rtprop_durable_history_place(ngx_rtprop_durable_reading_t *r);
static void ngx_rtprop_durable_history_placed(
    ngx_rtprop_durable_read_t *read);
static void ngx_rtprop_durable_history_limit(ngx_rtprop_durable_reading_t *r);
static void ngx_rtprop_durable_history_late(ngx_event_t *ev);
static void ngx_rtprop_durable_history_loose(ngx_rtprop_durable_reading_t *r);
static ngx_uint_t ngx_rtprop_durable_history_whole(
    ngx_rtprop_durable_reading_t *r);
static void ngx_rtprop_durable_history_read(ngx_rtprop_durable_reading_t *r);
static void ngx_rtprop_durable_history_ask(ngx_rtprop_durable_reading_t *r);
static void ngx_rtprop_durable_history_alone(ngx_rtprop_durable_reading_t *r);
static void ngx_rtprop_durable_history_alone_done(
    ngx_rtprop_durable_read_t *read);
static void ngx_rtprop_durable_history_more(ngx_rtprop_durable_read_t *read);
static void ngx_rtprop_durable_history_trim(ngx_rtprop_durable_reading_t *r);
static void ngx_rtprop_durable_history_done(ngx_rtprop_durable_reading_t *r,
    ngx_int_t rc);


void
ngx_rtprop_durable_history(ngx_rtprop_engine_t *e, ngx_rtprop_history_t *op)
{
    ngx_rtprop_durable_t          *d;
    ngx_rtprop_durable_reading_t  *r;

    d = e->data;
    r = ngx_pcalloc(op->op.pool, sizeof(ngx_rtprop_durable_reading_t));

    if (r == NULL) {
        op->op.rc = NGX_ERROR;
        op->op.done(&op->op);
        return;
    }

    r->d = d;
    op->partial = 0;
    r->op = op;
    r->done = op->op.done;
    r->data = op->op.data;
    r->epoch = op->epoch;
    r->since = op->since;
    r->before = op->before;
    r->subscribe = op->subscribe;
    r->lazy = op->subscribe && op->lazy;

    op->op.done = ngx_rtprop_durable_history_got;
    op->op.data = r;

    if (ngx_rtprop_failover_active(d)) {
        ngx_rtprop_durable_history_alone(r);
        return;
    }

    ngx_rtprop_durable_history_inner(r);
}


static void
ngx_rtprop_durable_history_inner(ngx_rtprop_durable_reading_t *r)
{
    r->op->epoch = r->epoch;
    r->op->since = r->since;
    r->op->before = r->before;

    r->d->inner->history(r->d->inner, r->op);
}


/*
 * Whether the caller has heard more than the inner engine knows of: that one
 * has lost some, and gets it from the database.
 */

static inline ngx_uint_t
ngx_rtprop_durable_history_ahead(ngx_rtprop_durable_reading_t *r)
{
    return r->epoch == r->d->epoch && r->since > r->op->offset;
}


static void
ngx_rtprop_durable_history_got(ngx_rtprop_op_t *op)
{
    ngx_rtprop_durable_reading_t *r = op->data;

    ngx_rtprop_durable_t  *d;

    d = r->d;

    if (op->rc != NGX_OK) {
        ngx_rtprop_durable_history_done(r, op->rc);
        return;
    }

    r->counted |= r->op->subscribe;

    if (d->epoch && r->op->epoch == d->epoch
        && (r->seeded || !ngx_rtprop_durable_history_ahead(r)))
    {
        if (ngx_rtprop_durable_history_whole(r)) {
            ngx_rtprop_durable_history_done(r, NGX_OK);

        } else {
            ngx_rtprop_durable_history_read(r);
        }

        return;
    }

    if (r->seeded) {
        ngx_rtprop_durable_history_loose(r);
        return;
    }

    /* the subscriber is counted by now, or need not be */

    r->seeded = 1;
    r->subscribe = r->op->subscribe;
    r->op->subscribe = 0;
    r->early.run = ngx_rtprop_durable_history_seed;
    r->early.data = r;

    ngx_rtprop_durable_when(d, &r->early);
}


static void
ngx_rtprop_durable_history_seed(ngx_rtprop_durable_early_t *early)
{
    ngx_rtprop_durable_reading_t *r = early->data;

    if (r->d->epoch == 0) {
        ngx_rtprop_durable_history_loose(r);
        return;
    }

    if (r->lazy && r->op->limit == 0) {
        ngx_rtprop_durable_history_place(r);
        return;
    }

    r->waiter.done = ngx_rtprop_durable_history_seeded;
    r->waiter.data = r;

    ngx_rtprop_durable_seed(r->d, &r->op->channel, &r->waiter);
}


static void
ngx_rtprop_durable_history_seeded(void *data, ngx_int_t rc)
{
    ngx_rtprop_durable_reading_t *r = data;

    if (rc != NGX_OK) {
        ngx_rtprop_durable_history_loose(r);
        return;
    }

    ngx_rtprop_durable_history_inner(r);
}


/*
 * Where many subscribe and little is said, a channel is not made for them: it
 * begins in the inner engine with the next event.
 */

static void
ngx_rtprop_durable_history_place(ngx_rtprop_durable_reading_t *r)
{
    r->read.d = r->d;
    r->read.pool = r->op->op.pool;
    r->read.channel = r->op->channel;
    r->read.place = 1;
    r->read.done = ngx_rtprop_durable_history_placed;
    r->read.data = r;

    ngx_rtprop_durable_history_limit(r);
    ngx_rtprop_durable_read(&r->read);
}


static void
ngx_rtprop_durable_history_placed(ngx_rtprop_durable_read_t *read)
{
    ngx_rtprop_history_t          *op;
    ngx_rtprop_durable_reading_t  *r;

    r = read->data;
    op = r->op;

    if (r->limit.timer_set) {
        ngx_del_timer(&r->limit);
    }

    if (read->rc != NGX_OK) {
        ngx_rtprop_durable_history_loose(r);
        return;
    }

    op->epoch = r->d->epoch;
    op->offset = read->top;
    op->first = 0;
    op->recovered = (r->epoch == op->epoch && r->since == op->offset);

    ngx_rtprop_durable_history_done(r, NGX_OK);
}


/* Who need not know where he stands does not wait for longer than the grace. */

static void
ngx_rtprop_durable_history_limit(ngx_rtprop_durable_reading_t *r)
{
    if (!r->lazy) {
        return;
    }

    r->limit.handler = ngx_rtprop_durable_history_late;
    r->limit.data = r;
    r->limit.log = r->d->worker->log;
    r->limit.cancelable = 1;

    ngx_add_timer(&r->limit, r->d->store->conf->grace);
}


static void
ngx_rtprop_durable_history_late(ngx_event_t *ev)
{
    ngx_rtprop_durable_reading_t *r = ev->data;

    ngx_rtprop_store_forget(r->d->store, &r->read.work);

    r->read.rc = NGX_ERROR;
    r->read.done(&r->read);
}


/*
 * The database is away, and the inner engine knows nothing: whoever joined now
 * could not be told where he stands, and comes again.  A user's own channel is
 * there for what is said live; where it stands is asked for later.
 */

static void
ngx_rtprop_durable_history_loose(ngx_rtprop_durable_reading_t *r)
{
    if (r->lazy) {
        r->op->epoch = 0;
        r->op->offset = 0;
    }

    ngx_rtprop_durable_history_done(r, r->lazy ? NGX_OK : NGX_ERROR);
}


/* Whether the caller was there once. */

static inline ngx_uint_t
ngx_rtprop_durable_history_claim(ngx_rtprop_durable_reading_t *r)
{
    return r->epoch == r->d->epoch && r->since <= r->op->offset;
}


/* Whether what the inner engine gave is all that there is to be given. */

static ngx_uint_t
ngx_rtprop_durable_history_whole(ngx_rtprop_durable_reading_t *r)
{
    ngx_rtprop_history_t  *op;

    op = r->op;

    if (op->limit == 0 || op->offset == 0 || op->first == 1 || op->recovered) {
        return 1;
    }

    if (op->tail) {
        return op->more && op->nevents == op->limit;
    }

    if (r->epoch && !ngx_rtprop_durable_history_claim(r)) {
        return 1;
    }

    return r->since == op->offset || (op->first && op->first <= r->since + 1);
}


static void
ngx_rtprop_durable_history_read(ngx_rtprop_durable_reading_t *r)
{
    r->read.after = (r->epoch == 0 || ngx_rtprop_durable_history_claim(r))
                    ? r->since : 0;
    r->read.upto = r->op->offset;
    r->read.done = ngx_rtprop_durable_history_more;

    ngx_rtprop_durable_history_ask(r);
}


/* Reads after, upto and done as they are set. */

static void
ngx_rtprop_durable_history_ask(ngx_rtprop_durable_reading_t *r)
{
    ngx_rtprop_history_t  *op;

    op = r->op;

    r->read.d = r->d;
    r->read.pool = op->op.pool;
    r->read.channel = op->channel;
    r->read.before = op->tail ? r->before : 0;
    r->read.flags = op->flags;
    r->read.count = op->limit;
    r->read.newest = op->tail;
    r->read.data = r;

    ngx_rtprop_durable_bump(r->d, NGX_RTPROP_DURABLE_HISTORY, 1);

    ngx_rtprop_durable_read(&r->read);
}


/*
 * With the database away the newest that the inner engine has will do, as long
 * as nobody takes them for all.  Who resumes is not told that what he missed
 * is lost, while the database has it: he comes again.
 */

static void
ngx_rtprop_durable_history_more(ngx_rtprop_durable_read_t *read)
{
    ngx_rtprop_history_t          *op;
    ngx_rtprop_durable_reading_t  *r;

    r = read->data;
    op = r->op;

    if (read->rc != NGX_OK) {
        op->more = 1;
        op->partial = 1;

        ngx_rtprop_durable_history_done(r,
                                   ((r->subscribe && r->epoch != op->epoch)
                                    || (op->tail && op->nevents))
                                   ? NGX_OK : NGX_ERROR);
        return;
    }

    op->events = read->events;
    op->nevents = read->nevents;
    op->more = read->more;

    if (read->nevents
        && (op->first == 0 || read->events[0].offset < op->first))
    {
        op->first = read->events[0].offset;
    }

    ngx_rtprop_durable_history_trim(r);

    /* with flags the others in between are not counted */

    if (ngx_rtprop_durable_history_claim(r)) {
        op->recovered = (op->offset - r->since <= op->limit
                         && (op->flags
                             || op->nevents == op->offset - r->since));
    }

    ngx_rtprop_durable_history_done(r, NGX_OK);
}


/* The inner engine is away for long: the database alone is asked. */

static void
ngx_rtprop_durable_history_alone(ngx_rtprop_durable_reading_t *r)
{
    r->read.after = r->epoch == 0 || r->epoch == r->d->epoch ? r->since : 0;
    r->read.upto = NGX_RTPROP_DURABLE_MAX;
    r->read.place = 1;
    r->read.done = ngx_rtprop_durable_history_alone_done;

    ngx_rtprop_durable_history_limit(r);
    ngx_rtprop_durable_history_ask(r);
}


static void
ngx_rtprop_durable_history_alone_done(ngx_rtprop_durable_read_t *read)
{
    ngx_rtprop_history_t          *op;
    ngx_rtprop_durable_reading_t  *r;

    r = read->data;
    op = r->op;

    if (r->limit.timer_set) {
        ngx_del_timer(&r->limit);
    }

    if (read->rc != NGX_OK) {

        if (r->lazy) {
            ngx_rtprop_failover_join(r->d, &op->channel);
            ngx_rtprop_durable_history_loose(r);

        } else {
            ngx_rtprop_durable_history_done(r, NGX_ERROR);
        }

        return;
    }

    op->epoch = r->d->epoch;
    op->offset = read->top;
    op->events = read->events;
    op->nevents = op->limit ? read->nevents : 0;
    op->more = read->more;
    op->first = read->nevents ? read->events[0].offset : 0;

    ngx_rtprop_durable_history_trim(r);

    op->recovered = ngx_rtprop_durable_history_claim(r)
                    && op->offset - r->since <= op->limit
                    && (op->flags || op->nevents == op->offset - r->since);

    if (r->subscribe) {
        ngx_rtprop_failover_join(r->d, &op->channel);
    }

    ngx_rtprop_durable_history_done(r, NGX_OK);
}


/*
 * Who goes on from a place gets what lies ahead of the first hole: he finds it
 * in front of him when he asks for more.
 */

static void
ngx_rtprop_durable_history_trim(ngx_rtprop_durable_reading_t *r)
{
    ngx_uint_t             i;
    ngx_rtprop_history_t  *op;

    op = r->op;

    if (op->tail || op->flags || !ngx_rtprop_durable_history_claim(r)) {
        return;
    }

    for (i = 1; i < op->nevents; i++) {
        if (op->events[i].offset != op->events[0].offset + i) {
            op->nevents = i;
            op->more = 1;
        }
    }
}


static void
ngx_rtprop_durable_history_done(ngx_rtprop_durable_reading_t *r, ngx_int_t rc)
{
    ngx_rtprop_history_t  *op;

    op = r->op;

    op->since = r->since;
    op->before = r->before;
    op->op.done = r->done;
    op->op.data = r->data;
    op->op.rc = rc;

    if (r->seeded) {
        op->subscribe = r->subscribe;
    }

    if (rc != NGX_OK && r->counted) {
        r->d->inner->unsubscribe(r->d->inner, &op->channel, 1);
    }

    op->op.done(&op->op);
}
