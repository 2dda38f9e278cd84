/*
 * Auction: what is registered.
 */

#include "base/ngx_rtprop_stat.h"
#include "features/auction/ngx_rtprop_auction.h"


static ngx_int_t ngx_rtprop_auction_preconfiguration(ngx_conf_t *cf);
static void *ngx_rtprop_auction_create_main_conf(ngx_conf_t *cf);


#define NGX_RTPROP_AUCTION_ID                                                 \
    { "auction_id", RTPROP_FIELD_ID,                                          \
      RTPROP_FIELD_REQUIRED|RTPROP_FIELD_BARE, 0, 0, "id", NULL }

#define NGX_RTPROP_AUCTION_END  { NULL, 0, 0, 0, 0, NULL, NULL }


static const rtprop_field_t  ngx_rtprop_auction_id_fields[] = {
    NGX_RTPROP_AUCTION_ID,
    NGX_RTPROP_AUCTION_END
};


static const rtprop_field_t  ngx_rtprop_auction_bid_fields[] = {
    NGX_RTPROP_AUCTION_ID,
    { "amount", RTPROP_FIELD_MONEY, RTPROP_FIELD_REQUIRED, 0, 0, NULL, NULL },
    { "max_amount", RTPROP_FIELD_ANY, 0, 0, 0, NULL, NULL },
    { "client_bid_id", RTPROP_FIELD_ID, 0, 0, 0, NULL, NULL },
    NGX_RTPROP_AUCTION_END
};


static const rtprop_field_t  ngx_rtprop_auction_history_fields[] = {
    NGX_RTPROP_AUCTION_ID,
    { "before", RTPROP_FIELD_ID, 0, 0, 0, NULL, NULL },
    { "limit", RTPROP_FIELD_INT, 0, 1, 100, NULL, NULL },
    NGX_RTPROP_AUCTION_END
};


static const rtprop_field_t  ngx_rtprop_auction_page_fields[] = {
    { "before", RTPROP_FIELD_ID, 0, 0, 0, NULL, NULL },
    { "limit", RTPROP_FIELD_INT, 0, 1, 100, NULL, NULL },
    NGX_RTPROP_AUCTION_END
};


static const rtprop_field_t  ngx_rtprop_auction_post_fields[] = {
    { "auction_id", RTPROP_FIELD_ID, RTPROP_FIELD_REQUIRED, 0, 0, NULL, NULL },
    { "event", RTPROP_FIELD_STRING, RTPROP_FIELD_REQUIRED, 1, 64, NULL, NULL },
    { "data", RTPROP_FIELD_OBJECT, 0, 0, 0, NULL, NULL },
    NGX_RTPROP_AUCTION_END
};


static ngx_rtprop_command_t  ngx_rtprop_auction_commands[] = {

    { .name = ngx_string("auction:join"),
      .aliases = ngx_string("join_auction"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .fields = ngx_rtprop_auction_id_fields,
      .handler = ngx_rtprop_auction_join },

    { .name = ngx_string("auction:leave"),
      .aliases = ngx_string("leave_auction"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .fields = ngx_rtprop_auction_id_fields,
      .handler = ngx_rtprop_auction_leave },

    { .name = ngx_string("auction:bid"),
      .aliases = ngx_string("place_bid"),
      .rate = NGX_RTPROP_RATE_BID,
      .fields = ngx_rtprop_auction_bid_fields,
      .handler = ngx_rtprop_auction_bid,
      .refused = ngx_rtprop_auction_bid_refused },

    { .name = ngx_string("auction:history"),
      .rate = NGX_RTPROP_RATE_OTHER,
      .fields = ngx_rtprop_auction_history_fields,
      .handler = ngx_rtprop_auction_history },

    { .name = ngx_null_string }
};


static ngx_rtprop_resource_t  ngx_rtprop_auction_resources[] = {

    { .method = NGX_HTTP_PUT,
      .path = ngx_string("auctions/{id}"),
      .handler = ngx_rtprop_auction_http_put },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("auctions/{id}"),
      .handler = ngx_rtprop_auction_http_get,
      .open = 1 },

    { .method = NGX_HTTP_GET,
      .path = ngx_string("auctions/{id}/bids"),
      .fields = ngx_rtprop_auction_page_fields,
      .handler = ngx_rtprop_auction_http_bids },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("auctions/{id}/{action}"),
      .handler = ngx_rtprop_auction_http_act },

    { .method = NGX_HTTP_POST,
      .path = ngx_string("broadcast/auction"),
      .fields = ngx_rtprop_auction_post_fields,
      .handler = ngx_rtprop_auction_http_post },

    { .path = ngx_null_string }
};


static ngx_rtprop_event_type_t  ngx_rtprop_auction_events[] = {
    { ngx_string("auction:new_bid"), RTPROP_AUCTION_KEYS, 1, 1 },
    { ngx_string("auction:time_extended"), RTPROP_AUCTION_KEYS, 1, 1 },
    { ngx_string("auction:ended"), RTPROP_AUCTION_KEYS, 1, 1 },
    { ngx_string("auction:announcement"), RTPROP_AUCTION_KEYS, 1, 0 },
    { ngx_string("auction:outbid"), RTPROP_AUCTION_KEYS, 1, 1 },
    { ngx_string("auction:state"), RTPROP_AUCTION_KEYS, 0, 1 },
    { ngx_string("auction:bidder_count"), RTPROP_AUCTION_KEYS, 0, 1 },
    { ngx_string("auction:bidder_joined"), RTPROP_AUCTION_KEYS, 0, 1 },
    { ngx_string("auction:bidder_left"), RTPROP_AUCTION_KEYS, 0, 1 },
    { ngx_string("auction:bid_accepted"), RTPROP_AUCTION_KEYS, 0, 1 },
    { ngx_string("auction:bid_rejected"),
      RTPROP_AUCTION_KEYS " retry_after_ms", 0, 1 },
    { ngx_string("auction:timer_sync"), RTPROP_AUCTION_KEYS, 0, 1 },
    { ngx_string("auction:history"), RTPROP_AUCTION_KEYS " has_more", 0, 1 },
    { ngx_null_string, NULL, 0, 0 }
};


#define NGX_RTPROP_AUCTION_RESULT(word)                                       \
    { ngx_string("rtprop_auction_bids_total"),                                \
      ngx_string("Bids by their result."), NGX_RTPROP_STAT_COUNTER,           \
      ngx_string("result=\"" word "\""), 0 }


/* In the order of rtprop_auction_code_e and ngx_rtprop_auction_stat_e. */

static ngx_rtprop_stat_desc_t  ngx_rtprop_auction_stats[] = {

    NGX_RTPROP_AUCTION_RESULT("accepted"),
    NGX_RTPROP_AUCTION_RESULT("below_minimum"),
    NGX_RTPROP_AUCTION_RESULT("auction_ended"),
    NGX_RTPROP_AUCTION_RESULT("not_started"),
    NGX_RTPROP_AUCTION_RESULT("paused"),
    NGX_RTPROP_AUCTION_RESULT("not_joined"),
    NGX_RTPROP_AUCTION_RESULT("not_registered"),
    NGX_RTPROP_AUCTION_RESULT("already_highest"),
    NGX_RTPROP_AUCTION_RESULT("invalid_amount"),
    NGX_RTPROP_AUCTION_RESULT("rate_limited"),
    NGX_RTPROP_AUCTION_RESULT("unavailable"),
    NGX_RTPROP_AUCTION_RESULT("repeated"),

    { ngx_string("rtprop_auction_extensions_total"),
      ngx_string("Ends of auctions that were moved on."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_auction_closed_total"),
      ngx_string("Auctions that were ended or cancelled."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_auction_conflicts_total"),
      ngx_string("Changes judged anew since another one was quicker."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_string("rtprop_auction_unaudited_total"),
      ngx_string("Bids not judged of which the database has no record."),
      NGX_RTPROP_STAT_COUNTER, ngx_null_string, 0 },

    { ngx_null_string, ngx_null_string, NGX_RTPROP_STAT_COUNTER,
      ngx_null_string, 0 }
};


static ngx_http_module_t  ngx_rtprop_auction_module_ctx = {
    ngx_rtprop_auction_preconfiguration,   /* preconfiguration */
    NULL,                                  /* postconfiguration */

    ngx_rtprop_auction_create_main_conf,   /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_rtprop_auction_module = {
    NGX_MODULE_V1,
    &ngx_rtprop_auction_module_ctx,        /* module context */
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
ngx_rtprop_auction_preconfiguration(ngx_conf_t *cf)
{
    ngx_rtprop_job_t       job;
    ngx_rtprop_kind_t      kind;
    ngx_rtprop_observer_t  observer;

    ngx_memzero(&observer, sizeof(ngx_rtprop_observer_t));
    observer.started = ngx_rtprop_auction_started;
    observer.data = ngx_http_conf_get_module_main_conf(cf,
                                                   ngx_rtprop_auction_module);

    ngx_memzero(&kind, sizeof(ngx_rtprop_kind_t));
    ngx_str_set(&kind.prefix, NGX_RTPROP_AUCTION_PREFIX);
    kind.resume = ngx_rtprop_auction_resume;
    kind.left = ngx_rtprop_auction_left;
    kind.lost = ngx_rtprop_auction_lost;
    kind.came = ngx_rtprop_auction_came;

    ngx_str_set(&job.prefix, NGX_RTPROP_AUCTION_PREFIX);
    job.data = NULL;
    job.handler = ngx_rtprop_auction_job;

    if (ngx_rtprop_commands_add(cf, ngx_rtprop_auction_commands, NULL)
        != NGX_OK
        || ngx_rtprop_resources_add(cf, ngx_rtprop_auction_resources, NULL)
           != NGX_OK
        || ngx_rtprop_event_types_add(cf, ngx_rtprop_auction_events) != NGX_OK
        || ngx_rtprop_stat_add(cf, ngx_rtprop_auction_stats) != NGX_OK
        || ngx_rtprop_observer_add(cf, &observer) != NGX_OK
        || ngx_rtprop_auction_store(cf, observer.data) != NGX_OK
        || ngx_rtprop_job_add(cf, &job) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&job.prefix, NGX_RTPROP_AUCTION_SYNC);

    if (ngx_rtprop_job_add(cf, &job) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_rtprop_kind_add(cf, &kind);
}


static void *
ngx_rtprop_auction_create_main_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ngx_rtprop_auction_conf_t));
}


void
ngx_rtprop_auction_count(ngx_rtprop_worker_t *worker, ngx_uint_t which,
    ngx_uint_t n)
{
    ngx_rtprop_stat_bump(worker, &ngx_rtprop_auction_stats[which], n);
}
