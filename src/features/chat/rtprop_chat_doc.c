/*
 * {"format":1, "property_id":..., "title":...,
 *  "participants":[{"id":...,"name":...,"avatar":...,"role":...}, ...]}
 */

#include "features/chat/rtprop_chat.h"

#include "base/rtprop_json.h"


#define RTPROP_CHAT_FORMAT  1
#define RTPROP_CHAT_DEPTH   8


static int rtprop_chat_valid(const json_t *doc);
static int rtprop_chat_valid_label(const json_t *doc, const char *key);
static json_t *rtprop_chat_person(const json_t *item, rtprop_invalid_t *why);
static int rtprop_chat_person_field(json_t *person, const json_t *item,
    const char *key, size_t max);
static json_t *rtprop_chat_people(const json_t *list, rtprop_invalid_t *why);
static int rtprop_chat_labels(json_t *fresh, const json_t *body,
    rtprop_invalid_t *why);
static json_t *rtprop_chat_leavers(json_t *doc, json_t *people);


json_t *
rtprop_chat_create(void)
{
    return json_pack("{s:i, s:[], s:n, s:n}",
                     "format", RTPROP_CHAT_FORMAT, "participants",
                     "property_id", "title");
}


json_t *
rtprop_chat_parse(const unsigned char *text, size_t len)
{
    json_t      *doc;
    const char  *err;

    doc = rtprop_json_load(text, len, RTPROP_CHAT_DEPTH, &err);

    if (doc && !rtprop_chat_valid(doc)) {
        json_decref(doc);
        return NULL;
    }

    return doc;
}


static int
rtprop_chat_valid(const json_t *doc)
{
    size_t   i;
    json_t  *people, *person;

    if (json_integer_value(json_object_get(doc, "format"))
        != RTPROP_CHAT_FORMAT
        || !rtprop_chat_valid_label(doc, "property_id")
        || !rtprop_chat_valid_label(doc, "title"))
    {
        return 0;
    }

    people = json_object_get(doc, "participants");

    if (!json_is_array(people)
        || json_array_size(people) > RTPROP_CHAT_PARTICIPANTS)
    {
        return 0;
    }

    json_array_foreach (people, i, person) {
        if (!json_is_string(json_object_get(person, "id"))) {
            return 0;
        }
    }

    return 1;
}


static int
rtprop_chat_valid_label(const json_t *doc, const char *key)
{
    json_t  *value;

    value = json_object_get(doc, key);

    return json_is_string(value) || json_is_null(value);
}


int
rtprop_chat_replace(json_t *doc, const json_t *body, json_t **removed,
    rtprop_invalid_t *why)
{
    json_t  *people, *fresh;

    *removed = NULL;

    people = rtprop_chat_people(rtprop_json_get(body, "participants"), why);
    if (people == NULL) {
        return RTPROP_ERROR;
    }

    fresh = json_pack("{so}", "participants", people);
    if (fresh == NULL) {
        why->field = NULL;
        return RTPROP_ERROR;
    }

    if (rtprop_chat_labels(fresh, body, why) != RTPROP_OK) {
        json_decref(fresh);
        return RTPROP_ERROR;
    }

    why->field = NULL;

    *removed = rtprop_chat_leavers(doc, people);

    if (*removed == NULL || json_object_update(doc, fresh) != 0) {
        json_decref(*removed);
        json_decref(fresh);
        *removed = NULL;
        return RTPROP_ERROR;
    }

    json_decref(fresh);

    return RTPROP_OK;
}


static json_t *
rtprop_chat_people(const json_t *list, rtprop_invalid_t *why)
{
    size_t   i;
    json_t  *people, *item, *person, *id;

    why->field = "participants";
    why->message = "participants must be 1 to 1000 persons or ids";

    if (!json_is_array(list) || json_array_size(list) == 0
        || json_array_size(list) > RTPROP_CHAT_PARTICIPANTS)
    {
        return NULL;
    }

    people = json_array();

    json_array_foreach (list, i, item) {
        person = rtprop_chat_person(item, why);

        if (person) {
            id = json_object_get(person, "id");

            if (rtprop_chat_find(people, json_string_value(id),
                                 json_string_length(id)))
            {
                why->message = "participants must differ";
                json_decref(person);
                person = NULL;
            }
        }

        if (person == NULL || json_array_append_new(people, person) != 0) {
            json_decref(people);
            return NULL;
        }
    }

    return people;
}


/* A participant as it is kept, of an object or a bare id. */

static json_t *
rtprop_chat_person(const json_t *item, rtprop_invalid_t *why)
{
    int            rc;
    json_t        *person;
    rtprop_str_t   id;
    unsigned char  buf[RTPROP_JSON_INT_LEN];

    rc = json_is_object(item) ? rtprop_json_get_id(item, "id", &id, buf)
                              : rtprop_json_id(item, &id, buf);

    if (rc != RTPROP_OK) {
        why->message = "each participant must have an id";
        return NULL;
    }

    person = json_pack("{ss%}", "id", (char *) id.data, id.len);

    if (person
        && rtprop_chat_person_field(person, item, "name",
                                    RTPROP_CHAT_NAME_LEN) == RTPROP_OK
        && rtprop_chat_person_field(person, item, "avatar",
                                    RTPROP_CHAT_URL_LEN) == RTPROP_OK
        && rtprop_chat_person_field(person, item, "role",
                                    RTPROP_JSON_ID_MAX) == RTPROP_OK)
    {
        return person;
    }

    why->message = "name, avatar and role of a participant must be texts";
    json_decref(person);

    return NULL;
}


static int
rtprop_chat_person_field(json_t *person, const json_t *item, const char *key,
    size_t max)
{
    int           rc;
    json_t       *value;
    rtprop_str_t  s;

    rc = json_is_object(item) ? rtprop_json_get_string(item, key, &s)
                              : RTPROP_DECLINED;

    if (rc == RTPROP_ERROR || (rc == RTPROP_OK && s.len > max)) {
        return RTPROP_ERROR;
    }

    value = (rc == RTPROP_OK) ? json_stringn((char *) s.data, s.len)
                              : json_null();

    return json_object_set_new(person, key, value) == 0 ? RTPROP_OK
                                                        : RTPROP_ERROR;
}


static int
rtprop_chat_labels(json_t *fresh, const json_t *body, rtprop_invalid_t *why)
{
    int            rc;
    json_t        *value;
    rtprop_str_t   s;
    unsigned char  buf[RTPROP_JSON_INT_LEN];

    why->field = "property_id";
    why->message = "property_id must be an id";

    rc = rtprop_json_get_id(body, "property_id", &s, buf);

    if (rc == RTPROP_ERROR) {
        return RTPROP_ERROR;
    }

    value = (rc == RTPROP_OK) ? json_stringn((char *) s.data, s.len)
                              : json_null();

    if (json_object_set_new(fresh, "property_id", value) != 0) {
        return RTPROP_ERROR;
    }

    why->field = "title";
    why->message = "title must be a text of up to 1000 bytes";

    rc = rtprop_json_get_string(body, "title", &s);

    if (rc == RTPROP_ERROR
        || (rc == RTPROP_OK && s.len > RTPROP_CHAT_TITLE_LEN))
    {
        return RTPROP_ERROR;
    }

    value = (rc == RTPROP_OK) ? json_stringn((char *) s.data, s.len)
                              : json_null();

    return json_object_set_new(fresh, "title", value) == 0 ? RTPROP_OK
                                                           : RTPROP_ERROR;
}


/* Those who are not among "people" any more. */

static json_t *
rtprop_chat_leavers(json_t *doc, json_t *people)
{
    size_t   i;
    json_t  *list, *person, *id;

    list = json_array();

    json_array_foreach (rtprop_chat_participants(doc), i, person) {
        id = json_object_get(person, "id");

        if (rtprop_chat_find(people, json_string_value(id),
                             json_string_length(id)))
        {
            continue;
        }

        if (json_array_append(list, id) != 0) {
            json_decref(list);
            return NULL;
        }
    }

    return list;
}


json_t *
rtprop_chat_participants(const json_t *doc)
{
    return json_object_get(doc, "participants");
}


json_t *
rtprop_chat_participant(const json_t *doc, const rtprop_str_t *user)
{
    return rtprop_chat_find(rtprop_chat_participants(doc),
                            (char *) user->data, user->len);
}


json_t *
rtprop_chat_find(const json_t *people, const char *id, size_t len)
{
    size_t   i;
    json_t  *person, *value;

    json_array_foreach (people, i, person) {
        value = json_object_get(person, "id");

        if (json_string_length(value) == len
            && len && memcmp(json_string_value(value), id, len) == 0)
        {
            return person;
        }
    }

    return NULL;
}


void
rtprop_chat_complete(rtprop_chat_person_t *person, const json_t *known)
{
    json_t  *name, *avatar;

    name = json_object_get(known, "name");
    avatar = json_object_get(known, "avatar");

    if (person->name.len == 0) {
        person->name = person->id;

        if (json_string_length(name)) {
            person->name.data = (unsigned char *) json_string_value(name);
            person->name.len = json_string_length(name);
        }
    }

    if (person->avatar.len == 0) {
        person->avatar.data = (unsigned char *) json_string_value(avatar);
        person->avatar.len = json_string_length(avatar);
    }
}


json_t *
rtprop_chat_resource(const json_t *doc, const rtprop_str_t *id,
    uint64_t version)
{
    return json_pack("{s:s%, s:O, s:O, s:O, s:I}",
                     "id", (char *) id->data, id->len,
                     "participants", rtprop_chat_participants(doc),
                     "property_id", json_object_get(doc, "property_id"),
                     "title", json_object_get(doc, "title"),
                     "version", (json_int_t) version);
}
