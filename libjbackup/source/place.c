/* SPDX-License-Identifier: MIT */
/* Placing entries. The folder of the last entry is kept open: the next is mostly in it, too. */
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
#include "os/file.h"

struct folder {
    struct folder *next;
    struct tar_entry entry; /* its texts belong to the arena */
};

struct place {
    int root_fd;
    struct arena arena;
    struct folder *folders; /* the last one first */
    char *parent;           /* the path of parent_fd; NULL: none is open */
    int parent_fd;
    uint64_t owners_not_set, attributes_not_set;
};

int jbi_place_new(struct place **out, int root_fd, struct jb_error *err)
{
    struct place *place = calloc(1, sizeof *place);
    if (place == NULL)
        return jbi_fail_memory(err);
    place->root_fd = root_fd;
    place->parent_fd = -1;
    *out = place;
    return JB_OK;
}

void jbi_place_free(struct place *place)
{
    if (place == NULL)
        return;
    if (place->parent_fd >= 0)
        close(place->parent_fd);
    free(place->parent);
    jbi_arena_free(&place->arena);
    free(place);
}

/* The open folder that holds the path, and its last component in *name; -1 on failure. */
static int parent_of(struct place *place, const char *path, const char **name, struct jb_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    *name = slash ? slash + 1 : path;
    bool is_open = place->parent != NULL && strlen(place->parent) == len &&
                   memcmp(place->parent, path, len) == 0;
    if (is_open)
        return place->parent_fd;
    if (place->parent_fd >= 0)
        close(place->parent_fd);
    free(place->parent);
    place->parent = strndup(path, len);
    place->parent_fd = place->parent ? jbi_make_path(place->root_fd, path, len, 0755) : -1;
    if (place->parent == NULL) {
        jbi_fail_memory(err);
    } else if (place->parent_fd < 0) {
        jbi_fail_errno(err, errno == ELOOP || errno == ENOTDIR ? JB_ECORRUPT : JB_EIO,
                       "cannot make the folder of \"%s\"", path);
        free(place->parent);
        place->parent = NULL;
    }
    return place->parent_fd;
}

/* No such owner can be set: the last number means "leave it", larger ones would be cut. */
static bool is_owner(const struct tar_entry *entry)
{
    return entry->uid < UINT32_MAX && entry->gid < UINT32_MAX;
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

/* Remembers what the folder is to get at the end. */
static int folder_remember(struct place *place, const struct tar_entry *entry, struct jb_error *err)
{
    struct folder *folder = jbi_arena_alloc(&place->arena, sizeof *folder);
    if (folder == NULL)
        return jbi_fail_memory(err);
    folder->entry = *entry;
    folder->entry.path = jbi_arena_text(&place->arena, entry->path);
    folder->entry.xattrs = xattrs_copy(&place->arena, entry);
    if (folder->entry.path == NULL || folder->entry.xattrs == NULL)
        return jbi_fail_memory(err);
    folder->next = place->folders;
    place->folders = folder;
    return JB_OK;
}

/* A database that was restored before the code may have made its folder. */
static bool is_folder(int dir_fd, const char *name)
{
    struct stat st;
    return errno == EEXIST && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(st.st_mode);
}

static int place_folder(struct place *place, const struct tar_entry *entry, struct jb_error *err)
{
    const char *name;
    if (strcmp(entry->path, ".") != 0) {
        int dir_fd = parent_of(place, entry->path, &name, err);
        if (dir_fd < 0)
            return err != NULL && err->code ? err->code : JB_EIO;
        if (mkdirat(dir_fd, name, 0700) < 0 && !is_folder(dir_fd, name))
            return jbi_fail_errno(err, JB_EIO, "cannot make folder \"%s\"", entry->path);
    }
    return folder_remember(place, entry, err);
}

static int place_hardlink(struct place *place, const struct tar_entry *entry, int dir_fd,
                          const char *name, struct jb_error *err)
{
    const char *slash = strrchr(entry->link, '/');
    size_t len = slash ? (size_t)(slash - entry->link) : 0;
    scope_fd int from_fd = jbi_make_path(place->root_fd, entry->link, len, 0755);
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
    int dir_fd = parent_of(place, entry->path, &name, err);
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

int jbi_place_finish(struct place *place, jb_report *report, struct jb_error *err)
{
    for (const struct folder *folder = place->folders; folder != NULL; folder = folder->next) {
        bool is_root = strcmp(folder->entry.path, ".") == 0;
        size_t len = is_root ? 0 : strlen(folder->entry.path);
        scope_fd int fd = jbi_make_path(place->root_fd, folder->entry.path, len, 0755);
        if (fd < 0)
            return jbi_fail_errno(err, JB_EIO, "cannot open \"%s\"", folder->entry.path);
        int code = metadata_set(place, fd, &folder->entry, err);
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
