/*
 * The resource conversations/{id}.
 */

#include "features/chat/ngx_rtprop_chat.h"
#include "hub/ngx_rtprop_hub_document.h"


typedef struct {
    ngx_rtprop_document_t       document;
    json_t                     *removed;
} ngx_rtprop_chat_put_t;


static int ngx_rtprop_chat_put_change(ngx_rtprop_document_t *document,
    int64_t now);
static void ngx_rtprop_chat_put_clear(ngx_rtprop_document_t *document);
static void ngx_rtprop_chat_put_stored(ngx_rtprop_document_t *document);
static void ngx_rtprop_chat_put_index(ngx_rtprop_chat_put_t *p);


static const ngx_rtprop_document_kind_t  ngx_rtprop_chat_document = {
    .prefix = NGX_RTPROP_CHAT_PREFIX,
    .name = "conversation",
    .missing = "there is no such conversation",
    .changed = "the conversation has changed",
    .create = rtprop_chat_create,
    .parse = rtprop_chat_parse,
    .resource = rtprop_chat_resource,
    .change = ngx_rtprop_chat_put_change,
    .clear = ngx_rtprop_chat_put_clear,
    .stored = ngx_rtprop_chat_put_stored
};


void
ngx_rtprop_chat_http_get(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_document_get(cmd, &ngx_rtprop_chat_document,
                            sizeof(ngx_rtprop_chat_put_t));
}


void
ngx_rtprop_chat_http_put(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_document_put(cmd, &ngx_rtprop_chat_document,
                            sizeof(ngx_rtprop_chat_put_t));
}


static int
ngx_rtprop_chat_put_change(ngx_rtprop_document_t *document, int64_t now)
{
    ngx_rtprop_chat_put_t *p = (ngx_rtprop_chat_put_t *) document;

    return rtprop_chat_replace(document->json, document->cmd->payload,
                               &p->removed, &document->why);
}


static void
ngx_rtprop_chat_put_clear(ngx_rtprop_document_t *document)
{
    ngx_rtprop_chat_put_t *p = (ngx_rtprop_chat_put_t *) document;

    json_decref(p->removed);
    p->removed = NULL;
}


static void
ngx_rtprop_chat_put_stored(ngx_rtprop_document_t *document)
{
    ngx_rtprop_chat_put_t *p = (ngx_rtprop_chat_put_t *) document;

    ngx_rtprop_chat_put_index(p);

    if (json_array_size(p->removed)) {
        ngx_rtprop_hub_expel(document->cmd->worker->hub,
                             &document->update.state.key,
                             json_incref(p->removed));
    }
}


static void
ngx_rtprop_chat_put_index(ngx_rtprop_chat_put_t *p)
{
    size_t             i;
    json_t            *people, *person, *id;
    ngx_str_t          user;
    ngx_rtprop_cmd_t  *cmd;

    cmd = p->document.cmd;
    people = rtprop_chat_participants(p->document.json);

    json_array_foreach(people, i, person) {
        id = json_object_get(person, "id");
        user.data = (u_char *) json_string_value(id);
        user.len = json_string_length(id);

        ngx_rtprop_chat_index(cmd->worker->hub, &user, &cmd->path[0],
                              json_object_get(person, "name"));
    }

    json_array_foreach(p->removed, i, id) {
        user.data = (u_char *) json_string_value(id);
        user.len = json_string_length(id);

        ngx_rtprop_chat_index(cmd->worker->hub, &user, &cmd->path[0],
                              NULL);
    }
}
