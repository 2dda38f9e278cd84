/*
 * The rules of an auction's course: what an agent may order when, and what the
 * clock does by itself; the only place where they stand.
 */


#include "features/auction/rtprop_auction.h"


static int rtprop_auction_switch(rtprop_auction_t *a,
    rtprop_auction_action_e what, int64_t now);
static void rtprop_auction_resume(rtprop_auction_t *a, int64_t now);
static int rtprop_auction_extend(rtprop_auction_t *a, int64_t end,
    int64_t now, rtprop_invalid_t *why);
static void rtprop_auction_finish(rtprop_auction_t *a,
    rtprop_auction_status_e status, int64_t at);


/* In the order of rtprop_auction_action_e: the states that allow it. */

static const unsigned char  rtprop_auction_allowed[] = {
    1 << RTPROP_AUCTION_SCHEDULED,
    1 << RTPROP_AUCTION_LIVE,
    1 << RTPROP_AUCTION_PAUSED,
    1 << RTPROP_AUCTION_LIVE | 1 << RTPROP_AUCTION_PAUSED,
    1 << RTPROP_AUCTION_LIVE | 1 << RTPROP_AUCTION_PAUSED,
    1 << RTPROP_AUCTION_SCHEDULED | 1 << RTPROP_AUCTION_LIVE
        | 1 << RTPROP_AUCTION_PAUSED,
    1 << RTPROP_AUCTION_LIVE | 1 << RTPROP_AUCTION_PAUSED
};


int
rtprop_auction_act(rtprop_auction_t *a, rtprop_auction_action_e what,
    int64_t arg, int64_t now, rtprop_invalid_t *why)
{
    why->field = NULL;
    why->message = NULL;

    if (!(rtprop_auction_allowed[what] & (1u << a->status))) {
        return RTPROP_DECLINED;
    }

    switch (what) {

    case RTPROP_AUCTION_START:
    case RTPROP_AUCTION_PAUSE:
        return rtprop_auction_switch(a, what, now);

    case RTPROP_AUCTION_RESUME:
        rtprop_auction_resume(a, now);
        break;

    case RTPROP_AUCTION_EXTEND_BY:
        if (arg < 1 || arg > RTPROP_AUCTION_SPAN_MAX) {
            why->field = "by_ms";
            why->message = "by_ms must be 1 to 2592000000";
            return RTPROP_ERROR;
        }

        return rtprop_auction_extend(a, a->ends_at + arg, now, why);

    case RTPROP_AUCTION_EXTEND_TO:
        return rtprop_auction_extend(a, arg, now, why);

    case RTPROP_AUCTION_CANCEL:
        rtprop_auction_finish(a, RTPROP_AUCTION_CANCELLED, now);
        break;

    case RTPROP_AUCTION_END:

        /* one that the clock has ended already ended then */

        if (a->status == RTPROP_AUCTION_LIVE && now > a->ends_at) {
            now = a->ends_at;
        }

        rtprop_auction_finish(a, RTPROP_AUCTION_ENDED, now);
        break;
    }

    return RTPROP_OK;
}


/* Sets the clock going or stops it, while there is time on it. */

static int
rtprop_auction_switch(rtprop_auction_t *a, rtprop_auction_action_e what,
    int64_t now)
{
    if (now >= a->ends_at) {
        return RTPROP_DECLINED;
    }

    if (what == RTPROP_AUCTION_PAUSE) {
        a->status = RTPROP_AUCTION_PAUSED;
        a->paused_at = now;
        return RTPROP_OK;
    }

    a->status = RTPROP_AUCTION_LIVE;

    if (now < a->starts_at) {
        a->starts_at = now;
    }

    return RTPROP_OK;
}


static void
rtprop_auction_resume(rtprop_auction_t *a, int64_t now)
{
    int64_t  pause;

    pause = now > a->paused_at ? now - a->paused_at : 0;

    if (pause > RTPROP_AUCTION_TIME_MAX - a->ends_at) {
        pause = RTPROP_AUCTION_TIME_MAX - a->ends_at;
    }

    a->status = RTPROP_AUCTION_LIVE;
    a->paused_at = 0;
    a->ends_at += pause;
}


static int
rtprop_auction_extend(rtprop_auction_t *a, int64_t end, int64_t now,
    rtprop_invalid_t *why)
{
    if (a->status == RTPROP_AUCTION_LIVE && now >= a->ends_at) {
        return RTPROP_DECLINED;
    }

    if (end <= a->ends_at || end > RTPROP_AUCTION_TIME_MAX) {
        why->field = "ends_at";
        why->message = "ends_at must be later than it is";
        return RTPROP_ERROR;
    }

    a->ends_at = end;

    return RTPROP_OK;
}


static void
rtprop_auction_finish(rtprop_auction_t *a, rtprop_auction_status_e status,
    int64_t at)
{
    a->status = status;
    a->paused_at = 0;
    a->ended_at = at;
}


int64_t
rtprop_auction_next_due(const rtprop_auction_t *a)
{
    switch (a->status) {

    case RTPROP_AUCTION_SCHEDULED:
        return a->starts_at;

    case RTPROP_AUCTION_LIVE:
        return a->ends_at;

    default:
        return -1;
    }
}


rtprop_auction_event_e
rtprop_auction_tick(rtprop_auction_t *a, int64_t now)
{
    int64_t  due;

    due = rtprop_auction_next_due(a);

    if (due == -1 || now < due) {
        return RTPROP_AUCTION_NOTHING;
    }

    if (a->status == RTPROP_AUCTION_SCHEDULED) {
        a->status = RTPROP_AUCTION_LIVE;
        return RTPROP_AUCTION_STARTED;
    }

    rtprop_auction_finish(a, RTPROP_AUCTION_ENDED, a->ends_at);

    return RTPROP_AUCTION_CLOSED;
}


int64_t
rtprop_auction_remaining(const rtprop_auction_t *a, int64_t now)
{
    int64_t  left;

    switch (a->status) {

    case RTPROP_AUCTION_PAUSED:
        left = a->ends_at - a->paused_at;
        break;

    case RTPROP_AUCTION_SCHEDULED:
    case RTPROP_AUCTION_LIVE:
        left = a->ends_at - now;
        break;

    default:
        left = 0;
    }

    return left > 0 ? left : 0;
}
