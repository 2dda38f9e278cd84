/*
 * rtprop_rate: token buckets.
 *
 * A millitoken a second is a microtoken a millisecond, so tokens are counted
 * in microtokens and no fraction is ever lost, however often one asks.
 */

#include "session/rtprop_rate.h"


static int64_t rtprop_rate_level(const rtprop_rate_t *bucket, int64_t rate,
    int64_t size, int64_t now);


static inline int64_t
rtprop_rate_clip(int64_t n, int64_t max)
{
    return n < 1 ? 1 : n > max ? max : n;
}


int
rtprop_rate_take(rtprop_rate_t *bucket, int64_t rate, int64_t burst,
    int64_t now, int64_t *retry_after)
{
    int64_t  level, wait;

    rate = rtprop_rate_clip(rate, RTPROP_RATE_MAX);
    burst = rtprop_rate_clip(burst, RTPROP_RATE_BURST_MAX);

    level = rtprop_rate_level(bucket, rate, burst * RTPROP_RATE_TOKEN, now);

    bucket->last = now;
    bucket->tokens = level;

    if (level >= RTPROP_RATE_TOKEN) {
        bucket->tokens -= RTPROP_RATE_TOKEN;
        return RTPROP_OK;
    }

    wait = (RTPROP_RATE_TOKEN - level + rate - 1) / rate;
    *retry_after = rtprop_rate_clip(wait, RTPROP_RATE_RETRY_MAX);

    return RTPROP_DECLINED;
}


int
rtprop_rate_full(const rtprop_rate_t *bucket, int64_t rate, int64_t burst,
    int64_t now)
{
    rate = rtprop_rate_clip(rate, RTPROP_RATE_MAX);
    burst = rtprop_rate_clip(burst, RTPROP_RATE_BURST_MAX);

    return rtprop_rate_level(bucket, rate, burst * RTPROP_RATE_TOKEN, now)
           == burst * RTPROP_RATE_TOKEN;
}


/* The microtokens in the bucket at now, whatever its state claims. */

static int64_t
rtprop_rate_level(const rtprop_rate_t *bucket, int64_t rate, int64_t size,
    int64_t now)
{
    int64_t  tokens;

    if (bucket->last == 0) {
        return size;
    }

    tokens = bucket->tokens < 0 ? 0
             : bucket->tokens > size ? size : bucket->tokens;

    if (now <= bucket->last) {
        return tokens;
    }

    /* no product may overflow: first see whether the bucket fills up */

    if ((uint64_t) now - (uint64_t) bucket->last
        >= (uint64_t) ((size - tokens + rate - 1) / rate))
    {
        return size;
    }

    return tokens + (now - bucket->last) * rate;
}


int
rtprop_rate_parse(const unsigned char *data, size_t len, int64_t *rate)
{
    size_t   i;
    int64_t  n;

    n = 0;

    for (i = 0; i < len && data[i] >= '0' && data[i] <= '9'; i++) {

        n = n * 10 + (data[i] - '0');

        if (n > RTPROP_RATE_MAX) {
            return RTPROP_ERROR;
        }
    }

    if (i == 0 || len - i != 3) {
        return RTPROP_ERROR;
    }

    n *= 1000;

    if (memcmp(data + i, "r/m", 3) == 0) {
        n /= 60;

    } else if (memcmp(data + i, "r/s", 3) != 0) {
        return RTPROP_ERROR;
    }

    if (n < 1 || n > RTPROP_RATE_MAX) {
        return RTPROP_ERROR;
    }

    *rate = n;

    return RTPROP_OK;
}
