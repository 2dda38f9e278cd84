/*
 * What the Redis client knows without a socket: addresses, requests, errors,
 * slots.
 */

#include "src/engine/redis/rtprop_redis_url.c"
#include "src/engine/redis/rtprop_redis_wire.c"
#include "src/engine/redis/rtprop_redis_slot.c"

#include "t/unit/tap.h"


static unsigned char  text[4096];


static rtprop_str_t
str(const char *s)
{
    rtprop_str_t  v;

    v.len = strlen(s);
    v.data = text;
    memcpy(text, s, v.len);

    return v;
}


static void
is_text(rtprop_str_t *got, const char *expected, const char *name)
{
    is_mem(got->data, got->len, expected, strlen(expected), name);
}


static void
test_url(void)
{
    rtprop_str_t        s;
    rtprop_redis_url_t  url;

    s = str("redis://10.0.0.5");
    ok(rtprop_redis_url(&url, &s) == NULL, "a host");
    is_int(url.scheme, RTPROP_REDIS_PLAIN, "plain");
    is_text(&url.hosts[0].host, "10.0.0.5", "its name");
    is_int(url.hosts[0].port, 6379, "the default port");
    is_int(url.db, 0, "the default database");
    is_int(url.password.len, 0, "no password");

    s = str("redis://ann:p%40s%3As@redis.example:7000/12");
    ok(rtprop_redis_url(&url, &s) == NULL, "all of it");
    is_text(&url.user, "ann", "user");
    is_text(&url.password, "p@s:s", "password");
    is_text(&url.hosts[0].host, "redis.example", "host");
    is_int(url.hosts[0].port, 7000, "port");
    is_int(url.db, 12, "database");

    s = str("redis://:a@b@[::1]:7000");
    ok(rtprop_redis_url(&url, &s) == NULL, "an \"@\" in the password");
    is_int(url.user.len, 0, "no user");
    is_text(&url.password, "a@b", "password");
    is_text(&url.hosts[0].host, "::1", "IPv6");
    is_int(url.hosts[0].port, 7000, "port");

    s = str("unix:/run/redis/redis.sock");
    ok(rtprop_redis_url(&url, &s) == NULL, "a unix socket");
    is_int(url.scheme, RTPROP_REDIS_UNIX, "unix");
    is_text(&url.path, "/run/redis/redis.sock", "path");

    s = str("sentinel://:x@a,b:1,[::2]/main/3");
    ok(rtprop_redis_url(&url, &s) == NULL, "Sentinels");
    is_int(url.scheme, RTPROP_REDIS_SENTINEL, "sentinel");
    is_int(url.nhosts, 3, "three");
    is_int(url.hosts[0].port, 26379, "their default port");
    is_int(url.hosts[1].port, 1, "a port");
    is_text(&url.hosts[2].host, "::2", "IPv6");
    is_text(&url.master, "main", "the master's name");
    is_int(url.db, 3, "database");

    s = str("cluster://a,b/");
    ok(rtprop_redis_url(&url, &s) == NULL, "a cluster");
    is_int(url.scheme, RTPROP_REDIS_CLUSTER, "cluster");
    is_int(url.nhosts, 2, "two");
}


static void
test_bad_url(void)
{
    size_t              i;
    rtprop_str_t        s;
    rtprop_redis_url_t  url;

    static const char  *bad[] = {
        "", "redis", "redis:", "redis:/", "redis://", "redis:///1",
        "redis://@", "redis://:@", "redis://a@", "redis://[", "redis://[]",
        "redis://[::1", "redis://[::1]x", "redis://a:", "redis://a:0",
        "redis://a:65536", "redis://a:1x", "redis://a:-1", "redis://a b",
        "redis://a/x", "redis://a/-1", "redis://a/1000000", "redis://a,b",
        "redis://%zz@a", "redis://:%0@a", "redis://:%@a", "redis://:%00@a",
        "rediss://a", "unix:", "unix:a", "unix:/", "sentinel://a",
        "sentinel://a/", "sentinel:///m", "sentinel://a//1",
        "sentinel://a/m/x", "cluster://", "cluster://a,", "cluster://,a",
        "cluster://a/1", "http://a", "REDIS://a",
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        s = str(bad[i]);
        ok(rtprop_redis_url(&url, &s) != NULL, "refused: \"%s\"", bad[i]);
    }
}


static void
test_requests(void)
{
    unsigned char  *p;

    p = rtprop_redis_head(text, 3);
    p = rtprop_redis_arg(p, "SET", 3);
    p = rtprop_redis_arg(p, "", 0);
    p = rtprop_redis_arg(p, "a\r\n\0b", 5);

    is_mem(text, p - text,
           "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$5\r\na\r\n\0b\r\n", 30, "a request");

    p = rtprop_redis_head(text, (size_t) -1);
    ok(p - text <= RTPROP_REDIS_HEAD, "the longest head has its room");
}


static void
test_errors(void)
{
    size_t  i;

    static const struct {
        const char            *text;
        rtprop_redis_error_e   error;
    } errors[] = {
        { "", RTPROP_REDIS_E_OTHER },
        { "ERR unknown command", RTPROP_REDIS_E_OTHER },
        { "OOM", RTPROP_REDIS_E_OTHER },
        { "OOMPH no", RTPROP_REDIS_E_OTHER },
        { "OOM command not allowed", RTPROP_REDIS_E_OOM },
        { "NOSCRIPT No matching script.", RTPROP_REDIS_E_NOSCRIPT },
        { "MOVED 1 a:1", RTPROP_REDIS_E_MOVED },
        { "ASK 1 a:1", RTPROP_REDIS_E_ASK },
        { "TRYAGAIN Multiple keys", RTPROP_REDIS_E_TRYAGAIN },
        { "CLUSTERDOWN Hash slot", RTPROP_REDIS_E_CLUSTERDOWN },
        { "LOADING Redis is", RTPROP_REDIS_E_LOADING },
        { "READONLY You can't", RTPROP_REDIS_E_READONLY },
        { "MASTERDOWN Link", RTPROP_REDIS_E_MASTERDOWN },
        { "NOAUTH Auth", RTPROP_REDIS_E_NOAUTH },
        { "WRONGPASS invalid", RTPROP_REDIS_E_WRONGPASS },
        { "ERR invalid password", RTPROP_REDIS_E_WRONGPASS },
        { "ERR AUTH <password> called", RTPROP_REDIS_E_WRONGPASS },
        { "NOPERM this user", RTPROP_REDIS_E_NOPERM },
        { "BUSY Redis is busy", RTPROP_REDIS_E_BUSY },
        { "MISCONF Redis is", RTPROP_REDIS_E_MISCONF },
        { "NOREPLICAS Not", RTPROP_REDIS_E_NOREPLICAS },
        { "DENIED Redis is", RTPROP_REDIS_E_DENIED },
        { "ERR max number of clients reached", RTPROP_REDIS_E_CLIENTS },
        { "ERR Error running script (call to f_1): @user_script:1: "
          "-OOM command not allowed", RTPROP_REDIS_E_OOM },
        { "ERR Error running script (call to f_1): @user_script:1: oh",
          RTPROP_REDIS_E_OTHER },
        { "ERR Error running script: -", RTPROP_REDIS_E_OTHER },
    };

    for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        is_int(rtprop_redis_error(errors[i].text, strlen(errors[i].text)),
               errors[i].error, errors[i].text);
    }

    for (i = 0; i < RTPROP_REDIS_ERRORS; i++) {
        ok(rtprop_redis_error_text(i) != NULL, "error %zu has a text", i);
    }
}


static unsigned
slot(const char *key)
{
    return rtprop_redis_slot(key, strlen(key));
}


/* Values of Redis' own CLUSTER KEYSLOT. */

static void
test_slots(void)
{
    is_int(slot(""), 0, "no key");
    is_int(slot("123456789"), 0x31c3, "the check value of CRC16");
    is_int(slot("foo"), 12182, "foo");
    is_int(slot("{foo}bar"), 12182, "a hash tag");
    is_int(slot("a{foo}{bar}"), 12182, "the first one counts");
    is_int(slot("{user1000}.following"), slot("{user1000}.followers"),
           "two keys of a tag");
    is_int(slot("foo{}{bar}"), 8363, "an empty tag is none");
    is_int(slot("foo{bar"), slot("foo{bar"), "one that does not end");
    ok(slot("foo{bar") != slot("bar"), "neither");
    is_int(slot("foo{{bar}}zap"), slot("{bar"), "what is between the first");
}


static void
test_moved(void)
{
    size_t               i;
    unsigned             n;
    const char          *s;
    rtprop_redis_host_t  host;

    static const char  *bad[] = {
        "", "MOVED", "MOVED ", "MOVED 1", "MOVED 1 ", "MOVED  a:1",
        "MOVED 16384 a:1", "MOVED 99999999999 a:1", "MOVED x a:1",
        "MOVED 1 a", "MOVED 1 a:", "MOVED 1 a:0", "MOVED 1 a:65536",
        "MOVED 1 :", "MOVED 1 :x", "MOVED 1 a b:1", "MOVED -1 a:1",
    };

    s = "MOVED 3999 127.0.0.1:6381";
    is_int(rtprop_redis_moved(s, strlen(s), &n, &host), RTPROP_OK, s);
    is_int(n, 3999, "slot");
    is_text(&host.host, "127.0.0.1", "host");
    is_int(host.port, 6381, "port");

    s = "ASK 16383 ::1:7000";
    is_int(rtprop_redis_moved(s, strlen(s), &n, &host), RTPROP_OK, s);
    is_int(n, 16383, "slot");
    is_text(&host.host, "::1", "host");

    s = "MOVED 0 :7000";
    is_int(rtprop_redis_moved(s, strlen(s), &n, &host), RTPROP_OK, s);
    is_int(host.host.len, 0, "the host that says so");
    is_int(host.port, 7000, "port");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(rtprop_redis_moved(bad[i], strlen(bad[i]), &n, &host),
               RTPROP_ERROR, bad[i]);
    }
}


int
main(void)
{
    test_url();
    test_bad_url();
    test_requests();
    test_errors();
    test_slots();
    test_moved();

    return plan_done();
}
