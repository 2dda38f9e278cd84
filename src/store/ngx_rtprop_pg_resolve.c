/*
 * Names of hosts, asked of nginx's resolver with each attempt to connect, so
 * that a database is found where it has moved to.  One after the other; the
 * resolver remembers them for as long as they are valid.
 */

#include "store/ngx_rtprop_pg.h"


static void ngx_rtprop_pg_resolve_next(ngx_rtprop_pg_t *pg);
static ngx_int_t ngx_rtprop_pg_resolve_name(ngx_rtprop_pg_t *pg,
    ngx_str_t *name);
static void ngx_rtprop_pg_resolve_done(ngx_resolver_ctx_t *ctx);


ngx_int_t
ngx_rtprop_pg_resolve(ngx_rtprop_pg_t *pg)
{
    size_t                    size;
    ngx_rtprop_store_conf_t  *conf;

    conf = pg->store->conf;
    size = conf->hosts.nelts * sizeof(ngx_rtprop_pg_host_t);

    pg->pool = ngx_create_pool(1024, pg->store->worker->log);
    pg->hosts = pg->pool ? ngx_palloc(pg->pool, size) : NULL;

    if (pg->hosts == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(pg->hosts, conf->hosts.elts, size);
    pg->nhosts = 0;

    ngx_rtprop_pg_resolve_next(pg);

    return NGX_OK;
}


void
ngx_rtprop_pg_resolve_forget(ngx_rtprop_pg_t *pg)
{
    if (pg->resolving) {
        ngx_resolve_name_done(pg->resolving);
        pg->resolving = NULL;
    }

    if (pg->pool) {
        ngx_destroy_pool(pg->pool);
        pg->pool = NULL;
        pg->hosts = NULL;
    }
}


/* An answer may come at once: then all went on before the call returned. */

static void
ngx_rtprop_pg_resolve_next(ngx_rtprop_pg_t *pg)
{
    ngx_rtprop_pg_host_t  *host;

    for ( /* void */ ; pg->nhosts < pg->store->conf->hosts.nelts; pg->nhosts++)
    {
        host = &pg->hosts[pg->nhosts];

        if (host->resolve
            && ngx_rtprop_pg_resolve_name(pg, &host->name) == NGX_OK)
        {
            return;
        }
    }

    ngx_rtprop_pg_resolved(pg);
}


/* A name that nobody tells must leave time for the others. */

static ngx_int_t
ngx_rtprop_pg_resolve_name(ngx_rtprop_pg_t *pg, ngx_str_t *name)
{
    ngx_resolver_ctx_t       *ctx, temp;
    ngx_rtprop_store_conf_t  *conf;

    conf = pg->store->conf;
    temp.name = *name;

    ctx = ngx_resolve_start(conf->resolver, &temp);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        return NGX_ERROR;
    }

    ctx->name = *name;
    ctx->handler = ngx_rtprop_pg_resolve_done;
    ctx->data = pg;
    ctx->timeout = conf->connect_timeout / (conf->hosts.nelts + 1);
    ctx->cancelable = 1;
    pg->resolving = ctx;

    if (ngx_resolve_name(ctx) != NGX_OK) {
        pg->resolving = NULL;
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* One that is not found is left out. */

static void
ngx_rtprop_pg_resolve_done(ngx_resolver_ctx_t *ctx)
{
    ngx_uint_t             i;
    ngx_rtprop_pg_t       *pg;
    ngx_rtprop_pg_host_t  *host;

    pg = ctx->data;
    pg->resolving = NULL;

    host = &pg->hosts[pg->nhosts++];

    if (ctx->state == 0 && ctx->naddrs) {
        host->addrs = ngx_palloc(pg->pool, ctx->naddrs * sizeof(ngx_str_t));

        for (i = 0; host->addrs && i < ctx->naddrs; i++) {

            if (ngx_rtprop_store_addr(&host->addrs[i], pg->pool,
                                      ctx->addrs[i].sockaddr,
                                      ctx->addrs[i].socklen)
                != NGX_OK)
            {
                break;
            }

            host->naddrs++;
        }

    } else {
        ngx_log_error(NGX_LOG_INFO, pg->store->worker->log, 0,
                      "rtprop: PostgreSQL, the %s connection: \"%V\": %s",
                      pg->name, &host->name, ngx_resolver_strerror(ctx->state));
    }

    ngx_resolve_name_done(ctx);

    ngx_rtprop_pg_resolve_next(pg);
}
