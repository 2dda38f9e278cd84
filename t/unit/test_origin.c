#include "session/rtprop_origin.c"
#include "t/unit/tap.h"


static int  matched;


static int
match(void *regex, const rtprop_str_t *origin)
{
    matched++;

    return strncmp((char *) origin->data, regex, strlen(regex)) == 0;
}


static rtprop_str_t
str(const char *text)
{
    rtprop_str_t  s = { strlen(text), (unsigned char *) text };

    return s;
}


/* words: divided by spaces */

static int
check(const char *words, const char *origin, const char *host)
{
    size_t                    n;
    const char               *err;
    rtprop_str_t              word, o;
    rtprop_origin_rule_t      rules[8];
    rtprop_origin_request_t   request;

    n = 0;

    while (*words != '\0') {
        word.data = (unsigned char *) words;
        word.len = strcspn(words, " ");

        if (rtprop_origin_rule(&rules[n], &word, &err) != RTPROP_OK) {
            ok(0, "rule %s: %s", words, err);
            return RTPROP_ERROR;
        }

        rules[n].regex = rules[n].pattern.data;
        n++;
        words += word.len;
        words += strspn(words, " ");
    }

    if (origin != NULL) {
        o = str(origin);
    }

    request.origin = origin ? &o : NULL;
    request.host = str(host);

    return rtprop_origin_check(rules, n, &request, match);
}


static void
is_allowed(const char *words, const char *origin, const char *host)
{
    ok(check(words, origin, host) == RTPROP_OK, "allowed: %s from %s to %s",
       words, origin ? origin : "nowhere", host);
}


static void
is_refused(const char *words, const char *origin, const char *host)
{
    ok(check(words, origin, host) == RTPROP_DECLINED,
       "refused: %s from %s to %s", words, origin ? origin : "nowhere", host);
}


static void
is_nonsense(const char *text)
{
    const char            *err;
    rtprop_str_t           word;
    rtprop_origin_rule_t   rule;

    err = NULL;
    word = str(text);

    ok(rtprop_origin_rule(&rule, &word, &err) == RTPROP_ERROR && err != NULL,
       "nonsense: \"%s\"", text);
}


int
main(void)
{
    is_allowed("same", NULL, "example.com");
    is_allowed("same", "https://example.com", "example.com");
    is_allowed("same", "http://example.com", "example.com");
    is_allowed("same", "https://EXAMPLE.com", "example.COM");
    is_allowed("same", "https://example.com", "example.com:443");
    is_allowed("same", "https://example.com:443", "example.com");
    is_allowed("same", "http://example.com:80", "example.com");
    is_allowed("same", "http://localhost:8080", "localhost:8080");
    is_allowed("same", "http://[::1]:8080", "[::1]:8080");
    is_allowed("same", "HTTPS://example.com", "example.com");
    is_allowed("", "https://example.com", "example.com");

    is_refused("same", "https://example.com", "example.com:80");
    is_refused("same", "https://example.com:8443", "example.com");
    is_refused("same", "http://localhost:8080", "localhost");
    is_refused("same", "https://evil.com", "example.com");
    is_refused("same", "https://example.com.evil.com", "example.com");
    is_refused("same", "https://sub.example.com", "example.com");
    is_refused("same", "null", "null");
    is_refused("same", "null", "example.com");
    is_refused("same", "", "example.com");
    is_refused("same", "", "");
    is_refused("same", "https://", "");
    is_refused("same", "example.com", "example.com");
    is_refused("same", "https://example.com/", "example.com");
    is_refused("same", "https://example.com/x", "example.com");
    is_refused("same", "https://example.com@evil.com", "example.com");
    is_refused("same", "https://example.com https://evil.com", "example.com");
    is_refused("same", "https://example.com:0", "example.com");
    is_refused("same", "https://example.com:99999", "example.com");
    is_refused("same", "https://example.com:4a", "example.com");
    is_refused("same", "https://example.com:", "example.com");
    is_refused("same", "https://[::1", "[::1");
    is_refused("same", "https://[]", "[]");
    is_refused("same", "https://example.com", "example.com/");
    is_refused("same", "https://example.com", "");
    is_refused("", "https://evil.com", "example.com");

    is_allowed("any", "https://evil.com", "example.com");
    is_allowed("any", "null", "example.com");
    is_allowed("any", "rubbish", "example.com");
    is_allowed("any", NULL, "example.com");

    is_refused("required", NULL, "example.com");
    is_refused("any required", NULL, "example.com");
    is_allowed("any required", "x", "example.com");
    is_allowed("required", "https://example.com", "example.com");
    is_refused("required", "https://evil.com", "example.com");

    is_allowed("null", "null", "example.com");
    is_refused("null", "https://example.com", "example.com");

    is_allowed("https://a.com", "https://a.com", "x");
    is_allowed("https://a.com", "https://a.com:443", "x");
    is_allowed("https://a.com:443", "https://a.com", "x");
    is_allowed("same https://a.com", "https://a.com", "x");
    is_allowed("a.com", "http://a.com", "x");
    is_allowed("a.com", "https://a.com", "x");
    is_allowed("localhost:3000", "http://localhost:3000", "x");
    is_allowed("capacitor://localhost", "capacitor://localhost", "x");
    is_refused("https://a.com", "http://a.com", "x");
    is_refused("https://a.com", "https://a.com:8443", "x");
    is_refused("https://a.com", "https://b.a.com", "x");
    is_refused("https://a.com", "https://aa.com", "x");
    is_refused("a.com", "https://a.com:8443", "x");
    is_refused("https://a.com", "https://x", "x");

    is_allowed("*.a.com", "https://b.a.com", "x");
    is_allowed("*.a.com", "https://c.b.A.com", "x");
    is_allowed("https://*.a.com", "https://b.a.com", "x");
    is_allowed("https://*.a.com:8443", "https://b.a.com:8443", "x");
    is_refused("*.a.com", "https://a.com", "x");
    is_refused("*.a.com", "https://.a.com.b", "x");
    is_refused("*.a.com", "https://ba.com", "x");
    is_refused("*.a.com", "https://bxa.com", "x");
    is_refused("*.a.com", "https://.a.com", "x");
    is_refused("https://*.a.com", "http://b.a.com", "x");

    is_allowed("~https://a", "https://abc", "x");
    is_refused("~https://a", "https://b", "x");
    is_allowed("https://q.com ~*https://a", "https://abc", "x");
    is_int(matched, 3, "the regex was asked");

    is_nonsense("");
    is_nonsense("~");
    is_nonsense("~*");
    is_nonsense("*");
    is_nonsense("*.");
    is_nonsense("https://");
    is_nonsense("https://a.com/");
    is_nonsense("https://*");
    is_nonsense("a.*.com");
    is_nonsense("a.com:");
    is_nonsense("a.com:http");
    is_nonsense("a b");

    return plan_done();
}
