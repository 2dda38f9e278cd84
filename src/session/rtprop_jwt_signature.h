/*
 * rtprop_jwt_signature: signatures of tokens (RFC 7518, 3).
 */

#ifndef _RTPROP_JWT_SIGNATURE_H_INCLUDED_
#define _RTPROP_JWT_SIGNATURE_H_INCLUDED_


#include "session/rtprop_jwt_key.h"


/*
 * Verifies a raw JWS signature over data with an algorithm that the key
 * allows.  RTPROP_OK: genuine; RTPROP_DECLINED: not.  OpenSSL's error queue
 * is left empty.
 */
int rtprop_jwt_key_verify(const rtprop_jwt_key_t *key, rtprop_jwt_alg_e alg,
    const rtprop_str_t *data, const rtprop_str_t *signature);


#endif /* _RTPROP_JWT_SIGNATURE_H_INCLUDED_ */
