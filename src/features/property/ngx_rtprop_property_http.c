/*
 * The resource properties/{id} and what changes it: a PUT, a broadcast.  What
 * is kept and what is told change in one step.
 */

#include "features/property/ngx_rtprop_property.h"


typedef struct {
    ngx_rtprop_update_t         update;
    ngx_rtprop_event_t          events[RTPROP_PROPERTY_EVENTS];
    ngx_rtprop_cmd_t           *cmd;
    json_t                     *doc;
    rtprop_invalid_t            why;
    ngx_str_t                   agent;      /* of the one found */
    uint64_t                    version;    /* the one found */
    const char                 *code;
} ngx_rtprop_property_put_t;


typedef struct {
    ngx_rtprop_state_t          state;
    ngx_rtprop_members_t        members;
    ngx_rtprop_cmd_t           *cmd;
} ngx_rtprop_property_get_t;


static void ngx_rtprop_property_put_cleanup(void *data);
static ngx_int_t ngx_rtprop_property_put_apply(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now);
static ngx_int_t ngx_rtprop_property_put_events(ngx_rtprop_property_put_t *p,
    rtprop_property_event_t *events, ngx_uint_t n);
static void ngx_rtprop_property_put_done(ngx_rtprop_update_t *update);
static void ngx_rtprop_property_put_assign(ngx_rtprop_property_put_t *p);
static void ngx_rtprop_property_put_refuse(ngx_rtprop_property_put_t *p);
static void ngx_rtprop_property_got(ngx_rtprop_op_t *op);
static void ngx_rtprop_property_viewers_got(ngx_rtprop_op_t *op);


void
ngx_rtprop_property_http_put(ngx_rtprop_cmd_t *cmd)
{
    ngx_pool_cleanup_t         *cln;
    ngx_rtprop_property_put_t  *p;

    p = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_property_put_t));
    cln = ngx_pool_cleanup_add(cmd->pool, 0);

    if (p == NULL || cln == NULL
        || ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_PROPERTY_PREFIX,
                                       &cmd->path[0], &p->update.state.key)
           != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    cln->handler = ngx_rtprop_property_put_cleanup;
    cln->data = p;

    p->cmd = cmd;
    p->update.state.op.pool = cmd->pool;
    p->update.apply = ngx_rtprop_property_put_apply;
    p->update.done = ngx_rtprop_property_put_done;
    p->update.data = p;

    ngx_rtprop_hub_update(cmd->worker->hub, &p->update);
}


static void
ngx_rtprop_property_put_cleanup(void *data)
{
    ngx_rtprop_property_put_t *p = data;

    json_decref(p->doc);
}


static ngx_int_t
ngx_rtprop_property_put_apply(ngx_rtprop_update_t *update, ngx_str_t *text,
    uint64_t version, int64_t now)
{
    int                         rc;
    unsigned                    n;
    rtprop_str_t                id, agent;
    rtprop_property_event_t     events[RTPROP_PROPERTY_EVENTS];
    ngx_rtprop_property_put_t  *p;

    p = update->data;
    p->version = version;
    p->code = NULL;

    if (p->cmd->if_match && p->cmd->if_match != version) {
        p->code = "conflict";
        return NGX_DECLINED;
    }

    json_decref(p->doc);

    p->doc = version ? rtprop_property_parse((char *) text->data, text->len)
                     : rtprop_property_create();

    if (p->doc == NULL) {
        return NGX_ERROR;
    }

    rtprop_property_agent(p->doc, &agent);
    p->agent.len = agent.len;

    if (agent.len) {
        p->agent.data = ngx_pnalloc(p->cmd->pool, agent.len);

        if (p->agent.data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(p->agent.data, agent.data, agent.len);
    }

    id = ngx_rtprop_property_pure(&p->cmd->path[0]);

    rc = rtprop_property_replace(p->doc, &id, p->cmd->payload, now, events,
                                 &n, &p->why);

    if (rc != RTPROP_OK) {
        p->code = "invalid_payload";
        return p->why.field ? NGX_DECLINED : NGX_ERROR;
    }

    if (ngx_rtprop_property_put_events(p, events, n) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_rtprop_hub_dump(p->cmd->pool, json_incref(p->doc),
                               &update->value);
}


static ngx_int_t
ngx_rtprop_property_put_events(ngx_rtprop_property_put_t *p,
    rtprop_property_event_t *events, ngx_uint_t n)
{
    ngx_int_t   rc;
    ngx_uint_t  i;

    rc = NGX_OK;

    for (i = 0; i < n; i++) {
        if (ngx_rtprop_property_event(p->cmd->pool, &p->update.state.key,
                                      &events[i], &p->events[i])
            != NGX_OK)
        {
            rc = NGX_ERROR;
        }

        p->events[i].arrived = p->cmd->arrived;
    }

    p->update.events = p->events;
    p->update.nevents = n;

    return rc;
}


ngx_int_t
ngx_rtprop_property_event(ngx_pool_t *pool, ngx_str_t *channel,
    rtprop_property_event_t *from, ngx_rtprop_event_t *ev)
{
    ngx_memzero(ev, sizeof(ngx_rtprop_event_t));

    ev->channel = *channel;
    ev->type.data = (u_char *) from->type;
    ev->type.len = ngx_strlen(from->type);

    return ngx_rtprop_hub_dump(pool, from->payload, &ev->payload);
}


static void
ngx_rtprop_property_put_done(ngx_rtprop_update_t *update)
{
    rtprop_str_t                id;
    ngx_rtprop_cmd_t           *cmd;
    ngx_rtprop_property_put_t  *p;

    p = update->data;
    cmd = p->cmd;

    if (update->rc != NGX_OK) {
        ngx_rtprop_property_put_refuse(p);
        return;
    }

    ngx_rtprop_property_stat(cmd->worker, NGX_RTPROP_PROPERTY_CHANGES, 1);
    ngx_rtprop_property_put_assign(p);

    id = ngx_rtprop_property_pure(&cmd->path[0]);
    cmd->version = update->state.version;

    ngx_rtprop_answer(cmd, p->version ? NGX_HTTP_OK : NGX_HTTP_CREATED,
                      "property",
                      rtprop_property_resource_json(p->doc, &id, cmd->version),
                      NULL);
}


/*
 * The agent is named each time, although it may be known: what a worker that
 * died did not come to say is mended by the next PUT.
 */

static void
ngx_rtprop_property_put_assign(ngx_rtprop_property_put_t *p)
{
    ngx_str_t          agent;
    rtprop_str_t       now;
    ngx_rtprop_hub_t  *hub;

    hub = p->cmd->worker->hub;
    rtprop_property_agent(p->doc, &now);

    agent.len = now.len;
    agent.data = now.data;

    if (p->agent.len
        && (p->agent.len != agent.len
            || ngx_memcmp(p->agent.data, agent.data, agent.len) != 0))
    {
        ngx_rtprop_hub_assigned(hub, &p->agent, &p->cmd->path[0], 0);
    }

    if (agent.len) {
        ngx_rtprop_hub_assigned(hub, &agent, &p->cmd->path[0], 1);
    }
}


static void
ngx_rtprop_property_put_refuse(ngx_rtprop_property_put_t *p)
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

    ngx_rtprop_refuse(p->cmd, p->code, "the property has changed",
                      json_pack("{s:I}", "version", (json_int_t) p->version));
}


/* --------------------------------------------------------------- reading */

void
ngx_rtprop_property_http_get(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_engine_t        *e;
    ngx_rtprop_property_get_t  *g;

    g = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_property_get_t));

    if (g == NULL
        || ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_PROPERTY_PREFIX,
                                       &cmd->path[0], &g->state.key)
           != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    g->cmd = cmd;
    g->state.op.done = ngx_rtprop_property_got;
    g->state.op.data = g;
    g->state.op.pool = cmd->pool;

    e = cmd->worker->engine;
    e->state_get(e, &g->state);
}


static void
ngx_rtprop_property_got(ngx_rtprop_op_t *op)
{
    ngx_rtprop_property_get_t *g = op->data;

    json_t            *doc, *body;
    rtprop_str_t       id;
    ngx_rtprop_cmd_t  *cmd;

    cmd = g->cmd;

    if (op->rc == NGX_DECLINED) {
        ngx_rtprop_refuse(cmd, "not_found", "there is no such property", NULL);
        return;
    }

    doc = (op->rc == NGX_OK)
          ? rtprop_property_parse((char *) g->state.value.data,
                                  g->state.value.len)
          : NULL;

    if (doc == NULL) {
        ngx_rtprop_refuse_rc(cmd, op->rc == NGX_OK ? NGX_ABORT : op->rc);
        return;
    }

    id = ngx_rtprop_property_pure(&cmd->path[0]);
    body = rtprop_property_resource_json(doc, &id, g->state.version);
    cmd->version = g->state.version;
    json_decref(doc);

    ngx_rtprop_answer(cmd, NGX_HTTP_OK, "property", body, NULL);
}


void
ngx_rtprop_property_http_viewers(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_engine_t        *e;
    ngx_rtprop_property_get_t  *g;

    g = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_property_get_t));

    if (g == NULL
        || ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_PROPERTY_PREFIX,
                                       &cmd->path[0], &g->members.set)
           != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    g->cmd = cmd;
    g->members.op.done = ngx_rtprop_property_viewers_got;
    g->members.op.data = g;
    g->members.op.pool = cmd->pool;

    e = cmd->worker->engine;
    e->members(e, &g->members);
}


static void
ngx_rtprop_property_viewers_got(ngx_rtprop_op_t *op)
{
    ngx_rtprop_property_get_t *g = op->data;

    rtprop_str_t  id;

    if (op->rc != NGX_OK && op->rc != NGX_DECLINED) {
        ngx_rtprop_refuse_rc(g->cmd, op->rc);
        return;
    }

    id = ngx_rtprop_property_pure(&g->cmd->path[0]);

    /* the count is all that can change, and a version is not 0 */

    g->cmd->version = (uint64_t) g->members.users + 1;

    ngx_rtprop_answer(g->cmd, NGX_HTTP_OK, "viewers",
                      rtprop_property_viewers_json(&id, g->members.users),
                      NULL);
}
