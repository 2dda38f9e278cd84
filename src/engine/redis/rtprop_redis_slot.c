/*
 * Slots of a Redis cluster ("Redis cluster specification": key distribution
 * model, hash tags, redirection).
 */

#include "engine/redis/rtprop_redis.h"


/* CRC16-CCITT (XMODEM): polynomial 0x1021, start 0, a nibble at a time. */

static const uint16_t  rtprop_redis_crc[16] = {
    0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
    0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef
};


unsigned
rtprop_redis_slot(const void *key, size_t len)
{
    uint16_t              crc;
    const unsigned char  *p, *last, *open, *close;

    p = key;
    last = p + len;
    open = len ? memchr(p, '{', len) : NULL;

    if (open) {
        open++;
        close = memchr(open, '}', last - open);

        if (close && close > open) {
            p = open;
            last = close;
        }
    }

    for (crc = 0; p < last; p++) {
        crc = (uint16_t) (crc << 4) ^ rtprop_redis_crc[(crc >> 12) ^ (*p >> 4)];
        crc = (uint16_t) (crc << 4)
              ^ rtprop_redis_crc[(crc >> 12) ^ (*p & 0x0f)];
    }

    return crc % RTPROP_REDIS_SLOTS;
}


int
rtprop_redis_moved(const char *text, size_t len, unsigned *slot,
    rtprop_redis_host_t *host)
{
    size_t        n;
    rtprop_str_t  s;

    for (n = 0; n < len && text[n] != ' '; n++) { /* void */ }

    for (n++, *slot = 0; n < len && text[n] >= '0' && text[n] <= '9'; n++) {
        *slot = *slot * 10 + (text[n] - '0');

        if (*slot >= RTPROP_REDIS_SLOTS) {
            return RTPROP_ERROR;
        }
    }

    if (n + 1 >= len || text[n] != ' ' || text[n - 1] == ' ') {
        return RTPROP_ERROR;
    }

    s.data = (unsigned char *) text + n + 1;
    s.len = len - n - 1;

    /* ":6381": the host is that of who says so */

    if (s.data[0] == ':' && memchr(s.data + 1, ':', s.len - 1) == NULL) {
        (void) rtprop_redis_host(host, &s);
        host->host.len = 0;

        return host->port ? RTPROP_OK : RTPROP_ERROR;
    }

    if (rtprop_redis_host(host, &s) != RTPROP_OK || host->port == 0) {
        return RTPROP_ERROR;
    }

    return RTPROP_OK;
}
