/*
 * The resource auctions/{id}: its terms (PUT), its look (GET), and orders to it
 * (POST auctions/{id}/{action}, broadcasts that change it).
 */

#include "features/auction/ngx_rtprop_auction.h"
#include "features/auction/rtprop_auction_doc.h"
#include "features/auction/rtprop_auction_terms.h"


/* Lives in the command's pool. */

typedef struct {
    ngx_rtprop_auction_change_t  change;
    ngx_rtprop_state_t           state;     /* GET */
    ngx_rtprop_cmd_t            *cmd;

    rtprop_auction_terms_t       terms;     /* PUT */
    rtprop_auction_action_e      what;      /* POST */
    int64_t                      arg;
    rtprop_invalid_t             why;

    uint64_t                     version;   /* the one found; 0: none */
    const char                  *code;      /* refused with this */
    const char                  *message;
    json_t                      *body;
    unsigned                     host:1;
    unsigned                     broadcast:1;
} ngx_rtprop_auction_http_t;


static ngx_rtprop_auction_http_t *ngx_rtprop_auction_http_create(
    ngx_rtprop_cmd_t *cmd, ngx_str_t *id);
static void ngx_rtprop_auction_http_cleanup(void *data);
static ngx_int_t ngx_rtprop_auction_put_apply(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now);
static ngx_int_t ngx_rtprop_auction_put_change(ngx_rtprop_auction_http_t *h,
    rtprop_auction_t *a, rtprop_auction_view_t *view);
static ngx_int_t ngx_rtprop_auction_order_apply(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now);
static ngx_int_t ngx_rtprop_auction_order_act(ngx_rtprop_auction_http_t *h,
    rtprop_auction_t *a, rtprop_auction_view_t *view);
static ngx_int_t ngx_rtprop_auction_order_tell(ngx_rtprop_auction_http_t *h,
    rtprop_auction_t *a, rtprop_auction_view_t *view);
static ngx_int_t ngx_rtprop_auction_http_write(ngx_rtprop_auction_http_t *h,
    rtprop_auction_t *a, rtprop_auction_view_t *view);
static ngx_uint_t ngx_rtprop_auction_http_stale(ngx_rtprop_auction_http_t *h,
    uint64_t version);
static void ngx_rtprop_auction_http_done(ngx_rtprop_update_t *update);
static void ngx_rtprop_auction_http_refuse(ngx_rtprop_auction_http_t *h);
static json_t *ngx_rtprop_auction_http_place(ngx_rtprop_auction_http_t *h);
static void ngx_rtprop_auction_http_got(ngx_rtprop_op_t *op);


static ngx_rtprop_auction_http_t *
ngx_rtprop_auction_http_create(ngx_rtprop_cmd_t *cmd, ngx_str_t *id)
{
    ngx_pool_cleanup_t         *cln;
    ngx_rtprop_update_t        *update;
    ngx_rtprop_auction_http_t  *h;

    h = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_auction_http_t));
    cln = ngx_pool_cleanup_add(cmd->pool, 0);

    if (h == NULL || cln == NULL
        || ngx_rtprop_auction_change_init(&h->change, cmd->worker->hub,
                                          cmd->pool, id)
           != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return NULL;
    }

    cln->handler = ngx_rtprop_auction_http_cleanup;
    cln->data = h;

    h->cmd = cmd;
    h->host = 1;
    h->change.arrived = cmd->arrived;

    update = &h->change.update;
    update->done = ngx_rtprop_auction_http_done;

    return h;
}


static void
ngx_rtprop_auction_http_cleanup(void *data)
{
    ngx_rtprop_auction_http_t *h = data;

    rtprop_auction_terms_free(&h->terms);
    json_decref(h->body);
}


/* ------------------------------------------------------------------- put */

void
ngx_rtprop_auction_http_put(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_auction_http_t  *h;

    h = ngx_rtprop_auction_http_create(cmd, &cmd->path[0]);

    if (h == NULL) {
        return;
    }

    if (rtprop_auction_terms_parse(&h->terms, cmd->payload, &h->why)
        != RTPROP_OK)
    {
        h->code = "invalid_payload";
        ngx_rtprop_auction_http_refuse(h);
        return;
    }

    h->change.update.apply = ngx_rtprop_auction_put_apply;

    ngx_rtprop_auction_update(&h->change);
}


static ngx_int_t
ngx_rtprop_auction_put_apply(ngx_rtprop_update_t *update, ngx_str_t *text,
    uint64_t version, int64_t now)
{
    ngx_int_t                   rc;
    rtprop_auction_t           *a;
    rtprop_auction_view_t       view;
    ngx_rtprop_auction_http_t  *h;

    h = update->data;

    a = ngx_rtprop_auction_open(&h->change, text, version, now, &view);

    if (ngx_rtprop_auction_http_stale(h, version)) {
        rtprop_auction_destroy(a);
        return NGX_DECLINED;
    }

    if (version && a == NULL) {
        return NGX_ERROR;
    }

    if (version == 0) {
        a = rtprop_auction_create(&h->terms, now, &h->why);

        if (a == NULL) {
            h->code = "invalid_payload";
            return h->why.field ? NGX_DECLINED : NGX_ERROR;
        }

        rc = NGX_OK;

    } else {
        rc = ngx_rtprop_auction_put_change(h, a, &view);
    }

    if (rc == NGX_OK) {
        rc = ngx_rtprop_auction_tick(&h->change, a, &view);
    }

    if (rc == NGX_OK) {
        rc = ngx_rtprop_auction_http_write(h, a, &view);
    }

    rtprop_auction_destroy(a);

    return rc;
}


/* What the clock has to do comes first; it stays done if the PUT is refused. */

static ngx_int_t
ngx_rtprop_auction_put_change(ngx_rtprop_auction_http_t *h,
    rtprop_auction_t *a, rtprop_auction_view_t *view)
{
    if (ngx_rtprop_auction_tick(&h->change, a, view) != NGX_OK) {
        return NGX_ERROR;
    }

    switch (rtprop_auction_change(a, &h->terms, view->now, &h->why)) {

    case RTPROP_OK:
        return NGX_OK;

    case RTPROP_DECLINED:
        h->code = "conflict";
        h->message = "bidders rely on these terms already";
        break;

    default:

        if (h->why.field == NULL) {
            return NGX_ERROR;
        }

        h->code = "invalid_payload";
    }

    return h->change.ticked ? NGX_OK : NGX_DECLINED;
}


/* ---------------------------------------------------------------- orders */

void
ngx_rtprop_auction_http_act(ngx_rtprop_cmd_t *cmd)
{
    int                      rc;
    int64_t                  arg;
    rtprop_str_t             name;
    rtprop_invalid_t         why;
    rtprop_auction_action_e  what;

    name = ngx_rtprop_auction_pure(&cmd->path[1]);
    rc = rtprop_auction_action_parse(&name, cmd->payload, &what, &arg, &why);

    if (rc == RTPROP_DECLINED) {
        ngx_rtprop_refuse(cmd, "not_found", "an auction knows no such action",
                          NULL);
        return;
    }

    if (rc != RTPROP_OK) {
        ngx_rtprop_refuse(cmd, "invalid_payload", why.message,
                          json_pack("{s:s?}", "field", why.field));
        return;
    }

    ngx_rtprop_auction_order(cmd, &cmd->path[0], what, arg, 0);
}


void
ngx_rtprop_auction_order(ngx_rtprop_cmd_t *cmd, ngx_str_t *id,
    rtprop_auction_action_e what, int64_t arg, ngx_uint_t broadcast)
{
    ngx_rtprop_auction_http_t  *h;

    h = ngx_rtprop_auction_http_create(cmd, id);

    if (h == NULL) {
        return;
    }

    h->what = what;
    h->arg = arg;
    h->broadcast = broadcast;
    h->change.update.apply = ngx_rtprop_auction_order_apply;

    ngx_rtprop_auction_update(&h->change);
}


static ngx_int_t
ngx_rtprop_auction_order_apply(ngx_rtprop_update_t *update, ngx_str_t *text,
    uint64_t version, int64_t now)
{
    ngx_int_t                   rc;
    rtprop_auction_t           *a;
    rtprop_auction_view_t       view;
    ngx_rtprop_auction_http_t  *h;

    h = update->data;

    a = ngx_rtprop_auction_open(&h->change, text, version, now, &view);

    if (ngx_rtprop_auction_http_stale(h, version)) {
        rtprop_auction_destroy(a);
        return NGX_DECLINED;
    }

    if (a == NULL) {
        h->code = version ? NULL : "not_found";
        h->message = "there is no such auction";
        return version ? NGX_ERROR : NGX_DECLINED;
    }

    rc = ngx_rtprop_auction_order_act(h, a, &view);

    if (rc == NGX_OK) {
        rc = ngx_rtprop_auction_http_write(h, a, &view);
    }

    rtprop_auction_destroy(a);

    return rc;
}


static ngx_int_t
ngx_rtprop_auction_order_act(ngx_rtprop_auction_http_t *h,
    rtprop_auction_t *a, rtprop_auction_view_t *view)
{
    int64_t  end;

    if (ngx_rtprop_auction_tick(&h->change, a, view) != NGX_OK) {
        return NGX_ERROR;
    }

    end = a->ends_at;

    switch (rtprop_auction_act(a, h->what, h->arg, view->now, &h->why)) {

    case RTPROP_OK:
        h->change.extended = a->ends_at > end;
        return ngx_rtprop_auction_order_tell(h, a, view);

    case RTPROP_DECLINED:
        h->code = "conflict";
        h->message = "the auction's state does not allow this";
        break;

    default:
        h->code = "invalid_payload";
    }

    return h->change.ticked ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_rtprop_auction_order_tell(ngx_rtprop_auction_http_t *h,
    rtprop_auction_t *a, rtprop_auction_view_t *view)
{
    const char                   *reason;
    ngx_rtprop_auction_change_t  *change;

    change = &h->change;

    switch (h->what) {

    case RTPROP_AUCTION_CANCEL:
    case RTPROP_AUCTION_END:
        return ngx_rtprop_auction_tell_end(change, a, view);

    case RTPROP_AUCTION_RESUME:
        reason = RTPROP_AUCTION_BY_RESUME;
        break;

    default:
        reason = RTPROP_AUCTION_BY_ACTION;
    }

    if (change->extended
        && ngx_rtprop_auction_event(change, "auction:time_extended",
                                    rtprop_auction_extended_payload(a, view,
                                                                    reason))
           == NULL)
    {
        return NGX_ERROR;
    }

    return ngx_rtprop_auction_tell_time(change, a, view);
}


/* ----------------------------------------------------------------- write */

static ngx_int_t
ngx_rtprop_auction_http_write(ngx_rtprop_auction_http_t *h,
    rtprop_auction_t *a, rtprop_auction_view_t *view)
{
    json_decref(h->body);
    h->body = rtprop_auction_resource_json(a, view, 1);

    if (h->body == NULL) {
        return NGX_ERROR;
    }

    return ngx_rtprop_auction_write(&h->change, a);
}


static ngx_uint_t
ngx_rtprop_auction_http_stale(ngx_rtprop_auction_http_t *h, uint64_t version)
{
    h->version = version;
    h->code = NULL;
    h->why.field = NULL;

    if (h->cmd->if_match == 0 || h->cmd->if_match == version) {
        return 0;
    }

    h->code = "conflict";
    h->message = "the auction has changed";

    return 1;
}


/* A refused order may have been preceded by what the clock had to do. */

static void
ngx_rtprop_auction_http_done(ngx_rtprop_update_t *update)
{
    json_t                     *body;
    ngx_rtprop_auction_http_t  *h;

    h = update->data;

    if (update->rc == NGX_OK) {
        ngx_rtprop_auction_committed(&h->change);
    }

    if (h->code && (update->rc == NGX_OK || update->rc == NGX_DECLINED)) {
        h->version = update->rc == NGX_OK ? update->state.version : h->version;
        ngx_rtprop_auction_http_refuse(h);
        return;
    }

    if (update->rc != NGX_OK) {
        ngx_rtprop_refuse_rc(h->cmd, update->rc);
        return;
    }

    h->cmd->version = update->state.version;

    body = h->broadcast ? ngx_rtprop_auction_http_place(h)
                        : json_incref(h->body);

    ngx_rtprop_answer(h->cmd, h->version ? NGX_HTTP_OK : NGX_HTTP_CREATED,
                      "auction", body, NULL);
}


static void
ngx_rtprop_auction_http_refuse(ngx_rtprop_auction_http_t *h)
{
    json_t  *extra;

    extra = NULL;

    if (h->code[0] == 'i') {

        if (h->why.field == NULL) {
            ngx_rtprop_refuse_rc(h->cmd, NGX_ERROR);
            return;
        }

        h->message = h->why.message;
        extra = json_pack("{s:s}", "field", h->why.field);

    } else if (h->code[0] == 'c') {
        extra = json_pack("{s:I}", "version", (json_int_t) h->version);
    }

    ngx_rtprop_refuse(h->cmd, h->code, h->message, extra);
}


/* Of the events that an order made, the last reliable one. */

static json_t *
ngx_rtprop_auction_http_place(ngx_rtprop_auction_http_t *h)
{
    ngx_uint_t  n;

    n = h->change.update.nevents;

    while (n > 1 && h->change.events[n - 1].offset == 0) {
        n--;
    }

    return ngx_rtprop_auction_place(&h->change.events[n - 1]);
}


/* ------------------------------------------------------------------- get */

void
ngx_rtprop_auction_http_get(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_engine_t        *e;
    ngx_rtprop_loc_conf_t      *lcf;
    ngx_rtprop_auction_http_t  *h;

    h = ngx_rtprop_auction_http_create(cmd, &cmd->path[0]);

    if (h == NULL) {
        return;
    }

    /* the request is there: nothing was waited for */

    lcf = ngx_http_get_module_loc_conf(cmd->request, ngx_rtprop_module);

    h->host = !lcf->api_public;
    h->state.key = h->change.update.state.key;
    h->state.op.done = ngx_rtprop_auction_http_got;
    h->state.op.data = h;
    h->state.op.pool = cmd->pool;

    e = cmd->worker->engine;
    e->state_get(e, &h->state);
}


static void
ngx_rtprop_auction_http_got(ngx_rtprop_op_t *op)
{
    ngx_rtprop_auction_http_t *h = op->data;

    json_t                 *body;
    rtprop_auction_t       *a;
    rtprop_auction_view_t   view;

    if (op->rc == NGX_DECLINED) {
        ngx_rtprop_refuse(h->cmd, "not_found", "there is no such auction",
                          NULL);
        return;
    }

    a = (op->rc == NGX_OK) ? rtprop_auction_parse((char *) h->state.value.data,
                                                  h->state.value.len)
                           : NULL;

    if (a == NULL) {
        ngx_rtprop_refuse_rc(h->cmd, op->rc != NGX_OK ? op->rc
                             : ngx_rtprop_hub_unreadable(h->change.hub,
                                                         &h->state.key,
                                                         &h->state.value));
        return;
    }

    view.id = ngx_rtprop_auction_pure(&h->change.id);
    view.version = h->state.version;
    view.now = h->state.now;

    body = rtprop_auction_resource_json(a, &view, h->host);
    h->cmd->version = view.version;

    rtprop_auction_destroy(a);

    ngx_rtprop_answer(h->cmd, NGX_HTTP_OK, "auction", body, NULL);
}
