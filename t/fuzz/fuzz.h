/*
 * fuzz.h: what the fuzz targets share.
 *
 * A target includes this header, then the .c files under test, and defines
 * fuzz_one().  Each input is run twice: once as it is, once with allocations
 * that fail at a place that follows from the input; must() judges the first
 * run only, the sanitizers both.
 */

#ifndef _FUZZ_H_INCLUDED_
#define _FUZZ_H_INCLUDED_


#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/rtprop_base.h"


#define FUZZ_COPIES  1024


typedef struct {
    const unsigned char  *pos;
    const unsigned char  *last;
} fuzz_input_t;


/* The memory of one run. */

typedef struct {
    unsigned  count;            /* allocations so far */
    unsigned  fail;             /* the one that fails, from 1; 0: none */
    unsigned  all;              /* and all after it, too */
    unsigned  failed;
    unsigned  ncopies;
    void     *copies[FUZZ_COPIES];
} fuzz_memory_t;


static fuzz_memory_t  fuzz_memory;


static void fuzz_one(fuzz_input_t *in);

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* A promise of the code under test. */

static inline void
must(int holds, const char *what)
{
    if (!holds && !fuzz_memory.failed) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}


static inline int
fuzz_fails(void)
{
    fuzz_memory.count++;

    if (fuzz_memory.fail == 0 || fuzz_memory.count < fuzz_memory.fail
        || (fuzz_memory.count > fuzz_memory.fail && !fuzz_memory.all))
    {
        return 0;
    }

    fuzz_memory.failed = 1;

    return 1;
}


static inline void *
fuzz_malloc(size_t size)
{
    return fuzz_fails() ? NULL : malloc(size);
}


static inline void *
fuzz_calloc(size_t n, size_t size)
{
    return fuzz_fails() ? NULL : calloc(n, size);
}


static inline void *
fuzz_realloc(void *p, size_t size)
{
    return fuzz_fails() ? NULL : realloc(p, size);
}


static inline char *
fuzz_strdup(const char *s)
{
    return fuzz_fails() ? NULL : strdup(s);
}


static inline char *
fuzz_strndup(const char *s, size_t n)
{
    return fuzz_fails() ? NULL : strndup(s, n);
}


/* Memory of a target's own: never NULL, freed at the end of the run. */

static inline void *
fuzz_room(size_t len)
{
    void  *p;

    p = malloc(len ? len : 1);

    if (p == NULL || fuzz_memory.ncopies == FUZZ_COPIES) {
        fprintf(stderr, "the target asks for too much room\n");
        abort();
    }

    fuzz_memory.copies[fuzz_memory.ncopies++] = p;

    return p;
}


/* A copy of its own size, so that one octet too far is seen. */

static inline void *
fuzz_copy(const void *data, size_t len)
{
    void  *p;

    p = fuzz_room(len);

    return len ? memcpy(p, data, len) : p;
}


static inline size_t
fuzz_left(const fuzz_input_t *in)
{
    return (size_t) (in->last - in->pos);
}


/* The next octet, 0 when there is none. */

static inline unsigned
fuzz_byte(fuzz_input_t *in)
{
    return in->pos < in->last ? *in->pos++ : 0;
}


/* The next n octets as a number, the highest first. */

static inline uint64_t
fuzz_number(fuzz_input_t *in, unsigned n)
{
    uint64_t  value;

    for (value = 0; n; n--) {
        value = value << 8 | fuzz_byte(in);
    }

    return value;
}


/* A copy of the next n octets, or of those that are left. */

static inline rtprop_str_t
fuzz_text(fuzz_input_t *in, size_t n)
{
    rtprop_str_t  s;

    s.len = n < fuzz_left(in) ? n : fuzz_left(in);
    s.data = fuzz_copy(in->pos, s.len);
    in->pos += s.len;

    return s;
}


/* A copy of what comes before the next of these octets, which is skipped. */

static inline rtprop_str_t
fuzz_until(fuzz_input_t *in, unsigned char ch)
{
    rtprop_str_t          s;
    const unsigned char  *end;

    end = fuzz_left(in) ? memchr(in->pos, ch, fuzz_left(in)) : NULL;

    s = fuzz_text(in, (size_t) ((end ? end : in->last) - in->pos));

    if (end) {
        in->pos = end + 1;
    }

    return s;
}


static inline rtprop_str_t
fuzz_rest(fuzz_input_t *in)
{
    return fuzz_text(in, fuzz_left(in));
}


/* jansson's reader asserts that there is memory (2.14, lex_unget). */

static inline json_t *
fuzz_json_loadb(const char *data, size_t len, size_t flags,
    json_error_t *error)
{
    json_t    *json;
    unsigned   fail;

    fail = fuzz_memory.fail;
    fuzz_memory.fail = 0;

    json = json_loadb(data, len, flags, error);

    fuzz_memory.fail = fail;

    return json;
}


static inline void
fuzz_run(const uint8_t *data, size_t size)
{
    fuzz_input_t  in;

    fuzz_memory.count = 0;
    fuzz_memory.failed = 0;

    in.pos = data;
    in.last = data + size;

    fuzz_one(&in);

    while (fuzz_memory.ncopies) {
        free(fuzz_memory.copies[--fuzz_memory.ncopies]);
    }
}


int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
    json_object_seed(1);
    json_set_alloc_funcs(fuzz_malloc, free);

    return 0;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t    i;
    uint32_t  hash;

    fuzz_memory.fail = 0;
    fuzz_run(data, size);

    if (fuzz_memory.count == 0) {
        return 0;
    }

    /* FNV-1a */

    for (i = 0, hash = 2166136261U; i < size; i++) {
        hash = (hash ^ data[i]) * 16777619U;
    }

    fuzz_memory.all = hash & 1;
    fuzz_memory.fail = 1 + (hash >> 1) % fuzz_memory.count;
    fuzz_run(data, size);

    return 0;
}


/* what the code under test allocates with from here on */

#define malloc   fuzz_malloc
#define calloc   fuzz_calloc
#define realloc  fuzz_realloc

#define json_loadb  fuzz_json_loadb

#undef  strdup
#define strdup   fuzz_strdup

#undef  strndup
#define strndup  fuzz_strndup


#endif /* _FUZZ_H_INCLUDED_ */
