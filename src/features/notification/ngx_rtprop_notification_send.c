/*
 * broadcast/notification: delivered at once, or put on the engine's schedule in
 * portions, which any worker delivers when it is time.  The notification has
 * its id from the beginning, so that a portion that is delivered twice, since a
 * worker died over it, is there once.
 */

#include "features/notification/ngx_rtprop_notification.h"


#define NGX_RTPROP_NOTIFICATION_CHUNKS                                        \
    (RTPROP_NOTIFICATION_USERS / NGX_RTPROP_NOTIFICATION_CHUNK + 1)


typedef struct {
    ngx_rtprop_schedule_t       jobs[NGX_RTPROP_NOTIFICATION_CHUNKS];
    ngx_uint_t                  njobs;
    ngx_uint_t                  waiting;
    ngx_int_t                   rc;
    ngx_rtprop_cmd_t           *cmd;
    json_t                     *users;          /* owned */
    json_t                     *notification;   /* owned */
    u_char                      id[NGX_INT64_LEN];
    rtprop_str_t                id_str;
    int64_t                     at;             /* ms; 0: now */
} ngx_rtprop_notification_post_t;


typedef struct {
    ngx_str_t                   key;
    uint64_t                    fence;
    int64_t                     at;
} ngx_rtprop_notification_due_t;


static void ngx_rtprop_notification_post_cleanup(void *data);
static ngx_int_t ngx_rtprop_notification_post_judge(
    ngx_rtprop_notification_post_t *p, rtprop_invalid_t *why);
static void ngx_rtprop_notification_post_send(
    ngx_rtprop_notification_post_t *p);
static void ngx_rtprop_notification_posted(
    ngx_rtprop_notification_delivery_t *d);
static void ngx_rtprop_notification_schedule(
    ngx_rtprop_notification_post_t *p);
static ngx_int_t ngx_rtprop_notification_plan(
    ngx_rtprop_notification_post_t *p, ngx_uint_t n);
static void ngx_rtprop_notification_planned(ngx_rtprop_op_t *op);
static void ngx_rtprop_notification_scheduled(
    ngx_rtprop_notification_post_t *p);
static void ngx_rtprop_notification_job_delivered(
    ngx_rtprop_notification_delivery_t *d);


void
ngx_rtprop_notification_http_post(ngx_rtprop_cmd_t *cmd)
{
    rtprop_invalid_t                 why;
    ngx_pool_cleanup_t              *cln;
    ngx_rtprop_notification_post_t  *p;

    p = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_notification_post_t));
    cln = ngx_pool_cleanup_add(cmd->pool, 0);

    if (p == NULL || cln == NULL) {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    cln->handler = ngx_rtprop_notification_post_cleanup;
    cln->data = p;

    p->cmd = cmd;
    why.field = NULL;

    if (ngx_rtprop_notification_post_judge(p, &why) != NGX_OK) {

        if (why.field) {
            ngx_rtprop_refuse(cmd, "invalid_payload", why.message,
                              json_pack("{s:s}", "field", why.field));
            return;
        }

        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    if (p->at) {
        ngx_rtprop_notification_schedule(p);

    } else {
        ngx_rtprop_notification_post_send(p);
    }
}


static void
ngx_rtprop_notification_post_cleanup(void *data)
{
    ngx_rtprop_notification_post_t *p = data;

    json_decref(p->users);
    json_decref(p->notification);
}


static ngx_int_t
ngx_rtprop_notification_post_judge(ngx_rtprop_notification_post_t *p,
    rtprop_invalid_t *why)
{
    json_t   *body;
    int64_t   now;

    now = ngx_rtprop_now();
    body = p->cmd->payload;

    p->id_str.data = p->id;
    p->id_str.len = ngx_sprintf(p->id, "%uL",
                                ngx_rtprop_hub_id(p->cmd->worker->hub))
                    - p->id;

    p->users = rtprop_notification_users(body, why);

    if (p->users == NULL
        || rtprop_notification_deliver_at(body, now, &p->at, why)
           != RTPROP_OK)
    {
        return NGX_DECLINED;
    }

    p->notification = rtprop_notification_make(&p->id_str, body,
                                               p->at ? p->at : now, why);

    return p->notification ? NGX_OK : NGX_DECLINED;
}


/* --------------------------------------------------------------- at once */

static void
ngx_rtprop_notification_post_send(ngx_rtprop_notification_post_t *p)
{
    ngx_rtprop_notification_delivery_t  *d;

    d = ngx_rtprop_notification_delivery_create(p->cmd->worker->hub,
                                                json_incref(p->users),
                                                json_incref(p->notification));

    if (d == NULL) {
        ngx_rtprop_refuse_rc(p->cmd, NGX_ERROR);
        return;
    }

    d->arrived = p->cmd->arrived;
    d->done = ngx_rtprop_notification_posted;
    d->data = p;

    ngx_rtprop_notification_deliver(d);
}


/* The place of the event is told where there is one alone. */

static void
ngx_rtprop_notification_posted(ngx_rtprop_notification_delivery_t *d)
{
    ngx_rtprop_notification_post_t *p = d->data;

    size_t   failed, users;
    u_char   epoch[16];
    json_t  *answer;

    failed = json_array_size(d->failed);
    users = json_array_size(d->users);

    if (failed == users) {
        ngx_rtprop_notification_delivery_free(d);
        ngx_rtprop_refuse_rc(p->cmd, NGX_BUSY);
        return;
    }

    ngx_rtprop_hub_epoch_text(d->epoch, epoch);

    answer = json_pack("{s:b, s:s%, s:I, s:o, s:o}", "success", 1,
                       "id", (char *) p->id, p->id_str.len,
                       "delivered", (json_int_t) (users - failed),
                       "epoch", users == 1
                       ? json_stringn((char *) epoch, 16) : json_null(),
                       "offset", users == 1
                       ? json_integer((json_int_t) d->offset) : json_null());

    if (failed) {
        (void) json_object_set(answer, "failed", d->failed);
    }

    ngx_rtprop_notification_delivery_free(d);
    ngx_rtprop_answer(p->cmd, NGX_HTTP_OK, "broadcast", answer, NULL);
}


/* ----------------------------------------------------------------- later */

static void
ngx_rtprop_notification_schedule(ngx_rtprop_notification_post_t *p)
{
    ngx_uint_t            i, n;
    ngx_rtprop_engine_t  *e;

    e = p->cmd->worker->engine;
    n = (json_array_size(p->users) + NGX_RTPROP_NOTIFICATION_CHUNK - 1)
        / NGX_RTPROP_NOTIFICATION_CHUNK;

    for (i = 0; i < n; i++) {
        if (ngx_rtprop_notification_plan(p, i) != NGX_OK) {
            ngx_rtprop_refuse_rc(p->cmd, NGX_ERROR);
            return;
        }
    }

    p->rc = NGX_OK;
    p->njobs = n;
    p->waiting = n;

    for (i = 0; i < n; i++) {
        e->schedule(e, &p->jobs[i]);
    }
}


/* The job of one portion of the users. */

static ngx_int_t
ngx_rtprop_notification_plan(ngx_rtprop_notification_post_t *p, ngx_uint_t n)
{
    size_t                  i, end;
    json_t                 *users;
    ngx_pool_t             *pool;
    ngx_rtprop_schedule_t  *job;

    job = &p->jobs[n];
    pool = p->cmd->pool;
    users = json_array();

    i = n * NGX_RTPROP_NOTIFICATION_CHUNK;
    end = ngx_min(i + NGX_RTPROP_NOTIFICATION_CHUNK,
                  json_array_size(p->users));

    while (i < end) {
        (void) json_array_append(users, json_array_get(p->users, i++));
    }

    job->op.done = ngx_rtprop_notification_planned;
    job->op.data = p;
    job->op.pool = pool;
    job->due = p->at;
    job->key.data = ngx_pnalloc(pool, sizeof(NGX_RTPROP_NOTIFICATION_JOB "::")
                                      + NGX_INT64_LEN + NGX_INT_T_LEN);

    if (job->key.data == NULL) {
        json_decref(users);
        return NGX_ERROR;
    }

    job->key.len = ngx_sprintf(job->key.data,
                               NGX_RTPROP_NOTIFICATION_JOB ":%*s:%ui",
                               p->id_str.len, p->id, n)
                   - job->key.data;

    return ngx_rtprop_hub_dump(pool, json_pack("{s:o, s:O, s:I}",
                                               "users", users,
                                               "notification",
                                               p->notification,
                                               "at", (json_int_t) p->at),
                               &job->payload);
}


static void
ngx_rtprop_notification_planned(ngx_rtprop_op_t *op)
{
    ngx_rtprop_notification_post_t *p = op->data;

    if (op->rc != NGX_OK) {
        p->rc = op->rc;
    }

    if (--p->waiting == 0) {
        ngx_rtprop_notification_scheduled(p);
    }
}


/* All of them, or none. */

static void
ngx_rtprop_notification_scheduled(ngx_rtprop_notification_post_t *p)
{
    ngx_uint_t         i;
    ngx_rtprop_cmd_t  *cmd;

    cmd = p->cmd;

    if (p->rc != NGX_OK) {

        for (i = 0; i < p->njobs; i++) {
            if (p->jobs[i].op.rc == NGX_OK) {
                ngx_rtprop_hub_schedule(cmd->worker->hub, &p->jobs[i].key, 0,
                                        NULL);
            }
        }

        ngx_rtprop_refuse_rc(cmd, p->rc);
        return;
    }

    ngx_rtprop_notification_stat(cmd->worker,
                                 NGX_RTPROP_NOTIFICATION_SCHEDULED,
                                 json_array_size(p->users));

    ngx_rtprop_answer(cmd, NGX_HTTP_OK, "broadcast",
                      json_pack("{s:b, s:s%, s:I, s:O, s:n, s:n}",
                                "success", 1,
                                "id", (char *) p->id, p->id_str.len,
                                "scheduled",
                                (json_int_t) json_array_size(p->users),
                                "deliver_at",
                                json_object_get(p->notification,
                                                "created_at"),
                                "epoch", "offset"),
                      NULL);
}


void
ngx_rtprop_notification_job(ngx_rtprop_hub_t *hub, ngx_str_t *key,
    ngx_str_t *payload, uint64_t fence, void *data)
{
    json_t                              *job;
    ngx_rtprop_notification_due_t       *due;
    ngx_rtprop_notification_delivery_t  *d;

    job = json_loadb((char *) payload->data, payload->len, 0, NULL);

    if (job == NULL) {
        ngx_log_error(NGX_LOG_ERR, hub->worker->log, 0,
                      "rtprop: job \"%V\" cannot be read", key);
        ngx_rtprop_hub_job_done(hub, key, fence);
        return;
    }

    d = ngx_rtprop_notification_delivery_create(hub,
                          json_incref(json_object_get(job, "users")),
                          json_incref(json_object_get(job, "notification")));

    due = d ? ngx_palloc(d->pool, sizeof(ngx_rtprop_notification_due_t))
            : NULL;

    if (due) {
        due->at = json_integer_value(json_object_get(job, "at"));
        due->fence = fence;
        due->key.len = key->len;
        due->key.data = ngx_pstrdup(d->pool, key);

        d->done = ngx_rtprop_notification_job_delivered;
        d->data = due;
    }

    json_decref(job);

    if (due && due->key.data) {
        ngx_rtprop_notification_deliver(d);

    } else if (d) {
        ngx_rtprop_notification_delivery_free(d);
    }
}


/* Whoever was not reached is tried again, with the job, for an hour. */

static void
ngx_rtprop_notification_job_delivered(ngx_rtprop_notification_delivery_t *d)
{
    size_t                          failed;
    ngx_rtprop_notification_due_t  *due;

    due = d->data;
    failed = json_array_size(d->failed);

    if (failed) {
        ngx_log_error(NGX_LOG_ERR, d->hub->worker->log, 0,
                      "rtprop: job \"%V\" did not reach %uz users",
                      &due->key, failed);
    }

    if (failed == 0
        || ngx_rtprop_now() - due->at > NGX_RTPROP_NOTIFICATION_LATE)
    {
        ngx_rtprop_hub_job_done(d->hub, &due->key, due->fence);
    }

    ngx_rtprop_notification_delivery_free(d);
}
