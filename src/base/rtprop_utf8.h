/*
 * rtprop_utf8: validates UTF-8 as bytes arrive (RFC 3629).
 */

#ifndef _RTPROP_UTF8_H_INCLUDED_
#define _RTPROP_UTF8_H_INCLUDED_


#include "base/rtprop_base.h"


/*
 * The state between two calls: 0 where a character may begin (or the text may
 * end), otherwise what is expected next.  Start with RTPROP_UTF8_START.
 */

typedef uint8_t  rtprop_utf8_t;

#define RTPROP_UTF8_START  0


/*
 * Checks the next len octets of a text, cut anywhere.  Refuses at the first
 * octet that no continuation could make good: stray continuations, overlong
 * forms, surrogates, values above U+10FFFF.
 *
 * Returns RTPROP_OK when the text may end here, RTPROP_AGAIN inside a
 * character, RTPROP_ERROR when the text is bad; *state is then unchanged.
 */

int rtprop_utf8_check(rtprop_utf8_t *state, const unsigned char *p,
    size_t len);

/* Whether a whole text is valid. */

static inline int
rtprop_utf8_valid(const unsigned char *p, size_t len)
{
    rtprop_utf8_t  state = RTPROP_UTF8_START;

    return rtprop_utf8_check(&state, p, len) == RTPROP_OK;
}

/* The number of code points in a text that is valid. */

size_t rtprop_utf8_length(const unsigned char *p, size_t len);


#endif /* _RTPROP_UTF8_H_INCLUDED_ */
