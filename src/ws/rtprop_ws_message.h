/*
 * rtprop_ws_message: makes whole messages out of a client's octets, cut
 * anywhere (RFC 6455, 5.4 to 5.8, 7.4, 8.1).
 *
 * A frame that lies whole in the caller's buffer and is a whole message is
 * unmasked and handed out where it is.  Only what is incomplete is copied,
 * into memory that grows with what really came, never with what was
 * announced.
 */

#ifndef _RTPROP_WS_MESSAGE_H_INCLUDED_
#define _RTPROP_WS_MESSAGE_H_INCLUDED_


#include "ws/rtprop_ws_frame.h"


/* Close codes (RFC 6455, 7.4.1 and the registry). */

#define RTPROP_WS_NORMAL           1000
#define RTPROP_WS_GOING_AWAY       1001
#define RTPROP_WS_PROTOCOL_ERROR   1002
#define RTPROP_WS_UNSUPPORTED      1003
#define RTPROP_WS_NO_STATUS        1005     /* never sent */
#define RTPROP_WS_ABNORMAL         1006     /* never sent */
#define RTPROP_WS_INVALID_DATA     1007
#define RTPROP_WS_POLICY           1008
#define RTPROP_WS_TOO_BIG          1009
#define RTPROP_WS_INTERNAL         1011
#define RTPROP_WS_RESTART          1012
#define RTPROP_WS_TRY_LATER        1013

/* The largest max_message, so that a length fits 32 bits. */

#define RTPROP_WS_MESSAGE_MAX      0x7fffffff


typedef enum {
    RTPROP_WS_EVENT_TEXT = RTPROP_WS_TEXT,
    RTPROP_WS_EVENT_BINARY = RTPROP_WS_BINARY,
    RTPROP_WS_EVENT_CLOSE = RTPROP_WS_CLOSE,
    RTPROP_WS_EVENT_PING = RTPROP_WS_PING,
    RTPROP_WS_EVENT_PONG = RTPROP_WS_PONG
} rtprop_ws_event_e;


/*
 * What came.  data is the message, the payload of a ping or pong, or the
 * reason of a close; it lies in the caller's buffer or in the assembler's
 * memory and is good until the next call on the assembler.
 */

typedef struct {
    rtprop_ws_event_e  type;
    unsigned           code;        /* of a close or an error */
    unsigned           compressed;  /* RSV1 was set: not UTF-8 checked yet */
    rtprop_str_t       data;
} rtprop_ws_event_t;


/*
 * The state between two reads.  Zero it to start; zero is also the state of a
 * connection between two messages, and then nothing is allocated.
 */

typedef struct {
    unsigned char     *buf;         /* incomplete message, then control */
    uint32_t           size;        /* of buf */
    uint32_t           len;         /* octets of the message in buf */

    union {
        unsigned char  head[RTPROP_WS_CLIENT_HEAD_MAX];

        struct {
            uint32_t       left;    /* octets of the frame still to come */
            unsigned char  mask[4];
            unsigned char  control; /* octets of a control frame in buf */
        } body;
    } frame;

    uint8_t            head_len;    /* octets in frame.head */
    uint8_t            utf8;        /* rtprop_utf8_t of the open text */

    unsigned           state:2;
    unsigned           opcode:4;    /* of the frame that is being read */
    unsigned           fin:1;       /* of that frame */
    unsigned           open:2;      /* opcode of the open message, or 0 */
    unsigned           compressed:1;
    unsigned           handed:1;    /* buf was handed out, free it */
} rtprop_ws_message_t;


/*
 * Reads octets from *pos up to last, changes them in place, and moves *pos.
 * max is the largest message in octets, at most RTPROP_WS_MESSAGE_MAX; rsv the
 * set of RSV bits in use (RTPROP_WS_RSV1 under permessage-deflate, else 0).  A
 * compressed message may be larger by what compressing noise adds; what comes
 * out of it is for the caller to bound.
 *
 * Returns RTPROP_OK with one event; call again, also when *pos == last.
 * Returns RTPROP_AGAIN when all octets are used up and no event is ready.
 * Returns RTPROP_ERROR with ev->code to close with: 1002, 1007 (at the first
 * impossible octet of a text), 1009 (at the announcement, before any
 * allocation) or 1011 (no memory).
 *
 * After a close or an error all further octets are swallowed (RFC 6455, 1.4).
 * A close without a code has code 1005.
 */

int rtprop_ws_message_read(rtprop_ws_message_t *m, unsigned char **pos,
    unsigned char *last, size_t max, unsigned rsv, rtprop_ws_event_t *ev);

/* Frees what is held; the assembler then swallows all octets. */

void rtprop_ws_message_free(rtprop_ws_message_t *m);

/* Whether a close code may stand in a close frame (RFC 6455, 7.4). */

int rtprop_ws_close_code_valid(unsigned code);


#endif /* _RTPROP_WS_MESSAGE_H_INCLUDED_ */
