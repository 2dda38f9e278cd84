/*
 * The hub's counters.
 */

#include "hub/ngx_rtprop_hub.h"
#include "hub/ngx_rtprop_hub_deliver.h"


ngx_rtprop_stat_desc_t  ngx_rtprop_hub_stats[] = {

    { ngx_string("rtprop_hub_events_total"),
      ngx_string("Events that reached this instance's workers for delivery."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_hub_deliveries_total"),
      ngx_string("Events handed to sessions."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_hub_rereads_total"),
      ngx_string("Times a worker had to read missed events again."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_hub_anew_total"),
      ngx_string("Sessions told that what they missed is not to be had."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_hub_latency_seconds"),
      ngx_string("Time from the arrival of a message to its last delivery."),
      NGX_RTPROP_STAT_HISTOGRAM, ngx_null_string, 0 },

    { ngx_null_string, ngx_null_string, 0, ngx_null_string, 0 }
};


ngx_int_t
ngx_rtprop_hub_stat_preconfiguration(ngx_conf_t *cf)
{
    return ngx_rtprop_stat_add(cf, ngx_rtprop_hub_stats);
}
