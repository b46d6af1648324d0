/* SPDX-License-Identifier: MIT */
/* Checking a stored archive: every member decoded, every entry and file held against the index. */
#include "source/codebase_check.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "os/tree.h"
#include "source/codebase_follow.h"
#include "source/codebase_links.h"

#define NAMED_MAX 20 /* files of one damaged member that are named */

struct check {
    const struct source_job *job;
    const char *path; /* of the archive */
    struct follow follow;
    struct source_checked *checked;
    bool in_step; /* the index and the archive speak of the same entries so far */
};

/* A finding on a file in the archive; its subject is "archive: file". */
static void say(const struct check *check, const char *file, const char *message)
{
    scope_text subject = {0};
    jbi_text_addf(&subject, "%s: %s", check->path, file);
    jbi_finding(check->job->report, JB_ERROR, subject.failed ? check->path : subject.at, "%s",
                message);
}

static int check_entry(void *user, const struct tar_entry *entry, uint64_t offset,
                       struct jb_error *err)
{
    struct check *check = user;
    (void)offset;
    if (!check->in_step)
        return JB_OK;
    struct jb_error why = {0};
    int code = jbi_follow_next(&check->follow, &why);
    if (code == JB_ENOMEM)
        return jbi_fail_memory(err);
    if (code < 1) {
        say(check, entry->path, code < 0 ? why.text : "it is in the archive, but not in the index");
        check->in_step = false;
        return JB_OK;
    }
    char difference[FOLLOW_DIFFERENCE_SIZE], message[256];
    jbi_follow_compare(&check->follow, entry, difference);
    int order = jbi_tree_order(entry->path, check->follow.expected.path);
    if (order != 0) {
        if (order < 0)
            say(check, entry->path, "it is in the archive, but not in the index");
        else
            say(check, check->follow.expected.path,
                "it is in the index, but not at its place in the archive");
        check->in_step = false;
        return JB_OK;
    }
    if (difference[0] != '\0') {
        snprintf(message, sizeof message, "the archive and the index differ: %s", difference);
        say(check, entry->path, message);
    }
    check->checked->files += entry->type == TAR_FILE;
    jbi_follow_content_begin(&check->follow);
    return JB_OK;
}

static int check_content(void *user, const unsigned char *from, size_t len, struct jb_error *err)
{
    struct check *check = user;
    (void)err;
    if (check->in_step)
        jbi_follow_content_add(&check->follow, from, len);
    return JB_OK;
}

static int check_entry_end(void *user, struct jb_error *err)
{
    struct check *check = user;
    (void)err;
    bool is_file = check->in_step && check->follow.expected.type == TAR_FILE;
    if (is_file && !jbi_follow_content_is_right(&check->follow))
        say(check, check->follow.expected.path,
            "its content does not have the digest in the index");
    return JB_OK;
}

static const struct untar_visitor check_visitor = {check_entry, check_content, check_entry_end};

/* Names the files that the damaged member holds, as the index has them. */
static int say_damaged_files(const struct check *check, int index_fd, uint64_t damage_offset,
                             struct jb_error *err)
{
    struct index_reader *index;
    struct index_entry entry;
    scope_text last = {0};
    struct jb_error unreadable = {0};
    int named = 0, more = 0, code = jbi_index_open(&index, index_fd, check->path, err);
    if (code < 0)
        return code;
    while (jbi_index_next(index, &entry, &unreadable) == 1 && entry.member <= damage_offset) {
        last.len = 0;
        jbi_text_adds(&last, entry.path);
        if (entry.member < damage_offset || entry.type != TAR_FILE)
            continue;
        if (named < NAMED_MAX)
            say(check, entry.path, "it lies in a damaged part of the archive");
        named < NAMED_MAX ? named++ : more++;
    }
    jbi_index_close(index);
    if (named == 0 && last.len > 0 && !last.failed) /* within a large file */
        say(check, last.at, "it lies in a damaged part of the archive");
    if (more > 0)
        jbi_finding(check->job->report, JB_ERROR, check->path,
                    "%d more files lie in the same damaged part", more);
    return JB_OK;
}

/* Damage is news of the backup, not a failure of the check; all else is passed on. */
static int to_finding(const struct check *check, int code, struct jb_error *why,
                      struct jb_error *err)
{
    if (code == JB_ECORRUPT || code == JB_EIO || code == JB_ENOTFOUND) {
        jbi_finding(check->job->report, JB_ERROR, check->path, "%s", why->text);
        return JB_OK;
    }
    if (code < 0 && err != NULL && err->code == 0)
        *err = *why;
    return code;
}

static void note_totals(struct source_checked *checked, const struct members_totals *totals)
{
    checked->bytes_read = totals->size;
    memcpy(checked->sha256, totals->sha256, sizeof checked->sha256);
    checked->sha256_known = true;
}

static void say_missing_target(void *user, const char *path)
{
    say(user, path, "a hard link leads to it, but no such file is in the archive");
}

/* What the manifest counted when the archive was made. */
static void check_counts(const struct check *check, const struct artifact *artifact,
                         const struct members_totals *totals)
{
    if (check->checked->files != artifact->files || totals->raw_size != artifact->raw_size)
        jbi_finding(check->job->report, JB_ERROR, check->path,
                    "it holds %llu files in %llu bytes, but the manifest says %llu in %llu",
                    (unsigned long long)check->checked->files, (unsigned long long)totals->raw_size,
                    (unsigned long long)artifact->files, (unsigned long long)artifact->raw_size);
}

static int check_archive(struct check *check, const struct artifact *artifact, int archive_fd,
                         int index_fd, const char *index_name, struct jb_error *err)
{
    struct members_options options = {
        .jobs = check->job->jobs,
        .hooks = check->job->hooks,
        .step = "verify code",
        .name = check->path,
    };
    struct members_totals totals;
    struct jb_error why = {0};
    int code = jbi_follow_begin(&check->follow, index_fd, index_name, ".", err);
    if (code < 0)
        return code;
    code = jbi_archive_read(archive_fd, &options, &check_visitor, check, &totals, &why);
    note_totals(check->checked, &totals);
    struct jb_error at_end = {0};
    if (code == JB_OK && check->in_step && jbi_follow_next(&check->follow, &at_end) == 1)
        say(check, check->follow.expected.path, "it is in the index, but not in the archive");
    jbi_follow_end(&check->follow);
    int result = to_finding(check, code, &why, err);
    if (result == JB_OK && code == JB_ECORRUPT)
        return say_damaged_files(check, index_fd, totals.damage_offset, err);
    if (code == JB_OK && check->in_step) {
        check_counts(check, artifact, &totals);
        code = jbi_links_check(index_fd, index_name, say_missing_target, check, &why);
        result = to_finding(check, code, &why, err);
    }
    return result;
}

static int drop(void *user, const unsigned char *raw, size_t len, struct jb_error *err)
{
    (void)user, (void)raw, (void)len, (void)err;
    return JB_OK;
}

static int check_index(struct check *check, int fd, struct jb_error *err)
{
    struct members_options options = {
        .jobs = check->job->jobs,
        .hooks = check->job->hooks,
        .step = "verify index",
        .name = check->path,
    };
    struct members_totals totals;
    struct jb_error why = {0};
    int code = jbi_members_unpack(fd, &options, drop, NULL, &totals, &why);
    note_totals(check->checked, &totals);
    return to_finding(check, code, &why, err);
}

int jbi_codebase_check(const struct source_job *job, int category_fd,
                       const struct artifact *artifact, struct source_checked *checked,
                       struct jb_error *err)
{
    struct check check = {.job = job, .path = artifact->path, .checked = checked, .in_step = true};
    struct jb_error why = {0};
    scope_fd int fd = -1, index_fd = -1;
    *checked = (struct source_checked){0};
    int code = jbi_open_regular(category_fd, artifact->path, &fd, &why);
    if (code < 0 || artifact->kind == ARTIFACT_INDEX)
        return code < 0 ? to_finding(&check, code, &why, err) : check_index(&check, fd, err);

    scope_text index_name = {0};
    jbi_text_addf(&index_name, "codebase_%s.index.jsonl.gz", job->timestamp);
    if (index_name.failed)
        return jbi_fail_memory(err);
    code = jbi_open_regular(category_fd, index_name.at, &index_fd, &why);
    if (code < 0)
        return to_finding(&check, code, &why, err);
    return check_archive(&check, artifact, fd, index_fd, index_name.at, err);
}
