/*
 * Chains of blocks: texts that may be longer than a block.
 */

#include "base/ngx_rtprop_zone.h"


typedef struct {
    uint32_t  more;                /* next block of the chain */
    uint32_t  len;                 /* of the text; in the first block */
} ngx_rtprop_link_t;


ngx_rtprop_ref_t
ngx_rtprop_zone_chain_alloc(ngx_rtprop_zone_t *zone, size_t head,
    const u_char *text, size_t len)
{
    size_t              n, room;
    ngx_rtprop_ref_t    first, ref;
    ngx_rtprop_link_t  *link, *last;

    first = 0;
    last = NULL;
    room = NGX_RTPROP_BLOCK_MAX - sizeof(ngx_rtprop_link_t) - head;

    for ( ;; ) {
        n = ngx_min(len, room);
        ref = ngx_rtprop_zone_alloc(zone, sizeof(ngx_rtprop_link_t) + head + n);

        if (ref == 0) {
            return 0;
        }

        link = ngx_rtprop_zone_ptr(zone, ref);
        link->more = 0;
        link->len = len;

        if (n) {
            ngx_memcpy((u_char *) (link + 1) + head, text, n);
        }

        if (last) {
            last->more = ref;

        } else {
            first = ref;
        }

        len -= n;

        if (len == 0) {
            return first;
        }

        text += n;
        last = link;
        head = 0;
        room = NGX_RTPROP_BLOCK_MAX - sizeof(ngx_rtprop_link_t);
    }
}


void
ngx_rtprop_zone_chain_free(ngx_rtprop_zone_t *zone, ngx_rtprop_ref_t ref)
{
    ngx_rtprop_ref_t    more;
    ngx_rtprop_link_t  *link;

    while (ref) {
        link = ngx_rtprop_zone_ptr(zone, ref);
        more = link->more;
        ngx_rtprop_zone_free(zone, ref);
        ref = more;
    }
}


size_t
ngx_rtprop_zone_chain_len(ngx_rtprop_zone_t *zone, ngx_rtprop_ref_t ref)
{
    ngx_rtprop_link_t  *link;

    link = ngx_rtprop_zone_ptr(zone, ref);

    return link->len;
}


void *
ngx_rtprop_zone_chain_head(ngx_rtprop_zone_t *zone, ngx_rtprop_ref_t ref)
{
    ngx_rtprop_link_t  *link;

    link = ngx_rtprop_zone_ptr(zone, ref);

    return link + 1;
}


void
ngx_rtprop_zone_chain_read(ngx_rtprop_zone_t *zone, ngx_rtprop_ref_t ref,
    size_t head, u_char *dst)
{
    size_t              n, len;
    ngx_rtprop_link_t  *link;

    link = ngx_rtprop_zone_ptr(zone, ref);
    len = link->len;

    for ( ;; ) {
        n = NGX_RTPROP_BLOCK_MAX - sizeof(ngx_rtprop_link_t) - head;
        n = ngx_min(n, len);

        dst = ngx_cpymem(dst, (u_char *) (link + 1) + head, n);
        len -= n;

        if (len == 0) {
            return;
        }

        link = ngx_rtprop_zone_ptr(zone, link->more);
        head = 0;
    }
}
