/*
 * rtprop_native: the native dialect's envelope.
 */

#include "protocols/native/rtprop_native.h"


static void rtprop_native_clear(rtprop_native_t *n);
static int rtprop_native_members(rtprop_native_t *n);
static int rtprop_native_flat_member(rtprop_native_t *n,
    const rtprop_flat_t *envelope, const rtprop_flat_member_t *m);
static void rtprop_native_id_text(rtprop_native_t *n,
    const unsigned char *text, size_t len);
static int rtprop_native_refuse(rtprop_native_t *n, const char *code,
    const char *message);
static int rtprop_native_id(rtprop_native_t *n);
static int rtprop_native_type(rtprop_native_t *n);
static int rtprop_native_payload(rtprop_native_t *n);
static unsigned char *rtprop_native_add(unsigned char *p, const void *data,
    size_t len);
static unsigned char *rtprop_native_add_number(unsigned char *p,
    uint64_t value);
static unsigned char *rtprop_native_add_hex(unsigned char *p, uint64_t value);


#define rtprop_native_add_text(p, text)                                      \
    rtprop_native_add(p, text, sizeof(text) - 1)


int
rtprop_native_decode(rtprop_native_t *n, const unsigned char *data,
    size_t len)
{
    const char  *err;

    rtprop_native_clear(n);

    n->root = rtprop_json_load(data, len, RTPROP_NATIVE_DEPTH, &err);

    if (n->root == NULL) {
        return rtprop_native_refuse(n, "invalid_json", err);
    }

    return rtprop_native_members(n);
}


int
rtprop_native_flat(rtprop_native_t *n, rtprop_flat_t *payload,
    const unsigned char *data, size_t len)
{
    size_t         i, size;
    rtprop_flat_t  envelope;

    rtprop_native_clear(n);

    size = rtprop_flat_read(&envelope, payload, data, len);

    if (size == 0 || rtprop_flat_space(data + size, data + len) < data + len) {
        return RTPROP_DECLINED;
    }

    for (i = 0; i < envelope.n; i++) {
        if (rtprop_native_flat_member(n, &envelope, &envelope.members[i])
            != RTPROP_OK)
        {
            return RTPROP_DECLINED;
        }
    }

    return (n->type.len && payload->text) ? RTPROP_OK : RTPROP_DECLINED;
}


static int
rtprop_native_flat_member(rtprop_native_t *n, const rtprop_flat_t *envelope,
    const rtprop_flat_member_t *m)
{
    rtprop_str_t  name, value;

    name.data = (unsigned char *) envelope->text + m->key;
    name.len = m->key_len;
    value = rtprop_flat_str(envelope, m);

    if (rtprop_str_eq(&name, "payload", 7)) {
        return m->type == RTPROP_FLAT_OBJECT ? RTPROP_OK : RTPROP_DECLINED;
    }

    if (rtprop_str_eq(&name, "type", 4)) {
        n->type = value;

        return (m->type == RTPROP_FLAT_STRING
                && value.len <= RTPROP_NATIVE_TYPE_MAX)
               ? RTPROP_OK : RTPROP_DECLINED;
    }

    if (!rtprop_str_eq(&name, "id", 2)) {
        return m->type == RTPROP_FLAT_OBJECT ? RTPROP_DECLINED : RTPROP_OK;
    }

    switch (m->type) {

    case RTPROP_FLAT_NULL:
        return RTPROP_OK;

    case RTPROP_FLAT_INT:
        memcpy(n->id_raw, value.data, value.len);
        n->id.len = value.len;
        return RTPROP_OK;

    case RTPROP_FLAT_STRING:
        if (value.len > RTPROP_NATIVE_ID_MAX) {
            return RTPROP_DECLINED;
        }

        rtprop_native_id_text(n, value.data, value.len);
        return RTPROP_OK;

    default:
        return RTPROP_DECLINED;
    }
}


int
rtprop_native_decode_json(rtprop_native_t *n, json_t *envelope)
{
    rtprop_native_clear(n);

    n->root = json_incref(envelope);

    return rtprop_native_members(n);
}


static void
rtprop_native_clear(rtprop_native_t *n)
{
    n->root = NULL;
    n->payload = NULL;
    n->id.len = 0;
    n->id.data = n->id_raw;
    n->type.len = 0;
    n->type.data = NULL;
}


static int
rtprop_native_members(rtprop_native_t *n)
{
    if (!json_is_object(n->root)) {
        return rtprop_native_refuse(n, "invalid_envelope",
                                    "a message is a JSON object with a type");
    }

    /* the id first, so that a refusal of the others can carry it */

    if (rtprop_native_id(n) != RTPROP_OK
        || rtprop_native_type(n) != RTPROP_OK
        || rtprop_native_payload(n) != RTPROP_OK)
    {
        return RTPROP_ERROR;
    }

    return RTPROP_OK;
}


void
rtprop_native_free(rtprop_native_t *n)
{
    json_decref(n->root);
    n->root = NULL;
}


static int
rtprop_native_refuse(rtprop_native_t *n, const char *code,
    const char *message)
{
    json_decref(n->root);

    n->root = NULL;
    n->code = code;
    n->message = message;

    return RTPROP_ERROR;
}


static int
rtprop_native_id(rtprop_native_t *n)
{
    int          len;
    size_t       size;
    json_t      *id;
    const char  *text;

    id = json_object_get(n->root, "id");

    if (id == NULL || json_is_null(id)) {
        return RTPROP_OK;
    }

    if (json_is_integer(id)) {
        len = snprintf((char *) n->id_raw, RTPROP_NATIVE_ID_RAW,
                       "%" JSON_INTEGER_FORMAT, json_integer_value(id));
        n->id.len = len;
        return RTPROP_OK;
    }

    if (!json_is_string(id)) {
        return rtprop_native_refuse(n, "invalid_envelope",
                                    "id must be a string or an integer");
    }

    text = json_string_value(id);
    size = json_string_length(id);

    if (size > RTPROP_NATIVE_ID_MAX) {
        return rtprop_native_refuse(n, "invalid_envelope",
                                    "id must be at most 128 octets long");
    }

    rtprop_native_id_text(n, (const unsigned char *) text, size);

    return RTPROP_OK;
}


static void
rtprop_native_id_text(rtprop_native_t *n, const unsigned char *text,
    size_t len)
{
    n->id_raw[0] = '"';
    len = rtprop_json_escape(n->id_raw + 1, text, len);
    n->id_raw[len + 1] = '"';
    n->id.len = len + 2;
}


static int
rtprop_native_type(rtprop_native_t *n)
{
    json_t  *type;

    type = json_object_get(n->root, "type");

    if (!json_is_string(type)) {
        return rtprop_native_refuse(n, "invalid_envelope",
                                    "type must be a string");
    }

    n->type.len = json_string_length(type);
    n->type.data = (unsigned char *) json_string_value(type);

    if (n->type.len == 0 || n->type.len > RTPROP_NATIVE_TYPE_MAX) {
        return rtprop_native_refuse(n, "invalid_envelope",
                                    "type must be 1 to 64 octets long");
    }

    return RTPROP_OK;
}


static int
rtprop_native_payload(rtprop_native_t *n)
{
    json_t  *payload;

    payload = json_object_get(n->root, "payload");

    if (payload == NULL) {
        return RTPROP_OK;
    }

    switch (json_typeof(payload)) {

    case JSON_NULL:
        return RTPROP_OK;

    case JSON_OBJECT:
    case JSON_ARRAY:
    case JSON_STRING:
    case JSON_INTEGER:
        n->payload = payload;
        return RTPROP_OK;

    default:
        return rtprop_native_refuse(n, "invalid_envelope",
                                    "payload must be an object");
    }
}


size_t
rtprop_native_frame_size(const rtprop_native_frame_t *f)
{
    return sizeof("{\"type\":\"\",\"id\":,\"channel\":\"\",\"epoch\":\"\","
                  "\"offset\":,\"payload\":{}}")
           + 16 + RTPROP_JSON_INT_LEN
           + rtprop_json_escape(NULL, f->type.data, f->type.len)
           + rtprop_json_escape(NULL, f->channel.data, f->channel.len)
           + f->id.len + f->payload.len;
}


size_t
rtprop_native_frame(unsigned char *dst, const rtprop_native_frame_t *f)
{
    unsigned char  *p;

    p = rtprop_native_add_text(dst, "{\"type\":\"");
    p += rtprop_json_escape(p, f->type.data, f->type.len);
    *p++ = '"';

    if (f->id.len) {
        p = rtprop_native_add_text(p, ",\"id\":");
        p = rtprop_native_add(p, f->id.data, f->id.len);
    }

    if (f->channel.len) {
        p = rtprop_native_add_text(p, ",\"channel\":\"");
        p += rtprop_json_escape(p, f->channel.data, f->channel.len);
        *p++ = '"';

        if (f->position) {
            p = rtprop_native_add_text(p, ",\"epoch\":\"");
            p = rtprop_native_add_hex(p, f->epoch);
            *p++ = '"';
        }

        p = rtprop_native_add_text(p, ",\"offset\":");
        p = rtprop_native_add_number(p, f->offset);
    }

    p = rtprop_native_add_text(p, ",\"payload\":");

    if (f->payload.len) {
        p = rtprop_native_add(p, f->payload.data, f->payload.len);

    } else {
        p = rtprop_native_add_text(p, "{}");
    }

    *p++ = '}';

    return p - dst;
}


static unsigned char *
rtprop_native_add(unsigned char *p, const void *data, size_t len)
{
    memcpy(p, data, len);

    return p + len;
}


static unsigned char *
rtprop_native_add_number(unsigned char *p, uint64_t value)
{
    unsigned char  digits[RTPROP_JSON_INT_LEN], *d;

    d = digits + sizeof(digits);

    do {
        *--d = '0' + value % 10;
        value /= 10;
    } while (value);

    return rtprop_native_add(p, d, digits + sizeof(digits) - d);
}


static unsigned char *
rtprop_native_add_hex(unsigned char *p, uint64_t value)
{
    int  shift;

    for (shift = 60; shift >= 0; shift -= 4) {
        *p++ = "0123456789abcdef"[(value >> shift) & 0xf];
    }

    return p;
}


json_t *
rtprop_native_error(const char *code, const char *message,
    const rtprop_str_t *event, json_t *extra)
{
    json_t  *payload;

    payload = json_pack("{s:s, s:s}", "code", code, "message", message);

    if (payload == NULL) {
        return NULL;
    }

    if (event->len
        && json_object_set_new(payload, "event",
                               json_stringn((char *) event->data, event->len))
           != 0)
    {
        json_decref(payload);
        return NULL;
    }

    if (extra != NULL && json_object_update(payload, extra) != 0) {
        json_decref(payload);
        return NULL;
    }

    return payload;
}
