/*
 * What features have registered, and the queries made of theirs.
 */

#include "store/ngx_rtprop_durable_in.h"
#include "store/ngx_rtprop_failover.h"


#define NGX_RTPROP_DURABLE_GET_COLUMNS                                        \
    "version bigint, value text, at timestamptz"

#define NGX_RTPROP_DURABLE_PUT_PARAMS                                         \
    "version bigint, value text, step bigint, not_after timestamptz, "        \
    "ttl bigint, op bigint, retried boolean"

#define NGX_RTPROP_DURABLE_PUT_COLUMNS                                        \
    "done boolean, version bigint, value text, at timestamptz"

#define NGX_RTPROP_DURABLE_APPEND_PARAMS                                      \
    "channels text[], types text[], payloads text[], ids bigint[], "          \
    "users text[], flags bigint[], kinds bigint[], extras text[]"

#define NGX_RTPROP_DURABLE_EVENTS_COLUMNS                                     \
    NGX_RTPROP_DURABLE_PUT_COLUMNS ", n bigint, position bigint"


static ngx_int_t ngx_rtprop_durable_queries(ngx_conf_t *cf,
    ngx_rtprop_durable_conf_t *conf);
static ngx_int_t ngx_rtprop_durable_put_query(ngx_conf_t *cf,
    ngx_rtprop_durable_document_t *document);
static ngx_int_t ngx_rtprop_durable_compose(ngx_conf_t *cf,
    ngx_rtprop_durable_document_t *document);
static ngx_int_t ngx_rtprop_durable_push(ngx_conf_t *cf, ngx_array_t *array,
    const void *elt, size_t size);


ngx_rtprop_stat_desc_t  ngx_rtprop_durable_stats[] = {

    { ngx_string("rtprop_durable_seeded_total"),
      ngx_string("Channels that the engine took over from the database."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_durable_healed_total"),
      ngx_string("Committed events that had to be told by another worker."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_durable_history_total"),
      ngx_string("Times that history was read from the database."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_durable_known_total"),
      ngx_string("Messages sent again that the database knew."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_durable_doubled_total"),
      ngx_string("Ids that something in the database had; others were taken."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_durable_conflicts_total"),
      ngx_string("Documents that another worker had changed meanwhile."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_durable_held_total"),
      ngx_string("Changes of documents that waited for the row's lock."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_durable_armed_total"),
      ngx_string("Jobs put on the engine's schedule from the database."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_durable_ran_total"),
      ngx_string("Jobs run from the database with the engine away."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_durable_anew_total"),
      ngx_string("Channels begun anew since events were purged untold."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_null_string, ngx_null_string, 0, ngx_null_string, 0 }
};


ngx_int_t
ngx_rtprop_durable_preconfiguration(ngx_conf_t *cf)
{
    ngx_rtprop_main_conf_t         *rmcf;
    ngx_rtprop_durable_conf_t      *conf;
    ngx_rtprop_durable_document_t   general;

    rmcf = ngx_rtprop_main_conf(cf);
    conf = ngx_pcalloc(cf->pool, sizeof(ngx_rtprop_durable_conf_t));

    if (conf == NULL
        || ngx_array_init(&conf->documents, cf->pool, 16, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&conf->feeds, cf->pool, 4, sizeof(void *)) != NGX_OK
        || ngx_array_init(&conf->sources, cf->pool, 4, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&conf->jobs, cf->pool, 4, sizeof(void *)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    rmcf->durable = conf;

    ngx_memzero(&general, sizeof(ngx_rtprop_durable_document_t));
    ngx_str_set(&general.prefix, "");
    general.get = "document_get";
    general.get_sql = "SELECT * FROM rtprop.document_get($1)";
    general.put = "document_put";
    general.put_sql = "SELECT * FROM rtprop.document_put($1, $2, $3, $4, $5, "
                      "$6, $7, $8)";
    general.expires = 1;

    if (ngx_rtprop_durable_document_add(cf, &general) != NGX_OK) {
        return NGX_ERROR;
    }

    conf->general = *(ngx_rtprop_durable_document_t **) conf->documents.elts;

    if (ngx_rtprop_durable_queries(cf, conf) != NGX_OK
        || ngx_rtprop_failover_preconfiguration(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_rtprop_stat_add(cf, ngx_rtprop_durable_stats);
}


static ngx_int_t
ngx_rtprop_durable_queries(ngx_conf_t *cf, ngx_rtprop_durable_conf_t *conf)
{
    conf->epoch = ngx_rtprop_query_add(cf, "epoch",
        "SELECT value FROM rtprop.meta WHERE name = 'epoch'",
        "", "value text");

    conf->append = ngx_rtprop_query_add(cf, "event_append",
        "SELECT * FROM rtprop.append(true, $1, $2, $3, $4, $5, $6, $7, $8, "
        "$9, $10)",
        NGX_RTPROP_DURABLE_APPEND_PARAMS ", op bigint, retried boolean",
        "n bigint, position bigint");

    conf->history = ngx_rtprop_query_add(cf, "event_history",
        "SELECT * FROM rtprop.event_history($1, $2, $3, $4, $5, $6, $7)",
        "channel text, after bigint, upto bigint, before bigint, "
        "flags bigint, count bigint, newest boolean",
        "top bigint, position bigint, id bigint, type text, payload text, "
        "user_id text, flags bigint, kinds bigint, extra text, "
        "at timestamptz");

    conf->changed = ngx_rtprop_query_add(cf, "channel_changed",
        "SELECT * FROM rtprop.channel_changed($1, $2)",
        "every boolean, count bigint", "name text, position bigint");

    conf->looked = ngx_rtprop_query_add(cf, "channel_looked",
        "SELECT rtprop.channel_looked()", "", "");

    conf->job_put = ngx_rtprop_query_add(cf, "job_put",
        "SELECT rtprop.job_put($1, $2, $3)",
        "key text, due timestamptz, payload text", "");

    conf->job_remove = ngx_rtprop_query_add(cf, "job_remove",
        "SELECT rtprop.job_remove($1, $2)", "key text, anyway boolean", "");

    conf->job_due = ngx_rtprop_query_add(cf, "job_due",
        "SELECT * FROM rtprop.job_due($1, $2, $3)",
        "start timestamptz, stop timestamptz, count bigint",
        "key text, due timestamptz, payload text");

    conf->job_lease = ngx_rtprop_query_add(cf, "job_lease",
        "SELECT rtprop.lease_take('durable-jobs', $1, $2) AS held",
        "holder bigint, ttl bigint", "held boolean");

    return (conf->epoch && conf->append && conf->history && conf->job_put
            && conf->job_remove && conf->job_due && conf->job_lease
            && conf->changed && conf->looked)
           ? NGX_OK : NGX_ERROR;
}


/* A query that puts may be replaced by now: what is made of it follows. */

ngx_int_t
ngx_rtprop_durable_postconfiguration(ngx_conf_t *cf)
{
    ngx_uint_t                       i;
    ngx_rtprop_durable_conf_t       *conf;
    ngx_rtprop_durable_document_t  **document;

    conf = ngx_rtprop_durable_conf(ngx_rtprop_main_conf(cf));
    document = conf->documents.elts;

    for (i = 0; i < conf->documents.nelts; i++) {

        if (document[i]->get == NULL) {
            document[i]->get_query = conf->general->get_query;
            document[i]->put_query = conf->general->put_query;
            document[i]->events_query = conf->general->events_query;

        } else if (ngx_rtprop_durable_compose(cf, document[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * The events are appended if, and only if, the query that puts says that it
 * has; both are one statement, so that nothing needs to be asked in between.
 */

static ngx_int_t
ngx_rtprop_durable_compose(ngx_conf_t *cf,
    ngx_rtprop_durable_document_t *document)
{
    u_char              *sql;
    size_t               len;
    ngx_str_t            text;
    ngx_uint_t           n;
    ngx_rtprop_query_t  *lock;

    lock = document->lock_query;

    if (lock && !lock->replaced
        && (document->get_query->replaced || document->put_query->replaced))
    {
        document->lock_query = NULL;
    }

    text.data = (u_char *) document->put_query->sql;
    text.len = ngx_strlen(text.data);

    while (text.len && (text.data[text.len - 1] == ';'
                        || text.data[text.len - 1] <= ' '))
    {
        text.len--;
    }

    n = document->pair ? 9 : 8;
    len = text.len + 512;
    sql = ngx_pnalloc(cf->pool, len);

    if (sql == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_snprintf(sql, len, "WITH put AS MATERIALIZED (%V\n) "
                        "SELECT put.done, put.version, put.value, put.at, "
                        "e.n, e.position FROM put LEFT JOIN LATERAL "
                        "rtprop.append(put.done, $%ui, $%ui, $%ui, $%ui, "
                        "$%ui, $%ui, $%ui, $%ui, $%ui, $%ui) e ON true%Z",
                        &text, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6,
                        n + 7, n + 8, n - 1, n);

    document->events_query->sql = (char *) sql;

    return NGX_OK;
}


ngx_int_t
ngx_rtprop_durable_document_add(ngx_conf_t *cf,
    const ngx_rtprop_durable_document_t *document)
{
    ngx_rtprop_durable_conf_t      *conf;
    ngx_rtprop_durable_document_t **d;

    conf = ngx_rtprop_durable_conf(ngx_rtprop_main_conf(cf));

    if (ngx_rtprop_durable_push(cf, &conf->documents, document,
                                sizeof(ngx_rtprop_durable_document_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (document->get == NULL) {
        return NGX_OK;
    }

    d = conf->documents.elts;

    return ngx_rtprop_durable_put_query(cf, d[conf->documents.nelts - 1]);
}


static ngx_int_t
ngx_rtprop_durable_put_query(ngx_conf_t *cf,
    ngx_rtprop_durable_document_t *document)
{
    u_char  *name;
    size_t   len;

    len = ngx_strlen(document->put) + sizeof("_events");
    name = ngx_pnalloc(cf->pool, len);

    if (name == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_snprintf(name, len, "%s_events%Z", document->put);

    document->get_query = ngx_rtprop_query_add(cf, document->get,
        document->get_sql, document->pair ? "first text, second text"
                                          : "id text",
        NGX_RTPROP_DURABLE_GET_COLUMNS);

    document->put_query = ngx_rtprop_query_add(cf, document->put,
        document->put_sql,
        document->pair
        ? "first text, second text, " NGX_RTPROP_DURABLE_PUT_PARAMS
        : "id text, " NGX_RTPROP_DURABLE_PUT_PARAMS,
        NGX_RTPROP_DURABLE_PUT_COLUMNS);

    document->events_query = ngx_rtprop_query_add(cf, (char *) name,
        document->put_sql,
        document->pair
        ? "first text, second text, " NGX_RTPROP_DURABLE_PUT_PARAMS ", "
          NGX_RTPROP_DURABLE_APPEND_PARAMS
        : "id text, " NGX_RTPROP_DURABLE_PUT_PARAMS ", "
          NGX_RTPROP_DURABLE_APPEND_PARAMS,
        NGX_RTPROP_DURABLE_EVENTS_COLUMNS);

    if (document->lock) {
        document->lock_query = ngx_rtprop_query_add(cf, document->lock,
            document->lock_sql, "id text", NGX_RTPROP_DURABLE_GET_COLUMNS);

        if (document->lock_query == NULL) {
            return NGX_ERROR;
        }
    }

    return (document->get_query && document->put_query
            && document->events_query)
           ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_rtprop_durable_feed_add(ngx_conf_t *cf,
    const ngx_rtprop_durable_feed_t *feed)
{
    return ngx_rtprop_durable_push(cf,
               &ngx_rtprop_durable_conf(ngx_rtprop_main_conf(cf))->feeds,
               feed, sizeof(ngx_rtprop_durable_feed_t));
}


ngx_int_t
ngx_rtprop_durable_source_add(ngx_conf_t *cf,
    const ngx_rtprop_durable_source_t *source)
{
    return ngx_rtprop_durable_push(cf,
               &ngx_rtprop_durable_conf(ngx_rtprop_main_conf(cf))->sources,
               source, sizeof(ngx_rtprop_durable_source_t));
}


ngx_int_t
ngx_rtprop_durable_job_add(ngx_conf_t *cf,
    const ngx_rtprop_durable_job_t *job)
{
    return ngx_rtprop_durable_push(cf,
               &ngx_rtprop_durable_conf(ngx_rtprop_main_conf(cf))->jobs,
               job, sizeof(ngx_rtprop_durable_job_t));
}


static ngx_int_t
ngx_rtprop_durable_push(ngx_conf_t *cf, ngx_array_t *array, const void *elt,
    size_t size)
{
    void  **p, *copy;

    p = ngx_array_push(array);
    copy = ngx_palloc(cf->pool, size);

    if (p == NULL || copy == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy, elt, size);
    *p = copy;

    return NGX_OK;
}


/* --------------------------------------------------------------- looking up */

ngx_rtprop_durable_conf_t *
ngx_rtprop_durable_conf(ngx_rtprop_main_conf_t *rmcf)
{
    return rmcf->durable;
}


static ngx_uint_t
ngx_rtprop_durable_has(ngx_str_t *name, ngx_str_t *prefix)
{
    return prefix->len && name->len > prefix->len
           && name->data[prefix->len] == ':'
           && ngx_memcmp(name->data, prefix->data, prefix->len) == 0;
}


ngx_rtprop_durable_document_t *
ngx_rtprop_durable_document(ngx_rtprop_durable_conf_t *conf, ngx_str_t *key)
{
    ngx_uint_t                       i;
    ngx_rtprop_durable_document_t  **document;

    document = conf->documents.elts;

    for (i = 0; i < conf->documents.nelts; i++) {
        if (ngx_rtprop_durable_has(key, &document[i]->prefix)) {
            return document[i];
        }
    }

    return NULL;
}


ngx_rtprop_durable_source_t *
ngx_rtprop_durable_source(ngx_rtprop_durable_conf_t *conf, ngx_str_t *channel)
{
    ngx_uint_t                     i;
    ngx_rtprop_durable_source_t  **source;

    source = conf->sources.elts;

    for (i = 0; i < conf->sources.nelts; i++) {
        if (ngx_rtprop_durable_has(channel, &source[i]->prefix)) {
            return source[i];
        }
    }

    return NULL;
}


ngx_rtprop_durable_job_t *
ngx_rtprop_durable_job(ngx_rtprop_durable_conf_t *conf, ngx_str_t *key)
{
    ngx_uint_t                  i;
    ngx_rtprop_durable_job_t  **job;

    job = conf->jobs.elts;

    for (i = 0; i < conf->jobs.nelts; i++) {
        if (ngx_rtprop_durable_has(key, &job[i]->prefix)) {
            return job[i];
        }
    }

    return NULL;
}


ngx_rtprop_durable_feed_t *
ngx_rtprop_durable_feed(ngx_rtprop_durable_conf_t *conf,
    ngx_rtprop_event_t *ev)
{
    ngx_uint_t                   i;
    ngx_rtprop_durable_feed_t  **feed;

    feed = conf->feeds.elts;

    for (i = 0; ev->data && i < conf->feeds.nelts; i++) {
        if (feed[i]->type.len == ev->type.len
            && ngx_memcmp(feed[i]->type.data, ev->type.data, ev->type.len)
               == 0)
        {
            return feed[i];
        }
    }

    return NULL;
}
