/*
 * A module for tests only: the Redis client of a worker over HTTP.  It takes
 * the place of the real ngx_rtprop_module, so that the client's objects are
 * linked as they are.
 *
 *   /status                     what the client says of itself
 *   /notes                      what it called since this was last asked
 *   /command?a0=..&key=..&n=1   a command, n times in one turn; answers when
 *                               all are done
 *   /script?name=..&key=..&a0=.. a script of the table below
 *   /subscribe?ch=..&n=0        a channel, or ch0 to chN-1 of them
 *   /unsubscribe?ch=..&n=0
 *   /metrics
 */

#include "engine/redis/ngx_rtprop_redis.h"
#include "base/ngx_rtprop_stat.h"
#include "base/ngx_rtprop_zone.h"


#define TALK_NOTES   (1024 * 1024)
#define TALK_TEXT    65536
#define TALK_ARGS    8


typedef struct {
    ngx_rtprop_worker_t   *worker;
    ngx_rtprop_redis_t    *redis;
    u_char                *notes;
    size_t                 notes_len;
} talk_t;


/* A request that waits for its commands. */

typedef struct {
    talk_t                    *talk;
    ngx_http_request_t        *r;
    ngx_str_t                  argv[TALK_ARGS];
    ngx_rtprop_redis_cmd_t    *cmds;
    ngx_uint_t                 n;
    ngx_uint_t                 left;
    ngx_uint_t                 ok, busy, error, sent;
    u_char                     text[TALK_TEXT];
    size_t                     len;
    unsigned                   sending:1;
} talk_call_t;


typedef ngx_int_t (*talk_pt)(talk_t *talk, ngx_http_request_t *r);

typedef struct {
    ngx_str_t   name;
    talk_pt     handler;
} talk_op_t;


static ngx_int_t talk_preconfiguration(ngx_conf_t *cf);
static ngx_int_t talk_postconfiguration(ngx_conf_t *cf);
static void *talk_create_main_conf(ngx_conf_t *cf);
static ngx_int_t talk_init_module(ngx_cycle_t *cycle);
static ngx_int_t talk_init_process(ngx_cycle_t *cycle);
static void talk_exit_process(ngx_cycle_t *cycle);
static char *talk_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t talk_handler(ngx_http_request_t *r);
static ngx_int_t talk_status(talk_t *talk, ngx_http_request_t *r);
static ngx_int_t talk_notes(talk_t *talk, ngx_http_request_t *r);
static ngx_int_t talk_command(talk_t *talk, ngx_http_request_t *r);
static ngx_int_t talk_script(talk_t *talk, ngx_http_request_t *r);
static ngx_int_t talk_subscribe(talk_t *talk, ngx_http_request_t *r);
static ngx_int_t talk_unsubscribe(talk_t *talk, ngx_http_request_t *r);
static ngx_int_t talk_metrics(talk_t *talk, ngx_http_request_t *r);
static void talk_up(void *data);
static void talk_down(void *data, const char *why);
static void talk_subscribed(void *data, ngx_rtprop_redis_sub_t *sub);
static void talk_message(void *data, ngx_rtprop_redis_sub_t *sub,
    ngx_str_t *payload);


static ngx_rtprop_redis_handler_t  talk_redis_handler = {
    talk_up, talk_down, talk_subscribed, talk_message
};


static ngx_rtprop_redis_script_t  talk_scripts[] = {

    { ngx_string("count"),
      ngx_string("redis.call('SET', KEYS[1], ARGV[1]) "
                 "return redis.call('INCR', KEYS[1] .. ':n')"), "" },

    { ngx_string("publish"),
      ngx_string("return redis.call(ARGV[1], KEYS[1], ARGV[2])"), "" },

    { ngx_string("keys"),
      ngx_string("return table.concat(KEYS, ',') .. ';' "
                 ".. table.concat(ARGV, ',')"), "" },

    { ngx_string("loop"),
      ngx_string("while true do end"), "" },

    { ngx_null_string, ngx_null_string, "" }
};


static talk_op_t  talk_ops[] = {
    { ngx_string("status"), talk_status },
    { ngx_string("notes"), talk_notes },
    { ngx_string("command"), talk_command },
    { ngx_string("script"), talk_script },
    { ngx_string("subscribe"), talk_subscribe },
    { ngx_string("unsubscribe"), talk_unsubscribe },
    { ngx_string("metrics"), talk_metrics },
    { ngx_null_string, NULL }
};


static ngx_command_t  talk_commands[] = {

    { ngx_string("rtprop_redis"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ngx_rtprop_redis_directive,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("talk"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      talk_set,
      0,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  talk_module_ctx = {
    talk_preconfiguration, talk_postconfiguration,
    talk_create_main_conf, NULL, NULL, NULL, NULL, NULL
};


ngx_module_t  ngx_rtprop_module = {
    NGX_MODULE_V1,
    &talk_module_ctx,
    talk_commands,
    NGX_HTTP_MODULE,
    NULL,
    talk_init_module,
    talk_init_process,
    NULL,
    NULL,
    talk_exit_process,
    NULL,
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
talk_preconfiguration(ngx_conf_t *cf)
{
    return ngx_rtprop_redis_preconfiguration(cf);
}


static ngx_int_t
talk_postconfiguration(ngx_conf_t *cf)
{
    ngx_str_t  name;

    ngx_str_set(&name, "talk");

    if (ngx_rtprop_redis_postconfiguration(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_rtprop_zone_add(cf, &name, 4 * 1024 * 1024);
}


static void *
talk_create_main_conf(ngx_conf_t *cf)
{
    ngx_rtprop_main_conf_t  *rmcf;

    rmcf = ngx_pcalloc(cf->pool, sizeof(ngx_rtprop_main_conf_t));

    if (rmcf == NULL
        || ngx_array_init(&rmcf->stats, cf->pool, 16, sizeof(void *))
           != NGX_OK)
    {
        return NULL;
    }

    return rmcf;
}


static ngx_int_t
talk_init_module(ngx_cycle_t *cycle)
{
    return ngx_rtprop_zone_init_module(cycle,
               ngx_http_cycle_get_module_main_conf(cycle, ngx_rtprop_module));
}


static ngx_int_t
talk_init_process(ngx_cycle_t *cycle)
{
    talk_t                     *talk;
    ngx_rtprop_worker_t        *worker;
    ngx_rtprop_main_conf_t     *rmcf;
    ngx_rtprop_redis_script_t  *script;

    rmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_rtprop_module);
    worker = ngx_pcalloc(cycle->pool, sizeof(ngx_rtprop_worker_t));
    talk = ngx_pcalloc(cycle->pool, sizeof(talk_t));

    if (worker == NULL || talk == NULL) {
        return NGX_ERROR;
    }

    worker->cycle = cycle;
    worker->log = cycle->log;
    worker->pool = cycle->pool;
    worker->conf = rmcf;
    worker->zone = rmcf->zone;
    worker->hub = (ngx_rtprop_hub_t *) talk;
    rmcf->worker = worker;

    talk->worker = worker;
    talk->notes = ngx_palloc(cycle->pool, TALK_NOTES);

    if (talk->notes == NULL
        || ngx_rtprop_zone_init_worker(worker) != NGX_OK
        || ngx_rtprop_stat_init_worker(worker) != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (script = talk_scripts; script->name.len; script++) {
        ngx_rtprop_redis_script_init(script);
    }

    talk->redis = ngx_rtprop_redis_create(worker, &talk_redis_handler, talk);

    return talk->redis ? NGX_OK : NGX_ERROR;
}


static void
talk_exit_process(ngx_cycle_t *cycle)
{
    talk_t                  *talk;
    ngx_rtprop_main_conf_t  *rmcf;

    rmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_rtprop_module);

    if (rmcf->worker) {
        talk = (talk_t *) rmcf->worker->hub;
        ngx_rtprop_redis_close(talk->redis);
        ngx_rtprop_zone_exit_worker(rmcf->worker);
    }
}


static char *
talk_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = talk_handler;

    return NGX_CONF_OK;
}


/* ------------------------------------------------------------ requests --- */

static ngx_str_t
talk_arg(ngx_http_request_t *r, char *name)
{
    u_char     *src, *dst;
    ngx_str_t   value;

    if (ngx_http_arg(r, (u_char *) name, ngx_strlen(name), &value) != NGX_OK) {
        ngx_str_null(&value);
        return value;
    }

    src = value.data;
    value.data = ngx_pnalloc(r->pool, value.len + 1);
    dst = value.data;

    ngx_unescape_uri(&dst, &src, value.len, 0);
    value.len = dst - value.data;

    return value;
}


static ngx_uint_t
talk_number(ngx_http_request_t *r, char *name, ngx_uint_t absent)
{
    ngx_str_t  value;

    value = talk_arg(r, name);

    return value.len ? (ngx_uint_t) ngx_atoi(value.data, value.len) : absent;
}


static ngx_int_t
talk_answer(ngx_http_request_t *r, u_char *text, size_t len)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    b = ngx_create_temp_buf(r->pool, len + 1);

    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->last = ngx_cpymem(b->pos, text, len);
    b->last_buf = 1;
    b->last_in_chain = 1;
    b->memory = (len != 0);
    b->temporary = 0;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = len;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


static ngx_int_t
talk_handler(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_str_t                name;
    talk_op_t               *op;
    ngx_rtprop_main_conf_t  *rmcf;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    rmcf = ngx_http_get_module_main_conf(r, ngx_rtprop_module);
    name = r->uri;
    name.data++;
    name.len--;

    for (op = talk_ops; op->name.len; op++) {
        if (op->name.len == name.len
            && ngx_strncmp(op->name.data, name.data, name.len) == 0)
        {
            return op->handler((talk_t *) rmcf->worker->hub, r);
        }
    }

    return NGX_HTTP_NOT_FOUND;
}


static ngx_int_t
talk_status(talk_t *talk, ngx_http_request_t *r)
{
    u_char  *p, text[512];

    p = ngx_slprintf(text, text + sizeof(text),
                     "pid=%P ready=%ui sharded=%ui prefix=%V status=%s",
                     ngx_pid, ngx_rtprop_redis_ready(talk->redis),
                     ngx_rtprop_redis_sharded(talk->redis),
                     ngx_rtprop_redis_prefix(talk->redis),
                     ngx_rtprop_redis_status(talk->redis));

    return talk_answer(r, text, p - text);
}


static ngx_int_t
talk_notes(talk_t *talk, ngx_http_request_t *r)
{
    size_t  len;

    len = talk->notes_len;
    talk->notes_len = 0;

    return talk_answer(r, talk->notes, len);
}


static ngx_int_t
talk_metrics(talk_t *talk, ngx_http_request_t *r)
{
    size_t        len;
    u_char       *text;
    ngx_chain_t  *cl;

    text = ngx_palloc(r->pool, TALK_TEXT);
    len = 0;

    for (cl = ngx_rtprop_stat_render(talk->worker, r->pool); cl;
         cl = cl->next)
    {
        ngx_memcpy(text + len, cl->buf->pos, cl->buf->last - cl->buf->pos);
        len += cl->buf->last - cl->buf->pos;
    }

    return talk_answer(r, text, len);
}


/* ------------------------------------------------------------ commands --- */

static void
talk_reply(talk_call_t *call, ngx_rtprop_redis_cmd_t *cmd)
{
    u_char      *p, *last;
    redisReply  *reply;

    reply = cmd->reply;
    p = call->text;
    last = call->text + TALK_TEXT;

    if (reply == NULL) {
        call->len = ngx_slprintf(p, last, "none") - p;

    } else if (reply->type == REDIS_REPLY_INTEGER) {
        call->len = ngx_slprintf(p, last, "%L", (int64_t) reply->integer) - p;

    } else if (reply->type == REDIS_REPLY_NIL) {
        call->len = ngx_slprintf(p, last, "nil") - p;

    } else if (reply->type == REDIS_REPLY_ARRAY) {
        call->len = ngx_slprintf(p, last, "array of %uz", reply->elements) - p;

    } else {
        call->len = ngx_slprintf(p, last, "%s%*s",
                                 reply->type == REDIS_REPLY_ERROR ? "-" : "",
                                 reply->len, reply->str)
                    - p;
    }
}


static ngx_int_t
talk_finish(talk_call_t *call)
{
    u_char  *p, *text;

    text = ngx_pnalloc(call->r->pool, TALK_TEXT + 256);
    p = ngx_sprintf(text, "ok=%ui busy=%ui error=%ui sent=%ui reply=%*s",
                    call->ok, call->busy, call->error, call->sent, call->len,
                    call->text);

    return talk_answer(call->r, text, p - text);
}


static void
talk_done(ngx_rtprop_redis_cmd_t *cmd)
{
    talk_call_t         *call;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    call = cmd->data;
    call->ok += (cmd->rc == NGX_OK);
    call->busy += (cmd->rc == NGX_BUSY);
    call->error += (cmd->rc == NGX_ERROR);
    call->sent += cmd->sent;

    talk_reply(call, cmd);

    if (--call->left || call->sending) {
        return;
    }

    r = call->r;
    c = r->connection;

    ngx_http_finalize_request(r, talk_finish(call));
    ngx_http_run_posted_requests(c);
}


static ngx_int_t
talk_send(talk_t *talk, ngx_http_request_t *r,
    ngx_rtprop_redis_script_t *script)
{
    char                     name[3] = "a0";
    ngx_uint_t               i, argc;
    talk_call_t             *call;
    ngx_rtprop_redis_cmd_t  *cmd;

    call = ngx_pcalloc(r->pool, sizeof(talk_call_t));
    call->talk = talk;
    call->r = r;
    call->n = talk_number(r, "n", 1);
    call->left = call->n;
    call->sending = 1;
    call->cmds = ngx_pcalloc(r->pool,
                             call->n * sizeof(ngx_rtprop_redis_cmd_t));

    for (argc = 0; argc < TALK_ARGS; argc++) {
        name[1] = (char) ('0' + argc);
        call->argv[argc] = talk_arg(r, name);

        if (call->argv[argc].data == NULL) {
            break;
        }
    }

    r->main->count++;

    for (i = 0; i < call->n; i++) {
        cmd = &call->cmds[i];
        cmd->done = talk_done;
        cmd->data = call;
        cmd->key = talk_arg(r, "key");
        cmd->nkeys = talk_number(r, "keys", 0);
        cmd->script = script;
        cmd->argc = argc;
        cmd->argv = call->argv;

        ngx_rtprop_redis_send(talk->redis, cmd);
    }

    call->sending = 0;

    if (call->left == 0) {
        r->main->count--;
        return talk_finish(call);
    }

    return NGX_DONE;
}


static ngx_int_t
talk_command(talk_t *talk, ngx_http_request_t *r)
{
    return talk_send(talk, r, NULL);
}


static ngx_int_t
talk_script(talk_t *talk, ngx_http_request_t *r)
{
    ngx_str_t                   name;
    ngx_rtprop_redis_script_t  *script;

    name = talk_arg(r, "name");

    for (script = talk_scripts; script->name.len; script++) {
        if (script->name.len == name.len
            && ngx_strncmp(script->name.data, name.data, name.len) == 0)
        {
            return talk_send(talk, r, script);
        }
    }

    return NGX_HTTP_NOT_FOUND;
}


/* ------------------------------------------------------- subscriptions --- */

static ngx_rtprop_redis_sub_t *
talk_sub(talk_t *talk, ngx_str_t *name)
{
    ngx_rtprop_redis_sub_t  *sub;

    sub = ngx_calloc(sizeof(ngx_rtprop_redis_sub_t) + name->len,
                     talk->worker->log);
    sub->node.str.data = (u_char *) sub + sizeof(ngx_rtprop_redis_sub_t);
    sub->node.str.len = name->len;
    ngx_memcpy(sub->node.str.data, name->data, name->len);

    return sub;
}


static void
talk_each(talk_t *talk, ngx_http_request_t *r,
    void (*each)(talk_t *talk, ngx_str_t *name))
{
    u_char      name[512];
    ngx_str_t   ch, one;
    ngx_uint_t  i, n;

    ch = talk_arg(r, "ch");
    n = talk_number(r, "n", 0);

    if (n == 0) {
        each(talk, &ch);
        return;
    }

    for (i = 0; i < n; i++) {
        one.data = name;
        one.len = ngx_slprintf(name, name + sizeof(name), "%V%ui", &ch, i)
                  - name;
        each(talk, &one);
    }
}


static void
talk_subscribe_one(talk_t *talk, ngx_str_t *name)
{
    ngx_rtprop_redis_subscribe(talk->redis, talk_sub(talk, name));
}


static void
talk_unsubscribe_one(talk_t *talk, ngx_str_t *name)
{
    ngx_rtprop_redis_sub_t  *sub;

    sub = ngx_rtprop_redis_find(talk->redis, name);

    if (sub) {
        ngx_rtprop_redis_unsubscribe(talk->redis, sub);
        ngx_free(sub);
    }
}


static ngx_int_t
talk_subscribe(talk_t *talk, ngx_http_request_t *r)
{
    talk_each(talk, r, talk_subscribe_one);

    return talk_answer(r, (u_char *) "ok", 2);
}


static ngx_int_t
talk_unsubscribe(talk_t *talk, ngx_http_request_t *r)
{
    talk_each(talk, r, talk_unsubscribe_one);

    return talk_answer(r, (u_char *) "ok", 2);
}


/* ----------------------------------------------- what the client calls --- */

static void
talk_note(talk_t *talk, const char *fmt, ...)
{
    u_char   *p;
    va_list   args;

    va_start(args, fmt);
    p = ngx_vslprintf(talk->notes + talk->notes_len, talk->notes + TALK_NOTES,
                      fmt, args);
    va_end(args);

    talk->notes_len = p - talk->notes;
}


static void
talk_up(void *data)
{
    talk_note(data, "up\n");
}


static void
talk_down(void *data, const char *why)
{
    talk_note(data, "down %s\n", why);
}


static void
talk_subscribed(void *data, ngx_rtprop_redis_sub_t *sub)
{
    talk_note(data, "subscribed %V\n", &sub->node.str);
}


/* A payload "off" ends the subscription from within. */

static void
talk_message(void *data, ngx_rtprop_redis_sub_t *sub, ngx_str_t *payload)
{
    talk_t  *talk;

    talk = data;
    talk_note(talk, "message %V %V\n", &sub->node.str, payload);

    if (payload->len == 3 && ngx_strncmp(payload->data, "off", 3) == 0) {
        ngx_rtprop_redis_unsubscribe(talk->redis, sub);
        ngx_free(sub);
    }
}
