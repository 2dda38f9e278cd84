/*
 * Bids read again, newest first: auction:history, GET auctions/{id}/bids.
 */

#include "features/auction/ngx_rtprop_auction.h"
#include "base/rtprop_json.h"


/* Lives in the command's pool. */

typedef struct {
    ngx_rtprop_state_t          state;
    ngx_rtprop_history_t        history;
    ngx_rtprop_cmd_t           *cmd;
    ngx_str_t                   id;
    unsigned                    host:1;     /* may know the users */
} ngx_rtprop_auction_page_t;


static void ngx_rtprop_auction_page(ngx_rtprop_cmd_t *cmd, ngx_str_t *id,
    rtprop_value_t *args, ngx_uint_t host);
static ngx_int_t ngx_rtprop_auction_page_before(ngx_rtprop_cmd_t *cmd,
    rtprop_value_t *arg, uint64_t *before);
static void ngx_rtprop_auction_page_known(ngx_rtprop_op_t *op);
static void ngx_rtprop_auction_page_read(ngx_rtprop_op_t *op);


/* Who has not joined may look, too: the same is in everybody's auction:state */

void
ngx_rtprop_auction_history(ngx_rtprop_cmd_t *cmd)
{
    ngx_str_t  id;

    id = ngx_rtprop_auction_str(cmd->args[0].str);

    ngx_rtprop_auction_page(cmd, &id, &cmd->args[1], 0);
}


void
ngx_rtprop_auction_http_bids(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_auction_page(cmd, &cmd->path[0], cmd->args, 1);
}


/* args: before, limit */

static void
ngx_rtprop_auction_page(ngx_rtprop_cmd_t *cmd, ngx_str_t *id,
    rtprop_value_t *args, ngx_uint_t host)
{
    ngx_rtprop_engine_t        *e;
    ngx_rtprop_auction_page_t  *page;

    page = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_auction_page_t));

    if (page == NULL
        || ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_AUCTION_PREFIX,
                                       id, &page->state.key)
           != NGX_OK
        || ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_AUCTION_BIDS, id,
                                       &page->history.channel)
           != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    if (ngx_rtprop_auction_page_before(cmd, &args[0], &page->history.before)
        != NGX_OK)
    {
        return;
    }

    page->cmd = cmd;
    page->host = host;
    ngx_rtprop_hub_channel_id(&page->state.key, &page->id);

    page->history.tail = 1;
    page->history.limit = args[1].set ? (ngx_uint_t) args[1].i
                                      : NGX_RTPROP_AUCTION_LIMIT;
    page->history.op.done = ngx_rtprop_auction_page_read;
    page->history.op.data = page;
    page->history.op.pool = cmd->pool;

    page->state.op.done = ngx_rtprop_auction_page_known;
    page->state.op.data = page;
    page->state.op.pool = cmd->pool;

    e = cmd->worker->engine;
    e->state_get(e, &page->state);
}


static ngx_int_t
ngx_rtprop_auction_page_before(ngx_rtprop_cmd_t *cmd, rtprop_value_t *arg,
    uint64_t *before)
{
    off_t  n;

    if (!arg->set) {
        return NGX_OK;
    }

    n = ngx_atoof(arg->str.data, arg->str.len);

    if (n > 0) {
        *before = n;
        return NGX_OK;
    }

    ngx_rtprop_refuse(cmd, "invalid_payload", "before must be a bid id",
                      json_pack("{s:s}", "field", "before"));

    return NGX_DECLINED;
}


static void
ngx_rtprop_auction_page_known(ngx_rtprop_op_t *op)
{
    ngx_rtprop_auction_page_t *page = op->data;

    ngx_rtprop_engine_t  *e;

    if (op->rc == NGX_DECLINED) {
        ngx_rtprop_refuse(page->cmd, "not_found", "there is no such auction",
                          NULL);
        return;
    }

    if (op->rc != NGX_OK) {
        ngx_rtprop_refuse_rc(page->cmd, op->rc);
        return;
    }

    e = page->cmd->worker->engine;
    e->history(e, &page->history);
}


static void
ngx_rtprop_auction_page_read(ngx_rtprop_op_t *op)
{
    ngx_rtprop_auction_page_t *page = op->data;

    json_t              *bids, *bid;
    ngx_uint_t           n;
    ngx_rtprop_event_t  *ev;

    if (op->rc != NGX_OK) {
        ngx_rtprop_refuse_rc(page->cmd, op->rc);
        return;
    }

    bids = json_array();
    n = page->history.nevents;

    while (n--) {
        ev = &page->history.events[n];
        bid = json_loadb((char *) ev->payload.data, ev->payload.len, 0, NULL);

        if (bid && !page->host) {
            (void) json_object_del(bid, "user_id");
        }

        (void) json_array_append_new(bids, bid);
    }

    ngx_rtprop_answer(page->cmd, NGX_HTTP_OK, "auction:history",
                      json_pack("{s:s%, s:o, s:b}",
                                "auction_id", (char *) page->id.data,
                                page->id.len, "bids", bids,
                                "has_more", (int) page->history.more),
                      NULL);
}
