/*
 * What was committed and not told: a worker died between the two, or the inner
 * engine was away.  Channels that changed lately are compared with the inner
 * engine.
 */

#include "store/ngx_rtprop_durable_in.h"


#define NGX_RTPROP_DURABLE_LOOK    10000   /* channels at a time */
#define NGX_RTPROP_DURABLE_LOOKED  30000   /* ms */


typedef struct {
    ngx_rtprop_work_t          work;
    ngx_rtprop_statement_t     statement;
    ngx_rtprop_param_t         params[2];
    ngx_rtprop_durable_t      *d;
    ngx_pool_t                *pool;
    ngx_uint_t                 waiting;
    unsigned                   failed:1;   /* one could not be compared */
} ngx_rtprop_durable_look_t;


typedef struct {
    ngx_rtprop_history_t       history;
    ngx_rtprop_durable_look_t *look;
    uint64_t                   position;
} ngx_rtprop_durable_compare_t;


static void ngx_rtprop_durable_looking(ngx_rtprop_work_t *work);
static void ngx_rtprop_durable_compare(ngx_rtprop_durable_look_t *look,
    ngx_uint_t row);
static void ngx_rtprop_durable_compared(ngx_rtprop_op_t *op);
static void ngx_rtprop_durable_look_end(ngx_rtprop_durable_look_t *look);
static void ngx_rtprop_durable_looked(ngx_rtprop_durable_t *d);


void
ngx_rtprop_durable_watch(ngx_rtprop_durable_t *d, ngx_uint_t all)
{
    ngx_pool_t                 *pool;
    ngx_rtprop_durable_look_t  *look;

    if (d->watching) {
        d->watch_again |= (all != 0);
        return;
    }

    if (d->epoch == 0) {
        return;
    }

    pool = ngx_rtprop_hub_pool(d->hub);
    look = pool ? ngx_pcalloc(pool, sizeof(ngx_rtprop_durable_look_t)) : NULL;

    if (look == NULL) {
        if (pool) {
            ngx_rtprop_hub_free_pool(d->hub, pool);
        }

        return;
    }

    d->watching = 1;

    look->d = d;
    look->pool = pool;
    look->waiting = 1;
    look->params[0].number = all;
    look->params[1].number = NGX_RTPROP_DURABLE_LOOK;
    look->statement.query = d->conf->changed;
    look->statement.params = look->params;
    look->work.statements = &look->statement;
    look->work.n = 1;
    look->work.done = ngx_rtprop_durable_looking;
    look->work.data = look;

    ngx_rtprop_store_do(d->store, &look->work);
}


static void
ngx_rtprop_durable_looking(ngx_rtprop_work_t *work)
{
    ngx_rtprop_durable_look_t *look = work->data;

    ngx_uint_t  i, n;

    look->failed = (work->rc != NGX_OK);
    n = (work->rc == NGX_OK)
        ? ngx_rtprop_result_rows(look->statement.result) : 0;

    for (i = 0; i < n; i++) {
        ngx_rtprop_durable_compare(look, i);
    }

    ngx_rtprop_durable_look_end(look);
}


static void
ngx_rtprop_durable_compare(ngx_rtprop_durable_look_t *look, ngx_uint_t row)
{
    ngx_str_t                      name;
    ngx_rtprop_engine_t           *inner;
    ngx_rtprop_durable_compare_t  *c;

    inner = look->d->inner;
    name = ngx_rtprop_result_text(look->statement.result, row, 0);
    c = ngx_pcalloc(look->pool, sizeof(ngx_rtprop_durable_compare_t));

    if (c == NULL) {
        look->failed = 1;
        return;
    }

    c->look = look;
    c->position = ngx_rtprop_result_number(look->statement.result, row, 1);
    c->history.op.done = ngx_rtprop_durable_compared;
    c->history.op.data = c;
    c->history.op.pool = look->pool;
    c->history.channel.len = name.len;
    c->history.channel.data = ngx_pstrdup(look->pool, &name);

    if (c->history.channel.data == NULL) {
        look->failed = 1;
        return;
    }

    look->waiting++;
    inner->history(inner, &c->history);
}


/*
 * A channel that the inner engine does not know has perhaps listeners all the
 * same, who joined it without making it.
 */

static void
ngx_rtprop_durable_compared(ngx_rtprop_op_t *op)
{
    ngx_rtprop_durable_compare_t *c = op->data;

    ngx_rtprop_durable_t  *d;

    d = c->look->d;

    if (op->rc != NGX_OK) {
        c->look->failed = 1;

    } else if (c->history.epoch != d->epoch
               || c->history.offset < c->position)
    {
        ngx_rtprop_durable_heal(d, &c->history.channel);
    }

    ngx_rtprop_durable_look_end(c->look);
}


/* What could not be compared is still to be looked at by the next. */

static void
ngx_rtprop_durable_look_end(ngx_rtprop_durable_look_t *look)
{
    ngx_rtprop_durable_t  *d;

    if (--look->waiting) {
        return;
    }

    d = look->d;
    d->watching = 0;

    if (!look->failed
        && (d->looked == 0
            || ngx_current_msec - d->looked >= NGX_RTPROP_DURABLE_LOOKED))
    {
        d->looked = ngx_current_msec;
        ngx_rtprop_durable_looked(d);
    }

    ngx_rtprop_hub_free_pool(d->hub, look->pool);

    /* asked for meanwhile: this one may have begun too early to see all */

    if (d->watch_again) {
        d->watch_again = 0;
        ngx_rtprop_durable_watch(d, 1);
    }
}


static void
ngx_rtprop_durable_looked(ngx_rtprop_durable_t *d)
{
    ngx_pool_t                 *pool;
    ngx_rtprop_durable_look_t  *look;

    pool = ngx_rtprop_hub_pool(d->hub);
    look = pool ? ngx_pcalloc(pool, sizeof(ngx_rtprop_durable_look_t)) : NULL;

    if (look == NULL) {
        if (pool) {
            ngx_rtprop_hub_free_pool(d->hub, pool);
        }

        return;
    }

    look->statement.query = d->conf->looked;
    look->work.statements = &look->statement;
    look->work.n = 1;
    look->work.write = 1;

    ngx_rtprop_durable_forget(d, pool, &look->work);
}
