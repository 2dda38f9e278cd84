
/* Compressed messages that a client receives. */


#ifndef _LOAD_INFLATE_H_INCLUDED_
#define _LOAD_INFLATE_H_INCLUDED_


#include <zlib.h>

#include "load_client.h"


#define LOAD_OFFER  "permessage-deflate; server_no_context_takeover; " \
                    "client_no_context_takeover"


struct load_inflate_s {
    z_stream  stream;
    size_t    len;                     /* of the text */
    size_t    last_len;                /* of what it was inflated from, or 0 */
    char      last[LOAD_BUFFER / 2];
    char      text[LOAD_MAX_FRAME];
};


/* A decoder for a process that offers compression.  Returns 0 or -1. */
int load_inflate_create(load_ctx_t *x);


/*
 * Inflates the payload of one whole message.  Returns the length and sets *text
 * until the next call, or returns -1 if it is damaged or too large.
 */
ssize_t load_inflate(load_inflate_t *z, const char *data, size_t len,
    const char **text);


#endif /* _LOAD_INFLATE_H_INCLUDED_ */
