/*
 * Records of the ring and of history: whatever lies in shared memory, texts
 * stay within the record; what is encoded is decoded again.
 *
 * The file under test is the worker's, so nginx's headers are needed, and none
 * of its functions.  Input: a record.
 */

#include "engine/shm/ngx_rtprop_shm_record.c"

#include "t/fuzz/fuzz.h"


#define TEXTS  9


static void
texts(ngx_rtprop_event_t *ev, ngx_str_t *list[TEXTS])
{
    list[0] = &ev->channel;
    list[1] = &ev->type;
    list[2] = &ev->user;
    list[3] = &ev->skip_user;
    list[4] = &ev->alt_user;
    list[5] = &ev->payload;
    list[6] = &ev->alt_payload;
    list[7] = &ev->replace;
    list[8] = &ev->skip_session;
}


static void
same(ngx_rtprop_event_t *a, ngx_rtprop_event_t *b)
{
    unsigned    i;
    ngx_str_t  *one[TEXTS], *two[TEXTS];

    texts(a, one);
    texts(b, two);

    for (i = 0; i < TEXTS; i++) {

        /* a session's id has its length, or is none */

        if (i == 8 && one[i]->len != NGX_RTPROP_SESSION_ID) {
            must(two[i]->len == 0, "no session");
            continue;
        }

        must(one[i]->len == two[i]->len
             && (one[i]->len == 0
                 || memcmp(one[i]->data, two[i]->data, one[i]->len) == 0),
             "each text is kept");
    }

    must(a->id == b->id && a->flags == b->flags && a->kinds == b->kinds
         && a->arrived == b->arrived, "and each number");
}


static void
again(ngx_rtprop_event_t *ev)
{
    size_t               size;
    u_char              *p;
    ngx_rtprop_event_t   copy;

    size = ngx_rtprop_shm_record_size(ev);

    if (size == 0) {
        must(0, "what was a record is one again");
        return;
    }

    must(size % 8 == 0, "a multiple of eight");

    p = fuzz_room(size);
    ngx_rtprop_shm_record_encode(p, size, ev);

    must(ngx_rtprop_shm_record_decode(p, size, &copy) == NGX_OK,
         "what is encoded is decoded");
    same(ev, &copy);

    must(ngx_rtprop_shm_record_decode(p, size - 1, &copy) == NGX_ERROR,
         "a record that is cut is none");
}


static void
fuzz_one(fuzz_input_t *in)
{
    u_char              *p, *end, *last;
    size_t               size, sum;
    unsigned             i;
    ngx_str_t           *list[TEXTS];
    rtprop_str_t         s;
    ngx_rtprop_event_t   ev;

    s = fuzz_rest(in);
    p = s.data;
    size = s.len;

    memset(&ev, 0, sizeof(ev));

    if (ngx_rtprop_shm_record_decode(p, size, &ev) != NGX_OK) {
        return;
    }

    last = p + sizeof(ngx_rtprop_shm_record_t);
    end = p + size;
    texts(&ev, list);

    for (i = 0, sum = 0; i < TEXTS; i++) {
        must((list[i]->len == 0) == (list[i]->data == NULL), "empty is none");

        if (list[i]->len) {
            must(list[i]->data >= last && list[i]->data < end
                 && list[i]->len <= (size_t) (end - list[i]->data),
                 "a text lies in the record");

            /* and can be read: each octet once */

            last = list[i]->data + list[i]->len;
            sum += list[i]->data[0] + last[-1];
        }
    }

    must(sum <= 2 * 255 * TEXTS, "each text has been read");

    again(&ev);
}
