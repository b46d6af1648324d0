/* SPDX-License-Identifier: MIT */
/* jb_test_mail at a real server on the loopback: what it says of a mail that went, and of each step
 * at which one does not. */
#include <jbackup.h>
#include <sys/stat.h>

#include "../adapter/smtp_fixture.h"

static jb_project *project;
static jb_report *report;

static void put(const char *name, const char *text)
{
    FILE *file = fopen(textf("%s/%s", check_folder(), name), "w");
    REQUIRE(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void set_up(const char *recipients)
{
    shell(textf("cd %s && mkdir -m 755 app && mkdir -m 700 backups", check_folder()));
    put("app/jbackup.json", "{\"name\": \"caf\xc3\xa9\", \"backup_dir\": \"../backups\",\n"
                            " \"databases\": []}\n");
    put("backups/backup_monitor_config.json",
        textf("{\"alerting\": {\"email_recipients\": [%s]}}", recipients));
    err = (struct jb_error){0};
    REQUIRE(jb_project_open(&project, textf("%s/app", check_folder()), &err) == JB_OK);
}

static void use_server(const char *host, int port, const char *password, const char *authority)
{
    put("app/.env",
        textf("MAIL_SERVER=%s\nMAIL_PORT=%d\nMAIL_USERNAME=jb\nMAIL_PASSWORD=%s\n"
              "MAIL_FROM=backup@journal.test\n%s%s\n",
              host, port, password, authority ? "MAIL_CA_FILE=" : "", authority ? authority : ""));
}

static void use_own_server(const char *password)
{
    use_server("localhost", server.port, password, textf("%s/ca.pem", certificates));
}

static void tear_down(void)
{
    jb_report_free(report);
    report = NULL;
    jb_project_close(project);
}

static int try_mail(const char *recipient)
{
    struct jb_test_mail_options options = JB_TEST_MAIL_OPTIONS_INIT;
    options.recipient = recipient;
    jb_report_free(report);
    report = NULL;
    err = (struct jb_error){0};
    int code = jb_test_mail(project, &options, &report, &err);
    CHECK(code == err.code);
    CHECK(strstr(err.text, PASSWORD) == NULL && strstr(err.hint, PASSWORD) == NULL);
    CHECK(report == NULL || strstr(jb_report_json(report), PASSWORD) == NULL);
    return code;
}

static int64_t figure(const char *key)
{
    return jb_report_number(report, JB_FIGURES, key);
}

static const char *figure_text(const char *key)
{
    return jb_report_text(report, JB_FIGURES, key);
}

/* It is refused at that step, and somebody is told what to do. */
static void fails_at(const char *step)
{
    CHECK(try_mail("admin@journal.test") == JB_EIO);
    CHECK(report != NULL && err.hint[0] != '\0');
    CHECK_TEXT(figure_text("step"), step);
    CHECK(figure("accepted") == 0);
    printf("# %s: %s (%s)\n", step, err.text, err.hint);
}

static void goes_to_those_of_the_configuration(void)
{
    set_up("\"admin@journal.test\", \"ann@journal.test\"");
    server_start("real");
    use_own_server(PASSWORD);
    CHECK(try_mail(NULL) == JB_OK);
    CHECK_TEXT(err.text, "");
    CHECK(figure("accepted") == 2 && figure("refused") == 0 && figure("tls") == 1);
    CHECK(figure("port") == server.port && figure_text("step") == NULL);
    CHECK_TEXT(figure_text("server"), "localhost");
    CHECK_TEXT(figure_text("from"), "backup@journal.test");
    CHECK_HAS(file_of("mail.1.json"), "\"to\": [\"admin@journal.test\", \"ann@journal.test\"]");
    CHECK_HAS(file_of("mail.1"), "This is a test of the monitor");
    CHECK(try_mail("bob@journal.test") == JB_OK && figure("accepted") == 1);
    CHECK_HAS(file_of("mail.2.json"), "\"to\": [\"bob@journal.test\"]");
    server_stop();
    tear_down();
}

static void says_who_was_refused(void)
{
    set_up("\"admin@journal.test\", \"x@refused.test\"");
    server_start("real");
    use_own_server(PASSWORD);
    CHECK(try_mail(NULL) == JB_EIO);
    CHECK(figure("accepted") == 1 && figure("refused") == 1);
    CHECK(try_mail("x@refused.test") == JB_EIO);
    CHECK_TEXT(figure_text("step"), "recipient");
    CHECK_HAS(figure_text("reply"), "550");
    server_stop();
    tear_down();
}

static void says_where_it_failed(void)
{
    set_up("");
    server_start("real");
    use_own_server("wrong");
    fails_at("login");
    CHECK_HAS(figure_text("reply"), "535");
    use_server("localhost", server.port, PASSWORD, NULL);
    fails_at("starttls");
    server_stop();
    use_own_server(PASSWORD);
    fails_at("connect");
    use_server("nowhere.invalid", 587, PASSWORD, NULL);
    fails_at("resolve");
    tear_down();
}

static void needs_a_server_and_somebody(void)
{
    set_up("");
    CHECK(try_mail("admin@journal.test") == JB_EINVAL && report == NULL);
    CHECK_TEXT(err.text, "no mail server is configured");
    use_server("localhost", 1, PASSWORD, NULL);
    CHECK(try_mail(NULL) == JB_EINVAL);
    CHECK_TEXT(err.text, "nobody is configured to get mail");
    CHECK_HAS(err.hint, "config --set email_recipients=");
    CHECK(try_mail("a@b\r\nDATA") == JB_EINVAL);
    CHECK_TEXT(err.text, "\"a@b\\x0d\\x0aDATA\" is no mail address");
    put("backups/backup_monitor_config.json", "{\"x\": 1}");
    CHECK(try_mail(NULL) == JB_EINVAL);
    CHECK_HAS(err.text, "line 1: unknown key \"x\"");
    tear_down();
}

int main(void)
{
    static const char *const names[] = {"MAIL_SERVER",   "MAIL_PORT",    "MAIL_USERNAME",
                                        "MAIL_PASSWORD", "MAIL_USE_TLS", "MAIL_FROM",
                                        "MAIL_CA_FILE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    certificates_make();
    RUN(goes_to_those_of_the_configuration);
    RUN(says_who_was_refused);
    RUN(says_where_it_failed);
    RUN(needs_a_server_and_somebody);
    certificates_remove();
    return check_end();
}
