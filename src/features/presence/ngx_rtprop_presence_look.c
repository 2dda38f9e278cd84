/*
 * The status of an agent as it is now, for whoever asks.
 */

#include "features/presence/ngx_rtprop_presence.h"


static void ngx_rtprop_presence_look_read(ngx_rtprop_op_t *op);
static void ngx_rtprop_presence_look_counted(ngx_rtprop_op_t *op);
static void ngx_rtprop_presence_look_for(ngx_rtprop_cmd_t *cmd,
    ngx_str_t *id);
static void ngx_rtprop_presence_looked(ngx_rtprop_presence_look_t *look);
static void ngx_rtprop_presence_fact_known(ngx_rtprop_presence_look_t *look);


void
ngx_rtprop_presence_look(ngx_rtprop_presence_look_t *look)
{
    ngx_rtprop_engine_t  *e;

    look->rc = NGX_OK;
    look->status = NULL;

    if (ngx_rtprop_hub_channel_name(look->pool, NGX_RTPROP_PRESENCE_DOC,
                                    &look->id, &look->state.key)
        != NGX_OK)
    {
        look->rc = NGX_ERROR;
        look->done(look);
        return;
    }

    look->state.op.done = ngx_rtprop_presence_look_read;
    look->state.op.data = look;
    look->state.op.pool = look->pool;

    e = look->hub->engine;
    e->state_get(e, &look->state);
}


static void
ngx_rtprop_presence_look_read(ngx_rtprop_op_t *op)
{
    ngx_rtprop_presence_look_t *look = op->data;

    ngx_rtprop_engine_t  *e;

    if (op->rc != NGX_OK && op->rc != NGX_DECLINED) {
        look->rc = op->rc;
        look->done(look);
        return;
    }

    look->members.op.done = ngx_rtprop_presence_look_counted;
    look->members.op.data = look;
    look->members.op.pool = look->pool;
    look->members.user = look->id;
    ngx_str_set(&look->members.set, NGX_RTPROP_USERS);

    e = look->hub->engine;
    e->members(e, &look->members);
}


static void
ngx_rtprop_presence_look_counted(ngx_rtprop_op_t *op)
{
    ngx_rtprop_presence_look_t *look = op->data;

    json_t        *doc;
    rtprop_str_t   agent;

    doc = (look->state.op.rc == NGX_OK)
          ? rtprop_presence_parse((char *) look->state.value.data,
                                  look->state.value.len)
          : NULL;

    if (look->state.op.rc == NGX_OK && doc == NULL) {
        look->rc = ngx_rtprop_hub_unreadable(look->hub, &look->state.key,
                                             &look->state.value);
        look->done(look);
        return;
    }

    if (doc && op->rc != NGX_OK) {

        /* who cannot be counted is not offline */

        json_decref(doc);
        look->rc = op->rc;
        look->done(look);
        return;
    }

    agent.len = look->id.len;
    agent.data = look->id.data;

    look->status = rtprop_presence_status_payload(doc, &agent,
                            doc && look->members.sessions, ngx_rtprop_now());
    json_decref(doc);

    if (look->status == NULL) {
        look->rc = NGX_ERROR;
    }

    look->done(look);
}


/* ------------------------------------------------------------- questions */

void
ngx_rtprop_presence_check(ngx_rtprop_cmd_t *cmd)
{
    ngx_str_t  id;

    id.len = cmd->args[0].str.len;
    id.data = cmd->args[0].str.data;

    ngx_rtprop_presence_look_for(cmd, &id);
}


void
ngx_rtprop_presence_http_get(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_presence_look_for(cmd, &cmd->path[0]);
}


static void
ngx_rtprop_presence_look_for(ngx_rtprop_cmd_t *cmd, ngx_str_t *id)
{
    ngx_rtprop_presence_look_t  *look;

    look = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_presence_look_t));

    if (look == NULL) {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    look->hub = cmd->worker->hub;
    look->pool = cmd->pool;
    look->id = *id;
    look->done = ngx_rtprop_presence_looked;
    look->data = cmd;

    ngx_rtprop_presence_look(look);
}


static void
ngx_rtprop_presence_looked(ngx_rtprop_presence_look_t *look)
{
    ngx_rtprop_cmd_t *cmd = look->data;

    if (look->rc != NGX_OK) {
        ngx_rtprop_refuse_rc(cmd, look->rc);
        return;
    }

    ngx_rtprop_answer(cmd, NGX_HTTP_OK, "presence:agent_status", look->status,
                      NULL);
}


void
ngx_rtprop_presence_fact(ngx_rtprop_hub_t *hub, ngx_rtprop_ask_t *ask,
    void *data)
{
    ngx_rtprop_presence_look_t  *look;

    look = ngx_pcalloc(ask->pool, sizeof(ngx_rtprop_presence_look_t));

    if (look == NULL) {
        ask->rc = NGX_ERROR;
        ask->done(ask);
        return;
    }

    look->hub = hub;
    look->pool = ask->pool;
    look->id = ask->id;
    look->done = ngx_rtprop_presence_fact_known;
    look->data = ask;

    ngx_rtprop_presence_look(look);
}


/*
 * Of somebody who was never here as an agent nothing is known; nor of one who
 * cannot be counted, since the engine is away, while his document is there.
 */

static void
ngx_rtprop_presence_fact_known(ngx_rtprop_presence_look_t *look)
{
    ngx_rtprop_ask_t *ask = look->data;

    if (look->state.op.rc == NGX_OK) {
        ask->answer = look->status;

    } else {
        json_decref(look->status);
        ask->rc = look->rc;
    }

    ask->done(ask);
}
