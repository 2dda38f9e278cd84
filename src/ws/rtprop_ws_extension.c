#include "ws/rtprop_ws_extension.h"

#include <stdio.h>
#include <strings.h>


/* The parameters of RFC 7692, 7.1; each may stand once in an offer. */

typedef enum {
    param_server_no_context = 0,
    param_client_no_context,
    param_server_bits,
    param_client_bits,
    param_unknown
} rtprop_ws_param_e;


static const rtprop_str_t  rtprop_ws_params[] = {
    rtprop_string("server_no_context_takeover"),
    rtprop_string("client_no_context_takeover"),
    rtprop_string("server_max_window_bits"),
    rtprop_string("client_max_window_bits")
};


static int rtprop_ws_extension_offer(rtprop_ws_extension_t *x,
    rtprop_str_t *rest, unsigned window);
static int rtprop_ws_extension_param(rtprop_ws_extension_t *x,
    rtprop_str_t *rest, unsigned *seen);
static int rtprop_ws_extension_bits(rtprop_ws_extension_t *x,
    rtprop_ws_param_e param, const rtprop_str_t *value);
static unsigned rtprop_ws_extension_number(const rtprop_str_t *value);
static int rtprop_ws_extension_value(rtprop_str_t *rest, rtprop_str_t *value);
static void rtprop_ws_extension_token(rtprop_str_t *rest, rtprop_str_t *token);
static int rtprop_ws_extension_is(rtprop_str_t *rest, int c);
static void rtprop_ws_extension_skip(rtprop_str_t *rest);


int
rtprop_ws_extension_negotiate(rtprop_ws_extension_t *x,
    const rtprop_str_t *lists, unsigned n, unsigned window)
{
    unsigned      i;
    rtprop_str_t  rest;

    for (i = 0; i < n; i++) {
        rest = lists[i];

        while (rest.len) {
            if (rtprop_ws_extension_is(&rest, ',')) {
                continue;
            }

            if (rtprop_ws_extension_offer(x, &rest, window) == RTPROP_OK) {
                return RTPROP_OK;
            }

            rtprop_ws_extension_skip(&rest);
        }
    }

    return RTPROP_DECLINED;
}


/* One offer, up to its comma if it is good. */

static int
rtprop_ws_extension_offer(rtprop_ws_extension_t *x, rtprop_str_t *rest,
    unsigned window)
{
    unsigned      seen;
    rtprop_str_t  name;

    memset(x, 0, sizeof(rtprop_ws_extension_t));
    seen = 0;

    rtprop_ws_extension_token(rest, &name);

    if (name.len != 18
        || strncasecmp((char *) name.data, "permessage-deflate", 18) != 0)
    {
        return RTPROP_DECLINED;
    }

    while (rtprop_ws_extension_is(rest, ';')) {
        if (rtprop_ws_extension_param(x, rest, &seen) != RTPROP_OK) {
            return RTPROP_DECLINED;
        }
    }

    if (rest->len && *rest->data != ',') {
        return RTPROP_DECLINED;
    }

    if (x->server_bits == 0 || x->server_bits > window) {
        x->limited |= (window < RTPROP_WS_WINDOW_MAX);
        x->server_bits = window;
    }

    return x->server_bits < RTPROP_WS_WINDOW_MIN ? RTPROP_DECLINED : RTPROP_OK;
}


static int
rtprop_ws_extension_param(rtprop_ws_extension_t *x, rtprop_str_t *rest,
    unsigned *seen)
{
    rtprop_str_t        name, value;
    rtprop_ws_param_e   param;
    const rtprop_str_t  *p;

    rtprop_ws_extension_token(rest, &name);

    if (rtprop_ws_extension_value(rest, &value) != RTPROP_OK) {
        return RTPROP_DECLINED;
    }

    for (param = 0; param < param_unknown; param++) {
        p = &rtprop_ws_params[param];

        if (name.len == p->len
            && strncasecmp((char *) name.data, (char *) p->data, p->len) == 0)
        {
            break;
        }
    }

    if (param == param_unknown || (*seen & (1u << param))) {
        return RTPROP_DECLINED;
    }

    *seen |= 1u << param;

    switch (param) {

    case param_server_no_context:
    case param_client_no_context:
        return value.data ? RTPROP_DECLINED : RTPROP_OK;

    default:
        return rtprop_ws_extension_bits(x, param, &value);
    }
}


/* Only the client's own parameter may do without a value (7.1.2.2). */

static int
rtprop_ws_extension_bits(rtprop_ws_extension_t *x, rtprop_ws_param_e param,
    const rtprop_str_t *value)
{
    unsigned  bits;

    if (param == param_client_bits && value->data == NULL) {
        x->client_bits = RTPROP_WS_WINDOW_MAX;
        return RTPROP_OK;
    }

    bits = rtprop_ws_extension_number(value);

    if (bits == 0) {
        return RTPROP_DECLINED;
    }

    if (param == param_client_bits) {
        x->client_bits = bits;

    } else {
        x->server_bits = bits;
        x->limited = 1;
    }

    return RTPROP_OK;
}


/* 8 to 15 without leading zeros; 0 if it is not. */

static unsigned
rtprop_ws_extension_number(const rtprop_str_t *value)
{
    const unsigned char  *p;

    p = value->data;

    if (value->len == 1 && (p[0] == '8' || p[0] == '9')) {
        return p[0] - '0';
    }

    if (value->len == 2 && p[0] == '1' && p[1] >= '0' && p[1] <= '5') {
        return 10 + p[1] - '0';
    }

    return 0;
}


/*
 * "=token" or "=\"token\"" (RFC 6455, 9.1); data is NULL where there is none.
 * RTPROP_DECLINED: malformed.
 */

static int
rtprop_ws_extension_value(rtprop_str_t *rest, rtprop_str_t *value)
{
    int  quoted;

    value->len = 0;
    value->data = NULL;

    if (!rtprop_ws_extension_is(rest, '=')) {
        return RTPROP_OK;
    }

    quoted = (rest->len && *rest->data == '"');

    if (quoted) {
        rest->data++;
        rest->len--;
    }

    rtprop_ws_extension_token(rest, value);

    if (value->len == 0) {
        return RTPROP_DECLINED;
    }

    if (quoted) {
        if (rest->len == 0 || *rest->data != '"') {
            return RTPROP_DECLINED;
        }

        rest->data++;
        rest->len--;
    }

    return RTPROP_OK;
}


/* The token (RFC 9110, 5.6.2) at the start, perhaps empty. */

static void
rtprop_ws_extension_token(rtprop_str_t *rest, rtprop_str_t *token)
{
    unsigned char  c;

    token->data = rest->data;
    token->len = 0;

    while (rest->len) {
        c = *rest->data;

        if (c <= ' ' || c >= 0x7f || strchr("()<>@,;:\\\"/[]?={}", c)) {
            return;
        }

        token->len++;
        rest->data++;
        rest->len--;
    }
}


/* Takes the separator c with the white space around it; 0: another stands. */

static int
rtprop_ws_extension_is(rtprop_str_t *rest, int c)
{
    int  found;

    found = 0;

    while (rest->len) {

        if (*rest->data == c && !found) {
            found = 1;

        } else if (*rest->data != ' ' && *rest->data != '\t') {
            break;
        }

        rest->data++;
        rest->len--;
    }

    return found;
}


/* To the comma that ends a refused offer; one in quotes does not. */

static void
rtprop_ws_extension_skip(rtprop_str_t *rest)
{
    int            quoted;
    unsigned char  c;

    quoted = 0;

    while (rest->len) {
        c = *rest->data;

        if (c == ',' && !quoted) {
            return;
        }

        if (c == '"') {
            quoted = !quoted;

        } else if (c == '\\' && quoted && rest->len > 1) {
            rest->data++;
            rest->len--;
        }

        rest->data++;
        rest->len--;
    }
}


size_t
rtprop_ws_extension_answer(unsigned char *dst, const rtprop_ws_extension_t *x)
{
    int   n;
    char  server[32], client[32];

    server[0] = '\0';
    client[0] = '\0';

    if (x->limited) {
        (void) snprintf(server, sizeof(server),
                        "; server_max_window_bits=%u",
                        (unsigned) x->server_bits);
    }

    if (x->client_bits) {
        (void) snprintf(client, sizeof(client),
                        "; client_max_window_bits=%u",
                        (unsigned) x->client_bits);
    }

    n = snprintf((char *) dst, RTPROP_WS_EXTENSION_LEN,
                 "permessage-deflate; server_no_context_takeover; "
                 "client_no_context_takeover%s%s", server, client);

    return (size_t) n;
}
