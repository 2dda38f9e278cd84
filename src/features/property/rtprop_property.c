/*
 * {"format":1, "title":..., "status":..., "price":..., "agent_id":...,
 *  "wishlist_today":..., "viewings_this_week":..., "updated_at":ms or null,
 *  "extra":{...}, "latest":{"open_house_scheduled":{...}, ...}}
 *
 * What is not known is null.
 */

#include "features/property/rtprop_property.h"

#include "base/rtprop_json.h"
#include "base/rtprop_payload.h"
#include "features/property/rtprop_property_fields.h"


#define RTPROP_PROPERTY_FORMAT  1
#define RTPROP_PROPERTY_DEPTH   32
#define RTPROP_PROPERTY_PREFIX  "property:"


typedef int (*rtprop_property_apply_pt)(json_t *doc, const rtprop_str_t *id,
    const json_t *data, int64_t now, rtprop_property_event_t *event,
    rtprop_invalid_t *why);

typedef struct {
    const char                *type;
    rtprop_property_apply_pt   apply;
} rtprop_property_broadcast_t;


static int rtprop_property_valid(const json_t *doc);
static json_t *rtprop_property_resource(const json_t *doc, const json_t *body,
    rtprop_invalid_t *why);
static int rtprop_property_apply_status(json_t *doc, const rtprop_str_t *id,
    const json_t *data, int64_t now, rtprop_property_event_t *event,
    rtprop_invalid_t *why);
static int rtprop_property_apply_price(json_t *doc, const rtprop_str_t *id,
    const json_t *data, int64_t now, rtprop_property_event_t *event,
    rtprop_invalid_t *why);
static int rtprop_property_apply_activity(json_t *doc, const rtprop_str_t *id,
    const json_t *data, int64_t now, rtprop_property_event_t *event,
    rtprop_invalid_t *why);
static int rtprop_property_apply_news(json_t *doc, const rtprop_str_t *id,
    const json_t *data, int64_t now, rtprop_property_event_t *event,
    rtprop_invalid_t *why);
static int rtprop_property_merge(json_t *doc, json_t *fresh, int64_t now);


static const rtprop_property_broadcast_t  rtprop_property_broadcasts[] = {
    { "property:status_changed",         rtprop_property_apply_status },
    { "property:price_updated",          rtprop_property_apply_price },
    { "property:activity_update",        rtprop_property_apply_activity },
    { "property:new_photos_added",       rtprop_property_apply_news },
    { "property:open_house_scheduled",   rtprop_property_apply_news },
    { "property:property_featured",      rtprop_property_apply_news },
    { "property:virtual_tour_available", rtprop_property_apply_news },
    { NULL, NULL }
};


json_t *
rtprop_property_create(void)
{
    return json_pack("{si, sn, sn, sn, sn, sn, sn, sn, s{}, s{}}",
                     "format", RTPROP_PROPERTY_FORMAT,
                     "title", "status", "price", "agent_id",
                     "wishlist_today", "viewings_this_week", "updated_at",
                     "extra", "latest");
}


json_t *
rtprop_property_parse(const char *text, size_t len)
{
    json_t      *doc;
    const char  *err;

    doc = rtprop_json_load((const unsigned char *) text, len,
                           RTPROP_PROPERTY_DEPTH + 4, &err);

    if (doc && !rtprop_property_valid(doc)) {
        json_decref(doc);
        return NULL;
    }

    return doc;
}


static int
rtprop_property_valid(const json_t *doc)
{
    int64_t       n;
    rtprop_str_t  s;

    return json_integer_value(json_object_get(doc, "format"))
           == RTPROP_PROPERTY_FORMAT
           && json_is_object(json_object_get(doc, "extra"))
           && json_is_object(json_object_get(doc, "latest"))
           && rtprop_json_get_string(doc, "title", &s) != RTPROP_ERROR
           && rtprop_json_get_string(doc, "agent_id", &s) != RTPROP_ERROR
           && rtprop_json_get_string(doc, "status", &s) != RTPROP_ERROR
           && rtprop_json_get_int(doc, "price", &n) != RTPROP_ERROR
           && rtprop_json_get_int(doc, "wishlist_today", &n) != RTPROP_ERROR
           && rtprop_json_get_int(doc, "viewings_this_week", &n)
              != RTPROP_ERROR
           && rtprop_json_get_int(doc, "updated_at", &n) != RTPROP_ERROR;
}


int
rtprop_property_status(const rtprop_str_t *word)
{
    size_t  i;

    static const char  *words[] = {
        "available", "under_offer", "sold", "rented", "withdrawn"
    };

    for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (rtprop_str_eq(word, words[i], strlen(words[i]))) {
            return 1;
        }
    }

    return 0;
}


int
rtprop_property_replace(json_t *doc, const rtprop_str_t *id,
    const json_t *body, int64_t now,
    rtprop_property_event_t events[RTPROP_PROPERTY_EVENTS], unsigned *n,
    rtprop_invalid_t *why)
{
    int       rc;
    json_t   *fresh, *status, *price;

    *n = 0;

    fresh = rtprop_property_resource(doc, body, why);
    if (fresh == NULL) {
        return RTPROP_ERROR;
    }

    status = rtprop_payload_member(doc, "status");
    price = rtprop_payload_member(doc, "price");

    rc = rtprop_property_merge(doc, fresh, now);

    if (rc == RTPROP_OK && json_is_string(status)
        && !json_equal(status, json_object_get(doc, "status")))
    {
        events[*n].type = "property:status_changed";
        events[(*n)++].payload = rtprop_property_status_payload(doc, id,
                                                                status, now);
    }

    if (rc == RTPROP_OK && json_is_integer(price)
        && !json_equal(price, json_object_get(doc, "price")))
    {
        events[*n].type = "property:price_updated";
        events[(*n)++].payload = rtprop_property_price_payload(doc, id, price,
                                                               now);
    }

    json_decref(status);
    json_decref(price);

    return rc;
}


/* Checks a body and makes the members that come in place of the document's. */

static json_t *
rtprop_property_resource(const json_t *doc, const json_t *body,
    rtprop_invalid_t *why)
{
    int      rc;
    json_t  *fresh;

    why->field = NULL;

    fresh = json_object();

    rc = rtprop_property_title(fresh, body, why);

    if (rc == RTPROP_DECLINED) {
        why->field = "title";
        why->message = "title is missing";
    }

    if (rc != RTPROP_OK
        || rtprop_property_word(fresh, body, "status", "status", why)
           != RTPROP_OK
        || rtprop_property_integer(fresh, body, "price", "price", why)
           != RTPROP_OK
        || rtprop_property_agent_id(fresh, body, why) != RTPROP_OK
        || rtprop_property_integer(fresh, body, "wishlist_today",
                                   "wishlist_today", why) == RTPROP_ERROR
        || rtprop_property_integer(fresh, body, "viewings_this_week",
                                   "viewings_this_week", why) == RTPROP_ERROR
        || rtprop_property_extra(fresh, body, why) != RTPROP_OK)
    {
        json_decref(fresh);
        return NULL;
    }

    return fresh;
}


int
rtprop_property_broadcast(json_t *doc, const rtprop_str_t *id,
    const rtprop_str_t *name, const json_t *data, int64_t now,
    rtprop_property_event_t *event, rtprop_invalid_t *why)
{
    const char                         *type;
    const rtprop_property_broadcast_t  *b;

    event->payload = NULL;

    for (b = rtprop_property_broadcasts; b->type; b++) {
        type = b->type;

        if (!rtprop_str_eq(name, type, strlen(type))) {
            type += sizeof(RTPROP_PROPERTY_PREFIX) - 1;
        }

        if (rtprop_str_eq(name, type, strlen(type))) {
            event->type = b->type;
            why->field = NULL;
            return b->apply(doc, id, data, now, event, why);
        }
    }

    why->field = "event";
    why->message = "this event of a property is not known";

    return RTPROP_DECLINED;
}


static int
rtprop_property_apply_status(json_t *doc, const rtprop_str_t *id,
    const json_t *data, int64_t now, rtprop_property_event_t *event,
    rtprop_invalid_t *why)
{
    int      rc;
    json_t  *fresh, *old;

    fresh = json_object();
    old = json_object();

    rc = RTPROP_ERROR;

    if (rtprop_property_word(old, data, "old_status", "status", why)
        != RTPROP_ERROR
        && rtprop_property_title(fresh, data, why) != RTPROP_ERROR
        && rtprop_property_word(fresh, data, "new_status", "status", why)
           == RTPROP_OK)
    {
        why->field = NULL;

        if (json_object_size(old) == 0) {
            json_object_set_new(old, "status",
                                rtprop_payload_member(doc, "status"));
        }

        rc = rtprop_property_merge(doc, json_incref(fresh), now);
    }

    if (rc == RTPROP_OK) {
        event->payload = rtprop_property_status_payload(doc, id,
                                         json_object_get(old, "status"), now);
        rc = event->payload ? RTPROP_OK : RTPROP_ERROR;
    }

    json_decref(fresh);
    json_decref(old);

    return rc;
}


static int
rtprop_property_apply_price(json_t *doc, const rtprop_str_t *id,
    const json_t *data, int64_t now, rtprop_property_event_t *event,
    rtprop_invalid_t *why)
{
    int      rc;
    json_t  *fresh, *old;

    fresh = json_object();
    old = json_object();

    rc = RTPROP_ERROR;

    if (rtprop_property_integer(old, data, "old_price", "price", why)
        != RTPROP_ERROR
        && rtprop_property_title(fresh, data, why) != RTPROP_ERROR
        && rtprop_property_integer(fresh, data, "new_price", "price", why)
           == RTPROP_OK)
    {
        why->field = NULL;

        if (json_object_size(old) == 0) {
            json_object_set_new(old, "price",
                                rtprop_payload_member(doc, "price"));
        }

        rc = rtprop_property_merge(doc, json_incref(fresh), now);
    }

    if (rc == RTPROP_OK) {
        event->payload = rtprop_property_price_payload(doc, id,
                                          json_object_get(old, "price"), now);
        rc = event->payload ? RTPROP_OK : RTPROP_ERROR;
    }

    json_decref(fresh);
    json_decref(old);

    return rc;
}


static int
rtprop_property_apply_activity(json_t *doc, const rtprop_str_t *id,
    const json_t *data, int64_t now, rtprop_property_event_t *event,
    rtprop_invalid_t *why)
{
    json_t  *fresh;

    fresh = json_object();

    if (rtprop_property_integer(fresh, data, "viewings_this_week",
                                "viewings_this_week", why) == RTPROP_ERROR
        || rtprop_property_integer(fresh, data, "wishlist_today",
                                   "wishlist_today", why) == RTPROP_ERROR
        || json_object_size(fresh) == 0)
    {
        json_decref(fresh);
        return RTPROP_ERROR;
    }

    why->field = NULL;

    if (rtprop_property_merge(doc, fresh, now) != RTPROP_OK) {
        return RTPROP_ERROR;
    }

    event->payload = json_pack("{so, so, so}",
                               "property_id", rtprop_payload_str(id),
                               "wishlist_today",
                               rtprop_payload_member(doc, "wishlist_today"),
                               "viewings_this_week",
                               rtprop_payload_member(doc,
                                                   "viewings_this_week"));

    return event->payload ? RTPROP_OK : RTPROP_ERROR;
}


static int
rtprop_property_apply_news(json_t *doc, const rtprop_str_t *id,
    const json_t *data, int64_t now, rtprop_property_event_t *event,
    rtprop_invalid_t *why)
{
    int          rc;
    void        *iter;
    json_t      *payload, *latest;
    const char  *key;

    payload = json_pack("{so}", "property_id", rtprop_payload_str(id));

    for (iter = json_object_iter((json_t *) data);
         iter;
         iter = json_object_iter_next((json_t *) data, iter))
    {
        key = json_object_iter_key(iter);

        if (strcmp(key, "property_id") != 0 && strcmp(key, "propertyId") != 0
            && strcmp(key, "event") != 0 && strcmp(key, "updatedAt") != 0)
        {
            json_object_set(payload, key, json_object_iter_value(iter));
        }
    }

    rc = json_object_set_new(payload, "updated_at", rtprop_payload_time(now));

    latest = json_object_get(doc, "latest");
    key = event->type + sizeof(RTPROP_PROPERTY_PREFIX) - 1;

    if (rtprop_property_size(payload) <= RTPROP_PROPERTY_NEWS_SIZE) {
        rc |= json_object_set(latest, key, payload);

    } else {
        json_object_del(latest, key);
    }

    if (rc != 0) {
        json_decref(payload);
        return RTPROP_ERROR;
    }

    event->payload = payload;

    return rtprop_property_merge(doc, json_object(), now);
}


/* Takes the fresh members, whose reference is taken over, into doc. */

static int
rtprop_property_merge(json_t *doc, json_t *fresh, int64_t now)
{
    int  rc;

    rc = json_object_update(doc, fresh);
    rc |= json_object_set_new(doc, "updated_at", json_integer(now));

    json_decref(fresh);

    return rc == 0 ? RTPROP_OK : RTPROP_ERROR;
}
