/*
 * rtprop_publish: what may be posted to a channel.
 */

#ifndef _RTPROP_PUBLISH_H_INCLUDED_
#define _RTPROP_PUBLISH_H_INCLUDED_


#include <jansson.h>
#include "base/rtprop_base.h"


#define RTPROP_PUBLISH_MAX       100     /* elements of an array */
#define RTPROP_PUBLISH_TYPE_MAX  64      /* bytes of a type */


/* One event to publish; strings are borrowed from the JSON. */

typedef struct {
    rtprop_str_t   channel;
    rtprop_str_t   type;
    rtprop_str_t   exclude;        /* a session's id, or empty */
    json_t        *payload;        /* borrowed; NULL: none given */
    int            is_volatile;
} rtprop_publish_t;


/*
 * Judges one element {channel, type, payload?, exclude_session?, volatile?}.
 * kinds are the prefixes of known channels; the channel "all" is known, too,
 * and always volatile.
 *
 * RTPROP_OK, or RTPROP_DECLINED with *field (NULL: the element itself) and
 * *message set to static texts.
 */
int rtprop_publish_parse(const json_t *element, const rtprop_str_t *kinds,
    size_t nkinds, rtprop_publish_t *publish, const char **field,
    const char **message);


/*
 * Whether a name is a channel's: "all", or "{kind}:{id}" of a known kind.
 * 1 or 0.
 */
int rtprop_publish_channel_valid(const rtprop_str_t *name,
    const rtprop_str_t *kinds, size_t nkinds);


/*
 * Whether a name can be an event's type: a letter, then letters, digits and
 * any of "_.:-", RTPROP_PUBLISH_TYPE_MAX bytes at most.  1 or 0.
 */
int rtprop_publish_type_valid(const rtprop_str_t *type);


#endif /* _RTPROP_PUBLISH_H_INCLUDED_ */
