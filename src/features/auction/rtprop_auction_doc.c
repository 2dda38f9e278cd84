/*
 * A line of JSON,
 *
 *     {"format":1, "terms":{... as the host sends them}, "status":"live",
 *      "starts_at":..., "ends_at":..., "paused_at":..., "ended_at":...,
 *      "price":..., "highest":n, "bid_count":n, "bidders":n,
 *      "recent":[[id, amount, created_at, number], ...],
 *      "claims":[[number, client_bid_id, id, amount, created_at], ...]}
 *
 * and then a line with the user id of each bidder.  The number is the place, so
 * numbers cannot have gaps.  There may be thousands, and each bid reads and
 * writes them all: as plain lines that takes a tenth of what JSON takes.
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
static int rtprop_auction_doc_bidders(const rtprop_auction_t *a,
    rtprop_json_buf_t *buf);
static json_t *rtprop_auction_doc_claims(const rtprop_auction_t *a);
static int rtprop_auction_read(rtprop_auction_t *a, json_t *doc);
static int rtprop_auction_read_numbers(rtprop_auction_t *a, json_t *doc);
static int rtprop_auction_read_recent(rtprop_auction_t *a, json_t *list);
static int rtprop_auction_read_bidders(rtprop_auction_t *a,
    const rtprop_str_t *text);
static int rtprop_auction_read_claims(rtprop_auction_t *a, json_t *list);
static int rtprop_auction_read_claim(rtprop_auction_t *a, json_t *item);
static int rtprop_auction_read_id(char *dst, json_t *value);
static int rtprop_auction_int(const json_t *doc, const char *key, int64_t max,
    int64_t *value);


char *
rtprop_auction_serialise(const rtprop_auction_t *a, size_t *len)
{
    int                 rc;
    json_t             *doc;
    rtprop_json_buf_t   buf;

    doc = json_pack("{si, so, ss, sI, sI, sI, sI, sI, sI, sI, sI, so, so}",
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
                    "bidders", (json_int_t) a->nbidders,
                    "recent", rtprop_auction_doc_recent(a),
                    "claims", rtprop_auction_doc_claims(a));
    if (doc == NULL) {
        return NULL;
    }

    memset(&buf, 0, sizeof(rtprop_json_buf_t));

    rc = rtprop_json_dump_buf(doc, &buf);

    json_decref(doc);

    if (rc != RTPROP_OK
        || rtprop_auction_doc_bidders(a, &buf) != RTPROP_OK)
    {
        free(buf.data);
        return NULL;
    }

    *len = buf.len - 1;

    return (char *) buf.data;
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


static int
rtprop_auction_doc_bidders(const rtprop_auction_t *a, rtprop_json_buf_t *buf)
{
    int       rc;
    unsigned  i;

    rc = rtprop_json_buf_add(buf, "\n", 1);

    for (i = 0; rc == RTPROP_OK && i < a->nbidders; i++) {
        rc = rtprop_json_buf_add(buf, a->bidders[i].user,
                                 strlen(a->bidders[i].user));

        if (rc == RTPROP_OK) {
            rc = rtprop_json_buf_add(buf, "\n", 1);
        }
    }

    /* the NUL that follows the text is no part of it */

    return rc == RTPROP_OK ? rtprop_json_buf_add(buf, "", 1) : rc;
}


static json_t *
rtprop_auction_doc_claims(const rtprop_auction_t *a)
{
    json_t                        *list;
    unsigned                       i, n;
    const rtprop_auction_claim_t  *c;

    list = json_array();

    for (i = 0; list && i < a->nbidders; i++) {

        for (n = 0; n < a->bidders[i].nclaims; n++) {
            c = &a->bidders[i].claims[n];

            if (json_array_append_new(list,
                            json_pack("[I, s, s, I, I]",
                                      (json_int_t) c->bid.bidder,
                                      c->client_bid_id, c->bid.id,
                                      (json_int_t) c->bid.amount,
                                      (json_int_t) c->bid.created_at))
                != 0)
            {
                json_decref(list);
                return NULL;
            }
        }
    }

    return list;
}


rtprop_auction_t *
rtprop_auction_parse(const char *text, size_t len)
{
    int                rc;
    json_t            *doc;
    const char        *err, *end;
    rtprop_str_t       bidders;
    rtprop_auction_t  *a;

    end = len ? memchr(text, '\n', len) : NULL;
    if (end == NULL) {
        return NULL;
    }

    bidders.data = (unsigned char *) end + 1;
    bidders.len = len - (size_t) (end + 1 - text);

    doc = rtprop_json_load((const unsigned char *) text,
                           (size_t) (end - text), RTPROP_AUCTION_DEPTH, &err);
    if (doc == NULL) {
        return NULL;
    }

    a = calloc(1, sizeof(rtprop_auction_t));
    if (a == NULL) {
        json_decref(doc);
        return NULL;
    }

    rc = rtprop_auction_read_bidders(a, &bidders);

    if (rc == RTPROP_OK) {
        rc = rtprop_auction_read(a, doc);
    }

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
        || rtprop_auction_read_claims(a, json_object_get(doc, "claims"))
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
    int64_t  highest, bidders;

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
           != RTPROP_OK
        || rtprop_auction_int(doc, "bidders", a->nbidders, &bidders)
           != RTPROP_OK
        || bidders != a->nbidders)
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
rtprop_auction_read_bidders(rtprop_auction_t *a, const rtprop_str_t *text)
{
    rtprop_str_t  id, rest;

    rest = *text;

    while (rest.len) {
        id.data = rest.data;
        rest.data = memchr(id.data, '\n', rest.len);

        if (rest.data == NULL) {
            return RTPROP_ERROR;
        }

        id.len = (size_t) (rest.data - id.data);

        if (rtprop_auction_append(a, &id) == 0) {
            return RTPROP_ERROR;
        }

        rest.data++;
        rest.len -= id.len + 1;
    }

    return RTPROP_OK;
}


static int
rtprop_auction_read_claims(rtprop_auction_t *a, json_t *list)
{
    size_t   i;
    json_t  *item;

    if (!json_is_array(list)) {
        return RTPROP_ERROR;
    }

    json_array_foreach (list, i, item) {
        if (rtprop_auction_read_claim(a, item) != RTPROP_OK) {
            return RTPROP_ERROR;
        }
    }

    return RTPROP_OK;
}


static int
rtprop_auction_read_claim(rtprop_auction_t *a, json_t *item)
{
    int64_t                   number;
    rtprop_auction_claim_t   *c;
    rtprop_auction_bidder_t  *b;

    if (rtprop_json_int(json_array_get(item, 0), &number) != RTPROP_OK
        || number < 1 || number > a->nbidders)
    {
        return RTPROP_ERROR;
    }

    b = &a->bidders[number - 1];

    if (b->claims == NULL) {
        b->claims = calloc(RTPROP_AUCTION_CLAIMS,
                           sizeof(rtprop_auction_claim_t));
    }

    if (b->claims == NULL || b->nclaims == RTPROP_AUCTION_CLAIMS) {
        return RTPROP_ERROR;
    }

    c = &b->claims[b->nclaims++];
    c->bid.bidder = (unsigned) number;

    if (rtprop_auction_read_id(c->client_bid_id, json_array_get(item, 1))
        != RTPROP_OK
        || rtprop_auction_read_id(c->bid.id, json_array_get(item, 2))
           != RTPROP_OK
        || rtprop_json_int(json_array_get(item, 3), &c->bid.amount)
           != RTPROP_OK
        || rtprop_json_int(json_array_get(item, 4), &c->bid.created_at)
           != RTPROP_OK)
    {
        return RTPROP_ERROR;
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
