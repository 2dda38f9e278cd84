/*
 * Each second this worker says that it lives, and hears who else does.
 *
 * Its name is machine, slot, process and generation.  The machine (a zone, in
 * truth) tells others whose process is gone, so that they need not wait for
 * the end of its lease.  A worker that Redis does not know any more takes a
 * new generation and says all that it has once more.
 */

#include "engine/redis/ngx_rtprop_engine_redis.h"
#include "base/ngx_rtprop_zone.h"


#define NGX_RTPROP_ER_PERIOD    1000       /* ms */
#define NGX_RTPROP_ER_REAPING   5000       /* ms */
#define NGX_RTPROP_ER_MACHINE   17         /* octets of a name: it and a dot */


static void ngx_rtprop_er_woken(void *data);
static ngx_int_t ngx_rtprop_er_reap_slot(void *data, ngx_uint_t slot);
static void ngx_rtprop_er_rename(ngx_rtprop_er_t *er);
static void ngx_rtprop_er_process(ngx_rtprop_er_call_t *call, ngx_uint_t slot,
    ngx_uint_t pid);
static void ngx_rtprop_er_ticked(ngx_rtprop_er_call_t *call);


ngx_int_t
ngx_rtprop_er_tick_init(ngx_rtprop_er_t *er)
{
    er->machine = ngx_rtprop_zone_hash(er->worker->zone, "machine", 7);

    ngx_rtprop_er_rename(er);

    er->tick.handler = ngx_rtprop_er_tick;
    er->tick.data = er;
    er->tick.log = er->worker->log;
    er->tick.cancelable = 1;

    ngx_add_timer(&er->tick, 1);

    /* a worker of this machine that died is noticed by its zone */

    ngx_rtprop_zone_on_wake(er->worker->zone, ngx_rtprop_er_woken, er);
    ngx_rtprop_zone_sleep(er->worker->zone);

    return ngx_rtprop_zone_on_reap(er->worker->zone, ngx_rtprop_er_reap_slot,
                                   er);
}


static void
ngx_rtprop_er_woken(void *data)
{
    ngx_rtprop_er_t *er = data;

    ngx_rtprop_zone_sleep(er->worker->zone);
}


static ngx_int_t
ngx_rtprop_er_reap_slot(void *data, ngx_uint_t slot)
{
    ngx_rtprop_er_t *er = data;

    if (er->known && er->up) {
        ngx_rtprop_er_lives(er);
    }

    return NGX_OK;
}


static void
ngx_rtprop_er_rename(ngx_rtprop_er_t *er)
{
    u_char  *p;

    er->generation++;

    p = er->id_text;
    p = ngx_cpymem(p, "$worker:", sizeof("$worker:") - 1);
    er->id.data = p;
    er->list.data = er->id_text;

    p = ngx_snprintf(p, er->id_text + NGX_RTPROP_ER_ID_MAX - p,
                     "%016xL.%ui.%P.%ui", er->machine, er->worker->slot,
                     ngx_pid, er->generation);

    er->id.len = p - er->id.data;
    er->list.len = p - er->list.data;
}


void
ngx_rtprop_er_tick(ngx_event_t *ev)
{
    ngx_rtprop_er_t  *er;

    er = ev->data;

    /* the first attempt to connect has failed: nobody waits for the next */

    if (!er->up && !er->away
        && ngx_strcmp(ngx_rtprop_redis_status(er->redis), "connecting") != 0)
    {
        er->away = 1;
        ngx_rtprop_er_subs_down(er);
    }

    if (!er->away) {
        ngx_rtprop_er_lives(er);
        ngx_rtprop_er_schedule_due(&er->due);
        ngx_rtprop_er_places(er, 0);
        ngx_rtprop_er_members_again(er, 0);
    }

    ngx_add_timer(ev, NGX_RTPROP_ER_PERIOD);
}


void
ngx_rtprop_er_lives(ngx_rtprop_er_t *er)
{
    size_t                 size;
    ngx_str_t              workers, machine;
    ngx_uint_t             i;
    ngx_rtprop_slot_t     *slot;
    ngx_rtprop_er_call_t  *call;

    size = 2 * sizeof("$workers") + 3 * NGX_RTPROP_ER_ID_MAX
           + NGX_RTPROP_SLOTS * NGX_INT64_LEN;

    call = ngx_rtprop_er_call(er, NGX_RTPROP_ER_TICK, 7 + NGX_RTPROP_SLOTS,
                              size);

    if (call == NULL) {
        return;
    }

    ngx_str_set(&workers, "$workers");
    ngx_rtprop_er_key(call, &workers, ":z");
    ngx_rtprop_er_key(call, &workers, ":r");

    ngx_rtprop_er_copy(call, &er->id);
    ngx_rtprop_er_number(call, er->worker->conf->presence_lease);
    ngx_rtprop_er_number(call, ngx_rtprop_er_draining(er));
    ngx_rtprop_er_copy(call, &er->reaping);
    ngx_rtprop_er_number(call, NGX_RTPROP_ER_REAPING);

    machine.data = er->id.data;
    machine.len = NGX_RTPROP_ER_MACHINE;
    ngx_rtprop_er_copy(call, &machine);

    for (i = 0; i < NGX_RTPROP_SLOTS; i++) {
        slot = ngx_rtprop_zone_slot(er->worker->zone, i);

        if (slot->pid && ngx_rtprop_zone_alive(slot)) {
            ngx_rtprop_er_process(call, i, slot->pid);
        }
    }

    call->number = er->generation;

    ngx_rtprop_er_send(call, ngx_rtprop_er_ticked, NULL);
}


static void
ngx_rtprop_er_process(ngx_rtprop_er_call_t *call, ngx_uint_t slot,
    ngx_uint_t pid)
{
    u_char     text[2 * NGX_INT64_LEN + 1];
    ngx_str_t  process;

    process.data = text;
    process.len = ngx_sprintf(text, "%ui.%ui", slot, pid) - text;

    ngx_rtprop_er_copy(call, &process);
}


/* A worker of this machine whose slot has no process, or another one. */

ngx_uint_t
ngx_rtprop_er_is_dead(ngx_rtprop_er_t *er, ngx_str_t *id)
{
    u_char             *p, *slot, *pid, *last;
    ngx_int_t           n, process;
    ngx_rtprop_slot_t  *s;

    last = id->data + id->len;

    if (id->len < NGX_RTPROP_ER_MACHINE
        || ngx_memcmp(id->data, er->id.data, NGX_RTPROP_ER_MACHINE) != 0)
    {
        return 0;
    }

    slot = id->data + NGX_RTPROP_ER_MACHINE;
    pid = ngx_strlchr(slot, last, '.');
    p = pid ? ngx_strlchr(pid + 1, last, '.') : NULL;

    if (p == NULL) {
        return 0;
    }

    n = ngx_atoi(slot, pid - slot);
    process = ngx_atoi(pid + 1, p - pid - 1);

    if (n < 0 || n >= NGX_RTPROP_SLOTS || process <= 0) {
        return 0;
    }

    s = ngx_rtprop_zone_slot(er->worker->zone, n);

    return s->pid != (ngx_atomic_uint_t) process || !ngx_rtprop_zone_alive(s);
}


static void
ngx_rtprop_er_ticked(ngx_rtprop_er_call_t *call)
{
    int64_t           known;
    ngx_str_t         dead;
    redisReply       *reply;
    ngx_rtprop_er_t  *er;

    er = call->er;
    reply = ngx_rtprop_er_array(call, 3);

    if (reply == NULL || call->number != er->generation) {
        return;
    }

    known = ngx_rtprop_er_get_number(reply, 0);
    ngx_rtprop_er_get_text(reply, 2, &dead);

    if (known == -1 || (known == 0 && er->known)) {
        ngx_log_error(NGX_LOG_NOTICE, er->worker->log, 0,
                      "rtprop: Redis did not know this worker any more, "
                      "its presence is told again");

        ngx_rtprop_er_rename(er);
        er->known = 0;
        ngx_rtprop_er_lives(er);
        ngx_rtprop_er_places(er, 1);
        ngx_rtprop_er_members_again(er, 1);
        return;
    }

    er->known = 1;

    if (dead.len && dead.len < NGX_RTPROP_ER_ID_MAX - sizeof("$worker:")) {
        ngx_rtprop_er_reap(er, &dead);
    }
}


/* Its own lease ends in the past: whoever ticks next begins to reap. */

void
ngx_rtprop_er_dies(ngx_rtprop_er_t *er)
{
    ngx_str_t              workers;
    ngx_rtprop_er_call_t  *call;

    call = er->up ? ngx_rtprop_er_call(er, NGX_RTPROP_ER_PLAIN, 5,
                                       er->id.len + 64)
                  : NULL;

    if (call) {
        ngx_str_set(&workers, "$workers");
        ngx_rtprop_er_word(call, "ZADD");
        ngx_rtprop_er_key(call, &workers, ":z");
        ngx_rtprop_er_word(call, "XX");
        ngx_rtprop_er_word(call, "0");
        ngx_rtprop_er_copy(call, &er->id);
        ngx_rtprop_er_send(call, ngx_rtprop_er_ignore, NULL);
    }
}
