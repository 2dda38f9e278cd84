/*
 * What is committed is told through the inner engine.
 *
 * Whoever tells first of a channel tells of all that came before, read from the
 * database: a channel's row was locked until the commit, so what has a lower
 * position is committed, too.  With the inner engine away nothing is told now;
 * it is, with the next event of the channel, or by whoever looks after the
 * channels.
 *
 * What the database does not have any more (it was purged, before all had
 * heard it) is skipped, but not silently: the channel begins anew behind it,
 * and who has heard what was ahead of it is told that he missed something.
 */

#include "store/ngx_rtprop_durable_in.h"
#include "store/ngx_rtprop_failover.h"


/* A channel being brought in step on its own. */

typedef struct {
    ngx_rtprop_history_t         history;
    ngx_rtprop_publish_t         publish;
    ngx_rtprop_durable_read_t    read;
    ngx_rtprop_durable_t        *d;
    ngx_pool_t                  *pool;
    ngx_str_t                    channel;
    uint64_t                     upto;
    void                       (*done)(void *data, ngx_int_t rc);
    void                        *data;
} ngx_rtprop_durable_gap_t;


static void ngx_rtprop_durable_carried(ngx_rtprop_op_t *op);
static void ngx_rtprop_durable_carry_send(ngx_rtprop_durable_carry_t *carry);
static void ngx_rtprop_durable_carry_gap(ngx_rtprop_durable_carry_t *carry);
static void ngx_rtprop_durable_carry_filled(void *data, ngx_int_t rc);
static ngx_int_t ngx_rtprop_durable_anew(ngx_rtprop_durable_t *d,
    ngx_rtprop_publish_t *publish, ngx_uint_t at, ngx_str_t *channel,
    uint64_t offset);
static void ngx_rtprop_durable_gap_next(ngx_rtprop_durable_gap_t *gap,
    uint64_t after);
static void ngx_rtprop_durable_gap_read(ngx_rtprop_durable_read_t *read);
static void ngx_rtprop_durable_gap_none(ngx_rtprop_durable_gap_t *gap);
static void ngx_rtprop_durable_gap_tell(ngx_rtprop_durable_gap_t *gap);
static void ngx_rtprop_durable_gap_told(ngx_rtprop_op_t *op);
static void ngx_rtprop_durable_gap_end(ngx_rtprop_durable_gap_t *gap,
    ngx_int_t rc);
static void ngx_rtprop_durable_heal_placed(ngx_rtprop_op_t *op);
static void ngx_rtprop_durable_heal_newest(ngx_rtprop_durable_read_t *read);
static void ngx_rtprop_durable_healed(void *data, ngx_int_t rc);


/* The inner engine may be back, and the exchange about to end. */

void
ngx_rtprop_durable_carry(ngx_rtprop_durable_carry_t *carry)
{
    ngx_rtprop_engine_t  *inner;

    if (carry->n == 0) {
        carry->done(carry);
        return;
    }

    inner = carry->d->inner;

    if (ngx_rtprop_failover_active(carry->d)
        && ngx_strcmp(inner->status(inner), "ok") != 0)
    {
        ngx_rtprop_failover_tell(carry->d, carry->events, carry->n);
        carry->done(carry);
        return;
    }

    carry->publish.op.pool = carry->pool;
    carry->publish.events = carry->events;
    carry->publish.nevents = carry->n;

    ngx_rtprop_durable_carry_send(carry);
}


static void
ngx_rtprop_durable_carry_send(ngx_rtprop_durable_carry_t *carry)
{
    ngx_rtprop_engine_t  *inner;

    carry->publish.op.done = ngx_rtprop_durable_carried;
    carry->publish.op.data = carry;
    carry->publish.carried = 1;

    inner = carry->d->inner;
    inner->publish(inner, &carry->publish);
}


static void
ngx_rtprop_durable_carried(ngx_rtprop_op_t *op)
{
    ngx_rtprop_durable_carry_t *carry = op->data;

    if (op->rc == NGX_DECLINED) {
        ngx_rtprop_durable_carry_gap(carry);
        return;
    }

    if (op->rc != NGX_OK) {
        ngx_log_error(NGX_LOG_WARN, carry->d->worker->log, 0,
                      "rtprop: an event of \"%V\" is committed, and will be "
                      "told later: %s", &carry->events[0].channel,
                      op->rc == NGX_BUSY ? "zone full" : "engine away");

        ngx_rtprop_failover_tell(carry->d, carry->events, carry->n);
    }

    carry->done(carry);
}


static void
ngx_rtprop_durable_carry_gap(ngx_rtprop_durable_carry_t *carry)
{
    ngx_rtprop_event_t        *ev;
    ngx_rtprop_durable_gap_t  *gap;

    ev = &carry->publish.events[carry->publish.failed];
    gap = ngx_pcalloc(carry->pool, sizeof(ngx_rtprop_durable_gap_t));

    if (gap == NULL) {
        carry->done(carry);
        return;
    }

    gap->d = carry->d;
    gap->pool = carry->pool;
    gap->channel = ev->channel;
    gap->upto = ev->offset - 1;
    gap->done = ngx_rtprop_durable_carry_filled;
    gap->data = carry;

    ngx_rtprop_durable_gap_next(gap, carry->publish.position);
}


/* NGX_DECLINED: what is ahead of it is not to be had. */

static void
ngx_rtprop_durable_carry_filled(void *data, ngx_int_t rc)
{
    ngx_rtprop_durable_carry_t *carry = data;

    ngx_rtprop_event_t  *ev;

    if (rc == NGX_DECLINED) {
        ev = &carry->publish.events[carry->publish.failed];

        rc = ngx_rtprop_durable_anew(carry->d, &carry->publish,
                                     carry->publish.failed, &ev->channel,
                                     ev->offset - 1);
    }

    if (rc != NGX_OK) {
        carry->done(carry);
        return;
    }

    ngx_rtprop_durable_carry_send(carry);
}


/*
 * Puts a position at that offset ahead of an event.  It is under an epoch of
 * no other use, so that the channel takes it, and with the event behind it,
 * in the same step, its own epoch again.
 */

static ngx_int_t
ngx_rtprop_durable_anew(ngx_rtprop_durable_t *d, ngx_rtprop_publish_t *publish,
    ngx_uint_t at, ngx_str_t *channel, uint64_t offset)
{
    ngx_uint_t           n;
    ngx_rtprop_event_t  *events;

    n = publish->nevents;
    events = ngx_pcalloc(publish->op.pool,
                         (n + 1) * sizeof(ngx_rtprop_event_t));

    if (events == NULL) {
        return NGX_ERROR;
    }

    ngx_log_error(NGX_LOG_WARN, d->worker->log, 0,
                  "rtprop: events of \"%V\" up to %uL are not in the database "
                  "any more, the channel begins anew", channel, offset);

    ngx_rtprop_durable_bump(d, NGX_RTPROP_DURABLE_ANEW, 1);

    ngx_memcpy(events, publish->events, at * sizeof(ngx_rtprop_event_t));
    ngx_memcpy(&events[at + 1], &publish->events[at],
               (n - at) * sizeof(ngx_rtprop_event_t));

    events[at].channel = *channel;
    events[at].epoch = d->epoch ^ 2;
    events[at].offset = offset;
    events[at].time = ngx_rtprop_now();
    events[at].flags = NGX_RTPROP_EV_POSITION;

    publish->events = events;
    publish->nevents = n + 1;

    return NGX_OK;
}


/* ------------------------------------------------------------------ gaps */

void
ngx_rtprop_durable_fill(ngx_rtprop_durable_t *d, ngx_pool_t *pool,
    ngx_str_t *channel, uint64_t after, void (*done)(void *data, ngx_int_t rc),
    void *data)
{
    ngx_rtprop_durable_gap_t  *gap;

    gap = ngx_pcalloc(pool, sizeof(ngx_rtprop_durable_gap_t));

    if (gap == NULL) {
        done(data, NGX_ERROR);
        return;
    }

    gap->d = d;
    gap->pool = pool;
    gap->channel = *channel;
    gap->upto = NGX_RTPROP_DURABLE_MAX;
    gap->done = done;
    gap->data = data;

    ngx_rtprop_durable_gap_next(gap, after);
}


static void
ngx_rtprop_durable_gap_next(ngx_rtprop_durable_gap_t *gap, uint64_t after)
{
    if (after >= gap->upto) {
        ngx_rtprop_durable_gap_end(gap, NGX_OK);
        return;
    }

    ngx_memzero(&gap->read, sizeof(ngx_rtprop_durable_read_t));

    gap->read.d = gap->d;
    gap->read.pool = gap->pool;
    gap->read.channel = gap->channel;
    gap->read.after = after;
    gap->read.upto = gap->upto;
    gap->read.count = NGX_RTPROP_DURABLE_HEAL;
    gap->read.place = (gap->upto == NGX_RTPROP_DURABLE_MAX);
    gap->read.done = ngx_rtprop_durable_gap_read;
    gap->read.data = gap;

    ngx_rtprop_durable_read(&gap->read);
}


/* Those up to the next hole, which the next reading begins with. */

static void
ngx_rtprop_durable_gap_read(ngx_rtprop_durable_read_t *read)
{
    ngx_uint_t                 n;
    ngx_rtprop_durable_gap_t  *gap;

    gap = read->data;

    if (read->rc != NGX_OK) {
        ngx_rtprop_durable_gap_end(gap, NGX_ERROR);
        return;
    }

    if (read->nevents == 0) {
        ngx_rtprop_durable_gap_none(gap);
        return;
    }

    for (n = 1; n < read->nevents; n++) {
        if (read->events[n].offset != read->events[0].offset + n) {
            break;
        }
    }

    read->nevents = n;

    ngx_rtprop_durable_gap_tell(gap);
}


/* Up to the place that was asked for, or the channel's; or all is told. */

static void
ngx_rtprop_durable_gap_none(ngx_rtprop_durable_gap_t *gap)
{
    ngx_rtprop_event_t         *ev;
    ngx_rtprop_durable_read_t  *read;

    read = &gap->read;

    if (gap->upto != NGX_RTPROP_DURABLE_MAX || read->top <= read->after) {
        ngx_rtprop_durable_gap_end(gap, read->place ? NGX_OK : NGX_DECLINED);
        return;
    }

    ev = ngx_pcalloc(gap->pool, sizeof(ngx_rtprop_event_t));

    if (ev == NULL) {
        ngx_rtprop_durable_gap_end(gap, NGX_ERROR);
        return;
    }

    ev->channel = gap->channel;
    ev->epoch = gap->d->epoch;
    ev->offset = read->top;
    ev->time = ngx_rtprop_now();
    ev->flags = NGX_RTPROP_EV_POSITION;

    read->events = ev;
    read->nevents = 1;

    ngx_rtprop_durable_gap_tell(gap);
}


static void
ngx_rtprop_durable_gap_tell(ngx_rtprop_durable_gap_t *gap)
{
    ngx_rtprop_event_t   *first;
    ngx_rtprop_engine_t  *inner;

    inner = gap->d->inner;
    first = gap->read.events;

    ngx_memzero(&gap->publish, sizeof(ngx_rtprop_publish_t));

    gap->publish.op.done = ngx_rtprop_durable_gap_told;
    gap->publish.op.data = gap;
    gap->publish.op.pool = gap->pool;
    gap->publish.events = gap->read.events;
    gap->publish.nevents = gap->read.nevents;
    gap->publish.carried = 1;

    if (gap->upto
        && (first->offset != gap->read.after + 1
            || (first->flags & NGX_RTPROP_EV_POSITION))
        && ngx_rtprop_durable_anew(gap->d, &gap->publish, 0, &gap->channel,
                                   first->offset - 1)
           != NGX_OK)
    {
        ngx_rtprop_durable_gap_end(gap, NGX_ERROR);
        return;
    }

    ngx_rtprop_durable_bump(gap->d, NGX_RTPROP_DURABLE_HEALED,
                            gap->read.nevents);

    inner->publish(inner, &gap->publish);
}


/*
 * A place is no event, so that nobody has heard of it yet.  NGX_DECLINED: the
 * engine fell back meanwhile.
 */

static void
ngx_rtprop_durable_gap_told(ngx_rtprop_op_t *op)
{
    ngx_rtprop_durable_gap_t *gap = op->data;

    ngx_rtprop_event_t  *last;

    switch (op->rc) {

    case NGX_OK:
        last = &gap->read.events[gap->read.nevents - 1];

        if (last->flags & NGX_RTPROP_EV_POSITION) {
            ngx_rtprop_hub_moved(gap->d->hub, &gap->channel, last->epoch,
                                 last->offset);
        }

        ngx_rtprop_durable_gap_next(gap, last->offset);
        return;

    case NGX_DECLINED:
        if (gap->publish.position < gap->read.after) {
            ngx_rtprop_durable_gap_next(gap, gap->publish.position);
            return;
        }
    }

    ngx_rtprop_durable_gap_end(gap, NGX_ERROR);
}


static void
ngx_rtprop_durable_gap_end(ngx_rtprop_durable_gap_t *gap, ngx_int_t rc)
{
    gap->done(gap->data, rc);
}


/* ------------------------------------------------------------------ heal */

void
ngx_rtprop_durable_heal(ngx_rtprop_durable_t *d, ngx_str_t *channel)
{
    ngx_pool_t                *pool;
    ngx_rtprop_event_t         ev;
    ngx_rtprop_durable_gap_t  *gap;

    if (ngx_rtprop_failover_active(d)) {
        /* whoever hears of it reads all that there is */
        ngx_memzero(&ev, sizeof(ngx_rtprop_event_t));
        ev.channel = *channel;
        ev.offset = NGX_RTPROP_DURABLE_MAX;

        ngx_rtprop_failover_tell(d, &ev, 1);
        return;
    }

    pool = ngx_rtprop_hub_pool(d->hub);

    if (pool == NULL) {
        return;
    }

    gap = ngx_pcalloc(pool, sizeof(ngx_rtprop_durable_gap_t));

    if (gap) {
        gap->channel.len = channel->len;
        gap->channel.data = ngx_pstrdup(pool, channel);
    }

    if (gap == NULL || gap->channel.data == NULL) {
        ngx_rtprop_hub_free_pool(d->hub, pool);
        return;
    }

    gap->d = d;
    gap->pool = pool;
    gap->upto = NGX_RTPROP_DURABLE_MAX;
    gap->done = ngx_rtprop_durable_healed;
    gap->data = gap;

    gap->history.op.done = ngx_rtprop_durable_heal_placed;
    gap->history.op.data = gap;
    gap->history.op.pool = pool;
    gap->history.channel = gap->channel;

    d->inner->history(d->inner, &gap->history);
}


/* A channel under another epoch begins anew; the rest is read. */

static void
ngx_rtprop_durable_heal_placed(ngx_rtprop_op_t *op)
{
    ngx_rtprop_durable_gap_t *gap = op->data;

    ngx_rtprop_durable_t  *d;

    d = gap->d;

    if (op->rc != NGX_OK || d->epoch == 0) {
        ngx_rtprop_durable_gap_end(gap, NGX_ERROR);
        return;
    }

    if (gap->history.epoch == d->epoch) {
        ngx_rtprop_durable_gap_next(gap, gap->history.offset);
        return;
    }

    gap->upto = 0;
    gap->read.d = d;
    gap->read.pool = gap->pool;
    gap->read.channel = gap->channel;
    gap->read.upto = NGX_RTPROP_DURABLE_MAX;
    gap->read.count = 1;
    gap->read.newest = 1;
    gap->read.done = ngx_rtprop_durable_heal_newest;
    gap->read.data = gap;

    ngx_rtprop_durable_read(&gap->read);
}


/* Who missed more reads it then. */

static void
ngx_rtprop_durable_heal_newest(ngx_rtprop_durable_read_t *read)
{
    ngx_rtprop_durable_gap_t  *gap;

    gap = read->data;

    if (read->rc != NGX_OK || read->nevents == 0) {
        ngx_rtprop_durable_gap_end(gap, read->rc);
        return;
    }

    ngx_rtprop_durable_gap_tell(gap);
}


static void
ngx_rtprop_durable_healed(void *data, ngx_int_t rc)
{
    ngx_rtprop_durable_gap_t *gap = data;

    ngx_rtprop_hub_free_pool(gap->d->hub, gap->pool);
}
