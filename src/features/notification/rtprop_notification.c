/*
 * {"format":1, "items":[{id, kind, ...}, ...]}, newest first, each item as
 * clients see it.
 */


#include "features/notification/rtprop_notification.h"

#include <stdlib.h>

#include "base/rtprop_json.h"
#include "base/rtprop_payload.h"
#include "base/rtprop_time.h"


#define RTPROP_NOTIFICATION_FORMAT  1
#define RTPROP_NOTIFICATION_DEPTH   32


static int rtprop_notification_valid(const json_t *doc);
static json_t *rtprop_notification_items(const json_t *doc);
static json_t *rtprop_notification_find(const json_t *doc,
    const rtprop_str_t *id, size_t *place);
static size_t rtprop_notification_from(const json_t *doc,
    const rtprop_str_t *before);


json_t *
rtprop_notification_create(void)
{
    return json_pack("{si, s[]}", "format", RTPROP_NOTIFICATION_FORMAT,
                     "items");
}


json_t *
rtprop_notification_parse(const char *text, size_t len)
{
    json_t      *doc;
    const char  *err;

    doc = rtprop_json_load((const unsigned char *) text, len,
                           RTPROP_NOTIFICATION_DEPTH + 4, &err);

    if (doc && !rtprop_notification_valid(doc)) {
        json_decref(doc);
        return NULL;
    }

    return doc;
}


static int
rtprop_notification_valid(const json_t *doc)
{
    size_t        i;
    json_t       *items, *item;
    rtprop_str_t  id, at;

    items = rtprop_notification_items(doc);

    if (json_integer_value(json_object_get(doc, "format"))
        != RTPROP_NOTIFICATION_FORMAT
        || !json_is_array(items)
        || json_array_size(items) > RTPROP_NOTIFICATION_KEPT)
    {
        return 0;
    }

    json_array_foreach (items, i, item) {
        if (rtprop_json_get_string(item, "id", &id) != RTPROP_OK
            || rtprop_json_get_string(item, "created_at", &at) != RTPROP_OK
            || rtprop_json_get_string(item, "read_at", &at) == RTPROP_ERROR)
        {
            return 0;
        }
    }

    return 1;
}


int
rtprop_notification_dump(json_t *doc, rtprop_str_t *text)
{
    size_t   n;
    json_t  *items;

    items = rtprop_notification_items(doc);

    for ( ;; ) {

        if (rtprop_json_dump(doc, text) != RTPROP_OK) {
            return RTPROP_ERROR;
        }

        n = json_array_size(items);

        if (text->len <= RTPROP_NOTIFICATION_SIZE || n <= 1) {
            return RTPROP_OK;
        }

        free(text->data);

        /* an eighth at a time, so that this is not done for each one */

        for (n = n / 8 + 1; n; n--) {
            json_array_remove(items, json_array_size(items) - 1);
        }
    }
}


int
rtprop_notification_add(json_t *doc, json_t *notification)
{
    size_t        place;
    json_t       *items;
    rtprop_str_t  id;

    items = rtprop_notification_items(doc);

    if (rtprop_json_get_string(notification, "id", &id) != RTPROP_OK) {
        return RTPROP_ERROR;
    }

    if (rtprop_notification_find(doc, &id, &place)) {
        return RTPROP_AGAIN;
    }

    if (json_array_insert(items, 0, notification) != 0) {
        return RTPROP_ERROR;
    }

    while (json_array_size(items) > RTPROP_NOTIFICATION_KEPT) {
        json_array_remove(items, RTPROP_NOTIFICATION_KEPT);
    }

    return RTPROP_OK;
}


int
rtprop_notification_read(json_t *doc, const rtprop_str_t *id, int64_t now)
{
    size_t   place;
    json_t  *item;

    item = rtprop_notification_find(doc, id, &place);
    if (item == NULL) {
        return RTPROP_DECLINED;
    }

    if (json_is_string(json_object_get(item, "read_at"))) {
        return RTPROP_AGAIN;
    }

    return json_object_set_new(item, "read_at", rtprop_payload_time(now)) == 0
           ? RTPROP_OK : RTPROP_ERROR;
}


int
rtprop_notification_read_all(json_t *doc, int64_t now)
{
    int      rc;
    size_t   i;
    json_t  *item;

    rc = RTPROP_AGAIN;

    json_array_foreach (rtprop_notification_items(doc), i, item) {

        if (json_is_string(json_object_get(item, "read_at"))) {
            continue;
        }

        if (json_object_set_new(item, "read_at", rtprop_payload_time(now))
            != 0)
        {
            return RTPROP_ERROR;
        }

        rc = RTPROP_OK;
    }

    return rc;
}


unsigned
rtprop_notification_unread(const json_t *doc)
{
    size_t     i;
    json_t    *item;
    unsigned   n;

    n = 0;

    json_array_foreach (rtprop_notification_items(doc), i, item) {
        n += !json_is_string(json_object_get(item, "read_at"));
    }

    return n;
}


json_t *
rtprop_notification_list_payload(const json_t *doc,
    const rtprop_str_t *before, int64_t limit)
{
    size_t   i, end, n;
    json_t  *items, *list;

    items = rtprop_notification_items(doc);
    n = json_array_size(items);

    if (limit == 0) {
        limit = RTPROP_NOTIFICATION_LIST;
    }

    limit = limit < 1 ? 1 : limit;
    limit = limit < RTPROP_NOTIFICATION_LIST_MAX
            ? limit : RTPROP_NOTIFICATION_LIST_MAX;

    i = rtprop_notification_from(doc, before);
    end = i + (size_t) limit;

    list = json_array();

    for ( ; i < n && i < end; i++) {
        if (json_array_append(list, json_array_get(items, i)) != 0) {
            json_decref(list);
            return NULL;
        }
    }

    return json_pack("{so, si}", "notifications", list,
                     "unread_count", (int) rtprop_notification_unread(doc));
}


/* The place of the newest one that is older than "before". */

static size_t
rtprop_notification_from(const json_t *doc, const rtprop_str_t *before)
{
    size_t        i;
    json_t       *items, *item;
    int64_t       at, time;
    rtprop_str_t  s;

    items = rtprop_notification_items(doc);

    if (before->len == 0) {
        return 0;
    }

    if (rtprop_notification_find(doc, before, &i)) {
        return i + 1;
    }

    if (rtprop_time_parse(before->data, before->len, &at) != RTPROP_OK) {
        return json_array_size(items);
    }

    json_array_foreach (items, i, item) {
        if (rtprop_json_get_string(item, "created_at", &s) == RTPROP_OK
            && rtprop_time_parse(s.data, s.len, &time) == RTPROP_OK
            && time < at)
        {
            break;
        }
    }

    return i;
}


json_t *
rtprop_notification_unread_payload(const json_t *doc)
{
    return json_pack("{si}", "unread_count",
                     (int) rtprop_notification_unread(doc));
}


static json_t *
rtprop_notification_items(const json_t *doc)
{
    return json_object_get(doc, "items");
}


static json_t *
rtprop_notification_find(const json_t *doc, const rtprop_str_t *id,
    size_t *place)
{
    size_t   i;
    json_t  *item, *value;

    json_array_foreach (rtprop_notification_items(doc), i, item) {
        value = json_object_get(item, "id");

        if (rtprop_str_eq(id, json_string_value(value),
                          json_string_length(value)))
        {
            *place = i;
            return item;
        }
    }

    return NULL;
}
