/*
 * The rules of a conversation, one after the other.
 */

#include <stdlib.h>

#include "src/features/chat/rtprop_chat.c"
#include "src/features/chat/rtprop_chat_doc.c"
#include "src/features/chat/rtprop_chat_message.c"
#include "src/base/rtprop_json.c"
#include "src/base/rtprop_json_write.c"
#include "src/base/rtprop_time.c"
#include "src/base/rtprop_url.c"
#include "src/base/rtprop_utf8.c"

#include "t/unit/tap.h"


#define NOW  1772359200000LL     /* 2026-03-01T10:00:00Z */


static rtprop_invalid_t    why;
static rtprop_chat_sent_t  sent;


static rtprop_str_t
str(const char *s)
{
    rtprop_str_t  str;

    str.data = (unsigned char *) s;
    str.len = s ? strlen(s) : 0;

    return str;
}


static json_t *
json(const char *text)
{
    return json_loads(text, JSON_DECODE_ANY, NULL);
}


static const char *
dumped(json_t *value)
{
    char         *p;

    static char   buf[8192];

    p = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    snprintf(buf, sizeof(buf), "%s", p ? p : "(null)");
    free(p);
    json_decref(value);

    return buf;
}


static int
put(json_t *doc, const char *body, const char **removed)
{
    int      rc;
    json_t  *value, *gone;

    value = json(body);
    rc = rtprop_chat_replace(doc, value, &gone, &why);
    json_decref(value);

    if (gone && removed) {
        *removed = dumped(json_incref(gone));
    }

    json_decref(gone);

    return rc;
}


/* anna, ben and cleo */

static json_t *
conversation(void)
{
    json_t        *doc;
    rtprop_str_t   tag;

    tag = str("t1");
    doc = rtprop_chat_create(&tag);

    put(doc, "{\"participants\":[{\"id\":\"anna\",\"name\":\"Anna\","
             "\"avatar\":\"/a.png\",\"role\":\"buyer\"},\"ben\",\"cleo\"],"
             "\"property_id\":7,\"title\":\"The house\"}", NULL);

    return doc;
}


static rtprop_chat_draft_t
draft(const char *user, const char *content, const char *client)
{
    rtprop_chat_draft_t  d;

    memset(&d, 0, sizeof(d));

    d.from.id = str(user);
    d.from.name = str("Token's name");
    d.content = str(content);
    d.client_message_id = str(client);

    return d;
}


static int
say(json_t *doc, const char *user, const char *client, int64_t now)
{
    rtprop_chat_draft_t  d;

    d = draft(user, "hello", client);

    return rtprop_chat_send(doc, &d, now, &sent);
}


static int
reads(json_t *doc, const char *user, const char *id)
{
    rtprop_str_t  u, m;

    u = str(user);
    m = str(id);

    return rtprop_chat_read(doc, &u, &m, NOW);
}


static int
unread(json_t *doc, const char *user)
{
    rtprop_str_t  u;

    u = str(user);

    return (int) rtprop_chat_unread(doc, &u);
}


static void
test_participants(void)
{
    size_t                i;
    char                  id[16];
    json_t               *doc;
    const char           *removed;
    rtprop_str_t          user, conv, other, claims[2], tag;
    rtprop_chat_person_t  p;

    static const char    *bad[] = {
        "{}", "[]", "{\"participants\":[]}", "{\"participants\":\"anna\"}",
        "{\"participants\":[\"anna\",\"anna\"]}",
        "{\"participants\":[\"\"]}", "{\"participants\":[{}]}",
        "{\"participants\":[null]}", "{\"participants\":[1.5]}",
        "{\"participants\":[{\"id\":\"a\",\"name\":1}]}",
    };

    doc = conversation();
    conv = str("c1");
    other = str("c2");
    claims[0] = str("c2");
    claims[1] = str("c1");

    user = str("anna");
    is_int(rtprop_chat_right(doc, &conv, &user, NULL, 0),
           RTPROP_CHAT_PARTICIPANT, "a participant may");
    user = str("dora");
    is_int(rtprop_chat_right(doc, &conv, &user, NULL, 0),
           RTPROP_CHAT_STRANGER, "a stranger may not");
    is_int(rtprop_chat_right(doc, &conv, &user, claims, 2),
           RTPROP_CHAT_CLAIMED, "one whose token names it may");
    is_int(rtprop_chat_right(doc, &conv, &user, claims, 1),
           RTPROP_CHAT_STRANGER, "one whose token names another may not");
    is_int(rtprop_chat_right(NULL, &conv, &user, claims, 2),
           RTPROP_CHAT_CLAIMED, "the token is enough where nothing is kept");
    is_int(rtprop_chat_right(NULL, &other, &user, NULL, 0),
           RTPROP_CHAT_UNKNOWN, "without it there is no such conversation");

    memset(&p, 0, sizeof(p));
    p.id = user;
    p.name = str("Dora");
    is_int(rtprop_chat_admit(doc, &p), RTPROP_OK, "she is admitted");
    is_int(rtprop_chat_admit(doc, &p), RTPROP_AGAIN, "once");
    is_int(rtprop_chat_right(doc, &conv, &user, NULL, 0),
           RTPROP_CHAT_PARTICIPANT, "and is a participant now");
    is_str(dumped(json_incref(rtprop_chat_participant(doc, &user))),
           "{\"id\":\"dora\",\"name\":\"Dora\",\"avatar\":null,"
           "\"role\":null}", "with what the token knows");

    say(doc, "anna", NULL, NOW);
    reads(doc, "ben", "t1-1");

    is_int(put(doc, "{\"participants\":[\"ben\",5],\"title\":\"New\"}",
               &removed), RTPROP_OK, "a resource replaces the whole");
    is_str(removed, "[\"anna\",\"cleo\",\"dora\"]", "and tells who is out");
    user = str("5");
    ok(rtprop_chat_participant(doc, &user) != NULL, "an id may be a number");
    is_int(unread(doc, "ben"), 0, "who stays has still read what he had");
    is_int(unread(doc, "5"), 1, "who is new has not");
    ok(json_is_null(json_object_get(doc, "property_id")),
       "what is left out is gone");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        is_int(put(doc, bad[i], NULL), RTPROP_ERROR, bad[i]);
        is_str(why.field, "participants", "names the field");
    }

    put(doc, "{\"participants\":[1],\"title\":[]}", NULL);
    is_str(why.field, "title", "a bad title");
    put(doc, "{\"participants\":[1],\"property_id\":{}}", NULL);
    is_str(why.field, "property_id", "a bad property");
    is_int(json_array_size(rtprop_chat_participants(doc)), 2,
           "a refused resource changes nothing");

    for (i = 0; i < RTPROP_CHAT_PARTICIPANTS + 1; i++) {
        sprintf(id, "u%zu", i);
        p.id = str(id);

        if (rtprop_chat_admit(doc, &p) != RTPROP_OK) {
            break;
        }
    }

    is_int(i, RTPROP_CHAT_PARTICIPANTS - 2, "a thousand have room");
    json_decref(doc);

    tag = str("a-b");
    ok(rtprop_chat_create(&tag) == NULL, "a tag is letters and digits");
    tag = str("");
    ok(rtprop_chat_create(&tag) == NULL, "at least one");
}


static void
test_sending(void)
{
    int      i;
    char     client[16];
    json_t  *doc;

    doc = conversation();

    is_int(say(doc, "anna", "x", NOW), RTPROP_OK, "a participant speaks");
    is_str(sent.id, "t1-1", "the message has the first number");
    is_int(sent.created_at, NOW, "and the time");

    is_int(say(doc, "ben", "x", NOW + 1), RTPROP_OK, "another, too");
    is_str(sent.id, "t1-2", "with the next");
    ok(!sent.duplicate, "client_message_ids are each user's own");

    is_int(say(doc, "anna", "x", NOW + 9), RTPROP_OK, "a retry is accepted");
    ok(sent.duplicate, "as a duplicate");
    is_str(sent.id, "t1-1", "with the first one's id");
    is_int(sent.created_at, NOW, "and time");
    is_int(json_integer_value(json_object_get(doc, "count")), 2,
           "and is no new message");

    is_int(say(doc, "anna", NULL, NOW), RTPROP_OK, "without such an id");
    say(doc, "anna", NULL, NOW);
    is_str(sent.id, "t1-4", "each is a message of its own");

    is_int(say(doc, "zoe", "x", NOW), RTPROP_DECLINED, "a stranger is refused");

    for (i = 0; i < RTPROP_CHAT_RECENT - 3; i++) {
        sprintf(client, "n%d", i);
        say(doc, "cleo", client, NOW);
    }

    say(doc, "ben", "x", NOW + 9);
    ok(sent.duplicate, "the last 64 messages are known");
    say(doc, "anna", "x", NOW + 9);
    ok(!sent.duplicate, "an older retry is a new message");
    is_int(json_array_size(json_object_get(doc, "recent")),
           RTPROP_CHAT_RECENT, "no more are kept");

    json_decref(doc);
}


static void
test_reading(void)
{
    int      i;
    char     id[RTPROP_CHAT_ID_LEN + 1];
    json_t  *doc;

    doc = conversation();

    is_int(rtprop_chat_last_id(doc, id), 0, "there is no last message");
    is_int(reads(doc, "ben", "t1-1"), RTPROP_DECLINED, "nor one to be read");

    say(doc, "anna", NULL, NOW);
    say(doc, "anna", NULL, NOW);
    say(doc, "ben", NULL, NOW);
    say(doc, "anna", NULL, NOW);

    rtprop_chat_last_id(doc, id);
    is_str(id, "t1-4", "the last message");
    is_int(unread(doc, "cleo"), 4, "all are unread by who only listens");
    is_int(unread(doc, "anna"), 1, "one's own are not");
    is_int(unread(doc, "ben"), 3, "speaking alone reads nothing");

    is_int(reads(doc, "ben", "t1-2"), RTPROP_OK, "two are marked");
    is_int(unread(doc, "ben"), 1, "the one after the own is left");
    is_int(reads(doc, "ben", "t1-2"), RTPROP_AGAIN, "marked again: no change");
    is_int(reads(doc, "ben", "t1-1"), RTPROP_AGAIN, "a mark never goes back");
    is_int(unread(doc, "ben"), 1, "nothing is unread again");
    is_int(reads(doc, "ben", "t1-4"), RTPROP_OK, "all are marked");
    is_int(unread(doc, "ben"), 0, "none is left");

    say(doc, "ben", NULL, NOW);
    is_int(unread(doc, "ben"), 0, "who has read all has so after speaking");
    is_int(unread(doc, "anna"), 2, "the other has not");

    is_int(reads(doc, "zoe", "t1-4"), RTPROP_DECLINED, "a stranger marks none");
    is_int(reads(doc, "anna", "t1-6"), RTPROP_DECLINED, "none that is to come");
    is_int(reads(doc, "anna", "t1-0"), RTPROP_DECLINED, "nor before the first");
    is_int(reads(doc, "anna", "t1-05"), RTPROP_DECLINED, "nor in other words");
    is_int(reads(doc, "anna", "t2-5"), RTPROP_DECLINED, "nor of another one");
    is_int(reads(doc, "anna", "t1-"), RTPROP_DECLINED, "nor without a number");
    is_int(reads(doc, "anna", "t1-99999999999999999999999999999999999"),
           RTPROP_DECLINED, "nor beyond all numbers");
    is_int(reads(doc, "anna", "5"), RTPROP_DECLINED, "nor without a tag");

    for (i = 0; i < 100; i++) {
        say(doc, i % 2 ? "anna" : "ben", NULL, NOW);
    }

    is_int(unread(doc, "cleo"), 105, "the count is exact however many");
    reads(doc, "cleo", "t1-10");
    is_int(unread(doc, "cleo"), 95, "also after marking an old one");
    is_int(unread(doc, "anna"), 52, "one's own are not counted");
    reads(doc, "anna", "t1-55");
    is_int(unread(doc, "anna"), 25, "nor behind a mark");
    reads(doc, "anna", "t1-105");
    is_int(unread(doc, "anna"), 0, "all read");

    json_decref(doc);
}


static void
test_content(void)
{
    char          *many;
    size_t         i;
    rtprop_str_t   s;

    static const char  *blank[] = {
        "", " ", "\t\r\n", "\xc2\xa0", "\xe2\x80\x8b\xe2\x80\x8f",
        "\xe3\x80\x80", "\xef\xbb\xbf", "\xe2\x80\xa8 \xe2\x81\xa0", "\x01",
    };

    s = str("hello");
    is_int(rtprop_chat_content_check(&s, &why), RTPROP_OK, "a word");
    s = str(" \xf0\x9f\x8f\xa0 ");
    is_int(rtprop_chat_content_check(&s, &why), RTPROP_OK, "a picture");

    for (i = 0; i < sizeof(blank) / sizeof(blank[0]); i++) {
        s = str(blank[i]);
        ok(rtprop_chat_content_check(&s, &why) == RTPROP_ERROR,
           "nothing to be seen, %zu", i);
        is_str(why.field, "content", "names the field");
    }

    s = str("\xff");
    is_int(rtprop_chat_content_check(&s, &why), RTPROP_ERROR, "no UTF-8");

    many = malloc(4 * 5001 + 1);

    for (i = 0; i < 5001; i++) {
        memcpy(many + 4 * i, "\xf0\x9f\x8f\xa0", 4);
    }

    s.data = (unsigned char *) many;
    s.len = 4 * 5000;
    is_int(rtprop_chat_content_check(&s, &why), RTPROP_OK, "5000 characters");
    s.len = 4 * 5001;
    is_int(rtprop_chat_content_check(&s, &why), RTPROP_ERROR, "5001");
    is_str(why.message, "content must be at most 5000 characters", "too long");

    free(many);
}


static void
test_attachments(void)
{
    int      rc;
    size_t   i;
    json_t  *value;

    static const char  *good[] = {
        "null", "[]", "[\"https://x.example/a.png\"]", "[\"HTTP://x/a\"]",
        "[\"/files/a.png?x=1:2\"]", "[\"files/a:b.png\"]", "[\"a.png\"]",
        "[{\"url\":\"/a\"}]",
        "[{\"url\":\"/a\",\"name\":\"A\",\"size\":0,\"mime\":\"image/png\"}]",
        "[{\"url\":\"/a\",\"width\":10,\"name\":null}]",
        "[\"/1\",\"/2\",\"/3\",\"/4\",{\"url\":\"/5\"}]",
    };

    static const char  *bad[] = {
        "{}", "\"/a\"", "[\"/1\",\"/2\",\"/3\",\"/4\",\"/5\",\"/6\"]",
        "[1]", "[null]", "[\"\"]", "[[]]", "[{}]", "[{\"url\":1}]",
        "[\"javascript:alert(1)\"]", "[\"JaVaScRiPt:alert(1)\"]",
        "[\" javascript:alert(1)\"]", "[\"java\\tscript:alert(1)\"]",
        "[\"data:text/html,x\"]", "[\"ftp://x/a\"]", "[\"//evil.example/a\"]",
        "[\"/\\\\evil.example\"]", "[\"\\\\\\\\evil\"]", "[\"http://\"]",
        "[\"https:///a\"]", "[\"https:a\"]", "[\"/a b\"]", "[\"/a\\u007f\"]",
        "[{\"url\":\"/a\",\"size\":-1}]", "[{\"url\":\"/a\",\"size\":\"1\"}]",
        "[{\"url\":\"/a\",\"name\":1}]", "[{\"url\":\"/a\",\"mime\":[]}]",
        "[{\"url\":\"/a\",\"more\":{}}]",
    };

    is_int(rtprop_chat_attachments_check(NULL, &why), RTPROP_OK, "none");

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        value = json(good[i]);
        rc = rtprop_chat_attachments_check(value, &why);
        is_int(rc, RTPROP_OK, good[i]);
        json_decref(value);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        value = json(bad[i]);
        rc = rtprop_chat_attachments_check(value, &why);
        is_int(rc, RTPROP_ERROR, bad[i]);
        json_decref(value);
    }

    is_str(why.field, "attachments", "names the field");
}


static void
test_typing(void)
{
    rtprop_chat_typing_t  t;

    memset(&t, 0, sizeof(t));

    is_int(rtprop_chat_typing(&t, 0, NOW), RTPROP_CHAT_SILENT,
           "who does not type cannot stop");
    is_int(rtprop_chat_typing(&t, 1, NOW), RTPROP_CHAT_TYPES,
           "the first stroke is told");
    is_int(rtprop_chat_typing(&t, 1, NOW + 1999), RTPROP_CHAT_SILENT,
           "the next is not");
    is_int(rtprop_chat_typing(&t, 1, NOW + 2000), RTPROP_CHAT_TYPES,
           "after two seconds it is told again");
    is_int(rtprop_chat_typing_tick(&t, NOW + 6999), RTPROP_CHAT_SILENT,
           "it lasts five seconds from the last");
    is_int(rtprop_chat_typing_tick(&t, NOW + 7000), RTPROP_CHAT_STOPPED,
           "then it is over");
    is_int(rtprop_chat_typing_tick(&t, NOW + 7000), RTPROP_CHAT_SILENT,
           "once");
    is_int(rtprop_chat_typing(&t, 1, NOW + 8000), RTPROP_CHAT_TYPES,
           "it begins anew");
    is_int(rtprop_chat_typing(&t, 0, NOW + 8001), RTPROP_CHAT_STOPPED,
           "and stops when told so");
    is_int(rtprop_chat_typing(&t, 1, NOW + 8002), RTPROP_CHAT_TYPES,
           "a new beginning is always told");
    is_int(rtprop_chat_typing(&t, 0, NOW + 90000), RTPROP_CHAT_STOPPED,
           "a stop that comes late is told if none was");
}


static void
test_document(void)
{
    size_t         i, n;
    json_t        *doc, *again;
    rtprop_str_t   text, two;

    static const char  *bad[] = {
        "", "[]", "{}", "{\"format\":2}",
        "{\"format\":1,\"tag\":\"t\",\"count\":0}",
        "{\"format\":1,\"tag\":\"t\",\"count\":0,\"participants\":[{}],"
            "\"marks\":{},\"recent\":[]}",
        "{\"format\":1,\"tag\":\"t\",\"count\":0,\"participants\":[],"
            "\"marks\":{\"a\":[1,0,0]},\"recent\":[]}",
        "{\"format\":1,\"tag\":\"t\",\"count\":0,\"participants\":[],"
            "\"marks\":{},\"recent\":[[\"a\",null,1]]}",
    };

    doc = conversation();
    say(doc, "anna", "x", NOW);
    say(doc, "ben", NULL, NOW);
    reads(doc, "cleo", "t1-1");

    rtprop_json_dump(doc, &text);
    again = rtprop_chat_parse((char *) text.data, text.len);
    ok(again != NULL, "a document is read again");
    rtprop_json_dump(again, &two);
    is_mem(two.data, two.len, text.data, text.len, "and is the same");
    free(two.data);
    json_decref(again);

    for (i = 0, n = 0; i < text.len; i++) {
        again = rtprop_chat_parse((char *) text.data, i);
        n += (again != NULL);
        json_decref(again);
    }

    is_int(n, 0, "one that is cut short is none");
    free(text.data);
    json_decref(doc);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(rtprop_chat_parse(bad[i], strlen(bad[i])) == NULL,
           "'%s' is none", bad[i]);
    }
}


static void
test_payloads(void)
{
    json_t               *doc, *presence, *list;
    rtprop_str_t          c, m, u, name;
    rtprop_chat_draft_t   d;

    doc = conversation();
    c = str("c1");
    u = str("ben");
    m = str("t1-1");
    name = str("Ben");

    d = draft("anna", "hello", "x");
    d.attachments = json("[\"/a\",{\"url\":\"/b\",\"size\":1}]");
    rtprop_chat_send(doc, &d, NOW, &sent);

    is_str(dumped(rtprop_chat_message_payload(doc, &c, &d, &sent)),
           "{\"id\":\"t1-1\",\"message_id\":\"t1-1\","
           "\"conversation_id\":\"c1\",\"content\":\"hello\","
           "\"sender\":{\"id\":\"anna\",\"name\":\"Anna\","
           "\"avatar\":\"/a.png\"},\"from\":\"anna\","
           "\"attachments\":[\"/a\",{\"url\":\"/b\",\"size\":1}],"
           "\"client_message_id\":\"x\","
           "\"created_at\":\"2026-03-01T10:00:00.000Z\","
           "\"timestamp\":\"2026-03-01T10:00:00.000Z\"}", "chat:new_message");
    is_str(dumped(rtprop_chat_ack_payload(&d, &sent)),
           "{\"message_id\":\"t1-1\",\"client_message_id\":\"x\","
           "\"created_at\":\"2026-03-01T10:00:00.000Z\"}", "the answer");
    json_decref(d.attachments);

    d = draft("ben", "hello", NULL);
    rtprop_chat_send(doc, &d, NOW, &sent);
    ok(strstr(dumped(rtprop_chat_message_payload(doc, &c, &d, &sent)),
              "\"sender\":{\"id\":\"ben\",\"name\":\"Token's name\","
              "\"avatar\":null},\"from\":\"ben\",\"attachments\":[],"
              "\"client_message_id\":null") != NULL,
       "what the conversation does not know the token may");

    presence = json_pack("{sb, sI}", "anna", 1, "ben", (json_int_t) NOW);
    is_str(dumped(rtprop_chat_joined_payload(doc, &c, &u, presence)),
           "{\"conversation_id\":\"c1\",\"participants\":["
           "{\"id\":\"anna\",\"name\":\"Anna\",\"online\":true,"
           "\"last_seen\":null},"
           "{\"id\":\"ben\",\"name\":null,\"online\":false,"
           "\"last_seen\":\"2026-03-01T10:00:00.000Z\"},"
           "{\"id\":\"cleo\",\"name\":null,\"online\":false,"
           "\"last_seen\":null}],\"participant_count\":3,"
           "\"last_message_id\":\"t1-2\",\"unread_count\":1}", "chat:joined");
    json_decref(presence);

    is_str(dumped(rtprop_chat_resource_json(doc, &c, 4)),
           "{\"id\":\"c1\",\"conversation_id\":\"c1\",\"participants\":["
           "{\"id\":\"anna\",\"name\":\"Anna\",\"avatar\":\"/a.png\","
           "\"role\":\"buyer\"},"
           "{\"id\":\"ben\",\"name\":null,\"avatar\":null,\"role\":null},"
           "{\"id\":\"cleo\",\"name\":null,\"avatar\":null,\"role\":null}],"
           "\"property_id\":\"7\",\"title\":\"The house\","
           "\"last_message_id\":\"t1-2\",\"version\":4}", "the resource");

    is_str(dumped(rtprop_chat_user_payload(&c, &u, &name)),
           "{\"conversation_id\":\"c1\",\"user_id\":\"ben\","
           "\"user_name\":\"Ben\"}", "chat:user_joined");
    is_str(dumped(rtprop_chat_typing_payload(&c, &u, &name, 1)),
           "{\"conversation_id\":\"c1\",\"user_id\":\"ben\","
           "\"user_name\":\"Ben\",\"is_typing\":true}", "chat:user_typing");
    is_str(dumped(rtprop_chat_read_payload(&c, &m, &u, NOW)),
           "{\"conversation_id\":\"c1\",\"message_id\":\"t1-1\","
           "\"up_to_message_id\":\"t1-1\",\"last_message_id\":\"t1-1\","
           "\"read_by\":\"ben\",\"user_id\":\"ben\","
           "\"read_at\":\"2026-03-01T10:00:00.000Z\"}", "chat:messages_read");
    is_str(dumped(rtprop_chat_delivered_payload(&c, &m, &u)),
           "{\"conversation_id\":\"c1\",\"message_id\":\"t1-1\","
           "\"user_id\":\"ben\"}", "chat:delivered");
    is_str(dumped(rtprop_chat_presence_payload(&c, &u, &name, -1)),
           "{\"user_id\":\"ben\",\"user_name\":\"Ben\","
           "\"conversation_id\":\"c1\",\"last_seen\":null}",
           "presence:user_online");

    list = json_array();
    is_str(dumped(rtprop_chat_history_payload(&c, list, 0)),
           "{\"conversation_id\":\"c1\",\"messages\":[],\"has_more\":false}",
           "chat:history");

    json_decref(doc);
}


int
main(void)
{
    test_participants();
    test_sending();
    test_reading();
    test_content();
    test_attachments();
    test_typing();
    test_document();
    test_payloads();

    return plan_done();
}
