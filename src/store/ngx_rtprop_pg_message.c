/*
 * What PostgreSQL says, for the log and for health.
 */

#include "store/ngx_rtprop_pg.h"


const char *
ngx_rtprop_pg_reason(PGconn *db)
{
    size_t       i;
    const char  *message;

    static const struct {
        const char  *text;
        const char  *reason;
    } reasons[] = {
        { "password authentication failed", "password refused" },
        { "authentication failed", "authentication failed" },
        { "no password supplied", "password missing" },
        { "too many", "too many connections" },
        { "remaining connection slots", "too many connections" },
        { "role \"", "role missing" },
        { "pg_hba.conf", "not allowed by pg_hba.conf" },
        { "starting up", "database starting" },
        { "not yet accepting", "database starting" },
        { "recovery mode", "database starting" },
        { "shutting down", "database stopping" },
        { "terminating connection", "connection terminated" },
        { "database \"", "database missing" },
        { "session is read-only", "read-only" },
        { "server is in hot standby", "read-only" },
        { "SSL", "TLS failed" },
        { "certificate", "TLS failed" },
        { "closed the connection", "connection lost" },
        { "reset by peer", "connection lost" }
    };

    message = PQerrorMessage(db);

    for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {

        if (ngx_strstr(message, reasons[i].text)) {
            return reasons[i].reason;
        }
    }

    return "cannot connect";
}


ngx_str_t
ngx_rtprop_pg_line(const char *message, u_char *buf, size_t size)
{
    size_t     i;
    ngx_str_t  line;

    line.data = buf;
    line.len = 0;

    for (i = 0; i < size && message[i] != '\0'; i++) {
        buf[i] = (u_char) message[i] < 0x20 ? ' ' : (u_char) message[i];

        if (buf[i] != ' ') {
            line.len = i + 1;
        }
    }

    return line;
}


void
ngx_rtprop_pg_notice(void *data, const PGresult *res)
{
    ngx_rtprop_pg_t *pg = data;

    u_char     buf[256];
    ngx_str_t  line;

    line = ngx_rtprop_pg_line(PQresultErrorMessage(res), buf, sizeof(buf));

    ngx_log_error(NGX_LOG_INFO, pg->store->worker->log, 0,
                  "rtprop: PostgreSQL, the %s connection: %V", pg->name,
                  &line);
}
