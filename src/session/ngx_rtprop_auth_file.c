/*
 * Files of keys: read whole, wiped after use.
 */

#include "session/ngx_rtprop_auth_conf.h"


static ngx_fd_t ngx_rtprop_auth_open(ngx_conf_t *cf, ngx_str_t *path);


char *
ngx_rtprop_auth_read(ngx_conf_t *cf, ngx_str_t *file, size_t max,
    ngx_str_t *content)
{
    char             *rv;
    ssize_t           n;
    ngx_fd_t          fd;
    ngx_str_t         path;
    ngx_file_info_t   fi;

    path = *file;
    fd = ngx_rtprop_auth_open(cf, &path);

    if (fd == NGX_INVALID_FILE) {
        return NGX_CONF_ERROR;
    }

    rv = NGX_CONF_ERROR;
    content->data = NULL;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        ngx_rtprop_auth_bad_file(cf, file, "it is not a regular file");
        goto done;
    }

    content->len = ngx_file_size(&fi);

    if (content->len == 0 || content->len > max) {
        ngx_rtprop_auth_bad_file(cf, file, content->len
                                 ? "it is too large" : "it is empty");
        goto done;
    }

    content->data = ngx_alloc(content->len, cf->log);
    if (content->data == NULL) {
        goto done;
    }

    n = ngx_read_fd(fd, content->data, content->len);

    if (n != (ssize_t) content->len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, (n == -1) ? ngx_errno : 0,
                           ngx_read_fd_n " \"%V\" failed", &path);
        ngx_rtprop_auth_wipe(content);
        goto done;
    }

    rv = NGX_CONF_OK;

done:

    if (ngx_close_file(fd) == NGX_FILE_ERROR) {
        ngx_log_error(NGX_LOG_ALERT, cf->log, ngx_errno,
                      ngx_close_file_n " \"%V\" failed", &path);
    }

    return rv;
}


/* Makes *path a full one; NGX_INVALID_FILE when that was said. */

static ngx_fd_t
ngx_rtprop_auth_open(ngx_conf_t *cf, ngx_str_t *path)
{
    ngx_fd_t    fd;
    ngx_str_t  *value;

    if (ngx_conf_full_name(cf->cycle, path, 1) != NGX_OK) {
        return NGX_INVALID_FILE;
    }

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        value = cf->args->elts;
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           "file of \"%V\": " ngx_open_file_n
                           " \"%V\" failed", &value[0], path);
    }

    return fd;
}


char *
ngx_rtprop_auth_bad_file(ngx_conf_t *cf, ngx_str_t *file, const char *why)
{
    ngx_str_t  *value;

    value = cf->args->elts;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid file \"%V\" in \"%V\": %s", file, &value[0],
                       why);

    return NGX_CONF_ERROR;
}


void
ngx_rtprop_auth_wipe(ngx_str_t *content)
{
    ngx_explicit_memzero(content->data, content->len);
    ngx_free(content->data);
    content->data = NULL;
}
