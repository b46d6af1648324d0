/* SPDX-License-Identifier: MIT */
/*
 * A row of files under way, each with its open descriptor. A large file is read by the caller's
 * thread, so that nobody waits long for it without hearing of progress.
 */
#include "source/file_digests.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adapter/digest.h"
#include "base/error.h"
#include "os/file.h"
#include "os/pipeline.h"

#define UNDER_WAY_MAX 64
#define READ_PIECE    (256u << 10)
#define LARGE_MIN     (32u << 20)
#define READERS_MAX   33 /* the threads of a pipeline, and the caller */

struct reader {
    struct digest *digest;
    unsigned char *buffer;
};

struct file {
    struct file *next_free;
    int fd; /* -1: none */
    char *path;
    struct stat st;
    char expected[SHA256_HEX_SIZE], sha256[SHA256_HEX_SIZE];
    uint64_t len; /* read so far */
    int sys_errno;
};

struct file_digests {
    struct file_digests_user user;
    struct pipeline *pipeline;
    struct reader readers[READERS_MAX];
    unsigned reader_count; /* the last one is the caller's */
    struct file files[UNDER_WAY_MAX];
    struct file *free;
    atomic_bool is_stopping;
};

/* Reads the next bytes into the digest; false at the end, or after a failure. */
static bool read_piece(struct reader *reader, struct file *file)
{
    ssize_t got = jbi_read_full(file->fd, reader->buffer, READ_PIECE);
    if (got < 0)
        file->sys_errno = errno;
    if (got <= 0)
        return false;
    jbi_digest_add(reader->digest, reader->buffer, (size_t)got);
    file->len += (uint64_t)got;
    return (size_t)got == READ_PIECE;
}

static void digest_file(void *user, unsigned worker, void *job)
{
    struct file_digests *digests = user;
    struct reader *reader = &digests->readers[worker];
    struct file *file = job;
    jbi_digest_begin(reader->digest);
    while (!atomic_load_explicit(&digests->is_stopping, memory_order_relaxed) &&
           read_piece(reader, file))
        ;
    jbi_digest_end(reader->digest, file->sha256);
}

static bool readers_new(struct file_digests *digests)
{
    for (unsigned i = 0; i < digests->reader_count; i++) {
        digests->readers[i].digest = jbi_digest_new();
        digests->readers[i].buffer = malloc(READ_PIECE);
        if (digests->readers[i].digest == NULL || digests->readers[i].buffer == NULL)
            return false;
    }
    return true;
}

int jbi_file_digests_new(struct file_digests **out, unsigned jobs,
                         const struct file_digests_user *user, struct jb_error *err)
{
    struct file_digests *digests = calloc(1, sizeof *digests);
    if (digests == NULL)
        return jbi_fail_memory(err);
    unsigned workers = jbi_worker_count(jobs);
    digests->user = *user;
    digests->reader_count = workers + 1;
    for (size_t i = 0; i < UNDER_WAY_MAX; i++) {
        digests->files[i].fd = -1;
        digests->files[i].next_free = digests->free;
        digests->free = &digests->files[i];
    }
    int code = readers_new(digests) ? JB_OK : jbi_fail_memory(err);
    if (code == JB_OK)
        code =
            jbi_pipeline_new(&digests->pipeline, workers, UNDER_WAY_MAX, digest_file, digests, err);
    if (code < 0) {
        jbi_file_digests_free(digests);
        return code;
    }
    *out = digests;
    return JB_OK;
}

static void file_release(struct file_digests *digests, struct file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    free(file->path);
    file->fd = -1;
    file->path = NULL;
    file->next_free = digests->free;
    digests->free = file;
}

static bool has_changed(const struct file *file)
{
    const struct stat *was = &file->st;
    struct stat is;
    return fstat(file->fd, &is) < 0 || is.st_dev != was->st_dev || is.st_ino != was->st_ino ||
           is.st_size != was->st_size || is.st_mtim.tv_sec != was->st_mtim.tv_sec ||
           is.st_mtim.tv_nsec != was->st_mtim.tv_nsec || is.st_ctim.tv_sec != was->st_ctim.tv_sec ||
           is.st_ctim.tv_nsec != was->st_ctim.tv_nsec;
}

/* Says what became of a file that was read to its end. */
static int file_end(struct file_digests *digests, struct file *file, struct jb_error *err)
{
    const struct file_digest done = {
        .path = file->path,
        .size = (uint64_t)file->st.st_size,
        .is_as_expected = strcmp(file->sha256, file->expected) == 0,
        .has_changed = has_changed(file),
        .sys_errno = file->sys_errno,
    };
    int code = digests->user.done(digests->user.user, &done, err);
    file_release(digests, file);
    return code;
}

/* Takes the oldest file back; *is_last when there was none. */
static int take_oldest(struct file_digests *digests, bool *is_last, struct jb_error *err)
{
    struct file *file = jbi_pipeline_next(digests->pipeline);
    *is_last = file == NULL;
    if (file == NULL)
        return JB_OK;
    uint64_t len = file->len;
    int code = file_end(digests, file, err);
    return code < 0 ? code : digests->user.read(digests->user.user, len, err);
}

static int digest_large(struct file_digests *digests, struct file *file, struct jb_error *err)
{
    struct reader *reader = &digests->readers[digests->reader_count - 1];
    uint64_t said = 0;
    int code = JB_OK;
    bool goes_on = true;
    jbi_digest_begin(reader->digest);
    while (goes_on && code == JB_OK) {
        goes_on = read_piece(reader, file);
        code = digests->user.read(digests->user.user, file->len - said, err);
        said = file->len;
    }
    jbi_digest_end(reader->digest, file->sha256);
    return code;
}

int jbi_file_digests_add(struct file_digests *digests, int fd, const char *path,
                         const struct stat *st, const char expected[SHA256_HEX_SIZE],
                         struct jb_error *err)
{
    int code = JB_OK;
    bool is_large = st->st_size >= LARGE_MIN, is_last = false;
    /* What was added before a large file is said before it. */
    while (code == JB_OK && !is_last && (is_large || digests->free == NULL))
        code = take_oldest(digests, &is_last, err);
    struct file *file = digests->free;
    if (code < 0 || file == NULL) {
        close(fd);
        return code;
    }
    digests->free = file->next_free;
    *file = (struct file){.fd = fd, .path = strdup(path), .st = *st};
    memcpy(file->expected, expected, SHA256_HEX_SIZE);
    if (file->path == NULL) {
        file_release(digests, file);
        return jbi_fail_memory(err);
    }
    if (!is_large) {
        jbi_pipeline_submit(digests->pipeline, file);
        return JB_OK;
    }
    code = digest_large(digests, file, err);
    if (code == JB_OK)
        return file_end(digests, file, err);
    file_release(digests, file);
    return code;
}

int jbi_file_digests_finish(struct file_digests *digests, struct jb_error *err)
{
    bool is_last = false;
    int code = JB_OK;
    while (code == JB_OK && !is_last)
        code = take_oldest(digests, &is_last, err);
    return code;
}

void jbi_file_digests_free(struct file_digests *digests)
{
    if (digests == NULL)
        return;
    atomic_store(&digests->is_stopping, true);
    jbi_pipeline_free(digests->pipeline);
    for (size_t i = 0; i < UNDER_WAY_MAX; i++) {
        if (digests->files[i].fd >= 0)
            file_release(digests, &digests->files[i]);
    }
    for (unsigned i = 0; i < digests->reader_count; i++) {
        jbi_digest_free(digests->readers[i].digest);
        free(digests->readers[i].buffer);
    }
    free(digests);
}
