/* SPDX-License-Identifier: MIT */
/* A manifest as text. Invariant: what is printed here is read back equal by manifest_parse.c.
 *
 *     {"metadata": {the guide's keys, then ours},
 *      "backup_results": {"database": {"sqlite": artifact, "sqlite_<name>": artifact, ...,
 *                                      "postgresql": artifact with "sql" and "globals": artifact
 *                                      or null, ...},
 *                         "codebase": artifact with "index": artifact, or null},
 *     "manifest_sha256": "<of all before this line>"}
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/digest.h"
#include "adapter/json.h"
#include "base/scope.h"
#include "base/text.h"
#include "repository/manifest.h"

/* JSON holds UTF-8 only; anything else is kept escaped rather than lost. NULL gives null. */
static bool put_text(struct json *object, const char *key, const char *text)
{
    if (text == NULL || jbi_is_utf8(text, strlen(text)))
        return jbi_json_set_text(object, key, text);
    size_t size = 4 * strlen(text) + 1;
    scope_free char *printable = malloc(size);
    return printable != NULL &&
           jbi_json_set_text(object, key, jbi_escape(printable, size, text, strlen(text)));
}

static bool put_number(struct json *object, const char *key, uint64_t number)
{
    return number <= (uint64_t)MANIFEST_NUMBER_MAX &&
           jbi_json_set_int(object, key, (int64_t)number);
}

static bool put_seconds(struct json *object, const char *key, int64_t ms)
{
    return jbi_json_set_real(object, key, (double)ms / 1000);
}

static bool put_checksum(struct json *object, const char *key, const char *sha256)
{
    char text[SHA256_HEX_SIZE + 8];
    snprintf(text, sizeof text, "sha256:%s", sha256);
    return jbi_json_set_text(object, key, text);
}

static bool put_digest(struct json *object, const char *key, const char *sha256)
{
    return jbi_json_set_text(object, key, sha256[0] != '\0' ? sha256 : NULL);
}

/* "sqlite" for the first database of its kind, "sqlite_<name>" for the others; so "postgresql". */
static bool database_key(struct text *key, const struct manifest *manifest, size_t index)
{
    const struct artifact *artifact = &manifest->artifacts[index];
    size_t first = 0;
    while (manifest->artifacts[first].kind != artifact->kind)
        first++;
    jbi_text_adds(key, jbi_artifact_kind_name(artifact->kind));
    if (first != index)
        jbi_text_addf(key, "_%s", artifact->name);
    return !key->failed;
}

static bool put_files(struct json *files, const struct manifest *manifest)
{
    bool ok = true;
    for (size_t i = 0; i < manifest->artifact_count; i++) {
        const struct artifact *artifact = &manifest->artifacts[i];
        scope_text key = {0}, full = {0};
        if (jbi_artifact_kind_is_database(artifact->kind)) {
            ok = database_key(&key, manifest, i) && ok;
            jbi_text_addf(&full, "database_%s", key.at ? key.at : "");
            ok = !full.failed && put_text(files, full.at, artifact->path) && ok;
        } else if (artifact->kind == ARTIFACT_CODEBASE) {
            ok = jbi_json_set_text(files, "codebase", artifact->path) && ok;
        }
    }
    return ok;
}

static const char *first_database_type(const struct manifest *manifest)
{
    for (size_t i = 0; i < manifest->artifact_count; i++)
        if (jbi_artifact_kind_is_database(manifest->artifacts[i].kind))
            return jbi_artifact_kind_name(manifest->artifacts[i].kind);
    return NULL;
}

/* Left out where there is none, as by a jbackup that did not know it. */
static bool put_keep_until(struct json *to, const struct manifest *m)
{
    char until[ISO_TIME_SIZE];
    jbi_iso_time(until, m->keep_until_us, true);
    return m->keep_until_us == 0 || put_text(to, "keep_until", until);
}

static bool put_metadata(struct json *to, const struct manifest *m)
{
    char created[ISO_TIME_SIZE];
    jbi_iso_time(created, m->created_us, true);
    struct json *files = jbi_json_object();
    bool ok = put_text(to, "timestamp", m->timestamp) &&
              put_text(to, "backup_type", jbi_type_name(m->type)) &&
              put_text(to, "database_type", first_database_type(m)) &&
              put_text(to, "created_at", created) && put_text(to, "git_commit", m->git_commit) &&
              put_text(to, "git_branch", m->git_branch) &&
              put_number(to, "total_size", m->total_size) &&
              put_checksum(to, "checksum", m->checksum);
    ok = jbi_json_set(to, "files", files) && ok && put_files(files, m);
    ok = ok && jbi_json_set_int(to, "format", MANIFEST_FORMAT) &&
         put_text(to, "category", jbi_category_name(m->category)) &&
         jbi_json_set_int(to, "sequence", m->sequence) && put_text(to, "label", m->label) &&
         jbi_json_set_bool(to, "pinned", m->pinned) && put_keep_until(to, m) &&
         put_text(to, "project", m->project) && put_text(to, "host", m->host) &&
         put_text(to, "tool", m->tool) && put_seconds(to, "duration_s", m->duration_ms);
    if (m->git_dirty < 0)
        return ok && put_text(to, "git_dirty", NULL);
    return ok && jbi_json_set_bool(to, "git_dirty", m->git_dirty > 0);
}

static bool put_stored(struct json *to, const struct artifact *artifact)
{
    return put_text(to, "path", artifact->path) && put_checksum(to, "checksum", artifact->sha256) &&
           put_text(to, "type", jbi_artifact_kind_name(artifact->kind)) &&
           put_text(to, "name", artifact->name) && put_text(to, "from", artifact->from) &&
           put_number(to, "size", artifact->size) &&
           put_number(to, "raw_size", artifact->raw_size) &&
           put_seconds(to, "duration_s", artifact->duration_ms);
}

static bool put_tables(struct json *to, const struct artifact *artifact)
{
    struct json *tables = jbi_json_array();
    bool ok = jbi_json_set(to, "tables", tables);
    for (size_t i = 0; i < artifact->table_count && ok; i++) {
        const struct table *table = &artifact->tables[i];
        struct json *row = jbi_json_object();
        ok = jbi_json_push(tables, row);
        if (ok && table->schema != NULL)
            ok = put_text(row, "schema", table->schema);
        ok = ok && put_text(row, "name", table->name) && put_text(row, "columns", table->columns) &&
             put_number(row, "rows", table->rows) && put_digest(row, "sha256", table->sha256);
    }
    return ok;
}

static bool put_named(struct json *to, const char *key, const struct named_text *list, size_t count,
                      const char *text_key)
{
    struct json *rows = jbi_json_array();
    bool ok = jbi_json_set(to, key, rows);
    for (size_t i = 0; i < count && ok; i++) {
        struct json *row = jbi_json_object();
        ok = jbi_json_push(rows, row) && put_text(row, "name", list[i].name) &&
             put_text(row, text_key, list[i].text);
    }
    return ok;
}

static bool put_sequences(struct json *to, const struct postgresql_facts *facts)
{
    struct json *rows = jbi_json_array();
    bool ok = jbi_json_set(to, "sequences", rows);
    for (size_t i = 0; i < facts->sequence_count && ok; i++) {
        const struct sequence *sequence = &facts->sequences[i];
        struct json *row = jbi_json_object();
        ok = jbi_json_push(rows, row) && put_text(row, "schema", sequence->schema) &&
             put_text(row, "name", sequence->name) &&
             jbi_json_set_int(row, "value", sequence->value) &&
             jbi_json_set_bool(row, "is_called", sequence->is_called);
    }
    return ok;
}

static bool put_large_objects(struct json *to, const struct large_objects *objects)
{
    struct json *inner = jbi_json_object();
    return jbi_json_set(to, "large_objects", inner) && put_number(inner, "count", objects->count) &&
           put_number(inner, "bytes", objects->bytes) &&
           put_digest(inner, "sha256", objects->sha256);
}

static bool put_facts(struct json *to, const struct postgresql_facts *facts)
{
    return put_text(to, "client_version", facts->client_version) &&
           put_text(to, "dump_format", facts->dump_format) &&
           jbi_json_set_bool(to, "recoded", facts->is_recoded) &&
           jbi_json_set_bool(to, "encrypted", facts->is_encrypted) &&
           put_text(to, "database", facts->database) && put_text(to, "owner", facts->owner) &&
           put_text(to, "encoding", facts->encoding) &&
           put_text(to, "collation", facts->collation) && put_text(to, "ctype", facts->ctype) &&
           put_text(to, "comment", facts->comment) && put_text(to, "acl", facts->acl) &&
           put_text(to, "snapshot_time", facts->snapshot_time) &&
           put_text(to, "snapshot_lsn", facts->snapshot_lsn) &&
           put_number(to, "database_size", facts->database_size) &&
           put_named(to, "extensions", facts->extensions, facts->extension_count, "version") &&
           put_named(to, "settings", facts->settings, facts->setting_count, "value") &&
           (facts->is_recoded
                ? put_sequences(to, facts) && put_large_objects(to, &facts->large_objects)
                : put_text(to, "sequences", NULL) && put_text(to, "large_objects", NULL));
}

/* An artifact that goes with another: the object at key, or null if there is none. */
static bool put_companion(struct json *to, const char *key, const struct artifact *companion)
{
    if (companion == NULL)
        return put_text(to, key, NULL);
    struct json *inner = jbi_json_object();
    return jbi_json_set(to, key, inner) && put_stored(inner, companion);
}

static bool put_recipe(struct json *to, const struct artifact *artifact)
{
    return artifact->recipe == NULL || put_text(to, "recipe", artifact->recipe);
}

static bool put_database(struct json *to, const struct manifest *m, const struct artifact *artifact)
{
    bool ok =
        put_stored(to, artifact) && put_text(to, "server_version", artifact->server_version) &&
        put_digest(to, "schema_sha256", artifact->schema_sha256) &&
        put_named(to, "definitions", artifact->definitions, artifact->definition_count, "digest");
    if (artifact->kind == ARTIFACT_SQLITE)
        return ok && put_number(to, "mode", artifact->mode) &&
               put_number(to, "uid", artifact->uid) && put_number(to, "gid", artifact->gid) &&
               put_recipe(to, artifact) && put_tables(to, artifact);
    const struct artifact *sql, *globals;
    sql = jbi_manifest_artifact(m, ARTIFACT_POSTGRESQL_SQL, artifact->name);
    globals = jbi_manifest_artifact(m, ARTIFACT_POSTGRESQL_GLOBALS, artifact->name);
    return ok && put_tables(to, artifact) && put_facts(to, artifact->postgresql) &&
           put_companion(to, "sql", sql) && put_companion(to, "globals", globals);
}

static bool put_codebase(struct json *to, const struct manifest *m, const struct artifact *artifact)
{
    const struct artifact *index = jbi_manifest_artifact(m, ARTIFACT_INDEX, NULL);
    bool ok = put_stored(to, artifact) && put_number(to, "files", artifact->files) &&
              put_number(to, "folders", artifact->folders) &&
              put_number(to, "links", artifact->links) &&
              put_number(to, "others", artifact->others) &&
              put_number(to, "file_bytes", artifact->file_bytes) && put_recipe(to, artifact);
    return ok && put_companion(to, "index", index);
}

static bool put_results(struct json *to, const struct manifest *m)
{
    const struct artifact *codebase = jbi_manifest_artifact(m, ARTIFACT_CODEBASE, NULL);
    struct json *databases = jbi_json_object();
    bool ok = jbi_json_set(to, "database", databases);
    for (size_t i = 0; i < m->artifact_count && ok; i++) {
        if (!jbi_artifact_kind_is_database(m->artifacts[i].kind))
            continue;
        scope_text key = {0};
        ok = database_key(&key, m, i);
        struct json *artifact = jbi_json_object();
        ok = ok ? jbi_json_set(databases, key.at, artifact) : (jbi_json_free(artifact), false);
        ok = ok && put_database(artifact, m, &m->artifacts[i]);
    }
    if (codebase == NULL)
        return ok && put_text(to, "codebase", NULL);
    struct json *code = jbi_json_object();
    return jbi_json_set(to, "codebase", code) && ok && put_codebase(code, m, codebase);
}

/* text without its closing brace, and the last line put on. */
static char *with_digest(const char *text)
{
    scope_text out = {0};
    char hex[SHA256_HEX_SIZE];
    scope_digest *digest = jbi_digest_new();
    size_t len = strlen(text);
    if (digest == NULL || len < 2 || strcmp(text + len - 2, "\n}") != 0)
        return NULL;
    jbi_text_add(&out, text, len - 2);
    jbi_text_adds(&out, ",\n");
    if (out.failed)
        return NULL;
    jbi_digest_begin(digest);
    jbi_digest_add(digest, out.at, out.len);
    jbi_digest_end(digest, hex);
    jbi_text_addf(&out, "\"manifest_sha256\": \"%s\"}\n", hex);
    if (out.failed)
        return NULL;
    char *printed = out.at;
    out.at = NULL;
    return printed;
}

static bool put_manifest(struct json *root, const struct manifest *manifest)
{
    struct json *metadata = jbi_json_object(), *results = jbi_json_object();
    bool ok = jbi_json_set(root, "metadata", metadata);
    ok = jbi_json_set(root, "backup_results", results) && ok;
    return ok && put_metadata(metadata, manifest) && put_results(results, manifest);
}

char *jbi_manifest_print(const struct manifest *manifest)
{
    scope_json *root = jbi_json_object();
    scope_free char *text = put_manifest(root, manifest) ? jbi_json_print(root, 2) : NULL;
    return text ? with_digest(text) : NULL;
}

bool jbi_manifest_digest(const struct manifest *manifest, char hex[SHA256_HEX_SIZE])
{
    scope_json *root = jbi_json_object();
    scope_digest *digest = jbi_digest_new();
    struct manifest lasting = *manifest;
    lasting.pinned = false;
    lasting.keep_until_us = 0;
    if (digest == NULL || !put_manifest(root, &lasting))
        return false;
    struct json *metadata = jbi_json_get(root, "metadata");
    bool ok = jbi_json_set_int(metadata, "created_at", manifest->created_us);
    scope_free char *text = ok ? jbi_json_print(root, 0) : NULL;
    if (text == NULL)
        return false;
    jbi_digest_begin(digest);
    jbi_digest_add(digest, text, strlen(text));
    jbi_digest_end(digest, hex);
    return true;
}
