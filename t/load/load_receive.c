
/*
 * What a client receives: frames (RFC 6455, 5.2), the marks of messages, and
 * whether each of them came once and in its turn.
 */


#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load_auction.h"
#include "load_client.h"
#include "load_inflate.h"


typedef enum {
    LOAD_NEXT,
    LOAD_LATE,                         /* after a later one */
    LOAD_AGAIN
} load_turn_t;


static void load_client_control(load_ctx_t *x, load_client_t *c,
    unsigned opcode, const char *payload, size_t len);
static void load_client_text(load_ctx_t *x, load_client_t *c,
    const char *payload, size_t len, uint64_t now);
static void load_client_refused(load_ctx_t *x, const char *payload,
    size_t len);
static void load_client_mark(load_ctx_t *x, load_client_t *c,
    const char *s, uint64_t now);
static void load_client_arrived(load_ctx_t *x, uint32_t publisher,
    uint32_t number, uint64_t ns, uint64_t now);


ssize_t
load_client_frame(load_ctx_t *x, load_client_t *c, char *p, size_t len,
    uint64_t now)
{
    size_t          head, size, i;
    ssize_t         n;
    const char     *text;
    unsigned char  *u;

    u = (unsigned char *) p;
    head = len < 2 || u[1] < 126 ? 2 : u[1] == 126 ? 4 : 10;

    if (len < head) {
        return 0;
    }

    size = head == 2 ? u[1] : 0;

    for (i = 2; i < head; i++) {
        size = size << 8 | u[i];
    }

    /* a server masks nothing; RSV1 is of whole messages that are compressed */

    if (u[1] & 0x80 || u[0] & 0x30 || size > LOAD_BUFFER / 2) {
        load_client_fail(x, c, "a bad frame: %02x %02x", u[0], u[1]);
        return 0;
    }

    if (u[0] & 0x40 && (x->inflate == NULL || (u[0] & 0x88) != 0x80)) {
        load_client_fail(x, c, "a bad frame: %02x %02x", u[0], u[1]);
        return 0;
    }

    if (len - head < size) {
        return 0;
    }

    x->st->frames++;

    if (u[0] & 0x08) {
        load_client_control(x, c, u[0] & 0x0f, p + head, size);

    } else if (u[0] & 0x40) {
        n = load_inflate(x->inflate, p + head, size, &text);

        if (n == -1) {
            load_client_fail(x, c, "a damaged compressed message");
            return 0;
        }

        load_client_text(x, c, text, n, now);

    } else {
        load_client_text(x, c, p + head, size, now);
    }

    return head + size;
}


static void
load_client_control(load_ctx_t *x, load_client_t *c, unsigned opcode,
    const char *payload, size_t len)
{
    char  pong[128 + 14];

    if (opcode == 8) {
        load_client_fail(x, c, "closed with %d",
                         len < 2 ? 1005 : (unsigned char) payload[0] << 8
                                          | (unsigned char) payload[1]);

    } else if (opcode == 9 && len <= 125) {
        len = load_frame(pong, 10, payload, len, load_random(x));
        load_client_write(x, c, pong, len);
    }
}


static void
load_client_text(load_ctx_t *x, load_client_t *c, const char *payload,
    size_t len, uint64_t now)
{
    const char  *p, *last;

    if (x->o->resume) {
        load_client_place(c, payload, len);
    }

    if (x->auction) {
        load_auction_text(x, c, payload, len, now);

    } else if (c->state == LOAD_READY || (c->state == LOAD_JOIN && c->back)) {
        last = payload + len;
        p = payload;

        while (last - p >= LOAD_MARK
               && (p = memchr(p, '~', last - p - LOAD_MARK + 1)) != NULL)
        {
            if (p[LOAD_MARK - 1] == '~') {
                load_client_mark(x, c, p, now);
                p += LOAD_MARK - 1;
            }

            p++;
        }
    }

    if (c->state == LOAD_READY) {
        load_client_refused(x, payload, len);
        return;
    }

    if (c->state == LOAD_WELCOME
        && memmem(payload, len, x->o->welcome, strlen(x->o->welcome)))
    {
        load_client_join(x, c);

    } else if (c->state == LOAD_JOIN && c->back) {

        if (memmem(payload, len, "\"recovered\":true", 16)) {
            load_client_ready(x, c);

        } else if (memmem(payload, len, "\"recovered\":false", 17)
                   || memmem(payload, len, "\"type\":\"error\"", 14))
        {
            load_client_fail(x, c, "not resumed: %.*s", (int) len, payload);
        }

    } else if (c->state == LOAD_JOIN) {

        if (memmem(payload, len, x->o->joined, strlen(x->o->joined))) {
            load_client_ready(x, c);

        } else if (memmem(payload, len, "\"type\":\"error\"", 14)) {
            load_client_fail(x, c, "not joined: %.*s", (int) len, payload);
        }
    }
}


/* Nobody will get what the server refused; who resumes says it again. */

static void
load_client_refused(load_ctx_t *x, const char *payload, size_t len)
{
    static const char  error[] = "{\"type\":\"error\"";

    if (x->o->resume || x->auction || len < sizeof(error) - 1
        || memcmp(payload, error, sizeof(error) - 1) != 0)
    {
        return;
    }

    x->st->refused++;

    if (x->st->why[0] == '\0') {
        snprintf(x->st->why, sizeof(x->st->why), "refused: %.*s", (int) len,
                 payload);
    }
}


/*
 * One that did not come before a later one is late; whether it does come, or is
 * missing, is not known until then.  Who is 64 numbers late comes again.
 */

static load_turn_t
load_client_turn(load_heard_t *heard, uint32_t number)
{
    uint32_t  n;

    if (number >= heard->next) {
        n = number - heard->next + 1;
        heard->came = (n < 64 ? heard->came << n : 0) | 1;
        heard->next = number + 1;
        return LOAD_NEXT;
    }

    n = heard->next - 1 - number;

    if (n >= 64 || (heard->came >> n & 1)) {
        return LOAD_AGAIN;
    }

    heard->came |= (uint64_t) 1 << n;

    return LOAD_LATE;
}


static void
load_client_mark(load_ctx_t *x, load_client_t *c, const char *s, uint64_t now)
{
    uint32_t     publisher, number;
    uint64_t     ns;
    unsigned     rooms;
    load_turn_t  turn;

    rooms = x->o->rooms;

    /* what was said before this run may be replayed to who joins */

    if (load_mark_read(s, &publisher, &number, &ns) != 0
        || ns < x->begun || publisher >= x->o->publishers)
    {
        return;
    }

    if (publisher % rooms != c->i % rooms) {
        x->st->stray++;
        return;
    }

    turn = load_client_turn(&c->heard[publisher / rooms], number);

    if (turn == LOAD_AGAIN) {
        x->st->again++;
        return;
    }

    x->st->skipped += turn == LOAD_LATE;
    x->st->received++;

    if (x->phase == LOAD_MEASURE) {
        x->st->measured++;
        load_hist_add(x->st->hist, now > ns ? now - ns : 0);
    }

    if (x->o->mode != LOAD_HEAR) {
        load_client_arrived(x, publisher, number, ns, now);
    }
}


/*
 * The last receiver of a message lets its publisher send the next one.  In the
 * open loop one that is many messages late is not awaited any more.
 */

static void
load_client_arrived(load_ctx_t *x, uint32_t publisher, uint32_t number,
    uint64_t ns, uint64_t now)
{
    unsigned        p;
    uint64_t        one;
    load_client_t  *c;
    load_flight_t  *f;

    f = &x->sh->flight[publisher];

    if (__atomic_load_n(&f->number[number % LOAD_WINDOW], __ATOMIC_ACQUIRE)
        != number)
    {
        return;
    }

    if (__atomic_sub_fetch(&f->left[number % LOAD_WINDOW], 1,
                           __ATOMIC_ACQ_REL) != 0)
    {
        return;
    }

    if (x->phase == LOAD_MEASURE) {
        load_hist_add(x->st->last, now > ns ? now - ns : 0);
    }

    if (x->o->window == 0) {
        return;
    }

    __atomic_add_fetch(&f->done, 1, __ATOMIC_ACQ_REL);

    p = publisher % x->o->procs;

    if (p != x->p) {
        one = 1;
        (void) !write(x->sh->wake[p], &one, sizeof(one));
        return;
    }

    c = &x->clients[publisher / x->o->procs];

    if (!c->hot) {
        c->hot = 1;
        x->hot[x->nhot++] = c;
    }
}


/* The text after a name, which ends at one of "end"; NULL if it is too long. */

static const char *
load_member(const char *p, size_t len, const char *name, const char *end,
    size_t most, size_t *n)
{
    const char  *last;

    last = p + len;
    p = memmem(p, len, name, strlen(name));

    if (p == NULL) {
        return NULL;
    }

    p += strlen(name);

    for (*n = 0; p + *n < last && strchr(end, p[*n]) == NULL; (*n)++) {
        /* void */
    }

    return *n && *n <= most && p + *n < last ? p : NULL;
}


void
load_client_place(load_client_t *c, const char *p, size_t len)
{
    size_t       n;
    char         number[24];
    const char  *s;

    s = load_member(p, len, "\"channel\":\"", "\"", sizeof(c->channel) - 1, &n);

    if (s == NULL) {
        return;
    }

    if (c->state == LOAD_JOIN && !c->back) {
        memcpy(c->channel, s, n);
        c->channel[n] = '\0';

    } else if (strlen(c->channel) != n || memcmp(c->channel, s, n) != 0) {
        return;
    }

    s = load_member(p, len, "\"epoch\":\"", "\"", sizeof(c->epoch) - 1, &n);

    if (s) {
        memcpy(c->epoch, s, n);
        c->epoch[n] = '\0';
    }

    s = load_member(p, len, "\"offset\":", ",}", sizeof(number) - 1, &n);

    if (s) {
        memcpy(number, s, n);
        number[n] = '\0';
        c->offset = strtoull(number, NULL, 10);
    }
}
