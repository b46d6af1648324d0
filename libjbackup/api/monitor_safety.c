/* SPDX-License-Identifier: MIT */
/* Who else can read backups and secrets, and whether the clock can be believed. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "api/monitor.h"
#include "base/clock.h"
#include "base/scope.h"
#include "os/file.h"

#define OTHERS          (S_IRWXG | S_IRWXO)
#define CONFIG_SIZE_MAX (1u << 20)
#define SKEW_US         ((int64_t)300 * 1000000)

/* ---- permissions ---------------------------------------------------------------------------- */

/* Whether a URL in the text has a password: "://user:password@". */
static bool has_password(const char *text)
{
    for (const char *at = strstr(text, "://"); at != NULL; at = strstr(at + 3, "://")) {
        size_t len = strcspn(at + 3, "/?#\" \t\r\n'");
        const char *colon = memchr(at + 3, ':', len), *end = memchr(at + 3, '@', len);
        if (colon != NULL && end != NULL && colon + 1 < end)
            return true;
    }
    return strstr(text, "password=") != NULL;
}

/* A file of secrets. must_hold: only if a URL in it has a password. */
static int check_secret(struct monitor_task *task, const char *folder, const char *name,
                        bool must_hold, struct jb_error *err)
{
    struct stat st;
    const char *path = jbi_arena_printf(&task->run->session.arena, "%s/%s", folder, name);
    if (path == NULL)
        return jbi_fail_memory(err);
    if (stat(path, &st) < 0 || (st.st_mode & OTHERS) == 0)
        return JB_OK;
    if (must_hold) {
        scope_free char *text = NULL;
        size_t len;
        int code = jbi_file_read_linked(AT_FDCWD, path, CONFIG_SIZE_MAX, &text, &len, NULL);
        if (code < 0 || !has_password(text))
            return JB_OK;
    }
    jbi_finding(task->report, JB_WARNING, path,
                "it may hold passwords and is open to other users (mode %04o)",
                (unsigned)st.st_mode & 07777);
    jbi_finding_hint(task->report, "chmod 600 '%s'", path);
    return JB_OK;
}

static void check_repository(struct monitor_task *task)
{
    const jb_report *opened = task->run->opened;
    for (size_t i = 0; i < opened->finding_count; i++) {
        const struct jb_finding *finding = &opened->findings[i];
        if (finding->level >= JB_ERROR)
            continue;
        jbi_finding(task->report, JB_WARNING, finding->subject, "%s", finding->message);
        jbi_finding_hint(task->report, "%s", finding->hint);
    }
}

int jbi_monitor_permissions(struct monitor_task *task, struct jb_error *err)
{
    const struct monitor_run *run = task->run;
    const jb_project *project = run->session.project;
    check_repository(task);
    int code = check_secret(task, project->folder, ".env", false, err);
    if (code == JB_OK && strcmp(project->root, project->folder) != 0)
        code = check_secret(task, project->root, ".env", false, err);
    if (code == JB_OK)
        code = check_secret(task, project->folder, "jbackup.json", true, err);
    if (code == JB_OK && (run->config.webhook_url != NULL || run->config.ping_url != NULL))
        code = check_secret(task, project->backup_dir, MONITOR_CONFIG_NAME, false, err);
    jbi_text_adds(&task->did, "looked at who can read the repository, .env and jbackup.json");
    return code;
}

/* ---- clock ---------------------------------------------------------------------------------- */

static void hint_clock(struct monitor_task *task)
{
    jbi_finding_hint(task->report,
                     "\"timedatectl\" says whether the clock is set by the network; if it is right "
                     "now, this ends by itself when that time has come");
}

static int64_t newest_proof_us(const struct monitor_run *run)
{
    int64_t newest_us = 0;
    for (size_t i = 0; i < run->session.catalog.count; i++) {
        const struct proofs *proofs = &run->proofs[i];
        if (proofs->count > 0 && proofs->list[0].at_us > newest_us)
            newest_us = proofs->list[0].at_us;
    }
    return newest_us;
}

int jbi_monitor_clock(struct monitor_task *task, struct jb_error *err)
{
    const struct monitor_run *run = task->run;
    const struct catalog *catalog = &run->session.catalog;
    const struct manifest *latest = NULL;
    int64_t seen_us = newest_proof_us(run), now_us = jbi_now_us();
    char at[ISO_TIME_SIZE];
    (void)err;
    for (size_t i = 0; i < catalog->count; i++) {
        if (latest == NULL || catalog->backups[i].created_us > latest->created_us)
            latest = &catalog->backups[i];
    }
    if (run->future_sample_us > seen_us)
        seen_us = run->future_sample_us;
    if (latest != NULL && latest->created_us > now_us + SKEW_US) {
        jbi_iso_time(at, latest->created_us, false);
        jbi_finding(task->report, JB_ERROR, "backups",
                    "backup %s says that it was made at %s, which has not come yet: this clock, or "
                    "that one, was wrong, and ages can't be told",
                    latest->timestamp, at);
        hint_clock(task);
    }
    if (seen_us > now_us + SKEW_US) {
        jbi_iso_time(at, seen_us, false);
        jbi_finding(task->report, JB_WARNING, "checks",
                    "a check is remembered of %s, which has not come yet: the clock was wrong "
                    "then, or is now",
                    at);
        hint_clock(task);
    }
    jbi_iso_time(at, now_us, false);
    jbi_text_addf(&task->did, "it is %s by this clock", at);
    return JB_OK;
}
