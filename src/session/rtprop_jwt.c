/*
 * rtprop_jwt: a token's parts, its key, its claims.
 */

#include "session/rtprop_jwt.h"
#include "session/rtprop_jwt_signature.h"
#include "base/rtprop_base64.h"
#include "base/rtprop_json.h"

#include <stdlib.h>


/* A token apart; the strings point into the token and into one buffer. */

typedef struct {
    rtprop_str_t          header;        /* decoded */
    rtprop_str_t          payload;       /* decoded */
    rtprop_str_t          signature;     /* decoded */
    rtprop_str_t          input;         /* what is signed */
    unsigned char        *buf;
    rtprop_jwt_alg_e      alg;
    json_t               *head;
    rtprop_str_t          kid;           /* NULL data: none */
} rtprop_jwt_token_t;


static rtprop_jwt_reason_e rtprop_jwt_split(rtprop_jwt_token_t *t,
    const rtprop_str_t *token);
static int rtprop_jwt_decode(unsigned char **dst, rtprop_str_t *out,
    const unsigned char *start, const unsigned char *end);
static rtprop_jwt_reason_e rtprop_jwt_header(rtprop_jwt_token_t *t);
static rtprop_jwt_reason_e rtprop_jwt_signature(const rtprop_jwt_token_t *t,
    const rtprop_jwt_keys_t *keys);
static int rtprop_jwt_has_kid(const rtprop_jwt_keys_t *keys,
    const rtprop_str_t *kid);
static rtprop_jwt_reason_e rtprop_jwt_claims(const json_t *claims,
    int64_t now, const rtprop_jwt_checks_t *checks);
static int rtprop_jwt_is_audience(const json_t *aud,
    const rtprop_jwt_checks_t *checks);
static int rtprop_jwt_is(const json_t *json, const rtprop_str_t *expected);


static const char *const  rtprop_jwt_reasons[] = {
    "the token is valid",
    "the token is too large",
    "the token is malformed",
    "the token has extensions that are not understood",
    "the token's algorithm is not allowed",
    "no key fits the token",
    "the token's signature is wrong",
    "the token's claims are malformed",
    "the token has expired",
    "the token is not valid yet",
    "the token is from another issuer",
    "the token is for another audience",
    "the token could not be checked"
};


const char *
rtprop_jwt_reason_text(rtprop_jwt_reason_e reason)
{
    if ((unsigned) reason > RTPROP_JWT_INTERNAL) {
        reason = RTPROP_JWT_INTERNAL;
    }

    return rtprop_jwt_reasons[reason];
}


int
rtprop_jwt_verify(const rtprop_jwt_keys_t *keys, const rtprop_str_t *token,
    int64_t now, const rtprop_jwt_checks_t *checks, json_t **claims,
    rtprop_jwt_reason_e *reason)
{
    const char          *err;
    rtprop_jwt_token_t   t;

    *claims = NULL;
    memset(&t, 0, sizeof(t));

    *reason = rtprop_jwt_split(&t, token);

    if (*reason == RTPROP_JWT_VALID) {
        *reason = rtprop_jwt_header(&t);
    }

    if (*reason == RTPROP_JWT_VALID) {
        *reason = rtprop_jwt_signature(&t, keys);
    }

    if (*reason == RTPROP_JWT_VALID) {
        *claims = rtprop_json_load(t.payload.data, t.payload.len,
                                   RTPROP_JWT_DEPTH, &err);
        *reason = rtprop_jwt_claims(*claims, now, checks);
    }

    json_decref(t.head);
    free(t.buf);

    if (*reason != RTPROP_JWT_VALID) {
        json_decref(*claims);
        *claims = NULL;
        return RTPROP_DECLINED;
    }

    return RTPROP_OK;
}


static rtprop_jwt_reason_e
rtprop_jwt_split(rtprop_jwt_token_t *t, const rtprop_str_t *token)
{
    unsigned char  *first, *second, *end, *dst;

    if (token->len > RTPROP_JWT_TOKEN_MAX) {
        return RTPROP_JWT_TOO_LARGE;
    }

    if (token->len == 0) {
        return RTPROP_JWT_MALFORMED;
    }

    end = token->data + token->len;
    first = memchr(token->data, '.', token->len);
    second = first ? memchr(first + 1, '.', end - first - 1) : NULL;

    if (second == NULL || memchr(second + 1, '.', end - second - 1) != NULL) {
        return RTPROP_JWT_MALFORMED;
    }

    /* three parts, each rounded up to groups of three */

    t->buf = malloc(token->len + 3 * 3);
    if (t->buf == NULL) {
        return RTPROP_JWT_INTERNAL;
    }

    dst = t->buf;

    if (rtprop_jwt_decode(&dst, &t->header, token->data, first) != RTPROP_OK
        || rtprop_jwt_decode(&dst, &t->payload, first + 1, second)
           != RTPROP_OK
        || rtprop_jwt_decode(&dst, &t->signature, second + 1, end)
           != RTPROP_OK)
    {
        return RTPROP_JWT_MALFORMED;
    }

    t->input.data = token->data;
    t->input.len = second - token->data;

    return RTPROP_JWT_VALID;
}


static int
rtprop_jwt_decode(unsigned char **dst, rtprop_str_t *out,
    const unsigned char *start, const unsigned char *end)
{
    if (start == end) {
        return RTPROP_ERROR;
    }

    out->data = *dst;

    if (rtprop_base64_decode(out->data, &out->len, start, end - start,
                             RTPROP_BASE64_URL)
        != RTPROP_OK)
    {
        return RTPROP_ERROR;
    }

    *dst += rtprop_base64_decoded_len(end - start);

    return RTPROP_OK;
}


static rtprop_jwt_reason_e
rtprop_jwt_header(rtprop_jwt_token_t *t)
{
    json_t      *alg, *kid;
    const char  *err;

    t->head = rtprop_json_load(t->header.data, t->header.len,
                               RTPROP_JWT_DEPTH, &err);

    alg = json_object_get(t->head, "alg");
    kid = json_object_get(t->head, "kid");

    if (!json_is_string(alg) || (kid != NULL && !json_is_string(kid))) {
        return RTPROP_JWT_MALFORMED;
    }

    /* RFC 7515, 4.1.11: what is critical and not understood is refused */

    if (json_object_get(t->head, "crit") != NULL) {
        return RTPROP_JWT_CRITICAL;
    }

    t->alg = rtprop_jwt_alg((const unsigned char *) json_string_value(alg),
                            json_string_length(alg));

    if (t->alg == 0) {
        return RTPROP_JWT_ALGORITHM;
    }

    if (kid != NULL) {
        t->kid.data = (unsigned char *) json_string_value(kid);
        t->kid.len = json_string_length(kid);
    }

    return RTPROP_JWT_VALID;
}


static rtprop_jwt_reason_e
rtprop_jwt_signature(const rtprop_jwt_token_t *t,
    const rtprop_jwt_keys_t *keys)
{
    int                      any;
    unsigned                 i;
    const rtprop_str_t      *kid;
    rtprop_jwt_reason_e      reason;
    const rtprop_jwt_key_t  *key;

    kid = (t->kid.data != NULL && rtprop_jwt_has_kid(keys, &t->kid))
          ? &t->kid : NULL;

    any = (t->kid.data == NULL && !rtprop_jwt_has_kid(keys, NULL));

    reason = RTPROP_JWT_NO_KEY;

    for (i = 0; (key = rtprop_jwt_keys_get(keys, i)) != NULL; i++) {

        if (!any && !rtprop_jwt_key_has_kid(key, kid)) {
            continue;
        }

        if (!rtprop_jwt_key_allows(key, t->alg)) {

            if (reason == RTPROP_JWT_NO_KEY) {
                reason = RTPROP_JWT_ALGORITHM;
            }

            continue;
        }

        if (rtprop_jwt_key_verify(key, t->alg, &t->input, &t->signature)
            == RTPROP_OK)
        {
            return RTPROP_JWT_VALID;
        }

        reason = RTPROP_JWT_SIGNATURE;
    }

    return reason;
}


/* Whether some key carries a kid, or with NULL, whether some carries none. */

static int
rtprop_jwt_has_kid(const rtprop_jwt_keys_t *keys, const rtprop_str_t *kid)
{
    unsigned                 i;
    const rtprop_jwt_key_t  *key;

    for (i = 0; (key = rtprop_jwt_keys_get(keys, i)) != NULL; i++) {
        if (rtprop_jwt_key_has_kid(key, kid)) {
            return 1;
        }
    }

    return 0;
}


static rtprop_jwt_reason_e
rtprop_jwt_claims(const json_t *claims, int64_t now,
    const rtprop_jwt_checks_t *checks)
{
    int      rc;
    int64_t  ms;

    if (!json_is_object(claims)) {
        return RTPROP_JWT_CLAIMS;
    }

    rc = rtprop_jwt_claim_time(claims, "exp", &ms);

    if (rc == RTPROP_ERROR) {
        return RTPROP_JWT_CLAIMS;
    }

    if (rc == RTPROP_OK && now - checks->leeway >= ms) {
        return RTPROP_JWT_EXPIRED;
    }

    rc = rtprop_jwt_claim_time(claims, "nbf", &ms);

    if (rc == RTPROP_ERROR) {
        return RTPROP_JWT_CLAIMS;
    }

    if (rc == RTPROP_OK && now + checks->leeway < ms) {
        return RTPROP_JWT_EARLY;
    }

    if (checks->issuer.len
        && !rtprop_jwt_is(json_object_get(claims, "iss"), &checks->issuer))
    {
        return RTPROP_JWT_ISSUER;
    }

    if (checks->naudience
        && !rtprop_jwt_is_audience(json_object_get(claims, "aud"), checks))
    {
        return RTPROP_JWT_AUDIENCE;
    }

    return RTPROP_JWT_VALID;
}


/* RFC 7519, 4.1.3: a string or an array of strings. */

static int
rtprop_jwt_is_audience(const json_t *aud, const rtprop_jwt_checks_t *checks)
{
    size_t  i, k, n;

    n = json_array_size(aud);

    for (k = 0; k < checks->naudience; k++) {

        if (rtprop_jwt_is(aud, &checks->audience[k])) {
            return 1;
        }

        for (i = 0; i < n; i++) {
            if (rtprop_jwt_is(json_array_get(aud, i), &checks->audience[k])) {
                return 1;
            }
        }
    }

    return 0;
}


static int
rtprop_jwt_is(const json_t *json, const rtprop_str_t *expected)
{
    return json_is_string(json)
           && rtprop_str_eq(expected, json_string_value(json),
                            json_string_length(json));
}


int
rtprop_jwt_claim_time(const json_t *claims, const char *name, int64_t *ms)
{
    double   seconds;
    json_t  *json;

    json = json_object_get(claims, name);

    if (json == NULL) {
        return RTPROP_DECLINED;
    }

    if (!json_is_number(json)) {
        return RTPROP_ERROR;
    }

    seconds = json_number_value(json);

    if (seconds >= (double) RTPROP_INT_MAX / 1000) {
        *ms = RTPROP_INT_MAX;

    } else if (seconds <= (double) -RTPROP_INT_MAX / 1000) {
        *ms = -RTPROP_INT_MAX;

    } else {
        *ms = (int64_t) (seconds * 1000);
    }

    return RTPROP_OK;
}
