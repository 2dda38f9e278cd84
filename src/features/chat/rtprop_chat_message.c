/*
 * What a message may contain, and how it goes out.
 */

#include "features/chat/rtprop_chat.h"

#include "base/rtprop_json.h"
#include "base/rtprop_time.h"
#include "base/rtprop_url.h"
#include "base/rtprop_utf8.h"


#define RTPROP_CHAT_NUMBER  20          /* octets of the largest number */


static rtprop_str_t rtprop_chat_number(uint64_t number, unsigned char *buf);
static int rtprop_chat_content_check(const rtprop_str_t *content,
    rtprop_invalid_t *why);
static int rtprop_chat_attachments_check(const json_t *attachments,
    rtprop_invalid_t *why);
static inline unsigned char *rtprop_chat_put(unsigned char *p,
    const char *key, const rtprop_str_t *value);
static inline unsigned char *rtprop_chat_add(unsigned char *p,
    const char *key, const rtprop_str_t *value);
static inline unsigned char *rtprop_chat_raw(unsigned char *p,
    const void *text, size_t len);
static uint32_t rtprop_chat_char(const unsigned char *p, size_t *len);
static int rtprop_chat_blank(uint32_t c);
static int rtprop_chat_attachment_check(const json_t *item,
    rtprop_invalid_t *why);
static int rtprop_chat_url(const json_t *url);


static const rtprop_str_t  rtprop_chat_none = rtprop_string("[]");


int
rtprop_chat_check(const rtprop_str_t *content, const json_t *attachments,
    rtprop_invalid_t *why)
{
    if (rtprop_chat_content_check(content, why) != RTPROP_OK) {
        return RTPROP_ERROR;
    }

    return rtprop_chat_attachments_check(attachments, why);
}


static int
rtprop_chat_content_check(const rtprop_str_t *content, rtprop_invalid_t *why)
{
    size_t  i, len;

    why->field = "content";

    if (!rtprop_utf8_valid(content->data, content->len)) {
        why->message = "content must be UTF-8";
        return RTPROP_ERROR;
    }

    for (i = 0; i < content->len; i += len) {
        if (!rtprop_chat_blank(rtprop_chat_char(content->data + i, &len))) {
            break;
        }
    }

    if (i == content->len) {
        why->message = "content must not be empty";
        return RTPROP_ERROR;
    }

    if (rtprop_utf8_length(content->data, content->len)
        > RTPROP_CHAT_CONTENT)
    {
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


static int
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


size_t
rtprop_chat_message_max(const rtprop_chat_message_t *m)
{
    return 300 + 2 * (RTPROP_CHAT_NUMBER + RTPROP_TIME_LEN)
           + m->attachments.len
           + 6 * (m->conversation_id.len + m->content.len
                  + 2 * m->from.id.len + m->from.name.len
                  + m->from.avatar.len + m->client_message_id.len);
}


/*
 * Written by hand: this is what a chat does most, and a tree of values for each
 * message costs more than the fan-out of a small room.
 */

size_t
rtprop_chat_message(const rtprop_chat_message_t *m, unsigned char *dst)
{
    rtprop_str_t    number;
    unsigned char   id[RTPROP_CHAT_NUMBER], at[RTPROP_TIME_LEN], *p;
    rtprop_str_t    time = { RTPROP_TIME_LEN, at };

    number = rtprop_chat_number(m->id, id);
    rtprop_time_format(m->created_at, at);

    p = rtprop_chat_add(dst, "{\"id\":\"", &number);
    p = rtprop_chat_add(p, "\",\"message_id\":\"", &number);
    p = rtprop_chat_put(p, "\",\"conversation_id\":", &m->conversation_id);
    p = rtprop_chat_put(p, ",\"content\":", &m->content);
    p = rtprop_chat_put(p, ",\"sender\":{\"id\":", &m->from.id);
    p = rtprop_chat_put(p, ",\"name\":", &m->from.name);
    p = rtprop_chat_put(p, ",\"avatar\":", &m->from.avatar);
    p = rtprop_chat_put(p, "},\"from\":", &m->from.id);
    p = rtprop_chat_add(p, ",\"attachments\":",
                        m->attachments.len ? &m->attachments
                                           : &rtprop_chat_none);
    p = rtprop_chat_put(p, ",\"client_message_id\":", &m->client_message_id);
    p = rtprop_chat_add(p, ",\"created_at\":\"", &time);
    p = rtprop_chat_add(p, "\",\"timestamp\":\"", &time);
    p = rtprop_chat_raw(p, "\"}", 2);

    return p - dst;
}


size_t
rtprop_chat_delivered_max(const rtprop_str_t *id, const rtprop_str_t *user)
{
    return 100 + RTPROP_CHAT_NUMBER + 6 * (id->len + user->len);
}


size_t
rtprop_chat_delivered(const rtprop_str_t *id, uint64_t message,
    const rtprop_str_t *user, unsigned char *dst)
{
    rtprop_str_t    number;
    unsigned char   buf[RTPROP_CHAT_NUMBER], *p;

    number = rtprop_chat_number(message, buf);

    p = rtprop_chat_put(dst, "{\"conversation_id\":", id);
    p = rtprop_chat_add(p, ",\"message_id\":\"", &number);
    p = rtprop_chat_put(p, "\",\"user_id\":", user);
    p = rtprop_chat_raw(p, "}", 1);

    return p - dst;
}


/* The number as text, at the end of buf. */

static rtprop_str_t
rtprop_chat_number(uint64_t number, unsigned char *buf)
{
    rtprop_str_t  s;

    s.data = buf + RTPROP_CHAT_NUMBER;

    do {
        *--s.data = '0' + number % 10;
        number /= 10;
    } while (number);

    s.len = buf + RTPROP_CHAT_NUMBER - s.data;

    return s;
}


/* A key as it stands and a text, or null. */

static inline unsigned char *
rtprop_chat_put(unsigned char *p, const char *key, const rtprop_str_t *value)
{
    p = rtprop_chat_raw(p, key, strlen(key));

    if (value->len == 0) {
        return rtprop_chat_raw(p, "null", 4);
    }

    *p++ = '"';
    p += rtprop_json_escape(p, value->data, value->len);
    *p++ = '"';

    return p;
}


/* A key and what is JSON already. */

static inline unsigned char *
rtprop_chat_add(unsigned char *p, const char *key, const rtprop_str_t *value)
{
    p = rtprop_chat_raw(p, key, strlen(key));

    return rtprop_chat_raw(p, value->data, value->len);
}


static inline unsigned char *
rtprop_chat_raw(unsigned char *p, const void *text, size_t len)
{
    memcpy(p, text, len);

    return p + len;
}
