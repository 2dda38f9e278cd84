/*
 * The rules of notifications, one after the other.
 */

#include <stdlib.h>

#include "src/features/notification/rtprop_notification.c"
#include "src/features/notification/rtprop_notification_kind.c"
#include "src/features/notification/rtprop_notification_request.c"
#include "src/base/rtprop_json.c"
#include "src/base/rtprop_json_write.c"
#include "src/base/rtprop_time.c"
#include "src/base/rtprop_url.c"
#include "src/base/rtprop_utf8.c"

#include "t/unit/tap.h"


#define NOW  1772359200000LL     /* 2026-03-01T10:00:00Z */


static rtprop_invalid_t  why;


static rtprop_str_t
str(const char *s)
{
    rtprop_str_t  str;

    str.data = (unsigned char *) s;
    str.len = strlen(s);

    return str;
}


static json_t *
json(const char *text)
{
    return json_loads(text, JSON_DECODE_ANY, NULL);
}


/* takes the reference over */

static const char *
dumped(json_t *value)
{
    char         *p;

    static char   buf[8192];

    p = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    snprintf(buf, sizeof(buf), "%s", p ? p : "(null)");
    free(p);
    json_decref(value);

    return buf;
}


static json_t *
made(const char *id, const char *request, int64_t now)
{
    json_t        *value, *item;
    rtprop_str_t   s;

    s = str(id);
    value = json(request);
    item = rtprop_notification_make(&s, value, now, &why);
    json_decref(value);

    return item;
}


static int
add(json_t *doc, const char *id, int64_t now)
{
    int      rc;
    json_t  *item;

    item = made(id, "{\"kind\":\"system\",\"title\":\"T\"}", now);
    rc = rtprop_notification_add(doc, item);
    json_decref(item);

    return rc;
}


static int
reads(json_t *doc, const char *id)
{
    rtprop_str_t  s;

    s = str(id);

    return rtprop_notification_read(doc, &s, NOW);
}


/* the ids that a list shows, as one text */

static const char *
listed(json_t *doc, const char *before, int64_t limit)
{
    size_t         i;
    json_t        *list, *item;
    rtprop_str_t   s;

    static char    buf[4096];

    s = str(before);
    list = rtprop_notification_list_payload(doc, &s, limit);

    buf[0] = '\0';

    json_array_foreach (json_object_get(list, "notifications"), i, item) {
        strcat(buf, json_string_value(json_object_get(item, "id")));
        strcat(buf, " ");
    }

    json_decref(list);

    return buf;
}


static void
test_make(void)
{
    size_t  i;

    static const char  *bad[][2] = {
        { "{}", "kind" },
        { "[]", "kind" },
        { "{\"kind\":5}", "kind" },
        { "{\"kind\":\"\"}", "kind" },
        { "{\"kind\":\"a b\"}", "kind" },
        { "{\"kind\":\"system\"}", "title" },
        { "{\"kind\":\"system\",\"title\":\"\"}", "title" },
        { "{\"kind\":\"birthday\",\"body\":\"B\"}", "title" },
        { "{\"kind\":\"outbid\",\"title\":5}", "title" },
        { "{\"kind\":\"outbid\",\"body\":5}", "body" },
        { "{\"kind\":\"outbid\",\"data\":[]}", "data" },
        { "{\"kind\":\"outbid\",\"data\":\"x\"}", "data" },
        { "{\"kind\":\"outbid\",\"actions\":{}}", "actions" },
        { "{\"kind\":\"outbid\",\"actions\":[1]}", "actions" },
        { "{\"kind\":\"outbid\",\"actions\":[{\"label\":\"L\"}]}", "actions" },
        { "{\"kind\":\"outbid\",\"actions\":[{\"label\":\"\",\"url\":\"/\"}]}",
          "actions" },
        { "{\"kind\":\"outbid\",\"actions\":[{\"label\":\"L\","
          "\"url\":\"javascript:x\"}]}", "actions" },
        { "{\"kind\":\"outbid\",\"actions\":["
          "{\"label\":\"1\",\"url\":\"/\"},{\"label\":\"2\",\"url\":\"/\"},"
          "{\"label\":\"3\",\"url\":\"/\"},{\"label\":\"4\",\"url\":\"/\"},"
          "{\"label\":\"5\",\"url\":\"/\"},{\"label\":\"6\",\"url\":\"/\"}]}",
          "actions" },
    };

    is_str(dumped(made("n1", "{\"kind\":\"price_drop\",\"data\":{"
                       "\"property_title\":\"House\",\"new_price\":950000,"
                       "\"old_price\":1000000},\"actions\":["
                       "{\"label\":\"Look\",\"url\":\"/p/1\",\"x\":1}]}",
                       NOW)),
           "{\"id\":\"n1\",\"kind\":\"price_drop\",\"category\":\"property\","
           "\"priority\":\"instant\",\"title\":\"Price drop: House\","
           "\"body\":\"Now 950,000, before 1,000,000\",\"data\":{"
           "\"property_title\":\"House\",\"new_price\":950000,"
           "\"old_price\":1000000},\"actions\":[{\"label\":\"Look\","
           "\"url\":\"/p/1\"}],\"created_at\":\"2026-03-01T10:00:00.000Z\","
           "\"read_at\":null}", "a kind knows what to say");

    is_str(dumped(made("n1", "{\"kind\":\"price_drop\",\"title\":\"Own\","
                       "\"body\":\"{new_price}\"}", NOW)),
           "{\"id\":\"n1\",\"kind\":\"price_drop\",\"category\":\"property\","
           "\"priority\":\"instant\",\"title\":\"Own\","
           "\"body\":\"{new_price}\",\"data\":{},\"actions\":[],"
           "\"created_at\":\"2026-03-01T10:00:00.000Z\",\"read_at\":null}",
           "the host may say it in own words, which are not filled in");

    ok(strstr(dumped(made("n1", "{\"kind\":\"birthday\",\"title\":\"Hi\"}",
                          NOW)),
              "\"category\":\"other\",\"priority\":\"instant\","
              "\"title\":\"Hi\",\"body\":\"\"") != NULL,
       "an unknown kind says what it is told");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(made("n1", bad[i][0], NOW) == NULL, "%s", bad[i][0]);
        is_str(why.field, bad[i][1], "names the field");
    }
}


static void
test_kinds(void)
{
    json_t                            *item;
    char                               request[128];
    const char                        *category, *priority;
    const rtprop_notification_kind_t  *k;

    for (k = rtprop_notification_kinds; k->kind; k++) {
        snprintf(request, sizeof(request), "{\"kind\":\"%s\"%s}", k->kind,
                 k->title ? "" : ",\"title\":\"T\"");

        item = made("n1", request, NOW);
        category = json_string_value(json_object_get(item, "category"));
        priority = json_string_value(json_object_get(item, "priority"));

        ok(item && strstr("property communication appointment transaction "
                          "other", category)
           && strstr("instant batched digest", priority)
           && json_string_length(json_object_get(item, "title"))
           && strpbrk(json_string_value(json_object_get(item, "title")),
                      "{|}") == NULL
           && strpbrk(json_string_value(json_object_get(item, "body")),
                      "{|}") == NULL,
           "%s says something without any data", k->kind);

        json_decref(item);
    }
}


static void
test_fill(void)
{
    size_t   i;
    json_t  *data, *text;

    static const char  *t[][2] = {
        { "", "" },
        { "plain", "plain" },
        { "{name}", "Anna" },
        { "a {name} b {name}", "a Anna b Anna" },
        { "{none}", "" },
        { "{none|else}", "else" },
        { "{none|}", "" },
        { "{empty|else}", "else" },
        { "{list|else}", "else" },
        { "{n}", "1234567" },
        { "{old_price}", "1,234,567" },
        { "{small_bid}", "999" },
        { "{low_amount}", "-1,000" },
        { "{minimum_to_win}", "9,007,199,254,740,991" },
        { "{new_status}", "under offer" },
        { "{camel_name}", "Camel" },
    };

    data = json("{\"name\":\"Anna\",\"empty\":\"\",\"list\":[1],\"n\":1234567,"
                "\"old_price\":1234567,\"small_bid\":999,"
                "\"low_amount\":-1000,\"minimum_to_win\":9007199254740991,"
                "\"new_status\":\"under_offer\",\"camelName\":\"Camel\"}");

    for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        text = rtprop_notification_fill(t[i][0], data, 99);
        is_str(json_string_value(text), t[i][1], t[i][0]);
        json_decref(text);
    }

    json_decref(data);

    data = json("{\"name\":\"\xc3\xa4\xf0\x9f\x8f\xa0\xc3\xb6\"}");
    is_str(dumped(rtprop_notification_fill("{name}", data, 2)),
           "\"\xc3\xa4\xf0\x9f\x8f\xa0\"", "what is too long ends earlier");
    json_decref(data);
}


static void
test_users(void)
{
    size_t   i;
    json_t  *request, *users;

    static const char  *t[][2] = {
        { "{\"user_id\":\"u1\"}", "[\"u1\"]" },
        { "{\"user_id\":7}", "[\"7\"]" },
        { "{\"userIds\":[\"u1\",2]}", "[\"u1\",\"2\"]" },
        { "{\"user_ids\":[\"u1\",\"u2\",\"u1\"]}", "[\"u1\",\"u2\"]" },
        { "{}", "(null)" },
        { "{\"user_ids\":[]}", "(null)" },
        { "{\"user_ids\":\"u1\"}", "(null)" },
        { "{\"user_ids\":[\"\"]}", "(null)" },
        { "{\"user_id\":\"u1\",\"user_ids\":[\"u2\"]}", "(null)" },
        { "{\"user_id\":[]}", "(null)" },
    };

    for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
        request = json(t[i][0]);
        users = rtprop_notification_users(request, &why);
        is_str(dumped(users), t[i][1], t[i][0]);
        json_decref(request);
    }

    request = json_pack("{s[]}", "user_ids");

    for (i = 0; i < 1001; i++) {
        json_array_append_new(json_object_get(request, "user_ids"),
                              json_integer((json_int_t) i));
    }

    ok(rtprop_notification_users(request, &why) == NULL, "1001 are too many");
    is_str(why.field, "user_ids", "names the field");
    json_array_remove(json_object_get(request, "user_ids"), 0);
    users = rtprop_notification_users(request, &why);
    is_int(json_array_size(users), 1000, "1000 are not");
    json_decref(users);
    json_decref(request);
}


static int
deliver_at(const char *request, int64_t *at)
{
    int      rc;
    json_t  *value;

    value = json(request);
    rc = rtprop_notification_deliver_at(value, NOW, at, &why);
    json_decref(value);

    return rc;
}


static void
test_deliver_at(void)
{
    int64_t  at;

    is_int(deliver_at("{}", &at), RTPROP_OK, "without a time");
    is_int(at, 0, "at once");
    is_int(deliver_at("{\"deliver_at\":\"2026-03-01T10:00:01Z\"}", &at),
           RTPROP_OK, "a time to come");
    is_int(at, NOW + 1000, "then");
    deliver_at("{\"deliver_at\":\"2026-03-01T10:00:00Z\"}", &at);
    is_int(at, 0, "now is at once");
    deliver_at("{\"deliverAt\":1772359200001}", &at);
    is_int(at, NOW + 1, "it may be a number");
    is_int(deliver_at("{\"deliver_at\":\"tomorrow\"}", &at), RTPROP_ERROR,
           "not a word");
    is_int(deliver_at("{\"deliver_at\":true}", &at), RTPROP_ERROR,
           "nor anything else");
    is_str(why.field, "deliver_at", "names the field");
}


static void
test_document(void)
{
    int            i;
    char           id[16], *big;
    json_t        *doc, *again, *item;
    rtprop_str_t   text, s;

    doc = rtprop_notification_create();

    is_str(listed(doc, "", 0), "", "at first there are none");
    is_int(rtprop_notification_read_all(doc, NOW), RTPROP_AGAIN,
           "none to be read");

    is_int(add(doc, "n1", NOW), RTPROP_OK, "one comes");
    is_int(add(doc, "n1", NOW), RTPROP_AGAIN, "once, however often it is sent");
    add(doc, "n2", NOW + 1000);
    add(doc, "n3", NOW + 2000);

    is_str(listed(doc, "", 0), "n3 n2 n1 ", "the newest come first");
    is_str(listed(doc, "", 2), "n3 n2 ", "as many as are wanted");
    is_str(listed(doc, "", -5), "n3 ", "one at least");
    is_str(listed(doc, "n3", 1), "n2 ", "and then the next");
    is_str(listed(doc, "n1", 0), "", "to the last");
    is_str(listed(doc, "2026-03-01T10:00:01.500Z", 0), "n2 n1 ",
           "or those before a time");
    is_str(listed(doc, "nobody", 0), "", "none before an unknown one");

    is_int(rtprop_notification_unread(doc), 3, "all are unread");
    is_int(reads(doc, "n2"), RTPROP_OK, "one is read");
    is_int(reads(doc, "n2"), RTPROP_AGAIN, "once");
    is_int(reads(doc, "nobody"), RTPROP_DECLINED, "not an unknown one");
    is_str(dumped(rtprop_notification_unread_payload(doc)),
           "{\"unread_count\":2}", "notification:unread");
    is_int(rtprop_notification_read_all(doc, NOW), RTPROP_OK, "all are read");
    is_int(rtprop_notification_read_all(doc, NOW), RTPROP_AGAIN, "once");
    is_int(rtprop_notification_unread(doc), 0, "none is left");
    s = str("n2");
    ok(strstr(dumped(rtprop_notification_list_payload(doc, &s, 1)),
              "\"read_at\":\"2026-03-01T10:00:00.000Z\"}],"
              "\"unread_count\":0}") != NULL, "notification:list");

    rtprop_notification_dump(doc, &text);
    again = rtprop_notification_parse((char *) text.data, text.len);
    ok(json_equal(doc, again), "a document is read again");
    json_decref(again);
    ok(rtprop_notification_parse((char *) text.data, text.len - 1) == NULL,
       "one that is cut short is none");
    free(text.data);

    ok(rtprop_notification_parse("{}", 2) == NULL, "nor is any other object");
    ok(rtprop_notification_parse("{\"format\":1,\"items\":[1]}", 24) == NULL,
       "nor one of other items");

    for (i = 0; i < 300; i++) {
        sprintf(id, "m%d", i);
        add(doc, id, NOW);
    }

    is_int(json_array_size(json_object_get(doc, "items")), 200,
           "two hundred are kept");
    is_int(rtprop_notification_unread(doc), 200, "and counted");
    s = str("");
    again = rtprop_notification_list_payload(doc, &s, 1000);
    is_int(json_array_size(json_object_get(again, "notifications")), 100,
           "a hundred are listed at most");
    json_decref(again);

    big = malloc(4000);
    memset(big, 'x', 3999);
    big[3999] = '\0';

    for (i = 0; i < 200; i++) {
        sprintf(id, "b%d", i);
        item = json_pack("{ss, ss, ss}", "id", id, "created_at",
                         "2026-03-01T10:00:00.000Z", "body", big);
        rtprop_notification_add(doc, item);
        json_decref(item);
    }

    free(big);

    is_int(rtprop_notification_dump(doc, &text), RTPROP_OK, "big ones");
    ok(text.len <= RTPROP_NOTIFICATION_SIZE, "have less room");
    is_str(listed(doc, "", 1), "b199 ", "the newest stay");
    free(text.data);

    json_decref(doc);
}


int
main(void)
{
    test_make();
    test_kinds();
    test_fill();
    test_users();
    test_deliver_at();
    test_document();

    return plan_done();
}
