/* SPDX-License-Identifier: MIT */
/* restore_safe in place, on code and SQLite, and what follows it. PostgreSQL and kills are in
 * tests/real/restore_kill.sh, services in tests/cli/restore_place.sh. */
#include "fixture.h"

static const char *timestamp;

/* Everything in app/ but the repository, with inodes: an exchange that is undone gives the same
 * files back. */
static char *fingerprint(void)
{
    size_t len;
    REQUIRE(
        shell(textf("cd '%s' && { find . -printf '%%P %%y %%m %%U %%G %%i %%l\\n'; find . -type "
                    "f -exec sha256sum {} +; } | LC_ALL=C sort > ../print",
                    in_folder("app"))));
    return read_bytes(in_folder("print"), &len);
}

static bool is_same(char *before)
{
    char *after = fingerprint();
    bool same = strcmp(before, after) == 0;
    free(after);
    free(before);
    return same;
}

/* The app, a backup of it, and what was done to it since. */
static void begin_changed(const char *config)
{
    err = (struct jb_error){0};
    make_app();
    make_folder("app/static/uploads");
    write_text("app/static/uploads/one.jpg", "one\n");
    open_with(config);
    write_text("app/.env", "KEY=old\n");
    timestamp = backup();
    write_text("app/.env", "KEY=today\n");
    write_text("app/app.py", "print('deployed')\n");
    write_text("app/new.py", "new\n");
    write_text("app/static/uploads/two.jpg", "two\n");
    REQUIRE(unlink(in_folder("app/static/logo.svg")) == 0);
    sql("app/instance/journal.db", "DELETE FROM entry; INSERT INTO entry(text) VALUES('wrong')");
}

#define PLAIN                                                                                      \
    "{\"backup_dir\": \"../backups\", \"databases\": [\"sqlite:///instance/journal.db\"],"         \
    " \"exclude\": [\"/static/uploads/\"]}"
#define UNHEALTHY                                                                                  \
    "{\"backup_dir\": \"../backups\", \"databases\": [\"sqlite:///instance/journal.db\"],"         \
    " \"health\": {\"command\": [\"false\"], \"timeout_s\": 1}}"

static int restore_with(struct jb_restore_options options)
{
    free_report();
    options.timestamp = timestamp;
    return restore_safe(project, &options, &report, &err);
}

static int restore(void)
{
    struct jb_restore_options options = JB_RESTORE_OPTIONS_INIT;
    options.confirm = 1;
    return tell(restore_with(options));
}

static const char *state(void)
{
    free_report();
    REQUIRE(tell(jb_restore_state(project, NULL, &report, &err)) == JB_OK);
    return jb_report_text(report, JB_FIGURES, "state");
}

static bool has_rows(const char *count)
{
    return shell(textf("test \"$(sqlite3 '%s' 'SELECT count(*) FROM entry')\" = %s",
                       in_folder("app/instance/journal.db"), count));
}

static bool is_restored(void)
{
    size_t len;
    char *text = read_bytes(in_folder("app/app.py"), &len);
    bool is = strcmp(text, "print('journal')\n") == 0 && !is_there("app/new.py") &&
              is_there("app/static/logo.svg") && is_there("app/static/uploads/two.jpg") &&
              has_rows("3");
    free(text);
    return is;
}

/* Nothing of a restore lies about. */
static bool is_tidy(void)
{
    return shell(textf("test -z \"$(find '%s' '%s' -name '.jbackup-restore-*' -o -name "
                       "'restore*.json')\"",
                       in_folder("app"), in_folder("backups")));
}

static void all_is_replaced_and_the_old_kept(void)
{
    begin_changed(PLAIN);
    CHECK(restore() == JB_OK && is_restored());
    CHECK(jb_report_number(report, JB_FIGURES, "done") == 1);
    CHECK(jb_report_text(report, JB_FIGURES, "safety") != NULL);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "environment"), "production");
    CHECK(row_where("row", "replace") == 0 && row_where("row", "kept") == 2);
    CHECK(jb_report_finding_count(report) == 1 && has_finding(JB_INFO, ".env"));
    size_t len;
    char *text = read_bytes(in_folder("app/.env"), &len);
    CHECK_TEXT(text, "KEY=today\n");
    free(text);
    CHECK(listed() == 2);
    CHECK_TEXT(jb_report_text(report, 0, "label"), textf("before the restore of %s", timestamp));
    CHECK_TEXT(state(), "kept");
    free_report();
    CHECK(tell(jb_discard_old(project, NULL, &report, &err)) == JB_OK);
    CHECK(is_restored() && is_tidy());
    CHECK_TEXT(state(), "none");
    end();
}

static void a_rollback_gives_the_same_back(void)
{
    begin_changed(PLAIN);
    char *before = fingerprint();
    CHECK(restore() == JB_OK && is_restored());
    free_report();
    CHECK(tell(jb_rollback(project, NULL, &report, &err)) == JB_OK);
    CHECK(is_same(before) && is_tidy());
    free_report();
    CHECK(jb_rollback(project, NULL, &report, &err) == JB_ENOTFOUND);
    CHECK(jb_discard_old(project, NULL, &report, &err) == JB_ENOTFOUND);
    free_report();
    CHECK(jb_recover(project, NULL, &report, &err) == JB_OK);
    CHECK(jb_report_number(report, JB_FIGURES, "recovered") == 0);
    end();
}

static void without_a_word_nothing_is_done(void)
{
    struct jb_restore_options options = JB_RESTORE_OPTIONS_INIT;
    begin_changed(PLAIN);
    char *before = fingerprint();
    CHECK(restore_with(options) == JB_EINVAL);
    CHECK_HAS(err.hint, "--confirm");
    REQUIRE(report != NULL);
    CHECK(row_where("row", "replace") == 0 && jb_report_number(report, JB_FIGURES, "done") == 0);
    CHECK(jb_report_number(report, JB_FIGURES, "confirm_needed") == 1);
    options.plan = 1;
    CHECK(restore_with(options) == JB_OK);
    CHECK(jb_report_number(report, JB_FIGURES, "space_needed") > 0);
    options = (struct jb_restore_options)JB_RESTORE_OPTIONS_INIT;
    options.environment = "staging";
    CHECK(restore_with(options) == JB_ENOTFOUND);
    CHECK_HAS(err.text, "staging");
    options = (struct jb_restore_options)JB_RESTORE_OPTIONS_INIT;
    options.to = in_folder("elsewhere");
    options.confirm = 1;
    CHECK(restore_with(options) == JB_EINVAL);
    CHECK(is_same(before) && is_tidy() && listed() == 1);
    end();
}

/* As soon as the clock lets: in the same second, mostly. */
static void after_a_restore_another_can_be_planned(void)
{
    struct jb_restore_options options = JB_RESTORE_OPTIONS_INIT;
    options.plan = 1;
    begin_changed(PLAIN);
    for (int i = 0; i < 4; i++) {
        REQUIRE(restore() == JB_OK);
        CHECK(tell(restore_with(options)) == JB_OK);
        err = (struct jb_error){0};
    }
    end();
}

static void a_part_is_replaced(void)
{
    struct jb_restore_options options = JB_RESTORE_OPTIONS_INIT;
    begin_changed(PLAIN);
    options.confirm = 1;
    options.path = "static/logo.svg";
    CHECK(tell(restore_with(options)) == JB_OK);
    CHECK(is_there("app/static/logo.svg") && is_there("app/new.py") && has_rows("1"));
    options.path = NULL;
    options.database = "journal";
    CHECK(tell(restore_with(options)) == JB_OK);
    CHECK(is_there("app/new.py") && has_rows("3"));
    options.database = NULL;
    options.type = JB_TYPE_CODEBASE;
    sql("app/instance/journal.db", "DELETE FROM entry");
    CHECK(tell(restore_with(options)) == JB_OK);
    CHECK(!is_there("app/new.py") && has_rows("0"));
    end();
}

/* The next backup is of the restored state: what was kept for a rollback goes. */
static void a_backup_lets_go_of_the_old(void)
{
    begin_changed(PLAIN);
    CHECK(restore() == JB_OK && !is_tidy());
    backup();
    CHECK(is_tidy() && is_restored());
    CHECK(restore() == JB_OK && restore() == JB_OK && is_restored());
    CHECK(row_where("row", "kept") != (size_t)-2);
    end();
}

static void what_is_not_well_is_put_back(void)
{
    begin_changed(UNHEALTHY);
    char *before = fingerprint();
    CHECK(restore() == JB_EROLLEDBACK);
    CHECK_HAS(err.text, "the old state was put back");
    REQUIRE(report != NULL);
    CHECK(has_finding(JB_ERROR, "restore") && jb_report_number(report, JB_FIGURES, "done") == 0);
    CHECK(is_same(before) && is_tidy());
    end();
}

static int cancel_at;

static int cancel(void *user, const char *step, uint64_t done, uint64_t total, const char *unit)
{
    (void)user, (void)step, (void)done, (void)total, (void)unit;
    return --cancel_at == 0;
}

static void canceled_anywhere_it_is_old_or_new(void)
{
    begin_changed(PLAIN);
    int code = JB_ECANCELED, calls = 0;
    while (code == JB_ECANCELED && ++calls < 500) {
        struct jb_restore_options options = JB_RESTORE_OPTIONS_INIT;
        char *before = fingerprint();
        options.confirm = 1;
        cancel_at = calls;
        jb_project_set_hooks(project, NULL, cancel, NULL);
        code = restore_with(options);
        jb_project_set_hooks(project, NULL, NULL, NULL);
        CHECK(code == JB_OK || code == JB_ECANCELED);
        if (code == JB_ECANCELED)
            CHECK(is_same(before) && is_tidy());
        else
            free(before);
    }
    CHECK(code == JB_OK && calls > 3 && is_restored());
    end();
}

/* A journal as a run that died would leave it, for every phase that this can be said of without a
 * service: the state is old, and cleanup, backup and state know of it. */
static void an_open_restore_is_seen(void)
{
    struct jb_cleanup_options cleanup = JB_CLEANUP_OPTIONS_INIT;
    struct jb_change_options change = JB_CHANGE_OPTIONS_INIT;
    begin_changed(PLAIN);
    char *before = fingerprint();
    CHECK(restore() == JB_OK);
    REQUIRE(shell(textf("sed -i 's/\"phase\": \"done\"/\"phase\": \"starting\"/' '%s'",
                        in_folder("backups/.jbackup/restore.json"))));
    CHECK_TEXT(state(), "open");
    CHECK(jb_report_verdict(report) == JB_CRITICAL);
    CHECK_HAS(jb_report_finding(report, 0)->hint, "jbackup-restore recover");
    free_report();
    CHECK(jb_cleanup(project, &cleanup, &report, &err) == JB_ELOCKED);
    free_report();
    change.timestamp = timestamp;
    CHECK(jb_remove(project, &change, &report, &err) == JB_ELOCKED);
    backup();
    CHECK(jb_report_verdict(report) == JB_WARNING);
    CHECK_HAS(jb_report_finding(report, 0)->message, "not proved yet");
    free_report();
    CHECK(jb_rollback(project, NULL, &report, &err) == JB_EINVAL);
    free_report();
    CHECK(tell(jb_recover(project, NULL, &report, &err)) == JB_OK);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "state"), "old");
    CHECK(is_same(before) && is_tidy());
    end();
}

/* What the restore before kept is there until the next one exchanges. */
static void a_restore_that_fails_leaves_the_way_back(void)
{
    begin_changed(PLAIN);
    char *before = fingerprint();
    CHECK(restore() == JB_OK);
    int code = JB_ECANCELED, calls = 0;
    while (code == JB_ECANCELED && ++calls < 500) {
        struct jb_restore_options options = JB_RESTORE_OPTIONS_INIT;
        options.confirm = 1;
        options.without_safety_backup = 1;
        cancel_at = calls;
        jb_project_set_hooks(project, NULL, calls < 4 ? cancel : NULL, NULL);
        code = restore_with(options);
        jb_project_set_hooks(project, NULL, NULL, NULL);
        if (code != JB_ECANCELED)
            break;
        CHECK_TEXT(state(), "kept");
        CHECK(is_restored());
    }
    CHECK(code == JB_OK && calls > 2 && is_restored());
    CHECK(!is_there("backups/.jbackup/restore_earlier.json"));
    free_report();
    CHECK(tell(jb_rollback(project, NULL, &report, &err)) == JB_OK && is_restored() && is_tidy());
    sql("app/instance/journal.db", "DELETE FROM entry; INSERT INTO entry(text) VALUES('wrong')");
    free(before);
    before = fingerprint();
    CHECK(restore() == JB_OK);
    struct jb_restore_options options = JB_RESTORE_OPTIONS_INIT;
    options.confirm = 1;
    cancel_at = 2;
    jb_project_set_hooks(project, NULL, cancel, NULL);
    CHECK(restore_with(options) == JB_ECANCELED);
    jb_project_set_hooks(project, NULL, NULL, NULL);
    free_report();
    CHECK(tell(jb_rollback(project, NULL, &report, &err)) == JB_OK);
    CHECK(is_same(before) && is_tidy());
    end();
}

/* Dead while it removed what the one before had kept: both are finished by one recover. */
static void two_open_ones_are_recovered(void)
{
    begin_changed(PLAIN);
    CHECK(restore() == JB_OK);
    REQUIRE(shell(textf("cd '%s' && sed 's/\"phase\": \"done\"/\"phase\": \"discarding\"/' "
                        "restore.json >restore_earlier.json && sed -i -e "
                        "'s/\"phase\": \"done\"/\"phase\": \"staging\"/' -e "
                        "'s/\"id\": \".*\"/\"id\": \"20200101_000000\"/' -e "
                        "'/\"targets\"/,$d' restore.json && echo '\"targets\": []}' "
                        ">>restore.json",
                        in_folder("backups/.jbackup"))));
    CHECK_TEXT(state(), "open");
    free_report();
    CHECK(tell(jb_recover(project, NULL, &report, &err)) == JB_OK);
    CHECK(jb_report_number(report, JB_FIGURES, "recovered") == 1);
    CHECK(is_restored() && is_tidy());
    CHECK_TEXT(state(), "none");
    end();
}

int main(void)
{
    RUN(all_is_replaced_and_the_old_kept);
    RUN(a_rollback_gives_the_same_back);
    RUN(without_a_word_nothing_is_done);
    RUN(after_a_restore_another_can_be_planned);
    RUN(a_part_is_replaced);
    RUN(a_backup_lets_go_of_the_old);
    RUN(what_is_not_well_is_put_back);
    RUN(canceled_anywhere_it_is_old_or_new);
    RUN(an_open_restore_is_seen);
    RUN(a_restore_that_fails_leaves_the_way_back);
    RUN(two_open_ones_are_recovered);
    return check_end();
}
