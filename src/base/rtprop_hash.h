/*
 * rtprop_hash: hashing of names that clients choose, comparing of secrets.
 */

#ifndef _RTPROP_HASH_H_INCLUDED_
#define _RTPROP_HASH_H_INCLUDED_


#include "base/rtprop_base.h"


#define RTPROP_HASH_KEY_LEN   16


/*
 * SipHash-1-3 of len bytes under a key of RTPROP_HASH_KEY_LEN random bytes
 * (Aumasson and Bernstein, "SipHash: a fast short-input PRF"): for hash
 * tables fed by names from clients, who cannot find colliding ones without
 * the key.  The result is the same on machines of either byte order.  It is
 * no signature.
 */
uint64_t rtprop_hash(const unsigned char *key, const void *data, size_t len);


/*
 * Compares two secrets in a time that depends on b_len only, not on where
 * they differ.  b is what the client sent.  Returns 1 when they are equal,
 * else 0; an empty secret equals nothing.
 */
int rtprop_secret_eq(const void *a, size_t a_len, const void *b,
    size_t b_len);


#endif /* _RTPROP_HASH_H_INCLUDED_ */
