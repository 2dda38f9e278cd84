/*
 * Named queries: their registration, their parameters on the way out and
 * their results on the way in.
 */

#include "store/ngx_rtprop_pg.h"


static size_t ngx_rtprop_store_param_size(rtprop_sql_type_e type,
    ngx_rtprop_param_t *param);
static u_char *ngx_rtprop_store_param(rtprop_sql_type_e type,
    ngx_rtprop_param_t *param, u_char *p);
static u_char *ngx_rtprop_store_texts(u_char *p, ngx_str_t *texts,
    ngx_uint_t n);
static ngx_int_t ngx_rtprop_store_scratch(ngx_rtprop_store_t *store,
    size_t size);


ngx_rtprop_query_t *
ngx_rtprop_query_add(ngx_conf_t *cf, const char *name, const char *sql,
    const char *params, const char *columns)
{
    int                       nparams, ncolumns;
    ngx_uint_t                i;
    ngx_rtprop_query_t       *query, **slot;
    rtprop_sql_field_t        fields[2 * RTPROP_SQL_FIELDS];
    ngx_rtprop_store_conf_t  *conf;

    conf = ngx_rtprop_store_conf(ngx_rtprop_main_conf(cf));

    nparams = rtprop_sql_fields(params, fields);
    ncolumns = nparams < 0 ? -1 : rtprop_sql_fields(columns, &fields[nparams]);

    if (ncolumns < 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "the query \"%s\" is declared badly", name);
        return NULL;
    }

    query = ngx_pcalloc(cf->pool, sizeof(ngx_rtprop_query_t));
    slot = ngx_array_push(&conf->queries);

    if (query == NULL || slot == NULL) {
        return NULL;
    }

    query->fields = ngx_palloc(cf->pool, sizeof(rtprop_sql_field_t)
                                         * (nparams + ncolumns + 1));
    query->oids = ngx_palloc(cf->pool, sizeof(Oid) * (nparams + 1));

    if (query->fields == NULL || query->oids == NULL) {
        return NULL;
    }

    ngx_memcpy(query->fields, fields,
               sizeof(rtprop_sql_field_t) * (nparams + ncolumns));

    for (i = 0; i < (ngx_uint_t) nparams; i++) {
        query->oids[i] = rtprop_sql_type_oid(fields[i].type);
    }

    query->name = name;
    query->sql = sql;
    query->params = params;
    query->columns = columns;
    query->nparams = nparams;
    query->ncolumns = ncolumns;
    query->index = conf->queries.nelts - 1;

    *slot = query;

    return query;
}


/* Nothing is copied but numbers and arrays: libpq takes it from here. */

ngx_int_t
ngx_rtprop_store_send(ngx_rtprop_pg_t *pg, ngx_rtprop_statement_t *statement)
{
    int                  lengths[RTPROP_SQL_FIELDS];
    int                  formats[RTPROP_SQL_FIELDS];
    size_t               size;
    u_char              *p, *end;
    const char          *values[RTPROP_SQL_FIELDS];
    ngx_uint_t           i;
    ngx_rtprop_query_t  *query;
    ngx_rtprop_param_t  *param;

    query = statement->query;

    for (i = 0, size = 0; i < query->nparams; i++) {
        size += ngx_rtprop_store_param_size(query->fields[i].type,
                                            &statement->params[i]);
    }

    if (ngx_rtprop_store_scratch(pg->store, size) != NGX_OK) {
        return NGX_ERROR;
    }

    p = pg->store->scratch;

    for (i = 0; i < query->nparams; i++) {
        param = &statement->params[i];

        formats[i] = 1;
        lengths[i] = 0;
        values[i] = NULL;

        if (param->null) {
            continue;
        }

        if (query->fields[i].type <= RTPROP_SQL_BYTEA) {
            values[i] = (char *) param->text.data;
            lengths[i] = (int) param->text.len;
            continue;
        }

        end = ngx_rtprop_store_param(query->fields[i].type, param, p);
        values[i] = (char *) p;
        lengths[i] = (int) (end - p);
        p = end;
    }

    if (PQsendQueryPrepared(pg->db, query->name, query->nparams, values,
                            lengths, formats, 1)
        == 0)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Room in the scratch; texts are sent from where they are. */

static size_t
ngx_rtprop_store_param_size(rtprop_sql_type_e type, ngx_rtprop_param_t *param)
{
    size_t      size;
    ngx_uint_t  i;

    if (type <= RTPROP_SQL_BYTEA || param->null) {
        return 0;
    }

    if (type == RTPROP_SQL_BIGINTS) {
        return RTPROP_SQL_ARRAY_HEAD + param->n * (4 + 8);
    }

    if (type != RTPROP_SQL_TEXTS) {
        return 8;
    }

    size = RTPROP_SQL_ARRAY_HEAD;

    for (i = 0; i < param->n; i++) {
        size += 4 + param->texts[i].len;
    }

    return size;
}


static u_char *
ngx_rtprop_store_param(rtprop_sql_type_e type, ngx_rtprop_param_t *param,
    u_char *p)
{
    uint64_t    n;
    ngx_uint_t  i;

    switch (type) {

    case RTPROP_SQL_BOOLEAN:
        *p++ = param->number != 0;
        return p;

    case RTPROP_SQL_DOUBLE:
        ngx_memcpy(&n, &param->real, sizeof(uint64_t));
        return rtprop_sql_put64(p, n);

    case RTPROP_SQL_TIMESTAMPTZ:
        return rtprop_sql_put64(p, rtprop_sql_time(param->number));

    case RTPROP_SQL_TEXTS:
        return ngx_rtprop_store_texts(p, param->texts, param->n);

    case RTPROP_SQL_BIGINTS:
        p = rtprop_sql_array(p, param->n,
                             rtprop_sql_type_oid(RTPROP_SQL_BIGINT));

        for (i = 0; i < param->n; i++) {
            p = rtprop_sql_put32(p, 8);
            p = rtprop_sql_put64(p, param->numbers[i]);
        }

        return p;

    default:    /* RTPROP_SQL_BIGINT */
        return rtprop_sql_put64(p, param->number);
    }
}


static u_char *
ngx_rtprop_store_texts(u_char *p, ngx_str_t *texts, ngx_uint_t n)
{
    ngx_uint_t  i;

    p = rtprop_sql_array(p, n, rtprop_sql_type_oid(RTPROP_SQL_TEXT));

    for (i = 0; i < n; i++) {
        p = rtprop_sql_put32(p, texts[i].len);
        p = ngx_cpymem(p, texts[i].data, texts[i].len);
    }

    return p;
}


static ngx_int_t
ngx_rtprop_store_scratch(ngx_rtprop_store_t *store, size_t size)
{
    u_char  *scratch;

    if (size <= store->scratch_size) {
        return NGX_OK;
    }

    size = ngx_max(size, 4096);
    scratch = ngx_alloc(size, store->worker->log);

    if (scratch == NULL) {
        return NGX_ERROR;
    }

    if (store->scratch) {
        ngx_free(store->scratch);
    }

    store->scratch = scratch;
    store->scratch_size = size;

    return NGX_OK;
}


/*
 * A statement of the batch's own: an array of names that is put together
 * straight into the scratch.
 */

ngx_int_t
ngx_rtprop_store_send_locks(ngx_rtprop_pg_t *pg, ngx_queue_t *works)
{
    int                 length, format;
    size_t              size;
    u_char             *p;
    ngx_str_t          *lock;
    ngx_uint_t          i, n;
    const char         *value;
    ngx_queue_t        *q;
    ngx_rtprop_work_t  *w;

    n = 0;
    size = RTPROP_SQL_ARRAY_HEAD;

    for (q = ngx_queue_head(works); q != works; q = ngx_queue_next(q)) {
        w = ngx_queue_data(q, ngx_rtprop_work_t, queue);

        for (i = 0; i < w->nlocks; i++) {
            size += 4 + w->locks[i].len;
        }

        n += w->nlocks;
    }

    if (n == 0) {
        return NGX_DECLINED;
    }

    if (ngx_rtprop_store_scratch(pg->store, size) != NGX_OK) {
        return NGX_ERROR;
    }

    p = rtprop_sql_array(pg->store->scratch, n,
                         rtprop_sql_type_oid(RTPROP_SQL_TEXT));

    for (q = ngx_queue_head(works); q != works; q = ngx_queue_next(q)) {
        w = ngx_queue_data(q, ngx_rtprop_work_t, queue);

        for (i = 0; i < w->nlocks; i++) {
            lock = &w->locks[i];
            p = rtprop_sql_put32(p, lock->len);
            p = ngx_cpymem(p, lock->data, lock->len);
        }
    }

    value = (char *) pg->store->scratch;
    length = (int) (p - pg->store->scratch);
    format = 1;

    return PQsendQueryPrepared(pg->db, pg->store->conf->lock->name, 1, &value,
                               &length, &format, 1)
           ? NGX_OK : NGX_ERROR;
}


ngx_uint_t
ngx_rtprop_result_rows(ngx_rtprop_result_t *result)
{
    return PQntuples(result);
}


ngx_str_t
ngx_rtprop_result_text(ngx_rtprop_result_t *result, ngx_uint_t row,
    ngx_uint_t column)
{
    ngx_str_t  text;

    if (PQgetisnull(result, row, column)) {
        ngx_str_null(&text);
        return text;
    }

    text.data = (u_char *) PQgetvalue(result, row, column);
    text.len = PQgetlength(result, row, column);

    /* jsonb's binary form: a version, then the text */

    if (PQftype(result, column) == RTPROP_SQL_JSONB && text.len) {
        text.data++;
        text.len--;
    }

    return text;
}


int64_t
ngx_rtprop_result_number(ngx_rtprop_result_t *result, ngx_uint_t row,
    ngx_uint_t column)
{
    if (PQgetisnull(result, row, column)) {
        return 0;
    }

    return rtprop_sql_number(PQgetvalue(result, row, column),
                             PQgetlength(result, row, column),
                             PQftype(result, column));
}


double
ngx_rtprop_result_real(ngx_rtprop_result_t *result, ngx_uint_t row,
    ngx_uint_t column)
{
    if (PQgetisnull(result, row, column)) {
        return 0;
    }

    return rtprop_sql_real(PQgetvalue(result, row, column),
                           PQgetlength(result, row, column));
}


ngx_uint_t
ngx_rtprop_result_null(ngx_rtprop_result_t *result, ngx_uint_t row,
    ngx_uint_t column)
{
    return PQgetisnull(result, row, column);
}
