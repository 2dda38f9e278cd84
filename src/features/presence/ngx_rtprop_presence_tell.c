/*
 * presence:agent_status to the viewers of the agent's properties.
 *
 * The status is read anew each time: of two changes told by two workers the
 * later telling then says what is, whichever that was.  Only properties that
 * somebody looks at get the event, some in each turn of the loop.
 */

#include "features/presence/ngx_rtprop_presence.h"


#define NGX_RTPROP_PRESENCE_TURN  32    /* properties in one turn */


typedef struct {
    ngx_rtprop_presence_look_t  look;
    ngx_rtprop_hub_t           *hub;
    ngx_pool_t                 *pool;
    ngx_event_t                 turn;
    json_t                     *status;     /* owned */
    ngx_str_t                   text;
    size_t                      next;
    ngx_uint_t                  waiting;
} ngx_rtprop_presence_tell_t;


typedef struct {
    ngx_rtprop_channels_t       channels;
    ngx_rtprop_publish_t        publish;
    ngx_rtprop_event_t          event;
    ngx_rtprop_presence_tell_t *tell;
} ngx_rtprop_presence_one_t;


static void ngx_rtprop_presence_known(ngx_rtprop_presence_look_t *look);
static void ngx_rtprop_presence_turn(ngx_event_t *ev);
static void ngx_rtprop_presence_one(ngx_rtprop_presence_tell_t *t,
    json_t *property);
static void ngx_rtprop_presence_found(ngx_rtprop_op_t *op);
static void ngx_rtprop_presence_published(ngx_rtprop_op_t *op);
static void ngx_rtprop_presence_count(ngx_rtprop_presence_tell_t *t);
static void ngx_rtprop_presence_tell_free(ngx_rtprop_presence_tell_t *t);


void
ngx_rtprop_presence_tell(ngx_rtprop_hub_t *hub, ngx_str_t *agent)
{
    ngx_pool_t                  *pool;
    ngx_rtprop_presence_tell_t  *t;

    pool = ngx_rtprop_hub_pool(hub);

    if (pool == NULL) {
        return;
    }

    t = ngx_pcalloc(pool, sizeof(ngx_rtprop_presence_tell_t));

    if (t) {
        t->hub = hub;
        t->pool = pool;

        t->turn.handler = ngx_rtprop_presence_turn;
        t->turn.data = t;
        t->turn.log = hub->worker->log;

        t->look.hub = hub;
        t->look.pool = pool;
        t->look.done = ngx_rtprop_presence_known;
        t->look.data = t;
        t->look.id.len = agent->len;
        t->look.id.data = ngx_pstrdup(pool, agent);
    }

    if (t == NULL || t->look.id.data == NULL) {
        ngx_rtprop_hub_free_pool(hub, pool);
        return;
    }

    ngx_rtprop_presence_look(&t->look);
}


static void
ngx_rtprop_presence_known(ngx_rtprop_presence_look_t *look)
{
    ngx_rtprop_presence_tell_t *t = look->data;

    t->status = look->status;

    if (look->rc != NGX_OK
        || ngx_rtprop_hub_dump(t->pool, json_incref(t->status), &t->text)
           != NGX_OK)
    {
        ngx_rtprop_presence_tell_free(t);
        return;
    }

    ngx_rtprop_presence_turn(&t->turn);
}


/* One more is waited for than there are, until all of the turn have begun. */

static void
ngx_rtprop_presence_turn(ngx_event_t *ev)
{
    size_t                       end;
    json_t                      *ids;
    ngx_rtprop_presence_tell_t  *t;

    t = ev->data;
    ids = json_object_get(t->status, "property_ids");
    end = ngx_min(t->next + NGX_RTPROP_PRESENCE_TURN, json_array_size(ids));

    t->waiting = end - t->next + 1;

    while (t->next < end) {
        ngx_rtprop_presence_one(t, json_array_get(ids, t->next++));
    }

    ngx_rtprop_presence_count(t);
}


static void
ngx_rtprop_presence_one(ngx_rtprop_presence_tell_t *t, json_t *property)
{
    ngx_str_t                   id;
    ngx_rtprop_engine_t        *e;
    ngx_rtprop_presence_one_t  *one;

    id.data = (u_char *) json_string_value(property);
    id.len = json_string_length(property);

    one = ngx_pcalloc(t->pool, sizeof(ngx_rtprop_presence_one_t));

    if (one == NULL
        || ngx_rtprop_hub_channel_name(t->pool, "property", &id,
                                       &one->event.channel)
           != NGX_OK)
    {
        ngx_rtprop_presence_count(t);
        return;
    }

    one->tell = t;

    one->channels.op.done = ngx_rtprop_presence_found;
    one->channels.op.data = one;
    one->channels.op.pool = t->pool;
    one->channels.prefix = one->event.channel;
    one->channels.exact = 1;
    one->channels.limit = 1;

    e = t->hub->engine;
    e->channels(e, &one->channels);
}


static void
ngx_rtprop_presence_found(ngx_rtprop_op_t *op)
{
    ngx_rtprop_presence_one_t *one = op->data;

    ngx_rtprop_presence_tell_t  *t;

    t = one->tell;

    if (op->rc != NGX_OK || one->channels.nchannels == 0
        || one->channels.channels[0].subscribers == 0)
    {
        ngx_rtprop_presence_count(t);
        return;
    }

    ngx_str_set(&one->event.type, "presence:agent_status");
    one->event.payload = t->text;
    one->event.flags = NGX_RTPROP_EV_VOLATILE;
    one->event.kinds = NGX_RTPROP_SUB_MEMBER;
    one->event.replace = t->look.id;

    one->publish.op.done = ngx_rtprop_presence_published;
    one->publish.op.data = one;
    one->publish.op.pool = t->pool;
    one->publish.events = &one->event;
    one->publish.nevents = 1;

    ngx_rtprop_hub_publish_op(t->hub, &one->publish);
}


static void
ngx_rtprop_presence_published(ngx_rtprop_op_t *op)
{
    ngx_rtprop_presence_one_t *one = op->data;

    ngx_rtprop_presence_stat(one->tell->hub->worker, NGX_RTPROP_PRESENCE_TOLD,
                             op->rc == NGX_OK);

    ngx_rtprop_presence_count(one->tell);
}


static void
ngx_rtprop_presence_count(ngx_rtprop_presence_tell_t *t)
{
    json_t  *ids;

    if (--t->waiting) {
        return;
    }

    ids = json_object_get(t->status, "property_ids");

    if (t->next < json_array_size(ids)) {
        ngx_post_event(&t->turn, &ngx_posted_next_events);
        return;
    }

    ngx_rtprop_presence_tell_free(t);
}


static void
ngx_rtprop_presence_tell_free(ngx_rtprop_presence_tell_t *t)
{
    json_decref(t->status);
    ngx_rtprop_hub_free_pool(t->hub, t->pool);
}
