/*
 * Texts about an auction: the document that the engine keeps, and what a host
 * sends: terms and orders.
 */

#include "t/fuzz/fuzz.h"

#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "base/rtprop_time.c"
#include "features/auction/rtprop_auction.c"
#include "features/auction/rtprop_auction_course.c"
#include "features/auction/rtprop_auction_doc.c"
#include "features/auction/rtprop_auction_json.c"
#include "features/auction/rtprop_auction_state.c"
#include "features/auction/rtprop_auction_terms.c"


#define NOW  1772359200000LL


/* Whatever was kept: it can be shown, bid on, ticked, and written again. */

static void
use(rtprop_auction_t *a)
{
    char                      *text, *twice;
    size_t                     len, again_len;
    json_t                    *json;
    rtprop_auction_t          *again;
    rtprop_auction_view_t      view;
    rtprop_auction_offer_t     o;
    rtprop_auction_verdict_t   v;

    text = rtprop_auction_serialise(a, &len);
    must(text != NULL, "a state is written");
    again = text ? rtprop_auction_parse(text, len) : NULL;
    must(again != NULL, "what is written is read");
    twice = again ? rtprop_auction_serialise(again, &again_len) : NULL;

    must(twice && len == again_len && memcmp(text, twice, len) == 0,
         "and is the same");

    free(text);
    free(twice);
    rtprop_auction_destroy(again);

    view.id.data = (unsigned char *) "7";
    view.id.len = 1;
    view.version = 1;
    view.now = NOW;

    json = rtprop_auction_state_payload(a, &view, a->nbidders, a->nbidders);
    must(json != NULL, "a state is shown");
    json_decref(json);

    json = rtprop_auction_resource_json(a, &view, 1);
    must(json != NULL, "a resource is shown");
    json_decref(json);

    memset(&o, 0, sizeof(o));
    o.user.data = (unsigned char *) "u1";
    o.user.len = 2;
    o.bid_id = o.user;
    o.client_bid_id = o.user;
    o.amount = rtprop_auction_minimum(a);

    rtprop_auction_bid(a, &o, NOW, &v);
    must(v.code <= RTPROP_AUCTION_UNAVAILABLE, "a bid has its verdict");

    json = v.code ? rtprop_auction_rejected_payload(&view, &v, NULL)
                  : rtprop_auction_outbid_payload(a, &view, &v);
    must(json != NULL, "which is told");
    json_decref(json);

    must(rtprop_auction_last_id(a) <= INT64_MAX, "a bid's id");
    (void) rtprop_auction_remaining(a, NOW);
    (void) rtprop_auction_tick(a, NOW);
    (void) rtprop_auction_tick(a, RTPROP_AUCTION_TIME_MAX);
}


static void
terms(const json_t *body)
{
    rtprop_auction_t        *a;
    rtprop_invalid_t         why;
    rtprop_auction_terms_t   t;

    if (rtprop_auction_terms_parse(&t, body, &why) != RTPROP_OK) {
        must(why.field && why.message, "an error says what");
        return;
    }

    must(t.bid_increment >= 1 && t.starting_price >= 0
         && t.starting_price + 2 * t.bid_increment <= RTPROP_INT_MAX,
         "room for two bids");
    must(t.ends_at >= 0 && t.ends_at <= RTPROP_AUCTION_TIME_MAX, "an end");

    a = rtprop_auction_create(&t, NOW, &why);
    must(a != NULL || why.field, "terms that are none say why");

    if (a != NULL) {
        use(a);
        rtprop_auction_destroy(a);
    }

    rtprop_auction_terms_free(&t);
}


static void
order(const json_t *body)
{
    int                        rc;
    size_t                     i;
    int64_t                    arg;
    rtprop_str_t               name;
    rtprop_invalid_t           why;
    rtprop_auction_action_e    what;

    static const char *const  names[] = {
        "start", "pause", "resume", "extend", "cancel", "end", "", "other"
    };

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        name.data = (unsigned char *) names[i];
        name.len = strlen(names[i]);

        rc = rtprop_auction_action_parse(&name, body, &what, &arg, &why);

        must((rc == RTPROP_DECLINED) == (i > 5), "six orders");
        must(rc != RTPROP_ERROR || (why.field && why.message),
             "an error says what");
    }
}


static void
broadcast(const char *event, size_t len, const json_t *body)
{
    int                        rc;
    int64_t                    arg;
    rtprop_str_t               name;
    rtprop_invalid_t           why;
    rtprop_auction_action_e    what;

    name.data = fuzz_copy(event, len);
    name.len = len;

    rc = rtprop_auction_broadcast_parse(&name, body, &what, &arg, &why);

    if (rc == RTPROP_ERROR) {
        must(why.field && why.message, "an error says what");
        return;
    }

    must(name.len >= 1 && name.len <= RTPROP_AUCTION_EVENT_LEN, "a name");
    must(memchr(name.data, '"', name.len) == NULL
         && memchr(name.data, ':', name.len) == NULL, "that is a word");
}


static void
fuzz_one(fuzz_input_t *in)
{
    json_t            *body;
    const char        *err;
    rtprop_str_t       s;
    rtprop_auction_t  *a;

    s = fuzz_rest(in);

    a = rtprop_auction_parse((char *) s.data, s.len);

    if (a != NULL) {
        use(a);
        rtprop_auction_destroy(a);
    }

    broadcast((char *) s.data, s.len < 80 ? s.len : 80, NULL);

    body = rtprop_json_load(s.data, s.len, 16, &err);

    if (body != NULL) {
        terms(body);
        order(body);
        broadcast("ended", 5, body);
        broadcast("auction:time_extended", 21, body);
        json_decref(body);
    }
}
