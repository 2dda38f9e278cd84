/*
 * ngx_rtprop.h: opaque types, configuration structs, the worker struct, return
 * codes.  No logic.
 *
 * Return codes have nginx's meaning:
 *   NGX_OK        done
 *   NGX_AGAIN     will be done later
 *   NGX_DECLINED  understood, and refused (a conflict, held by another, absent)
 *   NGX_ABORT     too late (a not_after in the past)
 *   NGX_BUSY      no room: a bound was reached; the client may retry
 *   NGX_ERROR     unavailable or out of memory; logged where it was found
 */

#ifndef _NGX_RTPROP_H_INCLUDED_
#define _NGX_RTPROP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>
#include <jansson.h>


#define NGX_RTPROP_VERSION       "0.1.0"

#define NGX_RTPROP_SESSION_ID    16     /* octets; 32 hex digits on the wire */
#define NGX_RTPROP_NAME_MAX      128    /* octets of a user's or channel's id */
#define NGX_RTPROP_CHANNEL_MAX   160    /* octets of a channel's whole name */
#define NGX_RTPROP_VARIANTS      12     /* encodings: dialect x case */


typedef struct ngx_rtprop_main_conf_s  ngx_rtprop_main_conf_t;
typedef struct ngx_rtprop_loc_conf_s   ngx_rtprop_loc_conf_t;
typedef struct ngx_rtprop_worker_s     ngx_rtprop_worker_t;

typedef struct ngx_rtprop_zone_s       ngx_rtprop_zone_t;
typedef struct ngx_rtprop_stat_s       ngx_rtprop_stat_t;
typedef struct ngx_rtprop_ws_worker_s  ngx_rtprop_ws_worker_t;
typedef struct ngx_rtprop_sessions_s   ngx_rtprop_sessions_t;
typedef struct ngx_rtprop_session_s    ngx_rtprop_session_t;
typedef struct ngx_rtprop_protocol_s   ngx_rtprop_protocol_t;
typedef struct ngx_rtprop_cmd_s        ngx_rtprop_cmd_t;
typedef struct ngx_rtprop_hub_s        ngx_rtprop_hub_t;
typedef struct ngx_rtprop_engine_s     ngx_rtprop_engine_t;
typedef struct ngx_rtprop_event_s      ngx_rtprop_event_t;
typedef struct ngx_rtprop_store_s      ngx_rtprop_store_t;


#define NGX_RTPROP_POOLS  32


/* What a location serves: a word of the directive "rtprop" and its handler. */

typedef struct {
    ngx_str_t                  name;       /* "native", "api", ... */
    ngx_http_handler_pt        handler;    /* the content handler */
    ngx_rtprop_protocol_t     *protocol;   /* NULL for "api" and the like */
    unsigned                   identity:1; /* needs rtprop_jwt_key or user */
} ngx_rtprop_location_t;


/* A bucket's rate as rtprop_rate sets it, see session/rtprop_rate.h. */

typedef struct {
    ngx_uint_t                 rate;       /* millitokens a second; 0: off */
    ngx_uint_t                 burst;      /* tokens */
} ngx_rtprop_rate_t;


typedef enum {
    NGX_RTPROP_RATE_MESSAGE = 0,
    NGX_RTPROP_RATE_TYPING,
    NGX_RTPROP_RATE_BID,
    NGX_RTPROP_RATE_OTHER,
    NGX_RTPROP_RATE_CLASSES
} ngx_rtprop_rate_class_e;


#define NGX_RTPROP_ENGINE_SHM    0
#define NGX_RTPROP_ENGINE_REDIS  1


#define NGX_RTPROP_CASE_SNAKE    1
#define NGX_RTPROP_CASE_CAMEL    2
#define NGX_RTPROP_CASE_BOTH     3


struct ngx_rtprop_main_conf_s {
    ngx_shm_zone_t            *shm_zone;
    ngx_rtprop_zone_t         *zone;       /* since the zone's init */
    ngx_str_t                  zone_name;
    size_t                     zone_size;
    ngx_uint_t                 engine;     /* NGX_RTPROP_ENGINE_* */
    ngx_msec_t                 redis_failover;
    ngx_msec_t                 presence_lease;
    void                      *redis;      /* engine/redis/ngx_rtprop_redis.h */

    ngx_uint_t                 history_messages;
    size_t                     history_bytes;
    time_t                     history_age;       /* seconds */
    ngx_msec_t                 drain;

    ngx_open_file_t           *log_file;          /* rtprop_log */

    /* registered at preconfiguration, frozen by postconfiguration */
    ngx_array_t                locations;    /* ngx_rtprop_location_t */
    ngx_array_t                commands;     /* ngx_rtprop_command_t * */
    ngx_hash_t                 command_hash;
    ngx_array_t                resources;    /* ngx_rtprop_resource_t * */
    ngx_array_t                kinds;        /* ngx_rtprop_kind_t * */
    ngx_array_t                jobs;         /* ngx_rtprop_job_t * */
    ngx_array_t                events;       /* ngx_rtprop_event_type_t * */
    ngx_hash_t                 event_hash;
    ngx_array_t                stats;        /* ngx_rtprop_stat_desc_t * */
    ngx_array_t                observers;    /* ngx_rtprop_observer_t * */
    ngx_array_t                facts;        /* ngx_rtprop_fact_t * */
    ngx_array_t                protocols;    /* ngx_rtprop_protocol_t * */

    void                      *http;         /* http/ngx_rtprop_http.h */
    void                      *store;        /* ngx_rtprop_store_conf_t */
    void                      *durable;      /* ngx_rtprop_durable_conf_t */
    void                      *relay;        /* ngx_rtprop_relay_queries_t */

    ngx_rtprop_worker_t       *worker;       /* since init_process */

    unsigned                   used:1;       /* some location serves rtprop */
};


struct ngx_rtprop_loc_conf_s {
    ngx_rtprop_location_t     *location;

    void                      *auth;         /* session/ngx_rtprop_auth.h */
    void                      *origin;       /* same */

    ngx_uint_t                 user_connections;
    ngx_rtprop_rate_t          rates[NGX_RTPROP_RATE_CLASSES];
    ngx_uint_t                 errors;       /* refusals ... */
    ngx_msec_t                 errors_time;  /* ... in this time */

    size_t                     max_message;
    ngx_msec_t                 ping_interval;
    ngx_msec_t                 ping_timeout;
    size_t                     queue_hard;
    size_t                     queue_soft;
    ngx_msec_t                 queue_soft_time;

    ngx_uint_t                 compression;        /* window; 0: off */
    ngx_uint_t                 compression_level;
    size_t                     compression_threshold;

    ngx_uint_t                 field_case;   /* NGX_RTPROP_CASE_* */
    ngx_msec_t                 batch;        /* 0: not offered */

    ngx_str_t                  api_key;
    ngx_flag_t                 api_public;

    void                      *ws;           /* ngx_rtprop_ws_conf_t */
    ngx_rtprop_main_conf_t    *main;
};


/*
 * One per worker process, made in init_process; everything mutable of a worker
 * hangs here.  A part reaches the others through it.
 */

struct ngx_rtprop_worker_s {
    ngx_cycle_t               *cycle;
    ngx_log_t                 *log;
    ngx_pool_t                *pool;         /* the worker's whole life */
    ngx_rtprop_main_conf_t    *conf;

    ngx_rtprop_zone_t         *zone;
    ngx_rtprop_stat_t         *stat;
    ngx_rtprop_ws_worker_t    *ws;
    ngx_rtprop_sessions_t     *sessions;
    ngx_rtprop_hub_t          *hub;
    ngx_rtprop_engine_t       *engine;
    ngx_rtprop_store_t        *store;        /* NULL: no rtprop_postgres */

    ngx_uint_t                 slot;         /* of the zone, this worker's */
    u_char                     key[16];      /* of hash tables, rtprop_hash */

    /*
     * Set by the engine when much is published that connections are to get: the
     * event that delivers it.  See ngx_rtprop_ws_wave().
     */
    ngx_event_t               *early;

    ngx_pool_t                *pools[NGX_RTPROP_POOLS];    /* to use again */
    ngx_uint_t                 npools;

    unsigned                   draining:1;   /* reload or quit under way */
};


extern ngx_module_t  ngx_rtprop_module;


/* Registers a word for the directive "rtprop"; call it in preconfiguration. */

ngx_int_t ngx_rtprop_location_add(ngx_conf_t *cf,
    ngx_rtprop_location_t *location);


static inline ngx_rtprop_main_conf_t *
ngx_rtprop_main_conf(ngx_conf_t *cf)
{
    return ngx_http_conf_get_module_main_conf(cf, ngx_rtprop_module);
}


/* Milliseconds since the epoch, UTC, of the turn of the loop under way. */

static inline int64_t
ngx_rtprop_now(void)
{
    ngx_time_t  *tp;

    tp = ngx_timeofday();

    return (int64_t) tp->sec * 1000 + tp->msec;
}


/* Microseconds of a clock that never jumps: for latencies. */

static inline uint64_t
ngx_rtprop_usec(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


#endif /* _NGX_RTPROP_H_INCLUDED_ */
