/* SPDX-License-Identifier: MIT */
/* monitor_check: each check is driven to each of its levels by breaking what it looks at. */
#include "monitor_fixture.h"

#include <sys/file.h>
#include <sys/wait.h>

#include "api/schedule_lock.h"
#include "base/report.h"
#include "repository/disk_history.h"
#include "repository/journal.h"
#include "repository/schedule_record.h"
#include "repository/spool.h"

static const struct hooks hooks;

static void config(const char *text)
{
    write_text("backups/backup_monitor_config.json", text);
}

/* A backup of so little is none that is too small. */
static const char *begin_backed_up(void)
{
    begin();
    const char *timestamp = backup();
    config("{\"monitoring\": {\"min_backup_size_mb\": 0, \"services\": false}}");
    return timestamp;
}

static void no_repository_is_one_critical_finding(void)
{
    begin();
    REQUIRE(look(NULL) == JB_OK);
    CHECK(jb_report_finding_count(report) == 1 && jb_report_verdict(report) == JB_CRITICAL);
    CHECK_TEXT(jb_report_finding(report, 0)->subject, "freshness: repository");
    CHECK_HAS(jb_report_finding(report, 0)->hint, "jbackup backup");
    CHECK(jb_exit_status(JB_OK, report) == 1 && !is_there("backups"));
    CHECK(jb_report_number(report, JB_FIGURES, "newest_age_s") == -1);
    CHECK(jb_report_text(report, JB_FIGURES, "newest") == NULL);
    REQUIRE(mkdir(in_folder("backups"), 0700) == 0);
    CHECK(finds("freshness", JB_CRITICAL, "backups", "no backup at all"));
    end();
}

static void options_and_configuration(void)
{
    begin_backed_up();
    for (size_t i = 0; jb_monitor_check_name(i) != NULL; i++)
        CHECK(look(jb_monitor_check_name(i)) == JB_OK && jb_report_row_count(report) > 0);
    monitor_options.check = "weather";
    CHECK(monitor_check(project, &monitor_options, &report, &err) == JB_EINVAL);
    CHECK_HAS(err.hint, "freshness");
    free_report();
    config("{\"monitoring\": {\"max_backup_age_hour\": 1}}");
    monitor_options.check = NULL;
    CHECK(monitor_check(project, &monitor_options, &report, &err) == JB_EINVAL);
    CHECK_HAS(err.text, "max_backup_age_hour");
    REQUIRE(unlink(in_folder("backups/backup_monitor_config.json")) == 0);
    CHECK(look("clock") == JB_OK && is_there("backups/backup_monitor_config.json"));
    end();
}

static void what_is_fine_is_said(void)
{
    char *timestamp = strdup(begin_backed_up());
    prove(timestamp, PROOF_RESTORE, PROOF_EQUAL, HOUR);
    REQUIRE(look(NULL) == JB_OK);
    if (jb_report_verdict(report) > JB_INFO)
        print_findings();
    CHECK(jb_report_verdict(report) == JB_INFO);
    CHECK(jb_report_number(report, JB_FIGURES, "checks") == 12);
    CHECK(jb_report_number(report, JB_FIGURES, "bad") == 0);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "newest"), timestamp);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "proved"), timestamp);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "newest_type"), "full");
    CHECK(jb_report_number(report, JB_FIGURES, "proof_age_s") >= HOUR - 5);
    CHECK(jb_report_number(report, JB_FIGURES, "backups") == 1);
    CHECK(jb_report_number(report, JB_FIGURES, "stored_size") > 0);
    CHECK(jb_report_number(report, JB_FIGURES, "disk_total") > 0);
    CHECK(jb_report_number(report, JB_FIGURES, "disk_full_days") == -1);
    for (size_t i = 0; jb_monitor_check_name(i) != NULL; i++) {
        size_t row = row_where("check", jb_monitor_check_name(i));
        CHECK(row == i && jb_report_text(report, row, "did")[0] != '\0');
    }
    CHECK_TEXT(jb_report_text(report, row_where("row", "backup"), "timestamp"), timestamp);
    CHECK(jb_report_number(report, row_where("row", "disk"), "total") > 0);
    free(timestamp);
    end();
}

struct seen {
    int calls;
    bool in_order;
};

static void take(void *user, const char *check, const struct jb_finding *finding)
{
    struct seen *seen = user;
    seen->calls++;
    seen->in_order = seen->in_order && strncmp(finding->subject, check, strlen(check)) == 0;
}

static int cancel(void *user, const char *step, uint64_t done, uint64_t total, const char *unit)
{
    (void)user, (void)done, (void)total, (void)unit;
    return strcmp(step, "disk") == 0;
}

static void findings_are_told_at_once_and_it_can_be_canceled(void)
{
    struct seen seen = {.in_order = true};
    begin_backed_up();
    monitor_options.finding = take;
    monitor_options.user = &seen;
    CHECK(look(NULL) == JB_OK && seen.in_order);
    CHECK((size_t)seen.calls == jb_report_finding_count(report) && seen.calls > 0);
    monitor_options.finding = NULL;
    jb_project_set_hooks(project, NULL, cancel, NULL);
    free_report();
    CHECK(monitor_check(project, NULL, &report, &err) == JB_ECANCELED && report == NULL);
    end();
}

/* ---- freshness ---- */

static void backups_grow_old(void)
{
    char *timestamp = strdup(begin_backed_up());
    CHECK(is_well("freshness"));
    age_by(timestamp, 27 * HOUR);
    CHECK(finds("freshness", JB_WARNING, "journal", "27 hours old"));
    CHECK_HAS(jb_report_finding(report, 0)->hint, "jbackup backup");
    age_by(timestamp, 26 * HOUR);
    CHECK(finds("freshness", JB_ERROR, "journal", "2 days old"));
    CHECK(jb_report_finding_count(report) == 1); /* the code is saved each week */
    age_by(timestamp, 7 * DAY);
    CHECK(finds("freshness", JB_ERROR, "journal", "days old"));
    CHECK(has_finding(JB_WARNING, "freshness: code"));
    age_by(timestamp, 10 * DAY);
    CHECK(look("freshness") == JB_OK && has_finding(JB_ERROR, "freshness: code"));
    /* A database saved today does not make up for the code. */
    backup_of(JB_TYPE_DATABASE, "daily", NULL);
    CHECK(finds("freshness", JB_ERROR, "code", "days old"));
    CHECK(jb_report_finding_count(report) == 1);
    free(timestamp);
    end();
}

/* Its schedules say how often. */
static void code_alone(void)
{
    static const char *const schedules[] = {
        "\"daily\": false",
        "\"daily\": false, \"weekly\": {\"type\": \"database\"}",
        "\"daily\": {\"type\": \"codebase\"}",
        "\"weekly\": false, \"monthly\": false",
    };
    static const int64_t allowed_h[] = {8 * 24, 32 * 24, 26, 26};
    make_app();
    open_with("{\"backup_dir\": \"../backups\", \"databases\": []}");
    char *timestamp = strdup(backup());
    int64_t age_h = 0;
    for (size_t i = 0; i < 4; i++) {
        jb_project_close(project);
        open_with(textf("{\"backup_dir\": \"../backups\", \"databases\": [], \"schedule\": {%s}}",
                        schedules[i]));
        age_by(timestamp, (allowed_h[i] - 1 - age_h) * HOUR);
        CHECK(is_well("freshness"));
        age_by(timestamp, 2 * HOUR);
        CHECK(finds("freshness", JB_WARNING, "code", "old"));
        age_h = allowed_h[i] + 1;
    }
    free(timestamp);
    end();
}

static void only_whole_backups_count(void)
{
    char *first = strdup(begin_backed_up()), *second = strdup(backup());
    age_by(first, 30 * HOUR);
    CHECK(is_well("freshness"));
    struct manifest manifest = manifest_of(second);
    REQUIRE(unlink(path_of(artifact_of(&manifest, ARTIFACT_SQLITE))) == 0);
    CHECK(finds("freshness", JB_WARNING, "journal", "30 hours old"));
    manifest = manifest_of(first);
    REQUIRE(truncate(path_of(artifact_of(&manifest, ARTIFACT_SQLITE)), 3) == 0);
    CHECK(finds("freshness", JB_CRITICAL, "journal", "no backup that is whole"));
    free(first);
    free(second);
    end();
}

static void a_damaged_manifest(void)
{
    char *timestamp = strdup(begin_backed_up());
    backup();
    write_bytes(textf("%s/backups/daily/manifest_%s.json", check_folder(), timestamp), "{", 1);
    CHECK(finds("freshness", JB_ERROR, textf("daily/manifest_%s.json", timestamp), "backup"));
    free(timestamp);
    end();
}

/* ---- proof ---- */

static void proofs_grow_old(void)
{
    char *timestamp = strdup(begin_backed_up());
    CHECK(is_well("proof"));
    age_by(timestamp, 9 * DAY);
    CHECK(finds("proof", JB_WARNING, "age", "none was ever restored"));
    prove(timestamp, PROOF_CONTENT, PROOF_EQUAL, HOUR); /* is no restore */
    CHECK(finds("proof", JB_WARNING, "age", "none was ever restored"));
    prove(timestamp, PROOF_RESTORE, PROOF_EQUAL, 9 * DAY);
    CHECK(finds("proof", JB_WARNING, "age", "was 9 days ago"));
    config("{\"monitoring\": {\"max_proof_age_days\": 0}}");
    CHECK(is_well("proof"));
    prove(timestamp, PROOF_RESTORE, PROOF_EQUAL, HOUR);
    config("{}");
    CHECK(is_well("proof"));
    free(timestamp);
    end();
}

static void a_restore_that_failed(void)
{
    char *first = strdup(begin_backed_up()), *second = strdup(backup());
    prove(first, PROOF_RESTORE, PROOF_EQUAL, 2 * HOUR);
    prove(second, PROOF_RESTORE, PROOF_INCOMPLETE, HOUR);
    CHECK(finds("proof", JB_WARNING, "last restore", "could not be compared"));
    prove(second, PROOF_RESTORE, PROOF_DIFFERENT, HOUR / 2);
    CHECK(finds("proof", JB_ERROR, "last restore", "row 3"));
    prove(first, PROOF_RESTORE, PROOF_DIFFERENT, HOUR / 3);
    CHECK(finds("proof", JB_CRITICAL, "all backups", "broken"));
    prove(first, PROOF_RESTORE, PROOF_EQUAL, 10);
    CHECK(is_well("proof"));
    write_bytes(textf("%s/backups/daily/proof_%s.json", check_folder(), first), "{", 1);
    CHECK(look("proof") == JB_OK);
    CHECK(has_finding(JB_WARNING, textf("proof: daily/proof_%s.json", first)));
    free(first);
    free(second);
    end();
}

/* ---- integrity ---- */

static void new_files_are_read_at_once_and_only_once(void)
{
    char *timestamp = strdup(begin_backed_up());
    CHECK(is_well("integrity"));
    CHECK(jb_report_number(report, JB_FIGURES, "artifacts_read") == 3);
    CHECK(jb_report_number(report, JB_FIGURES, "bytes_read") > 0);
    CHECK(is_well("integrity") && jb_report_number(report, JB_FIGURES, "artifacts_read") == 0);
    backup();
    CHECK(is_well("integrity") && jb_report_number(report, JB_FIGURES, "artifacts_read") == 3);
    CHECK(listed() == 2);
    CHECK_TEXT(jb_report_text(report, row_where("timestamp", timestamp), "proof"), "checked");
    free(timestamp);
    end();
}

static void flip(const char *path)
{
    size_t len;
    char *bytes = read_bytes(path, &len);
    bytes[len / 2] ^= 1;
    write_bytes(path, bytes, len);
    free(bytes);
}

static void a_flipped_byte(void)
{
    char *first = strdup(begin_backed_up());
    struct manifest manifest = manifest_of(first);
    char *path = strdup(path_of(artifact_of(&manifest, ARTIFACT_SQLITE)));
    flip(path);
    CHECK(finds("integrity", JB_CRITICAL, first, "sqlite_journal.db.gz"));
    CHECK(finds("integrity", JB_CRITICAL, first, "sqlite_journal.db.gz")); /* not read again */
    CHECK(jb_report_number(report, JB_FIGURES, "artifacts_read") == 0);
    char *second = strdup(backup());
    CHECK(finds("integrity", JB_ERROR, first, "damaged"));
    CHECK(jb_report_finding_count(report) == 1);
    /* It is put back from a copy, and read again when it is its turn. */
    flip(path);
    CHECK(finds("integrity", JB_ERROR, first, "damaged"));
    forget_proofs();
    CHECK(is_well("integrity"));
    free(first);
    free(second);
    free(path);
    end();
}

static void a_missing_file(void)
{
    char *first = strdup(begin_backed_up());
    struct manifest manifest = manifest_of(first);
    char *path = strdup(path_of(artifact_of(&manifest, ARTIFACT_CODEBASE)));
    CHECK(is_well("integrity"));
    REQUIRE(rename(path, in_folder("aside")) == 0);
    CHECK(finds("integrity", JB_CRITICAL, first, "is not there"));
    backup();
    CHECK(finds("integrity", JB_ERROR, first, "is not there"));
    REQUIRE(rename(in_folder("aside"), path) == 0);
    CHECK(is_well("integrity"));
    REQUIRE(truncate(path, 10) == 0);
    CHECK(finds("integrity", JB_ERROR, first, "is not there with its"));
    free(path);
    free(first);
    end();
}

/* So many daily backups, the newest of which is real. */
static struct manifest begin_with(int count)
{
    char *timestamp = strdup(begin_backed_up());
    struct manifest manifest = manifest_of(timestamp);
    manifest.sequence = count * HOUR;
    manifest_put(&manifest);
    for (int i = 1; i < count; i++)
        clone_backup(&manifest, i * HOUR);
    free(timestamp);
    return manifest;
}

static void prove_all(int count, const struct manifest *newest, int64_t first_s, int64_t step_s)
{
    for (int i = 0; i < count; i++) {
        char timestamp[TIMESTAMP_SIZE];
        jbi_timestamp(timestamp, newest->created_us / 1000000 - i * HOUR);
        if (i == 0)
            memcpy(timestamp, newest->timestamp, sizeof timestamp);
        prove(timestamp, PROOF_BYTES, PROOF_EQUAL, first_s + i * step_s);
    }
}

/* Fourteen of the same size within seven days: one each twelve hours. */
static void the_rest_is_read_in_turns(void)
{
    struct manifest newest = begin_with(14);
    prove_all(14, &newest, 6 * HOUR, 12 * HOUR);
    CHECK(is_well("integrity"));
    CHECK(jb_report_number(report, JB_FIGURES, "artifacts_read") == 0); /* a share of a half */
    forget_proofs();
    prove_all(14, &newest, 13 * HOUR, 11 * HOUR);
    CHECK(is_well("integrity"));
    CHECK(jb_report_number(report, JB_FIGURES, "artifacts_read") == 3); /* one */
    CHECK(is_well("integrity"));
    CHECK(jb_report_number(report, JB_FIGURES, "artifacts_read") == 0);
    forget_proofs();
    prove_all(14, &newest, 13 * HOUR, 14 * HOUR);
    CHECK(is_well("integrity"));
    CHECK(jb_report_number(report, JB_FIGURES, "artifacts_read") == 2 * 3); /* two are overdue */
    config("{\"monitoring\": {\"reread_days\": 0}}");
    forget_proofs();
    prove_all(14, &newest, 90 * DAY, DAY);
    CHECK(is_well("integrity"));
    CHECK(jb_report_number(report, JB_FIGURES, "artifacts_read") == 0);
    end();
}

static void while_another_run_is_at_work(void)
{
    begin_backed_up();
    int fd = open(in_folder("backups/.jbackup/lock"), O_RDWR | O_CLOEXEC);
    REQUIRE(fd >= 0 && flock(fd, LOCK_EX) == 0);
    CHECK(finds("integrity", JB_INFO, "reading", "by the next check"));
    CHECK(jb_report_number(report, JB_FIGURES, "artifacts_read") == 0);
    close(fd);
    CHECK(is_well("integrity"));
    CHECK(jb_report_number(report, JB_FIGURES, "artifacts_read") == 3);
    end();
}

static void what_was_not_read_for_too_long(void)
{
    char *timestamp = strdup(begin_backed_up());
    age_by(timestamp, 30 * DAY);
    prove(timestamp, PROOF_BYTES, PROOF_EQUAL, 20 * DAY);
    int fd = open(in_folder("backups/.jbackup/lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0 && flock(fd, LOCK_EX) == 0);
    CHECK(finds("integrity", JB_WARNING, "reading", "not been read for over 14 days"));
    close(fd);
    CHECK(is_well("integrity")); /* it is read now */
    CHECK(jb_report_number(report, JB_FIGURES, "artifacts_read") == 3);
    free(timestamp);
    end();
}

static void what_cannot_be_remembered_is_not_read(void)
{
    begin_backed_up();
    REQUIRE(rename(in_folder("backups/.jbackup"), in_folder("aside")) == 0);
    CHECK(finds("integrity", JB_WARNING, "reading", "could not be remembered"));
    REQUIRE(rename(in_folder("aside"), in_folder("backups/.jbackup")) == 0);
    end();
}

/* ---- size ---- */

static void small_backups(void)
{
    begin_backed_up();
    CHECK(is_well("size"));
    config("{}"); /* 1 MB is expected */
    CHECK(finds("size", JB_WARNING, "full", "less than the 1.0 MB"));
    end();
}

static void an_empty_dump(void)
{
    begin();
    sql("app/instance/journal.db",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
        "INSERT INTO entry(text) SELECT hex(randomblob(200)) FROM n");
    backup();
    config("{\"monitoring\": {\"min_backup_size_mb\": 0}}");
    CHECK(is_well("size"));
    sql("app/instance/journal.db", "DELETE FROM entry WHERE id > 500; VACUUM");
    char *second = strdup(backup());
    CHECK(finds("size", JB_WARNING, "journal", "is usual"));
    config("{\"monitoring\": {\"min_backup_size_mb\": 0, \"size_drop_percent\": 90}}");
    CHECK(is_well("size"));
    sql("app/instance/journal.db", "DELETE FROM entry; DELETE FROM user; VACUUM");
    backup();
    CHECK(finds("size", JB_ERROR, "journal", "no row in any table"));
    CHECK_HAS(jb_report_finding(report, 0)->hint, second);
    free(second);
    end();
}

static void code_that_is_gone(void)
{
    begin_backed_up();
    REQUIRE(shell(textf("head -c 200000 /dev/urandom >'%s'", in_folder("app/static/photo"))));
    backup();
    backup();
    CHECK(is_well("size"));
    REQUIRE(unlink(in_folder("app/static/photo")) == 0);
    backup();
    CHECK(finds("size", JB_WARNING, "code", "may be missing"));
    end();
}

/* ---- restore ---- */

static void write_journal(enum journal_phase phase, int64_t ago_s)
{
    struct repository repository = open_backups();
    struct journal_target target = {.kind = "sqlite", .name = "journal"};
    struct json *state = jbi_json_object();
    target.state = state;
    struct journal journal = {.id = "20260101_020304",
                              .timestamp = "20260101_010101",
                              .environment = "production",
                              .phase = phase,
                              .began_us = jbi_now_us(),
                              .host = "h",
                              .tool = "t",
                              .targets = &target,
                              .target_count = 1};
    REQUIRE(jbi_journal_write(&repository, &journal, &err) == JB_OK);
    journal.changed_us = jbi_now_us() - ago_s * 1000000;
    char *text = jbi_journal_print(&journal);
    REQUIRE(text != NULL);
    write_bytes(in_folder("backups/.jbackup/restore.json"), text, strlen(text));
    free(text);
    jbi_json_free(state);
    jbi_repository_close(&repository);
}

static void an_open_restore(void)
{
    begin_backed_up();
    CHECK(is_well("restore"));
    write_journal(JOURNAL_SWAPPING, 10);
    CHECK(finds("restore", JB_CRITICAL, "open restore", "20260101_010101"));
    CHECK_HAS(jb_report_finding(report, 0)->hint, "jbackup-restore recover");
    int fd = open(in_folder("backups/.jbackup/restore.lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0 && flock(fd, LOCK_EX) == 0);
    CHECK(is_well("restore"));
    close(fd);
    write_journal(JOURNAL_DONE, 10);
    CHECK(is_well("restore"));
    write_journal(JOURNAL_DONE, 8 * DAY);
    CHECK(finds("restore", JB_WARNING, "old state", "8 days"));
    write_text("backups/.jbackup/restore.json", "{");
    CHECK(finds("restore", JB_ERROR, "it could not look", "restore.json"));
    end();
}

/* ---- permissions ---- */

static void open_to_others(void)
{
    begin_backed_up();
    CHECK(is_well("permissions"));
    REQUIRE(chmod(in_folder("backups"), 0755) == 0);
    CHECK(finds("permissions", JB_WARNING, in_folder("app/../backups"), "open to other users"));
    CHECK_HAS(jb_report_finding(report, 0)->hint, "chmod 700");
    REQUIRE(chmod(in_folder("backups"), 0700) == 0);
    write_text("app/.env", "SECRET=1\n");
    CHECK(finds("permissions", JB_WARNING, in_folder("app/.env"), "mode 0644"));
    CHECK_HAS(jb_report_finding(report, 0)->hint, "chmod 600");
    REQUIRE(chmod(in_folder("app/.env"), 0600) == 0);
    CHECK(is_well("permissions"));
    write_text("app/jbackup.json", "{\"databases\": [\"postgresql://u:p@h/d\"]}");
    CHECK(finds("permissions", JB_WARNING, in_folder("app/jbackup.json"), "passwords"));
    REQUIRE(chmod(in_folder("app/jbackup.json"), 0600) == 0);
    config("{\"alerting\": {\"webhook_url\": \"https://h/secret\"}}");
    REQUIRE(chmod(in_folder("backups/backup_monitor_config.json"), 0644) == 0);
    CHECK(finds("permissions", JB_WARNING, in_folder("app/../backups/backup_monitor_config.json"),
                "open to other users"));
    end();
}

/* ---- clock ---- */

static void a_clock_that_was_wrong(void)
{
    char *timestamp = strdup(begin_backed_up());
    CHECK(is_well("clock"));
    prove(timestamp, PROOF_BYTES, PROOF_EQUAL, -2 * HOUR);
    CHECK(finds("clock", JB_WARNING, "checks", "has not come yet"));
    age_by(timestamp, -3 * DAY);
    CHECK(finds("clock", JB_ERROR, "backups", "has not come yet"));
    free(timestamp);
    end();
}

/* ---- disk ---- */

static void the_disk_fills(void)
{
    struct repository repository;
    begin_backed_up();
    CHECK(is_well("disk"));
    repository = open_backups();
    struct disk_sample *samples, now;
    size_t count;
    REQUIRE(jbi_disk_history_load(&repository, &edit_arena, &samples, &count, &err) == JB_OK);
    CHECK(count == 1);
    now = samples[0];
    uint64_t room = now.total - now.used;
    for (int i = 10; i > 0; i--) { /* it grows by an eighth of the room each day */
        struct disk_sample then = {now.at_us - i * DAY * 1000000, 0, now.total};
        uint64_t less = room / 8 * (uint64_t)i;
        then.used = now.used > less ? now.used - less : 0;
        REQUIRE(jbi_disk_history_add(&repository, &then, &edit_arena, &err) == JB_OK);
    }
    jbi_repository_close(&repository);
    if (now.used > room / 8 * 10) {
        CHECK(finds("disk", JB_WARNING, "forecast", "will be full in"));
        CHECK(jb_report_number(report, JB_FIGURES, "disk_full_days") >= 7);
    }
    config("{\"monitoring\": {\"disk_full_days\": 0, \"disk_usage_threshold\": 100}}");
    CHECK(is_well("disk"));
    end();
}

/* ---- database ---- */

static void a_database_that_is_gone(void)
{
    begin_backed_up();
    CHECK(is_well("database"));
    REQUIRE(rename(in_folder("app/instance/journal.db"), in_folder("aside")) == 0);
    CHECK(finds("database", JB_CRITICAL, "journal", "does not answer"));
    write_text("app/instance/journal.db", "this is no database, and long enough to be read so");
    CHECK(finds("database", JB_CRITICAL, "journal", "does not answer"));
    config("{\"monitoring\": {\"database\": false}}");
    CHECK(is_well("database"));
    end();
}

/* Nothing of the database's own is touched by a look. */
static void a_look_leaves_no_trace(void)
{
    begin_backed_up();
    sql("app/instance/journal.db", "PRAGMA journal_mode=WAL; INSERT INTO entry(text) VALUES('x')");
    size_t before = entries("app/instance");
    CHECK(is_well("database"));
    CHECK(entries("app/instance") == before);
    end();
}

/* ---- schedules ---- */

static void record(const char *result, int64_t began_ago_s, bool has_ended)
{
    struct repository repository = open_backups();
    struct schedule_record kept;
    struct schedule_run run = {.began_us = jbi_now_us() - began_ago_s * 1000000,
                               .by = "cron",
                               .result = result,
                               .exit_status = 0};
    run.ended_us = has_ended ? run.began_us + 1000000 : 0;
    REQUIRE(jbi_schedule_record_load(&kept, &repository, "daily", &edit_arena, NULL, &err) ==
            JB_OK);
    REQUIRE(jbi_schedule_record_write(&kept, &repository, "daily", &run, true, &edit_arena, &err) ==
            JB_OK);
    jbi_repository_close(&repository);
}

/* Whether a finding of that level has that subject and message. */
static bool has_exactly(int level, const char *subject, const char *message)
{
    const struct jb_finding *finding;
    for (size_t i = 0; (finding = jb_report_finding(report, i)) != NULL; i++) {
        if (finding->level == level && strcmp(finding->subject, subject) == 0 &&
            strstr(finding->message, message) != NULL)
            return true;
    }
    return false;
}

/* Of the timers themselves systemd's test tells. */
static void schedules_by_their_records(void)
{
    struct repository repository;
    int lock_fd;
    begin_backed_up();
    CHECK(finds("systemd", JB_INFO, "services", "as configured"));
    config("{}");
    record("ok", 60, true);
    CHECK(look("systemd") == JB_OK && !has_finding(JB_INFO, "systemd: journal-backup-daily"));
    record("running", 2 * DAY, false);
    repository = open_backups();
    REQUIRE(jbi_schedule_lock(&repository, "daily", 0, &hooks, &lock_fd, &err) == JB_OK);
    CHECK(look("systemd") == JB_OK);
    CHECK(has_exactly(JB_ERROR, "systemd: daily", "has not ended"));
    close(lock_fd);
    jbi_repository_close(&repository);
    CHECK(look("systemd") == JB_OK && !has_finding(JB_INFO, "systemd: daily"));
    CHECK(has_exactly(JB_ERROR, "systemd: journal-backup-daily.service", "failed"));
    end();
}

static void a_service_that_is_down(void)
{
    begin_backed_up();
    jb_project_close(project);
    open_with("{\"name\": \"journal\", \"backup_dir\": \"../backups\","
              " \"databases\": [\"sqlite:///instance/journal.db\"], \"service\": {\"start\":"
              " [\"true\"], \"stop\": [\"true\"], \"status\": [\"test\", \"-e\", \"is_up\"]}}");
    config("{}");
    CHECK(look("systemd") == JB_OK);
    CHECK(has_exactly(JB_ERROR, "systemd: true", "is not active"));
    write_text("app/is_up", "");
    CHECK(look("systemd") == JB_OK);
    CHECK(!has_exactly(JB_ERROR, "systemd: true", "is not active"));
    end();
}

/* ---- delivery ---- */

static void no_way_out(void)
{
    begin_backed_up();
    unsetenv("MAIL_SERVER");
    CHECK(finds("delivery", JB_INFO, "ways", "nobody is told"));
    config("{\"alerting\": {\"email_recipients\": [\"admin@example.com\"]}}");
    CHECK(finds("delivery", JB_WARNING, "mail", "no mail server"));
    write_text("app/.env", "MAIL_SERVER=127.0.0.1\n");
    CHECK(is_well("delivery"));
    end();
}

static void wait_in_spool(int64_t ago_s)
{
    struct repository repository = open_backups();
    struct spool_entry entry = {.made_us = jbi_now_us() - ago_s * 1000000,
                                .way = "mail",
                                .what = "a subject",
                                .error = "connection refused",
                                .body = "Subject: x\r\n\r\n",
                                .body_len = 14};
    REQUIRE(tell(jbi_spool_add(&repository, &entry, &edit_arena, &err)) == JB_OK);
    jbi_repository_close(&repository);
}

static void alerts_that_wait(void)
{
    begin_backed_up();
    wait_in_spool(60);
    CHECK(is_well("delivery") && jb_report_number(report, JB_FIGURES, "waiting") == 1);
    REQUIRE(shell(textf("rm -r '%s/backups/.jbackup/spool'", check_folder())));
    wait_in_spool(2 * HOUR);
    CHECK(finds("delivery", JB_WARNING, "waiting", "connection refused"));
    REQUIRE(shell(textf("rm -r '%s/backups/.jbackup/spool'", check_folder())));
    wait_in_spool(25 * HOUR);
    CHECK(finds("delivery", JB_ERROR, "waiting", "since 25 hours"));
    end();
}

/* ---- files ---- */

static void what_a_look_writes(void)
{
    begin_backed_up();
    look(NULL);
    size_t root = entries("backups"), state = entries("backups/.jbackup");
    look(NULL);
    CHECK(entries("backups") == root && entries("backups/.jbackup") == state);
    monitor_options.write_report = 1;
    for (int i = 0; i < 25; i++)
        write_text(textf("backups/backup_health_report_20240101_0000%02d.json", i), "{}");
    write_text("backups/backup_health_report_mine.json", "{}");
    CHECK(look(NULL) == JB_OK);
    monitor_options.write_report = 0;
    const char *json = jb_report_text(report, JB_FIGURES, "json");
    REQUIRE(json != NULL);
    CHECK(access(json, R_OK) == 0);
    CHECK(access(jb_report_text(report, JB_FIGURES, "html"), R_OK) == 0);
    CHECK(entries("backups") == root + 20 + 1 + 1);
    CHECK(is_there("backups/backup_health_report_mine.json"));
    CHECK(!is_there("backups/backup_health_report_20240101_000005.json"));
    CHECK(is_there("backups/backup_health_report_20240101_000006.json"));
    char *path = strdup(in_folder("metrics.prom"));
    monitor_options.prometheus = path;
    CHECK(look(NULL) == JB_OK && is_there("metrics.prom"));
    free(path);
    path = strdup(in_folder("absent/metrics.prom"));
    monitor_options.prometheus = path;
    CHECK(look(NULL) == JB_OK && has_exactly(JB_ERROR, "delivery: metrics", "not written"));
    free(path);
    monitor_options.prometheus = NULL;
    end();
}

/* ---- incidents ---- */

static void an_incident_opens_and_ends(void)
{
    char *timestamp = strdup(begin_backed_up());
    age_by(timestamp, 27 * HOUR);
    monitor_options.alert = 1;
    CHECK(look("freshness") == JB_OK);
    CHECK(jb_report_number(report, JB_FIGURES, "alerts") == 1);
    CHECK(jb_report_number(report, JB_FIGURES, "incidents") == 1);
    size_t row = row_where("row", "incident");
    CHECK_TEXT(jb_report_text(report, row, "key"), "freshness: journal");
    CHECK_TEXT(jb_report_text(report, row, "level"), "WARNING");
    CHECK(jb_report_text(report, row, "told_at") != NULL);
    CHECK(look("freshness") == JB_OK && jb_report_number(report, JB_FIGURES, "alerts") == 0);
    CHECK(look("clock") == JB_OK && jb_report_number(report, JB_FIGURES, "incidents") == 1);
    monitor_options.alert = 0;
    CHECK(look("clock") == JB_OK && jb_report_number(report, JB_FIGURES, "incidents") == 1);
    monitor_options.alert = 1;
    age_by(timestamp, -27 * HOUR);
    CHECK(look("freshness") == JB_OK);
    CHECK(jb_report_number(report, JB_FIGURES, "alerts") == 1);
    CHECK(jb_report_number(report, JB_FIGURES, "incidents") == 0);
    monitor_options.alert = 0;
    free(timestamp);
    end();
}

static void alerts_that_cannot_be_kept(void)
{
    char *timestamp = strdup(begin_backed_up());
    age_by(timestamp, 27 * HOUR);
    REQUIRE(mkdir(in_folder("backups/.jbackup/incidents.json"), 0700) == 0);
    monitor_options.alert = 1;
    CHECK(look("freshness") == JB_OK);
    CHECK(has_exactly(JB_WARNING, "freshness: journal", "27 hours old"));
    CHECK(has_exactly(JB_CRITICAL, "delivery: alerts", "nobody could be told"));
    monitor_options.alert = 0;
    free(timestamp);
    end();
}

/* ---- many ---- */

static void many_backups_are_looked_at_quickly(void)
{
    const char *wanted = getenv("MONITOR_BACKUPS");
    int count = wanted ? atoi(wanted) : 200;
    struct manifest newest = begin_with(count);
    prove_all(count, &newest, 60, 0);
    int64_t begin_ms = jbi_monotonic_ms();
    CHECK(look(NULL) == JB_OK);
    int64_t took_ms = jbi_monotonic_ms() - begin_ms;
    CHECK(jb_report_number(report, JB_FIGURES, "backups") == count);
    CHECK(jb_report_number(report, JB_FIGURES, "artifacts_read") == 0);
    printf("# %d backups: %lld ms\n", count, (long long)took_ms);
    for (size_t i = 0; jb_monitor_check_name(i) != NULL; i++)
        printf("#   %s %lld ms\n", jb_monitor_check_name(i),
               (long long)jb_report_number(report, i, "duration_ms"));
    CHECK(took_ms < 10 * (int64_t)count);
    end();
}

int main(void)
{
    RUN(no_repository_is_one_critical_finding);
    RUN(options_and_configuration);
    RUN(what_is_fine_is_said);
    RUN(findings_are_told_at_once_and_it_can_be_canceled);
    RUN(backups_grow_old);
    RUN(code_alone);
    RUN(only_whole_backups_count);
    RUN(a_damaged_manifest);
    RUN(proofs_grow_old);
    RUN(a_restore_that_failed);
    RUN(new_files_are_read_at_once_and_only_once);
    RUN(a_flipped_byte);
    RUN(a_missing_file);
    RUN(the_rest_is_read_in_turns);
    RUN(while_another_run_is_at_work);
    RUN(what_was_not_read_for_too_long);
    RUN(what_cannot_be_remembered_is_not_read);
    RUN(small_backups);
    RUN(an_empty_dump);
    RUN(code_that_is_gone);
    RUN(an_open_restore);
    RUN(open_to_others);
    RUN(a_clock_that_was_wrong);
    RUN(the_disk_fills);
    RUN(a_database_that_is_gone);
    RUN(a_look_leaves_no_trace);
    RUN(schedules_by_their_records);
    RUN(a_service_that_is_down);
    RUN(no_way_out);
    RUN(alerts_that_wait);
    RUN(what_a_look_writes);
    RUN(an_incident_opens_and_ends);
    RUN(alerts_that_cannot_be_kept);
    RUN(many_backups_are_looked_at_quickly);
    return check_end();
}
