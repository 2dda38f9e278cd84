/*
 * A connection to PostgreSQL on nginx's event loop, and what the files of the
 * store share.  For src/store/ only.
 */

#ifndef _NGX_RTPROP_PG_H_INCLUDED_
#define _NGX_RTPROP_PG_H_INCLUDED_


#include "store/ngx_rtprop_store.h"
#include "base/ngx_rtprop_stat.h"
#include "store/rtprop_sql.h"
#include <libpq-fe.h>


typedef struct ngx_rtprop_pg_s          ngx_rtprop_pg_t;
typedef struct ngx_rtprop_pg_segment_s  ngx_rtprop_pg_segment_t;


/* ------------------------------------------------------ configuration --- */

/* A host as it was given, and where its names led. */

typedef struct {
    ngx_str_t                  name;      /* or a socket's folder */
    ngx_str_t                  port;      /* empty: the default one */
    ngx_str_t                 *addrs;     /* numeric; none: a socket, or: */
    ngx_uint_t                 naddrs;
    unsigned                   resolve:1; /* asked for with each attempt */
} ngx_rtprop_pg_host_t;


/* The three lists that libpq wants, one member for each address. */

typedef struct {
    char                      *host;
    char                      *hostaddr;
    char                      *port;
    ngx_uint_t                 n;
} ngx_rtprop_pg_lists_t;


struct ngx_rtprop_query_s {
    const char                *name;
    const char                *sql;
    const char                *params;    /* as declared */
    const char                *columns;
    ngx_uint_t                 index;
    ngx_uint_t                 nparams;
    ngx_uint_t                 ncolumns;
    rtprop_sql_field_t        *fields;    /* parameters, then columns */
    Oid                       *oids;
    unsigned                   replaced:1;
};


struct ngx_rtprop_store_conf_s {
    ngx_array_t                queries;   /* ngx_rtprop_query_t * */
    ngx_rtprop_query_t        *lock;      /* the first one of them */
    ngx_array_t                hosts;     /* ngx_rtprop_pg_host_t */
    ngx_resolver_t            *resolver;  /* NULL: names were looked up */

    /* what libpq is told, hosts aside */
    ngx_array_t                keywords;  /* const char * */
    ngx_array_t                values;    /* const char * */

    ngx_uint_t                 queue;
    ngx_uint_t                 batch;
    ngx_msec_t                 timeout;
    ngx_msec_t                 connect_timeout;
    ngx_msec_t                 grace;

    unsigned                   configured:1;
    unsigned                   migrate:1;
};


/* -------------------------------------------------------- connections --- */

/*
 * What lies between two syncs of the pipeline.  Results come in order of the
 * statements sent; a statement may be followed by none (aborted ones are told
 * as PGRES_PIPELINE_ABORTED).
 */
struct ngx_rtprop_pg_segment_s {
    ngx_queue_t                queue;
    /*
     * A result of the statement number nth; the callee owns it.  nth is the
     * number of statements when the commit itself failed.
     */
    void  (*result)(ngx_rtprop_pg_segment_t *segment, PGresult *res,
              ngx_uint_t nth);
    /* NGX_OK: the sync was answered; NGX_ERROR: the connection is lost */
    void  (*end)(ngx_rtprop_pg_segment_t *segment, ngx_int_t rc);
    void                      *data;
    ngx_uint_t                 nth;
};


typedef enum {
    NGX_RTPROP_PG_DOWN = 0,         /* timer: the next attempt */
    NGX_RTPROP_PG_RESOLVING,
    NGX_RTPROP_PG_CONNECTING,
    NGX_RTPROP_PG_SETUP,            /* one statement at a time */
    NGX_RTPROP_PG_PREPARING,        /* pipeline from here */
    NGX_RTPROP_PG_READY
} ngx_rtprop_pg_state_e;


/* A process of the server; pids are used again. */

typedef struct {
    ngx_uint_t                 pid;
    ngx_uint_t                 start;     /* usec, by the server's clock */
} ngx_rtprop_pg_backend_t;


typedef ngx_int_t (*ngx_rtprop_pg_step_pt)(ngx_rtprop_pg_t *pg,
    PGresult *res);


struct ngx_rtprop_pg_s {
    const char                *name;      /* "writing" ..., for the log */
    ngx_rtprop_store_t        *store;
    PGconn                    *db;
    ngx_connection_t          *c;
    ngx_event_t                timer;     /* next attempt, or time limit */
    ngx_rtprop_pg_state_e      state;
    ngx_queue_t                segments;  /* sent, not answered */
    ngx_rtprop_pg_segment_t    ping;      /* the only one, when it is sent */

    ngx_pool_t                *pool;      /* till hosts are resolved: */
    ngx_rtprop_pg_host_t      *hosts;     /* as many as are configured */
    ngx_uint_t                 nhosts;    /* of them are done with */
    ngx_uint_t                 turn;      /* address that comes first */
    ngx_resolver_ctx_t        *resolving;

    ngx_rtprop_pg_step_pt      step;      /* of the setup */
    PGresult                  *res;       /* of its statement */
    ngx_rtprop_pg_backend_t    backend;   /* the server's end */
    ngx_rtprop_pg_backend_t    former;    /* given up; pid 0: none */
    ngx_uint_t                 migration; /* under way */

    void  (*ready)(ngx_rtprop_pg_t *pg);
    void  (*lost)(ngx_rtprop_pg_t *pg);
    void  (*notify)(ngx_rtprop_pg_t *pg, PGnotify *notify);

    u_char                   **unusable;  /* by query: why; NULL: usable */
    u_char                    *prepared;  /* by query, of this connection */
    ngx_uint_t                 preparing; /* so many are under way */

    ngx_msec_t                 backoff;
    const char                *status;    /* "ok" when ready */
    const char                *doomed;    /* to be dropped, and why */
    ngx_uint_t                 failures;  /* since it was last ready */

    unsigned                   writes:1;  /* must not be read-only */
    unsigned                   prepares:1;    /* the queries */
};


/* ----------------------------------------------------------- the store --- */

/* A write batch under way. */

typedef struct {
    ngx_rtprop_pg_segment_t    segment;
    ngx_queue_t                works;
    ngx_rtprop_work_t         *current;   /* whose result comes next */
    ngx_uint_t                 statement; /* of it */
    ngx_uint_t                 n;         /* works */
    uint64_t                   sent;      /* usec */
    ngx_rtprop_work_t         *offender;  /* NULL with failed: none of them */
    PGresult                  *error;
    ngx_int_t                  verdict;   /* of judge(), if it is rolled back */
    unsigned                   locked:1;  /* begins with the locks */
    unsigned                   active:1;
} ngx_rtprop_batch_t;


struct ngx_rtprop_store_s {
    ngx_rtprop_worker_t       *worker;
    ngx_rtprop_store_conf_t   *conf;

    ngx_rtprop_pg_t            writer;
    ngx_rtprop_pg_t            reader;
    ngx_rtprop_pg_t            listener;

    ngx_queue_t                writes;    /* waiting */
    ngx_queue_t                reads;
    ngx_uint_t                 nworks;    /* waiting or under way */
    ngx_uint_t                 nreading;  /* under way */
    ngx_rtprop_batch_t         batch;

    ngx_event_t                flush;     /* posted: send what is ready */
    ngx_event_t                away;      /* the grace, when not up */
    unsigned                   up:1;      /* both connections stand */
    unsigned                   gone:1;    /* and the grace is over */
    unsigned                   exiting:1;

    ngx_event_t                recheck;   /* of unusable queries */

    const char                *trouble;   /* the server's; NULL: none so far */
    ngx_msec_t                 troubled;  /* when it had it */

    ngx_array_t                watchers;  /* ngx_rtprop_watcher_t * */
    ngx_array_t                channels;  /* ngx_rtprop_listen_t */

    u_char                    *scratch;   /* of parameters */
    size_t                     scratch_size;
    u_char                     status[256];
};


typedef struct {
    ngx_rtprop_watcher_t      *watcher;
    ngx_str_t                  channel;
} ngx_rtprop_listen_t;


/* pg_conn: starts connecting, and keeps connected from then on. */
void ngx_rtprop_pg_init(ngx_rtprop_pg_t *pg, ngx_rtprop_store_t *store,
    const char *name);
void ngx_rtprop_pg_connect(ngx_rtprop_pg_t *pg);

/*
 * pg_resolve: asks for the names of hosts, then calls ngx_rtprop_pg_resolved(),
 * maybe at once; NGX_ERROR: no memory.  forget: what it has is given back.
 */
ngx_int_t ngx_rtprop_pg_resolve(ngx_rtprop_pg_t *pg);
void ngx_rtprop_pg_resolve_forget(ngx_rtprop_pg_t *pg);

/* pg_conn: pg->hosts have their addresses, as far as they were found. */
void ngx_rtprop_pg_resolved(ngx_rtprop_pg_t *pg);

/* Drops the connection; its segments end with NGX_ERROR; tries again later. */
void ngx_rtprop_pg_lose(ngx_rtprop_pg_t *pg, const char *status,
    const char *message);

/* Drops it for good. */
void ngx_rtprop_pg_close(ngx_rtprop_pg_t *pg);

/* Takes nginx's connection off the socket, which stays open: it is libpq's. */
void ngx_rtprop_pg_detach(ngx_rtprop_pg_t *pg);

/* pg_io: reads what arrived and hands it out; the connection may be lost. */
void ngx_rtprop_pg_input(ngx_rtprop_pg_t *pg);

/* Sends one statement of the setup, whose result is handed to step. */
ngx_int_t ngx_rtprop_pg_ask(ngx_rtprop_pg_t *pg, const char *sql,
    ngx_rtprop_pg_step_pt step);

/* The segment's statements were put into the pipeline: ends it. */
ngx_int_t ngx_rtprop_pg_sync(ngx_rtprop_pg_t *pg,
    ngx_rtprop_pg_segment_t *segment);

/* Asks a connection that has nothing to do whether it lives. */
void ngx_rtprop_pg_ping(ngx_rtprop_pg_t *pg);

/* Sends what libpq holds, and waits for what it cannot send. */
void ngx_rtprop_pg_flush(ngx_rtprop_pg_t *pg);

/* pg_message: a message on one line without its end, into buf. */
ngx_str_t ngx_rtprop_pg_line(const char *message, u_char *buf, size_t size);

/* Words for health: what the server says in English, else only that. */
const char *ngx_rtprop_pg_reason(PGconn *db);

/* Logs a notice; libpq's PQnoticeReceiver, data is the ngx_rtprop_pg_t. */
void ngx_rtprop_pg_notice(void *data, const PGresult *res);

/* pg_setup: the steps after connecting; the queries that are not usable. */
void ngx_rtprop_pg_setup(ngx_rtprop_pg_t *pg);
ngx_int_t ngx_rtprop_pg_prepare(ngx_rtprop_pg_t *pg);

/* pg_migrate: NGX_AGAIN when migrations were begun (setup steps go on). */
ngx_int_t ngx_rtprop_pg_migrate(ngx_rtprop_pg_t *pg);

/* A number of a result that came as text; 0 if it is none. */
ngx_uint_t ngx_rtprop_pg_number(const PGresult *res, int row, int column);
ngx_uint_t ngx_rtprop_pg_schema(void);

/* store_batch, store_read: send what waits, as far as it may be sent. */
void ngx_rtprop_store_write(ngx_rtprop_store_t *store);
void ngx_rtprop_store_read(ngx_rtprop_store_t *store);

/* store_held: sends the batch's one work, which has an "ahead". */
ngx_int_t ngx_rtprop_store_hold(ngx_rtprop_store_t *store);

/* How works go back to the queue. */

typedef enum {
    NGX_RTPROP_AGAIN_TOGETHER = 0,
    NGX_RTPROP_AGAIN_ALONE,             /* nobody knows which one failed */
    NGX_RTPROP_AGAIN_LOST               /* nobody knows whether it failed */
} ngx_rtprop_again_e;

/*
 * store_batch: puts what is to be written into the pipeline; takes the result
 * of one of these statements; ends the batch, in one of three ways.
 */
ngx_int_t ngx_rtprop_batch_put(ngx_rtprop_store_t *store);
void ngx_rtprop_batch_result(ngx_rtprop_pg_segment_t *segment, PGresult *res,
    ngx_uint_t nth);
void ngx_rtprop_batch_committed(ngx_rtprop_store_t *store);
void ngx_rtprop_batch_failed(ngx_rtprop_store_t *store);
void ngx_rtprop_batch_again(ngx_rtprop_store_t *store, ngx_rtprop_again_e how);

/* The work ends; it was taken out of its queue. */
void ngx_rtprop_store_done(ngx_rtprop_store_t *store, ngx_rtprop_work_t *w,
    ngx_int_t rc);

/* Takes out those that may not be sent any more, first ones first. */
ngx_rtprop_work_t *ngx_rtprop_store_next(ngx_rtprop_store_t *store,
    ngx_queue_t *queue);

/* What the failed statement means to its work, see ngx_rtprop_store_fail_e */
typedef enum {
    NGX_RTPROP_FAIL_REFUSED = 0,    /* NGX_DECLINED */
    NGX_RTPROP_FAIL_UNAVAILABLE,    /* NGX_ERROR */
    NGX_RTPROP_FAIL_AGAIN,          /* nothing was done: send it again */
    NGX_RTPROP_FAIL_RECONNECT,      /* the same, on a new connection */
    NGX_RTPROP_FAIL_LOST            /* the connection is going */
} ngx_rtprop_fail_e;

ngx_rtprop_fail_e ngx_rtprop_store_failure(ngx_rtprop_pg_t *pg,
    PGresult *error);

/*
 * Logs what the database says of the query; where it is in trouble as a whole
 * (its disk is full), health says so for a while, and the log says it once.
 */
void ngx_rtprop_store_log_failure(ngx_rtprop_store_t *store, const char *query,
    PGresult *error);

/* store_param: puts a statement into the pipeline. */
ngx_int_t ngx_rtprop_store_send(ngx_rtprop_pg_t *pg,
    ngx_rtprop_statement_t *statement);

/* The locks of the works of a queue; NGX_DECLINED when there are none. */
ngx_int_t ngx_rtprop_store_send_locks(ngx_rtprop_pg_t *pg, ngx_queue_t *works);

/* store_listen: (re)opens the listening connection's channels. */
void ngx_rtprop_store_listen_ready(ngx_rtprop_pg_t *pg);
void ngx_rtprop_store_listen_lost(ngx_rtprop_pg_t *pg);
void ngx_rtprop_store_listen_notify(ngx_rtprop_pg_t *pg, PGnotify *notify);

/* store_conf: rmcf's own; sets what libpq is told, unless it is set. */
ngx_rtprop_store_conf_t *ngx_rtprop_store_conf(ngx_rtprop_main_conf_t *rmcf);
ngx_int_t ngx_rtprop_store_set(ngx_conf_t *cf, ngx_rtprop_store_conf_t *conf,
    const char *keyword, const char *value);

/* store_hosts: hosts, and what is the same for all connections. */
char *ngx_rtprop_store_hosts(ngx_conf_t *cf, ngx_rtprop_store_conf_t *conf,
    PQconninfoOption *options);

/* An address as libpq wants it, in pool. */
ngx_int_t ngx_rtprop_store_addr(ngx_str_t *addr, ngx_pool_t *pool,
    struct sockaddr *sockaddr, socklen_t socklen);

/* Lists of pg->hosts, in pg->pool; the address number pg->turn comes first. */
ngx_int_t ngx_rtprop_store_lists(ngx_rtprop_pg_t *pg,
    ngx_rtprop_pg_lists_t *lists);

#define NGX_RTPROP_PG_HOSTS     16        /* addresses, at most */
#define NGX_RTPROP_PG_KEYWORDS  64

#define NGX_RTPROP_STORE_TROUBLE  10000   /* ms that it is remembered */


/* Counters; the table is in ngx_rtprop_store_stat.c. */

typedef enum {
    NGX_RTPROP_STORE_WRITES = 0,
    NGX_RTPROP_STORE_READS,
    NGX_RTPROP_STORE_BATCHES,
    NGX_RTPROP_STORE_RESENT,
    NGX_RTPROP_STORE_REFUSED,
    NGX_RTPROP_STORE_BUSY,
    NGX_RTPROP_STORE_FAILED,
    NGX_RTPROP_STORE_CONNECTS,
    NGX_RTPROP_STORE_LOSSES,
    NGX_RTPROP_STORE_NOTIFICATIONS,
    NGX_RTPROP_STORE_COMMIT,
    NGX_RTPROP_STORE_QUEUE,
    NGX_RTPROP_STORE_UP,
    NGX_RTPROP_STORE_UNUSABLE
} ngx_rtprop_store_stat_e;

extern ngx_rtprop_stat_desc_t  ngx_rtprop_store_stats[];

static inline void
ngx_rtprop_store_bump(ngx_rtprop_store_t *store, ngx_rtprop_store_stat_e stat,
    int64_t delta)
{
    ngx_rtprop_stat_bump(store->worker, &ngx_rtprop_store_stats[stat], delta);
}


#endif /* _NGX_RTPROP_PG_H_INCLUDED_ */
