/* SPDX-License-Identifier: MIT */
/* Dumps made by hand, packed, and read again by a second reader and by our own. */
#include <sys/resource.h>

#include "dump_fixture.h"

static const enum compression levels[] = {COMPRESSION_FAST, COMPRESSION_BALANCED, COMPRESSION_BEST};

static int64_t told_compression(int fd)
{
    struct walked walked;
    size_t len;
    unsigned char *content = file_content(fd, &len);
    walk(&walked, content, len);
    int64_t compression = walked.compression;
    walk_free(&walked);
    free(content);
    return compression;
}

static void one_version(unsigned minor, unsigned int_size, unsigned offset_size)
{
    struct dump_maker maker;
    struct outcome packed;
    maker_begin(&maker, minor);
    maker.int_size = int_size;
    maker.offset_size = offset_size;
    make_all(&maker);
    pack_made(&packed, &maker);
    check_contents(&packed.contents, &maker);
    CHECK_TEXT(packed.contents.encoding, "UTF8");
    check_packed(&packed, 1);
    int64_t compression = told_compression(packed.fd);
    CHECK(minor >= 15 ? compression == 1 : compression >= -1 && compression != 0);
    REQUIRE(packed.contents.sequence_count == 2);
    CHECK_TEXT(packed.contents.sequences[0].schema, "public");
    CHECK_TEXT(packed.contents.sequences[0].name, "users_id_seq");
    CHECK(packed.contents.sequences[0].value == 3 && packed.contents.sequences[0].is_called);
    CHECK(packed.contents.sequences[1].value == -5 && !packed.contents.sequences[1].is_called);
    outcome_free(&packed);
    maker_free(&maker);
}

static void each_version_is_packed(void)
{
    for (unsigned minor = 12; minor <= 16; minor++) {
        one_version(minor, 4, 8);
        one_version(minor, 8, 8);
        one_version(minor, 4, 4);
        one_version(minor, 8, 4);
    }
}

static bool same_files(int a, int b)
{
    size_t a_len, b_len;
    unsigned char *x = file_content(a, &a_len), *y = file_content(b, &b_len);
    bool is_same = a_len == b_len && memcmp(x, y, a_len) == 0;
    free(x);
    free(y);
    return is_same;
}

static char *rows_of(size_t len, uint32_t seed)
{
    char *rows = malloc(len + 1);
    REQUIRE(rows != NULL);
    fill((unsigned char *)rows, len, seed);
    if (len > 0)
        rows[len - 1] = '\n';
    return rows;
}

/* A table in chunks of one size. */
static void make_table_in_chunks(struct dump_maker *maker, const char *name, const char *rows,
                                 size_t len, size_t chunk)
{
    maker_table(maker, "public", name, "(a)");
    for (size_t at = 0; at < len; at += chunk)
        maker_chunk(maker, rows + at, len - at < chunk ? len - at : chunk);
    maker_table_end(maker);
}

static void levels_and_jobs(void)
{
    struct dump_maker maker;
    size_t len = 5 * (DUMP_PIECE / 2) + 17;
    char *rows = rows_of(len, 1);
    rows[999] = rows[DUMP_PIECE - 1] = '\n';
    maker_begin(&maker, 14);
    maker_preamble(&maker);
    make_table_in_chunks(&maker, "a", rows, len, 100);
    make_table_in_chunks(&maker, "b", rows, 1000, 1000);
    make_table_in_chunks(&maker, "c", rows, DUMP_PIECE, 8192);
    maker_finish(&maker);
    for (size_t l = 0; l < 3; l++) {
        struct outcome first;
        for (unsigned jobs = 1; jobs <= 4; jobs++) {
            struct feed feed = {.at = maker.dump.at, .len = maker.dump.len, .piece = jobs * 4096};
            struct outcome packed;
            pack_feed(&packed, &feed, jobs, levels[l]);
            CHECK(packed.code == JB_OK);
            check_contents(&packed.contents, &maker);
            check_packed(&packed, jobs);
            if (jobs == 1)
                first = packed;
            else {
                CHECK(same_files(first.fd, packed.fd));
                CHECK(same_contents(&first.contents, &packed.contents));
                outcome_free(&packed);
            }
        }
        CHECK(file_size(first.fd) < maker.dump.len);
        outcome_free(&first);
    }
    maker_free(&maker);
    free(rows);
}

/* Neither how the dump is chunked nor how it arrives matters. */
static void chunks_of_any_size(void)
{
    static const size_t chunks[] = {1, 2, 5, 6, 4096, DUMP_PIECE - 1, DUMP_PIECE, DUMP_PIECE + 1};
    size_t len = DUMP_PIECE + 300000;
    char *rows = rows_of(len, 2);
    struct outcome first = {.fd = -1};
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        struct dump_maker maker;
        struct outcome packed;
        maker_begin(&maker, 16);
        make_table_in_chunks(&maker, "a", rows, len, chunks[i]);
        maker_finish(&maker);
        struct feed feed = {.at = maker.dump.at, .len = maker.dump.len, .piece = 1 + i % 3 * 5000};
        pack_feed(&packed, &feed, 2, COMPRESSION_FAST);
        CHECK(packed.code == JB_OK);
        check_contents(&packed.contents, &maker);
        check_packed(&packed, 2);
        CHECK(first.fd < 0 || same_files(first.fd, packed.fd));
        if (first.fd < 0)
            first = packed;
        else
            outcome_free(&packed);
        maker_free(&maker);
    }
    outcome_free(&first);
    free(rows);
}

/* Nothing is written, nothing packed, and the contents are the same; so is what a look tells. */
static void only_taken_account_of(void)
{
    for (unsigned minor = 12; minor <= 16; minor++) {
        struct dump_maker maker;
        struct outcome packed, counted = {.fd = -1}, looked = {.fd = -1};
        size_t len = 3 * DUMP_PIECE + 11;
        char *rows = rows_of(len, minor);
        maker_begin(&maker, minor);
        make_all(&maker);
        make_table_in_chunks(&maker, "large", rows, len, 10000);
        pack_made(&packed, &maker);
        struct feed feed = {.at = maker.dump.at, .len = maker.dump.len};
        struct dump_options options = dump_options_of(2, &counted.arena);
        CHECK(jbi_dump_pack(feed_read, &feed, -1, &options, &counted.contents, &counted.err) ==
              JB_OK);
        CHECK_TEXT(counted.err.text, "");
        CHECK(same_contents(&packed.contents, &counted.contents));
        options = dump_options_of(2, &looked.arena);
        CHECK(jbi_dump_look(packed.fd, &options, &looked.contents, &looked.err) == JB_OK);
        CHECK_TEXT(looked.contents.schema_sha256, packed.contents.schema_sha256);
        CHECK_TEXT(looked.contents.format, packed.contents.format);
        CHECK(looked.contents.definition_count == packed.contents.definition_count);
        CHECK(looked.contents.sequence_count == packed.contents.sequence_count);
        CHECK(looked.contents.raw_size == 0 && looked.contents.table_count == 0);
        REQUIRE(ftruncate(packed.fd, 90) == 0);
        CHECK(jbi_dump_look(packed.fd, &options, &looked.contents, NULL) == JB_ECORRUPT);
        outcome_free(&packed);
        outcome_free(&counted);
        outcome_free(&looked);
        maker_free(&maker);
        free(rows);
    }
}

/* The end mark may be cut anywhere into chunks, stand behind the last row in one chunk, and rows
 * may look like it. */
static void the_end_mark(void)
{
    static const char ends[] = "1\n\\.\n\n\n", odd[] = "\\\\.\n\n\n\\N\n\n\\\\.\n\n\n";
    for (size_t cut = 1; cut < sizeof ends - 1; cut++) {
        struct dump_maker maker;
        struct outcome packed;
        maker_begin(&maker, 13);
        maker.has_no_end_marks = true;
        maker_table(&maker, "public", "a", "(a)");
        maker_rows(&maker, odd);
        maker_chunk(&maker, ends, cut);
        maker_chunk(&maker, ends + cut, sizeof ends - 1 - cut);
        maker_table_end(&maker);
        maker_finish(&maker);
        pack_made(&packed, &maker);
        REQUIRE(packed.contents.table_count == 1);
        CHECK(packed.contents.tables[0].rows == 9);
        struct digest *digest = jbi_digest_new();
        char hex[SHA256_HEX_SIZE];
        REQUIRE(digest != NULL);
        jbi_digest_begin(digest);
        jbi_digest_add(digest, odd, sizeof odd - 1);
        jbi_digest_add(digest, "1\n", 2);
        jbi_digest_end(digest, hex);
        jbi_digest_free(digest);
        CHECK_TEXT(packed.contents.tables[0].sha256, hex);
        check_packed(&packed, 1);
        outcome_free(&packed);
        maker_free(&maker);
    }
}

static void names_and_columns(void)
{
    static const struct {
        const char *copy, *columns;
    } samples[] = {
        {"COPY public.t (a, b) FROM stdin;\n", "a, b"},
        {"COPY public.\"a (b\" (c) FROM stdin;\n", "c"},
        {"COPY public.\"a (b) FROM stdin;\n\" (c, \"d\"\"(\") FROM stdin;\n", "c, \"d\"\"(\""},
        {"COPY \"s (\".\"t ()\"  FROM stdin;\n", ""},
        {"COPY public.t (\") FROM stdin;\") FROM stdin;\n", "\") FROM stdin;\""},
        {"COPY public.t (\"\"\"\", \"é\n\") FROM stdin;\n", "\"\"\"\", \"é\n\""},
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        struct dump_maker maker;
        struct outcome packed;
        maker_begin(&maker, 14);
        int id = maker_entry(&maker, (struct made_entry){.has_data = true,
                                                         .tag = "t",
                                                         .desc = "TABLE DATA",
                                                         .section = 3,
                                                         .copy = samples[i].copy,
                                                         .schema = "public"});
        jbi_text_add(&maker.data, "\1", 1);
        put_int(&maker, &maker.data, id);
        put_str(&maker, &maker.data, "1\n\\.\n\n\n");
        put_int(&maker, &maker.data, 0);
        maker_finish(&maker);
        pack_made(&packed, &maker);
        REQUIRE(packed.contents.table_count == 1);
        CHECK_TEXT(text_or_empty(packed.contents.tables[0].columns), samples[i].columns);
        CHECK_TEXT(packed.contents.tables[0].name, "t");
        check_packed(&packed, 1);
        outcome_free(&packed);
        maker_free(&maker);
    }
}

static void sequences_at_their_limits(void)
{
    static const struct {
        const char *text;
        int64_t value;
        bool is_called;
    } samples[] = {{"9223372036854775807, true", INT64_MAX, true},
                   {"-9223372036854775808, false", INT64_MIN, false},
                   {"0, true", 0, true}};
    struct dump_maker maker;
    struct outcome packed;
    maker_begin(&maker, 15);
    for (int i = 0; i < 3; i++)
        maker_sequence(&maker, "public", i == 1 ? "1, true" : "s", samples[i].text);
    maker_finish(&maker);
    pack_made(&packed, &maker);
    REQUIRE(packed.contents.sequence_count == 3);
    for (int i = 0; i < 3; i++) {
        CHECK(packed.contents.sequences[i].value == samples[i].value);
        CHECK(packed.contents.sequences[i].is_called == samples[i].is_called);
    }
    CHECK_TEXT(packed.contents.sequences[1].name, "1, true");
    CHECK(packed.contents.table_count == 0 && packed.contents.encoding == NULL);
    CHECK_TEXT(packed.contents.large_objects.sha256, "");
    check_packed(&packed, 1);
    outcome_free(&packed);
    maker_free(&maker);
}

static void large_tables_and_rows(void)
{
    struct dump_maker maker;
    struct outcome packed;
    size_t len = 20 << 20;
    char *rows = rows_of(len, 3);
    for (size_t i = 0; i + 1 < len; i++)
        if (rows[i] == '\n')
            rows[i] = ' ';
    maker_begin(&maker, 14);
    maker_preamble(&maker);
    make_table_in_chunks(&maker, "one_row_in_one_chunk", rows, len, len);
    rows[999999] = '\n';
    make_table_in_chunks(&maker, "a_million_chunks", rows, 1000000, 1);
    maker_finish(&maker);
    CHECK(maker.tables[0].rows == 1);
    struct feed feed = {.at = maker.dump.at, .len = maker.dump.len, .piece = 65536};
    pack_feed(&packed, &feed, 2, COMPRESSION_FAST);
    CHECK(packed.code == JB_OK);
    check_contents(&packed.contents, &maker);
    check_packed(&packed, 2);
    outcome_free(&packed);
    maker_free(&maker);
    free(rows);
}

static void many_large_objects(void)
{
    for (unsigned minor = 14; minor <= 16; minor += 2) {
        struct dump_maker maker;
        struct outcome packed;
        size_t len = 2 * DUMP_PIECE + 3;
        char *bytes = rows_of(len, 4);
        maker_begin(&maker, minor);
        for (uint32_t group = 0; group < (minor == 16 ? 3 : 1); group++) {
            maker_blobs(&maker);
            for (uint32_t i = 0; i < 20000 / (minor - 13); i++) {
                maker_blob(&maker, i == 9 ? UINT32_MAX - group : 20000 * (3 - group) + i);
                if (i % 3 > 0)
                    maker_chunk(&maker, bytes + i, i % 50 + 1);
                if (i == 7)
                    maker_chunk(&maker, bytes, len);
                maker_blob_end(&maker);
            }
            maker_blobs_end(&maker);
        }
        maker_blobs(&maker);
        maker_blobs_end(&maker);
        maker_table(&maker, "public", "behind", "(a)");
        maker_table_end(&maker);
        maker_finish(&maker);
        for (unsigned jobs = 1; jobs <= 2; jobs++) {
            struct feed feed = {.at = maker.dump.at, .len = maker.dump.len};
            pack_feed(&packed, &feed, jobs, COMPRESSION_FAST);
            CHECK(packed.code == JB_OK);
            check_contents(&packed.contents, &maker);
            check_packed(&packed, jobs);
            outcome_free(&packed);
        }
        maker_free(&maker);
        free(bytes);
    }
}

/* A dump of definitions only, in one of several spellings. */
struct spelling {
    bool backwards;
    int first_id;
    const char *owner, *definition, *grant, *database;
    bool has_index;
};

static void schema_of(struct spelling spelling, char hex[SHA256_HEX_SIZE])
{
    struct dump_maker maker;
    struct outcome packed;
    char index[64];
    maker_begin(&maker, 14);
    maker.owner = spelling.owner != NULL ? spelling.owner : "anna";
    maker.next_id = spelling.first_id > 0 ? spelling.first_id : 10;
    maker.database = spelling.database != NULL ? spelling.database : "journal";
    maker_preamble(&maker);
    for (int i = 0; i < 5; i++) {
        int number = spelling.backwards ? 4 - i : i;
        snprintf(index, sizeof index, "CREATE INDEX i%d ON public.a USING btree (b);\n", number);
        if (number == 3 && spelling.definition != NULL)
            snprintf(index, sizeof index, "%s", spelling.definition);
        if (number < 4 || spelling.has_index)
            maker_entry(
                &maker,
                (struct made_entry){
                    .tag = "i", .desc = "INDEX", .section = 4, .defn = index, .schema = "public"});
    }
    maker_entry(&maker, (struct made_entry){.tag = "TABLE a",
                                            .desc = "ACL",
                                            .section = 1,
                                            .defn = spelling.grant != NULL ? spelling.grant : "G",
                                            .schema = "public"});
    maker_finish(&maker);
    pack_made(&packed, &maker);
    memcpy(hex, packed.contents.schema_sha256, SHA256_HEX_SIZE);
    for (size_t i = 0; i < packed.contents.definition_count; i++) {
        const struct named_text *definition = &packed.contents.definitions[i];
        CHECK(strlen(definition->text) == DEFINITION_DIGITS);
        CHECK(i == 0 || strcmp(definition[-1].name, definition->name) <= 0);
        if (jbi_starts_with(definition->name, "INDEX"))
            CHECK_TEXT(definition->name, "INDEX public.i");
    }
    check_packed(&packed, 1);
    outcome_free(&packed);
    maker_free(&maker);
}

static void the_digest_of_the_schema(void)
{
    static const struct spelling same[] = {
        {.backwards = true},     {.first_id = 4000},
        {.owner = "bob"},        {.grant = "GRANT ALL ON TABLE public.a TO bob;\n"},
        {.database = "another"},
    };
    static const struct spelling others[] = {
        {.definition = "CREATE INDEX i3 ON public.a USING hash (b);\n"},
        {.definition = ""},
        {.has_index = true},
    };
    char plain[SHA256_HEX_SIZE], hex[SHA256_HEX_SIZE];
    schema_of((struct spelling){0}, plain);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        schema_of(same[i], hex);
        CHECK_TEXT(hex, plain);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        schema_of(others[i], hex);
        CHECK(strcmp(hex, plain) != 0);
    }
}

struct cancelling {
    uint64_t last, calls, after;
    bool is_wrong;
};

static int see_progress(void *user, const char *step, uint64_t done, uint64_t total,
                        const char *unit)
{
    struct cancelling *c = user;
    (void)total;
    if (done < c->last || strcmp(step, "test") != 0 || strcmp(unit, "bytes") != 0)
        c->is_wrong = true;
    c->last = done;
    return ++c->calls >= c->after;
}

static void it_tells_its_progress_and_is_cancelled(void)
{
    struct dump_maker maker;
    size_t len = 6 * DUMP_PIECE;
    char *rows = rows_of(len, 6);
    maker_begin(&maker, 14);
    make_table_in_chunks(&maker, "a", rows, len, 1000);
    maker_finish(&maker);
    for (uint64_t after = 1; after < 1000; after = after < 3 ? after + 1 : after * 100) {
        struct cancelling c = {.after = after}, checking = {.after = after};
        struct hooks hooks = {.progress = see_progress, .user = &c};
        struct feed feed = {.at = maker.dump.at, .len = maker.dump.len};
        struct outcome o = {.fd = memory_file()};
        struct dump_options options = dump_options_of(2, &o.arena);
        options.hooks = &hooks;
        o.code = jbi_dump_pack(feed_read, &feed, o.fd, &options, &o.contents, &o.err);
        CHECK(o.code == (after > 200 ? JB_OK : JB_ECANCELED) && !c.is_wrong && c.calls > 0);
        CHECK(after < 200 || c.last == maker.raw_size);
        hooks.user = &checking;
        o.err = (struct jb_error){0};
        if (after > 200) {
            CHECK(lseek(o.fd, 0, SEEK_SET) == 0);
            checking.after = 2;
            o.code = jbi_dump_check(o.fd, &options, &o.contents, &o.seen, &o.err);
            CHECK(o.code == JB_ECANCELED && !checking.is_wrong);
        }
        outcome_free(&o);
    }
    maker_free(&maker);
    free(rows);
}

/* A dump that never stands in memory: head, a chunk again and again, tail. */
struct endless {
    struct text head, chunk, tail;
    size_t times, pos;
    int part;
};

static int endless_read(void *user, void *to, size_t room, size_t *got, struct jb_error *err)
{
    struct endless *e = user;
    (void)err;
    *got = 0;
    while (*got == 0 && e->part < 3) {
        const struct text *text = e->part == 0 ? &e->head : e->part == 1 ? &e->chunk : &e->tail;
        size_t len = text->len - e->pos < room ? text->len - e->pos : room;
        memcpy(to, text->at + e->pos, len);
        e->pos += len;
        *got = len;
        if (e->pos < text->len)
            continue;
        e->pos = 0;
        if (e->part != 1 || --e->times == 0)
            e->part++;
    }
    return JB_OK;
}

static long rss_kb(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

static void endless_make(struct endless *e, uint64_t size)
{
    struct dump_maker maker;
    size_t len = 600000;
    char *row = rows_of(len, 7);
    *e = (struct endless){.times = (size_t)(size / len)};
    for (size_t i = 0; i < len; i++)
        row[i] = (char)('a' + (i + i / 999) % 26);
    row[len - 1] = '\n';
    maker_begin(&maker, 14);
    maker_table(&maker, "public", "large", "(a)");
    maker_head(&maker);
    jbi_text_add(&e->head, maker.dump.at, maker.dump.len);
    jbi_text_add(&e->head, maker.data.at, maker.data.len);
    put_int(&maker, &e->chunk, (int64_t)len);
    jbi_text_add(&e->chunk, row, len);
    maker.data.len = 0;
    maker_table_end(&maker);
    jbi_text_add(&e->tail, maker.data.at, maker.data.len);
    maker_free(&maker);
    free(row);
}

static void memory_does_not_grow_with_the_table(void)
{
    struct endless e;
    long before = 0;
    for (int i = 0; i < 2; i++) {
        struct outcome o = {.fd = memory_file()};
        struct dump_options options = dump_options_of(2, &o.arena);
        endless_make(&e, i == 0 ? 20 << 20 : 300 << 20);
        uint64_t size = e.times * (e.chunk.len - 5) + 5;
        CHECK(jbi_dump_pack(endless_read, &e, o.fd, &options, &o.contents, &o.err) == JB_OK);
        CHECK_TEXT(o.err.text, "");
        CHECK(o.contents.raw_size == size);
        CHECK(lseek(o.fd, 0, SEEK_SET) == 0);
        CHECK(jbi_dump_check(o.fd, &options, &o.contents, &o.seen, &o.err) == JB_OK);
        CHECK(o.contents.raw_size == size);
        if (i == 0)
            before = rss_kb();
        outcome_free(&o);
        jbi_text_free(&e.head);
        jbi_text_free(&e.chunk);
        jbi_text_free(&e.tail);
    }
    CHECK(rss_kb() - before < 64 * 1024); /* the quarantine of ASan included */
}

int main(void)
{
    if (!CHECK_RACES_ONLY)
        RUN(memory_does_not_grow_with_the_table); /* first: it looks at the peak */
    RUN(each_version_is_packed);
    RUN(levels_and_jobs);
    RUN(chunks_of_any_size);
    RUN(only_taken_account_of);
    RUN(the_end_mark);
    RUN(names_and_columns);
    RUN(sequences_at_their_limits);
    RUN(the_digest_of_the_schema);
    RUN(it_tells_its_progress_and_is_cancelled);
    if (!CHECK_RACES_ONLY) {
        RUN(many_large_objects);
        RUN(large_tables_and_rows);
    }
    return check_end();
}
