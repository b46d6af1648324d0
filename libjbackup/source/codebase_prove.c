/* SPDX-License-Identifier: MIT */
/*
 * Proving code: a restore into a new folder, held against the index. Invariant: the folder is
 * removed by the function that made it, on every way.
 */
#include "source/codebase_prove.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "base/text.h"
#include "os/file.h"
#include "source/codebase_check.h"
#include "source/codebase_compare.h"

#define SCRATCH_NAME_SIZE 48

struct prove {
    const struct source_job *job;
    int category_fd;
    const struct artifact *archive, *index;
    bool has_owners; /* all could be set */
};

/* Makes an empty folder of a new name in the scratch folder, which other runs may use as well. */
static int scratch_make(const struct source_job *job, char name[SCRATCH_NAME_SIZE],
                        struct jb_error *err)
{
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, SCRATCH_NAME_SIZE, "code-%d-%u", (int)getpid(), i);
        if (mkdirat(job->scratch_fd, name, 0700) == 0)
            return JB_OK;
        if (errno != EEXIST)
            break;
    }
    return jbi_fail_errno(err, JB_EIO, "cannot make a temporary folder \"%s\"", name);
}

static int scratch_remove(const struct source_job *job, const char *name, int code,
                          struct jb_error *err)
{
    struct jb_error unwanted = {0};
    int removed = jbi_remove_tree(job->scratch_fd, name, code < 0 ? &unwanted : err);
    return code < 0 ? code : removed;
}

/* A restore tells of its progress in its own words; here it is a step of something else. */
struct renaming {
    const struct hooks *hooks;
    uint64_t done, total;
};

static int progress_renamed(void *user, const char *step, uint64_t done, uint64_t total,
                            const char *unit)
{
    struct renaming *renaming = user;
    (void)step, (void)total;
    if (done > renaming->done) /* counted in the archive, and in the files: they differ a little */
        renaming->done = done;
    return renaming->hooks->progress(renaming->hooks->user, "restore code to compare",
                                     renaming->done, renaming->total, unit);
}

static int restore(const struct prove *prove, jb_report *report, int fd, struct jb_error *err)
{
    const struct hooks *hooks = prove->job->hooks;
    struct renaming renaming = {hooks, 0, prove->archive->raw_size};
    struct hooks renamed = {NULL, hooks->progress ? progress_renamed : NULL, &renaming};
    struct source_job job = *prove->job;
    struct codebase_staged staged;
    job.hooks = &renamed;
    job.report = report;
    return jbi_codebase_stage(&job, prove->category_fd, prove->archive, prove->index, fd, NULL,
                              &staged, err);
}

/* What the restore could not set: owners are not compared then; attributes aren't in the index. */
static void pass_on_warnings(struct prove *prove, const jb_report *staged,
                             struct source_checked *checked)
{
    for (size_t i = 0; i < staged->finding_count; i++) {
        const struct jb_finding *finding = &staged->findings[i];
        bool is_of_owners = strcmp(finding->subject, "owners") == 0;
        scope_text subject = {0};
        jbi_text_addf(&subject, "%s: %s", prove->archive->path, finding->subject);
        jbi_finding(prove->job->report, is_of_owners ? JB_ERROR : finding->level,
                    subject.failed ? finding->subject : subject.at, "%s%s",
                    is_of_owners ? "not compared: " : "", finding->message);
        if (is_of_owners)
            jbi_finding_hint(prove->job->report, "verify as root to compare owners, too");
        checked->not_compared += is_of_owners;
        prove->has_owners = prove->has_owners && !is_of_owners;
    }
}

/* Whether the backup is to blame, and not the place to which it was restored. */
static bool is_of_backup(const struct jb_error *why)
{
    if (why->code == JB_ECORRUPT || why->code == JB_ENOTFOUND)
        return true;
    bool contradicts = why->sys_errno == EEXIST || why->sys_errno == ENOENT ||
                       why->sys_errno == ENOTDIR || why->sys_errno == ELOOP ||
                       why->sys_errno == EISDIR || why->sys_errno == ENAMETOOLONG;
    return why->code == JB_EIO && contradicts;
}

/* The restore ends at the first difference between the archive and its index; the check goes on
 * and names all that it can. */
static int name_damage(const struct prove *prove, const struct jb_error *why, struct jb_error *err)
{
    jb_report *report = prove->job->report;
    struct source_checked checked;
    uint64_t before = report->finding_count + report->findings_dropped;
    int code = JB_OK;
    if (why->code == JB_ECORRUPT)
        code = jbi_codebase_check(prove->job, prove->category_fd, prove->archive, &checked, err);
    if (code == JB_OK && report->finding_count + report->findings_dropped == before)
        jbi_finding(report, JB_ERROR, prove->archive->path, "it can't be restored: %s", why->text);
    return code;
}

/* What the manifest counted when the archive was made. */
static void compare_counts(const struct prove *prove, const struct codebase_compared *compared)
{
    const struct artifact *archive = prove->archive;
    const struct {
        const char *what;
        uint64_t got, recorded;
    } counts[] = {
        {"files", compared->files, archive->files},
        {"folders", compared->folders, archive->folders},
        {"links", compared->links, archive->links},
        {"FIFOs", compared->others, archive->others},
        {"bytes in files", compared->bytes, archive->file_bytes},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (counts[i].got != counts[i].recorded)
            jbi_finding(prove->job->report, JB_ERROR, archive->path,
                        "%llu %s were restored, but the manifest says %llu",
                        (unsigned long long)counts[i].got, counts[i].what,
                        (unsigned long long)counts[i].recorded);
    }
}

static int compare(const struct prove *prove, int fd, struct source_checked *checked,
                   uint64_t *restored_bytes, struct jb_error *err)
{
    struct codebase_compared compared;
    struct jb_error why = {0};
    struct stat st;
    scope_fd int index_fd = -1;
    int code = jbi_open_regular(prove->category_fd, prove->index->path, &index_fd, err);
    if (code < 0)
        return code;
    code = jbi_codebase_compare(prove->job, fd, index_fd, prove->archive, prove->index,
                                prove->has_owners, &compared, &why);
    checked->files = compared.files;
    *restored_bytes = compared.bytes;
    if (fstatat(prove->category_fd, prove->archive->path, &st, AT_SYMLINK_NOFOLLOW) == 0)
        checked->bytes_read = (uint64_t)st.st_size;
    if (code == JB_ECORRUPT) {
        jbi_finding(prove->job->report, JB_ERROR, prove->index->path, "%s", why.text);
        return JB_OK;
    }
    if (code == JB_OK && compared.differences == 0)
        compare_counts(prove, &compared);
    if (code < 0 && err != NULL && err->code == 0)
        *err = why;
    return code;
}

static int restore_and_compare(struct prove *prove, const char *name,
                               struct source_checked *checked, uint64_t *restored_bytes,
                               struct jb_error *err)
{
    struct jb_error why = {0};
    scope_fd int fd = -1;
    int code = jbi_open_dir(prove->job->scratch_fd, name, &fd, err);
    if (code < 0)
        return code;
    jb_report *staged = jbi_report_new();
    if (staged == NULL)
        return jbi_fail_memory(err);
    code = restore(prove, staged, fd, &why);
    if (code == JB_OK) {
        pass_on_warnings(prove, staged, checked);
        code = compare(prove, fd, checked, restored_bytes, err);
    } else if (is_of_backup(&why)) {
        code = name_damage(prove, &why, err);
    } else if (err != NULL && err->code == 0) {
        *err = why;
    }
    int complete = jbi_report_hand_over(staged, NULL, code < 0 ? NULL : err);
    return code < 0 ? code : complete;
}

int jbi_codebase_prove(const struct source_job *job, int category_fd,
                       const struct artifact *archive, const struct artifact *index,
                       struct source_checked *checked, uint64_t *restored_bytes,
                       struct jb_error *err)
{
    struct prove prove = {job, category_fd, archive, index, true};
    char name[SCRATCH_NAME_SIZE];
    *checked = (struct source_checked){0};
    *restored_bytes = 0;
    int code = scratch_make(job, name, err);
    if (code < 0)
        return code;
    code = restore_and_compare(&prove, name, checked, restored_bytes, err);
    return scratch_remove(job, name, code, err);
}
