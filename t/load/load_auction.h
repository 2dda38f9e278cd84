
/*
 * Bidders at one auction: all bid at one rate, each Nth bid, by chance, higher
 * than all before it, the others at a price that the bidder has heard, which
 * is too low.  A bid is to be answered once; an accepted one is to be heard
 * by everybody once, at rising prices, in a channel without gaps.
 */


#ifndef _LOAD_AUCTION_H_INCLUDED_
#define _LOAD_AUCTION_H_INCLUDED_


#include "load_client.h"


/* Nothing in another mode.  Returns 0, or -1 when there is no memory. */
int load_auction_create(load_ctx_t *x);


/* Notes who serves a client: the header X-Worker of the handshake's answer. */
void load_auction_worker(load_ctx_t *x, load_client_t *c, const char *head,
    size_t len);


/* Sends a bid that was due at "ns".  May end the client. */
void load_auction_bid(load_ctx_t *x, load_client_t *c, uint64_t ns);


/* Handles a frame that came at "now".  May end the client. */
void load_auction_text(load_ctx_t *x, load_client_t *c, const char *p,
    size_t len, uint64_t now);


/* Counts what is known only when the run is over. */
void load_auction_end(load_ctx_t *x);


#endif /* _LOAD_AUCTION_H_INCLUDED_ */
