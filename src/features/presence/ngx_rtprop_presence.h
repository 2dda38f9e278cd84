/*
 * Agents in a worker: online, busy or offline, and who is told so.
 *
 *     ngx_rtprop_presence_module.c     what is registered
 *     ngx_rtprop_presence.c            what agents say and do
 *     ngx_rtprop_presence_look.c       an agent's status, for whoever asks
 *     ngx_rtprop_presence_tell.c       the status to viewers of properties
 *     rtprop_presence.c                the rules
 *
 * An agent's document is "agent:{id}".  It holds the agent's properties too, so
 * that their viewers hear of an agent whose worker died.
 */

#ifndef _NGX_RTPROP_PRESENCE_H_INCLUDED_
#define _NGX_RTPROP_PRESENCE_H_INCLUDED_


#include "base/ngx_rtprop_stat.h"
#include "hub/ngx_rtprop_hub.h"
#include "features/presence/rtprop_presence.h"


#define NGX_RTPROP_PRESENCE_DOC   "agent"
#define NGX_RTPROP_PRESENCE_ROLE  "agent"


typedef enum {
    NGX_RTPROP_PRESENCE_CHANGES = 0,
    NGX_RTPROP_PRESENCE_TOLD
} ngx_rtprop_presence_stat_e;


extern ngx_module_t            ngx_rtprop_presence_module;
extern ngx_rtprop_stat_desc_t  ngx_rtprop_presence_stats[];


/* A look at an agent; lives in a pool of the caller's. */

typedef struct ngx_rtprop_presence_look_s  ngx_rtprop_presence_look_t;

struct ngx_rtprop_presence_look_s {
    ngx_rtprop_hub_t           *hub;
    ngx_pool_t                 *pool;
    ngx_str_t                   id;         /* stays until done() */
    void                      (*done)(ngx_rtprop_presence_look_t *look);
    void                       *data;

    /* out */
    ngx_int_t                   rc;         /* the engine's, or NGX_OK */
    json_t                     *status;     /* the payload; the caller's */

    /* private */
    ngx_rtprop_state_t          state;
    ngx_rtprop_members_t        members;
};


/* Says where agents are kept; part of preconfiguration. */
ngx_int_t ngx_rtprop_presence_store(ngx_conf_t *cf);

/* Handlers of commands. */
void ngx_rtprop_presence_online(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_presence_busy(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_presence_offline(ngx_rtprop_cmd_t *cmd);

/* presence:check_agent, and the resource agents/{id}. */
void ngx_rtprop_presence_check(ngx_rtprop_cmd_t *cmd);
void ngx_rtprop_presence_http_get(ngx_rtprop_cmd_t *cmd);

/* The fact "agent". */
void ngx_rtprop_presence_fact(ngx_rtprop_hub_t *hub, ngx_rtprop_ask_t *ask,
    void *data);

/* Observers. */
void ngx_rtprop_presence_came(ngx_rtprop_session_t *s, void *data);
void ngx_rtprop_presence_went(ngx_rtprop_hub_t *hub, ngx_str_t *user,
    ngx_str_t *info, void *data);
void ngx_rtprop_presence_replied(ngx_rtprop_hub_t *hub, ngx_str_t *user,
    int64_t waited, void *data);
void ngx_rtprop_presence_assigned(ngx_rtprop_hub_t *hub, ngx_str_t *agent,
    ngx_str_t *property, ngx_uint_t yes, void *data);


/*
 * Reads an agent's document and whether the agent is connected.  Somebody of
 * whom there is no document is no agent: offline, whether connected or not.
 * done() is called once, maybe before this returns.
 */
void ngx_rtprop_presence_look(ngx_rtprop_presence_look_t *look);

/*
 * Tells the viewers of the agent's properties the status as it is now; waits
 * for nothing, agent is copied.
 */
void ngx_rtprop_presence_tell(ngx_rtprop_hub_t *hub, ngx_str_t *agent);


static inline void
ngx_rtprop_presence_stat(ngx_rtprop_worker_t *worker,
    ngx_rtprop_presence_stat_e stat, int64_t delta)
{
    ngx_rtprop_stat_bump(worker, &ngx_rtprop_presence_stats[stat], delta);
}


#endif /* _NGX_RTPROP_PRESENCE_H_INCLUDED_ */
