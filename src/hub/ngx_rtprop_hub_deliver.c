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


#define NGX_RTPROP_HUB_BATCH   64       /* events that are sorted at once */
#define NGX_RTPROP_HUB_REREAD  200      /* events of one re-read */


/* One event of a batch, with the frames made of it so far. */

typedef struct {
    ngx_rtprop_event_t          *ev;
    int32_t                      next;     /* of the same channel; -1 */
    unsigned                     plain:1;  /* for all alike */
    unsigned                     receipt:1;
    ngx_rtprop_frame_t          *frames[NGX_RTPROP_VARIANTS];
    ngx_rtprop_frame_t          *alts[NGX_RTPROP_VARIANTS];
} ngx_rtprop_hub_item_t;


typedef struct {
    ngx_rtprop_hub_t            *hub;
    ngx_rtprop_hub_item_t        items[NGX_RTPROP_HUB_BATCH];
    ngx_uint_t                   nitems;
    ngx_rtprop_channel_t        *touched;   /* in the order of first events */
    ngx_rtprop_channel_t       **last;
} ngx_rtprop_hub_batch_t;


typedef struct {
    ngx_rtprop_history_t         history;
    ngx_rtprop_hub_t            *hub;
} ngx_rtprop_hub_reread_t;


static void ngx_rtprop_hub_batch(ngx_rtprop_hub_batch_t *b,
    ngx_rtprop_event_t *events, ngx_uint_t n);
static void ngx_rtprop_hub_sort(ngx_rtprop_hub_batch_t *b,
    ngx_rtprop_event_t *ev);
static ngx_int_t ngx_rtprop_hub_in_order(ngx_rtprop_hub_t *hub,
    ngx_rtprop_channel_t *ch, ngx_rtprop_event_t *ev);
static void ngx_rtprop_hub_item_init(ngx_rtprop_hub_item_t *item,
    ngx_rtprop_event_t *ev);
static void ngx_rtprop_hub_item_free(ngx_rtprop_hub_item_t *item);
static void ngx_rtprop_hub_fan_out(ngx_rtprop_hub_batch_t *b,
    ngx_rtprop_channel_t *ch);
static ngx_rtprop_frame_t *ngx_rtprop_hub_joined_frame(
    ngx_rtprop_hub_batch_t *b, ngx_rtprop_channel_t *ch, ngx_uint_t variant);
static void ngx_rtprop_hub_fan_out_to(ngx_rtprop_hub_batch_t *b,
    ngx_rtprop_sub_t *sub);
static void ngx_rtprop_hub_item_send(ngx_rtprop_hub_t *hub,
    ngx_rtprop_hub_item_t *item, ngx_rtprop_sub_t *sub);
static ngx_rtprop_frame_t *ngx_rtprop_hub_item_frame(ngx_rtprop_hub_t *hub,
    ngx_rtprop_hub_item_t *item, ngx_rtprop_session_t *s);
static void ngx_rtprop_hub_receipt(ngx_rtprop_hub_t *hub,
    ngx_rtprop_hub_item_t *item, ngx_rtprop_sub_t *sub);
static ngx_uint_t ngx_rtprop_hub_concerns(ngx_rtprop_event_t *ev,
    ngx_rtprop_session_t *s, ngx_uint_t kinds);
static ngx_uint_t ngx_rtprop_hub_is_user(ngx_str_t *user,
    ngx_rtprop_session_t *s);
static void ngx_rtprop_hub_all(ngx_rtprop_hub_t *hub, ngx_rtprop_event_t *ev);
static void ngx_rtprop_hub_control(ngx_rtprop_hub_t *hub,
    ngx_rtprop_channel_t *ch, ngx_rtprop_event_t *ev);
static void ngx_rtprop_hub_kicked(ngx_rtprop_channel_t *ch, json_t *reason);
static void ngx_rtprop_hub_expelled(ngx_rtprop_hub_t *hub,
    ngx_rtprop_channel_t *ch, json_t *users);
static void ngx_rtprop_hub_reread_done(ngx_rtprop_op_t *op);
static void ngx_rtprop_hub_resend(ngx_rtprop_hub_t *hub,
    ngx_rtprop_channel_t *ch, ngx_rtprop_event_t *ev);
static void ngx_rtprop_hub_give_up(ngx_rtprop_channel_t *ch);


static ngx_rtprop_stat_desc_t  ngx_rtprop_hub_stats[] = {

    { ngx_string("rtprop_hub_events_total"),
      ngx_string("Events that reached this instance's workers for delivery."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_hub_deliveries_total"),
      ngx_string("Events handed to sessions."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_hub_rereads_total"),
      ngx_string("Times a worker had to read missed events again."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_hub_latency_seconds"),
      ngx_string("Time from the arrival of a message to its last delivery."),
      NGX_RTPROP_STAT_HISTOGRAM, ngx_null_string, 0 },

    { ngx_null_string, ngx_null_string, 0, ngx_null_string, 0 }
};

#define ngx_rtprop_hub_stat_events      (&ngx_rtprop_hub_stats[0])
#define ngx_rtprop_hub_stat_deliveries  (&ngx_rtprop_hub_stats[1])
#define ngx_rtprop_hub_stat_rereads     (&ngx_rtprop_hub_stats[2])
#define ngx_rtprop_hub_stat_latency     (&ngx_rtprop_hub_stats[3])


ngx_int_t
ngx_rtprop_hub_deliver_preconfiguration(ngx_conf_t *cf)
{
    return ngx_rtprop_stat_add(cf, ngx_rtprop_hub_stats);
}


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
            ngx_rtprop_hub_reread(b->hub, ch, ch->offset);
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


/* Moves the channel's place on; NGX_DECLINED: had it, or must read first. */

static ngx_int_t
ngx_rtprop_hub_in_order(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch,
    ngx_rtprop_event_t *ev)
{
    if (ev->epoch != ch->epoch) {

        if (ch->epoch) {
            ngx_log_error(NGX_LOG_NOTICE, hub->worker->log, 0,
                          "rtprop: channel \"%V\" began anew", &ev->channel);
            ngx_rtprop_hub_give_up(ch);
        }

        ch->epoch = ev->epoch;
        ch->offset = ev->offset;

        return NGX_OK;
    }

    if (ev->offset <= ch->offset) {
        return NGX_DECLINED;
    }

    if (ev->offset > ch->offset + 1 || ch->reading) {

        /* what this batch holds already goes out first */

        if (ch->first != -1) {
            ch->behind = 1;

        } else {
            ngx_rtprop_hub_reread(hub, ch, ch->offset);
        }

        return NGX_DECLINED;
    }

    ch->offset = ev->offset;

    return NGX_OK;
}


static void
ngx_rtprop_hub_item_init(ngx_rtprop_hub_item_t *item, ngx_rtprop_event_t *ev)
{
    ngx_memzero(item, sizeof(ngx_rtprop_hub_item_t));

    item->ev = ev;
    item->next = -1;
    item->receipt = (ev->flags & NGX_RTPROP_EV_RECEIPT) ? 1 : 0;
    item->plain = ev->skip_user.len == 0 && ev->skip_session.len == 0
                  && ev->alt_user.len == 0 && ev->replace.len == 0
                  && (ev->kinds == 0 || ev->kinds == NGX_RTPROP_SUB_ALL);
}


static void
ngx_rtprop_hub_item_free(ngx_rtprop_hub_item_t *item)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_RTPROP_VARIANTS; i++) {
        if (item->frames[i]) {
            ngx_rtprop_frame_unref(item->frames[i]);
        }

        if (item->alts[i]) {
            ngx_rtprop_frame_unref(item->alts[i]);
        }
    }
}


static void
ngx_rtprop_hub_fan_out(ngx_rtprop_hub_batch_t *b, ngx_rtprop_channel_t *ch)
{
    int32_t                i;
    uint64_t               first, last;
    ngx_uint_t             n, plain, receipt;
    ngx_queue_t           *q;
    ngx_rtprop_sub_t      *sub;
    ngx_rtprop_frame_t    *f, *joined[NGX_RTPROP_VARIANTS];
    ngx_rtprop_session_t  *s;

    first = 0;
    last = 0;
    n = 0;
    plain = 1;
    receipt = 0;

    for (i = ch->first; i != -1; i = b->items[i].next) {
        plain &= b->items[i].plain;
        receipt |= b->items[i].receipt;
        n++;

        if (b->items[i].ev->offset) {
            first = first ? first : b->items[i].ev->offset;
            last = b->items[i].ev->offset;
        }
    }

    ngx_memzero(joined, sizeof(joined));

    for (q = ngx_queue_head(&ch->subs);
         q != ngx_queue_sentinel(&ch->subs);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, queue);
        s = sub->session;

        if (sub->pending || s->state != NGX_RTPROP_SESSION_OPEN) {
            continue;
        }

        if (!plain || s->batch || (first && sub->offset >= first)) {
            ngx_rtprop_hub_fan_out_to(b, sub);

        } else {
            f = joined[s->variant];

            if (f == NULL) {
                f = ngx_rtprop_hub_joined_frame(b, ch, s->variant);
                joined[s->variant] = f;
            }

            if (f) {
                (void) s->transport->send(s, f);
            }

            if (last) {
                sub->offset = last;
            }
        }

        for (i = receipt ? ch->first : -1; i != -1; i = b->items[i].next) {
            ngx_rtprop_hub_receipt(b->hub, &b->items[i], sub);
        }
    }

    for (i = 0; i < NGX_RTPROP_VARIANTS; i++) {
        if (joined[i]) {
            ngx_rtprop_frame_unref(joined[i]);
        }
    }

    ngx_rtprop_stat_bump(b->hub->worker, ngx_rtprop_hub_stat_deliveries,
                         (int64_t) n * ch->nsubs);
}


/* One frame of all the channel's events of this batch. */

static ngx_rtprop_frame_t *
ngx_rtprop_hub_joined_frame(ngx_rtprop_hub_batch_t *b,
    ngx_rtprop_channel_t *ch, ngx_uint_t variant)
{
    u_char                 *p;
    size_t                  len;
    int32_t                 i;
    ngx_rtprop_frame_t     *f;
    ngx_rtprop_hub_item_t  *item;
    ngx_rtprop_protocol_t  *protocol;

    protocol = b->hub->protocols[variant];
    len = 0;

    for (i = ch->first; i != -1; i = b->items[i].next) {
        item = &b->items[i];

        if (item->frames[variant] == NULL) {
            item->frames[variant] = protocol->encode(b->hub->worker, variant,
                                                 item->ev, &item->ev->payload);
        }

        if (item->frames[variant]) {
            len += item->frames[variant]->len;
        }
    }

    if (ch->first == ch->last) {
        f = b->items[ch->first].frames[variant];

        return f ? ngx_rtprop_frame_ref(f) : NULL;
    }

    if (len == 0) {
        return NULL;
    }

    f = ngx_rtprop_frame_create(len);

    if (f == NULL) {
        return NULL;
    }

    f->wire = f->text.data;
    f->len = len;
    p = f->wire;

    for (i = ch->first; i != -1; i = b->items[i].next) {
        item = &b->items[i];

        if (item->frames[variant]) {
            p = ngx_cpymem(p, item->frames[variant]->wire,
                           item->frames[variant]->len);
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


static void
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

    f = ngx_rtprop_hub_item_frame(hub, item, s);

    if (f) {
        (void) s->transport->send(s, f);
    }
}


static ngx_rtprop_frame_t *
ngx_rtprop_hub_item_frame(ngx_rtprop_hub_t *hub, ngx_rtprop_hub_item_t *item,
    ngx_rtprop_session_t *s)
{
    ngx_str_t            *payload;
    ngx_rtprop_event_t   *ev;
    ngx_rtprop_frame_t  **f;

    ev = item->ev;

    if (ngx_rtprop_hub_is_user(&ev->alt_user, s)) {
        f = &item->alts[s->variant];
        payload = &ev->alt_payload;

    } else {
        f = &item->frames[s->variant];
        payload = &ev->payload;
    }

    if (*f == NULL) {
        *f = s->protocol->encode(hub->worker, s->variant, ev, payload);
    }

    return *f;
}


/* Tells the kind of the first receiver, other than the author, that reads. */

static void
ngx_rtprop_hub_receipt(ngx_rtprop_hub_t *hub, ngx_rtprop_hub_item_t *item,
    ngx_rtprop_sub_t *sub)
{
    ngx_rtprop_kind_t     *kind;
    ngx_rtprop_event_t    *ev;
    ngx_rtprop_session_t  *s;

    ev = item->ev;
    s = sub->session;
    kind = sub->channel->kind;

    if (!item->receipt || kind == NULL || kind->delivered == NULL
        || s->state != NGX_RTPROP_SESSION_OPEN || s->transport->backlog(s)
        || ngx_rtprop_hub_is_user(&ev->user, s)
        || !ngx_rtprop_hub_concerns(ev, s, sub->kinds))
    {
        return;
    }

    item->receipt = 0;
    kind->delivered(hub, ev, s, kind->data);
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


static ngx_uint_t
ngx_rtprop_hub_is_user(ngx_str_t *user, ngx_rtprop_session_t *s)
{
    return user->len && user->len == s->user->id_len
           && ngx_memcmp(user->data, s->user->data, user->len) == 0;
}


ngx_uint_t
ngx_rtprop_hub_send_event(ngx_rtprop_hub_t *hub, ngx_rtprop_sub_t *sub,
    ngx_rtprop_event_t *ev)
{
    ngx_rtprop_frame_t     *f;
    ngx_rtprop_session_t   *s;
    ngx_rtprop_hub_item_t   item;

    s = sub->session;

    if ((ev->flags & NGX_RTPROP_EV_HIDDEN)
        || s->state != NGX_RTPROP_SESSION_OPEN
        || !ngx_rtprop_hub_concerns(ev, s, sub->kinds))
    {
        return 0;
    }

    ngx_rtprop_hub_item_init(&item, ev);

    f = ngx_rtprop_hub_item_frame(hub, &item, s);

    if (f) {
        (void) s->transport->send(s, f);
    }

    ngx_rtprop_hub_item_free(&item);

    return f ? 1 : 0;
}


/* ------------------------------------------------------ all, and control */

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

        f = ngx_rtprop_hub_item_frame(hub, &item, s);

        if (f) {
            (void) s->transport->send(s, f);
        }
    }

    ngx_rtprop_hub_item_free(&item);
}


static void
ngx_rtprop_hub_control(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch,
    ngx_rtprop_event_t *ev)
{
    json_t  *payload;

    payload = json_loadb((char *) ev->payload.data, ev->payload.len, 0, NULL);

    if (payload == NULL) {
        return;
    }

    if (ngx_strncmp(ev->type.data, NGX_RTPROP_CONTROL_KICK, ev->type.len)
        == 0)
    {
        ngx_rtprop_hub_kicked(ch, json_object_get(payload, "reason"));

    } else if (ngx_strncmp(ev->type.data, NGX_RTPROP_CONTROL_EXPEL,
                           ev->type.len)
               == 0)
    {
        ngx_rtprop_hub_expelled(hub, ch, json_object_get(payload, "users"));
    }

    json_decref(payload);
}


static void
ngx_rtprop_hub_kicked(ngx_rtprop_channel_t *ch, json_t *reason)
{
    ngx_queue_t       *q;
    ngx_rtprop_sub_t  *sub;

    for (q = ngx_queue_head(&ch->subs);
         q != ngx_queue_sentinel(&ch->subs);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, queue);

        ngx_rtprop_session_close(sub->session, NGX_RTPROP_CLOSE_POLICY,
                                 json_is_string(reason)
                                 ? json_string_value(reason) : "kicked");
    }
}


/* The channel stays until the loop is over: a count of its own holds it. */

static void
ngx_rtprop_hub_expelled(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch,
    json_t *users)
{
    size_t             i;
    json_t            *user;
    ngx_str_t          id;
    ngx_queue_t       *q, *next;
    ngx_rtprop_sub_t  *sub;

    ch->nsubs++;

    for (q = ngx_queue_head(&ch->subs);
         q != ngx_queue_sentinel(&ch->subs);
         q = next)
    {
        next = ngx_queue_next(q);
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, queue);

        json_array_foreach(users, i, user) {
            id.data = (u_char *) json_string_value(user);
            id.len = json_string_length(user);

            if (!ngx_rtprop_hub_is_user(&id, sub->session)) {
                continue;
            }

            if (sub->pending) {
                sub->expelled = 1;

            } else {
                ngx_rtprop_hub_sub_leave(hub, sub);
            }

            break;
        }
    }

    ch->nsubs--;
    ngx_rtprop_hub_channel_release(hub, ch);
}


/* ----------------------------------------------------- reading once more */

/* The ring was overrun or the engine was away: every channel may lack some. */

void
ngx_rtprop_hub_lost(ngx_rtprop_hub_t *hub)
{
    ngx_uint_t             i;
    ngx_rtprop_channel_t  *ch, *next;

    for (i = 0; i < hub->nbuckets; i++) {
        for (ch = hub->buckets[i]; ch; ch = next) {
            next = ch->next;

            if (ch->epoch) {
                ngx_rtprop_hub_reread(hub, ch, ch->offset);
            }
        }
    }
}


void
ngx_rtprop_hub_reread(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch,
    uint64_t since)
{
    ngx_str_t                 name;
    ngx_pool_t               *pool;
    ngx_rtprop_hub_reread_t  *r;

    if (ch->reading) {
        ch->behind = 1;
        return;
    }

    pool = ngx_rtprop_hub_pool(hub);

    if (pool == NULL) {
        ngx_rtprop_hub_give_up(ch);
        return;
    }

    r = ngx_pcalloc(pool, sizeof(ngx_rtprop_hub_reread_t));
    name.len = ch->name_len;
    name.data = ch->name;

    if (r) {
        r->history.channel.len = name.len;
        r->history.channel.data = ngx_pstrdup(pool, &name);
    }

    if (r == NULL || r->history.channel.data == NULL) {
        ngx_rtprop_hub_free_pool(hub, pool);
        ngx_rtprop_hub_give_up(ch);
        return;
    }

    ngx_rtprop_stat_bump(hub->worker, ngx_rtprop_hub_stat_rereads, 1);

    ch->reading = 1;
    ch->behind = 0;

    r->hub = hub;
    r->history.op.done = ngx_rtprop_hub_reread_done;
    r->history.op.data = r;
    r->history.op.pool = pool;
    r->history.epoch = ch->epoch;
    r->history.since = since;
    r->history.limit = NGX_RTPROP_HUB_REREAD;

    hub->engine->history(hub->engine, &r->history);
}


static void
ngx_rtprop_hub_reread_done(ngx_rtprop_op_t *op)
{
    ngx_rtprop_hub_reread_t *r = op->data;

    uint64_t               last;
    ngx_uint_t             i;
    ngx_rtprop_hub_t      *hub;
    ngx_rtprop_channel_t  *ch;

    hub = r->hub;
    ch = ngx_rtprop_hub_channel(hub, &r->history.channel);
    last = r->history.since;

    ch->reading = 0;

    if (op->rc != NGX_OK
        || (r->history.nevents == 0 && r->history.offset > last)
        || (r->history.nevents && r->history.events[0].offset > last + 1)
        || r->history.epoch != ch->epoch)
    {
        ngx_rtprop_hub_give_up(ch);
        ch->epoch = r->history.epoch;
        ch->offset = r->history.offset;
        goto done;
    }

    for (i = 0; i < r->history.nevents; i++) {
        ngx_rtprop_hub_resend(hub, ch, &r->history.events[i]);
        last = r->history.events[i].offset;
    }

    ch->offset = ngx_max(ch->offset, last);

    if (ch->nsubs && (ch->behind || r->history.offset > last)) {
        ngx_rtprop_hub_reread(hub, ch, last);
    }

done:

    ngx_rtprop_hub_channel_release(hub, ch);
    ngx_rtprop_hub_free_pool(hub, op->pool);
}


static void
ngx_rtprop_hub_resend(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch,
    ngx_rtprop_event_t *ev)
{
    ngx_queue_t            *q;
    ngx_rtprop_sub_t       *sub;
    ngx_rtprop_hub_item_t   item;

    if (ev->flags & NGX_RTPROP_EV_HIDDEN) {
        return;
    }

    ngx_rtprop_hub_item_init(&item, ev);

    for (q = ngx_queue_head(&ch->subs);
         q != ngx_queue_sentinel(&ch->subs);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, queue);

        if (!sub->pending && sub->session->state == NGX_RTPROP_SESSION_OPEN
            && ev->offset > sub->offset)
        {
            ngx_rtprop_hub_item_send(hub, &item, sub);
            ngx_rtprop_hub_receipt(hub, &item, sub);
        }
    }

    ngx_rtprop_hub_item_free(&item);
}


/*
 * What is missing is not to be had: rather than skip it silently, the sessions
 * are told to come back, resume, and get the state.
 */

static void
ngx_rtprop_hub_give_up(ngx_rtprop_channel_t *ch)
{
    ngx_queue_t       *q;
    ngx_rtprop_sub_t  *sub;

    for (q = ngx_queue_head(&ch->subs);
         q != ngx_queue_sentinel(&ch->subs);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, queue);

        ngx_rtprop_session_close(sub->session, NGX_RTPROP_CLOSE_SLOW,
                                 "events were missed, resume");
    }
}


ngx_int_t
ngx_rtprop_hub_event_copy(ngx_pool_t *pool, ngx_rtprop_event_t *dst,
    ngx_rtprop_event_t *src)
{
    u_char      *p;
    size_t       len;
    ngx_str_t   *from[7], *to[7];
    ngx_uint_t   i;

    *dst = *src;
    ngx_str_null(&dst->payload);

    from[0] = &src->channel;        to[0] = &dst->channel;
    from[1] = &src->type;           to[1] = &dst->type;
    from[2] = &src->user;           to[2] = &dst->user;
    from[3] = &src->skip_user;      to[3] = &dst->skip_user;
    from[4] = &src->skip_session;   to[4] = &dst->skip_session;
    from[5] = &src->alt_user;       to[5] = &dst->alt_user;
    from[6] = &src->replace;        to[6] = &dst->replace;

    len = src->alt_payload.len;

    for (i = 0; i < 7; i++) {
        len += from[i]->len;
    }

    p = ngx_pnalloc(pool, len + 1);

    if (p == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < 7; i++) {
        to[i]->data = p;

        if (from[i]->len) {
            p = ngx_cpymem(p, from[i]->data, from[i]->len);
        }
    }

    dst->alt_payload.data = p;

    if (src->alt_payload.len) {
        ngx_memcpy(p, src->alt_payload.data, src->alt_payload.len);
    }

    return NGX_OK;
}
