/*
 * Channels that this worker is subscribed to: what comes of them, and where
 * they stand.
 *
 * Places are asked for, many in one script, after each (re)connection, so that
 * only what has moved is read again; and once in a while, so that a channel
 * with subscribers and without events lives on.
 */

#include "engine/redis/ngx_rtprop_engine_redis.h"
#include "base/rtprop_hash.h"


#define NGX_RTPROP_ER_PART     50          /* channels of one script */
#define NGX_RTPROP_ER_ASKING   16          /* scripts under way */


static uint32_t ngx_rtprop_er_hash(ngx_rtprop_er_t *er, ngx_str_t *name);
static ngx_rtprop_er_channel_t *ngx_rtprop_er_channel_make(
    ngx_rtprop_er_t *er, ngx_str_t *name);
static void ngx_rtprop_er_tell_count(ngx_rtprop_er_t *er,
    ngx_rtprop_er_channel_t *ch);
static void ngx_rtprop_er_places_ask(ngx_rtprop_er_t *er);
static ngx_int_t ngx_rtprop_er_places_part(ngx_rtprop_er_t *er);
static ngx_uint_t ngx_rtprop_er_places_take(ngx_rtprop_er_t *er,
    ngx_rtprop_er_channel_t **chs, ngx_uint_t max, size_t *size);
static void ngx_rtprop_er_places_done(ngx_rtprop_er_call_t *call);
static void ngx_rtprop_er_place(ngx_rtprop_er_t *er,
    ngx_rtprop_er_channel_t *ch, uint64_t epoch, uint64_t offset);


void
ngx_rtprop_er_subs_init(ngx_rtprop_er_t *er)
{
    ngx_rbtree_init(&er->channels, &er->channels_end,
                    ngx_str_rbtree_insert_value);
    ngx_queue_init(&er->stale);
    ngx_queue_init(&er->fresh);
}


static uint32_t
ngx_rtprop_er_hash(ngx_rtprop_er_t *er, ngx_str_t *name)
{
    return (uint32_t) rtprop_hash(er->worker->key, name->data, name->len);
}


ngx_rtprop_er_channel_t *
ngx_rtprop_er_channel(ngx_rtprop_er_t *er, ngx_str_t *name, ngx_uint_t make)
{
    ngx_str_node_t           *node;
    ngx_rtprop_er_channel_t  *ch;

    node = ngx_str_rbtree_lookup(&er->channels, name,
                                 ngx_rtprop_er_hash(er, name));

    if (node) {
        return (ngx_rtprop_er_channel_t *)
               ((u_char *) node - offsetof(ngx_rtprop_er_channel_t, node));
    }

    ch = make ? ngx_rtprop_er_channel_make(er, name) : NULL;

    if (ch) {
        ngx_rtprop_er_bump(er, NGX_RTPROP_ER_STAT_CHANNELS, 1);
        ngx_rtprop_redis_subscribe(er->redis, &ch->sub);
    }

    return ch;
}


/* The names follow: as it is, and as it is in Redis. */

static ngx_rtprop_er_channel_t *
ngx_rtprop_er_channel_make(ngx_rtprop_er_t *er, ngx_str_t *name)
{
    size_t                    len;
    u_char                   *p;
    ngx_str_t                *prefix;
    ngx_rtprop_er_channel_t  *ch;

    prefix = ngx_rtprop_redis_prefix(er->redis);
    len = prefix->len + name->len + sizeof("{}:c") - 1;

    ch = ngx_alloc(sizeof(ngx_rtprop_er_channel_t) + name->len + len,
                   er->worker->log);

    if (ch == NULL) {
        return NULL;
    }

    ngx_memzero(ch, sizeof(ngx_rtprop_er_channel_t));

    p = (u_char *) ch + sizeof(ngx_rtprop_er_channel_t);
    ch->node.str.data = p;
    ch->node.str.len = name->len;
    p = ngx_cpymem(p, name->data, name->len);

    ch->sub.node.str.data = p;
    ch->sub.node.str.len = len;
    ch->sub.data = ch;
    (void) ngx_snprintf(p, len, "%V{%V}:c", prefix, name);

    ch->node.node.key = ngx_rtprop_er_hash(er, name);
    ngx_rbtree_insert(&er->channels, &ch->node.node);

    ngx_queue_init(&ch->waiting);
    ngx_queue_insert_tail(&er->fresh, &ch->queue);
    ch->asked = ngx_current_msec;

    return ch;
}


/* ---------------------------------------------------------------- leaving */

void
ngx_rtprop_er_unsubscribe(ngx_rtprop_engine_t *e, ngx_str_t *channel,
    ngx_uint_t n)
{
    ngx_rtprop_er_t          *er;
    ngx_rtprop_er_channel_t  *ch;

    er = e->data;
    ch = ngx_rtprop_er_channel(er, channel, 0);

    if (ch && !ch->all) {
        ngx_rtprop_er_leave(er, ch, n);
    }
}


void
ngx_rtprop_er_leave(ngx_rtprop_er_t *er, ngx_rtprop_er_channel_t *ch,
    ngx_uint_t n)
{
    if (ch->gone) {
        return;
    }

    ch->count -= ngx_min(n, ch->count);

    ngx_rtprop_er_tell_count(er, ch);

    if (ch->count) {
        return;
    }

    ch->gone = 1;
    ch->active = 0;

    ngx_rtprop_redis_unsubscribe(er->redis, &ch->sub);
    ngx_rtprop_er_bump(er, NGX_RTPROP_ER_STAT_CHANNELS, -1);

    ngx_rbtree_delete(&er->channels, &ch->node.node);
    ngx_queue_remove(&ch->queue);

    ch->held++;
    ngx_rtprop_er_let_go(er, ch);
}


void
ngx_rtprop_er_let_go(ngx_rtprop_er_t *er, ngx_rtprop_er_channel_t *ch)
{
    if (--ch->held == 0 && ch->gone) {
        ngx_free(ch);
    }
}


/* For the list of channels only: it need not arrive. */

static void
ngx_rtprop_er_tell_count(ngx_rtprop_er_t *er, ngx_rtprop_er_channel_t *ch)
{
    ngx_rtprop_er_call_t  *call;

    if (er->away) {
        return;
    }

    call = ngx_rtprop_er_call(er, NGX_RTPROP_ER_COUNT, 2,
                              ch->node.str.len + er->id.len);

    if (call) {
        ngx_rtprop_er_key(call, &ch->node.str, ":c");
        ngx_rtprop_er_copy(call, &er->id);
        ngx_rtprop_er_number(call, ch->count);
        ngx_rtprop_er_send(call, ngx_rtprop_er_ignore, NULL);
    }
}


/* ----------------------------------------------------- what Redis tells */

void
ngx_rtprop_er_subscribed(void *data, ngx_rtprop_redis_sub_t *sub)
{
    ngx_rtprop_er_channel_t  *ch;

    ch = sub->data;
    ch->active = 1;
    ch->held++;

    ngx_rtprop_er_read_waiting(data, ch, NGX_OK);
    ngx_rtprop_er_let_go(data, ch);
}


/* Events of one script come in one message. */

void
ngx_rtprop_er_message(void *data, ngx_rtprop_redis_sub_t *sub,
    ngx_str_t *payload)
{
    u_char                   *p, *end;
    ngx_uint_t                n;
    ngx_rtprop_er_t          *er;
    ngx_rtprop_event_t       *ev;
    ngx_rtprop_er_channel_t  *ch;

    er = data;
    ch = sub->data;
    p = payload->data;
    end = p + payload->len;

    ch->held++;

    while (p < end && !ch->gone) {

        for (n = 0; p < end && n < NGX_RTPROP_ER_EVENTS; n++) {
            ev = &er->events[n];

            if (ngx_rtprop_er_decode(er, &p, end, ev) != NGX_OK) {
                p = end;
                break;
            }

            ev->channel = ch->node.str;

            if (ev->offset) {
                ch->epoch = ev->epoch;
                ch->offset = ev->offset;
            }
        }

        if (n) {
            ngx_rtprop_er_bump(er, NGX_RTPROP_ER_STAT_DELIVERED, n);
            er->handler->deliver(er->hub, er->events, n);
        }
    }

    ngx_rtprop_er_let_go(er, ch);
}


/* The subscriptions are kept: only what waits for one is ended. */

void
ngx_rtprop_er_subs_down(ngx_rtprop_er_t *er)
{
    ngx_queue_t               waiting, *q;
    ngx_rbtree_node_t        *node;
    ngx_rtprop_er_channel_t  *ch;

    ngx_queue_init(&waiting);

    if (er->channels.root == er->channels.sentinel) {
        return;
    }

    for (node = ngx_rbtree_min(er->channels.root, er->channels.sentinel);
         node;
         node = ngx_rbtree_next(&er->channels, node))
    {
        ch = (ngx_rtprop_er_channel_t *)
             ((u_char *) node - offsetof(ngx_rtprop_er_channel_t, node));
        ch->active = ch->sub.active;

        /* what is ended may free channels: first they are set aside */

        if (!ngx_queue_empty(&ch->waiting)) {
            ngx_queue_remove(&ch->queue);
            ngx_queue_insert_tail(&waiting, &ch->queue);
        }
    }

    while (!ngx_queue_empty(&waiting)) {
        q = ngx_queue_head(&waiting);
        ch = ngx_queue_data(q, ngx_rtprop_er_channel_t, queue);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&er->fresh, q);

        ch->held++;
        ngx_rtprop_er_read_waiting(er, ch, NGX_ERROR);
        ngx_rtprop_er_let_go(er, ch);
    }
}


/* ----------------------------------------------------------------- places */

void
ngx_rtprop_er_places(ngx_rtprop_er_t *er, ngx_uint_t all)
{
    int64_t                   period;
    ngx_queue_t              *q;
    ngx_rtprop_er_channel_t  *ch;

    period = ngx_rtprop_er_life(er) / 4;

    while (!ngx_queue_empty(&er->fresh)) {
        q = ngx_queue_head(&er->fresh);
        ch = ngx_queue_data(q, ngx_rtprop_er_channel_t, queue);

        if (!all && (ngx_msec_int_t) (ngx_current_msec - ch->asked) < period) {
            break;
        }

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&er->stale, q);
    }

    ngx_rtprop_er_places_ask(er);
}


/*
 * What is refused at once, since the connection is lost and nobody has been
 * told yet, waits for the next time: it would be asked again for ever.
 */

static void
ngx_rtprop_er_places_ask(ngx_rtprop_er_t *er)
{
    ngx_uint_t  asking;

    while (er->up && er->asking < NGX_RTPROP_ER_ASKING
           && !ngx_queue_empty(&er->stale))
    {
        asking = er->asking;

        if (ngx_rtprop_er_places_part(er) != NGX_OK || er->asking == asking) {
            break;
        }
    }
}


static ngx_int_t
ngx_rtprop_er_places_part(ngx_rtprop_er_t *er)
{
    size_t                     size;
    ngx_uint_t                 i, n, max;
    ngx_rtprop_er_call_t      *call;
    ngx_rtprop_er_channel_t  **chs;

    max = ngx_rtprop_redis_sharded(er->redis) ? 1 : NGX_RTPROP_ER_PART;
    chs = ngx_alloc(max * sizeof(ngx_rtprop_er_channel_t *), er->worker->log);

    if (chs == NULL) {
        return NGX_ERROR;
    }

    size = er->id.len;
    n = ngx_rtprop_er_places_take(er, chs, max, &size);

    call = n ? ngx_rtprop_er_call(er, NGX_RTPROP_ER_PLACES, 4 * n + 3,
                                  size + 8)
             : NULL;

    if (call == NULL) {
        ngx_free(chs);
        return n ? NGX_ERROR : NGX_OK;
    }

    for (i = 0; i < n; i++) {
        ngx_rtprop_er_key(call, &chs[i]->node.str, ":c");
        chs[i]->held++;
    }

    ngx_rtprop_er_octets(call, ngx_rtprop_er_epoch(er));
    ngx_rtprop_er_number(call, ngx_rtprop_er_life(er));
    ngx_rtprop_er_copy(call, &er->id);

    for (i = 0; i < n; i++) {
        ngx_rtprop_er_number(call, chs[i]->count);
        ngx_rtprop_er_octets(call, chs[i]->epoch);
        ngx_rtprop_er_number(call, chs[i]->offset);
    }

    call->number = n;
    er->asking++;

    ngx_rtprop_er_send(call, ngx_rtprop_er_places_done, chs);

    return NGX_OK;
}


/* What has no place yet is about to be read. */

static ngx_uint_t
ngx_rtprop_er_places_take(ngx_rtprop_er_t *er, ngx_rtprop_er_channel_t **chs,
    ngx_uint_t max, size_t *size)
{
    ngx_uint_t                n;
    ngx_queue_t              *q;
    ngx_rtprop_er_channel_t  *ch;

    n = 0;

    while (n < max && !ngx_queue_empty(&er->stale)) {
        q = ngx_queue_head(&er->stale);
        ch = ngx_queue_data(q, ngx_rtprop_er_channel_t, queue);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&er->fresh, q);
        ch->asked = ngx_current_msec;

        if (ch->epoch && !ch->all) {
            *size += ch->node.str.len + 8;
            chs[n++] = ch;
        }
    }

    return n;
}


static void
ngx_rtprop_er_places_done(ngx_rtprop_er_call_t *call)
{
    redisReply                *reply;
    ngx_uint_t                 i, n;
    ngx_rtprop_er_t           *er;
    ngx_rtprop_er_channel_t  **chs;

    er = call->er;
    chs = call->data;
    er->asking--;

    reply = ngx_rtprop_er_array(call, 0);

    for (i = 0; reply && i + 2 < reply->elements; i += 3) {
        n = ngx_rtprop_er_get_number(reply, i);

        if (n >= 1 && n <= call->number && !chs[n - 1]->gone) {
            ngx_rtprop_er_place(er, chs[n - 1],
                                ngx_rtprop_er_get_octets(reply, i + 1),
                                ngx_rtprop_er_get_number(reply, i + 2));
        }
    }

    for (i = 0; i < call->number; i++) {

        if (reply == NULL && !chs[i]->gone) {
            ngx_queue_remove(&chs[i]->queue);
            ngx_queue_insert_tail(&er->stale, &chs[i]->queue);
        }

        ngx_rtprop_er_let_go(er, chs[i]);
    }

    ngx_free(chs);

    if (reply) {
        ngx_rtprop_er_places_ask(er);
    }
}


/* What came since the question was sent may be there already. */

static void
ngx_rtprop_er_place(ngx_rtprop_er_t *er, ngx_rtprop_er_channel_t *ch,
    uint64_t epoch, uint64_t offset)
{
    if (ch->epoch == epoch && ch->offset >= offset) {
        return;
    }

    ch->epoch = epoch;
    ch->offset = offset;

    if (er->handler->behind) {
        er->handler->behind(er->hub, &ch->node.str, epoch, offset);

    } else {
        er->handler->lost(er->hub);
    }
}
