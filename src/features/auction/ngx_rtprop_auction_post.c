/*
 * POST broadcast/auction: what changes the auction is an order to it, the rest
 * goes out to the room as it was posted.
 */

#include "features/auction/ngx_rtprop_auction.h"
#include "features/auction/rtprop_auction_terms.h"
#include "base/rtprop_json.h"
#include "base/rtprop_payload.h"


#define NGX_RTPROP_AUCTION_COLON  "auction:"


/* Lives in the command's pool. */

typedef struct {
    ngx_rtprop_state_t          state;
    ngx_rtprop_publish_t        publish;
    ngx_rtprop_event_t          event;
    ngx_rtprop_cmd_t           *cmd;
} ngx_rtprop_auction_post_t;


static ngx_int_t ngx_rtprop_auction_post_event(ngx_rtprop_auction_post_t *p,
    rtprop_str_t *name);
static json_t *ngx_rtprop_auction_post_payload(ngx_rtprop_cmd_t *cmd);
static void ngx_rtprop_auction_post_known(ngx_rtprop_op_t *op);
static void ngx_rtprop_auction_post_done(ngx_rtprop_op_t *op);


/* args: auction_id, event, data */

void
ngx_rtprop_auction_http_post(ngx_rtprop_cmd_t *cmd)
{
    int64_t                     arg;
    ngx_str_t                   id;
    rtprop_str_t                name;
    rtprop_invalid_t            why;
    ngx_rtprop_engine_t        *e;
    rtprop_auction_action_e     what;
    ngx_rtprop_auction_post_t  *p;

    id = ngx_rtprop_auction_str(cmd->args[0].str);
    name = cmd->args[1].str;

    switch (rtprop_auction_broadcast_parse(&name, cmd->args[2].json
                                                  ? cmd->args[2].json
                                                  : cmd->payload,
                                           &what, &arg, &why))
    {

    case RTPROP_OK:
        ngx_rtprop_auction_order(cmd, &id, what, arg, 1);
        return;

    case RTPROP_ERROR:
        ngx_rtprop_refuse(cmd, "invalid_payload", why.message,
                          json_pack("{s:s?}", "field", why.field));
        return;
    }

    p = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_auction_post_t));

    if (p == NULL
        || ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_AUCTION_PREFIX,
                                       &id, &p->state.key)
           != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    p->cmd = cmd;

    if (ngx_rtprop_auction_post_event(p, &name) != NGX_OK) {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    if (ngx_rtprop_event_type_own(cmd->worker, &p->event.type)) {
        ngx_rtprop_refuse(cmd, "invalid_payload", NGX_RTPROP_OWN_EVENT,
                          json_pack("{s:s}", "field", "event"));
        return;
    }

    p->state.op.done = ngx_rtprop_auction_post_known;
    p->state.op.data = p;
    p->state.op.pool = cmd->pool;

    e = cmd->worker->engine;
    e->state_get(e, &p->state);
}


/* What is declared and not reliable is volatile when posted, too. */

static ngx_int_t
ngx_rtprop_auction_post_event(ngx_rtprop_auction_post_t *p,
    rtprop_str_t *name)
{
    u_char                   *last;
    ngx_rtprop_event_t       *ev;
    ngx_rtprop_event_type_t  *type;

    ev = &p->event;

    ev->channel = p->state.key;
    ev->arrived = p->cmd->arrived;
    ev->type.data = ngx_pnalloc(p->cmd->pool, sizeof(NGX_RTPROP_AUCTION_COLON)
                                              + name->len);

    if (ev->type.data == NULL) {
        return NGX_ERROR;
    }

    last = ngx_cpymem(ev->type.data, NGX_RTPROP_AUCTION_COLON,
                      sizeof(NGX_RTPROP_AUCTION_COLON) - 1);
    last = ngx_cpymem(last, name->data, name->len);
    ev->type.len = last - ev->type.data;

    type = ngx_rtprop_event_type(p->cmd->worker, &ev->type);

    if (type && !type->reliable) {
        ev->flags = NGX_RTPROP_EV_VOLATILE;
    }

    return ngx_rtprop_hub_dump(p->cmd->pool,
                               ngx_rtprop_auction_post_payload(p->cmd),
                               &ev->payload);
}


/* The members of data, or without it those beside event, after auction_id. */

static json_t *
ngx_rtprop_auction_post_payload(ngx_rtprop_cmd_t *cmd)
{
    json_t  *payload, *posted;

    payload = json_pack("{s:o}", "auction_id",
                        rtprop_payload_str(&cmd->args[0].str));
    posted = cmd->args[2].json ? cmd->args[2].json : cmd->payload;

    if (payload == NULL
        || json_object_update_missing(payload, posted) != 0)
    {
        json_decref(payload);
        return NULL;
    }

    if (cmd->args[2].json == NULL) {
        (void) json_object_del(payload, "event");
        (void) json_object_del(payload, "data");
        (void) json_object_del(payload, "auctionId");
    }

    return payload;
}


static void
ngx_rtprop_auction_post_known(ngx_rtprop_op_t *op)
{
    ngx_rtprop_auction_post_t *p = op->data;

    if (op->rc == NGX_DECLINED) {
        ngx_rtprop_refuse(p->cmd, "not_found", "there is no such auction",
                          NULL);
        return;
    }

    if (op->rc != NGX_OK) {
        ngx_rtprop_refuse_rc(p->cmd, op->rc);
        return;
    }

    p->publish.events = &p->event;
    p->publish.nevents = 1;
    p->publish.op.done = ngx_rtprop_auction_post_done;
    p->publish.op.data = p;
    p->publish.op.pool = p->cmd->pool;

    ngx_rtprop_hub_publish_op(p->cmd->worker->hub, &p->publish);
}


static void
ngx_rtprop_auction_post_done(ngx_rtprop_op_t *op)
{
    ngx_rtprop_auction_post_t *p = op->data;

    if (op->rc != NGX_OK) {
        ngx_rtprop_refuse_rc(p->cmd, op->rc);
        return;
    }

    ngx_rtprop_answer(p->cmd, NGX_HTTP_OK, "auction",
                      ngx_rtprop_auction_place(&p->event), NULL);
}
