/*
 * The zone as it lies in memory; for the ngx_rtprop_zone, _block, _journal and
 * _slot files only.
 *
 * Header, page table, pages of 8 KB.  A page is free (in a run of free pages),
 * belongs to a run of allocated pages, or is cut into blocks of one class.
 */

#ifndef _NGX_RTPROP_ZONE_SH_H_INCLUDED_
#define _NGX_RTPROP_ZONE_SH_H_INCLUDED_


#include "base/ngx_rtprop_zone.h"


#define NGX_RTPROP_ZONE_MAGIC     0x72747a31       /* "rtz1" */
#define NGX_RTPROP_ZONE_LAYOUT    3

#define NGX_RTPROP_PAGE           8192
#define NGX_RTPROP_PAGE_SHIFT     13
#define NGX_RTPROP_CLASSES        24

#define NGX_RTPROP_SLOT_GONE      ((ngx_atomic_uint_t) -1)


typedef enum {
    NGX_RTPROP_PAGE_INNER = 0,     /* inside of a run: its fields say nothing */
    NGX_RTPROP_PAGE_FREE,          /* first or last of a run of free pages */
    NGX_RTPROP_PAGE_RUN,           /* first of an allocated run */
    NGX_RTPROP_PAGE_BLOCKS         /* cut into blocks */
} ngx_rtprop_page_type_e;


/* Numbers of pages are from 1; 0: none. */

typedef struct {
    uint8_t            type;
    uint8_t            class;
    uint16_t           used;       /* blocks in use */
    uint16_t           cut;        /* blocks that were ever in use */
    uint16_t           free;       /* first freed block, from 1 */
    uint32_t           next;       /* of the class, or of the free runs */
    uint32_t           prev;
    uint32_t           pages;      /* of the run; in its last page also */
    uint32_t           pad;
} ngx_rtprop_page_t;


typedef struct {
    uint64_t           where;      /* octets from the zone's start */
    uint64_t           old;
} ngx_rtprop_undo_t;


struct ngx_rtprop_zone_sh_s {
    uint32_t           magic;
    uint32_t           layout;
    uint64_t           size;       /* of all */
    u_char             key[16];    /* of the hash */

    uint32_t           npages;
    uint32_t           pad;
    uint64_t           table;      /* page table, octets from the start */
    uint64_t           pages;      /* page 1, same */

    uint64_t           used;       /* octets in blocks and runs */
    uint32_t           runs;       /* first run of free pages */
    uint32_t           partial[NGX_RTPROP_CLASSES];    /* with free blocks */
    uint32_t           root[NGX_RTPROP_ROOTS];
    uint32_t           free;       /* pages in the runs of free ones */
    uint32_t           pad2[3];

    ngx_atomic_t       gone;       /* a worker left: look at the slots now */
    int32_t            fds[NGX_RTPROP_SLOTS];
    ngx_rtprop_slot_t  slots[NGX_RTPROP_SLOTS];

    ngx_atomic_t       undos;      /* records of the transaction under way */
    uint64_t           journal;    /* room for records */
    ngx_rtprop_undo_t  undo[1];
};


#define NGX_RTPROP_JOURNAL_BIG     8192    /* records */
#define NGX_RTPROP_JOURNAL_SMALL   4096
#define NGX_RTPROP_ZONE_BIG        (8 * 1024 * 1024)


/* Lays out an empty zone; sh->size and key are set. */
void ngx_rtprop_block_init(ngx_rtprop_zone_t *zone);

/* Octets that an allocated block or run takes. */
size_t ngx_rtprop_block_size(ngx_rtprop_zone_t *zone, ngx_rtprop_ref_t ref);

/* Undoes what a dead process left; called by the lock. */
void ngx_rtprop_journal_undo(ngx_rtprop_zone_t *zone);


#endif /* _NGX_RTPROP_ZONE_SH_H_INCLUDED_ */
