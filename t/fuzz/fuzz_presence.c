/*
 * Agents: a document that was kept, and what happens to an agent.
 *
 * Input: a text ended by a NUL: the document; then octets of actions.
 */

#include "t/fuzz/fuzz.h"

#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "base/rtprop_time.c"
#include "features/presence/rtprop_presence.c"


#define NOW  1772359200000LL


static void
kept(const json_t *doc, int64_t now)
{
    int            connected;
    json_t        *again, *payload;
    int64_t        minutes;
    const char    *status;
    rtprop_str_t   text, id;

    if (rtprop_json_dump(doc, &text) != RTPROP_OK) {
        must(0, "a document is written");
        return;
    }

    again = rtprop_presence_parse((char *) text.data, text.len);
    must(again != NULL && json_equal(again, doc), "and read to the same");
    json_decref(again);
    free(text.data);

    minutes = rtprop_presence_reply_minutes(doc);
    must(minutes >= -1 && minutes <= RTPROP_PRESENCE_REPLY_MAX / 60000,
         "a median");

    id.data = (unsigned char *) "a1";
    id.len = 2;

    for (connected = 0; connected < 2; connected++) {
        payload = rtprop_presence_status_payload(doc, &id, connected, now);
        must(json_object_size(payload) == 6, "a status is shown");

        status = json_string_value(json_object_get(payload, "status"));
        must(connected || (status && strcmp(status, "offline") == 0),
             "who is away is offline");

        json_decref(payload);
    }
}


/* A value that is sent: whatever JSON the rest of a text is. */

static json_t *
sent(fuzz_input_t *in)
{
    const char    *err;
    rtprop_str_t   s;

    s = fuzz_text(in, fuzz_byte(in));

    return rtprop_json_load(s.data, s.len, 4, &err);
}


static void
say(json_t *doc, unsigned status, fuzz_input_t *in)
{
    int                rc;
    json_t            *estimated, *before;
    rtprop_invalid_t   why;

    memset(&why, 0, sizeof(why));
    before = json_deep_copy(doc);
    estimated = sent(in);

    rc = rtprop_presence_say(doc, status, estimated, &why);

    must(rc == RTPROP_OK || json_equal(before, doc), "nothing has changed");
    must(rc != RTPROP_ERROR || (why.field && why.message),
         "an error says what");
    must(rc == RTPROP_ERROR || rtprop_presence_status(doc, 1) == status,
         "what was said is shown");

    json_decref(before);
    json_decref(estimated);
}


static void
properties(json_t *doc, fuzz_input_t *in)
{
    int            yes;
    size_t         i, n;
    char           text[8];
    json_t        *all;
    rtprop_str_t   ids[8];

    n = fuzz_byte(in);
    yes = n >> 3 & 1;
    n &= 7;

    for (i = 0; i < n; i++) {
        ids[i].len = (size_t) sprintf(text, "p%u", fuzz_byte(in) & 7);
        ids[i].data = fuzz_copy(text, ids[i].len);
    }

    must(rtprop_presence_properties(doc, ids, n) != RTPROP_ERROR, "taken in");
    must(rtprop_presence_properties(doc, ids, n) == RTPROP_AGAIN, "once");

    if (n) {
        must(rtprop_presence_assign(doc, &ids[0], yes) != RTPROP_ERROR,
             "assigned, or not");
        must(rtprop_presence_assign(doc, &ids[0], yes) == RTPROP_AGAIN
             || !yes, "once");
    }

    all = rtprop_presence_property_ids(doc);
    must(json_array_size(all) >= json_array_size(json_object_get(doc,
                                                     "property_ids")),
         "all of them");
    json_decref(all);
}


static int64_t
step(json_t *doc, int64_t now, fuzz_input_t *in)
{
    int64_t   waited;
    unsigned  what;

    what = fuzz_byte(in);

    switch (what & 3) {

    case 0:
        now += (int64_t) fuzz_number(in, 2);
        must(rtprop_presence_seen(doc, what >> 2 & 1, now) == RTPROP_OK,
             "seen");
        break;

    case 1:
        say(doc, (what >> 2) % 3, in);
        break;

    case 2:
        properties(doc, in);
        break;

    case 3:
        waited = (int64_t) fuzz_number(in, 5) - 1000;
        must((rtprop_presence_replied(doc, waited) == RTPROP_OK)
             == (waited >= 0 && waited <= RTPROP_PRESENCE_REPLY_MAX),
             "an answer within a week counts");
        break;
    }

    return now;
}


static void
fuzz_one(fuzz_input_t *in)
{
    json_t        *doc;
    int64_t        now;
    unsigned       i;
    rtprop_str_t   s;

    s = fuzz_until(in, '\0');
    doc = rtprop_presence_parse((char *) s.data, s.len);

    if (doc == NULL) {
        doc = rtprop_presence_create();
    }

    if (doc == NULL) {
        return;
    }

    now = NOW;
    kept(doc, now);

    for (i = 0; i < 48 && fuzz_left(in); i++) {
        now = step(doc, now, in);
    }

    kept(doc, now);

    json_decref(doc);
}
