/*
 * What the host asks to be notified, read and checked.
 */


#include "features/notification/rtprop_notification.h"

#include <stdlib.h>

#include "base/rtprop_json.h"
#include "base/rtprop_payload.h"
#include "base/rtprop_time.h"
#include "base/rtprop_url.h"
#include "base/rtprop_utf8.h"
#include "features/notification/rtprop_notification_kind.h"


static json_t *rtprop_notification_text(const json_t *request,
    const char *key, const char *text, size_t max, rtprop_invalid_t *why);
static json_t *rtprop_notification_data(const json_t *request,
    rtprop_invalid_t *why);
static json_t *rtprop_notification_actions(const json_t *request,
    rtprop_invalid_t *why);
static json_t *rtprop_notification_action(const json_t *item);
static int rtprop_notification_user(json_t *users, json_t *seen,
    const json_t *item);


json_t *
rtprop_notification_make(const rtprop_str_t *id, const json_t *request,
    int64_t now, rtprop_invalid_t *why)
{
    json_t                            *title, *body, *data, *actions;
    rtprop_str_t                       name;
    const rtprop_notification_kind_t  *kind;

    if (rtprop_json_get_string(request, "kind", &name) != RTPROP_OK
        || !rtprop_json_id_valid(name.data, name.len))
    {
        why->field = "kind";
        why->message = "kind must be a word";
        return NULL;
    }

    kind = rtprop_notification_kind(&name);

    title = NULL;
    body = NULL;
    actions = NULL;

    data = rtprop_notification_data(request, why);

    if (data) {
        title = rtprop_notification_text(request, "title", kind->title,
                                         RTPROP_NOTIFICATION_TITLE, why);
    }

    if (title) {
        body = rtprop_notification_text(request, "body",
                                        kind->body ? kind->body : "",
                                        RTPROP_NOTIFICATION_BODY, why);
    }

    if (body) {
        actions = rtprop_notification_actions(request, why);
    }

    if (actions == NULL) {
        json_decref(data);
        json_decref(title);
        json_decref(body);
        return NULL;
    }

    why->field = NULL;

    return json_pack("{so, so, ss, ss, so, so, so, so, so, sn}",
                     "id", rtprop_payload_str(id),
                     "kind", rtprop_payload_str(&name),
                     "category", kind->category,
                     "priority", kind->priority,
                     "title", title,
                     "body", body,
                     "data", data,
                     "actions", actions,
                     "created_at", rtprop_payload_time(now),
                     "read_at");
}


/* The text that is given, or else what the template makes of the data. */

static json_t *
rtprop_notification_text(const json_t *request, const char *key,
    const char *text, size_t max, rtprop_invalid_t *why)
{
    int           rc;
    rtprop_str_t  s;

    why->field = key;
    why->message = max == RTPROP_NOTIFICATION_TITLE
                   ? "title must be a text of 1 to 200 characters"
                   : "body must be a text of up to 2000 characters";

    rc = rtprop_json_get_string(request, key, &s);

    if (rc == RTPROP_OK && s.len) {
        return rtprop_utf8_length(s.data, s.len) <= max
               ? rtprop_payload_str(&s) : NULL;
    }

    if (rc == RTPROP_ERROR || text == NULL) {
        return NULL;
    }

    return rtprop_notification_fill(text, rtprop_json_get(request, "data"),
                                    max);
}


static json_t *
rtprop_notification_data(const json_t *request, rtprop_invalid_t *why)
{
    size_t         len;
    json_t        *data;
    rtprop_str_t   text;

    data = rtprop_json_get(request, "data");

    if (data == NULL || json_is_null(data)) {
        why->field = NULL;
        return json_object();
    }

    why->field = "data";
    why->message = "data must be an object of up to 4096 bytes";

    if (!json_is_object(data)
        || rtprop_json_dump(data, &text) != RTPROP_OK)
    {
        return NULL;
    }

    len = text.len;
    free(text.data);

    return len <= RTPROP_NOTIFICATION_DATA ? json_incref(data) : NULL;
}


static json_t *
rtprop_notification_actions(const json_t *request, rtprop_invalid_t *why)
{
    size_t   i;
    json_t  *list, *actions, *item;

    list = rtprop_json_get(request, "actions");

    why->field = "actions";
    why->message = "actions must be up to 5 of {label, url}, with a http, "
                   "https or local url";

    if (list && !json_is_null(list)
        && (!json_is_array(list)
            || json_array_size(list) > RTPROP_NOTIFICATION_ACTIONS))
    {
        return NULL;
    }

    actions = json_array();

    json_array_foreach (list, i, item) {
        if (json_array_append_new(actions, rtprop_notification_action(item))
            != 0)
        {
            json_decref(actions);
            return NULL;
        }
    }

    return actions;
}


static json_t *
rtprop_notification_action(const json_t *item)
{
    rtprop_str_t  label, url;

    if (rtprop_json_get_string(item, "label", &label) != RTPROP_OK
        || rtprop_json_get_string(item, "url", &url) != RTPROP_OK
        || label.len == 0
        || rtprop_utf8_length(label.data, label.len)
           > RTPROP_NOTIFICATION_LABEL
        || !rtprop_url_safe(url.data, url.len))
    {
        return NULL;
    }

    return json_pack("{so, so}", "label", rtprop_payload_str(&label),
                     "url", rtprop_payload_str(&url));
}


json_t *
rtprop_notification_users(const json_t *request, rtprop_invalid_t *why)
{
    int      rc;
    size_t   i;
    json_t  *one, *many, *item, *users, *seen;

    one = rtprop_json_get(request, "user_id");
    many = rtprop_json_get(request, "user_ids");

    why->field = "user_id";
    why->message = "either user_id or user_ids is needed, up to 1000 ids";

    if ((one == NULL) == (many == NULL)) {
        return NULL;
    }

    users = json_array();
    seen = json_object();

    if (one) {
        rc = rtprop_notification_user(users, seen, one);

    } else {
        why->field = "user_ids";

        rc = json_is_array(many) && json_array_size(many)
             && json_array_size(many) <= RTPROP_NOTIFICATION_USERS
             ? RTPROP_OK : RTPROP_ERROR;

        for (i = 0; rc == RTPROP_OK && i < json_array_size(many); i++) {
            item = json_array_get(many, i);
            rc = rtprop_notification_user(users, seen, item);
        }
    }

    json_decref(seen);

    if (rc != RTPROP_OK) {
        json_decref(users);
        return NULL;
    }

    why->field = NULL;

    return users;
}


/* Adds a user who is not among those seen. */

static int
rtprop_notification_user(json_t *users, json_t *seen, const json_t *item)
{
    json_t         *user;
    rtprop_str_t    id;
    unsigned char   buf[RTPROP_JSON_INT_LEN];

    if (rtprop_json_id(item, &id, buf) != RTPROP_OK) {
        return RTPROP_ERROR;
    }

    user = rtprop_payload_str(&id);

    if (user && json_object_get(seen, json_string_value(user))) {
        json_decref(user);
        return RTPROP_OK;
    }

    if (json_array_append_new(users, user) != 0) {
        return RTPROP_ERROR;
    }

    return json_object_set_new(seen, json_string_value(user), json_true()) == 0
           ? RTPROP_OK : RTPROP_ERROR;
}


int
rtprop_notification_deliver_at(const json_t *request, int64_t now,
    int64_t *at, rtprop_invalid_t *why)
{
    int           rc;
    rtprop_str_t  text;

    why->field = NULL;
    *at = 0;

    rc = rtprop_json_get_string(request, "deliver_at", &text);

    if (rc == RTPROP_DECLINED) {
        return RTPROP_OK;
    }

    rc = (rc == RTPROP_OK) ? rtprop_time_parse(text.data, text.len, at)
                           : rtprop_json_get_int(request, "deliver_at", at);

    if (rc != RTPROP_OK) {
        why->field = "deliver_at";
        why->message = "deliver_at must be a text like 2026-01-31T12:00:00Z, "
                       "or ms";
        return RTPROP_ERROR;
    }

    if (*at <= now) {
        *at = 0;
    }

    return RTPROP_OK;
}
