/*
 * UTF-8: in any cuts the same as whole, and the same as a plain reading of RFC
 * 3629; the JSON side's own decoder agrees.
 *
 * Input: the place of two cuts, then the text.
 */

#include "t/fuzz/fuzz.h"

#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "base/rtprop_utf8.c"


/* Octets of the character at p, 0 when it is none; by values, not by tables. */

static size_t
plain_char(const unsigned char *p, size_t len)
{
    size_t         i, n;
    uint32_t       value;

    static const uint32_t  least[] = { 0, 0, 0x80, 0x800, 0x10000 };

    n = p[0] < 0x80 ? 1 : (p[0] & 0xe0) == 0xc0 ? 2 : (p[0] & 0xf0) == 0xe0 ? 3
        : (p[0] & 0xf8) == 0xf0 ? 4 : 0;

    if (n == 0 || n > len) {
        return 0;
    }

    value = n == 1 ? p[0] : p[0] & (0x7fu >> n);

    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        value = value << 6 | (p[i] & 0x3f);
    }

    if (value < least[n] || value > 0x10ffff
        || (value >= 0xd800 && value <= 0xdfff))
    {
        return 0;
    }

    return n;
}


static int
in_cuts(const rtprop_str_t *s, size_t one, size_t two)
{
    int              rc;
    size_t           i, n;
    rtprop_utf8_t    state;
    unsigned char   *piece;

    state = RTPROP_UTF8_START;
    rc = RTPROP_OK;

    for (i = 0; i < s->len; i += n) {
        n = i < one ? one - i : i < two ? two - i : 1 + (i & 15);
        n = n < s->len - i ? n : s->len - i;

        piece = malloc(n);
        if (piece == NULL) {
            return rc;
        }

        memcpy(piece, s->data + i, n);
        rc = rtprop_utf8_check(&state, piece, n);
        free(piece);

        if (rc == RTPROP_ERROR) {
            return rc;
        }
    }

    return rc;
}


static void
fuzz_one(fuzz_input_t *in)
{
    int            whole;
    size_t         i, n, chars, one, two;
    rtprop_str_t   s, escaped;
    rtprop_utf8_t  state;

    one = fuzz_byte(in);
    two = one + fuzz_byte(in);
    s = fuzz_rest(in);

    state = RTPROP_UTF8_START;
    whole = rtprop_utf8_check(&state, s.data, s.len);

    must(whole == in_cuts(&s, one, two), "the same in cuts");
    must(whole == RTPROP_OK || whole == RTPROP_AGAIN || whole == RTPROP_ERROR,
         "one of three answers");
    must((whole == RTPROP_OK) == rtprop_utf8_valid(s.data, s.len),
         "the same by the short way");

    for (i = 0, chars = 0; i < s.len; i += n, chars++) {
        n = plain_char(s.data + i, s.len - i);

        must(n == rtprop_json_utf8_char(s.data + i, s.data + s.len),
             "both decoders see the same character");

        if (n == 0) {
            break;
        }
    }

    must((i == s.len) == (whole == RTPROP_OK), "valid as RFC 3629 has it");

    if (whole == RTPROP_OK) {
        must(rtprop_utf8_length(s.data, s.len) == chars, "characters counted");
    }

    /* what is escaped for JSON is UTF-8 whatever it was */

    n = rtprop_json_escape(NULL, s.data, s.len);
    must(n <= 6 * s.len, "an escaped text is at most six times as long");

    escaped.data = malloc(n + 1);
    if (escaped.data == NULL) {
        return;
    }

    escaped.len = rtprop_json_escape(escaped.data, s.data, s.len);

    must(escaped.len == n, "counted as written");
    must(rtprop_utf8_valid(escaped.data, n), "an escaped text is UTF-8");

    free(escaped.data);
}
