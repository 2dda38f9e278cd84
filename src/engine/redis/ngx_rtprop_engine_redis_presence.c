/*
 * Presence sets: the worker's own sessions in them are remembered here, since
 * Redis may lose them, or take this worker for dead.  What Redis did not hear
 * of a session that left is said again, so that no ghost stays.
 */

#include "engine/redis/ngx_rtprop_engine_redis.h"
#include "base/rtprop_hash.h"


#define NGX_RTPROP_ER_TELLING   64         /* commands under way */


static ngx_rtprop_er_member_t *ngx_rtprop_er_member(ngx_rtprop_er_t *er,
    ngx_str_t *name);
static void ngx_rtprop_er_member_put(ngx_rtprop_er_t *er, ngx_str_t *name,
    ngx_rtprop_presence_t *op, ngx_uint_t state);
static void ngx_rtprop_er_member_later(ngx_rtprop_er_t *er, ngx_str_t *name,
    ngx_rtprop_presence_t *op);
static void ngx_rtprop_er_member_renew(ngx_rtprop_er_t *er,
    ngx_uint_t generation, ngx_str_t *name);
static void ngx_rtprop_er_member_free(ngx_rtprop_er_t *er,
    ngx_rtprop_er_member_t *m);
static void ngx_rtprop_er_presence(ngx_rtprop_er_t *er,
    ngx_rtprop_presence_t *op, ngx_uint_t add);
static ngx_rtprop_er_call_t *ngx_rtprop_er_presence_call(ngx_rtprop_er_t *er,
    ngx_rtprop_presence_t *op, ngx_uint_t add);
static void ngx_rtprop_er_list_key(ngx_rtprop_er_call_t *call);
static void ngx_rtprop_er_list(ngx_rtprop_er_t *er, const char *command,
    ngx_str_t *name);
static void ngx_rtprop_er_presence_done(ngx_rtprop_er_call_t *call);
static void ngx_rtprop_er_presence_result(ngx_rtprop_er_call_t *call,
    ngx_rtprop_presence_t *op);
static void ngx_rtprop_er_members_say(ngx_rtprop_er_t *er);
static ngx_int_t ngx_rtprop_er_member_say(ngx_rtprop_er_t *er,
    ngx_rtprop_er_member_t *m);
static void ngx_rtprop_er_member_said(ngx_rtprop_er_call_t *call);


void
ngx_rtprop_er_members_init(ngx_rtprop_er_t *er)
{
    ngx_rbtree_init(&er->members, &er->members_end,
                    ngx_str_rbtree_insert_value);
    ngx_queue_init(&er->unsaid);
    ngx_queue_init(&er->said);
}


static size_t
ngx_rtprop_er_member_len(ngx_rtprop_presence_t *op)
{
    return 4 + op->set.len + op->user.len + NGX_RTPROP_SESSION_ID;
}


static void
ngx_rtprop_er_member_name(u_char *p, ngx_rtprop_presence_t *op)
{
    *p++ = (u_char) (op->set.len >> 8);
    *p++ = (u_char) op->set.len;
    p = ngx_cpymem(p, op->set.data, op->set.len);
    *p++ = (u_char) (op->user.len >> 8);
    *p++ = (u_char) op->user.len;
    p = ngx_cpymem(p, op->user.data, op->user.len);
    ngx_memcpy(p, op->session, NGX_RTPROP_SESSION_ID);
}


static uint32_t
ngx_rtprop_er_member_hash(ngx_rtprop_er_t *er, ngx_str_t *name)
{
    return (uint32_t) rtprop_hash(er->worker->key, name->data, name->len);
}


static ngx_rtprop_er_member_t *
ngx_rtprop_er_member(ngx_rtprop_er_t *er, ngx_str_t *name)
{
    return (ngx_rtprop_er_member_t *)
           ngx_str_rbtree_lookup(&er->members, name,
                                 ngx_rtprop_er_member_hash(er, name));
}


/* With no memory it is not remembered: Redis has it all the same. */

static void
ngx_rtprop_er_member_put(ngx_rtprop_er_t *er, ngx_str_t *name,
    ngx_rtprop_presence_t *op, ngx_uint_t state)
{
    u_char                  *p;
    ngx_rtprop_er_member_t  *m;

    m = ngx_rtprop_er_member(er, name);

    if (m) {
        ngx_rtprop_er_member_free(er, m);
    }

    m = ngx_alloc(offsetof(ngx_rtprop_er_member_t, name) + name->len
                  + op->info.len, er->worker->log);

    if (m == NULL) {
        return;
    }

    p = ngx_cpymem(m->name, name->data, name->len);

    if (op->info.len) {
        ngx_memcpy(p, op->info.data, op->info.len);
    }

    m->set = op->set.len;
    m->user = op->user.len;
    m->info = op->info.len;
    m->state = state;

    m->node.str.len = name->len;
    m->node.str.data = m->name;
    m->node.node.key = ngx_rtprop_er_member_hash(er, name);

    ngx_rbtree_insert(&er->members, &m->node.node);
    ngx_queue_insert_tail(state == NGX_RTPROP_ER_OUT ? &er->unsaid : &er->said,
                          &m->queue);
}


/* Redis is away, and will be told. */

static void
ngx_rtprop_er_member_later(ngx_rtprop_er_t *er, ngx_str_t *name,
    ngx_rtprop_presence_t *op)
{
    ngx_rtprop_er_member_t  *m;

    ngx_rtprop_er_member_put(er, name, op, NGX_RTPROP_ER_COMING);

    m = ngx_rtprop_er_member(er, name);

    if (m == NULL) {
        return;
    }

    ngx_queue_remove(&m->queue);
    ngx_queue_insert_tail(&er->unsaid, &m->queue);

    op->op.rc = NGX_OK;
    op->unknown = 1;
}


/*
 * Redis has it by a name that was taken from this worker on the way, and maybe
 * reaped already.
 */

static void
ngx_rtprop_er_member_renew(ngx_rtprop_er_t *er, ngx_uint_t generation,
    ngx_str_t *name)
{
    ngx_rtprop_er_member_t  *m;

    if (generation == er->generation) {
        return;
    }

    ngx_rtprop_er_dies(er, generation);

    m = ngx_rtprop_er_member(er, name);

    if (m && m->state <= NGX_RTPROP_ER_CAME) {
        ngx_queue_remove(&m->queue);
        ngx_queue_insert_tail(&er->unsaid, &m->queue);

        ngx_rtprop_er_members_say(er);
    }
}


static void
ngx_rtprop_er_member_free(ngx_rtprop_er_t *er, ngx_rtprop_er_member_t *m)
{
    ngx_rbtree_delete(&er->members, &m->node.node);
    ngx_queue_remove(&m->queue);
    ngx_free(m);
}


/* -------------------------------------------------------- adding, removing */

void
ngx_rtprop_er_presence_add(ngx_rtprop_engine_t *e, ngx_rtprop_presence_t *op)
{
    ngx_rtprop_er_presence(e->data, op, 1);
}


void
ngx_rtprop_er_presence_remove(ngx_rtprop_engine_t *e,
    ngx_rtprop_presence_t *op)
{
    ngx_rtprop_er_presence(e->data, op, 0);
}


static void
ngx_rtprop_er_presence(ngx_rtprop_er_t *er, ngx_rtprop_presence_t *op,
    ngx_uint_t add)
{
    ngx_str_t                name;
    ngx_rtprop_er_call_t    *call;
    ngx_rtprop_er_member_t  *m;

    op->changed = 0;
    op->unknown = 0;
    op->sessions = 0;
    op->users = 0;

    if (op->user.len == 0 || op->set.len > NGX_RTPROP_ER_NAME_MAX
        || op->user.len > NGX_RTPROP_ER_NAME_MAX
        || (add && op->info.len > NGX_RTPROP_ER_INFO_MAX))
    {
        ngx_log_error(NGX_LOG_ERR, er->worker->log, 0,
                      "rtprop: a member's info is too long: %uz octets",
                      op->info.len);
        ngx_rtprop_er_end(&op->op, NGX_ERROR);
        return;
    }

    call = ngx_rtprop_er_presence_call(er, op, add);

    if (call == NULL) {
        ngx_rtprop_er_end(&op->op, NGX_ERROR);
        return;
    }

    name.len = ngx_rtprop_er_member_len(op);
    name.data = call->more;

    m = add ? NULL : ngx_rtprop_er_member(er, &name);

    if (m) {
        m->state = NGX_RTPROP_ER_LEAVING;
    }

    if (add) {
        ngx_rtprop_er_list(er, "SADD", &name);
    }

    call->number = add ? er->generation : 0;

    ngx_rtprop_er_send(call, ngx_rtprop_er_presence_done, op);
}


/* The script's call, whose "more" is the member's name; NULL: no memory. */

static ngx_rtprop_er_call_t *
ngx_rtprop_er_presence_call(ngx_rtprop_er_t *er, ngx_rtprop_presence_t *op,
    ngx_uint_t add)
{
    u_char                *p;
    size_t                 len;
    ngx_rtprop_er_call_t  *call;

    len = ngx_rtprop_er_member_len(op);

    call = ngx_rtprop_er_call(er, add ? NGX_RTPROP_ER_ADD
                                      : NGX_RTPROP_ER_REMOVE, 8,
                              op->set.len + 2 * er->id.len + len + 16);

    if (call == NULL) {
        return NULL;
    }

    ngx_rtprop_er_key(call, &op->set, ":p");
    ngx_rtprop_er_list_key(call);

    ngx_rtprop_er_text(call, &op->user);
    p = ngx_rtprop_er_room(call, NGX_RTPROP_SESSION_ID);
    ngx_memcpy(p, op->session, NGX_RTPROP_SESSION_ID);

    if (add) {
        ngx_rtprop_er_copy(call, &er->id);
        ngx_rtprop_er_text(call, &op->info);
        ngx_rtprop_er_number(call, op->max);
    }

    call->more = ngx_rtprop_er_room(call, len);
    ngx_rtprop_er_member_name(call->more, op);

    return call;
}


/*
 * The worker's own list of its sessions is another key: of the script where
 * there is one node, else written ahead of the set, and wiped after it.
 */

static void
ngx_rtprop_er_list_key(ngx_rtprop_er_call_t *call)
{
    if (!ngx_rtprop_redis_sharded(call->er->redis)) {
        ngx_rtprop_er_key(call, &call->er->list, ":m");
    }
}


static void
ngx_rtprop_er_list(ngx_rtprop_er_t *er, const char *command, ngx_str_t *name)
{
    ngx_rtprop_er_call_t  *call;

    if (!ngx_rtprop_redis_sharded(er->redis)) {
        return;
    }

    call = ngx_rtprop_er_call(er, NGX_RTPROP_ER_PLAIN, 3,
                              er->list.len + name->len);

    if (call) {
        ngx_rtprop_er_word(call, command);
        ngx_rtprop_er_key(call, &er->list, ":m");
        ngx_rtprop_er_copy(call, name);
        ngx_rtprop_er_send(call, ngx_rtprop_er_ignore, NULL);
    }
}


/* Replies come in the order of what was asked: so it is put down in it. */

static void
ngx_rtprop_er_presence_done(ngx_rtprop_er_call_t *call)
{
    ngx_str_t                name;
    ngx_rtprop_er_t         *er;
    ngx_rtprop_presence_t   *op;
    ngx_rtprop_er_member_t  *m;

    er = call->er;
    op = call->data;
    name.data = call->more;
    name.len = ngx_rtprop_er_member_len(op);
    m = ngx_rtprop_er_member(er, &name);

    ngx_rtprop_er_presence_result(call, op);

    if (call->number) {

        if (op->op.rc == NGX_OK) {
            ngx_rtprop_er_member_put(er, &name, op, NGX_RTPROP_ER_IN);
            ngx_rtprop_er_member_renew(er, call->number, &name);

        } else if (op->op.rc == NGX_ERROR && op->later && er->away) {
            ngx_rtprop_er_member_later(er, &name, op);

        } else if (op->op.rc != NGX_DECLINED && call->cmd.sent && m == NULL) {
            ngx_rtprop_er_member_put(er, &name, op, NGX_RTPROP_ER_OUT);
        }

    } else if (op->op.rc == NGX_OK) {
        ngx_rtprop_er_list(er, "SREM", &name);

        if (m) {
            ngx_rtprop_er_member_free(er, m);
        }

    } else if (m) {
        m->state = NGX_RTPROP_ER_OUT;
        ngx_queue_remove(&m->queue);
        ngx_queue_insert_tail(&er->unsaid, &m->queue);
    }

    op->op.done(&op->op);
}


static void
ngx_rtprop_er_presence_result(ngx_rtprop_er_call_t *call,
    ngx_rtprop_presence_t *op)
{
    ngx_str_t    info;
    redisReply  *reply;

    reply = ngx_rtprop_er_array(call, 4);

    if (reply == NULL) {
        op->op.rc = call->cmd.rc;
        return;
    }

    op->op.rc = ngx_rtprop_er_get_number(reply, 0);
    op->sessions = ngx_rtprop_er_get_number(reply, 1);
    op->users = ngx_rtprop_er_get_number(reply, 2);
    op->changed = (ngx_rtprop_er_get_number(reply, 3) == 1);

    if (op->op.rc != NGX_OK && op->op.rc != NGX_DECLINED) {
        op->op.rc = NGX_ERROR;
    }

    if (call->number == 0 && op->changed) {
        ngx_rtprop_er_get_text(reply, 4, &info);

        if (ngx_rtprop_er_dup(op->op.pool, &op->info, &info) != NGX_OK) {
            ngx_str_null(&op->info);
        }
    }
}


/* -------------------------------------------------------- saying it again */

/*
 * All are added again, by this worker's new name.  Those who were told of as
 * gone, since it was taken for dead, are told of as come.
 */

void
ngx_rtprop_er_members_again(ngx_rtprop_er_t *er, ngx_rtprop_er_again_e which)
{
    ngx_queue_t             *q;
    ngx_rtprop_er_member_t  *m;

    if (which == NGX_RTPROP_ER_AGAIN_REAPED) {
        for (q = ngx_queue_head(&er->said);
             q != ngx_queue_sentinel(&er->said);
             q = ngx_queue_next(q))
        {
            m = ngx_queue_data(q, ngx_rtprop_er_member_t, queue);

            if (m->state == NGX_RTPROP_ER_IN) {
                m->state = NGX_RTPROP_ER_AGAIN;
            }
        }
    }

    if (which != NGX_RTPROP_ER_AGAIN_UNSAID && !ngx_queue_empty(&er->said)) {
        ngx_queue_add(&er->unsaid, &er->said);
        ngx_queue_init(&er->said);
    }

    ngx_rtprop_er_members_say(er);
}


static void
ngx_rtprop_er_members_say(ngx_rtprop_er_t *er)
{
    ngx_uint_t               telling;
    ngx_queue_t             *q;
    ngx_rtprop_er_member_t  *m;

    while (er->up && er->telling < NGX_RTPROP_ER_TELLING
           && !ngx_queue_empty(&er->unsaid))
    {
        q = ngx_queue_head(&er->unsaid);
        m = ngx_queue_data(q, ngx_rtprop_er_member_t, queue);

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&er->said, q);

        if (m->state == NGX_RTPROP_ER_LEAVING) {
            continue;
        }

        telling = er->telling;

        if (ngx_rtprop_er_member_say(er, m) != NGX_OK) {
            ngx_queue_remove(q);
            ngx_queue_insert_tail(&er->unsaid, q);
            break;
        }

        /* refused at once, and unsaid again: the connection is lost */

        if (er->telling == telling) {
            break;
        }
    }
}


static ngx_int_t
ngx_rtprop_er_member_say(ngx_rtprop_er_t *er, ngx_rtprop_er_member_t *m)
{
    u_char                *p;
    ngx_str_t              set, user, text;
    ngx_uint_t             in;
    ngx_rtprop_er_call_t  *call;

    in = (m->state <= NGX_RTPROP_ER_CAME);

    call = ngx_rtprop_er_call(er, in ? NGX_RTPROP_ER_ADD
                                     : NGX_RTPROP_ER_REMOVE, 8,
                              2 * m->node.str.len + 2 * er->id.len + m->info
                              + m->set + 16);

    if (call == NULL) {
        return NGX_ERROR;
    }

    set.len = m->set;
    set.data = m->name + 2;
    user.len = m->user;
    user.data = m->name + 4 + m->set;
    p = user.data + user.len;

    ngx_rtprop_er_key(call, &set, ":p");
    ngx_rtprop_er_list_key(call);
    ngx_rtprop_er_copy(call, &user);
    ngx_memcpy(ngx_rtprop_er_room(call, NGX_RTPROP_SESSION_ID), p,
               NGX_RTPROP_SESSION_ID);

    if (in) {
        ngx_rtprop_er_list(er, "SADD", &m->node.str);

        text.len = m->info;
        text.data = m->name + m->node.str.len;

        ngx_rtprop_er_copy(call, &er->id);
        ngx_rtprop_er_copy(call, &text);
        ngx_rtprop_er_number(call, 0);
    }

    text = m->node.str;
    call->more = ngx_rtprop_er_room(call, text.len);
    ngx_memcpy(call->more, text.data, text.len);
    call->number = in ? er->generation : 0;
    er->telling++;

    ngx_rtprop_er_send(call, ngx_rtprop_er_member_said, NULL);

    return NGX_OK;
}


static void
ngx_rtprop_er_member_said(ngx_rtprop_er_call_t *call)
{
    redisReply              *reply;
    ngx_str_t                name;
    ngx_rtprop_er_t         *er;
    ngx_rtprop_er_member_t  *m;

    er = call->er;
    er->telling--;

    name = call->argv[call->cmd.argc - 1];
    m = ngx_rtprop_er_member(er, &name);
    reply = ngx_rtprop_er_array(call, 4);

    if (reply == NULL) {

        if (m) {
            ngx_queue_remove(&m->queue);
            ngx_queue_insert_tail(&er->unsaid, &m->queue);

            if (m->state == NGX_RTPROP_ER_AGAIN) {
                m->state = NGX_RTPROP_ER_COMING;
            }
        }

        return;
    }

    if (call->number) {

        if (m && (m->state == NGX_RTPROP_ER_COMING
                  || m->state == NGX_RTPROP_ER_AGAIN))
        {
            ngx_rtprop_er_member_came(er, m, reply);
        }

        ngx_rtprop_er_member_renew(er, call->number, &name);

    } else {
        ngx_rtprop_er_list(er, "SREM", &name);

        if (m && m->state == NGX_RTPROP_ER_OUT) {
            ngx_rtprop_er_member_free(er, m);
        }

        if (ngx_rtprop_er_get_number(reply, 3) == 1) {
            ngx_rtprop_er_member_lost(er, &name, reply);
        }
    }

    ngx_rtprop_er_members_say(er);
}
