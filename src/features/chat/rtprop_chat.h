/*
 * rtprop_chat: the rules of a conversation: who takes part, what may be said,
 * what has been read.
 *
 * A conversation's document is a JSON object that rtprop_chat_create() or
 * rtprop_chat_parse() makes and rtprop_json_dump() writes; its version is the
 * engine's.  A function that does not return RTPROP_OK leaves it unchanged
 * (RTPROP_ERROR for want of memory aside: the document is then thrown away).
 *
 * Messages are numbered from 1 in each document, and a message's id is the
 * document's tag and that number, "9f3ab2c1d0e4-17": so what is unread can be
 * counted without looking at a single message, and an id that was never given
 * is known as such.  The tag keeps ids apart between conversations, and from
 * those of a document that was lost and made anew.
 */

#ifndef _RTPROP_CHAT_H_INCLUDED_
#define _RTPROP_CHAT_H_INCLUDED_


#include <jansson.h>

#include "base/rtprop_base.h"


#define RTPROP_CHAT_PARTICIPANTS   1000
#define RTPROP_CHAT_RECENT         64       /* messages whose retry is known */
#define RTPROP_CHAT_TAG_LEN        16
#define RTPROP_CHAT_ID_LEN         40       /* of a message id */
#define RTPROP_CHAT_CONTENT        5000     /* characters */
#define RTPROP_CHAT_ATTACHMENTS    5
#define RTPROP_CHAT_AVATAR_LEN     2048     /* bytes */
#define RTPROP_CHAT_NAME_LEN       800      /* bytes */
#define RTPROP_CHAT_TITLE_LEN      1000     /* bytes */

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
    rtprop_str_t          content;
    rtprop_str_t          client_message_id;   /* len 0: none */
    json_t               *attachments;         /* borrowed; NULL: none */
} rtprop_chat_draft_t;


typedef struct {
    char                id[RTPROP_CHAT_ID_LEN + 1];
    int64_t             created_at;
    unsigned            duplicate:1;  /* a retry: nothing has changed */
} rtprop_chat_sent_t;


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
 * Makes the document of a conversation nobody takes part in.  "tag" is 1 to
 * RTPROP_CHAT_TAG_LEN letters and digits, random.  Returns a new reference,
 * or NULL without memory or for a bad tag.
 */
json_t *rtprop_chat_create(const rtprop_str_t *tag);

/*
 * Reads and checks a document.  Returns a new reference, or NULL when the text
 * is none, or without memory.
 */
json_t *rtprop_chat_parse(const char *text, size_t len);

/*
 * Puts a resource {participants, property_id?, title?} (PUT) in place of the
 * one kept: messages' numbers stay, and what remaining participants have read.
 * "removed" is set to a new array with the ids of those who were and are not
 * any more.
 *
 * Participants are objects with an id, or bare ids; 1 to
 * RTPROP_CHAT_PARTICIPANTS, each once.
 *
 * RTPROP_OK, or RTPROP_ERROR with "why" (422), why->field NULL without memory.
 */
int rtprop_chat_replace(json_t *doc, const json_t *body, json_t **removed,
    rtprop_invalid_t *why);

/*
 * What the user is to the conversation "id".  doc is NULL when there is no
 * document; "claims" are the n conversation ids of the user's token.
 */
rtprop_chat_right_e rtprop_chat_right(const json_t *doc,
    const rtprop_str_t *id, const rtprop_str_t *user,
    const rtprop_str_t *claims, size_t n);

/*
 * Adds a participant whom the token names.  RTPROP_OK when added; RTPROP_AGAIN
 * when there already (unchanged); RTPROP_DECLINED when no more fit;
 * RTPROP_ERROR without memory.
 */
int rtprop_chat_admit(json_t *doc, const rtprop_chat_person_t *person);

/* The participant's object {id, name, avatar, role}, borrowed, or NULL. */
json_t *rtprop_chat_participant(const json_t *doc, const rtprop_str_t *user);

/* The same in any array of participants, by an id of "len" bytes. */
json_t *rtprop_chat_find(const json_t *people, const char *id, size_t len);

/* All participants, borrowed: an array in the order of the resource. */
json_t *rtprop_chat_participants(const json_t *doc);

/*
 * Takes a message into the document: gives it id and time.  A draft whose
 * client_message_id is that of one of this user's among the last
 * RTPROP_CHAT_RECENT messages is a retry and gets the first one's.
 *
 * RTPROP_OK; RTPROP_DECLINED when the user is no participant; RTPROP_ERROR
 * without memory.
 */
int rtprop_chat_send(json_t *doc, const rtprop_chat_draft_t *draft,
    int64_t now, rtprop_chat_sent_t *sent);

/*
 * Marks all up to a message as read by the user; a mark never goes back.
 * RTPROP_OK when the mark has moved; RTPROP_AGAIN when it stood there or
 * further (unchanged); RTPROP_DECLINED when there is no such message or the
 * user is no participant; RTPROP_ERROR without memory.
 */
int rtprop_chat_read(json_t *doc, const rtprop_str_t *user,
    const rtprop_str_t *message_id, int64_t now);

/*
 * How many messages of others the user has not read.  Exact as long as no more
 * than RTPROP_CHAT_RECENT lie behind the mark, else perhaps too high by some
 * of the user's own.
 */
int64_t rtprop_chat_unread(const json_t *doc, const rtprop_str_t *user);

/* Writes the newest message's id; returns its length, 0 when there is none. */
size_t rtprop_chat_last_id(const json_t *doc, char *buf);

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
