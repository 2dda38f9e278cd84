/*
 * rtprop_origin: which pages may connect.
 */

#include "session/ngx_rtprop_auth.h"
#include "session/rtprop_origin.h"


static char *ngx_rtprop_auth_origin_bad(ngx_conf_t *cf, ngx_str_t *word,
    const char *why);
static char *ngx_rtprop_auth_origin_compile(ngx_conf_t *cf, ngx_str_t *word,
    rtprop_origin_rule_t *rule);
static ngx_table_elt_t *ngx_rtprop_auth_origin_find(ngx_http_request_t *r,
    ngx_uint_t *n);
static int ngx_rtprop_auth_origin_match(void *regex,
    const rtprop_str_t *origin);


char *
ngx_rtprop_auth_origin(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_rtprop_loc_conf_t *lcf = conf;

    char                  *rv;
    ngx_str_t             *value;
    ngx_uint_t             i;
    const char            *err;
    ngx_array_t           *rules;
    ngx_uint_t             required;
    rtprop_str_t           word;
    rtprop_origin_rule_t  *rule;

    if (lcf->origin) {
        return "is duplicate";
    }

    rules = ngx_array_create(cf->pool, cf->args->nelts,
                             sizeof(rtprop_origin_rule_t));
    if (rules == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;
    required = 0;

    for (i = 1; i < cf->args->nelts; i++) {
        rule = ngx_array_push(rules);
        if (rule == NULL) {
            return NGX_CONF_ERROR;
        }

        word.len = value[i].len;
        word.data = value[i].data;

        if (rtprop_origin_rule(rule, &word, &err) != RTPROP_OK) {
            return ngx_rtprop_auth_origin_bad(cf, &value[i], err);
        }

        required += (rule->kind == RTPROP_ORIGIN_REQUIRED);

        if (rule->kind == RTPROP_ORIGIN_REGEX) {
            rv = ngx_rtprop_auth_origin_compile(cf, &value[i], rule);
            if (rv != NGX_CONF_OK) {
                return rv;
            }
        }
    }

    if (required == rules->nelts) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"rtprop_origin required\" names no origin and "
                           "allows the same host's, say \"rtprop_origin "
                           "required same\" or those that may connect");
    }

    lcf->origin = rules;

    return NGX_CONF_OK;
}


static char *
ngx_rtprop_auth_origin_bad(ngx_conf_t *cf, ngx_str_t *word, const char *why)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid value \"%V\" in \"rtprop_origin\": %s; right "
                       "are \"same\", \"any\", \"required\", "
                       "\"https://example.org\", \"*.example.org\" and "
                       "\"~regex\"", word, why);

    return NGX_CONF_ERROR;
}


static char *
ngx_rtprop_auth_origin_compile(ngx_conf_t *cf, ngx_str_t *word,
    rtprop_origin_rule_t *rule)
{
#if (NGX_PCRE)
    u_char               errstr[NGX_MAX_CONF_ERRSTR];
    ngx_regex_compile_t  rc;

    ngx_memzero(&rc, sizeof(ngx_regex_compile_t));

    rc.pattern.len = rule->pattern.len;
    rc.pattern.data = rule->pattern.data;
    rc.pool = cf->pool;
    rc.options = rule->caseless ? NGX_REGEX_CASELESS : 0;
    rc.err.len = NGX_MAX_CONF_ERRSTR - 1;
    rc.err.data = errstr;

    if (ngx_regex_compile(&rc) != NGX_OK) {
        errstr[ngx_min(rc.err.len, NGX_MAX_CONF_ERRSTR - 1)] = '\0';
        return ngx_rtprop_auth_origin_bad(cf, word, (char *) errstr);
    }

    rule->regex = rc.regex;

    return NGX_CONF_OK;
#else
    return ngx_rtprop_auth_origin_bad(cf, word,
                                      "this nginx has no regular expressions");
#endif
}


ngx_int_t
ngx_rtprop_auth_origin_check(ngx_http_request_t *r)
{
    size_t                    n;
    ngx_uint_t                found;
    ngx_array_t              *rules;
    rtprop_str_t              origin;
    ngx_table_elt_t          *h;
    rtprop_origin_rule_t     *rule;
    ngx_rtprop_loc_conf_t    *conf;
    rtprop_origin_request_t   request;

    conf = ngx_http_get_module_loc_conf(r, ngx_rtprop_module);
    rules = conf->origin;

    rule = rules ? rules->elts : NULL;
    n = rules ? rules->nelts : 0;

    ngx_memzero(&request, sizeof(rtprop_origin_request_t));

    h = ngx_rtprop_auth_origin_find(r, &found);

    if (found > 1) {
        return NGX_HTTP_FORBIDDEN;
    }

    if (h) {
        origin.len = h->value.len;
        origin.data = h->value.data;
        request.origin = &origin;
    }

    if (r->headers_in.host) {
        request.host.len = r->headers_in.host->value.len;
        request.host.data = r->headers_in.host->value.data;
    }

    return (rtprop_origin_check(rule, n, &request,
                                ngx_rtprop_auth_origin_match)
            == RTPROP_OK)
           ? NGX_OK : NGX_HTTP_FORBIDDEN;
}


/* A browser sends one (RFC 6454, 7.3); n: how many there are. */

static ngx_table_elt_t *
ngx_rtprop_auth_origin_find(ngx_http_request_t *r, ngx_uint_t *n)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h, *found;

    *n = 0;
    found = NULL;

    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == sizeof("Origin") - 1
            && ngx_strncasecmp(h[i].key.data, (u_char *) "Origin",
                               sizeof("Origin") - 1)
               == 0)
        {
            found = &h[i];
            (*n)++;
        }
    }

    return found;
}


static int
ngx_rtprop_auth_origin_match(void *regex, const rtprop_str_t *origin)
{
#if (NGX_PCRE)
    ngx_str_t  str;

    str.len = origin->len;
    str.data = origin->data;

    return ngx_regex_exec((ngx_regex_t *) regex, &str, NULL, 0) >= 0;
#else
    return 0;
#endif
}
