/*
 * Declarations of parameters and columns, and PostgreSQL's binary numbers.
 */

#include "store/rtprop_sql.h"
#include <string.h>


#define RTPROP_SQL_EPOCH  946684800000LL      /* ms from 1970 to 2000 */

#define RTPROP_OID_TIMESTAMPTZ  1184


/* What can be read as a type, its own number first. */

static const struct {
    const char    *name;
    uint32_t       oids[7];
} rtprop_sql_types[RTPROP_SQL_TYPES] = {
    /* text, varchar, bpchar, name, unknown, json, jsonb */
    { "text", { 25, 1043, 1042, 19, 705, 114, 3802 } },
    { "json", { 114, 3802, 25 } },
    { "bytea", { 17 } },
    /* and integer, smallint */
    { "bigint", { 20, 23, 21 } },
    { "boolean", { 16 } },
    /* and real */
    { "double", { 701, 700 } },
    { "timestamptz", { RTPROP_OID_TIMESTAMPTZ } },
    { "text[]", { 1009 } },
    { "bigint[]", { 1016 } }
};


static int
rtprop_sql_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t';
}


static const char *
rtprop_sql_word(const char *p, const char **word, size_t *len)
{
    while (rtprop_sql_blank(*p)) {
        p++;
    }

    *word = p;

    while (*p != '\0' && *p != ',' && !rtprop_sql_blank(*p)) {
        p++;
    }

    *len = p - *word;

    while (rtprop_sql_blank(*p)) {
        p++;
    }

    return p;
}


static int
rtprop_sql_type(const char *word, size_t len)
{
    int  i;

    for (i = 0; i < RTPROP_SQL_TYPES; i++) {

        if (strlen(rtprop_sql_types[i].name) == len
            && memcmp(rtprop_sql_types[i].name, word, len) == 0)
        {
            return i;
        }
    }

    return -1;
}


int
rtprop_sql_fields(const char *list, rtprop_sql_field_t *fields)
{
    int          n, type;
    size_t       len;
    const char  *word;

    if (*list == '\0') {
        return 0;
    }

    for (n = 0; n < RTPROP_SQL_FIELDS; n++) {

        list = rtprop_sql_word(list, &fields[n].name, &fields[n].len);
        list = rtprop_sql_word(list, &word, &len);
        type = rtprop_sql_type(word, len);

        if (fields[n].len == 0 || type == -1) {
            return -1;
        }

        fields[n].type = type;

        if (*list == '\0') {
            return n + 1;
        }

        if (*list++ != ',') {
            return -1;
        }
    }

    return -1;
}


const char *
rtprop_sql_type_name(rtprop_sql_type_e type)
{
    return rtprop_sql_types[type].name;
}


uint32_t
rtprop_sql_type_oid(rtprop_sql_type_e type)
{
    return rtprop_sql_types[type].oids[0];
}


int
rtprop_sql_type_fits(rtprop_sql_type_e type, uint32_t oid)
{
    size_t  i;

    for (i = 0; i < sizeof(rtprop_sql_types[type].oids) / sizeof(uint32_t);
         i++)
    {
        if (oid != 0 && rtprop_sql_types[type].oids[i] == oid) {
            return 1;
        }
    }

    return 0;
}


unsigned char *
rtprop_sql_put32(unsigned char *p, uint32_t n)
{
    *p++ = (unsigned char) (n >> 24);
    *p++ = (unsigned char) (n >> 16);
    *p++ = (unsigned char) (n >> 8);
    *p++ = (unsigned char) n;

    return p;
}


unsigned char *
rtprop_sql_put64(unsigned char *p, uint64_t n)
{
    p = rtprop_sql_put32(p, (uint32_t) (n >> 32));

    return rtprop_sql_put32(p, (uint32_t) n);
}


int64_t
rtprop_sql_time(int64_t ms)
{
    if (ms >= INT64_MAX / 1000) {
        return INT64_MAX;
    }

    if (ms <= INT64_MIN / 1000 + RTPROP_SQL_EPOCH) {
        return INT64_MIN;
    }

    return (ms - RTPROP_SQL_EPOCH) * 1000;
}


int64_t
rtprop_sql_ms(int64_t time)
{
    int64_t  ms;

    ms = time / 1000;

    if (time % 1000 < 0) {
        ms--;
    }

    return ms + RTPROP_SQL_EPOCH;
}


unsigned char *
rtprop_sql_array(unsigned char *p, uint32_t n, uint32_t oid)
{
    p = rtprop_sql_put32(p, n ? 1 : 0);     /* dimensions */
    p = rtprop_sql_put32(p, 0);             /* no NULL among them */
    p = rtprop_sql_put32(p, oid);

    if (n) {
        p = rtprop_sql_put32(p, n);
        p = rtprop_sql_put32(p, 1);         /* the first one's index */
    }

    return p;
}


static uint64_t
rtprop_sql_get(const unsigned char *p, size_t len)
{
    uint64_t  n;

    for (n = 0; len; len--) {
        n = n << 8 | *p++;
    }

    return n;
}


int64_t
rtprop_sql_number(const void *data, size_t len, uint32_t oid)
{
    uint64_t  n;

    if (len != 1 && len != 2 && len != 4 && len != 8) {
        return 0;
    }

    n = rtprop_sql_get(data, len);

    switch (len) {

    case 1:
        return (int64_t) n;

    case 2:
        return (int16_t) n;

    case 4:
        return (int32_t) n;

    default:
        return oid == RTPROP_OID_TIMESTAMPTZ ? rtprop_sql_ms((int64_t) n)
                                             : (int64_t) n;
    }
}


double
rtprop_sql_real(const void *data, size_t len)
{
    float     f;
    double    d;
    uint32_t  n;
    uint64_t  nn;

    if (len == sizeof(float)) {
        n = (uint32_t) rtprop_sql_get(data, len);
        memcpy(&f, &n, sizeof(float));
        return f;
    }

    if (len == sizeof(double)) {
        nn = rtprop_sql_get(data, len);
        memcpy(&d, &nn, sizeof(double));
        return d;
    }

    return 0;
}
