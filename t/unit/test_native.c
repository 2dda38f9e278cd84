#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "base/rtprop_flat.c"
#include "base/rtprop_utf8.c"
#include "protocols/native/rtprop_native.c"
#include "t/unit/tap.h"

#include <stdlib.h>


static rtprop_native_t  n;


static int
decode(const char *text)
{
    return rtprop_native_decode(&n, (const unsigned char *) text,
                                strlen(text));
}


/* A message that is refused with a code, with the id that the refusal has. */

static void
refused(const char *text, const char *code, const char *id, const char *name)
{
    int  rc;

    rc = decode(text);

    if (!ok(rc == RTPROP_ERROR, "%s: refused", name)) {
        rtprop_native_free(&n);
        return;
    }

    is_str(n.code, code, name);
    ok(n.message && n.message[0], "%s: says why", name);
    is_mem(n.id.data, n.id.len, id, strlen(id), name);
}


static void
accepted(const char *text, const char *type, const char *id, const char *name)
{
    if (!ok(decode(text) == RTPROP_OK, "%s: accepted", name)) {
        return;
    }

    is_mem(n.type.data, n.type.len, type, strlen(type), name);
    is_mem(n.id.data, n.id.len, id, strlen(id), name);
}


static void
test_accepted(void)
{
    accepted("{\"type\":\"ping\"}", "ping", "", "type alone");
    ok(n.payload == NULL, "no payload");
    rtprop_native_free(&n);

    accepted("{\"type\":\"ping\",\"payload\":null,\"id\":null}", "ping", "",
             "null members");
    ok(n.payload == NULL, "null is no payload");
    rtprop_native_free(&n);

    accepted("{\"payload\":{\"a\":1},\"type\":\"x:y\",\"id\":7}", "x:y", "7",
             "integer id");
    is_int(json_integer_value(json_object_get(n.payload, "a")), 1,
           "payload's member");
    rtprop_native_free(&n);

    accepted("{\"type\":\"x\",\"id\":-9007199254740993}", "x",
             "-9007199254740993", "any integer is an id");
    rtprop_native_free(&n);

    accepted("{\"type\":\"x\",\"id\":\"\"}", "x", "\"\"", "empty id");
    rtprop_native_free(&n);

    accepted("{\"type\":\"x\",\"id\":\"a\\\"b\\\\\\n\\u00e9\"}", "x",
             "\"a\\\"b\\\\\\n\xc3\xa9\"", "escapes in an id");
    rtprop_native_free(&n);

    accepted("{\"type\":\"chat:leave\",\"payload\":\"c1\"}", "chat:leave", "",
             "bare string");
    ok(json_is_string(n.payload), "payload is a string");
    rtprop_native_free(&n);

    accepted("{\"type\":\"chat:leave\",\"payload\":12}", "chat:leave", "",
             "bare integer");
    ok(json_is_integer(n.payload), "payload is an integer");
    rtprop_native_free(&n);

    accepted("{\"type\":\"batch\",\"payload\":[{\"type\":\"ping\"}]}",
             "batch", "", "array");
    ok(json_is_array(n.payload), "payload is an array");
    rtprop_native_free(&n);

    accepted(" {\"type\":\"x\",\"more\":true} \n", "x", "",
             "other members, white space");
    rtprop_native_free(&n);
}


static void
test_refused(void)
{
    refused("", "invalid_json", "", "empty");
    refused("{", "invalid_json", "", "cut");
    refused("hello", "invalid_json", "", "no JSON");
    refused("{\"type\":\"x\"} x", "invalid_json", "", "something behind");
    refused("{\"type\":\"x\",\"type\":\"y\"}", "invalid_json", "",
            "duplicate key");
    refused("{\"type\":\"x\",\"payload\":{\"a\":1,\"a\":2}}", "invalid_json",
            "", "duplicate key in the payload");
    refused("{\"type\":\"\\u0000\"}", "invalid_json", "", "NUL");

    refused("[]", "invalid_envelope", "", "array");
    refused("\"ping\"", "invalid_envelope", "", "string");
    refused("null", "invalid_envelope", "", "null");
    refused("{}", "invalid_envelope", "", "no type");
    refused("{\"id\":5}", "invalid_envelope", "5", "no type, with an id");
    refused("{\"type\":5,\"id\":\"q\"}", "invalid_envelope", "\"q\"",
            "type is a number");
    refused("{\"type\":\"\"}", "invalid_envelope", "", "empty type");
    refused("{\"type\":\"x\",\"payload\":true,\"id\":1}", "invalid_envelope",
            "1", "payload is a boolean");
    refused("{\"type\":\"x\",\"payload\":1.5}", "invalid_envelope", "",
            "payload is a real");
    refused("{\"type\":\"x\",\"id\":{}}", "invalid_envelope", "",
            "id is an object");
    refused("{\"type\":\"x\",\"id\":true}", "invalid_envelope", "",
            "id is a boolean");
    refused("{\"type\":\"x\",\"id\":1.5}", "invalid_envelope", "",
            "id is a real");
}


static void
test_bounds(void)
{
    char      text[1024], word[256];
    unsigned  i, depth;

    memset(word, 'a', sizeof(word));

    snprintf(text, sizeof(text), "{\"type\":\"%.64s\"}", word);
    ok(decode(text) == RTPROP_OK, "64 octets of type");
    rtprop_native_free(&n);

    snprintf(text, sizeof(text), "{\"type\":\"%.65s\"}", word);
    refused(text, "invalid_envelope", "", "65 octets of type");

    snprintf(text, sizeof(text), "{\"type\":\"x\",\"id\":\"%.128s\"}", word);
    ok(decode(text) == RTPROP_OK, "128 octets of id");
    is_int(n.id.len, 130, "raw id");
    rtprop_native_free(&n);

    snprintf(text, sizeof(text), "{\"type\":\"x\",\"id\":\"%.129s\"}", word);
    refused(text, "invalid_envelope", "", "129 octets of id");

    /* control characters take six octets each */

    strcpy(text, "{\"type\":\"x\",\"id\":\"");

    for (i = 0; i < 128; i++) {
        strcat(text, "\\u0001");
    }

    strcat(text, "\"}");
    ok(decode(text) == RTPROP_OK, "128 control characters of id");
    is_int(n.id.len, RTPROP_NATIVE_ID_RAW, "the longest raw id");
    rtprop_native_free(&n);

    for (depth = 15; depth <= 16; depth++) {
        strcpy(text, "{\"type\":\"x\",\"payload\":");

        for (i = 0; i < depth; i++) {
            strcat(text, "[");
        }

        for (i = 0; i < depth; i++) {
            strcat(text, "]");
        }

        strcat(text, "}");

        if (depth == 15) {
            ok(decode(text) == RTPROP_OK, "16 deep");
            rtprop_native_free(&n);

        } else {
            refused(text, "invalid_json", "", "17 deep");
        }
    }
}


static void
frame_is(rtprop_native_frame_t *f, const char *expected, const char *name)
{
    size_t         size, len;
    unsigned char  *p;

    size = rtprop_native_frame_size(f);
    p = malloc(size);
    len = rtprop_native_frame(p, f);

    ok(len <= size, "%s: fits", name);
    is_mem(p, len, expected, strlen(expected), name);

    free(p);
}


static void
str(rtprop_str_t *s, const char *text)
{
    s->len = strlen(text);
    s->data = (unsigned char *) text;
}


static void
test_frames(void)
{
    rtprop_native_frame_t  f;

    memset(&f, 0, sizeof(f));

    str(&f.type, "pong");
    frame_is(&f, "{\"type\":\"pong\",\"payload\":{}}", "type alone");

    str(&f.payload, "{\"a\":1}");
    frame_is(&f, "{\"type\":\"pong\",\"payload\":{\"a\":1}}", "payload");

    str(&f.id, "\"q\\n\"");
    frame_is(&f, "{\"type\":\"pong\",\"id\":\"q\\n\",\"payload\":{\"a\":1}}",
             "raw id");

    str(&f.id, "");
    str(&f.channel, "conversation:c\"1");
    f.offset = 41;
    frame_is(&f, "{\"type\":\"pong\",\"channel\":\"conversation:c\\\"1\","
             "\"offset\":41,\"payload\":{\"a\":1}}", "reliable event");

    f.position = 1;
    f.offset = 0;
    f.epoch = 0xabc;
    frame_is(&f, "{\"type\":\"pong\",\"channel\":\"conversation:c\\\"1\","
             "\"epoch\":\"0000000000000abc\",\"offset\":0,"
             "\"payload\":{\"a\":1}}", "answer to a join");

    f.epoch = UINT64_MAX;
    f.offset = UINT64_MAX;
    str(&f.type, "a\"\x01");
    frame_is(&f, "{\"type\":\"a\\\"\\u0001\",\"channel\":\"conversation:c\\\"1"
             "\",\"epoch\":\"ffffffffffffffff\",\"offset\":"
             "18446744073709551615,\"payload\":{\"a\":1}}", "largest numbers");
}


static void
test_error(void)
{
    char          *text;
    json_t        *extra, *error;
    rtprop_str_t   event;

    str(&event, "chat:join");
    extra = json_pack("{s:s}", "field", "limit");

    error = rtprop_native_error("invalid_payload", "limit is wrong", &event,
                                extra);
    text = json_dumps(error, JSON_COMPACT | JSON_SORT_KEYS);
    is_str(text, "{\"code\":\"invalid_payload\",\"event\":\"chat:join\","
           "\"field\":\"limit\",\"message\":\"limit is wrong\"}",
           "error with a field");

    free(text);
    json_decref(error);
    json_decref(extra);

    str(&event, "");
    error = rtprop_native_error("invalid_json", "no JSON", &event, NULL);
    text = json_dumps(error, JSON_COMPACT | JSON_SORT_KEYS);
    is_str(text, "{\"code\":\"invalid_json\",\"message\":\"no JSON\"}",
           "error without an event");

    free(text);
    json_decref(error);

    str(&event, "\xff");
    error = rtprop_native_error("unknown_type", "no", &event, NULL);
    ok(error == NULL, "an event's name that is not UTF-8");
    json_decref(error);
}


static rtprop_flat_t  flat_payload;


static int
flat(const char *text)
{
    return rtprop_native_flat(&n, &flat_payload, (const unsigned char *) text,
                              strlen(text));
}


static void
is_flat(const char *text, const char *type, const char *id,
    const char *payload)
{
    if (!ok(flat(text) == RTPROP_OK, "%s: is read flat", text)) {
        return;
    }

    is_mem(n.type.data, n.type.len, type, strlen(type), text);
    is_mem(n.id.data, n.id.len, id, strlen(id), text);
    is_mem(flat_payload.text, flat_payload.len, payload, strlen(payload), text);
    ok(n.root == NULL && n.payload == NULL, "%s: nothing was made", text);
}


static void
is_left(const char *text)
{
    is_int(flat(text), RTPROP_DECLINED, text);
}


static void
test_flat(void)
{
    is_flat("{\"type\":\"a\",\"payload\":{\"b\":1}}", "a", "", "{\"b\":1}");
    is_flat("{\"payload\":{},\"type\":\"a\",\"id\":12} \n", "a", "12", "{}");
    is_flat("{\"id\":\"x\x7f\",\"type\":\"a\",\"payload\":{}}", "a",
            "\"x\\u007f\"", "{}");
    is_flat("{\"id\":null,\"z\":true,\"type\":\"a\",\"payload\":{}}", "a", "",
            "{}");

    is_left("{\"type\":\"a\"}");
    is_left("{\"type\":\"a\",\"payload\":null}");
    is_left("{\"type\":\"a\",\"payload\":\"x\"}");
    is_left("{\"payload\":{}}");
    is_left("{\"type\":\"\",\"payload\":{}}");
    is_left("{\"type\":7,\"payload\":{}}");
    is_left("{\"type\":\"a\",\"data\":{}}");
    is_left("{\"type\":\"a\",\"payload\":[],\"data\":{}}");
    is_left("{\"type\":\"a\",\"payload\":{},\"id\":true}");
    is_left("{\"type\":\"a\",\"payload\":{}}x");
    is_left("{\"type\":\"a\",\"payload\":{\"b\":{}}}");
    is_left("{\"type\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaa\",\"payload\":{}}");
}


int
main(void)
{
    test_flat();
    test_accepted();
    test_refused();
    test_bounds();
    test_frames();
    test_error();

    return plan_done();
}
