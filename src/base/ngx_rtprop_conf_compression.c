/*
 * "rtprop_compression off | on [threshold=size] [level=n] [window=n]".
 */

#include "base/ngx_rtprop_conf.h"


#define NGX_RTPROP_COMPRESSION_THRESHOLD  (1024 * 1024)     /* the largest */


static char *ngx_rtprop_conf_compression_value(ngx_conf_t *cf, void *conf,
    ngx_str_t *value);


char *
ngx_rtprop_conf_compression(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_rtprop_loc_conf_t *lcf = conf;

    char       *rv;
    ngx_str_t  *value;

    if (lcf->compression_level != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "off") == 0 && cf->args->nelts == 2) {
        lcf->compression = 0;
        lcf->compression_level = 6;
        lcf->compression_threshold = 1024;

        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value[1].data, "on") != 0) {
        return ngx_rtprop_conf_bad(cf, &value[1], "\"off\" alone, or \"on\"");
    }

    rv = ngx_rtprop_conf_options(cf, 2, ngx_rtprop_conf_compression_value,
                                 lcf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    ngx_conf_init_uint_value(lcf->compression, 15);
    ngx_conf_init_uint_value(lcf->compression_level, 6);
    ngx_conf_init_size_value(lcf->compression_threshold, 1024);

    return NGX_CONF_OK;
}


static char *
ngx_rtprop_conf_compression_value(ngx_conf_t *cf, void *conf,
    ngx_str_t *value)
{
    ngx_rtprop_loc_conf_t *lcf = conf;

    ssize_t    n;
    ngx_str_t  rest;

    if (ngx_rtprop_conf_prefix(value, "threshold=", &rest)
        && lcf->compression_threshold == NGX_CONF_UNSET_SIZE)
    {
        n = ngx_parse_size(&rest);

        if (n == NGX_ERROR || n > NGX_RTPROP_COMPRESSION_THRESHOLD) {
            return ngx_rtprop_conf_bad(cf, value,
                                       "a threshold of at most 1m");
        }

        lcf->compression_threshold = n;

        return NGX_CONF_OK;
    }

    if (ngx_rtprop_conf_prefix(value, "level=", &rest)
        && lcf->compression_level == NGX_CONF_UNSET_UINT)
    {
        n = ngx_atoi(rest.data, rest.len);

        if (n < 1 || n > 9) {
            return ngx_rtprop_conf_bad(cf, value, "a level from 1 to 9");
        }

        lcf->compression_level = n;

        return NGX_CONF_OK;
    }

    if (ngx_rtprop_conf_prefix(value, "window=", &rest)
        && lcf->compression == NGX_CONF_UNSET_UINT)
    {
        n = ngx_atoi(rest.data, rest.len);

        if (n < 9 || n > 15) {
            return ngx_rtprop_conf_bad(cf, value,
                           "a window from 9 to 15, the logarithm of its size");
        }

        lcf->compression = n;

        return NGX_CONF_OK;
    }

    return ngx_rtprop_conf_bad(cf, value, "\"threshold=size\", \"level=n\" or "
                               "\"window=n\", each once");
}
