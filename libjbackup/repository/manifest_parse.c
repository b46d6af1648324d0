/* SPDX-License-Identifier: MIT */
/* Reads a manifest. Invariant: nothing of the text is believed before the digest in its last line
 * has been compared, and then only what has the right type, form and size. */
#include <stdio.h>
#include <string.h>

#include "adapter/digest.h"
#include "adapter/json.h"
#include "base/error.h"
#include "base/text.h"
#include "repository/manifest_reader.h"

#define LAST_LINE_START "\"manifest_sha256\": \""
#define LAST_LINE_END   "\"}\n"
#define LAST_LINE_SIZE  (sizeof LAST_LINE_START + SHA256_HEX_SIZE + sizeof LAST_LINE_END - 3)

static void read_metadata(struct reader *r, const struct json *from, struct manifest *m)
{
    const char *timestamp = jbi_read_text(r, from, "timestamp");
    const char *type = jbi_read_text(r, from, "backup_type");
    const char *category = jbi_read_text(r, from, "category");
    if (r->code < 0)
        return;
    if (!jbi_is_timestamp(timestamp))
        jbi_refuse(r, "timestamp", "is no timestamp");
    else
        memcpy(m->timestamp, timestamp, TIMESTAMP_SIZE);
    if (!jbi_type_parse(type, &m->type))
        jbi_refuse(r, "backup_type", "is not known");
    if (!jbi_category_parse(category, &m->category))
        jbi_refuse(r, "category", "is not known");
    m->created_us = jbi_read_time(r, from, "created_at");
    m->git_commit = jbi_read_optional_text(r, from, "git_commit");
    m->git_branch = jbi_read_optional_text(r, from, "git_branch");
    bool is_known = !jbi_json_is_null(jbi_json_get(from, "git_dirty"));
    m->git_dirty = is_known ? jbi_read_bool(r, from, "git_dirty") : -1;
    m->total_size = jbi_read_count(r, from, "total_size");
    jbi_read_sha256(r, from, "checksum", "sha256:", false, m->checksum);
    m->sequence = jbi_read_number(r, from, "sequence");
    m->label = jbi_read_optional_text(r, from, "label");
    m->pinned = jbi_read_bool(r, from, "pinned");
    if (!jbi_json_is_null(jbi_json_get(from, "keep_until")))
        m->keep_until_us = jbi_read_time(r, from, "keep_until");
    m->project = jbi_read_text(r, from, "project");
    m->host = jbi_read_text(r, from, "host");
    m->tool = jbi_read_text(r, from, "tool");
    m->duration_ms = jbi_read_ms(r, from, "duration_s");
}

static void read_codebase(struct reader *r, const struct json *from, struct manifest *m)
{
    struct artifact *to = &m->artifacts[m->artifact_count++];
    r->where = "codebase";
    jbi_read_stored(r, from, to);
    to->files = jbi_read_count(r, from, "files");
    to->folders = jbi_read_count(r, from, "folders");
    to->links = jbi_read_count(r, from, "links");
    to->others = jbi_read_count(r, from, "others");
    to->file_bytes = jbi_read_count(r, from, "file_bytes");
    jbi_read_recipe(r, from, to);
    if (r->code == JB_OK && to->kind != ARTIFACT_CODEBASE)
        jbi_refuse(r, "type", "is not codebase");
    if (jbi_json_is_null(jbi_json_get(from, "index")))
        return;
    const struct json *index = jbi_read_object(r, from, "index");
    to = &m->artifacts[m->artifact_count++];
    r->where = "index";
    jbi_read_stored(r, index, to);
    if (r->code == JB_OK && to->kind != ARTIFACT_INDEX)
        jbi_refuse(r, "type", "is not index");
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
    const struct json *databases = jbi_read_object(r, from, "database");
    const struct json *codebase = jbi_json_get(from, "codebase");
    size_t count = count_keys(databases);
    if (count > MANIFEST_ARTIFACTS_MAX)
        jbi_refuse(r, "database", "has absurdly many entries");
    if (r->code < 0)
        return;
    m->artifacts =
        jbi_arena_alloc(r->arena, (DATABASE_ARTIFACTS_MAX * count + 2) * sizeof *m->artifacts);
    if (m->artifacts == NULL)
        r->code = jbi_fail_memory(r->err);
    for (size_t i = 0; i < count && r->code == JB_OK; i++) {
        const struct json *entry = jbi_json_get(databases, jbi_json_key(databases, i));
        jbi_read_database(r, entry, m);
    }
    if (!jbi_json_is_null(codebase) && r->code == JB_OK)
        read_codebase(r, codebase, m);
    r->where = "backup_results";
    if (m->artifact_count > MANIFEST_ARTIFACTS_MAX)
        jbi_refuse(r, "database", "has absurdly many entries");
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
        jbi_refuse(r, "database", "and codebase are both empty");
    for (size_t i = 0; i < m->artifact_count && r->code == JB_OK; i++) {
        const struct artifact *artifact = &m->artifacts[i];
        sum += artifact->size;
        for (size_t j = 0; j < i; j++)
            if (strcmp(artifact->path, m->artifacts[j].path) == 0 ||
                is_same_database(artifact, &m->artifacts[j]))
                jbi_refuse(r, artifact->path, "is listed twice");
    }
    r->where = "metadata";
    if (r->code == JB_OK && sum != m->total_size)
        jbi_refuse(r, "total_size", "is not the sum of the sizes");
    if (r->code == JB_OK && ((m->type == JB_TYPE_DATABASE && jbi_manifest_has_codebase(m)) ||
                             (m->type == JB_TYPE_CODEBASE && jbi_manifest_has_database(m))))
        jbi_refuse(r, "backup_type", "does not fit what is in the backup");
}

static int check_digest(const char *text, size_t len, const char *name, char hex[SHA256_HEX_SIZE],
                        struct jb_error *err)
{
    char line[LAST_LINE_SIZE + 1];
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
    int64_t format = jbi_read_number(r, metadata, "format");
    if (r->code == JB_OK && format > MANIFEST_FORMAT) {
        r->code = jbi_fail(r->err, JB_EUNSUPPORTED,
                           "%s was made by a newer jbackup (format %lld, this one knows up to %d)",
                           r->name, (long long)format, MANIFEST_FORMAT);
        jbi_hint(r->err, "use that jbackup, or restore by hand as RESTORE.txt says");
    }
    if (r->code == JB_OK && format < 1)
        jbi_refuse(r, "format", "is not known");
}

int jbi_manifest_parse(struct manifest *out, const char *text, size_t len, const char *name,
                       struct arena *arena, struct jb_error *err)
{
    struct jb_error why = {0};
    *out = (struct manifest){0};
    if (len > MANIFEST_SIZE_MAX)
        return jbi_fail(err, JB_ECORRUPT, "%s is larger than a manifest may be", name);
    int code = check_digest(text, len, name, out->self_sha256, err);
    if (code < 0)
        return code;
    scope_json *root = NULL;
    if (jbi_json_parse(&root, text, len, name, &why) < 0)
        return jbi_fail(err, JB_ECORRUPT, "%s", why.text);

    struct reader reader = {name, "manifest", out->timestamp, arena, err, JB_OK};
    const struct json *metadata = jbi_read_object(&reader, root, "metadata");
    const struct json *results = jbi_read_object(&reader, root, "backup_results");
    reader.where = "metadata";
    check_format(&reader, metadata);
    read_metadata(&reader, metadata, out);
    reader.where = "backup_results";
    read_results(&reader, results, out);
    check_whole(&reader, out);
    return reader.code;
}
