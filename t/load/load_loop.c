
/*
 * The loop of one process: connects at its rate, publishes at its rate or as
 * soon as what is in flight has arrived everywhere.
 */


#include <errno.h>
#include <netdb.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "load_auction.h"
#include "load_client.h"
#include "load_inflate.h"
#include "load_io.h"


#define LOAD_EVENTS      512
#define LOAD_OPENING     256           /* handshakes at once in a process */
#define LOAD_BURST       256           /* late messages at once */
#define LOAD_TURN        5000000       /* ns, the longest wait */


typedef struct {
    uint64_t   connect;                /* ns, when the next one is due */
    uint64_t   publish;
    uint64_t   connect_step;
    uint64_t   publish_step;
    unsigned   turn;                   /* the publisher whose turn it is */
} load_plan_t;


uint64_t
load_now(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_MONOTONIC, &t);

    return (uint64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}


static int
load_resolve(load_ctx_t *x)
{
    int               rc;
    struct addrinfo   hints, *res;

    memset(&hints, 0, sizeof(hints));
    hints.ai_socktype = SOCK_STREAM;

    rc = getaddrinfo(x->o->host, x->o->port, &hints, &res);
    if (rc != 0) {
        fprintf(stderr, "rtprop-load: %s: %s\n", x->o->host,
                gai_strerror(rc));
        return -1;
    }

    memcpy(&x->address, res->ai_addr, res->ai_addrlen);
    x->address_len = res->ai_addrlen;
    freeaddrinfo(res);

    return 0;
}


static load_ctx_t *
load_ctx_create(const load_options_t *o, load_shared_t *sh, unsigned p)
{
    load_heard_t        *heard;
    unsigned             k;
    cpu_set_t            set;
    load_ctx_t          *x;
    struct epoll_event   ev;

    x = calloc(1, sizeof(load_ctx_t));
    if (x == NULL) {
        return NULL;
    }

    x->o = o;
    x->sh = sh;
    x->p = p;
    x->st = &sh->proc[p];
    x->begun = sh->begun;
    x->seed = 2463534242u + p;
    x->n = (o->clients - p + o->procs - 1) / o->procs;
    x->clients = calloc(x->n, sizeof(load_client_t));
    x->hot = calloc(x->n, sizeof(load_client_t *));
    x->away = calloc(x->n, sizeof(load_client_t *));
    heard = calloc((size_t) x->n * o->per_room, sizeof(load_heard_t));
    x->epoll = epoll_create1(EPOLL_CLOEXEC);

    if (x->clients == NULL || x->hot == NULL || x->away == NULL
        || heard == NULL || x->epoll == -1 || load_resolve(x) != 0
        || load_io_create(x) != 0 || load_inflate_create(x) != 0
        || load_auction_create(x) != 0)
    {
        return NULL;
    }

    for (k = 0; k < x->n; k++) {
        x->clients[k].fd = -1;
        x->clients[k].i = p + k * o->procs;
        x->clients[k].heard = heard + (size_t) k * o->per_room;
        x->npublishers += x->clients[k].i < o->publishers;
    }

    ev.events = EPOLLIN;
    ev.data.ptr = NULL;
    epoll_ctl(x->epoll, EPOLL_CTL_ADD, sh->wake[p], &ev);

    if (o->cpu >= 0) {
        CPU_ZERO(&set);
        CPU_SET(o->cpu, &set);
        (void) sched_setaffinity(0, sizeof(set), &set);
    }

    return x;
}


/* Sends "count" messages of a client, planned for "ns", in one write. */

static void
load_publish(load_ctx_t *x, load_client_t *c, unsigned count, uint64_t ns)
{
    char            mark[LOAD_MARK];
    size_t          len;
    ssize_t         n;
    uint32_t        members;
    load_flight_t  *f;

    if (c->state != LOAD_READY) {
        return;
    }

    f = &x->sh->flight[c->i];
    members = x->sh->room_ready[c->i % x->o->rooms];

    for (len = 0; count; count--) {
        load_mark_write(mark, c->i, c->sent, ns);
        n = load_expand(x->o, x->o->message, c->i, mark, x->text,
                        LOAD_MAX_MESSAGE);

        if (n == -1) {
            load_client_fail(x, c, "a message is too long");
            return;
        }

        if (len + n + 14 > LOAD_BUFFER) {
            load_client_write(x, c, x->frames, len);
            len = 0;
        }

        __atomic_store_n(&f->number[c->sent % LOAD_WINDOW], c->sent,
                         __ATOMIC_RELEASE);
        __atomic_store_n(&f->left[c->sent % LOAD_WINDOW], members,
                         __ATOMIC_RELEASE);

        len += load_frame(x->frames + len, 1, x->text, n, load_random(x));
        c->sent++;
        x->st->sent++;
        x->st->expected += members;
        x->st->measured_sent += x->phase == LOAD_MEASURE;
    }

    if (c->state == LOAD_READY) {
        load_client_write(x, c, x->frames, len);
    }
}


void
load_client_repeat(load_ctx_t *x, load_client_t *c, uint32_t number,
    uint64_t ns)
{
    char     mark[LOAD_MARK];
    size_t   len;
    ssize_t  n;

    load_mark_write(mark, c->i, number, ns);
    n = load_expand(x->o, x->o->message, c->i, mark, x->text,
                    LOAD_MAX_MESSAGE);

    if (n != -1) {
        len = load_frame(x->frames, 1, x->text, n, load_random(x));
        load_client_write(x, c, x->frames, len);
    }
}


static int
load_publishing(load_ctx_t *x)
{
    return x->phase == LOAD_WARMUP || x->phase == LOAD_MEASURE;
}


/* Fills up what a publisher has in flight. */

static void
load_fill(load_ctx_t *x, load_client_t *c)
{
    uint32_t  flying;

    flying = c->sent - __atomic_load_n(&x->sh->flight[c->i].done,
                                       __ATOMIC_ACQUIRE);

    if (flying < x->o->window) {
        load_publish(x, c, x->o->window - flying, load_now());
    }
}


static void
load_fill_all(load_ctx_t *x)
{
    unsigned  k;

    for (k = 0; k < x->npublishers; k++) {
        load_fill(x, &x->clients[k]);
    }
}


static void
load_fill_hot(load_ctx_t *x)
{
    unsigned  k;

    for (k = 0; k < x->nhot; k++) {
        x->hot[k]->hot = 0;

        if (load_publishing(x)) {
            load_fill(x, x->hot[k]);
        }
    }

    x->nhot = 0;
}


/*
 * Open loop: a message bears the time at which it was due, so that a server
 * that holds the tool up does not hide its latency.
 */

static void
load_publish_due(load_ctx_t *x, load_plan_t *plan, uint64_t now)
{
    unsigned  k;

    for (k = 0; k < LOAD_BURST && plan->publish <= now; k++) {
        if (now - plan->publish > x->st->late && x->phase == LOAD_MEASURE) {
            x->st->late = now - plan->publish;
        }

        if (x->auction) {
            load_auction_bid(x, &x->clients[plan->turn], plan->publish);

        } else {
            load_publish(x, &x->clients[plan->turn], 1, plan->publish);
        }

        plan->turn = (plan->turn + 1) % x->npublishers;
        plan->publish += plan->publish_step;
    }
}


static void
load_connect_due(load_ctx_t *x, load_plan_t *plan, uint64_t now)
{
    if (now > plan->connect + 100000000) {
        plan->connect = now - 100000000;       /* no more than 0.1 s at once */
    }

    while (x->opened < x->n && x->opening < LOAD_OPENING
           && plan->connect <= now)
    {
        load_client_open(x, &x->clients[x->opened++]);
        plan->connect += plan->connect_step;
    }
}


static uint64_t
load_wait(load_ctx_t *x, load_plan_t *plan, uint64_t now)
{
    uint64_t  due;

    due = now + LOAD_TURN;

    if (x->opened < x->n && x->opening < LOAD_OPENING && plan->connect < due) {
        due = plan->connect;
    }

    if (x->o->rate > 0 && x->npublishers && load_publishing(x)
        && plan->publish < due)
    {
        due = plan->publish;
    }

    return due > now ? due - now : 0;
}


static void
load_events(load_ctx_t *x, uint64_t wait)
{
    int                  i, n;
    uint64_t             count;
    struct timespec      t;
    struct epoll_event   ev[LOAD_EVENTS];

    t.tv_sec = 0;
    t.tv_nsec = wait;

    n = epoll_pwait2(x->epoll, ev, LOAD_EVENTS, &t, NULL);

    if (n == -1 && errno == ENOSYS) {
        n = epoll_wait(x->epoll, ev, LOAD_EVENTS, wait / 1000000);
    }

    for (i = 0; i < n; i++) {
        if (ev[i].data.ptr) {
            load_client_event(x, ev[i].data.ptr, ev[i].events);
            continue;
        }

        (void) !read(x->sh->wake[x->p], &count, sizeof(count));

        if (x->o->window && load_publishing(x)) {
            load_fill_all(x);
        }
    }
}


/*
 * Waiting outside of epoll lets the server write without waking the tool each
 * time, which on one machine would cost the server processor time.
 */

static void
load_coalesce(load_ctx_t *x, uint64_t last)
{
    uint64_t         now, until;
    struct timespec  t;

    now = load_now();
    until = last + (uint64_t) x->o->coalesce * 1000;

    if (x->phase >= LOAD_WARMUP && now < until) {
        t.tv_sec = 0;
        t.tv_nsec = until - now;
        (void) nanosleep(&t, NULL);
    }
}


/* The first messages are spread over one interval by process. */

static void
load_phase(load_ctx_t *x, load_plan_t *plan)
{
    int  phase;

    phase = __atomic_load_n(&x->sh->phase, __ATOMIC_ACQUIRE);

    if (phase == x->phase) {
        return;
    }

    if (x->phase < LOAD_WARMUP && phase >= LOAD_WARMUP) {
        plan->publish = load_now() + plan->publish_step * x->p / x->o->procs;
        x->phase = phase;

        if (x->o->window && load_publishing(x)) {
            load_fill_all(x);
        }
    }

    x->phase = phase;
}


int
load_run(const load_options_t *o, load_shared_t *sh, unsigned p)
{
    uint64_t      now;
    load_ctx_t   *x;
    load_plan_t   plan;

    x = load_ctx_create(o, sh, p);
    if (x == NULL) {
        return 1;
    }

    memset(&plan, 0, sizeof(plan));
    now = load_now();
    plan.connect = now;
    plan.connect_step = 1e9 * o->procs / o->connect_rate;

    if (o->rate > 0 && x->npublishers) {
        plan.publish_step = 1e9 * o->publishers / o->rate / x->npublishers;
    }

    for ( ;; ) {
        load_phase(x, &plan);

        if (x->phase == LOAD_END) {
            load_auction_end(x);
            return 0;
        }

        now = load_now();
        load_connect_due(x, &plan, now);

        while (x->naway) {
            load_client_open(x, x->away[--x->naway]);
        }

        if (o->rate > 0 && x->npublishers && load_publishing(x)) {
            load_publish_due(x, &plan, now);
        }

        load_events(x, load_wait(x, &plan, load_now()));
        load_fill_hot(x);

        if (o->coalesce) {
            load_coalesce(x, now);
        }
    }
}
