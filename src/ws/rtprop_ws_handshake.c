/* SHA1_Init() and the like: SHA1() looks the algorithm up each time */

#define OPENSSL_SUPPRESS_DEPRECATED

#include "ws/rtprop_ws_handshake.h"
#include "base/rtprop_base64.h"

#include <openssl/sha.h>
#include <strings.h>


#define RTPROP_WS_KEY_LEN  24
#define RTPROP_WS_GUID     "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


typedef enum {
    header_upgrade = 0,
    header_connection,
    header_version,
    header_key,
    header_protocol,
    header_extensions,
    header_other
} rtprop_ws_header_e;


static const rtprop_str_t  rtprop_ws_headers[] = {
    rtprop_string("Upgrade"),
    rtprop_string("Connection"),
    rtprop_string("Sec-WebSocket-Version"),
    rtprop_string("Sec-WebSocket-Key"),
    rtprop_string("Sec-WebSocket-Protocol"),
    rtprop_string("Sec-WebSocket-Extensions")
};


static const char  *rtprop_ws_reasons[] = {
    "websocket handshake accepted",
    "a websocket handshake is a GET request",
    "a websocket handshake needs HTTP/1.1",
    "a websocket handshake needs Upgrade: websocket",
    "a websocket handshake needs Connection: Upgrade",
    "only version 13 of the websocket protocol is spoken here",
    "Sec-WebSocket-Key must be 16 octets in base64",
    "Sec-WebSocket-Protocol is malformed"
};


static int rtprop_ws_str_is(const rtprop_str_t *s, const char *p, size_t len);
static int rtprop_ws_list_next(rtprop_str_t *list, rtprop_str_t *element);
static int rtprop_ws_list_has(const rtprop_str_t *list, const char *name,
    size_t len);
static int rtprop_ws_list_is_tokens(const rtprop_str_t *list);
static int rtprop_ws_key_is_good(const rtprop_str_t *key);


void
rtprop_ws_handshake_header(rtprop_ws_handshake_t *hs, const rtprop_str_t *name,
    const rtprop_str_t *value)
{
    int                  good;
    rtprop_ws_header_e   e;
    const rtprop_str_t  *h;

    for (e = header_upgrade; e < header_other; e++) {
        h = &rtprop_ws_headers[e];

        if (rtprop_ws_str_is(name, (char *) h->data, h->len)) {
            break;
        }
    }

    switch (e) {

    case header_upgrade:
        hs->upgrade |= rtprop_ws_list_has(value, "websocket", 9);
        return;

    case header_connection:
        hs->connection |= rtprop_ws_list_has(value, "upgrade", 7);
        return;

    case header_version:
        good = rtprop_str_eq(value, "13", 2);
        hs->version |= good;
        hs->bad_version |= !good;
        return;

    case header_key:
        good = (hs->key.data == NULL && rtprop_ws_key_is_good(value));
        hs->key = *value;
        hs->bad_key |= !good;
        return;

    case header_protocol:
        if (hs->nprotocols == RTPROP_WS_LISTS
            || !rtprop_ws_list_is_tokens(value))
        {
            hs->bad_protocol = 1;
            return;
        }

        hs->protocols[hs->nprotocols++] = *value;
        return;

    case header_extensions:

        /* an offer may be ignored (RFC 6455, 9.1) */

        if (hs->nextensions < RTPROP_WS_LISTS) {
            hs->extensions[hs->nextensions++] = *value;
        }

        return;

    default: /* header_other */
        return;
    }
}


rtprop_ws_handshake_e
rtprop_ws_handshake_check(const rtprop_ws_handshake_t *hs,
    const rtprop_str_t *method, int http11)
{
    if (!rtprop_str_eq(method, "GET", 3)) {
        return RTPROP_WS_HANDSHAKE_METHOD;
    }

    if (!http11) {
        return RTPROP_WS_HANDSHAKE_HTTP;
    }

    if (!hs->upgrade) {
        return RTPROP_WS_HANDSHAKE_UPGRADE;
    }

    if (!hs->connection) {
        return RTPROP_WS_HANDSHAKE_CONNECTION;
    }

    if (!hs->version || hs->bad_version) {
        return RTPROP_WS_HANDSHAKE_VERSION;
    }

    if (hs->key.data == NULL || hs->bad_key) {
        return RTPROP_WS_HANDSHAKE_KEY;
    }

    if (hs->bad_protocol) {
        return RTPROP_WS_HANDSHAKE_PROTOCOL;
    }

    return RTPROP_WS_HANDSHAKE_OK;
}


const char *
rtprop_ws_handshake_reason(rtprop_ws_handshake_e e)
{
    return rtprop_ws_reasons[e];
}


void
rtprop_ws_handshake_accept(unsigned char *dst, const rtprop_str_t *key)
{
    SHA_CTX        sha;
    unsigned char  digest[SHA_DIGEST_LENGTH];

    (void) SHA1_Init(&sha);
    (void) SHA1_Update(&sha, key->data, RTPROP_WS_KEY_LEN);
    (void) SHA1_Update(&sha, RTPROP_WS_GUID, sizeof(RTPROP_WS_GUID) - 1);
    (void) SHA1_Final(digest, &sha);

    (void) rtprop_base64_encode(dst, digest, sizeof(digest),
                                RTPROP_BASE64_STD);
}


int
rtprop_ws_handshake_protocol(const rtprop_ws_handshake_t *hs, const char *name,
    size_t len)
{
    unsigned      i;
    rtprop_str_t  list, element;

    for (i = 0; i < hs->nprotocols; i++) {
        list = hs->protocols[i];

        while (rtprop_ws_list_next(&list, &element)) {
            if (rtprop_str_eq(&element, name, len)) {
                return 1;
            }
        }
    }

    return 0;
}


int
rtprop_ws_handshake_protocol_prefix(const rtprop_ws_handshake_t *hs,
    const char *prefix, size_t len, rtprop_str_t *rest)
{
    unsigned      i;
    rtprop_str_t  list, element;

    for (i = 0; i < hs->nprotocols; i++) {
        list = hs->protocols[i];

        while (rtprop_ws_list_next(&list, &element)) {
            if (element.len > len && memcmp(element.data, prefix, len) == 0) {
                rest->data = element.data + len;
                rest->len = element.len - len;
                return RTPROP_OK;
            }
        }
    }

    return RTPROP_DECLINED;
}


static int
rtprop_ws_str_is(const rtprop_str_t *s, const char *p, size_t len)
{
    return s->len == len && strncasecmp((char *) s->data, p, len) == 0;
}


/*
 * Takes the next element off a comma-separated list, without the white space
 * around it; empty elements are skipped (RFC 9110, 5.6.1.2).
 */

static int
rtprop_ws_list_next(rtprop_str_t *list, rtprop_str_t *element)
{
    unsigned char  *p, *last, *end;

    p = list->data;
    last = p + list->len;

    while (p < last && (*p == ',' || *p == ' ' || *p == '\t')) {
        p++;
    }

    element->data = p;

    while (p < last && *p != ',') {
        p++;
    }

    for (end = p; end > element->data; end--) {
        if (end[-1] != ' ' && end[-1] != '\t') {
            break;
        }
    }

    element->len = end - element->data;
    list->data = p;
    list->len = last - p;

    return element->len != 0;
}


static int
rtprop_ws_list_has(const rtprop_str_t *list, const char *name, size_t len)
{
    rtprop_str_t  rest, element;

    rest = *list;

    while (rtprop_ws_list_next(&rest, &element)) {
        if (rtprop_ws_str_is(&element, name, len)) {
            return 1;
        }
    }

    return 0;
}


/* A list of one token or more (RFC 6455, 4.3; RFC 9110, 5.6.2). */

static int
rtprop_ws_list_is_tokens(const rtprop_str_t *list)
{
    size_t        i, n;
    rtprop_str_t  rest, element;

    n = 0;
    rest = *list;

    while (rtprop_ws_list_next(&rest, &element)) {
        for (i = 0; i < element.len; i++) {
            if (element.data[i] <= ' ' || element.data[i] >= 0x7f
                || strchr("()<>@,;:\\\"/[]?={}", element.data[i]))
            {
                return 0;
            }
        }

        n++;
    }

    return n != 0;
}


/*
 * The example key in RFC 6455, 4.1 has pad bits that are not zero, and clients
 * have copied it, so only alphabet and length are judged.
 */

static int
rtprop_ws_key_is_good(const rtprop_str_t *key)
{
    size_t         n;
    unsigned char  text[RTPROP_WS_KEY_LEN], plain[RTPROP_WS_KEY_LEN];

    if (key->len != RTPROP_WS_KEY_LEN
        || memcmp(key->data + RTPROP_WS_KEY_LEN - 2, "==", 2) != 0)
    {
        return 0;
    }

    memcpy(text, key->data, RTPROP_WS_KEY_LEN - 2);
    memset(text + RTPROP_WS_KEY_LEN - 2, 'A', 2);

    return rtprop_base64_decode(plain, &n, text, sizeof(text),
                                RTPROP_BASE64_STD)
           == RTPROP_OK;
}
