/* SPDX-License-Identifier: MIT */
/* Entries for systemd's journal, as they arrive at a datagram socket of the test's own. */
#include "adapter/journal.h"

#include <endian.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "check.h"

static struct jb_error err;
static char path[128], got[65536];
static size_t got_len;

static int listen_at(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    err = (struct jb_error){0};
    snprintf(path, sizeof path, "%s/socket", check_folder());
    strcpy(at.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    REQUIRE(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0);
    return fd;
}

static void receive(int fd)
{
    ssize_t len = recv(fd, got, sizeof got - 1, 0);
    got_len = len > 0 ? (size_t)len : 0;
    got[got_len] = '\0';
}

static void sends_fields(void)
{
    static const struct journal_field fields[] = {{"MESSAGE", "no backup = for 30 hours"},
                                                  {"PRIORITY", "2"},
                                                  {"JBACKUP_CHECK", NULL},
                                                  {"JBACKUP_SUBJECT", "journal \xe2\x82\xac"}};
    int fd = listen_at();
    CHECK(jbi_journal_send(path, fields, 4, &err) == JB_OK);
    receive(fd);
    CHECK_TEXT(got, "MESSAGE=no backup = for 30 hours\nPRIORITY=2\nJBACKUP_SUBJECT=journal "
                    "\xe2\x82\xac\n");
    close(fd);
}

static void lines_in_a_value_are_no_fields(void)
{
    static const struct journal_field field = {"MESSAGE", "one\nPRIORITY=0"};
    uint64_t size;
    int fd = listen_at();
    CHECK(jbi_journal_send(path, &field, 1, &err) == JB_OK);
    receive(fd);
    CHECK(got_len == 8 + 8 + 14 + 1 && memcmp(got, "MESSAGE\n", 8) == 0);
    memcpy(&size, got + 8, sizeof size);
    CHECK(le64toh(size) == 14);
    CHECK_TEXT(got + 16, "one\nPRIORITY=0\n");
    static const struct journal_field bad[] = {
        {"MES\nSAGE", "x"}, {"_PID", "1"}, {"", "x"}, {"message", "x"}, {"A=B", "x"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        err = (struct jb_error){0};
        CHECK(jbi_journal_send(path, &bad[i], 1, &err) == JB_EINVAL);
    }
    receive(fd);
    CHECK(got_len == 0);
    close(fd);
}

static void long_values_are_cut(void)
{
    static char value[2 * JOURNAL_VALUE_MAX];
    memset(value, 'x', sizeof value - 1);
    struct journal_field field = {"MESSAGE", value};
    int fd = listen_at();
    CHECK(jbi_journal_send(path, &field, 1, &err) == JB_OK);
    receive(fd);
    CHECK(got_len == strlen("MESSAGE=\n") + JOURNAL_VALUE_MAX);
    close(fd);
}

static void no_journal_is_fine(void)
{
    static const struct journal_field field = {"MESSAGE", "x"};
    int fd = listen_at();
    CHECK(jbi_journal_send("/nowhere/at/all", &field, 1, &err) == JB_OK);
    close(fd); /* nobody listens any more */
    CHECK(jbi_journal_send(path, &field, 1, &err) == JB_OK);
    char long_path[300];
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    err = (struct jb_error){0};
    CHECK(jbi_journal_send(long_path, &field, 1, &err) == JB_EINVAL);
}

static void full_journal_is_not_waited_for(void)
{
    static const struct journal_field field = {"MESSAGE", "x"};
    int fd = listen_at(), code = JB_OK;
    for (int i = 0; i < 100000 && code == JB_OK; i++)
        code = jbi_journal_send(path, &field, 1, &err);
    CHECK(code == JB_EIO);
    CHECK_HAS(err.text, "does not take an entry");
    close(fd);
}

int main(void)
{
    RUN(sends_fields);
    RUN(lines_in_a_value_are_no_fields);
    RUN(long_values_are_cut);
    RUN(no_journal_is_fine);
    RUN(full_journal_is_not_waited_for);
    return check_end();
}
