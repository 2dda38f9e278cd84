/*
 * WebSocket messages: one stream of a client in several cuts gives the same
 * events and the same close code.
 *
 * Input: an octet of choices (bit 0: RSV1 is in use, bits 1 and 2: the largest
 * message), the number of cuts, an octet for the length of each, the stream.
 */

#include "t/fuzz/fuzz.h"

#include "base/rtprop_utf8.c"
#include "ws/rtprop_ws_frame.c"
#include "ws/rtprop_ws_message.c"


#define EVENTS  256


/* What was heard of a stream: a line for each event, then its octets. */

typedef struct {
    unsigned char  text[65536];
    size_t         len;
    unsigned       events;
    unsigned       over;
} heard_t;


typedef struct {
    unsigned       rsv;
    size_t         max;
    rtprop_str_t   cuts;
} choice_t;


static heard_t  whole, cut;


static void
hear(heard_t *h, int rc, const rtprop_ws_event_t *ev)
{
    unsigned char  *p;

    must(!h->over, "nothing is heard after the end");

    if (++h->events > EVENTS
        || h->len + 64 + ev->data.len > sizeof(h->text))
    {
        return;
    }

    p = h->text + h->len;
    p += sprintf((char *) p, "%d %d %u %u %zu:", rc,
                 rc == RTPROP_OK ? (int) ev->type : 0, ev->code,
                 rc == RTPROP_OK ? ev->compressed : 0, ev->data.len);

    if (ev->data.len) {
        p = (unsigned char *) memcpy(p, ev->data.data, ev->data.len)
            + ev->data.len;
    }

    h->len = (size_t) (p - h->text);
    h->over = (rc == RTPROP_ERROR || ev->type == RTPROP_WS_EVENT_CLOSE);
}


static void
judge(int rc, const rtprop_ws_event_t *ev, const choice_t *choice)
{
    if (rc == RTPROP_ERROR) {
        must(ev->code == RTPROP_WS_PROTOCOL_ERROR
             || ev->code == RTPROP_WS_INVALID_DATA
             || ev->code == RTPROP_WS_TOO_BIG
             || ev->code == RTPROP_WS_INTERNAL, "an error has its code");
        must(ev->code != RTPROP_WS_INTERNAL, "there was memory");
        must(ev->data.len == 0, "an error has no octets");
        return;
    }

    must(rc == RTPROP_OK, "an event or an error");
    must(!ev->compressed || choice->rsv, "compressed only if it may be");

    switch (ev->type) {

    case RTPROP_WS_EVENT_TEXT:
        must(ev->compressed || rtprop_utf8_valid(ev->data.data, ev->data.len),
             "a text is UTF-8");

        /* fall through */

    case RTPROP_WS_EVENT_BINARY:
        must(ev->data.len <= choice->max
             || (ev->compressed
                 && ev->data.len <= choice->max + choice->max / 1024 + 64),
             "no message above the limit, but for what packing noise adds");
        return;

    case RTPROP_WS_EVENT_CLOSE:
        must(ev->code == RTPROP_WS_NO_STATUS
             || rtprop_ws_close_code_valid(ev->code), "a close has its code");
        must(rtprop_utf8_valid(ev->data.data, ev->data.len),
             "the reason of a close is UTF-8");
        must(ev->data.len <= RTPROP_WS_CONTROL_MAX - 2, "and short");
        return;

    case RTPROP_WS_EVENT_PING:
    case RTPROP_WS_EVENT_PONG:
        must(ev->data.len <= RTPROP_WS_CONTROL_MAX, "a control frame is short");
        return;
    }

    must(0, "a known event");
}


/* The cuts' lengths come round again and again; none: each octet alone. */

static size_t
piece(const choice_t *choice, size_t i)
{
    return choice->cuts.len ? 1 + choice->cuts.data[i % choice->cuts.len] : 1;
}


static void
read_stream(heard_t *h, const rtprop_str_t *s, const choice_t *choice,
    int at_once)
{
    int                   rc;
    size_t                i, n, pieces;
    unsigned char        *copy, *pos;
    rtprop_ws_event_t     ev;
    rtprop_ws_message_t   m;

    memset(&m, 0, sizeof(m));
    h->len = 0;
    h->events = 0;
    h->over = 0;

    for (i = 0, pieces = 0; i < s->len; i += n, pieces++) {
        n = at_once ? s->len : piece(choice, pieces);
        n = n < s->len - i ? n : s->len - i;

        copy = malloc(n);
        if (copy == NULL) {
            break;
        }

        memcpy(copy, s->data + i, n);
        pos = copy;

        for ( ;; ) {
            rc = rtprop_ws_message_read(&m, &pos, copy + n, choice->max,
                                        choice->rsv, &ev);

            must(pos >= copy && pos <= copy + n, "it stays in the buffer");

            if (rc == RTPROP_AGAIN) {
                break;
            }

            judge(rc, &ev, choice);
            hear(h, rc, &ev);
        }

        must(pos == copy + n, "all octets are used up");
        must(m.size <= choice->max + RTPROP_WS_CONTROL_MAX + 256,
             "memory stays within the limit");
        free(copy);
    }

    rtprop_ws_message_free(&m);
}


/* A server's header read as a client's: the mask bit and a mask added. */

static void
head(const rtprop_str_t *s)
{
    size_t             n;
    uint64_t           length;
    unsigned           first;
    unsigned char      buf[RTPROP_WS_CLIENT_HEAD_MAX];
    rtprop_ws_frame_t  f;

    if (s->len < 9) {
        return;
    }

    memcpy(&length, s->data, 8);
    length >>= 1 + s->data[8] % 63;
    first = RTPROP_WS_FIN | RTPROP_WS_BINARY;

    n = rtprop_ws_frame_head(buf, first, length);
    must(n == rtprop_ws_frame_head_len(length), "a header's length is known");

    buf[1] |= 0x80;
    memcpy(buf + n, "mask", 4);

    must(rtprop_ws_frame_parse(&f, buf, n + 3, 0) == RTPROP_AGAIN,
         "a header that is not whole");
    must(rtprop_ws_frame_parse(&f, buf, n + 4, 0) == RTPROP_OK
         && f.length == length && f.head == n + 4 && f.fin
         && f.opcode == RTPROP_WS_BINARY && memcmp(f.mask, "mask", 4) == 0,
         "what is written is read");
}


static void
fuzz_one(fuzz_input_t *in)
{
    unsigned      choices;
    choice_t      choice;
    rtprop_str_t  stream;

    static const size_t  limits[] = { 1000, 16, 130, 65536 };

    choices = fuzz_byte(in);
    choice.rsv = choices & 1 ? RTPROP_WS_RSV1 : 0;
    choice.max = limits[choices >> 1 & 3];
    choice.cuts = fuzz_text(in, fuzz_byte(in));

    stream = fuzz_rest(in);

    head(&stream);

    read_stream(&whole, &stream, &choice, 1);
    read_stream(&cut, &stream, &choice, 0);

    must(whole.len == cut.len && whole.events == cut.events
         && memcmp(whole.text, cut.text, whole.len) == 0,
         "the same in these cuts");

    choice.cuts.len = 0;
    read_stream(&cut, &stream, &choice, 0);

    must(whole.len == cut.len && whole.events == cut.events
         && memcmp(whole.text, cut.text, whole.len) == 0,
         "the same octet by octet");
}
