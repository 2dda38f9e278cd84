/*
 * Handshakes: headers in any number and order; a list in one line says the
 * same as in several (RFC 9110, 5.3), and what is good has a good answer.
 *
 * Input: "GET 1", a newline, then lines of "Name: value"; bytes as they are.
 */

#include "t/fuzz/fuzz.h"

#include "base/rtprop_base64.c"
#include "ws/rtprop_ws_handshake.c"


#define LINES  32


typedef struct {
    rtprop_str_t  name;
    rtprop_str_t  value;
} line_t;


typedef struct {
    rtprop_str_t  method;
    int           http11;
    unsigned      n;
    line_t        lines[LINES];
} request_t;


static void
read_request(request_t *r, fuzz_input_t *in)
{
    line_t        *line;
    rtprop_str_t   text;
    fuzz_input_t   rest;

    text = fuzz_until(in, '\n');
    rest.pos = text.data;
    rest.last = text.data + text.len;

    r->method = fuzz_until(&rest, ' ');
    r->http11 = fuzz_byte(&rest) == '1';

    for (r->n = 0; r->n < LINES && fuzz_left(in); r->n++) {
        line = &r->lines[r->n];

        text = fuzz_until(in, '\n');
        rest.pos = text.data;
        rest.last = text.data + text.len;

        line->name = fuzz_until(&rest, ':');

        if (fuzz_left(&rest) && *rest.pos == ' ') {
            rest.pos++;
        }

        line->value = fuzz_rest(&rest);
    }
}


static int
is_name(const rtprop_str_t *s, const char *name)
{
    return s->len == strlen(name)
           && strncasecmp((char *) s->data, name, s->len) == 0;
}


/* All lines of the name as one, joined with commas. */

static rtprop_str_t
join(const request_t *r, const char *name, unsigned *count)
{
    unsigned        i;
    rtprop_str_t    all;
    unsigned char  *p;

    all.len = 0;
    *count = 0;

    for (i = 0; i < r->n; i++) {
        all.len += r->lines[i].value.len + 1;
    }

    all.data = fuzz_room(all.len);
    p = all.data;

    for (i = 0; i < r->n; i++) {
        if (!is_name(&r->lines[i].name, name)) {
            continue;
        }

        if ((*count)++) {
            *p++ = ',';
        }

        memcpy(p, r->lines[i].value.data, r->lines[i].value.len);
        p += r->lines[i].value.len;
    }

    all.len = (size_t) (p - all.data);

    return all;
}


/* What was offered is offered in one line, too. */

static void
joined(const request_t *r, const rtprop_ws_handshake_t *hs)
{
    unsigned               n;
    rtprop_str_t           all, rest, rest1;
    rtprop_ws_handshake_t  one;

    static const rtprop_str_t  name = rtprop_string("sec-websocket-protocol");

    all = join(r, (char *) name.data, &n);

    if (n == 0 || n > RTPROP_WS_LISTS || hs->bad_protocol) {
        return;
    }

    memset(&one, 0, sizeof(one));
    rtprop_ws_handshake_header(&one, &name, &all);

    must(!one.bad_protocol, "good lists are good as one");
    must(rtprop_ws_handshake_protocol(hs, "rtprop", 6)
         == rtprop_ws_handshake_protocol(&one, "rtprop", 6),
         "a subprotocol is offered in one line as in several");

    if (rtprop_ws_handshake_protocol_prefix(hs, "rtprop.token.", 13, &rest)
        == RTPROP_OK)
    {
        must(rtprop_ws_handshake_protocol_prefix(&one, "rtprop.token.", 13,
                                                 &rest1) == RTPROP_OK
             && rest.len && rest.len == rest1.len
             && memcmp(rest.data, rest1.data, rest.len) == 0,
             "and so is a token");
    }
}


static void
good(const request_t *r, const rtprop_ws_handshake_t *hs)
{
    size_t          n;
    unsigned        i;
    unsigned char   accept[RTPROP_WS_ACCEPT_LEN];
    unsigned char   plain[rtprop_base64_decoded_len(RTPROP_WS_ACCEPT_LEN)];

    must(rtprop_str_eq(&r->method, "GET", 3) && r->http11,
         "only GET of HTTP/1.1 is good");
    must(hs->key.len == 24, "a good key has 24 characters");

    rtprop_ws_handshake_accept(accept, &hs->key);
    must(rtprop_base64_decode(plain, &n, accept, sizeof(accept),
                              RTPROP_BASE64_STD) == RTPROP_OK && n == 20,
         "the answer is a SHA-1 in base64");

    for (i = 0, n = 0; i < r->n; i++) {
        n += is_name(&r->lines[i].name, "sec-websocket-key");
    }

    must(n == 1, "one key");
}


static void
fuzz_one(fuzz_input_t *in)
{
    unsigned               i;
    const char            *reason;
    request_t              r;
    rtprop_ws_handshake_e  e;
    rtprop_ws_handshake_t  hs;

    read_request(&r, in);
    memset(&hs, 0, sizeof(hs));

    for (i = 0; i < r.n; i++) {
        rtprop_ws_handshake_header(&hs, &r.lines[i].name, &r.lines[i].value);

        must(hs.nprotocols <= RTPROP_WS_LISTS
             && hs.nextensions <= RTPROP_WS_LISTS, "not too many lists");
    }

    e = rtprop_ws_handshake_check(&hs, &r.method, r.http11);
    must(e <= RTPROP_WS_HANDSHAKE_PROTOCOL, "a known answer");

    reason = rtprop_ws_handshake_reason(e);
    must(reason && *reason && strchr(reason, '"') == NULL, "with its reason");

    joined(&r, &hs);

    if (e == RTPROP_WS_HANDSHAKE_OK) {
        good(&r, &hs);
    }
}
