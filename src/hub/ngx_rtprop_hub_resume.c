/*
 * The command "resume", and the same where the server sees by itself that what
 * a session missed is not to be had.  Each channel's kind checks the right,
 * joins and tells the state; one answer says how it went for all of them.
 */

#include "hub/ngx_rtprop_hub.h"
#include "hub/ngx_rtprop_hub_channel.h"
#include "hub/ngx_rtprop_hub_deliver.h"
#include "base/rtprop_json.h"


#define NGX_RTPROP_RESUME_EVENTS  1000      /* missed ones of one channel */


typedef struct {
    json_t                     *channels;   /* of the answer */
    ngx_uint_t                  waiting;    /* channels not yet done */
    unsigned                    anew:1;     /* nobody has asked it */
} ngx_rtprop_hub_resume_t;


static void ngx_rtprop_hub_resume_one(ngx_rtprop_cmd_t *cmd,
    const char *name, json_t *place);
static void ngx_rtprop_hub_resume_lost(ngx_rtprop_cmd_t *cmd,
    const char *name);
static void ngx_rtprop_hub_resume_user_anew(ngx_rtprop_resume_t *resume,
    ngx_rtprop_sub_t *sub);
static void ngx_rtprop_hub_resume_channel(ngx_rtprop_resume_t *resume);
static ngx_int_t ngx_rtprop_hub_resume_place(json_t *place,
    ngx_rtprop_resume_t *resume);
static void ngx_rtprop_hub_resume_user(ngx_rtprop_resume_t *resume);
static void ngx_rtprop_hub_resume_user_read(ngx_rtprop_op_t *op);
static void ngx_rtprop_hub_resume_count(ngx_rtprop_cmd_t *cmd);


void
ngx_rtprop_hub_resume(ngx_rtprop_cmd_t *cmd)
{
    json_t                   *channels, *place;
    const char               *name;
    ngx_rtprop_hub_resume_t  *ctx;

    ctx = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_hub_resume_t));

    if (ctx == NULL) {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    ctx->channels = json_object();
    cmd->ctx = ctx;

    /* one more than there are, so that the answer waits for the loop's end */

    channels = cmd->args[0].json;
    ctx->waiting = json_object_size(channels) + 1;

    json_object_foreach(channels, name, place) {
        ngx_rtprop_hub_resume_one(cmd, name, place);
    }

    ngx_rtprop_hub_resume_count(cmd);
}


static void
ngx_rtprop_hub_resume_one(ngx_rtprop_cmd_t *cmd, const char *name,
    json_t *place)
{
    ngx_rtprop_resume_t  *resume;

    resume = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_resume_t));

    if (resume == NULL) {
        ngx_rtprop_hub_resume_count(cmd);
        return;
    }

    resume->cmd = cmd;
    resume->channel.len = ngx_strlen(name);
    resume->channel.data = (u_char *) name;

    if (ngx_rtprop_hub_resume_place(place, resume) != NGX_OK) {
        ngx_rtprop_resume_done(resume, NULL, "invalid_payload");
        return;
    }

    ngx_rtprop_hub_resume_channel(resume);
}


void
ngx_rtprop_hub_resume_anew(ngx_rtprop_cmd_t *cmd)
{
    json_t                   *place;
    const char               *name;
    ngx_rtprop_hub_resume_t  *ctx;

    ctx = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_hub_resume_t));

    if (ctx == NULL) {

        if (cmd->session) {
            ngx_rtprop_session_close(cmd->session, NGX_RTPROP_CLOSE_SLOW,
                                     NGX_RTPROP_HUB_MISSED);
        }

        ngx_rtprop_cmd_done(cmd);
        return;
    }

    ctx->channels = json_object();
    ctx->waiting = json_object_size(cmd->payload) + 1;
    ctx->anew = 1;
    cmd->ctx = ctx;

    json_object_foreach(cmd->payload, name, place) {
        ngx_rtprop_hub_resume_lost(cmd, name);
    }

    ngx_rtprop_hub_resume_count(cmd);
}


/* It may have left meanwhile, or asked by itself. */

static void
ngx_rtprop_hub_resume_lost(ngx_rtprop_cmd_t *cmd, const char *name)
{
    ngx_str_t             channel;
    ngx_rtprop_hub_t     *hub;
    ngx_rtprop_sub_t     *sub;
    ngx_rtprop_resume_t  *resume;

    hub = cmd->worker->hub;
    channel.len = ngx_strlen(name);
    channel.data = (u_char *) name;

    sub = cmd->session ? ngx_rtprop_hub_sub(hub, cmd->session, &channel)
                       : NULL;

    if (sub == NULL || !sub->lost) {
        ngx_rtprop_hub_resume_count(cmd);
        return;
    }

    if (sub->expelled) {
        ngx_rtprop_hub_listen(hub, sub);
        ngx_rtprop_hub_resume_count(cmd);
        return;
    }

    resume = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_resume_t));

    if (resume == NULL) {
        ngx_rtprop_session_close(cmd->session, NGX_RTPROP_CLOSE_SLOW,
                                 NGX_RTPROP_HUB_MISSED);
        ngx_rtprop_hub_resume_count(cmd);
        return;
    }

    resume->cmd = cmd;
    resume->channel = channel;

    if (sub->channel->kind == NULL) {
        ngx_rtprop_hub_resume_user_anew(resume, sub);
        return;
    }

    ngx_rtprop_hub_resume_channel(resume);
}


/*
 * There is no state: where it goes on is all there is to say.  Who had no place
 * so far has heard what came since it was found.
 */

static void
ngx_rtprop_hub_resume_user_anew(ngx_rtprop_resume_t *resume,
    ngx_rtprop_sub_t *sub)
{
    ngx_rtprop_hub_t      *hub;
    ngx_rtprop_join_t      join;
    ngx_rtprop_channel_t  *ch;

    hub = resume->cmd->worker->hub;
    ch = sub->channel;

    if (sub->pending) {
        sub->session->own.start = ch->offset;
        sub->offset = ch->offset;
    }

    sub->lost = 0;

    join.history.recovered = 0;
    join.history.epoch = ch->epoch;
    join.history.offset = ch->offset;

    if (sub->pending) {
        ngx_rtprop_hub_listen(hub, sub);
    }

    if (ch->offset == join.history.offset) {
        ngx_rtprop_hub_user_fold(hub, ch);
        ngx_rtprop_hub_channel_release(hub, ch);
    }

    ngx_rtprop_resume_done(resume, &join, NULL);
}


static void
ngx_rtprop_hub_resume_channel(ngx_rtprop_resume_t *resume)
{
    ngx_rtprop_cmd_t  *cmd;

    cmd = resume->cmd;
    ngx_rtprop_hub_channel_id(&resume->channel, &resume->id);

    if (resume->channel.len > 5
        && ngx_memcmp(resume->channel.data, "user:", 5) == 0)
    {
        ngx_rtprop_hub_resume_user(resume);
        return;
    }

    resume->kind = ngx_rtprop_hub_kind(cmd->worker->conf, &resume->channel);

    if (resume->kind == NULL || resume->kind->resume == NULL
        || resume->id.len > NGX_RTPROP_NAME_MAX)
    {
        ngx_rtprop_resume_done(resume, NULL, "not_found");
        return;
    }

    resume->kind->resume(resume);
}


static ngx_int_t
ngx_rtprop_hub_resume_place(json_t *place, ngx_rtprop_resume_t *resume)
{
    json_t     *epoch, *offset;
    ngx_str_t   text;

    epoch = json_object_get(place, "epoch");
    offset = json_object_get(place, "offset");

    if (!json_is_string(epoch) || !json_is_integer(offset)
        || json_integer_value(offset) < 0)
    {
        return NGX_ERROR;
    }

    text.data = (u_char *) json_string_value(epoch);
    text.len = json_string_length(epoch);

    resume->epoch = ngx_rtprop_hub_epoch_parse(&text);
    resume->offset = json_integer_value(offset);

    return NGX_OK;
}


/*
 * The session's own channel: live since the session opened (own.start), so
 * what lies between the client's place and that is what it missed; once.
 */

static void
ngx_rtprop_hub_resume_user(ngx_rtprop_resume_t *resume)
{
    ngx_rtprop_join_t     *join;
    ngx_rtprop_session_t  *s;

    s = resume->cmd->session;

    if (s == NULL || resume->id.len != s->user->id_len
        || ngx_memcmp(resume->id.data, s->user->data, resume->id.len) != 0)
    {
        ngx_rtprop_resume_done(resume, NULL, "not_authorized");
        return;
    }

    join = ngx_pcalloc(resume->cmd->pool, sizeof(ngx_rtprop_join_t));

    if (join == NULL) {
        ngx_rtprop_resume_done(resume, NULL, "unavailable");
        return;
    }

    join->cmd = resume->cmd;
    join->data = resume;
    join->history.channel = resume->channel;
    join->history.epoch = resume->epoch;
    join->history.since = resume->offset;
    join->history.limit = NGX_RTPROP_RESUME_EVENTS;
    join->history.op.done = ngx_rtprop_hub_resume_user_read;
    join->history.op.data = join;
    join->history.op.pool = resume->cmd->pool;

    s->worker->engine->history(s->worker->engine, &join->history);
}


static void
ngx_rtprop_hub_resume_user_read(ngx_rtprop_op_t *op)
{
    ngx_rtprop_join_t *join = op->data;

    ngx_uint_t              i;
    ngx_rtprop_hub_t       *hub;
    ngx_rtprop_event_t     *ev;
    ngx_rtprop_resume_t    *resume;
    ngx_rtprop_session_t   *s;
    ngx_rtprop_position_t   pos;

    resume = join->data;
    hub = resume->cmd->worker->hub;
    s = resume->cmd->session;

    /* without a place nobody knows what was missed, and what was heard */

    if (op->rc != NGX_OK || (s && s->own.epoch == 0)) {
        ngx_rtprop_resume_done(resume, NULL, "unavailable");
        return;
    }

    for (i = 0; s && join->history.recovered && i < join->history.nevents;
         i++)
    {
        ev = &join->history.events[i];

        if (ev->offset <= s->own.start) {
            join->replayed += ngx_rtprop_hub_send_event(hub, s,
                                                    NGX_RTPROP_SUB_ALL, ev);
        }
    }

    if (s) {
        pos.channel = resume->channel;
        ngx_rtprop_hub_user_position(hub, s, &pos);

        s->own.start = 0;
        join->history.offset = pos.offset;
    }

    ngx_rtprop_resume_done(resume, join, NULL);
}


void
ngx_rtprop_resume_done(ngx_rtprop_resume_t *resume, ngx_rtprop_join_t *join,
    const char *code)
{
    u_char                    epoch[16];
    json_t                   *answer;
    ngx_uint_t                recovered;
    ngx_rtprop_hub_resume_t  *ctx;

    ctx = resume->cmd->ctx;

    if (join == NULL) {

        /* it was in the channel until now */

        if (ctx->anew && resume->cmd->session) {
            ngx_rtprop_session_close(resume->cmd->session,
                                     NGX_RTPROP_CLOSE_SLOW,
                                     NGX_RTPROP_HUB_MISSED);
        }

        answer = json_pack("{s:b, s:n, s:s}", "recovered", 0, "missed",
                           "code", code);

    } else {
        recovered = join->history.recovered;
        ngx_rtprop_hub_epoch_text(join->history.epoch, epoch);

        answer = json_pack("{s:b, s:o, s:s%, s:I}",
                           "recovered", (int) recovered,
                           "missed", recovered
                                     ? json_integer(join->replayed)
                                     : json_null(),
                           "epoch", epoch, (size_t) 16,
                           "offset", (json_int_t) join->history.offset);
    }

    (void) json_object_set_new(ctx->channels,
                               (char *) resume->channel.data, answer);

    ngx_rtprop_hub_resume_count(resume->cmd);
}


static void
ngx_rtprop_hub_resume_count(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_hub_resume_t  *ctx;

    ctx = cmd->ctx;

    if (--ctx->waiting) {
        return;
    }

    if (ctx->anew && json_object_size(ctx->channels) == 0) {
        json_decref(ctx->channels);
        ngx_rtprop_cmd_done(cmd);
        return;
    }

    ngx_rtprop_answer(cmd, NGX_HTTP_OK, "resumed",
                      json_pack("{s:o}", "channels", ctx->channels), NULL);
}
