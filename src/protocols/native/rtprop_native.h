/*
 * rtprop_native: the native dialect's envelope, {"type", "payload", "id"}.
 *
 * Decodes what a client sent, and composes frames as text: an event whose
 * payload is already JSON text costs no JSON work.
 */

#ifndef _RTPROP_NATIVE_H_INCLUDED_
#define _RTPROP_NATIVE_H_INCLUDED_


#include "base/rtprop_json.h"
#include "base/rtprop_flat.h"


#define RTPROP_NATIVE_DEPTH     16      /* of a whole envelope */
#define RTPROP_NATIVE_TYPE_MAX  64      /* octets of a command's name */
#define RTPROP_NATIVE_ID_MAX    128     /* octets of a command's id */
#define RTPROP_NATIVE_ID_RAW    (RTPROP_NATIVE_ID_MAX * 6 + 2)


/* A decoded envelope.  Strings lie in root and id_raw. */

typedef struct {
    json_t         *root;       /* owned */
    rtprop_str_t    type;
    json_t         *payload;    /* borrowed from root; NULL: none, or null */
    rtprop_str_t    id;         /* raw JSON of the id; empty: none */
    unsigned char   id_raw[RTPROP_NATIVE_ID_RAW];

    /* of a refusal */
    const char     *code;       /* "invalid_json" or "invalid_envelope" */
    const char     *message;    /* for people, static */
} rtprop_native_t;


/*
 * Decodes one message.  RTPROP_OK: type, payload and id are set; end it with
 * rtprop_native_free().  RTPROP_ERROR: code and message are set, and id where
 * it could be read; nothing is to be freed, id stays valid.
 *
 * type: a string of 1 to RTPROP_NATIVE_TYPE_MAX octets.  payload: an object,
 * an array, a string or an integer (a bare id), null or absent.  id: a string
 * of at most RTPROP_NATIVE_ID_MAX octets, an integer, null or absent.  Other
 * members are ignored.
 */

int rtprop_native_decode(rtprop_native_t *n, const unsigned char *data,
    size_t len);

/*
 * Decodes what most messages are, without making values: an envelope with a
 * payload that rtprop_flat_read() takes.  RTPROP_OK: type, id and *payload are
 * set and lie in data and id_raw, root and payload of n are NULL, nothing is to
 * be freed.  RTPROP_DECLINED: good or bad, it is for rtprop_native_decode().
 */

int rtprop_native_flat(rtprop_native_t *n, rtprop_flat_t *payload,
    const unsigned char *data, size_t len);

/* An envelope within another: root gets a reference of its own. */

int rtprop_native_decode_json(rtprop_native_t *n, json_t *envelope);

void rtprop_native_free(rtprop_native_t *n);


/*
 * What a frame says.  payload is JSON text and id raw JSON, both used as they
 * are; type and channel are escaped.  Empty members are left out, payload is
 * then {}.
 */

typedef struct {
    rtprop_str_t    type;
    rtprop_str_t    id;
    rtprop_str_t    channel;    /* empty: neither epoch nor offset */
    uint64_t        epoch;      /* as 16 hex digits */
    uint64_t        offset;
    rtprop_str_t    payload;
    unsigned        position:1; /* an answer to a join: epoch goes out too */
} rtprop_native_frame_t;


/* Octets that are enough for the frame. */

size_t rtprop_native_frame_size(const rtprop_native_frame_t *f);

/*
 * Writes the frame to dst, which has room for rtprop_native_frame_size().
 * Returns the octets written.
 */

size_t rtprop_native_frame(unsigned char *dst,
    const rtprop_native_frame_t *f);

/*
 * The payload of an "error" event as a new object: code, message, event
 * (unless empty), and the members of extra (borrowed, may be NULL).  NULL: no
 * memory.
 */

json_t *rtprop_native_error(const char *code, const char *message,
    const rtprop_str_t *event, json_t *extra);


#endif /* _RTPROP_NATIVE_H_INCLUDED_ */
