/* SPDX-License-Identifier: MIT */
/* Capturing a code tree: the files of its archive, and from which archive members are copied. */
#include "source/codebase.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/report.h"
#include "base/scope.h"
#include "source/codebase_check.h"
#include "source/codebase_walk.h"
#include "source/recipe.h"

static void say_differs(void *user, const char *path)
{
    const struct capture *capture = user;
    jbi_finding(capture->job->report, JB_ERROR, path,
                "its content is another than in %s, though its size, times and inode are the same",
                capture->before->previous.name);
    jbi_finding_hint(capture->job->report,
                     "this backup has what is there now; if that is wrong, suspect the disk, else "
                     "backups since then have old content: \"jbackup backup --reread\"");
}

static int make_file(int dir_fd, const char *name, struct jb_error *err)
{
    int fd = openat(dir_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? jbi_fail_errno(err, JB_EIO, "cannot make \"%s\"", name) : fd;
}

/* What a capture works with: the folder that it writes into, the tree, and both files, open. */
struct staged {
    int category_fd, root_fd, archive_fd, index_fd;
};

static int write_archive(struct capture *capture, const struct staged *to,
                         struct archive_totals *totals, struct jb_error *err)
{
    const struct source_job *job = capture->job;
    struct members_options options = {
        .compression = job->compression,
        .jobs = job->jobs,
        .hooks = job->hooks,
        .step = "code",
        .name = capture->archive->path,
    };
    int code = jbi_archive_begin(&capture->writer, to->archive_fd, to->index_fd, &options, err);
    if (code < 0)
        return code;
    if (capture->before != NULL)
        jbi_archive_follow(capture->writer, &capture->before->previous, say_differs, capture);
    code = jbi_capture_tree(capture, to->root_fd, err);
    if (code == JB_OK)
        code = jbi_archive_end(capture->writer, totals, err);
    capture->copy_failed = jbi_archive_copy_failed(capture->writer);
    jbi_archive_free(capture->writer);
    if (code == JB_OK && (fsync(to->archive_fd) < 0 || fsync(to->index_fd) < 0))
        code = jbi_fail_errno(err, JB_EIO, "cannot write the code archive to disk");
    return code;
}

/* What is copied may turn out to be damaged only when much has been written: then all begins anew,
 * and all is read. */
static int write_copying(struct capture *capture, const struct staged *to,
                         struct archive_totals *totals, struct jb_error *err)
{
    const struct source_job *job = capture->job;
    struct source_job trial = *job;
    struct artifact made = *capture->archive;
    struct jb_error why = {0};
    trial.report = jbi_report_new();
    if (trial.report == NULL)
        return jbi_fail_memory(err);
    capture->job = &trial;
    int code = write_archive(capture, to, totals, &why);
    capture->job = job;
    if (!capture->copy_failed) {
        jbi_report_merge(job->report, trial.report, "");
        if (code < 0 && err != NULL)
            *err = why;
    }
    jb_report_free(trial.report);
    if (!capture->copy_failed)
        return code;
    jbi_finding(job->report, JB_WARNING, capture->before->previous.name,
                "it is damaged: nothing was copied from it, all files were read");
    jbi_finding_hint(job->report, "\"jbackup verify\" tells what is the matter with it");
    *capture->archive = made;
    capture->before = NULL;
    if (ftruncate(to->archive_fd, 0) < 0 || ftruncate(to->index_fd, 0) < 0 ||
        lseek(to->archive_fd, 0, SEEK_SET) < 0 || lseek(to->index_fd, 0, SEEK_SET) < 0)
        return jbi_fail_errno(err, JB_EIO, "cannot write the code archive anew");
    return write_archive(capture, to, totals, err);
}

static int write_from(struct capture *capture, const struct staged *to,
                      struct archive_totals *totals, struct jb_error *err)
{
    struct codebase_before before;
    struct artifact *archive = capture->archive;
    const struct codebase_previous *from = capture->source->previous;
    int code = jbi_before_begin(&before, from, capture->job, archive->recipe, err);
    capture->before = code == 1 ? &before : NULL;
    if (code >= 0)
        code = code == 1 ? write_copying(capture, to, totals, err)
                         : write_archive(capture, to, totals, err);
    if (code == JB_OK && totals->is_same) {
        memcpy(totals->archive.sha256, from->archive->sha256, sizeof totals->archive.sha256);
        code = jbi_before_put(&before, from, to->category_fd, archive->path, to->archive_fd,
                              &archive->linked, err);
    }
    jbi_before_end(&before);
    return code;
}

static void artifact_fill(struct artifact *artifact, const struct members_totals *totals)
{
    artifact->size = totals->size;
    artifact->crc32 = totals->crc32;
    artifact->raw_size = totals->raw_size;
    memcpy(artifact->sha256, totals->sha256, sizeof artifact->sha256);
}

static int codebase_capture(const void *config, const struct source_job *job, int category_fd,
                            struct artifact *artifacts, size_t *count, struct jb_error *err)
{
    const struct codebase_source *source = config;
    struct artifact *archive = &artifacts[0], *index = &artifacts[1];
    struct capture capture = {.source = source, .job = job, .archive = archive};
    struct archive_totals totals;
    int64_t begin_ms = jbi_monotonic_ms();

    *archive = (struct artifact){.kind = ARTIFACT_CODEBASE};
    *index = (struct artifact){.kind = ARTIFACT_INDEX};
    archive->path = jbi_arena_printf(job->arena, "codebase_%s.tar.gz", job->timestamp);
    index->path = jbi_arena_printf(job->arena, "codebase_%s.index.jsonl.gz", job->timestamp);
    archive->from = index->from = jbi_arena_text(job->arena, source->root);
    archive->recipe = jbi_recipe(job);
    if (archive->path == NULL || index->path == NULL || archive->from == NULL ||
        archive->recipe == NULL)
        return jbi_fail_memory(err);

    scope_fd int root_fd = open(source->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0) {
        jbi_fail_errno(err, JB_EIO, "cannot read the code folder \"%s\"", source->root);
        jbi_hint(err,
                 "check \"root\" in jbackup.json and the rights of the user who runs the backup");
        return JB_EIO;
    }
    scope_fd int archive_fd = make_file(category_fd, archive->path, err);
    scope_fd int index_fd = archive_fd < 0 ? archive_fd : make_file(category_fd, index->path, err);
    if (index_fd < 0)
        return index_fd;
    const struct staged to = {category_fd, root_fd, archive_fd, index_fd};
    int code = write_from(&capture, &to, &totals, err);
    if (code < 0)
        return code;
    artifact_fill(archive, &totals.archive);
    archive->copied_bytes = totals.copied;
    archive->is_read_back = !totals.is_same;
    artifact_fill(index, &totals.index);
    archive->duration_ms = jbi_monotonic_ms() - begin_ms;
    *count = 2;
    return JB_OK;
}

const struct source_ops jbi_codebase_source = {
    .name = "codebase",
    .capture = codebase_capture,
    .check = jbi_codebase_check,
};
