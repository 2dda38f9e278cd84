/*
 * The transaction of the zone: an undo log.
 *
 * What a transaction is about to change is copied here first.  The order of
 * the stores is the program's (a process dies between two of its own
 * instructions, and the next holder of the lock sees all stores of those
 * before), so the compiler is all that must be kept from moving them.
 */

#include "base/ngx_rtprop_zone.h"
#include "base/ngx_rtprop_zone_sh.h"


static inline void
ngx_rtprop_journal_fence(void)
{
    __asm__ __volatile__ ("" ::: "memory");
}


void
ngx_rtprop_zone_log(ngx_rtprop_zone_t *zone, void *p, size_t size)
{
    u_char                *src;
    uint64_t               where;
    ngx_uint_t             i, n, words;
    ngx_rtprop_undo_t     *undo;
    ngx_rtprop_zone_sh_t  *sh;

    sh = zone->sh;
    src = p;
    where = src - zone->base;
    words = (size + 7) / 8;
    n = sh->undos;

    if (n + words > sh->journal) {
        ngx_log_error(NGX_LOG_ALERT, zone->log, 0,
                      "rtprop: a transaction of the zone is too big");
        ngx_debug_point();
        words = sh->journal - n;
    }

    undo = &sh->undo[n];

    for (i = 0; i < words; i++) {
        undo[i].where = where + i * 8;
        ngx_memcpy(&undo[i].old, src + i * 8, 8);
    }

    ngx_rtprop_journal_fence();
    sh->undos = n + words;
    ngx_rtprop_journal_fence();
}


void
ngx_rtprop_zone_log_word(ngx_rtprop_zone_t *zone, void *p)
{
    ngx_uint_t             n;
    ngx_rtprop_zone_sh_t  *sh;

    sh = zone->sh;
    n = sh->undos;

    if (n == sh->journal) {
        ngx_rtprop_zone_log(zone, p, 8);
        return;
    }

    sh->undo[n].where = (u_char *) p - zone->base;
    ngx_memcpy(&sh->undo[n].old, p, 8);

    ngx_rtprop_journal_fence();
    sh->undos = n + 1;
    ngx_rtprop_journal_fence();
}


ngx_uint_t
ngx_rtprop_zone_room(ngx_rtprop_zone_t *zone)
{
    return zone->sh->journal - zone->sh->undos;
}


void
ngx_rtprop_zone_commit(ngx_rtprop_zone_t *zone)
{
    ngx_rtprop_journal_fence();
    zone->sh->undos = 0;
    ngx_rtprop_journal_fence();

    zone->freed = 0;
}


void
ngx_rtprop_zone_rollback(ngx_rtprop_zone_t *zone)
{
    ngx_rtprop_journal_undo(zone);

    zone->freed = 0;
}


/* The newest first; who dies in here leaves it to be done once more. */

void
ngx_rtprop_journal_undo(ngx_rtprop_zone_t *zone)
{
    ngx_uint_t             n;
    ngx_rtprop_zone_sh_t  *sh;

    sh = zone->sh;
    n = sh->undos;

    while (n--) {
        ngx_memcpy(zone->base + sh->undo[n].where, &sh->undo[n].old, 8);
    }

    ngx_rtprop_journal_fence();
    sh->undos = 0;
    ngx_rtprop_journal_fence();
}
