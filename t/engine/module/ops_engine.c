#include "ops.h"


/*
 * Operations of the engine.  Each lies in the request's pool until done(),
 * which may be called at once or later; then the answer is said and sent.
 */

#define ops_new(a, type, said)                                               \
    ops_begin(a, ngx_pcalloc((a)->r->pool, sizeof(type)), said)


static void *
ops_begin(ops_answer_t *a, void *p, ngx_rtprop_op_pt said)
{
    ngx_rtprop_op_t *op = p;

    a->said = said;
    op->done = ops_done;
    op->data = a;
    op->pool = a->r->pool;
    op->rc = NGX_AGAIN;
    a->waiting = 1;

    return p;
}


static void
ops_session(ops_answer_t *a, u_char *id)
{
    ngx_str_t  text;

    text = ops_arg(a, "session");
    ngx_memset(id, '-', NGX_RTPROP_SESSION_ID);
    ngx_memcpy(id, text.data, ngx_min(text.len, NGX_RTPROP_SESSION_ID));
}


/* ------------------------------------------------------------- events --- */

static void
ops_publish_said(ngx_rtprop_op_t *o)
{
    ngx_rtprop_event_t    *ev;
    ngx_rtprop_publish_t  *op = (ngx_rtprop_publish_t *) o;

    ev = &op->events[op->nevents - 1];

    ops_say(o->data, "rc=%i epoch=%uxL offset=%uL\n", o->rc, ev->epoch,
            ev->offset);
}


void
ops_publish(ops_answer_t *a)
{
    ngx_rtprop_publish_t  *op;

    op = ops_new(a, ngx_rtprop_publish_t, ops_publish_said);
    op->nevents = ngx_max(ops_int(a, "n"), 1);
    op->events = ngx_palloc(a->r->pool,
                            op->nevents * sizeof(ngx_rtprop_event_t));

    if (ops_events(a, op->events, op->nevents) == NGX_OK) {
        a->ops->engine->publish(a->ops->engine, op);
    }
}


static void
ops_carry_said(ngx_rtprop_op_t *o)
{
    ngx_rtprop_publish_t  *op = (ngx_rtprop_publish_t *) o;

    ops_say(o->data, "rc=%i failed=%ui position=%uL\n", o->rc, op->failed,
            op->position);
}


void
ops_carry(ops_answer_t *a)
{
    ngx_str_t              other;
    ngx_uint_t             i, n;
    ngx_rtprop_event_t    *ev;
    ngx_rtprop_publish_t  *op;

    n = ngx_max(ops_int(a, "n"), 1);
    other = ops_arg(a, "other");
    op = ops_new(a, ngx_rtprop_publish_t, ops_carry_said);
    ev = ngx_palloc(a->r->pool, (n + 1) * sizeof(ngx_rtprop_event_t));

    if (ops_events(a, ev, n + 1) != NGX_OK) {
        return;
    }

    for (i = 0; i <= n; i++) {
        ev[i].epoch = ops_hex(a, "epoch");
        ev[i].offset = ops_int(a, "offset") + i;
        ev[i].time = ngx_rtprop_now() - ops_int(a, "ago");
    }

    ev[n].channel = other;
    ev[n].offset = 1;

    op->events = ev;
    op->nevents = other.len ? n + 1 : n;
    op->carried = 1;

    a->ops->engine->publish(a->ops->engine, op);
}


static void
ops_history_said(ngx_rtprop_op_t *o)
{
    ngx_uint_t             i;
    ngx_rtprop_event_t    *ev;
    ngx_rtprop_history_t  *op = (ngx_rtprop_history_t *) o;

    ops_say(o->data, "rc=%i recovered=%d epoch=%uxL offset=%uL first=%uL "
            "n=%ui more=%d\n", o->rc, op->recovered, op->epoch, op->offset,
            op->first, op->nevents, op->more);

    for (i = 0; i < op->nevents; i++) {
        ev = &op->events[i];
        ops_say(o->data, "event %V %V %uL %uz %ui\n", &ev->channel,
                &ev->type, ev->offset, ev->payload.len, ev->flags);
    }
}


void
ops_history(ops_answer_t *a)
{
    ngx_rtprop_history_t  *op;

    op = ops_new(a, ngx_rtprop_history_t, ops_history_said);
    op->channel = ops_arg(a, "channel");
    op->epoch = ops_hex(a, "epoch");
    op->since = ops_int(a, "since");
    op->limit = ops_int(a, "limit");
    op->flags = ops_int(a, "flags");
    op->before = ops_int(a, "before");
    op->tail = (ops_int(a, "tail") == 1);
    op->subscribe = (ops_int(a, "subscribe") == 1);

    a->ops->engine->history(a->ops->engine, op);
}


void
ops_unsubscribe(ops_answer_t *a)
{
    ngx_str_t  channel;

    channel = ops_arg(a, "channel");
    a->ops->engine->unsubscribe(a->ops->engine, &channel, ops_int(a, "n"));
}


/* ----------------------------------------------------------- presence --- */

static void
ops_presence_said(ngx_rtprop_op_t *o)
{
    ngx_rtprop_presence_t  *op = (ngx_rtprop_presence_t *) o;

    ops_say(o->data, "rc=%i sessions=%ui users=%ui changed=%d\n", o->rc,
            op->sessions, op->users, op->changed);
}


static ngx_rtprop_presence_t *
ops_presence(ops_answer_t *a)
{
    ngx_rtprop_presence_t  *op;

    op = ops_new(a, ngx_rtprop_presence_t, ops_presence_said);
    op->set = ops_arg(a, "set");
    op->user = ops_arg(a, "user");
    op->info = ops_arg(a, "info");
    op->max = ops_int(a, "max");
    ops_session(a, op->session);

    return op;
}


void
ops_add(ops_answer_t *a)
{
    a->ops->engine->presence_add(a->ops->engine, ops_presence(a));
}


void
ops_remove(ops_answer_t *a)
{
    a->ops->engine->presence_remove(a->ops->engine, ops_presence(a));
}


static void
ops_members_said(ngx_rtprop_op_t *o)
{
    ngx_uint_t             i;
    ngx_rtprop_member_t   *m;
    ngx_rtprop_members_t  *op = (ngx_rtprop_members_t *) o;

    ops_say(o->data, "rc=%i users=%ui sessions=%ui n=%ui\n", o->rc,
            op->users, op->sessions, op->nmembers);

    for (i = 0; i < op->nmembers; i++) {
        m = &op->members[i];
        ops_say(o->data, "member %V %V %ui %*s\n", &m->user, &m->info,
                m->sessions, (size_t) NGX_RTPROP_SESSION_ID, m->session);
    }
}


void
ops_members(ops_answer_t *a)
{
    ngx_rtprop_members_t  *op;

    op = ops_new(a, ngx_rtprop_members_t, ops_members_said);
    op->set = ops_arg(a, "set");
    op->user = ops_arg(a, "user");
    op->limit = ops_int(a, "limit");

    a->ops->engine->members(a->ops->engine, op);
}


/* ---------------------------------------------------------- documents --- */

static void
ops_state_said(ngx_rtprop_op_t *o)
{
    ngx_rtprop_state_t  *op = (ngx_rtprop_state_t *) o;

    ops_say(o->data, "rc=%i version=%uL value=%V offset=%uL\n", o->rc,
            op->version, &op->value, op->nevents ? op->events->offset : 0);
}


static ngx_rtprop_state_t *
ops_state(ops_answer_t *a)
{
    ngx_rtprop_event_t  *ev;
    ngx_rtprop_state_t  *op;

    op = ops_new(a, ngx_rtprop_state_t, ops_state_said);
    op->key = ops_arg(a, "key");
    op->value = ops_arg(a, "value");
    op->version = ops_int(a, "version");
    op->step = ops_int(a, "step");
    op->ttl = ops_int(a, "ttl");

    if (ops_int(a, "late")) {
        op->not_after = ngx_rtprop_now() - ops_int(a, "late");
    }

    ev = ngx_palloc(a->r->pool, sizeof(ngx_rtprop_event_t));

    if (ops_arg(a, "channel").len && ops_events(a, ev, 1) == NGX_OK) {
        op->events = ev;
        op->nevents = 1;
    }

    return op;
}


void
ops_get(ops_answer_t *a)
{
    a->ops->engine->state_get(a->ops->engine, ops_state(a));
}


void
ops_put(ops_answer_t *a)
{
    a->ops->engine->state_put(a->ops->engine, ops_state(a));
}


static void
ops_counter_said(ngx_rtprop_op_t *o)
{
    ngx_rtprop_counter_t  *op = (ngx_rtprop_counter_t *) o;

    ops_say(o->data, "rc=%i value=%L\n", o->rc, op->value);
}


void
ops_counter(ops_answer_t *a)
{
    ngx_rtprop_counter_t  *op;

    op = ops_new(a, ngx_rtprop_counter_t, ops_counter_said);
    op->name = ops_arg(a, "name");
    op->delta = ops_int(a, "delta");
    op->ttl = ops_int(a, "ttl");

    a->ops->engine->counter(a->ops->engine, op);
}


/* ------------------------------------------------------ leases, jobs --- */

static void
ops_lease_said(ngx_rtprop_op_t *o)
{
    ngx_rtprop_lease_t  *op = (ngx_rtprop_lease_t *) o;

    ops_say(o->data, "rc=%i fence=%uL\n", o->rc, op->fence);
}


static ngx_rtprop_lease_t *
ops_holding(ops_answer_t *a)
{
    ngx_rtprop_lease_t  *op;

    op = ops_new(a, ngx_rtprop_lease_t, ops_lease_said);
    op->name = ops_arg(a, "name");
    op->ttl = ops_int(a, "ttl");
    op->fence = ops_int(a, "fence");

    return op;
}


void
ops_lease(ops_answer_t *a)
{
    a->ops->engine->lease(a->ops->engine, ops_holding(a));
}


void
ops_release(ops_answer_t *a)
{
    a->ops->engine->release(a->ops->engine, ops_holding(a));
}


static void
ops_schedule_said(ngx_rtprop_op_t *o)
{
    ops_say(o->data, "rc=%i\n", o->rc);
}


/* due is from now; without one the job is taken off */

void
ops_schedule(ops_answer_t *a)
{
    ngx_rtprop_schedule_t  *op;

    op = ops_new(a, ngx_rtprop_schedule_t, ops_schedule_said);
    op->key = ops_arg(a, "key");
    op->payload = ops_arg(a, "payload");
    op->due = ops_arg(a, "due").len ? ngx_rtprop_now() + ops_int(a, "due") : 0;

    a->ops->engine->schedule(a->ops->engine, op);
}


void
ops_schedule_done(ops_answer_t *a)
{
    ngx_str_t  key;

    key = ops_arg(a, "key");
    a->ops->engine->schedule_done(a->ops->engine, &key, ops_int(a, "fence"));
}


/* ----------------------------------------------------------- channels --- */

static void
ops_channels_said(ngx_rtprop_op_t *o)
{
    ngx_uint_t                  i;
    ngx_rtprop_channels_t      *op = (ngx_rtprop_channels_t *) o;
    ngx_rtprop_channel_info_t  *ch;

    ops_say(o->data, "rc=%i n=%ui\n", o->rc, op->nchannels);

    for (i = 0; i < op->nchannels; i++) {
        ch = &op->channels[i];
        ops_say(o->data, "channel %V %uxL %uL %ui\n", &ch->name, ch->epoch,
                ch->offset, ch->subscribers);
    }
}


void
ops_channels(ops_answer_t *a)
{
    ngx_rtprop_channels_t  *op;

    op = ops_new(a, ngx_rtprop_channels_t, ops_channels_said);
    op->prefix = ops_arg(a, "prefix");
    op->exact = (ops_int(a, "exact") == 1);
    op->limit = ops_int(a, "limit");

    a->ops->engine->channels(a->ops->engine, op);
}
