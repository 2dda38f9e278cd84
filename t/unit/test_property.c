/*
 * The rules of a property, one after the other.
 */

#include <stdlib.h>

#include "src/features/property/rtprop_property.c"
#include "src/features/property/rtprop_property_fields.c"
#include "src/features/property/rtprop_property_json.c"
#include "src/base/rtprop_json.c"
#include "src/base/rtprop_json_write.c"
#include "src/base/rtprop_time.c"

#include "t/unit/tap.h"


#define NOW  1772359200000LL     /* 2026-03-01T10:00:00Z */
#define AT   "\"updated_at\":\"2026-03-01T10:00:00.000Z\""

#define HOUSE  "{\"title\":\"House\",\"status\":\"available\"," \
               "\"price\":1000000,\"agent_id\":\"a1\",\"rooms\":5}"


static rtprop_invalid_t         why;
static rtprop_property_event_t  events[RTPROP_PROPERTY_EVENTS];
static unsigned                 nevents;


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


/* takes the reference over; the text is good until the next call but one */

static const char *
dumped(json_t *value)
{
    rtprop_str_t   text;

    static char      buf[2][8192];
    static unsigned  n;

    n = !n;

    strcpy(buf[n], "(null)");

    if (value && rtprop_json_dump(value, &text) == RTPROP_OK) {
        snprintf(buf[n], sizeof(buf[n]), "%s", (char *) text.data);
        free(text.data);
    }

    json_decref(value);

    return buf[n];
}


static int
put(json_t *doc, const char *body)
{
    int           rc;
    json_t       *value;
    rtprop_str_t  id;

    id = str("p1");
    value = json(body);
    rc = rtprop_property_replace(doc, &id, value, NOW, events, &nevents, &why);
    json_decref(value);

    return rc;
}


static int
tell(json_t *doc, const char *name, const char *data)
{
    int           rc;
    json_t       *value;
    rtprop_str_t  id, s;

    id = str("p1");
    s = str(name);
    value = json(data);
    rc = rtprop_property_broadcast(doc, &id, &s, value, NOW, &events[0], &why);
    json_decref(value);

    return rc;
}


static json_t *
house(void)
{
    json_t  *doc;

    doc = rtprop_property_create();
    put(doc, HOUSE);

    return doc;
}


static void
test_percentage(void)
{
    size_t  i;

    static const struct {
        int64_t      was, is;
        const char  *change;
    } c[] = {
        { 100, 100, "0" },
        { 100, 110, "10" },
        { 100, 90, "-10" },
        { 1000, 1055, "5.5" },
        { 1000, 945, "-5.5" },
        { 2000, 2001, "0.1" },           /* 0.05 */
        { 2000, 1999, "-0.1" },
        { 10000, 10004, "0" },           /* 0.04 */
        { 10000, 9996, "0" },
        { 3, 4, "33.3" },
        { 3, 5, "66.7" },
        { 3, 1, "-66.7" },
        { 7, 0, "-100" },
        { 0, 7, "null" },
        { 0, 0, "null" },
        { 850000000, 799000000, "-6" },
        { 1, RTPROP_INT_MAX, "900719925474099000" },
        { RTPROP_INT_MAX, 0, "-100" },
        { RTPROP_INT_MAX, RTPROP_INT_MAX - 1, "0" },
    };

    for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        ok(strcmp(dumped(rtprop_property_percentage(c[i].was, c[i].is)),
                  c[i].change) == 0,
           "from %lld to %lld is %s", (long long) c[i].was,
           (long long) c[i].is, c[i].change);
    }
}


static void
test_replace(void)
{
    size_t   i;
    json_t  *doc;

    static const char  *bad[][2] = {
        { "{}", "title" },
        { "[]", "title" },
        { "{\"title\":\"\"}", "title" },
        { "{\"title\":5}", "title" },
        { "{\"title\":\"T\"}", "status" },
        { "{\"title\":\"T\",\"status\":\"gone\"}", "status" },
        { "{\"title\":\"T\",\"status\":7}", "status" },
        { "{\"title\":\"T\",\"status\":\"sold\"}", "price" },
        { "{\"title\":\"T\",\"status\":\"sold\",\"price\":-1}", "price" },
        { "{\"title\":\"T\",\"status\":\"sold\",\"price\":1.5}", "price" },
        { "{\"title\":\"T\",\"status\":\"sold\",\"price\":\"1\"}", "price" },
        { "{\"title\":\"T\",\"status\":\"sold\",\"price\":9007199254740992}",
          "price" },
        { "{\"title\":\"T\",\"status\":\"sold\",\"price\":1,"
          "\"agent_id\":{}}", "agent_id" },
        { "{\"title\":\"T\",\"status\":\"sold\",\"price\":1,"
          "\"wishlist_today\":-1}", "wishlist_today" },
        { "{\"title\":\"T\",\"status\":\"sold\",\"price\":1,"
          "\"viewings_this_week\":\"3\"}", "viewings_this_week" },
    };

    doc = rtprop_property_create();

    is_int(put(doc, HOUSE), RTPROP_OK, "a property is put");
    is_int(nevents, 0, "what was not known has not changed");

    is_int(put(doc, HOUSE), RTPROP_OK, "the same again");
    is_int(nevents, 0, "changes nothing");

    is_int(put(doc, "{\"title\":\"House\",\"status\":\"sold\",\"price\":900000,"
                    "\"garden\":{\"big\":true},\"version\":9,\"id\":\"x\","
                    "\"viewerCount\":4}"), RTPROP_OK, "with news");
    is_int(nevents, 2, "status and price have changed");
    is_str(events[0].type, "property:status_changed", "the status");
    is_str(dumped(events[0].payload),
           "{\"property_id\":\"p1\",\"title\":\"House\","
           "\"old_status\":\"available\",\"new_status\":\"sold\"," AT "}",
           "from one to another");
    is_str(events[1].type, "property:price_updated", "the price");
    is_str(dumped(events[1].payload),
           "{\"property_id\":\"p1\",\"title\":\"House\",\"old_price\":1000000,"
           "\"new_price\":900000,\"percentage_change\":-10,"
           "\"is_price_drop\":true," AT "}", "dropped");

    is_str(dumped(json_incref(json_object_get(doc, "extra"))),
           "{\"garden\":{\"big\":true}}",
           "the rest is kept, the whole replaced");
    ok(json_is_null(json_object_get(doc, "agent_id")), "the agent has gone");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(put(doc, bad[i][0]), RTPROP_ERROR, bad[i][0]);
        is_str(why.field, bad[i][1], "names the field");
    }

    is_int(json_integer_value(json_object_get(doc, "price")), 900000,
           "what is refused changes nothing");

    json_decref(doc);
}


static void
test_big(void)
{
    char    *body, *p;
    json_t  *doc;

    body = malloc(40000);
    p = body + sprintf(body, "{\"title\":\"T\",\"status\":\"sold\","
                             "\"price\":1,\"text\":\"");
    memset(p, 'x', 33000);
    strcpy(p + 33000, "\"}");

    doc = rtprop_property_create();
    is_int(put(doc, body), RTPROP_ERROR, "there is a bound on what is kept");
    strcpy(p + 32000, "\"}");
    is_int(put(doc, body), RTPROP_OK, "below it all is kept");

    p = body + sprintf(body, "{\"text\":\"");
    memset(p, 'x', 5000);
    strcpy(p + 5000, "\"}");
    is_int(tell(doc, "new_photos_added", body), RTPROP_OK,
           "big news are told");
    json_decref(events[0].payload);
    is_int(json_object_size(json_object_get(doc, "latest")), 0,
           "but not kept");

    json_decref(doc);
    free(body);
}


static void
test_broadcast(void)
{
    size_t   i;
    json_t  *doc;

    static const char  *bad[][3] = {
        { "status_changed", "{}", "new_status" },
        { "status_changed", "{\"new_status\":\"gone\"}", "new_status" },
        { "status_changed", "{\"new_status\":\"sold\",\"old_status\":\"x\"}",
          "old_status" },
        { "status_changed", "{\"new_status\":\"sold\",\"title\":1}", "title" },
        { "price_updated", "{}", "new_price" },
        { "price_updated", "{\"new_price\":-1}", "new_price" },
        { "price_updated", "{\"new_price\":\"1\"}", "new_price" },
        { "price_updated", "{\"new_price\":1,\"old_price\":-1}", "old_price" },
        { "activity_update", "{}", "wishlist_today" },
        { "activity_update", "{\"wishlist_today\":1.5}", "wishlist_today" },
        { "activity_update", "{\"viewings_this_week\":-1}",
          "viewings_this_week" },
    };

    doc = house();

    is_int(tell(doc, "status_changed", "{\"new_status\":\"under_offer\"}"),
           RTPROP_OK, "a new status is told");
    is_str(events[0].type, "property:status_changed", "by its name");
    is_str(dumped(events[0].payload),
           "{\"property_id\":\"p1\",\"title\":\"House\","
           "\"old_status\":\"available\",\"new_status\":\"under_offer\","
           AT "}", "the old one is known");
    is_str(json_string_value(json_object_get(doc, "status")), "under_offer",
           "and kept");

    tell(doc, "property:status_changed", "{\"oldStatus\":\"withdrawn\","
         "\"newStatus\":\"sold\",\"title\":\"Villa\"}");
    is_str(dumped(events[0].payload),
           "{\"property_id\":\"p1\",\"title\":\"Villa\","
           "\"old_status\":\"withdrawn\",\"new_status\":\"sold\"," AT "}",
           "what is told counts, in either spelling");
    is_str(json_string_value(json_object_get(doc, "title")), "Villa",
           "the title is kept, too");

    is_int(tell(doc, "price_updated", "{\"new_price\":1055000}"), RTPROP_OK,
           "a new price is told");
    is_str(dumped(events[0].payload),
           "{\"property_id\":\"p1\",\"title\":\"Villa\",\"old_price\":1000000,"
           "\"new_price\":1055000,\"percentage_change\":5.5,"
           "\"is_price_drop\":false," AT "}", "with what it changes");
    is_int(json_integer_value(json_object_get(doc, "price")), 1055000,
           "and kept");

    tell(doc, "price_updated", "{\"old_price\":0,\"new_price\":0}");
    is_str(dumped(events[0].payload),
           "{\"property_id\":\"p1\",\"title\":\"Villa\",\"old_price\":0,"
           "\"new_price\":0,\"percentage_change\":null,"
           "\"is_price_drop\":false," AT "}",
           "from nothing there is no change");

    is_int(tell(doc, "activity_update", "{\"wishlist_today\":3}"), RTPROP_OK,
           "activity is told");
    is_str(dumped(events[0].payload),
           "{\"property_id\":\"p1\",\"wishlist_today\":3,"
           "\"viewings_this_week\":null}", "as far as known");
    tell(doc, "activity_update", "{\"viewings_this_week\":9}");
    is_str(dumped(events[0].payload),
           "{\"property_id\":\"p1\",\"wishlist_today\":3,"
           "\"viewings_this_week\":9}", "what was known is kept");

    put(doc, HOUSE);
    json_decref(events[0].payload);
    json_decref(events[1].payload);
    is_int(json_integer_value(json_object_get(doc, "wishlist_today")), 3,
           "also when the rest is replaced");

    is_int(tell(doc, "open_house_scheduled", "{\"event\":\"x\",\"starts_at\":"
                "\"soon\",\"property_id\":\"p2\",\"updated_at\":1}"), RTPROP_OK,
           "an open house is told");
    is_str(events[0].type, "property:open_house_scheduled", "by its name");
    is_str(dumped(events[0].payload),
           "{\"property_id\":\"p1\",\"starts_at\":\"soon\"," AT "}",
           "as posted, but for what is ours");
    is_str(dumped(json_incref(json_object_get(doc, "latest"))),
           "{\"open_house_scheduled\":{\"property_id\":\"p1\","
           "\"starts_at\":\"soon\"," AT "}}", "the last one is kept");

    is_int(tell(doc, "property_featured", "{}"), RTPROP_OK, "so is featured");
    json_decref(events[0].payload);
    is_int(tell(doc, "virtual_tour_available", "{}"), RTPROP_OK, "a tour");
    json_decref(events[0].payload);

    is_int(tell(doc, "burned_down", "{}"), RTPROP_DECLINED, "nothing else");
    is_str(why.field, "event", "names the field");
    is_int(tell(doc, "", "{}"), RTPROP_DECLINED, "nor nothing");
    is_int(tell(doc, "property:", "{}"), RTPROP_DECLINED, "nor a bare prefix");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(tell(doc, bad[i][0], bad[i][1]), RTPROP_ERROR, bad[i][1]);
        is_str(why.field, bad[i][2], "names the field");
        ok(events[0].payload == NULL, "and tells nothing");
    }

    json_decref(doc);

    doc = rtprop_property_create();
    tell(doc, "price_updated", "{\"new_price\":5}");
    is_str(dumped(events[0].payload),
           "{\"property_id\":\"p1\",\"title\":null,\"old_price\":null,"
           "\"new_price\":5,\"percentage_change\":null,"
           "\"is_price_drop\":false," AT "}",
           "of an unknown property, what is known is told");
    json_decref(doc);
}


static void
test_shown(void)
{
    json_t             *doc, *agent;
    rtprop_str_t        id, s;
    rtprop_json_buf_t   text;

    memset(&text, 0, sizeof(rtprop_json_buf_t));
    doc = house();
    id = str("p1");

    is_str(dumped(rtprop_property_state_payload(doc, &id, 4, NULL)),
           "{\"id\":\"p1\",\"property_id\":\"p1\",\"title\":\"House\","
           "\"status\":\"available\",\"price\":1000000,\"agent_id\":\"a1\","
           "\"wishlist_today\":null,\"viewings_this_week\":null,\"rooms\":5,"
           "\"viewer_count\":4,\"agent\":{\"id\":\"a1\",\"agent_id\":\"a1\"}}",
           "property:state");

    agent = json("{\"status\":\"online\"}");
    ok(strstr(dumped(rtprop_property_state_payload(doc, &id, 4, agent)),
              "\"agent\":{\"id\":\"a1\",\"agent_id\":\"a1\","
              "\"status\":\"online\"}") != NULL,
       "with the agent's status if it is known");

    json_object_set_new(json_object_get(doc, "extra"), "agent",
                        json("{\"name\":\"Al\",\"status\":\"new\"}"));
    ok(strstr(dumped(rtprop_property_state_payload(doc, &id, 4, agent)),
              "\"agent\":{\"id\":\"a1\",\"agent_id\":\"a1\","
              "\"name\":\"Al\",\"status\":\"online\"}") != NULL,
       "and over what the host has put");
    ok(strstr(dumped(rtprop_property_state_payload(doc, &id, 4, NULL)),
              "\"agent\":{\"name\":\"Al\",\"status\":\"new\"}") != NULL,
       "which else is shown alone");
    json_object_del(json_object_get(doc, "extra"), "agent");
    json_decref(agent);

    rtprop_property_agent(doc, &s);
    is_mem(s.data, s.len, "a1", 2, "the agent");

    is_str(dumped(rtprop_property_resource_json(doc, &id, 3)),
           "{\"id\":\"p1\",\"property_id\":\"p1\",\"title\":\"House\","
           "\"status\":\"available\",\"price\":1000000,\"agent_id\":\"a1\","
           "\"wishlist_today\":null,\"viewings_this_week\":null,\"rooms\":5,"
           AT ",\"version\":3}", "the resource");
    json_decref(doc);

    doc = rtprop_property_create();
    is_str(dumped(rtprop_property_state_payload(doc, &id, 0, NULL)),
           "{\"id\":\"p1\",\"property_id\":\"p1\",\"title\":null,"
           "\"status\":null,\"price\":null,\"agent_id\":null,"
           "\"wishlist_today\":null,\"viewings_this_week\":null,"
           "\"viewer_count\":0,\"agent\":null}",
           "property:state of an unknown one");
    is_str(dumped(rtprop_property_state_payload(doc, &id, -1, NULL)),
           "{\"id\":\"p1\",\"property_id\":\"p1\",\"title\":null,"
           "\"status\":null,\"price\":null,\"agent_id\":null,"
           "\"wishlist_today\":null,\"viewings_this_week\":null,"
           "\"viewer_count\":null,\"agent\":null}",
           "with viewers that are not known");
    is_int(rtprop_property_state_text(&id, -1, &text)
           | rtprop_json_buf_add(&text, "", 1), 0, "as a text");
    ok(strstr((char *) text.data, "\"viewer_count\":null,") != NULL,
       "that says so, too");
    text.len = 0;
    is_int(rtprop_property_state_text(&id, 9007199254740991, &text)
           | rtprop_json_buf_add(&text, "", 1), 0, "and its text");
    is_str((char *) text.data,
           "{\"id\":\"p1\",\"property_id\":\"p1\",\"title\":null,"
           "\"status\":null,\"price\":null,\"agent_id\":null,"
           "\"wishlist_today\":null,\"viewings_this_week\":null,"
           "\"viewer_count\":9007199254740991,\"agent\":null}",
           "is the same");
    free(text.data);
    rtprop_property_agent(doc, &s);
    is_int(s.len, 0, "which has no agent");
    json_decref(doc);

    is_str(dumped(rtprop_property_viewers_payload(&id, 2)),
           "{\"property_id\":\"p1\",\"count\":2,\"viewer_count\":2}",
           "property:viewer_count");
    is_str(dumped(rtprop_property_viewers_json(&id, 2)),
           "{\"property_id\":\"p1\",\"count\":2}", "for pages that poll");
}


static void
test_document(void)
{
    size_t         i, n;
    json_t        *doc, *again;
    rtprop_str_t   text;

    doc = house();
    tell(doc, "open_house_scheduled", "{\"a\":[1.5,null]}");
    json_decref(events[0].payload);

    rtprop_json_dump(doc, &text);
    again = rtprop_property_parse((char *) text.data, text.len);
    ok(json_equal(doc, again), "a document is read again");
    json_decref(again);

    for (i = 0, n = 0; i < text.len; i++) {
        again = rtprop_property_parse((char *) text.data, i);
        n += (again != NULL);
        json_decref(again);
    }

    is_int(n, 0, "one that is cut short is none");
    ok(rtprop_property_parse("{}", 2) == NULL, "nor is any other object");

    free(text.data);
    json_decref(doc);
}


int
main(void)
{
    test_percentage();
    test_replace();
    test_big();
    test_broadcast();
    test_shown();
    test_document();

    return plan_done();
}
