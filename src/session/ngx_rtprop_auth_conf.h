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


#endif /* _NGX_RTPROP_AUTH_CONF_H_INCLUDED_ */
