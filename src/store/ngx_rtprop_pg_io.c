/*
 * What goes over a connection to PostgreSQL that stands: reading and writing,
 * a statement of the setup, segments of the pipeline, notifications.
 */

#include "store/ngx_rtprop_pg.h"


#define NGX_RTPROP_PG_GRACE  1000        /* ms, over the server's own limit */


static void ngx_rtprop_pg_setup_result(ngx_rtprop_pg_t *pg);
static void ngx_rtprop_pg_results(ngx_rtprop_pg_t *pg);
static void ngx_rtprop_pg_notifies(ngx_rtprop_pg_t *pg);
static void ngx_rtprop_pg_ping_result(ngx_rtprop_pg_segment_t *segment,
    PGresult *res, ngx_uint_t nth);
static void ngx_rtprop_pg_ping_end(ngx_rtprop_pg_segment_t *segment,
    ngx_int_t rc);
static void ngx_rtprop_pg_limit(ngx_rtprop_pg_t *pg);


/* What arrived before an end counts: a commit's answer is worth having. */

void
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


/* A sync alone is answered, too: no statement is needed. */

void
ngx_rtprop_pg_ping(ngx_rtprop_pg_t *pg)
{
    if (pg->state != NGX_RTPROP_PG_READY || pg->doomed
        || !ngx_queue_empty(&pg->segments))
    {
        return;
    }

    pg->ping.result = ngx_rtprop_pg_ping_result;
    pg->ping.end = ngx_rtprop_pg_ping_end;

    if (ngx_rtprop_pg_sync(pg, &pg->ping) != NGX_OK) {
        ngx_rtprop_pg_lose(pg, "connection failed", PQerrorMessage(pg->db));
        return;
    }

    ngx_rtprop_pg_flush(pg);
}


static void
ngx_rtprop_pg_ping_result(ngx_rtprop_pg_segment_t *segment, PGresult *res,
    ngx_uint_t nth)
{
    PQclear(res);
}


static void
ngx_rtprop_pg_ping_end(ngx_rtprop_pg_segment_t *segment, ngx_int_t rc)
{
    /* an answer is all that was wanted, and its time limit has seen to it */
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
