/*
 * rtprop_chat: the rules of a conversation: who takes part, what may be said,
 * what has been read.
 *
 * A conversation's document is a JSON object that rtprop_chat_create() or
 * rtprop_chat_parse() makes; its version is the engine's.  A function that does
 * not return RTPROP_OK leaves it unchanged (RTPROP_ERROR for want of memory
 * aside: the document is then thrown away).
 *
 * Messages are not in it: they are events of the conversation's channel.  Their
 * ids grow with time, so a read mark is an id, and what is unread has a higher
 * one.
 */

#ifndef _RTPROP_CHAT_H_INCLUDED_
#define _RTPROP_CHAT_H_INCLUDED_


#include <jansson.h>

#include "base/rtprop_base.h"
#include "base/rtprop_json.h"
#include "base/rtprop_payload.h"


#define RTPROP_CHAT_PARTICIPANTS   1000
#define RTPROP_CHAT_CONTENT        5000     /* characters */
#define RTPROP_CHAT_ATTACHMENTS    5
#define RTPROP_CHAT_URL_LEN        2048
#define RTPROP_CHAT_NAME_LEN       800      /* bytes */
#define RTPROP_CHAT_TITLE_LEN      1000     /* bytes */
#define RTPROP_CHAT_SHOWN          100      /* participants in chat:joined */

#define RTPROP_CHAT_SENT           32       /* client_message_ids remembered */
#define RTPROP_CHAT_SENT_MS        600000   /* and for how long */

#define RTPROP_CHAT_TYPING_MS      5000     /* typing ends by itself */
#define RTPROP_CHAT_REPEAT_MS      2000     /* and is told again at most so */


typedef enum {
    RTPROP_CHAT_PARTICIPANT = 0,
    RTPROP_CHAT_CLAIMED,              /* by the token; to be admitted */
    RTPROP_CHAT_STRANGER,             /* not_authorized */
    RTPROP_CHAT_UNKNOWN               /* not_found */
} rtprop_chat_right_e;


typedef struct {
    rtprop_str_t        id;
    rtprop_str_t        name;         /* data NULL: not known; so the rest */
    rtprop_str_t        avatar;
    rtprop_str_t        role;
} rtprop_chat_person_t;


typedef struct {
    rtprop_chat_person_t  from;
    uint64_t              id;
    rtprop_str_t          conversation_id;
    rtprop_str_t          content;
    rtprop_str_t          client_message_id;   /* len 0: none */
    rtprop_str_t          attachments;         /* JSON text; len 0: none */
    int64_t               created_at;          /* ms */
} rtprop_chat_message_t;


typedef enum {
    RTPROP_CHAT_SILENT = 0,           /* nothing to tell the others */
    RTPROP_CHAT_TYPES,                /* chat:user_typing */
    RTPROP_CHAT_STOPPED               /* chat:user_stopped_typing */
} rtprop_chat_typing_e;


/* One user's typing in one conversation; zeroed at first. */

typedef struct {
    int64_t             until;        /* 0: does not type */
    int64_t             told;         /* when the others heard of it last */
} rtprop_chat_typing_t;


/*
 * Makes the document of a conversation nobody takes part in.  Returns a new
 * reference, or NULL without memory.
 */
json_t *rtprop_chat_create(void);

/*
 * Reads and checks a document.  Returns a new reference, or NULL when the text
 * is none, or without memory.
 */
json_t *rtprop_chat_parse(const unsigned char *text, size_t len);

/*
 * Puts a resource {participants, property_id?, title?} (PUT) in place of the
 * one kept.  "removed" is set to a new array with the ids of those who were and
 * are not any more.
 *
 * Participants are objects with an id, or bare ids; 1 to
 * RTPROP_CHAT_PARTICIPANTS, each once.
 *
 * RTPROP_OK, or RTPROP_ERROR with "why" (422), why->field NULL without memory.
 */
int rtprop_chat_replace(json_t *doc, const json_t *body, json_t **removed,
    rtprop_invalid_t *why);

/*
 * What the user is to a conversation.  doc is NULL when there is no document;
 * claimed says whether the user's token names the conversation.
 */
rtprop_chat_right_e rtprop_chat_right(const json_t *doc,
    const rtprop_str_t *user, int claimed);

/*
 * Adds a participant whom the token names.  RTPROP_OK when added; RTPROP_AGAIN
 * when there already (unchanged); RTPROP_DECLINED when no more fit;
 * RTPROP_ERROR without memory.
 */
int rtprop_chat_admit(json_t *doc, const rtprop_chat_person_t *person);

/* The participant's object {id, name, avatar, role}, borrowed, or NULL. */
json_t *rtprop_chat_participant(const json_t *doc, const rtprop_str_t *user);

/*
 * Fills in what a user's token does not tell of him: name and avatar from his
 * participant's object (NULL: none), borrowed; without a name it is the id.
 */
void rtprop_chat_complete(rtprop_chat_person_t *person, const json_t *known);

/* The same in any array of participants, by an id of "len" bytes. */
json_t *rtprop_chat_find(const json_t *people, const char *id, size_t len);

/* All participants, borrowed: an array in the order of the resource. */
json_t *rtprop_chat_participants(const json_t *doc);

/* The document as resource: {id, participants, property_id, title, version}. */
json_t *rtprop_chat_resource(const json_t *doc, const rtprop_str_t *id,
    uint64_t version);

/* A message id as text: RTPROP_OK and the number, or RTPROP_ERROR. */
int rtprop_chat_message_id(const rtprop_str_t *text, uint64_t *id);

/*
 * A read mark is the id, as text, of the message up to which a user has read in
 * a conversation.  rtprop_chat_mark() gives it; 0: none.
 *
 * rtprop_chat_read(): RTPROP_OK when the mark moves to this message;
 * RTPROP_AGAIN when it stands there or further: a mark never goes back.
 */
uint64_t rtprop_chat_mark(const rtprop_str_t *text);
int rtprop_chat_read(const rtprop_str_t *text, uint64_t id);

/*
 * Checks what a message says: content is 1 to RTPROP_CHAT_CONTENT characters
 * of UTF-8, not white space alone (Unicode's, and what has no width);
 * attachments are NULL, null or an array of up to RTPROP_CHAT_ATTACHMENTS, each
 * a URL that rtprop_url_safe() allows or an object with such a "url" and
 * perhaps "name" and "mime" (texts), "size" (integer from 0).
 *
 * RTPROP_OK, or RTPROP_ERROR with why.
 */
int rtprop_chat_check(const rtprop_str_t *content, const json_t *attachments,
    rtprop_invalid_t *why);

/*
 * Writes the payload of chat:new_message, JSON text, to dst, which has room for
 * rtprop_chat_message_max().  Returns its length.  Octets that are not UTF-8
 * become '?'.
 */
size_t rtprop_chat_message_max(const rtprop_chat_message_t *m);
size_t rtprop_chat_message(const rtprop_chat_message_t *m, unsigned char *dst);

/* The same for chat:delivered: a message of a conversation reached a user. */
size_t rtprop_chat_delivered_max(const rtprop_str_t *id,
    const rtprop_str_t *user);
size_t rtprop_chat_delivered(const rtprop_str_t *id, uint64_t message,
    const rtprop_str_t *user, unsigned char *dst);

/*
 * What one user has sent last in a conversation, as text: a line for each
 * client_message_id, so that a message sent again is known for
 * RTPROP_CHAT_SENT_MS, among the last RTPROP_CHAT_SENT.
 *
 * find: sets m's id and created_at to the first one's and returns 1 if its
 * client_message_id is there.  add: writes the text with m before what was
 * there and is not too old; out has room for RTPROP_CHAT_SENT_LEN octets.
 * Returns the length.
 */
#define RTPROP_CHAT_SENT_LEN                                                  \
    (RTPROP_CHAT_SENT * (RTPROP_JSON_ID_MAX + 48))

int rtprop_chat_sent_find(const rtprop_str_t *text, rtprop_chat_message_t *m,
    int64_t now);
size_t rtprop_chat_sent_add(const rtprop_str_t *text,
    const rtprop_chat_message_t *m, unsigned char *out);

/*
 * The user types or stops.  Typing goes on for RTPROP_CHAT_TYPING_MS from the
 * last call.  Returns what the others are to be told.
 */
rtprop_chat_typing_e rtprop_chat_typing(rtprop_chat_typing_t *t,
    int is_typing, int64_t now);

/* Ends typing whose time is over: RTPROP_CHAT_STOPPED then, once. */
rtprop_chat_typing_e rtprop_chat_typing_tick(rtprop_chat_typing_t *t,
    int64_t now);


#endif /* _RTPROP_CHAT_H_INCLUDED_ */
