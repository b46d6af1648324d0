/* SPDX-License-Identifier: MIT */
/* Alerts by webhook, at a real web server that answers, refuses, stalls and comes back; what waits
 * goes once, whoever dies or comes in between. */
#include "api/alert.h"

#include <errno.h>
#include <sys/mount.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "../http_fixture.h"
#include "adapter/json.h"
#include "api/alert_journal.h"
#include "api/alert_text.h"
#include "api/alert_webhook.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/report.h"
#include "fixture.h"
#include "repository/spool.h"

static struct json *got; /* of the last call of called() */

static void configure(const char *format)
{
    write_text(
        "backups/backup_monitor_config.json",
        textf("{\"alerting\": {\"webhook_url\": \"http://ann:pw@127.0.0.1:%d/T0/s3cret?k=s3cret\","
              " \"webhook_format\": \"%s\", \"journal\": false,"
              " \"ping_url\": \"http://127.0.0.1:%d/ping/s3cret?k=1\"}}",
              web.port, format, web.port));
}

static void set_up(void)
{
    begin();
    REQUIRE(mkdir(in_folder("backups"), 0700) == 0);
    web_start();
    configure("json");
}

static void tear_down(void)
{
    web_stop();
    jbi_json_free(got);
    got = NULL;
    end();
}

static int alert(int level, const char *subject, const char *message)
{
    struct jb_alert_options options = JB_ALERT_OPTIONS_INIT;
    options.level = level;
    options.subject = subject;
    options.message = message;
    free_report();
    int code = tell(jb_alert(project, &options, &report, &err));
    if (code == JB_OK)
        CHECK(strstr(jb_report_json(report), "s3cret") == NULL);
    CHECK(strstr(err.text, "s3cret") == NULL && strstr(err.hint, "s3cret") == NULL);
    return code;
}

static int64_t figure(const char *name)
{
    return jb_report_number(report, JB_FIGURES, name);
}

/* The body of request number. */
static const char *body(int number)
{
    jbi_json_free(got);
    got = NULL;
    const char *text = web_request(number);
    CHECK(jbi_json_parse(&got, text, strlen(text), "request", NULL) == JB_OK);
    return jbi_json_text(jbi_json_get(got, "body"));
}

static const char *header(const char *name)
{
    return jbi_json_text(jbi_json_get(jbi_json_get(got, "headers"), name));
}

static const char *text_of(const struct json *object, const char *key)
{
    return jbi_json_text(jbi_json_get(object, key));
}

static struct json *body_json(int number)
{
    struct json *parsed = NULL;
    const char *text = body(number);
    CHECK(text != NULL &&
          jbi_json_parse(&parsed, text, text ? strlen(text) : 0, "body", NULL) == JB_OK);
    return parsed;
}

static const char *log_text(void)
{
    static char text[100000];
    size_t len = 0;
    char *bytes = read_bytes(in_folder("backups/backup_alerts.log"), &len);
    snprintf(text, sizeof text, "%s", bytes);
    free(bytes);
    return text;
}

/* ---- What is told --------------------------------------------------------------------------- */

static void an_incident_is_told_of_once(void)
{
    set_up();
    CHECK(alert(JB_ERROR, "journal-backup.service", "exit status 3") == JB_OK);
    CHECK(figure("told") == 1 && figure("waiting") == 0 && web_count() == 1);
    CHECK(jb_report_verdict(report) == JB_INFO);
    CHECK(alert(JB_ERROR, "journal-backup.service", "exit status 3") == JB_OK);
    CHECK(figure("told") == 0 && web_count() == 1);
    CHECK(alert(JB_CRITICAL, "journal-backup.service", "killed") == JB_OK);
    CHECK(figure("told") == 1 && web_count() == 2);
    CHECK(alert(JB_INFO, "other.service", "well") == JB_OK && figure("told") == 0);
    CHECK(alert(JB_INFO, "journal-backup.service", "well") == JB_OK);
    CHECK(figure("told") == 1 && web_count() == 3);
    CHECK(alert(JB_INFO, "journal-backup.service", "well") == JB_OK && figure("told") == 0);
    struct stat st;
    CHECK(stat(in_folder("backups/backup_alerts.log"), &st) == 0 && (st.st_mode & 0777) == 0600);
    CHECK(stat(in_folder("backups/.jbackup/incidents.json"), &st) == 0 &&
          (st.st_mode & 0777) == 0600);
    const char *log = log_text();
    CHECK_HAS(log, " opened ERROR job: journal-backup.service: exit status 3\n");
    CHECK_HAS(log, " escalated CRITICAL job: journal-backup.service: killed\n");
    CHECK_HAS(log, " resolved CRITICAL job: journal-backup.service: killed\n");
    CHECK_HAS(log, " sent by webhook: ERROR journal on ");
    CHECK(strstr(log, "s3cret") == NULL);
    tear_down();
}

static void the_json(void)
{
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    set_up();
    CHECK(alert(JB_ERROR, "a.service", "exit \"3\"") == JB_OK);
    CHECK(alert(JB_CRITICAL, "a.service", "gone") == JB_OK);
    CHECK(alert(JB_INFO, "a.service", "well") == JB_OK);
    struct json *json = body_json(1);
    CHECK_HAS(web_request(1), "\"path\": \"/T0/s3cret?k=s3cret\"");
    CHECK_TEXT(header("content-type"), "application/json");
    CHECK_TEXT(text_of(json, "event"), "opened");
    CHECK_TEXT(text_of(json, "level"), "ERROR");
    CHECK_TEXT(text_of(json, "project"), "journal");
    CHECK_TEXT(text_of(json, "host"), host);
    CHECK_TEXT(text_of(json, "repository"), in_folder("app/../backups"));
    CHECK_TEXT(text_of(json, "title"), textf("ERROR journal on %s: job: exit \"3\"", host));
    CHECK_HAS(text_of(json, "text"), "ERROR  job: a.service\n    exit \"3\"\n    since 20");
    CHECK_HAS(text_of(json, "text"), "what to do: \"journalctl -u a.service\" shows what it said");
    CHECK_HAS(text_of(json, "text"), "hear again every 60 min, at once if it gets worse");
    CHECK(jbi_json_length(jbi_json_get(json, "alerts")) == 1);
    struct json *row = jbi_json_at(jbi_json_get(json, "alerts"), 0);
    CHECK_TEXT(text_of(row, "check"), "job");
    CHECK_TEXT(text_of(row, "subject"), "a.service");
    CHECK_TEXT(text_of(row, "message"), "exit \"3\"");
    CHECK(jbi_json_is_null(jbi_json_get(row, "ended_at")));
    jbi_json_free(json);
    json = body_json(2);
    CHECK_TEXT(text_of(json, "event"), "escalated");
    CHECK_TEXT(text_of(json, "title"),
               textf("CRITICAL (was ERROR) journal on %s: job: gone", host));
    row = jbi_json_at(jbi_json_get(json, "alerts"), 0);
    CHECK_TEXT(text_of(row, "previous_level"), "ERROR");
    jbi_json_free(json);
    json = body_json(3);
    CHECK_TEXT(text_of(json, "event"), "resolved");
    CHECK_TEXT(text_of(json, "title"), textf("resolved journal on %s: job: gone", host));
    CHECK_HAS(text_of(json, "text"), "was: gone");
    jbi_json_free(json);
    tear_down();
}

static void chat_and_ntfy(void)
{
    set_up();
    configure("slack");
    CHECK(alert(JB_ERROR, "a", "<!channel> @all ``` & \xe2\x82\xac\r\nX-Forged: 1") == JB_OK);
    struct json *json = body_json(1);
    const char *text = text_of(json, "text");
    CHECK(jbi_json_key(json, 1) == NULL);
    CHECK_HAS(text, "&lt;!channel&gt; @all ''' &amp; \xe2\x82\xac\\x0d\\x0aX-Forged: 1");
    CHECK(text != NULL && strncmp(text, "```\nERROR journal on ", 21) == 0);
    CHECK(text != NULL && strcmp(strstr(text + 3, "```"), "```") == 0);
    jbi_json_free(json);
    configure("ntfy");
    CHECK(alert(JB_CRITICAL, "a", "\xe2\x82\xac\r\nX-Forged: 1") == JB_OK);
    CHECK_HAS(body(2), "CRITICAL (was ERROR)  job: a\n    \xe2\x82\xac\\x0d\\x0aX-Forged: 1\n");
    CHECK_TEXT(header("content-type"), "text/plain; charset=utf-8");
    CHECK_TEXT(header("priority"), "5");
    CHECK_TEXT(header("tags"), "rotating_light");
    CHECK_HAS(header("title"), "CRITICAL (was ERROR) journal on ");
    CHECK(header("x-forged") == NULL);
    CHECK(alert(JB_INFO, "a", "well") == JB_OK);
    body(3);
    CHECK_TEXT(header("priority"), "2");
    CHECK_TEXT(header("tags"), "white_check_mark");
    tear_down();
}

static void what_waits_is_hostile(void)
{
    static const char *const bad[] = {
        "",
        "x",
        "[]",
        "{}",
        "{\"title\": \"a\", \"text\": \"b\", \"event\": \"opened\"}",
        "{\"title\": \"a\", \"text\": 1, \"event\": \"opened\", \"level\": \"ERROR\"}",
        "{\"title\": \"a\", \"text\": \"b\", \"event\": \"opened\", \"level\": \"INFO\"}"};
    static const char good[] =
        "{\"title\": \"a\\r\\nX: 1\", \"text\": \"b\", \"event\": \"opened\","
        " \"level\": \"ERROR\"}";
    struct webhook_call call;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct jb_error why = {0};
        CHECK(jbi_webhook_make(&call, WEBHOOK_NTFY, bad[i], strlen(bad[i]), &why) == JB_ECORRUPT);
        jbi_text_free(&call.body);
    }
    CHECK(jbi_webhook_make(&call, WEBHOOK_NTFY, good, strlen(good), NULL) == JB_OK);
    CHECK_TEXT(call.headers[0], "Title: a\\x0d\\x0aX: 1");
    jbi_text_free(&call.body);
}

static void long_texts_are_cut(void)
{
    static char euros[30000];
    for (size_t i = 0; i + 3 < sizeof euros; i += 3)
        memcpy(euros + i, "\xe2\x82\xac", 3);
    scope_text json = {0};
    struct webhook_call call;
    jbi_text_addf(&json,
                  "{\"title\": \"%.3000s\", \"text\": \"%s\", \"event\": \"opened\","
                  " \"level\": \"ERROR\"}",
                  euros, euros);
    for (int format = WEBHOOK_SLACK; format <= WEBHOOK_NTFY; format++) {
        CHECK(jbi_webhook_make(&call, (enum webhook_format)format, json.at, json.len, NULL) ==
              JB_OK);
        CHECK(call.body.len < 13000 && jbi_is_utf8(call.body.at, call.body.len));
        CHECK(format == WEBHOOK_SLACK || (call.body.len <= 4000 && strlen(call.title) < 260));
        jbi_text_free(&call.body);
    }
}

/* ---- The texts ------------------------------------------------------------------------------ */

static struct incident incident_of(const char *check, int level, const char *message)
{
    return (struct incident){.key = textf("%s: x", check),
                             .check = check,
                             .level = level,
                             .message = message,
                             .hint = "<b>do</b>",
                             .opened_us = 1000000,
                             .thread = ""};
}

static void texts_of_many(void)
{
    enum { MANY = 500 };
    static struct incident_news news[MANY];
    struct incident over = incident_of("clock", JB_CRITICAL, "was"),
                    warning = incident_of("size", JB_WARNING, "<script>&\"'"),
                    error = incident_of("disk", JB_ERROR, "full");
    over.ended_us = 7200000000;
    struct alert alert = {"jour<nal", "ho\nst", "/srv/<b>", (int64_t)3601 * 1000000, 60, news, 3};
    news[0] = (struct incident_news){INCIDENT_OPENED, &warning, 0};
    news[1] = (struct incident_news){INCIDENT_REMINDED, &error, 0};
    news[2] = (struct incident_news){INCIDENT_RESOLVED, &over, 0};
    scope_text title = {0}, plain = {0}, html = {0};
    jbi_alert_title(&alert, &title);
    CHECK_TEXT(title.at, "still ERROR jour<nal on ho\\x0ast: disk: full (and 2 more)");
    jbi_alert_plain(&alert, &plain);
    CHECK_HAS(plain.at, "WARNING  size: x\n    <script>&\"'\n    since 1970-01-01 ");
    CHECK_HAS(plain.at, "(1 hour)\n    what to do: <b>do</b>\n");
    CHECK_HAS(plain.at, "resolved  clock: x\n    was: was\n");
    jbi_alert_html(&alert, &html);
    CHECK_HAS(html.at, "&#60;script&#62;&#38;&#34;&#39;");
    CHECK_HAS(html.at, "/srv/&#60;b&#62;");
    CHECK(strstr(html.at, "<script>") == NULL && strstr(html.at, "<b>do") == NULL);
    CHECK(jbi_is_utf8(html.at, html.len) && !html.failed);
    for (int i = 0; i < MANY; i++)
        news[i] = (struct incident_news){INCIDENT_OPENED, &warning, 0};
    alert.count = MANY;
    scope_text long_plain = {0};
    jbi_alert_plain(&alert, &long_plain);
    CHECK_HAS(long_plain.at, "... and 460 more\n");
    char *json = jbi_alert_json(&alert);
    CHECK_HAS(json, "\"more\": 460");
    free(json);
}

/* ---- The spool ------------------------------------------------------------------------------ */

static void waits_until_the_server_is_back(void)
{
    set_up();
    web_stop();
    CHECK(alert(JB_ERROR, "a", "one") == JB_OK);
    CHECK(figure("told") == 1 && figure("waiting") == 1 && has_finding(JB_WARNING, "webhook"));
    CHECK_HAS(jb_report_json(report), "Connection refused");
    CHECK(alert(JB_ERROR, "b", "two") == JB_OK && figure("waiting") == 2);
    CHECK(alert(JB_ERROR, "b", "two") == JB_OK && figure("waiting") == 2 && figure("told") == 0);
    web_start();
    web_set("status", "500");
    CHECK(alert(JB_CRITICAL, "c", "three") == JB_OK);
    CHECK(figure("waiting") == 3 && web_count() == 1); /* the first only: nothing overtakes it */
    web_set("status", NULL);
    CHECK(alert(JB_CRITICAL, "d", "four") == JB_OK && figure("waiting") == 0);
    CHECK(web_count() == 5 && jb_report_finding_count(report) == 0);
    static const char *const want[] = {"one", "one", "two", "three", "four"};
    for (int i = 0; i < 5; i++)
        CHECK_HAS(body(i + 1), textf("\"message\": \"%s\"", want[i]));
    CHECK(alert(JB_CRITICAL, "d", "four") == JB_OK && web_count() == 5);
    tear_down();
}

static void refused_for_good(void)
{
    set_up();
    web_set("status", "400");
    CHECK(alert(JB_ERROR, "a", "one") == JB_OK);
    CHECK(figure("told") == 1 && figure("waiting") == 0 && has_finding(JB_ERROR, "webhook"));
    CHECK_HAS(log_text(), " gave up by webhook: ERROR journal on ");
    CHECK_HAS(log_text(), textf("http://127.0.0.1:%d answers with status 400", web.port));
    static const char *const later[] = {"404", "403", "429", "302", "503"};
    for (int i = 0; i < 5; i++) {
        web_set("status", later[i]);
        CHECK(alert(JB_ERROR, textf("a%d", i), "one") == JB_OK && figure("waiting") == i + 1);
    }
    tear_down();
}

static void a_way_that_is_gone(void)
{
    set_up();
    web_stop();
    CHECK(alert(JB_ERROR, "a", "one") == JB_OK && figure("waiting") == 1);
    write_text("backups/backup_monitor_config.json", "{\"alerting\": {\"journal\": false}}");
    CHECK(alert(JB_ERROR, "b", "two") == JB_OK);
    CHECK(figure("told") == 1 && figure("waiting") == 0);
    CHECK(has_finding(JB_ERROR, "webhook") && has_finding(JB_WARNING, "backup_monitor_config"));
    CHECK_HAS(log_text(), "a webhook is not configured any more");
    tear_down();
}

static void damaged_and_old_ones_are_given_up(void)
{
    set_up();
    web_set("status", "500");
    CHECK(alert(JB_ERROR, "a", "one") == JB_OK && figure("waiting") == 1);
    write_text("backups/.jbackup/spool/0000000000000000.json", "{\"way\": ");
    CHECK(alert(JB_ERROR, "a", "one") == JB_OK && figure("waiting") == 1);
    CHECK(has_finding(JB_ERROR, "spool"));
    CHECK(alert(JB_ERROR, "a", "one") == JB_OK && !has_finding(JB_ERROR, ""));
    struct repository repository;
    struct arena arena = {0};
    REQUIRE(jbi_repository_open(&repository, in_folder("backups"), true, NULL, &err) == JB_OK);
    struct spool_entry entry = {.made_us = jbi_now_us() - (int64_t)8 * 86400 * 1000000,
                                .way = "webhook",
                                .what = "an old one",
                                .body = "{}",
                                .body_len = 2};
    CHECK(jbi_spool_add(&repository, &entry, &arena, &err) == JB_OK);
    CHECK(alert(JB_ERROR, "a", "one") == JB_OK && figure("waiting") == 1);
    CHECK_HAS(log_text(), " gave up by webhook: an old one: it has waited 7 days");
    jbi_repository_close(&repository);
    jbi_arena_free(&arena);
    tear_down();
}

static void without_a_spool_it_is_sent_at_once(void)
{
    set_up();
    REQUIRE(mkdir(in_folder("backups/.jbackup"), 0700) == 0);
    write_text("backups/.jbackup/spool", "a file where the folder should be");
    CHECK(alert(JB_ERROR, "a", "one") == JB_OK && figure("told") == 1);
    CHECK(web_count() == 1 && has_finding(JB_ERROR, "spool"));
    CHECK(alert(JB_ERROR, "a", "one") == JB_OK && figure("told") == 0 && web_count() == 1);
    CHECK_HAS(body(1), "\"message\": \"one\"");
    web_stop();
    CHECK(alert(JB_ERROR, "b", "two") < 0);
    CHECK_HAS(err.text, "nor can it be sent without waiting");
    CHECK(remove(in_folder("backups/.jbackup/spool")) == 0);
    web_start();
    CHECK(alert(JB_ERROR, "b", "two") == JB_OK && figure("told") == 1); /* it was not forgotten */
    CHECK(web_count() == 2);
    tear_down();
}

static void fill_up(void)
{
    char block[4096] = "x";
    int fd = open(in_folder("backups/filler"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while (write(fd, block, sizeof block) > 0)
        continue;
    CHECK(errno == ENOSPC);
    close(fd);
}

static void a_full_disk_is_told_of_once(void)
{
    set_up();
    if (mount("tmpfs", in_folder("backups"), "tmpfs", 0, "size=1m,mode=700") < 0) {
        printf("# no right to mount a small file system\n");
        tear_down();
        return;
    }
    configure("json");
    CHECK(alert(JB_WARNING, "earlier", "one") == JB_OK && web_count() == 1);
    fill_up();
    CHECK(alert(JB_CRITICAL, "disk", "full") == JB_OK && figure("told") == 1);
    CHECK(figure("waiting") == 0 && web_count() == 2);
    for (int i = 0; i < 5; i++) {
        fill_up();
        CHECK(alert(JB_CRITICAL, "disk", "full") == JB_OK && figure("told") == 0);
    }
    CHECK(alert(JB_INFO, "disk", "well") == JB_OK && figure("told") == 1);
    CHECK(web_count() == 3);
    REQUIRE(umount(in_folder("backups")) == 0);
    tear_down();
}

/* ---- Who dies, who comes in between ---------------------------------------------------------- */

struct parts {
    struct repository repository;
    struct monitor_config config;
    struct arena arena;
};

static void open_parts(struct parts *parts)
{
    bool is_there;
    *parts = (struct parts){0};
    REQUIRE(jbi_repository_open(&parts->repository, in_folder("backups"), true, NULL, &err) ==
            JB_OK);
    REQUIRE(jbi_monitor_config_load(&parts->config, &parts->repository, &parts->arena, &is_there,
                                    &err) == JB_OK);
}

static void close_parts(struct parts *parts)
{
    jbi_repository_close(&parts->repository);
    jbi_arena_free(&parts->arena);
}

static void spool_one(const char *message)
{
    struct parts parts;
    struct incident incident = incident_of("disk", JB_ERROR, message);
    struct incident_news news = {INCIDENT_OPENED, &incident, 0};
    open_parts(&parts);
    CHECK(jbi_alert_spool(project, &parts.repository, &parts.config, &news, 1, jbi_now_us(),
                          &parts.arena, &err) == JB_OK);
    close_parts(&parts);
}

static size_t deliver(void)
{
    struct parts parts;
    size_t waiting = 99;
    jb_report *findings = jbi_report_new();
    open_parts(&parts);
    CHECK(jbi_alert_deliver(project, &parts.repository, &parts.config, &parts.arena, findings,
                            &waiting, &err) == JB_OK);
    close_parts(&parts);
    jb_report_free(findings);
    return waiting;
}

static void killed_between_spool_and_sending(void)
{
    set_up();
    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        spool_one("one");
        kill(getpid(), SIGKILL);
    }
    int status = 0;
    REQUIRE(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
    CHECK(web_count() == 0);
    CHECK(deliver() == 0 && web_count() == 1);
    CHECK(deliver() == 0 && web_count() == 1);
    tear_down();
}

static void two_send_at_once(void)
{
    enum { SENDERS = 4, ALERTS = 5 };
    pid_t pids[SENDERS];
    set_up();
    for (int i = 0; i < ALERTS; i++)
        spool_one(textf("number %d", i));
    web_set("slow", "0.2");
    fflush(stdout);
    for (int i = 0; i < SENDERS; i++) {
        pids[i] = fork();
        REQUIRE(pids[i] >= 0);
        if (pids[i] == 0) {
            deliver();
            _exit(check_state.failed);
        }
    }
    for (int i = 0, status = 1; i < SENDERS; i++)
        CHECK(waitpid(pids[i], &status, 0) == pids[i] && status == 0);
    CHECK(deliver() == 0 && web_count() == ALERTS);
    for (int i = 0; i < ALERTS; i++)
        CHECK_HAS(body(i + 1), textf("number %d", i));
    tear_down();
}

static void killed_between_spool_and_incidents(void)
{
    set_up();
    CHECK(alert(JB_ERROR, "a", "one") == JB_OK && web_count() == 1);
    CHECK(unlink(in_folder("backups/.jbackup/incidents.json")) == 0); /* as if it had not come */
    CHECK(alert(JB_ERROR, "a", "one") == JB_OK && web_count() == 2);  /* doubled, not lost */
    write_text("backups/.jbackup/incidents.json", "{\"format\": 1,");
    CHECK(alert(JB_ERROR, "a", "one") == JB_OK && web_count() == 3);
    CHECK(has_finding(JB_WARNING, "incidents.json"));
    CHECK(alert(JB_ERROR, "a", "one") == JB_OK && web_count() == 3);
    tear_down();
}

static int stop_at_once(void *user, const char *step, uint64_t done, uint64_t total,
                        const char *unit)
{
    (void)user, (void)step, (void)total, (void)unit;
    return done == 1;
}

static void canceled_between_two(void)
{
    set_up();
    spool_one("one");
    spool_one("two");
    jb_project_set_hooks(project, NULL, stop_at_once, NULL);
    CHECK(alert(JB_ERROR, "a", "three") == JB_ECANCELED && web_count() == 1);
    jb_project_set_hooks(project, NULL, NULL, NULL);
    CHECK(deliver() == 0 && web_count() == 3);
    tear_down();
}

/* ---- The rest ------------------------------------------------------------------------------- */

static void pings(void)
{
    static const char *const whats[] = {"/start", "", "/fail"};
    struct parts parts;
    set_up();
    open_parts(&parts);
    jb_report *findings = jbi_report_new();
    for (int i = 0; i < 3; i++)
        jbi_alert_ping(project, &parts.config, whats[i], findings);
    CHECK_HAS(web_request(1), "\"path\": \"/ping/s3cret/start?k=1\"");
    CHECK_HAS(web_request(2), "\"path\": \"/ping/s3cret?k=1\"");
    CHECK_HAS(web_request(3), "\"path\": \"/ping/s3cret/fail?k=1\"");
    parts.config.ping_url = textf("http://127.0.0.1:%d/ping/s3cret/", web.port);
    jbi_alert_ping(project, &parts.config, "/start", findings);
    CHECK_HAS(web_request(4), "\"path\": \"/ping/s3cret/start\"");
    parts.config.ping_url = NULL;
    jbi_alert_ping(project, &parts.config, "", findings);
    CHECK(web_count() == 4 && jb_report_finding_count(findings) == 0);
    parts.config.ping_url = textf("http://127.0.0.1:%d/ping/s3cret", web.port);
    web_set("status", "404");
    jbi_alert_ping(project, &parts.config, "", findings);
    web_stop();
    jbi_alert_ping(project, &parts.config, "", findings);
    CHECK(jb_report_finding_count(findings) == 2 && jb_report_verdict(findings) == JB_WARNING);
    CHECK_HAS(jb_report_finding(findings, 0)->message, "answers with status 404");
    CHECK(strstr(jb_report_json(findings), "s3cret") == NULL);
    jb_report_free(findings);
    close_parts(&parts);
    tear_down();
}

static void the_journal(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char got_text[4096] = "";
    struct incident incident = incident_of("freshness", JB_CRITICAL, "no backup");
    struct incident_news event = {INCIDENT_ESCALATED, &incident, JB_WARNING};
    strcpy(at.sun_path, in_folder("socket"));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
    jbi_alert_journal(at.sun_path, "journal", "a line", &event);
    CHECK(recv(fd, got_text, sizeof got_text - 1, 0) > 0);
    CHECK_TEXT(got_text, "MESSAGE=a line\nPRIORITY=2\nSYSLOG_IDENTIFIER=jbackup-monitor\n"
                         "JBACKUP_CHECK=freshness\nJBACKUP_LEVEL=CRITICAL\nJBACKUP_SUBJECT=x\n"
                         "JBACKUP_EVENT=escalated\nJBACKUP_PROJECT=journal\n");
    event.event = INCIDENT_RESOLVED;
    jbi_alert_journal(at.sun_path, "journal", "a line", &event);
    CHECK(recv(fd, got_text, sizeof got_text - 1, 0) > 0);
    CHECK_HAS(got_text, "\nPRIORITY=6\n");
    close(fd);
}

static void history(void)
{
    struct jb_history_options options = JB_HISTORY_OPTIONS_INIT;
    begin();
    CHECK(jb_monitor_history(project, NULL, &report, &err) == JB_OK); /* no repository yet */
    CHECK(jb_report_row_count(report) == 0 && figure("open") == 0 && !is_there("backups"));
    end();
    check_remove_folder();
    set_up();
    CHECK(alert(JB_ERROR, "a", "one") == JB_OK);
    CHECK(alert(JB_INFO, "a", "well") == JB_OK);
    CHECK(alert(JB_WARNING, "b", "two") == JB_OK);
    free_report();
    CHECK(jb_monitor_history(project, NULL, &report, &err) == JB_OK);
    CHECK(jb_report_row_count(report) == 2 && figure("open") == 1 && figure("ended") == 1);
    CHECK_TEXT(jb_report_text(report, 0, "key"), "job: b");
    CHECK_TEXT(jb_report_text(report, 0, "level"), "WARNING");
    CHECK(jb_report_text(report, 0, "ended_at") == NULL);
    CHECK_TEXT(jb_report_text(report, 1, "key"), "job: a");
    CHECK(jb_report_text(report, 1, "ended_at") != NULL);
    CHECK_TEXT(jb_report_text(report, 1, "message"), "one");
    options.days = -1;
    CHECK(jb_monitor_history(project, &options, NULL, NULL) == JB_EINVAL);
    tear_down();
}

static void options(void)
{
    set_up();
    CHECK(alert(JB_ERROR, NULL, "x") == JB_EINVAL && alert(JB_ERROR, "", "x") == JB_EINVAL);
    CHECK(alert(JB_ERROR, "a", NULL) == JB_EINVAL && alert(4, "a", "x") == JB_EINVAL);
    CHECK(alert(-1, "a", "x") == JB_EINVAL);
    CHECK(jb_alert(project, NULL, NULL, NULL) == JB_EINVAL);
    CHECK(!is_there("backups/.jbackup/incidents.json") && web_count() == 0);
    tear_down();
}

int main(void)
{
    RUN(an_incident_is_told_of_once);
    RUN(the_json);
    RUN(chat_and_ntfy);
    RUN(what_waits_is_hostile);
    RUN(long_texts_are_cut);
    RUN(texts_of_many);
    RUN(waits_until_the_server_is_back);
    RUN(refused_for_good);
    RUN(a_way_that_is_gone);
    RUN(damaged_and_old_ones_are_given_up);
    RUN(without_a_spool_it_is_sent_at_once);
    RUN(a_full_disk_is_told_of_once);
    RUN(killed_between_spool_and_sending);
    RUN(two_send_at_once);
    RUN(killed_between_spool_and_incidents);
    RUN(canceled_between_two);
    RUN(pings);
    RUN(the_journal);
    RUN(history);
    RUN(options);
    return check_end();
}
