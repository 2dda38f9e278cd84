/*
 * rtprop_command: what a payload must look like, declared in a table and
 * checked before any handler sees it.
 *
 *     static const rtprop_field_t  chat_send_fields[] = {
 *         { "conversation_id", RTPROP_FIELD_ID, RTPROP_FIELD_REQUIRED,
 *           0, 0, NULL, NULL },
 *         { "content", RTPROP_FIELD_STRING, RTPROP_FIELD_REQUIRED,
 *           1, 5000, "text message", NULL },
 *         { NULL, 0, 0, 0, 0, NULL, NULL }
 *     };
 */

#ifndef _RTPROP_COMMAND_H_INCLUDED_
#define _RTPROP_COMMAND_H_INCLUDED_


#include <jansson.h>
#include "base/rtprop_base.h"
#include "base/rtprop_json.h"
#include "base/rtprop_flat.h"


#define RTPROP_FIELDS_MAX      32       /* in one table */
#define RTPROP_FIELD_URL_MAX   2048     /* bytes of a URL */


/* Types; what min and max bound (max 0: only by the type), what is set. */

typedef enum {
    RTPROP_FIELD_STRING = 0,  /* characters (code points) -> str */
    RTPROP_FIELD_ID,          /* string or integer -> str; no bounds */
    RTPROP_FIELD_INT,         /* its value, within +-(2^53 - 1) -> i; min and
                                 max both 0: only by the type */
    RTPROP_FIELD_MONEY,       /* its value, 0 to 2^53 - 1 -> i */
    RTPROP_FIELD_BOOL,        /* -> b */
    RTPROP_FIELD_OBJECT,      /* members -> json */
    RTPROP_FIELD_ARRAY,       /* elements -> json */
    RTPROP_FIELD_TIME,        /* RFC 3339, or an integer of ms -> i, in ms */
    RTPROP_FIELD_ENUM,        /* one of words -> str, and its place -> i */
    RTPROP_FIELD_URL,         /* http://, https:// or /path; bytes -> str */
    RTPROP_FIELD_ANY          /* -> json */
} rtprop_field_type_e;


/* Flags. */

#define RTPROP_FIELD_REQUIRED   0x01
#define RTPROP_FIELD_BARE       0x02    /* may stand alone as the payload */


typedef struct {
    const char             *name;       /* snake_case; NULL ends the table */
    rtprop_field_type_e     type;
    unsigned                flags;
    int64_t                 min;
    int64_t                 max;
    const char             *aliases;    /* other names, space-separated */
    const char             *words;      /* of RTPROP_FIELD_ENUM, likewise */
} rtprop_field_t;


/*
 * A field as found.  str and json are borrowed from the payload (an integer
 * id is rendered into buf, so a value is not to be moved); json is set for
 * each type, unless rtprop_command_flat() found it.  All zero when the field
 * is missing or null.
 */

typedef struct {
    unsigned                set:1;
    unsigned                b:1;
    int64_t                 i;
    rtprop_str_t            str;
    json_t                 *json;
    unsigned char           buf[RTPROP_JSON_INT_LEN];
} rtprop_value_t;


/* What is wrong: with field NULL, the payload as a whole. */

typedef struct {
    const rtprop_field_t   *field;
    char                    text[96];   /* "must be 1 to 5000 characters" */
} rtprop_field_error_t;


/* The number of fields in a table; fields NULL: none. */
size_t rtprop_command_count(const rtprop_field_t *fields);


/*
 * Checks a payload against a table and sets values, which has room for
 * rtprop_command_count() of them, by position in the table.
 *
 * payload is an object, or NULL or null for an empty one.  A string or an
 * integer is taken for the field with RTPROP_FIELD_BARE, or else for the only
 * field that is a required id.  Keys are found in either spelling, then by
 * the field's aliases in their order; unknown keys are ignored; null counts
 * as missing.
 *
 * RTPROP_OK, or RTPROP_ERROR with *error set and values undefined.  The text
 * of an error is fit for a client and begins with a verb ("is required").
 */
int rtprop_command_parse(const rtprop_field_t *fields, json_t *payload,
    rtprop_value_t *values, rtprop_field_error_t *error);


/*
 * The same for a payload that rtprop_flat_read() has read, and whose text is
 * now at text (flat->text, or a copy): strings of values lie there.  json is
 * NULL in all values; an empty array is set and nothing else.
 *
 * RTPROP_OK, or RTPROP_DECLINED with values undefined: it is not as it should
 * be, or has a field of a type that is not judged here; rtprop_command_parse()
 * tells.
 */
int rtprop_command_flat(const rtprop_field_t *fields,
    const rtprop_flat_t *flat, unsigned char *text, rtprop_value_t *values);


/*
 * Whether a string may be shown as a link or an image: "http://" or
 * "https://" with something after it, or a path that begins with one "/";
 * at most RTPROP_FIELD_URL_MAX bytes, no control or space characters, quotes,
 * angle brackets or backslashes.  Returns 1 or 0.
 */
int rtprop_command_is_url(const unsigned char *data, size_t len);


#endif /* _RTPROP_COMMAND_H_INCLUDED_ */
