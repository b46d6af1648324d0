/* SPDX-License-Identifier: MIT */
/* Reads a manifest. Invariant: nothing of the text is believed before the digest in its last line
 * has been compared, and then only what has the right type, form and size. */
#include <stdio.h>
#include <string.h>

#include "adapter/digest.h"
#include "adapter/json.h"
#include "base/error.h"
#include "base/text.h"
#include "repository/manifest.h"

#define LAST_LINE_START "\"manifest_sha256\": \""
#define LAST_LINE_END   "\"}\n"
#define LAST_LINE_SIZE  (sizeof LAST_LINE_START + SHA256_HEX_SIZE + sizeof LAST_LINE_END - 3)
#define DURATION_MAX_S  1e9
#define CREATED_MAX_US  (253370764800 * 1000000) /* the year 9999: four digits in any zone */

/* Where we are: the first failure stays, and the readers below do nothing after it. */
struct reader {
    const char *name;  /* of the manifest */
    const char *where; /* of the object in it */
    const char *timestamp;
    struct arena *arena;
    struct jb_error *err;
    int code;
};

static void refuse(struct reader *r, const char *key, const char *why)
{
    if (r->code == JB_OK)
        r->code =
            jbi_fail(r->err, JB_ECORRUPT, "%s is damaged: %s.%s %s", r->name, r->where, key, why);
}

static void refuse_kind(struct reader *r, const char *key, const char *want, const struct json *got)
{
    char why[64];
    snprintf(why, sizeof why, "is %s, not %s", jbi_json_kind(got), want);
    refuse(r, key, why);
}

static const struct json *get_object(struct reader *r, const struct json *from, const char *key)
{
    const struct json *object = jbi_json_get(from, key);
    if (!jbi_json_is_object(object))
        refuse_kind(r, key, "an object", object);
    return object;
}

/* Absent or null: NULL. */
static const char *get_optional_text(struct reader *r, const struct json *from, const char *key)
{
    const struct json *value = jbi_json_get(from, key);
    if (r->code < 0 || jbi_json_is_null(value))
        return NULL;
    const char *text = jbi_json_text(value);
    if (text == NULL) {
        refuse_kind(r, key, "a text", value);
        return NULL;
    }
    char *copy = jbi_arena_text(r->arena, text);
    if (copy == NULL)
        r->code = jbi_fail_memory(r->err);
    return copy;
}

static const char *get_text(struct reader *r, const struct json *from, const char *key)
{
    const char *text = get_optional_text(r, from, key);
    if (text == NULL && r->code == JB_OK)
        refuse(r, key, "is missing");
    return text ? text : "";
}

static int64_t get_number(struct reader *r, const struct json *from, const char *key)
{
    const struct json *value = jbi_json_get(from, key);
    int64_t number = 0;
    if (!jbi_json_int(value, &number))
        refuse_kind(r, key, "a whole number", value);
    else if (number < 0)
        refuse(r, key, "is negative");
    else if (number > MANIFEST_NUMBER_MAX)
        refuse(r, key, "is absurdly large");
    return r->code == JB_OK ? number : 0;
}

static uint64_t get_count(struct reader *r, const struct json *from, const char *key)
{
    return (uint64_t)get_number(r, from, key);
}

static int64_t get_ms(struct reader *r, const struct json *from, const char *key)
{
    const struct json *value = jbi_json_get(from, key);
    double seconds = 0;
    if (!jbi_json_real(value, &seconds))
        refuse_kind(r, key, "a number", value);
    else if (!(seconds >= 0 && seconds <= DURATION_MAX_S))
        refuse(r, key, "is no duration");
    return r->code == JB_OK ? (int64_t)(seconds * 1000 + 0.5) : 0;
}

static bool get_bool(struct reader *r, const struct json *from, const char *key)
{
    const struct json *value = jbi_json_get(from, key);
    bool answer = false;
    if (!jbi_json_bool(value, &answer))
        refuse_kind(r, key, "true or false", value);
    return answer;
}

static bool is_sha256(const char *hex)
{
    return strlen(hex) == SHA256_HEX_SIZE - 1 &&
           strspn(hex, "0123456789abcdef") == SHA256_HEX_SIZE - 1;
}

/* 64 hexadecimal digits after the prefix; with is_optional null gives "". */
static void get_sha256(struct reader *r, const struct json *from, const char *key,
                       const char *prefix, bool is_optional, char to[SHA256_HEX_SIZE])
{
    const char *text = is_optional ? get_optional_text(r, from, key) : get_text(r, from, key);
    to[0] = '\0';
    if (text == NULL || r->code < 0)
        return;
    if (!jbi_starts_with(text, prefix) || !is_sha256(text + strlen(prefix)))
        refuse(r, key, "is no SHA-256");
    else
        memcpy(to, text + strlen(prefix), SHA256_HEX_SIZE);
}

static void read_metadata(struct reader *r, const struct json *from, struct manifest *m)
{
    const char *timestamp = get_text(r, from, "timestamp");
    const char *type = get_text(r, from, "backup_type");
    const char *category = get_text(r, from, "category");
    const char *created = get_text(r, from, "created_at");
    if (r->code < 0)
        return;
    if (!jbi_is_timestamp(timestamp))
        refuse(r, "timestamp", "is no timestamp");
    else
        memcpy(m->timestamp, timestamp, TIMESTAMP_SIZE);
    if (!jbi_type_parse(type, &m->type))
        refuse(r, "backup_type", "is not known");
    if (!jbi_category_parse(category, &m->category))
        refuse(r, "category", "is not known");
    if (!jbi_iso_time_parse(created, &m->created_us) || m->created_us < 0 ||
        m->created_us > CREATED_MAX_US)
        refuse(r, "created_at", "is no time");
    m->git_commit = get_optional_text(r, from, "git_commit");
    m->git_branch = get_optional_text(r, from, "git_branch");
    bool is_known = !jbi_json_is_null(jbi_json_get(from, "git_dirty"));
    m->git_dirty = is_known ? get_bool(r, from, "git_dirty") : -1;
    m->total_size = get_count(r, from, "total_size");
    get_sha256(r, from, "checksum", "sha256:", false, m->checksum);
    m->sequence = get_number(r, from, "sequence");
    m->label = get_optional_text(r, from, "label");
    m->pinned = get_bool(r, from, "pinned");
    m->project = get_text(r, from, "project");
    m->host = get_text(r, from, "host");
    m->tool = get_text(r, from, "tool");
    m->duration_ms = get_ms(r, from, "duration_s");
}

static void read_stored(struct reader *r, const struct json *from, struct artifact *to)
{
    enum artifact_kind kind;
    to->path = get_text(r, from, "path");
    const char *type = get_text(r, from, "type");
    get_sha256(r, from, "checksum", "sha256:", false, to->sha256);
    to->name = get_optional_text(r, from, "name");
    to->from = get_optional_text(r, from, "from");
    to->size = get_count(r, from, "size");
    to->raw_size = get_count(r, from, "raw_size");
    to->duration_ms = get_ms(r, from, "duration_s");
    if (r->code < 0)
        return;
    if (!jbi_artifact_path_kind(to->path, r->timestamp, &kind))
        refuse(r, "path", "is no place for a file of this backup");
    else if (strcmp(type, jbi_artifact_kind_name(kind)) != 0)
        refuse(r, "type", "does not fit its path");
    else
        to->kind = kind;
}

static void read_tables(struct reader *r, const struct json *from, struct artifact *to)
{
    const struct json *rows = jbi_json_get(from, "tables");
    if (!jbi_json_is_array(rows))
        refuse_kind(r, "tables", "a list", rows);
    if (r->code < 0)
        return;
    to->table_count = jbi_json_length(rows);
    struct table *tables = jbi_arena_alloc(r->arena, to->table_count * sizeof *tables);
    if (tables == NULL)
        r->code = jbi_fail_memory(r->err);
    r->where = "table";
    for (size_t i = 0; i < to->table_count && r->code == JB_OK; i++) {
        const struct json *row = jbi_json_at(rows, i);
        tables[i].schema = get_optional_text(r, row, "schema");
        tables[i].name = get_text(r, row, "name");
        tables[i].columns = get_text(r, row, "columns");
        tables[i].rows = get_count(r, row, "rows");
        get_sha256(r, row, "sha256", "", true, tables[i].sha256);
    }
    to->tables = tables;
}

static void read_database(struct reader *r, const struct json *from, struct artifact *to)
{
    r->where = "database";
    read_stored(r, from, to);
    uint64_t mode = get_count(r, from, "mode");
    if (r->code == JB_OK && mode > 07777)
        refuse(r, "mode", "has other bits than those of permissions");
    to->mode = (unsigned)mode & 07777;
    to->uid = get_count(r, from, "uid");
    to->gid = get_count(r, from, "gid");
    to->server_version = get_optional_text(r, from, "server_version");
    get_sha256(r, from, "schema_sha256", "", true, to->schema_sha256);
    if (r->code == JB_OK && !jbi_artifact_kind_is_database(to->kind))
        refuse(r, "type", "is no kind of database");
    if (r->code == JB_OK && (to->name == NULL || to->name[0] == '\0'))
        refuse(r, "name", "is missing");
    read_tables(r, from, to);
}

static void read_codebase(struct reader *r, const struct json *from, struct manifest *m)
{
    struct artifact *to = &m->artifacts[m->artifact_count++];
    r->where = "codebase";
    read_stored(r, from, to);
    to->files = get_count(r, from, "files");
    to->folders = get_count(r, from, "folders");
    to->links = get_count(r, from, "links");
    to->others = get_count(r, from, "others");
    to->file_bytes = get_count(r, from, "file_bytes");
    if (r->code == JB_OK && to->kind != ARTIFACT_CODEBASE)
        refuse(r, "type", "is not codebase");
    if (jbi_json_is_null(jbi_json_get(from, "index")))
        return;
    const struct json *index = get_object(r, from, "index");
    to = &m->artifacts[m->artifact_count++];
    r->where = "index";
    read_stored(r, index, to);
    if (r->code == JB_OK && to->kind != ARTIFACT_INDEX)
        refuse(r, "type", "is not index");
}

static size_t count_keys(const struct json *object)
{
    size_t count = 0;
    while (count <= MANIFEST_ARTIFACTS_MAX && jbi_json_key(object, count) != NULL)
        count++;
    return count;
}

static void read_results(struct reader *r, const struct json *from, struct manifest *m)
{
    const struct json *databases = get_object(r, from, "database");
    const struct json *codebase = jbi_json_get(from, "codebase");
    size_t count = count_keys(databases);
    if (count > MANIFEST_ARTIFACTS_MAX)
        refuse(r, "database", "has absurdly many entries");
    if (r->code < 0)
        return;
    m->artifacts = jbi_arena_alloc(r->arena, (count + 2) * sizeof *m->artifacts);
    if (m->artifacts == NULL)
        r->code = jbi_fail_memory(r->err);
    for (size_t i = 0; i < count && r->code == JB_OK; i++) {
        const struct json *entry = jbi_json_get(databases, jbi_json_key(databases, i));
        read_database(r, entry, &m->artifacts[m->artifact_count++]);
    }
    if (!jbi_json_is_null(codebase) && r->code == JB_OK)
        read_codebase(r, codebase, m);
}

static bool is_same_database(const struct artifact *a, const struct artifact *b)
{
    return a->kind == b->kind && jbi_artifact_kind_is_database(a->kind) &&
           strcmp(a->name, b->name) == 0;
}

/* What each part alone can't tell. */
static void check_whole(struct reader *r, const struct manifest *m)
{
    uint64_t sum = 0;
    r->where = "backup_results";
    if (r->code == JB_OK && m->artifact_count == 0)
        refuse(r, "database", "and codebase are both empty");
    for (size_t i = 0; i < m->artifact_count && r->code == JB_OK; i++) {
        const struct artifact *artifact = &m->artifacts[i];
        sum += artifact->size;
        for (size_t j = 0; j < i; j++)
            if (strcmp(artifact->path, m->artifacts[j].path) == 0 ||
                is_same_database(artifact, &m->artifacts[j]))
                refuse(r, artifact->path, "is listed twice");
    }
    r->where = "metadata";
    if (r->code == JB_OK && sum != m->total_size)
        refuse(r, "total_size", "is not the sum of the sizes");
    if (r->code == JB_OK && ((m->type == JB_TYPE_DATABASE && jbi_manifest_has_codebase(m)) ||
                             (m->type == JB_TYPE_CODEBASE && jbi_manifest_has_database(m))))
        refuse(r, "backup_type", "does not fit what is in the backup");
}

static int check_digest(const char *text, size_t len, const char *name, struct jb_error *err)
{
    char hex[SHA256_HEX_SIZE], line[LAST_LINE_SIZE + 1];
    if (len < LAST_LINE_SIZE)
        return jbi_fail(err, JB_ECORRUPT, "%s is damaged: it is cut short", name);
    scope_digest *digest = jbi_digest_new();
    if (digest == NULL)
        return jbi_fail_memory(err);
    jbi_digest_begin(digest);
    jbi_digest_add(digest, text, len - LAST_LINE_SIZE);
    jbi_digest_end(digest, hex);
    snprintf(line, sizeof line, "%s%s%s", LAST_LINE_START, hex, LAST_LINE_END);
    if (memcmp(line, text + len - LAST_LINE_SIZE, LAST_LINE_SIZE) != 0)
        return jbi_fail(err, JB_ECORRUPT,
                        "%s is damaged: its content does not have the digest in its last line",
                        name);
    return JB_OK;
}

static void check_format(struct reader *r, const struct json *metadata)
{
    int64_t format = get_number(r, metadata, "format");
    if (r->code == JB_OK && format > MANIFEST_FORMAT) {
        r->code = jbi_fail(r->err, JB_EUNSUPPORTED,
                           "%s was made by a newer jbackup (format %lld, this one knows up to %d)",
                           r->name, (long long)format, MANIFEST_FORMAT);
        jbi_hint(r->err, "use that jbackup, or restore by hand as RESTORE.txt says");
    }
    if (r->code == JB_OK && format < 1)
        refuse(r, "format", "is not known");
}

int jbi_manifest_parse(struct manifest *out, const char *text, size_t len, const char *name,
                       struct arena *arena, struct jb_error *err)
{
    struct jb_error why = {0};
    *out = (struct manifest){0};
    if (len > MANIFEST_SIZE_MAX)
        return jbi_fail(err, JB_ECORRUPT, "%s is larger than a manifest may be", name);
    int code = check_digest(text, len, name, err);
    if (code < 0)
        return code;
    scope_json *root = NULL;
    if (jbi_json_parse(&root, text, len, name, &why) < 0)
        return jbi_fail(err, JB_ECORRUPT, "%s", why.text);

    struct reader reader = {name, "manifest", out->timestamp, arena, err, JB_OK};
    const struct json *metadata = get_object(&reader, root, "metadata");
    const struct json *results = get_object(&reader, root, "backup_results");
    reader.where = "metadata";
    check_format(&reader, metadata);
    read_metadata(&reader, metadata, out);
    reader.where = "backup_results";
    read_results(&reader, results, out);
    check_whole(&reader, out);
    return reader.code;
}
