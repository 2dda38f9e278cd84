/*
 * Each second this worker says that it lives, and hears who else does.
 *
 * Its name is machine, slot, process and generation.  Of those of its machine
 * (a zone, in truth) it knows whose process is gone, and says so, that nobody
 * needs to wait for the end of their lease.  It judges names that Redis gave:
 * what it sent by itself might be older than the youngest worker.  A worker
 * that Redis does not know any more takes a new generation and says all that
 * it has once more.
 */

#include "engine/redis/ngx_rtprop_engine_redis.h"
#include "base/ngx_rtprop_zone.h"


#define NGX_RTPROP_ER_PERIOD    1000       /* ms */
#define NGX_RTPROP_ER_REAPING   5000       /* ms */
#define NGX_RTPROP_ER_MACHINE   17         /* octets of a name: it and a dot */
#define NGX_RTPROP_ER_OTHERS    7          /* a reply's names begin there */


static void ngx_rtprop_er_woken(void *data);
static ngx_int_t ngx_rtprop_er_reap_slot(void *data, ngx_uint_t slot);
static u_char *ngx_rtprop_er_name(ngx_rtprop_er_t *er, ngx_uint_t generation,
    u_char *p, u_char *last);
static void ngx_rtprop_er_rename(ngx_rtprop_er_t *er);
static void ngx_rtprop_er_tell(ngx_rtprop_er_t *er, redisReply *heard);
static ngx_uint_t ngx_rtprop_er_next_dead(ngx_rtprop_er_t *er,
    redisReply *heard, ngx_uint_t i, ngx_str_t *id);
static void ngx_rtprop_er_ticked(ngx_rtprop_er_call_t *call);
static void ngx_rtprop_er_heard(ngx_rtprop_er_t *er, redisReply *reply);


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


static u_char *
ngx_rtprop_er_name(ngx_rtprop_er_t *er, ngx_uint_t generation, u_char *p,
    u_char *last)
{
    return ngx_snprintf(p, last - p, "%016xL.%ui.%P.%ui", er->machine,
                        er->worker->slot, ngx_pid, generation);
}


static void
ngx_rtprop_er_rename(ngx_rtprop_er_t *er)
{
    u_char  *p;

    er->generation++;
    er->renamed = ngx_current_msec;

    p = er->id_text;
    p = ngx_cpymem(p, "$worker:", sizeof("$worker:") - 1);
    er->id.data = p;
    er->list.data = er->id_text;

    p = ngx_rtprop_er_name(er, er->generation, p,
                           er->id_text + NGX_RTPROP_ER_ID_MAX);

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
        ngx_rtprop_er_members_again(er, NGX_RTPROP_ER_AGAIN_UNSAID);
        ngx_rtprop_er_members_came(er);
    }

    ngx_add_timer(ev, NGX_RTPROP_ER_PERIOD);
}


/*
 * One at a time: with two under way, the later of which has the name that the
 * answer to the first takes away, that name would live once more; and a second
 * dead worker could come while the first is being reaped.
 */

void
ngx_rtprop_er_lives(ngx_rtprop_er_t *er)
{
    if (er->ticking) {
        er->tick_again = 1;
        return;
    }

    ngx_rtprop_er_tell(er, NULL);
}


/* heard: the last reply, if it has names of the dead. */

static void
ngx_rtprop_er_tell(ngx_rtprop_er_t *er, redisReply *heard)
{
    size_t                 size;
    ngx_str_t              workers, machine, dead;
    ngx_uint_t             i, n;
    ngx_rtprop_er_call_t  *call;

    n = heard ? ngx_min(heard->elements, NGX_RTPROP_SLOTS) : 0;
    size = 3 * sizeof("$workers") + (3 + n) * NGX_RTPROP_ER_ID_MAX;

    call = ngx_rtprop_er_call(er, NGX_RTPROP_ER_TICK, 13 + n, size);

    if (call == NULL) {
        return;
    }

    ngx_str_set(&workers, "$workers");
    ngx_rtprop_er_key(call, &workers, ":z");
    ngx_rtprop_er_key(call, &workers, ":r");
    ngx_rtprop_er_key(call, &workers, ":n");

    ngx_rtprop_er_copy(call, &er->id);
    ngx_rtprop_er_number(call, er->worker->conf->presence_lease);
    ngx_rtprop_er_number(call, ngx_rtprop_er_draining(er));
    ngx_rtprop_er_copy(call, &er->reaping);
    ngx_rtprop_er_number(call, NGX_RTPROP_ER_REAPING);

    machine.data = er->id.data;
    machine.len = NGX_RTPROP_ER_MACHINE;
    ngx_rtprop_er_copy(call, &machine);
    ngx_rtprop_er_number_ask(er, call);
    ngx_rtprop_er_number(call, er->known ? er->born : 0);
    ngx_rtprop_er_number(call, er->answered);

    for (i = NGX_RTPROP_ER_OTHERS; i < n; i++) {
        i = ngx_rtprop_er_next_dead(er, heard, i, &dead);

        if (i < n) {
            ngx_rtprop_er_copy(call, &dead);
        }
    }

    er->ticking = 1;
    ngx_rtprop_er_send(call, ngx_rtprop_er_ticked, NULL);
}


/* Where the next dead one is among those heard of, from i on, or the end. */

static ngx_uint_t
ngx_rtprop_er_next_dead(ngx_rtprop_er_t *er, redisReply *heard, ngx_uint_t i,
    ngx_str_t *id)
{
    for ( /* void */ ; i < heard->elements; i++) {
        ngx_rtprop_er_get_text(heard, i, id);

        if (id->len < NGX_RTPROP_ER_ID_MAX && ngx_rtprop_er_is_dead(er, id)) {
            break;
        }
    }

    return i;
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
    redisReply       *reply;
    ngx_rtprop_er_t  *er;

    er = call->er;
    er->ticking = 0;
    reply = ngx_rtprop_er_array(call, NGX_RTPROP_ER_OTHERS);

    if (reply) {
        ngx_rtprop_er_heard(er, reply);

    } else if (!er->known) {

        /* a name that Redis may hear yet, and that would never have a lease */

        ngx_rtprop_er_rename(er);
        ngx_rtprop_er_members_again(er, NGX_RTPROP_ER_AGAIN_REAPED);
    }

    if (er->tick_again && !er->ticking) {
        er->tick_again = 0;
        ngx_rtprop_er_lives(er);
    }
}


static void
ngx_rtprop_er_heard(ngx_rtprop_er_t *er, redisReply *reply)
{
    int64_t     known;
    ngx_str_t   dead;
    ngx_uint_t  soon;

    known = ngx_rtprop_er_get_number(reply, 0);
    er->answered = ngx_rtprop_er_get_number(reply, 1);
    ngx_rtprop_er_get_text(reply, 2, &dead);

    if (dead.len && dead.len < NGX_RTPROP_ER_ID_MAX - sizeof("$worker:")) {
        ngx_rtprop_er_reap(er, &dead);
    }

    er->born = ngx_rtprop_er_get_number(reply, NGX_RTPROP_ER_OTHERS - 1);

    if (known < 0) {
        ngx_log_error(NGX_LOG_NOTICE, er->worker->log, 0,
                      "rtprop: Redis did not know this worker any more, "
                      "its presence is told again");

        /* a Redis that knows no name, however new, is not asked all the time */

        soon = ngx_current_msec - er->renamed >= NGX_RTPROP_ER_PERIOD;

        ngx_rtprop_er_rename(er);
        er->known = 0;
        er->since = ngx_current_msec;

        if (soon) {
            ngx_rtprop_er_lives(er);
        }

        ngx_rtprop_er_places(er, 1);
        ngx_rtprop_er_members_again(er, known == -1
                                        ? NGX_RTPROP_ER_AGAIN_REAPED
                                        : NGX_RTPROP_ER_AGAIN_ALL);
        return;
    }

    ngx_rtprop_er_numbered(er, reply);
    er->known = 1;

    if (ngx_rtprop_er_next_dead(er, reply, NGX_RTPROP_ER_OTHERS, &dead)
        < reply->elements && !er->ticking)
    {
        ngx_rtprop_er_tell(er, reply);
    }
}


/*
 * The lease of its name, or of a former one that Redis has heard again since
 * it was reaped, ends in the past: whoever ticks next begins to reap.
 */

void
ngx_rtprop_er_dies(ngx_rtprop_er_t *er, ngx_uint_t generation)
{
    u_char                *p;
    ngx_str_t              workers;
    ngx_rtprop_er_call_t  *call;

    call = er->up ? ngx_rtprop_er_call(er, NGX_RTPROP_ER_PLAIN, 4,
                                       NGX_RTPROP_ER_ID_MAX + 64)
                  : NULL;

    if (call) {
        ngx_str_set(&workers, "$workers");
        ngx_rtprop_er_word(call, "ZADD");
        ngx_rtprop_er_key(call, &workers, ":z");
        ngx_rtprop_er_word(call, "0");

        p = ngx_rtprop_er_name(er, generation, call->p, call->end);
        (void) ngx_rtprop_er_room(call, p - call->p);

        ngx_rtprop_er_send(call, ngx_rtprop_er_ignore, NULL);
    }
}
