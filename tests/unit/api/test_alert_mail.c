/* SPDX-License-Identifier: MIT */
/* Alerts by mail, at a real server on the loopback that takes, refuses and is away; a mail parser
 * reads what arrived. */
#include <jbackup.h>
#include <sys/stat.h>

#include "../adapter/smtp_fixture.h"
#include "api/alert.h"
#include "base/report.h"

static jb_project *project;
static jb_report *report;

static void put(const char *name, const char *text)
{
    FILE *file = fopen(textf("%s/%s", check_folder(), name), "w");
    REQUIRE(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void use_server(const char *password)
{
    put("app/.env", textf("MAIL_SERVER=localhost\nMAIL_PORT=%d\nMAIL_USERNAME=jb\n"
                          "MAIL_PASSWORD=%s\nMAIL_CA_FILE=%s/ca.pem\n"
                          "MAIL_FROM=backup@journal.test\n",
                          server.port, password, certificates));
}

static void set_recipients(const char *list)
{
    put("backups/backup_monitor_config.json",
        textf("{\"alerting\": {\"email_recipients\": [%s], \"journal\": false}}", list));
}

static void set_up(const char *arguments)
{
    err = (struct jb_error){0};
    shell(textf("cd %s && mkdir -m 755 app && mkdir -m 700 backups", check_folder()));
    put("app/jbackup.json", "{\"name\": \"journal\", \"backup_dir\": \"../backups\",\n"
                            " \"databases\": []}\n");
    set_recipients("\"admin@journal.test\", \"ann@journal.test\"");
    REQUIRE(jb_project_open(&project, textf("%s/app", check_folder()), &err) == JB_OK);
    server_pid = 0;
    if (arguments != NULL) {
        server_start(arguments);
        use_server(PASSWORD);
    }
}

static void tear_down(void)
{
    if (server_pid > 0)
        server_stop();
    jb_report_free(report);
    report = NULL;
    jb_project_close(project);
}

/* What waits afterwards. */
static int64_t alert(int level, const char *subject, const char *message)
{
    struct jb_alert_options options = JB_ALERT_OPTIONS_INIT;
    options.level = level;
    options.subject = subject;
    options.message = message;
    jb_report_free(report);
    report = NULL;
    err = (struct jb_error){0};
    CHECK(jb_alert(project, &options, &report, &err) == JB_OK);
    CHECK_TEXT(err.text, "");
    if (report == NULL)
        return -1;
    CHECK(strstr(jb_report_json(report), PASSWORD) == NULL);
    return jb_report_number(report, JB_FIGURES, "waiting");
}

static bool has_finding(int level, const char *part)
{
    const struct jb_finding *finding;
    for (size_t i = 0; (finding = jb_report_finding(report, i)) != NULL; i++)
        if (finding->level == level && strstr(finding->message, part) != NULL)
            return true;
    printf("# no finding with \"%s\" in %s\n", part, jb_report_json(report));
    return false;
}

static int mails(void)
{
    int count = 0;
    while (is_there(textf("mail.%d", count + 1)))
        count++;
    return count;
}

/* As a mail parser sees it: subject, ids, and the two parts. */
static const char *parsed(int number)
{
    static const char script[] =
        "import email, email.policy, sys\n"
        "m = email.message_from_binary_file(open(sys.argv[1], 'rb'), policy=email.policy.default)\n"
        "assert not m.defects and m.get_content_type() == 'multipart/alternative', m.defects\n"
        "print('subject:', m['subject'], '|to:', m['to'], '|from:', m['from'])\n"
        "print('id:', m['message-id'], '|refers:', m['references'])\n"
        "print('text:', m.get_body(('plain',)).get_content())\n"
        "print('html:', m.get_body(('html',)).get_content())\n";
    put("parse.py", script);
    shell(textf("cd %s && python3 parse.py mail.%d >parsed", check_folder(), number));
    return file_of("parsed");
}

static void arrives_and_is_read(void)
{
    char first_id[256] = "";
    set_up("real");
    CHECK(alert(JB_ERROR, "journal-backup.service", "caf\xc3\xa9 <b> & exit\nBcc: x@y") == 0);
    CHECK(mails() == 1 && jb_report_finding_count(report) == 0);
    CHECK_HAS(file_of("mail.1.json"), "\"to\": [\"admin@journal.test\", \"ann@journal.test\"]");
    const char *got = parsed(1);
    CHECK_HAS(got, "subject: [jbackup] ERROR journal on ");
    CHECK_HAS(got, ": job: caf\xc3\xa9 <b> & exit\\x0aBcc: x@y |to:");
    CHECK_HAS(got, "ERROR  job: journal-backup.service\n    caf\xc3\xa9 <b> & exit\\x0aBcc: x@y\n");
    CHECK_HAS(got, "what to do: \"journalctl -u journal-backup.service\"");
    CHECK_HAS(got, "caf\xc3\xa9 &#60;b&#62; &#38; exit");
    CHECK_HAS(got, "<html lang=\"en\">");
    CHECK(sscanf(strstr(got, "id: ") ? strstr(got, "id: ") : "", "id: %255s", first_id) == 1);
    CHECK_HAS(got, "|refers: None");
    CHECK(alert(JB_CRITICAL, "journal-backup.service", "worse") == 0);
    CHECK(alert(JB_INFO, "journal-backup.service", "well") == 0);
    CHECK(mails() == 3);
    got = parsed(2);
    CHECK_HAS(got, "subject: [jbackup] CRITICAL (was ERROR) journal on ");
    CHECK_HAS(got, textf("|refers: %s", first_id));
    got = parsed(3);
    CHECK_HAS(got, "subject: [jbackup] resolved journal on ");
    CHECK_HAS(got, textf("|refers: %s", first_id));
    tear_down();
}

static void server_is_down_and_comes_back(void)
{
    set_up("real");
    server_stop();
    server_pid = 0;
    CHECK(alert(JB_ERROR, "a", "one") == 1 && has_finding(JB_WARNING, "alerts wait to be sent"));
    CHECK(alert(JB_ERROR, "b", "two") == 2);
    CHECK(alert(JB_ERROR, "b", "two") == 2);
    server_start("real");
    use_server(PASSWORD);
    CHECK(alert(JB_ERROR, "b", "two") == 0 && mails() == 2);
    CHECK_HAS(parsed(1), ": job: one |to:");
    CHECK_HAS(parsed(2), ": job: two |to:");
    CHECK(alert(JB_ERROR, "b", "two") == 0 && mails() == 2);
    tear_down();
}

static void server_is_busy(void)
{
    set_up("real --busy 1");
    CHECK(alert(JB_ERROR, "a", "one") == 1 && mails() == 0);
    CHECK(alert(JB_ERROR, "a", "one") == 0 && mails() == 1);
    tear_down();
}

static void wrong_password_waits_for_the_right_one(void)
{
    set_up("real");
    use_server("wr0ng");
    CHECK(alert(JB_ERROR, "a", "one") == 1);
    CHECK(has_finding(JB_WARNING, "alerts wait to be sent"));
    CHECK(strstr(jb_report_json(report), "wr0ng") == NULL);
    use_server(PASSWORD);
    CHECK(alert(JB_ERROR, "a", "one") == 0 && mails() == 1);
    tear_down();
}

static void recipients_that_are_refused(void)
{
    set_up("real");
    set_recipients("\"ann@refused.test\"");
    CHECK(alert(JB_ERROR, "a", "one") == 0 && mails() == 0);
    CHECK(has_finding(JB_ERROR, "could not be sent and was given up"));
    set_recipients("\"ann@refused.test\", \"admin@journal.test\"");
    CHECK(alert(JB_ERROR, "b", "two") == 0 && mails() == 1);
    CHECK(has_finding(JB_WARNING, "did not reach all"));
    CHECK(alert(JB_ERROR, "b", "two") == 0 && mails() == 1);
    tear_down();
}

static void no_server_is_named(void)
{
    set_up(NULL);
    CHECK(alert(JB_ERROR, "a", "one") == 1);
    CHECK(has_finding(JB_WARNING, "no mail server is named"));
    put("app/.env", "MAIL_SERVER=localhost\nMAIL_PORT=many\n");
    CHECK(alert(JB_ERROR, "b", "two") == 2 && has_finding(JB_WARNING, "MAIL_PORT"));
    server_start("real");
    use_server(PASSWORD);
    CHECK(alert(JB_ERROR, "b", "two") == 0 && mails() == 2);
    tear_down();
}

/* One run of the monitor at now_us, from nothing but what is on the disk. */
static void monitor_at(int64_t now_us, int level)
{
    static const char *const checks[] = {"freshness"};
    const struct incident_sight sight = {"freshness", "journal", level, "no backup", "make one"};
    struct repository repository;
    struct monitor_config config;
    struct incidents incidents;
    struct incident_news *news;
    struct arena arena = {0};
    size_t count, waiting = 9;
    bool is_there_one;
    jb_report *findings = jbi_report_new();
    REQUIRE(jbi_repository_open(&repository, textf("%s/backups", check_folder()), true, NULL,
                                &err) == JB_OK);
    REQUIRE(jbi_monitor_config_load(&config, &repository, &arena, &is_there_one, &err) == JB_OK);
    const struct incident_rules rules = {(int64_t)config.alert_cooldown_minutes * 60000000,
                                         config.min_level};
    CHECK(jbi_incidents_load(&incidents, &repository, &arena, findings, &err) == JB_OK);
    CHECK(jbi_incidents_update(&incidents, &sight, level > JB_INFO, checks, 1, &rules, now_us,
                               &arena, &news, &count, &err) == JB_OK);
    CHECK(jbi_alert_spool(project, &repository, &config, news, count, now_us, &arena, &err) ==
          JB_OK);
    CHECK(jbi_incidents_save(&incidents, &repository, &err) == JB_OK);
    CHECK(jbi_alert_deliver(project, &repository, &config, &arena, findings, &waiting, &err) ==
          JB_OK);
    CHECK(waiting == 0 && jb_report_finding_count(findings) == 0);
    jb_report_free(findings);
    jbi_repository_close(&repository);
    jbi_arena_free(&arena);
}

/* 24 hours in steps of 5 minutes, the monitor started anew at each, worse after 10 hours and 7. */
static void a_day_and_its_mails(void)
{
    const int64_t minute = 60000000, begin = jbi_now_us() - 26 * 60 * minute;
    set_up("real");
    for (int64_t at = 0; at < 24 * 60; at += 5)
        monitor_at(begin + at * minute, at < 607 ? JB_WARNING : JB_CRITICAL);
    for (int64_t at = 24 * 60; at < 25 * 60; at += 5)
        monitor_at(begin + at * minute, JB_INFO);
    /* opened, ten reminders, escalated, thirteen reminders, resolved */
    CHECK(mails() == 1 + 10 + 1 + 13 + 1);
    for (int i = 1; i <= 26; i++) {
        const char *subject = i == 1    ? "subject: [jbackup] WARNING journal on "
                              : i <= 11 ? "subject: [jbackup] still WARNING journal on "
                              : i == 12 ? "subject: [jbackup] CRITICAL (was WARNING) journal on "
                              : i <= 25 ? "subject: [jbackup] still CRITICAL journal on "
                                        : "subject: [jbackup] resolved journal on ";
        CHECK_HAS(parsed(i), subject);
    }
    CHECK_HAS(parsed(26), "(24 hours)");
    tear_down();
}

int main(void)
{
    certificates_make();
    RUN(arrives_and_is_read);
    RUN(server_is_down_and_comes_back);
    RUN(server_is_busy);
    RUN(wrong_password_waits_for_the_right_one);
    RUN(recipients_that_are_refused);
    RUN(no_server_is_named);
    RUN(a_day_and_its_mails);
    certificates_remove();
    return check_end();
}
