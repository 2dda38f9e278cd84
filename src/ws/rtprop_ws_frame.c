#include "ws/rtprop_ws_frame.h"


static int rtprop_ws_frame_first(rtprop_ws_frame_t *f, unsigned char c,
    unsigned rsv);


int
rtprop_ws_frame_parse(rtprop_ws_frame_t *f, const unsigned char *p, size_t len,
    unsigned rsv)
{
    size_t  i, n;

    if (len == 0) {
        return RTPROP_AGAIN;
    }

    if (rtprop_ws_frame_first(f, p[0], rsv) != RTPROP_OK) {
        return RTPROP_ERROR;
    }

    if (len == 1) {
        return RTPROP_AGAIN;
    }

    /* RFC 6455, 5.1: a server must not accept a frame that is not masked */

    if (!(p[1] & 0x80)) {
        return RTPROP_ERROR;
    }

    f->length = p[1] & 0x7f;

    if (f->opcode >= RTPROP_WS_CLOSE && f->length > RTPROP_WS_CONTROL_MAX) {
        return RTPROP_ERROR;
    }

    n = f->length < 126 ? 0 : f->length == 126 ? 2 : 8;

    if (n == 8 && len > 2 && (p[2] & 0x80)) {
        return RTPROP_ERROR;
    }

    if (len < 2 + n) {
        return RTPROP_AGAIN;
    }

    if (n) {
        f->length = 0;

        for (i = 0; i < n; i++) {
            f->length = f->length << 8 | p[2 + i];
        }

        if (f->length < (n == 2 ? 126 : 65536)) {
            return RTPROP_ERROR;
        }
    }

    if (len < 2 + n + 4) {
        return RTPROP_AGAIN;
    }

    memcpy(f->mask, p + 2 + n, 4);
    f->head = (unsigned char) (2 + n + 4);

    return RTPROP_OK;
}


static int
rtprop_ws_frame_first(rtprop_ws_frame_t *f, unsigned char c, unsigned rsv)
{
    f->fin = c >> 7;
    f->rsv = c & RTPROP_WS_RSV;
    f->opcode = c & 0x0f;

    if (f->rsv & ~rsv) {
        return RTPROP_ERROR;
    }

    switch (f->opcode) {

    case RTPROP_WS_TEXT:
    case RTPROP_WS_BINARY:
        return RTPROP_OK;

    case RTPROP_WS_CONTINUATION:
        return f->rsv ? RTPROP_ERROR : RTPROP_OK;

    case RTPROP_WS_CLOSE:
    case RTPROP_WS_PING:
    case RTPROP_WS_PONG:
        return (f->rsv || !f->fin) ? RTPROP_ERROR : RTPROP_OK;

    default:
        return RTPROP_ERROR;
    }
}


void
rtprop_ws_frame_mask(unsigned char *p, size_t len, unsigned char *mask)
{
    size_t         i, turn;
    uint64_t       word, key;
    unsigned char  was[4];

    memcpy(&key, mask, 4);
    memcpy((unsigned char *) &key + 4, mask, 4);

    for (i = 0; i + 8 <= len; i += 8) {
        memcpy(&word, p + i, 8);
        word ^= key;
        memcpy(p + i, &word, 8);
    }

    for ( /* void */ ; i < len; i++) {
        p[i] ^= mask[i & 3];
    }

    turn = len & 3;

    if (turn) {
        memcpy(was, mask, 4);

        for (i = 0; i < 4; i++) {
            mask[i] = was[(i + turn) & 3];
        }
    }
}


size_t
rtprop_ws_frame_head(unsigned char *dst, unsigned first, uint64_t length)
{
    size_t  i, n;

    n = rtprop_ws_frame_head_len(length) - 2;

    dst[0] = (unsigned char) first;
    dst[1] = (unsigned char) (n == 0 ? length : n == 2 ? 126 : 127);

    for (i = 0; i < n; i++) {
        dst[2 + i] = (unsigned char) (length >> 8 * (n - 1 - i));
    }

    return 2 + n;
}
