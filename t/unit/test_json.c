#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "t/unit/tap.h"


static json_t *
load(const char *text)
{
    const char  *err;

    return rtprop_json_load((const unsigned char *) text, strlen(text), 8,
                            &err);
}


static void
is_error(const char *text, size_t len, const char *expected)
{
    json_t      *json;
    const char  *err;

    err = "";
    json = rtprop_json_load((const unsigned char *) text, len, 8, &err);

    ok(json == NULL, "refused: %s", expected);
    is_str(err, expected, "  and says so");
    json_decref(json);
}


static void
is_spelled(const char *text, const char *keys, rtprop_json_spell_e mode,
    const char *expected)
{
    json_t             *json, *copy;
    rtprop_str_t        str;
    rtprop_json_buf_t   buf;

    memset(&buf, 0, sizeof(buf));
    json = load(text);

    copy = rtprop_json_respell(json, keys, mode);
    ok(rtprop_json_dump(copy, &str) == RTPROP_OK, "dumped");
    is_mem(str.data, str.len, expected, strlen(expected), "respelled");
    free(str.data);
    json_decref(copy);

    ok(rtprop_json_dump_spelled(json, keys, mode, &buf) == RTPROP_OK,
       "spelled while dumping");
    is_mem(buf.data, buf.len, expected, strlen(expected), "the same");
    free(buf.data);
    json_decref(json);
}


static void
is_dumped(const char *text, const char *expected)
{
    json_t        *json;
    rtprop_str_t   str;

    json = load(text);
    ok(rtprop_json_dump(json, &str) == RTPROP_OK, "dumped");
    is_mem(str.data, str.len, expected, strlen(expected), expected);
    free(str.data);
    json_decref(json);
}


static void
test_load(void)
{
    size_t   i, len;
    char     text[128];
    json_t  *json;

    is_error("", 0, "empty text");
    is_error("{\"a\":1,\"a\":2}", 13, "duplicate key");
    is_error("{\"a\":1} x", 9, "unexpected bytes after the value");
    is_error("1\0", 2, "NUL character");
    is_error("{\"a\":\"\\u0000\"}", 14, "NUL character");
    is_error("{\"\\u0000\":1}", 12, "NUL character");
    is_error("\"\xc0\x80\"", 4, "not valid UTF-8");
    is_error("\"\xed\xa0\x80\"", 5, "not valid UTF-8");
    is_error("\"\xff\"", 3, "not valid UTF-8");
    is_error("{\"a\":", 5, "ends too early");
    is_error("\"\\", 2, "not valid JSON");
    is_error("1e400", 5, "number out of range");
    is_error("{a:1}", 5, "not valid JSON");
    is_error("NaN", 3, "not valid JSON");
    is_error("[1,]", 4, "not valid JSON");
    is_error("]]]]", 4, "not valid JSON");
    is_error("[[[[[[[[[1]]]]]]]]]", 19, "nested too deeply");
    is_error("[{\"a\":[{\"a\":[{\"a\":[{\"a\":[", 25, "nested too deeply");

    json = load("[[[[[[[[1]]]]]]]]");
    ok(json != NULL, "eight levels are not too deep");
    json_decref(json);

    json = load("[\"[[[[[[[[[[\\\"[[[[[[\", \"\\\\\", \"{{{{{{{{{{\"]");
    ok(json_array_size(json) == 3, "brackets in strings do not count");
    json_decref(json);

    json = load("\"c1\"");
    ok(json_is_string(json), "a value need not be an object");
    json_decref(json);

    /* every cut of a good text is refused or read, never overread */

    len = snprintf(text, sizeof(text),
                   "{\"a\":[1,-2.5e3,\"x\\n\\u00e9\\\"\",true,null],"
                   "\"b\":{\"c\":99999999999999999999}}");

    for (i = 0; i < len; i++) {
        unsigned char  *copy;
        const char     *err;

        copy = malloc(i + 1);
        memcpy(copy, text, i);
        json = rtprop_json_load(copy, i, 8, &err);
        if (json != NULL) {
            break;
        }
        free(copy);
    }

    is_int(i, len, "no cut of an object is an object");
}


static void
test_numbers(void)
{
    char      text[1000];
    json_t   *json;
    int64_t   n;

    json = load("{\"a\":9007199254740991,\"b\":9007199254740992,"
                "\"c\":-9007199254740991,\"d\":-9007199254740992,"
                "\"e\":99999999999999999999,\"f\":5.0,\"g\":\"5\","
                "\"h\":null,\"i\":9223372036854775808,\"j\":1e3,"
                "\"k\":-99999999999999999999,\"l\":9223372036854775807}");
    ok(json != NULL, "integers of any size parse");

    n = 7;
    is_int(rtprop_json_get_int(json, "b", &n), RTPROP_ERROR, "2^53");
    is_int(rtprop_json_get_int(json, "d", &n), RTPROP_ERROR, "-2^53");
    is_int(rtprop_json_get_int(json, "e", &n), RTPROP_ERROR, "20 digits");
    is_int(rtprop_json_get_int(json, "k", &n), RTPROP_ERROR, "-20 digits");
    is_int(rtprop_json_get_int(json, "i", &n), RTPROP_ERROR, "2^63");
    is_int(rtprop_json_get_int(json, "l", &n), RTPROP_ERROR, "2^63 - 1");
    is_int(rtprop_json_get_int(json, "f", &n), RTPROP_ERROR, "5.0");
    is_int(rtprop_json_get_int(json, "j", &n), RTPROP_ERROR, "1e3");
    is_int(rtprop_json_get_int(json, "g", &n), RTPROP_ERROR, "\"5\"");
    is_int(rtprop_json_get_int(json, "h", &n), RTPROP_DECLINED, "null");
    is_int(rtprop_json_get_int(json, "z", &n), RTPROP_DECLINED, "missing");
    is_int(n, 7, "value unchanged");
    is_int(rtprop_json_get_int(json, "a", &n), RTPROP_OK, "2^53 - 1");
    is_int(n, RTPROP_INT_MAX, "its value");
    is_int(rtprop_json_get_int(json, "c", &n), RTPROP_OK, "-(2^53 - 1)");
    is_int(n, -RTPROP_INT_MAX, "its value");
    json_decref(json);

    json = load("[\"99999999999999999999\",99999999999999999999]");
    is_str(json_string_value(json_array_get(json, 0)),
           "99999999999999999999", "digits in a string stay");
    ok(json_is_real(json_array_get(json, 1)), "the integer is a real");
    json_decref(json);

    json = load("[-9223372036854775808,-9223372036854775809]");
    ok(json_integer_value(json_array_get(json, 0)) == INT64_MIN,
       "-2^63 has 64 bits");
    ok(json_is_real(json_array_get(json, 1)), "-2^63 - 1 has not");
    json_decref(json);

    snprintf(text, sizeof(text), "{\"a\":-%0900d}", 7);
    memset(text + 6, '7', 899);
    json = load(text);
    is_int(rtprop_json_get_int(json, "a", &n), RTPROP_ERROR,
           "an integer of 900 digits is a bad field, not a bad document");
    json_decref(json);
}


static void
test_get(void)
{
    int             b;
    char            text[300];
    json_t         *json;
    rtprop_str_t    s;
    unsigned char   buf[RTPROP_JSON_INT_LEN];

    json = load("{\"property_id\":\"p1\",\"conversationId\":42,"
                "\"isTyping\":true,\"bad\":\"a b\",\"empty\":\"\","
                "\"tab\":\"a\\tb\",\"del\":\"\\u007f\",\"neg\":-1,"
                "\"real\":1.5,\"obj\":{},\"nul\":null,\"utf\":\"caf\xc3\xa9\","
                "\"big\":9007199254740993}");

    is_int(rtprop_json_get_id(json, "property_id", &s, buf), RTPROP_OK,
           "id by its snake_case key");
    is_mem(s.data, s.len, "p1", 2, "its value");
    is_int(rtprop_json_get_id(json, "conversation_id", &s, buf), RTPROP_OK,
           "id by its camelCase key, an integer");
    is_mem(s.data, s.len, "42", 2, "rendered");
    is_int(rtprop_json_get_id(json, "neg", &s, buf), RTPROP_OK, "negative");
    is_mem(s.data, s.len, "-1", 2, "rendered");
    is_int(rtprop_json_get_id(json, "utf", &s, buf), RTPROP_OK, "UTF-8");
    is_int(rtprop_json_get_id(json, "bad", &s, buf), RTPROP_ERROR, "space");
    is_int(rtprop_json_get_id(json, "tab", &s, buf), RTPROP_ERROR, "tab");
    is_int(rtprop_json_get_id(json, "del", &s, buf), RTPROP_ERROR, "DEL");
    is_int(rtprop_json_get_id(json, "empty", &s, buf), RTPROP_ERROR, "empty");
    is_int(rtprop_json_get_id(json, "real", &s, buf), RTPROP_ERROR, "real");
    is_int(rtprop_json_get_id(json, "obj", &s, buf), RTPROP_ERROR, "object");
    is_int(rtprop_json_get_id(json, "big", &s, buf), RTPROP_ERROR, "2^53+1");
    is_int(rtprop_json_get_id(json, "nul", &s, buf), RTPROP_DECLINED, "null");

    is_int(rtprop_json_get_bool(json, "is_typing", &b), RTPROP_OK, "bool");
    is_int(b, 1, "true");
    is_int(rtprop_json_get_bool(json, "neg", &b), RTPROP_ERROR, "not a bool");
    is_int(rtprop_json_get_bool(json, "no", &b), RTPROP_DECLINED, "no bool");
    is_int(rtprop_json_get_string(json, "bad", &s), RTPROP_OK, "string");
    is_mem(s.data, s.len, "a b", 3, "its value");
    is_int(rtprop_json_get_string(json, "neg", &s), RTPROP_ERROR, "no string");
    ok(rtprop_json_get(json_object_get(json, "neg"), "a_b") == NULL,
       "nothing in an integer");
    json_decref(json);

    memset(text, 'x', sizeof(text));
    text[70] = '_';
    text[sizeof(text) - 1] = '\0';
    json = json_object();
    ok(rtprop_json_get(json, text) == NULL, "an overlong key is just missing");
    json_decref(json);

    memset(text, 'x', sizeof(text));
    is_int(rtprop_json_id_valid((unsigned char *) text, 128), 1, "128 bytes");
    is_int(rtprop_json_id_valid((unsigned char *) text, 129), 0, "129 bytes");
    is_int(rtprop_json_id_valid((unsigned char *) "a\xc3", 2), 0, "cut UTF-8");
    is_int(rtprop_json_id((json_t *) NULL, &s, buf), RTPROP_ERROR, "NULL");
}


static void
is_camel(const char *name, const char *expected)
{
    char  dst[64];

    is_mem(dst, rtprop_json_camel(dst, name, strlen(name)), expected,
           strlen(expected), expected);
}


static void
test_spell(void)
{
    const char  *keys = "property_id viewer_count count ends_at a_b";

    is_camel("viewer_count", "viewerCount");
    is_camel("viewings_this_week", "viewingsThisWeek");
    is_camel("_a", "_a");
    is_camel("a_", "a_");
    is_camel("a__b", "a_B");
    is_camel("a_1", "a1");
    is_camel("plain", "plain");
    is_camel("", "");

    is_spelled("{\"property_id\":1,\"x_y\":{\"viewer_count\":2},\"count\":3}",
               keys, RTPROP_JSON_CAMEL,
               "{\"propertyId\":1,\"x_y\":{\"viewerCount\":2},\"count\":3}");
    is_spelled("{\"propertyId\":1,\"xY\":[{\"endsAt\":2}],\"count\":3}",
               keys, RTPROP_JSON_SNAKE,
               "{\"property_id\":1,\"xY\":[{\"ends_at\":2}],\"count\":3}");
    is_spelled("{\"property_id\":1,\"count\":3,\"viewerCount\":4}",
               keys, RTPROP_JSON_BOTH,
               "{\"property_id\":1,\"propertyId\":1,\"count\":3,"
               "\"viewer_count\":4,\"viewerCount\":4}");
    is_spelled("{\"propertyId\":1,\"property_id\":2}", keys,
               RTPROP_JSON_CAMEL, "{\"propertyId\":2}");
    is_spelled("{\"data\":{\"property_id\":1},\"attachments\":"
               "[{\"ends_at\":1}],\"a_b\":[[{\"ends_at\":1}]]}", keys,
               RTPROP_JSON_CAMEL,
               "{\"data\":{\"property_id\":1},\"attachments\":"
               "[{\"ends_at\":1}],\"aB\":[[{\"endsAt\":1}]]}");
    is_spelled("{\"data\":{\"a_b\":1},\"a_b\":2}", keys, RTPROP_JSON_BOTH,
               "{\"data\":{\"a_b\":1},\"a_b\":2,\"aB\":2}");
    is_spelled("{\"a_b\":1}", "", RTPROP_JSON_CAMEL, "{\"a_b\":1}");
    is_spelled("{\"a_b\":1,\"a_bc\":1,\"a\":1}", "  a_bc  ",
               RTPROP_JSON_CAMEL, "{\"a_b\":1,\"aBc\":1,\"a\":1}");
    is_spelled("[1,\"a_b\",null]", keys, RTPROP_JSON_CAMEL,
               "[1,\"a_b\",null]");
}


static void
test_dump(void)
{
    size_t              i, len;
    json_t             *json, *inner;
    rtprop_str_t        str;
    unsigned char       out[64];
    rtprop_json_buf_t   buf;

    is_dumped(" { \"b\" : [ 1 , -2 , true , false , null ] , \"a\" : { } } ",
              "{\"b\":[1,-2,true,false,null],\"a\":{}}");
    is_dumped("[0.1,-5.3,5.0,1e20,1.5e-7,-0.0,38.722252,0.30000000000000004]",
              "[0.1,-5.3,5.0,1e+20,1.5e-07,-0.0,38.722252,"
              "0.30000000000000004]");
    is_dumped("[123456789012345678901]", "[1.2345678901234568e+20]");
    is_dumped("\"a\\\"b\\\\c\\/\\n\\t\\r\\u0001\xc3\xa9\\u2028\"",
              "\"a\\\"b\\\\c/\\n\\t\\r\\u0001\xc3\xa9\xe2\x80\xa8\"");

    memset(&buf, 0, sizeof(buf));
    json = load("{\"a\":\"0123456789012345678901234567890123456789\"}");
    len = 0;

    for (i = 0; i < 100; i++) {
        len += rtprop_json_dump_buf(json, &buf) == RTPROP_OK;
    }

    is_int(len, 100, "a buffer grows");
    is_int(buf.len, 100 * 48, "by as much");
    is_mem(buf.data + 48, 6, "{\"a\":\"", 6, "one behind the other");
    json_decref(json);

    json = json_array();
    for (i = 0; i < 80; i++) {
        inner = json;
        json = json_array();
        json_array_append_new(json, inner);
    }

    len = buf.len;
    is_int(rtprop_json_dump_buf(json, &buf), RTPROP_ERROR, "too deep");
    is_int(buf.len, len, "buffer as before");
    is_int(rtprop_json_dump(json, &str), RTPROP_ERROR, "too deep to dump");
    ok(str.data == NULL, "nothing to free");
    ok(rtprop_json_respell(json, "a", RTPROP_JSON_BOTH) == NULL,
       "too deep to respell");
    is_int(rtprop_json_dump(NULL, &str), RTPROP_ERROR, "no json");
    json_decref(json);
    free(buf.data);

    len = rtprop_json_escape(out, (unsigned char *) "a\"\xff\n\x7f", 5);
    is_mem(out, len, "a\\\"?\\n\\u007f", 12, "escaped by hand");
    is_int(rtprop_json_escape(NULL, (unsigned char *) "a\"\xff\n\x7f", 5), 12,
           "and counted");
}


/* What ends a plain run, at each place of runs of each length. */

static void
test_plain(void)
{
    size_t         i, len, n, bad;
    unsigned char  c, text[64];

    static const unsigned char  ends[] = {
        0x00, 0x1f, '"', '\\', 0x7f, 0x80, 0xc3, 0xff
    };

    bad = 0;

    for (len = 0; len <= 50; len++) {
        for (n = 0; n < 0x5f; n++) {
            memset(text, ' ' + (int) n, sizeof(text));
            c = text[0];

            if (c != '"' && c != '\\') {
                bad += rtprop_json_plain(text, text + len) != len;
            }
        }

        for (i = 0; i < len; i++) {
            for (n = 0; n < sizeof(ends); n++) {
                memset(text, '!', sizeof(text));
                text[i] = ends[n];
                text[i + 1] = ends[(n + 1) % sizeof(ends)];
                bad += rtprop_json_plain(text, text + len) != i;
            }
        }
    }

    is_int(bad, 0, "a plain run ends where something else is");
}


int
main(void)
{
    test_load();
    test_numbers();
    test_get();
    test_spell();
    test_dump();
    test_plain();

    return plan_done();
}
