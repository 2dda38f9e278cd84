/*
 * rtprop_presence: what is kept of an agent, and the status that follows.
 *
 * A document is a JSON object that rtprop_presence_create() or
 * rtprop_presence_parse() makes and rtprop_json_dump() writes; its version is
 * the engine's.  A function that does not return RTPROP_OK leaves it unchanged
 * (want of memory aside: the document is then thrown away).
 */

#ifndef _RTPROP_PRESENCE_H_INCLUDED_
#define _RTPROP_PRESENCE_H_INCLUDED_


#include <jansson.h>

#include "base/rtprop_base.h"


/* The keys of all payloads that can be spelled in two ways. */

#define RTPROP_PRESENCE_KEYS                                                  \
    "agent_id last_seen property_ids estimated_available "                    \
    "typical_reply_minutes"

#define RTPROP_PRESENCE_PROPERTIES   1000     /* of an agent */
#define RTPROP_PRESENCE_REPLIES      32       /* kept for what is typical */
#define RTPROP_PRESENCE_ESTIMATE     200      /* bytes of a free text */
#define RTPROP_PRESENCE_GRACE        30000    /* ms */
#define RTPROP_PRESENCE_REPLY_MAX    604800000LL    /* a week, ms */


typedef enum {
    RTPROP_PRESENCE_OFFLINE = 0,
    RTPROP_PRESENCE_ONLINE,
    RTPROP_PRESENCE_BUSY
} rtprop_presence_status_e;


/* Makes the document of an agent who has never been seen. */
json_t *rtprop_presence_create(void);

/*
 * Reads and checks a document.  Returns a new reference, or NULL when the text
 * is none, or without memory.
 */
json_t *rtprop_presence_parse(const char *text, size_t len);

/*
 * The agent says how he or she is to be shown (presence:agent_*): online is
 * what being connected means anyway, so it takes back what was said before;
 * busy and offline hold until the agent has been away for longer than
 * RTPROP_PRESENCE_GRACE (a reload of the page or of the server is shorter).
 *
 * "estimated" is what was sent with busy, borrowed: a time, a text of up to
 * RTPROP_PRESENCE_ESTIMATE bytes or a number of minutes, kept as it is; NULL
 * and null for nothing.
 *
 * RTPROP_OK; RTPROP_AGAIN when it was so already (unchanged); RTPROP_ERROR with
 * "why", why->field NULL without memory.
 */
int rtprop_presence_say(json_t *doc, rtprop_presence_status_e status,
    json_t *estimated, rtprop_invalid_t *why);

/*
 * The agent's first connection came (connected) or the last one went at "now",
 * which is what last_seen tells.  RTPROP_OK or RTPROP_ERROR.
 */
int rtprop_presence_seen(json_t *doc, int connected, int64_t now);

/*
 * Takes in the agent's properties as the token names them, n ids, each once; a
 * token without any (n is 0) leaves those that are known.  RTPROP_OK;
 * RTPROP_AGAIN when they were known (unchanged); RTPROP_ERROR.
 */
int rtprop_presence_properties(json_t *doc, const rtprop_str_t *ids,
    size_t n);

/*
 * Takes in (yes), or out, a property whose own resource names the agent; a
 * token's list leaves it alone.  RTPROP_OK; RTPROP_AGAIN (unchanged) when it
 * was so, or when there are RTPROP_PRESENCE_PROPERTIES; RTPROP_ERROR.
 */
int rtprop_presence_assign(json_t *doc, const rtprop_str_t *id, int yes);

/*
 * The ids of the agent's properties: those of the token, then those assigned;
 * an array of texts, a new reference.
 */
json_t *rtprop_presence_property_ids(const json_t *doc);

/*
 * Takes in how long the agent let somebody wait for a first answer, in ms;
 * what is below 0 or above RTPROP_PRESENCE_REPLY_MAX is no answer to that
 * question (unchanged, RTPROP_AGAIN).  The last RTPROP_PRESENCE_REPLIES count.
 */
int rtprop_presence_replied(json_t *doc, int64_t waited);

/*
 * The median of those, in minutes, rounded up and at least 1 (an answer at once
 * is one within a minute); -1 when nothing is known.
 */
int64_t rtprop_presence_reply_minutes(const json_t *doc);

/*
 * The status that others see.  doc is NULL when nothing is kept.  Who is not
 * connected is offline whatever was said.
 */
rtprop_presence_status_e rtprop_presence_status(const json_t *doc,
    int connected);

/* The word of the interface for it; constants. */
const char *rtprop_presence_word(rtprop_presence_status_e status);

/*
 * presence:agent_status {agent_id, status, last_seen, property_ids[],
 * estimated_available, typical_reply_minutes}.  doc may be NULL.  last_seen is
 * null of an agent who has never been seen; of one online it is "now".  A new
 * reference, or NULL without memory.
 */
json_t *rtprop_presence_status_payload(const json_t *doc,
    const rtprop_str_t *agent, int connected, int64_t now);


#endif /* _RTPROP_PRESENCE_H_INCLUDED_ */
