/*
 * A live connection: what comes in, the close handshake, its end.
 *
 * Only the event handlers of this file and the wheel destroy a connection, as
 * their last act; whatever they call can at most mark it.
 */

#include "ws/ngx_rtprop_ws_worker.h"
#include "base/rtprop_utf8.h"


/* Reads in one turn, so that one busy client does not starve the others. */

#define NGX_RTPROP_WS_READS  16


static void ngx_rtprop_ws_read_handler(ngx_event_t *rev);
static void ngx_rtprop_ws_read(ngx_event_t *rev);
static void ngx_rtprop_ws_write_handler(ngx_event_t *wev);
static void ngx_rtprop_ws_take(ngx_rtprop_ws_t *ws, u_char *pos,
    u_char *last);
static ngx_int_t ngx_rtprop_ws_unpack(ngx_rtprop_ws_t *ws,
    rtprop_ws_event_t *ev);
static void ngx_rtprop_ws_event(ngx_rtprop_ws_t *ws, rtprop_ws_event_t *ev);
static void ngx_rtprop_ws_begin_close(ngx_rtprop_ws_t *ws, ngx_uint_t code,
    ngx_uint_t wire, const char *reason);
static void ngx_rtprop_ws_resume(ngx_rtprop_ws_t *ws);
static void ngx_rtprop_ws_tell(ngx_rtprop_ws_t *ws, ngx_uint_t code);
static void ngx_rtprop_ws_linger(ngx_connection_t *c);
static void ngx_rtprop_ws_drain(ngx_rtprop_ws_t *ws);
static void ngx_rtprop_ws_lose(ngx_rtprop_ws_t *ws);
static void ngx_rtprop_ws_destroy(ngx_rtprop_ws_t *ws);


void
ngx_rtprop_ws_start(ngx_rtprop_ws_t *ws, u_char *pos, u_char *last)
{
    ngx_connection_t  *c;

    c = ws->connection;

    c->data = ws;
    c->idle = 1;
    c->log->action = "serving a WebSocket";
    c->read->handler = ngx_rtprop_ws_read_handler;
    c->write->handler = ngx_rtprop_ws_write_handler;

    ws->state = NGX_RTPROP_WS_OPEN;
    ws->heard = ngx_rtprop_ws_now();

    if (ws->ping == 0) {
        ws->ping = (uint32_t) ws->conf->ping_interval;
    }

    ngx_rtprop_ws_wheel_add(ws);
    ngx_rtprop_ws_deflate_begin(ws);
    ngx_rtprop_ws_bump(ws->worker, NGX_RTPROP_WS_STAT_CONNECTIONS, 1);
    ngx_rtprop_ws_bump(ws->worker, NGX_RTPROP_WS_STAT_UPGRADES, 1);

    /* closed while the request was being upgraded */

    if (ws->code) {
        ngx_rtprop_ws_begin_close(ws, ws->code, ws->code, NULL);
        return;
    }

    if (ws->handler->opened) {
        ws->handler->opened(ws);
    }

    if (pos < last) {
        ngx_rtprop_ws_take(ws, pos, last);
    }

    if (ngx_exiting) {
        ngx_rtprop_ws_drain(ws);
    }
}


static void
ngx_rtprop_ws_read_handler(ngx_event_t *rev)
{
    ngx_rtprop_ws_t         *ws;
    ngx_connection_t        *c;
    ngx_rtprop_ws_worker_t  *w;

    c = rev->data;
    ws = c->data;
    w = ws->worker;

    ngx_rtprop_ws_read(rev);
    ngx_rtprop_ws_wave(w);
}


static void
ngx_rtprop_ws_read(ngx_event_t *rev)
{
    ssize_t            n;
    ngx_uint_t         i;
    ngx_rtprop_ws_t   *ws;
    ngx_connection_t  *c;

    c = rev->data;
    ws = c->data;

    if (c->close) {
        if (c->error) {
            ngx_rtprop_ws_lose(ws);
            ngx_rtprop_ws_destroy(ws);
            return;
        }

        ngx_rtprop_ws_drain(ws);
        return;
    }

    for (i = 0; i < NGX_RTPROP_WS_READS && rev->ready && !ws->paused; i++) {

        n = c->recv(c, ws->worker->buffer, NGX_RTPROP_WS_BUFFER);

        if (n == NGX_AGAIN) {
            break;
        }

        if (n <= 0) {
            ngx_rtprop_ws_lose(ws);
            ngx_rtprop_ws_destroy(ws);
            return;
        }

        ws->heard = ngx_rtprop_ws_now();

        if (ws->pinged) {
            ws->pinged = 0;
            ngx_rtprop_ws_wheel_move(ws);
        }

        ngx_rtprop_ws_take(ws, ws->worker->buffer, ws->worker->buffer + n);
    }

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_rtprop_ws_lose(ws);
        ngx_rtprop_ws_destroy(ws);
        return;
    }

    if (i == NGX_RTPROP_WS_READS && rev->ready) {
        ngx_post_event(rev, &ngx_posted_next_events);
    }
}


static void
ngx_rtprop_ws_take(ngx_rtprop_ws_t *ws, u_char *pos, u_char *last)
{
    ngx_int_t          rc;
    rtprop_ws_event_t  ev;

    while (!ws->close_seen) {

        rc = rtprop_ws_message_read(&ws->message, &pos, last,
                                    ws->conf->max_message,
                                    ws->deflate ? RTPROP_WS_RSV1 : 0, &ev);
        if (rc == RTPROP_AGAIN) {
            return;
        }

        if (rc == RTPROP_OK && ngx_rtprop_ws_unpack(ws, &ev) == NGX_OK) {
            ngx_rtprop_ws_event(ws, &ev);
            continue;
        }

        /* RFC 6455, 7.1.7: nothing that comes now matters any more */

        ws->close_seen = 1;

        ngx_rtprop_ws_post(ws);

        if (ws->state == NGX_RTPROP_WS_OPEN) {
            ngx_log_error(NGX_LOG_INFO, ws->connection->log, 0,
                          "client broke the WebSocket protocol, closed "
                          "with %ui", (ngx_uint_t) ev.code);

            ngx_rtprop_ws_bump(ws->worker, NGX_RTPROP_WS_STAT_FAULTS, 1);
            ngx_rtprop_ws_begin_close(ws, ev.code, ev.code, NULL);
        }
    }
}


/* NGX_ERROR: ev->code is what to close with.  After a close nobody reads. */

static ngx_int_t
ngx_rtprop_ws_unpack(ngx_rtprop_ws_t *ws, rtprop_ws_event_t *ev)
{
    if (!ev->compressed || ws->state != NGX_RTPROP_WS_OPEN) {
        return NGX_OK;
    }

    ev->code = ngx_rtprop_ws_inflate(ws, ev);

    return ev->code ? NGX_ERROR : NGX_OK;
}


static void
ngx_rtprop_ws_event(ngx_rtprop_ws_t *ws, rtprop_ws_event_t *ev)
{
    ngx_str_t            text;
    ngx_rtprop_frame_t  *pong;

    if (ev->type == RTPROP_WS_EVENT_CLOSE) {
        ws->close_seen = 1;

        if (ws->state == NGX_RTPROP_WS_OPEN) {
            ngx_rtprop_ws_begin_close(ws, ev->code,
                                      ev->code == RTPROP_WS_NO_STATUS
                                      ? 0 : ev->code, NULL);
            return;
        }

        /* the answer to ours: the posted write goes on from here */

        ngx_rtprop_ws_post(ws);
        return;
    }

    if (ws->state != NGX_RTPROP_WS_OPEN) {
        return;
    }

    switch (ev->type) {

    case RTPROP_WS_EVENT_TEXT:
    case RTPROP_WS_EVENT_BINARY:
        text.data = ev->data.data;
        text.len = ev->data.len;

        ngx_rtprop_ws_bump(ws->worker, NGX_RTPROP_WS_STAT_RECEIVED, 1);

        ws->handler->message(ws, &text, ev->type == RTPROP_WS_EVENT_BINARY);

        if (ev->compressed) {
            rtprop_ws_inflate_trim(&ws->worker->deflate);
        }

        return;

    case RTPROP_WS_EVENT_PING:
        pong = ngx_rtprop_frame_copy(RTPROP_WS_PONG, ev->data.data,
                                     ev->data.len);
        if (pong) {
            (void) ngx_rtprop_ws_send(ws, pong);
            ngx_rtprop_frame_unref(pong);
        }

        return;

    default: /* RTPROP_WS_EVENT_PONG: heard is all that counts */
        return;
    }
}


void
ngx_rtprop_ws_close(ngx_rtprop_ws_t *ws, ngx_uint_t code, const char *reason)
{
    if (ws->state == NGX_RTPROP_WS_UPGRADING) {
        ws->code = (uint16_t) code;
        return;
    }

    if (ws->state == NGX_RTPROP_WS_OPEN) {
        ngx_rtprop_ws_begin_close(ws, code, code, reason);
    }
}


/* code is for closed(), wire for the frame: 0 is a frame without a code. */

static void
ngx_rtprop_ws_begin_close(ngx_rtprop_ws_t *ws, ngx_uint_t code,
    ngx_uint_t wire, const char *reason)
{
    size_t  len;
    u_char  payload[RTPROP_WS_CONTROL_MAX];

    len = 0;

    if (wire) {
        payload[0] = (u_char) (wire >> 8);
        payload[1] = (u_char) wire;
        len = 2;

        if (reason) {
            len = ngx_cpystrn(payload + 2, (u_char *) reason,
                              RTPROP_WS_CONTROL_MAX - 2)
                  - payload;

            /* a cut may have left part of a character */

            while (len > 2 && !rtprop_utf8_valid(payload + 2, len - 2)) {
                len--;
            }
        }
    }

    ws->state = NGX_RTPROP_WS_CLOSING;
    ws->code = (uint16_t) code;
    ws->since = ngx_rtprop_ws_now();

    ngx_rtprop_ws_resume(ws);

    if (code == RTPROP_WS_TRY_LATER) {
        ngx_rtprop_ws_drop(ws, 1);
    }

    if (!ws->close_sent) {
        ws->close_sent = 1;
        ngx_rtprop_ws_queue(ws, ngx_rtprop_frame_copy(RTPROP_WS_CLOSE,
                                                      payload, len));
    }

    ngx_rtprop_ws_wheel_move(ws);
    ngx_rtprop_ws_post(ws);
}


void
ngx_rtprop_ws_ping_interval(ngx_rtprop_ws_t *ws, ngx_msec_t interval)
{
    ws->ping = (uint32_t) interval;

    if (ws->state == NGX_RTPROP_WS_OPEN) {
        ngx_rtprop_ws_wheel_move(ws);
    }
}


static void
ngx_rtprop_ws_write_handler(ngx_event_t *wev)
{
    ngx_int_t          rc;
    ngx_rtprop_ws_t   *ws;
    ngx_connection_t  *c;

    c = wev->data;
    ws = c->data;

    if (ws->state == NGX_RTPROP_WS_LINGERING) {
        return;
    }

    rc = ngx_rtprop_ws_flush(ws);

    if (rc == NGX_ERROR || ngx_handle_write_event(wev, 0) != NGX_OK) {
        ngx_rtprop_ws_lose(ws);
        ngx_rtprop_ws_destroy(ws);
        return;
    }

    if (ws->waiting <= ws->conf->queue_soft) {
        ws->over_soft = 0;
        ngx_rtprop_ws_resume(ws);
    }

    if (ws->state == NGX_RTPROP_WS_CLOSING) {
        ngx_rtprop_ws_tell(ws, ws->code);

        if (rc == NGX_OK && ws->close_seen) {
            ngx_rtprop_ws_linger(c);
        }
    }
}


static void
ngx_rtprop_ws_resume(ngx_rtprop_ws_t *ws)
{
    ngx_event_t  *rev;

    if (ws->paused) {
        ws->paused = 0;

        /* edge-triggered: no new event comes for what is there already */

        rev = ws->connection->read;
        ngx_post_event(rev, &ngx_posted_next_events);
    }
}


static void
ngx_rtprop_ws_tell(ngx_rtprop_ws_t *ws, ngx_uint_t code)
{
    if (!ws->told) {
        ws->told = 1;
        ws->handler->closed(ws, code);
    }
}


/*
 * All is sent, the client's close is in (or does not matter): half-close, and
 * wait for its end.  Closing with unread octets in the socket would reset the
 * connection and could take our close frame away from the client.
 */

static void
ngx_rtprop_ws_linger(ngx_connection_t *c)
{
    ngx_rtprop_ws_t  *ws;

    ws = c->data;
    ws->state = NGX_RTPROP_WS_LINGERING;

    rtprop_ws_message_free(&ws->message);

#if (NGX_SSL)

    if (c->ssl) {
        ngx_int_t  rc;

        rc = ngx_ssl_shutdown(c);

        if (rc == NGX_AGAIN) {
            c->ssl->handler = ngx_rtprop_ws_linger;
            return;
        }
    }

#endif

    c->read->handler = ngx_rtprop_ws_read_handler;
    c->write->handler = ngx_rtprop_ws_write_handler;

    if (ngx_shutdown_socket(c->fd, NGX_WRITE_SHUTDOWN) == -1) {
        ngx_rtprop_ws_destroy(ws);
        return;
    }

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_next_events);
    }
}


static void
ngx_rtprop_ws_drain(ngx_rtprop_ws_t *ws)
{
    ngx_event_t       *wev;
    ngx_connection_t  *c;

    c = ws->connection;
    wev = c->write;

    c->close = 0;
    c->idle = 0;

    ngx_rtprop_ws_wheel_hold(ws->worker);

    if (ws->state != NGX_RTPROP_WS_OPEN) {
        return;
    }

    if (ws->handler->drain) {
        ws->handler->drain(ws);

    } else {
        ngx_rtprop_ws_close(ws, RTPROP_WS_RESTART, NULL);
    }

    /* nginx may sleep before it comes to events that are posted just now */

    if (wev->posted) {
        ngx_delete_posted_event(wev);
        ngx_post_event(wev, &ngx_posted_next_events);
    }
}


ngx_int_t
ngx_rtprop_ws_expired(ngx_rtprop_ws_t *ws)
{
    ngx_connection_t  *c;

    c = ws->connection;

    if (ws->state != NGX_RTPROP_WS_OPEN) {
        c->timedout = 1;
        ngx_rtprop_ws_destroy(ws);
        return NGX_DONE;
    }

    if (ws->over_soft
        && ngx_rtprop_ws_now() - ws->soft >= ws->conf->queue_soft_time)
    {
        ngx_log_error(NGX_LOG_INFO, c->log, 0,
                      "client reads too slowly, %uD octets wait since %M ms",
                      ws->waiting, ws->conf->queue_soft_time);

        ngx_rtprop_ws_bump(ws->worker, NGX_RTPROP_WS_STAT_SLOW, 1);
        ngx_rtprop_ws_close(ws, RTPROP_WS_TRY_LATER, "too slow");
        return NGX_OK;
    }

    if (ws->pinged) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client did not answer a ping");

        ngx_rtprop_ws_bump(ws->worker, NGX_RTPROP_WS_STAT_SILENT, 1);

        c->timedout = 1;
        ngx_rtprop_ws_lose(ws);
        ngx_rtprop_ws_destroy(ws);
        return NGX_DONE;
    }

    ws->pinged = 1;
    ws->since = ngx_rtprop_ws_now();

    (void) ngx_rtprop_ws_send(ws, ws->worker->ping);

    return NGX_OK;
}


/* The connection is gone without (the rest of) a close handshake. */

static void
ngx_rtprop_ws_lose(ngx_rtprop_ws_t *ws)
{
    ngx_uint_t  code;

    code = (ws->state == NGX_RTPROP_WS_OPEN) ? RTPROP_WS_ABNORMAL : ws->code;

    ws->state = NGX_RTPROP_WS_DEAD;

    ngx_rtprop_ws_tell(ws, code);
}


static void
ngx_rtprop_ws_destroy(ngx_rtprop_ws_t *ws)
{
    ngx_connection_t  *c;

    c = ws->connection;

    ngx_rtprop_ws_tell(ws, ws->code);

    ws->state = NGX_RTPROP_WS_DEAD;

    /* no close_notify into the middle of a record that was not taken */

    if (ws->first) {
        c->timedout = 1;
    }

    ngx_rtprop_ws_drop(ws, 0);
    rtprop_ws_message_free(&ws->message);

    ngx_rtprop_ws_wheel_remove(ws);
    ngx_rtprop_ws_deflate_end(ws);
    ngx_rtprop_ws_bump(ws->worker, NGX_RTPROP_WS_STAT_CONNECTIONS, -1);

    c->idle = 0;

    ngx_http_close_connection(c);
}
