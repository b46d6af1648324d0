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

/* A sequence's state. It is no part of a snapshot: a restored one is at or past it. */
struct sequence {
    const char *schema;
    const char *name;
    int64_t value;
    bool is_called; /* false: the next value is value itself */
};

/* PostgreSQL's large objects together. */
struct large_objects {
    uint64_t count, bytes;
    char sha256[SHA256_HEX_SIZE]; /* "" if there are none, or if it is not known */
};

/* A name and what belongs to it: an extension and its version, a setting and its value, a
 * definition ("INDEX public.entry_written_at") and the first 16 digits of its SHA-256. */
#define DEFINITION_DIGITS 16
struct named_text {
    const char *name, *text;
};

/* What a PostgreSQL database says of itself at the instant of its backup. NULL: not known, or
 * there is none. */
struct postgresql_facts {
    const char *client_version; /* of the pg_dump, e.g. "15.4" */
    const char *dump_format;    /* version of the custom format, e.g. "1.14" */
    bool is_recoded;            /* false: compressed by pg_dump itself, for want of knowing it */
    bool is_encrypted;          /* the connection was */
    const char *database;       /* as the server calls it */
    const char *owner, *encoding, *collation, *ctype, *comment;
    const char *acl;           /* of the database, as aclitem[] prints */
    const char *snapshot_time; /* ISO 8601 */
    const char *snapshot_lsn;  /* "0/15D6A88" */
    uint64_t database_size;    /* bytes on the server */
    const struct named_text *extensions;
    size_t extension_count;
    const struct named_text *settings; /* ALTER DATABASE ... SET; text NULL: an application's own,
                                          whose value only the dump holds */
    size_t setting_count;
    const struct sequence *sequences;
    size_t sequence_count;
    struct large_objects large_objects;
};

enum artifact_kind {
    ARTIFACT_SQLITE,
    ARTIFACT_POSTGRESQL,         /* a .dump in pg_dump's custom format */
    ARTIFACT_POSTGRESQL_SQL,     /* the same as text, made from it */
    ARTIFACT_POSTGRESQL_GLOBALS, /* roles and tablespaces of the server */
    ARTIFACT_CODEBASE,
    ARTIFACT_INDEX
};

/*
 * One file of a backup and what is in it. Sources fill it in, the manifest keeps it. Texts and
 * arrays belong to the arena of whoever made it.
 */
struct artifact {
    enum artifact_kind kind;
    const char *name; /* the database's name, also of its .sql and its globals; NULL: the code */
    const char *path; /* relative to the category folder, e.g. db_TS/sqlite_journal.db.gz */
    const char *from; /* what it was taken from: the database file, the root of the code,
                         postgresql://user@host:port/database */
    uint64_t size;    /* bytes as stored */
    char sha256[SHA256_HEX_SIZE];
    uint32_t crc32;    /* of the stored bytes, to read them back before publishing; not kept */
    uint64_t raw_size; /* bytes before compression */
    int64_t duration_ms;
    bool linked; /* a hard link of the previous backup's file, read and found whole; not kept in the
                    manifest */
    bool is_read_back; /* by its source: the checksum is of what is in the file; not kept */

    /* Those in members: ARTIFACT_SQLITE, ARTIFACT_CODEBASE */
    const char *recipe;    /* what its bytes depend on beside the content; NULL: not known */
    uint64_t copied_bytes; /* of those stored: taken from the backup before; not kept */

    /* Databases: ARTIFACT_SQLITE, ARTIFACT_POSTGRESQL */
    const char *server_version;
    char schema_sha256[SHA256_HEX_SIZE];  /* "": not known */
    const struct named_text *definitions; /* what the schema is of, sorted; none: not known */
    size_t definition_count;
    const struct table *tables;
    size_t table_count;

    /* ARTIFACT_SQLITE */
    unsigned mode; /* of the database file: permission bits, and its owner */
    uint64_t uid, gid;

    /* ARTIFACT_POSTGRESQL */
    const struct postgresql_facts *postgresql; /* never NULL then */

    /* ARTIFACT_CODEBASE */
    uint64_t files, folders, links, others;
    uint64_t file_bytes;
};

#endif
