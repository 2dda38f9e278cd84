/*
 * The rules of the auction under any sequence of operations.
 *
 * Input: octets, an operation each with what it needs (see step()).  What has
 * changed the state is written, read and written again; what is refused leaves
 * the state as it was.
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


#define EPOCH  1772359200000LL
#define STEPS  32


typedef struct {
    rtprop_auction_t  *a;
    rtprop_str_t       text;        /* the document after the last step */
    int64_t            now;
    int64_t            price;
    int64_t            end;
    int64_t            bids;
    unsigned           bidders;
    unsigned           over;
    unsigned           ids;
} play_t;


static rtprop_str_t
written(const rtprop_auction_t *a)
{
    char          *p;
    size_t         len;
    rtprop_str_t   text;

    text.data = NULL;
    text.len = 0;

    p = rtprop_auction_serialise(a, &len);
    must(p != NULL, "a state is written");

    if (p != NULL) {
        text.data = fuzz_copy(p, len);
        text.len = len;
        must(p[len] == '\0', "a NUL follows");
        free(p);
    }

    return text;
}


static int
same(const rtprop_str_t *a, const rtprop_str_t *b)
{
    return a->len == b->len && a->data && b->data
           && memcmp(a->data, b->data, a->len) == 0;
}


/* All that clients and hosts see of a state can be made. */

static void
shown(const play_t *p, unsigned number)
{
    size_t                 i;
    json_t                *seen[8];
    rtprop_auction_view_t  view;

    view.id.data = (unsigned char *) "7";
    view.id.len = 1;
    view.version = 3;
    view.now = p->now;

    seen[0] = rtprop_auction_json(p->a, &view);
    seen[1] = rtprop_auction_resource_json(p->a, &view, number & 1);
    seen[2] = rtprop_auction_recent_json(p->a);
    seen[3] = rtprop_auction_state_payload(p->a, &view, number, 2);
    seen[4] = rtprop_auction_timer_payload(p->a, &view);
    seen[5] = rtprop_auction_extended_payload(p->a, &view,
                                              RTPROP_AUCTION_BY_BID);
    seen[6] = rtprop_auction_ended_payload(p->a, &view, number & 1);
    seen[7] = rtprop_auction_bidder_payload(&view, number, 2);

    for (i = 0; i < 8; i++) {
        must(seen[i] != NULL, "a payload is made");
        json_decref(seen[i]);
    }
}


static void
told(const play_t *p, const rtprop_auction_verdict_t *v)
{
    size_t                 i;
    json_t                *seen[3];
    rtprop_auction_view_t  view;

    view.id.data = (unsigned char *) "7";
    view.id.len = 1;
    view.version = 3;
    view.now = p->now;

    must(v->code <= RTPROP_AUCTION_UNAVAILABLE
         && *rtprop_auction_code_word(v->code), "a known verdict");
    must(memchr(v->reason, 0, sizeof(v->reason)) != NULL, "with a reason");

    if (v->code != RTPROP_AUCTION_ACCEPTED) {
        seen[0] = rtprop_auction_rejected_payload(&view, v, NULL);
        must(seen[0] != NULL, "a payload is made");
        json_decref(seen[0]);
        return;
    }

    seen[0] = rtprop_auction_accepted_payload(p->a, &view, v);
    seen[1] = rtprop_auction_new_bid_payload(p->a, &view, v);
    seen[2] = rtprop_auction_outbid_payload(p->a, &view, v);

    for (i = 0; i < 3; i++) {
        must(seen[i] != NULL, "a payload is made");
        json_decref(seen[i]);
    }
}


static void
look(play_t *p)
{
    unsigned           i;
    rtprop_auction_t  *a, *again;
    rtprop_str_t       text;

    a = p->a;

    must(a->price >= p->price || a->bid_count == 0, "the price never falls");
    must(a->ends_at >= p->end || p->bids == 0, "nor does the end move back");
    must(a->bid_count >= p->bids, "bids are counted");
    must(a->nbidders >= p->bidders, "bidders stay");
    must(rtprop_auction_minimum(a) <= RTPROP_INT_MAX,
         "the next bid can be expressed");
    must((a->highest != 0) == (a->bid_count != 0), "who bids leads");
    must(!p->over || a->status >= RTPROP_AUCTION_ENDED, "over is over");
    must(a->ends_at <= RTPROP_AUCTION_TIME_MAX && a->ends_at >= 0,
         "an end that can be written");
    must(rtprop_auction_remaining(a, p->now) >= 0, "time left");
    must(rtprop_auction_winner(a)
         == (a->status == RTPROP_AUCTION_ENDED ? a->highest : 0), "a winner");

    for (i = 1; i < a->nrecent; i++) {
        must(a->recent[i - 1].amount > a->recent[i].amount
             && a->recent[i - 1].bidder != a->recent[i].bidder,
             "each bid beats another's");
    }

    p->price = a->price;
    p->end = a->status == RTPROP_AUCTION_SCHEDULED ? 0 : a->ends_at;
    p->bids = a->bid_count;
    p->bidders = a->nbidders;
    p->over = a->status >= RTPROP_AUCTION_ENDED;

    /* the next step goes on from the document, as another worker would */

    p->text = written(a);
    again = p->text.data
            ? rtprop_auction_parse((char *) p->text.data, p->text.len) : NULL;
    must(again != NULL, "what is written is read");

    if (again != NULL) {
        text = written(again);
        must(same(&text, &p->text), "and is the same");
        rtprop_auction_destroy(p->a);
        p->a = again;
    }
}


static rtprop_str_t
name(const char *prefix, unsigned n)
{
    char          buf[16];
    rtprop_str_t  s;

    s.len = (size_t) sprintf(buf, "%s%u", prefix, n);
    s.data = fuzz_copy(buf, s.len);

    return s;
}


static int
bid(play_t *p, fuzz_input_t *in)
{
    unsigned                  who, mode;
    rtprop_auction_t         *a;
    rtprop_auction_offer_t    o;
    rtprop_auction_verdict_t  v;

    memset(&o, 0, sizeof(o));

    a = p->a;
    who = fuzz_byte(in);
    mode = fuzz_byte(in);

    o.user = name("u", who & 7);
    o.client_bid_id = name("c", who >> 3 & 15);
    o.bid_id = name("b", ++p->ids);

    if (who & 0x80) {
        o.client_bid_id.len = 0;
    }

    o.absent = (mode & 0x7f) == 0x7f;
    o.amount = mode & 0x80 ? (int64_t) fuzz_number(in, 8)
               : rtprop_auction_minimum(a) - 2 + (mode & 0x3f);

    rtprop_auction_bid(a, &o, p->now, &v);
    told(p, &v);

    if (v.code != RTPROP_AUCTION_ACCEPTED) {
        return 0;
    }

    must(v.bid.bidder == rtprop_auction_number(a, &o.user), "of the bidder");
    must(v.duplicate || !o.absent, "who is absent bids nothing new");

    if (v.duplicate) {
        return 0;
    }

    must(o.amount >= p->price + a->terms.bid_increment,
         "no bid below the minimum");
    must(p->now < v.not_after && v.not_after == v.old_end,
         "before the end, and committed before it");
    must(v.extended == (v.new_end != v.old_end) && v.new_end == a->ends_at,
         "an extension is told");
    must((v.outbid == 0) == (v.outbid_user == NULL), "who is outbid is named");

    return 1;
}


static int
change(play_t *p, fuzz_input_t *in)
{
    int                      rc;
    rtprop_invalid_t         why;
    rtprop_auction_terms_t   t;

    t = p->a->terms;

    switch (fuzz_byte(in) & 7) {

    case 0:
        t.property_title = (char *) "Another";
        break;

    case 1:
        t.property_title = NULL;
        break;

    case 2:
        t.starting_price = fuzz_byte(in);
        break;

    case 3:
        t.ends_at = p->now + (int64_t) fuzz_number(in, 2) - 1000;
        break;

    case 4:
        t.starts_at = p->now + (int64_t) fuzz_number(in, 2) - 1000;
        break;

    case 5:
        t.starts_at_given = 0;
        break;

    case 6:
        t.extend_by_ms = fuzz_byte(in);
        t.extend_by_given = 1;
        break;

    case 7:
        t.anonymous = !t.anonymous;
        t.anonymous_given = 1;
        break;
    }

    rc = rtprop_auction_change(p->a, &t, p->now, &why);

    if (rc == RTPROP_ERROR) {
        must(why.field && why.message, "an error says what");
    }

    return rc == RTPROP_OK;
}


static int
act(play_t *p, fuzz_input_t *in)
{
    int                      rc;
    int64_t                  arg;
    unsigned                 what;
    rtprop_invalid_t         why;

    what = fuzz_byte(in) % (RTPROP_AUCTION_END + 1);
    arg = (int64_t) fuzz_number(in, 2);

    if (what == RTPROP_AUCTION_EXTEND_TO) {
        arg += p->a->ends_at - 100;
    }

    if (arg & 1) {
        arg = (int64_t) fuzz_number(in, 8);
    }

    rc = rtprop_auction_act(p->a, what, arg, p->now, &why);

    if (rc == RTPROP_ERROR) {
        must(why.field && why.message, "an error says what");
    }

    return rc == RTPROP_OK;
}


static int
join(play_t *p, unsigned who)
{
    int           added;
    unsigned      number;
    rtprop_str_t  user;

    user = name(who & 0x40 ? "\xff u" : "u", who & 7);
    number = rtprop_auction_register(p->a, &user, &added);

    must(rtprop_auction_number(p->a, &user) == number, "a number is found");
    must(!added || number == p->bidders + 1, "numbers have no gaps");
    must(number == 0 || rtprop_auction_user(p->a, number) != NULL,
         "and stand for users");

    return added;
}


static int
step(play_t *p, fuzz_input_t *in)
{
    int64_t                 due;
    rtprop_auction_event_e  event;

    switch (fuzz_byte(in) & 7) {

    case 0:
        p->now += fuzz_byte(in);
        return 0;

    case 1:
        p->now += (int64_t) fuzz_number(in, 3) - 1000;
        return 0;

    case 2:
        due = rtprop_auction_next_due(p->a);
        event = rtprop_auction_tick(p->a, p->now);
        must((event == RTPROP_AUCTION_NOTHING) == (due == -1 || p->now < due),
             "the clock does what is due");
        return event != RTPROP_AUCTION_NOTHING;

    case 3:
        return join(p, fuzz_byte(in));

    case 4:
        return act(p, in);

    case 5:
        return change(p, in);

    default:
        return bid(p, in);
    }
}


static rtprop_auction_t *
create(play_t *p, fuzz_input_t *in)
{
    rtprop_invalid_t         why;
    rtprop_auction_t        *a;
    rtprop_auction_terms_t   t;

    memset(&t, 0, sizeof(t));

    t.property_title = (char *) "House";
    t.starting_price = fuzz_byte(in);
    t.bid_increment = 1 + fuzz_byte(in);
    t.starts_at = EPOCH + fuzz_byte(in);
    t.starts_at_given = 1;
    t.ends_at = EPOCH + (int64_t) fuzz_number(in, 2);
    t.extend_window_ms = fuzz_byte(in);
    t.extend_by_ms = fuzz_byte(in);
    t.anonymous = fuzz_byte(in) & 1;

    if (t.starting_price == 255) {
        t.starting_price = RTPROP_INT_MAX - 2 * t.bid_increment;
    }

    a = rtprop_auction_create(&t, EPOCH, &why);
    must(a != NULL || why.field, "terms that are none say why");

    return a;
}


static void
fuzz_one(fuzz_input_t *in)
{
    play_t            p;
    unsigned          i;
    rtprop_str_t      text;
    rtprop_auction_t  before;

    memset(&p, 0, sizeof(p));

    p.now = EPOCH;
    p.a = create(&p, in);

    if (p.a == NULL) {
        return;
    }

    look(&p);

    for (i = 0; i < STEPS && fuzz_left(in); i++) {
        before = *p.a;

        if (step(&p, in)) {
            look(&p);

        } else {
            must(memcmp(&before, p.a, sizeof(before)) == 0,
                 "what is refused changes nothing");
        }
    }

    text = written(p.a);
    must(same(&text, &p.text), "nor what hangs on the state");

    shown(&p, p.a->nbidders ? 1 : 0);
    rtprop_auction_destroy(p.a);
}
