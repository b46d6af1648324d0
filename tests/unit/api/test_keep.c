/* SPDX-License-Identifier: MIT */
/* cleanup, remove, pin and unpin. */
#include "edit.h"

#define SHORT                                                                                      \
    "{\"backup_dir\": \"../backups\", \"databases\": [\"sqlite:///instance/journal.db\"],"         \
    "\"retention\": {\"daily_days\": 2, \"keep_min\": 1}}"

static int change(const char *timestamp, int verb(jb_project *, const struct jb_change_options *,
                                                  jb_report **, struct jb_error *))
{
    struct jb_change_options options = JB_CHANGE_OPTIONS_INIT;
    options.timestamp = timestamp;
    free_report();
    return verb(project, &options, &report, &err);
}

static int cleanup(int dry_run)
{
    struct jb_cleanup_options options = JB_CLEANUP_OPTIONS_INIT;
    options.dry_run = dry_run;
    free_report();
    return tell(jb_cleanup(project, &options, &report, &err));
}

/* A backup that says it is so many days old. */
static const char *old_backup(int days)
{
    const char *timestamp = backup();
    struct manifest manifest = manifest_of(timestamp);
    manifest.created_us -= days * 86400LL * 1000000;
    manifest_put(&manifest);
    return timestamp;
}

static void a_dry_run_tells_what_the_real_one_does(void)
{
    make_app();
    open_with(SHORT);
    const char *first = old_backup(30), *second = old_backup(20), *third = old_backup(10);
    write_text("app/app.py", "changed\n");
    const char *fourth = old_backup(1), *newest = backup();
    write_text("backups/daily/stranger", "not ours");
    CHECK(cleanup(1) == JB_OK && jb_report_number(report, JB_FIGURES, "dry_run") == 1);
    CHECK(jb_report_number(report, JB_FIGURES, "removed") == 3);
    char dry[8192];
    size_t count = jb_report_row_count(report);
    int64_t freed = jb_report_number(report, JB_FIGURES, "freed"), rows[8] = {0};
    CHECK(count == 5 && freed > 0);
    for (size_t i = 0; i < count; i++) {
        rows[i] = jb_report_number(report, i, "freed");
        CHECK_TEXT(jb_report_text(report, i, "category"), "daily");
        CHECK(strlen(jb_report_text(report, i, "reason")) > 3);
        snprintf(dry + i * 200, 200, "%s %s %d", jb_report_text(report, i, "timestamp"),
                 jb_report_text(report, i, "reason"), (int)jb_report_number(report, i, "keep"));
    }
    CHECK_HAS(jb_report_text(report, row_where("timestamp", first), "reason"), "2 days");
    CHECK(jb_report_number(report, row_where("timestamp", fourth), "keep") == 1);
    CHECK(listed() == 5);
    CHECK(cleanup(0) == JB_OK && jb_report_number(report, JB_FIGURES, "dry_run") == 0);
    CHECK(jb_report_number(report, JB_FIGURES, "freed") == freed);
    CHECK(jb_report_number(report, JB_FIGURES, "kept") == 2);
    for (size_t i = 0; i < count; i++) {
        CHECK(jb_report_number(report, i, "freed") == rows[i]);
        CHECK_TEXT(textf("%s %s %d", jb_report_text(report, i, "timestamp"),
                         jb_report_text(report, i, "reason"),
                         (int)jb_report_number(report, i, "keep")),
                   dry + i * 200);
    }
    CHECK(listed() == 2 && row_where("timestamp", newest) == 0);
    CHECK(is_there("backups/daily/stranger"));
    CHECK(!is_there(textf("backups/daily/checksums_%s.sha256", second)));
    CHECK(!is_there(textf("backups/daily/db_%s", third)));
    CHECK(verify() == JB_OK && jb_report_verdict(report) == JB_INFO);
    print_findings();
    end();
}

static void what_must_stay_stays(void)
{
    make_app();
    open_with(SHORT);
    const char *pinned = old_backup(300), *whole = old_backup(200), *damaged = backup();
    CHECK(change(pinned, jb_pin) == JB_OK);
    CHECK(jb_report_number(report, JB_FIGURES, "pinned") == 1);
    CHECK(change(pinned, jb_pin) == JB_OK);
    struct manifest manifest = manifest_of(damaged);
    REQUIRE(truncate(path_of(artifact_of(&manifest, ARTIFACT_CODEBASE)), 5) == 0);
    CHECK(truncate(path_of(artifact_of(&manifest, ARTIFACT_SQLITE)), 5) == 0);
    manifest = manifest_of(whole); /* its files may have been links of these */
    CHECK(cleanup(0) == JB_OK);
    CHECK_HAS(jb_report_text(report, row_where("timestamp", pinned), "reason"), "pinned");
    CHECK(listed() >= 2 && row_where("timestamp", pinned) < 9);
    CHECK(change(pinned, jb_remove) == JB_EINVAL);
    CHECK_HAS(err.hint, "unpin");
    CHECK(change(pinned, jb_unpin) == JB_OK);
    CHECK(jb_report_number(report, JB_FIGURES, "pinned") == 0);
    CHECK(change(pinned, jb_remove) == JB_OK);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "timestamp"), pinned);
    CHECK(change(pinned, jb_remove) == JB_ENOTFOUND);
    end();
}

static void those_to_be_kept_for_days_stay_until_then(void)
{
    struct jb_backup_options options = JB_BACKUP_OPTIONS_INIT;
    make_app();
    open_with(SHORT);
    options.keep_days = -1;
    CHECK(backup_create(project, &options, NULL, NULL) == JB_EINVAL);
    options.keep_days = 36526;
    CHECK(backup_create(project, &options, NULL, NULL) == JB_EINVAL);
    options.keep_days = 30;
    free_report();
    REQUIRE(tell(backup_create(project, &options, &report, &err)) == JB_OK);
    char timestamp[TIMESTAMP_SIZE];
    strcpy(timestamp, jb_report_text(report, JB_FIGURES, "timestamp"));
    struct manifest manifest = manifest_of(timestamp);
    CHECK(manifest.keep_until_us - manifest.created_us == 30 * 86400LL * 1000000);
    manifest.created_us -= 10 * 86400LL * 1000000;
    manifest_put(&manifest);
    backup();
    backup();
    CHECK(cleanup(0) == JB_OK);
    CHECK_HAS(jb_report_text(report, row_where("timestamp", timestamp), "reason"),
              "to be kept until 2");
    CHECK(listed() == 3);
    CHECK_HAS(jb_report_text(report, row_where("timestamp", timestamp), "keep_until"), "T");
    CHECK(change(timestamp, jb_unpin) == JB_OK);
    CHECK(manifest_of(timestamp).keep_until_us == 0);
    CHECK(cleanup(0) == JB_OK && listed() == 2);
    CHECK(row_where("timestamp", timestamp) > 9);
    end();
}

static void remove_frees_the_last_link_only(void)
{
    begin();
    const char *first = backup(), *second = backup();
    CHECK(change(first, jb_remove) == JB_OK);
    int64_t one = jb_report_number(report, JB_FIGURES, "freed");
    CHECK(verify() == JB_OK && jb_report_verdict(report) == JB_INFO);
    CHECK(change(second, jb_remove) == JB_OK);
    CHECK(jb_report_number(report, JB_FIGURES, "freed") > one);
    CHECK(entries("backups/daily") == 0 && listed() == 0);
    end();
}

static void a_wrong_timestamp_changes_nothing(void)
{
    begin();
    CHECK(change("20240101_000000", jb_remove) == JB_ENOTFOUND);
    CHECK(change("20240101_000000", jb_pin) == JB_ENOTFOUND);
    CHECK(change("x", jb_unpin) == JB_EINVAL);
    CHECK(change(NULL, jb_remove) == JB_EINVAL && change(NULL, jb_pin) == JB_EINVAL);
    CHECK(!is_there("backups"));
    struct jb_change_options options = JB_CHANGE_OPTIONS_INIT;
    options.timestamp = backup();
    options.wait_s = -1;
    CHECK(jb_remove(project, &options, NULL, NULL) == JB_EINVAL);
    CHECK(jb_remove(project, NULL, NULL, NULL) == JB_EINVAL);
    CHECK(listed() == 1);
    end();
}

int main(void)
{
    RUN(a_dry_run_tells_what_the_real_one_does);
    RUN(what_must_stay_stays);
    RUN(those_to_be_kept_for_days_stay_until_then);
    RUN(remove_frees_the_last_link_only);
    RUN(a_wrong_timestamp_changes_nothing);
    jbi_arena_free(&edit_arena);
    return check_end();
}
