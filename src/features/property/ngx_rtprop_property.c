/*
 * Viewing and watching a property, one after the other:
 *
 *     place       the hub subscribes, and reads what a resume missed
 *     viewer      a viewing session is counted in
 *     state       document, number of viewers, agent, for property:state
 *     answer      the state, what was missed, what came meanwhile
 *
 * Viewers and watchers are kinds of one subscription, so whoever is both hears
 * each event once.
 */

#include "features/property/ngx_rtprop_property.h"


typedef struct {
    ngx_rtprop_join_t           join;
    ngx_rtprop_presence_t       presence;
    ngx_rtprop_state_t          state;
    ngx_rtprop_members_t        members;
    ngx_rtprop_ask_t            agent;
    int64_t                     viewers;    /* -1: not known */
    json_t                     *doc;
    rtprop_json_buf_t           text;       /* the state, if not in values */
    ngx_rtprop_cmd_t           *cmd;
    ngx_rtprop_resume_t        *resume;     /* NULL: a command */
    ngx_str_t                   id;
    unsigned                    viewer:1;   /* counted in by this join */
} ngx_rtprop_property_join_t;


/* A session that is to be counted out. */

typedef struct {
    ngx_rtprop_presence_t       presence;
    ngx_rtprop_hub_t           *hub;
} ngx_rtprop_property_going_t;


static void ngx_rtprop_property_enter(ngx_rtprop_cmd_t *cmd,
    ngx_uint_t kinds);
static ngx_rtprop_property_join_t *ngx_rtprop_property_join_create(
    ngx_rtprop_cmd_t *cmd, ngx_str_t *id, ngx_uint_t kinds);
static void ngx_rtprop_property_join_cleanup(void *data);
static void ngx_rtprop_property_placed(ngx_rtprop_join_t *join);
static void ngx_rtprop_property_came(ngx_rtprop_op_t *op);
static void ngx_rtprop_property_known(ngx_rtprop_op_t *op);
static void ngx_rtprop_property_counted(ngx_rtprop_op_t *op);
static void ngx_rtprop_property_state(ngx_rtprop_ask_t *ask);
static void ngx_rtprop_property_finish(ngx_rtprop_property_join_t *j,
    json_t *state);
static void ngx_rtprop_property_undo(ngx_rtprop_property_join_t *j,
    ngx_int_t rc);
static void ngx_rtprop_property_failed(ngx_rtprop_property_join_t *j,
    ngx_int_t rc);
static void ngx_rtprop_property_part(ngx_rtprop_cmd_t *cmd, ngx_uint_t kind,
    const char *refusal);
static void ngx_rtprop_property_go(ngx_rtprop_hub_t *hub, ngx_str_t *id,
    rtprop_identity_t *user, u_char *session);
static void ngx_rtprop_property_gone(ngx_rtprop_op_t *op);


void
ngx_rtprop_property_view(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_property_enter(cmd, NGX_RTPROP_SUB_MEMBER);
}


void
ngx_rtprop_property_watch(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_property_enter(cmd, NGX_RTPROP_SUB_WATCHER);
}


static void
ngx_rtprop_property_enter(ngx_rtprop_cmd_t *cmd, ngx_uint_t kinds)
{
    ngx_str_t                    id;
    ngx_rtprop_property_join_t  *j;

    id = ngx_rtprop_property_str(cmd->args[0].str);
    j = ngx_rtprop_property_join_create(cmd, &id, kinds);

    if (j == NULL) {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    ngx_rtprop_hub_join(cmd->worker->hub, &j->join);
}


/*
 * Who resumes a channel was a viewer, but for one that fetches what it missed
 * in a subscription that stands.
 */

void
ngx_rtprop_property_resume(ngx_rtprop_resume_t *resume)
{
    ngx_uint_t                   kinds;
    ngx_rtprop_hub_t            *hub;
    ngx_rtprop_sub_t            *sub;
    ngx_rtprop_cmd_t            *cmd;
    ngx_rtprop_property_join_t  *j;

    cmd = resume->cmd;
    hub = cmd->worker->hub;
    kinds = NGX_RTPROP_SUB_MEMBER;

    if (cmd->session) {
        sub = ngx_rtprop_hub_sub(hub, cmd->session, &resume->channel);
        kinds = sub ? sub->kinds : kinds;
    }

    j = ngx_rtprop_property_join_create(cmd, &resume->id, kinds);

    if (j == NULL) {
        ngx_rtprop_resume_done(resume, NULL, "unavailable");
        return;
    }

    j->resume = resume;
    j->join.resume = 1;
    j->join.replay = 1;
    j->join.history.epoch = resume->epoch;
    j->join.history.since = resume->offset;
    j->join.history.limit = NGX_RTPROP_PROPERTY_MISSED;

    ngx_rtprop_hub_join(hub, &j->join);
}


static ngx_rtprop_property_join_t *
ngx_rtprop_property_join_create(ngx_rtprop_cmd_t *cmd, ngx_str_t *id,
    ngx_uint_t kinds)
{
    ngx_pool_cleanup_t          *cln;
    ngx_rtprop_property_join_t  *j;

    j = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_property_join_t));
    cln = ngx_pool_cleanup_add(cmd->pool, 0);

    if (j == NULL || cln == NULL
        || ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_PROPERTY_PREFIX,
                                       id, &j->join.history.channel)
           != NGX_OK)
    {
        return NULL;
    }

    cln->handler = ngx_rtprop_property_join_cleanup;
    cln->data = j;

    j->cmd = cmd;
    j->id = *id;

    j->join.cmd = cmd;
    j->join.kinds = kinds;
    j->join.done = ngx_rtprop_property_placed;
    j->join.data = j;

    return j;
}


static void
ngx_rtprop_property_join_cleanup(void *data)
{
    ngx_rtprop_property_join_t *j = data;

    free(j->text.data);
    json_decref(j->doc);
    json_decref(j->agent.answer);
}


static void
ngx_rtprop_property_placed(ngx_rtprop_join_t *join)
{
    ngx_uint_t                   fresh;
    ngx_rtprop_cmd_t            *cmd;
    ngx_rtprop_engine_t         *e;
    ngx_rtprop_property_join_t  *j;

    j = join->data;
    cmd = j->cmd;
    e = cmd->worker->engine;

    if (join->history.op.rc != NGX_OK) {
        ngx_rtprop_property_failed(j, join->history.op.rc);
        return;
    }

    if (!join->history.recovered) {
        join->history.nevents = 0;
    }

    fresh = join->kinds & ~join->had;

    if (fresh & NGX_RTPROP_SUB_WATCHER) {
        ngx_rtprop_property_stat(cmd->worker, NGX_RTPROP_PROPERTY_WATCHES, 1);
    }

    if (!(fresh & NGX_RTPROP_SUB_MEMBER)) {
        j->presence.op.rc = NGX_OK;
        j->presence.op.data = j;
        ngx_rtprop_property_came(&j->presence.op);
        return;
    }

    ngx_rtprop_property_stat(cmd->worker, NGX_RTPROP_PROPERTY_VIEWS, 1);

    j->viewer = 1;
    j->presence.op.done = ngx_rtprop_property_came;
    j->presence.op.data = j;
    j->presence.op.pool = cmd->pool;
    j->presence.set = join->history.channel;
    j->presence.user = ngx_rtprop_property_str(rtprop_identity_id(cmd->user));
    ngx_memcpy(j->presence.session, cmd->session_id, NGX_RTPROP_SESSION_ID);

    e->presence_add(e, &j->presence);
}


/* A viewer that the engine had no room to count still sees the property. */

static void
ngx_rtprop_property_came(ngx_rtprop_op_t *op)
{
    ngx_rtprop_property_join_t *j = op->data;

    ngx_rtprop_engine_t  *e;

    if (j->resume && j->join.history.recovered) {
        ngx_rtprop_property_finish(j, NULL);
        return;
    }

    j->state.op.done = ngx_rtprop_property_known;
    j->state.op.data = j;
    j->state.op.pool = j->cmd->pool;
    j->state.key = j->join.history.channel;

    e = j->cmd->worker->engine;
    e->state_get(e, &j->state);
}


static void
ngx_rtprop_property_known(ngx_rtprop_op_t *op)
{
    ngx_rtprop_property_join_t *j = op->data;

    ngx_rtprop_engine_t  *e;

    if (op->rc != NGX_OK && op->rc != NGX_DECLINED) {
        ngx_rtprop_property_undo(j, op->rc);
        return;
    }

    j->members.op.done = ngx_rtprop_property_counted;
    j->members.op.data = j;
    j->members.op.pool = j->cmd->pool;
    j->members.set = j->join.history.channel;

    e = j->cmd->worker->engine;
    e->members(e, &j->members);
}


/* A property that nobody has told us of has a state as well: nothing known. */

static void
ngx_rtprop_property_counted(ngx_rtprop_op_t *op)
{
    ngx_rtprop_property_join_t *j = op->data;

    rtprop_str_t  agent;

    j->viewers = (op->rc == NGX_OK || op->rc == NGX_DECLINED)
                 ? (int64_t) j->members.users : -1;

    if (j->state.op.rc == NGX_OK) {
        j->doc = rtprop_property_parse((char *) j->state.value.data,
                                       j->state.value.len);

        if (j->doc == NULL) {
            ngx_rtprop_property_undo(j, ngx_rtprop_hub_unreadable(
                j->cmd->worker->hub, &j->state.key, &j->state.value));
            return;
        }
    }

    rtprop_property_agent(j->doc, &agent);

    j->agent.id = ngx_rtprop_property_str(agent);
    j->agent.pool = j->cmd->pool;
    j->agent.done = ngx_rtprop_property_state;
    j->agent.data = j;

    if (agent.len == 0) {
        ngx_rtprop_property_state(&j->agent);
        return;
    }

    ngx_rtprop_hub_ask(j->cmd->worker->hub, "agent", &j->agent);
}


static void
ngx_rtprop_property_state(ngx_rtprop_ask_t *ask)
{
    ngx_rtprop_property_join_t *j = ask->data;

    rtprop_str_t  id;

    if (ask->rc != NGX_OK) {
        ngx_rtprop_property_undo(j, ask->rc);
        return;
    }

    id = ngx_rtprop_property_pure(&j->id);

    if (j->doc == NULL && j->resume == NULL
        && rtprop_property_state_text(&id, j->viewers, &j->text)
           == RTPROP_OK)
    {
        ngx_rtprop_property_finish(j, NULL);
        return;
    }

    j->text.len = 0;

    ngx_rtprop_property_finish(j,
                     rtprop_property_state_payload(j->doc, &id, j->viewers,
                                                   ask->answer));
}


/* state: taken over; NULL where a resume needs none, or j->text is it. */

static void
ngx_rtprop_property_finish(ngx_rtprop_property_join_t *j, json_t *state)
{
    ngx_str_t               type, none, text;
    ngx_rtprop_cmd_t       *cmd;
    ngx_rtprop_hub_t       *hub;
    ngx_rtprop_session_t   *s;
    ngx_rtprop_position_t   pos;

    cmd = j->cmd;
    hub = cmd->worker->hub;
    s = cmd->session;

    if (s == NULL && j->viewer) {

        /* it went while it was being counted in */

        ngx_rtprop_property_go(hub, &j->id, cmd->user, cmd->session_id);
    }

    ngx_rtprop_hub_position(&j->join, &pos);

    if (j->resume == NULL) {
        text.len = j->text.len;
        text.data = j->text.data;

        if (text.len) {
            ngx_rtprop_cmd_send_text(cmd, "property:state", &text, &pos);

        } else {
            ngx_rtprop_cmd_send(cmd, "property:state", state, &pos);
        }

        ngx_rtprop_hub_join_finish(hub, &j->join);
        ngx_rtprop_cmd_done(cmd);

    } else {

        if (state && s) {
            ngx_str_set(&type, "property:state");
            ngx_str_null(&none);
            (void) s->protocol->send(s, &none, &type, state, &pos);
        }

        json_decref(state);
        ngx_rtprop_hub_join_finish(hub, &j->join);
        ngx_rtprop_resume_done(j->resume, &j->join, NULL);
    }

    if (j->viewer) {
        ngx_rtprop_property_count(hub, &j->id);
    }
}


/* What cannot be read is not the same as what nobody has told us of. */

static void
ngx_rtprop_property_undo(ngx_rtprop_property_join_t *j, ngx_int_t rc)
{
    ngx_rtprop_cmd_t  *cmd;

    cmd = j->cmd;

    ngx_rtprop_hub_join_cancel(cmd->worker->hub, &j->join);

    if (j->viewer) {
        ngx_rtprop_property_go(cmd->worker->hub, &j->id, cmd->user,
                               cmd->session_id);
    }

    ngx_rtprop_property_failed(j, rc);
}


static void
ngx_rtprop_property_failed(ngx_rtprop_property_join_t *j, ngx_int_t rc)
{
    if (j->resume) {
        ngx_rtprop_resume_done(j->resume, NULL, "unavailable");
        return;
    }

    ngx_rtprop_refuse_rc(j->cmd, rc);
}


/* --------------------------------------------------------------- leaving */

void
ngx_rtprop_property_leave(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_property_part(cmd, NGX_RTPROP_SUB_MEMBER,
                             "the property was not viewed");
}


void
ngx_rtprop_property_unwatch(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_property_part(cmd, NGX_RTPROP_SUB_WATCHER,
                             "the property was not subscribed to");
}


static void
ngx_rtprop_property_part(ngx_rtprop_cmd_t *cmd, ngx_uint_t kind,
    const char *refusal)
{
    ngx_str_t          id, channel;
    ngx_rtprop_hub_t  *hub;

    hub = cmd->worker->hub;
    id = ngx_rtprop_property_str(cmd->args[0].str);

    if (ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_PROPERTY_PREFIX,
                                    &id, &channel)
        != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    if (ngx_rtprop_hub_leave(hub, cmd->session, &channel, kind) != NGX_OK) {
        ngx_rtprop_refuse(cmd, "not_joined", refusal, NULL);
        return;
    }

    if (kind == NGX_RTPROP_SUB_MEMBER) {
        ngx_rtprop_property_go(hub, &id, cmd->user, cmd->session_id);
    }

    ngx_rtprop_ack(cmd, NULL);
}


void
ngx_rtprop_property_left(ngx_rtprop_session_t *s, ngx_rtprop_sub_t *sub,
    ngx_str_t *id, void *data)
{
    if (sub->kinds & NGX_RTPROP_SUB_MEMBER) {
        ngx_rtprop_property_go(s->worker->hub, id, s->user, s->id);
    }
}


void
ngx_rtprop_property_lost(ngx_rtprop_hub_t *hub, ngx_str_t *id,
    ngx_str_t *user, ngx_str_t *info, ngx_uint_t users, void *data)
{
    ngx_rtprop_property_count(hub, id);
}


/* Counts a session out; the others hear of it if it was the user's last. */

static void
ngx_rtprop_property_go(ngx_rtprop_hub_t *hub, ngx_str_t *id,
    rtprop_identity_t *user, u_char *session)
{
    ngx_str_t                     user_id;
    ngx_pool_t                   *pool;
    ngx_rtprop_property_going_t  *g;

    pool = ngx_rtprop_hub_pool(hub);

    if (pool == NULL) {
        return;
    }

    g = ngx_pcalloc(pool, sizeof(ngx_rtprop_property_going_t));
    user_id = ngx_rtprop_property_str(rtprop_identity_id(user));

    if (g == NULL
        || ngx_rtprop_hub_channel_name(pool, NGX_RTPROP_PROPERTY_PREFIX, id,
                                       &g->presence.set)
           != NGX_OK)
    {
        goto failed;
    }

    g->presence.user.len = user_id.len;
    g->presence.user.data = ngx_pstrdup(pool, &user_id);

    if (g->presence.user.data == NULL) {
        goto failed;
    }

    g->hub = hub;
    g->presence.op.done = ngx_rtprop_property_gone;
    g->presence.op.data = g;
    g->presence.op.pool = pool;
    ngx_memcpy(g->presence.session, session, NGX_RTPROP_SESSION_ID);

    hub->engine->presence_remove(hub->engine, &g->presence);

    return;

failed:

    ngx_rtprop_hub_free_pool(hub, pool);
}


static void
ngx_rtprop_property_gone(ngx_rtprop_op_t *op)
{
    ngx_rtprop_property_going_t *g = op->data;

    ngx_str_t  id;

    if (op->rc == NGX_OK && g->presence.changed) {
        ngx_rtprop_hub_channel_id(&g->presence.set, &id);
        ngx_rtprop_property_count(g->hub, &id);
    }

    ngx_rtprop_hub_free_pool(g->hub, op->pool);
}
