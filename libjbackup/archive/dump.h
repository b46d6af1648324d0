/* SPDX-License-Identifier: MIT */
#ifndef JBI_ARCHIVE_DUMP_H
#define JBI_ARCHIVE_DUMP_H

#include <jbackup.h>

#include "adapter/gzip.h"
#include "base/arena.h"
#include "base/artifact.h"
#include "base/hooks.h"

/*
 * PostgreSQL's custom dump format, versions 1.12 (PostgreSQL 9.0) to 1.16 (17 and later), as
 * pg_backup_archiver.c and pg_backup_custom.c of PostgreSQL's source define it.
 *
 *     "PGDMP"  version:3  size of int:1  size of offset:1  format:1 (1 = custom)
 *     compression: int, level (to 1.14) | byte, algorithm (from 1.15)      0 none, 1 gzip
 *     time: 7 int   database: str   server version: str   pg_dump version: str
 *     entries: int
 *       each: id:int has_data:int table:str oid:str tag:str desc:str section:int defn:str drop:str
 *             copy:str schema:str tablespace:str [am:str, from 1.14] [relkind:int, from 1.16]
 *             owner:str oids:str {dependency:str}* -1:int  state:1 offset
 *     then a block for each entry with data, at its offset:
 *       01 id:int chunk* 0:int                           a table: COPY text, then "\.\n\n\n"
 *       03 id:int { oid:int chunk* 0:int }* 0:int        large objects
 *
 *     int: sign:1, then its bytes, least significant first     str: length:int (-1: NULL), bytes
 *     chunk: length:int, bytes; the chunks of a table, or of a large object, are one zlib stream
 *     state: 1 offset not set, 2 set, 3 no data
 *
 * What we write is such an archive whose zlib streams come in pieces (adapter/gzip.h), a chunk
 * each: header, pieces of at most DUMP_PIECE raw bytes, trailer. So pg_restore reads an ordinary
 * archive, and we read and write it on all cores.
 */
#define DUMP_PIECE (1u << 20)

/* Where a dump comes from. Sets *got to the bytes read, 0 at the end. */
typedef int (*dump_read)(void *user, void *to, size_t room, size_t *got, struct jb_error *err);

struct dump_options {
    enum compression compression;
    unsigned jobs;             /* 0: all cores */
    const struct hooks *hooks; /* progress in bytes of raw data */
    const char *step;          /* the name that progress gives */
    const char *name;          /* what error texts call the dump */
    struct arena *arena;       /* owns the texts and arrays of the contents */
};

/*
 * What a dump says and holds. The digest of a table is that of its COPY text, without the end mark:
 * COPY schema.name (columns) TO STDOUT | sha256sum, with the settings of pg_dump. That of the large
 * objects is of one line for each in the order of the dump (by OID up to format 1.15, of each owner
 * from 1.16): OID, bytes, SHA-256, separated by a space. That of the schema is of the sorted
 * digests, in hexadecimal, a line each, of all entries that define something in the database
 * (owners, grants, and what is of the database itself or of large objects left out); each of
 * these is of desc, tag, definition and schema, each preceded by its length in decimal and a colon.
 * The definitions are the same entries by name, "desc schema.tag", sorted.
 */
struct dump_contents {
    char format[16];            /* "1.14" */
    const char *database;       /* its name */
    const char *server_version; /* as they call themselves, e.g. "15.4 (Debian 15.4-1)" */
    const char *client_version;
    const char *encoding; /* "UTF8"; NULL: it does not say */
    struct table *tables; /* in the order of the dump */
    size_t table_count;
    struct sequence *sequences;
    size_t sequence_count;
    struct large_objects large_objects;
    struct named_text *definitions;
    size_t definition_count;
    char schema_sha256[SHA256_HEX_SIZE];
    uint64_t raw_size;        /* bytes of all tables and large objects, end marks included */
    const char *const *roles; /* of jbi_dump_look alone: those that owners and grants name */
    size_t role_count;
};

/* Copies the dump that read gives, made with --compress=0, to the empty file out_fd, compressed and
 * with its offsets filled in. Does not fsync. out_fd -1: it is only taken account of, nothing is
 * compressed or written.
 * JB_EUNSUPPORTED: a version of the format that we don't know; nothing was written.
 * JB_ECORRUPT: it is no such dump, or it is cut short; the text names the table. */
int jbi_dump_pack(dump_read read, void *user, int out_fd, const struct dump_options *options,
                  struct dump_contents *contents, struct jb_error *err);

/* How far reading a dump went, also when it is damaged. */
struct dump_seen {
    uint64_t bytes;               /* of the file, all of it */
    char sha256[SHA256_HEX_SIZE]; /* of all of the file */
    const char *schema, *table;   /* what the damage is in; NULL: no data of a table. The large
                                     objects together count as a table without a schema */
    const char *why;              /* what is wrong there; NULL: nothing */
};

/* Reads a dump that jbi_dump_pack wrote, every byte and block of it: each entry with data has one
 * block, at its offset, each stream is whole, and nothing follows.
 * JB_ECORRUPT: damage, seen and the text say where; JB_EUNSUPPORTED: another format version. In
 * both cases the whole file has still been read for seen->sha256. */
int jbi_dump_check(int in_fd, const struct dump_options *options, struct dump_contents *contents,
                   struct dump_seen *seen, struct jb_error *err);

/* Reads the header and the table of contents alone: of the contents all but what the data says,
 * tables and large objects. The file is read from its beginning. Codes as above. */
int jbi_dump_look(int in_fd, const struct dump_options *options, struct dump_contents *contents,
                  struct jb_error *err);

#endif
