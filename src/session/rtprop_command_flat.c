/*
 * rtprop_command: payloads that were read flat, against tables of fields.
 */

#include "session/rtprop_command.h"
#include "base/rtprop_utf8.h"


static const rtprop_flat_member_t *rtprop_command_flat_find(
    const rtprop_flat_t *flat, const rtprop_field_t *field);
static int rtprop_command_flat_value(const rtprop_field_t *field,
    const rtprop_flat_member_t *m, rtprop_value_t *v);
static int rtprop_command_flat_number(const rtprop_field_t *field,
    const rtprop_flat_member_t *m, rtprop_value_t *v);
static int rtprop_command_flat_bounds(const rtprop_field_t *field, int64_t n);


int
rtprop_command_flat(const rtprop_field_t *fields, const rtprop_flat_t *flat,
    unsigned char *text, rtprop_value_t *values)
{
    rtprop_value_t              *v;
    const rtprop_field_t        *field;
    const rtprop_flat_member_t  *m;

    for (field = fields, v = values; field->name != NULL; field++, v++) {
        memset(v, 0, sizeof(rtprop_value_t));

        m = rtprop_command_flat_find(flat, field);

        if (m == NULL) {

            if (field->flags & RTPROP_FIELD_REQUIRED) {
                return RTPROP_DECLINED;
            }

            continue;
        }

        v->set = 1;

        if (m->type == RTPROP_FLAT_STRING || m->type == RTPROP_FLAT_INT) {
            v->str.data = text + m->value;
            v->str.len = m->value_len;
        }

        if (rtprop_command_flat_value(field, m, v) != RTPROP_OK) {
            return RTPROP_DECLINED;
        }
    }

    return RTPROP_OK;
}


/* A member that is null counts as missing, so that an alias may follow. */

static const rtprop_flat_member_t *
rtprop_command_flat_find(const rtprop_flat_t *flat,
    const rtprop_field_t *field)
{
    size_t                       len;
    const char                  *name;
    const rtprop_flat_member_t  *m;

    m = rtprop_flat_get(flat, field->name, strlen(field->name));

    if (m != NULL && m->type != RTPROP_FLAT_NULL) {
        return m;
    }

    for (name = field->aliases; name != NULL && *name != '\0'; name += len) {
        len = strcspn(name, " ");
        m = len ? rtprop_flat_get(flat, name, len) : NULL;

        if (m != NULL && m->type != RTPROP_FLAT_NULL) {
            return m;
        }

        len += strspn(name + len, " ");
    }

    return NULL;
}


static int
rtprop_command_flat_value(const rtprop_field_t *field,
    const rtprop_flat_member_t *m, rtprop_value_t *v)
{
    switch (field->type) {

    case RTPROP_FIELD_STRING:
        return (m->type == RTPROP_FLAT_STRING)
               ? rtprop_command_flat_bounds(field,
                                            rtprop_utf8_length(v->str.data,
                                                               v->str.len))
               : RTPROP_DECLINED;

    case RTPROP_FIELD_ID:
        if (m->type == RTPROP_FLAT_INT) {
            return (m->i <= RTPROP_INT_MAX && m->i >= -RTPROP_INT_MAX)
                   ? RTPROP_OK : RTPROP_DECLINED;
        }

        return (m->type == RTPROP_FLAT_STRING
                && rtprop_json_id_valid(v->str.data, v->str.len))
               ? RTPROP_OK : RTPROP_DECLINED;

    case RTPROP_FIELD_INT:
    case RTPROP_FIELD_MONEY:
        return rtprop_command_flat_number(field, m, v);

    case RTPROP_FIELD_BOOL:
        v->b = (m->type == RTPROP_FLAT_TRUE);

        return (v->b || m->type == RTPROP_FLAT_FALSE) ? RTPROP_OK
                                                      : RTPROP_DECLINED;

    case RTPROP_FIELD_ARRAY:
        return (m->type == RTPROP_FLAT_NONE)
               ? rtprop_command_flat_bounds(field, 0) : RTPROP_DECLINED;

    default:
        return RTPROP_DECLINED;
    }
}


static int
rtprop_command_flat_number(const rtprop_field_t *field,
    const rtprop_flat_member_t *m, rtprop_value_t *v)
{
    v->i = m->i;
    v->str.data = NULL;
    v->str.len = 0;

    if (m->type != RTPROP_FLAT_INT
        || m->i > RTPROP_INT_MAX || m->i < -RTPROP_INT_MAX
        || (field->type == RTPROP_FIELD_MONEY && m->i < 0))
    {
        return RTPROP_DECLINED;
    }

    return (field->min == 0 && field->max == 0)
           ? RTPROP_OK : rtprop_command_flat_bounds(field, m->i);
}


static int
rtprop_command_flat_bounds(const rtprop_field_t *field, int64_t n)
{
    return (n >= field->min && (field->max == 0 || n <= field->max))
           ? RTPROP_OK : RTPROP_DECLINED;
}
