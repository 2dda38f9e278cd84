/*
 * rtprop_chat_message: what a message may contain, and what clients see of a
 * conversation.
 *
 * Payload functions return a new reference that the caller owns, NULL without
 * memory; keys are in snake_case.
 */

#ifndef _RTPROP_CHAT_MESSAGE_H_INCLUDED_
#define _RTPROP_CHAT_MESSAGE_H_INCLUDED_


#include <jansson.h>

#include "base/rtprop_base.h"
#include "features/chat/rtprop_chat.h"


/* The keys of all payloads that can be spelled in two ways. */

#define RTPROP_CHAT_KEYS                                                      \
    "message_id conversation_id client_message_id created_at last_seen "      \
    "participant_count last_message_id unread_count user_id user_name "       \
    "is_typing up_to_message_id read_by read_at has_more property_id"

#define RTPROP_CHAT_SHOWN   100       /* participants in chat:joined */


/*
 * A content is 1 to RTPROP_CHAT_CONTENT characters of UTF-8, not white space
 * alone (Unicode's, and what has no width).  RTPROP_OK, or RTPROP_ERROR with
 * "why".
 */
int rtprop_chat_content_check(const rtprop_str_t *content,
    rtprop_invalid_t *why);

/*
 * Attachments are an array of up to RTPROP_CHAT_ATTACHMENTS, each a URL or an
 * object with a "url" and perhaps "name" and "mime" (texts), "size" (integer
 * from 0); other members are texts, numbers or booleans.  A URL is
 * one that rtprop_url_safe() allows.  NULL and null are no attachments.
 *
 * RTPROP_OK, or RTPROP_ERROR with "why".
 */
int rtprop_chat_attachments_check(const json_t *attachments,
    rtprop_invalid_t *why);

/*
 * chat:new_message.  Name and avatar are the participant's in the document or
 * else the draft's; attachments go out as they were sent, [] for none.
 */
json_t *rtprop_chat_message_payload(const json_t *doc,
    const rtprop_str_t *conversation_id, const rtprop_chat_draft_t *draft,
    const rtprop_chat_sent_t *sent);

/* The answer to the sender {message_id, client_message_id, created_at}. */
json_t *rtprop_chat_ack_payload(const rtprop_chat_draft_t *draft,
    const rtprop_chat_sent_t *sent);

/*
 * chat:joined for a user.  "presence" is a borrowed object with a member for
 * each participant who is known to it: true for one online, or the time last
 * seen in ms; it tells at most of the first RTPROP_CHAT_SHOWN.
 */
json_t *rtprop_chat_joined_payload(const json_t *doc,
    const rtprop_str_t *conversation_id, const rtprop_str_t *user,
    const json_t *presence);

/* The resource of the HTTP interface. */
json_t *rtprop_chat_resource_json(const json_t *doc,
    const rtprop_str_t *conversation_id, uint64_t version);

/* chat:user_joined, chat:user_left */
json_t *rtprop_chat_user_payload(const rtprop_str_t *conversation_id,
    const rtprop_str_t *user, const rtprop_str_t *name);

/* chat:user_typing, chat:user_stopped_typing */
json_t *rtprop_chat_typing_payload(const rtprop_str_t *conversation_id,
    const rtprop_str_t *user, const rtprop_str_t *name, int is_typing);

/* chat:messages_read */
json_t *rtprop_chat_read_payload(const rtprop_str_t *conversation_id,
    const rtprop_str_t *message_id, const rtprop_str_t *user, int64_t now);

/* chat:delivered; "user" is who has got it */
json_t *rtprop_chat_delivered_payload(const rtprop_str_t *conversation_id,
    const rtprop_str_t *message_id, const rtprop_str_t *user);

/* presence:user_online, presence:user_offline; last_seen < 0: null */
json_t *rtprop_chat_presence_payload(const rtprop_str_t *conversation_id,
    const rtprop_str_t *user, const rtprop_str_t *name, int64_t last_seen);

/* chat:history; "messages" is taken over, an array of payloads */
json_t *rtprop_chat_history_payload(const rtprop_str_t *conversation_id,
    json_t *messages, int has_more);


#endif /* _RTPROP_CHAT_MESSAGE_H_INCLUDED_ */
