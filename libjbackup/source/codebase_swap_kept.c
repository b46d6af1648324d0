/* SPDX-License-Identifier: MIT */
/* Archive and index of a restore keep a name of their own as long as the old state may need them.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"
#include "os/file.h"
#include "source/codebase_swap_parts.h"

/* A name for one of them; false: the file system, or somebody's rule, does not allow it. */
static bool give_name(const struct code_swap *code, const struct artifact *from, const char *name)
{
    struct jb_error unwanted = {0};
    struct stat opened, linked;
    scope_fd int fd = -1;
    return jbi_open_regular(code->category_fd, from->path, &fd, &unwanted) == JB_OK &&
           fstat(fd, &opened) == 0 &&
           linkat(code->category_fd, from->path, code->kept->folder_fd, name, 0) == 0 &&
           fstatat(code->kept->folder_fd, name, &linked, AT_SYMLINK_NOFOLLOW) == 0 &&
           linked.st_ino == opened.st_ino && linked.st_dev == opened.st_dev;
}

int jbi_kept_add(struct code_swap *code, struct jb_error *err)
{
    if (code->kept == NULL)
        return 0;
    const char *archive = code->kept_archive.path, *index = code->kept_index.path;
    int result = jbi_kept_remove(code, err);
    if (result < 0)
        return result;
    code->kept_archive = *code->archive;
    code->kept_archive.path = archive;
    code->kept_index = *code->index;
    code->kept_index.path = index;
    if (give_name(code, code->archive, archive) && give_name(code, code->index, index) &&
        fsync(code->kept->folder_fd) == 0)
        return 1;
    result = jbi_kept_remove(code, err);
    return result < 0 ? result : 0;
}

int jbi_kept_remove(const struct code_swap *code, struct jb_error *err)
{
    if (code->kept == NULL)
        return JB_OK;
    const char *const names[] = {code->kept_archive.path, code->kept_index.path};
    bool is_gone = false;
    for (size_t i = 0; i < 2; i++) {
        if (unlinkat(code->kept->folder_fd, names[i], 0) == 0)
            is_gone = true;
        else if (errno != ENOENT)
            return jbi_fail_errno(err, JB_EIO, "cannot remove \"%s/%s\"", code->kept->folder,
                                  names[i]);
    }
    if (is_gone && fsync(code->kept->folder_fd) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot write \"%s\" to disk", code->kept->folder);
    return JB_OK;
}
