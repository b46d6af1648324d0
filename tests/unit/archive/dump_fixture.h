/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_ARCHIVE_DUMP_FIXTURE_H
#define TESTS_UNIT_ARCHIVE_DUMP_FIXTURE_H

#include <inttypes.h>

#include "archive/dump.h"
#include "base/error.h"
#include "dump_maker.h"
#include "dump_walk.h"
#include "fixture.h"

/* What tests of dumps share: packing from memory, and comparing what was told. */

/* Where a dump comes from: memory, in pieces, until a failure. */
struct feed {
    const char *at;
    size_t len, pos;
    size_t piece;   /* at most so much is given at once; 0: all that fits */
    size_t fail_at; /* 0: never */
};

__attribute__((unused)) static int feed_read(void *user, void *to, size_t room, size_t *got,
                                             struct jb_error *err)
{
    struct feed *feed = user;
    size_t len = feed->len - feed->pos;
    if (feed->fail_at > 0 && feed->pos >= feed->fail_at)
        return jbi_fail(err, JB_EDATABASE, "the server said nothing");
    if (feed->fail_at > 0 && len > feed->fail_at - feed->pos)
        len = feed->fail_at - feed->pos;
    if (feed->piece > 0 && len > feed->piece)
        len = feed->piece;
    len = len < room ? len : room;
    memcpy(to, feed->at + feed->pos, len);
    feed->pos += len;
    *got = len;
    return JB_OK;
}

/* One packing, or one check, and what it told. */
struct outcome {
    int fd, code;
    struct dump_contents contents;
    struct dump_seen seen;
    struct jb_error err;
    struct arena arena;
};

static inline struct dump_options dump_options_of(unsigned jobs, struct arena *arena)
{
    return (struct dump_options){
        .jobs = jobs, .hooks = &no_hooks, .step = "test", .name = "x.dump", .arena = arena};
}

__attribute__((unused)) static void outcome_free(struct outcome *o)
{
    if (o->fd >= 0)
        close(o->fd);
    jbi_arena_free(&o->arena);
}

__attribute__((unused)) static void pack_feed(struct outcome *o, struct feed *feed, unsigned jobs,
                                              enum compression compression)
{
    memset(o, 0, sizeof *o);
    o->fd = memory_file();
    struct dump_options options = dump_options_of(jobs, &o->arena);
    options.compression = compression;
    o->code = jbi_dump_pack(feed_read, feed, o->fd, &options, &o->contents, &o->err);
    CHECK(o->code == o->err.code);
}

/* Packs len bytes. */
__attribute__((unused)) static void pack_bytes(struct outcome *o, const char *at, size_t len)
{
    struct feed feed = {.at = at, .len = len};
    pack_feed(o, &feed, 1, COMPRESSION_FAST);
}

__attribute__((unused)) static void pack_made(struct outcome *o, const struct dump_maker *maker)
{
    pack_bytes(o, maker->dump.at, maker->dump.len);
    CHECK(o->code == JB_OK);
    if (o->code != JB_OK)
        printf("# %s\n", o->err.text);
}

/* Checks a packed dump in memory. */
__attribute__((unused)) static void check_bytes(struct outcome *o, const unsigned char *at,
                                                size_t len, unsigned jobs)
{
    memset(o, 0, sizeof *o);
    o->fd = memory_file_of(at, len);
    struct dump_options options = dump_options_of(jobs, &o->arena);
    o->code = jbi_dump_check(o->fd, &options, &o->contents, &o->seen, &o->err);
    CHECK(o->code == o->err.code);
}

static inline const char *text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static inline bool same_text(const char *a, const char *b)
{
    return (a == NULL) == (b == NULL) && strcmp(text_or_empty(a), text_or_empty(b)) == 0;
}

static inline bool same_tables(const struct dump_contents *a, const struct dump_contents *b)
{
    bool is_same = a->table_count == b->table_count;
    for (size_t i = 0; is_same && i < a->table_count; i++) {
        const struct table *x = &a->tables[i], *y = &b->tables[i];
        is_same = same_text(x->schema, y->schema) && same_text(x->name, y->name) &&
                  same_text(x->columns, y->columns) && x->rows == y->rows &&
                  strcmp(x->sha256, y->sha256) == 0;
    }
    return is_same;
}

static inline bool same_sequences(const struct dump_contents *a, const struct dump_contents *b)
{
    bool is_same = a->sequence_count == b->sequence_count;
    for (size_t i = 0; is_same && i < a->sequence_count; i++) {
        const struct sequence *x = &a->sequences[i], *y = &b->sequences[i];
        is_same = same_text(x->schema, y->schema) && same_text(x->name, y->name) &&
                  x->value == y->value && x->is_called == y->is_called;
    }
    return is_same;
}

/* All of the contents but the digest of the schema. */
__attribute__((unused)) static bool same_content(const struct dump_contents *a,
                                                 const struct dump_contents *b)
{
    return strcmp(a->format, b->format) == 0 && same_text(a->database, b->database) &&
           same_text(a->server_version, b->server_version) &&
           same_text(a->client_version, b->client_version) && same_text(a->encoding, b->encoding) &&
           same_tables(a, b) && same_sequences(a, b) &&
           a->large_objects.count == b->large_objects.count &&
           a->large_objects.bytes == b->large_objects.bytes &&
           strcmp(a->large_objects.sha256, b->large_objects.sha256) == 0 &&
           a->raw_size == b->raw_size;
}

__attribute__((unused)) static bool same_contents(const struct dump_contents *a,
                                                  const struct dump_contents *b)
{
    return same_content(a, b) && strcmp(a->schema_sha256, b->schema_sha256) == 0;
}

/* columns as made, "(a, b)", and as told, "a, b" */
static inline bool are_columns(const char *made, const char *told)
{
    size_t len = strlen(made);
    return len == 0
               ? text_or_empty(told)[0] == '\0'
               : told != NULL && strlen(told) == len - 2 && strncmp(made + 1, told, len - 2) == 0;
}

/* The contents are what was made. */
__attribute__((unused)) static void check_contents(const struct dump_contents *contents,
                                                   const struct dump_maker *maker)
{
    char format[16];
    snprintf(format, sizeof format, "1.%u", maker->minor);
    CHECK_TEXT(contents->format, format);
    CHECK_TEXT(contents->database, maker->database);
    CHECK_TEXT(contents->server_version, maker->server_version);
    CHECK_TEXT(contents->client_version, maker->client_version);
    CHECK(contents->raw_size == maker->raw_size);
    CHECK(contents->table_count == maker->table_count);
    for (size_t i = 0; i < contents->table_count && i < maker->table_count; i++) {
        const struct made_table *made = &maker->tables[i];
        CHECK_TEXT(contents->tables[i].schema, made->schema);
        CHECK_TEXT(contents->tables[i].name, made->name);
        CHECK(are_columns(made->columns, contents->tables[i].columns));
        CHECK(contents->tables[i].rows == made->rows);
        CHECK_TEXT(contents->tables[i].sha256, made->sha256);
    }
    CHECK(contents->large_objects.count == maker->blob_count);
    CHECK(contents->large_objects.bytes == maker->blob_bytes);
    CHECK_TEXT(contents->large_objects.sha256, maker->blob_count > 0 ? maker->blobs_sha256 : "");
    CHECK(strlen(contents->schema_sha256) == SHA256_HEX_SIZE - 1);
}

/* The packed file is as documented, for the second reader and for jbi_dump_check. */
__attribute__((unused)) static void check_packed(const struct outcome *packed, unsigned jobs)
{
    struct outcome again;
    struct walked walked;
    size_t len;
    unsigned char *content = file_content(packed->fd, &len);
    walk(&walked, content, len);
    CHECK_TEXT(walked.why != NULL ? walked.why : "all is well", "all is well");
    walk_free(&walked);
    check_bytes(&again, content, len, jobs);
    CHECK(again.code == JB_OK && same_contents(&packed->contents, &again.contents));
    CHECK(again.seen.bytes == len && again.seen.table == NULL && again.seen.schema == NULL);
    if (again.code != JB_OK)
        printf("# %s\n", again.err.text);
    outcome_free(&again);
    free(content);
}

/* A dump with something of each kind: tables empty, without columns, with odd names, large objects,
 * sequences. */
__attribute__((unused)) static void make_all(struct dump_maker *maker)
{
    maker_preamble(maker);
    maker_table(maker, "public", "users", "(id, name, \"e mail\")");
    maker_rows(maker, "1\tanna\ta@example.org\n");
    maker_rows(maker, "2\tbob\t\\N\n3\tcarl\t\\\\.\n");
    maker_table_end(maker);
    maker_table(maker, "public", "empty", "(a)");
    maker_table_end(maker);
    maker_table(maker, "public", "bare", "");
    maker_rows(maker, "\n");
    maker_rows(maker, "\n");
    maker_table_end(maker);
    maker_table(maker, "s'1", "odd \"name\"\n", "(\"a) FROM stdin;\", b)");
    for (int i = 0; i < 300; i++)
        maker_rows(maker, i % 7 ? "12\tsome text that comes again\n" : "13\tand some other\n");
    maker_table_end(maker);
    maker_blobs(maker);
    maker_blob(maker, 16700);
    maker_blob_end(maker);
    maker_blob(maker, 4000000000u);
    maker_rows(maker, "large");
    maker_rows(maker, " object\n");
    maker_blob_end(maker);
    maker_blobs_end(maker);
    maker_sequence(maker, "public", "users_id_seq", "3, true");
    maker_sequence(maker, "public", "down", "-5, false");
    maker_entry(maker, (struct made_entry){.tag = "TABLE users",
                                           .desc = "ACL",
                                           .section = 1,
                                           .defn = "GRANT SELECT ON TABLE public.users TO bob;\n",
                                           .schema = "public"});
    maker_finish(maker);
}

#endif
