/*
 * Scheduled jobs.
 *
 * Each worker has a timer for the earliest job; the first one there claims it,
 * which moves it in the heap to the end of the claim.  So what a worker does
 * not finish comes again by itself.
 */

#include "engine/shm/ngx_rtprop_shm.h"
#include "engine/shm/ngx_rtprop_shm_heap.h"


#define NGX_RTPROP_SHM_CLAIM     10000     /* ms */
#define NGX_RTPROP_SHM_AHEAD     10000     /* ms; more is no claim of today */
#define NGX_RTPROP_SHM_SOON      2000      /* ms; the tick looks again before */
#define NGX_RTPROP_SHM_AT_ONCE   16        /* jobs in one turn of the loop */
#define NGX_RTPROP_SHM_IS_LATE   1000      /* ms */


typedef struct {
    ngx_rtprop_schedule_t      *op;
    ngx_rtprop_shm_key_t        key;
} ngx_rtprop_shm_plan_t;


typedef struct {
    ngx_pool_t                 *pool;
    ngx_str_t                   key;
    ngx_str_t                   payload;
    uint64_t                    fence;
    int64_t                     late;
} ngx_rtprop_shm_claim_t;


typedef struct {
    ngx_rtprop_shm_key_t        key;
    uint64_t                    fence;
} ngx_rtprop_shm_finish_t;


static ngx_int_t ngx_rtprop_shm_schedule_step(ngx_rtprop_shm_t *shm,
    void *data);
static ngx_int_t ngx_rtprop_shm_job_put(ngx_rtprop_shm_t *shm,
    ngx_rtprop_shm_plan_t *plan, ngx_rtprop_ref_t ref);
static ngx_int_t ngx_rtprop_shm_schedule_done_step(ngx_rtprop_shm_t *shm,
    void *data);
static void ngx_rtprop_shm_job_free(ngx_rtprop_shm_t *shm,
    ngx_rtprop_ref_t ref);
static ngx_int_t ngx_rtprop_shm_claim_step(ngx_rtprop_shm_t *shm, void *data);


/* A claim that ends then was made when the clock was elsewhere. */

static inline ngx_uint_t
ngx_rtprop_shm_is_ahead(int64_t end, int64_t now)
{
    return end - NGX_RTPROP_SHM_CLAIM > now + NGX_RTPROP_SHM_AHEAD;
}


void
ngx_rtprop_shm_schedule(ngx_rtprop_engine_t *e, ngx_rtprop_schedule_t *op)
{
    ngx_rtprop_shm_t       *shm;
    ngx_rtprop_shm_plan_t   plan;

    shm = e->data;
    plan.op = op;

    ngx_rtprop_shm_key(shm, &plan.key, NGX_RTPROP_SHM_JOB, &op->key);

    op->op.rc = (op->payload.len > shm->out_max)
                ? NGX_BUSY
                : ngx_rtprop_shm_transact(shm, ngx_rtprop_shm_schedule_step,
                                          &plan);

    if (op->op.rc == NGX_OK && ngx_rtprop_shm_draining(shm)) {
        ngx_rtprop_zone_wake(shm->zone);
    }

    ngx_rtprop_shm_schedule_arm(shm);

    op->op.done(&op->op);
}


static ngx_int_t
ngx_rtprop_shm_schedule_step(ngx_rtprop_shm_t *shm, void *data)
{
    ngx_rtprop_shm_plan_t *plan = data;

    ngx_rtprop_ref_t  ref;

    ref = ngx_rtprop_shm_find(shm, &plan->key);

    if (plan->op->due) {
        return ngx_rtprop_shm_job_put(shm, plan, ref);
    }

    if (ref) {
        ngx_rtprop_shm_job_free(shm, ref);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_shm_job_put(ngx_rtprop_shm_t *shm, ngx_rtprop_shm_plan_t *plan,
    ngx_rtprop_ref_t ref)
{
    ngx_int_t               rc;
    ngx_uint_t              made;
    ngx_rtprop_ref_t        text, old;
    ngx_rtprop_shm_job_t   *job;
    ngx_rtprop_schedule_t  *op;

    op = plan->op;
    made = (ref == 0);

    if (made) {
        ref = ngx_rtprop_shm_insert(shm, &plan->key);
    }

    text = ngx_rtprop_zone_chain_alloc(shm->zone, 0, op->payload.data,
                                       op->payload.len);

    if (ref == 0 || text == 0) {
        return NGX_BUSY;
    }

    job = ngx_rtprop_shm_ptr(shm, ref);
    old = job->text;

    ngx_rtprop_shm_change(shm, job);

    job->node.slot = NGX_RTPROP_SHM_NO_SLOT;
    job->due = op->due;
    job->when = op->due;
    job->fence = 0;
    job->text = text;

    if (made) {
        rc = ngx_rtprop_shm_heap_add(shm, ref);

        if (rc != NGX_OK) {
            return rc;
        }

    } else {
        ngx_rtprop_shm_heap_sift(shm, ref);
    }

    if (old) {
        ngx_rtprop_zone_chain_free(shm->zone, old);
    }

    return NGX_OK;
}


void
ngx_rtprop_shm_schedule_done(ngx_rtprop_engine_t *e, ngx_str_t *key,
    uint64_t fence)
{
    ngx_rtprop_shm_t         *shm;
    ngx_rtprop_shm_finish_t   finish;

    shm = e->data;
    finish.fence = fence;

    ngx_rtprop_shm_key(shm, &finish.key, NGX_RTPROP_SHM_JOB, key);

    (void) ngx_rtprop_shm_transact(shm, ngx_rtprop_shm_schedule_done_step,
                                   &finish);
}


static ngx_int_t
ngx_rtprop_shm_schedule_done_step(ngx_rtprop_shm_t *shm, void *data)
{
    ngx_rtprop_shm_finish_t *finish = data;

    ngx_rtprop_ref_t       ref;
    ngx_rtprop_shm_job_t  *job;

    ref = ngx_rtprop_shm_find(shm, &finish->key);
    job = ngx_rtprop_shm_ptr(shm, ref);

    if (job && finish->fence && job->fence == finish->fence) {
        ngx_rtprop_shm_job_free(shm, ref);
    }

    return NGX_OK;
}


static void
ngx_rtprop_shm_job_free(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref)
{
    ngx_rtprop_shm_job_t  *job;

    job = ngx_rtprop_shm_ptr(shm, ref);

    ngx_rtprop_shm_delete(shm, ref);
    ngx_rtprop_shm_heap_remove(shm, ref);

    ngx_rtprop_zone_chain_free(shm->zone, job->text);
    ngx_rtprop_zone_free(shm->zone, ref);
}


/* ------------------------------------------------------------- running --- */

/* What is later than soon is left to the tick, which comes each second. */

void
ngx_rtprop_shm_schedule_arm(ngx_rtprop_shm_t *shm)
{
    int64_t  due, left;

    due = shm->root->next_due;

    if (due == 0 || ngx_rtprop_shm_draining(shm)) {
        return;
    }

    left = due - ngx_rtprop_shm_time();

    if (left > NGX_RTPROP_SHM_SOON) {
        return;
    }

    ngx_add_timer(&shm->due, (ngx_msec_t) ngx_max(left, 1));
}


void
ngx_rtprop_shm_schedule_due(ngx_event_t *ev)
{
    ngx_int_t                rc;
    ngx_uint_t               i;
    ngx_rtprop_shm_t        *shm;
    ngx_rtprop_shm_claim_t   claim;

    shm = ev->data;

    for (i = 0; i < NGX_RTPROP_SHM_AT_ONCE; i++) {

        if (ngx_rtprop_shm_draining(shm)) {
            return;
        }

        claim.pool = ngx_create_pool(1024, shm->worker->log);

        if (claim.pool == NULL) {
            break;
        }

        rc = ngx_rtprop_shm_transact(shm, ngx_rtprop_shm_claim_step, &claim);

        if (rc == NGX_OK) {
            ngx_rtprop_shm_bump(shm, NGX_RTPROP_SHM_STAT_JOBS, 1);

            if (claim.late > NGX_RTPROP_SHM_IS_LATE) {
                ngx_rtprop_shm_bump(shm, NGX_RTPROP_SHM_STAT_LATE, 1);
            }

            shm->handler->job(shm->hub, &claim.key, &claim.payload,
                              claim.fence);
        }

        ngx_destroy_pool(claim.pool);

        if (rc != NGX_OK) {
            break;
        }
    }

    ngx_rtprop_shm_schedule_arm(shm);
}


static ngx_int_t
ngx_rtprop_shm_claim_step(ngx_rtprop_shm_t *shm, void *data)
{
    ngx_rtprop_shm_claim_t *claim = data;

    int64_t                 now;
    ngx_str_t               name;
    ngx_rtprop_ref_t        ref;
    ngx_rtprop_shm_job_t   *job;
    ngx_rtprop_shm_root_t  *root;

    root = shm->root;
    now = ngx_rtprop_shm_time();
    ref = ngx_rtprop_shm_heap_get(shm, 0);
    job = ngx_rtprop_shm_ptr(shm, ref);

    if (job == NULL || job->when > now) {
        return NGX_DECLINED;
    }

    ngx_rtprop_shm_name(&job->node, &name);

    claim->key.len = name.len;
    claim->key.data = ngx_pstrdup(claim->pool, &name);

    if (claim->key.data == NULL
        || ngx_rtprop_shm_text(shm, job->text, claim->pool, &claim->payload)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    claim->late = now - job->due;

    ngx_rtprop_shm_log(shm, &root->fence, 8);
    ngx_rtprop_shm_log(shm, &root->claimed, 8);
    ngx_rtprop_shm_change(shm, job);

    job->fence = ++root->fence;
    job->when = now + NGX_RTPROP_SHM_CLAIM;
    root->claimed = ngx_max(root->claimed, job->when);
    job->node.slot = shm->slot;

    ngx_rtprop_shm_heap_sift(shm, ref);

    claim->fence = job->fence;

    return NGX_OK;
}


/*
 * Ends a claim: one of a dead worker, whose job is due again, or (with no slot)
 * one that was made while the clock was far ahead, and would last for as long.
 * One job at a time.
 */

static ngx_uint_t
ngx_rtprop_shm_unclaim(ngx_rtprop_shm_t *shm, ngx_uint_t slot)
{
    int64_t                 now;
    uint32_t                i;
    ngx_rtprop_ref_t        ref;
    ngx_rtprop_shm_job_t   *job;

    now = ngx_rtprop_shm_time();

    ngx_rtprop_zone_lock(shm->zone);

    for (i = 0; (ref = ngx_rtprop_shm_heap_get(shm, i)) != 0; i++) {
        job = ngx_rtprop_shm_ptr(shm, ref);

        if (slot == NGX_RTPROP_SHM_NO_SLOT
            ? job->fence && ngx_rtprop_shm_is_ahead(job->when, now)
            : job->node.slot == slot)
        {
            ngx_rtprop_shm_change(shm, job);

            /* what was due by that clock has been begun */

            job->when = (job->node.slot == slot) ? job->due
                                                 : ngx_min(job->due, now);
            job->node.slot = NGX_RTPROP_SHM_NO_SLOT;
            job->fence = 0;

            ngx_rtprop_shm_heap_sift(shm, ref);
            break;
        }
    }

    if (ref == 0 && slot == NGX_RTPROP_SHM_NO_SLOT) {
        shm->root->claimed = 0;
    }

    ngx_rtprop_zone_unlock(shm->zone);

    return ref != 0;
}


ngx_int_t
ngx_rtprop_shm_schedule_reap(ngx_rtprop_shm_t *shm, ngx_uint_t slot)
{
    while (ngx_rtprop_shm_unclaim(shm, slot)) { /* void */ }

    ngx_rtprop_shm_schedule_arm(shm);

    return NGX_OK;
}


void
ngx_rtprop_shm_schedule_tick(ngx_rtprop_shm_t *shm)
{
    if (ngx_rtprop_shm_is_ahead(shm->root->claimed, ngx_rtprop_shm_time())) {
        while (ngx_rtprop_shm_unclaim(shm, NGX_RTPROP_SHM_NO_SLOT)) {
            /* void */
        }
    }

    ngx_rtprop_shm_schedule_arm(shm);
}
