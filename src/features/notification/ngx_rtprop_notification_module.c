/*
 * Notifications: what is registered.
 */

#include "features/notification/ngx_rtprop_notification.h"


static ngx_int_t ngx_rtprop_notification_preconfiguration(ngx_conf_t *cf);


#define NGX_RTPROP_NOTIFICATION_END  { NULL, 0, 0, 0, 0, NULL, NULL }


static const rtprop_field_t  ngx_rtprop_notification_list_fields[] = {
    { "before", RTPROP_FIELD_ID, 0, 0, 0, NULL, NULL },
    { "limit", RTPROP_FIELD_INT, 0, 1, 100, NULL, NULL },
    NGX_RTPROP_NOTIFICATION_END
};


static const rtprop_field_t  ngx_rtprop_notification_read_fields[] = {
    { "id", RTPROP_FIELD_ID, RTPROP_FIELD_BARE, 0, 0, "notification_id",
      NULL },
    { "all", RTPROP_FIELD_BOOL, 0, 0, 0, NULL, NULL },
    NGX_RTPROP_NOTIFICATION_END
};


static ngx_rtprop_command_t  ngx_rtprop_notification_commands[] = {

    { .name = ngx_string("notification:list"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .fields = ngx_rtprop_notification_list_fields,
      .handler = ngx_rtprop_notification_list },

    { .name = ngx_string("notification:read"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .fields = ngx_rtprop_notification_read_fields,
      .handler = ngx_rtprop_notification_mark },

    { .name = ngx_null_string }
};


/* The body is judged by the rules. */

static ngx_rtprop_resource_t  ngx_rtprop_notification_resources[] = {

    { .method = NGX_HTTP_POST,
      .path = ngx_string("broadcast/notification"),
      .handler = ngx_rtprop_notification_http_post },

    { .path = ngx_null_string }
};


static ngx_rtprop_event_type_t  ngx_rtprop_notification_events[] = {
    { ngx_string("notification"), RTPROP_NOTIFICATION_KEYS, 1, 0 },
    { ngx_string("notification:list"), RTPROP_NOTIFICATION_KEYS, 0, 1 },
    { ngx_string("notification:unread"), RTPROP_NOTIFICATION_KEYS, 1, 1 },
    { ngx_null_string, NULL, 0, 0 }
};


/* In the order of ngx_rtprop_notification_stat_e. */

ngx_rtprop_stat_desc_t  ngx_rtprop_notification_stats[] = {

    { ngx_string("rtprop_notification_sent_total"),
      ngx_string("Notifications stored for a user."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_notification_scheduled_total"),
      ngx_string("Notifications to be delivered later, by user."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_notification_reads_total"),
      ngx_string("Commands that marked notifications as read."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_notification_failures_total"),
      ngx_string("Notifications that could not be stored for a user."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_null_string, ngx_null_string, NGX_RTPROP_STAT_COUNTER,
      ngx_null_string, 0 }
};


static ngx_http_module_t  ngx_rtprop_notification_module_ctx = {
    ngx_rtprop_notification_preconfiguration,  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_rtprop_notification_module = {
    NGX_MODULE_V1,
    &ngx_rtprop_notification_module_ctx,   /* module context */
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
ngx_rtprop_notification_preconfiguration(ngx_conf_t *cf)
{
    ngx_rtprop_job_t  job;

    ngx_memzero(&job, sizeof(ngx_rtprop_job_t));
    ngx_str_set(&job.prefix, NGX_RTPROP_NOTIFICATION_JOB);
    job.handler = ngx_rtprop_notification_job;

    if (ngx_rtprop_commands_add(cf, ngx_rtprop_notification_commands, NULL)
        != NGX_OK
        || ngx_rtprop_resources_add(cf, ngx_rtprop_notification_resources,
                                    NULL)
           != NGX_OK
        || ngx_rtprop_notification_store(cf) != NGX_OK
        || ngx_rtprop_event_types_add(cf, ngx_rtprop_notification_events)
           != NGX_OK
        || ngx_rtprop_stat_add(cf, ngx_rtprop_notification_stats) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_rtprop_job_add(cf, &job);
}
