/* SPDX-License-Identifier: MIT */
/*
 * Dumps of PostgreSQL. The first byte chooses: even, the rest is a stream to pack, which arrives in
 * parts whose size the byte tells; odd, the rest is a packed file to check; 't', it is a dump as
 * text. What was packed must pass the check with equal contents, what is told of a file must be so,
 * whatever it holds, and text must be read the same in parts as at once.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "adapter/digest.h"
#include "archive/dump.h"
#include "archive/dump_text.h"
#include "os/file.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

struct feed {
    const unsigned char *at;
    size_t len, part;
};

static const struct hooks no_hooks;

static void expect(_Bool is_so)
{
    if (!is_so)
        abort();
}

static int feed_read(void *user, void *to, size_t room, size_t *got, struct jb_error *err)
{
    struct feed *feed = user;
    (void)err;
    *got = feed->len < room ? feed->len : room;
    *got = *got < feed->part ? *got : feed->part;
    memcpy(to, feed->at, *got);
    feed->at += *got;
    feed->len -= *got;
    return JB_OK;
}

static struct dump_options options_of(struct arena *arena)
{
    return (struct dump_options){
        .jobs = 1, .hooks = &no_hooks, .step = "fuzz", .name = "fuzz", .arena = arena};
}

static int memory_file(const unsigned char *data, size_t size)
{
    int fd = memfd_create("dump", MFD_CLOEXEC);
    expect(fd >= 0 && jbi_write_full(fd, data, size) == 0 && lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static void check_texts(const struct dump_contents *contents)
{
    uint64_t rows = 0;
    for (size_t i = 0; i < contents->table_count; i++) {
        expect(contents->tables[i].name != NULL && contents->tables[i].columns != NULL);
        expect(strlen(contents->tables[i].sha256) == SHA256_HEX_SIZE - 1);
        rows += contents->tables[i].rows;
    }
    expect(rows + contents->large_objects.bytes <= contents->raw_size);
    for (size_t i = 0; i < contents->sequence_count; i++)
        expect(contents->sequences[i].name != NULL);
}

static int check(int fd, struct dump_contents *contents, struct dump_seen *seen,
                 struct arena *arena)
{
    struct jb_error err = {0};
    struct dump_options options = options_of(arena);
    int code = jbi_dump_check(fd, &options, contents, seen, &err);
    expect(code == err.code);
    expect(code == JB_OK || code == JB_ECORRUPT || code == JB_EUNSUPPORTED);
    expect((code == JB_OK) == (seen->why == NULL) || code == JB_EUNSUPPORTED);
    if (code == JB_OK)
        check_texts(contents);
    return code;
}

static void try_check(const unsigned char *data, size_t size)
{
    struct dump_contents contents;
    struct dump_seen seen;
    struct arena arena = {0};
    char hex[SHA256_HEX_SIZE];
    struct digest *digest = jbi_digest_new();
    int fd = memory_file(data, size);
    (void)check(fd, &contents, &seen, &arena);
    expect(digest != NULL);
    jbi_digest_begin(digest);
    jbi_digest_add(digest, data, size);
    jbi_digest_end(digest, hex);
    expect(seen.bytes == size && strcmp(seen.sha256, hex) == 0);
    jbi_digest_free(digest);
    jbi_arena_free(&arena);
    close(fd);
}

static void expect_equal(const struct dump_contents *a, const struct dump_contents *b)
{
    expect(a->table_count == b->table_count && a->sequence_count == b->sequence_count);
    expect(a->raw_size == b->raw_size && strcmp(a->schema_sha256, b->schema_sha256) == 0);
    expect(strcmp(a->large_objects.sha256, b->large_objects.sha256) == 0);
    for (size_t i = 0; i < a->table_count; i++)
        expect(strcmp(a->tables[i].name, b->tables[i].name) == 0 &&
               a->tables[i].rows == b->tables[i].rows &&
               strcmp(a->tables[i].sha256, b->tables[i].sha256) == 0);
}

static void try_pack(const unsigned char *data, size_t size, size_t part)
{
    struct dump_contents packed, checked;
    struct dump_seen seen;
    struct arena arena = {0};
    struct jb_error err = {0};
    struct feed feed = {data, size, part};
    struct dump_options options = options_of(&arena);
    int fd = memfd_create("dump", MFD_CLOEXEC);
    expect(fd >= 0);
    int code = jbi_dump_pack(feed_read, &feed, fd, &options, &packed, &err);
    expect(code == err.code);
    expect(code == JB_OK || code == JB_ECORRUPT || code == JB_EUNSUPPORTED);
    if (code == JB_OK) {
        expect(lseek(fd, 0, SEEK_SET) == 0);
        expect(check(fd, &checked, &seen, &arena) == JB_OK);
        expect_equal(&packed, &checked);
    }
    jbi_arena_free(&arena);
    close(fd);
}

static int read_text(const unsigned char *data, size_t size, size_t part,
                     struct dump_contents *contents, struct arena *arena)
{
    struct jb_error err = {0};
    struct feed feed = {data, size, part};
    struct dump_options options = options_of(arena);
    int code = jbi_dump_text_digest(feed_read, &feed, &options, contents, &err);
    expect(code == err.code && (code == JB_OK || code == JB_ECORRUPT));
    if (code == JB_OK)
        check_texts(contents);
    return code;
}

static void try_text(const unsigned char *data, size_t size)
{
    struct dump_contents whole, parts;
    struct arena arena = {0};
    int code = read_text(data, size, SIZE_MAX, &whole, &arena);
    expect(read_text(data, size, 3, &parts, &arena) == code);
    expect(whole.table_count == parts.table_count && whole.raw_size == parts.raw_size);
    for (size_t i = 0; code == JB_OK && i < whole.table_count; i++)
        expect(strcmp(whole.tables[i].name, parts.tables[i].name) == 0 &&
               strcmp(whole.tables[i].columns, parts.tables[i].columns) == 0 &&
               strcmp(whole.tables[i].sha256, parts.tables[i].sha256) == 0);
    jbi_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] == 't')
        try_text(data + 1, size - 1);
    else if (data[0] & 1)
        try_check(data + 1, size - 1);
    else
        try_pack(data + 1, size - 1, data[0] == 0 ? SIZE_MAX : data[0] / 2);
    return 0;
}
