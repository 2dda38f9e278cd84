/*
 * Bodies of POST /publish, and the names of channels and types in them.
 */

#include "t/fuzz/fuzz.h"

#include "base/rtprop_hash.c"
#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "http/rtprop_publish.c"


static const rtprop_str_t  kinds[] = {
    rtprop_string("conversation"),
    rtprop_string("property"),
    rtprop_string("auction"),
    rtprop_string("user")
};

#define KINDS  (sizeof(kinds) / sizeof(kinds[0]))


/* A channel's name in the plainest way. */

static int
is_channel(const rtprop_str_t *name)
{
    size_t                i, n, id;
    const unsigned char  *colon;

    if (rtprop_str_eq(name, "all", 3)) {
        return 1;
    }

    colon = name->len ? memchr(name->data, ':', name->len) : NULL;

    if (colon == NULL) {
        return 0;
    }

    n = (size_t) (colon - name->data);
    id = name->len - n - 1;

    for (i = 0; i < KINDS; i++) {
        if (rtprop_str_eq(&kinds[i], (const char *) name->data, n)) {
            return id && rtprop_json_id_valid(colon + 1, id);
        }
    }

    return 0;
}


static void
names(const rtprop_str_t *name)
{
    rtprop_str_t  copy;

    copy.data = fuzz_copy(name->data, name->len);
    copy.len = name->len;

    must(rtprop_publish_channel_valid(&copy, kinds, KINDS)
         == is_channel(&copy), "a channel is one of a known kind");

    if (rtprop_publish_type_valid(&copy)) {
        must(copy.len >= 1 && copy.len <= RTPROP_PUBLISH_TYPE_MAX
             && memchr(copy.data, ' ', copy.len) == NULL
             && memchr(copy.data, '"', copy.len) == NULL
             && (copy.data[0] | 0x20) >= 'a' && (copy.data[0] | 0x20) <= 'z',
             "a type is a word");
    }
}


static void
element(const json_t *json)
{
    int                rc;
    const char        *field, *message;
    rtprop_publish_t   p;

    field = NULL;
    message = NULL;
    rc = rtprop_publish_parse(json, kinds, KINDS, &p, &field, &message);

    if (rc != RTPROP_OK) {
        must(rc == RTPROP_DECLINED && message && *message,
             "a refusal says what");
        must(field || !json_is_object(json), "and where");
        return;
    }

    must(is_channel(&p.channel), "a channel");
    must(rtprop_publish_type_valid(&p.type), "a type");
    must(p.payload == NULL || json_is_object(p.payload), "a payload");
    must(p.is_volatile == 0 || p.is_volatile == 1, "a boolean");
    must(p.is_volatile || !rtprop_str_eq(&p.channel, "all", 3),
         "what goes to all is volatile");

    names(&p.channel);
    names(&p.type);
}


static void
fuzz_one(fuzz_input_t *in)
{
    size_t         i;
    json_t        *json, *item;
    const char    *err;
    rtprop_str_t   s;

    s = fuzz_rest(in);
    names(&s);

    json = rtprop_json_load(s.data, s.len, 16, &err);

    if (json_is_array(json)) {
        for (i = 0; i < json_array_size(json) && i < 32; i++) {
            item = json_array_get(json, i);
            element(item);
        }

    } else if (json != NULL) {
        element(json);
    }

    json_decref(json);
}
