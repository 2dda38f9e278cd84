/*
 * rtprop_base: what every pure file shares.
 *
 * Files named rtprop_* are pure: no nginx header, no socket, no clock, no
 * randomness, no mutable global.  Time, keys, limits and random bytes are
 * arguments.
 */

#ifndef _RTPROP_BASE_H_INCLUDED_
#define _RTPROP_BASE_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <string.h>


/* Return codes of pure functions; each part adds its own enum of reasons. */

#define RTPROP_OK        0
#define RTPROP_ERROR    -1      /* malformed input or no memory */
#define RTPROP_AGAIN    -2      /* more bytes are needed */
#define RTPROP_DECLINED -5      /* understood, and refused */


/*
 * A counted string, not NUL-terminated; the same layout as nginx's ngx_str_t.
 * Strings that a function returns point into its input unless it says
 * otherwise.
 */

typedef struct {
    size_t          len;
    unsigned char  *data;
} rtprop_str_t;


#define rtprop_string(s)  { sizeof(s) - 1, (unsigned char *) s }


/* Why an input is refused: its field and a text for people, both constants. */

typedef struct {
    const char     *field;
    const char     *message;
} rtprop_invalid_t;


/* The largest integer that a JSON number carries exactly, 2^53 - 1. */

#define RTPROP_INT_MAX    9007199254740991LL


static inline int
rtprop_str_eq(const rtprop_str_t *s, const char *p, size_t len)
{
    return s->len == len && (len == 0 || memcmp(s->data, p, len) == 0);
}


#endif /* _RTPROP_BASE_H_INCLUDED_ */
