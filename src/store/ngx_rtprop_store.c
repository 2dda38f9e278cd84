/*
 * The store of a worker: takes works, knows whether the database is there,
 * tells those who watch.
 */

#include "store/ngx_rtprop_pg.h"


#define NGX_RTPROP_STORE_RECHECK  10000      /* ms, of unusable queries */


static ngx_int_t ngx_rtprop_store_pg(ngx_rtprop_store_t *store,
    ngx_rtprop_pg_t *pg, const char *name);
static void ngx_rtprop_store_events(ngx_rtprop_store_t *store);
static ngx_uint_t ngx_rtprop_store_usable(ngx_rtprop_store_t *store,
    ngx_rtprop_work_t *w);
static void ngx_rtprop_store_flush(ngx_event_t *ev);
static void ngx_rtprop_store_ready(ngx_rtprop_pg_t *pg);
static void ngx_rtprop_store_lost(ngx_rtprop_pg_t *pg);
static void ngx_rtprop_store_away(ngx_event_t *ev);
static void ngx_rtprop_store_recheck(ngx_event_t *ev);
static void ngx_rtprop_store_end_all(ngx_rtprop_store_t *store,
    ngx_queue_t *queue, ngx_int_t rc);


ngx_int_t
ngx_rtprop_store_init_worker(ngx_rtprop_worker_t *worker)
{
    ngx_rtprop_store_t       *store;
    ngx_rtprop_store_conf_t  *conf;

    conf = ngx_rtprop_store_conf(worker->conf);

    if (!conf->configured) {
        return NGX_OK;
    }

    store = ngx_pcalloc(worker->pool, sizeof(ngx_rtprop_store_t));

    if (store == NULL) {
        return NGX_ERROR;
    }

    store->worker = worker;
    store->conf = conf;

    ngx_queue_init(&store->writes);
    ngx_queue_init(&store->reads);
    ngx_queue_init(&store->batch.works);

    if (ngx_array_init(&store->watchers, worker->pool, 4, sizeof(void *))
        != NGX_OK
        || ngx_array_init(&store->channels, worker->pool, 4,
                          sizeof(ngx_rtprop_listen_t)) != NGX_OK
        || ngx_rtprop_store_pg(store, &store->writer, "writing") != NGX_OK
        || ngx_rtprop_store_pg(store, &store->reader, "reading") != NGX_OK)
    {
        return NGX_ERROR;
    }

    store->writer.writes = 1;

    ngx_rtprop_pg_init(&store->listener, store, "listening");
    store->listener.ready = ngx_rtprop_store_listen_ready;
    store->listener.lost = ngx_rtprop_store_listen_lost;
    store->listener.notify = ngx_rtprop_store_listen_notify;

    ngx_rtprop_store_events(store);

    worker->store = store;

    ngx_add_timer(&store->away, conf->grace);
    ngx_add_timer(&store->recheck, NGX_RTPROP_STORE_RECHECK);

    /* the reading one follows: by then the schema is there */
    ngx_rtprop_pg_connect(&store->writer);

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_store_pg(ngx_rtprop_store_t *store, ngx_rtprop_pg_t *pg,
    const char *name)
{
    ngx_uint_t  n;

    n = store->conf->queries.nelts;

    ngx_rtprop_pg_init(pg, store, name);

    pg->prepares = 1;
    pg->ready = ngx_rtprop_store_ready;
    pg->lost = ngx_rtprop_store_lost;
    pg->prepared = ngx_pcalloc(store->worker->pool, n);
    pg->unusable = ngx_pcalloc(store->worker->pool, n * sizeof(void *));

    return pg->prepared && pg->unusable ? NGX_OK : NGX_ERROR;
}


static void
ngx_rtprop_store_events(ngx_rtprop_store_t *store)
{
    ngx_log_t  *log;

    log = store->worker->log;

    store->flush.handler = ngx_rtprop_store_flush;
    store->flush.data = store;
    store->flush.log = log;

    store->away.handler = ngx_rtprop_store_away;
    store->away.data = store;
    store->away.log = log;
    store->away.cancelable = 1;

    store->recheck.handler = ngx_rtprop_store_recheck;
    store->recheck.data = store;
    store->recheck.log = log;
    store->recheck.cancelable = 1;
}


void
ngx_rtprop_store_exit_worker(ngx_rtprop_worker_t *worker)
{
    ngx_rtprop_store_t  *store;

    store = worker->store;

    if (store == NULL) {
        return;
    }

    store->exiting = 1;

    ngx_rtprop_pg_close(&store->writer);
    ngx_rtprop_pg_close(&store->reader);
    ngx_rtprop_pg_close(&store->listener);

    ngx_rtprop_store_end_all(store, &store->writes, NGX_ERROR);
    ngx_rtprop_store_end_all(store, &store->reads, NGX_ERROR);
}


void
ngx_rtprop_store_do(ngx_rtprop_store_t *store, ngx_rtprop_work_t *w)
{
    ngx_uint_t  i;

    /* a work may be asked for once more in its own done() */

    for (i = 0; i < w->n; i++) {
        w->statements[i].result = NULL;
    }

    if (w->ahead) {
        w->ahead->result = NULL;
    }

    w->retried = 0;
    w->sent = NULL;
    w->attempts = 0;
    w->failed = 0;
    w->sqlstate[0] = '\0';
    w->deadline = ngx_current_msec + store->conf->timeout;

    if (store->gone || store->exiting) {
        ngx_rtprop_store_bump(store, NGX_RTPROP_STORE_FAILED, 1);
        w->rc = NGX_ERROR;
        w->done(w);
        return;
    }

    if (store->nworks >= store->conf->queue) {
        ngx_rtprop_store_bump(store, NGX_RTPROP_STORE_BUSY, 1);
        w->rc = NGX_BUSY;
        w->done(w);
        return;
    }

    store->nworks++;
    ngx_rtprop_store_bump(store, NGX_RTPROP_STORE_QUEUE, 1);

    ngx_queue_insert_tail(w->write ? &store->writes : &store->reads,
                          &w->queue);

    if (!store->flush.posted) {
        ngx_post_event(&store->flush, &ngx_posted_events);
    }
}


void
ngx_rtprop_store_done(ngx_rtprop_store_t *store, ngx_rtprop_work_t *w,
    ngx_int_t rc)
{
    ngx_uint_t                i, n;
    ngx_rtprop_result_t      *results[NGX_RTPROP_WORK_MAX];
    ngx_rtprop_store_stat_e   stat;

    store->nworks--;
    ngx_rtprop_store_bump(store, NGX_RTPROP_STORE_QUEUE, -1);

    switch (rc) {

    case NGX_OK:
        stat = w->write ? NGX_RTPROP_STORE_WRITES : NGX_RTPROP_STORE_READS;
        break;

    case NGX_DONE:
        stat = NGX_RTPROP_STORE_READS;
        break;

    case NGX_DECLINED:
        stat = NGX_RTPROP_STORE_REFUSED;
        break;

    default:
        stat = NGX_RTPROP_STORE_FAILED;
    }

    ngx_rtprop_store_bump(store, stat, 1);

    /* the work is its owner's again in done(), the results are not */

    n = w->n;

    for (i = 0; i < n; i++) {

        if (rc != NGX_OK) {
            PQclear(w->statements[i].result);
            w->statements[i].result = NULL;
        }

        results[i] = w->statements[i].result;
    }

    w->rc = rc;
    w->done(w);

    for (i = 0; i < n; i++) {
        PQclear(results[i]);
    }
}


ngx_rtprop_work_t *
ngx_rtprop_store_next(ngx_rtprop_store_t *store, ngx_queue_t *queue)
{
    ngx_queue_t        *q;
    ngx_rtprop_work_t  *w;

    while (!ngx_queue_empty(queue)) {

        q = ngx_queue_head(queue);
        w = ngx_queue_data(q, ngx_rtprop_work_t, queue);

        if ((ngx_msec_int_t) (w->deadline - ngx_current_msec) > 0
            && ngx_rtprop_store_usable(store, w))
        {
            return w;
        }

        ngx_queue_remove(q);
        ngx_rtprop_store_done(store, w, NGX_ERROR);
    }

    return NULL;
}


static ngx_uint_t
ngx_rtprop_store_usable(ngx_rtprop_store_t *store, ngx_rtprop_work_t *w)
{
    ngx_uint_t        i;
    ngx_rtprop_pg_t  *pg;

    pg = w->write ? &store->writer : &store->reader;

    if (w->ahead && (pg->unusable[w->ahead->query->index]
                     || !pg->prepared[w->ahead->query->index]))
    {
        return 0;
    }

    for (i = 0; i < w->n; i++) {

        if (pg->unusable[w->statements[i].query->index]
            || !pg->prepared[w->statements[i].query->index])
        {
            return 0;
        }
    }

    return 1;
}


static void
ngx_rtprop_store_flush(ngx_event_t *ev)
{
    ngx_rtprop_store_t  *store;

    store = ev->data;

    ngx_rtprop_store_write(store);
    ngx_rtprop_store_read(store);
}


static void
ngx_rtprop_store_ready(ngx_rtprop_pg_t *pg)
{
    ngx_uint_t              i;
    ngx_rtprop_store_t     *store;
    ngx_rtprop_watcher_t  **watcher;

    store = pg->store;

    if (store->reader.state == NGX_RTPROP_PG_DOWN) {
        ngx_rtprop_pg_connect(&store->reader);
    }

    if (store->writer.state == NGX_RTPROP_PG_READY
        && store->reader.state == NGX_RTPROP_PG_READY && !store->up)
    {
        store->up = 1;
        store->gone = 0;
        ngx_rtprop_store_bump(store, NGX_RTPROP_STORE_UP, 1);

        if (store->away.timer_set) {
            ngx_del_timer(&store->away);
        }

        if (store->channels.nelts) {
            ngx_rtprop_pg_connect(&store->listener);
        }

        watcher = store->watchers.elts;

        for (i = 0; i < store->watchers.nelts; i++) {

            if (watcher[i]->up) {
                watcher[i]->up(watcher[i]->data);
            }
        }
    }

    ngx_rtprop_store_write(store);
    ngx_rtprop_store_read(store);
}


static void
ngx_rtprop_store_lost(ngx_rtprop_pg_t *pg)
{
    ngx_uint_t              i;
    ngx_rtprop_store_t     *store;
    ngx_rtprop_watcher_t  **watcher;

    store = pg->store;

    if (!store->up) {
        return;
    }

    store->up = 0;
    ngx_rtprop_store_bump(store, NGX_RTPROP_STORE_UP, -1);
    ngx_add_timer(&store->away, store->conf->grace);

    watcher = store->watchers.elts;

    for (i = 0; i < store->watchers.nelts; i++) {

        if (watcher[i]->down) {
            watcher[i]->down(watcher[i]->data, pg->status);
        }
    }
}


/* It is no hiccup: what waits, and what comes, is told so at once. */

static void
ngx_rtprop_store_away(ngx_event_t *ev)
{
    ngx_rtprop_store_t  *store;

    store = ev->data;
    store->gone = 1;

    ngx_rtprop_store_end_all(store, &store->writes, NGX_ERROR);
    ngx_rtprop_store_end_all(store, &store->reads, NGX_ERROR);
}


/*
 * What was wrong with a query may have been mended in the database.  Who sends
 * nothing does not notice that the other end is gone.
 */

static void
ngx_rtprop_store_recheck(ngx_event_t *ev)
{
    ngx_uint_t           i, n;
    ngx_rtprop_pg_t     *pg;
    ngx_rtprop_store_t  *store;

    store = ev->data;
    ngx_add_timer(ev, NGX_RTPROP_STORE_RECHECK);

    ngx_rtprop_pg_ping(&store->listener);

    for (n = 0; n < 2; n++) {
        pg = n ? &store->reader : &store->writer;

        ngx_rtprop_pg_ping(pg);

        if (pg->state != NGX_RTPROP_PG_READY || pg->preparing) {
            continue;
        }

        for (i = 0; i < store->conf->queries.nelts; i++) {

            if (pg->unusable[i]) {
                (void) ngx_rtprop_pg_prepare(pg);
                break;
            }
        }
    }
}


static void
ngx_rtprop_store_end_all(ngx_rtprop_store_t *store, ngx_queue_t *queue,
    ngx_int_t rc)
{
    ngx_queue_t        *q;
    ngx_rtprop_work_t  *w;

    while (!ngx_queue_empty(queue)) {
        q = ngx_queue_head(queue);
        ngx_queue_remove(q);

        w = ngx_queue_data(q, ngx_rtprop_work_t, queue);
        ngx_rtprop_store_done(store, w, rc);
    }
}


ngx_uint_t
ngx_rtprop_store_up(ngx_rtprop_store_t *store)
{
    return !store->gone && !store->exiting;
}


ngx_int_t
ngx_rtprop_store_watch(ngx_rtprop_store_t *store,
    ngx_rtprop_watcher_t *watcher)
{
    ngx_rtprop_watcher_t  **slot;

    slot = ngx_array_push(&store->watchers);

    if (slot == NULL) {
        return NGX_ERROR;
    }

    *slot = watcher;

    if (store->up && watcher->up) {
        watcher->up(watcher->data);
    }

    return NGX_OK;
}
