/*
 * Compressed messages: whatever comes in, bounds hold; what is compressed here
 * comes out the same, and its octets do not depend on what went before.
 *
 * Input: an octet of choices (bits 0 and 1: the largest message, bits 2 to 4:
 * the window), one for the level, two for the length of a compressed message,
 * that message, and a text to compress.
 */

#include "t/fuzz/fuzz.h"

#include "ws/rtprop_ws_deflate.c"


static void
inflate_any(rtprop_ws_deflate_t *z, const rtprop_str_t *in, size_t max)
{
    size_t        limit;
    unsigned      code;
    rtprop_str_t  out;

    code = rtprop_ws_inflate(z, in, max, &out);

    limit = in->len * RTPROP_WS_INFLATE_RATIO;
    limit = limit < RTPROP_WS_INFLATE_FREE ? RTPROP_WS_INFLATE_FREE : limit;
    limit = limit < max ? limit : max;

    must(z->size <= RTPROP_WS_INFLATE_ROOM || z->size <= limit + 1,
         "memory stays within the bound");

    if (code) {
        must(code == RTPROP_WS_INVALID_DATA || code == RTPROP_WS_TOO_BIG,
             "a code to close with");

    } else {
        must(out.len <= limit, "no message above the bound");
    }

    rtprop_ws_inflate_trim(z);
}


static void
deflate_text(rtprop_ws_deflate_t *z, const rtprop_str_t *text,
    unsigned window, unsigned level)
{
    size_t          n, again;
    unsigned char  *dst;
    rtprop_str_t    packed, out;

    dst = fuzz_room(text->len + 4);
    n = rtprop_ws_deflate(z, window, level, text, dst);

    if (n == 0) {
        return;
    }

    must(n < text->len, "only what is smaller");

    packed.data = fuzz_copy(dst, n);
    packed.len = n;

    if (rtprop_ws_inflate(z, &packed, text->len, &out) == 0) {
        must(out.len == text->len
             && memcmp(out.data, text->data, out.len) == 0, "and back");

    } else {
        must(0, "what is compressed here can be read");
    }

    again = rtprop_ws_deflate(z, window, level, text, dst);
    must(again == n && memcmp(dst, packed.data, n) == 0, "no context");
}


static void
fuzz_one(fuzz_input_t *in)
{
    unsigned             choices, level, window;
    rtprop_str_t         packed, text;
    rtprop_ws_deflate_t  z;

    static const size_t  limits[] = { 65536, 100, 1048576, 0 };

    memset(&z, 0, sizeof(z));

    choices = fuzz_byte(in);
    window = RTPROP_WS_WINDOW_MIN + (choices >> 2 & 7) % 7;
    level = 1 + fuzz_byte(in) % 9;
    packed = fuzz_text(in, fuzz_number(in, 2));
    text = fuzz_rest(in);

    inflate_any(&z, &packed, limits[choices & 3]);
    deflate_text(&z, &text, window, level);
    inflate_any(&z, &packed, limits[choices & 3]);
    deflate_text(&z, &text, RTPROP_WS_WINDOW_MAX, level);

    rtprop_ws_deflate_free(&z);
}
