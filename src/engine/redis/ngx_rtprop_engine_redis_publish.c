/*
 * Publishing, and documents written together with events.
 *
 * What one script does is a part: all of it, or in a cluster what belongs to
 * one channel (and the document of the same name); then the parts follow one
 * another.  The first one decides whether the operation succeeds; what follows
 * it is sent again until it is known to be there.
 */

#include "engine/redis/ngx_rtprop_engine_redis.h"


#define NGX_RTPROP_ER_AGAIN     200        /* ms */
#define NGX_RTPROP_ER_TRIES     50


typedef struct {
    ngx_rtprop_er_t        *er;
    ngx_rtprop_op_t        *op;
    ngx_rtprop_state_t     *state;     /* NULL: no document */
    ngx_rtprop_publish_t   *publish;   /* NULL: a document's events */
    ngx_rtprop_event_t     *events;
    ngx_uint_t              nevents;
    ngx_uint_t              nchannels;
    ngx_uint_t              own;       /* document's channel: 1, or 0: none */
    ngx_uint_t              part;
    ngx_uint_t              nparts;
    ngx_uint_t              tries;
    ngx_event_t             again;
    unsigned                whole:1;   /* one script does it all */
    ngx_uint_t              channel[1];     /* of each event, from 1 */
} ngx_rtprop_er_commit_t;


static void ngx_rtprop_er_commit(ngx_rtprop_er_t *er, ngx_rtprop_op_t *op,
    ngx_rtprop_event_t *events, ngx_uint_t n, ngx_rtprop_state_t *state,
    ngx_rtprop_publish_t *publish);
static void ngx_rtprop_er_commit_channels(ngx_rtprop_er_commit_t *c);
static ngx_uint_t ngx_rtprop_er_commit_channel(ngx_rtprop_er_commit_t *c);
static void ngx_rtprop_er_commit_keys(ngx_rtprop_er_call_t *call,
    ngx_rtprop_er_commit_t *c);
static ngx_int_t ngx_rtprop_er_commit_send(ngx_rtprop_er_commit_t *c);
static void ngx_rtprop_er_commit_settings(ngx_rtprop_er_call_t *call,
    ngx_rtprop_er_commit_t *c);
static void ngx_rtprop_er_commit_event(ngx_rtprop_er_call_t *call,
    ngx_rtprop_er_commit_t *c, ngx_rtprop_event_t *ev, ngx_uint_t channel);
static void ngx_rtprop_er_committed(ngx_rtprop_er_call_t *call);
static ngx_int_t ngx_rtprop_er_commit_result(ngx_rtprop_er_call_t *call,
    ngx_rtprop_er_commit_t *c);
static ngx_int_t ngx_rtprop_er_commit_state(ngx_rtprop_er_commit_t *c,
    redisReply *reply, ngx_int_t rc);
static void ngx_rtprop_er_commit_refused(ngx_rtprop_er_commit_t *c,
    redisReply *reply);
static void ngx_rtprop_er_commit_again(ngx_rtprop_er_commit_t *c);
static void ngx_rtprop_er_commit_retry(ngx_event_t *ev);
static void ngx_rtprop_er_commit_end(ngx_rtprop_er_commit_t *c, ngx_int_t rc);
static void ngx_rtprop_er_record(ngx_rtprop_er_t *er, ngx_rtprop_event_t *ev,
    rtprop_redis_record_t *rec);


void
ngx_rtprop_er_publish(ngx_rtprop_engine_t *e, ngx_rtprop_publish_t *op)
{
    ngx_rtprop_er_commit(e->data, &op->op, op->events, op->nevents, NULL, op);
}


void
ngx_rtprop_er_state_put(ngx_rtprop_engine_t *e, ngx_rtprop_state_t *op)
{
    ngx_rtprop_er_commit(e->data, &op->op, op->events, op->nevents, op, NULL);
}


static void
ngx_rtprop_er_commit(ngx_rtprop_er_t *er, ngx_rtprop_op_t *op,
    ngx_rtprop_event_t *events, ngx_uint_t n, ngx_rtprop_state_t *state,
    ngx_rtprop_publish_t *publish)
{
    size_t                   size, total;
    ngx_int_t                rc;
    ngx_uint_t               i;
    rtprop_redis_record_t    rec;
    ngx_rtprop_er_commit_t  *c;

    total = state ? state->value.len : 0;

    for (i = 0; i < n; i++) {
        ngx_rtprop_er_record(er, &events[i], &rec);
        size = rtprop_redis_record_size(&rec);
        total += size;

        if (size == 0 || events[i].channel.len > NGX_RTPROP_ER_NAME_MAX) {
            total = NGX_RTPROP_ER_OP_MAX + 1;
            break;
        }
    }

    if (total > NGX_RTPROP_ER_OP_MAX
        || (state && state->key.len > NGX_RTPROP_ER_NAME_MAX))
    {
        ngx_rtprop_er_end(op, NGX_BUSY);
        return;
    }

    c = ngx_calloc(sizeof(ngx_rtprop_er_commit_t) + n * sizeof(ngx_uint_t),
                   er->worker->log);

    if (c == NULL) {
        ngx_rtprop_er_end(op, NGX_ERROR);
        return;
    }

    c->er = er;
    c->op = op;
    c->state = state;
    c->publish = publish;
    c->events = events;
    c->nevents = n;
    c->whole = !ngx_rtprop_redis_sharded(er->redis);

    ngx_rtprop_er_commit_channels(c);

    c->nparts = c->whole ? 1 : c->nchannels + (c->state && !c->own);

    rc = ngx_rtprop_er_commit_send(c);

    if (rc != NGX_OK) {
        ngx_rtprop_er_commit_end(c, rc);
    }
}


static ngx_uint_t
ngx_rtprop_er_same(ngx_str_t *a, ngx_str_t *b)
{
    return a->len == b->len && ngx_memcmp(a->data, b->data, a->len) == 0;
}


/* In the order of their first events, the document's own ahead of all. */

static void
ngx_rtprop_er_commit_channels(ngx_rtprop_er_commit_t *c)
{
    ngx_uint_t  i, j;

    for (i = 0; c->state && i < c->nevents; i++) {
        if (ngx_rtprop_er_same(&c->events[i].channel, &c->state->key)) {
            c->channel[i] = 1;
            c->own = 1;
        }
    }

    c->nchannels = c->own;

    for (i = 0; i < c->nevents; i++) {

        if (c->channel[i]) {
            continue;
        }

        for (j = 0; j < i; j++) {
            if (ngx_rtprop_er_same(&c->events[i].channel,
                                   &c->events[j].channel))
            {
                break;
            }
        }

        c->channel[i] = (j < i) ? c->channel[j] : ++c->nchannels;
    }
}


/* The channel of the part that is due, in a cluster; 0: a document alone. */

static ngx_uint_t
ngx_rtprop_er_commit_channel(ngx_rtprop_er_commit_t *c)
{
    return (c->state && !c->own) ? c->part : c->part + 1;
}


static ngx_uint_t
ngx_rtprop_er_commit_has(ngx_rtprop_er_commit_t *c, ngx_uint_t i)
{
    return c->whole || c->channel[i] == ngx_rtprop_er_commit_channel(c);
}


static ngx_int_t
ngx_rtprop_er_commit_send(ngx_rtprop_er_commit_t *c)
{
    size_t                  size;
    ngx_uint_t              i;
    rtprop_redis_record_t   rec;
    ngx_rtprop_er_call_t   *call;

    size = c->state ? c->state->key.len : 0;

    for (i = 0; i < c->nevents; i++) {
        if (ngx_rtprop_er_commit_has(c, i)) {
            ngx_rtprop_er_record(c->er, &c->events[i], &rec);
            size += rtprop_redis_record_size(&rec)
                    + 2 * c->events[i].channel.len + 8;
        }
    }

    call = ngx_rtprop_er_call(c->er, NGX_RTPROP_ER_COMMIT,
                              16 + 8 * c->nevents, size);

    if (call == NULL) {
        return NGX_ERROR;
    }

    ngx_rtprop_er_commit_keys(call, c);
    ngx_rtprop_er_commit_settings(call, c);

    for (i = 0; i < c->nevents; i++) {
        if (ngx_rtprop_er_commit_has(c, i)) {
            ngx_rtprop_er_commit_event(call, c, &c->events[i],
                                       c->channel[i]);
        }
    }

    ngx_rtprop_er_send(call, ngx_rtprop_er_committed, c);

    return NGX_OK;
}


static void
ngx_rtprop_er_commit_keys(ngx_rtprop_er_call_t *call,
    ngx_rtprop_er_commit_t *c)
{
    ngx_str_t   *name;
    ngx_uint_t   i, n;

    if (c->state && c->part == 0) {
        ngx_rtprop_er_key(call, &c->state->key, ":d");
    }

    for (n = 1; n <= c->nchannels; n++) {

        for (i = 0; c->channel[i] != n; i++) { /* void */ }

        if (ngx_rtprop_er_commit_has(c, i)) {
            name = &c->events[i].channel;
            ngx_rtprop_er_key(call, name, ":c");
            ngx_rtprop_er_key(call, name, ":h");
        }
    }
}


static void
ngx_rtprop_er_commit_settings(ngx_rtprop_er_call_t *call,
    ngx_rtprop_er_commit_t *c)
{
    ngx_rtprop_state_t      *state;
    ngx_rtprop_main_conf_t  *rmcf;

    state = (c->part == 0) ? c->state : NULL;
    rmcf = c->er->worker->conf;

    ngx_rtprop_er_word(call, ngx_rtprop_redis_sharded(c->er->redis)
                             ? "SPUBLISH" : "PUBLISH");
    ngx_rtprop_er_octets(call, ngx_rtprop_er_epoch(c->er));
    ngx_rtprop_er_number(call, rmcf->history_messages);
    ngx_rtprop_er_number(call, rmcf->history_bytes);
    ngx_rtprop_er_number(call, (int64_t) rmcf->history_age * 1000);
    ngx_rtprop_er_number(call, ngx_rtprop_er_life(c->er));
    ngx_rtprop_er_number(call, state ? 1 : 0);

    if (state) {
        ngx_rtprop_er_number(call, state->version);
        ngx_rtprop_er_number(call, state->value.data ? 1 : 0);
        ngx_rtprop_er_text(call, &state->value);
        ngx_rtprop_er_number(call, state->ttl);
        ngx_rtprop_er_number(call, state->not_after);
        ngx_rtprop_er_number(call, state->step ? state->step : 1);
    }
}


static void
ngx_rtprop_er_commit_event(ngx_rtprop_er_call_t *call,
    ngx_rtprop_er_commit_t *c, ngx_rtprop_event_t *ev, ngx_uint_t channel)
{
    const char             *kind;
    ngx_uint_t              carried;
    rtprop_redis_record_t   rec;

    carried = 0;

    if (ev->flags & NGX_RTPROP_EV_VOLATILE) {
        kind = "v";

    } else if (c->publish && c->publish->carried) {
        kind = (ev->flags & NGX_RTPROP_EV_POSITION) ? "p"
               : (ev->flags & NGX_RTPROP_EV_QUIET) ? "q" : "c";
        carried = 1;

    } else {
        kind = (c->part || c->tries) ? "u" : "r";
    }

    ngx_rtprop_er_number(call, c->whole ? channel : 1);
    ngx_rtprop_er_word(call, kind);

    ngx_rtprop_er_record(c->er, ev, &rec);
    rtprop_redis_record_encode(ngx_rtprop_er_room(call,
                                            rtprop_redis_record_size(&rec)),
                               &rec);

    if (carried) {
        ngx_rtprop_er_octets(call, ev->epoch);
        ngx_rtprop_er_number(call, ev->offset);
        ngx_rtprop_er_number(call, ev->time ? ev->time : ngx_rtprop_now());
    }
}


/* ---------------------------------------------------------------- result */

static void
ngx_rtprop_er_committed(ngx_rtprop_er_call_t *call)
{
    ngx_int_t                rc;
    ngx_rtprop_er_commit_t  *c;

    c = call->data;
    rc = ngx_rtprop_er_commit_result(call, c);

    if (rc != NGX_OK) {

        if (c->part && (rc == NGX_ERROR || rc == NGX_BUSY)) {
            ngx_rtprop_er_commit_again(c);

        } else {
            ngx_rtprop_er_commit_end(c, rc);
        }

        return;
    }

    c->tries = 0;

    if (++c->part >= c->nparts) {
        ngx_rtprop_er_bump(c->er, NGX_RTPROP_ER_STAT_PUBLISHED, c->nevents);
        ngx_rtprop_er_commit_end(c, NGX_OK);

    } else if (ngx_rtprop_er_commit_send(c) != NGX_OK) {
        ngx_rtprop_er_commit_again(c);
    }
}


static ngx_int_t
ngx_rtprop_er_commit_result(ngx_rtprop_er_call_t *call,
    ngx_rtprop_er_commit_t *c)
{
    int64_t      now;
    redisReply  *reply;
    ngx_int_t    rc;
    ngx_uint_t   i, n;

    reply = ngx_rtprop_er_array(call, 4);

    if (reply == NULL) {
        return call->cmd.rc;
    }

    rc = ngx_rtprop_er_get_number(reply, 0);
    now = ngx_rtprop_er_get_number(reply, 1);

    if (c->part == 0 && c->state) {

        if (ngx_rtprop_er_commit_state(c, reply, rc) != NGX_OK) {
            return NGX_ERROR;
        }

    } else if (rc == NGX_DECLINED && c->publish) {
        ngx_rtprop_er_commit_refused(c, reply);
    }

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED || rc == NGX_ABORT) ? rc : NGX_ERROR;
    }

    n = 4;

    for (i = 0; i < c->nevents; i++) {
        if (ngx_rtprop_er_commit_has(c, i)) {
            c->events[i].epoch = ngx_rtprop_er_get_octets(reply, n++);
            c->events[i].offset = ngx_rtprop_er_get_number(reply, n++);

            if (c->publish == NULL || !c->publish->carried) {
                c->events[i].time = now;
            }
        }
    }

    return NGX_OK;
}


/* The state's version, and with a conflict what it is now. */

static ngx_int_t
ngx_rtprop_er_commit_state(ngx_rtprop_er_commit_t *c, redisReply *reply,
    ngx_int_t rc)
{
    ngx_str_t            text;
    ngx_rtprop_state_t  *state;

    state = c->state;
    state->now = ngx_rtprop_er_get_number(reply, 1);
    state->version = ngx_rtprop_er_get_number(reply, 2);

    if (rc != NGX_DECLINED) {
        return NGX_OK;
    }

    ngx_str_null(&state->value);
    ngx_rtprop_er_get_text(reply, 3, &text);

    return state->version
           ? ngx_rtprop_er_dup(c->op->pool, &state->value, &text) : NGX_OK;
}


/* Which of the events was not taken, and where its channel is. */

static void
ngx_rtprop_er_commit_refused(ngx_rtprop_er_commit_t *c, redisReply *reply)
{
    ngx_uint_t  i, n;

    c->publish->position = ngx_rtprop_er_get_number(reply, 3);
    n = ngx_rtprop_er_get_number(reply, 2) + 1;

    for (i = 0; i < c->nevents; i++) {
        if (ngx_rtprop_er_commit_has(c, i) && --n == 0) {
            c->publish->failed = i;
            break;
        }
    }
}


/* The first part stands: what belongs to it is not given up soon. */

static void
ngx_rtprop_er_commit_again(ngx_rtprop_er_commit_t *c)
{
    if (c->tries++ == NGX_RTPROP_ER_TRIES) {
        ngx_log_error(NGX_LOG_ERR, c->er->worker->log, 0,
                      "rtprop: events were not published: Redis is away");
        ngx_rtprop_er_commit_end(c, NGX_OK);
        return;
    }

    c->again.handler = ngx_rtprop_er_commit_retry;
    c->again.data = c;
    c->again.log = c->er->worker->log;

    ngx_add_timer(&c->again, NGX_RTPROP_ER_AGAIN);
}


static void
ngx_rtprop_er_commit_retry(ngx_event_t *ev)
{
    ngx_rtprop_er_commit_t  *c;

    c = ev->data;

    if (ngx_rtprop_er_commit_send(c) != NGX_OK) {
        ngx_rtprop_er_commit_again(c);
    }
}


static void
ngx_rtprop_er_commit_end(ngx_rtprop_er_commit_t *c, ngx_int_t rc)
{
    ngx_rtprop_op_t  *op;

    op = c->op;
    ngx_free(c);

    ngx_rtprop_er_end(op, rc);
}


/* --------------------------------------------------------------- records */

static inline void
ngx_rtprop_er_str_put(rtprop_str_t *dst, ngx_str_t *src)
{
    dst->len = src->len;
    dst->data = src->data;
}


static inline void
ngx_rtprop_er_str_get(ngx_str_t *dst, rtprop_str_t *src)
{
    dst->len = src->len;
    dst->data = src->data;
}


static void
ngx_rtprop_er_record(ngx_rtprop_er_t *er, ngx_rtprop_event_t *ev,
    rtprop_redis_record_t *rec)
{
    ngx_memzero(rec, sizeof(rtprop_redis_record_t));

    rec->id = ev->id;
    rec->arrived = ev->arrived;
    rec->machine = er->boot;
    rec->flags = ev->flags & ~(NGX_RTPROP_EV_QUIET|NGX_RTPROP_EV_POSITION);
    rec->kinds = ev->kinds;

    ngx_rtprop_er_str_put(&rec->type, &ev->type);
    ngx_rtprop_er_str_put(&rec->user, &ev->user);
    ngx_rtprop_er_str_put(&rec->skip_user, &ev->skip_user);
    ngx_rtprop_er_str_put(&rec->alt_user, &ev->alt_user);
    ngx_rtprop_er_str_put(&rec->replace, &ev->replace);
    ngx_rtprop_er_str_put(&rec->payload, &ev->payload);
    ngx_rtprop_er_str_put(&rec->alt_payload, &ev->alt_payload);
    ngx_rtprop_er_str_put(&rec->skip_session, &ev->skip_session);
}


/* Another machine's clock says nothing here. */

ngx_int_t
ngx_rtprop_er_decode(ngx_rtprop_er_t *er, u_char **p, u_char *end,
    ngx_rtprop_event_t *ev)
{
    rtprop_redis_record_t  rec;

    if (rtprop_redis_record_decode(p, end, &rec) != RTPROP_OK) {
        ngx_log_error(NGX_LOG_ERR, er->worker->log, 0,
                      "rtprop: a record in Redis is broken");
        return NGX_ERROR;
    }

    ngx_memzero(ev, sizeof(ngx_rtprop_event_t));

    ev->id = rec.id;
    ev->epoch = rec.epoch;
    ev->offset = rec.offset;
    ev->time = rec.time;
    ev->arrived = (rec.machine == er->boot) ? rec.arrived : 0;
    ev->flags = rec.flags;
    ev->kinds = rec.kinds;

    ngx_rtprop_er_str_get(&ev->type, &rec.type);
    ngx_rtprop_er_str_get(&ev->user, &rec.user);
    ngx_rtprop_er_str_get(&ev->skip_user, &rec.skip_user);
    ngx_rtprop_er_str_get(&ev->alt_user, &rec.alt_user);
    ngx_rtprop_er_str_get(&ev->replace, &rec.replace);
    ngx_rtprop_er_str_get(&ev->payload, &rec.payload);
    ngx_rtprop_er_str_get(&ev->alt_payload, &rec.alt_payload);
    ngx_rtprop_er_str_get(&ev->skip_session, &rec.skip_session);

    return NGX_OK;
}
