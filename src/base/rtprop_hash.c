/*
 * rtprop_hash: SipHash and the constant-time comparison.
 */

#include "base/rtprop_hash.h"


static inline uint64_t
rtprop_hash_rotl(uint64_t x, unsigned n)
{
    return (x << n) | (x >> (64 - n));
}


static inline uint64_t
rtprop_hash_load(const unsigned char *p, size_t n)
{
    uint64_t  x;

    x = 0;

    while (n) {
        x = (x << 8) | p[--n];
    }

    return x;
}


/* Eight octets, the least significant one first. */

static inline uint64_t
rtprop_hash_load8(const unsigned char *p)
{
#if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)
    uint64_t  x;

    memcpy(&x, p, 8);

    return x;
#else
    return rtprop_hash_load(p, 8);
#endif
}


static inline void
rtprop_hash_rounds(uint64_t *v, unsigned n)
{
    while (n--) {
        v[0] += v[1];
        v[1] = rtprop_hash_rotl(v[1], 13) ^ v[0];
        v[0] = rtprop_hash_rotl(v[0], 32);
        v[2] += v[3];
        v[3] = rtprop_hash_rotl(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rtprop_hash_rotl(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rtprop_hash_rotl(v[1], 17) ^ v[2];
        v[2] = rtprop_hash_rotl(v[2], 32);
    }
}


/* The numbers of rounds are arguments so that the tests can use 2-4's. */

static inline uint64_t
rtprop_hash_sip(const unsigned char *key, const unsigned char *p, size_t len,
    unsigned c, unsigned d)
{
    size_t    left;
    uint64_t  k0, k1, m, v[4];

    k0 = rtprop_hash_load8(key);
    k1 = rtprop_hash_load8(key + 8);

    v[0] = k0 ^ 0x736f6d6570736575ULL;
    v[1] = k1 ^ 0x646f72616e646f6dULL;
    v[2] = k0 ^ 0x6c7967656e657261ULL;
    v[3] = k1 ^ 0x7465646279746573ULL;

    for (left = len; left >= 8; left -= 8, p += 8) {
        m = rtprop_hash_load8(p);
        v[3] ^= m;
        rtprop_hash_rounds(v, c);
        v[0] ^= m;
    }

    m = ((uint64_t) (len & 0xff) << 56) | rtprop_hash_load(p, left);
    v[3] ^= m;
    rtprop_hash_rounds(v, c);
    v[0] ^= m;

    v[2] ^= 0xff;
    rtprop_hash_rounds(v, d);

    return v[0] ^ v[1] ^ v[2] ^ v[3];
}


uint64_t
rtprop_hash(const unsigned char *key, const void *data, size_t len)
{
    return rtprop_hash_sip(key, data, len, 1, 3);
}


int
rtprop_secret_eq(const void *a, size_t a_len, const void *b, size_t b_len)
{
    size_t                   i;
    const unsigned char     *pa, *pb;
    volatile unsigned char   diff;

    pa = a;
    pb = b;

    if (a_len == 0 || b_len == 0) {
        return 0;
    }

    diff = (a_len != b_len);

    for (i = 0; i < b_len; i++) {
        diff |= pa[i % a_len] ^ pb[i];
    }

    return diff == 0;
}
