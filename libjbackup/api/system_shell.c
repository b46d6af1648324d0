/* SPDX-License-Identifier: MIT */
/* The test of backup.sh: it is there, nobody else can change it, the shell reads it, it runs, and
 * it tells of the same backups as the catalog. */
#include <string.h>
#include <unistd.h>

#include "api/program.h"
#include "api/system.h"
#include "base/clock.h"
#include "base/error.h"

#define SCRIPT     "backup.sh"
#define WAIT_S     60
#define OUTPUT_MAX (1u << 20)
#define LISTED_MAX 1024 /* of a listed backup: its databases' names make it long */

struct shell {
    struct system_test *test;
    const char *script;
};

/* Runs a program and says what went wrong, but for its status. */
static bool run(const struct shell *shell, const char *const argv[], struct text *out,
                struct text *errors, int *status)
{
    struct system_test *test = shell->test;
    struct jb_error why = {0};
    size_t limit = OUTPUT_MAX + test->catalog->count * LISTED_MAX;
    if (jbi_system_program(test, argv, WAIT_S, limit, out, errors, status, &why) == JB_OK)
        return true;
    jbi_finding(test->report, JB_ERROR, shell->script, "%s", why.text);
    return false;
}

static const char *line_of(const struct text *text, int *len)
{
    *len = text->at != NULL ? (int)strcspn(text->at, "\n") : 0;
    return text->at != NULL ? text->at : "";
}

/* ---- Finding it ---- */

/* The one that is named; else the project's, the one beside the tool, the one on PATH. */
static const char *find_script(const struct system_test *test)
{
    struct arena *arena = test->arena;
    const char *program = test->options->program;
    if (test->options->shell != NULL)
        return jbi_program_find(test->options->shell, false, arena);
    const char *own = jbi_arena_printf(arena, "%s/" SCRIPT, test->project->root);
    const char *found = own != NULL ? jbi_program_find(own, false, arena) : NULL;
    const char *slash = program != NULL ? strrchr(program, '/') : NULL;
    if (found == NULL && slash != NULL) {
        const char *beside =
            jbi_arena_printf(arena, "%.*s/" SCRIPT, (int)(slash - program), program);
        found = beside != NULL ? jbi_program_find(beside, false, arena) : NULL;
    }
    return found != NULL ? found : jbi_program_find(SCRIPT, false, arena);
}

/* Whether it is fit to be run. */
static bool is_sound(const struct shell *shell)
{
    jb_report *report = shell->test->report;
    const char *const argv[] = {"sh", "-n", shell->script, NULL};
    scope_text out = {0};
    scope_text errors = {0};
    int status, len;
    if (!jbi_program_is_ours(shell->script, shell->test->arena, report))
        return false;
    if (access(shell->script, X_OK) < 0) {
        jbi_finding(report, JB_ERROR, shell->script, "may not be executed");
        jbi_finding_hint(report, "chmod 755 '%s'", shell->script);
        return false;
    }
    if (!run(shell, argv, &out, &errors, &status))
        return false;
    if (status == 0)
        return true;
    const char *why = line_of(&errors, &len);
    jbi_finding(report, JB_ERROR, shell->script, "is no script that sh can read: %.*s", len, why);
    jbi_finding_hint(report, "put back the one that came with jbackup");
    return false;
}

/* ---- Running it ---- */

/* Whether the text has the word at the beginning of a word. */
static bool names(const char *text, const char *word)
{
    size_t len = strlen(word);
    for (const char *at = strstr(text, word); at != NULL; at = strstr(at + 1, word)) {
        bool begins = at == text || strchr(" \n\t", at[-1]) != NULL;
        if (begins && strchr(" ,\n\t", at[len]) != NULL)
            return true;
    }
    return false;
}

static void check_help(const struct shell *shell)
{
    static const char *const commands[] = {"backup", "list", "pre-deploy", "rollback", "cleanup",
                                           "remove", "size", "start",      "stop",     "restart",
                                           "status", "logs", "help"};
    const char *const argv[] = {shell->script, "help", NULL};
    jb_report *report = shell->test->report;
    scope_text out = {0};
    scope_text errors = {0};
    scope_text missing = {0};
    int status, len;
    if (!run(shell, argv, &out, &errors, &status))
        return;
    const char *why = line_of(&errors, &len);
    if (status != 0) {
        jbi_finding(report, JB_ERROR, shell->script, "help ends with status %d: %.*s", status, len,
                    why);
        return;
    }
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (!names(out.at ? out.at : "", commands[i]))
            jbi_text_addf(&missing, "%s%s", missing.len ? ", " : "", commands[i]);
    }
    if (missing.len == 0)
        return;
    jbi_finding(report, JB_ERROR, shell->script, "its help does not name %s", missing.at);
    jbi_finding_hint(report, "is it the backup.sh of jbackup? put back the one that came with it");
}

/* Whether a line of the list is of that backup. */
static bool is_listed(const char *list, const char *timestamp)
{
    size_t len = strlen(timestamp);
    while (*list != '\0') {
        if (strncmp(list, timestamp, len) == 0 && list[len] == '|')
            return true;
        list += strcspn(list, "\n");
        list += *list == '\n';
    }
    return false;
}

/* Whether a listed timestamp is of a backup that there was, or was made since. */
static bool is_expected(const struct catalog *catalog, const char *timestamp)
{
    bool is_newest = true;
    for (size_t i = 0; i < catalog->count; i++) {
        int order = strcmp(timestamp, catalog->backups[i].timestamp);
        if (order == 0)
            return true;
        is_newest = is_newest && order > 0;
    }
    return is_newest && jbi_is_timestamp(timestamp);
}

/* The first line that is of no backup; NULL: none. */
static const char *find_stranger(const struct system_test *test, const char *list)
{
    while (*list != '\0') {
        char timestamp[TIMESTAMP_SIZE] = "";
        size_t len = strcspn(list, "\n"), own = strcspn(list, "|\n");
        if (own < sizeof timestamp)
            memcpy(timestamp, list, own);
        if (!is_expected(test->catalog, timestamp))
            return jbi_arena_textn(test->arena, list, len < 100 ? len : 100);
        list += len + (list[len] == '\n');
    }
    return NULL;
}

static void compare_list(const struct shell *shell, const char *list)
{
    const struct catalog *catalog = shell->test->catalog;
    jb_report *report = shell->test->report;
    for (size_t i = 0; i < catalog->count; i++) {
        if (is_listed(list, catalog->backups[i].timestamp))
            continue;
        jbi_finding(report, JB_ERROR, shell->script, "its list lacks the backup %s",
                    catalog->backups[i].timestamp);
        jbi_finding_hint(report, "does it use this project, and the jbackup of this installation?");
        return;
    }
    const char *stranger = find_stranger(shell->test, list);
    if (stranger == NULL)
        return;
    jbi_finding(report, JB_ERROR, shell->script, "it lists what is no backup of this project: %s",
                stranger);
    jbi_finding_hint(report, "does it use this project, and the jbackup of this installation?");
}

/* With the repository, where that is not the configured one. */
static bool check_list(const struct shell *shell)
{
    const jb_project *project = shell->test->project;
    bool is_configured = strcmp(project->backup_dir, project->configured_backup_dir) == 0;
    const char *const plain[] = {shell->script, "--project", project->folder, "list", NULL};
    const char *const elsewhere[] = {
        shell->script, "--project", project->folder, "--backup-dir", project->backup_dir,
        "list",        NULL};
    scope_text out = {0};
    scope_text errors = {0};
    int status, len;
    if (!run(shell, is_configured ? plain : elsewhere, &out, &errors, &status))
        return false;
    const char *why = line_of(&errors, &len);
    bool is_damaged = shell->test->catalog->damaged > 0; /* which list tells by status 1 */
    if (status != 0 && !(status == 1 && is_damaged)) {
        jbi_finding(shell->test->report, JB_ERROR, shell->script, "list ends with status %d: %.*s",
                    status, len, why);
        jbi_finding_hint(shell->test->report,
                         "run it to see what it needs: '%s' --project '%s' list", shell->script,
                         project->folder);
        return false;
    }
    compare_list(shell, out.at != NULL ? out.at : "");
    return true;
}

int jbi_test_shell(struct system_test *test, struct jb_error *err)
{
    struct shell shell = {.test = test, .script = find_script(test)};
    const char *named = test->options->shell;
    if (shell.script == NULL) {
        jbi_finding(test->report, JB_ERROR, named ? named : SCRIPT,
                    named ? "there is no such file"
                          : "is neither in the project nor beside jbackup nor on PATH");
        jbi_finding_hint(test->report, "install jbackup with its backup.sh");
        jbi_text_adds(&test->did, "found no " SCRIPT);
        return JB_OK;
    }
    if (!is_sound(&shell)) {
        jbi_text_addf(&test->did, "found %s, and did not run it", shell.script);
        return JB_OK;
    }
    int code = jbi_progress(&test->project->hooks, "test shell", 0, 0, "", err);
    if (code != JB_OK)
        return code;
    check_help(&shell);
    jbi_text_addf(&test->did, "ran %s help and list", shell.script);
    if (check_list(&shell))
        jbi_text_addf(&test->did, ", compared %zu backup%s", test->catalog->count,
                      test->catalog->count == 1 ? "" : "s");
    return JB_OK;
}
