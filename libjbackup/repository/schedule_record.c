/* SPDX-License-Identifier: MIT */
/* The records of schedules as text and back. Invariant: what is printed here is read back equal,
 * and what can't be read is never taken for a run. */
#include "repository/schedule_record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapter/json.h"
#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "repository/manifest_reader.h"

#define RECORD_SIZE_MAX (1 << 20)
#define TEXT_SIZE       1536 /* longer texts are cut */
#define EXIT_STATUS_MAX 255

static const char *const results[] = {"ok", "findings", "failed", "running"};
static const char *const callers[] = {"timer", "cron", "hand"};

/* The one of names that is equal to name, or NULL. */
static const char *known(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0)
            return names[i];
    }
    return NULL;
}

#define KNOWN(name, names) known(name, names, sizeof(names) / sizeof *(names))

static void make_name(char to[LAYOUT_NAME_SIZE], const char *schedule)
{
    snprintf(to, LAYOUT_NAME_SIZE, "schedule_%s.json", schedule);
}

/* ---- Reading -------------------------------------------------------------------------------- */

static const char *read_text(struct reader *r, const struct json *from, const char *key)
{
    const char *text = jbi_read_optional_text(r, from, key);
    if (text != NULL && strlen(text) >= TEXT_SIZE)
        jbi_refuse(r, key, "is absurdly long");
    return text;
}

static const char *read_known(struct reader *r, const struct json *from, const char *key,
                              const char *const *names, size_t count)
{
    const char *name = known(jbi_read_text(r, from, key), names, count);
    if (name == NULL)
        jbi_refuse(r, key, "is not known");
    return name != NULL ? name : "";
}

static void read_run(struct reader *r, const struct json *from, struct schedule_run *to)
{
    const struct json *ended = jbi_json_get(from, "ended_at");
    to->began_us = jbi_read_time(r, from, "began_at");
    to->ended_us = jbi_json_is_null(ended) ? 0 : jbi_read_time(r, from, "ended_at");
    to->by = read_known(r, from, "by", callers, sizeof callers / sizeof *callers);
    to->result = read_known(r, from, "result", results, sizeof results / sizeof *results);
    int64_t status = jbi_read_number(r, from, "exit_status");
    if (status > EXIT_STATUS_MAX)
        jbi_refuse(r, "exit_status", "is no exit status");
    to->exit_status = (int)status;
    to->timestamp = read_text(r, from, "timestamp");
    if (to->timestamp != NULL && !jbi_is_timestamp(to->timestamp))
        jbi_refuse(r, "timestamp", "is none");
    to->error = read_text(r, from, "error");
}

static int parse(struct schedule_record *out, const char *text, size_t len, const char *name,
                 struct arena *arena, struct jb_error *err)
{
    scope_json *root = NULL;
    struct jb_error why = {0};
    if (jbi_json_parse(&root, text, len, name, &why) < 0)
        return jbi_fail(err, JB_ECORRUPT, "%s", why.text);
    struct reader reader = {name, "runs", "", arena, err, JB_OK}, *r = &reader;
    const struct json *rows = NULL;
    struct schedule_record read = {0};
    if (jbi_json_length(jbi_json_get(root, "runs")) > SCHEDULE_RUNS_KEPT)
        jbi_refuse(r, "runs", "is absurdly long");
    read.runs = jbi_read_list(r, root, "runs", sizeof *read.runs, &rows, &read.count);
    for (size_t i = 0; i < read.count && reader.code == JB_OK; i++)
        read_run(r, jbi_json_at(rows, i), &read.runs[i]);
    if (reader.code == JB_OK)
        *out = read;
    return reader.code;
}

int jbi_schedule_record_load(struct schedule_record *out, const struct repository *repository,
                             const char *schedule, struct arena *arena, jb_report *report,
                             struct jb_error *err)
{
    char name[LAYOUT_NAME_SIZE];
    scope_free char *text = NULL;
    size_t len = 0;
    struct jb_error why = {0};
    *out = (struct schedule_record){0};
    make_name(name, schedule);
    if (repository->state_fd < 0)
        return JB_OK;
    int code = jbi_file_read(repository->state_fd, name, RECORD_SIZE_MAX, &text, &len, &why);
    if (code == JB_ENOTFOUND)
        return JB_OK;
    if (code == JB_OK)
        code = parse(out, text, len, name, arena, &why);
    if (code == JB_ENOMEM)
        return jbi_fail_memory(err);
    if (code < 0) {
        jbi_finding(report, JB_WARNING, name, "%s", why.text);
        jbi_finding_hint(report, "the next run of the schedule writes it anew");
    }
    return JB_OK;
}

/* ---- Writing -------------------------------------------------------------------------------- */

/* Printable, which is UTF-8, too, and cut where it is longer than what is read back. */
static bool put_text(struct json *to, const char *key, const char *text)
{
    char printable[TEXT_SIZE];
    return jbi_json_set_text(
        to, key, text ? jbi_escape(printable, sizeof printable, text, strlen(text)) : NULL);
}

static bool put_time(struct json *to, const char *key, int64_t at_us)
{
    char at[ISO_TIME_SIZE];
    jbi_iso_time(at, at_us, true);
    return jbi_json_set_text(to, key, at_us != 0 ? at : NULL);
}

static bool put_run(struct json *to, const struct schedule_run *run)
{
    return put_time(to, "began_at", run->began_us) && put_time(to, "ended_at", run->ended_us) &&
           put_text(to, "by", run->by) && put_text(to, "result", run->result) &&
           jbi_json_set_int(to, "exit_status", run->exit_status) &&
           put_text(to, "timestamp", run->timestamp) && put_text(to, "error", run->error);
}

static char *print(const struct schedule_record *record)
{
    scope_json *root = jbi_json_object();
    struct json *rows = jbi_json_array();
    bool ok = jbi_json_set(root, "runs", rows);
    for (size_t i = 0; i < record->count && ok; i++) {
        struct json *row = jbi_json_object();
        ok = jbi_json_push(rows, row) && put_run(row, &record->runs[i]);
    }
    return ok ? jbi_json_print(root, 2) : NULL;
}

/* The runs with this one before them, or in the place of the newest. */
static int add(struct schedule_record *record, const struct schedule_run *run, bool is_new,
               struct arena *arena, struct jb_error *err)
{
    struct schedule_run *runs = jbi_arena_alloc(arena, (record->count + 1) * sizeof *runs);
    size_t kept = !is_new && record->count > 0 ? record->count - 1 : record->count;
    if (runs == NULL)
        return jbi_fail_memory(err);
    runs[0] = *run;
    if (kept > 0)
        memcpy(runs + 1, record->runs + (record->count - kept), kept * sizeof *runs);
    record->runs = runs;
    record->count = kept + 1 < SCHEDULE_RUNS_KEPT ? kept + 1 : SCHEDULE_RUNS_KEPT;
    return JB_OK;
}

int jbi_schedule_record_write(struct schedule_record *record, const struct repository *repository,
                              const char *schedule, const struct schedule_run *run, bool is_new,
                              struct arena *arena, struct jb_error *err)
{
    char name[LAYOUT_NAME_SIZE];
    make_name(name, schedule);
    if (KNOWN(run->by, callers) == NULL || KNOWN(run->result, results) == NULL)
        return jbi_fail(err, JB_EINVAL, "no such result of a run, or nobody who asks for one");
    int code = add(record, run, is_new, arena, err);
    if (code < 0)
        return code;
    scope_free char *text = print(record);
    if (text == NULL)
        return jbi_fail_memory(err);
    return jbi_file_write_atomic(repository->state_fd, name, text, strlen(text), 0600, err);
}
