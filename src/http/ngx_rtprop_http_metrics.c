/*
 * "rtprop metrics": all counters of all workers, as Prometheus text, or a few
 * of them as JSON.
 */

#include "http/ngx_rtprop_http.h"
#include "base/ngx_rtprop_stat.h"
#include "base/ngx_rtprop_zone.h"


static ngx_int_t ngx_rtprop_http_metrics_json(ngx_http_request_t *r,
    ngx_rtprop_worker_t *worker);
static ngx_int_t ngx_rtprop_http_metrics_text(ngx_http_request_t *r,
    ngx_rtprop_worker_t *worker);
static ngx_chain_t *ngx_rtprop_http_metrics_own(ngx_http_request_t *r,
    ngx_rtprop_worker_t *worker);


ngx_int_t
ngx_rtprop_http_metrics_handler(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_str_t               format;
    ngx_rtprop_loc_conf_t  *lcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_rtprop_http_allow(r, NGX_HTTP_GET|NGX_HTTP_HEAD
                                        |NGX_HTTP_OPTIONS);
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_rtprop_module);

    if (lcf->main->worker == NULL || lcf->main->worker->zone == NULL) {
        return ngx_rtprop_http_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                      "unavailable", "not ready to serve");
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_arg(r, (u_char *) "format", 6, &format) == NGX_OK
        && format.len == 4 && ngx_strncmp(format.data, "json", 4) == 0)
    {
        return ngx_rtprop_http_metrics_json(r, lcf->main->worker);
    }

    return ngx_rtprop_http_metrics_text(r, lcf->main->worker);
}


static ngx_int_t
ngx_rtprop_http_metrics_json(ngx_http_request_t *r,
    ngx_rtprop_worker_t *worker)
{
    size_t   used, total;
    json_t  *json;

    ngx_rtprop_zone_usage(worker->zone, &used, &total);

    json = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:{s:I, s:I}}",
                     "connectionsTotal",
                     (json_int_t) ngx_rtprop_http_stat(worker,
                                            "rtprop_connections_total"),
                     "connectionsActive",
                     (json_int_t) ngx_rtprop_http_stat(worker,
                                            "rtprop_connections_active"),
                     "messagesReceived",
                     (json_int_t) ngx_rtprop_http_stat(worker,
                                            "rtprop_messages_received_total"),
                     "messagesSent",
                     (json_int_t) ngx_rtprop_http_stat(worker,
                                            "rtprop_messages_sent_total"),
                     "errors",
                     (json_int_t) ngx_rtprop_http_stat(worker,
                                            "rtprop_errors_total"),
                     "uptime", (json_int_t) ngx_rtprop_http_uptime(worker),
                     "workers", (json_int_t) ngx_rtprop_http_workers(worker),
                     "memory",
                     "zone_used", (json_int_t) used,
                     "zone_total", (json_int_t) total);

    return ngx_rtprop_http_reply(r, NGX_HTTP_OK, json);
}


static ngx_int_t
ngx_rtprop_http_metrics_text(ngx_http_request_t *r,
    ngx_rtprop_worker_t *worker)
{
    ngx_chain_t  *out, *cl;

    out = ngx_rtprop_http_metrics_own(r, worker);

    if (out == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    out->next = ngx_rtprop_stat_render(worker, r->pool);

    if (out->next == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (cl = out; cl; cl = cl->next) {
        cl->buf->last_buf = 0;
        cl->buf->last_in_chain = 0;
    }

    return ngx_rtprop_http_send(r, NGX_HTTP_OK,
                                "text/plain; version=0.0.4", out);
}


/* What no worker counts: the zone, the service as a whole. */

static ngx_chain_t *
ngx_rtprop_http_metrics_own(ngx_http_request_t *r,
    ngx_rtprop_worker_t *worker)
{
    size_t        used, total;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    b = ngx_create_temp_buf(r->pool, 1024);
    cl = ngx_alloc_chain_link(r->pool);

    if (b == NULL || cl == NULL) {
        return NULL;
    }

    ngx_rtprop_zone_usage(worker->zone, &used, &total);

    b->last = ngx_slprintf(b->last, b->end,
                  "# HELP rtprop_info The module's version.\n"
                  "# TYPE rtprop_info gauge\n"
                  "rtprop_info{version=\"" NGX_RTPROP_VERSION "\"} 1\n"
                  "# HELP rtprop_uptime_seconds Time since the start.\n"
                  "# TYPE rtprop_uptime_seconds gauge\n"
                  "rtprop_uptime_seconds %T\n"
                  "# HELP rtprop_workers Workers that serve.\n"
                  "# TYPE rtprop_workers gauge\n"
                  "rtprop_workers %ui\n"
                  "# HELP rtprop_zone_used_bytes Shared memory in use.\n"
                  "# TYPE rtprop_zone_used_bytes gauge\n"
                  "rtprop_zone_used_bytes %uz\n"
                  "# HELP rtprop_zone_size_bytes Shared memory in all.\n"
                  "# TYPE rtprop_zone_size_bytes gauge\n"
                  "rtprop_zone_size_bytes %uz\n",
                  ngx_rtprop_http_uptime(worker),
                  ngx_rtprop_http_workers(worker), used, total);

    cl->buf = b;
    cl->next = NULL;

    return cl;
}
