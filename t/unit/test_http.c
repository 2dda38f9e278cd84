#include "base/rtprop_utf8.c"
#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "http/rtprop_http.c"
#include "t/unit/tap.h"


static unsigned char       buf[1024];
static rtprop_http_path_t  path;


static rtprop_str_t
str(const char *text)
{
    rtprop_str_t  s;

    s.data = (unsigned char *) text;
    s.len = strlen(text);

    return s;
}


/* The segments of a path, joined by "|"; NULL: there can be nothing. */

static const char *
segments(const char *prefix, const char *uri, const char *raw)
{
    char          *p;
    unsigned       i;
    rtprop_str_t   a, b, c;
    static char    text[1024];

    a = str(prefix);
    b = str(uri);
    c = str(raw);

    if (rtprop_http_path(&path, &a, &b, &c, buf) != RTPROP_OK) {
        return NULL;
    }

    for (i = 0, p = text; i < path.n; i++) {
        p += sprintf(p, "%s%.*s", i ? "|" : "", (int) path.segment[i].len,
                     (char *) path.segment[i].data);
    }

    return text;
}


static void
test_path(void)
{
    is_str(segments("/api/", "/api/publish", "/api/publish"), "publish",
           "one segment");
    is_str(segments("/api/", "/api/a/1/b", "/api/a/1/b?x=1/2"), "a|1|b",
           "the query is no part of the path");
    is_str(segments("/api", "/api/publish", "/api/publish"), "publish",
           "a prefix without slash");
    is_str(segments("/", "/publish", "/publish"), "publish",
           "the root as prefix");

    ok(!segments("/api", "/apipublish", "/apipublish"),
       "a prefix ends at a slash");
    ok(!segments("/api/", "/api/", "/api/"), "the prefix itself");
    ok(!segments("/api", "/api", "/api"), "the prefix itself, no slash");
    ok(!segments("/api/", "/api/a/", "/api/a/"), "a slash at the end");
    ok(!segments("/api/", "/api//a", "/api//a"), "an empty segment");
    ok(!segments("/api/", "/other/a", "/other/a"), "not below the prefix");
    ok(!segments("/api/", "/api/1/2/3/4/5/6/7", "/api/1/2/3/4/5/6/7"),
       "too many segments");
    is_str(segments("/api/", "/api/1/2/3/4/5/6", "/api/1/2/3/4/5/6"),
           "1|2|3|4|5|6", "as many as there may be");

    is_str(segments("/api/", "/api/a/x y", "/api/a/x%20y"), "a|x y",
           "an escaped character");
    is_str(segments("/api/", "/api/a/x/y/b", "/api/a/x%2Fy/b"), "a|x/y|b",
           "an escaped slash stays in its segment");
    is_str(segments("/api/", "/api/b", "/api/a/../b"), "b",
           "what was normalized counts");
    is_str(segments("/api/", "/api/users/1", "/api/a/..%2Fusers%2F1"),
           "users|1", "escaped dots do not get round nginx");
    is_str(segments("/api/", "/api/a/b", "/api//a/b"), "a|b",
           "merged slashes");
    is_str(segments("/api/", "/api/a/b", "/%61pi/a%2Fb"), "a|b",
           "an escaped prefix");
    is_str(segments("/api/", "/api/a+b/%zz", "/api/a+b/%zz"), "a+b|%zz",
           "plus and a lone percent sign stay");
    is_str(segments("/api/", "/api/x", "/rewritten"), "x",
           "a path that was rewritten");
}


static int
match(const char *name, const char *uri, rtprop_str_t *ids)
{
    rtprop_str_t  s;

    if (!segments("/", uri, uri)) {
        return RTPROP_ERROR;
    }

    s = str(name);

    return rtprop_http_match(&s, &path, ids, 2);
}


static void
test_match(void)
{
    rtprop_str_t  ids[2];

    is_int(match("publish", "/publish", ids), 0, "a plain name");
    is_int(match("publish", "/publis", ids), RTPROP_DECLINED, "a shorter one");
    is_int(match("publish", "/publish/x", ids), RTPROP_DECLINED,
           "a longer path");
    is_int(match("a/{id}/bids", "/a/7/bids", ids), 1, "one id");
    is_mem(ids[0].data, ids[0].len, "7", 1, "which is 7");
    is_int(match("a/{id}/bids", "/a/7", ids), RTPROP_DECLINED,
           "a shorter path");
    is_int(match("a/{id}/bids", "/a/7/bid", ids), RTPROP_DECLINED,
           "another end");
    is_int(match("a/{id}/{x}", "/a/7/end", ids), 2, "two ids");
    is_mem(ids[1].data, ids[1].len, "end", 3, "the second one");
    is_int(match("{a}/{b}/{c}", "/1/2/3", ids), RTPROP_DECLINED,
           "more ids than there is room for");
}


/* A query as JSON text, keys sorted. */

static const char *
query(const char *text)
{
    char         *dump;
    json_t       *json;
    const char   *err;
    rtprop_str_t  s;
    static char   copy[8192];

    s = str(text);
    json = rtprop_http_query(&s, &err);

    if (json == NULL) {
        return err;
    }

    dump = json_dumps(json, JSON_COMPACT|JSON_SORT_KEYS);
    snprintf(copy, sizeof(copy), "%s", dump);

    free(dump);
    json_decref(json);

    return copy;
}


static void
test_query(void)
{
    char    many[256];
    size_t  i;

    is_str(query(""), "{}", "no query");
    is_str(query("limit=50"), "{\"limit\":50}", "a number");
    is_str(query("limit=-5"), "{\"limit\":-5}", "a negative one");
    is_str(query("id=007"), "{\"id\":\"007\"}", "leading zeros are kept");
    is_str(query("id=0"), "{\"id\":0}", "zero");
    is_str(query("id=-0"), "{\"id\":\"-0\"}", "no negative zero");
    is_str(query("id=-"), "{\"id\":\"-\"}", "a lone minus");
    is_str(query("id=9007199254740991"), "{\"id\":9007199254740991}",
           "the largest exact integer");
    is_str(query("id=9007199254740992"), "{\"id\":\"9007199254740992\"}",
           "one more is a string");
    is_str(query("id=99999999999999999999"),
           "{\"id\":\"99999999999999999999\"}", "twenty digits");
    is_str(query("a=x+y%20z&b=%26%3d"), "{\"a\":\"x y z\",\"b\":\"&=\"}",
           "escapes");
    is_str(query("a&b=&=c&&"), "{\"\":\"c\",\"a\":\"\",\"b\":\"\"}",
           "names alone, values alone");
    is_str(query("a=1&a=2"), "{\"a\":2}", "the last one counts");
    is_str(query("a=%zz%4"), "{\"a\":\"%zz%4\"}", "percent signs alone");
    is_str(query("a=%ff"), "the query is not UTF-8 text", "no UTF-8");
    is_str(query("%c3=a"), "the query is not UTF-8 text", "nor in a name");
    is_str(query("a=%00"), "the query is not UTF-8 text", "no NUL");

    for (i = 0; i <= RTPROP_HTTP_QUERY_MAX; i++) {
        memcpy(many + 4 * i, "a=1&", 5);
    }

    is_str(query(many), "too many arguments in the query", "a bound");
}


static void
test_tags(void)
{
    int           rc;
    unsigned      i;
    uint64_t      version;
    rtprop_str_t  s;

    static const struct {
        const char  *value;
        int          rc;
        uint64_t     version;
    } cases[] = {
        { "\"3\"", RTPROP_OK, 3 },
        { "W/\"3\"", RTPROP_OK, 3 },
        { " \"3\" ", RTPROP_OK, 3 },
        { "\"3\", \"12\",\"5\"", RTPROP_OK, 12 },
        { "\"abc\", \"5\"", RTPROP_OK, 5 },
        { "*", RTPROP_DECLINED, 0 },
        { "", RTPROP_ERROR, 0 },
        { "3", RTPROP_ERROR, 0 },
        { "\"\"", RTPROP_ERROR, 0 },
        { "\"3", RTPROP_ERROR, 0 },
        { "\"-3\"", RTPROP_ERROR, 0 },
        { "w/\"3\"", RTPROP_ERROR, 0 },
        { "\"99999999999999999999999\"", RTPROP_ERROR, 0 },
        { ",,,", RTPROP_ERROR, 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s = str(cases[i].value);
        version = 0;
        rc = rtprop_http_if_match(&s, &version);

        ok(rc == cases[i].rc && version == cases[i].version,
           "If-Match: %s", cases[i].value);
    }

    s = str("\"3\", W/\"4\"");
    ok(rtprop_http_none_match(&s, 4), "If-None-Match: one of two");
    ok(!rtprop_http_none_match(&s, 5), "If-None-Match: none of two");

    s = str("*");
    ok(rtprop_http_none_match(&s, 5), "If-None-Match: any");
}


static void
test_types(void)
{
    unsigned      i;
    rtprop_str_t  s;

    static const struct {
        const char  *value;
        int          good;
    } cases[] = {
        { "application/json", 1 },
        { "Application/JSON", 1 },
        { "application/json; charset=utf-8", 1 },
        { "application/json;charset=\"UTF-8\"", 1 },
        { "application/json ; charset=UTF8", 1 },
        { "application/json; x=y", 1 },
        { "application/json; charset=latin1", 0 },
        { "application/jsonx", 0 },
        { "application/json-patch+json", 0 },
        { "text/json", 0 },
        { "text/plain", 0 },
        { "", 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s = str(cases[i].value);
        is_int(rtprop_http_is_json(&s), cases[i].good, cases[i].value);
    }
}


static const char *
bearer(const char *value)
{
    rtprop_str_t  s, token;
    static char   text[64];

    s = str(value);

    if (rtprop_http_bearer(&s, &token) != RTPROP_OK) {
        return "none";
    }

    sprintf(text, "%.*s", (int) token.len, (char *) token.data);

    return text;
}


static void
test_credentials(void)
{
    char          longest[RTPROP_HTTP_KEY_MAX + 2];
    rtprop_str_t  s;

    is_str(bearer("Bearer abc"), "abc", "a bearer's token");
    is_str(bearer("bearer  abc "), "abc", "in any case, with spaces");
    is_str(bearer("Bearer "), "none", "no token");
    is_str(bearer("Bearer"), "none", "not even a space");
    is_str(bearer("Basic abc"), "none", "another scheme");
    is_str(bearer(""), "none", "nothing");

    s = str("5f2c-1");
    ok(rtprop_http_key_valid(&s), "an idempotency key");

    s = str("");
    ok(!rtprop_http_key_valid(&s), "an empty one");

    s = str("a b");
    ok(!rtprop_http_key_valid(&s), "a space");

    s = str("a\xc3\xa9");
    ok(!rtprop_http_key_valid(&s), "beyond ASCII");

    memset(longest, 'x', sizeof(longest));
    s.data = (unsigned char *) longest;
    s.len = RTPROP_HTTP_KEY_MAX;
    ok(rtprop_http_key_valid(&s), "the longest");

    s.len++;
    ok(!rtprop_http_key_valid(&s), "one more");
}


int
main(void)
{
    test_path();
    test_match();
    test_query();
    test_tags();
    test_types();
    test_credentials();

    return plan_done();
}
