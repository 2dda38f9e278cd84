/*
 * TAP for the unit tests: each test program includes the .c under test, calls
 * ok(), is_int() and is_str(), and ends with "return plan_done();".
 */

#ifndef _TAP_H_INCLUDED_
#define _TAP_H_INCLUDED_


#include <stdarg.h>
#include <stdio.h>
#include <string.h>


static int  tap_count;
static int  tap_failed;


static inline int __attribute__((format(printf, 2, 3)))
ok(int pass, const char *fmt, ...)
{
    va_list  args;

    tap_count++;
    tap_failed += !pass;

    printf("%sok %d - ", pass ? "" : "not ", tap_count);

    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);

    printf("\n");

    return pass;
}


static inline int
is_int(long long got, long long expected, const char *name)
{
    if (!ok(got == expected, "%s", name)) {
        printf("#      got: %lld\n# expected: %lld\n", got, expected);
        return 0;
    }

    return 1;
}


static inline int
is_mem(const void *got, size_t got_len, const void *expected,
    size_t expected_len, const char *name)
{
    if (!ok(got_len == expected_len
            && (got_len == 0 || memcmp(got, expected, got_len) == 0),
            "%s", name))
    {
        printf("#      got: \"%.*s\" (%zu)\n# expected: \"%.*s\" (%zu)\n",
               (int) got_len, (const char *) got, got_len,
               (int) expected_len, (const char *) expected, expected_len);
        return 0;
    }

    return 1;
}


static inline int
is_str(const char *got, const char *expected, const char *name)
{
    if (got == NULL) {
        got = "(null)";
    }

    return is_mem(got, strlen(got), expected, strlen(expected), name);
}


static inline int
plan_done(void)
{
    printf("1..%d\n", tap_count);

    return tap_failed != 0;
}


#endif /* _TAP_H_INCLUDED_ */
