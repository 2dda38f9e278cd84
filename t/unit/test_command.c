#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "base/rtprop_flat.c"
#include "base/rtprop_time.c"
#include "base/rtprop_utf8.c"
#include "session/rtprop_command.c"
#include "session/rtprop_command_flat.c"
#include "t/unit/tap.h"


enum {
    F_ID, F_TEXT, F_COUNT, F_PRICE, F_FLAG, F_OBJ, F_LIST, F_AT, F_KIND, F_URL,
    F_ANY, F_DOWN, F_END
};


static const rtprop_field_t  all[] = {
    { "auction_id", RTPROP_FIELD_ID, RTPROP_FIELD_REQUIRED, 0, 0,
      "id up_to_id", NULL },
    { "text", RTPROP_FIELD_STRING, 0, 1, 5, NULL, NULL },
    { "count", RTPROP_FIELD_INT, 0, 1, 100, NULL, NULL },
    { "price", RTPROP_FIELD_MONEY, 0, 1, 0, NULL, NULL },
    { "is_typing", RTPROP_FIELD_BOOL, 0, 0, 0, NULL, NULL },
    { "obj", RTPROP_FIELD_OBJECT, 0, 0, 2, NULL, NULL },
    { "list", RTPROP_FIELD_ARRAY, 0, 0, 2, NULL, NULL },
    { "at", RTPROP_FIELD_TIME, 0, 0, 0, NULL, NULL },
    { "kind", RTPROP_FIELD_ENUM, 0, 0, 0, NULL, "new used" },
    { "url", RTPROP_FIELD_URL, 0, 0, 0, NULL, NULL },
    { "any", RTPROP_FIELD_ANY, 0, 0, 0, NULL, NULL },
    { "down", RTPROP_FIELD_INT, 0, 0, 0, NULL, NULL },
    { NULL, 0, 0, 0, 0, NULL, NULL }
};


static rtprop_value_t        v[RTPROP_FIELDS_MAX];
static rtprop_field_error_t  error;
static json_t               *json;


static int
parse(const rtprop_field_t *fields, const char *text)
{
    const char  *err;

    json_decref(json);
    json = NULL;

    if (text != NULL) {
        json = rtprop_json_load((const unsigned char *) text, strlen(text),
                                8, &err);
        if (json == NULL) {
            ok(0, "%s: %s", text, err);
        }
    }

    return rtprop_command_parse(fields, json, v, &error);
}


static void
is_good(const char *text)
{
    if (!ok(parse(all, text) == RTPROP_OK, "%s", text)) {
        printf("# %s %s\n", error.field ? error.field->name : "payload",
               error.text);
    }
}


static void
is_bad(const char *text, const char *field, const char *expected)
{
    is_int(parse(all, text), RTPROP_ERROR, text);
    is_str(error.field ? error.field->name : NULL,
           field ? field : "(null)", "  the field");
    is_str(error.text, expected, "  and why");
}


static void
test_types(void)
{
    is_good("{\"auction_id\":\"a1\"}");
    ok(v[F_ID].set && !v[F_TEXT].set && !v[F_COUNT].set && !v[F_URL].set,
       "only what is there is set");
    is_mem(v[F_ID].str.data, v[F_ID].str.len, "a1", 2, "id");

    is_good("{\"auctionId\":77,\"unknown\":[1,2]}");
    is_mem(v[F_ID].str.data, v[F_ID].str.len, "77", 2, "an integer id");
    is_good("{\"id\":\"x\"}");
    is_mem(v[F_ID].str.data, v[F_ID].str.len, "x", 1, "an alias");
    is_good("{\"upToId\":\"y\",\"auction_id\":null}");
    is_mem(v[F_ID].str.data, v[F_ID].str.len, "y", 1, "another, camelCase");
    is_bad("{}", "auction_id", "is required");
    is_bad("{\"auction_id\":null}", "auction_id", "is required");
    is_bad("{\"auction_id\":\"\"}", "auction_id",
           "must be an id of 1 to 128 bytes without spaces");
    is_bad("{\"auction_id\":\"a b\",\"id\":\"x\"}", "auction_id",
           "must be an id of 1 to 128 bytes without spaces");
    is_bad("{\"auction_id\":{}}", "auction_id",
           "must be an id of 1 to 128 bytes without spaces");
    is_bad("[]", NULL, "must be an object");
    is_bad("true", NULL, "must be an object");
    is_bad("1.5", NULL, "must be an object");
    is_bad(NULL, "auction_id", "is required");
    is_bad("null", "auction_id", "is required");

    is_good("{\"id\":1,\"text\":\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xf0\x9f"
            "\x98\x80\"}");
    is_int(v[F_TEXT].str.len, 12, "5 characters in 12 bytes");
    is_bad("{\"id\":1,\"text\":\"\"}", "text", "must be 1 to 5 characters");
    is_bad("{\"id\":1,\"text\":\"123456\"}", "text",
           "must be 1 to 5 characters");
    is_bad("{\"id\":1,\"text\":5}", "text", "must be a string");

    is_good("{\"id\":1,\"count\":100,\"down\":-3}");
    is_int(v[F_COUNT].i, 100, "its value");
    is_int(v[F_DOWN].i, -3, "unbounded");
    is_bad("{\"id\":1,\"count\":0}", "count", "must be 1 to 100");
    is_bad("{\"id\":1,\"count\":101}", "count", "must be 1 to 100");
    is_bad("{\"id\":1,\"count\":1.0}", "count", "must be an integer");
    is_bad("{\"id\":1,\"count\":\"1\"}", "count", "must be an integer");
    is_bad("{\"id\":1,\"down\":9007199254740992}", "down",
           "is out of range");
    is_bad("{\"id\":1,\"down\":99999999999999999999}", "down",
           "must be an integer");

    is_good("{\"id\":1,\"price\":9007199254740991}");
    is_int(v[F_PRICE].i, RTPROP_INT_MAX, "exact");
    is_bad("{\"id\":1,\"price\":-1}", "price", "must not be negative");
    is_bad("{\"id\":1,\"price\":0}", "price", "must be at least 1");
    is_bad("{\"id\":1,\"price\":1e3}", "price", "must be an integer");

    is_good("{\"id\":1,\"isTyping\":true}");
    is_int(v[F_FLAG].b, 1, "true");
    is_good("{\"id\":1,\"is_typing\":false}");
    ok(v[F_FLAG].set && !v[F_FLAG].b, "false");
    is_bad("{\"id\":1,\"is_typing\":1}", "is_typing",
           "must be true or false");

    is_good("{\"id\":1,\"obj\":{\"a\":1,\"b\":2},\"list\":[1,2],\"any\":1}");
    is_int(json_array_size(v[F_LIST].json), 2, "a list");
    is_int(json_object_size(v[F_OBJ].json), 2, "an object");
    is_int(json_integer_value(v[F_ANY].json), 1, "anything");
    is_bad("{\"id\":1,\"obj\":[]}", "obj", "must be an object");
    is_bad("{\"id\":1,\"list\":{}}", "list", "must be an array");
    is_bad("{\"id\":1,\"list\":[1,2,3]}", "list",
           "must have 0 to 2 elements");
    is_bad("{\"id\":1,\"obj\":{\"a\":1,\"b\":1,\"c\":1}}", "obj",
           "must have 0 to 2 members");

    is_good("{\"id\":1,\"at\":\"2026-01-02T03:04:05.678Z\"}");
    is_int(v[F_AT].i, 1767323045678LL, "RFC 3339");
    is_good("{\"id\":1,\"at\":1767323045678}");
    is_int(v[F_AT].i, 1767323045678LL, "milliseconds");
    is_bad("{\"id\":1,\"at\":\"tomorrow\"}", "at",
           "must be an RFC 3339 time or milliseconds since 1970");
    is_bad("{\"id\":1,\"at\":253402300800000}", "at",
           "must be an RFC 3339 time or milliseconds since 1970");
    is_bad("{\"id\":1,\"at\":1.5}", "at",
           "must be an RFC 3339 time or milliseconds since 1970");

    is_good("{\"id\":1,\"kind\":\"used\"}");
    is_int(v[F_KIND].i, 1, "the second word");
    is_bad("{\"id\":1,\"kind\":\"use\"}", "kind",
           "must be one of: new used");
    is_bad("{\"id\":1,\"kind\":\"\"}", "kind", "must be one of: new used");
    is_bad("{\"id\":1,\"kind\":\"new used\"}", "kind",
           "must be one of: new used");
    is_bad("{\"id\":1,\"kind\":0}", "kind", "must be one of: new used");
}


static void
is_url(const char *text, int expected)
{
    is_int(rtprop_command_is_url((const unsigned char *) text, strlen(text)),
           expected, text);
}


static void
test_urls(void)
{
    char  text[RTPROP_FIELD_URL_MAX + 2];

    is_url("http://a", 1);
    is_url("https://example.com/a?b=c#d", 1);
    is_url("/uploads/a.jpg", 1);
    is_url("/", 1);
    is_url("", 0);
    is_url("//evil.com/a.jpg", 0);
    is_url("/\\evil.com/a.jpg", 0);
    is_url("http://", 0);
    is_url("https:///a", 0);
    is_url("javascript:alert(1)", 0);
    is_url("data:text/html,x", 0);
    is_url("ftp://a", 0);
    is_url("HTTP:a", 0);
    is_url("example.com", 0);
    is_url("http://a b", 0);
    is_url("http://a\nb", 0);
    is_url("http://a\"onload=", 0);
    is_url("http://a<b", 0);

    memset(text, 'a', sizeof(text));
    text[0] = '/';
    text[RTPROP_FIELD_URL_MAX] = '\0';
    is_int(strlen(text), RTPROP_FIELD_URL_MAX, "as long as may be");
    is_int(rtprop_command_is_url((unsigned char *) text,
                                 RTPROP_FIELD_URL_MAX), 1, "good");
    is_int(rtprop_command_is_url((unsigned char *) text,
                                 RTPROP_FIELD_URL_MAX + 1), 0, "too long");
}


static void
test_bare(void)
{
    static const rtprop_field_t  one[] = {
        { "limit", RTPROP_FIELD_INT, 0, 1, 100, NULL, NULL },
        { "conversation_id", RTPROP_FIELD_ID, RTPROP_FIELD_REQUIRED, 0, 0,
          NULL, NULL },
        { NULL, 0, 0, 0, 0, NULL, NULL }
    };

    static const rtprop_field_t  two[] = {
        { "a", RTPROP_FIELD_ID, RTPROP_FIELD_REQUIRED, 0, 0, NULL, NULL },
        { "b", RTPROP_FIELD_ID, RTPROP_FIELD_REQUIRED, 0, 0, NULL, NULL },
        { NULL, 0, 0, 0, 0, NULL, NULL }
    };

    static const rtprop_field_t  more[] = {
        { "a", RTPROP_FIELD_ID, RTPROP_FIELD_REQUIRED, 0, 0, NULL, NULL },
        { "amount", RTPROP_FIELD_MONEY, RTPROP_FIELD_REQUIRED, 0, 0, NULL,
          NULL },
        { NULL, 0, 0, 0, 0, NULL, NULL }
    };

    static const rtprop_field_t  flag[] = {
        { "token", RTPROP_FIELD_STRING, RTPROP_FIELD_BARE, 1, 3, NULL, NULL },
        { NULL, 0, 0, 0, 0, NULL, NULL }
    };

    static const rtprop_field_t  none[] = {
        { NULL, 0, 0, 0, 0, NULL, NULL }
    };

    is_int(parse(one, "\"c1\""), RTPROP_OK, "a bare id");
    is_mem(v[1].str.data, v[1].str.len, "c1", 2, "its value");
    ok(!v[0].set, "nothing else");
    is_int(parse(one, "12"), RTPROP_OK, "a bare integer id");
    is_mem(v[1].str.data, v[1].str.len, "12", 2, "its value");
    is_int(parse(one, "\"c 1\""), RTPROP_ERROR, "a bare bad id");
    is_str(error.field->name, "conversation_id", "  the field");

    is_int(parse(two, "\"c1\""), RTPROP_ERROR, "two ids: no bare one");
    ok(error.field == NULL, "  the payload");
    is_str(error.text, "must be an object", "  and why");

    is_int(parse(more, "\"c1\""), RTPROP_ERROR, "more is required");
    is_str(error.field->name, "amount", "  the field");
    is_str(error.text, "is required", "  and why");

    is_int(parse(flag, "\"abc\""), RTPROP_OK, "by the flag");
    is_int(parse(flag, "\"abcd\""), RTPROP_ERROR, "with its bounds");
    is_int(parse(flag, "{}"), RTPROP_OK, "or not at all");

    is_int(parse(none, "{}"), RTPROP_OK, "no fields");
    is_int(parse(none, NULL), RTPROP_OK, "no payload");
    is_int(parse(NULL, "{\"a\":1}"), RTPROP_OK, "no table");
    is_int(parse(NULL, "\"a\""), RTPROP_ERROR, "a string without a field");
    is_int(rtprop_command_count(NULL), 0, "none to count");
    is_int(rtprop_command_count(all), F_END, "all counted");
}


/* What is read flat has the values that jansson's tree gives, or is left. */

static void
test_flat(void)
{
    size_t           i, k;
    rtprop_flat_t    flat;
    rtprop_value_t   values[RTPROP_FIELDS_MAX];
    unsigned char   *text;

    static const struct {
        const char  *text;
        int          taken;
    } tries[] = {
        { "{\"auction_id\":\"a\",\"text\":\"12345\"}", 1 },
        { "{\"auctionId\":-5,\"text\":\"\xc3\xa9\xc3\xa9\xc3\xa9\"}", 1 },
        { "{\"upToId\":\"a\",\"id\":null}", 1 },
        { "{\"auction_id\":null,\"id\":9007199254740991}", 1 },
        { "{\"id\":1,\"count\":100,\"price\":1,\"isTyping\":true}", 1 },
        { "{\"id\":1,\"down\":-9,\"is_typing\":false,\"list\":[]}", 1 },
        { "{\"id\":1,\"text\":null}", 1 },
        { "{}", 0 },
        { "{\"id\":\"\"}", 0 },
        { "{\"id\":\"a b\"}", 0 },
        { "{\"id\":true}", 0 },
        { "{\"id\":9007199254740992}", 0 },
        { "{\"id\":1,\"text\":\"\"}", 0 },
        { "{\"id\":1,\"text\":\"123456\"}", 0 },
        { "{\"id\":1,\"text\":5}", 0 },
        { "{\"id\":1,\"count\":0}", 0 },
        { "{\"id\":1,\"count\":101}", 0 },
        { "{\"id\":1,\"count\":\"5\"}", 0 },
        { "{\"id\":1,\"price\":-1}", 0 },
        { "{\"id\":1,\"is_typing\":1}", 0 },
        { "{\"id\":1,\"list\":1}", 0 },
        { "{\"id\":1,\"kind\":\"new\"}", 0 },
        { "{\"id\":1,\"at\":5}", 0 },
        { "{\"id\":1,\"any\":5}", 0 }
    };

    for (i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
        text = (unsigned char *) tries[i].text;

        ok(rtprop_flat_read(&flat, NULL, text, strlen(tries[i].text)) != 0,
           "%s: is read", tries[i].text);
        is_int(rtprop_command_flat(all, &flat, text, values),
               tries[i].taken ? RTPROP_OK : RTPROP_DECLINED, tries[i].text);

        if (!tries[i].taken) {
            continue;
        }

        is_int(parse(all, tries[i].text), RTPROP_OK, tries[i].text);

        for (k = 0; k < F_END; k++) {
            ok(values[k].set == v[k].set && values[k].i == v[k].i
               && values[k].b == v[k].b && values[k].json == NULL,
               "%s: %s", tries[i].text, all[k].name);
            is_mem(values[k].str.data, values[k].str.len, v[k].str.data,
                   v[k].str.len, all[k].name);
        }
    }
}


int
main(void)
{
    test_flat();
    test_types();
    test_urls();
    test_bare();

    json_decref(json);

    return plan_done();
}
