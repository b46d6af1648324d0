/* SPDX-License-Identifier: MIT */
#ifndef TESTS_UNIT_API_SYSTEM_FIXTURE_H
#define TESTS_UNIT_API_SYSTEM_FIXTURE_H

/* One test of the installation, called as the verb calls it; report and did are its result. */
#include "api/system.h"
#include "fixture.h"

static char did[512];
static struct jb_system_options system_options = JB_SYSTEM_OPTIONS_INIT;

/* What the test function returns, or JB_EIO if the repository can't be opened. */
MAYBE int run_system(system_test_fn *function)
{
    static const struct catalog none;
    struct session session;
    struct jb_error unwanted = {0};
    free_report();
    did[0] = '\0';
    bool is_read = jbi_session_read(&session, project, JB_WARNING, &unwanted) == JB_OK;
    report = jbi_report_new();
    REQUIRE(report != NULL);
    struct system_test test = {.project = project,
                               .options = &system_options,
                               .catalog = is_read ? &session.catalog : &none,
                               .report = report,
                               .arena = &session.arena};
    int code = function(&test, &err);
    if (test.did.at != NULL)
        snprintf(did, sizeof did, "%s", test.did.at);
    jbi_text_free(&test.did);
    jbi_session_end(&session, JB_EIO, NULL);
    CHECK((code == JB_OK) == (err.code == 0));
    return code;
}

/* Whether it passed, with nothing worse than that level. */
MAYBE bool passes(system_test_fn *function, int level)
{
    bool is_fine = tell(run_system(function)) == JB_OK && jb_report_verdict(report) <= level;
    if (!is_fine)
        print_findings();
    return is_fine;
}

/* Whether it fails with that in an ERROR finding, or in the error that becomes one. */
MAYBE bool fails_with(system_test_fn *function, const char *message, const char *hint)
{
    const struct jb_finding *finding;
    if (run_system(function) < 0) {
        bool has = strstr(err.text, message) != NULL && strstr(err.hint, hint) != NULL;
        if (!has)
            printf("# %s\n#   hint: %s\n", err.text, err.hint);
        return has;
    }
    for (size_t i = 0; (finding = jb_report_finding(report, i)) != NULL; i++) {
        if (finding->level >= JB_ERROR && strstr(finding->message, message) != NULL &&
            strstr(finding->hint, hint) != NULL)
            return true;
    }
    print_findings();
    return false;
}

/* All that is in a folder, with the state of its files, to be freed; folders' times change. */
MAYBE char *listing(const char *name)
{
    FILE *pipe = popen(textf("cd '%s' && { find %s -type d -printf '%%p %%m\\n'; find %s ! -type d "
                             "-printf '%%p %%m %%s %%i %%n %%T@\\n'; } 2>&1 | sort",
                             check_folder(), name, name),
                       "re");
    REQUIRE(pipe != NULL);
    char *text = calloc(1, 1 << 20);
    REQUIRE(text != NULL);
    REQUIRE(fread(text, 1, (1 << 20) - 1, pipe) > 0);
    pclose(pipe);
    return text;
}

MAYBE void check_same_listing(const char *name, char *before)
{
    char *after = listing(name);
    CHECK_TEXT(after, before);
    free(after);
}

/* A progress hook that lets so many calls pass. */
static int calls_left;

MAYBE int cancel_after(void *user, const char *step, uint64_t done, uint64_t total,
                       const char *unit)
{
    (void)user, (void)step, (void)done, (void)total, (void)unit;
    return calls_left-- <= 0;
}

/* Cancels at each call in turn, until there is none left; how many there are. */
MAYBE int cancel_everywhere(system_test_fn *function, const char *watched)
{
    char *before = listing(watched);
    int calls = 0, code = JB_ECANCELED;
    for (; code == JB_ECANCELED; calls++) {
        calls_left = calls;
        jb_project_set_hooks(project, NULL, cancel_after, NULL);
        code = run_system(function);
        check_same_listing(watched, before);
    }
    jb_project_set_hooks(project, NULL, NULL, NULL);
    CHECK(tell(code) == JB_OK);
    free(before);
    return calls - 1;
}

#endif
