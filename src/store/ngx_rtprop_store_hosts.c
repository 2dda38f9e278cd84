/*
 * Hosts of the connection string: names become addresses, here or when nginx's
 * resolver is asked, so that libpq never asks the system's; and what all
 * connections are told.
 */

#include "store/ngx_rtprop_pg.h"


/* A file that is not there, and where none can be: libpq goes on without. */
#define NGX_RTPROP_STORE_NOWHERE   "/dev/null/none"


typedef struct {
    ngx_rtprop_pg_host_t      *host;
    ngx_str_t                  addr;      /* empty: a socket */
} ngx_rtprop_store_entry_t;


static const char *ngx_rtprop_store_value(PQconninfoOption *options,
    const char *keyword);
static ngx_int_t ngx_rtprop_store_split(ngx_conf_t *cf, const char *list,
    ngx_array_t *members);
static ngx_int_t ngx_rtprop_store_host(ngx_conf_t *cf,
    ngx_rtprop_pg_host_t *host, ngx_str_t *addr);
static ngx_int_t ngx_rtprop_store_host_lookup(ngx_conf_t *cf,
    ngx_rtprop_pg_host_t *host);
static ngx_uint_t ngx_rtprop_store_entries(ngx_rtprop_pg_t *pg,
    ngx_rtprop_store_entry_t *entries);
static ngx_int_t ngx_rtprop_store_fixed(ngx_conf_t *cf,
    ngx_rtprop_store_conf_t *conf, PQconninfoOption *options);
static ngx_int_t ngx_rtprop_store_file(ngx_conf_t *cf,
    ngx_rtprop_store_conf_t *conf, const char *keyword, const char *name);


char *
ngx_rtprop_store_hosts(ngx_conf_t *cf, ngx_rtprop_store_conf_t *conf,
    PQconninfoOption *options)
{
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

        if (ngx_rtprop_store_host(cf, host, i < addrs.nelts ? &member[i]
                                                            : NULL)
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    return ngx_rtprop_store_fixed(cf, conf, options) == NGX_OK
           ? NGX_CONF_OK : NGX_CONF_ERROR;
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


/* A name is to be resolved, who does it is not known yet. */

static ngx_int_t
ngx_rtprop_store_host(ngx_conf_t *cf, ngx_rtprop_pg_host_t *host,
    ngx_str_t *addr)
{
    ngx_int_t   rc;
    ngx_addr_t  numeric;

    if (addr && addr->len) {
        host->addrs = addr;
        host->naddrs = 1;
        return NGX_OK;
    }

    if (host->name.len == 0 || host->name.data[0] == '/'
        || host->name.data[0] == '@')
    {
        return NGX_OK;
    }

    rc = ngx_parse_addr(cf->pool, &numeric, host->name.data, host->name.len);

    if (rc == NGX_DECLINED) {
        host->resolve = 1;
        return NGX_OK;
    }

    host->addrs = (rc == NGX_OK) ? ngx_palloc(cf->pool, sizeof(ngx_str_t))
                                 : NULL;

    if (host->addrs == NULL) {
        return NGX_ERROR;
    }

    host->addrs[0] = host->name;
    host->naddrs = 1;

    return NGX_OK;
}


/* Without a resolver a name is looked up now, and "localhost" always. */

ngx_int_t
ngx_rtprop_store_postconfiguration(ngx_conf_t *cf)
{
    ngx_uint_t                 i;
    ngx_rtprop_pg_host_t      *host;
    ngx_rtprop_store_conf_t   *conf;
    ngx_http_core_loc_conf_t  *clcf;

    conf = ngx_rtprop_store_conf(ngx_rtprop_main_conf(cf));
    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* "resolver" of the http level; an empty one stands for "off" */

    if (clcf->resolver && clcf->resolver->connections.nelts) {
        conf->resolver = clcf->resolver;
    }

    host = conf->hosts.elts;

    for (i = 0; i < conf->hosts.nelts; i++) {
        if (host[i].resolve
            && (conf->resolver == NULL
                || (host[i].name.len == 9
                    && ngx_strncmp(host[i].name.data, "localhost", 9) == 0))
            && ngx_rtprop_store_host_lookup(cf, &host[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_store_host_lookup(ngx_conf_t *cf, ngx_rtprop_pg_host_t *host)
{
    ngx_url_t   u;
    ngx_uint_t  i;

    ngx_memzero(&u, sizeof(ngx_url_t));
    u.host = host->name;
    u.default_port = 1;

    if (ngx_inet_resolve_host(cf->pool, &u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s \"%V\" in \"rtprop_postgres\"",
                           u.err ? u.err : "no address of", &host->name);
        return NGX_ERROR;
    }

    host->addrs = ngx_palloc(cf->pool, u.naddrs * sizeof(ngx_str_t));

    if (host->addrs == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < u.naddrs; i++) {
        if (ngx_rtprop_store_addr(&host->addrs[i], cf->pool,
                                  u.addrs[i].sockaddr, u.addrs[i].socklen)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    host->naddrs = u.naddrs;
    host->resolve = 0;

    return NGX_OK;
}


/* libpq wants an address of IPv6 without its brackets. */

ngx_int_t
ngx_rtprop_store_addr(ngx_str_t *addr, ngx_pool_t *pool,
    struct sockaddr *sockaddr, socklen_t socklen)
{
    addr->data = ngx_pnalloc(pool, NGX_SOCKADDR_STRLEN);

    if (addr->data == NULL) {
        return NGX_ERROR;
    }

    addr->len = ngx_sock_ntop(sockaddr, socklen, addr->data,
                              NGX_SOCKADDR_STRLEN, 0);

    if (addr->len && addr->data[0] == '[') {
        addr->data++;
        addr->len -= 2;
    }

    return NGX_OK;
}


/* "h,h", "1.2.3.4,1.2.3.5", "5432,5432" */

ngx_int_t
ngx_rtprop_store_lists(ngx_rtprop_pg_t *pg, ngx_rtprop_pg_lists_t *lists)
{
    size_t                     size;
    u_char                    *p[3];
    ngx_uint_t                 i, n;
    const char                *comma;
    ngx_rtprop_store_entry_t  *e, entries[NGX_RTPROP_PG_HOSTS];

    n = ngx_rtprop_store_entries(pg, entries);
    size = 1;

    for (i = 0; i < n; i++) {
        size += entries[i].host->name.len + entries[i].host->port.len
                + entries[i].addr.len + 1;
    }

    for (i = 0; i < 3; i++) {
        p[i] = ngx_pcalloc(pg->pool, size);

        if (p[i] == NULL) {
            return NGX_ERROR;
        }
    }

    lists->host = (char *) p[0];
    lists->hostaddr = (char *) p[1];
    lists->port = (char *) p[2];
    lists->n = n;

    for (i = 0; i < n; i++) {
        e = &entries[(pg->turn + i) % n];
        comma = i ? "," : "";

        p[0] = ngx_sprintf(p[0], "%s%V", comma, &e->host->name);
        p[1] = ngx_sprintf(p[1], "%s%V", comma, &e->addr);
        p[2] = ngx_sprintf(p[2], "%s%V", comma, &e->host->port);
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_rtprop_store_entries(ngx_rtprop_pg_t *pg,
    ngx_rtprop_store_entry_t *entries)
{
    ngx_uint_t             i, j, n, nhosts;
    ngx_rtprop_pg_host_t  *host;

    n = 0;
    nhosts = pg->store->conf->hosts.nelts;

    for (i = 0; i < nhosts; i++) {
        host = &pg->hosts[i];

        /* libpq must not be given a name alone: it would look it up */

        for (j = 0; j < (host->resolve ? host->naddrs
                                       : ngx_max(host->naddrs, 1)); j++)
        {
            if (n == NGX_RTPROP_PG_HOSTS) {
                return n;
            }

            entries[n].host = host;
            ngx_str_null(&entries[n].addr);

            if (host->naddrs) {
                entries[n].addr = host->addrs[j];
            }

            n++;
        }
    }

    return n;
}


/*
 * Files that libpq would look for in a home folder, which it would ask the
 * system for, are looked for now.
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

    /* room for the hosts' three, what they must be, and the end */
    return conf->keywords.nelts + 5 <= NGX_RTPROP_PG_KEYWORDS ? NGX_OK
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
