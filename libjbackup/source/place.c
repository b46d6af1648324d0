/* SPDX-License-Identifier: MIT */
/*
 * Placing entries. The folder of the last entry is kept open: the next mostly lies in it or near
 * it. Folders are remembered by their names and what they lie in: whole paths of deep ones would
 * add up.
 */
#include "source/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"
#include "os/climb.h"

struct folder {
    struct folder *next;        /* the one before */
    const struct folder *above; /* the nearest one that holds it; NULL: none is remembered */
    const char *rest;           /* of its path, behind that of above */
    size_t path_len;            /* of its whole path; 0: the root */
    dev_t dev;
    ino_t ino;
    struct tar_entry entry; /* without a path; its texts belong to the arena */
};

struct place {
    struct arena arena;
    struct folder *folders; /* the last one first */
    struct text last;       /* its path */
    size_t longest;         /* of their paths */
    struct climb climb;     /* in the folder of the last entry */
    struct climb linked;    /* in that of the last hard link's target */
    uint64_t owners_not_set, attributes_not_set;
};

int jbi_place_new(struct place **out, int root_fd, struct jb_error *err)
{
    struct place *place = calloc(1, sizeof *place);
    if (place == NULL)
        return jbi_fail_memory(err);
    jbi_climb_begin(&place->climb, root_fd);
    jbi_climb_begin(&place->linked, root_fd);
    *out = place;
    return JB_OK;
}

void jbi_place_free(struct place *place)
{
    if (place == NULL)
        return;
    jbi_climb_end(&place->climb);
    jbi_climb_end(&place->linked);
    jbi_text_free(&place->last);
    jbi_arena_free(&place->arena);
    free(place);
}

int jbi_place_parent(struct place *place, const char *path, const char **name, struct jb_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    *name = slash ? slash + 1 : path;
    int fd = jbi_climb_to(&place->climb, path, len, true, 0755);
    if (fd < 0 && errno == ENOMEM)
        jbi_fail_memory(err);
    else if (fd < 0)
        jbi_fail_errno(err, errno == ELOOP || errno == ENOTDIR ? JB_ECORRUPT : JB_EIO,
                       "cannot make the folder of \"%s\"", path);
    return fd;
}

/* No such owner can be set: the last number means "leave it", larger ones would be cut. */
static bool is_owner(const struct tar_entry *entry)
{
    return entry->uid < UINT32_MAX && entry->gid < UINT32_MAX;
}

bool jbi_place_can_own(uint64_t uid, uint64_t gid)
{
    if (uid >= UINT32_MAX || gid >= UINT32_MAX)
        return false;
    return geteuid() == 0 ||
           (uid == geteuid() && ((gid_t)gid == getegid() || group_member((gid_t)gid)));
}

static void owner_set(struct place *place, int dir_fd, const char *name,
                      const struct tar_entry *entry)
{
    int flags = AT_SYMLINK_NOFOLLOW;
    if (is_owner(entry) && fchownat(dir_fd, name, (uid_t)entry->uid, (gid_t)entry->gid, flags) == 0)
        return;
    struct stat st;
    bool is_right = fstatat(dir_fd, name, &st, flags) == 0 && st.st_uid == entry->uid &&
                    st.st_gid == entry->gid;
    place->owners_not_set += !is_right;
}

static int times_set(int dir_fd, const char *name, const struct tar_entry *entry)
{
    const struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = entry->mtime_s, .tv_nsec = entry->mtime_ns},
    };
    return utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW);
}

static void attributes_set(struct place *place, int fd, const struct tar_entry *entry)
{
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const struct tar_xattr *xattr = &entry->xattrs[i];
        if (fsetxattr(fd, xattr->name, xattr->value, xattr->len, 0) < 0)
            place->attributes_not_set++;
    }
}

/* Owner first: to change it clears setuid, setgid and capabilities. A program that would run with
 * the rights of another owner than the recorded one loses setuid and setgid. */
static int metadata_set(struct place *place, int fd, const struct tar_entry *entry,
                        struct jb_error *err)
{
    const struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT},
        {.tv_sec = entry->mtime_s, .tv_nsec = entry->mtime_ns},
    };
    struct stat st;
    mode_t mode = entry->mode;
    if ((!is_owner(entry) || fchown(fd, (uid_t)entry->uid, (gid_t)entry->gid) < 0) &&
        (fstat(fd, &st) < 0 || st.st_uid != entry->uid || st.st_gid != entry->gid)) {
        place->owners_not_set++;
        mode &= entry->type == TAR_FILE ? ~(mode_t)(S_ISUID | S_ISGID) : ~(mode_t)0;
    }
    attributes_set(place, fd, entry);
    if (fchmod(fd, mode) < 0 || futimens(fd, times) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot set the mode and time of \"%s\"", entry->path);
    return JB_OK;
}

static struct tar_xattr *xattrs_copy(struct arena *arena, const struct tar_entry *entry)
{
    struct tar_xattr *copy = jbi_arena_alloc(arena, (entry->xattr_count + 1) * sizeof *copy);
    for (size_t i = 0; copy != NULL && i < entry->xattr_count; i++) {
        const struct tar_xattr *from = &entry->xattrs[i];
        copy[i] = (struct tar_xattr){
            .name = jbi_arena_text(arena, from->name),
            .value = jbi_arena_textn(arena, from->value, from->len),
            .len = from->len,
        };
        if (copy[i].name == NULL || copy[i].value == NULL)
            return NULL;
    }
    return copy;
}

/* The nearest folder that holds the path, of the last one and those that hold it. */
static const struct folder *folder_above(const struct place *place, const char *path)
{
    const struct folder *above = place->folders;
    while (above != NULL && above->path_len > 0 &&
           (strncmp(place->last.at, path, above->path_len) != 0 || path[above->path_len] != '/'))
        above = above->above;
    return above;
}

/* Remembers what the folder is to get at the end. */
static int folder_remember(struct place *place, const struct tar_entry *entry,
                           const struct stat *st, struct jb_error *err)
{
    struct folder *folder = jbi_arena_alloc(&place->arena, sizeof *folder);
    const char *path = strcmp(entry->path, ".") == 0 ? "" : entry->path;
    if (folder == NULL)
        return jbi_fail_memory(err);
    folder->above = folder_above(place, path);
    folder->path_len = strlen(path);
    folder->rest =
        jbi_arena_text(&place->arena, path + (folder->above ? folder->above->path_len : 0));
    folder->dev = st->st_dev;
    folder->ino = st->st_ino;
    folder->entry = *entry;
    folder->entry.path = NULL;
    folder->entry.xattrs = xattrs_copy(&place->arena, entry);
    place->last.len = 0;
    jbi_text_adds(&place->last, path);
    if (folder->rest == NULL || folder->entry.xattrs == NULL || place->last.failed)
        return jbi_fail_memory(err);
    if (folder->path_len > place->longest)
        place->longest = folder->path_len;
    folder->next = place->folders;
    place->folders = folder;
    return JB_OK;
}

/* Each folder comes once: one that is ours already has another name here, which means the same to
 * this file system. */
static int check_alone(const struct place *place, const char *path, const struct stat *st,
                       struct jb_error *err)
{
    const struct folder *other = place->folders;
    while (other != NULL && (other->ino != st->st_ino || other->dev != st->st_dev))
        other = other->next;
    if (other == NULL)
        return JB_OK;
    jbi_fail(err, JB_EUNSUPPORTED, "\"%s\" and another folder are the same on this file system",
             path);
    jbi_hint(err, "restore to a file system that tells upper from lower case");
    return JB_EUNSUPPORTED;
}

static int place_folder(struct place *place, const struct tar_entry *entry, struct jb_error *err)
{
    const char *name;
    bool is_root = strcmp(entry->path, ".") == 0;
    struct stat st;
    int dir_fd = jbi_place_parent(place, entry->path, &name, err);
    if (dir_fd < 0)
        return err != NULL && err->code ? err->code : JB_EIO;
    /* A database that was restored before the code may have made its folder. */
    bool is_made = !is_root && mkdirat(dir_fd, name, 0700) == 0;
    bool may_be = is_made || is_root || errno == EEXIST;
    if (!may_be || fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot make folder \"%s\"", entry->path);
    if (!S_ISDIR(st.st_mode))
        return jbi_fail(err, JB_EIO, "cannot make folder \"%s\": something else has its name",
                        entry->path);
    int code = is_made ? JB_OK : check_alone(place, entry->path, &st, err);
    return code < 0 ? code : folder_remember(place, entry, &st, err);
}

static int place_hardlink(struct place *place, const struct tar_entry *entry, int dir_fd,
                          const char *name, struct jb_error *err)
{
    const char *slash = strrchr(entry->link, '/');
    size_t len = slash ? (size_t)(slash - entry->link) : 0;
    int from_fd = jbi_climb_to(&place->linked, entry->link, len, false, 0);
    if (from_fd >= 0 && linkat(from_fd, slash ? slash + 1 : entry->link, dir_fd, name, 0) == 0)
        return JB_OK;
    return jbi_fail_errno(err, JB_EIO, "cannot make \"%s\" a hard link to \"%s\"", entry->path,
                          entry->link);
}

/* What has neither content nor a descriptor. */
static int place_special(struct place *place, const struct tar_entry *entry, int dir_fd,
                         const char *name, struct jb_error *err)
{
    bool is_link = entry->type == TAR_SYMLINK;
    int made = is_link ? symlinkat(entry->link, dir_fd, name) : mkfifoat(dir_fd, name, 0600);
    if (made < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot make \"%s\"", entry->path);
    owner_set(place, dir_fd, name, entry);
    place->attributes_not_set += entry->xattr_count;
    if ((!is_link && fchmodat(dir_fd, name, entry->mode, 0) < 0) ||
        times_set(dir_fd, name, entry) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot set the mode and time of \"%s\"", entry->path);
    return JB_OK;
}

int jbi_place_entry(struct place *place, const struct tar_entry *entry, int *fd,
                    struct jb_error *err)
{
    const char *name;
    *fd = -1;
    if (entry->type == TAR_FOLDER)
        return place_folder(place, entry, err);
    int dir_fd = jbi_place_parent(place, entry->path, &name, err);
    if (dir_fd < 0)
        return err != NULL && err->code ? err->code : JB_EIO;
    if (entry->type == TAR_HARDLINK)
        return place_hardlink(place, entry, dir_fd, name, err);
    if (entry->type != TAR_FILE)
        return place_special(place, entry, dir_fd, name, err);
    *fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (*fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot make \"%s\"", entry->path);
    return JB_OK;
}

int jbi_place_file_end(struct place *place, const struct tar_entry *entry, int fd,
                       struct jb_error *err)
{
    int code = metadata_set(place, fd, entry, err);
    if (close(fd) < 0 && code == JB_OK)
        code = jbi_fail_errno(err, JB_EIO, "cannot write \"%s\"", entry->path);
    return code;
}

/* The whole path again, from its end to its beginning. */
static void folder_path(char *path, const struct folder *folder)
{
    path[folder->path_len] = '\0';
    for (const struct folder *at = folder; at != NULL; at = at->above) {
        size_t len = strlen(at->rest);
        memcpy(path + at->path_len - len, at->rest, len);
    }
}

/* From the folder above it: this one may not let its owner in any more. */
static int folder_finish(struct place *place, const struct folder *folder, const char *path,
                         struct jb_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    const char *name = *path == '\0' ? "." : slash ? slash + 1 : path;
    int dir_fd = jbi_climb_to(&place->climb, path, len, false, 0);
    scope_fd int fd =
        dir_fd < 0 ? -1 : openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot open \"%s\"", path);
    struct tar_entry entry = folder->entry;
    entry.path = path;
    return metadata_set(place, fd, &entry, err);
}

int jbi_place_finish(struct place *place, jb_report *report, struct jb_error *err)
{
    scope_free char *path = malloc(place->longest + 1);
    if (path == NULL)
        return jbi_fail_memory(err);
    for (const struct folder *folder = place->folders; folder != NULL; folder = folder->next) {
        folder_path(path, folder);
        int code = folder_finish(place, folder, path, err);
        if (code < 0)
            return code;
    }
    if (place->owners_not_set > 0) {
        jbi_finding(report, JB_WARNING, "owners",
                    "%llu entries belong to whoever restores, not to their recorded owners",
                    (unsigned long long)place->owners_not_set);
        jbi_finding_hint(report, "restore as root to set owners");
    }
    if (place->attributes_not_set > 0)
        jbi_finding(report, JB_WARNING, "extended attributes", "%llu could not be set here",
                    (unsigned long long)place->attributes_not_set);
    return JB_OK;
}
