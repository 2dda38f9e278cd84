/*
 * The engine on Redis: workers of all machines meet there.
 */

#include "engine/redis/ngx_rtprop_engine_redis.h"
#include <engine/redis/ngx_rtprop_redis_lua.h>    /* made of scripts/ */


static void ngx_rtprop_er_table(ngx_rtprop_er_t *er);
static void ngx_rtprop_er_scripts_init(ngx_rtprop_er_t *er);
static void ngx_rtprop_er_boot(ngx_rtprop_er_t *er);
static const char *ngx_rtprop_er_status(ngx_rtprop_engine_t *e);
static void ngx_rtprop_er_close(ngx_rtprop_engine_t *e);
static void ngx_rtprop_er_up(void *data);
static void ngx_rtprop_er_down(void *data, const char *why);


/* In the order of ngx_rtprop_er_script_e. */

static const ngx_rtprop_redis_script_t  ngx_rtprop_er_scripts[] = {
    { ngx_string("commit"), ngx_string(NGX_RTPROP_LUA_COMMIT), "" },
    { ngx_string("history"), ngx_string(NGX_RTPROP_LUA_HISTORY), "" },
    { ngx_string("places"), ngx_string(NGX_RTPROP_LUA_PLACES), "" },
    { ngx_string("count"), ngx_string(NGX_RTPROP_LUA_COUNT), "" },
    { ngx_string("channels"), ngx_string(NGX_RTPROP_LUA_CHANNELS), "" },
    { ngx_string("add"), ngx_string(NGX_RTPROP_LUA_ADD), "" },
    { ngx_string("remove"), ngx_string(NGX_RTPROP_LUA_REMOVE), "" },
    { ngx_string("reap"), ngx_string(NGX_RTPROP_LUA_REAP), "" },
    { ngx_string("members"), ngx_string(NGX_RTPROP_LUA_MEMBERS), "" },
    { ngx_string("tick"), ngx_string(NGX_RTPROP_LUA_TICK), "" },
    { ngx_string("gone"), ngx_string(NGX_RTPROP_LUA_GONE), "" },
    { ngx_string("get"), ngx_string(NGX_RTPROP_LUA_GET), "" },
    { ngx_string("counter"), ngx_string(NGX_RTPROP_LUA_COUNTER), "" },
    { ngx_string("lease"), ngx_string(NGX_RTPROP_LUA_LEASE), "" },
    { ngx_string("release"), ngx_string(NGX_RTPROP_LUA_RELEASE), "" },
    { ngx_string("schedule"), ngx_string(NGX_RTPROP_LUA_SCHEDULE), "" },
    { ngx_string("claim"), ngx_string(NGX_RTPROP_LUA_CLAIM), "" },
    { ngx_string("finish"), ngx_string(NGX_RTPROP_LUA_FINISH), "" },
    { ngx_string("unclaim"), ngx_string(NGX_RTPROP_LUA_UNCLAIM), "" }
};


static ngx_rtprop_redis_handler_t  ngx_rtprop_er_handler = {
    ngx_rtprop_er_up,
    ngx_rtprop_er_down,
    ngx_rtprop_er_subscribed,
    ngx_rtprop_er_message
};


ngx_rtprop_engine_t *
ngx_rtprop_engine_redis_create(ngx_rtprop_worker_t *worker,
    ngx_rtprop_hub_t *hub, ngx_rtprop_engine_handler_t *handler)
{
    ngx_str_t                 all;
    ngx_rtprop_er_t          *er;
    ngx_rtprop_er_channel_t  *ch;

    er = ngx_pcalloc(worker->pool, sizeof(ngx_rtprop_er_t));

    if (er == NULL) {
        return NULL;
    }

    er->worker = worker;
    er->hub = hub;
    er->handler = handler;

    er->due.handler = ngx_rtprop_er_schedule_due;
    er->due.data = er;
    er->due.log = worker->log;
    er->due.cancelable = 1;

    ngx_rtprop_er_table(er);
    ngx_rtprop_er_scripts_init(er);
    ngx_rtprop_er_stats(er);
    ngx_rtprop_er_boot(er);
    ngx_rtprop_er_subs_init(er);
    ngx_rtprop_er_members_init(er);

    er->redis = ngx_rtprop_redis_create(worker, &ngx_rtprop_er_handler, er);

    if (er->redis == NULL) {
        return NULL;
    }

    if (ngx_rtprop_er_tick_init(er) != NGX_OK) {
        return NULL;
    }

    /* what is said to all is heard by all, without a subscriber */

    ngx_str_set(&all, "all");
    ch = ngx_rtprop_er_channel(er, &all, 1);

    if (ch == NULL) {
        return NULL;
    }

    ch->all = 1;
    ch->count = 1;

    return &er->engine;
}


static void
ngx_rtprop_er_table(ngx_rtprop_er_t *er)
{
    ngx_rtprop_engine_t  *e;

    e = &er->engine;

    ngx_str_set(&e->name, "redis");
    e->worker = er->worker;
    e->hub = er->hub;
    e->handler = er->handler;
    e->data = er;

    e->publish = ngx_rtprop_er_publish;
    e->history = ngx_rtprop_er_history;
    e->unsubscribe = ngx_rtprop_er_unsubscribe;
    e->presence_add = ngx_rtprop_er_presence_add;
    e->presence_remove = ngx_rtprop_er_presence_remove;
    e->members = ngx_rtprop_er_members;
    e->state_get = ngx_rtprop_er_state_get;
    e->state_put = ngx_rtprop_er_state_put;
    e->lease = ngx_rtprop_er_lease;
    e->release = ngx_rtprop_er_release;
    e->schedule = ngx_rtprop_er_schedule;
    e->schedule_done = ngx_rtprop_er_schedule_done;
    e->counter = ngx_rtprop_er_counter;
    e->channels = ngx_rtprop_er_channels;
    e->status = ngx_rtprop_er_status;
    e->close = ngx_rtprop_er_close;
}


static void
ngx_rtprop_er_scripts_init(ngx_rtprop_er_t *er)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_RTPROP_ER_SCRIPTS; i++) {
        er->scripts[i] = ngx_rtprop_er_scripts[i];
        ngx_rtprop_redis_script_init(&er->scripts[i]);
    }
}


/*
 * Monotonic clocks agree between processes of one boot, wherever they run;
 * without its name those of this worker's zone only.
 */

static void
ngx_rtprop_er_boot(ngx_rtprop_er_t *er)
{
    int      fd;
    u_char   buf[64];
    ssize_t  n;

    n = 0;
    fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY);

    if (fd != -1) {
        n = read(fd, buf, sizeof(buf));
        (void) close(fd);
    }

    er->boot = (n > 0) ? ngx_crc32_short(buf, n) : (uint32_t) ngx_random();
}


static const char *
ngx_rtprop_er_status(ngx_rtprop_engine_t *e)
{
    ngx_rtprop_er_t *er = e->data;

    return ngx_rtprop_redis_status(er->redis);
}


/* ----------------------------------------------------------- up and down */

/*
 * The lease first, so that nobody takes this worker for dead; then what may
 * have been missed; then what Redis may have missed.
 */

static void
ngx_rtprop_er_up(void *data)
{
    ngx_rtprop_er_t *er = data;

    er->up = 1;
    er->away = 0;
    er->since = ngx_current_msec;

    ngx_rtprop_er_lives(er);
    ngx_rtprop_er_places(er, 1);
    ngx_rtprop_er_members_again(er, NGX_RTPROP_ER_AGAIN_UNSAID);
    ngx_rtprop_er_schedule_due(&er->due);
}


static void
ngx_rtprop_er_down(void *data, const char *why)
{
    ngx_rtprop_er_t *er = data;

    if (er->up) {
        ngx_rtprop_er_bump(er, NGX_RTPROP_ER_STAT_AWAY, 1);
    }

    er->up = 0;
    er->away = 1;

    ngx_rtprop_er_subs_down(er);
}


/*
 * The worker ends.  What it still has in presence sets is another's to take
 * out, at once.
 */

static void
ngx_rtprop_er_close(ngx_rtprop_engine_t *e)
{
    ngx_rtprop_er_t *er = e->data;

    ngx_rtprop_er_dies(er, er->generation);
    ngx_rtprop_redis_close(er->redis);
}
