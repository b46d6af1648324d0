/* SPDX-License-Identifier: MIT */
#ifndef JBI_BASE_ARTIFACT_H
#define JBI_BASE_ARTIFACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_HEX_SIZE 65

/* The content digest of one table. */
struct table {
    const char *schema; /* NULL where the database has none (SQLite) */
    const char *name;
    const char *columns; /* names, separated by ", ", quoted as the database quotes them */
    uint64_t rows;
    char sha256[SHA256_HEX_SIZE];
};

enum artifact_kind { ARTIFACT_SQLITE, ARTIFACT_CODEBASE, ARTIFACT_INDEX };

/*
 * One file of a backup and what is in it. Sources fill it in, the manifest keeps it. Texts and
 * arrays belong to the arena of whoever made it.
 */
struct artifact {
    enum artifact_kind kind;
    const char *name; /* the database's name; NULL for the code */
    const char *path; /* relative to the category folder, e.g. db_TS/sqlite_journal.db.gz */
    const char *from; /* what it was taken from: the database file, the root of the code */
    uint64_t size;    /* bytes as stored */
    char sha256[SHA256_HEX_SIZE];
    uint32_t crc32;    /* of the stored bytes, to read them back before publishing; not kept */
    uint64_t raw_size; /* bytes before compression */
    int64_t duration_ms;
    bool linked; /* a hard link of the previous backup's file; not kept in the manifest */

    /* ARTIFACT_SQLITE */
    const char *server_version;
    unsigned mode; /* of the database file: permission bits, and its owner */
    uint64_t uid, gid;
    char schema_sha256[SHA256_HEX_SIZE];
    const struct table *tables;
    size_t table_count;

    /* ARTIFACT_CODEBASE */
    uint64_t files, folders, links, others;
    uint64_t file_bytes;
};

#endif
