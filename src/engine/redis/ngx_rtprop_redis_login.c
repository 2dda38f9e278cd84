/*
 * The first requests on a connection: who we are, which database, and whether
 * the other end is a master that serves.
 */

#include "engine/redis/ngx_rtprop_redis_conn.h"


static ngx_int_t ngx_rtprop_redis_login_auth(ngx_rtprop_redis_conn_t *conn);
static ngx_int_t ngx_rtprop_redis_login_step(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_step_e step, ngx_str_t *argv, ngx_uint_t n);
static ngx_int_t ngx_rtprop_redis_login_check(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_step_e step, redisReply *reply);
static ngx_int_t ngx_rtprop_redis_login_error(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_step_e step, redisReply *reply);
static void ngx_rtprop_redis_login_done(ngx_rtprop_redis_conn_t *conn);


ngx_int_t
ngx_rtprop_redis_login(ngx_rtprop_redis_conn_t *conn)
{
    u_char                    db[NGX_INT_T_LEN];
    ngx_str_t                 select[2], name[3], role[1], ping[1];
    ngx_rtprop_redis_conf_t  *conf;

    conf = conn->redis->conf;
    conn->nsteps = 0;
    conn->step = 0;

    if (ngx_rtprop_redis_login_auth(conn) != NGX_OK) {
        return NGX_ERROR;
    }

    if (conf->db && !ngx_rtprop_redis_conn_sentinel(conn)) {
        ngx_str_set(&select[0], "SELECT");
        select[1].data = db;
        select[1].len = ngx_sprintf(db, "%ui", conf->db) - db;

        if (ngx_rtprop_redis_login_step(conn, NGX_RTPROP_REDIS_STEP_SELECT,
                                        select, 2)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    ngx_str_set(&name[0], "CLIENT");
    ngx_str_set(&name[1], "SETNAME");
    ngx_str_set(&name[2], "rtprop");
    ngx_str_set(&role[0], "ROLE");
    ngx_str_set(&ping[0], "PING");

    if (ngx_rtprop_redis_login_step(conn, NGX_RTPROP_REDIS_STEP_NAME, name, 3)
        != NGX_OK
        || ngx_rtprop_redis_login_step(conn, NGX_RTPROP_REDIS_STEP_ROLE, role,
                                       1)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_rtprop_redis_login_step(conn, NGX_RTPROP_REDIS_STEP_PING, ping,
                                       1);
}


static ngx_int_t
ngx_rtprop_redis_login_auth(ngx_rtprop_redis_conn_t *conn)
{
    ngx_str_t                 argv[3], *user, *password;
    ngx_uint_t                n;
    ngx_rtprop_redis_conf_t  *conf;

    conf = conn->redis->conf;
    user = &conf->user;
    password = &conf->password;

    if (ngx_rtprop_redis_conn_sentinel(conn)) {
        user = &conf->sentinel_user;
        password = &conf->sentinel_password;
    }

    if (password->len == 0) {
        return NGX_OK;
    }

    n = 0;
    ngx_str_set(&argv[n], "AUTH");
    n++;

    if (user->len) {
        argv[n++] = *user;
    }

    argv[n++] = *password;

    return ngx_rtprop_redis_login_step(conn, NGX_RTPROP_REDIS_STEP_AUTH, argv,
                                       n);
}


static ngx_int_t
ngx_rtprop_redis_login_step(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_step_e step, ngx_str_t *argv, ngx_uint_t n)
{
    conn->steps[conn->nsteps++] = step;

    return ngx_rtprop_redis_conn_write(conn, argv, n);
}


void
ngx_rtprop_redis_login_reply(ngx_rtprop_redis_conn_t *conn, redisReply *reply)
{
    ngx_rtprop_redis_step_e  step;

    step = conn->steps[conn->step];

    if (ngx_rtprop_redis_login_check(conn, step, reply) != NGX_OK) {
        return;
    }

    conn->step++;

    if (conn->step == conn->nsteps) {
        ngx_rtprop_redis_login_done(conn);
    }
}


/* NGX_ERROR: the connection has failed. */

static ngx_int_t
ngx_rtprop_redis_login_check(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_step_e step, redisReply *reply)
{
    redisReply  *role;

    if (reply->type == REDIS_REPLY_ERROR) {
        return ngx_rtprop_redis_login_error(conn, step, reply);
    }

    if (step != NGX_RTPROP_REDIS_STEP_ROLE
        || ngx_rtprop_redis_conn_sentinel(conn)
        || conn->use == NGX_RTPROP_REDIS_DISCOVER
        || reply->type != REDIS_REPLY_ARRAY || reply->elements == 0)
    {
        return NGX_OK;
    }

    role = reply->element[0];

    if (role->type == REDIS_REPLY_STRING && role->len == 5
        && ngx_strncmp(role->str, "slave", 5) == 0)
    {
        ngx_rtprop_redis_conn_fail(conn, "%s",
                          rtprop_redis_error_text(RTPROP_REDIS_E_READONLY));
        return NGX_ERROR;
    }

    if (role->type == REDIS_REPLY_STRING && role->len == 8
        && ngx_strncmp(role->str, "sentinel", 8) == 0)
    {
        ngx_rtprop_redis_conn_fail(conn, "this is a Sentinel, its address is "
                                   "sentinel://host/master");
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* A user who may do little may still do what is needed. */

static ngx_int_t
ngx_rtprop_redis_login_error(ngx_rtprop_redis_conn_t *conn,
    ngx_rtprop_redis_step_e step, redisReply *reply)
{
    size_t                len;
    rtprop_redis_error_e  error;

    error = rtprop_redis_error(reply->str, reply->len);

    switch (error) {

    case RTPROP_REDIS_E_LOADING:
    case RTPROP_REDIS_E_MASTERDOWN:
    case RTPROP_REDIS_E_NOAUTH:
    case RTPROP_REDIS_E_WRONGPASS:
    case RTPROP_REDIS_E_BUSY:
    case RTPROP_REDIS_E_DENIED:
    case RTPROP_REDIS_E_CLIENTS:
        ngx_rtprop_redis_conn_fail(conn, "%s", rtprop_redis_error_text(error));
        return NGX_ERROR;

    default:
        break;
    }

    if (step == NGX_RTPROP_REDIS_STEP_AUTH
        || step == NGX_RTPROP_REDIS_STEP_SELECT)
    {
        len = ngx_min(reply->len, 100);
        ngx_rtprop_redis_conn_fail(conn, "login refused: %*s", len,
                                   reply->str);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_rtprop_redis_login_done(ngx_rtprop_redis_conn_t *conn)
{
    conn->state = NGX_RTPROP_REDIS_READY;
    conn->timer.cancelable = 1;
    ngx_add_timer(&conn->timer, conn->redis->conf->timeout);

    ngx_rtprop_redis_stat(conn->redis, NGX_RTPROP_REDIS_STAT_CONNECTS, 1);

    conn->owner->ready(conn);
}
