/*
 * Events as octets.
 */

#include "engine/redis/rtprop_redis_record.h"


static void
put(unsigned char *p, uint64_t n, unsigned octets)
{
    while (octets) {
        p[--octets] = (unsigned char) n;
        n >>= 8;
    }
}


static uint64_t
get(const unsigned char *p, unsigned octets)
{
    uint64_t  n;

    for (n = 0; octets; octets--) {
        n = n << 8 | *p++;
    }

    return n;
}


void
rtprop_redis_put64(unsigned char *p, uint64_t n)
{
    put(p, n, 8);
}


uint64_t
rtprop_redis_get64(const unsigned char *p)
{
    return get(p, 8);
}


static size_t
session(const rtprop_redis_record_t *rec)
{
    return rec->skip_session.len == RTPROP_REDIS_RECORD_SESSION
           ? RTPROP_REDIS_RECORD_SESSION : 0;
}


size_t
rtprop_redis_record_size(const rtprop_redis_record_t *rec)
{
    if (rec->type.len > 0xffff || rec->user.len > 0xffff
        || rec->skip_user.len > 0xffff || rec->alt_user.len > 0xffff
        || rec->replace.len > 0xffff
        || rec->payload.len > RTPROP_REDIS_RECORD_MAX
        || rec->alt_payload.len > RTPROP_REDIS_RECORD_MAX)
    {
        return 0;
    }

    return RTPROP_REDIS_RECORD_TEXTS - RTPROP_REDIS_RECORD_HEAD
           + rec->type.len + rec->user.len + rec->skip_user.len
           + rec->alt_user.len + rec->replace.len + rec->payload.len
           + rec->alt_payload.len + session(rec);
}


static unsigned char *
text_put(unsigned char *p, const rtprop_str_t *text)
{
    if (text->len) {
        memcpy(p, text->data, text->len);
    }

    return p + text->len;
}


void
rtprop_redis_record_encode(unsigned char *p, const rtprop_redis_record_t *rec)
{
    p[0] = RTPROP_REDIS_RECORD_VERSION;
    p[1] = rec->flags;
    p[2] = rec->kinds;
    p[3] = (unsigned char) session(rec);
    put(p + 4, rec->id, 8);
    put(p + 12, rec->arrived, 8);
    put(p + 20, rec->machine, 4);
    put(p + 24, rec->type.len, 2);
    put(p + 26, rec->user.len, 2);
    put(p + 28, rec->skip_user.len, 2);
    put(p + 30, rec->alt_user.len, 2);
    put(p + 32, rec->replace.len, 2);
    put(p + 34, rec->payload.len, 4);
    put(p + 38, rec->alt_payload.len, 4);

    p += RTPROP_REDIS_RECORD_TEXTS - RTPROP_REDIS_RECORD_HEAD;
    p = text_put(p, &rec->type);
    p = text_put(p, &rec->user);
    p = text_put(p, &rec->skip_user);
    p = text_put(p, &rec->alt_user);
    p = text_put(p, &rec->replace);
    p = text_put(p, &rec->payload);
    p = text_put(p, &rec->alt_payload);

    if (session(rec)) {
        (void) text_put(p, &rec->skip_session);
    }
}


static unsigned char *
text_get(unsigned char *p, uint64_t len, rtprop_str_t *text)
{
    text->len = (size_t) len;
    text->data = len ? p : NULL;

    return p + len;
}


int
rtprop_redis_record_decode(unsigned char **pos, const unsigned char *end,
    rtprop_redis_record_t *rec)
{
    uint64_t        size, len;
    unsigned char  *p, *text;

    p = *pos;

    if (end - p < RTPROP_REDIS_RECORD_TEXTS) {
        return RTPROP_ERROR;
    }

    size = get(p, 4);
    len = RTPROP_REDIS_RECORD_TEXTS + p[31] + get(p + 52, 2) + get(p + 54, 2)
          + get(p + 56, 2) + get(p + 58, 2) + get(p + 60, 2) + get(p + 62, 4)
          + get(p + 66, 4);

    if (size > (uint64_t) (end - p) || len != size
        || p[28] != RTPROP_REDIS_RECORD_VERSION
        || (p[31] && p[31] != RTPROP_REDIS_RECORD_SESSION)
        || get(p + 62, 4) > RTPROP_REDIS_RECORD_MAX
        || get(p + 66, 4) > RTPROP_REDIS_RECORD_MAX)
    {
        return RTPROP_ERROR;
    }

    rec->epoch = get(p + 4, 8);
    rec->offset = get(p + 12, 8);
    rec->time = (int64_t) get(p + 20, 8);
    rec->flags = p[29];
    rec->kinds = p[30];
    rec->id = get(p + 32, 8);
    rec->arrived = get(p + 40, 8);
    rec->machine = (uint32_t) get(p + 48, 4);

    text = p + RTPROP_REDIS_RECORD_TEXTS;
    text = text_get(text, get(p + 52, 2), &rec->type);
    text = text_get(text, get(p + 54, 2), &rec->user);
    text = text_get(text, get(p + 56, 2), &rec->skip_user);
    text = text_get(text, get(p + 58, 2), &rec->alt_user);
    text = text_get(text, get(p + 60, 2), &rec->replace);
    text = text_get(text, get(p + 62, 4), &rec->payload);
    text = text_get(text, get(p + 66, 4), &rec->alt_payload);
    *pos = text_get(text, p[31], &rec->skip_session);

    return RTPROP_OK;
}
