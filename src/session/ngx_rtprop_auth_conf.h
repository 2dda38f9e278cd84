/*
 * What the directives of ngx_rtprop_auth.h leave behind; private to
 * ngx_rtprop_auth*.c.
 */

#ifndef _NGX_RTPROP_AUTH_CONF_H_INCLUDED_
#define _NGX_RTPROP_AUTH_CONF_H_INCLUDED_


#include "ngx_rtprop.h"
#include "session/rtprop_jwt.h"


/* A value with variables; escaped: with $arg_..., which nginx leaves raw. */

typedef struct {
    ngx_http_complex_value_t   *value;      /* NULL: not set */
    ngx_uint_t                  escaped;
} ngx_rtprop_auth_value_t;


/* Keys and user stand in place of each other. */

typedef struct {
    rtprop_jwt_keys_t          *keys;
    ngx_rtprop_auth_value_t     user;
    ngx_rtprop_auth_value_t     name;
    ngx_rtprop_auth_value_t     role;

    ngx_str_t                   issuer;
    ngx_array_t                *audience;   /* rtprop_str_t */
    ngx_msec_t                  leeway;
    ngx_rtprop_auth_value_t     token;
} ngx_rtprop_auth_conf_t;


/*
 * Reads a whole file of at most max octets, named relative to the
 * configuration's folder, into *content, a malloc that the caller gives to
 * ngx_rtprop_auth_wipe().  NGX_CONF_ERROR: why has been said.
 */
char *ngx_rtprop_auth_read(ngx_conf_t *cf, ngx_str_t *file, size_t max,
    ngx_str_t *content);

/* Overwrites and frees what was read. */
void ngx_rtprop_auth_wipe(ngx_str_t *content);

/* Says what is wrong with a directive's file; returns NGX_CONF_ERROR. */
char *ngx_rtprop_auth_bad_file(ngx_conf_t *cf, ngx_str_t *file,
    const char *why);


#endif /* _NGX_RTPROP_AUTH_CONF_H_INCLUDED_ */
