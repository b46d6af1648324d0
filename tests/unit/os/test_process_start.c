/* SPDX-License-Identifier: MIT */
#include "os/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../check.h"
#include "base/clock.h"

static const int PIPE = PROCESS_PIPE;

static struct process *start_with(const struct process_start *start)
{
    struct process *process = NULL;
    REQUIRE(jbi_process_start(&process, start, NULL) == JB_OK);
    return process;
}

static struct process *start(const char *script, int in_fd, int out_fd)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    return start_with(&(struct process_start){.argv = argv, .in_fd = in_fd, .out_fd = out_fd});
}

/* All that is left of its output. */
static const char *rest_of(struct process *process)
{
    static struct text rest;
    char buffer[4096];
    size_t len;
    int code;
    rest.len = 0;
    jbi_text_add(&rest, "", 0);
    while ((code = jbi_process_read(process, buffer, sizeof buffer, 20000, &len, NULL)) == 1)
        jbi_text_add(&rest, buffer, len);
    return code == 0 && rest.at != NULL ? rest.at : "(not its end)";
}

static void said(struct process *process, const char *want)
{
    char buffer[64] = "";
    size_t len;
    REQUIRE(jbi_process_read(process, buffer, sizeof buffer - 1, 20000, &len, NULL) == 1);
    CHECK_TEXT(buffer, want);
}

static void ended(struct process *process, int want)
{
    int status = -2;
    CHECK(jbi_process_wait(process, 20000, &status));
    CHECK(status == want);
    status = -2;
    CHECK(jbi_process_wait(process, 0, &status) && status == want); /* and says so again */
}

static int64_t end(struct process *process, int grace_ms)
{
    int64_t began = jbi_monotonic_ms();
    jbi_process_end(process, grace_ms);
    return jbi_monotonic_ms() - began;
}

static void streams_much_while_it_complains_much(void)
{
    struct process *process = start("head -c 10000000 /dev/zero | tr '\\0' e >&2 & "
                                    "head -c 50000000 /dev/zero | tr '\\0' o; wait; exit 5",
                                    -1, PIPE);
    static char buffer[65536];
    uint64_t sum = 0, others = 0;
    size_t len;
    int code;
    while ((code = jbi_process_read(process, buffer, sizeof buffer, 20000, &len, NULL)) == 1) {
        sum += len;
        for (size_t i = 0; i < len; i++)
            others += buffer[i] != 'o';
    }
    CHECK(code == 0 && sum == 50000000 && others == 0);
    CHECK(jbi_process_read(process, buffer, 1, 0, &len, NULL) == 0 && len == 0);
    ended(process, 5);
    const char *errors = jbi_process_errors(process);
    CHECK(strlen(errors) == 65536 && strspn(errors, "e") == 65536);
    jbi_process_end(process, 0);
}

static void one_that_only_complains_does_not_block(void)
{
    struct process *process = start("head -c 3000000 /dev/zero >&2; exit 6", PIPE, PIPE);
    ended(process, 6);
    CHECK(strlen(jbi_process_errors(process)) == 65536); /* each NUL is a space */
    jbi_process_end(process, 0);
    process = start("head -c 3000000 /dev/zero >&2; head -c 300000 >&2; exit 6", PIPE, -1);
    static const char buffer[300000];
    for (size_t put, sum = 0; sum < sizeof buffer; sum += put)
        REQUIRE(jbi_process_write(process, buffer, sizeof buffer - sum, 20000, &put, NULL) == 1);
    ended(process, 6);
    jbi_process_end(process, 0);
}

/* The byte at a place of a stream whose pieces can't be mistaken for one another. */
static char pattern(size_t at)
{
    return (char)(at * 2654435761u >> 13);
}

static void cat_gives_back_what_it_is_given(void)
{
    enum { SIZE = 10000000 };
    const char *const argv[] = {"cat", NULL};
    struct process *process =
        start_with(&(struct process_start){.argv = argv, .in_fd = PIPE, .out_fd = PIPE});
    char *all = malloc(SIZE), back[50000];
    size_t sent = 0, seen = 0, len, wrong = 0;
    REQUIRE(all != NULL);
    for (size_t i = 0; i < SIZE; i++)
        all[i] = pattern(i);
    int wrote, code = 1;
    while (code > 0) {
        wrote = jbi_process_write(process, all + sent, SIZE - sent, 0, &len, NULL);
        sent += len;
        if (sent == SIZE)
            jbi_process_close_input(process);
        REQUIRE(wrote != 0 || sent == SIZE);
        code = jbi_process_read(process, back, sizeof back, sent == SIZE ? 20000 : 1, &len, NULL);
        for (size_t i = 0; i < len; i++)
            wrong += back[i] != pattern(seen + i);
        seen += len;
    }
    CHECK(code == 0 && seen == SIZE && wrong == 0);
    ended(process, 0);
    CHECK_TEXT(jbi_process_errors(process), "");
    jbi_process_end(process, 0);
    free(all);
}

static void write_until_it_reads_no_more(struct process *process)
{
    static const char buffer[100000];
    struct sigaction deadly = {.sa_handler = SIG_DFL}, old;
    size_t put;
    int code;
    sigaction(SIGPIPE, &deadly, &old);
    while ((code = jbi_process_write(process, buffer, sizeof buffer, 20000, &put, NULL)) == 1)
        ;
    CHECK(code == 0 && put == 0);
    CHECK(jbi_process_write(process, buffer, sizeof buffer, 0, &put, NULL) == 0);
    sigaction(SIGPIPE, &old, NULL);
}

static void one_that_reads_no_more(void)
{
    struct process *process = start("exec 0<&-; echo closed; exec sleep 30", PIPE, PIPE);
    said(process, "closed\n");
    write_until_it_reads_no_more(process);
    jbi_process_end(process, 0);
    process = start("sleep 0.2; exit 3", PIPE, -1); /* it leaves unread what it was sent */
    write_until_it_reads_no_more(process);
    ended(process, 3);
    jbi_process_end(process, 0);
    process = start("exit 3", PIPE, -1);
    ended(process, 3);
    write_until_it_reads_no_more(process);
    jbi_process_end(process, 0);
}

/* It could: a socket goes both ways. What we did not read would cost it the rest of its input. */
static void it_can_not_write_to_its_input(void)
{
    struct process *process =
        start("trap '' PIPE; echo no 2>/dev/null >&0; echo $?; cat", PIPE, PIPE);
    size_t put;
    said(process, "1\n");
    CHECK(jbi_process_write(process, "yes", 3, 20000, &put, NULL) == 1 && put == 3);
    jbi_process_close_input(process);
    CHECK_TEXT(rest_of(process), "yes");
    jbi_process_end(process, 0);
}

static void time_limits(void)
{
    static const char buffer[100000];
    struct process *process = start("sleep 30", PIPE, PIPE);
    char to[10];
    size_t len;
    int status = -2, code;
    int64_t began = jbi_monotonic_ms();
    CHECK(jbi_process_read(process, to, sizeof to, 0, &len, NULL) == 2 && len == 0);
    CHECK(jbi_monotonic_ms() - began < 100);
    CHECK(jbi_process_read(process, to, sizeof to, 200, &len, NULL) == 2);
    while ((code = jbi_process_write(process, buffer, sizeof buffer, 200, &len, NULL)) == 1)
        ;
    CHECK(code == 2 && len == 0);
    CHECK(!jbi_process_wait(process, 200, &status) && status == -2);
    int64_t took = jbi_monotonic_ms() - began;
    CHECK(took >= 600 && took < 3000);
    CHECK(end(process, 20000) < 2000); /* SIGTERM is enough */
    process = start("yes >&2", -1, PIPE);
    CHECK(jbi_process_read(process, to, sizeof to, 200, &len, NULL) == 2);
    CHECK(!jbi_process_wait(process, 200, &status));
    jbi_process_end(process, 0);
}

static void the_end_is_seen_soon(void)
{
    int64_t began = jbi_monotonic_ms();
    struct process *process = start("sleep 0.3", -1, -1);
    ended(process, 0);
    CHECK(jbi_monotonic_ms() - began < 1500);
    jbi_process_end(process, 0);
    process = start("sleep 5 & exit 4", -1, -1); /* which has its error output, too */
    ended(process, 4);
    CHECK(jbi_monotonic_ms() - began < 3000);
    jbi_process_end(process, 0);
    process = start("echo bye >&2; kill -9 $$", -1, -1);
    usleep(300 * 1000); /* it is gone before it is looked for */
    ended(process, 128 + SIGKILL);
    CHECK_TEXT(jbi_process_errors(process), "bye\n");
    jbi_process_end(process, 0);
}

static void the_environment_is_replaced(void)
{
    const char *const argv[] = {"env", NULL}, *const environment[] = {"A=1", "B=$x y", NULL};
    struct process *process = start_with(&(struct process_start){
        .argv = argv, .environment = environment, .in_fd = -1, .out_fd = PIPE});
    CHECK_TEXT(rest_of(process), "A=1\nB=$x y\n");
    ended(process, 0);
    jbi_process_end(process, 0);
}

static void descriptors_of_ours_are_its_streams(void)
{
    int in = memfd_create("in", MFD_CLOEXEC), out = memfd_create("out", MFD_CLOEXEC);
    char back[20] = "";
    REQUIRE(write(in, "to and fro", 10) == 10 && lseek(in, 0, SEEK_SET) == 0);
    struct process *process = start("cat", in, out);
    ended(process, 0);
    CHECK(pread(out, back, sizeof back - 1, 0) == 10);
    CHECK_TEXT(back, "to and fro");
    jbi_process_end(process, 0);
    close(in);
    close(out);
}

static void a_kept_descriptor_has_the_same_number(void)
{
    int file = memfd_create("kept", MFD_CLOEXEC), kept = fcntl(file, F_DUPFD_CLOEXEC, 57);
    char number[16];
    snprintf(number, sizeof number, "%d", kept);
    REQUIRE(kept >= 57 && write(kept, "secret", 6) == 6);
    const char *const argv[] = {"sh", "-c", "cat /proc/self/fd/$0", number, NULL};
    struct process *process = start_with(&(struct process_start){
        .argv = argv, .in_fd = -1, .out_fd = PIPE, .kept_fds = &kept, .kept_count = 1});
    CHECK_TEXT(rest_of(process), "secret");
    ended(process, 0);
    CHECK((fcntl(kept, F_GETFD) & FD_CLOEXEC) != 0); /* ours is as it was */
    jbi_process_end(process, 0);
    close(kept);
    close(file);
}

/* Nor those of another program that runs. */
static void no_other_descriptor_is_handed_down(void)
{
    const char *const argv[] = {"ls", "/proc/self/fd", NULL};
    size_t lines = 0, wanted = 4; /* the three, and the folder that ls reads */
    int file = memfd_create("other", MFD_CLOEXEC);
    struct process *first = start("sleep 30", PIPE, PIPE);
    for (int fd = 3; fd < 1024; fd++)
        wanted += fcntl(fd, F_GETFD) == 0; /* those that the tests were given */
    struct process *process =
        start_with(&(struct process_start){.argv = argv, .in_fd = PIPE, .out_fd = PIPE});
    for (const char *at = rest_of(process); *at != '\0'; at++)
        lines += *at == '\n';
    CHECK(lines == wanted);
    jbi_process_end(process, 0);
    jbi_process_end(first, 0);
    close(file);
}

/* A pipe whose other end the whole family has: at its end they are all gone. */
static void end_of_a_family(const char *script, int grace_ms, int64_t at_least, int64_t at_most)
{
    const char *const argv[] = {"sh", "-c", script, NULL};
    int life[2];
    char byte;
    REQUIRE(pipe2(life, O_CLOEXEC | O_NONBLOCK) == 0);
    struct process *process = start_with(&(struct process_start){
        .argv = argv, .in_fd = -1, .out_fd = PIPE, .kept_fds = &life[1], .kept_count = 1});
    close(life[1]);
    said(process, "ready\n");
    CHECK(read(life[0], &byte, 1) == -1 && errno == EAGAIN);
    int64_t took = end(process, grace_ms);
    CHECK(took >= at_least && took < at_most);
    ssize_t len = -1;
    for (int i = 0; i < 200 && len != 0; i++) { /* the killed are gone a moment later */
        usleep(10000);
        len = read(life[0], &byte, 1);
    }
    CHECK(len == 0);
    close(life[0]);
}

static void the_end_is_the_end_of_its_group(void)
{
    end_of_a_family("sleep 100 & echo ready; wait", 20000, 0, 2000);
    end_of_a_family("trap '' TERM; sleep 100 & echo ready; sleep 100; :", 300, 300, 3000);
    end_of_a_family("trap '' TERM; sleep 100 & echo ready; sleep 100; :", 0, 0, 2000);
    end_of_a_family("(trap '' TERM; echo ready; sleep 100; :) & wait", 20000, 0, 2000);
    /* One that speaks much while it goes. */
    end_of_a_family("trap 'head -c 2000000 /dev/zero >&2; exit 0' TERM; sleep 100 & echo ready; "
                    "wait",
                    20000, 0, 5000);
    jbi_process_end(NULL, 0);
}

static void a_program_that_does_not_exist(void)
{
    const char *const argv[] = {"no-such-program-anywhere", NULL};
    struct process *process;
    struct jb_error err = {0};
    CHECK(jbi_process_start(&process,
                            &(struct process_start){.argv = argv, .in_fd = PIPE, .out_fd = PIPE},
                            &err) == JB_ENOTFOUND);
    CHECK(process == NULL);
    CHECK_HAS(err.text, "no-such-program-anywhere");
    const char *const folder[] = {"/", NULL};
    err = (struct jb_error){0};
    CHECK(jbi_process_start(&process, &(struct process_start){.argv = folder, .in_fd = -1}, &err) ==
          JB_EIO);
    CHECK_HAS(err.text, "cannot run \"/\": ");
    const int closed = 1000;
    err = (struct jb_error){0};
    CHECK(jbi_process_start(&process,
                            &(struct process_start){.argv = argv, .in_fd = closed, .out_fd = PIPE},
                            &err) == JB_EIO);
    CHECK_HAS(err.text, "cannot make the pipes");
}

static void a_lost_end_is_an_end(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
    sigaction(SIGCHLD, &ignore, &old);
    struct process *process = start("exit 0", -1, PIPE);
    CHECK_TEXT(rest_of(process), "");
    ended(process, -1);
    jbi_process_end(process, 0);
    process = start("exec sleep 30", -1, -1);
    CHECK(end(process, 20000) < 2000);
    process = start("trap '' TERM; echo ready; sleep 30; :", -1, PIPE);
    said(process, "ready\n");
    jbi_process_end(process, 100);
    sigaction(SIGCHLD, &old, NULL);
    process = start("exit 0", -1, -1);
    CHECK(waitpid(-1, NULL, 0) > 0);
    ended(process, -1);
    jbi_process_end(process, 0);
    process = start("exit 0", -1, -1);
    CHECK(waitpid(-1, NULL, 0) > 0);
    jbi_process_end(process, 0);
}

/* A daemon may have closed them. What it then prints must not get into a pipe of ours. */
static void works_without_standard_descriptors(void)
{
    int kept[3], taken = 0, status = -2;
    size_t put;
    for (int i = 0; i < 3; i++) {
        kept[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
        close(i);
    }
    struct process *process = start("cat; echo err >&2", PIPE, PIPE);
    struct process *other = start("cat; echo out; echo err >&2", -1, -1);
    struct process *third = start("echo out", PIPE, -1);
    for (int i = 0; i < 3; i++)
        taken += fcntl(i, F_GETFD) >= 0;
    int code = jbi_process_write(process, "in", 2, 20000, &put, NULL);
    jbi_process_close_input(process);
    bool same = code == 1 && strcmp(rest_of(process), "in") == 0;
    bool ends = jbi_process_wait(process, 20000, &status) && status == 0 &&
                jbi_process_wait(other, 20000, &status) && status == 0 &&
                jbi_process_wait(third, 20000, &status) && status == 0;
    same = same && strcmp(jbi_process_errors(process), "err\n") == 0 &&
           strcmp(jbi_process_errors(other), "err\n") == 0;
    jbi_process_end(process, 0);
    jbi_process_end(other, 0);
    jbi_process_end(third, 0);
    for (int i = 0; i < 3; i++)
        if (kept[i] >= 0) {
            dup2(kept[i], i);
            close(kept[i]);
        }
    CHECK(same && ends && taken == 0);
}

static void ignored_signals_are_not_handed_down(void)
{
    const int numbers[] = {SIGPIPE, SIGINT, SIGTERM};
    struct sigaction ignore = {.sa_handler = SIG_IGN}, old[3];
    for (int i = 0; i < 3; i++)
        sigaction(numbers[i], &ignore, &old[i]);
    struct process *processes[3] = {start("kill -PIPE $$", -1, -1), start("kill -INT $$", -1, -1),
                                    start("kill -TERM $$", -1, -1)};
    for (int i = 0; i < 3; i++) {
        ended(processes[i], 128 + numbers[i]);
        jbi_process_end(processes[i], 0);
        sigaction(numbers[i], &old[i], NULL);
    }
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

static void nothing_is_left_behind(void)
{
    size_t before = open_descriptors();
    a_program_that_does_not_exist();
    one_that_reads_no_more();
    the_end_is_the_end_of_its_group();
    a_lost_end_is_an_end();
    works_without_standard_descriptors();
    jbi_process_end(start("exit 0", PIPE, PIPE), 0); /* never waited for */
    jbi_process_end(start("yes", PIPE, PIPE), 0);
    CHECK(open_descriptors() == before);
    CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

static void it_runs_in_a_folder(void)
{
    const char *const argv[] = {"pwd", "-P", NULL};
    struct process *process = start_with(&(struct process_start){
        .argv = argv, .in_fd = -1, .out_fd = PIPE, .folder = check_folder()});
    char want[80];
    snprintf(want, sizeof want, "%s\n", check_folder());
    CHECK_TEXT(rest_of(process), want);
    ended(process, 0);
    jbi_process_end(process, 0);
    process = NULL;
    CHECK(jbi_process_start(&process,
                            &(struct process_start){
                                .argv = argv, .in_fd = -1, .out_fd = -1, .folder = "/nonexistent"},
                            NULL) < 0);
}

int main(void)
{
    RUN(streams_much_while_it_complains_much);
    RUN(one_that_only_complains_does_not_block);
    RUN(cat_gives_back_what_it_is_given);
    RUN(one_that_reads_no_more);
    RUN(it_can_not_write_to_its_input);
    RUN(time_limits);
    RUN(the_end_is_seen_soon);
    RUN(the_environment_is_replaced);
    RUN(descriptors_of_ours_are_its_streams);
    RUN(a_kept_descriptor_has_the_same_number);
    RUN(no_other_descriptor_is_handed_down);
    RUN(the_end_is_the_end_of_its_group);
    RUN(a_program_that_does_not_exist);
    RUN(a_lost_end_is_an_end);
    RUN(works_without_standard_descriptors);
    RUN(ignored_signals_are_not_handed_down);
    RUN(it_runs_in_a_folder);
    RUN(nothing_is_left_behind);
    return check_end();
}
