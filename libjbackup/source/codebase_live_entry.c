/* SPDX-License-Identifier: MIT */
/* One entry of the live tree held against the one that a restore would put there. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "archive/untar.h"
#include "base/error.h"
#include "base/report.h"
#include "source/codebase_live_parts.h"
#include "source/place.h"

#define TARGET_SIZE 4098

bool jbi_live_is_staying(const struct live *live, const char *path)
{
    return jbi_codebase_is_staying(live->what->stays, live->what->path, path);
}

void jbi_live_say_unreadable(struct live *live, const char *path, int why)
{
    jb_report *report = live->job->report;
    char reason[128];
    live->found->not_compared++;
    if (why == ENOENT || why == ESTALE) {
        jbi_finding(report, JB_WARNING, path, "it vanished while it was compared");
        return;
    }
    jbi_finding(report, JB_ERROR, path, "not compared: %s", strerror_r(why, reason, sizeof reason));
    if (why == EACCES || why == EPERM)
        jbi_finding_hint(report, "compare as a user who may read it");
}

uint64_t jbi_live_size(const struct stat *st)
{
    return S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
}

static const struct link_target *target_of(const struct live *live, const struct index_entry *entry)
{
    return entry->type == TAR_HARDLINK && live->targets != NULL
               ? jbi_links_find(live->targets, entry->link)
               : NULL;
}

uint64_t jbi_live_backup_size(const struct live *live, const struct index_entry *entry)
{
    const struct link_target *target = target_of(live, entry);
    return target != NULL ? target->size : entry->type == TAR_FILE ? entry->size : 0;
}

static int add_changed(struct live *live, unsigned what, const struct tree_entry *entry,
                       struct jb_error *err)
{
    const struct codebase_change change = {
        .kind = CODE_CHANGED,
        .what = what,
        .path = entry->path,
        .live_size = jbi_live_size(&entry->st),
        .backup_size = jbi_live_backup_size(live, live->expected),
    };
    return what != 0 ? jbi_live_add(live, &change, err) : JB_OK;
}

static bool is_type_right(const struct index_entry *expected, const struct stat *st)
{
    switch (expected->type) {
    case TAR_FILE:
    case TAR_HARDLINK:
        return S_ISREG(st->st_mode);
    case TAR_FOLDER:
        return S_ISDIR(st->st_mode);
    case TAR_SYMLINK:
        return S_ISLNK(st->st_mode);
    default:
        return S_ISFIFO(st->st_mode);
    }
}

/* Mode, owner and time, as a restore sets them. Symbolic links have no mode of their own. */
static unsigned compare_state(const struct index_entry *expected, const struct stat *st)
{
    bool is_settable = jbi_place_can_own(expected->uid, expected->gid);
    unsigned mode = expected->mode & 07777, what = 0;
    if (!is_settable && S_ISREG(st->st_mode))
        mode &= ~(unsigned)(S_ISUID | S_ISGID);
    if (!S_ISLNK(st->st_mode) && (st->st_mode & 07777) != mode)
        what |= CODE_MODE;
    bool is_owner_right = is_settable ? st->st_uid == expected->uid && st->st_gid == expected->gid
                                      : st->st_uid == geteuid();
    if (!is_owner_right)
        what |= CODE_OWNER;
    if (st->st_mtim.tv_sec != expected->mtime_s || st->st_mtim.tv_nsec != expected->mtime_ns)
        what |= CODE_TIME;
    return what;
}

static int compare_target(struct live *live, const struct tree_entry *entry, unsigned *what)
{
    char target[TARGET_SIZE];
    ssize_t len = readlinkat(entry->dir_fd, entry->name, target, sizeof target - 1);
    if (len < 0) {
        jbi_live_say_unreadable(live, entry->path, errno);
        return JB_OK;
    }
    target[len] = '\0';
    if (live->expected->link == NULL || strcmp(target, live->expected->link) != 0)
        *what |= CODE_LINK;
    return JB_OK;
}

/* Which names are one file. *is_same: it is the file of which the first name was compared. */
static int compare_names(struct live *live, const struct tree_entry *entry, unsigned *what,
                         bool *is_same, struct jb_error *err)
{
    const struct index_entry *expected = live->expected;
    const char *first = NULL;
    struct stat st = entry->st;
    *is_same = false;
    st.st_ctim = (struct timespec){0}; /* a new name changes it */
    int code =
        st.st_nlink > 1 ? jbi_hardlinks_find(live->links, &st, entry->path, &first, err) : JB_OK;
    if (code < 0)
        return code;
    if (expected->type == TAR_FILE) {
        *what |= first != NULL ? CODE_LINK : 0;
        return JB_OK;
    }
    /* Restored without its first name it is a file of its own. */
    bool is_alone = live->what->path != NULL && !jbi_is_below(expected->link, live->what->path);
    *is_same = !is_alone && first != NULL && strcmp(first, expected->link) == 0;
    if (is_alone ? st.st_nlink > 1 : !*is_same)
        *what |= CODE_LINK;
    return JB_OK;
}

/* The content is only read where the size is right; what comes of it is told by content_done. */
static int compare_content(struct live *live, const struct tree_entry *entry, unsigned *what,
                           struct jb_error *err)
{
    const struct index_entry *expected = live->expected;
    const struct link_target *target = target_of(live, expected);
    const char *sha256 = target != NULL ? target->sha256 : expected->sha256;
    struct stat st;
    live->found->files++;
    if (jbi_live_size(&entry->st) != jbi_live_backup_size(live, expected)) {
        *what |= CODE_CONTENT;
        return JB_OK;
    }
    int fd = jbi_tree_open_file(entry, &st);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
            return jbi_fail_errno(err, JB_EIO, "cannot read \"%s\"", entry->path);
        jbi_live_say_unreadable(live, entry->path, errno);
        return JB_OK;
    }
    return jbi_file_digests_add(live->digests, fd, entry->path, &entry->st, sha256, err);
}

/* What SQLite keeps beside a database comes and goes, also when it is only read. */
static bool holds_database(const struct live *live, const struct stat *st)
{
    for (size_t i = 0; S_ISDIR(st->st_mode) && i < live->what->live->database_count; i++) {
        const struct stat *folder = &live->database_folders[i];
        if (folder->st_ino != 0 && folder->st_ino == st->st_ino && folder->st_dev == st->st_dev)
            return true;
    }
    return false;
}

int jbi_live_compare(struct live *live, const struct tree_entry *entry, struct jb_error *err)
{
    const struct index_entry *expected = live->expected;
    unsigned what = 0;
    bool is_same = false;
    int code = JB_OK;
    if (!is_type_right(expected, &entry->st)) {
        code = add_changed(live, CODE_TYPE, entry, err);
        return code == JB_OK && S_ISDIR(entry->st.st_mode) ? jbi_live_leaves(live, err) : code;
    }
    if (expected->type == TAR_SYMLINK)
        code = compare_target(live, entry, &what);
    else if (S_ISREG(entry->st.st_mode))
        code = compare_names(live, entry, &what, &is_same, err);
    if (!is_same && !jbi_codebase_is_holder(&live->holders, entry))
        what |= compare_state(expected, &entry->st);
    if (holds_database(live, &entry->st))
        what &= ~(unsigned)CODE_TIME;
    if (code == JB_OK && S_ISREG(entry->st.st_mode) && !is_same)
        code = compare_content(live, entry, &what, err);
    return code < 0 ? code : add_changed(live, what, entry, err);
}

/* ---- What stays ---- */

static void say_staying(const struct live *live, const char *path)
{
    jbi_finding(live->job->report, JB_INFO, path,
                "stays as it is, though the backup has another one");
    jbi_finding_hint(live->job->report, "--path %s restores it", path);
}

int jbi_live_compare_staying(struct live *live, const struct tree_entry *entry,
                             struct jb_error *err)
{
    unsigned what = 0;
    int code = JB_OK;
    if (!is_type_right(live->expected, &entry->st) || !S_ISREG(entry->st.st_mode))
        what = CODE_CONTENT;
    else
        code = compare_content(live, entry, &what, err);
    if (what != 0)
        say_staying(live, entry->path);
    return code;
}

int jbi_live_content_done(void *user, const struct file_digest *file, struct jb_error *err)
{
    struct live *live = user;
    if (file->sys_errno != 0) {
        jbi_live_say_unreadable(live, file->path, file->sys_errno);
        return JB_OK;
    }
    if (jbi_live_is_staying(live, file->path)) {
        if (!file->is_as_expected)
            say_staying(live, file->path);
        return JB_OK;
    }
    if (file->has_changed) {
        live->found->not_compared++;
        jbi_finding(live->job->report, JB_WARNING, file->path, "it changed while it was compared");
    }
    const struct codebase_change change = {
        CODE_CHANGED, CODE_CONTENT, file->path, file->size, file->size,
    };
    return file->is_as_expected ? JB_OK : jbi_live_add(live, &change, err);
}
