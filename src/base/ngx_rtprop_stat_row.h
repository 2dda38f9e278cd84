/*
 * Counters in the zone, and a worker's view of them; for ngx_rtprop_stat*.c
 * only.
 */

#ifndef _NGX_RTPROP_STAT_ROW_H_INCLUDED_
#define _NGX_RTPROP_STAT_ROW_H_INCLUDED_


#include "base/ngx_rtprop_stat.h"
#include "base/ngx_rtprop_zone.h"


#define NGX_RTPROP_STAT_BOUNDS    15
#define NGX_RTPROP_STAT_CHUNK     64
#define NGX_RTPROP_STAT_CHUNKS    32
#define NGX_RTPROP_STAT_RETIRED   NGX_RTPROP_SLOTS     /* its row */


/* In the zone. */

typedef struct {
    ngx_rtprop_ref_t    next;
    uint32_t            column;
    uint32_t            columns;
    uint16_t            type;
    uint16_t            len;
    u_char              name[1];
} ngx_rtprop_stat_entry_t;


typedef struct {
    ngx_rtprop_ref_t    entries;
    uint32_t            columns;
    ngx_rtprop_ref_t    rows[NGX_RTPROP_SLOTS + 1][NGX_RTPROP_STAT_CHUNKS];
} ngx_rtprop_stat_dir_t;


/* Arrays are by a description's index, from 1. */

struct ngx_rtprop_stat_s {
    ngx_rtprop_zone_t           *zone;
    ngx_rtprop_stat_dir_t       *dir;       /* in the zone */
    ngx_rtprop_stat_desc_t     **descs;     /* from 0 */
    ngx_uint_t                   ndescs;
    ngx_uint_t                   slot;

    uint32_t                    *column;
    int64_t                    **cell;      /* in this worker's row */
    ngx_rtprop_stat_source_pt   *source;
    u_char                      *hidden;
};


/* Upper bounds of a histogram's buckets, in microseconds. */
extern const uint64_t  ngx_rtprop_stat_bounds[NGX_RTPROP_STAT_BOUNDS];


/* The sum over all rows of the n-th column of desc. */
int64_t ngx_rtprop_stat_column(ngx_rtprop_stat_t *stat,
    ngx_rtprop_stat_desc_t *desc, ngx_uint_t n);


#endif /* _NGX_RTPROP_STAT_ROW_H_INCLUDED_ */
