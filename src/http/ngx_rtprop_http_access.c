/*
 * Who may use the API: the bearer key of rtprop_api_key, else the machine
 * itself; browsers in a public location, under the origin rule.
 */

#include "http/ngx_rtprop_http.h"
#include "http/rtprop_http.h"
#include "base/ngx_rtprop_conf.h"
#include "base/rtprop_hash.h"
#include "session/ngx_rtprop_auth.h"


#define NGX_RTPROP_HTTP_KEY_MIN  16       /* characters of an API key */
#define NGX_RTPROP_HTTP_KEY_MAX  4096     /* octets of its file */


static char *ngx_rtprop_http_key_read(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *key);
static char *ngx_rtprop_http_key_check(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *key);
static ngx_int_t ngx_rtprop_http_unauthorized(ngx_http_request_t *r,
    const char *challenge);
static ngx_uint_t ngx_rtprop_http_loopback(ngx_connection_t *c);


char *
ngx_rtprop_http_api_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_rtprop_loc_conf_t *lcf = conf;

    char       *rv;
    ngx_str_t  *value, name;

    if (lcf->api_key.data) {
        return "is duplicate";
    }

    value = cf->args->elts;
    name = value[1];

    if (ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    rv = ngx_rtprop_http_key_read(cf, &name, &lcf->api_key);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_rtprop_http_key_check(cf, &name, &lcf->api_key);

    if (rv == NGX_CONF_OK) {
        ngx_rtprop_conf_private(cf, &name);
    }

    return rv;
}


static char *
ngx_rtprop_http_key_read(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *key)
{
    ssize_t    n;
    ngx_fd_t   fd;
    ngx_err_t  err;

    key->data = ngx_pnalloc(cf->pool, NGX_RTPROP_HTTP_KEY_MAX + 1);

    if (key->data == NULL) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "\"rtprop_api_key\": " ngx_open_file_n
                           " \"%V\" failed", name);
        return NGX_CONF_ERROR;
    }

    n = ngx_read_fd(fd, key->data, NGX_RTPROP_HTTP_KEY_MAX + 1);
    err = ngx_errno;

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_conf_log_error(NGX_LOG_ALERT, cf, ngx_errno,
                           ngx_close_file_n " \"%V\" failed", name);
    }

    if (n < 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, err,
                           "\"rtprop_api_key\": " ngx_read_fd_n
                           " \"%V\" failed", name);
        return NGX_CONF_ERROR;
    }

    while (n > 0 && (key->data[n - 1] == LF || key->data[n - 1] == CR)) {
        n--;
    }

    key->len = n;

    return NGX_CONF_OK;
}


static char *
ngx_rtprop_http_key_check(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *key)
{
    size_t  i;

    if (key->len < NGX_RTPROP_HTTP_KEY_MIN
        || key->len > NGX_RTPROP_HTTP_KEY_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"rtprop_api_key\": the key in \"%V\" must have "
                           "%d to %d characters", name,
                           NGX_RTPROP_HTTP_KEY_MIN, NGX_RTPROP_HTTP_KEY_MAX);
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < key->len; i++) {
        if (key->data[i] <= ' ' || key->data[i] > '~') {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"rtprop_api_key\": the key in \"%V\" must "
                               "be one line of visible ASCII characters "
                               "without spaces", name);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


ngx_int_t
ngx_rtprop_http_access(ngx_http_request_t *r, ngx_rtprop_loc_conf_t *lcf)
{
    rtprop_str_t      value, token;
    ngx_table_elt_t  *h;

    if (lcf->api_key.len == 0) {
        return ngx_rtprop_http_loopback(r->connection) ? NGX_OK
                                                       : NGX_HTTP_FORBIDDEN;
    }

    h = r->headers_in.authorization;

    if (h == NULL) {
        return ngx_rtprop_http_unauthorized(r, "Bearer realm=\"rtprop\"");
    }

    value.data = h->value.data;
    value.len = h->value.len;

    if (rtprop_http_bearer(&value, &token) != RTPROP_OK
        || !rtprop_secret_eq(lcf->api_key.data, lcf->api_key.len, token.data,
                             token.len))
    {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, 0,
                      "rtprop: bad key for the API");
        return ngx_rtprop_http_unauthorized(r, "Bearer realm=\"rtprop\", "
                                            "error=\"invalid_token\"");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_http_unauthorized(ngx_http_request_t *r, const char *challenge)
{
    ngx_str_t  value;

    value.data = (u_char *) challenge;
    value.len = ngx_strlen(challenge);

    r->headers_out.www_authenticate =
        ngx_rtprop_http_header_out(r, "WWW-Authenticate", &value);

    if (r->headers_out.www_authenticate == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return NGX_HTTP_UNAUTHORIZED;
}


/* The peer as the realip module may have corrected it. */

static ngx_uint_t
ngx_rtprop_http_loopback(ngx_connection_t *c)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    u_char               *p;
    struct sockaddr_in6  *sin6;
#endif

    switch (c->sockaddr->sa_family) {

#if (NGX_HAVE_UNIX_DOMAIN)
    case AF_UNIX:
        return 1;
#endif

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) c->sockaddr;

        if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
            p = sin6->sin6_addr.s6_addr;
            return p[12] == 127;
        }

        return IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr) ? 1 : 0;
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) c->sockaddr;
        return ntohl(sin->sin_addr.s_addr) >> 24 == 127;

    default:
        return 0;
    }
}


ngx_int_t
ngx_rtprop_http_cors(ngx_http_request_t *r)
{
    ngx_str_t  *origin;

    static ngx_str_t  vary = ngx_string("Origin");
    static ngx_str_t  expose = ngx_string("ETag");
    static ngx_str_t  methods = ngx_string("GET, HEAD, OPTIONS");
    static ngx_str_t  headers = ngx_string("If-None-Match, Content-Type, "
                                           "X-Requested-With");
    static ngx_str_t  age = ngx_string("600");

    if (ngx_rtprop_http_header_out(r, "Vary", &vary) == NULL) {
        return NGX_ERROR;
    }

    if (ngx_rtprop_auth_origin_check(r) != NGX_OK) {
        return NGX_HTTP_FORBIDDEN;
    }

    origin = ngx_rtprop_http_header_in(r, "origin");

    if (origin == NULL) {
        return NGX_OK;
    }

    if (ngx_rtprop_http_header_out(r, "Access-Control-Allow-Origin", origin)
        == NULL
        || ngx_rtprop_http_header_out(r, "Access-Control-Expose-Headers",
                                      &expose)
           == NULL)
    {
        return NGX_ERROR;
    }

    if (r->method != NGX_HTTP_OPTIONS) {
        return NGX_OK;
    }

    if (ngx_rtprop_http_header_out(r, "Access-Control-Allow-Methods",
                                   &methods)
        == NULL
        || ngx_rtprop_http_header_out(r, "Access-Control-Allow-Headers",
                                      &headers)
           == NULL
        || ngx_rtprop_http_header_out(r, "Access-Control-Max-Age", &age)
           == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}
