/* SPDX-License-Identifier: MIT */
/* Modes, times and durability of the folders in which names are exchanged. A folder is known by its
 * inode number, so none is touched that only bears the name. */
#include "source/exchange_folders.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"
#include "os/file.h"

/* More folders than this are synced together. */
#define SYNCED_APART_MAX 64

/* The folder on either side, opened to be named only (its owner may be denied to read it), and its
 * name for calls that know no such descriptor; -1: it is on neither. */
struct opened {
    int fd;
    char name[40];
    struct stat st;
};

static int absent_or_error(void)
{
    return errno == ENOENT || errno == ENOTDIR || errno == ELOOP ? 0 : -1;
}

/* 1: it is there, 0: it isn't, -1: errno says why that can't be told. */
static int open_on(struct opened *opened, int side_fd, const struct exchange_folder *folder)
{
    const char *slash = strrchr(folder->path, '/');
    size_t len = slash ? (size_t)(slash - folder->path) : 0;
    if (side_fd < 0)
        return 0;
    scope_fd int parent_fd = jbi_open_path(side_fd, folder->path, len);
    if (parent_fd < 0)
        return absent_or_error();
    opened->fd = openat(parent_fd, slash ? slash + 1 : folder->path,
                        O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (opened->fd < 0)
        return absent_or_error();
    if (fstat(opened->fd, &opened->st) == 0 && opened->st.st_ino == folder->inode) {
        snprintf(opened->name, sizeof opened->name, "/proc/self/fd/%d", opened->fd);
        return 1;
    }
    close(opened->fd);
    return 0;
}

static int folder_open(struct opened *opened, const struct exchange_sides *sides,
                       const struct exchange_folder *folder)
{
    int found = open_on(opened, sides->live_fd, folder);
    return found != 0 ? found : open_on(opened, sides->aside_fd, folder);
}

void jbi_folders_open_up(const struct exchange *exchange, const struct exchange_sides *sides)
{
    for (size_t i = 0; i < exchange->folder_count; i++) {
        const struct exchange_folder *folder = &exchange->folders[i];
        struct opened opened;
        if ((folder->mode & S_IRWXU) == S_IRWXU || folder_open(&opened, sides, folder) != 1)
            continue;
        chmod(opened.name, folder->mode | S_IRWXU);
        close(opened.fd);
    }
}

int jbi_folders_settle(const struct exchange *exchange, const struct exchange_sides *sides,
                       struct jb_error *err)
{
    int code = JB_OK;
    for (size_t i = 0; i < exchange->folder_count; i++) {
        const struct exchange_folder *folder = &exchange->folders[i];
        const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, folder->mtime};
        struct opened opened;
        int found = folder_open(&opened, sides, folder);
        if (found < 0)
            code = jbi_fail_errno(err, JB_EIO, "cannot open the folder \"%s\"", folder->path);
        if (found != 1)
            continue;
        bool has_mode = (opened.st.st_mode & 07777) == folder->mode;
        bool has_time = memcmp(&opened.st.st_mtim, &folder->mtime, sizeof folder->mtime) == 0;
        if ((!has_mode && chmod(opened.name, folder->mode) < 0) ||
            (!has_time && utimensat(AT_FDCWD, opened.name, times, 0) < 0))
            code =
                jbi_fail_errno(err, JB_EIO, "cannot set the mode and time of \"%s\"", folder->path);
        close(opened.fd);
    }
    return code;
}

static int sync_folder(const struct exchange_folder *folder, int side_fd, struct jb_error *err)
{
    if (side_fd < 0)
        return JB_OK;
    scope_fd int fd = jbi_open_path(side_fd, folder->path, strlen(folder->path));
    if (fd >= 0 ? fsync(fd) < 0 : absent_or_error() < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot write the folder \"%s\" to disk", folder->path);
    return JB_OK;
}

int jbi_folders_sync(const struct exchange *exchange, const struct exchange_sides *sides,
                     struct jb_error *err)
{
    bool is_one = exchange->folder_count > SYNCED_APART_MAX;
    int code = JB_OK;
    for (size_t i = 0; !is_one && code == JB_OK && i < exchange->folder_count; i++) {
        code = sync_folder(&exchange->folders[i], sides->live_fd, err);
        if (code == JB_OK)
            code = sync_folder(&exchange->folders[i], sides->aside_fd, err);
    }
    if (code < 0)
        return code;
    if (is_one && syncfs(sides->live_fd) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot write the code to disk");
    if ((sides->aside_fd >= 0 && fsync(sides->aside_fd) < 0) ||
        (sides->beside_fd >= 0 && fsync(sides->beside_fd) < 0) || fsync(sides->live_fd) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot write the code's folder to disk");
    return JB_OK;
}
