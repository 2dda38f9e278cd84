/*
 * The number of this instance, by which its ids differ from those of others.
 *
 * Each tick renews it (scripts/tick.lua has the register), so no message waits
 * for it.  All workers of an instance, before and after a reload, have the same
 * one: their slots differ.  It counts for a while after the tick that Redis has
 * answered was sent; Redis keeps it for longer, so nobody else has it as long
 * as it counts here, whatever becomes of the connection.
 */

#include "engine/redis/ngx_rtprop_engine_redis.h"


#define NGX_RTPROP_ER_NUMBER_TIME  10000   /* ms; tick.lua keeps it longer */
#define NGX_RTPROP_ER_NUMBER_AFTER 0x7fffffffffff    /* as an id's time is */
#define NGX_RTPROP_ER_NUMBER       3       /* in the reply, then sure, after */


static void ngx_rtprop_er_number_tell(ngx_rtprop_er_t *er);


/* Its number, 1 if it is sure, the time of its last id. */

void
ngx_rtprop_er_number_ask(ngx_rtprop_er_t *er, ngx_rtprop_er_call_t *call)
{
    er->told = ngx_rtprop_usec();

    ngx_rtprop_er_number(call, er->told < er->number.until
                               ? (int64_t) er->number.n : -1);
    ngx_rtprop_er_number(call, er->number.sure);
    ngx_rtprop_er_number(call, er->handler->id_time
                               ? (int64_t) er->handler->id_time(er->hub) : 0);
}


void
ngx_rtprop_er_numbered(ngx_rtprop_er_t *er, redisReply *reply)
{
    int64_t              n, time, after;
    ngx_uint_t           sure;
    ngx_rtprop_number_t  was;

    n = ngx_rtprop_er_get_number(reply, NGX_RTPROP_ER_NUMBER);
    sure = (ngx_rtprop_er_get_number(reply, NGX_RTPROP_ER_NUMBER + 1) == 1);

    if (n < 0 || n >= NGX_RTPROP_NUMBERS) {

        if (!er->unnumbered) {
            ngx_log_error(NGX_LOG_ERR, er->worker->log, 0,
                          "rtprop: all %d numbers of instances are taken: "
                          "ids of this one may be another one's, too",
                          NGX_RTPROP_NUMBERS);
        }

        er->unnumbered = 1;
        er->number.until = 0;
        ngx_rtprop_er_bump(er, NGX_RTPROP_ER_STAT_UNNUMBERED, 1);
        ngx_rtprop_er_number_tell(er);

        return;
    }

    was = er->number;
    after = ngx_rtprop_er_get_number(reply, NGX_RTPROP_ER_NUMBER + 2);
    time = ngx_min(er->worker->conf->presence_lease,
                   NGX_RTPROP_ER_NUMBER_TIME);

    er->unnumbered = 0;
    er->number.n = n;
    er->number.sure = sure;
    er->number.until = er->told + time * 1000;
    er->number.after = (after > 0 && after <= NGX_RTPROP_ER_NUMBER_AFTER)
                       ? after : 0;

    if (was.until == 0 || was.n != er->number.n || was.sure != sure) {
        ngx_log_error(NGX_LOG_INFO, er->worker->log, 0,
                      "rtprop: ids of this instance have the number %L%s", n,
                      sure ? "" : ", which another may still have");
    }

    ngx_rtprop_er_number_tell(er);
}


static void
ngx_rtprop_er_number_tell(ngx_rtprop_er_t *er)
{
    if (er->handler->numbered) {
        er->handler->numbered(er->hub, &er->number);
    }
}
