/*
 * rtprop_identity: who a user is, in one small block without pointers, since
 * one sits in every session: 22 bytes and the strings.  It may be copied with
 * memcpy() to any place aligned for int64_t.
 */

#ifndef _RTPROP_IDENTITY_H_INCLUDED_
#define _RTPROP_IDENTITY_H_INCLUDED_


#include <jansson.h>
#include "base/rtprop_base.h"


#define RTPROP_IDENTITY_NAME_MAX     255     /* bytes; longer ones are cut */
#define RTPROP_IDENTITY_ROLE_MAX     64      /* bytes */
#define RTPROP_IDENTITY_AVATAR_MAX   2048    /* bytes; a longer one is left */
#define RTPROP_IDENTITY_IDS_MAX      1000    /* properties, conversations */


/* Read it with the functions below. */

typedef struct {
    int64_t          expires;          /* ms since the epoch, 0: never */
    uint32_t         properties_len;   /* of length bytes and ids */
    uint32_t         conversations_len;
    uint16_t         avatar_len;
    uint8_t          id_len;
    uint8_t          name_len;
    uint8_t          role_len;
    unsigned char    data[];
} rtprop_identity_t;


/*
 * Makes an identity from a token's claims: the user's id from "sub", else
 * "id", else "user_id" (strings or integers); "name", "avatar", "role",
 * "property_ids", "conversations" and "exp" where there.  Both spellings of
 * keys.  An id is as for rtprop_json_get_id().
 *
 * Returns one malloc'd block, or NULL with *err set to a static text fit for
 * a client: there is no good id, the role is not a string of up to
 * RTPROP_IDENTITY_ROLE_MAX bytes without control characters, the lists are
 * not arrays of at most RTPROP_IDENTITY_IDS_MAX ids, "exp" is no number, or
 * there is no memory.  A name or avatar that is not a string is left out.
 */
rtprop_identity_t *rtprop_identity_from_claims(const json_t *claims,
    const char **err);


/*
 * The same from strings, as rtprop_user has them; name and role may be empty.
 * It never expires.
 */
rtprop_identity_t *rtprop_identity_make(const rtprop_str_t *id,
    const rtprop_str_t *name, const rtprop_str_t *role, const char **err);


/* Frees a block of the two above.  NULL is allowed. */
void rtprop_identity_free(rtprop_identity_t *user);


/* Bytes of the whole block. */
static inline size_t
rtprop_identity_size(const rtprop_identity_t *user)
{
    return offsetof(rtprop_identity_t, data) + user->id_len + user->name_len
           + user->role_len + user->avatar_len + user->properties_len
           + user->conversations_len;
}


/* Strings, borrowed from the block and not NUL-terminated; empty: unknown. */

static inline rtprop_str_t
rtprop_identity_id(const rtprop_identity_t *user)
{
    rtprop_str_t  s = { user->id_len, (unsigned char *) user->data };

    return s;
}


static inline rtprop_str_t
rtprop_identity_name(const rtprop_identity_t *user)
{
    rtprop_str_t  s = { user->name_len,
                        (unsigned char *) user->data + user->id_len };

    return s;
}


static inline rtprop_str_t
rtprop_identity_role(const rtprop_identity_t *user)
{
    rtprop_str_t  s = { user->role_len,
                        (unsigned char *) user->data + user->id_len
                        + user->name_len };

    return s;
}


static inline rtprop_str_t
rtprop_identity_avatar(const rtprop_identity_t *user)
{
    rtprop_str_t  s = { user->avatar_len,
                        (unsigned char *) user->data + user->id_len
                        + user->name_len + user->role_len };

    return s;
}


/*
 * Goes through the ids of the user's properties, or conversations, in the
 * order of the token: set id->data to NULL for the first.  Returns 1 with the
 * next id (borrowed), or 0 after the last.
 */
int rtprop_identity_next_property(const rtprop_identity_t *user,
    rtprop_str_t *id);
int rtprop_identity_next_conversation(const rtprop_identity_t *user,
    rtprop_str_t *id);


/* Whether an id is among them: 1 or 0. */
int rtprop_identity_has_property(const rtprop_identity_t *user,
    const rtprop_str_t *id);
int rtprop_identity_has_conversation(const rtprop_identity_t *user,
    const rtprop_str_t *id);


#endif /* _RTPROP_IDENTITY_H_INCLUDED_ */
