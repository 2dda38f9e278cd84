#include "t/unit/tap.h"
#include "ws/rtprop_ws_deflate.c"

#include <stdio.h>


#define MAX  65536


static rtprop_ws_deflate_t  z;


static rtprop_str_t
str(const void *data, size_t len)
{
    rtprop_str_t  s;

    s.data = (unsigned char *) data;
    s.len = len;

    return s;
}


/* A copy of its own size, so that the sanitizer sees every octet too far. */

static unsigned
unpack(const void *data, size_t len, size_t max, rtprop_str_t *out)
{
    unsigned       code;
    rtprop_str_t   in;

    in = str(malloc(len ? len : 1), len);
    memcpy(in.data, data, len);

    code = rtprop_ws_inflate(&z, &in, max, out);

    free(in.data);

    return code;
}


static void
is_unpacked(const void *data, size_t len, const char *expected,
    const char *name)
{
    unsigned      code;
    rtprop_str_t  out;

    code = unpack(data, len, MAX, &out);

    if (code) {
        is_int(code, 0, name);
        return;
    }

    is_mem(out.data, out.len, expected, strlen(expected), name);
}


static void
is_refused(const void *data, size_t len, unsigned code, const char *name)
{
    rtprop_str_t  out;

    is_int(unpack(data, len, MAX, &out), code, name);
}


/* zlib's own compressor, as a client may use it; returns the length. */

static size_t
compress_as(unsigned char *dst, size_t room, const unsigned char *src,
    size_t len, int window, int flush)
{
    size_t    n;
    z_stream  s;

    memset(&s, 0, sizeof(s));
    deflateInit2(&s, 9, Z_DEFLATED, -window, 8, Z_DEFAULT_STRATEGY);

    s.next_in = (unsigned char *) src;
    s.avail_in = len;
    s.next_out = dst;
    s.avail_out = room;

    (void) deflate(&s, flush);

    n = s.next_out - dst;
    deflateEnd(&s);

    return n;
}


/* The examples of RFC 7692, 7.2.3. */

static void
test_examples(void)
{
    is_unpacked("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello", "7.2.3.1");
    is_unpacked("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello", "once more");
    is_unpacked("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11, "Hello",
                "7.2.3.3: without compression");
    is_unpacked("\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, "Hello",
                "7.2.3.4: a final block");
    is_unpacked("\xf3\x48\xcd\xc9\xc9\x07\x00", 7, "Hello",
                "a final block and no octet after it");
    is_unpacked("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13,
                "Hello", "7.2.3.5: two blocks");
    is_unpacked("\x00", 1, "", "7.2.3.6: nothing");
    is_unpacked("", 0, "", "not one octet");
    is_unpacked("\x02\x00", 2, "", "an empty block of fixed codes");
    is_unpacked("\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff"
                "\x00\x00\x00\xff\xff\x00", 17, "Hello",
                "several empty blocks at the end");
    is_unpacked("\x03\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 10, "Hello",
                "final blocks in the middle");
}


static void
test_damaged(void)
{
    /* the second half of 7.2.3.2, which leans on a message before it */

    is_refused("\xf2\x00\x11\x00\x00", 5, RTPROP_WS_INVALID_DATA,
               "a context that was not to be taken over");

    is_refused("\xf2\x48\xcd\xc9\xc9", 5, RTPROP_WS_INVALID_DATA,
               "cut inside a block");
    is_refused("\xf2", 1, RTPROP_WS_INVALID_DATA, "cut after an octet");
    is_refused("\x00\x05\x00\xfa\xff\x48\x65", 7, RTPROP_WS_INVALID_DATA,
               "cut inside a stored block");
    is_refused("\x00\x05\x00\xfa\xfe\x48\x65\x6c\x6c\x6f\x00", 11,
               RTPROP_WS_INVALID_DATA, "a stored block of a wrong length");
    is_refused("\x07", 1, RTPROP_WS_INVALID_DATA, "a block of no type");
    is_refused("\xff\xff\xff\xff", 4, RTPROP_WS_INVALID_DATA, "noise");
    is_refused("Hello, world!", 13, RTPROP_WS_INVALID_DATA, "plain text");
    is_refused("\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff", 11,
               RTPROP_WS_INVALID_DATA, "with its tail still on");
    is_unpacked("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello",
                "the next message is none the worse");
}


static void
test_bounds(void)
{
    size_t          n, len;
    rtprop_str_t    out;
    unsigned char  *plain, *packed;

    len = 4 * 1024 * 1024;
    plain = calloc(1, len);
    packed = malloc(len);

    n = compress_as(packed, len, plain, MAX, 15, Z_SYNC_FLUSH) - 4;
    is_int(unpack(packed, n, MAX, &out), 0, "as much as is allowed");
    is_int(out.len, MAX, "all of it");
    is_int(z.size, RTPROP_WS_INFLATE_ROOM, "in the room that is kept");

    n = compress_as(packed, len, plain, MAX + 1, 15, Z_SYNC_FLUSH) - 4;
    is_refused(packed, n, RTPROP_WS_TOO_BIG, "one octet more");
    is_int(unpack(packed, n, 128, &out), RTPROP_WS_TOO_BIG,
           "a smaller bound");
    is_int(unpack(packed, n, 0, &out), RTPROP_WS_TOO_BIG, "no octet at all");
    is_int(z.size, RTPROP_WS_INFLATE_ROOM, "no more memory was taken");

    n = compress_as(packed, len, plain, RTPROP_WS_INFLATE_FREE, 15,
                    Z_SYNC_FLUSH) - 4;
    is_int(unpack(packed, n, len, &out), 0, "any ratio below a quarter MiB");
    is_int(out.len, RTPROP_WS_INFLATE_FREE, "all of that");
    ok(z.size > RTPROP_WS_INFLATE_ROOM && z.size <= 2 * out.len + 2,
       "memory for what came");

    rtprop_ws_inflate_trim(&z);
    is_int(z.size, 0, "which is given back");

    n = compress_as(packed, len, plain, len, 15, Z_SYNC_FLUSH) - 4;
    ok(n * RTPROP_WS_INFLATE_RATIO < len, "a bomb");
    is_int(unpack(packed, n, len, &out), RTPROP_WS_TOO_BIG,
           "is refused for its ratio");
    ok(z.size <= n * RTPROP_WS_INFLATE_RATIO + 1,
       "and got no memory beyond that");
    is_int(unpack(packed, n, MAX, &out), RTPROP_WS_TOO_BIG,
           "or for its size");

    rtprop_ws_inflate_trim(&z);

    n = compress_as(packed, len, plain, MAX + 1, 15, Z_FINISH);
    is_refused(packed, n, RTPROP_WS_TOO_BIG, "a bomb of a final block");

    free(plain);
    free(packed);
}


/* Octets that repeat at many distances, and noise. */

static void
fill(unsigned char *p, size_t len, unsigned seed, int noise)
{
    size_t  i;

    for (i = 0; i < len; i++) {
        seed = seed * 1103515245 + 12345;

        p[i] = (!noise && i > 64 && (seed >> 16) % 16)
               ? p[i - 1 - (seed >> 20) % (i < 4000 ? 64 : 3999)]
               : seed >> 16;
    }
}


static void
test_round(size_t len, unsigned window, unsigned level, int noise)
{
    size_t         n;
    z_stream       s;
    rtprop_str_t   in, out;
    unsigned char  *plain, *packed, *back;

    plain = malloc(len + 1);
    packed = malloc(len + 4);
    back = malloc(len + 1);
    fill(plain, len, (unsigned) (len + window * 7 + level), noise);

    in = str(plain, len);
    n = rtprop_ws_deflate(&z, window, level, &in, packed);

    if (noise) {
        ok(n == 0, "%zu octets of noise do not get smaller", len);
        goto done;
    }

    ok(n && n < len, "%zu octets, window %u, level %u: %zu", len, window,
       level, n);

    ok(unpack(packed, n, len, &out) == 0 && out.len == len
       && memcmp(out.data, plain, len) == 0, "and back");

    /* a receiver with just this window */

    memcpy(packed + n, rtprop_ws_tail, 4);
    memset(&s, 0, sizeof(s));
    inflateInit2(&s, -(int) window);

    /* by parts, or zlib would read its own output beyond the window */

    s.next_in = packed;
    s.next_out = back;

    while (s.next_in < packed + n + 4) {
        s.avail_in = 1;
        s.avail_out = back + len + 1 - s.next_out;

        if (inflate(&s, Z_SYNC_FLUSH) != Z_OK) {
            break;
        }
    }

    ok((size_t) (s.next_out - back) == len && memcmp(back, plain, len) == 0,
       "and in a window of %u bits", window);

    inflateEnd(&s);

done:

    rtprop_ws_inflate_trim(&z);

    free(plain);
    free(packed);
    free(back);
}


static void
test_deflate(void)
{
    unsigned       window;
    rtprop_str_t   in;
    unsigned char  dst[64], again[64];
    size_t         n;

    in = str("Hello", 5);
    is_int(rtprop_ws_deflate(&z, 15, 6, &in, dst), 0, "too short to gain");

    in = str("", 0);
    is_int(rtprop_ws_deflate(&z, 15, 6, &in, dst), 0, "nothing to gain");

    in = str("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 32);
    n = rtprop_ws_deflate(&z, 15, 6, &in, dst);
    is_unpacked(dst, n, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "a few octets");

    is_mem(again, rtprop_ws_deflate(&z, 15, 6, &in, again), dst, n,
           "the same message gives the same octets: no context");

    for (window = 9; window <= 15; window++) {
        test_round(100000, window, 1 + window % 9, 0);
        test_round(1000, window, 6, 0);
        test_round(5000, window, 6, 1);
    }

    test_round(1000, 15, 1, 0);
    test_round(1000, 15, 9, 0);
    test_round(RTPROP_WS_DEFLATE_MAX, 15, 1, 0);
}


static void
test_too_large(void)
{
    rtprop_str_t    in;
    unsigned char  *dst;

    in = str(calloc(1, RTPROP_WS_DEFLATE_MAX + 1), RTPROP_WS_DEFLATE_MAX + 1);
    dst = malloc(in.len + 4);

    is_int(rtprop_ws_deflate(&z, 15, 6, &in, dst), 0,
           "larger ones are left alone");

    free(in.data);
    free(dst);
}


/* Every octet of a message changed or cut off: an answer, never a crash. */

static void
test_any(void)
{
    size_t         i, n, cut;
    unsigned       v, code, bad;
    rtprop_str_t   in, out;
    unsigned char  plain[300], packed[304], c;

    fill(plain, sizeof(plain), 42, 0);
    in = str(plain, sizeof(plain));
    n = rtprop_ws_deflate(&z, 15, 6, &in, packed);
    bad = 0;

    for (i = 0; i < n; i++) {
        c = packed[i];

        for (v = 0; v < 256; v++) {
            packed[i] = (unsigned char) v;
            code = unpack(packed, n, 4096, &out);
            bad += (code && code != RTPROP_WS_INVALID_DATA
                    && code != RTPROP_WS_TOO_BIG);
            bad += (!code && out.len > 4096);
        }

        packed[i] = c;
    }

    ok(n && !bad, "each octet with each value");

    bad = 0;

    for (cut = 1; cut < n; cut++) {
        bad += (unpack(packed, cut, 4096, &out) != RTPROP_WS_INVALID_DATA);
    }

    is_int(bad, 0, "cut anywhere");
}


int
main(void)
{
    test_examples();
    test_damaged();
    test_bounds();
    test_deflate();
    test_too_large();
    test_any();

    rtprop_ws_deflate_free(&z);
    ok(z.buf == NULL && z.inflater == NULL, "all is freed");
    is_unpacked("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello", "and made anew");
    rtprop_ws_deflate_free(&z);

    return plan_done();
}
