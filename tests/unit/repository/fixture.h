/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_REPOSITORY_FIXTURE_H
#define TESTS_UNIT_REPOSITORY_FIXTURE_H

/* A repository in the test's folder, and backups of a few bytes made with the real staging and
 * publishing. */
#include <fcntl.h>
#include <sys/stat.h>

#include "../check.h"
#include "adapter/digest.h"
#include "adapter/gzip.h"
#include "repository/freed.h"
#include "repository/publish.h"

static struct arena fixture_arena;

static inline void sha256_of(const char *content, char hex[SHA256_HEX_SIZE])
{
    struct digest *digest = jbi_digest_new();
    REQUIRE(digest != NULL);
    jbi_digest_begin(digest);
    jbi_digest_add(digest, content, strlen(content));
    jbi_digest_end(digest, hex);
    jbi_digest_free(digest);
}

static inline struct artifact make_artifact(enum artifact_kind kind, const char *name,
                                            const char *timestamp, const char *content)
{
    static const struct {
        const char *before, *after, *behind_name; /* path: before TS after NAME behind_name */
    } forms[] = {
        [ARTIFACT_SQLITE] = {"db_", "/sqlite_", ".db.gz"},
        [ARTIFACT_POSTGRESQL] = {"db_", "/postgresql_", ".dump"},
        [ARTIFACT_POSTGRESQL_SQL] = {"db_", "/postgresql_", ".sql"},
        [ARTIFACT_POSTGRESQL_GLOBALS] = {"db_", "/postgresql_globals@", ".sql"},
        [ARTIFACT_CODEBASE] = {"codebase_", ".tar", ".gz"},
        [ARTIFACT_INDEX] = {"codebase_", ".index", ".jsonl.gz"},
    };
    struct artifact artifact = {.kind = kind, .name = name, .from = "/srv/app"};
    artifact.path = jbi_arena_printf(&fixture_arena, "%s%s%s%s%s", forms[kind].before, timestamp,
                                     forms[kind].after, name ? name : "", forms[kind].behind_name);
    artifact.size = strlen(content);
    artifact.raw_size = 10 * artifact.size;
    artifact.duration_ms = 1234;
    sha256_of(content, artifact.sha256);
    artifact.crc32 = jbi_crc32(0, content, strlen(content));
    return artifact;
}

static inline void add_tables(struct artifact *artifact)
{
    struct table *tables = jbi_arena_alloc(&fixture_arena, 2 * sizeof *tables);
    tables[0] = (struct table){.name = "entry", .columns = "\"id\", \"text\"", .rows = 4711};
    tables[1] = (struct table){.schema = "s", .name = "odd\n\"name\"", .columns = ""};
    sha256_of("entry", tables[0].sha256);
    sha256_of("odd", tables[1].sha256);
    static const struct named_text definitions[] = {{"index entry \"odd\"", "0123456789abcdef"},
                                                    {"table entry", "fedcba9876543210"}};
    artifact->definitions = definitions;
    artifact->definition_count = 2;
    artifact->tables = tables;
    artifact->table_count = 2;
    artifact->server_version = "3.40.1";
    sha256_of("schema", artifact->schema_sha256);
}

/* A full backup: two databases, the code and its index. content sets the bytes of them all. */
static inline struct manifest make_manifest(const char *timestamp, enum category category,
                                            const char *content)
{
    struct manifest m = {.category = category,
                         .type = JB_TYPE_FULL,
                         .created_us = jbi_timestamp_unix(timestamp) * 1000000 + 123456,
                         .sequence = 1,
                         .label = "before the \"great\" change",
                         .project = "journal",
                         .host = "host1",
                         .tool = "jbackup 0.1.0",
                         .duration_ms = 5700,
                         .git_commit = "a1b2c3d4",
                         .git_branch = "main",
                         .git_dirty = 1};
    strcpy(m.timestamp, timestamp);
    sha256_of("checksums", m.checksum);
    m.artifacts = jbi_arena_alloc(&fixture_arena, 4 * sizeof *m.artifacts);
    m.artifacts[0] = make_artifact(ARTIFACT_SQLITE, "journal", timestamp, content);
    m.artifacts[1] = make_artifact(ARTIFACT_SQLITE, "users", timestamp, content);
    m.artifacts[2] = make_artifact(ARTIFACT_CODEBASE, NULL, timestamp, content);
    m.artifacts[3] = make_artifact(ARTIFACT_INDEX, NULL, timestamp, content);
    add_tables(&m.artifacts[0]);
    m.artifacts[2].files = 40;
    m.artifacts[2].folders = 3;
    m.artifacts[2].links = 2;
    m.artifacts[2].others = 1;
    m.artifacts[2].file_bytes = 123456789;
    m.artifact_count = 4;
    for (size_t i = 0; i < 4; i++)
        m.total_size += m.artifacts[i].size;
    return m;
}

static inline void write_file(int dir_fd, const char *path, const char *content)
{
    int fd = openat(dir_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    REQUIRE(write(fd, content, strlen(content)) == (ssize_t)strlen(content));
    close(fd);
}

static inline bool is_there(int dir_fd, const char *path)
{
    struct stat st;
    return fstatat(dir_fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline void open_repository(struct repository *repository)
{
    char path[128];
    struct jb_error err = {0};
    snprintf(path, sizeof path, "%s/backups", check_folder());
    if (jbi_repository_open(repository, path, true, NULL, &err) != JB_OK)
        printf("# %s\n", err.text);
    REQUIRE(err.code == 0);
}

static inline int stage(struct repository *repository, const struct manifest *m,
                        const char *content)
{
    int staging = -1;
    struct jb_error err = {0};
    REQUIRE(jbi_staging_begin(repository, m->timestamp, true, &staging, &err) == JB_OK);
    for (size_t i = 0; i < m->artifact_count; i++)
        write_file(staging, m->artifacts[i].path, content);
    return staging;
}

static inline struct manifest publish(struct repository *repository, const char *timestamp,
                                      enum category category, const char *content)
{
    struct manifest m = make_manifest(timestamp, category, content);
    struct jb_error err = {0};
    int staging = stage(repository, &m, content);
    if (jbi_repository_publish(repository, staging, &m, &err) != JB_OK)
        printf("# %s\n", err.text);
    REQUIRE(err.code == 0);
    close(staging);
    return m;
}

#endif
