/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_ARCHIVE_DUMP_MAKER_H
#define TESTS_UNIT_ARCHIVE_DUMP_MAKER_H

#include <stdint.h>

#include "../check.h"
#include "adapter/digest.h"
#include "base/text.h"

/*
 * Makes uncompressed dumps by hand, as pg_dump -Fc --compress=0 writes them to a pipe:
 *
 *     maker_begin(&maker, 14); maker_table(&maker, "public", "a", "(x, y)");
 *     maker_chunk(&maker, "1\t2\n", 4); maker_table_end(&maker); ... maker_finish(&maker);
 *
 * after which maker.dump is the dump. What is chunked is digested on the way, for comparison.
 */
enum { MAKER_TABLES = 64 };

struct made_table {
    const char *schema, *name, *columns;
    uint64_t rows;
    char sha256[SHA256_HEX_SIZE];
};

struct dump_maker {
    /* May be changed after maker_begin(). */
    unsigned minor;
    unsigned int_size, offset_size;
    const char *database, *server_version, *client_version;
    int compression;       /* as the header tells it */
    bool has_no_end_marks; /* COPY text only */
    int next_id;
    const char *owner;

    struct text toc, data, dump;
    int entries;
    struct made_table tables[MAKER_TABLES];
    size_t table_count;
    struct digest *digest;
    uint64_t raw_size, blob_count, blob_bytes, blob_len;
    uint32_t blob_oid;
    bool in_blob;
    struct text blob_lines;
    char blobs_sha256[SHA256_HEX_SIZE];
};

/* An entry of the TOC. Texts may be NULL. */
struct made_entry {
    int id; /* 0: the next one */
    bool has_data;
    const char *table_oid, *oid, *tag, *desc;
    int section;
    const char *defn, *drop, *copy, *schema, *tablespace, *am;
    int relkind;
    const char *owner;               /* NULL: the maker's */
    const char *const *dependencies; /* ends with NULL */
};

static inline void put_int(const struct dump_maker *maker, struct text *to, int64_t value)
{
    char bytes[16] = {value < 0};
    uint64_t rest = (uint64_t)(value < 0 ? -value : value);
    for (unsigned i = 0; i < maker->int_size; i++, rest >>= 8)
        bytes[1 + i] = (char)rest;
    jbi_text_add(to, bytes, 1 + maker->int_size);
}

static inline void put_str(const struct dump_maker *maker, struct text *to, const char *s)
{
    put_int(maker, to, s != NULL ? (int64_t)strlen(s) : -1);
    if (s != NULL)
        jbi_text_adds(to, s);
}

static inline int maker_entry(struct dump_maker *maker, struct made_entry entry)
{
    static const char no_offset[8] = {0};
    struct text *toc = &maker->toc;
    int id = entry.id != 0 ? entry.id : maker->next_id++;
    put_int(maker, toc, id);
    put_int(maker, toc, entry.has_data);
    put_str(maker, toc, entry.table_oid != NULL ? entry.table_oid : "0");
    put_str(maker, toc, entry.oid != NULL ? entry.oid : "0");
    put_str(maker, toc, entry.tag);
    put_str(maker, toc, entry.desc);
    put_int(maker, toc, entry.section);
    put_str(maker, toc, entry.defn);
    put_str(maker, toc, entry.drop);
    put_str(maker, toc, entry.copy);
    put_str(maker, toc, entry.schema);
    put_str(maker, toc, entry.tablespace);
    if (maker->minor >= 14)
        put_str(maker, toc, entry.am);
    if (maker->minor >= 16)
        put_int(maker, toc, entry.relkind);
    put_str(maker, toc, entry.owner != NULL ? entry.owner : maker->owner);
    put_str(maker, toc, "false");
    for (const char *const *d = entry.dependencies; d != NULL && *d != NULL; d++)
        put_str(maker, toc, *d);
    put_int(maker, toc, -1);
    jbi_text_add(toc, entry.has_data ? "\1" : "\3", 1);
    jbi_text_add(toc, no_offset, maker->offset_size);
    maker->entries++;
    return id;
}

static inline void maker_begin(struct dump_maker *maker, unsigned minor)
{
    memset(maker, 0, sizeof *maker);
    maker->minor = minor;
    maker->int_size = 4;
    maker->offset_size = 8;
    maker->database = "journal";
    maker->server_version = "15.4 (Debian 15.4-1)";
    maker->client_version = "15.5";
    maker->owner = "anna";
    maker->next_id = 100;
    maker->digest = jbi_digest_new();
    REQUIRE(maker->digest != NULL);
}

/* The entries that each dump begins with. */
static inline void maker_preamble(struct dump_maker *maker)
{
    maker_entry(maker, (struct made_entry){.tag = "ENCODING",
                                           .desc = "ENCODING",
                                           .section = 2,
                                           .defn = "SET client_encoding = 'UTF8';\n",
                                           .owner = ""});
    maker_entry(maker, (struct made_entry){.tag = "STDSTRINGS",
                                           .desc = "STDSTRINGS",
                                           .section = 2,
                                           .defn = "SET standard_conforming_strings = 'on';\n",
                                           .owner = ""});
    maker_entry(maker, (struct made_entry){.table_oid = "1262",
                                           .oid = "16409",
                                           .tag = maker->database,
                                           .desc = "DATABASE",
                                           .section = 2,
                                           .defn = "CREATE DATABASE journal;\n",
                                           .drop = "DROP DATABASE journal;\n"});
}

/* A table with its definition, and the beginning of its data. columns: "(a, b)" or "". */
static inline int maker_table(struct dump_maker *maker, const char *schema, const char *name,
                              const char *columns)
{
    char defn[256], drop[256], copy[256], table_id[16];
    const char *const dependencies[] = {table_id, NULL};
    snprintf(defn, sizeof defn, "CREATE TABLE %s.%s %s;\n", schema, name, columns);
    snprintf(drop, sizeof drop, "DROP TABLE %s.%s;\n", schema, name);
    snprintf(copy, sizeof copy, "COPY %s.%s %s FROM stdin;\n", schema, name, columns);
    int id = maker_entry(maker, (struct made_entry){.table_oid = "1259",
                                                    .oid = "16500",
                                                    .tag = name,
                                                    .desc = "TABLE",
                                                    .section = 2,
                                                    .defn = defn,
                                                    .drop = drop,
                                                    .schema = schema,
                                                    .tablespace = "",
                                                    .am = "heap",
                                                    .relkind = 'r'});
    snprintf(table_id, sizeof table_id, "%d", id);
    id = maker_entry(maker, (struct made_entry){.has_data = true,
                                                .oid = "16500",
                                                .tag = name,
                                                .desc = "TABLE DATA",
                                                .section = 3,
                                                .copy = copy,
                                                .schema = schema,
                                                .dependencies = dependencies});
    REQUIRE(maker->table_count < MAKER_TABLES);
    maker->tables[maker->table_count] = (struct made_table){schema, name, columns, 0, ""};
    jbi_digest_begin(maker->digest);
    jbi_text_add(&maker->data, "\1", 1);
    put_int(maker, &maker->data, id);
    return id;
}

/* Some bytes of the table or large object that was begun. */
static inline void maker_chunk(struct dump_maker *maker, const char *bytes, size_t len)
{
    jbi_digest_add(maker->digest, bytes, len);
    maker->raw_size += len;
    if (maker->in_blob)
        maker->blob_len += len;
    for (const char *at = bytes, *end = bytes + len;
         !maker->in_blob && (at = memchr(at, '\n', (size_t)(end - at))) != NULL; at++)
        maker->tables[maker->table_count].rows++;
    put_int(maker, &maker->data, (int64_t)len);
    jbi_text_add(&maker->data, bytes, len);
}

static inline void maker_rows(struct dump_maker *maker, const char *rows)
{
    maker_chunk(maker, rows, strlen(rows));
}

static inline void maker_table_end(struct dump_maker *maker)
{
    static const char mark[] = "\\.\n\n\n";
    jbi_digest_end(maker->digest, maker->tables[maker->table_count++].sha256);
    if (!maker->has_no_end_marks) {
        put_int(maker, &maker->data, sizeof mark - 1);
        jbi_text_adds(&maker->data, mark);
        maker->raw_size += sizeof mark - 1;
    }
    put_int(maker, &maker->data, 0);
}

/* name and its value as in the statement, e.g. "-5, false". */
static inline int maker_sequence(struct dump_maker *maker, const char *schema, const char *name,
                                 const char *value)
{
    char defn[256], set[256];
    snprintf(defn, sizeof defn, "CREATE SEQUENCE %s.%s;\n", schema, name);
    snprintf(set, sizeof set, "SELECT pg_catalog.setval('%s.%s', %s);\n", schema, name, value);
    maker_entry(maker, (struct made_entry){.tag = name,
                                           .desc = "SEQUENCE",
                                           .section = 2,
                                           .defn = defn,
                                           .schema = schema,
                                           .relkind = 'S'});
    return maker_entry(
        maker,
        (struct made_entry){
            .tag = name, .desc = "SEQUENCE SET", .section = 3, .defn = set, .schema = schema});
}

/* Large objects; from 1.16 a dump may have several groups of them. */
static inline int maker_blobs(struct dump_maker *maker)
{
    const char *metadata = maker->minor >= 16 ? "BLOB METADATA" : "BLOB";
    maker_entry(maker, (struct made_entry){.table_oid = "2613",
                                           .oid = "16700",
                                           .tag = "16700",
                                           .desc = metadata,
                                           .section = 2,
                                           .defn = "SELECT pg_catalog.lo_create('16700');\n",
                                           .drop = "SELECT pg_catalog.lo_unlink('16700');\n"});
    int id = maker_entry(
        maker,
        (struct made_entry){.has_data = true, .tag = "BLOBS", .desc = "BLOBS", .section = 3});
    jbi_text_add(&maker->data, "\3", 1);
    put_int(maker, &maker->data, id);
    return id;
}

static inline void maker_blob(struct dump_maker *maker, uint32_t oid)
{
    maker->blob_oid = oid;
    maker->blob_len = 0;
    maker->in_blob = true;
    jbi_digest_begin(maker->digest);
    put_int(maker, &maker->data, (int32_t)oid); /* as pg_dump does */
}

static inline void maker_blob_end(struct dump_maker *maker)
{
    char hex[SHA256_HEX_SIZE];
    jbi_digest_end(maker->digest, hex);
    jbi_text_addf(&maker->blob_lines, "%u %llu %s\n", maker->blob_oid,
                  (unsigned long long)maker->blob_len, hex);
    maker->blob_count++;
    maker->blob_bytes += maker->blob_len;
    maker->in_blob = false;
    put_int(maker, &maker->data, 0);
}

static inline void maker_blobs_end(struct dump_maker *maker)
{
    put_int(maker, &maker->data, 0);
}

/* All up to the first data block. */
static inline void maker_head(struct dump_maker *maker)
{
    static const int time[7] = {56, 34, 12, 31, 11, 126, 0};
    struct text *dump = &maker->dump;
    const char magic[] = {'P',
                          'G',
                          'D',
                          'M',
                          'P',
                          1,
                          (char)maker->minor,
                          0,
                          (char)maker->int_size,
                          (char)maker->offset_size,
                          1};
    dump->len = 0;
    jbi_text_add(dump, magic, sizeof magic);
    if (maker->minor >= 15)
        jbi_text_add(dump, (const char[]){(char)maker->compression}, 1);
    else
        put_int(maker, dump, maker->compression);
    for (int i = 0; i < 7; i++)
        put_int(maker, dump, time[i]);
    put_str(maker, dump, maker->database);
    put_str(maker, dump, maker->server_version);
    put_str(maker, dump, maker->client_version);
    put_int(maker, dump, maker->entries);
    jbi_text_adds(&maker->toc, "");
    jbi_text_add(dump, maker->toc.at, maker->toc.len);
}

/* The whole dump, in maker->dump. More can be added, and it be finished again. */
static inline void maker_finish(struct dump_maker *maker)
{
    maker_head(maker);
    jbi_text_adds(&maker->data, "");
    jbi_text_add(&maker->dump, maker->data.at, maker->data.len);
    jbi_text_adds(&maker->blob_lines, "");
    jbi_digest_begin(maker->digest);
    jbi_digest_add(maker->digest, maker->blob_lines.at, maker->blob_lines.len);
    jbi_digest_end(maker->digest, maker->blobs_sha256);
    REQUIRE(!maker->dump.failed && !maker->blob_lines.failed);
}

static inline void maker_free(struct dump_maker *maker)
{
    jbi_text_free(&maker->toc);
    jbi_text_free(&maker->data);
    jbi_text_free(&maker->dump);
    jbi_text_free(&maker->blob_lines);
    jbi_digest_free(maker->digest);
}

#endif
