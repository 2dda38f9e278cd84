/*
 * A work that decides inside its transaction:
 *
 *     BEGIN, a limit, its locks, what it asks, sync
 *                                            judge()
 *     more locks, what it writes, COMMIT, sync; or ROLLBACK, sync
 *
 * Between both the worker goes on with whatever else there is.  Should it die,
 * the database rolls back; should it not come back, the same, after the limit.
 * Once the COMMIT has been sent the work is one like any other: if nobody
 * knows what became of it, what it writes is sent again, and finds out.
 */

#include "store/ngx_rtprop_pg.h"


/* ms that others wait for a worker that does not come back to its locks */
#define NGX_RTPROP_HELD_LIMIT  "1000"


static ngx_int_t ngx_rtprop_held_ask(ngx_rtprop_store_t *store);
static ngx_int_t ngx_rtprop_held_say(ngx_rtprop_pg_t *pg, const char *sql);
static void ngx_rtprop_held_result(ngx_rtprop_pg_segment_t *segment,
    PGresult *res, ngx_uint_t nth);
static void ngx_rtprop_held_asked(ngx_rtprop_pg_segment_t *segment,
    ngx_int_t rc);
static ngx_int_t ngx_rtprop_held_write(ngx_rtprop_store_t *store);
static void ngx_rtprop_held_written(ngx_rtprop_pg_segment_t *segment,
    ngx_int_t rc);
static ngx_int_t ngx_rtprop_held_drop(ngx_rtprop_store_t *store);
static void ngx_rtprop_held_dropped(ngx_rtprop_pg_segment_t *segment,
    ngx_int_t rc);
static void ngx_rtprop_held_sent(ngx_rtprop_store_t *store, ngx_int_t rc);
static void ngx_rtprop_held_end(ngx_rtprop_store_t *store);


static inline ngx_rtprop_work_t *
ngx_rtprop_held_work(ngx_rtprop_store_t *store)
{
    return ngx_queue_data(ngx_queue_head(&store->batch.works),
                          ngx_rtprop_work_t, queue);
}


ngx_int_t
ngx_rtprop_store_hold(ngx_rtprop_store_t *store)
{
    ngx_rtprop_batch_t  *batch;

    batch = &store->batch;

    batch->verdict = NGX_OK;
    batch->segment.result = ngx_rtprop_held_result;
    batch->segment.end = ngx_rtprop_held_asked;

    if (ngx_rtprop_held_ask(store) != NGX_OK) {
        ngx_rtprop_batch_again(store, NGX_RTPROP_AGAIN_TOGETHER);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_held_ask(ngx_rtprop_store_t *store)
{
    ngx_int_t            rc;
    ngx_rtprop_pg_t     *pg;
    ngx_rtprop_batch_t  *batch;

    pg = &store->writer;
    batch = &store->batch;

    if (ngx_rtprop_held_say(pg, "BEGIN") != NGX_OK
        || ngx_rtprop_held_say(pg, "SET LOCAL "
               "idle_in_transaction_session_timeout = "
               NGX_RTPROP_HELD_LIMIT) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ngx_rtprop_store_send_locks(pg, &batch->works);

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    /* the number of the statement whose result is wanted */
    batch->statement = (rc == NGX_OK) ? 3 : 2;

    if (ngx_rtprop_store_send(pg, ngx_rtprop_held_work(store)->ahead)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_rtprop_pg_sync(pg, &batch->segment);
}


static ngx_int_t
ngx_rtprop_held_say(ngx_rtprop_pg_t *pg, const char *sql)
{
    return PQsendQueryParams(pg->db, sql, 0, NULL, NULL, NULL, NULL, 0)
           ? NGX_OK : NGX_ERROR;
}


static void
ngx_rtprop_held_result(ngx_rtprop_pg_segment_t *segment, PGresult *res,
    ngx_uint_t nth)
{
    ngx_rtprop_work_t   *w;
    ngx_rtprop_store_t  *store;
    ngx_rtprop_batch_t  *batch;

    store = segment->data;
    batch = &store->batch;

    switch (PQresultStatus(res)) {

    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:
        w = ngx_rtprop_held_work(store);

        if (w->ahead && nth == batch->statement) {
            PQclear(w->ahead->result);
            w->ahead->result = res;
            return;
        }

        break;

    case PGRES_PIPELINE_ABORTED:
        break;

    default:
        if (batch->error == NULL) {
            batch->error = res;
            return;
        }
    }

    PQclear(res);
}


static void
ngx_rtprop_held_asked(ngx_rtprop_pg_segment_t *segment, ngx_int_t rc)
{
    ngx_rtprop_work_t   *w;
    ngx_rtprop_store_t  *store;
    ngx_rtprop_batch_t  *batch;

    store = segment->data;
    batch = &store->batch;

    if (rc != NGX_OK) {
        PQclear(batch->error);
        ngx_rtprop_batch_again(store, NGX_RTPROP_AGAIN_TOGETHER);
        return;
    }

    w = ngx_rtprop_held_work(store);

    if (batch->error == NULL) {
        batch->verdict = w->ahead->result ? w->judge(w) : NGX_ERROR;

        PQclear(w->ahead->result);
        w->ahead->result = NULL;
    }

    rc = (batch->error == NULL && batch->verdict == NGX_OK)
         ? ngx_rtprop_held_write(store) : ngx_rtprop_held_drop(store);

    ngx_rtprop_held_sent(store, rc);
}


static ngx_int_t
ngx_rtprop_held_write(ngx_rtprop_store_t *store)
{
    ngx_rtprop_batch_t  *batch;

    batch = &store->batch;

    ngx_rtprop_held_work(store)->ahead = NULL;

    batch->segment.result = ngx_rtprop_batch_result;
    batch->segment.end = ngx_rtprop_held_written;

    if (ngx_rtprop_batch_put(store) != NGX_OK
        || ngx_rtprop_held_say(&store->writer, "COMMIT") != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_rtprop_pg_sync(&store->writer, &batch->segment);
}


static void
ngx_rtprop_held_written(ngx_rtprop_pg_segment_t *segment, ngx_int_t rc)
{
    ngx_rtprop_store_t  *store;

    store = segment->data;

    if (rc != NGX_OK) {
        PQclear(store->batch.error);
        ngx_rtprop_batch_again(store, NGX_RTPROP_AGAIN_LOST);
        return;
    }

    if (store->batch.error) {
        ngx_rtprop_held_sent(store, ngx_rtprop_held_drop(store));
        return;
    }

    ngx_rtprop_batch_committed(store);
    ngx_rtprop_store_write(store);
}


static ngx_int_t
ngx_rtprop_held_drop(ngx_rtprop_store_t *store)
{
    ngx_rtprop_batch_t  *batch;

    batch = &store->batch;
    batch->statement = 1;       /* none: there is but this one */
    batch->segment.result = ngx_rtprop_held_result;
    batch->segment.end = ngx_rtprop_held_dropped;

    if (ngx_rtprop_held_say(&store->writer, "ROLLBACK") != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_rtprop_pg_sync(&store->writer, &batch->segment);
}


/*
 * Whether it was answered or the connection lost: it is rolled back.  An error
 * is of the connection that there was, and says nothing of the next one.
 */

static void
ngx_rtprop_held_dropped(ngx_rtprop_pg_segment_t *segment, ngx_int_t rc)
{
    ngx_rtprop_store_t  *store;

    store = segment->data;

    if (rc != NGX_OK) {
        PQclear(store->batch.error);
        store->batch.error = NULL;
        ngx_rtprop_held_end(store);
        return;
    }

    ngx_rtprop_held_end(store);
    ngx_rtprop_store_write(store);
}


/* What could not be sent has not been committed. */

static void
ngx_rtprop_held_sent(ngx_rtprop_store_t *store, ngx_int_t rc)
{
    if (rc == NGX_OK) {
        ngx_rtprop_pg_flush(&store->writer);
        return;
    }

    ngx_rtprop_held_end(store);

    ngx_rtprop_pg_lose(&store->writer, "connection failed",
                       PQerrorMessage(store->writer.db));
}


static void
ngx_rtprop_held_end(ngx_rtprop_store_t *store)
{
    ngx_int_t            verdict;
    ngx_rtprop_work_t   *w;
    ngx_rtprop_batch_t  *batch;

    batch = &store->batch;
    verdict = batch->verdict;

    if (batch->error) {
        ngx_rtprop_batch_failed(store);
        return;
    }

    if (verdict == NGX_OK) {
        ngx_rtprop_batch_again(store, NGX_RTPROP_AGAIN_TOGETHER);
        return;
    }

    w = ngx_rtprop_held_work(store);
    ngx_queue_remove(&w->queue);

    batch->active = 0;
    ngx_rtprop_store_done(store, w, verdict);
}
