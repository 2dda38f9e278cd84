#include "features/chat/rtprop_chat.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/rtprop_payload.h"


typedef struct {
    int64_t   seq;
    int64_t   own;
    int64_t   read_at;
} rtprop_chat_mark_t;


static int rtprop_chat_retry(const json_t *doc,
    const rtprop_chat_draft_t *draft, rtprop_chat_sent_t *sent);
static void rtprop_chat_mark_get(const json_t *doc, const rtprop_str_t *user,
    rtprop_chat_mark_t *mark);
static int rtprop_chat_mark_set(json_t *doc, const rtprop_str_t *user,
    const rtprop_chat_mark_t *mark);
static int64_t rtprop_chat_count(const json_t *doc);
static int64_t rtprop_chat_seq(const json_t *doc, const rtprop_str_t *id);
static size_t rtprop_chat_id(const json_t *doc, int64_t seq, char *buf);
static int64_t rtprop_chat_own_after(const json_t *doc,
    const rtprop_str_t *user, int64_t seq, int64_t own);


rtprop_chat_right_e
rtprop_chat_right(const json_t *doc, const rtprop_str_t *id,
    const rtprop_str_t *user, const rtprop_str_t *claims, size_t n)
{
    size_t  i;

    if (doc && rtprop_chat_participant(doc, user)) {
        return RTPROP_CHAT_PARTICIPANT;
    }

    for (i = 0; i < n; i++) {
        if (rtprop_str_eq(&claims[i], (char *) id->data, id->len)) {
            return RTPROP_CHAT_CLAIMED;
        }
    }

    return doc ? RTPROP_CHAT_STRANGER : RTPROP_CHAT_UNKNOWN;
}


int
rtprop_chat_admit(json_t *doc, const rtprop_chat_person_t *person)
{
    json_t  *people, *item;

    people = rtprop_chat_participants(doc);

    if (rtprop_chat_participant(doc, &person->id)) {
        return RTPROP_AGAIN;
    }

    if (json_array_size(people) >= RTPROP_CHAT_PARTICIPANTS) {
        return RTPROP_DECLINED;
    }

    item = json_pack("{so, so, so, so}",
                     "id", rtprop_payload_str(&person->id),
                     "name", rtprop_payload_str(&person->name),
                     "avatar", rtprop_payload_str(&person->avatar),
                     "role", rtprop_payload_str(&person->role));

    return json_array_append_new(people, item) == 0 ? RTPROP_OK
                                                    : RTPROP_ERROR;
}


int
rtprop_chat_send(json_t *doc, const rtprop_chat_draft_t *draft, int64_t now,
    rtprop_chat_sent_t *sent)
{
    json_t              *recent, *item;
    int64_t              count, unread;
    rtprop_chat_mark_t   mark;

    memset(sent, 0, sizeof(rtprop_chat_sent_t));

    if (rtprop_chat_participant(doc, &draft->from.id) == NULL) {
        return RTPROP_DECLINED;
    }

    if (rtprop_chat_retry(doc, draft, sent)) {
        return RTPROP_OK;
    }

    count = rtprop_chat_count(doc) + 1;
    unread = rtprop_chat_unread(doc, &draft->from.id);

    item = json_pack("[o, o, I]", rtprop_payload_str(&draft->from.id),
                     draft->client_message_id.len
                     ? rtprop_payload_str(&draft->client_message_id)
                     : json_null(),
                     (json_int_t) now);

    recent = json_object_get(doc, "recent");

    if (json_array_insert_new(recent, 0, item) != 0
        || json_object_set_new(doc, "count", json_integer(count)) != 0)
    {
        return RTPROP_ERROR;
    }

    if (json_array_size(recent) > RTPROP_CHAT_RECENT) {
        json_array_remove(recent, RTPROP_CHAT_RECENT);
    }

    /* who has read all has read all after speaking, too */

    rtprop_chat_mark_get(doc, &draft->from.id, &mark);

    if (unread == 0) {
        mark.seq = count;
        mark.own = 0;

    } else {
        mark.own++;
    }

    sent->created_at = now;
    rtprop_chat_id(doc, count, sent->id);

    return rtprop_chat_mark_set(doc, &draft->from.id, &mark);
}


static int
rtprop_chat_retry(const json_t *doc, const rtprop_chat_draft_t *draft,
    rtprop_chat_sent_t *sent)
{
    size_t               i;
    json_t              *item, *user, *client;
    const rtprop_str_t  *id;

    id = &draft->client_message_id;

    if (id->len == 0) {
        return 0;
    }

    json_array_foreach (json_object_get(doc, "recent"), i, item) {
        user = json_array_get(item, 0);
        client = json_array_get(item, 1);

        if (json_is_string(client)
            && rtprop_str_eq(id, json_string_value(client),
                             json_string_length(client))
            && rtprop_str_eq(&draft->from.id, json_string_value(user),
                             json_string_length(user)))
        {
            rtprop_chat_id(doc, rtprop_chat_count(doc) - (int64_t) i,
                           sent->id);
            sent->created_at = json_integer_value(json_array_get(item, 2));
            sent->duplicate = 1;
            return 1;
        }
    }

    return 0;
}


int
rtprop_chat_read(json_t *doc, const rtprop_str_t *user,
    const rtprop_str_t *message_id, int64_t now)
{
    int64_t             seq;
    rtprop_chat_mark_t  mark;

    seq = rtprop_chat_seq(doc, message_id);

    if (seq == 0 || rtprop_chat_participant(doc, user) == NULL) {
        return RTPROP_DECLINED;
    }

    rtprop_chat_mark_get(doc, user, &mark);

    if (seq <= mark.seq) {
        return RTPROP_AGAIN;
    }

    mark.own = rtprop_chat_own_after(doc, user, seq, mark.own);
    mark.seq = seq;
    mark.read_at = now;

    return rtprop_chat_mark_set(doc, user, &mark);
}


/*
 * How many of the "own" messages behind the old mark lie behind "seq".  Those
 * older than the kept ones cannot be told apart and are taken for later ones.
 */

static int64_t
rtprop_chat_own_after(const json_t *doc, const rtprop_str_t *user,
    int64_t seq, int64_t own)
{
    size_t    i;
    json_t   *item, *from;
    int64_t   count, n;

    count = rtprop_chat_count(doc);
    n = 0;

    json_array_foreach (json_object_get(doc, "recent"), i, item) {
        if (count - (int64_t) i <= seq) {
            return n;
        }

        from = json_array_get(item, 0);

        n += rtprop_str_eq(user, json_string_value(from),
                           json_string_length(from));
    }

    if (count - (int64_t) i > seq) {
        n = own;
    }

    return n < count - seq ? n : count - seq;
}


int64_t
rtprop_chat_unread(const json_t *doc, const rtprop_str_t *user)
{
    rtprop_chat_mark_t  mark;

    rtprop_chat_mark_get(doc, user, &mark);

    return rtprop_chat_count(doc) - mark.seq - mark.own;
}


size_t
rtprop_chat_last_id(const json_t *doc, char *buf)
{
    int64_t  count;

    count = rtprop_chat_count(doc);

    return count ? rtprop_chat_id(doc, count, buf) : 0;
}


static void
rtprop_chat_mark_get(const json_t *doc, const rtprop_str_t *user,
    rtprop_chat_mark_t *mark)
{
    json_t  *item;
    json_t  *person;

    memset(mark, 0, sizeof(rtprop_chat_mark_t));

    person = rtprop_chat_participant(doc, user);
    if (person == NULL) {
        return;
    }

    item = json_object_get(json_object_get(doc, "marks"),
                           json_string_value(json_object_get(person, "id")));

    mark->seq = json_integer_value(json_array_get(item, 0));
    mark->own = json_integer_value(json_array_get(item, 1));
    mark->read_at = json_integer_value(json_array_get(item, 2));
}


static int
rtprop_chat_mark_set(json_t *doc, const rtprop_str_t *user,
    const rtprop_chat_mark_t *mark)
{
    json_t  *item, *person;

    person = rtprop_chat_participant(doc, user);

    item = json_pack("[I, I, I]", (json_int_t) mark->seq,
                     (json_int_t) mark->own, (json_int_t) mark->read_at);

    if (json_object_set_new(json_object_get(doc, "marks"),
                            json_string_value(json_object_get(person, "id")),
                            item)
        != 0)
    {
        return RTPROP_ERROR;
    }

    return RTPROP_OK;
}


static int64_t
rtprop_chat_count(const json_t *doc)
{
    return json_integer_value(json_object_get(doc, "count"));
}


/* The number in a message id, 0 for an id that was never given. */

static int64_t
rtprop_chat_seq(const json_t *doc, const rtprop_str_t *id)
{
    char     buf[RTPROP_CHAT_ID_LEN + 1];
    size_t   n;
    int64_t  seq;

    n = json_string_length(json_object_get(doc, "tag")) + 1;

    if (id->len <= n || id->len > RTPROP_CHAT_ID_LEN) {
        return 0;
    }

    memcpy(buf, id->data, id->len);
    buf[id->len] = '\0';

    seq = strtoll(buf + n, NULL, 10);

    if (seq < 1 || seq > rtprop_chat_count(doc)) {
        return 0;
    }

    /* there is one way only to write it */

    n = rtprop_chat_id(doc, seq, buf);

    return rtprop_str_eq(id, buf, n) ? seq : 0;
}


static size_t
rtprop_chat_id(const json_t *doc, int64_t seq, char *buf)
{
    return (size_t) snprintf(buf, RTPROP_CHAT_ID_LEN + 1, "%s-%lld",
                             json_string_value(json_object_get(doc, "tag")),
                             (long long) seq);
}


rtprop_chat_typing_e
rtprop_chat_typing(rtprop_chat_typing_t *t, int is_typing, int64_t now)
{
    int  types;

    types = (t->until != 0);

    if (!is_typing) {
        t->until = 0;
        return types ? RTPROP_CHAT_STOPPED : RTPROP_CHAT_SILENT;
    }

    t->until = now + RTPROP_CHAT_TYPING_MS;

    if (types && now - t->told < RTPROP_CHAT_REPEAT_MS) {
        return RTPROP_CHAT_SILENT;
    }

    t->told = now;

    return RTPROP_CHAT_TYPES;
}


rtprop_chat_typing_e
rtprop_chat_typing_tick(rtprop_chat_typing_t *t, int64_t now)
{
    if (t->until == 0 || now < t->until) {
        return RTPROP_CHAT_SILENT;
    }

    t->until = 0;

    return RTPROP_CHAT_STOPPED;
}
