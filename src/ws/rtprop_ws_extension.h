/*
 * rtprop_ws_extension: what is agreed on permessage-deflate (RFC 7692, 5.1
 * and 7.1).
 */

#ifndef _RTPROP_WS_EXTENSION_H_INCLUDED_
#define _RTPROP_WS_EXTENSION_H_INCLUDED_


#include "base/rtprop_base.h"


#define RTPROP_WS_WINDOW_MIN       9    /* of what is compressed here */
#define RTPROP_WS_WINDOW_MAX       15

#define RTPROP_WS_EXTENSION_LEN    160  /* octets, more than any answer has */


/*
 * What was agreed.  Neither side ever keeps its context: so one compressed
 * message serves all receivers, and a connection holds no window.
 */

typedef struct {
    unsigned  server_bits:4;    /* log2 of the window that is used here */
    unsigned  client_bits:4;    /* of the client's; 0: not its business */
    unsigned  limited:1;        /* server_max_window_bits is answered */
} rtprop_ws_extension_t;


/*
 * Takes the first offer that can be granted as it stands; lists are the values
 * of Sec-WebSocket-Extensions in their order, window is the largest to use
 * here, RTPROP_WS_WINDOW_MIN to _MAX.  An offer with an unknown parameter, one
 * given twice, or a value that is not one (RFC 7692, 7.1) is passed over, and
 * so is a window of 2^8 octets for what is sent from here, which zlib cannot
 * promise.
 *
 * Returns RTPROP_OK with *x filled in, or RTPROP_DECLINED.
 */

int rtprop_ws_extension_negotiate(rtprop_ws_extension_t *x,
    const rtprop_str_t *lists, unsigned n, unsigned window);

/*
 * Writes the value of the answer's Sec-WebSocket-Extensions, without a NUL;
 * dst has RTPROP_WS_EXTENSION_LEN octets.  Returns its length.
 */

size_t rtprop_ws_extension_answer(unsigned char *dst,
    const rtprop_ws_extension_t *x);


#endif /* _RTPROP_WS_EXTENSION_H_INCLUDED_ */
