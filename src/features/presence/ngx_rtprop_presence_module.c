/*
 * Presence of agents: what is registered.
 */

#include "features/presence/ngx_rtprop_presence.h"


static ngx_int_t ngx_rtprop_presence_preconfiguration(ngx_conf_t *cf);


#define NGX_RTPROP_PRESENCE_END  { NULL, 0, 0, 0, 0, NULL, NULL }


static const rtprop_field_t  ngx_rtprop_presence_busy_fields[] = {
    { "estimated_available", RTPROP_FIELD_ANY, 0, 0, 0, "until", NULL },
    NGX_RTPROP_PRESENCE_END
};


static const rtprop_field_t  ngx_rtprop_presence_check_fields[] = {
    { "agent_id", RTPROP_FIELD_ID, RTPROP_FIELD_REQUIRED|RTPROP_FIELD_BARE, 0,
      0, "id", NULL },
    NGX_RTPROP_PRESENCE_END
};


static ngx_rtprop_command_t  ngx_rtprop_presence_commands[] = {

    { .name = ngx_string("presence:agent_online"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .role = ngx_string(NGX_RTPROP_PRESENCE_ROLE),
      .handler = ngx_rtprop_presence_online },

    { .name = ngx_string("presence:agent_busy"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .fields = ngx_rtprop_presence_busy_fields,
      .role = ngx_string(NGX_RTPROP_PRESENCE_ROLE),
      .handler = ngx_rtprop_presence_busy },

    { .name = ngx_string("presence:agent_offline"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .role = ngx_string(NGX_RTPROP_PRESENCE_ROLE),
      .handler = ngx_rtprop_presence_offline },

    { .name = ngx_string("presence:check_agent"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .fields = ngx_rtprop_presence_check_fields,
      .handler = ngx_rtprop_presence_check },

    { .name = ngx_null_string }
};


static ngx_rtprop_resource_t  ngx_rtprop_presence_resources[] = {

    { .method = NGX_HTTP_GET,
      .path = ngx_string("agents/{id}"),
      .handler = ngx_rtprop_presence_http_get,
      .open = 1 },

    { .path = ngx_null_string }
};


static ngx_rtprop_event_type_t  ngx_rtprop_presence_events[] = {
    { ngx_string("presence:agent_status"), RTPROP_PRESENCE_KEYS, 0, 1 },
    { ngx_null_string, NULL, 0, 0 }
};


/* In the order of ngx_rtprop_presence_stat_e. */

ngx_rtprop_stat_desc_t  ngx_rtprop_presence_stats[] = {

    { ngx_string("rtprop_presence_changes_total"),
      ngx_string("Changes of an agent's status."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_presence_told_total"),
      ngx_string("Properties whose viewers were told of an agent."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_null_string, ngx_null_string, NGX_RTPROP_STAT_COUNTER,
      ngx_null_string, 0 }
};


static ngx_http_module_t  ngx_rtprop_presence_module_ctx = {
    ngx_rtprop_presence_preconfiguration,  /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_rtprop_presence_module = {
    NGX_MODULE_V1,
    &ngx_rtprop_presence_module_ctx,       /* module context */
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
ngx_rtprop_presence_preconfiguration(ngx_conf_t *cf)
{
    ngx_rtprop_fact_t      fact;
    ngx_rtprop_observer_t  observer;

    ngx_memzero(&observer, sizeof(ngx_rtprop_observer_t));
    observer.opened = ngx_rtprop_presence_came;
    observer.offline = ngx_rtprop_presence_went;
    observer.replied = ngx_rtprop_presence_replied;
    observer.assigned = ngx_rtprop_presence_assigned;

    ngx_memzero(&fact, sizeof(ngx_rtprop_fact_t));
    ngx_str_set(&fact.name, NGX_RTPROP_PRESENCE_DOC);
    fact.handler = ngx_rtprop_presence_fact;

    if (ngx_rtprop_commands_add(cf, ngx_rtprop_presence_commands, NULL)
        != NGX_OK
        || ngx_rtprop_resources_add(cf, ngx_rtprop_presence_resources, NULL)
           != NGX_OK
        || ngx_rtprop_presence_store(cf) != NGX_OK
        || ngx_rtprop_event_types_add(cf, ngx_rtprop_presence_events)
           != NGX_OK
        || ngx_rtprop_stat_add(cf, ngx_rtprop_presence_stats) != NGX_OK
        || ngx_rtprop_fact_add(cf, &fact) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_rtprop_observer_add(cf, &observer);
}
