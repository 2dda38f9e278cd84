#include "features/property/rtprop_property.h"

#include "base/rtprop_payload.h"


static json_t *rtprop_property_shown(const json_t *doc,
    const rtprop_str_t *id);
static json_t *rtprop_property_shown_agent(const json_t *doc,
    json_t *status);


json_t *
rtprop_property_percentage(int64_t old_price, int64_t new_price)
{
    int64_t  diff, tenths, rest;

    if (old_price <= 0) {
        return json_null();
    }

    /* below 2^53 * 1000, so that nothing overflows */

    diff = (new_price - old_price) * 1000;
    tenths = diff / old_price;
    rest = diff % old_price;

    if (rest < 0) {
        tenths -= (-rest >= old_price + rest);

    } else {
        tenths += (rest >= old_price - rest);
    }

    return tenths % 10 ? json_real((double) tenths / 10)
                       : json_integer(tenths / 10);
}


json_t *
rtprop_property_status_payload(const json_t *doc, const rtprop_str_t *id,
    json_t *old, int64_t now)
{
    return json_pack("{so, so, so, so, so}",
                     "property_id", rtprop_payload_str(id),
                     "title", rtprop_payload_member(doc, "title"),
                     "old_status", rtprop_payload_value(old),
                     "new_status", rtprop_payload_member(doc, "status"),
                     "updated_at", rtprop_payload_time(now));
}


json_t *
rtprop_property_price_payload(const json_t *doc, const rtprop_str_t *id,
    json_t *old, int64_t now)
{
    int64_t  was, is;

    is = json_integer_value(json_object_get(doc, "price"));
    was = json_is_integer(old) ? json_integer_value(old) : 0;

    return json_pack("{so, so, so, sI, so, sb, so}",
                     "property_id", rtprop_payload_str(id),
                     "title", rtprop_payload_member(doc, "title"),
                     "old_price", rtprop_payload_value(old),
                     "new_price", (json_int_t) is,
                     "percentage_change", rtprop_property_percentage(was, is),
                     "is_price_drop", is < was,
                     "updated_at", rtprop_payload_time(now));
}


void
rtprop_property_agent(const json_t *doc, rtprop_str_t *agent)
{
    json_t  *id;

    id = json_object_get(doc, "agent_id");

    agent->data = (unsigned char *) json_string_value(id);
    agent->len = json_string_length(id);
}


json_t *
rtprop_property_state_payload(const json_t *doc, const rtprop_str_t *id,
    int64_t viewers, json_t *agent)
{
    int      rc;
    json_t  *state;

    state = rtprop_property_shown(doc, id);

    rc = json_object_set_new(state, "viewer_count",
                             viewers < 0 ? json_null()
                                         : json_integer(viewers));
    rc |= json_object_set_new(state, "agent",
                              rtprop_property_shown_agent(doc, agent));

    if (rc != 0) {
        json_decref(state);
        return NULL;
    }

    return state;
}


/* Without values: who views what was never described is told so often. */

int
rtprop_property_state_text(const rtprop_str_t *id, int64_t viewers,
    rtprop_json_buf_t *buf)
{
    int   rc, len;
    char  text[256], count[24];

    (void) snprintf(count, sizeof(count), "%lld", (long long) viewers);

    len = snprintf(text, sizeof(text),
                   ",\"title\":null,\"status\":null,\"price\":null,"
                   "\"agent_id\":null,\"wishlist_today\":null,"
                   "\"viewings_this_week\":null,\"viewer_count\":%s,"
                   "\"agent\":null}", viewers < 0 ? "null" : count);

    rc = rtprop_json_buf_add(buf, "{\"id\":", sizeof("{\"id\":") - 1);
    rc |= rtprop_json_buf_string(buf, id->data, id->len);
    rc |= rtprop_json_buf_add(buf, ",\"property_id\":",
                              sizeof(",\"property_id\":") - 1);
    rc |= rtprop_json_buf_string(buf, id->data, id->len);

    return rc | rtprop_json_buf_add(buf, text, len);
}


/* What the host has put, and over it what is known of the agent now. */

static json_t *
rtprop_property_shown_agent(const json_t *doc, json_t *status)
{
    int      rc;
    json_t  *put, *shown, *id;

    id = json_object_get(doc, "agent_id");
    put = json_object_get(json_object_get(doc, "extra"), "agent");

    if (!json_is_string(id) || (put && !json_is_object(put))) {
        return rtprop_payload_value(put);
    }

    if (put && status == NULL) {
        return json_incref(put);
    }

    shown = json_pack("{sO, sO}", "id", id, "agent_id", id);

    rc = put ? json_object_update(shown, put) : 0;

    if (status) {
        rc |= json_object_update(shown, status);
    }

    if (rc != 0) {
        json_decref(shown);
        return NULL;
    }

    return shown;
}


json_t *
rtprop_property_resource_json(const json_t *doc, const rtprop_str_t *id,
    uint64_t version)
{
    json_t  *json, *ms;

    json = rtprop_property_shown(doc, id);
    ms = json_object_get(doc, "updated_at");

    if (json_object_set_new(json, "updated_at",
                            rtprop_payload_time(json_is_integer(ms)
                                                ? json_integer_value(ms) : -1))
        != 0
        || json_object_set_new(json, "version",
                               json_integer((json_int_t) version)) != 0)
    {
        json_decref(json);
        return NULL;
    }

    return json;
}


/* What state and resource have in common: the extra members among it. */

static json_t *
rtprop_property_shown(const json_t *doc, const rtprop_str_t *id)
{
    json_t  *json, *latest, *extra;

    json = json_pack("{so, so, so, so, so, so, so, so}",
                     "id", rtprop_payload_str(id),
                     "property_id", rtprop_payload_str(id),
                     "title", rtprop_payload_member(doc, "title"),
                     "status", rtprop_payload_member(doc, "status"),
                     "price", rtprop_payload_member(doc, "price"),
                     "agent_id", rtprop_payload_member(doc, "agent_id"),
                     "wishlist_today",
                     rtprop_payload_member(doc, "wishlist_today"),
                     "viewings_this_week",
                     rtprop_payload_member(doc, "viewings_this_week"));

    latest = json_object_get(doc, "latest");

    if (json_object_size(latest)) {
        json_object_set(json, "latest", latest);
    }

    extra = json_object_get(doc, "extra");

    if (json && extra && json_object_update_missing(json, extra) != 0) {
        json_decref(json);
        return NULL;
    }

    return json;
}


json_t *
rtprop_property_viewers_payload(const rtprop_str_t *id, int64_t viewers)
{
    return json_pack("{so, sI, sI}",
                     "property_id", rtprop_payload_str(id),
                     "count", (json_int_t) viewers,
                     "viewer_count", (json_int_t) viewers);
}


json_t *
rtprop_property_viewers_json(const rtprop_str_t *id, int64_t viewers)
{
    return json_pack("{so, sI}",
                     "property_id", rtprop_payload_str(id),
                     "count", (json_int_t) viewers);
}
