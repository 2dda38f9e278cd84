/*
 * Channels that the inner engine does not know, or knows under an epoch of its
 * own, begin there with the newest of their events.  One that it knows, but has
 * stood still, goes on there.
 */

#include "store/ngx_rtprop_durable_in.h"


typedef struct {
    ngx_queue_t                  queue;    /* of the bucket */
    ngx_queue_t                  waiters;
    ngx_rtprop_durable_read_t    read;
    ngx_rtprop_publish_t         publish;
    ngx_rtprop_durable_t        *d;
    ngx_pool_t                  *pool;
    ngx_rtprop_event_t           position;
    uint32_t                     hash;
} ngx_rtprop_durable_seed_t;


static ngx_rtprop_durable_seed_t *ngx_rtprop_durable_seed_create(
    ngx_rtprop_durable_t *d, ngx_str_t *channel);
static void ngx_rtprop_durable_seed_read(ngx_rtprop_durable_read_t *read);
static void ngx_rtprop_durable_seed_publish(ngx_rtprop_durable_seed_t *seed);
static void ngx_rtprop_durable_seed_told(ngx_rtprop_op_t *op);
static void ngx_rtprop_durable_seed_filled(void *data, ngx_int_t rc);
static void ngx_rtprop_durable_seed_end(ngx_rtprop_durable_seed_t *seed,
    ngx_int_t rc);


/* Whoever comes while a channel is under way waits with the first. */

void
ngx_rtprop_durable_seed(ngx_rtprop_durable_t *d, ngx_str_t *channel,
    ngx_rtprop_durable_waiter_t *waiter)
{
    uint32_t                    hash;
    ngx_queue_t                *q, *bucket;
    ngx_rtprop_durable_seed_t  *seed;

    hash = ngx_murmur_hash2(channel->data, channel->len);
    bucket = &d->seeds[hash % NGX_RTPROP_DURABLE_BUCKETS];

    for (q = ngx_queue_head(bucket);
         q != ngx_queue_sentinel(bucket);
         q = ngx_queue_next(q))
    {
        seed = ngx_queue_data(q, ngx_rtprop_durable_seed_t, queue);

        if (seed->hash == hash && seed->read.channel.len == channel->len
            && ngx_memcmp(seed->read.channel.data, channel->data,
                          channel->len)
               == 0)
        {
            ngx_queue_insert_tail(&seed->waiters, &waiter->queue);
            return;
        }
    }

    seed = ngx_rtprop_durable_seed_create(d, channel);

    if (seed == NULL) {
        waiter->done(waiter->data, NGX_ERROR);
        return;
    }

    seed->hash = hash;
    ngx_queue_insert_tail(bucket, &seed->queue);
    ngx_queue_insert_tail(&seed->waiters, &waiter->queue);

    ngx_rtprop_durable_read(&seed->read);
}


static ngx_rtprop_durable_seed_t *
ngx_rtprop_durable_seed_create(ngx_rtprop_durable_t *d, ngx_str_t *channel)
{
    ngx_pool_t                 *pool;
    ngx_rtprop_durable_seed_t  *seed;

    pool = ngx_rtprop_hub_pool(d->hub);

    if (pool == NULL) {
        return NULL;
    }

    seed = ngx_pcalloc(pool, sizeof(ngx_rtprop_durable_seed_t));

    if (seed) {
        seed->read.channel.len = channel->len;
        seed->read.channel.data = ngx_pstrdup(pool, channel);
    }

    if (seed == NULL || seed->read.channel.data == NULL) {
        ngx_rtprop_hub_free_pool(d->hub, pool);
        return NULL;
    }

    ngx_queue_init(&seed->waiters);

    seed->d = d;
    seed->pool = pool;
    seed->read.d = d;
    seed->read.pool = pool;
    seed->read.upto = NGX_RTPROP_DURABLE_MAX;
    seed->read.count = NGX_RTPROP_DURABLE_SEED;
    seed->read.newest = 1;
    seed->read.place = 1;
    seed->read.done = ngx_rtprop_durable_seed_read;
    seed->read.data = seed;

    return seed;
}


/* Those that end with the top and have no hole between them. */

static void
ngx_rtprop_durable_seed_read(ngx_rtprop_durable_read_t *read)
{
    uint64_t                    next;
    ngx_uint_t                  i;
    ngx_rtprop_durable_seed_t  *seed;

    seed = read->data;

    if (read->rc != NGX_OK || seed->d->epoch == 0) {
        ngx_rtprop_durable_seed_end(seed, NGX_ERROR);
        return;
    }

    next = read->top;

    for (i = read->nevents; i; i--) {
        if (read->events[i - 1].offset != next) {
            break;
        }

        read->events[i - 1].flags |= NGX_RTPROP_EV_QUIET;
        next--;
    }

    seed->publish.events = &read->events[i];
    seed->publish.nevents = read->nevents - i;

    ngx_rtprop_durable_seed_publish(seed);
}


static void
ngx_rtprop_durable_seed_publish(ngx_rtprop_durable_seed_t *seed)
{
    ngx_rtprop_engine_t  *inner;

    if (seed->publish.nevents == 0) {
        seed->position.channel = seed->read.channel;
        seed->position.epoch = seed->d->epoch;
        seed->position.offset = seed->read.top;
        seed->position.time = ngx_rtprop_now();
        seed->position.flags = NGX_RTPROP_EV_POSITION;

        seed->publish.events = &seed->position;
        seed->publish.nevents = 1;
    }

    seed->publish.op.done = ngx_rtprop_durable_seed_told;
    seed->publish.op.data = seed;
    seed->publish.op.pool = seed->pool;
    seed->publish.carried = 1;

    inner = seed->d->inner;
    inner->publish(inner, &seed->publish);
}


/*
 * NGX_DECLINED: it is there, so far back that there are more events in between.
 * NGX_BUSY: there is no room for so many events, so it begins without.
 */

static void
ngx_rtprop_durable_seed_told(ngx_rtprop_op_t *op)
{
    ngx_rtprop_durable_seed_t *seed = op->data;

    if (op->rc == NGX_BUSY && seed->publish.events != &seed->position) {
        seed->publish.nevents = 0;
        ngx_rtprop_durable_seed_publish(seed);
        return;
    }

    if (op->rc == NGX_DECLINED) {
        ngx_rtprop_durable_fill(seed->d, seed->pool, &seed->read.channel,
                                seed->publish.position,
                                ngx_rtprop_durable_seed_filled, seed);
        return;
    }

    if (op->rc == NGX_OK) {
        ngx_rtprop_durable_bump(seed->d, NGX_RTPROP_DURABLE_SEEDED, 1);
    }

    ngx_rtprop_durable_seed_end(seed, op->rc == NGX_OK ? NGX_OK : NGX_ERROR);
}


static void
ngx_rtprop_durable_seed_filled(void *data, ngx_int_t rc)
{
    ngx_rtprop_durable_seed_end(data, rc);
}


static void
ngx_rtprop_durable_seed_end(ngx_rtprop_durable_seed_t *seed, ngx_int_t rc)
{
    ngx_queue_t                  *q;
    ngx_rtprop_durable_waiter_t  *waiter;

    ngx_queue_remove(&seed->queue);

    while (!ngx_queue_empty(&seed->waiters)) {
        q = ngx_queue_head(&seed->waiters);
        ngx_queue_remove(q);

        waiter = ngx_queue_data(q, ngx_rtprop_durable_waiter_t, queue);
        waiter->done(waiter->data, rc);
    }

    ngx_rtprop_hub_free_pool(seed->d->hub, seed->pool);
}
