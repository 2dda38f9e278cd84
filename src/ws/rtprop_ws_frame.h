/*
 * rtprop_ws_frame: frame headers (RFC 6455, 5.2) and masking (5.3).
 */

#ifndef _RTPROP_WS_FRAME_H_INCLUDED_
#define _RTPROP_WS_FRAME_H_INCLUDED_


#include "base/rtprop_base.h"


/* Opcodes (RFC 6455, 5.2). */

#define RTPROP_WS_CONTINUATION     0x0
#define RTPROP_WS_TEXT             0x1
#define RTPROP_WS_BINARY           0x2
#define RTPROP_WS_CLOSE            0x8
#define RTPROP_WS_PING             0x9
#define RTPROP_WS_PONG             0xa

/* Bits of the first octet. */

#define RTPROP_WS_FIN              0x80
#define RTPROP_WS_RSV1             0x40
#define RTPROP_WS_RSV              0x70

#define RTPROP_WS_CLIENT_HEAD_MAX  14   /* octets of a client's header */
#define RTPROP_WS_SERVER_HEAD_MAX  10   /* octets of a server's header */
#define RTPROP_WS_CONTROL_MAX      125  /* payload of a control frame */


typedef struct {
    uint64_t       length;      /* of the payload, below 2^63 */
    unsigned char  mask[4];
    unsigned char  opcode;
    unsigned char  rsv;         /* RTPROP_WS_RSV1 or 0 */
    unsigned char  fin;         /* 0 or 1 */
    unsigned char  head;        /* octets of the header itself */
} rtprop_ws_frame_t;


/*
 * Reads the header of a client's frame from its first octet on.  len may be
 * anything, the payload is not needed.  rsv is the set of RSV bits that an
 * extension has given a meaning; they are refused on control and continuation
 * frames all the same (RFC 7692, 6).
 *
 * Returns RTPROP_OK with *f filled in, RTPROP_AGAIN when the header is not
 * whole (*f is then undefined), RTPROP_ERROR for what must fail with 1002, as
 * soon as the octets at hand show it: unmasked, unknown opcode, unknown RSV
 * bit, control frame that is fragmented or above 125 octets, a length not in
 * its shortest form or above 2^63 - 1.
 */

int rtprop_ws_frame_parse(rtprop_ws_frame_t *f, const unsigned char *p,
    size_t len, unsigned rsv);

/*
 * Masks or unmasks len octets in place and turns mask so that it fits the
 * octet after them.
 */

void rtprop_ws_frame_mask(unsigned char *p, size_t len, unsigned char *mask);

/* Octets of the header of a server's frame: 2, 4 or 10. */

static inline size_t
rtprop_ws_frame_head_len(uint64_t length)
{
    return length < 126 ? 2 : length < 65536 ? 4 : 10;
}

/*
 * Writes the header of a server's frame, not masked.  first is the first
 * octet: opcode, FIN and RSV bits.  dst has room for
 * rtprop_ws_frame_head_len(length), which is returned.
 */

size_t rtprop_ws_frame_head(unsigned char *dst, unsigned first,
    uint64_t length);


#endif /* _RTPROP_WS_FRAME_H_INCLUDED_ */
