/*
 * Events: written, told when they are committed.
 */

#include "store/ngx_rtprop_durable_in.h"


#define NGX_RTPROP_DURABLE_FEED    16      /* parameters of a feed's query */
#define NGX_RTPROP_DURABLE_UNIQUE  "23505" /* unique_violation */


/* Lives in the operation's pool. */

typedef struct {
    ngx_rtprop_durable_early_t   early;
    ngx_rtprop_durable_carry_t   carry;
    ngx_rtprop_work_t            work;
    ngx_rtprop_statement_t       statement;
    ngx_rtprop_durable_t        *d;
    ngx_rtprop_publish_t        *op;
    ngx_rtprop_durable_feed_t   *feed;
    ngx_uint_t                   many;     /* reliable ones */
    ngx_rtprop_param_t           params[NGX_RTPROP_DURABLE_FEED];
} ngx_rtprop_durable_writing_t;


static void ngx_rtprop_durable_write(ngx_rtprop_durable_early_t *early);
static ngx_int_t ngx_rtprop_durable_write_params(
    ngx_rtprop_durable_writing_t *w);
static void ngx_rtprop_durable_written(ngx_rtprop_work_t *work);
static ngx_int_t ngx_rtprop_durable_fed(ngx_rtprop_durable_writing_t *w);
static void ngx_rtprop_durable_told(ngx_rtprop_durable_carry_t *carry);
static ngx_int_t ngx_rtprop_durable_extra(ngx_pool_t *pool,
    ngx_rtprop_event_t *ev, ngx_str_t *text);


static inline void
ngx_rtprop_durable_publish_done(ngx_rtprop_publish_t *op, ngx_int_t rc)
{
    op->op.rc = rc;
    op->op.done(&op->op);
}


void
ngx_rtprop_durable_publish(ngx_rtprop_engine_t *e, ngx_rtprop_publish_t *op)
{
    ngx_uint_t                     many;
    ngx_rtprop_durable_t          *d;
    ngx_rtprop_durable_writing_t  *w;

    d = e->data;
    many = ngx_rtprop_durable_count(op->events, op->nevents);

    if (many == 0 || op->carried) {
        d->inner->publish(d->inner, op);
        return;
    }

    w = ngx_pcalloc(op->op.pool, sizeof(ngx_rtprop_durable_writing_t));

    if (w == NULL) {
        ngx_rtprop_durable_publish_done(op, NGX_ERROR);
        return;
    }

    w->d = d;
    w->op = op;
    w->many = many;
    w->feed = (op->nevents == 1)
              ? ngx_rtprop_durable_feed(d->conf, op->events) : NULL;
    w->early.run = ngx_rtprop_durable_write;
    w->early.data = w;

    ngx_rtprop_durable_when(d, &w->early);
}


static void
ngx_rtprop_durable_write(ngx_rtprop_durable_early_t *early)
{
    ngx_rtprop_durable_writing_t *w = early->data;

    ngx_rtprop_publish_t  *op;

    op = w->op;
    w->work.locks = ngx_palloc(op->op.pool, w->many * sizeof(ngx_str_t));

    if (w->d->epoch == 0 || w->work.locks == NULL
        || ngx_rtprop_durable_write_params(w) != NGX_OK)
    {
        ngx_rtprop_durable_publish_done(op, NGX_ERROR);
        return;
    }

    w->work.nlocks = ngx_rtprop_durable_locks(op->events, op->nevents,
                                              w->work.locks);
    w->work.statements = &w->statement;
    w->work.n = 1;
    w->work.write = 1;
    w->work.done = ngx_rtprop_durable_written;
    w->work.data = w;
    w->statement.params = w->params;

    ngx_rtprop_store_do(w->d->store, &w->work);
}


static ngx_int_t
ngx_rtprop_durable_write_params(ngx_rtprop_durable_writing_t *w)
{
    if (w->feed) {
        w->statement.query = w->feed->query;
        w->work.retry = &w->params[w->feed->nparams - 1];
        w->feed->fill(w->op->events, w->params);

        return NGX_OK;
    }

    w->statement.query = w->d->conf->append;
    w->params[NGX_RTPROP_DURABLE_APPEND].number = ++w->d->op;
    w->work.retry = &w->params[NGX_RTPROP_DURABLE_APPEND + 1];

    return ngx_rtprop_durable_append_params(w->op->op.pool, w->op->events,
                                            w->op->nevents, w->many,
                                            w->params);
}


static void
ngx_rtprop_durable_written(ngx_rtprop_work_t *work)
{
    ngx_int_t                      rc;
    ngx_rtprop_publish_t          *op;
    ngx_rtprop_durable_writing_t  *w;

    w = work->data;
    op = w->op;

    if (w->feed && ngx_rtprop_durable_doubled(w->d, work)) {
        ngx_rtprop_durable_publish_done(op, NGX_DECLINED);
        return;
    }

    if (work->rc != NGX_OK) {
        ngx_rtprop_durable_publish_done(op, work->rc == NGX_BUSY ? NGX_BUSY
                                                                 : NGX_ERROR);
        return;
    }

    rc = w->feed ? ngx_rtprop_durable_fed(w)
                 : ngx_rtprop_durable_placed(w->d, op->events, op->nevents,
                                             w->statement.result, 0);

    if (rc != NGX_OK) {
        ngx_rtprop_durable_publish_done(op, rc);
        return;
    }

    w->carry.d = w->d;
    w->carry.pool = op->op.pool;
    w->carry.events = op->events;
    w->carry.n = op->nevents;
    w->carry.done = ngx_rtprop_durable_told;
    w->carry.data = w;

    ngx_rtprop_durable_carry(&w->carry);
}


/* NGX_DONE: it was there before, by another operation. */

static ngx_int_t
ngx_rtprop_durable_fed(ngx_rtprop_durable_writing_t *w)
{
    ngx_rtprop_event_t   *ev;
    ngx_rtprop_result_t  *result;

    ev = w->op->events;
    result = w->statement.result;

    if (ngx_rtprop_result_rows(result) == 0) {
        ngx_log_error(NGX_LOG_ERR, w->d->worker->log, 0,
                      "rtprop: query \"%s\" gave no position, it must "
                      "give one row", w->feed->query->name);
        return NGX_ERROR;
    }

    ev->epoch = w->d->epoch;
    ev->offset = ngx_rtprop_result_number(result, 0, 0);
    ev->time = ngx_rtprop_result_number(result, 0, 2);

    if (ngx_rtprop_result_number(result, 0, 3)) {
        ev->id = ngx_rtprop_result_number(result, 0, 1);
        ngx_rtprop_durable_bump(w->d, NGX_RTPROP_DURABLE_KNOWN, 1);
        return NGX_DONE;
    }

    return NGX_OK;
}


static void
ngx_rtprop_durable_told(ngx_rtprop_durable_carry_t *carry)
{
    ngx_rtprop_durable_writing_t *w = carry->data;

    ngx_rtprop_durable_publish_done(w->op, NGX_OK);
}


/* ----------------------------------------------------------------- parts */

ngx_uint_t
ngx_rtprop_durable_doubled(ngx_rtprop_durable_t *d, ngx_rtprop_work_t *work)
{
    if (work->rc != NGX_DECLINED
        || ngx_strcmp(work->sqlstate, NGX_RTPROP_DURABLE_UNIQUE) != 0)
    {
        return 0;
    }

    ngx_rtprop_durable_bump(d, NGX_RTPROP_DURABLE_DOUBLED, 1);

    return 1;
}


ngx_uint_t
ngx_rtprop_durable_count(ngx_rtprop_event_t *events, ngx_uint_t n)
{
    ngx_uint_t  i, many;

    many = 0;

    for (i = 0; i < n; i++) {
        many += ngx_rtprop_durable_reliable(&events[i]);
    }

    return many;
}


ngx_uint_t
ngx_rtprop_durable_locks(ngx_rtprop_event_t *events, ngx_uint_t n,
    ngx_str_t *locks)
{
    ngx_uint_t  i, many;

    many = 0;

    for (i = 0; i < n; i++) {

        if (ngx_rtprop_durable_reliable(&events[i])
            && (many == 0
                || locks[many - 1].data != events[i].channel.data))
        {
            locks[many++] = events[i].channel;
        }
    }

    return many;
}


ngx_int_t
ngx_rtprop_durable_append_params(ngx_pool_t *pool, ngx_rtprop_event_t *events,
    ngx_uint_t n, ngx_uint_t many, ngx_rtprop_param_t *params)
{
    int64_t             *numbers;
    ngx_str_t           *texts;
    ngx_uint_t           i, k;
    ngx_rtprop_event_t  *ev;

    texts = ngx_palloc(pool, 5 * many * sizeof(ngx_str_t));
    numbers = ngx_palloc(pool, 3 * many * sizeof(int64_t));

    if (texts == NULL || numbers == NULL) {
        return NGX_ERROR;
    }

    params[0].texts = texts;
    params[1].texts = texts + many;
    params[2].texts = texts + 2 * many;
    params[3].numbers = numbers;
    params[4].texts = texts + 3 * many;
    params[5].numbers = numbers + many;
    params[6].numbers = numbers + 2 * many;
    params[7].texts = texts + 4 * many;

    for (i = 0; i < NGX_RTPROP_DURABLE_APPEND; i++) {
        params[i].n = many;
    }

    k = 0;

    for (i = 0; i < n; i++) {
        ev = &events[i];

        if (!ngx_rtprop_durable_reliable(ev)) {
            continue;
        }

        params[0].texts[k] = ev->channel;
        params[1].texts[k] = ev->type;
        params[2].texts[k] = ev->payload;
        params[3].numbers[k] = ev->id;
        params[4].texts[k] = ev->user;
        params[5].numbers[k] = ev->flags;
        params[6].numbers[k] = ev->kinds;

        if (ngx_rtprop_durable_extra(pool, ev, &params[7].texts[k])
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        k++;
    }

    for (i = 0; i < 5 * many; i++) {
        if (texts[i].data == NULL) {
            ngx_str_set(&texts[i], "");
        }
    }

    return NGX_OK;
}


/* What few events have, as JSON; empty: nothing. */

static ngx_int_t
ngx_rtprop_durable_extra(ngx_pool_t *pool, ngx_rtprop_event_t *ev,
    ngx_str_t *text)
{
    u_char   hex[2 * NGX_RTPROP_SESSION_ID];
    json_t  *extra;

    ngx_str_set(text, "");

    if (ev->skip_user.len == 0 && ev->alt_user.len == 0
        && ev->skip_session.len != NGX_RTPROP_SESSION_ID)
    {
        return NGX_OK;
    }

    extra = json_object();

    if (ev->skip_user.len) {
        (void) json_object_set_new(extra, "skip_user",
                                   json_stringn((char *) ev->skip_user.data,
                                                ev->skip_user.len));
    }

    if (ev->skip_session.len == NGX_RTPROP_SESSION_ID) {
        (void) ngx_hex_dump(hex, ev->skip_session.data,
                            NGX_RTPROP_SESSION_ID);
        (void) json_object_set_new(extra, "skip_session",
                                   json_stringn((char *) hex, sizeof(hex)));
    }

    if (ev->alt_user.len) {
        (void) json_object_set_new(extra, "alt_user",
                                   json_stringn((char *) ev->alt_user.data,
                                                ev->alt_user.len));
        (void) json_object_set_new(extra, "alt_payload",
                                   json_stringn((char *) ev->alt_payload.data,
                                                ev->alt_payload.len));
    }

    return ngx_rtprop_hub_dump(pool, extra, text);
}


ngx_int_t
ngx_rtprop_durable_placed(ngx_rtprop_durable_t *d, ngx_rtprop_event_t *events,
    ngx_uint_t n, ngx_rtprop_result_t *result, ngx_uint_t column)
{
    ngx_uint_t  i, row, rows;

    row = 0;
    rows = ngx_rtprop_result_rows(result);

    for (i = 0; i < n; i++) {

        if (!ngx_rtprop_durable_reliable(&events[i])) {
            continue;
        }

        if (row == rows
            || ngx_rtprop_result_number(result, row, column)
               != (int64_t) row + 1)
        {
            ngx_log_error(NGX_LOG_ERR, d->worker->log, 0,
                          "rtprop: the database gave no place to an event "
                          "of \"%V\"", &events[i].channel);
            return NGX_ERROR;
        }

        events[i].epoch = d->epoch;
        events[i].offset = ngx_rtprop_result_number(result, row, column + 1);
        events[i].time = ngx_rtprop_now();
        row++;
    }

    return NGX_OK;
}
