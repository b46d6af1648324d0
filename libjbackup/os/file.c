/* SPDX-License-Identifier: MIT */
/* Reading and writing whole files. Invariant: what was renamed into place was fsynced before. */
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"
#include "os/tree.h"

ssize_t jbi_read_full(int fd, void *to, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = read(fd, (char *)to + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

ssize_t jbi_pread_full(int fd, void *to, size_t len, uint64_t offset)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(fd, (char *)to + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

int jbi_write_full(int fd, const void *from, size_t len)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = write(fd, (const char *)from + done, len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        done += (size_t)n;
    }
    return 0;
}

static int file_read(int dir_fd, const char *path, int flags, size_t limit, char **out, size_t *len,
                     struct jb_error *err)
{
    /* O_NONBLOCK: a FIFO in the place of the file must not hang us. */
    scope_fd int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
    if (fd < 0)
        return jbi_fail_errno(err, errno == ENOENT ? JB_ENOTFOUND : JB_EIO, "cannot open \"%s\"",
                              path);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot look at \"%s\"", path);
    if (!S_ISREG(st.st_mode))
        return jbi_fail(err, JB_EIO, "cannot read \"%s\": not a regular file", path);
    if ((uint64_t)st.st_size > limit)
        return jbi_fail(err, JB_ECORRUPT, "cannot read \"%s\": larger than %zu bytes", path, limit);

    size_t size = (size_t)st.st_size;
    scope_free char *text = malloc(size + 1);
    if (text == NULL)
        return jbi_fail_memory(err);
    ssize_t got = jbi_read_full(fd, text, size);
    if (got < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot read \"%s\"", path);
    text[got] = '\0';
    *len = (size_t)got;
    *out = text;
    text = NULL;
    return JB_OK;
}

int jbi_file_read(int dir_fd, const char *path, size_t limit, char **out, size_t *len,
                  struct jb_error *err)
{
    return file_read(dir_fd, path, O_NOFOLLOW, limit, out, len, err);
}

int jbi_file_read_linked(int dir_fd, const char *path, size_t limit, char **out, size_t *len,
                         struct jb_error *err)
{
    return file_read(dir_fd, path, 0, limit, out, len, err);
}

/* Writes and fsyncs the file under its temporary name. */
static int write_synced(int dir_fd, const char *name, const char *from, size_t len, mode_t mode,
                        struct jb_error *err)
{
    int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
    scope_fd int fd = openat(dir_fd, name, flags, mode);
    if (fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot make \"%s\"", name);
    if (fchmod(fd, mode) < 0 || jbi_write_full(fd, from, len) < 0 || fsync(fd) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot write \"%s\"", name);
    return JB_OK;
}

int jbi_file_write_atomic(int dir_fd, const char *name, const char *from, size_t len, mode_t mode,
                          struct jb_error *err)
{
    char temporary[300];
    int n = snprintf(temporary, sizeof temporary, ".%s.tmp", name);
    if (n < 0 || (size_t)n >= sizeof temporary)
        return jbi_fail(err, JB_EINVAL, "cannot write \"%s\": name too long", name);
    int code = write_synced(dir_fd, temporary, from, len, mode, err);
    if (code == JB_OK && (renameat(dir_fd, temporary, dir_fd, name) < 0 || fsync(dir_fd) < 0))
        code = jbi_fail_errno(err, JB_EIO, "cannot put \"%s\" in place", name);
    if (code < 0)
        unlinkat(dir_fd, temporary, 0);
    return code;
}

int jbi_file_equal(int a, int b, struct jb_error *err)
{
    enum { PIECE = 256 * 1024 };
    struct stat sa, sb;
    if (fstat(a, &sa) < 0 || fstat(b, &sb) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot look at a file to compare");
    if (sa.st_size != sb.st_size)
        return 0;
    scope_free char *buffer = malloc(2 * PIECE);
    if (buffer == NULL)
        return jbi_fail_memory(err);
    for (uint64_t at = 0; at < (uint64_t)sa.st_size; at += PIECE) {
        ssize_t na = jbi_pread_full(a, buffer, PIECE, at);
        ssize_t nb = jbi_pread_full(b, buffer + PIECE, PIECE, at);
        if (na < 0 || nb < 0)
            return jbi_fail_errno(err, JB_EIO, "cannot read a file to compare");
        if (na != nb || memcmp(buffer, buffer + PIECE, (size_t)na) != 0)
            return 0;
    }
    return 1;
}

/* Our own restores may have made folders that their owner can't change. */
static void make_changeable(int dir_fd, const char *name, const struct stat *st)
{
    if (S_ISDIR(st->st_mode) && (st->st_mode & S_IRWXU) != S_IRWXU)
        (void)!fchmodat(dir_fd, name, S_IRWXU, 0); /* if it fails, emptying says why */
}

/* A folder is emptied on the way in, and removed on the way out; all else goes at once. */
static int remove_visit(void *user, const struct tree_entry *entry, struct jb_error *err)
{
    (void)user;
    if (entry->sys_errno != 0) {
        errno = entry->sys_errno;
        return jbi_fail_errno(err, JB_EIO, "cannot read folder \"%s\" to remove it", entry->path);
    }
    bool is_folder = S_ISDIR(entry->st.st_mode);
    if (is_folder && !entry->is_leaving) {
        make_changeable(entry->dir_fd, entry->name, &entry->st);
        return TREE_GO_ON;
    }
    if (unlinkat(entry->dir_fd, entry->name, is_folder ? AT_REMOVEDIR : 0) < 0 && errno != ENOENT)
        return jbi_fail_errno(err, JB_EIO, "cannot remove \"%s\"", entry->path);
    return TREE_GO_ON;
}

int jbi_remove_tree(int dir_fd, const char *name, struct jb_error *err)
{
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return JB_OK;
    if (errno != EISDIR && errno != EPERM)
        return jbi_fail_errno(err, JB_EIO, "cannot remove \"%s\"", name);
    struct stat st;
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
        make_changeable(dir_fd, name, &st);
    scope_fd int fd = -1;
    int code = jbi_open_dir(dir_fd, name, &fd, err);
    if (code == JB_OK)
        code = jbi_tree_walk(fd, true, remove_visit, NULL, err);
    if (code == JB_OK && unlinkat(dir_fd, name, AT_REMOVEDIR) < 0)
        code = jbi_fail_errno(err, JB_EIO, "cannot remove folder \"%s\"", name);
    return code;
}

int jbi_open_dir(int dir_fd, const char *name, int *out, struct jb_error *err)
{
    *out = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*out < 0)
        return jbi_fail_errno(err, errno == ENOENT ? JB_ENOTFOUND : JB_EIO,
                              "cannot open folder \"%s\"", name);
    return JB_OK;
}

int jbi_open_regular(int dir_fd, const char *path, int *out, struct jb_error *err)
{
    struct stat st;
    const char *slash = strchr(path, '/');
    *out = -1;
    if (slash != NULL) {
        char folder[256];
        scope_fd int folder_fd = -1;
        size_t len = (size_t)(slash - path);
        if (len == 0 || len >= sizeof folder)
            return jbi_fail(err, JB_EINVAL, "cannot open \"%s\": no such path is possible", path);
        memcpy(folder, path, len);
        folder[len] = '\0';
        int code = jbi_open_dir(dir_fd, folder, &folder_fd, err);
        return code < 0 ? code : jbi_open_regular(folder_fd, slash + 1, out, err);
    }
    int fd = openat(dir_fd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return jbi_fail_errno(err,
                              errno == ENOENT  ? JB_ENOTFOUND
                              : errno == ELOOP ? JB_ECORRUPT
                                               : JB_EIO,
                              "cannot open \"%s\"", path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return jbi_fail(err, JB_ECORRUPT, "cannot read \"%s\": not a regular file", path);
    }
    *out = fd;
    return JB_OK;
}

static int path_open(int dir_fd, const char *path, size_t len, bool is_made, mode_t mode)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && len > 0) {
        char name[256];
        size_t step = strcspn(path, "/");
        step = step < len ? step : len;
        if (step >= sizeof name) {
            close(fd);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, path, step);
        name[step] = '\0';
        if (is_made && mkdirat(fd, name, mode) < 0 && errno != EEXIST) {
            close(fd);
            return -1;
        }
        int below = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int why = errno;
        close(fd);
        errno = why;
        fd = below;
        path += step < len ? step + 1 : step;
        len -= step < len ? step + 1 : step;
    }
    return fd;
}

int jbi_make_path(int dir_fd, const char *path, size_t len, mode_t mode)
{
    return path_open(dir_fd, path, len, true, mode);
}

int jbi_open_path(int dir_fd, const char *path, size_t len)
{
    return path_open(dir_fd, path, len, false, 0);
}
