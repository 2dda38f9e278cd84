/*
 * Resources that are JSON documents of the engine.
 */

#include "hub/ngx_rtprop_hub_document.h"


static ngx_rtprop_document_t *ngx_rtprop_document_open(ngx_rtprop_cmd_t *cmd,
    const ngx_rtprop_document_kind_t *kind, size_t size);
static void ngx_rtprop_document_cleanup(void *data);
static void ngx_rtprop_document_clear(ngx_rtprop_document_t *document);
static void ngx_rtprop_document_got(ngx_rtprop_op_t *op);
static ngx_int_t ngx_rtprop_document_apply(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now);
static void ngx_rtprop_document_done(ngx_rtprop_update_t *update);
static void ngx_rtprop_document_refuse(ngx_rtprop_document_t *document);
static void ngx_rtprop_document_answer(ngx_rtprop_document_t *document,
    ngx_uint_t status, uint64_t version);


static ngx_rtprop_document_t *
ngx_rtprop_document_open(ngx_rtprop_cmd_t *cmd,
    const ngx_rtprop_document_kind_t *kind, size_t size)
{
    ngx_pool_cleanup_t     *cln;
    ngx_rtprop_document_t  *document;

    document = ngx_pcalloc(cmd->pool, size);
    cln = ngx_pool_cleanup_add(cmd->pool, 0);

    if (document == NULL || cln == NULL
        || ngx_rtprop_hub_channel_name(cmd->pool, kind->prefix, &cmd->path[0],
                                       &document->update.state.key)
           != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return NULL;
    }

    document->cmd = cmd;
    document->kind = kind;
    document->update.state.op.pool = cmd->pool;

    cln->handler = ngx_rtprop_document_cleanup;
    cln->data = document;

    return document;
}


static void
ngx_rtprop_document_cleanup(void *data)
{
    ngx_rtprop_document_clear(data);
}


static void
ngx_rtprop_document_clear(ngx_rtprop_document_t *document)
{
    json_decref(document->json);
    document->json = NULL;

    if (document->kind->clear) {
        document->kind->clear(document);
    }
}


/* --------------------------------------------------------------- reading */

void
ngx_rtprop_document_get(ngx_rtprop_cmd_t *cmd,
    const ngx_rtprop_document_kind_t *kind, size_t size)
{
    ngx_rtprop_state_t     *state;
    ngx_rtprop_engine_t    *e;
    ngx_rtprop_document_t  *document;

    document = ngx_rtprop_document_open(cmd, kind, size);

    if (document == NULL) {
        return;
    }

    state = &document->update.state;
    state->op.done = ngx_rtprop_document_got;
    state->op.data = document;

    e = cmd->worker->engine;
    e->state_get(e, state);
}


static void
ngx_rtprop_document_got(ngx_rtprop_op_t *op)
{
    ngx_rtprop_document_t *document = op->data;

    ngx_rtprop_state_t  *state;

    state = &document->update.state;

    if (op->rc == NGX_DECLINED) {
        ngx_rtprop_refuse(document->cmd, "not_found", document->kind->missing,
                          NULL);
        return;
    }

    if (op->rc != NGX_OK) {
        ngx_rtprop_refuse_rc(document->cmd, op->rc);
        return;
    }

    document->json = document->kind->parse(state->value.data,
                                           state->value.len);

    if (document->json == NULL) {
        ngx_rtprop_refuse_rc(document->cmd, ngx_rtprop_hub_unreadable(
            document->cmd->worker->hub, &state->key, &state->value));
        return;
    }

    ngx_rtprop_document_answer(document, NGX_HTTP_OK, state->version);
}


/* -------------------------------------------------------------- changing */

void
ngx_rtprop_document_put(ngx_rtprop_cmd_t *cmd,
    const ngx_rtprop_document_kind_t *kind, size_t size)
{
    ngx_rtprop_document_t  *document;

    document = ngx_rtprop_document_open(cmd, kind, size);

    if (document == NULL) {
        return;
    }

    document->update.apply = ngx_rtprop_document_apply;
    document->update.done = ngx_rtprop_document_done;
    document->update.data = document;

    ngx_rtprop_hub_update(cmd->worker->hub, &document->update);
}


static ngx_int_t
ngx_rtprop_document_apply(ngx_rtprop_update_t *update, ngx_str_t *text,
    uint64_t version, int64_t now)
{
    ngx_rtprop_document_t *document = update->data;

    ngx_rtprop_cmd_t  *cmd;

    cmd = document->cmd;

    document->version = version;
    document->code = NULL;
    document->why.field = NULL;

    if (cmd->if_match && cmd->if_match != version) {
        document->code = "conflict";
        return NGX_DECLINED;
    }

    ngx_rtprop_document_clear(document);

    document->json = version ? document->kind->parse(text->data, text->len)
                             : document->kind->create();

    if (document->json == NULL) {
        return version ? ngx_rtprop_hub_unreadable(cmd->worker->hub,
                                                   &update->state.key, text)
                       : NGX_ERROR;
    }

    if (document->kind->change(document, now) != RTPROP_OK) {
        document->code = "invalid_payload";
        return document->why.field ? NGX_DECLINED : NGX_ERROR;
    }

    return ngx_rtprop_hub_dump(cmd->pool, json_incref(document->json),
                               &update->value);
}


static void
ngx_rtprop_document_done(ngx_rtprop_update_t *update)
{
    ngx_rtprop_document_t *document = update->data;

    if (update->rc != NGX_OK) {
        ngx_rtprop_document_refuse(document);
        return;
    }

    document->kind->stored(document);

    ngx_rtprop_document_answer(document, document->version ? NGX_HTTP_OK
                                                           : NGX_HTTP_CREATED,
                               update->state.version);
}


static void
ngx_rtprop_document_refuse(ngx_rtprop_document_t *document)
{
    ngx_rtprop_cmd_t  *cmd;

    cmd = document->cmd;

    if (document->code == NULL || document->update.rc != NGX_DECLINED) {
        ngx_rtprop_refuse_rc(cmd, document->update.rc);
        return;
    }

    if (document->why.field) {
        ngx_rtprop_refuse(cmd, document->code, document->why.message,
                          json_pack("{s:s}", "field", document->why.field));
        return;
    }

    ngx_rtprop_refuse(cmd, document->code, document->kind->changed,
                      json_pack("{s:I}", "version",
                                (json_int_t) document->version));
}


static void
ngx_rtprop_document_answer(ngx_rtprop_document_t *document, ngx_uint_t status,
    uint64_t version)
{
    rtprop_str_t       id;
    ngx_rtprop_cmd_t  *cmd;

    cmd = document->cmd;
    id.len = cmd->path[0].len;
    id.data = cmd->path[0].data;
    cmd->version = version;

    ngx_rtprop_answer(cmd, status, document->kind->name,
                      document->kind->resource(document->json, &id, version),
                      NULL);
}


ngx_int_t
ngx_rtprop_hub_unreadable(ngx_rtprop_hub_t *hub, ngx_str_t *key,
    ngx_str_t *text)
{
    ngx_log_error(NGX_LOG_ERR, hub->worker->log, 0,
                  "rtprop: document \"%V\" of %uz octets is not readable",
                  key, text->len);

    return NGX_ERROR;
}
