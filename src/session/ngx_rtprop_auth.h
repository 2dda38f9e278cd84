/*
 * Who may open a session: directives rtprop_jwt_*, rtprop_jwks, rtprop_token,
 * rtprop_user, rtprop_origin, and their checks before the upgrade.
 */

#ifndef _NGX_RTPROP_AUTH_H_INCLUDED_
#define _NGX_RTPROP_AUTH_H_INCLUDED_


#include "ngx_rtprop.h"
#include "session/rtprop_identity.h"


/* Slot setters of the directives; conf is ngx_rtprop_loc_conf_t. */
char *ngx_rtprop_auth_jwt_key(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_rtprop_auth_jwks(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_rtprop_auth_issuer(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_rtprop_auth_audience(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_rtprop_auth_leeway(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_rtprop_auth_token(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_rtprop_auth_user(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_rtprop_auth_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Merges conf->auth and conf->origin with prev's. */
char *ngx_rtprop_auth_merge(ngx_conf_t *cf, ngx_rtprop_loc_conf_t *prev,
    ngx_rtprop_loc_conf_t *conf);

/* 1 if the location has a key or a user, so that it can know anybody. */
ngx_uint_t ngx_rtprop_auth_configured(ngx_rtprop_loc_conf_t *conf);

/*
 * The identity of a request.  NGX_OK: *user is one malloc'd block, to be freed
 * with rtprop_identity_free(); *expires in ms since the epoch, 0: never.
 * NGX_HTTP_UNAUTHORIZED: *error is a text for WWW-Authenticate.
 */
ngx_int_t ngx_rtprop_auth_identify(ngx_http_request_t *r,
    rtprop_identity_t **user, int64_t *expires, const char **error);

/* The same for a token given later (auth:refresh). */
ngx_int_t ngx_rtprop_auth_token_check(ngx_rtprop_loc_conf_t *conf,
    ngx_log_t *log, ngx_str_t *token, rtprop_identity_t **user,
    int64_t *expires, const char **error);

/* NGX_OK or NGX_HTTP_FORBIDDEN. */
ngx_int_t ngx_rtprop_auth_origin_check(ngx_http_request_t *r);


#endif /* _NGX_RTPROP_AUTH_H_INCLUDED_ */
