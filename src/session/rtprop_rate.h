/*
 * rtprop_rate: token buckets.
 */

#ifndef _RTPROP_RATE_H_INCLUDED_
#define _RTPROP_RATE_H_INCLUDED_


#include "base/rtprop_base.h"


#define RTPROP_RATE_TOKEN       1000000LL     /* microtokens in a token */
#define RTPROP_RATE_MAX         1000000000    /* millitokens a second */
#define RTPROP_RATE_BURST_MAX   1000000       /* tokens */
#define RTPROP_RATE_RETRY_MAX   3600000       /* ms */


/*
 * The state of one bucket; zeroed, it is a full one that was never used.  It
 * holds no pointer and may lie in shared memory under a lock.
 */

typedef struct {
    int64_t     tokens;       /* microtokens */
    int64_t     last;         /* ms since the epoch, 0: never used */
} rtprop_rate_t;


/*
 * Takes one token.  rate is in millitokens a second, 1 to RTPROP_RATE_MAX;
 * burst, the size of the bucket, in tokens, 1 to RTPROP_RATE_BURST_MAX; what
 * is beyond is clipped.  now is in ms since the epoch, over 0.  A clock that
 * goes back gives nothing and takes nothing: the bucket goes on from there.
 *
 * RTPROP_OK, or RTPROP_DECLINED with *retry_after set to the ms until a token
 * will be there (1 to RTPROP_RATE_RETRY_MAX) and no token taken.
 */
int rtprop_rate_take(rtprop_rate_t *bucket, int64_t rate, int64_t burst,
    int64_t now, int64_t *retry_after);


/* Whether a bucket is full again by now, so that its state can be dropped. */
int rtprop_rate_full(const rtprop_rate_t *bucket, int64_t rate,
    int64_t burst, int64_t now);


/*
 * Reads "5r/s" or "30r/m" into millitokens a second, 1 to RTPROP_RATE_MAX.
 * RTPROP_OK, or RTPROP_ERROR with *rate as it was.
 */
int rtprop_rate_parse(const unsigned char *data, size_t len, int64_t *rate);


#endif /* _RTPROP_RATE_H_INCLUDED_ */
