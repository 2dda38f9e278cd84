/*
 * The resource properties/{id} and what changes it: a PUT, a broadcast.  What
 * is kept and what is told change in one step.
 */

#include "features/property/ngx_rtprop_property.h"
#include "hub/ngx_rtprop_hub_document.h"


typedef struct {
    ngx_rtprop_document_t       document;
    ngx_rtprop_event_t          events[RTPROP_PROPERTY_EVENTS];
    ngx_str_t                   agent;      /* of the one found */
} ngx_rtprop_property_put_t;


typedef struct {
    ngx_rtprop_members_t        members;
    ngx_rtprop_cmd_t           *cmd;
} ngx_rtprop_property_get_t;


static json_t *ngx_rtprop_property_parse(const unsigned char *text,
    size_t len);
static int ngx_rtprop_property_put_change(ngx_rtprop_document_t *document,
    int64_t now);
static ngx_int_t ngx_rtprop_property_put_agent(ngx_rtprop_property_put_t *p);
static ngx_int_t ngx_rtprop_property_put_events(ngx_rtprop_property_put_t *p,
    rtprop_property_event_t *events, ngx_uint_t n);
static void ngx_rtprop_property_put_stored(ngx_rtprop_document_t *document);
static void ngx_rtprop_property_put_assign(ngx_rtprop_property_put_t *p);
static void ngx_rtprop_property_viewers_got(ngx_rtprop_op_t *op);


static const ngx_rtprop_document_kind_t  ngx_rtprop_property_document = {
    .prefix = NGX_RTPROP_PROPERTY_PREFIX,
    .name = "property",
    .missing = "there is no such property",
    .changed = "the property has changed",
    .create = rtprop_property_create,
    .parse = ngx_rtprop_property_parse,
    .resource = rtprop_property_resource_json,
    .change = ngx_rtprop_property_put_change,
    .stored = ngx_rtprop_property_put_stored
};


void
ngx_rtprop_property_http_get(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_document_get(cmd, &ngx_rtprop_property_document,
                            sizeof(ngx_rtprop_property_put_t));
}


void
ngx_rtprop_property_http_put(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_document_put(cmd, &ngx_rtprop_property_document,
                            sizeof(ngx_rtprop_property_put_t));
}


static json_t *
ngx_rtprop_property_parse(const unsigned char *text, size_t len)
{
    return rtprop_property_parse((const char *) text, len);
}


static int
ngx_rtprop_property_put_change(ngx_rtprop_document_t *document, int64_t now)
{
    ngx_rtprop_property_put_t *p = (ngx_rtprop_property_put_t *) document;

    int                      rc;
    unsigned                 n;
    rtprop_str_t             id;
    rtprop_property_event_t  events[RTPROP_PROPERTY_EVENTS];

    if (ngx_rtprop_property_put_agent(p) != NGX_OK) {
        return RTPROP_ERROR;
    }

    id = ngx_rtprop_property_pure(&document->cmd->path[0]);

    rc = rtprop_property_replace(document->json, &id, document->cmd->payload,
                                 now, events, &n, &document->why);

    if (rc != RTPROP_OK) {
        return rc;
    }

    return ngx_rtprop_property_put_events(p, events, n) == NGX_OK
           ? RTPROP_OK : RTPROP_ERROR;
}


/* A copy: the document that it stands in is changed. */

static ngx_int_t
ngx_rtprop_property_put_agent(ngx_rtprop_property_put_t *p)
{
    rtprop_str_t  agent;

    rtprop_property_agent(p->document.json, &agent);
    p->agent.len = agent.len;

    if (agent.len == 0) {
        return NGX_OK;
    }

    p->agent.data = ngx_pnalloc(p->document.cmd->pool, agent.len);

    if (p->agent.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p->agent.data, agent.data, agent.len);

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_property_put_events(ngx_rtprop_property_put_t *p,
    rtprop_property_event_t *events, ngx_uint_t n)
{
    ngx_int_t             rc;
    ngx_uint_t            i;
    ngx_rtprop_cmd_t     *cmd;
    ngx_rtprop_update_t  *update;

    rc = NGX_OK;
    cmd = p->document.cmd;
    update = &p->document.update;

    for (i = 0; i < n; i++) {
        if (ngx_rtprop_property_event(cmd->pool, &update->state.key,
                                      &events[i], &p->events[i])
            != NGX_OK)
        {
            rc = NGX_ERROR;
        }

        p->events[i].arrived = cmd->arrived;
    }

    update->events = p->events;
    update->nevents = n;

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
ngx_rtprop_property_put_stored(ngx_rtprop_document_t *document)
{
    ngx_rtprop_property_stat(document->cmd->worker,
                             NGX_RTPROP_PROPERTY_CHANGES, 1);

    ngx_rtprop_property_put_assign((ngx_rtprop_property_put_t *) document);
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
    ngx_rtprop_cmd_t  *cmd;
    ngx_rtprop_hub_t  *hub;

    cmd = p->document.cmd;
    hub = cmd->worker->hub;
    rtprop_property_agent(p->document.json, &now);

    agent.len = now.len;
    agent.data = now.data;

    if (p->agent.len
        && (p->agent.len != agent.len
            || ngx_memcmp(p->agent.data, agent.data, agent.len) != 0))
    {
        ngx_rtprop_hub_assigned(hub, &p->agent, &cmd->path[0], 0);
    }

    if (agent.len) {
        ngx_rtprop_hub_assigned(hub, &agent, &cmd->path[0], 1);
    }
}


/* --------------------------------------------------------------- viewers */

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
