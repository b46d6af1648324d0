/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_CHECK_H
#define TESTS_UNIT_CHECK_H

/*
 * The whole test harness. A test program prints TAP: one line per test, "ok 1 - name" or
 * "not ok 1 - name", after the failed checks as "# file:line: ...".
 *
 *     static void reads_its_own_output(void) { CHECK(x == 1); CHECK_TEXT(s, "abc"); }
 *     int main(void) { RUN(reads_its_own_output); return check_end(); }
 *
 * check_folder() is a fresh empty folder for the running test; it is removed after it.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ThreadSanitizer looks for races, some ten times slower: there, repetitions without threads and
 * figures of memory are for the other builds. */
#ifdef __SANITIZE_THREAD__
#define CHECK_RACES_ONLY true
#else
#define CHECK_RACES_ONLY false
#endif

static struct {
    int number, failed_tests;
    bool failed;
    char folder[64];
} check_state;

static inline void check_note(bool ok, const char *file, int line, const char *what)
{
    if (ok)
        return;
    check_state.failed = true;
    printf("# %s:%d: %s\n", file, line, what);
}

#define CHECK(condition) check_note((condition), __FILE__, __LINE__, "failed: " #condition)

#define CHECK_TEXT(got, want)                                                                      \
    do {                                                                                           \
        const char *got_ = (got), *want_ = (want);                                                 \
        bool same_ = got_ != NULL && strcmp(got_, want_) == 0;                                     \
        check_note(same_, __FILE__, __LINE__, #got " is not " #want);                              \
        if (!same_)                                                                                \
            printf("#   got:  %s\n#   want: %s\n", got_ ? got_ : "(null)", want_);                 \
    } while (0)

#define CHECK_HAS(got, part)                                                                       \
    do {                                                                                           \
        const char *got_ = (got), *part_ = (part);                                                 \
        bool has_ = got_ != NULL && strstr(got_, part_) != NULL;                                   \
        check_note(has_, __FILE__, __LINE__, #got " lacks " #part);                                \
        if (!has_)                                                                                 \
            printf("#   got:  %s\n#   part: %s\n", got_ ? got_ : "(null)", part_);                 \
    } while (0)

/* Stops the test program: for what later lines can't do without. */
#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("# %s:%d: required: %s\nnot ok %d - stopped\n", __FILE__, __LINE__, #condition, \
                   check_state.number + 1);                                                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static inline void check_remove_folder(void)
{
    char command[192];
    snprintf(command, sizeof command, "chmod -R u+rwx '%s'; rm -rf '%s'", check_state.folder,
             check_state.folder);
    if (check_state.folder[0] != '\0' && system(command) != 0)
        printf("# cannot remove %s\n", check_state.folder);
    check_state.folder[0] = '\0';
}

static inline const char *check_folder(void)
{
    if (check_state.folder[0] == '\0') {
        strcpy(check_state.folder, "/tmp/jbackup-test-XXXXXX");
        if (mkdtemp(check_state.folder) == NULL)
            abort();
    }
    return check_state.folder;
}

static inline void check_run(void (*test)(void), const char *name)
{
    check_state.failed = false;
    test();
    check_remove_folder();
    check_state.failed_tests += check_state.failed;
    printf("%s %d - %s\n", check_state.failed ? "not ok" : "ok", ++check_state.number, name);
    fflush(stdout);
}

#define RUN(test) check_run(test, #test)

static inline int check_end(void)
{
    printf("1..%d\n", check_state.number);
    return check_state.failed_tests > 0;
}

#endif
