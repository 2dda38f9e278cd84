/*
 * auction:bidder_count, at most four a second per auction and worker.
 *
 * The first change is told at once; while the pace of an auction runs further
 * ones are not, but the next beat counts anew and tells what has changed.  So
 * the last count that goes out is right, also when two workers were so close
 * that the earlier of their counts came second.
 */

#include "features/auction/ngx_rtprop_auction.h"


#define NGX_RTPROP_AUCTION_PACE   250       /* ms */
#define NGX_RTPROP_AUCTION_PACES  1024      /* auctions of one worker */


typedef struct {
    ngx_queue_t                 queue;
    ngx_event_t                 timer;
    ngx_rtprop_members_t        members;
    ngx_rtprop_hub_t           *hub;
    ngx_str_t                   id;
    ngx_uint_t                  last;       /* told by this worker */
} ngx_rtprop_auction_pace_t;


static ngx_rtprop_auction_conf_t *ngx_rtprop_auction_conf(
    ngx_rtprop_hub_t *hub);
static ngx_rtprop_auction_pace_t *ngx_rtprop_auction_pace(
    ngx_rtprop_hub_t *hub, ngx_str_t *id);
static void ngx_rtprop_auction_beat(ngx_event_t *ev);
static void ngx_rtprop_auction_counted_anew(ngx_rtprop_op_t *op);
static void ngx_rtprop_auction_publish_count(ngx_rtprop_hub_t *hub,
    ngx_str_t *id, ngx_uint_t users);


static ngx_rtprop_auction_conf_t *
ngx_rtprop_auction_conf(ngx_rtprop_hub_t *hub)
{
    return ngx_http_cycle_get_module_main_conf(hub->worker->cycle,
                                               ngx_rtprop_auction_module);
}


void
ngx_rtprop_auction_started(ngx_rtprop_worker_t *worker, void *data)
{
    ngx_rtprop_auction_conf_t *conf = data;

    ngx_queue_init(&conf->paces);
    ngx_queue_init(&conf->refused);
}


void
ngx_rtprop_auction_tell_count(ngx_rtprop_hub_t *hub, ngx_str_t *id,
    ngx_uint_t users)
{
    ngx_queue_t                *q;
    ngx_rtprop_auction_conf_t  *conf;
    ngx_rtprop_auction_pace_t  *pace;

    conf = ngx_rtprop_auction_conf(hub);

    for (q = ngx_queue_head(&conf->paces);
         q != ngx_queue_sentinel(&conf->paces);
         q = ngx_queue_next(q))
    {
        pace = ngx_queue_data(q, ngx_rtprop_auction_pace_t, queue);

        if (pace->id.len == id->len
            && ngx_memcmp(pace->id.data, id->data, id->len) == 0)
        {
            return;
        }
    }

    /* who is about to exit has no time for a pace */

    if (!hub->worker->draining && !ngx_exiting
        && conf->npaces < NGX_RTPROP_AUCTION_PACES)
    {
        pace = ngx_rtprop_auction_pace(hub, id);

        if (pace) {
            pace->last = users;
            ngx_queue_insert_tail(&conf->paces, &pace->queue);
            conf->npaces++;
            ngx_add_timer(&pace->timer, NGX_RTPROP_AUCTION_PACE);
        }
    }

    ngx_rtprop_auction_publish_count(hub, id, users);
}


static ngx_rtprop_auction_pace_t *
ngx_rtprop_auction_pace(ngx_rtprop_hub_t *hub, ngx_str_t *id)
{
    ngx_pool_t                 *pool;
    ngx_rtprop_auction_pace_t  *pace;

    pool = ngx_rtprop_hub_pool(hub);

    if (pool == NULL) {
        return NULL;
    }

    pace = ngx_pcalloc(pool, sizeof(ngx_rtprop_auction_pace_t));

    if (pace == NULL
        || ngx_rtprop_hub_channel_name(pool, NGX_RTPROP_AUCTION_PREFIX, id,
                                       &pace->members.set)
           != NGX_OK)
    {
        ngx_rtprop_hub_free_pool(hub, pool);
        return NULL;
    }

    ngx_rtprop_hub_channel_id(&pace->members.set, &pace->id);

    pace->hub = hub;

    pace->members.op.done = ngx_rtprop_auction_counted_anew;
    pace->members.op.data = pace;
    pace->members.op.pool = pool;

    pace->timer.handler = ngx_rtprop_auction_beat;
    pace->timer.data = pace;
    pace->timer.log = hub->worker->log;
    pace->timer.cancelable = 1;

    return pace;
}


static void
ngx_rtprop_auction_beat(ngx_event_t *ev)
{
    ngx_rtprop_auction_pace_t *pace = ev->data;

    ngx_rtprop_engine_t  *e;

    e = pace->hub->engine;
    e->members(e, &pace->members);
}


static void
ngx_rtprop_auction_counted_anew(ngx_rtprop_op_t *op)
{
    ngx_rtprop_auction_pace_t *pace = op->data;

    if (op->rc == NGX_OK && pace->members.users != pace->last) {
        pace->last = pace->members.users;
        ngx_rtprop_auction_publish_count(pace->hub, &pace->id, pace->last);

        ngx_add_timer(&pace->timer, NGX_RTPROP_AUCTION_PACE);
        return;
    }

    ngx_queue_remove(&pace->queue);
    ngx_rtprop_auction_conf(pace->hub)->npaces--;

    ngx_rtprop_hub_free_pool(pace->hub, op->pool);
}


static void
ngx_rtprop_auction_publish_count(ngx_rtprop_hub_t *hub, ngx_str_t *id,
    ngx_uint_t users)
{
    u_char                  channel[NGX_RTPROP_CHANNEL_MAX];
    ngx_rtprop_event_t      ev;
    rtprop_auction_view_t   view;

    ngx_memzero(&ev, sizeof(ngx_rtprop_event_t));
    ngx_memzero(&view, sizeof(rtprop_auction_view_t));

    view.id = ngx_rtprop_auction_pure(id);

    ev.channel.data = channel;
    ev.channel.len = ngx_snprintf(channel, sizeof(channel),
                                  NGX_RTPROP_AUCTION_PREFIX ":%V", id)
                     - channel;
    ev.flags = NGX_RTPROP_EV_VOLATILE;
    ngx_str_set(&ev.type, "auction:bidder_count");
    ngx_str_set(&ev.replace, "count");

    (void) ngx_rtprop_hub_publish(hub, &ev,
                                  rtprop_auction_count_payload(&view, users));
}
