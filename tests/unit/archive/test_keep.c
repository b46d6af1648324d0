/* SPDX-License-Identifier: MIT */
/* Members copied from the archive before, where the writer is given entries that are unchanged. */
#include <unistd.h>

#include "archive/writer.h"
#include "fixture.h"

#define FILES 400
#define LARGE 150

/* A tree of files in memory, all open. */
struct tree {
    char paths[FILES][24];
    int fds[FILES];
    bool is_gone[FILES];
};

struct written {
    int archive_fd, index_fd;
    struct archive_totals totals;
    size_t kept, differing;
    bool copy_failed;
};

#define ALL_SETTLED_US 4000000000000000

static void content_put(const struct tree *tree, uint32_t i, size_t size, uint32_t seed)
{
    unsigned char *content = malloc(size + 1);
    REQUIRE(content != NULL && ftruncate(tree->fds[i], 0) == 0);
    fill(content, size, seed);
    REQUIRE(pwrite(tree->fds[i], content, size, 0) == (ssize_t)size);
    free(content);
}

static struct tree *tree_new(void)
{
    struct tree *tree = calloc(1, sizeof *tree);
    REQUIRE(tree != NULL);
    for (uint32_t i = 0; i < FILES; i++) {
        snprintf(tree->paths[i], sizeof tree->paths[i], "f%02u-%06u", i / 20, i);
        tree->fds[i] = memory_file();
        content_put(tree, i, i == LARGE ? 2500000 : i * 7919 % 9000, i);
    }
    return tree;
}

static void tree_free(struct tree *tree)
{
    for (size_t i = 0; i < FILES; i++)
        close(tree->fds[i]);
    free(tree);
}

/* Other bytes; the clock of change times is given the time to move on. */
static void edit(const struct tree *tree, uint32_t i, size_t size)
{
    usleep(20000);
    content_put(tree, i, size, i + 5000);
}

static void say_differs(void *user, const char *path)
{
    struct written *written = user;
    (void)path;
    written->differing++;
}

/* Writes the tree; before may be NULL. */
static struct written tree_write(const struct tree *tree, const struct written *before,
                                 int64_t before_us, bool only_compare)
{
    struct written written = {.archive_fd = memory_file(), .index_fd = memory_file()};
    struct members_options options = options_of(2);
    struct archive_writer *writer;
    struct previous previous = {.name = "before", .before_us = before_us};
    REQUIRE(jbi_archive_begin(&writer, written.archive_fd, written.index_fd, &options, NULL) ==
            JB_OK);
    if (before != NULL) {
        previous.archive_fd = before->archive_fd;
        previous.archive_size = file_size(before->archive_fd);
        previous.only_compare = only_compare;
        REQUIRE(jbi_previous_open(&previous, before->index_fd, "index", NULL) == JB_OK);
        jbi_archive_follow(writer, &previous, say_differs, &written);
    }
    int code = JB_OK;
    for (size_t i = 0; i < FILES && code == JB_OK; i++) {
        struct archive_item item = {.path = tree->paths[i]};
        struct archive_outcome outcome;
        bool is_kept = false;
        if (tree->is_gone[i])
            continue;
        REQUIRE(fstat(tree->fds[i], &item.st) == 0);
        code = jbi_archive_keep(writer, &item, &is_kept, NULL);
        written.kept += is_kept;
        if (code == JB_OK && !is_kept)
            code = jbi_archive_add(writer, &item, tree->fds[i], &outcome, NULL);
    }
    if (code == JB_OK)
        code = jbi_archive_end(writer, &written.totals, NULL);
    written.copy_failed = code < 0 && jbi_archive_copy_failed(writer);
    CHECK(code == JB_OK || written.copy_failed);
    jbi_archive_free(writer);
    jbi_previous_close(&previous);
    return written;
}

static void drop(struct written *written)
{
    close(written->archive_fd);
    close(written->index_fd);
}

static bool is_equal(int a, int b)
{
    return jbi_file_equal(a, b, NULL) == 1;
}

static struct written as_read(const struct tree *tree)
{
    return tree_write(tree, NULL, 0, false);
}

static void what_is_unchanged_is_not_even_written(void)
{
    struct tree *tree = tree_new();
    struct written first = as_read(tree);
    struct written second = tree_write(tree, &first, ALL_SETTLED_US, false);
    CHECK(second.kept == FILES && second.totals.is_same && file_size(second.archive_fd) == 0);
    CHECK(second.totals.copied == first.totals.archive.size);
    CHECK(second.totals.archive.crc32 == first.totals.archive.crc32);
    CHECK(is_equal(first.index_fd, second.index_fd));
    drop(&first);
    drop(&second);
    tree_free(tree);
}

/* Changes the tree in one way after another; each time the archive is that of a reading. */
static void a_change_gives_what_reading_gives(void)
{
    static const struct {
        uint32_t at;
        size_t size;
        bool goes;
    } changes[] = {
        {200, 5000, false},  {200, 5001, false},   {0, 10, false},       {FILES - 1, 700, false},
        {77, 0, true},       {LARGE, 0, true},     {LARGE + 1, 0, true}, {FILES - 1, 0, true},
        {30, 900000, false}, {31, 2000000, false}, {FILES - 2, 0, true}, {31, 100, false},
    };
    struct tree *tree = tree_new();
    struct written before = as_read(tree);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        if (changes[i].goes)
            tree->is_gone[changes[i].at] = true;
        else
            edit(tree, changes[i].at, changes[i].size);
        struct written now = tree_write(tree, &before, ALL_SETTLED_US, false);
        struct written read = as_read(tree);
        CHECK(now.kept > 0 && now.totals.copied > 0 && !now.totals.is_same);
        CHECK(is_equal(now.archive_fd, read.archive_fd) && is_equal(now.index_fd, read.index_fd));
        CHECK_TEXT(now.totals.archive.sha256, read.totals.archive.sha256);
        CHECK(now.totals.archive.crc32 == read.totals.archive.crc32);
        drop(&before);
        drop(&read);
        before = now;
    }
    drop(&before);
    tree_free(tree);
}

/* One byte after another; what is not copied may be damaged. */
static void damage_is_found_before_anything_is_used(void)
{
    struct tree *tree = tree_new();
    struct written before = as_read(tree);
    edit(tree, 200, 5000);
    struct written read = as_read(tree);
    size_t size = file_size(before.archive_fd), found = 0, tries = 0;
    for (size_t at = 0; at < size; at += tries < 40 ? 1 : size / 60, tries++) {
        unsigned char byte;
        REQUIRE(pread(before.archive_fd, &byte, 1, (off_t)at) == 1);
        byte ^= 4;
        REQUIRE(pwrite(before.archive_fd, &byte, 1, (off_t)at) == 1);
        struct written now = tree_write(tree, &before, ALL_SETTLED_US, false);
        CHECK(now.copy_failed || is_equal(now.archive_fd, read.archive_fd));
        found += now.copy_failed;
        drop(&now);
        byte ^= 4;
        REQUIRE(pwrite(before.archive_fd, &byte, 1, (off_t)at) == 1);
    }
    CHECK(found + 5 > tries);
    drop(&before);
    drop(&read);
    tree_free(tree);
}

static void what_may_not_have_settled_is_read(void)
{
    struct tree *tree = tree_new();
    struct stat st;
    REQUIRE(fstat(tree->fds[0], &st) == 0);
    int64_t changed_us = (int64_t)st.st_ctim.tv_sec * 1000000 + st.st_ctim.tv_nsec / 1000;
    struct written first = as_read(tree);
    struct written second = tree_write(tree, &first, changed_us, false);
    CHECK(second.kept == 0 && second.totals.copied == 0);
    CHECK(is_equal(first.archive_fd, second.archive_fd));
    drop(&second);
    second = tree_write(tree, &first, ALL_SETTLED_US, true);
    CHECK(second.kept == 0 && second.differing == 0 && second.totals.copied == 0);
    CHECK(is_equal(first.archive_fd, second.archive_fd));
    drop(&first);
    drop(&second);
    tree_free(tree);
}

int main(void)
{
    RUN(what_is_unchanged_is_not_even_written);
    RUN(a_change_gives_what_reading_gives);
    RUN(damage_is_found_before_anything_is_used);
    RUN(what_may_not_have_settled_is_read);
    return check_end();
}
