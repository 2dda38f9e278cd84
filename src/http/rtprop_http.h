/*
 * rtprop_http: reading what HTTP requests of the API carry in their first
 * lines: paths, queries, entity tags, credentials.
 */

#ifndef _RTPROP_HTTP_H_INCLUDED_
#define _RTPROP_HTTP_H_INCLUDED_


#include <jansson.h>
#include "base/rtprop_base.h"


#define RTPROP_HTTP_SEGMENTS   6      /* of the longest path */
#define RTPROP_HTTP_QUERY_MAX  32     /* arguments of a query */
#define RTPROP_HTTP_KEY_MAX    128    /* bytes of an Idempotency-Key */


/* The segments of a path below the location's prefix, decoded. */

typedef struct {
    unsigned      n;
    rtprop_str_t  segment[RTPROP_HTTP_SEGMENTS];
} rtprop_http_path_t;


/*
 * Splits a path at its slashes.  uri is what nginx made of it (decoded and
 * normalized), raw how the client spelled it, query included; both whole.
 * prefix is the location's.  A slash that the client escaped stays inside its
 * segment, provided that nothing else was normalized away.
 *
 * buf has room for raw->len bytes; segments point into it or into uri.
 * RTPROP_OK, or RTPROP_DECLINED when the path is not below the prefix, or has
 * no segment, an empty one, or too many: nothing can be there.
 */
int rtprop_http_path(rtprop_http_path_t *path, const rtprop_str_t *prefix,
    const rtprop_str_t *uri, const rtprop_str_t *raw, unsigned char *buf);


/*
 * Compares a path with a template, "auctions/{id}/bids".  Segments at braces
 * go to ids, at most nids.  Returns how many there were, or RTPROP_DECLINED.
 */
int rtprop_http_match(const rtprop_str_t *name,
    const rtprop_http_path_t *path, rtprop_str_t *ids, unsigned nids);


/*
 * The arguments of a query as a JSON object: percent and plus decoded, a
 * number of at most 2^53 - 1 in its shortest form as an integer, all else as
 * a string; of several with one name the last counts.
 *
 * Returns a new reference, or NULL with *err set to a static text fit for a
 * client (not UTF-8, NUL, too many arguments, or no memory).
 */
json_t *rtprop_http_query(const rtprop_str_t *query, const char **err);


/*
 * The version that If-Match asks for (RFC 9110, 13.1.1), of "N" or W/"N"; of
 * several the newest.  RTPROP_OK; RTPROP_DECLINED for "*" (any version);
 * RTPROP_ERROR when there is no tag of ours, so that none can match.
 */
int rtprop_http_if_match(const rtprop_str_t *value, uint64_t *version);


/*
 * Whether If-None-Match holds the version, by weak comparison (RFC 9110,
 * 13.1.2): 1 or 0.
 */
int rtprop_http_none_match(const rtprop_str_t *value, uint64_t version);


/*
 * Whether a Content-Type is application/json, in UTF-8 if it names a charset
 * (RFC 8259, 11): 1 or 0.
 */
int rtprop_http_is_json(const rtprop_str_t *type);


/*
 * The token of "Bearer token" (RFC 6750, 2.1).  RTPROP_OK, or RTPROP_ERROR
 * for another scheme or nothing behind it.
 */
int rtprop_http_bearer(const rtprop_str_t *value, rtprop_str_t *token);


/*
 * Whether a text can be an Idempotency-Key: 1 to RTPROP_HTTP_KEY_MAX visible
 * ASCII characters.  1 or 0.
 */
int rtprop_http_key_valid(const rtprop_str_t *key);


#endif /* _RTPROP_HTTP_H_INCLUDED_ */
