/*
 * What a new connection goes through before it is used: its settings, whether
 * it may write, the schema's version, the named queries.
 */

#include "store/ngx_rtprop_pg.h"


#define NGX_RTPROP_PG_START                                                  \
    "(extract(epoch FROM backend_start) * 1000000)::bigint"


/* A query under preparation; freed with its segment's end. */

typedef struct {
    ngx_rtprop_pg_segment_t    segment;
    ngx_rtprop_pg_t           *pg;
    ngx_rtprop_query_t        *query;
    ngx_uint_t                 describe;   /* number of that statement */
    ngx_uint_t                 failed;     /* unsigned failed:1 */
} ngx_rtprop_pg_preparing_t;


static ngx_int_t ngx_rtprop_pg_session(ngx_rtprop_pg_t *pg, PGresult *res);
static ngx_int_t ngx_rtprop_pg_end_former(ngx_rtprop_pg_t *pg);
static ngx_int_t ngx_rtprop_pg_former_ended(ngx_rtprop_pg_t *pg,
    PGresult *res);
static ngx_int_t ngx_rtprop_pg_migrations(ngx_rtprop_pg_t *pg);
static ngx_int_t ngx_rtprop_pg_version(ngx_rtprop_pg_t *pg, PGresult *res);
static ngx_int_t ngx_rtprop_pg_version_bad(ngx_rtprop_pg_t *pg,
    PGresult *res);
static ngx_int_t ngx_rtprop_pg_pipeline(ngx_rtprop_pg_t *pg);
static void ngx_rtprop_pg_standing(ngx_rtprop_pg_t *pg);
static ngx_int_t ngx_rtprop_pg_prepare_query(ngx_rtprop_pg_t *pg,
    ngx_rtprop_query_t *query);
static void ngx_rtprop_pg_prepare_result(ngx_rtprop_pg_segment_t *segment,
    PGresult *res, ngx_uint_t nth);
static void ngx_rtprop_pg_prepare_end(ngx_rtprop_pg_segment_t *segment,
    ngx_int_t rc);
static ngx_uint_t ngx_rtprop_pg_check(ngx_rtprop_query_t *query,
    PGresult *res, u_char *buf, size_t size);
static void ngx_rtprop_pg_unusable(ngx_rtprop_pg_t *pg,
    ngx_rtprop_query_t *query, const char *why);


void
ngx_rtprop_pg_setup(ngx_rtprop_pg_t *pg)
{
    u_char  sql[768];

    (void) ngx_snprintf(sql, sizeof(sql),
        "SELECT current_setting('transaction_read_only'),"
        " current_setting('synchronous_commit'),"
        " current_setting('server_version_num'),"
        " set_config('statement_timeout', '%M', false),"
        " set_config('lock_timeout', '0', false),"
        " set_config('idle_in_transaction_session_timeout', '%M', false),"
        " set_config('default_transaction_isolation',"
                   " 'read committed', false),"
        " set_config('default_transaction_deferrable', 'off', false),"
        " pg_backend_pid(), (SELECT " NGX_RTPROP_PG_START
        " FROM pg_stat_activity WHERE pid = pg_backend_pid())%Z",
        pg->store->conf->timeout, pg->store->conf->timeout * 2);

    (void) ngx_rtprop_pg_ask(pg, (char *) sql, ngx_rtprop_pg_session);
}


static ngx_int_t
ngx_rtprop_pg_session(ngx_rtprop_pg_t *pg, PGresult *res)
{
    ngx_log_t  *log;

    log = pg->store->worker->log;

    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        ngx_rtprop_pg_lose(pg, "setup failed", PQresultErrorMessage(res));
        return NGX_ERROR;
    }

    if (pg->writes && ngx_strcmp(PQgetvalue(res, 0, 0), "on") == 0) {
        ngx_rtprop_pg_lose(pg, "read-only",
                           "it is a standby, or default_transaction_read_only "
                           "is on");
        return NGX_ERROR;
    }

    if (pg->writes && ngx_strcmp(PQgetvalue(res, 0, 1), "off") == 0
        && pg->failures == 0)
    {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "rtprop: PostgreSQL has synchronous_commit off: what "
                      "is acknowledged may be lost when it crashes");
    }

    pg->backend.pid = ngx_rtprop_pg_number(res, 0, 8);
    pg->backend.start = ngx_rtprop_pg_number(res, 0, 9);

    return (pg->writes && pg->former.pid) ? ngx_rtprop_pg_end_former(pg)
                                          : ngx_rtprop_pg_migrations(pg);
}


/*
 * What the former connection was asked for is asked for again by this one.  If
 * its process hangs, or has not read all yet, it would do so after it.
 */

static ngx_int_t
ngx_rtprop_pg_end_former(ngx_rtprop_pg_t *pg)
{
    u_char  sql[256];

    (void) ngx_snprintf(sql, sizeof(sql),
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE pid = %ui AND " NGX_RTPROP_PG_START " = %ui%Z",
        pg->former.pid, pg->former.start);

    return ngx_rtprop_pg_ask(pg, (char *) sql, ngx_rtprop_pg_former_ended);
}


static ngx_int_t
ngx_rtprop_pg_former_ended(ngx_rtprop_pg_t *pg, PGresult *res)
{
    u_char     buf[256];
    ngx_str_t  line;

    pg->former.pid = 0;

    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        line = ngx_rtprop_pg_line(PQresultErrorMessage(res), buf, sizeof(buf));

        ngx_log_error(NGX_LOG_WARN, pg->store->worker->log, 0,
                      "rtprop: PostgreSQL, the %s connection: the former one's "
                      "process goes on: %V", pg->name, &line);
    }

    return ngx_rtprop_pg_migrations(pg);
}


static ngx_int_t
ngx_rtprop_pg_migrations(ngx_rtprop_pg_t *pg)
{
    return ngx_rtprop_pg_ask(pg,
        "SELECT coalesce(max(version), 0),"
        " coalesce(max(version) FILTER (WHERE breaking), 0)"
        " FROM rtprop.migration", ngx_rtprop_pg_version);
}


static ngx_int_t
ngx_rtprop_pg_version(ngx_rtprop_pg_t *pg, PGresult *res)
{
    u_char       buf[128];
    ngx_uint_t   version, breaking, ours;
    const char  *why;

    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        return ngx_rtprop_pg_version_bad(pg, res);
    }

    ours = ngx_rtprop_pg_schema();
    version = ngx_rtprop_pg_number(res, 0, 0);
    breaking = ngx_rtprop_pg_number(res, 0, 1);

    if (version >= ours && breaking <= ours) {
        return ngx_rtprop_pg_pipeline(pg);
    }

    if (version < ours && pg->store->conf->migrate && pg->writes) {
        return ngx_rtprop_pg_migrate(pg);
    }

    if (version < ours) {
        why = "schema too old";
        (void) ngx_snprintf(buf, sizeof(buf), "it has version %ui, this "
                            "module needs %ui: make migrate%Z", version, ours);

    } else {
        why = "schema too new";
        (void) ngx_snprintf(buf, sizeof(buf), "it has version %ui, which "
                            "needs a newer module; this one knows %ui%Z",
                            breaking, ours);
    }

    ngx_rtprop_pg_lose(pg, why, (char *) buf);

    return NGX_ERROR;
}


static ngx_int_t
ngx_rtprop_pg_version_bad(ngx_rtprop_pg_t *pg, PGresult *res)
{
    const char  *state;

    state = PQresultErrorField(res, PG_DIAG_SQLSTATE);

    /* undefined table, undefined schema */

    if (state && (ngx_strcmp(state, "42P01") == 0
                  || ngx_strcmp(state, "3F000") == 0))
    {
        if (pg->store->conf->migrate && pg->writes) {
            return ngx_rtprop_pg_migrate(pg);
        }

        ngx_rtprop_pg_lose(pg, "schema missing",
                           "there is no table rtprop.migration: make migrate");
        return NGX_ERROR;
    }

    ngx_rtprop_pg_lose(pg, state && ngx_strcmp(state, "42501") == 0
                           ? "no right on schema rtprop" : "setup failed",
                       PQresultErrorMessage(res));

    return NGX_ERROR;
}


static ngx_int_t
ngx_rtprop_pg_pipeline(ngx_rtprop_pg_t *pg)
{
    if (PQenterPipelineMode(pg->db) != 1) {
        ngx_rtprop_pg_lose(pg, "setup failed", PQerrorMessage(pg->db));
        return NGX_ERROR;
    }

    pg->state = NGX_RTPROP_PG_PREPARING;

    if (!pg->prepares) {
        ngx_rtprop_pg_standing(pg);
        return NGX_DONE;
    }

    ngx_memzero(pg->prepared, pg->store->conf->queries.nelts);

    if (ngx_rtprop_pg_prepare(pg) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_DONE;
}


static void
ngx_rtprop_pg_standing(ngx_rtprop_pg_t *pg)
{
    ngx_log_error(NGX_LOG_NOTICE, pg->store->worker->log, 0,
                  "rtprop: PostgreSQL, the %s connection stands", pg->name);

    ngx_rtprop_store_bump(pg->store, NGX_RTPROP_STORE_CONNECTS, 1);

    if (pg->timer.timer_set) {
        ngx_del_timer(&pg->timer);
    }

    pg->state = NGX_RTPROP_PG_READY;
    pg->status = "ok";
    pg->failures = 0;
    pg->backoff = 0;

    pg->ready(pg);
}


ngx_int_t
ngx_rtprop_pg_prepare(ngx_rtprop_pg_t *pg)
{
    ngx_uint_t            i;
    ngx_rtprop_query_t  **query;

    query = pg->store->conf->queries.elts;

    for (i = 0; i < pg->store->conf->queries.nelts; i++) {

        if (pg->prepared[i] && pg->unusable[i] == NULL) {
            continue;
        }

        if (ngx_rtprop_pg_prepare_query(pg, query[i]) != NGX_OK) {
            ngx_rtprop_pg_lose(pg, "setup failed",
                               PQerrorMessage(pg->db));
            return NGX_ERROR;
        }
    }

    ngx_rtprop_pg_flush(pg);

    return pg->db ? NGX_OK : NGX_ERROR;
}


/* One that was prepared, but does not fit, is forgotten first. */

static ngx_int_t
ngx_rtprop_pg_prepare_query(ngx_rtprop_pg_t *pg, ngx_rtprop_query_t *query)
{
    u_char                      sql[128];
    ngx_rtprop_pg_preparing_t  *p;

    p = ngx_calloc(sizeof(ngx_rtprop_pg_preparing_t), pg->store->worker->log);

    if (p == NULL) {
        return NGX_ERROR;
    }

    p->pg = pg;
    p->query = query;
    p->describe = 1;
    p->segment.result = ngx_rtprop_pg_prepare_result;
    p->segment.end = ngx_rtprop_pg_prepare_end;
    p->segment.data = p;

    if (pg->prepared[query->index]) {
        (void) ngx_snprintf(sql, sizeof(sql), "DEALLOCATE \"%s\"%Z",
                            query->name);
        p->describe = 2;

        if (PQsendQueryParams(pg->db, (char *) sql, 0, NULL, NULL, NULL, NULL,
                              0)
            == 0)
        {
            ngx_free(p);
            return NGX_ERROR;
        }

        pg->prepared[query->index] = 0;
    }

    if (PQsendPrepare(pg->db, query->name, query->sql, query->nparams,
                      query->oids)
        == 0
        || PQsendDescribePrepared(pg->db, query->name) == 0
        || ngx_rtprop_pg_sync(pg, &p->segment) != NGX_OK)
    {
        ngx_free(p);
        return NGX_ERROR;
    }

    pg->preparing++;

    return NGX_OK;
}


static void
ngx_rtprop_pg_prepare_result(ngx_rtprop_pg_segment_t *segment, PGresult *res,
    ngx_uint_t nth)
{
    u_char                      buf[256];
    ngx_rtprop_pg_preparing_t  *p;

    p = segment->data;

    switch (PQresultStatus(res)) {

    case PGRES_COMMAND_OK:

        if (nth == p->describe - 1) {
            p->pg->prepared[p->query->index] = 1;

        } else if (nth == p->describe) {
            p->failed = !ngx_rtprop_pg_check(p->query, res, buf, sizeof(buf));

            if (p->failed) {
                ngx_rtprop_pg_unusable(p->pg, p->query, (char *) buf);
            }
        }

        break;

    case PGRES_PIPELINE_ABORTED:
        break;

    default:
        if (ngx_rtprop_store_failure(p->pg, res) == NGX_RTPROP_FAIL_LOST) {
            p->pg->doomed = "connection terminated";

        } else if (!p->failed) {
            p->failed = 1;
            ngx_rtprop_pg_unusable(p->pg, p->query,
                                   PQresultErrorField(res,
                                                  PG_DIAG_MESSAGE_PRIMARY));
        }
    }

    PQclear(res);
}


static void
ngx_rtprop_pg_prepare_end(ngx_rtprop_pg_segment_t *segment, ngx_int_t rc)
{
    ngx_rtprop_pg_t            *pg;
    ngx_rtprop_query_t         *query;
    ngx_rtprop_pg_preparing_t  *p;

    p = segment->data;
    pg = p->pg;
    query = p->query;

    pg->preparing--;

    if (rc == NGX_OK && !p->failed && pg->unusable[query->index]) {
        ngx_free(pg->unusable[query->index]);
        pg->unusable[query->index] = NULL;
        ngx_rtprop_store_bump(pg->store, NGX_RTPROP_STORE_UNUSABLE, -1);
    }

    ngx_free(p);

    if (rc == NGX_OK && pg->preparing == 0
        && pg->state == NGX_RTPROP_PG_PREPARING)
    {
        if (pg->unusable[pg->store->conf->lock->index]) {
            pg->doomed = "setup failed";
            return;
        }

        ngx_rtprop_pg_standing(pg);
    }
}


/* Whether the statement's columns are those that were declared. */

static ngx_uint_t
ngx_rtprop_pg_check(ngx_rtprop_query_t *query, PGresult *res, u_char *buf,
    size_t size)
{
    u_char              *last;
    ngx_uint_t           i, n;
    rtprop_sql_field_t  *f;

    last = buf + size;
    n = PQnparams(res);

    if (n != query->nparams) {
        (void) ngx_slprintf(buf, last, "it takes %ui parameters, it is given "
                            "%ui: %s%Z", n, query->nparams, query->params);
        buf[size - 1] = '\0';
        return 0;
    }

    n = PQnfields(res);

    if (query->ncolumns && n != query->ncolumns) {
        (void) ngx_slprintf(buf, last, "it gives %ui columns, it must give "
                            "%ui: %s%Z", n, query->ncolumns, query->columns);
        buf[size - 1] = '\0';
        return 0;
    }

    for (i = 0; i < query->ncolumns; i++) {
        f = &query->fields[query->nparams + i];

        if (!rtprop_sql_type_fits(f->type, PQftype(res, i))
            || ngx_strlen(PQfname(res, i)) != f->len
            || ngx_strncmp(PQfname(res, i), f->name, f->len) != 0)
        {
            (void) ngx_slprintf(buf, last, "its column %ui is \"%s\" of type "
                                "%ui, it must be \"%*s %s\"%Z", i + 1,
                                PQfname(res, i), (ngx_uint_t) PQftype(res, i),
                                f->len, f->name,
                                rtprop_sql_type_name(f->type));
            buf[size - 1] = '\0';
            return 0;
        }
    }

    return 1;
}


/* Said once, until it says something else. */

static void
ngx_rtprop_pg_unusable(ngx_rtprop_pg_t *pg, ngx_rtprop_query_t *query,
    const char *why)
{
    u_char              **slot, *text, *other;
    size_t                len;
    ngx_rtprop_store_t   *store;

    store = pg->store;
    slot = &pg->unusable[query->index];
    other = (pg == &store->reader ? &store->writer : &store->reader)
            ->unusable[query->index];

    if (why == NULL) {
        why = "no reason given";
    }

    if (*slot && ngx_strcmp(*slot, why) == 0) {
        return;
    }

    if (other == NULL || ngx_strcmp(other, why) != 0) {
        ngx_log_error(NGX_LOG_ERR, store->worker->log, 0,
                      "rtprop: query \"%s\" is unusable: %s", query->name,
                      why);
    }

    len = ngx_strlen(why) + 1;
    text = ngx_alloc(len, store->worker->log);

    if (text == NULL) {
        pg->doomed = "out of memory";
        return;
    }

    ngx_memcpy(text, why, len);

    if (*slot) {
        ngx_free(*slot);

    } else {
        ngx_rtprop_store_bump(store, NGX_RTPROP_STORE_UNUSABLE, 1);
    }

    *slot = text;
}


ngx_uint_t
ngx_rtprop_pg_number(const PGresult *res, int row, int column)
{
    ngx_int_t  n;

    n = ngx_atoi((u_char *) PQgetvalue(res, row, column),
                 (size_t) PQgetlength(res, row, column));

    return n == NGX_ERROR ? 0 : (ngx_uint_t) n;
}
