/* SPDX-License-Identifier: MIT */
/*
 * Walking a tree by descriptors. A stack of levels, one per open folder, each with its sorted
 * names. Only the DESCRIPTORS_MAX deepest levels keep their descriptor; a level above gets it back
 * through "..", and only if that is still the same folder.
 */
#include "os/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/scope.h"
#include "base/text.h"

#define DESCRIPTORS_MAX 64

struct name {
    const char *text;
    ino_t ino;
    unsigned char type; /* DT_REG and so on, DT_UNKNOWN */
};

struct level {
    int fd; /* -1: closed to save descriptors */
    dev_t dev;
    ino_t ino;
    struct arena arena;
    struct name *names;
    size_t count, next;
    size_t path_len; /* of the path up to this folder, with its slash */
};

struct walk {
    struct level *levels;
    size_t depth, room;
    struct text path;
    dev_t root_dev;
    bool with_leaving;
    bool is_brief;
    tree_visit visit;
    void *user;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text);
}

/* Reads the names of the folder into level->names; errno on failure. */
static int level_list(struct level *level, DIR *dir)
{
    size_t room = 0;
    int why;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        why = errno;
        if (entry == NULL)
            break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (level->count == room) {
            size_t more = room ? 2 * room : 32;
            void *grown = realloc(level->names, more * sizeof *level->names);
            if (grown == NULL)
                return ENOMEM;
            level->names = grown;
            room = more;
        }
        char *name = jbi_arena_text(&level->arena, entry->d_name);
        if (name == NULL)
            return ENOMEM;
        level->names[level->count++] = (struct name){name, entry->d_ino, entry->d_type};
    }
    if (level->count > 1)
        qsort(level->names, level->count, sizeof *level->names, compare_names);
    return why;
}

static void level_free(struct level *level)
{
    if (level->fd >= 0)
        close(level->fd);
    free(level->names);
    jbi_arena_free(&level->arena);
}

static int walk_grow(struct walk *walk)
{
    if (walk->depth < walk->room)
        return 0;
    size_t more = walk->room ? 2 * walk->room : 16;
    void *grown = realloc(walk->levels, more * sizeof *walk->levels);
    if (grown == NULL)
        return ENOMEM;
    walk->levels = grown;
    walk->room = more;
    return 0;
}

/* Enters a folder: takes over fd. Returns 0 or an errno; then nothing was entered. */
static int level_enter(struct walk *walk, int fd)
{
    struct level level = {.fd = fd, .path_len = walk->path.len};
    struct stat st;
    int listing = dup(fd); /* closedir() closes its own */
    scope_dir DIR *dir = listing < 0 ? NULL : fdopendir(listing);
    int why = dir == NULL || fstat(fd, &st) < 0 ? errno : 0;
    if (dir == NULL && listing >= 0)
        close(listing);
    if (why == 0)
        why = level_list(&level, dir);
    if (why == 0)
        why = walk_grow(walk);
    if (why != 0) {
        level_free(&level);
        return why;
    }
    level.dev = st.st_dev;
    level.ino = st.st_ino;
    walk->levels[walk->depth++] = level;
    if (walk->depth > DESCRIPTORS_MAX) {
        struct level *above = &walk->levels[walk->depth - 1 - DESCRIPTORS_MAX];
        if (above->fd >= 0)
            close(above->fd);
        above->fd = -1;
    }
    return 0;
}

/* Gives the level above its descriptor back, by the way of the level that ends. */
static int level_reopen(struct level *above, const struct level *ending)
{
    struct stat st;
    if (above->fd >= 0)
        return 0;
    int fd = openat(ending->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    bool is_same = fstat(fd, &st) == 0 && st.st_dev == above->dev && st.st_ino == above->ino;
    if (!is_same) {
        close(fd);
        return ESTALE;
    }
    above->fd = fd;
    return 0;
}

/* Sets the path to the name in the level's folder. */
static void path_set(struct walk *walk, const struct level *level, const char *name)
{
    walk->path.len = level->path_len;
    jbi_text_adds(&walk->path, name);
}

/* What the list says is enough of anything but a folder. */
static int look_at(const struct walk *walk, const struct level *level, const struct name *name,
                   struct tree_entry *entry)
{
    entry->is_brief = walk->is_brief && name->type != DT_DIR && name->type != DT_UNKNOWN;
    if (!entry->is_brief)
        return fstatat(level->fd, name->text, &entry->st, AT_SYMLINK_NOFOLLOW);
    entry->st =
        (struct stat){.st_mode = DTTOIF(name->type), .st_ino = name->ino, .st_dev = level->dev};
    return 0;
}

static int visit_name(struct walk *walk, const struct name *name, struct tree_entry *entry,
                      struct jb_error *err)
{
    struct level *level = &walk->levels[walk->depth - 1];
    path_set(walk, level, name->text);
    if (walk->path.failed)
        return jbi_fail_memory(err);
    *entry = (struct tree_entry){.dir_fd = level->fd, .name = name->text, .path = walk->path.at};
    if (look_at(walk, level, name, entry) < 0)
        entry->sys_errno = errno;
    else
        entry->is_mount = S_ISDIR(entry->st.st_mode) && entry->st.st_dev != walk->root_dev;
    return walk->visit(walk->user, entry, err);
}

/* Enters the folder that was just visited; a folder that can't be read is visited again, so. */
static int enter_visited(struct walk *walk, struct tree_entry *entry, struct jb_error *err)
{
    int fd = openat(entry->dir_fd, entry->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int why = errno;
    if (fd >= 0) {
        jbi_text_adds(&walk->path, "/");
        if (walk->path.failed) {
            close(fd);
            return jbi_fail_memory(err);
        }
        why = level_enter(walk, fd);
        if (why == 0)
            return JB_OK;
        walk->path.at[--walk->path.len] = '\0';
        entry->path = walk->path.at; /* the slash may have moved it */
    }
    if (why == ENOMEM)
        return jbi_fail_memory(err);
    entry->sys_errno = why;
    entry->is_listing = true;
    int code = walk->visit(walk->user, entry, err);
    return code < 0 ? code : JB_OK;
}

/* Ends the deepest level; the folder above it hears of it if it asked to. */
static int level_end(struct walk *walk, struct jb_error *err)
{
    struct level ending = walk->levels[--walk->depth];
    int code = JB_OK;
    if (walk->depth > 0) {
        struct level *above = &walk->levels[walk->depth - 1];
        const char *name = above->names[above->next - 1].text;
        int why = level_reopen(above, &ending);
        path_set(walk, above, name);
        struct tree_entry entry = {
            .dir_fd = above->fd,
            .name = name,
            .path = walk->path.at,
            .st = {.st_mode = S_IFDIR | S_IRWXU},
            .is_leaving = true,
        };
        errno = why;
        if (why != 0)
            code = jbi_fail_errno(err, JB_EIO, "cannot go on above \"%s\"", entry.path);
        else if (walk->with_leaving)
            code = walk->visit(walk->user, &entry, err);
    }
    level_free(&ending);
    return code < 0 ? code : JB_OK;
}

static int walk_step(struct walk *walk, struct jb_error *err)
{
    struct level *level = &walk->levels[walk->depth - 1];
    if (level->next == level->count)
        return level_end(walk, err);
    struct tree_entry entry;
    int code = visit_name(walk, &level->names[level->next++], &entry, err);
    if (code != TREE_GO_ON || entry.sys_errno != 0 || !S_ISDIR(entry.st.st_mode))
        return code < 0 ? code : JB_OK;
    return enter_visited(walk, &entry, err);
}

static int walk_all(struct walk *walk, int root_fd, struct jb_error *err)
{
    int fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int why = fd < 0 ? errno : level_enter(walk, fd);
    if (why != 0) {
        char link[32], path[1024];
        snprintf(link, sizeof link, "/proc/self/fd/%d", root_fd);
        ssize_t len = readlink(link, path, sizeof path - 1);
        path[len > 0 ? len : 0] = '\0';
        errno = why;
        return jbi_fail_errno(err, JB_EIO, "cannot read the folder \"%s\"", path);
    }
    walk->root_dev = walk->levels[0].dev;
    int code = JB_OK;
    while (code == JB_OK && walk->depth > 0)
        code = walk_step(walk, err);
    while (walk->depth > 0)
        level_free(&walk->levels[--walk->depth]);
    free(walk->levels);
    jbi_text_free(&walk->path);
    return code;
}

int jbi_tree_walk(int root_fd, bool with_leaving, tree_visit visit, void *user,
                  struct jb_error *err)
{
    struct walk walk = {.with_leaving = with_leaving, .visit = visit, .user = user};
    return walk_all(&walk, root_fd, err);
}

int jbi_tree_walk_brief(int root_fd, tree_visit visit, void *user, struct jb_error *err)
{
    struct walk walk = {.is_brief = true, .visit = visit, .user = user};
    return walk_all(&walk, root_fd, err);
}

int jbi_tree_open_file(const struct tree_entry *entry, struct stat *st)
{
    int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    int fd = openat(entry->dir_fd, entry->name, flags | O_NOATIME);
    if (fd < 0 && errno == EPERM) /* O_NOATIME is the owner's */
        fd = openat(entry->dir_fd, entry->name, flags);
    if (fd < 0)
        return -1;
    bool is_expected = fstat(fd, st) == 0 && S_ISREG(st->st_mode);
    if (is_expected)
        return fd;
    close(fd);
    errno = ESTALE;
    return -1;
}

int jbi_tree_order(const char *a, const char *b)
{
    a = strcmp(a, ".") == 0 ? "" : a;
    b = strcmp(b, ".") == 0 ? "" : b;
    while (*a != '\0' && *a == *b)
        a++, b++;
    int rank_a = *a == '\0' ? 0 : *a == '/' ? 1 : 1 + (unsigned char)*a;
    int rank_b = *b == '\0' ? 0 : *b == '/' ? 1 : 1 + (unsigned char)*b;
    return rank_a - rank_b;
}
