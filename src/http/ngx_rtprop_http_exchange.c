/*
 * One request to the API: its command and its answer.
 *
 * The client may go away at any time: a cleanup of the request cuts the link,
 * the command goes on to its end, and its answer is kept where there is an
 * idempotency key.
 */

#include "http/ngx_rtprop_http.h"
#include "http/rtprop_http.h"
#include "base/rtprop_json.h"


static ngx_rtprop_http_exchange_t *ngx_rtprop_http_create(
    ngx_http_request_t *r, ngx_rtprop_resource_t *resource, ngx_str_t *path);
static ngx_int_t ngx_rtprop_http_read(ngx_rtprop_http_exchange_t *x,
    ngx_http_request_t *r);
static void ngx_rtprop_http_body_handler(ngx_http_request_t *r);
static ngx_rtprop_http_exchange_t *ngx_rtprop_http_of(ngx_http_request_t *r);
static void ngx_rtprop_http_start(ngx_rtprop_http_exchange_t *x,
    ngx_http_request_t *r, ngx_str_t *text);
static ngx_int_t ngx_rtprop_http_command(ngx_rtprop_http_exchange_t *x);
static uint64_t ngx_rtprop_http_if_match(ngx_http_request_t *r);
static void ngx_rtprop_http_respond(ngx_rtprop_cmd_t *cmd, ngx_uint_t status,
    json_t *body);
static void ngx_rtprop_http_unanswered(void *data);
static void ngx_rtprop_http_gone(void *data);
static ngx_int_t ngx_rtprop_http_answer_send(ngx_rtprop_http_exchange_t *x,
    ngx_http_request_t *r);
static ngx_int_t ngx_rtprop_http_retry_after(ngx_rtprop_http_exchange_t *x,
    ngx_http_request_t *r);
static void ngx_rtprop_http_destroy(ngx_rtprop_http_exchange_t *x);


ngx_int_t
ngx_rtprop_http_exchange(ngx_http_request_t *r,
    ngx_rtprop_resource_t *resource, ngx_str_t *path)
{
    ngx_int_t                    rc;
    ngx_str_t                    text = ngx_null_string;
    ngx_rtprop_http_exchange_t  *x;

    x = ngx_rtprop_http_create(r, resource, path);

    if (x == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (resource->method & (NGX_HTTP_POST|NGX_HTTP_PUT|NGX_HTTP_PATCH)) {
        return ngx_rtprop_http_read(x, r);
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    r->main->count++;
    x->running = 1;

    if (ngx_rtprop_http_query(x, r) == NGX_OK) {
        ngx_rtprop_http_start(x, r, &text);
    }

    x->running = 0;

    if (x->state == NGX_RTPROP_HTTP_ENDED) {
        ngx_rtprop_http_destroy(x);
    }

    return NGX_DONE;
}


static ngx_rtprop_http_exchange_t *
ngx_rtprop_http_create(ngx_http_request_t *r, ngx_rtprop_resource_t *resource,
    ngx_str_t *path)
{
    ngx_pool_t                  *pool;
    ngx_uint_t                   i;
    ngx_rtprop_loc_conf_t       *lcf;
    ngx_rtprop_http_exchange_t  *x;

    lcf = ngx_http_get_module_loc_conf(r, ngx_rtprop_module);

    pool = ngx_create_pool(1024, lcf->main->worker->log);

    if (pool == NULL) {
        return NULL;
    }

    x = ngx_pcalloc(pool, sizeof(ngx_rtprop_http_exchange_t));

    if (x == NULL) {
        goto failed;
    }

    x->pool = pool;
    x->worker = lcf->main->worker;
    x->resource = resource;
    x->max_body = lcf->max_message * NGX_RTPROP_HTTP_BODY;

    for (i = 0; i < NGX_RTPROP_PATH_MAX; i++) {

        if (path[i].len == 0) {
            continue;
        }

        x->path[i].len = path[i].len;
        x->path[i].data = ngx_pstrdup(pool, &path[i]);

        if (x->path[i].data == NULL) {
            goto failed;
        }
    }

    x->cleanup = ngx_http_cleanup_add(r, 0);

    if (x->cleanup == NULL) {
        goto failed;
    }

    x->cleanup->handler = ngx_rtprop_http_gone;
    x->cleanup->data = x;
    x->request = r;

    return x;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


static ngx_int_t
ngx_rtprop_http_read(ngx_rtprop_http_exchange_t *x, ngx_http_request_t *r)
{
    ngx_int_t  rc;

    if (r->headers_in.content_type && !ngx_rtprop_http_typed(r)) {
        return ngx_rtprop_http_refuse(r, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                      "unsupported_media_type",
                                      "a body must be application/json");
    }

    if (r->headers_in.content_length_n > (off_t) x->max_body) {
        return ngx_rtprop_http_refuse(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                      "too_large", "the body is too large");
    }

    r->request_body_in_single_buf = 1;

    rc = ngx_http_read_client_request_body(r, ngx_rtprop_http_body_handler);

    if (rc == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {

        /* the rest of the chunks is still to come, and is no request */

        r->keepalive = 0;
        r->lingering_close = 1;

        return ngx_rtprop_http_refuse(r, rc, "too_large",
                                      "the body is too large");
    }

    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}


static void
ngx_rtprop_http_body_handler(ngx_http_request_t *r)
{
    ngx_str_t                    text;
    ngx_rtprop_http_exchange_t  *x;

    x = ngx_rtprop_http_of(r);

    if (x == NULL) {
        ngx_http_finalize_request(r, NGX_HTTP_INTERNAL_SERVER_ERROR);
        return;
    }

    x->running = 1;

    if (ngx_rtprop_http_body(x, r, &text) == NGX_OK) {
        ngx_rtprop_http_start(x, r, &text);
    }

    x->running = 0;

    if (x->state == NGX_RTPROP_HTTP_ENDED) {
        ngx_rtprop_http_destroy(x);
    }
}


/* The module's ctx is the sessions' own: the exchange hangs on the cleanup. */

static ngx_rtprop_http_exchange_t *
ngx_rtprop_http_of(ngx_http_request_t *r)
{
    ngx_http_cleanup_t  *cln;

    for (cln = r->main->cleanup; cln; cln = cln->next) {
        if (cln->handler == ngx_rtprop_http_gone) {
            return cln->data;
        }
    }

    return NULL;
}


static void
ngx_rtprop_http_start(ngx_rtprop_http_exchange_t *x, ngx_http_request_t *r,
    ngx_str_t *text)
{
    /* an answer may take its time: watch for a client that goes away */

    if (!r->discard_body) {
        r->read_event_handler = ngx_http_test_reading;
    }

    if (x->resource->method != NGX_HTTP_POST) {
        ngx_rtprop_http_run(x);
        return;
    }

    switch (ngx_rtprop_http_retry_key(x, r, text)) {

    case NGX_OK:
        ngx_rtprop_http_retry_begin(x);
        return;

    case NGX_DECLINED:
        ngx_rtprop_http_run(x);
        return;

    case NGX_ABORT:
        ngx_rtprop_http_answer_refused(x, NGX_HTTP_BAD_REQUEST,
                                       "invalid_payload",
                                       "Idempotency-Key must be 1 to 128 "
                                       "visible ASCII characters");
        return;

    default:
        ngx_rtprop_http_answer_refused(x, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                       "internal", "no memory");
    }
}


void
ngx_rtprop_http_run(ngx_rtprop_http_exchange_t *x)
{
    ngx_rtprop_cmd_t       *cmd;
    ngx_rtprop_resource_t  *resource;

    x->state = NGX_RTPROP_HTTP_WORKING;

    if (ngx_rtprop_http_command(x) != NGX_OK) {
        ngx_rtprop_http_answer_refused(x, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                       "internal", "no memory");
        return;
    }

    cmd = x->cmd;
    resource = x->resource;

    /* ends in ngx_rtprop_http_respond(), maybe before it returns */

    ngx_rtprop_command_run(cmd, resource->fields, resource->handler);
}


static ngx_int_t
ngx_rtprop_http_command(ngx_rtprop_http_exchange_t *x)
{
    json_t              *payload;
    ngx_uint_t           i;
    ngx_rtprop_cmd_t    *cmd;
    ngx_pool_cleanup_t  *cln;

    payload = x->payload;
    x->payload = NULL;

    cmd = ngx_rtprop_command_create(x->worker, payload);

    if (cmd == NULL) {
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cmd->pool, 0);

    if (cln == NULL) {
        ngx_rtprop_cmd_done(cmd);
        return NGX_ERROR;
    }

    cln->handler = ngx_rtprop_http_unanswered;
    cln->data = x;

    x->guard = cln;
    x->cmd = cmd;

    cmd->http = 1;
    cmd->data = x->resource->data;
    cmd->request = x->request;
    cmd->exchange = x;
    cmd->respond = ngx_rtprop_http_respond;

    for (i = 0; i < NGX_RTPROP_PATH_MAX; i++) {
        cmd->path[i] = x->path[i];
    }

    if (x->request) {
        cmd->if_match = ngx_rtprop_http_if_match(x->request);
    }

    return NGX_OK;
}


/* A tag that is none of ours fits no version: the largest number stands in. */

static uint64_t
ngx_rtprop_http_if_match(ngx_http_request_t *r)
{
    uint64_t          version;
    rtprop_str_t      value;
    ngx_table_elt_t  *h;

    h = r->headers_in.if_match;

    if (h == NULL) {
        return 0;
    }

    value.data = h->value.data;
    value.len = h->value.len;

    switch (rtprop_http_if_match(&value, &version)) {

    case RTPROP_OK:
        return version;

    case RTPROP_DECLINED:
        return 0;

    default:
        return UINT64_MAX;
    }
}


static void
ngx_rtprop_http_respond(ngx_rtprop_cmd_t *cmd, ngx_uint_t status,
    json_t *body)
{
    ngx_rtprop_http_exchange_t  *x = cmd->exchange;

    x->cmd = NULL;
    x->guard->data = NULL;
    x->guard = NULL;

    x->status = status;
    x->body = body;
    x->version = cmd->version;

    if (x->key.len) {
        ngx_rtprop_http_retry_end(x);
        return;
    }

    ngx_rtprop_http_answer(x);
}


/* The command's pool goes, and nobody has answered. */

static void
ngx_rtprop_http_unanswered(void *data)
{
    ngx_rtprop_http_exchange_t  *x = data;

    if (x == NULL) {
        return;
    }

    ngx_log_error(NGX_LOG_ALERT, x->worker->log, 0,
                  "rtprop: no answer of the resource \"%V\"",
                  &x->resource->path);

    x->cmd = NULL;
    x->guard = NULL;

    ngx_rtprop_http_answer_refused(x, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                   "internal", "no answer");
}


/* The request ends: with the client's connection, or after its answer. */

static void
ngx_rtprop_http_gone(void *data)
{
    ngx_rtprop_http_exchange_t  *x = data;

    if (x == NULL) {
        return;
    }

    x->request = NULL;
    x->cleanup = NULL;

    if (x->cmd) {
        x->cmd->request = NULL;
    }

    if (x->state == NGX_RTPROP_HTTP_READING && !x->running) {
        ngx_rtprop_http_destroy(x);
    }
}


void
ngx_rtprop_http_answer_refused(ngx_rtprop_http_exchange_t *x,
    ngx_uint_t status, const char *code, const char *message)
{
    if (x->body) {
        json_decref(x->body);
    }

    x->status = status;
    x->body = ngx_rtprop_http_error(code, message);
    x->version = 0;

    ngx_rtprop_http_answer(x);
}


void
ngx_rtprop_http_answer(ngx_rtprop_http_exchange_t *x)
{
    ngx_int_t            rc;
    ngx_uint_t           running;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    if (x->status >= NGX_HTTP_BAD_REQUEST) {
        ngx_rtprop_http_count(x->worker, NGX_RTPROP_HTTP_REFUSALS, 1);
    }

    r = x->request;
    rc = NGX_OK;
    running = x->running;

    x->state = NGX_RTPROP_HTTP_ENDED;

    if (r) {
        x->cleanup->data = NULL;
        x->cleanup = NULL;
        x->request = NULL;

        rc = ngx_rtprop_http_answer_send(x, r);
    }

    if (!running) {
        ngx_rtprop_http_destroy(x);
    }

    if (r == NULL) {
        return;
    }

    c = r->connection;

    ngx_http_finalize_request(r, rc);

    if (!running) {
        ngx_http_run_posted_requests(c);
    }
}


static ngx_int_t
ngx_rtprop_http_answer_send(ngx_rtprop_http_exchange_t *x,
    ngx_http_request_t *r)
{
    json_t            *body;
    ngx_uint_t         status;

    static ngx_str_t   yes = ngx_string("true");

    status = x->status;

    if (x->version
        && ngx_rtprop_http_etag(r, x->version, &status) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (x->replayed
        && ngx_rtprop_http_header_out(r, "Idempotency-Replayed", &yes)
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_rtprop_http_retry_after(x, r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body = x->body;
    x->body = NULL;

    if (status == NGX_HTTP_NOT_MODIFIED || status == NGX_HTTP_NO_CONTENT) {
        json_decref(body);
        body = NULL;
    }

    return ngx_rtprop_http_reply(r, status, body);
}


/* Retry-After in whole seconds (RFC 9110, 10.2.3) with 429 and 503. */

static ngx_int_t
ngx_rtprop_http_retry_after(ngx_rtprop_http_exchange_t *x,
    ngx_http_request_t *r)
{
    int64_t    ms;
    ngx_str_t  value;

    if (x->status != NGX_HTTP_TOO_MANY_REQUESTS
        && x->status != NGX_HTTP_SERVICE_UNAVAILABLE)
    {
        return NGX_OK;
    }

    ms = json_integer_value(rtprop_json_get(x->body, "retry_after_ms"));

    value.data = ngx_pnalloc(r->pool, NGX_INT64_LEN);

    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%L", ngx_max(ms + 999, 1000) / 1000)
                - value.data;

    return ngx_rtprop_http_header_out(r, "Retry-After", &value) ? NGX_OK
                                                                : NGX_ERROR;
}


static void
ngx_rtprop_http_destroy(ngx_rtprop_http_exchange_t *x)
{
    json_decref(x->payload);
    json_decref(x->body);

    ngx_destroy_pool(x->pool);
}
