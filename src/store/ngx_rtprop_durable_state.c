/*
 * Documents: read, and written if nobody was quicker, with their events.
 */

#include "store/ngx_rtprop_durable_in.h"


/* Lives in the operation's pool. */

typedef struct {
    ngx_rtprop_durable_early_t      early;
    ngx_rtprop_durable_carry_t      carry;
    ngx_rtprop_work_t               work;
    ngx_rtprop_statement_t          statement;
    ngx_rtprop_statement_t          ahead;      /* that locks the row */
    ngx_str_t                       lock;
    ngx_rtprop_durable_t           *d;
    ngx_rtprop_state_t             *op;
    ngx_rtprop_durable_document_t  *document;
    uint64_t                        expected;
    ngx_uint_t                      events;     /* reliable ones */
    ngx_uint_t                      nkeys;
    ngx_rtprop_param_t              params[2 + NGX_RTPROP_DURABLE_PUT
                                           + NGX_RTPROP_DURABLE_APPEND];
} ngx_rtprop_durable_putting_t;


static ngx_rtprop_durable_putting_t *ngx_rtprop_durable_putting(
    ngx_rtprop_durable_t *d, ngx_rtprop_state_t *op,
    ngx_rtprop_durable_document_t *document);
static ngx_int_t ngx_rtprop_durable_key(ngx_rtprop_durable_document_t *document,
    ngx_str_t *key, ngx_rtprop_param_t *params);
static void ngx_rtprop_durable_got(ngx_rtprop_work_t *work);
static void ngx_rtprop_durable_held(ngx_rtprop_durable_early_t *early);
static ngx_int_t ngx_rtprop_durable_judge(ngx_rtprop_work_t *work);
static void ngx_rtprop_durable_put(ngx_rtprop_durable_early_t *early);
static ngx_int_t ngx_rtprop_durable_put_locks(
    ngx_rtprop_durable_putting_t *p);
static ngx_int_t ngx_rtprop_durable_put_params(
    ngx_rtprop_durable_putting_t *p);
static void ngx_rtprop_durable_was_put(ngx_rtprop_work_t *work);
static ngx_uint_t ngx_rtprop_durable_ids(ngx_rtprop_state_t *op);
static void ngx_rtprop_durable_put_told(ngx_rtprop_durable_carry_t *carry);
static void ngx_rtprop_durable_conflict(ngx_rtprop_durable_putting_t *p);
static void ngx_rtprop_durable_conflict_got(ngx_rtprop_work_t *work);
static ngx_int_t ngx_rtprop_durable_value(ngx_rtprop_state_t *op,
    ngx_rtprop_result_t *result, ngx_uint_t column);


static inline void
ngx_rtprop_durable_state_done(ngx_rtprop_state_t *op, ngx_int_t rc)
{
    op->op.rc = rc;
    op->op.done(&op->op);
}


void
ngx_rtprop_durable_state_get(ngx_rtprop_engine_t *e, ngx_rtprop_state_t *op)
{
    ngx_rtprop_durable_t           *d;
    ngx_rtprop_durable_putting_t   *p;
    ngx_rtprop_durable_document_t  *document;

    d = e->data;
    document = ngx_rtprop_durable_document(d->conf, &op->key);

    if (document == NULL) {
        d->inner->state_get(d->inner, op);
        return;
    }

    p = ngx_rtprop_durable_putting(d, op, document);

    if (p == NULL) {
        ngx_rtprop_durable_state_done(op, NGX_ERROR);
        return;
    }

    p->statement.query = document->get_query;
    p->work.done = ngx_rtprop_durable_got;

    ngx_rtprop_store_do(d->store, &p->work);
}


static ngx_rtprop_durable_putting_t *
ngx_rtprop_durable_putting(ngx_rtprop_durable_t *d, ngx_rtprop_state_t *op,
    ngx_rtprop_durable_document_t *document)
{
    ngx_int_t                      n;
    ngx_rtprop_durable_putting_t  *p;

    p = ngx_pcalloc(op->op.pool, sizeof(ngx_rtprop_durable_putting_t));

    if (p == NULL) {
        return NULL;
    }

    n = ngx_rtprop_durable_key(document, &op->key, p->params);

    if (n == NGX_ERROR) {
        return NULL;
    }

    p->lock.len = op->key.len + 1;
    p->lock.data = ngx_pnalloc(op->op.pool, p->lock.len);

    if (p->lock.data == NULL) {
        return NULL;
    }

    /* no channel's lock, see rtprop_lock */
    p->lock.data[0] = '=';
    ngx_memcpy(&p->lock.data[1], op->key.data, op->key.len);

    p->nkeys = n;
    p->d = d;
    p->op = op;
    p->document = document;
    p->statement.params = p->params;
    p->work.statements = &p->statement;
    p->work.n = 1;
    p->work.data = p;

    return p;
}


/* Of "mark:3:ann:conversation:7" both texts; else what the colon is before. */

static ngx_int_t
ngx_rtprop_durable_key(ngx_rtprop_durable_document_t *document,
    ngx_str_t *key, ngx_rtprop_param_t *params)
{
    u_char     *p, *last, *colon;
    ngx_int_t   len;

    if (document->get == NULL) {
        params[0].text = *key;
        return 1;
    }

    p = key->data + document->prefix.len + 1;
    last = key->data + key->len;

    if (!document->pair) {
        params[0].text.data = p;
        params[0].text.len = last - p;
        return 1;
    }

    colon = ngx_strlchr(p, last, ':');
    len = colon ? ngx_atoi(p, colon - p) : NGX_ERROR;

    if (len == NGX_ERROR || len + 1 > last - colon - 1
        || colon[1 + len] != ':')
    {
        return NGX_ERROR;
    }

    params[0].text.data = colon + 1;
    params[0].text.len = len;
    params[1].text.data = colon + 1 + len + 1;
    params[1].text.len = last - params[1].text.data;

    return 2;
}


static void
ngx_rtprop_durable_got(ngx_rtprop_work_t *work)
{
    ngx_int_t                      rc;
    ngx_rtprop_state_t            *op;
    ngx_rtprop_result_t           *result;
    ngx_rtprop_durable_putting_t  *p;

    p = work->data;
    op = p->op;
    result = p->statement.result;

    if (work->rc != NGX_OK) {
        ngx_rtprop_durable_state_done(op, work->rc == NGX_BUSY ? NGX_BUSY
                                                               : NGX_ERROR);
        return;
    }

    op->version = 0;
    op->now = 0;
    ngx_str_null(&op->value);

    if (ngx_rtprop_result_rows(result) == 0
        || ngx_rtprop_result_number(result, 0, 0) == 0)
    {
        ngx_rtprop_durable_state_done(op, NGX_DECLINED);
        return;
    }

    op->version = ngx_rtprop_result_number(result, 0, 0);
    op->now = ngx_rtprop_result_number(result, 0, 2);
    rc = ngx_rtprop_durable_value(op, result, 1);

    ngx_rtprop_durable_state_done(op, rc);
}


static ngx_int_t
ngx_rtprop_durable_value(ngx_rtprop_state_t *op, ngx_rtprop_result_t *result,
    ngx_uint_t column)
{
    ngx_str_t  text;

    text = ngx_rtprop_result_text(result, 0, column);

    op->value.len = text.len;
    op->value.data = ngx_pnalloc(op->op.pool, text.len + 1);

    if (op->value.data == NULL) {
        return NGX_ERROR;
    }

    if (text.len) {
        ngx_memcpy(op->value.data, text.data, text.len);
    }

    return NGX_OK;
}


/* ------------------------------------------------------------------ held */

ngx_int_t
ngx_rtprop_durable_state_held(ngx_rtprop_engine_t *e, ngx_rtprop_state_t *op)
{
    ngx_rtprop_durable_t           *d;
    ngx_rtprop_durable_putting_t   *p;
    ngx_rtprop_durable_document_t  *document;

    d = e->data;
    document = ngx_rtprop_durable_document(d->conf, &op->key);

    p = (document && document->lock_query)
        ? ngx_rtprop_durable_putting(d, op, document) : NULL;

    if (p == NULL) {
        return NGX_DECLINED;
    }

    p->early.run = ngx_rtprop_durable_held;
    p->early.data = p;

    ngx_rtprop_durable_when(d, &p->early);

    return NGX_OK;
}


static void
ngx_rtprop_durable_held(ngx_rtprop_durable_early_t *early)
{
    ngx_rtprop_durable_putting_t *p = early->data;

    if (p->d->epoch == 0) {
        ngx_rtprop_durable_state_done(p->op, NGX_ERROR);
        return;
    }

    p->ahead.query = p->document->lock_query;
    p->ahead.params = p->params;
    p->statement.query = p->document->put_query;
    p->work.ahead = &p->ahead;
    p->work.judge = ngx_rtprop_durable_judge;
    p->work.locks = &p->lock;
    p->work.nlocks = 1;
    p->work.write = 1;
    p->work.done = ngx_rtprop_durable_was_put;

    ngx_rtprop_durable_bump(p->d, NGX_RTPROP_DURABLE_HELD, 1);

    ngx_rtprop_store_do(p->d->store, &p->work);
}


static ngx_int_t
ngx_rtprop_durable_judge(ngx_rtprop_work_t *work)
{
    ngx_int_t                      rc;
    ngx_rtprop_state_t            *op;
    ngx_rtprop_result_t           *result;
    ngx_rtprop_durable_putting_t  *p;

    p = work->data;
    op = p->op;
    result = p->ahead.result;

    op->version = 0;
    op->now = 0;
    ngx_str_null(&op->value);

    if (ngx_rtprop_result_rows(result)) {
        op->version = ngx_rtprop_result_number(result, 0, 0);
        op->now = ngx_rtprop_result_number(result, 0, 2);

        if (ngx_rtprop_durable_value(op, result, 1) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    rc = op->judge(op);

    if (rc != NGX_OK) {
        return rc;
    }

    p->events = ngx_rtprop_durable_count(op->events, op->nevents);

    return ngx_rtprop_durable_put_locks(p);
}


/* ------------------------------------------------------------------- put */

/* Events of a document that is not the database's are so all the same. */

void
ngx_rtprop_durable_state_put(ngx_rtprop_engine_t *e, ngx_rtprop_state_t *op)
{
    ngx_uint_t                      events;
    ngx_rtprop_durable_t           *d;
    ngx_rtprop_durable_putting_t   *p;
    ngx_rtprop_durable_document_t  *document;

    d = e->data;
    document = ngx_rtprop_durable_document(d->conf, &op->key);
    events = ngx_rtprop_durable_count(op->events, op->nevents);

    if (document == NULL && events == 0) {
        d->inner->state_put(d->inner, op);
        return;
    }

    p = document ? ngx_rtprop_durable_putting(d, op, document) : NULL;

    if (p == NULL) {
        ngx_rtprop_durable_state_done(op, NGX_ERROR);
        return;
    }

    p->events = events;
    p->early.run = ngx_rtprop_durable_put;
    p->early.data = p;

    ngx_rtprop_durable_when(d, &p->early);
}


static void
ngx_rtprop_durable_put(ngx_rtprop_durable_early_t *early)
{
    ngx_rtprop_durable_putting_t *p = early->data;

    if (p->d->epoch == 0 || ngx_rtprop_durable_put_locks(p) != NGX_OK) {
        ngx_rtprop_durable_state_done(p->op, NGX_ERROR);
        return;
    }

    p->work.write = 1;
    p->work.done = ngx_rtprop_durable_was_put;

    ngx_rtprop_store_do(p->d->store, &p->work);
}


static ngx_int_t
ngx_rtprop_durable_put_locks(ngx_rtprop_durable_putting_t *p)
{
    ngx_str_t           *locks;
    ngx_rtprop_state_t  *op;

    op = p->op;
    locks = ngx_palloc(op->op.pool, (p->events + 1) * sizeof(ngx_str_t));

    if (locks == NULL || ngx_rtprop_durable_put_params(p) != NGX_OK) {
        return NGX_ERROR;
    }

    locks[0] = p->lock;
    p->work.locks = locks;
    p->work.nlocks = 1 + ngx_rtprop_durable_locks(op->events, op->nevents,
                                                  &locks[1]);
    p->statement.query = p->events ? p->document->events_query
                                   : p->document->put_query;
    p->expected = op->version;

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_durable_put_params(ngx_rtprop_durable_putting_t *p)
{
    ngx_rtprop_state_t  *op;
    ngx_rtprop_param_t  *params;

    op = p->op;
    params = &p->params[p->nkeys];

    params[0].number = op->version;
    params[1].text = op->value;
    params[2].number = op->step ? op->step : 1;
    params[3].number = op->not_after;
    params[3].null = (op->not_after == 0);
    params[4].number = op->ttl;
    params[4].null = (op->ttl == 0 || !p->document->expires);
    params[5].number = ++p->d->op;

    p->work.retry = &params[6];

    return p->events
           ? ngx_rtprop_durable_append_params(op->op.pool, op->events,
                                              op->nevents, p->events,
                                              &params[7])
           : NGX_OK;
}


static void
ngx_rtprop_durable_was_put(ngx_rtprop_work_t *work)
{
    ngx_rtprop_state_t            *op;
    ngx_rtprop_durable_t          *d;
    ngx_rtprop_result_t           *result;
    ngx_rtprop_durable_putting_t  *p;

    p = work->data;
    op = p->op;
    d = p->d;
    result = p->statement.result;

    /* judged once more, its events have other ids */

    if (ngx_rtprop_durable_ids(op) && ngx_rtprop_durable_doubled(d, work)) {
        ngx_rtprop_durable_conflict(p);
        return;
    }

    if (work->rc != NGX_OK) {
        ngx_rtprop_durable_state_done(op, work->rc == NGX_DECLINED
                                          ? NGX_ERROR : work->rc);
        return;
    }

    if (ngx_rtprop_result_rows(result) == 0
        || !ngx_rtprop_result_number(result, 0, 0))
    {
        ngx_rtprop_durable_conflict(p);
        return;
    }

    op->version = ngx_rtprop_result_number(result, 0, 1);
    op->now = ngx_rtprop_result_number(result, 0, 3);

    if (p->events
        && ngx_rtprop_durable_placed(d, op->events, op->nevents, result, 4)
           != NGX_OK)
    {
        ngx_rtprop_durable_state_done(op, NGX_ERROR);
        return;
    }

    p->carry.d = d;
    p->carry.pool = op->op.pool;
    p->carry.events = op->events;
    p->carry.n = op->nevents;
    p->carry.done = ngx_rtprop_durable_put_told;
    p->carry.data = p;

    ngx_rtprop_durable_carry(&p->carry);
}


/* Whether its events have ids, which the database may have, too. */

static ngx_uint_t
ngx_rtprop_durable_ids(ngx_rtprop_state_t *op)
{
    ngx_uint_t  i;

    for (i = 0; i < op->nevents; i++) {
        if (op->events[i].id) {
            return 1;
        }
    }

    return 0;
}


static void
ngx_rtprop_durable_put_told(ngx_rtprop_durable_carry_t *carry)
{
    ngx_rtprop_durable_putting_t *p = carry->data;

    ngx_rtprop_durable_state_done(p->op, NGX_OK);
}


/* What is there now may have to be asked for. */

static void
ngx_rtprop_durable_conflict(ngx_rtprop_durable_putting_t *p)
{
    ngx_rtprop_state_t   *op;
    ngx_rtprop_result_t  *result;

    op = p->op;
    result = p->statement.result;

    if (ngx_rtprop_result_rows(result)) {
        op->version = ngx_rtprop_result_number(result, 0, 1);
        op->now = ngx_rtprop_result_number(result, 0, 3);

        if (op->version == p->expected && op->not_after
            && op->now >= op->not_after)
        {
            ngx_rtprop_durable_state_done(op, NGX_ABORT);
            return;
        }

        if (op->version != p->expected
            && (op->version == 0 || !ngx_rtprop_result_null(result, 0, 2)))
        {
            ngx_rtprop_durable_bump(p->d, NGX_RTPROP_DURABLE_CONFLICTS, 1);

            ngx_rtprop_durable_state_done(op,
                         ngx_rtprop_durable_value(op, result, 2) == NGX_OK
                         ? NGX_DECLINED : NGX_ERROR);
            return;
        }
    }

    p->statement.query = p->document->get_query;
    p->work.ahead = NULL;
    p->work.locks = NULL;
    p->work.nlocks = 0;
    p->work.retry = NULL;
    p->work.write = 0;
    p->work.done = ngx_rtprop_durable_conflict_got;

    ngx_rtprop_store_do(p->d->store, &p->work);
}


static void
ngx_rtprop_durable_conflict_got(ngx_rtprop_work_t *work)
{
    ngx_int_t                      rc;
    ngx_rtprop_state_t            *op;
    ngx_rtprop_result_t           *result;
    ngx_rtprop_durable_putting_t  *p;

    p = work->data;
    op = p->op;
    result = p->statement.result;

    if (work->rc != NGX_OK) {
        ngx_rtprop_durable_state_done(op, NGX_ERROR);
        return;
    }

    op->version = 0;
    ngx_str_null(&op->value);
    rc = NGX_OK;

    if (ngx_rtprop_result_rows(result)) {
        op->version = ngx_rtprop_result_number(result, 0, 0);
        op->now = ngx_rtprop_result_number(result, 0, 2);
        rc = ngx_rtprop_durable_value(op, result, 1);
    }

    if (rc != NGX_OK) {
        ngx_rtprop_durable_state_done(op, NGX_ERROR);
        return;
    }

    ngx_rtprop_durable_bump(p->d, NGX_RTPROP_DURABLE_CONFLICTS, 1);

    ngx_rtprop_durable_state_done(op, (op->version == p->expected
                                       && op->not_after
                                       && op->now >= op->not_after)
                                      ? NGX_ABORT : NGX_DECLINED);
}
