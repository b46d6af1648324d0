/* SPDX-License-Identifier: MIT */
#ifndef JBI_ADAPTER_JSON_H
#define JBI_ADAPTER_JSON_H

#include <jbackup.h>
#include <stdbool.h>

/* JSON values. A value that was put into another belongs to it. NULL values are fine everywhere:
 * getters see an absent value, setters return false. */
struct json;

/* Strict: UTF-8, no duplicate keys, nothing after the value. name is the file for the error text,
 * which has the line; JB_EINVAL. */
int jbi_json_parse(struct json **out, const char *text, size_t len, const char *name,
                   struct jb_error *err);
void jbi_json_free(struct json *json);
void jbi_json_scope_free(struct json **json);
#define scope_json __attribute__((cleanup(jbi_json_scope_free))) struct json

/* malloc'd text; indent 0: on one line. Keys in the order in which they were set. NULL: memory. */
char *jbi_json_print(const struct json *json, int indent);

struct json *jbi_json_object(void);
struct json *jbi_json_array(void);
/* Take over value. Return false if out of memory (or value is NULL). */
bool jbi_json_set(struct json *object, const char *key, struct json *value);
bool jbi_json_push(struct json *array, struct json *value);
/* The value stays the caller's, too; neither may change it afterwards. */
bool jbi_json_lend(struct json *object, const char *key, const struct json *value);
bool jbi_json_set_text(struct json *object, const char *key, const char *text); /* NULL: null */
bool jbi_json_set_int(struct json *object, const char *key, int64_t number);
bool jbi_json_set_real(struct json *object, const char *key, double number);
bool jbi_json_set_bool(struct json *object, const char *key, bool value);
bool jbi_json_push_text(struct json *array, const char *text);

bool jbi_json_is_object(const struct json *json);
bool jbi_json_is_array(const struct json *json);
bool jbi_json_is_null(const struct json *json);                        /* absent counts as null */
struct json *jbi_json_get(const struct json *object, const char *key); /* borrowed; NULL: absent */
size_t jbi_json_length(const struct json *array);
struct json *jbi_json_at(const struct json *array, size_t index); /* borrowed */
const char *jbi_json_text(const struct json *json);               /* borrowed; NULL: not a text */
bool jbi_json_int(const struct json *json, int64_t *out);
bool jbi_json_real(const struct json *json, double *out); /* whole numbers, too */
bool jbi_json_bool(const struct json *json, bool *out);
const char *jbi_json_kind(const struct json *json); /* "a text", "a number", ... for messages */

/* The keys of an object, in order: call with index 0, 1, ... until NULL. */
const char *jbi_json_key(const struct json *object, size_t index);

/* The line of the last key of a path such as {"environments", "staging", "root"} in the text that
 * was parsed; 0 if it can't be told. */
int jbi_json_line(const char *text, const char *const *path, size_t depth);

#endif
