#include "base/rtprop_base64.c"
#include "base/rtprop_hash.c"
#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "session/rtprop_jwk.c"
#include "session/rtprop_jwt_key.c"
#include "session/rtprop_jwt_signature.c"
#include "session/rtprop_jwt.c"
#include "t/unit/tap.h"


#define NOW      1700000000000LL
#define SECRET   "0123456789abcdef0123456789abcdef"
#define JOE                                                                  \
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLm" \
    "NvbS9pc19yb290Ijp0cnVlfQ"
#define JOE_NOW  1300819379000LL

#define JWK_OCT                                                              \
    "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-E" \
    "stJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}]}"

#define JWK_RSA                                                              \
    "{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"ofgWCuLjybRlzo0tZWJj" \
    "NiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0B" \
    "m4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0" \
    "LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmt" \
    "dVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9ia" \
    "GNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\"}]}"

#define JWK_EC                                                               \
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9" \
    "tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStik" \
    "YjKIWI5a0\"}]}"

#define JWK_OKP                                                              \
    "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_" \
    "7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"

#define SIG_HS  "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define SIG_RS                                                               \
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm" \
    "4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--" \
    "f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383Lc" \
    "OLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUi" \
    "pUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
#define SIG_ES                                                               \
    "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxf" \
    "KTUJqPP3-Kg6NU1Q"
#define SIG_ED                                                               \
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9" \
    "g7sVvpAr_MuM0KAg"


static const rtprop_jwt_checks_t  nothing;


static void
append(char *token, const void *data, size_t len)
{
    char  *end;

    end = token + strlen(token);
    end[rtprop_base64_encode((unsigned char *) end, data, len,
                             RTPROP_BASE64_URL)] = '\0';
}


/* Signs with a key of the test; an ECDSA signature is taken apart. */

static void
sign(char *token, unsigned alg, EVP_PKEY *pkey, const char *secret,
    const char *header, const char *claims)
{
    size_t           len, half;
    unsigned         n;
    ECDSA_SIG       *sig;
    EVP_MD_CTX      *ctx;
    EVP_PKEY_CTX    *pctx;
    unsigned char    raw[1024], rs[96];
    const unsigned char  *p;

    token[0] = '\0';
    append(token, header, strlen(header));
    strcat(token, ".");
    append(token, claims, strlen(claims));

    len = 0;

    if (secret != NULL) {
        HMAC(rtprop_jwt_digest(alg), secret, strlen(secret),
             (unsigned char *) token, strlen(token), raw, &n);
        len = n;

    } else {
        len = sizeof(raw);
        ctx = EVP_MD_CTX_new();
        EVP_DigestSignInit(ctx, &pctx, rtprop_jwt_digest(alg), NULL, pkey);

        if (alg == RTPROP_JWT_PS256) {
            EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING);
            EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST);
        }

        EVP_DigestSign(ctx, raw, &len, (unsigned char *) token,
                       strlen(token));
        EVP_MD_CTX_free(ctx);
    }

    if (alg == RTPROP_JWT_ES256 || alg == RTPROP_JWT_ES384) {
        p = raw;
        sig = d2i_ECDSA_SIG(NULL, &p, len);
        half = (alg == RTPROP_JWT_ES256) ? 32 : 48;
        BN_bn2binpad(ECDSA_SIG_get0_r(sig), rs, half);
        BN_bn2binpad(ECDSA_SIG_get0_s(sig), rs + half, half);
        ECDSA_SIG_free(sig);
        memcpy(raw, rs, 2 * half);
        len = 2 * half;
    }

    strcat(token, ".");
    append(token, raw, len);
}


static rtprop_jwt_reason_e
verify(const rtprop_jwt_keys_t *keys, const char *token, int64_t now,
    const rtprop_jwt_checks_t *checks)
{
    int                   rc;
    json_t               *claims;
    rtprop_str_t          str;
    rtprop_jwt_reason_e   reason;

    str.data = (unsigned char *) token;
    str.len = strlen(token);

    rc = rtprop_jwt_verify(keys, &str, now, checks, &claims, &reason);

    if ((rc == RTPROP_OK) != (claims != NULL)
        || (rc == RTPROP_OK) != (reason == RTPROP_JWT_VALID)
        || ERR_peek_error() != 0)
    {
        ok(0, "result, claims, reason and error queue agree");
    }

    json_decref(claims);

    return reason;
}


static rtprop_jwt_keys_t *
one_key(const void *data, size_t len, const char *algs, const char *kid)
{
    const char         *err;
    rtprop_jwt_keys_t  *keys;

    keys = rtprop_jwt_keys_create();
    err = "";

    if (rtprop_jwt_keys_add(keys, data, len, algs, kid, &err) != RTPROP_OK) {
        ok(0, "key added: %s", err);
    }

    return keys;
}


static void
not_key(const void *data, size_t len, const char *algs, const char *expected)
{
    const char         *err;
    rtprop_jwt_keys_t  *keys;

    keys = rtprop_jwt_keys_create();
    err = "";

    is_int(rtprop_jwt_keys_add(keys, data, len, algs, NULL, &err),
           RTPROP_ERROR, "key refused");
    is_str(err, expected, "  and why");
    ok(rtprop_jwt_keys_get(keys, 0) == NULL, "  the set is empty");
    ok(ERR_peek_error() == 0, "  nothing is left in the error queue");

    rtprop_jwt_keys_free(keys);
}


static rtprop_jwt_keys_t *
jwks(const char *text)
{
    const char         *err;
    rtprop_jwt_keys_t  *keys;

    keys = rtprop_jwt_keys_create();
    err = "";

    if (rtprop_jwt_keys_add_jwks(keys, (const unsigned char *) text,
                                 strlen(text), &err) != RTPROP_OK)
    {
        ok(0, "key set read: %s", err);
    }

    return keys;
}


static void
not_jwks(const char *text, const char *expected)
{
    const char         *err;
    rtprop_jwt_keys_t  *keys;

    keys = rtprop_jwt_keys_create();
    err = "";

    is_int(rtprop_jwt_keys_add_jwks(keys, (const unsigned char *) text,
                                    strlen(text), &err),
           RTPROP_ERROR, "key set refused");
    is_str(err, expected, "  and why");
    ok(rtprop_jwt_keys_get(keys, 0) == NULL, "  the set is empty");

    rtprop_jwt_keys_free(keys);
}


/* PEM of a public key into buf; returns its length. */

static size_t
pem(EVP_PKEY *pkey, char *buf, size_t size, int private)
{
    BIO     *bio;
    size_t   len;

    bio = BIO_new(BIO_s_mem());

    if (private) {
        PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
    } else {
        PEM_write_bio_PUBKEY(bio, pkey);
    }

    len = BIO_read(bio, buf, size);
    BIO_free(bio);

    return len;
}


static size_t
certificate(EVP_PKEY *pkey, char *buf, size_t size)
{
    BIO     *bio;
    X509    *cert;
    size_t   len;

    cert = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), 0);
    X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
    X509_set_pubkey(cert, pkey);
    X509_sign(cert, pkey, EVP_sha256());

    bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, cert);
    len = BIO_read(bio, buf, size);
    BIO_free(bio);
    X509_free(cert);

    return len;
}


static void
test_vectors(void)
{
    rtprop_jwt_keys_t  *keys, *other;

    /* RFC 7515, A.1 */

    keys = jwks(JWK_OCT);
    is_int(verify(keys, "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." JOE "."
                  SIG_HS, JOE_NOW, &nothing), RTPROP_JWT_VALID,
           "RFC 7515, A.1: HS256");
    is_int(verify(keys, "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." JOE "."
                  SIG_HS, NOW, &nothing), RTPROP_JWT_EXPIRED,
           "and long expired");

    /* A.2 */

    other = jwks(JWK_RSA);
    is_int(verify(other, "eyJhbGciOiJSUzI1NiJ9." JOE "." SIG_RS, JOE_NOW,
                  &nothing), RTPROP_JWT_VALID, "RFC 7515, A.2: RS256");
    is_int(verify(keys, "eyJhbGciOiJSUzI1NiJ9." JOE "." SIG_RS, JOE_NOW,
                  &nothing), RTPROP_JWT_ALGORITHM, "with a secret: refused");
    rtprop_jwt_keys_free(other);

    /* A.3 */

    other = jwks(JWK_EC);
    is_int(verify(other, "eyJhbGciOiJFUzI1NiJ9." JOE "." SIG_ES, JOE_NOW,
                  &nothing), RTPROP_JWT_VALID, "RFC 7515, A.3: ES256");
    rtprop_jwt_keys_free(other);

    /* RFC 8037, A.4: its payload is a plain sentence */

    other = jwks(JWK_OKP);
    is_int(verify(other, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ"
                  "25pbmc." SIG_ED, NOW, &nothing), RTPROP_JWT_CLAIMS,
           "RFC 8037, A.4: EdDSA, genuine but no claims");
    is_int(verify(other, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ"
                  "25pbmd." SIG_ED, NOW, &nothing), RTPROP_JWT_MALFORMED,
           "another spelling of the same bytes is malformed");
    rtprop_jwt_keys_free(other);

    /* RFC 7519, 6.1: the unsecured one */

    is_int(verify(keys, "eyJhbGciOiJub25lIn0." JOE ".", JOE_NOW, &nothing),
           RTPROP_JWT_MALFORMED, "RFC 7519, 6.1: no signature");
    is_int(verify(keys, "eyJhbGciOiJub25lIn0." JOE ".AAAA", JOE_NOW,
                  &nothing), RTPROP_JWT_ALGORITHM, "none is no algorithm");
    rtprop_jwt_keys_free(keys);
}


static void
check_alg(const char *name, EVP_PKEY *pkey, const char *algs)
{
    char                text[4096], token[4096], head[64], *p;
    size_t              len;
    unsigned            alg;
    rtprop_jwt_keys_t  *keys;

    alg = rtprop_jwt_alg((const unsigned char *) name, strlen(name));
    snprintf(head, sizeof(head), "{\"alg\":\"%s\"}", name);

    if (pkey == NULL) {
        keys = one_key(SECRET, strlen(SECRET), algs, NULL);
        sign(token, alg, NULL, SECRET, head, "{\"sub\":\"u1\"}");

    } else {
        len = pem(pkey, text, sizeof(text), 0);
        keys = one_key(text, len, algs, NULL);
        sign(token, alg, pkey, NULL, head, "{\"sub\":\"u1\"}");
    }

    is_int(verify(keys, token, NOW, &nothing), RTPROP_JWT_VALID, name);

    /* one bit of the payload, then of the signature */

    p = strchr(token, '.') + 3;
    *p ^= 1;
    ok(verify(keys, token, NOW, &nothing) != RTPROP_JWT_VALID,
       "another payload");
    *p ^= 1;

    p = strrchr(token, '.') + 5;
    *p = (*p == 'A') ? 'B' : 'A';
    is_int(verify(keys, token, NOW, &nothing), RTPROP_JWT_SIGNATURE,
           "another signature");

    strcpy(strrchr(token, '.') + 1, "AAAA");
    is_int(verify(keys, token, NOW, &nothing), RTPROP_JWT_SIGNATURE,
           "a short signature");

    p = strrchr(token, '.') + 1;
    memset(p, 'A', 86);
    p[86] = '\0';
    is_int(verify(keys, token, NOW, &nothing), RTPROP_JWT_SIGNATURE,
           "64 bytes of zero as signature");
    memset(p, 'A', 128);
    p[128] = '\0';
    is_int(verify(keys, token, NOW, &nothing), RTPROP_JWT_SIGNATURE,
           "96 bytes of zero as signature");

    rtprop_jwt_keys_free(keys);
}


static void
test_algs(EVP_PKEY *rsa, EVP_PKEY *ec, EVP_PKEY *ec384, EVP_PKEY *ed)
{
    char                text[4096], token[4096];
    size_t              i, len, whole;
    rtprop_jwt_keys_t  *keys;

    check_alg("HS256", NULL, NULL);
    check_alg("HS384", NULL, "HS384");
    check_alg("HS512", NULL, "HS256|HS512");
    check_alg("RS256", rsa, NULL);
    check_alg("RS384", rsa, "RS256 RS384");
    check_alg("RS512", rsa, "RS512,PS256");
    check_alg("PS256", rsa, "PS256");
    check_alg("ES256", ec, NULL);
    check_alg("ES384", ec384, NULL);
    check_alg("EdDSA", ed, NULL);

    /* r and s with leading zeros or the high bit come by enough of them */

    len = pem(ec, text, sizeof(text), 0);
    keys = one_key(text, len, NULL, NULL);
    whole = 0;

    for (i = 0; i < 600; i++) {
        sign(token, RTPROP_JWT_ES256, ec, NULL, "{\"alg\":\"ES256\"}",
             "{\"sub\":1}");
        whole += verify(keys, token, NOW, &nothing) == RTPROP_JWT_VALID;
    }

    is_int(whole, 600, "600 ES256 signatures");
    rtprop_jwt_keys_free(keys);

    /* the key fixes the algorithm */

    len = pem(rsa, text, sizeof(text), 0);
    text[len] = '\0';
    keys = one_key(text, len, NULL, NULL);
    sign(token, RTPROP_JWT_RS512, rsa, NULL, "{\"alg\":\"RS512\"}",
         "{\"sub\":1}");
    is_int(verify(keys, token, NOW, &nothing), RTPROP_JWT_ALGORITHM,
           "RS512 with a key for RS256");
    sign(token, RTPROP_JWT_HS256, NULL, text, "{\"alg\":\"HS256\"}",
         "{\"sub\":1}");
    is_int(verify(keys, token, NOW, &nothing), RTPROP_JWT_ALGORITHM,
           "HS256 with the public key as secret");
    rtprop_jwt_keys_free(keys);

    len = certificate(rsa, text, sizeof(text));
    keys = one_key(text, len, NULL, NULL);
    sign(token, RTPROP_JWT_RS256, rsa, NULL, "{\"alg\":\"RS256\"}",
         "{\"sub\":1}");
    is_int(verify(keys, token, NOW, &nothing), RTPROP_JWT_VALID,
           "the key of a certificate");
    rtprop_jwt_keys_free(keys);
}


static void
test_keys(EVP_PKEY *rsa, EVP_PKEY *ec)
{
    char                text[4096], token[4096];
    size_t              len;
    EVP_PKEY           *weak;
    rtprop_jwt_keys_t  *keys;

    not_key(SECRET, 31, NULL, "an HS secret must have at least 32 bytes");
    not_key(SECRET "\n", 32, "RS256",
            "this alg needs a PEM public key, and this is none");
    not_key("0123456789abcdef0123456789abcde\n", 32, NULL,
            "an HS secret must have at least 32 bytes");
    not_key("", 0, NULL, "an HS secret must have at least 32 bytes");
    not_key(SECRET, 32, "none",
            "unknown alg, use HS256, HS384, HS512, RS256, RS384, RS512, "
            "PS256, ES256, ES384 or EdDSA");

    len = pem(rsa, text, sizeof(text), 0);
    not_key(text, len, "HS256",
            "an HS alg needs a secret, and this is a public key");
    not_key(text, len, "RS256 HS256",
            "an HS alg needs a secret, and this is a public key");
    not_key(text, len, "ES256", "alg does not fit the type of the key");
    not_key(text, len - 60, NULL,
            "is no PEM public key or certificate that can be read");

    len = pem(ec, text, sizeof(text), 0);
    not_key(text, len, "ES384", "alg does not fit the type of the key");

    len = pem(rsa, text, sizeof(text), 1);
    not_key(text, len, NULL, "is a private key, give the public one");

    weak = EVP_RSA_gen(1024);
    len = pem(weak, text, sizeof(text), 0);
    not_key(text, len, NULL, "an RSA key must have at least 2048 bits");
    EVP_PKEY_free(weak);

    weak = EVP_EC_gen("P-521");
    len = pem(weak, text, sizeof(text), 0);
    not_key(text, len, NULL, "unsupported type of key, use RSA, EC P-256 or "
            "P-384, or Ed25519");
    EVP_PKEY_free(weak);

    /* one newline is not part of a secret */

    sign(token, RTPROP_JWT_HS256, NULL, SECRET, "{\"alg\":\"HS256\"}",
         "{\"sub\":1}");

    keys = one_key(SECRET "\n", 33, NULL, NULL);
    is_int(verify(keys, token, NOW, &nothing), RTPROP_JWT_VALID, "newline");
    rtprop_jwt_keys_free(keys);

    keys = one_key(SECRET "\r\n", 34, NULL, NULL);
    is_int(verify(keys, token, NOW, &nothing), RTPROP_JWT_VALID, "CRLF");
    rtprop_jwt_keys_free(keys);

    keys = one_key(SECRET "\n\n", 34, NULL, NULL);
    is_int(verify(keys, token, NOW, &nothing), RTPROP_JWT_SIGNATURE,
           "two newlines are");
    rtprop_jwt_keys_free(keys);

    rtprop_jwt_keys_free(NULL);
}


static void
test_jwks(void)
{
    unsigned            i;
    rtprop_jwt_keys_t  *keys;
    const char         *err;

    not_jwks("", "empty text");
    not_jwks("{\"kty\":\"oct\"}",
             "is no JSON Web Key Set: it has no array \"keys\"");
    not_jwks("[]", "is no JSON Web Key Set: it has no array \"keys\"");
    not_jwks("{\"keys\":[]}", "has no key that can verify tokens");
    not_jwks("{\"keys\":[1]}", "a key has no \"kty\"");
    not_jwks("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}",
             "an HS secret must have at least 32 bytes");
    not_jwks("{\"keys\":[{\"kty\":\"oct\",\"k\":\"A=\"}]}",
             "a key is malformed");
    not_jwks("{\"keys\":[{\"kty\":\"oct\"}]}", "a key is malformed");
    not_jwks("{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}",
             "an RSA key must have at least 2048 bits");
    not_jwks("{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\"}]}",
             "a key is malformed");
    not_jwks("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2x"
             "F1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"f83OJ3D2xF1Bg8vub"
             "9tLe1gHMzV76e8Tus9uPHvRVEU\"}]}", "a key is malformed");
    not_jwks("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"f83OJ3D2x"
             "F1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"f83OJ3D2xF1Bg8vub"
             "9tLe1gHMzV76e8Tus9uPHvRVEU\"}]}", "a key is malformed");
    not_jwks("{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\","
             "\"x\":\"AAAA\"}]}", "a key is malformed");
    not_jwks("{\"keys\":[{\"kty\":\"oct\",\"use\":\"enc\",\"k\":\"AAAA\"},"
             "{\"kty\":\"EC\",\"crv\":\"P-521\"},{\"kty\":\"OKP\",\"crv\":"
             "\"X25519\"},{\"kty\":\"RSA\",\"alg\":\"RSA-OAEP\"},"
             "{\"kty\":\"xyz\"},{\"kty\":\"oct\",\"key_ops\":[\"sign\"]}]}",
             "has no key that can verify tokens");
    not_jwks("{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"alg\":"
             "\"HS256\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
             "\"}]}", "an HS alg needs a secret, and this is a public key");

    keys = jwks("{\"keys\":[{\"kty\":\"xyz\"},{\"kty\":\"OKP\",\"crv\":"
                "\"Ed25519\",\"use\":\"sig\",\"key_ops\":[\"verify\"],"
                "\"kid\":\"a\",\"alg\":\"EdDSA\","
                "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}");
    ok(rtprop_jwt_keys_get(keys, 0) != NULL
       && rtprop_jwt_keys_get(keys, 1) == NULL, "only the known one");
    rtprop_jwt_keys_free(keys);

    keys = rtprop_jwt_keys_create();
    for (i = 0; i < RTPROP_JWT_KEYS_MAX; i++) {
        rtprop_jwt_keys_add(keys, (const unsigned char *) SECRET, 32, "",
                            "k", &err);
    }
    is_int(rtprop_jwt_keys_add(keys, (const unsigned char *) SECRET, 32, "",
                               "k", &err), RTPROP_ERROR, "65th key");
    is_str(err, "too many keys, at most 64 are allowed", "  and why");
    rtprop_jwt_keys_free(keys);
}


static void
is_kid(const rtprop_jwt_keys_t *keys, const char *secret, const char *kid,
    rtprop_jwt_reason_e expected, const char *name)
{
    char  token[1024], head[128];

    if (kid == NULL) {
        strcpy(head, "{\"alg\":\"HS256\"}");
    } else {
        snprintf(head, sizeof(head), "{\"alg\":\"HS256\",\"kid\":%s}", kid);
    }

    sign(token, RTPROP_JWT_HS256, NULL, secret, head, "{\"sub\":1}");
    is_int(verify(keys, token, NOW, &nothing), expected, name);
}


static void
test_kid(void)
{
    const char         *err;
    rtprop_jwt_keys_t  *keys;

    static const char  a[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    static const char  b[] = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
    static const char  c[] = "cccccccccccccccccccccccccccccccccccccccc";

    keys = one_key(a, 40, NULL, "a");
    rtprop_jwt_keys_add(keys, (unsigned char *) b, 40, NULL, "b", &err);

    is_kid(keys, a, "\"a\"", RTPROP_JWT_VALID, "kid a, signed by a");
    is_kid(keys, b, "\"b\"", RTPROP_JWT_VALID, "kid b, signed by b");
    is_kid(keys, b, "\"a\"", RTPROP_JWT_SIGNATURE, "kid a, signed by b");
    is_kid(keys, a, "\"c\"", RTPROP_JWT_NO_KEY, "unknown kid");
    is_kid(keys, a, "\"\"", RTPROP_JWT_NO_KEY, "empty kid");
    is_kid(keys, b, NULL, RTPROP_JWT_VALID, "no kid, all keys have one");
    is_kid(keys, a, "7", RTPROP_JWT_MALFORMED, "kid is a number");

    rtprop_jwt_keys_add(keys, (unsigned char *) c, 40, NULL, NULL, &err);

    is_kid(keys, c, NULL, RTPROP_JWT_VALID, "no kid, a key without one");
    is_kid(keys, a, NULL, RTPROP_JWT_SIGNATURE, "no kid: it alone is tried");
    is_kid(keys, c, "\"x\"", RTPROP_JWT_VALID, "unknown kid: it is tried");
    is_kid(keys, c, "\"a\"", RTPROP_JWT_SIGNATURE, "kid a: a alone is tried");

    rtprop_jwt_keys_free(keys);

    keys = rtprop_jwt_keys_create();
    is_kid(keys, a, NULL, RTPROP_JWT_NO_KEY, "no key at all");
    rtprop_jwt_keys_free(keys);
}


static void
is_claim(const char *claims, const rtprop_jwt_checks_t *checks,
    rtprop_jwt_reason_e expected, const char *name)
{
    char                token[16384];
    rtprop_jwt_keys_t  *keys;

    keys = one_key(SECRET, 32, NULL, NULL);
    sign(token, RTPROP_JWT_HS256, NULL, SECRET, "{\"alg\":\"HS256\"}",
         claims);
    is_int(verify(keys, token, NOW, checks), expected, name);
    rtprop_jwt_keys_free(keys);
}


static void
test_claims(void)
{
    rtprop_jwt_checks_t  c;

    static const rtprop_str_t  audience[] = {
        rtprop_string("rtprop"), rtprop_string("web")
    };

    memset(&c, 0, sizeof(c));

    is_claim("{}", &c, RTPROP_JWT_VALID, "no claims, no checks");
    is_claim("{\"exp\":1700000001}", &c, RTPROP_JWT_VALID, "a second left");
    is_claim("{\"exp\":1700000000}", &c, RTPROP_JWT_EXPIRED, "expired now");
    is_claim("{\"exp\":1700000000.5}", &c, RTPROP_JWT_VALID, "half a second");
    is_claim("{\"exp\":99999999999999999999999}", &c, RTPROP_JWT_VALID,
             "never, or nearly");
    is_claim("{\"exp\":-1e300}", &c, RTPROP_JWT_EXPIRED, "before all time");
    is_claim("{\"exp\":\"1700000001\"}", &c, RTPROP_JWT_CLAIMS, "a string");
    is_claim("{\"exp\":null}", &c, RTPROP_JWT_CLAIMS, "null");
    is_claim("{\"nbf\":1700000000}", &c, RTPROP_JWT_VALID, "valid from now");
    is_claim("{\"nbf\":1700000001}", &c, RTPROP_JWT_EARLY, "a second early");
    is_claim("{\"nbf\":[]}", &c, RTPROP_JWT_CLAIMS, "no time");
    is_claim("[]", &c, RTPROP_JWT_CLAIMS, "an array");
    is_claim("\"x\"", &c, RTPROP_JWT_CLAIMS, "a string");
    is_claim("{\"a\":1,\"a\":2}", &c, RTPROP_JWT_CLAIMS, "duplicate claims");
    is_claim("{\"a\":[[[[[[[[1]]]]]]]]}", &c, RTPROP_JWT_CLAIMS, "too deep");

    c.leeway = 30000;
    is_claim("{\"exp\":1699999971}", &c, RTPROP_JWT_VALID, "within leeway");
    is_claim("{\"exp\":1699999970}", &c, RTPROP_JWT_EXPIRED, "past leeway");
    is_claim("{\"nbf\":1700000030}", &c, RTPROP_JWT_VALID, "within leeway");
    is_claim("{\"nbf\":1700000031}", &c, RTPROP_JWT_EARLY, "past leeway");

    c.issuer.data = (unsigned char *) "joe";
    c.issuer.len = 3;
    is_claim("{\"iss\":\"joe\"}", &c, RTPROP_JWT_VALID, "issuer");
    is_claim("{\"iss\":\"joey\"}", &c, RTPROP_JWT_ISSUER, "another issuer");
    is_claim("{\"iss\":[\"joe\"]}", &c, RTPROP_JWT_ISSUER, "no string");
    is_claim("{}", &c, RTPROP_JWT_ISSUER, "no issuer");

    c.issuer.len = 0;
    c.audience = audience;
    c.naudience = 2;
    is_claim("{\"aud\":\"rtprop\"}", &c, RTPROP_JWT_VALID, "audience");
    is_claim("{\"aud\":\"web\"}", &c, RTPROP_JWT_VALID, "the other");
    is_claim("{\"aud\":[\"x\",\"web\"]}", &c, RTPROP_JWT_VALID, "an array");
    is_claim("{\"aud\":[\"x\",1,null]}", &c, RTPROP_JWT_AUDIENCE, "others");
    is_claim("{\"aud\":\"x\"}", &c, RTPROP_JWT_AUDIENCE, "another");
    is_claim("{}", &c, RTPROP_JWT_AUDIENCE, "no audience");
}


static void
is_token(const char *token, rtprop_jwt_reason_e expected, const char *name)
{
    rtprop_jwt_keys_t  *keys;

    keys = one_key(SECRET, 32, NULL, NULL);
    is_int(verify(keys, token, NOW, &nothing), expected, name);
    rtprop_jwt_keys_free(keys);
}


static void
test_malformed(void)
{
    char                *copy, token[16384], claims[9000];
    size_t               i, len, bad;
    json_t              *json;
    rtprop_str_t         str;
    rtprop_jwt_keys_t   *keys;
    rtprop_jwt_reason_e  reason;

    is_token("", RTPROP_JWT_MALFORMED, "empty");
    is_token(".", RTPROP_JWT_MALFORMED, "a dot");
    is_token("..", RTPROP_JWT_MALFORMED, "two dots");
    is_token("a.b", RTPROP_JWT_MALFORMED, "two parts");
    is_token("e30.e30.AAAA.AAAA", RTPROP_JWT_MALFORMED, "four parts");
    is_token("e30.e30.AAAA", RTPROP_JWT_MALFORMED, "no alg");
    is_token("WyJhIl0.e30.AAAA", RTPROP_JWT_MALFORMED, "header is an array");
    is_token("e30=.e30.AAAA", RTPROP_JWT_MALFORMED, "padding");
    is_token("e30.e3 0.AAAA", RTPROP_JWT_MALFORMED, "a space");
    is_token("eyJhbGciOiJIUzI1NiJ9.e30.", RTPROP_JWT_MALFORMED,
             "no signature");

    sign(token, RTPROP_JWT_HS256, NULL, SECRET, "{\"alg\":\"HS256\","
         "\"crit\":[\"b64\"],\"b64\":false}", "{}");
    is_token(token, RTPROP_JWT_CRITICAL, "crit");
    sign(token, RTPROP_JWT_HS256, NULL, SECRET, "{\"alg\":\"HS256\","
         "\"crit\":[]}", "{}");
    is_token(token, RTPROP_JWT_CRITICAL, "empty crit");
    sign(token, RTPROP_JWT_HS256, NULL, SECRET, "{\"alg\":\"hs256\"}", "{}");
    is_token(token, RTPROP_JWT_ALGORITHM, "case counts");
    sign(token, RTPROP_JWT_HS256, NULL, SECRET, "{\"alg\":\"None\"}", "{}");
    is_token(token, RTPROP_JWT_ALGORITHM, "None");
    sign(token, RTPROP_JWT_HS256, NULL, SECRET, "{\"alg\":[\"HS256\"]}",
         "{}");
    is_token(token, RTPROP_JWT_MALFORMED, "alg is an array");
    sign(token, RTPROP_JWT_HS256, NULL, SECRET, "{\"alg\":\"HS256\","
         "\"alg\":\"HS256\"}", "{}");
    is_token(token, RTPROP_JWT_MALFORMED, "two algs");

    strcpy(claims, "{\"a\":\"");
    memset(claims + 6, 'x', 6200);
    strcpy(claims + 6206, "\"}");
    sign(token, RTPROP_JWT_HS256, NULL, SECRET, "{\"alg\":\"HS256\"}",
         claims);
    is_token(token, RTPROP_JWT_TOO_LARGE, "over 8 KB");
    memset(claims + 6, 'x', 6000);
    strcpy(claims + 6006, "\"}");
    sign(token, RTPROP_JWT_HS256, NULL, SECRET, "{\"alg\":\"HS256\"}",
         claims);
    is_token(token, RTPROP_JWT_VALID, "nearly 8 KB");

    /* each cut and each flipped byte is refused, and read within bounds */

    keys = one_key(SECRET, 32, NULL, NULL);
    sign(token, RTPROP_JWT_HS256, NULL, SECRET, "{\"alg\":\"HS256\"}",
         "{\"sub\":\"u1\"}");
    len = strlen(token);
    bad = 0;

    for (i = 0; i < 2 * len; i++) {
        str.len = (i < len) ? i : len;
        copy = malloc(str.len + 1);
        memcpy(copy, token, str.len);

        if (i >= len) {
            copy[i - len] ^= 1 + i % 127;
        }

        str.data = (unsigned char *) copy;
        bad += rtprop_jwt_verify(keys, &str, NOW, &nothing, &json, &reason)
               == RTPROP_OK;
        free(copy);
    }

    is_int(bad, 0, "no cut or changed token passes");
    rtprop_jwt_keys_free(keys);

    is_str(rtprop_jwt_reason_text(RTPROP_JWT_EXPIRED),
           "the token has expired", "a text for a reason");
    is_str(rtprop_jwt_reason_text(RTPROP_JWT_INTERNAL),
           "the token could not be checked", "the last");
    is_str(rtprop_jwt_reason_text(99), "the token could not be checked",
           "beyond the last");
}


int
main(void)
{
    EVP_PKEY  *rsa, *ec, *ec384, *ed;

    rsa = EVP_RSA_gen(2048);
    ec = EVP_EC_gen("P-256");
    ec384 = EVP_EC_gen("P-384");
    ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");

    test_vectors();
    test_algs(rsa, ec, ec384, ed);
    test_keys(rsa, ec);
    test_jwks();
    test_kid();
    test_claims();
    test_malformed();

    EVP_PKEY_free(rsa);
    EVP_PKEY_free(ec);
    EVP_PKEY_free(ec384);
    EVP_PKEY_free(ed);

    return plan_done();
}
