/*
 * rtprop_flat: one pass over the text, places of members as result.
 */

#include "base/rtprop_flat.h"


static const unsigned char *rtprop_flat_member(rtprop_flat_t *flat,
    rtprop_flat_t *inner, const unsigned char *p, const unsigned char *end);
static const unsigned char *rtprop_flat_value(rtprop_flat_t *flat,
    rtprop_flat_member_t *m, const unsigned char *p,
    const unsigned char *end);
static const unsigned char *rtprop_flat_string(const unsigned char *p,
    const unsigned char *end);
static const unsigned char *rtprop_flat_int(rtprop_flat_member_t *m,
    const unsigned char *p, const unsigned char *end);
static const unsigned char *rtprop_flat_word(rtprop_flat_member_t *m,
    const unsigned char *p, const unsigned char *end);
static int rtprop_flat_has(const rtprop_flat_t *flat,
    const rtprop_flat_member_t *m);
static const rtprop_flat_member_t *rtprop_flat_find(const rtprop_flat_t *flat,
    const char *name, size_t len);


size_t
rtprop_flat_read(rtprop_flat_t *flat, rtprop_flat_t *inner,
    const unsigned char *data, size_t len)
{
    const unsigned char  *p, *end;

    flat->text = data;
    flat->n = 0;

    if (inner != NULL) {
        inner->text = NULL;
    }

    if (len < 2 || *data != '{') {
        return 0;
    }

    end = data + (len < RTPROP_FLAT_TEXT ? len : RTPROP_FLAT_TEXT);
    p = rtprop_flat_space(data + 1, end);

    while (p < end && *p != '}') {

        if (flat->n) {
            if (*p != ',') {
                return 0;
            }

            p = rtprop_flat_space(p + 1, end);
        }

        p = rtprop_flat_member(flat, inner, p, end);

        if (p == NULL) {
            return 0;
        }

        p = rtprop_flat_space(p, end);
    }

    if (p == end) {
        return 0;
    }

    flat->len = p + 1 - data;

    return flat->len;
}


/* A name, a colon, a value; NULL: something else. */

static const unsigned char *
rtprop_flat_member(rtprop_flat_t *flat, rtprop_flat_t *inner,
    const unsigned char *p, const unsigned char *end)
{
    rtprop_flat_member_t  *m;
    const unsigned char   *start;

    if (flat->n == RTPROP_FLAT_MAX) {
        return NULL;
    }

    m = &flat->members[flat->n];
    start = p + 1;
    p = rtprop_flat_string(p, end);

    if (p == NULL) {
        return NULL;
    }

    m->key = (uint16_t) (start - flat->text);
    m->key_len = (uint16_t) (p - 1 - start);

    if (rtprop_flat_has(flat, m)) {
        return NULL;
    }

    p = rtprop_flat_space(p, end);

    if (p == end || *p != ':') {
        return NULL;
    }

    p = rtprop_flat_space(p + 1, end);

    if (p == end) {
        return NULL;
    }

    if (*p == '{') {

        if (inner == NULL || inner->text != NULL
            || rtprop_flat_read(inner, NULL, p, end - p) == 0)
        {
            return NULL;
        }

        m->type = RTPROP_FLAT_OBJECT;
        m->value = (uint16_t) (p - flat->text);
        m->value_len = (uint16_t) inner->len;
        p += inner->len;

    } else {
        p = rtprop_flat_value(flat, m, p, end);
    }

    flat->n++;

    return p;
}


static const unsigned char *
rtprop_flat_value(rtprop_flat_t *flat, rtprop_flat_member_t *m,
    const unsigned char *p, const unsigned char *end)
{
    const unsigned char  *start;

    start = p;

    switch (*p) {

    case '"':
        m->type = RTPROP_FLAT_STRING;
        start++;
        p = rtprop_flat_string(p, end);
        break;

    case '-': case '0': case '1': case '2': case '3': case '4':
    case '5': case '6': case '7': case '8': case '9':
        m->type = RTPROP_FLAT_INT;
        p = rtprop_flat_int(m, p, end);
        break;

    case '[':
        m->type = RTPROP_FLAT_NONE;
        p = rtprop_flat_space(p + 1, end);
        p = (p < end && *p == ']') ? p + 1 : NULL;
        break;

    default:
        p = rtprop_flat_word(m, p, end);
        break;
    }

    if (p != NULL) {
        m->value = (uint16_t) (start - flat->text);
        m->value_len = (uint16_t) (p - start
                                   - (m->type == RTPROP_FLAT_STRING));
    }

    return p;
}


/* From one quotation mark to behind the other. */

static const unsigned char *
rtprop_flat_string(const unsigned char *p, const unsigned char *end)
{
    size_t  n;

    if (p == end || *p != '"') {
        return NULL;
    }

    for (p++; p < end; p += n) {
        p += rtprop_json_plain(p, end);

        if (p == end || *p < 0x20 || *p == '\\') {
            return NULL;
        }

        if (*p == '"') {
            return p + 1;
        }

        n = rtprop_json_utf8_char(p, end);

        if (n == 0) {
            return NULL;
        }
    }

    return NULL;
}


/* Without what jansson writes in another way: "-0". */

static const unsigned char *
rtprop_flat_int(rtprop_flat_member_t *m, const unsigned char *p,
    const unsigned char *end)
{
    int                   minus;
    int64_t               n;
    const unsigned char  *start;

    minus = (*p == '-');
    p += minus;
    start = p;

    for (n = 0; p < end && *p >= '0' && *p <= '9'; p++) {

        if (p - start == RTPROP_FLAT_DIGITS) {
            return NULL;
        }

        n = n * 10 + (*p - '0');
    }

    if (p == start || p == end || *p == '.' || *p == 'e' || *p == 'E'
        || (*start == '0' && (minus || p - start > 1)))
    {
        return NULL;
    }

    m->i = minus ? -n : n;

    return p;
}


static const unsigned char *
rtprop_flat_word(rtprop_flat_member_t *m, const unsigned char *p,
    const unsigned char *end)
{
    size_t  left;

    left = end - p;

    if (left >= 4 && memcmp(p, "true", 4) == 0) {
        m->type = RTPROP_FLAT_TRUE;
        return p + 4;
    }

    if (left >= 4 && memcmp(p, "null", 4) == 0) {
        m->type = RTPROP_FLAT_NULL;
        return p + 4;
    }

    if (left >= 5 && memcmp(p, "false", 5) == 0) {
        m->type = RTPROP_FLAT_FALSE;
        return p + 5;
    }

    return NULL;
}


const unsigned char *
rtprop_flat_space(const unsigned char *p, const unsigned char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')) {
        p++;
    }

    return p;
}


/* Whether an earlier member has the name of m. */

static int
rtprop_flat_has(const rtprop_flat_t *flat, const rtprop_flat_member_t *m)
{
    return rtprop_flat_find(flat, (const char *) flat->text + m->key,
                            m->key_len)
           != NULL;
}


static const rtprop_flat_member_t *
rtprop_flat_find(const rtprop_flat_t *flat, const char *name, size_t len)
{
    unsigned  i;

    for (i = 0; i < flat->n; i++) {
        if (flat->members[i].key_len == len
            && memcmp(flat->text + flat->members[i].key, name, len) == 0)
        {
            return &flat->members[i];
        }
    }

    return NULL;
}


const rtprop_flat_member_t *
rtprop_flat_get(const rtprop_flat_t *flat, const char *name, size_t len)
{
    char                         camel[RTPROP_JSON_KEY_MAX];
    const rtprop_flat_member_t  *m;

    m = rtprop_flat_find(flat, name, len);

    if (m != NULL || len > RTPROP_JSON_KEY_MAX
        || memchr(name, '_', len) == NULL)
    {
        return m;
    }

    return rtprop_flat_find(flat, camel, rtprop_json_camel(camel, name, len));
}
