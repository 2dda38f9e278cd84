/*
 * JSON: what is read is written and read again to the same; keys are spelled
 * the same on the way as by hand; getters give what is there.
 *
 * Input: the deepest nesting allowed, then the text.
 */

#include "t/fuzz/fuzz.h"

#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "base/rtprop_utf8.c"


static const char  vocabulary[] = "viewer_count property_id a_b_c x_ _y z__w "
                                  "data_key id";


static void
written(json_t *json)
{
    json_t        *again;
    const char    *err;
    rtprop_str_t   text;

    if (rtprop_json_dump(json, &text) != RTPROP_OK) {
        return;
    }

    must(rtprop_utf8_valid(text.data, text.len), "what is written is UTF-8");
    must(text.data[text.len] == '\0', "a NUL follows");

    err = NULL;
    again = rtprop_json_load(text.data, text.len, 64, &err);

    must(again != NULL, "what is written is read");
    must(json_equal(json, again), "to the same");

    json_decref(again);
    free(text.data);
}


static void
spelled(json_t *json, rtprop_json_spell_e mode)
{
    int                rc;
    json_t            *other;
    rtprop_json_buf_t  one, two;

    memset(&one, 0, sizeof(one));
    memset(&two, 0, sizeof(two));

    rc = rtprop_json_dump_spelled(json, vocabulary, mode, &one);
    other = rtprop_json_respell(json, vocabulary, mode);

    must(rc == RTPROP_OK && other != NULL, "a document that is not too deep");

    if (other != NULL
        && rtprop_json_dump_buf(other, &two) == RTPROP_OK
        && rc == RTPROP_OK)
    {
        must(one.len == two.len
             && (one.len == 0 || memcmp(one.data, two.data, one.len) == 0),
             "spelled on the way or before");
    }

    json_decref(other);
    free(one.data);
    free(two.data);
}


static void
getters(json_t *json)
{
    int             b, rc;
    size_t          i;
    int64_t         n;
    const char     *key;
    rtprop_str_t    s;
    unsigned char   buf[RTPROP_JSON_INT_LEN];

    static const char *const  keys[] = { "viewer_count", "id", "a_b_c" };

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        key = keys[i];

        rc = rtprop_json_get_id(json, key, &s, buf);

        if (rc == RTPROP_OK) {
            must(rtprop_json_id_valid(s.data, s.len), "an id is one");
        }

        if (rtprop_json_get_int(json, key, &n) == RTPROP_OK) {
            must(rc == RTPROP_OK && s.data == buf, "an integer is an id");
            must(n >= -RTPROP_INT_MAX && n <= RTPROP_INT_MAX, "and exact");
        }

        if (rtprop_json_get_string(json, key, &s) == RTPROP_OK) {
            must(rtprop_utf8_valid(s.data, s.len)
                 && memchr(s.data, 0, s.len) == NULL, "a string is text");
        }

        if (rtprop_json_get_bool(json, key, &b) == RTPROP_OK) {
            must(b == 0 || b == 1, "a boolean");
        }
    }
}


static unsigned
depth(json_t *json)
{
    void      *iter;
    size_t     i;
    unsigned   d, deepest;

    deepest = 0;

    for (i = 0; i < json_array_size(json); i++) {
        d = depth(json_array_get(json, i));
        deepest = d > deepest ? d : deepest;
    }

    for (iter = json_object_iter(json);
         iter;
         iter = json_object_iter_next(json, iter))
    {
        d = depth(json_object_iter_value(iter));
        deepest = d > deepest ? d : deepest;
    }

    return deepest + (json_is_array(json) || json_is_object(json));
}


/* What jansson reads is refused for two reasons only. */

static void
refused(const rtprop_str_t *s, unsigned max)
{
    json_t        *plain;
    json_error_t   error;

    plain = json_loadb((char *) s->data, s->len,
                       JSON_REJECT_DUPLICATES|JSON_DECODE_ANY, &error);

    must(plain == NULL || depth(plain) > max
         || memchr(s->data, '\0', s->len) != NULL,
         "what is JSON and not too deep is read");

    json_decref(plain);
}


static void
fuzz_one(fuzz_input_t *in)
{
    json_t        *json, *plain;
    unsigned       max;
    const char    *err;
    json_error_t   error;
    rtprop_str_t   s;

    max = 1 + fuzz_byte(in) % 64;
    s = fuzz_rest(in);

    err = NULL;
    json = rtprop_json_load(s.data, s.len, max, &err);

    if (json == NULL) {
        must(err && *err, "an error says what");
        refused(&s, max);
        return;
    }

    must(depth(json) <= max, "not deeper than allowed");

    /* strict is stricter than jansson, save for integers beyond 64 bits */

    plain = json_loadb((char *) s.data, s.len,
                       JSON_REJECT_DUPLICATES|JSON_DECODE_ANY, &error);

    must(plain ? json_equal(plain, json)
         : json_error_code(&error) == json_error_numeric_overflow,
         "jansson reads the same");

    json_decref(plain);

    written(json);
    spelled(json, RTPROP_JSON_SNAKE);
    spelled(json, RTPROP_JSON_CAMEL);
    spelled(json, RTPROP_JSON_BOTH);
    getters(json);

    json_decref(json);
}
