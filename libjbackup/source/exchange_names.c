/* SPDX-License-Identifier: MIT */
/* Renames between two folders. Nothing is overwritten, and what is under way between both sides has
 * one name, from which it is put where it is missing. */
#include "source/exchange_names.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "os/file.h"

#define BETWEEN "between"

/* What is no folder, or a symbolic link, holds nothing of ours. */
static int side_open(int side_fd, const char *path, size_t len, int *out, struct jb_error *err)
{
    *out = -1;
    if (side_fd < 0)
        return JB_OK;
    *out = jbi_open_path(side_fd, path, len);
    if (*out >= 0 || errno == ENOENT || errno == ENOTDIR || errno == ELOOP)
        return JB_OK;
    return jbi_fail_errno(err, JB_EIO, "cannot open the folder of \"%s\"", path);
}

int jbi_names_open(struct exchange_names *names, const struct exchange_sides *sides,
                   const char *path, struct jb_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    names->name = slash ? slash + 1 : path;
    names->aside_fd = -1;
    int code = side_open(sides->live_fd, path, len, &names->live_fd, err);
    if (code == JB_OK)
        code = side_open(sides->aside_fd, path, len, &names->aside_fd, err);
    if (code < 0)
        jbi_names_close(names);
    return code;
}

void jbi_names_close(struct exchange_names *names)
{
    if (names->live_fd >= 0)
        close(names->live_fd);
    if (names->aside_fd >= 0)
        close(names->aside_fd);
    names->live_fd = names->aside_fd = -1;
}

/* The file system doesn't know the flag. */
static bool is_unknown(int why)
{
    return why == EINVAL || why == ENOSYS || why == EOPNOTSUPP;
}

int jbi_names_move(int from_fd, const char *from, int to_fd, const char *to, struct jb_error *err)
{
    int done = renameat2(from_fd, from, to_fd, to, RENAME_NOREPLACE);
    if (done < 0 && is_unknown(errno)) {
        struct stat st;
        bool is_free = fstatat(to_fd, to, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
        if (is_free)
            done = renameat(from_fd, from, to_fd, to);
        else
            errno = EEXIST;
    }
    if (done < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot move \"%s\"", strcmp(from, BETWEEN) ? from : to);
    return JB_OK;
}

int jbi_names_exchange(const struct exchange_names *names, int beside_fd, struct jb_error *err)
{
    const char *name = names->name;
    if (renameat2(names->aside_fd, name, names->live_fd, name, RENAME_EXCHANGE) == 0)
        return JB_OK;
    if (!is_unknown(errno))
        return jbi_fail_errno(err, JB_EIO, "cannot exchange \"%s\"", name);
    int code = jbi_names_move(names->aside_fd, name, beside_fd, BETWEEN, err);
    if (code < 0)
        return code;
    code = jbi_names_move(names->live_fd, name, names->aside_fd, name, err);
    if (code < 0) { /* back, so that nothing is missing */
        jbi_names_move(beside_fd, BETWEEN, names->aside_fd, name, NULL);
        return code;
    }
    return jbi_names_move(beside_fd, BETWEEN, names->live_fd, name, err);
}

bool jbi_names_are_between(const struct exchange_sides *sides)
{
    struct exchange_identity identity;
    return sides->beside_fd >= 0 && jbi_identify(sides->beside_fd, BETWEEN, &identity);
}

static int settle_item(const struct exchange_item *item, const struct exchange_sides *sides,
                       struct jb_error *err)
{
    struct exchange_names names;
    struct exchange_identity identity;
    int code = jbi_names_open(&names, sides, item->path, err);
    if (code < 0)
        return code;
    bool is_live = names.live_fd >= 0 && jbi_identify(names.live_fd, names.name, &identity);
    bool is_aside = names.aside_fd >= 0 && jbi_identify(names.aside_fd, names.name, &identity);
    if (!is_aside && names.aside_fd >= 0)
        code = jbi_names_move(sides->beside_fd, BETWEEN, names.aside_fd, names.name, err);
    else if (!is_live && names.live_fd >= 0)
        code = jbi_names_move(sides->beside_fd, BETWEEN, names.live_fd, names.name, err);
    else
        code = jbi_fail(err, JB_EIO, "cannot put \"%s\" in its place: something else is there",
                        item->path);
    jbi_names_close(&names);
    return code;
}

int jbi_names_settle(const struct exchange *exchange, const struct exchange_sides *sides,
                     struct jb_error *err)
{
    struct exchange_identity identity;
    if (sides->beside_fd < 0 || !jbi_identify(sides->beside_fd, BETWEEN, &identity))
        return JB_OK;
    for (size_t i = 0; i < exchange->count; i++) {
        const struct exchange_item *item = &exchange->items[i];
        if (item->old == identity.inode || item->new == identity.inode)
            return settle_item(item, sides, err);
    }
    return jbi_fail(err, JB_EIO, "\"%s\" beside the code is none of its entries", BETWEEN);
}
