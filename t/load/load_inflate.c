
/*
 * permessage-deflate (RFC 7692) as the tool offers it: the server takes no
 * context over, so one decoder serves all clients of a process.  All receivers
 * of a message get the same bytes, so they are inflated once in a row.
 */


#include <stdlib.h>
#include <string.h>

#include "load_inflate.h"


int
load_inflate_create(load_ctx_t *x)
{
    load_inflate_t  *z;

    if (!x->o->deflate) {
        return 0;
    }

    z = calloc(1, sizeof(load_inflate_t));

    if (z == NULL || inflateInit2(&z->stream, -15) != Z_OK) {
        free(z);
        return -1;
    }

    x->inflate = z;

    return 0;
}


ssize_t
load_inflate(load_inflate_t *z, const char *data, size_t len,
    const char **text)
{
    int                   rc;
    static unsigned char  tail[] = { 0x00, 0x00, 0xff, 0xff };

    *text = z->text;

    if (len == z->last_len && memcmp(z->last, data, len) == 0) {
        return z->len;
    }

    z->last_len = 0;

    if (len > sizeof(z->last)) {
        return -1;
    }

    inflateReset(&z->stream);

    z->stream.next_out = (unsigned char *) z->text;
    z->stream.avail_out = sizeof(z->text);
    z->stream.next_in = (unsigned char *) data;
    z->stream.avail_in = len;

    rc = inflate(&z->stream, Z_SYNC_FLUSH);

    if (rc == Z_OK && z->stream.avail_in == 0) {
        z->stream.next_in = tail;
        z->stream.avail_in = sizeof(tail);
        rc = inflate(&z->stream, Z_SYNC_FLUSH);
    }

    if ((rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
        || z->stream.avail_out == 0)
    {
        return -1;
    }

    z->len = sizeof(z->text) - z->stream.avail_out;
    z->last_len = len;
    memcpy(z->last, data, len);

    return z->len;
}
