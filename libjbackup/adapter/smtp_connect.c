/* SPDX-License-Identifier: MIT */
/* The way to the server: name, addresses, connection. Invariant: nothing here waits longer than it
 * was told, and a dead address leaves time for the next. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "adapter/smtp_parts.h"
#include "base/clock.h"
#include "base/error.h"
#include "os/lookup.h"

/* 1: ready, 0: the time is up, -1: errno. */
static int wait_for(int fd, short events, int64_t until_ms)
{
    struct pollfd wanted = {.fd = fd, .events = events};
    int got;
    do {
        int64_t left = until_ms - jbi_monotonic_ms();
        got = poll(&wanted, 1, left > 0 ? (int)left : 0);
    } while (got < 0 && errno == EINTR);
    return got;
}

static int fail_lookup(const struct smtp_server *server, int why, struct smtp_result *result,
                       struct jb_error *err)
{
    result->step = SMTP_RESOLVE;
    result->is_temporary = why == EAI_AGAIN || why == EAI_SYSTEM || why == EAI_MEMORY;
    jbi_fail(err, JB_EIO, "cannot find the mail server \"%s\": %s", server->host,
             gai_strerror(why));
    jbi_hint(err, "is MAIL_SERVER spelled right, and do this machine's name servers answer?");
    return JB_EIO;
}

/* Ends at once: 0, or errno. */
static int try_address(const struct addrinfo *address, int64_t until_ms, int *out)
{
    const int on = 1;
    int why = 0;
    socklen_t len = sizeof why;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, address->ai_addr, address->ai_addrlen) < 0) {
        why = errno;
        if (why == EINPROGRESS || why == EINTR) {
            int got = wait_for(fd, POLLOUT, until_ms);
            why = got == 0 ? ETIMEDOUT : errno;
            if (got > 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &len) < 0)
                why = errno;
        }
    }
    if (why == 0)
        *out = fd;
    else
        close(fd);
    return why;
}

static int try_all(const struct addrinfo *found, int64_t until_ms, int *out)
{
    int why = EADDRNOTAVAIL, left = 0;
    for (const struct addrinfo *each = found; each != NULL; each = each->ai_next)
        left++;
    for (; found != NULL; found = found->ai_next, left--) {
        int64_t now = jbi_monotonic_ms();
        why = try_address(found, now + (until_ms - now) / left, out);
        if (why == 0)
            return 0;
    }
    return why;
}

int jbi_smtp_connect(const struct smtp_server *server, int64_t until_ms, int *out,
                     struct smtp_result *result, struct jb_error *err)
{
    struct lookup *lookup = NULL;
    const struct addrinfo *found = NULL;
    char port[8];
    snprintf(port, sizeof port, "%d", server->port);
    int code = jbi_lookup_begin(&lookup, server->host, port, err);
    result->step = SMTP_RESOLVE;
    if (code < 0)
        return code;
    int why = wait_for(jbi_lookup_fd(lookup), POLLIN, until_ms) > 0
                  ? jbi_lookup_result(lookup, &found)
                  : EAI_AGAIN;
    if (why != 0) {
        code = fail_lookup(server, why, result, err);
    } else {
        result->step = SMTP_CONNECT;
        errno = try_all(found, until_ms, out);
        if (errno != 0) {
            result->is_temporary = true;
            code = jbi_fail_errno(err, JB_EIO, "cannot connect to the mail server \"%s\", port %d",
                                  server->host, server->port);
            jbi_hint(err, "does it run, is MAIL_PORT right (587 as a rule), and does no firewall "
                          "stand between?");
        }
    }
    jbi_lookup_end(lookup);
    return code;
}
