/*
 * Slot setters and defaults of the core's directives.
 */

#include "base/ngx_rtprop_conf.h"


/* What connections wait is counted in 32 bits: of ms, and of octets. */

#define NGX_RTPROP_CONF_DAY    (24 * 60 * 60 * 1000)
#define NGX_RTPROP_CONF_QUEUE  (1024 * 1024 * 1024)


typedef struct {
    ngx_str_t            name;
    ngx_uint_t           rate;          /* millitokens a second */
    ngx_uint_t           burst;
} ngx_rtprop_conf_class_t;


static char *ngx_rtprop_conf_range(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf, ngx_int_t n);
static char *ngx_rtprop_conf_rate_value(ngx_conf_t *cf, ngx_str_t *value,
    ngx_uint_t *rate);
static char *ngx_rtprop_conf_rate_burst(ngx_conf_t *cf, ngx_str_t *value,
    ngx_rtprop_rate_t *rate);
static ngx_int_t ngx_rtprop_conf_cut(ngx_str_t *value, u_char c,
    ngx_str_t *head, ngx_str_t *tail);


/* In the order of ngx_rtprop_rate_class_e. */

static const ngx_rtprop_conf_class_t  ngx_rtprop_conf_classes[] = {
    { ngx_string("message"), 5000, 5 },
    { ngx_string("typing"), 10000, 10 },
    { ngx_string("bid"), 5000, 5 },
    { ngx_string("other"), 20000, 40 }
};


char *
ngx_rtprop_conf_number(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    return ngx_rtprop_conf_range(cf, cmd, conf,
                                 ngx_atoi(value[1].data, value[1].len));
}


char *
ngx_rtprop_conf_size(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    return ngx_rtprop_conf_range(cf, cmd, conf, ngx_parse_size(&value[1]));
}


char *
ngx_rtprop_conf_msec(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    return ngx_rtprop_conf_range(cf, cmd, conf, ngx_parse_time(&value[1], 0));
}


/* Numbers, sizes and times are words of one width, unset is all ones. */

static char *
ngx_rtprop_conf_range(ngx_conf_t *cf, ngx_command_t *cmd, void *conf,
    ngx_int_t n)
{
    ngx_str_t                *value;
    ngx_uint_t               *field;
    ngx_rtprop_conf_range_t  *range;

    field = (ngx_uint_t *) ((char *) conf + cmd->offset);

    if (*field != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    range = cmd->post;

    if (n == NGX_ERROR || n < range->min || n > range->max) {
        return ngx_rtprop_conf_bad(cf, &value[1], range->right);
    }

    *field = n;

    return NGX_CONF_OK;
}


char *
ngx_rtprop_conf_word(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    u_char           *p, *last, words[128];
    ngx_str_t        *value;
    ngx_uint_t       *field;
    ngx_conf_enum_t  *e;

    field = (ngx_uint_t *) ((char *) conf + cmd->offset);

    if (*field != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    p = words;
    last = words + sizeof(words) - 1;

    for (e = cmd->post; e->name.len; e++) {

        if (e->name.len == value[1].len
            && ngx_strncmp(e->name.data, value[1].data, value[1].len) == 0)
        {
            *field = e->value;
            return NGX_CONF_OK;
        }

        p = ngx_slprintf(p, last, "%s\"%V\"", (p == words) ? "" : " or ",
                         &e->name);
    }

    *p = '\0';

    return ngx_rtprop_conf_bad(cf, &value[1], (char *) words);
}


char *
ngx_rtprop_conf_rate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_rtprop_loc_conf_t *lcf = conf;

    char               *rv;
    ngx_str_t          *value;
    ngx_uint_t          class;
    ngx_rtprop_rate_t  *rate;

    value = cf->args->elts;

    for (class = 0; class < NGX_RTPROP_RATE_CLASSES; class++) {
        if (value[1].len == ngx_rtprop_conf_classes[class].name.len
            && ngx_strncmp(value[1].data,
                           ngx_rtprop_conf_classes[class].name.data,
                           value[1].len) == 0)
        {
            break;
        }
    }

    if (class == NGX_RTPROP_RATE_CLASSES) {
        return ngx_rtprop_conf_bad(cf, &value[1],
                          "a class: \"message\", \"typing\", \"bid\" or "
                          "\"other\"");
    }

    rate = &lcf->rates[class];

    if (rate->rate != NGX_CONF_UNSET_UINT) {
        return "is duplicate for this class";
    }

    if (value[2].len == 3 && ngx_strncmp(value[2].data, "off", 3) == 0) {

        if (cf->args->nelts > 3) {
            return ngx_rtprop_conf_bad(cf, &value[3], "nothing after \"off\"");
        }

        rate->rate = 0;
        rate->burst = 0;
        return NGX_CONF_OK;
    }

    rv = ngx_rtprop_conf_rate_value(cf, &value[2], &rate->rate);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rate->burst = (rate->rate + 999) / 1000;

    return (cf->args->nelts > 3)
           ? ngx_rtprop_conf_rate_burst(cf, &value[3], rate) : NGX_CONF_OK;
}


static char *
ngx_rtprop_conf_rate_burst(ngx_conf_t *cf, ngx_str_t *value,
    ngx_rtprop_rate_t *rate)
{
    ngx_int_t  burst;
    ngx_str_t  rest;

    if (!ngx_rtprop_conf_prefix(value, "burst=", &rest)) {
        return ngx_rtprop_conf_bad(cf, value, "\"burst=number\"");
    }

    burst = ngx_atoi(rest.data, rest.len);

    if (burst < 1 || burst > 100000) {
        return ngx_rtprop_conf_bad(cf, value, "a burst from 1 to 100000");
    }

    rate->burst = burst;

    return NGX_CONF_OK;
}


static char *
ngx_rtprop_conf_rate_value(ngx_conf_t *cf, ngx_str_t *value, ngx_uint_t *rate)
{
    ngx_int_t   n;
    ngx_uint_t  scale;

    n = NGX_ERROR;
    scale = 1000;

    if (value->len > 3) {
        if (ngx_strncmp(value->data + value->len - 3, "r/s", 3) == 0) {
            n = ngx_atoi(value->data, value->len - 3);

        } else if (ngx_strncmp(value->data + value->len - 3, "r/m", 3) == 0) {
            n = ngx_atoi(value->data, value->len - 3);
            scale = 60;
        }
    }

    if (n < 1 || n > 100000) {
        return ngx_rtprop_conf_bad(cf, value,
                           "a rate from 1 to 100000 as \"5r/s\" or \"30r/m\", "
                           "or \"off\"");
    }

    *rate = (scale == 1000) ? n * 1000 : ngx_max(n * 1000 / 60, 1);

    return NGX_CONF_OK;
}


char *
ngx_rtprop_conf_errors(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_rtprop_loc_conf_t *lcf = conf;

    ngx_int_t   n, time;
    ngx_str_t  *value, head, tail;

    if (lcf->errors != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_rtprop_conf_cut(&value[1], '/', &head, &tail) == NGX_OK) {
        n = ngx_atoi(head.data, head.len);
        time = ngx_parse_time(&tail, 0);

        if (n > 0 && n <= 65535 && time > 0 && time <= NGX_RTPROP_CONF_DAY) {
            lcf->errors = n;
            lcf->errors_time = time;
            return NGX_CONF_OK;
        }
    }

    return ngx_rtprop_conf_bad(cf, &value[1],
                               "a number from 1 to 65535 and a time of at "
                               "most 1d, as \"50/1m\"");
}


char *
ngx_rtprop_conf_ping(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_rtprop_loc_conf_t *lcf = conf;

    ngx_int_t   time;
    ngx_str_t  *value, rest;

    if (lcf->ping_interval != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;
    time = ngx_parse_time(&value[1], 0);

    if (time < 100 || time > NGX_RTPROP_CONF_DAY) {
        return ngx_rtprop_conf_bad(cf, &value[1],
                                   "an interval from 100ms to 1d");
    }

    lcf->ping_interval = time;

    if (cf->args->nelts > 2) {
        if (!ngx_rtprop_conf_prefix(&value[2], "timeout=", &rest)) {
            return ngx_rtprop_conf_bad(cf, &value[2], "\"timeout=time\"");
        }

        time = ngx_parse_time(&rest, 0);

        if (time < 100 || time > NGX_RTPROP_CONF_DAY) {
            return ngx_rtprop_conf_bad(cf, &value[2],
                                       "a timeout from 100ms to 1d");
        }

        lcf->ping_timeout = time;
    }

    return NGX_CONF_OK;
}


char *
ngx_rtprop_conf_send_queue(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_rtprop_loc_conf_t *lcf = conf;

    ssize_t     hard, soft;
    ngx_int_t   time;
    ngx_str_t  *value, rest, head, tail;

    if (lcf->queue_hard != NGX_CONF_UNSET_SIZE) {
        return "is duplicate";
    }

    value = cf->args->elts;
    hard = ngx_parse_size(&value[1]);

    if (hard < 4096 || hard > NGX_RTPROP_CONF_QUEUE) {
        return ngx_rtprop_conf_bad(cf, &value[1], "a size from 4k to 1024m");
    }

    lcf->queue_hard = hard;
    soft = hard / 4;
    time = 10000;

    if (cf->args->nelts > 2) {
        if (!ngx_rtprop_conf_prefix(&value[2], "soft=", &rest)
            || ngx_rtprop_conf_cut(&rest, '/', &head, &tail) != NGX_OK)
        {
            return ngx_rtprop_conf_bad(cf, &value[2], "\"soft=size/time\"");
        }

        soft = ngx_parse_size(&head);
        time = ngx_parse_time(&tail, 0);

        if (soft < 1024 || soft > hard
            || time < 100 || time > NGX_RTPROP_CONF_DAY)
        {
            return ngx_rtprop_conf_bad(cf, &value[2],
                           "a soft size from 1k to the hard one and a time "
                           "from 100ms to 1d, as \"soft=256k/10s\"");
        }
    }

    lcf->queue_soft = soft;
    lcf->queue_soft_time = time;

    return NGX_CONF_OK;
}


void
ngx_rtprop_conf_unset(ngx_rtprop_loc_conf_t *conf)
{
    ngx_uint_t  i;

    conf->user_connections = NGX_CONF_UNSET_UINT;
    conf->errors = NGX_CONF_UNSET_UINT;
    conf->errors_time = NGX_CONF_UNSET_MSEC;
    conf->max_message = NGX_CONF_UNSET_SIZE;
    conf->ping_interval = NGX_CONF_UNSET_MSEC;
    conf->ping_timeout = NGX_CONF_UNSET_MSEC;
    conf->queue_hard = NGX_CONF_UNSET_SIZE;
    conf->queue_soft = NGX_CONF_UNSET_SIZE;
    conf->queue_soft_time = NGX_CONF_UNSET_MSEC;
    conf->compression = NGX_CONF_UNSET_UINT;
    conf->compression_level = NGX_CONF_UNSET_UINT;
    conf->compression_threshold = NGX_CONF_UNSET_SIZE;
    conf->field_case = NGX_CONF_UNSET_UINT;
    conf->batch = NGX_CONF_UNSET_MSEC;
    conf->api_public = NGX_CONF_UNSET;

    for (i = 0; i < NGX_RTPROP_RATE_CLASSES; i++) {
        conf->rates[i].rate = NGX_CONF_UNSET_UINT;
        conf->rates[i].burst = NGX_CONF_UNSET_UINT;
    }
}


char *
ngx_rtprop_conf_merge(ngx_conf_t *cf, ngx_rtprop_loc_conf_t *prev,
    ngx_rtprop_loc_conf_t *conf)
{
    ngx_uint_t                      i;
    const ngx_rtprop_conf_class_t  *class;

    ngx_conf_merge_uint_value(conf->user_connections, prev->user_connections,
                              5);
    ngx_conf_merge_uint_value(conf->errors, prev->errors, 50);
    ngx_conf_merge_msec_value(conf->errors_time, prev->errors_time, 60000);
    ngx_conf_merge_size_value(conf->max_message, prev->max_message,
                              64 * 1024);
    ngx_conf_merge_msec_value(conf->ping_interval, prev->ping_interval,
                              25000);
    ngx_conf_merge_msec_value(conf->ping_timeout, prev->ping_timeout, 60000);
    ngx_conf_merge_size_value(conf->queue_hard, prev->queue_hard,
                              1024 * 1024);
    ngx_conf_merge_size_value(conf->queue_soft, prev->queue_soft,
                              256 * 1024);
    ngx_conf_merge_msec_value(conf->queue_soft_time, prev->queue_soft_time,
                              10000);
    ngx_conf_merge_uint_value(conf->compression, prev->compression, 0);
    ngx_conf_merge_uint_value(conf->compression_level,
                              prev->compression_level, 6);
    ngx_conf_merge_size_value(conf->compression_threshold,
                              prev->compression_threshold, 1024);
    ngx_conf_merge_uint_value(conf->field_case, prev->field_case,
                              NGX_RTPROP_CASE_SNAKE);
    ngx_conf_merge_msec_value(conf->batch, prev->batch, 0);
    ngx_conf_merge_str_value(conf->api_key, prev->api_key, "");
    ngx_conf_merge_value(conf->api_public, prev->api_public, 0);

    for (i = 0; i < NGX_RTPROP_RATE_CLASSES; i++) {
        class = &ngx_rtprop_conf_classes[i];

        ngx_conf_merge_uint_value(conf->rates[i].rate, prev->rates[i].rate,
                                  class->rate);
        ngx_conf_merge_uint_value(conf->rates[i].burst, prev->rates[i].burst,
                                  class->burst);
    }

    return NGX_CONF_OK;
}


char *
ngx_rtprop_conf_bad(ngx_conf_t *cf, ngx_str_t *value, const char *right)
{
    ngx_str_t  *args;

    args = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" in \"%V\", it must be %s",
                       value, &args[0], right);

    return NGX_CONF_ERROR;
}


void
ngx_rtprop_conf_private(ngx_conf_t *cf, ngx_str_t *file)
{
    ngx_str_t         path, *args;
    ngx_file_info_t   fi;

    args = cf->args->elts;
    path = *file;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK
        || ngx_file_info(path.data, &fi) == NGX_FILE_ERROR)
    {
        return;
    }

    if (ngx_file_access(&fi) & 0006) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "everybody on this machine can read or write the "
                           "secret in \"%V\" of \"%V\", it must be its "
                           "owner's alone (chmod 600)", &path, &args[0]);
    }
}


/* Cuts value at the first c. */

static ngx_int_t
ngx_rtprop_conf_cut(ngx_str_t *value, u_char c, ngx_str_t *head,
    ngx_str_t *tail)
{
    u_char  *p;

    p = ngx_strlchr(value->data, value->data + value->len, c);

    if (p == NULL) {
        return NGX_DECLINED;
    }

    head->data = value->data;
    head->len = p - value->data;
    tail->data = p + 1;
    tail->len = value->data + value->len - tail->data;

    return NGX_OK;
}


char *
ngx_rtprop_conf_options(ngx_conf_t *cf, ngx_uint_t first,
    ngx_rtprop_conf_option_pt set, void *conf)
{
    char        *rv;
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;
    rv = NGX_CONF_OK;

    for (i = first; rv == NGX_CONF_OK && i < cf->args->nelts; i++) {
        rv = set(cf, conf, &value[i]);
    }

    return rv;
}


ngx_uint_t
ngx_rtprop_conf_prefix(ngx_str_t *value, const char *prefix, ngx_str_t *rest)
{
    size_t  len;

    len = ngx_strlen(prefix);

    if (value->len <= len || ngx_strncmp(value->data, prefix, len) != 0) {
        return 0;
    }

    rest->data = value->data + len;
    rest->len = value->len - len;

    return 1;
}
