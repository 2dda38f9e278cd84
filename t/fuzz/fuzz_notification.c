/*
 * Notifications: a document that was kept, a request of the host, and what the
 * user does with them.
 *
 * Input: two texts, each ended by a NUL: the document and the request; then an
 * octet of actions, a limit, and the text of "before".
 */

#include "t/fuzz/fuzz.h"

#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "base/rtprop_time.c"
#include "base/rtprop_url.c"
#include "base/rtprop_utf8.c"
#include "features/notification/rtprop_notification.c"
#include "features/notification/rtprop_notification_kind.c"
#include "features/notification/rtprop_notification_request.c"


#define NOW  1772359200000LL


static void
kept(json_t *doc)
{
    json_t        *again;
    rtprop_str_t   text;

    if (rtprop_notification_dump(doc, &text) != RTPROP_OK) {
        must(0, "a document is written");
        return;
    }

    must(text.len <= RTPROP_NOTIFICATION_SIZE
         || json_array_size(json_object_get(doc, "items")) <= 1,
         "within its size");

    again = rtprop_notification_parse((char *) text.data, text.len);
    must(again != NULL && json_equal(again, doc), "and read to the same");

    json_decref(again);
    free(text.data);
}


static size_t
characters(const json_t *text)
{
    return rtprop_utf8_length((unsigned char *) json_string_value(text),
                              json_string_length(text));
}


static void
made(const json_t *n)
{
    size_t        i;
    json_t       *item, *url;

    must(json_object_size(n) == 10, "a notification has its members");
    must(characters(json_object_get(n, "title"))
         <= RTPROP_NOTIFICATION_TITLE, "a title in its bounds");
    must(json_is_null(json_object_get(n, "body"))
         || characters(json_object_get(n, "body"))
            <= RTPROP_NOTIFICATION_BODY, "a body in its bounds");
    must(json_is_object(json_object_get(n, "data")), "data");

    json_array_foreach (json_object_get(n, "actions"), i, item) {
        url = json_object_get(item, "url");
        must(rtprop_url_safe((unsigned char *) json_string_value(url),
                             json_string_length(url)), "safe links only");
    }

    must(i <= RTPROP_NOTIFICATION_ACTIONS, "not too many actions");
}


static void
request(json_t *doc, const json_t *body)
{
    int                rc;
    json_t            *n, *users;
    int64_t            at;
    unsigned           unread;
    rtprop_str_t       id;
    rtprop_invalid_t   why;

    memset(&why, 0, sizeof(why));
    users = rtprop_notification_users(body, &why);
    must(users ? json_array_size(users) >= 1
                 && json_array_size(users) <= RTPROP_NOTIFICATION_USERS
               : why.field && why.message, "users, or why not");
    json_decref(users);

    memset(&why, 0, sizeof(why));
    rc = rtprop_notification_deliver_at(body, NOW, &at, &why);
    must(rc == RTPROP_OK ? at == 0 || at > NOW
                         : why.field && why.message, "a time, or why not");

    id.data = (unsigned char *) "n1";
    id.len = 2;

    memset(&why, 0, sizeof(why));
    n = rtprop_notification_make(&id, body, NOW, &why);

    if (n == NULL) {
        must(why.field && why.message, "an error says what");
        return;
    }

    made(n);

    unread = rtprop_notification_unread(doc);
    rc = rtprop_notification_add(doc, n);
    must(rc != RTPROP_ERROR, "it is added");

    if (rc == RTPROP_OK) {
        must(rtprop_notification_unread(doc) >= 1
             && rtprop_notification_unread(doc) <= unread + 1,
             "and not read yet");
        must(rtprop_notification_add(doc, n) == RTPROP_AGAIN, "but once");
        must(rtprop_notification_read(doc, &id, NOW) == RTPROP_OK, "then");
        must(rtprop_notification_read(doc, &id, NOW) == RTPROP_AGAIN, "once");
    }

    json_decref(n);
}


static void
act(json_t *doc, fuzz_input_t *in)
{
    int            rc;
    json_t        *list;
    int64_t        limit;
    unsigned       what;
    rtprop_str_t   before;

    what = fuzz_byte(in);
    limit = (int8_t) fuzz_byte(in);
    before = fuzz_rest(in);

    list = rtprop_notification_list_payload(doc, &before, limit);
    must(json_is_object(list), "a list");
    must(json_array_size(json_object_get(list, "notifications"))
         <= RTPROP_NOTIFICATION_LIST_MAX, "not too long");
    json_decref(list);

    rc = rtprop_notification_read(doc, &before, NOW);
    must(rc != RTPROP_ERROR, "read, or not there");

    if (what & 1) {
        rc = rtprop_notification_read_all(doc, NOW);
        must(rc != RTPROP_ERROR && rtprop_notification_unread(doc) == 0,
             "all are read");
    }

    list = rtprop_notification_unread_payload(doc);
    must(json_is_object(list), "a count");
    json_decref(list);
}


static void
fuzz_one(fuzz_input_t *in)
{
    json_t        *doc, *body;
    const char    *err;
    rtprop_str_t   s;

    s = fuzz_until(in, '\0');
    doc = rtprop_notification_parse((char *) s.data, s.len);

    must(json_array_size(json_object_get(doc, "items"))
         <= RTPROP_NOTIFICATION_KEPT, "not too many");

    if (doc == NULL) {
        doc = rtprop_notification_create();
    }

    s = fuzz_until(in, '\0');
    body = rtprop_json_load(s.data, s.len, 32, &err);

    if (doc != NULL) {
        kept(doc);

        if (json_is_object(body)) {
            request(doc, body);
        }

        act(doc, in);
        kept(doc);
    }

    json_decref(doc);
    json_decref(body);
}
