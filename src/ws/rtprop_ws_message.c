#include "ws/rtprop_ws_message.h"
#include "base/rtprop_utf8.h"

#include <stdlib.h>


#define RTPROP_WS_BUF_MIN  256


enum {
    message_head = 0,           /* reading a header, or between two frames */
    message_body,
    message_closed
};


static int rtprop_ws_message_head(rtprop_ws_message_t *m, unsigned char **pos,
    unsigned char *last, unsigned rsv, rtprop_ws_frame_t *f);
static size_t rtprop_ws_message_packed_max(size_t max);
static unsigned rtprop_ws_message_begin(rtprop_ws_message_t *m,
    const rtprop_ws_frame_t *f, size_t max);
static int rtprop_ws_message_in_place(rtprop_ws_message_t *m,
    rtprop_ws_frame_t *f, unsigned char **pos, rtprop_ws_event_t *ev);
static int rtprop_ws_message_body(rtprop_ws_message_t *m, unsigned char **pos,
    unsigned char *last, size_t max, rtprop_ws_event_t *ev);
static unsigned rtprop_ws_message_store(rtprop_ws_message_t *m,
    const unsigned char *p, size_t n, size_t max);
static int rtprop_ws_message_control(rtprop_ws_message_t *m,
    rtprop_ws_event_t *ev);
static unsigned rtprop_ws_message_close(rtprop_ws_event_t *ev);
static int rtprop_ws_message_reserve(rtprop_ws_message_t *m, size_t need,
    size_t limit);
static void rtprop_ws_message_release(rtprop_ws_message_t *m);
static int rtprop_ws_message_fail(rtprop_ws_message_t *m,
    rtprop_ws_event_t *ev, unsigned code);


static inline int
rtprop_ws_is_control(unsigned opcode)
{
    return opcode >= RTPROP_WS_CLOSE;
}


int
rtprop_ws_message_read(rtprop_ws_message_t *m, unsigned char **pos,
    unsigned char *last, size_t max, unsigned rsv, rtprop_ws_event_t *ev)
{
    int                rc;
    unsigned           code;
    rtprop_ws_frame_t  f;

    if (m->handed) {
        rtprop_ws_message_release(m);
    }

    if (max > RTPROP_WS_MESSAGE_MAX) {
        max = RTPROP_WS_MESSAGE_MAX;
    }

    for ( ;; ) {

        switch (m->state) {

        case message_head:
            rc = rtprop_ws_message_head(m, pos, last, rsv, &f);

            if (rc == RTPROP_AGAIN) {
                return RTPROP_AGAIN;
            }

            code = (rc == RTPROP_OK) ? rtprop_ws_message_begin(m, &f, max)
                                     : RTPROP_WS_PROTOCOL_ERROR;
            if (code) {
                return rtprop_ws_message_fail(m, ev, code);
            }

            if (f.length <= (size_t) (last - *pos)
                && (rtprop_ws_is_control(f.opcode)
                    || (f.fin && f.opcode != RTPROP_WS_CONTINUATION)))
            {
                return rtprop_ws_message_in_place(m, &f, pos, ev);
            }

            m->frame.body.left = (uint32_t) f.length;
            m->frame.body.control = 0;
            memcpy(m->frame.body.mask, f.mask, 4);

            m->state = message_body;
            break;

        case message_body:
            rc = rtprop_ws_message_body(m, pos, last, max, ev);

            if (rc != RTPROP_DECLINED) {
                return rc;
            }

            break;

        default: /* message_closed */
            *pos = last;
            return RTPROP_AGAIN;
        }
    }
}


/* Reads a header where it lies, or collects it in the state. */

static int
rtprop_ws_message_head(rtprop_ws_message_t *m, unsigned char **pos,
    unsigned char *last, unsigned rsv, rtprop_ws_frame_t *f)
{
    int     rc;
    size_t  n;

    if (m->head_len == 0) {
        rc = rtprop_ws_frame_parse(f, *pos, last - *pos, rsv);

        if (rc == RTPROP_OK) {
            *pos += f->head;
            return RTPROP_OK;
        }

        if (rc == RTPROP_ERROR) {
            return RTPROP_ERROR;
        }
    }

    n = RTPROP_WS_CLIENT_HEAD_MAX - m->head_len;

    if (n > (size_t) (last - *pos)) {
        n = last - *pos;
    }

    memcpy(m->frame.head + m->head_len, *pos, n);

    rc = rtprop_ws_frame_parse(f, m->frame.head, m->head_len + n, rsv);

    if (rc == RTPROP_AGAIN) {
        m->head_len += n;
        *pos = last;
        return RTPROP_AGAIN;
    }

    if (rc == RTPROP_OK) {
        *pos += f->head - m->head_len;
        m->head_len = 0;
    }

    return rc;
}


/* Judges a frame by its header alone.  Returns 0 or a close code. */

static unsigned
rtprop_ws_message_begin(rtprop_ws_message_t *m, const rtprop_ws_frame_t *f,
    size_t max)
{
    m->opcode = f->opcode;
    m->fin = f->fin;

    if (rtprop_ws_is_control(f->opcode)) {
        return 0;
    }

    /* RFC 6455, 5.4: messages are not interleaved */

    if ((f->opcode == RTPROP_WS_CONTINUATION) != (m->open != 0)) {
        return RTPROP_WS_PROTOCOL_ERROR;
    }

    if (f->opcode != RTPROP_WS_CONTINUATION) {
        m->open = f->opcode;
        m->compressed = (f->rsv & RTPROP_WS_RSV1) != 0;
        m->utf8 = RTPROP_UTF8_START;
    }

    if (m->compressed) {
        max = rtprop_ws_message_packed_max(max);
    }

    if (m->len > max || f->length > max - m->len) {
        return RTPROP_WS_TOO_BIG;
    }

    return 0;
}


/* Noise grows a little when compressed: 5 octets for each block of it. */

static size_t
rtprop_ws_message_packed_max(size_t max)
{
    max += (max >> 10) + 64;

    return max < RTPROP_WS_MESSAGE_MAX ? max : RTPROP_WS_MESSAGE_MAX;
}


static int
rtprop_ws_message_in_place(rtprop_ws_message_t *m, rtprop_ws_frame_t *f,
    unsigned char **pos, rtprop_ws_event_t *ev)
{
    ev->data.data = *pos;
    ev->data.len = (size_t) f->length;
    *pos += f->length;

    rtprop_ws_frame_mask(ev->data.data, ev->data.len, f->mask);

    if (rtprop_ws_is_control(f->opcode)) {
        return rtprop_ws_message_control(m, ev);
    }

    ev->type = f->opcode;
    ev->code = 0;
    ev->compressed = m->compressed;
    m->open = 0;

    if (f->opcode == RTPROP_WS_TEXT && !ev->compressed
        && !rtprop_utf8_valid(ev->data.data, ev->data.len))
    {
        return rtprop_ws_message_fail(m, ev, RTPROP_WS_INVALID_DATA);
    }

    return RTPROP_OK;
}


/*
 * Takes what there is of a frame's payload.  Returns RTPROP_DECLINED when the
 * frame is over and its message is not.
 */

static int
rtprop_ws_message_body(rtprop_ws_message_t *m, unsigned char **pos,
    unsigned char *last, size_t max, rtprop_ws_event_t *ev)
{
    size_t    n;
    unsigned  code;

    n = last - *pos;

    if (n > m->frame.body.left) {
        n = m->frame.body.left;
    }

    if (n) {
        code = rtprop_ws_message_store(m, *pos, n, max);

        if (code) {
            return rtprop_ws_message_fail(m, ev, code);
        }

        *pos += n;
    }

    if (m->frame.body.left) {
        return RTPROP_AGAIN;
    }

    m->state = message_head;

    if (rtprop_ws_is_control(m->opcode)) {
        ev->data.data = m->buf + m->len;
        ev->data.len = m->frame.body.control;
        m->handed = (m->open == 0);
        return rtprop_ws_message_control(m, ev);
    }

    if (!m->fin) {
        return RTPROP_DECLINED;
    }

    if (m->utf8 != RTPROP_UTF8_START) {
        return rtprop_ws_message_fail(m, ev, RTPROP_WS_INVALID_DATA);
    }

    ev->type = m->open;
    ev->code = 0;
    ev->compressed = m->compressed;
    ev->data.data = m->buf ? m->buf : *pos;
    ev->data.len = m->len;

    m->open = 0;
    m->handed = 1;

    return RTPROP_OK;
}


/* Copies octets of the frame's payload.  Returns 0 or a close code. */

static unsigned
rtprop_ws_message_store(rtprop_ws_message_t *m, const unsigned char *p,
    size_t n, size_t max)
{
    size_t          used, limit;
    unsigned char  *dst;

    used = m->len;
    limit = max;

    if (rtprop_ws_is_control(m->opcode)) {
        used += m->frame.body.control;
        limit = used + m->frame.body.left;

    } else if (m->fin) {
        limit = used + m->frame.body.left;
    }

    if (rtprop_ws_message_reserve(m, used + n, limit) != RTPROP_OK) {
        return RTPROP_WS_INTERNAL;
    }

    dst = m->buf + used;

    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): reserved */
    memcpy(dst, p, n);
    rtprop_ws_frame_mask(dst, n, m->frame.body.mask);

    m->frame.body.left -= (uint32_t) n;

    if (rtprop_ws_is_control(m->opcode)) {
        m->frame.body.control += (unsigned char) n;
        return 0;
    }

    m->len += (uint32_t) n;

    if (m->open == RTPROP_WS_TEXT && !m->compressed
        && rtprop_utf8_check(&m->utf8, dst, n) == RTPROP_ERROR)
    {
        return RTPROP_WS_INVALID_DATA;
    }

    return 0;
}


static int
rtprop_ws_message_control(rtprop_ws_message_t *m, rtprop_ws_event_t *ev)
{
    unsigned  code;

    ev->type = m->opcode;
    ev->code = 0;
    ev->compressed = 0;

    if (ev->type != RTPROP_WS_EVENT_CLOSE) {
        return RTPROP_OK;
    }

    code = rtprop_ws_message_close(ev);

    if (code) {
        return rtprop_ws_message_fail(m, ev, code);
    }

    m->state = message_closed;
    m->handed = 1;

    return RTPROP_OK;
}


/* Takes a close frame apart (RFC 6455, 5.5.1).  Returns 0 or a close code. */

static unsigned
rtprop_ws_message_close(rtprop_ws_event_t *ev)
{
    if (ev->data.len == 0) {
        ev->code = RTPROP_WS_NO_STATUS;
        return 0;
    }

    if (ev->data.len == 1) {
        return RTPROP_WS_PROTOCOL_ERROR;
    }

    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): two or more */
    ev->code = (unsigned) ev->data.data[0] << 8 | ev->data.data[1];

    if (!rtprop_ws_close_code_valid(ev->code)) {
        return RTPROP_WS_PROTOCOL_ERROR;
    }

    ev->data.data += 2;
    ev->data.len -= 2;

    if (!rtprop_utf8_valid(ev->data.data, ev->data.len)) {
        return RTPROP_WS_INVALID_DATA;
    }

    return 0;
}


int
rtprop_ws_close_code_valid(unsigned code)
{
    if (code >= 3000 && code <= 4999) {
        return 1;
    }

    /* 1004 is reserved; 1005, 1006 and 1015 never stand in a frame */

    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}


/* Doubles, but not beyond what the message may still need. */

static int
rtprop_ws_message_reserve(rtprop_ws_message_t *m, size_t need, size_t limit)
{
    size_t          size;
    unsigned char  *p;

    if (need <= m->size) {
        return RTPROP_OK;
    }

    size = (size_t) m->size * 2;

    if (size < RTPROP_WS_BUF_MIN) {
        size = RTPROP_WS_BUF_MIN;
    }

    if (size > limit) {
        size = limit;
    }

    if (size < need) {
        size = need;
    }

    p = realloc(m->buf, size);

    if (p == NULL) {
        return RTPROP_ERROR;
    }

    m->buf = p;
    m->size = (uint32_t) size;

    return RTPROP_OK;
}


static void
rtprop_ws_message_release(rtprop_ws_message_t *m)
{
    free(m->buf);

    m->buf = NULL;
    m->size = 0;
    m->len = 0;
    m->handed = 0;
}


static int
rtprop_ws_message_fail(rtprop_ws_message_t *m, rtprop_ws_event_t *ev,
    unsigned code)
{
    ev->code = code;
    ev->compressed = 0;
    ev->data.data = NULL;
    ev->data.len = 0;

    rtprop_ws_message_free(m);

    return RTPROP_ERROR;
}


void
rtprop_ws_message_free(rtprop_ws_message_t *m)
{
    rtprop_ws_message_release(m);

    m->state = message_closed;
}
