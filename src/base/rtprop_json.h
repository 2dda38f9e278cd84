/*
 * rtprop_json: reading and writing JSON over jansson.
 *
 * Reading (rtprop_json.c) is strict and bounded, since every byte may come
 * from a client.  Writing (rtprop_json_write.c) is compact, keeps the order
 * of keys, and can spell known keys in snake_case, camelCase or both.
 *
 * jansson's hash seed is process-wide: the module sets it once before forking.
 */

#ifndef _RTPROP_JSON_H_INCLUDED_
#define _RTPROP_JSON_H_INCLUDED_


#include <jansson.h>
#include "base/rtprop_base.h"


#define RTPROP_JSON_ID_MAX    128     /* bytes of an id */
#define RTPROP_JSON_INT_LEN   20      /* bytes of a rendered int64 */
#define RTPROP_JSON_KEY_MAX   64      /* longest key that is ever re-spelled */
#define RTPROP_JSON_DEPTH     64      /* deepest document that is written */


/* How keys are spelled in what is sent. */

typedef enum {
    RTPROP_JSON_SNAKE = 0,
    RTPROP_JSON_CAMEL,
    RTPROP_JSON_BOTH                  /* each key in either spelling */
} rtprop_json_spell_e;


/* A growing buffer: zeroed by the caller, who frees data with free(). */

typedef struct {
    unsigned char   *data;
    size_t           len;
    size_t           size;
} rtprop_json_buf_t;


/*
 * Parses one JSON value of any type (RFC 8259) from len bytes.  Refuses
 * duplicate keys, NUL characters (raw or escaped), bytes after the value,
 * text that is not UTF-8, and nesting of arrays and objects deeper than
 * max_depth.  An integer beyond 64 bits becomes a real, which the typed
 * getters below refuse, so that it is a bad field and not a bad document.
 *
 * Returns a new reference, or NULL with *err set to a static text fit for a
 * client.  Reads nothing beyond data + len; changes nothing.
 */
json_t *rtprop_json_load(const unsigned char *data, size_t len,
    unsigned max_depth, const char **err);


/*
 * Finds a member by its snake_case name or, failing that, by the camelCase
 * spelling of that name.  Returns a borrowed reference, or NULL when obj is
 * not an object or has neither.  A key over RTPROP_JSON_KEY_MAX bytes is
 * looked up as it stands only.
 */
json_t *rtprop_json_get(const json_t *obj, const char *key);


/*
 * Typed getters, by rtprop_json_get().  RTPROP_OK with the value set;
 * RTPROP_DECLINED when the member is missing or null; RTPROP_ERROR when it is
 * there with another type or out of range.  The value is left unchanged
 * unless RTPROP_OK.  Strings are borrowed from obj.
 *
 * An id is a string of 1 to RTPROP_JSON_ID_MAX bytes without control or space
 * characters, or an integer within +-(2^53 - 1), which is rendered into buf
 * (RTPROP_JSON_INT_LEN bytes, owned by the caller, who keeps it as long as
 * the id).  An int is a JSON integer within +-(2^53 - 1): 5.0 is refused.
 */
int rtprop_json_get_string(const json_t *obj, const char *key,
    rtprop_str_t *value);
int rtprop_json_get_id(const json_t *obj, const char *key,
    rtprop_str_t *value, unsigned char *buf);
int rtprop_json_get_int(const json_t *obj, const char *key, int64_t *value);
int rtprop_json_get_bool(const json_t *obj, const char *key, int *value);


/*
 * The same judgement on a value at hand, as for the elements of an array.
 * RTPROP_OK or RTPROP_ERROR; a NULL value is an error.
 */
int rtprop_json_id(const json_t *json, rtprop_str_t *value,
    unsigned char *buf);
int rtprop_json_int(const json_t *json, int64_t *value);


/*
 * Whether len bytes can be an id: 1 to RTPROP_JSON_ID_MAX bytes of UTF-8
 * without control or space characters.  Returns 1 or 0.
 */
int rtprop_json_id_valid(const unsigned char *data, size_t len);


/*
 * Length in bytes, 1 to 4, of the UTF-8 character at p (RFC 3629: shortest
 * form, no surrogates, up to U+10FFFF), or 0 when the bytes up to end are not
 * one.  p < end.
 */
size_t rtprop_json_utf8_char(const unsigned char *p,
    const unsigned char *end);


/*
 * The octets of a word that do not stand for themselves in a JSON string, as
 * rtprop_json_escape() writes it, each by its highest bit: all but printable
 * ASCII without quotation mark and backslash.  A borrow can mark an octet
 * wrongly only above one that is marked rightly.
 */
static inline uint64_t
rtprop_json_odd(const unsigned char *p)
{
    uint64_t  x;

    memcpy(&x, p, 8);

    return (x
            | ((x - 0x2020202020202020ULL) & ~x)
            | ((x ^ 0x2222222222222222ULL) - 0x0101010101010101ULL)
            | ((x ^ 0x5c5c5c5c5c5c5c5cULL) - 0x0101010101010101ULL)
            | (x + 0x0101010101010101ULL))
           & 0x8080808080808080ULL;
}


/*
 * How many of the octets from p to end, from the first on, stand for
 * themselves.  The last word overlaps the one before it.
 */
static inline size_t
rtprop_json_plain(const unsigned char *p, const unsigned char *end)
{
    const unsigned char  *start;

    start = p;

#if (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

    if (end - p >= 8) {
        uint64_t  odd;

        for ( ;; ) {
            odd = rtprop_json_odd(p);

            if (odd) {
                return p + __builtin_ctzll(odd) / 8 - start;
            }

            if (end - p == 8) {
                return end - start;
            }

            p = (end - p >= 16) ? p + 8 : end - 8;
        }
    }

#endif

    while (p < end && *p >= 0x20 && *p < 0x7f && *p != '"' && *p != '\\') {
        p++;
    }

    return p - start;
}


/*
 * Writes json compactly to memory that the caller frees with free(); str->len
 * excludes the NUL that follows.  RTPROP_OK, or RTPROP_ERROR without memory
 * or for a document nested deeper than RTPROP_JSON_DEPTH; str is then empty.
 */
int rtprop_json_dump(const json_t *json, rtprop_str_t *str);


/*
 * Appends json to buf.  RTPROP_OK, or RTPROP_ERROR as above with buf->len
 * unchanged.  No NUL is added.
 */
int rtprop_json_dump_buf(const json_t *json, rtprop_json_buf_t *buf);


/*
 * Appends len bytes to buf as they are.  RTPROP_OK, or RTPROP_ERROR without
 * memory, with buf unchanged.
 */
int rtprop_json_buf_add(rtprop_json_buf_t *buf, const void *data, size_t len);


/* The same as a JSON string: escaped, in quotes. */
int rtprop_json_buf_string(rtprop_json_buf_t *buf, const void *data,
    size_t len);


/*
 * rtprop_json_dump_buf() of what rtprop_json_respell() would make, without
 * making it.
 */
int rtprop_json_dump_spelled(const json_t *json, const char *keys,
    rtprop_json_spell_e mode, rtprop_json_buf_t *buf);


/*
 * Spells keys.  keys is a space-separated list of snake_case names, the
 * vocabulary of one event: a key that is one of them, in either spelling, is
 * given in the spelling of mode, at any depth except below a member named
 * "data" or "attachments".  Other keys, and names without an underscore, stay
 * as they are.  Where an object has both spellings the snake_case one counts.
 *
 * Returns a new reference that shares unchanged parts with json (so neither
 * is to be modified afterwards), or NULL without memory or for a document
 * nested deeper than RTPROP_JSON_DEPTH.
 */
json_t *rtprop_json_respell(json_t *json, const char *keys,
    rtprop_json_spell_e mode);


/*
 * Writes the camelCase spelling of a snake_case name of len bytes to dst,
 * which has room for len bytes: "viewer_count" gives "viewerCount".  Returns
 * the length written; no NUL is added.
 */
size_t rtprop_json_camel(char *dst, const char *name, size_t len);


/*
 * Escapes len bytes for use between the quotes of a JSON string.  With dst
 * NULL only counts.  Returns the number of bytes written, or needed: at most
 * 6 * len.  A byte that is not part of valid UTF-8 is written as '?'.
 */
size_t rtprop_json_escape(unsigned char *dst, const unsigned char *src,
    size_t len);


#endif /* _RTPROP_JSON_H_INCLUDED_ */
