#include "ops.h"

#include <signal.h>
#include <time.h>


#define STORM_OPS   500                /* in a turn of the loop */


static void
storm_done(ngx_rtprop_op_t *op)
{
    ops_t  *ops;

    ops = op->data;
    ops->refused += (op->rc == NGX_BUSY || op->rc == NGX_ERROR);
}


static ngx_str_t
storm_name(u_char *buf, const char *prefix, ngx_uint_t n)
{
    ngx_str_t  name;

    name.data = buf;
    name.len = ngx_sprintf(buf, "%s%ui", prefix, n) - buf;

    return name;
}


static void
storm_event(ngx_rtprop_event_t *ev, u_char *name, u_char *payload)
{
    ngx_memzero(ev, sizeof(ngx_rtprop_event_t));

    ev->channel = storm_name(name, "storm:", ngx_random() % OPS_CHANNELS);
    ngx_str_set(&ev->type, "storm");
    ev->payload.len = 6 + ngx_random() % (ngx_random() % 50 ? 500 : 9000);
    ev->payload.data = payload;
    ngx_sprintf(payload, "%06uz", ev->payload.len);
    ev->flags = (ngx_random() % 4) ? 0 : NGX_RTPROP_EV_VOLATILE;
}


static void
storm_publish(ops_t *ops, ngx_pool_t *pool)
{
    u_char                 name[4][16], *payload;
    ngx_uint_t             i;
    ngx_rtprop_event_t     ev[4];
    ngx_rtprop_publish_t   op;

    ngx_memzero(&op, sizeof(op));

    op.op.done = storm_done;
    op.op.data = ops;
    op.op.pool = pool;
    op.events = ev;
    op.nevents = 1 + ngx_random() % 4;

    for (i = 0; i < op.nevents; i++) {
        payload = ngx_pcalloc(pool, 10000);
        storm_event(&ev[i], name[i], payload);
    }

    ops->engine->publish(ops->engine, &op);
}


static void
storm_presence(ops_t *ops, ngx_pool_t *pool)
{
    u_char                 set[16], user[16], info[16];
    ngx_rtprop_presence_t  op;

    ngx_memzero(&op, sizeof(op));
    op.op.done = storm_done;
    op.op.data = ops;
    op.op.pool = pool;

    op.set = storm_name(set, "set:", ngx_random() % 5);
    op.user = storm_name(user, "storm", ngx_random() % 20);
    op.info = storm_name(info, "info", ngx_random() % 100000);
    ngx_sprintf(op.session, "%05P-%02d", ngx_pid, (int) (ngx_random() % 40));

    if (ngx_random() % 2) {
        ops->engine->presence_add(ops->engine, &op);

    } else {
        ops->engine->presence_remove(ops->engine, &op);
    }
}


static void
storm_state(ops_t *ops, ngx_pool_t *pool)
{
    u_char               key[16], name[16], *payload, *value;
    ngx_rtprop_event_t   ev;
    ngx_rtprop_state_t   op;

    payload = ngx_pcalloc(pool, 10000);
    value = ngx_pcalloc(pool, 10000);

    ngx_memzero(&op, sizeof(op));
    op.op.done = storm_done;
    op.op.data = ops;
    op.op.pool = pool;
    op.key = storm_name(key, "doc:", ngx_random() % 10);

    ops->engine->state_get(ops->engine, &op);

    op.value.data = (ngx_random() % 10) ? value : NULL;
    op.value.len = op.value.data ? ngx_random() % 6000 : 0;
    op.ttl = (ngx_random() % 2) ? 1000 : 0;

    if (ngx_random() % 2) {
        storm_event(&ev, name, payload);
        op.events = &ev;
        op.nevents = 1;
    }

    ops->engine->state_put(ops->engine, &op);
}


static void
storm_lease(ops_t *ops, ngx_pool_t *pool)
{
    u_char              name[16];
    ngx_rtprop_lease_t  op;

    ngx_memzero(&op, sizeof(op));
    op.op.done = storm_done;
    op.op.data = ops;
    op.op.pool = pool;
    op.name = storm_name(name, "storm", ngx_random() % 10);
    op.ttl = ngx_random() % 3000;

    ops->engine->lease(ops->engine, &op);

    if (op.op.rc == NGX_OK && ngx_random() % 2) {
        ops->engine->release(ops->engine, &op);
    }
}


static void
storm_schedule(ops_t *ops, ngx_pool_t *pool)
{
    u_char                 key[16];
    ngx_rtprop_schedule_t  op;

    ngx_memzero(&op, sizeof(op));
    op.op.done = storm_done;
    op.op.data = ops;
    op.op.pool = pool;
    op.key = storm_name(key, "storm", ngx_random() % 500);
    ngx_str_set(&op.payload, "storm");
    op.due = (ngx_random() % 5) ? ngx_rtprop_now() + ngx_random() % 2000 : 0;

    ops->engine->schedule(ops->engine, &op);
}


static void
storm_rest(ops_t *ops, ngx_pool_t *pool)
{
    u_char                name[16];
    ngx_str_t             user;
    ngx_msec_t            retry;
    ngx_rtprop_rate_t     rate;
    ngx_rtprop_counter_t  counter;
    ngx_rtprop_history_t  history;

    ngx_memzero(&counter, sizeof(counter));
    counter.op.done = storm_done;
    counter.op.data = ops;
    counter.op.pool = pool;
    ngx_str_set(&counter.name, "storm");
    counter.delta = 1;

    ops->engine->counter(ops->engine, &counter);

    ngx_memzero(&history, sizeof(history));
    history.op.done = storm_done;
    history.op.data = ops;
    history.op.pool = pool;
    history.channel = storm_name(name, "storm:", ngx_random() % OPS_CHANNELS);
    history.limit = 5;
    history.tail = 1;
    history.subscribe = ngx_random() % 2;

    ops->engine->history(ops->engine, &history);

    if (ngx_random() % 2) {
        ops->engine->unsubscribe(ops->engine, &history.channel, 1);
    }

    user = storm_name(name, "user", ngx_random() % 5000);
    rate.rate = 5000;
    rate.burst = 5;

    (void) ngx_rtprop_limit_rate(ops->worker, &user, NGX_RTPROP_RATE_BID,
                                 &rate, &retry);
}


/* By a timer of the kernel, so at any instruction. */

static void
storm_die_soon(ops_t *ops)
{
    timer_t            timer;
    struct sigevent    sev;
    struct itimerspec  its;

    if (ops->storm_die == 0) {
        return;
    }

    ngx_memzero(&sev, sizeof(sev));
    ngx_memzero(&its, sizeof(its));

    sev.sigev_notify = SIGEV_SIGNAL;
    sev.sigev_signo = SIGKILL;
    its.it_value.tv_nsec = ops->storm_die * 1000;
    ops->storm_die = 0;

    if (timer_create(CLOCK_MONOTONIC, &sev, &timer) == -1
        || timer_settime(timer, 0, &its, NULL) == -1)
    {
        ngx_log_error(NGX_LOG_ALERT, ops->worker->log, ngx_errno,
                      "timer failed");
    }
}


void
ops_storm(ngx_event_t *ev)
{
    ops_t       *ops;
    ngx_uint_t   i;
    ngx_pool_t  *pool;

    ops = ev->data;

    if ((ngx_msec_int_t) (ops->storm_end - ngx_current_msec) <= 0) {
        return;
    }

    storm_die_soon(ops);

    for (i = 0; i < STORM_OPS; i++) {
        pool = ngx_create_pool(4096, ops->worker->log);

        switch (ngx_random() % 6) {
        case 0: storm_publish(ops, pool); break;
        case 1: storm_presence(ops, pool); break;
        case 2: storm_state(ops, pool); break;
        case 3: storm_lease(ops, pool); break;
        case 4: storm_schedule(ops, pool); break;
        default: storm_rest(ops, pool);
        }

        ngx_destroy_pool(pool);
    }

    ngx_add_timer(ev, 1);
}
