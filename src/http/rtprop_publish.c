/*
 * What may be posted to a channel.
 */

#include "http/rtprop_publish.h"
#include "base/rtprop_json.h"


static int rtprop_publish_options(const json_t *element,
    rtprop_publish_t *publish, const char **field, const char **message);


int
rtprop_publish_parse(const json_t *element, const rtprop_str_t *kinds,
    size_t nkinds, rtprop_publish_t *publish, const char **field,
    const char **message)
{
    memset(publish, 0, sizeof(rtprop_publish_t));

    if (!json_is_object(element)) {
        *field = NULL;
        *message = "an event to publish is an object";
        return RTPROP_DECLINED;
    }

    *field = "channel";

    if (rtprop_json_get_string(element, "channel", &publish->channel)
        != RTPROP_OK)
    {
        *message = "channel is needed: a string";
        return RTPROP_DECLINED;
    }

    if (!rtprop_publish_channel_valid(&publish->channel, kinds, nkinds)) {
        *message = "there is no such kind of channel";
        return RTPROP_DECLINED;
    }

    *field = "type";

    if (rtprop_json_get_string(element, "type", &publish->type) != RTPROP_OK
        || !rtprop_publish_type_valid(&publish->type))
    {
        *message = "type is needed: a letter, then letters, digits, "
                   "\"_\", \".\", \":\", \"-\", at most 64";
        return RTPROP_DECLINED;
    }

    return rtprop_publish_options(element, publish, field, message);
}


static int
rtprop_publish_options(const json_t *element, rtprop_publish_t *publish,
    const char **field, const char **message)
{
    *field = "payload";
    publish->payload = rtprop_json_get(element, "payload");

    if (json_is_null(publish->payload)) {
        publish->payload = NULL;
    }

    if (publish->payload && !json_is_object(publish->payload)) {
        *message = "payload must be an object";
        return RTPROP_DECLINED;
    }

    *field = "exclude_session";

    if (rtprop_json_get_string(element, "exclude_session", &publish->exclude)
        == RTPROP_ERROR)
    {
        *message = "exclude_session must be a string";
        return RTPROP_DECLINED;
    }

    *field = "volatile";

    if (rtprop_json_get_bool(element, "volatile", &publish->is_volatile)
        == RTPROP_ERROR)
    {
        *message = "volatile must be true or false";
        return RTPROP_DECLINED;
    }

    if (rtprop_str_eq(&publish->channel, "all", 3)) {
        publish->is_volatile = 1;
    }

    return RTPROP_OK;
}


int
rtprop_publish_channel_valid(const rtprop_str_t *name,
    const rtprop_str_t *kinds, size_t nkinds)
{
    size_t  i, n;

    if (rtprop_str_eq(name, "all", 3)) {
        return 1;
    }

    for (i = 0; i < nkinds; i++) {
        n = kinds[i].len;

        if (name->len > n + 1 && name->data[n] == ':'
            && memcmp(name->data, kinds[i].data, n) == 0)
        {
            return rtprop_json_id_valid(name->data + n + 1,
                                        name->len - n - 1);
        }
    }

    return 0;
}


int
rtprop_publish_type_valid(const rtprop_str_t *type)
{
    size_t         i;
    unsigned char  ch;

    if (type->len == 0 || type->len > RTPROP_PUBLISH_TYPE_MAX) {
        return 0;
    }

    for (i = 0; i < type->len; i++) {
        ch = type->data[i];

        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')) {
            continue;
        }

        if (i > 0 && ((ch >= '0' && ch <= '9')
                      || (ch && strchr("_.:-", ch))))
        {
            continue;
        }

        return 0;
    }

    return 1;
}
