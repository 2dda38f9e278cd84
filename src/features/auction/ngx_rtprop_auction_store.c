/*
 * Where auctions and bids are kept when there is a database.
 *
 * An accepted bid is written with the auction.  Refused ones are written
 * beside, those of one turn of the loop, or of the time that the ones before
 * take, in one statement; the refusal is said when it stands in the database.
 */

#include "features/auction/ngx_rtprop_auction.h"
#include "base/rtprop_json.h"
#include "base/rtprop_payload.h"
#include "store/ngx_rtprop_durable.h"


#define NGX_RTPROP_AUCTION_AUDIT   4096    /* refused bids waiting */
#define NGX_RTPROP_AUCTION_GROUP   256     /* of one statement */
#define NGX_RTPROP_AUCTION_ARRAYS  8       /* parameters of it */


/* Columns of auction_bids; position and id come first. */

typedef enum {
    NGX_RTPROP_AUCTION_ROW_ID = 1,
    NGX_RTPROP_AUCTION_ROW_USER,
    NGX_RTPROP_AUCTION_ROW_NUMBER,
    NGX_RTPROP_AUCTION_ROW_AMOUNT,
    NGX_RTPROP_AUCTION_ROW_CREATED
} ngx_rtprop_auction_row_e;


typedef struct {
    ngx_queue_t                queue;
    int64_t                    id;
    int64_t                    amount;     /* -1: none */
    int64_t                    version;    /* 0: not judged on any */
    int64_t                    time;
    ngx_str_t                  auction;
    ngx_str_t                  user;
    ngx_str_t                  client_id;
    rtprop_auction_code_e      code;
    ngx_rtprop_cmd_t          *cmd;        /* that waits; or NULL */
    json_t                    *payload;    /* of its answer */
    u_char                     data[];
} ngx_rtprop_auction_refused_t;


typedef struct {
    ngx_rtprop_work_t          work;
    ngx_rtprop_statement_t     statement;
    ngx_rtprop_param_t         params[NGX_RTPROP_AUCTION_ARRAYS];
    ngx_rtprop_auction_conf_t *conf;
    ngx_pool_t                *pool;
    ngx_queue_t                bids;
    ngx_uint_t                 n;
} ngx_rtprop_auction_group_t;


static ngx_int_t ngx_rtprop_auction_row(ngx_pool_t *pool,
    ngx_rtprop_result_t *result, ngx_uint_t row, ngx_str_t *id,
    ngx_rtprop_event_t *ev);
static ngx_rtprop_auction_refused_t *ngx_rtprop_auction_refused(
    ngx_rtprop_cmd_t *cmd, ngx_str_t *auction, uint64_t version,
    rtprop_auction_code_e code);
static void ngx_rtprop_auction_refused_add(ngx_rtprop_auction_conf_t *conf,
    ngx_rtprop_worker_t *worker, ngx_rtprop_auction_refused_t *bid);
static void ngx_rtprop_auction_audit_flush(ngx_event_t *ev);
static ngx_int_t ngx_rtprop_auction_audit_params(
    ngx_rtprop_auction_group_t *group);
static void ngx_rtprop_auction_audited(ngx_rtprop_work_t *work);
static void ngx_rtprop_auction_audit_end(ngx_rtprop_auction_conf_t *conf,
    ngx_queue_t *bids, ngx_int_t rc);


static const ngx_rtprop_durable_document_t  ngx_rtprop_auction_document = {
    .prefix = ngx_string(NGX_RTPROP_AUCTION_PREFIX),
    .get = "auction_get",
    .get_sql = "SELECT * FROM rtprop.auction_get($1)",
    .put = "auction_put",
    .put_sql = "SELECT * FROM rtprop.auction_put($1, $2, $3, $4, $5, $6, $7, "
               "$8)",

    /* the time is read when the row is locked */
    .lock = "auction_lock",
    .lock_sql = "SELECT l.version, l.value, clock_timestamp() AS at"
                " FROM (SELECT version, value FROM rtprop.auction"
                " WHERE id = $1"
                " AND (expires IS NULL OR expires > clock_timestamp())"
                " FOR UPDATE) AS l"
};


ngx_int_t
ngx_rtprop_auction_store(ngx_conf_t *cf, ngx_rtprop_auction_conf_t *conf)
{
    ngx_rtprop_durable_job_t     job;
    ngx_rtprop_durable_source_t  source;

    ngx_str_set(&source.prefix, NGX_RTPROP_AUCTION_BIDS);
    source.flags = NGX_RTPROP_EV_HIDDEN;
    source.whole = 1;
    source.event = ngx_rtprop_auction_row;
    source.query = ngx_rtprop_query_add(cf, "auction_bids",
        "SELECT * FROM rtprop.auction_bids($1, $2, $3, $4, $5, $6)",
        "auction_id text, after bigint, upto bigint, before bigint, "
        "count bigint, newest boolean",
        "position bigint, id bigint, user_id text, bidder_number bigint, "
        "amount bigint, created_at timestamptz");

    ngx_str_set(&job.prefix, NGX_RTPROP_AUCTION_PREFIX);
    job.due = ngx_rtprop_query_add(cf, "auction_due",
        "SELECT * FROM rtprop.auction_due($1, $2, $3)",
        "start timestamptz, stop timestamptz, count bigint",
        "key text, due timestamptz, payload text");

    conf->refuse = ngx_rtprop_query_add(cf, "auction_bid_refuse",
        "SELECT rtprop.auction_bid_refuse($1, $2, $3, $4, $5, $6, $7, $8)",
        "auction_ids text[], ids bigint[], user_ids text[], "
        "amounts bigint[], client_bid_ids text[], codes text[], "
        "versions bigint[], times bigint[]", "");

    if (source.query == NULL || job.due == NULL || conf->refuse == NULL
        || ngx_rtprop_durable_document_add(cf, &ngx_rtprop_auction_document)
           != NGX_OK
        || ngx_rtprop_durable_source_add(cf, &source) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_rtprop_durable_job_add(cf, &job);
}


/* The record of an accepted bid, as the event of it had it. */

static ngx_int_t
ngx_rtprop_auction_row(ngx_pool_t *pool, ngx_rtprop_result_t *result,
    ngx_uint_t row, ngx_str_t *id, ngx_rtprop_event_t *ev)
{
    json_t               *record;
    ngx_str_t             user;
    rtprop_str_t          s;
    rtprop_auction_bid_t  bid;

    ngx_memzero(&bid, sizeof(rtprop_auction_bid_t));

    (void) ngx_snprintf((u_char *) bid.id, sizeof(bid.id), "%L%Z",
                        ngx_rtprop_result_number(result, row,
                                                 NGX_RTPROP_AUCTION_ROW_ID));
    bid.amount = ngx_rtprop_result_number(result, row,
                                          NGX_RTPROP_AUCTION_ROW_AMOUNT);
    bid.bidder = ngx_rtprop_result_number(result, row,
                                          NGX_RTPROP_AUCTION_ROW_NUMBER);
    bid.created_at = ngx_rtprop_result_number(result, row,
                                              NGX_RTPROP_AUCTION_ROW_CREATED);

    user = ngx_rtprop_result_text(result, row, NGX_RTPROP_AUCTION_ROW_USER);
    s = ngx_rtprop_auction_pure(&user);

    record = rtprop_auction_bid_json(&bid);

    if (record) {
        (void) json_object_set_new(record, "user_id", rtprop_payload_str(&s));
    }

    ngx_str_set(&ev->type, "auction:bid");
    ev->flags = NGX_RTPROP_EV_HIDDEN;
    ev->time = bid.created_at;

    return ngx_rtprop_hub_dump(pool, record, &ev->payload);
}


/* ----------------------------------------------------------- refused bids */

void
ngx_rtprop_auction_audit(ngx_rtprop_cmd_t *cmd, ngx_str_t *auction,
    uint64_t version, rtprop_auction_code_e code, json_t *payload)
{
    ngx_rtprop_auction_refused_t  *bid;

    bid = payload ? ngx_rtprop_auction_refused(cmd, auction, version, code)
                  : NULL;

    if (bid == NULL) {
        json_decref(payload);
        ngx_rtprop_auction_bid_unaudited(cmd, auction);
        return;
    }

    bid->cmd = cmd;
    bid->payload = payload;
}


void
ngx_rtprop_auction_note(ngx_rtprop_cmd_t *cmd, ngx_str_t *auction,
    uint64_t version, rtprop_auction_code_e code)
{
    if (cmd->worker->engine->durable) {
        (void) ngx_rtprop_auction_refused(cmd, auction, version, code);
    }
}


/* It waits to be written from now on; NULL, and counted: there is no room. */

static ngx_rtprop_auction_refused_t *
ngx_rtprop_auction_refused(ngx_rtprop_cmd_t *cmd, ngx_str_t *auction,
    uint64_t version, rtprop_auction_code_e code)
{
    u_char                        *p;
    json_t                        *amount;
    ngx_str_t                      user, client;
    rtprop_str_t                   client_id;
    ngx_rtprop_worker_t           *worker;
    ngx_rtprop_auction_conf_t     *conf;
    ngx_rtprop_auction_refused_t  *bid;

    worker = cmd->worker;
    conf = ngx_http_cycle_get_module_main_conf(worker->cycle,
                                               ngx_rtprop_auction_module);

    user = ngx_rtprop_user_id(cmd->user);
    ngx_str_null(&client);

    if (rtprop_json_get_string(cmd->payload, "client_bid_id", &client_id)
        == RTPROP_OK && client_id.len <= RTPROP_AUCTION_ID_LEN)
    {
        client = ngx_rtprop_auction_str(client_id);
    }

    bid = (conf->nrefused < NGX_RTPROP_AUCTION_AUDIT)
          ? ngx_alloc(sizeof(ngx_rtprop_auction_refused_t) + auction->len
                      + user.len + client.len, worker->log)
          : NULL;

    if (bid == NULL) {
        ngx_rtprop_auction_count(worker, NGX_RTPROP_AUCTION_STAT_UNAUDITED, 1);
        return NULL;
    }

    amount = rtprop_json_get(cmd->payload, "amount");

    bid->id = ngx_rtprop_hub_id(worker->hub);
    bid->amount = json_is_integer(amount) ? json_integer_value(amount) : -1;
    bid->version = version;
    bid->time = ngx_rtprop_now();
    bid->code = code;
    bid->cmd = NULL;
    bid->payload = NULL;

    p = bid->data;
    bid->auction.len = auction->len;
    bid->auction.data = p;
    p = ngx_cpymem(p, auction->data, auction->len);
    bid->user.len = user.len;
    bid->user.data = p;
    p = ngx_cpymem(p, user.data, user.len);
    bid->client_id.len = client.len;
    bid->client_id.data = p;

    if (client.len) {
        ngx_memcpy(p, client.data, client.len);
    }

    ngx_rtprop_auction_refused_add(conf, worker, bid);

    return bid;
}


static void
ngx_rtprop_auction_refused_add(ngx_rtprop_auction_conf_t *conf,
    ngx_rtprop_worker_t *worker, ngx_rtprop_auction_refused_t *bid)
{
    conf->worker = worker;
    conf->nrefused++;
    ngx_queue_insert_tail(&conf->refused, &bid->queue);

    if (!conf->auditing && !conf->audit.posted) {
        conf->audit.handler = ngx_rtprop_auction_audit_flush;
        conf->audit.data = conf;
        conf->audit.log = worker->log;

        ngx_post_event(&conf->audit, &ngx_posted_events);
    }
}


static void
ngx_rtprop_auction_audit_flush(ngx_event_t *ev)
{
    ngx_pool_t                  *pool;
    ngx_queue_t                 *q, bids;
    ngx_rtprop_auction_conf_t   *conf;
    ngx_rtprop_auction_group_t  *group;

    conf = ev->data;

    if (ngx_queue_empty(&conf->refused)) {
        return;
    }

    pool = ngx_rtprop_hub_pool(conf->worker->hub);
    group = pool ? ngx_pcalloc(pool, sizeof(ngx_rtprop_auction_group_t))
                 : NULL;

    if (group == NULL) {
        if (pool) {
            ngx_rtprop_hub_free_pool(conf->worker->hub, pool);
        }

        ngx_queue_init(&bids);
        ngx_queue_add(&bids, &conf->refused);
        ngx_queue_init(&conf->refused);
        ngx_rtprop_auction_audit_end(conf, &bids, NGX_ERROR);
        return;
    }

    group->conf = conf;
    group->pool = pool;
    ngx_queue_init(&group->bids);

    while (!ngx_queue_empty(&conf->refused)
           && group->n < NGX_RTPROP_AUCTION_GROUP)
    {
        q = ngx_queue_head(&conf->refused);
        ngx_queue_remove(q);
        ngx_queue_insert_tail(&group->bids, q);
        group->n++;
    }

    group->statement.query = conf->refuse;
    group->statement.params = group->params;
    group->work.statements = &group->statement;
    group->work.n = 1;
    group->work.write = 1;
    group->work.done = ngx_rtprop_auction_audited;
    group->work.data = group;

    conf->auditing = 1;

    if (ngx_rtprop_auction_audit_params(group) != NGX_OK) {
        group->work.rc = NGX_ERROR;
        ngx_rtprop_auction_audited(&group->work);
        return;
    }

    ngx_rtprop_store_do(conf->worker->store, &group->work);
}


static ngx_int_t
ngx_rtprop_auction_audit_params(ngx_rtprop_auction_group_t *group)
{
    int64_t                       *numbers;
    ngx_str_t                     *texts;
    ngx_uint_t                     i, n;
    ngx_queue_t                   *q;
    ngx_rtprop_param_t            *params;
    ngx_rtprop_auction_refused_t  *bid;

    n = group->n;
    params = group->params;
    texts = ngx_palloc(group->pool, 4 * n * sizeof(ngx_str_t));
    numbers = ngx_palloc(group->pool, 4 * n * sizeof(int64_t));

    if (texts == NULL || numbers == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_RTPROP_AUCTION_ARRAYS; i++) {
        params[i].n = n;
    }

    params[0].texts = texts;
    params[1].numbers = numbers;
    params[2].texts = texts + n;
    params[3].numbers = numbers + n;
    params[4].texts = texts + 2 * n;
    params[5].texts = texts + 3 * n;
    params[6].numbers = numbers + 2 * n;
    params[7].numbers = numbers + 3 * n;

    i = 0;

    for (q = ngx_queue_head(&group->bids);
         q != ngx_queue_sentinel(&group->bids);
         q = ngx_queue_next(q))
    {
        bid = ngx_queue_data(q, ngx_rtprop_auction_refused_t, queue);

        params[0].texts[i] = bid->auction;
        params[1].numbers[i] = bid->id;
        params[2].texts[i] = bid->user;
        params[3].numbers[i] = bid->amount;
        params[4].texts[i] = bid->client_id;
        params[5].texts[i].data = (u_char *)
                                  rtprop_auction_code_word(bid->code);
        params[5].texts[i].len = ngx_strlen(params[5].texts[i].data);
        params[6].numbers[i] = bid->version;
        params[7].numbers[i] = bid->time;
        i++;
    }

    return NGX_OK;
}


static void
ngx_rtprop_auction_audited(ngx_rtprop_work_t *work)
{
    ngx_rtprop_auction_conf_t   *conf;
    ngx_rtprop_auction_group_t  *group;

    group = work->data;
    conf = group->conf;
    conf->auditing = 0;

    ngx_rtprop_auction_audit_end(conf, &group->bids, work->rc);

    ngx_rtprop_hub_free_pool(conf->worker->hub, group->pool);

    if (!conf->auditing && !ngx_queue_empty(&conf->refused)) {
        ngx_post_event(&conf->audit, &ngx_posted_next_events);
    }
}


/* An answer may bring its client's next bid, which waits in "refused". */

static void
ngx_rtprop_auction_audit_end(ngx_rtprop_auction_conf_t *conf,
    ngx_queue_t *bids, ngx_int_t rc)
{
    ngx_queue_t                   *q;
    ngx_rtprop_auction_refused_t  *bid;

    while (!ngx_queue_empty(bids)) {
        q = ngx_queue_head(bids);
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): freed when off */
        ngx_queue_remove(q);
        conf->nrefused--;

        bid = ngx_queue_data(q, ngx_rtprop_auction_refused_t, queue);

        if (rc != NGX_OK) {
            ngx_rtprop_auction_count(conf->worker,
                                     NGX_RTPROP_AUCTION_STAT_UNAUDITED, 1);
        }

        if (bid->cmd && rc == NGX_OK) {
            ngx_rtprop_auction_bid_rejected(bid->cmd, bid->code, bid->payload);

        } else if (bid->cmd) {
            json_decref(bid->payload);
            ngx_rtprop_auction_bid_unaudited(bid->cmd, &bid->auction);
        }

        ngx_free(bid);
    }
}
