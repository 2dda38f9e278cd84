/*
 * rtprop: real-time features of a property platform, inside nginx.
 *
 * This file says what can be configured and what starts when; the parts below
 * do the work:
 *
 *   preconfiguration    the core's own locations, commands and counters; each
 *                       feature and protocol does the same in a module of its
 *                       own
 *   "rtprop word"       looks the word up among the registered locations
 *   postconfiguration   freezes the tables; adds the zone
 *   init_module         what workers inherit (eventfds)
 *   init_process        the worker struct: zone slot, counters, connections,
 *                       sessions, store, hub, engine, in this order
 *   exit_process        gives the slot back
 */

#include "ngx_rtprop.h"
#include "base/ngx_rtprop_conf.h"
#include "base/ngx_rtprop_stat.h"
#include "base/ngx_rtprop_zone.h"
#include "ws/ngx_rtprop_ws.h"
#include "session/ngx_rtprop_auth.h"
#include "session/ngx_rtprop_command.h"
#include "session/ngx_rtprop_session.h"
#include "hub/ngx_rtprop_hub.h"
#include "engine/redis/ngx_rtprop_redis.h"
#include "store/ngx_rtprop_store.h"
#include "store/ngx_rtprop_durable.h"
#include "store/ngx_rtprop_relay.h"
#include "http/ngx_rtprop_http.h"
#include <openssl/rand.h>


static ngx_int_t ngx_rtprop_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_rtprop_postconfiguration(ngx_conf_t *cf);
static void *ngx_rtprop_create_main_conf(ngx_conf_t *cf);
static char *ngx_rtprop_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ngx_rtprop_create_loc_conf(ngx_conf_t *cf);
static char *ngx_rtprop_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_rtprop_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_rtprop_init_process(ngx_cycle_t *cycle);
static void ngx_rtprop_exit_process(ngx_cycle_t *cycle);


static ngx_conf_enum_t  ngx_rtprop_engines[] = {
    { ngx_string("shm"), NGX_RTPROP_ENGINE_SHM },
    { ngx_string("redis"), NGX_RTPROP_ENGINE_REDIS },
    { ngx_null_string, 0 }
};


static ngx_conf_enum_t  ngx_rtprop_field_cases[] = {
    { ngx_string("snake"), NGX_RTPROP_CASE_SNAKE },
    { ngx_string("camel"), NGX_RTPROP_CASE_CAMEL },
    { ngx_string("both"), NGX_RTPROP_CASE_BOTH },
    { ngx_null_string, 0 }
};


static ngx_rtprop_conf_range_t  ngx_rtprop_drain_range = {
    0, 3600000, "a time of at most 1h, as \"10s\""
};


static ngx_rtprop_conf_range_t  ngx_rtprop_failover_range = {
    100, 3600000, "a time from 100ms to 1h, as \"5s\""
};


static ngx_rtprop_conf_range_t  ngx_rtprop_lease_range = {
    2000, 3600000, "a time from 2s to 1h, as \"15s\""
};


static ngx_rtprop_conf_range_t  ngx_rtprop_connections_range = {
    1, 1000000, "a number from 1 to 1000000"
};


static ngx_rtprop_conf_range_t  ngx_rtprop_message_range = {
    128, 67108864, "a size from 128 octets to 64m"
};


static ngx_rtprop_conf_range_t  ngx_rtprop_batch_range = {
    0, 10000, "a time of at most 10s, as \"50ms\""
};


#define NGX_RTPROP_ANY_CONF                                                   \
    (NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF)


static ngx_command_t  ngx_rtprop_commands[] = {

    { ngx_string("rtprop"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_rtprop_conf_location,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ngx_rtprop_conf_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_engine"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_rtprop_conf_word,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_rtprop_main_conf_t, engine),
      &ngx_rtprop_engines },

    { ngx_string("rtprop_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_rtprop_redis_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_redis_failover"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_rtprop_conf_msec,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_rtprop_main_conf_t, redis_failover),
      &ngx_rtprop_failover_range },

    { ngx_string("rtprop_presence_lease"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_rtprop_conf_msec,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_rtprop_main_conf_t, presence_lease),
      &ngx_rtprop_lease_range },

    { ngx_string("rtprop_postgres"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_rtprop_store_postgres,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_query"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ngx_rtprop_store_query,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_history"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_rtprop_conf_history,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_drain"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_rtprop_conf_msec,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_rtprop_main_conf_t, drain),
      &ngx_rtprop_drain_range },

    { ngx_string("rtprop_log"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_rtprop_conf_log,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_jwt_key"),
      NGX_RTPROP_ANY_CONF|NGX_CONF_TAKE123,
      ngx_rtprop_auth_jwt_key,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_jwks"),
      NGX_RTPROP_ANY_CONF|NGX_CONF_TAKE1,
      ngx_rtprop_auth_jwks,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_jwt_issuer"),
      NGX_RTPROP_ANY_CONF|NGX_CONF_TAKE1,
      ngx_rtprop_auth_issuer,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_jwt_audience"),
      NGX_RTPROP_ANY_CONF|NGX_CONF_1MORE,
      ngx_rtprop_auth_audience,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_jwt_leeway"),
      NGX_RTPROP_ANY_CONF|NGX_CONF_TAKE1,
      ngx_rtprop_auth_leeway,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_token"),
      NGX_RTPROP_ANY_CONF|NGX_CONF_TAKE1,
      ngx_rtprop_auth_token,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_user"),
      NGX_RTPROP_ANY_CONF|NGX_CONF_TAKE123,
      ngx_rtprop_auth_user,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_origin"),
      NGX_RTPROP_ANY_CONF|NGX_CONF_1MORE,
      ngx_rtprop_auth_origin,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_user_connections"),
      NGX_RTPROP_ANY_CONF|NGX_CONF_TAKE1,
      ngx_rtprop_conf_number,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_rtprop_loc_conf_t, user_connections),
      &ngx_rtprop_connections_range },

    { ngx_string("rtprop_rate"),
      NGX_RTPROP_ANY_CONF|NGX_CONF_TAKE23,
      ngx_rtprop_conf_rate,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_errors"),
      NGX_RTPROP_ANY_CONF|NGX_CONF_TAKE1,
      ngx_rtprop_conf_errors,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_max_message"),
      NGX_RTPROP_ANY_CONF|NGX_CONF_TAKE1,
      ngx_rtprop_conf_size,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_rtprop_loc_conf_t, max_message),
      &ngx_rtprop_message_range },

    { ngx_string("rtprop_ping"),
      NGX_RTPROP_ANY_CONF|NGX_CONF_TAKE12,
      ngx_rtprop_conf_ping,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_send_queue"),
      NGX_RTPROP_ANY_CONF|NGX_CONF_TAKE12,
      ngx_rtprop_conf_send_queue,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_compression"),
      NGX_RTPROP_ANY_CONF|NGX_CONF_TAKE1234,
      ngx_rtprop_conf_compression,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_field_case"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_rtprop_conf_word,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_rtprop_loc_conf_t, field_case),
      &ngx_rtprop_field_cases },

    { ngx_string("rtprop_batch"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_rtprop_conf_msec,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_rtprop_loc_conf_t, batch),
      &ngx_rtprop_batch_range },

    { ngx_string("rtprop_api_key"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ngx_rtprop_http_api_key,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("rtprop_api_public"),
      NGX_HTTP_LOC_CONF|NGX_CONF_FLAG,
      ngx_conf_set_flag_slot,
      NGX_HTTP_LOC_CONF_OFFSET,
      offsetof(ngx_rtprop_loc_conf_t, api_public),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_rtprop_module_ctx = {
    ngx_rtprop_preconfiguration,           /* preconfiguration */
    ngx_rtprop_postconfiguration,          /* postconfiguration */

    ngx_rtprop_create_main_conf,           /* create main configuration */
    ngx_rtprop_init_main_conf,             /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ngx_rtprop_create_loc_conf,            /* create location configuration */
    ngx_rtprop_merge_loc_conf              /* merge location configuration */
};


ngx_module_t  ngx_rtprop_module = {
    NGX_MODULE_V1,
    &ngx_rtprop_module_ctx,                /* module context */
    ngx_rtprop_commands,                   /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_rtprop_init_module,                /* init module */
    ngx_rtprop_init_process,               /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_rtprop_exit_process,               /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_rtprop_preconfiguration(ngx_conf_t *cf)
{
    if (ngx_rtprop_ws_preconfiguration(cf) != NGX_OK
        || ngx_rtprop_session_preconfiguration(cf) != NGX_OK
        || ngx_rtprop_hub_preconfiguration(cf) != NGX_OK
        || ngx_rtprop_engine_shm_preconfiguration(cf) != NGX_OK
        || ngx_rtprop_engine_redis_preconfiguration(cf) != NGX_OK
        || ngx_rtprop_redis_preconfiguration(cf) != NGX_OK
        || ngx_rtprop_store_preconfiguration(cf) != NGX_OK
        || ngx_rtprop_durable_preconfiguration(cf) != NGX_OK
        || ngx_rtprop_relay_preconfiguration(cf) != NGX_OK
        || ngx_rtprop_http_preconfiguration(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* All modules have registered their tables by now; a zone only if it serves. */

static ngx_int_t
ngx_rtprop_postconfiguration(ngx_conf_t *cf)
{
    ngx_str_t                name;
    ngx_rtprop_main_conf_t  *rmcf;

    rmcf = ngx_rtprop_main_conf(cf);

    if (ngx_rtprop_commands_freeze(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!rmcf->used) {
        return NGX_OK;
    }

    if (ngx_rtprop_store_configured(rmcf)
        && (ngx_rtprop_store_postconfiguration(cf) != NGX_OK
            || ngx_rtprop_durable_postconfiguration(cf) != NGX_OK))
    {
        return NGX_ERROR;
    }

    if (rmcf->engine == NGX_RTPROP_ENGINE_REDIS
        && ngx_rtprop_redis_postconfiguration(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    name = rmcf->zone_name;

    if (name.len == 0) {
        ngx_str_set(&name, "rtprop");
    }

    return ngx_rtprop_zone_add(cf, &name, rmcf->zone_size);
}


static void *
ngx_rtprop_create_main_conf(ngx_conf_t *cf)
{
    ngx_rtprop_main_conf_t  *rmcf;

    rmcf = ngx_pcalloc(cf->pool, sizeof(ngx_rtprop_main_conf_t));

    if (rmcf == NULL
        || ngx_rtprop_conf_main_unset(cf, rmcf) != NGX_OK
        || ngx_rtprop_store_create_conf(cf, rmcf) != NGX_OK)
    {
        return NULL;
    }

    return rmcf;
}


static char *
ngx_rtprop_init_main_conf(ngx_conf_t *cf, void *conf)
{
    ngx_rtprop_main_conf_t *rmcf = conf;

    if (rmcf->used) {
        ngx_rtprop_conf_main_check(cf, rmcf, ngx_rtprop_store_configured(rmcf));
        ngx_rtprop_store_check(cf, rmcf);
    }

    ngx_rtprop_conf_main_init(rmcf);

    return NGX_CONF_OK;
}


static void *
ngx_rtprop_create_loc_conf(ngx_conf_t *cf)
{
    ngx_rtprop_loc_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_rtprop_loc_conf_t));

    if (conf == NULL) {
        return NULL;
    }

    ngx_rtprop_conf_unset(conf);

    return conf;
}


static char *
ngx_rtprop_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_rtprop_loc_conf_t *prev = parent;
    ngx_rtprop_loc_conf_t *conf = child;

    ngx_rtprop_ws_conf_t  *ws;

    conf->main = ngx_rtprop_main_conf(cf);

    if (conf->location) {
        ngx_rtprop_http_check(cf, conf);
    }

    if (ngx_rtprop_conf_merge(cf, prev, conf) != NGX_CONF_OK
        || ngx_rtprop_auth_merge(cf, prev, conf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (conf->location == NULL) {
        return NGX_CONF_OK;
    }

    if (conf->location->identity && !ngx_rtprop_auth_configured(conf)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"rtprop %V\" knows nobody: give the location "
                           "\"rtprop_jwt_key\", \"rtprop_jwks\" or "
                           "\"rtprop_user\"", &conf->location->name);
        return NGX_CONF_ERROR;
    }

    if (ngx_rtprop_http_merge(cf, conf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    ws = ngx_pcalloc(cf->pool, sizeof(ngx_rtprop_ws_conf_t));

    if (ws == NULL) {
        return NGX_CONF_ERROR;
    }

    ws->max_message = conf->max_message;
    ws->ping_interval = conf->ping_interval;
    ws->ping_timeout = conf->ping_timeout;
    ws->queue_hard = conf->queue_hard;
    ws->queue_soft = conf->queue_soft;
    ws->queue_soft_time = conf->queue_soft_time;
    ws->close_timeout = NGX_RTPROP_WS_CLOSE_TIMEOUT;
    ws->threshold = conf->compression_threshold;
    ws->level = (uint8_t) conf->compression_level;
    ws->window = (uint8_t) conf->compression;

    conf->ws = ws;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_rtprop_init_module(ngx_cycle_t *cycle)
{
    ngx_rtprop_main_conf_t  *rmcf;

    rmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_rtprop_module);

    if (rmcf == NULL || !rmcf->used || ngx_test_config) {
        return NGX_OK;
    }

    return ngx_rtprop_zone_init_module(cycle, rmcf);
}


static ngx_int_t
ngx_rtprop_init_process(ngx_cycle_t *cycle)
{
    ngx_rtprop_worker_t     *worker;
    ngx_rtprop_main_conf_t  *rmcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    rmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_rtprop_module);

    if (rmcf == NULL || !rmcf->used) {
        return NGX_OK;
    }

    worker = ngx_pcalloc(cycle->pool, sizeof(ngx_rtprop_worker_t));

    if (worker == NULL) {
        return NGX_ERROR;
    }

    worker->cycle = cycle;
    worker->log = cycle->log;
    worker->pool = cycle->pool;
    worker->conf = rmcf;
    worker->zone = rmcf->zone;
    rmcf->worker = worker;

    if (RAND_bytes(worker->key, sizeof(worker->key)) != 1) {
        ngx_log_error(NGX_LOG_ALERT, cycle->log, 0,
                      "rtprop: no random bytes from OpenSSL");
        return NGX_ERROR;
    }

    if (ngx_rtprop_zone_init_worker(worker) != NGX_OK
        || ngx_rtprop_stat_init_worker(worker) != NGX_OK
        || ngx_rtprop_ws_init_worker(worker) != NGX_OK
        || ngx_rtprop_session_init_worker(worker) != NGX_OK
        || ngx_rtprop_store_init_worker(worker) != NGX_OK
        || ngx_rtprop_hub_init_worker(worker) != NGX_OK
        || ngx_rtprop_relay_init_worker(worker) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_rtprop_exit_process(ngx_cycle_t *cycle)
{
    ngx_rtprop_main_conf_t  *rmcf;

    rmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_rtprop_module);

    if (rmcf && rmcf->worker) {
        ngx_rtprop_store_exit_worker(rmcf->worker);
        ngx_rtprop_session_exit_worker(rmcf->worker);
        ngx_rtprop_ws_exit_worker(rmcf->worker);
        ngx_rtprop_hub_exit_worker(rmcf->worker);
        ngx_rtprop_zone_exit_worker(rmcf->worker);
    }
}
