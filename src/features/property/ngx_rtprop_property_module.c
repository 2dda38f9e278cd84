/*
 * Properties: what is registered.
 */

#include "features/property/ngx_rtprop_property.h"


static ngx_int_t ngx_rtprop_property_preconfiguration(ngx_conf_t *cf);


#define NGX_RTPROP_PROPERTY_ID                                                \
    { "property_id", RTPROP_FIELD_ID,                                         \
      RTPROP_FIELD_REQUIRED|RTPROP_FIELD_BARE, 0, 0, "id", NULL }

#define NGX_RTPROP_PROPERTY_END  { NULL, 0, 0, 0, 0, NULL, NULL }


static const rtprop_field_t  ngx_rtprop_property_id_fields[] = {
    NGX_RTPROP_PROPERTY_ID,
    NGX_RTPROP_PROPERTY_END
};


/* The first two are known to the handlers by their places. */

static const rtprop_field_t  ngx_rtprop_property_news_fields[] = {
    { "property_id", RTPROP_FIELD_ID, RTPROP_FIELD_REQUIRED, 0, 0, NULL,
      NULL },
    { "data", RTPROP_FIELD_OBJECT, 0, 0, 0, NULL, NULL },
    { "event", RTPROP_FIELD_STRING, RTPROP_FIELD_REQUIRED, 1, 64, "type",
      NULL },
    NGX_RTPROP_PROPERTY_END
};


static const rtprop_field_t  ngx_rtprop_property_flat_fields[] = {
    { "property_id", RTPROP_FIELD_ID, RTPROP_FIELD_REQUIRED, 0, 0, NULL,
      NULL },
    { "data", RTPROP_FIELD_OBJECT, 0, 0, 0, NULL, NULL },
    NGX_RTPROP_PROPERTY_END
};


static ngx_rtprop_command_t  ngx_rtprop_property_commands[] = {

    { .name = ngx_string("property:view"),
      .aliases = ngx_string("join_property_view"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .fields = ngx_rtprop_property_id_fields,
      .handler = ngx_rtprop_property_view,
      .flat = 1 },

    { .name = ngx_string("property:leave"),
      .aliases = ngx_string("leave_property_view"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .fields = ngx_rtprop_property_id_fields,
      .handler = ngx_rtprop_property_leave,
      .flat = 1 },

    { .name = ngx_string("property:subscribe"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .fields = ngx_rtprop_property_id_fields,
      .handler = ngx_rtprop_property_watch,
      .flat = 1 },

    { .name = ngx_string("property:unsubscribe"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .fields = ngx_rtprop_property_id_fields,
      .handler = ngx_rtprop_property_unwatch,
      .flat = 1 },

    { .name = ngx_null_string }
};


static ngx_rtprop_resource_t  ngx_rtprop_property_resources[] = {

    { .method = NGX_HTTP_PUT,
      .path = ngx_string("properties/{id}"),
      .handler = ngx_rtprop_property_http_put },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("properties/{id}"),
      .handler = ngx_rtprop_property_http_get,
      .open = 1 },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("properties/{id}/viewers"),
      .handler = ngx_rtprop_property_http_viewers,
      .open = 1 },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("broadcast/property"),
      .fields = ngx_rtprop_property_news_fields,
      .handler = ngx_rtprop_property_http_broadcast },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("broadcast/property-status"),
      .fields = ngx_rtprop_property_flat_fields,
      .handler = ngx_rtprop_property_http_status },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("broadcast/price-update"),
      .fields = ngx_rtprop_property_flat_fields,
      .handler = ngx_rtprop_property_http_price },

    { .path = ngx_null_string }
};


static ngx_rtprop_event_type_t  ngx_rtprop_property_events[] = {

    { ngx_string("property:state"),
      RTPROP_PROPERTY_KEYS " last_seen property_ids estimated_available "
      "typical_reply_minutes", 0, 1 },

    { ngx_string("property:viewer_count"), RTPROP_PROPERTY_KEYS, 0, 1 },
    { ngx_string("property:status_changed"), RTPROP_PROPERTY_KEYS, 1, 0 },
    { ngx_string("property:price_updated"), RTPROP_PROPERTY_KEYS, 1, 0 },
    { ngx_string("property:activity_update"), RTPROP_PROPERTY_KEYS, 1, 0 },
    { ngx_string("property:new_photos_added"), "property_id updated_at", 1, 0 },
    { ngx_string("property:open_house_scheduled"),
      "property_id updated_at", 1, 0 },
    { ngx_string("property:property_featured"),
      "property_id updated_at", 1, 0 },
    { ngx_string("property:virtual_tour_available"),
      "property_id updated_at", 1, 0 },

    { ngx_null_string, NULL, 0, 0 }
};


/* In the order of ngx_rtprop_property_stat_e. */

ngx_rtprop_stat_desc_t  ngx_rtprop_property_stats[] = {

    { ngx_string("rtprop_property_views_total"),
      ngx_string("Sessions that began to view a property."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_property_watches_total"),
      ngx_string("Sessions that began to watch a property."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_property_changes_total"),
      ngx_string("Properties put or broadcast."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_property_counts_total"),
      ngx_string("Viewer counts published."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_null_string, ngx_null_string, NGX_RTPROP_STAT_COUNTER,
      ngx_null_string, 0 }
};


static ngx_http_module_t  ngx_rtprop_property_module_ctx = {
    ngx_rtprop_property_preconfiguration,  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_rtprop_property_module = {
    NGX_MODULE_V1,
    &ngx_rtprop_property_module_ctx,       /* module context */
    NULL,                                  /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_rtprop_property_preconfiguration(ngx_conf_t *cf)
{
    ngx_rtprop_job_t   job;
    ngx_rtprop_kind_t  kind;

    ngx_memzero(&kind, sizeof(ngx_rtprop_kind_t));
    ngx_str_set(&kind.prefix, NGX_RTPROP_PROPERTY_PREFIX);
    kind.resume = ngx_rtprop_property_resume;
    kind.left = ngx_rtprop_property_left;
    kind.lost = ngx_rtprop_property_lost;
    kind.came = ngx_rtprop_property_lost;

    ngx_memzero(&job, sizeof(ngx_rtprop_job_t));
    ngx_str_set(&job.prefix, NGX_RTPROP_PROPERTY_VIEWERS);
    job.handler = ngx_rtprop_property_count_job;

    if (ngx_rtprop_commands_add(cf, ngx_rtprop_property_commands, NULL)
        != NGX_OK
        || ngx_rtprop_resources_add(cf, ngx_rtprop_property_resources, NULL)
           != NGX_OK
        || ngx_rtprop_property_store(cf) != NGX_OK
        || ngx_rtprop_event_types_add(cf, ngx_rtprop_property_events)
           != NGX_OK
        || ngx_rtprop_stat_add(cf, ngx_rtprop_property_stats) != NGX_OK
        || ngx_rtprop_job_add(cf, &job) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_rtprop_kind_add(cf, &kind);
}
