/*
 * Which links may be handed to others.
 */

#include "src/base/rtprop_url.c"

#include "t/unit/tap.h"


int
main(void)
{
    char         many[RTPROP_URL_LEN + 1];
    size_t       i;

    static const char  *good[] = {
        "https://x.example/a.png", "http://x", "HTTP://x/a", "/", "/a",
        "/files/a.png?x=1:2", "files/a:b.png", "a.png", "?a=b:c", "#x:y",
        "https://x.example/?next=javascript:1", "/h%C3%A4user/\xc3\xa4",
    };

    static const char  *bad[] = {
        "", "javascript:alert(1)", "JaVaScRiPt:alert(1)",
        " javascript:alert(1)", "java\tscript:alert(1)", "data:text/html,x",
        "ftp://x/a", "//evil.example/a", "/\\evil.example", "\\\\evil",
        "http://", "https:///a", "https:a", "https:/a", "http:", ":", "/a b",
        "/a\x7f", "/a\n", "mailto:a@x.example", "blob:x", "httpsx://a",
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ok(rtprop_url_safe((const unsigned char *) good[i], strlen(good[i])),
           "'%s' is fine", good[i]);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(!rtprop_url_safe((const unsigned char *) bad[i], strlen(bad[i])),
           "bad link %zu is refused", i);
    }

    ok(!rtprop_url_safe((const unsigned char *) "http://x", 7),
       "nothing behind its length is read");

    memset(many, 'a', sizeof(many));
    ok(rtprop_url_safe((unsigned char *) many, RTPROP_URL_LEN), "a long one");
    ok(!rtprop_url_safe((unsigned char *) many, RTPROP_URL_LEN + 1),
       "a longer one is refused");

    return plan_done();
}
