#include "t/unit/tap.h"
#include "ws/rtprop_ws_extension.c"

#include <stdlib.h>


#define PMD  "permessage-deflate"
#define BOTH "; server_no_context_takeover; client_no_context_takeover"
#define SB   "; server_max_window_bits="
#define CB   "; client_max_window_bits"


/* An offer, the largest window here, and the answer; NULL: none. */

typedef struct {
    const char  *offer;
    unsigned     window;
    const char  *answer;
} case_t;


static const case_t  cases[] = {

    /* what is offered, and what comes back */
    { PMD, 15, PMD BOTH },
    { "PerMessage-Deflate", 15, PMD BOTH },
    { PMD "; server_no_context_takeover", 15, PMD BOTH },
    { PMD "; client_no_context_takeover", 15, PMD BOTH },
    { PMD "; client_no_context_takeover; server_no_context_takeover", 15,
      PMD BOTH },
    { PMD SB "15", 15, PMD BOTH SB "15" },
    { PMD SB "10", 15, PMD BOTH SB "10" },
    { PMD SB "9", 15, PMD BOTH SB "9" },
    { PMD SB "\"9\"", 15, PMD BOTH SB "9" },
    { PMD CB, 15, PMD BOTH CB "=15" },
    { PMD CB "=15", 15, PMD BOTH CB "=15" },
    { PMD CB "=10", 15, PMD BOTH CB "=10" },
    { PMD CB "=8", 15, PMD BOTH CB "=8" },
    { PMD CB "=12" SB "11", 15, PMD BOTH SB "11" CB "=12" },

    /* white space, empty elements */
    { "\t" PMD " ;\tclient_max_window_bits = 9 ", 15, PMD BOTH CB "=9" },
    { ",, " PMD ",", 15, PMD BOTH },

    /* a smaller window here: said, asked or not */
    { PMD, 12, PMD BOTH SB "12" },
    { PMD SB "15", 12, PMD BOTH SB "12" },
    { PMD SB "12", 12, PMD BOTH SB "12" },
    { PMD SB "9", 12, PMD BOTH SB "9" },

    /* refused */
    { "", 15, NULL },
    { " , ,", 15, NULL },
    { "permessage-bzip2", 15, NULL },
    { "permessage-deflat", 15, NULL },
    { "permessage-deflate-frame", 15, NULL },
    { "x-webkit-deflate-frame", 15, NULL },
    { PMD "; unknown", 15, NULL },
    { PMD "; unknown=1", 15, NULL },
    { PMD "; server_no_context_takeover=1", 15, NULL },
    { PMD "; client_no_context_takeover=true", 15, NULL },
    { PMD "; server_max_window_bits", 15, NULL },
    { PMD SB "8", 15, NULL },
    { PMD SB "7", 15, NULL },
    { PMD SB "16", 15, NULL },
    { PMD SB "09", 15, NULL },
    { PMD SB "015", 15, NULL },
    { PMD SB "0", 15, NULL },
    { PMD SB "-9", 15, NULL },
    { PMD SB "9x", 15, NULL },
    { PMD SB "1x", 15, NULL },
    { PMD SB "", 15, NULL },
    { PMD SB "\"\"", 15, NULL },
    { PMD SB "\"9", 15, NULL },
    { PMD SB "\"9\"9", 15, NULL },
    { PMD CB "=", 15, NULL },
    { PMD CB "=7", 15, NULL },
    { PMD CB "=16", 15, NULL },
    { PMD CB "=08", 15, NULL },
    { PMD CB "=9" CB "=9", 15, NULL },
    { PMD CB CB, 15, NULL },
    { PMD SB "9" SB "10", 15, NULL },
    { PMD BOTH "; server_no_context_takeover", 15, NULL },
    { PMD ";", 15, NULL },
    { PMD "; ;", 15, NULL },
    { PMD " x", 15, NULL },
    { PMD "=1", 15, NULL },
    { PMD "; =9", 15, NULL },
    { "; " PMD, 15, NULL },
    { "\"" PMD "\"", 15, NULL },

    /* the next one, then */
    { PMD "; unknown, " PMD, 15, PMD BOTH },
    { PMD SB "8, " PMD SB "9", 15, PMD BOTH SB "9" },
    { PMD SB "8," PMD CB, 15, PMD BOTH CB "=15" },
    { "foo; a=\"x, " PMD "\", " PMD SB "11", 15, PMD BOTH SB "11" },
    { "foo; a=\"x\\\", " PMD "\"; b, " PMD SB "11", 15, PMD BOTH SB "11" },
    { PMD "; server_no_context_takeover" SB "9, " PMD ", " PMD, 15,
      PMD BOTH SB "9" },
    { "foo; a=\"x, " PMD, 15, NULL }
};


static void
is_answer(rtprop_str_t *lists, unsigned n, unsigned window,
    const char *answer, const char *name)
{
    size_t                 len;
    unsigned char          dst[RTPROP_WS_EXTENSION_LEN];
    rtprop_ws_extension_t  x;

    if (rtprop_ws_extension_negotiate(&x, lists, n, window) != RTPROP_OK) {
        ok(answer == NULL, "%s", name);
        return;
    }

    len = rtprop_ws_extension_answer(dst, &x);

    is_mem(dst, len, answer ? answer : "(none)", strlen(answer ? answer : ""),
           name);
}


int
main(void)
{
    size_t        i;
    rtprop_str_t  lists[2];

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        lists[0].data = (unsigned char *) strdup(cases[i].offer);
        lists[0].len = strlen(cases[i].offer);

        is_answer(lists, 1, cases[i].window, cases[i].answer, cases[i].offer);

        free(lists[0].data);
    }

    lists[0].data = (unsigned char *) PMD "; unknown";
    lists[0].len = strlen(PMD "; unknown");
    lists[1].data = (unsigned char *) PMD;
    lists[1].len = strlen(PMD);

    is_answer(lists, 2, 15, PMD BOTH, "the second header line");
    is_answer(lists, 1, 15, NULL, "the first header line alone");
    is_answer(lists, 0, 15, NULL, "no header line");

    return plan_done();
}
