/* SPDX-License-Identifier: MIT */
/* Reads a database's entry of a manifest: what is the same for all kinds, what only SQLite or only
 * PostgreSQL has, and the artifacts that go with a dump. */
#include <string.h>

#include "base/error.h"
#include "repository/manifest_reader.h"

static void read_tables(struct reader *r, const struct json *from, struct artifact *to)
{
    const struct json *rows;
    struct table *tables =
        jbi_read_list(r, from, "tables", sizeof *tables, &rows, &to->table_count);
    r->where = "table";
    for (size_t i = 0; i < to->table_count && r->code == JB_OK; i++) {
        const struct json *row = jbi_json_at(rows, i);
        tables[i].schema = jbi_read_optional_text(r, row, "schema");
        tables[i].name = jbi_read_text(r, row, "name");
        tables[i].columns = jbi_read_text(r, row, "columns");
        tables[i].rows = jbi_read_count(r, row, "rows");
        jbi_read_sha256(r, row, "sha256", "", true, tables[i].sha256);
    }
    to->tables = tables;
    r->where = "database";
}

static void read_file_owner(struct reader *r, const struct json *from, struct artifact *to)
{
    uint64_t mode = jbi_read_count(r, from, "mode");
    if (mode > 07777)
        jbi_refuse(r, "mode", "has other bits than those of permissions");
    to->mode = (unsigned)mode & 07777;
    to->uid = jbi_read_count(r, from, "uid");
    to->gid = jbi_read_count(r, from, "gid");
}

/* Extensions with their versions, settings with their values. */
static const struct named_text *read_named(struct reader *r, const struct json *from,
                                           const char *key, const char *text_key, size_t *count)
{
    const struct json *rows;
    struct named_text *list = jbi_read_list(r, from, key, sizeof *list, &rows, count);
    r->where = key;
    for (size_t i = 0; i < *count && r->code == JB_OK; i++) {
        const struct json *row = jbi_json_at(rows, i);
        list[i].name = jbi_read_text(r, row, "name");
        list[i].text = jbi_read_optional_text(r, row, text_key);
    }
    r->where = "database";
    return list;
}

static void read_sequences(struct reader *r, const struct json *from, struct postgresql_facts *to)
{
    const struct json *rows;
    struct sequence *sequences =
        jbi_read_list(r, from, "sequences", sizeof *sequences, &rows, &to->sequence_count);
    r->where = "sequence";
    for (size_t i = 0; i < to->sequence_count && r->code == JB_OK; i++) {
        const struct json *row = jbi_json_at(rows, i);
        sequences[i].schema = jbi_read_text(r, row, "schema");
        sequences[i].name = jbi_read_text(r, row, "name");
        sequences[i].value = jbi_read_integer(r, row, "value");
        sequences[i].is_called = jbi_read_bool(r, row, "is_called");
    }
    to->sequences = sequences;
    r->where = "database";
}

static void read_large_objects(struct reader *r, const struct json *from, struct large_objects *to)
{
    const struct json *objects = jbi_read_object(r, from, "large_objects");
    r->where = "large_objects";
    to->count = jbi_read_count(r, objects, "count");
    to->bytes = jbi_read_count(r, objects, "bytes");
    jbi_read_sha256(r, objects, "sha256", "", true, to->sha256);
    r->where = "database";
}

static void read_facts(struct reader *r, const struct json *from, struct artifact *to)
{
    struct postgresql_facts *facts = jbi_arena_alloc(r->arena, sizeof *facts);
    if (facts == NULL) {
        r->code = jbi_fail_memory(r->err);
        return;
    }
    facts->client_version = jbi_read_optional_text(r, from, "client_version");
    facts->dump_format = jbi_read_optional_text(r, from, "dump_format");
    facts->is_recoded = jbi_read_bool(r, from, "recoded");
    facts->is_encrypted = jbi_read_bool(r, from, "encrypted");
    facts->database = jbi_read_optional_text(r, from, "database");
    facts->owner = jbi_read_optional_text(r, from, "owner");
    facts->encoding = jbi_read_optional_text(r, from, "encoding");
    facts->collation = jbi_read_optional_text(r, from, "collation");
    facts->ctype = jbi_read_optional_text(r, from, "ctype");
    facts->comment = jbi_read_optional_text(r, from, "comment");
    facts->acl = jbi_read_optional_text(r, from, "acl");
    facts->snapshot_time = jbi_read_optional_text(r, from, "snapshot_time");
    facts->snapshot_lsn = jbi_read_optional_text(r, from, "snapshot_lsn");
    facts->database_size = jbi_read_count(r, from, "database_size");
    facts->extensions = read_named(r, from, "extensions", "version", &facts->extension_count);
    facts->settings = read_named(r, from, "settings", "value", &facts->setting_count);
    if (facts->is_recoded) { /* else they are null: not known */
        read_sequences(r, from, facts);
        read_large_objects(r, from, &facts->large_objects);
    }
    to->postgresql = facts;
}

/* The .sql or the globals of a dump. */
static void read_companion(struct reader *r, const struct json *from, const char *key,
                           enum artifact_kind kind, const char *name, struct manifest *m)
{
    if (r->code < 0 || jbi_json_is_null(jbi_json_get(from, key)))
        return;
    const struct json *companion = jbi_read_object(r, from, key);
    struct artifact *to = &m->artifacts[m->artifact_count++];
    r->where = key;
    jbi_read_stored(r, companion, to);
    if (r->code == JB_OK && to->kind != kind)
        jbi_refuse(r, "type", "does not fit its place");
    if (r->code == JB_OK && (to->name == NULL || strcmp(to->name, name) != 0))
        jbi_refuse(r, "name", "is not that of its database");
    r->where = "database";
}

void jbi_read_database(struct reader *r, const struct json *from, struct manifest *m)
{
    struct artifact *to = &m->artifacts[m->artifact_count++];
    r->where = "database";
    jbi_read_stored(r, from, to);
    to->server_version = jbi_read_optional_text(r, from, "server_version");
    jbi_read_sha256(r, from, "schema_sha256", "", true, to->schema_sha256);
    if (r->code == JB_OK && !jbi_artifact_kind_is_database(to->kind))
        jbi_refuse(r, "type", "is no kind of database");
    if (r->code == JB_OK && (to->name == NULL || to->name[0] == '\0'))
        jbi_refuse(r, "name", "is missing");
    if (!jbi_json_is_null(jbi_json_get(from, "definitions"))) /* the first manifests have none */
        to->definitions = read_named(r, from, "definitions", "digest", &to->definition_count);
    read_tables(r, from, to);
    if (r->code < 0)
        return;
    if (to->kind == ARTIFACT_SQLITE) {
        read_file_owner(r, from, to);
        jbi_read_recipe(r, from, to);
        return;
    }
    read_facts(r, from, to);
    read_companion(r, from, "sql", ARTIFACT_POSTGRESQL_SQL, to->name, m);
    read_companion(r, from, "globals", ARTIFACT_POSTGRESQL_GLOBALS, to->name, m);
}
