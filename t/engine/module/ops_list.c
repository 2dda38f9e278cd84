#include "ops.h"


static void
op_done(ngx_rtprop_op_t *op)
{
    op->data = NULL;
}


/* done() was called before the operation returned: the embedded engine's way */

static void
op_init(ops_answer_t *a, ngx_rtprop_op_t *op)
{
    op->done = op_done;
    op->data = a;
    op->pool = a->r->pool;
    op->rc = NGX_AGAIN;
}


static void
op_session(ops_answer_t *a, u_char *id)
{
    ngx_str_t  text;

    text = ops_arg(a, "session");
    ngx_memset(id, '-', NGX_RTPROP_SESSION_ID);
    ngx_memcpy(id, text.data, ngx_min(text.len, NGX_RTPROP_SESSION_ID));
}


static ngx_int_t
op_events(ops_answer_t *a, ngx_rtprop_event_t *ev, ngx_uint_t n)
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
op_publish(ops_answer_t *a)
{
    ngx_uint_t            n;
    ngx_rtprop_event_t   *ev;
    ngx_rtprop_publish_t  op;

    n = ngx_max(ops_int(a, "n"), 1);
    ev = ngx_palloc(a->r->pool, n * sizeof(ngx_rtprop_event_t));

    if (ev == NULL || op_events(a, ev, n) != NGX_OK) {
        return;
    }

    ngx_memzero(&op, sizeof(op));
    op_init(a, &op.op);
    op.events = ev;
    op.nevents = n;

    a->ops->engine->publish(a->ops->engine, &op);

    ops_say(a, "rc=%i epoch=%uxL offset=%uL\n", op.op.rc, ev[n - 1].epoch,
            ev[n - 1].offset);
}


/* n events of one channel from offset on; with "other" a last one of that. */

static void
op_carry(ops_answer_t *a)
{
    ngx_str_t             other;
    ngx_uint_t            i, n;
    ngx_rtprop_event_t   *ev;
    ngx_rtprop_publish_t  op;

    n = ngx_max(ops_int(a, "n"), 1);
    other = ops_arg(a, "other");
    ev = ngx_palloc(a->r->pool, (n + 1) * sizeof(ngx_rtprop_event_t));

    if (ev == NULL || op_events(a, ev, n + 1) != NGX_OK) {
        return;
    }

    for (i = 0; i <= n; i++) {
        ev[i].epoch = ops_hex(a, "epoch");
        ev[i].offset = ops_int(a, "offset") + i;
        ev[i].time = ngx_rtprop_now() - ops_int(a, "ago");
    }

    ev[n].channel = other;
    ev[n].offset = 1;

    ngx_memzero(&op, sizeof(op));
    op_init(a, &op.op);
    op.events = ev;
    op.nevents = other.len ? n + 1 : n;
    op.carried = 1;

    a->ops->engine->publish(a->ops->engine, &op);

    ops_say(a, "rc=%i failed=%ui position=%uL\n", op.op.rc, op.failed,
            op.position);
}


static void
op_history(ops_answer_t *a)
{
    ngx_uint_t             i;
    ngx_rtprop_event_t    *ev;
    ngx_rtprop_history_t   op;

    ngx_memzero(&op, sizeof(op));
    op_init(a, &op.op);

    op.channel = ops_arg(a, "channel");
    op.epoch = ops_hex(a, "epoch");
    op.since = ops_int(a, "since");
    op.limit = ops_int(a, "limit");
    op.flags = ops_int(a, "flags");
    op.before = ops_int(a, "before");
    op.tail = (ops_int(a, "tail") == 1);
    op.subscribe = (ops_int(a, "subscribe") == 1);

    a->ops->engine->history(a->ops->engine, &op);

    ops_say(a, "rc=%i recovered=%d epoch=%uxL offset=%uL first=%uL n=%ui "
            "more=%d\n", op.op.rc, op.recovered, op.epoch, op.offset, op.first,
            op.nevents, op.more);

    for (i = 0; i < op.nevents; i++) {
        ev = &op.events[i];
        ops_say(a, "event %V %V %uL %uz %ui\n", &ev->channel, &ev->type,
                ev->offset, ev->payload.len, ev->flags);
    }
}


static void
op_unsubscribe(ops_answer_t *a)
{
    ngx_str_t  channel;

    channel = ops_arg(a, "channel");
    a->ops->engine->unsubscribe(a->ops->engine, &channel, ops_int(a, "n"));
}


static void
op_presence(ops_answer_t *a, ngx_uint_t add)
{
    ngx_rtprop_engine_t    *e;
    ngx_rtprop_presence_t   op;

    ngx_memzero(&op, sizeof(op));
    op_init(a, &op.op);

    op.set = ops_arg(a, "set");
    op.user = ops_arg(a, "user");
    op.info = ops_arg(a, "info");
    op.max = ops_int(a, "max");
    op_session(a, op.session);

    e = a->ops->engine;

    if (add) {
        e->presence_add(e, &op);

    } else {
        e->presence_remove(e, &op);
    }

    ops_say(a, "rc=%i sessions=%ui users=%ui changed=%d\n", op.op.rc,
            op.sessions, op.users, op.changed);
}


static void
op_add(ops_answer_t *a)
{
    op_presence(a, 1);
}


static void
op_remove(ops_answer_t *a)
{
    op_presence(a, 0);
}


static void
op_members(ops_answer_t *a)
{
    ngx_uint_t            i;
    ngx_rtprop_members_t  op;

    ngx_memzero(&op, sizeof(op));
    op_init(a, &op.op);

    op.set = ops_arg(a, "set");
    op.user = ops_arg(a, "user");
    op.limit = ops_int(a, "limit");

    a->ops->engine->members(a->ops->engine, &op);

    ops_say(a, "rc=%i users=%ui sessions=%ui n=%ui\n", op.op.rc, op.users,
            op.sessions, op.nmembers);

    for (i = 0; i < op.nmembers; i++) {
        ops_say(a, "member %V %V %ui %*s\n", &op.members[i].user,
                &op.members[i].info, op.members[i].sessions,
                (size_t) NGX_RTPROP_SESSION_ID, op.members[i].session);
    }
}


static void
op_state(ops_answer_t *a, ngx_uint_t put)
{
    ngx_rtprop_event_t   ev;
    ngx_rtprop_state_t   op;
    ngx_rtprop_engine_t *e;

    ngx_memzero(&op, sizeof(op));
    op_init(a, &op.op);

    op.key = ops_arg(a, "key");
    op.value = ops_arg(a, "value");
    op.version = ops_int(a, "version");
    op.step = ops_int(a, "step");
    op.ttl = ops_int(a, "ttl");

    if (ops_int(a, "late")) {
        op.not_after = ngx_rtprop_now() - ops_int(a, "late");
    }

    if (ops_arg(a, "channel").len && op_events(a, &ev, 1) == NGX_OK) {
        op.events = &ev;
        op.nevents = 1;
    }

    e = a->ops->engine;

    if (put) {
        e->state_put(e, &op);

    } else {
        e->state_get(e, &op);
    }

    ops_say(a, "rc=%i version=%uL value=%V offset=%uL\n", op.op.rc,
            op.version, &op.value, op.nevents ? ev.offset : 0);
}


static void
op_get(ops_answer_t *a)
{
    op_state(a, 0);
}


static void
op_put(ops_answer_t *a)
{
    op_state(a, 1);
}


static void
op_holding(ops_answer_t *a, ngx_uint_t acquire)
{
    ngx_rtprop_lease_t    op;
    ngx_rtprop_engine_t  *e;

    ngx_memzero(&op, sizeof(op));
    op_init(a, &op.op);

    op.name = ops_arg(a, "name");
    op.ttl = ops_int(a, "ttl");
    op.fence = ops_int(a, "fence");

    e = a->ops->engine;

    if (acquire) {
        e->lease(e, &op);

    } else {
        e->release(e, &op);
    }

    ops_say(a, "rc=%i fence=%uL\n", op.op.rc, op.fence);
}


static void
op_lease(ops_answer_t *a)
{
    op_holding(a, 1);
}


static void
op_release(ops_answer_t *a)
{
    op_holding(a, 0);
}


/* due is from now; without one the job is taken off */

static void
op_schedule(ops_answer_t *a)
{
    ngx_rtprop_schedule_t  op;

    ngx_memzero(&op, sizeof(op));
    op_init(a, &op.op);

    op.key = ops_arg(a, "key");
    op.payload = ops_arg(a, "payload");
    op.due = ops_arg(a, "due").len ? ngx_rtprop_now() + ops_int(a, "due") : 0;

    a->ops->engine->schedule(a->ops->engine, &op);

    ops_say(a, "rc=%i\n", op.op.rc);
}


static void
op_schedule_done(ops_answer_t *a)
{
    ngx_str_t  key;

    key = ops_arg(a, "key");
    a->ops->engine->schedule_done(a->ops->engine, &key, ops_int(a, "fence"));
}


static void
op_counter(ops_answer_t *a)
{
    ngx_rtprop_counter_t  op;

    ngx_memzero(&op, sizeof(op));
    op_init(a, &op.op);

    op.name = ops_arg(a, "name");
    op.delta = ops_int(a, "delta");
    op.ttl = ops_int(a, "ttl");

    a->ops->engine->counter(a->ops->engine, &op);

    ops_say(a, "rc=%i value=%L\n", op.op.rc, op.value);
}


static void
op_channels(ops_answer_t *a)
{
    ngx_uint_t             i;
    ngx_rtprop_channels_t  op;

    ngx_memzero(&op, sizeof(op));
    op_init(a, &op.op);

    op.prefix = ops_arg(a, "prefix");
    op.exact = (ops_int(a, "exact") == 1);
    op.limit = ops_int(a, "limit");

    a->ops->engine->channels(a->ops->engine, &op);

    ops_say(a, "rc=%i n=%ui\n", op.op.rc, op.nchannels);

    for (i = 0; i < op.nchannels; i++) {
        ops_say(a, "channel %V %uxL %uL %ui\n", &op.channels[i].name,
                op.channels[i].epoch, op.channels[i].offset,
                op.channels[i].subscribers);
    }
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

        if (op_events(a, &ev, 1) != NGX_OK) {
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

    if (op_events(a, &ev, 1) != NGX_OK) {
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
    { ngx_string("publish"), op_publish },
    { ngx_string("carry"), op_carry },
    { ngx_string("history"), op_history },
    { ngx_string("unsubscribe"), op_unsubscribe },
    { ngx_string("add"), op_add },
    { ngx_string("remove"), op_remove },
    { ngx_string("members"), op_members },
    { ngx_string("get"), op_get },
    { ngx_string("put"), op_put },
    { ngx_string("lease"), op_lease },
    { ngx_string("release"), op_release },
    { ngx_string("schedule"), op_schedule },
    { ngx_string("done"), op_schedule_done },
    { ngx_string("counter"), op_counter },
    { ngx_string("channels"), op_channels },
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
