/*
 * The life of an auction's state: what of its terms may change when, and who
 * has which bidder number.
 */


#include "features/auction/rtprop_auction.h"

#include <stdlib.h>

#include "base/rtprop_json.h"


static int rtprop_auction_terms_copy(rtprop_auction_terms_t *dst,
    const rtprop_auction_terms_t *src);
static int rtprop_auction_terms_fit(const rtprop_auction_terms_t *t,
    int64_t now, rtprop_invalid_t *why);
static int rtprop_auction_relied_on(const rtprop_auction_t *a,
    const rtprop_auction_terms_t *t);


rtprop_auction_t *
rtprop_auction_create(const rtprop_auction_terms_t *t, int64_t now,
    rtprop_invalid_t *why)
{
    rtprop_auction_t  *a;

    why->field = NULL;
    why->message = NULL;

    if (rtprop_auction_terms_fit(t, now, why) != RTPROP_OK) {
        return NULL;
    }

    a = calloc(1, sizeof(rtprop_auction_t));
    if (a == NULL) {
        return NULL;
    }

    if (rtprop_auction_change(a, t, now, why) != RTPROP_OK) {
        rtprop_auction_destroy(a);
        return NULL;
    }

    return a;
}


void
rtprop_auction_destroy(rtprop_auction_t *a)
{
    unsigned  i;

    if (a == NULL) {
        return;
    }

    for (i = 0; i < a->nbidders; i++) {
        free(a->bidders[i].user);
        free(a->bidders[i].claims);
    }

    free(a->bidders);
    rtprop_auction_terms_free(&a->terms);
    free(a);
}


void
rtprop_auction_terms_free(rtprop_auction_terms_t *t)
{
    free(t->property_id);
    free(t->property_title);

    t->property_id = NULL;
    t->property_title = NULL;
}


static int
rtprop_auction_terms_copy(rtprop_auction_terms_t *dst,
    const rtprop_auction_terms_t *src)
{
    *dst = *src;

    dst->property_id = src->property_id ? strdup(src->property_id) : NULL;
    dst->property_title = src->property_title ? strdup(src->property_title)
                                              : NULL;

    if ((src->property_id && dst->property_id == NULL)
        || (src->property_title && dst->property_title == NULL))
    {
        rtprop_auction_terms_free(dst);
        return RTPROP_ERROR;
    }

    return RTPROP_OK;
}


static int
rtprop_auction_terms_fit(const rtprop_auction_terms_t *t, int64_t now,
    rtprop_invalid_t *why)
{
    why->field = "ends_at";

    if (t->starts_at_given && t->ends_at <= t->starts_at) {
        why->message = "ends_at must be later than starts_at";
        return RTPROP_ERROR;
    }

    if (t->ends_at <= now) {
        why->message = "ends_at must be in the future";
        return RTPROP_ERROR;
    }

    why->field = NULL;

    return RTPROP_OK;
}


int
rtprop_auction_change(rtprop_auction_t *a, const rtprop_auction_terms_t *t,
    int64_t now, rtprop_invalid_t *why)
{
    rtprop_auction_terms_t  terms;

    why->field = NULL;
    why->message = NULL;

    if (a->status == RTPROP_AUCTION_SCHEDULED) {

        if (rtprop_auction_terms_fit(t, now, why) != RTPROP_OK) {
            return RTPROP_ERROR;
        }

    } else if (rtprop_auction_relied_on(a, t)) {
        return RTPROP_DECLINED;
    }

    if (rtprop_auction_terms_copy(&terms, t) != RTPROP_OK) {
        return RTPROP_ERROR;
    }

    if (a->status != RTPROP_AUCTION_SCHEDULED) {
        free(a->terms.property_id);
        free(a->terms.property_title);
        a->terms.property_id = terms.property_id;
        a->terms.property_title = terms.property_title;
        return RTPROP_OK;
    }

    if (!terms.starts_at_given) {
        terms.starts_at = now;
    }

    rtprop_auction_terms_free(&a->terms);

    a->terms = terms;
    a->price = terms.starting_price;
    a->starts_at = terms.starts_at;
    a->ends_at = terms.ends_at;

    return RTPROP_OK;
}


/* Tells whether the new terms differ in what bidders have relied on. */

static int
rtprop_auction_relied_on(const rtprop_auction_t *a,
    const rtprop_auction_terms_t *t)
{
    const rtprop_auction_terms_t  *old;

    old = &a->terms;

    return t->starting_price != old->starting_price
           || t->bid_increment != old->bid_increment
           || (t->ends_at != old->ends_at && t->ends_at != a->ends_at)
           || (t->starts_at_given && t->starts_at != old->starts_at
               && t->starts_at != a->starts_at)
           || (t->extend_window_given
               && t->extend_window_ms != old->extend_window_ms)
           || (t->extend_by_given && t->extend_by_ms != old->extend_by_ms)
           || (t->anonymous_given && t->anonymous != old->anonymous);
}


unsigned
rtprop_auction_register(rtprop_auction_t *a, const rtprop_str_t *user,
    int *added)
{
    unsigned  number;

    *added = 0;

    number = rtprop_auction_number(a, user);

    if (number || rtprop_auction_over(a)) {
        return number;
    }

    number = rtprop_auction_append(a, user);

    *added = (number != 0);

    return number;
}


unsigned
rtprop_auction_append(rtprop_auction_t *a, const rtprop_str_t *user)
{
    char                     *id;
    unsigned                  n;
    rtprop_auction_bidder_t  *p;

    if (a->nbidders == RTPROP_AUCTION_BIDDERS_MAX
        || user->len > RTPROP_AUCTION_USER_LEN
        || !rtprop_json_id_valid(user->data, user->len))
    {
        return 0;
    }

    if (a->nbidders == a->nalloc) {
        n = a->nalloc ? a->nalloc * 2 : 16;

        p = realloc(a->bidders, n * sizeof(rtprop_auction_bidder_t));
        if (p == NULL) {
            return 0;
        }

        a->bidders = p;
        a->nalloc = n;
    }

    id = strndup((char *) user->data, user->len);
    if (id == NULL) {
        return 0;
    }

    p = &a->bidders[a->nbidders++];
    p->user = id;
    p->claims = NULL;
    p->nclaims = 0;

    return a->nbidders;
}


unsigned
rtprop_auction_number(const rtprop_auction_t *a, const rtprop_str_t *user)
{
    unsigned     i;
    const char  *id;

    if (user->len == 0 || user->len > RTPROP_AUCTION_USER_LEN) {
        return 0;
    }

    for (i = 0; i < a->nbidders; i++) {
        id = a->bidders[i].user;

        if (strncmp(id, (char *) user->data, user->len) == 0
            && id[user->len] == '\0')
        {
            return i + 1;
        }
    }

    return 0;
}


const char *
rtprop_auction_user(const rtprop_auction_t *a, unsigned number)
{
    if (number == 0 || number > a->nbidders) {
        return NULL;
    }

    return a->bidders[number - 1].user;
}
