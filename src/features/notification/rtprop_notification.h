/*
 * rtprop_notification: a user's notifications: the newest ones, which of them
 * have been read, and what each kind of them says.
 *
 * A document is a JSON object that rtprop_notification_create() or
 * rtprop_notification_parse() makes and rtprop_notification_dump() writes; its
 * version is the engine's.  A function that does not return RTPROP_OK leaves
 * it unchanged (want of memory aside: the document is then thrown away).
 */

#ifndef _RTPROP_NOTIFICATION_H_INCLUDED_
#define _RTPROP_NOTIFICATION_H_INCLUDED_


#include <jansson.h>

#include "base/rtprop_base.h"


/* The keys of all payloads that can be spelled in two ways. */

#define RTPROP_NOTIFICATION_KEYS     "created_at read_at unread_count"

#define RTPROP_NOTIFICATION_KEPT     200      /* of a user */
#define RTPROP_NOTIFICATION_SIZE     131072   /* bytes of a document */
#define RTPROP_NOTIFICATION_USERS    1000     /* of one broadcast */
#define RTPROP_NOTIFICATION_TITLE    200      /* characters */
#define RTPROP_NOTIFICATION_BODY     2000     /* characters */
#define RTPROP_NOTIFICATION_DATA     4096     /* bytes */
#define RTPROP_NOTIFICATION_ACTIONS  5
#define RTPROP_NOTIFICATION_LABEL    100      /* characters */
#define RTPROP_NOTIFICATION_LIST     50       /* default */
#define RTPROP_NOTIFICATION_LIST_MAX 100


/*
 * Makes a notification of a request {kind, title?, body?, data?, actions?}:
 *
 *     {id, kind, category, priority, title, body, data{}, actions[],
 *      created_at, read_at: null}
 *
 * Category and priority follow from the kind; title and body, where they are
 * not given, from its template and the data.  A kind that is not known is of
 * category "other" and priority "instant", and needs a title.  Actions are
 * {label, url} with a URL that rtprop_url_safe() allows.
 *
 * Returns a new reference; NULL with "why" (422), why->field NULL without
 * memory.
 */
json_t *rtprop_notification_make(const rtprop_str_t *id,
    const json_t *request, int64_t now, rtprop_invalid_t *why);

/*
 * For whom a request {user_id | user_ids[]} is: a new array of 1 to
 * RTPROP_NOTIFICATION_USERS texts, each user once.  NULL with "why" as above.
 */
json_t *rtprop_notification_users(const json_t *request,
    rtprop_invalid_t *why);

/*
 * When a request is to be delivered: sets *at to deliver_at (RFC 3339 or ms),
 * or 0 for at once, which the past is, too.  RTPROP_OK, or RTPROP_ERROR.
 */
int rtprop_notification_deliver_at(const json_t *request, int64_t now,
    int64_t *at, rtprop_invalid_t *why);

/* Makes an empty document. */
json_t *rtprop_notification_create(void);

/*
 * Reads and checks a document.  Returns a new reference, or NULL when the text
 * is none, or without memory.
 */
json_t *rtprop_notification_parse(const char *text, size_t len);

/*
 * Writes a document to memory that the caller frees with free(); if that were
 * more than RTPROP_NOTIFICATION_SIZE, the oldest are forgotten first.
 * RTPROP_OK, or RTPROP_ERROR without memory.
 */
int rtprop_notification_dump(json_t *doc, rtprop_str_t *text);

/*
 * Adds a notification, borrowed, as the newest; the oldest beyond
 * RTPROP_NOTIFICATION_KEPT go.  RTPROP_OK; RTPROP_AGAIN when there is one with
 * that id (unchanged: a delivery tried twice); RTPROP_ERROR without memory.
 */
int rtprop_notification_add(json_t *doc, json_t *notification);

/*
 * Marks one as read.  RTPROP_OK; RTPROP_AGAIN when it was (unchanged);
 * RTPROP_DECLINED when there is none; RTPROP_ERROR without memory.
 */
int rtprop_notification_read(json_t *doc, const rtprop_str_t *id,
    int64_t now);

/* Marks all as read.  RTPROP_OK; RTPROP_AGAIN when all were; RTPROP_ERROR. */
int rtprop_notification_read_all(json_t *doc, int64_t now);

/* How many of those kept have not been read. */
unsigned rtprop_notification_unread(const json_t *doc);

/*
 * notification:list {notifications[], unread_count}: the newest, or those
 * older than "before": the id of one, or a time; len 0 for none; one that is
 * not known gives none.  "limit" is brought into
 * 1..RTPROP_NOTIFICATION_LIST_MAX, 0 is RTPROP_NOTIFICATION_LIST.  A new
 * reference, or NULL without memory.
 */
json_t *rtprop_notification_list_payload(const json_t *doc,
    const rtprop_str_t *before, int64_t limit);

/* notification:unread {unread_count}; the same. */
json_t *rtprop_notification_unread_payload(const json_t *doc);


#endif /* _RTPROP_NOTIFICATION_H_INCLUDED_ */
