/* SPDX-License-Identifier: MIT */
/* The protocol of sd_notify: datagrams to the socket that the environment names. One that does not
 * arrive is nothing that the monitor could mend. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cli_monitor.h"

#define STATUS_SIZE 512

/* An abstract name begins with an @, which stands for a NUL. */
static bool find_socket(struct sockaddr_un *to, socklen_t *len)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t size = path ? strlen(path) : 0;
    if (size < 2 || size >= sizeof to->sun_path || (path[0] != '/' && path[0] != '@'))
        return false;
    *to = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(to->sun_path, path, size);
    if (path[0] == '@')
        to->sun_path[0] = '\0';
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    return true;
}

void notify(const char *state)
{
    struct sockaddr_un to;
    socklen_t len;
    if (!find_socket(&to, &len))
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    while (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, len) < 0 &&
           errno == EINTR)
        continue;
    close(fd);
}

void notify_status(const char *text)
{
    char state[STATUS_SIZE], line[STATUS_SIZE];
    snprintf(state, sizeof state, "STATUS=%s",
             cli_printable(line, sizeof line - strlen("STATUS="), text));
    notify(state);
}

/* Half of the watchdog's time, in milliseconds; 0: there is none, or it is another process's. */
static int64_t watchdog_ms(void)
{
    const char *limit = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    if (limit == NULL || (pid != NULL && strtol(pid, NULL, 10) != getpid()))
        return 0;
    long long us = strtoll(limit, NULL, 10);
    return us > 0 ? us / 2000 : 0;
}

void notify_alive(void)
{
    static int64_t told_ms;
    struct timespec at;
    int64_t every_ms = watchdog_ms();
    clock_gettime(CLOCK_MONOTONIC, &at);
    int64_t now_ms = (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000;
    if (every_ms == 0 || (told_ms != 0 && now_ms - told_ms < every_ms / 2))
        return;
    told_ms = now_ms;
    notify("WATCHDOG=1");
}
