/*
 * Where notifications, and those to come, are kept when there is a database.
 */

#include "features/notification/ngx_rtprop_notification.h"
#include "store/ngx_rtprop_durable.h"


static const ngx_rtprop_durable_document_t  ngx_rtprop_notification_document = {
    .prefix = ngx_string(NGX_RTPROP_NOTIFICATION_DOC),
    .get = "notification_get",
    .get_sql = "SELECT * FROM rtprop.notification_get($1)",
    .put = "notification_put",
    .put_sql = "SELECT * FROM rtprop.notification_put($1, $2, $3, $4, $5, $6, "
               "$7, $8)"
};


ngx_int_t
ngx_rtprop_notification_store(ngx_conf_t *cf)
{
    ngx_rtprop_durable_job_t  job;

    ngx_str_set(&job.prefix, NGX_RTPROP_NOTIFICATION_JOB);
    job.due = NULL;

    if (ngx_rtprop_durable_document_add(cf, &ngx_rtprop_notification_document)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_rtprop_durable_job_add(cf, &job);
}
