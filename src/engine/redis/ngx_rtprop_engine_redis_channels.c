/*
 * The list of channels: names by a scan of the keys, of each master of a
 * cluster, then what is known of each.
 */

#include "engine/redis/ngx_rtprop_engine_redis.h"


#define NGX_RTPROP_ER_SCAN      500        /* keys of one step */
#define NGX_RTPROP_ER_SCANS     20000      /* steps */
#define NGX_RTPROP_ER_ASK       50         /* channels of one script */


typedef struct {
    ngx_rtprop_er_t          *er;
    ngx_rtprop_channels_t    *op;
    ngx_array_t               names;       /* ngx_str_t, of the part */
    void                     *node;        /* that is being scanned */
    void                     *first;       /* node that was scanned first */
    ngx_uint_t                scans;
    u_char                    cursor[NGX_INT64_LEN + 1];
    size_t                    cursor_len;
    unsigned                  last:1;      /* the scan is over */
} ngx_rtprop_er_list_t;


static void ngx_rtprop_er_scan_begin(ngx_rtprop_er_list_t *list);
static void ngx_rtprop_er_scan(ngx_rtprop_er_list_t *list);
static void ngx_rtprop_er_scanned(ngx_rtprop_er_call_t *call);
static void ngx_rtprop_er_scan_next(ngx_rtprop_er_list_t *list,
    ngx_str_t *cursor);
static void ngx_rtprop_er_scan_name(ngx_rtprop_er_list_t *list,
    ngx_str_t *key);
static void ngx_rtprop_er_ask(ngx_rtprop_er_list_t *list);
static void ngx_rtprop_er_asked(ngx_rtprop_er_call_t *call);
static ngx_int_t ngx_rtprop_er_channel_info(ngx_rtprop_er_list_t *list,
    ngx_str_t *name, redisReply *reply);
static void ngx_rtprop_er_list_end(ngx_rtprop_er_list_t *list, ngx_int_t rc);


void
ngx_rtprop_er_channels(ngx_rtprop_engine_t *e, ngx_rtprop_channels_t *op)
{
    ngx_str_t             *name;
    ngx_rtprop_er_t       *er;
    ngx_rtprop_er_list_t  *list;

    er = e->data;

    op->nchannels = 0;
    op->channels = ngx_palloc(op->op.pool,
                              (op->limit + 1)
                              * sizeof(ngx_rtprop_channel_info_t));
    list = ngx_pcalloc(op->op.pool, sizeof(ngx_rtprop_er_list_t));

    if (op->channels == NULL || list == NULL
        || op->prefix.len > NGX_RTPROP_ER_NAME_MAX
        || ngx_array_init(&list->names, op->op.pool, NGX_RTPROP_ER_ASK,
                          sizeof(ngx_str_t))
           != NGX_OK)
    {
        ngx_rtprop_er_end(&op->op, NGX_ERROR);
        return;
    }

    list->er = er;
    list->op = op;
    ngx_rtprop_er_scan_begin(list);

    if (op->limit == 0) {
        ngx_rtprop_er_list_end(list, NGX_OK);
        return;
    }

    if (!op->exact) {
        ngx_rtprop_er_scan(list);
        return;
    }

    name = ngx_array_push(&list->names);

    if (name) {
        *name = op->prefix;
    }

    list->last = 1;
    ngx_rtprop_er_ask(list);
}


/* ------------------------------------------------------------------ scan */

static void
ngx_rtprop_er_scan_begin(ngx_rtprop_er_list_t *list)
{
    list->cursor[0] = '0';
    list->cursor_len = 1;
}


static u_char *
ngx_rtprop_er_scan_text(u_char *p, ngx_str_t *text)
{
    size_t  i;

    for (i = 0; i < text->len; i++) {
        if (ngx_strchr("*?[]\\^", text->data[i])) {
            *p++ = '\\';
        }

        *p++ = text->data[i];
    }

    return p;
}


static void
ngx_rtprop_er_scan(ngx_rtprop_er_list_t *list)
{
    size_t                 len;
    u_char                *p;
    ngx_str_t             *prefix, cursor, pattern;
    ngx_rtprop_er_call_t  *call;

    prefix = ngx_rtprop_redis_prefix(list->er->redis);
    len = 2 * (prefix->len + list->op->prefix.len) + 8;

    call = ngx_rtprop_er_call(list->er, NGX_RTPROP_ER_PLAIN, 6,
                              len + sizeof(list->cursor));

    if (call == NULL) {
        ngx_rtprop_er_list_end(list, NGX_ERROR);
        return;
    }

    call->cmd.node = list->node;
    cursor.data = list->cursor;
    cursor.len = list->cursor_len;
    pattern.data = call->p;

    p = ngx_rtprop_er_scan_text(call->p, prefix);
    *p++ = '{';
    p = ngx_rtprop_er_scan_text(p, &list->op->prefix);
    p = ngx_cpymem(p, "*}:c", 4);

    pattern.len = p - pattern.data;
    call->p = p;

    ngx_rtprop_er_word(call, "SCAN");
    ngx_rtprop_er_copy(call, &cursor);
    ngx_rtprop_er_word(call, "MATCH");
    ngx_rtprop_er_text(call, &pattern);
    ngx_rtprop_er_word(call, "COUNT");
    ngx_rtprop_er_number(call, NGX_RTPROP_ER_SCAN);

    ngx_rtprop_er_send(call, ngx_rtprop_er_scanned, list);
}


static void
ngx_rtprop_er_scanned(ngx_rtprop_er_call_t *call)
{
    redisReply            *reply, *keys;
    ngx_str_t              text;
    ngx_uint_t             i;
    ngx_rtprop_er_list_t  *list;

    list = call->data;
    reply = ngx_rtprop_er_array(call, 2);

    if (reply == NULL) {
        ngx_rtprop_er_list_end(list, call->cmd.rc);
        return;
    }

    ngx_rtprop_er_get_text(reply, 0, &text);
    keys = reply->element[1];

    if (keys->type != REDIS_REPLY_ARRAY || text.len == 0
        || text.len > NGX_INT64_LEN)
    {
        ngx_rtprop_er_list_end(list, NGX_ERROR);
        return;
    }

    list->node = call->cmd.node;
    ngx_rtprop_er_scan_next(list, &text);

    list->names.nelts = 0;

    for (i = 0; i < keys->elements; i++) {
        ngx_rtprop_er_get_text(keys, i, &text);
        ngx_rtprop_er_scan_name(list, &text);
    }

    ngx_rtprop_er_ask(list);
}


/* Goes on from the cursor, or with the next master. */

static void
ngx_rtprop_er_scan_next(ngx_rtprop_er_list_t *list, ngx_str_t *cursor)
{
    ngx_memcpy(list->cursor, cursor->data, cursor->len);
    list->cursor_len = cursor->len;

    if (list->first == NULL) {
        list->first = list->node;
    }

    if (cursor->len == 1 && cursor->data[0] == '0') {
        ngx_rtprop_er_scan_begin(list);

        list->node = ngx_rtprop_redis_master(list->er->redis, list->node,
                                             list->first);
        list->last = (list->node == NULL);
    }

    if (++list->scans == NGX_RTPROP_ER_SCANS) {
        list->last = 1;
    }
}


/* A scan may name a key twice. */

static void
ngx_rtprop_er_scan_name(ngx_rtprop_er_list_t *list, ngx_str_t *key)
{
    size_t       len;
    ngx_str_t    name, *n, *names;
    ngx_uint_t   i;

    len = ngx_rtprop_redis_prefix(list->er->redis)->len;

    if (key->len <= len + 4 || key->len > len + NGX_RTPROP_ER_NAME_MAX) {
        return;
    }

    name.data = key->data + len + 1;
    name.len = key->len - len - 4;
    names = list->names.elts;

    for (i = 0; i < list->names.nelts; i++) {
        if (names[i].len == name.len
            && ngx_memcmp(names[i].data, name.data, name.len) == 0)
        {
            return;
        }
    }

    for (i = 0; i < list->op->nchannels; i++) {
        if (list->op->channels[i].name.len == name.len
            && ngx_memcmp(list->op->channels[i].name.data, name.data,
                          name.len)
               == 0)
        {
            return;
        }
    }

    n = ngx_array_push(&list->names);

    if (n && ngx_rtprop_er_dup(list->op->op.pool, n, &name) != NGX_OK) {
        list->names.nelts--;
    }
}


/* ------------------------------------------------------------------- ask */

/* From the end of the names, as many as one script takes. */

static void
ngx_rtprop_er_ask(ngx_rtprop_er_list_t *list)
{
    size_t                 size;
    ngx_str_t             *names, workers;
    ngx_uint_t             i, n, sharded;
    ngx_rtprop_er_call_t  *call;

    if (list->names.nelts == 0) {

        if (list->last) {
            ngx_rtprop_er_list_end(list, NGX_OK);

        } else {
            ngx_rtprop_er_scan(list);
        }

        return;
    }

    sharded = ngx_rtprop_redis_sharded(list->er->redis);
    n = sharded ? 1 : ngx_min(list->names.nelts, NGX_RTPROP_ER_ASK);

    names = list->names.elts;
    names += list->names.nelts - n;
    size = 0;

    for (i = 0; i < n; i++) {
        size += names[i].len;
    }

    call = ngx_rtprop_er_call(list->er, NGX_RTPROP_ER_CHANNELS, n + 3,
                              size + 2 * sizeof("$workers"));

    if (call == NULL) {
        ngx_rtprop_er_list_end(list, NGX_ERROR);
        return;
    }

    for (i = 0; i < n; i++) {
        ngx_rtprop_er_key(call, &names[i], ":c");
    }

    if (!sharded) {
        ngx_str_set(&workers, "$workers");
        ngx_rtprop_er_key(call, &workers, ":z");
        ngx_rtprop_er_key(call, &workers, ":r");
    }

    ngx_rtprop_er_number(call, !sharded);

    call->number = n;
    list->names.nelts -= n;

    ngx_rtprop_er_send(call, ngx_rtprop_er_asked, list);
}


static void
ngx_rtprop_er_asked(ngx_rtprop_er_call_t *call)
{
    redisReply            *reply;
    ngx_str_t             *names;
    ngx_uint_t             i;
    ngx_rtprop_er_list_t  *list;

    list = call->data;
    reply = ngx_rtprop_er_array(call, call->number);

    if (reply == NULL) {
        ngx_rtprop_er_list_end(list, call->cmd.rc);
        return;
    }

    names = list->names.elts;
    names += list->names.nelts;

    for (i = 0; i < call->number; i++) {

        if (list->op->nchannels == list->op->limit) {
            ngx_rtprop_er_list_end(list, NGX_OK);
            return;
        }

        if (ngx_rtprop_er_channel_info(list, &names[i], reply->element[i])
            != NGX_OK)
        {
            ngx_rtprop_er_list_end(list, NGX_ERROR);
            return;
        }
    }

    ngx_rtprop_er_ask(list);
}


/* Of workers that live; one without event and subscriber is none. */

static ngx_int_t
ngx_rtprop_er_channel_info(ngx_rtprop_er_list_t *list, ngx_str_t *name,
    redisReply *reply)
{
    uint64_t                    epoch, offset;
    ngx_str_t                   worker;
    ngx_uint_t                  i, subscribers;
    ngx_rtprop_channel_info_t  *info;

    if (reply->type != REDIS_REPLY_ARRAY) {
        return NGX_ERROR;
    }

    epoch = ngx_rtprop_er_get_octets(reply, 0);
    offset = ngx_rtprop_er_get_number(reply, 1);
    subscribers = 0;

    for (i = 2; i + 1 < reply->elements; i += 2) {
        ngx_rtprop_er_get_text(reply, i, &worker);

        if (!ngx_rtprop_er_is_dead(list->er, &worker)) {
            subscribers += ngx_rtprop_er_get_number(reply, i + 1);
        }
    }

    if (epoch == 0 || (offset == 0 && subscribers == 0)) {
        return NGX_OK;
    }

    info = &list->op->channels[list->op->nchannels++];

    info->name = *name;
    info->epoch = epoch;
    info->offset = offset;
    info->subscribers = subscribers;

    return NGX_OK;
}


static void
ngx_rtprop_er_list_end(ngx_rtprop_er_list_t *list, ngx_int_t rc)
{
    ngx_rtprop_er_end(&list->op->op, rc);
}
