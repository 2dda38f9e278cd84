/*
 * "rtprop native": {"type", "payload", "id"} in text frames.
 */

#include "protocols/native/ngx_rtprop_native.h"
#include "base/rtprop_time.h"


#define NGX_RTPROP_NATIVE_SEVERAL  50      /* messages in a batch */


static ngx_int_t ngx_rtprop_native_preconfiguration(ngx_conf_t *cf);
static ngx_uint_t ngx_rtprop_native_variant(ngx_rtprop_loc_conf_t *conf);
static void ngx_rtprop_native_open(ngx_rtprop_session_t *s,
    ngx_rtprop_position_t *pos);
static int ngx_rtprop_native_welcome(ngx_rtprop_session_t *s,
    ngx_rtprop_position_t *pos, rtprop_json_buf_t *buf);
static void ngx_rtprop_native_close(ngx_rtprop_session_t *s);
static void ngx_rtprop_native_message(ngx_rtprop_session_t *s,
    ngx_str_t *text, ngx_uint_t binary);
static void ngx_rtprop_native_decoded(ngx_rtprop_session_t *s,
    rtprop_native_t *n, int rc);
static void ngx_rtprop_native_several(ngx_rtprop_cmd_t *cmd);
static void ngx_rtprop_native_each(ngx_rtprop_cmd_t *cmd);
static void ngx_rtprop_native_all(ngx_rtprop_cmd_t *cmd);


ngx_rtprop_protocol_t  ngx_rtprop_native_protocol = {
    .name = ngx_string("rtprop"),
    .nvariants = 3,
    .variant = ngx_rtprop_native_variant,
    .open = ngx_rtprop_native_open,
    .close = ngx_rtprop_native_close,
    .message = ngx_rtprop_native_message,
    .encode = ngx_rtprop_native_encode,
    .send = ngx_rtprop_native_send,
    .text = ngx_rtprop_native_text,
    .ack = ngx_rtprop_native_ack,
    .error = ngx_rtprop_native_refuse
};


static ngx_rtprop_command_t  ngx_rtprop_native_commands[] = {

    { .name = ngx_string("batch"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .handler = ngx_rtprop_native_several },

    { .name = ngx_null_string }
};


/* What is left of a batch when each of its messages has been answered. */

static const ngx_rtprop_command_t  ngx_rtprop_native_answered = {
    .name = ngx_string("batch"),
    .handler = ngx_rtprop_native_all
};


static ngx_rtprop_event_type_t  ngx_rtprop_native_events[] = {
    { ngx_string("ack"), "message_id client_message_id created_at", 0, 1 },
    { ngx_string("batch"), "", 0, 1 },
    { ngx_null_string, NULL, 0, 0 }
};


static ngx_http_module_t  ngx_rtprop_native_module_ctx = {
    ngx_rtprop_native_preconfiguration,    /* preconfiguration */
    NULL,                                  /* postconfiguration */

    NULL,                                  /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_rtprop_native_module = {
    NGX_MODULE_V1,
    &ngx_rtprop_native_module_ctx,         /* module context */
    NULL,                                  /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_rtprop_native_preconfiguration(ngx_conf_t *cf)
{
    ngx_rtprop_location_t  location;

    ngx_memzero(&location, sizeof(ngx_rtprop_location_t));

    ngx_str_set(&location.name, "native");
    location.handler = ngx_rtprop_session_ws_handler;
    location.protocol = &ngx_rtprop_native_protocol;
    location.identity = 1;

    if (ngx_rtprop_protocol_add(cf, &ngx_rtprop_native_protocol) != NGX_OK
        || ngx_rtprop_commands_add(cf, ngx_rtprop_native_commands, NULL)
           != NGX_OK
        || ngx_rtprop_event_types_add(cf, ngx_rtprop_native_events) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_rtprop_location_add(cf, &location);
}


/* The variants are in the order of rtprop_json_spell_e. */

static ngx_uint_t
ngx_rtprop_native_variant(ngx_rtprop_loc_conf_t *conf)
{
    switch (conf->field_case) {

    case NGX_RTPROP_CASE_CAMEL:
        return RTPROP_JSON_CAMEL;

    case NGX_RTPROP_CASE_BOTH:
        return RTPROP_JSON_BOTH;

    default:
        return RTPROP_JSON_SNAKE;
    }
}


static void
ngx_rtprop_native_open(ngx_rtprop_session_t *s, ngx_rtprop_position_t *pos)
{
    rtprop_json_buf_t    buf;
    ngx_rtprop_event_t   ev;
    ngx_rtprop_frame_t  *f;

    ngx_memzero(&buf, sizeof(rtprop_json_buf_t));
    ngx_memzero(&ev, sizeof(ngx_rtprop_event_t));
    ngx_str_set(&ev.type, "welcome");
    f = NULL;

    if (ngx_rtprop_native_welcome(s, pos, &buf) == RTPROP_OK) {
        ev.payload.len = buf.len;
        ev.payload.data = buf.data;

        f = ngx_rtprop_native_encode(s->worker, s->variant, &ev, &ev.payload);
    }

    free(buf.data);

    if (f == NULL) {
        ngx_rtprop_session_close(s, NGX_RTPROP_CLOSE_INTERNAL, "no memory");
        return;
    }

    (void) s->transport->send(s, f);

    ngx_rtprop_frame_unref(f);

    if (s->batch) {
        ngx_rtprop_native_batch_start(s);
    }
}


/* Text, not values: this is sent to everybody who comes. */

static int
ngx_rtprop_native_welcome(ngx_rtprop_session_t *s, ngx_rtprop_position_t *pos,
    rtprop_json_buf_t *buf)
{
    int         rc;
    u_char      text[256], *p;
    u_char      id[NGX_RTPROP_SESSION_ID * 2], now[RTPROP_TIME_LEN];
    ngx_str_t   user, name, role;

    ngx_rtprop_session_id_text(s->id, id);
    rtprop_time_format(ngx_rtprop_now(), now);

    user = ngx_rtprop_user_id(s->user);
    name = ngx_rtprop_user_name(s->user);
    role = ngx_rtprop_user_role(s->user);

    p = ngx_sprintf(text, "{\"session_id\":\"%*s\",\"user\":{\"id\":",
                    sizeof(id), id);
    rc = rtprop_json_buf_add(buf, text, p - text);
    rc |= rtprop_json_buf_string(buf, user.data, user.len);
    rc |= rtprop_json_buf_add(buf, ",\"name\":", sizeof(",\"name\":") - 1);
    rc |= rtprop_json_buf_string(buf, name.data, name.len);
    rc |= rtprop_json_buf_add(buf, ",\"role\":", sizeof(",\"role\":") - 1);
    rc |= rtprop_json_buf_string(buf, role.data, role.len);

    p = ngx_sprintf(text, "},\"server_time\":\"%*s\",\"ping_interval\":%uD,"
                    "\"resume\":true,\"channels\":{", sizeof(now), now,
                    s->ping);
    rc |= rtprop_json_buf_add(buf, text, p - text);

    /* without a place (the engine was away) there is nothing to resume from */

    if (pos && pos->epoch) {
        rc |= rtprop_json_buf_string(buf, pos->channel.data,
                                     pos->channel.len);
        p = ngx_sprintf(text, ":{\"epoch\":\"%016xL\",\"offset\":%uL}",
                        pos->epoch, pos->offset);
        rc |= rtprop_json_buf_add(buf, text, p - text);
    }

    return rc | rtprop_json_buf_add(buf, "}}", 2);
}


static void
ngx_rtprop_native_close(ngx_rtprop_session_t *s)
{
    ngx_rtprop_native_batch_free(s);
}


static void
ngx_rtprop_native_message(ngx_rtprop_session_t *s, ngx_str_t *text,
    ngx_uint_t binary)
{
    ngx_str_t        type, id;
    rtprop_flat_t    payload;
    rtprop_native_t  n;

    if (binary) {
        ngx_rtprop_session_close(s, NGX_RTPROP_CLOSE_UNSUPPORTED,
                                 "only text is understood");
        return;
    }

    if (rtprop_native_flat(&n, &payload, text->data, text->len) == RTPROP_OK) {
        type.len = n.type.len;
        type.data = n.type.data;
        id.len = n.id.len;
        id.data = n.id.data;

        ngx_rtprop_command_dispatch_flat(s, &type, &payload, &id);
        return;
    }

    ngx_rtprop_native_decoded(s, &n, rtprop_native_decode(&n, text->data,
                                                          text->len));
}


static void
ngx_rtprop_native_decoded(ngx_rtprop_session_t *s, rtprop_native_t *n, int rc)
{
    ngx_str_t  type, id;

    id.len = n->id.len;
    id.data = n->id.data;

    if (rc != RTPROP_OK) {
        ngx_str_null(&type);
        ngx_rtprop_session_error(s, &id, &type, n->code, n->message, NULL);
        return;
    }

    type.len = n->type.len;
    type.data = n->type.data;

    ngx_rtprop_command_dispatch(s, &type, json_incref(n->payload), &id);

    rtprop_native_free(n);
}


/* The command "batch": an array of envelopes, in order, but no further ones. */

static void
ngx_rtprop_native_several(ngx_rtprop_cmd_t *cmd)
{
    if (!json_is_array(cmd->payload)
        || json_array_size(cmd->payload) > NGX_RTPROP_NATIVE_SEVERAL)
    {
        ngx_rtprop_refuse(cmd, "invalid_payload",
                          "payload must be an array of at most 50 messages",
                          NULL);
        return;
    }

    ngx_rtprop_cmd_several(cmd, ngx_rtprop_native_each,
                           &ngx_rtprop_native_answered);
}


static void
ngx_rtprop_native_each(ngx_rtprop_cmd_t *cmd)
{
    int                    rc;
    size_t                 i;
    json_t                *envelope;
    rtprop_native_t        n;
    ngx_rtprop_session_t  *s;

    s = cmd->session;

    json_array_foreach(cmd->payload, i, envelope) {

        rc = rtprop_native_decode_json(&n, envelope);

        if (rc == RTPROP_OK && rtprop_str_eq(&n.type, "batch", 5)) {
            n.code = "invalid_envelope";
            n.message = "a batch cannot hold a batch";
            rtprop_native_free(&n);
            rc = RTPROP_ERROR;
        }

        ngx_rtprop_native_decoded(s, &n, rc);
    }
}


static void
ngx_rtprop_native_all(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_ack(cmd, NULL);
}
