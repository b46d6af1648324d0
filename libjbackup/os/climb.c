/* SPDX-License-Identifier: MIT */
/* Moving about in a tree by one descriptor. Invariant: levels are the folders that were opened from
 * the root down to where it is, the last one is that of fd. */
#include "os/climb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct climb_level {
    dev_t dev;
    ino_t ino;
    size_t path_len;
};

void jbi_climb_begin(struct climb *climb, int root_fd)
{
    *climb = (struct climb){.root_fd = root_fd, .fd = -1};
}

static void leave(struct climb *climb)
{
    int why = errno;
    if (climb->fd >= 0)
        close(climb->fd);
    climb->fd = -1;
    climb->count = climb->path.len = 0;
    errno = why;
}

void jbi_climb_end(struct climb *climb)
{
    leave(climb);
    jbi_text_free(&climb->path);
    free(climb->levels);
    climb->levels = NULL;
    climb->room = 0;
}

/* Takes over fd, the folder at path_len bytes of the path. */
static int enter(struct climb *climb, int fd)
{
    struct stat st;
    if (climb->fd >= 0)
        close(climb->fd);
    climb->fd = fd;
    if (climb->count == climb->room) {
        size_t more = climb->room ? 2 * climb->room : 16;
        struct climb_level *grown = realloc(climb->levels, more * sizeof *grown);
        if (grown == NULL)
            return -1;
        climb->levels = grown;
        climb->room = more;
    }
    if (fstat(fd, &st) < 0)
        return -1;
    climb->levels[climb->count++] = (struct climb_level){st.st_dev, st.st_ino, climb->path.len};
    return 0;
}

static int enter_root(struct climb *climb)
{
    leave(climb);
    int fd = openat(climb->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : enter(climb, fd);
}

/* False: it can't be entered from below, or is another one than before. */
static bool go_up(struct climb *climb)
{
    struct stat st;
    const struct climb_level *above = &climb->levels[climb->count - 2];
    int fd = openat(climb->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (fstat(fd, &st) < 0 || st.st_dev != above->dev || st.st_ino != above->ino) {
        close(fd);
        return false;
    }
    close(climb->fd);
    climb->fd = fd;
    climb->count--;
    climb->path.len = above->path_len;
    return true;
}

static int go_down(struct climb *climb, const char *from, size_t len, bool is_made, mode_t mode)
{
    char name[256];
    if (len >= sizeof name) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(name, from, len);
    name[len] = '\0';
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(climb->fd, name, flags);
    if (fd < 0 && errno == ENOENT && is_made && mkdirat(climb->fd, name, mode) == 0)
        fd = openat(climb->fd, name, flags);
    if (fd < 0)
        return -1;
    if (climb->path.len > 0)
        jbi_text_add(&climb->path, "/", 1);
    jbi_text_add(&climb->path, name, len);
    if (climb->path.failed) {
        close(fd);
        errno = ENOMEM;
        return -1;
    }
    return enter(climb, fd);
}

/* The length of the longest beginning, in whole components, that both paths have. */
static size_t shared(const struct climb *climb, const char *path, size_t len)
{
    size_t most = climb->path.len < len ? climb->path.len : len, same = 0, at = 0;
    const char *present = climb->path.at;
    while (at < most && present[at] == path[at]) {
        if (path[at] == '/')
            same = at;
        at++;
    }
    bool ends_both = at == most && (at == climb->path.len || present[at] == '/') &&
                     (at == len || path[at] == '/');
    return ends_both ? at : same;
}

int jbi_climb_to(struct climb *climb, const char *path, size_t len, bool is_made, mode_t mode)
{
    size_t same = climb->fd >= 0 ? shared(climb, path, len) : 0;
    while (climb->fd >= 0 && climb->path.len > same) {
        if (!go_up(climb))
            leave(climb);
    }
    int code = climb->fd < 0 ? enter_root(climb) : 0;
    for (size_t at = climb->path.len; code == 0 && at < len;) {
        at += path[at] == '/';
        const char *slash = memchr(path + at, '/', len - at);
        size_t step = slash ? (size_t)(slash - path) - at : len - at;
        code = go_down(climb, path + at, step, is_made, mode);
        at += step;
    }
    if (code < 0)
        leave(climb);
    return climb->fd;
}
