/*
 * Where conversations are kept when there is a database.
 */

#include "features/chat/ngx_rtprop_chat.h"
#include "store/ngx_rtprop_durable.h"


#define NGX_RTPROP_CHAT_ADD  10         /* parameters of chat_message_add */


/* Columns of chat_history; position and id come first. */

typedef enum {
    NGX_RTPROP_CHAT_ROW_ID = 1,
    NGX_RTPROP_CHAT_ROW_SENDER,
    NGX_RTPROP_CHAT_ROW_NAME,
    NGX_RTPROP_CHAT_ROW_AVATAR,
    NGX_RTPROP_CHAT_ROW_CONTENT,
    NGX_RTPROP_CHAT_ROW_ATTACHMENTS,
    NGX_RTPROP_CHAT_ROW_CLIENT_ID,
    NGX_RTPROP_CHAT_ROW_CREATED
} ngx_rtprop_chat_row_e;


static void ngx_rtprop_chat_fill(ngx_rtprop_event_t *ev,
    ngx_rtprop_param_t *params);
static ngx_int_t ngx_rtprop_chat_row(ngx_pool_t *pool,
    ngx_rtprop_result_t *result, ngx_uint_t row, ngx_str_t *id,
    ngx_rtprop_event_t *ev);


static const ngx_rtprop_durable_document_t  ngx_rtprop_chat_documents[] = {

    { .prefix = ngx_string(NGX_RTPROP_CHAT_PREFIX),
      .get = "conversation_get",
      .get_sql = "SELECT * FROM rtprop.conversation_get($1)",
      .put = "conversation_put",
      .put_sql = "SELECT * FROM rtprop.conversation_put($1, $2, $3, $4, $5, "
                 "$6, $7, $8)" },

    { .prefix = ngx_string(NGX_RTPROP_CHAT_MARK),
      .get = "receipt_get",
      .get_sql = "SELECT * FROM rtprop.receipt_get($1, $2)",
      .put = "receipt_put",
      .put_sql = "SELECT * FROM rtprop.receipt_put($1, $2, $3, $4, $5, $6, "
                 "$7, $8, $9)",
      .pair = 1 },

    { .prefix = ngx_string(NGX_RTPROP_CHAT_SEEN),
      .get = "last_seen_get",
      .get_sql = "SELECT * FROM rtprop.last_seen_get($1)",
      .put = "last_seen_put",
      .put_sql = "SELECT * FROM rtprop.last_seen_put($1, $2, $3, $4, $5, $6, "
                 "$7, $8)" },

    /* the others in the table of all */

    { .prefix = ngx_string(NGX_RTPROP_CHAT_INDEX) },

    { .prefix = ngx_null_string }
};


ngx_int_t
ngx_rtprop_chat_store(ngx_conf_t *cf)
{
    ngx_uint_t                   i;
    ngx_rtprop_durable_feed_t    feed;
    ngx_rtprop_durable_source_t  source;

    for (i = 0; ngx_rtprop_chat_documents[i].prefix.len; i++) {
        if (ngx_rtprop_durable_document_add(cf, &ngx_rtprop_chat_documents[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_str_set(&feed.type, "chat:new_message");
    feed.nparams = NGX_RTPROP_CHAT_ADD;
    feed.fill = ngx_rtprop_chat_fill;
    feed.query = ngx_rtprop_query_add(cf, "chat_message_add",
        "SELECT * FROM rtprop.chat_message_add($1, $2, $3, $4, $5, $6, $7, "
        "$8, $9, $10)",
        "conversation_id text, id bigint, sender_id text, sender_name text, "
        "sender_avatar text, content text, attachments json, "
        "client_message_id text, created_at timestamptz, retried boolean",
        "position bigint, id bigint, created_at timestamptz, known boolean");

    ngx_str_set(&source.prefix, NGX_RTPROP_CHAT_PREFIX);
    source.flags = NGX_RTPROP_EV_RECEIPT;
    source.whole = 0;
    source.event = ngx_rtprop_chat_row;
    source.query = ngx_rtprop_query_add(cf, "chat_history",
        "SELECT * FROM rtprop.chat_history($1, $2, $3, $4, $5, $6)",
        "conversation_id text, after bigint, upto bigint, before bigint, "
        "count bigint, newest boolean",
        "position bigint, id bigint, sender_id text, sender_name text, "
        "sender_avatar text, content text, attachments json, "
        "client_message_id text, created_at timestamptz");

    if (feed.query == NULL || source.query == NULL
        || ngx_rtprop_durable_feed_add(cf, &feed) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_rtprop_durable_source_add(cf, &source);
}


/* What has no text is NULL. */

static void
ngx_rtprop_chat_fill(ngx_rtprop_event_t *ev, ngx_rtprop_param_t *params)
{
    ngx_uint_t              i;
    rtprop_chat_message_t  *m;

    m = ev->data;

    params[0].text = ngx_rtprop_chat_str(m->conversation_id);
    params[1].number = (int64_t) m->id;
    params[2].text = ngx_rtprop_chat_str(m->from.id);
    params[3].text = ngx_rtprop_chat_str(m->from.name);
    params[4].text = ngx_rtprop_chat_str(m->from.avatar);
    params[5].text = ngx_rtprop_chat_str(m->content);
    params[6].text = ngx_rtprop_chat_str(m->attachments);
    params[7].text = ngx_rtprop_chat_str(m->client_message_id);
    params[8].number = m->created_at;

    for (i = 3; i < 8; i++) {
        params[i].null = (params[i].text.len == 0);
    }
}


static rtprop_str_t
ngx_rtprop_chat_field(ngx_rtprop_result_t *result, ngx_uint_t row,
    ngx_rtprop_chat_row_e column)
{
    ngx_str_t  text;

    text = ngx_rtprop_result_text(result, row, column);

    return ngx_rtprop_chat_pure(&text);
}


/* The message as it was sent. */

static ngx_int_t
ngx_rtprop_chat_row(ngx_pool_t *pool, ngx_rtprop_result_t *result,
    ngx_uint_t row, ngx_str_t *id, ngx_rtprop_event_t *ev)
{
    u_char                *buf;
    ngx_str_t              user;
    rtprop_chat_message_t  m;

    ngx_memzero(&m, sizeof(rtprop_chat_message_t));

    m.id = ngx_rtprop_result_number(result, row, NGX_RTPROP_CHAT_ROW_ID);
    m.conversation_id = ngx_rtprop_chat_pure(id);
    m.from.id = ngx_rtprop_chat_field(result, row,
                                      NGX_RTPROP_CHAT_ROW_SENDER);
    m.from.name = ngx_rtprop_chat_field(result, row, NGX_RTPROP_CHAT_ROW_NAME);
    m.from.avatar = ngx_rtprop_chat_field(result, row,
                                          NGX_RTPROP_CHAT_ROW_AVATAR);
    m.content = ngx_rtprop_chat_field(result, row,
                                      NGX_RTPROP_CHAT_ROW_CONTENT);
    m.attachments = ngx_rtprop_chat_field(result, row,
                                          NGX_RTPROP_CHAT_ROW_ATTACHMENTS);
    m.client_message_id = ngx_rtprop_chat_field(result, row,
                                             NGX_RTPROP_CHAT_ROW_CLIENT_ID);
    m.created_at = ngx_rtprop_result_number(result, row,
                                            NGX_RTPROP_CHAT_ROW_CREATED);

    if (m.from.name.len == 0) {
        m.from.name = m.from.id;
    }

    user = ngx_rtprop_chat_str(m.from.id);

    ngx_str_set(&ev->type, "chat:new_message");
    ev->flags = NGX_RTPROP_EV_RECEIPT;
    ev->time = m.created_at;
    ev->user.len = user.len;
    ev->user.data = ngx_pstrdup(pool, &user);

    /* the most that it may take is a lot more than it does */

    buf = ngx_alloc(rtprop_chat_message_max(&m), pool->log);

    if (buf == NULL) {
        return NGX_ERROR;
    }

    ev->payload.len = rtprop_chat_message(&m, buf);
    ev->payload.data = ngx_pnalloc(pool, ev->payload.len);

    if (ev->payload.data) {
        ngx_memcpy(ev->payload.data, buf, ev->payload.len);
    }

    ngx_free(buf);

    return (ev->user.data && ev->payload.data) ? NGX_OK : NGX_ERROR;
}
