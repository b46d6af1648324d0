/* SPDX-License-Identifier: MIT */
/* jb_verify_system: which tests run, what they tell, and what is told of the backups. Each test's
 * own subject is broken in tests/cli/system.sh and in the tests of the single ones. */
#include "base/clock.h"
#include "edit.h"

static int test_system(const char *test, struct jb_system_options options)
{
    free_report();
    options.test = test;
    return tell(jb_verify_system(project, &options, &report, &err));
}

static int test_one(const char *test)
{
    return test_system(test, (struct jb_system_options)JB_SYSTEM_OPTIONS_INIT);
}

static int64_t figure(const char *key)
{
    return jb_report_number(report, JB_FIGURES, key);
}

/* Whether the one test that ran passed without a finding. */
static bool has_passed(const char *test)
{
    bool is_good = report != NULL && jb_report_finding_count(report) == 0 && figure("tests") == 1 &&
                   figure("passed") == 1 && figure("failed") == 0;
    if (report != NULL && !is_good)
        print_findings();
    size_t row = is_good ? row_where("test", test) : 0;
    return is_good && row == 0 && jb_report_number(report, row, "ok") == 1 &&
           jb_report_text(report, row, "did")[0] != '\0';
}

static void nine_tests_have_names(void)
{
    size_t count = 0;
    while (jb_system_test_name(count) != NULL)
        count++;
    CHECK(count == 9);
    CHECK_TEXT(jb_system_test_name(0), "executable");
    CHECK_TEXT(jb_system_test_name(8), "systemd");
}

static void bad_options_are_refused_before_anything_runs(void)
{
    struct jb_system_options options = JB_SYSTEM_OPTIONS_INIT;
    begin();
    CHECK(test_one("nonsense") == JB_EINVAL);
    CHECK_HAS(err.hint, "executable, database");
    options.depth = 9;
    CHECK(test_system(NULL, options) == JB_EINVAL);
    options = (struct jb_system_options)JB_SYSTEM_OPTIONS_INIT;
    options.latest = options.all = 1;
    CHECK(test_system("integrity", options) == JB_EINVAL);
    options.latest = 0;
    options.all = 0;
    options.sample = 50;
    options.depth = JB_DEPTH_BYTES;
    CHECK(test_system("integrity", options) == JB_EINVAL);
    options = (struct jb_system_options)JB_SYSTEM_OPTIONS_INIT;
    options.timestamp = "20240101_000000";
    CHECK(test_system("integrity", options) == JB_ENOTFOUND && report == NULL);
    CHECK(!is_there("backups"));
    end();
}

static void sound_backups_pass(void)
{
    begin();
    const char *first = backup();
    CHECK(test_one("integrity") == JB_OK && has_passed("integrity"));
    CHECK_HAS(jb_report_text(report, 0, "did"), "read the content of 1 backup, ");
    CHECK(figure("backups") == 1 && figure("checked") == 1 && figure("proved") == 0);
    CHECK(jb_report_text(report, JB_FIGURES, "newest_proved") == NULL);
    CHECK(figure("proof_age_s") == -1);
    CHECK(test_one("restore") == JB_OK && has_passed("restore"));
    CHECK(figure("proved") == 1 && figure("proof_age_s") >= 0 && figure("proof_age_s") < 600);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "newest_proved"), first);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "restore_estimate_of"), first);
    CHECK(figure("restore_estimate_ms") > 0);
    size_t row = row_where("row", "backup");
    CHECK_TEXT(jb_report_text(report, row, "timestamp"), first);
    CHECK_TEXT(jb_report_text(report, row, "proof"), "proved");
    CHECK(jb_report_number(report, row, "created_unix") > 1700000000);
    row = row_where("row", "run");
    CHECK_TEXT(jb_report_text(report, row, "depth"), "restore");
    CHECK_TEXT(jb_report_text(report, row + 1, "depth"), "content");
    CHECK(test_one("stats") == JB_OK && has_passed("stats"));
    end();
}

/* The newest backup has no code; an older one has. */
static void the_newest_of_each_component_is_restored(void)
{
    begin();
    const char *first = backup(), *second = backup();
    const char *third = backup_of(JB_TYPE_DATABASE, "daily", NULL);
    CHECK(test_one("restore") == JB_OK && has_passed("restore"));
    CHECK_HAS(jb_report_text(report, 0, "did"), "restored 2 backups");
    CHECK(listed() == 3);
    CHECK_TEXT(jb_report_text(report, row_where("timestamp", first), "proof"), "unchecked");
    CHECK_TEXT(jb_report_text(report, row_where("timestamp", second), "proof"), "proved");
    CHECK_TEXT(jb_report_text(report, row_where("timestamp", third), "proof"), "proved");
    struct jb_system_options options = JB_SYSTEM_OPTIONS_INIT;
    options.all = 1;
    CHECK(test_system("restore", options) == JB_OK && has_passed("restore"));
    CHECK_HAS(jb_report_text(report, 0, "did"), "restored 3 backups");
    options.all = 0;
    options.timestamp = first;
    CHECK(test_system("restore", options) == JB_OK && has_passed("restore"));
    CHECK_HAS(jb_report_text(report, 0, "did"), "restored 1 backup ");
    end();
}

static void without_a_backup_nothing_passes(void)
{
    static const char *const needing[] = {"integrity", "restore"};
    begin();
    for (size_t i = 0; i < 2; i++) {
        CHECK(test_one(needing[i]) == JB_OK && figure("failed") == 1);
        CHECK_HAS(jb_report_finding(report, 0)->message, "there is no backup");
        CHECK_HAS(jb_report_finding(report, 0)->subject, needing[i]);
    }
    CHECK(test_one("stats") == JB_OK && has_passed("stats"));
    backup_of(JB_TYPE_CODEBASE, "daily", NULL);
    CHECK(test_one("restore") == JB_OK && figure("failed") == 1);
    CHECK(has_finding(JB_ERROR, "restore: journal"));
    end();
}

static void damage_fails_its_test_alone(void)
{
    begin();
    backup();
    write_text("app/app.py", "another\n");
    const char *second = backup();
    struct manifest manifest = manifest_of(second);
    const char *path = path_of(artifact_of(&manifest, ARTIFACT_CODEBASE));
    size_t len;
    char *bytes = read_bytes(path, &len);
    bytes[len / 2] ^= 1;
    write_bytes(path, bytes, len);
    CHECK(test_one("integrity") == JB_OK && figure("failed") == 1 && figure("broken") == 1);
    CHECK(test_one("stats") == JB_OK && has_passed("stats"));
    bytes[len / 2] ^= 1;
    write_bytes(path, bytes, len);
    free(bytes);
    CHECK(test_one("integrity") == JB_OK && has_passed("integrity"));

    REQUIRE(truncate(path, 10) == 0); /* and so a manifest's size is wrong */
    CHECK(test_one("stats") == JB_OK && figure("failed") == 1);
    CHECK(has_finding(JB_ERROR, "stats: size of all backups"));
    REQUIRE(unlink(path) == 0);
    CHECK(test_one("stats") == JB_OK && has_finding(JB_ERROR, "stats: codebase_"));
    write_text(textf("backups/daily/manifest_%s.json", second), "{}");
    CHECK(test_one("stats") == JB_OK && figure("failed") == 1);
    CHECK(has_finding(JB_ERROR, "manifest_"));
    end();
}

/* The report's files: of one instant, readable by their owner alone, the page with its verdict. */
static void the_report_is_written(void)
{
    struct jb_system_options options = JB_SYSTEM_OPTIONS_INIT;
    struct stat st;
    size_t len;
    options.write_report = 1;
    begin();
    CHECK(test_system("integrity", options) ==
          JB_OK); /* also into a repository that is not there */
    backup();
    CHECK(test_system("integrity", options) == JB_OK);
    const char *json = jb_report_text(report, JB_FIGURES, "json");
    const char *html = jb_report_text(report, JB_FIGURES, "html");
    REQUIRE(json != NULL && html != NULL);
    CHECK_HAS(json, "/backups/backup_verification_report_2");
    CHECK(stat(json, &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK(stat(html, &st) == 0 && (st.st_mode & 0777) == 0600);
    char *text = read_bytes(json, &len);
    CHECK_TEXT(text, jb_report_json(report));
    free(text);
    text = read_bytes(html, &len);
    CHECK_HAS(text, "<html");
    CHECK_HAS(text, "</html>");
    free(text);
    CHECK(verify() == JB_OK && jb_report_verdict(report) == JB_INFO);
    end();
}

static int cancel_at;

static int cancel(void *user, const char *step, uint64_t done, uint64_t total, const char *unit)
{
    (void)user, (void)step, (void)done, (void)total, (void)unit;
    return --cancel_at == 0;
}

static void a_canceled_run_leaves_nothing(void)
{
    begin();
    backup();
    jb_project_set_hooks(project, NULL, cancel, NULL);
    int code = JB_ECANCELED, calls = 0;
    while (code == JB_ECANCELED && ++calls < 1000) {
        free_report();
        cancel_at = calls;
        struct jb_system_options options = JB_SYSTEM_OPTIONS_INIT;
        options.test = calls % 2 ? "restore" : "integrity";
        code = jb_verify_system(project, &options, &report, &err);
        CHECK(code == JB_OK || (code == JB_ECANCELED && report == NULL));
        CHECK(shell(textf("cd '%s' && ! ls -A | grep -v -x -e lock -e staging",
                          in_folder("backups/.jbackup"))));
    }
    CHECK(code == JB_OK && calls > 4);
    end();
}

int main(void)
{
    RUN(nine_tests_have_names);
    RUN(bad_options_are_refused_before_anything_runs);
    RUN(sound_backups_pass);
    RUN(the_newest_of_each_component_is_restored);
    RUN(without_a_backup_nothing_passes);
    RUN(damage_fails_its_test_alone);
    RUN(the_report_is_written);
    RUN(a_canceled_run_leaves_nothing);
    jbi_arena_free(&edit_arena);
    return check_end();
}
