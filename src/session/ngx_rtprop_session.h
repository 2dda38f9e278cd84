/*
 * A session: who is at the other end of a live connection, whatever carries it
 * and whatever dialect it speaks.
 *
 * Declares what the layers above register: transports, protocols (dialects),
 * commands, resources (HTTP), and the hooks through which the hub hears of
 * sessions.  Nothing here knows a feature.
 */

#ifndef _NGX_RTPROP_SESSION_H_INCLUDED_
#define _NGX_RTPROP_SESSION_H_INCLUDED_


#include "ngx_rtprop.h"
#include "base/ngx_rtprop_stat.h"
#include "session/rtprop_identity.h"
#include "ws/ngx_rtprop_ws.h"


/* Close codes: RFC 6455, 7.4.1, and our own. */

#define NGX_RTPROP_CLOSE_NORMAL       1000
#define NGX_RTPROP_CLOSE_GOING_AWAY   1001
#define NGX_RTPROP_CLOSE_UNSUPPORTED  1003
#define NGX_RTPROP_CLOSE_POLICY       1008
#define NGX_RTPROP_CLOSE_INTERNAL     1011
#define NGX_RTPROP_CLOSE_RESTART      1012
#define NGX_RTPROP_CLOSE_SLOW         1013
#define NGX_RTPROP_CLOSE_EXPIRED      4001
#define NGX_RTPROP_CLOSE_ERRORS       4002


/* Commands of a session that wait for their end; more are rate_limited. */

#define NGX_RTPROP_CMDS_MAX           256


/* --------------------------------------------------------- transport --- */

/*
 * What carries frames to the client.  send: queues a reference of its own to
 * the frame; it goes out at the end of this turn of the loop.  NGX_ERROR: the
 * session is being closed.  Neither calls back nor frees the session before
 * the turn ends.
 */
typedef struct {
    ngx_str_t    name;
    ngx_int_t  (*send)(ngx_rtprop_session_t *s, ngx_rtprop_frame_t *f);
    void       (*close)(ngx_rtprop_session_t *s, ngx_uint_t code,
                   const char *reason);
    /*
     * 1 while something waits for a slow reader; what was queued in this turn
     * of the loop is none.
     */
    ngx_uint_t (*backlog)(ngx_rtprop_session_t *s);
} ngx_rtprop_transport_t;


/* ---------------------------------------------------------- protocol --- */

/* Where an answer to a join stands in its channel. */

typedef struct {
    ngx_str_t    channel;
    uint64_t     epoch;
    uint64_t     offset;
} ngx_rtprop_position_t;



/*
 * A dialect: turns text into commands, and events and answers into frames.
 * An event is encoded once per variant (dialect and field case) for all its
 * receivers; s->variant names the session's.
 */
struct ngx_rtprop_protocol_s {
    ngx_str_t    name;          /* also the subprotocol that is echoed */

    /* Variants that this one has; base is set at registration. */
    ngx_uint_t   nvariants;
    ngx_uint_t   base;

    /* The variant of a location, 0 .. nvariants - 1. */
    ngx_uint_t  (*variant)(ngx_rtprop_loc_conf_t *conf);

    /*
     * First frames after the upgrade (welcome); called by the hub's opened().
     * pos: where the session's own channel "user:{id}" stands.
     */
    void        (*open)(ngx_rtprop_session_t *s,
                    ngx_rtprop_position_t *pos);

    /* NULL, or frees what the protocol keeps for a session (s->ctx). */
    void        (*close)(ngx_rtprop_session_t *s);

    /* One whole message; bytes are valid during the call only. */
    void        (*message)(ngx_rtprop_session_t *s, ngx_str_t *text,
                    ngx_uint_t binary);

    /*
     * Makes the frame of an event, with one reference, the caller's; variant
     * is s->variant, base included; payload is ev's, or the alt_payload for
     * its user.  NULL: no memory, or nothing to send in this dialect.
     */
    ngx_rtprop_frame_t *(*encode)(ngx_rtprop_worker_t *worker,
                    ngx_uint_t variant, ngx_rtprop_event_t *ev,
                    ngx_str_t *payload);

    /*
     * An event to this session alone.  id: raw JSON of the command's id, or
     * empty; payload: borrowed; pos: NULL, or where an answer to a join stands.
     */
    ngx_int_t   (*send)(ngx_rtprop_session_t *s, ngx_str_t *id,
                    ngx_str_t *type, json_t *payload,
                    ngx_rtprop_position_t *pos);

    /*
     * send() of a payload that is JSON text already, its keys in snake_case;
     * NULL where the dialect has no shorter way than send().
     */
    ngx_int_t   (*text)(ngx_rtprop_session_t *s, ngx_str_t *id,
                    ngx_str_t *type, ngx_str_t *payload,
                    ngx_rtprop_position_t *pos);

    /* The end of a command that has no answer of its own; payload: borrowed. */
    ngx_int_t   (*ack)(ngx_rtprop_session_t *s, ngx_str_t *id,
                    json_t *payload);

    /* A refusal; extra: NULL or more members of the payload (borrowed). */
    ngx_int_t   (*error)(ngx_rtprop_session_t *s, ngx_str_t *id,
                    ngx_str_t *event, const char *code, const char *message,
                    json_t *extra);
};


/* Gives a protocol its base; NGX_ERROR when NGX_RTPROP_VARIANTS are used up. */
ngx_int_t ngx_rtprop_protocol_add(ngx_conf_t *cf,
    ngx_rtprop_protocol_t *protocol);


/* ----------------------------------------------------------- session --- */

typedef enum {
    NGX_RTPROP_SESSION_OPEN = 0,
    NGX_RTPROP_SESSION_CLOSING,     /* close frame sent or due */
    NGX_RTPROP_SESSION_CLOSED       /* unlinked, waits to be freed */
} ngx_rtprop_session_state_e;


/* The hub's: where a session stands in the channel of its user. */

typedef struct {
    ngx_rtprop_session_t       *next;       /* in its bucket */
    uint64_t                    epoch;      /* 0: no place known */
    uint64_t                    offset;     /* last one sent to it */
    uint64_t                    start;      /* of the channel at opening */
} ngx_rtprop_own_t;


struct ngx_rtprop_session_s {
    ngx_queue_t                 queue;      /* the worker's sessions */
    ngx_rtprop_worker_t        *worker;
    ngx_rtprop_loc_conf_t      *conf;
    ngx_rtprop_transport_t     *transport;
    ngx_rtprop_protocol_t      *protocol;
    ngx_connection_t           *connection;

    rtprop_identity_t          *user;       /* id, name, role, claims */
    ngx_queue_t                 subs;       /* hub: ngx_rtprop_sub_t */
    ngx_queue_t                 cmds;       /* commands not yet answered */
    ngx_rtprop_own_t            own;        /* the user's channel */

    u_char                      id[NGX_RTPROP_SESSION_ID];

    ngx_event_t                *expiry;     /* of the token; NULL: never */
    int64_t                     expires;    /* ms since the epoch; 0: never */
    void                       *ctx;        /* the protocol's own */
    const char                 *address;    /* of the client, text */
    uint32_t                    errors_since;   /* ms */
    uint16_t                    nerrors;
    uint16_t                    ncmds;      /* in the queue cmds, bounded */
    uint16_t                    code;       /* it was closed with, or 0 */
    uint8_t                     variant;    /* index into an event's frames */
    uint8_t                     state;      /* ngx_rtprop_session_state_e */
    unsigned                    batch:1;    /* asked for batched events */
    unsigned                    admitted:1; /* counted by the hub */
    unsigned                    first:1;    /* the user's only one: admit's */
    unsigned                    opened:1;   /* the hub has heard of it */
    unsigned                    pooled:1;   /* user is in the pool */
    unsigned                    placed:1;   /* in its own channel ... */
    unsigned                    counted:1;  /* ... as subscriber */

    uint32_t                    ping;       /* interval, ms */
    uint32_t                    received;   /* messages */
    uint32_t                    sent;       /* frames */
    int64_t                     start;      /* ms since the epoch */
};


/* The question whether a user may have one more session. */

typedef struct ngx_rtprop_admit_s  ngx_rtprop_admit_t;

struct ngx_rtprop_admit_s {
    ngx_pool_t                 *pool;
    ngx_str_t                   user;
    /*
     * JSON text: {"since", "name", "avatar", "role", "address", "protocol"},
     * strings (absent: unknown) but since, which is in ms since the epoch.
     */
    ngx_str_t                   info;
    u_char                      session[NGX_RTPROP_SESSION_ID];
    ngx_uint_t                  max;
    ngx_int_t                   rc;
    unsigned                    first:1;    /* out: the user's only session */
    void                      (*done)(ngx_rtprop_admit_t *admit);
    void                       *data;
};


/* All sessions of a worker, and who is told of them. */

struct ngx_rtprop_sessions_s {
    ngx_queue_t                 queue;      /* ngx_rtprop_session_t.queue */
    ngx_uint_t                  count;

    u_char                      random[64 * NGX_RTPROP_SESSION_ID];
    ngx_uint_t                  nrandom;    /* octets of it not yet used */

    ngx_queue_t                 dead;       /* commands that ended this turn */
    ngx_event_t                 reap;       /* frees them */
    ngx_event_t                 drain;      /* closes some of the sessions */
    ngx_msec_t                  drain_end;
    ngx_uint_t                  drain_count;    /* at its start */

    /*
     * The hub's.  admit: before the upgrade; op.rc is NGX_OK, NGX_DECLINED
     * (too many connections of this user: 429) or another (503).  Counts the
     * session in; withdraw takes an admitted one that failed to open out again.
     */
    void  (*admit)(ngx_rtprop_worker_t *worker,
              ngx_rtprop_admit_t *admit);
    void  (*withdraw)(ngx_rtprop_worker_t *worker, ngx_str_t *user,
              u_char *session);
    void  (*opened)(ngx_rtprop_session_t *s);   /* calls protocol->open */
    void  (*closed)(ngx_rtprop_session_t *s);   /* once; s is still whole */
};


/* The content handler of a location with a WebSocket dialect. */
ngx_int_t ngx_rtprop_session_ws_handler(ngx_http_request_t *r);

/* Registers the session's counters and variables; by the core's. */
ngx_int_t ngx_rtprop_session_preconfiguration(ngx_conf_t *cf);

ngx_int_t ngx_rtprop_session_init_worker(ngx_rtprop_worker_t *worker);

/* A fast stop: the log gets the lines of the sessions that end with it. */
void ngx_rtprop_session_exit_worker(ngx_rtprop_worker_t *worker);

/*
 * Starts to close: the client gets the code and the reason (at most 123 octets
 * of UTF-8), commands under way lose their session.  May be called from
 * anywhere, any number of times; nothing is freed before the turn ends.
 */
void ngx_rtprop_session_close(ngx_rtprop_session_t *s, ngx_uint_t code,
    const char *reason);

/*
 * Sends an event to this session alone; payload is taken over (its reference
 * is given up) even on an error.
 */
ngx_int_t ngx_rtprop_session_send(ngx_rtprop_session_t *s, const char *type,
    json_t *payload);

/* Counts a refused message; closes with 4002 past rtprop_errors. */
void ngx_rtprop_session_refused(ngx_rtprop_session_t *s);

/*
 * Refuses a message: the protocol's error event, and counts it unless the
 * fault is the server's ("unavailable", "internal").  extra: borrowed, or NULL.
 */
void ngx_rtprop_session_error(ngx_rtprop_session_t *s, ngx_str_t *id,
    ngx_str_t *event, const char *code, const char *message, json_t *extra);

/*
 * Takes over a newer identity of the same user (auth:refresh) and its expiry in
 * ms since the epoch, 0: never.  Commands under way keep the former one.
 */
void ngx_rtprop_session_refresh(ngx_rtprop_session_t *s,
    rtprop_identity_t *user, int64_t expires);

/* A new random id; NGX_ERROR: OpenSSL has no random octets. */
ngx_int_t ngx_rtprop_session_id_make(ngx_rtprop_worker_t *worker, u_char *id);

/* 32 hex digits of a session's id into buf; and back, NGX_ERROR: it is none. */
void ngx_rtprop_session_id_text(const u_char *id, u_char *buf);
ngx_int_t ngx_rtprop_session_id_parse(ngx_str_t *text, u_char *id);


/* A user's strings, borrowed from the identity. */

static inline ngx_str_t
ngx_rtprop_user_id(const rtprop_identity_t *user)
{
    ngx_str_t     str;
    rtprop_str_t  id = rtprop_identity_id(user);

    str.len = id.len;
    str.data = id.data;

    return str;
}


static inline ngx_str_t
ngx_rtprop_user_name(const rtprop_identity_t *user)
{
    ngx_str_t     str;
    rtprop_str_t  name = rtprop_identity_name(user);

    str.len = name.len;
    str.data = name.data;

    return str;
}


static inline ngx_str_t
ngx_rtprop_user_role(const rtprop_identity_t *user)
{
    ngx_str_t     str;
    rtprop_str_t  role = rtprop_identity_role(user);

    str.len = role.len;
    str.data = role.data;

    return str;
}


static inline ngx_str_t
ngx_rtprop_user_avatar(const rtprop_identity_t *user)
{
    ngx_str_t     str;
    rtprop_str_t  avatar = rtprop_identity_avatar(user);

    str.len = avatar.len;
    str.data = avatar.data;

    return str;
}


/* The first half of the session's id, to tell sessions apart in the log. */

static inline uint64_t
ngx_rtprop_session_tag(ngx_rtprop_session_t *s)
{
    uint64_t    tag;
    ngx_uint_t  i;

    tag = 0;

    for (i = 0; i < sizeof(uint64_t); i++) {
        tag = tag << 8 | s->id[i];
    }

    return tag;
}


/* ------------------------------------------------ for transports only --- */

/*
 * Makes a session in its zeroed struct: id, state, lists; the caller has set
 * conf, transport, protocol, connection, user (owned by the session from now
 * on, freed with the connection's pool) and expires.  NGX_ERROR: not made, user
 * is freed.
 */
ngx_int_t ngx_rtprop_session_init(ngx_rtprop_worker_t *worker,
    ngx_rtprop_session_t *s);

/* The client can be sent to: welcome, and the hub hears of it. */
void ngx_rtprop_session_opened(ngx_rtprop_session_t *s);

/* One whole message. */
void ngx_rtprop_session_message(ngx_rtprop_session_t *s, ngx_str_t *text,
    ngx_uint_t binary);

/*
 * Nothing comes or goes any more: the hub hears of it, commands lose their
 * session, the log gets its line.  Once; not from within a call of the layers
 * above.  The struct must stay until this turn of the loop ends.
 */
void ngx_rtprop_session_closed(ngx_rtprop_session_t *s, ngx_uint_t code);

/* The worker is going to exit: 1012 to all, spread over rtprop_drain. */
void ngx_rtprop_sessions_drain(ngx_rtprop_worker_t *worker);

/* Writes the line of rtprop_log. */
void ngx_rtprop_session_log(ngx_rtprop_session_t *s, ngx_uint_t code);


/* ----------------------------------------------------------- counters --- */

typedef enum {
    NGX_RTPROP_STAT_SESSIONS = 0,   /* gauge */
    NGX_RTPROP_STAT_OPENED,
    NGX_RTPROP_STAT_REFUSED,        /* handshakes */
    NGX_RTPROP_STAT_RECEIVED,       /* messages */
    NGX_RTPROP_STAT_SENT,
    NGX_RTPROP_STAT_COMMANDS,
    NGX_RTPROP_STAT_ERRORS,         /* refused messages */
    NGX_RTPROP_STAT_LIMITED,        /* over a rate */
    NGX_RTPROP_STAT_EXPIRED,        /* closed with 4001 */
    NGX_RTPROP_STAT_FAULTY          /* closed with 4002 */
} ngx_rtprop_session_stat_e;

extern ngx_rtprop_stat_desc_t  ngx_rtprop_session_stats[];


static inline void
ngx_rtprop_session_stat(ngx_rtprop_worker_t *worker,
    ngx_rtprop_session_stat_e stat, int64_t delta)
{
    ngx_rtprop_stat_bump(worker, &ngx_rtprop_session_stats[stat], delta);
}


#endif /* _NGX_RTPROP_SESSION_H_INCLUDED_ */
