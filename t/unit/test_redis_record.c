/*
 * Events as octets in Redis.
 */

#include "src/engine/redis/rtprop_redis_record.c"

#include "t/unit/tap.h"


static unsigned char  octets[4096];


static rtprop_str_t
str(const char *s)
{
    rtprop_str_t  v;

    v.len = strlen(s);
    v.data = (unsigned char *) s;

    return v;
}


static void
is_text(rtprop_str_t *got, const char *expected, const char *name)
{
    is_mem(got->data, got->len, expected, strlen(expected), name);
}


/* With a head as the script makes it; returns the octets of all. */

static size_t
encode(const rtprop_redis_record_t *rec)
{
    size_t  size;

    size = rtprop_redis_record_size(rec) + RTPROP_REDIS_RECORD_HEAD;

    put(octets, size, 4);
    put(octets + 4, rec->epoch, 8);
    put(octets + 12, rec->offset, 8);
    put(octets + 20, (uint64_t) rec->time, 8);
    rtprop_redis_record_encode(octets + RTPROP_REDIS_RECORD_HEAD, rec);

    return size;
}


static void
example(rtprop_redis_record_t *rec)
{
    memset(rec, 0, sizeof(rtprop_redis_record_t));

    rec->epoch = 0x0102030405060708;
    rec->offset = 41;
    rec->time = 1790000000123;
    rec->id = 0x1122334455667788;
    rec->arrived = 77;
    rec->machine = 0xfedcba98;
    rec->flags = 8;
    rec->kinds = 3;
    rec->type = str("chat:new_message");
    rec->payload = str("{\"a\":1}");
    rec->user = str("ann");
    rec->skip_session = str("0123456789abcdef");
}


static void
test_whole(void)
{
    size_t                  size;
    unsigned char          *p;
    rtprop_redis_record_t   rec, got;

    example(&rec);
    size = encode(&rec);
    p = octets;

    ok(rtprop_redis_record_decode(&p, octets + size, &got) == RTPROP_OK,
       "decoded");
    ok(p == octets + size, "all of it");
    ok(got.epoch == rec.epoch && got.offset == 41 && got.time == rec.time,
       "the head");
    ok(got.id == rec.id && got.arrived == 77 && got.machine == rec.machine
       && got.flags == 8 && got.kinds == 3, "numbers");
    is_text(&got.type, "chat:new_message", "type");
    is_text(&got.payload, "{\"a\":1}", "payload");
    is_text(&got.user, "ann", "user");
    is_text(&got.skip_session, "0123456789abcdef", "session");
    ok(got.replace.data == NULL && got.replace.len == 0, "an empty text");

    /* what the scripts read, see history.lua */

    ok(octets[29] == 8, "flags at 29");
    ok(rtprop_redis_get64(octets + 32) == rec.id, "id at 32");
}


static void
test_broken(void)
{
    size_t                  size, n;
    unsigned char          *p;
    rtprop_redis_record_t   rec, got;

    example(&rec);
    size = encode(&rec);

    for (n = 0; n < size; n++) {
        p = octets;

        if (rtprop_redis_record_decode(&p, octets + n, &got) == RTPROP_OK
            || p != octets)
        {
            break;
        }
    }

    ok(n == size, "cut anywhere it is none");

    p = octets;
    octets[28] = 2;
    ok(rtprop_redis_record_decode(&p, octets + size, &got) == RTPROP_ERROR,
       "of another version");

    size = encode(&rec);
    octets[31] = 15;
    ok(rtprop_redis_record_decode(&p, octets + size, &got) == RTPROP_ERROR,
       "a session of another length");

    size = encode(&rec);
    octets[53]++;
    ok(rtprop_redis_record_decode(&p, octets + size, &got) == RTPROP_ERROR,
       "texts longer than it says");

    size = encode(&rec);
    memset(octets + 62, 0xff, 8);
    ok(rtprop_redis_record_decode(&p, octets + size, &got) == RTPROP_ERROR,
       "much longer");
}


static void
test_bounds(void)
{
    rtprop_redis_record_t  rec;

    example(&rec);
    rec.user.len = 0x10000;
    ok(rtprop_redis_record_size(&rec) == 0, "a user too long");

    example(&rec);
    rec.payload.len = RTPROP_REDIS_RECORD_MAX + 1;
    ok(rtprop_redis_record_size(&rec) == 0, "a payload too long");

    example(&rec);
    rec.skip_session.len = 5;
    encode(&rec);
    ok(octets[31] == 0, "what is no session is left out");
}


int
main(void)
{
    test_whole();
    test_broken();
    test_bounds();

    return plan_done();
}
