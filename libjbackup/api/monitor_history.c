/* SPDX-License-Identifier: MIT */
/* jb_monitor_history: what was wrong when, as the incidents tell. It only reads. */
#include <stdlib.h>

#include "api/session.h"
#include "repository/incidents.h"

#define DAYS_DEFAULT 30
#define DAYS_MAX     36500
#define DAY_US       ((int64_t)86400 * 1000000)

static int newest_first(const void *a, const void *b)
{
    const struct incident *x = *(const struct incident *const *)a;
    const struct incident *y = *(const struct incident *const *)b;
    if (x->opened_us != y->opened_us)
        return x->opened_us < y->opened_us ? 1 : -1;
    return strcmp(x->key, y->key);
}

static void add_row(jb_report *report, const struct incident *it, int64_t now_us)
{
    struct record *row = jbi_report_row(report);
    char opened[ISO_TIME_SIZE], ended[ISO_TIME_SIZE];
    int64_t until_us = it->ended_us != 0 ? it->ended_us : now_us;
    int level = it->worst_told > it->level ? it->worst_told : it->level;
    jbi_iso_time(opened, it->opened_us, false);
    jbi_iso_time(ended, it->ended_us, false);
    jbi_row_text(report, row, "key", it->key);
    jbi_row_text(report, row, "check", it->check);
    jbi_row_text(report, row, "level", jb_level_name(level));
    jbi_row_text(report, row, "message", it->message);
    jbi_row_text(report, row, "opened_at", opened);
    jbi_row_text(report, row, "ended_at", it->ended_us != 0 ? ended : NULL);
    jbi_row_number(report, row, "duration_s",
                   until_us > it->opened_us ? (until_us - it->opened_us) / 1000000 : 0);
}

static int list(jb_report *report, const struct incidents *all, int days, struct arena *arena,
                struct jb_error *err)
{
    int64_t now_us = jbi_now_us(), from_us = now_us - days * DAY_US;
    size_t count = 0;
    const struct incident **rows =
        jbi_arena_alloc(arena, (all->open_count + all->ended_count + 1) * sizeof(void *));
    if (rows == NULL)
        return jbi_fail_memory(err);
    for (size_t i = 0; i < all->open_count; i++)
        rows[count++] = &all->open[i];
    for (size_t i = 0; i < all->ended_count; i++)
        if (all->ended[i].ended_us >= from_us)
            rows[count++] = &all->ended[i];
    qsort(rows, count, sizeof *rows, newest_first);
    for (size_t i = 0; i < count; i++)
        add_row(report, rows[i], now_us);
    jbi_row_number(report, &report->figures, "open", (int64_t)all->open_count);
    jbi_row_number(report, &report->figures, "ended", (int64_t)(count - all->open_count));
    return JB_OK;
}

static int look(jb_project *project, int days, jb_report *report, struct arena *arena,
                struct jb_error *err)
{
    struct repository repository;
    struct incidents incidents = {0};
    struct jb_error why = {0};
    int code = jbi_repository_open(&repository, project->backup_dir, false, NULL, &why);
    if (code == JB_OK)
        code = jbi_incidents_load(&incidents, &repository, arena, report, &why);
    jbi_repository_close(&repository);
    if (code < 0 && code != JB_ENOTFOUND) { /* absent: nothing has happened yet */
        jbi_fail(err, code, "%s", why.text);
        jbi_hint(err, "%s", why.hint);
        return code;
    }
    return list(report, &incidents, days, arena, err);
}

int jb_monitor_history(jb_project *project, const struct jb_history_options *options,
                       jb_report **report, struct jb_error *err)
{
    struct jb_history_options taken = JB_HISTORY_OPTIONS_INIT;
    struct jb_error unwanted = {0};
    struct arena arena = {0};
    err = err ? err : &unwanted;
    int code = jbi_options_take(&taken, sizeof taken, options, err);
    if (code == JB_OK && (taken.days < 0 || taken.days > DAYS_MAX))
        code = jbi_fail(err, JB_EINVAL, "days must be from 0 to %d", DAYS_MAX);
    jb_report *made = code == JB_OK ? jbi_report_new() : NULL;
    if (code == JB_OK && made == NULL)
        code = jbi_fail_memory(err);
    if (code == JB_OK)
        code = look(project, taken.days ? taken.days : DAYS_DEFAULT, made, &arena, err);
    jbi_arena_free(&arena);
    if (code == JB_OK)
        return jbi_report_hand_over(made, report, err);
    jb_report_free(made);
    return code;
}
