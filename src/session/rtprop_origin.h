/*
 * rtprop_origin: which pages may connect (RFC 6454; RFC 6455, 10.2).
 */

#ifndef _RTPROP_ORIGIN_H_INCLUDED_
#define _RTPROP_ORIGIN_H_INCLUDED_


#include "base/rtprop_base.h"


typedef enum {
    RTPROP_ORIGIN_SAME = 0,   /* "same": the page comes from this host */
    RTPROP_ORIGIN_ANY,        /* "any" */
    RTPROP_ORIGIN_REQUIRED,   /* "required": no Origin header is refused */
    RTPROP_ORIGIN_NULL,       /* "null": sandboxed pages, local files */
    RTPROP_ORIGIN_EXACT,      /* "[scheme://]host[:port]" */
    RTPROP_ORIGIN_BELOW,      /* "[scheme://]*.host[:port]" */
    RTPROP_ORIGIN_REGEX       /* "~regex", "~*regex" */
} rtprop_origin_kind_e;


/* An origin, or a Host header (without a scheme), apart. */

typedef struct {
    rtprop_str_t             scheme;    /* empty: none */
    rtprop_str_t             host;      /* an IPv6 address with its brackets */
    unsigned                 port;      /* 0: none */
} rtprop_origin_t;


/* One word of the rule; its strings point into the word. */

typedef struct {
    rtprop_origin_kind_e     kind;
    rtprop_origin_t          origin;    /* _EXACT, _BELOW (without "*.") */
    rtprop_str_t             pattern;   /* _REGEX, without "~" or "~*" */
    unsigned                 caseless;  /* "~*" */
    void                    *regex;     /* set by the caller */
} rtprop_origin_rule_t;


/* Whether the regex of a rule matches an Origin header's text: 1 or 0. */
typedef int (*rtprop_origin_match_pt)(void *regex,
    const rtprop_str_t *origin);


/* What is known of a request. */

typedef struct {
    const rtprop_str_t      *origin;    /* NULL: no such header */
    rtprop_str_t             host;      /* the Host header, with its port */
} rtprop_origin_request_t;


/*
 * Reads one word of the rule.  RTPROP_OK with *rule set (regex NULL), or
 * RTPROP_ERROR with *err set to a static text for the operator.
 */
int rtprop_origin_rule(rtprop_origin_rule_t *rule, const rtprop_str_t *word,
    const char **err);


/*
 * Judges a request by n rules, any of which may allow it.  Without an Origin
 * header it is allowed unless RTPROP_ORIGIN_REQUIRED is among the rules.  No
 * rule, or that one alone, stands for "same".
 *
 * Hosts and schemes are compared without case.  A port that is not given is
 * the default one of the origin's scheme (80, 443; a Host header's too, since
 * TLS may end before us); a pattern without a scheme fits any.  "null" and
 * what is no origin are never the same and fit "any" and a regex only.
 *
 * match may be NULL when no rule is a regex.  RTPROP_OK or RTPROP_DECLINED.
 */
int rtprop_origin_check(const rtprop_origin_rule_t *rules, size_t n,
    const rtprop_origin_request_t *request, rtprop_origin_match_pt match);


#endif /* _RTPROP_ORIGIN_H_INCLUDED_ */
