#include "features/chat/rtprop_chat_message.h"

#include "base/rtprop_payload.h"
#include "base/rtprop_url.h"
#include "base/rtprop_utf8.h"


static uint32_t rtprop_chat_char(const unsigned char *p, size_t *len);
static int rtprop_chat_blank(uint32_t c);
static int rtprop_chat_attachment_check(const json_t *item,
    rtprop_invalid_t *why);
static int rtprop_chat_url(const json_t *url);
static json_t *rtprop_chat_shown(json_t *person, const json_t *presence);
static json_t *rtprop_chat_sender(const json_t *doc,
    const rtprop_chat_person_t *from);
static json_t *rtprop_chat_last(const json_t *doc);


int
rtprop_chat_content_check(const rtprop_str_t *content, rtprop_invalid_t *why)
{
    size_t  i, n, len;
    int     blank;

    why->field = "content";

    if (!rtprop_utf8_valid(content->data, content->len)) {
        why->message = "content must be UTF-8";
        return RTPROP_ERROR;
    }

    blank = 1;
    n = 0;

    for (i = 0; i < content->len; i += len) {
        blank &= rtprop_chat_blank(rtprop_chat_char(content->data + i, &len));
        n++;
    }

    if (blank) {
        why->message = "content must not be empty";
        return RTPROP_ERROR;
    }

    if (n > RTPROP_CHAT_CONTENT) {
        why->message = "content must be at most 5000 characters";
        return RTPROP_ERROR;
    }

    return RTPROP_OK;
}


/* The character at p in valid UTF-8, and how many octets it has. */

static uint32_t
rtprop_chat_char(const unsigned char *p, size_t *len)
{
    size_t    i;
    uint32_t  c;

    if (*p < 0x80) {
        *len = 1;
        return *p;
    }

    *len = *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

    c = *p & (0x7f >> *len);

    for (i = 1; i < *len; i++) {
        c = c << 6 | (p[i] & 0x3f);
    }

    return c;
}


/* Unicode's White_Space, control characters, and what shows nothing. */

static int
rtprop_chat_blank(uint32_t c)
{
    return c <= 0x20 || (c >= 0x7f && c <= 0xa0) || c == 0xad || c == 0x1680
           || c == 0x180e || (c >= 0x2000 && c <= 0x200f)
           || (c >= 0x2028 && c <= 0x202f) || (c >= 0x205f && c <= 0x206f)
           || c == 0x3000 || c == 0xfeff;
}


int
rtprop_chat_attachments_check(const json_t *attachments,
    rtprop_invalid_t *why)
{
    size_t   i;
    json_t  *item;

    why->field = "attachments";

    if (attachments == NULL || json_is_null(attachments)) {
        return RTPROP_OK;
    }

    if (!json_is_array(attachments)
        || json_array_size(attachments) > RTPROP_CHAT_ATTACHMENTS)
    {
        why->message = "attachments must be an array of at most 5";
        return RTPROP_ERROR;
    }

    json_array_foreach (attachments, i, item) {
        if (rtprop_chat_attachment_check(item, why) != RTPROP_OK) {
            return RTPROP_ERROR;
        }
    }

    return RTPROP_OK;
}


static int
rtprop_chat_attachment_check(const json_t *item, rtprop_invalid_t *why)
{
    void        *iter;
    json_t      *value;
    const char  *key;

    why->message = "an attachment must have a http, https or local url";

    if (!json_is_object(item)) {
        return rtprop_chat_url(item) ? RTPROP_OK : RTPROP_ERROR;
    }

    if (!rtprop_chat_url(json_object_get(item, "url"))) {
        return RTPROP_ERROR;
    }

    why->message = "an attachment has name and mime as texts, size as integer";

    for (iter = json_object_iter((json_t *) item);
         iter;
         iter = json_object_iter_next((json_t *) item, iter))
    {
        key = json_object_iter_key(iter);
        value = json_object_iter_value(iter);

        if (json_is_object(value) || json_is_array(value)) {
            return RTPROP_ERROR;
        }

        if ((strcmp(key, "name") == 0 || strcmp(key, "mime") == 0)
            && !json_is_string(value) && !json_is_null(value))
        {
            return RTPROP_ERROR;
        }

        if (strcmp(key, "size") == 0 && !json_is_null(value)
            && (!json_is_integer(value) || json_integer_value(value) < 0
                || json_integer_value(value) > RTPROP_INT_MAX))
        {
            return RTPROP_ERROR;
        }
    }

    return RTPROP_OK;
}


static int
rtprop_chat_url(const json_t *url)
{
    return json_is_string(url)
           && rtprop_url_safe((const unsigned char *) json_string_value(url),
                              json_string_length(url));
}


json_t *
rtprop_chat_message_payload(const json_t *doc,
    const rtprop_str_t *conversation_id, const rtprop_chat_draft_t *draft,
    const rtprop_chat_sent_t *sent)
{
    json_t              *attachments;
    const rtprop_str_t  *client;

    client = &draft->client_message_id;

    attachments = json_is_array(draft->attachments)
                  ? json_incref(draft->attachments) : json_array();

    return json_pack("{ss, ss, so, so, so, so, so, so, so, so}",
                     "id", sent->id,
                     "message_id", sent->id,
                     "conversation_id", rtprop_payload_str(conversation_id),
                     "content", rtprop_payload_str(&draft->content),
                     "sender", rtprop_chat_sender(doc, &draft->from),
                     "from", rtprop_payload_str(&draft->from.id),
                     "attachments", attachments,
                     "client_message_id",
                     client->len ? rtprop_payload_str(client) : json_null(),
                     "created_at", rtprop_payload_time(sent->created_at),
                     "timestamp", rtprop_payload_time(sent->created_at));
}


static json_t *
rtprop_chat_sender(const json_t *doc, const rtprop_chat_person_t *from)
{
    json_t  *person, *name, *avatar;

    person = rtprop_chat_participant(doc, &from->id);

    name = json_object_get(person, "name");
    avatar = json_object_get(person, "avatar");

    return json_pack("{so, so, so}",
                     "id", rtprop_payload_str(&from->id),
                     "name",
                     json_is_string(name) ? json_incref(name)
                                          : rtprop_payload_str(&from->name),
                     "avatar",
                     json_is_string(avatar)
                     ? json_incref(avatar)
                     : rtprop_payload_str(&from->avatar));
}


json_t *
rtprop_chat_ack_payload(const rtprop_chat_draft_t *draft,
    const rtprop_chat_sent_t *sent)
{
    const rtprop_str_t  *client;

    client = &draft->client_message_id;

    return json_pack("{ss, so, so}",
                     "message_id", sent->id,
                     "client_message_id",
                     client->len ? rtprop_payload_str(client) : json_null(),
                     "created_at", rtprop_payload_time(sent->created_at));
}


json_t *
rtprop_chat_joined_payload(const json_t *doc,
    const rtprop_str_t *conversation_id, const rtprop_str_t *user,
    const json_t *presence)
{
    size_t   i;
    json_t  *people, *shown, *person;

    people = rtprop_chat_participants(doc);
    shown = json_array();

    json_array_foreach (people, i, person) {
        if (i == RTPROP_CHAT_SHOWN) {
            break;
        }

        if (json_array_append_new(shown, rtprop_chat_shown(person, presence))
            != 0)
        {
            json_decref(shown);
            return NULL;
        }
    }

    return json_pack("{so, so, sI, so, sI}",
                     "conversation_id", rtprop_payload_str(conversation_id),
                     "participants", shown,
                     "participant_count",
                     (json_int_t) json_array_size(people),
                     "last_message_id", rtprop_chat_last(doc),
                     "unread_count",
                     (json_int_t) rtprop_chat_unread(doc, user));
}


static json_t *
rtprop_chat_shown(json_t *person, const json_t *presence)
{
    json_t      *id, *name, *seen;
    json_int_t   last_seen;

    id = json_object_get(person, "id");
    name = json_object_get(person, "name");
    seen = json_object_get(presence, json_string_value(id));

    last_seen = json_is_integer(seen) ? json_integer_value(seen) : -1;

    return json_pack("{sO, sO, sb, so}",
                     "id", id,
                     "name", name,
                     "online", (int) json_is_true(seen),
                     "last_seen", rtprop_payload_time(last_seen));
}


static json_t *
rtprop_chat_last(const json_t *doc)
{
    char    id[RTPROP_CHAT_ID_LEN + 1];
    size_t  n;

    n = rtprop_chat_last_id(doc, id);

    return n ? json_stringn(id, n) : json_null();
}


json_t *
rtprop_chat_resource_json(const json_t *doc,
    const rtprop_str_t *conversation_id, uint64_t version)
{
    return json_pack("{so, so, so, so, so, so, sI}",
                     "id", rtprop_payload_str(conversation_id),
                     "conversation_id", rtprop_payload_str(conversation_id),
                     "participants",
                     rtprop_payload_value(rtprop_chat_participants(doc)),
                     "property_id",
                     rtprop_payload_value(json_object_get(doc, "property_id")),
                     "title",
                     rtprop_payload_value(json_object_get(doc, "title")),
                     "last_message_id", rtprop_chat_last(doc),
                     "version", (json_int_t) version);
}


json_t *
rtprop_chat_user_payload(const rtprop_str_t *conversation_id,
    const rtprop_str_t *user, const rtprop_str_t *name)
{
    return json_pack("{so, so, so}",
                     "conversation_id", rtprop_payload_str(conversation_id),
                     "user_id", rtprop_payload_str(user),
                     "user_name", rtprop_payload_str(name));
}


json_t *
rtprop_chat_typing_payload(const rtprop_str_t *conversation_id,
    const rtprop_str_t *user, const rtprop_str_t *name, int is_typing)
{
    return json_pack("{so, so, so, sb}",
                     "conversation_id", rtprop_payload_str(conversation_id),
                     "user_id", rtprop_payload_str(user),
                     "user_name", rtprop_payload_str(name),
                     "is_typing", is_typing);
}


json_t *
rtprop_chat_read_payload(const rtprop_str_t *conversation_id,
    const rtprop_str_t *message_id, const rtprop_str_t *user, int64_t now)
{
    return json_pack("{so, so, so, so, so, so, so}",
                     "conversation_id", rtprop_payload_str(conversation_id),
                     "message_id", rtprop_payload_str(message_id),
                     "up_to_message_id", rtprop_payload_str(message_id),
                     "last_message_id", rtprop_payload_str(message_id),
                     "read_by", rtprop_payload_str(user),
                     "user_id", rtprop_payload_str(user),
                     "read_at", rtprop_payload_time(now));
}


json_t *
rtprop_chat_delivered_payload(const rtprop_str_t *conversation_id,
    const rtprop_str_t *message_id, const rtprop_str_t *user)
{
    return json_pack("{so, so, so}",
                     "conversation_id", rtprop_payload_str(conversation_id),
                     "message_id", rtprop_payload_str(message_id),
                     "user_id", rtprop_payload_str(user));
}


json_t *
rtprop_chat_presence_payload(const rtprop_str_t *conversation_id,
    const rtprop_str_t *user, const rtprop_str_t *name, int64_t last_seen)
{
    return json_pack("{so, so, so, so}",
                     "user_id", rtprop_payload_str(user),
                     "user_name", rtprop_payload_str(name),
                     "conversation_id", rtprop_payload_str(conversation_id),
                     "last_seen", rtprop_payload_time(last_seen));
}


json_t *
rtprop_chat_history_payload(const rtprop_str_t *conversation_id,
    json_t *messages, int has_more)
{
    return json_pack("{so, so, sb}",
                     "conversation_id", rtprop_payload_str(conversation_id),
                     "messages", messages,
                     "has_more", has_more);
}
