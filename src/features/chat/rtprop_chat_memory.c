/*
 * What is remembered of messages: who has read how far, and what was sent.
 */

#include "features/chat/rtprop_chat.h"

#include <stdio.h>


static int rtprop_chat_sent_line(rtprop_str_t *text,
    rtprop_chat_message_t *m);


uint64_t
rtprop_chat_mark(const rtprop_str_t *text)
{
    uint64_t  id;

    return rtprop_chat_message_id(text, &id) == RTPROP_OK ? id : 0;
}


int
rtprop_chat_read(const rtprop_str_t *text, uint64_t id)
{
    return id > rtprop_chat_mark(text) ? RTPROP_OK : RTPROP_AGAIN;
}


int
rtprop_chat_sent_find(const rtprop_str_t *text, rtprop_chat_message_t *m,
    int64_t now)
{
    rtprop_str_t           rest;
    rtprop_chat_message_t  sent;

    rest = *text;

    while (rtprop_chat_sent_line(&rest, &sent) == RTPROP_OK) {

        if (sent.created_at + RTPROP_CHAT_SENT_MS > now
            && rtprop_str_eq(&sent.client_message_id,
                             (char *) m->client_message_id.data,
                             m->client_message_id.len))
        {
            m->id = sent.id;
            m->created_at = sent.created_at;
            return 1;
        }
    }

    return 0;
}


size_t
rtprop_chat_sent_add(const rtprop_str_t *text, const rtprop_chat_message_t *m,
    unsigned char *out)
{
    size_t                 n, len;
    rtprop_str_t           rest;
    rtprop_chat_message_t  sent;

    rest = *text;
    sent = *m;
    len = 0;

    for (n = 0; n < RTPROP_CHAT_SENT; n++) {
        len += sprintf((char *) out + len, "%llu %lld %zu ",
                       (unsigned long long) sent.id,
                       (long long) sent.created_at,
                       sent.client_message_id.len);

        memcpy(out + len, sent.client_message_id.data,
               sent.client_message_id.len);
        len += sent.client_message_id.len;
        out[len++] = '\n';

        if (rtprop_chat_sent_line(&rest, &sent) != RTPROP_OK
            || sent.created_at + RTPROP_CHAT_SENT_MS <= m->created_at)
        {
            break;
        }
    }

    return len;
}


/* "{id} {created_at} {length} {client_message_id}\n", taken off the text. */

static int
rtprop_chat_sent_line(rtprop_str_t *text, rtprop_chat_message_t *m)
{
    size_t    i, n;
    uint64_t  number[3];

    i = 0;

    for (n = 0; n < 3; n++) {
        number[n] = 0;

        while (i < text->len && text->data[i] >= '0' && text->data[i] <= '9') {
            number[n] = number[n] * 10 + (text->data[i++] - '0');
        }

        if (i == text->len || text->data[i++] != ' ') {
            return RTPROP_ERROR;
        }
    }

    if (number[1] > RTPROP_INT_MAX || number[2] > RTPROP_JSON_ID_MAX
        || number[2] >= text->len - i)
    {
        return RTPROP_ERROR;
    }

    m->id = number[0];
    m->created_at = (int64_t) number[1];
    m->client_message_id.len = number[2];
    m->client_message_id.data = text->data + i;

    i += number[2] + 1;
    text->data += i;
    text->len -= i;

    return RTPROP_OK;
}
