/* SPDX-License-Identifier: MIT */
/* The folder in which a backup is made. Invariant: everything in it may be thrown away. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "os/file.h"
#include "repository/publish.h"

int jbi_staging_begin(struct repository *repository, const char *timestamp, bool with_database,
                      int *out, struct jb_error *err)
{
    char folder[LAYOUT_NAME_SIZE];
    *out = -1;
    int code = jbi_staging_discard(repository, err);
    if (code < 0)
        return code;
    if (mkdirat(repository->state_fd, STATE_STAGING, 0700) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot make \"%s/.jbackup/" STATE_STAGING "\"",
                              repository->path);
    code = jbi_open_dir(repository->state_fd, STATE_STAGING, out, err);
    if (code < 0)
        return code;
    jbi_database_folder(folder, timestamp);
    if (!with_database || mkdirat(*out, folder, 0700) == 0)
        return JB_OK;
    code = jbi_fail_errno(err, JB_EIO, "cannot make \"%s\" in the staging folder", folder);
    close(*out);
    *out = -1;
    return code;
}

int jbi_staging_discard(struct repository *repository, struct jb_error *err)
{
    return jbi_remove_tree(repository->state_fd, STATE_STAGING, err);
}
