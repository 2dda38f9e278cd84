/*
 * What the engine knows: channels, and the connections of a user.
 */

#include "http/ngx_rtprop_http.h"
#include "base/rtprop_json.h"
#include "base/rtprop_time.h"


#define NGX_RTPROP_HTTP_CHANNELS      100     /* listed by default */
#define NGX_RTPROP_HTTP_CHANNELS_MAX  1000
#define NGX_RTPROP_HTTP_CONNECTIONS   256     /* of one user, listed */


static void ngx_rtprop_http_channels(ngx_rtprop_cmd_t *cmd);
static ngx_int_t ngx_rtprop_http_channels_query(ngx_rtprop_cmd_t *cmd,
    ngx_rtprop_channels_t *op);
static void ngx_rtprop_http_channels_done(ngx_rtprop_op_t *op);
static void ngx_rtprop_http_channel(ngx_rtprop_cmd_t *cmd);
static void ngx_rtprop_http_channel_done(ngx_rtprop_op_t *op);
static json_t *ngx_rtprop_http_channel_json(ngx_rtprop_channel_info_t *info);
static void ngx_rtprop_http_connections(ngx_rtprop_cmd_t *cmd);
static void ngx_rtprop_http_members(ngx_rtprop_cmd_t *cmd, ngx_uint_t limit,
    ngx_rtprop_op_pt done);
static void ngx_rtprop_http_connections_done(ngx_rtprop_op_t *op);
static json_t *ngx_rtprop_http_connection_json(ngx_rtprop_member_t *member);
static void ngx_rtprop_http_kick(ngx_rtprop_cmd_t *cmd);
static void ngx_rtprop_http_kick_done(ngx_rtprop_op_t *op);


static ngx_rtprop_resource_t  ngx_rtprop_http_channels_resources[] = {

    { NGX_HTTP_GET, ngx_string("channels"), NULL, ngx_rtprop_http_channels,
      0, 0, NULL },

    { NGX_HTTP_GET, ngx_string("channels/{name}"), NULL,
      ngx_rtprop_http_channel, 0, 0, NULL },

    { NGX_HTTP_GET, ngx_string("users/{id}/connections"), NULL,
      ngx_rtprop_http_connections, 0, 0, NULL },

    { NGX_HTTP_DELETE, ngx_string("users/{id}/connections"), NULL,
      ngx_rtprop_http_kick, 0, 0, NULL },

    { 0, ngx_null_string, NULL, NULL, 0, 0, NULL }
};


ngx_int_t
ngx_rtprop_http_channels_add(ngx_conf_t *cf)
{
    return ngx_rtprop_resources_add(cf, ngx_rtprop_http_channels_resources,
                                    NULL);
}


static void
ngx_rtprop_http_channels(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_engine_t    *engine;
    ngx_rtprop_channels_t  *op;

    op = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_channels_t));

    if (op == NULL) {
        ngx_rtprop_refuse(cmd, "internal", "no memory", NULL);
        return;
    }

    if (ngx_rtprop_http_channels_query(cmd, op) != NGX_OK) {
        return;
    }

    op->op.done = ngx_rtprop_http_channels_done;
    op->op.data = cmd;
    op->op.pool = cmd->pool;
    cmd->ctx = op;

    engine = cmd->worker->engine;
    engine->channels(engine, op);
}


/* A prefix of digits alone has become a number: ngx_rtprop_cmd_t's query. */

static ngx_int_t
ngx_rtprop_http_channels_query(ngx_rtprop_cmd_t *cmd,
    ngx_rtprop_channels_t *op)
{
    u_char        *buf;
    json_t        *json;
    int64_t        limit;
    rtprop_str_t   prefix;

    json = rtprop_json_get(cmd->payload, "prefix");

    if (json_is_string(json)) {
        op->prefix.data = (u_char *) json_string_value(json);
        op->prefix.len = json_string_length(json);

    } else if (json) {
        buf = ngx_pnalloc(cmd->pool, RTPROP_JSON_INT_LEN);

        if (buf == NULL || rtprop_json_id(json, &prefix, buf) != RTPROP_OK) {
            ngx_rtprop_refuse(cmd, "internal", "no memory", NULL);
            return NGX_ERROR;
        }

        op->prefix.data = prefix.data;
        op->prefix.len = prefix.len;
    }

    limit = NGX_RTPROP_HTTP_CHANNELS;

    if (rtprop_json_get_int(cmd->payload, "limit", &limit) == RTPROP_ERROR
        || limit < 1 || limit > NGX_RTPROP_HTTP_CHANNELS_MAX)
    {
        ngx_rtprop_refuse(cmd, "invalid_payload", "limit is 1 to 1000",
                          json_pack("{s:s}", "field", "limit"));
        return NGX_ERROR;
    }

    /* one more tells that there are more */

    op->limit = limit + 1;

    return NGX_OK;
}


static void
ngx_rtprop_http_channels_done(ngx_rtprop_op_t *op)
{
    json_t                 *list;
    ngx_uint_t              i, n;
    ngx_rtprop_cmd_t       *cmd;
    ngx_rtprop_channels_t  *channels;

    cmd = op->data;
    channels = cmd->ctx;

    if (op->rc != NGX_OK) {
        ngx_rtprop_refuse_rc(cmd, op->rc);
        return;
    }

    list = json_array();
    n = ngx_min(channels->nchannels, channels->limit - 1);

    for (i = 0; i < n; i++) {
        json_array_append_new(list,
                        ngx_rtprop_http_channel_json(&channels->channels[i]));
    }

    ngx_rtprop_answer(cmd, NGX_HTTP_OK, NULL,
                      json_pack("{s:o, s:b}", "channels", list, "has_more",
                                n < channels->nchannels),
                      NULL);
}


static void
ngx_rtprop_http_channel(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_engine_t    *engine;
    ngx_rtprop_channels_t  *op;

    op = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_channels_t));

    if (op == NULL) {
        ngx_rtprop_refuse(cmd, "internal", "no memory", NULL);
        return;
    }

    op->op.done = ngx_rtprop_http_channel_done;
    op->op.data = cmd;
    op->op.pool = cmd->pool;
    op->prefix = cmd->path[0];
    op->exact = 1;
    op->limit = 1;
    cmd->ctx = op;

    engine = cmd->worker->engine;
    engine->channels(engine, op);
}


static void
ngx_rtprop_http_channel_done(ngx_rtprop_op_t *op)
{
    ngx_rtprop_cmd_t       *cmd;
    ngx_rtprop_channels_t  *channels;

    cmd = op->data;
    channels = cmd->ctx;

    if (op->rc != NGX_OK) {
        ngx_rtprop_refuse_rc(cmd, op->rc);
        return;
    }

    if (channels->nchannels == 0) {
        ngx_rtprop_refuse(cmd, "not_found", "there is no such channel", NULL);
        return;
    }

    ngx_rtprop_answer(cmd, NGX_HTTP_OK, NULL,
                      ngx_rtprop_http_channel_json(channels->channels), NULL);
}


static json_t *
ngx_rtprop_http_channel_json(ngx_rtprop_channel_info_t *info)
{
    u_char  epoch[16];

    ngx_rtprop_hub_epoch_text(info->epoch, epoch);

    return json_pack("{s:s%, s:I, s:I, s:s#}",
                     "channel", (char *) info->name.data, info->name.len,
                     "subscribers", (json_int_t) info->subscribers,
                     "offset", (json_int_t) info->offset,
                     "epoch", (char *) epoch, 16);
}


static void
ngx_rtprop_http_connections(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_http_members(cmd, NGX_RTPROP_HTTP_CONNECTIONS,
                            ngx_rtprop_http_connections_done);
}


static void
ngx_rtprop_http_members(ngx_rtprop_cmd_t *cmd, ngx_uint_t limit,
    ngx_rtprop_op_pt done)
{
    ngx_rtprop_engine_t   *engine;
    ngx_rtprop_members_t  *op;

    op = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_members_t));

    if (op == NULL) {
        ngx_rtprop_refuse(cmd, "internal", "no memory", NULL);
        return;
    }

    op->op.done = done;
    op->op.data = cmd;
    op->op.pool = cmd->pool;
    ngx_str_set(&op->set, NGX_RTPROP_USERS);
    op->user = cmd->path[0];
    op->limit = limit;
    cmd->ctx = op;

    engine = cmd->worker->engine;
    engine->members(engine, op);
}


static void
ngx_rtprop_http_connections_done(ngx_rtprop_op_t *op)
{
    json_t                *list;
    ngx_uint_t             i;
    ngx_rtprop_cmd_t      *cmd;
    ngx_rtprop_members_t  *members;

    cmd = op->data;
    members = cmd->ctx;

    if (op->rc != NGX_OK) {
        ngx_rtprop_refuse_rc(cmd, op->rc);
        return;
    }

    list = json_array();

    for (i = 0; i < members->nmembers; i++) {
        json_array_append_new(list,
                        ngx_rtprop_http_connection_json(&members->members[i]));
    }

    ngx_rtprop_answer(cmd, NGX_HTTP_OK, NULL,
                      json_pack("{s:s%, s:o, s:I}", "user_id",
                                (char *) cmd->path[0].data, cmd->path[0].len,
                                "connections", list,
                                "count", (json_int_t) members->sessions),
                      NULL);
}


/* What the session told of itself when it was admitted, and its id. */

static json_t *
ngx_rtprop_http_connection_json(ngx_rtprop_member_t *member)
{
    u_char       id[2 * NGX_RTPROP_SESSION_ID], time[RTPROP_TIME_LEN];
    size_t       len;
    json_t      *json, *missing;
    int64_t      since;
    const char  *err;

    json = rtprop_json_load(member->info.data, member->info.len,
                            RTPROP_JSON_DEPTH, &err);

    if (!json_is_object(json)) {
        json_decref(json);
        json = json_object();
    }

    missing = json_pack("{s:s, s:s, s:s}", "name", "", "avatar", "",
                        "role", "");

    (void) json_object_update_missing(json, missing);
    json_decref(missing);

    ngx_rtprop_session_id_text(member->session, id);

    (void) json_object_set_new(json, "session_id",
                               json_stringn((char *) id, sizeof(id)));

    if (rtprop_json_get_int(json, "since", &since) == RTPROP_OK) {
        len = rtprop_time_format(since, time);

        (void) json_object_set_new(json, "connected_at",
                                   json_stringn((char *) time, len));
        (void) json_object_del(json, "since");
    }

    return json;
}


static void
ngx_rtprop_http_kick(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_http_members(cmd, 0, ngx_rtprop_http_kick_done);
}


static void
ngx_rtprop_http_kick_done(ngx_rtprop_op_t *op)
{
    ngx_rtprop_cmd_t      *cmd;
    ngx_rtprop_members_t  *members;

    cmd = op->data;
    members = cmd->ctx;

    if (op->rc != NGX_OK) {
        ngx_rtprop_refuse_rc(cmd, op->rc);
        return;
    }

    if (members->sessions) {
        ngx_rtprop_hub_kick(cmd->worker->hub, &cmd->path[0], "kicked");
    }

    ngx_rtprop_answer(cmd, NGX_HTTP_OK, NULL,
                      json_pack("{s:I}", "closed",
                                (json_int_t) members->sessions),
                      NULL);
}
