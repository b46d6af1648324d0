/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_SOURCE_FIXTURE_H
#define TESTS_UNIT_SOURCE_FIXTURE_H

#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>

#include "../check.h"
#include "base/report.h"
#include "os/file.h"
#include "source/codebase.h"

/* A code tree "code", a category folder "category" and a place "out" in the test's folder. */

static const struct hooks no_hooks = {0};
static struct arena arena;

__attribute__((unused)) static int folder(const char *name)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", check_folder(), name);
    mkdir(path, 0700);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    return fd;
}

__attribute__((unused)) static void put(int dir, const char *name, const char *content)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0 && jbi_write_full(fd, content, strlen(content)) == 0);
    close(fd);
}

/* malloc'd; NULL if it can't be read. */
__attribute__((unused)) static char *get(int dir, const char *name)
{
    char *text = NULL;
    size_t len;
    return jbi_file_read(dir, name, 1 << 20, &text, &len, NULL) == JB_OK ? text : NULL;
}

__attribute__((unused)) static void check_content(int dir, const char *name, const char *want)
{
    char *text = get(dir, name);
    CHECK_TEXT(text, want);
    free(text);
}

__attribute__((unused)) static bool exists(int dir, const char *name)
{
    return faccessat(dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

__attribute__((unused)) static struct source_job job_of(jb_report *report)
{
    return (struct source_job){.hooks = &no_hooks,
                               .report = report,
                               .arena = &arena,
                               .jobs = 2,
                               .timestamp = "20240102_030405",
                               .scratch_fd = -1};
}

/* The message of the finding on subject, or NULL. */
__attribute__((unused)) static const char *finding(const jb_report *report, const char *subject)
{
    for (size_t i = 0; i < report->finding_count; i++) {
        if (strcmp(report->findings[i].subject, subject) == 0)
            return report->findings[i].message;
    }
    return NULL;
}

__attribute__((unused)) static int stage(const struct artifact *artifacts, const char *path,
                                         int category, int out, struct jb_error *err)
{
    struct codebase_staged staged;
    jb_report *report = jbi_report_new();
    struct source_job job = job_of(report);
    int code =
        jbi_codebase_stage(&job, category, &artifacts[0], &artifacts[1], out, path, &staged, err);
    jbi_report_hand_over(report, NULL, NULL);
    return code;
}

#endif
