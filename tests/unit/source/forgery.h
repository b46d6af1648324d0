/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_SOURCE_FORGERY_H
#define TESTS_UNIT_SOURCE_FORGERY_H

#include <dirent.h>

#include "base/text.h"
#include "fixture.h"
#include "source/codebase_prove.h"

/* Backups of the test's folder "code", and parts of two of them put together as a liar would: every
 * checksum is right, but the archive is of one tree and the index of another. */

__attribute__((unused)) static void capture_into(int category, struct artifact *artifacts)
{
    char root[200];
    struct exclude *exclude;
    size_t count = 0;
    struct jb_error err = {0};
    jb_report *report = jbi_report_new();
    struct source_job job = job_of(report);
    snprintf(root, sizeof root, "%s/code", check_folder());
    REQUIRE(jbi_exclude_new(&exclude, NULL, 0, false, &arena, NULL) == JB_OK);
    struct codebase_source source = {.root = root, .exclude = exclude};
    CHECK(jbi_codebase_source.capture(&source, &job, category, artifacts, &count, &err) == JB_OK);
    CHECK_TEXT(err.text, "");
    CHECK(report->finding_count == 0);
    jbi_report_hand_over(report, NULL, NULL);
}

/* Takes one of the two artifacts in from for that in to. */
__attribute__((unused)) static void forge(int from, const struct artifact *forged, int to,
                                          struct artifact *artifact)
{
    REQUIRE(renameat(from, forged->path, to, artifact->path) == 0);
    *artifact = *forged;
}

__attribute__((unused)) static bool is_empty(int folder_fd)
{
    DIR *dir = fdopendir(openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int count = 0;
    REQUIRE(dir != NULL);
    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count == 2;
}

__attribute__((unused)) static size_t count_level(const jb_report *report, int level)
{
    size_t count = 0;
    for (size_t i = 0; i < report->finding_count; i++)
        count += report->findings[i].level >= level;
    return count;
}

__attribute__((unused)) static void print_findings(const jb_report *report)
{
    for (size_t i = 0; i < report->finding_count; i++)
        printf("#   %s: %s: %s\n", jb_level_name(report->findings[i].level),
               report->findings[i].subject, report->findings[i].message);
}

#define ARCHIVE "codebase_20240102_030405.tar.gz"

#endif
