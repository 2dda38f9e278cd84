/*
 * Requests on the wire, and what error replies mean.
 */

#include "engine/redis/rtprop_redis.h"


typedef struct {
    const char            *word;
    rtprop_redis_error_e   error;
} rtprop_redis_word_t;


static unsigned char *rtprop_redis_count(unsigned char *p, char c, size_t n);
static rtprop_redis_error_e rtprop_redis_word(const char *text, size_t len);


static const rtprop_redis_word_t  rtprop_redis_words[] = {
    { "NOSCRIPT ", RTPROP_REDIS_E_NOSCRIPT },
    { "MOVED ", RTPROP_REDIS_E_MOVED },
    { "ASK ", RTPROP_REDIS_E_ASK },
    { "TRYAGAIN ", RTPROP_REDIS_E_TRYAGAIN },
    { "CLUSTERDOWN ", RTPROP_REDIS_E_CLUSTERDOWN },
    { "OOM ", RTPROP_REDIS_E_OOM },
    { "LOADING ", RTPROP_REDIS_E_LOADING },
    { "READONLY ", RTPROP_REDIS_E_READONLY },
    { "MASTERDOWN ", RTPROP_REDIS_E_MASTERDOWN },
    { "NOAUTH ", RTPROP_REDIS_E_NOAUTH },
    { "WRONGPASS ", RTPROP_REDIS_E_WRONGPASS },
    { "ERR invalid password", RTPROP_REDIS_E_WRONGPASS },
    { "ERR AUTH ", RTPROP_REDIS_E_WRONGPASS },
    { "ERR Client sent AUTH", RTPROP_REDIS_E_WRONGPASS },
    { "NOPERM ", RTPROP_REDIS_E_NOPERM },
    { "BUSY ", RTPROP_REDIS_E_BUSY },
    { "MISCONF ", RTPROP_REDIS_E_MISCONF },
    { "NOREPLICAS ", RTPROP_REDIS_E_NOREPLICAS },
    { "DENIED ", RTPROP_REDIS_E_DENIED },
    { "ERR max number of clients", RTPROP_REDIS_E_CLIENTS },
    { NULL, RTPROP_REDIS_E_OTHER }
};


/* In the order of rtprop_redis_error_e. */

static const char *const  rtprop_redis_texts[RTPROP_REDIS_ERRORS] = {
    "an error",
    "unknown script",
    "slot is elsewhere",
    "slot is moving",
    "slot is moving",
    "cluster is down",
    "out of memory",
    "loading its data",
    "read-only replica",
    "replica without its master",
    "password required",
    "wrong password",
    "user lacks a permission",
    "busy with a script",
    "cannot save its data",
    "not enough replicas",
    "refused by protected mode",
    "too many clients"
};


unsigned char *
rtprop_redis_head(unsigned char *p, size_t n)
{
    return rtprop_redis_count(p, '*', n);
}


unsigned char *
rtprop_redis_arg(unsigned char *p, const void *data, size_t len)
{
    p = rtprop_redis_count(p, '$', len);

    if (len) {
        memcpy(p, data, len);
        p += len;
    }

    *p++ = '\r';
    *p++ = '\n';

    return p;
}


static unsigned char *
rtprop_redis_count(unsigned char *p, char c, size_t n)
{
    unsigned char  digits[20], *d;

    d = digits + sizeof(digits);

    do {
        *--d = (unsigned char) ('0' + n % 10);
        n /= 10;
    } while (n);

    *p++ = (unsigned char) c;
    n = digits + sizeof(digits) - d;
    memcpy(p, d, n);
    p += n;
    *p++ = '\r';
    *p++ = '\n';

    return p;
}


rtprop_redis_error_e
rtprop_redis_error(const char *text, size_t len)
{
    size_t                       i;
    static const char            script[] = "ERR Error running script";
    static const char            inner[] = ": -";

    if (len < sizeof(script) || memcmp(text, script, sizeof(script) - 1) != 0)
    {
        return rtprop_redis_word(text, len);
    }

    for (i = sizeof(script) - 1; i + sizeof(inner) <= len; i++) {
        if (memcmp(text + i, inner, sizeof(inner) - 1) == 0) {
            i += sizeof(inner) - 1;
            return rtprop_redis_word(text + i, len - i);
        }
    }

    return RTPROP_REDIS_E_OTHER;
}


static rtprop_redis_error_e
rtprop_redis_word(const char *text, size_t len)
{
    size_t                      n;
    const rtprop_redis_word_t  *word;

    for (word = rtprop_redis_words; word->word; word++) {
        n = strlen(word->word);

        if (len >= n && memcmp(text, word->word, n) == 0) {
            return word->error;
        }
    }

    return RTPROP_REDIS_E_OTHER;
}


const char *
rtprop_redis_error_text(rtprop_redis_error_e error)
{
    return rtprop_redis_texts[error];
}
