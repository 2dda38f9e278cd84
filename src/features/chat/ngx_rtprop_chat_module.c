/*
 * Chat: what is registered.
 */

#include "features/chat/ngx_rtprop_chat.h"


static ngx_int_t ngx_rtprop_chat_preconfiguration(ngx_conf_t *cf);
static void *ngx_rtprop_chat_create_main_conf(ngx_conf_t *cf);


#define NGX_RTPROP_CHAT_ID                                                    \
    { "conversation_id", RTPROP_FIELD_ID,                                     \
      RTPROP_FIELD_REQUIRED|RTPROP_FIELD_BARE, 0, 0, "id", NULL }

#define NGX_RTPROP_CHAT_END  { NULL, 0, 0, 0, 0, NULL, NULL }


static const rtprop_field_t  ngx_rtprop_chat_id_fields[] = {
    NGX_RTPROP_CHAT_ID,
    NGX_RTPROP_CHAT_END
};


static const rtprop_field_t  ngx_rtprop_chat_join_fields[] = {
    NGX_RTPROP_CHAT_ID,
    { "since", RTPROP_FIELD_INT, 0, 0, RTPROP_INT_MAX, NULL, NULL },
    { "epoch", RTPROP_FIELD_STRING, 0, 1, 32, NULL, NULL },
    { "limit", RTPROP_FIELD_INT, 0, 1, 100, NULL, NULL },
    NGX_RTPROP_CHAT_END
};


static const rtprop_field_t  ngx_rtprop_chat_send_fields[] = {
    NGX_RTPROP_CHAT_ID,
    { "content", RTPROP_FIELD_STRING, RTPROP_FIELD_REQUIRED, 1,
      RTPROP_CHAT_CONTENT, NULL, NULL },
    { "attachments", RTPROP_FIELD_ARRAY, 0, 0, RTPROP_CHAT_ATTACHMENTS, NULL,
      NULL },
    { "client_message_id", RTPROP_FIELD_ID, 0, 0, 0, NULL, NULL },
    NGX_RTPROP_CHAT_END
};


static const rtprop_field_t  ngx_rtprop_chat_typing_fields[] = {
    NGX_RTPROP_CHAT_ID,
    { "is_typing", RTPROP_FIELD_BOOL, 0, 0, 0, NULL, NULL },
    NGX_RTPROP_CHAT_END
};


static const rtprop_field_t  ngx_rtprop_chat_read_fields[] = {
    { "conversation_id", RTPROP_FIELD_ID, RTPROP_FIELD_REQUIRED, 0, 0, NULL,
      NULL },
    { "message_id", RTPROP_FIELD_ID, RTPROP_FIELD_REQUIRED, 0, 0,
      "last_message_id up_to_message_id", NULL },
    NGX_RTPROP_CHAT_END
};


static const rtprop_field_t  ngx_rtprop_chat_history_fields[] = {
    NGX_RTPROP_CHAT_ID,
    { "before", RTPROP_FIELD_ID, 0, 0, 0, NULL, NULL },
    { "limit", RTPROP_FIELD_INT, 0, 1, 100, NULL, NULL },
    NGX_RTPROP_CHAT_END
};


static const rtprop_field_t  ngx_rtprop_chat_page_fields[] = {
    { "before", RTPROP_FIELD_ID, 0, 0, 0, NULL, NULL },
    { "limit", RTPROP_FIELD_INT, 0, 1, 100, NULL, NULL },
    NGX_RTPROP_CHAT_END
};


static ngx_rtprop_command_t  ngx_rtprop_chat_commands[] = {

    { .name = ngx_string("chat:join"),
      .aliases = ngx_string("join_conversation"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .fields = ngx_rtprop_chat_join_fields,
      .handler = ngx_rtprop_chat_join,
      .flat = 1 },

    { .name = ngx_string("chat:leave"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .fields = ngx_rtprop_chat_id_fields,
      .handler = ngx_rtprop_chat_leave,
      .flat = 1 },

    { .name = ngx_string("chat:send_message"),
      .aliases = ngx_string("send_message"),
      .rate = NGX_RTPROP_RATE_MESSAGE,
      .fields = ngx_rtprop_chat_send_fields,
      .handler = ngx_rtprop_chat_send,
      .flat = 1 },

    { .name = ngx_string("chat:typing"),
      .aliases = ngx_string("chat:typing_start chat:typing_stop"),
      .rate = NGX_RTPROP_RATE_TYPING,
      .fields = ngx_rtprop_chat_typing_fields,
      .handler = ngx_rtprop_chat_type,
      .quiet = 1,
      .flat = 1 },

    { .name = ngx_string("chat:mark_read"),
      .aliases = ngx_string("mark_as_read"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .fields = ngx_rtprop_chat_read_fields,
      .handler = ngx_rtprop_chat_mark_read,
      .flat = 1 },

    { .name = ngx_string("chat:history"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .fields = ngx_rtprop_chat_history_fields,
      .handler = ngx_rtprop_chat_history,
      .flat = 1 },

    { .name = ngx_null_string }
};


static ngx_rtprop_resource_t  ngx_rtprop_chat_resources[] = {

    { .method = NGX_HTTP_PUT,
      .path = ngx_string("conversations/{id}"),
      .handler = ngx_rtprop_chat_http_put },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("conversations/{id}"),
      .handler = ngx_rtprop_chat_http_get },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("conversations/{id}/messages"),
      .fields = ngx_rtprop_chat_page_fields,
      .handler = ngx_rtprop_chat_http_messages },

    { .path = ngx_null_string }
};


static ngx_rtprop_event_type_t  ngx_rtprop_chat_events[] = {

    { ngx_string("chat:joined"),
      "conversation_id participant_count last_message_id unread_count "
      "last_seen", 0, 1 },

    { ngx_string("chat:new_message"),
      "message_id conversation_id client_message_id created_at", 1, 0 },

    { ngx_string("chat:history"),
      "message_id conversation_id client_message_id created_at has_more",
      0, 1 },

    { ngx_string("chat:messages_read"),
      "conversation_id message_id up_to_message_id last_message_id read_by "
      "user_id read_at", 1, 1 },

    { ngx_string("chat:message_edited"),
      "message_id conversation_id edited_at", 1, 0 },

    { ngx_string("chat:message_deleted"),
      "message_id conversation_id deleted_at", 1, 0 },

    { ngx_string("chat:delivered"),
      "conversation_id message_id user_id", 0, 1 },

    { ngx_string("chat:user_joined"),
      "conversation_id user_id user_name", 0, 1 },

    { ngx_string("chat:user_left"),
      "conversation_id user_id user_name", 0, 1 },

    { ngx_string("chat:user_typing"),
      "conversation_id user_id user_name is_typing", 0, 0 },

    { ngx_string("chat:user_stopped_typing"),
      "conversation_id user_id user_name is_typing", 0, 0 },

    { ngx_string("presence:user_online"),
      "conversation_id user_id user_name last_seen", 0, 1 },

    { ngx_string("presence:user_offline"),
      "conversation_id user_id user_name last_seen", 0, 1 },

    { ngx_null_string, NULL, 0, 0 }
};


static ngx_http_module_t  ngx_rtprop_chat_module_ctx = {
    ngx_rtprop_chat_preconfiguration,      /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_rtprop_chat_create_main_conf,      /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_rtprop_chat_module = {
    NGX_MODULE_V1,
    &ngx_rtprop_chat_module_ctx,           /* module context */
    NULL,                                  /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    NULL,                                  /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    NULL,                                  /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static ngx_int_t
ngx_rtprop_chat_preconfiguration(ngx_conf_t *cf)
{
    ngx_rtprop_kind_t        kind;
    ngx_rtprop_observer_t    observer;
    ngx_rtprop_chat_conf_t  *conf;

    conf = ngx_http_conf_get_module_main_conf(cf, ngx_rtprop_chat_module);

    ngx_memzero(&kind, sizeof(ngx_rtprop_kind_t));
    ngx_str_set(&kind.prefix, NGX_RTPROP_CHAT_PREFIX);
    kind.data = conf;
    kind.resume = ngx_rtprop_chat_resume;
    kind.left = ngx_rtprop_chat_left;
    kind.lost = ngx_rtprop_chat_lost;
    kind.came = ngx_rtprop_chat_came;
    kind.delivered = ngx_rtprop_chat_delivered;

    ngx_memzero(&observer, sizeof(ngx_rtprop_observer_t));
    observer.data = conf;
    observer.started = ngx_rtprop_chat_started;
    observer.online = ngx_rtprop_chat_online;
    observer.offline = ngx_rtprop_chat_offline;

    if (ngx_rtprop_commands_add(cf, ngx_rtprop_chat_commands, conf) != NGX_OK
        || ngx_rtprop_resources_add(cf, ngx_rtprop_chat_resources, conf)
           != NGX_OK
        || ngx_rtprop_event_types_add(cf, ngx_rtprop_chat_events) != NGX_OK
        || ngx_rtprop_observer_add(cf, &observer) != NGX_OK
        || ngx_rtprop_chat_store(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_rtprop_kind_add(cf, &kind);
}


static void *
ngx_rtprop_chat_create_main_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_rtprop_chat_conf_t));
}
