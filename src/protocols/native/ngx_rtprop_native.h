/*
 * The native dialect in a worker; private to its folder.
 */

#ifndef _NGX_RTPROP_NATIVE_H_INCLUDED_
#define _NGX_RTPROP_NATIVE_H_INCLUDED_


#include "ngx_rtprop.h"
#include "session/ngx_rtprop_session.h"
#include "session/ngx_rtprop_command.h"
#include "hub/ngx_rtprop_engine.h"
#include "protocols/native/rtprop_native.h"


extern ngx_rtprop_protocol_t  ngx_rtprop_native_protocol;


/* The table of the dialect: encode, send, text, ack, error. */

ngx_rtprop_frame_t *ngx_rtprop_native_encode(ngx_rtprop_worker_t *worker,
    ngx_uint_t variant, ngx_rtprop_event_t *ev, ngx_str_t *payload);
ngx_int_t ngx_rtprop_native_send(ngx_rtprop_session_t *s, ngx_str_t *id,
    ngx_str_t *type, json_t *payload, ngx_rtprop_position_t *pos);
ngx_int_t ngx_rtprop_native_text(ngx_rtprop_session_t *s, ngx_str_t *id,
    ngx_str_t *type, ngx_str_t *payload, ngx_rtprop_position_t *pos);
ngx_int_t ngx_rtprop_native_ack(ngx_rtprop_session_t *s, ngx_str_t *id,
    json_t *payload);
ngx_int_t ngx_rtprop_native_refuse(ngx_rtprop_session_t *s, ngx_str_t *id,
    ngx_str_t *event, const char *code, const char *message, json_t *extra);


/*
 * From now on events to the session are collected for up to rtprop_batch and
 * leave in one frame of type "batch".  Without memory they go on alone.
 */
void ngx_rtprop_native_batch_start(ngx_rtprop_session_t *s);

/* Sends what is collected, if anything is. */
void ngx_rtprop_native_batch_flush(ngx_rtprop_session_t *s);

/* Frees what ngx_rtprop_native_batch_start() made. */
void ngx_rtprop_native_batch_free(ngx_rtprop_session_t *s);

/* Sends a frame past the batch, behind what was collected before it. */
ngx_int_t ngx_rtprop_native_batch_pass(ngx_rtprop_session_t *s,
    ngx_rtprop_frame_t *f);


#endif /* _NGX_RTPROP_NATIVE_H_INCLUDED_ */
