/*
 * "rtprop health": can this worker serve?  For load balancers and people.
 */

#include "http/ngx_rtprop_http.h"
#include "store/ngx_rtprop_store.h"


static json_t *ngx_rtprop_http_health(ngx_rtprop_worker_t *worker,
    const char *status);
static const char *ngx_rtprop_http_health_status(ngx_rtprop_worker_t *worker,
    ngx_uint_t *code);
static json_t *ngx_rtprop_http_health_store(ngx_rtprop_worker_t *worker);


ngx_int_t
ngx_rtprop_http_health_handler(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_uint_t              code;
    const char             *status;
    ngx_rtprop_loc_conf_t  *lcf;

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        return ngx_rtprop_http_allow(r, NGX_HTTP_GET|NGX_HTTP_HEAD
                                        |NGX_HTTP_OPTIONS);
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_rtprop_module);

    status = ngx_rtprop_http_health_status(lcf->main->worker, &code);

    return ngx_rtprop_http_reply(r, code,
                                 ngx_rtprop_http_health(lcf->main->worker,
                                                        status));
}


static const char *
ngx_rtprop_http_health_status(ngx_rtprop_worker_t *worker, ngx_uint_t *code)
{
    const char  *status;

    *code = NGX_HTTP_SERVICE_UNAVAILABLE;

    if (worker == NULL || worker->engine == NULL || worker->zone == NULL) {
        return "unavailable";
    }

    if (worker->draining || ngx_exiting) {
        return "draining";
    }

    *code = NGX_HTTP_OK;
    status = worker->engine->status(worker->engine);

    if (ngx_strcmp(status, "ok") == 0 && worker->store) {
        status = ngx_rtprop_store_status(worker->store);
    }

    return ngx_strcmp(status, "ok") == 0 ? "ok" : "degraded";
}


static json_t *
ngx_rtprop_http_health(ngx_rtprop_worker_t *worker, const char *status)
{
    ngx_rtprop_engine_t  *engine;

    if (worker == NULL || worker->engine == NULL || worker->zone == NULL) {
        return json_pack("{s:s, s:s}", "status", status, "version",
                         NGX_RTPROP_VERSION);
    }

    engine = worker->engine;

    return json_pack("{s:s, s:{s:s%, s:s}, s:o, s:I, s:{s:I, s:I}, s:I, s:I,"
                     " s:s}",
                     "status", status,
                     "engine",
                     "name", (char *) engine->name.data, engine->name.len,
                     "status", engine->status(engine),
                     "store", ngx_rtprop_http_health_store(worker),
                     "connections", (json_int_t) ngx_rtprop_http_stat(worker,
                                                "rtprop_connections_active"),
                     "worker",
                     "pid", (json_int_t) ngx_pid,
                     "slot", (json_int_t) worker->slot,
                     "workers", (json_int_t) ngx_rtprop_http_workers(worker),
                     "uptime", (json_int_t) ngx_rtprop_http_uptime(worker),
                     "version", NGX_RTPROP_VERSION);
}


/* null without rtprop_postgres */

static json_t *
ngx_rtprop_http_health_store(ngx_rtprop_worker_t *worker)
{
    if (worker->store == NULL) {
        return json_null();
    }

    return json_pack("{s:s, s:s, s:I}", "name", "postgres",
                     "status", ngx_rtprop_store_status(worker->store),
                     "queue",
                     (json_int_t) ngx_rtprop_http_stat(worker,
                                                       "rtprop_store_queue"));
}
