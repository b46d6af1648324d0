/* SPDX-License-Identifier: MIT */
/* A PostgreSQL database in place, with the process killed, its session ended, or the server crashed
 * at any exchange with the server: at a choice of them, or, with JB_KILLS in the environment, at
 * nearly all. */
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <linux/ptrace.h>

#include "postgresql_swap_fixture.h"

enum blow { KILLED, CUT_OFF, CRASHED };
enum operation { STAGE, SWAP, UNDO, DISCARD };
static const char *const operations[] = {"stage", "swap", "undo", "discard"};
static const char *const blows[] = {"killed", "cut off", "server crashed"};

static int operate(struct swap *swap, enum operation operation)
{
    int (*const calls[])(struct swap *, const struct source_job *, struct jb_error *) = {
        swap->ops->stage, swap->ops->swap, swap->ops->undo, swap->ops->discard};
    return calls[operation](swap, &job, &err);
}

static void strike(pid_t pid, enum blow blow)
{
    if (blow == KILLED)
        kill(pid, SIGKILL);
    if (blow == CUT_OFF)
        ask("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE "
            "application_name = 'jbackup'");
    if (blow == CRASHED)
        REQUIRE(control("pg_crash") && control("pg_start"));
}

/* Runs the operation in a process of its own, which the blow meets at its k-th exchange with the
 * server; false: it had ended before. */
static bool struck(struct swap *swap, enum operation operation, enum blow blow, int k)
{
    int status = 0, count = 0;
    fflush(stdout);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        err = (struct jb_error){0};
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        _exit(operate(swap, operation) == JB_OK ? 0 : 1);
    }
    REQUIRE(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
    REQUIRE(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0);
    for (int signal = 0; ptrace(PTRACE_SYSCALL, pid, NULL, signal) == 0;) {
        struct __ptrace_syscall_info info;
        REQUIRE(waitpid(pid, &status, 0) == pid);
        if (!WIFSTOPPED(status))
            return count >= k;
        signal = WSTOPSIG(status);
        if (signal != (SIGTRAP | 0x80))
            continue;
        signal = 0;
        REQUIRE(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) > 0);
        if (info.op != PTRACE_SYSCALL_INFO_ENTRY ||
            (info.entry.nr != SYS_sendto && info.entry.nr != SYS_poll))
            continue;
        if (++count == k)
            strike(pid, blow);
    }
    waitpid(pid, &status, 0);
    return true;
}

static int step(int few, int many)
{
    return getenv("JB_KILLS") != NULL ? many : few;
}

/* What the process after it does, from the journal. */
static struct swap *after(const struct postgresql_source *live, const char *journal)
{
    struct swap *swap = resumed(live, journal);
    REQUIRE(swap != NULL);
    for (int i = 0; i < 100; i++) {
        err = (struct jb_error){0};
        if (swap->ops->undo(swap, &job, &err) == JB_OK)
            return swap;
        usleep(100000);
    }
    return swap;
}

/* The exchange, or its way back, struck at every n-th moment. */
static void strike_exchange(const struct postgresql_source *live, enum operation operation,
                            enum blow blow, int every)
{
    struct swap *swap = planned(live, &makers_dump);
    const char *journal = journal_of(swap), *was = jbi_arena_text(&arena, row("journal"));
    const char *held = jbi_arena_text(&arena, content("journal"));
    int hit = 0, changed = 0;
    for (int k = 1; !check_state.failed; k += every, hit++) {
        CHECK(operation != UNDO || DO(swap, swap));
        if (!struck(swap, operation, blow, k))
            break;
        changed += strcmp(row("journal"), was) != 0;
        if (operation == SWAP && k % 2 == 0) {
            CHECK(DO(swap, swap));
            CHECK_IS(swap, true);
        }
        struct swap *next = after(live, journal);
        CHECK_IS(next, false);
        CHECK_TEXT(row("journal"), was);
        next->ops->close(next);
        if (check_state.failed)
            printf("# %s %s at moment %d\n", operations[operation], blows[blow], k);
    }
    CHECK(hit > 2 && changed > 0);
    CHECK(DO(swap, undo));
    CHECK_TEXT(content("journal"), held);
    end(swap);
    CHECK_TEXT(row("journal"), was);
    CHECK(strstr(databases(), "jbackup") == NULL);
}

/* Making the new one, or removing it: for each moment a swap of its own. */
static void strike_making(const struct postgresql_source *live, enum operation operation,
                          enum blow blow, int every)
{
    const char *was = jbi_arena_text(&arena, row("journal"));
    bool goes_on = true;
    for (int k = 1 + every / 2; goes_on && !check_state.failed; k += every) {
        struct swap *swap = begun(live, &makers_dump);
        if (operation == DISCARD)
            REQUIRE(DO(swap, stage));
        const char *journal = journal_of(swap);
        goes_on = struck(swap, operation, blow, k);
        struct swap *next = after(live, journal);
        CHECK_IS(next, false);
        end(next);
        swap->ops->close(swap);
        CHECK_TEXT(row("journal"), was);
        CHECK(strstr(databases(), "jbackup") == NULL);
        if (check_state.failed)
            printf("# %s %s at moment %d\n", operations[operation], blows[blow], k);
    }
}

static const struct postgresql_source *socket_source(void)
{
    static struct postgresql_source source;
    source = maker;
    source.target.url =
        jbi_arena_printf(&arena, "postgresql://maker:m@/journal?host=%s/run&port=%s", server, port);
    return &source;
}

static void killed_at_any_moment_of_the_swap(void)
{
    strike_exchange(socket_source(), SWAP, KILLED, step(2, 1));
    strike_exchange(socket_source(), UNDO, KILLED, step(3, 1));
}

static void killed_at_any_moment_of_making_it(void)
{
    strike_making(socket_source(), STAGE, KILLED, step(19, 3));
    strike_making(socket_source(), DISCARD, KILLED, step(7, 1));
}

static void cut_off_at_any_moment(void)
{
    strike_exchange(socket_source(), SWAP, CUT_OFF, step(4, 1));
    strike_exchange(socket_source(), UNDO, CUT_OFF, step(5, 1));
    strike_making(socket_source(), STAGE, CUT_OFF, step(41, 3));
}

static void the_server_crashes_at_any_moment(void)
{
    strike_exchange(socket_source(), SWAP, CRASHED, step(9, 2));
    strike_exchange(socket_source(), UNDO, CRASHED, step(9, 2));
    strike_making(socket_source(), STAGE, CRASHED, step(67, 9));
    strike_making(socket_source(), DISCARD, CRASHED, step(13, 2));
}

static void a_server_that_is_down_is_told(void)
{
    struct swap *swap = planned(&maker, &makers_dump);
    const char *was = jbi_arena_text(&arena, row("journal"));
    REQUIRE(control("pg_stop"));
    for (enum operation o = STAGE; o <= DISCARD; o++) {
        err = (struct jb_error){0};
        CHECK(operate(swap, o) == JB_EDATABASE);
        CHECK_HAS(err.text, "Connection refused");
    }
    REQUIRE(control("pg_start"));
    CHECK(DO(swap, swap));
    REQUIRE(control("pg_stop"));
    CHECK(swap->ops->undo(swap, &job, &err) == JB_EDATABASE);
    REQUIRE(control("pg_start"));
    end(swap);
    CHECK_TEXT(row("journal"), was);
}

/* ptrace is not allowed everywhere. */
static bool may_trace(void)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0)
        _exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 ? 0 : 1);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int main(void)
{
    atexit(fixture_remove);
    swap_fixture_make();
    give_to_maker();
    RUN(a_server_that_is_down_is_told);
    if (!may_trace()) {
        puts("# tracing is not allowed here");
        return check_end();
    }
    RUN(killed_at_any_moment_of_the_swap);
    RUN(killed_at_any_moment_of_making_it);
    RUN(cut_off_at_any_moment);
    RUN(the_server_crashes_at_any_moment);
    return check_end();
}
