/*
 * Where agents are kept when there is a database.
 */

#include "features/presence/ngx_rtprop_presence.h"
#include "store/ngx_rtprop_durable.h"


static const ngx_rtprop_durable_document_t  ngx_rtprop_presence_document = {
    .prefix = ngx_string(NGX_RTPROP_PRESENCE_DOC)
};


ngx_int_t
ngx_rtprop_presence_store(ngx_conf_t *cf)
{
    return ngx_rtprop_durable_document_add(cf, &ngx_rtprop_presence_document);
}
