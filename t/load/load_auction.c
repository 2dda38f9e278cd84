
/*
 * Bidders at one auction, whose bids are made in turn; see load_auction.h.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load_auction.h"


#define LOAD_OPEN    1024              /* bids of a client without answer */


/* Answers come in the order of the bids of their connection. */

typedef struct load_bidder_s {
    load_worker_t     *worker;
    uint64_t           heard;          /* price */
    uint64_t           place;          /* in the auction's channel */
    unsigned           first;          /* of those open */
    unsigned           n;
    uint64_t           due[LOAD_OPEN];
    unsigned char      measured[LOAD_OPEN];
} load_bidder_t;


/* Who has heard of the price that is so many steps above the first one. */

typedef struct {
    uint64_t           first;
    uint64_t           last;
    uint32_t           n;
    unsigned           told:1;         /* so all are to hear of it */
    unsigned           measured:1;
} load_price_t;


struct load_auction_s {
    load_bids_t       *bids;
    load_bidder_t     *bidders;
    load_price_t      *prices;
    uint64_t           nprices;
    uint64_t           begin;          /* price when the first one joined */
    uint64_t           step;
    uint64_t           raised;         /* the highest that was offered */
};


static uint64_t load_auction_number(const char *p, size_t len,
    const char *name);
static load_price_t *load_auction_price(load_ctx_t *x, const char *p,
    size_t len, uint64_t *price);
static void load_auction_place(load_ctx_t *x, load_client_t *c,
    const char *p, size_t len);
static void load_auction_answer(load_ctx_t *x, load_client_t *c,
    const char *p, size_t len, uint64_t now);
static void load_auction_heard(load_ctx_t *x, load_client_t *c,
    const char *p, size_t len, uint64_t now);


int
load_auction_create(load_ctx_t *x)
{
    unsigned         i;
    load_auction_t  *a;

    if (x->o->mode != LOAD_BID) {
        return 0;
    }

    a = calloc(1, sizeof(load_auction_t));
    if (a == NULL) {
        return -1;
    }

    a->bids = &x->sh->bids;
    a->nprices = x->o->rate * (x->o->warmup + x->o->seconds + 1) + 1;
    a->prices = calloc(a->nprices, sizeof(load_price_t));
    a->bidders = calloc(x->n, sizeof(load_bidder_t));

    if (a->prices == NULL || a->bidders == NULL) {
        return -1;
    }

    for (i = 0; i < x->n; i++) {
        x->clients[i].bidder = &a->bidders[i];
    }

    x->auction = a;

    return 0;
}


void
load_auction_worker(load_ctx_t *x, load_client_t *c, const char *head,
    size_t len)
{
    long          pid;
    unsigned      i;
    load_bids_t  *bids;

    bids = x->auction->bids;
    pid = load_auction_number(head, len, "\r\nX-Worker: ");

    for (i = 0; i < bids->nworkers && bids->worker[i].pid != pid; i++) {
        /* void */
    }

    if (i == LOAD_MAX_WORKERS) {
        i = 0;

    } else if (i == bids->nworkers) {
        bids->nworkers++;
        bids->worker[i].pid = pid;
    }

    c->bidder->worker = &bids->worker[i];
}


/* The number after a name, or 0. */

static uint64_t
load_auction_number(const char *p, size_t len, const char *name)
{
    uint64_t     n;
    const char  *last;

    last = p + len;
    p = memmem(p, len, name, strlen(name));

    if (p == NULL) {
        return 0;
    }

    n = 0;

    for (p += strlen(name); p < last && *p >= '0' && *p <= '9'; p++) {
        n = n * 10 + (*p - '0');
    }

    return n;
}


void
load_auction_bid(load_ctx_t *x, load_client_t *c, uint64_t ns)
{
    int              len;
    char             frame[512 + 14];
    uint64_t         amount;
    unsigned         at;
    load_bidder_t   *b;
    load_auction_t  *a;

    if (c->state != LOAD_READY) {
        return;
    }

    a = x->auction;
    b = c->bidder;

    if (b->n == LOAD_OPEN) {
        load_client_fail(x, c, "%d bids without an answer", LOAD_OPEN);
        return;
    }

    amount = b->heard;

    if (load_random(x) % x->o->raise == 0) {
        a->raised += a->step;
        amount = a->raised;
    }

    at = (b->first + b->n++) % LOAD_OPEN;
    b->due[at] = ns;
    b->measured[at] = x->phase == LOAD_MEASURE;

    c->sent++;
    x->st->sent++;
    x->st->expected++;
    x->st->measured_sent += x->phase == LOAD_MEASURE;

    len = snprintf(x->text, 512, "{\"type\":\"auction:bid\",\"payload\":"
                   "{\"auction_id\":\"load0\",\"amount\":%lu,"
                   "\"client_bid_id\":\"%u-%u\"}}", amount, c->i, c->sent);

    load_client_write(x, c, frame, load_frame(frame, 1, x->text, len,
                                              load_random(x)));
}


void
load_auction_text(load_ctx_t *x, load_client_t *c, const char *p, size_t len,
    uint64_t now)
{
    const char      *type;
    load_auction_t  *a;

    a = x->auction;
    type = memmem(p, len, "\"type\":\"", 8);

    if (type == NULL || p + len - type < 40) {
        return;
    }

    type += 8;

    load_auction_place(x, c, p, len);

    if (strncmp(type, "auction:state\"", 14) == 0) {
        c->bidder->heard = load_auction_number(p, len, "\"current_price\":");

        if (a->step == 0) {
            a->begin = c->bidder->heard;
            a->raised = a->begin;
            a->step = load_auction_number(p, len, "\"minimum_bid\":")
                      - a->begin;
        }

        if (a->step == 0 || a->step > a->begin) {
            load_client_fail(x, c, "no step from price to minimum");
        }

    } else if (strncmp(type, "auction:new_bid\"", 16) == 0) {
        load_auction_heard(x, c, p, len, now);

    } else if (strncmp(type, "auction:bid_accepted\"", 21) == 0
               || strncmp(type, "auction:bid_rejected\"", 21) == 0
               || strncmp(type, "error\"", 6) == 0)
    {
        load_auction_answer(x, c, type, p + len - type, now);
    }
}


/*
 * The channel's events are numbered: one that is not there when the next one
 * is has been lost, however late others may be.
 */

static void
load_auction_place(load_ctx_t *x, load_client_t *c, const char *p, size_t len)
{
    uint64_t        offset;
    load_bidder_t  *b;

    if (memmem(p, len, "\"channel\":\"auction:load0\"", 25) == NULL) {
        return;
    }

    b = c->bidder;
    offset = load_auction_number(p, len, "\"offset\":");

    if (c->state == LOAD_READY && offset > b->place + 1) {
        x->st->skipped += offset - b->place - 1;
    }

    if (offset > b->place) {
        b->place = offset;
    }
}


/*
 * Of the amount that a message tells of.  Its bidder may hear that it was
 * accepted before or after the others: from either on, all are to hear of it.
 */

static load_price_t *
load_auction_price(load_ctx_t *x, const char *p, size_t len, uint64_t *price)
{
    uint64_t         k;
    load_price_t    *at;
    load_auction_t  *a;

    a = x->auction;
    *price = load_auction_number(p, len, "\"amount\":");
    k = a->step ? (*price - a->begin) / a->step : a->nprices;

    if (*price <= a->begin || k >= a->nprices) {
        x->st->stray++;
        return NULL;
    }

    at = &a->prices[k];

    if (!at->told) {
        at->told = 1;
        x->st->expected += x->o->clients;
    }

    return at;
}


static void
load_auction_answer(load_ctx_t *x, load_client_t *c, const char *p, size_t len,
    uint64_t now)
{
    int             accepted, judged;
    unsigned        at;
    uint64_t        price;
    load_bids_t    *bids;
    load_bidder_t  *b;

    b = c->bidder;
    bids = x->auction->bids;

    if (b->n == 0) {
        x->st->again++;
        return;
    }

    at = b->first;
    b->first = (b->first + 1) % LOAD_OPEN;
    b->n--;
    x->st->received++;

    accepted = strncmp(p, "auction:bid_accepted\"", 21) == 0;
    judged = accepted || memmem(p, len, "\"below_minimum\"", 15)
             || memmem(p, len, "\"already_highest\"", 17);

    if (accepted) {
        (void) load_auction_price(x, p, len, &price);
    }

    if (!judged && x->st->why[0] == '\0') {
        snprintf(x->st->why, sizeof(x->st->why), "not judged: %.*s",
                 (int) (len < 200 ? len : 200), p);
    }

    if (!b->measured[at]) {
        return;
    }

    bids->accepted += accepted;
    bids->refused += judged && !accepted;
    bids->unjudged += !judged;
    b->worker->bids++;

    load_hist_add(bids->wait, now - b->due[at]);
    load_hist_add(b->worker->wait, now - b->due[at]);
    load_hist_add(x->st->hist, now - b->due[at]);
}


static void
load_auction_heard(load_ctx_t *x, load_client_t *c, const char *p, size_t len,
    uint64_t now)
{
    uint64_t       price;
    load_price_t  *at;

    at = load_auction_price(x, p, len, &price);

    if (at == NULL) {
        return;
    }

    if (price <= c->bidder->heard) {
        x->st->again++;
        return;
    }

    c->bidder->heard = price;

    if (at->n++ == 0) {
        at->first = now;
        at->measured = x->phase == LOAD_MEASURE;
    }

    at->last = now;
    x->st->received++;
    x->st->measured += x->phase == LOAD_MEASURE;
}


void
load_auction_end(load_ctx_t *x)
{
    uint64_t         k;
    load_price_t    *at;
    load_auction_t  *a;

    a = x->auction;

    for (k = 0; a && k < a->nprices; k++) {
        at = &a->prices[k];

        if (at->measured && at->n == x->o->clients) {
            a->bids->full++;
            load_hist_add(a->bids->spread, at->last - at->first);
        }
    }
}
