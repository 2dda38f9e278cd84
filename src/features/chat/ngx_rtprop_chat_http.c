/*
 * The resource conversations/{id}.
 */

#include "features/chat/ngx_rtprop_chat.h"


typedef struct {
    ngx_rtprop_update_t         update;
    ngx_rtprop_state_t          state;
    ngx_rtprop_cmd_t           *cmd;
    json_t                     *doc;
    json_t                     *removed;
    rtprop_invalid_t            why;
    uint64_t                    version;    /* the one found */
    const char                 *code;
} ngx_rtprop_chat_put_t;


static void ngx_rtprop_chat_put_cleanup(void *data);
static ngx_int_t ngx_rtprop_chat_put_apply(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now);
static void ngx_rtprop_chat_put_done(ngx_rtprop_update_t *update);
static void ngx_rtprop_chat_put_index(ngx_rtprop_chat_put_t *p);
static void ngx_rtprop_chat_put_refuse(ngx_rtprop_chat_put_t *p);
static void ngx_rtprop_chat_got(ngx_rtprop_op_t *op);


void
ngx_rtprop_chat_http_put(ngx_rtprop_cmd_t *cmd)
{
    ngx_pool_cleanup_t     *cln;
    ngx_rtprop_chat_put_t  *p;

    p = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_chat_put_t));
    cln = ngx_pool_cleanup_add(cmd->pool, 0);

    if (p == NULL || cln == NULL
        || ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_CHAT_PREFIX,
                                       &cmd->path[0], &p->update.state.key)
           != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    cln->handler = ngx_rtprop_chat_put_cleanup;
    cln->data = p;

    p->cmd = cmd;
    p->update.state.op.pool = cmd->pool;
    p->update.apply = ngx_rtprop_chat_put_apply;
    p->update.done = ngx_rtprop_chat_put_done;
    p->update.data = p;

    ngx_rtprop_hub_update(cmd->worker->hub, &p->update);
}


static void
ngx_rtprop_chat_put_cleanup(void *data)
{
    ngx_rtprop_chat_put_t *p = data;

    json_decref(p->doc);
    json_decref(p->removed);
}


static ngx_int_t
ngx_rtprop_chat_put_apply(ngx_rtprop_update_t *update, ngx_str_t *text,
    uint64_t version, int64_t now)
{
    ngx_rtprop_chat_put_t *p = update->data;

    p->version = version;
    p->code = NULL;

    if (p->cmd->if_match && p->cmd->if_match != version) {
        p->code = "conflict";
        return NGX_DECLINED;
    }

    json_decref(p->doc);
    json_decref(p->removed);
    p->removed = NULL;

    p->doc = version ? rtprop_chat_parse(text->data, text->len)
                     : rtprop_chat_create();

    if (p->doc == NULL) {
        return NGX_ERROR;
    }

    if (rtprop_chat_replace(p->doc, p->cmd->payload, &p->removed, &p->why)
        != RTPROP_OK)
    {
        p->code = "invalid_payload";
        return p->why.field ? NGX_DECLINED : NGX_ERROR;
    }

    return ngx_rtprop_hub_dump(p->cmd->pool, json_incref(p->doc),
                               &update->value);
}


static void
ngx_rtprop_chat_put_done(ngx_rtprop_update_t *update)
{
    rtprop_str_t            id;
    ngx_rtprop_cmd_t       *cmd;
    ngx_rtprop_chat_put_t  *p;

    p = update->data;
    cmd = p->cmd;

    if (update->rc != NGX_OK) {
        ngx_rtprop_chat_put_refuse(p);
        return;
    }

    ngx_rtprop_chat_put_index(p);

    if (json_array_size(p->removed)) {
        ngx_rtprop_hub_expel(cmd->worker->hub, &update->state.key,
                             json_incref(p->removed));
    }

    id = ngx_rtprop_chat_pure(&cmd->path[0]);
    cmd->version = update->state.version;

    ngx_rtprop_answer(cmd, p->version ? NGX_HTTP_OK : NGX_HTTP_CREATED,
                      "conversation",
                      rtprop_chat_resource(p->doc, &id, cmd->version), NULL);
}


static void
ngx_rtprop_chat_put_index(ngx_rtprop_chat_put_t *p)
{
    size_t      i;
    json_t     *people, *person, *id;
    ngx_str_t   user;

    people = rtprop_chat_participants(p->doc);

    json_array_foreach(people, i, person) {
        id = json_object_get(person, "id");
        user.data = (u_char *) json_string_value(id);
        user.len = json_string_length(id);

        ngx_rtprop_chat_index(p->cmd->worker->hub, &user, &p->cmd->path[0],
                              json_object_get(person, "name"));
    }

    json_array_foreach(p->removed, i, id) {
        user.data = (u_char *) json_string_value(id);
        user.len = json_string_length(id);

        ngx_rtprop_chat_index(p->cmd->worker->hub, &user, &p->cmd->path[0],
                              NULL);
    }
}


static void
ngx_rtprop_chat_put_refuse(ngx_rtprop_chat_put_t *p)
{
    if (p->code == NULL || p->update.rc != NGX_DECLINED) {
        ngx_rtprop_refuse_rc(p->cmd, p->update.rc);
        return;
    }

    if (p->why.field) {
        ngx_rtprop_refuse(p->cmd, p->code, p->why.message,
                          json_pack("{s:s}", "field", p->why.field));
        return;
    }

    ngx_rtprop_refuse(p->cmd, p->code, "the conversation has changed",
                      json_pack("{s:I}", "version", (json_int_t) p->version));
}


void
ngx_rtprop_chat_http_get(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_engine_t    *e;
    ngx_rtprop_chat_put_t  *p;

    p = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_chat_put_t));

    if (p == NULL
        || ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_CHAT_PREFIX,
                                       &cmd->path[0], &p->state.key)
           != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    p->cmd = cmd;
    p->state.op.done = ngx_rtprop_chat_got;
    p->state.op.data = p;
    p->state.op.pool = cmd->pool;

    e = cmd->worker->engine;
    e->state_get(e, &p->state);
}


static void
ngx_rtprop_chat_got(ngx_rtprop_op_t *op)
{
    ngx_rtprop_chat_put_t *p = op->data;

    json_t        *doc, *body;
    rtprop_str_t   id;

    if (op->rc == NGX_DECLINED) {
        ngx_rtprop_refuse(p->cmd, "not_found", "there is no such conversation",
                          NULL);
        return;
    }

    doc = (op->rc == NGX_OK) ? rtprop_chat_parse(p->state.value.data,
                                                 p->state.value.len)
                             : NULL;

    if (doc == NULL) {
        ngx_rtprop_refuse_rc(p->cmd, op->rc == NGX_OK ? NGX_ABORT : op->rc);
        return;
    }

    id = ngx_rtprop_chat_pure(&p->cmd->path[0]);
    body = rtprop_chat_resource(doc, &id, p->state.version);
    p->cmd->version = p->state.version;
    json_decref(doc);

    ngx_rtprop_answer(p->cmd, NGX_HTTP_OK, "conversation", body, NULL);
}
