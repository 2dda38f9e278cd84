/*
 * Answers of the HTTP interface: statuses, headers, JSON.
 */

#include "http/ngx_rtprop_http.h"
#include "http/rtprop_http.h"


static ngx_int_t ngx_rtprop_http_no_store(ngx_http_request_t *r);


static ngx_uint_t  ngx_rtprop_http_methods[] = {
    NGX_HTTP_GET, NGX_HTTP_HEAD, NGX_HTTP_POST, NGX_HTTP_PUT, NGX_HTTP_PATCH,
    NGX_HTTP_DELETE, NGX_HTTP_OPTIONS, 0
};

static const char  *ngx_rtprop_http_method_names[] = {
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"
};


ngx_str_t *
ngx_rtprop_http_header_in(ngx_http_request_t *r, const char *name)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {

            if (part->next == NULL) {
                return NULL;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].hash && h[i].key.len == len
            && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
        {
            return &h[i].value;
        }
    }
}


ngx_table_elt_t *
ngx_rtprop_http_header_out(ngx_http_request_t *r, const char *name,
    ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);

    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;
    h->lowcase_key = NULL;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h;
}


static ngx_int_t
ngx_rtprop_http_no_store(ngx_http_request_t *r)
{
    ngx_str_t  value = ngx_string("no-store");

    return ngx_rtprop_http_header_out(r, "Cache-Control", &value) ? NGX_OK
                                                                  : NGX_ERROR;
}


ngx_int_t
ngx_rtprop_http_reply(ngx_http_request_t *r, ngx_uint_t status, json_t *body)
{
    ngx_buf_t    *b;
    ngx_str_t     text;
    ngx_chain_t  *out;

    if (body == NULL) {
        return ngx_rtprop_http_send(r, status, NULL, NULL);
    }

    if (ngx_rtprop_hub_dump(r->pool, body, &text) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b = ngx_calloc_buf(r->pool);
    out = ngx_alloc_chain_link(r->pool);

    if (b == NULL || out == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = text.data;
    b->last = text.data + text.len;
    b->memory = 1;

    out->buf = b;
    out->next = NULL;

    return ngx_rtprop_http_send(r, status, "application/json", out);
}


ngx_int_t
ngx_rtprop_http_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, ngx_chain_t *out)
{
    off_t         size;
    ngx_int_t     rc;
    ngx_chain_t  *cl;

    for (cl = out, size = 0; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);

        if (cl->next == NULL) {
            cl->buf->last_buf = (r == r->main) ? 1 : 0;
            cl->buf->last_in_chain = 1;
        }
    }

    r->headers_out.status = status;
    r->headers_out.content_length_n = size;

    if (type) {
        r->headers_out.content_type.data = (u_char *) type;
        r->headers_out.content_type.len = ngx_strlen(type);
        r->headers_out.content_type_len = r->headers_out.content_type.len;
    }

    /* If-Match is the resource's own business, If-None-Match was ours */

    r->disable_not_modified = 1;

    if (ngx_rtprop_http_no_store(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    if (out == NULL) {
        return ngx_http_send_special(r, NGX_HTTP_LAST);
    }

    return ngx_http_output_filter(r, out);
}


json_t *
ngx_rtprop_http_error(const char *code, const char *message)
{
    return json_pack("{s:s, s:s}", "code", code, "message", message);
}


ngx_int_t
ngx_rtprop_http_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const char *code, const char *message)
{
    ngx_int_t               rc;
    ngx_rtprop_loc_conf_t  *lcf;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_rtprop_module);

    if (lcf->main->worker) {
        ngx_rtprop_http_count(lcf->main->worker, NGX_RTPROP_HTTP_REFUSALS, 1);
    }

    return ngx_rtprop_http_reply(r, status,
                                 ngx_rtprop_http_error(code, message));
}


ngx_int_t
ngx_rtprop_http_etag(ngx_http_request_t *r, uint64_t version,
    ngx_uint_t *status)
{
    u_char           *p;
    ngx_str_t         value;
    rtprop_str_t      tags;
    ngx_table_elt_t  *h;

    p = ngx_pnalloc(r->pool, NGX_INT64_LEN + 2);

    if (p == NULL) {
        return NGX_ERROR;
    }

    value.data = p;
    value.len = ngx_sprintf(p, "\"%uL\"", version) - p;

    r->headers_out.etag = ngx_rtprop_http_header_out(r, "ETag", &value);

    if (r->headers_out.etag == NULL) {
        return NGX_ERROR;
    }

    h = r->headers_in.if_none_match;

    if (h && *status == NGX_HTTP_OK
        && (r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD)))
    {
        tags.data = h->value.data;
        tags.len = h->value.len;

        if (rtprop_http_none_match(&tags, version)) {
            *status = NGX_HTTP_NOT_MODIFIED;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_rtprop_http_allow(ngx_http_request_t *r, ngx_uint_t methods)
{
    u_char      *p, *last, buf[64];
    ngx_int_t    rc;
    ngx_str_t    value;
    ngx_uint_t   i;

    p = buf;
    last = buf + sizeof(buf);

    for (i = 0; ngx_rtprop_http_methods[i]; i++) {
        if (methods & ngx_rtprop_http_methods[i]) {
            p = ngx_slprintf(p, last, "%s%s", p == buf ? "" : ", ",
                             ngx_rtprop_http_method_names[i]);
        }
    }

    value.len = p - buf;
    value.data = ngx_pnalloc(r->pool, value.len);

    if (value.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(value.data, buf, value.len);

    if (ngx_rtprop_http_header_out(r, "Allow", &value) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->method != NGX_HTTP_OPTIONS) {
        return ngx_rtprop_http_refuse(r, NGX_HTTP_NOT_ALLOWED,
                                      "method_not_allowed",
                                      "this resource has other methods");
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_rtprop_http_reply(r, NGX_HTTP_NO_CONTENT, NULL);
}
