/*
 * The offers of permessage-deflate: what is granted is within what was asked
 * for, and our answer, taken as an offer, gets the same answer.
 *
 * Input: an octet for the largest window here, then header lines.
 */

#include "t/fuzz/fuzz.h"

#include "ws/rtprop_ws_extension.c"


#define LINES  8


static void
fuzz_one(fuzz_input_t *in)
{
    int                    rc;
    size_t                 len, again_len;
    unsigned               n, window;
    rtprop_str_t           lists[LINES], answer;
    unsigned char          dst[RTPROP_WS_EXTENSION_LEN];
    unsigned char          again[RTPROP_WS_EXTENSION_LEN];
    rtprop_ws_extension_t  x, y;

    window = RTPROP_WS_WINDOW_MIN + fuzz_byte(in) % 7;

    for (n = 0; n < LINES && fuzz_left(in); n++) {
        lists[n] = fuzz_until(in, '\n');
    }

    rc = rtprop_ws_extension_negotiate(&x, lists, n, window);

    if (rc != RTPROP_OK) {
        must(rc == RTPROP_DECLINED, "granted or passed over");
        return;
    }

    must(x.server_bits >= RTPROP_WS_WINDOW_MIN && x.server_bits <= window,
         "a window that can be kept to");
    must(x.client_bits == 0 || x.client_bits >= 8, "a window for the client");
    must(x.limited || x.server_bits == RTPROP_WS_WINDOW_MAX,
         "a smaller window is told");

    len = rtprop_ws_extension_answer(dst, &x);
    must(len < RTPROP_WS_EXTENSION_LEN, "the answer fits");

    answer.data = fuzz_copy(dst, len);
    answer.len = len;

    must(rtprop_ws_extension_negotiate(&y, &answer, 1, window) == RTPROP_OK,
         "the answer is well-formed");

    again_len = rtprop_ws_extension_answer(again, &y);
    must(again_len == len && memcmp(dst, again, len) == 0,
         "and granted as it stands");
}
