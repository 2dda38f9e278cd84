/*
 * The hub's own commands: ping, auth:refresh, resume.
 */

#include "session/ngx_rtprop_auth.h"
#include "hub/ngx_rtprop_hub.h"
#include "hub/ngx_rtprop_hub_channel.h"
#include "hub/ngx_rtprop_hub_deliver.h"
#include "base/rtprop_json.h"
#include "base/rtprop_time.h"


#define NGX_RTPROP_RESUME_CHANNELS  100     /* of one command */


static void ngx_rtprop_hub_ping(ngx_rtprop_cmd_t *cmd);
static void ngx_rtprop_hub_refresh(ngx_rtprop_cmd_t *cmd);
static json_t *ngx_rtprop_hub_time(void);


static const rtprop_field_t  ngx_rtprop_hub_refresh_fields[] = {
    { "token", RTPROP_FIELD_STRING, RTPROP_FIELD_REQUIRED|RTPROP_FIELD_BARE,
      1, 8192, NULL, NULL },
    { NULL, 0, 0, 0, 0, NULL, NULL }
};


static const rtprop_field_t  ngx_rtprop_hub_resume_fields[] = {
    { "channels", RTPROP_FIELD_OBJECT, RTPROP_FIELD_REQUIRED, 1,
      NGX_RTPROP_RESUME_CHANNELS, NULL, NULL },
    { NULL, 0, 0, 0, 0, NULL, NULL }
};


static ngx_rtprop_command_t  ngx_rtprop_hub_commands[] = {

    { .name = ngx_string("ping"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .handler = ngx_rtprop_hub_ping },

    { .name = ngx_string("auth:refresh"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .fields = ngx_rtprop_hub_refresh_fields,
      .handler = ngx_rtprop_hub_refresh },

    { .name = ngx_string("resume"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .fields = ngx_rtprop_hub_resume_fields,
      .handler = ngx_rtprop_hub_resume },

    { .name = ngx_null_string }
};


static ngx_rtprop_event_type_t  ngx_rtprop_hub_events[] = {
    { ngx_string("welcome"),
      "session_id server_time ping_interval", 0, 1 },
    { ngx_string("pong"), "server_time", 0, 1 },
    { ngx_string("auth:refreshed"), "expires_at", 0, 1 },
    { ngx_string("resumed"), "", 0, 1 },
    { ngx_string("error"), "retry_after_ms", 0, 1 },
    { ngx_null_string, NULL, 0, 0 }
};


ngx_int_t
ngx_rtprop_hub_preconfiguration(ngx_conf_t *cf)
{
    if (ngx_rtprop_commands_add(cf, ngx_rtprop_hub_commands, NULL) != NGX_OK
        || ngx_rtprop_event_types_add(cf, ngx_rtprop_hub_events) != NGX_OK
        || ngx_rtprop_hub_jobs_preconfiguration(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_rtprop_hub_stat_preconfiguration(cf);
}


static void
ngx_rtprop_hub_ping(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_answer(cmd, NGX_HTTP_OK, "pong",
                      json_pack("{s:o}", "server_time",
                                ngx_rtprop_hub_time()), NULL);
}


static void
ngx_rtprop_hub_refresh(ngx_rtprop_cmd_t *cmd)
{
    u_char                 text[RTPROP_TIME_LEN];
    int64_t                expires;
    json_t                *at;
    ngx_str_t              token;
    const char            *error;
    rtprop_identity_t     *user;
    ngx_rtprop_session_t  *s;

    s = cmd->session;
    token.len = cmd->args[0].str.len;
    token.data = cmd->args[0].str.data;

    if (ngx_rtprop_auth_token_check(s->conf, cmd->worker->log, &token, &user,
                                    &expires, &error)
        != NGX_OK)
    {
        ngx_rtprop_refuse(cmd, "not_authorized", error, NULL);
        return;
    }

    if (user->id_len != s->user->id_len
        || ngx_memcmp(user->data, s->user->data, user->id_len) != 0)
    {
        rtprop_identity_free(user);
        ngx_rtprop_refuse(cmd, "not_authorized",
                          "the token is another user's", NULL);
        return;
    }

    ngx_rtprop_session_refresh(s, user, expires);

    if (expires) {
        rtprop_time_format(expires, text);
        at = json_stringn((char *) text, RTPROP_TIME_LEN);

    } else {
        at = json_null();
    }

    ngx_rtprop_answer(cmd, NGX_HTTP_OK, "auth:refreshed",
                      json_pack("{s:o}", "expires_at", at), NULL);
}


static json_t *
ngx_rtprop_hub_time(void)
{
    u_char  text[RTPROP_TIME_LEN];

    rtprop_time_format(ngx_rtprop_now(), text);

    return json_stringn((char *) text, RTPROP_TIME_LEN);
}
