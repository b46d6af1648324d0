/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_HTTP_FIXTURE_H
#define TESTS_UNIT_HTTP_FIXTURE_H

/* A real web server on the loopback, tests/http_server.py, in the folder web/ of the test's. */
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"

#define WEB __attribute__((unused)) static

static struct {
    int port;
    pid_t pid;
} web;

WEB int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
            getsockname(fd, (struct sockaddr *)&address, &len) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

WEB const char *web_path(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/web/%s", check_folder(), name);
    return path;
}

/* Sets what the server does from the next request on; NULL: the default again. */
WEB void web_set(const char *name, const char *value)
{
    if (value == NULL) {
        unlink(web_path(name));
        return;
    }
    FILE *file = fopen(web_path(name), "w");
    REQUIRE(file != NULL && fputs(value, file) >= 0 && fclose(file) == 0);
}

WEB bool web_answers(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)web.port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return ok;
}

/* Starts it at web.port, which is chosen the first time. */
WEB void web_start(void)
{
    char port[16], folder[256];
    if (web.port == 0)
        web.port = free_port();
    snprintf(port, sizeof port, "%d", web.port);
    snprintf(folder, sizeof folder, "%s/web", check_folder());
    REQUIRE(mkdir(folder, 0755) == 0 || access(folder, W_OK) == 0);
    fflush(stdout);
    web.pid = fork();
    REQUIRE(web.pid >= 0);
    if (web.pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* also when a test stops half way */
        execlp("python3", "python3", TESTS_FOLDER "/http_server.py", port, folder, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 300 && !web_answers(); i++)
        usleep(50000);
    REQUIRE(web_answers());
}

WEB void web_stop(void)
{
    if (web.pid > 0) {
        kill(web.pid, SIGKILL);
        waitpid(web.pid, NULL, 0);
    }
    web.pid = 0;
}

/* The text of request number 1, 2, ... as JSON; "" if there was none. */
WEB const char *web_request(int number)
{
    static char text[200000];
    char name[64];
    snprintf(name, sizeof name, "requests/%03d.json", number);
    FILE *file = fopen(web_path(name), "r");
    text[0] = '\0';
    if (file == NULL)
        return text;
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

WEB int web_count(void)
{
    int count = 0;
    while (web_request(count + 1)[0] != '\0')
        count++;
    return count;
}

#endif
