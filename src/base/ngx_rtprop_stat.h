/*
 * Counters, gauges and histograms in the zone, one row per worker slot.
 *
 * Counters (names end in _total) only grow: a dead worker's row is added to
 * the retired row.  Gauges of a dead worker vanish with it.  A bump is a plain
 * add to the worker's own row: no lock, no atomic.
 */

#ifndef _NGX_RTPROP_STAT_H_INCLUDED_
#define _NGX_RTPROP_STAT_H_INCLUDED_


#include "ngx_rtprop.h"


typedef enum {
    NGX_RTPROP_STAT_COUNTER = 0,
    NGX_RTPROP_STAT_GAUGE,
    NGX_RTPROP_STAT_HISTOGRAM       /* of microseconds, fixed bounds */
} ngx_rtprop_stat_type_e;


typedef struct {
    ngx_str_t                name;      /* rtprop_<part>_<noun>[_total] */
    ngx_str_t                help;      /* one sentence */
    ngx_rtprop_stat_type_e   type;
    ngx_str_t                labels;    /* as code="not_found", or empty */
    ngx_uint_t               index;     /* set by ngx_rtprop_stat_add() */
} ngx_rtprop_stat_desc_t;


/* The value of a gauge that is not kept in rows but asked for. */
typedef int64_t (*ngx_rtprop_stat_source_pt)(ngx_rtprop_worker_t *worker);


/*
 * Registers a table that ends with an empty name; sets each entry's index.
 * Call it in preconfiguration; the table must stay.
 */
ngx_int_t ngx_rtprop_stat_add(ngx_conf_t *cf, ngx_rtprop_stat_desc_t *table);

/*
 * Lets a registered gauge be asked for whenever it is read or rendered; called
 * in init_process, after ngx_rtprop_stat_init_worker().
 */
void ngx_rtprop_stat_source(ngx_rtprop_worker_t *worker,
    ngx_rtprop_stat_desc_t *stat, ngx_rtprop_stat_source_pt source);

/*
 * Leaves a registered one out when this worker renders: nobody here counts it.
 * Called when ngx_rtprop_stat_source() is.
 */
void ngx_rtprop_stat_hide(ngx_rtprop_worker_t *worker,
    ngx_rtprop_stat_desc_t *stat);

/* Finds or makes the rows in the zone; called by the core in init_process. */
ngx_int_t ngx_rtprop_stat_init_worker(ngx_rtprop_worker_t *worker);

/* Adds to a counter or gauge of this worker (delta may be negative). */
void ngx_rtprop_stat_bump(ngx_rtprop_worker_t *worker,
    ngx_rtprop_stat_desc_t *stat, int64_t delta);

/* Puts a duration into a histogram. */
void ngx_rtprop_stat_observe(ngx_rtprop_worker_t *worker,
    ngx_rtprop_stat_desc_t *stat, uint64_t usec);

/*
 * The sum over all workers (retired row included for counters); of a histogram
 * the number of durations.
 */
int64_t ngx_rtprop_stat_value(ngx_rtprop_worker_t *worker,
    ngx_rtprop_stat_desc_t *stat);

/*
 * All registered ones as Prometheus text with HELP and TYPE, appended to a
 * chain from the pool; returns NULL when there is no memory.
 */
ngx_chain_t *ngx_rtprop_stat_render(ngx_rtprop_worker_t *worker,
    ngx_pool_t *pool);


#endif /* _NGX_RTPROP_STAT_H_INCLUDED_ */
