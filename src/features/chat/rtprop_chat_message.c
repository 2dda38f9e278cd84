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
static size_t rtprop_chat_put(unsigned char *dst, size_t n, const char *key,
    const rtprop_str_t *value);
static size_t rtprop_chat_raw(unsigned char *dst, size_t n, const void *text,
    size_t len);
static uint32_t rtprop_chat_char(const unsigned char *p, size_t *len);
static int rtprop_chat_blank(uint32_t c);
static int rtprop_chat_attachment_check(const json_t *item,
    rtprop_invalid_t *why);
static int rtprop_chat_url(const json_t *url);


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


/*
 * Written by hand: this is what a chat does most, and a tree of values for each
 * message costs more than the fan-out of a small room.
 */

size_t
rtprop_chat_message(const rtprop_chat_message_t *m, unsigned char *dst)
{
    size_t          n;
    rtprop_str_t    number;
    unsigned char   id[RTPROP_CHAT_NUMBER], at[RTPROP_TIME_LEN];
    rtprop_str_t    time = { RTPROP_TIME_LEN, at };

    number = rtprop_chat_number(m->id, id);

    if (dst) {
        rtprop_time_format(m->created_at, at);

    } else {
        memset(at, '0', sizeof(at));
    }

    n = 0;
    n += rtprop_chat_put(dst, n, "{\"id\":", &number);
    n += rtprop_chat_put(dst, n, ",\"message_id\":", &number);
    n += rtprop_chat_put(dst, n, ",\"conversation_id\":",
                         &m->conversation_id);
    n += rtprop_chat_put(dst, n, ",\"content\":", &m->content);
    n += rtprop_chat_put(dst, n, ",\"sender\":{\"id\":", &m->from.id);
    n += rtprop_chat_put(dst, n, ",\"name\":", &m->from.name);
    n += rtprop_chat_put(dst, n, ",\"avatar\":", &m->from.avatar);
    n += rtprop_chat_put(dst, n, "},\"from\":", &m->from.id);
    n += rtprop_chat_raw(dst, n, ",\"attachments\":", 15);
    n += m->attachments.len
         ? rtprop_chat_raw(dst, n, m->attachments.data, m->attachments.len)
         : rtprop_chat_raw(dst, n, "[]", 2);
    n += rtprop_chat_put(dst, n, ",\"client_message_id\":",
                         &m->client_message_id);
    n += rtprop_chat_put(dst, n, ",\"created_at\":", &time);
    n += rtprop_chat_put(dst, n, ",\"timestamp\":", &time);
    n += rtprop_chat_raw(dst, n, "}", 1);

    return n;
}


size_t
rtprop_chat_delivered(const rtprop_str_t *id, uint64_t message,
    const rtprop_str_t *user, unsigned char *dst)
{
    size_t          n;
    rtprop_str_t    number;
    unsigned char   buf[RTPROP_CHAT_NUMBER];

    number = rtprop_chat_number(message, buf);

    n = 0;
    n += rtprop_chat_put(dst, n, "{\"conversation_id\":", id);
    n += rtprop_chat_put(dst, n, ",\"message_id\":", &number);
    n += rtprop_chat_put(dst, n, ",\"user_id\":", user);
    n += rtprop_chat_raw(dst, n, "}", 1);

    return n;
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


/* A key as it stands and a text, or null; with dst NULL it only counts. */

static size_t
rtprop_chat_put(unsigned char *dst, size_t n, const char *key,
    const rtprop_str_t *value)
{
    size_t  len;

    len = rtprop_chat_raw(dst, n, key, strlen(key));

    if (value->len == 0) {
        return len + rtprop_chat_raw(dst, n + len, "null", 4);
    }

    len += rtprop_chat_raw(dst, n + len, "\"", 1);
    len += rtprop_json_escape(dst ? dst + n + len : NULL, value->data,
                              value->len);

    return len + rtprop_chat_raw(dst, n + len, "\"", 1);
}


static size_t
rtprop_chat_raw(unsigned char *dst, size_t n, const void *text, size_t len)
{
    if (dst) {
        memcpy(dst + n, text, len);
    }

    return len;
}
