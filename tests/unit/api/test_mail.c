/* SPDX-License-Identifier: MIT */
/* Mails as they are made, read by Python's mail parser; and where their server is configured. */
#include "api/mail.h"

#include <sys/stat.h>
#include <time.h>

#include "../check.h"

static struct arena arena;
static struct jb_error err;
static struct text composed;
static char printed[16384]; /* what tests/read-mail.py says */

static const char *const admin[] = {"admin@journal.test"};

static const char *in_folder(const char *name)
{
    return jbi_arena_printf(&arena, "%s/%s", check_folder(), name);
}

static void write_text(const char *name, const char *text, size_t len)
{
    FILE *file = fopen(in_folder(name), "w");
    REQUIRE(file != NULL && fwrite(text, 1, len, file) == len && fclose(file) == 0);
}

static const char *read_text(const char *name)
{
    static char text[1 << 18];
    FILE *file = fopen(in_folder(name), "r");
    text[0] = '\0';
    if (file != NULL) {
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
    }
    return text;
}

static struct mail a_mail(const char *subject, const char *text)
{
    return (struct mail){.from = "backup@journal.test",
                         .recipients = admin,
                         .recipient_count = 1,
                         .subject = subject,
                         .text = text,
                         .date_us = 1720441822000000};
}

static int compose(const struct mail *mail)
{
    jbi_text_free(&composed);
    composed = (struct text){0};
    err = (struct jb_error){0};
    int code = jbi_mail_compose(mail, &composed, &err);
    CHECK(code == err.code);
    return code;
}

/* Makes it, and has it read. */
static void read_back(const struct mail *mail)
{
    REQUIRE(compose(mail) == JB_OK && !composed.failed);
    write_text("message", composed.at, composed.len);
    FILE *reader = popen(jbi_arena_printf(&arena, "PYTHONUTF8=1 python3 %s/read-mail.py %s",
                                          TESTS_FOLDER, check_folder()),
                         "r");
    REQUIRE(reader != NULL);
    printed[fread(printed, 1, sizeof printed - 1, reader)] = '\0';
    REQUIRE(pclose(reader) == 0);
    if (strstr(printed, "defect:") != NULL)
        printf("# %s\n", printed);
    CHECK(strstr(printed, "defect:") == NULL);
}

static void comes_back(const char *subject, const char *want, const char *text)
{
    struct mail mail = a_mail(subject, text);
    read_back(&mail);
    CHECK_TEXT(read_text("subject"), want);
    CHECK_TEXT(read_text("text"), text);
    const char *longest = strstr(printed, "longest: ");
    CHECK(longest != NULL && atoi(longest + 9) <= 78);
}

static void a_plain_mail_reads_as_written(void)
{
    static const char *const two[] = {"admin@journal.test", "second@journal.test"};
    struct mail mail = a_mail("backup of journal: CRITICAL", "All is lost.\nOr not.\n");
    mail.recipients = two;
    mail.recipient_count = 2;
    setenv("TZ", "America/St_Johns", 1);
    tzset();
    read_back(&mail);
    CHECK_HAS(composed.at, "Subject: backup of journal: CRITICAL\r\n");
    CHECK_HAS(composed.at, "Date: Mon, 08 Jul 2024 10:00:22 -0230\r\n");
    CHECK_HAS(printed, "unix: 1720441822\noffset: -9000\n");
    setenv("TZ", "Asia/Kolkata", 1);
    tzset();
    read_back(&mail);
    CHECK_HAS(printed, "unix: 1720441822\noffset: 19800\n");
    unsetenv("TZ");
    tzset();
    CHECK_HAS(printed, "From: backup@journal.test\n");
    CHECK_HAS(printed, "To: admin@journal.test, second@journal.test\n");
    CHECK_HAS(printed, "Auto-Submitted: auto-generated\n");
    CHECK_HAS(printed, "X-Auto-Response-Suppress: All\n");
    CHECK_HAS(printed, "MIME-Version: 1.0\n");
    CHECK_HAS(printed, "part: text/plain utf-8\n");
    CHECK_TEXT(read_text("subject"), "backup of journal: CRITICAL");
    CHECK_TEXT(read_text("text"), "All is lost.\nOr not.\n");
}

static void both_parts_are_there(void)
{
    struct mail mail = a_mail("parts", "=_ -- \n--=_\n");
    mail.html = "<!DOCTYPE html><p style=\"color: #123\">\xc3\xa4 &amp; \xe2\x82\xac</p>\n";
    read_back(&mail);
    CHECK_HAS(printed, "part: multipart/alternative None\npart: text/plain utf-8\n"
                       "part: text/html utf-8\n");
    CHECK_TEXT(read_text("text"), mail.text);
    CHECK_TEXT(read_text("page"), mail.html);
}

static void any_subject_comes_back(void)
{
    scope_text many = {0};
    comes_back("", "", "x\n");
    comes_back("Gr\xc3\xb6\xc3\x9f"
               "e gef\xc3\xa4hrdet \xe2\x9a\xa0",
               "Gr\xc3\xb6\xc3\x9f"
               "e gef\xc3\xa4hrdet \xe2\x9a\xa0",
               "x\n");
    comes_back("=?UTF-8?Q?fake?=", "=?UTF-8?Q?fake?=", "x\n");
    for (int i = 0; i < 300; i++)
        jbi_text_adds(&many, i % 3 == 0   ? "\xf0\x9f\x92\xbe"
                             : i % 3 == 1 ? "\xe2\x82\xac"
                                          : "\xc3\xa9");
    comes_back(many.at, many.at, "x\n");
    many.len = 0;
    for (int i = 0; i < 300; i++)
        jbi_text_adds(&many, "a");
    comes_back(many.at, many.at, "x\n");
    comes_back("bad \xff\xc3 bytes", "bad \xef\xbf\xbd\xef\xbf\xbd bytes", "x\n");
}

static void nobody_adds_a_header(void)
{
    static const char *const bad[] = {"a@b\r\nBcc: c@d", "", "a b@c", "a@b>"};
    struct mail mail = a_mail("one\r\nBcc: x@y.test\r\n\r\nbody\x01\x7f\ttab", "text\n");
    read_back(&mail);
    CHECK_TEXT(read_text("subject"), "one  Bcc: x@y.test    body   tab");
    CHECK(strstr(printed, "Bcc") == NULL);
    CHECK(strstr(composed.at, "\nBcc") == NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        mail = a_mail("x", "x");
        mail.from = bad[i];
        CHECK(compose(&mail) == JB_EINVAL);
        mail = a_mail("x", "x");
        mail.recipients = &bad[i];
        CHECK(compose(&mail) == JB_EINVAL);
        mail = a_mail("x", "x");
        mail.thread = bad[i];
        CHECK(compose(&mail) == JB_EINVAL);
    }
    mail = a_mail("x", "x");
    mail.recipient_count = 0;
    CHECK(compose(&mail) == JB_EINVAL);
}

static void any_body_comes_back(void)
{
    scope_text long_line = {0};
    comes_back("dots", "dots", ".\n..\n.x\n\n.\n");
    comes_back("ends", "ends", "space \ntab\t\n=\n=20\n From me\nFrom you\n");
    comes_back("lone", "lone", "a\rb\r\rc\n\rd\n");
    comes_back("other", "other", "\x01\x1b[31m\x7f \xc3\xa4\xf0\x9f\x92\xbe\n");
    for (int i = 0; i < 3000; i++)
        jbi_text_adds(&long_line, i % 7 == 0 ? "\xe2\x82\xac" : i % 5 == 0 ? "." : "x ");
    jbi_text_adds(&long_line, "\n");
    comes_back("long", "long", long_line.at);
    struct mail mail = a_mail("ends", "one\r\ntwo \r\nthree");
    read_back(&mail);
    CHECK_TEXT(read_text("text"), "one\ntwo \nthree\n");
    mail = a_mail("bad", "\xff|\xc3(\n");
    read_back(&mail);
    CHECK_TEXT(read_text("text"), "\xef\xbf\xbd|\xef\xbf\xbd(\n");
}

static const char *id_of(void)
{
    const char *id = strstr(composed.at, "Message-ID: ");
    REQUIRE(id != NULL);
    return jbi_arena_textn(&arena, id, strcspn(id, "\r"));
}

static void mails_of_a_thread_belong_together(void)
{
    struct mail mail = a_mail("x", "x\n");
    REQUIRE(compose(&mail) == JB_OK);
    const char *one = id_of();
    REQUIRE(compose(&mail) == JB_OK);
    CHECK(strcmp(one, id_of()) != 0);
    CHECK_HAS(one, "@journal.test>");
    CHECK(strstr(composed.at, "References:") == NULL);
    mail.thread = "20240708-143022.disk";
    mail.is_first = true;
    REQUIRE(compose(&mail) == JB_OK);
    CHECK_TEXT(id_of(), "Message-ID: <20240708-143022.disk@journal.test>");
    mail.is_first = false;
    read_back(&mail);
    CHECK_HAS(printed, "In-Reply-To: <20240708-143022.disk@journal.test>\n");
    CHECK_HAS(printed, "References: <20240708-143022.disk@journal.test>\n");
    CHECK(strcmp(id_of(), "Message-ID: <20240708-143022.disk@journal.test>") != 0);
}

/* ---- The server ---- */

static struct smtp_server server;
static const char *sender;
static bool is_set;

static void forget(void)
{
    static const char *const names[] = {"MAIL_SERVER",   "MAIL_PORT",    "MAIL_USERNAME",
                                        "MAIL_PASSWORD", "MAIL_USE_TLS", "MAIL_FROM",
                                        "MAIL_CA_FILE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
}

static int ask(const char *dotenv)
{
    const struct jb_project project = {.folder = check_folder()};
    if (dotenv != NULL)
        write_text(".env", dotenv, strlen(dotenv));
    else
        unlink(in_folder(".env"));
    err = (struct jb_error){0};
    sender = NULL;
    server = (struct smtp_server){0};
    int code = jbi_mail_server(&project, &arena, &server, &sender, &is_set, &err);
    CHECK(code == err.code && strstr(err.text, "s3cret") == NULL &&
          strstr(err.hint, "s3cret") == NULL);
    return code;
}

static void the_server_is_found(void)
{
    forget();
    CHECK(ask(NULL) == JB_OK && !is_set);
    CHECK(ask("DATABASE_URL=sqlite:///x\nMAIL_SERVER=\n") == JB_OK && !is_set);
    CHECK(ask("MAIL_SERVER=mail.test\n") == JB_OK && is_set);
    CHECK_TEXT(server.host, "mail.test");
    CHECK(server.port == 587 && server.tls == SMTP_TLS_REQUIRED && server.timeout_s == 30);
    CHECK(server.username == NULL && server.password == NULL && server.ca_file == NULL);
    CHECK(jbi_starts_with(sender, "backup@") && jbi_is_mail_address(sender));
    CHECK(ask("MAIL_SERVER=mail.test\nMAIL_PORT=25\nMAIL_USERNAME=\"jb\"\n"
              "export MAIL_PASSWORD='s3cret # x'\nMAIL_USE_TLS=No\nMAIL_FROM=jb@journal.test\n"
              "MAIL_CA_FILE=keys/ca.pem\n") == JB_OK);
    CHECK(server.port == 25 && server.tls == SMTP_TLS_OFF);
    CHECK_TEXT(server.username, "jb");
    CHECK_TEXT(server.password, "s3cret # x");
    CHECK_TEXT(sender, "jb@journal.test");
    CHECK_TEXT(server.ca_file, in_folder("keys/ca.pem"));
    setenv("MAIL_SERVER", "other.test", 1);
    setenv("MAIL_USE_TLS", "1", 1);
    setenv("MAIL_FROM", "", 1);
    CHECK(ask("MAIL_SERVER=mail.test\nMAIL_PORT=2525\nMAIL_FROM=jb@journal.test\n"
              "MAIL_USE_TLS=false\n") == JB_OK);
    CHECK_TEXT(server.host, "other.test");
    CHECK(server.port == 2525 && server.tls == SMTP_TLS_REQUIRED);
    CHECK(jbi_starts_with(sender, "backup@"));
    forget();
}

static void what_is_wrong_is_named(void)
{
    static const struct {
        const char *dotenv, *name;
    } bad[] = {
        {"MAIL_PORT=0", "MAIL_PORT"},
        {"MAIL_PORT=65536", "MAIL_PORT"},
        {"MAIL_PORT=587x", "MAIL_PORT"},
        {"MAIL_PORT=-1", "MAIL_PORT"},
        {"MAIL_PORT=99999999999999999999", "MAIL_PORT"},
        {"MAIL_USE_TLS=maybe", "MAIL_USE_TLS"},
        {"MAIL_USE_TLS=falsee", "MAIL_USE_TLS"},
        {"MAIL_USERNAME=jb", "MAIL_PASSWORD"},
        {"MAIL_USERNAME=jb\nMAIL_PASSWORD=", "MAIL_PASSWORD"},
        {"MAIL_PASSWORD=s3cret", "MAIL_USERNAME"},
        {"MAIL_FROM=Backup <jb@journal.test>", "MAIL_FROM"},
        {"MAIL_SERVER=mail.test:587", "MAIL_SERVER"},
        {"MAIL_SERVER=smtp://mail.test", "MAIL_SERVER"},
    };
    forget();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(ask(jbi_arena_printf(&arena, "MAIL_SERVER=mail.test\n%s\n", bad[i].dotenv)) ==
              JB_EINVAL);
        CHECK_HAS(err.text, bad[i].name);
        CHECK_HAS(err.text, in_folder(".env"));
    }
    setenv("MAIL_PORT", "smtp", 1);
    CHECK(ask("MAIL_SERVER=mail.test") == JB_EINVAL);
    CHECK_HAS(err.text, "MAIL_PORT in the environment");
    forget();
    char *long_text = jbi_arena_alloc(&arena, 300);
    memset(long_text, 'x', 256);
    CHECK(ask(jbi_arena_printf(&arena, "MAIL_SERVER=a\nMAIL_USERNAME=jb\nMAIL_PASSWORD=%s\n",
                               long_text)) == JB_EINVAL);
    CHECK_HAS(err.text, "MAIL_PASSWORD");
    CHECK(strstr(err.text, "xxxx") == NULL);
    unlink(in_folder(".env"));
    REQUIRE(mkdir(in_folder(".env"), 0700) == 0);
    const struct jb_project project = {.folder = check_folder()};
    err = (struct jb_error){0};
    CHECK(jbi_mail_server(&project, &arena, &server, &sender, &is_set, &err) < 0 && !is_set);
    CHECK_HAS(err.text, "MAIL_SERVER");
}

int main(void)
{
    RUN(a_plain_mail_reads_as_written);
    RUN(both_parts_are_there);
    RUN(any_subject_comes_back);
    RUN(nobody_adds_a_header);
    RUN(any_body_comes_back);
    RUN(mails_of_a_thread_belong_together);
    RUN(the_server_is_found);
    RUN(what_is_wrong_is_named);
    jbi_text_free(&composed);
    jbi_arena_free(&arena);
    return check_end();
}
