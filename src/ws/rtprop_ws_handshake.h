/*
 * rtprop_ws_handshake: judges the client's opening handshake (RFC 6455, 4.2.1)
 * and computes the answer (4.2.2).
 */

#ifndef _RTPROP_WS_HANDSHAKE_H_INCLUDED_
#define _RTPROP_WS_HANDSHAKE_H_INCLUDED_


#include "base/rtprop_base.h"


#define RTPROP_WS_ACCEPT_LEN  28    /* base64 of a SHA-1 */
#define RTPROP_WS_LISTS       8     /* header lines of one list header */


/* Why a handshake is refused; zero is success. */

typedef enum {
    RTPROP_WS_HANDSHAKE_OK = 0,
    RTPROP_WS_HANDSHAKE_METHOD,         /* not GET */
    RTPROP_WS_HANDSHAKE_HTTP,           /* not HTTP/1.1 */
    RTPROP_WS_HANDSHAKE_UPGRADE,        /* no "websocket" in Upgrade */
    RTPROP_WS_HANDSHAKE_CONNECTION,     /* no "upgrade" in Connection */
    RTPROP_WS_HANDSHAKE_VERSION,        /* Sec-WebSocket-Version is not 13 */
    RTPROP_WS_HANDSHAKE_KEY,            /* not 16 octets in base64, or two */
    RTPROP_WS_HANDSHAKE_PROTOCOL        /* Sec-WebSocket-Protocol malformed */
} rtprop_ws_handshake_e;


/*
 * What the headers said.  Strings point into what was fed.  Zero it before
 * the first header.
 */

typedef struct {
    rtprop_str_t  key;
    rtprop_str_t  protocols[RTPROP_WS_LISTS];
    rtprop_str_t  extensions[RTPROP_WS_LISTS];
    unsigned      nprotocols:4;
    unsigned      nextensions:4;
    unsigned      upgrade:1;
    unsigned      connection:1;
    unsigned      version:1;
    unsigned      bad_version:1;
    unsigned      bad_key:1;
    unsigned      bad_protocol:1;
} rtprop_ws_handshake_t;


/*
 * Takes one header line of the request.  Names are compared without case;
 * headers that do not matter here are ignored.  List headers may come in
 * several lines (RFC 9110, 5.3).
 */

void rtprop_ws_handshake_header(rtprop_ws_handshake_t *hs,
    const rtprop_str_t *name, const rtprop_str_t *value);

/*
 * The judgement after the last header, the first failure in the order of the
 * enum.  http11 says whether the request was HTTP/1.1 or a later 1.x.
 */

rtprop_ws_handshake_e rtprop_ws_handshake_check(
    const rtprop_ws_handshake_t *hs, const rtprop_str_t *method, int http11);

/* A short text for people, for each value of the enum; no quotes in it. */

const char *rtprop_ws_handshake_reason(rtprop_ws_handshake_e e);

/*
 * Sec-WebSocket-Accept for a key (RFC 6455, 4.2.2, 5.4).  Writes
 * RTPROP_WS_ACCEPT_LEN octets, no NUL.
 */

void rtprop_ws_handshake_accept(unsigned char *dst, const rtprop_str_t *key);

/*
 * Whether the client offered the subprotocol of this exact name (they are
 * case-sensitive).  Returns 1 or 0.
 */

int rtprop_ws_handshake_protocol(const rtprop_ws_handshake_t *hs,
    const char *name, size_t len);

/*
 * Finds the first offered subprotocol that begins with prefix and sets *rest
 * to what follows it (never empty).  Returns RTPROP_OK or RTPROP_DECLINED.
 */

int rtprop_ws_handshake_protocol_prefix(const rtprop_ws_handshake_t *hs,
    const char *prefix, size_t len, rtprop_str_t *rest);


#endif /* _RTPROP_WS_HANDSHAKE_H_INCLUDED_ */
