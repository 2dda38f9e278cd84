/*
 * Writes, grouped: all that waits goes out as one transaction.
 *
 * A statement that fails takes the transaction with it.  What failed is told
 * to its work, the others are sent again; after some rounds of that, each
 * alone.  When the connection is lost nobody knows whether the commit was
 * made: the works are sent again and told so.
 */

#include "store/ngx_rtprop_pg.h"


#define NGX_RTPROP_BATCH_ROUNDS  8      /* together, then alone */
#define NGX_RTPROP_BATCH_TRIES   16


static void ngx_rtprop_batch_fill(ngx_rtprop_store_t *store);
static ngx_uint_t ngx_rtprop_batch_alone(ngx_rtprop_work_t *w);
static ngx_int_t ngx_rtprop_batch_send(ngx_rtprop_store_t *store);
static void ngx_rtprop_batch_error(ngx_rtprop_batch_t *batch, PGresult *res,
    ngx_uint_t nth);
static ngx_rtprop_work_t *ngx_rtprop_batch_find(ngx_rtprop_batch_t *batch,
    ngx_uint_t nth, ngx_uint_t *statement);
static void ngx_rtprop_batch_end(ngx_rtprop_pg_segment_t *segment,
    ngx_int_t rc);
static ngx_rtprop_work_t *ngx_rtprop_batch_offender(
    ngx_rtprop_store_t *store, ngx_rtprop_fail_e fail);


void
ngx_rtprop_store_write(ngx_rtprop_store_t *store)
{
    if (store->writer.state != NGX_RTPROP_PG_READY || store->writer.doomed
        || store->batch.active)
    {
        return;
    }

    ngx_rtprop_batch_fill(store);

    if (ngx_queue_empty(&store->batch.works)) {
        return;
    }

    if (ngx_rtprop_batch_send(store) != NGX_OK) {
        ngx_rtprop_pg_lose(&store->writer, "connection failed",
                           PQerrorMessage(store->writer.db));
        return;
    }

    ngx_rtprop_pg_flush(&store->writer);
}


static void
ngx_rtprop_batch_fill(ngx_rtprop_store_t *store)
{
    ngx_rtprop_work_t   *w;
    ngx_rtprop_batch_t  *batch;

    batch = &store->batch;
    batch->n = 0;

    while (batch->n < store->conf->batch) {

        w = ngx_rtprop_store_next(store, &store->writes);

        if (w == NULL) {
            return;
        }

        if (ngx_rtprop_batch_alone(w) && batch->n) {
            return;
        }

        ngx_queue_remove(&w->queue);
        ngx_queue_insert_tail(&batch->works, &w->queue);
        batch->n++;

        if (ngx_rtprop_batch_alone(w)) {
            return;
        }
    }
}


/* It failed together with others too often, or decides before it writes. */

static ngx_uint_t
ngx_rtprop_batch_alone(ngx_rtprop_work_t *w)
{
    return w->attempts >= NGX_RTPROP_BATCH_ROUNDS || w->ahead;
}


static ngx_int_t
ngx_rtprop_batch_send(ngx_rtprop_store_t *store)
{
    ngx_rtprop_work_t   *w;
    ngx_rtprop_batch_t  *batch;

    batch = &store->batch;

    batch->active = 1;
    batch->error = NULL;
    batch->offender = NULL;
    batch->sent = ngx_rtprop_usec();
    batch->segment.data = store;

    w = ngx_queue_data(ngx_queue_head(&batch->works), ngx_rtprop_work_t,
                       queue);

    if (w->ahead) {
        return ngx_rtprop_store_hold(store);
    }

    batch->segment.result = ngx_rtprop_batch_result;
    batch->segment.end = ngx_rtprop_batch_end;

    if (ngx_rtprop_batch_put(store) != NGX_OK
        || ngx_rtprop_pg_sync(&store->writer, &batch->segment) != NGX_OK)
    {
        /* nothing of it can have been committed */
        ngx_rtprop_batch_again(store, NGX_RTPROP_AGAIN_TOGETHER);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_rtprop_batch_put(ngx_rtprop_store_t *store)
{
    ngx_int_t            rc;
    ngx_uint_t           i;
    ngx_queue_t         *q;
    ngx_rtprop_pg_t     *pg;
    ngx_rtprop_work_t   *w;
    ngx_rtprop_batch_t  *batch;

    pg = &store->writer;
    batch = &store->batch;

    rc = ngx_rtprop_store_send_locks(pg, &batch->works);

    for (q = ngx_queue_head(&batch->works);
         q != &batch->works && rc != NGX_ERROR;
         q = ngx_queue_next(q))
    {
        w = ngx_queue_data(q, ngx_rtprop_work_t, queue);

        for (i = 0; i < w->n; i++) {
            w->statements[i].result = NULL;

            if (ngx_rtprop_store_send(pg, &w->statements[i]) != NGX_OK) {
                rc = NGX_ERROR;
                break;
            }
        }
    }

    batch->locked = rc == NGX_OK;
    batch->current = NULL;
    batch->statement = 0;

    return rc == NGX_ERROR ? NGX_ERROR : NGX_OK;
}


/*
 * batch->current and batch->statement follow the results: those come in order,
 * each statement has exactly one.
 */

void
ngx_rtprop_batch_result(ngx_rtprop_pg_segment_t *segment, PGresult *res,
    ngx_uint_t nth)
{
    ngx_uint_t           i;
    ngx_rtprop_work_t   *w;
    ngx_rtprop_store_t  *store;
    ngx_rtprop_batch_t  *batch;

    store = segment->data;
    batch = &store->batch;

    switch (PQresultStatus(res)) {

    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
        w = ngx_rtprop_batch_find(batch, nth, &i);

        if (w) {
            PQclear(w->statements[i].result);
            w->statements[i].result = res;
            return;
        }

        break;

    case PGRES_PIPELINE_ABORTED:
        break;

    default:
        if (batch->error == NULL) {
            ngx_rtprop_batch_error(batch, res, nth);
            return;
        }
    }

    PQclear(res);
}


static void
ngx_rtprop_batch_error(ngx_rtprop_batch_t *batch, PGresult *res,
    ngx_uint_t nth)
{
    ngx_uint_t  i;

    batch->error = res;
    batch->offender = ngx_rtprop_batch_find(batch, nth, &i);

    if (batch->offender) {
        batch->offender->failed = i;
    }
}


/* The work whose statement it is; NULL: the locks, or the commit. */

static ngx_rtprop_work_t *
ngx_rtprop_batch_find(ngx_rtprop_batch_t *batch, ngx_uint_t nth,
    ngx_uint_t *statement)
{
    ngx_queue_t        *q;
    ngx_rtprop_work_t  *w;

    if (batch->locked) {

        if (nth == 0) {
            return NULL;
        }

        nth--;
    }

    w = batch->current;

    if (w == NULL || nth < batch->statement) {
        batch->statement = 0;       /* number of the current's first one */
        q = ngx_queue_head(&batch->works);

    } else {
        q = &w->queue;
    }

    for ( /* void */ ; q != &batch->works; q = ngx_queue_next(q)) {
        w = ngx_queue_data(q, ngx_rtprop_work_t, queue);

        if (nth < batch->statement + w->n) {
            batch->current = w;
            *statement = nth - batch->statement;
            return w;
        }

        batch->statement += w->n;
    }

    batch->current = NULL;

    return NULL;
}


static void
ngx_rtprop_batch_end(ngx_rtprop_pg_segment_t *segment, ngx_int_t rc)
{
    ngx_rtprop_store_t  *store;

    store = segment->data;

    if (rc != NGX_OK) {
        PQclear(store->batch.error);
        ngx_rtprop_batch_again(store, NGX_RTPROP_AGAIN_LOST);
        return;
    }

    if (store->batch.error) {
        ngx_rtprop_batch_failed(store);

    } else {
        ngx_rtprop_batch_committed(store);
    }

    ngx_rtprop_store_write(store);
}


void
ngx_rtprop_batch_committed(ngx_rtprop_store_t *store)
{
    ngx_queue_t          works, *q;
    ngx_rtprop_work_t   *w;
    ngx_rtprop_batch_t  *batch;

    batch = &store->batch;
    batch->active = 0;

    ngx_rtprop_store_bump(store, NGX_RTPROP_STORE_BATCHES, 1);
    ngx_rtprop_stat_observe(store->worker,
                            &ngx_rtprop_store_stats[NGX_RTPROP_STORE_COMMIT],
                            ngx_rtprop_usec() - batch->sent);

    ngx_queue_init(&works);
    ngx_queue_add(&works, &batch->works);
    ngx_queue_init(&batch->works);

    while (!ngx_queue_empty(&works)) {
        q = ngx_queue_head(&works);
        ngx_queue_remove(q);

        w = ngx_queue_data(q, ngx_rtprop_work_t, queue);
        ngx_rtprop_store_done(store, w, NGX_OK);
    }
}


/* The transaction was rolled back. */

void
ngx_rtprop_batch_failed(ngx_rtprop_store_t *store)
{
    PGresult           *error;
    const char         *state;
    ngx_rtprop_work_t  *w;
    ngx_rtprop_fail_e   fail;

    error = store->batch.error;

    fail = ngx_rtprop_store_failure(&store->writer, error);
    w = ngx_rtprop_batch_offender(store, fail);

    if (w == NULL) {
        ngx_rtprop_store_log_failure(store, NULL, error);
        PQclear(error);

        ngx_rtprop_batch_again(store, fail <= NGX_RTPROP_FAIL_UNAVAILABLE
                                      ? NGX_RTPROP_AGAIN_ALONE
                                      : NGX_RTPROP_AGAIN_TOGETHER);
        return;
    }

    ngx_rtprop_store_log_failure(store, w->ahead ? w->ahead->query->name
                                  : w->statements[w->failed].query->name,
                                 error);

    state = PQresultErrorField(error, PG_DIAG_SQLSTATE);

    if (state) {
        (void) ngx_cpystrn((u_char *) w->sqlstate, (u_char *) state,
                           sizeof(w->sqlstate));
    }

    PQclear(error);

    ngx_queue_remove(&w->queue);
    ngx_rtprop_batch_again(store, NGX_RTPROP_AGAIN_TOGETHER);

    ngx_rtprop_store_done(store, w, fail == NGX_RTPROP_FAIL_REFUSED
                                    ? NGX_DECLINED : NGX_ERROR);
}


/* The work that ends with the failure; NULL: all are sent again. */

static ngx_rtprop_work_t *
ngx_rtprop_batch_offender(ngx_rtprop_store_t *store, ngx_rtprop_fail_e fail)
{
    ngx_rtprop_work_t   *w;
    ngx_rtprop_batch_t  *batch;

    batch = &store->batch;
    w = batch->offender;

    if (w == NULL && batch->n == 1) {
        /* its locks, or its commit */
        w = ngx_queue_data(ngx_queue_head(&batch->works), ngx_rtprop_work_t,
                           queue);
    }

    if (w == NULL || fail <= NGX_RTPROP_FAIL_UNAVAILABLE
        || w->attempts >= NGX_RTPROP_BATCH_TRIES)
    {
        return w;
    }

    return NULL;
}


/*
 * Gives the works of the batch back to the queue, ahead of those that wait.
 * How often they may go is bounded by their time.
 */

void
ngx_rtprop_batch_again(ngx_rtprop_store_t *store, ngx_rtprop_again_e how)
{
    ngx_uint_t           i;
    ngx_queue_t         *q;
    ngx_rtprop_work_t   *w;
    ngx_rtprop_batch_t  *batch;

    batch = &store->batch;

    batch->active = 0;
    batch->error = NULL;
    batch->offender = NULL;

    while (!ngx_queue_empty(&batch->works)) {

        q = ngx_queue_last(&batch->works);
        ngx_queue_remove(q);

        w = ngx_queue_data(q, ngx_rtprop_work_t, queue);

        for (i = 0; i < w->n; i++) {
            PQclear(w->statements[i].result);
            w->statements[i].result = NULL;
        }

        if (w->ahead) {
            PQclear(w->ahead->result);
            w->ahead->result = NULL;
        }

        if (how == NGX_RTPROP_AGAIN_LOST) {
            w->retried = 1;

            if (w->retry) {
                w->retry->number = 1;
            }

        } else if (how == NGX_RTPROP_AGAIN_ALONE) {
            w->attempts = ngx_max(w->attempts + 1, NGX_RTPROP_BATCH_ROUNDS);

        } else {
            w->attempts++;
        }

        ngx_rtprop_store_bump(store, NGX_RTPROP_STORE_RESENT, 1);

        ngx_queue_insert_head(&store->writes, q);
    }
}
