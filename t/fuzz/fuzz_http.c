/*
 * What the API reads of a request's first lines: the path, the query, tags,
 * types and credentials.
 *
 * Input: a line with the target of the request as the client sends it, then a
 * line of a header's value; the path is decoded here as nginx would.
 */

#include "t/fuzz/fuzz.h"

#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "base/rtprop_utf8.c"
#include "http/rtprop_http.c"


static int
inside(const rtprop_str_t *s, const rtprop_str_t *of, size_t len)
{
    return s->data >= of->data && s->data + s->len <= of->data + len;
}


static void
path(const rtprop_str_t *raw, const rtprop_str_t *uri, const char *below)
{
    int                  n;
    unsigned             i;
    rtprop_str_t         prefix, ids[2], name, room;
    rtprop_http_path_t   p;

    static const char *const  names[] = {
        "auctions/{id}/bids", "properties/{id}", "channels",
        "users/{id}/connections", "{a}/{b}/{c}"
    };

    prefix.data = (unsigned char *) below;
    prefix.len = strlen(below);
    room.data = fuzz_room(raw->len);

    if (rtprop_http_path(&p, &prefix, uri, raw, room.data) != RTPROP_OK) {
        return;
    }

    must(p.n >= 1 && p.n <= RTPROP_HTTP_SEGMENTS, "a path has segments");

    for (i = 0; i < p.n; i++) {
        must(p.segment[i].len > 0, "none of them is empty");
        must(inside(&p.segment[i], &room, raw->len)
             || inside(&p.segment[i], uri, uri->len),
             "they point into the input or the room");
    }

    for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        name.data = (unsigned char *) names[i];
        name.len = strlen(names[i]);

        n = rtprop_http_match(&name, &p, ids, 2);
        must(n == RTPROP_DECLINED || (n >= 0 && n <= 2), "at most two ids");
        must(n != 1 || ids[0].data == p.segment[1].data, "the id is second");
    }
}


static void
query(const rtprop_str_t *raw)
{
    void           *iter;
    json_t         *args, *value;
    const char     *err;
    rtprop_str_t    s, text;
    unsigned char  *mark;

    mark = raw->len ? memchr(raw->data, '?', raw->len) : NULL;
    s.len = mark ? (size_t) (raw->data + raw->len - mark - 1) : raw->len;
    s.data = fuzz_copy(raw->data + raw->len - s.len, s.len);

    err = NULL;
    args = rtprop_http_query(&s, &err);

    if (args == NULL) {
        must(err && *err, "an error says what");
        return;
    }

    must(json_object_size(args) <= RTPROP_HTTP_QUERY_MAX, "not too many");

    for (iter = json_object_iter(args);
         iter;
         iter = json_object_iter_next(args, iter))
    {
        value = json_object_iter_value(iter);
        must(json_is_string(value)
             || (json_is_integer(value)
                 && json_integer_value(value) <= RTPROP_INT_MAX
                 && json_integer_value(value) >= -RTPROP_INT_MAX),
             "a text or an exact number");
    }

    if (rtprop_json_dump(args, &text) == RTPROP_OK) {
        free(text.data);
    }

    json_decref(args);
}


static void
header(const rtprop_str_t *s)
{
    int           rc;
    uint64_t      version;
    rtprop_str_t  token;

    version = 0;
    rc = rtprop_http_if_match(s, &version);

    if (rc == RTPROP_OK) {
        must(version > 0, "a version counts from 1");
        must(rtprop_http_none_match(s, version),
             "what matches there matches here");
    }

    must(rc != RTPROP_DECLINED || rtprop_http_none_match(s, 1),
         "any version is any");
    must(rc == RTPROP_DECLINED || !rtprop_http_none_match(s, 0),
         "nothing has version 0");

    if (rtprop_http_bearer(s, &token) == RTPROP_OK) {
        must(token.len > 0 && inside(&token, s, s->len)
             && token.data[0] != ' ' && token.data[token.len - 1] != ' ',
             "a token without blanks around it");
    }

    must(!rtprop_http_is_json(s) || s->len >= 16, "a type is whole");
    must(!rtprop_http_key_valid(s)
         || (s->len && s->len <= RTPROP_HTTP_KEY_MAX), "a key is short");
}


static void
fuzz_one(fuzz_input_t *in)
{
    unsigned char  *end;
    rtprop_str_t    raw, uri, value;

    raw = fuzz_until(in, '\n');
    value = fuzz_rest(in);

    end = raw.len ? memchr(raw.data, '?', raw.len) : NULL;
    end = end ? end : raw.data + raw.len;

    uri.data = fuzz_room(raw.len);
    uri.len = rtprop_http_decode(uri.data, raw.data, end, 0);

    path(&raw, &uri, "/api/");
    path(&raw, &uri, "/api");
    path(&raw, &uri, "");
    path(&value, &uri, "/api/");

    query(&raw);
    query(&value);
    header(&value);
}
