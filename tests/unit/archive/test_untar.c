/* SPDX-License-Identifier: MIT */
#include "archive/untar.h"

#include "fixture.h"

/* Writes down what it was shown. */
struct seen {
    struct text text;
    uint64_t content_len;
    int stop_at; /* the call that answers UNTAR_STOP; 0: none */
    int calls;
};

static int answer(struct seen *seen)
{
    return ++seen->calls == seen->stop_at ? UNTAR_STOP : JB_OK;
}

static int see_entry(void *user, const struct tar_entry *entry, uint64_t offset,
                     struct jb_error *err)
{
    struct seen *seen = user;
    (void)err;
    CHECK(offset % TAR_BLOCK == 0);
    jbi_text_addf(&seen->text, "%d:%s", (int)entry->type, entry->path);
    if (entry->link != NULL)
        jbi_text_addf(&seen->text, ">%s", entry->link);
    for (size_t i = 0; i < entry->xattr_count; i++)
        jbi_text_addf(&seen->text, "[%s]", entry->xattrs[i].name);
    return answer(seen);
}

static int see_content(void *user, const unsigned char *from, size_t len, struct jb_error *err)
{
    struct seen *seen = user;
    (void)err;
    CHECK(len > 0);
    jbi_text_add(&seen->text, (const char *)from, len < 20 ? len : 0);
    seen->content_len += len;
    return answer(seen);
}

static int see_end(void *user, struct jb_error *err)
{
    (void)err;
    jbi_text_adds(&((struct seen *)user)->text, ";");
    return answer(user);
}

static const struct untar_visitor visitor = {see_entry, see_content, see_end};

static void add(struct text *stream, const struct tar_entry *entry, const char *content)
{
    static const char zeros[TAR_BLOCK];
    struct tar_entry sized = *entry;
    struct tar *tar = jbi_tar_new();
    sized.size = content ? strlen(content) : 0;
    jbi_tar_encode(tar, &sized, stream);
    if (content != NULL)
        jbi_text_add(stream, content, strlen(content));
    jbi_text_add(stream, zeros, jbi_tar_padding(sized.size));
    jbi_tar_free(tar);
}

static void add_end(struct text *stream)
{
    static const char zeros[2 * TAR_BLOCK];
    jbi_text_add(stream, zeros, sizeof zeros);
}

/* The last header block of the stream, made to say something else. */
static void forge(struct text *stream, size_t at, const void *value, size_t len)
{
    char *block = stream->at + stream->len - TAR_BLOCK;
    unsigned sum = 0;
    memcpy(block + at, value, len);
    memset(block + 148, ' ', 8);
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += (unsigned char)block[i];
    snprintf(block + 148, 8, "%06o", sum);
}

static int feed(const struct text *stream, size_t len, size_t step, struct seen *seen,
                struct jb_error *err)
{
    struct untar *untar;
    int code = JB_OK;
    REQUIRE(jbi_untar_new(&untar, &visitor, seen, "x.tar", 0, NULL) == JB_OK);
    for (size_t at = 0; at < len && code == JB_OK; at += step) {
        size_t n = step < len - at ? step : len - at;
        unsigned char *piece = malloc(n); /* of its own, so that a step past its end is seen */
        REQUIRE(piece != NULL);
        memcpy(piece, stream->at + at, n);
        code = jbi_untar_feed(untar, piece, n, err);
        free(piece);
    }
    if (code == JB_OK)
        code = jbi_untar_finish(untar, err);
    CHECK(code != JB_OK || jbi_untar_is_done(untar));
    jbi_untar_free(untar);
    return code;
}

static const char long_name[] =
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
    "456789-over-a-hundred";

static void make_stream(struct text *stream)
{
    const struct tar_xattr xattr = {"user.a", "value", 5};
    add(stream, &(struct tar_entry){.type = TAR_FOLDER, .path = ".", .mode = 0755}, NULL);
    add(stream, &(struct tar_entry){.type = TAR_FILE, .path = "empty", .mtime_ns = 5}, "");
    add(stream, &(struct tar_entry){.type = TAR_FILE, .path = "file"}, "content");
    add(stream,
        &(struct tar_entry){
            .type = TAR_FILE, .path = long_name, .xattrs = &xattr, .xattr_count = 1},
        "x");
    add(stream, &(struct tar_entry){.type = TAR_HARDLINK, .path = "hard", .link = long_name}, NULL);
    add(stream, &(struct tar_entry){.type = TAR_SYMLINK, .path = "sym", .link = "/../x"}, NULL);
    add(stream, &(struct tar_entry){.type = TAR_FIFO, .path = "z"}, NULL);
    add_end(stream);
    REQUIRE(!stream->failed);
}

static void pieces_of_any_size_give_the_same(void)
{
    scope_text stream = {0}, want = {0};
    make_stream(&stream);
    jbi_text_addf(&want, "1:.;0:empty;0:file;0:%s[user.a];3:hard>%s;2:sym>/../x;4:z;", long_name,
                  long_name);
    static const size_t steps[] = {1, 7, 511, 512, 513, 1024, 100000};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct seen seen = {0};
        struct jb_error err = {0};
        CHECK(feed(&stream, stream.len, steps[i], &seen, &err) == JB_OK);
        CHECK(seen.content_len == 8);
        /* Without the contents, which come in pieces, too. */
        char *content = strstr(seen.text.at, "content");
        REQUIRE(content != NULL);
        memmove(content, content + 7, strlen(content + 7) + 1);
        content = strstr(seen.text.at, "[user.a]x");
        REQUIRE(content != NULL);
        memmove(content + 8, content + 9, strlen(content + 9) + 1);
        CHECK_TEXT(seen.text.at, want.at);
        jbi_text_free(&seen.text);
    }
}

static void a_stream_cut_anywhere_is_noticed(void)
{
    scope_text stream = {0};
    make_stream(&stream);
    for (size_t len = 0; len < stream.len - TAR_BLOCK; len += len % 512 == 511 ? 1 : 73) {
        struct seen seen = {0};
        struct jb_error err = {0};
        CHECK(feed(&stream, len, 700, &seen, &err) == JB_ECORRUPT && err.code == JB_ECORRUPT);
        jbi_text_free(&seen.text);
    }
}

static void a_visitor_may_stop_anywhere(void)
{
    scope_text stream = {0};
    make_stream(&stream);
    int calls = 1;
    for (;; calls++) {
        struct seen seen = {.stop_at = calls};
        int code = feed(&stream, stream.len, 512, &seen, NULL);
        jbi_text_free(&seen.text);
        if (code == JB_OK)
            break;
        CHECK(code == UNTAR_STOP && seen.calls == calls);
    }
    CHECK(calls == 17);
}

static int feed_entry(const struct tar_entry *entry, struct jb_error *err)
{
    scope_text stream = {0};
    struct seen seen = {0};
    add(&stream, entry, NULL);
    add_end(&stream);
    int code = feed(&stream, stream.len, 512, &seen, err);
    jbi_text_free(&seen.text);
    return code;
}

static void paths_that_lead_out_are_refused(void)
{
    static const char *const bad[] = {"..",  "../a", "a/..", "a/../b", "/a",
                                      "//a", "a//b", "./a",  "a/./b",  "a/.",
                                      "/",   "a/",   "",     "/..",    "a/../../b"};
    static const char *const good[] = {"...", "..a", "a..", "a/...", " ", ".a/.b", "~", "a\\..\\b"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (int type = TAR_FILE; type <= TAR_FIFO; type++) {
            struct tar_entry entry = {.type = (enum tar_type)type, .path = bad[i], .link = "x"};
            struct jb_error err = {0};
            if (type != TAR_SYMLINK && type != TAR_HARDLINK)
                entry.link = NULL;
            CHECK(!jbi_is_safe_path(bad[i]));
            CHECK(feed_entry(&entry, &err) == JB_ECORRUPT);
        }
        struct tar_entry hard = {.type = TAR_HARDLINK, .path = "a", .link = bad[i]};
        CHECK(feed_entry(&hard, NULL) == JB_ECORRUPT);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct tar_entry entry = {.type = TAR_FOLDER, .path = good[i]};
        CHECK(jbi_is_safe_path(good[i]) && feed_entry(&entry, NULL) == JB_OK);
    }
    struct tar_entry file = {.type = TAR_FILE, .path = "."};
    CHECK(feed_entry(&file, NULL) == JB_ECORRUPT);
    struct tar_entry nothing = {.type = TAR_SYMLINK, .path = "a", .link = ""};
    CHECK(feed_entry(&nothing, NULL) == JB_ECORRUPT);
    char *deep = malloc(200002);
    REQUIRE(deep != NULL);
    for (int i = 0; i < 100000; i++)
        memcpy(deep + 2 * i, "a/", 2);
    strcpy(deep + 200000, "a");
    struct tar_entry entry = {.type = TAR_FILE, .path = deep};
    CHECK(feed_entry(&entry, NULL) == JB_ECORRUPT);
    deep[ARCHIVE_PATH_MAX + 1] = '\0';
    CHECK(feed_entry(&entry, NULL) == JB_ECORRUPT);
    deep[ARCHIVE_PATH_MAX] = '\0';
    CHECK(feed_entry(&entry, NULL) == JB_OK);
    memset(deep, 'n', 256);
    deep[256] = '\0';
    CHECK(feed_entry(&entry, NULL) == JB_ECORRUPT);
    CHECK(feed_entry(&(struct tar_entry){.type = TAR_FILE, .path = deep + 1}, NULL) == JB_OK);
    free(deep);
}

static void types_of_others_are_refused(void)
{
    for (int type = 0; type < 256; type++) {
        scope_text stream = {0};
        struct seen seen = {0};
        struct jb_error err = {0};
        char flag = (char)type;
        if (type != 0 && strchr("01256xKL", flag) != NULL)
            continue;
        add(&stream, &(struct tar_entry){.type = TAR_FILE, .path = "a"}, NULL);
        forge(&stream, 156, &flag, 1);
        add_end(&stream);
        CHECK(feed(&stream, stream.len, 512, &seen, &err) == JB_ECORRUPT);
        jbi_text_free(&seen.text);
    }
}

static int feed_forged(char flag, const char *size, const char *content, size_t content_len,
                       struct jb_error *err)
{
    static const char zeros[TAR_BLOCK];
    scope_text stream = {0};
    struct seen seen = {0};
    add(&stream, &(struct tar_entry){.type = TAR_FILE, .path = "a"}, NULL);
    forge(&stream, 156, &flag, 1);
    forge(&stream, 124, size, 12);
    jbi_text_add(&stream, content, content_len);
    jbi_text_add(&stream, zeros, jbi_tar_padding(content_len));
    add(&stream, &(struct tar_entry){.type = TAR_FILE, .path = "b"}, NULL);
    add_end(&stream);
    int code = feed(&stream, stream.len, 512, &seen, err);
    jbi_text_free(&seen.text);
    return code;
}

static void hostile_extensions_are_refused(void)
{
    static const char *const pax[] = {
        "x",
        "9 a=b\n",
        "6 a=b\n",
        "-6 a=b\n",
        "99999999999999999999 a=b\n",
        "5 a=\n\n",
        "4 a\n",
        "4 =\n",
        "12 path=../\n",
        "10 size=5\n",
        "10 mtime=\n",
        "11 mtime=x\n",
        "12 mtime=1x\n",
        "13 mtime=1.x\n",
        "29 mtime=9999999999999999999\n",
        "33 mtime=-9223372036854775808.5\n",
        "17 SCHILY.xattr.=\n",
        "18 GNU.sparse.a=1\n",
        "0 a=b\n",
    };
    for (size_t i = 0; i < sizeof pax / sizeof *pax; i++) {
        char size[32];
        struct jb_error err = {0};
        size_t len = strlen(pax[i]);
        snprintf(size, sizeof size, "%011zo", len);
        CHECK(feed_forged('x', size, pax[i], len, &err) == JB_ECORRUPT);
        if (err.code != JB_ECORRUPT)
            printf("# %s\n", pax[i]);
    }
    CHECK(feed_forged('x', "00000000014", "12 mtime=-1\n", 12, NULL) == JB_OK);
    CHECK(feed_forged('x', "00000000000", "", 0, NULL) == JB_ECORRUPT);
    CHECK(feed_forged('L', "77777777777", "", 0, NULL) == JB_ECORRUPT);
    CHECK(feed_forged('L', "00000000001", "\0", 1, NULL) == JB_ECORRUPT);
    CHECK(feed_forged('L', "00000000003", "a\0b", 3, NULL) == JB_ECORRUPT);
    CHECK(feed_forged('L', "00000000002", "ab", 2, NULL) == JB_ECORRUPT);
    CHECK(feed_forged('L', "00000000002", "c\0", 2, NULL) == JB_OK);
    CHECK(feed_forged('L', "00000000003", "..", 3, NULL) == JB_ECORRUPT);
    CHECK(feed_forged('5', "00000000001", "x", 1, NULL) == JB_ECORRUPT);
    CHECK(feed_forged('0', "77777777777", "", 0, NULL) == JB_ECORRUPT);
}

static void nothing_follows_the_end(void)
{
    scope_text stream = {0};
    struct seen seen = {0};
    add_end(&stream);
    CHECK(feed(&stream, stream.len, 512, &seen, NULL) == JB_OK);
    jbi_text_add(&stream, "x", 1);
    CHECK(feed(&stream, stream.len, 512, &seen, NULL) == JB_ECORRUPT);
    CHECK(seen.calls == 0);
}

int main(void)
{
    RUN(pieces_of_any_size_give_the_same);
    RUN(a_stream_cut_anywhere_is_noticed);
    RUN(a_visitor_may_stop_anywhere);
    RUN(paths_that_lead_out_are_refused);
    RUN(types_of_others_are_refused);
    RUN(hostile_extensions_are_refused);
    RUN(nothing_follows_the_end);
    return check_end();
}
