/*
 * Presence of a worker that died.
 *
 * First its sessions are taken out; a user whose last one goes is moved from
 * its set to the slot's list of lost users.  Then each of those is announced
 * and forgotten.  Who does this may die too: the next one goes on with what
 * the lists still hold, so that nobody stays and nobody goes unannounced.
 */

#include "engine/shm/ngx_rtprop_shm.h"


typedef struct {
    ngx_rtprop_ref_t    ref;
    ngx_str_t           set;
    ngx_str_t           user;
    ngx_str_t           info;
    ngx_uint_t          users;
    ngx_uint_t          back;      /* is there again */
} ngx_rtprop_shm_lost_t;


static ngx_uint_t ngx_rtprop_shm_lost_next(ngx_rtprop_shm_t *shm,
    ngx_uint_t slot);
static ngx_int_t ngx_rtprop_shm_lost_get(ngx_rtprop_shm_t *shm,
    ngx_uint_t slot, ngx_pool_t *pool, ngx_rtprop_shm_lost_t *lost);
static void ngx_rtprop_shm_lost_forget(ngx_rtprop_shm_t *shm,
    ngx_uint_t slot, ngx_rtprop_ref_t ref);


ngx_int_t
ngx_rtprop_shm_presence_reap(ngx_rtprop_shm_t *shm, ngx_uint_t slot)
{
    ngx_int_t               rc;
    ngx_uint_t              i;
    ngx_pool_t             *pool;
    ngx_rtprop_shm_lost_t   lost;

    for (i = 0; ngx_rtprop_shm_lost_next(shm, slot); i++) {
        if (i == NGX_RTPROP_SHM_REAP) {
            return NGX_AGAIN;
        }
    }

    for (i = 0; i < NGX_RTPROP_SHM_REAP; i++) {
        pool = ngx_create_pool(1024, shm->worker->log);

        if (pool == NULL) {
            return NGX_AGAIN;
        }

        rc = ngx_rtprop_shm_lost_get(shm, slot, pool, &lost);

        if (rc != NGX_OK) {
            ngx_destroy_pool(pool);
            return (rc == NGX_DECLINED) ? NGX_OK : NGX_AGAIN;
        }

        if (!lost.back) {
            shm->handler->presence_lost(shm->hub, &lost.set, &lost.user,
                                        &lost.info, lost.users);
        }

        ngx_rtprop_shm_lost_forget(shm, slot, lost.ref);
        ngx_destroy_pool(pool);
    }

    return NGX_AGAIN;
}


/* One session; 0 when there is none left. */

static ngx_uint_t
ngx_rtprop_shm_lost_next(ngx_rtprop_shm_t *shm, ngx_uint_t slot)
{
    ngx_rtprop_ref_t           ref;
    ngx_rtprop_shm_set_t      *set;
    ngx_rtprop_shm_user_t     *user;
    ngx_rtprop_shm_owned_t    *owned;
    ngx_rtprop_shm_session_t  *s;

    owned = &shm->root->slots[slot];

    ngx_rtprop_zone_lock(shm->zone);

    ref = owned->sessions.first;

    if (ref == 0) {
        ngx_rtprop_zone_unlock(shm->zone);
        return 0;
    }

    s = ngx_rtprop_shm_ptr(shm, ref);
    user = ngx_rtprop_shm_ptr(shm, s->user);

    if (user->nsessions > 1) {
        ngx_rtprop_shm_session_free(shm, ref);

    } else {
        set = ngx_rtprop_shm_ptr(shm, user->node.owner);

        ngx_rtprop_shm_delete(shm, s->user);
        ngx_rtprop_shm_remove(shm, &set->users, s->user,
                              offsetof(ngx_rtprop_shm_user_t, link));
        ngx_rtprop_shm_append(shm, &owned->lost, s->user,
                              offsetof(ngx_rtprop_shm_user_t, link));
        ngx_rtprop_shm_remove(shm, &owned->sessions, ref,
                              offsetof(ngx_rtprop_shm_session_t, link));

        ngx_rtprop_shm_change(shm, set);
        set->nusers--;
        set->nsessions--;
        set->lost++;
    }

    ngx_rtprop_zone_unlock(shm->zone);

    return 1;
}


static ngx_int_t
ngx_rtprop_shm_lost_dup(ngx_pool_t *pool, ngx_str_t *dst, u_char *data,
    size_t len)
{
    dst->len = len;
    dst->data = ngx_pnalloc(pool, len + 1);

    if (dst->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(dst->data, data, len);

    return NGX_OK;
}


/* NGX_DECLINED when there is none. */

static ngx_int_t
ngx_rtprop_shm_lost_get(ngx_rtprop_shm_t *shm, ngx_uint_t slot,
    ngx_pool_t *pool, ngx_rtprop_shm_lost_t *lost)
{
    ngx_int_t                  rc;
    ngx_str_t                  name;
    ngx_rtprop_shm_set_t      *set;
    ngx_rtprop_shm_key_t       key;
    ngx_rtprop_shm_user_t     *user;
    ngx_rtprop_shm_session_t  *s;

    ngx_rtprop_zone_lock(shm->zone);

    lost->ref = shm->root->slots[slot].lost.first;

    if (lost->ref == 0) {
        ngx_rtprop_zone_unlock(shm->zone);
        return NGX_DECLINED;
    }

    user = ngx_rtprop_shm_ptr(shm, lost->ref);
    set = ngx_rtprop_shm_ptr(shm, user->node.owner);
    s = ngx_rtprop_shm_ptr(shm, user->sessions);

    ngx_rtprop_shm_name(&set->node, &name);
    rc = ngx_rtprop_shm_lost_dup(pool, &lost->set, name.data, name.len);

    if (rc == NGX_OK) {
        ngx_rtprop_shm_name(&user->node, &name);
        rc = ngx_rtprop_shm_lost_dup(pool, &lost->user, name.data, name.len);
    }

    if (rc == NGX_OK) {
        rc = ngx_rtprop_shm_lost_dup(pool, &lost->info, s->info, s->len);
    }

    if (rc == NGX_OK) {
        ngx_rtprop_shm_key(shm, &key, NGX_RTPROP_SHM_USER, &lost->user);
        key.owner = user->node.owner;

        lost->users = set->nusers;
        lost->back = (ngx_rtprop_shm_find(shm, &key) != 0);
    }

    ngx_rtprop_zone_unlock(shm->zone);

    return rc;
}


static void
ngx_rtprop_shm_lost_forget(ngx_rtprop_shm_t *shm, ngx_uint_t slot,
    ngx_rtprop_ref_t ref)
{
    ngx_rtprop_ref_t         owner;
    ngx_rtprop_shm_set_t    *set;
    ngx_rtprop_shm_list_t   *list;
    ngx_rtprop_shm_user_t   *user;

    list = &shm->root->slots[slot].lost;

    ngx_rtprop_zone_lock(shm->zone);

    if (list->first == ref) {
        user = ngx_rtprop_shm_ptr(shm, ref);
        owner = user->node.owner;
        set = ngx_rtprop_shm_ptr(shm, owner);

        ngx_rtprop_shm_remove(shm, list, ref,
                              offsetof(ngx_rtprop_shm_user_t, link));

        ngx_rtprop_zone_log_field(shm->zone, &set->lost);
        set->lost--;

        ngx_rtprop_zone_free(shm->zone, user->sessions);
        ngx_rtprop_zone_free(shm->zone, ref);
        ngx_rtprop_shm_set_drop(shm, owner);
    }

    ngx_rtprop_zone_unlock(shm->zone);
}
