/*
 * The hub: channels of this worker, their subscriptions, fan-out.
 *
 * Features publish through it and join sessions to channels; what comes back
 * from the engine is encoded once per dialect and handed to the sessions that
 * are subscribed here.
 */

#ifndef _NGX_RTPROP_HUB_H_INCLUDED_
#define _NGX_RTPROP_HUB_H_INCLUDED_


#include "ngx_rtprop.h"
#include "session/ngx_rtprop_session.h"
#include "session/ngx_rtprop_command.h"
#include "hub/ngx_rtprop_engine.h"


typedef struct ngx_rtprop_channel_s  ngx_rtprop_channel_t;
typedef struct ngx_rtprop_sub_s      ngx_rtprop_sub_t;
typedef struct ngx_rtprop_resume_s   ngx_rtprop_resume_t;
typedef struct ngx_rtprop_kind_s     ngx_rtprop_kind_t;
typedef struct ngx_rtprop_hub_jobs_s ngx_rtprop_hub_jobs_t;


/* The hub of a worker. */

struct ngx_rtprop_hub_s {
    ngx_rtprop_worker_t        *worker;
    ngx_rtprop_engine_t        *engine;

    ngx_rtprop_channel_t      **buckets;
    ngx_uint_t                  nbuckets;   /* a power of two */
    ngx_uint_t                  nchannels;

    ngx_rtprop_session_t      **users;      /* sessions by their user's id */
    ngx_uint_t                  user_mask;  /* of the buckets' numbers */
    ngx_uint_t                  nusers;     /* sessions in it */

    ngx_rtprop_protocol_t      *protocols[NGX_RTPROP_VARIANTS];
    ngx_queue_t                *docs;       /* buckets, see hub_update */
    ngx_queue_t                 remembered; /* of them; newest first */
    ngx_uint_t                  nremembered;
    ngx_array_t                 dead;       /* ngx_pool_t *, till turn's end */
    ngx_event_t                 sweep;
    ngx_event_t                 retry;      /* of re-reads that failed */
    ngx_event_t                 anew;       /* see ngx_rtprop_hub_anew.c */
    ngx_uint_t                  anew_bucket;
    ngx_uint_t                  anew_size;  /* buckets when it began */
    unsigned                    anew_more:1;
    ngx_rtprop_hub_jobs_t      *jobs;       /* that the engine lacks */

    uint64_t                    id_time;    /* of the last id, ms/64 */
    uint64_t                   *id_last;    /* the same, for who comes after */
    uint64_t                    id_number;  /* part of ids from here ... */
    uint64_t                    id_until;   /* ... till then, usec; then: */
    uint64_t                    id_chance;
};


/* A channel that somebody here is subscribed to. */

struct ngx_rtprop_channel_s {
    ngx_rtprop_channel_t       *next;       /* of the bucket */
    ngx_rtprop_kind_t          *kind;       /* NULL: user:{id} */
    ngx_queue_t                 subs;
    uint64_t                    epoch;
    uint64_t                    offset;     /* last one delivered here */
    uint64_t                    since;      /* behind: where it is read from */
    uint32_t                    hash;
    uint32_t                    nsubs;
    int32_t                     first;      /* in the batch under way; -1 */
    int32_t                     last;
    ngx_rtprop_channel_t       *touched;    /* next one with events in it */
    uint8_t                     name_len;
    unsigned                    reading:1;  /* a re-read is under way */
    unsigned                    behind:1;   /* and another is due after it */
    unsigned                    late:1;     /* for some subscriptions */
    unsigned                    lost:1;     /* the same */
    u_char                      name[1];
};


/* A session's subscription to one channel. */

struct ngx_rtprop_sub_s {
    ngx_queue_t                 queue;      /* of the channel */
    ngx_queue_t                 link;       /* of the session: s->subs */
    ngx_rtprop_session_t       *session;
    ngx_rtprop_channel_t       *channel;
    uint64_t                    offset;     /* last one sent to it */
    json_t                     *data;       /* the feature's; goes with it */
    uint8_t                     kinds;      /* NGX_RTPROP_SUB_* */
    uint8_t                     user;       /* the feature's own bits */
    unsigned                    pending:1;  /* the join is under way */
    unsigned                    expelled:1; /* it ends as soon as it stands */
    unsigned                    counted:1;  /* as subscriber in the engine */
    unsigned                    late:1;     /* waits for the end of a re-read */
    unsigned                    stands:1;   /* joined: left() is due */
    unsigned                    lost:1;     /* its place, hears nothing */
    unsigned                    asked:1;    /* somebody sees to another */
    unsigned                    placed:1;   /* which is known already */
};


/*
 * A kind of channel, registered by its feature: "conversation" has channels
 * "conversation:{id}".  Members may be NULL.
 */
struct ngx_rtprop_kind_s {
    ngx_str_t                   prefix;     /* without the colon */
    void                       *data;

    /*
     * resume of one channel: check the right, join as ngx_rtprop_hub_join()
     * does with the resume's epoch and offset, send the state frame if it was
     * not recovered, and end it with ngx_rtprop_resume_done().
     */
    void  (*resume)(ngx_rtprop_resume_t *resume);

    /*
     * The session closed (leaves by command are the feature's own business);
     * sub is taken off right after.
     */
    void  (*left)(ngx_rtprop_session_t *s, ngx_rtprop_sub_t *sub,
              ngx_str_t *id, void *data);

    /*
     * A user's last session in the presence set "{prefix}:{id}" was on a
     * worker that died; users: how many are left.
     */
    void  (*lost)(ngx_rtprop_hub_t *hub, ngx_str_t *id, ngx_str_t *user,
              ngx_str_t *info, ngx_uint_t users, void *data);

    /* The opposite: he came while the engine was away. */
    void  (*came)(ngx_rtprop_hub_t *hub, ngx_str_t *id, ngx_str_t *user,
              ngx_str_t *info, ngx_uint_t users, void *data);

    /*
     * Events of one channel with NGX_RTPROP_EV_RECEIPT, in their order, were
     * handed, live, to a connection without backlog of a user other than those
     * who caused them; n is 1 to NGX_RTPROP_HUB_BATCH.  Called at most once per
     * event and worker, while events are being delivered: it may publish, but
     * neither join nor leave.  What a join replays is the feature's business.
     */
    void  (*delivered)(ngx_rtprop_hub_t *hub, ngx_rtprop_event_t **events,
              ngx_uint_t n, ngx_rtprop_session_t *s, void *data);
};

/* Each of the three copies what it is given. */
ngx_int_t ngx_rtprop_kind_add(ngx_conf_t *cf, ngx_rtprop_kind_t *kind);


/* Jobs (engine's schedule) whose keys start with prefix + ":". */

typedef struct {
    ngx_str_t                   prefix;
    void                       *data;
    /* end it with ngx_rtprop_hub_job_done(hub, key, fence) */
    void  (*handler)(ngx_rtprop_hub_t *hub, ngx_str_t *key,
              ngx_str_t *payload, uint64_t fence, void *data);
} ngx_rtprop_job_t;

ngx_int_t ngx_rtprop_job_add(ngx_conf_t *cf, ngx_rtprop_job_t *job);


/* Who wants to hear of users coming and going, and of sessions. */

typedef struct {
    void                       *data;
    /* first connection of the user anywhere */
    void  (*online)(ngx_rtprop_session_t *s, void *data);
    /* last one gone; info as in ngx_rtprop_admit_t */
    void  (*offline)(ngx_rtprop_hub_t *hub, ngx_str_t *user, ngx_str_t *info,
              void *data);
    /* called again, as online() is, when the engine was away at that time */
    void  (*opened)(ngx_rtprop_session_t *s, void *data);
    void  (*closed)(ngx_rtprop_session_t *s, void *data);
    /* the user let somebody wait so long for an answer, ms */
    void  (*replied)(ngx_rtprop_hub_t *hub, ngx_str_t *user, int64_t waited,
              void *data);
    /* a property has this agent from now on, or (yes is 0) no longer */
    void  (*assigned)(ngx_rtprop_hub_t *hub, ngx_str_t *agent,
              ngx_str_t *property, ngx_uint_t yes, void *data);
    /* once per worker start, when everything stands */
    void  (*started)(ngx_rtprop_worker_t *worker, void *data);
} ngx_rtprop_observer_t;

ngx_int_t ngx_rtprop_observer_add(ngx_conf_t *cf,
    ngx_rtprop_observer_t *observer);


/* Tells the observers that a user replied after so many ms. */
void ngx_rtprop_hub_replied(ngx_rtprop_hub_t *hub, ngx_str_t *user,
    int64_t waited);

/* Tells them whose property it is, or is no longer. */
void ngx_rtprop_hub_assigned(ngx_rtprop_hub_t *hub, ngx_str_t *agent,
    ngx_str_t *property, ngx_uint_t yes);


/*
 * Facts: what one feature knows and another shows, since features never include
 * one another.  A handler sets ask->answer, if it knows one, or ask->rc, if it
 * could not look, and calls ask->done(), once, now or later.
 */

typedef struct ngx_rtprop_ask_s  ngx_rtprop_ask_t;

struct ngx_rtprop_ask_s {
    ngx_str_t                   id;
    ngx_pool_t                 *pool;
    void                      (*done)(ngx_rtprop_ask_t *ask);
    void                       *data;
    json_t                     *answer;     /* out: the asker's; NULL: none */
    ngx_int_t                   rc;         /* out: NGX_OK, or it is unknown */
};

typedef struct {
    ngx_str_t                   name;       /* "agent": status of agent id */
    void                       *data;
    void                      (*handler)(ngx_rtprop_hub_t *hub,
                                    ngx_rtprop_ask_t *ask, void *data);
} ngx_rtprop_fact_t;

/* Copies what it is given. */
ngx_int_t ngx_rtprop_fact_add(ngx_conf_t *cf, ngx_rtprop_fact_t *fact);

/* Asks for a fact; without a feature that knows it there is no answer. */
void ngx_rtprop_hub_ask(ngx_rtprop_hub_t *hub, const char *name,
    ngx_rtprop_ask_t *ask);


ngx_int_t ngx_rtprop_hub_init_worker(ngx_rtprop_worker_t *worker);
void ngx_rtprop_hub_exit_worker(ngx_rtprop_worker_t *worker);

/*
 * Registers the hub's own commands (ping, resume, auth:refresh) and counters;
 * called by the core's preconfiguration.
 */
ngx_int_t ngx_rtprop_hub_preconfiguration(ngx_conf_t *cf);


/* ------------------------------------------------------------ publish --- */

/*
 * Publishes one event and waits for nothing; payload's reference is taken
 * over and dumped.  ev's type, channel, flags ... as in the engine; its
 * payload is filled in from here.  NGX_OK, or NGX_ERROR (logged).
 */
ngx_int_t ngx_rtprop_hub_publish(ngx_rtprop_hub_t *hub,
    ngx_rtprop_event_t *ev, json_t *payload);

/* The same with an answer: fills ev and op; see the engine's publish. */
void ngx_rtprop_hub_publish_op(ngx_rtprop_hub_t *hub,
    ngx_rtprop_publish_t *op);

/* Logs that a document is not what the module writes; NGX_ERROR. */
ngx_int_t ngx_rtprop_hub_unreadable(ngx_rtprop_hub_t *hub, ngx_str_t *key,
    ngx_str_t *text);

/* JSON text of payload in pool; payload's reference is taken over. */
ngx_int_t ngx_rtprop_hub_dump(ngx_pool_t *pool, json_t *payload,
    ngx_str_t *text);

/* An id for a message, bid, notification: unique, growing with time, < 2^63. */
uint64_t ngx_rtprop_hub_id(ngx_rtprop_hub_t *hub);

/* Ids to come will be higher than this one, which somebody else has made. */
void ngx_rtprop_hub_id_seen(ngx_rtprop_hub_t *hub, uint64_t id);

/* The same, and higher than "last", an id of whatever worker; 0: any. */
uint64_t ngx_rtprop_hub_id_after(ngx_rtprop_hub_t *hub, uint64_t last);

/* "{prefix}:{id}" in pool. */
ngx_int_t ngx_rtprop_hub_channel_name(ngx_pool_t *pool, const char *prefix,
    ngx_str_t *id, ngx_str_t *name);

/* An epoch as clients hold it: 16 hex digits; and back, 0 if it is none. */
void ngx_rtprop_hub_epoch_text(uint64_t epoch, u_char *buf);
uint64_t ngx_rtprop_hub_epoch_parse(ngx_str_t *text);


/* --------------------------------------------------------------- join --- */

/*
 * Joins a session to a channel and reads what it missed, in one step: nothing
 * falls between history and live events, and nothing comes twice.
 *
 * Until ngx_rtprop_hub_join_finish() the session hears nothing of the channel;
 * done() is called with op.rc; the feature then sends its state frame (with
 * position), and calls finish, which sends history.events[0..nevents) that
 * are for this session (replay set), then what came meanwhile.
 *
 * kinds are added to those that the session already has.  had are those that
 * it had before: not 0 means that it hears the channel already, so nothing is
 * replayed; recovered says whether the position asked for is one of what it
 * hears.  If it is not, and resume is set, what comes live is held back until
 * finish, as with a new subscription: the state comes first.
 *
 * cmd's session may go away before done(): then op.rc is NGX_ABORT; NGX_BUSY:
 * it has NGX_RTPROP_SUBS_MAX channels.  done() finds the join as its argument.
 */
#define NGX_RTPROP_SUBS_MAX  1000       /* of a session, its own included */

typedef struct ngx_rtprop_join_s  ngx_rtprop_join_t;
typedef void (*ngx_rtprop_join_pt)(ngx_rtprop_join_t *join);

struct ngx_rtprop_join_s {
    ngx_rtprop_history_t        history;    /* in: channel, epoch, since, ... */
    ngx_rtprop_cmd_t           *cmd;
    ngx_uint_t                  kinds;
    unsigned                    replay:1;
    unsigned                    resume:1;   /* who lost his place needs it */
    ngx_rtprop_join_pt          done;
    void                       *data;

    /* out */
    ngx_rtprop_sub_t           *sub;        /* valid while rc is NGX_OK */
    ngx_uint_t                  had;
    ngx_uint_t                  replayed;   /* events sent by finish */

    uint64_t                    asked;      /* private: the epoch */
};

void ngx_rtprop_hub_join(ngx_rtprop_hub_t *hub, ngx_rtprop_join_t *join);
void ngx_rtprop_hub_join_finish(ngx_rtprop_hub_t *hub,
    ngx_rtprop_join_t *join);

/*
 * Instead of finish, where the feature could not tell the state: takes the join
 * back.  Without had the subscription goes, and its kind's left() is not
 * called: presence that the feature has announced is its own to take back.
 * With had the session hears what it heard before the join, from where it
 * stood.  Of the join itself it has heard nothing.  Harmless when the session
 * has gone, or after a done() whose rc was not NGX_OK; the command is still to
 * be ended.
 */
void ngx_rtprop_hub_join_cancel(ngx_rtprop_hub_t *hub,
    ngx_rtprop_join_t *join);

/* Takes kinds off; the subscription goes with the last.  NGX_DECLINED: none. */
ngx_int_t ngx_rtprop_hub_leave(ngx_rtprop_hub_t *hub, ngx_rtprop_session_t *s,
    ngx_str_t *channel, ngx_uint_t kinds);

/* The session's subscription, or NULL. */
ngx_rtprop_sub_t *ngx_rtprop_hub_sub(ngx_rtprop_hub_t *hub,
    ngx_rtprop_session_t *s, ngx_str_t *channel);

/* How many sessions a user has in this worker. */
ngx_uint_t ngx_rtprop_hub_user_sessions(ngx_rtprop_hub_t *hub, ngx_str_t *id);

/*
 * Where the session stands in its own channel: pos->channel is its name, epoch
 * and offset are set; epoch 0: there is no place to resume from.
 */
void ngx_rtprop_hub_user_position(ngx_rtprop_hub_t *hub,
    ngx_rtprop_session_t *s, ngx_rtprop_position_t *pos);

/* What follows the prefix and its colon in a channel's name. */
void ngx_rtprop_hub_channel_id(ngx_str_t *channel, ngx_str_t *id);


/* ------------------------------------------------------------- resume --- */

struct ngx_rtprop_resume_s {
    ngx_rtprop_cmd_t           *cmd;        /* the command "resume" */
    ngx_rtprop_kind_t          *kind;
    ngx_str_t                   channel;
    ngx_str_t                   id;         /* after the prefix */
    uint64_t                    epoch;
    uint64_t                    offset;
    void                       *ctx;        /* the feature's own */
};

/*
 * Ends one channel of a resume.  code NULL: joined, recovered or not, missed
 * events sent; else it was refused with this code.
 */
void ngx_rtprop_resume_done(ngx_rtprop_resume_t *resume,
    ngx_rtprop_join_t *join, const char *code);


/* -------------------------------------------------- documents and jobs --- */

/*
 * Reads, judges and writes a versioned document, again on a conflict, a bounded
 * number of times.  apply() is called with the current text (len 0: none) and
 * version; it fills in what is to be written and the events, from pool, and
 * returns NGX_OK; NGX_DONE: nothing to write, go to done with rc NGX_OK; any
 * other: go to done with that.  It may be called several times: no effects.
 *
 * done() gets op.rc: NGX_OK (version, events' offsets set), NGX_ABORT (past
 * not_after), NGX_BUSY (conflicts without end, no room), NGX_ERROR.
 *
 * Updates of one document in one worker are applied in the order of calls; of
 * several that wait each is applied to what the ones before it have made, and
 * they are written together.  One with aside set that has nothing to write may
 * end before those, judged on what was committed before them; but in its turn
 * among those of its owner (NULL: it has none).
 */
typedef struct ngx_rtprop_update_s  ngx_rtprop_update_t;

struct ngx_rtprop_update_s {
    ngx_rtprop_state_t          state;      /* in: op.pool, key */
    ngx_int_t                 (*apply)(ngx_rtprop_update_t *update,
                                  ngx_str_t *text, uint64_t version,
                                  int64_t now);
    void                      (*done)(ngx_rtprop_update_t *update);
    void                       *data;
    ngx_int_t                   rc;
    ngx_uint_t                  tries;
    ngx_str_t                   value;      /* apply: to be written */
    ngx_rtprop_event_t         *events;     /* apply: to be published with it */
    ngx_uint_t                  nevents;
    int64_t                     not_after;  /* apply: ms, 0: none */
    unsigned                    remove:1;   /* apply: delete the document */
    unsigned                    aside:1;    /* in: see above */
    void                       *owner;

    ngx_rtprop_hub_t           *hub;        /* private from here on */
    ngx_queue_t                 queue;
    unsigned                    writes:1;
    unsigned                    late:1;
    unsigned                    looked:1;
    unsigned                    looking:1;
};

void ngx_rtprop_hub_update(ngx_rtprop_hub_t *hub,
    ngx_rtprop_update_t *update);

/*
 * An operation's own pool, for work that outlives every command: the caller
 * destroys it in done() by ngx_rtprop_hub_free_pool(), which waits until the
 * turn's end.
 */
ngx_pool_t *ngx_rtprop_hub_pool(ngx_rtprop_hub_t *hub);
void ngx_rtprop_hub_free_pool(ngx_rtprop_hub_t *hub, ngx_pool_t *pool);

/*
 * Schedules without waiting; copies key and payload; due 0 cancels.  What the
 * engine could not take, being away, is tried again each second until it does,
 * or until the key is scheduled anew here; a worker that leaves stays for it up
 * to a minute.  4096 may wait; others are given up, and counted.
 *
 * job_done: nothing is done while the same key is being scheduled anew.
 */
void ngx_rtprop_hub_schedule(ngx_rtprop_hub_t *hub, ngx_str_t *key,
    int64_t due, ngx_str_t *payload);
void ngx_rtprop_hub_job_done(ngx_rtprop_hub_t *hub, ngx_str_t *key,
    uint64_t fence);


/* ------------------------------------------------------------ control --- */

/*
 * Closes all sessions of a user on all workers with 1008.  The caller counts
 * them beforehand by the presence set "$users".
 */
void ngx_rtprop_hub_kick(ngx_rtprop_hub_t *hub, ngx_str_t *user,
    const char *reason);

/*
 * Takes the users' sessions out of a channel on all workers; their kind's
 * left() is called.  users: an array of ids, taken over.
 */
void ngx_rtprop_hub_expel(ngx_rtprop_hub_t *hub, ngx_str_t *channel,
    json_t *users);

/*
 * Tells all workers that a channel stands there, by no event: who is behind it
 * reads what is missing, or hears that it is not to be had.
 */
void ngx_rtprop_hub_moved(ngx_rtprop_hub_t *hub, ngx_str_t *channel,
    uint64_t epoch, uint64_t offset);

/* Where a joined session stands, for an answer with position. */
void ngx_rtprop_hub_position(ngx_rtprop_join_t *join,
    ngx_rtprop_position_t *pos);

/* The presence set of all connected users. */
#define NGX_RTPROP_USERS  "$users"


#endif /* _NGX_RTPROP_HUB_H_INCLUDED_ */
