/*
 * rtprop_command: payloads against tables of fields.
 */

#include "session/rtprop_command.h"
#include "base/rtprop_time.h"
#include "base/rtprop_utf8.h"

#include <stdio.h>


static int rtprop_command_bare(const rtprop_field_t *fields, json_t *payload,
    rtprop_value_t *values, rtprop_field_error_t *error);
static const rtprop_field_t *rtprop_command_bare_field(
    const rtprop_field_t *fields);
static json_t *rtprop_command_find(const json_t *payload,
    const rtprop_field_t *field);
static json_t *rtprop_command_alias(const json_t *payload,
    const char *aliases);
static int rtprop_command_value(const rtprop_field_t *field, json_t *json,
    rtprop_value_t *v, rtprop_field_error_t *error);
static int rtprop_command_string(const rtprop_field_t *field,
    rtprop_value_t *v, rtprop_field_error_t *error);
static int rtprop_command_number(const rtprop_field_t *field,
    rtprop_value_t *v, rtprop_field_error_t *error);
static int rtprop_command_container(const rtprop_field_t *field,
    rtprop_value_t *v, rtprop_field_error_t *error);
static int rtprop_command_time(rtprop_value_t *v,
    rtprop_field_error_t *error);
static int rtprop_command_enum(const rtprop_field_t *field,
    rtprop_value_t *v, rtprop_field_error_t *error);
static int rtprop_command_bounds(const rtprop_field_t *field, int64_t n,
    const char *unit, rtprop_field_error_t *error);
static int rtprop_command_error(rtprop_field_error_t *error,
    const char *text);


size_t
rtprop_command_count(const rtprop_field_t *fields)
{
    size_t  n;

    for (n = 0; fields != NULL && fields[n].name != NULL; n++) {
        /* void */
    }

    return n;
}


int
rtprop_command_parse(const rtprop_field_t *fields, json_t *payload,
    rtprop_value_t *values, rtprop_field_error_t *error)
{
    size_t    i, n;
    json_t   *json;

    n = rtprop_command_count(fields);

    if (n) {
        memset(values, 0, n * sizeof(rtprop_value_t));
    }

    error->field = NULL;

    if (json_is_string(payload) || json_is_integer(payload)) {
        return rtprop_command_bare(fields, payload, values, error);
    }

    if (payload != NULL && !json_is_object(payload)
        && !json_is_null(payload))
    {
        return rtprop_command_error(error, "must be an object");
    }

    for (i = 0; i < n; i++) {
        error->field = &fields[i];
        json = rtprop_command_find(payload, &fields[i]);

        if (json == NULL) {

            if (fields[i].flags & RTPROP_FIELD_REQUIRED) {
                return rtprop_command_error(error, "is required");
            }

            continue;
        }

        if (rtprop_command_value(&fields[i], json, &values[i], error)
            != RTPROP_OK)
        {
            return RTPROP_ERROR;
        }
    }

    error->field = NULL;

    return RTPROP_OK;
}


/* The bare id; a table that needs more than it still refuses. */

static int
rtprop_command_bare(const rtprop_field_t *fields, json_t *payload,
    rtprop_value_t *values, rtprop_field_error_t *error)
{
    size_t                 i, n;
    const rtprop_field_t  *bare;

    bare = rtprop_command_bare_field(fields);

    if (bare == NULL) {
        return rtprop_command_error(error, "must be an object");
    }

    n = rtprop_command_count(fields);

    for (i = 0; i < n; i++) {

        if (&fields[i] != bare && (fields[i].flags & RTPROP_FIELD_REQUIRED)) {
            error->field = &fields[i];
            return rtprop_command_error(error, "is required");
        }
    }

    error->field = bare;

    if (rtprop_command_value(bare, payload, &values[bare - fields], error)
        != RTPROP_OK)
    {
        return RTPROP_ERROR;
    }

    error->field = NULL;

    return RTPROP_OK;
}


static const rtprop_field_t *
rtprop_command_bare_field(const rtprop_field_t *fields)
{
    size_t                 i, n;
    const rtprop_field_t  *id;

    id = NULL;
    n = rtprop_command_count(fields);

    for (i = 0; i < n; i++) {
        if (fields[i].flags & RTPROP_FIELD_BARE) {
            return &fields[i];
        }
    }

    for (i = 0; i < n; i++) {

        if (fields[i].type != RTPROP_FIELD_ID
            || !(fields[i].flags & RTPROP_FIELD_REQUIRED))
        {
            continue;
        }

        if (id != NULL) {
            return NULL;
        }

        id = &fields[i];
    }

    return id;
}


/* A member that is null counts as missing, so that an alias may follow. */

static json_t *
rtprop_command_find(const json_t *payload, const rtprop_field_t *field)
{
    json_t  *json;

    json = rtprop_json_get(payload, field->name);

    if (json != NULL && !json_is_null(json)) {
        return json;
    }

    return field->aliases ? rtprop_command_alias(payload, field->aliases)
                          : NULL;
}


static json_t *
rtprop_command_alias(const json_t *payload, const char *aliases)
{
    char     name[RTPROP_JSON_KEY_MAX + 1];
    size_t   len;
    json_t  *json;

    while (*aliases != '\0') {
        len = strcspn(aliases, " ");

        if (len && len <= RTPROP_JSON_KEY_MAX) {
            memcpy(name, aliases, len);
            name[len] = '\0';

            json = rtprop_json_get(payload, name);

            if (json != NULL && !json_is_null(json)) {
                return json;
            }
        }

        aliases += len;
        aliases += strspn(aliases, " ");
    }

    return NULL;
}


static int
rtprop_command_value(const rtprop_field_t *field, json_t *json,
    rtprop_value_t *v, rtprop_field_error_t *error)
{
    v->set = 1;
    v->json = json;

    if (json_is_string(json)) {
        v->str.data = (unsigned char *) json_string_value(json);
        v->str.len = json_string_length(json);
    }

    switch (field->type) {

    case RTPROP_FIELD_STRING:
        return rtprop_command_string(field, v, error);

    case RTPROP_FIELD_ID:
        if (rtprop_json_id(json, &v->str, v->buf) != RTPROP_OK) {
            return rtprop_command_error(error, "must be an id of 1 to 128 "
                                               "bytes without spaces");
        }

        return RTPROP_OK;

    case RTPROP_FIELD_INT:
    case RTPROP_FIELD_MONEY:
        return rtprop_command_number(field, v, error);

    case RTPROP_FIELD_BOOL:
        v->b = json_is_true(json);

        return json_is_boolean(json)
               ? RTPROP_OK
               : rtprop_command_error(error, "must be true or false");

    case RTPROP_FIELD_OBJECT:
    case RTPROP_FIELD_ARRAY:
        return rtprop_command_container(field, v, error);

    case RTPROP_FIELD_TIME:
        return rtprop_command_time(v, error);

    case RTPROP_FIELD_ENUM:
        return rtprop_command_enum(field, v, error);

    case RTPROP_FIELD_URL:
        if (!json_is_string(json)
            || !rtprop_command_is_url(v->str.data, v->str.len))
        {
            return rtprop_command_error(error, "must be an http or https URL");
        }

        return rtprop_command_bounds(field, v->str.len, "bytes", error);

    case RTPROP_FIELD_ANY:
        return RTPROP_OK;
    }

    return rtprop_command_error(error, "is of an unknown type");
}


static int
rtprop_command_string(const rtprop_field_t *field, rtprop_value_t *v,
    rtprop_field_error_t *error)
{
    if (!json_is_string(v->json)) {
        return rtprop_command_error(error, "must be a string");
    }

    return rtprop_command_bounds(field,
                                 rtprop_utf8_length(v->str.data, v->str.len),
                                 "characters", error);
}


static int
rtprop_command_number(const rtprop_field_t *field, rtprop_value_t *v,
    rtprop_field_error_t *error)
{
    if (!json_is_integer(v->json)) {
        return rtprop_command_error(error, "must be an integer");
    }

    if (rtprop_json_int(v->json, &v->i) != RTPROP_OK) {
        return rtprop_command_error(error, "is out of range");
    }

    if (field->type == RTPROP_FIELD_MONEY && v->i < 0) {
        return rtprop_command_error(error, "must not be negative");
    }

    if (field->min == 0 && field->max == 0) {
        return RTPROP_OK;
    }

    return rtprop_command_bounds(field, v->i, NULL, error);
}


static int
rtprop_command_container(const rtprop_field_t *field, rtprop_value_t *v,
    rtprop_field_error_t *error)
{
    if (field->type == RTPROP_FIELD_OBJECT) {

        if (!json_is_object(v->json)) {
            return rtprop_command_error(error, "must be an object");
        }

        return rtprop_command_bounds(field, json_object_size(v->json),
                                     "members", error);
    }

    if (!json_is_array(v->json)) {
        return rtprop_command_error(error, "must be an array");
    }

    return rtprop_command_bounds(field, json_array_size(v->json), "elements",
                                 error);
}


static int
rtprop_command_time(rtprop_value_t *v, rtprop_field_error_t *error)
{
    int  rc;

    rc = json_is_string(v->json)
         ? rtprop_time_parse(v->str.data, v->str.len, &v->i)
         : rtprop_json_int(v->json, &v->i);

    if (rc != RTPROP_OK || v->i < RTPROP_TIME_MIN || v->i > RTPROP_TIME_MAX) {
        return rtprop_command_error(error, "must be an RFC 3339 time or "
                                           "milliseconds since 1970");
    }

    return RTPROP_OK;
}


static int
rtprop_command_enum(const rtprop_field_t *field, rtprop_value_t *v,
    rtprop_field_error_t *error)
{
    size_t       len;
    const char  *p;

    p = field->words;
    v->i = 0;

    while (json_is_string(v->json) && *p != '\0') {
        len = strcspn(p, " ");

        if (rtprop_str_eq(&v->str, p, len)) {
            return RTPROP_OK;
        }

        v->i++;
        p += len;
        p += strspn(p, " ");
    }

    (void) snprintf(error->text, sizeof(error->text), "must be one of: %s",
                    field->words);

    return RTPROP_ERROR;
}


/* unit NULL: it is the value itself that is bounded. */

static int
rtprop_command_bounds(const rtprop_field_t *field, int64_t n,
    const char *unit, rtprop_field_error_t *error)
{
    int          has;
    const char  *verb, *space;

    if (n >= field->min && (field->max == 0 || n <= field->max)) {
        return RTPROP_OK;
    }

    has = (field->type == RTPROP_FIELD_OBJECT
           || field->type == RTPROP_FIELD_ARRAY);

    verb = has ? "have" : "be";
    space = unit ? " " : "";
    unit = unit ? unit : "";

    if (field->max == 0) {
        (void) snprintf(error->text, sizeof(error->text),
                        "must %s at least %lld%s%s", verb,
                        (long long) field->min, space, unit);

    } else {
        (void) snprintf(error->text, sizeof(error->text),
                        "must %s %lld to %lld%s%s", verb,
                        (long long) field->min, (long long) field->max, space,
                        unit);
    }

    return RTPROP_ERROR;
}


static int
rtprop_command_error(rtprop_field_error_t *error, const char *text)
{
    (void) snprintf(error->text, sizeof(error->text), "%s", text);

    return RTPROP_ERROR;
}


int
rtprop_command_is_url(const unsigned char *data, size_t len)
{
    size_t  i;

    if (len == 0 || len > RTPROP_FIELD_URL_MAX) {
        return 0;
    }

    for (i = 0; i < len; i++) {

        if (data[i] <= ' ' || data[i] == 0x7f
            || strchr("\"'<>\\`", data[i]) != NULL)
        {
            return 0;
        }
    }

    if (data[0] == '/') {
        /* "//host" would leave the site by the page's scheme */
        return len == 1 || data[1] != '/';
    }

    return (len > 7 && strncmp((const char *) data, "http://", 7) == 0
            && data[7] != '/')
           || (len > 8 && strncmp((const char *) data, "https://", 8) == 0
               && data[8] != '/');
}
