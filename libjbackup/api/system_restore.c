/* SPDX-License-Identifier: MIT */
/* The test "restore": what a restore would need today is restored to a scratch place and compared.
 */
#include "api/system.h"

#include "base/arena.h"

struct restore_test {
    struct system_test *test;
    size_t backups;
    int64_t bytes, files, tables, rate_sum; /* of the rates those that are known */
    size_t rates;
};

static int restore_one(struct restore_test *r, const char *timestamp, struct jb_error *err)
{
    struct jb_verify_options options = JB_VERIFY_OPTIONS_INIT;
    jb_report *report = NULL;
    options.timestamp = timestamp;
    options.depth = JB_DEPTH_RESTORE;
    int code = backup_verify(r->test->project, &options, &report, err);
    if (code < 0)
        return code;
    int64_t rate = jb_report_number(report, JB_FIGURES, "restored_mb_s");
    r->backups++;
    r->bytes += jb_report_number(report, JB_FIGURES, "bytes_restored");
    r->files += jb_report_number(report, JB_FIGURES, "files");
    r->tables += jb_report_number(report, JB_FIGURES, "tables");
    r->rate_sum += rate;
    r->rates += rate > 0;
    jbi_report_merge(r->test->report, report, r->test->options->all ? timestamp : "");
    jb_report_free(report);
    return JB_OK;
}

/* What one wants back: the code, and each database by name. */
struct wanted {
    const char *database; /* NULL: the code */
    bool is_found;
};

static bool holds(const struct manifest *backup, const char *database)
{
    for (size_t i = 0; i < backup->artifact_count; i++) {
        const struct artifact *artifact = &backup->artifacts[i];
        bool is_it = database == NULL ? artifact->kind == ARTIFACT_CODEBASE
                                      : jbi_artifact_kind_is_database(artifact->kind) &&
                                            strcmp(artifact->name, database) == 0;
        if (is_it)
            return true;
    }
    return false;
}

/* The newest backup with each of what is wanted, each once. */
static int restore_newest(struct restore_test *r, struct jb_error *err)
{
    const struct catalog *catalog = r->test->catalog;
    const struct jb_project *project = r->test->project;
    struct wanted *wanted =
        jbi_arena_alloc(r->test->arena, (project->database_count + 1) * sizeof *wanted);
    if (wanted == NULL)
        return jbi_fail_memory(err);
    size_t count = project->database_count + 1;
    for (size_t i = 0; i < count; i++)
        wanted[i] = (struct wanted){i > 0 ? project->databases[i - 1].name : NULL, false};
    int code = JB_OK;
    for (size_t i = 0; i < catalog->count && code == JB_OK; i++) {
        bool is_needed = i == 0;
        for (size_t j = 0; j < count; j++) {
            bool is_new = !wanted[j].is_found && holds(&catalog->backups[i], wanted[j].database);
            wanted[j].is_found = wanted[j].is_found || is_new;
            is_needed = is_needed || is_new;
        }
        if (is_needed)
            code = restore_one(r, catalog->backups[i].timestamp, err);
    }
    for (size_t j = 1; j < count && code == JB_OK && catalog->count > 0; j++) {
        if (wanted[j].is_found)
            continue;
        jbi_finding(r->test->report, JB_ERROR, wanted[j].database, "no backup has this database");
        jbi_finding_hint(r->test->report, "make one with \"jbackup backup\"");
    }
    return code;
}

static int restore_every(struct restore_test *r, struct jb_error *err)
{
    const struct catalog *catalog = r->test->catalog;
    int code = JB_OK;
    for (size_t i = 0; i < catalog->count && code == JB_OK; i++)
        code = restore_one(r, catalog->backups[i].timestamp, err);
    return code;
}

int jbi_test_restore(struct system_test *test, struct jb_error *err)
{
    struct restore_test r = {.test = test};
    int code = test->options->timestamp != NULL ? restore_one(&r, test->options->timestamp, err)
               : test->options->all             ? restore_every(&r, err)
                                                : restore_newest(&r, err);
    if (code < 0)
        return code;
    if (r.backups == 0) {
        jbi_finding(test->report, JB_ERROR, test->project->backup_dir,
                    "there is no backup, so nothing was restored");
        jbi_finding_hint(test->report, "make one with \"jbackup backup\"");
        return JB_OK;
    }
    char size[16];
    jbi_text_addf(&test->did, "restored %zu backup%s to a scratch place and compared ", r.backups,
                  r.backups == 1 ? "" : "s");
    jbi_system_tell_count(test, r.files, "file");
    jbi_text_adds(&test->did, ", ");
    jbi_system_tell_count(test, r.tables, "table");
    jbi_text_addf(&test->did, ", %s", jbi_human_size(size, (uint64_t)r.bytes));
    test->restored_mb_s = r.rates > 0 ? r.rate_sum / (int64_t)r.rates : 0;
    return JB_OK;
}
