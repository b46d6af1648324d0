/* SPDX-License-Identifier: MIT */
#include "archive/index.h"

#include "fixture.h"

#define SUM "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

/* An index file that holds this text. */
static int index_of(const char *text, size_t len)
{
    struct members_options options = options_of(1);
    struct members_totals totals;
    int in = memory_file_of(text, len), out = memory_file();
    REQUIRE(jbi_members_pack(in, out, &options, &totals, NULL) == JB_OK);
    close(in);
    return out;
}

static void check_same(const struct index_entry *got, const struct index_entry *want)
{
    CHECK_TEXT(got->path, want->path);
    CHECK((got->link == NULL) == (want->link == NULL));
    if (want->link != NULL)
        CHECK_TEXT(got->link, want->link);
    CHECK(got->type == want->type && got->size == want->size && got->mode == want->mode);
    CHECK(got->uid == want->uid && got->gid == want->gid && got->inode == want->inode);
    CHECK(got->mtime_s == want->mtime_s && got->mtime_ns == want->mtime_ns);
    CHECK(got->ctime_s == want->ctime_s && got->ctime_ns == want->ctime_ns);
    CHECK(got->offset == want->offset && got->member == want->member);
    CHECK(got->member_skip == want->member_skip);
    CHECK_TEXT(got->sha256, want->sha256);
}

static const struct index_entry entries[] = {
    {.type = TAR_FOLDER, .path = ".", .mode = 0755},
    {.type = TAR_FOLDER, .path = "a", .mtime_s = INT64_MIN, .ctime_s = INT64_MAX},
    {.type = TAR_FILE,
     .path = "a/x",
     .size = INT64_MAX,
     .mode = 07777,
     .uid = UINT32_MAX,
     .gid = 1,
     .mtime_s = -5,
     .mtime_ns = 999999999,
     .ctime_ns = 1,
     .inode = INT64_MAX,
     .sha256 = SUM,
     .offset = INT64_MAX,
     .member = INT64_MAX,
     .member_skip = 77},
    {.type = TAR_FILE, .path = "a/\"quoted\"\\\n\t\x01\x7f", .sha256 = SUM},
    {.type = TAR_FILE, .path = "a/\xff\xfe/\"\n", .sha256 = SUM},
    {.type = TAR_FILE, .path = "a/\xc3\xa9\xf0\x9f\x98\x80", .sha256 = SUM},
    {.type = TAR_SYMLINK, .path = "a/\xed\xa0\x80", .link = "/etc/../\xff"},
    {.type = TAR_HARDLINK, .path = "a0", .link = "a/x"},
    {.type = TAR_FIFO, .path = "b", .mode = 0600},
};
#define ENTRIES (sizeof entries / sizeof *entries)

static struct index_reader *open_index(int fd)
{
    struct index_reader *reader;
    REQUIRE(jbi_index_open(&reader, fd, "x.index", NULL) == JB_OK);
    return reader;
}

static void lines_are_read_back_the_same(void)
{
    struct text text = {0};
    struct index_entry got;
    for (size_t i = 0; i < ENTRIES; i++)
        jbi_index_line(&text, &entries[i]);
    REQUIRE(!text.failed && jbi_is_utf8(text.at, text.len));
    int fd = index_of(text.at, text.len);
    struct index_reader *reader = open_index(fd);
    for (size_t i = 0; i < ENTRIES; i++) {
        REQUIRE(jbi_index_next(reader, &got, NULL) == 1);
        check_same(&got, &entries[i]);
    }
    CHECK(jbi_index_next(reader, &got, NULL) == 0 && jbi_index_next(reader, &got, NULL) == 0);
    jbi_index_close(reader);
    jbi_index_close(NULL);
    close(fd);
    jbi_text_free(&text);
}

static void check_below(int fd, const char *path, const char *want)
{
    struct index_entry got;
    scope_text found = {0};
    struct index_reader *reader = open_index(fd);
    int code;
    jbi_text_adds(&found, "");
    while ((code = jbi_index_next_below(reader, path, &got, NULL)) == 1)
        jbi_text_addf(&found, "%s|", got.path);
    CHECK(code == 0);
    CHECK_TEXT(found.at, want);
    jbi_index_close(reader);
}

static void finds_what_lies_below(void)
{
    struct text text = {0};
    for (size_t i = 0; i < ENTRIES; i++)
        jbi_index_line(&text, &entries[i]);
    int fd = index_of(text.at, text.len);
    check_below(fd, "a/x", "a/x|");
    check_below(fd, "a0", "a0|");
    check_below(fd, "b", "b|");
    check_below(fd, "a/\xff\xfe", "a/\xff\xfe/\"\n|");
    check_below(fd, "a/\"quoted\"\\\n\t\x01\x7f", "a/\"quoted\"\\\n\t\x01\x7f|");
    check_below(fd, "a/\"quoted\"", "");
    check_below(fd, "a/", "");
    check_below(fd, "", "");
    check_below(fd, "c", "");
    check_below(fd, "..", "");
    check_below(fd, "a",
                "a|a/x|a/\"quoted\"\\\n\t\x01\x7f|a/\xff\xfe/\"\n|a/\xc3\xa9\xf0\x9f\x98\x80|"
                "a/\xed\xa0\x80|");
    struct index_reader *reader = open_index(fd);
    struct index_entry got;
    size_t count = 0;
    while (jbi_index_next_below(reader, ".", &got, NULL) == 1)
        count++;
    CHECK(count == ENTRIES);
    jbi_index_close(reader);
    close(fd);
    jbi_text_free(&text);
}

static int parse(const char *line, struct jb_error *err)
{
    struct index_entry got;
    struct index_reader *reader = open_index(-1);
    int code = jbi_index_parse(reader, line, strlen(line), &got, err);
    jbi_index_close(reader);
    return code;
}

static bool is_text_equal(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Lines in the form in which they are written are read without the JSON parser, which a space at
 * the beginning calls in: both must find the same, or the same damage. */
static void compare_ways(const char *line, size_t len)
{
    char spaced[1024] = " ";
    struct index_reader *quick = open_index(-1), *slow = open_index(-1);
    struct index_entry a = {0}, b = {0};
    REQUIRE(len + 1 < sizeof spaced);
    memcpy(spaced + 1, line, len);
    int code = jbi_index_parse(quick, line, len, &a, NULL);
    CHECK(code == jbi_index_parse(slow, spaced, len + 1, &b, NULL));
    if (code == 1) {
        CHECK(is_text_equal(a.path, b.path) && is_text_equal(a.link, b.link));
        CHECK_TEXT(a.sha256, b.sha256);
        CHECK(a.type == b.type && a.size == b.size && a.mode == b.mode && a.uid == b.uid);
        CHECK(a.gid == b.gid && a.mtime_s == b.mtime_s && a.mtime_ns == b.mtime_ns);
        CHECK(a.ctime_s == b.ctime_s && a.ctime_ns == b.ctime_ns && a.inode == b.inode);
        CHECK(a.device == b.device && a.offset == b.offset && a.member == b.member);
        CHECK(a.member_skip == b.member_skip && a.span == b.span);
        CHECK(a.row.packed == b.row.packed && a.row.raw == b.row.raw);
        CHECK(a.row.crc32 == b.row.crc32);
    }
    jbi_index_close(quick);
    jbi_index_close(slow);
}

static void both_ways_of_reading_a_line_agree(void)
{
    static const char others[] = "0-\"\\}],.:a\x01\x80\n ";
    const struct index_entry kinds[] = {
        {.type = TAR_FILE,
         .path = "a/b",
         .size = 5,
         .mode = 0644,
         .mtime_s = -5,
         .mtime_ns = 999999999,
         .ctime_s = 1700000000,
         .inode = 7,
         .device = 3,
         .offset = 512,
         .member = 9,
         .span = 1024,
         .row = {100, 2048, UINT32_MAX},
         .sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
        {.type = TAR_HARDLINK, .path = "c", .link = "a/b", .device = 3},
        {.type = TAR_FOLDER, .path = ".", .uid = INT64_MAX, .span = 512},
        {.type = TAR_FIFO, .path = "../up", .device = 999999999999999999},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        scope_text line = {0};
        jbi_index_line(&line, &kinds[i]);
        REQUIRE(!line.failed);
        compare_ways(line.at, line.len - 1);
        for (size_t at = 0; at + 1 < line.len; at++) {
            char was = line.at[at];
            for (const char *other = others; *other != '\0'; other++) {
                line.at[at] = *other;
                compare_ways(line.at, line.len - 1);
            }
            line.at[at] = was;
            compare_ways(line.at, at);
        }
    }
}

#define REST                                                                                       \
    "\"size\":0,\"mode\":0,\"uid\":0,\"gid\":0,\"mtime\":0,\"mtime_ns\":0,\"ctime\":0,"            \
    "\"ctime_ns\":0,\"inode\":0,\"offset\":0,\"member\":[0,0]}"

static void hostile_lines_are_damage(void)
{
    static const char *const bad[] = {
        "",
        "null",
        "[]",
        "{}",
        "{",
        "{\"path\":\"a\"}",
        "{\"path\":\"a\",\"type\":\"folder\"}",
        "{\"path\":\"\",\"type\":\"folder\"," REST,
        "{\"path\":\"/a\",\"type\":\"folder\"," REST,
        "{\"path\":\"a/../b\",\"type\":\"folder\"," REST,
        "{\"path\":\"a//b\",\"type\":\"folder\"," REST,
        "{\"path\":\"a/\",\"type\":\"folder\"," REST,
        "{\"path\":\"./a\",\"type\":\"folder\"," REST,
        "{\"path\":\".\",\"type\":\"fifo\"," REST,
        "{\"path\":\"a\\u0000b\",\"type\":\"folder\"," REST,
        "{\"path_hex\":\"\",\"type\":\"folder\"," REST,
        "{\"path_hex\":\"6\",\"type\":\"folder\"," REST,
        "{\"path_hex\":\"6100\",\"type\":\"folder\"," REST,
        "{\"path_hex\":\"6g\",\"type\":\"folder\"," REST,
        "{\"path_hex\":\"2e2e\",\"type\":\"folder\"," REST,
        "{\"path\":5,\"type\":\"folder\"," REST,
        "{\"path\":\"a\",\"type\":\"device\"," REST,
        "{\"path\":\"a\",\"type\":\"symlink\"," REST,
        "{\"path\":\"a\",\"type\":\"file\"," REST,
        "{\"path\":\"a\",\"type\":\"file\",\"sha256\":\"00\"," REST,
        "{\"path\":\"a\",\"path\":\"b\",\"type\":\"folder\"," REST,
        "{\"path\":\"a\",\"type\":\"folder\"," REST "x",
        "{\"path\":\"a\",\"type\":\"folder\",\"size\":-1,\"mode\":0,\"uid\":0,\"gid\":0,\"mtime\":"
        "0,"
        "\"mtime_ns\":0,\"ctime\":0,\"ctime_ns\":0,\"inode\":0,\"offset\":0,\"member\":[0,0]}",
        "{\"path\":\"a\",\"type\":\"folder\",\"size\":0,\"mode\":4096,\"uid\":0,\"gid\":0,"
        "\"mtime\":0,"
        "\"mtime_ns\":0,\"ctime\":0,\"ctime_ns\":0,\"inode\":0,\"offset\":0,\"member\":[0,0]}",
        "{\"path\":\"a\",\"type\":\"folder\",\"size\":0,\"mode\":0,\"uid\":0,\"gid\":0,\"mtime\":0,"
        "\"mtime_ns\":1000000000,\"ctime\":0,\"ctime_ns\":0,\"inode\":0,\"offset\":0,"
        "\"member\":[0,0]}",
        "{\"path\":\"a\",\"type\":\"folder\",\"size\":0,\"mode\":0,\"uid\":0,\"gid\":0,\"mtime\":0,"
        "\"mtime_ns\":0,\"ctime\":0,\"ctime_ns\":0,\"inode\":0,\"offset\":0,\"member\":[0]}",
        "{\"path\":\"a\",\"type\":\"folder\",\"size\":0,\"mode\":0,\"uid\":0,\"gid\":0,\"mtime\":0,"
        "\"mtime_ns\":0,\"ctime\":0,\"ctime_ns\":0,\"inode\":0,\"offset\":0,\"member\":[-1,0]}",
    };
    struct jb_error err = {0};
    CHECK(parse("{\"path\":\"a\",\"type\":\"folder\"," REST, &err) == 1);
    CHECK(parse("{\"path_hex\":\"61ff\",\"type\":\"folder\"," REST, &err) == 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err = (struct jb_error){0};
        int code = parse(bad[i], &err);
        CHECK(code == JB_ECORRUPT && err.code == JB_ECORRUPT);
        CHECK_HAS(err.text, "x.index");
        if (code != JB_ECORRUPT || err.code != code)
            printf("# %s\n", bad[i]);
    }
}

/* Nothing is read behind an error. */
static int read_all(int fd, size_t *count, struct jb_error *err)
{
    struct index_entry got;
    struct index_reader *reader = open_index(fd);
    int code;
    *count = 0;
    while ((code = jbi_index_next(reader, &got, err)) == 1)
        ++*count;
    int again = jbi_index_next(reader, &got, NULL);
    CHECK(again < 1);
    jbi_index_close(reader);
    return code;
}

static void a_damaged_file_is_noticed_at_any_byte(void)
{
    struct text text = {0};
    size_t len, count;
    jbi_index_line(&text, &entries[1]);
    jbi_index_line(&text, &entries[2]);
    int fd = index_of(text.at, text.len);
    unsigned char *content = file_content(fd, &len);
    for (size_t at = 0; at < len; at++) {
        struct jb_error err = {0};
        content[at] ^= 0xff;
        int flipped = memory_file_of(content, len), cut = memory_file_of(content, at);
        CHECK(read_all(flipped, &count, &err) == JB_ECORRUPT && err.code == JB_ECORRUPT);
        content[at] ^= 0xff;
        err = (struct jb_error){0};
        if (at > 0)
            CHECK(read_all(cut, &count, &err) == JB_ECORRUPT);
        close(flipped);
        close(cut);
    }
    free(content);
    close(fd);
    fd = index_of(text.at, text.len - 1); /* without its last line feed */
    struct jb_error err = {0};
    CHECK(read_all(fd, &count, &err) == JB_ECORRUPT && count == 1);
    CHECK_HAS(err.text, "cut off");
    close(fd);
    jbi_text_free(&text);
}

static void a_line_may_go_over_members_but_has_an_end(void)
{
    struct text text = {0};
    size_t count;
    for (int i = 0; i < 9000; i++)
        jbi_index_line(&text, &entries[2 + i % 4]);
    REQUIRE(text.len > 2 * MEMBER_PIECE);
    int fd = index_of(text.at, text.len);
    CHECK(read_all(fd, &count, NULL) == 0 && count == 9000);
    close(fd);
    text.len = 0;
    char *long_line = malloc(3 * MEMBER_PIECE);
    REQUIRE(long_line != NULL);
    memset(long_line, ' ', 3 * MEMBER_PIECE);
    fd = index_of(long_line, 3 * MEMBER_PIECE);
    struct jb_error err = {0};
    CHECK(read_all(fd, &count, &err) == JB_ECORRUPT && count == 0);
    CHECK_HAS(err.text, "too long");
    close(fd);
    free(long_line);
    jbi_text_free(&text);
    fd = memory_file();
    CHECK(read_all(fd, &count, NULL) == 0 && count == 0);
    close(fd);
    err = (struct jb_error){0};
    CHECK(read_all(-1, &count, &err) == JB_EIO);
}

int main(void)
{
    RUN(lines_are_read_back_the_same);
    RUN(finds_what_lies_below);
    RUN(hostile_lines_are_damage);
    RUN(both_ways_of_reading_a_line_agree);
    RUN(a_damaged_file_is_noticed_at_any_byte);
    RUN(a_line_may_go_over_members_but_has_an_end);
    return check_end();
}
