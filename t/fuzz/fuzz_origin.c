/*
 * Origins: rules of the operator against headers of a client.
 *
 * Input: lines: the Host header, the Origin header ("-": none), then a rule's
 * word in each.
 */

#include "t/fuzz/fuzz.h"

#include "session/rtprop_origin.c"


#define RULES  8


static int
match(void *regex, const rtprop_str_t *origin)
{
    return origin->len && origin->data[0] == 'h';
}


static rtprop_str_t
upper(const rtprop_str_t *s)
{
    size_t        i;
    rtprop_str_t  copy;

    copy.len = s->len;
    copy.data = fuzz_copy(s->data, s->len);

    for (i = 0; i < copy.len; i++) {
        if (copy.data[i] >= 'a' && copy.data[i] <= 'z') {
            copy.data[i] -= 'a' - 'A';
        }
    }

    return copy;
}


/* Octets between "://" and the port. */

static size_t
host_length(const rtprop_str_t *origin)
{
    size_t                n;
    const unsigned char  *p;

    p = memchr(origin->data, ':', origin->len);
    p = p ? p + 3 : origin->data;
    n = (size_t) (origin->data + origin->len - p);

    return memchr(p, ':', n) ? (size_t) ((unsigned char *) memchr(p, ':', n)
                                         - p)
                             : n;
}


/* What must hold for one rule alone. */

static void
alone(const rtprop_origin_rule_t *rule, const rtprop_origin_request_t *request,
    const rtprop_str_t *word)
{
    int                      allowed;
    rtprop_str_t             loud;
    rtprop_origin_request_t  other;

    allowed = rtprop_origin_check(rule, 1, request, match) == RTPROP_OK;

    if (request->origin == NULL) {
        must(allowed == (rule->kind != RTPROP_ORIGIN_REQUIRED),
             "without a header only where none is required");
        return;
    }

    must(allowed || rule->kind != RTPROP_ORIGIN_ANY, "any is any");

    if (rule->kind != RTPROP_ORIGIN_EXACT && rule->kind != RTPROP_ORIGIN_BELOW
        && rule->kind != RTPROP_ORIGIN_SAME)
    {
        return;
    }

    must(!allowed || memchr(request->origin->data, ':', request->origin->len),
         "an origin has a scheme");

    loud = upper(request->origin);
    other = *request;
    other.origin = &loud;

    must(allowed
         == (rtprop_origin_check(rule, 1, &other, match) == RTPROP_OK),
         "case does not count");

    if (allowed && rule->kind == RTPROP_ORIGIN_BELOW) {
        must(host_length(request->origin) >= rule->origin.host.len + 2,
             "below a host is longer than the host");
    }
}


static void
fuzz_one(fuzz_input_t *in)
{
    int                      rc;
    size_t                   i, n, required;
    const char              *err;
    rtprop_str_t             word, origin;
    rtprop_origin_rule_t     rules[RULES];
    rtprop_origin_request_t  request;

    request.host = fuzz_until(in, '\n');
    origin = fuzz_until(in, '\n');
    request.origin = rtprop_str_eq(&origin, "-", 1) ? NULL : &origin;

    for (i = 0, n = 0, required = 0; i < RULES && fuzz_left(in); i++) {
        word = fuzz_until(in, '\n');
        err = NULL;

        if (rtprop_origin_rule(&rules[n], &word, &err) != RTPROP_OK) {
            must(err && *err, "an error says what");
            continue;
        }

        must(rules[n].regex == NULL, "the caller compiles");
        alone(&rules[n], &request, &word);
        required += rules[n].kind == RTPROP_ORIGIN_REQUIRED;
        n++;
    }

    rc = rtprop_origin_check(rules, n, &request, match);

    if (request.origin == NULL) {
        must((rc == RTPROP_OK) == (required == 0), "required is required");
        return;
    }

    for (i = 0; i < n; i++) {
        must(rules[i].kind == RTPROP_ORIGIN_REQUIRED || rc == RTPROP_OK
             || rtprop_origin_check(&rules[i], 1, &request, match)
                != RTPROP_OK, "any of the rules may allow");
    }
}
