#include "ws/rtprop_ws_deflate.h"
#include "ws/rtprop_ws_message.h"

#include <stdlib.h>
#include <zlib.h>


/* inflate() tells by data_type that it stands between two blocks ... */

#define RTPROP_WS_BETWEEN_BLOCKS  128

/* ... that the block was the final one ... */

#define RTPROP_WS_FINAL_BLOCK     64

/* ... and how many bits of the last octet are left. */

#define RTPROP_WS_LEFT_BITS       63

#define RTPROP_WS_TAIL            4


static int rtprop_ws_inflate_is_whole(int data_type);
static unsigned rtprop_ws_inflate_start(rtprop_ws_deflate_t *z);
static unsigned rtprop_ws_inflate_run(rtprop_ws_deflate_t *z,
    const unsigned char *p, size_t n, size_t limit, int *ended);
static unsigned rtprop_ws_inflate_step(rtprop_ws_deflate_t *z, size_t limit,
    int *ended);
static unsigned rtprop_ws_inflate_room(rtprop_ws_deflate_t *z, size_t limit);
static z_stream *rtprop_ws_deflate_start(rtprop_ws_deflate_t *z,
    unsigned window, unsigned level);


static const unsigned char  rtprop_ws_tail[RTPROP_WS_TAIL] = {
    0x00, 0x00, 0xff, 0xff
};


unsigned
rtprop_ws_inflate(rtprop_ws_deflate_t *z, const rtprop_str_t *in, size_t max,
    rtprop_str_t *out)
{
    int       ended;
    size_t    limit;
    unsigned  code;

    code = rtprop_ws_inflate_start(z);

    if (code) {
        return code;
    }

    /* in->len fits 31 bits, so there is no overflow in 64 */

    limit = in->len * RTPROP_WS_INFLATE_RATIO;

    if (limit < RTPROP_WS_INFLATE_FREE) {
        limit = RTPROP_WS_INFLATE_FREE;
    }

    if (limit > max) {
        limit = max;
    }

    if (in->len) {
        code = rtprop_ws_inflate_run(z, in->data, in->len, limit, &ended);

        /* a message may end with a final block (RFC 7692, 7.2.3.4) */

        if (code == 0 && !ended) {
            code = rtprop_ws_inflate_run(z, rtprop_ws_tail, RTPROP_WS_TAIL,
                                         limit, &ended);

            if (code == 0 && !ended
                && !rtprop_ws_inflate_is_whole(z->inflater->data_type))
            {
                code = RTPROP_WS_INVALID_DATA;
            }
        }
    }

    if (code) {
        return code;
    }

    out->data = z->buf;
    out->len = z->len;

    return 0;
}


/* The tail ends a block, and an octet; what ends otherwise was cut off. */

static int
rtprop_ws_inflate_is_whole(int data_type)
{
    return (data_type & (RTPROP_WS_BETWEEN_BLOCKS|RTPROP_WS_LEFT_BITS))
           == RTPROP_WS_BETWEEN_BLOCKS;
}


static unsigned
rtprop_ws_inflate_start(rtprop_ws_deflate_t *z)
{
    z->len = 0;

    if (z->buf == NULL) {
        z->buf = malloc(RTPROP_WS_INFLATE_ROOM);

        if (z->buf == NULL) {
            return RTPROP_WS_INTERNAL;
        }

        z->size = RTPROP_WS_INFLATE_ROOM;
    }

    if (z->inflater) {
        return inflateReset(z->inflater) == Z_OK ? 0 : RTPROP_WS_INTERNAL;
    }

    z->inflater = calloc(1, sizeof(z_stream));

    if (z->inflater == NULL) {
        return RTPROP_WS_INTERNAL;
    }

    if (inflateInit2(z->inflater, -RTPROP_WS_WINDOW_MAX) != Z_OK) {
        free(z->inflater);
        z->inflater = NULL;
        return RTPROP_WS_INTERNAL;
    }

    return 0;
}


/*
 * Takes n octets.  *ended says that the last of them ended a final block.
 * Blocks are taken one by one, for only so zlib tells where it stands.
 */

static unsigned
rtprop_ws_inflate_run(rtprop_ws_deflate_t *z, const unsigned char *p, size_t n,
    size_t limit, int *ended)
{
    int        between;
    unsigned   code;
    z_stream  *s;

    s = z->inflater;
    s->next_in = (unsigned char *) p;
    s->avail_in = (uInt) n;

    for ( ;; ) {
        code = rtprop_ws_inflate_step(z, limit, ended);

        if (code) {
            return code;
        }

        between = s->data_type & RTPROP_WS_BETWEEN_BLOCKS;

        if (*ended) {
            if (s->avail_in == 0) {
                return 0;
            }

            /* what follows a final block is a new sequence of blocks */

            if (inflateReset(s) != Z_OK) {
                return RTPROP_WS_INTERNAL;
            }

            continue;
        }

        /* the end is told only by the step after the final block */

        if (between && (s->data_type & RTPROP_WS_FINAL_BLOCK)) {
            continue;
        }

        /* output may be left when there was just room for what came */

        if (s->avail_in == 0 && (between || s->avail_out)) {
            return 0;
        }
    }
}


static unsigned
rtprop_ws_inflate_step(rtprop_ws_deflate_t *z, size_t limit, int *ended)
{
    int        rc;
    size_t     room;
    unsigned   code;
    z_stream  *s;

    code = rtprop_ws_inflate_room(z, limit);

    if (code) {
        return code;
    }

    /* one octet beyond the limit tells that there is more */

    room = (z->size > limit) ? limit + 1 : z->size;

    s = z->inflater;
    s->next_out = z->buf + z->len;
    s->avail_out = (uInt) (room - z->len);

    rc = inflate(s, Z_BLOCK);

    z->len = room - s->avail_out;
    *ended = (rc == Z_STREAM_END);

    switch (rc) {

    case Z_OK:
    case Z_STREAM_END:
    case Z_BUF_ERROR:
        return z->len > limit ? RTPROP_WS_TOO_BIG : 0;

    case Z_MEM_ERROR:
        return RTPROP_WS_INTERNAL;

    default:
        return RTPROP_WS_INVALID_DATA;
    }
}


/* Doubles, but not beyond the limit. */

static unsigned
rtprop_ws_inflate_room(rtprop_ws_deflate_t *z, size_t limit)
{
    size_t          size;
    unsigned char  *p;

    if (z->len < z->size) {
        return 0;
    }

    size = z->size * 2;

    if (size > limit + 1) {
        size = limit + 1;
    }

    /* NOLINTNEXTLINE(clang-analyzer-optin.portability.UnixAPI): not empty */
    p = realloc(z->buf, size);

    if (p == NULL) {
        return RTPROP_WS_INTERNAL;
    }

    z->buf = p;
    z->size = size;

    return 0;
}


void
rtprop_ws_inflate_trim(rtprop_ws_deflate_t *z)
{
    if (z->size > RTPROP_WS_INFLATE_ROOM) {
        free(z->buf);

        z->buf = NULL;
        z->size = 0;
    }

    z->len = 0;
}


size_t
rtprop_ws_deflate(rtprop_ws_deflate_t *z, unsigned window, unsigned level,
    const rtprop_str_t *in, unsigned char *dst)
{
    size_t     len;
    z_stream  *s;

    if (in->len == 0 || in->len > RTPROP_WS_DEFLATE_MAX) {
        return 0;
    }

    s = rtprop_ws_deflate_start(z, window, level);

    if (s == NULL) {
        return 0;
    }

    s->next_in = in->data;
    s->avail_in = (uInt) in->len;
    s->next_out = dst;
    s->avail_out = (uInt) (in->len + RTPROP_WS_TAIL);

    /* a flush is over only when it leaves some room */

    if (deflate(s, Z_SYNC_FLUSH) != Z_OK || s->avail_in || s->avail_out == 0) {
        return 0;
    }

    len = s->next_out - dst;

    if (len <= RTPROP_WS_TAIL
        || memcmp(s->next_out - RTPROP_WS_TAIL, rtprop_ws_tail,
                  RTPROP_WS_TAIL) != 0)
    {
        return 0;
    }

    len -= RTPROP_WS_TAIL;

    return len < in->len ? len : 0;
}


/* A small window needs a small hash, too: clearing it is what a start costs. */

static z_stream *
rtprop_ws_deflate_start(rtprop_ws_deflate_t *z, unsigned window,
    unsigned level)
{
    unsigned    i;
    z_stream  **s;

    i = window - RTPROP_WS_WINDOW_MIN;
    s = &z->deflaters[i];

    if (*s == NULL) {
        *s = calloc(1, sizeof(z_stream));

        if (*s == NULL) {
            return NULL;
        }

        if (deflateInit2(*s, (int) level, Z_DEFLATED, -(int) window,
                         (int) window - 7, Z_DEFAULT_STRATEGY)
            != Z_OK)
        {
            free(*s);
            *s = NULL;
            return NULL;
        }

        z->levels[i] = (unsigned char) level;

        return *s;
    }

    if (deflateReset(*s) != Z_OK) {
        return NULL;
    }

    if (z->levels[i] != level) {
        if (deflateParams(*s, (int) level, Z_DEFAULT_STRATEGY) != Z_OK) {
            return NULL;
        }

        z->levels[i] = (unsigned char) level;
    }

    return *s;
}


void
rtprop_ws_deflate_free(rtprop_ws_deflate_t *z)
{
    unsigned  i;

    if (z->inflater) {
        (void) inflateEnd(z->inflater);
        free(z->inflater);
    }

    for (i = 0; i < RTPROP_WS_WINDOWS; i++) {
        if (z->deflaters[i]) {
            (void) deflateEnd(z->deflaters[i]);
            free(z->deflaters[i]);
        }
    }

    free(z->buf);

    memset(z, 0, sizeof(rtprop_ws_deflate_t));
}
