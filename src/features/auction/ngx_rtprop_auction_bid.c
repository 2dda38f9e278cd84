/*
 * auction:bid: judged by the rules on the document as it is, written with all
 * events that tell of it if nobody was quicker, else judged again.
 */

#include "features/auction/ngx_rtprop_auction.h"
#include "features/auction/rtprop_auction_doc.h"
#include "base/rtprop_json.h"
#include "base/rtprop_payload.h"


/* Lives in the command's pool. */

typedef struct {
    ngx_rtprop_auction_change_t  change;
    ngx_rtprop_cmd_t            *cmd;
    rtprop_auction_offer_t       offer;
    rtprop_auction_verdict_t     verdict;
    rtprop_auction_verdict_t     late;      /* said when the end was quicker */
    rtprop_auction_view_t        view;
    json_t                      *accepted;
    u_char                       bid_id[NGX_INT64_LEN];
    unsigned                     known:1;   /* the auction exists */
    unsigned                     judged:1;
} ngx_rtprop_auction_bid_t;


/* A bid that was refused before it came to the auction. */

typedef struct {
    ngx_rtprop_state_t           state;
    ngx_rtprop_cmd_t            *cmd;
    ngx_str_t                    id;
    rtprop_auction_code_e        code;
    json_t                      *extra;
    u_char                       buf[RTPROP_JSON_INT_LEN];
} ngx_rtprop_auction_refusal_t;


static ngx_int_t ngx_rtprop_auction_bid_check(ngx_rtprop_cmd_t *cmd);
static void ngx_rtprop_auction_bid_cleanup(void *data);
static ngx_int_t ngx_rtprop_auction_bid_apply(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now);
static void ngx_rtprop_auction_bid_id(ngx_rtprop_auction_bid_t *b,
    rtprop_auction_t *a);
static ngx_int_t ngx_rtprop_auction_bid_tell(ngx_rtprop_auction_bid_t *b,
    rtprop_auction_t *a);
static ngx_int_t ngx_rtprop_auction_bid_outbid(ngx_rtprop_auction_bid_t *b,
    rtprop_auction_t *a);
static ngx_int_t ngx_rtprop_auction_bid_record(ngx_rtprop_auction_bid_t *b,
    rtprop_auction_t *a);
static void ngx_rtprop_auction_bid_done(ngx_rtprop_update_t *update);
static void ngx_rtprop_auction_bid_reject(ngx_rtprop_cmd_t *cmd,
    rtprop_auction_view_t *view, rtprop_auction_verdict_t *v, json_t *extra);
static void ngx_rtprop_auction_refusal_cleanup(void *data);
static void ngx_rtprop_auction_refusal_read(ngx_rtprop_op_t *op);


/* args: auction_id, amount, max_amount, client_bid_id */

void
ngx_rtprop_auction_bid(ngx_rtprop_cmd_t *cmd)
{
    ngx_str_t                  id;
    ngx_rtprop_hub_t          *hub;
    ngx_pool_cleanup_t        *cln;
    ngx_rtprop_update_t       *update;
    ngx_rtprop_auction_bid_t  *b;

    if (ngx_rtprop_auction_bid_check(cmd) != NGX_OK) {
        return;
    }

    hub = cmd->worker->hub;
    id = ngx_rtprop_auction_str(cmd->args[0].str);

    b = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_auction_bid_t));
    cln = ngx_pool_cleanup_add(cmd->pool, 0);

    if (b == NULL || cln == NULL
        || ngx_rtprop_auction_change_init(&b->change, hub, cmd->pool, &id)
           != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    cln->handler = ngx_rtprop_auction_bid_cleanup;
    cln->data = b;

    update = &b->change.update;
    update->apply = ngx_rtprop_auction_bid_apply;
    update->done = ngx_rtprop_auction_bid_done;
    update->aside = 1;
    update->owner = cmd->session;

    b->cmd = cmd;
    b->change.arrived = cmd->arrived;
    b->offer.user = rtprop_identity_id(cmd->user);
    b->offer.amount = cmd->args[1].i;
    b->offer.client_bid_id = cmd->args[3].str;
    b->offer.absent = (ngx_rtprop_hub_sub(hub, cmd->session,
                                          &update->state.key)
                       == NULL);

    ngx_rtprop_hub_update(hub, update);
}


static ngx_int_t
ngx_rtprop_auction_bid_check(ngx_rtprop_cmd_t *cmd)
{
    const char  *field, *message;

    if (cmd->args[2].set) {
        field = "max_amount";
        message = "max_amount is not possible: there is no proxy bidding";

    } else if (cmd->args[3].str.len > RTPROP_AUCTION_ID_LEN) {
        field = "client_bid_id";
        message = "client_bid_id must be 1 to 64 bytes";

    } else {
        return NGX_OK;
    }

    ngx_rtprop_refuse(cmd, "invalid_payload", message,
                      json_pack("{s:s}", "field", field));

    return NGX_DECLINED;
}


static void
ngx_rtprop_auction_bid_cleanup(void *data)
{
    ngx_rtprop_auction_bid_t *b = data;

    json_decref(b->accepted);
}


/* NGX_DECLINED with judged set: the verdict is the answer. */

static ngx_int_t
ngx_rtprop_auction_bid_apply(ngx_rtprop_update_t *update, ngx_str_t *text,
    uint64_t version, int64_t now)
{
    ngx_int_t                  rc;
    rtprop_auction_t          *a;
    ngx_rtprop_auction_bid_t  *b;

    b = update->data;
    b->known = (version != 0);
    b->judged = 0;

    json_decref(b->accepted);
    b->accepted = NULL;

    a = ngx_rtprop_auction_open(&b->change, text, version, now, &b->view);

    if (a == NULL) {
        return version ? NGX_ERROR : NGX_DECLINED;
    }

    ngx_rtprop_auction_bid_id(b, a);

    rtprop_auction_refuse(&b->late, a, RTPROP_AUCTION_OVER);
    rtprop_auction_bid(a, &b->offer, now, &b->verdict);
    b->judged = 1;

    rc = NGX_DECLINED;

    if (b->verdict.code == RTPROP_AUCTION_ACCEPTED) {
        b->accepted = rtprop_auction_accepted_payload(a, &b->view,
                                                      &b->verdict);
        rc = b->accepted ? NGX_OK : NGX_ERROR;
    }

    if (rc == NGX_OK && b->verdict.duplicate) {
        rc = NGX_DONE;

    } else if (rc == NGX_OK) {
        update->not_after = b->verdict.not_after;
        b->change.extended = b->verdict.extended;
        rc = ngx_rtprop_auction_bid_tell(b, a);
    }

    if (rc == NGX_OK) {
        rc = ngx_rtprop_auction_write(&b->change, a);
    }

    if (b->verdict.code == RTPROP_AUCTION_BELOW_MINIMUM
        || b->verdict.code == RTPROP_AUCTION_ALREADY_HIGHEST)
    {
        ngx_rtprop_auction_keep(&b->change, text, a);

    } else {
        rtprop_auction_destroy(a);
    }

    return rc;
}


/* Each bid of an auction has a higher id than the one before. */

static void
ngx_rtprop_auction_bid_id(ngx_rtprop_auction_bid_t *b, rtprop_auction_t *a)
{
    uint64_t  id;

    id = ngx_rtprop_hub_id_after(b->cmd->worker->hub,
                                 rtprop_auction_last_id(a));

    b->offer.bid_id.data = b->bid_id;
    b->offer.bid_id.len = ngx_sprintf(b->bid_id, "%uL", id) - b->bid_id;
}


static ngx_int_t
ngx_rtprop_auction_bid_tell(ngx_rtprop_auction_bid_t *b, rtprop_auction_t *a)
{
    rtprop_auction_view_t        *view;
    ngx_rtprop_auction_change_t  *change;

    view = &b->view;
    change = &b->change;

    if (ngx_rtprop_auction_event(change, "auction:new_bid",
                                 rtprop_auction_new_bid_payload(a, view,
                                                                &b->verdict))
        == NULL)
    {
        return NGX_ERROR;
    }

    if (b->verdict.extended
        && ngx_rtprop_auction_event(change, "auction:time_extended",
                                    rtprop_auction_extended_payload(a, view,
                                                    RTPROP_AUCTION_BY_BID))
           == NULL)
    {
        return NGX_ERROR;
    }

    if ((b->verdict.extended || b->verdict.started)
        && ngx_rtprop_auction_tell_time(change, a, view) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (b->verdict.outbid && ngx_rtprop_auction_bid_outbid(b, a) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_rtprop_auction_bid_record(b, a);
}


/* To all connections of who was highest, joined or not. */

static ngx_int_t
ngx_rtprop_auction_bid_outbid(ngx_rtprop_auction_bid_t *b,
    rtprop_auction_t *a)
{
    ngx_str_t            user;
    ngx_rtprop_event_t  *ev;

    ev = ngx_rtprop_auction_event(&b->change, "auction:outbid",
                                  rtprop_auction_outbid_payload(a, &b->view,
                                                                &b->verdict));
    if (ev == NULL) {
        return NGX_ERROR;
    }

    user.data = (u_char *) b->verdict.outbid_user;
    user.len = ngx_strlen(user.data);

    return ngx_rtprop_hub_channel_name(b->cmd->pool, "user", &user,
                                       &ev->channel);
}


/* What the history of bids is read from; nobody hears it. */

static ngx_int_t
ngx_rtprop_auction_bid_record(ngx_rtprop_auction_bid_t *b, rtprop_auction_t *a)
{
    json_t              *record;
    ngx_rtprop_event_t  *ev;

    record = rtprop_auction_bid_json(&b->verdict.bid);

    if (record) {
        (void) json_object_set_new(record, "user_id",
                              rtprop_payload_str(&b->offer.user));
    }

    ev = ngx_rtprop_auction_event(&b->change, "auction:bid", record);

    if (ev == NULL) {
        return NGX_ERROR;
    }

    ev->flags = NGX_RTPROP_EV_HIDDEN;
    ev->id = rtprop_auction_last_id(a);
    ev->arrived = 0;

    return ngx_rtprop_hub_channel_name(b->cmd->pool, NGX_RTPROP_AUCTION_BIDS,
                                       &b->change.id, &ev->channel);
}


static void
ngx_rtprop_auction_bid_done(ngx_rtprop_update_t *update)
{
    ngx_rtprop_auction_bid_t *b = update->data;

    ngx_rtprop_cmd_t  *cmd;

    cmd = b->cmd;

    switch (update->rc) {

    case NGX_OK:

        if (b->verdict.extended || b->verdict.started) {
            ngx_rtprop_auction_committed(&b->change);

        } else {
            ngx_rtprop_auction_counted(&b->change);
        }

        ngx_rtprop_auction_count(cmd->worker, b->verdict.duplicate
                                              ? NGX_RTPROP_AUCTION_STAT_REPEATED
                                              : RTPROP_AUCTION_ACCEPTED, 1);

        ngx_rtprop_answer(cmd, NGX_HTTP_OK, "auction:bid_accepted",
                          json_incref(b->accepted), NULL);
        return;

    case NGX_ABORT:
        ngx_rtprop_auction_bid_reject(cmd, &b->view, &b->late, NULL);
        return;

    case NGX_DECLINED:

        if (!b->known) {
            ngx_rtprop_refuse(cmd, "not_found", "there is no such auction",
                              NULL);
            return;
        }

        if (b->judged) {
            ngx_rtprop_auction_bid_reject(cmd, &b->view, &b->verdict, NULL);
            return;
        }
    }

    rtprop_auction_refuse(&b->verdict, NULL, RTPROP_AUCTION_UNAVAILABLE);
    b->view.id = ngx_rtprop_auction_pure(&b->change.id);
    ngx_rtprop_auction_bid_reject(cmd, &b->view, &b->verdict, NULL);
}


static void
ngx_rtprop_auction_bid_reject(ngx_rtprop_cmd_t *cmd,
    rtprop_auction_view_t *view, rtprop_auction_verdict_t *v, json_t *extra)
{
    json_t     *payload, *amount;
    ngx_str_t   id;
    uint64_t    version;

    amount = rtprop_json_get(cmd->payload, "amount");
    payload = rtprop_auction_rejected_payload(view, v, amount);

    if (payload && extra) {
        (void) json_object_update_missing(payload, extra);
    }

    id = ngx_rtprop_auction_str(view->id);
    version = view->version ? view->version - 1 : 0;

    if (v->code == RTPROP_AUCTION_UNAVAILABLE) {
        ngx_rtprop_auction_note(cmd, &id, version, v->code);

    } else if (cmd->worker->engine->durable) {
        ngx_rtprop_auction_audit(cmd, &id, version, v->code, payload);
        return;
    }

    ngx_rtprop_auction_bid_rejected(cmd, v->code, payload);
}


void
ngx_rtprop_auction_bid_rejected(ngx_rtprop_cmd_t *cmd,
    rtprop_auction_code_e code, json_t *payload)
{
    ngx_rtprop_auction_count(cmd->worker, code, 1);

    ngx_rtprop_answer(cmd, NGX_HTTP_OK, "auction:bid_rejected", payload, NULL);
}


void
ngx_rtprop_auction_bid_unaudited(ngx_rtprop_cmd_t *cmd, ngx_str_t *id)
{
    json_t                    *amount;
    rtprop_auction_view_t      view;
    rtprop_auction_verdict_t   v;

    ngx_memzero(&view, sizeof(rtprop_auction_view_t));
    view.id = ngx_rtprop_auction_pure(id);

    rtprop_auction_refuse(&v, NULL, RTPROP_AUCTION_UNAVAILABLE);
    amount = rtprop_json_get(cmd->payload, "amount");

    ngx_rtprop_auction_bid_rejected(cmd, v.code,
                           rtprop_auction_rejected_payload(&view, &v, amount));
}


/* ------------------------------------------- refused before the handler */

void
ngx_rtprop_auction_bid_refused(ngx_rtprop_cmd_t *cmd, const char *code,
    const char *message, json_t *extra)
{
    const char                    *field;
    rtprop_str_t                   id;
    rtprop_auction_code_e          why;
    ngx_pool_cleanup_t            *cln;
    ngx_rtprop_auction_refusal_t  *r;

    field = json_string_value(json_object_get(extra, "field"));

    if (ngx_strcmp(code, "rate_limited") == 0) {
        why = RTPROP_AUCTION_RATE_LIMITED;

    } else if (field && ngx_strcmp(field, "amount") == 0) {
        why = RTPROP_AUCTION_INVALID_AMOUNT;

    } else {
        ngx_rtprop_refuse(cmd, code, message, extra);
        return;
    }

    r = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_auction_refusal_t));
    cln = ngx_pool_cleanup_add(cmd->pool, 0);

    if (r == NULL || cln == NULL
        || (rtprop_json_get_id(cmd->payload, "auction_id", &id, r->buf)
            != RTPROP_OK
            && rtprop_json_get_id(cmd->payload, "id", &id, r->buf)
               != RTPROP_OK
            && rtprop_json_id(cmd->payload, &id, r->buf) != RTPROP_OK))
    {
        ngx_rtprop_refuse(cmd, code, message, extra);
        return;
    }

    cln->handler = ngx_rtprop_auction_refusal_cleanup;
    cln->data = r;

    r->cmd = cmd;
    r->code = why;
    r->extra = extra;
    r->id = ngx_rtprop_auction_str(id);

    if (ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_AUCTION_PREFIX,
                                    &r->id, &r->state.key)
        != NGX_OK)
    {
        ngx_rtprop_refuse(cmd, code, message, NULL);
        return;
    }

    r->state.op.done = ngx_rtprop_auction_refusal_read;
    r->state.op.data = r;
    r->state.op.pool = cmd->pool;

    cmd->worker->engine->state_get(cmd->worker->engine, &r->state);
}


static void
ngx_rtprop_auction_refusal_cleanup(void *data)
{
    ngx_rtprop_auction_refusal_t *r = data;

    json_decref(r->extra);
}


static void
ngx_rtprop_auction_refusal_read(ngx_rtprop_op_t *op)
{
    ngx_rtprop_auction_refusal_t *r = op->data;

    rtprop_auction_t          *a;
    rtprop_auction_view_t      view;
    rtprop_auction_verdict_t   verdict;

    a = (op->rc == NGX_OK) ? rtprop_auction_parse((char *) r->state.value.data,
                                                  r->state.value.len)
                           : NULL;

    view.id = ngx_rtprop_auction_pure(&r->id);
    view.version = r->state.version;
    view.now = r->state.now;

    rtprop_auction_refuse(&verdict, a, r->code);
    rtprop_auction_destroy(a);

    ngx_rtprop_auction_bid_reject(r->cmd, &view, &verdict, r->extra);
}
