/*
 * "rtprop_postgres conninfo [option=value ...]", "rtprop_query name SQL".
 *
 * All that libpq would look up by itself (services, password files, the
 * environment, names of hosts) is looked up here, at configuration time:
 * workers must not wait for it.  libpq does that work in its start of a
 * connection, which a value that it refuses keeps from going further.
 */

#include "store/ngx_rtprop_pg.h"
#include "base/ngx_rtprop_conf.h"


#define NGX_RTPROP_STORE_PASSWORD  1024


static char *ngx_rtprop_store_option(ngx_conf_t *cf, void *data,
    ngx_str_t *value);
static ngx_uint_t ngx_rtprop_store_begins(ngx_str_t *value,
    const char *prefix, ngx_str_t *rest);
static char *ngx_rtprop_store_time(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *text, ngx_msec_t *msec);
static char *ngx_rtprop_store_number(ngx_conf_t *cf, ngx_str_t *value,
    ngx_str_t *text, ngx_uint_t *number);
static char *ngx_rtprop_store_password_file(ngx_conf_t *cf,
    ngx_rtprop_store_conf_t *conf, ngx_str_t *name);
static ngx_int_t ngx_rtprop_store_readable(ngx_conf_t *cf,
    ngx_str_t *conninfo);
static char *ngx_rtprop_store_conninfo(ngx_conf_t *cf,
    ngx_rtprop_store_conf_t *conf, ngx_str_t *conninfo);
static ngx_int_t ngx_rtprop_store_keep(ngx_conf_t *cf,
    ngx_rtprop_store_conf_t *conf, PQconninfoOption *option);


ngx_rtprop_store_conf_t *
ngx_rtprop_store_conf(ngx_rtprop_main_conf_t *rmcf)
{
    return rmcf->store;
}


ngx_int_t
ngx_rtprop_store_create_conf(ngx_conf_t *cf, ngx_rtprop_main_conf_t *rmcf)
{
    ngx_rtprop_store_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ngx_rtprop_store_conf_t));

    if (conf == NULL) {
        return NGX_ERROR;
    }

    rmcf->store = conf;

    if (ngx_array_init(&conf->queries, cf->pool, 64, sizeof(void *)) != NGX_OK
        || ngx_array_init(&conf->hosts, cf->pool, 4,
                          sizeof(ngx_rtprop_pg_host_t)) != NGX_OK
        || ngx_array_init(&conf->keywords, cf->pool, 32, sizeof(void *))
           != NGX_OK
        || ngx_array_init(&conf->values, cf->pool, 32, sizeof(void *))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    conf->queue = 4096;
    conf->batch = 256;
    conf->timeout = 5000;
    conf->connect_timeout = 5000;
    conf->grace = 2000;

    return NGX_OK;
}


ngx_uint_t
ngx_rtprop_store_configured(ngx_rtprop_main_conf_t *rmcf)
{
    return ngx_rtprop_store_conf(rmcf)->configured;
}


void
ngx_rtprop_store_check(ngx_conf_t *cf, ngx_rtprop_main_conf_t *rmcf)
{
    ngx_uint_t                 i;
    ngx_rtprop_query_t       **query;
    ngx_rtprop_store_conf_t   *conf;

    conf = rmcf->store;
    query = conf->queries.elts;

    for (i = 0; i < conf->queries.nelts && !conf->configured; i++) {

        if (query[i]->replaced) {
            ngx_log_error(NGX_LOG_WARN, cf->log, 0,
                          "\"rtprop_query %s\" does nothing without "
                          "\"rtprop_postgres\"", query[i]->name);
        }
    }
}


char *
ngx_rtprop_store_postgres(ngx_conf_t *cf, ngx_command_t *cmd, void *data)
{
    ngx_rtprop_main_conf_t *rmcf = data;

    char                     *rv;
    ngx_str_t                *value;
    ngx_rtprop_store_conf_t  *conf;

    conf = rmcf->store;

    if (conf->configured) {
        return "is duplicate";
    }

    rv = ngx_rtprop_conf_options(cf, 2, ngx_rtprop_store_option, conf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    value = cf->args->elts;
    conf->configured = 1;

    return ngx_rtprop_store_conninfo(cf, conf, &value[1]);
}


static char *
ngx_rtprop_store_option(ngx_conf_t *cf, void *data, ngx_str_t *value)
{
    ngx_rtprop_store_conf_t *conf = data;

    ngx_str_t  rest;

    if (ngx_strcmp(value->data, "migrate=on") == 0) {
        conf->migrate = 1;
        return NGX_CONF_OK;
    }

    if (ngx_strcmp(value->data, "migrate=off") == 0) {
        conf->migrate = 0;
        return NGX_CONF_OK;
    }

    if (ngx_rtprop_store_begins(value, "queue=", &rest)) {
        return ngx_rtprop_store_number(cf, value, &rest, &conf->queue);
    }

    if (ngx_rtprop_store_begins(value, "batch=", &rest)) {
        return ngx_rtprop_store_number(cf, value, &rest, &conf->batch);
    }

    if (ngx_rtprop_store_begins(value, "timeout=", &rest)) {
        return ngx_rtprop_store_time(cf, value, &rest, &conf->timeout);
    }

    if (ngx_rtprop_store_begins(value, "connect_timeout=", &rest)) {
        return ngx_rtprop_store_time(cf, value, &rest,
                                     &conf->connect_timeout);
    }

    if (ngx_rtprop_store_begins(value, "grace=", &rest)) {
        return ngx_rtprop_store_time(cf, value, &rest, &conf->grace);
    }

    if (ngx_rtprop_store_begins(value, "password_file=", &rest)) {

        if (rest.len == 0) {
            return ngx_rtprop_conf_bad(cf, value,
                                       "\"password_file=path\"");
        }

        return ngx_rtprop_store_password_file(cf, conf, &rest);
    }

    /* it may be a part of an unquoted connection string, so not repeated */

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown option in \"rtprop_postgres\", it must be one "
                       "of \"migrate=on|off\", \"queue=\", \"batch=\", "
                       "\"timeout=\", \"connect_timeout=\", \"grace=\", "
                       "\"password_file=\"; a connection string with blanks "
                       "stands in quotes");

    return NGX_CONF_ERROR;
}


/* As ngx_rtprop_conf_prefix(), yet what follows may be empty. */

static ngx_uint_t
ngx_rtprop_store_begins(ngx_str_t *value, const char *prefix, ngx_str_t *rest)
{
    size_t  len;

    len = ngx_strlen(prefix);

    if (value->len < len || ngx_strncmp(value->data, prefix, len) != 0) {
        return 0;
    }

    rest->data = value->data + len;
    rest->len = value->len - len;

    return 1;
}


static char *
ngx_rtprop_store_time(ngx_conf_t *cf, ngx_str_t *value, ngx_str_t *text,
    ngx_msec_t *msec)
{
    ngx_int_t  n;

    n = ngx_parse_time(text, 0);

    if (n == NGX_ERROR || n < 10 || n > 600000) {
        return ngx_rtprop_conf_bad(cf, value,
                                   "a time from 10ms to 10m, as \"5s\"");
    }

    *msec = n;

    return NGX_CONF_OK;
}


static char *
ngx_rtprop_store_number(ngx_conf_t *cf, ngx_str_t *value, ngx_str_t *text,
    ngx_uint_t *number)
{
    ngx_int_t  n;

    n = ngx_atoi(text->data, text->len);

    if (n < 1 || n > 1000000) {
        return ngx_rtprop_conf_bad(cf, value, "a number from 1 to 1000000");
    }

    *number = n;

    return NGX_CONF_OK;
}


/* The first line of the file. */

static char *
ngx_rtprop_store_password_file(ngx_conf_t *cf, ngx_rtprop_store_conf_t *conf,
    ngx_str_t *name)
{
    u_char    *end, text[NGX_RTPROP_STORE_PASSWORD];
    ssize_t    n;
    ngx_fd_t   fd;

    if (ngx_conf_full_name(cf->cycle, name, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", name);
        return NGX_CONF_ERROR;
    }

    n = ngx_read_fd(fd, text, sizeof(text) - 1);

    (void) ngx_close_file(fd);

    if (n < 0) {
        n = 0;
    }

    text[n] = '\0';
    end = text + strcspn((char *) text, "\r\n");

    if (end == text || n == sizeof(text) - 1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "no password in \"%V\" of \"rtprop_postgres\", it "
                           "must be its first line, of less than %d octets",
                           name, NGX_RTPROP_STORE_PASSWORD);
        return NGX_CONF_ERROR;
    }

    *end = '\0';

    ngx_rtprop_conf_private(cf, name);

    return ngx_rtprop_store_set(cf, conf, "password", (char *) text) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/*
 * libpq's messages on a string that it can't read may repeat parts of it, the
 * password among them, so they are not shown then.
 */

static ngx_int_t
ngx_rtprop_store_readable(ngx_conf_t *cf, ngx_str_t *conninfo)
{
    char              *message;
    PQconninfoOption  *options;

    options = PQconninfoParse((char *) conninfo->data, &message);

    if (options) {
        PQconninfoFree(options);
        return NGX_OK;
    }

    PQfreemem(message);
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid connection string in \"rtprop_postgres\", "
                       "it must be as \"host=... dbname=... user=...\", "
                       "\"postgresql://user@host/db\" or "
                       "\"service=...\"");
    return NGX_ERROR;
}


static char *
ngx_rtprop_store_conninfo(ngx_conf_t *cf, ngx_rtprop_store_conf_t *conf,
    ngx_str_t *conninfo)
{
    char              *rv;
    u_char             buf[NGX_MAX_CONF_ERRSTR];
    PGconn            *db;
    ngx_str_t          line;
    const char        *values[3];
    PQconninfoOption  *option, *options;

    static const char  *keywords[3] = {
        "dbname", "target_session_attrs", NULL
    };

    if (ngx_rtprop_store_readable(cf, conninfo) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    values[0] = (char *) conninfo->data;
    values[1] = "rtprop";
    values[2] = NULL;

    db = PQconnectStartParams(keywords, values, 1);

    if (db == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_strstr(PQerrorMessage(db), keywords[1]) == NULL) {
        line = ngx_rtprop_pg_line(PQerrorMessage(db), buf, sizeof(buf));
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"rtprop_postgres\": %V", &line);
        PQfinish(db);
        return NGX_CONF_ERROR;
    }

    options = PQconninfo(db);
    rv = NGX_CONF_OK;

    for (option = options; option && option->keyword; option++) {

        if (ngx_rtprop_store_keep(cf, conf, option) != NGX_OK) {
            rv = NGX_CONF_ERROR;
            break;
        }
    }

    if (rv == NGX_CONF_OK) {
        rv = ngx_rtprop_store_hosts(cf, conf, options);
    }

    if (rv == NGX_CONF_OK && PQpass(db) && PQpass(db)[0] != '\0'
        && ngx_rtprop_store_set(cf, conf, "password", PQpass(db)) != NGX_OK)
    {
        rv = NGX_CONF_ERROR;
    }

    PQconninfoFree(options);
    PQfinish(db);

    return rv;
}


/* Hosts and the password have rules of their own. */

static ngx_int_t
ngx_rtprop_store_keep(ngx_conf_t *cf, ngx_rtprop_store_conf_t *conf,
    PQconninfoOption *option)
{
    ngx_uint_t  i;

    static const char  *own[] = {
        "service", "passfile", "password", "host", "hostaddr", "port",
        "target_session_attrs", "gssencmode", "client_encoding",
        "connect_timeout", "replication", "fallback_application_name"
    };

    if (option->val == NULL || option->val[0] == '\0') {
        return NGX_OK;
    }

    for (i = 0; i < sizeof(own) / sizeof(own[0]); i++) {

        if (ngx_strcmp(option->keyword, own[i]) == 0) {
            return NGX_OK;
        }
    }

    return ngx_rtprop_store_set(cf, conf, option->keyword, option->val);
}


/* The first one that sets a keyword stays. */

ngx_int_t
ngx_rtprop_store_set(ngx_conf_t *cf, ngx_rtprop_store_conf_t *conf,
    const char *keyword, const char *value)
{
    size_t        len;
    ngx_uint_t    i;
    const char  **slot;

    slot = conf->keywords.elts;

    for (i = 0; i < conf->keywords.nelts; i++) {

        if (slot[i] && ngx_strcmp(slot[i], keyword) == 0) {
            return NGX_OK;
        }
    }

    for (i = 0; i < 2; i++) {
        len = ngx_strlen(i ? value : keyword) + 1;
        slot = ngx_array_push(i ? &conf->values : &conf->keywords);

        if (slot == NULL) {
            return NGX_ERROR;
        }

        *slot = ngx_pnalloc(cf->pool, len);

        if (*slot == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy((char *) *slot, i ? value : keyword, len);
    }

    return NGX_OK;
}


char *
ngx_rtprop_store_query(ngx_conf_t *cf, ngx_command_t *cmd, void *data)
{
    ngx_rtprop_main_conf_t *rmcf = data;

    ngx_str_t                 *value;
    ngx_uint_t                 i;
    ngx_rtprop_query_t       **query;
    ngx_rtprop_store_conf_t   *conf;

    conf = rmcf->store;
    value = cf->args->elts;
    query = conf->queries.elts;

    for (i = 0; i < conf->queries.nelts; i++) {

        if (query[i] == conf->lock
            || ngx_strcmp(query[i]->name, value[1].data) != 0)
        {
            continue;
        }

        if (query[i]->replaced) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "\"rtprop_query %V\" is duplicate",
                               &value[1]);
            return NGX_CONF_ERROR;
        }

        if (value[2].len == 0) {
            return ngx_rtprop_conf_bad(cf, &value[2], "one SQL statement");
        }

        query[i]->sql = (char *) value[2].data;
        query[i]->replaced = 1;

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown query \"%V\" in \"rtprop_query\", it must "
                       "be one of those in sql/README.md", &value[1]);

    return NGX_CONF_ERROR;
}
