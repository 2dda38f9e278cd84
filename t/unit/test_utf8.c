#include "t/unit/tap.h"
#include "base/rtprop_utf8.c"


/*
 * The oracle: decodes by arithmetic.  Returns the octets of the character at
 * p, 0 if it is bad, or -1 if more octets could make it good.
 */

static int
oracle(const unsigned char *p, size_t len)
{
    int       n, i;
    uint32_t  v, min, lo, hi;

    if (p[0] < 0x80) {
        return 1;
    }

    if (p[0] >= 0xc0 && p[0] <= 0xdf) {
        n = 2; v = p[0] & 0x1f; min = 0x80;

    } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
        n = 3; v = p[0] & 0x0f; min = 0x800;

    } else if (p[0] >= 0xf0 && p[0] <= 0xf7) {
        n = 4; v = p[0] & 0x07; min = 0x10000;

    } else {
        return 0;
    }

    for (i = 1; i < n && i < (int) len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        v = v << 6 | (p[i] & 0x3f);
    }

    /* the lowest and highest value that may still come */

    lo = v << 6 * (n - i);
    hi = lo | ((1u << 6 * (n - i)) - 1);

    if (hi < min || lo > 0x10ffff || (lo >= 0xd800 && hi <= 0xdfff)) {
        return 0;
    }

    return i == n ? n : -1;
}


static int
oracle_text(const unsigned char *p, size_t len)
{
    int     n;
    size_t  i;

    for (i = 0; i < len; i += n) {
        n = oracle(p + i, len - i);

        if (n == 0) {
            return RTPROP_ERROR;
        }

        if (n < 0) {
            return RTPROP_AGAIN;
        }
    }

    return RTPROP_OK;
}


static int
whole(const unsigned char *p, size_t len)
{
    rtprop_utf8_t  st = RTPROP_UTF8_START;

    return rtprop_utf8_check(&st, p, len);
}


static int
bytewise(const unsigned char *p, size_t len)
{
    int            rc;
    size_t         i;
    rtprop_utf8_t  st = RTPROP_UTF8_START;

    rc = RTPROP_OK;

    for (i = 0; i < len; i++) {
        rc = rtprop_utf8_check(&st, p + i, 1);

        if (rc == RTPROP_ERROR) {
            break;
        }
    }

    return rc;
}


static void
test_all_pairs_and_triples(void)
{
    int            pass2, pass3, expected;
    unsigned       v;
    unsigned char  p[4];

    pass2 = 1;
    pass3 = 1;

    for (v = 0; v < 0x1000000; v++) {
        p[0] = (unsigned char) v;
        p[1] = (unsigned char) (v >> 8);
        p[2] = (unsigned char) (v >> 16);

        if (v < 0x10000) {
            expected = oracle_text(p, 2);
            pass2 &= (whole(p, 2) == expected && bytewise(p, 2) == expected);
        }

        if (p[0] < 0xc0 && p[0] != 'a') {
            continue;
        }

        expected = oracle_text(p, 3);
        pass3 &= (whole(p, 3) == expected && bytewise(p, 3) == expected);
    }

    ok(pass2, "every pair of octets");
    ok(pass3, "every triple of octets behind a lead or a letter");
}


static void
test_four(void)
{
    int            pass, expected;
    unsigned       a, b, c, d;
    unsigned char  p[4];

    static const unsigned char  edge[] = {
        0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xff
    };

    pass = 1;

    for (a = 0xed; a <= 0xff; a++) {
        for (b = 0; b <= 0xff; b++) {
            for (c = 0; c < sizeof(edge); c++) {
                for (d = 0; d < sizeof(edge); d++) {
                    p[0] = (unsigned char) a;
                    p[1] = (unsigned char) b;
                    p[2] = edge[c];
                    p[3] = edge[d];

                    expected = oracle_text(p, 4);
                    pass &= (whole(p, 4) == expected
                             && bytewise(p, 4) == expected);
                }
            }
        }
    }

    ok(pass, "quadruples at the edges");
}


static void
test_positions(void)
{
    int            pass;
    size_t         len, at;
    unsigned char  p[40];

    pass = 1;

    /* a bad octet is found wherever it stands to the 8-octet steps */

    for (len = 1; len <= sizeof(p); len++) {
        for (at = 0; at < len; at++) {
            memset(p, 'x', sizeof(p));
            p[at] = 0xff;
            pass &= (whole(p, len) == RTPROP_ERROR);

            p[at] = 0xc3;
            pass &= (whole(p, len) == (at + 1 == len ? RTPROP_AGAIN
                                                     : RTPROP_ERROR));

            if (at + 1 < len) {
                p[at + 1] = 0xa4;
                pass &= (whole(p, len) == RTPROP_OK);
            }
        }
    }

    ok(pass, "bad and good characters at every place");
}


static void
test_state(void)
{
    rtprop_utf8_t  st = RTPROP_UTF8_START;

    is_int(rtprop_utf8_check(&st, (unsigned char *) "\xf4", 1), RTPROP_AGAIN,
           "f4 may still become good");
    is_int(rtprop_utf8_check(&st, (unsigned char *) "", 0), RTPROP_AGAIN,
           "nothing new changes nothing");
    is_int(rtprop_utf8_check(&st, (unsigned char *) "\x90", 1), RTPROP_ERROR,
           "f4 90 is impossible at once");
    is_int(rtprop_utf8_check(&st, (unsigned char *) "\x8f\xbf\xbf", 3),
           RTPROP_OK, "an error leaves the state as it was");

    ok(rtprop_utf8_valid((unsigned char *) "", 0), "empty text");
    ok(!rtprop_utf8_valid((unsigned char *) "\xe2\x82", 2), "cut text");
}


static void
test_length(void)
{
    is_int(rtprop_utf8_length((unsigned char *) "", 0), 0, "none");
    is_int(rtprop_utf8_length((unsigned char *) "a\xc3\xa4\xe2\x82\xac"
                              "\xf0\xa4\xad\xa2", 10), 4,
           "1, 2, 3 and 4 octets are four code points");
}


int
main(void)
{
    test_all_pairs_and_triples();
    test_four();
    test_positions();
    test_state();
    test_length();

    return plan_done();
}
