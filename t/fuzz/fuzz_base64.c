/*
 * Base64: what is encoded is decoded again, what is decoded had that spelling
 * only, and secrets and hashes on the side.
 */

#include "t/fuzz/fuzz.h"

#include "base/rtprop_base64.c"
#include "base/rtprop_hash.c"


static void
there_and_back(const rtprop_str_t *s, rtprop_base64_e alphabet)
{
    size_t          n, m;
    unsigned char  *text, *plain;

    text = fuzz_room(rtprop_base64_encoded_len(s->len));
    n = rtprop_base64_encode(text, s->data, s->len, alphabet);

    must(n <= rtprop_base64_encoded_len(s->len), "the encoded form fits");

    text = fuzz_copy(text, n);
    plain = fuzz_room(rtprop_base64_decoded_len(n));

    must(rtprop_base64_decode(plain, &m, text, n, alphabet) == RTPROP_OK
         && m == s->len && memcmp(plain, s->data, m) == 0,
         "what is encoded is decoded");

    must(rtprop_base64_decode(text, &m, text, n, alphabet) == RTPROP_OK
         && m == s->len && memcmp(text, s->data, m) == 0, "also in place");
}


static void
back_and_there(const rtprop_str_t *s, rtprop_base64_e alphabet)
{
    size_t          n, m;
    unsigned char  *plain, *text;

    plain = fuzz_room(rtprop_base64_decoded_len(s->len));

    if (rtprop_base64_decode(plain, &n, s->data, s->len, alphabet)
        != RTPROP_OK)
    {
        return;
    }

    must(n <= rtprop_base64_decoded_len(s->len), "the decoded form fits");

    text = fuzz_room(rtprop_base64_encoded_len(n));
    m = rtprop_base64_encode(text, plain, n, alphabet);

    must(m == s->len && memcmp(text, s->data, m) == 0,
         "each value has one spelling");
}


static void
hashes(const rtprop_str_t *s)
{
    size_t          half;
    rtprop_str_t    a, b;
    unsigned char  *moved;

    static const unsigned char  key[RTPROP_HASH_KEY_LEN] = "0123456789abcde";

    moved = fuzz_room(s->len + 1);
    memcpy(moved + 1, s->data, s->len);

    must(rtprop_hash(key, s->data, s->len)
         == rtprop_hash(key, moved + 1, s->len),
         "a hash does not depend on the place");

    half = s->len / 2;
    a.data = fuzz_copy(s->data, half);
    b.data = fuzz_copy(s->data + half, s->len - half);
    b.len = s->len - half;

    must(rtprop_secret_eq(a.data, half, b.data, b.len)
         == (half && half == b.len && memcmp(a.data, b.data, half) == 0),
         "secrets are equal when they are");
    must(rtprop_secret_eq(s->data, s->len, moved + 1, s->len)
         == (s->len != 0), "an empty secret equals nothing");
}


static void
fuzz_one(fuzz_input_t *in)
{
    rtprop_str_t  s;

    s = fuzz_rest(in);

    there_and_back(&s, RTPROP_BASE64_STD);
    there_and_back(&s, RTPROP_BASE64_URL);
    back_and_there(&s, RTPROP_BASE64_STD);
    back_and_there(&s, RTPROP_BASE64_URL);
    hashes(&s);
}
