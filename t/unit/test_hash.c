#include "base/rtprop_hash.c"
#include "t/unit/tap.h"

#include <openssl/evp.h>
#include <openssl/params.h>


/* OpenSSL's SipHash with the same rounds, as a second opinion. */

static uint64_t
openssl_sip(const unsigned char *key, const unsigned char *data, size_t len,
    unsigned c, unsigned d)
{
    size_t          size, n;
    EVP_MAC        *mac;
    OSSL_PARAM      params[4];
    EVP_MAC_CTX    *ctx;
    unsigned char   out[8];

    size = 8;
    params[0] = OSSL_PARAM_construct_size_t("size", &size);
    params[1] = OSSL_PARAM_construct_uint("c-rounds", &c);
    params[2] = OSSL_PARAM_construct_uint("d-rounds", &d);
    params[3] = OSSL_PARAM_construct_end();

    mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    ctx = EVP_MAC_CTX_new(mac);

    memset(out, 0, sizeof(out));

    if (EVP_MAC_CTX_set_params(ctx, params) != 1
        || EVP_MAC_init(ctx, key, 16, NULL) != 1
        || EVP_MAC_update(ctx, data, len) != 1
        || EVP_MAC_final(ctx, out, &n, sizeof(out)) != 1)
    {
        printf("# no SipHash in this OpenSSL\n");
    }

    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);

    return rtprop_hash_load(out, 8);
}


int
main(void)
{
    size_t         i;
    unsigned       bad13, bad24;
    unsigned char  key[16], data[200];

    for (i = 0; i < sizeof(data); i++) {
        data[i] = i;
    }

    memcpy(key, data, sizeof(key));

    /* the paper's test vectors, appendix A */

    ok(rtprop_hash_sip(key, data, 15, 2, 4) == 0xa129ca6149be45e5ULL,
       "SipHash-2-4 of 15 bytes");
    ok(rtprop_hash_sip(key, data, 0, 2, 4) == 0x726fdb47dd0e0e31ULL,
       "SipHash-2-4 of nothing");

    bad13 = 0;
    bad24 = 0;

    for (i = 0; i < sizeof(data); i++) {
        bad13 += rtprop_hash(key, data, i)
                 != openssl_sip(key, data, i, 1, 3);
        bad24 += rtprop_hash_sip(key, data, i, 2, 4)
                 != openssl_sip(key, data, i, 2, 4);
    }

    is_int(bad13, 0, "SipHash-1-3 agrees with OpenSSL's on all lengths");
    is_int(bad24, 0, "SipHash-2-4 too");

    ok(rtprop_hash(key, data, 8) != rtprop_hash(data + 1, data, 8),
       "another key, another hash");
    ok(rtprop_hash(key, "", 0) == rtprop_hash(key, NULL, 0),
       "nothing is nothing");

    is_int(rtprop_secret_eq("secret", 6, "secret", 6), 1, "equal");
    is_int(rtprop_secret_eq("secret", 6, "secreT", 6), 0, "last byte");
    is_int(rtprop_secret_eq("secret", 6, "Secret", 6), 0, "first byte");
    is_int(rtprop_secret_eq("secret", 6, "secre", 5), 0, "shorter");
    is_int(rtprop_secret_eq("secret", 6, "secretsecret", 12), 0, "repeated");
    is_int(rtprop_secret_eq("secret", 6, "", 0), 0, "nothing sent");
    is_int(rtprop_secret_eq("", 0, "", 0), 0, "no secret");
    is_int(rtprop_secret_eq(NULL, 0, NULL, 0), 0, "nothing at all");

    return plan_done();
}
