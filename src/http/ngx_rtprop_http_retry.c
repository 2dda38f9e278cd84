/*
 * Idempotency-Key: a POST that is sent again is answered as the first was.
 *
 * The key is claimed by a document in the engine before the command runs, so
 * that of two requests at once, on whatever worker, one gets it; the answer
 * takes the claim's place and stays for 10 minutes.  A claim whose worker died
 * frees itself after a minute.
 */

#include "http/ngx_rtprop_http.h"
#include "http/rtprop_http.h"
#include "base/rtprop_json.h"
#include <openssl/evp.h>


#define NGX_RTPROP_HTTP_CLAIM   60000     /* ms */
#define NGX_RTPROP_HTTP_KEPT    600000    /* ms */
#define NGX_RTPROP_HTTP_DIGEST  32        /* octets of SHA-256 */


static ngx_int_t ngx_rtprop_http_retry_print(ngx_rtprop_http_exchange_t *x,
    ngx_http_request_t *r, ngx_str_t *text);
static ngx_int_t ngx_rtprop_http_digest(ngx_pool_t *pool, ngx_str_t *parts,
    ngx_uint_t n, const char *prefix, ngx_str_t *hex);
static void ngx_rtprop_http_claimed(ngx_rtprop_op_t *op);
static void ngx_rtprop_http_retry_replay(ngx_rtprop_http_exchange_t *x);
static json_t *ngx_rtprop_http_retry_record(ngx_rtprop_http_exchange_t *x);
static void ngx_rtprop_http_kept(ngx_rtprop_op_t *op);


ngx_int_t
ngx_rtprop_http_retry_key(ngx_rtprop_http_exchange_t *x,
    ngx_http_request_t *r, ngx_str_t *text)
{
    ngx_str_t              *value, parts[2];
    rtprop_str_t            key;
    ngx_rtprop_loc_conf_t  *lcf;

    value = ngx_rtprop_http_header_in(r, "idempotency-key");

    if (value == NULL) {
        return NGX_DECLINED;
    }

    key.data = value->data;
    key.len = value->len;

    if (!rtprop_http_key_valid(&key)) {
        return NGX_ABORT;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_rtprop_module);

    /* each holder of an API key has keys of their own */

    parts[0] = lcf->api_key;
    parts[1] = *value;

    if (ngx_rtprop_http_digest(x->pool, parts, 2, "$retry:", &x->key)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_rtprop_http_retry_print(x, r, text);
}


static ngx_int_t
ngx_rtprop_http_retry_print(ngx_rtprop_http_exchange_t *x,
    ngx_http_request_t *r, ngx_str_t *text)
{
    ngx_str_t  parts[3];

    parts[0] = r->uri;
    parts[1] = r->args;
    parts[2] = *text;

    return ngx_rtprop_http_digest(x->pool, parts, 3, "", &x->print);
}


/* SHA-256 of parts, each preceded by its length, in hex behind a prefix. */

static ngx_int_t
ngx_rtprop_http_digest(ngx_pool_t *pool, ngx_str_t *parts, ngx_uint_t n,
    const char *prefix, ngx_str_t *hex)
{
    size_t       len;
    u_char       digest[EVP_MAX_MD_SIZE];
    uint64_t     size;
    ngx_int_t    rc;
    ngx_uint_t   i;
    EVP_MD_CTX  *md;

    len = ngx_strlen(prefix);

    hex->len = len + 2 * NGX_RTPROP_HTTP_DIGEST;
    hex->data = ngx_pnalloc(pool, hex->len);
    md = EVP_MD_CTX_new();

    if (hex->data == NULL || md == NULL) {
        EVP_MD_CTX_free(md);
        return NGX_ERROR;
    }

    rc = EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 ? NGX_OK : NGX_ERROR;

    for (i = 0; i < n && rc == NGX_OK; i++) {
        size = parts[i].len;

        if (EVP_DigestUpdate(md, &size, sizeof(size)) != 1
            || EVP_DigestUpdate(md, parts[i].data, parts[i].len) != 1)
        {
            rc = NGX_ERROR;
        }
    }

    if (rc == NGX_OK && EVP_DigestFinal_ex(md, digest, NULL) != 1) {
        rc = NGX_ERROR;
    }

    EVP_MD_CTX_free(md);

    ngx_memcpy(hex->data, prefix, len);
    ngx_hex_dump(hex->data + len, digest, NGX_RTPROP_HTTP_DIGEST);

    return rc;
}


void
ngx_rtprop_http_retry_begin(ngx_rtprop_http_exchange_t *x)
{
    json_t               *record;
    ngx_rtprop_state_t   *kept;
    ngx_rtprop_engine_t  *engine;

    x->state = NGX_RTPROP_HTTP_WORKING;

    kept = &x->kept;
    engine = x->worker->engine;

    record = json_pack("{s:s%}", "print", x->print.data, x->print.len);

    if (ngx_rtprop_hub_dump(x->pool, record, &kept->value) != NGX_OK) {
        ngx_rtprop_http_answer_refused(x, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                       "internal", "no memory");
        return;
    }

    kept->op.done = ngx_rtprop_http_claimed;
    kept->op.data = x;
    kept->op.pool = x->pool;
    kept->key = x->key;
    kept->version = 0;
    kept->ttl = NGX_RTPROP_HTTP_CLAIM;

    engine->state_put(engine, kept);
}


static void
ngx_rtprop_http_claimed(ngx_rtprop_op_t *op)
{
    ngx_rtprop_http_exchange_t  *x = op->data;

    switch (op->rc) {

    case NGX_OK:
        ngx_rtprop_http_run(x);
        return;

    case NGX_DECLINED:
        ngx_rtprop_http_retry_replay(x);
        return;

    default:
        ngx_rtprop_http_answer_refused(x, NGX_HTTP_SERVICE_UNAVAILABLE,
                                       "unavailable",
                                       "the key cannot be kept, try again");
    }
}


/* Another request has the key: what did it ask, and is it done? */

static void
ngx_rtprop_http_retry_replay(ngx_rtprop_http_exchange_t *x)
{
    json_t        *record, *status;
    const char    *err;
    rtprop_str_t   print;

    record = rtprop_json_load(x->kept.value.data, x->kept.value.len,
                              RTPROP_JSON_DEPTH, &err);

    if (rtprop_json_get_string(record, "print", &print) != RTPROP_OK
        || !rtprop_str_eq(&print, (char *) x->print.data, x->print.len))
    {
        json_decref(record);
        ngx_rtprop_http_answer_refused(x, NGX_HTTP_CONFLICT, "conflict",
                                       "this Idempotency-Key was given for "
                                       "another request");
        return;
    }

    status = json_object_get(record, "status");

    if (status == NULL) {
        json_decref(record);
        ngx_rtprop_http_answer_refused(x, NGX_HTTP_CONFLICT, "conflict",
                                       "the first request with this "
                                       "Idempotency-Key is under way");
        return;
    }

    x->status = json_integer_value(status);
    x->version = json_integer_value(json_object_get(record, "version"));
    x->body = json_incref(json_object_get(record, "body"));
    x->replayed = 1;

    json_decref(record);

    ngx_rtprop_http_count(x->worker, NGX_RTPROP_HTTP_REPLAYS, 1);
    ngx_rtprop_http_answer(x);
}


/*
 * A refusal has changed nothing, and may have another end when it is tried
 * again: the key is given back.
 */

void
ngx_rtprop_http_retry_end(ngx_rtprop_http_exchange_t *x)
{
    json_t               *record;
    ngx_rtprop_state_t   *kept;
    ngx_rtprop_engine_t  *engine;

    kept = &x->kept;
    engine = x->worker->engine;

    ngx_str_null(&kept->value);

    if (x->status < NGX_HTTP_SPECIAL_RESPONSE) {
        record = ngx_rtprop_http_retry_record(x);

        if (record == NULL
            || ngx_rtprop_hub_dump(x->pool, record, &kept->value) != NGX_OK)
        {
            /* done and not to be done again: the claim stays */

            ngx_rtprop_http_answer(x);
            return;
        }
    }

    kept->op.done = ngx_rtprop_http_kept;
    kept->ttl = NGX_RTPROP_HTTP_KEPT;

    engine->state_put(engine, kept);
}


static json_t *
ngx_rtprop_http_retry_record(ngx_rtprop_http_exchange_t *x)
{
    return json_pack("{s:s%, s:i, s:I, s:O?}", "print", x->print.data,
                     x->print.len, "status", (int) x->status, "version",
                     (json_int_t) x->version, "body", x->body);
}


/* What is done is done, whether or not the answer could be kept. */

static void
ngx_rtprop_http_kept(ngx_rtprop_op_t *op)
{
    if (op->rc != NGX_OK) {
        ngx_log_error(NGX_LOG_WARN, op->pool->log, 0,
                      "rtprop: the answer to an Idempotency-Key "
                      "could not be kept");
    }

    ngx_rtprop_http_answer(op->data);
}
