/*
 * Parameters and columns of named queries: their declaration, and numbers and
 * arrays in PostgreSQL's binary form (network byte order).
 */

#ifndef _RTPROP_SQL_H_INCLUDED_
#define _RTPROP_SQL_H_INCLUDED_


#include <stddef.h>
#include <stdint.h>


typedef enum {
    RTPROP_SQL_TEXT = 0,
    RTPROP_SQL_JSON,
    RTPROP_SQL_BYTEA,
    RTPROP_SQL_BIGINT,
    RTPROP_SQL_BOOLEAN,
    RTPROP_SQL_DOUBLE,
    RTPROP_SQL_TIMESTAMPTZ,
    RTPROP_SQL_TEXTS,               /* text[] */
    RTPROP_SQL_BIGINTS,             /* bigint[] */
    RTPROP_SQL_TYPES
} rtprop_sql_type_e;


#define RTPROP_SQL_FIELDS  64       /* of one list, at most */
#define RTPROP_SQL_JSONB   3802     /* in pg_type */


typedef struct {
    const char         *name;       /* into the list's text */
    size_t              len;
    rtprop_sql_type_e   type;
} rtprop_sql_field_t;


/*
 * Reads "name type, name type" into fields, which has RTPROP_SQL_FIELDS of
 * them.  Returns their number, or -1 if the list is malformed.
 */
int rtprop_sql_fields(const char *list, rtprop_sql_field_t *fields);

/* The type's name, and its number in pg_type. */
const char *rtprop_sql_type_name(rtprop_sql_type_e type);
uint32_t rtprop_sql_type_oid(rtprop_sql_type_e type);

/* Whether a column of the type oid can be read as the type. */
int rtprop_sql_type_fits(rtprop_sql_type_e type, uint32_t oid);


/* Write 4, 8 octets; return what follows. */
unsigned char *rtprop_sql_put32(unsigned char *p, uint32_t n);
unsigned char *rtprop_sql_put64(unsigned char *p, uint64_t n);

/* Milliseconds since 1970 to microseconds since 2000, and back (rounds down).
 * Times beyond PostgreSQL's range end at its infinities. */
int64_t rtprop_sql_time(int64_t ms);
int64_t rtprop_sql_ms(int64_t time);

/*
 * The head of an array of n elements of type oid: returns what follows; the
 * elements come next, each as its length in 4 octets and its octets.
 */
#define RTPROP_SQL_ARRAY_HEAD  20
unsigned char *rtprop_sql_array(unsigned char *p, uint32_t n, uint32_t oid);

/*
 * A number of a result's field: len octets of the type oid (smallint, integer,
 * bigint, boolean; timestamptz in ms).  Anything else is 0.
 */
int64_t rtprop_sql_number(const void *data, size_t len, uint32_t oid);

/* real and double precision, likewise. */
double rtprop_sql_real(const void *data, size_t len);


#endif /* _RTPROP_SQL_H_INCLUDED_ */
