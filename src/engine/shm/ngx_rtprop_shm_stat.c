/*
 * The embedded engine's counters and gauges.
 */

#include "engine/shm/ngx_rtprop_shm.h"


static int64_t ngx_rtprop_shm_stat_channels(ngx_rtprop_worker_t *worker);
static int64_t ngx_rtprop_shm_stat_events(ngx_rtprop_worker_t *worker);
static int64_t ngx_rtprop_shm_stat_waiting(ngx_rtprop_worker_t *worker);


ngx_rtprop_stat_desc_t  ngx_rtprop_shm_stats[] = {

    { ngx_string("rtprop_engine_published_total"),
      ngx_string("Events given to the engine."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_engine_delivered_total"),
      ngx_string("Events that came to workers from the engine."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_engine_overruns_total"),
      ngx_string("Times that a worker was too slow for the ring."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_engine_evicted_total"),
      ngx_string("Events dropped from history before their time for room."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_engine_full_total"),
      ngx_string("Operations refused because the zone was full."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_engine_jobs_total"),
      ngx_string("Scheduled jobs that were started."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_engine_jobs_late_total"),
      ngx_string("Scheduled jobs started more than a second late."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_engine_channels"),
      ngx_string("Channels known to the engine."),
      NGX_RTPROP_STAT_GAUGE, ngx_null_string, 0 },

    { ngx_string("rtprop_engine_history_events"),
      ngx_string("Events in the histories of all channels."),
      NGX_RTPROP_STAT_GAUGE, ngx_null_string, 0 },

    { ngx_string("rtprop_engine_jobs_waiting"),
      ngx_string("Scheduled jobs that are not finished."),
      NGX_RTPROP_STAT_GAUGE, ngx_null_string, 0 },

    { ngx_null_string, ngx_null_string,
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 }
};


ngx_int_t
ngx_rtprop_engine_shm_preconfiguration(ngx_conf_t *cf)
{
    return ngx_rtprop_stat_add(cf, ngx_rtprop_shm_stats);
}


void
ngx_rtprop_shm_stat_sources(ngx_rtprop_shm_t *shm)
{
    ngx_rtprop_worker_t     *worker;
    ngx_rtprop_stat_desc_t  *stats;

    worker = shm->worker;
    stats = ngx_rtprop_shm_stats;

    ngx_rtprop_stat_source(worker, &stats[NGX_RTPROP_SHM_STAT_CHANNELS],
                           ngx_rtprop_shm_stat_channels);
    ngx_rtprop_stat_source(worker, &stats[NGX_RTPROP_SHM_STAT_EVENTS],
                           ngx_rtprop_shm_stat_events);
    ngx_rtprop_stat_source(worker, &stats[NGX_RTPROP_SHM_STAT_WAITING],
                           ngx_rtprop_shm_stat_waiting);
}


static inline ngx_rtprop_shm_root_t *
ngx_rtprop_shm_root(ngx_rtprop_worker_t *worker)
{
    return ngx_rtprop_zone_ptr(worker->zone,
                               ngx_rtprop_zone_root(worker->zone,
                                                    NGX_RTPROP_ROOT_ENGINE));
}


static int64_t
ngx_rtprop_shm_stat_channels(ngx_rtprop_worker_t *worker)
{
    return ngx_rtprop_shm_root(worker)->channels;
}


static int64_t
ngx_rtprop_shm_stat_events(ngx_rtprop_worker_t *worker)
{
    return ngx_rtprop_shm_root(worker)->events;
}


static int64_t
ngx_rtprop_shm_stat_waiting(ngx_rtprop_worker_t *worker)
{
    return ngx_rtprop_shm_root(worker)->jobs;
}
