/*
 * The life of a session: opened, heard, refused, expired, drained, closed.
 */

#include "session/ngx_rtprop_session.h"
#include "session/ngx_rtprop_command.h"
#include "base/rtprop_json.h"
#include <openssl/rand.h>


#define NGX_RTPROP_EXPIRY_MAX    (24 * 60 * 60 * 1000)   /* one timer, ms */
#define NGX_RTPROP_DRAIN_TICK    50                      /* ms */


static void ngx_rtprop_session_cleanup(void *data);
static void ngx_rtprop_session_user_keep(ngx_rtprop_session_t *s);
static void ngx_rtprop_session_user(ngx_rtprop_session_t *s,
    rtprop_identity_t *user, ngx_uint_t pooled);
static ngx_int_t ngx_rtprop_session_expiry(ngx_rtprop_session_t *s);
static void ngx_rtprop_session_expiry_handler(ngx_event_t *ev);
static void ngx_rtprop_sessions_drain_handler(ngx_event_t *ev);


ngx_int_t
ngx_rtprop_session_init_worker(ngx_rtprop_worker_t *worker)
{
    ngx_rtprop_sessions_t  *sessions;

    sessions = ngx_pcalloc(worker->pool, sizeof(ngx_rtprop_sessions_t));

    if (sessions == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(&sessions->queue);

    sessions->drain.handler = ngx_rtprop_sessions_drain_handler;
    sessions->drain.data = worker;
    sessions->drain.log = worker->log;

    worker->sessions = sessions;

    ngx_rtprop_command_init_worker(worker);

    return NGX_OK;
}


void
ngx_rtprop_session_exit_worker(ngx_rtprop_worker_t *worker)
{
    ngx_queue_t            *q;
    ngx_rtprop_session_t   *s;
    ngx_rtprop_sessions_t  *sessions;

    sessions = worker->sessions;

    if (sessions == NULL) {
        return;
    }

    for (q = ngx_queue_head(&sessions->queue);
         q != ngx_queue_sentinel(&sessions->queue);
         q = ngx_queue_next(q))
    {
        s = ngx_queue_data(q, ngx_rtprop_session_t, queue);

        ngx_rtprop_session_log(s, s->code ? s->code
                                          : NGX_RTPROP_CLOSE_GOING_AWAY);
    }
}


ngx_int_t
ngx_rtprop_session_init(ngx_rtprop_worker_t *worker, ngx_rtprop_session_t *s)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(s->connection->pool, 0);

    if (cln == NULL) {
        rtprop_identity_free(s->user);
        s->user = NULL;
        return NGX_ERROR;
    }

    cln->handler = ngx_rtprop_session_cleanup;
    cln->data = s;

    ngx_rtprop_session_user_keep(s);

    s->worker = worker;
    s->variant = s->protocol->base + s->protocol->variant(s->conf);
    s->start = ngx_rtprop_now();

    ngx_queue_init(&s->queue);
    ngx_queue_init(&s->subs);
    ngx_queue_init(&s->cmds);

    return NGX_OK;
}


static void
ngx_rtprop_session_cleanup(void *data)
{
    ngx_rtprop_session_t  *s = data;

    if (s->expiry) {
        if (s->expiry->timer_set) {
            ngx_del_timer(s->expiry);
        }

        ngx_free(s->expiry);
    }

    ngx_rtprop_session_user(s, NULL, 0);
}


/* What is left of the connection's pool is enough for most identities. */

static void
ngx_rtprop_session_user_keep(ngx_rtprop_session_t *s)
{
    size_t              size;
    ngx_pool_t         *pool;
    rtprop_identity_t  *user;

    pool = s->connection->pool;
    size = rtprop_identity_size(s->user);

    if ((size_t) (pool->d.end - pool->d.last) < size + NGX_ALIGNMENT) {
        return;
    }

    user = ngx_palloc(pool, size);

    if (user) {
        ngx_memcpy(user, s->user, size);
        ngx_rtprop_session_user(s, user, 1);
    }
}


static void
ngx_rtprop_session_user(ngx_rtprop_session_t *s, rtprop_identity_t *user,
    ngx_uint_t pooled)
{
    if (!s->pooled) {
        rtprop_identity_free(s->user);
    }

    s->user = user;
    s->pooled = pooled;
}


void
ngx_rtprop_session_opened(ngx_rtprop_session_t *s)
{
    ngx_str_t               id;
    ngx_rtprop_sessions_t  *sessions;

    sessions = s->worker->sessions;
    s->opened = 1;

    ngx_queue_insert_tail(&sessions->queue, &s->queue);
    sessions->count++;

    ngx_rtprop_session_stat(s->worker, NGX_RTPROP_STAT_SESSIONS, 1);
    ngx_rtprop_session_stat(s->worker, NGX_RTPROP_STAT_OPENED, 1);

    id = ngx_rtprop_user_id(s->user);

    ngx_log_debug4(NGX_LOG_DEBUG_HTTP, s->connection->log, 0,
                   "rtprop session %xuL opened: user \"%V\", %V from %s",
                   ngx_rtprop_session_tag(s), &id, &s->conf->location->name,
                   s->address);

    if (ngx_rtprop_session_expiry(s) != NGX_OK) {
        ngx_rtprop_session_close(s, NGX_RTPROP_CLOSE_INTERNAL, "no memory");
        return;
    }

    sessions->opened(s);
}


void
ngx_rtprop_session_message(ngx_rtprop_session_t *s, ngx_str_t *text,
    ngx_uint_t binary)
{
    if (s->state != NGX_RTPROP_SESSION_OPEN) {
        return;
    }

    s->received++;
    ngx_rtprop_session_stat(s->worker, NGX_RTPROP_STAT_RECEIVED, 1);

    s->protocol->message(s, text, binary);
}


ngx_int_t
ngx_rtprop_session_send(ngx_rtprop_session_t *s, const char *type,
    json_t *payload)
{
    ngx_int_t  rc;
    ngx_str_t  name, id;

    rc = NGX_ERROR;

    if (s->state == NGX_RTPROP_SESSION_OPEN) {
        name.len = ngx_strlen(type);
        name.data = (u_char *) type;
        ngx_str_null(&id);

        rc = s->protocol->send(s, &id, &name, payload, NULL);
    }

    json_decref(payload);

    return rc;
}


void
ngx_rtprop_session_error(ngx_rtprop_session_t *s, ngx_str_t *id,
    ngx_str_t *event, const char *code, const char *message, json_t *extra)
{
    if (s->state != NGX_RTPROP_SESSION_OPEN) {
        return;
    }

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, s->connection->log, 0,
                   "rtprop session %xuL: \"%V\" refused, %s",
                   ngx_rtprop_session_tag(s), event, code);

    (void) s->protocol->error(s, id, event, code, message, extra);

    if (ngx_strcmp(code, "unavailable") != 0
        && ngx_strcmp(code, "internal") != 0)
    {
        ngx_rtprop_session_refused(s);
    }
}


void
ngx_rtprop_session_refused(ngx_rtprop_session_t *s)
{
    if (s == NULL || s->state != NGX_RTPROP_SESSION_OPEN) {
        return;
    }

    ngx_rtprop_session_stat(s->worker, NGX_RTPROP_STAT_ERRORS, 1);

    if (s->nerrors == 0
        || (uint32_t) ngx_current_msec - s->errors_since
           >= s->conf->errors_time)
    {
        s->errors_since = (uint32_t) ngx_current_msec;
        s->nerrors = 0;
    }

    if (++s->nerrors <= s->conf->errors) {
        return;
    }

    ngx_rtprop_session_stat(s->worker, NGX_RTPROP_STAT_FAULTY, 1);

    ngx_log_error(NGX_LOG_INFO, s->connection->log, 0,
                  "rtprop session %xuL: more than %ui refused messages",
                  ngx_rtprop_session_tag(s), s->conf->errors);

    ngx_rtprop_session_close(s, NGX_RTPROP_CLOSE_ERRORS, "too many errors");
}


void
ngx_rtprop_session_refresh(ngx_rtprop_session_t *s, rtprop_identity_t *user,
    int64_t expires)
{
    ngx_rtprop_session_user(s, user, 0);

    s->expires = expires;

    if (s->state == NGX_RTPROP_SESSION_OPEN
        && ngx_rtprop_session_expiry(s) != NGX_OK)
    {
        ngx_rtprop_session_close(s, NGX_RTPROP_CLOSE_INTERNAL, "no memory");
    }
}


/* Sets the timer of the token's end, or takes it off. */

static ngx_int_t
ngx_rtprop_session_expiry(ngx_rtprop_session_t *s)
{
    int64_t       left;
    ngx_event_t  *ev;

    ev = s->expiry;

    if (s->expires == 0) {
        if (ev && ev->timer_set) {
            ngx_del_timer(ev);
        }

        return NGX_OK;
    }

    if (ev == NULL) {
        ev = ngx_calloc(sizeof(ngx_event_t), s->worker->log);

        if (ev == NULL) {
            return NGX_ERROR;
        }

        ev->handler = ngx_rtprop_session_expiry_handler;
        ev->data = s;
        ev->log = s->worker->log;
        ev->cancelable = 1;

        s->expiry = ev;
    }

    left = s->expires - ngx_rtprop_now();

    if (left < 1) {
        left = 1;
    }

    if (left > NGX_RTPROP_EXPIRY_MAX) {
        left = NGX_RTPROP_EXPIRY_MAX;
    }

    /* not lazily: a later end may lie within nginx's tolerance of timers */

    if (ev->timer_set) {
        ngx_del_timer(ev);
    }

    ngx_add_timer(ev, (ngx_msec_t) left);

    return NGX_OK;
}


static void
ngx_rtprop_session_expiry_handler(ngx_event_t *ev)
{
    ngx_rtprop_session_t  *s = ev->data;

    if (s->expires > ngx_rtprop_now()) {
        (void) ngx_rtprop_session_expiry(s);
        return;
    }

    ngx_rtprop_session_stat(s->worker, NGX_RTPROP_STAT_EXPIRED, 1);

    ngx_rtprop_session_close(s, NGX_RTPROP_CLOSE_EXPIRED, "token expired");
}


void
ngx_rtprop_session_close(ngx_rtprop_session_t *s, ngx_uint_t code,
    const char *reason)
{
    if (s->state != NGX_RTPROP_SESSION_OPEN) {
        return;
    }

    s->state = NGX_RTPROP_SESSION_CLOSING;
    s->code = code;

    s->transport->close(s, code, reason);
}


void
ngx_rtprop_session_closed(ngx_rtprop_session_t *s, ngx_uint_t code)
{
    ngx_str_t               user;
    ngx_rtprop_sessions_t  *sessions;

    if (s->state == NGX_RTPROP_SESSION_CLOSED) {
        return;
    }

    s->state = NGX_RTPROP_SESSION_CLOSED;
    sessions = s->worker->sessions;

    if (!s->opened) {
        user = ngx_rtprop_user_id(s->user);
        sessions->withdraw(s->worker, &user, s->id);
        return;
    }

    if (s->code == 0) {
        s->code = code;
    }

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, s->connection->log, 0,
                   "rtprop session %xuL closed: %ui",
                   ngx_rtprop_session_tag(s), (ngx_uint_t) s->code);

    if (s->expiry && s->expiry->timer_set) {
        ngx_del_timer(s->expiry);
    }

    ngx_queue_remove(&s->queue);
    ngx_queue_init(&s->queue);
    sessions->count--;

    ngx_rtprop_session_stat(s->worker, NGX_RTPROP_STAT_SESSIONS, -1);

    ngx_rtprop_commands_cut(s);

    sessions->closed(s);

    if (s->protocol->close) {
        s->protocol->close(s);
    }

    ngx_rtprop_session_log(s, s->code);
}


/* ------------------------------------------------------------ draining */

void
ngx_rtprop_sessions_drain(ngx_rtprop_worker_t *worker)
{
    ngx_rtprop_sessions_t  *sessions;

    if (worker->draining) {
        return;
    }

    worker->draining = 1;

    sessions = worker->sessions;
    sessions->drain_end = ngx_current_msec + worker->conf->drain;
    sessions->drain_count = sessions->count;

    ngx_log_error(NGX_LOG_NOTICE, worker->log, 0,
                  "rtprop: closing %ui sessions within %M ms",
                  sessions->count, worker->conf->drain);

    /* the worker lives on for as long as this timer is set */

    ngx_add_timer(&sessions->drain, 1);
}


/* As many stay as there is time left. */

static void
ngx_rtprop_sessions_drain_handler(ngx_event_t *ev)
{
    ngx_uint_t              n, stay;
    ngx_queue_t            *q;
    ngx_msec_int_t          left;
    ngx_rtprop_worker_t    *worker;
    ngx_rtprop_session_t   *s;
    ngx_rtprop_sessions_t  *sessions;

    worker = ev->data;
    sessions = worker->sessions;

    left = (ngx_msec_int_t) (sessions->drain_end - ngx_current_msec);
    stay = (left > 0) ? sessions->drain_count * left / worker->conf->drain : 0;
    n = (sessions->count > stay) ? sessions->count - stay : 0;

    for (q = ngx_queue_head(&sessions->queue);
         q != ngx_queue_sentinel(&sessions->queue) && n;
         q = ngx_queue_next(q))
    {
        s = ngx_queue_data(q, ngx_rtprop_session_t, queue);

        if (s->state == NGX_RTPROP_SESSION_OPEN) {
            ngx_rtprop_session_close(s, NGX_RTPROP_CLOSE_RESTART,
                                     "the server restarts, come back");
            n--;
        }
    }

    if (sessions->count) {
        ngx_add_timer(ev, NGX_RTPROP_DRAIN_TICK);
    }
}


/* ------------------------------------------------------------------- ids */

/* OpenSSL's generator costs a system call a time, however much one takes. */

ngx_int_t
ngx_rtprop_session_id_make(ngx_rtprop_worker_t *worker, u_char *id)
{
    u_char                 *p;
    ngx_rtprop_sessions_t  *sessions;

    sessions = worker->sessions;

    if (sessions->nrandom == 0) {
        if (RAND_bytes(sessions->random, sizeof(sessions->random)) != 1) {
            return NGX_ERROR;
        }

        sessions->nrandom = sizeof(sessions->random);
    }

    sessions->nrandom -= NGX_RTPROP_SESSION_ID;
    p = sessions->random + sessions->nrandom;

    ngx_memcpy(id, p, NGX_RTPROP_SESSION_ID);
    ngx_memzero(p, NGX_RTPROP_SESSION_ID);

    return NGX_OK;
}


void
ngx_rtprop_session_id_text(const u_char *id, u_char *buf)
{
    (void) ngx_hex_dump(buf, (u_char *) id, NGX_RTPROP_SESSION_ID);
}


ngx_int_t
ngx_rtprop_session_id_parse(ngx_str_t *text, u_char *id)
{
    ngx_int_t   n;
    ngx_uint_t  i;

    if (text->len != NGX_RTPROP_SESSION_ID * 2) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_RTPROP_SESSION_ID; i++) {
        n = ngx_hextoi(text->data + i * 2, 2);

        if (n == NGX_ERROR) {
            return NGX_ERROR;
        }

        id[i] = (u_char) n;
    }

    return NGX_OK;
}
