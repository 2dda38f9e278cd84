/*
 * rtprop_jwt_key: keys from PEM, secrets and JWKS; signatures.
 */

#include "session/rtprop_jwt_key.h"
#include "base/rtprop_base64.h"
#include "base/rtprop_hash.h"
#include "base/rtprop_json.h"

#include <stdlib.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>


#define RTPROP_JWT_HS     (RTPROP_JWT_HS256|RTPROP_JWT_HS384|RTPROP_JWT_HS512)
#define RTPROP_JWT_RS     (RTPROP_JWT_RS256|RTPROP_JWT_RS384|RTPROP_JWT_RS512)

#define RTPROP_JWT_MEMBER_MAX   4096      /* bytes of a JWK's number */
#define RTPROP_JWT_DER_MAX      112       /* of a P-384 signature: 104 */


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


typedef struct {
    const char              *name;
    rtprop_jwt_alg_e         alg;
} rtprop_jwt_alg_name_t;


static void rtprop_jwt_key_free(rtprop_jwt_key_t *key);
static int rtprop_jwt_keys_push(rtprop_jwt_keys_t *keys,
    rtprop_jwt_key_t *key, const char **err);
static int rtprop_jwt_key_name(rtprop_jwt_key_t *key, const char *kid,
    const char **err);
static int rtprop_jwt_key_has_text(const unsigned char *data, size_t len,
    const char *text);
static int rtprop_jwt_algs(const char *names, unsigned *algs);
static int rtprop_jwt_key_pem(rtprop_jwt_key_t *key,
    const unsigned char *data, size_t len, const char **err);
static int rtprop_jwt_key_secret(rtprop_jwt_key_t *key,
    const unsigned char *data, size_t len, const char **err);
static int rtprop_jwt_key_restrict(rtprop_jwt_key_t *key, unsigned algs,
    const char **err);
static int rtprop_jwt_key_kind(rtprop_jwt_key_t *key, const char **err);
static int rtprop_jwt_key_jwk(rtprop_jwt_key_t *key, const json_t *jwk,
    const char **err);
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
static const EVP_MD *rtprop_jwt_digest(rtprop_jwt_alg_e alg);
static int rtprop_jwt_verify_hmac(const rtprop_jwt_key_t *key,
    rtprop_jwt_alg_e alg, const rtprop_str_t *data,
    const rtprop_str_t *signature);
static size_t rtprop_jwt_der(unsigned char *der,
    const rtprop_str_t *signature);


static const rtprop_jwt_alg_name_t  rtprop_jwt_alg_names[] = {
    { "HS256", RTPROP_JWT_HS256 },
    { "HS384", RTPROP_JWT_HS384 },
    { "HS512", RTPROP_JWT_HS512 },
    { "RS256", RTPROP_JWT_RS256 },
    { "RS384", RTPROP_JWT_RS384 },
    { "RS512", RTPROP_JWT_RS512 },
    { "PS256", RTPROP_JWT_PS256 },
    { "ES256", RTPROP_JWT_ES256 },
    { "ES384", RTPROP_JWT_ES384 },
    { "EdDSA", RTPROP_JWT_EDDSA },
    { NULL, 0 }
};


rtprop_jwt_keys_t *
rtprop_jwt_keys_create(void)
{
    return calloc(1, sizeof(rtprop_jwt_keys_t));
}


void
rtprop_jwt_keys_free(rtprop_jwt_keys_t *keys)
{
    if (keys == NULL) {
        return;
    }

    while (keys->n) {
        rtprop_jwt_key_free(&keys->keys[--keys->n]);
    }

    free(keys);
}


static void
rtprop_jwt_key_free(rtprop_jwt_key_t *key)
{
    EVP_PKEY_free(key->pkey);

    if (key->secret != NULL) {
        OPENSSL_cleanse(key->secret, key->secret_len);
        free(key->secret);
    }

    free(key->kid.data);
    memset(key, 0, sizeof(rtprop_jwt_key_t));
}


/* Takes what key owns over, or frees it. */

static int
rtprop_jwt_keys_push(rtprop_jwt_keys_t *keys, rtprop_jwt_key_t *key,
    const char **err)
{
    if (keys->n == RTPROP_JWT_KEYS_MAX) {
        rtprop_jwt_key_free(key);
        *err = "too many keys, at most 64 are allowed";
        return RTPROP_ERROR;
    }

    keys->keys[keys->n++] = *key;

    return RTPROP_OK;
}


static int
rtprop_jwt_key_name(rtprop_jwt_key_t *key, const char *kid, const char **err)
{
    if (kid == NULL || *kid == '\0') {
        return RTPROP_OK;
    }

    key->kid.data = (unsigned char *) strdup(kid);
    if (key->kid.data == NULL) {
        *err = "out of memory";
        return RTPROP_ERROR;
    }

    key->kid.len = strlen(kid);

    return RTPROP_OK;
}


int
rtprop_jwt_keys_add(rtprop_jwt_keys_t *keys, const unsigned char *data,
    size_t len, const char *algs, const char *kid, const char **err)
{
    int                rc;
    unsigned           wanted;
    rtprop_jwt_key_t   key;

    if (rtprop_jwt_algs(algs, &wanted) != RTPROP_OK) {
        *err = "unknown alg, use HS256, HS384, HS512, RS256, RS384, RS512, "
               "PS256, ES256, ES384 or EdDSA";
        return RTPROP_ERROR;
    }

    memset(&key, 0, sizeof(key));

    /*
     * A PEM text never becomes an HMAC secret: with it everybody who knows
     * the public key could sign (RFC 8725, 2.1).
     */

    rc = rtprop_jwt_key_has_text(data, len, "-----BEGIN ")
         ? rtprop_jwt_key_pem(&key, data, len, err)
         : rtprop_jwt_key_secret(&key, data, len, err);

    if (rc != RTPROP_OK
        || rtprop_jwt_key_restrict(&key, wanted, err) != RTPROP_OK
        || rtprop_jwt_key_name(&key, kid, err) != RTPROP_OK)
    {
        rtprop_jwt_key_free(&key);
        return RTPROP_ERROR;
    }

    return rtprop_jwt_keys_push(keys, &key, err);
}


static int
rtprop_jwt_key_has_text(const unsigned char *data, size_t len,
    const char *text)
{
    size_t  i, n;

    n = strlen(text);

    for (i = 0; i + n <= len; i++) {
        if (memcmp(data + i, text, n) == 0) {
            return 1;
        }
    }

    return 0;
}


static int
rtprop_jwt_algs(const char *names, unsigned *algs)
{
    size_t    len;
    unsigned  alg;

    *algs = 0;

    while (names != NULL && *names != '\0') {
        len = strcspn(names, " ,|");

        if (len) {
            alg = rtprop_jwt_alg((const unsigned char *) names, len);
            if (alg == 0) {
                return RTPROP_ERROR;
            }

            *algs |= alg;
        }

        names += len;
        names += strspn(names, " ,|");
    }

    return RTPROP_OK;
}


unsigned
rtprop_jwt_alg(const unsigned char *name, size_t len)
{
    const rtprop_jwt_alg_name_t  *a;

    for (a = rtprop_jwt_alg_names; a->name != NULL; a++) {
        if (strlen(a->name) == len && memcmp(a->name, name, len) == 0) {
            return a->alg;
        }
    }

    return 0;
}


/* No passphrase is ever asked for on a terminal. */

static int
rtprop_jwt_no_password(char *buf, int size, int rwflag, void *data)
{
    return -1;
}


static int
rtprop_jwt_key_pem(rtprop_jwt_key_t *key, const unsigned char *data,
    size_t len, const char **err)
{
    BIO   *bio;
    X509  *cert;

    if (rtprop_jwt_key_has_text(data, len, "PRIVATE KEY-----")) {
        *err = "is a private key, give the public one";
        return RTPROP_ERROR;
    }

    bio = BIO_new_mem_buf(data, len);
    if (bio == NULL) {
        *err = "out of memory";
        return RTPROP_ERROR;
    }

    if (rtprop_jwt_key_has_text(data, len, "-----BEGIN CERTIFICATE-----")) {
        cert = PEM_read_bio_X509(bio, NULL, rtprop_jwt_no_password, NULL);
        key->pkey = cert ? X509_get_pubkey(cert) : NULL;
        X509_free(cert);

    } else {
        key->pkey = PEM_read_bio_PUBKEY(bio, NULL, rtprop_jwt_no_password,
                                        NULL);
    }

    BIO_free(bio);
    ERR_clear_error();

    if (key->pkey == NULL) {
        *err = "is no PEM public key or certificate that can be read";
        return RTPROP_ERROR;
    }

    return rtprop_jwt_key_kind(key, err);
}


static int
rtprop_jwt_key_secret(rtprop_jwt_key_t *key, const unsigned char *data,
    size_t len, const char **err)
{
    if (len && data[len - 1] == '\n') {
        len--;

        if (len && data[len - 1] == '\r') {
            len--;
        }
    }

    if (len < RTPROP_JWT_SECRET_MIN) {
        *err = "an HS secret must have at least 32 bytes";
        return RTPROP_ERROR;
    }

    key->secret = malloc(len);
    if (key->secret == NULL) {
        *err = "out of memory";
        return RTPROP_ERROR;
    }

    memcpy(key->secret, data, len);
    key->secret_len = len;
    key->algs = RTPROP_JWT_HS;

    return RTPROP_OK;
}


/* Sets key->algs to all that the type of the key could verify. */

static int
rtprop_jwt_key_kind(rtprop_jwt_key_t *key, const char **err)
{
    char  group[64];

    switch (EVP_PKEY_get_base_id(key->pkey)) {

    case EVP_PKEY_RSA:
        key->algs = RTPROP_JWT_RS|RTPROP_JWT_PS256;
        break;

    case EVP_PKEY_RSA_PSS:
        key->algs = RTPROP_JWT_PS256;
        break;

    case EVP_PKEY_EC:
        if (EVP_PKEY_get_group_name(key->pkey, group, sizeof(group), NULL)
            != 1)
        {
            group[0] = '\0';
        }

        key->algs = strcmp(group, SN_X9_62_prime256v1) == 0
                    || strcmp(group, "P-256") == 0 ? RTPROP_JWT_ES256
                    : strcmp(group, SN_secp384r1) == 0
                      || strcmp(group, "P-384") == 0 ? RTPROP_JWT_ES384 : 0;
        break;

    case EVP_PKEY_ED25519:
        key->algs = RTPROP_JWT_EDDSA;
        break;
    }

    ERR_clear_error();

    if (key->algs == 0) {
        *err = "unsupported type of key, use RSA, EC P-256 or P-384, "
               "or Ed25519";
        return RTPROP_ERROR;
    }

    if ((key->algs & RTPROP_JWT_PS256)
        && EVP_PKEY_get_bits(key->pkey) < RTPROP_JWT_RSA_MIN)
    {
        *err = "an RSA key must have at least 2048 bits";
        return RTPROP_ERROR;
    }

    return RTPROP_OK;
}


/* Narrows key->algs to the wanted ones, or to the default of its type. */

static int
rtprop_jwt_key_restrict(rtprop_jwt_key_t *key, unsigned algs,
    const char **err)
{
    if (algs == 0) {
        /* the lowest bit of a type is its default */
        key->algs &= -key->algs;
        return RTPROP_OK;
    }

    if ((algs & ~key->algs) == 0) {
        key->algs = algs;
        return RTPROP_OK;
    }

    *err = (algs & RTPROP_JWT_HS)
           ? "an HS alg needs a secret, and this is a public key"
           : (key->secret != NULL)
             ? "this alg needs a PEM public key, and this is none"
             : "alg does not fit the type of the key";

    return RTPROP_ERROR;
}


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
    unsigned       wanted;
    const char    *kty, *crv, *alg;

    kty = json_string_value(json_object_get(jwk, "kty"));
    crv = json_string_value(json_object_get(jwk, "crv"));
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

        if (rtprop_jwt_key_kind(key, err) != RTPROP_OK) {
            return RTPROP_ERROR;
        }
    }

    if (rtprop_jwt_key_restrict(key, wanted, err) != RTPROP_OK) {
        return RTPROP_ERROR;
    }

    return rtprop_jwt_key_name(key,
                        json_string_value(json_object_get(jwk, "kid")), err);
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


const rtprop_jwt_key_t *
rtprop_jwt_keys_get(const rtprop_jwt_keys_t *keys, unsigned n)
{
    return n < keys->n ? &keys->keys[n] : NULL;
}


int
rtprop_jwt_key_has_kid(const rtprop_jwt_key_t *key, const rtprop_str_t *kid)
{
    if (kid == NULL || key->kid.data == NULL) {
        return kid == NULL && key->kid.data == NULL;
    }

    return rtprop_str_eq(kid, (const char *) key->kid.data, key->kid.len);
}


int
rtprop_jwt_key_allows(const rtprop_jwt_key_t *key, rtprop_jwt_alg_e alg)
{
    return (key->algs & alg) != 0;
}


int
rtprop_jwt_key_verify(const rtprop_jwt_key_t *key, rtprop_jwt_alg_e alg,
    const rtprop_str_t *data, const rtprop_str_t *signature)
{
    int             valid;
    EVP_MD_CTX     *ctx;
    EVP_PKEY_CTX   *pctx;
    rtprop_str_t    sig;
    unsigned char   der[RTPROP_JWT_DER_MAX];

    if (!rtprop_jwt_key_allows(key, alg)) {
        return RTPROP_DECLINED;
    }

    if (alg & RTPROP_JWT_HS) {
        return rtprop_jwt_verify_hmac(key, alg, data, signature);
    }

    sig = *signature;

    if (alg & (RTPROP_JWT_ES256|RTPROP_JWT_ES384)) {

        if (sig.len != (alg == RTPROP_JWT_ES256 ? 64 : 96)) {
            return RTPROP_DECLINED;
        }

        sig.len = rtprop_jwt_der(der, signature);
        sig.data = der;
    }

    pctx = NULL;
    ctx = EVP_MD_CTX_new();

    valid = (ctx != NULL
             && EVP_DigestVerifyInit(ctx, &pctx, rtprop_jwt_digest(alg),
                                     NULL, key->pkey) == 1);

    if (valid && alg == RTPROP_JWT_PS256) {
        /* RFC 7518, 3.5: the salt is as long as the digest */
        valid = (EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING)
                 == 1
                 && EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx,
                                                 RSA_PSS_SALTLEN_DIGEST)
                    == 1);
    }

    valid = (valid
             && EVP_DigestVerify(ctx, sig.data, sig.len, data->data,
                                 data->len) == 1);

    EVP_MD_CTX_free(ctx);
    ERR_clear_error();

    return valid ? RTPROP_OK : RTPROP_DECLINED;
}


static const EVP_MD *
rtprop_jwt_digest(rtprop_jwt_alg_e alg)
{
    switch (alg) {

    case RTPROP_JWT_HS384:
    case RTPROP_JWT_RS384:
    case RTPROP_JWT_ES384:
        return EVP_sha384();

    case RTPROP_JWT_HS512:
    case RTPROP_JWT_RS512:
        return EVP_sha512();

    case RTPROP_JWT_EDDSA:
        return NULL;

    default:
        return EVP_sha256();
    }
}


static int
rtprop_jwt_verify_hmac(const rtprop_jwt_key_t *key, rtprop_jwt_alg_e alg,
    const rtprop_str_t *data, const rtprop_str_t *signature)
{
    unsigned        len;
    unsigned char   mac[EVP_MAX_MD_SIZE];

    if (HMAC(rtprop_jwt_digest(alg), key->secret, (int) key->secret_len,
             data->data, data->len, mac, &len)
        == NULL)
    {
        ERR_clear_error();
        return RTPROP_DECLINED;
    }

    return rtprop_secret_eq(mac, len, signature->data, signature->len)
           ? RTPROP_OK : RTPROP_DECLINED;
}


/*
 * JWS has r and s side by side (RFC 7518, 3.4), OpenSSL wants
 * SEQUENCE { INTEGER r, INTEGER s } (RFC 3279, 2.2.3).  All lengths stay
 * under 128, so each takes one byte.  OpenSSL refuses 0 for either.
 */

static size_t
rtprop_jwt_der(unsigned char *der, const rtprop_str_t *signature)
{
    size_t                size, len, i, half;
    const unsigned char  *p;

    size = signature->len / 2;
    len = 2;

    for (half = 0; half < 2; half++) {
        p = signature->data + half * size;

        for (i = 0; i < size - 1 && p[i] == 0; i++) {
            /* void */
        }

        der[len++] = 0x02;
        der[len++] = size - i + (p[i] >> 7);

        if (p[i] & 0x80) {
            der[len++] = 0;
        }

        memcpy(der + len, p + i, size - i);
        len += size - i;
    }

    der[0] = 0x30;
    der[1] = len - 2;

    return len;
}
