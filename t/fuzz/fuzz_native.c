/*
 * The native dialect: an envelope of a client, then its payload against the
 * command's table of fields (those of the worker's files), and the frame that
 * is made of it against the decoder.
 */

#include "t/fuzz/fuzz.h"

#include "base/rtprop_json.c"
#include "base/rtprop_json_write.c"
#include "base/rtprop_flat.c"
#include "base/rtprop_time.c"
#include "base/rtprop_utf8.c"
#include "protocols/native/rtprop_native.c"
#include "session/rtprop_command.c"
#include "session/rtprop_command_flat.c"

#include "fuzz_fields.h"


#define TABLES    (sizeof(fuzz_tables) / sizeof(fuzz_tables[0]))
#define COMMANDS  (sizeof(fuzz_commands) / sizeof(fuzz_commands[0]))


static void
value(const rtprop_field_t *f, const rtprop_value_t *v)
{
    int64_t  n;

    if (!v->set) {
        must(!(f->flags & RTPROP_FIELD_REQUIRED), "what is required is there");
        must(v->json == NULL && v->str.len == 0 && v->i == 0,
             "what is missing is zero");
        return;
    }

    must(v->json != NULL, "what is there is there as JSON");

    switch (f->type) {

    case RTPROP_FIELD_ID:
        must(rtprop_json_id_valid(v->str.data, v->str.len), "an id is one");
        return;

    case RTPROP_FIELD_STRING:
        n = (int64_t) rtprop_utf8_length(v->str.data, v->str.len);
        must(n >= f->min && (f->max == 0 || n <= f->max),
             "a string in its bounds");
        return;

    case RTPROP_FIELD_MONEY:
        must(v->i >= 0, "money is not negative");

        /* fall through */

    case RTPROP_FIELD_INT:
        must(v->i >= -RTPROP_INT_MAX && v->i <= RTPROP_INT_MAX, "exact");
        must((f->min == 0 && f->max == 0)
             || (v->i >= f->min && (f->max == 0 || v->i <= f->max)),
             "a number in its bounds");
        return;

    case RTPROP_FIELD_TIME:
        must(v->i >= RTPROP_TIME_MIN && v->i <= RTPROP_TIME_MAX, "a time");
        return;

    case RTPROP_FIELD_OBJECT:
        must(json_is_object(v->json), "an object");
        return;

    case RTPROP_FIELD_ARRAY:
        must(json_is_array(v->json), "an array");
        must(f->max == 0 || (int64_t) json_array_size(v->json) <= f->max,
             "an array is not too long");
        return;

    default:
        return;
    }
}


static void
parse(const rtprop_field_t *fields, json_t *payload)
{
    int                    rc;
    size_t                 i, n;
    rtprop_value_t        *values;
    rtprop_field_error_t   error;

    n = rtprop_command_count(fields);
    must(n <= RTPROP_FIELDS_MAX, "a table is not too long");

    values = fuzz_room(n * sizeof(rtprop_value_t));
    memset(&error, 0x55, sizeof(error));

    rc = rtprop_command_parse(fields, payload, values, &error);

    if (rc != RTPROP_OK) {
        must(rc == RTPROP_ERROR, "good or bad");
        must(memchr(error.text, 0, sizeof(error.text)) != NULL
             && (strncmp(error.text, "must ", 5) == 0
                 || strncmp(error.text, "is ", 3) == 0),
             "an error says what");
        must(error.field == NULL
             || (error.field >= fields && error.field < fields + n),
             "and in which field");
        return;
    }

    for (i = 0; i < n; i++) {
        value(&fields[i], &values[i]);
    }
}


static const rtprop_field_t *
table(const rtprop_str_t *type)
{
    size_t  i;

    for (i = 0; i < COMMANDS; i++) {
        if (rtprop_str_eq(type, fuzz_commands[i].name,
                          strlen(fuzz_commands[i].name)))
        {
            return fuzz_commands[i].fields;
        }
    }

    return fuzz_tables[type->data[0] % TABLES];
}


/* An answer with the client's own id and payload is an envelope again. */

static void
answer(const rtprop_native_t *n)
{
    size_t                  size, len;
    rtprop_str_t            text;
    unsigned char          *p;
    rtprop_native_t         again;
    rtprop_native_frame_t   f;

    memset(&f, 0, sizeof(f));

    f.type = n->type;
    f.id = n->id;
    f.channel = n->type;
    f.epoch = n->id.len * 0x0123456789abcdefULL;
    f.offset = n->type.len * 0x0fedcba987654321ULL;
    f.position = n->type.data[0] & 1;

    text.data = NULL;

    if (n->payload != NULL) {
        if (rtprop_json_dump(n->payload, &text) != RTPROP_OK) {
            must(0, "a payload is written");
            return;
        }

        f.payload = text;
    }

    size = rtprop_native_frame_size(&f);
    p = fuzz_room(size);
    len = rtprop_native_frame(p, &f);
    must(len <= size, "a frame fits");

    if (f.offset > INT64_MAX) {
        f.offset = 1;
        len = rtprop_native_frame(p, &f);
    }

    if (rtprop_native_decode(&again, p, len) == RTPROP_OK) {
        must(again.type.len == f.type.len
             && memcmp(again.type.data, f.type.data, f.type.len) == 0,
             "the same type");
        must(again.id.len == f.id.len
             && (f.id.len == 0
                 || memcmp(again.id.data, f.id.data, f.id.len) == 0),
             "the same id");
        must(n->payload == NULL || json_equal(again.payload, n->payload),
             "the same payload");
        rtprop_native_free(&again);

    } else {
        must(0, "a frame is an envelope");
    }

    free(text.data);
}


/* What is read flat says what jansson says, field by field. */

static void
same(const rtprop_field_t *f, const rtprop_value_t *v, const rtprop_value_t *j)
{
    must(v->set == j->set, "a field is there for both");
    must(v->json == NULL, "no values were made");

    if (f->type == RTPROP_FIELD_ARRAY) {
        must(json_array_size(j->json) == 0, "the array is empty");
        return;
    }

    must(v->i == j->i && v->b == j->b, "the same number or word");
    must(v->str.len == j->str.len
         && (v->str.len == 0
             || memcmp(v->str.data, j->str.data, v->str.len) == 0),
         "the same text");
}


static void
flat_fields(const rtprop_flat_t *flat, const rtprop_field_t *fields,
    json_t *payload)
{
    size_t                 i, n;
    unsigned char         *copy;
    rtprop_value_t        *values, *other;
    rtprop_field_error_t   error;

    n = rtprop_command_count(fields);
    copy = fuzz_copy(flat->text, flat->len);
    values = fuzz_room(n * sizeof(rtprop_value_t));
    other = fuzz_room(n * sizeof(rtprop_value_t));

    if (rtprop_command_flat(fields, flat, copy, values) != RTPROP_OK) {
        return;
    }

    must(rtprop_command_parse(fields, payload, other, &error) == RTPROP_OK,
         "good for both");

    for (i = 0; i < n && !fuzz_memory.failed; i++) {
        same(&fields[i], &values[i], &other[i]);
    }
}


/* n: what jansson made of the same text, NULL if it refused. */

static void
flat(const rtprop_str_t *s, const rtprop_native_t *n)
{
    size_t           i;
    rtprop_flat_t    payload;
    rtprop_native_t  m;

    if (rtprop_native_flat(&m, &payload, s->data, s->len) != RTPROP_OK) {
        return;
    }

    must(n != NULL, "what is read flat is JSON");

    if (n == NULL) {
        return;
    }

    must(m.type.len == n->type.len
         && memcmp(m.type.data, n->type.data, m.type.len) == 0,
         "the same type");
    must(m.id.len == n->id.len
         && (m.id.len == 0 || memcmp(m.id.data, n->id.data, m.id.len) == 0),
         "the same id");
    must(json_is_object(n->payload)
         && json_object_size(n->payload) == payload.n, "the same members");

    for (i = 0; i < TABLES; i++) {
        flat_fields(&payload, fuzz_tables[i], n->payload);
    }
}


/* Bounds hold for the id itself, not for the way it is written. */

static void
id(const rtprop_native_t *n)
{
    json_t  *json;

    json = json_object_get(n->root, "id");

    must(n->id.len <= RTPROP_NATIVE_ID_RAW, "an id of its length");
    must(json_string_length(json) <= RTPROP_NATIVE_ID_MAX, "as it is, too");
    must((n->id.len == 0) == (json == NULL || json_is_null(json)),
         "an id that is there");
}


static void
refusal(const rtprop_native_t *n)
{
    json_t        *error;
    rtprop_str_t   event;

    must(strcmp(n->code, "invalid_json") == 0
         || strcmp(n->code, "invalid_envelope") == 0, "a code");
    must(n->message && *n->message, "and a text");
    must(n->id.len <= RTPROP_NATIVE_ID_RAW, "an id of its length");

    event.len = 0;
    event.data = NULL;
    error = rtprop_native_error(n->code, n->message, &event, NULL);
    must(error != NULL, "an error goes out");
    json_decref(error);
}


static void
fuzz_one(fuzz_input_t *in)
{
    size_t           i;
    json_t          *item;
    rtprop_str_t     s;
    rtprop_native_t  n, inner;

    s = fuzz_rest(in);

    if (rtprop_native_decode(&n, s.data, s.len) != RTPROP_OK) {
        refusal(&n);
        flat(&s, NULL);
        return;
    }

    flat(&s, &n);

    must(n.type.len >= 1 && n.type.len <= RTPROP_NATIVE_TYPE_MAX, "a type");
    id(&n);

    answer(&n);

    if (table(&n.type)) {
        parse(table(&n.type), n.payload);
    }

    /* a batch */

    json_array_foreach (n.payload, i, item) {
        if (rtprop_native_decode_json(&inner, item) == RTPROP_OK) {
            parse(table(&inner.type), inner.payload);
            rtprop_native_free(&inner);

        } else {
            refusal(&inner);
        }

        if (i == 16) {
            break;
        }
    }

    rtprop_native_free(&n);
}
