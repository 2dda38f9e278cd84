/*
 * The hash table of all that has a name, and doubly linked lists.
 */

#include "engine/shm/ngx_rtprop_shm.h"


/* Where the name begins, per kind: it ends the struct. */

static const size_t  ngx_rtprop_shm_sizes[] = {
    0,
    offsetof(ngx_rtprop_shm_channel_t, name),
    offsetof(ngx_rtprop_shm_set_t, name),
    offsetof(ngx_rtprop_shm_user_t, name),
    offsetof(ngx_rtprop_shm_item_t, name),
    offsetof(ngx_rtprop_shm_item_t, name),
    offsetof(ngx_rtprop_shm_item_t, name),
    offsetof(ngx_rtprop_shm_job_t, name)
};


void
ngx_rtprop_shm_key(ngx_rtprop_shm_t *shm, ngx_rtprop_shm_key_t *key,
    ngx_rtprop_shm_kind_e kind, ngx_str_t *name)
{
    key->kind = kind;
    key->owner = 0;
    key->name = name;
    key->hash = ngx_rtprop_zone_hash(shm->zone, name->data, name->len);
}


void
ngx_rtprop_shm_name(ngx_rtprop_shm_node_t *node, ngx_str_t *name)
{
    name->data = (u_char *) node + ngx_rtprop_shm_sizes[node->kind];
    name->len = node->len;
}


/* The same name of another kind, the same user of another set, lie apart. */

static inline uint32_t
ngx_rtprop_shm_hash(ngx_rtprop_shm_key_t *key)
{
    uint64_t  h;

    h = key->hash + ((uint64_t) key->owner << 8) + key->kind;
    h *= 0x9e3779b97f4a7c15ULL;

    return (uint32_t) (h >> 32);
}


static inline ngx_rtprop_ref_t *
ngx_rtprop_shm_bucket(ngx_rtprop_shm_t *shm, uint32_t hash)
{
    ngx_rtprop_ref_t  *buckets;

    buckets = ngx_rtprop_shm_ptr(shm, shm->root->buckets);

    return &buckets[hash & shm->root->mask];
}


ngx_rtprop_ref_t
ngx_rtprop_shm_find(ngx_rtprop_shm_t *shm, ngx_rtprop_shm_key_t *key)
{
    uint32_t                hash;
    ngx_str_t               name;
    ngx_rtprop_ref_t        ref;
    ngx_rtprop_shm_node_t  *node;

    hash = ngx_rtprop_shm_hash(key);

    for (ref = *ngx_rtprop_shm_bucket(shm, hash); ref; ref = node->next) {
        node = ngx_rtprop_shm_ptr(shm, ref);

        if (node->hash != hash || node->kind != key->kind
            || node->owner != key->owner || node->len != key->name->len)
        {
            continue;
        }

        ngx_rtprop_shm_name(node, &name);

        if (ngx_memcmp(name.data, key->name->data, name.len) == 0) {
            return ref;
        }
    }

    return 0;
}


ngx_rtprop_ref_t
ngx_rtprop_shm_insert(ngx_rtprop_shm_t *shm, ngx_rtprop_shm_key_t *key)
{
    size_t                  size;
    ngx_rtprop_ref_t        ref, *bucket;
    ngx_rtprop_shm_node_t  *node;

    size = ngx_rtprop_shm_sizes[key->kind];

    if (key->name->len > NGX_RTPROP_BLOCK_MAX - size) {
        shm->refused = 1;
        return 0;
    }

    ref = ngx_rtprop_zone_alloc(shm->zone, size + key->name->len);

    if (ref == 0) {
        return 0;
    }

    node = ngx_rtprop_shm_ptr(shm, ref);
    ngx_memzero(node, size);
    ngx_memcpy((u_char *) node + size, key->name->data, key->name->len);

    node->hash = ngx_rtprop_shm_hash(key);
    node->owner = key->owner;
    node->len = key->name->len;
    node->kind = key->kind;
    node->slot = NGX_RTPROP_SHM_NO_SLOT;

    bucket = ngx_rtprop_shm_bucket(shm, node->hash);
    node->next = *bucket;

    ngx_rtprop_zone_log_field(shm->zone, bucket);
    *bucket = ref;

    return ref;
}


void
ngx_rtprop_shm_delete(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref)
{
    ngx_rtprop_ref_t       *p;
    ngx_rtprop_shm_node_t  *node, *other;

    node = ngx_rtprop_shm_ptr(shm, ref);
    p = ngx_rtprop_shm_bucket(shm, node->hash);

    while (*p != ref) {
        other = ngx_rtprop_shm_ptr(shm, *p);

        if (other == NULL) {
            return;
        }

        p = &other->next;
    }

    ngx_rtprop_zone_log_field(shm->zone, p);
    *p = node->next;
}


/* --------------------------------------------------------------- lists --- */

static inline ngx_rtprop_shm_link_t *
ngx_rtprop_shm_link(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref, size_t offset)
{
    return (ngx_rtprop_shm_link_t *)
           ((u_char *) ngx_rtprop_shm_ptr(shm, ref) + offset);
}


void
ngx_rtprop_shm_push(ngx_rtprop_shm_t *shm, ngx_rtprop_shm_list_t *list,
    ngx_rtprop_ref_t ref, size_t offset)
{
    ngx_rtprop_shm_link_t  *link, *other;

    link = ngx_rtprop_shm_link(shm, ref, offset);

    ngx_rtprop_shm_change(shm, link);
    ngx_rtprop_shm_change(shm, list);

    link->prev = 0;
    link->next = list->first;

    if (list->first) {
        other = ngx_rtprop_shm_link(shm, list->first, offset);
        ngx_rtprop_shm_change(shm, other);
        other->prev = ref;

    } else {
        list->last = ref;
    }

    list->first = ref;
}


void
ngx_rtprop_shm_append(ngx_rtprop_shm_t *shm, ngx_rtprop_shm_list_t *list,
    ngx_rtprop_ref_t ref, size_t offset)
{
    ngx_rtprop_shm_link_t  *link, *other;

    link = ngx_rtprop_shm_link(shm, ref, offset);

    ngx_rtprop_shm_change(shm, link);
    ngx_rtprop_shm_change(shm, list);

    link->next = 0;
    link->prev = list->last;

    if (list->last) {
        other = ngx_rtprop_shm_link(shm, list->last, offset);
        ngx_rtprop_shm_change(shm, other);
        other->next = ref;

    } else {
        list->first = ref;
    }

    list->last = ref;
}


void
ngx_rtprop_shm_remove(ngx_rtprop_shm_t *shm, ngx_rtprop_shm_list_t *list,
    ngx_rtprop_ref_t ref, size_t offset)
{
    ngx_rtprop_shm_link_t  *link, *other;

    link = ngx_rtprop_shm_link(shm, ref, offset);

    if (link->prev == 0 || link->next == 0) {
        ngx_rtprop_shm_change(shm, list);
    }

    if (link->prev) {
        other = ngx_rtprop_shm_link(shm, link->prev, offset);
        ngx_rtprop_shm_change(shm, other);
        other->next = link->next;

    } else {
        list->first = link->next;
    }

    if (link->next) {
        other = ngx_rtprop_shm_link(shm, link->next, offset);
        ngx_rtprop_shm_change(shm, other);
        other->prev = link->prev;

    } else {
        list->last = link->prev;
    }
}
