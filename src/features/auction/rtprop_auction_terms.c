#include "features/auction/rtprop_auction_terms.h"

#include <stdlib.h>

#include "base/rtprop_json.h"
#include "base/rtprop_time.h"


static int rtprop_auction_terms_names(rtprop_auction_terms_t *t,
    const json_t *body, rtprop_invalid_t *why);
static int rtprop_auction_terms_money(rtprop_auction_terms_t *t,
    const json_t *body, rtprop_invalid_t *why);
static int rtprop_auction_terms_times(rtprop_auction_terms_t *t,
    const json_t *body, rtprop_invalid_t *why);
static int rtprop_auction_span(const json_t *body, const char *key,
    int64_t *value, rtprop_invalid_t *why);
static int rtprop_auction_time(const json_t *body, const char *key,
    int64_t *value, rtprop_invalid_t *why);


int
rtprop_auction_terms_parse(rtprop_auction_terms_t *t, const json_t *body,
    rtprop_invalid_t *why)
{
    int  rc, anonymous;

    memset(t, 0, sizeof(rtprop_auction_terms_t));

    why->field = NULL;
    why->message = NULL;

    anonymous = 0;
    rc = rtprop_json_get_bool(body, "anonymous", &anonymous);

    t->anonymous = anonymous;
    t->anonymous_given = (rc == RTPROP_OK);

    if (rc == RTPROP_ERROR) {
        why->field = "anonymous";
        why->message = "anonymous must be true or false";
        return RTPROP_ERROR;
    }

    if (rtprop_auction_terms_names(t, body, why) != RTPROP_OK
        || rtprop_auction_terms_money(t, body, why) != RTPROP_OK
        || rtprop_auction_terms_times(t, body, why) != RTPROP_OK)
    {
        rtprop_auction_terms_free(t);
        return RTPROP_ERROR;
    }

    return RTPROP_OK;
}


static int
rtprop_auction_terms_names(rtprop_auction_terms_t *t, const json_t *body,
    rtprop_invalid_t *why)
{
    int            rc;
    rtprop_str_t   text;
    unsigned char  buf[RTPROP_JSON_INT_LEN];

    why->field = "property_id";
    why->message = "property_id must be an id";

    rc = rtprop_json_get_id(body, "property_id", &text, buf);

    if (rc == RTPROP_ERROR) {
        return RTPROP_ERROR;
    }

    if (rc == RTPROP_OK) {
        t->property_id = strndup((char *) text.data, text.len);

        if (t->property_id == NULL) {
            why->field = NULL;
            return RTPROP_ERROR;
        }
    }

    why->field = "property_title";
    why->message = "property_title must be a text of up to 1000 bytes";

    rc = rtprop_json_get_string(body, "property_title", &text);

    if (rc == RTPROP_ERROR
        || (rc == RTPROP_OK && text.len > RTPROP_AUCTION_TITLE_LEN))
    {
        return RTPROP_ERROR;
    }

    if (rc == RTPROP_OK) {
        t->property_title = strndup((char *) text.data, text.len);

        if (t->property_title == NULL) {
            why->field = NULL;
            return RTPROP_ERROR;
        }
    }

    return RTPROP_OK;
}


static int
rtprop_auction_terms_money(rtprop_auction_terms_t *t, const json_t *body,
    rtprop_invalid_t *why)
{
    int          rc;
    const char  *key;

    key = "starting_price";
    rc = rtprop_json_get_int(body, key, &t->starting_price);

    if (rc == RTPROP_DECLINED) {
        key = "current_price";
        rc = rtprop_json_get_int(body, key, &t->starting_price);
    }

    if (rc != RTPROP_OK || t->starting_price < 0) {
        why->field = (rc == RTPROP_DECLINED) ? "starting_price" : key;
        why->message = "the price must be an integer from 0";
        return RTPROP_ERROR;
    }

    why->field = "bid_increment";
    why->message = "bid_increment must be an integer from 1";

    if (rtprop_json_get_int(body, "bid_increment", &t->bid_increment)
        != RTPROP_OK
        || t->bid_increment < 1)
    {
        return RTPROP_ERROR;
    }

    if (t->starting_price + 2 * t->bid_increment > RTPROP_INT_MAX) {
        why->message = "price and increment leave no room for bids";
        return RTPROP_ERROR;
    }

    return RTPROP_OK;
}


static int
rtprop_auction_terms_times(rtprop_auction_terms_t *t, const json_t *body,
    rtprop_invalid_t *why)
{
    int  rc;

    rc = rtprop_auction_time(body, "starts_at", &t->starts_at, why);

    if (rc == RTPROP_ERROR) {
        return RTPROP_ERROR;
    }

    t->starts_at_given = (rc == RTPROP_OK);

    if (rtprop_auction_time(body, "ends_at", &t->ends_at, why) != RTPROP_OK) {
        return RTPROP_ERROR;
    }

    t->extend_window_ms = RTPROP_AUCTION_WINDOW;
    t->extend_by_ms = RTPROP_AUCTION_WINDOW;

    rc = rtprop_auction_span(body, "extend_window_ms", &t->extend_window_ms,
                             why);

    if (rc == RTPROP_ERROR) {
        return RTPROP_ERROR;
    }

    t->extend_window_given = (rc == RTPROP_OK);

    rc = rtprop_auction_span(body, "extend_by_ms", &t->extend_by_ms, why);

    if (rc == RTPROP_ERROR) {
        return RTPROP_ERROR;
    }

    t->extend_by_given = (rc == RTPROP_OK);

    return RTPROP_OK;
}


static int
rtprop_auction_span(const json_t *body, const char *key, int64_t *value,
    rtprop_invalid_t *why)
{
    int  rc;

    rc = rtprop_json_get_int(body, key, value);

    if (rc == RTPROP_ERROR
        || (rc == RTPROP_OK
            && (*value < 0 || *value > RTPROP_AUCTION_SPAN_MAX)))
    {
        why->field = key;
        why->message = "the time must be an integer, 0 to 2592000000 ms";
        return RTPROP_ERROR;
    }

    return rc;
}


static int
rtprop_auction_time(const json_t *body, const char *key, int64_t *value,
    rtprop_invalid_t *why)
{
    int           rc;
    rtprop_str_t  text;

    rc = rtprop_json_get_string(body, key, &text);

    if (rc == RTPROP_OK) {
        rc = rtprop_time_parse(text.data, text.len, value);

    } else if (rc == RTPROP_ERROR) {
        rc = rtprop_json_get_int(body, key, value);
    }

    if (rc == RTPROP_OK && *value >= 0 && *value <= RTPROP_AUCTION_TIME_MAX) {
        return RTPROP_OK;
    }

    why->field = key;
    why->message = "the time must be a text like 2026-01-31T12:00:00Z, or ms";

    return rc == RTPROP_DECLINED ? RTPROP_DECLINED : RTPROP_ERROR;
}


int
rtprop_auction_action_parse(const rtprop_str_t *name, const json_t *body,
    rtprop_auction_action_e *what, int64_t *arg,
    rtprop_invalid_t *why)
{
    int  i, rc;

    static const char  *words[] = {
        "start", "pause", "resume", "extend", "", "cancel", "end"
    };

    why->field = NULL;
    why->message = NULL;
    *arg = 0;

    for (i = RTPROP_AUCTION_START; i <= RTPROP_AUCTION_END; i++) {
        if (name->len && rtprop_str_eq(name, words[i], strlen(words[i]))) {
            break;
        }
    }

    if (i > RTPROP_AUCTION_END) {
        return RTPROP_DECLINED;
    }

    *what = i;

    if (i != RTPROP_AUCTION_EXTEND_BY) {
        return RTPROP_OK;
    }

    rc = rtprop_json_get_int(body, "by_ms", arg);

    if (rc == RTPROP_OK) {
        return RTPROP_OK;
    }

    if (rc == RTPROP_DECLINED) {
        *what = RTPROP_AUCTION_EXTEND_TO;
        rc = rtprop_auction_time(body, "ends_at", arg, why);
    }

    if (rc == RTPROP_OK) {
        return RTPROP_OK;
    }

    if (rc == RTPROP_DECLINED || why->field == NULL) {
        why->field = "by_ms";
        why->message = "extend takes by_ms, an integer, or ends_at";
    }

    return RTPROP_ERROR;
}


int
rtprop_auction_broadcast_parse(rtprop_str_t *name, const json_t *data,
    rtprop_auction_action_e *what, int64_t *arg, rtprop_invalid_t *why)
{
    int     rc;
    size_t  i;

    why->field = "event";
    why->message = "event must be 1 to 48 letters, digits, \"_\", \"-\"";
    *arg = 0;

    if (name->len > 8 && memcmp(name->data, "auction:", 8) == 0) {
        name->data += 8;
        name->len -= 8;
    }

    if (name->len == 0 || name->len > RTPROP_AUCTION_EVENT_LEN) {
        return RTPROP_ERROR;
    }

    for (i = 0; i < name->len; i++) {
        if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                   "0123456789_-", name->data[i])
            == NULL
            || name->data[i] == '\0')
        {
            return RTPROP_ERROR;
        }
    }

    if (rtprop_str_eq(name, "ended", 5)) {
        *what = RTPROP_AUCTION_END;
        return RTPROP_OK;
    }

    if (!rtprop_str_eq(name, "time_extended", 13)) {
        return RTPROP_DECLINED;
    }

    *what = RTPROP_AUCTION_EXTEND_TO;

    rc = rtprop_auction_time(data, "ends_at", arg, why);

    if (rc == RTPROP_DECLINED) {
        rc = rtprop_auction_time(data, "new_end_time", arg, why);
    }

    if (rc == RTPROP_DECLINED) {
        why->field = "ends_at";
        why->message = "ends_at is needed: the new end";
    }

    return rc == RTPROP_OK ? RTPROP_OK : RTPROP_ERROR;
}
