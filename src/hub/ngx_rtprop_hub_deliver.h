/*
 * What comes back from the engine, to the sessions; for the hub's own files.
 */

#ifndef _NGX_RTPROP_HUB_DELIVER_H_INCLUDED_
#define _NGX_RTPROP_HUB_DELIVER_H_INCLUDED_


#include "base/ngx_rtprop_stat.h"
#include "hub/ngx_rtprop_hub.h"


/* One event of a batch, with the frames made of it so far. */

#define NGX_RTPROP_HUB_MISSED  "events were missed, resume"
#define NGX_RTPROP_HUB_BATCH   64       /* events that are sorted at once */


typedef struct {
    ngx_rtprop_event_t          *ev;
    int32_t                      next;     /* of the same channel; -1 */
    unsigned                     plain:1;  /* for all alike */
    unsigned                     receipt:1;
    uint32_t                     made;     /* a bit for each frame there is */
    ngx_rtprop_frame_t          *frames[2 * NGX_RTPROP_VARIANTS];
} ngx_rtprop_hub_item_t;


extern ngx_rtprop_stat_desc_t  ngx_rtprop_hub_stats[];

#define ngx_rtprop_hub_stat_events      (&ngx_rtprop_hub_stats[0])
#define ngx_rtprop_hub_stat_deliveries  (&ngx_rtprop_hub_stats[1])
#define ngx_rtprop_hub_stat_rereads     (&ngx_rtprop_hub_stats[2])
#define ngx_rtprop_hub_stat_anew        (&ngx_rtprop_hub_stats[3])
#define ngx_rtprop_hub_stat_latency     (&ngx_rtprop_hub_stats[4])


/* Registers counters; called by the hub's preconfiguration. */
ngx_int_t ngx_rtprop_hub_stat_preconfiguration(ngx_conf_t *cf);

/* The engine's handler, see ngx_rtprop_engine_handler_t. */
void ngx_rtprop_hub_deliver(ngx_rtprop_hub_t *hub, ngx_rtprop_event_t *events,
    ngx_uint_t n);
void ngx_rtprop_hub_lost(ngx_rtprop_hub_t *hub);
void ngx_rtprop_hub_behind(ngx_rtprop_hub_t *hub, ngx_str_t *channel,
    uint64_t epoch, uint64_t offset);

/*
 * An event that has an offset: moves the channel's place on.  NGX_DECLINED: the
 * channel had it, or must be read again first, which is seen to.
 */
ngx_int_t ngx_rtprop_hub_in_order(ngx_rtprop_hub_t *hub,
    ngx_rtprop_channel_t *ch, ngx_rtprop_event_t *ev);

/* Re-reads that failed, since the engine was away, are tried again. */
void ngx_rtprop_hub_retry(ngx_event_t *ev);

/*
 * Reads what the channel published after since and sends it to those of its
 * subscriptions that have not had it.
 */
void ngx_rtprop_hub_reread(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch,
    uint64_t since);

/*
 * What is missing is not to be had: the channel's sessions hear nothing of it
 * until they have got its state, by ngx_rtprop_hub_anew(), which is set going.
 * One that cannot get it is closed, to come back and resume.
 */
void ngx_rtprop_hub_give_up(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch);

/*
 * Where the user's channel is has been found out: sessions that had no place
 * begin there, and are told.
 */
void ngx_rtprop_hub_user_found(ngx_rtprop_hub_t *hub,
    ngx_rtprop_channel_t *ch, uint64_t epoch, uint64_t offset);

/* Subscriptions of the channel are marked as lost: each will be told. */
void ngx_rtprop_hub_anew_soon(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch);
void ngx_rtprop_hub_anew(ngx_event_t *ev);

/* The command "resume": the places of channels that a client has kept. */
void ngx_rtprop_hub_resume(ngx_rtprop_cmd_t *cmd);

/* Resumes the channels that the payload names, as if from no place at all. */
void ngx_rtprop_hub_resume_anew(ngx_rtprop_cmd_t *cmd);

/* An item has no frames yet; free gives up those that were made. */
void ngx_rtprop_hub_item_init(ngx_rtprop_hub_item_t *item,
    ngx_rtprop_event_t *ev);
void ngx_rtprop_hub_item_free(ngx_rtprop_hub_item_t *item);

/* Sends an item unless the subscription has had it, or it is not for it. */
void ngx_rtprop_hub_item_send(ngx_rtprop_hub_t *hub,
    ngx_rtprop_hub_item_t *item, ngx_rtprop_sub_t *sub);

/*
 * Of items linked by "next", from items[i] on: tells the kind of those for
 * which this is the first receiver, other than the author, that reads.
 */
void ngx_rtprop_hub_receipt(ngx_rtprop_hub_t *hub,
    ngx_rtprop_hub_item_t *items, int32_t i, ngx_rtprop_sub_t *sub);

/* Whether the session is this user's; an empty one is nobody. */
ngx_uint_t ngx_rtprop_hub_is_user(ngx_str_t *user, ngx_rtprop_session_t *s);

/* Does what a control event asks for; subscriptions may go. */
void ngx_rtprop_hub_control(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch,
    ngx_rtprop_event_t *ev);

/* Frees the pools given to ngx_rtprop_hub_free_pool(). */
void ngx_rtprop_hub_sweep(ngx_event_t *ev);

/* Sends one event of history; 1 if it was for a subscription of these kinds. */
ngx_uint_t ngx_rtprop_hub_send_event(ngx_rtprop_hub_t *hub,
    ngx_rtprop_session_t *s, ngx_uint_t kinds, ngx_rtprop_event_t *ev);

/* Copies an event without its payload; all strings into pool. */
ngx_int_t ngx_rtprop_hub_event_copy(ngx_pool_t *pool, ngx_rtprop_event_t *dst,
    ngx_rtprop_event_t *src);


#endif /* _NGX_RTPROP_HUB_DELIVER_H_INCLUDED_ */
