/*
 * Where properties are kept when there is a database.
 */

#include "features/property/ngx_rtprop_property.h"
#include "store/ngx_rtprop_durable.h"


static const ngx_rtprop_durable_document_t  ngx_rtprop_property_document = {
    .prefix = ngx_string(NGX_RTPROP_PROPERTY_PREFIX),
    .get = "property_get",
    .get_sql = "SELECT * FROM rtprop.property_get($1)",
    .put = "property_put",
    .put_sql = "SELECT * FROM rtprop.property_put($1, $2, $3, $4, $5, $6, $7, "
               "$8)"
};


ngx_int_t
ngx_rtprop_property_store(ngx_conf_t *cf)
{
    return ngx_rtprop_durable_document_add(cf, &ngx_rtprop_property_document);
}
