/*
 * rtprop_flat: reading small JSON objects without making values of them.
 *
 * What most messages are is an object of a few plain strings, integers and
 * words.  This reader takes those, and only where jansson would take the very
 * same; everything else it leaves to rtprop_json_load(), which alone judges
 * what is an error.
 */

#ifndef _RTPROP_FLAT_H_INCLUDED_
#define _RTPROP_FLAT_H_INCLUDED_


#include "base/rtprop_json.h"


#define RTPROP_FLAT_MAX     8           /* members of an object */
#define RTPROP_FLAT_TEXT    0xffff      /* octets of its text */
#define RTPROP_FLAT_DIGITS  18          /* of an integer */


typedef enum {
    RTPROP_FLAT_NULL = 0,
    RTPROP_FLAT_STRING,
    RTPROP_FLAT_INT,
    RTPROP_FLAT_TRUE,
    RTPROP_FLAT_FALSE,
    RTPROP_FLAT_NONE,           /* an empty array */
    RTPROP_FLAT_OBJECT          /* where the caller asks for it */
} rtprop_flat_type_e;


/* Places are octets from the start of the text, quotation marks left out. */

typedef struct {
    uint16_t             key;
    uint16_t             key_len;
    uint16_t             value;
    uint16_t             value_len;
    int64_t              i;             /* of RTPROP_FLAT_INT */
    rtprop_flat_type_e   type;
} rtprop_flat_member_t;


typedef struct {
    const unsigned char  *text;         /* from brace to brace */
    size_t                len;
    unsigned              n;
    rtprop_flat_member_t  members[RTPROP_FLAT_MAX];
} rtprop_flat_t;


/*
 * Reads the object that starts at data and ends within len octets.  Its members
 * have different names and are strings and names without escapes, in UTF-8;
 * integers of at most RTPROP_FLAT_DIGITS digits; true, false, null, [].  With
 * inner, a member may also be an object of such members, at most one; inner is
 * what it holds.
 *
 * Returns the octets of the object, or 0 where it is anything else or bad:
 * then flat and inner are undefined.  Changes and allocates nothing; flat->text
 * is data.
 */
size_t rtprop_flat_read(rtprop_flat_t *flat, rtprop_flat_t *inner,
    const unsigned char *data, size_t len);

/* The first octet from p on that is no space of JSON's, or end. */
const unsigned char *rtprop_flat_space(const unsigned char *p,
    const unsigned char *end);

/*
 * Finds a member as rtprop_json_get() does: by its snake_case name or, if there
 * is none, by the camelCase spelling of that.  NULL: there is neither.
 */
const rtprop_flat_member_t *rtprop_flat_get(const rtprop_flat_t *flat,
    const char *name, size_t len);


/* The text of a member: of a string what it says, of others as written. */

static inline rtprop_str_t
rtprop_flat_str(const rtprop_flat_t *flat, const rtprop_flat_member_t *m)
{
    rtprop_str_t  s;

    s.data = (unsigned char *) flat->text + m->value;
    s.len = m->value_len;

    return s;
}


#endif /* _RTPROP_FLAT_H_INCLUDED_ */
