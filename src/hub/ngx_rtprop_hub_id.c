/*
 * Ids of messages, bids, notifications: text for clients, so 63 bits are no
 * burden.
 *
 *   47  time since 2020 in 1/64 ms, which is never the same twice in a worker
 *    7  the worker's slot, which no other worker of the instance has
 *    9  the instance:
 *
 *         0 0 nnnnnnn   its number, which no other instance has
 *         0 1 nnnnnnn   its number, which one that Redis has forgotten may
 *                       still use in the way above
 *         1 hhhhhhhh    by chance: it has no number
 *
 * Workers of several instances are busy at the same moment, by the same event,
 * so time alone does not tell their ids apart.  Numbers are given by an engine
 * that has several instances.  While one has no number its ids differ from
 * those of all that have one; where they are written to a database it refuses
 * a second one, and another is tried.
 */

#include "hub/ngx_rtprop_hub.h"
#include "hub/ngx_rtprop_hub_channel.h"
#include "base/ngx_rtprop_zone.h"


#define NGX_RTPROP_HUB_2020        1577836800    /* s */
#define NGX_RTPROP_HUB_ID_WORKER   16    /* bits of slot and instance */
#define NGX_RTPROP_HUB_ID_SLOT     9     /* bits of the instance */
#define NGX_RTPROP_HUB_ID_UNSURE   0x080
#define NGX_RTPROP_HUB_ID_CHANCE   0x100


static uint64_t ngx_rtprop_hub_id_slot(ngx_rtprop_hub_t *hub);


/*
 * Whoever had the slot before may have been ahead of the clock, or the clock
 * was stepped back since.
 */

void
ngx_rtprop_hub_id_init(ngx_rtprop_hub_t *hub)
{
    uint64_t              chance;
    ngx_rtprop_worker_t  *worker;

    worker = hub->worker;
    chance = ngx_rtprop_zone_hash(worker->zone, "machine", 7)
             & (NGX_RTPROP_HUB_ID_CHANCE - 1);

    hub->id_chance = ngx_rtprop_hub_id_slot(hub) | NGX_RTPROP_HUB_ID_CHANCE
                     | chance;
    hub->id_last = &ngx_rtprop_zone_slot(worker->zone, worker->slot)->id;
    hub->id_time = *hub->id_last;
}


static uint64_t
ngx_rtprop_hub_id_slot(ngx_rtprop_hub_t *hub)
{
    return (uint64_t) (hub->worker->slot & 0x7f) << NGX_RTPROP_HUB_ID_SLOT;
}


/*
 * The clock is read anew, so that ids of several workers are in the order in
 * which they were made; one that is asked too often takes from the time to
 * come.  It is read ahead of the look at whether the number still counts: a
 * process that was stopped between the two has an id of then, at most.
 */

uint64_t
ngx_rtprop_hub_id(ngx_rtprop_hub_t *hub)
{
    uint64_t        now, worker;
    struct timeval  tv;

    ngx_gettimeofday(&tv);

    now = ((uint64_t) tv.tv_sec - NGX_RTPROP_HUB_2020) * 1000;
    now = (now << 6) + ((uint64_t) tv.tv_usec << 6) / 1000;

    hub->id_time = ngx_max(now, hub->id_time + 1);
    *hub->id_last = hub->id_time;

    worker = (ngx_rtprop_usec() < hub->id_until) ? hub->id_number
                                                 : hub->id_chance;

    return hub->id_time << NGX_RTPROP_HUB_ID_WORKER | worker;
}


void
ngx_rtprop_hub_id_numbered(ngx_rtprop_hub_t *hub, ngx_rtprop_number_t *number)
{
    hub->id_number = ngx_rtprop_hub_id_slot(hub) | number->n
                     | (number->sure ? 0 : NGX_RTPROP_HUB_ID_UNSURE);
    hub->id_until = number->until;
    hub->id_time = ngx_max(number->after, hub->id_time);
}


uint64_t
ngx_rtprop_hub_id_time(ngx_rtprop_hub_t *hub)
{
    return hub->id_time;
}


void
ngx_rtprop_hub_id_seen(ngx_rtprop_hub_t *hub, uint64_t id)
{
    hub->id_time = ngx_max(id >> NGX_RTPROP_HUB_ID_WORKER, hub->id_time);
}


/* Another worker's clock may be a little ahead: then ours follows it. */

uint64_t
ngx_rtprop_hub_id_after(ngx_rtprop_hub_t *hub, uint64_t last)
{
    ngx_rtprop_hub_id_seen(hub, last);

    return ngx_rtprop_hub_id(hub);
}
