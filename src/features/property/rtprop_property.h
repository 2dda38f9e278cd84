/*
 * rtprop_property: what is kept of a property, how it may change, and what its
 * viewers and watchers are told.
 *
 * A document is a JSON object that rtprop_property_create() or
 * rtprop_property_parse() makes and rtprop_json_dump() writes; its version is
 * the engine's.  A function that does not return RTPROP_OK leaves it unchanged
 * (want of memory aside: the document is then thrown away).
 *
 * Payload functions return a new reference that the caller owns, NULL without
 * memory; keys are in snake_case.  Money is in the smallest unit, 0..2^53-1.
 */

#ifndef _RTPROP_PROPERTY_H_INCLUDED_
#define _RTPROP_PROPERTY_H_INCLUDED_


#include <jansson.h>

#include "base/rtprop_base.h"
#include "base/rtprop_json.h"


/* The keys of all payloads that can be spelled in two ways. */

#define RTPROP_PROPERTY_KEYS                                                  \
    "property_id viewer_count wishlist_today viewings_this_week agent_id "    \
    "old_status new_status updated_at old_price new_price "                   \
    "percentage_change is_price_drop"

#define RTPROP_PROPERTY_TITLE_LEN  1000     /* bytes */
#define RTPROP_PROPERTY_SIZE       32768    /* bytes of extra members */
#define RTPROP_PROPERTY_NEWS_SIZE  4096     /* bytes kept of a broadcast */
#define RTPROP_PROPERTY_EVENTS     2


/* What is to be sent: a constant type, a payload that the caller owns. */

typedef struct {
    const char     *type;                   /* "property:price_updated" */
    json_t         *payload;
} rtprop_property_event_t;


/* Makes the document of a property of which nothing is known. */
json_t *rtprop_property_create(void);

/*
 * Reads and checks a document.  Returns a new reference, or NULL when the text
 * is none, or without memory.
 */
json_t *rtprop_property_parse(const char *text, size_t len);

/* Tells whether a word is a status: available, under_offer, sold ... */
int rtprop_property_status(const rtprop_str_t *word);

/*
 * The change from an old to a new price in per cent: signed, one decimal,
 * half a tenth away from zero.  null from an old price of 0.
 */
json_t *rtprop_property_percentage(int64_t old_price, int64_t new_price);

/*
 * Puts a resource (PUT) in place of the one kept: title, status, price, and
 * perhaps agent_id, wishlist_today, viewings_this_week (kept when left out),
 * and anything else, which is kept as it is; id, property_id, viewer_count,
 * version and updated_at aside, which are not the host's to set.
 *
 * Sets events[0..*n-1] to what a change of status and of price announces; what
 * was not known before has not changed.
 *
 * RTPROP_OK, or RTPROP_ERROR with "why" (422), why->field NULL without memory.
 */
int rtprop_property_replace(json_t *doc, const rtprop_str_t *id,
    const json_t *body, int64_t now,
    rtprop_property_event_t events[RTPROP_PROPERTY_EVENTS], unsigned *n,
    rtprop_invalid_t *why);

/*
 * Applies a broadcast to the document and makes the event to be sent.  "name"
 * is the event's, with or without "property:"; "data" an object:
 *
 *     status_changed          new_status, old_status?, title?
 *     price_updated           new_price, old_price?, title?
 *     activity_update         wishlist_today?, viewings_this_week?, not neither
 *     new_photos_added, open_house_scheduled, property_featured,
 *     virtual_tour_available  anything; the last of each is kept if small
 *
 * What is old is taken from the document when it is not given.  Members
 * property_id, event and updated_at of "data" are passed over.
 *
 * RTPROP_OK; RTPROP_DECLINED for another name (why->field "event");
 * RTPROP_ERROR with "why" as above.
 */
int rtprop_property_broadcast(json_t *doc, const rtprop_str_t *id,
    const rtprop_str_t *name, const json_t *data, int64_t now,
    rtprop_property_event_t *event, rtprop_invalid_t *why);

/* The id of the property's agent, borrowed from doc; len 0 when unknown. */
void rtprop_property_agent(const json_t *doc, rtprop_str_t *agent);

/*
 * property:state, as far as known.  "agent" is the agent's status, borrowed,
 * NULL when unknown.  What the host has put as "agent" is shown with it; when
 * neither is there, the bare id.
 */
json_t *rtprop_property_state_payload(const json_t *doc,
    const rtprop_str_t *id, int64_t viewers, json_t *agent);

/*
 * Appends the text of the same for a property of which nothing is known.
 * RTPROP_OK, or RTPROP_ERROR without memory; buf may then hold a part of it.
 */
int rtprop_property_state_text(const rtprop_str_t *id, int64_t viewers,
    rtprop_json_buf_t *buf);

/* The resource of the HTTP interface. */
json_t *rtprop_property_resource_json(const json_t *doc,
    const rtprop_str_t *id, uint64_t version);

/*
 * property:status_changed and property:price_updated, what is new being in the
 * document already; "old" is borrowed, NULL or null when it is not known.
 */
json_t *rtprop_property_status_payload(const json_t *doc,
    const rtprop_str_t *id, json_t *old, int64_t now);
json_t *rtprop_property_price_payload(const json_t *doc,
    const rtprop_str_t *id, json_t *old, int64_t now);

/* property:viewer_count */
json_t *rtprop_property_viewers_payload(const rtprop_str_t *id,
    int64_t viewers);

/* The answer for pages that poll {property_id, count}. */
json_t *rtprop_property_viewers_json(const rtprop_str_t *id, int64_t viewers);


#endif /* _RTPROP_PROPERTY_H_INCLUDED_ */
