/*
 * Keys: JSON Web Key Sets, PEM texts and secrets of the operator's files, and
 * what such keys make of a signature.
 *
 * Input: a line with the allowed algorithms, then the file.
 */

#include "t/fuzz/fuzz.h"

#include "base/rtprop_base64.c"
#include "base/rtprop_hash.c"
#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "session/rtprop_jwk.c"
#include "session/rtprop_jwt_key.c"
#include "session/rtprop_jwt_signature.c"


static unsigned
use(const rtprop_jwt_keys_t *keys, const rtprop_str_t *data)
{
    unsigned                 i, bit;
    rtprop_str_t             signature;
    const rtprop_jwt_key_t  *key;

    signature.data = fuzz_room(96);
    memset(signature.data, 0, 96);
    memcpy(signature.data + 48, data->data, data->len < 48 ? data->len : 48);

    for (i = 0; (key = rtprop_jwt_keys_get(keys, i)) != NULL; i++) {

        must(rtprop_jwt_key_has_kid(key, key->kid.data ? &key->kid : NULL),
             "a key knows its name");

        for (bit = 0; bit < 12; bit++) {
            signature.len = bit == 8 ? 96 : 64;

            must(rtprop_jwt_key_verify(key, 1u << bit, data, &signature)
                 != RTPROP_OK || !rtprop_jwt_key_allows(key, RTPROP_JWT_HS),
                 "nobody guesses a signature");
            must(ERR_peek_error() == 0, "OpenSSL's errors are taken away");
        }
    }

    return i;
}


static void
fuzz_one(fuzz_input_t *in)
{
    char               *algs;
    unsigned            n;
    const char         *err;
    rtprop_str_t        line, file;
    rtprop_jwt_keys_t  *keys;

    line = fuzz_until(in, '\n');
    algs = fuzz_room(line.len + 1);
    memcpy(algs, line.data, line.len);
    algs[line.len] = '\0';

    file = fuzz_rest(in);

    keys = rtprop_jwt_keys_create();
    if (keys == NULL) {
        return;
    }

    err = NULL;

    if (rtprop_jwt_keys_add_jwks(keys, file.data, file.len, &err)
        == RTPROP_OK)
    {
        must(use(keys, &file) > 0, "a set has keys");

    } else {
        must(err && *err, "an error says what");
        must(use(keys, &file) == 0, "and leaves the set as it was");
    }

    n = use(keys, &line);
    err = NULL;

    if (rtprop_jwt_keys_add(keys, file.data, file.len, algs, "name", &err)
        == RTPROP_OK)
    {
        must(use(keys, &line) == n + 1, "one more key");

    } else {
        must(err && *err, "an error says what");
        must(use(keys, &line) == n, "and leaves the set as it was");
    }

    must(ERR_peek_error() == 0, "OpenSSL's errors are taken away");

    rtprop_jwt_keys_free(keys);
}
