
/* Bytes of a client's connection, plain or over TLS. */


#ifndef _LOAD_IO_H_INCLUDED_
#define _LOAD_IO_H_INCLUDED_


#include "load_client.h"


/* What a process needs for wss://.  Returns 0, or -1 and has said why. */
int load_io_create(load_ctx_t *x);


/*
 * Goes on with the TLS handshake of a connected client; with ws:// there is
 * none.  Returns 1 when it is done, 0 to be called again when the socket is
 * readable (or, with *out set, writable), -1 with *why set to a static text or
 * one that the next call overwrites.
 */
int load_io_handshake(load_ctx_t *x, load_client_t *c, int *out,
    const char **why);


/* As recv() and send() of a socket that does not block, errno included. */
ssize_t load_io_recv(load_client_t *c, char *buf, size_t size);
ssize_t load_io_send(load_client_t *c, const char *data, size_t len);


/* Closes the socket and frees what TLS holds. */
void load_io_close(load_client_t *c);


#endif /* _LOAD_IO_H_INCLUDED_ */
