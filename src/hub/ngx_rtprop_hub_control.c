/*
 * What hubs tell one another: users to be disconnected, or taken out of a
 * channel, and where a channel stands.
 */

#include "hub/ngx_rtprop_hub.h"
#include "hub/ngx_rtprop_hub_channel.h"
#include "hub/ngx_rtprop_hub_deliver.h"


static void ngx_rtprop_hub_control_send(ngx_rtprop_hub_t *hub,
    ngx_str_t *channel, const char *type, json_t *payload);
static void ngx_rtprop_hub_kicked(ngx_rtprop_channel_t *ch, json_t *reason);
static void ngx_rtprop_hub_expelled(ngx_rtprop_hub_t *hub,
    ngx_rtprop_channel_t *ch, json_t *users);
static void ngx_rtprop_hub_stands(ngx_rtprop_hub_t *hub,
    ngx_rtprop_channel_t *ch, ngx_str_t *name, json_t *place);


void
ngx_rtprop_hub_kick(ngx_rtprop_hub_t *hub, ngx_str_t *user, const char *reason)
{
    u_char     buf[NGX_RTPROP_CHANNEL_MAX];
    ngx_str_t  name;

    if (user->len > NGX_RTPROP_NAME_MAX) {
        return;
    }

    name.data = buf;
    name.len = ngx_sprintf(buf, "user:%V", user) - buf;

    ngx_rtprop_hub_control_send(hub, &name, NGX_RTPROP_CONTROL_KICK,
                                json_pack("{s:s}", "reason", reason));
}


void
ngx_rtprop_hub_expel(ngx_rtprop_hub_t *hub, ngx_str_t *channel, json_t *users)
{
    ngx_rtprop_hub_control_send(hub, channel, NGX_RTPROP_CONTROL_EXPEL,
                                json_pack("{s:o}", "users", users));
}


void
ngx_rtprop_hub_moved(ngx_rtprop_hub_t *hub, ngx_str_t *channel,
    uint64_t epoch, uint64_t offset)
{
    ngx_rtprop_hub_control_send(hub, channel, NGX_RTPROP_CONTROL_MOVED,
                                json_pack("{s:I, s:I}",
                                          "epoch", (json_int_t) epoch,
                                          "offset", (json_int_t) offset));
}


static void
ngx_rtprop_hub_control_send(ngx_rtprop_hub_t *hub, ngx_str_t *channel,
    const char *type, json_t *payload)
{
    ngx_rtprop_event_t  ev;

    ngx_memzero(&ev, sizeof(ngx_rtprop_event_t));

    ev.channel = *channel;
    ev.type.data = (u_char *) type;
    ev.type.len = ngx_strlen(type);
    ev.flags = NGX_RTPROP_EV_VOLATILE|NGX_RTPROP_EV_CONTROL;

    (void) ngx_rtprop_hub_publish(hub, &ev, payload);
}


void
ngx_rtprop_hub_control(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch,
    ngx_rtprop_event_t *ev)
{
    json_t  *payload;

    payload = json_loadb((char *) ev->payload.data, ev->payload.len, 0, NULL);

    if (payload == NULL) {
        return;
    }

    if (ngx_strncmp(ev->type.data, NGX_RTPROP_CONTROL_KICK, ev->type.len)
        == 0)
    {
        ngx_rtprop_hub_kicked(ch, json_object_get(payload, "reason"));

    } else if (ngx_strncmp(ev->type.data, NGX_RTPROP_CONTROL_EXPEL,
                           ev->type.len)
               == 0)
    {
        ngx_rtprop_hub_expelled(hub, ch, json_object_get(payload, "users"));

    } else if (ngx_strncmp(ev->type.data, NGX_RTPROP_CONTROL_MOVED,
                           ev->type.len)
               == 0)
    {
        ngx_rtprop_hub_stands(hub, ch, &ev->channel, payload);
    }

    json_decref(payload);
}


static void
ngx_rtprop_hub_kicked(ngx_rtprop_channel_t *ch, json_t *reason)
{
    ngx_queue_t       *q;
    ngx_rtprop_sub_t  *sub;

    for (q = ngx_queue_head(&ch->subs);
         q != ngx_queue_sentinel(&ch->subs);
         q = ngx_queue_next(q))
    {
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, queue);

        ngx_rtprop_session_close(sub->session, NGX_RTPROP_CLOSE_POLICY,
                                 json_is_string(reason)
                                 ? json_string_value(reason) : "kicked");
    }
}


/* The channel stays until the loop is over: a count of its own holds it. */

static void
ngx_rtprop_hub_expelled(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch,
    json_t *users)
{
    size_t             i;
    json_t            *user;
    ngx_str_t          id;
    ngx_queue_t       *q, *next;
    ngx_rtprop_sub_t  *sub;

    ch->nsubs++;

    for (q = ngx_queue_head(&ch->subs);
         q != ngx_queue_sentinel(&ch->subs);
         q = next)
    {
        next = ngx_queue_next(q);
        sub = ngx_queue_data(q, ngx_rtprop_sub_t, queue);

        json_array_foreach(users, i, user) {
            id.data = (u_char *) json_string_value(user);
            id.len = json_string_length(user);

            if (!ngx_rtprop_hub_is_user(&id, sub->session)) {
                continue;
            }

            if (sub->pending && !sub->late) {
                sub->expelled = 1;

            } else {
                ngx_rtprop_hub_sub_leave(hub, sub);
            }

            break;
        }
    }

    ch->nsubs--;
    ngx_rtprop_hub_channel_release(hub, ch);
}


/* What this batch holds of the channel already goes out first. */

static void
ngx_rtprop_hub_stands(ngx_rtprop_hub_t *hub, ngx_rtprop_channel_t *ch,
    ngx_str_t *name, json_t *place)
{
    if (ch->first != -1) {
        ch->since = ch->behind ? ngx_min(ch->since, ch->offset) : ch->offset;
        ch->behind = 1;
        return;
    }

    ngx_rtprop_hub_behind(hub, name,
                 (uint64_t) json_integer_value(json_object_get(place,
                                                               "epoch")),
                 (uint64_t) json_integer_value(json_object_get(place,
                                                               "offset")));
}
