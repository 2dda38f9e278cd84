/*
 * One line of JSON per ended session, into the file of rtprop_log.
 */

#include "session/ngx_rtprop_session.h"
#include "base/rtprop_json.h"
#include "base/rtprop_time.h"


/* Escaping makes six octets of one at most. */

#define NGX_RTPROP_LOG_TEXT   (RTPROP_JSON_ID_MAX * 6)
#define NGX_RTPROP_LOG_ROLE   (RTPROP_IDENTITY_ROLE_MAX * 6)
#define NGX_RTPROP_LOG_LINE   (NGX_RTPROP_LOG_TEXT + NGX_RTPROP_LOG_ROLE + 640)


static u_char *ngx_rtprop_session_log_text(u_char *p, const char *key,
    ngx_str_t *text);


void
ngx_rtprop_session_log(ngx_rtprop_session_t *s, ngx_uint_t code)
{
    u_char            line[NGX_RTPROP_LOG_LINE], *p, *last;
    u_char            time[RTPROP_TIME_LEN], id[NGX_RTPROP_SESSION_ID * 2];
    int64_t           now, duration;
    ssize_t           n;
    ngx_str_t         text;
    ngx_open_file_t  *file;

    file = s->worker->conf->log_file;

    if (file == NULL) {
        return;
    }

    now = ngx_rtprop_now();
    duration = ngx_max(now - s->start, 0);

    rtprop_time_format(now, time);
    ngx_rtprop_session_id_text(s->id, id);

    last = line + sizeof(line);

    p = ngx_slprintf(line, last, "{\"time\":\"%*s\",\"session\":\"%*s\"",
                     sizeof(time), time, sizeof(id), id);

    text = ngx_rtprop_user_id(s->user);
    p = ngx_rtprop_session_log_text(p, "user", &text);

    text = ngx_rtprop_user_role(s->user);
    p = ngx_rtprop_session_log_text(p, "role", &text);

    /* an address has no characters to escape, but it may be a long path */

    p = ngx_slprintf(p, last,
                     ",\"address\":\"%s\",\"protocol\":\"%V\","
                     "\"duration\":%L.%03L,\"received\":%uD,"
                     "\"sent\":%uD,\"close_code\":%ui}\n",
                     s->address, &s->conf->location->name, duration / 1000,
                     duration % 1000, s->received, s->sent, code);

    n = ngx_write_fd(file->fd, line, p - line);

    if (n != p - line) {
        ngx_log_error(NGX_LOG_ALERT, s->worker->log, (n == -1) ? ngx_errno : 0,
                      ngx_write_fd_n " to \"%V\" failed", &file->name);
    }
}


/* Ids and roles are bounded, see above; an empty one is left out. */

static u_char *
ngx_rtprop_session_log_text(u_char *p, const char *key, ngx_str_t *text)
{
    if (text->len == 0) {
        return p;
    }

    p = ngx_sprintf(p, ",\"%s\":\"", key);
    p += rtprop_json_escape(p, text->data, text->len);
    *p++ = '"';

    return p;
}
