/*
 * Blocks of size classes in pages, runs of pages.
 *
 * All bookkeeping is in the page table and, for a freed block, in its first
 * two octets (the next freed one of its page); all of it goes through the
 * journal.
 */

#include "base/ngx_rtprop_zone.h"
#include "base/ngx_rtprop_zone_sh.h"


static uint32_t ngx_rtprop_page_alloc(ngx_rtprop_zone_t *zone, uint32_t n);
static void ngx_rtprop_page_free(ngx_rtprop_zone_t *zone, uint32_t first,
    uint32_t n);


static const uint16_t  ngx_rtprop_class_size[NGX_RTPROP_CLASSES] = {
    32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640,
    768, 1024, 1168, 1360, 1632, 2048, 2720, 4096
};


static inline ngx_rtprop_page_t *
ngx_rtprop_page(ngx_rtprop_zone_t *zone, uint32_t n)
{
    return (ngx_rtprop_page_t *) (zone->base + zone->sh->table) + (n - 1);
}


static inline u_char *
ngx_rtprop_page_addr(ngx_rtprop_zone_t *zone, uint32_t n)
{
    return zone->base + zone->sh->pages
           + ((size_t) (n - 1) << NGX_RTPROP_PAGE_SHIFT);
}


void
ngx_rtprop_block_init(ngx_rtprop_zone_t *zone)
{
    size_t                 table;
    ngx_rtprop_page_t     *page;
    ngx_rtprop_zone_sh_t  *sh;

    sh = zone->sh;

    sh->journal = (sh->size < NGX_RTPROP_ZONE_BIG) ? NGX_RTPROP_JOURNAL_SMALL
                                                   : NGX_RTPROP_JOURNAL_BIG;

    table = offsetof(ngx_rtprop_zone_sh_t, undo)
            + sh->journal * sizeof(ngx_rtprop_undo_t);

    sh->npages = (sh->size - table)
                 / (NGX_RTPROP_PAGE + sizeof(ngx_rtprop_page_t));
    sh->table = table;
    sh->pages = ngx_align(table + sh->npages * sizeof(ngx_rtprop_page_t), 64);

    if (sh->pages + (size_t) sh->npages * NGX_RTPROP_PAGE > sh->size) {
        sh->npages--;
    }

    ngx_memzero(zone->base + table, sh->npages * sizeof(ngx_rtprop_page_t));

    page = ngx_rtprop_page(zone, 1);
    page->type = NGX_RTPROP_PAGE_FREE;
    page->pages = sh->npages;

    page = ngx_rtprop_page(zone, sh->npages);
    page->type = NGX_RTPROP_PAGE_FREE;
    page->pages = sh->npages;

    sh->runs = 1;
    sh->free = sh->npages;
}


/* ------------------------------------------------------ lists of pages --- */

static void
ngx_rtprop_page_link(ngx_rtprop_zone_t *zone, uint32_t *head, uint32_t n)
{
    ngx_rtprop_page_t  *page, *next;

    page = ngx_rtprop_page(zone, n);

    ngx_rtprop_zone_log_word(zone, &page->next);
    ngx_rtprop_zone_log_field(zone, head);

    page->prev = 0;
    page->next = *head;

    if (*head) {
        next = ngx_rtprop_page(zone, *head);
        ngx_rtprop_zone_log_word(zone, &next->next);
        next->prev = n;
    }

    *head = n;
}


static void
ngx_rtprop_page_unlink(ngx_rtprop_zone_t *zone, uint32_t *head, uint32_t n)
{
    ngx_rtprop_page_t  *page, *other;

    page = ngx_rtprop_page(zone, n);

    if (page->next) {
        other = ngx_rtprop_page(zone, page->next);
        ngx_rtprop_zone_log_word(zone, &other->next);
        other->prev = page->prev;
    }

    if (page->prev) {
        other = ngx_rtprop_page(zone, page->prev);
        ngx_rtprop_zone_log_word(zone, &other->next);
        other->next = page->next;

    } else {
        ngx_rtprop_zone_log_field(zone, head);
        *head = page->next;
    }
}


static void
ngx_rtprop_page_mark(ngx_rtprop_zone_t *zone, uint32_t n,
    ngx_rtprop_page_type_e type, uint32_t pages)
{
    ngx_rtprop_page_t  *page;

    page = ngx_rtprop_page(zone, n);

    ngx_rtprop_zone_log(zone, page, sizeof(ngx_rtprop_page_t));

    page->type = type;
    page->pages = pages;
}


/* First fit, from the end of the run, so that its first page stays first. */

static uint32_t
ngx_rtprop_page_alloc(ngx_rtprop_zone_t *zone, uint32_t n)
{
    uint32_t               run, left, first;
    ngx_rtprop_zone_sh_t  *sh;

    sh = zone->sh;

    for (run = sh->runs; run; run = ngx_rtprop_page(zone, run)->next) {
        if (ngx_rtprop_page(zone, run)->pages >= n) {
            break;
        }
    }

    if (run == 0) {
        return 0;
    }

    ngx_rtprop_zone_log_field(zone, &sh->free);
    sh->free -= n;

    left = ngx_rtprop_page(zone, run)->pages - n;
    first = run + left;

    if (left == 0) {
        ngx_rtprop_page_unlink(zone, &sh->runs, run);

    } else {
        ngx_rtprop_page_mark(zone, run, NGX_RTPROP_PAGE_FREE, left);
        ngx_rtprop_page_mark(zone, first - 1, NGX_RTPROP_PAGE_FREE, left);
    }

    ngx_rtprop_page_mark(zone, first + n - 1, NGX_RTPROP_PAGE_INNER, 0);
    ngx_rtprop_page_mark(zone, first, NGX_RTPROP_PAGE_RUN, n);

    return first;
}


/* Joins the free runs on both sides. */

static void
ngx_rtprop_page_free(ngx_rtprop_zone_t *zone, uint32_t first, uint32_t n)
{
    uint32_t               after, joined;
    ngx_rtprop_page_t     *page;
    ngx_rtprop_zone_sh_t  *sh;

    sh = zone->sh;
    after = first + n;

    ngx_rtprop_zone_log_field(zone, &sh->free);
    sh->free += n;

    if (first > 1) {
        page = ngx_rtprop_page(zone, first - 1);

        if (page->type == NGX_RTPROP_PAGE_FREE) {
            joined = page->pages;
            first -= joined;
            n += joined;
            ngx_rtprop_page_unlink(zone, &sh->runs, first);
        }
    }

    if (after <= sh->npages) {
        page = ngx_rtprop_page(zone, after);

        if (page->type == NGX_RTPROP_PAGE_FREE) {
            n += page->pages;
            ngx_rtprop_page_unlink(zone, &sh->runs, after);
        }
    }

    ngx_rtprop_page_mark(zone, first, NGX_RTPROP_PAGE_FREE, n);
    ngx_rtprop_page_mark(zone, first + n - 1, NGX_RTPROP_PAGE_FREE, n);
    ngx_rtprop_page_link(zone, &sh->runs, first);
}


/* -------------------------------------------------------------- blocks --- */

static ngx_uint_t
ngx_rtprop_block_class(size_t size)
{
    ngx_uint_t  i;

    i = (size > 256) ? 11 : 0;

    while (size > ngx_rtprop_class_size[i]) {
        i++;
    }

    return i;
}


static void
ngx_rtprop_block_count(ngx_rtprop_zone_t *zone, int64_t octets)
{
    ngx_rtprop_zone_log_word(zone, &zone->sh->used);

    zone->sh->used += octets;
}


static ngx_rtprop_ref_t
ngx_rtprop_run_alloc(ngx_rtprop_zone_t *zone, size_t size)
{
    uint32_t  n, first;

    n = (size + NGX_RTPROP_PAGE - 1) >> NGX_RTPROP_PAGE_SHIFT;
    first = ngx_rtprop_page_alloc(zone, n);

    if (first == 0) {
        return 0;
    }

    ngx_rtprop_block_count(zone, (int64_t) n * NGX_RTPROP_PAGE);

    return ngx_rtprop_zone_ref(zone, ngx_rtprop_page_addr(zone, first));
}


static uint32_t
ngx_rtprop_block_page(ngx_rtprop_zone_t *zone, ngx_uint_t class)
{
    uint32_t            n;
    ngx_rtprop_page_t  *page;

    n = ngx_rtprop_page_alloc(zone, 1);

    if (n == 0) {
        return 0;
    }

    /* page_alloc has logged it */

    page = ngx_rtprop_page(zone, n);
    page->type = NGX_RTPROP_PAGE_BLOCKS;
    page->class = class;
    page->used = 0;
    page->cut = 0;
    page->free = 0;

    ngx_rtprop_page_link(zone, &zone->sh->partial[class], n);

    return n;
}


ngx_rtprop_ref_t
ngx_rtprop_zone_alloc(ngx_rtprop_zone_t *zone, size_t size)
{
    u_char             *p;
    uint32_t            n;
    ngx_uint_t          class, i;
    ngx_rtprop_page_t  *page;

    if (zone->freed) {
        ngx_log_error(NGX_LOG_ALERT, zone->log, 0,
                      "rtprop: the zone's blocks are allocated before others "
                      "are freed");
        return 0;
    }

    if (size > NGX_RTPROP_BLOCK_MAX) {
        return ngx_rtprop_run_alloc(zone, size);
    }

    class = ngx_rtprop_block_class(size);
    size = ngx_rtprop_class_size[class];
    n = zone->sh->partial[class];

    if (n == 0) {
        n = ngx_rtprop_block_page(zone, class);

        if (n == 0) {
            return 0;
        }
    }

    page = ngx_rtprop_page(zone, n);
    p = ngx_rtprop_page_addr(zone, n);

    ngx_rtprop_zone_log_word(zone, page);

    if (page->free) {
        i = page->free;
        p += (i - 1) * size;

        ngx_rtprop_zone_log_word(zone, p);
        ngx_memcpy(&page->free, p, 2);

    } else {
        p += page->cut++ * size;
    }

    if (++page->used == NGX_RTPROP_PAGE / size) {
        ngx_rtprop_page_unlink(zone, &zone->sh->partial[class], n);
    }

    ngx_rtprop_block_count(zone, size);

    return ngx_rtprop_zone_ref(zone, p);
}


static ngx_rtprop_page_t *
ngx_rtprop_block_where(ngx_rtprop_zone_t *zone, ngx_rtprop_ref_t ref,
    uint32_t *n)
{
    size_t  at;

    at = ((size_t) ref << 4) - zone->sh->pages;
    *n = (at >> NGX_RTPROP_PAGE_SHIFT) + 1;

    return ngx_rtprop_page(zone, *n);
}


size_t
ngx_rtprop_block_size(ngx_rtprop_zone_t *zone, ngx_rtprop_ref_t ref)
{
    uint32_t            n;
    ngx_rtprop_page_t  *page;

    page = ngx_rtprop_block_where(zone, ref, &n);

    if (page->type == NGX_RTPROP_PAGE_RUN) {
        return (size_t) page->pages * NGX_RTPROP_PAGE;
    }

    return ngx_rtprop_class_size[page->class];
}


void
ngx_rtprop_zone_free(ngx_rtprop_zone_t *zone, ngx_rtprop_ref_t ref)
{
    u_char                *p;
    size_t                 size;
    uint32_t               n;
    ngx_rtprop_page_t     *page;
    ngx_rtprop_zone_sh_t  *sh;

    sh = zone->sh;
    p = ngx_rtprop_zone_ptr(zone, ref);
    page = ngx_rtprop_block_where(zone, ref, &n);

    zone->freed = 1;

    if (page->type == NGX_RTPROP_PAGE_RUN) {
        ngx_rtprop_block_count(zone,
                               - (int64_t) page->pages * NGX_RTPROP_PAGE);
        ngx_rtprop_page_free(zone, n, page->pages);
        return;
    }

    size = ngx_rtprop_class_size[page->class];

    ngx_rtprop_block_count(zone, - (int64_t) size);
    ngx_rtprop_zone_log_word(zone, page);
    ngx_rtprop_zone_log_word(zone, p);

    ngx_memcpy(p, &page->free, 2);
    page->free = (p - ngx_rtprop_page_addr(zone, n)) / size + 1;

    if (page->used-- == NGX_RTPROP_PAGE / size) {
        ngx_rtprop_page_link(zone, &sh->partial[page->class], n);
    }

    if (page->used == 0) {
        ngx_rtprop_page_unlink(zone, &sh->partial[page->class], n);
        ngx_rtprop_page_free(zone, n, 1);
    }
}
