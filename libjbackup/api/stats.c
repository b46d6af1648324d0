/* SPDX-License-Identifier: MIT */
/* jb_stats: sizes by category, and what really lies on disk. */
#include <sys/statvfs.h>

#include "api/session.h"
#include "api/stored_size.h"
#include "repository/freed.h"

static int report_category(struct session *session, enum category category, struct jb_error *err)
{
    struct freed freed = {0};
    int code = JB_OK;
    const struct catalog *catalog = &session->catalog;
    const struct manifest *newest = NULL, *oldest = NULL;
    int64_t backups = 0, size = 0;
    for (size_t i = 0; i < catalog->count && code == JB_OK; i++) {
        if (catalog->backups[i].category != category)
            continue;
        newest = newest ? newest : &catalog->backups[i];
        oldest = &catalog->backups[i];
        size += (int64_t)oldest->total_size;
        code = jbi_freed_add(&freed, &session->repository, oldest, err);
        backups++;
    }
    struct record *row = jbi_report_row(session->report);
    jbi_row_text(session->report, row, "category", jbi_category_name(category));
    jbi_row_number(session->report, row, "backups", backups);
    jbi_row_number(session->report, row, "total_size", size);
    jbi_row_number(session->report, row, "freed", (int64_t)freed.bytes);
    jbi_row_text(session->report, row, "newest", newest ? newest->timestamp : NULL);
    jbi_row_text(session->report, row, "oldest", oldest ? oldest->timestamp : NULL);
    jbi_freed_free(&freed);
    return code;
}

static int stats(struct session *session, struct jb_error *err)
{
    jb_report *report = session->report;
    struct record *figures = &report->figures;
    const struct catalog *catalog = &session->catalog;
    struct statvfs disk = {0};
    uint64_t stored, total = 0;
    int code = jbi_stored_size(&session->repository, &stored, err);
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
    for (int i = 0; i < CATEGORY_COUNT && code == JB_OK; i++)
        code = report_category(session, (enum category)i, err);
    return code;
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
