#include "session/rtprop_rate.c"
#include "t/unit/tap.h"


#define NOW  1700000000000LL


static void
test_burst(void)
{
    int            i, n;
    int64_t        retry;
    rtprop_rate_t  b;

    /* 5r/s burst=5 */

    memset(&b, 0, sizeof(b));
    retry = 0;

    for (n = 0, i = 0; i < 5; i++) {
        n += rtprop_rate_take(&b, 5000, 5, NOW, &retry) == RTPROP_OK;
    }

    is_int(n, 5, "five at once");
    is_int(rtprop_rate_take(&b, 5000, 5, NOW, &retry), RTPROP_DECLINED,
           "the sixth is refused");
    is_int(retry, 200, "a token in 200 ms");
    is_int(rtprop_rate_take(&b, 5000, 5, NOW + 199, &retry),
           RTPROP_DECLINED, "a millisecond early");
    is_int(retry, 1, "that millisecond");
    is_int(rtprop_rate_take(&b, 5000, 5, NOW + 200, &retry), RTPROP_OK,
           "in time");
    is_int(rtprop_rate_full(&b, 5000, 5, NOW + 1199), 0, "not full yet");
    is_int(rtprop_rate_full(&b, 5000, 5, NOW + 1200), 1, "full again");

    for (n = 0, i = 0; i < 20; i++) {
        n += rtprop_rate_take(&b, 5000, 5, NOW + 999999, &retry)
             == RTPROP_OK;
    }

    is_int(n, 5, "never more than the burst");
}


static void
test_steady(void)
{
    int            n;
    int64_t        t, retry;
    rtprop_rate_t  b;

    /* asked each millisecond for a minute, at 30r/m: no fraction is lost */

    memset(&b, 0, sizeof(b));

    for (n = 0, t = 0; t < 60000; t++) {
        n += rtprop_rate_take(&b, 500, 1, NOW + t, &retry) == RTPROP_OK;
    }

    is_int(n, 30, "30 in a minute");

    memset(&b, 0, sizeof(b));

    for (n = 0, t = 0; t < 60000; t++) {
        n += rtprop_rate_take(&b, 83, 1, NOW + t, &retry) == RTPROP_OK;
    }

    is_int(n, 5, "5 in a minute at 83 millitokens a second");
}


static void
test_hostile(void)
{
    int64_t        retry;
    rtprop_rate_t  b;

    memset(&b, 0, sizeof(b));

    is_int(rtprop_rate_take(&b, 1000, 2, NOW, &retry), RTPROP_OK, "one");
    is_int(rtprop_rate_take(&b, 1000, 2, NOW - 500000, &retry), RTPROP_OK,
           "the clock goes back: the other is still there");
    is_int(rtprop_rate_take(&b, 1000, 2, NOW - 500000, &retry),
           RTPROP_DECLINED, "and no more");
    is_int(rtprop_rate_take(&b, 1000, 2, NOW - 499000, &retry), RTPROP_OK,
           "it goes on from there");

    b.tokens = INT64_MAX;
    b.last = NOW;
    is_int(rtprop_rate_take(&b, 1000, 1, NOW, &retry), RTPROP_OK, "clipped");
    is_int(rtprop_rate_take(&b, 1000, 1, NOW, &retry), RTPROP_DECLINED,
           "to the burst");

    b.tokens = INT64_MIN;
    is_int(rtprop_rate_take(&b, 1000, 1, NOW, &retry), RTPROP_DECLINED,
           "a debt is none");
    is_int(retry, 1000, "one token is awaited");

    b.last = INT64_MIN;
    is_int(rtprop_rate_take(&b, RTPROP_RATE_MAX, 1, INT64_MAX, &retry),
           RTPROP_OK, "the longest time of all");
    is_int(rtprop_rate_take(&b, INT64_MAX, INT64_MAX, INT64_MAX, &retry),
           RTPROP_DECLINED, "all at once");
    is_int(retry, 1, "at the greatest rate");

    is_int(rtprop_rate_take(&b, -5, -5, NOW, &retry), RTPROP_DECLINED,
           "the least rate there is");
    is_int(rtprop_rate_take(&b, 0, 0, NOW, &retry), RTPROP_DECLINED, "same");
    is_int(retry, 1000000, "a millitoken a second");
}


static void
is_rate(const char *text, int64_t expected)
{
    int64_t  rate;

    rate = -1;
    rtprop_rate_parse((const unsigned char *) text, strlen(text), &rate);
    is_int(rate, expected, text);
}


int
main(void)
{
    test_burst();
    test_steady();
    test_hostile();

    is_rate("5r/s", 5000);
    is_rate("30r/m", 500);
    is_rate("1r/m", 16);
    is_rate("1000000r/s", RTPROP_RATE_MAX);
    is_rate("1000001r/s", -1);
    is_rate("99999999999999999999999r/s", -1);
    is_rate("0r/s", -1);
    is_rate("5", -1);
    is_rate("5r", -1);
    is_rate("5r/h", -1);
    is_rate("5r/s ", -1);
    is_rate("-5r/s", -1);
    is_rate("r/s", -1);
    is_rate("", -1);

    return plan_done();
}
