/*
 * A channel's place: the event that comes next, and reading once more.  What a
 * gap, an overrun or an engine that was away has left out is fetched from
 * history, and where that is impossible, nobody is left to believe that he has
 * heard all.
 */

#include "hub/ngx_rtprop_hub.h"
#include "hub/ngx_rtprop_hub_channel.h"
#include "hub/ngx_rtprop_hub_deliver.h"


#define NGX_RTPROP_HUB_REREAD  200      /* events of one re-read */


#define NGX_RTPROP_HUB_RETRY   1000     /* ms */


typedef struct {
    ngx_rtprop_history_t         history;
    ngx_rtprop_hub_t            *hub;
    uint64_t                     epoch;     /* asked for */
} ngx_rtprop_hub_reread_t;


static void ngx_rtprop_hub_restart(ngx_rtprop_channel_t *ch);
static void ngx_rtprop_hub_reread_done(ngx_rtprop_op_t *op);
static void ngx_rtprop_hub_reread_late(ngx_rtprop_channel_t *ch);
static void ngx_rtprop_hub_reread_later(ngx_rtprop_hub_t *hub,
    ngx_rtprop_channel_t *ch, uint64_t since);
static ngx_uint_t ngx_rtprop_hub_reread_anew(ngx_rtprop_hub_reread_t *r,
    ngx_rtprop_channel_t *ch);
static void ngx_rtprop_hub_resend(ngx_rtprop_hub_t *hub,
    ngx_rtprop_channel_t *ch, ngx_rtprop_event_t *ev);


ngx_int_t
ngx_rtprop_hub_in_order(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch,
    ngx_rtprop_event_t *ev)
{
    if (ev->epoch != ch->epoch) {

        if (ch->epoch == 0 && ch->kind == NULL) {
            ngx_rtprop_hub_user_found(hub, ch, ev->epoch, ev->offset - 1);

        } else if (ev->offset == 1 && (ch->kind == NULL || ch->offset == 0)) {
            ngx_rtprop_hub_restart(ch);

        } else if (ch->epoch) {
            ngx_log_error(NGX_LOG_NOTICE, hub->worker->log, 0,
                          "rtprop: channel \"%V\" began anew", &ev->channel);
            ngx_rtprop_hub_give_up(hub, ch);
        }

        ch->epoch = ev->epoch;
        ch->offset = ev->offset;

        return NGX_OK;
    }

    if (ev->offset <= ch->offset) {
        return NGX_DECLINED;
    }

    if (ev->offset > ch->offset + 1 || ch->reading || ch->behind) {

        /* what this batch holds already goes out first */

        if (ch->first != -1) {
            ch->since = ch->behind ? ngx_min(ch->since, ch->offset)
                                   : ch->offset;
            ch->behind = 1;

        } else {
            ngx_rtprop_hub_reread(hub, ch, ch->offset);
        }

        return NGX_DECLINED;
    }

    ch->offset = ev->offset;

    return NGX_OK;
}


/*
 * A user's channel, which is not counted, may be forgotten by the engine.  Its
 * first event is the next one for all who had heard all.
 */

static void
ngx_rtprop_hub_restart(ngx_rtprop_channel_t *ch)
{
    ngx_queue_t       *q;
    ngx_rtprop_sub_t  *sub;

    for (q = ngx_queue_head(&ch->subs);
         q != ngx_queue_sentinel(&ch->subs);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, queue);
        sub->offset = 0;
    }
}


/* The ring was overrun or the engine was away: every channel may lack some. */

void
ngx_rtprop_hub_lost(ngx_rtprop_hub_t *hub)
{
    ngx_uint_t             i;
    ngx_rtprop_channel_t  *ch, *next;

    ngx_rtprop_hub_user_channels(hub);

    for (i = 0; i < hub->nbuckets; i++) {
        for (ch = hub->buckets[i]; ch; ch = next) {
            next = ch->next;

            if (ch->epoch) {
                ngx_rtprop_hub_reread(hub, ch, ch->offset);
            }
        }
    }
}


void
ngx_rtprop_hub_reread(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch,
    uint64_t since)
{
    ngx_str_t                 name;
    ngx_pool_t               *pool;
    ngx_rtprop_hub_reread_t  *r;

    if (ch->reading) {
        ch->since = ch->behind ? ngx_min(ch->since, since) : since;
        ch->behind = 1;
        return;
    }

    if (ch->behind) {
        since = ngx_min(ch->since, since);
    }

    pool = ngx_rtprop_hub_pool(hub);

    if (pool == NULL) {
        ngx_rtprop_hub_give_up(hub, ch);
        return;
    }

    r = ngx_pcalloc(pool, sizeof(ngx_rtprop_hub_reread_t));
    name.len = ch->name_len;
    name.data = ch->name;

    if (r) {
        r->history.channel.len = name.len;
        r->history.channel.data = ngx_pstrdup(pool, &name);
    }

    if (r == NULL || r->history.channel.data == NULL) {
        ngx_rtprop_hub_free_pool(hub, pool);
        ngx_rtprop_hub_give_up(hub, ch);
        return;
    }

    ngx_rtprop_stat_bump(hub->worker, ngx_rtprop_hub_stat_rereads, 1);

    ch->reading = 1;
    ch->behind = 0;

    r->hub = hub;
    r->history.op.done = ngx_rtprop_hub_reread_done;
    r->history.op.data = r;
    r->history.op.pool = pool;
    r->epoch = ch->epoch;
    r->history.epoch = ch->epoch;
    r->history.since = since;
    r->history.limit = ch->epoch ? NGX_RTPROP_HUB_REREAD : 0;

    hub->engine->history(hub->engine, &r->history);
}


static void
ngx_rtprop_hub_reread_done(ngx_rtprop_op_t *op)
{
    ngx_rtprop_hub_reread_t *r = op->data;

    uint64_t               last;
    ngx_uint_t             i;
    ngx_rtprop_hub_t      *hub;
    ngx_rtprop_channel_t  *ch;

    hub = r->hub;
    ch = ngx_rtprop_hub_channel(hub, &r->history.channel);
    last = r->history.since;

    ch->reading = 0;

    if (op->rc != NGX_OK) {
        ngx_rtprop_hub_reread_later(hub, ch, last);
        goto done;
    }

    if (ngx_rtprop_hub_reread_anew(r, ch)) {
        last = ch->offset;

    } else {
        for (i = 0; i < r->history.nevents; i++) {
            ngx_rtprop_hub_resend(hub, ch, &r->history.events[i]);
            last = r->history.events[i].offset;
        }

        ch->offset = ngx_max(ch->offset, last);
    }

    ngx_rtprop_hub_reread_late(ch);

    if (ch->nsubs && (ch->behind || r->history.offset > last)) {
        ngx_rtprop_hub_reread(hub, ch, ch->behind ? ngx_min(ch->since, last)
                                                  : last);

    } else if (ch->nsubs && last < ch->offset) {

        /* the engine is behind what was heard here, and will be told of it */

        ngx_rtprop_hub_reread_later(hub, ch, last);

    } else if (r->history.nevents == 0) {
        ngx_rtprop_hub_user_fold(hub, ch);
    }

done:

    ngx_rtprop_hub_channel_release(hub, ch);
    ngx_rtprop_hub_free_pool(hub, op->pool);
}


/*
 * Whether what was asked for is not to be had, or only the place was asked for.
 * A channel without any event so far has missed none of another epoch; it began
 * anew by an event meanwhile, or does so now.
 */

static ngx_uint_t
ngx_rtprop_hub_reread_anew(ngx_rtprop_hub_reread_t *r,
    ngx_rtprop_channel_t *ch)
{
    if (r->epoch != ch->epoch) {
        return 1;
    }

    if (ch->epoch == 0) {
        ch->epoch = r->history.epoch;
        ch->offset = r->history.offset;
        ngx_rtprop_hub_user_found(r->hub, ch, ch->epoch, ch->offset);

        return 1;
    }

    if (r->history.epoch == ch->epoch
        && (r->history.nevents
            ? r->history.events[0].offset <= r->history.since + 1
            : r->history.offset <= r->history.since))
    {
        return 0;
    }

    if (r->history.epoch == ch->epoch || ch->offset) {
        ngx_rtprop_hub_give_up(r->hub, ch);
        ch->offset = r->history.offset;
    }

    ch->epoch = r->history.epoch;

    return 1;
}


/* Those who came while it was read hear it from now on, from their place. */

static void
ngx_rtprop_hub_reread_late(ngx_rtprop_channel_t *ch)
{
    ngx_queue_t       *q;
    ngx_rtprop_sub_t  *sub;

    if (!ch->late) {
        return;
    }

    ch->late = 0;

    for (q = ngx_queue_head(&ch->subs);
         q != ngx_queue_sentinel(&ch->subs);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, queue);

        if (!sub->late) {
            continue;
        }

        sub->late = 0;

        if (sub->lost) {
            continue;
        }

        sub->pending = 0;

        if (sub->offset < ch->offset) {
            ch->since = ch->behind ? ngx_min(ch->since, sub->offset)
                                   : sub->offset;
            ch->behind = 1;
        }
    }
}


/* The engine is away: the sessions stay, and hear what they missed after it. */

static void
ngx_rtprop_hub_reread_later(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch,
    uint64_t since)
{
    ch->since = ch->behind ? ngx_min(ch->since, since) : since;
    ch->behind = 1;

    if (!hub->retry.timer_set) {
        ngx_add_timer(&hub->retry, NGX_RTPROP_HUB_RETRY);
    }
}


void
ngx_rtprop_hub_retry(ngx_event_t *ev)
{
    ngx_uint_t             i;
    ngx_rtprop_hub_t      *hub;
    ngx_rtprop_channel_t  *ch, *next;

    hub = ev->data;

    for (i = 0; i < hub->nbuckets; i++) {
        for (ch = hub->buckets[i]; ch; ch = next) {
            next = ch->next;

            if (ch->behind && !ch->reading) {
                ngx_rtprop_hub_reread(hub, ch, ch->since);
            }
        }
    }
}


/* A user who had not heard anything yet just learns where his channel is. */

void
ngx_rtprop_hub_behind(ngx_rtprop_hub_t *hub, ngx_str_t *channel,
    uint64_t epoch, uint64_t offset)
{
    ngx_rtprop_channel_t  *ch;

    ch = ngx_rtprop_hub_channel(hub, channel);

    if (ch == NULL) {
        if (offset == 0 && ngx_rtprop_hub_user_anew(hub, channel, epoch)) {
            return;
        }

        ch = ngx_rtprop_hub_user_channel(hub, channel);
    }

    if (ch == NULL || ch->epoch == 0) {
        return;
    }

    if (ch->epoch != epoch || ch->offset < offset) {
        ngx_rtprop_hub_reread(hub, ch, ch->offset);

    } else if (!ch->reading && !ch->behind) {
        ngx_rtprop_hub_user_fold(hub, ch);
        ngx_rtprop_hub_channel_release(hub, ch);
    }
}


static void
ngx_rtprop_hub_resend(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch,
    ngx_rtprop_event_t *ev)
{
    ngx_queue_t            *q;
    ngx_rtprop_sub_t       *sub;
    ngx_rtprop_hub_item_t   item;

    if (ev->flags & NGX_RTPROP_EV_HIDDEN) {
        return;
    }

    ngx_rtprop_hub_item_init(&item, ev);

    for (q = ngx_queue_head(&ch->subs);
         q != ngx_queue_sentinel(&ch->subs);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, queue);

        if (!sub->pending && sub->session->state == NGX_RTPROP_SESSION_OPEN
            && ev->offset > sub->offset)
        {
            ngx_rtprop_hub_item_send(hub, &item, sub);
            ngx_rtprop_hub_receipt(hub, &item, 0, sub);
        }
    }

    ngx_rtprop_hub_item_free(&item);
}
