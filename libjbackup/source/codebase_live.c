/* SPDX-License-Identifier: MIT */
/*
 * The live tree held against a backup, both in the order of a walk. Invariant: nothing is opened
 * but to read, and what a restore would leave alone is asked of the same rules.
 */
#include "source/codebase_live.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/untar.h"
#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "os/file.h"
#include "os/mounts.h"
#include "source/codebase_live_parts.h"

#define STEP "compare code"

static int tell_progress(const struct live *live, struct jb_error *err)
{
    return jbi_progress(live->job->hooks, STEP, live->found->bytes,
                        live->what->path == NULL ? live->what->archive->file_bytes : 0, "bytes",
                        err);
}

static int count_read(void *user, uint64_t len, struct jb_error *err)
{
    struct live *live = user;
    live->found->bytes += len;
    return tell_progress(live, err);
}

/* ---- The index ---- */

static int advance(struct live *live, struct jb_error *err)
{
    int code = jbi_follow_next(&live->follow, err);
    live->expected = code == 1 ? &live->follow.expected : NULL;
    return code < 0 ? code : JB_OK;
}

/* Entries of the backup that come before path, NULL for all: they are not in the live tree. */
static int add_until(struct live *live, const char *path, struct jb_error *err)
{
    int code = JB_OK;
    while (code == JB_OK && live->expected != NULL &&
           (path == NULL || jbi_tree_order(live->expected->path, path) < 0)) {
        const struct codebase_change change = {
            .kind = CODE_ADDED,
            .path = live->expected->path,
            .backup_size = jbi_live_backup_size(live, live->expected),
        };
        code = jbi_live_add(live, &change, err);
        if (code == JB_OK)
            code = advance(live, err);
        if (code == JB_OK)
            code = tell_progress(live, err);
    }
    return code;
}

static int pass_below(struct live *live, const char *path, struct jb_error *err)
{
    int code = JB_OK;
    while (code == JB_OK && live->expected != NULL && jbi_is_below(live->expected->path, path))
        code = advance(live, err);
    return code;
}

/* ---- The tree ---- */

static bool is_mounted(const struct live *live, const struct tree_entry *entry)
{
    bool is = entry->is_mount;
    for (size_t i = 0; !is && i < live->mounted_count; i++)
        is = strcmp(live->mounted[i], entry->path) == 0;
    return is;
}

static int visit_unreadable(struct live *live, const struct tree_entry *entry, struct jb_error *err)
{
    if (jbi_codebase_is_left_out(&live->rules, entry, entry->is_listing)) {
        jbi_live_keep_leaving(live, entry->path);
        return pass_below(live, entry->path, err);
    }
    if (entry->sys_errno == ENOENT) /* what the backup has of it would be added */
        return JB_OK;
    jbi_live_say_unreadable(live, entry->path, entry->sys_errno);
    return pass_below(live, entry->path, err);
}

/* What a restore does not touch. */
static int visit_staying(struct live *live, const struct tree_entry *entry, bool is_expected,
                         struct jb_error *err)
{
    jb_report *report = live->job->report;
    int code = JB_OK;
    jbi_live_keep_leaving(live, entry->path);
    if (is_expected && jbi_live_is_staying(live, entry->path)) {
        code = jbi_live_compare_staying(live, entry, err);
    } else if (is_mounted(live, entry) && strchr(entry->path, '/') == NULL) {
        jbi_finding(report, JB_WARNING, entry->path,
                    "stays as it is: it is on another file system");
    } else if (is_expected) {
        jbi_finding(report, JB_INFO, entry->path, "stays as it is: backups leave it out today");
    }
    if (code == JB_OK)
        code = pass_below(live, entry->path, err);
    return code < 0 ? code : TREE_SKIP;
}

static bool is_left_alone(const struct live *live, const struct tree_entry *entry)
{
    const char *path = live->what->path;
    if (is_mounted(live, entry) || jbi_live_is_staying(live, entry->path))
        return true;
    enum codebase_part part = jbi_codebase_part(&live->rules, entry);
    /* What is named is restored, though backups may leave it out today. */
    bool is_named = path != NULL && strcmp(entry->path, path) == 0;
    return part == PART_OURS || (part != PART_TAKEN && !is_named);
}

static int visit_removed(struct live *live, const struct tree_entry *entry, struct jb_error *err)
{
    const struct codebase_change change = {
        .kind = CODE_REMOVED,
        .path = entry->path,
        .live_size = jbi_live_size(&entry->st),
    };
    int code = jbi_live_add(live, &change, err);
    return code == JB_OK && S_ISDIR(entry->st.st_mode) ? jbi_live_leaves(live, err) : code;
}

/* On the way to the one path that is compared. */
static int visit_above(struct live *live, const struct tree_entry *entry)
{
    if (entry->sys_errno == ENOENT)
        return TREE_GO_ON;
    if (entry->sys_errno != 0)
        jbi_live_say_unreadable(live, entry->path, entry->sys_errno);
    if (entry->sys_errno == 0 && S_ISDIR(entry->st.st_mode))
        return TREE_GO_ON;
    if (entry->sys_errno == 0)
        jbi_finding(live->job->report, JB_WARNING, entry->path,
                    "is no folder now: a restore would refuse to put anything in it");
    return TREE_SKIP;
}

static int visit(void *user, const struct tree_entry *entry, struct jb_error *err)
{
    struct live *live = user;
    const char *path = live->what->path;
    if (path != NULL && !jbi_is_below(entry->path, path))
        return jbi_is_below(path, entry->path) ? visit_above(live, entry) : TREE_SKIP;
    jbi_live_come_to(live, entry->path);
    int code = add_until(live, entry->path, err);
    if (code == JB_OK)
        code = tell_progress(live, err);
    if (code < 0)
        return code;
    if (entry->sys_errno != 0)
        return visit_unreadable(live, entry, err);
    bool is_expected =
        live->expected != NULL && jbi_tree_order(live->expected->path, entry->path) == 0;
    if (is_left_alone(live, entry))
        return visit_staying(live, entry, is_expected, err);
    if (!is_expected)
        return visit_removed(live, entry, err);
    code = jbi_live_compare(live, entry, err);
    return code < 0 ? code : advance(live, err);
}

static int note_mounted(void *user, const char *path, struct jb_error *err)
{
    struct live *live = user;
    size_t size = live->mounted_count * sizeof *live->mounted;
    live->mounted =
        jbi_arena_grow(live->job->arena, live->mounted, size, size + sizeof *live->mounted);
    const char *kept = jbi_arena_text(live->job->arena, path);
    if (live->mounted == NULL || kept == NULL)
        return jbi_fail_memory(err);
    live->mounted[live->mounted_count++] = kept;
    if (strchr(path, '/') != NULL) {
        jbi_finding(live->job->report, JB_WARNING, path,
                    "is mounted within the code: a restore would refuse");
        jbi_finding_hint(live->job->report,
                         "unmount it for the restore, or mount it in the root itself");
    }
    return JB_OK;
}

/* The root itself, which only a restore of all sets. */
static int compare_root(struct live *live, int root_fd, struct jb_error *err)
{
    struct tree_entry root = {.dir_fd = root_fd, .name = ".", .path = "."};
    if (live->expected == NULL || strcmp(live->expected->path, ".") != 0)
        return JB_OK;
    if (fstat(root_fd, &root.st) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot look at \"%s\"", live->what->live->root);
    int code = jbi_live_compare(live, &root, err);
    return code < 0 ? code : advance(live, err);
}

static int compare_tree(struct live *live, int root_fd, struct jb_error *err)
{
    int code = jbi_mounts_below(root_fd, note_mounted, live, err);
    if (code == JB_OK)
        code =
            jbi_codebase_holders(&live->holders, live->what->live, root_fd, live->job->arena, err);
    if (code == JB_OK)
        code = compare_root(live, root_fd, err);
    return code < 0 ? code : jbi_tree_walk(root_fd, false, visit, live, err);
}

/* ---- The whole ---- */

static int fail_absent(const char *path, struct jb_error *err)
{
    jbi_fail(err, JB_ENOTFOUND, "there is no \"%s\" in the backup", path);
    jbi_hint(err, "\"jbackup files TIMESTAMP\" lists what is in it");
    return JB_ENOTFOUND;
}

static int look_at_database_folders(struct live *live, struct jb_error *err)
{
    const struct codebase_source *source = live->what->live;
    struct arena *arena = live->job->arena;
    live->database_folders =
        jbi_arena_alloc(arena, (source->database_count + 1) * sizeof *live->database_folders);
    if (live->database_folders == NULL)
        return jbi_fail_memory(err);
    for (size_t i = 0; i < source->database_count; i++) {
        const char *file = source->database_files[i]; /* absolute */
        const char *folder = jbi_arena_textn(arena, file, (size_t)(strrchr(file, '/') - file) + 1);
        if (folder == NULL)
            return jbi_fail_memory(err);
        if (stat(folder, &live->database_folders[i]) < 0)
            live->database_folders[i].st_ino = 0;
    }
    return JB_OK;
}

static int begin(struct live *live, int index_fd, struct jb_error *err)
{
    const struct codebase_live_what *what = live->what;
    struct file_digests_user user = {count_read, jbi_live_content_done, live};
    int code = jbi_follow_check_index(index_fd, what->index, err);
    if (code == JB_OK && what->archive->links > 0)
        code = jbi_links_load(&live->targets, index_fd, what->index->path, err);
    if (code == JB_OK)
        code = jbi_file_digests_new(&live->digests, live->job->jobs, &user, err);
    if (code == JB_OK)
        code = jbi_codebase_rules_begin(&live->rules, what->live, err);
    if (code == JB_OK)
        code = look_at_database_folders(live, err);
    live->links = jbi_hardlinks_new();
    if (code == JB_OK && live->links == NULL)
        code = jbi_fail_memory(err);
    return code;
}

static int compare(struct live *live, int index_fd, int root_fd, struct jb_error *err)
{
    const struct codebase_live_what *what = live->what;
    int code = jbi_follow_begin(&live->follow, index_fd, what->index->path,
                                what->path ? what->path : ".", err);
    if (code < 0)
        return code;
    code = advance(live, err);
    if (code == JB_OK && what->path != NULL && live->expected == NULL)
        code = fail_absent(what->path, err);
    if (code == JB_OK && root_fd >= 0)
        code = compare_tree(live, root_fd, err);
    if (code == JB_OK)
        code = add_until(live, NULL, err);
    if (code == JB_OK)
        code = jbi_file_digests_finish(live->digests, err);
    jbi_follow_end(&live->follow);
    return code;
}

int jbi_codebase_compare_live(const struct source_job *job, const struct codebase_live_what *what,
                              struct codebase_live_found *found, struct jb_error *err)
{
    struct live live = {.job = job, .what = what, .found = found};
    *found = (struct codebase_live_found){0};
    scope_fd int index_fd = -1;
    scope_fd int root_fd = open(what->live->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0 && errno != ENOENT) /* absent: a restore makes it */
        return jbi_fail_errno(err, JB_EIO, "cannot read the code folder \"%s\"", what->live->root);
    int code = jbi_open_regular(what->category_fd, what->index->path, &index_fd, err);
    if (code == JB_OK)
        code = begin(&live, index_fd, err);
    if (code == JB_OK)
        code = compare(&live, index_fd, root_fd, err);
    jbi_file_digests_free(live.digests);
    jbi_codebase_rules_end(&live.rules);
    jbi_hardlinks_free(live.links);
    jbi_links_free(live.targets);
    free(live.leaving);
    if (code == JB_OK)
        jbi_live_finish(&live);
    return code;
}
