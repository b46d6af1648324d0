/* SPDX-License-Identifier: MIT */
/* Counting what removals would free. Invariant: of a file with several links it is known how many
 * of them would be gone by now. */
#include "repository/freed.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/scope.h"
#include "repository/pending.h"

struct freed_inode {
    dev_t dev;
    ino_t ino;
    nlink_t gone;
};

/* How many links of the file would be gone, this one among them; 0: out of memory. */
static nlink_t links_gone(struct freed *freed, const struct stat *st)
{
    if (st->st_nlink == 1)
        return 1;
    for (size_t i = 0; i < freed->count; i++)
        if (freed->inodes[i].ino == st->st_ino && freed->inodes[i].dev == st->st_dev)
            return ++freed->inodes[i].gone;
    if (freed->count == freed->room) {
        size_t room = freed->room ? 2 * freed->room : 16;
        struct freed_inode *grown = realloc(freed->inodes, room * sizeof *grown);
        if (grown == NULL)
            return 0;
        freed->inodes = grown;
        freed->room = room;
    }
    freed->inodes[freed->count++] = (struct freed_inode){st->st_dev, st->st_ino, 1};
    return 1;
}

static int add_files(struct freed *freed, int category_fd, const struct pending *pending,
                     struct jb_error *err)
{
    for (size_t i = 0; i < pending->count; i++) {
        const char *base = NULL;
        struct stat st;
        scope_fd int folder = jbi_artifact_folder(category_fd, pending->files[i], &base);
        if (folder < 0 || fstatat(folder, base, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            !S_ISREG(st.st_mode))
            continue;
        nlink_t gone = links_gone(freed, &st);
        if (gone == 0)
            return jbi_fail_memory(err);
        freed->last += gone == st.st_nlink ? (uint64_t)st.st_size : 0;
    }
    return JB_OK;
}

int jbi_freed_add(struct freed *freed, const struct repository *repository,
                  const struct manifest *manifest, struct jb_error *err)
{
    struct arena arena = {0};
    struct pending pending;
    freed->last = 0;
    int code = jbi_pending_of(&pending, PENDING_REMOVE, manifest, &arena, err);
    if (code == JB_OK)
        code = add_files(freed, repository->category_fd[manifest->category], &pending, err);
    freed->bytes += freed->last;
    jbi_arena_free(&arena);
    return code;
}

void jbi_freed_free(struct freed *freed)
{
    free(freed->inodes);
    freed->inodes = NULL;
    freed->count = freed->room = 0;
}

int jbi_freed_by(const struct repository *repository, const struct manifest *manifest,
                 uint64_t *bytes, struct jb_error *err)
{
    struct freed freed = {0};
    int code = jbi_freed_add(&freed, repository, manifest, err);
    *bytes = freed.bytes;
    jbi_freed_free(&freed);
    return code;
}
