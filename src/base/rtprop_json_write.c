/*
 * rtprop_json: compact writing of JSON, and the spelling of its keys.
 *
 * Our own writer, since jansson's gives 17 digits to each real (5.3 would
 * leave as 5.2999999999999998) and can't spell keys on the way.
 */

#include "base/rtprop_json.h"

#include <stdio.h>
#include <stdlib.h>


typedef struct {
    rtprop_json_buf_t    *buf;
    const char           *keys;       /* NULL: spell nothing */
    rtprop_json_spell_e   mode;
} rtprop_json_writer_t;


/* The spellings of one key: one or two. */

typedef struct {
    const char           *name[2];
    unsigned              n;          /* 0: the other spelling counts */
    char                  snake[RTPROP_JSON_KEY_MAX + 1];
    char                  camel[RTPROP_JSON_KEY_MAX + 1];
} rtprop_json_names_t;


static int rtprop_json_write(rtprop_json_writer_t *w, const json_t *json,
    unsigned depth);
static int rtprop_json_write_object(rtprop_json_writer_t *w,
    const json_t *json, unsigned depth);
static int rtprop_json_write_array(rtprop_json_writer_t *w,
    const json_t *json, unsigned depth);
static int rtprop_json_write_number(rtprop_json_buf_t *buf,
    const json_t *json);
static int rtprop_json_reserve(rtprop_json_buf_t *buf, size_t len);
static json_t *rtprop_json_respell_value(json_t *json,
    const rtprop_json_writer_t *w, unsigned depth);
static json_t *rtprop_json_respell_object(json_t *json,
    const rtprop_json_writer_t *w, unsigned depth);
static json_t *rtprop_json_respell_array(json_t *json,
    const rtprop_json_writer_t *w, unsigned depth);
static void rtprop_json_names(const rtprop_json_writer_t *w,
    const json_t *obj, const char *key, rtprop_json_names_t *names);
static size_t rtprop_json_find(const char *keys, const char *key,
    const char **word);
static int rtprop_json_is_spelling(const char *word, size_t len,
    const char *key);
static int rtprop_json_is_free(const char *key);


int
rtprop_json_dump(const json_t *json, rtprop_str_t *str)
{
    rtprop_json_buf_t  buf;

    memset(&buf, 0, sizeof(buf));
    memset(str, 0, sizeof(rtprop_str_t));

    if (rtprop_json_dump_buf(json, &buf) != RTPROP_OK
        || rtprop_json_buf_add(&buf, "", 1) != RTPROP_OK)
    {
        free(buf.data);
        return RTPROP_ERROR;
    }

    str->data = buf.data;
    str->len = buf.len - 1;

    return RTPROP_OK;
}


int
rtprop_json_dump_buf(const json_t *json, rtprop_json_buf_t *buf)
{
    return rtprop_json_dump_spelled(json, NULL, RTPROP_JSON_SNAKE, buf);
}


int
rtprop_json_dump_spelled(const json_t *json, const char *keys,
    rtprop_json_spell_e mode, rtprop_json_buf_t *buf)
{
    size_t                len;
    rtprop_json_writer_t  w;

    w.buf = buf;
    w.keys = keys;
    w.mode = mode;

    len = buf->len;

    if (rtprop_json_write(&w, json, 0) != RTPROP_OK) {
        buf->len = len;
        return RTPROP_ERROR;
    }

    return RTPROP_OK;
}


static int
rtprop_json_write(rtprop_json_writer_t *w, const json_t *json,
    unsigned depth)
{
    if (json == NULL || depth > RTPROP_JSON_DEPTH) {
        return RTPROP_ERROR;
    }

    switch (json_typeof(json)) {

    case JSON_OBJECT:
        return rtprop_json_write_object(w, json, depth);

    case JSON_ARRAY:
        return rtprop_json_write_array(w, json, depth);

    case JSON_STRING:
        return rtprop_json_buf_string(w->buf, json_string_value(json),
                                      json_string_length(json));

    case JSON_INTEGER:
    case JSON_REAL:
        return rtprop_json_write_number(w->buf, json);

    case JSON_TRUE:
        return rtprop_json_buf_add(w->buf, "true", 4);

    case JSON_FALSE:
        return rtprop_json_buf_add(w->buf, "false", 5);

    default:
        return rtprop_json_buf_add(w->buf, "null", 4);
    }
}


static int
rtprop_json_write_object(rtprop_json_writer_t *w, const json_t *json,
    unsigned depth)
{
    int                   rc;
    void                 *iter;
    json_t               *obj;
    unsigned              i, some;
    const char           *key, *keys;
    rtprop_json_names_t   names;

    obj = (json_t *) json;     /* jansson's iterators are not const */
    keys = w->keys;
    some = 0;
    rc = rtprop_json_buf_add(w->buf, "{", 1);

    for (iter = json_object_iter(obj);
         iter != NULL && rc == RTPROP_OK;
         iter = json_object_iter_next(obj, iter))
    {
        key = json_object_iter_key(iter);
        rtprop_json_names(w, obj, key, &names);

        for (i = 0; i < names.n && rc == RTPROP_OK; i++) {

            if ((some++ && rtprop_json_buf_add(w->buf, ",", 1) != RTPROP_OK)
                || rtprop_json_buf_string(w->buf, names.name[i],
                                          strlen(names.name[i]))
                   != RTPROP_OK
                || rtprop_json_buf_add(w->buf, ":", 1) != RTPROP_OK)
            {
                return RTPROP_ERROR;
            }

            w->keys = rtprop_json_is_free(key) ? NULL : keys;
            rc = rtprop_json_write(w, json_object_iter_value(iter),
                                   depth + 1);
            w->keys = keys;
        }
    }

    return rc == RTPROP_OK ? rtprop_json_buf_add(w->buf, "}", 1) : rc;
}


static int
rtprop_json_write_array(rtprop_json_writer_t *w, const json_t *json,
    unsigned depth)
{
    size_t  i, n;

    n = json_array_size(json);

    if (rtprop_json_buf_add(w->buf, "[", 1) != RTPROP_OK) {
        return RTPROP_ERROR;
    }

    for (i = 0; i < n; i++) {

        if ((i && rtprop_json_buf_add(w->buf, ",", 1) != RTPROP_OK)
            || rtprop_json_write(w, json_array_get(json, i), depth + 1)
               != RTPROP_OK)
        {
            return RTPROP_ERROR;
        }
    }

    return rtprop_json_buf_add(w->buf, "]", 1);
}


int
rtprop_json_buf_string(rtprop_json_buf_t *buf, const void *data, size_t len)
{
    size_t                size;
    const unsigned char  *src;

    src = data;
    size = rtprop_json_escape(NULL, src, len);

    if (rtprop_json_reserve(buf, size + 2) != RTPROP_OK) {
        return RTPROP_ERROR;
    }

    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it has room now */
    buf->data[buf->len++] = '"';
    buf->len += rtprop_json_escape(buf->data + buf->len, src, len);
    buf->data[buf->len++] = '"';

    return RTPROP_OK;
}


/* A real is written with the fewest digits that read back as the same. */

static int
rtprop_json_write_number(rtprop_json_buf_t *buf, const json_t *json)
{
    int      n, digits;
    char     text[40], *p;
    double   real;

    if (json_is_integer(json)) {
        n = snprintf(text, sizeof(text), "%lld",
                     (long long) json_integer_value(json));
        return rtprop_json_buf_add(buf, text, n);
    }

    real = json_real_value(json);
    digits = 15;

    do {
        n = snprintf(text, sizeof(text) - 2, "%.*g", digits, real);
    } while (digits++ < 17 && strtod(text, NULL) != real);

    p = strchr(text, ',');     /* the decimal point of some locales */
    if (p != NULL) {
        *p = '.';
    }

    if (strpbrk(text, ".e") == NULL) {
        text[n++] = '.';
        text[n++] = '0';
    }

    return rtprop_json_buf_add(buf, text, n);
}


int
rtprop_json_buf_add(rtprop_json_buf_t *buf, const void *data, size_t len)
{
    if (rtprop_json_reserve(buf, len) != RTPROP_OK) {
        return RTPROP_ERROR;
    }

    if (len) {
        memcpy(buf->data + buf->len, data, len);
        buf->len += len;
    }

    return RTPROP_OK;
}


static int
rtprop_json_reserve(rtprop_json_buf_t *buf, size_t len)
{
    size_t          size;
    unsigned char  *data;

    if (len <= buf->size - buf->len) {
        return RTPROP_OK;
    }

    if (len > SIZE_MAX / 4 || buf->len > SIZE_MAX / 4) {
        return RTPROP_ERROR;
    }

    size = 2 * buf->size;

    if (size < buf->len + len) {
        size = buf->len + len;
    }

    if (size < 256) {
        size = 256;
    }

    data = realloc(buf->data, size);
    if (data == NULL) {
        return RTPROP_ERROR;
    }

    buf->data = data;
    buf->size = size;

    return RTPROP_OK;
}


json_t *
rtprop_json_respell(json_t *json, const char *keys, rtprop_json_spell_e mode)
{
    rtprop_json_writer_t  w;

    w.buf = NULL;
    w.keys = keys;
    w.mode = mode;

    return rtprop_json_respell_value(json, &w, 0);
}


static json_t *
rtprop_json_respell_value(json_t *json, const rtprop_json_writer_t *w,
    unsigned depth)
{
    if (depth > RTPROP_JSON_DEPTH) {
        return NULL;
    }

    if (json_is_object(json)) {
        return rtprop_json_respell_object(json, w, depth);
    }

    if (json_is_array(json)) {
        return rtprop_json_respell_array(json, w, depth);
    }

    return json_incref(json);
}


static json_t *
rtprop_json_respell_object(json_t *json, const rtprop_json_writer_t *w,
    unsigned depth)
{
    void                 *iter;
    json_t               *copy, *value;
    unsigned              i;
    const char           *key;
    rtprop_json_names_t   names;

    copy = json_object();
    if (copy == NULL) {
        return NULL;
    }

    for (iter = json_object_iter(json);
         iter != NULL;
         iter = json_object_iter_next(json, iter))
    {
        key = json_object_iter_key(iter);
        value = json_object_iter_value(iter);
        value = rtprop_json_is_free(key)
                ? json_incref(value)
                : rtprop_json_respell_value(value, w, depth + 1);

        rtprop_json_names(w, json, key, &names);

        for (i = 0; i < names.n && value != NULL; i++) {
            if (json_object_set_nocheck(copy, names.name[i], value) != 0) {
                json_decref(value);
                value = NULL;
            }
        }

        if (value == NULL) {
            json_decref(copy);
            return NULL;
        }

        json_decref(value);
    }

    return copy;
}


static json_t *
rtprop_json_respell_array(json_t *json, const rtprop_json_writer_t *w,
    unsigned depth)
{
    size_t   i, n;
    json_t  *copy;

    copy = json_array();
    if (copy == NULL) {
        return NULL;
    }

    n = json_array_size(json);

    for (i = 0; i < n; i++) {
        /* a NULL element is refused by jansson too */

        if (json_array_append_new(copy,
                rtprop_json_respell_value(json_array_get(json, i), w,
                                          depth + 1))
            != 0)
        {
            json_decref(copy);
            return NULL;
        }
    }

    return copy;
}


static void
rtprop_json_names(const rtprop_json_writer_t *w, const json_t *obj,
    const char *key, rtprop_json_names_t *names)
{
    size_t       len;
    const char  *word;

    names->n = 1;
    names->name[0] = key;

    len = w->keys ? rtprop_json_find(w->keys, key, &word) : 0;

    if (len == 0 || len > RTPROP_JSON_KEY_MAX) {
        return;
    }

    memcpy(names->snake, word, len);
    names->snake[len] = '\0';
    names->camel[rtprop_json_camel(names->camel, word, len)] = '\0';

    if (strcmp(names->snake, names->camel) == 0) {
        return;
    }

    if (strcmp(key, names->snake) != 0
        && json_object_get(obj, names->snake) != NULL)
    {
        names->n = 0;
        return;
    }

    names->name[0] = (w->mode == RTPROP_JSON_CAMEL) ? names->camel
                                                    : names->snake;

    if (w->mode == RTPROP_JSON_BOTH) {
        names->name[1] = names->camel;
        names->n = 2;
    }
}


/* Returns the length of the name in keys that key spells, or 0. */

static size_t
rtprop_json_find(const char *keys, const char *key, const char **word)
{
    size_t  len;

    while (*keys != '\0') {
        len = strcspn(keys, " ");

        if (len && *keys == *key && rtprop_json_is_spelling(keys, len, key)) {
            *word = keys;
            return len;
        }

        keys += len;
        keys += strspn(keys, " ");
    }

    return 0;
}


static int
rtprop_json_is_spelling(const char *word, size_t len, const char *key)
{
    char    camel[RTPROP_JSON_KEY_MAX];
    size_t  n;

    n = strlen(key);

    if (n == len && memcmp(word, key, len) == 0) {
        return 1;
    }

    /* camelCase is shorter by each underscore */

    if (n >= len || len > RTPROP_JSON_KEY_MAX) {
        return 0;
    }

    return rtprop_json_camel(camel, word, len) == n
           && memcmp(camel, key, n) == 0;
}


/* Below these members everything stays as it was sent. */

static int
rtprop_json_is_free(const char *key)
{
    return strcmp(key, "data") == 0 || strcmp(key, "attachments") == 0;
}
