/*
 * The heap of jobs, the earliest on top: an array of references in chunks.
 */

#include "engine/shm/ngx_rtprop_shm_heap.h"


static inline ngx_rtprop_ref_t *
ngx_rtprop_shm_heap_at(ngx_rtprop_shm_t *shm, uint32_t i)
{
    ngx_rtprop_ref_t  *chunk;

    chunk = ngx_rtprop_shm_ptr(shm, shm->root->heap[i / NGX_RTPROP_SHM_CHUNK]);

    return &chunk[i % NGX_RTPROP_SHM_CHUNK];
}


static inline ngx_rtprop_shm_job_t *
ngx_rtprop_shm_heap_job(ngx_rtprop_shm_t *shm, uint32_t i)
{
    return ngx_rtprop_shm_ptr(shm, *ngx_rtprop_shm_heap_at(shm, i));
}


ngx_rtprop_ref_t
ngx_rtprop_shm_heap_get(ngx_rtprop_shm_t *shm, uint32_t i)
{
    return (i < shm->root->jobs) ? *ngx_rtprop_shm_heap_at(shm, i) : 0;
}


static void
ngx_rtprop_shm_heap_set(ngx_rtprop_shm_t *shm, uint32_t i,
    ngx_rtprop_ref_t ref)
{
    ngx_rtprop_ref_t      *p;
    ngx_rtprop_shm_job_t  *job;

    p = ngx_rtprop_shm_heap_at(shm, i);
    job = ngx_rtprop_shm_ptr(shm, ref);

    ngx_rtprop_zone_log_field(shm->zone, p);
    ngx_rtprop_zone_log_field(shm->zone, &job->index);

    *p = ref;
    job->index = i;
}


static void
ngx_rtprop_shm_heap_top(ngx_rtprop_shm_t *shm)
{
    int64_t                 due;
    ngx_rtprop_shm_root_t  *root;

    root = shm->root;
    due = root->jobs ? ngx_rtprop_shm_heap_job(shm, 0)->when : 0;

    if (due != root->next_due) {
        ngx_rtprop_shm_log(shm, (void *) &root->next_due, 8);
        root->next_due = due;
    }
}


void
ngx_rtprop_shm_heap_sift(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref)
{
    uint32_t               i, child, parent;
    uint64_t               n;
    ngx_rtprop_shm_job_t  *job;

    job = ngx_rtprop_shm_ptr(shm, ref);
    n = shm->root->jobs;
    i = job->index;

    while (i) {
        parent = (i - 1) / 2;

        if (ngx_rtprop_shm_heap_job(shm, parent)->when <= job->when) {
            break;
        }

        ngx_rtprop_shm_heap_set(shm, i, *ngx_rtprop_shm_heap_at(shm, parent));
        i = parent;
    }

    for ( ;; ) {
        child = 2 * i + 1;

        if (child >= n) {
            break;
        }

        if (child + 1 < n
            && ngx_rtprop_shm_heap_job(shm, child + 1)->when
               < ngx_rtprop_shm_heap_job(shm, child)->when)
        {
            child++;
        }

        if (ngx_rtprop_shm_heap_job(shm, child)->when >= job->when) {
            break;
        }

        ngx_rtprop_shm_heap_set(shm, i, *ngx_rtprop_shm_heap_at(shm, child));
        i = child;
    }

    ngx_rtprop_shm_heap_set(shm, i, ref);
    ngx_rtprop_shm_heap_top(shm);
}


ngx_int_t
ngx_rtprop_shm_heap_add(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref)
{
    uint64_t                n;
    ngx_rtprop_ref_t       *chunk;
    ngx_rtprop_shm_root_t  *root;

    root = shm->root;
    n = root->jobs;

    if (n == NGX_RTPROP_SHM_HEAP * NGX_RTPROP_SHM_CHUNK) {
        shm->error = "there are too many scheduled jobs";
        return NGX_ERROR;
    }

    chunk = &root->heap[n / NGX_RTPROP_SHM_CHUNK];

    if (*chunk == 0) {
        ngx_rtprop_zone_log_field(shm->zone, chunk);

        *chunk = ngx_rtprop_zone_alloc(shm->zone, NGX_RTPROP_SHM_CHUNK
                                                  * sizeof(ngx_rtprop_ref_t));
        if (*chunk == 0) {
            return NGX_BUSY;
        }
    }

    ngx_rtprop_shm_log(shm, &root->jobs, 8);
    root->jobs++;

    ngx_rtprop_shm_heap_set(shm, n, ref);
    ngx_rtprop_shm_heap_sift(shm, ref);

    return NGX_OK;
}


/* The last one takes its place. */

void
ngx_rtprop_shm_heap_remove(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref)
{
    uint32_t                i;
    ngx_rtprop_ref_t        last;
    ngx_rtprop_shm_job_t   *job;
    ngx_rtprop_shm_root_t  *root;

    root = shm->root;
    job = ngx_rtprop_shm_ptr(shm, ref);
    i = job->index;

    ngx_rtprop_shm_log(shm, &root->jobs, 8);
    root->jobs--;

    last = *ngx_rtprop_shm_heap_at(shm, root->jobs);

    if (last == ref) {
        ngx_rtprop_shm_heap_top(shm);
        return;
    }

    ngx_rtprop_shm_heap_set(shm, i, last);
    ngx_rtprop_shm_heap_sift(shm, last);
}
