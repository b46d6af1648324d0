/* SPDX-License-Identifier: MIT */
/* What jbi_dump_pack refuses: other versions, other formats, damage, and failures around it. */
#include "dump_fixture.h"

static void a_table_without_end_mark_is_damaged(void)
{
    static const char *const rows[] = {
        "",          "1\n", "1\n\\.\n", "\\.\n\n", "1\n\\.\n\n\nx", ".\n\n\n", "1\n\\\\.\n\n\n",
        "1\\.\n\n\n"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct dump_maker maker;
        struct outcome packed;
        maker_begin(&maker, 14);
        maker.has_no_end_marks = true;
        maker_table(&maker, "public", "unended", "(a)");
        if (rows[i][0] != '\0')
            maker_rows(&maker, rows[i]);
        maker_table_end(&maker);
        maker_finish(&maker);
        pack_bytes(&packed, maker.dump.at, maker.dump.len);
        CHECK(packed.code == JB_ECORRUPT);
        CHECK_HAS(packed.err.text, "unended");
        if (packed.code != JB_ECORRUPT)
            printf("# rows %zu\n", i);
        outcome_free(&packed);
        maker_free(&maker);
    }
}

static void unknown_versions_are_left_alone(void)
{
    static const struct {
        unsigned char major, minor;
    } versions[] = {{1, 17}, {1, 11}, {1, 0}, {2, 14}, {0, 14}, {1, 255}};
    struct dump_maker maker;
    maker_begin(&maker, 16);
    make_all(&maker);
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++) {
        struct outcome o;
        maker.dump.at[5] = (char)versions[i].major;
        maker.dump.at[6] = (char)versions[i].minor;
        pack_bytes(&o, maker.dump.at, maker.dump.len);
        CHECK(o.code == JB_EUNSUPPORTED && file_size(o.fd) == 0);
        outcome_free(&o);
        check_bytes(&o, (unsigned char *)maker.dump.at, maker.dump.len, 1);
        CHECK(o.code == JB_EUNSUPPORTED && o.seen.bytes == maker.dump.len);
        CHECK(strlen(o.seen.sha256) == SHA256_HEX_SIZE - 1);
        outcome_free(&o);
    }
    maker_free(&maker);
}

static void compressed_dumps_are_refused(void)
{
    for (unsigned minor = 12; minor <= 16; minor++) {
        struct dump_maker maker;
        struct outcome o, again;
        size_t len;
        maker_begin(&maker, minor);
        maker.compression = minor >= 15 ? 1 : 6;
        make_all(&maker);
        pack_bytes(&o, maker.dump.at, maker.dump.len);
        CHECK(o.code < 0);
        outcome_free(&o);
        maker.compression = 0;
        maker_finish(&maker);
        pack_made(&o, &maker);
        char *packed = (char *)file_content(o.fd, &len);
        pack_bytes(&again, packed, len);
        CHECK(again.code < 0);
        outcome_free(&again);
        check_bytes(&again, (unsigned char *)maker.dump.at, maker.dump.len, 1);
        CHECK(again.code < 0 && again.seen.bytes == maker.dump.len);
        outcome_free(&again);
        outcome_free(&o);
        maker_free(&maker);
        free(packed);
    }
}

/* The table whose block, in an unpacked dump, holds the byte at an offset; NULL: none's. */
struct range {
    size_t begin, end; /* behind the number of the block, behind its last byte */
    const char *table;
};

static void a_dump_cut_short_names_the_table(void)
{
    struct dump_maker maker;
    struct range ranges[3];
    size_t count = 0;
    maker_begin(&maker, 14);
    maker_preamble(&maker);
    for (; count < 3; count++) {
        static const char *const names[] = {"alpha", "beta", "gamma"};
        maker_table(&maker, "public", names[count], "(a)");
        ranges[count] = (struct range){maker.data.len, 0, names[count]};
        for (int i = 0; i < 20; i++)
            maker_rows(&maker, "some text that comes again\n");
        maker_table_end(&maker);
        ranges[count].end = maker.data.len;
    }
    maker_finish(&maker);
    size_t head = maker.dump.len - maker.data.len;
    for (size_t cut = 0; cut < maker.dump.len; cut++) {
        struct outcome o;
        pack_bytes(&o, maker.dump.at, cut);
        CHECK(o.code == JB_ECORRUPT);
        for (size_t i = 0; i < 3; i++)
            if (cut >= head + ranges[i].begin && cut < head + ranges[i].end)
                CHECK_HAS(o.err.text, ranges[i].table);
        outcome_free(&o);
    }
    maker_free(&maker);
}

static void garbage_is_damage(void)
{
    static const char *const texts[] = {
        "", "P", "PGDMP", "PGDMX\1\16\0\4\10\1", "CREATE TABLE a;", "PGDMP\1\16"};
    unsigned char noise[5000];
    struct dump_maker maker;
    struct outcome o;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        pack_bytes(&o, texts[i], strlen(texts[i]));
        CHECK(o.code == JB_ECORRUPT);
        outcome_free(&o);
        check_bytes(&o, (const unsigned char *)texts[i], strlen(texts[i]), 1);
        CHECK(o.code == JB_ECORRUPT && o.seen.bytes == strlen(texts[i]));
        outcome_free(&o);
    }
    fill(noise, sizeof noise, 5);
    pack_bytes(&o, (char *)noise, sizeof noise);
    CHECK(o.code == JB_ECORRUPT);
    outcome_free(&o);
    maker_begin(&maker, 14);
    make_all(&maker);
    for (size_t at = 8; at < 11; at++) { /* sizes of numbers, and tar or directory for custom */
        char kept = maker.dump.at[at];
        for (int value = 0; value < 256; value++) {
            maker.dump.at[at] = (char)value;
            pack_bytes(&o, maker.dump.at, maker.dump.len);
            CHECK((char)value == kept ? o.code == JB_OK : o.code < 0);
            outcome_free(&o);
        }
        maker.dump.at[at] = kept;
    }
    jbi_text_adds(&maker.dump, "x");
    pack_bytes(&o, maker.dump.at, maker.dump.len);
    CHECK(o.code == JB_ECORRUPT); /* something follows */
    outcome_free(&o);
    maker_free(&maker);
}

/* Blocks twice, missing, of no entry, of the wrong type. */
static void blocks_that_do_not_fit_their_entries(void)
{
    for (int kind = 0; kind < 6; kind++) {
        struct dump_maker maker;
        struct outcome o;
        maker_begin(&maker, 14);
        int id = maker_table(&maker, "public", "a", "(a)");
        maker_rows(&maker, "1\n");
        maker_table_end(&maker);
        struct text block = {0};
        jbi_text_add(&block, maker.data.at, maker.data.len);
        if (kind == 0)
            jbi_text_add(&maker.data, block.at, block.len);
        else if (kind == 1)
            maker.data.len = 0;
        else if (kind == 2)
            maker.data.at[2]++;
        else if (kind == 3)
            maker.data.at[0] = 3;
        else if (kind == 4)
            maker.data.at[0] = 2;
        else
            maker_entry(&maker, (struct made_entry){.id = id,
                                                    .has_data = true,
                                                    .tag = "twin",
                                                    .desc = "TABLE DATA",
                                                    .copy = "COPY public.twin (a) FROM stdin;\n",
                                                    .schema = "public"});
        maker_finish(&maker);
        pack_bytes(&o, maker.dump.at, maker.dump.len);
        CHECK(o.code == JB_ECORRUPT);
        CHECK(kind != 5 || strstr(o.err.text, "two entries") != NULL);
        if (o.code != JB_ECORRUPT)
            printf("# kind %d\n", kind);
        outcome_free(&o);
        jbi_text_free(&block);
        maker_free(&maker);
    }
}

static void numbers_of_large_objects(void)
{
    static const int64_t numbers[] = {
        (int64_t)INT32_MIN - 1, (int64_t)1 << 32, INT32_MIN, -1, UINT32_MAX, 1};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct dump_maker maker;
        struct outcome o;
        maker_begin(&maker, 14);
        maker.int_size = 8;
        maker_blobs(&maker);
        put_int(&maker, &maker.data, numbers[i]);
        put_int(&maker, &maker.data, 0);
        maker_blobs_end(&maker);
        maker_finish(&maker);
        pack_bytes(&o, maker.dump.at, maker.dump.len);
        CHECK(o.code == (i < 2 ? JB_ECORRUPT : JB_OK));
        CHECK(o.code == JB_OK || strstr(o.err.text, "large object") != NULL);
        outcome_free(&o);
        maker_free(&maker);
    }
}

/* Lengths that would need more memory than there is. */
static void lengths_are_not_believed(void)
{
    struct dump_maker maker;
    struct outcome o;
    maker_begin(&maker, 14);
    make_all(&maker);
    size_t counts = 11 + 5 + 7 * 5 + 15 + strlen(maker.database) + strlen(maker.server_version) +
                    strlen(maker.client_version);
    const size_t places[] = {11 + 5 + 7 * 5, counts, counts + 5 + 10, counts + 5 + 10 + 6,
                             maker.dump.len - maker.data.len + 6};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        char kept[4];
        memcpy(kept, maker.dump.at + places[i] + 1, 4);
        memcpy(maker.dump.at + places[i] + 1, "\xff\xff\xff\x7f", 4);
        pack_bytes(&o, maker.dump.at, maker.dump.len);
        CHECK(o.code == JB_ECORRUPT);
        outcome_free(&o);
        memcpy(maker.dump.at + places[i] + 1, kept, 4);
    }
    pack_made(&o, &maker);
    outcome_free(&o);
    maker_free(&maker);
}

static void failures_of_the_source_pass(void)
{
    struct dump_maker maker;
    maker_begin(&maker, 14);
    make_all(&maker);
    for (size_t at = 1; at < maker.dump.len; at += 97) {
        struct feed feed = {.at = maker.dump.at, .len = maker.dump.len, .fail_at = at};
        struct outcome o;
        pack_feed(&o, &feed, 2, COMPRESSION_FAST);
        CHECK(o.code == JB_EDATABASE);
        CHECK_TEXT(o.err.text, "the server said nothing");
        outcome_free(&o);
    }
    maker_free(&maker);
}

static void a_full_disk_is_told(void)
{
    struct dump_maker maker;
    struct outcome o = {.fd = open("/dev/full", O_RDWR | O_CLOEXEC)};
    maker_begin(&maker, 14);
    make_all(&maker);
    REQUIRE(o.fd >= 0);
    struct feed feed = {.at = maker.dump.at, .len = maker.dump.len};
    struct dump_options options = dump_options_of(1, &o.arena);
    o.code = jbi_dump_pack(feed_read, &feed, o.fd, &options, &o.contents, &o.err);
    CHECK(o.code < 0 && o.code != JB_ECORRUPT);
    CHECK_HAS(o.err.text, "x.dump");
    outcome_free(&o);
    maker_free(&maker);
}

int main(void)
{
    RUN(a_table_without_end_mark_is_damaged);
    RUN(unknown_versions_are_left_alone);
    RUN(compressed_dumps_are_refused);
    RUN(a_dump_cut_short_names_the_table);
    RUN(garbage_is_damage);
    RUN(blocks_that_do_not_fit_their_entries);
    RUN(numbers_of_large_objects);
    RUN(lengths_are_not_believed);
    RUN(failures_of_the_source_pass);
    RUN(a_full_disk_is_told);
    return check_end();
}
