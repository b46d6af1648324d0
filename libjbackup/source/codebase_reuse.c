/* SPDX-License-Identifier: MIT */
/*
 * Laying a backup out beside a living tree. Invariant: a file that is linked is never opened to
 * write, and neither its mode, owner, times nor attributes are set: it is the living one.
 */
#include "source/codebase_reuse.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "os/ctimes.h"
#include "source/codebase_previous.h"
#include "source/codebase_reuse_parts.h"

static bool is_marked(const struct reuse *reuse, uint64_t number)
{
    size_t at = (size_t)(number / 8);
    return at < reuse->unchanged_size && (reuse->unchanged[at] >> number % 8 & 1) != 0;
}

/* Whether it still is as the index has it. */
static bool is_unchanged(const struct reuse *reuse, const struct index_entry *entry,
                         const struct stat *st)
{
    return jbi_index_is_unchanged(entry, entry->type, st, reuse->before_us) &&
           st->st_dev == reuse->device;
}

/* Between the look and the link it may have been written to: that changes size or time. */
static bool is_linked(const struct stat *before, const struct stat *after)
{
    return S_ISREG(after->st_mode) && after->st_nlink == 2 && after->st_dev == before->st_dev &&
           after->st_ino == before->st_ino && after->st_size == before->st_size &&
           after->st_mode == before->st_mode && after->st_uid == before->st_uid &&
           after->st_gid == before->st_gid && after->st_mtim.tv_sec == before->st_mtim.tv_sec &&
           after->st_mtim.tv_nsec == before->st_mtim.tv_nsec;
}

/* 0: it is linked; 1: it can't be. */
static int link_file(struct reuse *reuse, const struct index_entry *entry, int live_fd,
                     const char *name, struct jb_error *err)
{
    struct stage *stage = reuse->choice->stage;
    struct linked_files *linked = reuse->what->linked;
    struct stat before, after;
    const struct source_job *job = stage->job;
    int code = job->before_linking ? job->before_linking(job->linking_user, err) : JB_OK;
    if (code < 0)
        return code;
    if (fstatat(live_fd, name, &before, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(before.st_mode) ||
        before.st_nlink != 1 || !is_unchanged(reuse, entry, &before) ||
        linked->text_size > LINKED_SIZE_MAX - 8192)
        return 1;
    int place_fd = jbi_place_parent(stage->place, entry->path, &name, err);
    if (place_fd < 0)
        return JB_EIO;
    if (linkat(live_fd, name, place_fd, name, 0) < 0)
        return 1;
    if (fstatat(place_fd, name, &after, AT_SYMLINK_NOFOLLOW) < 0 || !is_linked(&before, &after))
        return unlinkat(place_fd, name, 0) == 0
                   ? 1
                   : jbi_fail_errno(err, JB_EIO, "cannot remove the new \"%s\"", entry->path);
    stage->staged->files++;
    stage->staged->file_bytes += entry->size;
    return jbi_linked_add(linked, entry->path, &after, err);
}

static struct tar_entry tar_entry_of(const struct index_entry *entry)
{
    return (struct tar_entry){
        .type = entry->type,
        .path = entry->path,
        .link = entry->link,
        .mode = entry->mode,
        .uid = entry->uid,
        .gid = entry->gid,
        .mtime_s = entry->mtime_s,
        .mtime_ns = entry->mtime_ns,
    };
}

/* The index does not tell of attributes: those of an unchanged folder are what they were. */
static int make_folder(struct reuse *reuse, const struct index_entry *entry, struct jb_error *err)
{
    const struct tree_entry live = {
        .dir_fd = reuse->what->live_fd, .name = ".", .path = entry->path};
    struct archive_item item = {0};
    struct stat st;
    int unwanted_fd;
    int fd = jbi_climb_to(&reuse->climb, entry->path, strlen(entry->path), false, 0);
    if (fd < 0)
        return 1;
    jbi_xattrs_read(reuse->xattrs, &live, fd, NULL, &item);
    if (fstat(fd, &st) < 0 || !S_ISDIR(st.st_mode) || !is_unchanged(reuse, entry, &st))
        return 1;
    struct tar_entry placed = tar_entry_of(entry);
    placed.xattrs = item.xattrs;
    placed.xattr_count = item.xattr_count;
    return jbi_place_entry(reuse->choice->stage->place, &placed, &unwanted_fd, err);
}

static int make_special(struct reuse *reuse, const struct index_entry *entry, int live_fd,
                        const char *name, struct jb_error *err)
{
    const struct tar_entry placed = tar_entry_of(entry);
    struct stat st;
    enum tar_type type;
    int unwanted_fd;
    if (fstatat(live_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !jbi_reuse_type(&st, &type) ||
        type != entry->type || !is_unchanged(reuse, entry, &st))
        return 1;
    return jbi_place_entry(reuse->choice->stage->place, &placed, &unwanted_fd, err);
}

static int want(void *user, uint64_t number, const struct index_entry *entry, struct jb_error *err)
{
    struct reuse *reuse = user;
    if (!is_marked(reuse, number))
        return 1;
    if (entry->type == TAR_FOLDER)
        return make_folder(reuse, entry, err);
    const char *slash = strrchr(entry->path, '/');
    size_t len = slash ? (size_t)(slash - entry->path) : 0;
    const char *name = slash ? slash + 1 : entry->path;
    int live_fd = jbi_climb_to(&reuse->climb, entry->path, len, false, 0);
    if (live_fd < 0)
        return 1;
    return entry->type == TAR_FILE ? link_file(reuse, entry, live_fd, name, err)
                                   : make_special(reuse, entry, live_fd, name, err);
}

/* An archive that is damaged could not give back later what the new state has changed. */
static int is_archive_whole(const struct stage *stage, const struct stage_opened *opened,
                            struct jb_error *err)
{
    struct jb_error why = {0};
    int code = jbi_follow_check_index(opened->archive_fd, stage->archive, &why);
    return code == JB_ENOMEM ? jbi_fail_memory(err) : code == JB_OK;
}

static int choose(void *user, struct stage_choice *choice, const struct stage_opened *opened,
                  struct jb_error *err)
{
    struct reuse *reuse = user;
    const struct codebase_reuse *what = reuse->what;
    struct stat st;
    reuse->choice = choice;
    choice->want = want;
    choice->user = reuse;
    if (what->created_us > jbi_now_us() || fstat(what->live_fd, &st) < 0 ||
        !jbi_has_ctimes(what->live_fd))
        return 0;
    reuse->device = st.st_dev;
    reuse->before_us = jbi_before_us(what->created_us);
    reuse->xattrs = jbi_xattrs_new();
    if (reuse->xattrs == NULL)
        return jbi_fail_memory(err);
    int code = jbi_reuse_choose(reuse, opened, err);
    return code == 1 ? is_archive_whole(choice->stage, opened, err) : code;
}

int jbi_codebase_stage_beside(const struct source_job *job, int category_fd,
                              const struct artifact *archive, const struct artifact *index,
                              int dir_fd, const char *path, const struct codebase_reuse *what,
                              struct codebase_staged *staged, struct jb_error *err)
{
    struct reuse reuse = {.what = what};
    const struct stage_what stage = {category_fd, archive, index, dir_fd, path, choose, &reuse};
    jbi_climb_begin(&reuse.climb, what->live_fd);
    int code = jbi_stage_lay_out(job, &stage, staged, err);
    jbi_climb_end(&reuse.climb);
    jbi_xattrs_free(reuse.xattrs);
    jbi_codebase_rules_end(&reuse.rules);
    jbi_arena_free(&reuse.arena);
    free(reuse.unchanged);
    return code;
}
