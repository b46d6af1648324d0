/* SPDX-License-Identifier: MIT */
/* The test "stats": list and stats are counted again from the files, without manifests' help. */
#include "api/system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/scope.h"
#include "os/file.h"

struct recount {
    size_t manifests;
    uint64_t size; /* of all artifacts, as the file system has it */
    size_t missing;
};

/* Manifests that lie in a category, readable or not. */
static int count_manifests(const struct repository *repository, struct recount *counted,
                           struct jb_error *err)
{
    char timestamp[TIMESTAMP_SIZE];
    for (int i = 0; i < CATEGORY_COUNT; i++) {
        if (repository->category_fd[i] < 0)
            continue;
        int fd = openat(repository->category_fd[i], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        scope_dir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
        const struct dirent *entry;
        if (dir == NULL)
            return jbi_fail_errno(err, JB_EIO, "cannot read the category \"%s\"",
                                  jbi_category_name((enum category)i));
        while ((entry = readdir(dir)) != NULL)
            counted->manifests += jbi_manifest_name_parse(entry->d_name, timestamp);
    }
    return JB_OK;
}

static void count_sizes(const struct repository *repository, const struct manifest *backup,
                        jb_report *report, struct recount *counted)
{
    for (size_t i = 0; i < backup->artifact_count; i++) {
        const struct artifact *artifact = &backup->artifacts[i];
        const char *base = NULL;
        struct stat st;
        scope_fd int folder =
            jbi_artifact_folder(repository->category_fd[backup->category], artifact->path, &base);
        if (folder < 0 || fstatat(folder, base, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            jbi_finding(report, JB_ERROR, artifact->path, "is counted, but it is not there");
            counted->missing++;
        } else {
            counted->size += (uint64_t)st.st_size;
        }
    }
}

/* One figure of the verbs and what was counted. */
static void compare(jb_report *report, const char *what, int64_t told, uint64_t counted)
{
    if ((uint64_t)told == counted)
        return;
    jbi_finding(report, JB_ERROR, what, "is told as %lld, but there are %llu", (long long)told,
                (unsigned long long)counted);
    jbi_finding_hint(report, "\"jbackup verify\" names the backup that is not what it says");
}

static int recount(struct session *session, jb_report *report, struct recount *counted,
                   struct jb_error *err)
{
    const struct catalog *catalog = &session->catalog;
    if (session->repository.fd < 0)
        return JB_OK;
    int code = count_manifests(&session->repository, counted, err);
    for (size_t i = 0; i < catalog->count && code == JB_OK; i++)
        count_sizes(&session->repository, &catalog->backups[i], report, counted);
    return code;
}

/* Findings go to report; did is what was done. */
static int attempt(struct system_test *test, jb_report *report, struct text *did,
                   struct jb_error *err)
{
    struct session session;
    struct recount counted = {0};
    jb_report *list = NULL, *stats = NULL;
    int code = jbi_session_read(&session, test->project, JB_ERROR, err);
    if (code == JB_OK)
        code = recount(&session, report, &counted, session.err);
    if (code == JB_OK)
        jbi_report_merge(report, session.report, "");
    size_t damaged = session.catalog.damaged;
    code = jbi_session_end(&session, code, NULL);
    if (code == JB_OK)
        code = jb_list(test->project, NULL, &list, err);
    if (code == JB_OK)
        code = jb_stats(test->project, NULL, &stats, err);
    if (code == JB_OK) {
        char size[16];
        int64_t backups = jb_report_number(stats, JB_FIGURES, "backups");
        int64_t total = jb_report_number(stats, JB_FIGURES, "total_size");
        compare(report, "number of backups in \"stats\"", backups, counted.manifests - damaged);
        compare(report, "number of backups in \"list\"", (int64_t)jb_report_row_count(list),
                counted.manifests - damaged);
        if (counted.missing == 0)
            compare(report, "size of all backups", total, counted.size);
        jbi_text_addf(did, "counted %lld backup%s of %s again from %s files", (long long)backups,
                      backups == 1 ? "" : "s", jbi_human_size(size, (uint64_t)total),
                      backups == 1 ? "its" : "their");
    }
    jb_report_free(list);
    jb_report_free(stats);
    return code;
}

/* Another run may add or remove a backup between two looks. */
#define ATTEMPTS 3

int jbi_test_stats(struct system_test *test, struct jb_error *err)
{
    int code = JB_OK, verdict = JB_ERROR;
    for (int i = 0; i < ATTEMPTS && code == JB_OK && verdict >= JB_ERROR; i++) {
        jb_report *report = jbi_report_new();
        if (report == NULL)
            return jbi_fail_memory(err);
        jbi_text_free(&test->did);
        test->did = (struct text){0};
        code = attempt(test, report, &test->did, err);
        verdict = report->verdict;
        if (code == JB_OK && (verdict < JB_ERROR || i == ATTEMPTS - 1))
            jbi_report_merge(test->report, report, "");
        test->report->failed = test->report->failed || report->failed;
        jb_report_free(report);
    }
    return code;
}
