/*
 * rtprop_jwt_signature: signatures of tokens (RFC 7518, 3).
 */

#include "session/rtprop_jwt_signature.h"
#include "session/rtprop_jwt_key_parts.h"
#include "base/rtprop_hash.h"

#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>


#define RTPROP_JWT_DER_MAX      112       /* of a P-384 signature: 104 */


static const EVP_MD *rtprop_jwt_digest(rtprop_jwt_alg_e alg);
static int rtprop_jwt_verify_hmac(const rtprop_jwt_key_t *key,
    rtprop_jwt_alg_e alg, const rtprop_str_t *data,
    const rtprop_str_t *signature);
static size_t rtprop_jwt_der(unsigned char *der,
    const rtprop_str_t *signature);


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
