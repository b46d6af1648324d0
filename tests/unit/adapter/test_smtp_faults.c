/* SPDX-License-Identifier: MIT */
/* Mail servers that stall, break off, lie: each ends at the right step, in time, with a text that
 * tells. The servers are scripts of tests/smtp_server.py. */
#include <netinet/in.h>
#include <sys/socket.h>

#include "smtp_fixture.h"

#define LIMIT_S 2

/* With a time limit, in the clear unless TLS is what the fault is about. */
static enum smtp_step fault(const char *arguments, bool is_clear)
{
    server_start(arguments);
    server.timeout_s = LIMIT_S;
    if (is_clear)
        in_the_clear();
    int64_t begin = jbi_monotonic_ms();
    CHECK(send_one() == JB_EIO);
    CHECK(jbi_monotonic_ms() - begin < LIMIT_S * 1000 + 1000);
    CHECK(err.text[0] != '\0');
    server_stop();
    return result.step;
}

static void stalls(const char *name, enum smtp_step step)
{
    CHECK(fault(textf("%s --tls none", name), true) == step);
    CHECK(result.is_temporary);
    CHECK_HAS(err.text, "did not answer");
    CHECK_HAS(err.text, "within 2 s");
}

static void silence_has_its_limit(void)
{
    stalls("greeting", SMTP_GREETING);
    CHECK(!result.may_have_sent);
    stalls("drip", SMTP_GREETING);
    stalls("endless_ehlo", SMTP_GREETING);
    stalls("stalled_answer", SMTP_BODY);
    CHECK(result.may_have_sent);
    CHECK_HAS(err.hint, "may have taken it");
}

static void silence_within_tls_has_its_limit(void)
{
    CHECK(fault("greeting", false) == SMTP_GREETING);
    server_start("stalled_answer");
    without_login();
    server.timeout_s = LIMIT_S;
    int64_t begin = jbi_monotonic_ms();
    CHECK(send_one() == JB_EIO && result.step == SMTP_BODY && result.may_have_sent);
    CHECK(jbi_monotonic_ms() - begin < LIMIT_S * 1000 + 1000);
    server_stop();
}

/* The server reads no more: what is on the way has not been sent. */
static void a_message_may_not_go_out(void)
{
    static const char *const admin[] = {"admin@journal.test"};
    size_t len = 7 << 20;
    char *message = malloc(len + 1);
    REQUIRE(message != NULL);
    memset(message, 'x', len);
    strcpy(message, MESSAGE);
    message[strlen(MESSAGE)] = 'x';
    for (size_t i = 900; i < len; i += 900)
        memcpy(message + i, "\r\n", 2);
    memcpy(message + len - 2, "\r\n", 3);
    server_start("stalled_reading --tls none");
    in_the_clear();
    server.timeout_s = LIMIT_S;
    int64_t begin = jbi_monotonic_ms();
    CHECK(send_to(admin, 1, message) == JB_EIO);
    CHECK(jbi_monotonic_ms() - begin < LIMIT_S * 1000 + 1000);
    CHECK(result.step == SMTP_BODY && result.is_temporary && !result.may_have_sent);
    server_stop();
    server_start("dropped_body --tls none"); /* SIGPIPE would end us here */
    in_the_clear();
    CHECK(send_to(admin, 1, message) == JB_EIO);
    CHECK(result.step == SMTP_BODY && result.is_temporary && !result.may_have_sent);
    server_stop();
    free(message);
}

static void an_answer_can_be_lost(void)
{
    CHECK(fault("lost_answer --tls none", true) == SMTP_BODY);
    CHECK(result.is_temporary && result.may_have_sent);
    server_start("lost_answer");
    without_login();
    CHECK(send_one() == JB_EIO);
    CHECK(result.step == SMTP_BODY && result.may_have_sent);
    server_stop();
}

static void what_is_taken_is_taken(void)
{
    int64_t begin = jbi_monotonic_ms();
    server_start("stalled_quit --tls none");
    in_the_clear();
    CHECK(send_one() == JB_OK);
    CHECK(result.step == SMTP_DONE && result.accepted == 1);
    CHECK(jbi_monotonic_ms() - begin < 8000); /* of 20 s */
    server_stop();
}

static void nobody_listens(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
    getsockname(fd, (struct sockaddr *)&at, &len);
    server = (struct smtp_server){
        .host = "127.0.0.1", .port = ntohs(at.sin_port), .tls = SMTP_TLS_OFF, .timeout_s = LIMIT_S};
    CHECK(send_one() == JB_EIO && result.step == SMTP_CONNECT && result.is_temporary);
    CHECK_HAS(err.text, "Connection refused");
    CHECK_HAS(err.hint, "MAIL_PORT");

    /* A full queue takes no connection, and says nothing: as an address behind which nobody is. */
    int waiting[8];
    REQUIRE(listen(fd, 0) == 0);
    for (int i = 0; i < 8; i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)!connect(waiting[i], (struct sockaddr *)&at, sizeof at);
    }
    int64_t begin = jbi_monotonic_ms();
    CHECK(send_one() == JB_EIO && result.step == SMTP_CONNECT && result.is_temporary);
    CHECK_HAS(err.text, "timed out");
    int64_t took = jbi_monotonic_ms() - begin;
    CHECK(took >= LIMIT_S * 1000 - 100 && took < LIMIT_S * 1000 + 1000);
    for (int i = 0; i < 8; i++)
        close(waiting[i]);
    close(fd);
    server.host = "no-such-host.invalid";
    CHECK(send_one() == JB_EIO && result.step == SMTP_RESOLVE);
    CHECK_HAS(err.text, "no-such-host.invalid");
    CHECK_HAS(err.hint, "MAIL_SERVER");
}

static void refusals_are_quoted(void)
{
    CHECK(fault("busy_greeting --tls none", true) == SMTP_GREETING && result.is_temporary);
    CHECK_TEXT(result.reply, "421 4.3.2 too many connections");
    CHECK(fault("refused_starttls", false) == SMTP_STARTTLS && result.is_temporary);
    CHECK_HAS(err.text, "454 4.7.0 no TLS today");
    CHECK(fault("no_ehlo", false) == SMTP_STARTTLS && !result.is_temporary);
    CHECK_HAS(err.text, "offers no STARTTLS");
    CHECK(fault("garbage --tls none", true) == SMTP_GREETING);
    CHECK(fault("ugly_words --tls none", true) == SMTP_SENDER);
    CHECK(strchr(result.reply, '\x1b') == NULL && strchr(err.text, '\xff') == NULL);
    CHECK_HAS(result.reply, "550 ");
}

static bool was_said(const char *command)
{
    return strstr(file_of("log"), command) != NULL;
}

static void what_precedes_tls_is_no_answer(void)
{
    CHECK(fault("injected", false) == SMTP_STARTTLS);
    CHECK_HAS(err.text, "says more than it may before TLS");
    CHECK(!was_said("SECURE") && !was_said("AUTH") && !was_said("MAIL"));
    /* Here it may be that TLS has begun, and meets what was said in the clear. */
    CHECK(fault("injected_later", false) == SMTP_STARTTLS);
    CHECK(!was_said("SECURE") && !was_said("AUTH") && !was_said("MAIL"));
}

static void no_mail_without_the_login(void)
{
    CHECK(fault("no_login", false) == SMTP_LOGIN && !result.is_temporary);
    CHECK_HAS(err.text, "offers no way to log in");
    CHECK(was_said("SECURE") && !was_said("MAIL"));
    CHECK(fault("ntlm", false) == SMTP_LOGIN && !result.is_temporary);
    CHECK_HAS(err.text, "NTLM");
    CHECK(!was_said("AUTH") && !was_said("MAIL"));
    server_start("second_way");
    CHECK(send_one() == JB_OK);
    server_stop();
}

static void a_server_cannot_give_the_password_away(void)
{
    CHECK(fault("echo", false) == SMTP_SENDER);
    CHECK_TEXT(result.reply, "550");
    CHECK(fault("echo_login", false) == SMTP_LOGIN);
    CHECK_TEXT(result.reply, "535 5.7.8");
    CHECK(strstr(err.text, "AGpi") == NULL); /* base64 of what was sent */
}

static void chunks_are_no_answer(void)
{
    server_start("chunks --tls none");
    in_the_clear();
    CHECK(send_one() == JB_OK && result.accepted == 1);
    CHECK(was_said("BDAT"));
    server_stop();
    /* libesmtp's status is then the 250 of a chunk. */
    CHECK(fault("stalled_chunks --tls none", true) == SMTP_BODY);
    CHECK(result.is_temporary && result.may_have_sent && result.accepted == 0);
}

int main(void)
{
    certificates_make();
    RUN(silence_has_its_limit);
    RUN(silence_within_tls_has_its_limit);
    RUN(a_message_may_not_go_out);
    RUN(an_answer_can_be_lost);
    RUN(what_is_taken_is_taken);
    RUN(nobody_listens);
    RUN(refusals_are_quoted);
    RUN(what_precedes_tls_is_no_answer);
    RUN(no_mail_without_the_login);
    RUN(a_server_cannot_give_the_password_away);
    RUN(chunks_are_no_answer);
    certificates_remove();
    return check_end();
}
