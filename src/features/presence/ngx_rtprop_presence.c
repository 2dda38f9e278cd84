/*
 * What an agent does: come and go, say how to be shown, answer people.
 */

#include "features/presence/ngx_rtprop_presence.h"


/* One change of an agent's document, in a pool of its own. */

typedef struct ngx_rtprop_presence_change_s  ngx_rtprop_presence_change_t;

struct ngx_rtprop_presence_change_s {
    ngx_rtprop_update_t         update;
    ngx_rtprop_hub_t           *hub;
    ngx_str_t                   agent;
    ngx_rtprop_cmd_t           *cmd;        /* NULL: came, went, replied */

    /* the rules' answer: RTPROP_OK, RTPROP_AGAIN, RTPROP_ERROR */
    int                       (*rule)(ngx_rtprop_presence_change_t *c,
                                  json_t *doc, int64_t now);

    rtprop_presence_status_e    said;
    json_t                     *estimated;  /* borrowed from cmd */
    rtprop_str_t               *properties;
    size_t                      nproperties;
    rtprop_str_t                property;   /* assigned: this one */
    int64_t                     waited;
    rtprop_invalid_t            why;
    unsigned                    first:1;    /* connection */
    unsigned                    yes:1;      /* assigned, or no longer */
    unsigned                    quiet:1;    /* nobody is told */
    unsigned                    known:1;    /* nothing to do for strangers */
};


static void ngx_rtprop_presence_said(ngx_rtprop_cmd_t *cmd,
    rtprop_presence_status_e said, json_t *estimated);
static ngx_rtprop_presence_change_t *ngx_rtprop_presence_change_create(
    ngx_rtprop_hub_t *hub, ngx_str_t *agent,
    int (*rule)(ngx_rtprop_presence_change_t *c, json_t *doc, int64_t now));
static ngx_int_t ngx_rtprop_presence_properties(
    ngx_rtprop_presence_change_t *c, rtprop_identity_t *user);
static ngx_uint_t ngx_rtprop_presence_is_agent(const void *role, size_t len);
static int ngx_rtprop_presence_rule_say(ngx_rtprop_presence_change_t *c,
    json_t *doc, int64_t now);
static int ngx_rtprop_presence_rule_came(ngx_rtprop_presence_change_t *c,
    json_t *doc, int64_t now);
static int ngx_rtprop_presence_rule_went(ngx_rtprop_presence_change_t *c,
    json_t *doc, int64_t now);
static int ngx_rtprop_presence_rule_replied(ngx_rtprop_presence_change_t *c,
    json_t *doc, int64_t now);
static int ngx_rtprop_presence_rule_assigned(ngx_rtprop_presence_change_t *c,
    json_t *doc, int64_t now);
static ngx_int_t ngx_rtprop_presence_apply(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now);
static void ngx_rtprop_presence_changed(ngx_rtprop_update_t *update);
static void ngx_rtprop_presence_answer(ngx_rtprop_presence_change_t *c);


void
ngx_rtprop_presence_online(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_presence_said(cmd, RTPROP_PRESENCE_ONLINE, NULL);
}


void
ngx_rtprop_presence_busy(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_presence_said(cmd, RTPROP_PRESENCE_BUSY, cmd->args[0].json);
}


void
ngx_rtprop_presence_offline(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_presence_said(cmd, RTPROP_PRESENCE_OFFLINE, NULL);
}


static void
ngx_rtprop_presence_said(ngx_rtprop_cmd_t *cmd, rtprop_presence_status_e said,
    json_t *estimated)
{
    ngx_str_t                      agent;
    ngx_rtprop_presence_change_t  *c;

    agent = ngx_rtprop_user_id(cmd->user);
    c = ngx_rtprop_presence_change_create(cmd->worker->hub, &agent,
                                          ngx_rtprop_presence_rule_say);

    if (c == NULL) {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    c->cmd = cmd;
    c->said = said;
    c->estimated = estimated;

    ngx_rtprop_hub_update(c->hub, &c->update);
}


/* Each connection may have a newer token, and so other properties. */

void
ngx_rtprop_presence_came(ngx_rtprop_session_t *s, void *data)
{
    ngx_str_t                      agent, role;
    ngx_rtprop_presence_change_t  *c;

    role = ngx_rtprop_user_role(s->user);

    if (!ngx_rtprop_presence_is_agent(role.data, role.len)) {
        return;
    }

    agent = ngx_rtprop_user_id(s->user);
    c = ngx_rtprop_presence_change_create(s->worker->hub, &agent,
                                          ngx_rtprop_presence_rule_came);

    if (c == NULL) {
        return;
    }

    c->first = s->first;

    if (ngx_rtprop_presence_properties(c, s->user) != NGX_OK) {
        ngx_rtprop_hub_free_pool(c->hub, c->update.state.op.pool);
        return;
    }

    ngx_rtprop_hub_update(c->hub, &c->update);
}


/* info: {"role": ..., ...} of the session that was the last */

void
ngx_rtprop_presence_went(ngx_rtprop_hub_t *hub, ngx_str_t *user,
    ngx_str_t *info, void *data)
{
    json_t                        *session, *role;
    ngx_uint_t                     agent;
    ngx_rtprop_presence_change_t  *c;

    session = json_loadb((char *) info->data, info->len, 0, NULL);
    role = json_object_get(session, "role");
    agent = ngx_rtprop_presence_is_agent(json_string_value(role),
                                         json_string_length(role));
    json_decref(session);

    if (!agent) {
        return;
    }

    c = ngx_rtprop_presence_change_create(hub, user,
                                          ngx_rtprop_presence_rule_went);

    if (c) {
        ngx_rtprop_hub_update(hub, &c->update);
    }
}


void
ngx_rtprop_presence_replied(ngx_rtprop_hub_t *hub, ngx_str_t *user,
    int64_t waited, void *data)
{
    ngx_rtprop_presence_change_t  *c;

    c = ngx_rtprop_presence_change_create(hub, user,
                                          ngx_rtprop_presence_rule_replied);

    if (c) {
        c->waited = waited;
        c->quiet = 1;
        c->known = 1;
        ngx_rtprop_hub_update(hub, &c->update);
    }
}


void
ngx_rtprop_presence_assigned(ngx_rtprop_hub_t *hub, ngx_str_t *agent,
    ngx_str_t *property, ngx_uint_t yes, void *data)
{
    ngx_rtprop_presence_change_t  *c;

    c = ngx_rtprop_presence_change_create(hub, agent,
                                          ngx_rtprop_presence_rule_assigned);

    if (c == NULL) {
        return;
    }

    c->yes = yes;
    c->property.len = property->len;
    c->property.data = ngx_pstrdup(c->update.state.op.pool, property);

    if (c->property.data == NULL) {
        ngx_rtprop_hub_free_pool(hub, c->update.state.op.pool);
        return;
    }

    ngx_rtprop_hub_update(hub, &c->update);
}


static ngx_rtprop_presence_change_t *
ngx_rtprop_presence_change_create(ngx_rtprop_hub_t *hub, ngx_str_t *agent,
    int (*rule)(ngx_rtprop_presence_change_t *c, json_t *doc, int64_t now))
{
    ngx_pool_t                    *pool;
    ngx_rtprop_presence_change_t  *c;

    pool = ngx_rtprop_hub_pool(hub);

    if (pool == NULL) {
        return NULL;
    }

    c = ngx_pcalloc(pool, sizeof(ngx_rtprop_presence_change_t));

    if (c == NULL
        || ngx_rtprop_hub_channel_name(pool, NGX_RTPROP_PRESENCE_DOC, agent,
                                       &c->update.state.key)
           != NGX_OK)
    {
        ngx_rtprop_hub_free_pool(hub, pool);
        return NULL;
    }

    c->hub = hub;
    c->rule = rule;
    ngx_rtprop_hub_channel_id(&c->update.state.key, &c->agent);

    c->update.state.op.pool = pool;
    c->update.apply = ngx_rtprop_presence_apply;
    c->update.done = ngx_rtprop_presence_changed;
    c->update.data = c;

    return c;
}


/* A copy of the ids, since the session may be gone when they are written. */

static ngx_int_t
ngx_rtprop_presence_properties(ngx_rtprop_presence_change_t *c,
    rtprop_identity_t *user)
{
    size_t        n;
    ngx_pool_t   *pool;
    rtprop_str_t  id, *copy;

    pool = c->update.state.op.pool;

    for (n = 0, id.data = NULL; rtprop_identity_next_property(user, &id); n++)
    {
        /* void */
    }

    if (n == 0) {
        return NGX_OK;
    }

    copy = ngx_palloc(pool, n * sizeof(rtprop_str_t));

    if (copy == NULL) {
        return NGX_ERROR;
    }

    for (n = 0, id.data = NULL; rtprop_identity_next_property(user, &id); n++)
    {
        copy[n].len = id.len;
        copy[n].data = ngx_pnalloc(pool, id.len);

        if (copy[n].data == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(copy[n].data, id.data, id.len);
    }

    c->properties = copy;
    c->nproperties = n;

    return NGX_OK;
}


static ngx_uint_t
ngx_rtprop_presence_is_agent(const void *role, size_t len)
{
    return len == sizeof(NGX_RTPROP_PRESENCE_ROLE) - 1
           && ngx_memcmp(role, NGX_RTPROP_PRESENCE_ROLE, len) == 0;
}


/* ----------------------------------------------------------------- rules */

static int
ngx_rtprop_presence_rule_say(ngx_rtprop_presence_change_t *c, json_t *doc,
    int64_t now)
{
    return rtprop_presence_say(doc, c->said, c->estimated, &c->why);
}


static int
ngx_rtprop_presence_rule_came(ngx_rtprop_presence_change_t *c, json_t *doc,
    int64_t now)
{
    int  rc;

    rc = rtprop_presence_properties(doc, c->properties, c->nproperties);

    if (rc == RTPROP_ERROR || !c->first) {
        return rc;
    }

    return rtprop_presence_seen(doc, 1, now);
}


static int
ngx_rtprop_presence_rule_went(ngx_rtprop_presence_change_t *c, json_t *doc,
    int64_t now)
{
    return rtprop_presence_seen(doc, 0, now);
}


static int
ngx_rtprop_presence_rule_replied(ngx_rtprop_presence_change_t *c, json_t *doc,
    int64_t now)
{
    return rtprop_presence_replied(doc, c->waited);
}


static int
ngx_rtprop_presence_rule_assigned(ngx_rtprop_presence_change_t *c,
    json_t *doc, int64_t now)
{
    return rtprop_presence_assign(doc, &c->property, c->yes);
}


static ngx_int_t
ngx_rtprop_presence_apply(ngx_rtprop_update_t *update, ngx_str_t *text,
    uint64_t version, int64_t now)
{
    int                            rc;
    json_t                        *doc;
    ngx_rtprop_presence_change_t  *c;

    c = update->data;
    c->why.field = NULL;

    if (version == 0 && c->known) {
        return NGX_DONE;
    }

    doc = version ? rtprop_presence_parse((char *) text->data, text->len)
                  : rtprop_presence_create();

    if (doc == NULL) {
        return version ? ngx_rtprop_hub_unreadable(c->hub,
                                                   &update->state.key, text)
                       : NGX_ERROR;
    }

    rc = c->rule(c, doc, now);

    if (rc == RTPROP_OK) {
        return ngx_rtprop_hub_dump(update->state.op.pool, doc,
                                   &update->value);
    }

    json_decref(doc);

    if (rc == RTPROP_AGAIN) {
        c->quiet = 1;
        return NGX_DONE;
    }

    return c->why.field ? NGX_DECLINED : NGX_ERROR;
}


static void
ngx_rtprop_presence_changed(ngx_rtprop_update_t *update)
{
    ngx_rtprop_presence_change_t *c = update->data;

    ngx_uint_t  level;

    if (update->rc == NGX_OK && !c->quiet) {
        ngx_rtprop_presence_stat(c->hub->worker, NGX_RTPROP_PRESENCE_CHANGES,
                                 1);
        ngx_rtprop_presence_tell(c->hub, &c->agent);
    }

    if (c->cmd) {
        ngx_rtprop_presence_answer(c);

    } else if (update->rc != NGX_OK) {
        level = NGX_LOG_ERR;

        if (ngx_exiting || ngx_terminate || ngx_quit) {
            level = NGX_LOG_INFO;
        }

        ngx_log_error(level, c->hub->worker->log, 0,
                      "rtprop: status of agent \"%V\" could not be kept",
                      &c->agent);
    }

    ngx_rtprop_hub_free_pool(c->hub, update->state.op.pool);
}


static void
ngx_rtprop_presence_answer(ngx_rtprop_presence_change_t *c)
{
    switch (c->update.rc) {

    case NGX_OK:
        ngx_rtprop_ack(c->cmd, NULL);
        break;

    case NGX_DECLINED:
        ngx_rtprop_refuse(c->cmd, "invalid_payload", c->why.message,
                          json_pack("{s:s}", "field", c->why.field));
        break;

    default:
        ngx_rtprop_refuse_rc(c->cmd, c->update.rc);
    }
}
