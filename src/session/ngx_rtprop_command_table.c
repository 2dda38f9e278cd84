/*
 * Tables of commands, resources and event types: registered by the features in
 * preconfiguration, frozen into hashes by the core's postconfiguration.
 *
 * Entries are copied into the cycle's pool: a failed reload must not leave
 * data of a cycle that is gone in a feature's static table.
 */

#include "session/ngx_rtprop_command.h"


static ngx_int_t ngx_rtprop_command_names(ngx_conf_t *cf, ngx_array_t *names,
    ngx_rtprop_command_t *command);
static ngx_int_t ngx_rtprop_name_add(ngx_conf_t *cf, ngx_array_t *names,
    ngx_str_t *name, void *value);
static ngx_int_t ngx_rtprop_names_freeze(ngx_conf_t *cf, ngx_array_t *names,
    ngx_hash_t *hash, char *title);


ngx_int_t
ngx_rtprop_commands_add(ngx_conf_t *cf, ngx_rtprop_command_t *commands,
    void *data)
{
    ngx_rtprop_command_t    *command, **cp;
    ngx_rtprop_main_conf_t  *rmcf;

    rmcf = ngx_rtprop_main_conf(cf);

    for ( /* void */ ; commands->name.len; commands++) {
        command = ngx_palloc(cf->pool, sizeof(ngx_rtprop_command_t));
        if (command == NULL) {
            return NGX_ERROR;
        }

        *command = *commands;
        command->data = data;

        cp = ngx_array_push(&rmcf->commands);
        if (cp == NULL) {
            return NGX_ERROR;
        }

        *cp = command;
    }

    return NGX_OK;
}


ngx_int_t
ngx_rtprop_resources_add(ngx_conf_t *cf, ngx_rtprop_resource_t *resources,
    void *data)
{
    ngx_rtprop_resource_t   *resource, **rp;
    ngx_rtprop_main_conf_t  *rmcf;

    rmcf = ngx_rtprop_main_conf(cf);

    for ( /* void */ ; resources->path.len; resources++) {
        resource = ngx_palloc(cf->pool, sizeof(ngx_rtprop_resource_t));
        if (resource == NULL) {
            return NGX_ERROR;
        }

        *resource = *resources;
        resource->data = data;

        rp = ngx_array_push(&rmcf->resources);
        if (rp == NULL) {
            return NGX_ERROR;
        }

        *rp = resource;
    }

    return NGX_OK;
}


ngx_int_t
ngx_rtprop_event_types_add(ngx_conf_t *cf, ngx_rtprop_event_type_t *types)
{
    ngx_rtprop_event_type_t  **tp;
    ngx_rtprop_main_conf_t    *rmcf;

    rmcf = ngx_rtprop_main_conf(cf);

    for ( /* void */ ; types->type.len; types++) {
        tp = ngx_array_push(&rmcf->events);
        if (tp == NULL) {
            return NGX_ERROR;
        }

        *tp = types;
    }

    return NGX_OK;
}


ngx_int_t
ngx_rtprop_commands_freeze(ngx_conf_t *cf)
{
    ngx_uint_t                 i;
    ngx_array_t                names, types;
    ngx_rtprop_command_t     **commands;
    ngx_rtprop_main_conf_t    *rmcf;
    ngx_rtprop_event_type_t  **events;

    rmcf = ngx_rtprop_main_conf(cf);

    if (ngx_array_init(&names, cf->temp_pool, 128, sizeof(ngx_hash_key_t))
        != NGX_OK
        || ngx_array_init(&types, cf->temp_pool, 128, sizeof(ngx_hash_key_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    commands = rmcf->commands.elts;

    for (i = 0; i < rmcf->commands.nelts; i++) {
        if (ngx_rtprop_command_names(cf, &names, commands[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    events = rmcf->events.elts;

    for (i = 0; i < rmcf->events.nelts; i++) {
        if (ngx_rtprop_name_add(cf, &types, &events[i]->type, events[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (ngx_rtprop_names_freeze(cf, &names, &rmcf->command_hash,
                                "rtprop_commands_hash")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_rtprop_names_freeze(cf, &types, &rmcf->event_hash,
                                   "rtprop_events_hash");
}


/* The canonical name and the aliases, which are separated by spaces. */

static ngx_int_t
ngx_rtprop_command_names(ngx_conf_t *cf, ngx_array_t *names,
    ngx_rtprop_command_t *command)
{
    u_char     *p, *last;
    ngx_str_t   alias;

    if (ngx_rtprop_name_add(cf, names, &command->name, command) != NGX_OK) {
        return NGX_ERROR;
    }

    p = command->aliases.data;
    last = p + command->aliases.len;

    while (p < last) {
        alias.data = p;

        while (p < last && *p != ' ') {
            p++;
        }

        alias.len = p++ - alias.data;

        if (alias.len == 0) {
            continue;
        }

        if (ngx_rtprop_name_add(cf, names, &alias, command) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_name_add(ngx_conf_t *cf, ngx_array_t *names, ngx_str_t *name,
    void *value)
{
    ngx_uint_t       i;
    ngx_hash_key_t  *key;

    key = names->elts;

    for (i = 0; i < names->nelts; i++) {
        if (key[i].key.len == name->len
            && ngx_memcmp(key[i].key.data, name->data, name->len) == 0)
        {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "rtprop: \"%V\" is registered twice", name);
            return NGX_ERROR;
        }
    }

    key = ngx_array_push(names);
    if (key == NULL) {
        return NGX_ERROR;
    }

    key->key = *name;
    key->key_hash = ngx_hash_key(name->data, name->len);
    key->value = value;

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_names_freeze(ngx_conf_t *cf, ngx_array_t *names, ngx_hash_t *hash,
    char *title)
{
    ngx_hash_init_t  init;

    init.hash = hash;
    init.key = ngx_hash_key;
    init.max_size = 4096;
    init.bucket_size = ngx_align(256, ngx_cacheline_size);
    init.name = title;
    init.pool = cf->pool;
    init.temp_pool = NULL;

    return ngx_hash_init(&init, names->elts, names->nelts);
}


const ngx_rtprop_command_t *
ngx_rtprop_command_find(ngx_rtprop_worker_t *worker, ngx_str_t *name)
{
    return ngx_hash_find(&worker->conf->command_hash,
                         ngx_hash_key(name->data, name->len), name->data,
                         name->len);
}


ngx_rtprop_event_type_t *
ngx_rtprop_event_type(ngx_rtprop_worker_t *worker, ngx_str_t *type)
{
    return ngx_hash_find(&worker->conf->event_hash,
                         ngx_hash_key(type->data, type->len), type->data,
                         type->len);
}


ngx_uint_t
ngx_rtprop_event_type_own(ngx_rtprop_worker_t *worker, ngx_str_t *type)
{
    ngx_rtprop_event_type_t  *et;

    et = ngx_rtprop_event_type(worker, type);

    return et && et->own;
}
