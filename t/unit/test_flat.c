#include "base/rtprop_json.c"
#include "base/rtprop_flat.c"
#include "t/unit/tap.h"

#include <stdlib.h>


static rtprop_flat_t  flat, inner;


/* The octets read, from a copy of the text's own size. */

static size_t
flat_read(const char *text, size_t len)
{
    size_t          n;
    unsigned char  *copy;

    copy = malloc(len ? len : 1);
    memcpy(copy, text, len);

    n = rtprop_flat_read(&flat, &inner, copy, len);

    free(copy);

    return n;
}


static void
is_flat(const char *text)
{
    size_t       i, n;
    json_t      *json;
    const char  *err;

    n = flat_read(text, strlen(text));
    is_int(n, strlen(text), text);

    json = rtprop_json_load((const unsigned char *) text, n, 8, &err);
    ok(json != NULL, "%s: jansson reads it", text);
    is_int(flat.n, json_object_size(json), text);
    json_decref(json);

    for (i = 0; i < strlen(text); i++) {
        ok(flat_read(text, i) == 0, "%s: not its first %zu octets", text, i);
    }
}


static void
is_other(const char *text)
{
    ok(flat_read(text, strlen(text)) == 0, "%s: is left to jansson", text);
}


static void
test_taken(void)
{
    is_flat("{}");
    is_flat("{ \t\r\n}");
    is_flat("{\"\":\"\"}");
    is_flat("{\"a\":\"b\",\"b\" : -12 , \"c\":true,\"d\":false,\"e\":null,"
            "\"f\":[ ],\"g\":0,\"h\":{\"a\":1}}");
    is_flat("{\"a\":\"\x7f\xc3\xa9\xf0\x9f\x8f\xa0\"}");
    is_flat("{\"a\":999999999999999999}");
    is_flat("{\"a\":-999999999999999999}");

    is_int(flat_read("{} x", 4), 2, "what follows is not read");
}


static void
test_left(void)
{
    is_other("");
    is_other("[]");
    is_other(" {}");
    is_other("{\"a\":1,}");
    is_other("{,\"a\":1}");
    is_other("{\"a\":1 \"b\":2}");
    is_other("{\"a\" 1}");
    is_other("{\"a\":}");
    is_other("{a:1}");
    is_other("{\"a\":1,\"a\":2}");
    is_other("{\"a\":\"\\n\"}");
    is_other("{\"\\u0061\":1}");
    is_other("{\"a\":\"\n\"}");
    is_other("{\"a\":\"\x80\"}");
    is_other("{\"a\":\"\xed\xa0\x80\"}");
    is_other("{\"a\":1.0}");
    is_other("{\"a\":1e2}");
    is_other("{\"a\":1E2}");
    is_other("{\"a\":01}");
    is_other("{\"a\":-0}");
    is_other("{\"a\":-}");
    is_other("{\"a\":+1}");
    is_other("{\"a\":1x}");
    is_other("{\"a\":1000000000000000000}");
    is_other("{\"a\":tru}");
    is_other("{\"a\":truee}");
    is_other("{\"a\":[1]}");
    is_other("{\"a\":[}");
    is_other("{\"a\":{},\"b\":{}}");
    is_other("{\"a\":{\"b\":{}}}");
    is_other("{\"a\":{\"b\":[1]}}");
    is_other("{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,"
             "\"h\":1,\"i\":1}");

    ok(flat_read("{\"a\":\0 1}", 8) == 0, "NUL: is left to jansson");
}


static void
test_long(void)
{
    size_t  n;
    char   *text;

    for (n = RTPROP_FLAT_TEXT - 1; n <= RTPROP_FLAT_TEXT + 1; n++) {
        text = malloc(n);
        memset(text, 'x', n);
        memcpy(text, "{\"a\":\"", 6);
        memcpy(text + n - 2, "\"}", 2);

        is_int(flat_read(text, n), n <= RTPROP_FLAT_TEXT ? n : 0,
               "a text of 65535 octets at most");
        free(text);
    }
}


static void
is_member(const char *text, const char *name, const char *value, int64_t i)
{
    rtprop_str_t                 s;
    const rtprop_flat_member_t  *m;

    ok(rtprop_flat_read(&flat, NULL, (const unsigned char *) text,
                        strlen(text)),
       "%s: is read", text);

    m = rtprop_flat_get(&flat, name, strlen(name));

    if (value == NULL) {
        ok(m == NULL, "%s: has no %s", text, name);
        return;
    }

    if (!ok(m != NULL, "%s: has %s", text, name)) {
        return;
    }

    s = rtprop_flat_str(&flat, m);
    is_mem(s.data, s.len, value, strlen(value), text);

    if (m->type == RTPROP_FLAT_INT) {
        is_int(m->i, i, text);
    }
}


static void
test_get(void)
{
    is_member("{\"a_b\":\"x\",\"aB\":\"y\"}", "a_b", "x", 0);
    is_member("{\"aB\":\"y\"}", "a_b", "y", 0);
    is_member("{\"a_b\":\"y\"}", "aB", NULL, 0);
    is_member("{\"a\":-17}", "a", "-17", -17);
    is_member("{\"a\": 17 }", "a", "17", 17);
    is_member("{\"a\":\"\"}", "a", "", 0);
    is_member("{}", "a", NULL, 0);
}


int
main(void)
{
    test_taken();
    test_left();
    test_long();
    test_get();

    return plan_done();
}
