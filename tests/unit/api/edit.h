/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_API_EDIT_H
#define TESTS_UNIT_API_EDIT_H

/* Changing a finished backup as a forger would who knows all of its checksums. */
#include "adapter/digest.h"
#include "archive/members.h"
#include "fixture.h"
#include "repository/publish.h"

static struct arena edit_arena;

MAYBE void sha256_of(const void *from, size_t len, char hex[SHA256_HEX_SIZE])
{
    struct digest *digest = jbi_digest_new();
    REQUIRE(digest != NULL);
    jbi_digest_begin(digest);
    jbi_digest_add(digest, from, len);
    jbi_digest_end(digest, hex);
    jbi_digest_free(digest);
}

MAYBE struct manifest manifest_of(const char *timestamp)
{
    struct manifest manifest;
    int fd = open(in_folder("backups/daily"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(jbi_manifest_load(&manifest, fd, CATEGORY_DAILY, timestamp, &edit_arena, &err) ==
            JB_OK);
    close(fd);
    return manifest;
}

/* The artifact of a loaded manifest, to be changed. */
MAYBE struct artifact *artifact_of(struct manifest *manifest, enum artifact_kind kind)
{
    for (size_t i = 0; i < manifest->artifact_count; i++) {
        if (manifest->artifacts[i].kind == kind)
            return &manifest->artifacts[i];
    }
    REQUIRE(!"the backup has an artifact of that kind");
    return NULL;
}

MAYBE const char *path_of(const struct artifact *artifact)
{
    return textf("%s/backups/daily/%s", check_folder(), artifact->path);
}

/* Writes the manifest and a checksums file that agree with each other. */
MAYBE void manifest_put(struct manifest *manifest)
{
    struct text checksums = {0};
    jbi_checksums_text(manifest, &checksums);
    sha256_of(checksums.at, checksums.len, manifest->checksum);
    write_bytes(textf("%s/backups/daily/checksums_%s.sha256", check_folder(), manifest->timestamp),
                checksums.at, checksums.len);
    jbi_text_free(&checksums);
    manifest->total_size = 0;
    for (size_t i = 0; i < manifest->artifact_count; i++)
        manifest->total_size += manifest->artifacts[i].size;
    char *text = jbi_manifest_print(manifest);
    REQUIRE(text != NULL);
    write_bytes(textf("%s/backups/daily/manifest_%s.json", check_folder(), manifest->timestamp),
                text, strlen(text));
    free(text);
}

/* Adds a file of that content to the backup. */
MAYBE struct artifact *artifact_add(struct manifest *manifest, enum artifact_kind kind,
                                    const char *name, const char *base, const char *content)
{
    size_t size = manifest->artifact_count * sizeof *manifest->artifacts;
    manifest->artifacts =
        jbi_arena_grow(&edit_arena, manifest->artifacts, size, size + sizeof *manifest->artifacts);
    struct artifact *artifact = &manifest->artifacts[manifest->artifact_count++];
    *artifact = (struct artifact){.kind = kind, .name = name, .size = strlen(content)};
    artifact->path = jbi_arena_printf(&edit_arena, "db_%s/%s", manifest->timestamp, base);
    sha256_of(content, artifact->size, artifact->sha256);
    write_bytes(path_of(artifact), content, artifact->size);
    return artifact;
}

/* Adds a PostgreSQL database with its .sql and globals, files that hold no more than their kind. */
MAYBE struct artifact *postgresql_add(struct manifest *manifest, const char *name,
                                      const struct postgresql_facts *facts,
                                      const struct table *tables, size_t count)
{
    struct artifact *dump = artifact_add(manifest, ARTIFACT_POSTGRESQL, name,
                                         textf("postgresql_%s.dump", name), "a dump");
    dump->from = "postgresql://ann@db1:5432/journal";
    dump->server_version = "15.4";
    dump->postgresql = facts;
    dump->tables = tables;
    dump->table_count = count;
    artifact_add(manifest, ARTIFACT_POSTGRESQL_SQL, name, textf("postgresql_%s.sql", name), "sql");
    artifact_add(manifest, ARTIFACT_POSTGRESQL_GLOBALS, name, "postgresql_globals.sql", "roles");
    return &manifest->artifacts[manifest->artifact_count - 3];
}

/* Unpacks an artifact to the file plain in the test's folder. */
MAYBE void artifact_unpack(const struct artifact *artifact)
{
    static const struct hooks hooks;
    struct members_options options = {.hooks = &hooks, .step = "test", .name = "test", .jobs = 1};
    struct members_totals totals;
    int in = open(path_of(artifact), O_RDONLY | O_CLOEXEC);
    int out = open(in_folder("plain"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(in >= 0 && out >= 0);
    REQUIRE(jbi_members_unpack_to(in, out, &options, &totals, &err) == JB_OK);
    close(in);
    close(out);
}

/* Packs the file plain into the artifact and gives it the right sizes and checksums. */
MAYBE void artifact_pack(struct artifact *artifact)
{
    static const struct hooks hooks;
    struct members_options options = {.hooks = &hooks, .step = "test", .name = "test", .jobs = 1};
    struct members_totals totals;
    int in = open(in_folder("plain"), O_RDONLY | O_CLOEXEC);
    int out = open(path_of(artifact), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(in >= 0 && out >= 0);
    REQUIRE(jbi_members_pack(in, out, &options, &totals, &err) == JB_OK);
    close(in);
    close(out);
    artifact->size = totals.size;
    artifact->raw_size = totals.raw_size;
    memcpy(artifact->sha256, totals.sha256, sizeof artifact->sha256);
}

/* Replaces the first occurrence of a text in the file plain by another of the same length. */
MAYBE void plain_replace(const char *from, const char *to)
{
    size_t len, part = strlen(from);
    char *bytes = read_bytes(in_folder("plain"), &len);
    char *at = memmem(bytes, len, from, part);
    REQUIRE(at != NULL && strlen(to) == part);
    memcpy(at, to, part);
    write_bytes(in_folder("plain"), bytes, len);
    free(bytes);
}

#endif
