/*
 * libpq on nginx's event loop: connecting, reading, writing, time limits,
 * trying again.
 *
 * libpq owns the socket and closes it when it likes; nginx' connection is
 * taken off the socket first wherever libpq may do so.  Both directions are
 * level-triggered: libpq does not read until there is nothing left.
 */

#include "store/ngx_rtprop_pg.h"


#define NGX_RTPROP_PG_BACKOFF_MIN  100       /* ms */
#define NGX_RTPROP_PG_BACKOFF_MAX  5000
#define NGX_RTPROP_PG_GRACE        1000      /* over the server's own limit */


static ngx_int_t ngx_rtprop_pg_start(ngx_rtprop_pg_t *pg);
static void ngx_rtprop_pg_poll(ngx_rtprop_pg_t *pg);
static ngx_int_t ngx_rtprop_pg_attach(ngx_rtprop_pg_t *pg);
static void ngx_rtprop_pg_detach(ngx_rtprop_pg_t *pg);
static void ngx_rtprop_pg_event(ngx_event_t *ev);
static void ngx_rtprop_pg_timer(ngx_event_t *ev);
static void ngx_rtprop_pg_input(ngx_rtprop_pg_t *pg);
static void ngx_rtprop_pg_setup_result(ngx_rtprop_pg_t *pg);
static void ngx_rtprop_pg_results(ngx_rtprop_pg_t *pg);
static void ngx_rtprop_pg_notifies(ngx_rtprop_pg_t *pg);
static void ngx_rtprop_pg_limit(ngx_rtprop_pg_t *pg);
static void ngx_rtprop_pg_drop(ngx_rtprop_pg_t *pg);
static void ngx_rtprop_pg_failed(ngx_rtprop_pg_t *pg);
static const char *ngx_rtprop_pg_reason(PGconn *db);
static void ngx_rtprop_pg_notice(void *data, const PGresult *res);


void
ngx_rtprop_pg_init(ngx_rtprop_pg_t *pg, ngx_rtprop_store_t *store,
    const char *name)
{
    pg->name = name;
    pg->store = store;
    pg->status = "connecting";

    ngx_queue_init(&pg->segments);

    pg->timer.handler = ngx_rtprop_pg_timer;
    pg->timer.data = pg;
    pg->timer.log = store->worker->log;
    pg->timer.cancelable = 1;
}


void
ngx_rtprop_pg_connect(ngx_rtprop_pg_t *pg)
{
    if (pg->state != NGX_RTPROP_PG_DOWN) {
        return;
    }

    if (pg->timer.timer_set) {
        ngx_del_timer(&pg->timer);
    }

    if (ngx_rtprop_pg_start(pg) == NGX_OK) {
        return;
    }

    ngx_rtprop_pg_failed(pg);
}


/* PQconnectStartParams() with the hosts' numeric addresses never resolves. */

static ngx_int_t
ngx_rtprop_pg_start(ngx_rtprop_pg_t *pg)
{
    size_t                    n;
    const char               *keywords[NGX_RTPROP_PG_KEYWORDS];
    const char               *values[NGX_RTPROP_PG_KEYWORDS];
    ngx_rtprop_store_conf_t  *conf;

    conf = pg->store->conf;
    n = conf->keywords.nelts;

    ngx_memcpy(keywords, conf->keywords.elts, n * sizeof(char *));
    ngx_memcpy(values, conf->values.elts, n * sizeof(char *));

    keywords[n] = "host";
    values[n++] = pg->store->lists.host;
    keywords[n] = "hostaddr";
    values[n++] = pg->store->lists.hostaddr;
    keywords[n] = "port";
    values[n++] = pg->store->lists.port;
    keywords[n] = NULL;
    values[n] = NULL;

    pg->state = NGX_RTPROP_PG_CONNECTING;

    pg->db = PQconnectStartParams(keywords, values, 0);

    if (pg->db == NULL) {
        return NGX_ERROR;
    }

    PQsetNoticeReceiver(pg->db, ngx_rtprop_pg_notice, pg);

    if (PQstatus(pg->db) == CONNECTION_BAD
        || ngx_rtprop_pg_attach(pg) != NGX_OK
        || ngx_add_event(pg->c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_add_timer(&pg->timer, conf->connect_timeout);

    return NGX_OK;
}


/* The socket may be another one after each call: the number may be the same. */

static void
ngx_rtprop_pg_poll(ngx_rtprop_pg_t *pg)
{
    ngx_int_t                  rc;
    PostgresPollingStatusType  status;

    ngx_rtprop_pg_detach(pg);

    status = PQconnectPoll(pg->db);

    if (status == PGRES_POLLING_FAILED) {
        ngx_rtprop_pg_failed(pg);
        return;
    }

    if (ngx_rtprop_pg_attach(pg) != NGX_OK) {
        ngx_rtprop_pg_failed(pg);
        return;
    }

    if (status == PGRES_POLLING_OK) {
        rc = PQsetnonblocking(pg->db, 1) == 0 ? NGX_OK : NGX_ERROR;

        if (rc == NGX_OK) {
            rc = ngx_add_event(pg->c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT);
        }

        if (rc != NGX_OK) {
            ngx_rtprop_pg_failed(pg);
            return;
        }

        pg->state = NGX_RTPROP_PG_SETUP;
        ngx_rtprop_pg_setup(pg);
        return;
    }

    rc = status == PGRES_POLLING_READING
         ? ngx_add_event(pg->c->read, NGX_READ_EVENT, NGX_LEVEL_EVENT)
         : ngx_add_event(pg->c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);

    if (rc != NGX_OK) {
        ngx_rtprop_pg_failed(pg);
    }
}


static ngx_int_t
ngx_rtprop_pg_attach(ngx_rtprop_pg_t *pg)
{
    ngx_connection_t  *c;

    if (PQsocket(pg->db) == -1) {
        return NGX_ERROR;
    }

    c = ngx_get_connection(PQsocket(pg->db), pg->store->worker->log);

    if (c == NULL) {
        return NGX_ERROR;
    }

    c->data = pg;
    c->log_error = NGX_ERROR_INFO;
    c->read->log = c->log;
    c->write->log = c->log;
    c->read->handler = ngx_rtprop_pg_event;
    c->write->handler = ngx_rtprop_pg_event;

    /* it is no client's: neither closed as idle nor missed at exit */
    c->read->channel = 1;

    pg->c = c;

    return NGX_OK;
}


/* Leaves the socket open: it is libpq's. */

static void
ngx_rtprop_pg_detach(ngx_rtprop_pg_t *pg)
{
    ngx_connection_t  *c;

    c = pg->c;

    if (c == NULL) {
        return;
    }

    pg->c = NULL;

    if (PQsocket(pg->db) == -1) {
        /* closed already: the kernel has taken it off */
        c->read->active = 0;
        c->write->active = 0;

    } else if (ngx_del_conn) {
        (void) ngx_del_conn(c, 0);

    } else {

        if (c->read->active) {
            (void) ngx_del_event(c->read, NGX_READ_EVENT, 0);
        }

        if (c->write->active) {
            (void) ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
        }
    }

    c->shared = 1;
    ngx_close_connection(c);
}


static void
ngx_rtprop_pg_event(ngx_event_t *ev)
{
    ngx_connection_t  *c;
    ngx_rtprop_pg_t   *pg;

    c = ev->data;
    pg = c->data;

    if (pg->state == NGX_RTPROP_PG_CONNECTING) {
        ngx_rtprop_pg_poll(pg);
        return;
    }

    if (ev->write) {
        ngx_rtprop_pg_flush(pg);
        return;
    }

    ngx_rtprop_pg_input(pg);
}


static void
ngx_rtprop_pg_timer(ngx_event_t *ev)
{
    ngx_rtprop_pg_t  *pg;

    pg = ev->data;

    if (pg->state == NGX_RTPROP_PG_DOWN) {

        if (!ngx_exiting || pg->store->nworks) {
            ngx_rtprop_pg_connect(pg);
        }

        return;
    }

    ngx_rtprop_pg_lose(pg, "timed out",
                       pg->state == NGX_RTPROP_PG_CONNECTING
                       ? "connecting takes too long"
                       : "no answer within the time limit");
}


/* What arrived before an end counts: a commit's answer is worth having. */

static void
ngx_rtprop_pg_input(ngx_rtprop_pg_t *pg)
{
    ngx_uint_t  ok;

    ok = PQconsumeInput(pg->db);

    if (!ok && pg->c && PQsocket(pg->db) == -1) {
        ngx_rtprop_pg_detach(pg);
    }

    if (pg->state == NGX_RTPROP_PG_SETUP) {
        ngx_rtprop_pg_setup_result(pg);

    } else {
        ngx_rtprop_pg_results(pg);
    }

    if (pg->db == NULL) {
        return;
    }

    if (pg->doomed) {
        ngx_rtprop_pg_lose(pg, pg->doomed, NULL);
        return;
    }

    if (!ok || PQstatus(pg->db) == CONNECTION_BAD) {
        ngx_rtprop_pg_lose(pg, ngx_rtprop_pg_reason(pg->db),
                           PQerrorMessage(pg->db));
        return;
    }

    ngx_rtprop_pg_notifies(pg);

    if (pg->db) {
        ngx_rtprop_pg_flush(pg);
    }
}


static void
ngx_rtprop_pg_setup_result(ngx_rtprop_pg_t *pg)
{
    PGresult               *res;
    ngx_int_t               rc;
    ngx_rtprop_pg_step_pt   step;

    while (pg->state == NGX_RTPROP_PG_SETUP && !PQisBusy(pg->db)) {

        res = PQgetResult(pg->db);

        if (res) {
            /* of several results the first error, else the last, counts */
            if (pg->res
                && PQresultStatus(pg->res) == PGRES_FATAL_ERROR)
            {
                PQclear(res);

            } else {
                PQclear(pg->res);
                pg->res = res;
            }

            continue;
        }

        step = pg->step;
        res = pg->res;

        if (step == NULL || res == NULL) {
            return;
        }

        pg->step = NULL;
        pg->res = NULL;

        rc = step(pg, res);

        PQclear(res);

        if (rc != NGX_OK || pg->db == NULL) {
            return;
        }
    }
}


ngx_int_t
ngx_rtprop_pg_ask(ngx_rtprop_pg_t *pg, const char *sql,
    ngx_rtprop_pg_step_pt step)
{
    if (PQsendQuery(pg->db, sql) == 0) {
        ngx_rtprop_pg_lose(pg, "connection failed", PQerrorMessage(pg->db));
        return NGX_ERROR;
    }

    pg->step = step;

    ngx_rtprop_pg_flush(pg);

    return pg->db ? NGX_OK : NGX_ERROR;
}


/*
 * In pipeline mode NULL ends a statement's results, while a sync's result
 * stands alone.
 */

static void
ngx_rtprop_pg_results(ngx_rtprop_pg_t *pg)
{
    PGresult                 *res;
    ngx_rtprop_pg_segment_t  *segment;

    while (!ngx_queue_empty(&pg->segments) && !PQisBusy(pg->db)) {

        segment = ngx_queue_data(ngx_queue_head(&pg->segments),
                                 ngx_rtprop_pg_segment_t, queue);

        res = PQgetResult(pg->db);

        if (res == NULL) {

            if (PQstatus(pg->db) == CONNECTION_BAD) {
                return;
            }

            segment->nth++;

        } else if (PQresultStatus(res) == PGRES_PIPELINE_SYNC) {
            PQclear(res);
            ngx_queue_remove(&segment->queue);
            segment->end(segment, NGX_OK);

        } else {
            segment->result(segment, res, segment->nth);
        }

        if (pg->doomed || pg->db == NULL) {
            return;
        }

        ngx_rtprop_pg_limit(pg);
    }
}


static void
ngx_rtprop_pg_notifies(ngx_rtprop_pg_t *pg)
{
    PGnotify  *notify;

    while (pg->db) {

        notify = PQnotifies(pg->db);

        if (notify == NULL) {
            return;
        }

        if (pg->notify) {
            pg->notify(pg, notify);
        }

        PQfreemem(notify);
    }
}


ngx_int_t
ngx_rtprop_pg_sync(ngx_rtprop_pg_t *pg, ngx_rtprop_pg_segment_t *segment)
{
    if (PQpipelineSync(pg->db) == 0) {
        return NGX_ERROR;
    }

    segment->nth = 0;
    ngx_queue_insert_tail(&pg->segments, &segment->queue);

    if (ngx_queue_head(&pg->segments) == &segment->queue) {
        ngx_rtprop_pg_limit(pg);
    }

    return NGX_OK;
}


/*
 * The time limit of what is under way, from the last sign of life.  A worker
 * that is quitting waits for it.
 */

static void
ngx_rtprop_pg_limit(ngx_rtprop_pg_t *pg)
{
    if (pg->state != NGX_RTPROP_PG_READY) {
        return;
    }

    if (ngx_queue_empty(&pg->segments)) {

        if (pg->timer.timer_set) {
            ngx_del_timer(&pg->timer);
        }

        return;
    }

    pg->timer.cancelable = 0;
    ngx_add_timer(&pg->timer, pg->store->conf->timeout
                              + NGX_RTPROP_PG_GRACE);
}


void
ngx_rtprop_pg_flush(ngx_rtprop_pg_t *pg)
{
    int                rc;
    ngx_connection_t  *c;

    rc = PQflush(pg->db);

    if (rc < 0) {
        /* what the server said before it went is read first */
        if (pg->c == NULL || PQsocket(pg->db) == -1) {
            ngx_rtprop_pg_lose(pg, ngx_rtprop_pg_reason(pg->db),
                               PQerrorMessage(pg->db));
            return;
        }

        rc = 0;
    }

    c = pg->c;

    if (rc == 1 && !c->write->active) {
        rc = ngx_add_event(c->write, NGX_WRITE_EVENT, NGX_LEVEL_EVENT);

    } else if (rc == 0 && c->write->active) {
        rc = ngx_del_event(c->write, NGX_WRITE_EVENT, 0);

    } else {
        return;
    }

    if (rc != NGX_OK) {
        ngx_rtprop_pg_lose(pg, "connection failed", "no event");
    }
}


void
ngx_rtprop_pg_lose(ngx_rtprop_pg_t *pg, const char *status,
    const char *message)
{
    u_char       buf[256];
    ngx_str_t    line;
    ngx_msec_t   delay;
    ngx_uint_t   level, was_ready;

    line = ngx_rtprop_pg_line(message ? message : status, buf, sizeof(buf));

    was_ready = pg->state == NGX_RTPROP_PG_READY;

    /* said once for each reason, not at each attempt */
    level = was_ready || pg->status != status ? NGX_LOG_ERR : NGX_LOG_INFO;

    ngx_log_error(level, pg->store->worker->log, 0,
                  "rtprop: PostgreSQL, the %s connection: %s: %V",
                  pg->name, status, &line);

    pg->status = status;
    pg->failures++;

    ngx_rtprop_pg_drop(pg);

    if (was_ready) {
        ngx_rtprop_store_bump(pg->store, NGX_RTPROP_STORE_LOSSES, 1);
        pg->backoff = 0;
    }

    delay = pg->backoff ? pg->backoff : NGX_RTPROP_PG_BACKOFF_MIN;
    pg->backoff = ngx_min(delay * 2, NGX_RTPROP_PG_BACKOFF_MAX);
    delay = delay / 2 + ngx_random() % delay;

    pg->timer.cancelable = 1;
    ngx_add_timer(&pg->timer, delay);

    pg->lost(pg);
}


/* Segments are told last: they may give works back to the queue. */

static void
ngx_rtprop_pg_drop(ngx_rtprop_pg_t *pg)
{
    ngx_queue_t               segments, *q;
    ngx_rtprop_pg_segment_t  *segment;

    if (pg->timer.timer_set) {
        ngx_del_timer(&pg->timer);
    }

    if (pg->db) {
        ngx_rtprop_pg_detach(pg);
        PQfinish(pg->db);
        pg->db = NULL;
    }

    PQclear(pg->res);
    pg->res = NULL;
    pg->step = NULL;
    pg->doomed = NULL;
    pg->state = NGX_RTPROP_PG_DOWN;

    if (ngx_queue_empty(&pg->segments)) {
        return;
    }

    segments = pg->segments;
    segments.next->prev = &segments;
    segments.prev->next = &segments;
    ngx_queue_init(&pg->segments);

    while (!ngx_queue_empty(&segments)) {
        q = ngx_queue_last(&segments);
        ngx_queue_remove(q);

        segment = ngx_queue_data(q, ngx_rtprop_pg_segment_t, queue);
        segment->end(segment, NGX_ERROR);
    }
}


void
ngx_rtprop_pg_close(ngx_rtprop_pg_t *pg)
{
    ngx_rtprop_pg_drop(pg);

    if (pg->timer.timer_set) {
        ngx_del_timer(&pg->timer);
    }
}


static void
ngx_rtprop_pg_failed(ngx_rtprop_pg_t *pg)
{
    ngx_rtprop_pg_lose(pg, pg->db ? ngx_rtprop_pg_reason(pg->db)
                                  : "out of memory",
                       pg->db ? PQerrorMessage(pg->db) : NULL);
}


/* Words for health: what the server says in English, else only that. */

static const char *
ngx_rtprop_pg_reason(PGconn *db)
{
    size_t       i;
    const char  *message;

    static const struct {
        const char  *text;
        const char  *reason;
    } reasons[] = {
        { "password authentication failed", "password refused" },
        { "authentication failed", "authentication failed" },
        { "no password supplied", "password missing" },
        { "too many", "too many connections" },
        { "remaining connection slots", "too many connections" },
        { "role \"", "role missing" },
        { "pg_hba.conf", "not allowed by pg_hba.conf" },
        { "starting up", "database starting" },
        { "not yet accepting", "database starting" },
        { "recovery mode", "database starting" },
        { "shutting down", "database stopping" },
        { "terminating connection", "connection terminated" },
        { "database \"", "database missing" },
        { "session is read-only", "read-only" },
        { "server is in hot standby", "read-only" },
        { "SSL", "TLS failed" },
        { "certificate", "TLS failed" },
        { "closed the connection", "connection lost" },
        { "reset by peer", "connection lost" }
    };

    message = PQerrorMessage(db);

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {

        if (ngx_strstr(message, reasons[i].text)) {
            return reasons[i].reason;
        }
    }

    return "cannot connect";
}


ngx_str_t
ngx_rtprop_pg_line(const char *message, u_char *buf, size_t size)
{
    size_t     i;
    ngx_str_t  line;

    line.data = buf;
    line.len = 0;

    for (i = 0; i < size && message[i] != '\0'; i++) {
        buf[i] = (u_char) message[i] < 0x20 ? ' ' : (u_char) message[i];

        if (buf[i] != ' ') {
            line.len = i + 1;
        }
    }

    return line;
}


static void
ngx_rtprop_pg_notice(void *data, const PGresult *res)
{
    ngx_rtprop_pg_t *pg = data;

    u_char     buf[256];
    ngx_str_t  line;

    line = ngx_rtprop_pg_line(PQresultErrorMessage(res), buf, sizeof(buf));

    ngx_log_error(NGX_LOG_INFO, pg->store->worker->log, 0,
                  "rtprop: PostgreSQL, the %s connection: %V", pg->name,
                  &line);
}
