/* SPDX-License-Identifier: MIT */
/* Opening projects: what is found, what is refused, and that nothing is written. */
#include "api/project.h"

#include "fixture.h"

static int open_at(const char *path)
{
    jb_project_close(project);
    project = NULL;
    err = (struct jb_error){0};
    return jb_project_open(&project, path, &err);
}

/* Opens from a working directory, which is then put back. */
static int open_from(const char *folder)
{
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(here >= 0 && chdir(in_folder(folder)) == 0);
    int code = open_at(NULL);
    REQUIRE(fchdir(here) == 0);
    close(here);
    return code;
}

static int parse(const char *json)
{
    jb_project_close(project);
    project = NULL;
    err = (struct jb_error){0};
    return jb_project_parse(&project, json, check_folder(), &err);
}

/* The finding of a backup that says how the database was found. */
static bool is_found_by(const char *how)
{
    struct jb_backup_options options = JB_BACKUP_OPTIONS_INIT;
    options.type = JB_TYPE_DATABASE;
    free_report();
    if (tell(backup_create(project, &options, &report, &err)) != JB_OK)
        return false;
    bool is_found = false;
    for (size_t i = 0; i < jb_report_finding_count(report); i++)
        is_found = is_found || strstr(jb_report_finding(report, i)->message, how) != NULL;
    return is_found;
}

static void a_config_is_found_upward(void)
{
    make_app();
    write_text("app/jbackup.json", CONFIG);
    CHECK(open_from("app/static/empty") == JB_OK);
    CHECK(open_from("app") == JB_OK);
    CHECK(open_at(in_folder("app")) == JB_OK);
    CHECK(open_at(in_folder("app/")) == JB_OK);
    CHECK(open_at(in_folder("app/jbackup.json")) == JB_OK);
    REQUIRE(symlink("app", in_folder("other")) == 0);
    CHECK(open_at(in_folder("other")) == JB_OK);
    CHECK(open_at(in_folder("other/jbackup.json")) == JB_OK);
    CHECK(!is_there("backups") && !is_there("app/backups"));
    end();
}

static void what_is_no_project_is_refused(void)
{
    make_folder("empty");
    CHECK(open_from("empty") == JB_ENOTFOUND && err.code == JB_ENOTFOUND);
    CHECK_HAS(err.text, "no project here");
    CHECK_HAS(err.hint, "--project");
    CHECK_HAS(err.hint, "echo '{\"databases\": []}' >jbackup.json");
    CHECK(open_at(in_folder("absent")) == JB_ENOTFOUND);
    CHECK_HAS(err.text, "absent");
    CHECK_HAS(err.hint, "--project");
    write_text("empty/file", "");
    CHECK(open_at(in_folder("empty/file")) == JB_EINVAL);
    CHECK_HAS(err.text, "neither a folder nor a jbackup.json");
    CHECK(open_at("") == JB_ENOTFOUND);
    CHECK(entries("empty") == 1);
    CHECK(jb_project_open(&project, in_folder("absent"), NULL) == JB_ENOTFOUND);
    CHECK(project == NULL);
    jb_project_close(NULL);
}

static void a_folder_for_everybody_is_not_trusted(void)
{
    make_folder("public");
    make_folder("public/mine");
    write_text("public/jbackup.json", CONFIG);
    REQUIRE(chmod(in_folder("public"), 01777) == 0);
    CHECK(open_from("public/mine") == JB_ENOTFOUND);
    CHECK(open_from("public") == JB_OK);
    CHECK(open_at(in_folder("public")) == JB_OK);
    REQUIRE(chmod(in_folder("public"), 0755) == 0);
    CHECK(open_from("public/mine") == JB_OK);
    end();
}

static const struct {
    const char *line, *want;
} wrong[] = {
    {"\"name\": 1", "\"name\" must be a text, not a number"},
    {"\"name\": \"\"", "\"name\" is empty"},
    {"\"name\": null", "\"name\" must be a text"},
    {"\"root\": []", "\"root\" must be a text"},
    {"\"root\": \"\"", "\"root\" is empty"},
    {"\"backup_dir\": {}", "\"backup_dir\" must be a text"},
    {"\"backup_dir\": true", "\"backup_dir\" must be a text"},
    {"\"databases\": \"sqlite:///a.db\"", "\"databases\" must be a list of URLs, not a text"},
    {"\"databases\": [1]", "\"databases\" must be a list of URLs, not a number"},
    {"\"databases\": [\"mysql://u:s3cret@h/d\"]", "not the URL of a database"},
    {"\"databases\": [\"\"]", "not the URL of a database"},
    {"\"databases\": [\"sqlite:///\"]", "has no file"},
    {"\"databases\": [\"sqlite:///:memory:\"]", "has no file"},
    {"\"databases\": [\"sqlite:///?mode=ro\"]", "has no file"},
    {"\"exclude\": \"*.log\"", "\"exclude\" must be a list of patterns"},
    {"\"exclude\": [2]", "\"exclude\" must be a text, not a number"},
    {"\"exclude\": [\"\"]", "\"exclude\" is empty"},
    {"\"default_excludes\": \"yes\"", "\"default_excludes\" must be true or false"},
    {"\"one_file_system\": 1", "\"one_file_system\" must be true or false"},
    {"\"retention\": 7", "\"retention\" must be an object"},
    {"\"retention\": {\"daily_days\": 0}", "\"daily_days\" must be from 1 to 36500, not 0"},
    {"\"retention\": {\"weekly_weeks\": -1}", "\"weekly_weeks\" must be from 1"},
    {"\"retention\": {\"monthly_months\": 99999}", "\"monthly_months\" must be from 1"},
    {"\"retention\": {\"keep_min\": 0}", "\"keep_min\" must be from 1"},
    {"\"retention\": {\"keep_min\": 1.5}", "\"keep_min\" must be a whole number"},
    {"\"retention\": {\"days\": 1}", "unknown key \"days\""},
    {"\"compression\": 9", "\"compression\" must be a text"},
    {"\"compression\": \"slow\"", "must be fast, balanced or best, not \"slow\""},
    {"\"plain_sql\": true", "\"plain_sql\" must be a text"},
    {"\"plain_sql\": \"weekly\"", "must be daily, always or never, not \"weekly\""},
    {"\"databases\": [\"postgresql://u:x/s3cret@h/d\"]", "the PostgreSQL URL can't be read"},
    {"\"databases\": [\"postgresql://u:s3cret@h/d?x=1\"]", "a parameter behind \"?\""},
    {"\"jobs\": \"2\"", "\"jobs\" must be a whole number"},
    {"\"jobs\": -1", "\"jobs\" must be from 0 to 32"},
    {"\"jobs\": 99999999999999", "\"jobs\" must be from 0 to 32"},
    {"\"service\": 1", "\"service\" must be the name of a unit, or an object"},
    {"\"service\": \"\"", "\"service\" is empty"},
    {"\"service\": \"journal\"", "\"journal\" can't be the name of a unit"},
    {"\"service\": \"-x.service; rm\"", "can't be the name of a unit"},
    {"\"service\": {}", "needs either a \"unit\" or all of \"start\", \"stop\" and"},
    {"\"service\": {\"unit\": \"a.service\", \"stop\": [\"x\"]}", "needs either a \"unit\""},
    {"\"service\": {\"start\": [\"x\"], \"stop\": [\"y\"]}", "needs either a \"unit\""},
    {"\"service\": {\"user\": true, \"start\": [\"x\"], \"stop\": [\"y\"], \"status\": [\"z\"]}",
     "needs either a \"unit\""},
    {"\"service\": {\"unit\": \"a.service\", \"user\": 1}", "\"user\" must be true or false"},
    {"\"service\": {\"start\": \"x\"}", "\"start\" must be a list: a program and its arguments"},
    {"\"service\": {\"start\": []}", "\"start\" must be a list: a program"},
    {"\"service\": {\"stop\": [1]}", "\"stop\" must be a list of texts, not a number"},
    {"\"service\": {\"status\": [\"\"]}", "the program of \"status\" is empty"},
    {"\"service\": {\"restart\": [\"x\"]}", "unknown key \"restart\""},
    {"\"service_timeout_s\": 0", "\"service_timeout_s\" must be from 1 to 3600, not 0"},
    {"\"health\": \"http://127.0.0.1/\"", "\"health\" must be an object, not a text"},
    {"\"health\": {}", "\"health\" needs either a \"url\" or a \"command\""},
    {"\"health\": {\"url\": \"http://h/\", \"command\": [\"x\"]}", "needs either a \"url\" or"},
    {"\"health\": {\"url\": \"ftp://u:s3cret@h/\"}",
     "\"url\" is not a URL that begins with http:// or https://"},
    {"\"health\": {\"url\": \"http://u:s3cret@h:x/\"}", "\"url\" is not a URL"},
    {"\"health\": {\"url\": \"file:///s3cret\"}", "\"url\" is not a URL"},
    {"\"health\": {\"url\": \"s3cret\"}", "\"url\" is not a URL"},
    {"\"health\": {\"url\": \"http://h/\", \"timeout_s\": 4000}", "must be from 1 to 3600"},
    {"\"health\": {\"path\": \"x\"}", "unknown key \"path\""},
    {"\"environments\": []", "\"environments\" must be an object"},
    {"\"environments\": {\"test\": 1}", "\"test\" must be an object"},
    {"\"environments\": {\"test\": {}}", "the environment \"test\" has no \"root\""},
    {"\"environments\": {\"production\": {\"root\": \"x\"}}", "is the project itself"},
    {"\"environments\": {\"a b\": {\"root\": \"x\"}}", "can't be the name of an environment"},
    {"\"environments\": {\"\": {\"root\": \"x\"}}", "can't be the name of an environment"},
    {"\"environments\": {\"test\": {\"jobs\": 1}}", "unknown key \"jobs\""},
    {"\"environments\": {\"test\": {\"databases\": [\"mysql://u:s3cret@h/d\"]}}",
     "not the URL of a database"},
    {"\"environments\": {\"test\": {\"service\": {\"restart\": 1}}}", "unknown key \"restart\""},
    {"\"schedule\": false", "\"schedule\" must be an object, not"},
    {"\"schedule\": {\"hourly\": \"02:00\"}", "unknown key \"hourly\""},
    {"\"schedule\": {\"daily\": 2}", "\"daily\" must be a time, an object, true or false, not a"},
    {"\"schedule\": {\"daily\": \"\"}", "\"daily\" is empty"},
    {"\"schedule\": {\"daily\": \"02:00\\nExecStart=/x\"}", "can't be a time of systemd"},
    {"\"schedule\": {\"daily\": \"02:00 \\\\\"}", "can't be a time of systemd"},
    {"\"schedule\": {\"daily\": \"%h\"}", "\"%h\" can't be a time of systemd"},
    {"\"schedule\": {\"daily\": \"--help\"}", "can't be a time of systemd"},
    {"\"schedule\": {\"daily\": {\"at\": 2}}", "\"at\" must be a text, not a number"},
    {"\"schedule\": {\"daily\": {\"at\": \" 02:00\"}}", "can't be a time of systemd"},
    {"\"schedule\": {\"daily\": {\"type\": \"sql\"}}",
     "\"type\" must be full, database or codebase, not \"sql\""},
    {"\"schedule\": {\"daily\": {\"type\": 1}}", "\"type\" must be a text, not a number"},
    {"\"schedule\": {\"daily\": {\"cleanup\": \"yes\"}}", "\"cleanup\" must be true or false"},
    {"\"schedule\": {\"verify\": {\"type\": \"full\"}}", "unknown key \"type\""},
    {"\"schedule\": {\"monitor\": {\"cleanup\": true}}", "unknown key \"cleanup\""},
    {"\"schedule\": {\"user\": true}", "\"user\" must be a text"},
    {"\"schedule\": {\"user\": \"a b\"}", "\"a b\" can't be the name of a user"},
    {"\"schedule\": {\"user\": \"-x\"}", "\"-x\" can't be the name of a user"},
    {"\"schedule\": {\"user\": \"ann\\nUser=root\"}", "can't be the name of a user"},
    {"\"databasse\": []", "unknown key \"databasse\""},
};

static void every_mistake_names_file_line_and_key(void)
{
    make_app();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        write_text("app/jbackup.json", textf("{\n\n%s}\n", wrong[i].line));
        CHECK(open_at(in_folder("app")) == JB_EINVAL && project == NULL);
        CHECK_HAS(err.text, "jbackup.json, line 3: ");
        CHECK_HAS(err.text, wrong[i].want);
        CHECK(strstr(err.text, "s3cret") == NULL && strstr(err.hint, "s3cret") == NULL);
    }
    CHECK_HAS(err.hint, "known keys here: name, root, ");
    CHECK(!is_there("backups") && !is_there("app/backups"));
    write_text("app/jbackup.json", "{\"name\": \"a\",\n \"name\": \"b\"}");
    CHECK(open_at(in_folder("app")) == JB_EINVAL);
    CHECK_HAS(err.text, "jbackup.json, line 2");
    write_text("app/jbackup.json", "[]");
    CHECK(open_at(in_folder("app")) == JB_EINVAL);
    write_text("app/jbackup.json", "");
    CHECK(open_at(in_folder("app")) == JB_EINVAL);
    CHECK_HAS(err.text, "jbackup.json");
}

static void broken_json_does_not_show_its_content(void)
{
    make_app();
    write_text("app/jbackup.json", "{\"databases\": [\"sqlite:///a.db\" \"pg://u:s3cret@h/d\"]}");
    CHECK(open_at(in_folder("app")) == JB_EINVAL);
    CHECK_HAS(err.text, "jbackup.json, line 1: ");
    CHECK(strstr(err.text, "s3cret") == NULL);
    write_text("app/jbackup.json", "{\"databases\": [\"pg://u:s3cret@h\n");
    CHECK(open_at(in_folder("app")) == JB_EINVAL);
    CHECK(strstr(err.text, "s3cret") == NULL);
}

static void every_key_is_taken(void)
{
    make_folder("code");
    CHECK(parse("{\"name\": \"n\", \"root\": \"code\", \"backup_dir\": \"b\", \"databases\": [],"
                "\"exclude\": [\"*.log\"], \"default_excludes\": false, \"one_file_system\": false,"
                "\"retention\": {\"daily_days\": 1, \"weekly_weeks\": 2, \"monthly_months\": 3,"
                "\"keep_min\": 4}, \"compression\": \"best\", \"plain_sql\": \"never\", \"jobs\": "
                "2}") == JB_OK);
    CHECK(project->plain_sql == PLAIN_SQL_NEVER && project->compression == COMPRESSION_BEST);
    write_text("code/a.log", "left out");
    write_text("code/a.txt", "taken");
    CHECK(backup_create(project, NULL, &report, &err) == JB_OK);
    CHECK(jb_report_number(report, JB_FIGURES, "files") == 1);
    CHECK(jb_report_finding_count(report) == 0);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "type"), "codebase");
    CHECK(entries("b") > 0);
    jb_report_free(report);
    report = NULL;
    CHECK(jb_project_parse(&project, "{}", in_folder("absent"), &err) == JB_ENOTFOUND);
    end();
}

static void service_health_and_environments_are_taken(void)
{
    make_folder("code");
    CHECK(parse("{\"service_timeout_s\": 7, \"service\": \"journal-app.service\","
                "\"databases\": [\"sqlite:///journal.db\"],"
                "\"health\": {\"url\": \"http://u:s3cret@127.0.0.1:5000/health?key=s3cret\"},"
                "\"environments\": {\"staging\": {\"root\": \"stage\","
                "\"databases\": [\"sqlite:///stage/journal.db\", \"postgresql://db/stage\"],"
                "\"service\": {\"unit\": \"stage.service\", \"user\": true}},"
                "\"test\": {\"root\": \"/srv/test/.\", \"service_timeout_s\": 9,"
                "\"service\": {\"start\": [\"bin/up\", \"-d\"], \"stop\": [\"down\"],"
                "\"status\": [\"/bin/status\", \"\"]},"
                "\"health\": {\"command\": [\"./well\"], \"timeout_s\": 3}},"
                "\"bare\": {\"root\": \".\", \"service_timeout_s\": 4}}}") == JB_OK);
    CHECK_TEXT(err.text, "");
    REQUIRE(project != NULL && project->service != NULL && project->health != NULL);
    CHECK(project->service->kind == SERVICE_SYSTEMD && !project->service->is_user);
    CHECK_TEXT(project->service->unit, "journal-app.service");
    CHECK(project->service->timeout_s == 7 && project->health->timeout_s == HEALTH_TIMEOUT_S);
    CHECK_TEXT(project->health->shown, "http://127.0.0.1:5000/health");
    CHECK_HAS(project->health->url, "u:s3cret@");
    CHECK(project->database_count == 1 && project->environment_count == 3);
    const struct environment *staging = &project->environments[0];
    CHECK_TEXT(staging->name, "staging");
    CHECK_TEXT(staging->root, in_folder("stage"));
    CHECK(staging->database_count == 2 && staging->health == NULL);
    CHECK_TEXT(staging->databases[0].sqlite.path, in_folder("stage/journal.db"));
    CHECK_TEXT(staging->databases[0].name, "journal");
    CHECK_TEXT(staging->databases[1].postgresql.target.url, "postgresql://db/stage");
    CHECK(staging->service->is_user && staging->service->timeout_s == SERVICE_TIMEOUT_S);
    const struct environment *test = &project->environments[1];
    CHECK_TEXT(test->root, "/srv/test");
    REQUIRE(test->service != NULL && test->service->kind == SERVICE_COMMANDS);
    CHECK(test->database_count == 0 && test->service->timeout_s == 9);
    CHECK_TEXT(test->service->start[0], in_folder("bin/up"));
    CHECK_TEXT(test->service->start[1], "-d");
    CHECK(test->service->start[2] == NULL);
    CHECK_TEXT(test->service->stop[0], "down");
    CHECK_TEXT(test->service->status[1], "");
    CHECK_TEXT(test->health->command[0], in_folder("well"));
    CHECK(test->health->timeout_s == 3 && test->health->url == NULL);
    CHECK(project->environments[2].service == NULL);
    CHECK(parse("{\"databases\": [], \"service_timeout_s\": 7}") == JB_OK);
    CHECK(project->service == NULL && project->health == NULL && project->environment_count == 0);
    end();
}

static void schedules_have_defaults(void)
{
    CHECK(parse("{\"databases\": [\"sqlite:///a.db\"]}") == JB_OK);
    for (int i = 0; i < SCHEDULE_COUNT; i++)
        CHECK(project->schedules[i].is_on);
    CHECK_TEXT(project->schedules[SCHEDULE_DAILY].at, "*-*-* 02:00:00");
    CHECK_TEXT(project->schedules[SCHEDULE_WEEKLY].at, "Sun *-*-* 03:00:00");
    CHECK_TEXT(project->schedules[SCHEDULE_MONTHLY].at, "*-*-01 04:00:00");
    CHECK(project->schedules[SCHEDULE_DAILY].type == JB_TYPE_DATABASE);
    CHECK(project->schedules[SCHEDULE_WEEKLY].type == JB_TYPE_FULL);
    CHECK(!project->schedules[SCHEDULE_WEEKLY].cleanup);
    CHECK(project->schedules[SCHEDULE_MONTHLY].cleanup);
    CHECK(project->schedules[SCHEDULE_MONITOR].at == NULL && project->schedule_user == NULL);
    end();
    /* Nothing but code: that is what a day's backup is of, unless something else is asked for. */
    CHECK(parse("{\"databases\": [], \"schedule\": {\"weekly\": {\"type\": \"database\"}}}") ==
          JB_OK);
    CHECK(project->schedules[SCHEDULE_DAILY].type == JB_TYPE_FULL);
    CHECK(project->schedules[SCHEDULE_WEEKLY].type == JB_TYPE_DATABASE);
    end();
}

static void schedules_are_taken(void)
{
    CHECK(parse("{\"databases\": [\"sqlite:///a.db\"],"
                "\"schedule\": {\"daily\": \"01:30 Europe/Berlin\","
                "\"weekly\": {\"type\": \"codebase\", \"cleanup\": true}, \"monthly\": false,"
                "\"verify\": {\"at\": \"Mon,Thu 4:00\"}, \"monitor\": true,"
                "\"user\": \"back-up_1$\"}}") == JB_OK);
    const struct schedule_entry *schedules = project->schedules;
    CHECK_TEXT(schedules[SCHEDULE_DAILY].at, "01:30 Europe/Berlin");
    CHECK(schedules[SCHEDULE_DAILY].is_on && schedules[SCHEDULE_DAILY].type == JB_TYPE_DATABASE);
    CHECK_TEXT(schedules[SCHEDULE_WEEKLY].at, "Sun *-*-* 03:00:00");
    CHECK(schedules[SCHEDULE_WEEKLY].type == JB_TYPE_CODEBASE &&
          schedules[SCHEDULE_WEEKLY].cleanup);
    CHECK(!schedules[SCHEDULE_MONTHLY].is_on);
    CHECK_TEXT(schedules[SCHEDULE_VERIFY].at, "Mon,Thu 4:00");
    CHECK(schedules[SCHEDULE_MONITOR].is_on && schedules[SCHEDULE_MONITOR].at == NULL);
    CHECK_TEXT(project->schedule_user, "back-up_1$");
    end();
}

static void environments_have_passwords_from_dotenv(void)
{
    make_app();
    write_text("app/.env", "PGPASSWORD=s3cret\n");
    write_text("app/jbackup.json",
               "{\"databases\": [], \"environments\": {\"test\": {\"root\": \"t\","
               "\"databases\": [\"postgresql://db/a\", \"postgresql://u:own@db/b\"]}}}");
    REQUIRE(open_at(in_folder("app")) == JB_OK);
    CHECK_TEXT(project->environments[0].databases[0].postgresql.target.password, "s3cret");
    CHECK(project->environments[0].databases[1].postgresql.target.password == NULL);
    end();
}

static void dotenv_names_the_database(void)
{
    static const char *const lines[] = {
        "DATABASE_URL=sqlite:///instance/journal.db",
        "DATABASE_URL=sqlite:///journal.db\n",
        "# DATABASE_URL=sqlite:///no.db\nexport DATABASE_URL=\"sqlite:///journal.db\" # the file\n",
        "DATABASE_URL='sqlite:///instance/journal.db'\r\n",
        "  DATABASE_URL = sqlite:///instance/journal.db   # comment\r\nOTHER=1",
        "DATABASE_URL=sqlite:///old.db\nDATABASE_URL=sqlite:///journal.db?timeout=5\n",
        "XDATABASE_URL=a\nDATABASE_URL_OLD=b\nexport\tX=1\nDATABASE_URL=sqlite:///journal.db",
    };
    make_app();
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        write_text("app/.env", lines[i]);
        CHECK(tell(open_at(in_folder("app"))) == JB_OK);
        CHECK(is_found_by("DATABASE_URL in .env"));
        CHECK_TEXT(jb_report_text(report, 0, "name"), "journal");
    }
    write_text("app/.env",
               textf("DATABASE_URL=sqlite:////%s\n", in_folder("app/instance/journal.db") + 1));
    CHECK(open_at(in_folder("app")) == JB_OK && is_found_by("DATABASE_URL"));
    write_text("app/.env", "DATABASE_URL=\nOTHER");
    CHECK(open_at(in_folder("app")) == JB_OK);
    CHECK(is_found_by("the SQLite file instance/journal.db"));
    write_text("app/.env", "DATABASE_URL=mysql://u:s3cret@h/d\n");
    CHECK(open_at(in_folder("app")) == JB_OK); /* of no concern until a database is backed up */
    CHECK(backup_create(project, NULL, NULL, &err) == JB_EINVAL);
    CHECK_HAS(err.text, ".env, DATABASE_URL");
    CHECK(strstr(err.text, "s3cret") == NULL);
    end();
}

static void what_a_restore_has_kept_is_no_second_sqlite_file(void)
{
    begin();
    REQUIRE(unlink(in_folder("app/jbackup.json")) == 0);
    sql("app/instance/.jbackup-restore-20260101_000000.old-journal.db", "CREATE TABLE t(a);");
    CHECK(open_at(in_folder("app")) == JB_OK);
    CHECK(is_found_by("the SQLite file instance/journal.db"));
    end();
}

static void two_sqlite_files_are_ambiguous(void)
{
    begin();
    REQUIRE(unlink(in_folder("app/jbackup.json")) == 0);
    sql("app/other.db", "CREATE TABLE t(a);");
    CHECK(open_at(in_folder("app")) == JB_OK);
    CHECK(backup_create(project, NULL, &report, &err) == JB_EINVAL && report == NULL);
    CHECK_HAS(err.text, "several SQLite files");
    CHECK_HAS(err.hint, "\"databases\"");
    CHECK(!is_there("app/backups"));
    backup_of(JB_TYPE_CODEBASE, NULL, NULL);
    CHECK_TEXT(jb_report_text(report, JB_FIGURES, "type"), "codebase");
    end();
}

static void databases_get_names_of_their_own(void)
{
    make_app();
    make_folder("app/a");
    make_folder("app/b");
    sql("app/a/x y.db", "CREATE TABLE t(a);");
    sql("app/b/x y.db", "CREATE TABLE t(a);");
    write_text("app/jbackup.json",
               "{\"databases\": [\"sqlite:///a/x y.db\", \"sqlite:///b/./x y.db\"]}");
    CHECK(open_at(in_folder("app")) == JB_OK);
    CHECK(tell(backup_create(project, NULL, &report, &err)) == JB_OK);
    CHECK_TEXT(jb_report_text(report, 0, "name"), "x_y");
    CHECK_TEXT(jb_report_text(report, 1, "name"), "x_y-2");
    end();
}

/* Opens the project with these URLs. */
static int open_urls(const char *urls)
{
    write_text("app/jbackup.json", textf("{\"databases\": [%s]}", urls));
    return open_at(in_folder("app"));
}

static const struct postgresql_source *postgresql(size_t i)
{
    REQUIRE(project != NULL && i < project->database_count);
    REQUIRE(project->databases[i].kind == DATABASE_POSTGRESQL);
    CHECK_TEXT(project->databases[i].postgresql.name, project->databases[i].name);
    return &project->databases[i].postgresql;
}

static void postgresql_databases_get_names_of_their_own(void)
{
    make_app();
    CHECK(open_urls("\"postgresql://db/globals\", \"postgresql://db/a%20%2F%0Ab.db\","
                    "\"postgresql+psycopg2://db/journal\", \"postgres://other/journal\","
                    "\"postgresql://\", \"postgresql:///?service=web\", \"postgresql://db/%C3%A4\","
                    "\"sqlite:///globals.db\"") == JB_OK);
    CHECK_TEXT(postgresql(0)->name, "globals-2");
    CHECK_TEXT(postgresql(1)->name, "a___b.db");
    CHECK_TEXT(postgresql(2)->name, "journal");
    CHECK_TEXT(postgresql(2)->target.url, "postgresql://db/journal");
    CHECK_TEXT(postgresql(3)->name, "journal-2");
    CHECK_TEXT(postgresql(4)->name, "postgresql");
    CHECK_TEXT(postgresql(5)->name, "web");
    CHECK_TEXT(postgresql(6)->name, "__");
    CHECK_TEXT(project->databases[7].name, "globals");
    end();
}

static void each_server_has_its_globals_once(void)
{
    make_app();
    CHECK(open_urls("\"sqlite:///x.db\", \"postgresql://db/a\", \"postgresql://u:x@db/b\","
                    "\"postgresql://db:5433/c\", \"postgresql://db:5433/d\", "
                    "\"postgresql:///e?service=one\", \"postgresql:///f?service=two\"") == JB_OK);
    CHECK(postgresql(1)->with_globals && postgresql(1)->globals_name == NULL);
    CHECK(!postgresql(2)->with_globals && !postgresql(4)->with_globals);
    CHECK(postgresql(3)->with_globals && postgresql(5)->with_globals &&
          postgresql(6)->with_globals);
    CHECK_TEXT(postgresql(3)->globals_name, "c");
    CHECK_TEXT(postgresql(5)->globals_name, "e");
    CHECK_TEXT(postgresql(6)->globals_name, "f");
    end();
}

static const char *const secret_urls[] = {
    "postgresql://ann:s3cret@db/journal",
    "postgres://ann:s3cret@db:5432/journal?sslmode=require",
    "postgresql+psycopg2://ann:s3cret@db/journal",
    "postgresql://ann:x/s3cret@db/journal",
    "postgresql://ann:x?s3cret@db/journal",
    "postgresql://ann:x?/s3cret@db/journal",
    "postgresql://ann:x@/s3cret@db/journal",
    "postgresql://db/journal?user=ann&password=s3cret",
    "postgresql://db?password=x/s3cret",
    "postgresql:///?password=x/s3cret",
    "postgresql://db/?password=a@x/s3cret",
    "postgresql://s3cret",
    "postgresql://ann:s3cret@db",
};

static void no_text_has_a_password(void)
{
    make_app();
    for (size_t i = 0; i < sizeof secret_urls / sizeof *secret_urls; i++) {
        int code = open_urls(textf("\"%s\"", secret_urls[i]));
        CHECK(code == JB_OK || code == JB_EINVAL);
        CHECK(strstr(err.text, "s3cret") == NULL && strstr(err.hint, "s3cret") == NULL);
        CHECK(code < 0 || strstr(postgresql(0)->name, "s3cret") == NULL);
        CHECK(i > 2 || code == JB_OK);
        write_text("app/.env", textf("DATABASE_URL=%s\n", secret_urls[i]));
        REQUIRE(unlink(in_folder("app/jbackup.json")) == 0);
        CHECK(open_at(in_folder("app")) == JB_OK);
        CHECK(project->found == NULL || strstr(project->found, "s3cret") == NULL);
        CHECK(project->ambiguous == NULL || strstr(project->ambiguous, "s3cret") == NULL);
    }
    end();
}

/* The password that the only database has from .env, or "none". */
static const char *password_of(const char *url, const char *dotenv)
{
    write_text("app/.env", dotenv);
    CHECK(tell(open_urls(textf("\"%s\"", url))) == JB_OK);
    const char *password = postgresql(0)->target.password;
    return password ? password : "none";
}

static void a_password_comes_from_dotenv(void)
{
    static const char url[] = "postgresql://ann@db:5433/journal";
    make_app();
    unsetenv("PGPASSWORD");
    CHECK_TEXT(password_of(url, "PGPASSWORD=p1\n"), "p1");
    CHECK_TEXT(password_of(url, "PGPASSWORD=\nDATABASE_URL=\n"), "none");
    CHECK_TEXT(password_of(url, "PGPASSWORD='p 1'\n"
                                "DATABASE_URL=postgresql+psycopg2://ann:p%402@db:5433/journal\n"),
               "p@2");
    CHECK_TEXT(password_of(url, "DATABASE_URL=postgresql://bob:p2@db:5433/journal\n"), "none");
    CHECK_TEXT(password_of(url, "DATABASE_URL=postgresql://ann:p2@other:5433/journal\n"), "none");
    CHECK_TEXT(password_of(url, "DATABASE_URL=postgresql://ann:p2@db/journal\n"), "none");
    CHECK_TEXT(password_of(url, "DATABASE_URL=postgresql://ann:p2@db:5433/other\nPGPASSWORD=p1"),
               "p1");
    CHECK_TEXT(password_of(url, "DATABASE_URL=sqlite:///a.db\nPGPASSWORD=p1"), "p1");
    CHECK_TEXT(password_of("postgresql://ann:own@db/journal", "PGPASSWORD=p1\n"), "none");
    setenv("PGPASSWORD", "environment", 1);
    CHECK_TEXT(password_of(url, "PGPASSWORD=p1\n"), "none");
    unsetenv("PGPASSWORD");
    REQUIRE(unlink(in_folder("app/jbackup.json")) == 0);
    write_text("app/.env", "DATABASE_URL=postgresql://ann@db/journal\nPGPASSWORD=p3\n");
    CHECK(tell(open_at(in_folder("app"))) == JB_OK);
    CHECK_TEXT(postgresql(0)->target.password, "p3");
    REQUIRE(unlink(in_folder("app/.env")) == 0 && mkdir(in_folder("app/.env"), 0700) == 0);
    CHECK(open_urls("\"postgresql://ann@db/journal\"") == JB_OK);
    CHECK(postgresql(0)->target.password == NULL);
    end();
}

static void the_backup_folder_can_be_another(void)
{
    begin();
    CHECK(jb_project_set_backup_dir(project, in_folder("elsewhere"), &err) == JB_OK);
    backup();
    CHECK(is_there("elsewhere/daily") && !is_there("backups"));
    CHECK(jb_project_set_backup_dir(project, "", &err) == JB_EINVAL);
    CHECK(jb_project_set_backup_dir(project, NULL, NULL) == JB_EINVAL);
    end();
}

static void the_root_is_no_backup_folder(void)
{
    make_app();
    static const char *const folders[] = {".", "../app", "instance/.."};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        write_text("app/jbackup.json", textf("{\"backup_dir\": \"%s\"}", folders[i]));
        CHECK(tell(open_at(in_folder("app"))) == JB_OK);
        CHECK(backup_create(project, NULL, &report, &err) == JB_EINVAL);
        CHECK_HAS(err.text, "the code");
        CHECK(!is_there("app/daily") && !is_there("app/.jbackup"));
        end();
        err = (struct jb_error){0};
    }
}

int main(void)
{
    RUN(a_config_is_found_upward);
    RUN(what_is_no_project_is_refused);
    RUN(a_folder_for_everybody_is_not_trusted);
    RUN(every_mistake_names_file_line_and_key);
    RUN(broken_json_does_not_show_its_content);
    RUN(every_key_is_taken);
    RUN(service_health_and_environments_are_taken);
    RUN(schedules_have_defaults);
    RUN(schedules_are_taken);
    RUN(environments_have_passwords_from_dotenv);
    RUN(dotenv_names_the_database);
    RUN(what_a_restore_has_kept_is_no_second_sqlite_file);
    RUN(two_sqlite_files_are_ambiguous);
    RUN(databases_get_names_of_their_own);
    RUN(postgresql_databases_get_names_of_their_own);
    RUN(each_server_has_its_globals_once);
    RUN(no_text_has_a_password);
    RUN(a_password_comes_from_dotenv);
    RUN(the_backup_folder_can_be_another);
    RUN(the_root_is_no_backup_folder);
    return check_end();
}
