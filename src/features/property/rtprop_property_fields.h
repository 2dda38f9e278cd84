/*
 * rtprop_property_fields: what bodies about a property hold, checked member by
 * member; private to the rules of properties.
 */

#ifndef _RTPROP_PROPERTY_FIELDS_H_INCLUDED_
#define _RTPROP_PROPERTY_FIELDS_H_INCLUDED_


#include "features/property/rtprop_property.h"


/*
 * Each of these puts a checked member of "body" into "fresh"; "key" is what it
 * is called in the body, "as" in fresh.  RTPROP_OK; RTPROP_DECLINED when there
 * is none, RTPROP_ERROR when it is a wrong one, with "why" in both cases.
 */
int rtprop_property_title(json_t *fresh, const json_t *body,
    rtprop_invalid_t *why);
int rtprop_property_word(json_t *fresh, const json_t *body, const char *key,
    const char *as, rtprop_invalid_t *why);
int rtprop_property_integer(json_t *fresh, const json_t *body,
    const char *key, const char *as, rtprop_invalid_t *why);

/* Likewise the agent's id; one that is missing becomes null: RTPROP_OK. */
int rtprop_property_agent_id(json_t *fresh, const json_t *body,
    rtprop_invalid_t *why);

/*
 * Puts all members that properties have no name for into "extra" of "fresh";
 * RTPROP_ERROR with "why" when they are more than RTPROP_PROPERTY_SIZE.
 */
int rtprop_property_extra(json_t *fresh, const json_t *body,
    rtprop_invalid_t *why);

/* What a value takes when written; too much when it cannot be written. */
size_t rtprop_property_size(const json_t *value);


#endif /* _RTPROP_PROPERTY_FIELDS_H_INCLUDED_ */
