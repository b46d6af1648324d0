/* SPDX-License-Identifier: MIT */
/* What a repository really takes on its disk. */
#include "api/stored_size.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/error.h"
#include "os/tree.h"

struct inode {
    dev_t dev;
    ino_t ino;
    uint64_t size;
};

struct disk_use {
    struct inode *seen; /* files with more than one link */
    size_t count, room;
    uint64_t bytes;
};

static int count_file(void *user, const struct tree_entry *entry, struct jb_error *err)
{
    struct disk_use *use = user;
    if (entry->sys_errno != 0 || !S_ISREG(entry->st.st_mode))
        return TREE_GO_ON;
    if (entry->st.st_nlink == 1) {
        use->bytes += (uint64_t)entry->st.st_size;
        return TREE_GO_ON;
    }
    if (use->count == use->room) {
        size_t room = use->room ? 2 * use->room : 256;
        struct inode *grown = realloc(use->seen, room * sizeof *grown);
        if (grown == NULL)
            return jbi_fail_memory(err);
        use->seen = grown;
        use->room = room;
    }
    use->seen[use->count++] =
        (struct inode){entry->st.st_dev, entry->st.st_ino, (uint64_t)entry->st.st_size};
    return TREE_GO_ON;
}

static int compare_inodes(const void *a, const void *b)
{
    const struct inode *x = a, *y = b;
    if (x->dev != y->dev)
        return x->dev < y->dev ? -1 : 1;
    return x->ino < y->ino ? -1 : x->ino > y->ino;
}

int jbi_stored_size(const struct repository *repository, uint64_t *bytes, struct jb_error *err)
{
    struct disk_use use = {0};
    *bytes = 0;
    if (repository->fd < 0)
        return JB_OK;
    int code = jbi_tree_walk(repository->fd, false, count_file, &use, err);
    if (use.count > 0)
        qsort(use.seen, use.count, sizeof *use.seen, compare_inodes);
    for (size_t i = 0; i < use.count; i++) {
        if (i == 0 || compare_inodes(&use.seen[i - 1], &use.seen[i]) != 0)
            use.bytes += use.seen[i].size;
    }
    free(use.seen);
    *bytes = use.bytes;
    return code;
}
