/*
 * Addresses of "rtprop_redis".
 */

#include "engine/redis/rtprop_redis.h"


typedef struct {
    const char             *name;
    size_t                  len;
    rtprop_redis_scheme_e   scheme;
    unsigned                port;
} rtprop_redis_scheme_t;


static const rtprop_redis_scheme_t *rtprop_redis_scheme(rtprop_str_t *s);
static const char *rtprop_redis_user(rtprop_redis_url_t *url, rtprop_str_t *s);
static int rtprop_redis_decode(rtprop_str_t *s);
static const char *rtprop_redis_hosts(rtprop_redis_url_t *url, rtprop_str_t *s,
    unsigned port);
static const char *rtprop_redis_tail(rtprop_redis_url_t *url,
    rtprop_str_t *s);
static int rtprop_redis_number(const rtprop_str_t *s, unsigned max,
    unsigned *n);


static const char  rtprop_redis_right[] =
    "\"redis://[user:password@]host[:port][/db]\", \"unix:/path\", "
    "\"sentinel://host,host/master\" or \"cluster://host,host\"";


static const rtprop_redis_scheme_t  rtprop_redis_schemes[] = {
    { "redis://", 8, RTPROP_REDIS_PLAIN, RTPROP_REDIS_PORT },
    { "sentinel://", 11, RTPROP_REDIS_SENTINEL, RTPROP_REDIS_SENTINEL_PORT },
    { "cluster://", 10, RTPROP_REDIS_CLUSTER, RTPROP_REDIS_PORT },
    { NULL, 0, RTPROP_REDIS_PLAIN, 0 }
};


const char *
rtprop_redis_url(rtprop_redis_url_t *url, rtprop_str_t *s)
{
    const char                   *bad;
    rtprop_str_t                  rest;
    const rtprop_redis_scheme_t  *scheme;

    memset(url, 0, sizeof(rtprop_redis_url_t));

    if (s->len >= 9 && memcmp(s->data, "rediss://", 9) == 0) {
        return "\"redis://\" (this build has no TLS to Redis: use a tunnel, "
               "or a unix socket)";
    }

    if (s->len > 6 && memcmp(s->data, "unix:/", 6) == 0) {
        url->scheme = RTPROP_REDIS_UNIX;
        url->path.data = s->data + 5;
        url->path.len = s->len - 5;
        return NULL;
    }

    scheme = rtprop_redis_scheme(s);

    if (scheme == NULL) {
        return rtprop_redis_right;
    }

    url->scheme = scheme->scheme;
    rest.data = s->data + scheme->len;
    rest.len = s->len - scheme->len;

    bad = rtprop_redis_user(url, &rest);

    if (bad == NULL) {
        bad = rtprop_redis_hosts(url, &rest, scheme->port);
    }

    return bad ? bad : rtprop_redis_tail(url, &rest);
}


static const rtprop_redis_scheme_t *
rtprop_redis_scheme(rtprop_str_t *s)
{
    const rtprop_redis_scheme_t  *scheme;

    for (scheme = rtprop_redis_schemes; scheme->name; scheme++) {
        if (s->len > scheme->len
            && memcmp(s->data, scheme->name, scheme->len) == 0)
        {
            return scheme;
        }
    }

    return NULL;
}


/* Up to the last "@": a password may hold one. */

static const char *
rtprop_redis_user(rtprop_redis_url_t *url, rtprop_str_t *s)
{
    size_t          n;
    unsigned char  *at, *colon;

    for (at = NULL, n = 0; n < s->len; n++) {
        if (s->data[n] == '@') {
            at = s->data + n;
        }
    }

    if (at == NULL) {
        return NULL;
    }

    n = at - s->data;
    colon = memchr(s->data, ':', n);

    url->user.data = s->data;
    url->user.len = colon ? (size_t) (colon - s->data) : n;

    if (colon) {
        url->password.data = colon + 1;
        url->password.len = at - colon - 1;
    }

    s->data = at + 1;
    s->len -= n + 1;

    if (rtprop_redis_decode(&url->user) != RTPROP_OK
        || rtprop_redis_decode(&url->password) != RTPROP_OK)
    {
        return "an address whose user and password are percent-encoded";
    }

    return NULL;
}


static int
rtprop_redis_hex(unsigned char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


static int
rtprop_redis_decode(rtprop_str_t *s)
{
    int             high, low;
    unsigned char  *src, *dst, *last;

    dst = s->data;
    last = s->data + s->len;

    for (src = s->data; src < last; src++) {

        if (*src != '%') {
            *dst++ = *src;
            continue;
        }

        if (last - src < 3) {
            return RTPROP_ERROR;
        }

        high = rtprop_redis_hex(src[1]);
        low = rtprop_redis_hex(src[2]);

        if (high < 0 || low < 0 || high + low == 0) {
            return RTPROP_ERROR;
        }

        *dst++ = (unsigned char) (high * 16 + low);
        src += 2;
    }

    s->len = dst - s->data;

    return RTPROP_OK;
}


static const char *
rtprop_redis_hosts(rtprop_redis_url_t *url, rtprop_str_t *s, unsigned port)
{
    size_t                n;
    rtprop_str_t          one;
    rtprop_redis_host_t  *host;

    for ( ;; ) {
        for (n = 0; n < s->len && s->data[n] != ',' && s->data[n] != '/'; n++)
        {
            /* void */
        }

        if (url->nhosts == RTPROP_REDIS_HOSTS) {
            return "an address with at most 16 hosts";
        }

        host = &url->hosts[url->nhosts++];
        one.data = s->data;
        one.len = n;

        if (rtprop_redis_host(host, &one) != RTPROP_OK) {
            return rtprop_redis_right;
        }

        if (host->port == 0) {
            host->port = port;
        }

        s->data += n;
        s->len -= n;

        if (s->len == 0 || *s->data == '/') {
            break;
        }

        s->data++;
        s->len--;
    }

    if (url->nhosts > 1 && url->scheme == RTPROP_REDIS_PLAIN) {
        return "\"redis://\" with one host (several are for \"sentinel://\" "
               "and \"cluster://\")";
    }

    return NULL;
}


/* What follows the hosts, from the "/": a database, a master's name. */

static const char *
rtprop_redis_tail(rtprop_redis_url_t *url, rtprop_str_t *s)
{
    unsigned char  *slash;

    if (s->len) {
        s->data++;
        s->len--;
    }

    if (url->scheme == RTPROP_REDIS_CLUSTER) {
        return (s->len == 0) ? NULL : "\"cluster://host,host\" without a "
                                      "database (a cluster has only one)";
    }

    if (url->scheme == RTPROP_REDIS_SENTINEL) {
        slash = s->len ? memchr(s->data, '/', s->len) : NULL;
        url->master.data = s->data;
        url->master.len = slash ? (size_t) (slash - s->data) : s->len;

        if (url->master.len == 0) {
            return "\"sentinel://host,host/master\" with the name that the "
                   "Sentinels give the master";
        }

        s->data += url->master.len + (slash ? 1 : 0);
        s->len -= url->master.len + (slash ? 1 : 0);
    }

    if (s->len && rtprop_redis_number(s, 65535, &url->db) != RTPROP_OK) {
        return "an address whose database is a number";
    }

    return NULL;
}


int
rtprop_redis_host(rtprop_redis_host_t *host, const rtprop_str_t *s)
{
    size_t          n, colon, colons;
    rtprop_str_t    port;
    unsigned char   c;

    host->host = *s;
    host->port = 0;

    if (s->len && s->data[0] == '[') {
        for (n = 1; n < s->len && s->data[n] != ']'; n++) { /* void */ }

        if (n == s->len || (n + 1 < s->len && s->data[n + 1] != ':')) {
            return RTPROP_ERROR;
        }

        host->host.data++;
        host->host.len = n - 1;
        colon = n + 1;
        colons = (colon < s->len);

    } else {
        for (n = 0, colon = s->len, colons = 0; n < s->len; n++) {
            if (s->data[n] == ':') {
                colon = n;
                colons++;
            }
        }

        host->host.len = colon;
    }

    for (n = 0; n < host->host.len; n++) {
        c = host->host.data[n];

        if (c <= ' ' || c >= 0x7f || c == '@' || c == '[' || c == ']') {
            return RTPROP_ERROR;
        }
    }

    if (colons == 0) {
        return host->host.len ? RTPROP_OK : RTPROP_ERROR;
    }

    port.data = s->data + colon + 1;
    port.len = s->len - colon - 1;

    if (rtprop_redis_number(&port, 65535, &host->port) != RTPROP_OK
        || host->port == 0)
    {
        return RTPROP_ERROR;
    }

    return host->host.len ? RTPROP_OK : RTPROP_ERROR;
}


static int
rtprop_redis_number(const rtprop_str_t *s, unsigned max, unsigned *n)
{
    size_t    i;
    unsigned  value;

    *n = 0;

    if (s->len == 0 || s->len > 6) {
        return RTPROP_ERROR;
    }

    for (i = 0, value = 0; i < s->len; i++) {
        if (s->data[i] < '0' || s->data[i] > '9') {
            return RTPROP_ERROR;
        }

        value = value * 10 + (s->data[i] - '0');
    }

    if (value > max) {
        return RTPROP_ERROR;
    }

    *n = value;

    return RTPROP_OK;
}
