/*
 * The configuration of "http" as a whole: what is not set, what holds by
 * default, the words of "rtprop" in its locations, the zone, history and log.
 */

#include "base/ngx_rtprop_conf.h"


static char *ngx_rtprop_conf_history_value(ngx_conf_t *cf, void *conf,
    ngx_str_t *value);


ngx_int_t
ngx_rtprop_conf_main_unset(ngx_conf_t *cf, ngx_rtprop_main_conf_t *rmcf)
{
    rmcf->engine = NGX_CONF_UNSET_UINT;
    rmcf->history_messages = NGX_CONF_UNSET_UINT;
    rmcf->history_bytes = NGX_CONF_UNSET_SIZE;
    rmcf->history_age = NGX_CONF_UNSET;
    rmcf->drain = NGX_CONF_UNSET_MSEC;
    rmcf->redis_failover = NGX_CONF_UNSET_MSEC;
    rmcf->presence_lease = NGX_CONF_UNSET_MSEC;
    rmcf->log_file = NGX_CONF_UNSET_PTR;

    if (ngx_array_init(&rmcf->locations, cf->pool, 8,
                       sizeof(ngx_rtprop_location_t)) != NGX_OK
        || ngx_array_init(&rmcf->commands, cf->pool, 32, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&rmcf->resources, cf->pool, 32, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&rmcf->kinds, cf->pool, 8, sizeof(void *)) != NGX_OK
        || ngx_array_init(&rmcf->jobs, cf->pool, 8, sizeof(void *)) != NGX_OK
        || ngx_array_init(&rmcf->events, cf->pool, 64, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&rmcf->stats, cf->pool, 64, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&rmcf->facts, cf->pool, 4, sizeof(void *)) != NGX_OK
        || ngx_array_init(&rmcf->observers, cf->pool, 8, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&rmcf->protocols, cf->pool, 8, sizeof(void *))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_rtprop_conf_main_check(ngx_conf_t *cf, ngx_rtprop_main_conf_t *rmcf,
    ngx_uint_t store)
{
    ngx_uint_t  redis;

    redis = (rmcf->engine == NGX_RTPROP_ENGINE_REDIS);

    if (rmcf->redis && !redis) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"rtprop_redis\" does nothing without \"rtprop_engine "
                      "redis\": workers are kept in step by shared memory");
    }

    if (rmcf->presence_lease != NGX_CONF_UNSET_MSEC && !redis) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"rtprop_presence_lease\" does nothing without "
                      "\"rtprop_engine redis\"");
    }

    if (rmcf->redis_failover != NGX_CONF_UNSET_MSEC && !(redis && store)) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                      "\"rtprop_redis_failover\" does nothing without "
                      "\"%s\"", redis ? "rtprop_postgres"
                                      : "rtprop_engine redis");
    }
}


void
ngx_rtprop_conf_main_init(ngx_rtprop_main_conf_t *rmcf)
{
    ngx_conf_init_uint_value(rmcf->engine, 0);
    ngx_conf_init_uint_value(rmcf->history_messages, 1000);
    ngx_conf_init_size_value(rmcf->history_bytes, 1024 * 1024);
    ngx_conf_init_value(rmcf->history_age, 24 * 60 * 60);
    ngx_conf_init_msec_value(rmcf->drain, 10000);
    ngx_conf_init_msec_value(rmcf->redis_failover, 5000);
    ngx_conf_init_msec_value(rmcf->presence_lease, 15000);
    ngx_conf_init_ptr_value(rmcf->log_file, NULL);

    if (rmcf->zone_size == 0) {
        rmcf->zone_size = 64 * 1024 * 1024;
    }
}


ngx_int_t
ngx_rtprop_location_add(ngx_conf_t *cf, ngx_rtprop_location_t *location)
{
    ngx_rtprop_location_t   *l;
    ngx_rtprop_main_conf_t  *rmcf;

    rmcf = ngx_rtprop_main_conf(cf);

    l = ngx_array_push(&rmcf->locations);

    if (l == NULL) {
        return NGX_ERROR;
    }

    *l = *location;

    return NGX_OK;
}


char *
ngx_rtprop_conf_location(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_rtprop_loc_conf_t *lcf = conf;

    u_char                    *p, *last, words[512];
    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_rtprop_location_t     *location;
    ngx_rtprop_main_conf_t    *rmcf;
    ngx_http_core_loc_conf_t  *clcf;

    if (lcf->location) {
        return "is duplicate";
    }

    value = cf->args->elts;
    rmcf = ngx_rtprop_main_conf(cf);
    location = rmcf->locations.elts;

    p = words;
    last = words + sizeof(words);

    for (i = 0; i < rmcf->locations.nelts; i++) {

        if (location[i].name.len == value[1].len
            && ngx_strncmp(location[i].name.data, value[1].data, value[1].len)
               == 0)
        {
            break;
        }

        p = ngx_slprintf(p, last, "%s\"%V\"", i ? ", " : "",
                         &location[i].name);
    }

    if (i == rmcf->locations.nelts) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "unknown word \"%V\" in \"rtprop\", it must be one "
                           "of %*s", &value[1], (size_t) (p - words), words);
        return NGX_CONF_ERROR;
    }

    rmcf->used = 1;
    lcf->location = &location[i];

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = location[i].handler;

    return NGX_CONF_OK;
}


char *
ngx_rtprop_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_rtprop_main_conf_t *rmcf = conf;

    ssize_t     size;
    ngx_str_t  *value;

    if (rmcf->zone_size) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "empty name in \"rtprop_zone\", it must be any "
                           "name, as in \"rtprop_zone rtprop 64m\"");
        return NGX_CONF_ERROR;
    }

    size = ngx_parse_size(&value[2]);

    if (size == NGX_ERROR || size < 1024 * 1024) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"rtprop_zone\", it must "
                           "be a size of at least 1m", &value[2]);
        return NGX_CONF_ERROR;
    }

    rmcf->zone_name = value[1];
    rmcf->zone_size = size;

    return NGX_CONF_OK;
}


char *
ngx_rtprop_conf_history(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_rtprop_main_conf_t *rmcf = conf;

    if (rmcf->history_messages != NGX_CONF_UNSET_UINT
        || rmcf->history_bytes != NGX_CONF_UNSET_SIZE
        || rmcf->history_age != NGX_CONF_UNSET)
    {
        return "is duplicate";
    }

    return ngx_rtprop_conf_options(cf, 1, ngx_rtprop_conf_history_value, rmcf);
}


static char *
ngx_rtprop_conf_history_value(ngx_conf_t *cf, void *conf, ngx_str_t *value)
{
    ngx_rtprop_main_conf_t *rmcf = conf;

    ssize_t    size;
    ngx_int_t  n;
    ngx_str_t  rest;

    if (rmcf->history_messages == NGX_CONF_UNSET_UINT
        && ngx_rtprop_conf_prefix(value, "messages=", &rest))
    {
        n = ngx_atoi(rest.data, rest.len);

        if (n < 1 || n > 1000000) {
            return ngx_rtprop_conf_bad(cf, value,
                                       "a number from 1 to 1000000");
        }

        rmcf->history_messages = n;
        return NGX_CONF_OK;
    }

    if (rmcf->history_bytes == NGX_CONF_UNSET_SIZE
        && ngx_rtprop_conf_prefix(value, "bytes=", &rest))
    {
        size = ngx_parse_size(&rest);

        if (size == NGX_ERROR || size < 4096) {
            return ngx_rtprop_conf_bad(cf, value, "a size of at least 4k");
        }

        rmcf->history_bytes = size;
        return NGX_CONF_OK;
    }

    if (rmcf->history_age == NGX_CONF_UNSET
        && ngx_rtprop_conf_prefix(value, "age=", &rest))
    {
        n = ngx_parse_time(&rest, 1);

        if (n == NGX_ERROR || n < 1) {
            return ngx_rtprop_conf_bad(cf, value, "a time of at least 1s");
        }

        rmcf->history_age = n;
        return NGX_CONF_OK;
    }

    return ngx_rtprop_conf_bad(cf, value,
                               "\"messages=number\", \"bytes=size\" or "
                               "\"age=time\", each at most once");
}


char *
ngx_rtprop_conf_log(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_rtprop_main_conf_t *rmcf = conf;

    ngx_str_t  *value;

    if (rmcf->log_file != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return ngx_rtprop_conf_bad(cf, &value[1], "a file or \"off\"");
    }

    if (value[1].len == 3 && ngx_strncmp(value[1].data, "off", 3) == 0) {
        rmcf->log_file = NULL;
        return NGX_CONF_OK;
    }

    rmcf->log_file = ngx_conf_open_file(cf->cycle, &value[1]);

    return rmcf->log_file ? NGX_CONF_OK : NGX_CONF_ERROR;
}
