#include "ops.h"


static void
op_done(ngx_rtprop_op_t *op)
{
    op->data = NULL;
}


/* For those below that only the embedded engine has: it is done at once. */

static void
op_init(ops_answer_t *a, ngx_rtprop_op_t *op)
{
    op->done = op_done;
    op->data = a;
    op->pool = a->r->pool;
    op->rc = NGX_AGAIN;
}


ngx_int_t
ops_events(ops_answer_t *a, ngx_rtprop_event_t *ev, ngx_uint_t n)
{
    size_t      size;
    ngx_uint_t  i;

    ngx_memzero(ev, n * sizeof(ngx_rtprop_event_t));
    size = ops_int(a, "size");

    for (i = 0; i < n; i++) {
        ev[i].channel = ops_arg(a, "channel");
        ev[i].type = ops_arg(a, "type");
        ev[i].payload = ops_arg(a, "payload");
        ev[i].flags = ops_int(a, "flags");
        ev[i].skip_user = ops_arg(a, "skip");
        ev[i].user = ops_arg(a, "user");
        ev[i].id = ops_int(a, "id");

        if (size) {
            ev[i].payload.len = size;
            ev[i].payload.data = ngx_palloc(a->r->pool, size);

            if (ev[i].payload.data == NULL) {
                return NGX_ERROR;
            }

            ngx_memset(ev[i].payload.data, 'x', size);
        }
    }

    return NGX_OK;
}


static void
op_rate(ops_answer_t *a)
{
    ngx_int_t          rc;
    ngx_str_t          user;
    ngx_msec_t         retry;
    ngx_rtprop_rate_t  rate;

    user = ops_arg(a, "user");
    rate.rate = ops_int(a, "rate");
    rate.burst = ops_int(a, "burst");

    rc = ngx_rtprop_limit_rate(a->ops->worker, &user, ops_int(a, "class"),
                               &rate, &retry);

    ops_say(a, "rc=%i retry=%M\n", rc, retry);
}


static void
op_stats(ops_answer_t *a)
{
    ngx_chain_t  *cl;

    for (cl = ngx_rtprop_stat_render(a->ops->worker, a->r->pool);
         cl;
         cl = cl->next)
    {
        ops_say(a, "%*s", (size_t) (cl->buf->last - cl->buf->pos),
                cl->buf->pos);
    }
}


/* What this worker saw; reading forgets the notes. */

static void
op_seen(ops_answer_t *a)
{
    ops_t       *ops;
    ngx_uint_t   i;

    ops = a->ops;

    ops_say(a, "delivered=%uL batches=%uL lost=%uL broken=%uL refused=%uL "
            "storm=%d last=", ops->delivered, ops->batches, ops->lost,
            ops->broken, ops->refused, ops->storm.timer_set);

    for (i = 0; i < OPS_CHANNELS; i++) {
        ops_say(a, "%uL,", ops->last[i]);
    }

    ops_say(a, "\n%*s", ops->notes_len, ops->notes);
    ops->notes_len = 0;
}


static void
op_listen(ops_answer_t *a)
{
    a->ops->listen = 1;
}


/* With die: is killed so many microseconds after the storm has begun. */

static void
op_storm(ops_answer_t *a)
{
    a->ops->storm_die = ops_int(a, "die");
    a->ops->storm_end = ngx_current_msec + ops_int(a, "ms");
    ngx_add_timer(&a->ops->storm, 1);
}


/* Keeps this worker from its loop, so that the ring overruns it. */

static void
op_stall(ops_answer_t *a)
{
    int64_t  end;

    end = ngx_rtprop_zone_clock() + ops_int(a, "ms");

    while (ngx_rtprop_zone_clock() < end) { /* void */ }
}


/* Dies in the middle of a transaction, holding the lock. */

static void
op_die(ops_answer_t *a)
{
    ngx_rtprop_shm_t      *shm;
    ngx_rtprop_zone_t     *zone;
    ngx_rtprop_ref_t       ref;
    ngx_rtprop_shm_root_t *root;

    shm = a->ops->engine->data;
    zone = shm->zone;
    root = shm->root;

    ngx_rtprop_zone_lock(zone);

    ref = ngx_rtprop_zone_alloc(zone, 3000);
    ngx_rtprop_zone_log(zone, &root->buckets, 8);
    root->buckets = ref;
    ngx_rtprop_zone_log(zone, &root->written, 8);
    root->written += 100;

    (void) kill(ngx_pid, SIGKILL);
}


/* Stops in the middle of a transaction, holding the lock. */

static void
op_hold(ops_answer_t *a)
{
    ngx_rtprop_shm_t  *shm;

    shm = a->ops->engine->data;

    ngx_rtprop_zone_lock(shm->zone);
    (void) kill(ngx_pid, SIGSTOP);
    ngx_rtprop_zone_unlock(shm->zone);
}


/* Many members of one set, or events in as many channels. */

static void
op_fill(ops_answer_t *a)
{
    u_char                 name[32];
    ngx_uint_t             i, n, first, done;
    ngx_rtprop_event_t     ev;
    ngx_rtprop_publish_t   op;
    ngx_rtprop_presence_t  member;

    n = ops_int(a, "n");
    first = ops_int(a, "first");
    done = 0;

    for (i = first; i < first + n; i++) {

        if (ops_arg(a, "set").len) {
            ngx_memzero(&member, sizeof(member));
            op_init(a, &member.op);
            member.set = ops_arg(a, "set");
            member.user.data = name;
            member.user.len = ngx_sprintf(name, "user%ui", i) - name;
            ngx_memcpy(member.session, "session-session-", 16);

            a->ops->engine->presence_add(a->ops->engine, &member);
            done += (member.op.rc == NGX_OK);
            continue;
        }

        if (ops_events(a, &ev, 1) != NGX_OK) {
            return;
        }

        ngx_memzero(&op, sizeof(op));
        op_init(a, &op.op);
        op.events = &ev;
        op.nevents = 1;
        ev.channel.data = name;
        ev.channel.len = ngx_sprintf(name, "fill:%ui", i) - name;

        a->ops->engine->publish(a->ops->engine, &op);
        done += (op.op.rc == NGX_OK);
    }

    ops_say(a, "done=%ui\n", done);
}


static void
op_extra(ops_answer_t *a)
{
    ngx_rtprop_stat_bump(a->ops->worker, &ops_stats[0], ops_int(a, "n"));
    ngx_rtprop_stat_bump(a->ops->worker, &ops_stats[1], ops_int(a, "n"));
    ngx_rtprop_stat_observe(a->ops->worker, &ops_stats[2], ops_int(a, "n"));

    ops_say(a, "value=%L\n",
            ngx_rtprop_stat_value(a->ops->worker, &ops_stats[0]));
}


static void
op_time(ops_answer_t *a)
{
    uint64_t              start;
    struct timespec       ts;
    ngx_uint_t            i, n;
    ngx_rtprop_event_t    ev;
    ngx_rtprop_publish_t  op;

    n = ops_int(a, "n");

    clock_gettime(CLOCK_MONOTONIC, &ts);
    start = ts.tv_sec * 1000000000ULL + ts.tv_nsec;

    if (ops_events(a, &ev, 1) != NGX_OK) {
        return;
    }

    ngx_memzero(&op, sizeof(op));
    op_init(a, &op.op);
    op.events = &ev;
    op.nevents = 1;

    for (i = 0; i < n; i++) {
        a->ops->engine->publish(a->ops->engine, &op);
    }

    clock_gettime(CLOCK_MONOTONIC, &ts);

    ops_say(a, "rc=%i ns=%uL\n", op.op.rc,
            (ts.tv_sec * 1000000000ULL + ts.tv_nsec - start) / n);
}


ops_op_t  ops_list[] = {
    { ngx_string("publish"), ops_publish },
    { ngx_string("carry"), ops_carry },
    { ngx_string("history"), ops_history },
    { ngx_string("unsubscribe"), ops_unsubscribe },
    { ngx_string("add"), ops_add },
    { ngx_string("remove"), ops_remove },
    { ngx_string("members"), ops_members },
    { ngx_string("get"), ops_get },
    { ngx_string("put"), ops_put },
    { ngx_string("lease"), ops_lease },
    { ngx_string("release"), ops_release },
    { ngx_string("schedule"), ops_schedule },
    { ngx_string("done"), ops_schedule_done },
    { ngx_string("counter"), ops_counter },
    { ngx_string("channels"), ops_channels },
    { ngx_string("rate"), op_rate },
    { ngx_string("stats"), op_stats },
    { ngx_string("seen"), op_seen },
    { ngx_string("listen"), op_listen },
    { ngx_string("storm"), op_storm },
    { ngx_string("stall"), op_stall },
    { ngx_string("die"), op_die },
    { ngx_string("hold"), op_hold },
    { ngx_string("fill"), op_fill },
    { ngx_string("extra"), op_extra },
    { ngx_string("time"), op_time },
    { ngx_string("check"), ops_check },
    { ngx_null_string, NULL }
};
