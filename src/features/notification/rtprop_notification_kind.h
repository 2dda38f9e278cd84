/*
 * rtprop_notification_kind: what each kind of notification is and says.
 */

#ifndef _RTPROP_NOTIFICATION_KIND_H_INCLUDED_
#define _RTPROP_NOTIFICATION_KIND_H_INCLUDED_


#include <jansson.h>

#include "base/rtprop_base.h"


typedef struct {
    const char     *kind;
    const char     *category;
    const char     *priority;
    const char     *title;            /* template; NULL: must be given */
    const char     *body;             /* template; NULL: none */
} rtprop_notification_kind_t;


/* The kind of that name; one without a name and templates if not known. */
const rtprop_notification_kind_t *rtprop_notification_kind(
    const rtprop_str_t *name);

/*
 * Fills in a template.  "{key|else}" stands for the member "key" of data, a
 * text or an integer, or for the words after the bar where there is none.  A
 * number whose key ends in price, bid, amount or to_win is written with
 * separators, a text whose key ends in status with spaces for underscores.
 *
 * The result is cut after "max" characters.  Returns a new reference, or NULL
 * without memory.
 */
json_t *rtprop_notification_fill(const char *text, const json_t *data,
    size_t max);


#endif /* _RTPROP_NOTIFICATION_KIND_H_INCLUDED_ */
