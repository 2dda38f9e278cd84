/*
 * rtprop_payload: the small values of which the features' payloads are made.
 */

#ifndef _RTPROP_PAYLOAD_H_INCLUDED_
#define _RTPROP_PAYLOAD_H_INCLUDED_


#include <jansson.h>

#include "base/rtprop_base.h"
#include "base/rtprop_time.h"


/*
 * Each returns a new reference, NULL without memory, so that json_pack() with
 * "o" in their place fails as a whole.
 */

/* A time as RFC 3339 text; a negative one is null. */

static inline json_t *
rtprop_payload_time(int64_t ms)
{
    unsigned char  buf[RTPROP_TIME_LEN];

    if (ms < 0) {
        return json_null();
    }

    return json_stringn((char *) buf, rtprop_time_format(ms, buf));
}


/* A counted string; with data NULL null. */

static inline json_t *
rtprop_payload_str(const rtprop_str_t *s)
{
    if (s->data == NULL) {
        return json_null();
    }

    return json_stringn((char *) s->data, s->len);
}


/* An integer; 0 is null. */

static inline json_t *
rtprop_payload_number(int64_t n)
{
    return n ? json_integer(n) : json_null();
}


/* A borrowed value as it is; NULL is null. */

static inline json_t *
rtprop_payload_value(json_t *value)
{
    return value ? json_incref(value) : json_null();
}


/* A member of an object as it is; null when there is none. */

static inline json_t *
rtprop_payload_member(const json_t *object, const char *key)
{
    return rtprop_payload_value(json_object_get(object, key));
}


#endif /* _RTPROP_PAYLOAD_H_INCLUDED_ */
