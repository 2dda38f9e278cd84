/*
 * The durable engine: the configured engine, with the database as authority.
 *
 * Reliable events of all channels, and documents whose prefixes are registered
 * here, are in PostgreSQL: their writer hears of them after the commit, and
 * then the inner engine carries them to everybody.  All else (volatile events,
 * presence, leases, counters, other documents) is the inner engine's alone.
 *
 * With the database away writes end with NGX_ERROR, and what the inner engine
 * knows can be read on.
 *
 * Features say in preconfiguration where their things are kept; without an
 * rtprop_postgres that has no effect.
 */

#ifndef _NGX_RTPROP_DURABLE_H_INCLUDED_
#define _NGX_RTPROP_DURABLE_H_INCLUDED_


#include "hub/ngx_rtprop_hub.h"
#include "store/ngx_rtprop_store.h"


typedef struct ngx_rtprop_durable_s  ngx_rtprop_durable_t;


/*
 * Documents "{prefix}:{id}".  Two named queries, replaceable:
 *
 *   get   id text -> version bigint, value text, at timestamptz; or no row
 *   put   id text, version bigint, value text, step bigint, not_after
 *         timestamptz, ttl bigint, op bigint, retried boolean
 *         -> done boolean, version bigint, value text, at timestamptz
 *
 * put writes value if the version is the one given (0: there is none), and the
 * database's clock is before not_after (NULL: no matter), raises it by step
 * and says done; value NULL deletes.  Else it gives the version and the value
 * that are there; no row says as much as nothing done.  op is the operation's
 * own number: with retried, it may have been done before, and then that is the
 * answer.  ttl (ms, NULL: for ever) is given when expires is set.
 *
 * lock, which may be NULL, is get once more, and keeps the row from everybody
 * else until the transaction's end; where get or put was replaced, and lock was
 * not, it is left alone.
 *
 * With pair the key is "{prefix}:{length of a}:{a}:{b}", and two texts, a and
 * b, stand in the place of id.  Without get the document is in the table
 * "document", by its whole key.
 */
typedef struct {
    ngx_str_t                  prefix;
    const char                *get;        /* name and text of the query */
    const char                *get_sql;
    const char                *put;
    const char                *put_sql;
    const char                *lock;
    const char                *lock_sql;
    unsigned                   pair:1;
    unsigned                   expires:1;

    /* private from here on */
    ngx_rtprop_query_t        *get_query;
    ngx_rtprop_query_t        *put_query;
    ngx_rtprop_query_t        *lock_query;     /* NULL: there is none */
    ngx_rtprop_query_t        *events_query;   /* put, and events with it */
} ngx_rtprop_durable_document_t;

/* Copies what it is given; its strings must stay.  NGX_ERROR is logged. */
ngx_int_t ngx_rtprop_durable_document_add(ngx_conf_t *cf,
    const ngx_rtprop_durable_document_t *document);


/*
 * Events of one type that come with ev->data are not kept in the table "event"
 * but given to a query of their own, which answers
 *
 *   position bigint, id bigint, created_at timestamptz, known boolean
 *
 * position: the event's, by rtprop.next_position(channel); known: it was
 * there before, as id.  fill() sets the parameters up to the last, which says
 * that the query may have been done before (retried boolean).
 */
typedef struct {
    ngx_str_t                  type;
    ngx_rtprop_query_t        *query;
    ngx_uint_t                 nparams;    /* with the last */
    void                     (*fill)(ngx_rtprop_event_t *ev,
                                 ngx_rtprop_param_t *params);
} ngx_rtprop_durable_feed_t;

ngx_int_t ngx_rtprop_durable_feed_add(ngx_conf_t *cf,
    const ngx_rtprop_durable_feed_t *feed);


/*
 * Where such events of channels "{prefix}:{id}" are read again:
 *
 *   id text, after bigint, upto bigint, before bigint, count bigint, newest
 *   boolean -> position bigint, id bigint, ...
 *
 * at most count, the oldest first, or the newest first, of the positions
 * after < position <= upto; with before those ahead of the event of that id.
 * event() makes an event of a row: all but channel, epoch, offset and id, its
 * texts copied to pool or constant.
 */
typedef struct {
    ngx_str_t                  prefix;
    ngx_rtprop_query_t        *query;
    ngx_uint_t                 flags;      /* all of them have these */
    unsigned                   whole:1;    /* the channel has no others */
    ngx_int_t                (*event)(ngx_pool_t *pool,
                                 ngx_rtprop_result_t *result, ngx_uint_t row,
                                 ngx_str_t *id, ngx_rtprop_event_t *ev);
} ngx_rtprop_durable_source_t;

ngx_int_t ngx_rtprop_durable_source_add(ngx_conf_t *cf,
    const ngx_rtprop_durable_source_t *source);


/*
 * Jobs "{prefix}:..." are kept in the table "job", too.  With due the query
 * tells of those that follow from something else:
 *
 *   from timestamptz, to timestamptz, count bigint
 *   -> key text, due timestamptz, payload text
 */
typedef struct {
    ngx_str_t                  prefix;
    ngx_rtprop_query_t        *due;
} ngx_rtprop_durable_job_t;

ngx_int_t ngx_rtprop_durable_job_add(ngx_conf_t *cf,
    const ngx_rtprop_durable_job_t *job);


/* The core's preconfiguration, and its postconfiguration (store's first). */
ngx_int_t ngx_rtprop_durable_preconfiguration(ngx_conf_t *cf);
ngx_int_t ngx_rtprop_durable_postconfiguration(ngx_conf_t *cf);


/* The durable engine of this worker, or NULL: there is no database. */
ngx_rtprop_durable_t *ngx_rtprop_durable(ngx_rtprop_worker_t *worker);

/*
 * Brings a channel of the inner engine in step with the database: what was
 * committed and not told is told.  Waits for nothing; of a channel in step it
 * changes nothing.
 */
void ngx_rtprop_durable_heal(ngx_rtprop_durable_t *d, ngx_str_t *channel);

/*
 * Does a work that nobody waits for; it was allocated from pool, which is
 * destroyed afterwards, with all that it points at.
 */
void ngx_rtprop_durable_forget(ngx_rtprop_durable_t *d, ngx_pool_t *pool,
    ngx_rtprop_work_t *work);


#endif /* _NGX_RTPROP_DURABLE_H_INCLUDED_ */
