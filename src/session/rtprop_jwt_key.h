/*
 * rtprop_jwt_key: the keys that tokens are verified with, and what each of
 * them may verify.  The algorithm is a property of the key, never of the
 * token (RFC 8725, 3.1).
 */

#ifndef _RTPROP_JWT_KEY_H_INCLUDED_
#define _RTPROP_JWT_KEY_H_INCLUDED_


#include "base/rtprop_base.h"


#define RTPROP_JWT_KEYS_MAX     64       /* in a set */
#define RTPROP_JWT_SECRET_MIN   32       /* bytes of an HS secret */
#define RTPROP_JWT_RSA_MIN      2048     /* bits */


/* Bits, since a key may allow several; "none" is not among them. */

typedef enum {
    RTPROP_JWT_HS256 = 0x001,
    RTPROP_JWT_HS384 = 0x002,
    RTPROP_JWT_HS512 = 0x004,
    RTPROP_JWT_RS256 = 0x008,
    RTPROP_JWT_RS384 = 0x010,
    RTPROP_JWT_RS512 = 0x020,
    RTPROP_JWT_PS256 = 0x040,
    RTPROP_JWT_ES256 = 0x080,
    RTPROP_JWT_ES384 = 0x100,
    RTPROP_JWT_EDDSA = 0x200
} rtprop_jwt_alg_e;


typedef struct rtprop_jwt_key_s   rtprop_jwt_key_t;
typedef struct rtprop_jwt_keys_s  rtprop_jwt_keys_t;


/* An empty set of keys, or NULL without memory; freed by the next. */
rtprop_jwt_keys_t *rtprop_jwt_keys_create(void);

/* Frees a set and wipes its secrets.  NULL is allowed. */
void rtprop_jwt_keys_free(rtprop_jwt_keys_t *keys);


/*
 * Adds the key in a file's content: a PEM public key or certificate, or else
 * a secret (one newline at the end is not part of it; at least
 * RTPROP_JWT_SECRET_MIN bytes).  algs: allowed algorithms, divided by spaces,
 * commas or "|"; NULL or empty: HS256, RS256, PS256 (for a key of type
 * RSA-PSS), ES256, ES384 or EdDSA by the type of key.  kid: NULL, or its name.
 *
 * RTPROP_OK, or RTPROP_ERROR with *err set to a static text for the operator
 * ("an HS secret must have at least 32 bytes") and the set unchanged.
 * Nothing that is passed in is kept.
 */
int rtprop_jwt_keys_add(rtprop_jwt_keys_t *keys, const unsigned char *data,
    size_t len, const char *algs, const char *kid, const char **err);


/* The keys in the order they were added: the n-th from 0, or NULL. */
const rtprop_jwt_key_t *rtprop_jwt_keys_get(const rtprop_jwt_keys_t *keys,
    unsigned n);

/* Whether a key carries this kid; with kid NULL whether it carries none. */
int rtprop_jwt_key_has_kid(const rtprop_jwt_key_t *key,
    const rtprop_str_t *kid);

/* Whether a key may verify an algorithm. */
int rtprop_jwt_key_allows(const rtprop_jwt_key_t *key, rtprop_jwt_alg_e alg);

/* The bit of an algorithm's name (RFC 7518, 3.1; case counts), or 0. */
unsigned rtprop_jwt_alg(const unsigned char *name, size_t len);


#endif /* _RTPROP_JWT_KEY_H_INCLUDED_ */
