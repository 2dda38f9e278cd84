/*
 * "migrate=on": the migrations of sql/, compiled in, all that are missing in
 * one transaction under an advisory lock, so that many workers and machines
 * may start at once.  tools/migrate.sh does the same by psql.
 */

#include "store/ngx_rtprop_pg.h"


/* The same number in tools/migrate.sh. */
#define NGX_RTPROP_MIGRATE_LOCK  "7382059118"
#define NGX_RTPROP_MIGRATE_TIME  600000      /* ms, for waiting and working */


typedef struct {
    ngx_uint_t       version;
    const char      *name;
    ngx_uint_t       breaking;
    const char      *sql;
} ngx_rtprop_migration_t;


#include <ngx_rtprop_sql.h>


static ngx_int_t ngx_rtprop_pg_migrate_locked(ngx_rtprop_pg_t *pg,
    PGresult *res);
static ngx_int_t ngx_rtprop_pg_migrate_known(ngx_rtprop_pg_t *pg,
    PGresult *res);
static ngx_int_t ngx_rtprop_pg_migrate_next(ngx_rtprop_pg_t *pg);
static ngx_int_t ngx_rtprop_pg_migrate_applied(ngx_rtprop_pg_t *pg,
    PGresult *res);
static ngx_int_t ngx_rtprop_pg_migrate_done(ngx_rtprop_pg_t *pg,
    PGresult *res);
static ngx_int_t ngx_rtprop_pg_migrate_failed(ngx_rtprop_pg_t *pg,
    PGresult *res);


ngx_uint_t
ngx_rtprop_pg_schema(void)
{
    return sizeof(ngx_rtprop_migrations) / sizeof(ngx_rtprop_migrations[0])
           - 1;
}


ngx_int_t
ngx_rtprop_pg_migrate(ngx_rtprop_pg_t *pg)
{
    ngx_add_timer(&pg->timer, NGX_RTPROP_MIGRATE_TIME);

    return ngx_rtprop_pg_ask(pg,
        "BEGIN; SET LOCAL statement_timeout = 0;"
        " SET LOCAL idle_in_transaction_session_timeout = 0;"
        " SELECT pg_advisory_xact_lock(" NGX_RTPROP_MIGRATE_LOCK ")",
        ngx_rtprop_pg_migrate_locked);
}


/* Another one may have done it meanwhile. */

static ngx_int_t
ngx_rtprop_pg_migrate_locked(ngx_rtprop_pg_t *pg, PGresult *res)
{
    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        return ngx_rtprop_pg_migrate_failed(pg, res);
    }

    return ngx_rtprop_pg_ask(pg,
        "SELECT to_regclass('rtprop.migration') IS NOT NULL",
        ngx_rtprop_pg_migrate_known);
}


static ngx_int_t
ngx_rtprop_pg_migrate_known(ngx_rtprop_pg_t *pg, PGresult *res)
{
    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        return ngx_rtprop_pg_migrate_failed(pg, res);
    }

    if (PQnfields(res) == 1 && PQgetvalue(res, 0, 0)[0] == 't') {
        return ngx_rtprop_pg_ask(pg,
            "SELECT coalesce(max(version), 0), true FROM rtprop.migration",
            ngx_rtprop_pg_migrate_known);
    }

    pg->migration = PQnfields(res) == 2 ? ngx_rtprop_pg_number(res, 0, 0) : 0;

    return ngx_rtprop_pg_migrate_next(pg);
}


static ngx_int_t
ngx_rtprop_pg_migrate_next(ngx_rtprop_pg_t *pg)
{
    size_t                         size;
    u_char                        *sql;
    ngx_int_t                      rc;
    const ngx_rtprop_migration_t  *m;

    if (pg->migration >= ngx_rtprop_pg_schema()) {
        return ngx_rtprop_pg_ask(pg, "COMMIT", ngx_rtprop_pg_migrate_done);
    }

    m = &ngx_rtprop_migrations[pg->migration];

    size = ngx_strlen(m->sql) + ngx_strlen(m->name) + 128;
    sql = ngx_alloc(size, pg->store->worker->log);

    if (sql == NULL) {
        ngx_rtprop_pg_lose(pg, "out of memory", NULL);
        return NGX_ERROR;
    }

    (void) ngx_snprintf(sql, size,
                        "%s;\nINSERT INTO rtprop.migration"
                        " (version, name, breaking) VALUES (%ui, '%s', %s)%Z",
                        m->sql, m->version, m->name,
                        m->breaking ? "true" : "false");

    rc = ngx_rtprop_pg_ask(pg, (char *) sql, ngx_rtprop_pg_migrate_applied);

    ngx_free(sql);

    return rc;
}


static ngx_int_t
ngx_rtprop_pg_migrate_applied(ngx_rtprop_pg_t *pg, PGresult *res)
{
    const ngx_rtprop_migration_t  *m;

    if (PQresultStatus(res) == PGRES_FATAL_ERROR) {
        return ngx_rtprop_pg_migrate_failed(pg, res);
    }

    m = &ngx_rtprop_migrations[pg->migration++];

    ngx_log_error(NGX_LOG_NOTICE, pg->store->worker->log, 0,
                  "rtprop: migration %03ui_%s", m->version, m->name);

    return ngx_rtprop_pg_migrate_next(pg);
}


static ngx_int_t
ngx_rtprop_pg_migrate_done(ngx_rtprop_pg_t *pg, PGresult *res)
{
    if (PQresultStatus(res) != PGRES_COMMAND_OK
        || ngx_strcmp(PQcmdStatus(res), "COMMIT") != 0)
    {
        return ngx_rtprop_pg_migrate_failed(pg, res);
    }

    ngx_add_timer(&pg->timer, pg->store->conf->connect_timeout);

    /* looks at the version once more, and goes on from there */

    ngx_rtprop_pg_setup(pg);

    return pg->db ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_rtprop_pg_migrate_failed(ngx_rtprop_pg_t *pg, PGresult *res)
{
    u_char  buf[512];

    (void) ngx_snprintf(buf, sizeof(buf) - 1, "%s: %s%Z",
                        pg->migration < ngx_rtprop_pg_schema()
                        ? ngx_rtprop_migrations[pg->migration].name : "commit",
                        PQresultErrorMessage(res));
    buf[sizeof(buf) - 1] = '\0';

    ngx_rtprop_pg_lose(pg, "migration failed", (char *) buf);

    return NGX_ERROR;
}
