/* SPDX-License-Identifier: MIT */
/* One run of git status; its porcelain format 2 says all that is wanted. */
#include "api/git.h"

#include <string.h>

#include "base/error.h"
#include "base/report.h"
#include "os/process.h"

#define TIMEOUT_S  30
#define OUTPUT_MAX (64u << 10)

static const char *header(const char *output, const char *key, struct arena *arena)
{
    const char *at = strstr(output, key);
    if (at == NULL)
        return NULL;
    at += strlen(key);
    return jbi_arena_textn(arena, at, strcspn(at, "\n"));
}

/* Lines that are no headers are changes. */
static int is_dirty(const char *output)
{
    for (const char *line = output; *line != '\0';) {
        if (*line != '#')
            return 1;
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return 0;
}

void jbi_git_look(struct git_state *out, const char *root, struct arena *arena, jb_report *report)
{
    /* No fsmonitor: a program that the checkout's configuration names must not run as this user. */
    const char *const argv[] = {"git",      "-C",
                                root,       "--no-optional-locks",
                                "-c",       "core.fsmonitor=false",
                                "status",   "--porcelain=v2",
                                "--branch", "--untracked-files=no",
                                NULL};
    struct text output = {0}, errors = {0};
    struct jb_error unwanted = {0};
    int status = -1;
    *out = (struct git_state){.dirty = -1};
    int code =
        jbi_process_run(argv, TIMEOUT_S, OUTPUT_MAX, NULL, &output, &errors, &status, &unwanted);
    if (code == JB_OK && status == 0 && output.at != NULL) {
        const char *commit = header(output.at, "# branch.oid ", arena);
        const char *branch = header(output.at, "# branch.head ", arena);
        bool has_commit = commit != NULL && strcmp(commit, "(initial)") != 0;
        bool has_branch = branch != NULL && strcmp(branch, "(detached)") != 0;
        out->commit = has_commit ? commit : NULL;
        out->branch = has_branch ? branch : NULL;
        out->dirty = is_dirty(output.at);
    } else if (code == JB_OK && errors.at != NULL && strstr(errors.at, "dubious ownership")) {
        jbi_finding(report, JB_INFO, root,
                    "the git commit is not recorded: the checkout belongs to another user, so git "
                    "does not read it");
    }
    jbi_text_free(&output);
    jbi_text_free(&errors);
}
