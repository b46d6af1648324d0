/* SPDX-License-Identifier: MIT */
/* The tests of what is outside of jbackup: programs, databases, backup.sh, systemd. Programs that
 * fail as real ones can't be made to are scripts in bin/. */
#include "system_fixture.h"

static char *path_before;

/* A script in the test's folder. */
static void script(const char *name, const char *text)
{
    write_text(name, textf("#!/bin/sh\n%s\n", text));
    REQUIRE(chmod(in_folder(name), 0755) == 0);
}

/* The application, and bin/ before all else on PATH. */
static void begin_here(void)
{
    begin();
    make_folder("bin");
    system_options = (struct jb_system_options)JB_SYSTEM_OPTIONS_INIT;
    REQUIRE(setenv("PATH", textf("%s:%s", in_folder("bin"), path_before), 1) == 0);
}

static void end_here(void)
{
    REQUIRE(setenv("PATH", path_before, 1) == 0);
    end();
}

static bool finds(int level, const char *subject, const char *message)
{
    const struct jb_finding *finding;
    for (size_t i = 0; (finding = jb_report_finding(report, i)) != NULL; i++) {
        if (finding->level == level && strstr(finding->subject, subject) != NULL &&
            strstr(finding->message, message) != NULL)
            return true;
    }
    print_findings();
    return false;
}

static size_t errors(void)
{
    const struct jb_finding *finding;
    size_t count = 0;
    for (size_t i = 0; (finding = jb_report_finding(report, i)) != NULL; i++)
        count += finding->level >= JB_ERROR;
    return count;
}

/* ---- executable ---- */

static void the_tool_on_the_path(void)
{
    begin_here();
    script("bin/jbackup", "[ \"$*\" = --version ] && echo 'jbackup " JBACKUP_VERSION "'");
    CHECK(passes(jbi_test_executable, JB_INFO));
    CHECK_TEXT(did, textf("ran jbackup " JBACKUP_VERSION " from %s", in_folder("bin/jbackup")));
    system_options.program = "jbackup";
    CHECK(passes(jbi_test_executable, JB_INFO));
    end_here();
}

static void another_version(void)
{
    begin_here();
    script("bin/jbackup", "echo 'jbackup " JBACKUP_VERSION "9'");
    CHECK(fails_with(jbi_test_executable, "and this is jbackup " JBACKUP_VERSION, "one version"));
    script("bin/jbackup", "echo other");
    CHECK(fails_with(jbi_test_executable, "is \"other\"", ""));
    script("bin/jbackup", "echo no library >&2; exit 127");
    CHECK(fails_with(jbi_test_executable, "status 127: no library", "install"));
    end_here();
}

static void no_tool(void)
{
    begin_here();
    system_options.program = in_folder("bin/absent");
    CHECK(fails_with(jbi_test_executable, "no program of that name", "PATH"));
    CHECK_TEXT(did, "found no jbackup");
    system_options.program = NULL;
    REQUIRE(setenv("PATH", in_folder("bin"), 1) == 0);
    CHECK(fails_with(jbi_test_executable, "not on PATH", "install jbackup"));
    write_text("bin/jbackup", "#!/bin/sh\n"); /* may not be executed */
    CHECK(fails_with(jbi_test_executable, "not on PATH", "install jbackup"));
    end_here();
}

/* What others could have replaced is not run. */
static void a_tool_that_others_can_change(void)
{
    begin_here();
    script("bin/jbackup",
           textf("echo >'%s'; echo 'jbackup " JBACKUP_VERSION "'", in_folder("ran")));
    REQUIRE(chmod(in_folder("bin/jbackup"), 0777) == 0);
    CHECK(fails_with(jbi_test_executable, "written to by everybody", "chmod go-w"));
    REQUIRE(chmod(in_folder("bin/jbackup"), 0755) == 0 && chmod(in_folder("bin"), 0777) == 0);
    CHECK(fails_with(jbi_test_executable, "its folder", "chmod go-w"));
    CHECK_HAS(did, "did not run it");
    REQUIRE(chmod(in_folder("bin"), 0755) == 0 && chmod(check_folder(), 0777) == 0);
    CHECK(fails_with(jbi_test_executable, "its folder", "chmod go-w"));
    CHECK(!is_there("ran"));
    REQUIRE(chmod(check_folder(), 01777) == 0); /* as /tmp */
    CHECK(passes(jbi_test_executable, JB_INFO));
    CHECK(is_there("ran"));
    if (geteuid() == 0) {
        REQUIRE(chown(in_folder("bin/jbackup"), 12345, 0) == 0);
        CHECK(fails_with(jbi_test_executable, "belongs to another user", "chown"));
        REQUIRE(chown(in_folder("bin/jbackup"), 0, 12345) == 0 &&
                chmod(in_folder("bin/jbackup"), 0775) == 0);
        CHECK(passes(jbi_test_executable, JB_INFO)); /* nobody is in that group */
        REQUIRE(chown(in_folder("bin/jbackup"), 0, 65534) == 0);
        CHECK(fails_with(jbi_test_executable, "members of its group", "chmod go-w"));
    }
    end_here();
}

static void a_link_is_followed(void)
{
    begin_here();
    make_folder("real");
    script("real/jbackup", "echo 'jbackup " JBACKUP_VERSION "'");
    REQUIRE(symlink(in_folder("real/jbackup"), in_folder("bin/jbackup")) == 0);
    CHECK(passes(jbi_test_executable, JB_INFO));
    REQUIRE(chmod(in_folder("real"), 0777) == 0);
    CHECK(fails_with(jbi_test_executable, "its folder", "chmod go-w"));
    end_here();
}

static void a_server_that_is_down(void)
{
    begin_here();
    script("bin/jbackup", "echo 'jbackup " JBACKUP_VERSION "'");
    jb_project_close(project);
    open_with(
        "{\"databases\": [\"postgresql://ann:s3cret@127.0.0.1:1/journal?connect_timeout=2\"]}");
    CHECK(passes(jbi_test_executable, JB_INFO));
    CHECK_HAS(did, ", pg_dump 1");
    CHECK_HAS(did, "the server of journal did not answer");
    CHECK(run_system(jbi_test_database) == JB_OK);
    CHECK(finds(JB_ERROR, "journal", "Connection refused"));
    CHECK_TEXT(did, "could not read journal");
    CHECK(strstr(jb_report_json(report), "s3cret") == NULL);
    end_here();
}

/* ---- database ---- */

static void sqlite_databases(void)
{
    begin_here();
    CHECK(passes(jbi_test_database, JB_INFO));
    CHECK_HAS(did, "read journal (SQLite 3.");
    CHECK_HAS(did, ", 2 tables, ");
    CHECK(!is_there("backups"));
    backup();
    char *before = listing("backups");
    CHECK(passes(jbi_test_database, JB_INFO));
    check_same_listing("backups", before);
    free(before);
    end_here();
}

static void one_that_fails_and_one_that_does_not(void)
{
    begin_here();
    jb_project_close(project);
    open_with("{\"databases\": [\"sqlite:///absent.db\", \"sqlite:///instance/journal.db\"]}");
    CHECK(fails_with(jbi_test_database, in_folder("app/absent.db"), ""));
    CHECK(errors() == 1);
    CHECK_HAS(did, "could not read absent, read journal (SQLite");
    CHECK(!is_there("app/absent.db"));
    write_text("app/absent.db",
               "this is no database, though it is long enough to be taken for one\n");
    CHECK(fails_with(jbi_test_database, "not a SQLite database", "check the path"));
    end_here();
}

static void a_damaged_database(void)
{
    begin_here();
    sql("app/instance/journal.db",
        "CREATE TABLE big(a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
        "WHERE i < 5000) INSERT INTO big SELECT hex(i) || 'abcdefghijklmnopqrstuvwxyz' FROM n;");
    size_t len;
    char *bytes = read_bytes(in_folder("app/instance/journal.db"), &len);
    REQUIRE(len > 65536);
    memset(bytes + len / 2, 0x55, 8192);
    write_bytes(in_folder("app/instance/journal.db"), bytes, len);
    free(bytes);
    CHECK(fails_with(jbi_test_database, "damaged", ".recover"));
    end_here();
}

static void no_database(void)
{
    begin_here();
    jb_project_close(project);
    open_with("{\"databases\": []}");
    CHECK(passes(jbi_test_database, JB_INFO));
    CHECK(finds(JB_INFO, "", "the code alone"));
    jb_project_close(project);
    sql("app/other.db", "CREATE TABLE t(a)");
    open_with("{}");
    CHECK(fails_with(jbi_test_database, "several SQLite files", "jbackup.json"));
    REQUIRE(unlink(in_folder("app/other.db")) == 0);
    REQUIRE(unlink(in_folder("app/instance/journal.db")) == 0);
    jb_project_close(project);
    open_with("{}");
    CHECK(passes(jbi_test_database, JB_WARNING));
    CHECK(finds(JB_WARNING, "", "no database is configured"));
    end_here();
}

/* ---- shell ---- */

#define HELP                                                                                       \
    "help) echo 'backup list, pre-deploy rollback cleanup remove size start stop restart status "  \
    "logs help' ;;"

/* A backup.sh that lists these lines. */
static void shell_script(const char *list)
{
    script("app/backup.sh",
           textf("[ \"$1\" = --project ] && [ \"$2\" = '%s' ] && shift 2\ncase $1 in " HELP
                 " list) printf '%%b' '%s' ;; *) exit 9 ;; esac",
                 in_folder("app"), list));
}

static void a_shell_script_that_lists_the_backups(void)
{
    begin_here();
    const char *first = backup(), *second = backup();
    shell_script(textf("%s|daily|full\\n%s|daily|full\\n", second, first));
    CHECK(passes(jbi_test_shell, JB_INFO));
    CHECK_TEXT(did, textf("ran %s help and list, compared 2 backups", in_folder("app/backup.sh")));
    shell_script(
        textf("20991231_235959|daily|full\\n%s|daily|full\\n%s|daily|full\\n", second, first));
    CHECK(passes(jbi_test_shell, JB_INFO)); /* made meanwhile */
    shell_script(textf("%s|daily|full\\n", second));
    CHECK(fails_with(jbi_test_shell, textf("lacks the backup %s", first), "this project"));
    shell_script(textf("%s|daily|full\\n%s|d|f\\n20010101_000000|d|f\\n", second, first));
    CHECK(fails_with(jbi_test_shell, "is no backup of this project: 20010101_000000", ""));
    shell_script(textf("%s|daily|full\\n%s|d|f\\nnonsense\\n", second, first));
    CHECK(fails_with(jbi_test_shell, "is no backup of this project: nonsense", ""));
    end_here();
}

static void where_a_shell_script_is_found(void)
{
    begin_here();
    REQUIRE(setenv("PATH", textf("%s:/usr/bin:/bin", in_folder("bin")), 1) == 0);
    CHECK(fails_with(jbi_test_shell, "neither in the project nor", "install"));
    CHECK_TEXT(did, "found no backup.sh");
    system_options.shell = in_folder("named.sh");
    CHECK(fails_with(jbi_test_shell, "no such file", "install"));
    shell_script("");
    REQUIRE(rename(in_folder("app/backup.sh"), in_folder("named.sh")) == 0);
    CHECK(passes(jbi_test_shell, JB_INFO));
    system_options.shell = NULL;
    make_folder("beside");
    REQUIRE(rename(in_folder("named.sh"), in_folder("beside/backup.sh")) == 0);
    system_options.program = in_folder("beside/jbackup");
    CHECK(passes(jbi_test_shell, JB_INFO));
    CHECK_HAS(did, "beside/backup.sh");
    system_options.program = NULL;
    REQUIRE(rename(in_folder("beside/backup.sh"), in_folder("bin/backup.sh")) == 0);
    CHECK(passes(jbi_test_shell, JB_INFO));
    CHECK_HAS(did, "bin/backup.sh");
    end_here();
}

static void a_shell_script_that_is_broken(void)
{
    begin_here();
    shell_script("");
    REQUIRE(chmod(in_folder("app/backup.sh"), 0644) == 0);
    CHECK(fails_with(jbi_test_shell, "may not be executed", "chmod 755"));
    REQUIRE(chmod(in_folder("app/backup.sh"), 0757) == 0);
    CHECK(fails_with(jbi_test_shell, "written to by everybody", "chmod go-w"));
    CHECK_HAS(did, "did not run it");
    script("app/backup.sh", textf("echo >'%s'; if", in_folder("ran")));
    CHECK(fails_with(jbi_test_shell, "is no script that sh can read", "put back"));
    CHECK(!is_there("ran"));
    script("app/backup.sh", "case $1 in help) echo 'backup, list and nothing-else-helps' ;; esac");
    CHECK(fails_with(jbi_test_shell, "does not name pre-deploy, rollback, cleanup", "put back"));
    script("app/backup.sh", "echo broken >&2; exit 4");
    CHECK(fails_with(jbi_test_shell, "help ends with status 4: broken", ""));
    CHECK(fails_with(jbi_test_shell, "list ends with status 4: broken", "list"));
    end_here();
}

/* A damaged manifest is not the script's fault. */
static void a_damaged_backup_does_not_fail_the_script(void)
{
    begin_here();
    const char *timestamp = backup();
    write_text(textf("backups/daily/manifest_%s.json", timestamp), "{");
    shell_script("'; exit 1; echo '");
    CHECK(passes(jbi_test_shell, JB_WARNING));
    shell_script("'; exit 2; echo '");
    CHECK(fails_with(jbi_test_shell, "list ends with status 2", ""));
    end_here();
}

/* ---- systemd ---- */

#define TIMER                                                                                      \
    "LoadState=loaded\\nActiveState=active\\nUnitFileState=enabled\\nResult=success\\n"            \
    "NextElapseUSecRealtime=Tue 2026-11-24 02:00:00 UTC\\n"
#define SERVICE                                                                                    \
    "LoadState=loaded\\nActiveState=inactive\\nResult=success\\nExecMainStatus=0\\n"               \
    "ExecMainExitTimestamp=Mon 2026-11-23 02:00:00 UTC\\n"

/* A systemctl of the system alone that says this of the weekly units, and the best of others. */
static void systemctl(const char *timer, const char *service)
{
    script("bin/systemctl",
           textf("[ \"$1\" = --system ] || { echo 'Failed to connect to bus' >&2; exit 1; }\n"
                 "case \"$*\" in *is-system-running) echo degraded; exit 1 ;;\n"
                 "*'-- journal-backup-weekly.timer') printf '%%b' '%s' ;;\n"
                 "*'-- journal-backup-weekly.service') printf '%%b' '%s' ;;\n"
                 "*.timer) printf '%%b' '" TIMER "' ;; *) printf '%%b' '" SERVICE "' ;; esac",
                 timer, service));
}

static void a_schedule_in_force(void)
{
    begin_here();
    systemctl(TIMER, SERVICE);
    CHECK(passes(jbi_test_systemd, JB_INFO));
    CHECK_TEXT(did, "asked systemd for 5 timers: all are in force, next run of "
                    "journal-backup-daily is Tue 2026-11-24 02:00:00 UTC");
    CHECK(jb_report_finding_count(report) == 0);
    end_here();
}

static void timers_that_start_nothing(void)
{
    static const struct {
        const char *timer, *service, *subject, *message, *hint;
    } cases[] = {
        {"LoadState=not-found\\n", SERVICE, "weekly.timer", "no such unit",
         "jbackup-scheduler install"},
        {"LoadState=masked\\nUnitFileState=masked\\n", SERVICE, "weekly.timer", "masked", "unmask"},
        {"LoadState=bad-setting\\n", SERVICE, "weekly.timer", "bad-setting", "status"},
        {"LoadState=loaded\\nActiveState=active\\nUnitFileState=disabled\\n", SERVICE,
         "weekly.timer", "is disabled and active", "enable --now 'journal-backup-weekly.timer'"},
        {"LoadState=loaded\\nActiveState=active\\n", SERVICE, "weekly.timer", "not enabled",
         "enable --now"},
        {"LoadState=loaded\\nActiveState=failed\\nUnitFileState=enabled\\n", SERVICE,
         "weekly.timer", "is enabled and failed", "enable --now"},
        {"LoadState=loaded\\nActiveState=active\\nUnitFileState=enabled\\nResult=resources\\n",
         SERVICE, "weekly.timer", "failed: resources", "status"},
        {"LoadState=loaded\\nActiveState=active\\nUnitFileState=enabled\\n", SERVICE,
         "weekly.timer", "has no next time", "OnCalendar"},
        {TIMER, "LoadState=not-found\\n", "weekly.service", "no such unit",
         "jbackup-scheduler install"},
        {TIMER, "LoadState=loaded\\nActiveState=failed\\nResult=timeout\\nExecMainStatus=15\\n",
         "weekly.service", "its last run failed: timeout, status 15", "journalctl -u"},
        {TIMER, "LoadState=loaded\\nResult=exit-code\\n", "weekly.service", "status not known",
         "journalctl -u"},
    };
    begin_here();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        systemctl(cases[i].timer, cases[i].service);
        CHECK(fails_with(jbi_test_systemd, cases[i].message, cases[i].hint));
        CHECK(finds(JB_ERROR, cases[i].subject, cases[i].message));
        CHECK(errors() == 1);
        CHECK_HAS(did, "4 of them are in force");
    }
    end_here();
}

static void what_is_no_error(void)
{
    begin_here();
    systemctl("LoadState=loaded\\nActiveState=active\\nUnitFileState=enabled\\n",
              "LoadState=loaded\\nActiveState=activating\\nResult=success\\n");
    CHECK(passes(jbi_test_systemd, JB_INFO)); /* it runs now */
    CHECK(jb_report_finding_count(report) == 0);
    systemctl(TIMER "UnitFileState=enabled-runtime\\n", SERVICE);
    CHECK(passes(jbi_test_systemd, JB_WARNING));
    CHECK(finds(JB_WARNING, "weekly.timer", "enabled-runtime"));
    systemctl(TIMER, "LoadState=loaded\\nActiveState=inactive\\nResult=success\\n");
    CHECK(passes(jbi_test_systemd, JB_INFO));
    CHECK(finds(JB_INFO, "weekly.service", "has not run"));
    systemctl(TIMER "Unit=--help\\n", SERVICE);
    CHECK(passes(jbi_test_systemd, JB_INFO));
    systemctl(TIMER "Unit=other.service\\n", "LoadState=not-found\\n");
    CHECK(passes(jbi_test_systemd, JB_INFO));
    end_here();
}

static void systemctl_that_can_not_be_understood(void)
{
    begin_here();
    systemctl("\\0001\\0377garbage\\n\\n=\\n", SERVICE);
    CHECK(fails_with(jbi_test_systemd, "says nothing of \"journal-backup-weekly.timer\"", ""));
    systemctl("'; echo 'Access denied' >&2; exit 4; echo '", SERVICE);
    CHECK(fails_with(jbi_test_systemd, "status 4): Access denied", ""));
    systemctl("LoadState=loaded\\nActiveState=\\0033[2Jactive\\nUnitFileState=enabled\\n", SERVICE);
    CHECK(fails_with(jbi_test_systemd, "is enabled and \\x1b[2Jactive", "enable"));
    end_here();
}

static void no_systemd(void)
{
    static const char said[] = "systemd is not running here, so no schedule is in force";
    begin_here();
    script("bin/systemctl", "echo offline; echo 'System has not been booted' >&2; exit 1");
    CHECK(fails_with(jbi_test_systemd, said, "cron"));
    CHECK_HAS(err.text, "offline");
    script("bin/systemctl", "echo 'Failed to connect to bus' >&2; exit 1");
    CHECK(fails_with(jbi_test_systemd, said, "cron"));
    CHECK_HAS(err.text, "Failed to connect");
    REQUIRE(unlink(in_folder("bin/systemctl")) == 0);
    REQUIRE(setenv("PATH", in_folder("bin"), 1) == 0);
    CHECK(fails_with(jbi_test_systemd, said, "cron"));
    CHECK_HAS(err.text, "systemctl is not installed");
    end_here();
}

static void canceled(void)
{
    begin_here();
    script("bin/jbackup", "echo 'jbackup " JBACKUP_VERSION "'");
    shell_script("");
    /* How often a program that runs is looked after depends on how long it takes. */
    CHECK(cancel_everywhere(jbi_test_executable, "app") >= 1);
    CHECK(cancel_everywhere(jbi_test_database, "app") >= 1);
    CHECK(cancel_everywhere(jbi_test_shell, "app") >= 1);
    systemctl(TIMER, SERVICE);
    CHECK(cancel_everywhere(jbi_test_systemd, "app") >= 1);
    end_here();
}

int main(void)
{
    path_before = strdup(getenv("PATH") ? getenv("PATH") : "/usr/bin:/bin");
    REQUIRE(path_before != NULL);
    RUN(the_tool_on_the_path);
    RUN(another_version);
    RUN(no_tool);
    RUN(a_tool_that_others_can_change);
    RUN(a_link_is_followed);
    RUN(a_server_that_is_down);
    RUN(sqlite_databases);
    RUN(one_that_fails_and_one_that_does_not);
    RUN(a_damaged_database);
    RUN(no_database);
    RUN(a_shell_script_that_lists_the_backups);
    RUN(where_a_shell_script_is_found);
    RUN(a_shell_script_that_is_broken);
    RUN(a_damaged_backup_does_not_fail_the_script);
    RUN(a_schedule_in_force);
    RUN(timers_that_start_nothing);
    RUN(what_is_no_error);
    RUN(systemctl_that_can_not_be_understood);
    RUN(no_systemd);
    RUN(canceled);
    free(path_before);
    return check_end();
}
