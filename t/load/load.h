
/*
 * rtprop-load: a load tool for WebSocket servers of rooms.
 *
 * One parent and several processes share one mapping, load_shared_t.  The
 * parent moves the phase on and reads the counters; a process owns its clients
 * (client i belongs to process i mod n) and one element of "proc".
 */


#ifndef _LOAD_H_INCLUDED_
#define _LOAD_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>


#define LOAD_MAX_CLIENTS    200000
#define LOAD_MAX_PROCS      64
#define LOAD_MAX_SECONDS    600
#define LOAD_MAX_RATE       1000000
#define LOAD_MAX_TRACKED    (32 * 1024 * 1024)
#define LOAD_MAX_HEADERS    8
#define LOAD_MAX_PIDS       256
#define LOAD_MAX_SERVERS    8
#define LOAD_MAX_WORKERS    32
#define LOAD_MAX_MESSAGE    65536
#define LOAD_MAX_FRAME      (1024 * 1024)
#define LOAD_WINDOW         64         /* most messages in flight */

#define LOAD_HIST_SIZE      2432       /* 38 octaves of 64 steps */

/* "~", publisher 6, number 8, nanoseconds 16 hexadecimal digits, "~" */
#define LOAD_MARK           32


enum {
    LOAD_CONNECT = 0,
    LOAD_SETTLE,
    LOAD_WARMUP,
    LOAD_MEASURE,
    LOAD_DRAIN,
    LOAD_END
};


enum {
    LOAD_IDLE = 0,
    LOAD_PUBLISH,
    LOAD_HEAR,
    LOAD_ECHO,
    LOAD_BID
};


typedef struct {
    int           mode;
    unsigned      clients;
    unsigned      rooms;
    unsigned      publishers;
    unsigned      per_room;            /* publishers of a room, at most */
    unsigned      procs;
    unsigned      window;              /* closed loop, or 0 */
    double        rate;                /* open loop, messages/s of all */
    double        connect_rate;
    double        connect_timeout;     /* seconds, as those below */
    double        settle;
    double        warmup;
    double        seconds;
    double        drain;
    unsigned      coalesce;            /* microseconds */
    int           cpu;                 /* or -1 */
    int           json;
    unsigned      pad;
    int           tls;                 /* wss:// */
    int           insecure;            /* any certificate will do */
    int           resume;              /* who is sent away comes back */
    int           deflate;             /* permessage-deflate is offered */
    const char   *ca;                  /* file of trusted certificates */
    const char   *url;
    char          host[256];
    char          port[8];
    const char   *path;
    const char   *welcome;             /* text awaited before the join */
    const char   *join;
    const char   *joined;              /* text awaited after the join */
    const char   *message;
    const char   *label;
    const char   *headers[LOAD_MAX_HEADERS];
    unsigned      nheaders;
    const char  **tokens;
    unsigned      ntokens;
    unsigned      hear;                /* messages that end the run */
    unsigned      raise;               /* each how manieth bid is a raise */
    pid_t         pids[LOAD_MAX_SERVERS];      /* of the server */
    unsigned      npids;
} load_options_t;


/* What a process counts; only it writes here, but for the phase's flags. */

typedef struct {
    uint64_t      ready;
    uint64_t      failed;              /* never became ready */
    uint64_t      closed;              /* lost after they were ready */
    uint64_t      back;                /* came back, and resumed */
    uint64_t      sent;                /* all, the warm-up included */
    uint64_t      expected;            /* receipts that they must cause */
    uint64_t      received;            /* each message once at each receiver */
    uint64_t      refused;             /* messages */
    uint64_t      skipped;             /* came, but after a later one */
    uint64_t      again;               /* came twice */
    uint64_t      stray;               /* of a room that was not joined */
    uint64_t      frames;
    uint64_t      bytes;
    uint64_t      measured;            /* receipts of the measured time */
    uint64_t      measured_sent;
    uint64_t      late;                /* ns, the latest sending behind plan */
    char          why[256];            /* the first failure */
    char          lost[128];           /* why the first was closed */
    uint64_t      hist[LOAD_HIST_SIZE];
    uint64_t      last[LOAD_HIST_SIZE];        /* to the last receiver */
} load_proc_t;


/* A publisher's messages in flight; written by all processes, atomically. */

typedef struct {
    uint32_t      done;                /* complete at every receiver */
    uint32_t      number[LOAD_WINDOW];         /* of the message there */
    uint32_t      left[LOAD_WINDOW];   /* receivers that still miss it */
} load_flight_t;


/* Of a server's worker process, by the header X-Worker of its handshakes. */

typedef struct {
    long          pid;                 /* 0: it does not say */
    uint64_t      bids;
    uint64_t      wait[LOAD_HIST_SIZE];
} load_worker_t;


/* What bidders were told in the measured time; of the one process. */

typedef struct {
    uint64_t      accepted;
    uint64_t      refused;             /* judged, and not good enough */
    uint64_t      unjudged;            /* refused for any other reason */
    uint64_t      full;                /* accepted bids that all have heard */
    uint64_t      wait[LOAD_HIST_SIZE];     /* due to answered */
    uint64_t      spread[LOAD_HIST_SIZE];   /* first to last who hears it */
    unsigned      nworkers;
    load_worker_t worker[LOAD_MAX_WORKERS];
} load_bids_t;


typedef struct {
    int             phase;
    int             broken;                    /* a process has ended */
    uint64_t        begun;                     /* the run, load_now() */
    int             wake[LOAD_MAX_PROCS];      /* eventfd of each process */
    load_proc_t     proc[LOAD_MAX_PROCS];
    uint32_t       *room_ready;
    load_flight_t  *flight;
    load_bids_t     bids;
} load_shared_t;


/* CPU and memory of a process and its descendants. */

typedef struct {
    double          cpu;               /* seconds, user and system */
    uint64_t        rss;               /* bytes */
    uint64_t        pss;               /* bytes; 0 where it is not told */
    unsigned        processes;
} load_server_t;


/* What a run came to. */

typedef struct {
    load_proc_t     sum;
    const load_bids_t  *bids;
    load_server_t   before;            /* no client yet */
    load_server_t   joined;
    load_server_t   start;             /* of the measured time */
    load_server_t   stop;
    double          connect_time;      /* seconds */
    double          time;              /* measured, seconds */
    double          end;               /* of it, load_now(), seconds */
    double          client_cpu;        /* of the tool, measured, seconds */
} load_result_t;


/* Monotonic nanoseconds, the same for all processes of a machine. */
uint64_t load_now(void);


/*
 * Runs process "p" of the tool until the phase is LOAD_END: connects its
 * clients, joins, publishes, counts.  Returns the exit status.
 */
int load_run(const load_options_t *o, load_shared_t *sh, unsigned p);


/*
 * Writes "text" with {i}, {room}, {token}, {pad}, {mark} and {id} (a message's
 * own) replaced into "buf", at most "size" bytes; "mark" may be NULL.  Returns
 * the length, or -1 if there is no room.
 */
ssize_t load_expand(const load_options_t *o, const char *text, unsigned i,
    const char *mark, char *buf, size_t size);


/*
 * Writes the header and the masked payload of one final frame of a client (RFC
 * 6455, 5.2) to "out", which holds len + 14 bytes; returns its length.
 */
size_t load_frame(char *out, unsigned opcode, const char *payload, size_t len,
    uint32_t mask);


/* Writes a mark, LOAD_MARK bytes. */
void load_mark_write(char *out, uint32_t publisher, uint32_t number,
    uint64_t ns);


/* Reads the mark at "s", which has LOAD_MARK bytes; returns 0 if it is one. */
int load_mark_read(const char *s, uint32_t *publisher, uint32_t *number,
    uint64_t *ns);


/* Counts a value, in nanoseconds; steps are 1.6 % wide. */
void load_hist_add(uint64_t *hist, uint64_t value);


/* The value that a part "q" (0 to 1) of those counted does not exceed. */
double load_hist_at(const uint64_t *hist, double q);


/* Sums up a process and its descendants; all zero if there is no such one. */
void load_server_read(pid_t pid, load_server_t *s);


/* Prints one JSON object, or a table; returns 0 if every message arrived. */
int load_report(const load_options_t *o, const load_result_t *r);


#endif /* _LOAD_H_INCLUDED_ */
