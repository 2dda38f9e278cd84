#include "base/rtprop_utf8.h"


/*
 * States: what must follow.  The first octet after E0, ED, F0 and F4 has a
 * narrower range than other continuations (RFC 3629, 4).
 */

enum {
    utf8_start = RTPROP_UTF8_START,
    utf8_tail1,                 /* 80..BF */
    utf8_tail2,                 /* 80..BF, one more after it */
    utf8_tail3,                 /* 80..BF, two more after it */
    utf8_after_e0,              /* A0..BF, one more after it */
    utf8_after_ed,              /* 80..9F, one more after it */
    utf8_after_f0,              /* 90..BF, two more after it */
    utf8_after_f4,              /* 80..8F, two more after it */
    utf8_bad
};


typedef struct {
    unsigned char  low;
    unsigned char  high;
    unsigned char  next;
} rtprop_utf8_step_t;


static const rtprop_utf8_step_t  rtprop_utf8_steps[] = {
    { 0, 0, utf8_bad },                     /* utf8_start: by lead octet */
    { 0x80, 0xbf, utf8_start },
    { 0x80, 0xbf, utf8_tail1 },
    { 0x80, 0xbf, utf8_tail2 },
    { 0xa0, 0xbf, utf8_tail1 },
    { 0x80, 0x9f, utf8_tail1 },
    { 0x90, 0xbf, utf8_tail2 },
    { 0x80, 0x8f, utf8_tail2 }
};


static unsigned rtprop_utf8_lead(unsigned char c);


int
rtprop_utf8_check(rtprop_utf8_t *state, const unsigned char *p, size_t len)
{
    uint64_t                   word;
    unsigned                   st;
    const unsigned char       *last;
    const rtprop_utf8_step_t  *step;

    st = *state;
    last = p + len;

    while (p < last) {

        if (st != utf8_start) {
            step = &rtprop_utf8_steps[st];

            if (*p < step->low || *p > step->high) {
                return RTPROP_ERROR;
            }

            st = step->next;
            p++;
            continue;
        }

        while (last - p >= 8) {
            memcpy(&word, p, 8);

            if (word & 0x8080808080808080ULL) {
                break;
            }

            p += 8;
        }

        while (p < last && *p < 0x80) {
            p++;
        }

        if (p == last) {
            break;
        }

        st = rtprop_utf8_lead(*p++);

        if (st == utf8_bad) {
            return RTPROP_ERROR;
        }
    }

    *state = (rtprop_utf8_t) st;

    return st == utf8_start ? RTPROP_OK : RTPROP_AGAIN;
}


static unsigned
rtprop_utf8_lead(unsigned char c)
{
    /* C0 and C1 could only begin overlong forms */

    if (c < 0xc2 || c > 0xf4) {
        return utf8_bad;
    }

    if (c < 0xe0) {
        return utf8_tail1;
    }

    switch (c) {

    case 0xe0:
        return utf8_after_e0;

    case 0xed:
        return utf8_after_ed;

    case 0xf0:
        return utf8_after_f0;

    case 0xf4:
        return utf8_after_f4;

    default:
        return c < 0xf0 ? utf8_tail2 : utf8_tail3;
    }
}


size_t
rtprop_utf8_length(const unsigned char *p, size_t len)
{
    size_t    i, n;
    uint64_t  word;

    n = 0;

    /* a continuation has its highest bit set and not the next one */

    for (i = 0; len - i >= 8; i += 8) {
        memcpy(&word, p + i, 8);
        word &= ~(word << 1) & 0x8080808080808080ULL;
        n += 8;

        for ( /* void */ ; word; word &= word - 1) {
            n--;
        }
    }

    for ( /* void */ ; i < len; i++) {
        n += ((p[i] & 0xc0) != 0x80);
    }

    return n;
}
