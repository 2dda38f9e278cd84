/*
 * rtprop_redis: what the Redis client knows without a socket: addresses,
 * requests on the wire, what an error reply means, slots of a cluster.
 */

#ifndef _RTPROP_REDIS_H_INCLUDED_
#define _RTPROP_REDIS_H_INCLUDED_


#include "base/rtprop_base.h"


/* ----------------------------------------------------------- addresses --- */

#define RTPROP_REDIS_HOSTS   16
#define RTPROP_REDIS_PORT    6379
#define RTPROP_REDIS_SENTINEL_PORT  26379


typedef enum {
    RTPROP_REDIS_PLAIN = 0,
    RTPROP_REDIS_UNIX,
    RTPROP_REDIS_SENTINEL,
    RTPROP_REDIS_CLUSTER
} rtprop_redis_scheme_e;


typedef struct {
    rtprop_str_t             host;       /* without the brackets of IPv6 */
    unsigned                 port;
} rtprop_redis_host_t;


typedef struct {
    rtprop_redis_scheme_e    scheme;
    rtprop_redis_host_t      hosts[RTPROP_REDIS_HOSTS];
    unsigned                 nhosts;
    rtprop_str_t             path;       /* of a unix socket */
    rtprop_str_t             user;
    rtprop_str_t             password;
    rtprop_str_t             master;     /* the Sentinels' name for it */
    unsigned                 db;
} rtprop_redis_url_t;


/*
 * Reads redis://[user[:password]@]host[:port][/db], unix:/path,
 * sentinel://[user[:password]@]host[:port],.../master[/db],
 * cluster://[user[:password]@]host[:port],...
 *
 * user and password are decoded (%xx) where they stand, so s is changed.
 * Returns NULL, or what would be right, a constant.
 */
const char *rtprop_redis_url(rtprop_redis_url_t *url, rtprop_str_t *s);

/* "host:port", "[v6]:port", "v6:port"; 0 in port means absent. */
int rtprop_redis_host(rtprop_redis_host_t *host, const rtprop_str_t *s);


/* ------------------------------------------------------------ requests --- */

/* The octets of a request's or argument's header: "*3\r\n", "$5\r\n". */
#define RTPROP_REDIS_HEAD    24

/* The octets of an argument of len on the wire, at most. */
#define rtprop_redis_arg_size(len)  ((len) + RTPROP_REDIS_HEAD + 2)

/* Write a request's head (n arguments) and an argument; return what follows. */
unsigned char *rtprop_redis_head(unsigned char *p, size_t n);
unsigned char *rtprop_redis_arg(unsigned char *p, const void *data,
    size_t len);


/* -------------------------------------------------------------- errors --- */

typedef enum {
    RTPROP_REDIS_E_OTHER = 0,        /* the command's own error */
    RTPROP_REDIS_E_NOSCRIPT,
    RTPROP_REDIS_E_MOVED,
    RTPROP_REDIS_E_ASK,
    RTPROP_REDIS_E_TRYAGAIN,
    RTPROP_REDIS_E_CLUSTERDOWN,
    RTPROP_REDIS_E_OOM,
    RTPROP_REDIS_E_LOADING,
    RTPROP_REDIS_E_READONLY,
    RTPROP_REDIS_E_MASTERDOWN,
    RTPROP_REDIS_E_NOAUTH,
    RTPROP_REDIS_E_WRONGPASS,
    RTPROP_REDIS_E_NOPERM,
    RTPROP_REDIS_E_BUSY,
    RTPROP_REDIS_E_MISCONF,
    RTPROP_REDIS_E_NOREPLICAS,
    RTPROP_REDIS_E_DENIED,
    RTPROP_REDIS_E_CLIENTS,
    RTPROP_REDIS_ERRORS
} rtprop_redis_error_e;


/*
 * What an error reply means, by its first word; of a script of Redis 6 and
 * older by the word of the error within.
 */
rtprop_redis_error_e rtprop_redis_error(const char *text, size_t len);

/* The same for people, a constant: "wrong password". */
const char *rtprop_redis_error_text(rtprop_redis_error_e error);


/* ------------------------------------------------------------- cluster --- */

#define RTPROP_REDIS_SLOTS   16384


/* The slot of a key or sharded channel: CRC16 of it, or of its hash tag. */
unsigned rtprop_redis_slot(const void *key, size_t len);

/*
 * "MOVED 3999 127.0.0.1:6381", "ASK ...".  An empty host means the one that
 * answered.  RTPROP_ERROR when it is malformed.
 */
int rtprop_redis_moved(const char *text, size_t len, unsigned *slot,
    rtprop_redis_host_t *host);


#endif /* _RTPROP_REDIS_H_INCLUDED_ */
