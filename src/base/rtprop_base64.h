/*
 * rtprop_base64: the standard alphabet with padding (RFC 4648, 4) and the
 * URL-safe one without (RFC 4648, 5, as JWS uses it: RFC 7515, 2).
 */

#ifndef _RTPROP_BASE64_H_INCLUDED_
#define _RTPROP_BASE64_H_INCLUDED_


#include "base/rtprop_base.h"


typedef enum {
    RTPROP_BASE64_STD = 0,      /* "+" and "/", padded with "=" */
    RTPROP_BASE64_URL           /* "-" and "_", never padded */
} rtprop_base64_e;


/*
 * Octets that are enough for the encoded form of len octets, and for the
 * decoded form of len octets.  No terminating NUL is counted.
 */

#define rtprop_base64_encoded_len(len)  (((len) + 2) / 3 * 4)
#define rtprop_base64_decoded_len(len)  (((len) + 3) / 4 * 3)


/*
 * Encodes len octets of src into dst, which has room for
 * rtprop_base64_encoded_len(len).  Returns the octets written; writes no NUL.
 */

size_t rtprop_base64_encode(unsigned char *dst, const unsigned char *src,
    size_t len, rtprop_base64_e alphabet);

/*
 * Decodes strictly: only octets of the alphabet, no white space, the exact
 * padding of the alphabet, and unused bits of the last octet zero, so that
 * each value has one spelling (RFC 4648, 3.2, 3.3, 3.5).
 *
 * dst has room for rtprop_base64_decoded_len(len) octets and may be src
 * itself.  *dst_len is set on success.  Returns RTPROP_OK or RTPROP_ERROR;
 * after an error dst holds rubbish.
 */

int rtprop_base64_decode(unsigned char *dst, size_t *dst_len,
    const unsigned char *src, size_t len, rtprop_base64_e alphabet);


#endif /* _RTPROP_BASE64_H_INCLUDED_ */
