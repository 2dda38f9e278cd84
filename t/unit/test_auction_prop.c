/*
 * The promises of the auction under random use: thousands of auctions with
 * joins, bids, retries, orders and ticks at times in disorder, judged by two
 * judges who race by compare-and-set on one document.
 *
 * A seed may be given as the first argument, to repeat a run.
 */

#include <stdlib.h>

#include "src/features/auction/rtprop_auction.c"
#include "src/features/auction/rtprop_auction_course.c"
#include "src/features/auction/rtprop_auction_state.c"
#include "src/features/auction/rtprop_auction_terms.c"
#include "src/features/auction/rtprop_auction_doc.c"
#include "src/base/rtprop_json.c"
#include "src/base/rtprop_json_write.c"
#include "src/base/rtprop_time.c"

#include "t/unit/tap.h"


#ifndef RUNS
#define RUNS        2000
#endif
#define STEPS       80
#define USERS       8
#define DEFAULT     0x9e3779b97f4a7c15ULL
#define EPOCH       1772359200000LL


/* the one copy that counts, as the engine has it */

typedef struct {
    char              *text;
    size_t             len;
    unsigned           version;
} store_t;


typedef struct {
    rtprop_auction_t  *a;
    unsigned           version;
} judge_t;


/* what an onlooker wrote down of all that was committed */

typedef struct {
    int64_t            price;
    int64_t            end;
    int64_t            increment;
    unsigned           bids;
    unsigned           last;               /* number of the last bidder */
    unsigned           number[USERS];
    unsigned           nusers;
    unsigned           ended;
    rtprop_auction_status_e  status;
} notes_t;


static uint64_t     seed, state;
static unsigned     ids;
static const char  *broken;

static unsigned     accepted, refused, conflicts, retries, extensions, winners;


/* xorshift64*, Vigna 2016 */

static uint64_t
any(uint64_t n)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;

    return (state * 0x2545f4914f6cdd1dULL >> 11) % n;
}


static void
must(int holds, const char *what)
{
    if (!holds && broken == NULL) {
        broken = what;
    }
}


static void
store_put(store_t *s, rtprop_auction_t *a)
{
    free(s->text);

    s->text = rtprop_auction_serialise(a, &s->len);
    s->version++;
}


static void
judge_read(judge_t *j, store_t *s)
{
    char    *again;
    size_t   len;

    rtprop_auction_destroy(j->a);

    j->a = rtprop_auction_parse(s->text, s->len);
    j->version = s->version;

    again = rtprop_auction_serialise(j->a, &len);

    must(len == s->len && memcmp(again, s->text, len) == 0,
         "a document that is parsed and written is the same");

    free(again);
}


/* the engine: only the judge who saw the newest version may write */

static int
judge_commit(judge_t *j, store_t *s)
{
    if (j->version != s->version) {
        conflicts++;
        judge_read(j, s);
        return 0;
    }

    store_put(s, j->a);
    j->version = s->version;

    return 1;
}


static void
look(notes_t *n, rtprop_auction_t *a)
{
    unsigned  i, k;

    must(a->price >= n->price, "the price never falls");
    must(a->ends_at >= n->end, "the end never moves back");
    must(a->bid_count == n->bids, "what is counted was accepted");
    must(a->highest == n->last, "the last accepted bid leads");
    must(a->nbidders == n->nusers, "numbers have no gaps");
    must(n->ended == 0 || a->status == n->status, "what is over stays over");

    for (i = 0; i < a->nrecent; i++) {
        must(i == 0 || a->recent[i - 1].amount
                       >= a->recent[i].amount + n->increment,
             "each bid beats the one before by the increment");
        must(i == 0 || a->recent[i - 1].bidder != a->recent[i].bidder,
             "nobody bids against himself");

        for (k = 0; k < i; k++) {
            must(strcmp(a->recent[k].id, a->recent[i].id) != 0,
                 "ids are unique");
        }
    }

    if (a->status == RTPROP_AUCTION_ENDED) {
        must(rtprop_auction_winner(a) == n->last,
             "the winner is the last accepted bid's");
    } else {
        must(rtprop_auction_winner(a) == 0, "no winner before the end");
    }

    n->price = a->price;
    n->end = a->ends_at;
    n->status = a->status;
    n->ended = a->status == RTPROP_AUCTION_ENDED
               || a->status == RTPROP_AUCTION_CANCELLED;
}


static rtprop_str_t
name(char *buf, const char *prefix, unsigned n)
{
    rtprop_str_t  s;

    s.len = (size_t) sprintf(buf, "%s%u", prefix, n);
    s.data = (unsigned char *) buf;

    return s;
}


static void
do_join(judge_t *j, store_t *s, notes_t *n)
{
    int           added;
    char          buf[16];
    unsigned      user, number;
    rtprop_str_t  id;

    user = (unsigned) any(USERS);
    id = name(buf, "user", user);

    number = rtprop_auction_register(j->a, &id, &added);

    if (added && !judge_commit(j, s)) {
        return;
    }

    if (added) {
        n->nusers++;
        must(number == n->nusers, "the next who joins has the next number");
        must(n->number[user] == 0, "a user joins once");
        n->number[user] = number;
    }

    /* a judge who is behind may not know the number yet */

    if (j->version == s->version) {
        must(number == n->number[user], "a number is for ever");
    }
}


static void
do_bid(judge_t *j, store_t *s, notes_t *n, int64_t now)
{
    char                      user[16], client[16], id[16];
    int64_t                   minimum, end, price;
    unsigned                  number;
    rtprop_auction_offer_t    o;
    rtprop_auction_status_e   status;
    rtprop_auction_verdict_t  v;

    memset(&o, 0, sizeof(o));

    o.user = name(user, "user", (unsigned) any(USERS));
    o.client_bid_id = name(client, "c", (unsigned) any(12));
    o.bid_id = name(id, "b", ++ids);

    if (any(4) == 0) {
        o.client_bid_id.len = 0;
    }

    minimum = rtprop_auction_minimum(j->a);
    end = j->a->ends_at;

    /* the end itself is where mistakes would be */

    if (any(4) == 0) {
        now = end - 2 + (int64_t) any(4);
    }

    price = j->a->price;
    status = j->a->status;
    number = rtprop_auction_number(j->a, &o.user);

    o.amount = minimum - 3 + (int64_t) any(20);

    if (any(50) == 0) {
        o.amount = (int64_t) (any(1ULL << 53) << any(11));
    }

    rtprop_auction_bid(j->a, &o, now, &v);

    if (v.code != RTPROP_AUCTION_ACCEPTED) {
        refused++;
        must(v.reason[0] != '\0', "a refusal has a reason");
        must(j->a->price == price && j->a->ends_at == end
             && j->a->status == status, "a refused bid changes nothing");
        return;
    }

    if (v.duplicate) {
        retries++;
        must(j->a->price == price && j->a->ends_at == end,
             "a retry changes nothing");
        must(v.bid.bidder == number, "a retry is of the same bidder");
        return;
    }

    if (!judge_commit(j, s)) {
        return;
    }

    accepted++;

    must(now < end && end == n->end, "no bid is accepted at or after the end");
    must(v.not_after == end, "the commit is bound to the end");
    must(o.amount >= minimum, "no bid below the minimum");
    must(o.amount >= n->price + n->increment, "nor below the known price");
    must(v.bid.bidder == number && number != 0, "only a bidder bids");
    must(v.outbid == n->last, "who was highest is outbid");
    must(status == RTPROP_AUCTION_LIVE || v.started,
         "only a running auction takes bids");
    must(v.extended == (v.new_end != v.old_end), "an extension is told");

    extensions += v.extended;

    n->bids++;
    n->last = number;
}


static void
do_act(judge_t *j, store_t *s, int64_t now)
{
    int64_t                   arg;
    rtprop_auction_action_e   what;
    rtprop_invalid_t          why;

    what = (rtprop_auction_action_e) any(RTPROP_AUCTION_END + 1);

    /* what ends it all is rarer */

    if (what >= RTPROP_AUCTION_CANCEL && any(16)) {
        return;
    }

    arg = what == RTPROP_AUCTION_EXTEND_TO
          ? j->a->ends_at - 100 + (int64_t) any(1000)
          : (int64_t) any(1000) - 100;

    if (rtprop_auction_act(j->a, what, arg, now, &why) == RTPROP_OK) {
        judge_commit(j, s);
    }
}


static void
do_tick(judge_t *j, store_t *s, int64_t now)
{
    int64_t                 due;
    rtprop_auction_event_e  event;

    due = rtprop_auction_next_due(j->a);
    event = rtprop_auction_tick(j->a, now);

    must((event == RTPROP_AUCTION_NOTHING) == (due == -1 || now < due),
         "the clock does what is due, when it is due");

    if (event != RTPROP_AUCTION_NOTHING) {
        judge_commit(j, s);
    }
}


static void
create(store_t *s, notes_t *n)
{
    rtprop_auction_t         *a;
    rtprop_auction_terms_t    t;
    rtprop_invalid_t          why;

    memset(&t, 0, sizeof(t));

    t.property_title = (char *) "House";
    t.starting_price = (int64_t) any(1000);
    t.bid_increment = 1 + (int64_t) any(10);
    t.starts_at = EPOCH + (int64_t) any(1000);
    t.starts_at_given = 1;
    t.ends_at = t.starts_at + 1 + (int64_t) any(20000);
    t.extend_window_ms = (int64_t) any(500);
    t.extend_by_ms = (int64_t) any(500);
    t.anonymous = any(2);

    a = rtprop_auction_create(&t, EPOCH, &why);

    memset(s, 0, sizeof(*s));
    memset(n, 0, sizeof(*n));

    n->price = a->price;
    n->end = a->ends_at;
    n->increment = t.bid_increment;

    store_put(s, a);
    rtprop_auction_destroy(a);
}


static void
run(void)
{
    int64_t   now;
    notes_t   notes;
    store_t   store;
    judge_t   judges[2], *j;
    unsigned  step, version;

    create(&store, &notes);

    memset(judges, 0, sizeof(judges));
    judge_read(&judges[0], &store);
    judge_read(&judges[1], &store);

    now = EPOCH;

    for (step = 0; step < STEPS; step++) {
        j = &judges[any(2)];
        version = store.version;

        if (any(3) == 0) {
            judge_read(j, &store);
        }

        /* mostly forward; the clocks of machines differ */

        now += (int64_t) any(300) - 50;

        switch (any(10)) {

        case 0:
        case 1:
            do_join(j, &store, &notes);
            break;

        case 2:
            do_act(j, &store, now);
            break;

        case 3:
            do_tick(j, &store, now);
            break;

        default:
            do_bid(j, &store, &notes, now);
        }

        if (store.version != version) {
            look(&notes, j->a);
        }
    }

    /* whatever happened, the clock brings it to its end */

    j = &judges[0];
    judge_read(j, &store);

    now += 1000000;

    if (j->a->status == RTPROP_AUCTION_PAUSED) {
        rtprop_auction_resume(j->a, now);
    }

    while (rtprop_auction_tick(j->a, now + 2000000)
           != RTPROP_AUCTION_NOTHING)
    {
        /* start, then end */
    }

    must(j->a->status >= RTPROP_AUCTION_ENDED, "every auction comes to an end");
    look(&notes, j->a);

    winners += rtprop_auction_winner(j->a) != 0;

    rtprop_auction_destroy(judges[0].a);
    rtprop_auction_destroy(judges[1].a);
    free(store.text);
}


int
main(int argc, char **argv)
{
    unsigned  i;

    seed = argc > 1 ? strtoull(argv[1], NULL, 0) : DEFAULT;

    printf("# seed 0x%llx\n", (unsigned long long) seed);

    for (i = 0; i < RUNS && broken == NULL; i++) {

        /* each run has a start of its own, so that one can be repeated */

        state = (seed + i) * 0x9e3779b97f4a7c15ULL | 1;

        run();
    }

    if (broken) {
        printf("# broken in run %u (seed 0x%llx)\n", i - 1,
               (unsigned long long) seed + i - 1);
    }

    printf("# %u accepted, %u refused, %u retries, %u conflicts, "
           "%u extensions, %u winners\n",
           accepted, refused, retries, conflicts, extensions, winners);

    ok(broken == NULL, "%u random auctions keep all promises%s%s", i,
       broken ? ": " : "", broken ? broken : "");

    ok(accepted > RUNS && refused > RUNS && conflicts > RUNS
       && retries > RUNS / 10 && extensions > RUNS / 10 && winners > RUNS / 2,
       "and come by all kinds of cases");

    return plan_done();
}
