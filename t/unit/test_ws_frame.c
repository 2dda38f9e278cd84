#include "t/unit/tap.h"
#include <stdlib.h>
#include "ws/rtprop_ws_frame.c"


#define M  "\x01\x02\x03\x04"


typedef struct {
    const char  *name;
    const char  *head;
    size_t       len;
    unsigned     rsv;
    int          expected;
    uint64_t     length;
    size_t       decided;       /* octets after which the answer is known */
} case_t;


#define H(s)  s, sizeof(s) - 1


static const case_t  cases[] = {
    { "empty text", H("\x81\x80" M), 0, RTPROP_OK, 0, 6 },
    { "125 octets", H("\x82\xfd" M), 0, RTPROP_OK, 125, 6 },
    { "126 octets", H("\x82\xfe\x00\x7e" M), 0, RTPROP_OK, 126, 8 },
    { "65535 octets", H("\x01\xfe\xff\xff" M), 0, RTPROP_OK, 65535, 8 },
    { "65536 octets", H("\x00\xff\0\0\0\0\0\1\0\0" M), 0, RTPROP_OK,
      65536, 14 },
    { "2^63 - 1 octets",
      H("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff" M), 0, RTPROP_OK,
      0x7fffffffffffffffULL, 14 },
    { "2^63 octets", H("\x82\xff\x80\0\0\0\0\0\0\0" M), 0, RTPROP_ERROR,
      0, 3 },
    { "125 in 16 bits", H("\x82\xfe\x00\x7d" M), 0, RTPROP_ERROR, 0, 4 },
    { "0 in 16 bits", H("\x82\xfe\x00\x00" M), 0, RTPROP_ERROR, 0, 4 },
    { "65535 in 64 bits", H("\x82\xff\0\0\0\0\0\0\xff\xff" M), 0,
      RTPROP_ERROR, 0, 10 },
    { "5 in 64 bits", H("\x82\xff\0\0\0\0\0\0\0\x05" M), 0, RTPROP_ERROR,
      0, 10 },
    { "not masked", H("\x81\x05"), 0, RTPROP_ERROR, 0, 2 },
    { "not masked, long", H("\x81\x7e\x01\x00"), 0, RTPROP_ERROR, 0, 2 },
    { "close not masked", H("\x88\x00"), 0, RTPROP_ERROR, 0, 2 },
    { "ping of 125", H("\x89\xfd" M), 0, RTPROP_OK, 125, 6 },
    { "ping of 126", H("\x89\xfe\x00\x7e" M), 0, RTPROP_ERROR, 0, 2 },
    { "close of 64 bits", H("\x88\xff\0\0\0\0\0\1\0\0" M), 0, RTPROP_ERROR,
      0, 2 },
    { "ping in fragments", H("\x09\x80" M), 0, RTPROP_ERROR, 0, 1 },
    { "pong in fragments", H("\x0a\x80" M), 0, RTPROP_ERROR, 0, 1 },
    { "close in fragments", H("\x08\x80" M), 0, RTPROP_ERROR, 0, 1 },
    { "RSV1", H("\xc1\x80" M), 0, RTPROP_ERROR, 0, 1 },
    { "RSV2", H("\xa1\x80" M), RTPROP_WS_RSV1, RTPROP_ERROR, 0, 1 },
    { "RSV3", H("\x91\x80" M), RTPROP_WS_RSV1, RTPROP_ERROR, 0, 1 },
    { "RSV1 in use", H("\xc1\x80" M), RTPROP_WS_RSV1, RTPROP_OK, 0, 6 },
    { "RSV1 in use, first of many", H("\x42\x80" M), RTPROP_WS_RSV1,
      RTPROP_OK, 0, 6 },
    { "RSV1 in use on a continuation", H("\xc0\x80" M), RTPROP_WS_RSV1,
      RTPROP_ERROR, 0, 1 },
    { "RSV1 in use on a ping", H("\xc9\x80" M), RTPROP_WS_RSV1,
      RTPROP_ERROR, 0, 1 },
};


static void
test_cases(void)
{
    int                rc, pass;
    size_t             i, n;
    unsigned char     *p;
    const case_t      *c;
    rtprop_ws_frame_t  f;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        c = &cases[i];
        pass = 1;

        for (n = 0; n <= c->len; n++) {

            /* at the end of a block, so that a sanitizer sees overruns */

            p = malloc(n ? n : 1);
            memcpy(p, c->head, n);
            rc = rtprop_ws_frame_parse(&f, p, n, c->rsv);
            pass &= (rc == (n < c->decided ? RTPROP_AGAIN : c->expected));
            free(p);
        }

        ok(pass, "%s: answered as soon as known", c->name);

        if (c->expected == RTPROP_OK) {
            ok(f.length == c->length && f.head == c->len
               && memcmp(f.mask, M, 4) == 0, "%s: length, mask", c->name);
            is_int(f.fin << 7 | f.rsv | f.opcode,
                   (unsigned char) c->head[0], "first octet");
        }
    }
}


static void
test_opcodes(void)
{
    int                rc, known;
    unsigned           op;
    unsigned char      p[6] = { 0, 0x80, 1, 2, 3, 4 };
    rtprop_ws_frame_t  f;

    for (op = 0; op < 16; op++) {
        p[0] = (unsigned char) (0x80 | op);
        known = (op <= 2 || (op >= 8 && op <= 10));
        rc = rtprop_ws_frame_parse(&f, p, 6, RTPROP_WS_RSV);
        ok(rc == (known ? RTPROP_OK : RTPROP_ERROR), "opcode %u", op);
    }
}


static void
test_mask(void)
{
    int            pass;
    size_t         len, cut, i;
    unsigned char  plain[40], p[40], mask[4];

    static const unsigned char  key[4] = { 0x37, 0xfa, 0x21, 0x3d };

    for (i = 0; i < sizeof(plain); i++) {
        plain[i] = (unsigned char) (i * 31 + 7);
    }

    pass = 1;

    for (len = 0; len <= sizeof(plain); len++) {
        for (cut = 0; cut <= len; cut++) {
            memcpy(p, plain, sizeof(p));
            memcpy(mask, key, 4);

            rtprop_ws_frame_mask(p, cut, mask);
            rtprop_ws_frame_mask(p + cut, len - cut, mask);

            for (i = 0; i < sizeof(p); i++) {
                pass &= (p[i] == (i < len ? plain[i] ^ key[i % 4] : plain[i]));
            }
        }
    }

    ok(pass, "masks 0 to 40 octets in two pieces and nothing beyond");

    memcpy(p, "\x7f\x9f\x4d\x51\x58", 5);
    memcpy(mask, key, 4);
    rtprop_ws_frame_mask(p, 5, mask);
    is_mem(p, 5, "Hello", 5, "the example of RFC 6455, 5.7");
}


static void
test_head(void)
{
    size_t         n;
    unsigned char  p[RTPROP_WS_SERVER_HEAD_MAX];

    n = rtprop_ws_frame_head(p, 0x81, 0);
    is_mem(p, n, "\x81\x00", 2, "0");
    n = rtprop_ws_frame_head(p, 0x82, 125);
    is_mem(p, n, "\x82\x7d", 2, "125");
    n = rtprop_ws_frame_head(p, 0x81, 126);
    is_mem(p, n, "\x81\x7e\x00\x7e", 4, "126");
    n = rtprop_ws_frame_head(p, 0xc1, 65535);
    is_mem(p, n, "\xc1\x7e\xff\xff", 4, "65535 with RSV1");
    n = rtprop_ws_frame_head(p, 0x81, 65536);
    is_mem(p, n, "\x81\x7f\0\0\0\0\0\x01\0\0", 10, "65536");
    n = rtprop_ws_frame_head(p, 0x81, 0x0102030405060708ULL);
    is_mem(p, n, "\x81\x7f\1\2\3\4\5\6\7\x08", 10, "all octets in order");
    is_int(n, rtprop_ws_frame_head_len(65536), "as announced");
}


int
main(void)
{
    test_cases();
    test_opcodes();
    test_mask();
    test_head();

    return plan_done();
}
