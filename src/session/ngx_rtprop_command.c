/*
 * Commands: from a decoded message, or an HTTP resource, to the feature's
 * handler and back to an answer.
 */

#include "session/ngx_rtprop_command.h"
#include "session/ngx_rtprop_limit.h"
#include "base/ngx_rtprop_pool.h"
#include "base/rtprop_json.h"


#define NGX_RTPROP_CMD_RETRY  1000      /* ms; until an open one has ended */


static void ngx_rtprop_command_take(ngx_rtprop_session_t *s,
    const ngx_rtprop_command_t *command, ngx_str_t *name, json_t *payload,
    const rtprop_flat_t *flat, ngx_str_t *id);
static ngx_rtprop_cmd_t *ngx_rtprop_command_open(ngx_rtprop_session_t *s,
    const ngx_rtprop_command_t *command, ngx_str_t *name, json_t *payload,
    ngx_str_t *id);
static ngx_uint_t ngx_rtprop_command_allowed(ngx_rtprop_cmd_t *cmd);
static ngx_int_t ngx_rtprop_command_parse(ngx_rtprop_cmd_t *cmd,
    const rtprop_field_t *fields);
static ngx_int_t ngx_rtprop_command_parse_flat(ngx_rtprop_cmd_t *cmd,
    const rtprop_field_t *fields, const rtprop_flat_t *flat);
static void ngx_rtprop_command_late(ngx_rtprop_cmd_t *cmd, ngx_msec_t retry);
static void ngx_rtprop_command_reject(ngx_rtprop_cmd_t *cmd, const char *code,
    const char *message, json_t *extra);
static ngx_uint_t ngx_rtprop_command_status(const char *code);
static void ngx_rtprop_command_respond(ngx_rtprop_cmd_t *cmd,
    ngx_uint_t status, json_t *body);


void
ngx_rtprop_command_dispatch(ngx_rtprop_session_t *s, ngx_str_t *name,
    json_t *payload, ngx_str_t *id)
{
    const ngx_rtprop_command_t  *command;

    if (s->state != NGX_RTPROP_SESSION_OPEN) {
        json_decref(payload);
        return;
    }

    command = ngx_rtprop_command_find(s->worker, name);

    if (command == NULL) {
        json_decref(payload);
        ngx_rtprop_session_error(s, id, name, "unknown_type",
                                 "there is no such type of message", NULL);
        return;
    }

    ngx_rtprop_command_take(s, command, name, payload, NULL, id);
}


void
ngx_rtprop_command_dispatch_flat(ngx_rtprop_session_t *s, ngx_str_t *name,
    const rtprop_flat_t *payload, ngx_str_t *id)
{
    json_t                      *json;
    const char                  *err;
    const ngx_rtprop_command_t  *command;

    command = ngx_rtprop_command_find(s->worker, name);

    if (command && command->flat && s->state == NGX_RTPROP_SESSION_OPEN) {
        ngx_rtprop_command_take(s, command, name, NULL, payload, id);
        return;
    }

    json = rtprop_json_load(payload->text, payload->len, RTPROP_JSON_DEPTH,
                            &err);

    if (json == NULL) {
        ngx_rtprop_session_error(s, id, name, "internal", err, NULL);
        return;
    }

    ngx_rtprop_command_dispatch(s, name, json, id);
}


/* payload's reference is taken over; or it is NULL, and flat is not. */

static void
ngx_rtprop_command_take(ngx_rtprop_session_t *s,
    const ngx_rtprop_command_t *command, ngx_str_t *name, json_t *payload,
    const rtprop_flat_t *flat, ngx_str_t *id)
{
    ngx_int_t          rc;
    ngx_str_t          user;
    ngx_msec_t         retry;
    ngx_rtprop_cmd_t  *cmd;

    retry = NGX_RTPROP_CMD_RETRY;
    user = ngx_rtprop_user_id(s->user);

    rc = (s->ncmds >= NGX_RTPROP_CMDS_MAX) ? NGX_DECLINED
         : ngx_rtprop_limit_rate(s->worker, &user, command->rate,
                                 &s->conf->rates[command->rate], &retry);

    if (rc == NGX_DECLINED && command->quiet) {
        ngx_rtprop_session_stat(s->worker, NGX_RTPROP_STAT_LIMITED, 1);
        json_decref(payload);
        return;
    }

    cmd = ngx_rtprop_command_open(s, command, name, payload, id);

    if (cmd == NULL) {
        ngx_rtprop_session_error(s, id, name, "internal", "no memory", NULL);
        return;
    }

    if (rc == NGX_DECLINED) {
        ngx_rtprop_command_late(cmd, retry);
        return;
    }

    if (!ngx_rtprop_command_allowed(cmd)) {
        ngx_rtprop_command_reject(cmd, "not_authorized",
                                  "your role does not allow this", NULL);
        return;
    }

    rc = flat ? ngx_rtprop_command_parse_flat(cmd, command->fields, flat)
              : ngx_rtprop_command_parse(cmd, command->fields);

    if (rc != NGX_OK) {
        return;
    }

    if (s->ncmds > 1) {
        cmd->waiting = 1;
        return;
    }

    command->handler(cmd);

    /* nobody is using it: what a turn's commands held need not add up */

    if (cmd->done && cmd->before == NULL) {
        ngx_rtprop_command_free(cmd);
    }
}


ngx_int_t
ngx_rtprop_command_own(ngx_rtprop_session_t *s,
    const ngx_rtprop_command_t *command, json_t *payload)
{
    ngx_str_t          name, id;
    ngx_rtprop_cmd_t  *cmd;

    name = command->name;
    ngx_str_null(&id);

    cmd = payload ? ngx_rtprop_command_open(s, command, &name, payload, &id)
                  : NULL;

    if (cmd == NULL) {
        return NGX_ERROR;
    }

    if (s->ncmds > 1) {
        cmd->waiting = 1;
        return NGX_OK;
    }

    command->handler(cmd);

    return NGX_OK;
}


static ngx_rtprop_cmd_t *
ngx_rtprop_command_open(ngx_rtprop_session_t *s,
    const ngx_rtprop_command_t *command, ngx_str_t *name, json_t *payload,
    ngx_str_t *id)
{
    size_t             size;
    ngx_rtprop_cmd_t  *cmd;

    cmd = ngx_rtprop_command_create(s->worker, payload);
    if (cmd == NULL) {
        return NULL;
    }

    cmd->session = s;
    ngx_memcpy(cmd->session_id, s->id, NGX_RTPROP_SESSION_ID);
    cmd->command = command;
    cmd->data = command->data;

    ngx_queue_insert_tail(&s->cmds, &cmd->queue);
    s->ncmds++;

    size = rtprop_identity_size(s->user);
    cmd->user = ngx_palloc(cmd->pool, size);
    cmd->event.data = ngx_pstrdup(cmd->pool, name);
    cmd->id.data = ngx_pstrdup(cmd->pool, id);

    if (cmd->user == NULL || cmd->event.data == NULL || cmd->id.data == NULL) {
        ngx_rtprop_cmd_done(cmd);
        return NULL;
    }

    ngx_memcpy(cmd->user, s->user, size);
    cmd->event.len = name->len;
    cmd->id.len = id->len;

    ngx_rtprop_session_stat(s->worker, NGX_RTPROP_STAT_COMMANDS, 1);

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, s->connection->log, 0,
                   "rtprop command \"%V\" in session %xuL", name,
                   ngx_rtprop_session_tag(s));

    return cmd;
}


ngx_rtprop_cmd_t *
ngx_rtprop_command_create(ngx_rtprop_worker_t *worker, json_t *payload)
{
    ngx_pool_t        *pool;
    ngx_rtprop_cmd_t  *cmd;

    /* the worker's log: the connection's may be gone before the command */

    pool = ngx_rtprop_pool_get(worker);
    if (pool == NULL) {
        json_decref(payload);
        return NULL;
    }

    cmd = ngx_pcalloc(pool, sizeof(ngx_rtprop_cmd_t));
    if (cmd == NULL) {
        ngx_rtprop_pool_put(worker, pool);
        json_decref(payload);
        return NULL;
    }

    cmd->worker = worker;
    cmd->pool = pool;
    cmd->payload = payload;
    cmd->arrived = ngx_rtprop_usec();

    ngx_queue_init(&cmd->queue);

    return cmd;
}


void
ngx_rtprop_command_run(ngx_rtprop_cmd_t *cmd, const rtprop_field_t *fields,
    ngx_rtprop_cmd_pt handler)
{
    cmd->http = 1;

    if (ngx_rtprop_command_parse(cmd, fields) == NGX_OK) {
        handler(cmd);
    }
}


/* Whether the user has the role that the command asks for. */

static ngx_uint_t
ngx_rtprop_command_allowed(ngx_rtprop_cmd_t *cmd)
{
    ngx_str_t         role;
    const ngx_str_t  *needed;

    needed = &cmd->command->role;
    role = ngx_rtprop_user_role(cmd->user);

    return needed->len == 0
           || (needed->len == role.len
               && ngx_memcmp(needed->data, role.data, role.len) == 0);
}


/* Refuses (and ends) the command unless its payload fits the fields. */

static ngx_int_t
ngx_rtprop_command_parse(ngx_rtprop_cmd_t *cmd, const rtprop_field_t *fields)
{
    u_char                 text[256];
    json_t                *extra;
    const char            *name;
    rtprop_field_error_t   err;

    if (fields == NULL) {
        return NGX_OK;
    }

    cmd->args = ngx_pcalloc(cmd->pool, (rtprop_command_count(fields) + 1)
                                       * sizeof(rtprop_value_t));

    if (cmd->args == NULL) {
        ngx_rtprop_refuse(cmd, "internal", "no memory", NULL);
        return NGX_ERROR;
    }

    if (rtprop_command_parse(fields, cmd->payload, cmd->args, &err)
        == RTPROP_OK)
    {
        return NGX_OK;
    }

    name = err.field ? err.field->name : "payload";
    extra = err.field ? json_pack("{s:s}", "field", name) : NULL;

    ngx_snprintf(text, sizeof(text), "%s %s%Z", name, err.text);
    text[sizeof(text) - 1] = '\0';

    cmd->args = NULL;

    ngx_rtprop_command_reject(cmd, "invalid_payload", (char *) text, extra);

    return NGX_ERROR;
}


/* A payload that is not as it should be is read again, for the error. */

static ngx_int_t
ngx_rtprop_command_parse_flat(ngx_rtprop_cmd_t *cmd,
    const rtprop_field_t *fields, const rtprop_flat_t *flat)
{
    u_char      *text;
    const char  *err;

    text = ngx_pnalloc(cmd->pool, flat->len);
    cmd->args = ngx_palloc(cmd->pool, rtprop_command_count(fields)
                                      * sizeof(rtprop_value_t));

    if (text && cmd->args) {
        ngx_memcpy(text, flat->text, flat->len);

        if (rtprop_command_flat(fields, flat, text, cmd->args) == RTPROP_OK) {
            return NGX_OK;
        }

        cmd->payload = rtprop_json_load(text, flat->len, RTPROP_JSON_DEPTH,
                                        &err);
    }

    if (cmd->payload == NULL) {
        ngx_rtprop_refuse(cmd, "internal", "no memory", NULL);
        return NGX_ERROR;
    }

    return ngx_rtprop_command_parse(cmd, fields);
}


static void
ngx_rtprop_command_late(ngx_rtprop_cmd_t *cmd, ngx_msec_t retry)
{
    ngx_rtprop_session_stat(cmd->worker, NGX_RTPROP_STAT_LIMITED, 1);

    ngx_rtprop_command_reject(cmd, "rate_limited",
                              "too many messages, wait a moment",
                              json_pack("{s:I}", "retry_after_ms",
                                        (json_int_t) retry));
}


/* A refusal before the handler; some features say it in words of their own. */

static void
ngx_rtprop_command_reject(ngx_rtprop_cmd_t *cmd, const char *code,
    const char *message, json_t *extra)
{
    const ngx_rtprop_command_t  *command;

    command = cmd->command;

    if (command == NULL || command->refused == NULL) {
        ngx_rtprop_refuse(cmd, code, message, extra);
        return;
    }

    ngx_rtprop_session_refused(cmd->session);

    command->refused(cmd, code, message, extra);
}


void
ngx_rtprop_answer(ngx_rtprop_cmd_t *cmd, ngx_uint_t status, const char *type,
    json_t *payload, ngx_rtprop_position_t *pos)
{
    if (!cmd->http) {
        ngx_rtprop_cmd_send(cmd, type, payload, pos);
        ngx_rtprop_cmd_done(cmd);
        return;
    }

    ngx_rtprop_command_respond(cmd, status, payload);
    ngx_rtprop_cmd_done(cmd);
}


void
ngx_rtprop_cmd_send(ngx_rtprop_cmd_t *cmd, const char *type, json_t *payload,
    ngx_rtprop_position_t *pos)
{
    ngx_str_t              name;
    ngx_rtprop_session_t  *s;

    s = cmd->session;

    if (s && s->state == NGX_RTPROP_SESSION_OPEN) {
        name.len = ngx_strlen(type);
        name.data = (u_char *) type;

        (void) s->protocol->send(s, &cmd->id, &name, payload, pos);
    }

    json_decref(payload);
}


void
ngx_rtprop_cmd_send_text(ngx_rtprop_cmd_t *cmd, const char *type,
    ngx_str_t *payload, ngx_rtprop_position_t *pos)
{
    ngx_str_t              name;
    const char            *err;
    ngx_rtprop_session_t  *s;

    s = cmd->session;

    if (s == NULL || s->state != NGX_RTPROP_SESSION_OPEN) {
        return;
    }

    if (s->protocol->text == NULL) {
        ngx_rtprop_cmd_send(cmd, type,
                            rtprop_json_load(payload->data, payload->len,
                                             RTPROP_JSON_DEPTH, &err), pos);
        return;
    }

    name.len = ngx_strlen(type);
    name.data = (u_char *) type;

    (void) s->protocol->text(s, &cmd->id, &name, payload, pos);
}


void
ngx_rtprop_ack(ngx_rtprop_cmd_t *cmd, json_t *payload)
{
    ngx_rtprop_session_t  *s;

    if (payload == NULL) {
        payload = json_object();
    }

    if (cmd->http) {
        ngx_rtprop_command_respond(cmd, NGX_HTTP_OK, payload);
        ngx_rtprop_cmd_done(cmd);
        return;
    }

    s = cmd->session;

    if (s && s->state == NGX_RTPROP_SESSION_OPEN) {
        (void) s->protocol->ack(s, &cmd->id, payload);
    }

    json_decref(payload);
    ngx_rtprop_cmd_done(cmd);
}


void
ngx_rtprop_refuse(ngx_rtprop_cmd_t *cmd, const char *code,
    const char *message, json_t *extra)
{
    json_t  *body;

    if (cmd->http) {
        body = json_pack("{s:s, s:s}", "code", code, "message", message);

        if (body && extra) {
            (void) json_object_update_missing(body, extra);
        }

        ngx_rtprop_command_respond(cmd, ngx_rtprop_command_status(code), body);

    } else if (cmd->session) {
        ngx_rtprop_session_error(cmd->session, &cmd->id, &cmd->event, code,
                                 message, extra);
    }

    json_decref(extra);
    ngx_rtprop_cmd_done(cmd);
}


static ngx_uint_t
ngx_rtprop_command_status(const char *code)
{
    ngx_uint_t  i;

    static const struct {
        const char  *code;
        ngx_uint_t   status;
    } statuses[] = {
        { "invalid_json",     NGX_HTTP_BAD_REQUEST },
        { "invalid_envelope", NGX_HTTP_BAD_REQUEST },
        { "invalid_payload",  422 },
        { "unknown_type",     422 },
        { "not_found",        NGX_HTTP_NOT_FOUND },
        { "not_authorized",   NGX_HTTP_FORBIDDEN },
        { "not_joined",       NGX_HTTP_CONFLICT },
        { "conflict",         NGX_HTTP_CONFLICT },
        { "rate_limited",     NGX_HTTP_TOO_MANY_REQUESTS },
        { "too_large",        NGX_HTTP_REQUEST_ENTITY_TOO_LARGE },
        { "unavailable",      NGX_HTTP_SERVICE_UNAVAILABLE },
        { NULL, 0 }
    };

    for (i = 0; statuses[i].code; i++) {
        if (ngx_strcmp(statuses[i].code, code) == 0) {
            return statuses[i].status;
        }
    }

    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}


void
ngx_rtprop_refuse_rc(ngx_rtprop_cmd_t *cmd, ngx_int_t rc)
{
    if (rc == NGX_BUSY || rc == NGX_ERROR) {
        ngx_rtprop_refuse(cmd, "unavailable", "try again in a moment", NULL);
        return;
    }

    ngx_rtprop_refuse(cmd, "internal", "the server could not do this", NULL);
}


/* body's reference is taken over; NULL (no memory) is an empty answer. */

static void
ngx_rtprop_command_respond(ngx_rtprop_cmd_t *cmd, ngx_uint_t status,
    json_t *body)
{
    if (cmd->respond) {
        cmd->respond(cmd, status, body);
        return;
    }

    json_decref(body);
}
