/* SPDX-License-Identifier: MIT */
/* Mails to a real server: what arrives, who is trusted, who is let in, and what a program that
 * sends them notices of it. */
#include <pthread.h>

#include "smtp_fixture.h"

#define ROUNDS 40

static void a_mail_arrives(void)
{
    server_start("real");
    CHECK(send_one() == JB_OK);
    CHECK(result.step == SMTP_DONE && result.accepted == 1 && result.refused == 0);
    CHECK(!result.is_temporary && !result.may_have_sent);
    CHECK_TEXT(result.reply, "250 2.0.0 taken as 1");
    CHECK_TEXT(file_of("mail.1"), MESSAGE);
    const char *known = file_of("mail.1.json");
    CHECK_HAS(known, "\"from\": \"backup@journal.test\"");
    CHECK_HAS(known, "\"to\": [\"admin@journal.test\"]");
    CHECK_HAS(known, "\"tls\": true");
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    CHECK_HAS(known, textf("\"helo\": \"%s\"", host));
    CHECK_HAS(known, "\"login\": true");
    CHECK_HAS(file_of("log"), "SNI localhost");
    server_stop();
}

static void nothing_of_a_message_is_changed(void)
{
    static const char *const admin[] = {"admin@journal.test"};
    static const char head[] =
        "Date: Mon, 08 Jul 2024 14:30:22 +0200\r\nFrom: backup@journal.test\r\n"
        "To: admin@journal.test,\r\n second@journal.test\r\nMessage-ID: <1@journal.test>\r\n"
        "Subject: =?UTF-8?B?w6Q=?=\r\n\tfolded\r\nReferences: <0@journal.test>\r\n"
        "Auto-Submitted: auto-generated\r\nX-Own: 1\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain;\r\n charset=UTF-8\r\n\r\n";
    static char message[400000];
    strcpy(message, head);
    char *end = message + strlen(message);
    while (end < message + sizeof message - 1100) {
        static unsigned line;
        size_t len = line++ % 999;
        memset(end, '.', len);
        memcpy(end + len, "\r\n", 3);
        end += len + 2;
    }
    server_start("real");
    CHECK(send_to(admin, 1, message) == JB_OK);
    CHECK(strcmp(file_of("mail.1"), message) == 0);
    server_stop();
}

/* Each version of TLS, again and again in one process. */
static void many_mails_in_a_row(const char *version)
{
    int64_t begin = jbi_monotonic_ms();
    server_start(textf("real --tls %s", version));
    for (int i = 1; i <= ROUNDS; i++) {
        CHECK(send_one() == JB_OK);
        CHECK_HAS(file_of(textf("mail.%d.json", i)), textf("\"TLSv%s\"", version));
    }
    CHECK(jbi_monotonic_ms() - begin < 20000); /* none had to wait for its time limit */
    server_stop();
}

static void many_mails_by_tls_1_2(void)
{
    many_mails_in_a_row("1.2");
}

static void many_mails_by_tls_1_3(void)
{
    many_mails_in_a_row("1.3");
}

static void *send_five(void *argument)
{
    static const char *const admin[] = {"admin@journal.test"};
    size_t *good = argument;
    for (int i = 0; i < 5; i++) {
        struct smtp_result own;
        struct jb_error why = {0};
        *good += jbi_smtp_send(&server, "backup@journal.test", admin, 1, MESSAGE, strlen(MESSAGE),
                               &own, &why) == JB_OK;
        if (why.code != 0)
            printf("# %s\n", why.text);
    }
    return NULL;
}

static void threads_do_not_mind_each_other(void)
{
    pthread_t threads[4];
    size_t good[4] = {0};
    server_start("real");
    for (int i = 0; i < 4; i++)
        REQUIRE(pthread_create(&threads[i], NULL, send_five, &good[i]) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++)
        CHECK(good[i] == 5);
    CHECK(is_there("mail.20") && !is_there("mail.21"));
    server_stop();
}

/* Nothing that could tell the password, or the mail. */
static void nothing_was_said(void)
{
    const char *log = file_of("log");
    CHECK(strstr(log, "AUTH") == NULL && strstr(log, "LOGIN") == NULL &&
          strstr(log, "MAIL") == NULL);
    CHECK(!is_there("mail.1"));
}

static void refused(const char *arguments, const char *why)
{
    CHECK(step_with(arguments, false) == SMTP_STARTTLS);
    CHECK_HAS(err.text, why);
    CHECK_HAS(err.text, "\"localhost\"");
    CHECK(err.hint[0] != '\0');
    CHECK(!result.is_temporary && !result.may_have_sent && result.accepted == 0);
    nothing_was_said();
}

static void a_bad_certificate_is_refused_expired(void)
{
    refused("real --cert expired", "certificate has expired");
}

static void a_bad_certificate_is_refused_self_signed(void)
{
    refused("real --cert own", "self-signed certificate");
}

static void a_bad_certificate_is_refused_other_name(void)
{
    refused("real --cert other", "hostname mismatch");
}

static void no_starttls_is_refused(void)
{
    refused("real --tls none", "offers no STARTTLS");
}

static void the_authority_must_be_known(void)
{
    server_start("real");
    server.ca_file = textf("%s/own.pem", certificates);
    CHECK(send_one() == JB_EIO && result.step == SMTP_STARTTLS);
    CHECK_HAS(err.text, "is not to be trusted");
    server.ca_file = textf("%s/none.pem", certificates);
    CHECK(send_one() == JB_EINVAL);
    CHECK_HAS(err.text, "/none.pem\"");
    server.ca_file = textf("%s/ca.key", certificates);
    CHECK(send_one() == JB_EINVAL);
    nothing_was_said();
    server_stop();
}

static void an_address_can_be_the_host(void)
{
    server_start("real");
    server.host = "127.0.0.1";
    CHECK(send_one() == JB_OK);
    server_stop();
    server_start("real --cert other");
    server.host = "127.0.0.1";
    CHECK(send_one() == JB_EIO && result.step == SMTP_STARTTLS);
    CHECK_HAS(err.text, "IP address mismatch");
    server_stop();
}

static void in_the_clear_by_word_only(void)
{
    server_start("real --tls none");
    server.tls = SMTP_TLS_OFF;
    CHECK(send_one() == JB_OK);
    CHECK_HAS(file_of("mail.1.json"), "\"tls\": false, \"login\": true");
    server_stop();
}

static void the_login_is_told_of(void)
{
    server_start("real");
    server.password = "not s3cr3t";
    CHECK(send_one() == JB_EIO);
    CHECK(result.step == SMTP_LOGIN && !result.is_temporary);
    CHECK_TEXT(result.reply, "535 5.7.8");
    CHECK_HAS(err.text, "refuses the login: 535 5.7.8");
    CHECK_HAS(err.hint, "MAIL_PASSWORD");
    CHECK(strstr(file_of("log"), "MAIL") == NULL);
    server_stop();
    CHECK(step_with("real --login 454", false) == SMTP_LOGIN);
    CHECK(result.is_temporary);
    CHECK_TEXT(result.reply, "454 4.7.0");
}

static void a_login_may_be_needed(void)
{
    server_start("real");
    without_login();
    CHECK(send_one() == JB_EIO);
    CHECK(result.step == SMTP_SENDER && !result.is_temporary);
    CHECK_HAS(result.reply, "530 ");
    server_stop();
}

static void recipients_are_counted(void)
{
    static const char *const one_bad[] = {"admin@journal.test", "x@refused.test"};
    static const char *const both_bad[] = {"x@refused.test", "y@refused.test"};
    static const char *const later[] = {"x@later.test"};
    server_start("real");
    CHECK(send_to(one_bad, 2, MESSAGE) == JB_EIO);
    CHECK(result.step == SMTP_DONE && result.accepted == 1 && result.refused == 1);
    CHECK_TEXT(result.reply, "550 5.1.1 nobody of that name");
    CHECK_HAS(err.text, "x@refused.test");
    CHECK_HAS(file_of("mail.1.json"), "\"to\": [\"admin@journal.test\"]");
    CHECK(send_to(both_bad, 2, MESSAGE) == JB_EIO);
    CHECK(result.step == SMTP_RECIPIENT && result.accepted == 0 && result.refused == 2);
    CHECK(!result.is_temporary && !result.may_have_sent);
    CHECK(send_to(later, 1, MESSAGE) == JB_EIO);
    CHECK(result.step == SMTP_RECIPIENT && result.is_temporary);
    CHECK_HAS(err.text, "451 4.2.0 the box is being moved");
    CHECK(!is_there("mail.2"));
    server_stop();
}

static void later_is_another_time(void)
{
    server_start("real --busy 1");
    CHECK(send_one() == JB_EIO);
    CHECK(result.step == SMTP_BODY && result.is_temporary && !result.may_have_sent);
    CHECK_TEXT(result.reply, "451 4.3.2 not now");
    CHECK(send_one() == JB_OK);
    CHECK(is_there("mail.1") && !is_there("mail.2"));
    server_stop();
}

static void nobody_writes_commands(void)
{
    static const char *const bad[] = {"",      "a",          "a@",           "@b",
                                      "a@b@c", "a b@c",      "a@b>\r\nDATA", "a@b\n",
                                      "<a@b>", "a@\xc3\xa4", "a@b\x7f",      "\ta@b"};
    static const char *const messages[] = {
        "",
        "Subject: x\r\n",
        "\r\nbody\r\n",
        "Subject: x\n\nbody\n",
        "Subject: x\r\n\r\nbody",
        "Subject: x\r\n\r\nbo\ndy\r\n",
        "Subject: x\r\n\r\nbo\rdy\r\n",
        "Subject: x\r\n\r\nbody\r",
    };
    char long_text[1200];
    server_start("real");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(!jbi_is_mail_address(bad[i]));
        CHECK(send_to(&bad[i], 1, MESSAGE) == JB_EINVAL);
    }
    const char *good = "admin@journal.test";
    CHECK(jbi_is_mail_address(good) && jbi_is_mail_address("o'brien+x@[127.0.0.1]"));
    for (size_t i = 0; i < sizeof messages / sizeof *messages; i++)
        CHECK(send_to(&good, 1, messages[i]) == JB_EINVAL);
    snprintf(long_text, sizeof long_text, "Subject: x\r\n\r\n%0999d\r\n", 1);
    CHECK(send_to(&good, 1, long_text) == JB_EINVAL);
    CHECK(jbi_smtp_send(&server, "a@b>\r\nRSET", &good, 1, MESSAGE, strlen(MESSAGE), &result,
                        NULL) == JB_EINVAL);
    CHECK(send_to(&good, 0, MESSAGE) == JB_EINVAL);
    memset(long_text, 'x', 256);
    long_text[256] = '\0';
    server.password = long_text; /* libesmtp's PLAIN has no room for it */
    CHECK(send_one() == JB_EINVAL);
    server.password = "";
    CHECK(send_one() == JB_EINVAL);
    server.host = "a\r\nb";
    CHECK(send_one() == JB_EINVAL);
    CHECK_TEXT(file_of("log"), "");
    server_stop();
}

/* libesmtp makes its descriptor without that, and names what it finds in the user's folder. */
static void the_users_folder_is_told_of(void)
{
    const char *folder = check_folder();
    server_start("real");
    shell(textf("mkdir -p %s/libesmtp/private && touch %s/libesmtp/private/127.0.0.1.pem", folder,
                folder));
    setenv("XDG_CONFIG_DIR", folder, 1);
    CHECK(send_one() == JB_EIO);
    CHECK_HAS(err.text, "libesmtp/private/127.0.0.1.pem");
    CHECK_HAS(err.hint, "XDG_CONFIG_DIR");
    setenv("XDG_CONFIG_DIR", "/nonexistent", 1);
    CHECK(send_one() == JB_OK);
    unsetenv("XDG_CONFIG_DIR");
    char *home = strdup(getenv("HOME"));
    setenv("HOME", "/dev/null", 1);
    CHECK(send_one() == JB_EIO);
    unsetenv("HOME");
    CHECK(send_one() == JB_OK);
    setenv("HOME", home, 1);
    free(home);
    server_stop();
}

static int descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void signals_and_descriptors_stay(void)
{
    sigset_t some, before, after, pending;
    sigemptyset(&some);
    sigaddset(&some, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &some, &before);
    struct sigaction pipe_before, pipe_after;
    sigaction(SIGPIPE, NULL, &pipe_before);
    CHECK(pipe_before.sa_handler == SIG_DFL); /* it would end the program */
    int count = descriptors();
    CHECK(step_with("dropped_body --tls none", true) == SMTP_BODY);
    CHECK(step_with("real --cert expired", false) == SMTP_STARTTLS);
    CHECK(descriptors() == count);
    sigaction(SIGPIPE, NULL, &pipe_after);
    CHECK(pipe_after.sa_handler == SIG_DFL);
    pthread_sigmask(SIG_SETMASK, &before, &after);
    CHECK(sigismember(&after, SIGUSR2) == 1 && sigismember(&after, SIGPIPE) == 0);
    sigpending(&pending);
    CHECK(sigismember(&pending, SIGPIPE) == 0);
}

int main(void)
{
    certificates_make();
    RUN(a_mail_arrives);
    RUN(nothing_of_a_message_is_changed);
    RUN(many_mails_by_tls_1_2);
    RUN(many_mails_by_tls_1_3);
    RUN(threads_do_not_mind_each_other);
    RUN(a_bad_certificate_is_refused_expired);
    RUN(a_bad_certificate_is_refused_self_signed);
    RUN(a_bad_certificate_is_refused_other_name);
    RUN(no_starttls_is_refused);
    RUN(the_authority_must_be_known);
    RUN(an_address_can_be_the_host);
    RUN(in_the_clear_by_word_only);
    RUN(the_login_is_told_of);
    RUN(a_login_may_be_needed);
    RUN(recipients_are_counted);
    RUN(later_is_another_time);
    RUN(nobody_writes_commands);
    RUN(the_users_folder_is_told_of);
    RUN(signals_and_descriptors_stay);
    certificates_remove();
    return check_end();
}
