/* SPDX-License-Identifier: MIT */
/* The list of files that two trees share, in memory and on the disk. */
#include "source/codebase_linked.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "archive/untar.h"
#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "os/tree.h"

#define NUMBERS 9

static int add(struct linked_files *files, const struct linked_file *file, struct jb_error *err)
{
    if (files->count == files->room) {
        size_t room = files->room ? 2 * files->room : 64;
        files->items =
            jbi_arena_grow(files->arena, files->items, files->count * sizeof *files->items,
                           room * sizeof *files->items);
        if (files->items == NULL)
            return jbi_fail_memory(err);
        files->room = room;
    }
    struct linked_file added = *file;
    added.path = jbi_arena_text(files->arena, file->path);
    if (added.path == NULL)
        return jbi_fail_memory(err);
    files->items[files->count++] = added;
    files->text_size += strlen(added.path) + (size_t)NUMBERS * 21 + 1;
    return JB_OK;
}

static struct linked_file file_of(const char *path, const struct stat *st)
{
    return (struct linked_file){
        .path = path,
        .inode = st->st_ino & INT64_MAX,
        .size = (uint64_t)st->st_size,
        .mode = st->st_mode,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .mtime_s = st->st_mtim.tv_sec,
        .ctime_s = st->st_ctim.tv_sec,
        .mtime_ns = (uint32_t)st->st_mtim.tv_nsec,
        .ctime_ns = (uint32_t)st->st_ctim.tv_nsec,
    };
}

int jbi_linked_add(struct linked_files *files, const char *path, const struct stat *st,
                   struct jb_error *err)
{
    struct linked_file file = file_of(path, st);
    return add(files, &file, err);
}

bool jbi_linked_is(const struct linked_file *file, const struct stat *st)
{
    struct linked_file now = file_of(file->path, st);
    return now.inode == file->inode && now.size == file->size && now.mode == file->mode &&
           now.uid == file->uid && now.gid == file->gid && now.mtime_s == file->mtime_s &&
           now.mtime_ns == file->mtime_ns && now.ctime_s == file->ctime_s &&
           now.ctime_ns == file->ctime_ns;
}

static int compare_path(const void *path, const void *file)
{
    return jbi_tree_order(path, ((const struct linked_file *)file)->path);
}

const struct linked_file *jbi_linked_find(const struct linked_files *files, const char *path)
{
    return files->count == 0
               ? NULL
               : bsearch(path, files->items, files->count, sizeof *files->items, compare_path);
}

static void digest_of(struct digest *digest, const char *text, size_t len,
                      char sha256[SHA256_HEX_SIZE])
{
    jbi_digest_begin(digest);
    jbi_digest_add(digest, (const unsigned char *)text, len);
    jbi_digest_end(digest, sha256);
}

int jbi_linked_write(const struct linked_files *files, int dir_fd, const char *name,
                     char sha256[SHA256_HEX_SIZE], struct jb_error *err)
{
    scope_digest *digest = jbi_digest_new();
    struct text text = {0};
    for (size_t i = 0; i < files->count; i++) {
        const struct linked_file *file = &files->items[i];
        jbi_text_addf(&text,
                      "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64
                      " %" PRIu32 " %" PRId64 " %" PRIu32 " ",
                      file->inode, file->size, file->mode, file->uid, file->gid, file->mtime_s,
                      file->mtime_ns, file->ctime_s, file->ctime_ns);
        jbi_text_add(&text, file->path, strlen(file->path) + 1);
    }
    int code = JB_OK;
    if (digest == NULL || text.failed)
        code = jbi_fail_memory(err);
    const char *from = text.len > 0 ? text.at : "";
    if (code == JB_OK) {
        digest_of(digest, from, text.len, sha256);
        code = jbi_file_write_atomic(dir_fd, name, from, text.len, 0600, err);
    }
    jbi_text_free(&text);
    return code;
}

/* Decimal digits and the blank behind them; moves *at on. */
static bool parse_number(const char **at, bool is_signed, int64_t *out)
{
    char *end;
    errno = 0;
    if (!(**at >= '0' && **at <= '9') && !(is_signed && **at == '-'))
        return false;
    *out = strtoll(*at, &end, 10);
    if (errno != 0 || *end != ' ')
        return false;
    *at = end + 1;
    return true;
}

static bool parse_line(const char *at, struct linked_file *file)
{
    int64_t numbers[NUMBERS];
    for (size_t i = 0; i < NUMBERS; i++) {
        bool is_time = i == 5 || i == 7, is_fraction = i == 6 || i == 8;
        if (!parse_number(&at, is_time, &numbers[i]) || (is_fraction && numbers[i] > 999999999))
            return false;
    }
    *file = (struct linked_file){
        .path = at,
        .inode = (uint64_t)numbers[0],
        .size = (uint64_t)numbers[1],
        .mode = (uint64_t)numbers[2],
        .uid = (uint64_t)numbers[3],
        .gid = (uint64_t)numbers[4],
        .mtime_s = numbers[5],
        .ctime_s = numbers[7],
        .mtime_ns = (uint32_t)numbers[6],
        .ctime_ns = (uint32_t)numbers[8],
    };
    return jbi_is_path_length(at) && (strcmp(at, ".") == 0 || jbi_is_safe_path(at));
}

int jbi_linked_read(struct linked_files *files, int dir_fd, const char *name, const char *sha256,
                    struct jb_error *err)
{
    scope_digest *digest = jbi_digest_new();
    scope_free char *text = NULL;
    char found[SHA256_HEX_SIZE];
    size_t len;
    if (digest == NULL)
        return jbi_fail_memory(err);
    int code = jbi_file_read(dir_fd, name, LINKED_SIZE_MAX, &text, &len, err);
    if (code < 0)
        return code;
    digest_of(digest, text, len, found);
    if (sha256 != NULL && strcmp(found, sha256) != 0)
        return jbi_fail(err, JB_ECORRUPT, "\"%s\" is not as the restore wrote it", name);
    const char *last = NULL;
    for (size_t at = 0; at < len && code == JB_OK; at += strlen(text + at) + 1) {
        struct linked_file file;
        bool is_right = parse_line(text + at, &file) && at + strlen(text + at) < len &&
                        (last == NULL || jbi_tree_order(last, file.path) < 0);
        code = is_right ? add(files, &file, err)
                        : jbi_fail(err, JB_ECORRUPT, "\"%s\" is malformed", name);
        last = code == JB_OK ? files->items[files->count - 1].path : NULL;
    }
    return code;
}
