/*
 * A user's own notifications: listed, marked as read.
 */

#include "features/notification/ngx_rtprop_notification.h"


typedef struct {
    ngx_rtprop_state_t          state;
    ngx_rtprop_cmd_t           *cmd;
    ngx_rtprop_position_t       pos;
} ngx_rtprop_notification_list_t;


typedef struct {
    ngx_rtprop_update_t         update;
    ngx_rtprop_event_t          event;
    ngx_rtprop_cmd_t           *cmd;
    json_t                     *unread;     /* to this session alone; owned */
} ngx_rtprop_notification_mark_t;


static void ngx_rtprop_notification_place(ngx_rtprop_notification_list_t *l);
static void ngx_rtprop_notification_listed(ngx_rtprop_op_t *op);
static void ngx_rtprop_notification_mark_cleanup(void *data);
static ngx_int_t ngx_rtprop_notification_mark_apply(
    ngx_rtprop_update_t *update, ngx_str_t *text, uint64_t version,
    int64_t now);
static ngx_int_t ngx_rtprop_notification_mark_write(
    ngx_rtprop_notification_mark_t *m, json_t *doc);
static void ngx_rtprop_notification_marked(ngx_rtprop_update_t *update);


/* ------------------------------------------------------------------ list */

void
ngx_rtprop_notification_list(ngx_rtprop_cmd_t *cmd)
{
    ngx_str_t                        user;
    ngx_rtprop_engine_t             *e;
    ngx_rtprop_notification_list_t  *l;

    l = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_notification_list_t));
    user = ngx_rtprop_user_id(cmd->user);

    if (l == NULL
        || ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_NOTIFICATION_DOC,
                                       &user, &l->state.key)
           != NGX_OK
        || ngx_rtprop_hub_channel_name(cmd->pool,
                                       NGX_RTPROP_NOTIFICATION_USER, &user,
                                       &l->pos.channel)
           != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    l->cmd = cmd;
    ngx_rtprop_notification_place(l);

    l->state.op.done = ngx_rtprop_notification_listed;
    l->state.op.data = l;
    l->state.op.pool = cmd->pool;

    e = cmd->worker->engine;
    e->state_get(e, &l->state);
}


/*
 * The answer's place is what this worker had delivered before the list was
 * read: what comes after it may be in the list, too, but nothing is missing.
 */

static void
ngx_rtprop_notification_place(ngx_rtprop_notification_list_t *l)
{
    ngx_rtprop_hub_user_position(l->cmd->worker->hub, l->cmd->session,
                                 &l->pos);
}


static void
ngx_rtprop_notification_listed(ngx_rtprop_op_t *op)
{
    ngx_rtprop_notification_list_t *l = op->data;

    json_t            *doc, *list;
    ngx_rtprop_cmd_t  *cmd;

    cmd = l->cmd;
    doc = NULL;

    if (op->rc == NGX_OK) {
        doc = rtprop_notification_parse((char *) l->state.value.data,
                                        l->state.value.len);

    } else if (op->rc == NGX_DECLINED) {
        doc = rtprop_notification_create();
    }

    if (doc == NULL) {
        ngx_rtprop_refuse_rc(cmd, op->rc != NGX_OK ? op->rc
                             : ngx_rtprop_hub_unreadable(cmd->worker->hub,
                                                         &l->state.key,
                                                         &l->state.value));
        return;
    }

    list = rtprop_notification_list_payload(doc, &cmd->args[0].str,
                                            cmd->args[1].i);
    json_decref(doc);

    ngx_rtprop_answer(cmd, NGX_HTTP_OK, "notification:list", list,
                      l->pos.epoch ? &l->pos : NULL);
}


/* ------------------------------------------------------------------ read */

void
ngx_rtprop_notification_mark(ngx_rtprop_cmd_t *cmd)
{
    ngx_str_t                        user;
    ngx_pool_cleanup_t              *cln;
    ngx_rtprop_notification_mark_t  *m;

    if (!cmd->args[0].set && !cmd->args[1].b) {
        ngx_rtprop_refuse(cmd, "invalid_payload",
                          "either id or all: true is needed",
                          json_pack("{s:s}", "field", "id"));
        return;
    }

    m = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_notification_mark_t));
    cln = ngx_pool_cleanup_add(cmd->pool, 0);
    user = ngx_rtprop_user_id(cmd->user);

    if (m == NULL || cln == NULL
        || ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_NOTIFICATION_DOC,
                                       &user, &m->update.state.key)
           != NGX_OK
        || ngx_rtprop_hub_channel_name(cmd->pool,
                                       NGX_RTPROP_NOTIFICATION_USER, &user,
                                       &m->event.channel)
           != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    cln->handler = ngx_rtprop_notification_mark_cleanup;
    cln->data = m;

    m->cmd = cmd;
    m->update.state.op.pool = cmd->pool;
    m->update.state.ttl = NGX_RTPROP_NOTIFICATION_KEEP;
    m->update.apply = ngx_rtprop_notification_mark_apply;
    m->update.done = ngx_rtprop_notification_marked;
    m->update.data = m;

    ngx_rtprop_hub_update(cmd->worker->hub, &m->update);
}


static void
ngx_rtprop_notification_mark_cleanup(void *data)
{
    ngx_rtprop_notification_mark_t *m = data;

    json_decref(m->unread);
}


static ngx_int_t
ngx_rtprop_notification_mark_apply(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now)
{
    int                              rc;
    json_t                          *doc;
    ngx_int_t                        answer;
    ngx_rtprop_notification_mark_t  *m;

    m = update->data;

    json_decref(m->unread);
    m->unread = NULL;

    doc = version ? rtprop_notification_parse((char *) text->data, text->len)
                  : rtprop_notification_create();

    if (doc == NULL) {
        return version ? ngx_rtprop_hub_unreadable(m->cmd->worker->hub,
                                                   &update->state.key, text)
                       : NGX_ERROR;
    }

    rc = m->cmd->args[0].set
         ? rtprop_notification_read(doc, &m->cmd->args[0].str, now)
         : rtprop_notification_read_all(doc, now);

    switch (rc) {

    case RTPROP_OK:
        answer = ngx_rtprop_notification_mark_write(m, doc);
        break;

    case RTPROP_AGAIN:
        m->unread = rtprop_notification_unread_payload(doc);
        answer = NGX_DONE;
        break;

    case RTPROP_DECLINED:
        answer = NGX_DECLINED;
        break;

    default:
        answer = NGX_ERROR;
    }

    json_decref(doc);

    return answer;
}


static ngx_int_t
ngx_rtprop_notification_mark_write(ngx_rtprop_notification_mark_t *m,
    json_t *doc)
{
    ngx_str_set(&m->event.type, "notification:unread");
    m->event.user = ngx_rtprop_user_id(m->cmd->user);
    m->event.arrived = m->cmd->arrived;

    if (ngx_rtprop_hub_dump(m->cmd->pool,
                            rtprop_notification_unread_payload(doc),
                            &m->event.payload)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    m->update.events = &m->event;
    m->update.nevents = 1;

    return ngx_rtprop_notification_dump(m->cmd->pool, doc, &m->update.value);
}


/* What was read already is told to who asks only, since all others know. */

static void
ngx_rtprop_notification_marked(ngx_rtprop_update_t *update)
{
    ngx_rtprop_cmd_t                *cmd;
    ngx_rtprop_notification_mark_t  *m;

    m = update->data;
    cmd = m->cmd;

    if (update->rc == NGX_DECLINED) {
        ngx_rtprop_refuse(cmd, "not_found", "there is no such notification",
                          NULL);
        return;
    }

    if (update->rc != NGX_OK) {
        ngx_rtprop_refuse_rc(cmd, update->rc);
        return;
    }

    ngx_rtprop_notification_stat(cmd->worker, NGX_RTPROP_NOTIFICATION_READ, 1);

    if (m->unread && cmd->session) {
        (void) ngx_rtprop_session_send(cmd->session, "notification:unread",
                                       m->unread);
        m->unread = NULL;
    }

    ngx_rtprop_ack(cmd, NULL);
}


ngx_int_t
ngx_rtprop_notification_dump(ngx_pool_t *pool, json_t *doc, ngx_str_t *text)
{
    rtprop_str_t  dump;

    if (rtprop_notification_dump(doc, &dump) != RTPROP_OK) {
        return NGX_ERROR;
    }

    text->len = dump.len;
    text->data = ngx_pnalloc(pool, dump.len);

    if (text->data) {
        ngx_memcpy(text->data, dump.data, dump.len);
    }

    free(dump.data);

    return text->data ? NGX_OK : NGX_ERROR;
}
