/* SPDX-License-Identifier: MIT */
/* jb_find: the versions of files over all backups. From the oldest backup to the newest, so that
 * versions are counted as they came; the rows are then turned round. */
#include <fnmatch.h>
#include <stdlib.h>

#include "api/index_open.h"
#include "base/clock.h"

struct match {
    const char *timestamp, *path;
    enum tar_type type;
    uint64_t size;
    int64_t mtime_us;
    char sha256[SHA256_HEX_SIZE];
    int64_t version;
};

struct find_run {
    struct session session;
    const char *pattern;
    struct match *matches;
    size_t count, room;
};

static bool matches(const struct find_run *run, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (strchr(run->pattern, '/') != NULL)
        return fnmatch(run->pattern, path, FNM_PATHNAME) == 0;
    return fnmatch(run->pattern, slash ? slash + 1 : path, 0) == 0;
}

static int match_add(struct find_run *run, const char *timestamp, const struct index_entry *entry,
                     struct jb_error *err)
{
    if (run->count == run->room) {
        size_t room = run->room ? 2 * run->room : 64;
        struct match *grown = realloc(run->matches, room * sizeof *grown);
        if (grown == NULL)
            return jbi_fail_memory(err);
        run->matches = grown;
        run->room = room;
    }
    struct match *match = &run->matches[run->count];
    *match = (struct match){
        .timestamp = timestamp,
        .path = jbi_arena_text(&run->session.arena, entry->path),
        .type = entry->type,
        .size = entry->size,
        .mtime_us = jbi_time_us(entry->mtime_s, entry->mtime_ns),
    };
    memcpy(match->sha256, entry->sha256, sizeof match->sha256);
    if (match->path == NULL)
        return jbi_fail_memory(err);
    run->count++;
    return JB_OK;
}

/* A damaged index is news of that backup; the others are still searched. */
static int search_backup(struct find_run *run, const struct manifest *backup, struct jb_error *err)
{
    struct open_index index;
    struct index_entry entry;
    struct jb_error why = {0};
    int found, code = jbi_index_of_backup(&index, &run->session, backup, &why);
    while (code > 0 && (found = jbi_index_next(index.reader, &entry, &why)) != 0) {
        code = found;
        if (found == 1 && matches(run, entry.path) &&
            match_add(run, backup->timestamp, &entry, err) < 0)
            code = JB_ENOMEM;
    }
    jbi_index_of_backup_close(&index);
    if (code == JB_ENOMEM)
        return jbi_fail_memory(err);
    if (code < 0)
        jbi_finding(run->session.report, JB_ERROR, backup->timestamp, "%s", why.text);
    return JB_OK;
}

/* By path, then by age (the order in which they were found). */
static int compare(const void *a, const void *b)
{
    const struct match *const *x = a, *const *y = b;
    int order = strcmp((*x)->path, (*y)->path);
    return order ? order : *x < *y ? -1 : *x > *y;
}

/* Numbers the contents of each path in the order of their first appearance. */
static int number_versions(struct find_run *run, struct jb_error *err)
{
    struct match **sorted = malloc((run->count + 1) * sizeof(struct match *));
    if (sorted == NULL)
        return jbi_fail_memory(err);
    for (size_t i = 0; i < run->count; i++)
        sorted[i] = &run->matches[i];
    qsort(sorted, run->count, sizeof(struct match *), compare);
    int64_t newest = 0;
    for (size_t i = 0, first = 0; i < run->count; i++) {
        if (strcmp(sorted[first]->path, sorted[i]->path) != 0) {
            first = i;
            newest = 0;
        }
        for (size_t j = first; j < i && sorted[i]->version == 0; j++) {
            if (strcmp(sorted[j]->sha256, sorted[i]->sha256) == 0)
                sorted[i]->version = sorted[j]->version;
        }
        if (sorted[i]->version == 0 && sorted[i]->sha256[0] != '\0')
            sorted[i]->version = ++newest;
    }
    free(sorted);
    return JB_OK;
}

static void report_matches(struct find_run *run)
{
    jb_report *report = run->session.report;
    for (size_t i = run->count; i-- > 0;) {
        const struct match *match = &run->matches[i];
        char time[ISO_TIME_SIZE];
        struct record *row = jbi_report_row(report);
        jbi_iso_time(time, match->mtime_us, false);
        jbi_row_text(report, row, "timestamp", match->timestamp);
        jbi_row_text(report, row, "path", match->path);
        jbi_row_text(report, row, "type", jbi_tar_type_name(match->type));
        jbi_row_number(report, row, "size", (int64_t)match->size);
        jbi_row_text(report, row, "mtime", time);
        jbi_row_text(report, row, "sha256", match->sha256[0] ? match->sha256 : NULL);
        jbi_row_number(report, row, "version", match->version);
    }
    jbi_row_number(report, &report->figures, "backups", (int64_t)run->session.catalog.count);
    jbi_row_number(report, &report->figures, "matches", (int64_t)run->count);
}

int jb_find(jb_project *project, const struct jb_find_options *options, jb_report **report,
            struct jb_error *err)
{
    struct jb_find_options taken = JB_FIND_OPTIONS_INIT;
    struct find_run run = {0};
    int code = jbi_options_take(&taken, sizeof taken, options, err);
    if (code == JB_OK && (taken.pattern == NULL || *taken.pattern == '\0'))
        code =
            jbi_fail(err, JB_EINVAL, "nothing to find: give a name or a pattern such as \"*.py\"");
    if (code < 0)
        return code;
    run.pattern = taken.pattern;
    code = jbi_session_read(&run.session, project, JB_WARNING, err);
    for (size_t i = run.session.catalog.count; code == JB_OK && i-- > 0;)
        code = search_backup(&run, &run.session.catalog.backups[i], run.session.err);
    if (code == JB_OK)
        code = number_versions(&run, run.session.err);
    if (code == JB_OK)
        report_matches(&run);
    free(run.matches);
    return jbi_session_end(&run.session, code, report);
}
