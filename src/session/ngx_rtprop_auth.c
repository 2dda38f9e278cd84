/*
 * Who sent a request: a verified token, or what variables say.
 */

#include "session/ngx_rtprop_auth.h"
#include "session/ngx_rtprop_auth_conf.h"
#include "session/ngx_rtprop_session.h"


#define NGX_RTPROP_AUTH_BEARER     "Bearer "
#define NGX_RTPROP_AUTH_PROTOCOL   "rtprop.token."


/* Of a request: an identity that was found is not looked for again. */

typedef struct {
    rtprop_identity_t  *user;      /* in r->pool */
    int64_t             expires;
} ngx_rtprop_auth_ctx_t;


static void ngx_rtprop_auth_keep(ngx_http_request_t *r,
    rtprop_identity_t *user, int64_t expires);
static rtprop_identity_t *ngx_rtprop_auth_copy(rtprop_identity_t *user);
static rtprop_identity_t *ngx_rtprop_auth_variables(ngx_http_request_t *r,
    ngx_rtprop_auth_conf_t *auth, const char **error);
static ngx_int_t ngx_rtprop_auth_value(ngx_http_request_t *r,
    ngx_rtprop_auth_value_t *av, rtprop_str_t *str);
static ngx_int_t ngx_rtprop_auth_token_find(ngx_http_request_t *r,
    ngx_rtprop_auth_conf_t *auth, ngx_str_t *token);
static ngx_int_t ngx_rtprop_auth_token_bearer(ngx_http_request_t *r,
    ngx_str_t *token);
static ngx_int_t ngx_rtprop_auth_token_protocol(ngx_http_request_t *r,
    ngx_str_t *token);
static int64_t ngx_rtprop_auth_expires(rtprop_identity_t *user,
    ngx_msec_t leeway);


ngx_int_t
ngx_rtprop_auth_identify(ngx_http_request_t *r, rtprop_identity_t **user,
    int64_t *expires, const char **error)
{
    ngx_int_t                rc;
    ngx_str_t                token;
    ngx_rtprop_auth_ctx_t   *ctx;
    ngx_rtprop_loc_conf_t   *conf;
    ngx_rtprop_auth_conf_t  *auth;

    conf = ngx_http_get_module_loc_conf(r, ngx_rtprop_module);
    auth = conf->auth;

    ctx = ngx_http_get_module_ctx(r, ngx_rtprop_module);

    if (ctx) {
        *user = ngx_rtprop_auth_copy(ctx->user);
        *expires = ctx->expires;

        return *user ? NGX_OK : NGX_ERROR;
    }

    if (auth->user.value) {
        *user = ngx_rtprop_auth_variables(r, auth, error);
        *expires = 0;
        rc = *user ? NGX_OK : NGX_HTTP_UNAUTHORIZED;

    } else if (ngx_rtprop_auth_token_find(r, auth, &token) == NGX_OK) {
        rc = ngx_rtprop_auth_token_check(conf, r->connection->log, &token,
                                         user, expires, error);
    } else {
        *error = "no token was given";
        rc = NGX_HTTP_UNAUTHORIZED;
    }

    if (rc == NGX_OK) {
        ngx_rtprop_auth_keep(r, *user, *expires);
    }

    return rc;
}


static void
ngx_rtprop_auth_keep(ngx_http_request_t *r, rtprop_identity_t *user,
    int64_t expires)
{
    size_t                  size;
    ngx_rtprop_auth_ctx_t  *ctx;

    size = rtprop_identity_size(user);
    ctx = ngx_palloc(r->pool, sizeof(ngx_rtprop_auth_ctx_t));

    if (ctx == NULL) {
        return;
    }

    ctx->expires = expires;
    ctx->user = ngx_palloc(r->pool, size);

    if (ctx->user == NULL) {
        return;
    }

    ngx_memcpy(ctx->user, user, size);

    ngx_http_set_ctx(r, ctx, ngx_rtprop_module);
}


static rtprop_identity_t *
ngx_rtprop_auth_copy(rtprop_identity_t *user)
{
    size_t              size;
    rtprop_identity_t  *copy;

    size = rtprop_identity_size(user);
    copy = malloc(size);

    if (copy) {
        ngx_memcpy(copy, user, size);
    }

    return copy;
}


static rtprop_identity_t *
ngx_rtprop_auth_variables(ngx_http_request_t *r, ngx_rtprop_auth_conf_t *auth,
    const char **error)
{
    rtprop_str_t  id, name, role;

    *error = "no memory";

    if (ngx_rtprop_auth_value(r, &auth->user, &id) != NGX_OK
        || ngx_rtprop_auth_value(r, &auth->name, &name) != NGX_OK
        || ngx_rtprop_auth_value(r, &auth->role, &role) != NGX_OK)
    {
        return NULL;
    }

    if (id.len == 0) {
        *error = "the request names no user";
        return NULL;
    }

    return rtprop_identity_make(&id, &name, &role, error);
}


static ngx_int_t
ngx_rtprop_auth_value(ngx_http_request_t *r, ngx_rtprop_auth_value_t *av,
    rtprop_str_t *str)
{
    u_char     *p, *dst, *src;
    size_t      i;
    ngx_str_t   value;

    str->len = 0;
    str->data = NULL;

    if (av->value == NULL) {
        return NGX_OK;
    }

    if (ngx_http_complex_value(r, av->value, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    str->len = value.len;
    str->data = value.data;

    if (!av->escaped || value.len == 0) {
        return NGX_OK;
    }

    /* the value may lie in the request itself */

    p = ngx_pnalloc(r->pool, value.len);

    if (p == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < value.len; i++) {
        p[i] = (value.data[i] == '+') ? ' ' : value.data[i];
    }

    dst = p;
    src = p;

    ngx_unescape_uri(&dst, &src, value.len, 0);

    str->len = dst - p;
    str->data = p;

    return NGX_OK;
}


ngx_int_t
ngx_rtprop_auth_token_check(ngx_rtprop_loc_conf_t *conf, ngx_log_t *log,
    ngx_str_t *token, rtprop_identity_t **user, int64_t *expires,
    const char **error)
{
    json_t                  *claims;
    rtprop_str_t             str;
    rtprop_jwt_checks_t      checks;
    rtprop_jwt_reason_e      reason;
    ngx_rtprop_auth_conf_t  *auth;

    auth = conf->auth;

    if (auth->keys == NULL) {
        *error = "tokens are not used here";
        return NGX_HTTP_UNAUTHORIZED;
    }

    ngx_memzero(&checks, sizeof(rtprop_jwt_checks_t));

    checks.issuer.len = auth->issuer.len;
    checks.issuer.data = auth->issuer.data;
    checks.leeway = auth->leeway;

    if (auth->audience) {
        checks.audience = auth->audience->elts;
        checks.naudience = auth->audience->nelts;
    }

    str.len = token->len;
    str.data = token->data;

    if (rtprop_jwt_verify(auth->keys, &str, ngx_rtprop_now(), &checks,
                          &claims, &reason)
        != RTPROP_OK)
    {
        *error = rtprop_jwt_reason_text(reason);
        ngx_log_error(NGX_LOG_INFO, log, 0, "rtprop: token refused: %s",
                      *error);
        return NGX_HTTP_UNAUTHORIZED;
    }

    *user = rtprop_identity_from_claims(claims, error);

    json_decref(claims);

    if (*user == NULL) {
        ngx_log_error(NGX_LOG_INFO, log, 0, "rtprop: token refused: %s",
                      *error);
        return NGX_HTTP_UNAUTHORIZED;
    }

    *expires = ngx_rtprop_auth_expires(*user, auth->leeway);

    return NGX_OK;
}


/* A token that only the leeway lets in is good until the leeway's end. */

static int64_t
ngx_rtprop_auth_expires(rtprop_identity_t *user, ngx_msec_t leeway)
{
    if (user->expires == 0 || user->expires > ngx_rtprop_now()) {
        return user->expires;
    }

    return user->expires + (int64_t) leeway;
}


/* -------------------------------------------- where the token may stand */

static ngx_int_t
ngx_rtprop_auth_token_find(ngx_http_request_t *r,
    ngx_rtprop_auth_conf_t *auth, ngx_str_t *token)
{
    rtprop_str_t             str;
    ngx_rtprop_auth_value_t  av;

    if (auth->token.value) {
        av = auth->token;

        if (ngx_rtprop_auth_value(r, &av, &str) != NGX_OK || str.len == 0) {
            return NGX_DECLINED;
        }

        token->len = str.len;
        token->data = str.data;

        return NGX_OK;
    }

    /* a JWT has no characters that would be escaped: RFC 7515, 7.1 */

    if (r->args.len
        && ngx_http_arg(r, (u_char *) "token", 5, token) == NGX_OK
        && token->len)
    {
        return NGX_OK;
    }

    if (ngx_rtprop_auth_token_bearer(r, token) == NGX_OK) {
        return NGX_OK;
    }

    return ngx_rtprop_auth_token_protocol(r, token);
}


/* RFC 6750, 2.1; the scheme's case does not matter (RFC 9110, 11.1). */

static ngx_int_t
ngx_rtprop_auth_token_bearer(ngx_http_request_t *r, ngx_str_t *token)
{
    size_t      len;
    ngx_str_t  *value;

    if (r->headers_in.authorization == NULL) {
        return NGX_DECLINED;
    }

    value = &r->headers_in.authorization->value;
    len = sizeof(NGX_RTPROP_AUTH_BEARER) - 1;

    if (value->len <= len
        || ngx_strncasecmp(value->data, (u_char *) NGX_RTPROP_AUTH_BEARER, len)
           != 0)
    {
        return NGX_DECLINED;
    }

    while (len < value->len && value->data[len] == ' ') {
        len++;
    }

    token->len = value->len - len;
    token->data = value->data + len;

    return token->len ? NGX_OK : NGX_DECLINED;
}


/* Browsers cannot set headers of a WebSocket, but offer subprotocols. */

static ngx_int_t
ngx_rtprop_auth_token_protocol(ngx_http_request_t *r, ngx_str_t *token)
{
    ngx_uint_t              i;
    rtprop_str_t            name, value;
    ngx_list_part_t        *part;
    ngx_table_elt_t        *h;
    rtprop_ws_handshake_t   hs;

    ngx_memzero(&hs, sizeof(rtprop_ws_handshake_t));

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        name.len = h[i].key.len;
        name.data = h[i].key.data;
        value.len = h[i].value.len;
        value.data = h[i].value.data;

        rtprop_ws_handshake_header(&hs, &name, &value);
    }

    if (rtprop_ws_handshake_protocol_prefix(&hs, NGX_RTPROP_AUTH_PROTOCOL,
                                    sizeof(NGX_RTPROP_AUTH_PROTOCOL) - 1,
                                    &value)
        != RTPROP_OK)
    {
        return NGX_DECLINED;
    }

    token->len = value.len;
    token->data = value.data;

    return NGX_OK;
}
