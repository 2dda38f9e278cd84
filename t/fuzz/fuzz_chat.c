/*
 * Conversations: documents that were kept, a resource that is put in the place
 * of one, then what users do.
 *
 * Input: five texts, each ended by a NUL: the document, the resource, a message
 * {content, attachments}, a read mark, and what was sent last; then octets
 * of actions.
 */

#include "t/fuzz/fuzz.h"

#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "base/rtprop_time.c"
#include "base/rtprop_url.c"
#include "base/rtprop_utf8.c"
#include "features/chat/rtprop_chat.c"
#include "features/chat/rtprop_chat_doc.c"
#include "features/chat/rtprop_chat_memory.c"
#include "features/chat/rtprop_chat_message.c"


#define NOW  1772359200000LL


/* A document can be written, read again to the same, and shown. */

static void
kept(const json_t *doc)
{
    json_t        *again, *resource;
    rtprop_str_t   text, id;

    if (rtprop_json_dump(doc, &text) != RTPROP_OK) {
        must(0, "a document is written");
        return;
    }

    again = rtprop_chat_parse(text.data, text.len);
    must(again != NULL && json_equal(again, doc), "and read to the same");
    json_decref(again);
    free(text.data);

    id.data = (unsigned char *) "c1";
    id.len = 2;
    resource = rtprop_chat_resource(doc, &id, 7);
    must(resource != NULL, "and shown");
    json_decref(resource);
}


static void
replace(json_t *doc, const json_t *body)
{
    int                rc;
    size_t             i;
    json_t            *removed, *before, *one;
    rtprop_str_t       id;
    rtprop_invalid_t   why;

    before = json_deep_copy(doc);
    removed = NULL;
    memset(&why, 0, sizeof(why));

    rc = rtprop_chat_replace(doc, body, &removed, &why);

    if (rc != RTPROP_OK) {
        must(rc == RTPROP_ERROR && why.field && why.message,
             "an error says what");
        must(json_equal(before, doc), "and changes nothing");
        must(removed == NULL, "nobody has left");

    } else {
        must(json_array_size(rtprop_chat_participants(doc)) >= 1,
             "somebody takes part");

        json_array_foreach (removed, i, one) {
            id.data = (unsigned char *) json_string_value(one);
            id.len = json_string_length(one);
            must(rtprop_chat_participant(doc, &id) == NULL,
                 "who left has left");
        }

        json_decref(removed);
    }

    json_decref(before);
}


static rtprop_str_t
user(const json_t *doc, unsigned n)
{
    size_t        size;
    json_t       *id;
    rtprop_str_t  s;

    size = json_array_size(rtprop_chat_participants(doc));
    id = size ? json_object_get(json_array_get(rtprop_chat_participants(doc),
                                               n % size), "id")
              : NULL;

    if (id == NULL || (n & 0x80)) {
        s.data = (unsigned char *) "stranger";
        s.len = 8;

    } else {
        s.data = (unsigned char *) json_string_value(id);
        s.len = json_string_length(id);
    }

    return s;
}


static void
admit(json_t *doc, const rtprop_str_t *who)
{
    int                    rc;
    rtprop_chat_person_t   person;

    memset(&person, 0, sizeof(person));
    person.id = *who;

    rtprop_chat_complete(&person, rtprop_chat_participant(doc, who));
    must(person.name.len > 0 || who->len == 0, "everybody has a name");

    rc = rtprop_chat_admit(doc, &person);
    must(rc != RTPROP_ERROR, "there is memory");
    must(rc != RTPROP_OK || who->len == 0
         || rtprop_chat_right(doc, who, 0) == RTPROP_CHAT_PARTICIPANT,
         "who is admitted takes part");
}


/* A mark is what is kept of one that was moved, or whatever was kept. */

static void
mark(rtprop_str_t *kept, const rtprop_str_t *text)
{
    int       rc;
    uint64_t  id, old;

    if (rtprop_chat_message_id(text, &id) != RTPROP_OK) {
        return;
    }

    must(id > 0, "an id counts from 1");

    old = rtprop_chat_mark(kept);
    rc = rtprop_chat_read(kept, id);

    must((rc == RTPROP_OK) == (id > old), "a mark never goes back");

    if (rc == RTPROP_OK) {
        *kept = *text;
        must(rtprop_chat_mark(kept) == id, "and goes where it is told");
    }
}


static void
sent(rtprop_str_t *text, const rtprop_str_t *id, int64_t now)
{
    size_t                  len;
    unsigned char          *out;
    rtprop_chat_message_t   m;

    memset(&m, 0, sizeof(m));
    m.client_message_id = *id;

    (void) rtprop_chat_sent_find(text, &m, now);

    m.id = 4711;
    m.created_at = now;

    out = fuzz_room(RTPROP_CHAT_SENT_LEN);
    len = rtprop_chat_sent_add(text, &m, out);
    must(len <= RTPROP_CHAT_SENT_LEN, "it fits");

    text->data = fuzz_copy(out, len);
    text->len = len;

    m.id = 0;
    must(rtprop_chat_sent_find(text, &m, now) == 1 && m.id == 4711,
         "what is added is found");
}


static void
act(json_t *doc, rtprop_str_t *read, rtprop_str_t *last, fuzz_input_t *in)
{
    unsigned      what;
    rtprop_str_t  who, text;

    who = user(doc, fuzz_byte(in));
    what = fuzz_byte(in);
    text = fuzz_text(in, fuzz_byte(in) & 31);

    switch (what % 3) {

    case 0:
        admit(doc, &who);
        return;

    case 1:
        mark(read, &text);
        return;

    default:
        if (text.len) {
            sent(last, &text, NOW + (what >> 2) * 20000);
        }
    }
}


static void
say(const json_t *m)
{
    size_t                  len;
    json_t                 *attachments, *json;
    const char             *err;
    rtprop_str_t            content, text;
    unsigned char          *p;
    rtprop_invalid_t        why;
    rtprop_chat_message_t   message;

    if (rtprop_json_get_string(m, "content", &content) != RTPROP_OK) {
        return;
    }

    memset(&why, 0, sizeof(why));
    memset(&message, 0, sizeof(message));

    attachments = rtprop_json_get(m, "attachments");

    if (rtprop_chat_check(&content, attachments, &why) != RTPROP_OK) {
        must(why.field && why.message, "an error says what");
        return;
    }

    must(content.len && rtprop_utf8_length(content.data, content.len)
                        <= RTPROP_CHAT_CONTENT, "content in its bounds");
    must(json_array_size(attachments) <= RTPROP_CHAT_ATTACHMENTS,
         "not too many attachments");

    text.data = NULL;

    if (attachments != NULL
        && rtprop_json_dump(attachments, &text) == RTPROP_OK)
    {
        message.attachments = text;
    }

    message.content = content;
    message.conversation_id = content;
    message.from.id = content;
    message.id = UINT64_MAX;
    message.created_at = NOW;

    p = fuzz_room(rtprop_chat_message_max(&message));
    len = rtprop_chat_message(&message, p);

    json = rtprop_json_load(p, len, 16, &err);
    must(rtprop_str_eq(&content,
                       json_string_value(json_object_get(json, "content")),
                       json_string_length(json_object_get(json, "content"))),
         "what is said goes out");

    json_decref(json);
    free(text.data);
}


static void
typing(fuzz_input_t *in)
{
    int                     rc, types;
    int64_t                 now;
    unsigned                step;
    rtprop_chat_typing_t    t;

    memset(&t, 0, sizeof(t));
    now = NOW;
    types = 0;

    while (fuzz_left(in)) {
        step = fuzz_byte(in);
        now += (step >> 2) * 100;

        rc = step & 2 ? rtprop_chat_typing_tick(&t, now)
                      : rtprop_chat_typing(&t, step & 1, now);

        must(rc != RTPROP_CHAT_STOPPED || types, "who stops has typed");
        types = rc == RTPROP_CHAT_TYPES ? 1
                : rc == RTPROP_CHAT_STOPPED ? 0 : types;
        must(types == (t.until != 0), "others know who types");
    }
}


static void
fuzz_one(fuzz_input_t *in)
{
    json_t        *doc, *body, *message;
    unsigned       i;
    const char    *err;
    rtprop_str_t   s, read, last;

    s = fuzz_until(in, '\0');
    doc = rtprop_chat_parse(s.data, s.len);

    if (doc == NULL) {
        doc = rtprop_chat_create();
    }

    s = fuzz_until(in, '\0');
    body = rtprop_json_load(s.data, s.len, 16, &err);
    s = fuzz_until(in, '\0');
    message = rtprop_json_load(s.data, s.len, 16, &err);
    read = fuzz_until(in, '\0');
    last = fuzz_until(in, '\0');

    if (doc != NULL) {
        kept(doc);

        if (body != NULL) {
            replace(doc, body);
        }

        for (i = 0; i < 16 && fuzz_left(in); i++) {
            act(doc, &read, &last, in);
        }

        kept(doc);
    }

    say(message);
    typing(in);

    json_decref(doc);
    json_decref(body);
    json_decref(message);
}
