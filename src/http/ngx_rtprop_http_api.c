/*
 * Locations of the HTTP interface, and "rtprop api": who asks, what for.
 *
 * In a public location nothing but the resources flagged open answers, and no
 * key is asked; all others are not found, whoever asks.
 */

#include "http/ngx_rtprop_http.h"
#include "http/rtprop_http.h"
#include "base/ngx_rtprop_stat.h"
#include "base/ngx_rtprop_zone.h"
#include "base/rtprop_json.h"


#define NGX_RTPROP_HTTP_NAME_MAX  NGX_RTPROP_CHANNEL_MAX


/* What a path leads to. */

typedef struct {
    ngx_rtprop_resource_t  *resource;   /* NULL: not by this method */
    ngx_uint_t              methods;    /* bits; 0: nothing is there */
    ngx_str_t               path[NGX_RTPROP_PATH_MAX];
} ngx_rtprop_http_route_t;


static ngx_int_t ngx_rtprop_http_main(ngx_conf_t *cf);
static ngx_int_t ngx_rtprop_http_api_handler(ngx_http_request_t *r);
static ngx_int_t ngx_rtprop_http_admit(ngx_http_request_t *r,
    ngx_rtprop_loc_conf_t *lcf);
static ngx_int_t ngx_rtprop_http_route(ngx_http_request_t *r,
    ngx_rtprop_loc_conf_t *lcf, ngx_rtprop_http_route_t *route);
static void ngx_rtprop_http_find(ngx_http_request_t *r,
    ngx_rtprop_loc_conf_t *lcf, rtprop_http_path_t *path,
    ngx_rtprop_http_route_t *route);
static ngx_uint_t ngx_rtprop_http_ids_valid(ngx_rtprop_http_route_t *route);
static ngx_int_t ngx_rtprop_http_error_page(ngx_conf_t *cf,
    ngx_http_core_loc_conf_t *clcf);


static ngx_rtprop_location_t  ngx_rtprop_http_locations[] = {

    { ngx_string("api"), ngx_rtprop_http_api_handler, NULL, 0 },
    { ngx_string("health"), ngx_rtprop_http_health_handler, NULL, 0 },
    { ngx_string("metrics"), ngx_rtprop_http_metrics_handler, NULL, 0 },
    { ngx_null_string, NULL, NULL, 0 }
};


/* In the order of ngx_rtprop_http_stat_e. */

static ngx_rtprop_stat_desc_t  ngx_rtprop_http_stats[] = {

    { ngx_string("rtprop_http_requests_total"),
      ngx_string("Requests to the HTTP interface."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_http_refusals_total"),
      ngx_string("Requests to the HTTP interface answered with an error."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_http_replays_total"),
      ngx_string("Requests answered from their idempotency key."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_http_published_total"),
      ngx_string("Events posted to the resource publish."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_null_string, ngx_null_string, NGX_RTPROP_STAT_COUNTER,
      ngx_null_string, 0 }
};


ngx_int_t
ngx_rtprop_http_preconfiguration(ngx_conf_t *cf)
{
    ngx_rtprop_location_t  *l;

    for (l = ngx_rtprop_http_locations; l->name.len; l++) {
        if (ngx_rtprop_location_add(cf, l) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (ngx_rtprop_http_main(cf) != NGX_OK
        || ngx_rtprop_stat_add(cf, ngx_rtprop_http_stats) != NGX_OK
        || ngx_rtprop_http_publish_add(cf) != NGX_OK
        || ngx_rtprop_http_channels_add(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * The time since which nginx serves goes from cycle to cycle.  A cycle that
 * did not have this module has no place for it.
 */

static ngx_int_t
ngx_rtprop_http_main(ngx_conf_t *cf)
{
    ngx_uint_t               i;
    ngx_cycle_t             *old;
    ngx_rtprop_main_conf_t  *rmcf;
    ngx_rtprop_http_main_t  *hmcf, *prev;

    hmcf = ngx_palloc(cf->pool, sizeof(ngx_rtprop_http_main_t));

    if (hmcf == NULL) {
        return NGX_ERROR;
    }

    hmcf->started = ngx_time();

    rmcf = ngx_rtprop_main_conf(cf);
    rmcf->http = hmcf;

    old = cf->cycle->old_cycle;

    if (old == NULL || ngx_is_init_cycle(old) || old->modules == NULL) {
        return NGX_OK;
    }

    for (i = 0; old->modules[i]; i++) {

        if (old->modules[i] != &ngx_rtprop_module) {
            continue;
        }

        rmcf = ngx_http_cycle_get_module_main_conf(old, ngx_rtprop_module);

        if (rmcf && rmcf->http) {
            prev = rmcf->http;
            hmcf->started = prev->started;
        }

        break;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_http_api_handler(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_rtprop_loc_conf_t    *lcf;
    ngx_rtprop_http_route_t   route;

    lcf = ngx_http_get_module_loc_conf(r, ngx_rtprop_module);

    if (lcf->main->worker == NULL || lcf->main->worker->engine == NULL) {
        return ngx_rtprop_http_refuse(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                      "unavailable", "not ready to serve");
    }

    ngx_rtprop_http_count(lcf->main->worker, NGX_RTPROP_HTTP_REQUESTS, 1);

    if (r->error_page && r->err_status == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
        return ngx_rtprop_http_refuse(r, r->err_status, "too_large",
                                      "the body is too large");
    }

    rc = ngx_rtprop_http_admit(r, lcf);

    if (rc != NGX_OK) {
        return rc == NGX_DONE ? NGX_OK : rc;
    }

    if (ngx_rtprop_http_route(r, lcf, &route) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (route.methods == 0) {
        return ngx_rtprop_http_refuse(r, NGX_HTTP_NOT_FOUND, "not_found",
                                      "there is no such resource");
    }

    if (route.resource == NULL) {
        return ngx_rtprop_http_allow(r, route.methods);
    }

    if (!ngx_rtprop_http_ids_valid(&route)) {
        return ngx_rtprop_http_refuse(r, 422, "invalid_payload",
                                      "the path holds an id that can be none");
    }

    return ngx_rtprop_http_exchange(r, route.resource, route.path);
}


/* NGX_OK: may go on; NGX_DONE: refused, all sent; else what to return. */

static ngx_int_t
ngx_rtprop_http_admit(ngx_http_request_t *r, ngx_rtprop_loc_conf_t *lcf)
{
    ngx_int_t  rc;

    rc = lcf->api_public ? ngx_rtprop_http_cors(r)
                         : ngx_rtprop_http_access(r, lcf);

    switch (rc) {

    case NGX_OK:
        return NGX_OK;

    case NGX_HTTP_UNAUTHORIZED:
        rc = ngx_rtprop_http_refuse(r, rc, "not_authorized",
                                    "the API asks for its key: "
                                    "\"Authorization: Bearer ...\"");
        break;

    case NGX_HTTP_FORBIDDEN:
        rc = ngx_rtprop_http_refuse(r, rc, "not_authorized",
                                    lcf->api_public
                                    ? "not from this origin"
                                    : "without a key the API answers on "
                                      "this machine only");
        break;

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return rc == NGX_OK ? NGX_DONE : rc;
}


static ngx_int_t
ngx_rtprop_http_route(ngx_http_request_t *r, ngx_rtprop_loc_conf_t *lcf,
    ngx_rtprop_http_route_t *route)
{
    u_char                    *buf;
    rtprop_str_t               prefix, uri, raw;
    rtprop_http_path_t         path;
    ngx_http_core_loc_conf_t  *clcf;

    ngx_memzero(route, sizeof(ngx_rtprop_http_route_t));

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    prefix.data = clcf->name.data;
    prefix.len = clcf->name.len;

    uri.data = r->uri.data;
    uri.len = r->uri.len;

    raw.data = r->unparsed_uri.data;
    raw.len = r->unparsed_uri.len;

    buf = ngx_pnalloc(r->pool, raw.len + 1);

    if (buf == NULL) {
        return NGX_ERROR;
    }

    if (rtprop_http_path(&path, &prefix, &uri, &raw, buf) == RTPROP_OK) {
        ngx_rtprop_http_find(r, lcf, &path, route);
    }

    return NGX_OK;
}


/* Of several that fit, the one with the fewest braces: "ids/all", "ids/{id}" */

static void
ngx_rtprop_http_find(ngx_http_request_t *r, ngx_rtprop_loc_conf_t *lcf,
    rtprop_http_path_t *path, ngx_rtprop_http_route_t *route)
{
    int                      n, best;
    ngx_uint_t               i, j, method;
    rtprop_str_t             name, ids[NGX_RTPROP_PATH_MAX];
    ngx_rtprop_resource_t  **resources, *resource;

    method = r->method == NGX_HTTP_HEAD ? NGX_HTTP_GET : r->method;
    best = NGX_RTPROP_PATH_MAX + 1;

    resources = lcf->main->resources.elts;

    for (i = 0; i < lcf->main->resources.nelts; i++) {
        resource = resources[i];

        if (lcf->api_public && !(resource->open
                                 && resource->method == NGX_HTTP_GET))
        {
            continue;
        }

        name.data = resource->path.data;
        name.len = resource->path.len;

        n = rtprop_http_match(&name, path, ids, NGX_RTPROP_PATH_MAX);

        if (n < 0) {
            continue;
        }

        route->methods |= resource->method | NGX_HTTP_OPTIONS;

        if (resource->method == NGX_HTTP_GET) {
            route->methods |= NGX_HTTP_HEAD;
        }

        if (resource->method != method || n >= best) {
            continue;
        }

        best = n;
        route->resource = resource;

        for (j = 0; j < (ngx_uint_t) n; j++) {
            route->path[j].data = ids[j].data;
            route->path[j].len = ids[j].len;
        }
    }
}


static ngx_uint_t
ngx_rtprop_http_ids_valid(ngx_rtprop_http_route_t *route)
{
    u_char      *p;
    size_t       len;
    ngx_str_t   *path;
    ngx_uint_t   i;

    for (i = 0; i < NGX_RTPROP_PATH_MAX; i++) {
        path = &route->path[i];
        len = path->len;

        if (len == 0) {
            return 1;
        }

        if (len > NGX_RTPROP_HTTP_NAME_MAX) {
            return 0;
        }

        /* the name of a channel is a prefix and an id */

        p = ngx_strlchr(path->data, path->data + len, ':');

        if (p && len > RTPROP_JSON_ID_MAX) {
            p++;
            len -= p - path->data;

        } else {
            p = path->data;
        }

        if (!rtprop_json_id_valid(p, len)) {
            return 0;
        }
    }

    return 1;
}


void
ngx_rtprop_http_count(ngx_rtprop_worker_t *worker,
    ngx_rtprop_http_stat_e which, ngx_uint_t n)
{
    ngx_rtprop_stat_bump(worker, &ngx_rtprop_http_stats[which], n);
}


int64_t
ngx_rtprop_http_stat(ngx_rtprop_worker_t *worker, const char *name)
{
    size_t                    len;
    int64_t                   sum;
    ngx_uint_t                i;
    ngx_rtprop_stat_desc_t  **stats;

    len = ngx_strlen(name);
    stats = worker->conf->stats.elts;

    for (i = 0, sum = 0; i < worker->conf->stats.nelts; i++) {
        if (stats[i]->name.len == len
            && ngx_strncmp(stats[i]->name.data, name, len) == 0)
        {
            sum += ngx_rtprop_stat_value(worker, stats[i]);
        }
    }

    return sum;
}


ngx_uint_t
ngx_rtprop_http_workers(ngx_rtprop_worker_t *worker)
{
    ngx_uint_t          i, n;
    ngx_rtprop_slot_t  *slot;

    for (i = 0, n = 0; i < NGX_RTPROP_SLOTS; i++) {
        slot = ngx_rtprop_zone_slot(worker->zone, i);

        if (slot && slot->pid && !slot->draining) {
            n++;
        }
    }

    return n;
}


time_t
ngx_rtprop_http_uptime(ngx_rtprop_worker_t *worker)
{
    ngx_rtprop_http_main_t  *hmcf = worker->conf->http;

    return ngx_time() - hmcf->started;
}


void
ngx_rtprop_http_check(ngx_conf_t *cf, ngx_rtprop_loc_conf_t *conf)
{
    const char                *name;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (conf->location->handler != ngx_rtprop_http_api_handler) {
        name = conf->api_key.data ? "rtprop_api_key"
               : (conf->api_public == 1) ? "rtprop_api_public" : NULL;

        if (name) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "\"%s\" does nothing in location \"%V\" of "
                          "\"rtprop %V\", it belongs to \"rtprop api\"", name,
                          &clcf->name, &conf->location->name);
        }

        return;
    }

    if (conf->api_key.data && conf->api_public == 1) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"rtprop_api_key\" is not asked for in location "
                      "\"%V\" of \"rtprop_api_public on\", give each a "
                      "location of its own", &clcf->name);
    }
}


ngx_int_t
ngx_rtprop_http_merge(ngx_conf_t *cf, ngx_rtprop_loc_conf_t *conf)
{
    off_t                      max;
    ngx_http_core_loc_conf_t  *clcf;

    if (conf->location->handler != ngx_rtprop_http_api_handler) {
        return NGX_OK;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    max = conf->max_message * NGX_RTPROP_HTTP_BODY;

    if (clcf->client_max_body_size) {
        max = ngx_min(max, clcf->client_max_body_size);
    }

    if ((off_t) clcf->client_body_buffer_size < max) {
        clcf->client_body_buffer_size = max;
    }

    return ngx_rtprop_http_error_page(cf, clcf);
}


/*
 * nginx refuses a body by its length before the location is asked.  Such a
 * request comes back, by an error page of its own address, to be answered as
 * all others are.  The list may be the server's, so it is copied.
 */

static ngx_int_t
ngx_rtprop_http_error_page(ngx_conf_t *cf, ngx_http_core_loc_conf_t *clcf)
{
    ngx_str_t                          uri = ngx_string("$uri");
    ngx_array_t                       *pages;
    ngx_uint_t                         n;
    ngx_http_err_page_t               *page;
    ngx_http_compile_complex_value_t   ccv;

    n = clcf->error_pages ? clcf->error_pages->nelts : 0;
    pages = ngx_array_create(cf->pool, n + 1, sizeof(ngx_http_err_page_t));

    if (pages == NULL) {
        return NGX_ERROR;
    }

    page = ngx_array_push_n(pages, n + 1);

    ngx_memzero(page, sizeof(ngx_http_err_page_t));
    page->status = NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    page->overwrite = -1;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));
    ccv.cf = cf;
    ccv.value = &uri;
    ccv.complex_value = &page->value;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_ERROR;
    }

    if (n) {
        ngx_memcpy(page + 1, clcf->error_pages->elts,
                   n * sizeof(ngx_http_err_page_t));
    }

    clcf->error_pages = pages;

    return NGX_OK;
}
