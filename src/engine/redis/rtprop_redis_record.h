/*
 * An event as it lies in Redis: in a channel's history, and in what is
 * published to its subscribers.  Numbers are big-endian.
 *
 *    0  4  octets of the whole record
 *    4  8  epoch
 *   12  8  offset; 0: volatile            up to here the script's, which
 *   20  8  time, ms since the epoch       reads flags and id of the rest, too
 *   28  1  version
 *   29  1  flags
 *   30  1  kinds
 *   31  1  octets of skip_session: 0 or 16
 *   32  8  id
 *   40  8  arrived, usec of the clock of ...
 *   48  4  ... this machine
 *   52 10  octets of type, user, skip_user, alt_user, replace; two each
 *   62  8  octets of payload, alt_payload; four each
 *   70     the texts, in this order, and skip_session
 *
 * The channel is not in it: who reads it knows.
 */

#ifndef _RTPROP_REDIS_RECORD_H_INCLUDED_
#define _RTPROP_REDIS_RECORD_H_INCLUDED_


#include "base/rtprop_base.h"


#define RTPROP_REDIS_RECORD_HEAD     28
#define RTPROP_REDIS_RECORD_TEXTS    70
#define RTPROP_REDIS_RECORD_VERSION  1
#define RTPROP_REDIS_RECORD_SESSION  16

/* Octets of a payload; more is refused. */
#define RTPROP_REDIS_RECORD_MAX      (64 * 1024 * 1024)


typedef struct {
    uint64_t        epoch;
    uint64_t        offset;
    int64_t         time;
    uint64_t        id;
    uint64_t        arrived;
    uint32_t        machine;
    uint8_t         flags;
    uint8_t         kinds;

    rtprop_str_t    type;
    rtprop_str_t    user;
    rtprop_str_t    skip_user;
    rtprop_str_t    alt_user;
    rtprop_str_t    replace;
    rtprop_str_t    payload;
    rtprop_str_t    alt_payload;
    rtprop_str_t    skip_session;     /* 16 octets; any other: none */
} rtprop_redis_record_t;


/* Octets of the record without its head; 0 when a text is too long. */
size_t rtprop_redis_record_size(const rtprop_redis_record_t *rec);

/*
 * Writes the record without its head, as many octets as size() has said;
 * epoch, offset and time are not looked at.
 */
void rtprop_redis_record_encode(unsigned char *p,
    const rtprop_redis_record_t *rec);

/*
 * Reads the whole record at *p and moves *p behind it; end is where the octets
 * end.  Texts point into them, empty ones are NULL.  RTPROP_ERROR: it is none,
 * *p stays.
 */
int rtprop_redis_record_decode(unsigned char **p, const unsigned char *end,
    rtprop_redis_record_t *rec);

/* Numbers of 8 octets, as epochs and ids are passed to scripts. */
void rtprop_redis_put64(unsigned char *p, uint64_t n);
uint64_t rtprop_redis_get64(const unsigned char *p);


#endif /* _RTPROP_REDIS_RECORD_H_INCLUDED_ */
