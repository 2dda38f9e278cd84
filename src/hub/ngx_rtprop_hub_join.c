/*
 * The way into a channel and out of it.
 */

#include "hub/ngx_rtprop_hub.h"
#include "hub/ngx_rtprop_hub_channel.h"
#include "hub/ngx_rtprop_hub_deliver.h"


static ngx_uint_t ngx_rtprop_hub_sub_full(ngx_rtprop_session_t *s);
static void ngx_rtprop_hub_joined(ngx_rtprop_op_t *op);
static void ngx_rtprop_hub_rejoined(ngx_rtprop_join_t *join);


/* Its own channel counts, whether there is a subscription to it or not. */

static ngx_uint_t
ngx_rtprop_hub_sub_full(ngx_rtprop_session_t *s)
{
    ngx_uint_t         n;
    ngx_queue_t       *q;
    ngx_rtprop_sub_t  *sub;

    n = 1;

    for (q = ngx_queue_head(&s->subs);
         q != ngx_queue_sentinel(&s->subs);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, link);
        n += (sub->channel->kind != NULL);
    }

    return n >= NGX_RTPROP_SUBS_MAX;
}


/*
 * The subscription stands from now on, but hears nothing until its place in
 * the channel is known; what is published meanwhile has a higher offset than
 * the place that the engine names, or is part of the history it gives.
 */

void
ngx_rtprop_hub_join(ngx_rtprop_hub_t *hub, ngx_rtprop_join_t *join)
{
    ngx_rtprop_session_t  *s;

    s = join->cmd->session;

    join->history.op.done = ngx_rtprop_hub_joined;
    join->history.op.data = join;
    join->history.op.pool = join->cmd->pool;
    join->had = 0;
    join->replayed = 0;
    join->sub = NULL;
    join->asked = join->history.epoch;

    if (s == NULL || s->state != NGX_RTPROP_SESSION_OPEN) {
        join->history.op.rc = NGX_ABORT;
        join->done(join);
        return;
    }

    join->sub = ngx_rtprop_hub_sub(hub, s, &join->history.channel);

    if (join->sub) {
        join->had = join->sub->kinds;
        join->sub->kinds |= join->kinds;
        join->history.subscribe = 0;
        join->history.limit = 0;

    } else if (ngx_rtprop_hub_sub_full(s)) {
        join->history.op.rc = NGX_BUSY;
        join->done(join);
        return;

    } else {
        join->sub = ngx_rtprop_hub_sub_create(hub, s, &join->history.channel);

        if (join->sub == NULL) {
            join->history.op.rc = NGX_ERROR;
            join->done(join);
            return;
        }

        join->sub->kinds = join->kinds;
        join->history.subscribe = 1;
    }

    hub->engine->history(hub->engine, &join->history);
}


/* What was joined before may have been left, or expelled, meanwhile. */

static void
ngx_rtprop_hub_joined(ngx_rtprop_op_t *op)
{
    ngx_rtprop_join_t *join = op->data;

    ngx_rtprop_hub_t  *hub;

    hub = join->cmd->worker->hub;

    if (join->cmd->session == NULL) {

        /* the session took its subscription with it */

        if (op->rc == NGX_OK && join->history.subscribe) {
            hub->engine->unsubscribe(hub->engine, &join->history.channel, 1);
        }

        join->sub = NULL;
        op->rc = NGX_ABORT;
        join->done(join);
        return;
    }

    if (join->had) {
        join->sub = ngx_rtprop_hub_sub(hub, join->cmd->session,
                                       &join->history.channel);
        ngx_rtprop_hub_rejoined(join);

    } else if (op->rc == NGX_OK) {
        ngx_rtprop_hub_placed(join->sub, &join->history);

    } else {
        ngx_rtprop_hub_sub_remove(hub, join->sub);
        join->sub = NULL;
    }

    join->done(join);
}


/*
 * What the session was sent is where it stands, not where the channel is.  What
 * it asked for may be the place of another epoch, or one that was not reached:
 * then what it has is not what the channel had.
 */

static void
ngx_rtprop_hub_rejoined(ngx_rtprop_join_t *join)
{
    ngx_rtprop_sub_t      *sub;
    ngx_rtprop_history_t  *history;

    sub = join->sub;
    history = &join->history;

    if (sub == NULL) {
        history->op.rc = (history->op.rc == NGX_OK) ? NGX_BUSY
                                                    : history->op.rc;
        return;
    }

    if (history->op.rc != NGX_OK) {
        sub->kinds = join->had;
        return;
    }

    if (sub->lost) {
        sub->offset = sub->channel->offset;
        sub->placed = join->resume;
    }

    if (sub->channel->epoch) {
        history->epoch = sub->channel->epoch;
        history->offset = sub->offset;
    }

    history->recovered = (join->asked == history->epoch
                          && history->since <= history->offset
                          && !sub->lost);

    if (join->resume && !history->recovered) {
        sub->pending = 1;
        sub->late = 0;
    }
}


void
ngx_rtprop_hub_placed(ngx_rtprop_sub_t *sub, ngx_rtprop_history_t *history)
{
    ngx_rtprop_channel_t  *ch;

    ch = sub->channel;

    sub->counted = history->subscribe;
    sub->offset = history->offset;

    if (ch->epoch == history->epoch) {

        /* an event that came ahead of the answer is not forgotten */

        if (ch->nsubs == 1) {
            ch->offset = ngx_max(ch->offset, history->offset);
        }

    } else if (ch->nsubs == 1 || ch->epoch == 0) {
        ch->epoch = history->epoch;
        ch->offset = history->offset;
    }
}


void
ngx_rtprop_hub_join_finish(ngx_rtprop_hub_t *hub, ngx_rtprop_join_t *join)
{
    ngx_uint_t         i;
    ngx_rtprop_sub_t  *sub;

    sub = join->sub;

    if (join->cmd->session == NULL || sub == NULL
        || (join->had && (!join->resume || join->history.recovered)))
    {
        return;
    }

    if (join->replay) {
        for (i = 0; i < join->history.nevents; i++) {
            join->replayed += ngx_rtprop_hub_send_event(hub, sub->session,
                                      sub->kinds, &join->history.events[i]);
        }
    }

    /* it may have been lost once more since */

    if (sub->placed) {
        sub->placed = 0;
        sub->lost = 0;
    }

    ngx_rtprop_hub_listen(hub, sub);
}


/* Only who stood before is still to be found by the channel's name. */

void
ngx_rtprop_hub_join_cancel(ngx_rtprop_hub_t *hub, ngx_rtprop_join_t *join)
{
    ngx_rtprop_sub_t  *sub;

    if (join->cmd->session == NULL || join->sub == NULL) {
        return;
    }

    join->sub = NULL;

    sub = ngx_rtprop_hub_sub(hub, join->cmd->session,
                             &join->history.channel);

    if (sub == NULL) {
        return;
    }

    if (join->had == 0) {
        ngx_rtprop_hub_sub_remove(hub, sub);
        return;
    }

    sub->kinds = join->had;

    if (sub->pending && !sub->late) {
        ngx_rtprop_hub_listen(hub, sub);
    }
}


void
ngx_rtprop_hub_listen(ngx_rtprop_hub_t *hub, ngx_rtprop_sub_t *sub)
{
    sub->stands = 1;

    if (sub->lost && !sub->expelled) {
        return;
    }

    if (sub->channel->reading && !sub->expelled) {

        /* what is being read may lie after what this one lacks */

        sub->late = 1;
        sub->channel->late = 1;
        return;
    }

    sub->pending = 0;

    if (sub->expelled) {
        ngx_rtprop_hub_sub_leave(hub, sub);
        return;
    }

    if (sub->channel->offset > sub->offset) {
        ngx_rtprop_hub_reread(hub, sub->channel, sub->offset);
    }
}


void
ngx_rtprop_hub_position(ngx_rtprop_join_t *join, ngx_rtprop_position_t *pos)
{
    pos->channel = join->history.channel;
    pos->epoch = join->history.epoch;
    pos->offset = join->history.offset;
}


ngx_int_t
ngx_rtprop_hub_leave(ngx_rtprop_hub_t *hub, ngx_rtprop_session_t *s,
    ngx_str_t *channel, ngx_uint_t kinds)
{
    ngx_rtprop_sub_t  *sub;

    sub = ngx_rtprop_hub_sub(hub, s, channel);

    if (sub == NULL || !sub->stands || !(sub->kinds & kinds)) {
        return NGX_DECLINED;
    }

    sub->kinds &= ~kinds;

    if (sub->kinds == 0) {
        ngx_rtprop_hub_sub_remove(hub, sub);
    }

    return NGX_OK;
}
