/* SPDX-License-Identifier: MIT */
/* Sending what waits in the spool. Invariant: under the spool's lock, an entry goes once it was
 * taken or given up, and nothing overtakes another of its way. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "api/alert_send.h"
#include "base/error.h"
#include "base/report.h"
#include "base/text.h"

#define DAY_US ((int64_t)86400 * 1000000)

struct delivery {
    struct alert_ways ways;
    const struct repository *repository;
    struct arena *arena;
    jb_report *report;
    bool is_mail_stuck, is_webhook_stuck;
    size_t waiting;
};

__attribute__((format(printf, 2, 3))) static void log_line(const struct delivery *d,
                                                           const char *format, ...)
{
    char line[1800];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    jbi_alert_log(d->repository, line);
}

static bool *stuck(struct delivery *d, const char *way)
{
    return strcmp(way, WAY_MAIL) == 0 ? &d->is_mail_stuck : &d->is_webhook_stuck;
}

static bool is_too_old(const struct spool_entry *entry)
{
    return jbi_now_us() - entry->made_us > SPOOL_KEEP_DAYS * DAY_US;
}

/* What becomes of it is said before it goes: a crash says it twice at worst. */
static int give_up(const struct delivery *d, const struct spool_entry *entry,
                   const struct jb_error *why, struct jb_error *err)
{
    log_line(d, "gave up by %s: %s: %s", entry->way, entry->what, why->text);
    jbi_finding(d->report, JB_ERROR, entry->way,
                "an alert could not be sent and was given up: %s: %s", entry->what, why->text);
    jbi_finding_hint(d->report, "%s",
                     why->hint[0] ? why->hint : "backup_alerts.log has what it was about");
    return jbi_spool_remove(d->repository, entry->number, err);
}

static int take_back(const struct delivery *d, const struct spool_entry *entry,
                     struct jb_error *why, struct jb_error *err)
{
    if (why->code < 0) {
        log_line(d, "sent by %s, but not to all: %s: %s", entry->way, entry->what, why->text);
        jbi_finding(d->report, JB_WARNING, entry->way, "an alert did not reach all: %s", why->text);
        jbi_finding_hint(d->report, "%s", why->hint);
    } else {
        log_line(d, "sent by %s: %s", entry->way, entry->what);
    }
    return jbi_spool_remove(d->repository, entry->number, err);
}

static void keep(struct delivery *d, struct spool_entry *entry, const struct jb_error *why)
{
    entry->tries++;
    entry->tried_us = jbi_now_us();
    entry->error = why->text;
    *stuck(d, entry->way) = true;
    d->waiting++;
    /* Where nothing can be written it is not noted, and tried again all the same. */
    jbi_spool_note(d->repository, entry, NULL);
    log_line(d, "waits by %s: %s: %s", entry->way, entry->what, why->text);
    jbi_finding(d->report, JB_WARNING, entry->way, "alerts wait to be sent: %s", why->text);
    jbi_finding_hint(d->report, "%s", why->hint);
}

static int deliver_entry(struct delivery *d, struct spool_entry *entry, struct jb_error *err)
{
    struct jb_error why = {0};
    if (*stuck(d, entry->way) && !is_too_old(entry)) {
        d->waiting++;
        return JB_OK;
    }
    if (*stuck(d, entry->way)) {
        jbi_fail(&why, JB_EIO, "it has waited %d days", SPOOL_KEEP_DAYS);
        return give_up(d, entry, &why, err);
    }
    switch (jbi_alert_send(&d->ways, entry, &why)) {
    case ALERT_SENT:
        return take_back(d, entry, &why, err);
    case ALERT_LATER:
        if (is_too_old(entry)) {
            *stuck(d, entry->way) = true;
            return give_up(d, entry, &why, err);
        }
        keep(d, entry, &why);
        return JB_OK;
    case ALERT_REFUSED:
    case ALERT_NO_WAY:
        return give_up(d, entry, &why, err);
    case ALERT_FAILED:
    default:
        return jbi_fail_memory(err);
    }
}

static int deliver_number(struct delivery *d, uint64_t number, struct jb_error *err)
{
    struct spool_entry entry = {0};
    struct jb_error why = {0};
    int code = jbi_spool_load(d->repository, number, d->arena, &entry, &why);
    if (code == JB_ENOTFOUND)
        return JB_OK;
    if (code == JB_ECORRUPT) {
        entry = (struct spool_entry){.number = number, .way = "spool", .what = "(damaged)"};
        return give_up(d, &entry, &why, err);
    }
    return code < 0 ? jbi_fail(err, code, "%s", why.text) : deliver_entry(d, &entry, err);
}

static int deliver_all(struct delivery *d, struct jb_error *err)
{
    uint64_t *numbers = NULL;
    size_t count = 0;
    int code = jbi_spool_list(d->repository, d->arena, &numbers, &count, err);
    for (size_t i = 0; i < count && code == JB_OK; i++) {
        code = jbi_progress(&d->ways.project->hooks, "send alerts", i, count, "alerts", err);
        if (code == JB_OK)
            code = deliver_number(d, numbers[i], err);
    }
    return code;
}

/* A spool that can't be read or changed must not keep the rest of a check from being told. */
static int tell_of_spool(const struct delivery *d, const struct jb_error *why, struct jb_error *err)
{
    if (why->code == JB_ENOMEM || why->code == JB_ECANCELED)
        return jbi_fail(err, why->code, "%s", why->text);
    log_line(d, "the spool is broken: %s", why->text);
    jbi_finding(d->report, JB_ERROR, "spool", "what waits can't be sent: %s", why->text);
    jbi_finding_hint(d->report, "%s", why->hint);
    return JB_OK;
}

static int deliver_locked(struct delivery *d, size_t *waiting, struct jb_error *err)
{
    int lock_fd = -1;
    struct jb_error why = {0};
    int code = jbi_spool_lock(d->repository, &lock_fd, &why);
    if (code == JB_ELOCKED)
        return JB_OK; /* somebody else sends it */
    if (code < 0)
        return jbi_fail(err, code, "%s", why.text);
    code = deliver_all(d, err);
    flock(lock_fd, LOCK_UN); /* a child may be holding a copy of the descriptor */
    close(lock_fd);
    if (code == JB_OK)
        *waiting = d->waiting;
    return code;
}

int jbi_alert_deliver(const jb_project *project, const struct repository *repository,
                      const struct monitor_config *config, struct arena *arena, jb_report *report,
                      size_t *waiting, struct jb_error *err)
{
    struct delivery delivery = {.ways = {.project = project, .config = config, .arena = arena},
                                .repository = repository,
                                .arena = arena,
                                .report = report};
    uint64_t *numbers = NULL;
    struct jb_error why = {0};
    *waiting = 0;
    int code = jbi_spool_list(repository, arena, &numbers, waiting, &why);
    if (code == JB_OK && *waiting > 0)
        code = deliver_locked(&delivery, waiting, &why);
    return code < 0 ? tell_of_spool(&delivery, &why, err) : JB_OK;
}
