/*
 * Counters, gauges and histograms: names, columns and rows in the zone.
 *
 * The directory in the zone gives each name (with its labels) a column, for as
 * long as the zone lives: workers of the next configuration find it again,
 * whatever they have registered.  A row is cut into chunks of 64 columns, made
 * when a worker of the slot first needs them.  A histogram has a column per
 * bound, one more for what is above, and one for the sum.
 */

#include "base/ngx_rtprop_stat.h"
#include "base/ngx_rtprop_stat_row.h"
#include "base/ngx_rtprop_zone.h"


static ngx_rtprop_stat_dir_t *ngx_rtprop_stat_dir(ngx_rtprop_zone_t *zone);
static ngx_int_t ngx_rtprop_stat_columns(ngx_rtprop_stat_t *stat);
static ngx_rtprop_stat_entry_t *ngx_rtprop_stat_entry(ngx_rtprop_stat_t *stat,
    ngx_rtprop_stat_desc_t *desc);
static ngx_rtprop_stat_entry_t *ngx_rtprop_stat_entry_make(
    ngx_rtprop_stat_t *stat, ngx_rtprop_stat_desc_t *desc);
static ngx_int_t ngx_rtprop_stat_row(ngx_rtprop_stat_t *stat, ngx_uint_t row);
static ngx_int_t ngx_rtprop_stat_reap(void *data, ngx_uint_t slot);


const uint64_t  ngx_rtprop_stat_bounds[NGX_RTPROP_STAT_BOUNDS] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000,
    500000, 1000000, 2500000, 10000000
};


ngx_int_t
ngx_rtprop_stat_add(ngx_conf_t *cf, ngx_rtprop_stat_desc_t *table)
{
    ngx_rtprop_stat_desc_t  **desc;
    ngx_rtprop_main_conf_t   *rmcf;

    rmcf = ngx_rtprop_main_conf(cf);

    for ( /* void */ ; table->name.len; table++) {
        desc = ngx_array_push(&rmcf->stats);

        if (desc == NULL) {
            return NGX_ERROR;
        }

        *desc = table;

        /* 0 is what was never registered */

        table->index = rmcf->stats.nelts;
    }

    return NGX_OK;
}


ngx_int_t
ngx_rtprop_stat_init_worker(ngx_rtprop_worker_t *worker)
{
    ngx_int_t            rc;
    ngx_uint_t           n;
    ngx_rtprop_stat_t   *stat;
    ngx_rtprop_zone_t   *zone;

    zone = worker->zone;
    n = worker->conf->stats.nelts + 1;

    stat = ngx_pcalloc(worker->pool, sizeof(ngx_rtprop_stat_t));

    if (stat == NULL) {
        return NGX_ERROR;
    }

    stat->zone = zone;
    stat->descs = worker->conf->stats.elts;
    stat->ndescs = worker->conf->stats.nelts;
    stat->slot = worker->slot;
    stat->column = ngx_pcalloc(worker->pool, n * sizeof(uint32_t));
    stat->cell = ngx_pcalloc(worker->pool, n * sizeof(int64_t *));
    stat->source = ngx_pcalloc(worker->pool, n * sizeof(void *));

    stat->hidden = ngx_pcalloc(worker->pool, n);

    if (stat->column == NULL || stat->cell == NULL || stat->source == NULL
        || stat->hidden == NULL)
    {
        return NGX_ERROR;
    }

    ngx_rtprop_zone_lock(zone);

    stat->dir = ngx_rtprop_stat_dir(zone);
    rc = (stat->dir == NULL) ? NGX_ERROR : ngx_rtprop_stat_columns(stat);

    if (rc != NGX_OK) {
        ngx_rtprop_zone_rollback(zone);
    }

    ngx_rtprop_zone_unlock(zone);

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, worker->log, 0,
                      "rtprop: the zone is too small for its counters");
        return NGX_ERROR;
    }

    worker->stat = stat;

    return ngx_rtprop_zone_on_reap(zone, ngx_rtprop_stat_reap, stat);
}


/* The first worker makes it; NULL when there is no room. */

static ngx_rtprop_stat_dir_t *
ngx_rtprop_stat_dir(ngx_rtprop_zone_t *zone)
{
    ngx_rtprop_ref_t        ref;
    ngx_rtprop_stat_dir_t  *dir;

    ref = ngx_rtprop_zone_root(zone, NGX_RTPROP_ROOT_STAT);

    if (ref) {
        return ngx_rtprop_zone_ptr(zone, ref);
    }

    ref = ngx_rtprop_zone_alloc(zone, sizeof(ngx_rtprop_stat_dir_t));
    dir = ngx_rtprop_zone_ptr(zone, ref);

    if (dir) {
        ngx_memzero(dir, sizeof(ngx_rtprop_stat_dir_t));
        ngx_rtprop_zone_set_root(zone, NGX_RTPROP_ROOT_STAT, ref);
        ngx_rtprop_zone_commit(zone);
    }

    return dir;
}


/* Each name is a transaction of its own. */

static ngx_int_t
ngx_rtprop_stat_columns(ngx_rtprop_stat_t *stat)
{
    uint32_t                  c;
    ngx_uint_t                i;
    ngx_rtprop_stat_dir_t    *dir;
    ngx_rtprop_stat_entry_t  *entry;

    for (i = 0; i < stat->ndescs; i++) {
        entry = ngx_rtprop_stat_entry(stat, stat->descs[i]);

        if (entry == NULL) {
            return NGX_ERROR;
        }

        ngx_rtprop_zone_commit(stat->zone);
        stat->column[i + 1] = entry->column;
    }

    if (ngx_rtprop_stat_row(stat, stat->slot) != NGX_OK
        || ngx_rtprop_stat_row(stat, NGX_RTPROP_STAT_RETIRED) != NGX_OK)
    {
        return NGX_ERROR;
    }

    dir = stat->dir;

    for (i = 1; i <= stat->ndescs; i++) {
        c = stat->column[i];
        stat->cell[i] = (int64_t *) ngx_rtprop_zone_ptr(stat->zone,
                            dir->rows[stat->slot][c / NGX_RTPROP_STAT_CHUNK])
                        + c % NGX_RTPROP_STAT_CHUNK;
    }

    return NGX_OK;
}


static ngx_rtprop_stat_entry_t *
ngx_rtprop_stat_entry(ngx_rtprop_stat_t *stat, ngx_rtprop_stat_desc_t *desc)
{
    ngx_rtprop_ref_t          ref;
    ngx_rtprop_stat_entry_t  *entry;

    for (ref = stat->dir->entries; ref; ref = entry->next) {
        entry = ngx_rtprop_zone_ptr(stat->zone, ref);

        if (entry->type == desc->type
            && entry->len == desc->name.len + desc->labels.len
            && ngx_memcmp(entry->name, desc->name.data, desc->name.len) == 0
            && (desc->labels.len == 0
                || ngx_memcmp(entry->name + desc->name.len,
                              desc->labels.data, desc->labels.len)
                   == 0))
        {
            return entry;
        }
    }

    return ngx_rtprop_stat_entry_make(stat, desc);
}


/* A histogram's columns lie in one chunk. */

static ngx_rtprop_stat_entry_t *
ngx_rtprop_stat_entry_make(ngx_rtprop_stat_t *stat,
    ngx_rtprop_stat_desc_t *desc)
{
    uint32_t                  first, n;
    ngx_rtprop_ref_t          ref;
    ngx_rtprop_stat_dir_t    *dir;
    ngx_rtprop_stat_entry_t  *entry;

    dir = stat->dir;
    n = (desc->type == NGX_RTPROP_STAT_HISTOGRAM) ? NGX_RTPROP_STAT_BOUNDS + 2
                                                  : 1;
    first = dir->columns;

    if (first % NGX_RTPROP_STAT_CHUNK + n > NGX_RTPROP_STAT_CHUNK) {
        first = ngx_align(first, NGX_RTPROP_STAT_CHUNK);
    }

    if (first + n > NGX_RTPROP_STAT_CHUNK * NGX_RTPROP_STAT_CHUNKS) {
        return NULL;
    }

    ref = ngx_rtprop_zone_alloc(stat->zone,
                                offsetof(ngx_rtprop_stat_entry_t, name)
                                + desc->name.len + desc->labels.len);
    if (ref == 0) {
        return NULL;
    }

    entry = ngx_rtprop_zone_ptr(stat->zone, ref);

    entry->next = dir->entries;
    entry->column = first;
    entry->columns = n;
    entry->type = desc->type;
    entry->len = desc->name.len + desc->labels.len;
    ngx_memcpy(entry->name, desc->name.data, desc->name.len);

    if (desc->labels.len) {
        ngx_memcpy(entry->name + desc->name.len, desc->labels.data,
                   desc->labels.len);
    }

    ngx_rtprop_zone_log(stat->zone, dir, 8);
    dir->entries = ref;
    dir->columns = first + n;

    return entry;
}


static ngx_int_t
ngx_rtprop_stat_row(ngx_rtprop_stat_t *stat, ngx_uint_t row)
{
    ngx_uint_t              i, n;
    ngx_rtprop_ref_t        ref;
    ngx_rtprop_stat_dir_t  *dir;

    dir = stat->dir;
    n = (dir->columns + NGX_RTPROP_STAT_CHUNK - 1) / NGX_RTPROP_STAT_CHUNK;

    for (i = 0; i < n; i++) {
        if (dir->rows[row][i]) {
            continue;
        }

        ref = ngx_rtprop_zone_alloc(stat->zone,
                                    NGX_RTPROP_STAT_CHUNK * sizeof(int64_t));
        if (ref == 0) {
            return NGX_ERROR;
        }

        ngx_memzero(ngx_rtprop_zone_ptr(stat->zone, ref),
                    NGX_RTPROP_STAT_CHUNK * sizeof(int64_t));

        ngx_rtprop_zone_log_field(stat->zone, &dir->rows[row][i]);
        dir->rows[row][i] = ref;
        ngx_rtprop_zone_commit(stat->zone);
    }

    return NGX_OK;
}


/* A dead worker's counters go to the retired row, its gauges are gone. */

static ngx_int_t
ngx_rtprop_stat_reap(void *data, ngx_uint_t slot)
{
    int64_t                  *from, *to;
    ngx_uint_t                i, n;
    ngx_rtprop_ref_t          ref;
    ngx_rtprop_stat_t        *stat;
    ngx_rtprop_zone_t        *zone;
    ngx_rtprop_stat_dir_t    *dir;
    ngx_rtprop_stat_entry_t  *entry;

    stat = data;
    zone = stat->zone;
    dir = stat->dir;

    ngx_rtprop_zone_lock(zone);

    if (ngx_rtprop_stat_row(stat, NGX_RTPROP_STAT_RETIRED) != NGX_OK) {
        ngx_rtprop_zone_rollback(zone);
    }

    for (ref = dir->entries; ref; ref = entry->next) {
        entry = ngx_rtprop_zone_ptr(zone, ref);
        i = entry->column / NGX_RTPROP_STAT_CHUNK;
        n = entry->column % NGX_RTPROP_STAT_CHUNK;

        from = ngx_rtprop_zone_ptr(zone, dir->rows[slot][i]);
        to = ngx_rtprop_zone_ptr(zone, dir->rows[NGX_RTPROP_STAT_RETIRED][i]);

        if (from == NULL) {
            continue;
        }

        ngx_rtprop_zone_log(zone, from + n, entry->columns * sizeof(int64_t));

        if (to && entry->type != NGX_RTPROP_STAT_GAUGE) {
            ngx_rtprop_zone_log(zone, to + n,
                                entry->columns * sizeof(int64_t));

            for (i = 0; i < entry->columns; i++) {
                to[n + i] += from[n + i];
            }
        }

        ngx_memzero(from + n, entry->columns * sizeof(int64_t));
        ngx_rtprop_zone_commit(zone);
    }

    ngx_rtprop_zone_unlock(zone);

    return NGX_OK;
}


void
ngx_rtprop_stat_bump(ngx_rtprop_worker_t *worker,
    ngx_rtprop_stat_desc_t *desc, int64_t delta)
{
    ngx_rtprop_stat_t  *stat;

    stat = worker->stat;

    if (desc->index && desc->index <= stat->ndescs) {
        *stat->cell[desc->index] += delta;
    }
}


void
ngx_rtprop_stat_observe(ngx_rtprop_worker_t *worker,
    ngx_rtprop_stat_desc_t *desc, uint64_t usec)
{
    int64_t            *cell;
    ngx_uint_t          i;
    ngx_rtprop_stat_t  *stat;

    stat = worker->stat;

    if (desc->index == 0 || desc->index > stat->ndescs
        || desc->type != NGX_RTPROP_STAT_HISTOGRAM)
    {
        return;
    }

    cell = stat->cell[desc->index];

    for (i = 0; i < NGX_RTPROP_STAT_BOUNDS; i++) {
        if (usec <= ngx_rtprop_stat_bounds[i]) {
            break;
        }
    }

    cell[i]++;
    cell[NGX_RTPROP_STAT_BOUNDS + 1] += usec;
}


int64_t
ngx_rtprop_stat_column(ngx_rtprop_stat_t *stat, ngx_rtprop_stat_desc_t *desc,
    ngx_uint_t n)
{
    int64_t                *cells, sum;
    uint32_t                c;
    ngx_uint_t              row;
    ngx_rtprop_stat_dir_t  *dir;

    if (desc->index == 0 || desc->index > stat->ndescs) {
        return 0;
    }

    sum = 0;
    dir = stat->dir;
    c = stat->column[desc->index] + n;

    for (row = 0; row <= NGX_RTPROP_SLOTS; row++) {
        cells = ngx_rtprop_zone_ptr(stat->zone,
                                    dir->rows[row][c / NGX_RTPROP_STAT_CHUNK]);
        if (cells) {
            sum += cells[c % NGX_RTPROP_STAT_CHUNK];
        }
    }

    return sum;
}


int64_t
ngx_rtprop_stat_value(ngx_rtprop_worker_t *worker,
    ngx_rtprop_stat_desc_t *desc)
{
    int64_t             sum;
    ngx_uint_t          i;
    ngx_rtprop_stat_t  *stat;

    stat = worker->stat;

    if (desc->index && desc->index <= stat->ndescs
        && stat->source[desc->index])
    {
        return stat->source[desc->index](worker);
    }

    if (desc->type != NGX_RTPROP_STAT_HISTOGRAM) {
        return ngx_rtprop_stat_column(stat, desc, 0);
    }

    sum = 0;

    for (i = 0; i <= NGX_RTPROP_STAT_BOUNDS; i++) {
        sum += ngx_rtprop_stat_column(stat, desc, i);
    }

    return sum;
}


void
ngx_rtprop_stat_source(ngx_rtprop_worker_t *worker,
    ngx_rtprop_stat_desc_t *desc, ngx_rtprop_stat_source_pt source)
{
    ngx_rtprop_stat_t  *stat;

    stat = worker->stat;

    if (desc->index && desc->index <= stat->ndescs) {
        stat->source[desc->index] = source;
    }
}


void
ngx_rtprop_stat_hide(ngx_rtprop_worker_t *worker,
    ngx_rtprop_stat_desc_t *desc)
{
    ngx_rtprop_stat_t  *stat;

    stat = worker->stat;

    if (desc->index && desc->index <= stat->ndescs) {
        stat->hidden[desc->index] = 1;
    }
}
