/*
 * Properties in a worker: who views or watches one, and what they are told.
 *
 *     ngx_rtprop_property_module.c     what is registered
 *     ngx_rtprop_property.c            view, subscribe, resume, leave
 *     ngx_rtprop_property_viewers.c    viewer_count, over all workers
 *     ngx_rtprop_property_http.c       the resource and its viewers
 *     ngx_rtprop_property_news.c       broadcasts
 *     rtprop_property*.c               the rules
 *
 * A property's document, its channel and the presence set of its viewers have
 * the same name, "property:{id}".
 */

#ifndef _NGX_RTPROP_PROPERTY_H_INCLUDED_
#define _NGX_RTPROP_PROPERTY_H_INCLUDED_


#include "base/ngx_rtprop_stat.h"
#include "hub/ngx_rtprop_hub.h"
#include "features/property/rtprop_property.h"


#define NGX_RTPROP_PROPERTY_PREFIX   "property"
#define NGX_RTPROP_PROPERTY_VIEWERS  "viewers"   /* leases, counters, jobs */
#define NGX_RTPROP_PROPERTY_MISSED   1000        /* events of one resume */


typedef enum {
    NGX_RTPROP_PROPERTY_VIEWS = 0,
    NGX_RTPROP_PROPERTY_WATCHES,
    NGX_RTPROP_PROPERTY_CHANGES,
    NGX_RTPROP_PROPERTY_COUNTS
} ngx_rtprop_property_stat_e;


extern ngx_module_t            ngx_rtprop_property_module;
extern ngx_rtprop_stat_desc_t  ngx_rtprop_property_stats[];


/* Says where properties are kept; part of preconfiguration. */
ngx_int_t ngx_rtprop_property_store(ngx_conf_t *cf);

/* Handlers of commands. */
void ngx_rtprop_property_view(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_property_watch(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_property_leave(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_property_unwatch(ngx_rtprop_cmd_t *cmd);

/* Handlers of resources. */
void ngx_rtprop_property_http_put(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_property_http_get(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_property_http_viewers(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_property_http_broadcast(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_property_http_status(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_property_http_price(ngx_rtprop_cmd_t *cmd);

/* The kind "property". */
void ngx_rtprop_property_resume(ngx_rtprop_resume_t *resume);
void ngx_rtprop_property_left(ngx_rtprop_session_t *s, ngx_rtprop_sub_t *sub,
    ngx_str_t *id, void *data);
/* who came is counted as who was lost is */
void ngx_rtprop_property_lost(ngx_rtprop_hub_t *hub, ngx_str_t *id,
    ngx_str_t *user, ngx_str_t *info, ngx_uint_t users, void *data);

/* The job "viewers:{id}": a worker that drains has it counted by another. */
void ngx_rtprop_property_count_job(ngx_rtprop_hub_t *hub, ngx_str_t *key,
    ngx_str_t *payload, uint64_t fence, void *data);


/*
 * The viewers of a property have changed, or one of them has not heard how
 * many they are: property:viewer_count goes out within 250 ms, over all workers
 * at most four times a second.  Waits for nothing; id is copied.
 */
void ngx_rtprop_property_count(ngx_rtprop_hub_t *hub, ngx_str_t *id);

/*
 * What an event of the rules is for the engine: channel and payload from pool,
 * the payload's reference is taken over.  NGX_OK, or NGX_ERROR.
 */
ngx_int_t ngx_rtprop_property_event(ngx_pool_t *pool, ngx_str_t *channel,
    rtprop_property_event_t *from, ngx_rtprop_event_t *ev);


static inline void
ngx_rtprop_property_stat(ngx_rtprop_worker_t *worker,
    ngx_rtprop_property_stat_e stat, int64_t delta)
{
    ngx_rtprop_stat_bump(worker, &ngx_rtprop_property_stats[stat], delta);
}


static inline ngx_str_t
ngx_rtprop_property_str(rtprop_str_t s)
{
    ngx_str_t  n;

    n.len = s.len;
    n.data = s.data;

    return n;
}


static inline rtprop_str_t
ngx_rtprop_property_pure(ngx_str_t *n)
{
    rtprop_str_t  s;

    s.len = n->len;
    s.data = n->data;

    return s;
}


#endif /* _NGX_RTPROP_PROPERTY_H_INCLUDED_ */
