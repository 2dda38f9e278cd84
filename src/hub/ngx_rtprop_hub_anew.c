/*
 * What a channel's sessions missed is not to be had any more: the engine lost
 * its data, or history has let go of it.  Rather than skip it silently, each of
 * them gets the channel's state and "resumed" with recovered false, as if it
 * had asked to resume from a place that nobody knows.  The connections stay.
 *
 * There may be very many at once, so it is spread over the worker's turns; such
 * a subscription is pending until then, and hears nothing of the channel.
 *
 * A session that opened while the place of its user's channel was not to be had
 * is told of it in the same way, but hears what comes.
 */

#include "hub/ngx_rtprop_hub.h"
#include "hub/ngx_rtprop_hub_channel.h"
#include "hub/ngx_rtprop_hub_deliver.h"


#define NGX_RTPROP_HUB_ANEW       64    /* sessions of one turn ... */
#define NGX_RTPROP_HUB_ANEW_TURN  5     /* ... and ms between two turns */


static ngx_rtprop_sub_t *ngx_rtprop_hub_anew_next(ngx_rtprop_hub_t *hub);
static ngx_rtprop_sub_t *ngx_rtprop_hub_anew_of(ngx_rtprop_channel_t *ch);
static void ngx_rtprop_hub_anew_ask(ngx_rtprop_session_t *s);


static const ngx_rtprop_command_t  ngx_rtprop_hub_anew_command = {
    .name = ngx_string("resume"),
    .handler = ngx_rtprop_hub_resume_anew
};


void
ngx_rtprop_hub_give_up(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch)
{
    ngx_queue_t       *q;
    ngx_rtprop_sub_t  *sub;

    for (q = ngx_queue_head(&ch->subs);
         q != ngx_queue_sentinel(&ch->subs);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, queue);

        sub->pending = 1;
        sub->late = 0;
        sub->lost = 1;
        sub->asked = 0;
        sub->placed = 0;

        ngx_rtprop_hub_anew_soon(hub, ch);
    }
}


void
ngx_rtprop_hub_anew_soon(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch)
{
    ch->lost = 1;
    hub->anew_more = 1;

    if (!hub->anew.timer_set) {
        ngx_add_timer(&hub->anew, 0);
    }
}


void
ngx_rtprop_hub_user_found(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch,
    uint64_t epoch, uint64_t offset)
{
    ngx_queue_t           *q;
    ngx_rtprop_sub_t      *sub;
    ngx_rtprop_session_t  *s;

    for (q = ngx_queue_head(&ch->subs);
         q != ngx_queue_sentinel(&ch->subs);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, queue);
        s = sub->session;

        if (!s->placed || s->own.epoch) {
            continue;
        }

        s->own.epoch = epoch;
        s->own.offset = offset;
        s->own.start = offset;

        sub->offset = offset;
        sub->lost = 1;
        sub->asked = 0;

        ngx_rtprop_hub_anew_soon(hub, ch);
    }
}


/* A round over all channels, in turns; another if more were lost meanwhile. */

void
ngx_rtprop_hub_anew(ngx_event_t *ev)
{
    ngx_uint_t         n;
    ngx_rtprop_hub_t  *hub;
    ngx_rtprop_sub_t  *sub;

    hub = ev->data;

    if (hub->anew_bucket == 0) {
        hub->anew_size = hub->nbuckets;
        hub->anew_more = 0;
    }

    for (n = 0; n < NGX_RTPROP_HUB_ANEW; n++) {
        sub = ngx_rtprop_hub_anew_next(hub);

        if (sub == NULL) {
            hub->anew_bucket = 0;

            if (!hub->anew_more && hub->anew_size == hub->nbuckets) {
                return;
            }

            break;
        }

        ngx_rtprop_hub_anew_ask(sub->session);
    }

    if (!ev->timer_set) {
        ngx_add_timer(ev, NGX_RTPROP_HUB_ANEW_TURN);
    }
}


static ngx_rtprop_sub_t *
ngx_rtprop_hub_anew_next(ngx_rtprop_hub_t *hub)
{
    ngx_rtprop_sub_t      *sub;
    ngx_rtprop_channel_t  *ch;

    for ( /* void */ ; hub->anew_bucket < hub->nbuckets; hub->anew_bucket++) {

        for (ch = hub->buckets[hub->anew_bucket]; ch; ch = ch->next) {

            if (!ch->lost) {
                continue;
            }

            sub = ngx_rtprop_hub_anew_of(ch);

            if (sub) {
                return sub;
            }

            ch->lost = 0;
        }
    }

    return NULL;
}


/* Those that were found go to the end, so each is looked at once. */

static ngx_rtprop_sub_t *
ngx_rtprop_hub_anew_of(ngx_rtprop_channel_t *ch)
{
    ngx_queue_t       *q;
    ngx_rtprop_sub_t  *sub;

    for (q = ngx_queue_head(&ch->subs);
         q != ngx_queue_sentinel(&ch->subs);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, queue);

        if (sub->lost && !sub->asked) {
            ngx_queue_remove(q);
            ngx_queue_insert_tail(&ch->subs, q);
            return sub;
        }
    }

    return NULL;
}


/* One command for all that the session has lost so far. */

static void
ngx_rtprop_hub_anew_ask(ngx_rtprop_session_t *s)
{
    json_t            *channels;
    ngx_queue_t       *q;
    ngx_rtprop_sub_t  *sub;

    channels = json_object();

    for (q = ngx_queue_head(&s->subs);
         q != ngx_queue_sentinel(&s->subs);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, link);

        if (!sub->lost || sub->asked) {
            continue;
        }

        sub->asked = 1;

        if (json_object_setn_new(channels, (char *) sub->channel->name,
                                 sub->channel->name_len, json_null())
            != 0)
        {
            json_decref(channels);
            channels = NULL;
            break;
        }
    }

    if (s->state != NGX_RTPROP_SESSION_OPEN) {
        json_decref(channels);
        return;
    }

    ngx_rtprop_stat_bump(s->worker, ngx_rtprop_hub_stat_anew, 1);

    if (ngx_rtprop_command_own(s, &ngx_rtprop_hub_anew_command, channels)
        != NGX_OK)
    {
        ngx_rtprop_session_close(s, NGX_RTPROP_CLOSE_SLOW,
                                 NGX_RTPROP_HUB_MISSED);
    }
}
