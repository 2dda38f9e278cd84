/*
 * Reading history.
 */

#include "engine/shm/ngx_rtprop_shm.h"


typedef struct {
    ngx_rtprop_history_t       *op;
    ngx_rtprop_shm_key_t        key;
} ngx_rtprop_shm_reading_t;


static ngx_int_t ngx_rtprop_shm_history_step(ngx_rtprop_shm_t *shm,
    void *data);
static ngx_int_t ngx_rtprop_shm_history_read(ngx_rtprop_shm_t *shm,
    ngx_rtprop_history_t *op, ngx_rtprop_shm_channel_t *ch);
static ngx_uint_t ngx_rtprop_shm_history_find(ngx_rtprop_shm_t *shm,
    ngx_rtprop_history_t *op, ngx_rtprop_shm_channel_t *ch, uint64_t since,
    ngx_rtprop_ref_t *found);
static ngx_rtprop_ref_t ngx_rtprop_shm_history_start(ngx_rtprop_shm_t *shm,
    ngx_rtprop_history_t *op, ngx_rtprop_shm_channel_t *ch);
static ngx_int_t ngx_rtprop_shm_history_copy(ngx_rtprop_shm_t *shm,
    ngx_rtprop_history_t *op, ngx_rtprop_ref_t ref, ngx_uint_t n);


void
ngx_rtprop_shm_history(ngx_rtprop_engine_t *e, ngx_rtprop_history_t *op)
{
    ngx_rtprop_shm_t          *shm;
    ngx_rtprop_shm_reading_t   reading;

    shm = e->data;
    reading.op = op;

    ngx_rtprop_shm_key(shm, &reading.key, NGX_RTPROP_SHM_CHANNEL,
                       &op->channel);

    /* the ring brings each worker everything */

    if (op->lazy) {
        op->subscribe = 0;
    }

    op->recovered = 0;
    op->more = 0;
    op->events = NULL;
    op->nevents = 0;
    op->offset = 0;
    op->first = 0;

    op->op.rc = ngx_rtprop_shm_transact(shm, ngx_rtprop_shm_history_step,
                                        &reading);
    op->op.done(&op->op);
}


static ngx_int_t
ngx_rtprop_shm_history_step(ngx_rtprop_shm_t *shm, void *data)
{
    ngx_rtprop_shm_reading_t *reading = data;

    ngx_rtprop_ref_t           ref;
    ngx_rtprop_history_t      *op;
    ngx_rtprop_shm_channel_t  *ch;

    op = reading->op;

    if (op->subscribe) {
        ref = ngx_rtprop_shm_channel(shm, &reading->key);

        if (ref == 0 || ngx_rtprop_shm_subscribe(shm, ref) != NGX_OK) {
            return NGX_BUSY;
        }

    } else {
        ref = ngx_rtprop_shm_find(shm, &reading->key);
    }

    ch = ngx_rtprop_shm_ptr(shm, ref);

    if (ch) {
        return ngx_rtprop_shm_history_read(shm, op, ch);
    }

    op->recovered = (op->since == 0
                     && op->epoch == ngx_rtprop_shm_epoch(shm,
                                                         reading->key.hash));
    op->epoch = ngx_rtprop_shm_epoch(shm, reading->key.hash);

    return NGX_OK;
}


static inline ngx_uint_t
ngx_rtprop_shm_history_fits(ngx_rtprop_history_t *op,
    ngx_rtprop_shm_record_t *rec)
{
    return (rec->flags & op->flags) == op->flags
           && (!op->tail || op->before == 0 || rec->id < op->before);
}


/* Offsets have no gaps, so what is missed needs no counting. */

static ngx_int_t
ngx_rtprop_shm_history_read(ngx_rtprop_shm_t *shm, ngx_rtprop_history_t *op,
    ngx_rtprop_shm_channel_t *ch)
{
    uint64_t           since;
    ngx_int_t          rc;
    ngx_uint_t         n, known;
    ngx_rtprop_ref_t   ref;

    ref = 0;
    known = (op->epoch == ch->epoch && op->since <= ch->offset);
    since = (known || op->epoch == 0) ? op->since : 0;

    if (op->limit && (known || op->epoch == 0 || op->tail)) {
        n = ngx_rtprop_shm_history_find(shm, op, ch, since, &ref);
        rc = n ? ngx_rtprop_shm_history_copy(shm, op, ref, n) : NGX_OK;

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (ch->events.first) {
        op->first = ngx_rtprop_shm_event_record(shm, ch->events.first)->offset;
    }

    op->recovered = known && ch->offset - op->since <= op->limit
                    && (op->since == ch->offset
                        || (op->first && op->first <= op->since + 1));
    op->epoch = ch->epoch;
    op->offset = ch->offset;

    return NGX_OK;
}


/*
 * From the newest back: who comes again has missed little.  Returns how many
 * events are to be copied, *found is the first of them.
 */

static ngx_uint_t
ngx_rtprop_shm_history_find(ngx_rtprop_shm_t *shm, ngx_rtprop_history_t *op,
    ngx_rtprop_shm_channel_t *ch, uint64_t since, ngx_rtprop_ref_t *found)
{
    ngx_uint_t                n;
    ngx_rtprop_ref_t          ref;
    ngx_rtprop_shm_record_t  *rec;

    n = 0;
    ref = ngx_rtprop_shm_history_start(shm, op, ch);

    while (ref) {
        rec = ngx_rtprop_shm_event_record(shm, ref);

        if (rec->offset <= since) {
            break;
        }

        if (ngx_rtprop_shm_history_fits(op, rec)) {
            op->more = (n >= op->limit);

            if (op->tail && op->more) {
                break;
            }

            *found = ref;
            n++;
        }

        ref = ngx_rtprop_shm_event_link(shm, ref)->prev;
    }

    return ngx_min(n, op->limit);
}


/*
 * Ahead of an event that is there, whatever the ids: those of one moment may be
 * in another order than offsets.
 */

static ngx_rtprop_ref_t
ngx_rtprop_shm_history_start(ngx_rtprop_shm_t *shm, ngx_rtprop_history_t *op,
    ngx_rtprop_shm_channel_t *ch)
{
    ngx_rtprop_ref_t          ref;
    ngx_rtprop_shm_record_t  *rec;

    ref = (op->tail && op->before) ? ch->events.last : 0;

    for ( /* void */ ; ref; ref = ngx_rtprop_shm_event_link(shm, ref)->prev) {
        rec = ngx_rtprop_shm_event_record(shm, ref);

        if (rec->id == op->before && (rec->flags & op->flags) == op->flags) {
            op->before = 0;
            return ngx_rtprop_shm_event_link(shm, ref)->prev;
        }
    }

    return ch->events.last;
}


/* The next n from ref on that fit. */

static ngx_int_t
ngx_rtprop_shm_history_copy(ngx_rtprop_shm_t *shm, ngx_rtprop_history_t *op,
    ngx_rtprop_ref_t ref, ngx_uint_t n)
{
    size_t             size, len;
    u_char            *p;
    ngx_uint_t         i;
    ngx_rtprop_ref_t   event;

    size = 0;
    event = ref;

    for (i = 0; i < n; event = ngx_rtprop_shm_event_link(shm, event)->next) {
        if (ngx_rtprop_shm_history_fits(op,
                                     ngx_rtprop_shm_event_record(shm, event)))
        {
            size += ngx_rtprop_zone_chain_len(shm->zone, event);
            i++;
        }
    }

    p = ngx_palloc(op->op.pool, size);
    op->events = ngx_palloc(op->op.pool, n * sizeof(ngx_rtprop_event_t));

    if (p == NULL || op->events == NULL) {
        return NGX_ERROR;
    }

    event = ref;

    for (i = 0; i < n; event = ngx_rtprop_shm_event_link(shm, event)->next) {
        if (!ngx_rtprop_shm_history_fits(op,
                                     ngx_rtprop_shm_event_record(shm, event)))
        {
            continue;
        }

        len = ngx_rtprop_zone_chain_len(shm->zone, event);

        ngx_rtprop_zone_chain_read(shm->zone, event,
                                   sizeof(ngx_rtprop_shm_link_t), p);

        if (ngx_rtprop_shm_record_decode(p, len, &op->events[i]) != NGX_OK) {
            return NGX_ERROR;
        }

        p += len;
        i++;
    }

    op->nevents = n;

    return NGX_OK;
}
