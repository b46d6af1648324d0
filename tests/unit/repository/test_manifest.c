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

/* text with one part replaced and the digest made anew: what a liar would write. */
static char *forged(const char *old, const char *new)
{
    char *text = printed(), hex[SHA256_HEX_SIZE];
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

static void forged_manifests_are_refused(void)
{
    static const struct {
        const char *old, *new, *want;
    } cases[] = {
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
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct jb_error err = {0};
        struct manifest out;
        char *text = forged(cases[i].old, cases[i].new);
        if (parse(text, strlen(text), &out, &err) != JB_ECORRUPT)
            check_note(false, __FILE__, __LINE__, cases[i].new);
        CHECK_HAS(err.text, cases[i].want);
        free(text);
    }
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
    RUN(has_the_keys_of_the_guide);
    RUN(nulls_are_read_back);
    RUN(texts_that_are_not_utf8_are_kept_escaped);
    RUN(every_truncation_is_refused);
    RUN(every_changed_byte_is_refused);
    RUN(forged_manifests_are_refused);
    RUN(forged_paths_are_refused);
    RUN(a_newer_format_is_said);
    RUN(its_name_and_its_content_must_agree);
    jbi_arena_free(&fixture_arena);
    return check_end();
}
