/*
 * The Redis client's counters and gauges.
 */

#include "engine/redis/ngx_rtprop_redis_conn.h"


/* In the order of ngx_rtprop_redis_stat_e. */

static ngx_rtprop_stat_desc_t  ngx_rtprop_redis_stats[] = {

    { ngx_string("rtprop_redis_commands_total"),
      ngx_string("Commands given to the Redis client."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_redis_failed_total"),
      ngx_string("Commands that ended without Redis having served them."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_redis_refused_total"),
      ngx_string("Commands refused because the queue to Redis was full."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_redis_oom_total"),
      ngx_string("Commands that Redis refused for want of memory."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_redis_messages_total"),
      ngx_string("Messages that came from subscriptions."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_redis_connects_total"),
      ngx_string("Connections to Redis that were made and logged in."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_redis_lost_total"),
      ngx_string("Connections to Redis that were lost."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_redis_timeouts_total"),
      ngx_string("Connects and replies that did not come in time."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_redis_malformed_total"),
      ngx_string("Connections closed because of what Redis sent."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_redis_scripts_total"),
      ngx_string("Times that a script's text had to be sent."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_redis_redirects_total"),
      ngx_string("Times that a cluster said that a slot is elsewhere."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_redis_up"),
      ngx_string("Workers whose Redis serves and is subscribed."),
      NGX_RTPROP_STAT_GAUGE, ngx_null_string, 0 },

    { ngx_string("rtprop_redis_commands_waiting"),
      ngx_string("Commands that wait for Redis."),
      NGX_RTPROP_STAT_GAUGE, ngx_null_string, 0 },

    { ngx_string("rtprop_redis_subscriptions"),
      ngx_string("Channels that workers are subscribed to in Redis."),
      NGX_RTPROP_STAT_GAUGE, ngx_null_string, 0 },

    { ngx_string("rtprop_redis_command_seconds"),
      ngx_string("From sending a command to Redis to its reply."),
      NGX_RTPROP_STAT_HISTOGRAM, ngx_null_string, 0 },

    { ngx_null_string, ngx_null_string,
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 }
};


ngx_int_t
ngx_rtprop_redis_preconfiguration(ngx_conf_t *cf)
{
    return ngx_rtprop_stat_add(cf, ngx_rtprop_redis_stats);
}


void
ngx_rtprop_redis_stat(ngx_rtprop_redis_t *redis, ngx_rtprop_redis_stat_e stat,
    int64_t delta)
{
    ngx_rtprop_stat_bump(redis->worker, &ngx_rtprop_redis_stats[stat], delta);
}


void
ngx_rtprop_redis_stat_latency(ngx_rtprop_redis_t *redis, uint64_t usec)
{
    ngx_rtprop_stat_observe(redis->worker,
                     &ngx_rtprop_redis_stats[NGX_RTPROP_REDIS_STAT_LATENCY],
                            usec);
}
