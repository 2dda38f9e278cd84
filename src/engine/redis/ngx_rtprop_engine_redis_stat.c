/*
 * The engine's counters.  Those that both engines have are registered with the
 * embedded one's and found by their names.  What Redis alone knows, and has for
 * all instances together, is not shown: that of one would be 0, and their sum
 * a multiple.
 */

#include "engine/redis/ngx_rtprop_engine_redis.h"


static ngx_rtprop_stat_desc_t  ngx_rtprop_er_own_stats[] = {

    { ngx_string("rtprop_engine_workers_lost_total"),
      ngx_string("Workers taken for dead whose presence was ended."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_engine_users_lost_total"),
      ngx_string("Users whose last session in a set was a dead worker's."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_engine_away_total"),
      ngx_string("Times that the engine's Redis went away."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_engine_unnumbered_total"),
      ngx_string("Times that no number was left for this instance's ids."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_null_string, ngx_null_string,
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 }
};


static const char  *ngx_rtprop_er_names[] = {
    "rtprop_engine_published_total",
    "rtprop_engine_delivered_total",
    "rtprop_engine_jobs_total",
    "rtprop_engine_jobs_late_total",
    "rtprop_engine_channels",
    "rtprop_engine_workers_lost_total",
    "rtprop_engine_users_lost_total",
    "rtprop_engine_away_total",
    "rtprop_engine_unnumbered_total"
};


static const char  *ngx_rtprop_er_hidden[] = {
    "rtprop_engine_history_events",
    "rtprop_engine_jobs_waiting",
    NULL
};


ngx_int_t
ngx_rtprop_engine_redis_preconfiguration(ngx_conf_t *cf)
{
    return ngx_rtprop_stat_add(cf, ngx_rtprop_er_own_stats);
}


void
ngx_rtprop_er_stats(ngx_rtprop_er_t *er)
{
    ngx_uint_t                i, n;
    ngx_rtprop_stat_desc_t  **stat;

    stat = er->worker->conf->stats.elts;

    for (i = 0; i < er->worker->conf->stats.nelts; i++) {
        for (n = 0; n < NGX_RTPROP_ER_STATS; n++) {
            if (ngx_strcmp(stat[i]->name.data, ngx_rtprop_er_names[n]) == 0) {
                er->stats[n] = stat[i];
            }
        }

        for (n = 0; ngx_rtprop_er_hidden[n]; n++) {
            if (ngx_strcmp(stat[i]->name.data, ngx_rtprop_er_hidden[n]) == 0) {
                ngx_rtprop_stat_hide(er->worker, stat[i]);
            }
        }
    }
}


void
ngx_rtprop_er_bump(ngx_rtprop_er_t *er, ngx_rtprop_er_stat_e stat,
    int64_t delta)
{
    if (er->stats[stat]) {
        ngx_rtprop_stat_bump(er->worker, er->stats[stat], delta);
    }
}
