/*
 * Presence: sets of users, users' sessions, one node per user and set.
 */

#include "engine/shm/ngx_rtprop_shm.h"


#define NGX_RTPROP_SHM_INFO_MAX                                               \
    (NGX_RTPROP_BLOCK_MAX - offsetof(ngx_rtprop_shm_session_t, info))


typedef struct {
    ngx_rtprop_presence_t      *op;
    ngx_rtprop_shm_key_t        set;
    ngx_rtprop_shm_key_t        user;
} ngx_rtprop_shm_member_t;


typedef struct {
    ngx_rtprop_members_t       *op;
    ngx_rtprop_shm_key_t        set;
    ngx_rtprop_shm_key_t        user;
} ngx_rtprop_shm_listing_t;


static ngx_int_t ngx_rtprop_shm_presence_add_step(ngx_rtprop_shm_t *shm,
    void *data);
static ngx_int_t ngx_rtprop_shm_presence_remove_step(ngx_rtprop_shm_t *shm,
    void *data);
static void ngx_rtprop_shm_user_gone(ngx_rtprop_shm_t *shm,
    ngx_rtprop_ref_t set_ref, ngx_rtprop_ref_t ref);
static ngx_int_t ngx_rtprop_shm_members_step(ngx_rtprop_shm_t *shm,
    void *data);


static ngx_rtprop_ref_t
ngx_rtprop_shm_session_find(ngx_rtprop_shm_t *shm, ngx_rtprop_shm_user_t *user,
    u_char *id)
{
    ngx_rtprop_ref_t           ref;
    ngx_rtprop_shm_session_t  *s;

    for (ref = user->sessions; ref; ref = s->next) {
        s = ngx_rtprop_shm_ptr(shm, ref);

        if (ngx_memcmp(s->id, id, NGX_RTPROP_SESSION_ID) == 0) {
            return ref;
        }
    }

    return 0;
}


/* -------------------------------------------------------------- adding --- */

void
ngx_rtprop_shm_presence_add(ngx_rtprop_engine_t *e, ngx_rtprop_presence_t *op)
{
    ngx_rtprop_shm_t         *shm;
    ngx_rtprop_shm_member_t   member;

    shm = e->data;
    member.op = op;

    ngx_rtprop_shm_key(shm, &member.set, NGX_RTPROP_SHM_SET, &op->set);
    ngx_rtprop_shm_key(shm, &member.user, NGX_RTPROP_SHM_USER, &op->user);

    op->changed = 0;
    op->sessions = 0;
    op->users = 0;

    if (op->info.len > NGX_RTPROP_SHM_INFO_MAX || op->user.len == 0) {
        ngx_log_error(NGX_LOG_ERR, shm->worker->log, 0,
                      "rtprop: a member's info is too long: %uz octets",
                      op->info.len);
        op->op.rc = NGX_ERROR;

    } else {
        op->op.rc = ngx_rtprop_shm_transact(shm,
                            ngx_rtprop_shm_presence_add_step, &member);
    }

    op->op.done(&op->op);
}


static ngx_rtprop_ref_t
ngx_rtprop_shm_user_make(ngx_rtprop_shm_t *shm, ngx_rtprop_shm_key_t *key)
{
    ngx_rtprop_ref_t       ref;
    ngx_rtprop_shm_set_t  *set;

    set = ngx_rtprop_shm_ptr(shm, key->owner);
    ref = ngx_rtprop_shm_insert(shm, key);

    if (ref == 0) {
        return 0;
    }

    ngx_rtprop_shm_push(shm, &set->users, ref,
                        offsetof(ngx_rtprop_shm_user_t, link));

    ngx_rtprop_zone_log_field(shm->zone, &set->nusers);
    set->nusers++;

    return ref;
}


static ngx_rtprop_ref_t
ngx_rtprop_shm_session_make(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref,
    ngx_rtprop_presence_t *op)
{
    ngx_rtprop_ref_t           session;
    ngx_rtprop_shm_set_t      *set;
    ngx_rtprop_shm_user_t     *user;
    ngx_rtprop_shm_session_t  *s;

    user = ngx_rtprop_shm_ptr(shm, ref);
    set = ngx_rtprop_shm_ptr(shm, user->node.owner);

    session = ngx_rtprop_zone_alloc(shm->zone,
                                    offsetof(ngx_rtprop_shm_session_t, info)
                                    + op->info.len);
    if (session == 0) {
        return 0;
    }

    s = ngx_rtprop_shm_ptr(shm, session);

    s->user = ref;
    s->next = user->sessions;
    s->len = op->info.len;
    s->slot = shm->slot;
    ngx_memcpy(s->id, op->session, NGX_RTPROP_SESSION_ID);

    if (op->info.len) {
        ngx_memcpy(s->info, op->info.data, op->info.len);
    }

    ngx_rtprop_shm_push(shm, &shm->root->slots[shm->slot].sessions, session,
                        offsetof(ngx_rtprop_shm_session_t, link));

    ngx_rtprop_zone_log_field(shm->zone, &user->sessions);
    user->sessions = session;
    user->nsessions++;

    ngx_rtprop_zone_log_field(shm->zone, &set->nsessions);
    set->nsessions++;

    return session;
}


/* A session that is there already gets its new info by a new entry. */

static ngx_int_t
ngx_rtprop_shm_presence_add_step(ngx_rtprop_shm_t *shm, void *data)
{
    ngx_rtprop_shm_member_t *member = data;

    ngx_rtprop_ref_t        ref, old;
    ngx_rtprop_shm_set_t   *set;
    ngx_rtprop_shm_user_t  *user;
    ngx_rtprop_presence_t  *op;

    op = member->op;

    ref = ngx_rtprop_shm_find(shm, &member->set);

    if (ref == 0) {
        ref = ngx_rtprop_shm_insert(shm, &member->set);

        if (ref == 0) {
            return NGX_BUSY;
        }
    }

    set = ngx_rtprop_shm_ptr(shm, ref);
    member->user.owner = ref;
    ref = ngx_rtprop_shm_find(shm, &member->user);
    op->changed = (ref == 0);

    if (ref == 0) {
        ref = ngx_rtprop_shm_user_make(shm, &member->user);

        if (ref == 0) {
            return NGX_BUSY;
        }
    }

    user = ngx_rtprop_shm_ptr(shm, ref);
    old = ngx_rtprop_shm_session_find(shm, user, op->session);

    op->sessions = user->nsessions;
    op->users = set->nusers;

    if (old == 0 && op->max && user->nsessions >= op->max) {
        return NGX_DECLINED;
    }

    if (ngx_rtprop_shm_session_make(shm, ref, op) == 0
        || (op->changed && ngx_rtprop_shm_admit(shm) != NGX_OK))
    {
        return NGX_BUSY;
    }

    if (old) {
        ngx_rtprop_shm_session_free(shm, old);
    }

    op->sessions = user->nsessions;

    return NGX_OK;
}


/* ------------------------------------------------------------ removing --- */

void
ngx_rtprop_shm_presence_remove(ngx_rtprop_engine_t *e,
    ngx_rtprop_presence_t *op)
{
    ngx_rtprop_shm_t         *shm;
    ngx_rtprop_shm_member_t   member;

    shm = e->data;
    member.op = op;

    ngx_rtprop_shm_key(shm, &member.set, NGX_RTPROP_SHM_SET, &op->set);
    ngx_rtprop_shm_key(shm, &member.user, NGX_RTPROP_SHM_USER, &op->user);

    op->changed = 0;
    op->sessions = 0;
    op->users = 0;

    op->op.rc = ngx_rtprop_shm_transact(shm,
                            ngx_rtprop_shm_presence_remove_step, &member);
    op->op.done(&op->op);
}


/* The entry alone: user and set stay, even without any. */

void
ngx_rtprop_shm_session_free(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref)
{
    ngx_rtprop_ref_t          *p;
    ngx_rtprop_shm_set_t      *set;
    ngx_rtprop_shm_user_t     *user;
    ngx_rtprop_shm_session_t  *s, *other;

    s = ngx_rtprop_shm_ptr(shm, ref);
    user = ngx_rtprop_shm_ptr(shm, s->user);
    set = ngx_rtprop_shm_ptr(shm, user->node.owner);

    for (p = &user->sessions; *p != ref; p = &other->next) {
        other = ngx_rtprop_shm_ptr(shm, *p);
    }

    ngx_rtprop_zone_log_field(shm->zone, p);
    *p = s->next;

    ngx_rtprop_zone_log_field(shm->zone, &user->nsessions);
    user->nsessions--;

    ngx_rtprop_zone_log_field(shm->zone, &set->nsessions);
    set->nsessions--;

    ngx_rtprop_shm_remove(shm, &shm->root->slots[s->slot].sessions, ref,
                          offsetof(ngx_rtprop_shm_session_t, link));

    ngx_rtprop_zone_free(shm->zone, ref);
}


void
ngx_rtprop_shm_set_drop(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref)
{
    ngx_rtprop_shm_set_t  *set;

    set = ngx_rtprop_shm_ptr(shm, ref);

    if (set->nusers == 0 && set->lost == 0) {
        ngx_rtprop_shm_delete(shm, ref);
        ngx_rtprop_zone_free(shm->zone, ref);
    }
}


/* What the last session was is told on: it is all that is left of the user. */

static ngx_int_t
ngx_rtprop_shm_info_copy(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t ref,
    ngx_rtprop_presence_t *op)
{
    ngx_str_t                  info;
    ngx_rtprop_shm_session_t  *s;

    s = ngx_rtprop_shm_ptr(shm, ref);

    info.len = s->len;
    info.data = s->info;

    op->info.len = info.len;
    op->info.data = ngx_pstrdup(op->op.pool, &info);

    return op->info.data ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_rtprop_shm_presence_remove_step(ngx_rtprop_shm_t *shm, void *data)
{
    ngx_rtprop_shm_member_t *member = data;

    ngx_rtprop_ref_t        set_ref, ref, session;
    ngx_rtprop_shm_set_t   *set;
    ngx_rtprop_shm_user_t  *user;
    ngx_rtprop_presence_t  *op;

    op = member->op;

    set_ref = ngx_rtprop_shm_find(shm, &member->set);
    set = ngx_rtprop_shm_ptr(shm, set_ref);

    if (set == NULL) {
        return NGX_OK;
    }

    op->users = set->nusers;
    member->user.owner = set_ref;
    ref = ngx_rtprop_shm_find(shm, &member->user);
    user = ngx_rtprop_shm_ptr(shm, ref);

    if (user == NULL) {
        return NGX_OK;
    }

    op->sessions = user->nsessions;
    session = ngx_rtprop_shm_session_find(shm, user, op->session);

    if (session == 0) {
        return NGX_OK;
    }

    if (user->nsessions == 1
        && ngx_rtprop_shm_info_copy(shm, session, op) != NGX_OK)
    {
        ngx_str_null(&op->info);
    }

    ngx_rtprop_shm_session_free(shm, session);
    op->sessions = user->nsessions;

    if (user->nsessions) {
        return NGX_OK;
    }

    ngx_rtprop_shm_user_gone(shm, set_ref, ref);

    op->users--;
    op->changed = 1;

    return NGX_OK;
}


/* The set goes with its last user. */

static void
ngx_rtprop_shm_user_gone(ngx_rtprop_shm_t *shm, ngx_rtprop_ref_t set_ref,
    ngx_rtprop_ref_t ref)
{
    ngx_rtprop_shm_set_t  *set;

    set = ngx_rtprop_shm_ptr(shm, set_ref);

    ngx_rtprop_shm_delete(shm, ref);
    ngx_rtprop_shm_remove(shm, &set->users, ref,
                          offsetof(ngx_rtprop_shm_user_t, link));
    ngx_rtprop_zone_free(shm->zone, ref);

    ngx_rtprop_zone_log_field(shm->zone, &set->nusers);
    set->nusers--;

    ngx_rtprop_shm_set_drop(shm, set_ref);
}


/* ------------------------------------------------------------- listing --- */

void
ngx_rtprop_shm_members(ngx_rtprop_engine_t *e, ngx_rtprop_members_t *op)
{
    ngx_rtprop_shm_t          *shm;
    ngx_rtprop_shm_listing_t   listing;

    shm = e->data;
    listing.op = op;

    ngx_rtprop_shm_key(shm, &listing.set, NGX_RTPROP_SHM_SET, &op->set);
    ngx_rtprop_shm_key(shm, &listing.user, NGX_RTPROP_SHM_USER, &op->user);

    op->members = NULL;
    op->nmembers = 0;
    op->users = 0;
    op->sessions = 0;

    op->op.rc = ngx_rtprop_shm_transact(shm, ngx_rtprop_shm_members_step,
                                        &listing);
    op->op.done(&op->op);
}


static ngx_int_t
ngx_rtprop_shm_members_put(ngx_rtprop_members_t *op,
    ngx_rtprop_shm_user_t *user, ngx_rtprop_shm_session_t *s)
{
    ngx_str_t             name, info;
    ngx_rtprop_member_t  *member;

    member = &op->members[op->nmembers];

    ngx_rtprop_shm_name(&user->node, &name);

    info.len = s->len;
    info.data = s->info;

    member->user.len = name.len;
    member->user.data = ngx_pstrdup(op->op.pool, &name);
    member->info.len = info.len;
    member->info.data = ngx_pstrdup(op->op.pool, &info);
    member->sessions = user->nsessions;
    ngx_memcpy(member->session, s->id, NGX_RTPROP_SESSION_ID);

    if (member->user.data == NULL || member->info.data == NULL) {
        return NGX_ERROR;
    }

    op->nmembers++;

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_shm_members_users(ngx_rtprop_shm_t *shm, ngx_rtprop_members_t *op,
    ngx_rtprop_shm_set_t *set)
{
    ngx_rtprop_ref_t        ref;
    ngx_rtprop_shm_user_t  *user;

    for (ref = set->users.first; ref; ref = user->link.next) {
        user = ngx_rtprop_shm_ptr(shm, ref);

        if (op->nmembers == op->limit) {
            break;
        }

        if (ngx_rtprop_shm_members_put(op, user,
                                       ngx_rtprop_shm_ptr(shm, user->sessions))
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_shm_members_sessions(ngx_rtprop_shm_t *shm,
    ngx_rtprop_members_t *op, ngx_rtprop_shm_user_t *user)
{
    ngx_rtprop_ref_t           ref;
    ngx_rtprop_shm_session_t  *s;

    for (ref = user->sessions; ref; ref = s->next) {
        s = ngx_rtprop_shm_ptr(shm, ref);

        if (op->nmembers == op->limit) {
            break;
        }

        if (ngx_rtprop_shm_members_put(op, user, s) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_rtprop_shm_members_step(ngx_rtprop_shm_t *shm, void *data)
{
    ngx_rtprop_shm_listing_t *listing = data;

    ngx_uint_t              n;
    ngx_rtprop_ref_t        ref;
    ngx_rtprop_shm_set_t   *set;
    ngx_rtprop_shm_user_t  *user;
    ngx_rtprop_members_t   *op;

    op = listing->op;
    user = NULL;

    ref = ngx_rtprop_shm_find(shm, &listing->set);
    set = ngx_rtprop_shm_ptr(shm, ref);

    if (set == NULL) {
        return NGX_OK;
    }

    op->users = set->nusers;
    op->sessions = set->nsessions;
    n = set->nusers;

    if (op->user.len) {
        listing->user.owner = ref;
        user = ngx_rtprop_shm_ptr(shm,
                                  ngx_rtprop_shm_find(shm, &listing->user));
        op->users = user ? 1 : 0;
        op->sessions = user ? user->nsessions : 0;
        n = op->sessions;
    }

    n = ngx_min(n, op->limit);

    if (n == 0) {
        return NGX_OK;
    }

    op->members = ngx_palloc(op->op.pool, n * sizeof(ngx_rtprop_member_t));

    if (op->members == NULL) {
        return NGX_ERROR;
    }

    return user ? ngx_rtprop_shm_members_sessions(shm, op, user)
                : ngx_rtprop_shm_members_users(shm, op, set);
}
