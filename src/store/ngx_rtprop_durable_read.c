/*
 * Events read from the database: those of the table "event", and those that a
 * feature keeps in a table of its own, put in order.
 */

#include "store/ngx_rtprop_durable_in.h"


/* Columns of event_history. */

typedef enum {
    NGX_RTPROP_DURABLE_TOP = 0,
    NGX_RTPROP_DURABLE_POSITION,
    NGX_RTPROP_DURABLE_ID,
    NGX_RTPROP_DURABLE_TYPE,
    NGX_RTPROP_DURABLE_PAYLOAD,
    NGX_RTPROP_DURABLE_USER,
    NGX_RTPROP_DURABLE_FLAGS,
    NGX_RTPROP_DURABLE_KINDS,
    NGX_RTPROP_DURABLE_EXTRA,
    NGX_RTPROP_DURABLE_AT
} ngx_rtprop_durable_column_e;


static void ngx_rtprop_durable_read_done(ngx_rtprop_work_t *work);
static ngx_int_t ngx_rtprop_durable_merge(ngx_rtprop_durable_read_t *read,
    ngx_rtprop_result_t *general, ngx_rtprop_result_t *own);
static int64_t ngx_rtprop_durable_top(ngx_rtprop_durable_read_t *read,
    ngx_rtprop_result_t *general, ngx_uint_t *rows);
static void ngx_rtprop_durable_turn(ngx_rtprop_event_t *events, ngx_uint_t n);
static ngx_int_t ngx_rtprop_durable_row(ngx_rtprop_durable_read_t *read,
    ngx_rtprop_result_t *result, ngx_uint_t row, ngx_rtprop_event_t *ev);
static ngx_int_t ngx_rtprop_durable_own_row(ngx_rtprop_durable_read_t *read,
    ngx_rtprop_result_t *result, ngx_uint_t row, ngx_rtprop_event_t *ev);
static ngx_int_t ngx_rtprop_durable_read_extra(ngx_pool_t *pool,
    ngx_str_t *text, ngx_rtprop_event_t *ev);


void
ngx_rtprop_durable_read(ngx_rtprop_durable_read_t *read)
{
    ngx_str_t               id;
    ngx_uint_t              n, general;
    ngx_rtprop_param_t     *params;
    ngx_rtprop_durable_t   *d;

    d = read->d;
    read->source = ngx_rtprop_durable_source(d->conf, &read->channel);

    general = (read->place || read->source == NULL
               || !(read->source->whole
                    || (read->flags
                        && (read->source->flags & read->flags)
                           == read->flags)));
    n = 0;
    params = read->params;
    ngx_memzero(params, sizeof(read->params));

    if (general) {
        read->statements[n].query = d->conf->history;
        read->statements[n++].params = params;

        params[0].text = read->channel;
        params[1].number = read->after;
        params[2].number = read->upto;
        params[3].number = read->before;
        params[4].number = read->flags;
        params[5].number = (int64_t) read->count + 1;
        params[6].number = read->newest;
    }

    if (read->source) {
        params = &read->params[7];
        read->statements[n].query = read->source->query;
        read->statements[n++].params = params;

        ngx_rtprop_hub_channel_id(&read->channel, &id);

        params[0].text = id;
        params[1].number = read->after;
        params[2].number = read->upto;
        params[3].number = read->before;
        params[4].number = (int64_t) read->count + 1;
        params[5].number = read->newest;
    }

    ngx_memzero(&read->work, sizeof(ngx_rtprop_work_t));

    read->work.statements = read->statements;
    read->work.n = n;
    read->work.done = ngx_rtprop_durable_read_done;
    read->work.data = read;

    ngx_rtprop_store_do(d->store, &read->work);
}


static void
ngx_rtprop_durable_read_done(ngx_rtprop_work_t *work)
{
    ngx_rtprop_result_t        *general, *own;
    ngx_rtprop_durable_read_t  *read;

    read = work->data;
    read->rc = NGX_ERROR;
    read->events = NULL;
    read->nevents = 0;
    read->top = 0;
    read->more = 0;

    if (work->rc == NGX_OK) {
        general = NULL;
        own = NULL;

        if (read->statements[0].query == read->d->conf->history) {
            general = read->statements[0].result;
        }

        if (read->source) {
            own = read->statements[work->n - 1].result;
        }

        read->rc = ngx_rtprop_durable_merge(read, general, own);
    }

    read->done(read);
}


/*
 * Both results are in order, the newest first or last.  What was committed
 * between the two is in the second only, beyond the top.
 */

static ngx_int_t
ngx_rtprop_durable_merge(ngx_rtprop_durable_read_t *read,
    ngx_rtprop_result_t *general, ngx_rtprop_result_t *own)
{
    int64_t              a, b, top;
    ngx_int_t            rc;
    ngx_uint_t           i, k, n, ni, nk;
    ngx_rtprop_event_t  *ev;

    nk = own ? ngx_rtprop_result_rows(own) : 0;
    top = ngx_rtprop_durable_top(read, general, &ni);

    read->events = ngx_pcalloc(read->pool, (ngx_min(ni + nk, read->count) + 1)
                                           * sizeof(ngx_rtprop_event_t));
    if (read->events == NULL) {
        return NGX_ERROR;
    }

    n = 0;
    i = 0;
    k = 0;

    while (i < ni || k < nk) {
        a = (i < ni) ? ngx_rtprop_result_number(general, i,
                                        NGX_RTPROP_DURABLE_POSITION) : 0;
        b = (k < nk) ? ngx_rtprop_result_number(own, k, 0) : 0;

        if (b > top) {
            k++;
            continue;
        }

        if (n == read->count) {
            read->more = 1;
            break;
        }

        ev = &read->events[n++];

        if (b == 0 || (a && (read->newest ? a > b : a < b))) {
            rc = ngx_rtprop_durable_row(read, general, i++, ev);

        } else {
            rc = ngx_rtprop_durable_own_row(read, own, k++, ev);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    read->nevents = n;

    if (read->newest) {
        ngx_rtprop_durable_turn(read->events, n);
    }

    return NGX_OK;
}


/* The channel's place, which the first row has even where it has no event. */

static int64_t
ngx_rtprop_durable_top(ngx_rtprop_durable_read_t *read,
    ngx_rtprop_result_t *general, ngx_uint_t *rows)
{
    *rows = general ? ngx_rtprop_result_rows(general) : 0;

    if (*rows == 0) {
        return NGX_RTPROP_DURABLE_MAX;
    }

    read->top = ngx_rtprop_result_number(general, 0, NGX_RTPROP_DURABLE_TOP);

    if (ngx_rtprop_result_null(general, 0, NGX_RTPROP_DURABLE_POSITION)) {
        *rows = 0;
    }

    return read->top;
}


static void
ngx_rtprop_durable_turn(ngx_rtprop_event_t *events, ngx_uint_t n)
{
    ngx_uint_t          i;
    ngx_rtprop_event_t  swap;

    for (i = 0; i < n / 2; i++) {
        swap = events[i];
        events[i] = events[n - 1 - i];
        events[n - 1 - i] = swap;
    }
}


static ngx_int_t
ngx_rtprop_durable_row(ngx_rtprop_durable_read_t *read,
    ngx_rtprop_result_t *result, ngx_uint_t row, ngx_rtprop_event_t *ev)
{
    u_char      *p;
    ngx_str_t    text[4], *to[3];
    ngx_uint_t   i;

    text[0] = ngx_rtprop_result_text(result, row, NGX_RTPROP_DURABLE_TYPE);
    text[1] = ngx_rtprop_result_text(result, row, NGX_RTPROP_DURABLE_PAYLOAD);
    text[2] = ngx_rtprop_result_text(result, row, NGX_RTPROP_DURABLE_USER);
    text[3] = ngx_rtprop_result_text(result, row, NGX_RTPROP_DURABLE_EXTRA);

    to[0] = &ev->type;
    to[1] = &ev->payload;
    to[2] = &ev->user;

    p = ngx_pnalloc(read->pool, text[0].len + text[1].len + text[2].len + 1);

    if (p == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < 3; i++) {
        to[i]->len = text[i].len;
        to[i]->data = p;

        if (text[i].len) {
            p = ngx_cpymem(p, text[i].data, text[i].len);
        }
    }

    ev->channel = read->channel;
    ev->epoch = read->d->epoch;
    ev->offset = ngx_rtprop_result_number(result, row,
                                          NGX_RTPROP_DURABLE_POSITION);
    ev->id = ngx_rtprop_result_number(result, row, NGX_RTPROP_DURABLE_ID);
    ev->time = ngx_rtprop_result_number(result, row, NGX_RTPROP_DURABLE_AT);
    ev->flags = ngx_rtprop_result_number(result, row,
                                         NGX_RTPROP_DURABLE_FLAGS)
                & (NGX_RTPROP_EV_HIDDEN|NGX_RTPROP_EV_RECEIPT);
    ev->kinds = ngx_rtprop_result_number(result, row, NGX_RTPROP_DURABLE_KINDS)
                & NGX_RTPROP_SUB_ALL;

    return text[3].len ? ngx_rtprop_durable_read_extra(read->pool, &text[3],
                                                       ev)
                       : NGX_OK;
}


static ngx_int_t
ngx_rtprop_durable_own_row(ngx_rtprop_durable_read_t *read,
    ngx_rtprop_result_t *result, ngx_uint_t row, ngx_rtprop_event_t *ev)
{
    ngx_str_t  id;

    ev->channel = read->channel;
    ev->epoch = read->d->epoch;
    ev->offset = ngx_rtprop_result_number(result, row, 0);
    ev->id = ngx_rtprop_result_number(result, row, 1);

    ngx_rtprop_hub_channel_id(&ev->channel, &id);

    return read->source->event(read->pool, result, row, &id, ev);
}


static ngx_int_t
ngx_rtprop_durable_read_extra(ngx_pool_t *pool, ngx_str_t *text,
    ngx_rtprop_event_t *ev)
{
    json_t      *extra, *value;
    ngx_str_t    s, *to;
    ngx_uint_t   i;
    const char  *key[] = { "skip_user", "alt_user", "alt_payload",
                           "skip_session" };

    extra = json_loadb((char *) text->data, text->len, 0, NULL);

    for (i = 0; i < 4; i++) {
        value = json_object_get(extra, key[i]);
        s.data = (u_char *) json_string_value(value);
        s.len = json_string_length(value);

        if (s.len == 0) {
            continue;
        }

        to = (i == 0) ? &ev->skip_user : (i == 1) ? &ev->alt_user
             : (i == 2) ? &ev->alt_payload : &ev->skip_session;

        to->data = ngx_pstrdup(pool, &s);

        if (to->data == NULL) {
            json_decref(extra);
            return NGX_ERROR;
        }

        to->len = s.len;
    }

    json_decref(extra);

    if (ev->skip_session.len) {
        for (i = 0; i < NGX_RTPROP_SESSION_ID
                    && ev->skip_session.len == 2 * NGX_RTPROP_SESSION_ID; i++)
        {
            ev->skip_session.data[i] = (u_char)
                         ngx_hextoi(&ev->skip_session.data[2 * i], 2);
        }

        ev->skip_session.len = (i == NGX_RTPROP_SESSION_ID)
                               ? NGX_RTPROP_SESSION_ID : 0;
    }

    return NGX_OK;
}
