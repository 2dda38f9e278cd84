/*
 * Broadcasts about a property: a change of what is kept, and the event of it,
 * in one step.
 */

#include "features/property/ngx_rtprop_property.h"


typedef struct {
    ngx_rtprop_update_t         update;
    ngx_rtprop_event_t          event;
    ngx_rtprop_cmd_t           *cmd;
    rtprop_str_t                name;       /* of the event */
    json_t                     *data;       /* borrowed */
    rtprop_invalid_t            why;
} ngx_rtprop_property_news_t;


static void ngx_rtprop_property_news(ngx_rtprop_cmd_t *cmd,
    rtprop_str_t name);
static ngx_int_t ngx_rtprop_property_news_apply(ngx_rtprop_update_t *update,
    ngx_str_t *text, uint64_t version, int64_t now);
static void ngx_rtprop_property_news_done(ngx_rtprop_update_t *update);


void
ngx_rtprop_property_http_broadcast(ngx_rtprop_cmd_t *cmd)
{
    ngx_rtprop_property_news(cmd, cmd->args[2].str);
}


void
ngx_rtprop_property_http_status(ngx_rtprop_cmd_t *cmd)
{
    rtprop_str_t  name = rtprop_string("status_changed");

    ngx_rtprop_property_news(cmd, name);
}


void
ngx_rtprop_property_http_price(ngx_rtprop_cmd_t *cmd)
{
    rtprop_str_t  name = rtprop_string("price_updated");

    ngx_rtprop_property_news(cmd, name);
}


/* The fields of an event are in data, or else beside property_id. */

static void
ngx_rtprop_property_news(ngx_rtprop_cmd_t *cmd, rtprop_str_t name)
{
    ngx_str_t                    id;
    ngx_rtprop_property_news_t  *n;

    id = ngx_rtprop_property_str(cmd->args[0].str);
    n = ngx_pcalloc(cmd->pool, sizeof(ngx_rtprop_property_news_t));

    if (n == NULL
        || ngx_rtprop_hub_channel_name(cmd->pool, NGX_RTPROP_PROPERTY_PREFIX,
                                       &id, &n->update.state.key)
           != NGX_OK)
    {
        ngx_rtprop_refuse_rc(cmd, NGX_ERROR);
        return;
    }

    n->cmd = cmd;
    n->name = name;
    n->data = cmd->args[1].set ? cmd->args[1].json : cmd->payload;

    n->update.state.op.pool = cmd->pool;
    n->update.apply = ngx_rtprop_property_news_apply;
    n->update.done = ngx_rtprop_property_news_done;
    n->update.data = n;

    ngx_rtprop_hub_update(cmd->worker->hub, &n->update);
}


static ngx_int_t
ngx_rtprop_property_news_apply(ngx_rtprop_update_t *update, ngx_str_t *text,
    uint64_t version, int64_t now)
{
    int                          rc;
    json_t                      *doc;
    rtprop_property_event_t      event;
    ngx_rtprop_property_news_t  *n;

    n = update->data;

    doc = version ? rtprop_property_parse((char *) text->data, text->len)
                  : rtprop_property_create();

    if (doc == NULL) {
        return version ? ngx_rtprop_hub_unreadable(n->cmd->worker->hub,
                                                   &update->state.key, text)
                       : NGX_ERROR;
    }

    rc = rtprop_property_broadcast(doc, &n->cmd->args[0].str, &n->name,
                                   n->data, now, &event, &n->why);

    if (rc != RTPROP_OK) {
        json_decref(doc);
        return n->why.field ? NGX_DECLINED : NGX_ERROR;
    }

    if (ngx_rtprop_property_event(n->cmd->pool, &update->state.key, &event,
                                  &n->event)
        != NGX_OK)
    {
        json_decref(doc);
        return NGX_ERROR;
    }

    n->event.arrived = n->cmd->arrived;
    update->events = &n->event;
    update->nevents = 1;

    return ngx_rtprop_hub_dump(n->cmd->pool, doc, &update->value);
}


static void
ngx_rtprop_property_news_done(ngx_rtprop_update_t *update)
{
    u_char                       epoch[16];
    ngx_rtprop_cmd_t            *cmd;
    ngx_rtprop_property_news_t  *n;

    n = update->data;
    cmd = n->cmd;

    if (update->rc == NGX_DECLINED) {
        ngx_rtprop_refuse(cmd, "invalid_payload", n->why.message,
                          json_pack("{s:s}", "field", n->why.field));
        return;
    }

    if (update->rc != NGX_OK) {
        ngx_rtprop_refuse_rc(cmd, update->rc);
        return;
    }

    ngx_rtprop_property_stat(cmd->worker, NGX_RTPROP_PROPERTY_CHANGES, 1);
    ngx_rtprop_hub_epoch_text(n->event.epoch, epoch);

    ngx_rtprop_answer(cmd, NGX_HTTP_OK, "broadcast",
                      json_pack("{s:b, s:s%, s:I}", "success", 1,
                                "epoch", (char *) epoch, (size_t) 16,
                                "offset", (json_int_t) n->event.offset),
                      NULL);
}
