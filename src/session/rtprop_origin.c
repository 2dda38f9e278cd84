/*
 * rtprop_origin: reading and comparing origins.
 */

#include "session/rtprop_origin.h"


static int rtprop_origin_parse(rtprop_origin_t *o, const rtprop_str_t *text);
static void rtprop_origin_scheme(rtprop_origin_t *o, rtprop_str_t *rest);
static int rtprop_origin_host(rtprop_origin_t *o, rtprop_str_t *rest);
static int rtprop_origin_port(rtprop_origin_t *o, const rtprop_str_t *rest);
static int rtprop_origin_allows(const rtprop_origin_rule_t *rule,
    const rtprop_origin_request_t *request, const rtprop_origin_t *o,
    rtprop_origin_match_pt match);
static int rtprop_origin_same(const rtprop_origin_t *o,
    const rtprop_str_t *host);
static int rtprop_origin_fits(const rtprop_origin_rule_t *rule,
    const rtprop_origin_t *o);
static int rtprop_origin_ports(const rtprop_origin_t *o, unsigned port);
static unsigned rtprop_origin_default(const rtprop_str_t *scheme);
static int rtprop_origin_eq(const rtprop_str_t *a, const rtprop_str_t *b);
static int rtprop_origin_is(const rtprop_str_t *s, const char *text);


static inline unsigned char
rtprop_origin_lower(unsigned char ch)
{
    return (ch >= 'A' && ch <= 'Z') ? ch | 0x20 : ch;
}


static inline int
rtprop_origin_alnum(unsigned char ch)
{
    ch = rtprop_origin_lower(ch);

    return (ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9');
}


int
rtprop_origin_rule(rtprop_origin_rule_t *rule, const rtprop_str_t *word,
    const char **err)
{
    size_t         i;
    rtprop_str_t   host;

    static const struct {
        const char            *word;
        rtprop_origin_kind_e   kind;
    } words[] = {
        { "same", RTPROP_ORIGIN_SAME },
        { "any", RTPROP_ORIGIN_ANY },
        { "required", RTPROP_ORIGIN_REQUIRED },
        { "null", RTPROP_ORIGIN_NULL }
    };

    memset(rule, 0, sizeof(rtprop_origin_rule_t));

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (rtprop_origin_is(word, words[i].word)) {
            rule->kind = words[i].kind;
            return RTPROP_OK;
        }
    }

    if (word->len && word->data[0] == '~') {
        rule->kind = RTPROP_ORIGIN_REGEX;
        rule->caseless = (word->len > 1 && word->data[1] == '*');
        rule->pattern.data = word->data + 1 + rule->caseless;
        rule->pattern.len = word->len - 1 - rule->caseless;

        if (rule->pattern.len == 0) {
            *err = "an empty regex";
            return RTPROP_ERROR;
        }

        return RTPROP_OK;
    }

    rule->kind = RTPROP_ORIGIN_EXACT;
    host = *word;
    rtprop_origin_scheme(&rule->origin, &host);

    if (host.len > 2 && host.data[0] == '*' && host.data[1] == '.') {
        rule->kind = RTPROP_ORIGIN_BELOW;
        host.data += 2;
        host.len -= 2;
    }

    if (rtprop_origin_host(&rule->origin, &host) != RTPROP_OK
        || rtprop_origin_port(&rule->origin, &host) != RTPROP_OK)
    {
        *err = "use same, any, required, null, [scheme://]host[:port], "
               "[scheme://]*.host[:port] or ~regex";
        return RTPROP_ERROR;
    }

    return RTPROP_OK;
}


int
rtprop_origin_check(const rtprop_origin_rule_t *rules, size_t n,
    const rtprop_origin_request_t *request, rtprop_origin_match_pt match)
{
    size_t           i, required;
    rtprop_origin_t  o;

    static const rtprop_origin_rule_t  same = { .kind = RTPROP_ORIGIN_SAME };

    required = 0;

    for (i = 0; i < n; i++) {
        required += (rules[i].kind == RTPROP_ORIGIN_REQUIRED);
    }

    if (request->origin == NULL) {
        return required ? RTPROP_DECLINED : RTPROP_OK;
    }

    if (required == n) {
        rules = &same;
        n = 1;
    }

    if (rtprop_origin_parse(&o, request->origin) != RTPROP_OK) {
        memset(&o, 0, sizeof(o));
    }

    for (i = 0; i < n; i++) {
        if (rtprop_origin_allows(&rules[i], request, &o, match)) {
            return RTPROP_OK;
        }
    }

    return RTPROP_DECLINED;
}


/* An origin without a host is none: "null", or malformed. */

static int
rtprop_origin_allows(const rtprop_origin_rule_t *rule,
    const rtprop_origin_request_t *request, const rtprop_origin_t *o,
    rtprop_origin_match_pt match)
{
    switch (rule->kind) {

    case RTPROP_ORIGIN_SAME:
        return o->host.len && rtprop_origin_same(o, &request->host);

    case RTPROP_ORIGIN_ANY:
        return 1;

    case RTPROP_ORIGIN_NULL:
        return rtprop_origin_is(request->origin, "null");

    case RTPROP_ORIGIN_EXACT:
    case RTPROP_ORIGIN_BELOW:
        return o->host.len && rtprop_origin_fits(rule, o);

    case RTPROP_ORIGIN_REGEX:
        return match != NULL && match(rule->regex, request->origin);

    case RTPROP_ORIGIN_REQUIRED:
        break;
    }

    return 0;
}


static int
rtprop_origin_same(const rtprop_origin_t *o, const rtprop_str_t *host)
{
    rtprop_str_t     rest;
    rtprop_origin_t  h;

    memset(&h, 0, sizeof(h));
    rest = *host;

    if (rtprop_origin_host(&h, &rest) != RTPROP_OK
        || rtprop_origin_port(&h, &rest) != RTPROP_OK)
    {
        return 0;
    }

    return rtprop_origin_eq(&o->host, &h.host)
           && rtprop_origin_ports(o, h.port);
}


static int
rtprop_origin_fits(const rtprop_origin_rule_t *rule, const rtprop_origin_t *o)
{
    rtprop_str_t            tail;
    const rtprop_origin_t  *pattern;

    pattern = &rule->origin;

    if (pattern->scheme.len
        && !rtprop_origin_eq(&pattern->scheme, &o->scheme))
    {
        return 0;
    }

    if (!rtprop_origin_ports(o, pattern->port)) {
        return 0;
    }

    tail = o->host;

    if (rule->kind == RTPROP_ORIGIN_BELOW) {

        /* at least one character and a dot */

        if (tail.len < pattern->host.len + 2) {
            return 0;
        }

        tail.data += tail.len - pattern->host.len;
        tail.len = pattern->host.len;

        if (tail.data[-1] != '.') {
            return 0;
        }
    }

    return rtprop_origin_eq(&tail, &pattern->host);
}


/* port 0: not given, so the default one of the origin's scheme. */

static int
rtprop_origin_ports(const rtprop_origin_t *o, unsigned port)
{
    unsigned  def;

    def = rtprop_origin_default(&o->scheme);

    return (o->port ? o->port : def) == (port ? port : def);
}


static unsigned
rtprop_origin_default(const rtprop_str_t *scheme)
{
    static const rtprop_str_t  http = rtprop_string("http");
    static const rtprop_str_t  https = rtprop_string("https");

    return rtprop_origin_eq(scheme, &https) ? 443
           : rtprop_origin_eq(scheme, &http) ? 80 : 0;
}


/* RFC 6454, 6.2: scheme "://" host [ ":" port ], and nothing else. */

static int
rtprop_origin_parse(rtprop_origin_t *o, const rtprop_str_t *text)
{
    rtprop_str_t  rest;

    memset(o, 0, sizeof(rtprop_origin_t));
    rest = *text;
    rtprop_origin_scheme(o, &rest);

    if (o->scheme.len == 0 || rtprop_origin_host(o, &rest) != RTPROP_OK) {
        return RTPROP_ERROR;
    }

    return rtprop_origin_port(o, &rest);
}


/* Takes "scheme://" off, if it is there. */

static void
rtprop_origin_scheme(rtprop_origin_t *o, rtprop_str_t *rest)
{
    size_t          i;
    unsigned char  *p;

    p = rest->data;

    for (i = 0; i < rest->len; i++) {

        if (!rtprop_origin_alnum(p[i]) && p[i] != '+' && p[i] != '-'
            && p[i] != '.')
        {
            break;
        }
    }

    if (i == 0 || rest->len - i < 3 || memcmp(p + i, "://", 3) != 0) {
        return;
    }

    o->scheme.data = p;
    o->scheme.len = i;
    rest->data += i + 3;
    rest->len -= i + 3;
}


/* Takes a host name or an address off. */

static int
rtprop_origin_host(rtprop_origin_t *o, rtprop_str_t *rest)
{
    size_t          i;
    unsigned char  *p;

    p = rest->data;
    i = 0;

    if (rest->len && p[0] == '[') {

        for (i = 1; i < rest->len && p[i] != ']'; i++) {
            if (!rtprop_origin_alnum(p[i]) && p[i] != ':' && p[i] != '.') {
                return RTPROP_ERROR;
            }
        }

        if (i < 3 || i == rest->len) {
            return RTPROP_ERROR;
        }

        i++;

    } else {
        while (i < rest->len
               && (rtprop_origin_alnum(p[i]) || p[i] == '-' || p[i] == '.'
                   || p[i] == '_'))
        {
            i++;
        }
    }

    if (i == 0) {
        return RTPROP_ERROR;
    }

    o->host.data = p;
    o->host.len = i;
    rest->data += i;
    rest->len -= i;

    return RTPROP_OK;
}


/* The rest must be empty or a port. */

static int
rtprop_origin_port(rtprop_origin_t *o, const rtprop_str_t *rest)
{
    size_t    i;
    unsigned  port;

    if (rest->len == 0) {
        return RTPROP_OK;
    }

    if (rest->data[0] != ':' || rest->len < 2 || rest->len > 6) {
        return RTPROP_ERROR;
    }

    port = 0;

    for (i = 1; i < rest->len; i++) {

        if (rest->data[i] < '0' || rest->data[i] > '9') {
            return RTPROP_ERROR;
        }

        port = port * 10 + (rest->data[i] - '0');
    }

    if (port == 0 || port > 65535) {
        return RTPROP_ERROR;
    }

    o->port = port;

    return RTPROP_OK;
}


static int
rtprop_origin_eq(const rtprop_str_t *a, const rtprop_str_t *b)
{
    size_t  i;

    if (a->len != b->len) {
        return 0;
    }

    for (i = 0; i < a->len; i++) {
        if (rtprop_origin_lower(a->data[i])
            != rtprop_origin_lower(b->data[i]))
        {
            return 0;
        }
    }

    return 1;
}


static int
rtprop_origin_is(const rtprop_str_t *s, const char *text)
{
    return rtprop_str_eq(s, text, strlen(text));
}
