/* SPDX-License-Identifier: MIT */
/*
 * Folders for clusters of our own.
 *
 *     jbackup-cluster-01234567/    ours, locked as long as it is in use
 *       data/                      0700, of the user that the server runs as; its socket, too
 *
 * Invariant: a folder without a lock on it belongs to nobody, nor does what runs in it; a folder is
 * removed only when nothing runs in it any more.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "os/occupants.h"
#include "source/postgresql_scratch_parts.h"

#define FOLDER_PREFIX "jbackup-cluster-"
#define ATTEMPTS      100
#define GRACE_MS      5000

static const char *const programs[] = {"postgres", "initdb", "setpriv", NULL};

/* The folder for clusters, malloc'd, without links. */
static char *place_of_clusters(void)
{
    const char *place = getenv("TMPDIR");
    return realpath(place != NULL && *place == '/' ? place : "/var/tmp", NULL);
}

/* ---- What killed runs left ---- */

static void clear_one(int parent_fd, const char *place, const char *name)
{
    struct stat st, data;
    struct jb_error unwanted = {0};
    scope_text path = {0};
    scope_fd int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != geteuid() || flock(fd, LOCK_EX | LOCK_NB) < 0)
        return;
    jbi_text_addf(&path, "%s/%s/data", place, name);
    bool has_data = fstatat(fd, "data", &data, AT_SYMLINK_NOFOLLOW) == 0;
    if (!path.failed &&
        jbi_occupants_end(path.at, has_data ? data.st_uid : st.st_uid, programs, GRACE_MS))
        jbi_remove_tree(parent_fd, name, &unwanted);
}

void jbi_scratch_cluster_clear(void)
{
    scope_free char *place = place_of_clusters();
    int list_fd = place ? open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    scope_dir DIR *dir = list_fd < 0 ? NULL : fdopendir(list_fd);
    const struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (jbi_starts_with(entry->d_name, FOLDER_PREFIX))
            clear_one(dirfd(dir), place, entry->d_name);
    }
}

/* ---- One of our own ---- */

/* Makes and locks a folder of a new name; 0, or an errno. */
static int make_one(struct scratch_folder *folder)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        unsigned number;
        struct stat st;
        if (getrandom(&number, sizeof number, 0) != sizeof number)
            return EIO;
        snprintf(folder->name, sizeof folder->name, FOLDER_PREFIX "%08x", number);
        if (mkdirat(folder->parent_fd, folder->name, 0700) < 0) {
            if (errno == EEXIST)
                continue;
            return errno;
        }
        folder->fd = openat(folder->parent_fd, folder->name,
                            O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        /* Another run may have taken it for a leaving before it was locked. */
        if (folder->fd >= 0 && flock(folder->fd, LOCK_EX) == 0 && fstat(folder->fd, &st) == 0 &&
            st.st_nlink > 0)
            return 0;
        if (folder->fd >= 0)
            close(folder->fd);
        folder->fd = -1;
    }
    return EEXIST;
}

/* The server's user gets through the folder, and has its own in it. */
static int make_data(const struct scratch_folder *folder)
{
    if (mkdirat(folder->fd, "data", 0700) < 0)
        return errno;
    if (!folder->is_anothers)
        return 0;
    if (fchownat(folder->fd, "data", folder->uid, folder->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
        fchmod(folder->fd, 0711) < 0)
        return errno;
    return 0;
}

int jbi_scratch_folder_make(struct scratch_folder *folder, struct arena *arena,
                            struct jb_error *err)
{
    scope_free char *place = place_of_clusters();
    folder->parent_fd = place ? open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    int why = folder->parent_fd < 0 ? errno : make_one(folder);
    if (why == 0) {
        folder->path = jbi_arena_printf(arena, "%s/%s", place, folder->name);
        folder->data = jbi_arena_printf(arena, "%s/%s/data", place, folder->name);
        why = folder->path == NULL || folder->data == NULL ? ENOMEM : make_data(folder);
    }
    if (why == 0)
        return JB_OK;
    errno = why;
    return jbi_fail_errno(err, JB_EIO, "cannot make a folder for a cluster in \"%s\"",
                          place ? place : "the folder for temporary files");
}

bool jbi_scratch_folder_quiet(const struct scratch_folder *folder)
{
    return folder->data == NULL || jbi_occupants_end(folder->data, folder->uid, programs, GRACE_MS);
}

bool jbi_scratch_folder_end(struct scratch_folder *folder)
{
    struct jb_error unwanted = {0};
    bool is_gone =
        folder->fd < 0 || (jbi_scratch_folder_quiet(folder) &&
                           jbi_remove_tree(folder->parent_fd, folder->name, &unwanted) == JB_OK);
    if (folder->fd >= 0)
        close(folder->fd);
    if (folder->parent_fd >= 0)
        close(folder->parent_fd);
    folder->fd = folder->parent_fd = -1;
    return is_gone;
}
