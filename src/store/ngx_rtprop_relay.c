/*
 * The relay's cycle: lease, look, take, tell; again at once while there is
 * more, else with the next notification or second.  Who begins to hold the
 * lease says first what nobody may emit, since only the server tells it.
 *
 * Channels are known before their rows are taken, so that their locks are held
 * ahead of all else, as by everybody who writes events.
 */

#include "store/ngx_rtprop_relay.h"
#include "store/ngx_rtprop_durable.h"
#include "store/ngx_rtprop_store.h"
#include "session/ngx_rtprop_command.h"
#include "base/ngx_rtprop_stat.h"
#include <openssl/rand.h>


#define NGX_RTPROP_RELAY_TICK    1000      /* ms */
#define NGX_RTPROP_RELAY_LEASE   10000     /* ms */
#define NGX_RTPROP_RELAY_RENEW   3000      /* ms */
#define NGX_RTPROP_RELAY_ROWS    500       /* of one transaction */


typedef struct {
    ngx_rtprop_query_t        *lease;
    ngx_rtprop_query_t        *own;
    ngx_rtprop_query_t        *peek;
    ngx_rtprop_query_t        *take;
} ngx_rtprop_relay_queries_t;


typedef struct {
    ngx_rtprop_worker_t       *worker;
    ngx_rtprop_durable_t      *durable;
    ngx_rtprop_relay_queries_t  *queries;
    ngx_rtprop_watcher_t       watcher;
    ngx_event_t                tick;
    int64_t                    holder;     /* random, this worker's */
    ngx_msec_t                 renew;      /* when the lease is due */

    ngx_rtprop_work_t          work;       /* one at a time */
    ngx_rtprop_statement_t     statement;
    ngx_rtprop_param_t         params[3];
    ngx_pool_t                *pool;       /* of the channels under way */
    ngx_str_t                 *channels;
    ngx_uint_t                 nchannels;
    ngx_str_t                 *types;      /* that are the server's own */
    ngx_uint_t                 ntypes;

    unsigned                   busy:1;     /* the work is under way */
    unsigned                   held:1;
    unsigned                   again:1;    /* said while it was */
    unsigned                   listens:1;
    unsigned                   said:1;     /* what is the server's own */
} ngx_rtprop_relay_t;


static void ngx_rtprop_relay_tick(ngx_event_t *ev);
static void ngx_rtprop_relay_notify(void *data, ngx_str_t *channel,
    ngx_str_t *payload);
static void ngx_rtprop_relay_listening(void *data, ngx_str_t *channel);
static void ngx_rtprop_relay_run(ngx_rtprop_relay_t *relay);
static void ngx_rtprop_relay_do(ngx_rtprop_relay_t *relay,
    ngx_rtprop_query_t *query, void (*done)(ngx_rtprop_work_t *w));
static ngx_int_t ngx_rtprop_relay_types(ngx_rtprop_relay_t *relay);
static void ngx_rtprop_relay_leased(ngx_rtprop_work_t *w);
static void ngx_rtprop_relay_own(ngx_rtprop_relay_t *relay);
static void ngx_rtprop_relay_owned(ngx_rtprop_work_t *w);
static void ngx_rtprop_relay_holds(ngx_rtprop_relay_t *relay);
static void ngx_rtprop_relay_peeked(ngx_rtprop_work_t *w);
static ngx_int_t ngx_rtprop_relay_channels(ngx_rtprop_relay_t *relay,
    ngx_rtprop_result_t *result);
static void ngx_rtprop_relay_taken(ngx_rtprop_work_t *w);
static void ngx_rtprop_relay_heal(ngx_rtprop_relay_t *relay);
static void ngx_rtprop_relay_free(ngx_rtprop_relay_t *relay);


typedef enum {
    NGX_RTPROP_RELAY_EVENTS = 0,
    NGX_RTPROP_RELAY_REFUSED,
    NGX_RTPROP_RELAY_BATCHES,
    NGX_RTPROP_RELAY_LAG,
    NGX_RTPROP_RELAY_AGE,
    NGX_RTPROP_RELAY_HELD
} ngx_rtprop_relay_stat_e;


static ngx_rtprop_stat_desc_t  ngx_rtprop_relay_stats[] = {

    { ngx_string("rtprop_relay_events_total"),
      ngx_string("Events of the outbox that were told."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_relay_refused_total"),
      ngx_string("Rows of the outbox that were set aside, untold."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_relay_batches_total"),
      ngx_string("Transactions in which the relay took events."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_relay_lag_seconds"),
      ngx_string("Time from rtprop.emit() to the event, the oldest one's."),
      NGX_RTPROP_STAT_HISTOGRAM, ngx_null_string, 0 },

    { ngx_string("rtprop_relay_age_milliseconds"),
      ngx_string("Age of the oldest event in the outbox."),
      NGX_RTPROP_STAT_GAUGE, ngx_null_string, 0 },

    { ngx_string("rtprop_relay_held"),
      ngx_string("Whether a worker here relays."),
      NGX_RTPROP_STAT_GAUGE, ngx_null_string, 0 },

    { ngx_null_string, ngx_null_string, 0, ngx_null_string, 0 }
};


ngx_int_t
ngx_rtprop_relay_preconfiguration(ngx_conf_t *cf)
{
    ngx_rtprop_relay_queries_t  *q;

    q = ngx_pcalloc(cf->pool, sizeof(ngx_rtprop_relay_queries_t));

    if (q == NULL
        || ngx_rtprop_stat_add(cf, ngx_rtprop_relay_stats) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_rtprop_main_conf(cf)->relay = q;

    q->lease = ngx_rtprop_query_add(cf, "relay_lease",
        "SELECT rtprop.lease_take('relay', $1, $2) AS held",
        "holder bigint, ttl bigint", "held boolean");

    q->peek = ngx_rtprop_query_add(cf, "relay_peek",
        "SELECT * FROM rtprop.outbox_peek($1)",
        "count bigint", "channel text, age bigint");

    q->take = ngx_rtprop_query_add(cf, "relay_take",
        "SELECT * FROM rtprop.outbox_tell($1, $2, $3)",
        "holder bigint, channels text[], count bigint",
        "events bigint, refused bigint");

    q->own = ngx_rtprop_query_add(cf, "relay_own",
        "SELECT rtprop.own_types($1)", "types text[]", "");

    return q->lease && q->peek && q->take && q->own ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_rtprop_relay_init_worker(ngx_rtprop_worker_t *worker)
{
    ngx_rtprop_relay_t  *relay;

    if (worker->store == NULL || ngx_rtprop_durable(worker) == NULL) {
        return NGX_OK;
    }

    relay = ngx_pcalloc(worker->pool, sizeof(ngx_rtprop_relay_t));

    if (relay != NULL) {
        relay->worker = worker;
    }

    if (relay == NULL || ngx_rtprop_relay_types(relay) != NGX_OK
        || RAND_bytes((u_char *) &relay->holder, sizeof(int64_t)) != 1)
    {
        return NGX_ERROR;
    }

    relay->holder &= 0x7fffffffffffffffLL;
    relay->durable = ngx_rtprop_durable(worker);
    relay->queries = worker->conf->relay;
    relay->renew = ngx_current_msec;

    relay->watcher.data = relay;
    relay->watcher.notify = ngx_rtprop_relay_notify;
    relay->watcher.listening = ngx_rtprop_relay_listening;

    relay->tick.handler = ngx_rtprop_relay_tick;
    relay->tick.data = relay;
    relay->tick.log = worker->log;
    relay->tick.cancelable = 1;

    ngx_add_timer(&relay->tick, NGX_RTPROP_RELAY_TICK / 10);

    return ngx_rtprop_store_watch(worker->store, &relay->watcher);
}


static ngx_int_t
ngx_rtprop_relay_types(ngx_rtprop_relay_t *relay)
{
    ngx_uint_t                 i, n;
    ngx_rtprop_event_type_t  **type;

    n = relay->worker->conf->events.nelts;
    type = relay->worker->conf->events.elts;

    relay->types = ngx_palloc(relay->worker->pool, n * sizeof(ngx_str_t));

    if (relay->types == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (type[i]->own) {
            relay->types[relay->ntypes++] = type[i]->type;
        }
    }

    return NGX_OK;
}


/* A quitting worker leaves its lease to the others: it ends by itself. */

static void
ngx_rtprop_relay_tick(ngx_event_t *ev)
{
    ngx_rtprop_relay_t  *relay;

    relay = ev->data;

    if (ngx_exiting || ngx_terminate) {
        return;
    }

    ngx_add_timer(ev, NGX_RTPROP_RELAY_TICK);

    ngx_rtprop_relay_run(relay);
}


static void
ngx_rtprop_relay_notify(void *data, ngx_str_t *channel, ngx_str_t *payload)
{
    ngx_rtprop_relay_t *relay = data;

    if (relay->held) {
        ngx_rtprop_relay_run(relay);
    }
}


static void
ngx_rtprop_relay_listening(void *data, ngx_str_t *channel)
{
    ngx_rtprop_relay_run(data);
}


static void
ngx_rtprop_relay_run(ngx_rtprop_relay_t *relay)
{
    if (relay->busy) {
        relay->again = 1;
        return;
    }

    relay->again = 0;

    if (!ngx_rtprop_store_up(relay->worker->store)) {
        return;
    }

    if ((ngx_msec_int_t) (ngx_current_msec - relay->renew) >= 0) {
        relay->renew = ngx_current_msec + NGX_RTPROP_RELAY_RENEW;
        relay->params[0] = ngx_rtprop_param_number(relay->holder);
        relay->params[1] = ngx_rtprop_param_number(NGX_RTPROP_RELAY_LEASE);
        relay->work.write = 1;

        ngx_rtprop_relay_do(relay, relay->queries->lease,
                            ngx_rtprop_relay_leased);
        return;
    }

    if (!relay->held) {
        return;
    }

    relay->work.write = 0;

    relay->params[0] = ngx_rtprop_param_number(NGX_RTPROP_RELAY_ROWS);

    ngx_rtprop_relay_do(relay, relay->queries->peek,
                        ngx_rtprop_relay_peeked);
}


static void
ngx_rtprop_relay_do(ngx_rtprop_relay_t *relay, ngx_rtprop_query_t *query,
    void (*done)(ngx_rtprop_work_t *w))
{
    relay->busy = 1;

    relay->statement.query = query;
    relay->statement.params = relay->params;
    relay->work.statements = &relay->statement;
    relay->work.n = 1;
    relay->work.locks = relay->channels;
    relay->work.nlocks = relay->nchannels;
    relay->work.done = done;
    relay->work.data = relay;

    ngx_rtprop_store_do(relay->worker->store, &relay->work);
}


/* Whoever holds it listens from then on, and looks at once. */

static void
ngx_rtprop_relay_leased(ngx_rtprop_work_t *w)
{
    ngx_uint_t           held;
    ngx_rtprop_relay_t  *relay;

    relay = w->data;
    relay->busy = 0;

    held = w->rc == NGX_OK
           && ngx_rtprop_result_rows(relay->statement.result) == 1
           && ngx_rtprop_result_number(relay->statement.result, 0, 0);

    if (held != relay->held) {
        ngx_rtprop_stat_bump(relay->worker,
                             &ngx_rtprop_relay_stats[NGX_RTPROP_RELAY_HELD],
                             held ? 1 : -1);
        relay->held = held;
    }

    if (!held) {
        relay->said = 0;
        return;
    }

    if (!relay->said) {
        ngx_rtprop_relay_own(relay);
        return;
    }

    ngx_rtprop_relay_holds(relay);
}


static void
ngx_rtprop_relay_own(ngx_rtprop_relay_t *relay)
{
    ngx_memzero(relay->params, sizeof(relay->params));

    relay->params[0].texts = relay->types;
    relay->params[0].n = relay->ntypes;
    relay->work.write = 1;

    ngx_rtprop_relay_do(relay, relay->queries->own, ngx_rtprop_relay_owned);
}


/* What is emitted is told all the same; it is said again with the lease. */

static void
ngx_rtprop_relay_owned(ngx_rtprop_work_t *w)
{
    ngx_rtprop_relay_t  *relay;

    relay = w->data;
    relay->busy = 0;
    relay->said = (w->rc == NGX_OK);

    ngx_rtprop_relay_holds(relay);
}


static void
ngx_rtprop_relay_holds(ngx_rtprop_relay_t *relay)
{
    if (!relay->listens) {
        relay->listens = 1;
        (void) ngx_rtprop_store_listen(relay->worker->store, &relay->watcher,
                                       "rtprop_outbox");
    }

    ngx_rtprop_relay_run(relay);
}


static void
ngx_rtprop_relay_peeked(ngx_rtprop_work_t *w)
{
    int64_t              age;
    ngx_uint_t           i, n;
    ngx_rtprop_relay_t  *relay;

    relay = w->data;
    relay->busy = 0;

    if (w->rc != NGX_OK) {
        return;
    }

    n = ngx_rtprop_result_rows(relay->statement.result);
    age = 0;

    for (i = 0; i < n; i++) {
        age = ngx_max(age, ngx_rtprop_result_number(relay->statement.result,
                                                    i, 1));
    }

    ngx_rtprop_stat_bump(relay->worker,
        &ngx_rtprop_relay_stats[NGX_RTPROP_RELAY_AGE],
        age - ngx_rtprop_stat_value(relay->worker,
                           &ngx_rtprop_relay_stats[NGX_RTPROP_RELAY_AGE]));

    if (n == 0) {

        if (relay->again) {
            ngx_rtprop_relay_run(relay);
        }

        return;
    }

    ngx_rtprop_stat_observe(relay->worker,
                            &ngx_rtprop_relay_stats[NGX_RTPROP_RELAY_LAG],
                            age * 1000);

    if (ngx_rtprop_relay_channels(relay, relay->statement.result) != NGX_OK) {
        ngx_rtprop_relay_free(relay);
        return;
    }

    ngx_memzero(relay->params, sizeof(relay->params));

    relay->params[0].number = relay->holder;
    relay->params[1].texts = relay->channels;
    relay->params[1].n = relay->nchannels;
    relay->params[2].number = NGX_RTPROP_RELAY_ROWS;
    relay->work.write = 1;

    ngx_rtprop_relay_do(relay, relay->queries->take,
                        ngx_rtprop_relay_taken);
}


static ngx_int_t
ngx_rtprop_relay_channels(ngx_rtprop_relay_t *relay,
    ngx_rtprop_result_t *result)
{
    ngx_str_t   name;
    ngx_uint_t  i, n;

    n = ngx_rtprop_result_rows(result);

    relay->pool = ngx_create_pool(4096, relay->worker->log);

    if (relay->pool == NULL) {
        return NGX_ERROR;
    }

    relay->channels = ngx_palloc(relay->pool, n * sizeof(ngx_str_t) + 1);

    if (relay->channels == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        name = ngx_rtprop_result_text(result, i, 0);

        relay->channels[i].len = name.len;
        relay->channels[i].data = ngx_pstrdup(relay->pool, &name);

        if (relay->channels[i].data == NULL) {
            return NGX_ERROR;
        }

        relay->nchannels++;
    }

    return NGX_OK;
}


/* Whatever became of it: what is committed is told. */

static void
ngx_rtprop_relay_taken(ngx_rtprop_work_t *w)
{
    int64_t              events, refused;
    ngx_rtprop_relay_t  *relay;

    relay = w->data;
    relay->busy = 0;

    events = 0;
    refused = 0;

    if (w->rc == NGX_OK
        && ngx_rtprop_result_rows(relay->statement.result) == 1)
    {
        events = ngx_rtprop_result_number(relay->statement.result, 0, 0);
        refused = ngx_rtprop_result_number(relay->statement.result, 0, 1);
    }

    if (refused) {
        ngx_log_error(NGX_LOG_WARN, relay->worker->log, 0,
                      "rtprop: %L rows of the outbox are in "
                      "rtprop.outbox_refused: what they say is told by the "
                      "server alone", refused);
        ngx_rtprop_stat_bump(relay->worker,
                             &ngx_rtprop_relay_stats[NGX_RTPROP_RELAY_REFUSED],
                             refused);
    }

    ngx_rtprop_stat_bump(relay->worker,
                         &ngx_rtprop_relay_stats[NGX_RTPROP_RELAY_EVENTS],
                         events);
    ngx_rtprop_stat_bump(relay->worker,
                         &ngx_rtprop_relay_stats[NGX_RTPROP_RELAY_BATCHES],
                         events ? 1 : 0);

    ngx_rtprop_relay_heal(relay);
    ngx_rtprop_relay_free(relay);

    if (events || refused) {
        ngx_rtprop_relay_run(relay);
    }
}


static void
ngx_rtprop_relay_heal(ngx_rtprop_relay_t *relay)
{
    ngx_uint_t  i;

    for (i = 0; i < relay->nchannels; i++) {
        ngx_rtprop_durable_heal(relay->durable, &relay->channels[i]);
    }
}


static void
ngx_rtprop_relay_free(ngx_rtprop_relay_t *relay)
{
    if (relay->pool) {
        ngx_destroy_pool(relay->pool);
    }

    relay->pool = NULL;
    relay->channels = NULL;
    relay->nchannels = 0;
}
