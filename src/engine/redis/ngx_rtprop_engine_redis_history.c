/*
 * Reading history.  Who subscribes reads after Redis has confirmed that it is
 * subscribed: so what is published after the place that is read does come.
 */

#include "engine/redis/ngx_rtprop_engine_redis.h"


typedef struct {
    ngx_queue_t                 queue;     /* ch->waiting */
    ngx_rtprop_er_t            *er;
    ngx_rtprop_history_t       *op;
    ngx_rtprop_er_channel_t    *ch;        /* NULL: does not subscribe */
} ngx_rtprop_er_read_t;


static void ngx_rtprop_er_read(ngx_rtprop_er_read_t *read);
static void ngx_rtprop_er_read_done(ngx_rtprop_er_call_t *call);
static ngx_int_t ngx_rtprop_er_read_result(ngx_rtprop_er_call_t *call,
    ngx_rtprop_history_t *op);
static ngx_int_t ngx_rtprop_er_read_events(ngx_rtprop_er_t *er,
    redisReply *reply, ngx_rtprop_history_t *op);
static void ngx_rtprop_er_read_end(ngx_rtprop_er_read_t *read, ngx_int_t rc);


void
ngx_rtprop_er_history(ngx_rtprop_engine_t *e, ngx_rtprop_history_t *op)
{
    ngx_rtprop_er_t       *er;
    ngx_rtprop_er_read_t  *read;

    er = e->data;

    op->recovered = 0;
    op->more = 0;
    op->events = NULL;
    op->nevents = 0;
    op->offset = 0;
    op->first = 0;

    if (op->channel.len > NGX_RTPROP_ER_NAME_MAX) {
        ngx_rtprop_er_end(&op->op, NGX_BUSY);
        return;
    }

    read = ngx_calloc(sizeof(ngx_rtprop_er_read_t), er->worker->log);

    if (read == NULL) {
        ngx_rtprop_er_end(&op->op, NGX_ERROR);
        return;
    }

    read->er = er;
    read->op = op;

    if (!op->subscribe) {
        ngx_rtprop_er_read(read);
        return;
    }

    if (er->away) {
        ngx_rtprop_er_read_end(read, NGX_ERROR);
        return;
    }

    read->ch = ngx_rtprop_er_channel(er, &op->channel, 1);

    if (read->ch == NULL) {
        ngx_rtprop_er_read_end(read, NGX_ERROR);
        return;
    }

    read->ch->count++;
    read->ch->held++;

    if (read->ch->active) {
        ngx_rtprop_er_read(read);

    } else {
        ngx_queue_insert_tail(&read->ch->waiting, &read->queue);
    }
}


void
ngx_rtprop_er_read_waiting(ngx_rtprop_er_t *er, ngx_rtprop_er_channel_t *ch,
    ngx_int_t rc)
{
    ngx_queue_t           *q;
    ngx_rtprop_er_read_t  *read;

    while (!ngx_queue_empty(&ch->waiting)) {
        q = ngx_queue_head(&ch->waiting);
        ngx_queue_remove(q);
        read = ngx_queue_data(q, ngx_rtprop_er_read_t, queue);

        if (rc == NGX_OK) {
            ngx_rtprop_er_read(read);

        } else {
            ngx_rtprop_er_read_end(read, rc);
        }
    }
}


static void
ngx_rtprop_er_read(ngx_rtprop_er_read_t *read)
{
    ngx_str_t              none;
    ngx_rtprop_er_t       *er;
    ngx_rtprop_history_t  *op;
    ngx_rtprop_er_call_t  *call;

    er = read->er;
    op = read->op;

    call = ngx_rtprop_er_call(er, NGX_RTPROP_ER_HISTORY, 12,
                              2 * op->channel.len + 24);

    if (call == NULL) {
        ngx_rtprop_er_read_end(read, NGX_ERROR);
        return;
    }

    ngx_str_null(&none);

    ngx_rtprop_er_key(call, &op->channel, ":c");
    ngx_rtprop_er_key(call, &op->channel, ":h");

    ngx_rtprop_er_octets(call, ngx_rtprop_er_epoch(er));
    ngx_rtprop_er_number(call, ngx_rtprop_er_life(er));
    ngx_rtprop_er_octets(call, op->epoch);
    ngx_rtprop_er_number(call, op->since);
    ngx_rtprop_er_number(call, op->limit);
    ngx_rtprop_er_number(call, op->tail);
    ngx_rtprop_er_number(call, op->flags);

    if (op->before) {
        ngx_rtprop_er_octets(call, op->before);

    } else {
        ngx_rtprop_er_text(call, &none);
    }

    ngx_rtprop_er_text(call, read->ch ? &er->id : &none);
    ngx_rtprop_er_number(call, read->ch ? read->ch->count : 0);

    ngx_rtprop_er_send(call, ngx_rtprop_er_read_done, read);
}


/* The first place is where what comes is compared with from now on. */

static void
ngx_rtprop_er_read_done(ngx_rtprop_er_call_t *call)
{
    ngx_int_t                 rc;
    ngx_rtprop_er_read_t     *read;
    ngx_rtprop_history_t     *op;
    ngx_rtprop_er_channel_t  *ch;

    read = call->data;
    op = read->op;
    ch = read->ch;

    rc = ngx_rtprop_er_read_result(call, op);

    if (rc == NGX_OK && ch && ch->epoch == 0) {
        ch->epoch = op->epoch;
        ch->offset = op->offset;
    }

    ngx_rtprop_er_read_end(read, rc);
}


/* Offsets have no gaps, so what is missed needs no counting. */

static ngx_int_t
ngx_rtprop_er_read_result(ngx_rtprop_er_call_t *call,
    ngx_rtprop_history_t *op)
{
    uint64_t     epoch;
    redisReply  *reply;
    ngx_uint_t   known;

    reply = ngx_rtprop_er_array(call, 4);

    if (reply == NULL) {
        return call->cmd.rc;
    }

    epoch = ngx_rtprop_er_get_octets(reply, 0);
    op->offset = ngx_rtprop_er_get_number(reply, 1);
    op->first = ngx_rtprop_er_get_number(reply, 2);
    op->more = (ngx_rtprop_er_get_number(reply, 3) == 1);

    known = (op->epoch == epoch && op->since <= op->offset);

    op->recovered = known && op->offset - op->since <= op->limit
                    && (op->since == op->offset
                        || (op->first && op->first <= op->since + 1));
    op->epoch = epoch;

    return ngx_rtprop_er_read_events(call->er, reply, op);
}


static ngx_int_t
ngx_rtprop_er_read_events(ngx_rtprop_er_t *er, redisReply *reply,
    ngx_rtprop_history_t *op)
{
    u_char     *p;
    ngx_str_t   text, copy;
    ngx_uint_t  i, n;

    n = ngx_min(reply->elements - 4, op->limit);

    if (n == 0) {
        return NGX_OK;
    }

    op->events = ngx_palloc(op->op.pool, n * sizeof(ngx_rtprop_event_t));

    if (op->events == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        ngx_rtprop_er_get_text(reply, i + 4, &text);

        if (ngx_rtprop_er_dup(op->op.pool, &copy, &text) != NGX_OK) {
            return NGX_ERROR;
        }

        p = copy.data;

        if (ngx_rtprop_er_decode(er, &p, copy.data + copy.len,
                                 &op->events[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        op->events[i].channel = op->channel;
    }

    op->nevents = n;

    return NGX_OK;
}


/* Who could not read is not subscribed either. */

static void
ngx_rtprop_er_read_end(ngx_rtprop_er_read_t *read, ngx_int_t rc)
{
    ngx_rtprop_er_t          *er;
    ngx_rtprop_history_t     *op;
    ngx_rtprop_er_channel_t  *ch;

    er = read->er;
    op = read->op;
    ch = read->ch;

    ngx_free(read);

    if (ch) {
        if (rc != NGX_OK) {
            op->nevents = 0;
            ngx_rtprop_er_leave(er, ch, 1);
        }

        ngx_rtprop_er_let_go(er, ch);
    }

    ngx_rtprop_er_end(&op->op, rc);
}
