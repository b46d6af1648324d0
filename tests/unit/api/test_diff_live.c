/* SPDX-License-Identifier: MIT */
/* jb_diff_live: what is said of a tree that changes under it, of what a restore would refuse or
 * leave alone. What it says of ordinary changes is in tests/cli/diff_live.sh. */
#include "fixture.h"

#define LARGE (33 << 20) /* read by the caller's thread, which asks the hook meanwhile */

static const char *timestamp;

static int live_of(struct jb_diff_live_options options)
{
    free_report();
    options.timestamp = timestamp;
    return jb_diff_live(project, &options, &report, &err);
}

static int live(void)
{
    return tell(live_of((struct jb_diff_live_options)JB_DIFF_LIVE_OPTIONS_INIT));
}

static const char *result(void)
{
    return jb_report_text(report, JB_FIGURES, "result");
}

static void expect_row(const char *path, const char *change, const char *what)
{
    size_t row = row_where("path", path);
    CHECK_TEXT(jb_report_text(report, row, "change"), change);
    if (what != NULL)
        CHECK_TEXT(jb_report_text(report, row, "what"), what);
}

static void wrong_options_are_refused(void)
{
    begin();
    timestamp = "20240101_000000";
    CHECK(live_of((struct jb_diff_live_options)JB_DIFF_LIVE_OPTIONS_INIT) == JB_ENOTFOUND);
    CHECK(!is_there("backups"));
    backup();
    timestamp = NULL;
    CHECK(live_of((struct jb_diff_live_options)JB_DIFF_LIVE_OPTIONS_INIT) == JB_EINVAL);
    timestamp = backup();
    struct jb_diff_live_options options = JB_DIFF_LIVE_OPTIONS_INIT;
    options.type = 7;
    CHECK(live_of(options) == JB_EINVAL && report == NULL);
    options.type = JB_TYPE_CODEBASE;
    options.database = "journal";
    CHECK(live_of(options) == JB_EINVAL);
    options.type = JB_TYPE_FULL;
    options.database = "none";
    CHECK(live_of(options) == JB_ENOTFOUND);
    options.database = NULL;
    options.path = "../app";
    CHECK(live_of(options) == JB_EINVAL);
    options.path = "none";
    CHECK(live_of(options) == JB_ENOTFOUND);
    CHECK_HAS(err.text, "\"none\"");
    options.path = "./static//logo.svg";
    CHECK(tell(live_of(options)) == JB_OK);
    CHECK(jb_report_number(report, JB_FIGURES, "files") == 1);
    end();
}

static void what_one_does_not_hold_is_said(void)
{
    begin();
    timestamp = backup_of(JB_TYPE_DATABASE, "daily", NULL);
    CHECK(live() == JB_OK && has_finding(JB_WARNING, "code"));
    CHECK_TEXT(result(), "equal");
    timestamp = backup_of(JB_TYPE_CODEBASE, "daily", NULL);
    CHECK(live() == JB_OK && has_finding(JB_WARNING, "journal"));
    CHECK(jb_report_number(report, JB_FIGURES, "tables") == 0);
    struct jb_diff_live_options options = JB_DIFF_LIVE_OPTIONS_INIT;
    options.type = JB_TYPE_DATABASE;
    CHECK(live_of(options) == JB_ENOTFOUND);
    timestamp = backup();
    jb_project_close(project);
    open_with("{\"backup_dir\": \"../backups\", \"databases\": []}");
    CHECK(live() == JB_OK && has_finding(JB_ERROR, "journal"));
    CHECK_TEXT(result(), "incomplete");
    CHECK(jb_exit_status(JB_OK, report) == 1);
    end();
}

/* ---- Under way ---- */

static const char *command; /* run when the code is compared for the first time; NULL: cancel */
static uint64_t after;      /* and so many bytes of it have been read */

static int on_progress(void *user, const char *step, uint64_t done, uint64_t total,
                       const char *unit)
{
    static const char done_already[] = "true";
    (void)user, (void)total, (void)unit;
    if (strcmp(step, "compare code") != 0 || done < after)
        return 0;
    if (command == NULL)
        return 1;
    CHECK(shell(command));
    command = done_already;
    after = UINT64_MAX;
    return 0;
}

static int live_while(const char *what, uint64_t bytes)
{
    command = what;
    after = bytes;
    jb_project_set_hooks(project, NULL, on_progress, NULL);
    int code = live_of((struct jb_diff_live_options)JB_DIFF_LIVE_OPTIONS_INIT);
    jb_project_set_hooks(project, NULL, NULL, NULL);
    return code;
}

static void it_can_be_canceled(void)
{
    begin();
    timestamp = backup();
    CHECK(live_while(NULL, 0) == JB_ECANCELED && report == NULL);
    CHECK(live() == JB_OK);
    CHECK_TEXT(result(), "equal");
    end();
}

static void what_changes_meanwhile_is_said(void)
{
    begin();
    write_text("app/large", "");
    REQUIRE(truncate(in_folder("app/large"), LARGE) == 0);
    timestamp = backup();
    CHECK(live_while(textf("touch '%s'", in_folder("app/large")), 1 << 20) == JB_OK);
    CHECK(has_finding(JB_WARNING, "large") && jb_report_verdict(report) == JB_WARNING);
    CHECK_TEXT(result(), "incomplete");
    CHECK(jb_report_number(report, JB_FIGURES, "not_compared") == 1);
    CHECK(live_while(textf("echo more >>'%s'", in_folder("app/large")), 1 << 20) == JB_OK);
    CHECK(has_finding(JB_WARNING, "large"));
    expect_row("large", "changed", "content,time"); /* the time of the touch before */
    end();
}

static void what_vanishes_meanwhile_would_be_added(void)
{
    begin();
    write_text("app/zero", "listed with the root");
    make_folder("app/zoo");
    write_text("app/zoo/ape", "ape");
    timestamp = backup();
    CHECK(live_while(textf("rm -r '%s' '%s'", in_folder("app/zero"), in_folder("app/zoo")), 0) ==
          JB_OK);
    expect_row("zero", "added", NULL);
    expect_row("zoo", "added", NULL);
    expect_row("zoo/ape", "added", NULL);
    CHECK_TEXT(result(), "different");
    end();
}

/* ---- What a restore makes of it ---- */

#define EXCLUDING                                                                                  \
    "{\"backup_dir\": \"../backups\", \"databases\": [\"sqlite:///instance/journal.db\"],"         \
    " \"exclude\": [\"*.svg\", \"/cache/\"]}"

static int restore(void)
{
    struct jb_restore_options options = JB_RESTORE_OPTIONS_INIT;
    options.timestamp = timestamp;
    options.confirm = 1;
    free_report();
    return restore_safe(project, &options, &report, &err);
}

static void what_it_would_refuse_is_said(void)
{
    begin();
    write_text("app/kind", "a file");
    timestamp = backup();
    jb_project_close(project);
    open_with(EXCLUDING);
    REQUIRE(unlink(in_folder("app/kind")) == 0);
    make_folder("app/kind");
    write_text("app/kind/mine.svg", "stays");
    CHECK(live() == JB_OK);
    expect_row("kind", "changed", "type");
    CHECK(has_finding(JB_WARNING, "kind/mine.svg"));
    CHECK(restore() == JB_EROLLEDBACK);
    CHECK_HAS(err.text, "is in no backup and must stay");
    struct jb_diff_live_options options = JB_DIFF_LIVE_OPTIONS_INIT;
    REQUIRE(shell(textf("rm -r '%s'", in_folder("app/static"))));
    write_text("app/static", "a file");
    options.path = "static/logo.svg";
    CHECK(tell(live_of(options)) == JB_OK && has_finding(JB_WARNING, "static"));
    expect_row("static/logo.svg", "added", NULL);
    end();
}

static void what_is_excluded_today_stays(void)
{
    begin();
    make_folder("app/cache");
    write_text("app/cache/one", "one");
    write_text("app/gone.svg", "gone");
    timestamp = backup();
    jb_project_close(project);
    open_with(EXCLUDING);
    write_text("app/static/logo.svg", "<other/>");
    write_text("app/cache/one", "two");
    write_text("app/cache/two", "two");
    REQUIRE(unlink(in_folder("app/gone.svg")) == 0);
    CHECK(live() == JB_OK);
    CHECK(has_finding(JB_INFO, "static/logo.svg") && has_finding(JB_INFO, "cache"));
    CHECK(row_where("path", "static/logo.svg") > 100 && row_where("path", "cache/one") > 100);
    CHECK(row_where("path", "cache/two") > 100);
    expect_row("gone.svg", "added", NULL);
    struct jb_diff_live_options options = JB_DIFF_LIVE_OPTIONS_INIT;
    options.path = "static/logo.svg";
    CHECK(tell(live_of(options)) == JB_OK);
    expect_row("static/logo.svg", "changed", "content,time");
    CHECK(tell(restore()) == JB_OK && is_there("app/gone.svg") && is_there("app/cache/two"));
    CHECK(live() == JB_OK && jb_report_row_count(report) == 0);
    CHECK_TEXT(result(), "equal");
    end();
}

/* Restored alone a second name becomes a file of its own. */
static void names_of_one_file(void)
{
    begin();
    timestamp = backup();
    struct jb_diff_live_options options = JB_DIFF_LIVE_OPTIONS_INIT;
    options.path = "static";
    CHECK(tell(live_of(options)) == JB_OK);
    expect_row("static/same.py", "changed", "link");
    write_text("app/app.py", "print('changed')\n");
    CHECK(tell(live_of(options)) == JB_OK);
    expect_row("static/same.py", "changed", "content,link,time");
    CHECK(live() == JB_OK);
    expect_row("app.py", "changed", "content,time");
    CHECK(row_where("path", "static/same.py") > 100);
    REQUIRE(unlink(in_folder("app/static/same.py")) == 0);
    write_text("app/static/same.py", "another content\n");
    CHECK(live() == JB_OK);
    expect_row("static/same.py", "changed", "content,link,mode,time");
    end();
}

static void a_root_that_is_gone_would_be_made(void)
{
    make_app();
    make_folder("app/code");
    write_text("app/code/a.py", "a");
    open_with("{\"root\": \"code\", \"backup_dir\": \"../backups\", \"databases\": []}");
    timestamp = backup();
    CHECK(live() == JB_OK);
    CHECK_TEXT(result(), "equal");
    REQUIRE(shell(textf("rm -r '%s'", in_folder("app/code"))));
    CHECK(live() == JB_OK);
    expect_row(".", "added", NULL);
    expect_row("a.py", "added", NULL);
    CHECK(jb_report_number(report, JB_FIGURES, "files_added") == 2);
    end();
}

int main(void)
{
    RUN(wrong_options_are_refused);
    RUN(what_one_does_not_hold_is_said);
    RUN(it_can_be_canceled);
    RUN(what_changes_meanwhile_is_said);
    RUN(what_vanishes_meanwhile_would_be_added);
    RUN(what_it_would_refuse_is_said);
    RUN(what_is_excluded_today_stays);
    RUN(names_of_one_file);
    RUN(a_root_that_is_gone_would_be_made);
    return check_end();
}
