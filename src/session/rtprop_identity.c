/*
 * rtprop_identity: packing an identity.
 */

#include "session/rtprop_identity.h"
#include "base/rtprop_json.h"
#include "session/rtprop_jwt.h"

#include <stdlib.h>


/* What is packed; the lists are JSON arrays of valid ids, or NULL. */

typedef struct {
    rtprop_str_t     id;
    rtprop_str_t     name;
    rtprop_str_t     role;
    rtprop_str_t     avatar;
    const json_t    *properties;
    const json_t    *conversations;
    int64_t          expires;
} rtprop_identity_parts_t;


static int rtprop_identity_user(const json_t *claims, rtprop_str_t *id,
    unsigned char *buf);
static int rtprop_identity_list(const json_t *claims, const char *key,
    const json_t **list);
static rtprop_identity_t *rtprop_identity_pack(rtprop_identity_parts_t *parts,
    const char **err);
static int rtprop_identity_is_role(const rtprop_str_t *role);
static void rtprop_identity_cut(rtprop_str_t *name);
static size_t rtprop_identity_list_len(const json_t *list);
static unsigned char *rtprop_identity_put(unsigned char *p,
    const rtprop_str_t *s);
static unsigned char *rtprop_identity_put_list(unsigned char *p,
    const json_t *list);
static int rtprop_identity_next(const unsigned char *start, size_t len,
    rtprop_str_t *id);


rtprop_identity_t *
rtprop_identity_from_claims(const json_t *claims, const char **err)
{
    unsigned char            buf[RTPROP_JSON_INT_LEN];
    rtprop_identity_parts_t  parts;

    memset(&parts, 0, sizeof(parts));

    if (rtprop_identity_user(claims, &parts.id, buf) != RTPROP_OK) {
        *err = "the token names no user";
        return NULL;
    }

    if (rtprop_json_get_string(claims, "role", &parts.role) == RTPROP_ERROR) {
        *err = "the token's role is malformed";
        return NULL;
    }

    if (rtprop_identity_list(claims, "property_ids", &parts.properties)
        != RTPROP_OK)
    {
        *err = "the token's property_ids are malformed";
        return NULL;
    }

    if (rtprop_identity_list(claims, "conversations", &parts.conversations)
        != RTPROP_OK)
    {
        *err = "the token's conversations are malformed";
        return NULL;
    }

    if (rtprop_jwt_claim_time(claims, "exp", &parts.expires)
        == RTPROP_ERROR)
    {
        *err = "the token's claims are malformed";
        return NULL;
    }

    /* what only decorates is left out when it is of another type */

    (void) rtprop_json_get_string(claims, "name", &parts.name);
    (void) rtprop_json_get_string(claims, "avatar", &parts.avatar);

    return rtprop_identity_pack(&parts, err);
}


/* The first of the keys that is there decides. */

static int
rtprop_identity_user(const json_t *claims, rtprop_str_t *id,
    unsigned char *buf)
{
    int     rc;
    size_t  i;

    static const char *const  keys[] = { "sub", "id", "user_id" };

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        rc = rtprop_json_get_id(claims, keys[i], id, buf);

        if (rc != RTPROP_DECLINED) {
            return rc;
        }
    }

    return RTPROP_DECLINED;
}


static int
rtprop_identity_list(const json_t *claims, const char *key,
    const json_t **list)
{
    size_t          i, n;
    json_t         *json;
    rtprop_str_t    id;
    unsigned char   buf[RTPROP_JSON_INT_LEN];

    json = rtprop_json_get(claims, key);

    if (json == NULL || json_is_null(json)) {
        return RTPROP_OK;
    }

    n = json_array_size(json);

    if (!json_is_array(json) || n > RTPROP_IDENTITY_IDS_MAX) {
        return RTPROP_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (rtprop_json_id(json_array_get(json, i), &id, buf) != RTPROP_OK) {
            return RTPROP_ERROR;
        }
    }

    *list = json;

    return RTPROP_OK;
}


rtprop_identity_t *
rtprop_identity_make(const rtprop_str_t *id, const rtprop_str_t *name,
    const rtprop_str_t *role, const char **err)
{
    rtprop_identity_parts_t  parts;

    memset(&parts, 0, sizeof(parts));

    parts.id = *id;
    parts.name = *name;
    parts.role = *role;

    return rtprop_identity_pack(&parts, err);
}


static rtprop_identity_t *
rtprop_identity_pack(rtprop_identity_parts_t *parts, const char **err)
{
    unsigned char      *p;
    rtprop_identity_t   head, *user;

    if (!rtprop_json_id_valid(parts->id.data, parts->id.len)) {
        *err = "the user id is malformed";
        return NULL;
    }

    if (!rtprop_identity_is_role(&parts->role)) {
        *err = "the role is malformed";
        return NULL;
    }

    rtprop_identity_cut(&parts->name);

    if (parts->avatar.len > RTPROP_IDENTITY_AVATAR_MAX) {
        parts->avatar.len = 0;
    }

    memset(&head, 0, sizeof(head));

    head.expires = parts->expires;
    head.id_len = parts->id.len;
    head.name_len = parts->name.len;
    head.role_len = parts->role.len;
    head.avatar_len = parts->avatar.len;
    head.properties_len = rtprop_identity_list_len(parts->properties);
    head.conversations_len = rtprop_identity_list_len(parts->conversations);

    user = malloc(rtprop_identity_size(&head));
    if (user == NULL) {
        *err = "out of memory";
        return NULL;
    }

    memcpy(user, &head, offsetof(rtprop_identity_t, data));

    p = rtprop_identity_put(user->data, &parts->id);
    p = rtprop_identity_put(p, &parts->name);
    p = rtprop_identity_put(p, &parts->role);
    p = rtprop_identity_put(p, &parts->avatar);
    p = rtprop_identity_put_list(p, parts->properties);
    (void) rtprop_identity_put_list(p, parts->conversations);

    return user;
}


static int
rtprop_identity_is_role(const rtprop_str_t *role)
{
    size_t                i, n;
    const unsigned char  *p;

    p = role->data;

    if (role->len > RTPROP_IDENTITY_ROLE_MAX) {
        return 0;
    }

    for (i = 0; i < role->len; i += n) {
        n = rtprop_json_utf8_char(p + i, p + role->len);

        if (n == 0 || p[i] < ' ' || p[i] == 0x7f) {
            return 0;
        }
    }

    return 1;
}


/* Cuts a name between two characters, and before what is not UTF-8. */

static void
rtprop_identity_cut(rtprop_str_t *name)
{
    size_t  len, n;

    for (len = 0; len < name->len; len += n) {
        n = rtprop_json_utf8_char(name->data + len, name->data + name->len);

        if (n == 0 || len + n > RTPROP_IDENTITY_NAME_MAX) {
            break;
        }
    }

    name->len = len;
}


static size_t
rtprop_identity_list_len(const json_t *list)
{
    size_t          i, n, len;
    rtprop_str_t    id;
    unsigned char   buf[RTPROP_JSON_INT_LEN];

    len = 0;
    n = json_array_size(list);

    for (i = 0; i < n; i++) {
        (void) rtprop_json_id(json_array_get(list, i), &id, buf);
        len += 1 + id.len;
    }

    return len;
}


static unsigned char *
rtprop_identity_put(unsigned char *p, const rtprop_str_t *s)
{
    if (s->len) {
        memcpy(p, s->data, s->len);
    }

    return p + s->len;
}


/* An id is at most 128 bytes, so its length is one byte. */

static unsigned char *
rtprop_identity_put_list(unsigned char *p, const json_t *list)
{
    size_t          i, n;
    rtprop_str_t    id;
    unsigned char   buf[RTPROP_JSON_INT_LEN];

    n = json_array_size(list);

    for (i = 0; i < n; i++) {
        (void) rtprop_json_id(json_array_get(list, i), &id, buf);
        *p++ = (unsigned char) id.len;
        p = rtprop_identity_put(p, &id);
    }

    return p;
}


void
rtprop_identity_free(rtprop_identity_t *user)
{
    free(user);
}


int
rtprop_identity_next_property(const rtprop_identity_t *user,
    rtprop_str_t *id)
{
    rtprop_str_t  avatar;

    avatar = rtprop_identity_avatar(user);

    return rtprop_identity_next(avatar.data + avatar.len,
                                user->properties_len, id);
}


int
rtprop_identity_next_conversation(const rtprop_identity_t *user,
    rtprop_str_t *id)
{
    rtprop_str_t  avatar;

    avatar = rtprop_identity_avatar(user);

    return rtprop_identity_next(avatar.data + avatar.len
                                + user->properties_len,
                                user->conversations_len, id);
}


static int
rtprop_identity_next(const unsigned char *start, size_t len,
    rtprop_str_t *id)
{
    const unsigned char  *p;

    p = (id->data == NULL) ? start : id->data + id->len;

    if (p == start + len) {
        return 0;
    }

    id->len = *p;
    id->data = (unsigned char *) p + 1;

    return 1;
}


int
rtprop_identity_has_property(const rtprop_identity_t *user,
    const rtprop_str_t *id)
{
    rtprop_str_t  s;

    s.data = NULL;

    while (rtprop_identity_next_property(user, &s)) {
        if (rtprop_str_eq(&s, (const char *) id->data, id->len)) {
            return 1;
        }
    }

    return 0;
}


int
rtprop_identity_has_conversation(const rtprop_identity_t *user,
    const rtprop_str_t *id)
{
    rtprop_str_t  s;

    s.data = NULL;

    while (rtprop_identity_next_conversation(user, &s)) {
        if (rtprop_str_eq(&s, (const char *) id->data, id->len)) {
            return 1;
        }
    }

    return 0;
}
