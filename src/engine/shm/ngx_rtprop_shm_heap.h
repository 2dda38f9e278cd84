/*
 * The heap of jobs by job->when; call all of it locked.
 */

#ifndef _NGX_RTPROP_SHM_HEAP_H_INCLUDED_
#define _NGX_RTPROP_SHM_HEAP_H_INCLUDED_


#include "engine/shm/ngx_rtprop_shm.h"


/* The i-th job, in no order but that 0 is the earliest; 0: there is none. */
ngx_rtprop_ref_t ngx_rtprop_shm_heap_get(ngx_rtprop_shm_t *shm, uint32_t i);

/* NGX_BUSY: the zone is full; NGX_ERROR: too many jobs (logged). */
ngx_int_t ngx_rtprop_shm_heap_add(ngx_rtprop_shm_t *shm,
    ngx_rtprop_ref_t ref);

/* The job's time has changed: puts it where it belongs. */
void ngx_rtprop_shm_heap_sift(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref);

void ngx_rtprop_shm_heap_remove(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref);


#endif /* _NGX_RTPROP_SHM_HEAP_H_INCLUDED_ */
