/*
 * rtprop_time: RFC 3339 to milliseconds and back.
 */

#include "base/rtprop_time.h"


#define RTPROP_TIME_DAY   86400000LL


static int64_t rtprop_time_days(int64_t year, int64_t month, int64_t day);
static int rtprop_time_last_day(int year, int month);
static int rtprop_time_digits(const unsigned char *p, size_t n);
static const unsigned char *rtprop_time_fraction(const unsigned char *p,
    const unsigned char *end, int64_t *ms);
static int rtprop_time_offset(const unsigned char *p,
    const unsigned char *end, int64_t *ms);
static void rtprop_time_put(unsigned char *p, int64_t value, size_t n);


size_t
rtprop_time_format(int64_t ms, unsigned char *buf)
{
    int64_t  days, era, doe, yoe, doy, mp, year, month;

    if (ms < RTPROP_TIME_MIN) {
        ms = RTPROP_TIME_MIN;
    }

    if (ms > RTPROP_TIME_MAX) {
        ms = RTPROP_TIME_MAX;
    }

    /*
     * Days since 0000-03-01 turn into eras of 400 years; years begin in
     * March, so that the leap day is the last one.  One more era keeps
     * January and February of the year 0000 positive.
     */

    ms += 719468 * RTPROP_TIME_DAY + 146097 * RTPROP_TIME_DAY;
    days = ms / RTPROP_TIME_DAY;
    ms %= RTPROP_TIME_DAY;

    era = days / 146097 - 1;
    doe = days % 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (5 * doy + 2) / 153;
    month = mp < 10 ? mp + 3 : mp - 9;
    year = era * 400 + yoe + (month <= 2);

    memcpy(buf, "0000-00-00T00:00:00.000Z", RTPROP_TIME_LEN);

    rtprop_time_put(buf, year, 4);
    rtprop_time_put(buf + 5, month, 2);
    rtprop_time_put(buf + 8, doy - (153 * mp + 2) / 5 + 1, 2);
    rtprop_time_put(buf + 11, ms / 3600000, 2);
    rtprop_time_put(buf + 14, ms / 60000 % 60, 2);
    rtprop_time_put(buf + 17, ms / 1000 % 60, 2);
    rtprop_time_put(buf + 20, ms % 1000, 3);

    return RTPROP_TIME_LEN;
}


int
rtprop_time_parse(const unsigned char *data, size_t len, int64_t *ms)
{
    int                   year, month, day, hour, min, sec;
    int64_t               t, fraction, offset;
    const unsigned char  *p, *end;

    /* "2026-01-02T03:04:05Z" is the shortest */

    if (len < 20 || data[4] != '-' || data[7] != '-'
        || (data[10] != 'T' && data[10] != 't' && data[10] != ' ')
        || data[13] != ':' || data[16] != ':')
    {
        return RTPROP_ERROR;
    }

    year = rtprop_time_digits(data, 4);
    month = rtprop_time_digits(data + 5, 2);
    day = rtprop_time_digits(data + 8, 2);
    hour = rtprop_time_digits(data + 11, 2);
    min = rtprop_time_digits(data + 14, 2);
    sec = rtprop_time_digits(data + 17, 2);

    if (year < 0 || month < 1 || month > 12
        || day < 1 || day > rtprop_time_last_day(year, month)
        || hour < 0 || hour > 23 || min < 0 || min > 59
        || sec < 0 || sec > 59)
    {
        return RTPROP_ERROR;
    }

    end = data + len;
    p = rtprop_time_fraction(data + 19, end, &fraction);

    if (p == NULL || rtprop_time_offset(p, end, &offset) != RTPROP_OK) {
        return RTPROP_ERROR;
    }

    t = rtprop_time_days(year, month, day) * RTPROP_TIME_DAY
        + hour * 3600000LL + min * 60000LL + sec * 1000LL
        + fraction - offset;

    if (t < RTPROP_TIME_MIN || t > RTPROP_TIME_MAX) {
        return RTPROP_ERROR;
    }

    *ms = t;

    return RTPROP_OK;
}


static int
rtprop_time_last_day(int year, int month)
{
    static const unsigned char  days[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) {
        return 29;
    }

    return days[month - 1];
}


/* Days from 1970-01-01 to a day of the proleptic Gregorian calendar. */

static int64_t
rtprop_time_days(int64_t year, int64_t month, int64_t day)
{
    int64_t  era, yoe, doy;

    year += 400 - (month <= 2);      /* never negative */
    era = year / 400;
    yoe = year % 400;
    doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return (era - 1) * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy
           - 719468;
}


/* The value of n digits, or -1. */

static int
rtprop_time_digits(const unsigned char *p, size_t n)
{
    int  value;

    for (value = 0; n; n--, p++) {

        if (*p < '0' || *p > '9') {
            return -1;
        }

        value = value * 10 + (*p - '0');
    }

    return value;
}


/* Returns the place after the fraction, or NULL when "." has no digit. */

static const unsigned char *
rtprop_time_fraction(const unsigned char *p, const unsigned char *end,
    int64_t *ms)
{
    int64_t               unit;
    const unsigned char  *start;

    *ms = 0;

    if (*p != '.') {
        return p;
    }

    start = ++p;

    for (unit = 100; p < end && *p >= '0' && *p <= '9'; p++, unit /= 10) {
        *ms += (*p - '0') * unit;
    }

    return p > start ? p : NULL;
}


static int
rtprop_time_offset(const unsigned char *p, const unsigned char *end,
    int64_t *ms)
{
    int  hour, min;

    *ms = 0;

    if (end - p == 1) {
        return (*p == 'Z' || *p == 'z') ? RTPROP_OK : RTPROP_ERROR;
    }

    if (end - p != 6 || (*p != '+' && *p != '-') || p[3] != ':') {
        return RTPROP_ERROR;
    }

    hour = rtprop_time_digits(p + 1, 2);
    min = rtprop_time_digits(p + 4, 2);

    if (hour < 0 || hour > 23 || min < 0 || min > 59) {
        return RTPROP_ERROR;
    }

    *ms = hour * 3600000LL + min * 60000LL;

    if (*p == '-') {
        *ms = -*ms;
    }

    return RTPROP_OK;
}


static void
rtprop_time_put(unsigned char *p, int64_t value, size_t n)
{
    while (n) {
        p[--n] = '0' + value % 10;
        value /= 10;
    }
}
