#include "base/rtprop_utf8.c"
#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "http/rtprop_publish.c"
#include "t/unit/tap.h"


static const rtprop_str_t  kinds[] = {
    rtprop_string("conversation"),
    rtprop_string("property"),
    rtprop_string("user")
};


/* "ok", or the field that is wrong; "-" the element itself. */

static const char *
judge(const char *text, rtprop_publish_t *publish)
{
    int          rc;
    json_t      *json;
    const char  *field, *message;

    json = json_loads(text, JSON_DECODE_ANY, NULL);
    message = NULL;

    rc = rtprop_publish_parse(json, kinds, 3, publish, &field, &message);

    json_decref(json);

    if (rc == RTPROP_OK) {
        return "ok";
    }

    return message ? (field ? field : "-") : "no message";
}


static void
test_channels(void)
{
    char          name[200];
    unsigned      i;
    rtprop_str_t  s;

    static const struct {
        const char  *name;
        int          good;
    } cases[] = {
        { "all", 1 },
        { "property:1", 1 },
        { "conversation:a:b", 1 },
        { "user:x/y", 1 },
        { "property:", 0 },
        { "property", 0 },
        { "property1:2", 0 },
        { "propert:1", 0 },
        { "private-chat", 0 },
        { "all:1", 0 },
        { "property:a b", 0 },
        { "property:a\n", 0 },
        { "", 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s.data = (unsigned char *) cases[i].name;
        s.len = strlen(cases[i].name);

        ok(rtprop_publish_channel_valid(&s, kinds, 3) == cases[i].good,
           "channel %u", i);
    }

    memset(name, 'x', sizeof(name));
    memcpy(name, "user:", 5);

    s.data = (unsigned char *) name;
    s.len = 5 + RTPROP_JSON_ID_MAX;
    ok(rtprop_publish_channel_valid(&s, kinds, 3), "the longest id");

    s.len++;
    ok(!rtprop_publish_channel_valid(&s, kinds, 3), "a longer one");
}


static void
test_types(void)
{
    char          type[RTPROP_PUBLISH_TYPE_MAX + 1];
    unsigned      i;
    rtprop_str_t  s;

    static const struct {
        const char  *type;
        int          good;
    } cases[] = {
        { "property:price_updated", 1 },
        { "client-typing", 1 },
        { "App.Events.Sold", 1 },
        { "x", 1 },
        { "1x", 0 },
        { ":x", 0 },
        { "a b", 0 },
        { "a\"b", 0 },
        { "a\\b", 0 },
        { "\xc3\xa9", 0 },
        { "", 0 }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        s.data = (unsigned char *) cases[i].type;
        s.len = strlen(cases[i].type);

        ok(rtprop_publish_type_valid(&s) == cases[i].good, "type %u", i);
    }

    memset(type, 'x', sizeof(type));

    s.data = (unsigned char *) type;
    s.len = RTPROP_PUBLISH_TYPE_MAX;
    ok(rtprop_publish_type_valid(&s), "the longest type");

    s.len++;
    ok(!rtprop_publish_type_valid(&s), "a longer one");

    s.data = (unsigned char *) "a\0b";
    s.len = 3;
    ok(!rtprop_publish_type_valid(&s), "no NUL within");
}


static void
test_elements(void)
{
    rtprop_publish_t  publish;

    is_str(judge("{\"channel\":\"property:1\",\"type\":\"x\"}", &publish),
           "ok", "no more than what is needed");
    ok(publish.payload == NULL && !publish.is_volatile
       && publish.exclude.len == 0, "and its defaults");

    is_str(judge("{\"channel\":\"property:1\",\"type\":\"x\",\"payload\":null,"
                 "\"exclude_session\":null,\"volatile\":null}", &publish),
           "ok", "null is nothing");
    ok(publish.payload == NULL, "null is no payload");

    is_str(judge("{\"channel\":\"property:1\",\"type\":\"x\","
                 "\"volatile\":true}", &publish), "ok", "a volatile one");
    ok(publish.is_volatile, "is volatile");

    is_str(judge("{\"channel\":\"all\",\"type\":\"x\",\"volatile\":false}",
                 &publish), "ok", "to all");
    ok(publish.is_volatile, "is always volatile");

    is_str(judge("{\"channel\":\"user:1\",\"type\":\"x\","
                 "\"excludeSession\":\"abc\"}", &publish), "ok",
           "the other spelling");
    is_int(publish.exclude.len, 3, "a session to exclude");

    is_str(judge("[]", &publish), "-", "no object");
    is_str(judge("{}", &publish), "channel", "no channel");
    is_str(judge("{\"channel\":7,\"type\":\"x\"}", &publish), "channel",
           "no string as channel");
    is_str(judge("{\"channel\":\"rooms:1\",\"type\":\"x\"}", &publish),
           "channel", "an unknown kind");
    is_str(judge("{\"channel\":\"all\"}", &publish), "type", "no type");
    is_str(judge("{\"channel\":\"all\",\"type\":\"a b\"}", &publish), "type",
           "a bad type");
    is_str(judge("{\"channel\":\"all\",\"type\":\"x\",\"payload\":[]}",
                 &publish), "payload", "an array as payload");
    is_str(judge("{\"channel\":\"all\",\"type\":\"x\","
                 "\"exclude_session\":1}", &publish), "exclude_session",
           "a number as session");
    is_str(judge("{\"channel\":\"all\",\"type\":\"x\",\"volatile\":1}",
                 &publish), "volatile", "a number for a boolean");
}


int
main(void)
{
    test_channels();
    test_types();
    test_elements();

    return plan_done();
}
