/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_ADAPTER_SMTP_FIXTURE_H
#define TESTS_UNIT_ADAPTER_SMTP_FIXTURE_H

/* A mail server of the test's own (tests/smtp_server.py) in the test's folder, and sending to it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

#include "adapter/smtp.h"
#include "base/clock.h"
#include "check.h"

#define MAYBE    __attribute__((unused)) static
#define PASSWORD "s3cret"
#define MESSAGE                                                                                    \
    "Date: Mon, 08 Jul 2024 14:30:22 +0200\r\nFrom: backup@journal.test\r\n"                       \
    "To: admin@journal.test\r\nMessage-ID: <1@journal.test>\r\nSubject: test\r\n\r\nHello\r\n"

static char certificates[64]; /* the folder */
static pid_t server_pid;
static struct smtp_server server;
static struct smtp_result result;
static struct jb_error err;

/* Another text, good for the next eight calls. */
__attribute__((format(printf, 1, 2))) MAYBE const char *textf(const char *format, ...)
{
    static char texts[8][1024];
    static unsigned next;
    char *text = texts[next++ % 8];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof texts[0], format, args);
    va_end(args);
    return text;
}

MAYBE void shell(const char *command)
{
    int status = system(command);
    if (status != 0)
        printf("# status %d: %s\n", status, command);
    REQUIRE(status == 0);
}

/* An authority, and certificates of it, good and bad; and one that vouches for itself. */
MAYBE void certificates_make(void)
{
    static const char script[] =
        "key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'; exec 2>openssl.log; set -e; "
        "openssl req -x509 $key -days 30 -subj '/CN=authority' -keyout ca.key -out ca.pem "
        "-addext basicConstraints=critical,CA:TRUE; "
        "openssl req -x509 $key -days 30 -subj /CN=localhost -keyout own.key -out own.pem "
        "-addext subjectAltName=DNS:localhost; "
        "make() { openssl req $key -subj /CN=$2 -keyout $1.key -out $1.csr; "
        "echo subjectAltName=$4 >ext; openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key "
        "-CAcreateserial -days $3 -extfile ext -out $1.pem; }; "
        "make localhost localhost 30 DNS:localhost,IP:127.0.0.1; "
        "make other localhost 30 DNS:other.test; make expired localhost -1 DNS:localhost";
    strcpy(certificates, "/tmp/jbackup-test-smtp-XXXXXX");
    REQUIRE(mkdtemp(certificates) != NULL);
    char command[2048];
    snprintf(command, sizeof command, "cd %s; %s", certificates, script);
    shell(command);
}

MAYBE void certificates_remove(void)
{
    shell(textf("rm -rf %s", certificates));
}

MAYBE char *file_text(const char *path)
{
    static char text[1 << 20];
    FILE *file = fopen(path, "r");
    text[0] = '\0';
    if (file != NULL) {
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
    }
    return text;
}

MAYBE const char *file_of(const char *name)
{
    return file_text(textf("%s/%s", check_folder(), name));
}

MAYBE bool is_there(const char *name)
{
    return access(textf("%s/%s", check_folder(), name), F_OK) == 0;
}

/* Starts the server; arguments: after the folder, separated by spaces. */
MAYBE void server_start(const char *arguments)
{
    const char *command = textf("exec /usr/bin/python3 %s/smtp_server.py %s %s", TESTS_FOLDER,
                                check_folder(), arguments);
    shell(textf("ln -sf %s/*.pem %s/*.key %s/ && rm -f %s/port", certificates, certificates,
                check_folder(), check_folder()));
    server_pid = fork();
    REQUIRE(server_pid >= 0);
    if (server_pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 200 && !is_there("port"); i++)
        usleep(50000);
    err = (struct jb_error){0};
    server = (struct smtp_server){.host = "localhost",
                                  .port = atoi(file_of("port")),
                                  .username = "jb",
                                  .password = PASSWORD,
                                  .ca_file = NULL,
                                  .timeout_s = 20};
    static char ca_file[128];
    snprintf(ca_file, sizeof ca_file, "%s/ca.pem", certificates);
    server.ca_file = ca_file;
    REQUIRE(server.port > 0);
}

MAYBE void server_stop(void)
{
    int status;
    kill(server_pid, SIGKILL);
    waitpid(server_pid, &status, 0);
}

MAYBE void without_login(void)
{
    server.username = server.password = NULL;
}

MAYBE void in_the_clear(void)
{
    server.tls = SMTP_TLS_OFF;
    without_login();
}

MAYBE int send_to(const char *const *recipients, size_t count, const char *message)
{
    err = (struct jb_error){0};
    memset(&result, 0xff, sizeof result);
    int code = jbi_smtp_send(&server, "backup@journal.test", recipients, count, message,
                             strlen(message), &result, &err);
    CHECK(code == err.code);
    CHECK(strstr(err.text, PASSWORD) == NULL && strstr(result.reply, PASSWORD) == NULL);
    CHECK(strlen(result.reply) < sizeof result.reply);
    return code;
}

MAYBE int send_one(void)
{
    static const char *const admin[] = {"admin@journal.test"};
    int code = send_to(admin, 1, MESSAGE);
    if (code < 0)
        printf("# step %d%s: %s (%s)\n", (int)result.step, result.is_temporary ? ", for now" : "",
               err.text, err.hint);
    return code;
}

/* Starts this server, sends to it, stops it: the step. */
MAYBE enum smtp_step step_with(const char *arguments, bool is_clear)
{
    server_start(arguments);
    if (is_clear)
        in_the_clear();
    CHECK(send_one() == JB_EIO);
    server_stop();
    return result.step;
}

#endif
