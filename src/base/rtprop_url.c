#include "base/rtprop_url.h"

#include <strings.h>


static int rtprop_url_http(const char *p, size_t len, const char *scheme);


int
rtprop_url_safe(const unsigned char *data, size_t len)
{
    size_t  i;

    if (len == 0 || len > RTPROP_URL_LEN) {
        return 0;
    }

    for (i = 0; i < len; i++) {
        if (data[i] <= 0x20 || data[i] == 0x7f || data[i] == '\\') {
            return 0;
        }
    }

    if (data[0] == '/') {
        return len == 1 || data[1] != '/';
    }

    /* a colon in the first segment ends a scheme */

    for (i = 0; i < len && memchr("/?#", data[i], 3) == NULL; i++) {

        if (data[i] == ':') {
            return rtprop_url_http((const char *) data, len, "http://")
                   || rtprop_url_http((const char *) data, len, "https://");
        }
    }

    return 1;
}


static int
rtprop_url_http(const char *p, size_t len, const char *scheme)
{
    size_t  n;

    n = strlen(scheme);

    return len > n && strncasecmp(p, scheme, n) == 0 && p[n] != '/';
}
