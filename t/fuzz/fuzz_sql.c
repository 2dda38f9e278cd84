/*
 * Named queries: a declaration of parameters or columns is read, written in one
 * way, and that way is read to the same; numbers of a result are what was
 * written, whatever their length says.
 *
 * Input: the declaration, ended by a NUL; the number of a type, its oid, then
 * the octets of a field.
 */

#include "t/fuzz/fuzz.h"

#include "store/rtprop_sql.c"


static rtprop_sql_field_t  fields[RTPROP_SQL_FIELDS];
static rtprop_sql_field_t  again[RTPROP_SQL_FIELDS];


/* A text with a NUL at its end. */

static char *
line(const rtprop_str_t *s)
{
    char  *p;

    p = fuzz_room(s->len + 1);
    memcpy(p, s->data, s->len);
    p[s->len] = '\0';

    return p;
}


static void
declaration(const rtprop_str_t *s)
{
    int          i, n;
    char        *text, *written, *p;
    const char  *type;

    text = line(s);
    n = rtprop_sql_fields(text, fields);
    must(n >= -1 && n <= RTPROP_SQL_FIELDS, "as many as there is room for");

    /* with the least of blanks it is no longer than it was */

    p = written = fuzz_room(s->len + 1);
    *p = '\0';

    for (i = 0; i < n; i++) {
        must(fields[i].len > 0 && fields[i].name >= text
             && fields[i].name + fields[i].len <= text + s->len,
             "a name is in the text");
        must(fields[i].type < RTPROP_SQL_TYPES, "a type is one");

        type = rtprop_sql_type_name(fields[i].type);
        p += sprintf(p, "%s%.*s %s", i ? "," : "", (int) fields[i].len,
                     fields[i].name, type);
    }

    if (n >= 0) {
        must(rtprop_sql_fields(written, again) == n, "as many again");
    }

    for (i = 0; i < n; i++) {
        must(again[i].type == fields[i].type && again[i].len == fields[i].len
             && memcmp(again[i].name, fields[i].name, fields[i].len) == 0,
             "the same again");
    }
}


static void
times(int64_t n)
{
    int64_t  time, ms;

    time = rtprop_sql_time(n);
    must(time == INT64_MAX || time == INT64_MIN || rtprop_sql_ms(time) == n,
         "a time is the same again");

    ms = rtprop_sql_ms(n);
    time = rtprop_sql_time(ms);
    must(time == INT64_MAX || time == INT64_MIN
         || (time <= n && n - time < 1000), "or rounded down");
}


static void
number(const rtprop_str_t *s, uint32_t oid)
{
    int64_t        n;
    unsigned char  buf[8];

    n = rtprop_sql_number(s->data, s->len, oid);
    (void) rtprop_sql_real(s->data, s->len);

    if (s->len != 1 && s->len != 2 && s->len != 4 && s->len != 8) {
        must(n == 0, "of another length");
        return;
    }

    must(s->len != 1 || (n >= 0 && n <= UINT8_MAX), "an octet");
    must(s->len != 2 || (n >= INT16_MIN && n <= INT16_MAX), "a smallint");
    must(s->len != 4 || (n >= INT32_MIN && n <= INT32_MAX), "an integer");

    must(rtprop_sql_put64(buf, (uint64_t) n) == buf + 8, "8 octets");
    must(rtprop_sql_number(buf, 8, 0) == n, "a number is the same again");

    times(n);
}


static void
array(uint32_t n, uint32_t oid)
{
    unsigned char  *p, *last;

    p = fuzz_room(RTPROP_SQL_ARRAY_HEAD);
    last = rtprop_sql_array(p, n, oid);

    must(last <= p + RTPROP_SQL_ARRAY_HEAD, "an array's head fits");
    must((uint32_t) rtprop_sql_number(p + 8, 4, 0) == oid, "with its type");
}


static void
fuzz_one(fuzz_input_t *in)
{
    unsigned      type;
    uint32_t      oid;
    rtprop_str_t  s;

    s = fuzz_until(in, '\0');
    declaration(&s);

    type = fuzz_byte(in) % RTPROP_SQL_TYPES;
    oid = (uint32_t) fuzz_number(in, 4);

    must(rtprop_sql_type_fits(type, rtprop_sql_type_oid(type)),
         "a type fits itself");
    must(!rtprop_sql_type_fits(type, 0), "and not what is none");
    (void) rtprop_sql_type_fits(type, oid);

    s = fuzz_rest(in);
    number(&s, oid);
    array((uint32_t) s.len, oid);
}
