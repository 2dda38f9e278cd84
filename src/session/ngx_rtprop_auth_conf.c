/*
 * Directives of authentication: keys, claims, tokens, users.
 */

#include "session/ngx_rtprop_auth.h"
#include "session/ngx_rtprop_auth_conf.h"
#include "session/rtprop_jwk.h"
#include "base/ngx_rtprop_conf.h"


#define NGX_RTPROP_AUTH_KEY_MAX   (64 * 1024)
#define NGX_RTPROP_AUTH_JWKS_MAX  (1024 * 1024)
#define NGX_RTPROP_AUTH_LEEWAY    30000


static ngx_int_t ngx_rtprop_auth_jwt_parameters(ngx_conf_t *cf, char **algs,
    char **kid);
static ngx_rtprop_auth_conf_t *ngx_rtprop_auth_get(ngx_conf_t *cf,
    ngx_rtprop_loc_conf_t *conf);
static char *ngx_rtprop_auth_keys(ngx_conf_t *cf,
    ngx_rtprop_auth_conf_t *auth);
static void ngx_rtprop_auth_keys_cleanup(void *data);
static ngx_uint_t ngx_rtprop_auth_secrets(rtprop_jwt_keys_t *keys);
static char *ngx_rtprop_auth_compile(ngx_conf_t *cf, ngx_str_t *value,
    ngx_rtprop_auth_value_t *av);


/* "rtprop_jwt_key file [alg=...] [kid=...]" */

char *
ngx_rtprop_auth_jwt_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    int                      rc;
    char                    *rv, *algs, *kid;
    ngx_str_t               *value, content;
    ngx_uint_t               secrets;
    const char              *err;
    ngx_rtprop_auth_conf_t  *auth;

    auth = ngx_rtprop_auth_get(cf, conf);
    if (auth == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    if (ngx_rtprop_auth_jwt_parameters(cf, &algs, &kid) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    rv = ngx_rtprop_auth_keys(cf, auth);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    rv = ngx_rtprop_auth_read(cf, &value[1], NGX_RTPROP_AUTH_KEY_MAX,
                              &content);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    secrets = ngx_rtprop_auth_secrets(auth->keys);

    rc = rtprop_jwt_keys_add(auth->keys, content.data, content.len, algs, kid,
                             &err);

    ngx_rtprop_auth_wipe(&content);

    if (rc != RTPROP_OK) {
        return ngx_rtprop_auth_bad_file(cf, &value[1], err);
    }

    if (ngx_rtprop_auth_secrets(auth->keys) > secrets) {
        ngx_rtprop_conf_private(cf, &value[1]);
    }

    return NGX_CONF_OK;
}


/* What is not given is NULL; the parser ends each word with a NUL. */

static ngx_int_t
ngx_rtprop_auth_jwt_parameters(ngx_conf_t *cf, char **algs, char **kid)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    *algs = NULL;
    *kid = NULL;
    value = cf->args->elts;

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_strncmp(value[i].data, "alg=", 4) == 0 && value[i].len > 4
            && *algs == NULL)
        {
            *algs = (char *) value[i].data + 4;
            continue;
        }

        if (ngx_strncmp(value[i].data, "kid=", 4) == 0 && value[i].len > 4
            && *kid == NULL)
        {
            *kid = (char *) value[i].data + 4;
            continue;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" in \"rtprop_jwt_key\", "
                           "after the file come \"alg=HS256|RS256|ES256|EdDSA"
                           "\" and \"kid=name\", each at most once",
                           &value[i]);
        return NGX_ERROR;
    }

    return NGX_OK;
}


char *
ngx_rtprop_auth_jwks(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    int                      rc;
    char                    *rv;
    ngx_str_t               *value, content;
    ngx_uint_t               secrets;
    const char              *err;
    ngx_rtprop_auth_conf_t  *auth;

    auth = ngx_rtprop_auth_get(cf, conf);
    if (auth == NULL) {
        return NGX_CONF_ERROR;
    }

    rv = ngx_rtprop_auth_keys(cf, auth);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value = cf->args->elts;

    rv = ngx_rtprop_auth_read(cf, &value[1], NGX_RTPROP_AUTH_JWKS_MAX,
                              &content);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    secrets = ngx_rtprop_auth_secrets(auth->keys);

    rc = rtprop_jwt_keys_add_jwks(auth->keys, content.data, content.len, &err);

    ngx_rtprop_auth_wipe(&content);

    if (rc != RTPROP_OK) {
        return ngx_rtprop_auth_bad_file(cf, &value[1], err);
    }

    if (ngx_rtprop_auth_secrets(auth->keys) > secrets) {
        ngx_rtprop_conf_private(cf, &value[1]);
    }

    return NGX_CONF_OK;
}


char *
ngx_rtprop_auth_issuer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t               *value;
    ngx_rtprop_auth_conf_t  *auth;

    auth = ngx_rtprop_auth_get(cf, conf);
    if (auth == NULL) {
        return NGX_CONF_ERROR;
    }

    if (auth->issuer.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0) {
        return "must be the \"iss\" of the tokens, it is empty";
    }

    auth->issuer = value[1];

    return NGX_CONF_OK;
}


char *
ngx_rtprop_auth_audience(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t               *value;
    ngx_uint_t               i;
    rtprop_str_t            *audience;
    ngx_rtprop_auth_conf_t  *auth;

    auth = ngx_rtprop_auth_get(cf, conf);
    if (auth == NULL) {
        return NGX_CONF_ERROR;
    }

    if (auth->audience) {
        return "is duplicate";
    }

    auth->audience = ngx_array_create(cf->pool, cf->args->nelts,
                                      sizeof(rtprop_str_t));
    if (auth->audience == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (value[i].len == 0) {
            return "must be among the \"aud\" of the tokens, it is empty";
        }

        audience = ngx_array_push(auth->audience);
        if (audience == NULL) {
            return NGX_CONF_ERROR;
        }

        audience->len = value[i].len;
        audience->data = value[i].data;
    }

    return NGX_CONF_OK;
}


char *
ngx_rtprop_auth_leeway(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_int_t                time;
    ngx_str_t               *value;
    ngx_rtprop_auth_conf_t  *auth;

    auth = ngx_rtprop_auth_get(cf, conf);
    if (auth == NULL) {
        return NGX_CONF_ERROR;
    }

    if (auth->leeway != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;
    time = ngx_parse_time(&value[1], 0);

    if (time == NGX_ERROR || time > 60 * 60 * 1000) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"rtprop_jwt_leeway\", it "
                           "must be a time of at most 1h, as \"30s\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    auth->leeway = time;

    return NGX_CONF_OK;
}


char *
ngx_rtprop_auth_token(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_str_t               *value;
    ngx_rtprop_auth_conf_t  *auth;

    auth = ngx_rtprop_auth_get(cf, conf);
    if (auth == NULL) {
        return NGX_CONF_ERROR;
    }

    if (auth->token.value) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strlchr(value[1].data, value[1].data + value[1].len, '$')
        == NULL)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"rtprop_token\", it must "
                           "say where a request has its token, as "
                           "\"$cookie_token\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    return ngx_rtprop_auth_compile(cf, &value[1], &auth->token);
}


/* "rtprop_user id [name=...] [role=...]" */

char *
ngx_rtprop_auth_user(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    char                     *rv;
    ngx_str_t                *value, rest;
    ngx_uint_t                i;
    ngx_rtprop_auth_conf_t   *auth;
    ngx_rtprop_auth_value_t  *av;

    auth = ngx_rtprop_auth_get(cf, conf);
    if (auth == NULL) {
        return NGX_CONF_ERROR;
    }

    if (auth->user.value) {
        return "is duplicate";
    }

    if (auth->keys) {
        return "stands in place of \"rtprop_jwt_key\" and \"rtprop_jwks\", "
               "use either on one level";
    }

    value = cf->args->elts;

    rv = ngx_rtprop_auth_compile(cf, &value[1], &auth->user);
    if (rv != NGX_CONF_OK) {
        return rv;
    }

    for (i = 2; i < cf->args->nelts; i++) {

        av = (ngx_strncmp(value[i].data, "name=", 5) == 0) ? &auth->name
             : (ngx_strncmp(value[i].data, "role=", 5) == 0) ? &auth->role
             : NULL;

        if (av == NULL || av->value) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%V\" in \"rtprop_user\", "
                               "after the id come \"name=value\" and "
                               "\"role=value\", each at most once",
                               &value[i]);
            return NGX_CONF_ERROR;
        }

        rest.len = value[i].len - 5;
        rest.data = value[i].data + 5;

        rv = ngx_rtprop_auth_compile(cf, &rest, av);
        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


char *
ngx_rtprop_auth_merge(ngx_conf_t *cf, ngx_rtprop_loc_conf_t *prev,
    ngx_rtprop_loc_conf_t *conf)
{
    ngx_rtprop_auth_conf_t  *auth, *parent;

    if (conf->origin == NULL) {
        conf->origin = prev->origin;
    }

    if (conf->auth == NULL && prev->auth != NULL) {
        conf->auth = prev->auth;
        return NGX_CONF_OK;
    }

    auth = ngx_rtprop_auth_get(cf, conf);
    if (auth == NULL) {
        return NGX_CONF_ERROR;
    }

    parent = prev->auth;

    if (parent) {
        if (auth->keys == NULL && auth->user.value == NULL) {
            auth->keys = parent->keys;
            auth->user = parent->user;
            auth->name = parent->name;
            auth->role = parent->role;
        }

        if (auth->issuer.data == NULL) {
            auth->issuer = parent->issuer;
        }

        if (auth->audience == NULL) {
            auth->audience = parent->audience;
        }

        if (auth->token.value == NULL) {
            auth->token = parent->token;
        }

        ngx_conf_merge_msec_value(auth->leeway, parent->leeway,
                                  NGX_RTPROP_AUTH_LEEWAY);
    }

    ngx_conf_init_msec_value(auth->leeway, NGX_RTPROP_AUTH_LEEWAY);

    return NGX_CONF_OK;
}


ngx_uint_t
ngx_rtprop_auth_configured(ngx_rtprop_loc_conf_t *conf)
{
    ngx_rtprop_auth_conf_t  *auth;

    auth = conf->auth;

    return auth && (auth->keys || auth->user.value);
}


static ngx_rtprop_auth_conf_t *
ngx_rtprop_auth_get(ngx_conf_t *cf, ngx_rtprop_loc_conf_t *conf)
{
    ngx_rtprop_auth_conf_t  *auth;

    if (conf->auth) {
        return conf->auth;
    }

    auth = ngx_pcalloc(cf->pool, sizeof(ngx_rtprop_auth_conf_t));
    if (auth == NULL) {
        return NULL;
    }

    auth->leeway = NGX_CONF_UNSET_MSEC;
    conf->auth = auth;

    return auth;
}


/* The set of this level's keys, wiped when the cycle ends. */

static char *
ngx_rtprop_auth_keys(ngx_conf_t *cf, ngx_rtprop_auth_conf_t *auth)
{
    ngx_pool_cleanup_t  *cln;

    if (auth->user.value) {
        return "and \"rtprop_user\" stand in place of each other, use either "
               "on one level";
    }

    if (auth->keys) {
        return NGX_CONF_OK;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_CONF_ERROR;
    }

    auth->keys = rtprop_jwt_keys_create();
    if (auth->keys == NULL) {
        return NGX_CONF_ERROR;
    }

    cln->handler = ngx_rtprop_auth_keys_cleanup;
    cln->data = auth->keys;

    return NGX_CONF_OK;
}


static void
ngx_rtprop_auth_keys_cleanup(void *data)
{
    rtprop_jwt_keys_free(data);
}


/* Public keys are everybody's to read, these are not. */

static ngx_uint_t
ngx_rtprop_auth_secrets(rtprop_jwt_keys_t *keys)
{
    unsigned                 i;
    ngx_uint_t               n;
    const rtprop_jwt_key_t  *key;

    for (i = 0, n = 0; (key = rtprop_jwt_keys_get(keys, i)) != NULL; i++) {
        n += rtprop_jwt_key_allows(key, RTPROP_JWT_HS256)
             || rtprop_jwt_key_allows(key, RTPROP_JWT_HS384)
             || rtprop_jwt_key_allows(key, RTPROP_JWT_HS512);
    }

    return n;
}


static char *
ngx_rtprop_auth_compile(ngx_conf_t *cf, ngx_str_t *value,
    ngx_rtprop_auth_value_t *av)
{
    ngx_http_compile_complex_value_t   ccv;

    if (value->len == 0) {
        return "has an empty value, it must name a variable or a text";
    }

    av->value = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (av->value == NULL) {
        return NGX_CONF_ERROR;
    }

    av->escaped = ngx_strnstr(value->data, "$arg_", value->len) != NULL
                  || ngx_strnstr(value->data, "${arg_", value->len) != NULL;

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = value;
    ccv.complex_value = av->value;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
