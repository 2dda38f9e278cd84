#include "ops.h"
#include "base/ngx_rtprop_stat_row.h"
#include "base/ngx_rtprop_zone_sh.h"


/* As in session/ngx_rtprop_limit.c. */

typedef struct {
    uint64_t              user;
    ngx_rtprop_ref_t      next;
    uint32_t              pad;
    ngx_rtprop_ref_t      newer;
    ngx_rtprop_ref_t      older;
} check_limit_user_t;


typedef struct {
    uint64_t              mask;
    uint64_t              users;
    ngx_rtprop_ref_t      newest;
    ngx_rtprop_ref_t      oldest;
} check_limit_table_t;


typedef struct {
    ops_answer_t           *a;
    ngx_rtprop_shm_t       *shm;
    ngx_rtprop_shm_root_t  *root;
    size_t                  used;      /* of all that was reached */
    uint64_t                channels;
    uint64_t                listed;    /* of them, in some list */
    uint64_t                events;
    uint64_t                octets;
    uint64_t                jobs;
    uint64_t                sessions;
    uint64_t                subs;
    uint64_t                leases;
    ngx_uint_t              bad;
} check_t;


#define check_that(c, expr)                                                  \
    if (!(expr)) {                                                           \
        ops_say((c)->a, "wrong: %s\n", #expr);                               \
        (c)->bad++;                                                          \
    }


static void
check_block(check_t *c, ngx_rtprop_ref_t ref)
{
    c->used += ngx_rtprop_block_size(c->shm->zone, ref);
}


static void
check_chain(check_t *c, ngx_rtprop_ref_t ref)
{
    uint32_t  *link;

    while (ref) {
        check_block(c, ref);
        link = ngx_rtprop_shm_ptr(c->shm, ref);
        ref = link[0];
    }
}


static void
check_channel(check_t *c, ngx_rtprop_shm_channel_t *ch)
{
    uint64_t                 count, bytes, subscribers, offset;
    ngx_rtprop_ref_t         ref, last;
    ngx_rtprop_shm_sub_t    *sub;
    ngx_rtprop_shm_record_t *rec;

    count = 0;
    bytes = 0;
    subscribers = 0;
    offset = 0;
    last = 0;

    for (ref = ch->events.first; ref;
         ref = ngx_rtprop_shm_event_link(c->shm, ref)->next)
    {
        rec = ngx_rtprop_shm_event_record(c->shm, ref);
        check_chain(c, ref);

        check_that(c, ngx_rtprop_shm_event_link(c->shm, ref)->prev == last);
        check_that(c, offset == 0 || rec->offset == offset + 1);

        offset = rec->offset;
        bytes += rec->size;
        last = ref;
        count++;
    }

    check_that(c, ch->events.last == last);
    check_that(c, ch->count == count);
    check_that(c, ch->bytes == bytes);
    check_that(c, count == 0 || ch->offset == offset);

    for (ref = ch->subs; ref; ref = sub->next) {
        sub = ngx_rtprop_shm_ptr(c->shm, ref);
        check_block(c, ref);
        subscribers += sub->count;
        c->subs++;
    }

    check_that(c, ch->subscribers == subscribers);

    c->channels++;
    c->listed += (count || ch->subs == 0);
    c->events += count;
    c->octets += bytes;
}


static uint64_t
check_sessions(check_t *c, ngx_rtprop_shm_user_t *user)
{
    uint64_t                   n;
    ngx_rtprop_ref_t           ref;
    ngx_rtprop_shm_session_t  *s;

    n = 0;

    for (ref = user->sessions; ref; ref = s->next) {
        s = ngx_rtprop_shm_ptr(c->shm, ref);
        check_block(c, ref);
        n++;
    }

    check_that(c, user->nsessions == n);

    return n;
}


static void
check_set(check_t *c, ngx_rtprop_shm_set_t *set)
{
    uint64_t                n, sessions;
    ngx_rtprop_ref_t        ref;
    ngx_rtprop_shm_user_t  *user;

    n = 0;
    sessions = 0;

    for (ref = set->users.first; ref; ref = user->link.next) {
        user = ngx_rtprop_shm_ptr(c->shm, ref);
        sessions += user->nsessions;
        n++;
    }

    check_that(c, set->nusers == n);
    check_that(c, set->nsessions == sessions);
    check_that(c, n || set->lost);
}


static void
check_node(check_t *c, ngx_rtprop_ref_t ref)
{
    ngx_rtprop_shm_job_t   *job;
    ngx_rtprop_shm_node_t  *node;

    node = ngx_rtprop_shm_ptr(c->shm, ref);
    check_block(c, ref);

    switch (node->kind) {

    case NGX_RTPROP_SHM_CHANNEL:
        check_channel(c, (ngx_rtprop_shm_channel_t *) node);
        break;

    case NGX_RTPROP_SHM_SET:
        check_set(c, (ngx_rtprop_shm_set_t *) node);
        break;

    case NGX_RTPROP_SHM_USER:
        c->sessions += check_sessions(c, (ngx_rtprop_shm_user_t *) node);
        break;

    case NGX_RTPROP_SHM_LEASE:
        c->leases++;

        /* fall through */

    case NGX_RTPROP_SHM_DOCUMENT:
    case NGX_RTPROP_SHM_COUNTER:
        check_chain(c, ((ngx_rtprop_shm_item_t *) node)->text);
        break;

    case NGX_RTPROP_SHM_JOB:
        job = (ngx_rtprop_shm_job_t *) node;
        check_chain(c, job->text);
        check_that(c, job->index < c->root->jobs);
        c->jobs++;
        break;

    default:
        check_that(c, node->kind == 0);
    }
}


static void
check_table(check_t *c)
{
    uint64_t                i;
    ngx_rtprop_ref_t        ref, *buckets;
    ngx_rtprop_shm_node_t  *node;

    buckets = ngx_rtprop_shm_ptr(c->shm, c->root->buckets);

    for (i = 0; i <= c->root->mask; i++) {
        for (ref = buckets[i]; ref; ref = node->next) {
            node = ngx_rtprop_shm_ptr(c->shm, ref);
            check_that(c, (node->hash & c->root->mask) == i);
            check_node(c, ref);
        }
    }
}


static uint64_t
check_list(check_t *c, ngx_rtprop_shm_list_t *list, size_t offset)
{
    uint64_t                n;
    ngx_rtprop_ref_t        ref, last;
    ngx_rtprop_shm_link_t  *link;

    n = 0;
    last = 0;

    for (ref = list->first; ref; ref = link->next) {
        link = (ngx_rtprop_shm_link_t *)
               ((u_char *) ngx_rtprop_shm_ptr(c->shm, ref) + offset);
        check_that(c, link->prev == last);
        last = ref;
        n++;
    }

    check_that(c, list->last == last);

    return n;
}


static void
check_slots(check_t *c)
{
    uint64_t                 n, subs, sessions, leases;
    ngx_uint_t               i;
    ngx_rtprop_ref_t         ref;
    ngx_rtprop_shm_user_t   *user;
    ngx_rtprop_shm_owned_t  *owned;

    subs = 0;
    sessions = 0;
    leases = 0;

    for (i = 0; i < NGX_RTPROP_SLOTS; i++) {
        owned = &c->root->slots[i];

        n = check_list(c, &owned->subs, offsetof(ngx_rtprop_shm_sub_t, link));
        subs += n;

        n += check_list(c, &owned->sessions,
                        offsetof(ngx_rtprop_shm_session_t, link));
        sessions += n;

        leases += check_list(c, &owned->leases,
                             offsetof(ngx_rtprop_shm_item_t, link));

        for (ref = owned->lost.first; ref; ref = user->link.next) {
            user = ngx_rtprop_shm_ptr(c->shm, ref);
            check_block(c, ref);
            check_sessions(c, user);
        }

        if (ngx_rtprop_zone_slot(c->shm->zone, i)->pid == 0) {
            check_that(c, n == 0 && owned->lost.first == 0
                          && owned->leases.first == 0);
        }
    }

    check_that(c, subs == c->subs);
    check_that(c, sessions - subs == c->sessions);
    check_that(c, leases == c->leases);
}


static void
check_heap(check_t *c)
{
    uint64_t               i, up;
    ngx_rtprop_ref_t      *chunk;
    ngx_rtprop_shm_job_t  *job, *parent;

    for (i = 0; i < NGX_RTPROP_SHM_HEAP; i++) {
        if (c->root->heap[i]) {
            check_block(c, c->root->heap[i]);
        }
    }

    for (i = 0; i < c->root->jobs; i++) {
        chunk = ngx_rtprop_shm_ptr(c->shm,
                                   c->root->heap[i / NGX_RTPROP_SHM_CHUNK]);
        job = ngx_rtprop_shm_ptr(c->shm, chunk[i % NGX_RTPROP_SHM_CHUNK]);
        check_that(c, job->index == i);

        if (i == 0) {
            check_that(c, c->root->next_due == job->when);
            continue;
        }

        up = (i - 1) / 2;
        chunk = ngx_rtprop_shm_ptr(c->shm,
                                   c->root->heap[up / NGX_RTPROP_SHM_CHUNK]);
        parent = ngx_rtprop_shm_ptr(c->shm, chunk[up % NGX_RTPROP_SHM_CHUNK]);
        check_that(c, parent->when <= job->when);
    }

    check_that(c, c->jobs == c->root->jobs);
}


static void
check_others(check_t *c)
{
    uint64_t                  n;
    ngx_uint_t                i, k;
    ngx_rtprop_ref_t          ref;
    ngx_rtprop_zone_t        *zone;
    check_limit_user_t       *user;
    check_limit_table_t      *table;
    ngx_rtprop_stat_dir_t    *dir;
    ngx_rtprop_stat_entry_t  *entry;

    zone = c->shm->zone;

    check_block(c, zone->sh->root[NGX_RTPROP_ROOT_STAT]);
    dir = ngx_rtprop_zone_ptr(zone, zone->sh->root[NGX_RTPROP_ROOT_STAT]);

    for (ref = dir->entries; ref; ref = entry->next) {
        entry = ngx_rtprop_zone_ptr(zone, ref);
        check_block(c, ref);
    }

    for (i = 0; i <= NGX_RTPROP_SLOTS; i++) {
        for (k = 0; k < NGX_RTPROP_STAT_CHUNKS; k++) {
            if (dir->rows[i][k]) {
                check_block(c, dir->rows[i][k]);
            }
        }
    }

    ref = zone->sh->root[NGX_RTPROP_ROOT_LIMIT];

    if (ref == 0) {
        return;
    }

    check_block(c, ref);
    table = ngx_rtprop_zone_ptr(zone, ref);
    n = 0;

    for (ref = table->newest; ref; ref = user->older) {
        user = ngx_rtprop_zone_ptr(zone, ref);
        check_block(c, ref);
        n++;
    }

    check_that(c, n == table->users);
}


/* Runs of pages join, and classes' lists hold pages with room only. */

static void
check_pages(check_t *c)
{
    uint32_t               n, free, pages;
    ngx_rtprop_page_t     *page, *table;
    ngx_rtprop_zone_sh_t  *sh;

    sh = c->shm->zone->sh;
    table = (ngx_rtprop_page_t *) (c->shm->zone->base + sh->table);
    free = 0;
    pages = 0;

    for (n = 1; n <= sh->npages; /* void */ ) {
        page = &table[n - 1];

        if (page->type == NGX_RTPROP_PAGE_BLOCKS) {
            check_that(c, page->used && page->used <= page->cut);
            free = 0;
            n++;
            continue;
        }

        check_that(c, page->pages && n + page->pages - 1 <= sh->npages);

        if (page->pages == 0) {
            return;
        }

        if (page->type == NGX_RTPROP_PAGE_FREE) {
            check_that(c, !free);
            pages += page->pages;
            check_that(c, table[n + page->pages - 2].pages == page->pages);
            free = 1;

        } else {
            check_that(c, page->type == NGX_RTPROP_PAGE_RUN);
            free = 0;
        }

        n += page->pages;
    }

    check_that(c, pages == sh->free);
}


void
ops_check(ops_answer_t *a)
{
    check_t             c;
    ngx_rtprop_zone_t  *zone;

    ngx_memzero(&c, sizeof(check_t));
    c.a = a;
    c.shm = a->ops->engine->data;
    c.root = c.shm->root;
    zone = c.shm->zone;

    ngx_rtprop_zone_lock(zone);

    check_block(&c, zone->sh->root[NGX_RTPROP_ROOT_ENGINE]);
    check_block(&c, c.root->buckets);
    check_block(&c, c.root->evictions);
    check_block(&c, c.root->ring);

    check_table(&c);
    check_slots(&c);
    check_heap(&c);
    check_others(&c);
    check_pages(&c);

    check_that(&c, c.channels == c.root->channels);
    check_that(&c, c.events == c.root->events);
    check_that(&c, c.octets == c.root->octets);
    check_that(&c, check_list(&c, &c.root->kept,
                              offsetof(ngx_rtprop_shm_channel_t, link))
                   + check_list(&c, &c.root->bare,
                                offsetof(ngx_rtprop_shm_channel_t, link))
                   == c.listed);
    check_that(&c, c.used == zone->sh->used);

    ngx_rtprop_zone_unlock(zone);

    ops_say(a, "%s used=%uz reached=%uz events=%uL channels=%uL sessions=%uL "
            "jobs=%uL\n", c.bad ? "broken" : "ok", zone->sh->used, c.used,
            c.events, c.channels, c.sessions, c.jobs);
}
