/*
 * {"format":1, "terms":{... as the host sends them}, "status":"live",
 *  "starts_at":..., "ends_at":..., "paused_at":..., "ended_at":...,
 *  "price":..., "highest":n, "bid_count":n,
 *  "recent":[[id, amount, created_at, number], ...],
 *  "bidders":["u1", ["u2", [client_bid_id, id, amount, created_at], ...], ...]}
 *
 * A bidder's number is its place in "bidders", so numbers cannot have gaps.
 */


#include "features/auction/rtprop_auction_doc.h"

#include <stdlib.h>

#include "base/rtprop_json.h"
#include "base/rtprop_payload.h"
#include "features/auction/rtprop_auction_terms.h"


#define RTPROP_AUCTION_FORMAT  1
#define RTPROP_AUCTION_DEPTH   8


static json_t *rtprop_auction_doc_terms(const rtprop_auction_terms_t *t);
static json_t *rtprop_auction_doc_recent(const rtprop_auction_t *a);
static json_t *rtprop_auction_doc_bidders(const rtprop_auction_t *a);
static int rtprop_auction_read(rtprop_auction_t *a, json_t *doc);
static int rtprop_auction_read_numbers(rtprop_auction_t *a, json_t *doc);
static int rtprop_auction_read_recent(rtprop_auction_t *a, json_t *list);
static int rtprop_auction_read_bidders(rtprop_auction_t *a, json_t *list);
static int rtprop_auction_read_bidder(rtprop_auction_bidder_t *b,
    json_t *item, unsigned number);
static int rtprop_auction_read_id(char *dst, json_t *value);
static int rtprop_auction_int(const json_t *doc, const char *key, int64_t max,
    int64_t *value);


char *
rtprop_auction_serialise(const rtprop_auction_t *a, size_t *len)
{
    json_t        *doc;
    rtprop_str_t   text;

    doc = json_pack("{si, so, ss, sI, sI, sI, sI, sI, sI, sI, so, so}",
                    "format", RTPROP_AUCTION_FORMAT,
                    "terms", rtprop_auction_doc_terms(&a->terms),
                    "status", rtprop_auction_status_word(a->status),
                    "starts_at", (json_int_t) a->starts_at,
                    "ends_at", (json_int_t) a->ends_at,
                    "paused_at", (json_int_t) a->paused_at,
                    "ended_at", (json_int_t) a->ended_at,
                    "price", (json_int_t) a->price,
                    "highest", (json_int_t) a->highest,
                    "bid_count", (json_int_t) a->bid_count,
                    "recent", rtprop_auction_doc_recent(a),
                    "bidders", rtprop_auction_doc_bidders(a));
    if (doc == NULL) {
        return NULL;
    }

    if (rtprop_json_dump(doc, &text) != RTPROP_OK) {
        json_decref(doc);
        return NULL;
    }

    json_decref(doc);

    *len = text.len;

    return (char *) text.data;
}


static json_t *
rtprop_auction_doc_terms(const rtprop_auction_terms_t *t)
{
    return json_pack("{ss?, ss?, sI, sI, so, so, sI, sI, sb}",
                     "property_id", t->property_id,
                     "property_title", t->property_title,
                     "starting_price", (json_int_t) t->starting_price,
                     "bid_increment", (json_int_t) t->bid_increment,
                     "starts_at", rtprop_payload_time(t->starts_at),
                     "ends_at", rtprop_payload_time(t->ends_at),
                     "extend_window_ms", (json_int_t) t->extend_window_ms,
                     "extend_by_ms", (json_int_t) t->extend_by_ms,
                     "anonymous", (int) t->anonymous);
}


static json_t *
rtprop_auction_doc_recent(const rtprop_auction_t *a)
{
    json_t                      *list;
    unsigned                     i;
    const rtprop_auction_bid_t  *bid;

    list = json_array();

    for (i = 0; list && i < a->nrecent; i++) {
        bid = &a->recent[i];

        if (json_array_append_new(list,
                                  json_pack("[s, I, I, I]", bid->id,
                                            (json_int_t) bid->amount,
                                            (json_int_t) bid->created_at,
                                            (json_int_t) bid->bidder))
            != 0)
        {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


static json_t *
rtprop_auction_doc_bidders(const rtprop_auction_t *a)
{
    int                             rc;
    json_t                         *list, *item;
    unsigned                        i, n;
    const rtprop_auction_claim_t   *c;
    const rtprop_auction_bidder_t  *b;

    list = json_array();

    for (i = 0; list && i < a->nbidders; i++) {
        b = &a->bidders[i];

        item = b->nclaims ? json_pack("[s]", b->user) : json_string(b->user);
        rc = 0;

        for (n = 0; item && n < b->nclaims; n++) {
            c = &b->claims[n];

            rc |= json_array_append_new(item,
                            json_pack("[s, s, I, I]", c->client_bid_id,
                                      c->bid.id, (json_int_t) c->bid.amount,
                                      (json_int_t) c->bid.created_at));
        }

        if (json_array_append_new(list, item) != 0 || rc != 0) {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


rtprop_auction_t *
rtprop_auction_parse(const char *text, size_t len)
{
    int                rc;
    json_t            *doc;
    const char        *err;
    rtprop_auction_t  *a;

    doc = rtprop_json_load((const unsigned char *) text, len,
                           RTPROP_AUCTION_DEPTH, &err);
    if (doc == NULL) {
        return NULL;
    }

    a = calloc(1, sizeof(rtprop_auction_t));
    if (a == NULL) {
        json_decref(doc);
        return NULL;
    }

    rc = rtprop_auction_read(a, doc);

    json_decref(doc);

    if (rc != RTPROP_OK) {
        rtprop_auction_destroy(a);
        return NULL;
    }

    return a;
}


static int
rtprop_auction_read(rtprop_auction_t *a, json_t *doc)
{
    int               i;
    rtprop_str_t      word;
    rtprop_invalid_t  why;

    if (json_integer_value(json_object_get(doc, "format"))
        != RTPROP_AUCTION_FORMAT
        || rtprop_json_get_string(doc, "status", &word) != RTPROP_OK)
    {
        return RTPROP_ERROR;
    }

    for (i = RTPROP_AUCTION_SCHEDULED; i <= RTPROP_AUCTION_CANCELLED; i++) {
        if (rtprop_str_eq(&word, rtprop_auction_status_word(i),
                          strlen(rtprop_auction_status_word(i))))
        {
            break;
        }
    }

    if (i > RTPROP_AUCTION_CANCELLED) {
        return RTPROP_ERROR;
    }

    a->status = i;

    if (rtprop_auction_terms_parse(&a->terms, json_object_get(doc, "terms"),
                                   &why)
        != RTPROP_OK
        || rtprop_auction_read_bidders(a, json_object_get(doc, "bidders"))
           != RTPROP_OK
        || rtprop_auction_read_numbers(a, doc) != RTPROP_OK)
    {
        return RTPROP_ERROR;
    }

    return rtprop_auction_read_recent(a, json_object_get(doc, "recent"));
}


static int
rtprop_auction_read_numbers(rtprop_auction_t *a, json_t *doc)
{
    int64_t  highest;

    if (rtprop_auction_int(doc, "starts_at", RTPROP_AUCTION_TIME_MAX,
                           &a->starts_at) != RTPROP_OK
        || rtprop_auction_int(doc, "ends_at", RTPROP_AUCTION_TIME_MAX,
                              &a->ends_at) != RTPROP_OK
        || rtprop_auction_int(doc, "paused_at", RTPROP_AUCTION_TIME_MAX,
                              &a->paused_at) != RTPROP_OK
        || rtprop_auction_int(doc, "ended_at", RTPROP_AUCTION_TIME_MAX,
                              &a->ended_at) != RTPROP_OK
        || rtprop_auction_int(doc, "price",
                              RTPROP_INT_MAX - a->terms.bid_increment,
                              &a->price) != RTPROP_OK
        || rtprop_auction_int(doc, "bid_count", RTPROP_INT_MAX,
                              &a->bid_count) != RTPROP_OK
        || rtprop_auction_int(doc, "highest", a->nbidders, &highest)
           != RTPROP_OK)
    {
        return RTPROP_ERROR;
    }

    a->highest = (unsigned) highest;

    return RTPROP_OK;
}


static int
rtprop_auction_read_recent(rtprop_auction_t *a, json_t *list)
{
    size_t                 i;
    json_t                *item;
    int64_t                number;
    rtprop_auction_bid_t  *bid;

    if (!json_is_array(list)
        || json_array_size(list) > RTPROP_AUCTION_RECENT)
    {
        return RTPROP_ERROR;
    }

    json_array_foreach (list, i, item) {
        bid = &a->recent[a->nrecent++];

        if (rtprop_auction_read_id(bid->id, json_array_get(item, 0))
            != RTPROP_OK
            || rtprop_json_int(json_array_get(item, 1), &bid->amount)
               != RTPROP_OK
            || rtprop_json_int(json_array_get(item, 2), &bid->created_at)
               != RTPROP_OK
            || rtprop_json_int(json_array_get(item, 3), &number) != RTPROP_OK
            || number < 1 || number > a->nbidders)
        {
            return RTPROP_ERROR;
        }

        bid->bidder = (unsigned) number;
    }

    return RTPROP_OK;
}


static int
rtprop_auction_read_bidders(rtprop_auction_t *a, json_t *list)
{
    size_t   i;
    json_t  *item;

    if (!json_is_array(list)
        || json_array_size(list) > RTPROP_AUCTION_BIDDERS_MAX)
    {
        return RTPROP_ERROR;
    }

    a->nalloc = (unsigned) json_array_size(list);

    if (a->nalloc == 0) {
        return RTPROP_OK;
    }

    a->bidders = calloc(a->nalloc, sizeof(rtprop_auction_bidder_t));
    if (a->bidders == NULL) {
        a->nalloc = 0;
        return RTPROP_ERROR;
    }

    json_array_foreach (list, i, item) {
        a->nbidders++;

        if (rtprop_auction_read_bidder(&a->bidders[i], item, a->nbidders)
            != RTPROP_OK)
        {
            return RTPROP_ERROR;
        }
    }

    return RTPROP_OK;
}


static int
rtprop_auction_read_bidder(rtprop_auction_bidder_t *b, json_t *item,
    unsigned number)
{
    size_t                   i, n;
    json_t                  *user, *claim;
    rtprop_str_t             id;
    rtprop_auction_claim_t  *c;

    user = json_is_array(item) ? json_array_get(item, 0) : item;
    n = json_array_size(item);

    if (!json_is_string(user) || n > 1 + RTPROP_AUCTION_CLAIMS) {
        return RTPROP_ERROR;
    }

    id.data = (unsigned char *) json_string_value(user);
    id.len = json_string_length(user);

    if (id.len == 0 || id.len > RTPROP_AUCTION_USER_LEN) {
        return RTPROP_ERROR;
    }

    b->user = strndup((char *) id.data, id.len);
    if (b->user == NULL) {
        return RTPROP_ERROR;
    }

    if (n > 1) {
        b->claims = calloc(RTPROP_AUCTION_CLAIMS,
                           sizeof(rtprop_auction_claim_t));
        if (b->claims == NULL) {
            return RTPROP_ERROR;
        }
    }

    for (i = 1; i < n; i++) {
        claim = json_array_get(item, i);
        c = &b->claims[b->nclaims++];

        if (rtprop_auction_read_id(c->client_bid_id, json_array_get(claim, 0))
            != RTPROP_OK
            || rtprop_auction_read_id(c->bid.id, json_array_get(claim, 1))
               != RTPROP_OK
            || rtprop_json_int(json_array_get(claim, 2), &c->bid.amount)
               != RTPROP_OK
            || rtprop_json_int(json_array_get(claim, 3), &c->bid.created_at)
               != RTPROP_OK)
        {
            return RTPROP_ERROR;
        }

        c->bid.bidder = number;
    }

    return RTPROP_OK;
}


static int
rtprop_auction_read_id(char *dst, json_t *value)
{
    size_t  len;

    len = json_string_length(value);

    if (len == 0 || len > RTPROP_AUCTION_ID_LEN) {
        return RTPROP_ERROR;
    }

    memcpy(dst, json_string_value(value), len);

    return RTPROP_OK;
}


static int
rtprop_auction_int(const json_t *doc, const char *key, int64_t max,
    int64_t *value)
{
    if (rtprop_json_get_int(doc, key, value) != RTPROP_OK
        || *value < 0 || *value > max)
    {
        return RTPROP_ERROR;
    }

    return RTPROP_OK;
}
