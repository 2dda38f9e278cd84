/*
 * With the inner engine (Redis) away for long, instances exchange through the
 * database: who commits says so by NOTIFY, who listens reads what was
 * committed.  Reliable events only: volatile ones and presence are the inner
 * engine's.  Others may still reach Redis, and say nothing here: so the
 * channels that changed lately are looked at, too.
 *
 * Whoever joins meanwhile is counted here; the inner engine learns of it when
 * it is back.  Then all channels are read again, and compared with the
 * database: the hole is replayed.
 */

#include "store/ngx_rtprop_failover.h"


#define NGX_RTPROP_FAILOVER_TICK     250       /* ms */
#define NGX_RTPROP_FAILOVER_LOOK     1000      /* ms */
#define NGX_RTPROP_FAILOVER_LOOKED   1000      /* channels at a time */
#define NGX_RTPROP_FAILOVER_CHANNEL  "rtprop_event"


/* Joined while the inner engine was away. */

typedef struct {
    ngx_str_node_t             node;
    ngx_queue_t                queue;
    ngx_uint_t                 count;
} ngx_rtprop_failover_join_t;


struct ngx_rtprop_failover_s {
    ngx_rtprop_durable_t      *d;
    ngx_rtprop_watcher_t       watcher;
    ngx_event_t                tick;
    ngx_msec_t                 since;      /* when it went away */

    ngx_msec_t                 looked;     /* at what changed */
    ngx_rtprop_work_t          work;
    ngx_rtprop_statement_t     statement;
    ngx_rtprop_param_t         params[2];

    ngx_rbtree_t               joins;      /* ngx_rtprop_failover_join_t */
    ngx_rbtree_node_t          sentinel;
    ngx_queue_t                queue;

    unsigned                   away:1;
    unsigned                   active:1;
    unsigned                   listens:1;
    unsigned                   looking:1;
};


typedef struct {
    ngx_rtprop_work_t          work;
    ngx_rtprop_statement_t     statement;
    ngx_rtprop_param_t         params[1];
} ngx_rtprop_failover_tell_t;


static void ngx_rtprop_failover_tick(ngx_event_t *ev);
static void ngx_rtprop_failover_begin(ngx_rtprop_failover_t *f);
static void ngx_rtprop_failover_look(ngx_rtprop_failover_t *f);
static void ngx_rtprop_failover_saw(ngx_rtprop_work_t *work);
static void ngx_rtprop_failover_end(ngx_rtprop_failover_t *f);
static void ngx_rtprop_failover_rejoin_all(ngx_rtprop_failover_t *f);
static void ngx_rtprop_failover_rejoin(ngx_rtprop_durable_t *d,
    ngx_str_t *channel);
static void ngx_rtprop_failover_rejoined(ngx_rtprop_op_t *op);
static void ngx_rtprop_failover_listening(void *data, ngx_str_t *channel);
static void ngx_rtprop_failover_notify(void *data, ngx_str_t *channel,
    ngx_str_t *payload);
static ngx_rtprop_failover_join_t *ngx_rtprop_failover_find(
    ngx_rtprop_failover_t *f, ngx_str_t *channel, uint32_t *hash);
static void ngx_rtprop_failover_forget(ngx_rtprop_failover_t *f,
    ngx_rtprop_failover_join_t *join);


static ngx_rtprop_stat_desc_t  ngx_rtprop_failover_stats[] = {

    { ngx_string("rtprop_failover_active"),
      ngx_string("Workers that exchange through the database."),
      NGX_RTPROP_STAT_GAUGE, ngx_null_string, 0 },

    { ngx_string("rtprop_failover_total"),
      ngx_string("Times that a worker began to exchange through it."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_failover_events_total"),
      ngx_string("Events told through the database."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_null_string, ngx_null_string, 0, ngx_null_string, 0 }
};


ngx_int_t
ngx_rtprop_failover_preconfiguration(ngx_conf_t *cf)
{
    ngx_rtprop_durable_conf_t  *conf;

    conf = ngx_rtprop_durable_conf(ngx_rtprop_main_conf(cf));

    if (ngx_rtprop_stat_add(cf, ngx_rtprop_failover_stats) != NGX_OK) {
        return NGX_ERROR;
    }

    conf->told = ngx_rtprop_query_add(cf, "event_told",
        "SELECT pg_notify('" NGX_RTPROP_FAILOVER_CHANNEL "', $1)",
        "told text", "");

    return conf->told ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_rtprop_failover_init(ngx_rtprop_durable_t *d)
{
    ngx_rtprop_failover_t  *f;

    if (d->worker->conf->engine == 0) {
        return NGX_OK;          /* shared memory is never away */
    }

    f = ngx_pcalloc(d->worker->pool, sizeof(ngx_rtprop_failover_t));

    if (f == NULL) {
        return NGX_ERROR;
    }

    f->d = d;

    ngx_rbtree_init(&f->joins, &f->sentinel, ngx_str_rbtree_insert_value);
    ngx_queue_init(&f->queue);

    f->watcher.data = f;
    f->watcher.listening = ngx_rtprop_failover_listening;
    f->watcher.notify = ngx_rtprop_failover_notify;

    f->tick.handler = ngx_rtprop_failover_tick;
    f->tick.data = f;
    f->tick.log = d->worker->log;
    f->tick.cancelable = 1;

    ngx_add_timer(&f->tick, NGX_RTPROP_FAILOVER_TICK);

    d->failover = f;

    return NGX_OK;
}


ngx_uint_t
ngx_rtprop_failover_active(ngx_rtprop_durable_t *d)
{
    return d->failover && d->failover->active;
}


static void
ngx_rtprop_failover_tick(ngx_event_t *ev)
{
    ngx_uint_t              ok;
    ngx_rtprop_failover_t  *f;

    f = ev->data;

    ngx_add_timer(ev, NGX_RTPROP_FAILOVER_TICK);

    ok = ngx_strcmp(f->d->inner->status(f->d->inner), "ok") == 0;

    if (ok) {
        f->away = 0;

        if (f->active) {
            ngx_rtprop_failover_end(f);
        }

        ngx_rtprop_failover_rejoin_all(f);
        return;
    }

    if (!f->away) {
        f->away = 1;
        f->since = ngx_current_msec;
    }

    if (!f->active && f->d->epoch
        && ngx_current_msec - f->since >= f->d->worker->conf->redis_failover
        && ngx_rtprop_store_up(f->d->store))
    {
        ngx_rtprop_failover_begin(f);
    }

    if (f->active && !f->looking
        && ngx_current_msec - f->looked >= NGX_RTPROP_FAILOVER_LOOK)
    {
        ngx_rtprop_failover_look(f);
    }
}


/* What was committed since is read as soon as it listens. */

static void
ngx_rtprop_failover_begin(ngx_rtprop_failover_t *f)
{
    ngx_rtprop_durable_t  *d;

    d = f->d;

    ngx_log_error(NGX_LOG_WARN, d->worker->log, 0,
                  "rtprop: Redis is away, instances exchange through the "
                  "database");

    f->active = 1;

    ngx_rtprop_stat_bump(d->worker, &ngx_rtprop_failover_stats[0], 1);
    ngx_rtprop_stat_bump(d->worker, &ngx_rtprop_failover_stats[1], 1);

    if (!f->listens) {
        f->listens = 1;
        (void) ngx_rtprop_store_listen(d->store, &f->watcher,
                                       NGX_RTPROP_FAILOVER_CHANNEL);
    }

    d->engine.handler->lost(d->hub);
}


static void
ngx_rtprop_failover_end(ngx_rtprop_failover_t *f)
{
    ngx_rtprop_durable_t  *d;

    d = f->d;

    ngx_log_error(NGX_LOG_WARN, d->worker->log, 0,
                  "rtprop: Redis is back, instances exchange through it");

    f->active = 0;

    ngx_rtprop_stat_bump(d->worker, &ngx_rtprop_failover_stats[0], -1);

    d->rearm = 1;

    /* what was committed meanwhile is told to the inner engine, then heard */

    ngx_rtprop_durable_watch(d, 1);

    d->engine.handler->lost(d->hub);
}


static void
ngx_rtprop_failover_look(ngx_rtprop_failover_t *f)
{
    ngx_memzero(&f->work, sizeof(ngx_rtprop_work_t));

    f->params[0] = ngx_rtprop_param_number(0);
    f->params[1] = ngx_rtprop_param_number(NGX_RTPROP_FAILOVER_LOOKED);
    f->statement.query = f->d->conf->changed;
    f->statement.params = f->params;
    f->work.statements = &f->statement;
    f->work.n = 1;
    f->work.done = ngx_rtprop_failover_saw;
    f->work.data = f;

    f->looked = ngx_current_msec;
    f->looking = 1;

    ngx_rtprop_store_do(f->d->store, &f->work);
}


static void
ngx_rtprop_failover_saw(ngx_rtprop_work_t *work)
{
    ngx_rtprop_failover_t *f = work->data;

    ngx_str_t              name;
    ngx_uint_t             i, n;
    ngx_rtprop_durable_t  *d;

    d = f->d;
    f->looking = 0;

    n = (work->rc == NGX_OK && f->active && d->epoch)
        ? ngx_rtprop_result_rows(f->statement.result) : 0;

    for (i = 0; i < n; i++) {
        name = ngx_rtprop_result_text(f->statement.result, i, 0);

        d->engine.handler->behind(d->hub, &name, d->epoch,
                       ngx_rtprop_result_number(f->statement.result, i, 1));
    }
}


/* Whoever fails goes into a new list. */

static void
ngx_rtprop_failover_rejoin_all(ngx_rtprop_failover_t *f)
{
    u_char                       buf[NGX_RTPROP_CHANNEL_MAX];
    ngx_str_t                    name;
    ngx_uint_t                   i, n, count;
    ngx_queue_t                 *q;
    ngx_rtprop_failover_join_t  *join;

    n = 0;

    for (q = ngx_queue_head(&f->queue); q != &f->queue; q = ngx_queue_next(q))
    {
        n++;
    }

    while (n-- && !ngx_queue_empty(&f->queue)) {
        q = ngx_queue_head(&f->queue);
        join = ngx_queue_data(q, ngx_rtprop_failover_join_t, queue);

        count = join->count;
        name.len = ngx_min(join->node.str.len, sizeof(buf));
        name.data = buf;
        ngx_memcpy(buf, join->node.str.data, name.len);

        ngx_rtprop_failover_forget(f, join);

        for (i = 0; i < count; i++) {
            ngx_rtprop_failover_rejoin(f->d, &name);
        }
    }
}


static void
ngx_rtprop_failover_rejoin(ngx_rtprop_durable_t *d, ngx_str_t *channel)
{
    ngx_pool_t            *pool;
    ngx_rtprop_history_t  *history;

    pool = ngx_rtprop_hub_pool(d->hub);
    history = pool ? ngx_pcalloc(pool, sizeof(ngx_rtprop_history_t)) : NULL;

    if (history) {
        history->channel.len = channel->len;
        history->channel.data = ngx_pstrdup(pool, channel);
    }

    if (history == NULL || history->channel.data == NULL) {

        if (pool) {
            ngx_rtprop_hub_free_pool(d->hub, pool);
        }

        return;
    }

    history->op.pool = pool;
    history->op.done = ngx_rtprop_failover_rejoined;
    history->op.data = d;
    history->subscribe = 1;

    d->inner->history(d->inner, history);
}


/* Away again: the next time it is back all places are told anew. */

static void
ngx_rtprop_failover_rejoined(ngx_rtprop_op_t *op)
{
    ngx_rtprop_durable_t *d = op->data;

    ngx_rtprop_history_t  *history;

    history = (ngx_rtprop_history_t *) op;

    if (op->rc == NGX_OK) {

        /* what was committed until it was subscribed is not in Redis yet */

        d->engine.handler->behind(d->hub, &history->channel, d->epoch,
                                  NGX_RTPROP_DURABLE_MAX);

    } else {
        ngx_rtprop_failover_join(d, &history->channel);
    }

    ngx_rtprop_hub_free_pool(d->hub, op->pool);
}


/* ------------------------------------------------------------- exchanging */

/* "offset channel", by whoever committed it. */

void
ngx_rtprop_failover_tell(ngx_rtprop_durable_t *d, ngx_rtprop_event_t *events,
    ngx_uint_t n)
{
    u_char                      *p;
    ngx_str_t                    text;
    ngx_uint_t                   i;
    ngx_pool_t                  *pool;
    ngx_rtprop_failover_tell_t  *tell;

    if (!ngx_rtprop_failover_active(d)) {
        return;
    }

    for (i = 0; i < n; i++) {

        if (events[i].offset == 0) {
            continue;
        }

        pool = ngx_rtprop_hub_pool(d->hub);
        tell = pool ? ngx_pcalloc(pool, sizeof(ngx_rtprop_failover_tell_t))
                    : NULL;
        p = tell ? ngx_pnalloc(pool, events[i].channel.len + 24) : NULL;

        if (p == NULL) {

            if (pool) {
                ngx_rtprop_hub_free_pool(d->hub, pool);
            }

            return;
        }

        text.data = p;
        text.len = ngx_sprintf(p, "%uL %V", events[i].offset,
                               &events[i].channel) - p;

        tell->params[0] = ngx_rtprop_param_text(&text);
        tell->statement.query = d->conf->told;
        tell->statement.params = tell->params;
        tell->work.statements = &tell->statement;
        tell->work.n = 1;
        tell->work.write = 1;

        ngx_rtprop_stat_bump(d->worker, &ngx_rtprop_failover_stats[2], 1);

        ngx_rtprop_durable_forget(d, pool, &tell->work);
    }
}


/* What was told before it listened is lost: all is read. */

static void
ngx_rtprop_failover_listening(void *data, ngx_str_t *channel)
{
    ngx_rtprop_failover_t *f = data;

    if (f->active) {
        f->d->engine.handler->lost(f->d->hub);
    }
}


static void
ngx_rtprop_failover_notify(void *data, ngx_str_t *listened,
    ngx_str_t *payload)
{
    ngx_rtprop_failover_t *f = data;

    u_char                *p;
    ngx_int_t              offset;
    ngx_str_t              channel;
    ngx_rtprop_durable_t  *d;

    d = f->d;
    p = ngx_strlchr(payload->data, payload->data + payload->len, ' ');

    if (!f->active || d->epoch == 0 || p == NULL) {
        return;
    }

    offset = ngx_atoi(payload->data, p - payload->data);
    channel.data = p + 1;
    channel.len = payload->data + payload->len - channel.data;

    if (offset == NGX_ERROR || channel.len == 0
        || channel.len > NGX_RTPROP_CHANNEL_MAX)
    {
        return;
    }

    d->engine.handler->behind(d->hub, &channel, d->epoch, offset);
}


/* ---------------------------------------------------------------- joining */

void
ngx_rtprop_failover_join(ngx_rtprop_durable_t *d, ngx_str_t *channel)
{
    uint32_t                     hash;
    ngx_rtprop_failover_t       *f;
    ngx_rtprop_failover_join_t  *join;

    f = d->failover;
    join = ngx_rtprop_failover_find(f, channel, &hash);

    if (join) {
        join->count++;
        return;
    }

    join = ngx_calloc(sizeof(ngx_rtprop_failover_join_t) + channel->len,
                      d->worker->log);

    if (join == NULL) {
        return;
    }

    join->count = 1;
    join->node.node.key = hash;
    join->node.str.len = channel->len;
    join->node.str.data = (u_char *) (join + 1);
    ngx_memcpy(join->node.str.data, channel->data, channel->len);

    ngx_rbtree_insert(&f->joins, &join->node.node);
    ngx_queue_insert_tail(&f->queue, &join->queue);
}


ngx_uint_t
ngx_rtprop_failover_leave(ngx_rtprop_durable_t *d, ngx_str_t *channel,
    ngx_uint_t n)
{
    uint32_t                     hash;
    ngx_uint_t                   taken;
    ngx_rtprop_failover_join_t  *join;

    if (d->failover == NULL || ngx_queue_empty(&d->failover->queue)) {
        return n;
    }

    join = ngx_rtprop_failover_find(d->failover, channel, &hash);

    if (join == NULL) {
        return n;
    }

    taken = ngx_min(n, join->count);
    join->count -= taken;

    if (join->count == 0) {
        ngx_rtprop_failover_forget(d->failover, join);
    }

    return n - taken;
}


static ngx_rtprop_failover_join_t *
ngx_rtprop_failover_find(ngx_rtprop_failover_t *f, ngx_str_t *channel,
    uint32_t *hash)
{
    *hash = ngx_crc32_long(channel->data, channel->len);

    return (ngx_rtprop_failover_join_t *)
           ngx_str_rbtree_lookup(&f->joins, channel, *hash);
}


static void
ngx_rtprop_failover_forget(ngx_rtprop_failover_t *f,
    ngx_rtprop_failover_join_t *join)
{
    ngx_rbtree_delete(&f->joins, &join->node.node);
    ngx_queue_remove(&join->queue);
    ngx_free(join);
}
