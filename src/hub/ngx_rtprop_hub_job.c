/*
 * Jobs put on the engine's schedule.
 *
 * What the engine could not take, being away or full, waits here and is asked
 * for again each second.  Of several requests for one key the newest counts: an
 * older one that fails when the newer is under way, or done, is forgotten.
 *
 * A worker that leaves stays for its jobs, but not for ever.
 */

#include "hub/ngx_rtprop_hub.h"
#include "hub/ngx_rtprop_hub_channel.h"
#include "base/ngx_rtprop_stat.h"


#define NGX_RTPROP_HUB_UNSCHEDULED  4096    /* jobs that wait for the engine */
#define NGX_RTPROP_HUB_RESCHEDULE   1000    /* ms */
#define NGX_RTPROP_HUB_JOBS_TELL    10000   /* ms between lines of the log */
#define NGX_RTPROP_HUB_JOBS_STAY    60000   /* ms, of a worker that leaves */


/* A request; with its pool it lives until the engine has taken it. */

typedef struct {
    ngx_str_node_t              node;       /* of the newest with this key */
    ngx_queue_t                 queue;      /* while it waits */
    ngx_rtprop_schedule_t       schedule;
    ngx_pool_t                 *pool;
    ngx_rtprop_hub_t           *hub;
    unsigned                    newest:1;
    unsigned                    waits:1;
    unsigned                    again:1;    /* failed before */
} ngx_rtprop_hub_schedule_t;


/* Told in one line for many, with the last one's key. */

typedef struct {
    ngx_msec_t                  told;       /* when; 0: never */
    ngx_uint_t                  n;          /* since */
    size_t                      len;
    u_char                      key[NGX_RTPROP_CHANNEL_MAX];
} ngx_rtprop_hub_jobs_tell_t;


struct ngx_rtprop_hub_jobs_s {
    ngx_rbtree_t                tree;       /* the newest of each key */
    ngx_rbtree_node_t           sentinel;
    ngx_queue_t                 queue;      /* those that wait */
    ngx_uint_t                  nwaiting;
    ngx_uint_t                  unfinished; /* with those under way */
    ngx_event_t                 timer;
    ngx_msec_t                  leave;      /* until then; 0: it stays */
    ngx_rtprop_hub_jobs_tell_t  late;
    ngx_rtprop_hub_jobs_tell_t  dropped;
    unsigned                    closed:1;
};


static ngx_rtprop_hub_schedule_t *ngx_rtprop_hub_job_create(
    ngx_rtprop_hub_t *hub, ngx_str_t *key, int64_t due, ngx_str_t *payload);
static ngx_rtprop_hub_schedule_t *ngx_rtprop_hub_job_find(
    ngx_rtprop_hub_jobs_t *jobs, ngx_str_t *key, uint32_t *hash);
static void ngx_rtprop_hub_job_newest(ngx_rtprop_hub_schedule_t *s);
static void ngx_rtprop_hub_job_older(ngx_rtprop_hub_schedule_t *s);
static void ngx_rtprop_hub_job_free(ngx_rtprop_hub_schedule_t *s);
static void ngx_rtprop_hub_scheduled(ngx_rtprop_op_t *op);
static void ngx_rtprop_hub_job_wait(ngx_rtprop_hub_schedule_t *s);
static void ngx_rtprop_hub_job_drop(ngx_rtprop_hub_schedule_t *s);
static void ngx_rtprop_hub_jobs_arm(ngx_rtprop_hub_jobs_t *jobs);
static void ngx_rtprop_hub_reschedule(ngx_event_t *ev);
static void ngx_rtprop_hub_job_again(ngx_rtprop_hub_schedule_t *s);
static void ngx_rtprop_hub_jobs_give_up(ngx_rtprop_hub_jobs_t *jobs);
static void ngx_rtprop_hub_jobs_noted(ngx_rtprop_hub_jobs_tell_t *tell,
    ngx_str_t *key);
static void ngx_rtprop_hub_jobs_tell(ngx_rtprop_hub_t *hub);
static ngx_uint_t ngx_rtprop_hub_jobs_told(ngx_rtprop_hub_jobs_tell_t *tell);


static ngx_rtprop_stat_desc_t  ngx_rtprop_hub_job_stats[] = {

    { ngx_string("rtprop_hub_jobs_unscheduled"),
      ngx_string("Jobs in workers' memory that the engine could not take yet."),
      NGX_RTPROP_STAT_GAUGE, ngx_null_string, 0 },

    { ngx_string("rtprop_hub_jobs_dropped_total"),
      ngx_string("Jobs given up before the engine took them."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_null_string, ngx_null_string, 0, ngx_null_string, 0 }
};

#define ngx_rtprop_hub_stat_unscheduled  (&ngx_rtprop_hub_job_stats[0])
#define ngx_rtprop_hub_stat_dropped      (&ngx_rtprop_hub_job_stats[1])


ngx_int_t
ngx_rtprop_hub_jobs_preconfiguration(ngx_conf_t *cf)
{
    return ngx_rtprop_stat_add(cf, ngx_rtprop_hub_job_stats);
}


/* nginx lets no worker end whose timer is not cancelable. */

ngx_int_t
ngx_rtprop_hub_jobs_init(ngx_rtprop_hub_t *hub)
{
    ngx_rtprop_hub_jobs_t  *jobs;

    jobs = ngx_pcalloc(hub->worker->pool, sizeof(ngx_rtprop_hub_jobs_t));

    if (jobs == NULL) {
        return NGX_ERROR;
    }

    ngx_rbtree_init(&jobs->tree, &jobs->sentinel, ngx_str_rbtree_insert_value);
    ngx_queue_init(&jobs->queue);

    jobs->timer.handler = ngx_rtprop_hub_reschedule;
    jobs->timer.data = hub;
    jobs->timer.log = hub->worker->log;

    hub->jobs = jobs;

    return NGX_OK;
}


void
ngx_rtprop_hub_jobs_exit(ngx_rtprop_hub_t *hub)
{
    ngx_uint_t              n;
    ngx_rtprop_hub_jobs_t  *jobs;

    jobs = hub->jobs;

    if (jobs == NULL || jobs->closed) {
        return;
    }

    n = jobs->nwaiting;

    ngx_rtprop_hub_jobs_give_up(jobs);

    if (n) {
        ngx_log_error(NGX_LOG_WARN, hub->worker->log, 0,
                      "rtprop: jobs that the engine had not taken when this "
                      "worker ended: %ui", n);
    }
}


void
ngx_rtprop_hub_schedule(ngx_rtprop_hub_t *hub, ngx_str_t *key, int64_t due,
    ngx_str_t *payload)
{
    ngx_rtprop_hub_schedule_t  *s;

    s = ngx_rtprop_hub_job_create(hub, key, due, payload);

    if (s == NULL) {
        ngx_rtprop_stat_bump(hub->worker, ngx_rtprop_hub_stat_dropped, 1);
        ngx_log_error(NGX_LOG_ERR, hub->worker->log, 0,
                      "rtprop: no memory to schedule \"%V\"", key);
        return;
    }

    ngx_rtprop_hub_job_newest(s);

    hub->engine->schedule(hub->engine, &s->schedule);

    ngx_rtprop_hub_jobs_arm(hub->jobs);
}


static ngx_rtprop_hub_schedule_t *
ngx_rtprop_hub_job_create(ngx_rtprop_hub_t *hub, ngx_str_t *key, int64_t due,
    ngx_str_t *payload)
{
    u_char                     *p;
    size_t                      len;
    ngx_pool_t                 *pool;
    ngx_rtprop_hub_schedule_t  *s;

    pool = ngx_rtprop_hub_pool(hub);

    if (pool == NULL) {
        return NULL;
    }

    len = payload ? payload->len : 0;
    s = ngx_pcalloc(pool, sizeof(ngx_rtprop_hub_schedule_t));
    p = ngx_pnalloc(pool, key->len + len + 1);

    if (s == NULL || p == NULL) {
        ngx_rtprop_hub_free_pool(hub, pool);
        return NULL;
    }

    s->hub = hub;
    s->pool = pool;
    s->schedule.op.done = ngx_rtprop_hub_scheduled;
    s->schedule.op.data = s;
    s->schedule.op.pool = pool;
    s->schedule.due = due;
    s->schedule.key.len = key->len;
    s->schedule.key.data = p;

    p = ngx_cpymem(p, key->data, key->len);

    if (len) {
        s->schedule.payload.len = len;
        s->schedule.payload.data = p;
        ngx_memcpy(p, payload->data, len);
    }

    s->node.str = s->schedule.key;
    hub->jobs->unfinished++;

    return s;
}


static ngx_rtprop_hub_schedule_t *
ngx_rtprop_hub_job_find(ngx_rtprop_hub_jobs_t *jobs, ngx_str_t *key,
    uint32_t *hash)
{
    *hash = ngx_crc32_long(key->data, key->len);

    return (ngx_rtprop_hub_schedule_t *)
           ngx_str_rbtree_lookup(&jobs->tree, key, *hash);
}


/* What waits, or is under way, is older than what is asked for now. */

static void
ngx_rtprop_hub_job_newest(ngx_rtprop_hub_schedule_t *s)
{
    uint32_t                    hash;
    ngx_rtprop_hub_jobs_t      *jobs;
    ngx_rtprop_hub_schedule_t  *old;

    jobs = s->hub->jobs;
    old = ngx_rtprop_hub_job_find(jobs, &s->schedule.key, &hash);

    if (old && old->waits) {
        ngx_rtprop_hub_job_free(old);

    } else if (old) {
        ngx_rtprop_hub_job_older(old);
    }

    s->newest = 1;
    s->node.node.key = hash;
    ngx_rbtree_insert(&jobs->tree, &s->node.node);
}


static void
ngx_rtprop_hub_job_older(ngx_rtprop_hub_schedule_t *s)
{
    if (s->newest) {
        s->newest = 0;
        ngx_rbtree_delete(&s->hub->jobs->tree, &s->node.node);
    }
}


static void
ngx_rtprop_hub_job_free(ngx_rtprop_hub_schedule_t *s)
{
    ngx_rtprop_hub_jobs_t  *jobs;

    jobs = s->hub->jobs;

    ngx_rtprop_hub_job_older(s);

    if (s->waits) {
        ngx_queue_remove(&s->queue);
        jobs->nwaiting--;
        ngx_rtprop_stat_bump(s->hub->worker, ngx_rtprop_hub_stat_unscheduled,
                             -1);
    }

    if (--jobs->unfinished == 0 && jobs->timer.timer_set) {
        ngx_del_timer(&jobs->timer);
    }

    ngx_rtprop_hub_free_pool(s->hub, s->pool);
}


static void
ngx_rtprop_hub_scheduled(ngx_rtprop_op_t *op)
{
    ngx_rtprop_hub_schedule_t *s = op->data;

    ngx_rtprop_hub_jobs_t  *jobs;

    jobs = s->hub->jobs;

    if (op->pool != s->pool) {
        ngx_rtprop_hub_free_pool(s->hub, op->pool);
        op->pool = s->pool;
    }

    if (op->rc == NGX_OK || !s->newest) {
        ngx_rtprop_hub_job_free(s);
        return;
    }

    if (jobs->closed || jobs->nwaiting == NGX_RTPROP_HUB_UNSCHEDULED) {
        ngx_rtprop_hub_job_drop(s);
        return;
    }

    ngx_rtprop_hub_job_wait(s);
}


static void
ngx_rtprop_hub_job_wait(ngx_rtprop_hub_schedule_t *s)
{
    ngx_rtprop_hub_jobs_t  *jobs;

    jobs = s->hub->jobs;

    s->waits = 1;
    ngx_queue_insert_tail(&jobs->queue, &s->queue);
    jobs->nwaiting++;
    ngx_rtprop_stat_bump(s->hub->worker, ngx_rtprop_hub_stat_unscheduled, 1);

    if (!s->again) {
        s->again = 1;
        ngx_rtprop_hub_jobs_noted(&jobs->late, &s->schedule.key);
        ngx_rtprop_hub_jobs_tell(s->hub);
    }

    ngx_rtprop_hub_jobs_arm(jobs);
}


static void
ngx_rtprop_hub_job_drop(ngx_rtprop_hub_schedule_t *s)
{
    ngx_rtprop_stat_bump(s->hub->worker, ngx_rtprop_hub_stat_dropped, 1);

    if (!s->hub->jobs->closed) {
        ngx_rtprop_hub_jobs_noted(&s->hub->jobs->dropped, &s->schedule.key);
        ngx_rtprop_hub_jobs_tell(s->hub);
    }

    ngx_rtprop_hub_job_free(s);
}


/* ---------------------------------------------------------- once more --- */

/* As long as one is under way, too: it may fail, and its worker be leaving. */

static void
ngx_rtprop_hub_jobs_arm(ngx_rtprop_hub_jobs_t *jobs)
{
    if (jobs->unfinished && !jobs->timer.timer_set && !jobs->closed) {
        ngx_add_timer(&jobs->timer, NGX_RTPROP_HUB_RESCHEDULE);
    }
}


/* Those that fail again come back to the queue, behind these. */

static void
ngx_rtprop_hub_reschedule(ngx_event_t *ev)
{
    ngx_uint_t              n;
    ngx_queue_t            *q;
    ngx_rtprop_hub_t       *hub;
    ngx_rtprop_hub_jobs_t  *jobs;

    hub = ev->data;
    jobs = hub->jobs;

    if (ngx_exiting && jobs->leave == 0) {
        jobs->leave = ngx_current_msec + NGX_RTPROP_HUB_JOBS_STAY;
    }

    if (jobs->leave
        && (ngx_msec_int_t) (jobs->leave - ngx_current_msec) <= 0)
    {
        ngx_log_error(NGX_LOG_ERR, hub->worker->log, 0,
                      "rtprop: jobs that this worker, which leaves, gives up: "
                      "%ui", jobs->nwaiting);
        ngx_rtprop_hub_jobs_give_up(jobs);
        return;
    }

    for (n = jobs->nwaiting; n && !ngx_queue_empty(&jobs->queue); n--) {
        q = ngx_queue_head(&jobs->queue);
        ngx_rtprop_hub_job_again(ngx_queue_data(q, ngx_rtprop_hub_schedule_t,
                                                queue));
    }

    ngx_rtprop_hub_jobs_tell(hub);
    ngx_rtprop_hub_jobs_arm(jobs);
}


/* Each time in a pool of its own: what was used for the last is given back. */

static void
ngx_rtprop_hub_job_again(ngx_rtprop_hub_schedule_t *s)
{
    ngx_pool_t        *pool;
    ngx_rtprop_hub_t  *hub;

    hub = s->hub;
    pool = ngx_rtprop_hub_pool(hub);

    ngx_queue_remove(&s->queue);

    if (pool == NULL) {
        ngx_queue_insert_tail(&hub->jobs->queue, &s->queue);
        return;
    }

    s->waits = 0;
    hub->jobs->nwaiting--;
    ngx_rtprop_stat_bump(hub->worker, ngx_rtprop_hub_stat_unscheduled, -1);

    s->schedule.op.pool = pool;

    hub->engine->schedule(hub->engine, &s->schedule);
}


static void
ngx_rtprop_hub_jobs_give_up(ngx_rtprop_hub_jobs_t *jobs)
{
    ngx_queue_t  *q;

    jobs->closed = 1;

    while (!ngx_queue_empty(&jobs->queue)) {
        q = ngx_queue_head(&jobs->queue);
        ngx_rtprop_hub_job_drop(ngx_queue_data(q, ngx_rtprop_hub_schedule_t,
                                               queue));
    }

    if (jobs->timer.timer_set) {
        ngx_del_timer(&jobs->timer);
    }
}


/* ---------------------------------------------------------------- told --- */

static void
ngx_rtprop_hub_jobs_noted(ngx_rtprop_hub_jobs_tell_t *tell, ngx_str_t *key)
{
    tell->n++;
    tell->len = ngx_min(key->len, sizeof(tell->key));
    ngx_memcpy(tell->key, key->data, tell->len);
}


static void
ngx_rtprop_hub_jobs_tell(ngx_rtprop_hub_t *hub)
{
    ngx_rtprop_hub_jobs_t       *jobs;
    ngx_rtprop_hub_jobs_tell_t  *tell;

    jobs = hub->jobs;
    tell = &jobs->dropped;

    if (ngx_rtprop_hub_jobs_told(tell)) {
        ngx_log_error(NGX_LOG_ERR, hub->worker->log, 0,
                      "rtprop: jobs given up, since too many wait for the "
                      "engine: %ui, at last \"%*s\"", tell->n, tell->len,
                      tell->key);
        tell->n = 0;
    }

    tell = &jobs->late;

    if (ngx_rtprop_hub_jobs_told(tell)) {
        ngx_log_error(NGX_LOG_NOTICE, hub->worker->log, 0,
                      "rtprop: jobs that the engine could not take, and that "
                      "wait: %ui, at last \"%*s\"", tell->n, tell->len,
                      tell->key);
        tell->n = 0;
    }
}


/* Whether there is something to be told now. */

static ngx_uint_t
ngx_rtprop_hub_jobs_told(ngx_rtprop_hub_jobs_tell_t *tell)
{
    if (tell->n == 0
        || (tell->told
            && ngx_current_msec - tell->told < NGX_RTPROP_HUB_JOBS_TELL))
    {
        return 0;
    }

    tell->told = ngx_current_msec;

    return 1;
}


/* ---------------------------------------------------------------- done --- */

/*
 * A job that was asked for anew is the engine's until that has come: if it does
 * not, the claim passes, and the job is done once more.
 */

void
ngx_rtprop_hub_job_done(ngx_rtprop_hub_t *hub, ngx_str_t *key, uint64_t fence)
{
    uint32_t                    hash;
    ngx_rtprop_hub_schedule_t  *s;

    s = ngx_rtprop_hub_job_find(hub->jobs, key, &hash);

    if (s == NULL || s->schedule.due == 0) {
        hub->engine->schedule_done(hub->engine, key, fence);
    }
}
