/*
 * What the files of hub_update share.
 */

#ifndef _NGX_RTPROP_HUB_UPDATE_H_INCLUDED_
#define _NGX_RTPROP_HUB_UPDATE_H_INCLUDED_


#include "hub/ngx_rtprop_hub.h"


/* A document with updates under way, or remembered. */

typedef struct {
    ngx_queue_t                 queue;      /* of the bucket */
    ngx_queue_t                 used;       /* of those remembered */
    ngx_rtprop_hub_t           *hub;
    ngx_queue_t                 waiting;    /* ngx_rtprop_update_t */
    ngx_queue_t                 group;
    ngx_rtprop_state_t          state;      /* the operation under way */
    ngx_pool_t                 *pool;       /* of a group; NULL: its one's */

    ngx_rtprop_state_t          look;       /* of those that wait */
    ngx_pool_t                 *look_pool;  /* NULL: there is none now */

    ngx_str_t                   text;       /* that is judged on ... */
    uint64_t                    version;
    int64_t                     ahead;      /* ms; the engine's clock */
    ngx_str_t                   made;       /* of it by the group */
    ngx_str_t                   memory;     /* the text when remembered */

    ngx_uint_t                  writes;     /* of the group ... */
    ngx_uint_t                  nevents;
    ngx_uint_t                  conflicts;

    uint32_t                    hash;
    unsigned                    known:1;    /* text, version: remembered */
    unsigned                    sure:1;     /* and were read just now */
    unsigned                    judged:1;   /* on them, but not sure */
    unsigned                    busy:1;
    unsigned                    writing:1;  /* the group, or it tries to */
    unsigned                    looping:1;
    unsigned                    again:1;
    unsigned                    at_once:1;  /* the engine has not returned */
    u_char                      key[];
} ngx_rtprop_hub_doc_t;


static inline ngx_rtprop_update_t *
ngx_rtprop_hub_update_of(ngx_queue_t *q)
{
    return ngx_queue_data(q, ngx_rtprop_update_t, queue);
}


/* Has one update judged: its rc, and all that apply() may set. */
void ngx_rtprop_hub_update_judge(ngx_rtprop_hub_doc_t *doc,
    ngx_rtprop_update_t *update, ngx_str_t *text, uint64_t version);

/* Tells it what rc says; it may be gone then. */
void ngx_rtprop_hub_update_end(ngx_rtprop_update_t *update);

/* Begins a group of those that wait, which are some. */
void ngx_rtprop_hub_group_begin(ngx_rtprop_hub_doc_t *doc);

/* Judges all of the group on doc's text and version, from text on. */
void ngx_rtprop_hub_group_apply(ngx_rtprop_hub_doc_t *doc, ngx_str_t *text);

/* Sets what is to be put, version aside; NGX_ERROR: no memory. */
ngx_int_t ngx_rtprop_hub_group_fill(ngx_rtprop_hub_doc_t *doc,
    ngx_str_t *text);

/* done() of a put. */
void ngx_rtprop_hub_group_was_put(ngx_rtprop_op_t *op);

/* Tells the group; fail: that it was not judged, for this reason. */
void ngx_rtprop_hub_group_end(ngx_rtprop_hub_doc_t *doc);
void ngx_rtprop_hub_group_fail(ngx_rtprop_hub_doc_t *doc, ngx_int_t rc);

/* Judges the group while the engine holds the document; 0: it cannot. */
ngx_uint_t ngx_rtprop_hub_group_hold(ngx_rtprop_hub_doc_t *doc);

/* While the group writes: refuses others that wait, if they are to be. */
void ngx_rtprop_hub_look(ngx_rtprop_hub_doc_t *doc);

/* Takes out of a group, which has some to write, those that have nothing. */
void ngx_rtprop_hub_group_shed(ngx_rtprop_hub_doc_t *doc);

/* The group has ended: the next one, or none. */
void ngx_rtprop_hub_doc_next(ngx_rtprop_hub_doc_t *doc);

/*
 * While the engine is called, between both, the document stays, and what
 * follows a result that comes at once is left to the loop.
 */
ngx_uint_t ngx_rtprop_hub_doc_hold(ngx_rtprop_hub_doc_t *doc);
void ngx_rtprop_hub_doc_let(ngx_rtprop_hub_doc_t *doc, ngx_uint_t held);

/* Remembers text and version, as far as there is room; and no longer. */
void ngx_rtprop_hub_doc_remember(ngx_rtprop_hub_doc_t *doc);
void ngx_rtprop_hub_doc_forget(ngx_rtprop_hub_doc_t *doc);


#endif /* _NGX_RTPROP_HUB_UPDATE_H_INCLUDED_ */
