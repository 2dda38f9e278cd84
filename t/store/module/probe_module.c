/*
 * Works of the store, over HTTP.  Each answers "rc=0 rows=1 ..." when it is
 * done; rc as in nginx.
 *
 *   /put?id=7&value=v&lock=a,b     probe_put; write
 *   /puts?from=1&n=100&fail=50     n works in one turn, the one with the id
 *                                  "fail" is refused; answers the counts
 *   /get?id=7                      probe_get
 *   /run?query=probe_sleep&write=1&id=7     any query of one bigint
 *   /again?id=7&write=1            probe_get, in done() once more: probe_late
 *   /types                         each type, out and back
 *   /status                        the status, what was heard, the pid
 *   /listen?channel=c
 */

#include "store/ngx_rtprop_store.h"


#define PROBE_TEXT   65536
#define PROBE_WORKS  10000


typedef struct {
    ngx_http_request_t      *r;
    ngx_uint_t               left;
    ngx_uint_t               ok;
    ngx_uint_t               refused;
    ngx_uint_t               busy;
    ngx_uint_t               failed;
    ngx_uint_t               retried;
    ngx_str_t                ids;        /* of those that are done */
    ngx_event_t              finish;
    unsigned                 single:1;
    unsigned                 again:1;
    ngx_str_t                text;
} probe_t;


typedef struct {
    ngx_rtprop_work_t        work;
    ngx_rtprop_statement_t   statement;
    ngx_rtprop_param_t       params[9];
    ngx_str_t                value;
    ngx_str_t                locks[4];
    probe_t                 *probe;
} probe_work_t;


static ngx_int_t probe_preconfiguration(ngx_conf_t *cf);
static char *probe_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t probe_handler(ngx_http_request_t *r);
static void probe_put(probe_t *p, int64_t id, ngx_str_t *value);
static void probe_finish(ngx_event_t *ev);
static void probe_work(probe_t *probe, ngx_rtprop_query_t *query,
    probe_work_t *pw);


static ngx_rtprop_query_t    *probe_query[8];
static u_char                 probe_heard[PROBE_TEXT];
static u_char                *probe_last = probe_heard;
static ngx_rtprop_watcher_t   probe_watcher;


static ngx_command_t  probe_commands[] = {

    { ngx_string("probe"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      probe_set,
      0,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  probe_module_ctx = {
    probe_preconfiguration, NULL, NULL, NULL, NULL, NULL, NULL, NULL
};


ngx_module_t  probe_module = {
    NGX_MODULE_V1,
    &probe_module_ctx,
    probe_commands,
    NGX_HTTP_MODULE,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL,
    NGX_MODULE_V1_PADDING
};


static const struct {
    const char  *name;
    const char  *sql;
    const char  *params;
    const char  *columns;
} probe_queries[] = {

    { "probe_put", "SELECT probe.put($1, $2, $3)",
      "id bigint, value text, retried boolean", "put bigint" },

    { "probe_get", "SELECT value FROM probe.item WHERE id = $1",
      "id bigint", "value text" },

    { "probe_sleep", "SELECT probe.sleep($1)", "ms bigint", "" },

    { "probe_fail", "SELECT probe.fail($1)", "id bigint", "" },

    { "probe_late", "INSERT INTO probe.late VALUES ($1)", "id bigint", "" },

    { "probe_types",
      "SELECT $1 AS a, $2::jsonb AS b, $3 AS c, $4 AS d, $5 AS e, $6 AS f,"
      " $7 AS g, array_to_string($8, '/', '-') AS h,"
      " array_to_string($9, '/') AS i, NULL::bigint AS j, 7::smallint AS k",
      "a text, b json, c bytea, d bigint, e boolean, f double, g timestamptz,"
      " h text[], i bigint[]",
      "a text, b json, c bytea, d bigint, e boolean, f double, g timestamptz,"
      " h text, i text, j bigint, k bigint" }
};


static ngx_int_t
probe_preconfiguration(ngx_conf_t *cf)
{
    ngx_uint_t  i;

    for (i = 0; i < sizeof(probe_queries) / sizeof(probe_queries[0]); i++) {
        probe_query[i] = ngx_rtprop_query_add(cf, probe_queries[i].name,
                                              probe_queries[i].sql,
                                              probe_queries[i].params,
                                              probe_queries[i].columns);

        if (probe_query[i] == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static char *
probe_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = probe_handler;

    return NGX_CONF_OK;
}


static int64_t
probe_number(ngx_http_request_t *r, const char *name, int64_t def)
{
    ngx_str_t  value;

    if (ngx_http_arg(r, (u_char *) name, ngx_strlen(name), &value) != NGX_OK) {
        return def;
    }

    return (int64_t) ngx_atoof(value.data, value.len);
}


static ngx_str_t
probe_text(ngx_http_request_t *r, const char *name)
{
    ngx_str_t  value;

    if (ngx_http_arg(r, (u_char *) name, ngx_strlen(name), &value) != NGX_OK) {
        ngx_str_null(&value);
    }

    return value;
}


static ngx_int_t
probe_answer(ngx_http_request_t *r, ngx_str_t *text)
{
    ngx_buf_t    *b;
    ngx_chain_t   out;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = text->len;

    if (ngx_http_send_header(r) == NGX_ERROR) {
        return NGX_ERROR;
    }

    b = ngx_calloc_buf(r->pool);

    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = text->data;
    b->last = text->data + text->len;
    b->memory = 1;
    b->last_buf = 1;

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static void
probe_finish(ngx_event_t *ev)
{
    u_char              *p;
    probe_t             *probe;
    ngx_str_t            text;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    probe = ev->data;
    r = probe->r;
    c = r->connection;

    text = probe->text;

    if (!probe->single) {
        p = ngx_pnalloc(r->pool, 256 + probe->ids.len);
        text.data = p;
        p = ngx_sprintf(p, "ok=%ui refused=%ui busy=%ui failed=%ui "
                        "retried=%ui\n%V", probe->ok, probe->refused,
                        probe->busy, probe->failed, probe->retried,
                        &probe->ids);
        text.len = p - text.data;
    }

    ngx_http_finalize_request(r, probe_answer(r, &text));
    ngx_http_run_posted_requests(c);
}


static void
probe_say(probe_t *probe, ngx_rtprop_work_t *w)
{
    u_char      *p;
    ngx_str_t    value;
    ngx_uint_t   rows;

    p = ngx_pnalloc(probe->r->pool, PROBE_TEXT);
    probe->text.data = p;

    rows = w->rc == NGX_OK ? ngx_rtprop_result_rows(w->statements[0].result)
                           : 0;

    p = ngx_sprintf(p, "rc=%i rows=%ui retried=%ui state=%s ", w->rc, rows,
                    (ngx_uint_t) w->retried, w->sqlstate);

    if (rows && w->statements[0].query == probe_query[1]) {
        value = ngx_rtprop_result_text(w->statements[0].result, 0, 0);
        p = ngx_sprintf(p, "value=%V", &value);
    }

    if (rows && w->statements[0].query == probe_query[5]) {
        ngx_uint_t            i;
        ngx_rtprop_result_t  *res = w->statements[0].result;

        for (i = 0; i < 11; i++) {

            if (ngx_rtprop_result_null(res, 0, i)) {
                p = ngx_sprintf(p, "%ui=null;", i);

            } else if (i == 5) {
                p = ngx_sprintf(p, "5=%.3f;",
                                ngx_rtprop_result_real(res, 0, i));

            } else if (i == 3 || i == 4 || i == 6 || i == 10) {
                p = ngx_sprintf(p, "%ui=%L;", i,
                                ngx_rtprop_result_number(res, 0, i));

            } else {
                value = ngx_rtprop_result_text(res, 0, i);
                p = ngx_sprintf(p, "%ui=%V;", i, &value);
            }
        }
    }

    probe->text.len = p - probe->text.data;
}


static void
probe_done(ngx_rtprop_work_t *w)
{
    probe_t       *probe;
    probe_work_t  *pw;

    pw = w->data;
    probe = pw->probe;

    if (probe->again) {
        probe->again = 0;
        probe_work(probe, probe_query[4], pw);
        return;
    }

    probe->retried += w->retried;

    switch (w->rc) {
    case NGX_OK:
        probe->ok++;
        probe->ids.len = ngx_sprintf(probe->ids.data + probe->ids.len, "%L ",
                                     pw->params[0].number) - probe->ids.data;
        break;
    case NGX_DECLINED: probe->refused++; break;
    case NGX_BUSY: probe->busy++; break;
    default: probe->failed++;
    }

    if (probe->single) {
        probe_say(probe, w);
    }

    if (--probe->left == 0) {
        ngx_post_event(&probe->finish, &ngx_posted_events);
    }
}


static void
probe_work(probe_t *probe, ngx_rtprop_query_t *query, probe_work_t *pw)
{
    ngx_rtprop_main_conf_t  *rmcf;

    rmcf = ngx_http_get_module_main_conf(probe->r, ngx_rtprop_module);

    pw->probe = probe;
    pw->statement.query = query;
    pw->statement.params = pw->params;
    pw->work.statements = &pw->statement;
    pw->work.n = 1;
    pw->work.locks = pw->locks;
    pw->work.done = probe_done;
    pw->work.data = pw;

    ngx_rtprop_store_do(rmcf->worker->store, &pw->work);
}


static void
probe_put(probe_t *probe, int64_t id, ngx_str_t *value)
{
    size_t         len;
    u_char        *p, *end;
    ngx_str_t      locks;
    probe_work_t  *pw;

    pw = ngx_pcalloc(probe->r->pool, sizeof(probe_work_t));

    pw->params[0] = ngx_rtprop_param_number(id);
    pw->params[1] = ngx_rtprop_param_text(value);
    pw->work.write = 1;
    pw->work.retry = &pw->params[2];

    locks = probe_text(probe->r, "lock");
    p = locks.data;
    end = p + locks.len;

    while (p < end && pw->work.nlocks < 4) {
        for (len = 0; p + len < end && p[len] != ','; len++) { /* void */ }
        pw->locks[pw->work.nlocks].data = p;
        pw->locks[pw->work.nlocks++].len = len;
        p += len + 1;
    }

    probe_work(probe, id == probe_number(probe->r, "fail", -1)
                      ? probe_query[3] : probe_query[0], pw);
}


static void
probe_types(probe_t *probe)
{
    probe_work_t      *pw;
    static ngx_str_t   text = ngx_string("t\xc3\xa4xt");
    static ngx_str_t   json = ngx_string("{\"a\": [1, null]}");
    static ngx_str_t   octets = ngx_string("\x01\x02");
    static ngx_str_t   texts[] = { ngx_string("x"), ngx_string("") };
    static int64_t     numbers[] = { -1, 9007199254740993LL };

    pw = ngx_pcalloc(probe->r->pool, sizeof(probe_work_t));

    pw->params[0] = ngx_rtprop_param_text(&text);
    pw->params[1] = ngx_rtprop_param_text(&json);
    pw->params[2] = ngx_rtprop_param_text(&octets);
    pw->params[3] = ngx_rtprop_param_number(-9007199254740993LL);
    pw->params[4] = ngx_rtprop_param_number(1);
    pw->params[5].real = -2.5;
    pw->params[6] = ngx_rtprop_param_number(1700000000123LL);
    pw->params[7].texts = texts;
    pw->params[7].n = 2;
    pw->params[8].numbers = numbers;
    pw->params[8].n = probe_number(probe->r, "n", 2);
    pw->params[0].null = probe_number(probe->r, "null", 0);

    probe_work(probe, probe_query[5], pw);
}


static void
probe_run(probe_t *probe)
{
    ngx_str_t      name;
    ngx_uint_t     i;
    probe_work_t  *pw;

    pw = ngx_pcalloc(probe->r->pool, sizeof(probe_work_t));
    name = probe_text(probe->r, "query");

    for (i = 0; i < sizeof(probe_queries) / sizeof(probe_queries[0]) - 1; i++)
    {
        if (ngx_strncmp(name.data, probe_queries[i].name, name.len) == 0) {
            break;
        }
    }

    pw->params[0] = ngx_rtprop_param_number(probe_number(probe->r, "id", 0));
    pw->work.write = probe_number(probe->r, "write", 0);

    probe_work(probe, probe_query[i], pw);
}


static void
probe_hear(const char *what, ngx_str_t *a, ngx_str_t *b)
{
    static ngx_str_t  none = ngx_string("");

    probe_last = ngx_slprintf(probe_last, probe_heard + PROBE_TEXT,
                              "%s %V %V\n", what, a ? a : &none,
                              b ? b : &none);
}


static void
probe_up(void *data)
{
    probe_hear("up", NULL, NULL);
}


static void
probe_down(void *data, const char *why)
{
    ngx_str_t  text;

    text.data = (u_char *) why;
    text.len = ngx_strlen(why);
    probe_hear("down", &text, NULL);
}


static void
probe_listening(void *data, ngx_str_t *channel)
{
    probe_hear("listening", channel, NULL);
}


static void
probe_notify(void *data, ngx_str_t *channel, ngx_str_t *payload)
{
    probe_hear("notify", channel, payload);
}


static ngx_int_t
probe_status(ngx_http_request_t *r, ngx_rtprop_store_t *store)
{
    u_char      *p;
    ngx_str_t    text;

    p = ngx_pnalloc(r->pool, PROBE_TEXT + 512);
    text.data = p;
    p = ngx_sprintf(p, "pid=%P up=%ui\nstatus=%s\n", ngx_pid,
                    ngx_rtprop_store_up(store),
                    ngx_rtprop_store_status(store));
    p = ngx_cpymem(p, probe_heard, probe_last - probe_heard);
    text.len = p - text.data;

    return probe_answer(r, &text);
}


static ngx_int_t
probe_listen(ngx_http_request_t *r, ngx_rtprop_store_t *store)
{
    ngx_str_t         channel;
    static u_char     name[64];
    static ngx_str_t  ok = ngx_string("ok\n");

    channel = probe_text(r, "channel");
    (void) ngx_cpystrn(name, channel.data,
                       ngx_min(channel.len + 1, sizeof(name)));

    if (probe_watcher.up == NULL) {
        probe_watcher.up = probe_up;
        probe_watcher.down = probe_down;
        probe_watcher.listening = probe_listening;
        probe_watcher.notify = probe_notify;
        (void) ngx_rtprop_store_watch(store, &probe_watcher);
    }

    (void) ngx_rtprop_store_listen(store, &probe_watcher, (char *) name);

    return probe_answer(r, &ok);
}


static ngx_int_t
probe_handler(ngx_http_request_t *r)
{
    int64_t                  from, i, n;
    probe_t                 *probe;
    ngx_str_t                value;
    ngx_rtprop_main_conf_t  *rmcf;

    rmcf = ngx_http_get_module_main_conf(r, ngx_rtprop_module);

    (void) ngx_http_discard_request_body(r);

    if (ngx_strncmp(r->uri.data, "/status", 7) == 0) {
        return probe_status(r, rmcf->worker->store);
    }

    if (ngx_strncmp(r->uri.data, "/listen", 7) == 0) {
        return probe_listen(r, rmcf->worker->store);
    }

    n = ngx_min(probe_number(r, "n", 1), PROBE_WORKS);
    value = probe_text(r, "value");

    probe = ngx_pcalloc(r->pool, sizeof(probe_t));
    probe->ids.data = ngx_pnalloc(r->pool, n * 21);
    probe->r = r;
    probe->left = 1;
    probe->single = 1;
    probe->finish.handler = probe_finish;
    probe->finish.data = probe;
    probe->finish.log = r->connection->log;

    r->main->count++;

    if (ngx_strncmp(r->uri.data, "/puts", 5) == 0) {
        probe->single = 0;
        probe->left = n;
        from = probe_number(r, "from", 1);

        for (i = 0; i < n; i++) {
            probe_put(probe, from + i, &value);
        }

    } else if (ngx_strncmp(r->uri.data, "/put", 4) == 0) {
        probe_put(probe, probe_number(r, "id", 0), &value);

    } else if (ngx_strncmp(r->uri.data, "/types", 6) == 0) {
        probe_types(probe);

    } else if (ngx_strncmp(r->uri.data, "/get", 4) == 0
               || ngx_strncmp(r->uri.data, "/again", 6) == 0)
    {
        probe_work_t  *pw = ngx_pcalloc(r->pool, sizeof(probe_work_t));

        probe->again = (r->uri.data[1] == 'a');
        pw->work.write = probe_number(r, "write", 0);
        pw->params[0] = ngx_rtprop_param_number(probe_number(r, "id", 0));
        probe_work(probe, probe_query[1], pw);

    } else {
        probe_run(probe);
    }

    return NGX_DONE;
}
