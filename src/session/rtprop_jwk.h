/*
 * rtprop_jwk: JSON Web Keys (RFC 7517) become keys that verify.
 */

#ifndef _RTPROP_JWK_H_INCLUDED_
#define _RTPROP_JWK_H_INCLUDED_


#include "session/rtprop_jwt_key.h"


/*
 * Adds the keys of a JSON Web Key Set (RFC 7517; RFC 7518, section 6; RFC
 * 8037).  Keys that are not for verifying ("use" other than "sig", "key_ops"
 * without "verify") or of an unknown type, curve or algorithm are passed
 * over; a malformed or too short one is an error, as is a set in which
 * nothing is left.  RTPROP_OK, or RTPROP_ERROR with *err set to a static text
 * and the set unchanged.
 */
int rtprop_jwt_keys_add_jwks(rtprop_jwt_keys_t *keys,
    const unsigned char *data, size_t len, const char **err);


#endif /* _RTPROP_JWK_H_INCLUDED_ */
