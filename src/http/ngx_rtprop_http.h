/*
 * The HTTP interface: locations "api", "health" and "metrics".
 *
 *   ngx_rtprop_http_api.c          who may ask, and what for: key, origin, path
 *   ngx_rtprop_http_access.c       the checks of key, address and origin
 *   ngx_rtprop_http_exchange.c     from request to command to answer
 *   ngx_rtprop_http_body.c         bodies and queries
 *   ngx_rtprop_http_retry.c        Idempotency-Key
 *   ngx_rtprop_http_reply.c        statuses, headers, JSON
 *   ngx_rtprop_http_publish.c      POST publish
 *   ngx_rtprop_http_channels.c     channels, connections of a user
 *   ngx_rtprop_http_health.c, ngx_rtprop_http_metrics.c
 */

#ifndef _NGX_RTPROP_HTTP_H_INCLUDED_
#define _NGX_RTPROP_HTTP_H_INCLUDED_


#include "ngx_rtprop.h"
#include "session/ngx_rtprop_command.h"
#include "hub/ngx_rtprop_hub.h"


/* Registers locations, resources and counters; by the core's. */
ngx_int_t ngx_rtprop_http_preconfiguration(ngx_conf_t *cf);

/* Slot setter of "rtprop_api_key file"; conf is ngx_rtprop_loc_conf_t. */
char *ngx_rtprop_http_api_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


/* What the main configuration keeps for this folder: its member http. */

typedef struct {
    time_t                   started;    /* of the first configuration */
} ngx_rtprop_http_main_t;


/* ---------------------------------------------------------- exchange --- */

/*
 * One request to the API and its answer.  It has a pool of its own, since it
 * outlives the request when the client goes away before the answer.
 */

typedef enum {
    NGX_RTPROP_HTTP_READING = 0,    /* the body is awaited */
    NGX_RTPROP_HTTP_WORKING,        /* command or engine has it */
    NGX_RTPROP_HTTP_ENDED           /* answered, to be freed */
} ngx_rtprop_http_state_e;


typedef struct {
    ngx_pool_t              *pool;
    ngx_rtprop_worker_t     *worker;
    ngx_http_request_t      *request;    /* NULL once it has gone */
    ngx_http_cleanup_t      *cleanup;    /* of the request */
    ngx_rtprop_resource_t   *resource;
    ngx_str_t                path[NGX_RTPROP_PATH_MAX];
    size_t                   max_body;

    json_t                  *payload;    /* owned until the command has it */
    ngx_rtprop_cmd_t        *cmd;        /* under way, or NULL */
    ngx_pool_cleanup_t      *guard;      /* of the command's pool */

    ngx_uint_t               status;     /* the answer's */
    json_t                  *body;       /* owned; NULL: none */
    uint64_t                 version;    /* its ETag; 0: none */

    ngx_str_t                key;        /* Idempotency-Key, or empty */
    ngx_str_t                print;      /* of what is asked: hex digest */
    ngx_rtprop_state_t       kept;       /* document of the first answer */

    ngx_uint_t               state;      /* ngx_rtprop_http_state_e */
    unsigned                 running:1;  /* within the request's own turn */
    unsigned                 replayed:1;
} ngx_rtprop_http_exchange_t;


/*
 * Starts an exchange for a resource: reads the body where there may be one,
 * runs the command, answers.  path's strings are copied.  Returns what the
 * content handler is to return.
 */
ngx_int_t ngx_rtprop_http_exchange(ngx_http_request_t *r,
    ngx_rtprop_resource_t *resource, ngx_str_t *path);

/* Runs the command of an exchange; x may be gone afterwards. */
void ngx_rtprop_http_run(ngx_rtprop_http_exchange_t *x);

/* Sends the answer that is in x, and ends it. */
void ngx_rtprop_http_answer(ngx_rtprop_http_exchange_t *x);

/* Ends it with a refusal of the API's own. */
void ngx_rtprop_http_answer_refused(ngx_rtprop_http_exchange_t *x,
    ngx_uint_t status, const char *code, const char *message);


/* -------------------------------------------------------------- body --- */

#define NGX_RTPROP_HTTP_BODY  16    /* the largest: times rtprop_max_message */

/*
 * Sets x->payload from the body that has been read, text to its bytes (valid
 * as long as the request).  NGX_OK, or NGX_DECLINED: x has been answered with
 * 400, 413, 415, 422 or 500, and is to be left alone.
 */
ngx_int_t ngx_rtprop_http_body(ngx_rtprop_http_exchange_t *x,
    ngx_http_request_t *r, ngx_str_t *text);

/* The same from the query. */
ngx_int_t ngx_rtprop_http_query(ngx_rtprop_http_exchange_t *x,
    ngx_http_request_t *r);

/* 1 if the request says that its body is JSON. */
ngx_uint_t ngx_rtprop_http_typed(ngx_http_request_t *r);


/* ------------------------------------------------------------- retry --- */

/*
 * Idempotency-Key.  begin claims the key, then runs the command; or answers
 * what the first request with the key was answered; or refuses with 409: the
 * first one is under way, or asked for something else.  x->key and x->print
 * are set; x may be gone afterwards.
 */
void ngx_rtprop_http_retry_begin(ngx_rtprop_http_exchange_t *x);

/* Keeps a good answer for 10 minutes, forgets the key of others; answers. */
void ngx_rtprop_http_retry_end(ngx_rtprop_http_exchange_t *x);

/*
 * Sets x->key and x->print from the request's header; text is the body.
 * NGX_OK; NGX_DECLINED: no such header; NGX_ABORT: it can be no key; NGX_ERROR.
 */
ngx_int_t ngx_rtprop_http_retry_key(ngx_rtprop_http_exchange_t *x,
    ngx_http_request_t *r, ngx_str_t *text);


/* ------------------------------------------------------------ access --- */

/*
 * May this request use the API?  NGX_OK, or a status: 401 (with
 * WWW-Authenticate pushed), 403.
 */
ngx_int_t ngx_rtprop_http_access(ngx_http_request_t *r,
    ngx_rtprop_loc_conf_t *lcf);

/*
 * The same in a public location: the origin rule, and its headers for the
 * browser.  NGX_OK, 403, or NGX_ERROR.
 */
ngx_int_t ngx_rtprop_http_cors(ngx_http_request_t *r);


/* ------------------------------------------------------------- reply --- */

/* A header of the request by its name in lower case; NULL: none. */
ngx_str_t *ngx_rtprop_http_header_in(ngx_http_request_t *r, const char *name);

/* Adds a header to the answer; value's bytes must stay. */
ngx_table_elt_t *ngx_rtprop_http_header_out(ngx_http_request_t *r,
    const char *name, ngx_str_t *value);

/*
 * Sends a whole answer: JSON (taken over; NULL: no body), never to be cached.
 * Returns what the request is to be finalized with.
 */
ngx_int_t ngx_rtprop_http_reply(ngx_http_request_t *r, ngx_uint_t status,
    json_t *body);

/* The same with a chain of plain buffers of this content type. */
ngx_int_t ngx_rtprop_http_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, ngx_chain_t *out);

/* {"code", "message"}, a new reference; NULL: no memory. */
json_t *ngx_rtprop_http_error(const char *code, const char *message);

/*
 * Replies with a refusal before any exchange; the body that may follow is
 * discarded.
 */
ngx_int_t ngx_rtprop_http_refuse(ngx_http_request_t *r, ngx_uint_t status,
    const char *code, const char *message);

/* Adds ETag for a version; 304 if the client has it already. */
ngx_int_t ngx_rtprop_http_etag(ngx_http_request_t *r, uint64_t version,
    ngx_uint_t *status);

/* 405 with these methods (bits) as Allow, or 204 for OPTIONS. */
ngx_int_t ngx_rtprop_http_allow(ngx_http_request_t *r, ngx_uint_t methods);


/*
 * Warns of what is set in this location itself, ahead of the merge, and does
 * nothing beside its "rtprop".
 */
void ngx_rtprop_http_check(ngx_conf_t *cf, ngx_rtprop_loc_conf_t *conf);

/*
 * For a location that serves something (nothing is done unless it is "api"),
 * after nginx's own limits are merged: a body that is allowed stays in memory,
 * not in a file; one that nginx refuses as too large is answered as JSON.
 */
ngx_int_t ngx_rtprop_http_merge(ngx_conf_t *cf, ngx_rtprop_loc_conf_t *conf);


/* --------------------------------------------------------- the others --- */

ngx_int_t ngx_rtprop_http_publish_add(ngx_conf_t *cf);
ngx_int_t ngx_rtprop_http_channels_add(ngx_conf_t *cf);

ngx_int_t ngx_rtprop_http_health_handler(ngx_http_request_t *r);
ngx_int_t ngx_rtprop_http_metrics_handler(ngx_http_request_t *r);

/* Sum of all counters or gauges of a name, whatever their labels. */
int64_t ngx_rtprop_http_stat(ngx_rtprop_worker_t *worker, const char *name);

/* Workers that have a slot of the zone and do not drain. */
ngx_uint_t ngx_rtprop_http_workers(ngx_rtprop_worker_t *worker);

/* Seconds since nginx started to serve with rtprop, over reloads. */
time_t ngx_rtprop_http_uptime(ngx_rtprop_worker_t *worker);

/* Counts what the API did, see the table in ngx_rtprop_http_api.c. */
typedef enum {
    NGX_RTPROP_HTTP_REQUESTS = 0,
    NGX_RTPROP_HTTP_REFUSALS,
    NGX_RTPROP_HTTP_REPLAYS,
    NGX_RTPROP_HTTP_PUBLISHED
} ngx_rtprop_http_stat_e;

void ngx_rtprop_http_count(ngx_rtprop_worker_t *worker,
    ngx_rtprop_http_stat_e which, ngx_uint_t n);


#endif /* _NGX_RTPROP_HTTP_H_INCLUDED_ */
