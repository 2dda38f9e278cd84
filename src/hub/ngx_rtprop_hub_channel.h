/*
 * Channels and subscriptions of this worker; for the hub's own files.
 */

#ifndef _NGX_RTPROP_HUB_CHANNEL_H_INCLUDED_
#define _NGX_RTPROP_HUB_CHANNEL_H_INCLUDED_


#include "hub/ngx_rtprop_hub.h"


/* Control events, from hub to hub. */

#define NGX_RTPROP_CONTROL_KICK   "$kick"      /* user:{id}: {reason} */
#define NGX_RTPROP_CONTROL_EXPEL  "$expel"     /* any channel: {users} */
#define NGX_RTPROP_CONTROL_MOVED  "$moved"     /* the same: {epoch, offset} */


ngx_int_t ngx_rtprop_hub_channels_init(ngx_rtprop_hub_t *hub);

/* Ids begin after those that the worker's slot has had. */
void ngx_rtprop_hub_id_init(ngx_rtprop_hub_t *hub);

/* The engine's handler, see ngx_rtprop_engine_handler_t. */
uint64_t ngx_rtprop_hub_id_time(ngx_rtprop_hub_t *hub);
void ngx_rtprop_hub_id_numbered(ngx_rtprop_hub_t *hub,
    ngx_rtprop_number_t *number);

/* The table of documents with updates under way. */
ngx_int_t ngx_rtprop_hub_updates_init(ngx_rtprop_hub_t *hub);

/* The channel of this name, or NULL. */
ngx_rtprop_channel_t *ngx_rtprop_hub_channel(ngx_rtprop_hub_t *hub,
    ngx_str_t *name);

/* The registered kind that a name belongs to, or NULL. */
ngx_rtprop_kind_t *ngx_rtprop_hub_kind(ngx_rtprop_main_conf_t *rmcf,
    ngx_str_t *name);

/* Makes a channel; NULL without memory, or if the name is too long. */
ngx_rtprop_channel_t *ngx_rtprop_hub_channel_create(ngx_rtprop_hub_t *hub,
    ngx_str_t *name);

/* Makes a subscription whose join is under way; NULL without memory. */
ngx_rtprop_sub_t *ngx_rtprop_hub_sub_attach(ngx_rtprop_hub_t *hub,
    ngx_rtprop_session_t *s, ngx_rtprop_channel_t *ch);

/* The same by the channel's name; the channel is made if need be. */
ngx_rtprop_sub_t *ngx_rtprop_hub_sub_create(ngx_rtprop_hub_t *hub,
    ngx_rtprop_session_t *s, ngx_str_t *name);

/*
 * Unlinks and frees a subscription, counts it out in the engine if it was
 * counted in, and frees the channel with the last one.
 */
void ngx_rtprop_hub_sub_remove(ngx_rtprop_hub_t *hub, ngx_rtprop_sub_t *sub);

/* The same, after its kind was told that the session has left. */
void ngx_rtprop_hub_sub_leave(ngx_rtprop_hub_t *hub, ngx_rtprop_sub_t *sub);

/* Frees a channel that nobody needs any more. */
void ngx_rtprop_hub_channel_release(ngx_rtprop_hub_t *hub,
    ngx_rtprop_channel_t *ch);


/* ------------------------------------------------ ngx_rtprop_hub_join.c --- */

/* The position of a new subscription, and of its channel if it is new here. */
void ngx_rtprop_hub_placed(ngx_rtprop_sub_t *sub,
    ngx_rtprop_history_t *history);

/* From now on it hears what comes, after what came while it was pending. */
void ngx_rtprop_hub_listen(ngx_rtprop_hub_t *hub, ngx_rtprop_sub_t *sub);


/* ------------------------------------------------- ngx_rtprop_hub_job.c --- */

/* Registers counters; called by the hub's preconfiguration. */
ngx_int_t ngx_rtprop_hub_jobs_preconfiguration(ngx_conf_t *cf);

ngx_int_t ngx_rtprop_hub_jobs_init(ngx_rtprop_hub_t *hub);

/* The worker ends: what still waits is given up, counted and told. */
void ngx_rtprop_hub_jobs_exit(ngx_rtprop_hub_t *hub);


/* ------------------------------------------------ ngx_rtprop_hub_user.c --- */

ngx_int_t ngx_rtprop_hub_users_init(ngx_rtprop_hub_t *hub);

/* One of the user's sessions here that is open, or NULL. */
ngx_rtprop_session_t *ngx_rtprop_hub_user_here(ngx_rtprop_hub_t *hub,
    ngx_str_t *id);

/*
 * Finds the place of a session that opens in "user:{id}", then lets its
 * protocol send the first frames.
 */
void ngx_rtprop_hub_user_join(ngx_rtprop_hub_t *hub, ngx_rtprop_session_t *s);

/* The opposite; its subscriptions are gone already. */
void ngx_rtprop_hub_user_leave(ngx_rtprop_hub_t *hub,
    ngx_rtprop_session_t *s);

/*
 * Makes the channel "user:{id}" of the user's sessions here; there is none
 * yet.  NULL: it is not a user's, or the user is not here, or no memory.
 */
ngx_rtprop_channel_t *ngx_rtprop_hub_user_channel(ngx_rtprop_hub_t *hub,
    ngx_str_t *name);

/*
 * The user's channel, which is not made, has no event under a new epoch.  0:
 * some session has heard one under the last.
 */
ngx_uint_t ngx_rtprop_hub_user_anew(ngx_rtprop_hub_t *hub, ngx_str_t *name,
    uint64_t epoch);

/* The same for all users, those that are there stay. */
void ngx_rtprop_hub_user_channels(ngx_rtprop_hub_t *hub);

/*
 * Takes a user's channel away again, the sessions keep their places; not in the
 * middle of anything.  ch may be freed when its last use by the caller, who
 * holds it, is over: ngx_rtprop_hub_channel_release() follows.
 */
void ngx_rtprop_hub_user_fold(ngx_rtprop_hub_t *hub,
    ngx_rtprop_channel_t *ch);


#endif /* _NGX_RTPROP_HUB_CHANNEL_H_INCLUDED_ */
