/* SPDX-License-Identifier: MIT */
/* The texts of the units: what is in them, that odd names do no harm, and what systemd itself says
 * of them where it is installed. */
#include "api/schedule_units.h"

#include "fixture.h"

#define ODD   "it's 50% \\\"fine\\\""
#define ODD_2 "Tägebuch/2"

static struct arena arena;
static struct schedule_unit *units;
static size_t unit_count;
static struct schedule_place place;

static void open_text(const char *json, const char *base)
{
    jb_project_close(project);
    project = NULL;
    err = (struct jb_error){0};
    if (jb_project_parse(&project, json, base, &err) != JB_OK)
        printf("# %s\n", err.text);
    REQUIRE(err.code == 0);
}

static int make_units(void)
{
    err = (struct jb_error){0};
    return jbi_schedule_units(project, &place, &arena, &units, &unit_count, &err);
}

static void begin_units(const char *json)
{
    place = (struct schedule_place){
        .tools = "/usr/bin", .monitor_minutes = 15, .path = "/usr/bin:/bin"};
    open_text(json, check_folder());
    REQUIRE(make_units() == JB_OK);
}

static const char *unit(const char *name)
{
    for (size_t i = 0; i < unit_count; i++) {
        if (strcmp(units[i].name, name) == 0)
            return units[i].text;
    }
    return "";
}

static const struct {
    const char *text, *word, *path;
} quoted[] = {
    {"/usr/bin:/bin", "/usr/bin:/bin", "/usr/bin:/bin"},
    {"", "\"\"", "\"\""},
    {"a b", "\"a b\"", "\"a b\""},
    {"it's", "\"it's\"", "\"it's\""},
    {"50%", "\"50%%\"", "\"50%%\""},
    {"a\"b", "\"a\\\"b\"", "\"a\\\"b\""},
    {"a\\b", "\"a\\\\b\"", "\"a\\\\b\""},
    {"$HOME", "\"$$HOME\"", "\"$HOME\""},
    {"${HOME}", "\"$${HOME}\"", "\"${HOME}\""},
    {";", "\";\"", "\";\""},
    {"ä/2", "\"ä/2\"", "\"ä/2\""},
    {"a\nExecStart=/x", "\"a\\x0aExecStart=/x\"", "\"a\\x0aExecStart=/x\""},
};

static void words_and_paths_are_quoted(void)
{
    for (size_t i = 0; i < sizeof quoted / sizeof *quoted; i++) {
        CHECK_TEXT(jbi_unit_word(quoted[i].text, &arena), quoted[i].word);
        CHECK_TEXT(jbi_unit_path(quoted[i].text, &arena), quoted[i].path);
    }
    CHECK_TEXT(jbi_unit_text("50% \"a\"\n\xff", &arena), "50%% \"a\"\\x0a\\xff");
}

static void a_unit_is_known_again(void)
{
    static const char *const folders[] = {
        "/srv/app", "/", "/it's 50% \"fine\"", "/a\\b\\", "/a\nb\t", "/\x01", "/ä \xff"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        const char *folder = NULL, *text = jbi_unit_marked("[Unit]\n", folders[i], &arena);
        bool is_as_made = false;
        CHECK_HAS(text, SCHEDULE_MARK);
        CHECK(jbi_unit_is_ours(text, strlen(text), &arena, &folder, &is_as_made) && is_as_made);
        CHECK_TEXT(folder, folders[i]);
        CHECK(jbi_unit_is_ours(text, strlen(text) - 1, &arena, NULL, &is_as_made) && !is_as_made);
        text = textf("%sX=1\n", text);
        CHECK(jbi_unit_is_ours(text, strlen(text), &arena, &folder, &is_as_made) && !is_as_made);
    }
}

static void other_units_are_not_ours(void)
{
    static const char *const others[] = {
        "",
        "\n",
        "[Unit]\n",
        "# Made by hand\n[Unit]\n",
        " " SCHEDULE_MARK "/srv\n",
        SCHEDULE_MARK,
        SCHEDULE_MARK "\n",
        SCHEDULE_MARK "/srv",
        SCHEDULE_MARK "srv\n",
        SCHEDULE_MARK "/a\\\n",
        SCHEDULE_MARK "/a\\x0\n",
        SCHEDULE_MARK "/a\\x00\n",
        SCHEDULE_MARK "/a\\q41\n",
    };
    bool is_as_made = true;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        CHECK(!jbi_unit_is_ours(others[i], strlen(others[i]), &arena, NULL, &is_as_made));
        CHECK(!is_as_made);
    }
    static const char cut[] = SCHEDULE_MARK "/srv\n# sha256 00";
    CHECK(jbi_unit_is_ours(cut, strlen(cut), &arena, NULL, &is_as_made) && !is_as_made);
}

static void the_defaults_make_eleven_units(void)
{
    static const char *const names[] = {
        "journal-backup-daily.service",   "journal-backup-daily.timer",
        "journal-backup-weekly.service",  "journal-backup-weekly.timer",
        "journal-backup-monthly.service", "journal-backup-monthly.timer",
        "journal-backup-verify.service",  "journal-backup-verify.timer",
        "journal-backup-monitor.service", "journal-backup-monitor.timer",
        "journal-backup-alert@.service"};
    begin_units("{\"name\": \"journal\", \"databases\": []}");
    CHECK(unit_count == sizeof names / sizeof *names);
    for (size_t i = 0; i < unit_count; i++) {
        const char *folder = NULL;
        bool is_as_made = false;
        CHECK_TEXT(units[i].name, names[i]);
        CHECK(jbi_unit_is_ours(units[i].text, strlen(units[i].text), &arena, &folder, &is_as_made));
        CHECK(is_as_made);
        CHECK_TEXT(folder, project->folder);
    }
    const char *daily = unit("journal-backup-daily.service");
    CHECK_HAS(daily, "\nType=oneshot\n");
    CHECK_HAS(daily, textf("\nExecStart=/usr/bin/jbackup-scheduler perform --type daily --project "
                           "%s\n",
                           project->folder));
    CHECK_HAS(daily, "\nOnFailure=journal-backup-alert@%n.service\n");
    CHECK_HAS(daily, textf("\nReadWritePaths=-%s/backups", project->folder));
    CHECK(strstr(daily, "\nUser=") == NULL && strstr(daily, "SuccessExitStatus") == NULL);
    CHECK_HAS(unit("journal-backup-monitor.service"), "/usr/bin/jbackup-monitor check --alert ");
    CHECK_HAS(unit("journal-backup-monitor.service"), "\nSuccessExitStatus=1\n");
    CHECK_HAS(unit("journal-backup-alert@.service"), "/usr/bin/jbackup-scheduler alert %i --pro");
    CHECK(strstr(unit("journal-backup-alert@.service"), "OnFailure") == NULL);
    end();
}

static void each_line_of_hardening_has_its_reason(void)
{
    begin_units("{\"name\": \"journal\", \"databases\": []}");
    const char *line = strstr(unit("journal-backup-daily.service"), "\nUMask=");
    REQUIRE(line != NULL);
    for (int i = 1; *++line != '\0'; i++) {
        CHECK((*line == '#') == (i % 2 == 0));
        line += strcspn(line, "\n");
    }
    end();
}

static void times_have_their_second_times(void)
{
    begin_units(
        "{\"name\": \"journal\", \"databases\": [],"
        "\"schedule\": {\"weekly\": \"hourly\", \"monthly\": false, \"monitor\": \"01:30\"}}");
    CHECK(unit_count == 9);
    CHECK_HAS(unit("journal-backup-daily.timer"), "\nOnCalendar=*-*-* 02:00:00\n");
    CHECK_HAS(unit("journal-backup-daily.timer"), "\nOnCalendar=*-*-* 03:00:00\n");
    CHECK_HAS(unit("journal-backup-daily.timer"), "\nPersistent=true\n");
    CHECK_HAS(unit("journal-backup-weekly.timer"), "\nOnCalendar=hourly\n# what was missed");
    CHECK_HAS(unit("journal-backup-monitor.timer"), "\nOnCalendar=01:30\n# what was missed");
    CHECK_TEXT(unit("journal-backup-monthly.timer"), "");
    CHECK_TEXT(unit("journal-backup-monthly.service"), "");
    end();
}

static void the_monitor_keeps_its_interval(void)
{
    static const struct {
        int minutes;
        const char *lines;
    } intervals[] = {
        {1, "OnCalendar=*-*-* *:00/1:00\n"},
        {15, "OnCalendar=*-*-* *:00/15:00\n"},
        {60, "OnCalendar=*-*-* *:00:00\n"},
        {120, "OnCalendar=*-*-* 00/2:00:00\n"},
        {1440, "OnCalendar=*-*-* 00:00:00\n"},
        {7, "OnActiveSec=1min\nOnUnitActiveSec=7min\n"},
        {90, "OnActiveSec=1min\nOnUnitActiveSec=90min\n"},
        {300, "OnActiveSec=1min\nOnUnitActiveSec=300min\n"},
        {2880, "OnActiveSec=1min\nOnUnitActiveSec=2880min\n"},
    };
    begin_units("{\"name\": \"journal\", \"databases\": []}");
    for (size_t i = 0; i < sizeof intervals / sizeof *intervals; i++) {
        place.monitor_minutes = intervals[i].minutes;
        REQUIRE(make_units() == JB_OK);
        CHECK_HAS(unit("journal-backup-monitor.timer"), textf("[Timer]\n%s", intervals[i].lines));
    }
    place.monitor_minutes = 0;
    CHECK(make_units() == JB_EINVAL);
    end();
}

static void rights_are_those_that_are_needed(void)
{
    begin_units("{\"name\": \"journal\", \"databases\": [\"postgresql://db/journal\"]}");
    CHECK_HAS(unit("journal-backup-daily.service"),
              "\nCapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE\n");
    CHECK_HAS(unit("journal-backup-daily.service"), "\nMemoryDenyWriteExecute=yes\n");
    CHECK_HAS(unit("journal-backup-verify.service"), " CAP_CHOWN CAP_FOWNER ");
    CHECK(strstr(unit("journal-backup-verify.service"), "MemoryDeny") == NULL);
    CHECK(strstr(unit("journal-backup-verify.service"), "RestrictSUIDSGID") == NULL);
    CHECK_HAS(unit("journal-backup-daily.service"),
              "\nAfter=network-online.target postgresql.service\n");
    place.user = "ann";
    place.group = "staff";
    REQUIRE(make_units() == JB_OK);
    CHECK_HAS(unit("journal-backup-daily.service"), "\nUser=ann\nGroup=staff\n");
    CHECK_HAS(unit("journal-backup-verify.service"), "\nCapabilityBoundingSet=\n");
    place.manager = SYSTEMD_USER;
    REQUIRE(make_units() == JB_OK);
    static const char *const foreign[] = {
        "User=",          "Group=",          "ProtectSystem=", "PrivateTmp=",
        "network-online", "ReadWritePaths=", "Capability",     "RequiresMounts"};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        CHECK(strstr(unit("journal-backup-verify.service"), foreign[i]) == NULL);
    end();
}

static void what_is_below_tmp_stays_in_sight(void)
{
    static const struct {
        const char *json, *shown; /* NULL: everybody's /tmp */
    } projects[] = {
        {"{\"databases\": []}", ""},
        {"{\"databases\": [\"sqlite:////srv/a.db\", \"postgresql://db/a\"]}", ""},
        {"{\"databases\": [], \"backup_dir\": \"/tmpfs\"}", ""},
        {"{\"databases\": [\"sqlite:////var/tmp/a/a.db\"]}", "-/var/tmp/a"},
        {"{\"databases\": [\"sqlite:////tmp/a/a.db\"], \"backup_dir\": \"/tmp/b/c\"}",
         "-/tmp/b -/tmp/a"},
        {"{\"databases\": [\"sqlite:////tmp/a.db\"]}", NULL}, /* its -wal lies beside it */
        {"{\"databases\": [\"postgresql://%2ftmp%2Fpg/a\"]}", "-/tmp/pg"},
        {"{\"databases\": [\"postgresql:///a?host=/var/tmp/pg,db\"]}", "-/var/tmp/pg"},
        {"{\"databases\": [\"postgresql:///a?host=/tmp\"]}", NULL},
        {"{\"databases\": [\"postgresql://%2Ftmp/a\"]}", NULL},
        {"{\"databases\": [], \"backup_dir\": \"/tmp/b\"}", NULL},
        {"{\"databases\": [], \"root\": \"/var/tmp\"}", NULL},
        {"{\"databases\": [], \"root\": \"/tmp/a/../../srv\"}", NULL},
        {"{\"databases\": [], \"root\": \"/tmp/ab\", \"backup_dir\": \"/tmp/a/b\"}",
         "-/tmp/ab -/tmp/a"},
        {"{\"databases\": [\"sqlite:////tmp/a b/a.db\"]}", NULL},
    };
    for (size_t i = 0; i < sizeof projects / sizeof *projects; i++) {
        const char *shown = projects[i].shown;
        place = (struct schedule_place){.tools = "/usr/bin", .monitor_minutes = 15};
        open_text(projects[i].json, "/");
        REQUIRE(make_units() == JB_OK);
        const char *daily = units[0].text;
        CHECK((strstr(daily, "\nPrivateTmp=yes\n") != NULL) == (shown != NULL));
        CHECK((strstr(daily, " /var/tmp\n") != NULL) == (shown == NULL));
        if (shown != NULL && *shown != '\0')
            CHECK_HAS(daily, textf("\nBindReadOnlyPaths=%s\n", shown));
        else
            CHECK(strstr(daily, "BindReadOnlyPaths") == NULL);
    }
    end();
}

static void what_systemd_cannot_have_is_refused(void)
{
    begin_units("{\"name\": \"journal\", \"databases\": []}");
    static const char *const tools[] = {"/usr\n/bin", "/\xff", "bin", ""};
    for (size_t i = 0; i < sizeof tools / sizeof *tools; i++) {
        place.tools = tools[i];
        CHECK(make_units() == JB_EINVAL && unit_count == 0);
        CHECK_HAS(err.text, "systemd can't be given the path");
    }
    char name[300], json[400];
    memset(name, 'n', sizeof name);
    name[120] = '\0';
    snprintf(json, sizeof json, "{\"name\": \"%s\", \"databases\": []}", name);
    place.tools = "/usr/bin";
    open_text(json, check_folder());
    CHECK(make_units() == JB_EINVAL);
    CHECK_HAS(err.text, "too long");
    end();
}

static void no_secret_gets_into_a_unit(void)
{
    begin_units("{\"name\": \"journal\", \"health\": {\"url\": \"http://u:s3cret@h/\"},"
                "\"databases\": [\"postgresql://ann:s3cret@db/journal?passfile=s3cret\"]}");
    for (size_t i = 0; i < unit_count; i++)
        CHECK(strstr(units[i].text, "s3cret") == NULL);
    end();
}

/* ---- What systemd says ---- */

static bool has_systemd(void)
{
    return shell("command -v systemd-analyze >/dev/null");
}

static void put_tools(const char *folder)
{
    write_text(textf("%s/jbackup-scheduler", folder), "#!/bin/sh\n");
    write_text(textf("%s/jbackup-monitor", folder), "#!/bin/sh\n");
    REQUIRE(
        shell(textf("find '%s' -name 'jbackup-*' -type f -exec chmod +x {} +", check_folder())));
}

static void write_units(const char *folder)
{
    make_folder(folder);
    for (size_t i = 0; i < unit_count; i++)
        write_text(textf("%s/%s", folder, units[i].name), units[i].text);
}

/* The worst of the services. */
static double exposure(const char *folder)
{
    char line[400];
    double worst = 0, one;
    FILE *said = popen(textf("for unit in '%s'/*.service; do systemd-analyze security "
                             "--offline=true \"$unit\"; done | grep 'Overall exposure'",
                             in_folder(folder)),
                       "r");
    REQUIRE(said != NULL);
    size_t count = 0;
    while (fgets(line, sizeof line, said) != NULL) {
        const char *colon = strrchr(line, ':');
        REQUIRE(colon != NULL && sscanf(colon + 1, "%lf", &one) == 1);
        worst = one > worst ? one : worst;
        count++;
    }
    pclose(said);
    CHECK(count == SCHEDULE_COUNT + 1);
    return worst;
}

static void analyze(const char *folder, enum systemd_manager manager)
{
    write_units(folder);
    CHECK(shell(textf("cd '%s' && XDG_RUNTIME_DIR=$PWD systemd-analyze %s verify --man=no "
                      "--recursive-errors=no ./*.* >said 2>&1 </dev/null || "
                      "{ sed 's/^/# /' said; false; }",
                      in_folder(folder), manager == SYSTEMD_USER ? "--user" : "--system")));
    CHECK(shell(textf("test ! -s '%s/said' || { sed 's/^/# /' '%s/said'; false; }",
                      in_folder(folder), in_folder(folder))));
    double exposed = manager == SYSTEMD_SYSTEM ? exposure(folder) : 0;
    CHECK(exposed <= 3.0);
    if (exposed > 3.0)
        printf("#   %.1f\n", exposed);
}

/* In the folder, all units of a project of that name, for root, for a user, for a user's manager.
 */
static void analyze_project(const char *folder, const char *name)
{
    place = (struct schedule_place){.tools = jbi_arena_text(&arena, in_folder(folder)),
                                    .monitor_minutes = 15,
                                    .path = jbi_arena_printf(&arena, "/usr/bin:%s", folder)};
    open_text(textf("{\"name\": \"%s\", \"databases\": [\"sqlite:///j.db\", "
                    "\"postgresql:///x\"]}",
                    name),
              in_folder(folder));
    put_tools(folder);
    REQUIRE(make_units() == JB_OK);
    analyze("of-root", SYSTEMD_SYSTEM);
    place.user = "daemon";
    REQUIRE(make_units() == JB_OK);
    analyze("of-another", SYSTEMD_SYSTEM);
    place.manager = SYSTEMD_USER;
    REQUIRE(make_units() == JB_OK);
    analyze("of-user", SYSTEMD_USER);
    end();
}

static void systemd_takes_them(void)
{
    make_folder("app");
    analyze_project("app", "journal");
}

static void systemd_takes_odd_names(void)
{
    make_folder("it's 50% \"fine\" $HOME \\x41 ${X} ;");
    analyze_project("it's 50% \"fine\" $HOME \\x41 ${X} ;", ODD);
}

static void systemd_takes_letters_and_a_slash(void)
{
    make_folder("Tägebuch");
    make_folder("Tägebuch/2");
    analyze_project("Tägebuch/2", ODD_2);
}

int main(void)
{
    RUN(words_and_paths_are_quoted);
    RUN(a_unit_is_known_again);
    RUN(other_units_are_not_ours);
    RUN(the_defaults_make_eleven_units);
    RUN(each_line_of_hardening_has_its_reason);
    RUN(times_have_their_second_times);
    RUN(the_monitor_keeps_its_interval);
    RUN(rights_are_those_that_are_needed);
    RUN(what_is_below_tmp_stays_in_sight);
    RUN(what_systemd_cannot_have_is_refused);
    RUN(no_secret_gets_into_a_unit);
    if (!has_systemd()) {
        printf("ok %d - what systemd says # SKIP systemd-analyze is not installed\n",
               ++check_state.number);
        return check_end();
    }
    RUN(systemd_takes_them);
    RUN(systemd_takes_odd_names);
    RUN(systemd_takes_letters_and_a_slash);
    jbi_arena_free(&arena);
    return check_end();
}
