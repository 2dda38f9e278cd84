#include "t/unit/tap.h"
#include "base/rtprop_base64.c"
#include "ws/rtprop_ws_handshake.c"


#define KEY  "dGhlIHNhbXBsZSBub25jZQ=="


typedef struct {
    const char             *name;
    const char             *method;
    const char             *headers[12];
    rtprop_ws_handshake_e   expected;
} case_t;


static rtprop_str_t
str(const char *s)
{
    rtprop_str_t  v;

    v.data = (unsigned char *) s;
    v.len = strlen(s);

    return v;
}


static void
feed(rtprop_ws_handshake_t *hs, const char *const *headers)
{
    rtprop_str_t  name, value;

    memset(hs, 0, sizeof(*hs));

    for ( /* void */ ; headers[0]; headers += 2) {
        name = str(headers[0]);
        value = str(headers[1]);
        rtprop_ws_handshake_header(hs, &name, &value);
    }
}


#define UP    "Upgrade", "websocket"
#define CO    "Connection", "Upgrade"
#define VE    "Sec-WebSocket-Version", "13"
#define KE    "Sec-WebSocket-Key", KEY
#define PR    "Sec-WebSocket-Protocol"

static const case_t  cases[] = {
    { "plain", "GET", { UP, CO, VE, KE }, RTPROP_WS_HANDSHAKE_OK },
    { "any case, lists, other headers", "GET",
      { "UPGRADE", "h2c, WebSocket", "connection", "keep-alive ,\tUPGRADE",
        "sec-websocket-version", "13", "SEC-WEBSOCKET-KEY", KEY,
        "Cookie", "a=b" }, RTPROP_WS_HANDSHAKE_OK },
    { "Connection in two lines", "GET",
      { UP, "Connection", "keep-alive", CO, VE, KE }, RTPROP_WS_HANDSHAKE_OK },
    { "key as in the RFC's example", "GET",
      { UP, CO, VE, "Sec-WebSocket-Key", "AQIDBAUGBwgJCgsMDQ4PEC==" },
      RTPROP_WS_HANDSHAKE_OK },
    { "POST", "POST", { UP, CO, VE, KE }, RTPROP_WS_HANDSHAKE_METHOD },
    { "HEAD", "HEAD", { UP, CO, VE, KE }, RTPROP_WS_HANDSHAKE_METHOD },
    { "no Upgrade", "GET", { CO, VE, KE }, RTPROP_WS_HANDSHAKE_UPGRADE },
    { "other Upgrade", "GET", { "Upgrade", "websocket2", CO, VE, KE },
      RTPROP_WS_HANDSHAKE_UPGRADE },
    { "empty Upgrade", "GET", { "Upgrade", "", CO, VE, KE },
      RTPROP_WS_HANDSHAKE_UPGRADE },
    { "no Connection", "GET", { UP, VE, KE }, RTPROP_WS_HANDSHAKE_CONNECTION },
    { "Connection without the token", "GET",
      { UP, "Connection", "keep-alive, upgrades", VE, KE },
      RTPROP_WS_HANDSHAKE_CONNECTION },
    { "no version", "GET", { UP, CO, KE }, RTPROP_WS_HANDSHAKE_VERSION },
    { "version 8", "GET", { UP, CO, "Sec-WebSocket-Version", "8", KE },
      RTPROP_WS_HANDSHAKE_VERSION },
    { "version 130", "GET", { UP, CO, "Sec-WebSocket-Version", "130", KE },
      RTPROP_WS_HANDSHAKE_VERSION },
    { "two versions", "GET", { UP, CO, VE, "Sec-WebSocket-Version", "8", KE },
      RTPROP_WS_HANDSHAKE_VERSION },
    { "no key", "GET", { UP, CO, VE }, RTPROP_WS_HANDSHAKE_KEY },
    { "empty key", "GET", { UP, CO, VE, "Sec-WebSocket-Key", "" },
      RTPROP_WS_HANDSHAKE_KEY },
    { "short key", "GET", { UP, CO, VE, "Sec-WebSocket-Key", "c2hvcnQ=" },
      RTPROP_WS_HANDSHAKE_KEY },
    { "17 octets", "GET",
      { UP, CO, VE, "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZSE=" },
      RTPROP_WS_HANDSHAKE_KEY },
    { "not base64", "GET",
      { UP, CO, VE, "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j!Q==" },
      RTPROP_WS_HANDSHAKE_KEY },
    { "two keys", "GET", { UP, CO, VE, KE, KE }, RTPROP_WS_HANDSHAKE_KEY },
    { "empty subprotocol", "GET", { UP, CO, VE, KE, PR, "" },
      RTPROP_WS_HANDSHAKE_PROTOCOL },
    { "only commas", "GET", { UP, CO, VE, KE, PR, " , ," },
      RTPROP_WS_HANDSHAKE_PROTOCOL },
    { "subprotocol with a space", "GET", { UP, CO, VE, KE, PR, "a b" },
      RTPROP_WS_HANDSHAKE_PROTOCOL },
    { "subprotocol with a separator", "GET", { UP, CO, VE, KE, PR, "a, b/c" },
      RTPROP_WS_HANDSHAKE_PROTOCOL },
};


static void
test_cases(void)
{
    size_t                 i;
    rtprop_str_t           method;
    rtprop_ws_handshake_t  hs;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        feed(&hs, cases[i].headers);
        method = str(cases[i].method);

        is_int(rtprop_ws_handshake_check(&hs, &method, 1), cases[i].expected,
               cases[i].name);
        ok(rtprop_ws_handshake_reason(cases[i].expected) != NULL,
           "has a reason");
    }

    feed(&hs, cases[0].headers);
    method = str("GET");
    is_int(rtprop_ws_handshake_check(&hs, &method, 0),
           RTPROP_WS_HANDSHAKE_HTTP, "HTTP/1.0");
}


static void
test_accept(void)
{
    rtprop_str_t   key;
    unsigned char  buf[RTPROP_WS_ACCEPT_LEN];

    key = str(KEY);
    rtprop_ws_handshake_accept(buf, &key);

    is_mem(buf, sizeof(buf), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", 28,
           "the accept value of RFC 6455, 1.3");
}


static void
test_protocols(void)
{
    size_t                 i;
    rtprop_str_t           rest;
    rtprop_ws_handshake_t  hs;

    static const char  *offers[] = {
        PR, "chat,  rtprop.token.aaa.bb-b.c_c ,, rtprop", PR, "last\t", NULL
    };
    static const char  *other[] = { PR, "rtprop.token.", NULL };
    static const char  *many[2 * (RTPROP_WS_LISTS + 1) + 1];

    feed(&hs, offers);

    ok(rtprop_ws_handshake_protocol(&hs, "chat", 4), "first");
    ok(rtprop_ws_handshake_protocol(&hs, "rtprop", 6), "last of the line");
    ok(rtprop_ws_handshake_protocol(&hs, "last", 4), "second line");
    ok(!rtprop_ws_handshake_protocol(&hs, "Chat", 4), "case matters");
    ok(!rtprop_ws_handshake_protocol(&hs, "rtp", 3), "no part of a name");

    is_int(rtprop_ws_handshake_protocol_prefix(&hs, "rtprop.token.", 13,
                                               &rest),
           RTPROP_OK, "prefix found");
    is_mem(rest.data, rest.len, "aaa.bb-b.c_c", 12, "what follows it");
    is_int(rtprop_ws_handshake_protocol_prefix(&hs, "x.", 2, &rest),
           RTPROP_DECLINED, "prefix not offered");

    feed(&hs, other);
    is_int(rtprop_ws_handshake_protocol_prefix(&hs, "rtprop.token.", 13,
                                               &rest),
           RTPROP_DECLINED, "nothing behind the prefix");

    feed(&hs, offers + 4);
    ok(!rtprop_ws_handshake_protocol(&hs, "chat", 4), "nothing offered");

    for (i = 0; i <= RTPROP_WS_LISTS; i++) {
        many[2 * i] = PR;
        many[2 * i + 1] = "a";
    }

    feed(&hs, many);
    ok(hs.bad_protocol && hs.nprotocols == RTPROP_WS_LISTS,
       "the number of lines is bounded");
}


int
main(void)
{
    test_cases();
    test_accept();
    test_protocols();

    return plan_done();
}
