/*
 * Messages read again, page by page.
 */

#include "features/chat/ngx_rtprop_chat.h"


typedef struct {
    ngx_rtprop_history_t        history;
    ngx_rtprop_state_t          state;
    ngx_rtprop_cmd_t           *cmd;
    ngx_str_t                   id;
} ngx_rtprop_chat_page_t;


static void ngx_rtprop_chat_page_find(ngx_rtprop_cmd_t *cmd,
    ngx_rtprop_chat_page_t *page, ngx_rtprop_op_pt done);
static void ngx_rtprop_chat_history_right(ngx_rtprop_op_t *op);
static void ngx_rtprop_chat_page_known(ngx_rtprop_op_t *op);
static void ngx_rtprop_chat_page_start(ngx_rtprop_cmd_t *cmd,
    ngx_rtprop_chat_page_t *page, rtprop_value_t *args);
static void ngx_rtprop_chat_history_read(ngx_rtprop_op_t *op);


void
ngx_rtprop_chat_history(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_chat_page_t  *page;

    page = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_chat_page_t));

    if (page == NULL) {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    page->id = ngx_rtprop_chat_str(cmd->args[0].str);

    if (ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_CHAT_PREFIX,
                                    &page->id, &page->history.channel)
        != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    if (ngx_rtprop_hub_sub(cmd->worker->hub, cmd->session,
                           &page->history.channel))
    {
        ngx_rtprop_chat_page_start(cmd, page, &cmd->args[1]);
        return;
    }

    ngx_rtprop_chat_page_find(cmd, page, ngx_rtprop_chat_history_right);
}


/* Asks for the conversation's document. */

static void
ngx_rtprop_chat_page_find(ngx_rtprop_cmd_t *cmd, ngx_rtprop_chat_page_t *page,
    ngx_rtprop_op_pt done)
{
    ngx_rtprop_engine_t  *e;

    page->cmd = cmd;
    page->state.op.done = done;
    page->state.op.data = page;
    page->state.op.pool = cmd->pool;
    page->state.key = page->history.channel;

    e = cmd->worker->engine;
    e->state_get(e, &page->state);
}


static void
ngx_rtprop_chat_history_right(ngx_rtprop_op_t *op)
{
    ngx_rtprop_chat_page_t *page = op->data;

    json_t               *doc;
    rtprop_str_t          user, id;
    ngx_rtprop_cmd_t     *cmd;
    rtprop_chat_right_e   right;

    cmd = page->cmd;

    if (op->rc != NGX_OK && op->rc != NGX_DECLINED) {
        ngx_rtprop_refuse_rc(cmd, op->rc);
        return;
    }

    user = rtprop_identity_id(cmd->user);
    id = ngx_rtprop_chat_pure(&page->id);

    doc = (op->rc == NGX_OK) ? rtprop_chat_parse(page->state.value.data,
                                                 page->state.value.len)
                             : NULL;

    if (op->rc == NGX_OK && doc == NULL) {
        ngx_rtprop_refuse_rc(cmd, ngx_rtprop_hub_unreadable(cmd->worker->hub,
                             &page->state.key, &page->state.value));
        return;
    }

    right = rtprop_chat_right(doc, &user,
                              rtprop_identity_has_conversation(cmd->user,
                                                               &id));
    json_decref(doc);

    switch (right) {

    case RTPROP_CHAT_UNKNOWN:
        ngx_rtprop_refuse(cmd, "not_found", "there is no such conversation",
                          NULL);
        return;

    case RTPROP_CHAT_STRANGER:
        ngx_rtprop_refuse(cmd, "not_authorized",
                          "you do not take part in this conversation", NULL);
        return;

    default:
        ngx_rtprop_chat_page_start(cmd, page, &cmd->args[1]);
    }
}


/* args: before, limit */

static void
ngx_rtprop_chat_page_start(ngx_rtprop_cmd_t *cmd, ngx_rtprop_chat_page_t *page,
    rtprop_value_t *args)
{
    ngx_rtprop_engine_t  *e;

    if (args[0].set
        && rtprop_chat_message_id(&args[0].str, &page->history.before)
           != RTPROP_OK)
    {
        ngx_rtprop_refuse(cmd, "invalid_payload", "before must be a message id",
                          json_pack("{s:s}", "field", "before"));
        return;
    }

    page->cmd = cmd;
    page->history.op.done = ngx_rtprop_chat_history_read;
    page->history.op.data = page;
    page->history.op.pool = cmd->pool;
    page->history.tail = 1;
    page->history.flags = NGX_RTPROP_EV_RECEIPT;
    page->history.limit = args[1].set ? (ngx_uint_t) args[1].i
                                      : NGX_RTPROP_CHAT_LIMIT;

    e = cmd->worker->engine;
    e->history(e, &page->history);
}


static void
ngx_rtprop_chat_history_read(ngx_rtprop_op_t *op)
{
    ngx_rtprop_chat_page_t *page = op->data;

    json_t              *messages;
    ngx_uint_t           i;
    ngx_rtprop_event_t  *ev;

    if (op->rc != NGX_OK) {
        ngx_rtprop_refuse_rc(page->cmd, op->rc);
        return;
    }

    messages = json_array();
    ev = page->history.events;

    for (i = 0; i < page->history.nevents; i++) {
        (void) json_array_append_new(messages,
                                     json_loadb((char *) ev[i].payload.data,
                                                ev[i].payload.len, 0, NULL));
    }

    ngx_rtprop_answer(page->cmd, NGX_HTTP_OK, "chat:history",
                      json_pack("{s:o, s:b, s:s%}", "messages", messages,
                                "has_more", (int) page->history.more,
                                "conversation_id", (char *) page->id.data,
                                page->id.len),
                      NULL);
}


/* GET conversations/{id}/messages: the key has the right. */

void
ngx_rtprop_chat_http_messages(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_chat_page_t  *page;

    page = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_chat_page_t));

    if (page == NULL
        || ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_CHAT_PREFIX,
                                       &cmd->path[0], &page->history.channel)
           != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    page->id = cmd->path[0];

    ngx_rtprop_chat_page_find(cmd, page, ngx_rtprop_chat_page_known);
}


static void
ngx_rtprop_chat_page_known(ngx_rtprop_op_t *op)
{
    ngx_rtprop_chat_page_t *page = op->data;

    if (op->rc == NGX_DECLINED) {
        ngx_rtprop_refuse(page->cmd, "not_found",
                          "there is no such conversation", NULL);
        return;
    }

    if (op->rc != NGX_OK) {
        ngx_rtprop_refuse_rc(page->cmd, op->rc);
        return;
    }

    ngx_rtprop_chat_page_start(page->cmd, page, &page->cmd->args[0]);
}
