/*
 * What goes out in the native dialect: events, encoded once for all that hear
 * them, and the answers to a session's own commands.
 */

#include "protocols/native/ngx_rtprop_native.h"
#include "base/rtprop_hash.h"


static ngx_int_t ngx_rtprop_native_spell(ngx_rtprop_worker_t *worker,
    ngx_uint_t variant, ngx_str_t *type, json_t *json,
    rtprop_json_buf_t *buf);
static ngx_rtprop_frame_t *ngx_rtprop_native_make(
    ngx_rtprop_worker_t *worker, rtprop_native_frame_t *nf);
static ngx_int_t ngx_rtprop_native_answer(ngx_rtprop_session_t *s,
    ngx_str_t *id, ngx_str_t *type, ngx_str_t *payload,
    ngx_rtprop_position_t *pos);
static ngx_int_t ngx_rtprop_native_failed(ngx_rtprop_session_t *s,
    ngx_str_t *type);


ngx_rtprop_frame_t *
ngx_rtprop_native_encode(ngx_rtprop_worker_t *worker, ngx_uint_t variant,
    ngx_rtprop_event_t *ev, ngx_str_t *payload)
{
    json_t                 *json;
    const char             *err;
    rtprop_json_buf_t       buf;
    ngx_rtprop_frame_t     *f;
    rtprop_native_frame_t   nf;

    ngx_memzero(&nf, sizeof(rtprop_native_frame_t));
    ngx_memzero(&buf, sizeof(rtprop_json_buf_t));

    nf.type.len = ev->type.len;
    nf.type.data = ev->type.data;

    if (ev->offset) {
        nf.channel.len = ev->channel.len;
        nf.channel.data = ev->channel.data;
        nf.offset = ev->offset;
    }

    nf.payload.len = payload->len;
    nf.payload.data = payload->data;

    if (variant != ngx_rtprop_native_protocol.base + RTPROP_JSON_SNAKE
        && payload->len)
    {
        json = rtprop_json_load(payload->data, payload->len,
                                RTPROP_JSON_DEPTH, &err);

        if (json == NULL
            || ngx_rtprop_native_spell(worker, variant, &ev->type, json, &buf)
               != NGX_OK)
        {
            json_decref(json);
            free(buf.data);
            return NULL;
        }

        json_decref(json);

        nf.payload.len = buf.len;
        nf.payload.data = buf.data;
    }

    f = ngx_rtprop_native_make(worker, &nf);

    free(buf.data);

    if (f && ev->replace.len) {
        f->replace = rtprop_hash(worker->key, ev->channel.data,
                                 ev->channel.len)
                     + 3 * rtprop_hash(worker->key, ev->type.data,
                                       ev->type.len)
                     + 5 * rtprop_hash(worker->key, ev->replace.data,
                                       ev->replace.len);
    }

    return f;
}


/* Appends the text of a payload, its keys as the variant spells them. */

static ngx_int_t
ngx_rtprop_native_spell(ngx_rtprop_worker_t *worker, ngx_uint_t variant,
    ngx_str_t *type, json_t *json, rtprop_json_buf_t *buf)
{
    int                       rc;
    ngx_rtprop_event_type_t  *et;

    variant -= ngx_rtprop_native_protocol.base;

    et = (variant == RTPROP_JSON_SNAKE)
         ? NULL : ngx_rtprop_event_type(worker, type);

    if (et && et->keys) {
        rc = rtprop_json_dump_spelled(json, et->keys, variant, buf);

    } else {
        rc = rtprop_json_dump_buf(json, buf);
    }

    return (rc == RTPROP_OK) ? NGX_OK : NGX_ERROR;
}


static ngx_rtprop_frame_t *
ngx_rtprop_native_make(ngx_rtprop_worker_t *worker, rtprop_native_frame_t *nf)
{
    ngx_rtprop_frame_t  *f;

    f = ngx_rtprop_frame_take(worker->ws, rtprop_native_frame_size(nf));

    if (f == NULL) {
        return NULL;
    }

    ngx_rtprop_frame_seal(f, RTPROP_WS_TEXT,
                          rtprop_native_frame(f->text.data, nf));

    return f;
}


ngx_int_t
ngx_rtprop_native_send(ngx_rtprop_session_t *s, ngx_str_t *id,
    ngx_str_t *type, json_t *payload, ngx_rtprop_position_t *pos)
{
    ngx_int_t          rc;
    ngx_str_t          text;
    rtprop_json_buf_t  buf;

    ngx_memzero(&buf, sizeof(rtprop_json_buf_t));

    if (payload == NULL
        || ngx_rtprop_native_spell(s->worker, s->variant, type, payload, &buf)
           != NGX_OK)
    {
        free(buf.data);
        return ngx_rtprop_native_failed(s, type);
    }

    text.len = buf.len;
    text.data = buf.data;

    rc = ngx_rtprop_native_answer(s, id, type, &text, pos);

    free(buf.data);

    return rc;
}


/* Only where keys are spelled anew does the text become values. */

ngx_int_t
ngx_rtprop_native_text(ngx_rtprop_session_t *s, ngx_str_t *id,
    ngx_str_t *type, ngx_str_t *payload, ngx_rtprop_position_t *pos)
{
    json_t      *json;
    ngx_int_t    rc;
    const char  *err;

    if (s->variant == ngx_rtprop_native_protocol.base + RTPROP_JSON_SNAKE) {
        return ngx_rtprop_native_answer(s, id, type, payload, pos);
    }

    json = rtprop_json_load(payload->data, payload->len, RTPROP_JSON_DEPTH,
                            &err);

    rc = ngx_rtprop_native_send(s, id, type, json, pos);

    json_decref(json);

    return rc;
}


/* payload: text, its keys spelled as the session wants them. */

static ngx_int_t
ngx_rtprop_native_answer(ngx_rtprop_session_t *s, ngx_str_t *id,
    ngx_str_t *type, ngx_str_t *payload, ngx_rtprop_position_t *pos)
{
    ngx_int_t               rc;
    ngx_rtprop_frame_t     *f;
    rtprop_native_frame_t   nf;

    ngx_memzero(&nf, sizeof(rtprop_native_frame_t));

    nf.type.len = type->len;
    nf.type.data = type->data;
    nf.id.len = id->len;
    nf.id.data = id->data;
    nf.payload.len = payload->len;
    nf.payload.data = payload->data;

    if (pos) {
        nf.channel.len = pos->channel.len;
        nf.channel.data = pos->channel.data;
        nf.epoch = pos->epoch;
        nf.offset = pos->offset;
        nf.position = 1;
    }

    f = ngx_rtprop_native_make(s->worker, &nf);

    if (f == NULL) {
        return ngx_rtprop_native_failed(s, type);
    }

    rc = ngx_rtprop_native_batch_pass(s, f);

    ngx_rtprop_frame_unref(f);

    return rc;
}


static ngx_int_t
ngx_rtprop_native_failed(ngx_rtprop_session_t *s, ngx_str_t *type)
{
    ngx_log_error(NGX_LOG_ERR, s->worker->log, 0,
                  "rtprop: no memory for an event of type \"%V\"", type);
    ngx_rtprop_session_close(s, NGX_RTPROP_CLOSE_INTERNAL, "no memory");

    return NGX_ERROR;
}


ngx_int_t
ngx_rtprop_native_ack(ngx_rtprop_session_t *s, ngx_str_t *id, json_t *payload)
{
    ngx_str_t  type;

    if (id->len == 0) {
        return NGX_OK;
    }

    ngx_str_set(&type, "ack");

    return ngx_rtprop_native_send(s, id, &type, payload, NULL);
}


ngx_int_t
ngx_rtprop_native_refuse(ngx_rtprop_session_t *s, ngx_str_t *id,
    ngx_str_t *event, const char *code, const char *message, json_t *extra)
{
    json_t        *payload;
    ngx_int_t      rc;
    ngx_str_t      type;
    rtprop_str_t   name;

    ngx_str_set(&type, "error");

    name.len = event->len;
    name.data = event->data;

    payload = rtprop_native_error(code, message, &name, extra);
    rc = ngx_rtprop_native_send(s, id, &type, payload, NULL);

    json_decref(payload);

    return rc;
}
