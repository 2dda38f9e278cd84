/*
 * What registers at configuration: counters, variables, protocols.
 */

#include "session/ngx_rtprop_session.h"
#include "session/ngx_rtprop_auth.h"


static ngx_int_t ngx_rtprop_session_variables(ngx_conf_t *cf);
static ngx_int_t ngx_rtprop_session_user_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ngx_rtprop_session_connections_variable(
    ngx_http_request_t *r, ngx_http_variable_value_t *v, uintptr_t data);


/* In the order of ngx_rtprop_session_stat_e. */

ngx_rtprop_stat_desc_t  ngx_rtprop_session_stats[] = {

    { ngx_string("rtprop_connections_active"),
      ngx_string("Live sessions."),
      NGX_RTPROP_STAT_GAUGE, ngx_null_string, 0 },

    { ngx_string("rtprop_connections_total"),
      ngx_string("Sessions that were opened."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_session_handshakes_refused_total"),
      ngx_string("Handshakes that were refused before the upgrade."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_messages_received_total"),
      ngx_string("Messages that clients sent."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_messages_sent_total"),
      ngx_string("Frames that were queued for clients."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_session_commands_total"),
      ngx_string("Commands that were known and under the rate."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_errors_total"),
      ngx_string("Messages that were refused for a fault of the client."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_session_rate_limited_total"),
      ngx_string("Commands over their rate, dropped or refused."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_session_expired_total"),
      ngx_string("Sessions that were closed since their token had expired."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_session_faulty_total"),
      ngx_string("Sessions that were closed after too many refused messages."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_null_string, ngx_null_string, 0, ngx_null_string, 0 }
};


typedef enum {
    NGX_RTPROP_VARIABLE_USER = 0,
    NGX_RTPROP_VARIABLE_ROLE
} ngx_rtprop_variable_e;


static ngx_http_variable_t  ngx_rtprop_session_vars[] = {

    /* an identity by variables may be known only after the access phase */

    { ngx_string("rtprop_user"), NULL, ngx_rtprop_session_user_variable,
      NGX_RTPROP_VARIABLE_USER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("rtprop_role"), NULL, ngx_rtprop_session_user_variable,
      NGX_RTPROP_VARIABLE_ROLE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("rtprop_connections"), NULL,
      ngx_rtprop_session_connections_variable, 0, NGX_HTTP_VAR_NOCACHEABLE,
      0 },

      ngx_http_null_variable
};


ngx_int_t
ngx_rtprop_session_preconfiguration(ngx_conf_t *cf)
{
    if (ngx_rtprop_stat_add(cf, ngx_rtprop_session_stats) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_rtprop_session_variables(cf);
}


static ngx_int_t
ngx_rtprop_session_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ngx_rtprop_session_vars; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);

        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


ngx_int_t
ngx_rtprop_protocol_add(ngx_conf_t *cf, ngx_rtprop_protocol_t *protocol)
{
    ngx_uint_t                i, base;
    ngx_rtprop_protocol_t   **p;
    ngx_rtprop_main_conf_t   *rmcf;

    rmcf = ngx_rtprop_main_conf(cf);

    base = 0;
    p = rmcf->protocols.elts;

    for (i = 0; i < rmcf->protocols.nelts; i++) {
        base += p[i]->nvariants;
    }

    if (base + protocol->nvariants > NGX_RTPROP_VARIANTS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "rtprop: no room for protocol \"%V\"",
                           &protocol->name);
        return NGX_ERROR;
    }

    protocol->base = base;

    p = ngx_array_push(&rmcf->protocols);

    if (p == NULL) {
        return NGX_ERROR;
    }

    *p = protocol;

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_session_user_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    int64_t                 expires;
    ngx_int_t               rc;
    ngx_str_t               text;
    const char             *error;
    rtprop_identity_t      *user;
    ngx_rtprop_loc_conf_t  *conf;

    conf = ngx_http_get_module_loc_conf(r, ngx_rtprop_module);

    v->not_found = 1;

    if (conf->location == NULL || !conf->location->identity) {
        return NGX_OK;
    }

    rc = ngx_rtprop_auth_identify(r, &user, &expires, &error);

    if (rc != NGX_OK) {
        return (rc == NGX_ERROR) ? NGX_ERROR : NGX_OK;
    }

    text = (data == NGX_RTPROP_VARIABLE_USER) ? ngx_rtprop_user_id(user)
                                              : ngx_rtprop_user_role(user);

    v->len = text.len;
    v->data = ngx_pstrdup(r->pool, &text);

    rtprop_identity_free(user);

    if (v->data == NULL) {
        return NGX_ERROR;
    }

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_session_connections_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data)
{
    u_char                  *p;
    int64_t                  n;
    ngx_rtprop_main_conf_t  *rmcf;

    rmcf = ngx_http_get_module_main_conf(r, ngx_rtprop_module);

    v->not_found = 1;

    if (rmcf->worker == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN);

    if (p == NULL) {
        return NGX_ERROR;
    }

    n = ngx_rtprop_stat_value(rmcf->worker,
                         &ngx_rtprop_session_stats[NGX_RTPROP_STAT_SESSIONS]);

    v->len = ngx_sprintf(p, "%L", ngx_max(n, 0)) - p;
    v->data = p;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;

    return NGX_OK;
}
