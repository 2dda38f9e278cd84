/*
 * Reads: each a segment of its own in one pipeline, so that an error is its
 * own business; and what an error of the database means.
 */

#include "store/ngx_rtprop_pg.h"


#define NGX_RTPROP_READ_DEPTH  64       /* under way at a time */
#define NGX_RTPROP_READ_TRIES  3


typedef struct {
    ngx_rtprop_pg_segment_t    segment;
    ngx_rtprop_store_t        *store;
    ngx_rtprop_work_t         *work;      /* NULL: nobody waits for it */
    PGresult                  *error;
} ngx_rtprop_read_t;


static ngx_int_t ngx_rtprop_read_send(ngx_rtprop_store_t *store,
    ngx_rtprop_work_t *w);
static void ngx_rtprop_read_result(ngx_rtprop_pg_segment_t *segment,
    PGresult *res, ngx_uint_t nth);
static void ngx_rtprop_read_end(ngx_rtprop_pg_segment_t *segment,
    ngx_int_t rc);
static void ngx_rtprop_read_failed(ngx_rtprop_store_t *store,
    ngx_rtprop_work_t *w, PGresult *error);
static void ngx_rtprop_read_again(ngx_rtprop_store_t *store,
    ngx_rtprop_work_t *w);
static ngx_uint_t ngx_rtprop_store_trouble(ngx_rtprop_store_t *store,
    const char *state);


void
ngx_rtprop_store_read(ngx_rtprop_store_t *store)
{
    ngx_rtprop_pg_t    *pg;
    ngx_rtprop_work_t  *w;

    pg = &store->reader;

    if (pg->state != NGX_RTPROP_PG_READY || pg->doomed) {
        return;
    }

    while (store->nreading < NGX_RTPROP_READ_DEPTH) {

        w = ngx_rtprop_store_next(store, &store->reads);

        if (w == NULL) {
            break;
        }

        if (ngx_rtprop_read_send(store, w) != NGX_OK) {
            ngx_rtprop_pg_lose(pg, "connection failed",
                               PQerrorMessage(pg->db));
            return;
        }
    }

    ngx_rtprop_pg_flush(pg);
}


static ngx_int_t
ngx_rtprop_read_send(ngx_rtprop_store_t *store, ngx_rtprop_work_t *w)
{
    ngx_uint_t          i;
    ngx_rtprop_read_t  *read;

    read = ngx_calloc(sizeof(ngx_rtprop_read_t), store->worker->log);

    if (read == NULL) {
        return NGX_ERROR;
    }

    read->segment.result = ngx_rtprop_read_result;
    read->segment.end = ngx_rtprop_read_end;
    read->segment.data = read;
    read->store = store;
    read->work = w;

    for (i = 0; i < w->n; i++) {
        w->statements[i].result = NULL;

        if (ngx_rtprop_store_send(&store->reader, &w->statements[i])
            != NGX_OK)
        {
            ngx_free(read);
            return NGX_ERROR;
        }
    }

    if (ngx_rtprop_pg_sync(&store->reader, &read->segment) != NGX_OK) {
        ngx_free(read);
        return NGX_ERROR;
    }

    ngx_queue_remove(&w->queue);
    w->sent = read;
    store->nreading++;

    return NGX_OK;
}


static void
ngx_rtprop_read_result(ngx_rtprop_pg_segment_t *segment, PGresult *res,
    ngx_uint_t nth)
{
    ngx_rtprop_work_t  *w;
    ngx_rtprop_read_t  *read;

    read = segment->data;
    w = read->work;

    switch (PQresultStatus(res)) {

    case PGRES_TUPLES_OK:
    case PGRES_COMMAND_OK:

        if (w && nth < w->n && w->statements[nth].result == NULL) {
            w->statements[nth].result = res;
            return;
        }

        break;

    case PGRES_PIPELINE_ABORTED:
        break;

    default:

        if (w && read->error == NULL) {
            read->error = res;
            w->failed = ngx_min(nth, w->n - 1);
            return;
        }
    }

    PQclear(res);
}


static void
ngx_rtprop_read_end(ngx_rtprop_pg_segment_t *segment, ngx_int_t rc)
{
    PGresult            *error;
    ngx_rtprop_read_t   *read;
    ngx_rtprop_work_t   *w;
    ngx_rtprop_store_t  *store;

    read = segment->data;

    store = read->store;
    error = read->error;
    w = read->work;

    ngx_free(read);
    store->nreading--;

    if (w) {
        w->sent = NULL;
    }

    if (rc != NGX_OK) {
        PQclear(error);

        if (w) {
            ngx_rtprop_read_again(store, w);
        }

        return;
    }

    if (error) {
        ngx_rtprop_read_failed(store, w, error);
        PQclear(error);

    } else if (w) {
        ngx_rtprop_store_done(store, w, NGX_OK);
    }

    if (!ngx_queue_empty(&store->reads) && !store->flush.posted) {
        ngx_post_event(&store->flush, &ngx_posted_events);
    }
}


static void
ngx_rtprop_read_failed(ngx_rtprop_store_t *store, ngx_rtprop_work_t *w,
    PGresult *error)
{
    const char         *state;
    ngx_rtprop_fail_e   fail;

    ngx_rtprop_store_log_failure(store, w->statements[w->failed].query->name,
                                 error);

    fail = ngx_rtprop_store_failure(&store->reader, error);

    if (fail > NGX_RTPROP_FAIL_UNAVAILABLE
        && w->attempts < NGX_RTPROP_READ_TRIES)
    {
        ngx_rtprop_read_again(store, w);
        return;
    }

    state = PQresultErrorField(error, PG_DIAG_SQLSTATE);

    if (state) {
        (void) ngx_cpystrn((u_char *) w->sqlstate, (u_char *) state,
                           sizeof(w->sqlstate));
    }

    ngx_rtprop_store_done(store, w, fail == NGX_RTPROP_FAIL_REFUSED
                                    ? NGX_DECLINED : NGX_ERROR);
}


void
ngx_rtprop_store_forget(ngx_rtprop_store_t *store, ngx_rtprop_work_t *w)
{
    ngx_uint_t          i;
    ngx_rtprop_read_t  *read;

    read = w->sent;

    if (read) {
        PQclear(read->error);
        read->error = NULL;
        read->work = NULL;

        for (i = 0; i < w->n; i++) {
            PQclear(w->statements[i].result);
            w->statements[i].result = NULL;
        }

    } else {
        ngx_queue_remove(&w->queue);
    }

    store->nworks--;
    ngx_rtprop_store_bump(store, NGX_RTPROP_STORE_QUEUE, -1);
    ngx_rtprop_store_bump(store, NGX_RTPROP_STORE_FAILED, 1);
}


/* Ahead of those that wait: it was the last one of a lost pipeline so far. */

static void
ngx_rtprop_read_again(ngx_rtprop_store_t *store, ngx_rtprop_work_t *w)
{
    ngx_uint_t  i;

    for (i = 0; i < w->n; i++) {
        PQclear(w->statements[i].result);
        w->statements[i].result = NULL;
    }

    w->attempts++;

    if (w->attempts > NGX_RTPROP_READ_TRIES) {
        ngx_rtprop_store_done(store, w, NGX_ERROR);
        return;
    }

    ngx_rtprop_store_bump(store, NGX_RTPROP_STORE_RESENT, 1);
    ngx_queue_insert_head(&store->reads, &w->queue);
}


/*
 * By SQLSTATE, the first two octets of which are the class.  What is wrong
 * with the connection dooms it.
 */

ngx_rtprop_fail_e
ngx_rtprop_store_failure(ngx_rtprop_pg_t *pg, PGresult *error)
{
    size_t       i;
    const char  *state, *severity;

    static const struct {
        const char         *state;
        ngx_rtprop_fail_e   fail;
        const char         *doom;
    } failures[] = {
        { "0A000", NGX_RTPROP_FAIL_RECONNECT, "plans outdated" },
        { "26000", NGX_RTPROP_FAIL_RECONNECT, "prepared statements lost" },
        { "25006", NGX_RTPROP_FAIL_RECONNECT, "read-only" },
        { "57014", NGX_RTPROP_FAIL_UNAVAILABLE, NULL },    /* time limit */
        { "55P03", NGX_RTPROP_FAIL_AGAIN, NULL },          /* lock */
        { "40", NGX_RTPROP_FAIL_AGAIN, NULL },             /* deadlock */
        { "53", NGX_RTPROP_FAIL_UNAVAILABLE, NULL },       /* disk full */
        { "54", NGX_RTPROP_FAIL_UNAVAILABLE, NULL },       /* too complex */
        { "57", NGX_RTPROP_FAIL_UNAVAILABLE, NULL },       /* operator */
        { "58", NGX_RTPROP_FAIL_UNAVAILABLE, NULL },       /* system */
        { "XX", NGX_RTPROP_FAIL_UNAVAILABLE, NULL }        /* internal */
    };

    state = PQresultErrorField(error, PG_DIAG_SQLSTATE);
    severity = PQresultErrorField(error, PG_DIAG_SEVERITY_NONLOCALIZED);

    if (state == NULL
        || (severity && (ngx_strcmp(severity, "FATAL") == 0
                         || ngx_strcmp(severity, "PANIC") == 0)))
    {
        pg->doomed = "connection terminated";
        return NGX_RTPROP_FAIL_LOST;
    }

    for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {

        if (ngx_strncmp(state, failures[i].state,
                        ngx_strlen(failures[i].state)) == 0)
        {
            if (failures[i].doom) {
                pg->doomed = failures[i].doom;
            }

            return failures[i].fail;
        }
    }

    return NGX_RTPROP_FAIL_REFUSED;
}


/*
 * The primary message only: details may quote a user's words.  Without a code
 * it is libpq's word for a connection that ended, which is an error of its own.
 */

void
ngx_rtprop_store_log_failure(ngx_rtprop_store_t *store, const char *query,
    PGresult *error)
{
    u_char       buf[256];
    ngx_str_t    line;
    ngx_uint_t   level;
    const char  *state, *message;

    state = PQresultErrorField(error, PG_DIAG_SQLSTATE);
    message = PQresultErrorField(error, PG_DIAG_MESSAGE_PRIMARY);

    line = ngx_rtprop_pg_line(message ? message : PQresultErrorMessage(error),
                              buf, sizeof(buf));

    if (state == NULL) {
        ngx_log_error(NGX_LOG_WARN, store->worker->log, 0,
                      "rtprop: PostgreSQL left %s%s without an answer: %V",
                      query ? "query " : "a transaction", query ? query : "",
                      &line);
        return;
    }

    level = ngx_rtprop_store_trouble(store, state);

    ngx_log_error(level, store->worker->log, 0,
                  "rtprop: PostgreSQL refused %s%s: %V (%s)",
                  query ? "query " : "a transaction", query ? query : "",
                  &line, state);
}


/* Every statement may fail for it: it is told once.  Gives the log's level. */

static ngx_uint_t
ngx_rtprop_store_trouble(ngx_rtprop_store_t *store, const char *state)
{
    size_t       i;
    ngx_uint_t   again;
    const char  *trouble;

    static const struct {
        const char         *state;
        const char         *text;
    } troubles[] = {
        { "53100", "disk full" },
        { "53200", "out of memory" },
        { "53", "out of resources" },
        { "58", "system error" },
        { NULL, NULL }
    };

    for (i = 0; troubles[i].state; i++) {
        if (ngx_strncmp(state, troubles[i].state,
                        ngx_strlen(troubles[i].state)) == 0)
        {
            break;
        }
    }

    trouble = troubles[i].text;

    if (trouble == NULL) {
        return NGX_LOG_ERR;
    }

    again = store->trouble == trouble
            && ngx_current_msec - store->troubled < NGX_RTPROP_STORE_TROUBLE;

    store->trouble = trouble;
    store->troubled = ngx_current_msec;

    return again ? NGX_LOG_INFO : NGX_LOG_ERR;
}
