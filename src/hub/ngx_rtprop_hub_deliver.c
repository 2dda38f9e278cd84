/*
 * Fan-out.
 *
 * The events of one batch are sorted by channel; what one channel got is
 * encoded once per dialect and joined into one shared frame, so that a receiver
 * costs one reference and one write however many events there were.  Events
 * that are not for everybody, and receivers that had some of them, take the
 * longer way, one event at a time; order is the same.
 */

#include "hub/ngx_rtprop_hub.h"
#include "hub/ngx_rtprop_hub_channel.h"
#include "hub/ngx_rtprop_hub_deliver.h"


typedef struct {
    ngx_rtprop_hub_t            *hub;
    ngx_rtprop_hub_item_t        items[NGX_RTPROP_HUB_BATCH];
    ngx_uint_t                   nitems;
    ngx_rtprop_channel_t        *touched;   /* in the order of first events */
    ngx_rtprop_channel_t       **last;
} ngx_rtprop_hub_batch_t;


/* A channel's events of one batch, summed up. */

typedef struct {
    uint64_t                     first;     /* offsets; 0: none has one */
    uint64_t                     last;
    ngx_uint_t                   n;
    ngx_uint_t                   plain;     /* all of them */
    ngx_uint_t                   receipt;   /* one of them */
} ngx_rtprop_hub_run_t;


static void ngx_rtprop_hub_batch(ngx_rtprop_hub_batch_t *b,
    ngx_rtprop_event_t *events, ngx_uint_t n);
static void ngx_rtprop_hub_sort(ngx_rtprop_hub_batch_t *b,
    ngx_rtprop_event_t *ev);
static void ngx_rtprop_hub_fan_out(ngx_rtprop_hub_batch_t *b,
    ngx_rtprop_channel_t *ch);
static ngx_rtprop_frame_t *ngx_rtprop_hub_joined_frame(
    ngx_rtprop_hub_batch_t *b, ngx_rtprop_channel_t *ch, ngx_uint_t variant);
static void ngx_rtprop_hub_fan_out_to(ngx_rtprop_hub_batch_t *b,
    ngx_rtprop_sub_t *sub);
static ngx_rtprop_frame_t *ngx_rtprop_hub_frame_for(ngx_rtprop_hub_t *hub,
    ngx_rtprop_hub_item_t *item, ngx_rtprop_session_t *s);
static ngx_rtprop_frame_t *ngx_rtprop_hub_item_frame(ngx_rtprop_hub_t *hub,
    ngx_rtprop_hub_item_t *item, ngx_uint_t variant, ngx_uint_t alt);
static ngx_uint_t ngx_rtprop_hub_concerns(ngx_rtprop_event_t *ev,
    ngx_rtprop_session_t *s, ngx_uint_t kinds);
static void ngx_rtprop_hub_all(ngx_rtprop_hub_t *hub, ngx_rtprop_event_t *ev);


void
ngx_rtprop_hub_deliver(ngx_rtprop_hub_t *hub, ngx_rtprop_event_t *events,
    ngx_uint_t n)
{
    ngx_uint_t              part;
    ngx_rtprop_hub_batch_t  b;

    b.hub = hub;

    ngx_rtprop_stat_bump(hub->worker, ngx_rtprop_hub_stat_events, n);

    while (n) {
        part = ngx_min(n, NGX_RTPROP_HUB_BATCH);
        ngx_rtprop_hub_batch(&b, events, part);

        events += part;
        n -= part;
    }
}


static void
ngx_rtprop_hub_batch(ngx_rtprop_hub_batch_t *b, ngx_rtprop_event_t *events,
    ngx_uint_t n)
{
    uint64_t               now;
    ngx_uint_t             i;
    ngx_rtprop_channel_t  *ch;

    b->nitems = 0;
    b->touched = NULL;
    b->last = &b->touched;

    for (i = 0; i < n; i++) {
        ngx_rtprop_hub_sort(b, &events[i]);
    }

    while (b->touched) {
        ch = b->touched;
        b->touched = ch->touched;

        ngx_rtprop_hub_fan_out(b, ch);

        /* "first" keeps the channel while it is read again */

        if (ch->behind && !ch->reading) {
            ngx_rtprop_hub_reread(b->hub, ch, ngx_min(ch->since, ch->offset));
        }

        ch->first = -1;
        ch->last = -1;

        ngx_rtprop_hub_channel_release(b->hub, ch);
    }

    now = ngx_rtprop_usec();

    for (i = 0; i < b->nitems; i++) {
        if (b->items[i].ev->arrived && now > b->items[i].ev->arrived) {
            ngx_rtprop_stat_observe(b->hub->worker,
                                    ngx_rtprop_hub_stat_latency,
                                    now - b->items[i].ev->arrived);
        }

        ngx_rtprop_hub_item_free(&b->items[i]);
    }
}


/* Puts an event behind those of its channel, or does at once what it is for. */

static void
ngx_rtprop_hub_sort(ngx_rtprop_hub_batch_t *b, ngx_rtprop_event_t *ev)
{
    ngx_rtprop_hub_t       *hub;
    ngx_rtprop_channel_t   *ch;

    hub = b->hub;

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, hub->worker->log, 0,
                   "rtprop event \"%V\" of \"%V\" at %uL", &ev->type,
                   &ev->channel, ev->offset);

    if (ev->channel.len == 3 && ngx_memcmp(ev->channel.data, "all", 3) == 0) {
        ngx_rtprop_hub_all(hub, ev);
        return;
    }

    ch = ngx_rtprop_hub_channel(hub, &ev->channel);

    if (ch == NULL) {
        ch = ngx_rtprop_hub_user_channel(hub, &ev->channel);
    }

    if (ch == NULL) {
        return;
    }

    if (ev->flags & NGX_RTPROP_EV_CONTROL) {
        ngx_rtprop_hub_control(hub, ch, ev);
        return;
    }

    if (ev->offset && ngx_rtprop_hub_in_order(hub, ch, ev) != NGX_OK) {
        return;
    }

    if (ev->flags & NGX_RTPROP_EV_HIDDEN) {
        return;
    }

    /* what is said in answer to a message has a higher id */

    if (ev->flags & NGX_RTPROP_EV_RECEIPT) {
        ngx_rtprop_hub_id_seen(hub, ev->id);
    }

    ngx_rtprop_hub_item_init(&b->items[b->nitems], ev);

    if (ch->first == -1) {
        ch->first = b->nitems;
        ch->touched = NULL;
        *b->last = ch;
        b->last = &ch->touched;

    } else {
        b->items[ch->last].next = b->nitems;
    }

    ch->last = b->nitems++;
}


void
ngx_rtprop_hub_item_init(ngx_rtprop_hub_item_t *item, ngx_rtprop_event_t *ev)
{
    item->ev = ev;
    item->made = 0;
    item->next = -1;
    item->receipt = (ev->flags & NGX_RTPROP_EV_RECEIPT) ? 1 : 0;
    item->plain = ev->skip_user.len == 0 && ev->skip_session.len == 0
                  && ev->alt_user.len == 0 && ev->replace.len == 0
                  && (ev->kinds == 0 || ev->kinds == NGX_RTPROP_SUB_ALL);
}


void
ngx_rtprop_hub_item_free(ngx_rtprop_hub_item_t *item)
{
    ngx_uint_t  i;

    for (i = 0; item->made >> i; i++) {
        if (item->made & 1u << i) {
            ngx_rtprop_frame_unref(item->frames[i]);
        }
    }
}


/* What the next receiver needs comes to the cache while this one is served. */

static inline void
ngx_rtprop_hub_ahead(ngx_rtprop_channel_t *ch, ngx_queue_t *q)
{
    u_char            *p;
    ngx_rtprop_sub_t  *sub;

    if (q != ngx_queue_sentinel(&ch->subs)) {
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, queue);
        p = (u_char *) sub->session;

        __builtin_prefetch(ngx_queue_next(q));
        __builtin_prefetch(p);

        for (p += 192; p < (u_char *) sub->session + 512; p += 64) {
            __builtin_prefetch(p);
        }
    }
}


/* Sums up the channel's events of this batch. */

static inline void
ngx_rtprop_hub_run(ngx_rtprop_hub_batch_t *b, ngx_rtprop_channel_t *ch,
    ngx_rtprop_hub_run_t *run)
{
    int32_t                 i;
    ngx_rtprop_hub_item_t  *item;

    run->first = 0;
    run->last = 0;
    run->n = 0;
    run->plain = 1;
    run->receipt = 0;

    for (i = ch->first; i != -1; i = item->next) {
        item = &b->items[i];
        run->plain &= item->plain;
        run->receipt |= item->receipt;
        run->n++;

        if (item->ev->offset) {
            run->first = run->first ? run->first : item->ev->offset;
            run->last = item->ev->offset;
        }
    }
}


/* Sends the joined frame, which the first receiver of its kind has made. */

static inline void
ngx_rtprop_hub_fan_out_joined(ngx_rtprop_hub_batch_t *b,
    ngx_rtprop_sub_t *sub, ngx_rtprop_frame_t **joined)
{
    ngx_rtprop_frame_t    *f;
    ngx_rtprop_session_t  *s;

    s = sub->session;
    f = joined[s->variant];

    if (f == NULL) {
        f = ngx_rtprop_hub_joined_frame(b, sub->channel, s->variant);
        joined[s->variant] = f;
    }

    if (f) {
        (void) s->transport->send(s, f);
    }
}


static void
ngx_rtprop_hub_fan_out(ngx_rtprop_hub_batch_t *b, ngx_rtprop_channel_t *ch)
{
    ngx_uint_t             i;
    ngx_queue_t           *q;
    ngx_rtprop_sub_t      *sub;
    ngx_rtprop_frame_t    *joined[NGX_RTPROP_VARIANTS];
    ngx_rtprop_session_t  *s;
    ngx_rtprop_hub_run_t   run;

    ngx_rtprop_hub_run(b, ch, &run);
    ngx_memzero(joined, sizeof(joined));

    for (q = ngx_queue_head(&ch->subs);
         q != ngx_queue_sentinel(&ch->subs);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, queue);
        s = sub->session;

        ngx_rtprop_hub_ahead(ch, ngx_queue_next(q));

        if (sub->pending || s->state != NGX_RTPROP_SESSION_OPEN) {
            continue;
        }

        if (!run.plain || s->batch
            || (run.first && sub->offset >= run.first))
        {
            ngx_rtprop_hub_fan_out_to(b, sub);

        } else {
            ngx_rtprop_hub_fan_out_joined(b, sub, joined);

            if (run.last) {
                sub->offset = run.last;
            }
        }

        if (run.receipt) {
            ngx_rtprop_hub_receipt(b->hub, b->items, ch->first, sub);
        }
    }

    for (i = 0; i < NGX_RTPROP_VARIANTS; i++) {
        if (joined[i]) {
            ngx_rtprop_frame_unref(joined[i]);
        }
    }

    ngx_rtprop_stat_bump(b->hub->worker, ngx_rtprop_hub_stat_deliveries,
                         (int64_t) run.n * ch->nsubs);
}


/* One frame of all the channel's events of this batch. */

static ngx_rtprop_frame_t *
ngx_rtprop_hub_joined_frame(ngx_rtprop_hub_batch_t *b,
    ngx_rtprop_channel_t *ch, ngx_uint_t variant)
{
    u_char              *p;
    size_t               len;
    int32_t              i;
    ngx_rtprop_frame_t  *f, *one;

    f = NULL;
    len = 0;

    for (i = ch->first; i != -1; i = b->items[i].next) {
        f = ngx_rtprop_hub_item_frame(b->hub, &b->items[i], variant, 0);
        len += f ? f->len : 0;
    }

    if (ch->first == ch->last) {
        return f ? ngx_rtprop_frame_ref(f) : NULL;
    }

    f = len ? ngx_rtprop_frame_take(b->hub->worker->ws, len) : NULL;

    if (f == NULL) {
        return NULL;
    }

    f->wire = f->text.data;
    f->len = len;
    p = f->wire;

    for (i = ch->first; i != -1; i = b->items[i].next) {
        if (b->items[i].made & 1u << variant) {
            one = b->items[i].frames[variant];
            p = ngx_cpymem(p, one->wire, one->len);
        }
    }

    return f;
}


static void
ngx_rtprop_hub_fan_out_to(ngx_rtprop_hub_batch_t *b, ngx_rtprop_sub_t *sub)
{
    int32_t  i;

    for (i = sub->channel->first; i != -1; i = b->items[i].next) {
        ngx_rtprop_hub_item_send(b->hub, &b->items[i], sub);
    }
}


void
ngx_rtprop_hub_item_send(ngx_rtprop_hub_t *hub, ngx_rtprop_hub_item_t *item,
    ngx_rtprop_sub_t *sub)
{
    ngx_rtprop_frame_t    *f;
    ngx_rtprop_event_t    *ev;
    ngx_rtprop_session_t  *s;

    ev = item->ev;
    s = sub->session;

    if (ev->offset) {
        if (ev->offset <= sub->offset) {
            return;
        }

        sub->offset = ev->offset;
    }

    if (!ngx_rtprop_hub_concerns(ev, s, sub->kinds)) {
        return;
    }

    f = ngx_rtprop_hub_frame_for(hub, item, s);

    if (f) {
        (void) s->transport->send(s, f);
    }
}


/* What this session gets of the item. */

static ngx_rtprop_frame_t *
ngx_rtprop_hub_frame_for(ngx_rtprop_hub_t *hub, ngx_rtprop_hub_item_t *item,
    ngx_rtprop_session_t *s)
{
    return ngx_rtprop_hub_item_frame(hub, item, s->variant,
                             ngx_rtprop_hub_is_user(&item->ev->alt_user, s));
}


static ngx_rtprop_frame_t *
ngx_rtprop_hub_item_frame(ngx_rtprop_hub_t *hub, ngx_rtprop_hub_item_t *item,
    ngx_uint_t variant, ngx_uint_t alt)
{
    ngx_uint_t           i;
    ngx_str_t           *payload;
    ngx_rtprop_frame_t  *f;

    i = alt ? NGX_RTPROP_VARIANTS + variant : variant;

    if (item->made & 1u << i) {
        return item->frames[i];
    }

    payload = alt ? &item->ev->alt_payload : &item->ev->payload;
    f = hub->protocols[variant]->encode(hub->worker, variant, item->ev,
                                        payload);
    if (f) {
        item->frames[i] = f;
        item->made |= 1u << i;
    }

    return f;
}


void
ngx_rtprop_hub_receipt(ngx_rtprop_hub_t *hub, ngx_rtprop_hub_item_t *items,
    int32_t i, ngx_rtprop_sub_t *sub)
{
    ngx_uint_t              n;
    ngx_rtprop_kind_t      *kind;
    ngx_rtprop_event_t     *ev, *events[NGX_RTPROP_HUB_BATCH];
    ngx_rtprop_session_t   *s;
    ngx_rtprop_hub_item_t  *item;

    s = sub->session;
    kind = sub->channel->kind;

    if (kind == NULL || kind->delivered == NULL
        || s->state != NGX_RTPROP_SESSION_OPEN || s->transport->backlog(s))
    {
        return;
    }

    n = 0;

    for ( /* void */ ; i != -1; i = item->next) {
        item = &items[i];
        ev = item->ev;

        if (item->receipt && !ngx_rtprop_hub_is_user(&ev->user, s)
            && ngx_rtprop_hub_concerns(ev, s, sub->kinds))
        {
            item->receipt = 0;
            events[n++] = ev;
        }
    }

    if (n) {
        kind->delivered(hub, events, n, s, kind->data);
    }
}


static ngx_uint_t
ngx_rtprop_hub_concerns(ngx_rtprop_event_t *ev, ngx_rtprop_session_t *s,
    ngx_uint_t kinds)
{
    if (ev->kinds && !(ev->kinds & kinds)) {
        return 0;
    }

    if (ev->skip_session.len == NGX_RTPROP_SESSION_ID
        && ngx_memcmp(ev->skip_session.data, s->id, NGX_RTPROP_SESSION_ID)
           == 0)
    {
        return 0;
    }

    return !ngx_rtprop_hub_is_user(&ev->skip_user, s);
}


ngx_uint_t
ngx_rtprop_hub_is_user(ngx_str_t *user, ngx_rtprop_session_t *s)
{
    return user->len && user->len == s->user->id_len
           && ngx_memcmp(user->data, s->user->data, user->len) == 0;
}


ngx_uint_t
ngx_rtprop_hub_send_event(ngx_rtprop_hub_t *hub, ngx_rtprop_session_t *s,
    ngx_uint_t kinds, ngx_rtprop_event_t *ev)
{
    ngx_rtprop_frame_t     *f;
    ngx_rtprop_hub_item_t   item;

    if ((ev->flags & NGX_RTPROP_EV_HIDDEN)
        || s->state != NGX_RTPROP_SESSION_OPEN
        || !ngx_rtprop_hub_concerns(ev, s, kinds))
    {
        return 0;
    }

    ngx_rtprop_hub_item_init(&item, ev);

    f = ngx_rtprop_hub_frame_for(hub, &item, s);

    if (f) {
        (void) s->transport->send(s, f);
    }

    ngx_rtprop_hub_item_free(&item);

    return f ? 1 : 0;
}


/* ------------------------------------------------------------------- all */

static void
ngx_rtprop_hub_all(ngx_rtprop_hub_t *hub, ngx_rtprop_event_t *ev)
{
    ngx_queue_t            *q;
    ngx_rtprop_frame_t     *f;
    ngx_rtprop_session_t   *s;
    ngx_rtprop_sessions_t  *sessions;
    ngx_rtprop_hub_item_t   item;

    sessions = hub->worker->sessions;
    ngx_rtprop_hub_item_init(&item, ev);

    for (q = ngx_queue_head(&sessions->queue);
         q != ngx_queue_sentinel(&sessions->queue);
         q = ngx_queue_next(q))
    {
        s = ngx_queue_data(q, ngx_rtprop_session_t, queue);

        if (s->state != NGX_RTPROP_SESSION_OPEN
            || !ngx_rtprop_hub_concerns(ev, s, NGX_RTPROP_SUB_ALL))
        {
            continue;
        }

        f = ngx_rtprop_hub_frame_for(hub, &item, s);

        if (f) {
            (void) s->transport->send(s, f);
        }
    }

    ngx_rtprop_hub_item_free(&item);
}
