/*
 * Slot setters of directives whose values have a form or a range of their own.
 * All refuse what they do not understand with a text that says what is right.
 */

#ifndef _NGX_RTPROP_CONF_H_INCLUDED_
#define _NGX_RTPROP_CONF_H_INCLUDED_


#include "ngx_rtprop.h"


/* What a plain value may be, and how to say so; stands in a command's post. */

typedef struct {
    ngx_int_t      min;
    ngx_int_t      max;
    const char    *right;
} ngx_rtprop_conf_range_t;


/*
 * A number, a size (octets), a time (milliseconds) within the range of
 * cmd->post, into the word at cmd->offset of conf.
 */

char *ngx_rtprop_conf_number(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_rtprop_conf_size(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_rtprop_conf_msec(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* One of the words of cmd->post, an array of ngx_conf_enum_t, likewise. */
char *ngx_rtprop_conf_word(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* "rtprop word": looks the word up among the registered locations. */
char *ngx_rtprop_conf_location(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* "rtprop_zone name size"; conf is main's. */
char *ngx_rtprop_conf_zone(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* "rtprop_rate class 5r/s|30r/m [burst=n]", "rtprop_rate class off". */
char *ngx_rtprop_conf_rate(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* "rtprop_errors 50/1m". */
char *ngx_rtprop_conf_errors(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* "rtprop_ping 25s [timeout=60s]". */
char *ngx_rtprop_conf_ping(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* "rtprop_send_queue 1m [soft=256k/10s]". */
char *ngx_rtprop_conf_send_queue(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* "rtprop_compression on [threshold=1k] [level=n] [window=n] | off". */
char *ngx_rtprop_conf_compression(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);

/* "rtprop_history [messages=n] [bytes=size] [age=time]"; conf is main's. */
char *ngx_rtprop_conf_history(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* "rtprop_log path|off"; conf is main's. */
char *ngx_rtprop_conf_log(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


/* Says what value must be, in a text with right; returns NGX_CONF_ERROR. */
char *ngx_rtprop_conf_bad(ngx_conf_t *cf, ngx_str_t *value,
    const char *right);

/*
 * Warns if a file that the directive of cf->args names, and that holds a
 * secret, may be read or written by everybody.
 */
void ngx_rtprop_conf_private(ngx_conf_t *cf, ngx_str_t *file);

/*
 * Hands the directive's arguments from number first on to set, one by one, up
 * to one that it does not take; returns what set returned.
 */
typedef char *(*ngx_rtprop_conf_option_pt)(ngx_conf_t *cf, void *conf,
    ngx_str_t *value);

char *ngx_rtprop_conf_options(ngx_conf_t *cf, ngx_uint_t first,
    ngx_rtprop_conf_option_pt set, void *conf);

/* Whether value begins with prefix and goes on; *rest is what follows it. */
ngx_uint_t ngx_rtprop_conf_prefix(ngx_str_t *value, const char *prefix,
    ngx_str_t *rest);

/* The values that stand for "not set", and those that hold by default. */
void ngx_rtprop_conf_unset(ngx_rtprop_loc_conf_t *conf);
char *ngx_rtprop_conf_merge(ngx_conf_t *cf, ngx_rtprop_loc_conf_t *prev,
    ngx_rtprop_loc_conf_t *conf);

/* Likewise of all of "http"; the first also makes the empty tables. */
ngx_int_t ngx_rtprop_conf_main_unset(ngx_conf_t *cf,
    ngx_rtprop_main_conf_t *rmcf);
void ngx_rtprop_conf_main_init(ngx_rtprop_main_conf_t *rmcf);

/*
 * Ahead of the defaults: warns of directives that do nothing without another
 * one.  store: whether there is rtprop_postgres.
 */
void ngx_rtprop_conf_main_check(ngx_conf_t *cf, ngx_rtprop_main_conf_t *rmcf,
    ngx_uint_t store);


#endif /* _NGX_RTPROP_CONF_H_INCLUDED_ */
