/*
 * Commands of a session run one after the other, in the order in which they
 * came, however long the engine takes for one: what a client said first is said
 * first, and a leave finds what the join ahead of it did.
 */

#include "session/ngx_rtprop_command.h"
#include "base/ngx_rtprop_pool.h"


static void ngx_rtprop_command_reap(ngx_event_t *ev);
static void ngx_rtprop_command_next(ngx_rtprop_session_t *s);


void
ngx_rtprop_command_init_worker(ngx_rtprop_worker_t *worker)
{
    ngx_rtprop_sessions_t  *sessions;

    sessions = worker->sessions;

    ngx_queue_init(&sessions->dead);

    sessions->reap.handler = ngx_rtprop_command_reap;
    sessions->reap.data = sessions;
    sessions->reap.log = worker->log;
}


/*
 * Off the session's list at once; freed when nobody can be using it, and then
 * the next one begins: who ended this one may have more to say.
 */

void
ngx_rtprop_cmd_done(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_sessions_t  *sessions;

    if (cmd->done) {
        ngx_log_error(NGX_LOG_ALERT, cmd->worker->log, 0,
                      "rtprop: command \"%V\" ended twice", &cmd->event);
        return;
    }

    cmd->done = 1;

    ngx_queue_remove(&cmd->queue);

    if (cmd->session) {
        cmd->session->ncmds--;

        if (!ngx_queue_empty(&cmd->session->cmds)) {
            cmd->before = cmd->session;
        }

        cmd->session = NULL;
    }

    sessions = cmd->worker->sessions;
    ngx_queue_insert_tail(&sessions->dead, &cmd->queue);

    if (!sessions->reap.posted) {
        ngx_post_event(&sessions->reap, &ngx_posted_events);
    }
}


/* A session that closed meanwhile is still there: it is freed later. */

void
ngx_rtprop_cmd_several(ngx_rtprop_cmd_t *cmd, ngx_rtprop_cmd_pt begin,
    const ngx_rtprop_command_t *last)
{
    ngx_uint_t             nlater;
    ngx_queue_t            later;
    ngx_rtprop_session_t  *s;

    s = cmd->session;

    ngx_queue_remove(&cmd->queue);
    nlater = s->ncmds - 1;

    ngx_queue_init(&later);
    ngx_queue_add(&later, &s->cmds);

    ngx_queue_init(&s->cmds);
    s->ncmds = 0;

    begin(cmd);

    ngx_queue_insert_tail(&s->cmds, &cmd->queue);
    ngx_queue_add(&s->cmds, &later);
    s->ncmds += 1 + nlater;

    if (s->state != NGX_RTPROP_SESSION_OPEN) {
        ngx_rtprop_commands_cut(s);

    } else if (ngx_queue_head(&s->cmds) != &cmd->queue) {
        cmd->command = last;
        cmd->waiting = 1;
        return;
    }

    last->handler(cmd);
}


/* What has not begun never does. */

void
ngx_rtprop_commands_cut(ngx_rtprop_session_t *s)
{
    ngx_queue_t            *q;
    ngx_rtprop_cmd_t       *cmd;
    ngx_rtprop_sessions_t  *sessions;

    while (!ngx_queue_empty(&s->cmds)) {
        q = ngx_queue_head(&s->cmds);
        cmd = ngx_queue_data(q, ngx_rtprop_cmd_t, queue);

        ngx_queue_remove(q);
        ngx_queue_init(q);
        cmd->session = NULL;

        if (cmd->waiting) {
            ngx_rtprop_cmd_done(cmd);
        }
    }

    s->ncmds = 0;
    sessions = s->worker->sessions;

    for (q = ngx_queue_head(&sessions->dead);
         q != ngx_queue_sentinel(&sessions->dead);
         q = ngx_queue_next(q))
    {
        cmd = ngx_queue_data(q, ngx_rtprop_cmd_t, queue);

        if (cmd->before == s) {
            cmd->before = NULL;
        }
    }
}


static void
ngx_rtprop_command_reap(ngx_event_t *ev)
{
    ngx_queue_t            *q;
    ngx_rtprop_cmd_t       *cmd;
    ngx_rtprop_session_t   *s;
    ngx_rtprop_sessions_t  *sessions;

    sessions = ev->data;

    while (!ngx_queue_empty(&sessions->dead)) {
        q = ngx_queue_head(&sessions->dead);
        cmd = ngx_queue_data(q, ngx_rtprop_cmd_t, queue);
        s = cmd->before;

        ngx_rtprop_command_free(cmd);

        if (s) {
            ngx_rtprop_command_next(s);
        }
    }
}


static void
ngx_rtprop_command_next(ngx_rtprop_session_t *s)
{
    ngx_rtprop_cmd_t  *cmd;

    if (ngx_queue_empty(&s->cmds) || s->state != NGX_RTPROP_SESSION_OPEN) {
        return;
    }

    cmd = ngx_queue_data(ngx_queue_head(&s->cmds), ngx_rtprop_cmd_t, queue);

    if (cmd->waiting) {
        cmd->waiting = 0;
        cmd->command->handler(cmd);
    }
}


void
ngx_rtprop_command_free(ngx_rtprop_cmd_t *cmd)
{
    ngx_queue_remove(&cmd->queue);

    json_decref(cmd->payload);
    ngx_rtprop_pool_put(cmd->worker, cmd->pool);
}
