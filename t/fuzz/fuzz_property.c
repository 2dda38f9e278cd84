/*
 * Properties: a document that was kept, a resource that is put in its place,
 * and a broadcast.
 *
 * Input: three texts, each ended by a NUL: the document, the resource, the
 * data of the broadcast; then the name of the event.
 */

#include "t/fuzz/fuzz.h"

#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "base/rtprop_time.c"
#include "base/rtprop_utf8.c"
#include "features/property/rtprop_property.c"
#include "features/property/rtprop_property_fields.c"
#include "features/property/rtprop_property_json.c"


#define NOW  1772359200000LL


static rtprop_str_t  id = rtprop_string("p1");


/* A document can be written, read again to the same, and shown. */

static void
kept(const json_t *doc)
{
    json_t        *again, *json;
    rtprop_str_t   text;

    if (rtprop_json_dump(doc, &text) != RTPROP_OK) {
        must(0, "a document is written");
        return;
    }

    again = rtprop_property_parse((char *) text.data, text.len);
    must(again != NULL && json_equal(again, doc), "and read to the same");
    json_decref(again);
    free(text.data);

    json = rtprop_property_state_payload(doc, &id, 3, NULL);
    must(json_is_object(json), "a state is shown");
    json_decref(json);

    json = rtprop_property_resource_json(doc, &id, 7);
    must(json_is_object(json), "and a resource");
    must(json_integer_value(json_object_get(json, "version")) == 7,
         "with its version");
    json_decref(json);
}


static void
event(const rtprop_property_event_t *e)
{
    rtprop_str_t        text;
    rtprop_json_buf_t   buf;

    must(e->type && strncmp(e->type, "property:", 9) == 0, "a type");
    must(json_is_object(e->payload), "a payload");

    if (e->payload == NULL) {
        return;
    }

    must(rtprop_str_eq(&id, json_string_value(json_object_get(e->payload,
                                                              "property_id")),
                       2), "of this property");

    if (rtprop_json_dump(e->payload, &text) == RTPROP_OK) {
        free(text.data);
    }

    memset(&buf, 0, sizeof(buf));
    must(rtprop_json_dump_spelled(e->payload, RTPROP_PROPERTY_KEYS,
                                  RTPROP_JSON_BOTH, &buf) == RTPROP_OK,
         "in both spellings");
    free(buf.data);

    json_decref(e->payload);
}


static void
replace(json_t *doc, const json_t *body)
{
    json_t                    *before;
    unsigned                   i, n;
    rtprop_invalid_t           why;
    rtprop_property_event_t    events[RTPROP_PROPERTY_EVENTS];

    memset(&why, 0, sizeof(why));
    before = json_deep_copy(doc);

    if (rtprop_property_replace(doc, &id, body, NOW, events, &n, &why)
        != RTPROP_OK)
    {
        must(why.field && why.message, "an error says what");
        must(json_equal(before, doc), "and changes nothing");
        must(n == 0, "and announces nothing");

    } else {
        must(n <= RTPROP_PROPERTY_EVENTS, "two events at most");
        must(json_integer_value(json_object_get(doc, "price")) >= 0,
             "a price is not negative");
    }

    for (i = 0; i < n; i++) {
        event(&events[i]);
    }

    json_decref(before);
}


static void
broadcast(json_t *doc, const json_t *data, const rtprop_str_t *name)
{
    int                       rc;
    json_t                   *before;
    rtprop_invalid_t          why;
    rtprop_property_event_t   e;

    memset(&why, 0, sizeof(why));
    before = json_deep_copy(doc);

    rc = rtprop_property_broadcast(doc, &id, name, data, NOW, &e, &why);

    if (rc == RTPROP_OK) {
        event(&e);

    } else {
        must(why.field && why.message, "an error says what");
        must(json_equal(before, doc), "and changes nothing");
        must(e.payload == NULL, "and announces nothing");
        json_decref(e.payload);
    }

    json_decref(before);
}


static void
percentage(fuzz_input_t *in)
{
    double    value, exact;
    json_t   *json;
    int64_t   was, is;

    was = (int64_t) (fuzz_number(in, 8) & RTPROP_INT_MAX);
    is = (int64_t) (fuzz_number(in, 8) & RTPROP_INT_MAX);

    json = rtprop_property_percentage(was, is);
    must(json != NULL, "a number or null");
    must(json_is_null(json) == (was == 0), "null from nothing only");

    if (was) {
        value = json_number_value(json);
        exact = ((double) is - (double) was) / (double) was * 100;
        must(value - exact <= 0.0501 + exact * 1e-9
             && exact - value <= 0.0501 + exact * 1e-9, "one decimal");
    }

    json_decref(json);
}


static void
fuzz_one(fuzz_input_t *in)
{
    json_t        *doc, *body, *data;
    const char    *err;
    rtprop_str_t   s;

    s = fuzz_until(in, '\0');
    doc = rtprop_property_parse((char *) s.data, s.len);

    if (doc == NULL) {
        doc = rtprop_property_create();
    }

    s = fuzz_until(in, '\0');
    body = rtprop_json_load(s.data, s.len, 32, &err);
    s = fuzz_until(in, '\0');
    data = rtprop_json_load(s.data, s.len, 32, &err);
    s = fuzz_rest(in);

    if (doc != NULL) {
        kept(doc);

        if (json_is_object(body)) {
            replace(doc, body);
        }

        if (json_is_object(data)) {
            broadcast(doc, data, &s);
        }

        kept(doc);
    }

    in->pos -= s.len;
    percentage(in);

    json_decref(doc);
    json_decref(body);
    json_decref(data);
}
