/*
 * rtprop_ws_deflate: compresses and decompresses whole messages (RFC 7692,
 * 7.2), each by itself: no context is taken over in either direction.
 *
 * The states of zlib are kept for the next message and serve all connections.
 */

#ifndef _RTPROP_WS_DEFLATE_H_INCLUDED_
#define _RTPROP_WS_DEFLATE_H_INCLUDED_


#include "base/rtprop_base.h"
#include "ws/rtprop_ws_extension.h"


/* Larger messages go out as they are: compressing would take too long. */

#define RTPROP_WS_DEFLATE_MAX    1048576

/*
 * What a message may become: up to the first in any case, beyond that up to
 * the second times its compressed octets, and never above max.
 */

#define RTPROP_WS_INFLATE_FREE   262144
#define RTPROP_WS_INFLATE_RATIO  200

/* Octets that are kept to decompress into; more is taken only as it fills. */

#define RTPROP_WS_INFLATE_ROOM   65537

#define RTPROP_WS_WINDOWS        (RTPROP_WS_WINDOW_MAX - RTPROP_WS_WINDOW_MIN \
                                  + 1)


/*
 * Zero it to start.  At most 48 KiB to decompress, RTPROP_WS_INFLATE_ROOM, and
 * for each window in use up to 272 KiB to compress.
 */

typedef struct {
    struct z_stream_s  *inflater;
    struct z_stream_s  *deflaters[RTPROP_WS_WINDOWS];
    unsigned char       levels[RTPROP_WS_WINDOWS];
    unsigned char      *buf;
    size_t              size;       /* of buf */
    size_t              len;        /* used */
} rtprop_ws_deflate_t;


/*
 * Decompresses a message of at most RTPROP_WS_MESSAGE_MAX octets, which are not
 * changed; the tail of 7.2.2 is added here.  *out is good until the next call
 * or the trim.  A payload without any octet is taken for an empty message.
 *
 * Returns 0 or a close code: 1009 as soon as more than max octets (or than the
 * ratio allows) come out, 1007 for what is not deflate data or ends inside a
 * block, 1011: no memory.
 */

unsigned rtprop_ws_inflate(rtprop_ws_deflate_t *z, const rtprop_str_t *in,
    size_t max, rtprop_str_t *out);

/* Gives back what a large message took; its octets are gone. */

void rtprop_ws_inflate_trim(rtprop_ws_deflate_t *z);

/*
 * Compresses a message of at most RTPROP_WS_DEFLATE_MAX octets; window is
 * RTPROP_WS_WINDOW_MIN to _MAX, level 1 to 9.  dst has room for in->len + 4
 * octets and must not overlap in.
 *
 * Returns the number of octets without the tail of 7.2.1; 0: they would not be
 * fewer than in->len, or there was no memory.
 */

size_t rtprop_ws_deflate(rtprop_ws_deflate_t *z, unsigned window,
    unsigned level, const rtprop_str_t *in, unsigned char *dst);

/* Frees all; the zeroed struct can be used again. */

void rtprop_ws_deflate_free(rtprop_ws_deflate_t *z);


#endif /* _RTPROP_WS_DEFLATE_H_INCLUDED_ */
