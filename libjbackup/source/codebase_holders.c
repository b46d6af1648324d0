/* SPDX-License-Identifier: MIT */
/* The folders on the way from a repository up to the root of the code, by descriptors: what their
 * names are does not matter. */
#include "source/codebase_holders.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

bool jbi_codebase_is_holder(const struct codebase_holders *holders, const struct tree_entry *entry)
{
    for (size_t i = 0; S_ISDIR(entry->st.st_mode) && i < holders->count; i++) {
        if (is_same(&holders->at[i], &entry->st))
            return true;
    }
    return false;
}

/* Those above one repository, if it lies in the code at all. */
static int add_above(struct codebase_holders *holders, const char *repository,
                     const struct stat *root, struct arena *arena, struct jb_error *err)
{
    struct stat st, last = {0};
    size_t count = holders->count;
    scope_fd int fd = open(repository, O_PATH | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0) {
        int above = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
        close(fd);
        fd = above;
        if (fd < 0 || fstat(fd, &st) < 0)
            break;
        if (is_same(&st, root)) {
            holders->count = count;
            break;
        }
        if (is_same(&st, &last))
            break; /* the topmost folder: the repository lies elsewhere */
        holders->at =
            jbi_arena_grow(arena, holders->at, count * sizeof st, (count + 1) * sizeof st);
        if (holders->at == NULL)
            return jbi_fail_memory(err);
        holders->at[count++] = last = st;
    }
    return JB_OK;
}

int jbi_codebase_holders(struct codebase_holders *holders, const struct codebase_source *source,
                         int root_fd, struct arena *arena, struct jb_error *err)
{
    struct stat root;
    *holders = (struct codebase_holders){0};
    if (fstat(root_fd, &root) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot look at \"%s\"", source->root);
    int code = JB_OK;
    for (size_t i = 0; code == JB_OK && i < source->repository_count; i++)
        code = add_above(holders, source->repositories[i], &root, arena, err);
    return code;
}
