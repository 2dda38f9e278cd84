/*
 * Records of events in Redis: whatever lies there, texts stay within it; what
 * is encoded is decoded again.  Input: records, one after the other.
 */

#include "engine/redis/rtprop_redis_record.c"

#include "t/fuzz/fuzz.h"


#define TEXTS  8


static void
texts(rtprop_redis_record_t *rec, rtprop_str_t *list[TEXTS])
{
    list[0] = &rec->type;
    list[1] = &rec->user;
    list[2] = &rec->skip_user;
    list[3] = &rec->alt_user;
    list[4] = &rec->replace;
    list[5] = &rec->payload;
    list[6] = &rec->alt_payload;
    list[7] = &rec->skip_session;
}


static void
same(rtprop_redis_record_t *a, rtprop_redis_record_t *b)
{
    unsigned       i;
    rtprop_str_t  *one[TEXTS], *two[TEXTS];

    texts(a, one);
    texts(b, two);

    for (i = 0; i < TEXTS; i++) {
        must(one[i]->len == two[i]->len
             && (one[i]->len == 0
                 || memcmp(one[i]->data, two[i]->data, one[i]->len) == 0),
             "each text is kept");
    }

    must(a->id == b->id && a->flags == b->flags && a->kinds == b->kinds
         && a->arrived == b->arrived && a->machine == b->machine,
         "and each number");
}


static void
again(rtprop_redis_record_t *rec, const unsigned char *head)
{
    size_t                  size;
    unsigned char          *p, *pos;
    rtprop_redis_record_t   copy;

    size = rtprop_redis_record_size(rec);
    must(size != 0, "what was a record is one again");

    p = fuzz_room(size + RTPROP_REDIS_RECORD_HEAD);
    memcpy(p, head, RTPROP_REDIS_RECORD_HEAD);
    rtprop_redis_record_encode(p + RTPROP_REDIS_RECORD_HEAD, rec);

    pos = p;
    size += RTPROP_REDIS_RECORD_HEAD;

    must(rtprop_redis_record_decode(&pos, p + size, &copy) == RTPROP_OK
         && pos == p + size, "what is encoded is decoded");
    same(rec, &copy);

    pos = p;
    must(rtprop_redis_record_decode(&pos, p + size - 1, &copy)
         == RTPROP_ERROR && pos == p, "a record that is cut is none");
}


static void
fuzz_one(fuzz_input_t *in)
{
    size_t                  sum;
    unsigned                i;
    rtprop_str_t            s, *list[TEXTS];
    unsigned char          *p, *head, *end;
    rtprop_redis_record_t   rec;

    s = fuzz_rest(in);
    p = s.data;
    end = p + s.len;

    for (head = p;
         rtprop_redis_record_decode(&p, end, &rec) == RTPROP_OK;
         head = p)
    {
        must(p > head && p <= end, "each is a step forward");
        texts(&rec, list);

        for (i = 0, sum = 0; i < TEXTS; i++) {
            must((list[i]->len == 0) == (list[i]->data == NULL),
                 "empty is none");

            if (list[i]->len) {
                must(list[i]->data >= head + RTPROP_REDIS_RECORD_TEXTS
                     && list[i]->data + list[i]->len <= p,
                     "a text lies in the record");

                sum += list[i]->data[0] + list[i]->data[list[i]->len - 1];
            }
        }

        must(sum <= 2 * 255 * TEXTS, "each text has been read");
        again(&rec, head);
    }

    must(p == head, "what is no record moves nothing");
}
