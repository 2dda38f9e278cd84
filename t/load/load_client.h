
/* A process of the load tool and its clients. */


#ifndef _LOAD_CLIENT_H_INCLUDED_
#define _LOAD_CLIENT_H_INCLUDED_


#include <sys/socket.h>

#include "load.h"


#define LOAD_BUFFER    (512 * 1024)


typedef enum {
    LOAD_NEW = 0,
    LOAD_CONNECTING,
    LOAD_TLS,
    LOAD_HANDSHAKE,
    LOAD_WELCOME,
    LOAD_JOIN,
    LOAD_READY,
    LOAD_DEAD
} load_state_t;


typedef struct load_inflate_s  load_inflate_t;
typedef struct load_auction_s  load_auction_t;


/* Which messages of a publisher have come: all before "next", with gaps. */

typedef struct {
    uint64_t               came;       /* bit k: of next - 1 - k, that it has */
    uint32_t               next;       /* awaited number */
} load_heard_t;


typedef struct {
    int                    fd;
    unsigned               i;          /* among all clients */
    load_state_t           state;
    uint32_t               sent;       /* messages, as a publisher */
    unsigned               back:1;     /* was ready before */
    unsigned               hot:1;      /* in the list of those to look at */
    struct ssl_st         *ssl;
    char                  *in;         /* what is not a whole frame yet */
    size_t                 in_len;
    char                  *out;        /* what the socket did not take */
    size_t                 out_len;
    uint64_t               offset;     /* with --resume: the place in */
    char                   epoch[17];  /* the room's channel */
    char                   channel[64];
    load_heard_t          *heard;      /* of each publisher of the room */
    struct load_bidder_s  *bidder;     /* or NULL */
} load_client_t;


typedef struct {
    const load_options_t  *o;
    load_shared_t         *sh;
    load_proc_t           *st;
    unsigned               p;
    int                    epoll;
    int                    phase;
    uint64_t               begun;      /* marks before it are of others */
    uint32_t               seed;
    struct ssl_ctx_st     *tls;        /* or NULL */
    load_inflate_t        *inflate;    /* or NULL */
    load_auction_t        *auction;    /* or NULL */
    struct sockaddr_storage  address;
    socklen_t              address_len;
    load_client_t         *clients;
    unsigned               n;
    unsigned               npublishers;
    unsigned               opened;
    unsigned               opening;
    load_client_t        **hot;
    unsigned               nhot;
    load_client_t        **away;       /* to be connected again */
    unsigned               naway;
    char                   buffer[LOAD_BUFFER];
    char                   frames[LOAD_BUFFER];
    char                   text[LOAD_MAX_MESSAGE];
} load_ctx_t;


/* Starts to connect; a failure is counted. */
void load_client_open(load_ctx_t *x, load_client_t *c);


/*
 * Handles what epoll tells of a client: completes the handshake, joins, reads
 * and counts messages, answers pings.  May end the client.
 */
void load_client_event(load_ctx_t *x, load_client_t *c, uint32_t events);


/* Sends bytes, and keeps what the socket does not take.  May end the client. */
void load_client_write(load_ctx_t *x, load_client_t *c, const char *data,
    size_t len);


/* Ends a client that failed, for the reason given; counts it. */
void load_client_fail(load_ctx_t *x, load_client_t *c, const char *why, ...)
    __attribute__((format(printf, 3, 4)));


/*
 * Handles the frame at "p", which came at "now", if all of it is there.
 * Returns its length, or 0.  May end the client.
 */
ssize_t load_client_frame(load_ctx_t *x, load_client_t *c, char *p, size_t len,
    uint64_t now);


/* Sends the join, if there is one.  May end the client. */
void load_client_join(load_ctx_t *x, load_client_t *c);


/* Sends the message "number" of a client, due at "ns", once more. */
void load_client_repeat(load_ctx_t *x, load_client_t *c, uint32_t number,
    uint64_t ns);


/*
 * Notes the place in the room's channel that a frame tells of; the answer to
 * the join tells the channel, too.
 */
void load_client_place(load_client_t *c, const char *p, size_t len);


/* The client is where it shall be, and counts as a receiver from now on. */
void load_client_ready(load_ctx_t *x, load_client_t *c);


/* The next of a row of numbers for masks. */
uint32_t load_random(load_ctx_t *x);


#endif /* _LOAD_CLIENT_H_INCLUDED_ */
