/*
 * Commands and resources: what clients may ask for, declared in tables that
 * the features register, checked here before a handler is called.
 *
 * A command comes from a session (any dialect), a resource from HTTP; both
 * reach their handler as an ngx_rtprop_cmd_t whose payload has been checked
 * against the table's fields, and both are ended by exactly one of
 *
 *     ngx_rtprop_answer(), ngx_rtprop_ack(), ngx_rtprop_refuse(),
 *     ngx_rtprop_cmd_done()
 *
 * now or later (a handler may start operations and return).  That call frees
 * the command at the end of this turn of the loop, not earlier.
 */

#ifndef _NGX_RTPROP_COMMAND_H_INCLUDED_
#define _NGX_RTPROP_COMMAND_H_INCLUDED_


#include "ngx_rtprop.h"
#include "session/rtprop_command.h"
#include "session/ngx_rtprop_session.h"


typedef void (*ngx_rtprop_cmd_pt)(ngx_rtprop_cmd_t *cmd);


typedef struct {
    ngx_str_t                   name;       /* "chat:send_message" */
    ngx_str_t                   aliases;    /* space-separated */
    ngx_rtprop_rate_class_e     rate;
    const rtprop_field_t       *fields;     /* ends with a NULL name */
    ngx_str_t                   role;       /* needed; empty: anybody's */
    ngx_rtprop_cmd_pt           handler;
    unsigned                    quiet:1;    /* over the rate: just dropped */

    /*
     * The handler reads cmd->args only, and in them json of objects and arrays
     * only (NULL: none, or an empty one); there is no refused().  Its payload
     * need not become values then, and cmd may go at once when it has ended
     * and the handler has returned.
     */
    unsigned                    flat:1;
    void                       *data;       /* the feature's, see cmd->data */

    /*
     * NULL, or called in place of the common refusal when a check before the
     * handler fails (a bid's refusal is an event of its own); it ends cmd,
     * and takes extra's reference (NULL: none).  cmd->args may be NULL.
     */
    void                      (*refused)(ngx_rtprop_cmd_t *cmd,
                                    const char *code, const char *message,
                                    json_t *extra);
} ngx_rtprop_command_t;


#define NGX_RTPROP_PATH_MAX  2

typedef struct {
    ngx_uint_t                  method;     /* NGX_HTTP_GET ... */
    ngx_str_t                   path;       /* "auctions/{id}/bids" */
    const rtprop_field_t       *fields;     /* of the body, or the query */
    ngx_rtprop_cmd_pt           handler;
    unsigned                    open:1;     /* rtprop_api_public opens it */
    unsigned                    array:1;    /* or an array: no fields */
    void                       *data;
} ngx_rtprop_resource_t;


struct ngx_rtprop_cmd_s {
    ngx_queue_t                 queue;      /* of the session, or the dead */
    ngx_rtprop_worker_t        *worker;
    ngx_pool_t                 *pool;

    ngx_rtprop_session_t       *session;    /* NULL: HTTP, or gone */
    rtprop_identity_t          *user;       /* copy in pool; NULL: HTTP */
    u_char                      session_id[NGX_RTPROP_SESSION_ID];

    const ngx_rtprop_command_t *command;
    ngx_str_t                   event;      /* name as the client sent it */
    ngx_str_t                   id;         /* raw JSON, empty: none */

    json_t                     *payload;    /* freed with cmd; NULL: none */
    rtprop_value_t             *args;       /* by position in fields */
    void                       *data;       /* of command or resource */
    void                       *ctx;        /* the handler's own */

    /* HTTP only */
    ngx_http_request_t         *request;    /* NULL once it has gone */
    ngx_str_t                   path[NGX_RTPROP_PATH_MAX];  /* the {id}s */
    uint64_t                    if_match;   /* version; 0: none given */
    uint64_t                    version;    /* answer's ETag; 0: none */
    void                       *exchange;   /* the api's own */

    /*
     * Called once, even when the request has gone; body's reference is taken
     * over.
     */
    void                      (*respond)(ngx_rtprop_cmd_t *cmd,
                                    ngx_uint_t status, json_t *body);

    uint64_t                    arrived;    /* usec, monotonic */
    unsigned                    http:1;
    unsigned                    done:1;
    unsigned                    waiting:1;  /* for those ahead of it */
    ngx_rtprop_session_t       *before;     /* done: another one's turn */
};


/*
 * Registration, in preconfiguration; tables end with an empty name or path.
 * Their entries are copied, and data is that of the copy.
 */
ngx_int_t ngx_rtprop_commands_add(ngx_conf_t *cf,
    ngx_rtprop_command_t *commands, void *data);
ngx_int_t ngx_rtprop_resources_add(ngx_conf_t *cf,
    ngx_rtprop_resource_t *resources, void *data);

/* Freezes the hash of names; called by the core's postconfiguration. */
ngx_int_t ngx_rtprop_commands_freeze(ngx_conf_t *cf);

/* The command of this name or alias, or NULL. */
const ngx_rtprop_command_t *ngx_rtprop_command_find(
    ngx_rtprop_worker_t *worker, ngx_str_t *name);

/* What frees commands; called by ngx_rtprop_session_init_worker(). */
void ngx_rtprop_command_init_worker(ngx_rtprop_worker_t *worker);

/* Frees a command that is done. */
void ngx_rtprop_command_free(ngx_rtprop_cmd_t *cmd);

/* The session has closed: commands under way go on without it. */
void ngx_rtprop_commands_cut(ngx_rtprop_session_t *s);

/*
 * A decoded command of a session: looks it up, checks rate, role, fields, and
 * calls the handler or refuses.  payload's reference is taken over (NULL:
 * none); id is raw JSON (or empty), copied, as is name.
 */
void ngx_rtprop_command_dispatch(ngx_rtprop_session_t *s, ngx_str_t *name,
    json_t *payload, ngx_str_t *id);

/* The same for a payload that was read flat; nothing is taken over. */
void ngx_rtprop_command_dispatch_flat(ngx_rtprop_session_t *s,
    ngx_str_t *name, const rtprop_flat_t *payload, ngx_str_t *id);

/*
 * A command that the server gives itself, in the session's name: neither rate
 * nor role nor fields are looked at; it waits for those ahead of it like any.
 * The session is open.  payload is taken over; NULL, or no memory: NGX_ERROR.
 */
ngx_int_t ngx_rtprop_command_own(ngx_rtprop_session_t *s,
    const ngx_rtprop_command_t *command, json_t *payload);

/*
 * Makes a command for a resource, with a pool of its own; payload taken over,
 * also when there is no memory (NULL).  The caller sets data, request, path,
 * respond and calls ngx_rtprop_command_run().
 */
ngx_rtprop_cmd_t *ngx_rtprop_command_create(ngx_rtprop_worker_t *worker,
    json_t *payload);

/* Checks payload against fields and calls the handler or refuses. */
void ngx_rtprop_command_run(ngx_rtprop_cmd_t *cmd,
    const rtprop_field_t *fields, ngx_rtprop_cmd_pt handler);

/*
 * Ends with an answer.  To a session: {type, payload}, with the command's id;
 * pos may be NULL.  To HTTP: the payload as body with status (pos ignored).
 * payload's reference is taken over.
 */
void ngx_rtprop_answer(ngx_rtprop_cmd_t *cmd, ngx_uint_t status,
    const char *type, json_t *payload, ngx_rtprop_position_t *pos);

/* Ends a command without an answer of its own; payload may be NULL (taken). */
void ngx_rtprop_ack(ngx_rtprop_cmd_t *cmd, json_t *payload);

/*
 * Ends with a refusal: code is one of interface's ("not_found", ...), extra
 * NULL or an object whose members join the payload (taken over).  HTTP's
 * status follows from the code.
 */
void ngx_rtprop_refuse(ngx_rtprop_cmd_t *cmd, const char *code,
    const char *message, json_t *extra);

/* The refusal for what an engine's operation gave: unavailable or internal. */
void ngx_rtprop_refuse_rc(ngx_rtprop_cmd_t *cmd, ngx_int_t rc);

/*
 * For a command that is made of others: begin() dispatches them, ahead of what
 * the client said later; when all of them have ended, last->handler ends cmd,
 * whose session may be gone by then.  cmd may be freed when this returns.
 */
void ngx_rtprop_cmd_several(ngx_rtprop_cmd_t *cmd, ngx_rtprop_cmd_pt begin,
    const ngx_rtprop_command_t *last);

/* Ends it without a word. */
void ngx_rtprop_cmd_done(ngx_rtprop_cmd_t *cmd);

/*
 * An answer that does not end the command, e.g. before a replay: sent with the
 * command's id.  payload's reference is taken over.
 */
void ngx_rtprop_cmd_send(ngx_rtprop_cmd_t *cmd, const char *type,
    json_t *payload, ngx_rtprop_position_t *pos);

/* The same of a payload that is JSON text, keys in snake_case; borrowed. */
void ngx_rtprop_cmd_send_text(ngx_rtprop_cmd_t *cmd, const char *type,
    ngx_str_t *payload, ngx_rtprop_position_t *pos);


/* ------------------------------------------------- declared event types --- */

/*
 * Each feature declares the events it sends: their keys in snake_case, which
 * rtprop_field_case may re-spell (other keys go out as they are).
 */
typedef struct {
    ngx_str_t                   type;       /* "property:viewer_count" */
    const char                 *keys;       /* "property_id viewer_count" */
    unsigned                    reliable:1;
    unsigned                    own:1;      /* nobody else may publish it */
} ngx_rtprop_event_type_t;

/* Table ends with an empty type; call it in preconfiguration. */
ngx_int_t ngx_rtprop_event_types_add(ngx_conf_t *cf,
    ngx_rtprop_event_type_t *types);

/* NULL: an event that no feature declares (posted over HTTP). */
ngx_rtprop_event_type_t *ngx_rtprop_event_type(ngx_rtprop_worker_t *worker,
    ngx_str_t *type);

/* Whether it is what only the server tells, whoever asks. */
ngx_uint_t ngx_rtprop_event_type_own(ngx_rtprop_worker_t *worker,
    ngx_str_t *type);

/* How such an event is refused; the field that named it is told beside. */
#define NGX_RTPROP_OWN_EVENT  "this event is told by the server alone"


#endif /* _NGX_RTPROP_COMMAND_H_INCLUDED_ */
