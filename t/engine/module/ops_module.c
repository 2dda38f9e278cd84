#include "ops.h"
#include <openssl/rand.h>


static ngx_int_t ops_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ops_postconfiguration(ngx_conf_t *cf);
static void *ops_create_main_conf(ngx_conf_t *cf);
static ngx_int_t ops_init_module(ngx_cycle_t *cycle);
static ngx_int_t ops_init_process(ngx_cycle_t *cycle);
static void ops_exit_process(ngx_cycle_t *cycle);
static char *ops_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ops_extra(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t ops_handler(ngx_http_request_t *r);
static ngx_int_t ops_send(ops_answer_t *a);
static void ops_deliver(ngx_rtprop_hub_t *hub, ngx_rtprop_event_t *events,
    ngx_uint_t n);
static void ops_lost(ngx_rtprop_hub_t *hub);
static void ops_presence_lost(ngx_rtprop_hub_t *hub, ngx_str_t *set,
    ngx_str_t *user, ngx_str_t *info, ngx_uint_t users);
static void ops_presence_came(ngx_rtprop_hub_t *hub, ngx_str_t *set,
    ngx_str_t *user, ngx_str_t *info, ngx_uint_t users);
static void ops_job(ngx_rtprop_hub_t *hub, ngx_str_t *key, ngx_str_t *payload,
    uint64_t fence);


static ngx_rtprop_engine_handler_t  ops_engine_handler = {
    ops_deliver, ops_lost, ops_presence_lost, ops_job, NULL, NULL,
    NULL, ops_presence_came
};


ngx_rtprop_stat_desc_t  ops_stats[] = {

    { ngx_string("ops_extra_total"), ngx_string("A counter."),
      NGX_RTPROP_STAT_COUNTER, ngx_string("a=\"b\""), 0 },

    { ngx_string("ops_extra"), ngx_string("A gauge."),
      NGX_RTPROP_STAT_GAUGE, ngx_null_string, 0 },

    { ngx_string("ops_extra_seconds"), ngx_string("A histogram."),
      NGX_RTPROP_STAT_HISTOGRAM, ngx_null_string, 0 },

    { ngx_null_string, ngx_null_string,
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 }
};


static ngx_command_t  ops_commands[] = {

    { ngx_string("ops_extra"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_NOARGS,
      ops_extra,
      0,
      0,
      NULL },

    { ngx_string("ops_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_size_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_rtprop_main_conf_t, zone_size),
      NULL },

    { ngx_string("ops_history"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_rtprop_main_conf_t, history_messages),
      NULL },

    { ngx_string("ops_age"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_rtprop_main_conf_t, history_age),
      NULL },

    { ngx_string("ops_lease"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ngx_rtprop_main_conf_t, presence_lease),
      NULL },

    { ngx_string("rtprop_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_rtprop_redis_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ops"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ops_set,
      0,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ops_module_ctx = {
    ops_preconfiguration, ops_postconfiguration,
    ops_create_main_conf, NULL, NULL, NULL, NULL, NULL
};


ngx_module_t  ngx_rtprop_module = {
    NGX_MODULE_V1,
    &ops_module_ctx,
    ops_commands,
    NGX_HTTP_MODULE,
    NULL,
    ops_init_module,
    ops_init_process,
    NULL,
    NULL,
    ops_exit_process,
    NULL,
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ops_preconfiguration(ngx_conf_t *cf)
{
    ops_stats[0].index = 0;
    ops_stats[1].index = 0;
    ops_stats[2].index = 0;

    if (ngx_rtprop_engine_shm_preconfiguration(cf) != NGX_OK
        || ngx_rtprop_engine_redis_preconfiguration(cf) != NGX_OK
        || ngx_rtprop_redis_preconfiguration(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ops_postconfiguration(ngx_conf_t *cf)
{
    ngx_str_t                name;
    ngx_rtprop_main_conf_t  *rmcf;

    rmcf = ngx_rtprop_main_conf(cf);
    ngx_str_set(&name, "ops");

    if (rmcf->zone_size == NGX_CONF_UNSET_SIZE) {
        rmcf->zone_size = 4 * 1024 * 1024;
    }

    ngx_conf_init_uint_value(rmcf->history_messages, 1000);
    ngx_conf_init_value(rmcf->history_age, 3600);
    rmcf->history_bytes = 1024 * 1024;
    ngx_conf_init_msec_value(rmcf->presence_lease, 15000);

    if (rmcf->redis && ngx_rtprop_redis_postconfiguration(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_rtprop_zone_add(cf, &name, rmcf->zone_size);
}


static void *
ops_create_main_conf(ngx_conf_t *cf)
{
    ngx_rtprop_main_conf_t  *rmcf;

    rmcf = ngx_pcalloc(cf->pool, sizeof(ngx_rtprop_main_conf_t));

    if (rmcf == NULL
        || ngx_array_init(&rmcf->stats, cf->pool, 16, sizeof(void *))
           != NGX_OK)
    {
        return NULL;
    }

    rmcf->zone_size = NGX_CONF_UNSET_SIZE;
    rmcf->history_messages = NGX_CONF_UNSET_UINT;
    rmcf->history_age = NGX_CONF_UNSET;
    rmcf->presence_lease = NGX_CONF_UNSET_MSEC;

    return rmcf;
}


static ngx_int_t
ops_init_module(ngx_cycle_t *cycle)
{
    return ngx_rtprop_zone_init_module(cycle,
               ngx_http_cycle_get_module_main_conf(cycle, ngx_rtprop_module));
}


static ngx_int_t
ops_init_process(ngx_cycle_t *cycle)
{
    ops_t                   *ops;
    ngx_rtprop_worker_t     *worker;
    ngx_rtprop_main_conf_t  *rmcf;

    rmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_rtprop_module);
    worker = ngx_pcalloc(cycle->pool, sizeof(ngx_rtprop_worker_t));
    ops = ngx_pcalloc(cycle->pool, sizeof(ops_t));

    if (worker == NULL || ops == NULL) {
        return NGX_ERROR;
    }

    worker->cycle = cycle;
    worker->log = cycle->log;
    worker->pool = cycle->pool;
    worker->conf = rmcf;
    worker->zone = rmcf->zone;
    worker->hub = (ngx_rtprop_hub_t *) ops;
    rmcf->worker = worker;

    ops->worker = worker;
    ops->notes = ngx_palloc(cycle->pool, OPS_TEXT);
    ops->storm.handler = ops_storm;
    ops->storm.data = ops;
    ops->storm.log = cycle->log;
    ops->storm.cancelable = 1;

    if (ops->notes == NULL
        || ngx_rtprop_zone_init_worker(worker) != NGX_OK
        || ngx_rtprop_stat_init_worker(worker) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (RAND_bytes(worker->key, sizeof(worker->key)) != 1) {
        return NGX_ERROR;
    }

    worker->engine = rmcf->redis
                     ? ngx_rtprop_engine_redis_create(worker, worker->hub,
                                                      &ops_engine_handler)
                     : ngx_rtprop_engine_shm_create(worker, worker->hub,
                                                    &ops_engine_handler);
    ops->engine = worker->engine;

    return ops->engine ? NGX_OK : NGX_ERROR;
}


static void
ops_exit_process(ngx_cycle_t *cycle)
{
    ngx_rtprop_main_conf_t  *rmcf;

    rmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_rtprop_module);

    if (rmcf->worker) {
        if (rmcf->worker->engine->close) {
            rmcf->worker->engine->close(rmcf->worker->engine);
        }

        ngx_rtprop_zone_exit_worker(rmcf->worker);
    }
}


static char *
ops_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ops_handler;

    return NGX_CONF_OK;
}


/* Counters that another configuration does not have. */

static char *
ops_extra(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    return (ngx_rtprop_stat_add(cf, ops_stats) == NGX_OK) ? NGX_CONF_OK
                                                          : NGX_CONF_ERROR;
}


/* ------------------------------------------------------------ requests --- */

ngx_str_t
ops_arg(ops_answer_t *a, char *name)
{
    u_char     *src, *dst;
    ngx_str_t   value;

    if (ngx_http_arg(a->r, (u_char *) name, ngx_strlen(name), &value)
        != NGX_OK)
    {
        ngx_str_null(&value);
        return value;
    }

    src = value.data;
    value.data = ngx_pnalloc(a->r->pool, value.len + 1);
    dst = value.data;

    ngx_unescape_uri(&dst, &src, value.len, 0);
    value.len = dst - value.data;

    return value;
}


int64_t
ops_int(ops_answer_t *a, char *name)
{
    ngx_str_t  value;

    value = ops_arg(a, name);
    value.data = value.len ? value.data : (u_char *) "0";

    if (value.data[0] == '-') {
        return - (int64_t) ngx_atoi(value.data + 1, value.len - 1);
    }

    return value.len ? ngx_atoi(value.data, value.len) : 0;
}


uint64_t
ops_hex(ops_answer_t *a, char *name)
{
    uint64_t    n;
    ngx_str_t   value;
    ngx_uint_t  i;

    n = 0;
    value = ops_arg(a, name);

    for (i = 0; i < value.len; i++) {
        n = n * 16 + ngx_hextoi(&value.data[i], 1);
    }

    return n;
}


void
ops_say(ops_answer_t *a, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    a->p = ngx_vslprintf(a->p, a->end, fmt, args);
    va_end(args);
}


void
ops_note(ops_t *ops, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(ops->notes + ops->notes_len, ops->notes + OPS_TEXT, fmt,
                      args);
    va_end(args);

    ops->notes_len = p - ops->notes;
}


/* The answer's first words are always the pid and the slot. */

static ngx_int_t
ops_handler(ngx_http_request_t *r)
{
    ops_op_t                *op;
    ngx_int_t                rc;
    ngx_str_t                name;
    ops_answer_t            *a;
    ngx_rtprop_main_conf_t  *rmcf;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    rmcf = ngx_http_get_module_main_conf(r, ngx_rtprop_module);
    a = ngx_pcalloc(r->pool, sizeof(ops_answer_t));

    if (a == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    a->r = r;
    a->ops = (ops_t *) rmcf->worker->hub;
    a->start = ngx_palloc(r->pool, OPS_TEXT);

    if (a->start == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    a->p = a->start;
    a->end = a->start + OPS_TEXT;

    name = r->uri;
    name.data++;
    name.len--;

    ops_say(a, "%P %ui\n", ngx_pid, rmcf->worker->slot);

    for (op = ops_list; op->name.len; op++) {
        if (op->name.len == name.len
            && ngx_strncmp(op->name.data, name.data, name.len) == 0)
        {
            op->handler(a);
            break;
        }
    }

    if (a->waiting) {
        a->later = 1;
        r->main->count++;
        return NGX_DONE;
    }

    r->headers_out.status = op->name.len ? NGX_HTTP_OK : NGX_HTTP_NOT_FOUND;

    return ops_send(a);
}


void
ops_done(ngx_rtprop_op_t *op)
{
    ops_answer_t  *a;

    a = op->data;
    a->waiting = 0;
    a->said(op);

    if (a->later) {
        a->r->headers_out.status = NGX_HTTP_OK;
        ngx_http_finalize_request(a->r, ops_send(a));
    }
}


static ngx_int_t
ops_send(ops_answer_t *a)
{
    ngx_int_t            rc;
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    r = a->r;
    b = ngx_calloc_buf(r->pool);

    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = a->start;
    b->last = a->p;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    r->headers_out.content_length_n = b->last - b->pos;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


/* ----------------------------------------------- what the engine calls --- */

/* A payload of the storm begins with its own length. */

static void
ops_deliver(ngx_rtprop_hub_t *hub, ngx_rtprop_event_t *events, ngx_uint_t n)
{
    ops_t               *ops;
    ngx_uint_t           i, ch;
    ngx_rtprop_event_t  *ev;

    ops = (ops_t *) hub;
    ops->batches++;
    ops->delivered += n;

    for (i = 0; i < n; i++) {
        ev = &events[i];

        if (ops->listen) {
            ops_note(ops, "event %V %V %uL %uxL %uz %V %V\n", &ev->channel,
                     &ev->type, ev->offset, ev->epoch, ev->payload.len,
                     &ev->skip_user, &ev->user);
        }

        if (ev->channel.len != 7
            || ngx_strncmp(ev->channel.data, "storm:", 6) != 0)
        {
            continue;
        }

        if (ngx_atoi(ev->payload.data, 6) != (ngx_int_t) ev->payload.len) {
            ops->broken++;
            ops_note(ops, "torn %V %uL\n", &ev->channel, ev->offset);
        }

        if (ev->flags & NGX_RTPROP_EV_VOLATILE) {
            continue;
        }

        ch = ev->channel.data[6] - '0';

        if (ops->last[ch] && ev->offset != ops->last[ch] + 1) {
            ops->broken++;
            ops_note(ops, "order %V %uL after %uL\n", &ev->channel, ev->offset,
                     ops->last[ch]);
        }

        ops->last[ch] = ev->offset;
    }
}


static void
ops_lost(ngx_rtprop_hub_t *hub)
{
    ops_t  *ops;

    ops = (ops_t *) hub;
    ops->lost++;
    ngx_memzero(ops->last, sizeof(ops->last));
    ops_note(ops, "lost\n");
}


static void
ops_presence_lost(ngx_rtprop_hub_t *hub, ngx_str_t *set, ngx_str_t *user,
    ngx_str_t *info, ngx_uint_t users)
{
    if (ngx_strncmp(user->data, "storm", 5) != 0) {
        ops_note((ops_t *) hub, "gone %V %V %V %ui\n", set, user, info, users);
    }
}


static void
ops_presence_came(ngx_rtprop_hub_t *hub, ngx_str_t *set, ngx_str_t *user,
    ngx_str_t *info, ngx_uint_t users)
{
    ops_note((ops_t *) hub, "came %V %V %V %ui\n", set, user, info, users);
}


/* A job whose payload is "keep" is not finished. */

static void
ops_job(ngx_rtprop_hub_t *hub, ngx_str_t *key, ngx_str_t *payload,
    uint64_t fence)
{
    ops_t  *ops;

    ops = (ops_t *) hub;

    if (ngx_strncmp(key->data, "storm", 5) != 0) {
        ops_note(ops, "job %V %V %uL\n", key, payload, fence);
    }

    if (payload->len != 4 || ngx_strncmp(payload->data, "keep", 4) != 0) {
        ops->engine->schedule_done(ops->engine, key, fence);
    }
}
