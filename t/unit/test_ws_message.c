/*
 * Each case is a stream of frames and the transcript that must come of it:
 * "T[...]" and "B[...]" messages, "P[...]" and "O[...]" ping and pong,
 * "C1000[...]" a close, "E1002" an error.  It is read whole, cut once at every
 * place, and octet by octet.
 */

#include "t/unit/tap.h"

#include <stdlib.h>

#include "base/rtprop_utf8.c"
#include "ws/rtprop_ws_frame.c"
#include "ws/rtprop_ws_message.c"


#define MAX    70000

#define FIN    RTPROP_WS_FIN
#define CONT   RTPROP_WS_CONTINUATION
#define TEXT   RTPROP_WS_TEXT
#define BIN    RTPROP_WS_BINARY
#define CLOSE  RTPROP_WS_CLOSE
#define PING   RTPROP_WS_PING
#define PONG   RTPROP_WS_PONG

#define GREEK  "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"


typedef struct {
    unsigned char  *data;
    size_t          len;
    size_t          size;
} text_t;


static text_t  stream;


static void
append(text_t *t, const void *p, size_t len)
{
    if (t->len + len > t->size) {
        t->size = 2 * (t->len + len) + 64;
        t->data = realloc(t->data, t->size);
    }

    memcpy(t->data + t->len, p, len);
    t->len += len;
}


static void
put(unsigned first, const void *payload, size_t len)
{
    size_t         n;
    unsigned char  head[14], mask[4] = { 0x37, 0xfa, 0x21, 0x3d };

    n = rtprop_ws_frame_head(head, first, len);
    head[1] |= 0x80;
    append(&stream, head, n);
    append(&stream, mask, 4);
    append(&stream, payload, len);
    rtprop_ws_frame_mask(stream.data + stream.len - len, len, mask);
}


static void
puts_(unsigned first, const char *payload)
{
    put(first, payload, strlen(payload));
}


static void
note(text_t *out, int rc, const rtprop_ws_event_t *ev)
{
    char         buf[32];
    const char  *names = "?TB?????CPO";

    if (rc == RTPROP_ERROR) {
        append(out, buf, snprintf(buf, sizeof(buf), "E%u", ev->code));
        return;
    }

    append(out, &names[ev->type], 1);

    if (ev->type == RTPROP_WS_EVENT_CLOSE) {
        append(out, buf, snprintf(buf, sizeof(buf), "%u", ev->code));
    }

    if (ev->compressed) {
        append(out, "z", 1);
    }

    append(out, "[", 1);
    append(out, ev->data.data, ev->data.len);
    append(out, "]", 1);
}


/* Feeds one piece from a block of its own, exactly as long as the piece. */

static void
feed(rtprop_ws_message_t *m, const unsigned char *p, size_t len, size_t max,
    unsigned rsv, text_t *out)
{
    int                 rc;
    unsigned char      *copy, *pos;
    rtprop_ws_event_t   ev;

    copy = malloc(len ? len : 1);
    memcpy(copy, p, len);
    pos = copy;

    for ( ;; ) {
        rc = rtprop_ws_message_read(m, &pos, copy + len, max, rsv, &ev);

        if (rc == RTPROP_AGAIN) {
            break;
        }

        note(out, rc, &ev);
    }

    if (pos != copy + len) {
        append(out, "!", 1);
    }

    free(copy);
}


/* cut 0: whole; cut n: before octet n; step: pieces of that many octets */

static int
run(size_t cut, size_t step, size_t max, unsigned rsv, const char *expected,
    size_t len)
{
    int                  pass;
    size_t               i, n;
    text_t               out = { NULL, 0, 0 };
    rtprop_ws_message_t  m;

    memset(&m, 0, sizeof(m));

    if (step) {
        for (i = 0; i < stream.len; i += n) {
            n = (stream.len - i < step) ? stream.len - i : step;
            feed(&m, stream.data + i, n, max, rsv, &out);
        }

    } else {
        feed(&m, stream.data, cut, max, rsv, &out);
        feed(&m, stream.data + cut, stream.len - cut, max, rsv, &out);
    }

    /* what is over leaves nothing allocated */

    pass = (m.open || m.state == message_body || m.buf == NULL);
    pass &= (out.len == len && (len == 0
                                || memcmp(out.data, expected, len) == 0));

    if (!pass) {
        printf("# cut %zu step %zu: \"%.*s\"\n", cut, step,
               out.len > 300 ? 300 : (int) out.len, (char *) out.data);
    }

    rtprop_ws_message_free(&m);
    free(out.data);

    return pass;
}


static void
check_mem(const char *name, unsigned rsv, const char *expected, size_t len)
{
    int     pass;
    size_t  cut, step;

    ok(run(0, 0, MAX, rsv, expected, len), "%s: whole", name);
    ok(run(0, 1, MAX, rsv, expected, len), "%s: octet by octet", name);

    pass = 1;
    step = stream.len > 2000 ? 997 : 1;

    for (cut = 1; cut < stream.len && pass; cut += step) {
        pass = run(cut, 0, MAX, rsv, expected, len);
    }

    ok(pass, "%s: every single cut", name);

    pass = 1;

    for (step = 2; step <= 17 && pass; step += 5) {
        pass = run(0, step, MAX, rsv, expected, len);
    }

    ok(pass, "%s: chopped", name);

    stream.len = 0;
}


static void
check(const char *name, const char *expected)
{
    check_mem(name, 0, expected, strlen(expected));
}


static void
test_1_framing(void)
{
    size_t          i, t;
    text_t          expected;
    unsigned char   payload[65536];
    char            name[32];

    static const size_t  sizes[] = { 0, 125, 126, 127, 128, 65535, 65536 };

    for (t = TEXT; t <= BIN; t++) {
        memset(payload, t == TEXT ? '*' : 0xfe, sizeof(payload));

        for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            memset(&expected, 0, sizeof(expected));
            append(&expected, t == TEXT ? "T[" : "B[", 2);
            append(&expected, payload, sizes[i]);
            append(&expected, "]", 1);

            put(FIN | t, payload, sizes[i]);
            snprintf(name, sizeof(name), "1.%zu.%zu", t, i + 1);
            check_mem(name, 0, (char *) expected.data, expected.len);
            free(expected.data);
        }
    }
}


static void
test_2_pings(void)
{
    int   i;
    char  payload[126], expected[200];

    put(FIN | PING, "", 0);
    check("2.1", "P[]");

    puts_(FIN | PING, "Hello, world!");
    check("2.2", "P[Hello, world!]");

    put(FIN | PING, "\x00\xff\xfe\xfd\xfc\xfb\x00\xff", 8);
    check_mem("2.3", 0, "P[\x00\xff\xfe\xfd\xfc\xfb\x00\xff]", 11);

    memset(payload, 0xfe, sizeof(payload));
    memcpy(expected, "P[", 2);
    memcpy(expected + 2, payload, 125);
    expected[127] = ']';
    put(FIN | PING, payload, 125);
    check_mem("2.4", 0, expected, 128);

    put(FIN | PING, payload, 126);
    check("2.5", "E1002");

    puts_(FIN | PONG, "");
    puts_(FIN | PONG, "x");
    puts_(FIN | PING, "y");
    put(FIN | CLOSE, "\x03\xe8", 2);
    check("2.7 to 2.9", "O[]O[x]P[y]C1000[]");

    for (i = 0; i < 10; i++) {
        snprintf(payload, sizeof(payload), "payload-%d", i);
        puts_(FIN | PING, payload);
    }

    check("2.10", "P[payload-0]P[payload-1]P[payload-2]P[payload-3]"
          "P[payload-4]P[payload-5]P[payload-6]P[payload-7]P[payload-8]"
          "P[payload-9]");
}


static void
test_3_rsv_and_4_opcodes(void)
{
    char      name[32];
    unsigned  rsv, op;

    for (rsv = 1; rsv < 8; rsv++) {
        puts_(FIN | TEXT, "good");
        puts_(FIN | rsv << 4 | TEXT, "bad");
        puts_(FIN | PING, "");
        snprintf(name, sizeof(name), "3, text RSV %u", rsv);
        check(name, "T[good]E1002");

        puts_(FIN | rsv << 4 | CLOSE, "");
        snprintf(name, sizeof(name), "3, close RSV %u", rsv);
        check(name, "E1002");
    }

    for (op = 3; op < 16; op++) {
        if (op >= 8 && op <= 10) {
            continue;
        }

        puts_(FIN | TEXT, "good");
        puts_(FIN | op, op & 1 ? "" : "payload");
        puts_(FIN | PING, "");
        snprintf(name, sizeof(name), "4, opcode %u", op);
        check(name, "T[good]E1002");
    }
}


static void
test_5_fragments(void)
{
    int  i;

    puts_(PING, "fragment1");
    puts_(FIN | CONT, "fragment2");
    check("5.1", "E1002");

    puts_(PONG, "fragment1");
    puts_(FIN | CONT, "fragment2");
    check("5.2", "E1002");

    puts_(TEXT, "fragment1");
    puts_(FIN | CONT, "fragment2");
    check("5.3 to 5.5", "T[fragment1fragment2]");

    puts_(TEXT, "fragment1");
    puts_(FIN | PING, "ping");
    puts_(FIN | CONT, "fragment2");
    check("5.6 to 5.8", "P[ping]T[fragment1fragment2]");

    puts_(FIN | CONT, "nothing open");
    puts_(FIN | TEXT, "good");
    check("5.9 to 5.11", "E1002");

    puts_(CONT, "nothing open");
    puts_(FIN | TEXT, "good");
    check("5.12 to 5.14", "E1002");

    puts_(TEXT, "a");
    puts_(FIN | CONT, "b");
    puts_(CONT, "c");
    puts_(FIN | TEXT, "d");
    check("5.15", "T[ab]E1002");

    for (i = 0; i < 2; i++) {
        puts_(i ? FIN | CONT : CONT, "a");
        puts_(TEXT, "b");
        puts_(FIN | CONT, "c");
        check("5.16, 5.17", "E1002");
    }

    puts_(TEXT, "a");
    puts_(FIN | TEXT, "b");
    check("5.18", "E1002");

    puts_(TEXT, "a");
    puts_(CONT, "b");
    puts_(FIN | PING, "one");
    puts_(CONT, "c");
    puts_(CONT, "d");
    puts_(FIN | PING, "two");
    puts_(FIN | CONT, "e");
    puts_(FIN | BIN, "next");
    check("5.19, 5.20", "P[one]P[two]T[abcde]B[next]");

    put(BIN, "\xff", 1);
    put(CONT, "", 0);
    put(FIN | CONT, "", 0);
    check("binary in fragments", "B[\xff]");
}


typedef struct {
    const char  *name;
    const char  *octets;
    int          valid;
} utf8_t;


static const utf8_t  utf8_cases[] = {
    { "6.5.1", "$", 1 }, { "6.5.2", "a\xc2\xa2""b", 1 },
    { "6.5.3", "a\xe2\x82\xac""b", 1 }, { "6.5.4", "\xf0\xa4\xad\xa2", 1 },
    { "6.5.5", GREEK, 1 },
    { "6.7.2", "\xc2\x80", 1 }, { "6.7.3", "\xe0\xa0\x80", 1 },
    { "6.7.4", "\xf0\x90\x80\x80", 1 },
    { "6.8.1", "\xf8\x88\x80\x80\x80", 0 },
    { "6.8.2", "\xfc\x84\x80\x80\x80\x80", 0 },
    { "6.9.1", "\x7f", 1 }, { "6.9.2", "\xdf\xbf", 1 },
    { "6.9.3", "\xef\xbf\xbf", 1 }, { "6.9.4", "\xf4\x8f\xbf\xbf", 1 },
    { "6.10.1", "\xf7\xbf\xbf\xbf", 0 },
    { "6.10.2", "\xfb\xbf\xbf\xbf\xbf", 0 },
    { "6.10.3", "\xfd\xbf\xbf\xbf\xbf\xbf", 0 },
    { "6.11.1", "\xed\x9f\xbf", 1 }, { "6.11.2", "\xee\x80\x80", 1 },
    { "6.11.3", "\xef\xbf\xbd", 1 }, { "6.11.5", "\xf4\x90\x80\x80", 0 },
    { "6.12.1", "\x80", 0 }, { "6.12.2", "\xbf", 0 },
    { "6.12.7", "\x80\xbf\x80\xbf\x80\xbf", 0 },
    { "6.13.1", "\xc0 \xc1 \xc2 ", 0 }, { "6.13.2", "\xe0 \xe1 ", 0 },
    { "6.13.3", "\xf0 \xf1 ", 0 }, { "6.13.4", "\xf8 \xf9 ", 0 },
    { "6.13.5", "\xfc ", 0 },
    { "6.14.1", "\xc0", 0 }, { "6.14.2", "\xe0\x80", 0 },
    { "6.14.3", "\xf0\x80\x80", 0 }, { "6.14.4", "\xf8\x80\x80\x80", 0 },
    { "6.14.5", "\xfc\x80\x80\x80\x80", 0 }, { "6.14.6", "\xdf", 0 },
    { "6.14.7", "\xef\xbf", 0 }, { "6.14.8", "\xf7\xbf\xbf", 0 },
    { "6.14.9", "\xfb\xbf\xbf\xbf", 0 },
    { "6.14.10", "\xfd\xbf\xbf\xbf\xbf", 0 },
    { "6.16.1", "\xfe", 0 }, { "6.16.2", "\xff", 0 },
    { "6.16.3", "\xfe\xfe\xff\xff", 0 },
    { "6.17.1", "\xc0\xaf", 0 }, { "6.17.2", "\xe0\x80\xaf", 0 },
    { "6.17.3", "\xf0\x80\x80\xaf", 0 },
    { "6.17.4", "\xf8\x80\x80\x80\xaf", 0 },
    { "6.17.5", "\xfc\x80\x80\x80\x80\xaf", 0 },
    { "6.18.1", "\xc1\xbf", 0 }, { "6.18.2", "\xe0\x9f\xbf", 0 },
    { "6.18.3", "\xf0\x8f\xbf\xbf", 0 },
    { "6.18.4", "\xf8\x87\xbf\xbf\xbf", 0 },
    { "6.18.5", "\xfc\x83\xbf\xbf\xbf\xbf", 0 },
    { "6.19.1", "\xc0\x80", 0 }, { "6.19.2", "\xe0\x80\x80", 0 },
    { "6.19.3", "\xf0\x80\x80\x80", 0 },
    { "6.20.1", "\xed\xa0\x80", 0 }, { "6.20.2", "\xed\xad\xbf", 0 },
    { "6.20.3", "\xed\xae\x80", 0 }, { "6.20.4", "\xed\xaf\xbf", 0 },
    { "6.20.5", "\xed\xb0\x80", 0 }, { "6.20.6", "\xed\xbe\x80", 0 },
    { "6.20.7", "\xed\xbf\xbf", 0 },
    { "6.21.1", "\xed\xa0\x80\xed\xb0\x80", 0 },
    { "6.21.8", "\xed\xaf\xbf\xed\xbf\xbf", 0 },
    { "6.22.1", "\xef\xbf\xbe", 1 }, { "6.22.3", "\xf0\x9f\xbf\xbe", 1 },
    { "6.22.34", "\xf4\x8f\xbf\xbf", 1 }, { "6.23.1", "\xef\xbf\xb9", 1 },
};


static void
put_octets(const char *text)
{
    size_t  i, n;

    n = strlen(text);

    for (i = 0; i < n; i++) {
        put((i ? CONT : TEXT) | (i + 1 == n ? FIN : 0), text + i, 1);
    }
}


static void
test_6_utf8(void)
{
    char           name[64], expected[64];
    size_t         i, n;
    const utf8_t  *c;

    puts_(FIN | TEXT, "");
    check("6.1.1", "T[]");

    puts_(TEXT, "");
    puts_(CONT, "");
    puts_(FIN | CONT, "");
    check("6.1.2", "T[]");

    puts_(TEXT, "");
    puts_(CONT, "middle");
    puts_(FIN | CONT, "");
    check("6.1.3", "T[middle]");

    puts_(FIN | TEXT, GREEK "\xed\xa0\x80" "edited");
    check("6.3.1", "E1007");

    for (i = 0; i < sizeof(utf8_cases) / sizeof(utf8_cases[0]); i++) {
        c = &utf8_cases[i];
        snprintf(expected, sizeof(expected), c->valid ? "T[%s]" : "E1007",
                 c->octets);

        puts_(FIN | TEXT, c->octets);
        check(c->name, expected);

        put_octets(c->octets);
        snprintf(name, sizeof(name), "%s in fragments", c->name);
        check(name, expected);

        /* the same octets are fine as binary */

        puts_(FIN | BIN, c->octets);
        snprintf(name, sizeof(name), "%s as binary", c->name);
        snprintf(expected, sizeof(expected), "B[%s]", c->octets);
        check(name, expected);
    }

    for (n = 1; n <= 11; n++) {
        put(FIN | TEXT, GREEK, n);
        snprintf(name, sizeof(name), "6.6.%zu", n);
        snprintf(expected, sizeof(expected), "T[%.*s]", (int) n, GREEK);
        check(name, strchr("\2\5\7\x9\xb", (int) n) ? expected : "E1007");
    }

    put(FIN | TEXT, "", 1);
    check_mem("6.7.1", 0, "T[\0]", 4);
}


/* 6.4: fails at the octet, not at the end of frame or message */

static void
test_6_4_early(void)
{
    text_t               out = { NULL, 0, 0 };
    rtprop_ws_message_t  m;

    put(TEXT, GREEK, 11);
    put(CONT, "\xf4\x90\x80\x80", 4);
    memset(&m, 0, sizeof(m));
    feed(&m, stream.data, stream.len, MAX, 0, &out);
    is_mem(out.data, out.len, "E1007", 5, "6.4.1: no end needed");

    stream.len = 0;
    out.len = 0;
    put(TEXT, GREEK "\xf4", 12);
    put(CONT, "\x90", 1);
    memset(&m, 0, sizeof(m));
    feed(&m, stream.data, stream.len, MAX, 0, &out);
    is_mem(out.data, out.len, "E1007", 5, "6.4.2: one octet is enough");

    stream.len = 0;
    out.len = 0;
    put(FIN | TEXT, GREEK "\xf4\x90\x80\x80" "edited", 21);
    memset(&m, 0, sizeof(m));
    feed(&m, stream.data, 6 + 12, MAX, 0, &out);
    is_int(out.len, 0, "6.4.4: still possible");
    feed(&m, stream.data + 18, 1, MAX, 0, &out);
    is_mem(out.data, out.len, "E1007", 5, "6.4.4: within the frame");
    feed(&m, stream.data + 19, stream.len - 19, MAX, 0, &out);
    is_int(out.len, 5, "nothing after an error");
    ok(m.buf == NULL, "nothing is kept after an error");

    stream.len = 0;
    free(out.data);
}


static void
put_close(unsigned code, const char *reason, size_t len)
{
    char  payload[200];

    payload[0] = (char) (code >> 8);
    payload[1] = (char) code;
    memcpy(payload + 2, reason, len);
    put(FIN | CLOSE, payload, len + 2);
}


static void
test_7_close(void)
{
    char    name[32], reason[124], expected[160];
    size_t  i;

    static const unsigned  good[] = {
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
        1014, 3000, 3999, 4000, 4999
    };
    static const unsigned  bad[] = {
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535
    };

    put_close(1000, "", 0);
    puts_(FIN | CLOSE, "");
    check("7.1.2", "C1000[]");

    put_close(1000, "", 0);
    puts_(FIN | PING, "ping");
    puts_(FIN | TEXT, "text");
    check("7.1.3, 7.1.4", "C1000[]");

    puts_(TEXT, "fragment1");
    put_close(1000, "", 0);
    puts_(FIN | CONT, "fragment2");
    check("7.1.5", "C1000[]");

    put(FIN | CLOSE, "", 0);
    check("7.3.1", "C1005[]");

    put(FIN | CLOSE, "a", 1);
    check("7.3.2", "E1002");

    put_close(1000, "Hello, world!", 13);
    check("7.3.4", "C1000[Hello, world!]");

    memset(reason, '*', sizeof(reason));
    snprintf(expected, sizeof(expected), "C1000[%.123s]", reason);
    put_close(1000, reason, 123);
    check("7.3.5", expected);

    put_close(1000, reason, 124);
    check("7.3.6", "E1002");

    put_close(1000, GREEK "\xed\xa0\x80" "edited", 20);
    check("7.5.1", "E1007");

    put_close(1000, "cut \xe2\x82", 6);
    check("7.5, cut character", "E1007");

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        put_close(good[i], "", 0);
        snprintf(name, sizeof(name), "7.7, %u", good[i]);
        snprintf(expected, sizeof(expected), "C%u[]", good[i]);
        check(name, expected);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put_close(bad[i], "", 0);
        snprintf(name, sizeof(name), "7.9, 7.13, %u", bad[i]);
        check(name, "E1002");
    }
}


static void
test_limits(void)
{
    int                  i;
    text_t               out = { NULL, 0, 0 };
    unsigned char        big[300];
    rtprop_ws_message_t  m;

    memset(big, 'x', sizeof(big));

    put(FIN | BIN, big, 200);
    ok(run(0, 0, 199, 0, "E1009", 5), "200 of 199, whole");
    ok(run(8, 0, 199, 0, "E1009", 5), "200 of 199, by its header alone");
    stream.len = 0;

    /* announced far beyond, nothing is allocated */

    memset(&m, 0, sizeof(m));
    feed(&m, (unsigned char *) "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff"
         "\1\2\3\4xx", 16, 200, 0, &out);
    is_mem(out.data, out.len, "E1009", 5, "2^63 - 1 octets announced");
    ok(m.buf == NULL, "nothing allocated");
    out.len = 0;

    /* what is announced is not allocated before it comes */

    memset(&m, 0, sizeof(m));
    feed(&m, (unsigned char *) "\x82\xff\0\0\0\0\x01\0\0\0" "\1\2\3\4xx", 16,
         0x2000000, 0, &out);
    ok(out.len == 0 && m.size <= 512, "16 MiB announced, 2 octets came");
    rtprop_ws_message_free(&m);

    /* fragments count together, control frames do not count */

    put(BIN, big, 100);
    put(FIN | PING, big, 125);
    put(CONT, big, 99);
    put(CONT, big, 2);
    memset(&m, 0, sizeof(m));
    feed(&m, stream.data, stream.len, 200, 0, &out);
    ok(out.len == 3 + 125 + 5
       && memcmp(out.data + out.len - 5, "E1009", 5) == 0,
       "100 + 99 + 2 of 200");
    stream.len = 0;
    out.len = 0;

    /* 65,537 fragments */

    memset(&m, 0, sizeof(m));

    for (i = 0; i < 65536; i++) {
        put(i ? CONT : TEXT, "*", 1);
        feed(&m, stream.data, stream.len, MAX, 0, &out);
        stream.len = 0;
    }

    is_int(out.len, 0, "no message before its end");
    put(FIN | CONT, "", 0);
    feed(&m, stream.data, stream.len, MAX, 0, &out);
    is_int(out.len, 65536 + 3, "65,537 fragments are one message");
    ok(m.buf == NULL, "nothing is kept after it");
    stream.len = 0;

    free(out.data);
}


static void
test_compressed(void)
{
    put(FIN | RTPROP_WS_RSV1 | TEXT, "\xff\xfe", 2);
    put(RTPROP_WS_RSV1 | TEXT, "\xff", 1);
    put(FIN | CONT, "\xfe", 1);
    put(FIN | TEXT, "plain", 5);
    put(FIN | TEXT, "\xff", 1);
    check_mem("RSV1 in use", RTPROP_WS_RSV1,
              "Tz[\xff\xfe]Tz[\xff\xfe]T[plain]E1007", 25);
}


static void
test_in_place(void)
{
    unsigned char        *pos;
    rtprop_ws_event_t     ev;
    rtprop_ws_message_t   m;

    memset(&m, 0, sizeof(m));
    puts_(FIN | TEXT, "Hello");
    puts_(FIN | TEXT, "again");
    pos = stream.data;

    rtprop_ws_message_read(&m, &pos, stream.data + stream.len, MAX, 0, &ev);
    ok(ev.data.data == stream.data + 6 && pos == stream.data + 11,
       "a whole message lies where it came");

    rtprop_ws_message_read(&m, &pos, stream.data + stream.len, MAX, 0, &ev);
    ok(ev.data.data == stream.data + 17 && m.buf == NULL, "so does the next");

    is_int(sizeof(rtprop_ws_message_t) <= 40, 1, "the state is small");
    stream.len = 0;
}


int
main(void)
{
    test_1_framing();
    test_2_pings();
    test_3_rsv_and_4_opcodes();
    test_5_fragments();
    test_6_utf8();
    test_6_4_early();
    test_7_close();
    test_limits();
    test_compressed();
    test_in_place();

    free(stream.data);

    return plan_done();
}
