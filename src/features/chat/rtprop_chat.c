/*
 * Rights and typing.
 */

#include "features/chat/rtprop_chat.h"

#include "base/rtprop_json.h"


rtprop_chat_right_e
rtprop_chat_right(const json_t *doc, const rtprop_str_t *user, int claimed)
{
    if (doc && rtprop_chat_participant(doc, user)) {
        return RTPROP_CHAT_PARTICIPANT;
    }

    if (claimed) {
        return RTPROP_CHAT_CLAIMED;
    }

    return doc ? RTPROP_CHAT_STRANGER : RTPROP_CHAT_UNKNOWN;
}


int
rtprop_chat_admit(json_t *doc, const rtprop_chat_person_t *person)
{
    json_t  *people, *item;

    people = rtprop_chat_participants(doc);

    if (rtprop_chat_participant(doc, &person->id)) {
        return RTPROP_AGAIN;
    }

    if (json_array_size(people) >= RTPROP_CHAT_PARTICIPANTS) {
        return RTPROP_DECLINED;
    }

    item = json_pack("{s:o, s:o, s:o, s:o}",
                     "id", rtprop_payload_str(&person->id),
                     "name", rtprop_payload_str(&person->name),
                     "avatar", rtprop_payload_str(&person->avatar),
                     "role", rtprop_payload_str(&person->role));

    return json_array_append_new(people, item) == 0 ? RTPROP_OK
                                                    : RTPROP_ERROR;
}


int
rtprop_chat_message_id(const rtprop_str_t *text, uint64_t *id)
{
    size_t  i;

    *id = 0;

    if (text->len == 0 || text->len > 19 || text->data[0] == '0') {
        return RTPROP_ERROR;
    }

    for (i = 0; i < text->len; i++) {
        if (text->data[i] < '0' || text->data[i] > '9') {
            return RTPROP_ERROR;
        }

        *id = *id * 10 + (text->data[i] - '0');
    }

    return RTPROP_OK;
}


rtprop_chat_typing_e
rtprop_chat_typing(rtprop_chat_typing_t *t, int is_typing, int64_t now)
{
    int  types;

    types = (t->until != 0);

    if (!is_typing) {
        t->until = 0;
        return types ? RTPROP_CHAT_STOPPED : RTPROP_CHAT_SILENT;
    }

    t->until = now + RTPROP_CHAT_TYPING_MS;

    if (types && now - t->told < RTPROP_CHAT_REPEAT_MS) {
        return RTPROP_CHAT_SILENT;
    }

    t->told = now;

    return RTPROP_CHAT_TYPES;
}


rtprop_chat_typing_e
rtprop_chat_typing_tick(rtprop_chat_typing_t *t, int64_t now)
{
    if (t->until == 0 || now < t->until) {
        return RTPROP_CHAT_SILENT;
    }

    t->until = 0;

    return RTPROP_CHAT_STOPPED;
}
