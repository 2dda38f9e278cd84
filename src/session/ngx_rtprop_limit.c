/*
 * Rates per user and class: token buckets in the zone.
 *
 * A user is known by the hash of its id under the zone's key.  The table is
 * bounded; the least recently used user makes room, one at a time.
 */

#include "session/ngx_rtprop_limit.h"
#include "base/ngx_rtprop_zone.h"
#include "session/rtprop_rate.h"


#define NGX_RTPROP_LIMIT_MIN    1024       /* users */
#define NGX_RTPROP_LIMIT_MAX    131072


typedef struct {
    uint64_t              user;            /* the hash of its id */
    ngx_rtprop_ref_t      next;            /* in the bucket */
    uint32_t              pad;
    ngx_rtprop_ref_t      newer;
    ngx_rtprop_ref_t      older;
    rtprop_rate_t         rates[NGX_RTPROP_RATE_CLASSES];
} ngx_rtprop_limit_user_t;


typedef struct {
    uint64_t              mask;
    uint64_t              users;
    ngx_rtprop_ref_t      newest;
    ngx_rtprop_ref_t      oldest;
    ngx_rtprop_ref_t      buckets[1];
} ngx_rtprop_limit_table_t;


static ngx_rtprop_limit_table_t *ngx_rtprop_limit_table(
    ngx_rtprop_zone_t *zone);
static ngx_rtprop_limit_user_t *ngx_rtprop_limit_user(ngx_rtprop_zone_t *zone,
    ngx_rtprop_limit_table_t *table, uint64_t hash);
static void ngx_rtprop_limit_link(ngx_rtprop_zone_t *zone,
    ngx_rtprop_limit_table_t *table, ngx_rtprop_ref_t ref);
static void ngx_rtprop_limit_unlink(ngx_rtprop_zone_t *zone,
    ngx_rtprop_limit_table_t *table, ngx_rtprop_limit_user_t *user);
static void ngx_rtprop_limit_drop(ngx_rtprop_zone_t *zone,
    ngx_rtprop_limit_table_t *table);


ngx_int_t
ngx_rtprop_limit_rate(ngx_rtprop_worker_t *worker, ngx_str_t *user,
    ngx_rtprop_rate_class_e class, ngx_rtprop_rate_t *rate,
    ngx_msec_t *retry_after)
{
    int                        rc;
    int64_t                    retry;
    uint64_t                   hash;
    ngx_rtprop_zone_t         *zone;
    ngx_rtprop_limit_user_t   *u;
    ngx_rtprop_limit_table_t  *table;

    *retry_after = 0;

    if (rate->rate == 0) {
        return NGX_OK;
    }

    rc = RTPROP_OK;
    retry = 0;
    zone = worker->zone;
    hash = ngx_rtprop_zone_hash(zone, user->data, user->len);

    ngx_rtprop_zone_lock(zone);

    table = ngx_rtprop_limit_table(zone);
    u = table ? ngx_rtprop_limit_user(zone, table, hash) : NULL;

    if (u) {
        ngx_rtprop_zone_log(zone, &u->rates[class], sizeof(rtprop_rate_t));

        rc = rtprop_rate_take(&u->rates[class], rate->rate, rate->burst,
                              ngx_rtprop_now(), &retry);
    }

    ngx_rtprop_zone_unlock(zone);

    *retry_after = (ngx_msec_t) retry;

    return (rc == RTPROP_DECLINED) ? NGX_DECLINED : NGX_OK;
}


/* Room for one user per 4 KB of the zone; NULL when it is full. */

static ngx_rtprop_limit_table_t *
ngx_rtprop_limit_table(ngx_rtprop_zone_t *zone)
{
    size_t                     used, total, size;
    uint64_t                   n;
    ngx_rtprop_ref_t           ref;
    ngx_rtprop_limit_table_t  *table;

    ref = ngx_rtprop_zone_root(zone, NGX_RTPROP_ROOT_LIMIT);

    if (ref) {
        return ngx_rtprop_zone_ptr(zone, ref);
    }

    ngx_rtprop_zone_usage(zone, &used, &total);

    for (n = NGX_RTPROP_LIMIT_MIN;
         n < NGX_RTPROP_LIMIT_MAX && n * 4096 < total;
         n *= 2)
    {
        /* void */
    }

    size = offsetof(ngx_rtprop_limit_table_t, buckets)
           + n * sizeof(ngx_rtprop_ref_t);
    ref = ngx_rtprop_zone_alloc(zone, size);

    if (ref == 0) {
        ngx_rtprop_zone_rollback(zone);
        return NULL;
    }

    table = ngx_rtprop_zone_ptr(zone, ref);
    ngx_memzero(table, size);
    table->mask = n - 1;

    ngx_rtprop_zone_set_root(zone, NGX_RTPROP_ROOT_LIMIT, ref);
    ngx_rtprop_zone_commit(zone);

    return table;
}


/* Finds or makes it, and makes it the newest. */

static ngx_rtprop_limit_user_t *
ngx_rtprop_limit_user(ngx_rtprop_zone_t *zone,
    ngx_rtprop_limit_table_t *table, uint64_t hash)
{
    ngx_rtprop_ref_t          ref, *bucket;
    ngx_rtprop_limit_user_t  *user;

    bucket = &table->buckets[hash & table->mask];

    for (ref = *bucket; ref; ref = user->next) {
        user = ngx_rtprop_zone_ptr(zone, ref);

        if (user->user != hash) {
            continue;
        }

        if (table->newest != ref) {
            ngx_rtprop_limit_unlink(zone, table, user);
            ngx_rtprop_limit_link(zone, table, ref);
        }

        return user;
    }

    if (table->users > table->mask) {
        ngx_rtprop_limit_drop(zone, table);
    }

    ref = ngx_rtprop_zone_alloc(zone, sizeof(ngx_rtprop_limit_user_t));

    if (ref == 0) {
        ngx_rtprop_zone_rollback(zone);
        ngx_rtprop_limit_drop(zone, table);
        ref = ngx_rtprop_zone_alloc(zone, sizeof(ngx_rtprop_limit_user_t));
    }

    if (ref == 0) {
        ngx_rtprop_zone_rollback(zone);
        return NULL;
    }

    user = ngx_rtprop_zone_ptr(zone, ref);
    ngx_memzero(user, sizeof(ngx_rtprop_limit_user_t));
    user->user = hash;
    user->next = *bucket;

    ngx_rtprop_zone_log_field(zone, bucket);
    *bucket = ref;

    ngx_rtprop_limit_link(zone, table, ref);

    ngx_rtprop_zone_log_field(zone, &table->users);
    table->users++;

    return user;
}


static void
ngx_rtprop_limit_link(ngx_rtprop_zone_t *zone,
    ngx_rtprop_limit_table_t *table, ngx_rtprop_ref_t ref)
{
    ngx_rtprop_limit_user_t  *user, *other;

    user = ngx_rtprop_zone_ptr(zone, ref);

    ngx_rtprop_zone_log(zone, &user->newer, 8);
    ngx_rtprop_zone_log(zone, &table->newest, 8);

    user->newer = 0;
    user->older = table->newest;

    if (table->newest) {
        other = ngx_rtprop_zone_ptr(zone, table->newest);
        ngx_rtprop_zone_log(zone, &other->newer, 8);
        other->newer = ref;

    } else {
        table->oldest = ref;
    }

    table->newest = ref;
}


static void
ngx_rtprop_limit_unlink(ngx_rtprop_zone_t *zone,
    ngx_rtprop_limit_table_t *table, ngx_rtprop_limit_user_t *user)
{
    ngx_rtprop_limit_user_t  *other;

    ngx_rtprop_zone_log(zone, &table->newest, 8);

    if (user->newer) {
        other = ngx_rtprop_zone_ptr(zone, user->newer);
        ngx_rtprop_zone_log(zone, &other->newer, 8);
        other->older = user->older;

    } else {
        table->newest = user->older;
    }

    if (user->older) {
        other = ngx_rtprop_zone_ptr(zone, user->older);
        ngx_rtprop_zone_log(zone, &other->newer, 8);
        other->newer = user->newer;

    } else {
        table->oldest = user->newer;
    }
}


/* Takes the least recently used user out. */

static void
ngx_rtprop_limit_drop(ngx_rtprop_zone_t *zone,
    ngx_rtprop_limit_table_t *table)
{
    ngx_rtprop_ref_t          ref, *p;
    ngx_rtprop_limit_user_t  *user, *other;

    ref = table->oldest;

    if (ref == 0) {
        return;
    }

    user = ngx_rtprop_zone_ptr(zone, ref);
    ngx_rtprop_limit_unlink(zone, table, user);

    for (p = &table->buckets[user->user & table->mask];
         *p != ref;
         p = &other->next)
    {
        other = ngx_rtprop_zone_ptr(zone, *p);
    }

    ngx_rtprop_zone_log_field(zone, p);
    *p = user->next;

    ngx_rtprop_zone_log_field(zone, &table->users);
    table->users--;

    ngx_rtprop_zone_free(zone, ref);
    ngx_rtprop_zone_commit(zone);
}
