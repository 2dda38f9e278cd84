/*
 * Within the Redis client: a cluster's slots and nodes.
 */

#ifndef _NGX_RTPROP_REDIS_CLUSTER_H_INCLUDED_
#define _NGX_RTPROP_REDIS_CLUSTER_H_INCLUDED_


#include "engine/redis/ngx_rtprop_redis_conn.h"


struct ngx_rtprop_redis_cluster_s {
    ngx_rtprop_redis_t         *redis;
    ngx_rtprop_redis_conn_t     ask;       /* for CLUSTER SLOTS */
    ngx_rtprop_redis_cmd_t      cmd;
    ngx_str_t                   argv[2];
    ngx_uint_t                  turn;
    ngx_uint_t                  tried;     /* nodes, for this question */
    ngx_uint_t                  masters;   /* nodes that have slots */
    ngx_event_t                 refresh;
    ngx_msec_t                  last;      /* answer, ngx_current_msec */

    ngx_queue_t                 waiting;   /* commands, for the first answer */
    ngx_queue_t                 delayed;   /* that were told to try again */
    ngx_event_t                 delay;
    ngx_queue_t                 homeless;  /* subscriptions without a node */

    unsigned                    known:1;
    unsigned                    failed:1;  /* the first question, or later */
    char                        why[NGX_RTPROP_REDIS_WHY];

    ngx_rtprop_redis_node_t    *slots[RTPROP_REDIS_SLOTS];
    ngx_rtprop_redis_node_t    *next[RTPROP_REDIS_SLOTS];
};


/*
 * The node at this host (that of conn's where it is empty), made and started
 * when there is none; NULL: too many, or no memory.
 */
ngx_rtprop_redis_node_t *ngx_rtprop_redis_cluster_node(
    ngx_rtprop_redis_cluster_t *cluster, ngx_rtprop_redis_conn_t *conn,
    rtprop_redis_host_t *host);

/* Brings each subscription to its slot's node; stops nodes that leave. */
void ngx_rtprop_redis_cluster_rehome(ngx_rtprop_redis_cluster_t *cluster);

/* Sends the delayed commands; the timer's handler. */
void ngx_rtprop_redis_cluster_again(ngx_event_t *ev);


#endif /* _NGX_RTPROP_REDIS_CLUSTER_H_INCLUDED_ */
