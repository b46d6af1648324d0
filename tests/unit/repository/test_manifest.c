/* SPDX-License-Identifier: MIT */
#include "repository/manifest.h"

#include "adapter/json.h"
#include "base/text.h"
#include "fixture.h"

#define TS "20240708_143022"

static char *printed(void)
{
    struct manifest m = make_manifest(TS, CATEGORY_WEEKLY, "content");
    char *text = jbi_manifest_print(&m);
    REQUIRE(text != NULL);
    return text;
}

static const struct postgresql_facts every_fact = {
    .client_version = "15.4 (Debian 15.4-1)",
    .dump_format = "1.14",
    .is_recoded = true,
    .is_encrypted = true,
    .database = "Journal \"db\"\n",
    .owner = "ann",
    .encoding = "UTF8",
    .collation = "C.UTF-8",
    .ctype = "de_DE.UTF-8",
    .comment = "of the journal",
    .acl = "{=Tc/ann,ann=CTc/ann}",
    .snapshot_time = "2024-07-08T14:30:22.123456+02:00",
    .snapshot_lsn = "0/15D6A88",
    .database_size = 123456789,
    .extensions = (const struct named_text[]){{"plpgsql", "1.0"}, {"pg_trgm", "1.6"}},
    .extension_count = 2,
    .settings = (const struct named_text[]){{"work_mem", "64MB"}, {"app.key", NULL}},
    .setting_count = 2,
    .sequences = (const struct sequence[]){{"public", "least", INT64_MIN, false},
                                           {"public", "most", INT64_MAX, true},
                                           {"s", "odd\n\"name\"", -1, true}},
    .sequence_count = 3,
    .large_objects = {2, 300, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
};

/* A PostgreSQL database of which everything is known, one of which nothing is, one of SQLite. */
static struct manifest postgresql_manifest(void)
{
    static const struct postgresql_facts no_fact = {.client_version = NULL};
    struct manifest m = make_manifest(TS, CATEGORY_WEEKLY, "content");
    struct artifact *artifacts = jbi_arena_alloc(&fixture_arena, 7 * sizeof *artifacts);
    artifacts[0] = make_artifact(ARTIFACT_POSTGRESQL, "journal", TS, "dump");
    artifacts[1] = make_artifact(ARTIFACT_POSTGRESQL_SQL, "journal", TS, "of sql");
    artifacts[2] = make_artifact(ARTIFACT_POSTGRESQL_GLOBALS, "journal", TS, "of roles");
    artifacts[3] = make_artifact(ARTIFACT_POSTGRESQL, "sql", TS, "other");
    artifacts[4] = m.artifacts[0];
    artifacts[5] = m.artifacts[2];
    artifacts[6] = m.artifacts[3];
    add_tables(&artifacts[0]);
    artifacts[0].postgresql = &every_fact;
    artifacts[3].postgresql = &no_fact;
    m.artifacts = artifacts;
    m.artifact_count = 7;
    m.total_size = 4 + 6 + 8 + 5 + 3 * 7;
    return m;
}

static char *postgresql_printed(void)
{
    struct manifest m = postgresql_manifest();
    char *text = jbi_manifest_print(&m);
    REQUIRE(text != NULL);
    return text;
}

static int parse(const char *text, size_t len, struct manifest *out, struct jb_error *err)
{
    return jbi_manifest_parse(out, text, len, "weekly/manifest_" TS ".json", &fixture_arena, err);
}

static void check_same_artifact(const struct artifact *a, const struct artifact *b)
{
    CHECK(a->kind == b->kind && a->size == b->size && a->raw_size == b->raw_size);
    CHECK(a->duration_ms == b->duration_ms && a->table_count == b->table_count);
    CHECK(a->files == b->files && a->folders == b->folders && a->links == b->links);
    CHECK(a->others == b->others && a->file_bytes == b->file_bytes);
    CHECK_TEXT(a->path, b->path);
    CHECK_TEXT(a->from, b->from);
    CHECK_TEXT(a->sha256, b->sha256);
    CHECK_TEXT(a->schema_sha256, b->schema_sha256);
    CHECK((a->name == NULL) == (b->name == NULL));
    if (b->name != NULL)
        CHECK_TEXT(a->name, b->name);
    REQUIRE(a->definition_count == b->definition_count);
    for (size_t i = 0; i < b->definition_count; i++) {
        CHECK_TEXT(a->definitions[i].name, b->definitions[i].name);
        CHECK_TEXT(a->definitions[i].text, b->definitions[i].text);
    }
    for (size_t i = 0; i < b->table_count; i++) {
        CHECK_TEXT(a->tables[i].name, b->tables[i].name);
        CHECK_TEXT(a->tables[i].columns, b->tables[i].columns);
        CHECK_TEXT(a->tables[i].sha256, b->tables[i].sha256);
        CHECK(a->tables[i].rows == b->tables[i].rows);
        CHECK((a->tables[i].schema == NULL) == (b->tables[i].schema == NULL));
    }
}

static void is_read_back_equal(void)
{
    struct manifest m = make_manifest(TS, CATEGORY_WEEKLY, "content"), back;
    struct jb_error err = {0};
    char *text = printed();
    CHECK(parse(text, strlen(text), &back, &err) == JB_OK);
    CHECK_TEXT(err.text, "");
    CHECK_TEXT(back.timestamp, TS);
    CHECK(back.category == m.category && back.type == m.type && back.created_us == m.created_us);
    CHECK(back.sequence == 1 && !back.pinned && back.git_dirty == 1);
    CHECK(back.duration_ms == 5700 && back.total_size == m.total_size);
    CHECK_TEXT(back.label, m.label);
    CHECK_TEXT(back.project, m.project);
    CHECK_TEXT(back.host, m.host);
    CHECK_TEXT(back.tool, m.tool);
    CHECK_TEXT(back.git_commit, m.git_commit);
    CHECK_TEXT(back.checksum, m.checksum);
    REQUIRE(back.artifact_count == 4);
    for (size_t i = 0; i < 4; i++)
        check_same_artifact(&back.artifacts[i], &m.artifacts[i]);
    CHECK(jbi_manifest_has_database(&back) && jbi_manifest_has_codebase(&back));
    CHECK(jbi_manifest_artifact(&back, ARTIFACT_SQLITE, "users") == &back.artifacts[1]);
    CHECK(jbi_manifest_artifact(&back, ARTIFACT_SQLITE, "none") == NULL);
    char *again = jbi_manifest_print(&back);
    CHECK_TEXT(again, text);
    free(again);
    free(text);
}

static void check_text_or_null(const char *got, const char *want)
{
    CHECK((got == NULL) == (want == NULL));
    if (want != NULL)
        CHECK_TEXT(got, want);
}

static void check_named(const struct named_text *got, const struct named_text *want, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        CHECK_TEXT(got[i].name, want[i].name);
        check_text_or_null(got[i].text, want[i].text);
    }
}

static void check_same_facts(const struct postgresql_facts *a, const struct postgresql_facts *b)
{
    check_text_or_null(a->client_version, b->client_version);
    check_text_or_null(a->dump_format, b->dump_format);
    check_text_or_null(a->database, b->database);
    check_text_or_null(a->owner, b->owner);
    check_text_or_null(a->encoding, b->encoding);
    check_text_or_null(a->collation, b->collation);
    check_text_or_null(a->ctype, b->ctype);
    check_text_or_null(a->comment, b->comment);
    check_text_or_null(a->acl, b->acl);
    check_text_or_null(a->snapshot_time, b->snapshot_time);
    check_text_or_null(a->snapshot_lsn, b->snapshot_lsn);
    CHECK(a->is_recoded == b->is_recoded && a->is_encrypted == b->is_encrypted);
    CHECK(a->database_size == b->database_size);
    CHECK(a->large_objects.count == b->large_objects.count);
    CHECK(a->large_objects.bytes == b->large_objects.bytes);
    CHECK_TEXT(a->large_objects.sha256, b->large_objects.sha256);
    REQUIRE(a->extension_count == b->extension_count && a->setting_count == b->setting_count);
    REQUIRE(a->sequence_count == b->sequence_count);
    check_named(a->extensions, b->extensions, b->extension_count);
    check_named(a->settings, b->settings, b->setting_count);
    for (size_t i = 0; i < b->sequence_count; i++) {
        CHECK_TEXT(a->sequences[i].schema, b->sequences[i].schema);
        CHECK_TEXT(a->sequences[i].name, b->sequences[i].name);
        CHECK(a->sequences[i].value == b->sequences[i].value);
        CHECK(a->sequences[i].is_called == b->sequences[i].is_called);
    }
}

static void postgresql_is_read_back_equal(void)
{
    struct manifest m = postgresql_manifest(), back;
    struct jb_error err = {0};
    char *text = postgresql_printed();
    CHECK(parse(text, strlen(text), &back, &err) == JB_OK);
    CHECK_TEXT(err.text, "");
    REQUIRE(back.artifact_count == m.artifact_count);
    for (size_t i = 0; i < m.artifact_count; i++) {
        check_same_artifact(&back.artifacts[i], &m.artifacts[i]);
        CHECK((back.artifacts[i].postgresql != NULL) == (m.artifacts[i].postgresql != NULL));
        if (m.artifacts[i].postgresql != NULL)
            check_same_facts(back.artifacts[i].postgresql, m.artifacts[i].postgresql);
    }
    CHECK_TEXT(back.artifacts[0].server_version, "3.40.1");
    CHECK_TEXT(back.artifacts[0].tables[1].schema, "s");
    CHECK(jbi_manifest_artifact(&back, ARTIFACT_POSTGRESQL_SQL, "sql") == NULL);
    char *again = jbi_manifest_print(&back);
    CHECK_TEXT(again, text);
    free(again);
    free(text);
}

static const char *text_at(const struct json *json, const char *a, const char *b, const char *c)
{
    json = jbi_json_get(jbi_json_get(json, a), b);
    return jbi_json_text(c != NULL ? jbi_json_get(json, c) : json);
}

static void has_the_keys_of_the_guide(void)
{
    char *text = printed();
    scope_json *root = NULL;
    REQUIRE(jbi_json_parse(&root, text, strlen(text), "manifest", NULL) == JB_OK);
    struct json *metadata = jbi_json_get(root, "metadata");
    static const char *const keys[] = {"timestamp",  "backup_type", "database_type",
                                       "created_at", "git_commit",  "git_branch",
                                       "total_size", "checksum",    "files"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        CHECK_TEXT(jbi_json_key(metadata, i), keys[i]);
    CHECK_TEXT(text_at(root, "metadata", "timestamp", NULL), TS);
    CHECK_TEXT(text_at(root, "metadata", "backup_type", NULL), "full");
    CHECK_TEXT(text_at(root, "metadata", "database_type", NULL), "sqlite");
    CHECK(strncmp(text_at(root, "metadata", "checksum", NULL), "sha256:", 7) == 0);
    CHECK_TEXT(text_at(root, "metadata", "files", "database_sqlite"),
               "db_" TS "/sqlite_journal.db.gz");
    CHECK_TEXT(text_at(root, "metadata", "files", "database_sqlite_users"),
               "db_" TS "/sqlite_users.db.gz");
    CHECK_TEXT(text_at(root, "metadata", "files", "codebase"), "codebase_" TS ".tar.gz");
    const struct json *databases = jbi_json_get(jbi_json_get(root, "backup_results"), "database");
    CHECK_TEXT(text_at(databases, "sqlite", "path", NULL), "db_" TS "/sqlite_journal.db.gz");
    CHECK_TEXT(text_at(databases, "sqlite", "type", NULL), "sqlite");
    CHECK_TEXT(text_at(databases, "sqlite_users", "name", NULL), "users");
    CHECK_TEXT(text_at(root, "backup_results", "codebase", "type"), "codebase");
    CHECK_HAS(text, "\"duration_s\": 5.7");
    free(text);
}

static void postgresql_has_the_keys_of_the_guide(void)
{
    char *text = postgresql_printed();
    scope_json *root = NULL;
    REQUIRE(jbi_json_parse(&root, text, strlen(text), "manifest", NULL) == JB_OK);
    CHECK_TEXT(text_at(root, "metadata", "database_type", NULL), "postgresql");
    CHECK_TEXT(text_at(root, "metadata", "files", "database_postgresql"),
               "db_" TS "/postgresql_journal.dump");
    CHECK_TEXT(text_at(root, "metadata", "files", "database_postgresql_sql"),
               "db_" TS "/postgresql_sql.dump");
    CHECK_TEXT(text_at(root, "metadata", "files", "database_sqlite"),
               "db_" TS "/sqlite_journal.db.gz");
    const struct json *databases = jbi_json_get(jbi_json_get(root, "backup_results"), "database");
    CHECK_TEXT(text_at(databases, "postgresql", "type", NULL), "postgresql");
    CHECK_TEXT(text_at(databases, "postgresql", "sql", "path"), "db_" TS "/postgresql_journal.sql");
    CHECK_TEXT(text_at(databases, "postgresql", "sql", "type"), "postgresql_sql");
    CHECK_TEXT(text_at(databases, "postgresql", "globals", "type"), "postgresql_globals");
    CHECK_TEXT(text_at(databases, "postgresql_sql", "name", NULL), "sql");
    const struct json *other = jbi_json_get(databases, "postgresql_sql");
    CHECK(jbi_json_key(other, 0) != NULL && jbi_json_get(other, "mode") == NULL);
    CHECK(jbi_json_get(other, "sql") != NULL && jbi_json_is_null(jbi_json_get(other, "sql")));
    CHECK_HAS(text, "\"value\": -9223372036854775808");
    CHECK_HAS(text, "\"value\": 9223372036854775807");
    free(text);
}

static void nulls_are_read_back(void)
{
    struct manifest m = make_manifest(TS, CATEGORY_DAILY, "x"), back;
    struct jb_error err = {0};
    m.type = JB_TYPE_CODEBASE;
    m.artifacts += 2;
    m.artifact_count = 2;
    m.total_size = 2;
    m.label = m.git_commit = m.git_branch = NULL;
    m.git_dirty = -1;
    m.pinned = true;
    char *text = jbi_manifest_print(&m);
    REQUIRE(text != NULL);
    CHECK_HAS(text, "\"database_type\": null");
    CHECK(parse(text, strlen(text), &back, &err) == JB_OK);
    CHECK(back.label == NULL && back.git_commit == NULL && back.git_dirty == -1 && back.pinned);
    CHECK(!jbi_manifest_has_database(&back) && jbi_manifest_has_codebase(&back));
    CHECK(back.keep_until_us == 0 && strstr(text, "keep_until") == NULL);
    free(text);
}

static void the_time_to_keep_it_until_is_read_back(void)
{
    struct manifest m = make_manifest(TS, CATEGORY_DAILY, "x"), back;
    struct jb_error err = {0};
    char without[SHA256_HEX_SIZE], with[SHA256_HEX_SIZE];
    REQUIRE(jbi_manifest_digest(&m, without));
    m.keep_until_us = m.created_us + 30 * 86400LL * 1000000;
    REQUIRE(jbi_manifest_digest(&m, with));
    CHECK_TEXT(with, without);
    char *text = jbi_manifest_print(&m);
    REQUIRE(text != NULL);
    CHECK(parse(text, strlen(text), &back, &err) == JB_OK);
    CHECK(back.keep_until_us == m.keep_until_us);
    free(text);
}

static void texts_that_are_not_utf8_are_kept_escaped(void)
{
    struct manifest m = make_manifest(TS, CATEGORY_DAILY, "x"), back;
    m.artifacts[0].from = "/srv/\xff.db";
    char *text = jbi_manifest_print(&m);
    REQUIRE(text != NULL);
    CHECK(parse(text, strlen(text), &back, NULL) == JB_OK);
    CHECK_TEXT(back.artifacts[0].from, "/srv/\\xff.db");
    free(text);
}

static void tables_of_the_same_escaped_name_are_read_back(void)
{
    struct manifest m = postgresql_manifest(), back;
    struct table tables[] = {{.schema = "s", .name = "\xff", .columns = "\xfe", .rows = 1},
                             {.schema = "s", .name = "\\xff", .columns = "", .rows = 2}};
    struct postgresql_facts facts = every_fact;
    facts.comment = "gr\xfc\xdf";
    m.artifacts[0].tables = tables;
    m.artifacts[0].postgresql = &facts;
    char *text = jbi_manifest_print(&m);
    REQUIRE(text != NULL);
    REQUIRE(parse(text, strlen(text), &back, NULL) == JB_OK);
    CHECK_TEXT(back.artifacts[0].tables[0].name, "\\xff");
    CHECK_TEXT(back.artifacts[0].tables[1].name, "\\xff");
    CHECK(back.artifacts[0].tables[1].rows == 2);
    CHECK_TEXT(back.artifacts[0].postgresql->comment, "gr\\xfc\\xdf");
    free(text);
}

static void every_truncation_is_refused(void)
{
    char *text = printed();
    struct manifest out;
    struct arena arena = {0};
    for (size_t len = 0; len < strlen(text); len++) {
        struct jb_error err = {0};
        char *cut = malloc(len + 1); /* of its exact size, so that a sanitizer sees overreads */
        REQUIRE(cut != NULL);
        memcpy(cut, text, len);
        cut[len] = '\0';
        CHECK(jbi_manifest_parse(&out, cut, len, "m", &arena, &err) == JB_ECORRUPT);
        CHECK_HAS(err.text, "damaged");
        free(cut);
    }
    jbi_arena_free(&arena);
    free(text);
}

static void every_changed_byte_is_refused(void)
{
    char *text = printed();
    struct manifest out;
    size_t len = strlen(text), accepted = 0;
    for (size_t at = 0; at < len; at++)
        for (int bit = 0; bit < 8; bit++) {
            text[at] ^= (char)(1 << bit);
            accepted += parse(text, len, &out, NULL) != JB_ECORRUPT;
            text[at] ^= (char)(1 << bit);
        }
    CHECK(accepted == 0);
    CHECK(parse(text, len, &out, NULL) == JB_OK);
    free(text);
}

/* text, which is freed, with one part replaced and the digest made anew: what a liar would write.
 */
static char *forged_text(char *text, const char *old, const char *new)
{
    char hex[SHA256_HEX_SIZE];
    struct text out = {0};
    char *at = strstr(text, old), *last = strstr(text, "\"manifest_sha256\"");
    if (at == NULL)
        printf("# no %s in the manifest\n", old);
    REQUIRE(at != NULL && last != NULL && at < last);
    *last = '\0';
    jbi_text_add(&out, text, (size_t)(at - text));
    jbi_text_adds(&out, new);
    jbi_text_adds(&out, at + strlen(old));
    sha256_of(out.at, hex);
    jbi_text_addf(&out, "\"manifest_sha256\": \"%s\"}\n", hex);
    REQUIRE(!out.failed);
    free(text);
    return out.at;
}

static char *forged(const char *old, const char *new)
{
    return forged_text(printed(), old, new);
}

struct forgery {
    const char *old, *new, *want;
};

static void check_refused(char *(*print)(void), const struct forgery *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct jb_error err = {0};
        struct manifest out;
        char *text = forged_text(print(), cases[i].old, cases[i].new);
        if (parse(text, strlen(text), &out, &err) != JB_ECORRUPT)
            check_note(false, __FILE__, __LINE__, cases[i].new);
        CHECK_HAS(err.text, cases[i].want);
        free(text);
    }
}

static void forged_manifests_are_refused(void)
{
    static const struct forgery cases[] = {
        {"\"timestamp\": \"" TS "\"", "\"timestamp\": \"20240230_143022\"", "timestamp"},
        {"\"timestamp\": \"" TS "\"", "\"timestamp\": 20240708", "is a number, not a text"},
        {"\"timestamp\": \"" TS "\"", "\"timestamp\": \"20240708_143023\"", "no place"},
        {"\"backup_type\": \"full\"", "\"backup_type\": \"half\"", "backup_type"},
        {"\"backup_type\": \"full\"", "\"backup_type\": \"database\"", "backup_type"},
        {"\"category\": \"weekly\"", "\"category\": \"../x\"", "category"},
        {"\"created_at\": \"2024", "\"created_at\": \"x024", "created_at"},
        {"\"created_at\": \"2024", "\"created_at\": \"1924", "created_at"},
        {"\"name\": \"users\"", "\"name\": \"journal\"", "listed twice"},
        {"\"format\": 1", "\"format\": 0", "format"},
        {"\"format\": 1", "\"format\": \"1\"", "format"},
        {"\"total_size\": 28", "\"total_size\": -28", "negative"},
        {"\"total_size\": 28", "\"total_size\": 29", "not the sum"},
        {"\"total_size\": 28", "\"total_size\": 28.5", "total_size"},
        {"\"total_size\": 28", "\"total_size\": 99999999999999999999", "manifest"},
        {"\"size\": 7", "\"size\": -7", "negative"},
        {"\"size\": 7", "\"size\": 9223372036854775807", "absurdly"},
        {"\"rows\": 4711", "\"rows\": -1", "negative"},
        {"\"rows\": 4711", "\"rows\": 9007199254740993", "absurdly"},
        {"\"files\": 40", "\"files\": 1e99", "files"},
        {"\"pinned\": false", "\"pinned\": 0", "pinned"},
        {"\"pinned\"", "\"keep_until\": 1, \"pinned\"", "is a number, not a text"},
        {"\"pinned\"", "\"keep_until\": \"soon\", \"pinned\"", "keep_until is no time"},
        {"\"git_dirty\": true", "\"git_dirty\": \"yes\"", "git_dirty"},
        {"\"duration_s\": 5.7", "\"duration_s\": -1", "duration"},
        {"\"duration_s\": 5.7", "\"duration_s\": 1e300", "duration"},
        {"\"checksum\": \"sha256:", "\"checksum\": \"sha512:", "SHA-256"},
        {"\"checksum\": \"sha256:", "\"checksum\": \"sha256:0", "SHA-256"},
        {"\"type\": \"sqlite\"", "\"type\": \"codebase\"", "type"},
        {"\"name\": \"journal\"", "\"name\": null", "name"},
        {"\"name\": \"entry\"", "\"name\": \"a\\u0000b\"", "manifest"},
        {"\"name\": \"entry\"", "\"name\": [[]]", "is a list, not a text"},
        {"\"tables\": [", "\"tables\": 3, \"x\": [", "tables"},
        {"\"tables\": [", "\"tables\": [7, ", "table"},
        {"\"metadata\": {", "\"metadata\": [], \"x\": {", "is a list, not an object"},
        {"\"backup_results\": {", "\"backup_results\": null, \"x\": {", "backup_results"},
        {"\"database\": {", "\"database\": {}, \"codebase\": null, \"x\": {", "manifest"},
        {"\"database\": {", "\"database\": {\"a\": {}, \"x\": 1}, \"y\": {", "path"},
        {"\"index\": {", "\"index\": 5, \"x\": {", "index"},
        {"\"pinned\"", "\"label\": 1, \"pinned\"", "duplicate"},
    };
    check_refused(printed, cases, sizeof cases / sizeof *cases);
}

static void forged_postgresql_is_refused(void)
{
    static const struct forgery cases[] = {
        {"\"recoded\": true", "\"recoded\": 1", "database.recoded is a number"},
        {"\"encrypted\": true", "\"encrypted\": null", "database.encrypted"},
        {"\"owner\": \"ann\"", "\"owner\": 7", "database.owner is a number"},
        {"\"database_size\": 1", "\"database_size\": -1", "database.database_size is negative"},
        {"\"database_size\": 1", "\"database_size\": 1000000000", "absurdly large"},
        {"\"definitions\": [", "\"definitions\": {}, \"x\": [", "definitions is an object"},
        {"\"extensions\": [", "\"extensions\": {}, \"x\": [", "extensions is an object"},
        {"\"extensions\": [", "\"extensions\": [[], ", "extensions.name is missing"},
        {"\"version\": \"1.0\"", "\"version\": 1.0", "extensions.version is a number"},
        {"\"settings\": [", "\"settings\": null, \"x\": [", "settings is null"},
        {"\"value\": \"64MB\"", "\"value\": 64", "settings.value is a number"},
        {"\"sequences\": [", "\"sequences\": [3, ", "sequence.schema is missing"},
        {"\"value\": -1,", "\"value\": -1.0,", "sequence.value is a number, not a whole"},
        {"\"value\": -1,", "\"value\": 9223372036854775808,", "manifest"},
        {"\"is_called\": false", "\"is_called\": \"no\"", "sequence.is_called"},
        {"\"large_objects\": {", "\"large_objects\": [], \"x\": {", "large_objects is a list"},
        {"\"count\": 2", "\"count\": -2", "large_objects.count is negative"},
        {"\"bytes\": 300", "\"bytes\": \"300\"", "large_objects.bytes"},
        {"\"sha256\": \"0123", "\"sha256\": \"012g", "large_objects.sha256"},
        {"\"type\": \"postgresql\"", "\"type\": \"sqlite\"", "does not fit its path"},
        {"\"type\": \"postgresql\"", "\"type\": \"postgresql_sql\"", "does not fit its path"},
        {"/postgresql_journal.dump\",\n        \"checksum\"", "/sqlite_x.db.gz\", \"checksum\"",
         "does not fit its path"},
        {"\"name\": \"sql\"", "\"name\": \"journal\"", "listed twice"},
        {"\"sql\": {", "\"sql\": [], \"x\": {", "sql is a list, not an object"},
        {"\"sql\": {", "\"sql\": null, \"x\": {", "not the sum of the sizes"},
        {"\"sql\": {", "\"globals\": {", "duplicate"},
        {"\"globals\": {", "\"globals\": 1, \"x\": {", "globals is a number"},
        {"postgresql_globals@journal.sql", "postgresql_x.sql", "globals.type does not fit"},
        {"postgresql_globals@journal.sql", "postgresql_globals@a@b.sql", "is no place"},
        {"postgresql_globals@journal.sql", "postgresql_globals@globals.sql", "is no place"},
        {"postgresql_globals@journal.sql", "postgresql_journal.sql", "globals.type"},
    };
    check_refused(postgresql_printed, cases, sizeof cases / sizeof *cases);
}

/* A .sql of another database, or globals in the place of a .sql, don't get by. */
static void companions_are_those_of_their_database(void)
{
    struct manifest out;
    struct jb_error err = {0};
    struct manifest m = postgresql_manifest();
    char *text = postgresql_printed();
    text = forged_text(text, "\"sql\": {", "\"none\": {");
    text = forged_text(text, "\"globals\": {", "\"sql\": {");
    CHECK(parse(text, strlen(text), &out, &err) == JB_ECORRUPT);
    CHECK_HAS(err.text, "sql.type does not fit its place");
    free(text);
    m.artifacts[1].name = "sql"; /* the printer takes it for that of the other database */
    m.artifacts[1].path = "db_" TS "/postgresql_sql.sql";
    text = jbi_manifest_print(&m);
    REQUIRE(text != NULL);
    text = forged_text(text, "postgresql_sql\",\n          \"name\": \"sql\"",
                       "postgresql_sql\", \"name\": \"other\"");
    err = (struct jb_error){0};
    CHECK(parse(text, strlen(text), &out, &err) == JB_ECORRUPT);
    CHECK_HAS(err.text, "sql.name is not that of its database");
    free(text);
}

static void forged_paths_are_refused(void)
{
    static const char *const paths[] = {
        "/etc/shadow",
        "../../x",
        "db_" TS "/../x.db.gz",
        "manifest_" TS ".json",
        "codebase_" TS ".tar.gz",
        "db_" TS "/sqlite_users.db.gz",
        "db_" TS "/sqlite_\\n.db.gz",
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct manifest out;
        char new[128];
        snprintf(new, sizeof new, "\"path\": \"%s\"", paths[i]);
        char *text = forged("\"path\": \"db_" TS "/sqlite_journal.db.gz\"", new);
        if (parse(text, strlen(text), &out, NULL) != JB_ECORRUPT)
            check_note(false, __FILE__, __LINE__, paths[i]);
        free(text);
    }
}

static void a_newer_format_is_said(void)
{
    struct manifest out;
    struct jb_error err = {0};
    char *text = forged("\"format\": 1", "\"format\": 2");
    CHECK(parse(text, strlen(text), &out, &err) == JB_EUNSUPPORTED);
    CHECK_HAS(err.text, "made by a newer jbackup");
    free(text);
}

static void its_name_and_its_content_must_agree(void)
{
    struct manifest out;
    struct jb_error err = {0};
    char *text = printed();
    int dir = open(check_folder(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(dir >= 0);
    write_file(dir, "manifest_" TS ".json", text);
    write_file(dir, "manifest_20240708_143023.json", text);
    CHECK(jbi_manifest_load(&out, dir, CATEGORY_WEEKLY, TS, &fixture_arena, &err) == JB_OK);
    CHECK(jbi_manifest_load(&out, dir, CATEGORY_DAILY, TS, &fixture_arena, &err) == JB_ECORRUPT);
    CHECK_HAS(err.text, "out of place");
    CHECK(jbi_manifest_load(&out, dir, CATEGORY_WEEKLY, "20240708_143023", &fixture_arena, NULL) ==
          JB_ECORRUPT);
    CHECK(jbi_manifest_load(&out, dir, CATEGORY_WEEKLY, "20240708_143024", &fixture_arena, NULL) ==
          JB_ENOTFOUND);
    free(text);
    close(dir);
}

int main(void)
{
    RUN(is_read_back_equal);
    RUN(postgresql_is_read_back_equal);
    RUN(has_the_keys_of_the_guide);
    RUN(postgresql_has_the_keys_of_the_guide);
    RUN(nulls_are_read_back);
    RUN(the_time_to_keep_it_until_is_read_back);
    RUN(texts_that_are_not_utf8_are_kept_escaped);
    RUN(tables_of_the_same_escaped_name_are_read_back);
    RUN(every_truncation_is_refused);
    RUN(every_changed_byte_is_refused);
    RUN(forged_manifests_are_refused);
    RUN(forged_postgresql_is_refused);
    RUN(companions_are_those_of_their_database);
    RUN(forged_paths_are_refused);
    RUN(a_newer_format_is_said);
    RUN(its_name_and_its_content_must_agree);
    jbi_arena_free(&fixture_arena);
    return check_end();
}
