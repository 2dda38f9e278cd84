#include "t/unit/tap.h"
#include "base/rtprop_base64.c"


typedef struct {
    const char  *plain;
    size_t       len;
    const char  *std;
    const char  *url;
} pair_t;


/* RFC 4648, 10, and octets that need the last two letters */

static const pair_t  pairs[] = {
    { "", 0, "", "" },
    { "f", 1, "Zg==", "Zg" },
    { "fo", 2, "Zm8=", "Zm8" },
    { "foo", 3, "Zm9v", "Zm9v" },
    { "foob", 4, "Zm9vYg==", "Zm9vYg" },
    { "fooba", 5, "Zm9vYmE=", "Zm9vYmE" },
    { "foobar", 6, "Zm9vYmFy", "Zm9vYmFy" },
    { "\xfb\xff\xbf", 3, "+/+/", "-_-_" },
    { "\xff\xfe", 2, "//4=", "__4" },
    { "\0\0\0\0", 4, "AAAAAA==", "AAAAAA" },
};


static const char  *bad_std[] = {
    "Z", "Zg", "Zg=", "Zg===", "=", "==", "===", "====", "Z===", "Zm8",
    "Zh==", "Zm9=", "Zm9v====", "Zg==Zg==", "Z=g=", "Zm8=Zm8=", "Zm9v\n",
    " Zm9", "Zm 9", "-_-_", "Zm9v=", "Zm\xff""9", NULL
};

static const char  *bad_url[] = {
    "Z", "Zm9vY", "Zg==", "Zm8=", "Zh", "Zm9", "+/+/", "Zg\n", "Zm.v", NULL
};


static void
test_pairs(void)
{
    size_t          i, n;
    unsigned char   buf[64];
    const pair_t   *p;

    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        p = &pairs[i];

        n = rtprop_base64_encode(buf, (unsigned char *) p->plain, p->len,
                                 RTPROP_BASE64_STD);
        is_mem(buf, n, p->std, strlen(p->std), "encode, standard");

        n = rtprop_base64_encode(buf, (unsigned char *) p->plain, p->len,
                                 RTPROP_BASE64_URL);
        is_mem(buf, n, p->url, strlen(p->url), "encode, url");

        is_int(rtprop_base64_decode(buf, &n, (unsigned char *) p->std,
                                    strlen(p->std), RTPROP_BASE64_STD),
               RTPROP_OK, "decode, standard");
        is_mem(buf, n, p->plain, p->len, "value");

        is_int(rtprop_base64_decode(buf, &n, (unsigned char *) p->url,
                                    strlen(p->url), RTPROP_BASE64_URL),
               RTPROP_OK, "decode, url");
        is_mem(buf, n, p->plain, p->len, "value");
    }
}


static void
test_bad(const char **list, rtprop_base64_e alphabet, const char *name)
{
    size_t         n;
    unsigned char  buf[64];

    for ( /* void */ ; *list; list++) {
        ok(rtprop_base64_decode(buf, &n, (unsigned char *) *list,
                                strlen(*list), alphabet)
           == RTPROP_ERROR, "%s refuses \"%s\"", name, *list);
    }
}


static void
test_round(void)
{
    int            pass;
    size_t         len, n, i, a;
    unsigned char  plain[256], code[400];

    for (i = 0; i < sizeof(plain); i++) {
        plain[i] = (unsigned char) (i * 167 + 13);
    }

    for (a = RTPROP_BASE64_STD; a <= RTPROP_BASE64_URL; a++) {
        pass = 1;

        for (len = 0; len <= sizeof(plain); len++) {
            n = rtprop_base64_encode(code, plain, len, a);
            pass &= (n <= rtprop_base64_encoded_len(len));
            pass &= (len <= rtprop_base64_decoded_len(n));

            /* in place */

            pass &= (rtprop_base64_decode(code, &n, code, n, a) == RTPROP_OK);
            pass &= (n == len && memcmp(code, plain, len) == 0);
        }

        ok(pass, "0 to 256 octets there and back in place");
    }
}


int
main(void)
{
    test_pairs();
    test_bad(bad_std, RTPROP_BASE64_STD, "standard");
    test_bad(bad_url, RTPROP_BASE64_URL, "url");
    test_round();

    return plan_done();
}
