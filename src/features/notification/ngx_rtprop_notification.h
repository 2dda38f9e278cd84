/*
 * Notifications in a worker: a user's list, and what the host sends to many.
 *
 *     ngx_rtprop_notification_module.c     what is registered
 *     ngx_rtprop_notification.c            list and read
 *     ngx_rtprop_notification_send.c       broadcasts, at once or later
 *     ngx_rtprop_notification_deliver.c    to one user after the other
 *     rtprop_notification*.c               the rules
 *
 * A user's document is "notifications:{user}"; what changes it goes out on the
 * user's own channel in the same step.
 */

#ifndef _NGX_RTPROP_NOTIFICATION_H_INCLUDED_
#define _NGX_RTPROP_NOTIFICATION_H_INCLUDED_


#include "base/ngx_rtprop_stat.h"
#include "hub/ngx_rtprop_hub.h"
#include "features/notification/rtprop_notification.h"


#define NGX_RTPROP_NOTIFICATION_DOC    "notifications"
#define NGX_RTPROP_NOTIFICATION_JOB    "notify"
#define NGX_RTPROP_NOTIFICATION_USER   "user"
#define NGX_RTPROP_NOTIFICATION_KEEP   2592000000ULL  /* ms untouched: 30 d */
#define NGX_RTPROP_NOTIFICATION_CHUNK  100       /* users of one job */
#define NGX_RTPROP_NOTIFICATION_LATE   3600000   /* ms a job is tried again */


typedef enum {
    NGX_RTPROP_NOTIFICATION_SENT = 0,
    NGX_RTPROP_NOTIFICATION_SCHEDULED,
    NGX_RTPROP_NOTIFICATION_READ,
    NGX_RTPROP_NOTIFICATION_FAILED
} ngx_rtprop_notification_stat_e;


extern ngx_module_t            ngx_rtprop_notification_module;
extern ngx_rtprop_stat_desc_t  ngx_rtprop_notification_stats[];


/*
 * One notification on its way to its users, some of them in each turn of the
 * loop.  It has a pool of its own, made and destroyed by
 * ngx_rtprop_notification_delivery_create() and _free().
 */
typedef struct ngx_rtprop_notification_delivery_s
    ngx_rtprop_notification_delivery_t;

struct ngx_rtprop_notification_delivery_s {
    ngx_rtprop_hub_t           *hub;
    ngx_pool_t                 *pool;
    json_t                     *users;          /* owned: ids */
    json_t                     *notification;   /* owned */
    uint64_t                    arrived;        /* as in events */
    void                      (*done)(ngx_rtprop_notification_delivery_t *d);
    void                       *data;

    /* out */
    uint64_t                    epoch;          /* of the last one's event */
    uint64_t                    offset;
    json_t                     *failed;         /* ids of those not reached */

    /* private */
    ngx_event_t                 turn;
    ngx_str_t                   text;
    size_t                      next;
    ngx_uint_t                  waiting;
};


/* Says where notifications are kept; part of preconfiguration. */
ngx_int_t ngx_rtprop_notification_store(ngx_conf_t *cf);

/* Handlers of commands. */
void ngx_rtprop_notification_list(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_notification_mark(ngx_rtprop_cmd_t *cmd);

/* The resource broadcast/notification. */
void ngx_rtprop_notification_http_post(ngx_rtprop_cmd_t *cmd);

/* The job "notify:{id}:{chunk}". */
void ngx_rtprop_notification_job(ngx_rtprop_hub_t *hub, ngx_str_t *key,
    ngx_str_t *payload, uint64_t fence, void *data);


/* Takes both references over, also when it returns NULL (no memory). */
ngx_rtprop_notification_delivery_t *ngx_rtprop_notification_delivery_create(
    ngx_rtprop_hub_t *hub, json_t *users, json_t *notification);

/*
 * Stores it for each of the users and tells their connections in the same
 * step; a user who has it already is passed over.  done() is called once, maybe
 * before this returns.
 */
void ngx_rtprop_notification_deliver(ngx_rtprop_notification_delivery_t *d);

/* Not before done(). */
void ngx_rtprop_notification_delivery_free(
    ngx_rtprop_notification_delivery_t *d);


static inline void
ngx_rtprop_notification_stat(ngx_rtprop_worker_t *worker,
    ngx_rtprop_notification_stat_e stat, int64_t delta)
{
    ngx_rtprop_stat_bump(worker, &ngx_rtprop_notification_stats[stat], delta);
}


/* The text of a user's document into pool; doc is borrowed. */
ngx_int_t ngx_rtprop_notification_dump(ngx_pool_t *pool, json_t *doc,
    ngx_str_t *text);


#endif /* _NGX_RTPROP_NOTIFICATION_H_INCLUDED_ */
