/*
 * "rtprop echo": each message comes back as it was, for trying out and for
 * conformance suites.  No user, no session.
 */

#include "ngx_rtprop.h"
#include "ws/ngx_rtprop_ws.h"


static ngx_int_t ngx_rtprop_echo_preconfiguration(ngx_conf_t *cf);


static ngx_http_module_t  ngx_rtprop_echo_module_ctx = {
    ngx_rtprop_echo_preconfiguration,      /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_rtprop_echo_module = {
    NGX_MODULE_V1,
    &ngx_rtprop_echo_module_ctx,           /* module context */
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
ngx_rtprop_echo_preconfiguration(ngx_conf_t *cf)
{
    ngx_rtprop_location_t  location;

    ngx_memzero(&location, sizeof(ngx_rtprop_location_t));

    ngx_str_set(&location.name, "echo");
    location.handler = ngx_rtprop_ws_echo_handler;

    return ngx_rtprop_location_add(cf, &location);
}
