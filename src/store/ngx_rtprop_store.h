/*
 * The store: PostgreSQL, asked by named queries, written to in groups.
 *
 * Per worker one connection that writes, one that reads and, once somebody
 * listens, one for notifications.  All that is ready to be written in one turn
 * of the loop, and all that comes while a batch is under way, goes out as one
 * transaction with one commit.
 *
 *  - A work is done as a whole or not at all.  Its done() is called exactly
 *    once, never before ngx_rtprop_store_do() has returned unless that is
 *    said, and after the commit if it writes.  The work's memory, and what its
 *    parameters point at, stays the caller's and must stay until then.
 *  - Works of one worker that write are committed in the order given, unless
 *    another work of their batch failed; those that name a common lock keep
 *    their order in any case.
 *  - A statement's text is fixed at configuration time: results can't decide
 *    inside a work what it does next; SQL does that.  One exception: "ahead".
 *  - The connection may die at any moment: a work is then sent again, with
 *    retried set, so it must find out by its own id that it was done before.
 *  - Isolation is READ COMMITTED: each statement sees what was committed
 *    before it began, the locks of its batch being held by then.
 *  - Nothing here blocks.
 */

#ifndef _NGX_RTPROP_STORE_H_INCLUDED_
#define _NGX_RTPROP_STORE_H_INCLUDED_


#include "ngx_rtprop.h"


typedef struct ngx_rtprop_query_s      ngx_rtprop_query_t;
typedef struct ngx_rtprop_work_s       ngx_rtprop_work_t;
typedef struct ngx_rtprop_store_conf_s ngx_rtprop_store_conf_t;
typedef struct pg_result               ngx_rtprop_result_t;


/* ------------------------------------------------------------ queries --- */

/*
 * Registers a named query; call it in preconfiguration.  All four strings are
 * kept, not copied.  params and columns are lists "name type, name type" in
 * order of $1, $2, ... and of the result; either may be "".  Types:
 *
 *   text json bytea         octets (json also where SQL casts it to jsonb;
 *                           a jsonb column of a result serves as json)
 *   bigint boolean double   numbers (columns: smallint and integer serve as
 *                           bigint)
 *   timestamptz             milliseconds since 1970, UTC
 *   text[] bigint[]         parameters only, one dimension
 *
 * "rtprop_query name SQL" replaces sql.  Names, order and types of the result
 * are held against columns when a connection is made; a query that does not
 * fit is said in the log and in health, and works that use it end with
 * NGX_ERROR.  columns "": what it returns is of no interest.
 * Returns NULL when there is no memory, or the lists are wrong (logged).
 */
ngx_rtprop_query_t *ngx_rtprop_query_add(ngx_conf_t *cf, const char *name,
    const char *sql, const char *params, const char *columns);


/* -------------------------------------------------------------- works --- */

/* One parameter; which member counts is said by its declared type. */

typedef struct {
    ngx_str_t                  text;      /* octets; data NULL: SQL's NULL */
    int64_t                    number;    /* bigint, boolean, timestamptz */
    double                     real;      /* double */
    ngx_str_t                 *texts;     /* text[] ... */
    int64_t                   *numbers;   /* bigint[] ... */
    ngx_uint_t                 n;         /* ... of so many */
    unsigned                   null:1;    /* SQL's NULL, of any type */
} ngx_rtprop_param_t;


typedef struct {
    ngx_rtprop_query_t        *query;
    ngx_rtprop_param_t        *params;    /* as many as the query has */
    ngx_rtprop_result_t       *result;    /* out: in done() after NGX_OK only */
} ngx_rtprop_statement_t;


/*
 * rc in done():
 *   NGX_OK        done, and committed if it writes
 *   NGX_DECLINED  the database refused statement "failed" with sqlstate
 *                 (a constraint, RAISE); logged; nothing of it was done
 *   NGX_BUSY      the queue is full; nothing was done
 *   NGX_ERROR     database away, too slow, or a query is unusable; if it
 *                 writes and was sent, it may be committed all the same
 */
struct ngx_rtprop_work_s {
    void                     (*done)(ngx_rtprop_work_t *w);
    void                      *data;
    ngx_rtprop_statement_t    *statements;
    ngx_uint_t                 n;         /* 1 .. NGX_RTPROP_WORK_MAX */

    /*
     * With ahead, of one that writes: this statement is sent first, in the
     * same transaction, under the locks.  Then judge(), with its result there,
     * sets what statements and locks are to be and returns NGX_OK; anything
     * else, and all is rolled back, and that is rc.  It may be called again.
     * Such a work has a transaction of its own, which the database ends when
     * the worker does not come back to it in time.
     */
    ngx_rtprop_statement_t    *ahead;
    ngx_int_t                (*judge)(ngx_rtprop_work_t *w);

    /*
     * Names that are locked, for its transaction, ahead of all statements of
     * the batch and in one order everywhere: whoever names the same waits.
     */
    ngx_str_t                 *locks;
    ngx_uint_t                 nlocks;

    unsigned                   write:1;   /* else on the reading connection */
    /*
     * Out: it was sent before on a connection that was lost, so it may have
     * been committed.  The parameter "retry", where it points to one, has its
     * number set to 1 before it is sent again.
     */
    unsigned                   retried:1;
    ngx_rtprop_param_t        *retry;

    ngx_int_t                  rc;
    ngx_uint_t                 failed;
    char                       sqlstate[6];

    /* the store's own, until done() */
    ngx_queue_t                queue;
    ngx_msec_t                 deadline;
    ngx_uint_t                 attempts;
    void                      *sent;
};

#define NGX_RTPROP_WORK_MAX  256


/*
 * Takes the work.  When the database is away for longer than its grace, or
 * the queue is full, done() is called with NGX_ERROR or NGX_BUSY, maybe
 * before this returns: call it last.  A work without locks and statements
 * that read only takes what the reading connection sees; reads are sent at
 * the end of the turn too, each in a transaction of its own, in order.
 */
void ngx_rtprop_store_do(ngx_rtprop_store_t *store, ngx_rtprop_work_t *w);

/*
 * Nobody waits any more for a work that reads: done() will not be called, and
 * its memory is the caller's again.  It must have been given, and not be done.
 */
void ngx_rtprop_store_forget(ngx_rtprop_store_t *store, ngx_rtprop_work_t *w);


static inline ngx_rtprop_param_t
ngx_rtprop_param_text(ngx_str_t *text)
{
    ngx_rtprop_param_t  p;

    ngx_memzero(&p, sizeof(ngx_rtprop_param_t));
    p.text = *text;

    return p;
}


static inline ngx_rtprop_param_t
ngx_rtprop_param_number(int64_t number)
{
    ngx_rtprop_param_t  p;

    ngx_memzero(&p, sizeof(ngx_rtprop_param_t));
    p.number = number;

    return p;
}


/* ------------------------------------------------------------ results --- */

/*
 * Rows, and fields by row and column from 0, which must be there.  text: any
 * of text, json, bytea; it points into the result; data NULL for SQL's NULL.
 * number: bigint, boolean, timestamptz (ms); 0 for NULL.
 */
ngx_uint_t ngx_rtprop_result_rows(ngx_rtprop_result_t *result);
ngx_str_t ngx_rtprop_result_text(ngx_rtprop_result_t *result, ngx_uint_t row,
    ngx_uint_t column);
int64_t ngx_rtprop_result_number(ngx_rtprop_result_t *result, ngx_uint_t row,
    ngx_uint_t column);
double ngx_rtprop_result_real(ngx_rtprop_result_t *result, ngx_uint_t row,
    ngx_uint_t column);
ngx_uint_t ngx_rtprop_result_null(ngx_rtprop_result_t *result, ngx_uint_t row,
    ngx_uint_t column);


/* ------------------------------------------------- listening, standing --- */

/*
 * One who wants to know; kept until the worker ends.  Members may be NULL.
 */
typedef struct {
    void                      *data;
    /* both connections stand, again: what was missed may be read now */
    void  (*up)(void *data);
    /* the database went away; why as in status */
    void  (*down)(void *data, const char *why);
    /* LISTEN stands (again): what was said before is lost, read it */
    void  (*listening)(void *data, ngx_str_t *channel);
    void  (*notify)(void *data, ngx_str_t *channel, ngx_str_t *payload);
} ngx_rtprop_watcher_t;

/* Adds a watcher, which must stay; calls up() at once if it is up. */
ngx_int_t ngx_rtprop_store_watch(ngx_rtprop_store_t *store,
    ngx_rtprop_watcher_t *watcher);

/*
 * Makes the watcher hear a channel of LISTEN (a plain identifier: a-z, 0-9,
 * _), over reconnects; opens the listening connection if it is the first.
 */
ngx_int_t ngx_rtprop_store_listen(ngx_rtprop_store_t *store,
    ngx_rtprop_watcher_t *watcher, const char *channel);

/*
 * "ok", or what is wrong, for health and people: "connecting", "password
 * refused", "schema is missing", "read-only", "query chat_history: ...".
 */
const char *ngx_rtprop_store_status(ngx_rtprop_store_t *store);

/* Whether a work given now has a chance; else it ends with NGX_ERROR. */
ngx_uint_t ngx_rtprop_store_up(ngx_rtprop_store_t *store);


/* ---------------------------------------------------------- lifecycle --- */

/* Whether there is an rtprop_postgres; known from postconfiguration on. */
ngx_uint_t ngx_rtprop_store_configured(ngx_rtprop_main_conf_t *rmcf);

/* Warns of queries that were replaced, if there is no rtprop_postgres. */
void ngx_rtprop_store_check(ngx_conf_t *cf, ngx_rtprop_main_conf_t *rmcf);

/* Makes rmcf->store; called when rmcf is made. */
ngx_int_t ngx_rtprop_store_create_conf(ngx_conf_t *cf,
    ngx_rtprop_main_conf_t *rmcf);

/* Registers counters; called by the core's preconfiguration. */
ngx_int_t ngx_rtprop_store_preconfiguration(ngx_conf_t *cf);

/* Looks up the hosts that need no resolver; if there is rtprop_postgres. */
ngx_int_t ngx_rtprop_store_postconfiguration(ngx_conf_t *cf);

/* Makes worker->store, NULL without rtprop_postgres; starts to connect. */
ngx_int_t ngx_rtprop_store_init_worker(ngx_rtprop_worker_t *worker);

/* Closes the connections; works left end with NGX_ERROR. */
void ngx_rtprop_store_exit_worker(ngx_rtprop_worker_t *worker);

/* "rtprop_postgres conninfo [option=...]", "rtprop_query name SQL". */
char *ngx_rtprop_store_postgres(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_rtprop_store_query(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* _NGX_RTPROP_STORE_H_INCLUDED_ */
