/* SPDX-License-Identifier: MIT */
/*
 * Laying code out in an empty folder. The archive is read along its index, so every entry and
 * every content is compared before it counts as restored.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/scope.h"
#include "os/file.h"
#include "source/codebase_stage_parts.h"

/* A copy of a file's entry for the time until its content is complete. */
static int entry_keep(struct stage *stage, const struct tar_entry *entry, struct jb_error *err)
{
    struct arena *arena = &stage->entry_arena;
    jbi_arena_free(arena);
    stage->entry = *entry;
    stage->entry.path = jbi_arena_text(arena, entry->path);
    struct tar_xattr *xattrs = jbi_arena_alloc(arena, (entry->xattr_count + 1) * sizeof *xattrs);
    bool has_memory = stage->entry.path != NULL && xattrs != NULL;
    for (size_t i = 0; has_memory && i < entry->xattr_count; i++) {
        xattrs[i].name = jbi_arena_text(arena, entry->xattrs[i].name);
        xattrs[i].value = jbi_arena_textn(arena, entry->xattrs[i].value, entry->xattrs[i].len);
        xattrs[i].len = entry->xattrs[i].len;
        has_memory = xattrs[i].name != NULL && xattrs[i].value != NULL;
    }
    stage->entry.xattrs = xattrs;
    return has_memory ? JB_OK : jbi_fail_memory(err);
}

static int defer(struct stage *stage, const struct tar_entry *entry, struct jb_error *err)
{
    struct stage_deferred *deferred = jbi_arena_alloc(stage->arena, sizeof *deferred);
    if (deferred == NULL)
        return jbi_fail_memory(err);
    deferred->path = jbi_arena_text(stage->arena, entry->path);
    deferred->link = jbi_arena_text(stage->arena, entry->link);
    if (deferred->path == NULL || deferred->link == NULL)
        return jbi_fail_memory(err);
    deferred->next = stage->deferred;
    stage->deferred = deferred;
    return JB_OK;
}

/* By what the manifest counted the space was reckoned, and the user asked. */
static int check_counts(const struct stage *stage, struct jb_error *err)
{
    const struct artifact *told = stage->archive;
    if (stage->staged->files <= told->files && stage->staged->file_bytes <= told->file_bytes)
        return JB_OK;
    jbi_fail(err, JB_ECORRUPT, "%s holds more than the manifest says: %llu files in %llu bytes",
             told->path, (unsigned long long)told->files, (unsigned long long)told->file_bytes);
    return JB_ECORRUPT;
}

static int stage_entry(void *user, const struct tar_entry *entry, uint64_t offset,
                       struct jb_error *err)
{
    struct stage *stage = user;
    char difference[FOLLOW_DIFFERENCE_SIZE];
    (void)offset;
    bool is_asked = stage->is_ahead;
    int code = jbi_stage_next(stage, err);
    if (code == 0 && strcmp(stage->follow.below, ".") == 0)
        return jbi_fail(err, JB_ECORRUPT, "\"%s\" is in the archive, but not in the index",
                        entry->path);
    if (code < 1) {
        stage->is_complete = code == 0;
        return code < 0 ? code : UNTAR_STOP;
    }
    jbi_follow_compare(&stage->follow, entry, difference);
    if (difference[0] != '\0')
        return jbi_fail(err, JB_ECORRUPT, "\"%s\": the archive and its index differ: %s",
                        entry->path, difference);
    if (!is_asked && stage->choice != NULL) {
        code = jbi_stage_ask(stage, err);
        stage->is_passed = code == 0;
        if (code < 1)
            return code;
    }
    stage->is_passed = false;
    if (stage->as != NULL && entry->type != TAR_FILE)
        return jbi_fail(err, JB_ECORRUPT, "\"%s\" is a hard link to \"%s\", which is no file",
                        stage->as, entry->path);
    if (entry->type == TAR_HARDLINK && !jbi_is_below(entry->link, stage->follow.below))
        return defer(stage, entry, err);
    struct tar_entry placed = *entry;
    if (stage->as != NULL)
        placed.path = stage->as;
    stage->staged->files += entry->type == TAR_FILE;
    stage->staged->file_bytes += entry->size;
    code = stage->as == NULL ? check_counts(stage, err) : JB_OK;
    if (code < 0)
        return code;
    code = jbi_place_entry(stage->place, &placed, &stage->fd, err);
    if (code == JB_OK && stage->fd >= 0)
        code = entry_keep(stage, &placed, err);
    jbi_follow_content_begin(&stage->follow);
    return code;
}

static int stage_content(void *user, const unsigned char *from, size_t len, struct jb_error *err)
{
    struct stage *stage = user;
    if (stage->is_passed)
        return JB_OK;
    jbi_follow_content_add(&stage->follow, from, len);
    if (jbi_write_full(stage->fd, from, len) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot write \"%s\"", stage->entry.path);
    stage->written += len;
    return jbi_progress(stage->job->hooks, "restore code", stage->written, 0, "bytes", err);
}

static int stage_end(void *user, struct jb_error *err)
{
    struct stage *stage = user;
    bool is_last = stage->choice != NULL && stage->number == stage->run_last;
    if (stage->fd < 0)
        return is_last ? UNTAR_STOP : JB_OK;
    if (!jbi_follow_content_is_right(&stage->follow))
        return jbi_fail(err, JB_ECORRUPT,
                        "\"%s\": its content does not have the digest in the index",
                        stage->entry.path);
    int fd = stage->fd;
    stage->fd = -1;
    int code = jbi_place_file_end(stage->place, &stage->entry, fd, err);
    /* Nothing lies below a file. */
    stage->is_complete = strcmp(stage->follow.expected.path, stage->follow.below) == 0;
    return code == JB_OK && (stage->is_complete || is_last) ? UNTAR_STOP : code;
}

const struct untar_visitor jbi_stage_visitor = {stage_entry, stage_content, stage_end};

/* The entry of path, or the first below it; JB_ENOTFOUND. Its texts belong to the follow. */
static int find_first(const struct stage_opened *opened, const char *path,
                      struct index_entry *first, struct jb_error *err)
{
    struct index_reader *index;
    int code = jbi_index_open(&index, opened->index_fd, opened->index_name, err);
    if (code < 0)
        return code;
    code = jbi_index_next_below(index, path, first, err);
    jbi_index_close(index);
    first->path = first->link = NULL;
    if (code == 0) {
        code = jbi_fail(err, JB_ENOTFOUND, "there is no \"%s\" in the backup", path);
        jbi_hint(err, "\"jbackup files TIMESTAMP\" lists what is in it");
    }
    return code;
}

/* After the archive's last entry: the index must not promise more. */
static int expect_no_more(struct stage *stage, struct jb_error *err)
{
    int code = jbi_follow_next(&stage->follow, err);
    if (code == 1)
        return jbi_fail(err, JB_ECORRUPT, "\"%s\" is in the index, but not in the archive",
                        stage->follow.expected.path);
    return code;
}

/* Reads path and what is below it from just the members that hold it. */
static int stage_below(struct stage *stage, const struct stage_opened *opened, const char *path,
                       struct jb_error *err)
{
    struct index_entry first;
    int code = find_first(opened, path, &first, err);
    if (code < 0)
        return code;
    stage->is_complete = false;
    code = jbi_follow_begin(&stage->follow, opened->index_fd, opened->index_name, path, err);
    if (code < 0)
        return code;
    code = jbi_archive_read_from(opened->archive_fd, opened->archive_name, &first,
                                 &jbi_stage_visitor, stage, err);
    if (code == JB_OK && !stage->is_complete)
        code = expect_no_more(stage, err);
    jbi_follow_end(&stage->follow);
    return code;
}

static int stage_deferred(struct stage *stage, const struct stage_opened *opened,
                          struct jb_error *err)
{
    int code = JB_OK;
    stage->choice = NULL;
    for (struct stage_deferred *at = stage->deferred; at != NULL && code == JB_OK; at = at->next) {
        stage->as = at->path;
        code = stage_below(stage, opened, at->link, err);
    }
    return code;
}

static int stage_all(struct stage *stage, const struct stage_opened *opened, struct jb_error *err)
{
    struct members_options options = {
        .jobs = stage->job->jobs,
        .hooks = stage->job->hooks,
        .step = "restore code",
        .name = opened->archive_name,
    };
    int code = jbi_follow_begin(&stage->follow, opened->index_fd, opened->index_name, ".", err);
    if (code < 0)
        return code;
    code = jbi_archive_read(opened->archive_fd, &options, &jbi_stage_visitor, stage, NULL, err);
    if (code == JB_OK)
        code = expect_no_more(stage, err);
    jbi_follow_end(&stage->follow);
    return code;
}

/* Everything, or path and what is below it: all of it from the archive, or what is chosen. */
static int stage_wanted(struct stage *stage, const struct stage_opened *opened, const char *path,
                        struct jb_error *err)
{
    int code = stage->choice != NULL ? jbi_stage_chosen(stage, opened, path ? path : ".", err)
               : path == NULL        ? stage_all(stage, opened, err)
                                     : stage_below(stage, opened, path, err);
    return code < 0 ? code : stage_deferred(stage, opened, err);
}

static int choose(struct stage *stage, const struct stage_what *what,
                  const struct stage_opened *opened, struct stage_choice *choice,
                  struct jb_error *err)
{
    *choice = (struct stage_choice){.stage = stage, .path = what->path};
    int code = what->choose != NULL ? what->choose(what->user, choice, opened, err) : 0;
    stage->choice = code == 1 ? choice : NULL;
    return code < 0 ? code : JB_OK;
}

int jbi_stage_lay_out(const struct source_job *job, const struct stage_what *what,
                      struct codebase_staged *staged, struct jb_error *err)
{
    const struct artifact *archive = what->archive, *index = what->index;
    struct stage_choice choice;
    struct stage stage = {
        .job = job, .archive = archive, .arena = job->arena, .fd = -1, .staged = staged};
    *staged = (struct codebase_staged){0};
    scope_fd int archive_fd = -1, index_fd = -1;
    int code = jbi_open_regular(what->category_fd, archive->path, &archive_fd, err);
    if (code == JB_OK)
        code = jbi_open_regular(what->category_fd, index->path, &index_fd, err);
    if (code == JB_OK)
        code = jbi_follow_check_index(index_fd, index, err);
    if (code == JB_OK)
        code = jbi_place_new(&stage.place, what->dir_fd, err);
    if (code < 0)
        return code;
    struct stage_opened opened = {archive_fd, index_fd, archive->path, index->path};
    code = choose(&stage, what, &opened, &choice, err);
    if (code == JB_OK)
        code = stage_wanted(&stage, &opened, what->path, err);
    if (code == JB_OK)
        code = jbi_place_finish(stage.place, job->report, err);
    if (stage.fd >= 0)
        close(stage.fd);
    jbi_place_free(stage.place);
    jbi_arena_free(&stage.entry_arena);
    return code;
}

int jbi_codebase_stage(const struct source_job *job, int category_fd,
                       const struct artifact *archive, const struct artifact *index, int dir_fd,
                       const char *path, struct codebase_staged *staged, struct jb_error *err)
{
    const struct stage_what what = {category_fd, archive, index, dir_fd, path, NULL, NULL};
    return jbi_stage_lay_out(job, &what, staged, err);
}
