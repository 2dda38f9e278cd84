/*
 * An event as octets, for ring and history.
 */

#include "engine/shm/ngx_rtprop_shm.h"


#define NGX_RTPROP_SHM_TEXT_MAX   (64 * 1024 * 1024)


size_t
ngx_rtprop_shm_record_size(ngx_rtprop_event_t *ev)
{
    size_t  size;

    if (ev->channel.len > 0xffff || ev->type.len > 0xffff
        || ev->user.len > 0xffff || ev->skip_user.len > 0xffff
        || ev->alt_user.len > 0xffff || ev->replace.len > 0xffff
        || ev->payload.len > NGX_RTPROP_SHM_TEXT_MAX
        || ev->alt_payload.len > NGX_RTPROP_SHM_TEXT_MAX)
    {
        return 0;
    }

    size = sizeof(ngx_rtprop_shm_record_t) + ev->channel.len + ev->type.len
           + ev->user.len + ev->skip_user.len + ev->alt_user.len
           + ev->payload.len + ev->alt_payload.len + ev->replace.len
           + (ev->skip_session.len == NGX_RTPROP_SESSION_ID
              ? NGX_RTPROP_SESSION_ID : 0);

    return ngx_align(size, 8);
}


static inline u_char *
ngx_rtprop_shm_record_put(u_char *p, ngx_str_t *text)
{
    return text->len ? ngx_cpymem(p, text->data, text->len) : p;
}


void
ngx_rtprop_shm_record_encode(u_char *p, size_t size, ngx_rtprop_event_t *ev)
{
    u_char                   *end;
    ngx_rtprop_shm_record_t  *rec;

    rec = (ngx_rtprop_shm_record_t *) p;
    end = p + size;

    ngx_memzero(rec, sizeof(ngx_rtprop_shm_record_t));

    rec->size = size;
    rec->type = NGX_RTPROP_SHM_EVENT;
    rec->flags = ev->flags;
    rec->kinds = ev->kinds;
    rec->channel = ev->channel.len;
    rec->event = ev->type.len;
    rec->user = ev->user.len;
    rec->skip_user = ev->skip_user.len;
    rec->alt_user = ev->alt_user.len;
    rec->payload = ev->payload.len;
    rec->alt_payload = ev->alt_payload.len;
    rec->replace = ev->replace.len;
    rec->id = ev->id;
    rec->arrived = ev->arrived;

    p += sizeof(ngx_rtprop_shm_record_t);
    p = ngx_rtprop_shm_record_put(p, &ev->channel);
    p = ngx_rtprop_shm_record_put(p, &ev->type);
    p = ngx_rtprop_shm_record_put(p, &ev->user);
    p = ngx_rtprop_shm_record_put(p, &ev->skip_user);
    p = ngx_rtprop_shm_record_put(p, &ev->alt_user);
    p = ngx_rtprop_shm_record_put(p, &ev->payload);
    p = ngx_rtprop_shm_record_put(p, &ev->alt_payload);
    p = ngx_rtprop_shm_record_put(p, &ev->replace);

    if (ev->skip_session.len == NGX_RTPROP_SESSION_ID) {
        rec->skip_session = NGX_RTPROP_SESSION_ID;
        p = ngx_cpymem(p, ev->skip_session.data, NGX_RTPROP_SESSION_ID);
    }

    ngx_memzero(p, end - p);
}


static inline u_char *
ngx_rtprop_shm_record_text(u_char *p, size_t len, ngx_str_t *text)
{
    text->len = len;
    text->data = len ? p : NULL;

    return p + len;
}


ngx_int_t
ngx_rtprop_shm_record_decode(u_char *p, size_t size, ngx_rtprop_event_t *ev)
{
    uint64_t                  len;
    ngx_rtprop_shm_record_t  *rec;

    rec = (ngx_rtprop_shm_record_t *) p;

    if (size < sizeof(ngx_rtprop_shm_record_t) || rec->size > size) {
        return NGX_ERROR;
    }

    len = sizeof(ngx_rtprop_shm_record_t) + rec->channel + rec->event
          + rec->user + rec->skip_user + rec->alt_user + (uint64_t) rec->payload
          + rec->alt_payload + rec->replace + rec->skip_session;

    if (len > rec->size) {
        return NGX_ERROR;
    }

    ev->id = rec->id;
    ev->epoch = rec->epoch;
    ev->offset = rec->offset;
    ev->time = rec->time;
    ev->arrived = rec->arrived;
    ev->flags = rec->flags;
    ev->kinds = rec->kinds;

    p += sizeof(ngx_rtprop_shm_record_t);
    p = ngx_rtprop_shm_record_text(p, rec->channel, &ev->channel);
    p = ngx_rtprop_shm_record_text(p, rec->event, &ev->type);
    p = ngx_rtprop_shm_record_text(p, rec->user, &ev->user);
    p = ngx_rtprop_shm_record_text(p, rec->skip_user, &ev->skip_user);
    p = ngx_rtprop_shm_record_text(p, rec->alt_user, &ev->alt_user);
    p = ngx_rtprop_shm_record_text(p, rec->payload, &ev->payload);
    p = ngx_rtprop_shm_record_text(p, rec->alt_payload, &ev->alt_payload);
    p = ngx_rtprop_shm_record_text(p, rec->replace, &ev->replace);
    (void) ngx_rtprop_shm_record_text(p, rec->skip_session, &ev->skip_session);

    return NGX_OK;
}
