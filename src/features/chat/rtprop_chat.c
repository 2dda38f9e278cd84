/*
 * Rights, marks, messages, typing.
 */

#include "features/chat/rtprop_chat.h"

#include <stdio.h>

#include "base/rtprop_json.h"
#include "base/rtprop_time.h"
#include "session/rtprop_command.h"


static int rtprop_chat_check_attachment(const json_t *item);


rtprop_chat_right_e
rtprop_chat_right(const json_t *doc, const rtprop_str_t *user, int claimed)
{
    if (doc && rtprop_chat_participant(doc, user)) {
        return RTPROP_CHAT_PARTICIPANT;
    }

    if (claimed) {
        return RTPROP_CHAT_CLAIMED;
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

    item = json_pack("{s:o, s:o, s:o, s:o}",
                     "id", rtprop_payload_str(&person->id),
                     "name", rtprop_payload_str(&person->name),
                     "avatar", rtprop_payload_str(&person->avatar),
                     "role", rtprop_payload_str(&person->role));

    return json_array_append_new(people, item) == 0 ? RTPROP_OK
                                                    : RTPROP_ERROR;
}


int
rtprop_chat_message_id(const rtprop_str_t *text, uint64_t *id)
{
    size_t  i;

    *id = 0;

    if (text->len == 0 || text->len > 19 || text->data[0] == '0') {
        return RTPROP_ERROR;
    }

    for (i = 0; i < text->len; i++) {
        if (text->data[i] < '0' || text->data[i] > '9') {
            return RTPROP_ERROR;
        }

        *id = *id * 10 + (text->data[i] - '0');
    }

    return RTPROP_OK;
}


int
rtprop_chat_read(json_t *doc, const rtprop_str_t *user, uint64_t id,
    int64_t now)
{
    json_t  *mark;

    if (id <= rtprop_chat_mark(doc, user)) {
        return RTPROP_AGAIN;
    }

    mark = json_pack("[I, I]", (json_int_t) id, (json_int_t) now);

    return json_object_setn_new(json_object_get(doc, "marks"),
                                (char *) user->data, user->len, mark)
           == 0 ? RTPROP_OK : RTPROP_ERROR;
}


uint64_t
rtprop_chat_mark(const json_t *doc, const rtprop_str_t *user)
{
    json_t  *mark;

    mark = json_object_getn(json_object_get(doc, "marks"),
                            (char *) user->data, user->len);

    return (uint64_t) json_integer_value(json_array_get(mark, 0));
}


int
rtprop_chat_check(const rtprop_str_t *content, const json_t *attachments,
    rtprop_invalid_t *why)
{
    size_t   i;
    json_t  *item;

    for (i = 0; i < content->len; i++) {
        if (content->data[i] > ' ') {
            break;
        }
    }

    if (i == content->len) {
        why->field = "content";
        why->message = "content must not be empty";
        return RTPROP_ERROR;
    }

    json_array_foreach (attachments, i, item) {
        if (!rtprop_chat_check_attachment(item)) {
            why->field = "attachments";
            why->message = "attachments must be URLs or objects with a url";
            return RTPROP_ERROR;
        }
    }

    return RTPROP_OK;
}


static int
rtprop_chat_check_attachment(const json_t *item)
{
    const json_t  *url, *name, *mime, *size;

    url = item;

    if (json_is_object(item)) {
        url = rtprop_json_get(item, "url");
        name = rtprop_json_get(item, "name");
        mime = rtprop_json_get(item, "mime");
        size = rtprop_json_get(item, "size");

        if ((name && !json_is_string(name)) || (mime && !json_is_string(mime))
            || (size && (!json_is_integer(size)
                         || json_integer_value(size) < 0))
            || json_object_size(item) > 8)
        {
            return 0;
        }
    }

    return json_is_string(url)
           && rtprop_command_is_url((unsigned char *) json_string_value(url),
                                    json_string_length(url));
}


json_t *
rtprop_chat_message(const rtprop_chat_message_t *m)
{
    char           id[24];
    json_t        *sender, *attachments;
    unsigned char  at[RTPROP_TIME_LEN];

    (void) snprintf(id, sizeof(id), "%llu", (unsigned long long) m->id);
    rtprop_time_format(m->created_at, at);

    sender = json_pack("{s:o, s:o, s:o}",
                       "id", rtprop_payload_str(&m->from.id),
                       "name", rtprop_payload_str(&m->from.name),
                       "avatar", rtprop_payload_str(&m->from.avatar));

    attachments = m->attachments ? json_incref(m->attachments) : json_array();

    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s%, s:s%}",
                     "id", id,
                     "message_id", id,
                     "conversation_id", rtprop_payload_str(&m->conversation_id),
                     "content", rtprop_payload_str(&m->content),
                     "sender", sender,
                     "from", rtprop_payload_str(&m->from.id),
                     "attachments", attachments,
                     "client_message_id", m->client_message_id.len
                         ? rtprop_payload_str(&m->client_message_id)
                         : json_null(),
                     "created_at", (char *) at, (size_t) RTPROP_TIME_LEN,
                     "timestamp", (char *) at, (size_t) RTPROP_TIME_LEN);
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
