/*
 * One notification to its users: each one's document is read, gets it, and is
 * written with the event.  Documents may be large and users many, so each turn
 * of the loop takes some only.
 */

#include "features/notification/ngx_rtprop_notification.h"


#define NGX_RTPROP_NOTIFICATION_TURN  8     /* users in one turn of the loop */


typedef struct {
    ngx_rtprop_update_t                  update;
    ngx_rtprop_event_t                   event;
    ngx_rtprop_notification_delivery_t  *delivery;
    json_t                              *user;      /* borrowed */
} ngx_rtprop_notification_one_t;


static void ngx_rtprop_notification_turn(ngx_event_t *ev);
static void ngx_rtprop_notification_count(
    ngx_rtprop_notification_delivery_t *d);
static void ngx_rtprop_notification_one(ngx_rtprop_notification_delivery_t *d,
    json_t *user);
static ngx_int_t ngx_rtprop_notification_one_apply(
    ngx_rtprop_update_t *update, ngx_str_t *text, uint64_t version,
    int64_t now);
static void ngx_rtprop_notification_one_done(ngx_rtprop_update_t *update);
static void ngx_rtprop_notification_miss(ngx_rtprop_notification_delivery_t *d,
    json_t *user);


ngx_rtprop_notification_delivery_t *
ngx_rtprop_notification_delivery_create(ngx_rtprop_hub_t *hub, json_t *users,
    json_t *notification)
{
    ngx_pool_t                          *pool;
    ngx_rtprop_notification_delivery_t  *d;

    pool = ngx_rtprop_hub_pool(hub);
    d = pool ? ngx_pcalloc(pool, sizeof(ngx_rtprop_notification_delivery_t))
             : NULL;

    if (d == NULL
        || ngx_rtprop_hub_dump(pool, json_incref(notification), &d->text)
           != NGX_OK)
    {
        json_decref(users);
        json_decref(notification);

        if (pool) {
            ngx_rtprop_hub_free_pool(hub, pool);
        }

        return NULL;
    }

    d->hub = hub;
    d->pool = pool;
    d->users = users;
    d->notification = notification;
    d->failed = json_array();

    d->turn.handler = ngx_rtprop_notification_turn;
    d->turn.data = d;
    d->turn.log = hub->worker->log;

    return d;
}


void
ngx_rtprop_notification_delivery_free(ngx_rtprop_notification_delivery_t *d)
{
    json_decref(d->users);
    json_decref(d->notification);
    json_decref(d->failed);

    ngx_rtprop_hub_free_pool(d->hub, d->pool);
}


void
ngx_rtprop_notification_deliver(ngx_rtprop_notification_delivery_t *d)
{
    ngx_rtprop_notification_turn(&d->turn);
}


/* One more is waited for than there are, until all of the turn have begun. */

static void
ngx_rtprop_notification_turn(ngx_event_t *ev)
{
    size_t                               end;
    ngx_rtprop_notification_delivery_t  *d;

    d = ev->data;
    end = ngx_min(d->next + NGX_RTPROP_NOTIFICATION_TURN,
                  json_array_size(d->users));

    d->waiting = end - d->next + 1;

    while (d->next < end) {
        ngx_rtprop_notification_one(d, json_array_get(d->users, d->next++));
    }

    ngx_rtprop_notification_count(d);
}


static void
ngx_rtprop_notification_count(ngx_rtprop_notification_delivery_t *d)
{
    if (--d->waiting) {
        return;
    }

    if (d->next < json_array_size(d->users)) {
        ngx_post_event(&d->turn, &ngx_posted_next_events);
        return;
    }

    d->done(d);
}


static void
ngx_rtprop_notification_one(ngx_rtprop_notification_delivery_t *d,
    json_t *user)
{
    ngx_str_t                       id;
    ngx_pool_t                     *pool;
    ngx_rtprop_notification_one_t  *one;

    id.data = (u_char *) json_string_value(user);
    id.len = json_string_length(user);

    pool = ngx_rtprop_hub_pool(d->hub);
    one = pool ? ngx_pcalloc(pool, sizeof(ngx_rtprop_notification_one_t))
               : NULL;

    if (one == NULL
        || ngx_rtprop_hub_channel_name(pool, NGX_RTPROP_NOTIFICATION_DOC, &id,
                                       &one->update.state.key)
           != NGX_OK
        || ngx_rtprop_hub_channel_name(pool, NGX_RTPROP_NOTIFICATION_USER,
                                       &id, &one->event.channel)
           != NGX_OK)
    {
        if (pool) {
            ngx_rtprop_hub_free_pool(d->hub, pool);
        }

        ngx_rtprop_notification_miss(d, user);
        ngx_rtprop_notification_count(d);
        return;
    }

    ngx_str_set(&one->event.type, "notification");
    one->event.payload = d->text;
    one->event.arrived = d->arrived;

    one->delivery = d;
    one->user = user;

    one->update.state.op.pool = pool;
    one->update.state.ttl = NGX_RTPROP_NOTIFICATION_KEEP;
    one->update.apply = ngx_rtprop_notification_one_apply;
    one->update.done = ngx_rtprop_notification_one_done;
    one->update.data = one;

    ngx_rtprop_hub_update(d->hub, &one->update);
}


static ngx_int_t
ngx_rtprop_notification_one_apply(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now)
{
    int                             rc;
    json_t                         *doc;
    ngx_int_t                       answer;
    ngx_rtprop_notification_one_t  *one;

    one = update->data;

    doc = version ? rtprop_notification_parse((char *) text->data, text->len)
                  : rtprop_notification_create();

    if (doc == NULL) {
        return version ? ngx_rtprop_hub_unreadable(one->delivery->hub,
                                                   &update->state.key, text)
                       : NGX_ERROR;
    }

    rc = rtprop_notification_add(doc, one->delivery->notification);

    if (rc == RTPROP_OK) {
        update->events = &one->event;
        update->nevents = 1;

        answer = ngx_rtprop_notification_dump(update->state.op.pool, doc,
                                              &update->value);

    } else {
        answer = (rc == RTPROP_AGAIN) ? NGX_DONE : NGX_ERROR;
    }

    json_decref(doc);

    return answer;
}


static void
ngx_rtprop_notification_one_done(ngx_rtprop_update_t *update)
{
    ngx_pool_t                          *pool;
    ngx_rtprop_notification_one_t       *one;
    ngx_rtprop_notification_delivery_t  *d;

    one = update->data;
    d = one->delivery;
    pool = update->state.op.pool;

    if (update->rc == NGX_OK) {
        d->epoch = one->event.epoch;
        d->offset = one->event.offset;

        ngx_rtprop_notification_stat(d->hub->worker,
                                     NGX_RTPROP_NOTIFICATION_SENT, 1);

    } else {
        ngx_rtprop_notification_miss(d, one->user);
    }

    ngx_rtprop_hub_free_pool(d->hub, pool);
    ngx_rtprop_notification_count(d);
}


static void
ngx_rtprop_notification_miss(ngx_rtprop_notification_delivery_t *d,
    json_t *user)
{
    (void) json_array_append(d->failed, user);

    ngx_rtprop_notification_stat(d->hub->worker,
                                 NGX_RTPROP_NOTIFICATION_FAILED, 1);
}
