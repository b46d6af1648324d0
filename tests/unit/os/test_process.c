/* SPDX-License-Identifier: MIT */
#include "os/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "../check.h"
#include "base/clock.h"

static struct {
    struct text out, errors;
    int status, code;
    struct jb_error err;
    int64_t took_ms;
} got;

static void run_limited(const char *script, int timeout_s, size_t limit)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    jbi_text_free(&got.out);
    jbi_text_free(&got.errors);
    got.err = (struct jb_error){0};
    int64_t start = jbi_monotonic_ms();
    got.code =
        jbi_process_run(argv, timeout_s, limit, NULL, &got.out, &got.errors, &got.status, &got.err);
    got.took_ms = jbi_monotonic_ms() - start;
}

static void run(const char *script)
{
    run_limited(script, 20, 1 << 20);
}

static void collects_both_streams_and_the_status(void)
{
    run("echo out; echo err >&2; exit 7");
    CHECK(got.code == JB_OK && got.status == 7);
    CHECK_TEXT(got.out.at, "out\n");
    CHECK_TEXT(got.errors.at, "err\n");
    CHECK(got.took_ms < 2000);
    run("kill -TERM $$");
    CHECK(got.code == JB_OK && got.status == 128 + SIGTERM);
    run("true");
    CHECK(got.code == JB_OK && got.status == 0 && got.out.len == 0);
}

static void standard_input_is_empty(void)
{
    run("cat; echo done");
    CHECK_TEXT(got.out.at, "done\n");
}

static void arguments_are_not_for_a_shell(void)
{
    const char *const argv[] = {"printf", "%s", "$(id); *", NULL};
    struct text out = {0}, errors = {0};
    int status;
    CHECK(jbi_process_run(argv, 5, 100, NULL, &out, &errors, &status, NULL) == JB_OK);
    CHECK_TEXT(out.at, "$(id); *");
    jbi_text_free(&out);
    jbi_text_free(&errors);
}

static void much_output_is_read_and_dropped(void)
{
    run_limited("head -c 3000000 /dev/zero | tr '\\0' x; head -c 3000000 /dev/zero >&2; exit 3", 20,
                1000);
    CHECK(got.code == JB_OK && got.status == 3);
    CHECK(got.out.len == 1000 && got.errors.len == 1000);
}

static void what_it_left_in_the_pipe_is_read(void)
{
    for (int i = 0; i < 20; i++) {
        run("exec dd if=/dev/zero bs=900000 count=1 2>/dev/null");
        CHECK(got.code == JB_OK && got.out.len == 900000);
    }
    run_limited("yes & yes & echo $!; exit 3", 20, 1000); /* of others no more than that */
    CHECK(got.code == JB_OK && got.status == 3 && got.out.len > 0);
    CHECK(got.took_ms < 5000);
}

static void no_such_program(void)
{
    const char *const argv[] = {"no-such-program-anywhere", NULL};
    struct text out = {0}, errors = {0};
    struct jb_error err = {0};
    int status;
    CHECK(jbi_process_run(argv, 5, 100, NULL, &out, &errors, &status, &err) == JB_ENOTFOUND);
    CHECK_HAS(err.text, "no-such-program-anywhere");
    CHECK_HAS(err.hint, "PATH");
}

static void a_time_limit_ends_the_whole_group(void)
{
    char script[256];
    snprintf(script, sizeof script, "(sleep 3; touch %s/late) & sleep 30", check_folder());
    run_limited(script, 1, 100);
    CHECK(got.code == JB_EIO && got.took_ms >= 1000 && got.took_ms < 5000);
    CHECK_HAS(got.err.text, "did not end within 1 s");
    run_limited("exec yes", 1, 100);
    CHECK(got.code == JB_EIO && got.took_ms < 5000 && got.out.len == 100);
    run_limited("exec >&- 2>&-; exec sleep 30", 1, 100);
    CHECK(got.code == JB_EIO && got.took_ms < 5000);
    usleep(1500 * 1000);
    snprintf(script, sizeof script, "%s/late", check_folder());
    CHECK(access(script, F_OK) < 0);
}

static void a_grandchild_with_the_pipe_does_not_hold_us(void)
{
    run("sleep 5 & echo said");
    CHECK(got.code == JB_OK && got.status == 0);
    CHECK_TEXT(got.out.at, "said\n");
    CHECK(got.took_ms < 3000);
}

static size_t open_descriptors(void)
{
    size_t count = 0;
    DIR *dir = opendir("/proc/self/fd");
    REQUIRE(dir != NULL);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

static void leaves_neither_descriptors_nor_children(void)
{
    size_t before = open_descriptors();
    run("true");
    no_such_program();
    run_limited("sleep 30", 0, 10);
    CHECK(open_descriptors() == before);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

static void other_children_are_not_reaped(void)
{
    int status = 0;
    pid_t mine = fork();
    if (mine == 0)
        _exit(9);
    run("exit 4");
    CHECK(got.status == 4);
    CHECK(waitpid(mine, &status, 0) == mine && WEXITSTATUS(status) == 9);
}

static void a_lost_status_is_no_success(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    sigaction(SIGCHLD, &ignore, &old);
    run("exit 0");
    sigaction(SIGCHLD, &old, NULL);
    CHECK(got.code == JB_EIO);
    CHECK_HAS(got.err.text, "exit status of \"sh\" is lost");
}

/* A daemon may have closed them: the pipes then get the numbers 0 to 2. */
static void works_without_standard_descriptors(void)
{
    int kept[3], wrong;
    for (int i = 0; i < 3; i++) {
        kept[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
        close(i);
    }
    run("echo out; echo err >&2; exit 7");
    wrong = got.code != JB_OK || got.status != 7 || strcmp(got.out.at, "out\n") != 0 ||
            strcmp(got.errors.at, "err\n") != 0;
    for (int i = 0; i < 3; i++)
        if (kept[i] >= 0) {
            dup2(kept[i], i);
            close(kept[i]);
        }
    CHECK(!wrong);
}

static void blocked_signals_are_not_handed_down(void)
{
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &old);
    run("kill -TERM $$; echo survived");
    sigprocmask(SIG_SETMASK, &old, NULL);
    CHECK(got.status == 128 + SIGTERM && got.out.len == 0);
}

int main(void)
{
    RUN(collects_both_streams_and_the_status);
    RUN(standard_input_is_empty);
    RUN(arguments_are_not_for_a_shell);
    RUN(much_output_is_read_and_dropped);
    RUN(what_it_left_in_the_pipe_is_read);
    RUN(no_such_program);
    RUN(a_time_limit_ends_the_whole_group);
    RUN(a_grandchild_with_the_pipe_does_not_hold_us);
    RUN(leaves_neither_descriptors_nor_children);
    RUN(other_children_are_not_reaped);
    RUN(a_lost_status_is_no_success);
    RUN(works_without_standard_descriptors);
    RUN(blocked_signals_are_not_handed_down);
    jbi_text_free(&got.out);
    jbi_text_free(&got.errors);
    return check_end();
}
