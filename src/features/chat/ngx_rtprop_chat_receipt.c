/*
 * chat:delivered: an author hears, once, that a message has reached somebody.
 *
 * A document of each author and channel holds the epoch and the offset up to
 * which that was told.  It is raised in the step that publishes the news, so
 * of several workers that deliver at the same time one tells.  Who sends has
 * got all that was sent before, so what lies below was delivered, too.
 */

#include "features/chat/ngx_rtprop_chat.h"


#define NGX_RTPROP_CHAT_RECEIPTS  100       /* messages told of at once */


typedef struct {
    uint64_t                    offset;
    uint64_t                    id;
} ngx_rtprop_chat_got_t;


typedef struct {
    ngx_rtprop_update_t         update;
    ngx_rtprop_hub_t           *hub;
    ngx_str_t                   id;         /* of the conversation */
    ngx_str_t                   author;     /* his channel */
    ngx_str_t                   user;
    uint64_t                    epoch;
    ngx_uint_t                  n;
    ngx_rtprop_chat_got_t       got[];
} ngx_rtprop_chat_receipt_t;


static void ngx_rtprop_chat_receipt_all(ngx_rtprop_hub_t *hub,
    ngx_str_t *channel, rtprop_identity_t *user, ngx_rtprop_event_t **events,
    ngx_uint_t n);
static ngx_uint_t ngx_rtprop_chat_receipt_same(ngx_rtprop_event_t *ev,
    ngx_rtprop_event_t *other);
static void ngx_rtprop_chat_receipt(ngx_rtprop_hub_t *hub, ngx_str_t *channel,
    rtprop_identity_t *user, ngx_rtprop_event_t **events, ngx_uint_t n);
static ngx_int_t ngx_rtprop_chat_receipt_names(ngx_rtprop_chat_receipt_t *r,
    ngx_str_t *channel, ngx_str_t *user, ngx_str_t *author);
static ngx_int_t ngx_rtprop_chat_receipt_apply(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now);
static uint64_t ngx_rtprop_chat_receipt_told(ngx_rtprop_chat_receipt_t *r,
    ngx_str_t *text);
static ngx_int_t ngx_rtprop_chat_receipt_event(ngx_rtprop_chat_receipt_t *r,
    ngx_rtprop_chat_got_t *got, ngx_rtprop_event_t *ev);
static void ngx_rtprop_chat_receipt_done(ngx_rtprop_update_t *update);


void
ngx_rtprop_chat_delivered(ngx_rtprop_hub_t *hub, ngx_rtprop_event_t **events,
    ngx_uint_t n, ngx_rtprop_session_t *s, void *data)
{
    ngx_rtprop_chat_receipt_all(hub, &events[0]->channel, s->user, events, n);
}


void
ngx_rtprop_chat_receipts(ngx_rtprop_hub_t *hub, ngx_str_t *channel,
    rtprop_identity_t *user, ngx_rtprop_event_t *events, ngx_uint_t n)
{
    ngx_str_t            id;
    ngx_uint_t           i, k;
    ngx_rtprop_event_t  *got[NGX_RTPROP_CHAT_RECEIPTS];

    if (n > NGX_RTPROP_CHAT_RECEIPTS) {
        events += n - NGX_RTPROP_CHAT_RECEIPTS;
        n = NGX_RTPROP_CHAT_RECEIPTS;
    }

    id = ngx_rtprop_user_id(user);

    for (i = 0, k = 0; i < n; i++) {

        if ((events[i].flags & NGX_RTPROP_EV_RECEIPT)
            && (events[i].user.len != id.len
                || ngx_memcmp(events[i].user.data, id.data, id.len) != 0))
        {
            got[k++] = &events[i];
        }
    }

    ngx_rtprop_chat_receipt_all(hub, channel, user, got, k);
}


/* Messages of several authors: one step for each of them. */

static void
ngx_rtprop_chat_receipt_all(ngx_rtprop_hub_t *hub, ngx_str_t *channel,
    rtprop_identity_t *user, ngx_rtprop_event_t **events, ngx_uint_t n)
{
    ngx_uint_t  i, k;

    for (i = 0; i < n; i++) {

        for (k = 0; k < i; k++) {
            if (ngx_rtprop_chat_receipt_same(events[k], events[i])) {
                break;
            }
        }

        if (k == i) {
            ngx_rtprop_chat_receipt(hub, channel, user, &events[i], n - i);
        }
    }
}


/* Whether both are messages of one author. */

static ngx_uint_t
ngx_rtprop_chat_receipt_same(ngx_rtprop_event_t *ev, ngx_rtprop_event_t *other)
{
    return ev->user.len == other->user.len
           && ngx_memcmp(ev->user.data, other->user.data, ev->user.len) == 0;
}


/* Of these events the messages of the first one's author. */

static void
ngx_rtprop_chat_receipt(ngx_rtprop_hub_t *hub, ngx_str_t *channel,
    rtprop_identity_t *user, ngx_rtprop_event_t **events, ngx_uint_t n)
{
    ngx_str_t                   id;
    ngx_uint_t                  i;
    ngx_pool_t                 *pool;
    ngx_rtprop_chat_receipt_t  *r;

    pool = ngx_rtprop_hub_pool(hub);

    if (pool == NULL) {
        return;
    }

    id = ngx_rtprop_user_id(user);
    r = ngx_pcalloc(pool, sizeof(ngx_rtprop_chat_receipt_t)
                          + n * sizeof(ngx_rtprop_chat_got_t));

    if (r == NULL) {
        ngx_rtprop_hub_free_pool(hub, pool);
        return;
    }

    r->hub = hub;
    r->epoch = events[0]->epoch;
    r->update.state.op.pool = pool;
    r->update.state.ttl = hub->worker->conf->history_age * 1000;
    r->update.apply = ngx_rtprop_chat_receipt_apply;
    r->update.done = ngx_rtprop_chat_receipt_done;
    r->update.data = r;

    for (i = 0; i < n; i++) {
        if (ngx_rtprop_chat_receipt_same(events[0], events[i])) {
            r->got[r->n].offset = events[i]->offset;
            r->got[r->n++].id = events[i]->id;
        }
    }

    if (ngx_rtprop_chat_receipt_names(r, channel, &id, &events[0]->user)
        != NGX_OK)
    {
        ngx_rtprop_hub_free_pool(hub, pool);
        return;
    }

    ngx_rtprop_hub_update(hub, &r->update);
}


static ngx_int_t
ngx_rtprop_chat_receipt_names(ngx_rtprop_chat_receipt_t *r, ngx_str_t *channel,
    ngx_str_t *user, ngx_str_t *author)
{
    ngx_str_t   *key;
    ngx_pool_t  *pool;

    pool = r->update.state.op.pool;
    key = &r->update.state.key;

    r->user.len = user->len;
    r->user.data = ngx_pstrdup(pool, user);

    if (r->user.data == NULL
        || ngx_rtprop_hub_channel_name(pool, "user", author, &r->author)
           != NGX_OK
        || ngx_rtprop_chat_key(pool, NGX_RTPROP_CHAT_GOT, author, channel, key)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* the key ends with the channel, which ends with the id */

    ngx_rtprop_hub_channel_id(channel, &r->id);
    r->id.data = key->data + key->len - r->id.len;

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_chat_receipt_apply(ngx_rtprop_update_t *update, ngx_str_t *text,
    uint64_t version, int64_t now)
{
    uint64_t                    told;
    ngx_uint_t                  i;
    ngx_pool_t                 *pool;
    ngx_rtprop_event_t         *ev;
    ngx_rtprop_chat_receipt_t  *r;

    r = update->data;
    pool = update->state.op.pool;
    told = ngx_rtprop_chat_receipt_told(r, text);

    if (r->got[r->n - 1].offset <= told) {
        return NGX_DONE;
    }

    ev = ngx_pcalloc(pool, r->n * sizeof(ngx_rtprop_event_t));
    update->value.data = ngx_pnalloc(pool, 16 + 1 + NGX_INT64_LEN);

    if (ev == NULL || update->value.data == NULL) {
        return NGX_ERROR;
    }

    update->value.len = ngx_sprintf(update->value.data, "%016xL %uL", r->epoch,
                                    r->got[r->n - 1].offset)
                        - update->value.data;
    update->events = ev;

    for (i = 0; i < r->n; i++) {
        if (r->got[i].offset > told
            && ngx_rtprop_chat_receipt_event(r, &r->got[i],
                                             &ev[update->nevents++])
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* What a channel told before it began anew does not count. */

static uint64_t
ngx_rtprop_chat_receipt_told(ngx_rtprop_chat_receipt_t *r, ngx_str_t *text)
{
    off_t      offset;
    ngx_str_t  epoch;

    if (text->len < 18) {
        return 0;
    }

    epoch.len = 16;
    epoch.data = text->data;

    if (ngx_rtprop_hub_epoch_parse(&epoch) != r->epoch) {
        return 0;
    }

    offset = ngx_atoof(text->data + 17, text->len - 17);

    return offset > 0 ? (uint64_t) offset : 0;
}


static ngx_int_t
ngx_rtprop_chat_receipt_event(ngx_rtprop_chat_receipt_t *r,
    ngx_rtprop_chat_got_t *got, ngx_rtprop_event_t *ev)
{
    rtprop_str_t  id, user;

    id = ngx_rtprop_chat_pure(&r->id);
    user = ngx_rtprop_chat_pure(&r->user);

    ngx_str_set(&ev->type, "chat:delivered");
    ev->channel = r->author;
    ev->flags = NGX_RTPROP_EV_VOLATILE;

    ev->payload.data = ngx_pnalloc(r->update.state.op.pool,
                                   rtprop_chat_delivered_max(&id, &user));

    if (ev->payload.data == NULL) {
        return NGX_ERROR;
    }

    ev->payload.len = rtprop_chat_delivered(&id, got->id, &user,
                                            ev->payload.data);

    return NGX_OK;
}


static void
ngx_rtprop_chat_receipt_done(ngx_rtprop_update_t *update)
{
    ngx_rtprop_chat_receipt_t *r = update->data;

    if (update->rc != NGX_OK) {
        ngx_log_error(NGX_LOG_WARN, r->hub->worker->log, 0,
                      "rtprop: the delivery of a message was not told");
    }

    ngx_rtprop_hub_free_pool(r->hub, update->state.op.pool);
}
