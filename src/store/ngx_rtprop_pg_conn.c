/*
 * libpq on nginx's event loop: connecting, time limits, losing a connection,
 * trying again.
 *
 * libpq owns the socket and closes it when it likes; nginx' connection is
 * taken off the socket first wherever libpq may do so.  Both directions are
 * level-triggered: libpq does not read until there is nothing left.
 */

#include "store/ngx_rtprop_pg.h"
#include "base/ngx_rtprop_socket.h"


#define NGX_RTPROP_PG_BACKOFF_MIN  100       /* ms */
#define NGX_RTPROP_PG_BACKOFF_MAX  5000


static ngx_int_t ngx_rtprop_pg_start(ngx_rtprop_pg_t *pg,
    ngx_rtprop_pg_lists_t *lists);
static const char *ngx_rtprop_pg_late(ngx_rtprop_pg_t *pg);
static void ngx_rtprop_pg_poll(ngx_rtprop_pg_t *pg);
static ngx_int_t ngx_rtprop_pg_attach(ngx_rtprop_pg_t *pg);
static void ngx_rtprop_pg_event(ngx_event_t *ev);
static void ngx_rtprop_pg_timer(ngx_event_t *ev);
static void ngx_rtprop_pg_drop(ngx_rtprop_pg_t *pg);
static void ngx_rtprop_pg_failed(ngx_rtprop_pg_t *pg);


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

    pg->state = NGX_RTPROP_PG_RESOLVING;
    ngx_add_timer(&pg->timer, pg->store->conf->connect_timeout);

    if (ngx_rtprop_pg_resolve(pg) != NGX_OK) {
        ngx_rtprop_pg_failed(pg);
    }
}


void
ngx_rtprop_pg_resolved(ngx_rtprop_pg_t *pg)
{
    ngx_int_t              rc;
    ngx_rtprop_pg_lists_t  lists;

    rc = ngx_rtprop_store_lists(pg, &lists);

    if (rc == NGX_OK && lists.n == 0) {
        ngx_rtprop_pg_lose(pg, "its name was not found",
                           "no host has an address");
        return;
    }

    if (rc == NGX_OK) {
        pg->state = NGX_RTPROP_PG_CONNECTING;
        rc = ngx_rtprop_pg_start(pg, &lists);
    }

    ngx_rtprop_pg_resolve_forget(pg);

    if (rc != NGX_OK) {
        ngx_rtprop_pg_failed(pg);
    }
}


/*
 * PQconnectStartParams() with the hosts' numeric addresses never resolves.  Of
 * several the one that takes writes is wanted.
 */

static ngx_int_t
ngx_rtprop_pg_start(ngx_rtprop_pg_t *pg, ngx_rtprop_pg_lists_t *lists)
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
    values[n++] = lists->host;
    keywords[n] = "hostaddr";
    values[n++] = lists->hostaddr;
    keywords[n] = "port";
    values[n++] = lists->port;
    keywords[n] = "target_session_attrs";
    values[n++] = lists->n > 1 ? "read-write" : "any";
    keywords[n] = NULL;
    values[n] = NULL;

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


void
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


/* It is cancelable while there is no connection: nobody stays for one. */

static void
ngx_rtprop_pg_timer(ngx_event_t *ev)
{
    ngx_rtprop_pg_t  *pg;

    pg = ev->data;

    if (pg->state == NGX_RTPROP_PG_DOWN) {
        ngx_rtprop_pg_connect(pg);
        return;
    }

    ngx_rtprop_pg_lose(pg, "timed out", ngx_rtprop_pg_late(pg));
}


static const char *
ngx_rtprop_pg_late(ngx_rtprop_pg_t *pg)
{
    switch (pg->state) {

    case NGX_RTPROP_PG_RESOLVING:
        return "looking up its name takes too long";

    case NGX_RTPROP_PG_CONNECTING:
        return "connecting takes too long";

    default:
        return "no answer within the time limit";
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

    /* libpq waits for a host that is silent as long as it may: the next one */

    if (pg->state == NGX_RTPROP_PG_CONNECTING) {
        pg->turn++;
    }

    if (was_ready) {
        pg->former = pg->backend;
    }

    if (pg->db && PQsocket(pg->db) != -1) {
        ngx_rtprop_socket_abort(PQsocket(pg->db), pg->store->worker->log);
    }

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

    ngx_rtprop_pg_resolve_forget(pg);

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
