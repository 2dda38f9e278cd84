/*
 * rtprop_time: times on the wire, RFC 3339 in UTC with milliseconds.
 *
 * Times are int64_t milliseconds since 1970-01-01T00:00:00Z, without leap
 * seconds.  No time zone of the C library is ever asked.
 */

#ifndef _RTPROP_TIME_H_INCLUDED_
#define _RTPROP_TIME_H_INCLUDED_


#include "base/rtprop_base.h"


#define RTPROP_TIME_LEN   24          /* "2026-01-02T03:04:05.678Z" */

#define RTPROP_TIME_MIN   (-62167219200000LL)  /* 0000-01-01T00:00:00.000Z */
#define RTPROP_TIME_MAX   253402300799999LL    /* 9999-12-31T23:59:59.999Z */


/*
 * Writes ms as RFC 3339 UTC with three digits of fraction: RTPROP_TIME_LEN
 * bytes to buf, no NUL.  A time outside the years 0000 to 9999 is written as
 * the nearest end of that range.  Returns RTPROP_TIME_LEN.
 */
size_t rtprop_time_format(int64_t ms, unsigned char *buf);


/*
 * Parses RFC 3339, section 5.6, whole: "T", "t" or a space between date and
 * time, a fraction of any length (cut after milliseconds), "Z", "z" or an
 * offset.  Days are checked against the month and the leap year.  A leap
 * second (":60") is refused, as is what falls outside RTPROP_TIME_MIN to
 * RTPROP_TIME_MAX.  RTPROP_OK with *ms set, or RTPROP_ERROR with *ms as it
 * was.
 */
int rtprop_time_parse(const unsigned char *data, size_t len, int64_t *ms);


#endif /* _RTPROP_TIME_H_INCLUDED_ */
