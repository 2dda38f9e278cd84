/*
 * Start, end and countdown, by jobs on the engine's schedule.
 */

#include "features/auction/ngx_rtprop_auction.h"


typedef struct {
    ngx_rtprop_auction_change_t  change;
    ngx_str_t                    key;       /* of the job */
    uint64_t                     fence;
    json_t                      *time;      /* timer_sync, when there is one */
    unsigned                     sync:1;    /* "auction-sync:{id}" */
} ngx_rtprop_auction_job_t;


static void ngx_rtprop_auction_job_cleanup(void *data);
static ngx_int_t ngx_rtprop_auction_job_apply(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now);
static void ngx_rtprop_auction_job_done(ngx_rtprop_update_t *update);
static void ngx_rtprop_auction_job_next(ngx_rtprop_auction_job_t *job);
static void ngx_rtprop_auction_sync(ngx_rtprop_auction_change_t *change,
    ngx_msec_t after);
static ngx_str_t ngx_rtprop_auction_sync_key(
    ngx_rtprop_auction_change_t *change, u_char *buf);
static void ngx_rtprop_auction_checked(ngx_rtprop_op_t *op);


void
ngx_rtprop_auction_job(ngx_rtprop_hub_t *hub, ngx_str_t *key,
    ngx_str_t *payload, uint64_t fence, void *data)
{
    ngx_str_t                  id;
    ngx_pool_t                *pool;
    ngx_pool_cleanup_t        *cln;
    ngx_rtprop_auction_job_t  *job;

    pool = ngx_rtprop_hub_pool(hub);

    if (pool == NULL) {
        return;
    }

    job = ngx_pcalloc(pool, sizeof(ngx_rtprop_auction_job_t));
    cln = ngx_pool_cleanup_add(pool, 0);

    ngx_rtprop_hub_channel_id(key, &id);

    if (job == NULL || cln == NULL
        || ngx_rtprop_auction_change_init(&job->change, hub, pool, &id)
           != NGX_OK)
    {
        goto failed;
    }

    cln->handler = ngx_rtprop_auction_job_cleanup;
    cln->data = job;

    job->fence = fence;
    job->key.len = key->len;
    job->key.data = ngx_pstrdup(pool, key);
    job->sync = key->len > job->change.update.state.key.len;

    if (job->key.data == NULL) {
        goto failed;
    }

    job->change.update.apply = ngx_rtprop_auction_job_apply;
    job->change.update.done = ngx_rtprop_auction_job_done;

    ngx_rtprop_hub_update(hub, &job->change.update);

    return;

failed:

    /* the claim passes, and the job comes again */

    ngx_rtprop_hub_free_pool(hub, pool);
}


static void
ngx_rtprop_auction_job_cleanup(void *data)
{
    ngx_rtprop_auction_job_t *job = data;

    json_decref(job->time);
}


static ngx_int_t
ngx_rtprop_auction_job_apply(ngx_rtprop_update_t *update, ngx_str_t *text,
    uint64_t version, int64_t now)
{
    ngx_int_t                  rc;
    rtprop_auction_t          *a;
    rtprop_auction_view_t      view;
    ngx_rtprop_auction_job_t  *job;

    job = update->data;
    json_decref(job->time);
    job->time = NULL;

    a = ngx_rtprop_auction_open(&job->change, text, version, now, &view);

    if (a == NULL) {
        return NGX_DECLINED;
    }

    rc = ngx_rtprop_auction_tick(&job->change, a, &view);

    if (rc == NGX_OK && job->change.ticked) {
        rc = ngx_rtprop_auction_write(&job->change, a);

    } else if (rc == NGX_OK) {
        ngx_rtprop_auction_plan(&job->change, a);
        view.version = version;

        if (job->sync && job->change.running) {
            job->time = rtprop_auction_timer_payload(a, &view);
        }

        rc = NGX_DONE;
    }

    rtprop_auction_destroy(a);

    return rc;
}


static void
ngx_rtprop_auction_job_done(ngx_rtprop_update_t *update)
{
    ngx_rtprop_hub_t          *hub;
    ngx_rtprop_event_t         ev;
    ngx_rtprop_auction_job_t  *job;

    job = update->data;
    hub = job->change.hub;

    if (job->time) {
        ngx_memzero(&ev, sizeof(ngx_rtprop_event_t));
        ngx_str_set(&ev.type, "auction:timer_sync");
        ev.channel = update->state.key;
        ev.flags = NGX_RTPROP_EV_VOLATILE;

        (void) ngx_rtprop_hub_publish(hub, &ev, json_incref(job->time));
    }

    ngx_rtprop_auction_job_next(job);

    ngx_rtprop_hub_free_pool(hub, update->state.op.pool);
}


/*
 * NGX_DECLINED: there is no such auction (any more).  What the schedule got
 * anew is not taken off by the end of the job.
 */

static void
ngx_rtprop_auction_job_next(ngx_rtprop_auction_job_t *job)
{
    ngx_rtprop_hub_t             *hub;
    ngx_rtprop_auction_change_t  *change;

    change = &job->change;
    hub = change->hub;

    switch (change->update.rc) {

    case NGX_OK:
        ngx_rtprop_auction_committed(change);

        if (change->running) {
            ngx_rtprop_auction_sync(change, NGX_RTPROP_AUCTION_EVERY);
        }

        break;

    case NGX_DECLINED:
        break;

    default:
        ngx_log_error(NGX_LOG_WARN, hub->worker->log, 0,
                      "rtprop: the clock of \"%V\" could not be served, "
                      "again in a second", &change->update.state.key);

        ngx_rtprop_hub_schedule(hub, &job->key,
                                ngx_rtprop_now() + NGX_RTPROP_AUCTION_CHECK,
                                NULL);
    }

    ngx_rtprop_hub_job_done(hub, &job->key, job->fence);
}


/*
 * The commit and the call for the schedule are two steps, and what waits for
 * the second dies with its worker: so the look is on the schedule first.  A
 * database knows by itself what is due.
 */

void
ngx_rtprop_auction_update(ngx_rtprop_auction_change_t *change)
{
    u_char                 *buf;
    ngx_rtprop_engine_t    *e;
    ngx_rtprop_schedule_t  *look;

    e = change->hub->engine;

    if (e->durable) {
        ngx_rtprop_auction_sync(change, NGX_RTPROP_AUCTION_CHECK);
        ngx_rtprop_hub_update(change->hub, &change->update);
        return;
    }

    look = &change->look;
    look->op.done = ngx_rtprop_auction_checked;
    look->op.data = change;
    look->op.pool = change->update.state.op.pool;
    look->due = ngx_rtprop_now() + NGX_RTPROP_AUCTION_CHECK;

    buf = ngx_pnalloc(look->op.pool, NGX_RTPROP_CHANNEL_MAX);

    if (buf == NULL) {
        look->op.rc = NGX_ERROR;
        ngx_rtprop_auction_checked(&look->op);
        return;
    }

    look->key = ngx_rtprop_auction_sync_key(change, buf);

    e->schedule(e, look);
}


static void
ngx_rtprop_auction_checked(ngx_rtprop_op_t *op)
{
    ngx_rtprop_auction_change_t *change = op->data;

    if (op->rc != NGX_OK) {
        change->update.rc = op->rc;
        change->update.done(&change->update);
        return;
    }

    ngx_rtprop_hub_update(change->hub, &change->update);
}


static void
ngx_rtprop_auction_sync(ngx_rtprop_auction_change_t *change, ngx_msec_t after)
{
    u_char     buf[NGX_RTPROP_CHANNEL_MAX];
    ngx_str_t  key;

    key = ngx_rtprop_auction_sync_key(change, buf);

    ngx_rtprop_hub_schedule(change->hub, &key, ngx_rtprop_now() + after, NULL);
}


static ngx_str_t
ngx_rtprop_auction_sync_key(ngx_rtprop_auction_change_t *change, u_char *buf)
{
    ngx_str_t  key;

    key.data = buf;
    key.len = ngx_snprintf(buf, NGX_RTPROP_CHANNEL_MAX,
                           NGX_RTPROP_AUCTION_SYNC ":%V", &change->id)
              - buf;

    return key;
}
