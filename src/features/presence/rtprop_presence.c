/*
 * {"format":1, "said":"busy" or null, "estimated_available":... or null,
 *  "last_seen":ms or null, "property_ids":["p1", ...] as the token names
 *  them, "assigned":["p2", ...] as the properties do,
 *  "replies":[ms, ...]}, the newest reply last
 */


#include "features/presence/rtprop_presence.h"

#include <stdlib.h>

#include "base/rtprop_json.h"
#include "base/rtprop_payload.h"


#define RTPROP_PRESENCE_FORMAT  1
#define RTPROP_PRESENCE_DEPTH   4


static int rtprop_presence_valid(const json_t *doc);
static int rtprop_presence_valid_ids(const json_t *ids);
static size_t rtprop_presence_find(const json_t *ids, const rtprop_str_t *id);
static int rtprop_presence_estimate(const json_t *value,
    rtprop_invalid_t *why);
static int rtprop_presence_set(json_t *doc, const char *key, json_t *value);
static int rtprop_presence_compare(const void *one, const void *two);


static const char  *rtprop_presence_words[] = { "offline", "online", "busy" };


json_t *
rtprop_presence_create(void)
{
    return json_pack("{si, sn, sn, sn, s[], s[], s[]}",
                     "format", RTPROP_PRESENCE_FORMAT,
                     "said", "estimated_available", "last_seen",
                     "property_ids", "assigned", "replies");
}


json_t *
rtprop_presence_parse(const char *text, size_t len)
{
    json_t      *doc;
    const char  *err;

    doc = rtprop_json_load((const unsigned char *) text, len,
                           RTPROP_PRESENCE_DEPTH, &err);

    if (doc && !rtprop_presence_valid(doc)) {
        json_decref(doc);
        return NULL;
    }

    return doc;
}


static int
rtprop_presence_valid(const json_t *doc)
{
    size_t            i;
    json_t           *replies, *item;
    int64_t           n;
    rtprop_str_t      said;
    rtprop_invalid_t  why;

    replies = json_object_get(doc, "replies");

    if (json_integer_value(json_object_get(doc, "format"))
        != RTPROP_PRESENCE_FORMAT
        || rtprop_json_get_string(doc, "said", &said) == RTPROP_ERROR
        || rtprop_json_get_int(doc, "last_seen", &n) == RTPROP_ERROR
        || rtprop_presence_estimate(json_object_get(doc,
                                                    "estimated_available"),
                                    &why) != RTPROP_OK
        || !rtprop_presence_valid_ids(json_object_get(doc, "property_ids"))
        || !rtprop_presence_valid_ids(json_object_get(doc, "assigned"))
        || !json_is_array(replies)
        || json_array_size(replies) > RTPROP_PRESENCE_REPLIES)
    {
        return 0;
    }

    json_array_foreach (replies, i, item) {
        if (rtprop_json_int(item, &n) != RTPROP_OK || n < 0
            || n > RTPROP_PRESENCE_REPLY_MAX)
        {
            return 0;
        }
    }

    return 1;
}


static int
rtprop_presence_valid_ids(const json_t *ids)
{
    size_t   i;
    json_t  *item;

    if (!json_is_array(ids)
        || json_array_size(ids) > RTPROP_PRESENCE_PROPERTIES)
    {
        return 0;
    }

    json_array_foreach (ids, i, item) {
        if (!json_is_string(item)) {
            return 0;
        }
    }

    return 1;
}


int
rtprop_presence_say(json_t *doc, rtprop_presence_status_e status,
    json_t *estimated, rtprop_invalid_t *why)
{
    json_t  *said;

    why->field = NULL;

    if (status != RTPROP_PRESENCE_BUSY) {
        estimated = NULL;
    }

    if (rtprop_presence_estimate(estimated, why) != RTPROP_OK) {
        return RTPROP_ERROR;
    }

    said = status == RTPROP_PRESENCE_ONLINE
           ? json_null() : json_string(rtprop_presence_word(status));

    estimated = rtprop_payload_value(estimated);

    if (json_equal(said, json_object_get(doc, "said"))
        && json_equal(estimated, json_object_get(doc, "estimated_available")))
    {
        json_decref(said);
        json_decref(estimated);
        return RTPROP_AGAIN;
    }

    if (rtprop_presence_set(doc, "said", said) != RTPROP_OK) {
        json_decref(estimated);
        return RTPROP_ERROR;
    }

    return rtprop_presence_set(doc, "estimated_available", estimated);
}


static int
rtprop_presence_estimate(const json_t *value, rtprop_invalid_t *why)
{
    int64_t  n;

    if (value == NULL || json_is_null(value)
        || (json_is_string(value)
            && json_string_length(value) <= RTPROP_PRESENCE_ESTIMATE)
        || (json_is_integer(value)
            && rtprop_json_int(value, &n) == RTPROP_OK && n >= 0))
    {
        return RTPROP_OK;
    }

    why->field = "estimated_available";
    why->message = "estimated_available must be a text of up to 200 bytes or "
                   "a number";

    return RTPROP_ERROR;
}


int
rtprop_presence_seen(json_t *doc, int connected, int64_t now)
{
    int64_t            away;
    rtprop_invalid_t   why;

    away = now - json_integer_value(json_object_get(doc, "last_seen"));

    if (connected && away > RTPROP_PRESENCE_GRACE
        && rtprop_presence_say(doc, RTPROP_PRESENCE_ONLINE, NULL, &why)
           == RTPROP_ERROR)
    {
        return RTPROP_ERROR;
    }

    return rtprop_presence_set(doc, "last_seen", json_integer(now));
}


int
rtprop_presence_properties(json_t *doc, const rtprop_str_t *ids, size_t n)
{
    size_t   i;
    json_t  *list, *seen, *id;

    if (n == 0) {
        return RTPROP_AGAIN;
    }

    list = json_array();
    seen = json_object();

    for (i = 0; i < n; i++) {
        id = rtprop_payload_str(&ids[i]);

        if (json_array_size(list) == RTPROP_PRESENCE_PROPERTIES
            || json_object_get(seen, json_string_value(id)))
        {
            json_decref(id);
            continue;
        }

        json_object_set(seen, json_string_value(id), id);

        if (json_array_append_new(list, id) != 0) {
            json_decref(seen);
            json_decref(list);
            return RTPROP_ERROR;
        }
    }

    json_decref(seen);

    if (json_equal(list, json_object_get(doc, "property_ids"))) {
        json_decref(list);
        return RTPROP_AGAIN;
    }

    return rtprop_presence_set(doc, "property_ids", list);
}


int
rtprop_presence_assign(json_t *doc, const rtprop_str_t *id, int yes)
{
    int      rc;
    size_t   i, n;
    json_t  *ids;

    ids = json_object_get(doc, "assigned");
    n = json_array_size(ids);
    i = rtprop_presence_find(ids, id);

    if (yes) {
        if (i < n || n == RTPROP_PRESENCE_PROPERTIES) {
            return RTPROP_AGAIN;
        }

        rc = json_array_append_new(ids, rtprop_payload_str(id));

    } else {
        if (i == n) {
            return RTPROP_AGAIN;
        }

        rc = json_array_remove(ids, i);
    }

    return rc == 0 ? RTPROP_OK : RTPROP_ERROR;
}


/* The place of an id; the array's size if it is not there. */

static size_t
rtprop_presence_find(const json_t *ids, const rtprop_str_t *id)
{
    size_t   i;
    json_t  *item;

    json_array_foreach (ids, i, item) {
        if (json_string_length(item) == id->len
            && memcmp(json_string_value(item), id->data, id->len) == 0)
        {
            break;
        }
    }

    return i;
}


json_t *
rtprop_presence_property_ids(const json_t *doc)
{
    size_t   i;
    json_t  *list, *seen, *ids, *id;

    ids = json_object_get(doc, "property_ids");
    list = ids ? json_copy(ids) : json_array();
    seen = json_object();

    json_array_foreach (ids, i, id) {
        (void) json_object_set_new(seen, json_string_value(id), json_null());
    }

    json_array_foreach (json_object_get(doc, "assigned"), i, id) {
        if (json_object_get(seen, json_string_value(id)) == NULL) {
            (void) json_array_append(list, id);
        }
    }

    json_decref(seen);

    return list;
}


int
rtprop_presence_replied(json_t *doc, int64_t waited)
{
    json_t  *replies;

    if (waited < 0 || waited > RTPROP_PRESENCE_REPLY_MAX) {
        return RTPROP_AGAIN;
    }

    replies = json_object_get(doc, "replies");

    if (json_array_append_new(replies, json_integer(waited)) != 0) {
        return RTPROP_ERROR;
    }

    if (json_array_size(replies) > RTPROP_PRESENCE_REPLIES) {
        json_array_remove(replies, 0);
    }

    return RTPROP_OK;
}


int64_t
rtprop_presence_reply_minutes(const json_t *doc)
{
    size_t   i, n;
    json_t  *replies, *item;
    int64_t  times[RTPROP_PRESENCE_REPLIES], median;

    replies = json_object_get(doc, "replies");
    n = json_array_size(replies);

    if (n == 0) {
        return -1;
    }

    json_array_foreach (replies, i, item) {
        times[i] = json_integer_value(item);
    }

    qsort(times, n, sizeof(int64_t), rtprop_presence_compare);

    median = n % 2 ? times[n / 2] : (times[n / 2 - 1] + times[n / 2]) / 2;

    return median > 60000 ? (median + 59999) / 60000 : 1;
}


static int
rtprop_presence_compare(const void *one, const void *two)
{
    int64_t  a, b;

    a = *(const int64_t *) one;
    b = *(const int64_t *) two;

    return (a > b) - (a < b);
}


rtprop_presence_status_e
rtprop_presence_status(const json_t *doc, int connected)
{
    const char  *said;

    if (!connected) {
        return RTPROP_PRESENCE_OFFLINE;
    }

    said = json_string_value(json_object_get(doc, "said"));

    if (said && strcmp(said, "busy") == 0) {
        return RTPROP_PRESENCE_BUSY;
    }

    return said ? RTPROP_PRESENCE_OFFLINE : RTPROP_PRESENCE_ONLINE;
}


const char *
rtprop_presence_word(rtprop_presence_status_e status)
{
    return rtprop_presence_words[status];
}


json_t *
rtprop_presence_status_payload(const json_t *doc, const rtprop_str_t *agent,
    int connected, int64_t now)
{
    json_t                    *seen, *estimated;
    int64_t                    last_seen, minutes;
    rtprop_presence_status_e   status;

    status = rtprop_presence_status(doc, connected);

    seen = json_object_get(doc, "last_seen");
    estimated = json_object_get(doc, "estimated_available");
    minutes = doc ? rtprop_presence_reply_minutes(doc) : -1;

    last_seen = json_is_integer(seen) ? json_integer_value(seen) : -1;

    if (status != RTPROP_PRESENCE_OFFLINE) {
        last_seen = now;
    }

    if (status != RTPROP_PRESENCE_BUSY) {
        estimated = NULL;
    }

    return json_pack("{so, ss, so, so, so, so}",
                     "agent_id", rtprop_payload_str(agent),
                     "status", rtprop_presence_word(status),
                     "last_seen", rtprop_payload_time(last_seen),
                     "property_ids", rtprop_presence_property_ids(doc),
                     "estimated_available", rtprop_payload_value(estimated),
                     "typical_reply_minutes",
                     minutes < 0 ? json_null() : json_integer(minutes));
}


static int
rtprop_presence_set(json_t *doc, const char *key, json_t *value)
{
    return json_object_set_new(doc, key, value) == 0 ? RTPROP_OK
                                                     : RTPROP_ERROR;
}
