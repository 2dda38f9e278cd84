/*
 * rtprop_jwk: JSON Web Keys.
 */

#include "session/rtprop_jwk.h"
#include "session/rtprop_jwt_key_parts.h"
#include "base/rtprop_base64.h"
#include "base/rtprop_json.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>


#define RTPROP_JWT_MEMBER_MAX   4096      /* bytes of a JWK's number */


static int rtprop_jwt_key_jwk(rtprop_jwt_key_t *key, const json_t *jwk,
    const char **err);
static int rtprop_jwk_public(rtprop_jwt_key_t *key, const json_t *jwk,
    const char *kty, const char **err);
static int rtprop_jwk_usable(const json_t *jwk);
static int rtprop_jwk_member(const json_t *jwk, const char *name,
    unsigned char *buf, size_t *len);
static int rtprop_jwk_oct(rtprop_jwt_key_t *key, const json_t *jwk,
    const char **err);
static EVP_PKEY *rtprop_jwk_rsa(const json_t *jwk);
static EVP_PKEY *rtprop_jwk_ec(const json_t *jwk, const char *curve,
    size_t size);
static EVP_PKEY *rtprop_jwk_okp(const json_t *jwk);
static EVP_PKEY *rtprop_jwk_pkey(const char *type, OSSL_PARAM_BLD *build);


int
rtprop_jwt_keys_add_jwks(rtprop_jwt_keys_t *keys, const unsigned char *data,
    size_t len, const char **err)
{
    int                rc;
    size_t             i, n;
    json_t            *json, *list;
    unsigned           before;
    rtprop_jwt_key_t   key;

    json = rtprop_json_load(data, len, 8, err);
    if (json == NULL) {
        return RTPROP_ERROR;
    }

    list = json_object_get(json, "keys");

    if (!json_is_array(list)) {
        json_decref(json);
        *err = "is no JSON Web Key Set: it has no array \"keys\"";
        return RTPROP_ERROR;
    }

    rc = RTPROP_OK;
    before = keys->n;
    n = json_array_size(list);

    for (i = 0; i < n && rc != RTPROP_ERROR; i++) {
        memset(&key, 0, sizeof(key));
        rc = rtprop_jwt_key_jwk(&key, json_array_get(list, i), err);

        if (rc == RTPROP_OK) {
            rc = rtprop_jwt_keys_push(keys, &key, err);

        } else {
            rtprop_jwt_key_free(&key);
        }
    }

    json_decref(json);

    if (rc != RTPROP_ERROR && keys->n == before) {
        *err = "has no key that can verify tokens";
        rc = RTPROP_ERROR;
    }

    if (rc != RTPROP_ERROR) {
        return RTPROP_OK;
    }

    while (keys->n > before) {
        rtprop_jwt_key_free(&keys->keys[--keys->n]);
    }

    return RTPROP_ERROR;
}


/* RTPROP_DECLINED: not a key for us, to be passed over. */

static int
rtprop_jwt_key_jwk(rtprop_jwt_key_t *key, const json_t *jwk,
    const char **err)
{
    int            rc;
    unsigned       wanted;
    const char    *kty, *alg;

    kty = json_string_value(json_object_get(jwk, "kty"));
    alg = json_string_value(json_object_get(jwk, "alg"));

    if (kty == NULL) {
        *err = "a key has no \"kty\"";
        return RTPROP_ERROR;
    }

    wanted = alg ? rtprop_jwt_alg((const unsigned char *) alg, strlen(alg))
                 : 0;

    if (!rtprop_jwk_usable(jwk) || (alg != NULL && wanted == 0)) {
        return RTPROP_DECLINED;
    }

    if (strcmp(kty, "oct") == 0) {
        if (rtprop_jwk_oct(key, jwk, err) != RTPROP_OK) {
            return RTPROP_ERROR;
        }

    } else {
        rc = rtprop_jwk_public(key, jwk, kty, err);

        if (rc != RTPROP_OK) {
            return rc;
        }
    }

    if (rtprop_jwt_key_restrict(key, wanted, err) != RTPROP_OK) {
        return RTPROP_ERROR;
    }

    return rtprop_jwt_key_name(key,
                        json_string_value(json_object_get(jwk, "kid")), err);
}


/* The key of a pair by its type and curve; RTPROP_DECLINED as above. */

static int
rtprop_jwk_public(rtprop_jwt_key_t *key, const json_t *jwk, const char *kty,
    const char **err)
{
    const char  *crv;

    crv = json_string_value(json_object_get(jwk, "crv"));

    if (strcmp(kty, "RSA") == 0) {
        key->pkey = rtprop_jwk_rsa(jwk);

    } else if (strcmp(kty, "EC") == 0 && crv != NULL
               && strcmp(crv, "P-256") == 0)
    {
        key->pkey = rtprop_jwk_ec(jwk, crv, 32);

    } else if (strcmp(kty, "EC") == 0 && crv != NULL
               && strcmp(crv, "P-384") == 0)
    {
        key->pkey = rtprop_jwk_ec(jwk, crv, 48);

    } else if (strcmp(kty, "OKP") == 0 && crv != NULL
               && strcmp(crv, "Ed25519") == 0)
    {
        key->pkey = rtprop_jwk_okp(jwk);

    } else {
        return RTPROP_DECLINED;
    }

    ERR_clear_error();

    if (key->pkey == NULL) {
        *err = "a key is malformed";
        return RTPROP_ERROR;
    }

    return rtprop_jwt_key_kind(key, err) == RTPROP_OK ? RTPROP_OK
                                                      : RTPROP_ERROR;
}


/* RFC 7517, 4.2 and 4.3. */

static int
rtprop_jwk_usable(const json_t *jwk)
{
    size_t       i, n;
    json_t      *ops;
    const char  *use, *op;

    use = json_string_value(json_object_get(jwk, "use"));

    if (use != NULL && strcmp(use, "sig") != 0) {
        return 0;
    }

    ops = json_object_get(jwk, "key_ops");

    if (ops == NULL) {
        return 1;
    }

    n = json_array_size(ops);

    for (i = 0; i < n; i++) {
        op = json_string_value(json_array_get(ops, i));

        if (op != NULL && strcmp(op, "verify") == 0) {
            return 1;
        }
    }

    return 0;
}


/* Decodes a base64url member into buf of RTPROP_JWT_MEMBER_MAX bytes. */

static int
rtprop_jwk_member(const json_t *jwk, const char *name, unsigned char *buf,
    size_t *len)
{
    size_t                n;
    json_t               *json;
    const unsigned char  *text;

    json = json_object_get(jwk, name);
    text = (const unsigned char *) json_string_value(json);
    n = json_string_length(json);

    if (text == NULL || n == 0
        || rtprop_base64_decoded_len(n) > RTPROP_JWT_MEMBER_MAX)
    {
        return RTPROP_ERROR;
    }

    return rtprop_base64_decode(buf, len, text, n, RTPROP_BASE64_URL);
}


static int
rtprop_jwk_oct(rtprop_jwt_key_t *key, const json_t *jwk, const char **err)
{
    int             rc;
    size_t          len;
    unsigned char   secret[RTPROP_JWT_MEMBER_MAX + 1];

    if (rtprop_jwk_member(jwk, "k", secret, &len) != RTPROP_OK) {
        *err = "a key is malformed";
        return RTPROP_ERROR;
    }

    secret[len] = '\n';     /* which is taken off again */
    rc = rtprop_jwt_key_secret(key, secret, len + 1, err);
    OPENSSL_cleanse(secret, sizeof(secret));

    return rc;
}


static EVP_PKEY *
rtprop_jwk_rsa(const json_t *jwk)
{
    size_t           n_len, e_len;
    BIGNUM          *n, *e;
    EVP_PKEY        *pkey;
    unsigned char    buf[RTPROP_JWT_MEMBER_MAX];
    OSSL_PARAM_BLD  *build;

    n = NULL;
    e = NULL;
    pkey = NULL;
    build = OSSL_PARAM_BLD_new();

    if (rtprop_jwk_member(jwk, "n", buf, &n_len) == RTPROP_OK) {
        n = BN_bin2bn(buf, n_len, NULL);
    }

    if (rtprop_jwk_member(jwk, "e", buf, &e_len) == RTPROP_OK) {
        e = BN_bin2bn(buf, e_len, NULL);
    }

    if (build != NULL && n != NULL && e != NULL
        && BN_is_odd(n) && BN_is_odd(e) && !BN_is_one(e)
        && BN_num_bits(e) <= 64
        && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n)
        && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e))
    {
        pkey = rtprop_jwk_pkey("RSA", build);
    }

    OSSL_PARAM_BLD_free(build);
    BN_free(n);
    BN_free(e);

    return pkey;
}


static EVP_PKEY *
rtprop_jwk_ec(const json_t *jwk, const char *curve, size_t size)
{
    size_t           x_len, y_len;
    EVP_PKEY        *pkey;
    unsigned char    x[RTPROP_JWT_MEMBER_MAX], y[RTPROP_JWT_MEMBER_MAX];
    unsigned char    point[1 + 2 * 48];
    OSSL_PARAM_BLD  *build;

    if (rtprop_jwk_member(jwk, "x", x, &x_len) != RTPROP_OK
        || rtprop_jwk_member(jwk, "y", y, &y_len) != RTPROP_OK
        || x_len != size || y_len != size)
    {
        return NULL;
    }

    point[0] = POINT_CONVERSION_UNCOMPRESSED;
    memcpy(point + 1, x, size);
    memcpy(point + 1 + size, y, size);

    pkey = NULL;
    build = OSSL_PARAM_BLD_new();

    if (build != NULL
        && OSSL_PARAM_BLD_push_utf8_string(build,
               OSSL_PKEY_PARAM_GROUP_NAME, curve, 0)
        && OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY,
               point, 1 + 2 * size))
    {
        pkey = rtprop_jwk_pkey("EC", build);
    }

    OSSL_PARAM_BLD_free(build);

    return pkey;
}


static EVP_PKEY *
rtprop_jwk_okp(const json_t *jwk)
{
    size_t         len;
    unsigned char  x[RTPROP_JWT_MEMBER_MAX];

    if (rtprop_jwk_member(jwk, "x", x, &len) != RTPROP_OK || len != 32) {
        return NULL;
    }

    return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, x, len);
}


static EVP_PKEY *
rtprop_jwk_pkey(const char *type, OSSL_PARAM_BLD *build)
{
    EVP_PKEY      *pkey;
    OSSL_PARAM    *params;
    EVP_PKEY_CTX  *ctx;

    pkey = NULL;
    params = OSSL_PARAM_BLD_to_param(build);
    ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

    if (params == NULL || ctx == NULL
        || EVP_PKEY_fromdata_init(ctx) != 1
        || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
    {
        pkey = NULL;
    }

    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);

    return pkey;
}
