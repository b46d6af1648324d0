/* SPDX-License-Identifier: MIT */
/* monitor_check: one check after the other, then whoever is to be told. Invariant: a check that
 * could not look is an ERROR finding, never silence. */
#include "api/monitor.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/alert.h"
#include "base/clock.h"

const struct monitor_check jbi_monitor_checks[MONITOR_CHECKS + 1] = {
    {"freshness", jbi_monitor_freshness},
    {"proof", jbi_monitor_proof},
    {"integrity", jbi_monitor_integrity},
    {"size", jbi_monitor_size},
    {"systemd", jbi_monitor_systemd},
    {"disk", jbi_monitor_disk},
    {"database", jbi_monitor_database},
    {"restore", jbi_monitor_restore},
    {"permissions", jbi_monitor_permissions},
    {"clock", jbi_monitor_clock},
    {"versions", jbi_monitor_versions},
    {"delivery", jbi_monitor_delivery},
    {NULL, NULL},
};

const char *jb_monitor_check_name(size_t index)
{
    return index < MONITOR_CHECKS ? jbi_monitor_checks[index].name : NULL;
}

void jbi_monitor_take(struct monitor_run *run, const char *check, const jb_report *from)
{
    jb_report *to = run->session.report;
    size_t before = to->finding_count;
    jbi_report_merge(to, from, check);
    to->failed = to->failed || from->failed;
    for (size_t i = before; run->options.finding != NULL && i < to->finding_count; i++)
        run->options.finding(run->options.user, check, &to->findings[i]);
}

/* ---- Checks --------------------------------------------------------------------------------- */

static void say_not_looked(struct monitor_task *task, const struct jb_error *why)
{
    jbi_finding(task->report, JB_ERROR, "it could not look", "could not look: %s", why->text);
    jbi_finding_hint(task->report, "%s%sthen see whether it can: \"jbackup-monitor check\"",
                     why->hint[0] ? why->hint : "mend that", why->hint[0] ? "; " : ", ");
}

static int run_check(struct monitor_run *run, size_t index, struct jb_error *err)
{
    struct monitor_result *result = &run->results[run->result_count++];
    struct monitor_task task = {
        .run = run, .name = jbi_monitor_checks[index].name, .report = jbi_report_new()};
    struct jb_error why = {0};
    int64_t begin_ms = jbi_monotonic_ms();
    *result = (struct monitor_result){.name = task.name, .report = task.report};
    if (task.report == NULL)
        return jbi_fail_memory(err);
    int code = jbi_progress(&run->session.project->hooks, task.name, index, MONITOR_CHECKS,
                            "checks", &why);
    if (code == JB_OK)
        code = jbi_monitor_checks[index].look(&task, &why);
    result->did = task.did;
    result->has_looked = code == JB_OK;
    result->duration_ms = jbi_monotonic_ms() - begin_ms;
    if (code == JB_ECANCELED || code == JB_ENOMEM) {
        *err = why;
        return code;
    }
    if (code < 0)
        say_not_looked(&task, &why);
    jbi_monitor_take(run, task.name, task.report);
    return JB_OK;
}

static int run_checks(struct monitor_run *run, struct jb_error *err)
{
    const char *only = run->options.check;
    int code = JB_OK;
    for (size_t i = 0; i < MONITOR_CHECKS && code == JB_OK; i++) {
        if (only == NULL || strcmp(only, jbi_monitor_checks[i].name) == 0)
            code = run_check(run, i, err);
    }
    return code;
}

/* ---- What all of them need ------------------------------------------------------------------ */

/* Not of a repository of somebody else: the file would be ours, and he could not read it. */
static bool can_make_config(const struct repository *repository)
{
    struct stat st;
    return fstat(repository->fd, &st) == 0 && st.st_uid == geteuid() &&
           faccessat(repository->fd, ".", W_OK | X_OK, AT_EACCESS) == 0;
}

static int load_config(struct monitor_run *run, struct jb_error *err)
{
    const struct repository *repository = &run->session.repository;
    struct jb_error unwanted = {0};
    bool is_there;
    int code =
        jbi_monitor_config_load(&run->config, repository, &run->session.arena, &is_there, err);
    if (code == JB_OK && !is_there && can_make_config(repository))
        if (jbi_monitor_config_make(repository, &unwanted) < 0)
            jbi_log(&run->session.project->hooks, LOG_WARNING, "%s", unwanted.text);
    return code;
}

static int load_proofs(struct monitor_run *run, struct jb_error *err)
{
    struct session *session = &run->session;
    const struct catalog *catalog = &session->catalog;
    int code = JB_OK;
    run->damaged_proofs = jbi_report_new();
    run->proofs = jbi_arena_alloc(&session->arena, (catalog->count + 1) * sizeof *run->proofs);
    if (run->damaged_proofs == NULL || run->proofs == NULL)
        return jbi_fail_memory(err);
    for (size_t i = 0; i < catalog->count && code == JB_OK; i++)
        code = jbi_proofs_load(&session->repository, &catalog->backups[i], &session->arena,
                               run->damaged_proofs, &run->proofs[i], err);
    return code;
}

static int load_samples(struct monitor_run *run, struct jb_error *err)
{
    int code = jbi_disk_history_load(&run->session.repository, &run->session.arena, &run->samples,
                                     &run->sample_count, err);
    int64_t last_us = run->sample_count > 0 ? run->samples[run->sample_count - 1].at_us : 0;
    run->future_sample_us = last_us > run->now_us ? last_us : 0;
    return code;
}

/* What opening found is told by the checks that it belongs to. */
static int prepare(struct monitor_run *run, struct jb_error *err)
{
    run->opened = run->session.report;
    run->session.report = jbi_report_new();
    if (run->session.report == NULL) {
        run->session.report = run->opened;
        run->opened = NULL;
        return jbi_fail_memory(err);
    }
    if (run->session.repository.fd < 0)
        return JB_OK;
    int code = load_config(run, err);
    if (code == JB_OK)
        code = load_proofs(run, err);
    return code == JB_OK ? load_samples(run, err) : code;
}

/* ---- The whole ------------------------------------------------------------------------------ */

/* No other check could say anything that is not in this. */
static int say_absent(struct monitor_run *run, struct jb_error *err)
{
    const char *folder = run->session.project->backup_dir;
    struct monitor_result *result = &run->results[run->result_count++];
    *result = (struct monitor_result){.name = jbi_monitor_checks[0].name, .has_looked = true};
    result->report = jbi_report_new();
    if (result->report == NULL)
        return jbi_fail_memory(err);
    jbi_finding(result->report, JB_CRITICAL, "repository",
                "there is no repository \"%s\": no backup was made yet, or its disk is not mounted",
                folder);
    jbi_finding_hint(result->report,
                     "\"findmnt\" and \"ls -ld '%s'\" say what is there; mount its disk, or make "
                     "the first backup: \"jbackup backup\"",
                     folder);
    jbi_text_adds(&result->did, "found no repository");
    jbi_monitor_take(run, result->name, result->report);
    return JB_OK;
}

static void ping(struct monitor_run *run, const char *what)
{
    jb_report *report = jbi_report_new();
    if (!run->options.alert || report == NULL) {
        jb_report_free(report);
        return;
    }
    jbi_alert_ping(run->session.project, &run->config, what, report);
    jbi_monitor_take(run, "delivery", report);
    jb_report_free(report);
}

/* All checks, and who is told of them. */
static int look(struct monitor_run *run, struct jb_error *err)
{
    ping(run, "/start");
    int code = run_checks(run, err);
    if (code == JB_OK)
        code =
            run->options.alert ? jbi_monitor_alert(run, err) : jbi_monitor_load_incidents(run, err);
    ping(run, code == JB_OK && run->session.report->verdict < JB_ERROR ? "" : "/fail");
    return code;
}

static int check_options(const struct jb_monitor_options *options, struct jb_error *err)
{
    if (options->check == NULL)
        return JB_OK;
    for (size_t i = 0; i < MONITOR_CHECKS; i++) {
        if (strcmp(options->check, jbi_monitor_checks[i].name) == 0)
            return JB_OK;
    }
    jbi_fail(err, JB_EINVAL, "there is no check \"%s\"", options->check);
    jbi_hint(err, "the checks are freshness, proof, integrity, size, systemd, disk, database, "
                  "restore, permissions, clock, versions and delivery");
    return JB_EINVAL;
}

static void release(struct monitor_run *run)
{
    for (size_t i = 0; i < run->result_count; i++) {
        jb_report_free(run->results[i].report);
        jbi_text_free(&run->results[i].did);
    }
    jb_report_free(run->opened);
    jb_report_free(run->damaged_proofs);
}

int monitor_check(jb_project *project, const struct jb_monitor_options *options, jb_report **report,
                  struct jb_error *err)
{
    struct monitor_run run = {.options = JB_MONITOR_OPTIONS_INIT, .now_us = jbi_now_us()};
    int code = jbi_options_take(&run.options, sizeof run.options, options, err);
    if (code == JB_OK)
        code = check_options(&run.options, err);
    if (code < 0)
        return code;
    code = jbi_session_read(&run.session, project, JB_ERROR, err);
    if (code == JB_OK)
        code = prepare(&run, run.session.err);
    if (code == JB_OK)
        code = run.session.repository.fd >= 0 ? look(&run, run.session.err)
                                              : say_absent(&run, run.session.err);
    if (code == JB_OK)
        code = jbi_monitor_describe(&run, run.session.err);
    if (code == JB_OK)
        code = jbi_monitor_write(&run, run.session.err);
    code = jbi_session_end(&run.session, code, report);
    release(&run);
    return code;
}
