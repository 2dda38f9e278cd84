/*
 * Rates: the parser, and a bucket against its promise: never more than burst
 * and what the time has brought.
 *
 * Input: a line with a rate; then an octet of burst, and steps of two octets:
 * milliseconds that pass, negative ones with the highest bit.
 */

#include "t/fuzz/fuzz.h"

#include "session/rtprop_rate.c"


#define START  1700000000000LL


static void
parse(const rtprop_str_t *s, int64_t *rate)
{
    *rate = 5000;

    if (rtprop_rate_parse(s->data, s->len, rate) != RTPROP_OK) {
        must(*rate == 5000, "an error changes nothing");
        return;
    }

    must(*rate >= 1 && *rate <= RTPROP_RATE_MAX, "within the range");
    must(s->len >= 4 && s->data[s->len - 2] == '/', "a rate has its unit");
}


/* Any state may be found in shared memory. */

static void
rubbish(const rtprop_str_t *s, int64_t rate)
{
    int64_t        now, wait, burst;
    rtprop_rate_t  bucket;

    if (s->len < 32) {
        return;
    }

    memcpy(&bucket, s->data, 16);
    memcpy(&now, s->data + 16, 8);
    memcpy(&burst, s->data + 24, 8);

    (void) rtprop_rate_full(&bucket, rate, burst, now);
    (void) rtprop_rate_full(&bucket, burst, rate, now);

    if (rtprop_rate_take(&bucket, rate, burst, now, &wait)
        == RTPROP_DECLINED)
    {
        must(wait >= 1 && wait <= RTPROP_RATE_RETRY_MAX, "a wait in bounds");
    }

    must(bucket.tokens >= 0 && bucket.tokens
         <= RTPROP_RATE_BURST_MAX * RTPROP_RATE_TOKEN, "a bucket in bounds");
}


static void
fuzz_one(fuzz_input_t *in)
{
    int64_t        rate, now, most, wait, burst, taken, again;
    unsigned       step;
    rtprop_str_t   line, rest;
    rtprop_rate_t  bucket, copy;

    line = fuzz_until(in, '\n');
    parse(&line, &rate);

    burst = 1 + fuzz_byte(in);

    rest = fuzz_rest(in);
    rubbish(&rest, rate);
    in->pos -= rest.len;

    memset(&bucket, 0, sizeof(bucket));
    must(rtprop_rate_full(&bucket, rate, burst, START), "a new bucket is full");

    now = START;
    most = START;
    taken = 0;

    while (fuzz_left(in)) {
        step = (unsigned) fuzz_number(in, 2);
        now += step & 0x8000 ? -(int64_t) (step & 0x7fff) : (int64_t) step;

        if (rtprop_rate_take(&bucket, rate, burst, now, &wait) == RTPROP_OK) {
            taken++;

        } else {
            must(wait >= 1 && wait <= RTPROP_RATE_RETRY_MAX,
                 "a wait in bounds");

            copy = bucket;
            must(wait == RTPROP_RATE_RETRY_MAX
                 || rtprop_rate_take(&copy, rate, burst, now + wait, &again)
                    == RTPROP_OK, "who waits gets a token");

            copy = bucket;
            must(wait == 1
                 || rtprop_rate_take(&copy, rate, burst, now + wait - 1,
                                     &again) != RTPROP_OK,
                 "and not before");
        }

        must(bucket.tokens >= 0
             && bucket.tokens <= burst * RTPROP_RATE_TOKEN,
             "a bucket in bounds");

        /* steps back may be walked forward again, at most */

        most += step & 0x8000 ? 0 : (int64_t) step;
        must((double) taken * RTPROP_RATE_TOKEN
             <= (double) burst * RTPROP_RATE_TOKEN
                + (double) (most - START) * (double) rate,
             "no more than burst and time give");
    }
}
