/*
 * A join under way; for chat's own files.
 */

#ifndef _NGX_RTPROP_CHAT_JOIN_H_INCLUDED_
#define _NGX_RTPROP_CHAT_JOIN_H_INCLUDED_


#include "features/chat/ngx_rtprop_chat.h"


typedef struct {
    ngx_rtprop_join_t           join;
    ngx_rtprop_update_t         update;
    ngx_rtprop_history_t        newest;
    ngx_rtprop_presence_t       presence;
    ngx_rtprop_state_t          marked;
    ngx_rtprop_cmd_t           *cmd;
    ngx_rtprop_resume_t        *resume;     /* NULL: chat:join */
    ngx_str_t                   id;
    ngx_uint_t                  limit;
    const char                 *code;

    json_t                     *doc;
    json_t                     *participants;   /* of the answer */
    ngx_uint_t                  peers;      /* that are being asked about */
    ngx_uint_t                  peer;       /* the next one */
    uint64_t                    mark;       /* read up to this message */
    uint64_t                    last;
    ngx_uint_t                  unread;
    unsigned                    state:1;    /* chat:joined is to be sent */
    ngx_int_t                   rc;         /* of what was asked about peers */
    unsigned                    came:1;     /* is counted in */
    unsigned                    stepping:1; /* through the peers */
} ngx_rtprop_chat_join_t;


/*
 * Finds out what the state frame says beside: mark, last message, unread ones,
 * participants; then goes on to ngx_rtprop_chat_join_answer(), now or later.
 */
void ngx_rtprop_chat_join_mark(ngx_rtprop_chat_join_t *j);

/* Answers, with the messages that are to be replayed, and ends the join. */
void ngx_rtprop_chat_join_answer(ngx_rtprop_chat_join_t *j);

/*
 * Takes the join back, presence included, and refuses it: what the answer says
 * could not be read.  rc: as in ngx_rtprop_refuse_rc().
 */
void ngx_rtprop_chat_join_undo(ngx_rtprop_chat_join_t *j, ngx_int_t rc);


#endif /* _NGX_RTPROP_CHAT_JOIN_H_INCLUDED_ */
