/*
 * Reading what HTTP requests of the API carry in their first lines.
 */

#include "http/rtprop_http.h"
#include "base/rtprop_utf8.h"


static int rtprop_http_below(const rtprop_str_t *prefix,
    const rtprop_str_t *uri, rtprop_str_t *rest);
static int rtprop_http_raw(rtprop_http_path_t *path,
    const rtprop_str_t *rest, const rtprop_str_t *raw, unsigned char *buf);
static int rtprop_http_split(rtprop_http_path_t *path,
    const rtprop_str_t *rest);
static size_t rtprop_http_decode(unsigned char *dst,
    const unsigned char *p, const unsigned char *last, int plus);
static int rtprop_http_hex(unsigned char ch);
static int rtprop_http_argument(json_t *query, const unsigned char *p,
    const unsigned char *last, const char **err);
static json_t *rtprop_http_value(const unsigned char *data, size_t len);
static const unsigned char *rtprop_http_etag(const unsigned char *p,
    const unsigned char *last, uint64_t *version);
static int rtprop_http_starts(const rtprop_str_t *s, const char *word,
    size_t len);


int
rtprop_http_path(rtprop_http_path_t *path, const rtprop_str_t *prefix,
    const rtprop_str_t *uri, const rtprop_str_t *raw, unsigned char *buf)
{
    rtprop_str_t  rest, tail;

    path->n = 0;

    if (rtprop_http_below(prefix, uri, &rest) != RTPROP_OK) {
        return RTPROP_DECLINED;
    }

    if (rtprop_http_below(prefix, raw, &tail) == RTPROP_OK
        && rtprop_http_raw(path, &rest, &tail, buf) == RTPROP_OK)
    {
        return RTPROP_OK;
    }

    return rtprop_http_split(path, &rest);
}


/* What follows the prefix, without the slash between. */

static int
rtprop_http_below(const rtprop_str_t *prefix, const rtprop_str_t *uri,
    rtprop_str_t *rest)
{
    size_t  len;

    len = prefix->len;

    if (uri->len < len || memcmp(uri->data, prefix->data, len) != 0) {
        return RTPROP_DECLINED;
    }

    if (len == 0 || prefix->data[len - 1] != '/') {

        if (uri->len == len || uri->data[len] != '/') {
            return RTPROP_DECLINED;
        }

        len++;
    }

    rest->data = uri->data + len;
    rest->len = uri->len - len;

    return RTPROP_OK;
}


/*
 * The client's own spelling tells an escaped slash from a plain one.  It is
 * trusted only if it decodes to exactly what nginx has judged by: access rules
 * of other locations must not be got round.
 */

static int
rtprop_http_raw(rtprop_http_path_t *path, const rtprop_str_t *rest,
    const rtprop_str_t *raw, unsigned char *buf)
{
    size_t                n, done;
    rtprop_str_t         *segment;
    const unsigned char  *p, *last, *end;

    p = raw->data;
    end = p;

    while (end < raw->data + raw->len && *end != '?' && *end != '#') {
        end++;
    }

    for (done = 0, path->n = 0; /* void */ ; p = last + 1) {

        if (path->n == RTPROP_HTTP_SEGMENTS || p >= end) {
            return RTPROP_DECLINED;
        }

        last = memchr(p, '/', end - p);
        last = last ? last : end;

        n = rtprop_http_decode(buf + done, p, last, 0);

        if (n == 0 || done + n > rest->len
            || memcmp(buf + done, rest->data + done, n) != 0)
        {
            return RTPROP_DECLINED;
        }

        segment = &path->segment[path->n++];
        segment->data = buf + done;
        segment->len = n;

        done += n;

        if (last == end) {
            return done == rest->len ? RTPROP_OK : RTPROP_DECLINED;
        }

        if (done == rest->len || rest->data[done] != '/') {
            return RTPROP_DECLINED;
        }

        buf[done++] = '/';
    }
}


static int
rtprop_http_split(rtprop_http_path_t *path, const rtprop_str_t *rest)
{
    rtprop_str_t   *segment;
    unsigned char  *p, *last, *end;

    p = rest->data;
    end = p + rest->len;

    for (path->n = 0; /* void */ ; p = last + 1) {

        if (path->n == RTPROP_HTTP_SEGMENTS || p >= end) {
            return RTPROP_DECLINED;
        }

        last = memchr(p, '/', end - p);
        last = last ? last : end;

        if (last == p) {
            return RTPROP_DECLINED;
        }

        segment = &path->segment[path->n++];
        segment->data = p;
        segment->len = last - p;

        if (last == end) {
            return RTPROP_OK;
        }
    }
}


/* A percent sign without two digits stands for itself, as in nginx. */

static size_t
rtprop_http_decode(unsigned char *dst, const unsigned char *p,
    const unsigned char *last, int plus)
{
    int             high, low;
    unsigned char  *d;

    for (d = dst; p < last; p++) {

        if (*p == '%' && last - p > 2) {
            high = rtprop_http_hex(p[1]);
            low = rtprop_http_hex(p[2]);

            if (high >= 0 && low >= 0) {
                *d++ = (unsigned char) (high << 4 | low);
                p += 2;
                continue;
            }
        }

        *d++ = (plus && *p == '+') ? ' ' : *p;
    }

    return d - dst;
}


static int
rtprop_http_hex(unsigned char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }

    ch |= 0x20;

    if (ch >= 'a' && ch <= 'f') {
        return ch - 'a' + 10;
    }

    return -1;
}


int
rtprop_http_match(const rtprop_str_t *name, const rtprop_http_path_t *path,
    rtprop_str_t *ids, unsigned nids)
{
    unsigned              i, n;
    rtprop_http_path_t    want;
    const rtprop_str_t   *w, *s;

    if (rtprop_http_split(&want, name) != RTPROP_OK || want.n != path->n) {
        return RTPROP_DECLINED;
    }

    for (i = 0, n = 0; i < want.n; i++) {
        w = &want.segment[i];
        s = &path->segment[i];

        if (w->data[0] == '{') {

            if (n == nids) {
                return RTPROP_DECLINED;
            }

            ids[n++] = *s;
            continue;
        }

        if (!rtprop_str_eq(s, (const char *) w->data, w->len)) {
            return RTPROP_DECLINED;
        }
    }

    return (int) n;
}


json_t *
rtprop_http_query(const rtprop_str_t *query, const char **err)
{
    json_t               *object;
    unsigned              n;
    const unsigned char  *p, *last, *end;

    *err = "no memory";
    object = json_object();

    if (object == NULL) {
        return NULL;
    }

    p = query->data;
    end = p + query->len;

    for (n = 0; p < end; p = last + 1) {

        last = memchr(p, '&', end - p);
        last = last ? last : end;

        if (last == p) {
            continue;
        }

        if (n++ == RTPROP_HTTP_QUERY_MAX) {
            *err = "too many arguments in the query";
            json_decref(object);
            return NULL;
        }

        if (rtprop_http_argument(object, p, last, err) != RTPROP_OK) {
            json_decref(object);
            return NULL;
        }
    }

    return object;
}


static int
rtprop_http_argument(json_t *query, const unsigned char *p,
    const unsigned char *last, const char **err)
{
    int                   rc;
    size_t                name, value;
    json_t               *json;
    unsigned char        *buf;
    const unsigned char  *eq;

    eq = memchr(p, '=', last - p);
    eq = eq ? eq : last;

    /* the name, its NUL, the value */

    buf = malloc(last - p + 2);

    if (buf == NULL) {
        return RTPROP_ERROR;
    }

    name = rtprop_http_decode(buf, p, eq, 1);
    buf[name] = '\0';
    value = eq < last ? rtprop_http_decode(buf + name + 1, eq + 1, last, 1)
                      : 0;

    if (memchr(buf, '\0', name) || memchr(buf + name + 1, '\0', value)
        || !rtprop_utf8_valid(buf, name)
        || !rtprop_utf8_valid(buf + name + 1, value))
    {
        *err = "the query is not UTF-8 text";
        free(buf);
        return RTPROP_ERROR;
    }

    json = rtprop_http_value(buf + name + 1, value);
    rc = json_object_set_new(query, (char *) buf, json);

    free(buf);

    return rc == 0 ? RTPROP_OK : RTPROP_ERROR;
}


/*
 * Digits that a JSON integer gives back unchanged become one: a limit is a
 * number, and an id may be either.
 */

static json_t *
rtprop_http_value(const unsigned char *data, size_t len)
{
    size_t   i;
    int64_t  n;

    i = (len && data[0] == '-') ? 1 : 0;

    if (i == len || len - i > 16 || (data[i] == '0' && len > 1)) {
        return json_stringn((const char *) data, len);
    }

    for (n = 0; i < len; i++) {

        if (data[i] < '0' || data[i] > '9') {
            return json_stringn((const char *) data, len);
        }

        n = n * 10 + (data[i] - '0');
    }

    if (n > RTPROP_INT_MAX) {
        return json_stringn((const char *) data, len);
    }

    return json_integer(data[0] == '-' ? -n : n);
}


int
rtprop_http_if_match(const rtprop_str_t *value, uint64_t *version)
{
    int                   rc;
    uint64_t              v;
    const unsigned char  *p, *last;

    if (rtprop_str_eq(value, "*", 1)) {
        return RTPROP_DECLINED;
    }

    rc = RTPROP_ERROR;
    last = value->data + value->len;

    for (p = value->data; p < last; /* void */ ) {

        p = rtprop_http_etag(p, last, &v);

        if (v && (rc != RTPROP_OK || v > *version)) {
            *version = v;
            rc = RTPROP_OK;
        }
    }

    return rc;
}


int
rtprop_http_none_match(const rtprop_str_t *value, uint64_t version)
{
    uint64_t              v;
    const unsigned char  *p, *last;

    if (rtprop_str_eq(value, "*", 1)) {
        return 1;
    }

    last = value->data + value->len;

    for (p = value->data; p < last; /* void */ ) {

        p = rtprop_http_etag(p, last, &v);

        if (v && v == version) {
            return 1;
        }
    }

    return 0;
}


/* One tag of a list, *version 0 if it is none of ours; returns what follows. */

static const unsigned char *
rtprop_http_etag(const unsigned char *p, const unsigned char *last,
    uint64_t *version)
{
    uint64_t              v;
    const unsigned char  *end;

    *version = 0;

    while (p < last && (*p == ' ' || *p == '\t' || *p == ',')) {
        p++;
    }

    for (end = p; end < last && *end != ','; end++) { /* void */ }

    last = end;

    while (last > p && (last[-1] == ' ' || last[-1] == '\t')) {
        last--;
    }

    if (last - p > 2 && p[0] == 'W' && p[1] == '/') {
        p += 2;
    }

    if (last - p < 3 || *p != '"' || last[-1] != '"') {
        return end;
    }

    for (p++, last--, v = 0; p < last; p++) {

        if (*p < '0' || *p > '9' || v > (UINT64_MAX - 9) / 10) {
            return end;
        }

        v = v * 10 + (*p - '0');
    }

    *version = v;

    return end;
}


int
rtprop_http_is_json(const rtprop_str_t *type)
{
    size_t        i;
    rtprop_str_t  rest;

    if (!rtprop_http_starts(type, "application/json", 16)) {
        return 0;
    }

    for (i = 16; i < type->len && (type->data[i] == ' '
                                   || type->data[i] == '\t'); i++)
    {
        /* void */
    }

    if (i == type->len) {
        return 1;
    }

    if (type->data[i++] != ';') {
        return 0;
    }

    while (i < type->len && (type->data[i] == ' ' || type->data[i] == '\t')) {
        i++;
    }

    rest.data = type->data + i;
    rest.len = type->len - i;

    if (!rtprop_http_starts(&rest, "charset=", 8)) {
        return 1;
    }

    rest.data += 8;
    rest.len -= 8;

    return rtprop_http_starts(&rest, "utf-8", 5)
           || rtprop_http_starts(&rest, "\"utf-8\"", 7)
           || rtprop_http_starts(&rest, "utf8", 4);
}


/* word is in lower case. */

static int
rtprop_http_starts(const rtprop_str_t *s, const char *word, size_t len)
{
    size_t         i;
    unsigned char  ch;

    if (s->len < len) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        ch = s->data[i];

        if (ch >= 'A' && ch <= 'Z') {
            ch |= 0x20;
        }

        if (ch != (unsigned char) word[i]) {
            return 0;
        }
    }

    return 1;
}


int
rtprop_http_bearer(const rtprop_str_t *value, rtprop_str_t *token)
{
    size_t  i, last;

    if (!rtprop_http_starts(value, "bearer ", 7)) {
        return RTPROP_ERROR;
    }

    last = value->len;

    for (i = 7; i < last && value->data[i] == ' '; i++) { /* void */ }

    while (last > i && value->data[last - 1] == ' ') {
        last--;
    }

    if (i == last) {
        return RTPROP_ERROR;
    }

    token->data = value->data + i;
    token->len = last - i;

    return RTPROP_OK;
}


int
rtprop_http_key_valid(const rtprop_str_t *key)
{
    size_t  i;

    if (key->len == 0 || key->len > RTPROP_HTTP_KEY_MAX) {
        return 0;
    }

    for (i = 0; i < key->len; i++) {
        if (key->data[i] <= ' ' || key->data[i] > '~') {
            return 0;
        }
    }

    return 1;
}
