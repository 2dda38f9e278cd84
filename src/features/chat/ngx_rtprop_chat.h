/*
 * Chat in a worker: conversations, their messages, who types and who is there.
 *
 *     ngx_rtprop_chat_module.c    what is registered
 *     ngx_rtprop_chat_join.c      chat:join, resume
 *     ngx_rtprop_chat_known.c     what chat:joined says
 *     ngx_rtprop_chat.c           messages, read marks
 *     ngx_rtprop_chat_receipt.c   chat:delivered
 *     ngx_rtprop_chat_reply.c     how long people waited for an answer
 *     ngx_rtprop_chat_history.c   pages of messages
 *     ngx_rtprop_chat_typing.c    who types
 *     ngx_rtprop_chat_people.c    who came and left
 *     ngx_rtprop_chat_online.c    who is online
 *     ngx_rtprop_chat_http.c      the resources
 *     ngx_rtprop_chat_store.c     what the database keeps
 *     rtprop_chat*.c              the rules
 */

#ifndef _NGX_RTPROP_CHAT_H_INCLUDED_
#define _NGX_RTPROP_CHAT_H_INCLUDED_


#include "hub/ngx_rtprop_hub.h"
#include "features/chat/rtprop_chat.h"


#define NGX_RTPROP_CHAT_PREFIX   "conversation"
#define NGX_RTPROP_CHAT_LIMIT    50         /* messages replayed by default */
#define NGX_RTPROP_CHAT_KEEP     1000       /* newest ones that are counted */
#define NGX_RTPROP_CHAT_TYPISTS  4096       /* of one worker */


/* The module's main configuration; also what a worker keeps. */

typedef struct {
    ngx_rtprop_worker_t        *worker;
    ngx_queue_t                 typing;     /* ngx_rtprop_chat_typist_t */
    ngx_uint_t                  ntyping;
    ngx_event_t                 timer;
} ngx_rtprop_chat_conf_t;


extern ngx_module_t  ngx_rtprop_chat_module;


/* Says where conversations are kept; part of preconfiguration. */
ngx_int_t ngx_rtprop_chat_store(ngx_conf_t *cf);


/* Handlers of commands. */
void ngx_rtprop_chat_join(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_chat_leave(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_chat_send(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_chat_type(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_chat_mark_read(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_chat_history(ngx_rtprop_cmd_t *cmd);

/*
 * An agent's message was sent: tells the hub how long people had waited for it,
 * if they had.  Waits for nothing; keeps none of what it is given.
 */
void ngx_rtprop_chat_reply(ngx_rtprop_cmd_t *cmd, ngx_str_t *channel,
    rtprop_chat_message_t *message);

/* Handlers of resources. */
void ngx_rtprop_chat_http_put(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_chat_http_get(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_chat_http_messages(ngx_rtprop_cmd_t *cmd);

/* The kind "conversation". */
void ngx_rtprop_chat_resume(ngx_rtprop_resume_t *resume);
void ngx_rtprop_chat_left(ngx_rtprop_session_t *s, ngx_rtprop_sub_t *sub,
    ngx_str_t *id, void *data);
void ngx_rtprop_chat_lost(ngx_rtprop_hub_t *hub, ngx_str_t *id,
    ngx_str_t *user, ngx_str_t *info, ngx_uint_t users, void *data);
void ngx_rtprop_chat_came(ngx_rtprop_hub_t *hub, ngx_str_t *id,
    ngx_str_t *user, ngx_str_t *info, ngx_uint_t users, void *data);
void ngx_rtprop_chat_delivered(ngx_rtprop_hub_t *hub,
    ngx_rtprop_event_t **events, ngx_uint_t n, ngx_rtprop_session_t *s,
    void *data);

/* Observers. */
void ngx_rtprop_chat_started(ngx_rtprop_worker_t *worker, void *data);
void ngx_rtprop_chat_online(ngx_rtprop_session_t *s, void *data);
void ngx_rtprop_chat_offline(ngx_rtprop_hub_t *hub, ngx_str_t *user,
    ngx_str_t *info, void *data);


/*
 * The user's person: strings borrowed from the identity and, for what the token
 * does not tell, from his subscription (or NULL); without a name it is the id.
 */
void ngx_rtprop_chat_person(rtprop_identity_t *user, ngx_rtprop_sub_t *sub,
    rtprop_chat_person_t *person);


/*
 * The user has got these events of the conversation's channel, in their order:
 * tells the authors of messages of whose delivery they have not heard.
 */
void ngx_rtprop_chat_receipts(ngx_rtprop_hub_t *hub, ngx_str_t *channel,
    rtprop_identity_t *user, ngx_rtprop_event_t *events, ngx_uint_t n);


/*
 * Tells the others of somebody who came or went: {conversation_id, user_id,
 * user_name}, volatile, not to the user's own connections.
 */
void ngx_rtprop_chat_tell(ngx_rtprop_hub_t *hub, const char *type,
    ngx_str_t *id, ngx_str_t *user, rtprop_str_t *name);

/*
 * Takes a session out of those present in a conversation; with the user's last
 * one the others hear that he has left.
 */
void ngx_rtprop_chat_go(ngx_rtprop_hub_t *hub, ngx_str_t *id, ngx_str_t *user,
    rtprop_str_t *name, u_char *session);

/* Ends the session's typing in a conversation, telling the others. */
void ngx_rtprop_chat_stop_typing(ngx_rtprop_chat_conf_t *conf,
    ngx_rtprop_session_t *s, ngx_str_t *id);

/*
 * Remembers which conversations a user is in, and his name there (a string or
 * null; borrowed); with name NULL forgets one.
 */
void ngx_rtprop_chat_index(ngx_rtprop_hub_t *hub, ngx_str_t *user,
    ngx_str_t *id, json_t *name);

/* Document "seen:{user}": when a user was last seen, ms as text. */
#define NGX_RTPROP_CHAT_SEEN  "seen"

/*
 * Key of a document of one user and one channel, in pool: his read mark, what
 * he has sent lately, what he has been told of its delivery.
 */
#define NGX_RTPROP_CHAT_MARK  "mark"
#define NGX_RTPROP_CHAT_SENT  "sent"
#define NGX_RTPROP_CHAT_GOT   "got"

/* Document "chats:{user}": the conversations of a user. */
#define NGX_RTPROP_CHAT_INDEX "chats"

ngx_int_t ngx_rtprop_chat_key(ngx_pool_t *pool, const char *what,
    ngx_str_t *user, ngx_str_t *channel, ngx_str_t *key);


static inline ngx_str_t
ngx_rtprop_chat_str(rtprop_str_t s)
{
    ngx_str_t  n;

    n.len = s.len;
    n.data = s.data;

    return n;
}


static inline rtprop_str_t
ngx_rtprop_chat_pure(ngx_str_t *n)
{
    rtprop_str_t  s;

    s.len = n->len;
    s.data = n->data;

    return s;
}


#endif /* _NGX_RTPROP_CHAT_H_INCLUDED_ */
