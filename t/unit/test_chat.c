/*
 * The rules of a conversation, one after the other.
 */

#include <stdlib.h>

#include "src/features/chat/rtprop_chat.c"
#include "src/features/chat/rtprop_chat_doc.c"
#include "src/features/chat/rtprop_chat_memory.c"
#include "src/features/chat/rtprop_chat_message.c"
#include "src/base/rtprop_json.c"
#include "src/base/rtprop_json_write.c"
#include "src/base/rtprop_time.c"
#include "src/base/rtprop_url.c"
#include "src/base/rtprop_utf8.c"

#include "t/unit/tap.h"


#define NOW  1772359200000LL     /* 2026-03-01T10:00:00Z */


static rtprop_invalid_t  why;


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
    json_t  *doc;

    doc = rtprop_chat_create();

    put(doc, "{\"participants\":[{\"id\":\"anna\",\"name\":\"Anna\","
             "\"avatar\":\"/a.png\",\"role\":\"buyer\"},\"ben\",\"cleo\"],"
             "\"property_id\":7,\"title\":\"The house\"}", NULL);

    return doc;
}


static void
test_participants(void)
{
    size_t                i;
    char                  id[16];
    json_t               *doc;
    const char           *removed;
    rtprop_str_t          user;
    rtprop_chat_person_t  p;

    static const char    *bad[] = {
        "{}", "[]", "{\"participants\":[]}", "{\"participants\":\"anna\"}",
        "{\"participants\":[\"anna\",\"anna\"]}",
        "{\"participants\":[\"\"]}", "{\"participants\":[{}]}",
        "{\"participants\":[null]}", "{\"participants\":[1.5]}",
        "{\"participants\":[{\"id\":\"a\",\"name\":1}]}",
    };

    doc = conversation();

    user = str("anna");
    is_int(rtprop_chat_right(doc, &user, 0),
           RTPROP_CHAT_PARTICIPANT, "a participant may");
    user = str("dora");
    is_int(rtprop_chat_right(doc, &user, 0),
           RTPROP_CHAT_STRANGER, "a stranger may not");
    is_int(rtprop_chat_right(doc, &user, 1),
           RTPROP_CHAT_CLAIMED, "one whose token names it may");
    is_int(rtprop_chat_right(NULL, &user, 1),
           RTPROP_CHAT_CLAIMED, "the token is enough where nothing is kept");
    is_int(rtprop_chat_right(NULL, &user, 0),
           RTPROP_CHAT_UNKNOWN, "without it there is no such conversation");

    memset(&p, 0, sizeof(p));
    p.id = user;
    p.name = str("Dora");
    is_int(rtprop_chat_admit(doc, &p), RTPROP_OK, "she is admitted");
    is_int(rtprop_chat_admit(doc, &p), RTPROP_AGAIN, "once");
    is_int(rtprop_chat_right(doc, &user, 0),
           RTPROP_CHAT_PARTICIPANT, "and is a participant now");
    is_str(dumped(json_incref(rtprop_chat_participant(doc, &user))),
           "{\"id\":\"dora\",\"name\":\"Dora\",\"avatar\":null,"
           "\"role\":null}", "with what the token knows");

    is_int(put(doc, "{\"participants\":[\"ben\",5],\"title\":\"New\"}",
               &removed), RTPROP_OK, "a resource replaces the whole");
    is_str(removed, "[\"anna\",\"cleo\",\"dora\"]", "and tells who is out");
    user = str("5");
    ok(rtprop_chat_participant(doc, &user) != NULL, "an id may be a number");
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
}


static void
test_reading(void)
{
    size_t         i;
    uint64_t       id;
    rtprop_str_t   s;

    static const char  *bad[] = {
        "", "0", "07", "-1", "1.0", " 1", "1 ", "x", "0x1",
        "12345678901234567890", "99999999999999999999999999999999999999",
    };

    s = str("");
    ok(rtprop_chat_mark(&s) == 0, "at first nothing is read");
    is_int(rtprop_chat_read(&s, 20), RTPROP_OK, "then a message is");

    s = str("20");
    ok(rtprop_chat_mark(&s) == 20, "which is marked");
    is_int(rtprop_chat_read(&s, 20), RTPROP_AGAIN, "marked again: no change");
    is_int(rtprop_chat_read(&s, 19), RTPROP_AGAIN, "a mark never goes back");
    is_int(rtprop_chat_read(&s, 21), RTPROP_OK, "it goes on");

    s = str("x");
    ok(rtprop_chat_mark(&s) == 0, "what is no mark is none");

    s = str("1234567890123456789");
    is_int(rtprop_chat_message_id(&s, &id), RTPROP_OK, "an id is a number");
    ok(id == 1234567890123456789ULL, "of up to 19 digits");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        s = str(bad[i]);
        ok(rtprop_chat_message_id(&s, &id) == RTPROP_ERROR,
           "'%s' is none", bad[i]);
    }
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
    is_int(rtprop_chat_check(&s, NULL, &why), RTPROP_OK, "a word");
    s = str(" \xf0\x9f\x8f\xa0 ");
    is_int(rtprop_chat_check(&s, NULL, &why), RTPROP_OK, "a picture");

    for (i = 0; i < sizeof(blank) / sizeof(blank[0]); i++) {
        s = str(blank[i]);
        ok(rtprop_chat_check(&s, NULL, &why) == RTPROP_ERROR,
           "nothing to be seen, %zu", i);
        is_str(why.field, "content", "names the field");
    }

    s = str("\xff");
    is_int(rtprop_chat_check(&s, NULL, &why), RTPROP_ERROR, "no UTF-8");

    many = malloc(4 * 5001 + 1);

    for (i = 0; i < 5001; i++) {
        memcpy(many + 4 * i, "\xf0\x9f\x8f\xa0", 4);
    }

    s.data = (unsigned char *) many;
    s.len = 4 * 5000;
    is_int(rtprop_chat_check(&s, NULL, &why), RTPROP_OK, "5000 characters");
    s.len = 4 * 5001;
    is_int(rtprop_chat_check(&s, NULL, &why), RTPROP_ERROR, "5001");
    is_str(why.message, "content must be at most 5000 characters", "too long");

    free(many);
}


static void
test_attachments(void)
{
    int            rc;
    size_t         i;
    json_t        *value;
    rtprop_str_t   s;

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

    s = str("look");

    is_int(rtprop_chat_check(&s, NULL, &why), RTPROP_OK, "none");

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        value = json(good[i]);
        rc = rtprop_chat_check(&s, value, &why);
        is_int(rc, RTPROP_OK, good[i]);
        json_decref(value);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        value = json(bad[i]);
        rc = rtprop_chat_check(&s, value, &why);
        is_int(rc, RTPROP_ERROR, bad[i]);
        json_decref(value);
    }

    is_str(why.field, "attachments", "names the field");
}


static rtprop_chat_message_t
message(uint64_t id, const char *client, int64_t at)
{
    rtprop_chat_message_t  m;

    memset(&m, 0, sizeof(m));
    m.id = id;
    m.client_message_id = str(client);
    m.created_at = at;

    return m;
}


static void
test_sent(void)
{
    size_t                  i, len;
    char                    client[RTPROP_JSON_ID_MAX + 1];
    rtprop_str_t            text;
    rtprop_chat_message_t   m;

    static unsigned char    buf[2][RTPROP_CHAT_SENT_LEN];
    static const char      *bad[] = {
        "", "1", "1 2", "1 2 3", "1 2 3 ", "1 2 3 ab", "1 2 3 abc", "x 2 1 a\n",
        "1 2 999999999999999999999 a\n", "1 2 129 a\n", " 1 2 1 a\n",
        "1 9223372036854775807 3 a b\n",
    };

    text = str("");
    m = message(5, "a b", NOW);
    ok(!rtprop_chat_sent_find(&text, &m, NOW), "nothing was sent yet");

    text.len = rtprop_chat_sent_add(&text, &m, buf[0]);
    text.data = buf[0];

    m = message(6, "a b", NOW + 100);
    ok(rtprop_chat_sent_find(&text, &m, NOW + 100), "sent again it is known");
    is_int(m.id, 5, "by the first one's id");
    is_int(m.created_at, NOW, "and time");

    m = message(6, "a", NOW + 100);
    ok(!rtprop_chat_sent_find(&text, &m, NOW + 100), "another one is not");
    m = message(6, "a b", NOW);
    ok(!rtprop_chat_sent_find(&text, &m, NOW + RTPROP_CHAT_SENT_MS),
       "nor this one when its time is over");

    m = message(7, "c", NOW + RTPROP_CHAT_SENT_MS);
    text.len = rtprop_chat_sent_add(&text, &m, buf[1]);
    is_mem(buf[1], text.len, "7 1772359800000 1 c\n", 20,
           "which is then forgotten");

    memset(client, 'x', RTPROP_JSON_ID_MAX);
    client[RTPROP_JSON_ID_MAX] = '\0';
    text.len = 0;
    len = 0;

    for (i = 0; i < RTPROP_CHAT_SENT + 3; i++) {
        client[0] = 'A' + i;
        m = message(INT64_MAX - i, client, NOW + i);
        text.len = rtprop_chat_sent_add(&text, &m, buf[i % 2]);
        text.data = buf[i % 2];
        len = text.len > len ? text.len : len;
    }

    ok(len <= RTPROP_CHAT_SENT_LEN, "the longest ids have room");

    for (i = 0; i < RTPROP_CHAT_SENT + 3; i++) {
        client[0] = 'A' + i;
        m = message(1, client, NOW);
        ok(rtprop_chat_sent_find(&text, &m, NOW) == (i >= 3),
           "the last ones are known: %zu", i);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        text = str(bad[i]);
        m = message(1, "a", NOW);
        ok(!rtprop_chat_sent_find(&text, &m, NOW), "broken text %zu", i);
    }
}


static void
test_delivered(void)
{
    size_t          len;
    rtprop_str_t    id, user;
    unsigned char   buf[128];

    static const char  text[] = "{\"conversation_id\":\"a\\\"b\","
        "\"message_id\":\"18446744073709551615\",\"user_id\":\"\xc3\xa9\"}";

    id = str("a\"b");
    user = str("\xc3\xa9");

    len = rtprop_chat_delivered(&id, UINT64_MAX, &user, buf);
    ok(len <= rtprop_chat_delivered_max(&id, &user), "it is counted");
    is_mem(buf, len, text, sizeof(text) - 1, "and written");
}


static void
test_person(void)
{
    json_t                *known;
    rtprop_chat_person_t   p;

    known = json("{\"id\":\"u\",\"name\":\"Known\",\"avatar\":\"/k\"}");

    memset(&p, 0, sizeof(p));
    p.id = str("u");
    rtprop_chat_complete(&p, NULL);
    is_mem(p.name.data, p.name.len, "u", 1, "without a name it is the id");
    ok(p.avatar.data == NULL, "and there is no avatar");

    p.name = str("");
    rtprop_chat_complete(&p, known);
    is_mem(p.name.data, p.name.len, "Known", 5, "else what is known");
    is_mem(p.avatar.data, p.avatar.len, "/k", 2, "of name and avatar");

    p.name = str("Token's");
    p.avatar = str("/t");
    rtprop_chat_complete(&p, known);
    is_mem(p.name.data, p.name.len, "Token's", 7, "the token knows better");
    is_mem(p.avatar.data, p.avatar.len, "/t", 2, "both");

    json_decref(known);
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
    size_t          i, n;
    json_t         *doc, *again;
    rtprop_str_t    text;

    static const char  *bad[] = {
        "", "[]", "{}", "{\"format\":2}", "{\"format\":1}",
        "{\"format\":1,\"participants\":{}}",
        "{\"format\":1,\"participants\":[{}]}",
        "{\"format\":1,\"participants\":[1]}",
        "{\"format\":1,\"participants\":[],\"property_id\":null}",
        "{\"format\":1,\"participants\":[],\"title\":null,\"property_id\":1}",
    };

    doc = conversation();
    rtprop_json_dump(doc, &text);
    again = rtprop_chat_parse(text.data, text.len);
    ok(json_equal(doc, again), "a document is read again");
    json_decref(again);

    for (i = 0, n = 0; i < text.len; i++) {
        again = rtprop_chat_parse(text.data, i);
        n += (again != NULL);
        json_decref(again);
    }

    is_int(n, 0, "one that is cut short is none");
    free(text.data);
    json_decref(doc);

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(rtprop_chat_parse((const unsigned char *) bad[i], strlen(bad[i]))
           == NULL, "'%s' is none", bad[i]);
    }
}


/* The text of a message; it has the room that was counted. */

static const char *
written(const rtprop_chat_message_t *m)
{
    size_t       n;
    static char  buf[1024];

    n = rtprop_chat_message(m, (unsigned char *) buf);
    ok(n <= rtprop_chat_message_max(m), "counted");
    buf[n] = '\0';

    return buf;
}


static void
test_payloads(void)
{
    json_t                 *doc;
    rtprop_str_t            c;
    rtprop_chat_message_t   m;

    doc = conversation();
    c = str("c1");

    is_str(dumped(rtprop_chat_resource(doc, &c, 4)),
           "{\"id\":\"c1\",\"participants\":["
           "{\"id\":\"anna\",\"name\":\"Anna\",\"avatar\":\"/a.png\","
           "\"role\":\"buyer\"},"
           "{\"id\":\"ben\",\"name\":null,\"avatar\":null,\"role\":null},"
           "{\"id\":\"cleo\",\"name\":null,\"avatar\":null,\"role\":null}],"
           "\"property_id\":\"7\",\"title\":\"The house\",\"version\":4}",
           "the resource");
    json_decref(doc);

    memset(&m, 0, sizeof(m));
    m.from.id = str("anna");
    m.from.name = str("Anna");
    m.id = 1234567890123456789ULL;
    m.conversation_id = c;
    m.content = str("hello");
    m.client_message_id = str("x");
    m.attachments = str("[\"/a\",{\"url\":\"/b\",\"size\":1}]");
    m.created_at = NOW;

    is_str(written(&m),
           "{\"id\":\"1234567890123456789\","
           "\"message_id\":\"1234567890123456789\","
           "\"conversation_id\":\"c1\",\"content\":\"hello\","
           "\"sender\":{\"id\":\"anna\",\"name\":\"Anna\",\"avatar\":null},"
           "\"from\":\"anna\","
           "\"attachments\":[\"/a\",{\"url\":\"/b\",\"size\":1}],"
           "\"client_message_id\":\"x\","
           "\"created_at\":\"2026-03-01T10:00:00.000Z\","
           "\"timestamp\":\"2026-03-01T10:00:00.000Z\"}", "chat:new_message");
    m.attachments = str("");
    m.client_message_id = str("");
    ok(strstr(written(&m),
              "\"attachments\":[],\"client_message_id\":null") != NULL,
       "without attachments and client_message_id");
}


int
main(void)
{
    test_participants();
    test_reading();
    test_content();
    test_attachments();
    test_sent();
    test_delivered();
    test_person();
    test_typing();
    test_document();
    test_payloads();

    return plan_done();
}
