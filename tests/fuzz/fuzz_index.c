/* SPDX-License-Identifier: MIT */
/*
 * The reader of indexes: each line of the input alone, the input packed as an index, and the input
 * as the packed file itself. An entry that was accepted must be written and read again the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "adapter/gzip.h"
#include "archive/index.h"
#include "archive/untar.h"
#include "os/file.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void expect(bool is_so)
{
    if (!is_so)
        abort();
}

static struct index_reader *open_index(int fd)
{
    struct index_reader *reader;
    expect(jbi_index_open(&reader, fd, "fuzz", NULL) == JB_OK);
    return reader;
}

static void check_round_trip(const struct index_entry *entry)
{
    struct text first = {0}, second = {0};
    struct index_entry again;
    struct index_reader *reader = open_index(-1);
    bool is_root = strcmp(entry->path, ".") == 0 && entry->type == TAR_FOLDER;
    expect(is_root || jbi_is_safe_path(entry->path));
    jbi_index_line(&first, entry);
    expect(!first.failed && first.at[first.len - 1] == '\n');
    expect(jbi_index_parse(reader, first.at, first.len - 1, &again, NULL) == 1);
    jbi_index_line(&second, &again);
    expect(strcmp(first.at, second.at) == 0);
    jbi_index_close(reader);
    jbi_text_free(&first);
    jbi_text_free(&second);
}

static void try_lines(const char *data, size_t size)
{
    struct index_reader *reader = open_index(-1);
    while (size > 0) {
        struct index_entry entry;
        struct jb_error err = {0};
        const char *end = memchr(data, '\n', size);
        size_t len = end ? (size_t)(end - data) : size;
        int code = jbi_index_parse(reader, data, len, &entry, &err);
        expect(code == 1 ? err.code == 0 : code == JB_ECORRUPT && err.code == code);
        if (code == 1)
            check_round_trip(&entry);
        data += len + (end != NULL);
        size -= len + (end != NULL);
    }
    jbi_index_close(reader);
}

static void try_file(const void *content, size_t size)
{
    int fd = memfd_create("index", MFD_CLOEXEC);
    expect(fd >= 0 && jbi_write_full(fd, content, size) == 0);
    for (int below = 0; below < 2; below++) {
        struct index_entry entry;
        struct index_reader *reader = open_index(fd);
        struct jb_error err = {0};
        int code;
        do {
            code = below ? jbi_index_next_below(reader, "a", &entry, &err)
                         : jbi_index_next(reader, &entry, &err);
        } while (code == 1);
        expect(code == err.code && (code == 0 || code == JB_ECORRUPT));
        expect(jbi_index_next(reader, &entry, NULL) < 2);
        jbi_index_close(reader);
    }
    close(fd);
}

static void try_packed(const unsigned char *data, size_t size)
{
    struct gzip *gzip = jbi_gzip_new(COMPRESSION_FAST);
    unsigned char *packed = malloc(jbi_gzip_bound(size));
    expect(gzip != NULL && packed != NULL);
    size_t len = jbi_gzip_member(gzip, data, size, packed);
    expect(len > 0);
    try_file(packed, len);
    jbi_gzip_free(gzip);
    free(packed);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
    try_lines((const char *)data, size);
    try_packed(data, size);
    try_file(data, size);
    return 0;
}
