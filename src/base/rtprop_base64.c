#include "base/rtprop_base64.h"


static const char  rtprop_base64_alphabet[2][65] = {
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
};


static int rtprop_base64_value(unsigned char c, rtprop_base64_e alphabet);


size_t
rtprop_base64_encode(unsigned char *dst, const unsigned char *src, size_t len,
    rtprop_base64_e alphabet)
{
    uint32_t        v;
    const char     *abc;
    unsigned char  *p;

    p = dst;
    abc = rtprop_base64_alphabet[alphabet];

    for ( /* void */ ; len >= 3; len -= 3, src += 3) {
        v = (uint32_t) src[0] << 16 | (uint32_t) src[1] << 8 | src[2];

        *p++ = abc[v >> 18];
        *p++ = abc[(v >> 12) & 63];
        *p++ = abc[(v >> 6) & 63];
        *p++ = abc[v & 63];
    }

    if (len == 0) {
        return p - dst;
    }

    v = (uint32_t) src[0] << 16 | (len == 2 ? (uint32_t) src[1] << 8 : 0);

    *p++ = abc[v >> 18];
    *p++ = abc[(v >> 12) & 63];

    if (len == 2) {
        *p++ = abc[(v >> 6) & 63];
    }

    if (alphabet == RTPROP_BASE64_STD) {
        if (len == 1) {
            *p++ = '=';
        }

        *p++ = '=';
    }

    return p - dst;
}


int
rtprop_base64_decode(unsigned char *dst, size_t *dst_len,
    const unsigned char *src, size_t len, rtprop_base64_e alphabet)
{
    int             value;
    size_t          i;
    uint32_t        bits;
    unsigned char  *p;

    if (alphabet == RTPROP_BASE64_STD) {
        if (len % 4) {
            return RTPROP_ERROR;
        }

        if (len && src[len - 1] == '=') {
            len -= (src[len - 2] == '=') ? 2 : 1;
        }
    }

    if (len % 4 == 1) {
        return RTPROP_ERROR;
    }

    p = dst;
    bits = 0;

    for (i = 0; i < len; i++) {
        value = rtprop_base64_value(src[i], alphabet);

        if (value < 0) {
            return RTPROP_ERROR;
        }

        bits = bits << 6 | (uint32_t) value;

        /* each octet of output is complete after 2, 3 and 4 of input */

        if (i % 4) {
            *p++ = (unsigned char) (bits >> (6 - 2 * (i % 4)));
        }
    }

    /* RFC 4648, 3.5: pad bits must be zero */

    if ((len % 4 == 2 && (bits & 0x0f)) || (len % 4 == 3 && (bits & 0x03))) {
        return RTPROP_ERROR;
    }

    *dst_len = p - dst;

    return RTPROP_OK;
}


static int
rtprop_base64_value(unsigned char c, rtprop_base64_e alphabet)
{
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }

    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }

    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }

    if (c == (unsigned char) rtprop_base64_alphabet[alphabet][62]) {
        return 62;
    }

    if (c == (unsigned char) rtprop_base64_alphabet[alphabet][63]) {
        return 63;
    }

    return -1;
}
