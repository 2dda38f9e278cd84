/*
 * auction:join and resume, one after the other:
 *
 *     registered   the document gives the bidder number
 *     placed       the hub subscribes, and reads what a resume has missed
 *     present      the session is counted in; the others hear of the user
 *     answer       auction:state, then what was missed or came meanwhile
 *
 * The state is read after the place was taken: what changed in between is in
 * the state, and comes live, too.
 */

#include "features/auction/ngx_rtprop_auction.h"
#include "features/auction/rtprop_auction_doc.h"


typedef struct {
    ngx_rtprop_auction_change_t  change;
    ngx_rtprop_join_t            join;
    ngx_rtprop_presence_t        presence;
    ngx_rtprop_members_t         members;
    ngx_rtprop_state_t           state;
    ngx_rtprop_cmd_t            *cmd;
    ngx_rtprop_resume_t         *resume;    /* NULL: auction:join */
    ngx_str_t                    user;
    unsigned                     number;
    ngx_int_t                    active;     /* -1: not known */
    u_char                       info[NGX_INT32_LEN];
    unsigned                     came:1;     /* is counted in */
    unsigned                     unknown:1;
} ngx_rtprop_auction_join_t;


static ngx_rtprop_auction_join_t *ngx_rtprop_auction_join_create(
    ngx_rtprop_cmd_t *cmd, ngx_str_t *id);
static ngx_int_t ngx_rtprop_auction_join_apply(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now);
static void ngx_rtprop_auction_join_registered(ngx_rtprop_update_t *update);
static void ngx_rtprop_auction_join_placed(ngx_rtprop_join_t *join);
static void ngx_rtprop_auction_join_count(ngx_rtprop_auction_join_t *j);
static void ngx_rtprop_auction_join_counted(ngx_rtprop_op_t *op);
static void ngx_rtprop_auction_join_came(ngx_rtprop_op_t *op);
static void ngx_rtprop_auction_join_look(ngx_rtprop_auction_join_t *j);
static void ngx_rtprop_auction_join_answer(ngx_rtprop_op_t *op);
static json_t *ngx_rtprop_auction_join_state(ngx_rtprop_auction_join_t *j);
static void ngx_rtprop_auction_join_undo(ngx_rtprop_auction_join_t *j,
    ngx_int_t rc);
static void ngx_rtprop_auction_join_tell(ngx_rtprop_auction_join_t *j,
    ngx_uint_t stays);
static void ngx_rtprop_auction_join_resumed(ngx_rtprop_auction_join_t *j,
    json_t *state);
static void ngx_rtprop_auction_join_failed(ngx_rtprop_auction_join_t *j,
    ngx_int_t rc);


void
ngx_rtprop_auction_join(ngx_rtprop_cmd_t *cmd)
{
    ngx_str_t                   id;
    ngx_rtprop_auction_join_t  *j;

    id = ngx_rtprop_auction_str(cmd->args[0].str);
    j = ngx_rtprop_auction_join_create(cmd, &id);

    if (j == NULL) {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    ngx_rtprop_hub_update(cmd->worker->hub, &j->change.update);
}


void
ngx_rtprop_auction_resume(ngx_rtprop_resume_t *resume)
{
    ngx_rtprop_auction_join_t  *j;

    j = ngx_rtprop_auction_join_create(resume->cmd, &resume->id);

    if (j == NULL) {
        ngx_rtprop_resume_done(resume, NULL, "unavailable");
        return;
    }

    j->resume = resume;
    j->join.resume = 1;
    j->join.replay = 1;
    j->join.history.epoch = resume->epoch;
    j->join.history.since = resume->offset;
    j->join.history.limit = NGX_RTPROP_AUCTION_MISSED;

    ngx_rtprop_hub_update(resume->cmd->worker->hub, &j->change.update);
}


static ngx_rtprop_auction_join_t *
ngx_rtprop_auction_join_create(ngx_rtprop_cmd_t *cmd, ngx_str_t *id)
{
    ngx_rtprop_auction_join_t  *j;

    j = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_auction_join_t));

    if (j == NULL
        || ngx_rtprop_auction_change_init(&j->change, cmd->worker->hub,
                                          cmd->pool, id)
           != NGX_OK)
    {
        return NULL;
    }

    j->change.update.apply = ngx_rtprop_auction_join_apply;
    j->change.update.done = ngx_rtprop_auction_join_registered;

    j->cmd = cmd;
    j->user = ngx_rtprop_user_id(cmd->user);

    j->join.cmd = cmd;
    j->join.kinds = NGX_RTPROP_SUB_MEMBER;
    j->join.history.channel = j->change.update.state.key;
    j->join.done = ngx_rtprop_auction_join_placed;
    j->join.data = j;

    return j;
}


/* ----------------------------------------------------------- registered */

static ngx_int_t
ngx_rtprop_auction_join_apply(ngx_rtprop_update_t *update, ngx_str_t *text,
    uint64_t version, int64_t now)
{
    int                         added;
    ngx_int_t                   rc;
    rtprop_str_t                user;
    rtprop_auction_t           *a;
    rtprop_auction_view_t       view;
    ngx_rtprop_auction_join_t  *j;

    j = update->data;
    j->unknown = (version == 0);

    a = ngx_rtprop_auction_open(&j->change, text, version, now, &view);

    if (a == NULL) {
        return version ? NGX_ERROR : NGX_DECLINED;
    }

    user = ngx_rtprop_auction_pure(&j->user);
    j->number = rtprop_auction_register(a, &user, &added);

    rc = added ? ngx_rtprop_auction_write(&j->change, a) : NGX_DONE;

    rtprop_auction_destroy(a);

    return rc;
}


static void
ngx_rtprop_auction_join_registered(ngx_rtprop_update_t *update)
{
    ngx_rtprop_auction_join_t *j = update->data;

    if (update->rc != NGX_OK) {
        ngx_rtprop_auction_join_failed(j, update->rc);
        return;
    }

    ngx_rtprop_auction_counted(&j->change);

    ngx_rtprop_hub_join(j->cmd->worker->hub, &j->join);
}


/* --------------------------------------------------------------- placed */

static void
ngx_rtprop_auction_join_placed(ngx_rtprop_join_t *join)
{
    ngx_rtprop_engine_t        *e;
    ngx_rtprop_auction_join_t  *j;

    j = join->data;

    if (join->history.op.rc != NGX_OK) {
        ngx_rtprop_auction_join_failed(j, join->history.op.rc);
        return;
    }

    if (!join->history.recovered) {
        join->history.nevents = 0;
    }

    if (join->had) {
        ngx_rtprop_auction_join_count(j);
        return;
    }

    j->presence.op.done = ngx_rtprop_auction_join_came;
    j->presence.op.data = j;
    j->presence.op.pool = j->cmd->pool;
    j->presence.set = join->history.channel;
    j->presence.user = j->user;
    j->presence.info.data = j->info;
    j->presence.info.len = ngx_sprintf(j->info, "%ud", j->number) - j->info;
    ngx_memcpy(j->presence.session, j->cmd->session_id,
               NGX_RTPROP_SESSION_ID);

    e = j->cmd->worker->engine;
    e->presence_add(e, &j->presence);
}


/* -------------------------------------------------------------- present */

static void
ngx_rtprop_auction_join_count(ngx_rtprop_auction_join_t *j)
{
    ngx_rtprop_engine_t  *e;

    j->members.op.done = ngx_rtprop_auction_join_counted;
    j->members.op.data = j;
    j->members.op.pool = j->cmd->pool;
    j->members.set = j->join.history.channel;

    e = j->cmd->worker->engine;
    e->members(e, &j->members);
}


static void
ngx_rtprop_auction_join_counted(ngx_rtprop_op_t *op)
{
    ngx_rtprop_auction_join_t *j = op->data;

    j->active = (op->rc == NGX_OK || op->rc == NGX_DECLINED)
                ? (ngx_int_t) j->members.users : -1;

    ngx_rtprop_auction_join_look(j);
}


static void
ngx_rtprop_auction_join_came(ngx_rtprop_op_t *op)
{
    ngx_rtprop_auction_join_t *j = op->data;

    j->active = (op->rc == NGX_OK && !j->presence.unknown)
                ? (ngx_int_t) j->presence.users : -1;
    j->came = 1;

    ngx_rtprop_auction_join_look(j);
}


/* --------------------------------------------------------------- answer */

static void
ngx_rtprop_auction_join_look(ngx_rtprop_auction_join_t *j)
{
    ngx_rtprop_engine_t  *e;

    if (j->resume && j->join.history.recovered) {
        ngx_rtprop_auction_join_resumed(j, NULL);
        return;
    }

    j->state.op.done = ngx_rtprop_auction_join_answer;
    j->state.op.data = j;
    j->state.op.pool = j->cmd->pool;
    j->state.key = j->join.history.channel;

    e = j->cmd->worker->engine;
    e->state_get(e, &j->state);
}


static void
ngx_rtprop_auction_join_answer(ngx_rtprop_op_t *op)
{
    ngx_rtprop_auction_join_t *j = op->data;

    json_t                 *state;
    ngx_rtprop_hub_t       *hub;
    ngx_rtprop_position_t   pos;

    hub = j->cmd->worker->hub;
    state = (op->rc == NGX_OK) ? ngx_rtprop_auction_join_state(j) : NULL;

    if (state == NULL) {
        ngx_rtprop_auction_join_undo(j, op->rc == NGX_OK ? NGX_ERROR : op->rc);
        return;
    }

    if (j->resume) {
        ngx_rtprop_auction_join_resumed(j, state);
        return;
    }

    ngx_rtprop_hub_position(&j->join, &pos);
    ngx_rtprop_cmd_send(j->cmd, "auction:state", state, &pos);

    ngx_rtprop_hub_join_finish(hub, &j->join);
    ngx_rtprop_auction_join_tell(j, 1);
    ngx_rtprop_cmd_done(j->cmd);
}


static json_t *
ngx_rtprop_auction_join_state(ngx_rtprop_auction_join_t *j)
{
    json_t                 *state;
    rtprop_auction_t       *a;
    rtprop_auction_view_t   view;

    a = rtprop_auction_parse((char *) j->state.value.data, j->state.value.len);

    if (a == NULL) {
        (void) ngx_rtprop_hub_unreadable(j->cmd->worker->hub, &j->state.key,
                                         &j->state.value);
        return NULL;
    }

    view.id = ngx_rtprop_auction_pure(&j->change.id);
    view.version = j->state.version;
    view.now = j->state.now;

    state = rtprop_auction_state_payload(a, &view, j->number, j->active);

    rtprop_auction_destroy(a);

    return state;
}


/*
 * A state that cannot be read is no state of nothing: the join is taken back.
 * If the user has meanwhile come by another connection, he has come; else he
 * has come and gone.
 */

static void
ngx_rtprop_auction_join_undo(ngx_rtprop_auction_join_t *j, ngx_int_t rc)
{
    ngx_rtprop_hub_join_cancel(j->cmd->worker->hub, &j->join);
    ngx_rtprop_auction_join_tell(j, 0);
    ngx_rtprop_auction_join_failed(j, rc);
}


/*
 * The others hear of who came; so does the newcomer, who listens by now.  Whose
 * connection went while it was being counted in has left.
 */

static void
ngx_rtprop_auction_join_tell(ngx_rtprop_auction_join_t *j, ngx_uint_t stays)
{
    ngx_rtprop_hub_t  *hub;

    hub = j->cmd->worker->hub;

    if (!j->came) {
        return;
    }

    if (j->presence.op.rc == NGX_OK && j->presence.changed) {
        ngx_rtprop_auction_tell_people(hub, "auction:bidder_joined",
                                       &j->change.id, &j->user, j->number,
                                       j->active);
    }

    if (j->cmd->session == NULL || !stays) {
        ngx_rtprop_auction_go(hub, &j->change.id, &j->user,
                              j->cmd->session_id);
    }
}


/* state NULL: recovered, so what was missed is sent and nothing else. */

static void
ngx_rtprop_auction_join_resumed(ngx_rtprop_auction_join_t *j, json_t *state)
{
    ngx_str_t               type, id;
    ngx_rtprop_session_t   *s;
    ngx_rtprop_position_t   pos;

    s = j->cmd->session;

    if (state && s) {
        ngx_str_set(&type, "auction:state");
        ngx_str_null(&id);
        ngx_rtprop_hub_position(&j->join, &pos);

        (void) s->protocol->send(s, &id, &type, state, &pos);
    }

    json_decref(state);

    ngx_rtprop_hub_join_finish(j->cmd->worker->hub, &j->join);
    ngx_rtprop_auction_join_tell(j, 1);
    ngx_rtprop_resume_done(j->resume, &j->join, NULL);
}


static void
ngx_rtprop_auction_join_failed(ngx_rtprop_auction_join_t *j, ngx_int_t rc)
{
    if (j->resume) {
        ngx_rtprop_resume_done(j->resume, NULL,
                               j->unknown ? "not_found" : "unavailable");
        return;
    }

    if (j->unknown) {
        ngx_rtprop_refuse(j->cmd, "not_found", "there is no such auction",
                          NULL);
        return;
    }

    ngx_rtprop_refuse_rc(j->cmd, rc);
}
