/*
 * Commands: their arguments, their replies.
 */

#include "engine/redis/ngx_rtprop_engine_redis.h"

#include <openssl/rand.h>


#define NGX_RTPROP_ER_LIFE_MIN  600        /* s, beyond the history's age */


static void ngx_rtprop_er_called(ngx_rtprop_redis_cmd_t *cmd);


/* A number has 20 digits at most. */

ngx_rtprop_er_call_t *
ngx_rtprop_er_call(ngx_rtprop_er_t *er, ngx_uint_t script, ngx_uint_t nargs,
    size_t size)
{
    size_t                 args, texts;
    ngx_rtprop_er_call_t  *call;

    args = sizeof(ngx_rtprop_er_call_t) + nargs * sizeof(ngx_str_t);
    texts = ngx_rtprop_redis_prefix(er->redis)->len + NGX_INT64_LEN + 8;
    texts = texts * (nargs + 1) + size;

    call = ngx_alloc(args + texts, er->worker->log);

    if (call == NULL) {
        return NULL;
    }

    ngx_memzero(call, sizeof(ngx_rtprop_er_call_t));

    call->er = er;
    call->max = nargs + 1;
    call->p = (u_char *) call + args;
    call->end = call->p + texts;
    call->cmd.argv = call->argv;
    call->cmd.done = ngx_rtprop_er_called;
    call->cmd.data = call;

    if (script != NGX_RTPROP_ER_PLAIN) {
        call->cmd.script = &er->scripts[script];
    }

    return call;
}


static ngx_str_t *
ngx_rtprop_er_next(ngx_rtprop_er_call_t *call)
{
    if (call->cmd.argc == call->max) {
        ngx_log_error(NGX_LOG_ALERT, call->er->worker->log, 0,
                      "rtprop: too many arguments of a command");
        return &call->argv[call->max - 1];
    }

    return &call->argv[call->cmd.argc++];
}


u_char *
ngx_rtprop_er_room(ngx_rtprop_er_call_t *call, size_t len)
{
    ngx_str_t  *arg;

    arg = ngx_rtprop_er_next(call);
    arg->len = ngx_min(len, (size_t) (call->end - call->p));
    arg->data = call->p;
    call->p += arg->len;

    return arg->data;
}


/* Plain commands have their keys among their arguments. */

void
ngx_rtprop_er_key(ngx_rtprop_er_call_t *call, ngx_str_t *name,
    const char *suffix)
{
    u_char     *p;
    ngx_str_t   key;

    p = call->p;
    key.data = p;
    p = ngx_snprintf(p, call->end - p, "%V{%V}%s",
                     ngx_rtprop_redis_prefix(call->er->redis), name, suffix);
    key.len = p - key.data;
    call->p = p;

    if (call->cmd.key.len == 0) {
        call->cmd.key = key;

        if (call->cmd.script) {
            return;
        }
    }

    if (call->cmd.script) {
        call->cmd.nkeys++;
    }

    *ngx_rtprop_er_next(call) = key;
}


void
ngx_rtprop_er_text(ngx_rtprop_er_call_t *call, ngx_str_t *text)
{
    *ngx_rtprop_er_next(call) = *text;
}


void
ngx_rtprop_er_copy(ngx_rtprop_er_call_t *call, ngx_str_t *text)
{
    u_char  *p;

    p = ngx_rtprop_er_room(call, text->len);

    if (text->len) {
        ngx_memcpy(p, text->data, text->len);
    }
}


void
ngx_rtprop_er_word(ngx_rtprop_er_call_t *call, const char *word)
{
    ngx_str_t  *arg;

    arg = ngx_rtprop_er_next(call);
    arg->data = (u_char *) word;
    arg->len = ngx_strlen(word);
}


void
ngx_rtprop_er_number(ngx_rtprop_er_call_t *call, int64_t n)
{
    u_char     *p;
    ngx_str_t  *arg;

    p = call->p;
    call->p = ngx_snprintf(p, call->end - p, "%L", n);

    arg = ngx_rtprop_er_next(call);
    arg->data = p;
    arg->len = call->p - p;
}


void
ngx_rtprop_er_octets(ngx_rtprop_er_call_t *call, uint64_t n)
{
    rtprop_redis_put64(ngx_rtprop_er_room(call, 8), n);
}


void
ngx_rtprop_er_send(ngx_rtprop_er_call_t *call, ngx_rtprop_er_call_pt done,
    void *data)
{
    call->done = done;
    call->data = data;

    ngx_rtprop_redis_send(call->er->redis, &call->cmd);
}


/* An error of the script or of Redis is ours or the operator's. */

static void
ngx_rtprop_er_called(ngx_rtprop_redis_cmd_t *cmd)
{
    ngx_str_t              text;
    ngx_rtprop_er_call_t  *call;

    call = cmd->data;

    if (cmd->rc == NGX_OK
        && (cmd->reply == NULL || cmd->reply->type == REDIS_REPLY_ERROR))
    {
        ngx_str_null(&text);

        if (cmd->reply) {
            text.len = cmd->reply->len;
            text.data = (u_char *) cmd->reply->str;
        }

        ngx_log_error(NGX_LOG_ERR, call->er->worker->log, 0,
                      "rtprop: Redis refused %V: %V",
                      cmd->script ? &cmd->script->name : &call->argv[0],
                      &text);
        cmd->rc = NGX_ERROR;
    }

    call->done(call);

    ngx_free(call);
}


void
ngx_rtprop_er_ignore(ngx_rtprop_er_call_t *call)
{
    /* void */
}


/* ------------------------------------------------------------- replies --- */

redisReply *
ngx_rtprop_er_array(ngx_rtprop_er_call_t *call, ngx_uint_t n)
{
    redisReply  *reply;

    if (call->cmd.rc != NGX_OK) {
        return NULL;
    }

    reply = call->cmd.reply;

    if (reply->type == REDIS_REPLY_ARRAY && reply->elements >= n) {
        return reply;
    }

    ngx_log_error(NGX_LOG_ERR, call->er->worker->log, 0,
                  "rtprop: Redis' reply to %V is not understood",
                  call->cmd.script ? &call->cmd.script->name
                                   : &call->argv[0]);
    call->cmd.rc = NGX_ERROR;

    return NULL;
}


int64_t
ngx_rtprop_er_get_number(redisReply *reply, ngx_uint_t i)
{
    if (i >= reply->elements
        || reply->element[i]->type != REDIS_REPLY_INTEGER)
    {
        return 0;
    }

    return reply->element[i]->integer;
}


void
ngx_rtprop_er_get_text(redisReply *reply, ngx_uint_t i, ngx_str_t *text)
{
    if (i >= reply->elements
        || reply->element[i]->type != REDIS_REPLY_STRING)
    {
        ngx_str_null(text);
        return;
    }

    text->len = reply->element[i]->len;
    text->data = (u_char *) reply->element[i]->str;
}


uint64_t
ngx_rtprop_er_get_octets(redisReply *reply, ngx_uint_t i)
{
    ngx_str_t  text;

    ngx_rtprop_er_get_text(reply, i, &text);

    return text.len == 8 ? rtprop_redis_get64(text.data) : 0;
}


/* An octet more, so that empty is not NULL. */

ngx_int_t
ngx_rtprop_er_dup(ngx_pool_t *pool, ngx_str_t *dst, ngx_str_t *src)
{
    dst->len = src->len;
    dst->data = ngx_pnalloc(pool, src->len + 1);

    if (dst->data == NULL) {
        return NGX_ERROR;
    }

    if (src->len) {
        ngx_memcpy(dst->data, src->data, src->len);
    }

    return NGX_OK;
}


void
ngx_rtprop_er_end(ngx_rtprop_op_t *op, ngx_int_t rc)
{
    op->rc = rc;
    op->done(op);
}


/* ---------------------------------------------------------------- values */

uint64_t
ngx_rtprop_er_epoch(ngx_rtprop_er_t *er)
{
    uint64_t  epoch;

    if (RAND_bytes((u_char *) &epoch, sizeof(epoch)) != 1) {
        epoch = (uint64_t) ngx_random() << 32 ^ ngx_random();
        epoch ^= ngx_rtprop_usec();
    }

    return epoch | 1;
}


int64_t
ngx_rtprop_er_life(ngx_rtprop_er_t *er)
{
    return ((int64_t) er->worker->conf->history_age + NGX_RTPROP_ER_LIFE_MIN)
           * 1000;
}


ngx_uint_t
ngx_rtprop_er_draining(ngx_rtprop_er_t *er)
{
    return er->worker->draining || ngx_exiting || ngx_terminate || ngx_quit;
}
