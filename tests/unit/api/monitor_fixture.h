/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_API_MONITOR_FIXTURE_H
#define TESTS_UNIT_API_MONITOR_FIXTURE_H

/* monitor_check called in one line, and backups made older, broken or many. */
#include "base/clock.h"
#include "edit.h"
#include "repository/catalog.h"
#include "repository/proof.h"

#define HOUR INT64_C(3600)
#define DAY  (24 * HOUR)

static struct jb_monitor_options monitor_options = JB_MONITOR_OPTIONS_INIT;

/* One check, or all; report is the result. */
MAYBE int look(const char *check)
{
    free_report();
    monitor_options.check = check;
    return tell(monitor_check(project, &monitor_options, &report, &err));
}

/* Whether the check finds something of exactly that level with the subject (its own name is put
 * before it), of which the message speaks so, and whether that is the worst. */
MAYBE bool finds(const char *check, int level, const char *subject, const char *message)
{
    const struct jb_finding *finding;
    const char *whole = textf("%s: %s", check, subject);
    bool is_found = false;
    if (look(check) != JB_OK)
        return false;
    for (size_t i = 0; (finding = jb_report_finding(report, i)) != NULL; i++) {
        is_found = is_found || (finding->level == level && strcmp(finding->subject, whole) == 0 &&
                                strstr(finding->message, message) != NULL &&
                                (level == JB_INFO || finding->hint[0] != '\0'));
    }
    bool ok = is_found && jb_report_verdict(report) == level &&
              jb_exit_status(JB_OK, report) == (level >= JB_ERROR);
    if (!ok)
        print_findings();
    return ok;
}

/* Whether it finds nothing worse than INFO, and says what it saw. */
MAYBE bool is_well(const char *check)
{
    bool ok = look(check) == JB_OK && jb_report_verdict(report) == JB_INFO;
    size_t row = row_where("check", check);
    const char *did = ok ? jb_report_text(report, row, "did") : NULL;
    if (!ok)
        print_findings();
    return did != NULL && did[0] != '\0';
}

/* Makes a daily backup so much older (or, negative, newer). */
MAYBE void age_by(const char *timestamp, int64_t seconds)
{
    struct manifest manifest = manifest_of(timestamp);
    manifest.created_us -= seconds * 1000000;
    manifest_put(&manifest);
}

MAYBE struct repository open_backups(void)
{
    struct repository repository;
    REQUIRE(jbi_repository_open(&repository, in_folder("backups"), false, NULL, &err) == JB_OK);
    return repository;
}

/* Keeps a proof with a daily backup, so many seconds ago. */
MAYBE void prove(const char *timestamp, enum proof_depth depth, enum proof_result result,
                 int64_t ago_s)
{
    static const struct proof_finding damage = {JB_ERROR, "db", "row 3 of \"entry\" differs"};
    struct repository repository = open_backups();
    struct manifest manifest = manifest_of(timestamp);
    struct proof proof = {.at_us = jbi_now_us() - ago_s * 1000000,
                          .depth = depth,
                          .result = result,
                          .sample = 100,
                          .host = "host1",
                          .tool = "jbackup 0.1.0",
                          .findings = &damage,
                          .finding_count = result != PROOF_EQUAL};
    REQUIRE(jbi_proof_add(&repository, &manifest, &proof, &edit_arena, &err) == JB_OK);
    jbi_repository_close(&repository);
}

MAYBE void forget_proofs(void)
{
    REQUIRE(shell(textf("rm -f '%s'/backups/*/proof_*", check_folder())));
}

/* Another daily backup with the files of this one, as hard links, as if it had been made so many
 * seconds before it. */
MAYBE void clone_backup(const struct manifest *from, int64_t before_s)
{
    static struct arena arena;
    const char *folder = textf("%s/backups/daily", check_folder());
    struct manifest clone = *from;
    clone.artifacts = jbi_arena_alloc(&arena, from->artifact_count * sizeof *clone.artifacts);
    REQUIRE(clone.artifacts != NULL);
    clone.created_us -= before_s * 1000000;
    clone.sequence = from->sequence - before_s;
    jbi_timestamp(clone.timestamp, clone.created_us / 1000000);
    mkdir(textf("%s/db_%s", folder, clone.timestamp), 0700);
    for (size_t i = 0; i < from->artifact_count; i++) {
        clone.artifacts[i] = from->artifacts[i];
        char *path = jbi_arena_text(&arena, from->artifacts[i].path);
        REQUIRE(path != NULL);
        memcpy(strstr(path, from->timestamp), clone.timestamp, TIMESTAMP_SIZE - 1);
        clone.artifacts[i].path = path;
        REQUIRE(link(textf("%s/%s", folder, from->artifacts[i].path),
                     textf("%s/%s", folder, path)) == 0);
    }
    manifest_put(&clone);
    jbi_arena_free(&arena);
}

#endif
