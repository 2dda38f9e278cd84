/*
 * Hosts of the connection string: names become addresses here, so that libpq
 * never asks the system's resolver; and what all connections are told.
 */

#include "store/ngx_rtprop_pg.h"


/* A file that is not there, and where none can be: libpq goes on without. */
#define NGX_RTPROP_STORE_NOWHERE   "/dev/null/none"


static const char *ngx_rtprop_store_value(PQconninfoOption *options,
    const char *keyword);
static ngx_int_t ngx_rtprop_store_split(ngx_conf_t *cf, const char *list,
    ngx_array_t *members);
static char *ngx_rtprop_store_host(ngx_conf_t *cf,
    ngx_rtprop_pg_host_t *host, ngx_str_t *addr);
static ngx_int_t ngx_rtprop_store_fixed(ngx_conf_t *cf,
    ngx_rtprop_store_conf_t *conf, PQconninfoOption *options);
static ngx_int_t ngx_rtprop_store_file(ngx_conf_t *cf,
    ngx_rtprop_store_conf_t *conf, const char *keyword, const char *name);


char *
ngx_rtprop_store_hosts(ngx_conf_t *cf, ngx_rtprop_store_conf_t *conf,
    PQconninfoOption *options)
{
    char                  *rv;
    ngx_str_t             *member;
    ngx_uint_t             i, n;
    ngx_array_t            names, addrs, ports;
    ngx_rtprop_pg_host_t  *host;

    if (ngx_rtprop_store_split(cf, ngx_rtprop_store_value(options, "host"),
                               &names) != NGX_OK
        || ngx_rtprop_store_split(cf,
               ngx_rtprop_store_value(options, "hostaddr"), &addrs) != NGX_OK
        || ngx_rtprop_store_split(cf, ngx_rtprop_store_value(options, "port"),
                                  &ports) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    n = ngx_max(names.nelts, addrs.nelts);

    for (i = 0; i < ngx_max(n, 1); i++) {
        host = ngx_array_push(&conf->hosts);

        if (host == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_memzero(host, sizeof(ngx_rtprop_pg_host_t));

        if (i < names.nelts) {
            host->name = ((ngx_str_t *) names.elts)[i];
        }

        if (ports.nelts) {
            member = ports.elts;
            host->port = member[i < ports.nelts ? i : 0];
        }

        member = addrs.elts;
        rv = ngx_rtprop_store_host(cf, host, i < addrs.nelts ? &member[i]
                                                             : NULL);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    if (ngx_rtprop_store_lists(&conf->hosts, cf->pool, &conf->lists) != NGX_OK
        || ngx_rtprop_store_fixed(cf, conf, options) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static const char *
ngx_rtprop_store_value(PQconninfoOption *options, const char *keyword)
{
    for ( /* void */ ; options->keyword; options++) {

        if (ngx_strcmp(options->keyword, keyword) == 0) {
            return options->val ? options->val : "";
        }
    }

    return "";
}


static ngx_int_t
ngx_rtprop_store_split(ngx_conf_t *cf, const char *list, ngx_array_t *members)
{
    size_t      len;
    ngx_str_t  *member;

    if (ngx_array_init(members, cf->pool, 4, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    while (*list != '\0') {
        len = strcspn(list, ",");
        member = ngx_array_push(members);

        if (member == NULL) {
            return NGX_ERROR;
        }

        member->len = len;
        member->data = ngx_pnalloc(cf->pool, len + 1);

        if (member->data == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_cpystrn(member->data, (u_char *) list, len + 1);

        list += len;

        if (*list == ',') {
            list++;
        }
    }

    return NGX_OK;
}


static char *
ngx_rtprop_store_host(ngx_conf_t *cf, ngx_rtprop_pg_host_t *host,
    ngx_str_t *addr)
{
    ngx_url_t   u;
    ngx_uint_t  i;

    if (addr && addr->len) {
        host->addrs = addr;
        host->naddrs = 1;
        return NGX_CONF_OK;
    }

    if (host->name.len == 0 || host->name.data[0] == '/'
        || host->name.data[0] == '@')
    {
        return NGX_CONF_OK;
    }

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.host = host->name;
    u.default_port = 1;

    if (ngx_inet_resolve_host(cf->pool, &u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s \"%V\" in \"rtprop_postgres\"",
                           u.err ? u.err : "no address of", &host->name);
        return NGX_CONF_ERROR;
    }

    host->addrs = ngx_palloc(cf->pool, u.naddrs * sizeof(ngx_str_t));

    if (host->addrs == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < u.naddrs; i++) {
        host->addrs[i].data = ngx_pnalloc(cf->pool, NGX_SOCKADDR_STRLEN);

        if (host->addrs[i].data == NULL) {
            return NGX_CONF_ERROR;
        }

        host->addrs[i].len = ngx_sock_ntop(u.addrs[i].sockaddr,
                                           u.addrs[i].socklen,
                                           host->addrs[i].data,
                                           NGX_SOCKADDR_STRLEN, 0);

        /* libpq wants an address of IPv6 without its brackets */

        if (host->addrs[i].len && host->addrs[i].data[0] == '[') {
            host->addrs[i].data++;
            host->addrs[i].len -= 2;
        }
    }

    host->naddrs = u.naddrs;

    return NGX_CONF_OK;
}


/* "h,h", "1.2.3.4,1.2.3.5", "5432,5432" */

ngx_int_t
ngx_rtprop_store_lists(ngx_array_t *hosts, ngx_pool_t *pool,
    ngx_rtprop_pg_hosts_t *lists)
{
    size_t                 size;
    u_char                *p[3];
    ngx_str_t              addr;
    ngx_uint_t             i, j;
    ngx_rtprop_pg_host_t  *host;

    host = hosts->elts;
    size = 1;

    for (i = 0; i < hosts->nelts; i++) {
        size += (host[i].naddrs + 1) * (host[i].name.len + host[i].port.len
                                        + NGX_SOCKADDR_STRLEN + 1);
    }

    for (i = 0; i < 3; i++) {
        p[i] = ngx_pcalloc(pool, size);

        if (p[i] == NULL) {
            return NGX_ERROR;
        }
    }

    lists->host = (char *) p[0];
    lists->hostaddr = (char *) p[1];
    lists->port = (char *) p[2];
    lists->n = 0;

    for (i = 0; i < hosts->nelts; i++) {

        for (j = 0; j < ngx_max(host[i].naddrs, 1); j++) {

            if (lists->n == NGX_RTPROP_PG_HOSTS) {
                return NGX_OK;
            }

            ngx_str_null(&addr);

            if (host[i].naddrs) {
                addr = host[i].addrs[j];
            }

            p[0] = ngx_sprintf(p[0], "%s%V", lists->n ? "," : "",
                               &host[i].name);
            p[1] = ngx_sprintf(p[1], "%s%V", lists->n ? "," : "", &addr);
            p[2] = ngx_sprintf(p[2], "%s%V", lists->n ? "," : "",
                               &host[i].port);
            lists->n++;
        }
    }

    return NGX_OK;
}


/*
 * Several hosts: the one that takes writes.  Files that libpq would look for
 * in a home folder, which it would ask the system for, are looked for now.
 */

static ngx_int_t
ngx_rtprop_store_fixed(ngx_conf_t *cf, ngx_rtprop_store_conf_t *conf,
    PQconninfoOption *options)
{
    if (ngx_rtprop_store_set(cf, conf, "fallback_application_name", "rtprop")
        != NGX_OK
        || ngx_rtprop_store_set(cf, conf, "client_encoding", "UTF8") != NGX_OK
        || ngx_rtprop_store_set(cf, conf, "gssencmode", "disable") != NGX_OK
        || ngx_rtprop_store_set(cf, conf, "passfile",
                                NGX_RTPROP_STORE_NOWHERE) != NGX_OK
        || ngx_rtprop_store_set(cf, conf, "target_session_attrs",
                                conf->lists.n > 1 ? "read-write" : "any")
           != NGX_OK
        || ngx_rtprop_store_file(cf, conf, "sslcert", "postgresql.crt")
           != NGX_OK
        || ngx_rtprop_store_file(cf, conf, "sslkey", "postgresql.key")
           != NGX_OK
        || ngx_rtprop_store_file(cf, conf, "sslrootcert", "root.crt")
           != NGX_OK
        || ngx_rtprop_store_file(cf, conf, "sslcrl", "root.crl") != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* room for the hosts' three and the end */
    return conf->keywords.nelts + 4 <= NGX_RTPROP_PG_KEYWORDS ? NGX_OK
                                                              : NGX_ERROR;
}


static ngx_int_t
ngx_rtprop_store_file(ngx_conf_t *cf, ngx_rtprop_store_conf_t *conf,
    const char *keyword, const char *name)
{
    char   *home;
    u_char  path[NGX_MAX_PATH];

    home = getenv("HOME");

    if (home && *home != '\0') {
        (void) ngx_snprintf(path, sizeof(path) - 1, "%s/.postgresql/%s%Z",
                            home, name);
        path[sizeof(path) - 1] = '\0';

        if (access((char *) path, R_OK) == 0) {
            return ngx_rtprop_store_set(cf, conf, keyword, (char *) path);
        }
    }

    return ngx_rtprop_store_set(cf, conf, keyword, NGX_RTPROP_STORE_NOWHERE);
}
