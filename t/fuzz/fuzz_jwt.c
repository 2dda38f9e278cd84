/*
 * Tokens: header and claims of the input, signed with a fixed secret, so that
 * the claims are reached; then who the user is.
 *
 * Input: a line with the header, then the claims; both together are also taken
 * for a token as they are.
 */

#include "t/fuzz/fuzz.h"

#include "base/rtprop_base64.c"
#include "base/rtprop_hash.c"
#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "base/rtprop_utf8.c"
#include "session/rtprop_identity.c"
#include "session/rtprop_jwt.c"
#include "session/rtprop_jwk.c"
#include "session/rtprop_jwt_key.c"
#include "session/rtprop_jwt_signature.c"


#define NOW      1700000000000LL
#define LEEWAY   30000
#define SECRET   "a secret of the fuzz target, 32 and more"
#define OTHER    "another secret of it, also 32 and more"
#define JWK_EC                                                                \
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9" \
    "tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStik" \
    "YjKIWI5a0\"},"                                                           \
    "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"kid\":\"ed\",\"x\":"              \
    "\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}"


static rtprop_jwt_keys_t  *keys;
static rtprop_jwt_keys_t  *others;


static rtprop_jwt_keys_t *
key_set(const char *secret)
{
    int                 rc;
    const char         *err;
    rtprop_jwt_keys_t  *set;

    set = rtprop_jwt_keys_create();
    rc = rtprop_jwt_keys_add(set, (const unsigned char *) secret,
                             strlen(secret), "HS256 HS384 HS512", NULL, &err);

    if (rc == RTPROP_OK) {
        rc = rtprop_jwt_keys_add_jwks(set, (const unsigned char *) JWK_EC,
                                      sizeof(JWK_EC) - 1, &err);
    }

    must(rc == RTPROP_OK, "the target's own keys");

    return set;
}


static unsigned char *
add(unsigned char *p, const void *data, size_t len)
{
    return p + rtprop_base64_encode(p, data, len, RTPROP_BASE64_URL);
}


/* The digest that the header asks for; what is no HMAC gets as many octets. */

static rtprop_str_t
sign(const rtprop_str_t *header, const rtprop_str_t *claims)
{
    json_t         *head, *alg;
    unsigned        n;
    const char     *err;
    rtprop_str_t    token;
    unsigned char  *p, raw[256];
    rtprop_jwt_alg_e  e;

    token.data = fuzz_room(rtprop_base64_encoded_len(header->len)
                           + rtprop_base64_encoded_len(claims->len)
                           + rtprop_base64_encoded_len(sizeof(raw)) + 2);

    p = add(token.data, header->data, header->len);
    *p++ = '.';
    p = add(p, claims->data, claims->len);

    head = rtprop_json_load(header->data, header->len, 8, &err);
    alg = json_object_get(head, "alg");
    e = json_is_string(alg)
        ? rtprop_jwt_alg((const unsigned char *) json_string_value(alg),
                         json_string_length(alg))
        : 0;
    json_decref(head);

    memset(raw, 0x5a, sizeof(raw));
    HMAC(rtprop_jwt_digest(e == RTPROP_JWT_EDDSA ? 0 : e), SECRET,
         sizeof(SECRET) - 1, token.data, (size_t) (p - token.data), raw, &n);

    if (!(e & RTPROP_JWT_HS)) {
        n = e == RTPROP_JWT_ES384 ? 96 : 64;
    }

    *p++ = '.';
    p = add(p, raw, n);
    token.len = (size_t) (p - token.data);

    return token;
}


/* Each id comes once more by its own way, in the order of the token. */

static void
list(const rtprop_identity_t *user, const json_t *claims, const char *key,
    int properties)
{
    int             more;
    size_t          i, n;
    json_t         *ids;
    rtprop_str_t    id, expected;
    unsigned char   buf[RTPROP_JSON_INT_LEN];

    ids = rtprop_json_get(claims, key);
    n = json_array_size(ids);
    id.data = NULL;
    id.len = 0;

    for (i = 0; /* void */ ; i++) {
        more = properties ? rtprop_identity_next_property(user, &id)
                          : rtprop_identity_next_conversation(user, &id);

        if (!more || i == n) {
            break;
        }

        must(rtprop_json_id(json_array_get(ids, i), &expected, buf)
             == RTPROP_OK, "an id was one");
        must(rtprop_str_eq(&id, (char *) expected.data, expected.len),
             "an id is kept");
        must(properties ? rtprop_identity_has_property(user, &id)
             : rtprop_identity_has_conversation(user, &id), "and found");
    }

    must(i == n && !more, "all ids are kept");
}


static void
parts(const rtprop_identity_t *user, const json_t *claims)
{
    rtprop_str_t              s;
    const rtprop_identity_t  *copy;

    copy = fuzz_copy(user, rtprop_identity_size(user));

    s = rtprop_identity_id(copy);
    must(rtprop_json_id_valid(s.data, s.len), "a user has an id");

    s = rtprop_identity_name(copy);
    must(rtprop_utf8_valid(s.data, s.len), "a name is text");

    s = rtprop_identity_role(copy);
    must(rtprop_utf8_valid(s.data, s.len)
         && s.len <= RTPROP_IDENTITY_ROLE_MAX, "a role is text");

    s = rtprop_identity_avatar(copy);
    must(s.len <= RTPROP_IDENTITY_AVATAR_MAX, "an avatar is short");

    list(copy, claims, "property_ids", 1);
    list(copy, claims, "conversations", 0);
}


static void
identity(const json_t *claims)
{
    const char         *err;
    rtprop_identity_t  *user;

    err = NULL;
    user = rtprop_identity_from_claims(claims, &err);

    if (user == NULL) {
        must(err && *err, "an error says what");
        return;
    }

    parts(user, claims);
    rtprop_identity_free(user);
}


/* The same from variables. */

static void
variables(const rtprop_str_t *id, const rtprop_str_t *name,
    const rtprop_str_t *role)
{
    const char         *err;
    rtprop_identity_t  *user;

    err = NULL;
    user = rtprop_identity_make(id, name, role, &err);

    if (user == NULL) {
        must(err && *err, "an error says what");
        return;
    }

    parts(user, NULL);
    rtprop_identity_free(user);
}


static int
verify(const rtprop_jwt_keys_t *set, const rtprop_str_t *token,
    json_t **claims, rtprop_jwt_reason_e *reason)
{
    int                  rc;
    const char          *text;
    rtprop_jwt_checks_t  checks;

    static const rtprop_str_t  audience[] = {
        rtprop_string("rtprop"), rtprop_string("api")
    };

    memset(&checks, 0, sizeof(checks));
    checks.leeway = LEEWAY;

    if (token->len & 1) {
        checks.audience = audience;
        checks.naudience = 2;
    }

    if (token->len & 2) {
        checks.issuer = audience[1];
    }

    rc = rtprop_jwt_verify(set, token, NOW, &checks, claims, reason);

    must((rc == RTPROP_OK) == (*reason == RTPROP_JWT_VALID),
         "refused for a reason");
    must((rc == RTPROP_OK) == (*claims != NULL), "claims when it is good");
    text = rtprop_jwt_reason_text(*reason);
    must(*text && strpbrk(text, "\"\\") == NULL, "with a text for a header");

    return rc;
}


static void
good(const json_t *claims)
{
    double   exp;
    json_t  *json;

    must(json_is_object(claims), "claims are an object");

    json = json_object_get(claims, "exp");
    exp = json_number_value(json);
    must(json == NULL || json_is_number(json), "a time is a number");
    must(json == NULL || exp * 1000 > (double) (NOW - LEEWAY),
         "not expired");

    identity(claims);
}


static void
fuzz_one(fuzz_input_t *in)
{
    json_t               *claims, *none;
    rtprop_str_t          raw, header, payload, token;
    rtprop_jwt_reason_e   reason, why;

    if (keys == NULL) {
        keys = key_set(SECRET);
        others = key_set(OTHER);
    }

    raw = fuzz_rest(in);
    in->pos -= raw.len;

    must(verify(keys, &raw, &claims, &reason) != RTPROP_OK,
         "nobody guesses a signature");

    header = fuzz_until(in, '\n');
    payload = fuzz_rest(in);
    token = sign(&header, &payload);

    if (verify(keys, &token, &claims, &reason) == RTPROP_OK) {
        good(claims);
        json_decref(claims);

        must(verify(others, &token, &none, &why) != RTPROP_OK
             && why == RTPROP_JWT_SIGNATURE, "another secret is another");

        token.data[token.len - 2] ^= 1;
        must(verify(keys, &token, &none, &why) != RTPROP_OK,
             "a signature counts to the end");
        json_decref(none);
    }

    variables(&header, &payload, &raw);
    variables(&header, &raw, &payload);
}
