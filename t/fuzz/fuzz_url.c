/*
 * Links: what either judge lets pass has none of the octets that browsers
 * strip or turn, and goes to http, https or the same host.
 */

#include "t/fuzz/fuzz.h"

#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "base/rtprop_time.c"
#include "base/rtprop_url.c"
#include "base/rtprop_utf8.c"
#include "session/rtprop_command.c"

#include <strings.h>


/* The scheme as a browser sees it (WHATWG URL, 4.4): 0 for none. */

static size_t
scheme(const rtprop_str_t *s)
{
    size_t         i;
    unsigned char  ch;

    for (i = 0; i < s->len; i++) {
        ch = s->data[i];

        if (ch == ':') {
            return i;
        }

        if (!((ch | 0x20) >= 'a' && (ch | 0x20) <= 'z')
            && !(i && ((ch >= '0' && ch <= '9') || ch == '+' || ch == '-'
                       || ch == '.')))
        {
            return 0;
        }
    }

    return 0;
}


static void
passed(const rtprop_str_t *s)
{
    size_t  i, n;

    must(s->len >= 1 && s->len <= 2048, "of a sane length");

    for (i = 0; i < s->len; i++) {
        must(s->data[i] > ' ' && s->data[i] != 0x7f && s->data[i] != '\\',
             "no octets that browsers strip or turn");
    }

    must(s->len < 2 || s->data[0] != '/' || s->data[1] != '/',
         "no other host by the page's scheme");

    n = scheme(s);

    must(n == 0 || (n == 4 && strncasecmp((char *) s->data, "http", 4) == 0)
         || (n == 5 && strncasecmp((char *) s->data, "https", 5) == 0),
         "no scheme but http and https");
}


static void
fuzz_one(fuzz_input_t *in)
{
    rtprop_str_t  s;

    s = fuzz_rest(in);

    if (rtprop_url_safe(s.data, s.len)) {
        passed(&s);
    }

    if (rtprop_command_is_url(s.data, s.len)) {
        passed(&s);
        must(rtprop_url_safe(s.data, s.len),
             "the stricter judge lets no more pass");
    }
}
