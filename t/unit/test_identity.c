#include "base/rtprop_base64.c"
#include "base/rtprop_hash.c"
#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "session/rtprop_jwk.c"
#include "session/rtprop_jwt_key.c"
#include "session/rtprop_jwt_signature.c"
#include "session/rtprop_jwt.c"
#include "session/rtprop_identity.c"
#include "t/unit/tap.h"


static rtprop_identity_t *
identity(const char *claims, const char **err)
{
    json_t             *json;
    rtprop_identity_t  *user;

    json = rtprop_json_load((const unsigned char *) claims, strlen(claims),
                            8, err);
    user = rtprop_identity_from_claims(json, err);
    json_decref(json);        /* nothing of it is kept */

    return user;
}


static void
is_user(const char *claims, const char *id)
{
    const char         *err;
    rtprop_str_t        s;
    rtprop_identity_t  *user;

    user = identity(claims, &err);

    if (!ok(user != NULL, "an identity: %s", claims)) {
        return;
    }

    s = rtprop_identity_id(user);
    is_mem(s.data, s.len, id, strlen(id), id);
    rtprop_identity_free(user);
}


static void
not_user(const char *claims, const char *expected)
{
    const char         *err;
    rtprop_identity_t  *user;

    err = "";
    user = identity(claims, &err);
    ok(user == NULL, "refused: %.60s", claims);
    is_str(err, expected, "  and why");
    rtprop_identity_free(user);
}


static int
has_conversation(const rtprop_identity_t *user, const char *id)
{
    rtprop_str_t  s;

    s.data = (unsigned char *) id;
    s.len = strlen(id);

    return rtprop_identity_has_conversation(user, &s);
}


static void
test_whole(void)
{
    const char         *err;
    rtprop_str_t        s, id;
    rtprop_identity_t  *user, *copy;

    user = identity("{\"sub\":\"0b8c5f4e-0000-4000-8000-123456789abc\","
                    "\"name\":\"Ana Mar\xc3\xad" "a Lopes\","
                    "\"role\":\"agent\"}",
                    &err);
    ok(rtprop_identity_size(user) < 120, "id, name and role take %zu bytes",
       rtprop_identity_size(user));
    is_int(user->expires, 0, "never expires");
    rtprop_identity_free(user);

    user = identity("{\"sub\":\"u1\",\"name\":\"Ana\",\"role\":\"agent\","
                    "\"avatar\":\"/a.png\",\"propertyIds\":[\"p1\",2],"
                    "\"conversations\":[\"c1\",\"c22\",3],\"exp\":1700000000}",
                    &err);
    copy = malloc(rtprop_identity_size(user));
    memcpy(copy, user, rtprop_identity_size(user));
    rtprop_identity_free(user);
    user = copy;

    s = rtprop_identity_name(user);
    is_mem(s.data, s.len, "Ana", 3, "name");
    s = rtprop_identity_role(user);
    is_mem(s.data, s.len, "agent", 5, "role");
    s = rtprop_identity_avatar(user);
    is_mem(s.data, s.len, "/a.png", 6, "avatar");
    is_int(user->expires, 1700000000000LL, "exp in ms");

    id.data = NULL;
    is_int(rtprop_identity_next_property(user, &id), 1, "a property");
    is_mem(id.data, id.len, "p1", 2, "the first");
    is_int(rtprop_identity_next_property(user, &id), 1, "another");
    is_mem(id.data, id.len, "2", 1, "the second");
    is_int(rtprop_identity_next_property(user, &id), 0, "no third");

    id.data = NULL;
    is_int(rtprop_identity_next_conversation(user, &id), 1, "a conversation");
    is_mem(id.data, id.len, "c1", 2, "the first");

    is_int(has_conversation(user, "c1"), 1, "has c1");
    is_int(has_conversation(user, "c22"), 1, "has c22");
    is_int(has_conversation(user, "3"), 1, "has 3");
    is_int(has_conversation(user, "c2"), 0, "not c2");
    is_int(has_conversation(user, "p1"), 0, "not p1");
    is_int(has_conversation(user, ""), 0, "not the empty one");

    s.data = (unsigned char *) "p1";
    s.len = 2;
    is_int(rtprop_identity_has_property(user, &s), 1, "property p1");
    s.data = (unsigned char *) "c1";
    is_int(rtprop_identity_has_property(user, &s), 0, "no property c1");
    rtprop_identity_free(user);
}


static void
test_lists(void)
{
    char               *claims, *p;
    size_t              i;
    const char         *err;
    rtprop_str_t        id;
    rtprop_identity_t  *user;

    claims = malloc(1001 * 8 + 64);

    for (i = 1000; i <= 1001; i++) {
        size_t  k, n;

        p = claims + sprintf(claims, "{\"sub\":1,\"conversations\":[0");
        for (k = 1; k < i; k++) {
            p += sprintf(p, ",%zu", k);
        }
        strcpy(p, "]}");

        user = identity(claims, &err);

        if (i == 1001) {
            ok(user == NULL, "1001 are too many");
            break;
        }

        n = 0;
        id.data = NULL;
        while (rtprop_identity_next_conversation(user, &id)) {
            n++;
        }
        is_int(n, 1000, "1000 conversations");
        is_int(has_conversation(user, "999"), 1, "the last");
        rtprop_identity_free(user);
    }

    free(claims);

    user = identity("{\"sub\":1,\"property_ids\":[],\"conversations\":null}",
                    &err);
    id.data = NULL;
    is_int(rtprop_identity_next_property(user, &id), 0, "none");
    is_int(rtprop_identity_next_conversation(user, &id), 0, "none");
    rtprop_identity_free(user);
}


static void
test_make(void)
{
    char                long_name[400];
    const char         *err;
    rtprop_str_t        id, name, role, s;
    rtprop_identity_t  *user;

    memset(&name, 0, sizeof(name));
    memset(&role, 0, sizeof(role));
    id.data = (unsigned char *) "u1";
    id.len = 2;

    user = rtprop_identity_make(&id, &name, &role, &err);
    s = rtprop_identity_id(user);
    is_mem(s.data, s.len, "u1", 2, "from an id alone");
    is_int(rtprop_identity_name(user).len, 0, "no name");
    rtprop_identity_free(user);

    /* 127 two-byte characters are 254 bytes; the 128th is cut */

    memset(long_name, 0, sizeof(long_name));
    while (strlen(long_name) < 300) {
        strcat(long_name, "\xc3\xa9");
    }

    name.data = (unsigned char *) long_name;
    name.len = strlen(long_name);
    user = rtprop_identity_make(&id, &name, &role, &err);
    is_int(rtprop_identity_name(user).len, 254, "a long name is cut");
    rtprop_identity_free(user);

    name.data = (unsigned char *) "Ana\xff";
    name.len = 4;
    user = rtprop_identity_make(&id, &name, &role, &err);
    is_int(rtprop_identity_name(user).len, 3, "what is not UTF-8 goes");
    rtprop_identity_free(user);

    role.data = (unsigned char *) "a\nb";
    role.len = 3;
    ok(rtprop_identity_make(&id, &name, &role, &err) == NULL, "bad role");
    is_str(err, "the role is malformed", "  and why");

    id.len = 0;
    role.len = 0;
    ok(rtprop_identity_make(&id, &name, &role, &err) == NULL, "empty id");
    is_str(err, "the user id is malformed", "  and why");
}


int
main(void)
{
    is_user("{\"sub\":\"u1\"}", "u1");
    is_user("{\"sub\":42}", "42");
    is_user("{\"id\":\"u2\",\"user_id\":\"u3\"}", "u2");
    is_user("{\"user_id\":\"u3\"}", "u3");
    is_user("{\"userId\":7}", "7");
    is_user("{\"sub\":null,\"id\":\"u2\"}", "u2");
    is_user("{\"sub\":\"u1\",\"id\":\"u2\",\"name\":5,\"avatar\":{}}", "u1");

    not_user("{}", "the token names no user");
    not_user("[]", "the token names no user");
    not_user("{\"sub\":\"\"}", "the token names no user");
    not_user("{\"sub\":\"a b\",\"id\":\"u2\"}", "the token names no user");
    not_user("{\"sub\":1.5}", "the token names no user");
    not_user("{\"sub\":\"u1\",\"role\":[\"agent\"]}",
             "the token's role is malformed");
    not_user("{\"sub\":\"u1\",\"role\":\"0123456789012345678901234567890123"
             "4567890123456789012345678901234\"}", "the role is malformed");
    not_user("{\"sub\":\"u1\",\"property_ids\":\"p1\"}",
             "the token's property_ids are malformed");
    not_user("{\"sub\":\"u1\",\"conversations\":[\"c1\",null]}",
             "the token's conversations are malformed");
    not_user("{\"sub\":\"u1\",\"conversations\":{}}",
             "the token's conversations are malformed");
    not_user("{\"sub\":\"u1\",\"exp\":\"soon\"}",
             "the token's claims are malformed");

    test_whole();
    test_lists();
    test_make();

    return plan_done();
}
