#include "base/rtprop_time.c"
#include "t/unit/tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>


static void
is_time(const char *text, int64_t expected)
{
    int             rc;
    char           *copy;
    size_t          len;
    int64_t         ms;

    ms = 42;
    len = strlen(text);
    copy = malloc(len + 1);            /* an overread would be seen */
    memcpy(copy, text, len);
    rc = rtprop_time_parse((unsigned char *) copy, len, &ms);
    free(copy);

    ok(rc == RTPROP_OK && ms == expected, "%s", text);
    if (rc != RTPROP_OK || ms != expected) {
        printf("# got %lld, rc %d\n", (long long) ms, rc);
    }
}


static void
not_time(const char *text)
{
    int      rc;
    char    *copy;
    size_t   len;
    int64_t  ms;

    ms = 42;
    len = strlen(text);
    copy = malloc(len + 1);
    memcpy(copy, text, len);
    rc = rtprop_time_parse((unsigned char *) copy, len, &ms);
    free(copy);

    ok(rc == RTPROP_ERROR && ms == 42, "refused: %s", text);
}


static void
is_format(int64_t ms, const char *expected)
{
    unsigned char  buf[RTPROP_TIME_LEN];

    is_mem(buf, rtprop_time_format(ms, buf), expected, strlen(expected),
           expected);
}


static void
test_round(void)
{
    char            text[32];
    time_t          sec;
    int64_t         ms, back;
    unsigned        bad;
    struct tm       tm;
    unsigned char   buf[RTPROP_TIME_LEN];

    bad = 0;

    /* each 11th day and some, over all years, against the C library */

    for (ms = RTPROP_TIME_MIN; ms <= RTPROP_TIME_MAX; ms += 956789123LL) {
        rtprop_time_format(ms, buf);

        bad += rtprop_time_parse(buf, RTPROP_TIME_LEN, &back) != RTPROP_OK
               || back != ms;

        sec = (ms - RTPROP_TIME_MIN) / 1000 + RTPROP_TIME_MIN / 1000;
        gmtime_r(&sec, &tm);
        snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d",
                 (tm.tm_year + 1900) & 0x3fff, tm.tm_mon & 15,
                 tm.tm_mday & 31, tm.tm_hour & 31, tm.tm_min & 63,
                 tm.tm_sec & 63);
        text[5] = '0' + (tm.tm_mon + 1) / 10;
        text[6] = '0' + (tm.tm_mon + 1) % 10;
        bad += memcmp(text, buf, 19) != 0;
    }

    is_int(bad, 0, "formatting and parsing agree from 0000 to 9999");
}


int
main(void)
{
    is_format(0, "1970-01-01T00:00:00.000Z");
    is_format(-1, "1969-12-31T23:59:59.999Z");
    is_format(1767323045678LL, "2026-01-02T03:04:05.678Z");
    is_format(951782400000LL, "2000-02-29T00:00:00.000Z");
    is_format(RTPROP_TIME_MIN, "0000-01-01T00:00:00.000Z");
    is_format(RTPROP_TIME_MAX, "9999-12-31T23:59:59.999Z");
    is_format(INT64_MIN, "0000-01-01T00:00:00.000Z");
    is_format(INT64_MAX, "9999-12-31T23:59:59.999Z");

    is_time("1970-01-01T00:00:00Z", 0);
    is_time("2026-01-02T03:04:05.678Z", 1767323045678LL);
    is_time("2026-01-02t03:04:05.678z", 1767323045678LL);
    is_time("2026-01-02 03:04:05.678Z", 1767323045678LL);
    is_time("2026-01-02T03:04:05.6789999999999999999999Z", 1767323045678LL);
    is_time("2026-01-02T03:04:05.6Z", 1767323045600LL);
    is_time("2026-01-02T05:34:05+02:30", 1767323045000LL);
    is_time("2026-01-01T23:04:05-04:00", 1767323045000LL);
    is_time("2026-01-02T03:04:05-00:00", 1767323045000LL);
    is_time("2026-01-02T03:04:05.678+00:00", 1767323045678LL);
    is_time("1985-04-12T23:20:50.52Z", 482196050520LL);
    is_time("1996-12-19T16:39:57-08:00", 851042397000LL);
    is_time("2000-02-29T00:00:00Z", 951782400000LL);
    is_time("2024-02-29T00:00:00Z", 1709164800000LL);
    is_time("0000-01-01T00:00:00Z", RTPROP_TIME_MIN);
    is_time("9999-12-31T23:59:59.999Z", RTPROP_TIME_MAX);

    not_time("");
    not_time("2026-01-02");
    not_time("2026-01-02T03:04:05");
    not_time("2026-01-02T03:04:05.678");
    not_time("2026-01-02T03:04:05.Z");
    not_time("2026-01-02T03:04:05,5Z");
    not_time("2026-01-02T03:04:05ZZ");
    not_time("2026-01-02T03:04:05Z ");
    not_time(" 2026-01-02T03:04:05Z");
    not_time("2026-1-02T03:04:05.00Z");
    not_time("2026-00-02T03:04:05Z");
    not_time("2026-13-02T03:04:05Z");
    not_time("2026-01-00T03:04:05Z");
    not_time("2026-01-32T03:04:05Z");
    not_time("2026-04-31T03:04:05Z");
    not_time("2026-02-29T00:00:00Z");
    not_time("2100-02-29T00:00:00Z");
    not_time("2026-01-02T24:00:00Z");
    not_time("2026-01-02T03:60:05Z");
    not_time("2016-12-31T23:59:60Z");
    not_time("2026-01-02T03:04:05+0200");
    not_time("2026-01-02T03:04:05+02");
    not_time("2026-01-02T03:04:05+24:00");
    not_time("2026-01-02T03:04:05+02:60");
    not_time("2026-01-02T03:04:05.");
    not_time("2026-01-02X03:04:05Z");
    not_time("+026-01-02T03:04:05Z");
    not_time("20a6-01-02T03:04:05Z");
    not_time("0000-01-01T00:00:00+00:01");
    not_time("9999-12-31T23:59:59-00:01");

    test_round();

    return plan_done();
}
