/*
 * What a request to the API asks with: the JSON of its body, or its query.
 */

#include "http/ngx_rtprop_http.h"
#include "http/rtprop_http.h"
#include "base/rtprop_json.h"


#define NGX_RTPROP_HTTP_DEPTH  32     /* of a body's JSON */


static ngx_int_t ngx_rtprop_http_body_text(ngx_http_request_t *r,
    ngx_str_t *text);


ngx_int_t
ngx_rtprop_http_body(ngx_rtprop_http_exchange_t *x, ngx_http_request_t *r,
    ngx_str_t *text)
{
    const char  *err;

    if (ngx_rtprop_http_body_text(r, text) != NGX_OK) {
        ngx_rtprop_http_answer_refused(x, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                       "internal", "the body got lost");
        return NGX_DECLINED;
    }

    if (text->len > x->max_body) {
        ngx_rtprop_http_answer_refused(x, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                       "too_large", "the body is too large");
        return NGX_DECLINED;
    }

    if (text->len && !ngx_rtprop_http_typed(r)) {
        ngx_rtprop_http_answer_refused(x, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                       "unsupported_media_type",
                                       "a body must be application/json");
        return NGX_DECLINED;
    }

    /* an action without a body asks for nothing more than its path says */

    x->payload = text->len ? rtprop_json_load(text->data, text->len,
                                             NGX_RTPROP_HTTP_DEPTH, &err)
                          : json_object();

    if (x->payload == NULL) {
        ngx_rtprop_http_answer_refused(x, NGX_HTTP_BAD_REQUEST,
                                       "invalid_json",
                                       text->len ? err : "no memory");
        return NGX_DECLINED;
    }

    if (!json_is_object(x->payload)
        && !(x->resource->array && json_is_array(x->payload)))
    {
        ngx_rtprop_http_answer_refused(x, 422, "invalid_payload",
                                       x->resource->array
                                       ? "the body must be an object or an "
                                         "array"
                                       : "the body must be an object");
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* The body in one piece, from memory or from its temporary file. */

static ngx_int_t
ngx_rtprop_http_body_text(ngx_http_request_t *r, ngx_str_t *text)
{
    off_t         size;
    u_char       *p;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    text->len = 0;
    text->data = NULL;

    if (r->request_body == NULL || r->request_body->bufs == NULL) {
        return NGX_OK;
    }

    for (cl = r->request_body->bufs, size = 0; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    if (size == 0) {
        return NGX_OK;
    }

    b = r->request_body->bufs->buf;

    if (r->request_body->bufs->next == NULL && !b->in_file) {
        text->data = b->pos;
        text->len = b->last - b->pos;
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, size);

    if (p == NULL) {
        return NGX_ERROR;
    }

    text->data = p;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (!b->in_file) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
            continue;
        }

        n = ngx_read_file(b->file, p, b->file_last - b->file_pos,
                          b->file_pos);

        if (n != (ssize_t) (b->file_last - b->file_pos)) {
            return NGX_ERROR;
        }

        p += n;
    }

    text->len = p - text->data;

    return NGX_OK;
}


ngx_uint_t
ngx_rtprop_http_typed(ngx_http_request_t *r)
{
    rtprop_str_t  type;

    if (r->headers_in.content_type == NULL) {
        return 0;
    }

    type.data = r->headers_in.content_type->value.data;
    type.len = r->headers_in.content_type->value.len;

    return rtprop_http_is_json(&type);
}


ngx_int_t
ngx_rtprop_http_query(ngx_rtprop_http_exchange_t *x, ngx_http_request_t *r)
{
    const char    *err;
    rtprop_str_t   query;

    query.data = r->args.data;
    query.len = r->args.len;

    x->payload = rtprop_http_query(&query, &err);

    if (x->payload == NULL) {
        ngx_rtprop_http_answer_refused(x, 422, "invalid_payload", err);
        return NGX_DECLINED;
    }

    return NGX_OK;
}
