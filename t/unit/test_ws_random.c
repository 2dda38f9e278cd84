/*
 * Random streams, good ones with a few octets changed: however they are cut,
 * the same comes out, nothing is read beyond the end, and nothing is kept.
 */

#include "t/unit/tap.h"

#include <stdlib.h>

#include "base/rtprop_utf8.c"
#include "ws/rtprop_ws_frame.c"
#include "ws/rtprop_ws_message.c"


#define STREAMS  20000
#define MAX      1000


typedef struct {
    unsigned char  data[8192];
    size_t         len;
} text_t;


static uint64_t  seed = 88172645463325252ULL;


/* xorshift: the same numbers everywhere */

static unsigned
number(unsigned below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;

    return (unsigned) (seed >> 11) % below;
}


static void
put_frame(text_t *s)
{
    size_t         i, n;
    unsigned       first;
    unsigned char  mask[4];

    static const unsigned char  firsts[] = {
        0x81, 0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x80, 0x89, 0x8a, 0xc1, 0x41
    };

    first = number(40) ? firsts[number(sizeof(firsts))] : number(256);
    n = number(5) ? number(20) : number(400);

    if (number(60) == 0) {
        first = 0x88;
        n = number(4);
    }

    i = s->len;
    s->len += rtprop_ws_frame_head(s->data + i, first, n);
    s->data[i + 1] |= 0x80;

    for (i = 0; i < 4; i++) {
        mask[i] = (unsigned char) number(256);
        s->data[s->len++] = mask[i];
    }

    for (i = 0; i < n; i++) {
        s->data[s->len + i] = number(200) ? 'a' + (unsigned char) number(26)
                                          : (unsigned char) number(256);
    }

    rtprop_ws_frame_mask(s->data + s->len, n, mask);
    s->len += n;
}


static void
read_stream(const text_t *s, unsigned step, unsigned rsv, text_t *out)
{
    int                  rc;
    size_t               i, n;
    unsigned char       *copy, *pos;
    rtprop_ws_event_t    ev;
    rtprop_ws_message_t  m;

    memset(&m, 0, sizeof(m));
    out->len = 0;

    for (i = 0; i < s->len; i += n) {
        n = step ? 1 + number(step) : s->len;
        n = (n > s->len - i) ? s->len - i : n;

        copy = malloc(n);
        memcpy(copy, s->data + i, n);
        pos = copy;

        for ( ;; ) {
            rc = rtprop_ws_message_read(&m, &pos, copy + n, MAX, rsv, &ev);

            if (rc == RTPROP_AGAIN) {
                break;
            }

            out->len += snprintf((char *) out->data + out->len, 32,
                                 "%d %d %u %zu:", rc,
                                 rc == RTPROP_OK ? (int) ev.type : 0,
                                 ev.code, ev.data.len);

            if (ev.data.len) {
                memcpy(out->data + out->len, ev.data.data, ev.data.len);
                out->len += ev.data.len;
            }
        }

        free(copy);
    }

    rtprop_ws_message_free(&m);
}


int
main(void)
{
    int       same, kinds[4];
    unsigned  i, j, frames, rsv;
    text_t    s, whole, cut;

    same = 1;
    memset(kinds, 0, sizeof(kinds));

    for (i = 0; i < STREAMS && same; i++) {
        s.len = 0;
        frames = 1 + number(8);
        rsv = number(2) ? RTPROP_WS_RSV1 : 0;

        while (frames--) {
            put_frame(&s);
        }

        for (j = number(3) ? 0 : number(3); j; j--) {
            s.data[number((unsigned) s.len)] = (unsigned char) number(256);
        }

        read_stream(&s, 0, rsv, &whole);
        read_stream(&s, 1, rsv, &cut);
        same &= (whole.len == cut.len
                 && memcmp(whole.data, cut.data, cut.len) == 0);

        read_stream(&s, 40, rsv, &cut);
        same &= (whole.len == cut.len
                 && memcmp(whole.data, cut.data, cut.len) == 0);

        kinds[0] += (whole.len == 0);
        kinds[1] += (whole.len && whole.data[0] == '-');
        kinds[2] += (whole.len && whole.data[0] == '0');
    }

    ok(same, "%u streams: the same in any cuts", i);
    ok(kinds[0] > 100 && kinds[1] > 100 && kinds[2] > 1000,
       "incomplete, bad and good ones among them: %d, %d, %d",
       kinds[0], kinds[1], kinds[2]);

    return plan_done();
}
