/*
 * The store's counters, and its word for health.
 */

#include "store/ngx_rtprop_pg.h"


/* In the order of ngx_rtprop_store_stat_e. */

ngx_rtprop_stat_desc_t  ngx_rtprop_store_stats[] = {

    { ngx_string("rtprop_store_writes_total"),
      ngx_string("Units of work that were committed."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_store_reads_total"),
      ngx_string("Units of work that read, and were answered."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_store_batches_total"),
      ngx_string("Transactions that were committed, each with many writes."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_store_resent_total"),
      ngx_string("Units of work sent again, after an error or a loss."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_store_refused_total"),
      ngx_string("Units of work that the database refused."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_store_busy_total"),
      ngx_string("Units of work that found the queue full."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_store_failed_total"),
      ngx_string("Units of work that the database did not answer in time."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_store_connects_total"),
      ngx_string("Connections to the database that came to stand."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_store_losses_total"),
      ngx_string("Connections to the database that stood and were lost."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_store_notifications_total"),
      ngx_string("Notifications that arrived from the database."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_store_commit_seconds"),
      ngx_string("Time from sending a transaction to its commit's answer."),
      NGX_RTPROP_STAT_HISTOGRAM, ngx_null_string, 0 },

    { ngx_string("rtprop_store_queue"),
      ngx_string("Units of work that wait or are under way."),
      NGX_RTPROP_STAT_GAUGE, ngx_null_string, 0 },

    { ngx_string("rtprop_store_up"),
      ngx_string("Workers whose database connections stand."),
      NGX_RTPROP_STAT_GAUGE, ngx_null_string, 0 },

    { ngx_string("rtprop_store_queries_unusable"),
      ngx_string("Named queries that the database does not accept."),
      NGX_RTPROP_STAT_GAUGE, ngx_null_string, 0 },

    { ngx_null_string, ngx_null_string, 0, ngx_null_string, 0 }
};


ngx_int_t
ngx_rtprop_store_preconfiguration(ngx_conf_t *cf)
{
    ngx_rtprop_store_conf_t  *conf;

    conf = ngx_rtprop_store_conf(ngx_rtprop_main_conf(cf));

    if (ngx_rtprop_stat_add(cf, ngx_rtprop_store_stats) != NGX_OK) {
        return NGX_ERROR;
    }

    conf->lock = ngx_rtprop_query_add(cf, "rtprop_lock",
        "SELECT pg_advisory_xact_lock(h)"
        " FROM (SELECT DISTINCT n NOT LIKE '=%' AS c,"
        " hashtextextended(n, 0) AS h"
        " FROM unnest($1) AS n ORDER BY 1, 2) AS s",
        "names text[]", "");

    return conf->lock ? NGX_OK : NGX_ERROR;
}


const char *
ngx_rtprop_store_status(ngx_rtprop_store_t *store)
{
    ngx_uint_t            i;
    ngx_rtprop_pg_t      *pg;
    ngx_rtprop_query_t  **query;

    if (store->writer.state != NGX_RTPROP_PG_READY) {
        return store->writer.status;
    }

    if (store->reader.state != NGX_RTPROP_PG_READY) {
        return store->reader.status;
    }

    if (store->channels.nelts
        && store->listener.state != NGX_RTPROP_PG_READY)
    {
        return store->listener.status;
    }

    query = store->conf->queries.elts;

    for (i = 0; i < store->conf->queries.nelts; i++) {

        pg = store->reader.unusable[i] ? &store->reader : &store->writer;

        if (pg->unusable[i]) {
            (void) ngx_snprintf(store->status, sizeof(store->status) - 1,
                                "query %s: %s%Z", query[i]->name,
                                pg->unusable[i]);
            return (const char *) store->status;
        }
    }

    if (store->trouble
        && ngx_current_msec - store->troubled < NGX_RTPROP_STORE_TROUBLE)
    {
        return store->trouble;
    }

    return "ok";
}
