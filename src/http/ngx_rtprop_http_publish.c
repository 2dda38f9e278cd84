/*
 * POST publish: events for any channel, one or an array, all or none.
 */

#include "http/ngx_rtprop_http.h"
#include "http/rtprop_publish.h"
#include "base/rtprop_json.h"


typedef struct {
    ngx_rtprop_publish_t   op;
    ngx_uint_t             n;
    unsigned               array:1;
    u_char                 sessions[1];  /* n excluded ones, 16 octets each */
} ngx_rtprop_http_publish_t;


static void ngx_rtprop_http_publish(ngx_rtprop_cmd_t *cmd);
static ngx_rtprop_http_publish_t *ngx_rtprop_http_publish_create(
    ngx_rtprop_cmd_t *cmd, ngx_uint_t n);
static ngx_array_t *ngx_rtprop_http_publish_kinds(ngx_rtprop_cmd_t *cmd);
static ngx_int_t ngx_rtprop_http_publish_event(ngx_rtprop_cmd_t *cmd,
    json_t *element, ngx_array_t *kinds, ngx_uint_t i);
static ngx_int_t ngx_rtprop_http_publish_payload(ngx_rtprop_cmd_t *cmd,
    rtprop_publish_t *publish, ngx_rtprop_event_t *ev);
static void ngx_rtprop_http_publish_refuse(ngx_rtprop_cmd_t *cmd,
    ngx_uint_t i, const char *field, const char *message);
static void ngx_rtprop_http_published(ngx_rtprop_op_t *op);
static json_t *ngx_rtprop_http_position(ngx_rtprop_event_t *ev);


static ngx_rtprop_resource_t  ngx_rtprop_http_publish_resources[] = {

    { NGX_HTTP_POST, ngx_string("publish"), NULL, ngx_rtprop_http_publish,
      0, 1, NULL },

    { 0, ngx_null_string, NULL, NULL, 0, 0, NULL }
};


ngx_int_t
ngx_rtprop_http_publish_add(ngx_conf_t *cf)
{
    return ngx_rtprop_resources_add(cf, ngx_rtprop_http_publish_resources,
                                    NULL);
}


static void
ngx_rtprop_http_publish(ngx_rtprop_cmd_t *cmd)
{
    json_t                     *element;
    ngx_uint_t                  i, n, array;
    ngx_array_t                *kinds;
    ngx_rtprop_http_publish_t  *ctx;

    array = json_is_array(cmd->payload);
    n = array ? json_array_size(cmd->payload) : 1;

    if (n == 0 || n > RTPROP_PUBLISH_MAX) {
        ngx_rtprop_refuse(cmd, "invalid_payload",
                          "an array holds 1 to 100 events", NULL);
        return;
    }

    ctx = ngx_rtprop_http_publish_create(cmd, n);
    kinds = ngx_rtprop_http_publish_kinds(cmd);

    if (ctx == NULL || kinds == NULL) {
        ngx_rtprop_refuse(cmd, "internal", "no memory", NULL);
        return;
    }

    ctx->array = array;
    cmd->ctx = ctx;

    for (i = 0; i < n; i++) {
        element = array ? json_array_get(cmd->payload, i) : cmd->payload;

        if (ngx_rtprop_http_publish_event(cmd, element, kinds, i) != NGX_OK) {
            return;
        }
    }

    ctx->op.op.done = ngx_rtprop_http_published;
    ctx->op.op.data = cmd;
    ctx->op.op.pool = cmd->pool;

    ngx_rtprop_hub_publish_op(cmd->worker->hub, &ctx->op);
}


static ngx_rtprop_http_publish_t *
ngx_rtprop_http_publish_create(ngx_rtprop_cmd_t *cmd, ngx_uint_t n)
{
    ngx_rtprop_http_publish_t  *ctx;

    ctx = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_http_publish_t)
                                 + n * NGX_RTPROP_SESSION_ID);

    if (ctx == NULL) {
        return NULL;
    }

    ctx->n = n;
    ctx->op.nevents = n;
    ctx->op.events = ngx_pcalloc(cmd->pool, n * sizeof(ngx_rtprop_event_t));

    return ctx->op.events ? ctx : NULL;
}


/* The features' kinds of channels, and the hub's own. */

static ngx_array_t *
ngx_rtprop_http_publish_kinds(ngx_rtprop_cmd_t *cmd)
{
    ngx_uint_t           i, n;
    ngx_array_t         *names;
    rtprop_str_t        *name;
    ngx_rtprop_kind_t  **kinds;

    static const rtprop_str_t  user = rtprop_string("user");

    kinds = cmd->worker->conf->kinds.elts;
    n = cmd->worker->conf->kinds.nelts;

    names = ngx_array_create(cmd->pool, n + 1, sizeof(rtprop_str_t));

    if (names == NULL) {
        return NULL;
    }

    name = ngx_array_push_n(names, n + 1);

    for (i = 0; i < n; i++) {
        name[i].data = kinds[i]->prefix.data;
        name[i].len = kinds[i]->prefix.len;
    }

    name[n] = user;

    return names;
}


/* Fills event i in; NGX_DECLINED: cmd has been refused. */

static ngx_int_t
ngx_rtprop_http_publish_event(ngx_rtprop_cmd_t *cmd, json_t *element,
    ngx_array_t *kinds, ngx_uint_t i)
{
    u_char                     *session;
    ngx_str_t                   text;
    const char                 *field, *message;
    rtprop_publish_t            publish;
    ngx_rtprop_event_t         *ev;
    ngx_rtprop_http_publish_t  *ctx;

    if (rtprop_publish_parse(element, kinds->elts, kinds->nelts, &publish,
                             &field, &message)
        != RTPROP_OK)
    {
        ngx_rtprop_http_publish_refuse(cmd, i, field, message);
        return NGX_DECLINED;
    }

    ctx = cmd->ctx;
    ev = &ctx->op.events[i];

    ev->channel.data = publish.channel.data;
    ev->channel.len = publish.channel.len;
    ev->type.data = publish.type.data;
    ev->type.len = publish.type.len;

    if (ngx_rtprop_event_type_own(cmd->worker, &ev->type)) {
        field = "type";
        ngx_rtprop_http_publish_refuse(cmd, i, field, NGX_RTPROP_OWN_EVENT);
        return NGX_DECLINED;
    }

    ev->flags = publish.is_volatile ? NGX_RTPROP_EV_VOLATILE : 0;
    ev->arrived = cmd->arrived;

    /* what cannot be a session's id excludes nobody */

    session = ctx->sessions + i * NGX_RTPROP_SESSION_ID;
    text.data = publish.exclude.data;
    text.len = publish.exclude.len;

    if (text.len && ngx_rtprop_session_id_parse(&text, session) == NGX_OK) {
        ev->skip_session.data = session;
        ev->skip_session.len = NGX_RTPROP_SESSION_ID;
    }

    return ngx_rtprop_http_publish_payload(cmd, &publish, ev);
}


static ngx_int_t
ngx_rtprop_http_publish_payload(ngx_rtprop_cmd_t *cmd,
    rtprop_publish_t *publish, ngx_rtprop_event_t *ev)
{
    ngx_http_request_t     *r;
    ngx_rtprop_loc_conf_t  *lcf;

    if (publish->payload == NULL) {
        ngx_str_set(&ev->payload, "{}");
        return NGX_OK;
    }

    if (ngx_rtprop_hub_dump(cmd->pool, json_incref(publish->payload),
                            &ev->payload)
        != NGX_OK)
    {
        ngx_rtprop_refuse(cmd, "internal", "no memory", NULL);
        return NGX_DECLINED;
    }

    r = cmd->request;

    if (r == NULL) {
        return NGX_OK;
    }

    lcf = ngx_http_get_module_loc_conf(r, ngx_rtprop_module);

    if (ev->payload.len > lcf->max_message) {
        ngx_rtprop_refuse(cmd, "too_large", "a payload is too large",
                          json_pack("{s:s}", "field", "payload"));
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static void
ngx_rtprop_http_publish_refuse(ngx_rtprop_cmd_t *cmd, ngx_uint_t i,
    const char *field, const char *message)
{
    json_t                     *extra;
    ngx_rtprop_http_publish_t  *ctx;

    ctx = cmd->ctx;
    extra = json_object();

    if (extra && field) {
        json_object_set_new(extra, "field", json_string(field));
    }

    if (extra && ctx->array) {
        json_object_set_new(extra, "index", json_integer(i));
    }

    ngx_rtprop_refuse(cmd, "invalid_payload", message, extra);
}


static void
ngx_rtprop_http_published(ngx_rtprop_op_t *op)
{
    json_t                     *body;
    ngx_uint_t                  i;
    ngx_rtprop_cmd_t           *cmd;
    ngx_rtprop_http_publish_t  *ctx;

    cmd = op->data;
    ctx = cmd->ctx;

    if (op->rc != NGX_OK) {
        ngx_rtprop_refuse_rc(cmd, op->rc);
        return;
    }

    ngx_rtprop_http_count(cmd->worker, NGX_RTPROP_HTTP_PUBLISHED, ctx->n);

    if (!ctx->array) {
        ngx_rtprop_answer(cmd, NGX_HTTP_OK, NULL,
                          ngx_rtprop_http_position(&ctx->op.events[0]), NULL);
        return;
    }

    body = json_array();

    for (i = 0; i < ctx->n; i++) {
        json_array_append_new(body,
                              ngx_rtprop_http_position(&ctx->op.events[i]));
    }

    ngx_rtprop_answer(cmd, NGX_HTTP_OK, NULL, body, NULL);
}


/* A volatile event has no place in history, so neither epoch nor offset. */

static json_t *
ngx_rtprop_http_position(ngx_rtprop_event_t *ev)
{
    u_char  epoch[16];

    if (ev->offset == 0) {
        return json_pack("{s:n, s:n}", "epoch", "offset");
    }

    ngx_rtprop_hub_epoch_text(ev->epoch, epoch);

    return json_pack("{s:s#, s:I}", "epoch", (char *) epoch, 16, "offset",
                     (json_int_t) ev->offset);
}
