
/*
 * Bytes and numbers of the load tool: templates, marks, frames, histogram.
 */


#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"


ssize_t
load_expand(const load_options_t *o, const char *text, unsigned i,
    const char *mark, char *buf, size_t size)
{
    char         number[16];
    size_t       n, len, skip;
    const char  *from;

    for (n = 0; *text; text += skip) {
        from = number;
        len = 0;

        if (strncmp(text, "{i}", 3) == 0) {
            skip = 3;
            len = snprintf(number, sizeof(number), "%u", i);

        } else if (strncmp(text, "{room}", 6) == 0) {
            skip = 6;
            len = snprintf(number, sizeof(number), "%u", i % o->rooms);

        } else if (strncmp(text, "{token}", 7) == 0 && o->ntokens) {
            skip = 7;
            from = o->tokens[i % o->ntokens];
            len = strlen(from);

        } else if (strncmp(text, "{mark}", 6) == 0 && mark) {
            skip = 6;
            from = mark;
            len = LOAD_MARK;

        } else if (strncmp(text, "{id}", 4) == 0 && mark) {
            skip = 4;
            from = mark + 1;
            len = 14;

        } else if (strncmp(text, "{pad}", 5) == 0) {
            skip = 5;
            from = NULL;
            len = o->pad;

        } else {
            skip = 1;
            from = text;
            len = 1;
        }

        if (len > size - n) {
            return -1;
        }

        if (from) {
            memcpy(buf + n, from, len);

        } else {
            memset(buf + n, 'x', len);
        }

        n += len;
    }

    return n;
}


size_t
load_frame(char *out, unsigned opcode, const char *payload, size_t len,
    uint32_t mask)
{
    char           key[4];
    size_t         n, i;
    unsigned       shift;

    memcpy(key, &mask, 4);

    out[0] = 0x80 | opcode;
    n = 2;

    if (len < 126) {
        out[1] = 0x80 | len;

    } else if (len < 65536) {
        out[1] = (char) (0x80 | 126);
        out[2] = len >> 8;
        out[3] = len & 0xff;
        n = 4;

    } else {
        out[1] = (char) (0x80 | 127);

        for (shift = 64; shift; shift -= 8) {
            out[n++] = ((uint64_t) len >> (shift - 8)) & 0xff;
        }
    }

    memcpy(out + n, key, 4);
    n += 4;

    for (i = 0; i < len; i++) {
        out[n + i] = payload[i] ^ key[i & 3];
    }

    return n + len;
}


static void
load_hex_write(char *out, uint64_t value, unsigned digits)
{
    while (digits--) {
        out[digits] = "0123456789abcdef"[value & 15];
        value >>= 4;
    }
}


static int
load_hex_read(const char *s, unsigned digits, uint64_t *value)
{
    char  c;

    *value = 0;

    while (digits--) {
        c = *s++;

        if (c >= '0' && c <= '9') {
            *value = *value << 4 | (uint64_t) (c - '0');

        } else if (c >= 'a' && c <= 'f') {
            *value = *value << 4 | (uint64_t) (c - 'a' + 10);

        } else {
            return -1;
        }
    }

    return 0;
}


void
load_mark_write(char *out, uint32_t publisher, uint32_t number, uint64_t ns)
{
    out[0] = '~';
    load_hex_write(out + 1, publisher, 6);
    load_hex_write(out + 7, number, 8);
    load_hex_write(out + 15, ns, 16);
    out[31] = '~';
}


int
load_mark_read(const char *s, uint32_t *publisher, uint32_t *number,
    uint64_t *ns)
{
    uint64_t  p, n;

    if (s[0] != '~' || s[31] != '~'
        || load_hex_read(s + 1, 6, &p) != 0
        || load_hex_read(s + 7, 8, &n) != 0
        || load_hex_read(s + 15, 16, ns) != 0)
    {
        return -1;
    }

    *publisher = p;
    *number = n;

    return 0;
}


/* Values below 64 have a step each, later each octave has 64 steps. */

void
load_hist_add(uint64_t *hist, uint64_t value)
{
    unsigned  octave, step;

    if (value < 64) {
        hist[value]++;
        return;
    }

    octave = 63 - __builtin_clzll(value);
    step = (octave - 5) * 64 + ((value >> (octave - 6)) & 63);

    hist[step < LOAD_HIST_SIZE ? step : LOAD_HIST_SIZE - 1]++;
}


double
load_hist_at(const uint64_t *hist, double q)
{
    uint64_t  total, want, seen;
    unsigned  i;

    for (i = 0, total = 0; i < LOAD_HIST_SIZE; i++) {
        total += hist[i];
    }

    if (total == 0) {
        return 0;
    }

    want = ceil(q * total);
    want = want ? want : 1;

    for (i = 0, seen = 0; i < LOAD_HIST_SIZE - 1; i++) {
        seen += hist[i];

        if (seen >= want) {
            break;
        }
    }

    return i < 64 ? i : ldexp(64.5 + i % 64, (int) (i / 64) - 1);
}
