/* SPDX-License-Identifier: MIT */
/* Packed dumps that are damaged in every way: none passes for what it was, and a damage in a
 * table's data is told with the table's name. Where the blocks lie the second reader says. */
#include "dump_fixture.h"

struct original {
    unsigned char *at;
    size_t len;
    struct outcome checked;
    struct walked walked;
};

static void original_of(struct original *o, const struct dump_maker *maker)
{
    struct outcome packed;
    pack_made(&packed, maker);
    o->at = file_content(packed.fd, &o->len);
    outcome_free(&packed);
    check_bytes(&o->checked, o->at, o->len, 1);
    REQUIRE(o->checked.code == JB_OK && walk(&o->walked, o->at, o->len));
}

static void original_free(struct original *o)
{
    outcome_free(&o->checked);
    walk_free(&o->walked);
    free(o->at);
}

/* Each kind of data, small enough to be read ten thousand times. */
static void small_original(struct original *o, unsigned minor)
{
    struct dump_maker maker;
    maker_begin(&maker, minor);
    make_all(&maker);
    original_of(o, &maker);
    maker_free(&maker);
}

/* Tables and a large object of several pieces. */
static void pieces_original(struct original *o)
{
    struct dump_maker maker;
    size_t len = 3 * DUMP_PIECE + DUMP_PIECE / 2;
    char *rows = malloc(len);
    REQUIRE(rows != NULL);
    for (size_t i = 0; i < len; i++)
        rows[i] = i % 500 == 499 ? '\n' : (char)('a' + (i / 500 + i) % 26 * (i % 7000 < 500));
    for (size_t i = 0; i < len; i++)
        rows[i] = rows[i] != '\0' ? rows[i] : 'z';
    rows[len - 1] = '\n';
    maker_begin(&maker, 14);
    maker_table(&maker, "public", "first", "(a)");
    maker_chunk(&maker, rows, len);
    maker_table_end(&maker);
    maker_table(&maker, "public", "second", "(a)");
    maker_chunk(&maker, rows + len - 2 * DUMP_PIECE, 2 * DUMP_PIECE);
    maker_table_end(&maker);
    maker_finish(&maker);
    original_of(o, &maker);
    maker_free(&maker);
    free(rows);
}

/* A changed dump: what was changed lies at at. */
struct mutation {
    unsigned char *bytes;
    size_t len, at, span;
    const char *what;
};

static uint32_t dice_state = 2463534242u;

static size_t dice(size_t sides)
{
    dice_state ^= dice_state << 13;
    dice_state ^= dice_state >> 17;
    dice_state ^= dice_state << 5;
    return dice_state % sides;
}

static void swap_ranges(const struct original *o, struct mutation *m, size_t a, size_t b, size_t c,
                        size_t d)
{
    memcpy(m->bytes + a, o->at + c, d - c);
    memcpy(m->bytes + a + (d - c), o->at + b, c - b);
    memcpy(m->bytes + d - (b - a), o->at + a, b - a);
    m->at = a;
    m->span = d - a;
}

static void swap_blocks(const struct original *o, struct mutation *m)
{
    size_t count = o->walked.block_count, i = dice(count - 1), j = i + 1 + dice(count - 1 - i);
    const struct walked_block *first = &o->walked.blocks[i], *second = &o->walked.blocks[j];
    swap_ranges(o, m, first->begin, first->end, second->begin, second->end);
    m->what = "swapped blocks";
}

static void swap_chunks(const struct original *o, struct mutation *m)
{
    const struct walked_block *block = &o->walked.blocks[dice(o->walked.block_count)];
    m->what = "swapped chunks";
    if (block->chunk_count < 2)
        return;
    size_t i = dice(block->chunk_count - 1), j = i + 1 + dice(block->chunk_count - 1 - i);
    size_t head = 1 + o->walked.int_size;
    const struct walked_chunk *first = &block->chunks[i], *second = &block->chunks[j];
    swap_ranges(o, m, first->at - head, first->at + first->len, second->at - head,
                second->at + second->len);
}

static void change_one_place(const struct original *o, struct mutation *m, size_t kind)
{
    size_t few = 1 + dice(8);
    m->at = dice(o->len);
    m->span = 1;
    if (kind == 0) {
        m->bytes[m->at] ^= (unsigned char)(1u << dice(8));
        m->what = "a flipped bit";
    } else if (kind == 1) {
        m->bytes[m->at] = (unsigned char)dice(256);
        m->what = "another byte";
    } else if (kind == 2) {
        m->len = m->at;
        m->what = "cut short";
    } else if (kind == 3) {
        m->span = few < o->len - m->at ? few : o->len - m->at;
        memmove(m->bytes + m->at, o->at + m->at + m->span, o->len - m->at - m->span);
        m->len -= m->span;
        m->what = "removed bytes";
    } else {
        m->len += few;
        memmove(m->bytes + m->at + few, o->at + m->at, o->len - m->at);
        for (size_t i = 0; i < few; i++)
            m->bytes[m->at + i] = (unsigned char)dice(dice(2) ? 2 : 256);
        m->what = "inserted bytes";
    }
}

/* Room for 8 more bytes is there. */
static void mutate(const struct original *o, struct mutation *m)
{
    size_t kind = dice(12);
    memcpy(m->bytes, o->at, o->len);
    m->len = o->len;
    m->at = m->span = 0;
    if (kind == 10)
        swap_blocks(o, m);
    else if (kind == 11)
        swap_chunks(o, m);
    else
        change_one_place(o, m, kind % 5);
}

/* The table whose chunks a mutation lies in entirely, or NULL. Where bytes like their neighbours
 * were inserted or removed, the first that differs counts. */
static const struct walked_block *damaged_table(const struct original *o, const struct mutation *m)
{
    size_t first = 0;
    while (first < o->len && first < m->len && m->bytes[first] == o->at[first])
        first++;
    for (size_t i = 0; i < o->walked.block_count; i++) {
        const struct walked_block *block = &o->walked.blocks[i];
        if (first >= block->body && first < block->end && m->at + m->span <= block->end)
            return block->is_blobs ? NULL : block;
    }
    return NULL;
}

/* All but the digest of the large objects, which holds their numbers, too. */
static bool is_same_but_objects(const struct dump_contents *a, const struct dump_contents *b)
{
    struct dump_contents copy = *a;
    copy.large_objects = b->large_objects;
    return same_contents(&copy, b) && a->large_objects.count == b->large_objects.count &&
           a->large_objects.bytes == b->large_objects.bytes;
}

/* Bits that say nothing, before the end of a piece: the content is what it was, for stock zlib. */
static bool is_same_for_others(const struct original *o, const struct mutation *m)
{
    struct walked walked;
    bool is_same = walk(&walked, m->bytes, m->len) && walked.block_count == o->walked.block_count;
    for (size_t i = 0; is_same && i < walked.block_count; i++) {
        const struct text *a = &walked.blocks[i].raw, *b = &o->walked.blocks[i].raw;
        is_same = a->len == b->len && (a->len == 0 || memcmp(a->at, b->at, a->len) == 0);
    }
    walk_free(&walked);
    return is_same;
}

/* The numbers of large objects have no checksum; the digest tells when one is another. */
static bool lies_in_object_numbers(const struct original *o, const struct mutation *m)
{
    for (size_t i = 0; i < o->walked.block_count; i++) {
        const struct walked_block *block = &o->walked.blocks[i];
        for (size_t n = 0; block->is_blobs && n < block->chunk_count; n++) {
            size_t head = block->chunks[n].at - 1 - o->walked.int_size;
            bool is_first = memcmp(o->at + block->chunks[n].at, ZLIB_HEADER, 2) == 0;
            if (is_first && m->at < head && m->at + 1 + o->walked.int_size >= head)
                return true;
        }
    }
    return false;
}

static void judge(const struct original *o, const struct mutation *m, const struct outcome *got)
{
    const struct walked_block *table = damaged_table(o, m);
    bool is_changed = m->len != o->len || memcmp(m->bytes, o->at, o->len) != 0;
    bool is_known = got->code == JB_OK || got->code == JB_ECORRUPT || got->code == JB_EUNSUPPORTED;
    bool was_failed = check_state.failed;
    CHECK(is_known && got->seen.bytes == m->len);
    CHECK(is_changed == (strcmp(got->seen.sha256, o->checked.seen.sha256) != 0));
    if (is_changed && got->code == JB_OK && m->at + m->span > o->walked.toc_end)
        CHECK(
            is_same_for_others(o, m) && is_same_but_objects(&got->contents, &o->checked.contents) &&
            (lies_in_object_numbers(o, m) == !same_contents(&got->contents, &o->checked.contents)));
    if (got->code != JB_OK && table != NULL) {
        CHECK_TEXT(text_or_empty(got->seen.table), table->tag);
        CHECK_TEXT(text_or_empty(got->seen.schema), table->schema);
        CHECK(got->seen.why != NULL);
    }
    CHECK(got->code == JB_OK ? is_changed || same_contents(&got->contents, &o->checked.contents)
                             : is_changed && got->err.text[0] != '\0');
    if (check_state.failed && !was_failed)
        printf("# %s at %zu of %zu (contents to %zu): %d %s\n", m->what, m->at, o->len,
               o->walked.toc_end, got->code, got->err.text);
}

static void mutations_of(const struct original *o, int count)
{
    struct mutation m = {.bytes = malloc(o->len + 8)};
    REQUIRE(m.bytes != NULL);
    for (int i = 0; i < count; i++) {
        struct outcome got;
        mutate(o, &m);
        check_bytes(&got, m.bytes, m.len, 1 + (unsigned)i % 2);
        judge(o, &m, &got);
        outcome_free(&got);
    }
    free(m.bytes);
}

static void ten_thousand_mutations(void)
{
    for (unsigned minor = 12; minor <= 16; minor++) {
        struct original original;
        small_original(&original, minor);
        mutations_of(&original, CHECK_RACES_ONLY ? 100 : 1940);
        original_free(&original);
    }
}

static void mutations_of_tables_of_several_pieces(void)
{
    struct original original;
    pieces_original(&original);
    mutations_of(&original, 300);
    original_free(&original);
}

/* Every byte of the blocks matters, and every place to end. */
static void every_byte_of_the_data(void)
{
    struct original original;
    small_original(&original, 14);
    struct mutation m = {.bytes = malloc(original.len + 8)};
    REQUIRE(m.bytes != NULL);
    for (size_t at = original.walked.toc_end; at < original.len; at++) {
        struct outcome got;
        memcpy(m.bytes, original.at, original.len);
        m = (struct mutation){m.bytes, original.len, at, 1, "an inverted byte"};
        m.bytes[at] ^= 0xff;
        check_bytes(&got, m.bytes, m.len, 1);
        judge(&original, &m, &got);
        CHECK(got.code == JB_ECORRUPT || lies_in_object_numbers(&original, &m));
        outcome_free(&got);
        m = (struct mutation){m.bytes, at, at, 1, "cut short"};
        m.bytes[at] ^= 0xff;
        check_bytes(&got, original.at, at, 1);
        judge(&original, &m, &got);
        CHECK(got.code == JB_ECORRUPT);
        outcome_free(&got);
    }
    free(m.bytes);
    original_free(&original);
}

/* The name of the table is in the text, too, and large objects are told from tables. */
static void the_text_names_the_place(void)
{
    struct original original;
    small_original(&original, 16);
    for (size_t i = 0; i < original.walked.block_count; i++) {
        const struct walked_block *block = &original.walked.blocks[i];
        struct outcome got;
        original.at[block->chunks[block->chunk_count - 1].at + 4] ^= 1;
        check_bytes(&got, original.at, original.len, 2);
        CHECK(got.code == JB_ECORRUPT && got.seen.table != NULL);
        char printable[64];
        jbi_escape(printable, sizeof printable, block->tag, strlen(block->tag));
        CHECK_HAS(got.err.text, block->is_blobs ? "large objects" : printable);
        CHECK_HAS(got.err.text, "x.dump");
        outcome_free(&got);
        original.at[block->chunks[block->chunk_count - 1].at + 4] ^= 1;
    }
    original_free(&original);
}

/* The contents of another dump don't pass for these. */
static void one_changed_row_is_found(void)
{
    struct dump_maker maker;
    struct original original;
    small_original(&original, 14);
    maker_begin(&maker, 14);
    make_all(&maker);
    char *row = memmem(maker.dump.at, maker.dump.len, "2\tbob", 5);
    REQUIRE(row != NULL);
    row[2] = 'r';
    struct outcome packed;
    pack_made(&packed, &maker);
    CHECK(!same_contents(&packed.contents, &original.checked.contents));
    CHECK(packed.contents.tables[0].rows == original.checked.contents.tables[0].rows);
    CHECK(strcmp(packed.contents.tables[0].sha256, original.checked.contents.tables[0].sha256));
    CHECK_TEXT(packed.contents.schema_sha256, original.checked.contents.schema_sha256);
    outcome_free(&packed);
    maker_free(&maker);
    original_free(&original);
}

static void a_block_that_is_there_twice(void)
{
    struct original original;
    struct outcome got;
    small_original(&original, 14);
    const struct walked_block *block = &original.walked.blocks[0];
    struct text twice = {0};
    jbi_text_add(&twice, (char *)original.at, original.len);
    jbi_text_add(&twice, (char *)original.at + block->begin, block->end - block->begin);
    check_bytes(&got, (unsigned char *)twice.at, twice.len, 1);
    CHECK(got.code == JB_ECORRUPT);
    CHECK_TEXT(text_or_empty(got.seen.table), "users");
    CHECK_HAS(got.err.text, "twice");
    outcome_free(&got);
    jbi_text_free(&twice);
    original_free(&original);
}

/* However early the damage: a file that does not fit any buffer is read to its end. */
static void a_damaged_file_is_read_to_its_end(void)
{
    struct dump_maker maker;
    struct original original;
    size_t len = 4 * DUMP_PIECE;
    char *rows = malloc(len);
    REQUIRE(rows != NULL);
    fill((unsigned char *)rows, len, 1);
    rows[len - 1] = '\n';
    maker_begin(&maker, 14);
    maker_table(&maker, "public", "large", "(a)");
    maker_chunk(&maker, rows, len);
    maker_table_end(&maker);
    maker_finish(&maker);
    original_of(&original, &maker);
    size_t places[] = {3, 6, 8, original.walked.toc_end + 1, original.walked.blocks[0].body + 30};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        struct outcome got;
        char hex[SHA256_HEX_SIZE];
        original.at[places[i]] ^= 0xff;
        jbi_digest_begin(maker.digest);
        jbi_digest_add(maker.digest, original.at, original.len);
        jbi_digest_end(maker.digest, hex);
        check_bytes(&got, original.at, original.len, 2);
        CHECK(got.code == (i == 1 ? JB_EUNSUPPORTED : JB_ECORRUPT));
        CHECK(got.seen.bytes == original.len);
        CHECK_TEXT(got.seen.sha256, hex);
        original.at[places[i]] ^= 0xff;
        outcome_free(&got);
    }
    maker_free(&maker);
    original_free(&original);
    free(rows);
}

/* pg_restore would take the pieces for those of another algorithm. */
static void the_compression_told_is_ours(void)
{
    for (unsigned minor = 14; minor <= 15; minor++) {
        struct original original;
        small_original(&original, minor);
        for (unsigned value = 0; value < 20; value++) {
            struct outcome got;
            original.at[minor == 14 ? 12 : 11] = (unsigned char)value;
            check_bytes(&got, original.at, original.len, 1);
            bool is_ours = value >= 1 && value <= (minor == 14 ? 9 : 1);
            CHECK(got.code == (is_ours ? JB_OK : JB_ECORRUPT) && got.seen.table == NULL);
            outcome_free(&got);
        }
        original_free(&original);
    }
}

/* Made by another: the streams in chunks of another cut are whole for zlib, but not ours. */
static void a_stream_in_other_chunks_is_not_ours(void)
{
    struct original original;
    small_original(&original, 14);
    const struct walked_block *block = &original.walked.blocks[0];
    REQUIRE(!block->is_blobs && block->chunk_count == 3);
    struct text joined = {0};
    struct dump_maker maker;
    struct outcome got;
    size_t first = block->chunks[0].at, second = block->chunks[1].at;
    maker_begin(&maker, 14);
    jbi_text_add(&joined, (char *)original.at, first - 5);
    put_int(&maker, &joined, (int64_t)(2 + block->chunks[1].len));
    jbi_text_add(&joined, (char *)original.at + first, 2);
    jbi_text_add(&joined, (char *)original.at + second, original.len - second);
    check_bytes(&got, (unsigned char *)joined.at, joined.len, 1);
    CHECK(got.code == JB_ECORRUPT);
    CHECK_TEXT(text_or_empty(got.seen.table), "users");
    outcome_free(&got);
    jbi_text_free(&joined);
    maker_free(&maker);
    original_free(&original);
}

int main(void)
{
    if (!CHECK_RACES_ONLY)
        RUN(every_byte_of_the_data);
    RUN(ten_thousand_mutations);
    RUN(mutations_of_tables_of_several_pieces);
    RUN(the_text_names_the_place);
    RUN(one_changed_row_is_found);
    RUN(a_block_that_is_there_twice);
    RUN(a_damaged_file_is_read_to_its_end);
    RUN(the_compression_told_is_ours);
    RUN(a_stream_in_other_chunks_is_not_ours);
    return check_end();
}
