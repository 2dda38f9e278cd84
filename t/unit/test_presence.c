/*
 * The rules of an agent's presence, one after the other.
 */

#include <stdlib.h>

#include "src/features/presence/rtprop_presence.c"
#include "src/base/rtprop_json.c"
#include "src/base/rtprop_json_write.c"
#include "src/base/rtprop_time.c"

#include "t/unit/tap.h"


#define NOW     1772359200000LL     /* 2026-03-01T10:00:00Z */
#define MINUTE  60000LL


static rtprop_invalid_t  why;


static rtprop_str_t
str(const char *s)
{
    rtprop_str_t  str;

    str.data = (unsigned char *) s;
    str.len = strlen(s);

    return str;
}


static int
say(json_t *doc, rtprop_presence_status_e status, const char *estimated)
{
    int      rc;
    json_t  *value;

    value = estimated ? json_loads(estimated, JSON_DECODE_ANY, NULL) : NULL;
    rc = rtprop_presence_say(doc, status, value, &why);
    json_decref(value);

    return rc;
}


static const char *
shown(json_t *doc, int connected)
{
    return rtprop_presence_word(rtprop_presence_status(doc, connected));
}


/* takes the reference over */

static const char *
dumped(json_t *value)
{
    char         *p;

    static char   buf[4096];

    p = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    snprintf(buf, sizeof(buf), "%s", p ? p : "(null)");
    free(p);
    json_decref(value);

    return buf;
}


static void
test_status(void)
{
    json_t  *doc;

    is_str(shown(NULL, 0), "offline", "an unknown agent is offline");
    is_str(shown(NULL, 1), "online", "being connected means online");

    doc = rtprop_presence_create();

    is_str(shown(doc, 1), "online", "it does of a known one");
    is_int(say(doc, RTPROP_PRESENCE_BUSY, NULL), RTPROP_OK, "busy");
    is_str(shown(doc, 1), "busy", "is shown as busy");
    is_str(shown(doc, 0), "offline", "but not without a connection");
    is_int(say(doc, RTPROP_PRESENCE_BUSY, NULL), RTPROP_AGAIN,
           "said twice it is no news");
    is_int(say(doc, RTPROP_PRESENCE_BUSY, "15"), RTPROP_OK,
           "for how long is news");
    is_int(say(doc, RTPROP_PRESENCE_BUSY, "15"), RTPROP_AGAIN, "once");
    is_int(say(doc, RTPROP_PRESENCE_BUSY, "\"at noon\""), RTPROP_OK,
           "it may be a text");
    is_int(say(doc, RTPROP_PRESENCE_BUSY, "[1]"), RTPROP_ERROR,
           "nothing else");
    is_str(why.field, "estimated_available", "the field is named");
    is_int(say(doc, RTPROP_PRESENCE_BUSY, "-1"), RTPROP_ERROR,
           "nor a time that has passed");
    is_int(say(doc, RTPROP_PRESENCE_OFFLINE, "[1]"), RTPROP_OK,
           "who goes needs not say for how long");
    is_str(shown(doc, 1), "offline", "and is shown as offline");
    is_int(say(doc, RTPROP_PRESENCE_ONLINE, NULL), RTPROP_OK, "back again");
    is_str(shown(doc, 1), "online", "is shown as online");
    is_int(say(doc, RTPROP_PRESENCE_ONLINE, NULL), RTPROP_AGAIN, "once");

    say(doc, RTPROP_PRESENCE_BUSY, "5");
    rtprop_presence_seen(doc, 0, NOW);
    rtprop_presence_seen(doc, 1, NOW + RTPROP_PRESENCE_GRACE);
    is_str(shown(doc, 1), "busy", "who reloads the page is still busy");
    rtprop_presence_seen(doc, 0, NOW);
    rtprop_presence_seen(doc, 1, NOW + RTPROP_PRESENCE_GRACE + 1);
    is_str(shown(doc, 1), "online", "who was away comes back online");
    ok(json_is_null(json_object_get(doc, "estimated_available")),
       "and the estimate is forgotten");

    json_decref(doc);
}


static void
test_properties(void)
{
    size_t         i;
    char           names[1100][8];
    json_t        *doc;
    rtprop_str_t   ids[1100];

    doc = rtprop_presence_create();

    ids[0] = str("p1");
    ids[1] = str("p2");
    ids[2] = str("p1");

    is_int(rtprop_presence_properties(doc, ids, 3), RTPROP_OK, "properties");
    is_str(dumped(rtprop_presence_property_ids(doc)),
           "[\"p1\",\"p2\"]", "each once");
    is_int(rtprop_presence_properties(doc, ids, 2), RTPROP_AGAIN,
           "the same again are no news");
    is_int(rtprop_presence_properties(doc, ids, 0), RTPROP_AGAIN,
           "none leave those that are known");
    is_int(rtprop_presence_properties(doc, ids, 1), RTPROP_OK,
           "others take their place");

    for (i = 0; i < 1100; i++) {
        sprintf(names[i], "p%zu", i);
        ids[i] = str(names[i]);
    }

    rtprop_presence_properties(doc, ids, 1100);
    is_int(json_array_size(json_object_get(doc, "property_ids")),
           RTPROP_PRESENCE_PROPERTIES, "a thousand are kept");

    json_decref(doc);
}


static void
test_assigned(void)
{
    size_t         i;
    char           name[8];
    json_t        *doc;
    rtprop_str_t   p1, p2, id;

    doc = rtprop_presence_create();
    p1 = str("p1");
    p2 = str("p2");

    rtprop_presence_properties(doc, &p1, 1);

    is_int(rtprop_presence_assign(doc, &p2, 1), RTPROP_OK, "assigned");
    is_int(rtprop_presence_assign(doc, &p2, 1), RTPROP_AGAIN, "once");
    is_int(rtprop_presence_assign(doc, &p1, 1), RTPROP_OK,
           "one that the token names, too");
    is_str(dumped(rtprop_presence_property_ids(doc)), "[\"p1\",\"p2\"]",
           "both, each once");
    rtprop_presence_properties(doc, &p2, 1);
    is_str(dumped(rtprop_presence_property_ids(doc)), "[\"p2\",\"p1\"]",
           "a token's list leaves them alone");
    is_int(rtprop_presence_assign(doc, &p1, 0), RTPROP_OK, "no longer");
    is_int(rtprop_presence_assign(doc, &p1, 0), RTPROP_AGAIN, "once");
    is_str(dumped(rtprop_presence_property_ids(doc)), "[\"p2\"]",
           "taken out");

    for (i = 0; i < RTPROP_PRESENCE_PROPERTIES + 5; i++) {
        sprintf(name, "q%zu", i);
        id = str(name);
        rtprop_presence_assign(doc, &id, 1);
    }

    is_int(json_array_size(json_object_get(doc, "assigned")),
           RTPROP_PRESENCE_PROPERTIES, "no more than a thousand");

    json_decref(doc);
}


static void
test_replies(void)
{
    int      i;
    json_t  *doc;

    doc = rtprop_presence_create();

    is_int(rtprop_presence_reply_minutes(doc), -1, "at first nothing is known");
    rtprop_presence_replied(doc, 0);
    is_int(rtprop_presence_reply_minutes(doc), 1,
           "an answer at once is within a minute, too");
    rtprop_presence_replied(doc, 3 * MINUTE);
    is_int(rtprop_presence_reply_minutes(doc), 2,
           "between two the middle, rounded up");
    rtprop_presence_replied(doc, 3 * MINUTE);
    is_int(rtprop_presence_reply_minutes(doc), 3, "the median of three");
    rtprop_presence_replied(doc, RTPROP_PRESENCE_REPLY_MAX);
    rtprop_presence_replied(doc, 1);
    is_int(rtprop_presence_reply_minutes(doc), 3,
           "one who was on holiday does not spoil it");

    is_int(rtprop_presence_replied(doc, -1), RTPROP_AGAIN, "never before");
    is_int(rtprop_presence_replied(doc, RTPROP_PRESENCE_REPLY_MAX + 1),
           RTPROP_AGAIN, "nor after a week");
    is_int(json_array_size(json_object_get(doc, "replies")), 5,
           "those are not counted");

    for (i = 0; i < 100; i++) {
        rtprop_presence_replied(doc, 7 * MINUTE);
    }

    is_int(rtprop_presence_reply_minutes(doc), 7, "the newest count");
    is_int(json_array_size(json_object_get(doc, "replies")),
           RTPROP_PRESENCE_REPLIES, "no more are kept");

    json_decref(doc);
}


static void
test_payload(void)
{
    json_t        *doc, *again;
    rtprop_str_t   agent, id, text;

    agent = str("a1");
    id = str("p1");

    is_str(dumped(rtprop_presence_status_payload(NULL, &agent, 0, NOW)),
           "{\"agent_id\":\"a1\",\"status\":\"offline\",\"last_seen\":null,"
           "\"property_ids\":[],\"estimated_available\":null,"
           "\"typical_reply_minutes\":null}", "an unknown agent");

    doc = rtprop_presence_create();
    rtprop_presence_seen(doc, 1, NOW - MINUTE);
    rtprop_presence_properties(doc, &id, 1);
    rtprop_presence_replied(doc, MINUTE);
    say(doc, RTPROP_PRESENCE_BUSY, "15");

    is_str(dumped(rtprop_presence_status_payload(doc, &agent, 1, NOW)),
           "{\"agent_id\":\"a1\",\"status\":\"busy\","
           "\"last_seen\":\"2026-03-01T10:00:00.000Z\","
           "\"property_ids\":[\"p1\"],\"estimated_available\":15,"
           "\"typical_reply_minutes\":1}", "one who is busy");

    is_str(dumped(rtprop_presence_status_payload(doc, &agent, 0, NOW)),
           "{\"agent_id\":\"a1\",\"status\":\"offline\","
           "\"last_seen\":\"2026-03-01T09:59:00.000Z\","
           "\"property_ids\":[\"p1\"],\"estimated_available\":null,"
           "\"typical_reply_minutes\":1}", "one who has gone");

    rtprop_json_dump(doc, &text);
    again = rtprop_presence_parse((char *) text.data, text.len);
    ok(json_equal(doc, again), "a document is read again");
    json_decref(again);
    ok(rtprop_presence_parse((char *) text.data, text.len - 1) == NULL,
       "one that is cut short is none");
    ok(rtprop_presence_parse("{}", 2) == NULL, "nor is any other object");

    free(text.data);
    json_decref(doc);
}


int
main(void)
{
    test_status();
    test_properties();
    test_assigned();
    test_replies();
    test_payload();

    return plan_done();
}
