/* SPDX-License-Identifier: MIT */
/* The only file that runs systemd-analyze. What it prints is taken for texts, whatever they are;
 * what it is asked about stands behind "--". */
#include "adapter/systemd_analyze.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "os/process.h"

#define WAIT_S     60
#define OUTPUT_MAX (64u << 10)
#define SAID_MAX   300

static int analyze(const char *const argv[], struct text *said, struct text *errors, int *status,
                   struct jb_error *err)
{
    struct jb_error why = {0};
    int code = jbi_process_run(argv, WAIT_S, OUTPUT_MAX, NULL, said, errors, status, &why);
    if (code == JB_ENOTFOUND)
        return jbi_fail(err, JB_EUNSUPPORTED, "systemd-analyze is not installed");
    return code == JB_OK ? JB_OK : jbi_fail(err, code, "%s", why.text);
}

/* What stands behind label in its line; "" if there is no such line. NULL: out of memory. */
static const char *labelled(const char *said, const char *label, struct arena *arena)
{
    const char *at = strstr(said, label);
    if (at == NULL)
        return "";
    at += strlen(label);
    return jbi_arena_textn(arena, at, strcspn(at, "\n"));
}

int jbi_systemd_calendar(const char *expression, struct arena *arena, const char **normalized,
                         const char **next, struct jb_error *err)
{
    const char *const argv[] = {"systemd-analyze", "calendar", "--", expression, NULL};
    scope_text said = {0};
    scope_text errors = {0};
    int status;
    int code = analyze(argv, &said, &errors, &status, err);
    if (code != JB_OK)
        return code;
    if (status != 0) {
        const char *why = errors.at != NULL ? errors.at : "";
        size_t len = strcspn(why, "\n");
        return jbi_fail(err, JB_EINVAL, "\"%s\" is no time of systemd: %.*s", expression,
                        (int)(len < SAID_MAX ? len : SAID_MAX), len > 0 ? why : "it is refused");
    }
    *normalized = labelled(said.at != NULL ? said.at : "", "Normalized form: ", arena);
    *next = labelled(said.at != NULL ? said.at : "", "Next elapse: ", arena);
    if (*normalized == NULL || *next == NULL)
        return jbi_fail_memory(err);
    if (**normalized == '\0')
        return jbi_fail(err, JB_EIO, "systemd-analyze says nothing of \"%s\" that can be read",
                        expression);
    if (strcmp(*next, "never") == 0)
        *next = "";
    return JB_OK;
}

int jbi_systemd_verify_units(enum systemd_manager manager, const char *const paths[], size_t count,
                             struct arena *arena, const char **faults, struct jb_error *err)
{
    /* Without "no", faults do not show in the exit status; other units' do not concern us. */
    static const char *const before[] = {"systemd-analyze", "verify", "--man=no",
                                         "--recursive-errors=no"};
    const size_t options = sizeof before / sizeof *before;
    const char **argv = jbi_arena_alloc(arena, (options + count + 3) * sizeof *argv);
    scope_text said = {0};
    scope_text errors = {0};
    int status;
    if (argv == NULL)
        return jbi_fail_memory(err);
    memcpy(argv, before, sizeof before);
    argv[options] = manager == SYSTEMD_USER ? "--user" : "--system";
    argv[options + 1] = "--";
    for (size_t i = 0; i < count; i++)
        argv[options + 2 + i] = paths[i];
    *faults = "";
    int code = analyze(argv, &said, &errors, &status, err);
    if (code != JB_OK || status == 0)
        return code;
    size_t len = errors.len;
    while (len > 0 && errors.at[len - 1] == '\n')
        len--;
    *faults = len > 0 ? jbi_arena_textn(arena, errors.at, len)
                      : jbi_arena_printf(arena, "systemd-analyze failed with status %d", status);
    return *faults ? JB_OK : jbi_fail_memory(err);
}
