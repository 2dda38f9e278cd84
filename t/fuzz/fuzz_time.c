/*
 * RFC 3339 times: what is parsed is a day of the calendar, is written in one
 * way, and that way is parsed to the same.
 *
 * Input: a text; its first eight octets are a number of milliseconds as well.
 */

#include "t/fuzz/fuzz.h"

#include "base/rtprop_time.c"


/* Milliseconds to the first of January of a year, counted year by year. */

static int64_t
new_year(int year)
{
    int      y;
    int64_t  days;

    for (y = 0, days = -719528; y < year; y++) {
        days += 365 + (y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
    }

    return days * 86400000LL;
}


static void
format(int64_t ms)
{
    int64_t         back;
    unsigned char  *text;

    text = fuzz_room(RTPROP_TIME_LEN);
    back = 1;

    must(rtprop_time_format(ms, text) == RTPROP_TIME_LEN, "always as long");
    must(rtprop_time_parse(text, RTPROP_TIME_LEN, &back) == RTPROP_OK,
         "what is written is parsed");

    ms = ms < RTPROP_TIME_MIN ? RTPROP_TIME_MIN
         : ms > RTPROP_TIME_MAX ? RTPROP_TIME_MAX : ms;

    must(back == ms, "to the same");
}


static void
fuzz_one(fuzz_input_t *in)
{
    int             year;
    int64_t         ms, start;
    rtprop_str_t    s;
    unsigned char  *text;

    s = fuzz_rest(in);
    in->pos -= s.len;

    ms = (int64_t) fuzz_number(in, 8);
    format(ms);
    format(ms % RTPROP_TIME_MAX);

    ms = 77;

    if (rtprop_time_parse(s.data, s.len, &ms) != RTPROP_OK) {
        must(ms == 77, "an error changes nothing");
        return;
    }

    must(ms >= RTPROP_TIME_MIN && ms <= RTPROP_TIME_MAX, "within the range");
    format(ms);

    text = fuzz_room(RTPROP_TIME_LEN);
    rtprop_time_format(ms, text);
    must((s.data[s.len - 1] | 0x20) != 'z' || memcmp(text, s.data, 10) == 0,
         "on the day that it names");

    /* an offset moves it by less than a day */

    year = (s.data[0] - '0') * 1000 + (s.data[1] - '0') * 100
           + (s.data[2] - '0') * 10 + (s.data[3] - '0');
    start = new_year(year);

    must(ms > start - 86400000LL && ms < start + 367 * 86400000LL,
         "in the year that it names");
}
