/*
 * Counters as Prometheus' text exposition format, version 0.0.4.
 */

#include "base/ngx_rtprop_stat.h"
#include "base/ngx_rtprop_stat_row.h"


#define NGX_RTPROP_STAT_BUF    4096


typedef struct {
    ngx_pool_t     *pool;
    ngx_chain_t    *first;
    ngx_chain_t   **last;
    ngx_buf_t      *buf;
} ngx_rtprop_stat_text_t;


static const char  *ngx_rtprop_stat_types[] = {
    "counter", "gauge", "histogram"
};


/* Room for a line of at most size octets. */

static u_char *
ngx_rtprop_stat_room(ngx_rtprop_stat_text_t *text, size_t size)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    b = text->buf;

    if (b && (size_t) (b->end - b->last) >= size) {
        return b->last;
    }

    b = ngx_create_temp_buf(text->pool, ngx_max(size, NGX_RTPROP_STAT_BUF));
    cl = ngx_alloc_chain_link(text->pool);

    if (b == NULL || cl == NULL) {
        return NULL;
    }

    cl->buf = b;
    cl->next = NULL;
    *text->last = cl;
    text->last = &cl->next;
    text->buf = b;

    return b->last;
}


static ngx_int_t
ngx_rtprop_stat_head(ngx_rtprop_stat_text_t *text,
    ngx_rtprop_stat_desc_t *desc)
{
    u_char  *p;

    p = ngx_rtprop_stat_room(text, 2 * desc->name.len + desc->help.len + 64);

    if (p == NULL) {
        return NGX_ERROR;
    }

    text->buf->last = ngx_sprintf(p, "# HELP %V %V\n# TYPE %V %s\n",
                                  &desc->name, &desc->help, &desc->name,
                                  ngx_rtprop_stat_types[desc->type]);
    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_stat_line(ngx_rtprop_stat_text_t *text,
    ngx_rtprop_stat_desc_t *desc, int64_t value)
{
    u_char  *p;

    p = ngx_rtprop_stat_room(text, desc->name.len + desc->labels.len + 64);

    if (p == NULL) {
        return NGX_ERROR;
    }

    if (desc->labels.len) {
        p = ngx_sprintf(p, "%V{%V} %L\n", &desc->name, &desc->labels, value);

    } else {
        p = ngx_sprintf(p, "%V %L\n", &desc->name, value);
    }

    text->buf->last = p;

    return NGX_OK;
}


/* Seconds, since that is the unit of Prometheus; buckets are cumulative. */

static ngx_int_t
ngx_rtprop_stat_histogram(ngx_rtprop_stat_text_t *text,
    ngx_rtprop_stat_t *stat, ngx_rtprop_stat_desc_t *desc)
{
    u_char      *p;
    int64_t      count, sum;
    uint64_t     bound;
    ngx_str_t   *labels;
    const char  *comma;
    ngx_uint_t   i;

    labels = &desc->labels;
    comma = labels->len ? "," : "";

    p = ngx_rtprop_stat_room(text, (NGX_RTPROP_STAT_BOUNDS + 3)
                                   * (desc->name.len + labels->len + 80));
    if (p == NULL) {
        return NGX_ERROR;
    }

    count = 0;

    for (i = 0; i < NGX_RTPROP_STAT_BOUNDS; i++) {
        count += ngx_rtprop_stat_column(stat, desc, i);
        bound = ngx_rtprop_stat_bounds[i];
        p = ngx_sprintf(p, "%V_bucket{%V%sle=\"%uL.%06uL\"} %L\n",
                        &desc->name, labels, comma, bound / 1000000,
                        bound % 1000000, count);
    }

    count += ngx_rtprop_stat_column(stat, desc, NGX_RTPROP_STAT_BOUNDS);
    sum = ngx_rtprop_stat_column(stat, desc, NGX_RTPROP_STAT_BOUNDS + 1);

    p = ngx_sprintf(p, "%V_bucket{%V%sle=\"+Inf\"} %L\n", &desc->name, labels,
                    comma, count);

    if (labels->len) {
        p = ngx_sprintf(p, "%V_sum{%V} %L.%06L\n%V_count{%V} %L\n",
                        &desc->name, labels, sum / 1000000, sum % 1000000,
                        &desc->name, labels, count);

    } else {
        p = ngx_sprintf(p, "%V_sum %L.%06L\n%V_count %L\n", &desc->name,
                        sum / 1000000, sum % 1000000, &desc->name, count);
    }

    text->buf->last = p;

    return NGX_OK;
}


static ngx_uint_t
ngx_rtprop_stat_same(ngx_rtprop_stat_desc_t *a, ngx_rtprop_stat_desc_t *b)
{
    return a->name.len == b->name.len
           && ngx_memcmp(a->name.data, b->name.data, a->name.len) == 0;
}


/* All with the name of the n-th, which is the first of it. */

static ngx_int_t
ngx_rtprop_stat_family(ngx_rtprop_stat_text_t *text,
    ngx_rtprop_worker_t *worker, ngx_uint_t n)
{
    ngx_int_t                 rc;
    ngx_uint_t                i;
    ngx_rtprop_stat_t        *stat;
    ngx_rtprop_stat_desc_t  **descs;

    stat = worker->stat;
    descs = stat->descs;

    if (ngx_rtprop_stat_head(text, descs[n]) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = n; i < stat->ndescs; i++) {
        if (!ngx_rtprop_stat_same(descs[i], descs[n])) {
            continue;
        }

        if (descs[i]->type == NGX_RTPROP_STAT_HISTOGRAM) {
            rc = ngx_rtprop_stat_histogram(text, stat, descs[i]);

        } else {
            rc = ngx_rtprop_stat_line(text, descs[i],
                                    ngx_rtprop_stat_value(worker, descs[i]));
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_chain_t *
ngx_rtprop_stat_render(ngx_rtprop_worker_t *worker, ngx_pool_t *pool)
{
    ngx_uint_t                i, n;
    ngx_rtprop_stat_t        *stat;
    ngx_rtprop_stat_text_t    text;
    ngx_rtprop_stat_desc_t  **descs;

    stat = worker->stat;
    descs = stat->descs;

    text.pool = pool;
    text.first = NULL;
    text.last = &text.first;
    text.buf = NULL;

    for (n = 0; n < stat->ndescs; n++) {

        if (stat->hidden[n + 1]) {
            continue;
        }

        for (i = 0; i < n; i++) {
            if (ngx_rtprop_stat_same(descs[i], descs[n])) {
                break;
            }
        }

        if (i == n && ngx_rtprop_stat_family(&text, worker, n) != NGX_OK) {
            return NULL;
        }
    }

    return text.first;
}
