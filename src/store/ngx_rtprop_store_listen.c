/*
 * LISTEN: a connection of its own, so that a long statement holds nothing up.
 */

#include "store/ngx_rtprop_pg.h"


static ngx_int_t ngx_rtprop_listen_send(ngx_rtprop_store_t *store,
    ngx_uint_t n);
static ngx_int_t ngx_rtprop_listen_ask(ngx_rtprop_store_t *store,
    ngx_uint_t channel, const char *sql);
static void ngx_rtprop_listen_result(ngx_rtprop_pg_segment_t *segment,
    PGresult *res, ngx_uint_t nth);
static void ngx_rtprop_listen_end(ngx_rtprop_pg_segment_t *segment,
    ngx_int_t rc);


typedef struct {
    ngx_rtprop_pg_segment_t    segment;
    ngx_rtprop_store_t        *store;
    ngx_uint_t                 channel;
    ngx_uint_t                 failed;    /* unsigned failed:1 */
} ngx_rtprop_listening_t;


static inline ngx_rtprop_listen_t *
ngx_rtprop_listen_channel(ngx_rtprop_store_t *store, ngx_uint_t n)
{
    return (ngx_rtprop_listen_t *) store->channels.elts + n;
}


ngx_int_t
ngx_rtprop_store_listen(ngx_rtprop_store_t *store,
    ngx_rtprop_watcher_t *watcher, const char *channel)
{
    ngx_rtprop_listen_t  *listen;

    listen = ngx_array_push(&store->channels);

    if (listen == NULL) {
        return NGX_ERROR;
    }

    listen->watcher = watcher;
    listen->channel.data = (u_char *) channel;
    listen->channel.len = ngx_strlen(channel);

    if (store->listener.state == NGX_RTPROP_PG_READY) {
        return ngx_rtprop_listen_send(store, store->channels.nelts - 1);
    }

    if (store->up) {
        ngx_rtprop_pg_connect(&store->listener);
    }

    return NGX_OK;
}


void
ngx_rtprop_store_listen_ready(ngx_rtprop_pg_t *pg)
{
    ngx_uint_t  i;

    for (i = 0; i < pg->store->channels.nelts; i++) {

        if (ngx_rtprop_listen_send(pg->store, i) != NGX_OK) {
            return;
        }
    }
}


static ngx_int_t
ngx_rtprop_listen_send(ngx_rtprop_store_t *store, ngx_uint_t n)
{
    u_char                sql[128];
    ngx_rtprop_listen_t  *listen;

    listen = ngx_rtprop_listen_channel(store, n);

    (void) ngx_snprintf(sql, sizeof(sql), "LISTEN \"%V\"%Z",
                        &listen->channel);
    sql[sizeof(sql) - 1] = '\0';

    return ngx_rtprop_listen_ask(store, n, (char *) sql);
}


static ngx_int_t
ngx_rtprop_listen_ask(ngx_rtprop_store_t *store, ngx_uint_t channel,
    const char *sql)
{
    ngx_rtprop_pg_t         *pg;
    ngx_rtprop_listening_t  *l;

    pg = &store->listener;

    l = ngx_calloc(sizeof(ngx_rtprop_listening_t), store->worker->log);

    if (l == NULL) {
        return NGX_ERROR;
    }

    l->segment.result = ngx_rtprop_listen_result;
    l->segment.end = ngx_rtprop_listen_end;
    l->segment.data = l;
    l->store = store;
    l->channel = channel;

    if (PQsendQueryParams(pg->db, sql, 0, NULL, NULL, NULL, NULL, 0)
        == 0
        || ngx_rtprop_pg_sync(pg, &l->segment) != NGX_OK)
    {
        ngx_free(l);
        ngx_rtprop_pg_lose(pg, "connection failed", PQerrorMessage(pg->db));
        return NGX_ERROR;
    }

    ngx_rtprop_pg_flush(pg);

    return pg->db ? NGX_OK : NGX_ERROR;
}


static void
ngx_rtprop_listen_result(ngx_rtprop_pg_segment_t *segment, PGresult *res,
    ngx_uint_t nth)
{
    ngx_rtprop_listening_t  *l;

    l = segment->data;

    if (PQresultStatus(res) != PGRES_COMMAND_OK
        && PQresultStatus(res) != PGRES_TUPLES_OK)
    {
        l->failed = 1;
        ngx_rtprop_store_log_failure(l->store, "LISTEN", res);
        l->store->listener.doomed = "LISTEN refused";
    }

    PQclear(res);
}


static void
ngx_rtprop_listen_end(ngx_rtprop_pg_segment_t *segment, ngx_int_t rc)
{
    ngx_uint_t               n, failed;
    ngx_rtprop_store_t      *store;
    ngx_rtprop_listen_t     *listen;
    ngx_rtprop_listening_t  *l;

    l = segment->data;

    n = l->channel;
    store = l->store;
    failed = l->failed;

    ngx_free(l);

    if (rc != NGX_OK || failed) {
        return;
    }

    listen = ngx_rtprop_listen_channel(store, n);

    if (listen->watcher->listening) {
        listen->watcher->listening(listen->watcher->data, &listen->channel);
    }
}


void
ngx_rtprop_store_listen_lost(ngx_rtprop_pg_t *pg)
{
    /* it connects again by itself, and listens then */
}


void
ngx_rtprop_store_listen_notify(ngx_rtprop_pg_t *pg, PGnotify *notify)
{
    ngx_str_t             payload;
    ngx_uint_t            i;
    ngx_rtprop_store_t   *store;
    ngx_rtprop_listen_t  *listen;

    store = pg->store;

    ngx_rtprop_store_bump(store, NGX_RTPROP_STORE_NOTIFICATIONS, 1);

    payload.data = (u_char *) notify->extra;
    payload.len = ngx_strlen(notify->extra);

    for (i = 0; i < store->channels.nelts; i++) {
        listen = ngx_rtprop_listen_channel(store, i);

        if (listen->watcher->notify
            && ngx_strncmp(listen->channel.data, notify->relname,
                           listen->channel.len + 1) == 0)
        {
            listen->watcher->notify(listen->watcher->data, &listen->channel,
                                    &payload);
        }
    }
}
