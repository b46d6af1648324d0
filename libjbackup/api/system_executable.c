/* SPDX-License-Identifier: MIT */
/* The test of the programs: the tool jbackup, PostgreSQL's clients, git. What others could replace
 * is not run. */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "adapter/postgres_tools.h"
#include "api/program.h"
#include "api/system.h"
#include "base/error.h"

#define WAIT_S     30
#define OUTPUT_MAX 4096

/* Runs "program --version". True: it said so, in its own words, which are in said. */
static bool ask_version(struct system_test *test, const char *program, struct text *said)
{
    const char *const argv[] = {program, "--version", NULL};
    scope_text errors = {0};
    struct jb_error why = {0};
    int status;
    int code = jbi_system_program(test, argv, WAIT_S, OUTPUT_MAX, said, &errors, &status, &why);
    if (code == JB_OK && status == 0 && said->at != NULL)
        return true;
    if (code != JB_OK)
        jbi_finding(test->report, JB_ERROR, program, "%s", why.text);
    else
        jbi_finding(test->report, JB_ERROR, program, "--version ends with status %d: %.*s", status,
                    errors.at ? (int)strcspn(errors.at, "\n") : 0, errors.at ? errors.at : "");
    jbi_finding_hint(test->report, "install its package again");
    return false;
}

/* ---- jbackup ---- */

static void test_tool(struct system_test *test)
{
    const char *wanted = test->options->program ? test->options->program : "jbackup";
    const char *tool = jbi_program_find(wanted, true, test->arena);
    scope_text said = {0};
    if (tool == NULL) {
        jbi_finding(test->report, JB_ERROR, wanted,
                    test->options->program ? "there is no program of that name"
                                           : "the tool jbackup is not on PATH");
        jbi_finding_hint(test->report, "install jbackup, or put its folder on PATH");
        jbi_text_adds(&test->did, "found no jbackup");
        return;
    }
    if (!jbi_program_is_ours(tool, test->arena, test->report)) {
        jbi_text_addf(&test->did, "found %s, and did not run it", tool);
        return;
    }
    if (!ask_version(test, tool, &said)) {
        jbi_text_addf(&test->did, "ran %s", tool);
        return;
    }
    int len = (int)strcspn(said.at, "\n");
    jbi_text_addf(&test->did, "ran %.*s from %s", len, said.at, tool);
    if (strncmp(said.at, "jbackup " JBACKUP_VERSION "\n", strlen("jbackup " JBACKUP_VERSION) + 1)) {
        jbi_finding(test->report, JB_ERROR, tool, "is \"%.*s\", and this is jbackup %s", len,
                    said.at, JBACKUP_VERSION);
        jbi_finding_hint(test->report, "install both of one version; an older one may come first "
                                       "on PATH");
    }
}

/* ---- PostgreSQL's clients ---- */

/* What the project's servers say, as far as they answer. */
struct servers {
    size_t count;
    int newest;         /* major; 0: none answers */
    const char *silent; /* the database of one that does not */
};

static int ask_servers(const struct system_test *test, struct servers *servers,
                       struct jb_error *err)
{
    const jb_project *project = test->project;
    for (size_t i = 0; i < project->database_count; i++) {
        const struct database *database = &project->databases[i];
        struct postgres_target target = database->postgresql.target;
        struct jb_error why = {0};
        struct postgres *postgres;
        if (database->kind != DATABASE_POSTGRESQL)
            continue;
        servers->count++;
        target.hooks = &project->hooks;
        int code = jbi_postgres_open(&postgres, &target, &why);
        if (code == JB_ECANCELED) {
            *err = why;
            return code;
        }
        if (code != JB_OK) {
            servers->silent = database->name;
            continue;
        }
        int major = jbi_postgres_server_major(postgres);
        servers->newest = major > servers->newest ? major : servers->newest;
        jbi_postgres_close(postgres);
    }
    return JB_OK;
}

static void say_no_clients(const struct system_test *test, int major, const struct jb_error *why)
{
    bool is_absent = why->code == JB_EUNSUPPORTED && major == 0;
    jbi_finding(test->report, JB_ERROR, "pg_dump", "%s",
                is_absent ? "pg_dump is not installed, or has no pg_restore beside it" : why->text);
    if (is_absent)
        jbi_finding_hint(test->report, "install the package postgresql-client (Debian, Ubuntu) or "
                                       "postgresql (Red Hat, SUSE), of the server's version or "
                                       "newer");
    else if (why->hint[0] != '\0')
        jbi_finding_hint(test->report, "%s", why->hint);
}

static void test_client(struct system_test *test, const char *program,
                        const struct postgres_tools *tools)
{
    struct postgres_client client;
    scope_text said = {0};
    if (!jbi_program_is_ours(program, test->arena, test->report) ||
        !ask_version(test, program, &said))
        return;
    if (!jbi_postgres_client_version(said.at, &client) || client.major != tools->major) {
        jbi_finding(test->report, JB_ERROR, program, "is \"%.*s\", and the pg_dump beside it is %s",
                    (int)strcspn(said.at, "\n"), said.at, tools->version);
        jbi_finding_hint(test->report, "install both from one package, postgresql-client-%d",
                         tools->major);
    }
}

static int test_clients(struct system_test *test, struct jb_error *err)
{
    struct servers servers = {0};
    struct postgres_tools tools;
    struct jb_error why = {0};
    int code = ask_servers(test, &servers, err);
    if (code != JB_OK || servers.count == 0)
        return code;
    code = jbi_postgres_tools(servers.newest, test->arena, &tools, &why);
    if (code == JB_ENOMEM)
        return jbi_fail_memory(err);
    if (code != JB_OK) {
        say_no_clients(test, servers.newest, &why);
        return JB_OK;
    }
    test_client(test, tools.pg_dump, &tools);
    test_client(test, tools.pg_restore, &tools);
    jbi_text_addf(&test->did, ", pg_dump %s", tools.version);
    if (servers.newest > 0)
        jbi_text_addf(&test->did, " for PostgreSQL %d", servers.newest);
    if (servers.silent != NULL)
        jbi_text_addf(&test->did,
                      " (the server of %s did not answer and was not asked its version)",
                      servers.silent);
    return JB_OK;
}

/* ---- git ---- */

static void test_git(const struct system_test *test)
{
    const char *checkout = jbi_arena_printf(test->arena, "%s/.git", test->project->root);
    if (checkout == NULL || access(checkout, F_OK) < 0 ||
        jbi_program_find("git", true, test->arena) != NULL)
        return;
    jbi_finding(test->report, JB_INFO, "git",
                "is not installed, so backups don't say which commit they hold");
    jbi_finding_hint(test->report, "install the package git");
}

int jbi_test_executable(struct system_test *test, struct jb_error *err)
{
    test_tool(test);
    int code = jbi_progress(&test->project->hooks, "test programs", 0, 0, "", err);
    if (code == JB_OK)
        code = test_clients(test, err);
    if (code == JB_OK)
        test_git(test);
    return code;
}
