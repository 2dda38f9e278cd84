/*
 * "rtprop_redis url [option=value ...]".
 */

#include "engine/redis/ngx_rtprop_redis_conn.h"
#include "base/ngx_rtprop_conf.h"


#define NGX_RTPROP_REDIS_SECRET  1024


typedef struct ngx_rtprop_redis_option_s  ngx_rtprop_redis_option_t;

struct ngx_rtprop_redis_option_s {
    const char              *name;
    char                  *(*set)(ngx_conf_t *cf,
                                  ngx_rtprop_redis_option_t *option,
                                  ngx_str_t *value, void *field);
    size_t                   offset;
    ngx_int_t                min;
    ngx_int_t                max;
    const char              *right;
};


static ngx_rtprop_redis_conf_t *ngx_rtprop_redis_conf_create(ngx_conf_t *cf);
static char *ngx_rtprop_redis_conf_url(ngx_conf_t *cf,
    ngx_rtprop_redis_conf_t *conf, ngx_str_t *value);
static char *ngx_rtprop_redis_conf_option(ngx_conf_t *cf, void *conf,
    ngx_str_t *value);
static char *ngx_rtprop_redis_conf_text(ngx_conf_t *cf,
    ngx_rtprop_redis_option_t *option, ngx_str_t *value, void *field);
static char *ngx_rtprop_redis_conf_secret(ngx_conf_t *cf,
    ngx_rtprop_redis_option_t *option, ngx_str_t *value, void *field);
static char *ngx_rtprop_redis_conf_msec(ngx_conf_t *cf,
    ngx_rtprop_redis_option_t *option, ngx_str_t *value, void *field);
static char *ngx_rtprop_redis_conf_size(ngx_conf_t *cf,
    ngx_rtprop_redis_option_t *option, ngx_str_t *value, void *field);
static char *ngx_rtprop_redis_conf_number(ngx_conf_t *cf,
    ngx_rtprop_redis_option_t *option, ngx_str_t *value, void *field);
static char *ngx_rtprop_redis_conf_check(ngx_conf_t *cf,
    ngx_rtprop_redis_conf_t *conf);
static ngx_int_t ngx_rtprop_redis_conf_resolve(ngx_conf_t *cf,
    ngx_rtprop_redis_conf_t *conf, ngx_rtprop_redis_addr_t *addr);


#define ngx_rtprop_redis_field(field)                                         \
    offsetof(ngx_rtprop_redis_conf_t, field)


static ngx_rtprop_redis_option_t  ngx_rtprop_redis_options[] = {

    { "prefix=", ngx_rtprop_redis_conf_text, ngx_rtprop_redis_field(prefix),
      1, 64, "\"prefix=text\" of at most 64 octets without \"{\" and \"}\"" },

    { "user=", ngx_rtprop_redis_conf_text, ngx_rtprop_redis_field(user),
      1, 256, "\"user=name\"" },

    { "password_file=", ngx_rtprop_redis_conf_secret,
      ngx_rtprop_redis_field(password),
      1, NGX_RTPROP_REDIS_SECRET, "\"password_file=path\"" },

    { "sentinel_user=", ngx_rtprop_redis_conf_text,
      ngx_rtprop_redis_field(sentinel_user), 1, 256, "\"sentinel_user=name\"" },

    { "sentinel_password_file=", ngx_rtprop_redis_conf_secret,
      ngx_rtprop_redis_field(sentinel_password),
      1, NGX_RTPROP_REDIS_SECRET, "\"sentinel_password_file=path\"" },

    { "db=", ngx_rtprop_redis_conf_number, ngx_rtprop_redis_field(db),
      0, 65535, "\"db=n\" from 0 to 65535" },

    { "timeout=", ngx_rtprop_redis_conf_msec, ngx_rtprop_redis_field(timeout),
      100, 60000, "\"timeout=time\" from 100ms to 60s" },

    { "connect_timeout=", ngx_rtprop_redis_conf_msec,
      ngx_rtprop_redis_field(connect_timeout),
      100, 60000, "\"connect_timeout=time\" from 100ms to 60s" },

    { "retry=", ngx_rtprop_redis_conf_msec, ngx_rtprop_redis_field(retry),
      50, 60000, "\"retry=time\" from 50ms to 60s" },

    { "queue=", ngx_rtprop_redis_conf_number, ngx_rtprop_redis_field(queue),
      1, 10000000, "\"queue=number\" from 1 to 10000000" },

    { "buffer=", ngx_rtprop_redis_conf_size, ngx_rtprop_redis_field(buffer),
      65536, 1073741824, "\"buffer=size\" from 64k to 1g" },

    { "max_reply=", ngx_rtprop_redis_conf_size,
      ngx_rtprop_redis_field(max_reply),
      65536, 536870912, "\"max_reply=size\" from 64k to 512m" },

    { NULL, NULL, 0, 0, 0, NULL }
};


char *
ngx_rtprop_redis_directive(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_rtprop_main_conf_t *rmcf = conf;

    char                     *rv;
    ngx_str_t                *value;
    ngx_rtprop_redis_conf_t  *rcf;

    if (rmcf->redis) {
        return "is duplicate";
    }

    rcf = ngx_rtprop_redis_conf_create(cf);

    if (rcf == NULL) {
        return NGX_CONF_ERROR;
    }

    rmcf->redis = rcf;
    value = cf->args->elts;

    rv = ngx_rtprop_redis_conf_url(cf, rcf, &value[1]);

    if (rv == NGX_CONF_OK) {
        rv = ngx_rtprop_conf_options(cf, 2, ngx_rtprop_redis_conf_option, rcf);
    }

    return (rv == NGX_CONF_OK) ? ngx_rtprop_redis_conf_check(cf, rcf) : rv;
}


static ngx_rtprop_redis_conf_t *
ngx_rtprop_redis_conf_create(ngx_conf_t *cf)
{
    ngx_rtprop_redis_conf_t  *rcf;

    rcf = ngx_pcalloc(cf->pool, sizeof(ngx_rtprop_redis_conf_t));

    if (rcf == NULL) {
        return NULL;
    }

    rcf->timeout = 3000;
    rcf->connect_timeout = 1000;
    rcf->retry = 1000;
    rcf->queue = 10000;
    rcf->buffer = 64 * 1024 * 1024;
    rcf->max_reply = 64 * 1024 * 1024;

    ngx_str_set(&rcf->prefix, "rtprop:");

    return rcf;
}


static char *
ngx_rtprop_redis_conf_url(ngx_conf_t *cf, ngx_rtprop_redis_conf_t *rcf,
    ngx_str_t *value)
{
    ngx_str_t                 hidden;
    ngx_uint_t                i;
    const char               *right;
    rtprop_str_t              s;
    rtprop_redis_url_t        url;
    ngx_rtprop_redis_addr_t  *addr;

    s.data = value->data;
    s.len = value->len;
    right = rtprop_redis_url(&url, &s);

    if (right) {

        /* it may hold a password */

        ngx_str_set(&hidden, "(the address)");
        return ngx_rtprop_conf_bad(cf, ngx_strlchr(value->data,
                                            value->data + value->len, '@')
                                       ? &hidden : value, right);
    }

    rcf->scheme = url.scheme;
    rcf->db = url.db;
    rcf->user.len = url.user.len;
    rcf->user.data = url.user.data;
    rcf->password.len = url.password.len;
    rcf->password.data = url.password.data;
    rcf->master.len = url.master.len;
    rcf->master.data = url.master.data;

    rcf->naddrs = url.nhosts ? url.nhosts : 1;
    rcf->addrs = ngx_pcalloc(cf->pool,
                             rcf->naddrs * sizeof(ngx_rtprop_redis_addr_t));

    if (rcf->addrs == NULL) {
        return NGX_CONF_ERROR;
    }

    if (url.scheme == RTPROP_REDIS_UNIX) {
        rcf->addrs[0].name = *value;
        return NGX_CONF_OK;
    }

    for (i = 0; i < rcf->naddrs; i++) {
        addr = &rcf->addrs[i];

        if (ngx_rtprop_redis_addr_set(addr, cf->pool, &url.hosts[i])
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_rtprop_redis_conf_option(ngx_conf_t *cf, void *conf, ngx_str_t *value)
{
    ngx_str_t                   rest;
    ngx_rtprop_redis_option_t  *option;

    for (option = ngx_rtprop_redis_options; option->name; option++) {

        if (ngx_rtprop_conf_prefix(value, option->name, &rest)) {
            return option->set(cf, option, &rest,
                               (char *) conf + option->offset);
        }

        if (ngx_strcmp(value->data, option->name) == 0) {
            return ngx_rtprop_conf_bad(cf, value, option->right);
        }
    }

    return ngx_rtprop_conf_bad(cf, value, "an option: \"prefix=\", \"user=\", "
                               "\"password_file=\", \"db=\", \"timeout=\", "
                               "\"connect_timeout=\", \"retry=\", "
                               "\"queue=\", \"buffer=\", \"max_reply=\", "
                               "\"sentinel_user=\" or "
                               "\"sentinel_password_file=\"");
}


static char *
ngx_rtprop_redis_conf_text(ngx_conf_t *cf, ngx_rtprop_redis_option_t *option,
    ngx_str_t *value, void *field)
{
    if ((ngx_int_t) value->len > option->max
        || ngx_strlchr(value->data, value->data + value->len, '{')
        || ngx_strlchr(value->data, value->data + value->len, '}'))
    {
        return ngx_rtprop_conf_bad(cf, value, option->right);
    }

    *(ngx_str_t *) field = *value;

    return NGX_CONF_OK;
}


/* The file's first line, so that an editor's newline does no harm. */

static char *
ngx_rtprop_redis_conf_secret(ngx_conf_t *cf,
    ngx_rtprop_redis_option_t *option, ngx_str_t *value, void *field)
{
    u_char     *p;
    ssize_t     n;
    ngx_fd_t    fd;
    ngx_str_t   path, *secret;

    secret = field;
    path = *value;

    if (ngx_conf_full_name(cf->cycle, &path, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(path.data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "password file of \"rtprop_redis\": "
                           ngx_open_file_n " \"%V\" failed", &path);
        return NGX_CONF_ERROR;
    }

    p = ngx_pnalloc(cf->pool, option->max + 1);
    n = p ? ngx_read_fd(fd, p, option->max + 1) : -1;

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &path);
    }

    for (secret->len = 0, secret->data = p;
         (ssize_t) secret->len < n && p[secret->len] != '\n'
         && p[secret->len] != '\r';
         secret->len++)
    {
        /* void */
    }

    if (secret->len == 0 || (ngx_int_t) secret->len > option->max) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "password file \"%V\" of \"rtprop_redis\" must "
                           "hold a password in its first line, of at most "
                           "%i octets", &path, option->max);
        return NGX_CONF_ERROR;
    }

    ngx_rtprop_conf_private(cf, &path);

    return NGX_CONF_OK;
}


static char *
ngx_rtprop_redis_conf_range(ngx_conf_t *cf, ngx_rtprop_redis_option_t *option,
    ngx_str_t *value, void *field, ngx_int_t n)
{
    if (n == NGX_ERROR || n < option->min || n > option->max) {
        return ngx_rtprop_conf_bad(cf, value, option->right);
    }

    *(ngx_uint_t *) field = n;

    return NGX_CONF_OK;
}


static char *
ngx_rtprop_redis_conf_msec(ngx_conf_t *cf, ngx_rtprop_redis_option_t *option,
    ngx_str_t *value, void *field)
{
    return ngx_rtprop_redis_conf_range(cf, option, value, field,
                                       ngx_parse_time(value, 0));
}


static char *
ngx_rtprop_redis_conf_size(ngx_conf_t *cf, ngx_rtprop_redis_option_t *option,
    ngx_str_t *value, void *field)
{
    return ngx_rtprop_redis_conf_range(cf, option, value, field,
                                       ngx_parse_size(value));
}


static char *
ngx_rtprop_redis_conf_number(ngx_conf_t *cf,
    ngx_rtprop_redis_option_t *option, ngx_str_t *value, void *field)
{
    return ngx_rtprop_redis_conf_range(cf, option, value, field,
                                       ngx_atoi(value->data, value->len));
}


static char *
ngx_rtprop_redis_conf_check(ngx_conf_t *cf, ngx_rtprop_redis_conf_t *rcf)
{
    if (rcf->user.len && rcf->password.len == 0) {
        return "names a user without a password, give it one by "
               "\"password_file=\"";
    }

    if (rcf->scheme == RTPROP_REDIS_CLUSTER && rcf->db) {
        return "has a database, a cluster has only number 0";
    }

    if (rcf->scheme != RTPROP_REDIS_SENTINEL
        && (rcf->sentinel_user.len || rcf->sentinel_password.len))
    {
        return "has options of Sentinels, they are for \"sentinel://\" only";
    }

    return NGX_CONF_OK;
}


/* ------------------------------------------------------------ addresses --- */

ngx_int_t
ngx_rtprop_redis_addr_set(ngx_rtprop_redis_addr_t *addr, ngx_pool_t *pool,
    rtprop_redis_host_t *host)
{
    u_char      *p;
    ngx_str_t    h;
    ngx_uint_t   v6;

    h.len = host->host.len;
    h.data = host->host.data;
    v6 = (ngx_strlchr(h.data, h.data + h.len, ':') != NULL);

    p = ngx_pnalloc(pool, h.len + sizeof("[]:65535"));

    if (p == NULL) {
        return NGX_ERROR;
    }

    addr->name.data = p;
    addr->name.len = ngx_sprintf(p, v6 ? "[%V]:%ui" : "%V:%ui", &h,
                                 (ngx_uint_t) host->port)
                     - p;
    addr->host.data = v6 ? p + 1 : p;
    addr->host.len = h.len;
    addr->port = (in_port_t) host->port;
    addr->addrs = NULL;
    addr->naddrs = 0;

    return NGX_OK;
}


ngx_int_t
ngx_rtprop_redis_addr_numeric(ngx_rtprop_redis_addr_t *addr, ngx_pool_t *pool)
{
    ngx_addr_t  one;

    if (ngx_parse_addr(pool, &one, addr->host.data, addr->host.len) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    addr->addrs = ngx_palloc(pool, sizeof(ngx_addr_t));

    if (addr->addrs == NULL) {
        return NGX_ERROR;
    }

    ngx_inet_set_port(one.sockaddr, addr->port);
    one.name = addr->name;
    addr->addrs[0] = one;
    addr->naddrs = 1;

    return NGX_OK;
}


ngx_int_t
ngx_rtprop_redis_postconfiguration(ngx_conf_t *cf)
{
    ngx_uint_t                 i;
    ngx_rtprop_main_conf_t    *rmcf;
    ngx_rtprop_redis_conf_t   *rcf;
    ngx_http_core_loc_conf_t  *clcf;

    rmcf = ngx_rtprop_main_conf(cf);
    rcf = rmcf->redis;

    if (rcf == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"rtprop_engine redis\" needs \"rtprop_redis\", "
                           "as in \"rtprop_redis redis://127.0.0.1:6379\"");
        return NGX_ERROR;
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* "resolver" of the http level; an empty one stands for "off" */

    if (clcf->resolver && clcf->resolver->connections.nelts) {
        rcf->resolver = clcf->resolver;
    }

    for (i = 0; i < rcf->naddrs; i++) {
        if (ngx_rtprop_redis_conf_resolve(cf, rcf, &rcf->addrs[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* Without a resolver a name is looked up now, and "localhost" always. */

static ngx_int_t
ngx_rtprop_redis_conf_resolve(ngx_conf_t *cf, ngx_rtprop_redis_conf_t *rcf,
    ngx_rtprop_redis_addr_t *addr)
{
    ngx_int_t  rc;
    ngx_url_t  u;

    if (addr->host.len) {
        rc = ngx_rtprop_redis_addr_numeric(addr, cf->pool);

        if (rc != NGX_DECLINED) {
            return rc;
        }

        if (rcf->resolver
            && (addr->host.len != 9
                || ngx_strncmp(addr->host.data, "localhost", 9) != 0))
        {
            return NGX_OK;
        }
    }

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.url = addr->name;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s in \"rtprop_redis\" of \"%V\"",
                           u.err ? u.err : "no address", &addr->name);
        return NGX_ERROR;
    }

    addr->addrs = u.addrs;
    addr->naddrs = u.naddrs;

    return NGX_OK;
}
