/* SPDX-License-Identifier: MIT */
/* The walk of a capture: each entry is kept from the archive before, or opened and stored; what
 * can't be is left out, and said. */
#include "source/codebase_walk.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "os/tree.h"

static void say_unreadable(const struct capture *capture, const char *path, int why)
{
    char reason[128];
    bool is_gone = why == ENOENT || why == ESTALE;
    jbi_finding(capture->job->report, JB_WARNING, path,
                is_gone ? "not stored: it vanished while the backup ran (%s)" : "not stored: %s",
                strerror_r(why, reason, sizeof reason));
    if (why == EACCES || why == EPERM)
        jbi_finding_hint(capture->job->report,
                         "run the backup as a user who may read it, or exclude it");
}

/* What is short is ours or the system's, not the file: a backup that leaves files out for it is
 * none. */
static int check_shortage(const char *path, int why, struct jb_error *err)
{
    if (why != EMFILE && why != ENFILE && why != ENOMEM)
        return JB_OK;
    errno = why;
    return jbi_fail_errno(err, JB_EIO, "cannot read \"%s\"", path);
}

static int pass_unreadable(const struct capture *capture, const char *path, int why,
                           struct jb_error *err)
{
    int code = check_shortage(path, why, err);
    if (code == JB_OK)
        say_unreadable(capture, path, why);
    return code;
}

static void say_outcome(const struct capture *capture, const char *path,
                        const struct archive_outcome *outcome)
{
    jb_report *report = capture->job->report;
    char reason[128];
    if (outcome->is_missing)
        say_unreadable(capture, path, outcome->sys_errno);
    else if (outcome->is_cut)
        jbi_finding(report, JB_WARNING, path,
                    "stored in part: reading failed (%s); zeros stand for the rest",
                    strerror_r(outcome->sys_errno, reason, sizeof reason));
    else if (outcome->has_shrunk)
        jbi_finding(report, JB_WARNING, path,
                    "it shrank while it was read; zeros stand for what is gone");
    else if (outcome->has_changed)
        jbi_finding(report, JB_WARNING, path,
                    "it changed while it was read; stored as it was read");
}

static void count(struct capture *capture, enum tar_type type, uint64_t size)
{
    struct artifact *archive = capture->archive;
    archive->files += type == TAR_FILE;
    archive->folders += type == TAR_FOLDER;
    archive->links += type == TAR_SYMLINK || type == TAR_HARDLINK;
    archive->others += type == TAR_FIFO;
    archive->file_bytes += size;
}

static int store(struct capture *capture, struct archive_item *item, int fd, struct jb_error *err)
{
    struct archive_outcome outcome;
    int code = jbi_archive_add(capture->writer, item, fd, &outcome, err);
    if (code == JB_OK && outcome.is_missing)
        code = check_shortage(item->path, outcome.sys_errno, err);
    if (code < 0)
        return code;
    if (!outcome.is_missing)
        count(capture, item->type, outcome.size);
    else if (item->st.st_nlink > 1)
        jbi_hardlinks_forget(capture->hardlinks, &item->st);
    say_outcome(capture, item->path, &outcome);
    return JB_OK;
}

/* What is unchanged is taken from the archive before, and not opened. */
static int keep(struct capture *capture, const struct tree_entry *entry,
                const struct archive_item *item, bool *is_kept, struct jb_error *err)
{
    *is_kept = false;
    if (capture->before == NULL ||
        !jbi_before_is_relied_upon(capture->before, entry->dir_fd, item->st.st_dev))
        return JB_OK;
    int code = jbi_archive_keep(capture->writer, item, is_kept, err);
    if (code == JB_OK && *is_kept)
        count(capture, item->type, item->type == TAR_FILE ? (uint64_t)item->st.st_size : 0);
    return code;
}

/* A file of several names becomes a link to the one that was stored first. */
static int find_first_name(struct capture *capture, struct archive_item *item, struct jb_error *err)
{
    item->type = TAR_FILE;
    item->link = NULL;
    if (item->st.st_nlink < 2)
        return JB_OK;
    int code = jbi_hardlinks_find(capture->hardlinks, &item->st, item->path, &item->link, err);
    item->type = item->link != NULL ? TAR_HARDLINK : TAR_FILE;
    return code;
}

static int keep_file(struct capture *capture, const struct tree_entry *entry,
                     struct archive_item *item, bool *is_kept, struct jb_error *err)
{
    int code = find_first_name(capture, item, err);
    if (code == JB_OK)
        code = keep(capture, entry, item, is_kept, err);
    if (code == JB_OK && !*is_kept && item->st.st_nlink > 1 && item->link == NULL)
        jbi_hardlinks_forget(capture->hardlinks, &item->st); /* it is looked at again, open */
    return code;
}

static int store_file(struct capture *capture, const struct tree_entry *entry,
                      struct archive_item *item, struct jb_error *err)
{
    bool is_kept;
    int code = keep_file(capture, entry, item, &is_kept, err);
    if (code < 0 || is_kept)
        return code;
    scope_fd int fd = jbi_tree_open_file(entry, &item->st);
    if (fd < 0)
        return pass_unreadable(capture, entry->path, errno, err);
    code = find_first_name(capture, item, err);
    if (code < 0)
        return code;
    if (item->type == TAR_FILE)
        jbi_xattrs_read(capture->xattrs, entry, fd, capture->job->report, item);
    return store(capture, item, item->type == TAR_FILE ? fd : -1, err);
}

static int store_symlink(struct capture *capture, const struct tree_entry *entry,
                         struct archive_item *item, struct jb_error *err)
{
    char target[4097];
    bool is_kept;
    item->type = TAR_SYMLINK;
    int code = keep(capture, entry, item, &is_kept, err);
    if (code < 0 || is_kept)
        return code;
    ssize_t len = readlinkat(entry->dir_fd, entry->name, target, sizeof target);
    if (len <= 0 || (size_t)len == sizeof target)
        return pass_unreadable(capture, entry->path, len < 0 ? errno : ENAMETOOLONG, err);
    target[len] = '\0';
    item->link = target;
    jbi_xattrs_read(capture->xattrs, entry, -1, capture->job->report, item);
    return store(capture, item, -1, err);
}

/* Folders and FIFOs have nothing but their header. */
static int store_plain(struct capture *capture, const struct tree_entry *entry, enum tar_type type,
                       struct archive_item *item, struct jb_error *err)
{
    bool is_kept;
    item->type = type;
    int code = keep(capture, entry, item, &is_kept, err);
    if (code < 0 || is_kept)
        return code;
    jbi_xattrs_read(capture->xattrs, entry, -1, capture->job->report, item);
    return store(capture, item, -1, err);
}

static int store_folder(struct capture *capture, const struct tree_entry *entry, bool is_mounted,
                        struct archive_item *item, struct jb_error *err)
{
    int code = store_plain(capture, entry, TAR_FOLDER, item, err);
    if (code < 0 || !is_mounted)
        return code;
    jbi_finding(capture->job->report, JB_WARNING, entry->path,
                "not entered: it is on another file system");
    jbi_finding_hint(capture->job->report,
                     "set \"one_file_system\": false to back it up, or exclude it");
    return TREE_SKIP;
}

static int store_entry(struct capture *capture, const struct tree_entry *entry, bool is_mounted,
                       struct jb_error *err)
{
    struct archive_item item = {.path = entry->path, .st = entry->st};
    switch (entry->st.st_mode & S_IFMT) {
    case S_IFREG:
        return store_file(capture, entry, &item, err);
    case S_IFDIR:
        return store_folder(capture, entry, is_mounted, &item, err);
    case S_IFLNK:
        return store_symlink(capture, entry, &item, err);
    default:
        return store_plain(capture, entry, TAR_FIFO, &item, err);
    }
}

static int visit(void *user, const struct tree_entry *entry, struct jb_error *err)
{
    struct capture *capture = user;
    jb_report *report = capture->job->report;
    if (entry->sys_errno != 0) {
        if (jbi_codebase_is_left_out(&capture->rules, entry, entry->is_listing))
            return TREE_GO_ON;
        return pass_unreadable(capture, entry->path, entry->sys_errno, err);
    }
    enum codebase_part part = jbi_codebase_part(&capture->rules, entry);
    switch (part) {
    case PART_EXCLUDED: /* without a word, because the user wants it so */
    case PART_OURS:
        return TREE_SKIP;
    case PART_TOO_LONG:
        jbi_finding(report, JB_WARNING, entry->path, "not stored: its path is over %u bytes long",
                    CODEBASE_PATH_MAX);
        return TREE_SKIP;
    case PART_SOCKET:
        jbi_finding(report, JB_INFO, entry->path, "skipped: a socket, which its server makes anew");
        return TREE_GO_ON;
    case PART_DEVICE:
        jbi_finding(report, JB_WARNING, entry->path, "skipped: a device file");
        return TREE_GO_ON;
    default:
        return store_entry(capture, entry, part == PART_MOUNTED, err);
    }
}

static int store_root(struct capture *capture, int root_fd, struct jb_error *err)
{
    struct tree_entry root = {.dir_fd = root_fd, .name = ".", .path = "."};
    struct archive_item item = {.path = "."};
    if (fstat(root_fd, &item.st) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot look at \"%s\"", capture->source->root);
    return store_plain(capture, &root, TAR_FOLDER, &item, err);
}

int jbi_capture_tree(struct capture *capture, int root_fd, struct jb_error *err)
{
    int code = jbi_codebase_rules_begin(&capture->rules, capture->source, err);
    if (code < 0)
        return code;
    capture->hardlinks = jbi_hardlinks_new();
    capture->xattrs = jbi_xattrs_new();
    if (capture->hardlinks == NULL || capture->xattrs == NULL)
        code = jbi_fail_memory(err);
    if (code == JB_OK)
        code = store_root(capture, root_fd, err);
    if (code == JB_OK)
        code = jbi_tree_walk(root_fd, false, visit, capture, err);
    jbi_codebase_rules_end(&capture->rules);
    jbi_hardlinks_free(capture->hardlinks);
    jbi_xattrs_free(capture->xattrs);
    return code;
}
