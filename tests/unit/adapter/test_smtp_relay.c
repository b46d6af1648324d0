/* SPDX-License-Identifier: MIT */
/* The relay by itself: who may connect to it, and what it lets through. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../check.h"
#include "adapter/smtp_parts.h"
#include "base/clock.h"

static struct smtp_relay relay;
static struct smtp_gate gate;
static pthread_t worker;
static int server_end; /* what the server would hold */
static struct jb_error err;

static void *work(void *user)
{
    (void)user;
    jbi_smtp_relay_run(&relay);
    return NULL;
}

static void begin(bool is_watched)
{
    int pair[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    fcntl(pair[0], F_SETFL, O_NONBLOCK);
    server_end = pair[1];
    memset(&relay, 0, sizeof relay);
    memset(&gate, 0, sizeof gate);
    gate.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    relay.until_ms = jbi_monotonic_ms() + 20000;
    relay.is_watched = is_watched;
    REQUIRE(jbi_smtp_relay_begin(&relay, pair[0], &gate, &err) == JB_OK);
    REQUIRE(pthread_create(&worker, NULL, work, NULL) == 0);
}

static void end(int client)
{
    jbi_smtp_gate_set(&gate, &gate.is_done, true);
    pthread_join(worker, NULL);
    jbi_smtp_relay_end(&relay);
    CHECK(!relay.is_late);
    close(client);
    close(server_end);
    close(gate.wake_fd);
}

static int connected(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons(relay.port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0 ? fd : -1;
}

static void say(int fd, const char *text)
{
    REQUIRE(send(fd, text, strlen(text), MSG_NOSIGNAL) == (ssize_t)strlen(text));
}

/* What comes next, up to as many bytes as are wanted. */
static bool hears(int fd, const char *want)
{
    char got[256];
    size_t len = 0;
    while (len < strlen(want)) {
        ssize_t more = recv(fd, got + len, strlen(want) - len, 0);
        if (more <= 0)
            return false;
        len += (size_t)more;
    }
    return memcmp(got, want, len) == 0;
}

static void nobody_else_gets_in(void)
{
    begin(false);
    say(server_end, "220 hello\r\n");
    pid_t other = fork();
    REQUIRE(other >= 0);
    if (other == 0) {
        char byte;
        int fd = connected();
        _exit(fd >= 0 && recv(fd, &byte, 1, 0) <= 0 ? 0 : 1);
    }
    int status;
    CHECK(waitpid(other, &status, 0) == other && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    int fd = connected();
    CHECK(hears(fd, "220 hello\r\n"));
    CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0); /* libesmtp does not see to that */
    say(fd, "EHLO x\r\n");
    CHECK(hears(server_end, "EHLO x\r\n"));
    int second = connected();
    char byte;
    CHECK(second >= 0 && recv(second, &byte, 1, 0) <= 0);
    close(second);
    end(fd);
    CHECK(!relay.is_injected);
}

static void starttls_ends_the_servers_turn(void)
{
    static const char *const answers[] = {"220 go\r\n250 more\r\n", "220-go\r\n220 on\r\n2",
                                          "220\n."};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        char byte;
        begin(true);
        int fd = connected();
        say(server_end, "220 hello\r\n250-mail\r\n250 STARTTLS\r\n");
        CHECK(hears(fd, "220 hello\r\n250-mail\r\n250 STARTTLS\r\n"));
        say(fd, "STARTTLS\r\n");
        CHECK(hears(server_end, "STARTTLS\r\n"));
        say(server_end, answers[i]);
        CHECK(recv(fd, &byte, 1, 0) <= 0);
        end(fd);
        CHECK(relay.is_injected);
    }
}

static void tls_passes_as_it_is(void)
{
    begin(true);
    int fd = connected();
    say(fd, "STARTTLS\r\n");
    CHECK(hears(server_end, "STARTTLS\r\n"));
    say(server_end, "220-go\r\n");
    say(server_end, "220 ");
    say(server_end, "on\r\n");
    CHECK(hears(fd, "220-go\r\n220 on\r\n"));
    say(fd, "\x16\x03\x01");
    CHECK(hears(server_end, "\x16\x03\x01"));
    say(server_end, "\x16\n220 x\nanything\n");
    CHECK(hears(fd, "\x16\n220 x\nanything\n"));
    end(fd);
    CHECK(!relay.is_injected);
}

static void a_shut_gate_lets_nothing_out(void)
{
    char byte;
    begin(false);
    int fd = connected();
    say(fd, "EHLO x\r\n");
    CHECK(hears(server_end, "EHLO x\r\n"));
    jbi_smtp_gate_set(&gate, &gate.is_shut, true);
    (void)!send(fd, "MAIL", 4, MSG_NOSIGNAL);
    CHECK(recv(server_end, &byte, 1, 0) == 0);
    end(fd);
}

int main(void)
{
    RUN(nobody_else_gets_in);
    RUN(starttls_ends_the_servers_turn);
    RUN(tls_passes_as_it_is);
    RUN(a_shut_gate_lets_nothing_out);
    return check_end();
}
