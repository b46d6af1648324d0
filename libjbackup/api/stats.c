/* SPDX-License-Identifier: MIT */
/* jb_stats: sizes by category, and what really lies on disk. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "api/session.h"
#include "os/tree.h"

struct inode {
    dev_t dev;
    ino_t ino;
    uint64_t size;
};

struct disk_use {
    struct inode *seen; /* files with more than one link */
    size_t count, room;
    uint64_t bytes;
};

static int count_file(void *user, const struct tree_entry *entry, struct jb_error *err)
{
    struct disk_use *use = user;
    if (entry->sys_errno != 0 || !S_ISREG(entry->st.st_mode))
        return TREE_GO_ON;
    if (entry->st.st_nlink == 1) {
        use->bytes += (uint64_t)entry->st.st_size;
        return TREE_GO_ON;
    }
    if (use->count == use->room) {
        size_t room = use->room ? 2 * use->room : 256;
        struct inode *grown = realloc(use->seen, room * sizeof *grown);
        if (grown == NULL)
            return jbi_fail_memory(err);
        use->seen = grown;
        use->room = room;
    }
    use->seen[use->count++] =
        (struct inode){entry->st.st_dev, entry->st.st_ino, (uint64_t)entry->st.st_size};
    return TREE_GO_ON;
}

static int compare_inodes(const void *a, const void *b)
{
    const struct inode *x = a, *y = b;
    if (x->dev != y->dev)
        return x->dev < y->dev ? -1 : 1;
    return x->ino < y->ino ? -1 : x->ino > y->ino;
}

/* The bytes of all files of the repository, each counted once however many links it has. */
static int disk_use(struct session *session, uint64_t *bytes, struct jb_error *err)
{
    struct disk_use use = {0};
    *bytes = 0;
    if (session->repository.fd < 0)
        return JB_OK;
    int code = jbi_tree_walk(session->repository.fd, false, count_file, &use, err);
    if (use.count > 0)
        qsort(use.seen, use.count, sizeof *use.seen, compare_inodes);
    for (size_t i = 0; i < use.count; i++) {
        if (i == 0 || compare_inodes(&use.seen[i - 1], &use.seen[i]) != 0)
            use.bytes += use.seen[i].size;
    }
    free(use.seen);
    *bytes = use.bytes;
    return code;
}

static void report_category(struct session *session, enum category category)
{
    const struct catalog *catalog = &session->catalog;
    const struct manifest *newest = NULL, *oldest = NULL;
    int64_t backups = 0, size = 0;
    for (size_t i = 0; i < catalog->count; i++) {
        if (catalog->backups[i].category != category)
            continue;
        newest = newest ? newest : &catalog->backups[i];
        oldest = &catalog->backups[i];
        size += (int64_t)oldest->total_size;
        backups++;
    }
    struct record *row = jbi_report_row(session->report);
    jbi_row_text(session->report, row, "category", jbi_category_name(category));
    jbi_row_number(session->report, row, "backups", backups);
    jbi_row_number(session->report, row, "total_size", size);
    jbi_row_text(session->report, row, "newest", newest ? newest->timestamp : NULL);
    jbi_row_text(session->report, row, "oldest", oldest ? oldest->timestamp : NULL);
}

static int stats(struct session *session, struct jb_error *err)
{
    jb_report *report = session->report;
    struct record *figures = &report->figures;
    const struct catalog *catalog = &session->catalog;
    struct statvfs disk = {0};
    uint64_t stored, total = 0;
    int code = disk_use(session, &stored, err);
    if (code < 0)
        return code;
    bool has_disk = session->repository.fd >= 0 && fstatvfs(session->repository.fd, &disk) == 0;
    for (size_t i = 0; i < catalog->count; i++)
        total += catalog->backups[i].total_size;
    const char *newest = catalog->count ? catalog->backups[0].timestamp : NULL;
    const char *oldest = catalog->count ? catalog->backups[catalog->count - 1].timestamp : NULL;
    jbi_row_text(report, figures, "repository", session->project->backup_dir);
    jbi_row_number(report, figures, "backups", (int64_t)catalog->count);
    jbi_row_number(report, figures, "total_size", (int64_t)total);
    jbi_row_number(report, figures, "stored_size", (int64_t)stored);
    if (has_disk) {
        jbi_row_number(report, figures, "disk_free", (int64_t)(disk.f_bavail * disk.f_frsize));
        jbi_row_number(report, figures, "disk_total", (int64_t)(disk.f_blocks * disk.f_frsize));
    }
    jbi_row_text(report, figures, "newest", newest);
    jbi_row_text(report, figures, "oldest", oldest);
    for (int i = 0; i < CATEGORY_COUNT; i++)
        report_category(session, (enum category)i);
    return JB_OK;
}

int jb_stats(jb_project *project, const struct jb_stats_options *options, jb_report **report,
             struct jb_error *err)
{
    struct jb_stats_options taken = JB_STATS_OPTIONS_INIT;
    struct session session;
    int code = jbi_options_take(&taken, sizeof taken, options, err);
    if (code < 0)
        return code;
    code = jbi_session_read(&session, project, JB_WARNING, err);
    if (code == JB_OK)
        code = stats(&session, session.err);
    return jbi_session_end(&session, code, report);
}
