/*
 * One change of an auction's document: read, carried on, told, written.
 */

#include "features/auction/ngx_rtprop_auction.h"
#include "features/auction/rtprop_auction_doc.h"


#define NGX_RTPROP_AUCTION_KEPT  262144    /* octets, of one document */


static rtprop_auction_t *ngx_rtprop_auction_kept(
    ngx_rtprop_auction_change_t *change, ngx_str_t *text);
static ngx_rtprop_auction_conf_t *ngx_rtprop_auction_main_conf(
    ngx_rtprop_auction_change_t *change);


ngx_int_t
ngx_rtprop_auction_change_init(ngx_rtprop_auction_change_t *change,
    ngx_rtprop_hub_t *hub, ngx_pool_t *pool, ngx_str_t *id)
{
    ngx_rtprop_update_t  *update;

    update = &change->update;

    if (ngx_rtprop_hub_channel_name(pool, NGX_RTPROP_AUCTION_PREFIX, id,
                                    &update->state.key)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    update->state.op.pool = pool;
    update->data = change;

    change->hub = hub;
    change->due = -1;

    ngx_rtprop_hub_channel_id(&update->state.key, &change->id);

    return NGX_OK;
}


rtprop_auction_t *
ngx_rtprop_auction_open(ngx_rtprop_auction_change_t *change, ngx_str_t *text,
    uint64_t version, int64_t now, rtprop_auction_view_t *view)
{
    rtprop_auction_t  *a;

    change->due = -1;
    change->ticked = 0;
    change->running = 0;
    change->extended = 0;
    change->closed = 0;

    view->id = ngx_rtprop_auction_pure(&change->id);
    view->version = version + 1;
    view->now = now;

    if (version == 0) {
        return NULL;
    }

    a = ngx_rtprop_auction_kept(change, text);

    if (a) {
        return a;
    }

    a = rtprop_auction_parse((char *) text->data, text->len);

    if (a == NULL) {
        (void) ngx_rtprop_hub_unreadable(change->hub,
                                         &change->update.state.key, text);
    }

    return a;
}


static rtprop_auction_t *
ngx_rtprop_auction_kept(ngx_rtprop_auction_change_t *change, ngx_str_t *text)
{
    rtprop_auction_t           *a;
    ngx_rtprop_auction_conf_t  *conf;

    conf = ngx_rtprop_auction_main_conf(change);
    a = conf->kept;

    if (a == NULL || conf->kept_text.len != text->len
        || ngx_memcmp(conf->kept_text.data, text->data, text->len) != 0)
    {
        return NULL;
    }

    conf->kept = NULL;

    return a;
}


void
ngx_rtprop_auction_keep(ngx_rtprop_auction_change_t *change, ngx_str_t *text,
    rtprop_auction_t *a)
{
    u_char                     *p;
    ngx_rtprop_auction_conf_t  *conf;

    conf = ngx_rtprop_auction_main_conf(change);

    rtprop_auction_destroy(conf->kept);
    conf->kept = NULL;

    if (conf->kept_size < text->len) {
        p = (text->len <= NGX_RTPROP_AUCTION_KEPT)
            ? ngx_alloc(2 * text->len, change->hub->worker->log) : NULL;

        if (p == NULL) {
            rtprop_auction_destroy(a);
            return;
        }

        if (conf->kept_text.data) {
            ngx_free(conf->kept_text.data);
        }

        conf->kept_text.data = p;
        conf->kept_size = 2 * text->len;
    }

    ngx_memcpy(conf->kept_text.data, text->data, text->len);
    conf->kept_text.len = text->len;
    conf->kept = a;
}


static ngx_rtprop_auction_conf_t *
ngx_rtprop_auction_main_conf(ngx_rtprop_auction_change_t *change)
{
    return ngx_http_cycle_get_module_main_conf(change->hub->worker->cycle,
                                               ngx_rtprop_auction_module);
}


ngx_int_t
ngx_rtprop_auction_tick(ngx_rtprop_auction_change_t *change,
    rtprop_auction_t *a, rtprop_auction_view_t *view)
{
    ngx_int_t  rc;

    for ( ;; ) {
        switch (rtprop_auction_tick(a, view->now)) {

        case RTPROP_AUCTION_STARTED:
            rc = ngx_rtprop_auction_tell_time(change, a, view);
            break;

        case RTPROP_AUCTION_CLOSED:
            rc = ngx_rtprop_auction_tell_end(change, a, view);
            break;

        default:
            return NGX_OK;
        }

        change->ticked = 1;

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }
}


ngx_rtprop_event_t *
ngx_rtprop_auction_event(ngx_rtprop_auction_change_t *change,
    const char *type, json_t *payload)
{
    ngx_rtprop_event_t   *ev;
    ngx_rtprop_update_t  *update;

    update = &change->update;

    if (update->nevents == NGX_RTPROP_AUCTION_EVENTS) {
        json_decref(payload);
        return NULL;
    }

    ev = &change->events[update->nevents];
    ngx_memzero(ev, sizeof(ngx_rtprop_event_t));

    if (ngx_rtprop_hub_dump(update->state.op.pool, payload, &ev->payload)
        != NGX_OK)
    {
        return NULL;
    }

    ev->channel = update->state.key;
    ev->type.data = (u_char *) type;
    ev->type.len = ngx_strlen(type);
    ev->arrived = change->arrived;

    update->events = change->events;
    update->nevents++;

    return ev;
}


ngx_int_t
ngx_rtprop_auction_tell_time(ngx_rtprop_auction_change_t *change,
    rtprop_auction_t *a, rtprop_auction_view_t *view)
{
    ngx_rtprop_event_t  *ev;

    ev = ngx_rtprop_auction_event(change, "auction:timer_sync",
                                  rtprop_auction_timer_payload(a, view));
    if (ev == NULL) {
        return NGX_ERROR;
    }

    ev->flags = NGX_RTPROP_EV_VOLATILE;

    return NGX_OK;
}


/* The winner of an anonymous auction has a copy of his or her own. */

ngx_int_t
ngx_rtprop_auction_tell_end(ngx_rtprop_auction_change_t *change,
    rtprop_auction_t *a, rtprop_auction_view_t *view)
{
    ngx_str_t            user;
    const char          *winner;
    ngx_pool_t          *pool;
    ngx_rtprop_event_t  *ev;

    ev = ngx_rtprop_auction_event(change, "auction:ended",
                                  rtprop_auction_ended_payload(a, view, 0));
    if (ev == NULL) {
        return NGX_ERROR;
    }

    change->closed = 1;
    winner = rtprop_auction_user(a, rtprop_auction_winner(a));

    if (winner && a->terms.anonymous) {
        pool = change->update.state.op.pool;

        user.data = (u_char *) winner;
        user.len = ngx_strlen(winner);

        ev->alt_user.len = user.len;
        ev->alt_user.data = ngx_pstrdup(pool, &user);

        if (ev->alt_user.data == NULL
            || ngx_rtprop_hub_dump(pool,
                                   rtprop_auction_ended_payload(a, view, 1),
                                   &ev->alt_payload)
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return ngx_rtprop_auction_tell_time(change, a, view);
}


ngx_int_t
ngx_rtprop_auction_write(ngx_rtprop_auction_change_t *change,
    rtprop_auction_t *a)
{
    char       *text;
    size_t      len;
    ngx_str_t  *value;

    text = rtprop_auction_serialise(a, &len);

    if (text == NULL) {
        return NGX_ERROR;
    }

    value = &change->update.value;
    value->len = len;
    value->data = ngx_pnalloc(change->update.state.op.pool, len);

    if (value->data) {
        ngx_memcpy(value->data, text, len);
    }

    free(text);

    ngx_rtprop_auction_plan(change, a);

    change->update.state.ttl = rtprop_auction_over(a)
                               ? NGX_RTPROP_AUCTION_KEEP : 0;

    return value->data ? NGX_OK : NGX_ERROR;
}


void
ngx_rtprop_auction_plan(ngx_rtprop_auction_change_t *change,
    rtprop_auction_t *a)
{
    change->due = rtprop_auction_next_due(a);
    change->running = (a->status == RTPROP_AUCTION_LIVE
                       || a->status == RTPROP_AUCTION_PAUSED);
}


void
ngx_rtprop_auction_committed(ngx_rtprop_auction_change_t *change)
{
    ngx_rtprop_hub_schedule(change->hub, &change->update.state.key,
                            change->due < 0 ? 0 : ngx_max(change->due, 1),
                            NULL);

    ngx_rtprop_auction_counted(change);
}


void
ngx_rtprop_auction_counted(ngx_rtprop_auction_change_t *change)
{
    ngx_rtprop_worker_t  *worker;

    worker = change->hub->worker;

    if (change->extended) {
        ngx_rtprop_auction_count(worker, NGX_RTPROP_AUCTION_STAT_EXTENDED, 1);
    }

    if (change->closed) {
        ngx_rtprop_auction_count(worker, NGX_RTPROP_AUCTION_STAT_CLOSED, 1);
    }

    if (change->update.tries > 1) {
        ngx_rtprop_auction_count(worker, NGX_RTPROP_AUCTION_STAT_CONFLICTS,
                                 change->update.tries - 1);
    }
}


json_t *
ngx_rtprop_auction_place(ngx_rtprop_event_t *ev)
{
    u_char  epoch[16];

    if (ev->offset == 0) {
        return json_pack("{s:b, s:n, s:n}", "success", 1, "epoch", "offset");
    }

    ngx_rtprop_hub_epoch_text(ev->epoch, epoch);

    return json_pack("{s:b, s:s%, s:I}", "success", 1,
                     "epoch", (char *) epoch, sizeof(epoch),
                     "offset", (json_int_t) ev->offset);
}
