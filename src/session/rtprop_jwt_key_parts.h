/*
 * rtprop_jwt_key_parts: what a key is made of; only for the files that make
 * keys and verify with them.
 */

#ifndef _RTPROP_JWT_KEY_PARTS_H_INCLUDED_
#define _RTPROP_JWT_KEY_PARTS_H_INCLUDED_


#include <openssl/evp.h>
#include "session/rtprop_jwt_key.h"


#define RTPROP_JWT_HS     (RTPROP_JWT_HS256|RTPROP_JWT_HS384|RTPROP_JWT_HS512)
#define RTPROP_JWT_RS     (RTPROP_JWT_RS256|RTPROP_JWT_RS384|RTPROP_JWT_RS512)


struct rtprop_jwt_key_s {
    unsigned                 algs;
    EVP_PKEY                *pkey;
    unsigned char           *secret;
    size_t                   secret_len;
    rtprop_str_t             kid;         /* NULL data: none */
};


struct rtprop_jwt_keys_s {
    unsigned                 n;
    rtprop_jwt_key_t         keys[RTPROP_JWT_KEYS_MAX];
};


/* Frees what a key owns, wipes a secret, and zeroes the key. */
void rtprop_jwt_key_free(rtprop_jwt_key_t *key);


/*
 * Takes what the key owns over, or frees it.  RTPROP_OK, or RTPROP_ERROR with
 * *err when the set is full.
 */
int rtprop_jwt_keys_push(rtprop_jwt_keys_t *keys, rtprop_jwt_key_t *key,
    const char **err);


/* Copies the name, NULL or empty for none.  RTPROP_OK or RTPROP_ERROR. */
int rtprop_jwt_key_name(rtprop_jwt_key_t *key, const char *kid,
    const char **err);


/*
 * Makes the key an HMAC secret; a newline at the end is not part of it.
 * RTPROP_OK, or RTPROP_ERROR with *err when it is too short.
 */
int rtprop_jwt_key_secret(rtprop_jwt_key_t *key, const unsigned char *data,
    size_t len, const char **err);


/*
 * Sets key->algs to all that the type of key->pkey can verify.  RTPROP_OK, or
 * RTPROP_ERROR with *err for other types and for short RSA keys.
 */
int rtprop_jwt_key_kind(rtprop_jwt_key_t *key, const char **err);


/*
 * Narrows key->algs to those of algs, or, if that is 0, to the default of the
 * key's type.  RTPROP_OK, or RTPROP_ERROR with *err when one does not fit.
 */
int rtprop_jwt_key_restrict(rtprop_jwt_key_t *key, unsigned algs,
    const char **err);


#endif /* _RTPROP_JWT_KEY_PARTS_H_INCLUDED_ */
