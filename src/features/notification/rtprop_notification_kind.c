#include "features/notification/rtprop_notification_kind.h"

#include <stdlib.h>

#include "base/rtprop_json.h"


#define RTPROP_NOTIFICATION_KEY_LEN  64


static int rtprop_notification_place(rtprop_json_buf_t *buf,
    const char *place, size_t len, const json_t *data);
static int rtprop_notification_number(rtprop_json_buf_t *buf, int64_t n,
    int separate);
static int rtprop_notification_words(rtprop_json_buf_t *buf,
    const char *text, size_t len, int spaces);
static int rtprop_notification_money(const char *key);
static int rtprop_notification_ends(const char *key, const char *end);
static size_t rtprop_notification_cut(const rtprop_json_buf_t *buf,
    size_t max);


static const rtprop_notification_kind_t  rtprop_notification_kinds[] = {

    { "new_message", "communication", "instant",
      "New message from {sender_name|a participant}", "{preview|}" },

    { "missed_call", "communication", "instant",
      "Missed call from {sender_name|a participant}", NULL },

    { "price_drop", "property", "instant",
      "Price drop: {property_title|a property you watch}",
      "Now {new_price|lower}, before {old_price|higher}" },

    { "price_change", "property", "batched",
      "New price: {property_title|a property you watch}",
      "Now {new_price|changed}" },

    { "status_change", "property", "instant",
      "{property_title|A property you watch} is {new_status|changed} now",
      NULL },

    { "new_photos", "property", "digest",
      "New photos of {property_title|a property you watch}", NULL },

    { "virtual_tour", "property", "digest",
      "Virtual tour of {property_title|a property you watch}", NULL },

    { "new_listing", "property", "digest",
      "New: {property_title|a property}", "{address|}" },

    { "saved_search_match", "property", "digest",
      "New match for {search_name|your search}", "{property_title|}" },

    { "open_house", "appointment", "batched",
      "Open house: {property_title|a property you watch}", "{starts_at|}" },

    { "viewing_reminder", "appointment", "instant",
      "Viewing soon: {property_title|your appointment}", "{starts_at|}" },

    { "viewing_requested", "appointment", "instant",
      "Viewing requested: {property_title|a property}", "{starts_at|}" },

    { "viewing_confirmed", "appointment", "instant",
      "Viewing confirmed: {property_title|your appointment}",
      "{starts_at|}" },

    { "viewing_cancelled", "appointment", "instant",
      "Viewing cancelled: {property_title|your appointment}",
      "{starts_at|}" },

    { "outbid", "transaction", "instant",
      "You have been outbid: {property_title|an auction}",
      "The highest bid is {new_high_bid|higher} now, "
      "{minimum_to_win|more} is needed" },

    { "auction_starting", "transaction", "instant",
      "Auction starts soon: {property_title|a property you watch}",
      "{starts_at|}" },

    { "auction_ending", "transaction", "instant",
      "Auction ends soon: {property_title|a property you watch}",
      "{ends_at|}" },

    { "auction_won", "transaction", "instant",
      "You have won: {property_title|the auction}",
      "Your bid of {final_price|the highest amount} has won" },

    { "auction_ended", "transaction", "batched",
      "Auction ended: {property_title|a property you watch}",
      "Final price: {final_price|none}" },

    { "offer_received", "transaction", "instant",
      "New offer: {property_title|your property}", "{offer_amount|}" },

    { "offer_accepted", "transaction", "instant",
      "Offer accepted: {property_title|a property}", "{offer_amount|}" },

    { "offer_declined", "transaction", "instant",
      "Offer declined: {property_title|a property}", "{offer_amount|}" },

    { "payment_due", "transaction", "batched",
      "Payment due: {due_amount|see details}", "{due_at|}" },

    { "document_ready", "transaction", "batched",
      "Document ready: {document_name|see details}", NULL },

    { "system", "other", "batched", NULL, NULL },

    { NULL, "other", "instant", NULL, NULL }
};


const rtprop_notification_kind_t *
rtprop_notification_kind(const rtprop_str_t *name)
{
    const rtprop_notification_kind_t  *k;

    for (k = rtprop_notification_kinds; k->kind; k++) {
        if (rtprop_str_eq(name, k->kind, strlen(k->kind))) {
            break;
        }
    }

    return k;
}


json_t *
rtprop_notification_fill(const char *text, const json_t *data, size_t max)
{
    int                 rc;
    size_t              n;
    json_t             *value;
    rtprop_json_buf_t   buf;

    memset(&buf, 0, sizeof(rtprop_json_buf_t));

    rc = RTPROP_OK;

    while (*text && rc == RTPROP_OK) {
        n = strcspn(text, "{");

        rc = rtprop_json_buf_add(&buf, text, n);
        text += n;

        if (*text == '{' && rc == RTPROP_OK) {
            n = strcspn(text, "}");
            rc = rtprop_notification_place(&buf, text + 1, n - 1, data);
            text += n + 1;
        }
    }

    value = NULL;

    if (rc == RTPROP_OK) {
        value = json_stringn(buf.data ? (char *) buf.data : "",
                             rtprop_notification_cut(&buf, max));
    }

    free(buf.data);

    return value;
}


/* Writes what stands for "key|else". */

static int
rtprop_notification_place(rtprop_json_buf_t *buf, const char *place,
    size_t len, const json_t *data)
{
    char        key[RTPROP_NOTIFICATION_KEY_LEN];
    size_t      n;
    json_t     *value;
    const char *bar;

    bar = memchr(place, '|', len);
    n = bar ? (size_t) (bar - place) : len;

    if (n >= sizeof(key)) {
        return RTPROP_ERROR;
    }

    memcpy(key, place, n);
    key[n] = '\0';

    value = rtprop_json_get(data, key);

    if (json_is_string(value) && json_string_length(value)) {
        return rtprop_notification_words(buf, json_string_value(value),
                                         json_string_length(value),
                                         rtprop_notification_ends(key,
                                                                  "status"));
    }

    if (json_is_integer(value)) {
        return rtprop_notification_number(buf, json_integer_value(value),
                                          rtprop_notification_money(key));
    }

    return bar ? rtprop_json_buf_add(buf, bar + 1, len - n - 1) : RTPROP_OK;
}


static int
rtprop_notification_number(rtprop_json_buf_t *buf, int64_t n, int separate)
{
    char      digits[32], *p;
    uint64_t  rest;
    unsigned  i;

    p = digits + sizeof(digits);
    rest = n < 0 ? 0 - (uint64_t) n : (uint64_t) n;
    i = 0;

    do {
        if (separate && i && i % 3 == 0) {
            *--p = ',';
        }

        *--p = (char) ('0' + rest % 10);
        rest /= 10;
        i++;
    } while (rest);

    if (n < 0) {
        *--p = '-';
    }

    return rtprop_json_buf_add(buf, p,
                               (size_t) (digits + sizeof(digits) - p));
}


static int
rtprop_notification_words(rtprop_json_buf_t *buf, const char *text,
    size_t len, int spaces)
{
    size_t  i, start;

    start = buf->len;

    if (rtprop_json_buf_add(buf, text, len) != RTPROP_OK) {
        return RTPROP_ERROR;
    }

    for (i = start; spaces && i < buf->len; i++) {
        if (buf->data[i] == '_') {
            buf->data[i] = ' ';
        }
    }

    return RTPROP_OK;
}


static int
rtprop_notification_money(const char *key)
{
    return rtprop_notification_ends(key, "price")
           || rtprop_notification_ends(key, "bid")
           || rtprop_notification_ends(key, "amount")
           || rtprop_notification_ends(key, "to_win");
}


static int
rtprop_notification_ends(const char *key, const char *end)
{
    size_t  len, n;

    len = strlen(key);
    n = strlen(end);

    return len >= n && strcmp(key + len - n, end) == 0;
}


/* The length of the first "max" characters of a valid text. */

static size_t
rtprop_notification_cut(const rtprop_json_buf_t *buf, size_t max)
{
    size_t  i, n;

    for (i = 0, n = 0; i < buf->len; i++) {

        if ((buf->data[i] & 0xc0) != 0x80 && n++ == max) {
            break;
        }
    }

    return i;
}
