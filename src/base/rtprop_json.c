/*
 * rtprop_json: strict, bounded reading of JSON.
 */

#include "base/rtprop_json.h"

#include <stdio.h>
#include <stdlib.h>


#define RTPROP_JSON_DIGITS  300       /* below the largest double */


typedef struct {
    const unsigned char  *data;
    size_t                len;
    unsigned              max_depth;
    size_t                big;        /* integers beyond 64 bits */
    const char           *err;
} rtprop_json_scan_t;


static int rtprop_json_scan(rtprop_json_scan_t *scan);
static size_t rtprop_json_scan_string(const rtprop_json_scan_t *scan,
    size_t pos);
static size_t rtprop_json_number(const rtprop_json_scan_t *scan, size_t pos,
    int *big);
static json_t *rtprop_json_load_big(const rtprop_json_scan_t *scan,
    json_error_t *error);
static const char *rtprop_json_error(const json_error_t *error);


static const char  rtprop_json_int64_max[] = "9223372036854775807";
static const char  rtprop_json_int64_min[] = "9223372036854775808";


json_t *
rtprop_json_load(const unsigned char *data, size_t len, unsigned max_depth,
    const char **err)
{
    json_t              *json;
    json_error_t         error;
    rtprop_json_scan_t   scan;

    scan.data = data;
    scan.len = len;
    scan.max_depth = max_depth;
    scan.big = 0;
    scan.err = NULL;

    if (rtprop_json_scan(&scan) != RTPROP_OK) {
        *err = scan.err;
        return NULL;
    }

    json = scan.big
           ? rtprop_json_load_big(&scan, &error)
           : json_loadb((const char *) data, len,
                        JSON_REJECT_DUPLICATES|JSON_DECODE_ANY, &error);

    if (json == NULL) {
        *err = rtprop_json_error(&error);
    }

    return json;
}


/*
 * A first look, before jansson: jansson recurses 2048 levels deep, may pass
 * over a NUL between tokens, and gives up on integers beyond 64 bits.
 */

static int
rtprop_json_scan(rtprop_json_scan_t *scan)
{
    int            big;
    size_t         i;
    unsigned       depth;
    unsigned char  ch;

    depth = 0;

    if (scan->len == 0) {
        scan->err = "empty text";
        return RTPROP_ERROR;
    }

    if (memchr(scan->data, '\0', scan->len) != NULL) {
        scan->err = "NUL character";
        return RTPROP_ERROR;
    }

    for (i = 0; i < scan->len; i++) {
        ch = scan->data[i];

        if (ch == '"') {
            i = rtprop_json_scan_string(scan, i);

        } else if (ch == '{' || ch == '[') {

            if (++depth > scan->max_depth) {
                scan->err = "nested too deeply";
                return RTPROP_ERROR;
            }

        } else if ((ch == '}' || ch == ']') && depth) {
            depth--;

        } else if (ch >= '0' && ch <= '9') {
            i += rtprop_json_number(scan, i, &big) - 1;
            scan->big += big;
        }
    }

    return RTPROP_OK;
}


/* Returns the place of the closing quote, or the end. */

static size_t
rtprop_json_scan_string(const rtprop_json_scan_t *scan, size_t pos)
{
    for (pos++; pos < scan->len; pos++) {

        if (scan->data[pos] == '"') {
            return pos;
        }

        if (scan->data[pos] == '\\') {
            pos++;
        }
    }

    return scan->len;
}


/*
 * Returns the length of the number that starts with the digit at pos, and
 * whether it is, with the sign before it, an integer beyond 64 bits.
 */

static size_t
rtprop_json_number(const rtprop_json_scan_t *scan, size_t pos, int *big)
{
    size_t                i, len, digits;
    const char           *limit;
    const unsigned char  *data;

    data = scan->data + pos;
    len = scan->len - pos;
    limit = (pos && data[-1] == '-') ? rtprop_json_int64_min
                                     : rtprop_json_int64_max;

    for (i = 0; i < len && data[i] >= '0' && data[i] <= '9'; i++) {
        /* void */
    }

    digits = i;

    while (i < len
           && ((data[i] >= '0' && data[i] <= '9') || data[i] == '.'
               || data[i] == 'e' || data[i] == 'E' || data[i] == '+'
               || data[i] == '-'))
    {
        i++;
    }

    *big = (i == digits
            && (digits > 19
                || (digits == 19
                    && memcmp(data, limit, 19) > 0)));

    return i;
}


/*
 * An exponent after each such integer makes it a real for jansson; of its
 * digits as many are left as a double can count.
 */

static json_t *
rtprop_json_load_big(const rtprop_json_scan_t *scan, json_error_t *error)
{
    int             big;
    char           *copy, *dst;
    size_t          i, n, len;
    json_t         *json;

    copy = malloc(scan->len + 2 * scan->big);
    if (copy == NULL) {
        memset(error, 0, sizeof(json_error_t));
        error->text[JSON_ERROR_TEXT_LENGTH - 1] = json_error_out_of_memory;
        return NULL;
    }

    for (i = 0, dst = copy; i < scan->len; i += n) {
        n = 1;
        big = 0;

        if (scan->data[i] == '"') {
            n = rtprop_json_scan_string(scan, i) - i;
            n += (i + n < scan->len);

        } else if (scan->data[i] >= '0' && scan->data[i] <= '9') {
            n = rtprop_json_number(scan, i, &big);
        }

        len = (big && n > RTPROP_JSON_DIGITS) ? RTPROP_JSON_DIGITS : n;
        memcpy(dst, scan->data + i, len);
        dst += len;

        if (big) {
            *dst++ = 'e';
            *dst++ = '0';
        }
    }

    json = json_loadb(copy, dst - copy,
                      JSON_REJECT_DUPLICATES|JSON_DECODE_ANY, error);
    free(copy);

    return json;
}


static const char *
rtprop_json_error(const json_error_t *error)
{
    switch (json_error_code(error)) {

    case json_error_out_of_memory:
        return "out of memory";

    case json_error_invalid_utf8:
        return "not valid UTF-8";

    case json_error_premature_end_of_input:
        return "ends too early";

    case json_error_end_of_input_expected:
        return "unexpected bytes after the value";

    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "NUL character";

    case json_error_duplicate_key:
        return "duplicate key";

    case json_error_numeric_overflow:
        return "number out of range";

    default:
        return "not valid JSON";
    }
}


json_t *
rtprop_json_get(const json_t *obj, const char *key)
{
    char     camel[RTPROP_JSON_KEY_MAX + 1];
    size_t   len;
    json_t  *json;

    json = json_object_get(obj, key);

    if (json != NULL || strchr(key, '_') == NULL) {
        return json;
    }

    len = strlen(key);

    if (len > RTPROP_JSON_KEY_MAX) {
        return NULL;
    }

    camel[rtprop_json_camel(camel, key, len)] = '\0';

    return json_object_get(obj, camel);
}


size_t
rtprop_json_camel(char *dst, const char *name, size_t len)
{
    char    ch;
    size_t  i, n;

    for (i = 0, n = 0; i < len; i++) {
        ch = name[i];

        if (ch == '_' && i > 0 && i + 1 < len && name[i + 1] != '_') {
            ch = name[++i];

            if (ch >= 'a' && ch <= 'z') {
                ch -= 'a' - 'A';
            }
        }

        dst[n++] = ch;
    }

    return n;
}


int
rtprop_json_get_string(const json_t *obj, const char *key,
    rtprop_str_t *value)
{
    json_t  *json;

    json = rtprop_json_get(obj, key);

    if (json == NULL || json_is_null(json)) {
        return RTPROP_DECLINED;
    }

    if (!json_is_string(json)) {
        return RTPROP_ERROR;
    }

    value->data = (unsigned char *) json_string_value(json);
    value->len = json_string_length(json);

    return RTPROP_OK;
}


int
rtprop_json_get_id(const json_t *obj, const char *key, rtprop_str_t *value,
    unsigned char *buf)
{
    json_t  *json;

    json = rtprop_json_get(obj, key);

    if (json == NULL || json_is_null(json)) {
        return RTPROP_DECLINED;
    }

    return rtprop_json_id(json, value, buf);
}


int
rtprop_json_get_int(const json_t *obj, const char *key, int64_t *value)
{
    json_t  *json;

    json = rtprop_json_get(obj, key);

    if (json == NULL || json_is_null(json)) {
        return RTPROP_DECLINED;
    }

    return rtprop_json_int(json, value);
}


int
rtprop_json_get_bool(const json_t *obj, const char *key, int *value)
{
    json_t  *json;

    json = rtprop_json_get(obj, key);

    if (json == NULL || json_is_null(json)) {
        return RTPROP_DECLINED;
    }

    if (!json_is_boolean(json)) {
        return RTPROP_ERROR;
    }

    *value = json_is_true(json);

    return RTPROP_OK;
}


int
rtprop_json_id(const json_t *json, rtprop_str_t *value, unsigned char *buf)
{
    char                  text[RTPROP_JSON_INT_LEN + 1];
    size_t                len;
    int64_t               n;
    const unsigned char  *data;

    if (json_is_string(json)) {
        data = (const unsigned char *) json_string_value(json);
        len = json_string_length(json);

        if (!rtprop_json_id_valid(data, len)) {
            return RTPROP_ERROR;
        }

        value->data = (unsigned char *) data;
        value->len = len;

        return RTPROP_OK;
    }

    if (rtprop_json_int(json, &n) != RTPROP_OK) {
        return RTPROP_ERROR;
    }

    value->len = snprintf(text, sizeof(text), "%lld", (long long) n);
    value->data = buf;
    memcpy(buf, text, value->len);

    return RTPROP_OK;
}


int
rtprop_json_int(const json_t *json, int64_t *value)
{
    json_int_t  n;

    if (!json_is_integer(json)) {
        return RTPROP_ERROR;
    }

    n = json_integer_value(json);

    if (n > RTPROP_INT_MAX || n < -RTPROP_INT_MAX) {
        return RTPROP_ERROR;
    }

    *value = n;

    return RTPROP_OK;
}


int
rtprop_json_id_valid(const unsigned char *data, size_t len)
{
    size_t                n;
    const unsigned char  *p, *end;

    if (len == 0 || len > RTPROP_JSON_ID_MAX) {
        return 0;
    }

    end = data + len;

    for (p = data; p < end; p += n) {

        if (*p <= ' ' || *p == 0x7f) {
            return 0;
        }

        n = rtprop_json_utf8_char(p, end);
        if (n == 0) {
            return 0;
        }
    }

    return 1;
}


size_t
rtprop_json_utf8_char(const unsigned char *p, const unsigned char *end)
{
    size_t         i, n;
    unsigned char  low, high;

    if (*p < 0x80) {
        return 1;
    }

    n = (*p >= 0xc2 && *p <= 0xdf) ? 2
        : (*p >= 0xe0 && *p <= 0xef) ? 3
        : (*p >= 0xf0 && *p <= 0xf4) ? 4 : 0;

    if (n == 0 || (size_t) (end - p) < n) {
        return 0;
    }

    /* RFC 3629, section 4: the second byte's range depends on the first */

    low = (*p == 0xe0) ? 0xa0 : (*p == 0xf0) ? 0x90 : 0x80;
    high = (*p == 0xed) ? 0x9f : (*p == 0xf4) ? 0x8f : 0xbf;

    if (p[1] < low || p[1] > high) {
        return 0;
    }

    for (i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return n;
}


/*
 * A character that must be escaped, of n bytes; or what is none, n being 0.
 * Returns how many bytes of out it became.
 */

static size_t
rtprop_json_escape_char(unsigned char *out, const unsigned char *src, size_t n)
{
    static const char  hex[] = "0123456789abcdef";

    if (n == 0) {
        out[0] = '?';
        return 1;
    }

    if (*src == '"' || *src == '\\') {
        out[0] = '\\';
        out[1] = *src;
        return 2;
    }

    if (*src == '\n' || *src == '\r' || *src == '\t') {
        out[0] = '\\';
        out[1] = *src == '\n' ? 'n' : *src == '\r' ? 'r' : 't';
        return 2;
    }

    if (*src < 0x20 || *src == 0x7f) {
        memcpy(out, "\\u00", 4);
        out[4] = hex[*src >> 4];
        out[5] = hex[*src & 15];
        return 6;
    }

    memcpy(out, src, n);
    return n;
}


size_t
rtprop_json_escape(unsigned char *dst, const unsigned char *src, size_t len)
{
    size_t                i, n, size;
    unsigned char         out[6];
    const unsigned char  *end;

    size = 0;
    end = src + len;

    while (src < end) {

        n = rtprop_json_plain(src, end);

        if (n) {
            if (dst != NULL) {
                memcpy(dst + size, src, n);
            }

            size += n;
            src += n;
            continue;
        }

        n = rtprop_json_utf8_char(src, end);

        i = rtprop_json_escape_char(out, src, n);

        if (dst != NULL) {
            memcpy(dst + size, out, i);
        }

        size += i;
        src += n ? n : 1;
    }

    return size;
}
