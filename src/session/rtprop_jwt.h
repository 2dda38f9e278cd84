/*
 * rtprop_jwt: verifies JSON Web Tokens (RFC 7519) in JWS compact form (RFC
 * 7515), after the advice of RFC 8725.
 */

#ifndef _RTPROP_JWT_H_INCLUDED_
#define _RTPROP_JWT_H_INCLUDED_


#include <jansson.h>
#include "base/rtprop_base.h"
#include "session/rtprop_jwt_key.h"


#define RTPROP_JWT_TOKEN_MAX   8192      /* bytes */
#define RTPROP_JWT_DEPTH       8         /* of the claims */


/* What must be true of the claims; a zeroed one asks for nothing. */

typedef struct {
    rtprop_str_t         issuer;         /* empty: any */
    const rtprop_str_t  *audience;       /* the token must name one of them */
    size_t               naudience;      /* 0: any */
    int64_t              leeway;         /* ms, not negative */
} rtprop_jwt_checks_t;


typedef enum {
    RTPROP_JWT_VALID = 0,
    RTPROP_JWT_TOO_LARGE,
    RTPROP_JWT_MALFORMED,
    RTPROP_JWT_CRITICAL,                 /* a "crit" header */
    RTPROP_JWT_ALGORITHM,                /* unknown, or no key allows it */
    RTPROP_JWT_NO_KEY,                   /* the kid fits none */
    RTPROP_JWT_SIGNATURE,
    RTPROP_JWT_CLAIMS,                   /* not an object, or wrong types */
    RTPROP_JWT_EXPIRED,
    RTPROP_JWT_EARLY,                    /* nbf */
    RTPROP_JWT_ISSUER,
    RTPROP_JWT_AUDIENCE,
    RTPROP_JWT_INTERNAL                  /* no memory */
} rtprop_jwt_reason_e;


/*
 * Verifies a token.  now is in ms since the epoch.
 *
 * Keys: where the token has a "kid" that some key carries, the keys that
 * carry it; else the keys without one; and where the token has no "kid" and
 * every key has one, all of them.  Each must allow the token's algorithm.
 *
 * Times: "exp" and "nbf" are optional, and checked with the leeway when
 * there.  "iss" and "aud" are checked when asked for, and must then be there.
 *
 * RTPROP_OK with a new reference in *claims, an object; or RTPROP_DECLINED
 * with *reason set and *claims NULL.  The claims are not looked at before the
 * signature is known to be good.
 */
int rtprop_jwt_verify(const rtprop_jwt_keys_t *keys,
    const rtprop_str_t *token, int64_t now,
    const rtprop_jwt_checks_t *checks, json_t **claims,
    rtprop_jwt_reason_e *reason);


/*
 * A static text for a reason, fit for a client and for error_description
 * (RFC 6750, 3: no quotes, no backslashes).
 */
const char *rtprop_jwt_reason_text(rtprop_jwt_reason_e reason);


/*
 * A NumericDate claim (RFC 7519, 2) in ms, clipped to +-(2^53 - 1).
 * RTPROP_OK, RTPROP_DECLINED when it is missing, RTPROP_ERROR when it is no
 * number.
 */
int rtprop_jwt_claim_time(const json_t *claims, const char *name,
    int64_t *ms);


#endif /* _RTPROP_JWT_H_INCLUDED_ */
