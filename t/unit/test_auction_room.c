/*
 * What the room adds to the rules: absent bidders, ids that grow, broadcasts.
 */

#include <stdlib.h>

#include "src/features/auction/rtprop_auction.c"
#include "src/features/auction/rtprop_auction_course.c"
#include "src/features/auction/rtprop_auction_state.c"
#include "src/features/auction/rtprop_auction_terms.c"
#include "src/base/rtprop_json.c"
#include "src/base/rtprop_json_write.c"
#include "src/base/rtprop_time.c"

#include "t/unit/tap.h"


#define START    1772359200000LL


static rtprop_auction_verdict_t  v;
static rtprop_invalid_t          why;


static rtprop_str_t
str(const char *s)
{
    rtprop_str_t  str;

    str.data = (unsigned char *) s;
    str.len = strlen(s);

    return str;
}


static rtprop_auction_t *
live(void)
{
    int                      added;
    rtprop_str_t             user;
    rtprop_auction_t        *a;
    rtprop_auction_terms_t   t;

    memset(&t, 0, sizeof(t));

    t.starting_price = 1000;
    t.bid_increment = 100;
    t.ends_at = START + 3600000;

    a = rtprop_auction_create(&t, START, &why);
    rtprop_auction_tick(a, START);

    user = str("anna");
    rtprop_auction_register(a, &user, &added);

    return a;
}


static rtprop_auction_code_e
bid(rtprop_auction_t *a, int absent, const char *id, int64_t amount)
{
    rtprop_auction_offer_t  o;

    memset(&o, 0, sizeof(o));

    o.user = str("anna");
    o.client_bid_id = str("c1");
    o.bid_id = str(id);
    o.amount = amount;
    o.absent = absent ? 1 : 0;

    rtprop_auction_bid(a, &o, START + 1, &v);

    return v.code;
}


static void
test_absent(void)
{
    rtprop_auction_t  *a;

    a = live();

    is_int(bid(a, 1, "1", 1100), RTPROP_AUCTION_NOT_JOINED,
           "who is not there cannot bid");
    is_int(v.price, 1000, "the price is told");
    is_int(v.minimum, 1100, "and the minimum");
    is_int(bid(a, 1, "1", 0), RTPROP_AUCTION_NOT_JOINED, "whatever amount");
    is_int(a->bid_count, 0, "nothing has changed");

    is_int(bid(a, 0, "1", 1100), RTPROP_AUCTION_ACCEPTED, "who joined can");
    is_int(bid(a, 1, "2", 1100), RTPROP_AUCTION_ACCEPTED,
           "a retry is answered, even when the bidder has gone");
    ok(v.duplicate && strcmp(v.bid.id, "1") == 0, "with the first one's id");

    rtprop_auction_destroy(a);
}


static void
test_last_id(void)
{
    size_t             i;
    rtprop_auction_t  *a;

    static const struct {
        const char  *id;
        uint64_t     n;
    } ids[] = {
        { "1", 1 }, { "912422329299009536", 912422329299009536ULL },
        { "b1", 0 }, { "1b", 0 }, { "99999999999999999999", 0 },
    };

    a = live();
    is_int(rtprop_auction_last_id(a), 0, "no bid has no id");

    bid(a, 0, "1", 1100);

    for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        strcpy(a->recent[0].id, ids[i].id);
        ok(rtprop_auction_last_id(a) == ids[i].n, "id %s", ids[i].id);
    }

    rtprop_auction_destroy(a);
}


static int
broadcast(const char *event, const char *json, rtprop_str_t *name,
    rtprop_auction_action_e *what, int64_t *arg)
{
    int      rc;
    json_t  *data;

    *name = str(event);
    data = json_loads(json, 0, NULL);
    rc = rtprop_auction_broadcast_parse(name, data, what, arg, &why);
    json_decref(data);

    return rc;
}


static void
test_broadcast(void)
{
    size_t                   i;
    int64_t                  arg;
    rtprop_str_t             name;
    rtprop_auction_action_e  what;

    static const char  *bad[] = {
        "", "a b", "a:b", "\xc3\xa9", "auction:",
        "1234567890123456789012345678901234567890123456789",
    };

    is_int(broadcast("ended", "{}", &name, &what, &arg), RTPROP_OK,
           "ended is an order");
    is_int(what, RTPROP_AUCTION_END, "to end");
    is_int(broadcast("auction:ended", "", &name, &what, &arg), RTPROP_OK,
           "the prefix may be there");

    is_int(broadcast("time_extended", "{\"ends_at\":5}", &name, &what, &arg),
           RTPROP_OK, "time_extended is an order");
    ok(what == RTPROP_AUCTION_EXTEND_TO && arg == 5, "to extend");
    is_int(broadcast("time_extended", "{\"newEndTime\":7}", &name, &what,
                     &arg), RTPROP_OK, "by its other name");
    is_int(arg, 7, "too");
    is_int(broadcast("time_extended", "{}", &name, &what, &arg), RTPROP_ERROR,
           "without an end it is none");
    is_str(why.field, "ends_at", "names the field");
    is_int(broadcast("time_extended", "{\"ends_at\":\"x\"}", &name, &what,
                     &arg), RTPROP_ERROR, "nor with a bad one");

    is_int(broadcast("auction:announcement", "{}", &name, &what, &arg),
           RTPROP_DECLINED, "the rest goes out as it is");
    ok(rtprop_str_eq(&name, "announcement", 12), "without prefix");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(broadcast(bad[i], "{}", &name, &what, &arg) == RTPROP_ERROR,
           "'%s' names no event", bad[i]);
        is_str(why.field, "event", "which is told");
    }
}


int
main(void)
{
    test_absent();
    test_last_id();
    test_broadcast();

    return plan_done();
}
