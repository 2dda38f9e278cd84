/*
 * rtprop_jwt_key: keys from PEM and secrets, and what each of them may verify.
 */

#include "session/rtprop_jwt_key.h"
#include "session/rtprop_jwt_key_parts.h"

#include <stdlib.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>


typedef struct {
    const char              *name;
    rtprop_jwt_alg_e         alg;
} rtprop_jwt_alg_name_t;


static int rtprop_jwt_key_has_text(const unsigned char *data, size_t len,
    const char *text);
static int rtprop_jwt_algs(const char *names, unsigned *algs);
static int rtprop_jwt_key_pem(rtprop_jwt_key_t *key,
    const unsigned char *data, size_t len, const char **err);


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


void
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

int
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


int
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


int
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

int
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

int
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
