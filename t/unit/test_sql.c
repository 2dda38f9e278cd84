/*
 * Declarations of parameters and columns, PostgreSQL's binary numbers.
 */

#include "tap.h"
#include "store/rtprop_sql.c"


static void
test_fields(void)
{
    size_t              i, n;
    char                list[1024];
    rtprop_sql_field_t  f[RTPROP_SQL_FIELDS];

    static const char *const  bad[] = {
        " ", "a", "a text,", ",a text", "a text b", "a  ,b text", "a tex",
        "a textt", "a text,,b text", "text", "a text; b text"
    };

    ok(rtprop_sql_fields("", f) == 0, "nothing");
    ok(rtprop_sql_fields("a text", f) == 1, "one");
    ok(rtprop_sql_fields("id bigint,  n text[],\n on timestamptz ", f) == 3,
       "three, blanks");
    ok(f[0].type == RTPROP_SQL_BIGINT && f[1].type == RTPROP_SQL_TEXTS
       && f[2].type == RTPROP_SQL_TIMESTAMPTZ, "their types");
    ok(f[2].len == 2 && memcmp(f[2].name, "on", 2) == 0, "a name");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ok(rtprop_sql_fields(bad[i], f) == -1, bad[i]);
    }

    list[0] = '\0';

    for (n = 0; n < RTPROP_SQL_FIELDS; n++) {
        strcat(list, n ? ",a text" : "a text");
    }

    ok(rtprop_sql_fields(list, f) == RTPROP_SQL_FIELDS, "as many as may be");
    strcat(list, ",a text");
    ok(rtprop_sql_fields(list, f) == -1, "one too many");
}


static void
test_types(void)
{
    int  i;

    for (i = 0; i < RTPROP_SQL_TYPES; i++) {
        ok(rtprop_sql_type_fits(i, rtprop_sql_type_oid(i)),
           rtprop_sql_type_name(i));
        ok(!rtprop_sql_type_fits(i, 0), "no type");
        ok(!rtprop_sql_type_fits(i, 2950), "uuid");
    }

    ok(rtprop_sql_type_fits(RTPROP_SQL_BIGINT, 21), "smallint is a bigint");
    ok(!rtprop_sql_type_fits(RTPROP_SQL_BIGINT, 1700), "numeric is not");
    ok(rtprop_sql_type_fits(RTPROP_SQL_JSON, RTPROP_SQL_JSONB), "jsonb");
}


static void
test_numbers(void)
{
    double         d;
    uint64_t       n;
    unsigned char  b[32], *p;

    p = rtprop_sql_put64(b, (uint64_t) -2);
    ok(p - b == 8, "8 octets");
    ok(rtprop_sql_number(b, 8, 20) == -2, "bigint");
    ok(rtprop_sql_number(b + 4, 4, 23) == -2, "integer");
    ok(rtprop_sql_number(b + 6, 2, 21) == -2, "smallint");
    ok(rtprop_sql_number("\1", 1, 16) == 1, "boolean");
    ok(rtprop_sql_number(b, 3, 20) == 0, "of another length");
    ok(rtprop_sql_number("", 0, 20) == 0, "empty");

    d = -2.5;
    memcpy(&n, &d, 8);
    rtprop_sql_put64(b, n);
    ok(rtprop_sql_real(b, 8) == -2.5, "double precision");
    ok(rtprop_sql_real("\xc0\x20\0\0", 4) == -2.5, "real");
    ok(rtprop_sql_real(b, 5) == 0, "of another length");

    p = rtprop_sql_array(b, 2, 25);
    ok(p - b == RTPROP_SQL_ARRAY_HEAD, "an array's head");
    ok(memcmp(b, "\0\0\0\1\0\0\0\0\0\0\0\x19\0\0\0\2\0\0\0\1", 20) == 0,
       "of one dimension");
    p = rtprop_sql_array(b, 0, 25);
    ok(p - b == 12, "an empty array has none");
}


static void
test_times(void)
{
    unsigned char  b[8];

    ok(rtprop_sql_time(946684800000LL) == 0, "2000");
    ok(rtprop_sql_time(0) == -946684800000000LL, "1970");
    ok(rtprop_sql_ms(rtprop_sql_time(1700000000123LL)) == 1700000000123LL,
       "there and back");
    ok(rtprop_sql_ms(-1) == 946684799999LL, "a microsecond before 2000");
    ok(rtprop_sql_ms(1999) == 946684800001LL, "microseconds are cut");
    ok(rtprop_sql_time(INT64_MAX) == INT64_MAX, "infinity");
    ok(rtprop_sql_time(INT64_MIN) == INT64_MIN, "-infinity");

    rtprop_sql_put64(b, 1000);
    ok(rtprop_sql_number(b, 8, 1184) == 946684800001LL, "timestamptz");
    ok(rtprop_sql_number(b, 8, 20) == 1000, "the same as bigint");
}


int
main(void)
{
    test_fields();
    test_types();
    test_numbers();
    test_times();

    return plan_done();
}
