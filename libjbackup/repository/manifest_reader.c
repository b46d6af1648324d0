/* SPDX-License-Identifier: MIT */
/* Values of a manifest, each by its kind. Invariant: once something was refused, nothing more is
 * read, and what is returned is empty. */
#include "repository/manifest_reader.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define DURATION_MAX_S 1e9
#define TIME_MAX_US    (253370764800 * 1000000) /* the year 9999: four digits in any zone */

void jbi_refuse(struct reader *r, const char *key, const char *why)
{
    if (r->code == JB_OK)
        r->code =
            jbi_fail(r->err, JB_ECORRUPT, "%s is damaged: %s.%s %s", r->name, r->where, key, why);
}

void jbi_refuse_kind(struct reader *r, const char *key, const char *want, const struct json *got)
{
    char why[64];
    snprintf(why, sizeof why, "is %s, not %s", jbi_json_kind(got), want);
    jbi_refuse(r, key, why);
}

const struct json *jbi_read_object(struct reader *r, const struct json *from, const char *key)
{
    const struct json *object = jbi_json_get(from, key);
    if (!jbi_json_is_object(object))
        jbi_refuse_kind(r, key, "an object", object);
    return object;
}

const char *jbi_read_optional_text(struct reader *r, const struct json *from, const char *key)
{
    const struct json *value = jbi_json_get(from, key);
    if (r->code < 0 || jbi_json_is_null(value))
        return NULL;
    const char *text = jbi_json_text(value);
    if (text == NULL) {
        jbi_refuse_kind(r, key, "a text", value);
        return NULL;
    }
    char *copy = jbi_arena_text(r->arena, text);
    if (copy == NULL)
        r->code = jbi_fail_memory(r->err);
    return copy;
}

const char *jbi_read_text(struct reader *r, const struct json *from, const char *key)
{
    const char *text = jbi_read_optional_text(r, from, key);
    if (text == NULL && r->code == JB_OK)
        jbi_refuse(r, key, "is missing");
    return text ? text : "";
}

int64_t jbi_read_integer(struct reader *r, const struct json *from, const char *key)
{
    const struct json *value = jbi_json_get(from, key);
    int64_t number = 0;
    if (!jbi_json_int(value, &number))
        jbi_refuse_kind(r, key, "a whole number", value);
    return r->code == JB_OK ? number : 0;
}

int64_t jbi_read_number(struct reader *r, const struct json *from, const char *key)
{
    int64_t number = jbi_read_integer(r, from, key);
    if (number < 0)
        jbi_refuse(r, key, "is negative");
    else if (number > MANIFEST_NUMBER_MAX)
        jbi_refuse(r, key, "is absurdly large");
    return r->code == JB_OK ? number : 0;
}

uint64_t jbi_read_count(struct reader *r, const struct json *from, const char *key)
{
    return (uint64_t)jbi_read_number(r, from, key);
}

int64_t jbi_read_ms(struct reader *r, const struct json *from, const char *key)
{
    const struct json *value = jbi_json_get(from, key);
    double seconds = 0;
    if (!jbi_json_real(value, &seconds))
        jbi_refuse_kind(r, key, "a number", value);
    else if (!(seconds >= 0 && seconds <= DURATION_MAX_S))
        jbi_refuse(r, key, "is no duration");
    return r->code == JB_OK ? (int64_t)(seconds * 1000 + 0.5) : 0;
}

int64_t jbi_read_time(struct reader *r, const struct json *from, const char *key)
{
    int64_t us = 0;
    const char *text = jbi_read_text(r, from, key);
    if (r->code == JB_OK && (!jbi_iso_time_parse(text, &us) || us < 0 || us > TIME_MAX_US))
        jbi_refuse(r, key, "is no time");
    return r->code == JB_OK ? us : 0;
}

bool jbi_read_bool(struct reader *r, const struct json *from, const char *key)
{
    const struct json *value = jbi_json_get(from, key);
    bool answer = false;
    if (!jbi_json_bool(value, &answer))
        jbi_refuse_kind(r, key, "true or false", value);
    return answer;
}

static bool is_sha256(const char *hex)
{
    return strlen(hex) == SHA256_HEX_SIZE - 1 &&
           strspn(hex, "0123456789abcdef") == SHA256_HEX_SIZE - 1;
}

void jbi_read_sha256(struct reader *r, const struct json *from, const char *key, const char *prefix,
                     bool is_optional, char to[SHA256_HEX_SIZE])
{
    const char *text =
        is_optional ? jbi_read_optional_text(r, from, key) : jbi_read_text(r, from, key);
    to[0] = '\0';
    if (text == NULL || r->code < 0)
        return;
    if (!jbi_starts_with(text, prefix) || !is_sha256(text + strlen(prefix)))
        jbi_refuse(r, key, "is no SHA-256");
    else
        memcpy(to, text + strlen(prefix), SHA256_HEX_SIZE);
}

void *jbi_read_list(struct reader *r, const struct json *from, const char *key, size_t element,
                    const struct json **rows, size_t *count)
{
    void *list = NULL;
    *count = 0;
    *rows = jbi_json_get(from, key);
    if (!jbi_json_is_array(*rows))
        jbi_refuse_kind(r, key, "a list", *rows);
    else if (jbi_json_length(*rows) > MANIFEST_LIST_MAX)
        jbi_refuse(r, key, "is absurdly long");
    if (r->code < 0)
        return NULL;
    list = jbi_arena_alloc(r->arena, jbi_json_length(*rows) * element);
    if (list == NULL)
        r->code = jbi_fail_memory(r->err);
    else
        *count = jbi_json_length(*rows);
    return list;
}

void jbi_read_stored(struct reader *r, const struct json *from, struct artifact *to)
{
    enum artifact_kind kind;
    to->path = jbi_read_text(r, from, "path");
    const char *type = jbi_read_text(r, from, "type");
    jbi_read_sha256(r, from, "checksum", "sha256:", false, to->sha256);
    to->name = jbi_read_optional_text(r, from, "name");
    to->from = jbi_read_optional_text(r, from, "from");
    to->size = jbi_read_count(r, from, "size");
    to->raw_size = jbi_read_count(r, from, "raw_size");
    to->duration_ms = jbi_read_ms(r, from, "duration_s");
    if (r->code < 0)
        return;
    if (!jbi_artifact_path_kind(to->path, r->timestamp, &kind))
        jbi_refuse(r, "path", "is no place for a file of this backup");
    else if (strcmp(type, jbi_artifact_kind_name(kind)) != 0)
        jbi_refuse(r, "type", "does not fit its path");
    else
        to->kind = kind;
}

void jbi_read_recipe(struct reader *r, const struct json *from, struct artifact *to)
{
    if (jbi_json_get(from, "recipe") != NULL) /* older manifests have none */
        to->recipe = jbi_read_optional_text(r, from, "recipe");
}
