/*
 * Stands between the hub and its engine, and, with a database, between that
 * engine and the one below ("inner-"): operations pass, fail or are held as
 * files of the folder "gate FOLDER" say; each is written to the file "log".
 *
 *   publish, history, get, put, members, schedule, lease, inner-publish, ...
 *           one line, "VERDICTS KEY": a letter for each operation in their
 *           order, the last for all that follow; KEY (all keys, if missing) is
 *           that of the document, job, lease, set, or the channel
 *             p   passes
 *             k   is answered as done, and passes not
 *             f   fails, b for want of room; it has used its pool
 *             h   is held until the file is another, and judged anew then
 *             a   passes; its answer is held until the file is another
 *   ask     lines "COUNT KEY DUE": a job is put on the schedule; with COUNT
 *           above 1 many, KEY1, KEY2, ...; the file is taken away
 */

#include "hub/ngx_rtprop_hub.h"
#include "store/ngx_rtprop_durable_in.h"


#define GATE_TEXT  1024
#define GATE_POLL  5                        /* ms */


typedef enum {
    GATE_PUBLISH = 0,
    GATE_HISTORY,
    GATE_GET,
    GATE_PUT,
    GATE_MEMBERS,
    GATE_SCHEDULE,
    GATE_LEASE,
    GATE_KINDS
} gate_kind_e;


typedef struct {
    ngx_queue_t            queue;
    gate_kind_e            kind;
    ngx_rtprop_op_t       *op;
    ngx_rtprop_op_pt       done;            /* its answer is held */
    void                  *data;
    u_char                 rule[GATE_TEXT];
    struct gate_s         *gate;
} gate_held_t;


typedef struct {
    u_char                 text[GATE_TEXT];
    ngx_uint_t             n;               /* verdicts given */
} gate_rule_t;


typedef struct gate_s {
    ngx_rtprop_engine_t    engine;          /* ahead of "next" */
    ngx_rtprop_engine_t   *next;
    const char            *name;
    gate_rule_t            rules[GATE_KINDS];
    ngx_queue_t            held;
} gate_t;


static char *gate_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static ngx_int_t gate_init_process(ngx_cycle_t *cycle);


static const char  *gate_names[] = {
    "publish", "history", "get", "put", "members", "schedule", "lease"
};

static gate_t       gate_outer, gate_inner;
static ngx_str_t    gate_dir;
static ngx_event_t  gate_timer;


static ngx_command_t  gate_commands[] = {

    { ngx_string("gate"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      gate_set,
      0,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  gate_module_ctx = {
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
};


ngx_module_t  gate_module = {
    NGX_MODULE_V1,
    &gate_module_ctx,
    gate_commands,
    NGX_HTTP_MODULE,
    NULL,
    NULL,
    gate_init_process,
    NULL, NULL, NULL, NULL,
    NGX_MODULE_V1_PADDING
};


static char *
gate_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t  *value = cf->args->elts;

    gate_dir = value[1];

    return NGX_CONF_OK;
}


/* ------------------------------------------------------------- the files */

/* Gives a file's text without the newline at its end; empty: there is none. */

static void
gate_read(const char *before, const char *name, u_char *text)
{
    int      fd;
    u_char   path[NGX_MAX_PATH];
    ssize_t  n;

    (void) ngx_snprintf(path, sizeof(path), "%V/%s%s%Z", &gate_dir, before,
                        name);

    fd = open((char *) path, O_RDONLY);
    n = (fd == -1) ? 0 : read(fd, text, GATE_TEXT - 1);

    if (fd != -1) {
        (void) close(fd);
    }

    text[n > 0 ? n - (text[n - 1] == '\n') : 0] = '\0';
}


static void
gate_log(gate_t *g, gate_kind_e kind, ngx_str_t *key, uint64_t number,
    const char *said)
{
    int      fd;
    u_char   path[NGX_MAX_PATH], line[GATE_TEXT], *p;

    (void) ngx_snprintf(path, sizeof(path), "%V/log%Z", &gate_dir);
    p = ngx_snprintf(line, sizeof(line), "%P %s%s %V %uL %s\n", ngx_pid,
                     g->name, gate_names[kind], key, number, said);

    fd = open((char *) path, O_WRONLY|O_APPEND|O_CREAT, 0666);

    if (fd != -1) {
        (void) (write(fd, line, p - line) + 1);
        (void) close(fd);
    }
}


/* ------------------------------------------------------------ operations */

static ngx_str_t
gate_key(gate_kind_e kind, void *op)
{
    static ngx_str_t       none = ngx_string("");
    ngx_rtprop_publish_t  *publish = op;

    switch (kind) {
    case GATE_PUBLISH:
        return publish->nevents ? publish->events->channel : none;
    case GATE_HISTORY:
        return ((ngx_rtprop_history_t *) op)->channel;
    case GATE_GET:
    case GATE_PUT:
        return ((ngx_rtprop_state_t *) op)->key;
    case GATE_MEMBERS:
        return ((ngx_rtprop_members_t *) op)->set;
    case GATE_SCHEDULE:
        return ((ngx_rtprop_schedule_t *) op)->key;
    default:
        return ((ngx_rtprop_lease_t *) op)->name;
    }
}


static uint64_t
gate_number(gate_kind_e kind, void *op)
{
    switch (kind) {
    case GATE_PUBLISH:
        return ((ngx_rtprop_publish_t *) op)->nevents;
    case GATE_HISTORY:
        return ((ngx_rtprop_history_t *) op)->since;
    case GATE_PUT:
        return ((ngx_rtprop_state_t *) op)->nevents;
    case GATE_SCHEDULE:
        return ((ngx_rtprop_schedule_t *) op)->due;
    default:
        return 0;
    }
}


static void
gate_pass(gate_t *g, gate_kind_e kind, void *op)
{
    switch (kind) {
    case GATE_PUBLISH:
        g->next->publish(g->next, op);
        break;
    case GATE_HISTORY:
        g->next->history(g->next, op);
        break;
    case GATE_GET:
        g->next->state_get(g->next, op);
        break;
    case GATE_PUT:
        g->next->state_put(g->next, op);
        break;
    case GATE_MEMBERS:
        g->next->members(g->next, op);
        break;
    case GATE_SCHEDULE:
        g->next->schedule(g->next, op);
        break;
    default:
        g->next->lease(g->next, op);
    }
}


static u_char
gate_verdict(gate_t *g, gate_kind_e kind, ngx_str_t *key)
{
    u_char       text[GATE_TEXT], *blank;
    size_t       n, len;
    gate_rule_t  *rule;

    rule = &g->rules[kind];
    gate_read(g->name, gate_names[kind], text);

    if (ngx_strcmp(text, rule->text) != 0) {
        (void) ngx_cpystrn(rule->text, text, GATE_TEXT);
        rule->n = 0;
    }

    blank = (u_char *) ngx_strchr(text, ' ');
    len = blank ? (size_t) (blank - text) : ngx_strlen(text);

    if (len == 0
        || (blank && (ngx_strlen(blank + 1) != key->len
                      || ngx_strncmp(blank + 1, key->data, key->len) != 0)))
    {
        return 'p';
    }

    n = ngx_min(rule->n, len - 1);
    rule->n++;

    return text[n];
}


static gate_held_t *
gate_hold(gate_t *g, gate_kind_e kind, ngx_rtprop_op_t *op)
{
    gate_held_t  *held;

    held = ngx_calloc(sizeof(gate_held_t), ngx_cycle->log);

    if (held == NULL) {
        abort();
    }

    held->gate = g;
    held->kind = kind;
    held->op = op;
    (void) ngx_cpystrn(held->rule, g->rules[kind].text, GATE_TEXT);

    return held;
}


static void
gate_answered(ngx_rtprop_op_t *op)
{
    gate_held_t *held = op->data;

    op->done = held->done;
    op->data = held->data;

    ngx_queue_insert_tail(&held->gate->held, &held->queue);
}


static void
gate_do(gate_t *g, gate_kind_e kind, void *data)
{
    char              said[] = "? used";
    ngx_str_t         key;
    gate_held_t      *held;
    ngx_rtprop_op_t  *op = data;

    key = gate_key(kind, op);
    said[0] = gate_verdict(g, kind, &key);
    said[1] = op->pool->large ? ' ' : '\0';

    gate_log(g, kind, &key, gate_number(kind, op), said);

    switch (said[0]) {

    case 'f':
    case 'b':
        (void) ngx_palloc(op->pool, 65536);
        op->rc = said[0] == 'f' ? NGX_ERROR : NGX_BUSY;
        op->done(op);
        break;

    case 'k':
        op->rc = NGX_OK;
        op->done(op);
        break;

    case 'h':
        held = gate_hold(g, kind, op);
        ngx_queue_insert_tail(&g->held, &held->queue);
        break;

    case 'a':
        held = gate_hold(g, kind, op);
        held->done = op->done;
        held->data = op->data;
        op->done = gate_answered;
        op->data = held;

        /* fall through */

    default:
        gate_pass(g, kind, op);
    }
}


static void
gate_release(gate_t *g)
{
    u_char        text[GATE_TEXT];
    ngx_uint_t    n;
    ngx_queue_t  *q, work;
    gate_held_t  *held;

    if (ngx_queue_empty(&g->held)) {
        return;
    }

    ngx_queue_init(&work);
    ngx_queue_add(&work, &g->held);
    ngx_queue_init(&g->held);

    for (n = 0; !ngx_queue_empty(&work); n++) {
        q = ngx_queue_head(&work);
        ngx_queue_remove(q);
        held = ngx_queue_data(q, gate_held_t, queue);

        gate_read(g->name, gate_names[held->kind], text);

        if (ngx_strcmp(text, held->rule) == 0) {
            ngx_queue_insert_tail(&g->held, &held->queue);
            continue;
        }

        if (held->done) {
            held->op->done(held->op);

        } else {
            gate_do(g, held->kind, held->op);
        }

        ngx_free(held);
    }
}


/* ------------------------------------------------------------------- ask */

static void
gate_ask(ngx_rtprop_hub_t *hub)
{
    char        *line, *next, *key, *due;
    u_char       text[GATE_TEXT], path[NGX_MAX_PATH], buf[256];
    ngx_int_t    i, n;
    ngx_str_t    name;

    gate_read("", "ask", text);

    if (text[0] == '\0') {
        return;
    }

    (void) ngx_snprintf(path, sizeof(path), "%V/ask%Z", &gate_dir);

    if (unlink((char *) path) == -1) {
        return;
    }

    for (line = (char *) text; line; line = next) {
        next = strchr(line, '\n');

        if (next) {
            *next++ = '\0';
        }

        key = strchr(line, ' ') + 1;
        due = strchr(key, ' ');
        *due++ = '\0';
        n = strtol(line, NULL, 10);

        for (i = 1; i <= n; i++) {
            name.data = buf;
            name.len = ngx_sprintf(buf, n > 1 ? "%s%i" : "%s", key, i) - buf;

            ngx_rtprop_hub_schedule(hub, &name, strtoll(due, NULL, 10), NULL);
        }
    }
}


static void
gate_poll(ngx_event_t *ev)
{
    gate_ask(ev->data);
    gate_release(&gate_outer);
    gate_release(&gate_inner);

    ngx_add_timer(ev, GATE_POLL);
}


/* --------------------------------------------------------- the engine's own */

static void
gate_publish(ngx_rtprop_engine_t *e, ngx_rtprop_publish_t *op)
{
    gate_do((gate_t *) e, GATE_PUBLISH, op);
}


static void
gate_history(ngx_rtprop_engine_t *e, ngx_rtprop_history_t *op)
{
    gate_do((gate_t *) e, GATE_HISTORY, op);
}


static void
gate_put(ngx_rtprop_engine_t *e, ngx_rtprop_state_t *op)
{
    gate_do((gate_t *) e, GATE_PUT, op);
}


static void
gate_schedule(ngx_rtprop_engine_t *e, ngx_rtprop_schedule_t *op)
{
    gate_do((gate_t *) e, GATE_SCHEDULE, op);
}


static void
gate_lease(ngx_rtprop_engine_t *e, ngx_rtprop_lease_t *op)
{
    gate_do((gate_t *) e, GATE_LEASE, op);
}


static void
gate_schedule_done(ngx_rtprop_engine_t *e, ngx_str_t *key, uint64_t fence)
{
    gate_t *g = (gate_t *) e;

    gate_log(g, GATE_SCHEDULE, key, fence, "done");
    g->next->schedule_done(g->next, key, fence);
}


static void
gate_unsubscribe(ngx_rtprop_engine_t *e, ngx_str_t *channel, ngx_uint_t n)
{
    gate_t *g = (gate_t *) e;

    g->next->unsubscribe(g->next, channel, n);
}


static void
gate_presence_add(ngx_rtprop_engine_t *e, ngx_rtprop_presence_t *op)
{
    gate_t *g = (gate_t *) e;

    g->next->presence_add(g->next, op);
}


static void
gate_presence_remove(ngx_rtprop_engine_t *e, ngx_rtprop_presence_t *op)
{
    gate_t *g = (gate_t *) e;

    g->next->presence_remove(g->next, op);
}


static void
gate_members(ngx_rtprop_engine_t *e, ngx_rtprop_members_t *op)
{
    gate_do((gate_t *) e, GATE_MEMBERS, op);
}


static void
gate_get(ngx_rtprop_engine_t *e, ngx_rtprop_state_t *op)
{
    gate_do((gate_t *) e, GATE_GET, op);
}


static void
gate_release_lease(ngx_rtprop_engine_t *e, ngx_rtprop_lease_t *op)
{
    gate_t *g = (gate_t *) e;

    g->next->release(g->next, op);
}


static void
gate_counter(ngx_rtprop_engine_t *e, ngx_rtprop_counter_t *op)
{
    gate_t *g = (gate_t *) e;

    g->next->counter(g->next, op);
}


static void
gate_channels(ngx_rtprop_engine_t *e, ngx_rtprop_channels_t *op)
{
    gate_t *g = (gate_t *) e;

    g->next->channels(g->next, op);
}


static const char *
gate_status(ngx_rtprop_engine_t *e)
{
    gate_t *g = (gate_t *) e;

    return g->next->status(g->next);
}


static void
gate_close(ngx_rtprop_engine_t *e)
{
    gate_t *g = (gate_t *) e;

    if (g->next->close) {
        g->next->close(g->next);
    }
}


static ngx_rtprop_engine_t *
gate_before(gate_t *g, ngx_rtprop_engine_t *next, const char *name)
{
    g->next = next;
    g->name = name;
    g->engine = *next;
    g->engine.publish = gate_publish;
    g->engine.history = gate_history;
    g->engine.unsubscribe = gate_unsubscribe;
    g->engine.presence_add = gate_presence_add;
    g->engine.presence_remove = gate_presence_remove;
    g->engine.members = gate_members;
    g->engine.state_get = gate_get;
    g->engine.state_put = gate_put;
    g->engine.lease = gate_lease;
    g->engine.release = gate_release_lease;
    g->engine.schedule = gate_schedule;
    g->engine.schedule_done = gate_schedule_done;
    g->engine.counter = gate_counter;
    g->engine.channels = gate_channels;
    g->engine.status = gate_status;
    g->engine.close = gate_close;

    return &g->engine;
}


static ngx_int_t
gate_init_process(ngx_cycle_t *cycle)
{
    ngx_rtprop_durable_t    *d;
    ngx_rtprop_worker_t     *worker;
    ngx_rtprop_main_conf_t  *rmcf;

    rmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_rtprop_module);
    worker = rmcf->worker;

    ngx_queue_init(&gate_outer.held);
    ngx_queue_init(&gate_inner.held);

    if (worker->engine->durable) {
        d = worker->engine->data;
        d->inner = gate_before(&gate_inner, d->inner, "inner-");
    }

    worker->engine = gate_before(&gate_outer, worker->engine, "");
    worker->hub->engine = worker->engine;

    gate_timer.handler = gate_poll;
    gate_timer.data = worker->hub;
    gate_timer.log = cycle->log;
    gate_timer.cancelable = 1;

    ngx_add_timer(&gate_timer, GATE_POLL);

    return NGX_OK;
}
