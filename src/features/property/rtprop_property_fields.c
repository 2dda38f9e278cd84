/*
 * The members that a body may have: each is checked and put where it shall be
 * kept.
 */

#include "features/property/rtprop_property_fields.h"

#include <stdlib.h>

#include "base/rtprop_json.h"
#include "base/rtprop_payload.h"


static int rtprop_property_put(json_t *fresh, const char *as, json_t *value);
static int rtprop_property_bad(int rc, const char *field, const char *message,
    rtprop_invalid_t *why);
static int rtprop_property_own_key(const char *key);


int
rtprop_property_title(json_t *fresh, const json_t *body,
    rtprop_invalid_t *why)
{
    int           rc;
    rtprop_str_t  title;

    rc = rtprop_json_get_string(body, "title", &title);

    if (rc == RTPROP_OK && title.len
        && title.len <= RTPROP_PROPERTY_TITLE_LEN)
    {
        return rtprop_property_put(fresh, "title", rtprop_payload_str(&title));
    }

    return rtprop_property_bad(rc, "title",
                               "title must be a text of 1 to 1000 bytes", why);
}


int
rtprop_property_word(json_t *fresh, const json_t *body, const char *key,
    const char *as, rtprop_invalid_t *why)
{
    int           rc;
    rtprop_str_t  word;

    rc = rtprop_json_get_string(body, key, &word);

    if (rc == RTPROP_OK && rtprop_property_status(&word)) {
        return rtprop_property_put(fresh, as, rtprop_payload_str(&word));
    }

    return rtprop_property_bad(rc, key, "the status must be available, "
                               "under_offer, sold, rented or withdrawn", why);
}


int
rtprop_property_integer(json_t *fresh, const json_t *body, const char *key,
    const char *as, rtprop_invalid_t *why)
{
    int      rc;
    int64_t  n;

    rc = rtprop_json_get_int(body, key, &n);

    if (rc == RTPROP_OK && n >= 0) {
        return rtprop_property_put(fresh, as, json_integer(n));
    }

    return rtprop_property_bad(rc, key, "the value must be an integer, 0 to "
                               "9007199254740991", why);
}


int
rtprop_property_agent_id(json_t *fresh, const json_t *body,
    rtprop_invalid_t *why)
{
    int            rc;
    json_t        *value;
    rtprop_str_t   agent;
    unsigned char  buf[RTPROP_JSON_INT_LEN];

    rc = rtprop_json_get_id(body, "agent_id", &agent, buf);

    if (rc == RTPROP_ERROR) {
        why->field = "agent_id";
        why->message = "agent_id must be an id";
        return RTPROP_ERROR;
    }

    value = (rc == RTPROP_OK) ? rtprop_payload_str(&agent) : json_null();

    return rtprop_property_put(fresh, "agent_id", value);
}


int
rtprop_property_extra(json_t *fresh, const json_t *body,
    rtprop_invalid_t *why)
{
    void        *iter;
    json_t      *extra;
    const char  *key;

    extra = json_object();

    for (iter = json_object_iter((json_t *) body);
         iter;
         iter = json_object_iter_next((json_t *) body, iter))
    {
        key = json_object_iter_key(iter);

        if (!rtprop_property_own_key(key)) {
            json_object_set(extra, key, json_object_iter_value(iter));
        }
    }

    if (rtprop_property_size(extra) > RTPROP_PROPERTY_SIZE) {
        why->field = "";
        why->message = "the other members are more than 32768 bytes";
        json_decref(extra);
        return RTPROP_ERROR;
    }

    return rtprop_property_put(fresh, "extra", extra);
}


/* Takes over the value, also when there is no memory for it. */

static int
rtprop_property_put(json_t *fresh, const char *as, json_t *value)
{
    return json_object_set_new(fresh, as, value) == 0 ? RTPROP_OK
                                                      : RTPROP_ERROR;
}


/* What is not there is no fault of its own: the caller knows what it needs. */

static int
rtprop_property_bad(int rc, const char *field, const char *message,
    rtprop_invalid_t *why)
{
    why->field = field;
    why->message = message;

    return rc == RTPROP_DECLINED ? RTPROP_DECLINED : RTPROP_ERROR;
}


/* The members that this module knows, in either spelling. */

static int
rtprop_property_own_key(const char *key)
{
    size_t  i;

    static const char  *keys[] = {
        "id", "title", "status", "price", "version", "latest",
        "property_id", "propertyId", "agent_id", "agentId",
        "viewer_count", "viewerCount", "wishlist_today", "wishlistToday",
        "viewings_this_week", "viewingsThisWeek", "updated_at", "updatedAt"
    };

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(key, keys[i]) == 0) {
            return 1;
        }
    }

    return 0;
}


size_t
rtprop_property_size(const json_t *value)
{
    rtprop_str_t  text;

    if (rtprop_json_dump(value, &text) != RTPROP_OK) {
        return (size_t) -1;
    }

    free(text.data);

    return text.len;
}
