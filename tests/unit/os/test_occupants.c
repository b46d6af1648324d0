/* SPDX-License-Identifier: MIT */
/* Ending what runs in a folder, and nothing else. */
#include "os/occupants.h"

#include <signal.h>
#include <sys/wait.h>

#include "../check.h"
#include "base/clock.h"
#include "os/process.h"

static const char *const programs[] = {"none", "sleep", "sh", NULL};

static struct process *start(const char *const argv[], const char *folder)
{
    struct process *process = NULL;
    const struct process_start how = {.argv = argv, .in_fd = -1, .out_fd = -1, .folder = folder};
    REQUIRE(jbi_process_start(&process, &how, NULL) == JB_OK);
    return process;
}

static bool has_ended(struct process *process)
{
    int status;
    return jbi_process_wait(process, 0, &status);
}

static void what_is_in_a_folder_is_ended(void)
{
    const char *folder = check_folder();
    char option[128], longer[128], inside[160];
    snprintf(option, sizeof option, "--pgdata=%s", folder);
    snprintf(longer, sizeof longer, "%s/more", folder);
    snprintf(inside, sizeof inside, "mkdir %s", longer);
    REQUIRE(system(inside) == 0);
    const char *const sleeps[] = {"sleep", "100", NULL}, *const other[] = {"tail", "-f",
                                                                           "/dev/null", NULL};
    const char *const named[] = {"sh", "-c", "sleep 100; :", "sh", folder, NULL};
    const char *const named_by_option[] = {"sh", "-c", "sleep 100; :", "sh", option, NULL};
    const char *const another[] = {"sh", "-c", "sleep 100; :", "sh", longer, NULL};
    struct process *ended[] = {start(sleeps, folder), start(named, NULL),
                               start(named_by_option, NULL)};
    struct process *kept[] = {start(sleeps, "/"), start(another, NULL), start(sleeps, longer),
                              start(other, folder)};
    usleep(200000);
    CHECK(jbi_occupants_end(folder, geteuid() + 1, programs, 100));
    for (size_t i = 0; i < 3; i++)
        CHECK(!has_ended(ended[i]));
    CHECK(jbi_occupants_end(folder, geteuid(), programs, 5000));
    for (size_t i = 0; i < 3; i++) {
        int status;
        CHECK(jbi_process_wait(ended[i], 5000, &status) && status == 128 + SIGQUIT);
        jbi_process_end(ended[i], 0);
    }
    for (size_t i = 0; i < 4; i++) {
        CHECK(!has_ended(kept[i]));
        jbi_process_end(kept[i], 0);
    }
    CHECK(jbi_occupants_end(folder, geteuid(), programs, 0));
    CHECK(jbi_occupants_end("/nonexistent", geteuid(), programs, 0));
}

static void one_that_does_not_listen_is_killed(void)
{
    const char *folder = check_folder();
    const char *const deaf[] = {"sh", "-c",   "trap '' QUIT; while :; do sleep 1; done",
                                "sh", folder, NULL};
    struct process *process = start(deaf, NULL);
    int status;
    usleep(200000);
    int64_t begin = jbi_monotonic_ms();
    CHECK(jbi_occupants_end(folder, geteuid(), programs, 300));
    CHECK(jbi_monotonic_ms() - begin >= 300 && jbi_monotonic_ms() - begin < 4000);
    CHECK(jbi_process_wait(process, 5000, &status) && status == 128 + SIGKILL);
    jbi_process_end(process, 0);
}

int main(void)
{
    RUN(what_is_in_a_folder_is_ended);
    RUN(one_that_does_not_listen_is_killed);
    return check_end();
}
