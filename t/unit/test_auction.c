/*
 * The rules of the auction, one after the other.
 */

#include <locale.h>
#include <stdlib.h>

#include "src/features/auction/rtprop_auction.c"
#include "src/features/auction/rtprop_auction_course.c"
#include "src/features/auction/rtprop_auction_state.c"
#include "src/features/auction/rtprop_auction_terms.c"
#include "src/features/auction/rtprop_auction_doc.c"
#include "src/features/auction/rtprop_auction_json.c"
#include "src/base/rtprop_json.c"
#include "src/base/rtprop_json_write.c"
#include "src/base/rtprop_time.c"

#include "t/unit/tap.h"


#define SECOND   1000LL
#define MINUTE   60000LL
#define HOUR     3600000LL

#define MILLION  1000000LL

/* 2026-03-01T10:00:00Z: it starts; an hour later it ends */

#define START    1772359200000LL
#define END      (START + HOUR)


static rtprop_auction_verdict_t  v;
static rtprop_invalid_t          why;


static rtprop_str_t
str(const char *s)
{
    rtprop_str_t  str;

    str.data = (unsigned char *) s;
    str.len = s ? strlen(s) : 0;

    return str;
}


static void
terms(rtprop_auction_terms_t *t)
{
    memset(t, 0, sizeof(*t));

    t->property_id = strdup("p1");
    t->property_title = strdup("House by the sea");
    t->starting_price = 2000 * MILLION;
    t->bid_increment = 50 * MILLION;
    t->starts_at = START;
    t->starts_at_given = 1;
    t->ends_at = END;
    t->extend_window_ms = 2 * MINUTE;
    t->extend_by_ms = 2 * MINUTE;
}


static rtprop_auction_t *
scheduled(void)
{
    rtprop_auction_t        *a;
    rtprop_auction_terms_t   t;

    terms(&t);
    a = rtprop_auction_create(&t, START - HOUR, &why);
    rtprop_auction_terms_free(&t);

    return a;
}


static unsigned
join(rtprop_auction_t *a, const char *user)
{
    int           added;
    rtprop_str_t  s;

    s = str(user);

    return rtprop_auction_register(a, &s, &added);
}


/* live, with anna (1), ben (2) and cleo (3) */

static rtprop_auction_t *
live(void)
{
    rtprop_auction_t  *a;

    a = scheduled();

    join(a, "anna");
    join(a, "ben");
    join(a, "cleo");

    rtprop_auction_tick(a, START);

    return a;
}


static const char *
bid_as(rtprop_auction_t *a, const char *user, int64_t amount, int64_t now,
    const char *client_id)
{
    char                     id[32];
    rtprop_auction_offer_t   o;

    static unsigned          n;

    sprintf(id, "bid-%u", ++n);

    memset(&o, 0, sizeof(o));

    o.user = str(user);
    o.amount = amount;
    o.client_bid_id = str(client_id);
    o.bid_id = str(id);

    rtprop_auction_bid(a, &o, now, &v);

    return rtprop_auction_code_word(v.code);
}


static const char *
bid(rtprop_auction_t *a, const char *user, int64_t amount, int64_t now)
{
    return bid_as(a, user, amount, now, NULL);
}


static int
act(rtprop_auction_t *a, rtprop_auction_action_e what, int64_t now)
{
    return rtprop_auction_act(a, what, 0, now, &why);
}


static char *
text(rtprop_auction_t *a)
{
    size_t  len;

    return rtprop_auction_serialise(a, &len);
}


static void
test_numbers(void)
{
    int                added;
    unsigned           i;
    char               name[16];
    rtprop_str_t       s;
    rtprop_auction_t  *a;

    a = scheduled();

    is_int(join(a, "anna"), 1, "the first who joins is number 1");
    is_int(join(a, "ben"), 2, "the second is number 2");
    is_int(join(a, "anna"), 1, "who joins again keeps the number");

    s = str("ann");
    is_int(rtprop_auction_number(a, &s), 0, "a prefix is another user");

    s = str("anna");
    rtprop_auction_register(a, &s, &added);
    is_int(added, 0, "joining again changes nothing");

    is_str(rtprop_auction_user(a, 2), "ben", "a number leads to its user");
    ok(rtprop_auction_user(a, 0) == NULL && rtprop_auction_user(a, 3) == NULL,
       "other numbers to none");

    is_int(join(a, ""), 0, "nobody gets no number");
    is_int(join(a, "a\nb"), 0, "nor do two in one");

    for (i = 3; i <= RTPROP_AUCTION_BIDDERS_MAX; i++) {
        sprintf(name, "u%u", i);

        if (join(a, name) != i) {
            break;
        }
    }

    is_int(a->nbidders, RTPROP_AUCTION_BIDDERS_MAX, "10,000 may join");
    is_int(join(a, "late"), 0, "one more gets no number");
    is_int(join(a, "u9999"), 9999, "the others keep theirs");

    rtprop_auction_destroy(a);

    a = live();
    act(a, RTPROP_AUCTION_END, START + 1);
    is_int(join(a, "dora"), 0, "who comes after the end may only look");
    is_int(join(a, "cleo"), 3, "who was there is still known");
    rtprop_auction_destroy(a);
}


static void
test_minimum(void)
{
    rtprop_auction_t  *a;

    a = live();

    is_int(rtprop_auction_minimum(a), 2050 * MILLION,
           "the first minimum is starting price + increment");

    is_str(bid(a, "anna", 2050 * MILLION - 1, START), "below_minimum",
           "one unit less is refused");
    is_str(v.reason, "Minimum bid is 2,050,000,000", "with the amount in text");
    is_int(v.minimum, 2050 * MILLION, "and as a number");
    is_int(a->price, 2000 * MILLION, "the price stays");

    is_str(bid(a, "anna", 2050 * MILLION, START), "accepted",
           "the minimum itself is accepted");
    is_int(a->price, 2050 * MILLION, "it is the new price");
    is_int(v.bid.bidder, 1, "the bid has the bidder's number");
    is_int(v.outbid, 0, "nobody is outbid by the first");
    is_int(v.minimum, 2100 * MILLION, "the minimum has moved on");
    is_int(v.not_after, END, "it must be committed before the end");

    is_str(bid(a, "ben", 2099 * MILLION, START), "below_minimum",
           "the next must beat the price by the increment");

    is_str(bid(a, "ben", 2500 * MILLION, START), "accepted",
           "a higher jump is allowed");
    is_int(v.outbid, 1, "the former highest bidder is outbid");
    is_str(v.outbid_user, "anna", "and named");
    is_int(v.outbid_amount, 2050 * MILLION, "with the bid that was beaten");
    is_int(v.minimum, 2550 * MILLION, "and what is needed to win");

    is_str(bid(a, "ben", 3000 * MILLION, START), "already_highest",
           "the leader does not bid against himself");
    is_str(v.reason, "You are already the highest bidder", "and is told so");

    is_str(bid(a, "zoe", 3000 * MILLION, START), "not_registered",
           "who never joined may not bid");

    is_int(a->bid_count, 2, "only accepted bids count");

    rtprop_auction_destroy(a);
}


static void
test_amounts(void)
{
    size_t             i;
    rtprop_auction_t  *a;

    static const int64_t  bad[] = {
        0, -1, INT64_MIN, INT64_MAX, RTPROP_INT_MAX + 1, RTPROP_INT_MAX,
        RTPROP_INT_MAX - 50 * MILLION + 1
    };

    a = live();

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(strcmp(bid(a, "anna", bad[i], START), "invalid_amount") == 0,
           "%lld is no amount", (long long) bad[i]);
    }

    is_str(v.reason, "Bid amount is not valid", "the text says so");

    is_str(bid(a, "anna", RTPROP_INT_MAX - 50 * MILLION, START), "accepted",
           "the highest amount that can still be outbid is one");
    is_int(v.minimum, RTPROP_INT_MAX, "the minimum is the last number");

    bid(a, "ben", 1, START);
    is_str(v.reason, "Minimum bid is 9,007,199,254,740,991",
           "which can be written");

    rtprop_auction_destroy(a);
}


static void
test_when(void)
{
    rtprop_auction_t  *a;

    a = scheduled();
    join(a, "anna");
    join(a, "ben");

    is_str(bid(a, "anna", 2050 * MILLION, START - 1), "not_started",
           "a bid before the start is refused");
    is_str(v.reason, "Auction is not active", "with the known text");
    is_str(bid(a, "anna", 2050 * MILLION, START), "accepted",
           "one at the start is accepted, however late the clock's tick");
    ok(v.started && a->status == RTPROP_AUCTION_LIVE, "and starts the auction");
    is_str(bid(a, "ben", 2100 * MILLION, START), "accepted",
           "so does the next");
    ok(!v.started, "which does not start it again");

    is_str(bid(a, "anna", 2200 * MILLION, END), "auction_ended",
           "a bid at the end is too late");
    is_str(v.reason, "Auction has ended", "with the known text");
    is_str(bid(a, "anna", 2200 * MILLION, END + HOUR), "auction_ended",
           "so is one long after");
    is_str(bid(a, "anna", 2200 * MILLION, END - 1), "accepted",
           "one in the last millisecond counts");

    act(a, RTPROP_AUCTION_PAUSE, END);
    is_str(bid(a, "ben", 2300 * MILLION, END + 1), "paused",
           "no bids during a pause");
    is_str(v.reason, "Auction is not active", "with the known text");

    act(a, RTPROP_AUCTION_CANCEL, END + 2);
    is_str(bid(a, "ben", 2300 * MILLION, END + 3), "auction_ended",
           "none after it was called off");

    rtprop_auction_destroy(a);
}


static void
test_soft_close(void)
{
    rtprop_auction_t        *a;
    rtprop_auction_terms_t   t;

    a = live();

    bid(a, "anna", 2050 * MILLION, END - 2 * MINUTE);
    ok(!v.extended && a->ends_at == END,
       "a bid with just two minutes to go leaves the end");

    bid(a, "ben", 2100 * MILLION, END - 2 * MINUTE + 1);
    ok(v.extended, "a millisecond later it moves the end");
    is_int(v.old_end, END, "from the old end");
    is_int(v.new_end, END + 2 * MINUTE, "by two minutes, not from now");
    is_int(v.not_after, END, "the bid itself had to come before the old end");
    is_int(a->ends_at, v.new_end, "that is the end now");

    bid(a, "anna", 1, END - 1);
    ok(!v.extended && a->ends_at == END + 2 * MINUTE,
       "a refused bid moves nothing");

    bid(a, "anna", 2200 * MILLION, END + MINUTE);
    is_int(a->ends_at, END + 4 * MINUTE, "each late bid moves it again");

    bid(a, "ben", 2300 * MILLION, END + MINUTE);
    is_int(a->ends_at, END + 4 * MINUTE, "one with time enough does not");

    rtprop_auction_destroy(a);

    terms(&t);
    t.extend_by_ms = 0;
    a = rtprop_auction_create(&t, START, &why);
    join(a, "anna");
    is_str(bid(a, "anna", 2050 * MILLION, END - 1), "accepted",
           "without a step a late bid counts");
    ok(!v.extended && a->ends_at == END, "and the close is hard");
    rtprop_auction_destroy(a);

    t.extend_by_ms = RTPROP_AUCTION_SPAN_MAX;
    t.ends_at = RTPROP_AUCTION_TIME_MAX;
    a = rtprop_auction_create(&t, START, &why);
    join(a, "anna");
    is_str(bid(a, "anna", 2050 * MILLION, t.ends_at - 1), "accepted",
           "at the end of all time, too");
    is_int(a->ends_at, RTPROP_AUCTION_TIME_MAX, "nothing lies behind it");
    rtprop_auction_destroy(a);
    rtprop_auction_terms_free(&t);
}


static void
test_retry(void)
{
    char               first[RTPROP_AUCTION_ID_LEN + 1], *before, *after;
    rtprop_auction_t  *a;

    a = live();

    bid_as(a, "anna", 2050 * MILLION, START, "c1");
    strcpy(first, v.bid.id);
    bid_as(a, "ben", 2100 * MILLION, START + 1, "c1");
    ok(v.code == 0 && !v.duplicate, "another user's client_bid_id is no retry");

    before = text(a);

    is_str(bid_as(a, "anna", 2050 * MILLION, START + 2, "c1"), "accepted",
           "a retry is accepted again, though the price has moved on");
    ok(v.duplicate, "as a duplicate");
    is_str(v.bid.id, first, "with the id of the first time");
    is_int(v.bid.created_at, START, "and its time");
    is_int(v.outbid, 0, "nobody is outbid by it");

    bid_as(a, "anna", 9 * MILLION, START + 3, "c1");
    is_int(v.bid.amount, 2050 * MILLION, "the first amount is the bid's");

    is_str(bid_as(a, "anna", 2050 * MILLION, END + HOUR, "c1"), "accepted",
           "even after the end");

    after = text(a);
    is_str(after, before, "a retry changes nothing");
    free(before);
    free(after);

    is_str(bid_as(a, "anna", 2100 * MILLION, START, "c2"), "below_minimum",
           "a refused bid");
    is_str(bid_as(a, "anna", 2200 * MILLION, START, "c2"), "accepted",
           "may be made anew under its client_bid_id");

    bid_as(a, "ben", 2300 * MILLION, START, NULL);
    bid_as(a, "anna", 2400 * MILLION, START, "c3");
    bid_as(a, "ben", 2500 * MILLION, START, NULL);

    bid_as(a, "anna", 2400 * MILLION, START, "c3");
    ok(v.duplicate, "the last of a bidder is known");
    bid_as(a, "anna", 2200 * MILLION, START, "c2");
    ok(v.duplicate, "so is the one before");
    is_str(bid_as(a, "anna", 2050 * MILLION, START, "c1"), "below_minimum",
           "an older one is judged like any bid");

    rtprop_auction_destroy(a);
}


static void
test_actions(void)
{
    rtprop_auction_t  *a;

    a = scheduled();

    is_int(act(a, RTPROP_AUCTION_PAUSE, START), RTPROP_DECLINED,
           "what is not live is not paused");
    is_int(act(a, RTPROP_AUCTION_RESUME, START), RTPROP_DECLINED,
           "nor resumed");
    is_int(act(a, RTPROP_AUCTION_END, START), RTPROP_DECLINED,
           "nor ended; it may be cancelled");
    is_int(rtprop_auction_act(a, RTPROP_AUCTION_EXTEND_BY, MINUTE, START, &why),
           RTPROP_DECLINED, "nor extended; its terms may change");

    is_int(act(a, RTPROP_AUCTION_START, START - MINUTE), RTPROP_OK,
           "an agent may start early");
    is_int(a->starts_at, START - MINUTE, "that is the start then");
    is_int(a->ends_at, END, "the end stays");
    is_int(act(a, RTPROP_AUCTION_START, START), RTPROP_DECLINED, "once");

    is_int(act(a, RTPROP_AUCTION_PAUSE, END - 10 * MINUTE), RTPROP_OK,
           "a live one can be paused");
    is_int(rtprop_auction_next_due(a), -1, "the clock stops");
    is_int(rtprop_auction_tick(a, END + HOUR), RTPROP_AUCTION_NOTHING,
           "nothing ends it");
    is_int(rtprop_auction_remaining(a, END + HOUR), 10 * MINUTE,
           "ten minutes are left, whatever the time");
    is_int(act(a, RTPROP_AUCTION_PAUSE, END), RTPROP_DECLINED, "not twice");

    is_int(act(a, RTPROP_AUCTION_RESUME, END + 20 * MINUTE), RTPROP_OK,
           "half an hour later it goes on");
    is_int(a->ends_at, END + 30 * MINUTE, "for the ten minutes left");
    is_int(a->paused_at, 0, "and is not paused any more");

    act(a, RTPROP_AUCTION_PAUSE, END + 25 * MINUTE);
    act(a, RTPROP_AUCTION_RESUME, END + 24 * MINUTE);
    is_int(a->ends_at, END + 30 * MINUTE,
           "a clock that went back does not move the end back");

    is_int(rtprop_auction_act(a, RTPROP_AUCTION_EXTEND_BY, MINUTE,
                              END + 25 * MINUTE, &why), RTPROP_OK,
           "a live one can be extended by a time");
    is_int(a->ends_at, END + 31 * MINUTE, "from its end");
    is_int(rtprop_auction_act(a, RTPROP_AUCTION_EXTEND_TO, END + HOUR,
                              END + 25 * MINUTE, &why), RTPROP_OK,
           "and to a time");
    is_int(a->ends_at, END + HOUR, "that is the end then");

    is_int(rtprop_auction_act(a, RTPROP_AUCTION_EXTEND_TO, END + HOUR,
                              END + 25 * MINUTE, &why), RTPROP_ERROR,
           "not to what it is");
    is_str(why.field, "ends_at", "the field is named");
    is_int(rtprop_auction_act(a, RTPROP_AUCTION_EXTEND_BY, 0, END, &why),
           RTPROP_ERROR, "not by nothing");
    is_str(why.field, "by_ms", "the field is named");
    is_int(rtprop_auction_act(a, RTPROP_AUCTION_EXTEND_BY, INT64_MAX, END,
                              &why), RTPROP_ERROR, "not by all time");
    is_int(rtprop_auction_act(a, RTPROP_AUCTION_EXTEND_BY, MINUTE, END + HOUR,
                              &why), RTPROP_DECLINED,
           "not when its time is over, though the tick is late");
    is_int(act(a, RTPROP_AUCTION_PAUSE, END + HOUR), RTPROP_DECLINED,
           "nor paused then");

    is_int(act(a, RTPROP_AUCTION_END, END), RTPROP_OK, "it can be ended");
    is_int(a->ended_at, END, "at once");
    is_int(act(a, RTPROP_AUCTION_CANCEL, END), RTPROP_DECLINED,
           "what has ended is not cancelled");
    is_int(act(a, RTPROP_AUCTION_START, END), RTPROP_DECLINED,
           "nor started again");
    rtprop_auction_destroy(a);

    a = scheduled();
    is_int(act(a, RTPROP_AUCTION_START, END), RTPROP_DECLINED,
           "after its end it is not started by hand");
    is_int(act(a, RTPROP_AUCTION_CANCEL, END), RTPROP_OK, "but cancelled");
    is_int(rtprop_auction_next_due(a), -1, "then nothing is due");
    rtprop_auction_destroy(a);
}


static void
test_clock(void)
{
    rtprop_auction_t  *a;

    a = scheduled();

    is_int(rtprop_auction_next_due(a), START, "the start is due first");
    is_int(rtprop_auction_tick(a, START - 1), RTPROP_AUCTION_NOTHING,
           "not before its time");
    is_int(rtprop_auction_tick(a, START), RTPROP_AUCTION_STARTED, "in time");
    is_int(rtprop_auction_next_due(a), END, "then the end");
    is_int(rtprop_auction_tick(a, END - 1), RTPROP_AUCTION_NOTHING,
           "not before its time");
    is_int(rtprop_auction_tick(a, END), RTPROP_AUCTION_CLOSED, "in time");
    is_int(rtprop_auction_tick(a, END), RTPROP_AUCTION_NOTHING, "once");
    is_int(rtprop_auction_winner(a), 0, "without bids nobody has won");
    ok(!rtprop_auction_reserve_met(a), "and the reserve is not met");
    rtprop_auction_destroy(a);

    a = scheduled();
    is_int(rtprop_auction_tick(a, END + HOUR), RTPROP_AUCTION_STARTED,
           "who slept through it all does first the start");
    is_int(rtprop_auction_tick(a, END + HOUR), RTPROP_AUCTION_CLOSED,
           "then the end");
    is_int(a->ended_at, END, "which is dated when it should have been");
    rtprop_auction_destroy(a);

    a = live();
    bid(a, "anna", 2050 * MILLION, START);
    bid(a, "ben", 2100 * MILLION, START);
    is_int(rtprop_auction_winner(a), 0, "nobody has won before the end");
    ok(rtprop_auction_reserve_met(a), "the first bid meets the reserve");
    rtprop_auction_tick(a, END);
    is_int(rtprop_auction_winner(a), 2, "the highest bidder has won");
    is_int(rtprop_auction_remaining(a, START), 0, "no time is left");
    rtprop_auction_destroy(a);

    a = live();
    bid(a, "anna", 2050 * MILLION, START);
    act(a, RTPROP_AUCTION_END, END + HOUR);
    is_int(a->ended_at, END, "an end by hand that comes late is the clock's");
    is_int(rtprop_auction_winner(a), 1, "with the same winner");
    rtprop_auction_destroy(a);

    a = live();
    bid(a, "anna", 2050 * MILLION, START);
    act(a, RTPROP_AUCTION_CANCEL, START + 1);
    is_int(rtprop_auction_winner(a), 0, "a cancelled auction has no winner");
    rtprop_auction_destroy(a);
}


static int
change(rtprop_auction_t *a, int64_t now, void (*edit)(rtprop_auction_terms_t *))
{
    int                     rc;
    rtprop_auction_terms_t  t;

    terms(&t);
    edit(&t);
    rc = rtprop_auction_change(a, &t, now, &why);
    rtprop_auction_terms_free(&t);

    return rc;
}


static void
edit_nothing(rtprop_auction_terms_t *t)
{
    (void) t;
}


static void
edit_price(rtprop_auction_terms_t *t)
{
    t->starting_price++;
}


static void
edit_step(rtprop_auction_terms_t *t)
{
    t->bid_increment--;
}


static void
edit_end(rtprop_auction_terms_t *t)
{
    t->ends_at++;
}


static void
edit_past(rtprop_auction_terms_t *t)
{
    t->ends_at = START;
}


static void
edit_extended(rtprop_auction_terms_t *t)
{
    t->ends_at += 2 * MINUTE;
}


static void
edit_start(rtprop_auction_terms_t *t)
{
    t->starts_at++;
}


static void
edit_window(rtprop_auction_terms_t *t)
{
    t->extend_window_ms++;
    t->extend_window_given = 1;
}


static void
edit_defaults(rtprop_auction_terms_t *t)
{
    t->starts_at_given = 0;
    t->starts_at = 0;
    t->extend_window_ms++;
    t->extend_by_ms++;
}


static void
edit_anonymous(rtprop_auction_terms_t *t)
{
    t->anonymous = 1;
    t->anonymous_given = 1;
}


static void
edit_title(rtprop_auction_terms_t *t)
{
    strcpy(t->property_title, "House");
    strcpy(t->property_id, "p2");
}


static void
test_change(void)
{
    rtprop_auction_t  *a;

    a = scheduled();
    join(a, "anna");

    is_int(change(a, START - 1, edit_price), RTPROP_OK,
           "before the start the price may change");
    is_int(a->price, 2000 * MILLION + 1, "and is the price");
    is_int(change(a, START - 1, edit_end), RTPROP_OK, "the end may");
    is_int(rtprop_auction_user(a, 1) != NULL, 1, "bidders stay");
    is_int(change(a, START - 1, edit_past), RTPROP_ERROR,
           "an end at the start is refused");
    is_str(why.field, "ends_at", "by its name");
    is_int(change(a, END, edit_nothing), RTPROP_ERROR,
           "so is one that has passed");
    rtprop_auction_destroy(a);

    a = live();
    bid(a, "anna", 2050 * MILLION, END - 1);

    is_int(change(a, END, edit_nothing), RTPROP_OK,
           "the same terms may be sent to a live one");
    is_int(change(a, END, edit_title), RTPROP_OK, "title and property change");
    is_str(a->terms.property_title, "House", "and are kept");
    is_str(a->terms.property_id, "p2", "both");
    is_int(a->price, 2050 * MILLION, "the price stays");
    is_int(a->highest, 1, "the bids too");
    is_int(a->ends_at, END + 2 * MINUTE, "and the extended end");
    is_int(change(a, END, edit_extended), RTPROP_OK,
           "the extended end is the same end");
    is_int(change(a, END, edit_defaults), RTPROP_OK,
           "what is left out is the same");

    is_int(change(a, END, edit_price), RTPROP_DECLINED, "not the price");
    is_int(change(a, END, edit_step), RTPROP_DECLINED, "not the increment");
    is_int(change(a, END, edit_end), RTPROP_DECLINED, "not the end");
    is_int(change(a, END, edit_start), RTPROP_DECLINED, "not the start");
    is_int(change(a, END, edit_window), RTPROP_DECLINED, "not the window");
    is_int(change(a, END, edit_anonymous), RTPROP_DECLINED,
           "not whether winners are named");
    is_int(a->terms.bid_increment, 50 * MILLION, "a refused change is none");

    rtprop_auction_destroy(a);
}


static int
read_terms(const char *json, rtprop_auction_terms_t *t)
{
    int      rc;
    json_t  *body;

    body = json_loads(json, JSON_DECODE_ANY, NULL);
    rc = rtprop_auction_terms_parse(t, body, &why);
    json_decref(body);

    return rc;
}


#define GOOD  "\"starting_price\":10,\"bid_increment\":1,"                    \
              "\"ends_at\":\"2026-03-01T11:00:00Z\""

static void
test_terms(void)
{
    size_t                   i;
    rtprop_auction_t        *a;
    rtprop_auction_terms_t   t;

    static const char  *bad[][2] = {
        { "[]", "starting_price" },
        { "{\"starting_price\":-1}", "starting_price" },
        { "{\"starting_price\":1.5}", "starting_price" },
        { "{\"starting_price\":\"1\"}", "starting_price" },
        { "{\"current_price\":9007199254740992}", "current_price" },
        { "{\"starting_price\":1}", "bid_increment" },
        { "{\"starting_price\":1,\"bid_increment\":0}", "bid_increment" },
        { "{\"starting_price\":9007199254740991,\"bid_increment\":1}",
          "bid_increment" },
        { "{\"starting_price\":1,\"bid_increment\":1}", "ends_at" },
        { "{\"starting_price\":1,\"bid_increment\":1,\"ends_at\":-7}",
          "ends_at" },
        { "{\"starting_price\":1,\"bid_increment\":1,\"ends_at\":\"soon\"}",
          "ends_at" },
        { "{" GOOD ",\"starts_at\":\"now\"}", "starts_at" },
        { "{" GOOD ",\"starts_at\":\"1969-01-01T00:00:00Z\"}", "starts_at" },
        { "{" GOOD ",\"extend_window_ms\":-1}", "extend_window_ms" },
        { "{" GOOD ",\"extend_by_ms\":2592000001}", "extend_by_ms" },
        { "{" GOOD ",\"extend_by_ms\":true}", "extend_by_ms" },
        { "{" GOOD ",\"anonymous\":1}", "anonymous" },
        { "{" GOOD ",\"property_title\":{}}", "property_title" },
        { "{" GOOD ",\"property_id\":[]}", "property_id" },
    };

    is_int(read_terms("{" GOOD "}", &t), RTPROP_OK, "three terms are enough");
    is_int(t.extend_window_ms, 120000, "the window is two minutes then");
    is_int(t.extend_by_ms, 120000, "the step is, too");
    is_int(t.anonymous, 0, "winners are named");
    is_int(t.ends_at, END, "the end is read");

    a = rtprop_auction_create(&t, START, &why);
    is_int(a->starts_at, START, "it starts now");
    is_int(rtprop_auction_tick(a, START), RTPROP_AUCTION_STARTED,
           "at the first tick");
    rtprop_auction_destroy(a);

    ok(rtprop_auction_create(&t, END, &why) == NULL, "not when it is over");
    is_str(why.field, "ends_at", "the field is named");
    rtprop_auction_terms_free(&t);

    is_int(read_terms("{\"currentPrice\":5,\"bidIncrement\":2,"
                      "\"endsAt\":\"2026-03-01T13:00:00.250+02:00\","
                      "\"startsAt\":\"2026-03-01T10:00:00Z\","
                      "\"propertyId\":7,\"propertyTitle\":\"T\","
                      "\"extendWindowMs\":0,\"extendByMs\":1,"
                      "\"anonymous\":true}", &t),
           RTPROP_OK, "all of them, spelled otherwise");
    is_int(t.starting_price, 5, "the price may be called current");
    is_int(t.ends_at, END + 250, "a time may have an offset");
    is_str(t.property_id, "7", "an id may be a number");
    is_int(t.anonymous, 1, "anonymous");
    rtprop_auction_terms_free(&t);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(read_terms(bad[i][0], &t), RTPROP_ERROR, bad[i][0]);
        is_str(why.field, bad[i][1], "names the field");
    }
}


static int
read_action(const char *name, const char *json, rtprop_auction_action_e *what,
    int64_t *arg)
{
    int           rc;
    json_t       *body;
    rtprop_str_t  s;

    s = str(name);
    body = json_loads(json, 0, NULL);
    rc = rtprop_auction_action_parse(&s, body, what, arg, &why);
    json_decref(body);

    return rc;
}


static void
test_action_words(void)
{
    int64_t                  arg;
    rtprop_auction_action_e  what;

    is_int(read_action("pause", "", &what, &arg), RTPROP_OK, "an action");
    is_int(what, RTPROP_AUCTION_PAUSE, "has a word");
    is_int(read_action("end", "{\"x\":1}", &what, &arg), RTPROP_OK, "another");
    is_int(what, RTPROP_AUCTION_END, "and its word");
    is_int(read_action("", "", &what, &arg), RTPROP_DECLINED, "none");
    is_int(read_action("stop", "", &what, &arg), RTPROP_DECLINED, "unknown");

    is_int(read_action("extend", "{\"by_ms\":5}", &what, &arg), RTPROP_OK,
           "extend by");
    ok(what == RTPROP_AUCTION_EXTEND_BY && arg == 5, "milliseconds");
    is_int(read_action("extend", "{\"ends_at\":\"2026-03-01T11:00:00Z\"}",
                       &what, &arg), RTPROP_OK, "extend to");
    ok(what == RTPROP_AUCTION_EXTEND_TO && arg == END, "a time");
    is_int(read_action("extend", "", &what, &arg), RTPROP_ERROR, "or neither");
    is_str(why.field, "by_ms", "is refused");
    is_int(read_action("extend", "{\"by_ms\":\"5\"}", &what, &arg),
           RTPROP_ERROR, "as is a text");
    is_int(read_action("extend", "{\"ends_at\":5}", &what, &arg),
           RTPROP_OK, "or milliseconds");
    is_int(read_action("extend", "{\"ends_at\":5.5}", &what, &arg),
           RTPROP_ERROR, "no other number");
    is_str(why.field, "ends_at", "for a time");
}


static void
test_document(void)
{
    char              *one, *two, client[8], cut[4096];
    size_t             i, len;
    unsigned           n;
    rtprop_auction_t  *a, *b;

    static const char  *bad[] = {
        "", "{}", "[]", "null", "{\"format\":1}", "{\"format\":2}",
    };

    a = live();

    for (n = 0; n < 30; n++) {
        sprintf(client, "c%u", n);
        bid_as(a, n % 2 ? "ben" : "anna", (2050 + 50 * n) * MILLION,
               END - 1, n % 3 ? client : NULL);
    }

    is_int(a->nrecent, 20, "twenty bids are kept to be shown");
    is_int(a->recent[0].amount, a->price, "the newest first");
    is_int(a->bid_count, 30, "all are counted");

    one = text(a);
    b = rtprop_auction_parse(one, strlen(one));
    ok(b != NULL, "a document is read again");
    two = text(b);
    is_str(two, one, "and is the same");
    is_str(b->terms.property_title, "House by the sea", "with its terms");
    is_int(b->highest, a->highest, "and the leader");
    rtprop_auction_destroy(b);
    free(two);

    len = strlen(one);

    for (i = 0, n = 0; i < len; i++) {
        memcpy(cut, one, i);
        b = rtprop_auction_parse(cut, i);
        n += (b != NULL);
        rtprop_auction_destroy(b);
    }

    is_int(n, 0, "one that is cut short is none");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(rtprop_auction_parse(bad[i], strlen(bad[i])) == NULL,
           "'%s' is none", bad[i]);
    }

    for (i = 0, n = 0; i < len; i++) {
        memcpy(cut, one, len);
        cut[i] = cut[i] == '9' ? '[' : '9';
        b = rtprop_auction_parse(cut, len);
        n++;
        rtprop_auction_destroy(b);
    }

    is_int(n, len, "a changed one does no harm");

    free(one);
    rtprop_auction_destroy(a);
}


static const char *
dumped(json_t *json)
{
    char        *p;

    static char  buf[8192];

    p = json_dumps(json, JSON_COMPACT);
    snprintf(buf, sizeof(buf), "%s", p ? p : "(null)");
    free(p);
    json_decref(json);

    return buf;
}


static void
test_payloads(void)
{
    json_t                 *amount, *state;
    rtprop_auction_t       *a;
    rtprop_auction_view_t   view;

    a = live();

    view.id = str("7");
    view.version = 12;
    view.now = END - MINUTE - 1;

#define AUCTION_AT(price, minimum, end, met)                                  \
    "{\"id\":\"7\",\"auction_id\":\"7\",\"property_id\":\"p1\","              \
    "\"property_title\":\"House by the sea\",\"status\":\"live\","            \
    "\"current_price\":" price ",\"minimum_bid\":" minimum ","                \
    "\"minimum_next_bid\":" minimum ",\"bid_increment\":50000000,"            \
    "\"starts_at\":\"2026-03-01T10:00:00.000Z\","                             \
    "\"ends_at\":\"" end "\",\"reserve_met\":" met ",\"version\":12}"

    is_str(dumped(rtprop_auction_json(a, &view)),
           AUCTION_AT("2000000000", "2050000000", "2026-03-01T11:00:00.000Z",
                      "false"), "auction");

    is_str(dumped(rtprop_auction_state_payload(a, &view, 0, 0)),
           "{\"auction_id\":\"7\",\"auction\":"
           AUCTION_AT("2000000000", "2050000000", "2026-03-01T11:00:00.000Z",
                      "false")
           ",\"recent_bids\":[],\"your_bidder_number\":null,"
           "\"bidder_number\":null,\"active_bidders\":0,"
           "\"current_bidder_number\":null,\"your_max_amount\":null,"
           "\"server_time\":\"2026-03-01T10:58:59.999Z\","
           "\"remaining_seconds\":61}", "auction:state");

    bid(a, "anna", 2050 * MILLION, START);
    bid(a, "ben", 2100 * MILLION, END - MINUTE - 1);
    strcpy(v.bid.id, "b2");
    strcpy(a->recent[0].id, "b2");

    is_str(dumped(rtprop_auction_new_bid_payload(a, &view, &v)),
           "{\"auction_id\":\"7\",\"bid\":{\"id\":\"b2\",\"bid_id\":\"b2\","
           "\"amount\":2100000000,\"bidder_number\":2,"
           "\"created_at\":\"2026-03-01T10:58:59.999Z\"},\"auction\":"
           AUCTION_AT("2100000000", "2150000000", "2026-03-01T11:02:00.000Z",
                      "true") ",\"auction_state\":"
           AUCTION_AT("2100000000", "2150000000", "2026-03-01T11:02:00.000Z",
                      "true") "}", "auction:new_bid");

    is_str(dumped(rtprop_auction_accepted_payload(a, &view, &v)),
           "{\"auction_id\":\"7\",\"bid_id\":\"b2\",\"amount\":2100000000,"
           "\"bidder_id\":\"ben\",\"bidder_number\":2,"
           "\"timestamp\":\"2026-03-01T10:58:59.999Z\"}",
           "auction:bid_accepted");

    is_str(dumped(rtprop_auction_outbid_payload(a, &view, &v)),
           "{\"auction_id\":\"7\",\"property_title\":\"House by the sea\","
           "\"your_bid\":2050000000,\"new_high_bid\":2100000000,"
           "\"minimum_to_win\":2150000000}", "auction:outbid");

    state = rtprop_auction_state_payload(a, &view, 2, -1);
    ok(json_is_null(json_object_get(state, "active_bidders")),
       "how many bid is not known");
    json_decref(state);

    state = rtprop_auction_state_payload(a, &view, 2, 3);
    is_int(json_array_size(json_object_get(state, "recent_bids")), 2,
           "the state has the recent bids");
    is_str(dumped(json_incref(json_array_get(json_object_get(state,
                                                  "recent_bids"), 0))),
           "{\"id\":\"b2\",\"amount\":2100000000,\"bidder_number\":2,"
           "\"created_at\":\"2026-03-01T10:58:59.999Z\"}",
           "the newest first, without a user id");
    is_int(json_integer_value(json_object_get(state, "your_bidder_number")),
           2, "one's own number");
    is_int(json_integer_value(json_object_get(state, "current_bidder_number")),
           2, "the leader's number");
    ok(strstr(dumped(state), "ben") == NULL, "nobody is named in it");

    is_str(dumped(rtprop_auction_extended_payload(a, &view,
                                                  RTPROP_AUCTION_BY_BID)),
           "{\"auction_id\":\"7\","
           "\"new_end_time\":\"2026-03-01T11:02:00.000Z\","
           "\"ends_at\":\"2026-03-01T11:02:00.000Z\","
           "\"reason\":\"late_bid\","
           "\"server_time\":\"2026-03-01T10:58:59.999Z\","
           "\"remaining_seconds\":181}", "auction:time_extended");

    is_str(dumped(rtprop_auction_timer_payload(a, &view)),
           "{\"auction_id\":\"7\",\"status\":\"live\","
           "\"ends_at\":\"2026-03-01T11:02:00.000Z\","
           "\"server_time\":\"2026-03-01T10:58:59.999Z\","
           "\"remaining_seconds\":181,\"version\":12}", "auction:timer_sync");

    bid(a, "cleo", 7, START);
    amount = json_integer(7);
    is_str(dumped(rtprop_auction_rejected_payload(&view, &v, amount)),
           "{\"auction_id\":\"7\",\"code\":\"below_minimum\","
           "\"reason\":\"Minimum bid is 2,150,000,000\",\"amount\":7,"
           "\"minimum_bid\":2150000000,\"current_price\":2100000000}",
           "auction:bid_rejected");
    json_decref(amount);

    rtprop_auction_refuse(&v, NULL, RTPROP_AUCTION_UNAVAILABLE);
    is_str(dumped(rtprop_auction_rejected_payload(&view, &v, NULL)),
           "{\"auction_id\":\"7\",\"code\":\"unavailable\","
           "\"reason\":\"Failed to place bid\",\"amount\":null,"
           "\"minimum_bid\":null,\"current_price\":null}",
           "auction:bid_rejected of an unknown state");

    rtprop_auction_refuse(&v, a, RTPROP_AUCTION_NOT_JOINED);
    is_int(v.minimum, 2150 * MILLION, "of a known state with its minimum");

    is_str(dumped(rtprop_auction_count_payload(&view, 3)),
           "{\"auction_id\":\"7\",\"count\":3,\"bidder_count\":3,"
           "\"active_bidders\":3}", "auction:bidder_count");

    is_str(dumped(rtprop_auction_bidder_payload(&view, 2, 3)),
           "{\"auction_id\":\"7\",\"bidder_number\":2,\"bidder_count\":3}",
           "auction:bidder_joined");

    rtprop_auction_tick(a, END + HOUR);

    is_str(dumped(rtprop_auction_ended_payload(a, &view, 0)),
           "{\"auction_id\":\"7\",\"winner_id\":\"ben\","
           "\"winner_bidder_number\":2,\"final_price\":2100000000,"
           "\"winning_bid\":2100000000,\"reserve_met\":true,"
           "\"ended_at\":\"2026-03-01T11:02:00.000Z\"}", "auction:ended");

    a->terms.anonymous = 1;
    ok(strstr(dumped(rtprop_auction_ended_payload(a, &view, 0)),
              "\"winner_id\":null,\"winner_bidder_number\":2") != NULL,
       "anonymous: the winner is not named to others");
    ok(strstr(dumped(rtprop_auction_ended_payload(a, &view, 1)),
              "\"winner_id\":\"ben\"") != NULL, "but to the winner");

    ok(strstr(dumped(rtprop_auction_resource_json(a, &view, 0)), "ben")
       == NULL, "the public resource names nobody");
    ok(strstr(dumped(rtprop_auction_resource_json(a, &view, 1)),
              "\"starting_price\":2000000000,\"extend_window_ms\":120000,"
              "\"extend_by_ms\":120000,\"anonymous\":true,\"bid_count\":2,"
              "\"bidder_count\":3,\"winner_bidder_number\":2,"
              "\"ended_at\":\"2026-03-01T11:02:00.000Z\","
              "\"winner_id\":\"ben\"}") != NULL, "the host's has all");

    rtprop_auction_destroy(a);
}


int
main(void)
{
    setlocale(LC_ALL, "");

    test_numbers();
    test_minimum();
    test_amounts();
    test_when();
    test_soft_close();
    test_retry();
    test_actions();
    test_clock();
    test_change();
    test_terms();
    test_action_words();
    test_document();
    test_payloads();

    return plan_done();
}
