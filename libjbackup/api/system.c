/* SPDX-License-Identifier: MIT */
/* jb_verify_system: the nine tests one after the other, then what is known of the backups. */
#include "api/system.h"

#include "api/system_report.h"
#include "base/clock.h"
#include "os/process.h"

static const struct {
    const char *name;
    system_test_fn *run;
} tests[SYSTEM_TESTS] = {
    {"executable", jbi_test_executable}, {"database", jbi_test_database},
    {"backup", jbi_test_backup},         {"integrity", jbi_test_integrity},
    {"restore", jbi_test_restore},       {"cleanup", jbi_test_cleanup},
    {"stats", jbi_test_stats},           {"shell", jbi_test_shell},
    {"systemd", jbi_test_systemd},
};

const char *jb_system_test_name(size_t index)
{
    return index < SYSTEM_TESTS ? tests[index].name : NULL;
}

void jbi_system_tell_count(struct system_test *test, int64_t count, const char *noun)
{
    jbi_text_addf(&test->did, "%lld %s%s", (long long)count, noun, count == 1 ? "" : "s");
}

int jbi_system_program(struct system_test *test, const char *const argv[], int timeout_s,
                       size_t limit, struct text *out, struct text *errors, int *status,
                       struct jb_error *err)
{
    const struct hooks *hooks = &test->project->hooks;
    int code = test->is_canceled
                   ? jbi_fail(err, JB_ECANCELED, "canceled")
                   : jbi_process_run(argv, timeout_s, limit, hooks, out, errors, status, err);
    test->is_canceled = code == JB_ECANCELED;
    return code;
}

static int check_test(const char *name, struct jb_error *err)
{
    if (name == NULL)
        return JB_OK;
    for (size_t i = 0; i < SYSTEM_TESTS; i++) {
        if (strcmp(name, tests[i].name) == 0)
            return JB_OK;
    }
    jbi_fail(err, JB_EINVAL, "there is no test \"%s\"", name);
    jbi_hint(err, "the tests are executable, database, backup, integrity, restore, cleanup, stats, "
                  "shell and systemd");
    return JB_EINVAL;
}

/* What backup_verify will be asked is refused before any test has run. */
static int check_options(const struct jb_system_options *options, struct jb_error *err)
{
    bool is_sample = options->sample > 0 && options->sample < 100;
    int code = check_test(options->test, err);
    if (code < 0)
        return code;
    if (options->depth < JB_DEPTH_CONTENT || options->depth > JB_DEPTH_RESTORE)
        return jbi_fail(err, JB_EINVAL, "no such depth of verification");
    if (options->sample < 0 || options->sample > 100)
        return jbi_fail(err, JB_EINVAL, "a sample is from 1 to 100 percent");
    if (is_sample && options->depth != JB_DEPTH_CONTENT)
        return jbi_fail(err, JB_EINVAL, "a sample is taken at depth content only");
    if ((options->timestamp != NULL) + (options->latest != 0) + (options->all != 0) > 1)
        return jbi_fail(err, JB_EINVAL, "one backup, the latest or all: not several of these");
    return JB_OK;
}

/* What could not run is a finding; only a cancelation and a lack of memory end the whole. */
static int run_test(struct system_run *run, size_t index, struct jb_error *err)
{
    struct system_result *result = &run->results[run->result_count++];
    struct jb_error why = {0};
    int64_t begin_ms = jbi_monotonic_ms();
    struct system_test test = {
        .project = run->project,
        .options = &run->options,
        .catalog = &run->session.catalog,
        .report = jbi_report_new(),
        .arena = &run->session.arena,
    };
    result->name = tests[index].name;
    result->report = test.report;
    if (test.report == NULL)
        return jbi_fail_memory(err);
    int code =
        jbi_progress(&run->project->hooks, tests[index].name, index, SYSTEM_TESTS, "tests", &why);
    if (code == JB_OK)
        code = tests[index].run(&test, &why);
    if (code == JB_OK && test.is_canceled)
        code = jbi_fail(&why, JB_ECANCELED, "canceled while working on: %s", result->name);
    result->did = test.did;
    result->duration_ms = jbi_monotonic_ms() - begin_ms;
    run->rates.read = test.read_mb_s ? test.read_mb_s : run->rates.read;
    run->rates.decoded = test.decoded_mb_s ? test.decoded_mb_s : run->rates.decoded;
    run->rates.restored = test.restored_mb_s ? test.restored_mb_s : run->rates.restored;
    if (code == JB_ECANCELED || code == JB_ENOMEM) {
        *err = why;
        return code;
    }
    if (code < 0) {
        jbi_finding(test.report, JB_ERROR, "it could not run", "%s", why.text);
        jbi_finding_hint(test.report, "%s", why.hint);
    }
    return JB_OK;
}

static int run_tests(struct system_run *run, struct jb_error *err)
{
    const struct manifest *one;
    int code = JB_OK;
    if (run->options.timestamp != NULL)
        code = jbi_session_find(&run->session, run->options.timestamp, &one);
    if (code == JB_ECORRUPT) { /* the tests say so */
        *err = (struct jb_error){0};
        code = JB_OK;
    }
    for (size_t i = 0; i < SYSTEM_TESTS && code == JB_OK; i++) {
        if (run->options.test == NULL || strcmp(run->options.test, tests[i].name) == 0)
            code = run_test(run, i, err);
    }
    return code;
}

int jb_verify_system(jb_project *project, const struct jb_system_options *options,
                     jb_report **report, struct jb_error *err)
{
    struct system_run run = {.project = project, .options = JB_SYSTEM_OPTIONS_INIT};
    run.begin_ms = jbi_monotonic_ms();
    int code = jbi_options_take(&run.options, sizeof run.options, options, err);
    if (code == JB_OK)
        code = check_options(&run.options, err);
    if (code < 0)
        return code;
    code = jbi_session_read(&run.session, project, JB_WARNING, err);
    if (code == JB_OK)
        code = run_tests(&run, run.session.err);
    code = jbi_session_end(&run.session, code, NULL);
    if (code == JB_OK)
        code = jbi_system_report(&run, report, err);
    for (size_t i = 0; i < run.result_count; i++) {
        jb_report_free(run.results[i].report);
        jbi_text_free(&run.results[i].did);
    }
    return code;
}
