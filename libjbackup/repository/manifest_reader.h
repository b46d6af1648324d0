/* SPDX-License-Identifier: MIT */
#ifndef JBI_REPOSITORY_MANIFEST_READER_H
#define JBI_REPOSITORY_MANIFEST_READER_H

#include "adapter/json.h"
#include "repository/manifest.h"

/* Where the reading of a manifest, or of its proofs, is: the first failure stays in code, and the
 * functions below do nothing after it. */
struct reader {
    const char *name;  /* of the file */
    const char *where; /* of the object in it */
    const char *timestamp;
    struct arena *arena;
    struct jb_error *err;
    int code;
};

/* "<manifest> is damaged: <where>.<key> <why>" */
void jbi_refuse(struct reader *r, const char *key, const char *why);
void jbi_refuse_kind(struct reader *r, const char *key, const char *want, const struct json *got);

/* The value of a key. What is missing, of another type or out of its range is refused; NULL (of an
 * optional text), "" or 0 stand for it. Texts are copies in the arena. */
const struct json *jbi_read_object(struct reader *r, const struct json *from, const char *key);
const char *jbi_read_text(struct reader *r, const struct json *from, const char *key);
const char *jbi_read_optional_text(struct reader *r, const struct json *from, const char *key);
int64_t jbi_read_integer(struct reader *r, const struct json *from, const char *key); /* any */
int64_t jbi_read_number(struct reader *r, const struct json *from, const char *key);
uint64_t jbi_read_count(struct reader *r, const struct json *from, const char *key);
int64_t jbi_read_ms(struct reader *r, const struct json *from, const char *key);   /* of seconds */
int64_t jbi_read_time(struct reader *r, const struct json *from, const char *key); /* in us */
bool jbi_read_bool(struct reader *r, const struct json *from, const char *key);
/* 64 hexadecimal digits after the prefix; with is_optional null gives "". */
void jbi_read_sha256(struct reader *r, const struct json *from, const char *key, const char *prefix,
                     bool is_optional, char to[SHA256_HEX_SIZE]);
/* A list of at most MANIFEST_LIST_MAX rows: a zeroed array of as many elements of that size (NULL
 * after a failure), their count, and the rows. */
void *jbi_read_list(struct reader *r, const struct json *from, const char *key, size_t element,
                    const struct json **rows, size_t *count);

/* What every artifact has. */
void jbi_read_stored(struct reader *r, const struct json *from, struct artifact *to);
void jbi_read_recipe(struct reader *r, const struct json *from, struct artifact *to);
/* A database and, with PostgreSQL, the artifacts that go with it: at most DATABASE_ARTIFACTS_MAX
 * from m->artifacts[m->artifact_count] on. */
void jbi_read_database(struct reader *r, const struct json *from, struct manifest *m);

#define DATABASE_ARTIFACTS_MAX 3

#endif
