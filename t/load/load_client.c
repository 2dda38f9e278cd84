
/*
 * One client: connection, handshake (RFC 6455, 4.1), join, frames.
 */


#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load_auction.h"
#include "load_client.h"
#include "load_inflate.h"
#include "load_io.h"


/* the example of RFC 6455, 1.3: a known key has a known answer */
#define LOAD_KEY            "dGhlIHNhbXBsZSBub25jZQ=="
#define LOAD_ACCEPT         "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

/* fewer than the ports that a source address has on most machines */
#define LOAD_PER_ADDRESS    20000


static void load_client_connected(load_ctx_t *x, load_client_t *c);
static void load_client_secure(load_ctx_t *x, load_client_t *c);
static void load_client_ask(load_ctx_t *x, load_client_t *c);
static void load_client_returned(load_ctx_t *x, load_client_t *c);
static void load_client_read(load_ctx_t *x, load_client_t *c);
static ssize_t load_client_upgraded(load_ctx_t *x, load_client_t *c,
    const char *p, size_t len);


uint32_t
load_random(load_ctx_t *x)
{
    x->seed ^= x->seed << 13;
    x->seed ^= x->seed >> 17;
    x->seed ^= x->seed << 5;

    return x->seed;
}


/* From 127.0.0.0/8 there are as many source addresses as are needed. */

static void
load_client_source(int fd, unsigned i, const struct sockaddr *sa)
{
    int                        on;
    struct sockaddr_in         from;
    const struct sockaddr_in  *to;

    to = (const struct sockaddr_in *) sa;

    if (sa->sa_family != AF_INET || ntohl(to->sin_addr.s_addr) >> 24 != 127
        || i < LOAD_PER_ADDRESS)
    {
        return;
    }

    memset(&from, 0, sizeof(from));
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + i / LOAD_PER_ADDRESS);

    on = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    (void) bind(fd, (struct sockaddr *) &from, sizeof(from));
}


void
load_client_open(load_ctx_t *x, load_client_t *c)
{
    int                 on;
    struct linger       linger;
    struct epoll_event  ev;

    x->opening++;
    c->state = LOAD_CONNECTING;

    c->fd = socket(x->address.ss_family, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC,
                   0);
    if (c->fd == -1) {
        load_client_fail(x, c, "socket: %s", strerror(errno));
        return;
    }

    /* no port waits after the run, so that the next one finds enough */

    linger.l_onoff = 1;
    linger.l_linger = 0;
    on = 1;

    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    load_client_source(c->fd, c->i, (struct sockaddr *) &x->address);

    if (connect(c->fd, (struct sockaddr *) &x->address, x->address_len) == -1
        && errno != EINPROGRESS)
    {
        load_client_fail(x, c, "connect: %s", strerror(errno));
        return;
    }

    ev.events = EPOLLIN|EPOLLOUT;
    ev.data.ptr = c;

    if (epoll_ctl(x->epoll, EPOLL_CTL_ADD, c->fd, &ev) == -1) {
        load_client_fail(x, c, "epoll_ctl: %s", strerror(errno));
    }
}


void
load_client_fail(load_ctx_t *x, load_client_t *c, const char *why, ...)
{
    va_list  args;

    if (c->state == LOAD_DEAD) {
        return;
    }

    if (c->state == LOAD_READY && x->o->resume) {
        c->back = 1;
        x->away[x->naway++] = c;

    } else if (c->state == LOAD_READY) {

        if (x->st->closed++ == 0) {
            va_start(args, why);
            vsnprintf(x->st->lost, sizeof(x->st->lost), why, args);
            va_end(args);
        }

    } else {
        x->st->failed++;
        x->opening--;
    }

    if (x->st->why[0] == '\0' && !(c->back && c->state == LOAD_READY)) {
        va_start(args, why);
        vsnprintf(x->st->why, sizeof(x->st->why), why, args);
        va_end(args);
    }

    load_io_close(c);
    free(c->in);
    free(c->out);

    c->in = NULL;
    c->out = NULL;
    c->in_len = 0;
    c->out_len = 0;
    c->state = LOAD_DEAD;
}


static void
load_client_listen(load_ctx_t *x, load_client_t *c, uint32_t events)
{
    struct epoll_event  ev;

    ev.events = events;
    ev.data.ptr = c;

    epoll_ctl(x->epoll, EPOLL_CTL_MOD, c->fd, &ev);
}


void
load_client_write(load_ctx_t *x, load_client_t *c, const char *data,
    size_t len)
{
    char     *out;
    ssize_t   n;

    n = 0;

    if (c->out_len == 0) {
        n = load_io_send(c, data, len);

        if (n == (ssize_t) len) {
            return;
        }

        if (n == -1 && errno != EAGAIN) {
            load_client_fail(x, c, "send: %s", strerror(errno));
            return;
        }

        n = n > 0 ? n : 0;
        load_client_listen(x, c, EPOLLIN|EPOLLOUT);
    }

    len -= n;

    if (c->out_len + len > LOAD_MAX_FRAME) {
        load_client_fail(x, c, "the server does not read what is sent");
        return;
    }

    out = realloc(c->out, c->out_len + len);
    if (out == NULL) {
        load_client_fail(x, c, "no memory");
        return;
    }

    memcpy(out + c->out_len, data + n, len);
    c->out = out;
    c->out_len += len;
}


static void
load_client_flush(load_ctx_t *x, load_client_t *c)
{
    ssize_t  n;

    n = c->out_len ? load_io_send(c, c->out, c->out_len) : 0;

    if (n == -1) {
        if (errno != EAGAIN) {
            load_client_fail(x, c, "send: %s", strerror(errno));
        }

        return;
    }

    c->out_len -= n;
    memmove(c->out, c->out + n, c->out_len);

    if (c->out_len == 0) {
        free(c->out);
        c->out = NULL;
        load_client_listen(x, c, EPOLLIN);
    }
}


void
load_client_event(load_ctx_t *x, load_client_t *c, uint32_t events)
{
    if (c->state == LOAD_CONNECTING) {
        load_client_connected(x, c);
        return;
    }

    if (c->state == LOAD_TLS) {
        load_client_secure(x, c);
        return;
    }

    if (c->state != LOAD_DEAD && events & EPOLLOUT) {
        load_client_flush(x, c);
    }

    if (c->state != LOAD_DEAD && events & (EPOLLIN|EPOLLHUP|EPOLLERR)) {
        load_client_read(x, c);
    }
}


static void
load_client_connected(load_ctx_t *x, load_client_t *c)
{
    int        error;
    socklen_t  size;

    size = sizeof(error);
    error = 0;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);

    if (error) {
        load_client_fail(x, c, "connect: %s", strerror(error));
        return;
    }

    c->state = LOAD_TLS;
    load_client_secure(x, c);
}


static void
load_client_secure(load_ctx_t *x, load_client_t *c)
{
    int          out;
    const char  *why;

    switch (load_io_handshake(x, c, &out, &why)) {

    case 1:
        load_client_listen(x, c, EPOLLIN);
        load_client_ask(x, c);
        break;

    case 0:
        load_client_listen(x, c, out ? EPOLLIN|EPOLLOUT : EPOLLIN);
        break;

    default:
        load_client_fail(x, c, "TLS: %s", why);
    }
}


/* The request for the upgrade. */

static void
load_client_ask(load_ctx_t *x, load_client_t *c)
{
    int        len;
    char       head[4096];
    ssize_t    n;
    unsigned   h;

    c->state = LOAD_HANDSHAKE;

    len = snprintf(head, sizeof(head), "GET ");
    n = load_expand(x->o, x->o->path, c->i, NULL, head + len, 2048);

    if (n != -1) {
        len += n;
        len += snprintf(head + len, sizeof(head) - len,
                        " HTTP/1.1\r\nHost: %s:%s\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: " LOAD_KEY "\r\n%s",
                        x->o->host, x->o->port,
                        x->o->deflate ? "Sec-WebSocket-Extensions: "
                                        LOAD_OFFER "\r\n" : "");
    }

    for (h = 0; n != -1 && h < x->o->nheaders; h++) {
        n = load_expand(x->o, x->o->headers[h], c->i, NULL, head + len,
                        sizeof(head) - len - 4);
        if (n != -1) {
            len += n + snprintf(head + len + n, 3, "\r\n");
        }
    }

    if (n == -1) {
        load_client_fail(x, c, "the request is too long");
        return;
    }

    len += snprintf(head + len, 3, "\r\n");
    load_client_write(x, c, head, len);
}


static void
load_client_keep(load_ctx_t *x, load_client_t *c, const char *p, size_t len)
{
    char  *in;

    if (len == 0) {
        free(c->in);
        c->in = NULL;
        c->in_len = 0;
        return;
    }

    in = len > LOAD_MAX_FRAME ? NULL : malloc(len);
    if (in == NULL) {
        load_client_fail(x, c, "a frame is too large");
        return;
    }

    memcpy(in, p, len);
    free(c->in);
    c->in = in;
    c->in_len = len;
}


/* Bytes of an unfinished frame are put before what comes. */

static void
load_client_read(load_ctx_t *x, load_client_t *c)
{
    char      *p, *last;
    ssize_t    n;
    uint64_t   now;

    if (c->in_len >= LOAD_BUFFER / 2) {
        load_client_fail(x, c, "a frame is too large");
        return;
    }

    memcpy(x->buffer, c->in ? c->in : "", c->in_len);
    n = load_io_recv(c, x->buffer + c->in_len, LOAD_BUFFER - c->in_len);

    if (n == -1 && errno == EAGAIN) {
        return;
    }

    if (n <= 0) {
        load_client_fail(x, c, "the server closed the connection%s%s",
                         n == -1 ? ": " : "", n == -1 ? strerror(errno) : "");
        return;
    }

    now = load_now();
    x->st->bytes += n;
    p = x->buffer;
    last = p + c->in_len + n;

    while (p < last && c->state != LOAD_DEAD) {
        n = c->state == LOAD_HANDSHAKE
            ? load_client_upgraded(x, c, p, last - p)
            : load_client_frame(x, c, p, last - p, now);

        if (n == 0) {
            break;
        }

        p += n;
    }

    if (c->state != LOAD_DEAD && (c->in || p < last)) {
        load_client_keep(x, c, p, last - p);
    }
}


/* Returns the length of the response's header, or 0 if it is not all there. */

static ssize_t
load_client_upgraded(load_ctx_t *x, load_client_t *c, const char *p,
    size_t len)
{
    const char  *end;

    end = memmem(p, len, "\r\n\r\n", 4);
    if (end == NULL) {
        return 0;
    }

    if (len < 12 || memcmp(p + 8, " 101", 4) != 0
        || memmem(p, end - p, LOAD_ACCEPT, sizeof(LOAD_ACCEPT) - 1) == NULL)
    {
        load_client_fail(x, c, "no upgrade: %.*s",
                         (int) ((char *) memchr(p, '\r', len) - p), p);
        return 0;
    }

    if (x->o->deflate
        && memmem(p, end - p, "server_no_context_takeover", 26) == NULL)
    {
        load_client_fail(x, c, "the server does not compress");
        return 0;
    }

    if (x->auction) {
        load_auction_worker(x, c, p, end - p);
    }

    c->state = LOAD_WELCOME;

    if (x->o->welcome[0] == '\0') {
        load_client_join(x, c);
    }

    return end + 4 - p;
}


void
load_client_join(load_ctx_t *x, load_client_t *c)
{
    char     frame[4096 + 14];
    size_t   len;
    ssize_t  n;

    if (x->o->join[0] == '\0') {
        load_client_ready(x, c);
        return;
    }

    n = c->back
        ? snprintf(x->text, 4096, "{\"type\":\"resume\",\"payload\":{"
                   "\"channels\":{\"%s\":{\"epoch\":\"%s\",\"offset\":%lu}}}}",
                   c->channel, c->epoch, c->offset)
        : load_expand(x->o, x->o->join, c->i, NULL, x->text, 4096);
    if (n == -1) {
        load_client_fail(x, c, "the join is too long");
        return;
    }

    c->state = LOAD_JOIN;
    len = load_frame(frame, 1, x->text, n, load_random(x));
    load_client_write(x, c, frame, len);

    if (c->state == LOAD_JOIN && x->o->joined[0] == '\0') {
        load_client_ready(x, c);
    }
}


/* What was said and did not come back with the rest is said again. */

static void
load_client_returned(load_ctx_t *x, load_client_t *c)
{
    uint32_t  number;

    x->st->back++;

    if (c->i >= x->o->publishers) {
        return;
    }

    for (number = c->heard[c->i / x->o->rooms].next;
         number < c->sent && c->state == LOAD_READY;
         number++)
    {
        load_client_repeat(x, c, number, load_now());
    }
}


void
load_client_ready(load_ctx_t *x, load_client_t *c)
{
    c->state = LOAD_READY;
    x->opening--;

    if (c->back) {
        load_client_returned(x, c);
        return;
    }

    x->st->ready++;

    __atomic_add_fetch(&x->sh->room_ready[c->i % x->o->rooms], 1,
                       __ATOMIC_RELAXED);
}
