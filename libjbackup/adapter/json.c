/* SPDX-License-Identifier: MIT */
/* jansson. struct json is jansson's json_t under a name of ours; it is never looked into. */
#include "adapter/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static json_t *open_value(const struct json *json)
{
    return (json_t *)(uintptr_t)json; /* jansson takes no const */
}

static struct json *closed(json_t *value)
{
    return (struct json *)value;
}

int jbi_json_parse(struct json **out, const char *text, size_t len, const char *name,
                   struct jb_error *err)
{
    json_error_t why;
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (value == NULL) {
        /* The text near a mistake may be a password; that of a key given twice is the key. */
        const char *near = strstr(why.text, " near ");
        bool is_key = json_error_code(&why) == json_error_duplicate_key;
        size_t shown = near != NULL && !is_key ? (size_t)(near - why.text) : strlen(why.text);
        return jbi_fail(err, JB_EINVAL, "%s, line %d: %.*s", name, why.line, (int)shown, why.text);
    }
    *out = closed(value);
    return JB_OK;
}

void jbi_json_free(struct json *json)
{
    json_decref(open_value(json));
}

void jbi_json_scope_free(struct json **json)
{
    jbi_json_free(*json);
}

char *jbi_json_print(const struct json *json, int indent)
{
    /* 15 digits: 5.7 is printed as 5.7, not as 5.7000000000000002. */
    size_t flags =
        JSON_ENCODE_ANY | JSON_REAL_PRECISION(15) | (indent ? JSON_INDENT((size_t)indent) : 0);
    return json ? json_dumps(open_value(json), flags) : NULL;
}

struct json *jbi_json_object(void)
{
    return closed(json_object());
}

struct json *jbi_json_array(void)
{
    return closed(json_array());
}

bool jbi_json_set(struct json *object, const char *key, struct json *value)
{
    return json_object_set_new(open_value(object), key, open_value(value)) == 0;
}

bool jbi_json_lend(struct json *object, const char *key, const struct json *value)
{
    return json_object_set(open_value(object), key, open_value(value)) == 0;
}

bool jbi_json_push(struct json *array, struct json *value)
{
    return json_array_append_new(open_value(array), open_value(value)) == 0;
}

bool jbi_json_set_text(struct json *object, const char *key, const char *text)
{
    return jbi_json_set(object, key, closed(text ? json_string(text) : json_null()));
}

bool jbi_json_set_int(struct json *object, const char *key, int64_t number)
{
    return jbi_json_set(object, key, closed(json_integer(number)));
}

bool jbi_json_set_real(struct json *object, const char *key, double number)
{
    return jbi_json_set(object, key, closed(json_real(number)));
}

bool jbi_json_set_bool(struct json *object, const char *key, bool value)
{
    return jbi_json_set(object, key, closed(json_boolean(value)));
}

bool jbi_json_push_text(struct json *array, const char *text)
{
    return jbi_json_push(array, closed(json_string(text)));
}

bool jbi_json_is_object(const struct json *json)
{
    return json_is_object(open_value(json));
}

bool jbi_json_is_array(const struct json *json)
{
    return json_is_array(open_value(json));
}

bool jbi_json_is_null(const struct json *json)
{
    return json == NULL || json_is_null(open_value(json));
}

struct json *jbi_json_get(const struct json *object, const char *key)
{
    return closed(json_object_get(open_value(object), key));
}

size_t jbi_json_length(const struct json *array)
{
    return json_array_size(open_value(array));
}

struct json *jbi_json_at(const struct json *array, size_t index)
{
    return closed(json_array_get(open_value(array), index));
}

const char *jbi_json_text(const struct json *json)
{
    return json_string_value(open_value(json));
}

bool jbi_json_int(const struct json *json, int64_t *out)
{
    if (!json_is_integer(open_value(json)))
        return false;
    *out = json_integer_value(open_value(json));
    return true;
}

bool jbi_json_real(const struct json *json, double *out)
{
    if (!json_is_number(open_value(json)))
        return false;
    *out = json_number_value(open_value(json));
    return true;
}

bool jbi_json_bool(const struct json *json, bool *out)
{
    if (!json_is_boolean(open_value(json)))
        return false;
    *out = json_is_true(open_value(json));
    return true;
}

const char *jbi_json_kind(const struct json *json)
{
    if (json == NULL)
        return "nothing";
    switch (json_typeof(open_value(json))) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "true or false";
    default:
        return "null";
    }
}

const char *jbi_json_key(const struct json *object, size_t index)
{
    void *at = json_object_iter(open_value(object));
    while (at != NULL && index-- > 0)
        at = json_object_iter_next(open_value(object), at);
    return at ? json_object_iter_key(at) : NULL;
}

/* Where the text "key" followed by a colon begins, or NULL. */
static const char *key_find(const char *text, const char *key)
{
    size_t len = strlen(key);
    for (const char *at = strchr(text, '"'); at != NULL; at = strchr(at + 1, '"')) {
        if (strncmp(at + 1, key, len) != 0 || at[len + 1] != '"')
            continue;
        if (at[len + 2 + strspn(at + len + 2, " \t\r\n")] == ':')
            return at;
    }
    return NULL;
}

int jbi_json_line(const char *text, const char *const *path, size_t depth)
{
    const char *at = text;
    for (size_t i = 0; i < depth && at != NULL; i++)
        at = key_find(at, path[i]);
    if (at == NULL || depth == 0)
        return 0;
    int line = 1;
    for (const char *c = text; c < at; c++)
        line += *c == '\n';
    return line;
}
